//! `crates/model/scope.toml`: what is generated, and where the model does not tell the truth.

use std::collections::BTreeMap;

use serde::Deserialize;

/// All services.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    pub s3: Service,
}

/// One service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub model: String,
    pub title: String,
    pub skipped: BTreeMap<String, String>,
    pub groups: BTreeMap<String, Vec<String>>,
    pub roots: BTreeMap<String, String>,
    pub statuses: BTreeMap<String, u16>,
    /// Headers that an operation takes although its model does not say so.
    pub http_headers: BTreeMap<String, Vec<String>>,
    pub quirks: Quirks,
    #[serde(default)]
    pub mixed_lists: BTreeMap<String, MixedLists>,
    pub renamed_shapes: BTreeMap<String, String>,
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quirks {
    pub text_root: Vec<String>,
    pub partial_content: Vec<String>,
    pub ignored_if_malformed: Vec<String>,
    pub open_enums: Vec<String>,
    pub version_id_as_text: Vec<String>,
}
