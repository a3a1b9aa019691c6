//! `op: "authorize"`: from a question in JSON to that of the evaluator.

use data_encoding::HEXLOWER;
use serde_json::Value;
use strongroom_policy::{
    AccessPointSide, Account, Acl, AclGrant, AclGroup, AclMatch, AclQuestion, AclTarget, Action,
    Attached, CannedAcl, Context, Decision, ExistingObject, Grantee, ObjectOwner, ObjectOwnership,
    Policy, PolicyError, PolicyKind, PolicySets, PublicAccessBlock, Question, RequestPrincipal,
    ResourceSide, Trace, explain,
};
use strongroom_types::{AccountId, Arn, CanonicalUserId};

use super::answer;
use super::input::{
    AclInput, Authorize, Block, BlockLevels, ContextInput, Document, Policies, PrincipalInput, S3,
};
use super::validate::check_version;

/// A question that cannot be asked, because a policy is refused, or because the line is wrong.
enum Refusal {
    Malformed(PolicyKind, PolicyError),
    Input(String),
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self::Input(text)
    }
}

pub(super) fn authorize(question: &Authorize<'_>) -> Result<Value, String> {
    check_version(Some(question.v))?;
    match decide_all(question) {
        Ok(answer) => Ok(answer),
        Err(Refusal::Malformed(kind, error)) => Ok(answer::malformed(kind, &error)),
        Err(Refusal::Input(text)) => Err(text),
    }
}

fn decide_all(question: &Authorize<'_>) -> Result<Value, Refusal> {
    let documents = Documents::read(&question.policies)?;
    let no_s3 = S3::default();
    let s3 = question.s3.as_ref().unwrap_or(&no_s3);
    let place = Place::read(s3, &question.request.principal)?;
    let principal = principal(&question.request.principal, s3)?;
    let context = context(&question.request.context);
    let further = question.request.also.iter();
    let pairs = std::iter::once((&question.request.action, &question.request.resource))
        .chain(further.map(|pair| (&pair.action, &pair.resource)));
    let mut trace = Trace::default();
    for (action, resource) in pairs {
        let action: Action = action.parse().map_err(text)?;
        let asked = Asked { action, principal: &principal, context: &context };
        let decided = asked.ask(resource, &documents, &place, &mut trace)?;
        if let Some(denied) = decided {
            return Ok(denied);
        }
    }
    if let Some(refused) = refused_argument(question, s3, &place, &trace)? {
        return Ok(refused);
    }
    Ok(answer::allowed(&trace))
}

/// All policies, read as what they are.
struct Documents {
    identity: Vec<Policy>,
    boundary: Option<Policy>,
    session: Option<Policy>,
    bucket: Option<Policy>,
    access_point: Option<Policy>,
    endpoint: Option<Policy>,
    scp: Option<Vec<Vec<Policy>>>,
    rcp: Option<Vec<Vec<Policy>>>,
}

impl Documents {
    fn read(policies: &Policies<'_>) -> Result<Self, Refusal> {
        let one = |kind, document: &Option<Document<'_>>| {
            document.as_ref().map(|document| read_policy(kind, document)).transpose()
        };
        let all = |kind, documents: &[Document<'_>]| -> Result<Vec<Policy>, Refusal> {
            documents.iter().map(|document| read_policy(kind, document)).collect()
        };
        let levels = |kind, levels: &Option<Vec<Vec<Document<'_>>>>| {
            let levels = levels.as_ref();
            levels.map(|levels| levels.iter().map(|level| all(kind, level)).collect()).transpose()
        };
        let mut identity = all(PolicyKind::Identity, &policies.identity)?;
        identity.extend(all(PolicyKind::Identity, &policies.group)?);
        Ok(Self {
            identity,
            boundary: one(PolicyKind::Boundary, &policies.boundary)?,
            session: one(PolicyKind::Session, &policies.session)?,
            bucket: one(PolicyKind::Bucket, &policies.bucket)?,
            access_point: one(PolicyKind::AccessPoint, &policies.access_point)?,
            endpoint: one(PolicyKind::VpcEndpoint, &policies.vpc_endpoint)?,
            scp: levels(PolicyKind::ServiceControl, &policies.scp)?,
            rcp: levels(PolicyKind::ResourceControl, &policies.rcp)?,
        })
    }
}

fn read_policy(kind: PolicyKind, document: &Document<'_>) -> Result<Policy, Refusal> {
    let text = document.get().as_bytes();
    Policy::parse(kind, text).map_err(|error| Refusal::Malformed(kind, error))
}

/// What `s3` says of the bucket and the object.
struct Place<'a> {
    owner: AccountId,
    object_owner: Option<AccountId>,
    ownership: ObjectOwnership,
    block: PublicAccessBlock,
    bucket_acl: Option<Acl>,
    object_acl: Option<Acl>,
    access_point: Option<&'a str>,
    bucket_name: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn read(s3: &'a S3, principal: &PrincipalInput) -> Result<Self, Refusal> {
        // Without a bucket the resource is the caller's account's own.
        let owner = s3.bucket_owner.as_ref().or(principal.account.as_ref());
        let owner = owner.ok_or("`s3.bucket_owner` is missing".to_owned())?;
        let ownership = match &s3.ownership {
            None => ObjectOwnership::default(),
            Some(name) => name.parse().map_err(|_| format!("there is no ownership `{name}`"))?,
        };
        let bucket_canonical = s3.bucket_owner_canonical.as_deref().unwrap_or_default();
        let object_canonical = s3.object_owner_canonical.as_deref().unwrap_or(bucket_canonical);
        let acl = |acl: &Option<AclInput>, target, owner: &str| {
            let acl = acl.as_ref();
            acl.map(|acl| read_target_acl(acl, target, owner, bucket_canonical)).transpose()
        };
        let access_point = match (s3.via_access_point, &s3.access_point_arn) {
            (false, _) => None,
            (true, Some(arn)) => Some(arn.as_str()),
            (true, None) => return Err("`s3.access_point_arn` is missing".to_owned().into()),
        };
        Ok(Self {
            owner: owner.parse().map_err(text)?,
            object_owner: s3.object_owner.as_deref().map(str::parse).transpose().map_err(text)?,
            ownership,
            block: block(s3.bpa.as_ref()),
            bucket_acl: acl(&s3.bucket_acl, AclTarget::Bucket, bucket_canonical)?,
            object_acl: acl(&s3.object_acl, AclTarget::Object, object_canonical)?,
            access_point,
            bucket_name: s3.bucket_name.as_deref(),
        })
    }

    /// The owner of the object, where that is not the bucket's.
    fn foreign_owner(&self) -> Option<ObjectOwner> {
        let owner = self.object_owner.filter(|_| self.ownership.has_acls())?;
        (owner != self.owner).then_some(ObjectOwner::Account(owner))
    }

    fn acl_match(&self, principal: &RequestPrincipal, action: &Action) -> AclMatch {
        if !self.ownership.has_acls() {
            return AclMatch::default();
        }
        let account = principal.account().map(|account| account.id);
        let is_bucket_owner = account == Some(self.owner);
        let existing = match self.object_owner {
            None => ExistingObject::Absent,
            Some(owner) if Some(owner) == account => ExistingObject::OwnedByCaller,
            Some(_) => ExistingObject::OwnedByOther,
        };
        let matching = |acl: &Option<Acl>, target| {
            let acl = self.block.effective_acl(acl.as_ref()?);
            let question = AclQuestion { principal, action, target, is_bucket_owner, existing };
            Some(acl.matching(&question))
        };
        let bucket = matching(&self.bucket_acl, AclTarget::Bucket).unwrap_or_default();
        let object = matching(&self.object_acl, AclTarget::Object).unwrap_or_default();
        AclMatch {
            account: bucket.account || object.account,
            authenticated: bucket.authenticated || object.authenticated,
            everyone: bucket.everyone || object.everyone,
            log_delivery: bucket.log_delivery || object.log_delivery,
        }
    }

    /// The resource of the request, and what is behind the access point.
    fn resources(&self, resource: &str) -> Result<(Arn, Option<Arn>), Refusal> {
        let arn = |text: &str| match text {
            "*" => Ok(Arn::any()),
            other => other.parse::<Arn>().map_err(|error| format!("`{other}`: {error}")),
        };
        let Some(access_point) = self.access_point else {
            return Ok((arn(resource)?, None));
        };
        // It may be written as the access point's or as the bucket's.
        if let Some(object) = resource.strip_prefix(access_point) {
            let bucket = self.bucket_name.ok_or("`s3.bucket` is missing".to_owned())?;
            let object = object.strip_prefix("/object").unwrap_or(object);
            return Ok((arn(resource)?, Some(arn(&format!("{BUCKETS}{bucket}{object}"))?)));
        }
        let name = resource
            .strip_prefix(BUCKETS)
            .ok_or_else(|| format!("`{resource}` is neither the access point's nor a bucket's"))?;
        let through = match name.split_once('/') {
            Some((_, object_key)) => format!("{access_point}/object/{object_key}"),
            None => access_point.to_owned(),
        };
        Ok((arn(&through)?, Some(arn(resource)?)))
    }
}

/// What all questions of a line have in common, and an action.
struct Asked<'a> {
    action: Action,
    principal: &'a RequestPrincipal,
    context: &'a Context<'a>,
}

impl Asked<'_> {
    /// Asks about one resource; `Some` is the answer that denies.
    fn ask(
        &self,
        resource: &str,
        documents: &Documents,
        place: &Place<'_>,
        trace: &mut Trace,
    ) -> Result<Option<Value>, Refusal> {
        let (resource, behind) = place.resources(resource)?;
        let identity = attach("identity", &documents.identity);
        let session =
            documents.session.as_ref().map(|policy| [Attached { policy, name: "session" }]);
        // The levels live as long as the answer, which is made before they go.
        let (scp, rcp) =
            (attach_levels("scp", &documents.scp), attach_levels("rcp", &documents.rcp));
        let (scp, rcp) = (slices(&scp), slices(&rcp));
        let named = |name, policy| Attached { policy, name };
        let sets = PolicySets {
            resource_control: rcp.as_deref(),
            service_control: scp.as_deref(),
            endpoint: documents.endpoint.as_ref().map(|policy| named("vpc-endpoint", policy)),
            identity: &identity,
            boundary: documents.boundary.as_ref().map(|policy| named("boundary", policy)),
            session: session.as_ref().map(|policies| &policies[..]),
            resource: ResourceSide {
                object_owner: place.foreign_owner(),
                policy: documents.bucket.as_ref().map(|policy| named("bucket", policy)),
                access_point: behind.as_ref().map(|bucket_resource| AccessPointSide {
                    policy: documents.access_point.as_ref().map(|p| named("access-point", p)),
                    bucket_resource,
                }),
                acl: place.acl_match(self.principal, &self.action),
                restrict_public: place.block.restrict_public_buckets,
                ..ResourceSide::of(place.owner)
            },
        };
        let question = Question {
            principal: self.principal,
            action: &self.action,
            resource: &resource,
            context: self.context,
        };
        let (decision, found) = explain(&question, &sets);
        trace.entries.extend(found.entries);
        Ok(match decision {
            Decision::Allow(_) => None,
            Decision::Deny(denial) => Some(answer::denied(&denial, trace)),
        })
    }
}

/// What the server refuses of a request that is allowed, for what it would write.
fn refused_argument(
    question: &Authorize<'_>,
    s3: &S3,
    place: &Place<'_>,
    trace: &Trace,
) -> Result<Option<Value>, Refusal> {
    const BLOCKED: &str = "public-access-block";
    if let Some(document) = &question.request.put_policy {
        let policy = read_policy(PolicyKind::Bucket, document)?;
        if let Some(bucket) = &s3.bucket_name {
            let bucket = bucket.parse().map_err(text)?;
            let checked = policy.check_for_bucket(&bucket, &|_| true);
            checked.map_err(|error| Refusal::Malformed(PolicyKind::Bucket, error))?;
        }
        if place.block.refuses_policy(&policy) {
            return Ok(Some(answer::refused("AccessDenied", BLOCKED, trace)));
        }
    }
    if let Some(acl) = &question.request.requested_acl {
        let owner = s3.bucket_owner_canonical.as_deref().unwrap_or_default();
        // An object that this request makes belongs to the bucket's owner where ACLs are off.
        let writer = match place.ownership.has_acls() {
            true => s3.requester_canonical.as_deref().unwrap_or(owner),
            false => owner,
        };
        let acl = read_target_acl(&acl.acl(), AclTarget::Object, writer, owner)?;
        if !place.ownership.accepts(&acl, owner) {
            let code = "AccessControlListNotSupported";
            return Ok(Some(answer::refused(code, "acls-disabled", trace)));
        }
        if place.block.refuses_acl(&acl) {
            return Ok(Some(answer::refused("AccessDenied", BLOCKED, trace)));
        }
    }
    Ok(None)
}

fn principal(input: &PrincipalInput, s3: &S3) -> Result<RequestPrincipal, Refusal> {
    let needed = |member: &Option<String>, name: &str| {
        member.clone().ok_or_else(|| format!("`request.principal.{name}` is missing"))
    };
    let arn = |member: &Option<String>, name: &str| -> Result<Arn, Refusal> {
        Ok(needed(member, name)?.parse().map_err(|_| format!("`{name}` is no ARN"))?)
    };
    let account = || -> Result<Account, Refusal> {
        let id = needed(&input.account, "account")?;
        let canonical = s3.requester_canonical.as_ref().or_else(|| {
            let of_owner = s3.bucket_owner.as_ref() == Some(&id);
            s3.bucket_owner_canonical.as_ref().filter(|_| of_owner)
        });
        Ok(Account { canonical: canonical_id(canonical)?, id: id.parse().map_err(text)? })
    };
    let unknown: Box<str> = Box::default();
    Ok(match input.kind.as_str() {
        "anonymous" => RequestPrincipal::Anonymous,
        "root" => RequestPrincipal::Root(account()?),
        "user" => RequestPrincipal::User {
            account: account()?,
            arn: arn(&input.arn, "arn")?,
            unique_id: unknown,
        },
        "role" => RequestPrincipal::RoleSession {
            account: account()?,
            session_arn: arn(&input.arn, "arn")?,
            role_arn: arn(&input.role_arn, "role_arn")?,
            role_id: unknown,
        },
        "federated" => RequestPrincipal::FederatedUser {
            account: account()?,
            arn: arn(&input.arn, "arn")?,
            user_arn: input
                .user_arn
                .is_some()
                .then(|| arn(&input.user_arn, "user_arn"))
                .transpose()?,
            user_id: unknown,
        },
        "service" => RequestPrincipal::Service(needed(&input.service, "service")?.into_boxed_str()),
        other => return Err(format!("there is no principal type `{other}`").into()),
    })
}

/// Without one, an id that no ACL names.
fn canonical_id(id: Option<&String>) -> Result<CanonicalUserId, String> {
    let Some(id) = id else {
        return Ok(CanonicalUserId::from_bytes([0; 32]));
    };
    let bytes = HEXLOWER.decode(id.as_bytes()).ok();
    let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes
        .map(CanonicalUserId::from_bytes)
        .ok_or_else(|| format!("`{id}` is no canonical id: 64 hexadecimal digits"))
}

fn context(input: &std::collections::BTreeMap<String, ContextInput>) -> Context<'_> {
    let mut context = Context::with_capacity(input.len());
    for (key, value) in input {
        match value {
            ContextInput::Bool(value) => context.set(key.as_str(), *value),
            ContextInput::Number(number) => context.set(key.as_str(), number.to_string()),
            ContextInput::Text(value) => context.set(key.as_str(), value.as_str()),
            ContextInput::List(values) => context.set(key.as_str(), values.clone()),
        }
    }
    context
}

fn block(levels: Option<&BlockLevels>) -> PublicAccessBlock {
    let level = |block: Option<Block>| {
        let block = block.unwrap_or_default();
        PublicAccessBlock {
            block_public_acls: block.block_public_acls,
            ignore_public_acls: block.ignore_public_acls,
            block_public_policy: block.block_public_policy,
            restrict_public_buckets: block.restrict_public_buckets,
        }
    };
    let levels = levels.map(|levels| [levels.account, levels.bucket, levels.access_point]);
    PublicAccessBlock::effective(levels.into_iter().flatten().map(level))
}

/// An ACL that may hang on either; owners are canonical ids.
pub(super) fn read_acl(input: &AclInput, owner: &str, bucket_owner: &str) -> Result<Acl, String> {
    read_target_acl(input, AclTarget::Bucket, owner, bucket_owner)
}

fn read_target_acl(
    input: &AclInput,
    target: AclTarget,
    owner: &str,
    bucket_owner: &str,
) -> Result<Acl, String> {
    let grants = match (&input.canned, &input.grants) {
        (Some(name), None) => {
            let canned: CannedAcl =
                name.parse().map_err(|_| format!("there is no canned ACL `{name}`"))?;
            return Ok(canned.grants(target, owner, bucket_owner));
        }
        (None, Some(grants)) => grants,
        _ => return Err("an ACL is `canned` or `grants`".to_owned()),
    };
    let mut acl = Acl::default();
    for grant in grants {
        let grantee = match (&grant.grantee.id, &grant.grantee.uri) {
            (Some(id), None) => Grantee::CanonicalUser(id.as_str().into()),
            (None, Some(uri)) => Grantee::Group(
                AclGroup::from_uri(uri).ok_or_else(|| format!("there is no group `{uri}`"))?,
            ),
            _ => return Err("a grantee is `id` or `uri`".to_owned()),
        };
        let name = &grant.permission;
        let permission = name.parse().map_err(|_| format!("there is no permission `{name}`"))?;
        acl.grants.push(AclGrant { grantee, permission });
    }
    Ok(acl)
}

fn attach<'p>(name: &'p str, policies: &'p [Policy]) -> Vec<Attached<'p>> {
    policies.iter().map(|policy| Attached { policy, name }).collect()
}

fn attach_levels<'p>(
    name: &'p str,
    levels: &'p Option<Vec<Vec<Policy>>>,
) -> Option<Vec<Vec<Attached<'p>>>> {
    levels.as_ref().map(|levels| levels.iter().map(|level| attach(name, level)).collect())
}

fn slices<'s, 'p>(levels: &'s Option<Vec<Vec<Attached<'p>>>>) -> Option<Vec<&'s [Attached<'p>]>> {
    levels.as_ref().map(|levels| levels.iter().map(Vec::as_slice).collect())
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

const BUCKETS: &str = "arn:aws:s3:::";
