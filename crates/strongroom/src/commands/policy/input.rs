//! The questions of `strongroom policy evaluate`, member by member. Unknown members are errors.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A line of input.
#[derive(Debug)]
pub(super) enum Line<'a> {
    Authorize(Box<Authorize<'a>>),
    Validate(Validate),
    Public(Public),
}

impl<'de: 'a, 'a> Deserialize<'de> for Line<'a> {
    /// By hand, because a tagged enum would read policies into a tree, where members that stand twice
    /// are no longer seen.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Head {
            op: String,
        }
        let raw = <&RawValue>::deserialize(deserializer)?;
        let head: Head = serde_json::from_str(raw.get()).map_err(serde::de::Error::custom)?;
        match head.op.as_str() {
            "authorize" => serde_json::from_str(raw.get()).map(Line::Authorize),
            "validate" => serde_json::from_str(raw.get()).map(Line::Validate),
            "public" => serde_json::from_str(raw.get()).map(Line::Public),
            other => Err(serde::de::Error::custom(format!("there is no op `{other}`"))),
        }
        .map_err(serde::de::Error::custom)
    }
}

/// A policy document: its raw text, so that the reader of policies sees what was written.
pub(super) type Document<'a> = &'a RawValue;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Authorize<'a> {
    pub(super) v: u32,
    #[serde(rename = "op")]
    _op: String,
    pub(super) id: String,
    #[serde(borrow)]
    pub(super) policies: Policies<'a>,
    #[serde(default)]
    pub(super) s3: Option<S3>,
    #[serde(borrow)]
    pub(super) request: Request<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policies<'a> {
    #[serde(default, borrow)]
    pub(super) identity: Vec<Document<'a>>,
    #[serde(default, borrow)]
    pub(super) group: Vec<Document<'a>>,
    #[serde(default, borrow)]
    pub(super) boundary: Option<Document<'a>>,
    #[serde(default, borrow)]
    pub(super) session: Option<Document<'a>>,
    #[serde(default, borrow)]
    pub(super) bucket: Option<Document<'a>>,
    #[serde(default, borrow)]
    pub(super) access_point: Option<Document<'a>>,
    #[serde(default, borrow)]
    pub(super) vpc_endpoint: Option<Document<'a>>,
    #[serde(default, borrow)]
    pub(super) scp: Option<Vec<Vec<Document<'a>>>>,
    #[serde(default, borrow)]
    pub(super) rcp: Option<Vec<Vec<Document<'a>>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct S3 {
    #[serde(default, rename = "bucket")]
    pub(super) bucket_name: Option<String>,
    pub(super) bucket_owner: Option<String>,
    #[serde(default)]
    pub(super) object_owner: Option<String>,
    #[serde(default)]
    pub(super) bucket_owner_canonical: Option<String>,
    #[serde(default)]
    pub(super) object_owner_canonical: Option<String>,
    #[serde(default)]
    pub(super) requester_canonical: Option<String>,
    #[serde(default)]
    pub(super) ownership: Option<String>,
    #[serde(default)]
    pub(super) bucket_acl: Option<AclInput>,
    #[serde(default)]
    pub(super) object_acl: Option<AclInput>,
    #[serde(default)]
    pub(super) via_access_point: bool,
    #[serde(default)]
    pub(super) access_point_arn: Option<String>,
    #[serde(default)]
    pub(super) bpa: Option<BlockLevels>,
}

/// A canned name, or grants.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AclInput {
    #[serde(default)]
    pub(super) canned: Option<String>,
    #[serde(default)]
    pub(super) grants: Option<Vec<GrantInput>>,
}

/// The same, where a canned name may stand alone.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum RequestedAcl {
    Canned(String),
    Acl(AclInput),
}

impl RequestedAcl {
    pub(super) fn acl(&self) -> std::borrow::Cow<'_, AclInput> {
        match self {
            Self::Canned(name) => {
                std::borrow::Cow::Owned(AclInput { canned: Some(name.clone()), grants: None })
            }
            Self::Acl(acl) => std::borrow::Cow::Borrowed(acl),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantInput {
    pub(super) grantee: GranteeInput,
    pub(super) permission: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GranteeInput {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) uri: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockLevels {
    #[serde(default)]
    pub(super) account: Option<Block>,
    #[serde(default)]
    pub(super) bucket: Option<Block>,
    #[serde(default)]
    pub(super) access_point: Option<Block>,
}

/// The four flags; absent is false.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Block {
    #[serde(alias = "BlockPublicAcls")]
    pub(super) block_public_acls: bool,
    #[serde(alias = "IgnorePublicAcls")]
    pub(super) ignore_public_acls: bool,
    #[serde(alias = "BlockPublicPolicy")]
    pub(super) block_public_policy: bool,
    #[serde(alias = "RestrictPublicBuckets")]
    pub(super) restrict_public_buckets: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request<'a> {
    pub(super) principal: PrincipalInput,
    #[serde(default, rename = "api")]
    _api: Option<String>,
    pub(super) action: String,
    pub(super) resource: String,
    #[serde(default)]
    pub(super) also: Vec<Further>,
    #[serde(default)]
    pub(super) context: BTreeMap<String, ContextInput>,
    #[serde(default, borrow)]
    pub(super) put_policy: Option<Document<'a>>,
    #[serde(default)]
    pub(super) requested_acl: Option<RequestedAcl>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrincipalInput {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) account: Option<String>,
    #[serde(default)]
    pub(super) arn: Option<String>,
    #[serde(default)]
    pub(super) role_arn: Option<String>,
    #[serde(default)]
    pub(super) user_arn: Option<String>,
    #[serde(default)]
    pub(super) service: Option<String>,
}

/// A further pair that must be allowed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Further {
    pub(super) action: String,
    pub(super) resource: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum ContextInput {
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValidateLine {
    #[serde(default)]
    v: Option<u32>,
    #[serde(rename = "op")]
    _op: String,
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    bucket: Option<String>,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    known_users: Option<Vec<String>>,
    document: String,
}

/// `op: "validate"`.
#[derive(Debug, Deserialize)]
#[serde(from = "ValidateLine")]
pub(super) struct Validate {
    pub(super) v: Option<u32>,
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) bucket: Option<String>,
    pub(super) account: Option<String>,
    pub(super) known_users: Option<Vec<String>>,
    pub(super) document: String,
}

impl From<ValidateLine> for Validate {
    fn from(line: ValidateLine) -> Self {
        let ValidateLine { v, id, kind, bucket, account, known_users, document, .. } = line;
        Self { v, id, kind, bucket, account, known_users, document }
    }
}

/// `op: "public"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Public {
    #[serde(default)]
    pub(super) v: Option<u32>,
    #[serde(rename = "op")]
    _op: String,
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) vpc_origin: bool,
    #[serde(default, rename = "account")]
    _account: Option<String>,
    pub(super) document: serde_json::Value,
}
