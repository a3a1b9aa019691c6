//! Requests that a test can change, and one way to verify them.

use bytes::Bytes;
use strongroom_crypto::{SecretText, sha256};
use strongroom_sigv4::sign::{Credentials, Signer};
use strongroom_sigv4::{
    AuthError, BodyDecoder, BodyEnd, ChunkError, ChunkSigner, Event, Expected, PayloadMode,
    RequestClaim, RequestView, SigningKey, Verified, parse_claim,
};
use strongroom_types::Timestamp;

pub(crate) const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const REGION: &str = "us-east-1";

/// 20130524T000000Z
pub(crate) fn moment() -> Timestamp {
    Timestamp::parse_amz_date("20130524T000000Z").unwrap()
}

pub(crate) fn later(seconds: i64) -> Timestamp {
    let micros = moment().micros().checked_add_signed(seconds * 1_000_000).unwrap();
    Timestamp::from_micros(micros).unwrap()
}

pub(crate) fn secret() -> SecretText {
    SecretText::new(SECRET.to_owned())
}

/// A request that owns its parts, as the vectors of botocore's requests write it.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct Request {
    #[serde(rename = "m")]
    pub(crate) method: String,
    #[serde(rename = "p")]
    pub(crate) path: String,
    #[serde(rename = "q")]
    pub(crate) query: String,
    #[serde(rename = "h")]
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![("host".to_owned(), "examplebucket.s3.amazonaws.com".to_owned())],
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|header| header.0 != name);
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|header| header.0 == name).unwrap().1
    }

    pub(crate) fn view<T>(&self, use_view: impl FnOnce(&RequestView<'_>) -> T) -> T {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        use_view(&RequestView {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
        })
    }

    /// Signs with the example key, at the example moment, for S3.
    pub(crate) fn signed(mut self, mode: PayloadMode) -> (Self, ChunkSigner) {
        let signed = self.view(|view| signer().sign_headers(view, mode)).unwrap();
        for (name, value) in signed.headers {
            self.headers.push((name.to_owned(), value));
        }
        (self, signed.chunk_signer)
    }

    pub(crate) fn presigned(mut self, mode: PayloadMode, expires_seconds: u32) -> Self {
        self.query = self.view(|view| signer().presign(view, mode, expires_seconds)).unwrap();
        self
    }

    /// Verifies with the example key for S3 at the example moment.
    pub(crate) fn verify(&self) -> Result<(Verified, BodyDecoder), AuthError> {
        self.verify_at(moment())
    }

    pub(crate) fn verify_at(&self, now: Timestamp) -> Result<(Verified, BodyDecoder), AuthError> {
        self.verify_with(&Expected { service: "s3", region: REGION, now }, |_| secret(), None)
    }

    pub(crate) fn verify_with(
        &self,
        expected: &Expected<'_>,
        secret_of: impl Fn(&str) -> SecretText,
        body: Option<&[u8]>,
    ) -> Result<(Verified, BodyDecoder), AuthError> {
        self.view(|view| {
            let claim =
                parse_claim(view)?.and_then(RequestClaim::v4).ok_or(AuthError::Anonymous)?;
            let checked = claim.check(expected)?;
            let date = checked.claim().scope().date().to_owned();
            let secret = secret_of(checked.claim().access_key().as_str());
            let key = SigningKey::derive(&secret, &date, expected.region, expected.service);
            checked.verify(&key, body.map(sha256).as_ref())
        })
    }

    pub(crate) fn refusal(&self) -> AuthError {
        self.verify().map(|_| ()).unwrap_err()
    }
}

pub(crate) fn signer() -> Signer {
    let secret = secret();
    let credentials = Credentials {
        access_key_id: ACCESS_KEY_ID,
        secret_access_key: &secret,
        session_token: None,
    };
    Signer::new(&credentials, REGION, "s3", moment())
}

/// Feeds a body in the given pieces; gives the payload that was released and the outcome.
pub(crate) fn drain<'a>(
    mut decoder: BodyDecoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<u8>, Result<BodyEnd, ChunkError>) {
    let mut payload = Vec::new();
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        loop {
            match decoder.feed(&mut input) {
                Ok(Event::Payload(bytes)) => payload.extend_from_slice(&bytes),
                Ok(Event::NeedMore | Event::End) => break,
                Err(error) => {
                    // A decoder that has failed stays failed.
                    assert_eq!(decoder.feed(&mut Bytes::new()), Err(error.clone()));
                    assert_eq!(decoder.finish(), Err(error.clone()));
                    return (payload, Err(error));
                }
            }
        }
        assert!(input.is_empty(), "all input is consumed");
    }
    (payload, decoder.finish())
}
