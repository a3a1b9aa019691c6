//! The answer to a form upload.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, LOCATION};
use http::{Response, StatusCode};

use super::{FormFields, push_encoded};
use crate::xml::XmlWriter;
use crate::{Addressing, ByteStream, ErrorResponse, Target};

/// What the sender of a form wants to hear when its file is stored.
///
/// SPEC: as S3: a redirect goes before a status; a status that is none of three is 204; a redirect
/// that is no URL is as if it were not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormAnswer {
    /// 204, without a body.
    NoContent,
    /// 200, without a body.
    Ok,
    /// 201, with a document.
    Created,
    /// 303 to a URL that is told bucket, key and ETag.
    Redirect(String),
}

impl FormAnswer {
    /// What the fields ask for.
    #[must_use]
    pub fn of(fields: &FormFields) -> Self {
        let redirect = fields.get("success_action_redirect").or(fields.get("redirect"));
        if let Some(url) = redirect.filter(|url| is_safe(url)) {
            return Self::Redirect(url.to_owned());
        }
        match fields.get("success_action_status") {
            Some("200") => Self::Ok,
            Some("201") => Self::Created,
            _ => Self::NoContent,
        }
    }

    /// The answer, made of that to the operation which stored the file. `endpoint` is the scheme
    /// and authority that the client used.
    ///
    /// # Errors
    /// If there is something in it that cannot be written.
    pub fn encode(
        &self,
        mut response: Response<ByteStream>,
        endpoint: &str,
        target: &Target,
    ) -> Result<Response<ByteStream>, ErrorResponse> {
        let unwritable = || {
            let message = "the answer to the form cannot be written";
            ErrorResponse::new("InternalError", 500, message)
        };
        let bucket = target.bucket.as_ref().ok_or_else(unwritable)?.as_str();
        let object_key = target.object_key.as_ref().ok_or_else(unwritable)?.as_str();
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.unwrap_or_default().to_owned();
        let mut location = endpoint.to_owned();
        if target.addressing == Addressing::Path {
            location.push('/');
            location.push_str(bucket);
        }
        location.push('/');
        push_encoded(&mut location, object_key, "/");
        let (status, body) = match self {
            Self::NoContent => (StatusCode::NO_CONTENT, ByteStream::Empty),
            Self::Ok => (StatusCode::OK, ByteStream::Empty),
            Self::Created => {
                let document = document(&location, bucket, object_key, &etag);
                let xml = HeaderValue::from_static("application/xml");
                response.headers_mut().insert(CONTENT_TYPE, xml);
                (StatusCode::CREATED, ByteStream::Full(Bytes::from(document)))
            }
            Self::Redirect(url) => {
                location =
                    with_query(url, &[("bucket", bucket), ("key", object_key), ("etag", &etag)]);
                (StatusCode::SEE_OTHER, ByteStream::Empty)
            }
        };
        let location = HeaderValue::from_str(&location).map_err(|_| unwritable())?;
        response.headers_mut().insert(LOCATION, location);
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.status_mut() = status;
        *response.body_mut() = body;
        Ok(response)
    }
}

fn document(location: &str, bucket: &str, object_key: &str, etag: &str) -> String {
    // A key may have characters that XML cannot express; the location has them all.
    let mut writer = XmlWriter::lossy();
    writer.open("PostResponse");
    writer.text_element("Location", location);
    writer.text_element("Bucket", bucket);
    writer.text_element("Key", object_key);
    writer.text_element("ETag", etag);
    writer.close("PostResponse");
    writer.into_text()
}

/// The URL with more parameters, in front of its fragment if it has one.
fn with_query(url: &str, parameters: &[(&str, &str)]) -> String {
    let (base, fragment) = match url.split_once('#') {
        Some((base, fragment)) => (base, Some(fragment)),
        None => (url, None),
    };
    let mut out = base.to_owned();
    for (name, value) in parameters {
        out.push(if out.contains('?') { '&' } else { '?' });
        out.push_str(name);
        out.push('=');
        push_encoded(&mut out, value, "");
    }
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(fragment);
    }
    out
}

/// SECURITY: only the web, and only characters that a URL has: no line break, no `javascript:`.
fn is_safe(url: &str) -> bool {
    let host = ["http://", "https://"].iter().find_map(|scheme| {
        let start = url.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| url.get(scheme.len()..))?
    });
    let starts_with_host = host.is_some_and(|host| {
        host.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
    });
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    starts_with_host && url.len() <= REDIRECT_BYTES_MAX && url.bytes().all(allowed)
}

/// As long as browsers and proxies take them.
const REDIRECT_BYTES_MAX: usize = 2048;
