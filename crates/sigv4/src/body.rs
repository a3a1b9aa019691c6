//! The one way to the body of a request, whatever its payload mode.

use bytes::Bytes;
use strongroom_crypto::Sha256;

use crate::chunk::{ChunkDecoder, ChunkError, ChunkFraming, ChunkSignatures, Event, Trailers};
use crate::chunk_signer::ChunkSigner;
use crate::claim::CONTENT_SHA256;
use crate::encode::hex;
use crate::error::{AuthError, Echo};
use crate::payload::PayloadMode;
use crate::request::RequestView;

/// Turns the bytes of a body into payload, and checks what was declared or signed of it.
///
/// Feed until the input is empty, again for each piece that arrives, then finish. Nothing that was
/// written from the payload may become visible before [`BodyDecoder::finish`] gives its consent.
#[derive(Debug)]
pub struct BodyDecoder {
    mode: PayloadMode,
    decoded_bytes: Option<u64>,
    framing: Framing,
}

/// What is known of a body at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyEnd {
    /// The trailers; none for plain bodies.
    pub trailers: Trailers,
    /// The digest of the payload, if it was needed on the way.
    pub sha256: Option<[u8; 32]>,
}

/// The body of a request that makes no claim about its signer.
///
/// # Errors
/// If it declares signed chunks, which nobody has signed, or an invalid framing.
pub fn anonymous_body(request: &RequestView<'_>) -> Result<BodyDecoder, AuthError> {
    let mode = match request.single(CONTENT_SHA256)? {
        Some(text) => PayloadMode::parse(text)?,
        None => PayloadMode::Unsigned,
    };
    BodyDecoder::new(mode, request, None)
}

impl BodyDecoder {
    pub(crate) fn new(
        mode: PayloadMode,
        request: &RequestView<'_>,
        signer: Option<ChunkSigner>,
    ) -> Result<Self, AuthError> {
        let signatures = match (mode, signer) {
            (PayloadMode::BodyHash, _) => return Err(AuthError::BodyDigestNeeded),
            (PayloadMode::Sha256(declared), _) => {
                refuse_trailers(request)?;
                let framing = Framing::Hashed { declared, digest: Sha256::new() };
                return Ok(Self { mode, decoded_bytes: None, framing });
            }
            (PayloadMode::Unsigned, _) => {
                refuse_trailers(request)?;
                return Ok(Self { mode, decoded_bytes: None, framing: Framing::Plain });
            }
            (PayloadMode::UnsignedTrailer, _) => ChunkSignatures::None,
            (PayloadMode::SignedChunks, Some(signer)) => {
                refuse_trailers(request)?;
                ChunkSignatures::Chunks(signer)
            }
            (PayloadMode::SignedChunksTrailer, Some(signer)) => {
                ChunkSignatures::ChunksAndTrailer(signer)
            }
            // SECURITY: a mode whose checks need a signer must not pass because there is none.
            (PayloadMode::SignedChunks | PayloadMode::SignedChunksTrailer, None) => {
                return Err(AuthError::AnonymousSignedChunks);
            }
        };
        let decoded_bytes = decoded_bytes(request)?;
        let trailers = trailers(request)?;
        if trailers.is_empty() && mode == PayloadMode::SignedChunksTrailer {
            return Err(AuthError::TrailerUndeclared);
        }
        let framing = ChunkFraming { decoded_bytes, trailers, signatures };
        Ok(Self {
            mode,
            decoded_bytes: Some(decoded_bytes),
            framing: Framing::Chunked(Box::new(ChunkDecoder::new(framing))),
        })
    }

    /// What was declared of the body.
    #[must_use]
    pub fn payload_mode(&self) -> PayloadMode {
        self.mode
    }

    /// Whether [`BodyEnd::sha256`] will hold the digest of the payload.
    #[must_use]
    pub fn computes_sha256(&self) -> bool {
        matches!(self.framing, Framing::Hashed { .. })
    }

    /// How many bytes the payload has, if the framing says so; plain bodies leave it to HTTP.
    #[must_use]
    pub fn decoded_bytes(&self) -> Option<u64> {
        self.decoded_bytes
    }

    /// Consumes some of `input`. Plain bodies have no end of their own: theirs is that of the input.
    ///
    /// # Errors
    /// If the body is not what was declared or signed.
    pub fn feed(&mut self, input: &mut Bytes) -> Result<Event, ChunkError> {
        match &mut self.framing {
            Framing::Chunked(decoder) => decoder.feed(input),
            Framing::Plain | Framing::Hashed { .. } if input.is_empty() => Ok(Event::NeedMore),
            Framing::Plain => Ok(Event::Payload(std::mem::take(input))),
            Framing::Hashed { digest, .. } => {
                digest.update(input);
                Ok(Event::Payload(std::mem::take(input)))
            }
        }
    }

    /// Must be called at end of input; refuses a body that is not what was declared or signed.
    ///
    /// # Errors
    /// If the body is incomplete, or another one than was declared or signed.
    pub fn finish(self) -> Result<BodyEnd, ChunkError> {
        match self.framing {
            Framing::Plain => Ok(BodyEnd { trailers: Trailers::default(), sha256: None }),
            Framing::Chunked(decoder) => Ok(BodyEnd { trailers: decoder.finish()?, sha256: None }),
            Framing::Hashed { declared, digest } => {
                let computed = digest.finish();
                if declared != computed {
                    return Err(ChunkError::DigestMismatch {
                        declared: hex(&declared).as_str().to_owned(),
                        computed: hex(&computed).as_str().to_owned(),
                    });
                }
                Ok(BodyEnd { trailers: Trailers::default(), sha256: Some(computed) })
            }
        }
    }
}

#[derive(Debug)]
enum Framing {
    Plain,
    Hashed { declared: [u8; 32], digest: Sha256 },
    Chunked(Box<ChunkDecoder>),
}

/// `x-amz-decoded-content-length`: decimal digits.
fn decoded_bytes(request: &RequestView<'_>) -> Result<u64, AuthError> {
    let text = request.single("x-amz-decoded-content-length")?;
    text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or(AuthError::MissingDecodedLength)
}

/// `x-amz-trailer`: names of checksum headers, separated by commas.
fn trailers(request: &RequestView<'_>) -> Result<Vec<String>, AuthError> {
    let Some(text) = request.single("x-amz-trailer")? else {
        return Ok(Vec::new());
    };
    let mut names: Vec<String> = Vec::new();
    for name in text.split(',').map(|name| name.trim_matches([' ', '\t']).to_ascii_lowercase()) {
        let known =
            name.strip_prefix("x-amz-checksum-").is_some_and(|suffix| CHECKSUMS.contains(&suffix));
        if !known || names.contains(&name) {
            return Err(AuthError::TrailerInvalid { given: Echo::argument(text) });
        }
        names.push(name);
    }
    Ok(names)
}

/// A mode without a trailer would never see what `x-amz-trailer` promises.
fn refuse_trailers(request: &RequestView<'_>) -> Result<(), AuthError> {
    match request.single("x-amz-trailer")? {
        Some(text) => Err(AuthError::TrailerInvalid { given: Echo::argument(text) }),
        None => Ok(()),
    }
}

/// SPEC: data-protection, 1.4. Which of them are supported is for the caller to say.
const CHECKSUMS: [&str; 10] = [
    "crc32",
    "crc32c",
    "crc64nvme",
    "sha1",
    "sha256",
    "sha512",
    "md5",
    "xxhash64",
    "xxhash3",
    "xxhash128",
];
