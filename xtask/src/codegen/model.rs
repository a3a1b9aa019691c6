//! A service model as botocore publishes it, read in the order of the file.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// A model.
#[derive(Debug, Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    pub operations: Ordered<OperationModel>,
    pub shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
pub struct Metadata {
    pub protocol: Protocol,
    #[serde(rename = "apiVersion")]
    pub version: String,
    #[serde(rename = "xmlNamespace")]
    pub namespace: Option<String>,
}

/// What the requests and answers of a service look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    #[serde(rename = "rest-xml")]
    RestXml,
    #[serde(rename = "query")]
    Query,
}

#[derive(Debug, Deserialize)]
pub struct OperationModel {
    pub http: Http,
    /// An operation that takes nothing has none.
    #[serde(default = "Reference::to_nothing")]
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

#[derive(Debug, Default, Deserialize)]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub members: Ordered<Reference>,
    #[serde(default)]
    pub required: Vec<String>,
    pub payload: Option<String>,
    pub member: Option<Reference>,
    /// What a map leads to.
    pub value: Option<Reference>,
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

impl Reference {
    fn to_nothing() -> Self {
        Self {
            shape: NOTHING.to_owned(),
            location: None,
            name: None,
            attribute: false,
            flattened: false,
            streaming: false,
        }
    }
}

impl Model {
    /// Adds what the model leaves out: the input of operations that take nothing.
    pub fn complete(&mut self) {
        let nothing = Shape { kind: "structure".to_owned(), ..Shape::default() };
        self.shapes.insert(NOTHING.to_owned(), nothing);
    }

    /// Declares shapes that the model forgot to be sensitive.
    pub fn hide(&mut self, shape: &str) -> Result<(), String> {
        let found = self.shapes.get_mut(shape);
        found.ok_or_else(|| format!("the model has no shape `{shape}`"))?.sensitive = true;
        Ok(())
    }

    /// Gives an operation a header as one more member. Its name without hyphens is the member's
    /// and, but for `If-Range`, the shape's.
    pub fn add_header(&mut self, operation: &str, header: &str) -> Result<(), String> {
        let found = self.operations.0.iter().find(|(name, _)| name == operation);
        let (_, found) = found.ok_or_else(|| format!("there is no operation `{operation}`"))?;
        let name = header.replace('-', "");
        let shape = if name == "IfRange" { "IfMatch" } else { &name };
        if !self.shapes.contains_key(shape) {
            return Err(format!("there is no shape for the header `{header}`"));
        }
        let member = Reference {
            shape: shape.to_owned(),
            location: Some("header".to_owned()),
            name: Some(header.to_owned()),
            attribute: false,
            flattened: false,
            streaming: false,
        };
        let input = self.shapes.get_mut(&found.input.shape).ok_or("an input has no shape")?;
        if input.members.0.iter().any(|(other, _)| *other == name) {
            return Err(format!("`{operation}` has `{name}` already"));
        }
        input.members.0.push((name, member));
        Ok(())
    }

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

const NOTHING: &str = "(nothing)";
