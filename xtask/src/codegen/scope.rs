//! `crates/model/scope.toml`: what is generated, and where the model does not tell the truth.

use std::collections::BTreeMap;

use serde::Deserialize;

/// All services, by the name of their module.
pub type Scope = BTreeMap<String, Service>;

/// One service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub model: String,
    pub title: String,
    /// Operations that are not known at all, with the reason.
    #[serde(default)]
    pub skipped: BTreeMap<String, String>,
    /// Operations that are known by name only, to be refused.
    #[serde(default)]
    pub refused: Vec<String>,
    pub groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub roots: BTreeMap<String, String>,
    #[serde(default)]
    pub statuses: BTreeMap<String, u16>,
    /// Headers that an operation takes although its model does not say so.
    #[serde(default)]
    pub http_headers: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub quirks: Quirks,
    #[serde(default)]
    pub mixed_lists: BTreeMap<String, MixedLists>,
    #[serde(default)]
    pub renamed_shapes: BTreeMap<String, String>,
    #[serde(default)]
    pub renamed_members: BTreeMap<String, String>,
}

/// Lists of an operation's output that are one list on the wire.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixedLists {
    pub field: String,
    pub item: String,
    pub members: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    pub text_root: Vec<String>,
    pub partial_content: Vec<String>,
    pub ignored_if_malformed: Vec<String>,
    pub open_enums: Vec<String>,
    pub version_id_as_text: Vec<String>,
    pub sensitive: Vec<String>,
}
