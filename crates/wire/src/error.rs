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
        Self {
            code,
            status,
            message,
            elements: Vec::new(),
            headers: Vec::new(),
        }
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
    let body = if bodiless {
        String::new()
    } else {
        s3_body(error, resource, request_id, host_id)
    };
    let mut response = response(error, request_id, "application/xml", body);
    insert(&mut response, "x-amz-id-2", host_id);
    response
}

fn s3_body(error: &ErrorResponse, resource: &str, request_id: &str, host_id: &str) -> String {
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
    writer.text_element(
        "Type",
        if error.status < 500 {
            "Sender"
        } else {
            "Receiver"
        },
    );
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
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        *response.body_mut() = ByteStream::Full(Bytes::from(body));
    }
    response
}

fn insert(response: &mut Response<ByteStream>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
}
