//! Requests of the query protocol: a form that names an action, and parameters that name places.
//!
//! `Tags.member.1.Key=team` says the same as a document `<Tags><member><Key>team</Key>…`, and is
//! read as that document: the code that reads inputs, finds what is present and names what is wrong
//! is the same for both.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::xml::{XmlDocument, XmlFlaw, XmlTree, is_xml_character};
use crate::{ErrorResponse, OperationIndex, OperationSpec, RequestHead, percent_decode};

/// A request of the query protocol.
#[derive(Debug)]
pub struct ActionForm {
    action: String,
    version: Option<String>,
    document: XmlDocument<'static>,
}

/// Why a form is none that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ActionFormError {
    /// It is no form, or has something beside the form.
    #[error("the request is not a form posted to `/`")]
    NotAForm,
    /// It has too many bytes.
    #[error("the form has more than {FORM_BYTES_MAX} bytes")]
    TooLarge,
    /// It cannot be decoded.
    #[error("the form is not percent-encoded UTF-8 of characters that XML can express")]
    Encoding,
    /// It has too many parameters.
    #[error("the form has more than {PARAMETERS_MAX} parameters")]
    TooManyParameters,
    /// A name is not made of names and numbers, or has too many of them.
    #[error("the form has a parameter whose name is malformed")]
    Name,
    /// A parameter is present twice, or stands for a value and for something with parts.
    #[error("the form has a parameter more than once")]
    Duplicate,
    /// There is no action.
    #[error("the form names no action")]
    NoAction,
}

impl ActionFormError {
    /// The answer in the terms of the query protocol.
    #[must_use]
    pub fn query(self) -> ErrorResponse {
        let code = match self {
            Self::NoAction => "MissingAction",
            Self::NotAForm
            | Self::TooLarge
            | Self::Encoding
            | Self::TooManyParameters
            | Self::Name
            | Self::Duplicate => "ValidationError",
        };
        ErrorResponse::new(code, 400, self.to_string())
    }
}

impl ActionForm {
    /// Checks that a request is one whose body, or whose query if it is a GET, is a form.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn check_head(head: &RequestHead) -> Result<(), ActionFormError> {
        let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let is_form = |value: &[u8]| {
            let named = value.split(|b| *b == b';').next().unwrap_or_default();
            named.trim_ascii().eq_ignore_ascii_case(FORM_TYPE)
        };
        let fits = head.raw_path == "/"
            && match head.method {
                http::Method::POST => {
                    head.raw_query.is_empty() && content_type.is_some_and(is_form)
                }
                http::Method::GET => true,
                _ => false,
            };
        if fits { Ok(()) } else { Err(ActionFormError::NotAForm) }
    }

    /// The form of a request that [`Self::check_head`] has seen: that in its body, or, of a GET,
    /// what the query says beside the signature.
    ///
    /// # Errors
    /// If a GET has a body.
    pub fn bytes_of<'b>(
        head: &RequestHead,
        body: &'b [u8],
    ) -> Result<Cow<'b, [u8]>, ActionFormError> {
        if head.method != http::Method::GET {
            return Ok(Cow::Borrowed(body));
        }
        if !body.is_empty() {
            return Err(ActionFormError::NotAForm);
        }
        let of_signature =
            |pair: &&str| pair.get(..6).is_some_and(|p| p.eq_ignore_ascii_case("X-Amz-"));
        let pairs: Vec<_> = head.raw_query.split('&').filter(|pair| !of_signature(pair)).collect();
        Ok(Cow::Owned(pairs.join("&").into_bytes()))
    }

    /// Reads a form.
    ///
    /// # Errors
    /// If it is malformed, over a limit, or says anything twice.
    pub fn parse(form: &[u8]) -> Result<Self, ActionFormError> {
        if form.len() > FORM_BYTES_MAX {
            return Err(ActionFormError::TooLarge);
        }
        let text = std::str::from_utf8(form).map_err(|_| ActionFormError::Encoding)?;
        let mut root = Place::default();
        let (mut action, mut version) = (None, None);
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        for (count, pair) in pairs.enumerate() {
            if count == PARAMETERS_MAX {
                return Err(ActionFormError::TooManyParameters);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            // SECURITY: of two parameters of one name, another reader may take the other one.
            let twice = match name.as_str() {
                "Action" => action.replace(value).is_some(),
                "Version" => version.replace(value).is_some(),
                _ => root.put(&name, value)?,
            };
            if twice {
                return Err(ActionFormError::Duplicate);
            }
        }
        let mut tree = XmlTree::default();
        root.write("Input", &mut tree).map_err(|flaw| match flaw {
            XmlFlaw::TooManyElements => ActionFormError::TooManyParameters,
            XmlFlaw::MixedContent => ActionFormError::Duplicate,
            _ => ActionFormError::Name,
        })?;
        let document = tree.finish().map_err(|_| ActionFormError::Name)?;
        let action = action.filter(|action| !action.is_empty());
        let action = action.ok_or(ActionFormError::NoAction)?;
        Ok(Self { action, version, document })
    }

    /// What is asked for.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The parameters, as a document.
    #[must_use]
    pub fn document(&self) -> &XmlDocument<'static> {
        &self.document
    }

    pub(crate) fn into_document(self) -> XmlDocument<'static> {
        self.document
    }
}

/// The actions of one service.
#[derive(Debug)]
pub struct ActionTable {
    version: &'static str,
    actions: BTreeMap<&'static str, usize>,
}

impl ActionTable {
    /// A table of these operations, for requests of this version.
    #[must_use]
    pub fn new(version: &'static str, operations: &[&'static OperationSpec]) -> Self {
        let actions = operations.iter().enumerate().map(|(index, spec)| (spec.name, index));
        Self { version, actions: actions.collect() }
    }

    /// Finds the operation that a form asks for.
    ///
    /// # Errors
    /// If there is none of this name in this version.
    pub fn route(&self, form: &ActionForm) -> Result<OperationIndex, ErrorResponse> {
        let version = form.version.as_deref().unwrap_or("NO_VERSION_SPECIFIED");
        let index = self.actions.get(form.action()).filter(|_| version == self.version);
        index.map(|index| OperationIndex(*index)).ok_or_else(|| {
            let shorten = |text: &str| text.chars().take(ECHO_CHARS_MAX).collect::<String>();
            let (action, version) = (shorten(form.action()), shorten(version));
            let message = format!("could not find operation {action} for version {version}");
            ErrorResponse::new("InvalidAction", 400, message)
        })
    }
}

/// A value, or parts by name and by number.
#[derive(Debug, Default)]
struct Place {
    value: Option<String>,
    parts: BTreeMap<(String, u32), Place>,
}

impl Place {
    /// Puts a value where a name says; tells whether there was one already.
    fn put(&mut self, name: &str, value: String) -> Result<bool, ActionFormError> {
        let mut place = self;
        let mut segments = name.split('.').peekable();
        let mut depth = 0;
        while let Some(segment) = segments.next() {
            let starts = segment.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
            let is_name = starts && segment.bytes().all(|b| b.is_ascii_alphanumeric());
            if !is_name || segment.len() > NAME_BYTES_MAX || depth == DEPTH_MAX {
                return Err(ActionFormError::Name);
            }
            depth += 1;
            let number = match segments.peek() {
                Some(next) if next.bytes().next().is_some_and(|b| b.is_ascii_digit()) => {
                    let number = item_number(next).ok_or(ActionFormError::Name)?;
                    segments.next();
                    number
                }
                _ => 0,
            };
            place = place.parts.entry((segment.to_owned(), number)).or_default();
        }
        Ok(place.value.replace(value).is_some())
    }

    /// Writes the place as an element. As deep as names have parts.
    fn write(self, name: &str, tree: &mut XmlTree) -> Result<(), XmlFlaw> {
        tree.open(name)?;
        if let Some(value) = self.value {
            // A list that is there and empty has an empty value, and no parts.
            if !self.parts.is_empty() {
                return Err(XmlFlaw::MixedContent);
            }
            tree.text(value)?;
        }
        for ((name, _), part) in self.parts {
            part.write(&name, tree)?;
        }
        tree.close()
    }
}

/// The number of an item: digits as they are written once only.
fn item_number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

fn decode(text: &str) -> Result<String, ActionFormError> {
    let bytes = percent_decode(&text.replace('+', " ")).ok_or(ActionFormError::Encoding)?;
    let text = String::from_utf8(bytes).map_err(|_| ActionFormError::Encoding)?;
    if text.chars().all(is_xml_character) { Ok(text) } else { Err(ActionFormError::Encoding) }
}

const FORM_TYPE: &[u8] = b"application/x-www-form-urlencoded";
/// Longest form: a policy of 131,072 characters, each sent as three.
pub(crate) const FORM_BYTES_MAX: usize = 512 * 1024;
/// 50 tags with key and value, 50 keys of tags, and some more, ten times over.
const PARAMETERS_MAX: usize = 1024;
/// The deepest input of a service in scope has five levels.
const DEPTH_MAX: usize = 8;
const NAME_BYTES_MAX: usize = 64; // the longest name in the models has 44
const ECHO_CHARS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;

    fn parse(form: &str) -> Result<ActionForm, ActionFormError> {
        ActionForm::parse(form.as_bytes())
    }

    fn refusal(form: &str) -> ActionFormError {
        parse(form).unwrap_err()
    }

    #[test]
    fn parameters_are_a_document_in_the_order_of_their_numbers() {
        let form = parse(
            "Action=TagUser&Version=1&Tags.member.10.Key=j&Tags.member.2.Value=%C3%BC+%2B%26\
             &Tags.member.2.Key=b&UserName=a&Empty=&TagKeys=",
        );
        let form = form.unwrap();
        assert_eq!(form.action(), "TagUser");
        let root = form.document().root();
        assert_eq!(root.optional::<String>("UserName"), Ok(Some("a".to_owned())));
        assert_eq!(root.optional::<String>("Empty"), Ok(Some(String::new())));
        assert_eq!(root.wrapped_list::<String>("TagKeys", "member"), Ok(Some(Vec::new())));
        assert_eq!(root.wrapped_list::<String>("None", "member"), Ok(None));
        let tags = root.children().find(|child| child.name() == "Tags").unwrap();
        let read = |item: crate::xml::XmlElement<'_>| {
            let (key, value) = (item.required("Key"), item.optional("Value"));
            (key.unwrap(), value.unwrap())
        };
        let items: Vec<(String, Option<String>)> = tags.children().map(read).collect();
        assert_eq!(items, [("b".to_owned(), Some("ü +&".to_owned())), ("j".to_owned(), None)]);
        let last = tags.children().last().unwrap();
        let missing = last.required::<String>("Value").unwrap_err();
        assert_eq!(missing.location.to_string(), "element `Input.Tags.member.Value`");
    }

    #[test]
    fn what_is_said_twice_is_refused() {
        for bad in [
            "Action=A&Action=A",
            "Action=A&Version=1&Version=1",
            "Action=A&B=1&B=2",
            "Action=A&B=1&%42=1",
            "Action=A&B.member.1=1&B.member.1=2",
            "Action=A&B=1&B.member.1=2",
            "Action=A&B.member.1=1&B.member.1.Key=2",
            "Action=A&B.member.1=1&B=",
        ] {
            assert_eq!(refusal(bad), ActionFormError::Duplicate, "{bad}");
        }
        for bad in ["Action=A&B.member.01=1", "Action=A&B.member.0=1", "Action=A&B.member.+1=1"] {
            assert_eq!(refusal(bad), ActionFormError::Name, "{bad}");
        }
    }

    #[test]
    fn names_and_values_have_limits() {
        for bad in [
            "Action=A&=1",
            "Action=A&.=1",
            "Action=A&B..C=1",
            "Action=A&B.=1",
            "Action=A&1=1",
            "Action=A&B.1.2=1",
            "Action=A&B.member.4294967296=1",
            "Action=A&B-C=1",
            "Action=A&B%3CC=1",
            "Action=A&a.b.c.d.e.f.g.h.i=1",
            &format!("Action=A&{}=1", "n".repeat(65)),
        ] {
            assert_eq!(refusal(bad), ActionFormError::Name, "{bad}");
        }
        for bad in ["Action=A&B=%", "Action=A&B=%ff", "Action=A&B=%00", "Action=A&B=%EF%BF%BF"] {
            assert_eq!(refusal(bad), ActionFormError::Encoding, "{bad}");
        }
        for bad in ["", "&&", "B=1", "Action=&B=1", "action=A", "Version=1"] {
            assert_eq!(refusal(bad), ActionFormError::NoAction, "{bad}");
        }
        let many = |count: usize| {
            let members: Vec<_> = (1..count).map(|n| format!("B.member.{n}=")).collect();
            format!("Action=A&{}", members.join("&"))
        };
        assert!(parse(&many(PARAMETERS_MAX)).is_ok());
        assert_eq!(refusal(&many(PARAMETERS_MAX + 1)), ActionFormError::TooManyParameters);
        let long = |bytes: usize| format!("Action=A&B={}", "x".repeat(bytes - 11));
        assert!(parse(&long(FORM_BYTES_MAX)).is_ok());
        assert_eq!(refusal(&long(FORM_BYTES_MAX + 1)), ActionFormError::TooLarge);
    }

    #[test]
    fn markup_in_a_value_is_text() {
        let form = parse("Action=A&B=%3C%2FB%3E%3CC%3E%26amp%3B%5D%5D%3E").unwrap();
        let root = form.document().root();
        assert_eq!(root.children().count(), 1);
        assert_eq!(root.optional::<String>("B"), Ok(Some("</B><C>&amp;]]>".to_owned())));
    }

    #[test]
    fn an_action_is_found_in_its_version_only() {
        static SPEC: OperationSpec = OperationSpec {
            name: "Act",
            method: "POST",
            path: crate::PathShape::Service,
            query: &[],
            status: 200,
            input: crate::InputKind::Form,
            checksum_required: false,
            members: &[],
        };
        let table = ActionTable::new("2010-05-08", &[&SPEC]);
        let found = |form: &str| table.route(&parse(form).unwrap()).map_err(|e| e.code);
        assert_eq!(found("Action=Act&Version=2010-05-08"), Ok(OperationIndex(0)));
        for bad in ["Action=Act", "Action=Act&Version=2011-06-15", "Action=act&Version=2010-05-08"]
        {
            assert_eq!(found(bad).unwrap_err(), "InvalidAction", "{bad}");
        }
    }

    #[test]
    fn only_a_form_is_taken() {
        let check = |method: Method, target: &str, content_type: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(content_type) = content_type {
                headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
            }
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let head = RequestHead::new(method, path, query, headers).unwrap();
            ActionForm::check_head(&head)
        };
        let form = Some("application/x-www-form-urlencoded; charset=utf-8");
        assert_eq!(check(Method::POST, "/", form), Ok(()));
        assert_eq!(check(Method::GET, "/?Action=A", None), Ok(()));
        let no = Err(ActionFormError::NotAForm);
        assert_eq!(check(Method::POST, "/?Action=A", form), no);
        assert_eq!(check(Method::POST, "/b", form), no);
        assert_eq!(check(Method::POST, "//", form), no);
        assert_eq!(check(Method::PUT, "/", form), no);
        assert_eq!(check(Method::POST, "/", None), no);
        for other in
            ["application/json", "multipart/form-data", "application/x-www-form-urlencodedx"]
        {
            assert_eq!(check(Method::POST, "/", Some(other)), no, "{other}");
        }
    }

    #[test]
    fn the_query_of_a_get_is_its_form_without_the_signature() {
        let query = "Action=A&x-amz-date=1&X-Amz-Signature=2&B=3";
        let head = RequestHead::new(Method::GET, "/", query, HeaderMap::new()).unwrap();
        assert_eq!(ActionForm::bytes_of(&head, b"").unwrap().as_ref(), b"Action=A&B=3");
        assert_eq!(ActionForm::bytes_of(&head, b"C=4"), Err(ActionFormError::NotAForm));
    }
}
