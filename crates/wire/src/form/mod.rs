//! Form uploads: `multipart/form-data` bodies, the fields in front of the file, and the answer.
//!
//! SPEC: access-control, 5.5. A form is `PutObject` in other clothes: what its fields say becomes
//! the head of that request, and the content of its file the body. Knows no policy, no signature
//! and no socket.

mod answer;
mod boundary;
mod fields;
mod parser;
mod part;

pub use answer::FormAnswer;
pub use fields::FormFields;
pub use parser::{FORM_BYTES_MAX, FormEvent, FormParser};

use crate::ErrorResponse;

/// Why a form upload cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The body is no form, or is cut off.
    #[error("the body of the form is malformed: {0}")]
    Malformed(&'static str),
    /// There is more beside the file than a form may have.
    #[error("the fields of the form take more than {FORM_BYTES_MAX} bytes")]
    FieldsTooLong,
    /// There is not exactly one file.
    #[error("the form has {files} files")]
    Files {
        /// How many there are; two stands for more.
        files: u8,
    },
    /// A field came twice.
    #[error("the form has the field `{name}` more than once")]
    Duplicate {
        /// Its name as given.
        name: String,
    },
    /// A field that every form needs is not there.
    #[error("the form has no field `{name}`")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A field has a value that cannot be used.
    #[error("the field `{name}` of the form has a value that cannot be used")]
    Value {
        /// Its name as given.
        name: String,
    },
    /// A field asks for something that is not built.
    #[error("the field `{name}` of the form is not supported")]
    Unsupported {
        /// Its name as given.
        name: String,
    },
}

impl FormError {
    /// The answer in S3's terms.
    #[must_use]
    pub fn s3(&self) -> ErrorResponse {
        match self {
            Self::Malformed(_) => ErrorResponse::new(
                "MalformedPOSTRequest",
                400,
                "The body of your POST request is not well-formed multipart/form-data.",
            ),
            Self::FieldsTooLong => ErrorResponse::new(
                "MaxPostPreDataLengthExceeded",
                400,
                "Your POST request fields preceding the upload file were too large.",
            ),
            Self::Files { files } => ErrorResponse::new(
                "InvalidArgument",
                400,
                "POST requires exactly one file upload per request.",
            )
            .element("ArgumentName", "file")
            .element("ArgumentValue", files.to_string()),
            Self::Duplicate { name } => {
                let message = format!("The form field '{name}' must be given once.");
                ErrorResponse::new("InvalidArgument", 400, message)
                    .element("ArgumentName", name.as_str())
            }
            Self::Missing { name } => {
                let message = format!(
                    "Bucket POST must contain a field named '{name}'.  If it is specified, please \
                     check the order of the fields."
                );
                ErrorResponse::new("InvalidArgument", 400, message)
                    .element("ArgumentName", *name)
                    .element("ArgumentValue", "")
            }
            Self::Value { name } => {
                let message = format!("The form field '{name}' has a value that cannot be used.");
                ErrorResponse::new("InvalidArgument", 400, message)
                    .element("ArgumentName", name.as_str())
            }
            Self::Unsupported { name } => {
                let message = format!("`{name}` implies functionality that is not implemented");
                ErrorResponse::new("NotImplemented", 501, message).element("Header", name.as_str())
            }
        }
    }
}

/// Appends text with everything encoded but unreserved characters, and those in `kept`.
fn push_encoded(out: &mut String, text: &str, kept: &str) {
    for byte in text.bytes() {
        let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if unreserved || kept.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests;
