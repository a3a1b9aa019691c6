//! What the services know: actions, resource types and condition keys.
//!
//! For checks when a policy is saved. A decision never looks in here: what a policy says counts, not
//! whether this table has heard of it.

mod iam;
mod keys;
mod kms;
mod s3;
mod sts;

use crate::action::ActionPattern;

/// A service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// The prefix of its actions.
    pub(crate) prefix: &'static str,
    /// Condition keys that nearly all of its actions have.
    pub(crate) common_keys: &'static [&'static str],
    pub(crate) resources: &'static [ResourceRow],
    pub(crate) actions: &'static [ActionRow],
}

/// A type of resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResourceRow {
    pub(crate) name: &'static str,
    /// Condition keys of actions on it.
    pub(crate) keys: &'static [&'static str],
}

/// An action.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActionRow {
    /// With the prefix, in lower case.
    pub(crate) name: &'static str,
    /// Types of resources that it can be limited to; none if it is about no resource.
    pub(crate) resources: &'static [&'static str],
    /// Its own condition keys, besides the common and the global ones, in groups.
    pub(crate) keys: &'static [&'static [&'static str]],
    /// Common keys that it does not have.
    pub(crate) without_common: &'static [&'static str],
}

/// The type of a condition key's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyType {
    Text,
    Number,
    Date,
    Bool,
    Address,
    Arn,
    TextList,
    ArnList,
}

impl KeyType {
    /// Whether the key has several values.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Self::TextList | Self::ArnList)
    }
}

/// The service of a prefix, whatever its case; `None` if this table does not know it.
pub(crate) fn service(prefix: &str) -> Option<&'static Service> {
    SERVICES.iter().copied().find(|service| service.prefix.eq_ignore_ascii_case(prefix))
}

/// The actions of S3 that an entry of a policy means.
pub(crate) fn s3_actions(pattern: &ActionPattern) -> impl Iterator<Item = &'static ActionRow> {
    actions(&s3::SERVICE, pattern)
}

/// The actions of a service that an entry of a policy means.
pub(crate) fn actions<'p>(
    service: &'static Service,
    pattern: &'p ActionPattern,
) -> impl Iterator<Item = &'static ActionRow> + use<'p> {
    service.actions.iter().filter(|row| pattern.matches_folded(row.name))
}

/// The type of a condition key; `None` if no such key is known.
pub(crate) fn key_type(key: &str) -> Option<KeyType> {
    keys::KEYS.iter().find(|(name, _)| is_key(name, key)).map(|(_, key_type)| *key_type)
}

/// Whether a name of the table means this key: one that goes on with a tag key needs one.
fn is_key(name: &str, key: &str) -> bool {
    if !name.ends_with(['/', ':']) {
        return name.eq_ignore_ascii_case(key);
    }
    let start = key.get(..name.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(name)) && key.len() > name.len()
}

/// An action that has all common keys of its service.
const fn row(
    name: &'static str,
    resources: &'static [&'static str],
    keys: &'static [&'static [&'static str]],
) -> ActionRow {
    ActionRow { name, resources, keys, without_common: &[] }
}

impl ActionRow {
    /// The same action without these common keys.
    const fn without(mut self, common_keys: &'static [&'static str]) -> Self {
        self.without_common = common_keys;
        self
    }

    /// Whether the action has this condition key: its own, that of one of its resource types, or one
    /// that nearly all actions of its service have.
    ///
    /// SPEC: access-control, 3.2 (bucket policy validation).
    pub(crate) fn has_key(&self, service: &Service, key: &str) -> bool {
        let listed = |names: &[&str]| names.iter().any(|name| is_key(name, key));
        let of_resources = service
            .resources
            .iter()
            .any(|resource| self.resources.contains(&resource.name) && listed(resource.keys));
        self.keys.iter().any(|group| listed(group))
            || of_resources
            || (listed(service.common_keys) && !listed(self.without_common))
    }
}

/// Condition keys: tags that a request puts on something.
const TAGGING: &[&str] = &["aws:RequestTag/", "aws:TagKeys"];
const SERVICES: &[&Service] = &[&s3::SERVICE, &iam::SERVICE, &sts::SERVICE, &kms::SERVICE];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_consistent() {
        let counts: Vec<_> = SERVICES.iter().map(|s| (s.prefix, s.actions.len())).collect();
        assert_eq!(counts, [("s3", 158), ("iam", 136), ("sts", 16), ("kms", 55)]);
        for service in SERVICES {
            for row in service.actions {
                let action = row.name.parse::<crate::Action>().unwrap();
                assert_eq!((action.service(), action.folded()), (service.prefix, row.name));
                for name in row.resources {
                    let known = service.resources.iter().any(|resource| resource.name == *name);
                    assert!(known, "{action}: {name}");
                }
                for key in row.keys.iter().copied().flatten() {
                    assert!(key_type(&format!("{key}x")).or(key_type(key)).is_some(), "{key}");
                }
            }
        }
    }

    #[test]
    fn keys_are_found_whatever_their_case_and_tag_keys_need_a_name() {
        assert_eq!(key_type("AWS:securetransport"), Some(KeyType::Bool));
        assert_eq!(key_type("aws:PrincipalTag/team"), Some(KeyType::Text));
        assert_eq!(key_type("aws:PrincipalTag/"), None);
        assert_eq!(key_type("aws:Nonsense"), None);
    }

    #[test]
    fn actions_have_own_common_and_resource_keys() {
        let row = |name: &str| {
            let name = format!("s3:{}", name.to_lowercase());
            let found = s3::SERVICE.actions.iter().find(|row| row.name == name);
            *found.unwrap()
        };
        assert!(row("ListBucket").has_key(&s3::SERVICE, "s3:prefix"));
        assert!(!row("GetObject").has_key(&s3::SERVICE, "s3:prefix"));
        assert!(row("GetObject").has_key(&s3::SERVICE, "S3:TLSVersion"));
        assert!(row("GetObject").has_key(&s3::SERVICE, "s3:DataAccessPointArn"));
        assert!(row("GetObject").has_key(&s3::SERVICE, "s3:ExistingObjectTag/a"));
    }
}
