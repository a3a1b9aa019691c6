//! Writing the output of an operation as a response.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use strongroom_types::{RequestId, Timestamp};

use crate::xml::{WriteXml, XmlWriter};
use crate::{ByteStream, ToText, encoded_word};

/// Why an output cannot be written. Answered with `InternalError` (500): a service let a value
/// through that the protocol cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The value has bytes that cannot stand in a header.
    #[error("the value of header `{name}` has bytes that no header can have")]
    HeaderValue {
        /// The header.
        name: String,
    },
    /// A metadata name is no header name.
    #[error("a name after `{prefix}` is no header name")]
    HeaderName {
        /// The prefix of the header.
        prefix: &'static str,
    },
    /// The text has characters that XML 1.0 cannot express.
    #[error("element `{element}` has characters that XML cannot express")]
    XmlCharacter {
        /// The element.
        element: &'static str,
    },
    /// The declared length is not that of the body.
    #[error("the length declared is not that of the body")]
    ContentLength,
    /// The status is none.
    #[error("{0} is no status")]
    Status(u16),
}

/// A response in the making. Errors are kept until it is finished.
#[derive(Debug)]
pub struct ResponseBuilder {
    status: u16,
    headers: HeaderMap,
    error: Option<EncodeError>,
}

impl ResponseBuilder {
    /// A response with the status of success.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, headers: HeaderMap::with_capacity(HEADERS_TYPICAL), error: None }
    }

    /// Makes it 206 if `partial` holds.
    pub fn partial_content_if(&mut self, partial: bool) {
        if partial {
            self.status = 206;
        }
    }

    /// Writes a header.
    pub fn header<T: ToText>(&mut self, name: &'static str, value: &T) {
        self.text_header(name, &value.to_text());
    }

    /// Writes a header if there is a value.
    pub fn optional_header<T: ToText>(&mut self, name: &'static str, value: Option<&T>) {
        if let Some(value) = value {
            self.header(name, value);
        }
    }

    /// Writes a moment as an HTTP date if there is one.
    pub fn optional_http_date(&mut self, name: &'static str, value: Option<&Timestamp>) {
        if let Some(value) = value {
            self.text_header(name, &value.to_http_date());
        }
    }

    /// Writes one header for each entry; values outside ASCII become encoded words.
    pub fn header_map(&mut self, prefix: &'static str, map: &BTreeMap<String, String>) {
        for (rest, text) in map {
            let name = HeaderName::from_bytes(format!("{prefix}{rest}").as_bytes());
            match (name, header_value(&encoded_word::encode(text))) {
                (Ok(name), Some(value)) => {
                    self.headers.insert(name, value);
                }
                (Ok(name), None) => {
                    let name = name.as_str().to_owned();
                    self.fail(EncodeError::HeaderValue { name });
                }
                (Err(_), _) => self.fail(EncodeError::HeaderName { prefix }),
            }
        }
    }

    /// Ends the response without a body.
    ///
    /// # Errors
    /// If anything written before could not be written.
    pub fn finish(self) -> Result<Response<ByteStream>, EncodeError> {
        self.into_response(ByteStream::Empty)
    }

    /// Ends the response with an XML body.
    ///
    /// # Errors
    /// If anything could not be written.
    pub fn finish_xml(
        mut self,
        root: &'static str,
        namespace: &'static str,
        write: impl FnOnce(&mut XmlWriter),
    ) -> Result<Response<ByteStream>, EncodeError> {
        let mut writer = XmlWriter::new();
        writer.open_root(root, namespace);
        write(&mut writer);
        writer.close(root);
        let body = writer.finish()?;
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        self.into_response(ByteStream::Full(Bytes::from(body)))
    }

    /// Ends the response with a document of the query protocol: what `write` writes, and the id of
    /// the request.
    ///
    /// # Errors
    /// If anything could not be written.
    pub fn finish_query(
        mut self,
        root: &'static str,
        namespace: &'static str,
        request_id: RequestId,
        write: impl FnOnce(&mut XmlWriter),
    ) -> Result<Response<ByteStream>, EncodeError> {
        let mut writer = XmlWriter::new();
        writer.open_root(root, namespace);
        write(&mut writer);
        writer.open("ResponseMetadata");
        writer.text_element("RequestId", &request_id.to_string());
        writer.close("ResponseMetadata");
        writer.close(root);
        let body = writer.finish()?;
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
        self.into_response(ByteStream::Full(Bytes::from(body)))
    }

    /// Ends the response with one value as its XML body, or without a body.
    ///
    /// # Errors
    /// If anything could not be written.
    pub fn finish_payload<T: WriteXml>(
        self,
        root: &'static str,
        namespace: &'static str,
        value: Option<&T>,
    ) -> Result<Response<ByteStream>, EncodeError> {
        match value {
            Some(value) => self.finish_xml(root, namespace, |writer| value.write_xml(writer)),
            None => self.finish(),
        }
    }

    /// Ends the response with text.
    ///
    /// # Errors
    /// If anything written before could not be written.
    pub fn finish_text(
        mut self,
        content_type: &'static str,
        body: Option<String>,
    ) -> Result<Response<ByteStream>, EncodeError> {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.into_response(ByteStream::from(Bytes::from(body.unwrap_or_default())))
    }

    /// Ends the response with a streamed body.
    ///
    /// # Errors
    /// If anything written before could not be written, or `content-length` is not its length.
    pub fn finish_stream(self, body: ByteStream) -> Result<Response<ByteStream>, EncodeError> {
        let declared = self.headers.get(CONTENT_LENGTH).map(HeaderValue::as_bytes);
        if declared.is_some_and(|bytes| bytes != body.content_length().to_string().as_bytes()) {
            return Err(EncodeError::ContentLength);
        }
        self.into_response(body)
    }

    fn into_response(self, body: ByteStream) -> Result<Response<ByteStream>, EncodeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).map_err(|_| EncodeError::Status(self.status))?;
        *response.headers_mut() = self.headers;
        Ok(response)
    }

    fn text_header(&mut self, name: &'static str, text: &str) {
        match header_value(text) {
            Some(value) => {
                self.headers.insert(HeaderName::from_static(name), value);
            }
            None => self.fail(EncodeError::HeaderValue { name: name.to_owned() }),
        }
    }

    fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }
}

/// SECURITY: a CR or LF in a value would end the header and start another one of the writer's
/// choice; no control character passes.
fn header_value(text: &str) -> Option<HeaderValue> {
    if text.bytes().any(|b| b < b' ' && b != b'\t' || b == 0x7f) {
        return None;
    }
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

const HEADERS_TYPICAL: usize = 16; // of an answer with an object; more are taken as they come

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn no_value_can_start_another_header() {
        for value in ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b", "a\u{7f}", "\u{b}"] {
            let mut builder = ResponseBuilder::new(200);
            builder.header_map("x-amz-meta-", &metadata("name", value));
            let name = "x-amz-meta-name".to_owned();
            assert_eq!(builder.finish().unwrap_err(), EncodeError::HeaderValue { name });

            let mut builder = ResponseBuilder::new(200);
            builder.header("content-type", &value.to_owned());
            let name = "content-type".to_owned();
            assert_eq!(builder.finish().unwrap_err(), EncodeError::HeaderValue { name });
        }
    }

    #[test]
    fn no_name_can_start_another_header() {
        for name in ["a: b\r\nx-evil", "a b", "a\nb", "a:b", "é", "\0"] {
            let mut builder = ResponseBuilder::new(200);
            builder.header_map("x-amz-meta-", &metadata(name, "value"));
            let prefix = "x-amz-meta-";
            assert_eq!(builder.finish().unwrap_err(), EncodeError::HeaderName { prefix });
        }
    }

    #[test]
    fn values_outside_ascii_are_encoded_words() {
        let mut builder = ResponseBuilder::new(200);
        builder.header_map("x-amz-meta-", &metadata("a", "b\tc é"));
        let response = builder.finish().unwrap();
        assert_eq!(response.headers().get("x-amz-meta-a").unwrap(), "=?UTF-8?B?YgljIMOp?=");
    }

    #[test]
    fn a_declared_length_is_that_of_the_body() {
        let body = || ByteStream::from(Bytes::from_static(b"four"));
        for (length, fits) in [(4_i64, true), (5, false), (-4, false)] {
            let mut builder = ResponseBuilder::new(200);
            builder.header("content-length", &length);
            assert_eq!(builder.finish_stream(body()).is_ok(), fits, "{length}");
        }
        assert!(ResponseBuilder::new(200).finish_stream(body()).is_ok());
    }

    #[test]
    fn a_body_is_not_printed() {
        let body = ByteStream::from(Bytes::from_static(b"secret"));
        assert_eq!(format!("{body:?}"), "ByteStream(full, 6 bytes)");
    }
}
