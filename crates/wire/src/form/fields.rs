//! The fields in front of the file, and the request that they describe.

use std::fmt;

use http::Method;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use strongroom_types::{ObjectKey, ObjectKeyError};

use super::{FORM_BYTES_MAX, FormError, push_encoded};
use crate::xml::XmlDocument;
use crate::{
    DecodeError, DecodeErrorKind, DecodeLocation, ErrorResponse, OperationSpec, PathShape,
    RequestHead, Target, TargetError,
};

/// The fields of a form, in order, each name once.
#[derive(Default)]
pub struct FormFields(Vec<(String, String)>);

impl FormFields {
    /// Adds a field.
    ///
    /// SECURITY: a field comes once, so that no reader can see another value than the one that a
    /// condition was judged on. Only fields that mean nothing may be repeated.
    ///
    /// # Errors
    /// If there is one of this name, in whatever case.
    pub fn push(&mut self, name: String, value: String) -> Result<(), FormError> {
        if self.get(&name).is_some() && !is_ignored(&name) {
            return Err(FormError::Duplicate { name });
        }
        self.0.push((name, value));
        Ok(())
    }

    /// The value of a field, whatever the case of its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let same = |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.0.iter().find(same).map(|field| field.1.as_str())
    }

    /// The fields in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Puts the name of the file where fields want it. Conditions are judged on what comes out.
    ///
    /// # Errors
    /// If the fields get too long by it.
    pub fn expand(&mut self, filename: &str) -> Result<(), FormError> {
        let mut fields_bytes = 0_usize;
        for (name, value) in &mut self.0 {
            if !is_of_signature(name) && value.contains(FILENAME) {
                // SECURITY: counted before it is done; a form could hold thousands of them.
                let added = value.matches(FILENAME).count().saturating_mul(filename.len());
                if value.len().saturating_add(added) > FORM_BYTES_MAX + FILENAME.len() {
                    return Err(FormError::FieldsTooLong);
                }
                *value = value.replace(FILENAME, filename);
            }
            fields_bytes = fields_bytes.saturating_add(name.len()).saturating_add(value.len());
            if fields_bytes > FORM_BYTES_MAX {
                return Err(FormError::FieldsTooLong);
            }
        }
        Ok(())
    }

    /// The head and the target of the request that the form stands for: an operation that writes
    /// the one object `key`, with the headers that the fields name. Nothing of the form's own
    /// head but the host goes into it.
    ///
    /// # Errors
    /// If a field is missing, malformed, or asks for what the operation does not know.
    pub fn request(
        &self,
        spec: &OperationSpec,
        form_head: &RequestHead,
        form_target: &Target,
    ) -> Result<(RequestHead, Target), ErrorResponse> {
        let key = self.get("key").ok_or_else(|| FormError::Missing { name: "key" }.s3())?;
        let object_key = ObjectKey::from_bytes(key.as_bytes()).map_err(|error| match error {
            ObjectKeyError::TooLong { key_bytes } => TargetError::KeyTooLong { key_bytes }.s3(),
            ObjectKeyError::Empty | ObjectKeyError::NotUtf8 => {
                FormError::Value { name: "key".to_owned() }.s3()
            }
        })?;
        let mut headers = HeaderMap::new();
        if let Some(host) = form_head.headers.get(HOST) {
            headers.insert(HOST, host.clone());
        }
        for (field, value) in self.iter() {
            let Some(name) = header_of(spec, field).map_err(|error| error.s3())? else { continue };
            let unusable = || FormError::Value { name: field.to_owned() }.s3();
            let tags = if field.eq_ignore_ascii_case(TAGGING) {
                Some(tags_as_query(value)?)
            } else {
                None
            };
            let value = tags.as_deref().unwrap_or(value);
            // SECURITY: a line break in a value must not become a header of its own.
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| unusable())?;
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
            if headers.insert(name, value).is_some() {
                // `acl` and `x-amz-acl`, say.
                return Err(FormError::Duplicate { name: field.to_owned() }.s3());
            }
        }
        let method = Method::from_bytes(spec.method.as_bytes()).unwrap_or(Method::PUT);
        let head = RequestHead::new(method, &form_head.raw_path, "", headers);
        let target = Target {
            object_key: Some(object_key),
            shape: PathShape::Object,
            ..form_target.clone()
        };
        Ok((head.map_err(|error| error.s3())?, target))
    }
}

/// SECURITY: fields hold signatures and tokens.
impl fmt::Debug for FormFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The header in which the operation would find what a field says; `None` if it means nothing
/// there.
fn header_of(spec: &OperationSpec, field: &str) -> Result<Option<String>, FormError> {
    let name = field.to_ascii_lowercase();
    if is_of_signature(&name) || is_ignored(&name) {
        return Ok(None);
    }
    match name.as_str() {
        "acl" => Ok(Some("x-amz-acl".to_owned())),
        TAGGING => Ok(Some("x-amz-tagging".to_owned())),
        _ if name.starts_with("x-amz-") && spec.takes_header(&name) => Ok(Some(name)),
        // SECURITY: who signs it means it; and some would make another operation of it.
        _ if name.starts_with("x-amz-") => Err(FormError::Unsupported { name: field.to_owned() }),
        plain if PLAIN_HEADERS.contains(&plain) => Ok(Some(name)),
        // Buttons of forms and the like. S3 takes no notice of them either.
        _ => Ok(None),
    }
}

/// Tags are a document in a form, and query parameters in the header that says the same.
fn tags_as_query(text: &str) -> Result<String, ErrorResponse> {
    let malformed = || {
        let kind = DecodeErrorKind::MalformedXml("the tags are no tag set");
        DecodeError::new(DecodeLocation::Body, kind).s3()
    };
    let document = XmlDocument::parse(text.as_bytes()).map_err(|_| malformed())?;
    let mut sets = document.root().children();
    let (Some(set), None) = (sets.next(), sets.next()) else { return Err(malformed()) };
    if document.root().name() != "Tagging" || set.name() != "TagSet" {
        return Err(malformed());
    }
    let mut query = String::new();
    for tag in set.children() {
        let mut parts = tag.children();
        let (Some(first), Some(second), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed());
        };
        let (key, value) = match (tag.name(), first.name(), second.name()) {
            ("Tag", "Key", "Value") => (first, second),
            ("Tag", "Value", "Key") => (second, first),
            _ => return Err(malformed()),
        };
        if key.has_children() || value.has_children() {
            return Err(malformed());
        }
        let separator = if query.is_empty() { "" } else { "&" };
        query.push_str(separator);
        push_encoded(&mut query, key.text(), "");
        query.push('=');
        push_encoded(&mut query, value.text(), "");
    }
    Ok(query)
}

/// Fields that every reader ignores. SPEC: access-control, 5.5.
fn is_ignored(name: &str) -> bool {
    name.get(..IGNORED.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(IGNORED))
}

/// Fields that say who signed, which no file name may change.
fn is_of_signature(name: &str) -> bool {
    OF_SIGNATURE.iter().any(|other| name.eq_ignore_ascii_case(other))
}

const TAGGING: &str = "tagging";
const FILENAME: &str = "${filename}";
const IGNORED: &str = "x-ignore-";

const OF_SIGNATURE: [&str; 8] = [
    "AWSAccessKeyId",
    "policy",
    "signature",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
];

/// Fields that are headers under their own names.
const PLAIN_HEADERS: [&str; 9] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
    "if-match",
    "if-none-match",
];
