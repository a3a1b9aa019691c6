//! Reading the input of an operation from a request.
//!
//! Generated code names the place of each member; everything that can go wrong is here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use strongroom_types::{BucketName, ObjectKey};

use crate::xml::{ReadXml, XmlDocument, XmlElement, XmlFlaw};
use crate::{
    ActionForm, ActionFormError, CopySourceError, ErrorResponse, FromText, InputKind, Location,
    OperationSpec, PresentMembers, RequestHead, Target,
};

/// A request on its way into the input of an operation.
pub struct DecodeRequest<'a> {
    spec: &'static OperationSpec,
    head: &'a RequestHead,
    target: &'a Target,
    body: Option<&'a [u8]>,
    document: Option<XmlDocument<'a>>,
    present: PresentMembers,
    header_names: NameFilter,
}

impl<'a> DecodeRequest<'a> {
    /// Parses the body as the operation wants it, and finds which members are present.
    ///
    /// `body` is the whole body of an operation that takes XML or text; `None` for a streamed one.
    ///
    /// # Errors
    /// If the body is missing or no XML of the expected root.
    pub fn new(
        spec: &'static OperationSpec,
        head: &'a RequestHead,
        target: &'a Target,
        body: Option<&'a [u8]>,
    ) -> Result<Self, DecodeError> {
        let body = body.filter(|body| !body.is_empty());
        let (required, root) = match spec.input {
            InputKind::None | InputKind::Form | InputKind::Stream => (false, None),
            InputKind::Text { required } => (required, None),
            InputKind::Xml { root, required } => (required, Some(root)),
        };
        if required && body.is_none() {
            return Err(DecodeError::new(DecodeLocation::Body, DecodeErrorKind::Missing));
        }
        let document = match (root, body) {
            (Some(root), Some(body)) => Some(parse_document(root, body)?),
            (None, body) if spec.input == InputKind::Form => Some(parse_form(body)?),
            _ => None,
        };
        let present = PresentMembers::scan(spec, head, target, document.as_ref(), body);
        let header_names = head.headers.keys().map(http::HeaderName::as_str).collect();
        Ok(Self { spec, head, target, body, document, present, header_names })
    }

    /// The head of the request.
    #[must_use]
    pub fn head(&self) -> &'a RequestHead {
        self.head
    }

    /// Where the request points.
    #[must_use]
    pub fn target(&self) -> &'a Target {
        self.target
    }

    /// Members that the request has.
    #[must_use]
    pub fn present(&self) -> &PresentMembers {
        &self.present
    }

    /// Gives the members away.
    #[must_use]
    pub fn into_present(self) -> PresentMembers {
        self.present
    }

    /// The bucket.
    ///
    /// # Errors
    /// If the request names none.
    pub fn bucket(&self) -> Result<BucketName, DecodeError> {
        self.target.bucket.clone().ok_or_else(|| self.missing(DecodeLocation::Label))
    }

    /// The object.
    ///
    /// # Errors
    /// If the request names none.
    pub fn object_key(&self) -> Result<ObjectKey, DecodeError> {
        self.target.object_key.clone().ok_or_else(|| self.missing(DecodeLocation::Label))
    }

    /// A query parameter.
    ///
    /// # Errors
    /// If it is present twice or has not the form of its type.
    pub fn query<T: FromText>(&self, name: &'static str) -> Result<Option<T>, DecodeError> {
        let Some(text) = self.head.query.get(name) else {
            return Ok(None);
        };
        let value = if self.head.query.count(name) > 1 {
            Err(DecodeErrorKind::Duplicate)
        } else {
            T::from_text(text)
        };
        value.map(Some).map_err(|kind| self.error(DecodeLocation::Query(name), Some(text), kind))
    }

    /// A query parameter that must be present.
    ///
    /// # Errors
    /// As [`Self::query`], or if it is absent.
    pub fn required_query<T: FromText>(&self, name: &'static str) -> Result<T, DecodeError> {
        self.query(name)?.ok_or_else(|| self.missing(DecodeLocation::Query(name)))
    }

    /// A header.
    ///
    /// # Errors
    /// If it has not the form of its type.
    pub fn header<T: FromText>(&self, name: &'static str) -> Result<Option<T>, DecodeError> {
        let Some(text) = self.header_text(name)? else {
            return Ok(None);
        };
        let value = T::from_text(&text);
        value.map(Some).map_err(|kind| self.error(DecodeLocation::Header(name), Some(&text), kind))
    }

    /// A header that must be present.
    ///
    /// # Errors
    /// As [`Self::header`], or if it is absent.
    pub fn required_header<T: FromText>(&self, name: &'static str) -> Result<T, DecodeError> {
        self.header(name)?.ok_or_else(|| self.missing(DecodeLocation::Header(name)))
    }

    /// A header whose value is ignored if it has not the form of its type, as S3 does with dates
    /// of conditional requests.
    #[must_use]
    pub fn header_or_ignore<T: FromText>(&self, name: &'static str) -> Option<T> {
        self.header(name).ok().flatten()
    }

    /// A header with a list, whose items are separated by commas.
    ///
    /// # Errors
    /// If an item has not the form of its type.
    pub fn header_list<T: FromText>(&self, name: &'static str) -> Result<Vec<T>, DecodeError> {
        let Some(text) = self.header_text(name)? else {
            return Ok(Vec::new());
        };
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items
            .map(|item| {
                let value = T::from_text(item);
                value.map_err(|kind| self.error(DecodeLocation::Header(name), Some(item), kind))
            })
            .collect()
    }

    /// A header with a list that must have an item.
    ///
    /// # Errors
    /// As [`Self::header_list`], or if it has no item.
    pub fn required_header_list<T: FromText>(
        &self,
        name: &'static str,
    ) -> Result<Vec<T>, DecodeError> {
        let items = self.header_list(name)?;
        if items.is_empty() {
            return Err(self.missing(DecodeLocation::Header(name)));
        }
        Ok(items)
    }

    /// All headers whose name starts with a prefix: the rest of the name, in lower case, and the
    /// value as it came: encoded words are decoded by the service, once.
    ///
    /// # Errors
    /// If a value is not UTF-8.
    pub fn header_map(
        &self,
        prefix: &'static str,
    ) -> Result<BTreeMap<String, String>, DecodeError> {
        let mut map = BTreeMap::new();
        for name in self.head.headers.keys() {
            let Some(rest) = name.as_str().strip_prefix(prefix) else {
                continue;
            };
            let Some(value) = self.head.header_text(name.as_str()) else { continue };
            let value = value.map_err(|_| {
                self.error(DecodeLocation::Header(prefix), None, DecodeErrorKind::NotUtf8)
            })?;
            map.insert(rest.to_owned(), value.into_owned());
        }
        Ok(map)
    }

    /// The body as a structure.
    ///
    /// # Errors
    /// If an element is missing, twice, or has not the form of its type.
    pub fn payload<T: ReadXml>(&self) -> Result<Option<T>, DecodeError> {
        self.document.as_ref().map(|document| self.read(document.root())).transpose()
    }

    /// The body as a structure that must be present.
    ///
    /// # Errors
    /// As [`Self::payload`], or if there is no body.
    pub fn required_payload<T: ReadXml>(&self) -> Result<T, DecodeError> {
        self.payload()?.ok_or_else(|| self.missing(DecodeLocation::Body))
    }

    /// The root element of the body, for an input whose members are its children.
    ///
    /// # Errors
    /// If there is no body.
    pub fn root(&self) -> Result<XmlElement<'_>, DecodeError> {
        let document = self.document.as_ref();
        let document = document.ok_or_else(|| self.missing(DecodeLocation::Body))?;
        Ok(document.root())
    }

    /// The body as text that must be present.
    ///
    /// # Errors
    /// If there is none, or it is not UTF-8.
    pub fn required_text(&self) -> Result<String, DecodeError> {
        let body = self.body.ok_or_else(|| self.missing(DecodeLocation::Body))?;
        let text = std::str::from_utf8(body);
        let text =
            text.map_err(|_| self.error(DecodeLocation::Body, None, DecodeErrorKind::NotUtf8))?;
        Ok(text.to_owned())
    }

    fn read<T: ReadXml>(&self, element: XmlElement<'_>) -> Result<T, DecodeError> {
        T::read_xml(element)
    }

    fn header_text(&self, name: &'static str) -> Result<Option<Cow<'_, str>>, DecodeError> {
        if !self.header_names.may_contain(name) {
            return Ok(None);
        }
        let text = self.head.header_text(name).transpose();
        text.map_err(|_| self.error(DecodeLocation::Header(name), None, DecodeErrorKind::NotUtf8))
    }

    fn missing(&self, location: DecodeLocation) -> DecodeError {
        self.error(location, None, DecodeErrorKind::Missing)
    }

    fn error(
        &self,
        location: DecodeLocation,
        value: Option<&str>,
        kind: DecodeErrorKind,
    ) -> DecodeError {
        let at = |wanted: &Location| match (&location, wanted) {
            (DecodeLocation::Header(name), Location::Header(other)) => name == other,
            (DecodeLocation::Header(name), Location::HeaderPrefix(other)) => name == other,
            (DecodeLocation::Query(name), Location::Query(other)) => name == other,
            (DecodeLocation::Body, Location::Root(_) | Location::Text) => true,
            _ => false,
        };
        let member = self.spec.members.iter().find(|member| at(&member.location));
        let sensitive = member.is_some_and(|m| m.kind == crate::ShapeKind::Sensitive);
        DecodeError {
            member: member.map(|member| member.path),
            // SECURITY: a customer key that is malformed is still most of a customer key.
            value: value.filter(|_| !sensitive).map(shorten),
            location,
            kind,
        }
    }
}

impl fmt::Debug for DecodeRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeRequest").field("spec", &self.spec.name).finish_non_exhaustive()
    }
}

/// Tells of most names that they are not in a set. An operation has up to sixty headers of which a
/// request has few, and looking each of them up takes longer than all else of the decoding.
#[derive(Debug, Clone, Copy, Default)]
struct NameFilter(u64);

impl NameFilter {
    fn may_contain(self, name: &str) -> bool {
        self.0 & Self::bit(name) != 0
    }

    fn bit(name: &str) -> u64 {
        let bytes = name.as_bytes();
        let at = |index: usize| bytes.get(index).copied().map_or(0, usize::from);
        let last = bytes.len().saturating_sub(1);
        1 << ((bytes.len() * 5 + at(last) + at(last / 2) * 3) % 64)
    }
}

impl<'n> FromIterator<&'n str> for NameFilter {
    fn from_iter<T: IntoIterator<Item = &'n str>>(names: T) -> Self {
        Self(names.into_iter().fold(0, |bits, name| bits | Self::bit(name)))
    }
}

fn parse_form(body: Option<&[u8]>) -> Result<XmlDocument<'static>, DecodeError> {
    let form = ActionForm::parse(body.unwrap_or_default());
    form.map(ActionForm::into_document).map_err(|error| {
        DecodeError::new(DecodeLocation::Body, DecodeErrorKind::MalformedForm(error))
    })
}

fn parse_document<'b>(root: &str, body: &'b [u8]) -> Result<XmlDocument<'b>, DecodeError> {
    let document = XmlDocument::parse(body).map_err(|flaw| {
        let kind = match flaw {
            XmlFlaw::TooLarge => DecodeErrorKind::TooLong,
            other => DecodeErrorKind::MalformedXml(other.reason()),
        };
        DecodeError::new(DecodeLocation::Body, kind)
    })?;
    if document.root().name() != root {
        let element = document.root().name().to_owned();
        let kind = DecodeErrorKind::MalformedXml("the root element has another name");
        return Err(DecodeError::new(DecodeLocation::Element(element), kind));
    }
    Ok(document)
}

/// Why a request cannot be read as the input of its operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {kind}")]
pub struct DecodeError {
    /// The member in AWS's words, if the place belongs to exactly one.
    pub member: Option<&'static str>,
    /// Where it stands, or would stand.
    pub location: DecodeLocation,
    /// What was there, cut short; absent where it may be secret.
    pub value: Option<String>,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

/// A place in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeLocation {
    /// Path or host.
    Label,
    /// A query parameter.
    Query(&'static str),
    /// A header, in lower case.
    Header(&'static str),
    /// An element of the body, with the elements around it, joined by dots.
    Element(String),
    /// The body as a whole.
    Body,
}

impl fmt::Display for DecodeLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label => f.write_str("path"),
            Self::Query(name) => write!(f, "query parameter `{name}`"),
            Self::Header(name) => write!(f, "header `{name}`"),
            Self::Element(path) => write!(f, "element `{path}`"),
            Self::Body => f.write_str("body"),
        }
    }
}

/// What is wrong with a member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// It is required and absent.
    #[error("it is missing")]
    Missing,
    /// It is no list and present more than once.
    #[error("it is present more than once")]
    Duplicate,
    /// It is no number, or one out of range of its type.
    #[error("it is not a number in range")]
    NotANumber,
    /// It is neither `true` nor `false`.
    #[error("it is neither `true` nor `false`")]
    NotABoolean,
    /// It is none of the texts that it may be.
    #[error("it has an unknown value")]
    UnknownEnumValue,
    /// It is no moment.
    #[error("it is not a date in a known format")]
    BadTimestamp,
    /// The body is no XML that is accepted.
    #[error("the XML is malformed: {0}")]
    MalformedXml(&'static str),
    /// The body is no form that is accepted.
    #[error(transparent)]
    MalformedForm(ActionFormError),
    /// It is no version id.
    #[error("invalid version id specified")]
    BadVersionId,
    /// It is no copy source.
    #[error(transparent)]
    BadCopySource(CopySourceError),
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It is over its limit.
    #[error("it is too long")]
    TooLong,
}

impl DecodeError {
    /// An error at a place, when no more is known.
    #[must_use]
    pub fn new(location: DecodeLocation, kind: DecodeErrorKind) -> Self {
        Self { member: None, location, value: None, kind }
    }

    /// An error in an element, with its text.
    pub(crate) fn in_element(element: XmlElement<'_>, kind: DecodeErrorKind) -> Self {
        Self::new(DecodeLocation::Element(element.path()), kind)
    }

    /// The answer in the terms of the query protocol: a parameter that breaks a rule of its type.
    #[must_use]
    pub fn query(&self) -> ErrorResponse {
        if let DecodeErrorKind::MalformedForm(error) = self.kind {
            return error.query();
        }
        let name = match &self.location {
            DecodeLocation::Element(path) => path.strip_prefix("Input.").unwrap_or(path),
            DecodeLocation::Query(name) | DecodeLocation::Header(name) => name,
            DecodeLocation::Label | DecodeLocation::Body => "the request",
        };
        let kind = &self.kind;
        let message = format!("1 validation error detected: `{name}`: {kind}");
        ErrorResponse::new("ValidationError", 400, message)
    }

    /// The answer in S3's terms, where the service knows nothing better.
    #[must_use]
    pub fn s3(&self) -> ErrorResponse {
        let name = match &self.location {
            DecodeLocation::Body if self.kind == DecodeErrorKind::TooLong => {
                return ErrorResponse::new(
                    "MaxMessageLengthExceeded",
                    400,
                    "your request was too long",
                );
            }
            DecodeLocation::Element(_) | DecodeLocation::Body => {
                return ErrorResponse::new(
                    "MalformedXML",
                    400,
                    "the XML you provided was not well-formed or did not validate against our \
                     published schema",
                );
            }
            DecodeLocation::Label => "path",
            DecodeLocation::Query(name) | DecodeLocation::Header(name) => name,
        };
        if let DecodeErrorKind::BadCopySource(error) = &self.kind {
            return copy_source_response(error, self);
        }
        let code = match (&self.kind, &self.location) {
            (DecodeErrorKind::Missing, DecodeLocation::Header(_)) => "InvalidRequest",
            _ => "InvalidArgument",
        };
        let message: Cow<'static, str> = self.to_string().into();
        let response = ErrorResponse::new(code, 400, message).element("ArgumentName", name);
        match &self.value {
            Some(value) => response.element("ArgumentValue", value),
            None => response,
        }
    }
}

fn copy_source_response(error: &CopySourceError, whole: &DecodeError) -> ErrorResponse {
    let (code, status) = match error {
        CopySourceError::AccessPoint => ("NotImplemented", 501),
        CopySourceError::Bucket(_) => ("InvalidBucketName", 400),
        CopySourceError::Key(strongroom_types::ObjectKeyError::TooLong { .. }) => {
            ("KeyTooLongError", 400)
        }
        CopySourceError::BadForm | CopySourceError::Key(_) | CopySourceError::VersionId => {
            ("InvalidArgument", 400)
        }
    };
    ErrorResponse::new(code, status, error.to_string())
        .element("ArgumentName", "x-amz-copy-source")
        .element("ArgumentValue", whole.value.clone().unwrap_or_default())
}

fn shorten(value: &str) -> String {
    value.chars().take(VALUE_CHARS_MAX).collect()
}

const VALUE_CHARS_MAX: usize = 256; // an error answer repeats no more of a request than this
