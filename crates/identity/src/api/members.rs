//! What we do with each member of each input.

use std::sync::LazyLock;

use strongroom_model::{iam, sts};
use strongroom_wire::{
    Disposition, ErrorResponse, OperationSpec, OperationStatus, RequestHead, ServiceTables,
    UnknownMember,
};

use super::errors;

type StatusRow = (&'static str, OperationStatus);
type MemberRow = (&'static str, &'static str, Disposition);

/// The tables from which `docs/services/iam.md` is made.
#[must_use]
pub fn iam_tables() -> ServiceTables<'static> {
    static ROWS: LazyLock<Rows> = LazyLock::new(|| Rows::of(iam::OPERATIONS, &[]));
    ROWS.tables("AWS Identity and Access Management", iam::OPERATIONS)
}

/// The tables from which `docs/services/sts.md` is made.
#[must_use]
pub fn sts_tables() -> ServiceTables<'static> {
    static ROWS: LazyLock<Rows> = LazyLock::new(|| Rows::of(sts::OPERATIONS, STS_UNBUILT));
    ROWS.tables("AWS Security Token Service", sts::OPERATIONS)
}

/// The answer to a member that is present and refused.
pub(super) fn refused_member(operation: &str, member: &str) -> Option<ErrorResponse> {
    let refused = REFUSED.iter().any(|(op, name)| *op == operation && *name == member);
    refused.then(|| errors::not_implemented(member))
}

/// The answer to what no member of the operation has.
pub(super) fn unknown_member(
    _operation: &str,
    member: &UnknownMember,
    _head: &RequestHead,
) -> Option<ErrorResponse> {
    match member {
        UnknownMember::Element(path) | UnknownMember::Attribute(path) => {
            Some(errors::unknown_parameter(path))
        }
        // The query is the form itself, or empty; headers say nothing to these services.
        UnknownMember::Query(_) | UnknownMember::Header(_) => None,
    }
}

/// The rows of one service: what is built is enforced, but for what is refused.
struct Rows {
    status: Vec<StatusRow>,
    members: Vec<MemberRow>,
}

impl Rows {
    fn of(operations: &[&'static OperationSpec], unbuilt: &[&str]) -> Self {
        let built = operations.iter().filter(|spec| !unbuilt.contains(&spec.name));
        let status = built.clone().map(|spec| (spec.name, OperationStatus::Implemented)).collect();
        let row = |spec: &&'static OperationSpec| {
            let name = spec.name;
            let disposition = move |path: &'static str| {
                let outer = path.split('.').next().unwrap_or(path);
                if REFUSED.contains(&(name, outer)) {
                    Disposition::Refused
                } else {
                    Disposition::Enforced
                }
            };
            spec.members.iter().map(move |member| (name, member.path, disposition(member.path)))
        };
        Self { status, members: built.flat_map(row).collect() }
    }

    fn tables(
        &'static self,
        title: &'static str,
        operations: &'static [&'static OperationSpec],
    ) -> ServiceTables<'static> {
        ServiceTables {
            title,
            operations,
            status: &self.status,
            members: &self.members,
            rules: &RULES,
        }
    }
}

/// Operations whose types are known and that are not built.
const STS_UNBUILT: &[&str] = &["AssumeRole"];

/// Members that are refused: `(operation, member)`.
const REFUSED: &[(&str, &str)] = &[
    ("CreateRole", "MaxSigninSessionDuration"),
    ("GetFederationToken", "MinimumSessionTokenSize"),
    ("GetSessionToken", "MinimumSessionTokenSize"),
    ("GetSessionToken", "SerialNumber"),
    ("GetSessionToken", "TokenCode"),
    ("UpdateRole", "MaxSigninSessionDuration"),
    ("UpdateRole", "ResetMaxSigninSessionDuration"),
];

/// What becomes of the rest of a request.
static RULES: LazyLock<Vec<String>> = LazyLock::new(|| {
    vec!["A parameter that the action does not have is refused with `ValidationError`.".to_owned()]
});
