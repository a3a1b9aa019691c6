//! Requests: built, signed, and spoilt.

use strongroom_sigv4::sign::Signer;
use strongroom_sigv4::{ChunkSigner, PayloadMode, RequestView};

use crate::TestkitError;

/// A request. What is changed after it was signed is not covered by the signature.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method, as it goes over the wire.
    pub method: String,
    /// The path, encoded.
    pub path: String,
    /// The query without its question mark, encoded.
    pub query: String,
    /// Headers in order. `content-length` and `connection` are added when they are absent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Call {
    /// A request to a host; `target` is the path with its query.
    #[must_use]
    pub fn new(host: &str, method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![("host".to_owned(), host.into())],
            body: Vec::new(),
        }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The same request with this body.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// Signs every header that is there; the signature does not cover the body.
    ///
    /// # Errors
    /// If the request cannot be signed.
    pub fn sign(self, signer: &Signer) -> Result<Self, TestkitError> {
        Ok(self.sign_for(signer, PayloadMode::Unsigned)?.0)
    }

    /// Signs every header that is there, for a payload mode. What signs the chunks comes with it.
    ///
    /// # Errors
    /// If the request cannot be signed.
    pub fn sign_for(
        mut self,
        signer: &Signer,
        mode: PayloadMode,
    ) -> Result<(Self, ChunkSigner), TestkitError> {
        let headers = borrowed(&self.headers);
        let signed =
            signer.sign_headers(&self.view(&headers), mode).map_err(TestkitError::Signing)?;
        for (name, value) in signed.headers {
            self.headers.push((name.to_owned(), value.into_bytes()));
        }
        Ok((self, signed.chunk_signer))
    }

    /// Puts the signature into the query; every header that is there is signed.
    ///
    /// # Errors
    /// If the request cannot be signed.
    pub fn presign(mut self, signer: &Signer, seconds: u32) -> Result<Self, TestkitError> {
        let headers = borrowed(&self.headers);
        let query = signer.presign(&self.view(&headers), PayloadMode::Unsigned, seconds);
        self.query = query.map_err(TestkitError::Signing)?;
        Ok(self)
    }

    /// The request as it goes over the wire; the connection is to be closed behind it unless a
    /// header says otherwise.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let question = if self.query.is_empty() { "" } else { "?" };
        let Self { method, path, query, .. } = self;
        let mut bytes = format!("{method} {path}{question}{query} HTTP/1.1\r\n").into_bytes();
        let mut push = |name: &str, value: &[u8]| {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        };
        for (name, value) in &self.headers {
            push(name, value);
        }
        let has =
            |name: &str| self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        let takes_body = matches!(method.as_str(), "PUT" | "POST") || !self.body.is_empty();
        if takes_body && !has("content-length") && !has("transfer-encoding") {
            push("content-length", self.body.len().to_string().as_bytes());
        }
        if !has("connection") {
            push("connection", b"close");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn view<'a>(&'a self, headers: &'a [(&'a str, &'a [u8])]) -> RequestView<'a> {
        RequestView { method: &self.method, path: &self.path, query: &self.query, headers }
    }
}

fn borrowed(headers: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
}
