//! Actions of AWS KMS: facts of the public service authorization reference, in a table of our own.

use super::{ActionRow, ResourceRow, Service, TAGGING, row};

pub(super) const SERVICE: Service =
    Service { prefix: "kms", common_keys: &[], resources: RESOURCES, actions: ACTIONS };

/// Type and the condition keys that come with it.
const RESOURCES: &[ResourceRow] = &[
    ResourceRow { name: "alias", keys: &[] },
    ResourceRow {
        name: "key",
        keys: &[
            "aws:ResourceTag/",
            "kms:KeyOrigin",
            "kms:KeySpec",
            "kms:KeyUsage",
            "kms:MultiRegion",
            "kms:MultiRegionKeyType",
            "kms:ResourceAliases",
        ],
    },
];

/// Condition keys: what an attested recipient shows.
const ATTESTATION: &[&str] = &[
    "kms:RecipientAttestation:ImageSha384",
    "kms:RecipientAttestation:NitroTPMPCR0",
    "kms:RecipientAttestation:NitroTPMPCR1",
    "kms:RecipientAttestation:NitroTPMPCR10",
    "kms:RecipientAttestation:NitroTPMPCR11",
    "kms:RecipientAttestation:NitroTPMPCR12",
    "kms:RecipientAttestation:NitroTPMPCR13",
    "kms:RecipientAttestation:NitroTPMPCR14",
    "kms:RecipientAttestation:NitroTPMPCR15",
    "kms:RecipientAttestation:NitroTPMPCR16",
    "kms:RecipientAttestation:NitroTPMPCR17",
    "kms:RecipientAttestation:NitroTPMPCR18",
    "kms:RecipientAttestation:NitroTPMPCR19",
    "kms:RecipientAttestation:NitroTPMPCR2",
    "kms:RecipientAttestation:NitroTPMPCR20",
    "kms:RecipientAttestation:NitroTPMPCR21",
    "kms:RecipientAttestation:NitroTPMPCR22",
    "kms:RecipientAttestation:NitroTPMPCR23",
    "kms:RecipientAttestation:NitroTPMPCR3",
    "kms:RecipientAttestation:NitroTPMPCR4",
    "kms:RecipientAttestation:NitroTPMPCR5",
    "kms:RecipientAttestation:NitroTPMPCR6",
    "kms:RecipientAttestation:NitroTPMPCR7",
    "kms:RecipientAttestation:NitroTPMPCR8",
    "kms:RecipientAttestation:NitroTPMPCR9",
    "kms:RecipientAttestation:PCR0",
    "kms:RecipientAttestation:PCR1",
    "kms:RecipientAttestation:PCR10",
    "kms:RecipientAttestation:PCR11",
    "kms:RecipientAttestation:PCR12",
    "kms:RecipientAttestation:PCR13",
    "kms:RecipientAttestation:PCR14",
    "kms:RecipientAttestation:PCR15",
    "kms:RecipientAttestation:PCR16",
    "kms:RecipientAttestation:PCR17",
    "kms:RecipientAttestation:PCR18",
    "kms:RecipientAttestation:PCR19",
    "kms:RecipientAttestation:PCR2",
    "kms:RecipientAttestation:PCR20",
    "kms:RecipientAttestation:PCR21",
    "kms:RecipientAttestation:PCR22",
    "kms:RecipientAttestation:PCR23",
    "kms:RecipientAttestation:PCR24",
    "kms:RecipientAttestation:PCR25",
    "kms:RecipientAttestation:PCR26",
    "kms:RecipientAttestation:PCR27",
    "kms:RecipientAttestation:PCR28",
    "kms:RecipientAttestation:PCR29",
    "kms:RecipientAttestation:PCR3",
    "kms:RecipientAttestation:PCR30",
    "kms:RecipientAttestation:PCR31",
    "kms:RecipientAttestation:PCR4",
    "kms:RecipientAttestation:PCR5",
    "kms:RecipientAttestation:PCR6",
    "kms:RecipientAttestation:PCR7",
    "kms:RecipientAttestation:PCR8",
    "kms:RecipientAttestation:PCR9",
];

/// Condition keys: who calls, and through which service.
const CALLER: &[&str] = &["kms:CallerAccount", "kms:ViaService"];

/// Condition keys: how something is encrypted.
const ENCRYPTION: &[&str] =
    &["kms:EncryptionAlgorithm", "kms:EncryptionContext:", "kms:EncryptionContextKeys"];

/// Name, resource types, own condition keys, and common keys that it does not have.
const ACTIONS: &[ActionRow] = &[
    row("kms:cancelkeydeletion", &["key"], &[CALLER]),
    row("kms:connectcustomkeystore", &[], &[&["kms:CallerAccount"]]),
    row("kms:createalias", &["alias", "key"], &[CALLER]),
    row("kms:createcustomkeystore", &[], &[&["kms:CallerAccount"]]),
    row(
        "kms:creategrant",
        &["key"],
        &[
            CALLER,
            &[
                "kms:EncryptionContext:",
                "kms:EncryptionContextKeys",
                "kms:GrantConstraintType",
                "kms:GrantIsForAWSResource",
                "kms:GrantOperations",
                "kms:GranteePrincipal",
                "kms:RetiringPrincipal",
            ],
        ],
    ),
    row(
        "kms:createkey",
        &[],
        &[
            CALLER,
            TAGGING,
            &[
                "aws:ResourceTag/",
                "kms:BypassPolicyLockoutSafetyCheck",
                "kms:KeyOrigin",
                "kms:KeySpec",
                "kms:KeyUsage",
                "kms:MultiRegion",
                "kms:MultiRegionKeyType",
            ],
        ],
    ),
    row("kms:decrypt", &["key"], &[ATTESTATION, CALLER, ENCRYPTION, &["kms:RequestAlias"]]),
    row("kms:deletealias", &["alias", "key"], &[CALLER]),
    row("kms:deletecustomkeystore", &[], &[&["kms:CallerAccount"]]),
    row("kms:deleteimportedkeymaterial", &["key"], &[CALLER]),
    row(
        "kms:derivesharedsecret",
        &["key"],
        &[ATTESTATION, CALLER, &["kms:KeyAgreementAlgorithm", "kms:RequestAlias"]],
    ),
    row("kms:describecustomkeystores", &[], &[&["kms:CallerAccount"]]),
    row("kms:describekey", &["key"], &[CALLER, &["kms:RequestAlias"]]),
    row("kms:disablekey", &["key"], &[CALLER]),
    row("kms:disablekeyrotation", &["key"], &[CALLER]),
    row("kms:disconnectcustomkeystore", &[], &[&["kms:CallerAccount"]]),
    row("kms:enablekey", &["key"], &[CALLER]),
    row("kms:enablekeyrotation", &["key"], &[CALLER, &["kms:RotationPeriodInDays"]]),
    row("kms:encrypt", &["key"], &[CALLER, ENCRYPTION, &["kms:RequestAlias"]]),
    row("kms:generatedatakey", &["key"], &[ATTESTATION, CALLER, ENCRYPTION, &["kms:RequestAlias"]]),
    row(
        "kms:generatedatakeypair",
        &["key"],
        &[ATTESTATION, CALLER, ENCRYPTION, &["kms:DataKeyPairSpec", "kms:RequestAlias"]],
    ),
    row(
        "kms:generatedatakeypairwithoutplaintext",
        &["key"],
        &[CALLER, ENCRYPTION, &["kms:DataKeyPairSpec", "kms:RequestAlias"]],
    ),
    row(
        "kms:generatedatakeywithoutplaintext",
        &["key"],
        &[CALLER, ENCRYPTION, &["kms:RequestAlias"]],
    ),
    row("kms:generatemac", &["key"], &[CALLER, &["kms:MacAlgorithm", "kms:RequestAlias"]]),
    row("kms:generaterandom", &[], &[ATTESTATION]),
    row("kms:getkeypolicy", &["key"], &[CALLER]),
    row("kms:getkeyrotationstatus", &["key"], &[CALLER]),
    row(
        "kms:getparametersforimport",
        &["key"],
        &[CALLER, &["kms:WrappingAlgorithm", "kms:WrappingKeySpec"]],
    ),
    row("kms:getpublickey", &["key"], &[CALLER, &["kms:RequestAlias"]]),
    row("kms:importkeymaterial", &["key"], &[CALLER, &["kms:ExpirationModel", "kms:ValidTo"]]),
    row("kms:listaliases", &[], &[]),
    row("kms:listgrants", &["key"], &[CALLER, &["kms:GrantIsForAWSResource"]]),
    row("kms:listkeypolicies", &["key"], &[CALLER]),
    row("kms:listkeyrotations", &["key"], &[CALLER]),
    row("kms:listkeys", &[], &[]),
    row("kms:listresourcetags", &["key"], &[CALLER]),
    row("kms:listretirablegrants", &[], &[]),
    row("kms:putkeypolicy", &["key"], &[CALLER, &["kms:BypassPolicyLockoutSafetyCheck"]]),
    row(
        "kms:reencryptfrom",
        &["key"],
        &[CALLER, ENCRYPTION, &["kms:ReEncryptOnSameKey", "kms:RequestAlias"]],
    ),
    row(
        "kms:reencryptto",
        &["key"],
        &[CALLER, ENCRYPTION, &["kms:ReEncryptOnSameKey", "kms:RequestAlias"]],
    ),
    row("kms:replicatekey", &["key"], &[CALLER, &["kms:ReplicaRegion"]]),
    row(
        "kms:retiregrant",
        &["key"],
        &[
            CALLER,
            &["kms:EncryptionContext:", "kms:EncryptionContextKeys", "kms:GrantConstraintType"],
        ],
    ),
    row("kms:revokegrant", &["key"], &[CALLER, &["kms:GrantIsForAWSResource"]]),
    row("kms:rotatekeyondemand", &["key"], &[CALLER]),
    row(
        "kms:schedulekeydeletion",
        &["key"],
        &[CALLER, &["kms:ScheduleKeyDeletionPendingWindowInDays"]],
    ),
    row(
        "kms:sign",
        &["key"],
        &[CALLER, &["kms:MessageType", "kms:RequestAlias", "kms:SigningAlgorithm"]],
    ),
    row("kms:synchronizemultiregionkey", &["key"], &[]),
    row("kms:tagresource", &["key"], &[CALLER, TAGGING]),
    row("kms:untagresource", &["key"], &[CALLER, &["aws:TagKeys"]]),
    row("kms:updatealias", &["alias", "key"], &[CALLER]),
    row("kms:updatecustomkeystore", &[], &[&["kms:CallerAccount"]]),
    row("kms:updatekeydescription", &["key"], &[CALLER]),
    row("kms:updateprimaryregion", &["key"], &[CALLER, &["kms:PrimaryRegion"]]),
    row(
        "kms:verify",
        &["key"],
        &[CALLER, &["kms:MessageType", "kms:RequestAlias", "kms:SigningAlgorithm"]],
    ),
    row("kms:verifymac", &["key"], &[CALLER, &["kms:MacAlgorithm", "kms:RequestAlias"]]),
];
