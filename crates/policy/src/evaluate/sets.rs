//! What goes into a decision: the question, and the policies that bear on it.

use strongroom_types::{AccountId, Arn};

use crate::action::Action;
use crate::context::Context;
use crate::document::Policy;
use crate::principal::RequestPrincipal;

/// May this principal perform this action on this resource?
///
/// A request can ask several questions; all of them must be allowed.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a RequestPrincipal,
    /// What for.
    pub action: &'a Action,
    /// On what: of a request through an access point, the ARN under it. `*` ([`Arn::any`]) for an
    /// action without resource, which only the pattern `*` matches, and of S3 also `arn:aws:s3:::*`.
    pub resource: &'a Arn,
    /// What the request says about itself.
    pub context: &'a Context<'a>,
}

/// A policy where it is attached.
#[derive(Debug, Clone, Copy)]
pub struct Attached<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The ARN of a managed policy, or how an inline one is found, as `user/alice/reader`. It goes into
    /// messages (ARNs only), traces and the audit event.
    pub name: &'a str,
}

/// Everything that bears on a question. Policies that do not apply to the caller or to the resource
/// are left out by whoever gathers: the boundary of a user who has none, the organization's policies
/// of a management account.
#[derive(Debug, Clone, Copy)]
pub struct PolicySets<'a> {
    /// Of the organization, its units and the account of the *resource*: one slice a level. `None`
    /// outside of an organization and in its management account.
    pub resource_control: Option<&'a [&'a [Attached<'a>]]>,
    /// Of the organization, its units and the account of the *principal*, as above. Ignored for
    /// services and anonymous callers.
    pub service_control: Option<&'a [&'a [Attached<'a>]]>,
    /// Of the endpoint through which the request came.
    pub endpoint: Option<Attached<'a>>,
    /// What belongs to the resource.
    pub resource: ResourceSide<'a>,
    /// Of the user and its groups, or of the role. Empty for the root user, to whom everything of its
    /// account is allowed.
    pub identity: &'a [Attached<'a>],
    /// The permissions boundary of the user or role.
    pub boundary: Option<Attached<'a>>,
    /// The session policies; `None` if none was passed when the session began.
    pub session: Option<&'a [Attached<'a>]>,
}

impl<'a> PolicySets<'a> {
    /// A resource, and no policy of anybody.
    #[must_use]
    pub fn new(resource: ResourceSide<'a>) -> Self {
        Self {
            resource_control: None,
            service_control: None,
            endpoint: None,
            resource,
            identity: &[],
            boundary: None,
            session: None,
        }
    }
}

/// What belongs to the resource.
#[derive(Debug, Clone, Copy)]
pub struct ResourceSide<'a> {
    /// The account that owns the resource; of an object, the account of its *bucket*. For actions
    /// without resource, the caller's.
    pub owner: AccountId,
    /// Who owns the object itself where ACLs are enabled and that is somebody else; `None` otherwise.
    pub object_owner: Option<ObjectOwner>,
    /// The resource's own policy: of the bucket, role (trust) or key.
    pub policy: Option<Attached<'a>>,
    /// Whether identity policies alone can suffice.
    pub delegation: Delegation,
    /// The access point through which the request came. The bucket's policy is then asked about
    /// [`AccessPointSide::bucket_resource`], everything else about [`Question::resource`].
    pub access_point: Option<AccessPointSide<'a>>,
    /// Grants of the ACLs that are for the caller and the action, see [`crate::Acl::matching`].
    pub acl: AclMatch,
    /// Whether RestrictPublicBuckets is in effect.
    pub restrict_public: bool,
}

impl ResourceSide<'_> {
    /// A resource of this account with nothing attached.
    #[must_use]
    pub fn of(owner: AccountId) -> Self {
        Self {
            owner,
            object_owner: None,
            policy: None,
            delegation: Delegation::Optional,
            access_point: None,
            acl: AclMatch::default(),
            restrict_public: false,
        }
    }

    /// Whose resource the action is about.
    ///
    /// SPEC: access-control, 2.4: the owner of the bucket can always write, delete, archive and list;
    /// what can be read and changed of an object is its owner's.
    pub(super) fn owner_of(&self, action: &Action) -> ObjectOwner {
        match self.object_owner {
            Some(owner) if OBJECT_OWNER_ACTIONS.iter().any(|name| action.is(name)) => owner,
            _ => ObjectOwner::Account(self.owner),
        }
    }

    pub(super) fn is_foreign_object(&self, action: &Action) -> bool {
        self.owner_of(action) != ObjectOwner::Account(self.owner)
    }
}

/// The owner of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectOwner {
    /// An account.
    Account(AccountId),
    /// Whoever wrote it was not signed in: only the bucket's owner and its ACL speak for it.
    Anonymous,
}

/// Whether identity policies of the owner's account suffice for a resource.
///
/// SPEC: access-control, 2.2 (exceptions to "identity Allow alone suffices").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delegation {
    /// They do, as for buckets and objects.
    #[default]
    Optional,
    /// The resource's policy must name the account or the caller, as for keys and roles.
    Required,
}

/// The access point of a request.
#[derive(Debug, Clone, Copy)]
pub struct AccessPointSide<'a> {
    /// Its policy.
    pub policy: Option<Attached<'a>>,
    /// The bucket or object behind it.
    pub bucket_resource: &'a Arn,
}

/// Grants of the bucket's and the object's ACL that permit the action, by whom they are for.
///
/// SPEC: access-control, 2.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AclMatch {
    /// For the caller's account. Gives nothing to users of the owner's own account.
    pub account: bool,
    /// For everyone who signs.
    pub authenticated: bool,
    /// For everyone.
    pub everyone: bool,
    /// For the service that delivers logs, and it is the caller.
    pub log_delivery: bool,
}

/// The sets of policies, in words of the evaluator.
///
/// SPEC: access-control, 2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicySet {
    /// Resource control policies.
    ResourceControl,
    /// Service control policies.
    ServiceControl,
    /// The policy of the VPC endpoint.
    VpcEndpoint,
    /// The policy of the access point.
    AccessPoint,
    /// The policy of the resource.
    Resource,
    /// Policies of the user and its groups, or of the role.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// Session policies.
    Session,
}

impl PolicySet {
    /// One word for traces and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResourceControl => "rcp",
            Self::ServiceControl => "scp",
            Self::VpcEndpoint => "endpoint",
            Self::AccessPoint => "access-point",
            Self::Resource => "resource",
            Self::Identity => "identity",
            Self::Boundary => "boundary",
            Self::Session => "session",
        }
    }
}

/// Actions that are about an object and not about its place in the bucket.
const OBJECT_OWNER_ACTIONS: &[&str] = &[
    "s3:getobject",
    "s3:getobjectversion",
    "s3:getobjectattributes",
    "s3:getobjectversionattributes",
    "s3:getobjectacl",
    "s3:getobjectversionacl",
    "s3:putobjectacl",
    "s3:putobjectversionacl",
    "s3:getobjecttagging",
    "s3:getobjectversiontagging",
    "s3:putobjecttagging",
    "s3:putobjectversiontagging",
    "s3:deleteobjecttagging",
    "s3:deleteobjectversiontagging",
    "s3:getobjecttorrent",
    "s3:getobjectversiontorrent",
    "s3:getobjectretention",
    "s3:putobjectretention",
    "s3:getobjectlegalhold",
    "s3:putobjectlegalhold",
];
