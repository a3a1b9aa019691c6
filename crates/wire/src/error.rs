//! Error answers, in the shape of each protocol.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::ByteStream;
use crate::xml::XmlWriter;

/// What one error answer says, in AWS's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorResponse {
    /// The code that clients match on.
    pub code: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// Text for people.
    pub message: Cow<'static, str>,
    /// Elements beside code and message, in this order.
    pub elements: Vec<(&'static str, String)>,
    /// Headers of the answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl ErrorResponse {
    /// An answer with code, status and message.
    #[must_use]
    pub fn new(
        code: impl Into<Cow<'static, str>>,
        status: u16,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { code, status, message, elements: Vec::new(), headers: Vec::new() }
    }

    /// The same answer with one more element.
    #[must_use]
    pub fn element(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.elements.push((name, text.into()));
        self
    }

    /// The same answer with one more header. A value that cannot stand in a header is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

/// Which shape the errors of a service have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// S3 and S3 Control.
    RestXml,
    /// IAM, STS and others that answer in XML of this namespace.
    Query {
        /// The namespace of the answer.
        namespace: &'static str,
    },
    /// KMS, CloudTrail and others.
    Json(JsonVersion),
}

/// Which JSON protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonVersion {
    /// `application/x-amz-json-1.0`
    V1_0,
    /// `application/x-amz-json-1.1`
    V1_1,
    /// `application/json`, paths of its own.
    Rest,
}

/// An error answer in the shape of a protocol.
#[must_use]
pub fn encode_error(
    protocol: Protocol,
    error: &ErrorResponse,
    resource: &str,
    request_id: &str,
    is_head: bool,
) -> Response<ByteStream> {
    match protocol {
        Protocol::RestXml => encode_error_s3(error, resource, request_id, request_id, is_head),
        Protocol::Query { namespace } => {
            let body = query_body(namespace, error, request_id);
            let mut response = response(error, request_id, "text/xml", body);
            insert(&mut response, "x-amzn-requestid", request_id);
            response
        }
        Protocol::Json(version) => {
            let content_type = match version {
                JsonVersion::V1_0 => "application/x-amz-json-1.0",
                JsonVersion::V1_1 => "application/x-amz-json-1.1",
                JsonVersion::Rest => "application/json",
            };
            let mut response = response(error, request_id, content_type, json_body(error));
            insert(&mut response, "x-amzn-requestid", request_id);
            insert(&mut response, "x-amzn-errortype", &error.code);
            response
        }
    }
}

/// An error answer of S3.
///
/// SPEC: data-protection, 0 and 6.6. `is_head` leaves the body out; 304 never has one.
#[must_use]
pub fn encode_error_s3(
    error: &ErrorResponse,
    resource: &str,
    request_id: &str,
    host_id: &str,
    is_head: bool,
) -> Response<ByteStream> {
    let bodiless = is_head || error.status == 304;
    let body = if bodiless { String::new() } else { s3_body(error, resource, request_id, host_id) };
    let mut response = response(error, request_id, "application/xml", body);
    insert(&mut response, "x-amz-id-2", host_id);
    response
}

pub(crate) fn s3_body(
    error: &ErrorResponse,
    resource: &str,
    request_id: &str,
    host_id: &str,
) -> String {
    let mut writer = XmlWriter::lossy();
    writer.open("Error");
    writer.text_element("Code", &error.code);
    writer.text_element("Message", &error.message);
    for (name, text) in &error.elements {
        writer.text_element(name, text);
    }
    writer.text_element("Resource", resource);
    writer.text_element("RequestId", request_id);
    writer.text_element("HostId", host_id);
    writer.close("Error");
    writer.into_text()
}

fn query_body(namespace: &str, error: &ErrorResponse, request_id: &str) -> String {
    let mut writer = XmlWriter::lossy();
    writer.open_root("ErrorResponse", namespace);
    writer.open("Error");
    writer.text_element("Type", if error.status < 500 { "Sender" } else { "Receiver" });
    writer.text_element("Code", &error.code);
    writer.text_element("Message", &error.message);
    writer.close("Error");
    writer.text_element("RequestId", request_id);
    writer.close("ErrorResponse");
    writer.into_text()
}

fn json_body(error: &ErrorResponse) -> String {
    let mut body = String::from("{\"__type\":\"");
    push_json(&mut body, &error.code);
    body.push_str("\",\"message\":\"");
    push_json(&mut body, &error.message);
    body.push_str("\"}");
    body
}

fn push_json(body: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' => body.push_str("\\\""),
            '\\' => body.push_str("\\\\"),
            control if control < ' ' => {
                body.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => body.push(other),
        }
    }
}

fn response(
    error: &ErrorResponse,
    request_id: &str,
    content_type: &'static str,
    body: String,
) -> Response<ByteStream> {
    let mut response = Response::new(ByteStream::Empty);
    // INVARIANT: statuses are written by hand in code; a wrong one is our fault, so 500.
    *response.status_mut() =
        StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &error.headers {
        response.headers_mut().append(name, value.clone());
    }
    insert(&mut response, "x-amz-request-id", request_id);
    if !body.is_empty() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        *response.body_mut() = ByteStream::Full(Bytes::from(body));
    }
    response
}

fn insert(response: &mut Response<ByteStream>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error() -> ErrorResponse {
        ErrorResponse::new("NoSuchKey", 404, "the specified key does not exist")
            .element("Key", "a<b>\r\u{1}")
            .header(HeaderName::from_static("allow"), "GET")
            .header(HeaderName::from_static("x-amz-evil"), "a\r\nb")
    }

    fn text(response: Response<ByteStream>) -> String {
        match response.into_body() {
            ByteStream::Full(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            ByteStream::Empty => String::new(),
            ByteStream::Stream { .. } => panic!("an error is never streamed"),
        }
    }

    #[test]
    fn an_s3_error_has_its_elements_in_order() {
        let response = encode_error_s3(&error(), "/bucket/a", "ID", "HOST", false);
        assert_eq!(response.status(), 404);
        let headers: Vec<_> = response.headers().iter().map(|(n, v)| (n.as_str(), v)).collect();
        assert_eq!(
            headers,
            [
                ("allow", &HeaderValue::from_static("GET")),
                ("x-amz-request-id", &HeaderValue::from_static("ID")),
                ("content-type", &HeaderValue::from_static("application/xml")),
                ("x-amz-id-2", &HeaderValue::from_static("HOST")),
            ]
        );
        assert_eq!(
            text(response),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>\
             <Message>the specified key does not exist</Message><Key>a&lt;b&gt;&#13;?</Key>\
             <Resource>/bucket/a</Resource><RequestId>ID</RequestId><HostId>HOST</HostId></Error>"
        );
    }

    #[test]
    fn heads_and_304_have_no_body() {
        let response = encode_error_s3(&error(), "/", "ID", "HOST", true);
        assert_eq!((response.status().as_u16(), text(response).as_str()), (404, ""));
        let unmodified = ErrorResponse::new("NotModified", 304, "");
        let response = encode_error_s3(&unmodified, "/", "ID", "HOST", false);
        assert_eq!((response.status().as_u16(), text(response).as_str()), (304, ""));
    }

    #[test]
    fn each_protocol_has_its_own_shape() {
        let error = ErrorResponse::new("NotImplemented", 501, "not \"built\"\n");
        let namespace = "https://iam.amazonaws.com/doc/2010-05-08/";
        let query = encode_error(Protocol::Query { namespace }, &error, "/", "ID", false);
        assert_eq!(
            text(query),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ErrorResponse \
             xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Receiver</Type>\
             <Code>NotImplemented</Code><Message>not &quot;built&quot;&#10;</Message></Error>\
             <RequestId>ID</RequestId></ErrorResponse>"
        );
        let json = encode_error(Protocol::Json(JsonVersion::V1_1), &error, "/", "ID", false);
        assert_eq!(json.headers().get("x-amzn-errortype").unwrap(), "NotImplemented");
        assert_eq!(json.headers().get("content-type").unwrap(), "application/x-amz-json-1.1");
        assert_eq!(
            text(json),
            "{\"__type\":\"NotImplemented\",\"message\":\"not \\\"built\\\"\\u000a\"}"
        );
    }
}
