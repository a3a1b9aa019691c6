//! A service model as botocore publishes it, read in the order of the file.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// A model.
#[derive(Debug, Deserialize)]
pub struct Model {
    pub operations: Ordered<OperationModel>,
    pub shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
pub struct OperationModel {
    pub http: Http,
    pub input: Reference,
    pub output: Option<Reference>,
    #[serde(rename = "httpChecksum", default)]
    pub checksum: Checksum,
}

#[derive(Debug, Deserialize)]
pub struct Http {
    pub method: String,
    #[serde(rename = "requestUri")]
    pub uri: String,
    #[serde(rename = "responseCode")]
    pub status: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Checksum {
    #[serde(rename = "requestChecksumRequired", default)]
    pub required: bool,
}

/// A use of a shape: by a member, a list, an operation.
#[derive(Debug, Clone, Deserialize)]
pub struct Reference {
    pub shape: String,
    pub location: Option<String>,
    #[serde(rename = "locationName")]
    pub name: Option<String>,
    #[serde(rename = "xmlAttribute", default)]
    pub attribute: bool,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default)]
    pub streaming: bool,
}

#[derive(Debug, Deserialize)]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: Ordered<Reference>,
    #[serde(default)]
    pub required: Vec<String>,
    pub payload: Option<String>,
    pub member: Option<Reference>,
    #[serde(default)]
    pub flattened: bool,
    #[serde(rename = "enum")]
    pub values: Option<Vec<String>>,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(rename = "timestampFormat")]
    pub timestamp_format: Option<String>,
    #[serde(rename = "locationName")]
    pub name: Option<String>,
    #[serde(default)]
    pub eventstream: bool,
}

impl Model {
    pub fn shape(&self, name: &str) -> &Shape {
        self.shapes.get(name).unwrap_or_else(|| panic!("the model has no shape `{name}`"))
    }
}

impl Shape {
    pub fn is_required(&self, member: &str) -> bool {
        self.required.iter().any(|other| other == member)
    }
}

/// A JSON object as a list, in the order of the file.
#[derive(Debug)]
pub struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OrderedVisitor(PhantomData))
    }
}

struct OrderedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OrderedVisitor<T> {
    type Value = Ordered<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Ordered(entries))
    }
}
