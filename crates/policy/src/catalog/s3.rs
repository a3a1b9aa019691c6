//! Actions of Amazon S3: facts of the public service authorization reference, in a table of our own.

use super::{ActionRow, ResourceRow, Service, TAGGING, row};

pub(super) const SERVICE: Service = Service {
    prefix: "s3",
    common_keys: &[
        "s3:ResourceAccount",
        "s3:TlsVersion",
        "s3:authType",
        "s3:signatureAge",
        "s3:signatureversion",
        "s3:x-amz-content-sha256",
    ],
    resources: RESOURCES,
    actions: ACTIONS,
};

/// Type and the condition keys that come with it.
const RESOURCES: &[ResourceRow] = &[
    ResourceRow {
        name: "accessgrant",
        keys: &["aws:RequestTag/", "aws:ResourceTag/", "aws:TagKeys"],
    },
    ResourceRow {
        name: "accessgrantsinstance",
        keys: &["aws:RequestTag/", "aws:ResourceTag/", "aws:TagKeys"],
    },
    ResourceRow {
        name: "accessgrantslocation",
        keys: &["aws:RequestTag/", "aws:ResourceTag/", "aws:TagKeys"],
    },
    ResourceRow {
        name: "accesspoint",
        keys: &[
            "aws:ResourceTag/",
            "s3:AccessPointNetworkOrigin",
            "s3:AccessPointTag/",
            "s3:DataAccessPointAccount",
            "s3:DataAccessPointArn",
        ],
    },
    ResourceRow {
        name: "accesspointobject",
        keys: &[
            "aws:ResourceTag/",
            "s3:AccessPointNetworkOrigin",
            "s3:AccessPointTag/",
            "s3:BucketTag/",
            "s3:DataAccessPointAccount",
            "s3:DataAccessPointArn",
        ],
    },
    ResourceRow { name: "bucket", keys: &["aws:ResourceTag/", "s3:BucketTag/"] },
    ResourceRow { name: "job", keys: &["aws:RequestTag/", "aws:ResourceTag/", "aws:TagKeys"] },
    ResourceRow { name: "multiregionaccesspoint", keys: &[] },
    ResourceRow { name: "multiregionaccesspointrequestarn", keys: &[] },
    ResourceRow { name: "object", keys: &["aws:ResourceTag/", "s3:BucketTag/"] },
    ResourceRow {
        name: "storagelensconfiguration",
        keys: &["aws:RequestTag/", "aws:ResourceTag/", "aws:TagKeys"],
    },
    ResourceRow {
        name: "storagelensgroup",
        keys: &["aws:RequestTag/", "aws:ResourceTag/", "aws:TagKeys"],
    },
];

/// Condition keys: tags of the request.
const REQUEST_TAGS: &[&str] = &["s3:RequestObjectTag/", "s3:RequestObjectTagKeys"];

/// Condition keys: headers that set an ACL.
const ACL_HEADERS: &[&str] = &[
    "s3:x-amz-acl",
    "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read",
    "s3:x-amz-grant-read-acp",
    "s3:x-amz-grant-write",
    "s3:x-amz-grant-write-acp",
];

/// Condition keys: headers that choose an encryption.
const ENCRYPTION_HEADERS: &[&str] = &[
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:x-amz-server-side-encryption-customer-algorithm",
];

/// Condition keys: the access point that was used.
const ACCESS_POINT: &[&str] =
    &["s3:AccessPointNetworkOrigin", "s3:DataAccessPointAccount", "s3:DataAccessPointArn"];

/// Name, resource types, own condition keys, and common keys that it does not have.
const ACTIONS: &[ActionRow] = &[
    row(
        "s3:abortmultipartupload",
        &["accesspointobject", "object"],
        &[&["s3:AccessGrantsInstanceArn"]],
    ),
    row(
        "s3:associateaccessgrantsidentitycenter",
        &["accessgrantsinstance"],
        &[&["aws:ResourceTag/"]],
    ),
    row(
        "s3:bypassgovernanceretention",
        &["accesspointobject", "object"],
        &[
            REQUEST_TAGS,
            ACL_HEADERS,
            ENCRYPTION_HEADERS,
            &[
                "s3:x-amz-copy-source",
                "s3:x-amz-metadata-directive",
                "s3:x-amz-storage-class",
                "s3:x-amz-website-redirect-location",
            ],
        ],
    ),
    row(
        "s3:createaccessgrant",
        &["accessgrantslocation"],
        &[TAGGING, &["aws:ResourceTag/", "s3:AccessGrantScope"]],
    ),
    row(
        "s3:createaccessgrantsinstance",
        &["accessgrantsinstance"],
        &[TAGGING, &["aws:ResourceTag/"]],
    ),
    row(
        "s3:createaccessgrantslocation",
        &["accessgrantsinstance"],
        &[TAGGING, &["aws:ResourceTag/", "s3:AccessGrantsLocationScope"]],
    ),
    row(
        "s3:createaccesspoint",
        &["accesspoint"],
        &[
            ACCESS_POINT,
            TAGGING,
            &["aws:ResourceTag/", "s3:AccessPointTag/", "s3:locationconstraint", "s3:x-amz-acl"],
        ],
    ),
    row(
        "s3:createbucket",
        &["bucket"],
        &[
            ACL_HEADERS,
            TAGGING,
            &["s3:locationconstraint", "s3:x-amz-bucket-namespace", "s3:x-amz-object-ownership"],
        ],
    ),
    row("s3:createbucketmetadatatableconfiguration", &["bucket"], &[]),
    row("s3:createjob", &[], &[TAGGING, &["s3:RequestJobOperation", "s3:RequestJobPriority"]]),
    row("s3:createmultiregionaccesspoint", &["multiregionaccesspoint"], &[ACCESS_POINT])
        .without(&["s3:x-amz-content-sha256"]),
    row("s3:createstoragelensgroup", &[], &[TAGGING]),
    row("s3:deleteaccessgrant", &["accessgrant"], &[&["aws:ResourceTag/", "s3:AccessGrantScope"]]),
    row("s3:deleteaccessgrantsinstance", &["accessgrantsinstance"], &[&["aws:ResourceTag/"]]),
    row(
        "s3:deleteaccessgrantsinstanceresourcepolicy",
        &["accessgrantsinstance"],
        &[&["aws:ResourceTag/"]],
    ),
    row(
        "s3:deleteaccessgrantslocation",
        &["accessgrantslocation"],
        &[&["aws:ResourceTag/", "s3:AccessGrantsLocationScope"]],
    ),
    row(
        "s3:deleteaccesspoint",
        &["accesspoint"],
        &[ACCESS_POINT, &["aws:ResourceTag/", "s3:AccessPointTag/"]],
    ),
    row(
        "s3:deleteaccesspointpolicy",
        &["accesspoint"],
        &[ACCESS_POINT, &["aws:ResourceTag/", "s3:AccessPointTag/"]],
    ),
    row("s3:deletebucket", &["bucket"], &[]),
    row("s3:deletebucketmetadatatableconfiguration", &["bucket"], &[]),
    row("s3:deletebucketpolicy", &["bucket"], &[]),
    row("s3:deletebucketwebsite", &["bucket"], &[]),
    row("s3:deletejobtagging", &["job"], &[&["s3:ExistingJobOperation", "s3:ExistingJobPriority"]]),
    row("s3:deletemultiregionaccesspoint", &["multiregionaccesspoint"], &[ACCESS_POINT])
        .without(&["s3:x-amz-content-sha256"]),
    row(
        "s3:deleteobject",
        &["accesspointobject", "object"],
        &[&["s3:AccessGrantsInstanceArn", "s3:if-match"]],
    ),
    row("s3:deleteobjecttagging", &["accesspointobject", "object"], &[&["s3:ExistingObjectTag/"]]),
    row(
        "s3:deleteobjectversion",
        &["accesspointobject", "object"],
        &[&["s3:AccessGrantsInstanceArn", "s3:versionid"]],
    ),
    row(
        "s3:deleteobjectversiontagging",
        &["accesspointobject", "object"],
        &[&["s3:ExistingObjectTag/", "s3:versionid"]],
    ),
    row("s3:deletestoragelensconfiguration", &["storagelensconfiguration"], &[]),
    row("s3:deletestoragelensconfigurationtagging", &["storagelensconfiguration"], &[]),
    row("s3:deletestoragelensgroup", &["storagelensgroup"], &[]),
    row("s3:describejob", &["job"], &[]),
    row("s3:describemultiregionaccesspointoperation", &["multiregionaccesspointrequestarn"], &[])
        .without(&["s3:x-amz-content-sha256"]),
    row(
        "s3:dissociateaccessgrantsidentitycenter",
        &["accessgrantsinstance"],
        &[&["aws:ResourceTag/"]],
    ),
    row("s3:getaccelerateconfiguration", &["bucket"], &[]),
    row("s3:getaccessgrant", &["accessgrant"], &[&["aws:ResourceTag/", "s3:AccessGrantScope"]]),
    row("s3:getaccessgrantsinstance", &["accessgrantsinstance"], &[&["aws:ResourceTag/"]]),
    row("s3:getaccessgrantsinstanceforprefix", &["accessgrantsinstance"], &[&["aws:ResourceTag/"]]),
    row(
        "s3:getaccessgrantsinstanceresourcepolicy",
        &["accessgrantsinstance"],
        &[&["aws:ResourceTag/"]],
    ),
    row(
        "s3:getaccessgrantslocation",
        &["accessgrantslocation"],
        &[&["aws:ResourceTag/", "s3:AccessGrantsLocationScope"]],
    ),
    row("s3:getaccesspoint", &[], &[ACCESS_POINT, &["aws:ResourceTag/", "s3:AccessPointTag/"]]),
    row(
        "s3:getaccesspointpolicy",
        &["accesspoint"],
        &[ACCESS_POINT, &["aws:ResourceTag/", "s3:AccessPointTag/"]],
    ),
    row(
        "s3:getaccesspointpolicystatus",
        &["accesspoint"],
        &[ACCESS_POINT, &["aws:ResourceTag/", "s3:AccessPointTag/"]],
    ),
    row("s3:getaccountpublicaccessblock", &[], &[]),
    row("s3:getanalyticsconfiguration", &["bucket"], &[]),
    row("s3:getbucketabac", &["bucket"], &[]),
    row("s3:getbucketacl", &["accesspoint", "bucket"], &[]),
    row("s3:getbucketcors", &["accesspoint", "bucket"], &[]),
    row("s3:getbucketlocation", &["accesspoint", "bucket"], &[]),
    row("s3:getbucketlogging", &["bucket"], &[]),
    row("s3:getbucketmetadatatableconfiguration", &["bucket"], &[]),
    row("s3:getbucketnotification", &["accesspoint", "bucket"], &[]),
    row("s3:getbucketobjectlockconfiguration", &["bucket"], &[])
        .without(&["s3:x-amz-content-sha256"]),
    row("s3:getbucketownershipcontrols", &["bucket"], &[]),
    row("s3:getbucketpolicy", &["accesspoint", "bucket"], &[]),
    row("s3:getbucketpolicystatus", &["bucket"], &[]),
    row("s3:getbucketpublicaccessblock", &["bucket"], &[]),
    row("s3:getbucketrequestpayment", &["bucket"], &[]),
    row("s3:getbuckettagging", &["bucket"], &[]),
    row("s3:getbucketversioning", &["bucket"], &[]),
    row("s3:getbucketwebsite", &["bucket"], &[]),
    row("s3:getdataaccess", &["accessgrantsinstance"], &[&["aws:ResourceTag/"]]),
    row("s3:getencryptionconfiguration", &["bucket"], &[]),
    row("s3:getintelligenttieringconfiguration", &["bucket"], &[]),
    row("s3:getinventoryconfiguration", &["bucket"], &[]),
    row("s3:getjobtagging", &["job"], &[]),
    row("s3:getlifecycleconfiguration", &["bucket"], &[]),
    row("s3:getmetricsconfiguration", &["bucket"], &[]),
    row("s3:getmultiregionaccesspoint", &["multiregionaccesspoint"], &[ACCESS_POINT])
        .without(&["s3:x-amz-content-sha256"]),
    row("s3:getmultiregionaccesspointpolicy", &["multiregionaccesspoint"], &[ACCESS_POINT])
        .without(&["s3:x-amz-content-sha256"]),
    row("s3:getmultiregionaccesspointpolicystatus", &["multiregionaccesspoint"], &[ACCESS_POINT])
        .without(&["s3:x-amz-content-sha256"]),
    row("s3:getmultiregionaccesspointroutes", &["multiregionaccesspoint"], &[ACCESS_POINT])
        .without(&["s3:x-amz-content-sha256"]),
    row(
        "s3:getobject",
        &["accesspointobject", "object"],
        &[&["s3:AccessGrantsInstanceArn", "s3:ExistingObjectTag/"]],
    ),
    row(
        "s3:getobjectacl",
        &["accesspointobject", "object"],
        &[&["s3:AccessGrantsInstanceArn", "s3:ExistingObjectTag/"]],
    ),
    row("s3:getobjectattributes", &["accesspointobject", "object"], &[&["s3:ExistingObjectTag/"]]),
    row("s3:getobjectlegalhold", &["accesspointobject", "object"], &[]),
    row("s3:getobjectretention", &["accesspointobject", "object"], &[]),
    row("s3:getobjecttagging", &["accesspointobject", "object"], &[&["s3:ExistingObjectTag/"]]),
    row("s3:getobjecttorrent", &["object"], &[]),
    row(
        "s3:getobjectversion",
        &["accesspointobject", "object"],
        &[&["s3:AccessGrantsInstanceArn", "s3:ExistingObjectTag/", "s3:versionid"]],
    ),
    row(
        "s3:getobjectversionacl",
        &["accesspointobject", "object"],
        &[&["s3:AccessGrantsInstanceArn", "s3:ExistingObjectTag/", "s3:versionid"]],
    ),
    row(
        "s3:getobjectversionattributes",
        &["accesspointobject", "object"],
        &[&["s3:ExistingObjectTag/", "s3:versionid"]],
    ),
    row("s3:getobjectversionforreplication", &["object"], &[]),
    row(
        "s3:getobjectversiontagging",
        &["accesspointobject", "object"],
        &[&["s3:ExistingObjectTag/", "s3:versionid"]],
    ),
    row("s3:getobjectversiontorrent", &["object"], &[&["s3:versionid"]]),
    row("s3:getreplicationconfiguration", &["bucket"], &[]),
    row("s3:getstoragelensconfiguration", &["storagelensconfiguration"], &[]),
    row("s3:getstoragelensconfigurationtagging", &["storagelensconfiguration"], &[]),
    row("s3:getstoragelensdashboard", &["storagelensconfiguration"], &[]),
    row("s3:getstoragelensgroup", &["storagelensgroup"], &[]),
    row("s3:initiatereplication", &["object"], &[]).without(&[
        "s3:TlsVersion",
        "s3:authType",
        "s3:signatureAge",
        "s3:signatureversion",
        "s3:x-amz-content-sha256",
    ]),
    row("s3:listaccessgrants", &["accessgrantsinstance"], &[&["aws:ResourceTag/"]]),
    row("s3:listaccessgrantsinstances", &[], &[]),
    row("s3:listaccessgrantslocations", &["accessgrantsinstance"], &[&["aws:ResourceTag/"]]),
    row("s3:listaccesspoints", &[], &[]),
    row("s3:listallmybuckets", &[], &[]),
    row(
        "s3:listbucket",
        &["accesspoint", "bucket"],
        &[&["s3:AccessGrantsInstanceArn", "s3:delimiter", "s3:max-keys", "s3:prefix"]],
    ),
    row(
        "s3:listbucketmultipartuploads",
        &["bucket"],
        &[ACCESS_POINT, &["aws:ResourceTag/", "s3:AccessGrantsInstanceArn", "s3:AccessPointTag/"]],
    ),
    row(
        "s3:listbucketversions",
        &["accesspoint", "bucket"],
        &[&["s3:AccessGrantsInstanceArn", "s3:delimiter", "s3:max-keys", "s3:prefix"]],
    ),
    row("s3:listcalleraccessgrants", &["accessgrantsinstance"], &[&["aws:ResourceTag/"]]),
    row("s3:listjobs", &[], &[]),
    row("s3:listmultiregionaccesspoints", &[], &[]).without(&["s3:x-amz-content-sha256"]),
    row(
        "s3:listmultipartuploadparts",
        &["accesspointobject", "object"],
        &[&["s3:AccessGrantsInstanceArn"]],
    ),
    row("s3:liststoragelensconfigurations", &[], &[]),
    row("s3:liststoragelensgroups", &[], &[]),
    row(
        "s3:listtagsforresource",
        &[
            "accessgrant",
            "accessgrantsinstance",
            "accessgrantslocation",
            "accesspoint",
            "bucket",
            "storagelensgroup",
        ],
        &[],
    ),
    row("s3:objectowneroverridetobucketowner", &["object"], &[]),
    row("s3:pausereplication", &["bucket"], &[&["s3:destinationRegion"]]),
    row("s3:putaccelerateconfiguration", &["bucket"], &[]),
    row(
        "s3:putaccessgrantsinstanceresourcepolicy",
        &["accessgrantsinstance"],
        &[&["aws:ResourceTag/"]],
    ),
    row("s3:putaccesspointpolicy", &["accesspoint"], &[]),
    row("s3:putaccesspointpublicaccessblock", &[], &[]).without(&[
        "s3:ResourceAccount",
        "s3:TlsVersion",
        "s3:authType",
        "s3:signatureAge",
        "s3:signatureversion",
        "s3:x-amz-content-sha256",
    ]),
    row("s3:putaccountpublicaccessblock", &[], &[]),
    row("s3:putanalyticsconfiguration", &["bucket"], &[]),
    row("s3:putbucketabac", &["bucket"], &[]),
    row("s3:putbucketacl", &["bucket"], &[ACL_HEADERS]),
    row("s3:putbucketcors", &["bucket"], &[]),
    row("s3:putbucketlogging", &["bucket"], &[]),
    row("s3:putbucketnotification", &["bucket"], &[]),
    row("s3:putbucketobjectlockconfiguration", &["bucket"], &[])
        .without(&["s3:x-amz-content-sha256"]),
    row("s3:putbucketownershipcontrols", &["bucket"], &[]),
    row("s3:putbucketpolicy", &["bucket"], &[]),
    row("s3:putbucketpublicaccessblock", &["bucket"], &[]),
    row("s3:putbucketrequestpayment", &["bucket"], &[]),
    row("s3:putbuckettagging", &["bucket"], &[]),
    row("s3:putbucketversioning", &["bucket"], &[]),
    row("s3:putbucketwebsite", &["bucket"], &[]),
    row("s3:putencryptionconfiguration", &["bucket"], &[]),
    row("s3:putintelligenttieringconfiguration", &["bucket"], &[]),
    row("s3:putinventoryconfiguration", &["bucket"], &[&["s3:InventoryAccessibleOptionalFields"]]),
    row(
        "s3:putjobtagging",
        &["job"],
        &[TAGGING, &["s3:ExistingJobOperation", "s3:ExistingJobPriority"]],
    ),
    row("s3:putlifecycleconfiguration", &["bucket"], &[]),
    row("s3:putmetricsconfiguration", &["bucket"], &[]),
    row("s3:putmultiregionaccesspointpolicy", &["multiregionaccesspoint"], &[ACCESS_POINT])
        .without(&["s3:x-amz-content-sha256"]),
    row(
        "s3:putobject",
        &["accesspointobject", "object"],
        &[
            REQUEST_TAGS,
            ACL_HEADERS,
            ENCRYPTION_HEADERS,
            &[
                "s3:AccessGrantsInstanceArn",
                "s3:ObjectCreationOperation",
                "s3:if-match",
                "s3:if-none-match",
                "s3:object-lock-legal-hold",
                "s3:object-lock-mode",
                "s3:object-lock-remaining-retention-days",
                "s3:object-lock-retain-until-date",
                "s3:x-amz-copy-source",
                "s3:x-amz-metadata-directive",
                "s3:x-amz-storage-class",
                "s3:x-amz-website-redirect-location",
            ],
        ],
    ),
    row(
        "s3:putobjectacl",
        &["accesspointobject", "object"],
        &[
            ACL_HEADERS,
            &["s3:AccessGrantsInstanceArn", "s3:ExistingObjectTag/", "s3:x-amz-storage-class"],
        ],
    ),
    row(
        "s3:putobjectlegalhold",
        &["accesspointobject", "object"],
        &[&["s3:object-lock-legal-hold"]],
    ),
    row(
        "s3:putobjectretention",
        &["accesspointobject", "object"],
        &[&[
            "s3:object-lock-mode",
            "s3:object-lock-remaining-retention-days",
            "s3:object-lock-retain-until-date",
        ]],
    ),
    row(
        "s3:putobjecttagging",
        &["accesspointobject", "object"],
        &[REQUEST_TAGS, &["s3:ExistingObjectTag/"]],
    ),
    row(
        "s3:putobjectversionacl",
        &["accesspointobject", "object"],
        &[
            ACL_HEADERS,
            &[
                "s3:AccessGrantsInstanceArn",
                "s3:ExistingObjectTag/",
                "s3:versionid",
                "s3:x-amz-storage-class",
            ],
        ],
    ),
    row(
        "s3:putobjectversiontagging",
        &["accesspointobject", "object"],
        &[REQUEST_TAGS, &["s3:ExistingObjectTag/", "s3:versionid"]],
    ),
    row("s3:putreplicationconfiguration", &["bucket"], &[&["s3:isReplicationPauseRequest"]]),
    row("s3:putstoragelensconfiguration", &[], &[TAGGING]),
    row("s3:putstoragelensconfigurationtagging", &["storagelensconfiguration"], &[TAGGING]),
    row("s3:replicatedelete", &["object"], &[]),
    row("s3:replicateobject", &["object"], &[ENCRYPTION_HEADERS]),
    row("s3:replicatetags", &["object"], &[]),
    row("s3:restoreobject", &["accesspointobject", "object"], &[]),
    row("s3:submitmultiregionaccesspointroutes", &["multiregionaccesspoint"], &[ACCESS_POINT])
        .without(&["s3:x-amz-content-sha256"]),
    row(
        "s3:tagresource",
        &[
            "accessgrant",
            "accessgrantsinstance",
            "accessgrantslocation",
            "accesspoint",
            "bucket",
            "storagelensgroup",
        ],
        &[TAGGING],
    ),
    row(
        "s3:untagresource",
        &[
            "accessgrant",
            "accessgrantsinstance",
            "accessgrantslocation",
            "accesspoint",
            "bucket",
            "storagelensgroup",
        ],
        &[&["aws:TagKeys"]],
    ),
    row(
        "s3:updateaccessgrantslocation",
        &["accessgrantslocation"],
        &[&["aws:ResourceTag/", "s3:AccessGrantsLocationScope"]],
    ),
    row("s3:updatebucketmetadatainventorytableconfiguration", &["bucket"], &[]),
    row("s3:updatebucketmetadatajournaltableconfiguration", &["bucket"], &[]),
    row(
        "s3:updatejobpriority",
        &["job"],
        &[&["s3:ExistingJobOperation", "s3:ExistingJobPriority", "s3:RequestJobPriority"]],
    ),
    row(
        "s3:updatejobstatus",
        &["job"],
        &[&["s3:ExistingJobOperation", "s3:ExistingJobPriority", "s3:JobSuspendedCause"]],
    ),
    row(
        "s3:updateobjectencryption",
        &["accesspointobject", "object"],
        &[&["s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"]],
    ),
    row("s3:updatestoragelensgroup", &["storagelensgroup"], &[]),
];
