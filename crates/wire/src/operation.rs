//! What an operation is: its types, its route, and where each member of its input stands.

use http::Response;
use strongroom_types::RequestId;

use crate::{ByteStream, DecodeError, DecodeRequest, EncodeError};

/// One operation of a service. Implemented by generated types without values.
pub trait Operation: Send + Sync + 'static {
    /// The name in AWS's words, for example `PutObject`.
    const NAME: &'static str;
    /// Route and members.
    const SPEC: &'static OperationSpec;
    /// What a request says. A streamed payload is not part of it.
    type Input: Send + Sync + 'static;
    /// What an answer says.
    type Output: Send + 'static;

    /// Reads the input.
    ///
    /// # Errors
    /// If a member is missing or has not the form of its type.
    fn decode(request: &DecodeRequest<'_>) -> Result<Self::Input, DecodeError>;

    /// Writes the answer to a request.
    ///
    /// # Errors
    /// If a value cannot stand in a header or in XML.
    fn encode(
        output: Self::Output,
        request_id: RequestId,
    ) -> Result<Response<ByteStream>, EncodeError>;
}

/// Route and members of one operation.
#[derive(Debug)]
pub struct OperationSpec {
    /// The name in AWS's words.
    pub name: &'static str,
    /// The method, in upper case.
    pub method: &'static str,
    /// The shape of the path.
    pub path: PathShape,
    /// Query parameters of the route, each with its fixed value if it has one.
    pub query: &'static [(&'static str, Option<&'static str>)],
    /// The status of success.
    pub status: u16,
    /// What the body of the request is.
    pub input: InputKind,
    /// Whether the body must come with `Content-MD5` or an additional checksum.
    pub checksum_required: bool,
    /// All members of the input in pre-order: what lies inside a member follows it, one deeper.
    pub members: &'static [MemberSpec],
}

impl OperationSpec {
    /// An action of the query protocol of which nothing but the name is known.
    #[must_use]
    pub const fn action(name: &'static str) -> Self {
        Self {
            name,
            method: "POST",
            path: PathShape::Service,
            query: &[],
            status: 200,
            input: InputKind::Form,
            checksum_required: false,
            members: &[],
        }
    }

    /// Names of query parameters that a request must have, beside those of the route.
    pub fn required_query(&self) -> impl Iterator<Item = &'static str> {
        self.members.iter().filter(|member| member.required).filter_map(|member| {
            match member.location {
                Location::Query(name) => Some(name),
                _ => None,
            }
        })
    }

    /// Names of headers that a request must have, in lower case.
    pub fn required_headers(&self) -> impl Iterator<Item = &'static str> {
        self.members.iter().filter(|member| member.required).filter_map(|member| {
            match member.location {
                Location::Header(name) => Some(name),
                _ => None,
            }
        })
    }

    /// Whether the route or a member takes this query parameter.
    #[must_use]
    pub fn takes_query(&self, name: &str) -> bool {
        self.query.iter().any(|(other, _)| *other == name)
            || self
                .members
                .iter()
                .any(|member| matches!(member.location, Location::Query(other) if other == name))
    }

    /// Whether a member takes this header, given in lower case.
    #[must_use]
    pub fn takes_header(&self, name: &str) -> bool {
        self.members.iter().any(|member| match member.location {
            Location::Header(other) => other == name,
            Location::HeaderPrefix(prefix) => name.starts_with(prefix),
            _ => false,
        })
    }
}

/// The shape of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathShape {
    /// `/`
    Service,
    /// `/bucket`
    Bucket,
    /// `/bucket/key`
    Object,
    /// A path of its own.
    Fixed(&'static str),
}

/// What the body of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// Nothing; whatever is sent is ignored.
    None,
    /// An XML document.
    Xml {
        /// Name of its root element.
        root: &'static str,
        /// Whether it must be present.
        required: bool,
    },
    /// Text that the wire does not look into, for example a policy.
    Text {
        /// Whether it must be present.
        required: bool,
    },
    /// A form of the query protocol.
    Form,
    /// A payload that is streamed to the service.
    Stream,
}

/// One member of an input.
#[derive(Debug, Clone, Copy)]
pub struct MemberSpec {
    /// Names in AWS's words from the input down, joined by dots.
    pub path: &'static str,
    /// Where it stands in a request.
    pub location: Location,
    /// Whether its parent must have it.
    pub required: bool,
    /// What it is.
    pub kind: ShapeKind,
    /// How many members it lies inside.
    pub depth: u8,
}

/// The members of an input, one in a line: depth, path, place, kind, and whether it is required.
///
/// Used by generated code: two thousand rows that stay readable.
#[macro_export]
macro_rules! members {
    ($($depth:literal $path:literal $location:ident $(($($name:literal),+))? $kind:ident $required:ident,)*) => {
        &[$($crate::MemberSpec {
            path: $path,
            location: $crate::Location::$location $(($($name),+))?,
            required: $crate::members!(@$required),
            kind: $crate::ShapeKind::$kind,
            depth: $depth,
        },)*]
    };
    (@required) => { true };
    (@optional) => { false };
}

/// Where a member stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In the path or host.
    Label,
    /// In a query parameter.
    Query(&'static str),
    /// In a header, named in lower case.
    Header(&'static str),
    /// In all headers whose name starts so.
    HeaderPrefix(&'static str),
    /// It is the root element of the body.
    Root(&'static str),
    /// It is the body, as text.
    Text,
    /// It is the body, streamed.
    Stream,
    /// In an element; a list repeats it.
    Element(&'static str),
    /// A list in an element whose children have this other name: `(list, item)`.
    Wrapped(&'static str, &'static str),
    /// In an attribute of the parent's element.
    Attribute(&'static str),
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShapeKind {
    /// Text.
    Text,
    /// Text that must not be printed.
    Sensitive,
    /// One of a few texts.
    Enum,
    /// A number of 32 bits.
    Integer,
    /// A number of 64 bits.
    Long,
    /// `true` or `false`.
    Boolean,
    /// A moment.
    Timestamp,
    /// Bytes.
    Blob,
    /// Names with texts.
    Map,
    /// Members of its own.
    Structure,
    /// Several texts, enum values or numbers.
    List,
    /// Several structures.
    StructureList,
}
