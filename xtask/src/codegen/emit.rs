//! Rust text of types and operations.

use std::fmt::Write;

use super::model::{OperationModel, Protocol, Reference};
use super::names;
use super::plan::{Field, Plan, Way};
use super::scope::MixedLists;

/// An enum with fixed texts.
pub fn enumeration(plan: &Plan<'_>, shape: &str) -> String {
    let mut text = format!("text_enum! {{\n    {} {{\n", plan.type_name(shape));
    for value in plan.model.shape(shape).values.iter().flatten() {
        put(&mut text, format_args!("        {} = {value:?},\n", names::variant(value)));
    }
    text + "    }\n}\n\n"
}

/// A structure with what reads and writes it.
pub fn structure(plan: &Plan<'_>, shape: &str) -> String {
    let read = plan.read.contains(shape);
    let written = plan.written.contains(shape);
    let way = if read { Way::In } else { Way::Out };
    let name = plan.type_name(shape);
    let mut text = definition(plan, &name, shape, way);
    let fields = plan.fields(shape, way);
    if read {
        let element = if fields.is_empty() { "_" } else { "x" };
        put(
            &mut text,
            format_args!(
                "impl ReadXml for {name} {{\n    fn read_xml({element}: XmlElement<'_>) -> Result<Self, DecodeError> {{\n        Ok(Self {{\n"
            ),
        );
        for field in &fields {
            put(&mut text, format_args!("{}: {},\n", field.name, read_element(plan, field)));
        }
        text += "        })\n    }\n}\n\n";
    }
    if written {
        let writer = if fields.is_empty() { "_" } else { "w" };
        put(
            &mut text,
            format_args!(
                "impl WriteXml for {name} {{\n    fn write_xml(&self, {writer}: &mut XmlWriter) {{\n"
            ),
        );
        for field in fields.iter().filter(|field| !field.reference.attribute) {
            put(&mut text, format_args!("{}\n", write_element(plan, field, "self")));
        }
        text += "    }\n";
        let attributes: Vec<_> = fields.iter().filter(|field| field.reference.attribute).collect();
        if !attributes.is_empty() {
            text += "\n    fn attributes(&self) -> Vec<(&'static str, String)> {\n        vec![";
            for field in attributes {
                let element = plan.element_name(field.aws_name, field.reference);
                put(
                    &mut text,
                    format_args!("({element:?}, self.{}.as_str().to_owned()),", field.name),
                );
            }
            text += "]\n    }\n";
        }
        text += "}\n\n";
    }
    text
}

/// The struct itself, and a constructor if it has no default.
fn definition(plan: &Plan<'_>, name: &str, shape: &str, way: Way) -> String {
    let fields = plan.fields(shape, way);
    let mut derives = vec!["Debug"];
    if fields.iter().all(|field| field.base != "ByteStream") {
        derives.push("Clone");
    }
    let default = plan.has_default(shape, way);
    if default {
        derives.push("Default");
    }
    if plan.is_comparable(shape, way) {
        derives.push("PartialEq");
    }
    let mut text = format!("#[derive({})]\npub struct {name} {{\n", derives.join(", "));
    let mixed = name.strip_suffix("Output").and_then(|name| plan.scope.mixed_lists.get(name));
    for field in &fields {
        match mixed.and_then(|mixed| place_in(mixed, field).map(|place| (mixed, place))) {
            None => {
                put(&mut text, format_args!("    pub {}: {},\n", field.name, field.rust_type()))
            }
            Some((mixed, 0)) => {
                put(&mut text, format_args!("    pub {}: Vec<{}>,\n", mixed.field, mixed.item))
            }
            Some(_) => {}
        }
    }
    text += "}\n\n";
    if let Some(mixed) = mixed {
        text += &mixed_item(plan, mixed, &fields);
    }
    if !default {
        text += &constructor(name, &fields);
    }
    text
}

/// Where a field stands among lists that are one on the wire.
fn place_in(mixed: &MixedLists, field: &Field<'_>) -> Option<usize> {
    mixed.members.iter().position(|member| member == field.aws_name)
}

/// The items of lists that are one on the wire.
fn mixed_item(plan: &Plan<'_>, mixed: &MixedLists, fields: &[Field<'_>]) -> String {
    let mut text = format!("#[derive(Debug, Clone, PartialEq)]\npub enum {} {{\n", mixed.item);
    for field in fields.iter().filter(|field| place_in(mixed, field).is_some()) {
        let item = field.base.trim_start_matches("Vec<").trim_end_matches('>');
        let element = plan.element_name(field.aws_name, field.reference);
        put(&mut text, format_args!("    {element}({item}),\n"));
    }
    text + "}\n\n"
}

/// The statement that writes lists that are one on the wire.
fn write_mixed(plan: &Plan<'_>, mixed: &MixedLists, fields: &[&Field<'_>]) -> String {
    let mut text = format!("for item in &o.{} {{ match item {{\n", mixed.field);
    for field in fields.iter().filter(|field| place_in(mixed, field).is_some()) {
        let element = plan.element_name(field.aws_name, field.reference);
        let item = &mixed.item;
        put(
            &mut text,
            format_args!("{item}::{element}(value) => w.element({element:?}, value),\n"),
        );
    }
    text + "} }\n"
}

fn constructor(name: &str, fields: &[Field<'_>]) -> String {
    let required: Vec<_> = fields.iter().filter(|field| field.required).collect();
    let arguments: Vec<_> =
        required.iter().map(|field| format!("{}: {}", field.name, field.base)).collect();
    let mut text = format!(
        "impl {name} {{\n    /// A value with what it must have and nothing else.\n    #[must_use]\n    pub fn new({}) -> Self {{\n        Self {{\n",
        arguments.join(", ")
    );
    for field in fields {
        if field.required {
            put(&mut text, format_args!("{},\n", field.name));
        } else {
            let empty = if field.optional { "None" } else { "Default::default()" };
            put(&mut text, format_args!("{}: {empty},\n", field.name));
        }
    }
    text + "        }\n    }\n}\n\n"
}

/// The expression that reads a field from element `x`.
fn read_element(plan: &Plan<'_>, field: &Field<'_>) -> String {
    let name = plan.element_name(field.aws_name, field.reference);
    let required = if field.required { "required_" } else { "" };
    if field.reference.attribute {
        return format!("x.{required}attribute({name:?})?");
    }
    if field.shape.kind == "list" {
        if plan.is_flat(field.reference) {
            return format!("x.{required}list({name:?})?");
        }
        let item = plan.item_name(field.reference);
        return format!("x.{required}wrapped_list({name:?}, {item:?})?");
    }
    let method = if field.required { "required" } else { "optional" };
    format!("x.{method}({name:?})?")
}

/// The statement that writes a field of `value`.
fn write_element(plan: &Plan<'_>, field: &Field<'_>, value: &str) -> String {
    let name = plan.element_name(field.aws_name, field.reference);
    let place = format!("{value}.{}", field.name);
    if field.shape.kind == "map" {
        return format!("w.map({name:?}, &{place});");
    }
    if field.shape.kind == "list" {
        if plan.is_flat(field.reference) {
            return format!("w.list({name:?}, &{place});");
        }
        let item = plan.item_name(field.reference);
        if field.optional {
            return format!("w.optional_wrapped_list({name:?}, {item:?}, {place}.as_ref());");
        }
        return format!("w.wrapped_list({name:?}, {item:?}, &{place});");
    }
    if field.optional {
        return format!("w.optional({name:?}, {place}.as_ref());");
    }
    format!("w.element({name:?}, &{place});")
}

/// An operation with its input and output.
pub fn operation(plan: &Plan<'_>, name: &str) -> String {
    let operation = plan.operation(name);
    let input = &operation.input.shape;
    let mut text = format!(
        "/// `{} {}`\n#[derive(Debug, Clone, Copy)]\npub struct {name};\n\n",
        operation.http.method, operation.http.uri
    );
    text += &definition(plan, &format!("{name}Input"), input, Way::In);
    match &operation.output {
        Some(output) => {
            text += &definition(plan, &format!("{name}Output"), &output.shape, Way::Out)
        }
        None => put(
            &mut text,
            format_args!(
                "#[derive(Debug, Clone, Default, PartialEq)]\npub struct {name}Output {{}}\n\n"
            ),
        ),
    }
    put(
        &mut text,
        format_args!(
            "impl Operation for {name} {{\n    const NAME: &'static str = {name:?};\n    const SPEC: &'static OperationSpec = &{};\n    type Input = {name}Input;\n    type Output = {name}Output;\n\n",
            specification(plan, name, operation)
        ),
    );
    text += &decode(plan, name, input);
    text += &encode(plan, name, operation);
    text + "}\n\n"
}

fn decode(plan: &Plan<'_>, name: &str, input: &str) -> String {
    let fields = plan.fields(input, Way::In);
    let shape = plan.model.shape(input);
    let argument = if fields.is_empty() { "_" } else { "r" };
    let mut text = format!(
        "    fn decode({argument}: &DecodeRequest<'_>) -> Result<{name}Input, DecodeError> {{\n"
    );
    let in_body = |field: &Field<'_>| {
        field.reference.location.is_none() && shape.payload.as_deref() != Some(field.aws_name)
    };
    if fields.iter().any(in_body) {
        text += "        let x = r.root()?;\n";
    }
    put(&mut text, format_args!("        Ok({name}Input {{\n"));
    for field in &fields {
        let value =
            if in_body(field) { read_element(plan, field) } else { read_place(plan, field) };
        put(&mut text, format_args!("{}: {value},\n", field.name));
    }
    text + "        })\n    }\n\n"
}

/// The expression that reads a field from its place outside the body, or the body as a whole.
fn read_place(plan: &Plan<'_>, field: &Field<'_>) -> String {
    let required = if field.required { "required_" } else { "" };
    let name = field.reference.name.as_deref().unwrap_or(field.aws_name);
    match field.reference.location.as_deref() {
        Some("uri") if field.base == "BucketName" => "r.bucket()?".to_owned(),
        Some("uri") => "r.object_key()?".to_owned(),
        Some("querystring") => format!("r.{required}query({name:?})?"),
        Some("headers") => format!("r.header_map({:?})?", name.to_lowercase()),
        Some("header") => {
            let name = name.to_lowercase();
            if field.shape.kind == "list" {
                return format!("r.{required}header_list({name:?})?");
            }
            let ignored = &plan.scope.quirks.ignored_if_malformed;
            if ignored.contains(&field.reference.shape) {
                return format!("r.header_or_ignore({name:?})");
            }
            format!("r.{required}header({name:?})?")
        }
        None if field.shape.kind == "structure" => format!("r.{required}payload()?"),
        None => "r.required_text()?".to_owned(),
        Some(other) => panic!("`{}` has the unknown location `{other}`", field.aws_name),
    }
}

fn encode(plan: &Plan<'_>, name: &str, operation: &OperationModel) -> String {
    if plan.model.metadata.protocol == Protocol::Query {
        return encode_query(plan, name, operation);
    }
    let status = plan.status(name);
    let Some(output) = &operation.output else {
        return format!(
            "    fn encode(_: {name}Output, _: RequestId) -> Result<Response<ByteStream>, EncodeError> {{\n        ResponseBuilder::new({status}).finish()\n    }}\n"
        );
    };
    let shape = plan.model.shape(&output.shape);
    let fields = plan.fields(&output.shape, Way::Out);
    let (headers, rest): (Vec<_>, Vec<_>) =
        fields.iter().partition(|field| field.reference.location.is_some());
    let argument = if fields.is_empty() { "_" } else { "o" };
    let mutable = if headers.is_empty() { "" } else { "mut " };
    let mut text = format!(
        "    fn encode({argument}: {name}Output, _: RequestId) -> Result<Response<ByteStream>, EncodeError> {{\n        let {mutable}r = ResponseBuilder::new({status});\n"
    );
    for field in &headers {
        put(&mut text, format_args!("{}\n", write_header(field)));
    }
    if plan.scope.quirks.partial_content.iter().any(|other| other == name) {
        text += "r.partial_content_if(o.content_range.is_some());\n";
    }
    text += &encode_body(plan, name, shape.payload.as_deref(), &rest);
    text + "    }\n"
}

/// An answer of the query protocol: the result in its wrapper, and the id of the request.
fn encode_query(plan: &Plan<'_>, name: &str, operation: &OperationModel) -> String {
    let response = format!("{name}Response");
    let Some(output) = &operation.output else {
        return format!(
            "    fn encode(_: {name}Output, id: RequestId) -> Result<Response<ByteStream>, EncodeError> {{\n        ResponseBuilder::new(200).finish_query({response:?}, NAMESPACE, id, |_| ())\n    }}\n"
        );
    };
    let result = format!("{name}Result");
    let fields = plan.fields(&output.shape, Way::Out);
    let argument = if fields.is_empty() { "_" } else { "o" };
    let mut text = format!(
        "    fn encode({argument}: {name}Output, id: RequestId) -> Result<Response<ByteStream>, EncodeError> {{\n        ResponseBuilder::new(200).finish_query({response:?}, NAMESPACE, id, |w| {{\nw.open({result:?});\n"
    );
    for field in &fields {
        put(&mut text, format_args!("{}\n", write_element(plan, field, "o")));
    }
    put(&mut text, format_args!("w.close({result:?});\n"));
    text + "        })\n    }\n"
}

fn encode_body(plan: &Plan<'_>, name: &str, payload: Option<&str>, rest: &[&Field<'_>]) -> String {
    let namespace = if rest.is_empty() { "" } else { "S3_NAMESPACE" };
    let root = plan.scope.roots.get(name);
    if let Some(payload) = payload {
        let field = rest.iter().find(|field| field.aws_name == payload);
        let field = field.unwrap_or_else(|| panic!("`{name}` has no payload `{payload}`"));
        if field.base == "ByteStream" {
            return format!("r.finish_stream(o.{})\n", field.name);
        }
        if field.shape.kind != "structure" {
            return format!("r.finish_text(\"application/json\", o.{})\n", field.name);
        }
        let element = plan.element_name(&field.reference.shape, field.reference);
        return format!("r.finish_payload({element:?}, {namespace}, o.{}.as_ref())\n", field.name);
    }
    if rest.is_empty() {
        return "r.finish()\n".to_owned();
    }
    let root = root.unwrap_or_else(|| panic!("`{name}` has no root in scope.toml"));
    let mut text = format!("r.finish_xml({root:?}, {namespace}, |w| {{\n");
    let mixed = plan.scope.mixed_lists.get(name);
    for field in rest {
        if let Some((mixed, place)) =
            mixed.and_then(|mixed| place_in(mixed, field).map(|place| (mixed, place)))
        {
            if place == 0 {
                text += &write_mixed(plan, mixed, rest);
            }
            continue;
        }
        if plan.scope.quirks.text_root.iter().any(|other| other == name) {
            put(
                &mut text,
                format_args!("w.text(o.{}.as_deref().unwrap_or_default());", field.name),
            );
        } else {
            put(&mut text, format_args!("{}\n", write_element(plan, field, "o")));
        }
    }
    text + "})\n"
}

fn write_header(field: &Field<'_>) -> String {
    let name = field.reference.name.as_deref().unwrap_or(field.aws_name).to_lowercase();
    let place = format!("o.{}", field.name);
    if field.shape.kind == "map" {
        return format!("r.header_map({name:?}, &{place});");
    }
    let http_date = field.shape.kind == "timestamp"
        && field.shape.timestamp_format.as_deref() != Some("iso8601");
    match (field.optional, http_date) {
        (true, true) => format!("r.optional_http_date({name:?}, {place}.as_ref());"),
        (true, false) => format!("r.optional_header({name:?}, {place}.as_ref());"),
        (false, true) => format!("r.optional_http_date({name:?}, Some(&{place}));"),
        (false, false) => format!("r.header({name:?}, &{place});"),
    }
}

/// Route and members.
fn specification(plan: &Plan<'_>, name: &str, operation: &OperationModel) -> String {
    let (path, query) = match operation.http.uri.split_once('?') {
        Some((path, query)) => (path, query),
        None => (operation.http.uri.as_str(), ""),
    };
    let path = match path {
        "/" => "PathShape::Service".to_owned(),
        "/{Bucket}" => "PathShape::Bucket".to_owned(),
        "/{Bucket}/{Key+}" => "PathShape::Object".to_owned(),
        fixed if !fixed.contains('{') => format!("PathShape::Fixed({fixed:?})"),
        other => panic!("`{name}` has the unknown path `{other}`"),
    };
    let query: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) => format!("({key:?}, Some({value:?}))"),
            None => format!("({pair:?}, None)"),
        })
        .collect();
    let input = &operation.input.shape;
    let shape = plan.model.shape(input);
    let kind = input_kind(plan, operation);
    let mut members = String::new();
    for (aws_name, reference) in &shape.members.0 {
        let payload = shape.payload.as_deref() == Some(aws_name);
        let required = shape.is_required(aws_name);
        member(
            plan,
            &mut members,
            Place { path: aws_name, aws_name, reference, depth: 0, required, payload },
        );
    }
    format!(
        "OperationSpec {{ name: {name:?}, method: {:?}, path: {path}, query: &[{}], status: {}, input: {kind}, checksum_required: {}, members: members! {{\n{members}        }} }}",
        operation.http.method,
        query.join(", "),
        plan.status(name),
        operation.checksum.required,
    )
}

fn input_kind(plan: &Plan<'_>, operation: &OperationModel) -> String {
    if plan.model.metadata.protocol == Protocol::Query {
        return "InputKind::Form".to_owned();
    }
    let shape = plan.model.shape(&operation.input.shape);
    let Some(payload) = &shape.payload else {
        let in_body = shape.members.0.iter().any(|(_, member)| member.location.is_none());
        let root = operation.input.name.as_deref().unwrap_or_default();
        return if in_body {
            format!("InputKind::Xml {{ root: {root:?}, required: true }}")
        } else {
            "InputKind::None".to_owned()
        };
    };
    let found = shape.members.0.iter().find(|(name, _)| name == payload);
    let (_, member) = found.unwrap_or_else(|| panic!("no payload `{payload}`"));
    let required = shape.is_required(payload);
    if plan.is_stream(member) {
        return "InputKind::Stream".to_owned();
    }
    if plan.model.shape(&member.shape).kind == "structure" {
        let root = plan.element_name(payload, member);
        return format!("InputKind::Xml {{ root: {root:?}, required: {required} }}");
    }
    format!("InputKind::Text {{ required: {required} }}")
}

#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    aws_name: &'a str,
    reference: &'a Reference,
    depth: usize,
    required: bool,
    payload: bool,
}

/// A row for a member and rows for all inside it.
fn member(plan: &Plan<'_>, text: &mut String, place: Place<'_>) {
    assert!(place.depth < 16, "`{}` is nested without end", place.path);
    let reference = place.reference;
    let shape = plan.model.shape(&reference.shape);
    let item = shape.member.as_ref().map(|member| plan.model.shape(&member.shape));
    let name = reference.name.as_deref().unwrap_or(place.aws_name);
    let location = match reference.location.as_deref() {
        Some("uri") => "Label".to_owned(),
        Some("querystring") => format!("Query({name:?})"),
        Some("header") => format!("Header({:?})", name.to_lowercase()),
        Some("headers") => format!("HeaderPrefix({:?})", name.to_lowercase()),
        Some(other) => panic!("`{}` has the unknown location `{other}`", place.path),
        None if plan.is_stream(reference) => "Stream".to_owned(),
        None if place.payload && shape.kind != "structure" => "Text".to_owned(),
        None => {
            let element = plan.element_name(place.aws_name, reference);
            if place.payload {
                format!("Root({element:?})")
            } else if reference.attribute {
                format!("Attribute({element:?})")
            } else if shape.kind == "list" && !plan.is_flat(reference) {
                format!("Wrapped({element:?}, {:?})", plan.item_name(reference))
            } else {
                format!("Element({element:?})")
            }
        }
    };
    let kind = match shape.kind.as_str() {
        "string" if shape.sensitive => "Sensitive",
        "string" if plan.is_enum(&reference.shape) => "Enum",
        "string" => "Text",
        "integer" => "Integer",
        "long" => "Long",
        "boolean" => "Boolean",
        "timestamp" => "Timestamp",
        "blob" => "Blob",
        "map" => "Map",
        "structure" => "Structure",
        "list" if item.is_some_and(|item| item.kind == "structure") => "StructureList",
        "list" => "List",
        other => panic!("`{}` has the unknown type `{other}`", place.path),
    };
    let required = if place.required { "required" } else { "optional" };
    put(
        text,
        format_args!(
            "            {} {:?} {location} {kind} {required},\n",
            place.depth, place.path
        ),
    );
    let inside = item.unwrap_or(shape);
    for (aws_name, reference) in &inside.members.0 {
        let path = format!("{}.{aws_name}", place.path);
        let required = inside.is_required(aws_name);
        let depth = place.depth + 1;
        member(
            plan,
            text,
            Place { path: &path, aws_name, reference, depth, required, payload: false },
        );
    }
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    let _ = text.write_fmt(arguments);
}
