//! Between records and the shapes of the model: pages, tags, documents, entities.

use data_encoding::BASE64URL_NOPAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use strongroom_access::Permit;
use strongroom_model::iam::{
    AttachedPermissionsBoundary, AttachedPolicy, Group, PermissionsBoundaryAttachmentType, Role,
    Tag, User,
};
use strongroom_types::AccountId;

use crate::iam::error::IamError;
use crate::iam::records::{Detail, Record};

/// The account of whoever was allowed.
pub(super) fn account_of<Op>(permit: &Permit<Op>) -> Result<AccountId, IamError> {
    let account = permit.caller().principal.account();
    account.ok_or_else(|| IamError::AccessDenied("the request is not signed".to_owned()))
}

/// Where a list goes on, and how much of it is asked for.
#[derive(Debug)]
pub(super) struct Paging {
    /// The place of the last item of the page before.
    pub(super) after: Option<String>,
    pub(super) items_max: usize,
}

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) is_truncated: Option<bool>,
    pub(super) marker: Option<String>,
}

impl Paging {
    /// SPEC: access-control, 7: 1 to 1,000 items, 100 if nothing is said.
    pub(super) fn new(marker: Option<String>, max_items: Option<i32>) -> Result<Self, IamError> {
        let items_max = usize::try_from(max_items.unwrap_or(100)).unwrap_or(0);
        if !(1..=1_000).contains(&items_max) {
            let message = "value at `MaxItems` must be 1 to 1000";
            return Err(IamError::Validation(message.to_owned()));
        }
        let after = marker.map(|marker| {
            let bytes = BASE64URL_NOPAD.decode(marker.as_bytes()).ok();
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            text.ok_or_else(|| IamError::InvalidInput("the marker is not valid".to_owned()))
        });
        Ok(Self { after: after.transpose()?, items_max })
    }

    /// How many items to look for: one more than a page has tells that there is a next one.
    pub(super) fn wanted(&self) -> usize {
        self.items_max.saturating_add(1)
    }

    /// Cuts a page off items that follow the marker, each of which has a place.
    pub(super) fn cut<T>(self, mut items: Vec<T>, place: impl Fn(&T) -> String) -> Page<T> {
        let truncated = items.len() > self.items_max;
        items.truncate(self.items_max);
        let last = items.last().filter(|_| truncated).map(place);
        let marker = last.map(|place| BASE64URL_NOPAD.encode(place.as_bytes()));
        Page { items, is_truncated: Some(truncated), marker }
    }

    /// A page of a whole list, whose items have places of ascending order.
    pub(super) fn page<T>(self, items: Vec<T>, place: impl Fn(&T) -> String) -> Page<T> {
        let after = self.after.clone();
        let rest = items.into_iter().filter(|item| after.as_ref().is_none_or(|a| place(item) > *a));
        let wanted = self.wanted();
        self.cut(rest.take(wanted).collect(), place)
    }
}

/// Documents are shown percent-encoded. SPEC: access-control, 7 (RFC 3986).
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

pub(super) fn tags_in(tags: Vec<Tag>) -> Vec<(String, String)> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

pub(super) fn tags_out(tags: &[(String, String)]) -> Vec<Tag> {
    let tag = |(key, value): &(String, String)| Tag { key: key.clone(), value: value.clone() };
    tags.iter().map(tag).collect()
}

/// Tags where they are absent if there are none.
pub(super) fn some_tags(record: &Record) -> Option<Vec<Tag>> {
    Some(tags_out(&record.tags)).filter(|tags| !tags.is_empty())
}

pub(super) fn boundary(record: &Record) -> Option<AttachedPermissionsBoundary> {
    record.boundary.as_ref().map(|arn| AttachedPermissionsBoundary {
        permissions_boundary_type: Some(
            PermissionsBoundaryAttachmentType::PermissionsBoundaryPolicy,
        ),
        permissions_boundary_arn: Some(arn.clone()),
    })
}

pub(super) fn attached(arn: &str) -> AttachedPolicy {
    let name = arn.rsplit('/').next().unwrap_or_default();
    AttachedPolicy { policy_name: Some(name.to_owned()), policy_arn: Some(arn.to_owned()) }
}

pub(super) fn user(account: AccountId, record: &Record) -> User {
    User {
        path: record.path.clone(),
        user_name: record.name.clone(),
        user_id: record.id.clone(),
        arn: record.arn(account),
        create_date: record.created.floor_to_second(),
        password_last_used: None,
        permissions_boundary: boundary(record),
        tags: some_tags(record),
    }
}

/// A user as lists show it: without boundary and tags.
pub(super) fn listed_user(account: AccountId, record: &Record) -> User {
    User { permissions_boundary: None, tags: None, ..user(account, record) }
}

pub(super) fn group(account: AccountId, record: &Record) -> Group {
    Group {
        path: record.path.clone(),
        group_name: record.name.clone(),
        group_id: record.id.clone(),
        arn: record.arn(account),
        create_date: record.created.floor_to_second(),
    }
}

/// A role; `trust` is its policy as it is to be shown.
pub(super) fn role(account: AccountId, record: &Record, trust: &str) -> Role {
    let (description, seconds) = match &record.detail {
        Detail::Role { description, max_session_seconds, .. } => {
            (description.clone(), i32::try_from(*max_session_seconds).ok())
        }
        _ => (String::new(), None),
    };
    Role {
        path: record.path.clone(),
        role_name: record.name.clone(),
        role_id: record.id.clone(),
        arn: record.arn(account),
        create_date: record.created.floor_to_second(),
        assume_role_policy_document: Some(encoded(trust)),
        description: Some(description).filter(|text| !text.is_empty()),
        max_session_duration: seconds,
        max_signin_session_duration: None,
        permissions_boundary: boundary(record),
        tags: some_tags(record),
        role_last_used: None,
        source_role_template: None,
    }
}

/// Everything but the unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
