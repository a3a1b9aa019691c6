//! What is generated: which shapes, with which fields, in which module.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Model, OperationModel, Reference, Shape};
use super::names;
use super::scope::Service;

/// A model together with its scope, and what follows from both.
pub struct Plan<'a> {
    pub model: &'a Model,
    pub scope: &'a Service,
    /// Structures that are read from XML.
    pub read: BTreeSet<&'a str>,
    /// Structures that are written as XML.
    pub written: BTreeSet<&'a str>,
    /// The module of each shape that becomes a type.
    pub modules: BTreeMap<&'a str, &'a str>,
}

/// Which way a structure goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    In,
    Out,
}

/// Where and how a field stands.
pub struct Field<'a> {
    pub aws_name: &'a str,
    pub name: String,
    /// The type without `Option`.
    pub base: String,
    pub optional: bool,
    pub reference: &'a Reference,
    pub shape: &'a Shape,
    pub required: bool,
}

impl Field<'_> {
    pub fn rust_type(&self) -> String {
        if self.optional { format!("Option<{}>", self.base) } else { self.base.clone() }
    }
}

impl<'a> Plan<'a> {
    pub fn new(model: &'a Model, scope: &'a Service) -> Result<Self, String> {
        let mut plan = Self {
            model,
            scope,
            read: BTreeSet::new(),
            written: BTreeSet::new(),
            modules: BTreeMap::new(),
        };
        plan.check_groups()?;
        let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (group, operations) in &scope.groups {
            for name in operations {
                let operation = plan.operation(name);
                let mut used = BTreeSet::new();
                plan.collect(&operation.input.shape, Way::In, true, &mut used);
                if let Some(output) = &operation.output {
                    plan.collect(&output.shape, Way::Out, true, &mut used);
                }
                for shape in used {
                    users.entry(shape).or_default().insert(group);
                }
            }
        }
        for (shape, groups) in users {
            let module = if groups.len() == 1 { groups.first().unwrap_or(&SHARED) } else { SHARED };
            plan.modules.insert(shape, module);
        }
        Ok(plan)
    }

    pub fn operation(&self, name: &str) -> &'a OperationModel {
        let found = self.model.operations.0.iter().find(|(other, _)| other == name);
        &found.unwrap_or_else(|| panic!("the model has no operation `{name}`")).1
    }

    /// The status of success.
    pub fn status(&self, name: &str) -> u16 {
        let stated = self.scope.statuses.get(name).copied();
        stated.or(self.operation(name).http.status).unwrap_or(200)
    }

    fn check_groups(&self) -> Result<(), String> {
        let mut seen: BTreeSet<&str> = self.scope.skipped.keys().map(String::as_str).collect();
        for name in self.scope.groups.values().flatten().chain(&self.scope.refused) {
            if !seen.insert(name) {
                return Err(format!("`{name}` is in two places of scope.toml"));
            }
        }
        let known: BTreeSet<&str> =
            self.model.operations.0.iter().map(|(name, _)| name.as_str()).collect();
        match seen.symmetric_difference(&known).next() {
            Some(name) => Err(format!("`{name}` is not in both model and scope.toml")),
            None => Ok(()),
        }
    }

    /// Finds all shapes below one that become types.
    fn collect(&mut self, name: &'a str, way: Way, top: bool, used: &mut BTreeSet<&'a str>) {
        let shape = self.model.shape(name);
        match shape.kind.as_str() {
            "structure" => {
                if !top {
                    used.insert(name);
                    let set = if way == Way::In { &mut self.read } else { &mut self.written };
                    set.insert(name);
                }
                for (_, member) in &shape.members.0 {
                    if !self.is_stream(member) {
                        self.collect(&member.shape, way, false, used);
                    }
                }
            }
            "list" => {
                if let Some(member) = &shape.member {
                    self.collect(&member.shape, way, false, used);
                }
            }
            _ if self.is_enum(name) => {
                used.insert(name);
            }
            _ => {}
        }
    }

    pub fn is_enum(&self, name: &str) -> bool {
        let open = self.scope.quirks.open_enums.iter().any(|other| other == name);
        self.model.shape(name).values.is_some() && !open
    }

    pub fn is_stream(&self, member: &Reference) -> bool {
        member.streaming || self.model.shape(&member.shape).eventstream
    }

    pub fn type_name(&self, shape: &str) -> String {
        self.scope.renamed_shapes.get(shape).cloned().unwrap_or_else(|| names::capital(shape))
    }

    /// The fields of a structure; a streamed payload is a field of outputs only.
    pub fn fields(&self, structure: &str, way: Way) -> Vec<Field<'a>> {
        let shape = self.model.shape(structure);
        let mut fields = Vec::new();
        for (aws_name, reference) in &shape.members.0 {
            let stream = self.is_stream(reference);
            if stream && way == Way::In {
                continue;
            }
            let target = self.model.shape(&reference.shape);
            let required = shape.is_required(aws_name);
            let label = reference.location.as_deref() == Some("uri");
            let base = match (stream, label, reference.shape.as_str()) {
                (true, ..) => "ByteStream".to_owned(),
                (_, true, "BucketName") => "BucketName".to_owned(),
                (_, true, "ObjectKey") => "ObjectKey".to_owned(),
                _ => self.base_type(structure, reference, way),
            };
            let repeated = target.kind == "map"
                || target.kind == "list"
                    && (self.is_flat(reference) || reference.location.is_some());
            let optional = !required && !stream && !repeated;
            let key = format!("{structure}.{aws_name}");
            let renamed = self.scope.renamed_members.get(&key).cloned();
            let name = renamed.unwrap_or_else(|| names::snake(aws_name));
            fields.push(Field {
                aws_name,
                name,
                base,
                optional,
                reference,
                shape: target,
                required,
            });
        }
        fields
    }

    fn base_type(&self, structure: &str, reference: &Reference, way: Way) -> String {
        let shape = self.model.shape(&reference.shape);
        match shape.kind.as_str() {
            "structure" => self.type_name(&reference.shape),
            "list" => {
                let member = shape.member.as_ref().expect("a list has a member");
                format!("Vec<{}>", self.base_type(structure, member, way))
            }
            "map" => {
                let value = shape.value.as_ref().expect("a map has a value");
                format!("BTreeMap<String, {}>", self.base_type(structure, value, way))
            }
            "integer" => "i32".to_owned(),
            "long" => "i64".to_owned(),
            "boolean" => "bool".to_owned(),
            "timestamp" => "Timestamp".to_owned(),
            "blob" | "string" if shape.sensitive => "Redacted".to_owned(),
            "string" if self.is_enum(&reference.shape) => self.type_name(&reference.shape),
            "string" => match reference.shape.as_str() {
                "CopySource" => "CopySource".to_owned(),
                "ObjectVersionId" | "CopySourceVersionId" | "DeleteMarkerVersionId"
                    if self.has_typed_version(structure, reference, way) =>
                {
                    "VersionId".to_owned()
                }
                _ => "String".to_owned(),
            },
            other => panic!("shape `{}` has the unknown type `{other}`", reference.shape),
        }
    }

    /// Version ids in bodies of requests stay text: one that is malformed is answered for its
    /// entry alone.
    fn has_typed_version(&self, structure: &str, reference: &Reference, way: Way) -> bool {
        let text = self.scope.quirks.version_id_as_text.iter().any(|other| other == structure);
        !text && (way == Way::Out || reference.location.is_some())
    }

    pub fn is_flat(&self, reference: &Reference) -> bool {
        reference.flattened || self.model.shape(&reference.shape).flattened
    }

    /// The name of a member's element.
    pub fn element_name(&self, aws_name: &str, reference: &Reference) -> String {
        let shape = self.model.shape(&reference.shape);
        if shape.kind == "list" && self.is_flat(reference) {
            // The name at the use wins over the one at the list's member only if the list is
            // flattened at the use.
            let item = shape.member.as_ref().and_then(|member| member.name.clone());
            let own = reference.name.clone();
            let name = if reference.flattened { own.or(item) } else { item.or(own) };
            return name.unwrap_or_else(|| aws_name.to_owned());
        }
        let own = reference.name.clone().or_else(|| shape.name.clone());
        own.unwrap_or_else(|| aws_name.to_owned())
    }

    /// The name of the items of a list that is not flattened.
    pub fn item_name(&self, reference: &Reference) -> String {
        let member = self.model.shape(&reference.shape).member.as_ref();
        member.and_then(|member| member.name.clone()).unwrap_or_else(|| "member".to_owned())
    }

    /// Whether a structure has a value for each field that must be there.
    pub fn has_default(&self, structure: &str, way: Way) -> bool {
        self.fields(structure, way).iter().all(|field| {
            !field.required
                || match field.base.as_str() {
                    "BucketName" | "ObjectKey" | "Timestamp" | "CopySource" | "VersionId" => false,
                    _ if field.shape.kind == "structure" => {
                        self.has_default(&field.reference.shape, way)
                    }
                    _ if field.shape.kind == "list" => true,
                    _ => !self.is_enum(&field.reference.shape),
                }
        })
    }

    /// Whether values of a structure can be compared: what is redacted or streamed cannot.
    pub fn is_comparable(&self, structure: &str, way: Way) -> bool {
        self.fields(structure, way).iter().all(|field| {
            if field.base.contains("Redacted") || field.base == "ByteStream" {
                return false;
            }
            let shape = match &field.shape.member {
                Some(member) => &member.shape,
                None => &field.reference.shape,
            };
            self.model.shape(shape).kind != "structure" || self.is_comparable(shape, way)
        })
    }
}

/// The module of shapes that several groups use.
pub const SHARED: &str = "shapes";
