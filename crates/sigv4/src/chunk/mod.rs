//! Decoder for `aws-chunked` bodies.
//!
//! Knows framing, chunk signatures and trailers. Must not know HTTP, time or storage.
//! SPEC: data-protection, 1.7.

use std::collections::VecDeque;
use std::fmt;

use bytes::{Bytes, BytesMut};
use strongroom_crypto::{Sha256, ct_eq, sha256};

use crate::chunk_signer::ChunkSigner;

mod error;

pub use error::ChunkError;

/// Turns the bytes of an `aws-chunked` body into payload. Bytes in, events out.
///
/// SECURITY: a signed chunk is released only after its signature was verified.
pub struct ChunkDecoder {
    signatures: ChunkSignatures,
    /// Declared and not yet arrived.
    trailers_due: Vec<String>,
    trailers: Trailers,
    trailer_digest: Sha256,
    trailer_signature: Option<Vec<u8>>,
    trailer_bytes: usize,
    decoded_bytes_left: u64,
    chunk: Chunk,
    line: Vec<u8>,
    state: State,
}

/// What the head of the request declares of an `aws-chunked` body.
#[derive(Debug)]
pub struct ChunkFraming {
    /// `x-amz-decoded-content-length`: the payload has exactly as many bytes.
    pub decoded_bytes: u64,
    /// `x-amz-trailer`: lower-case names, each of which arrives exactly once.
    pub trailers: Vec<String>,
    /// What is signed.
    pub signatures: ChunkSignatures,
}

/// What of the body is signed, and by whom.
#[derive(Debug)]
pub enum ChunkSignatures {
    /// Nothing.
    None,
    /// Every chunk.
    Chunks(ChunkSigner),
    /// Every chunk and the trailer.
    ChunksAndTrailer(ChunkSigner),
}

/// What feeding bytes led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// All input was consumed.
    NeedMore,
    /// The next bytes of the payload; there may be more in what is already fed.
    Payload(Bytes),
    /// The body is complete, and nothing follows.
    End,
}

/// The trailers of a body: lower-case name and value, in order of arrival.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trailers(Vec<(String, String)>);

impl Trailers {
    /// The value of a trailer.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let same = |trailer: &&(String, String)| trailer.0 == name;
        self.0.iter().find(same).map(|trailer| trailer.1.as_str())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl ChunkDecoder {
    /// A decoder at the start of a body.
    #[must_use]
    pub fn new(framing: ChunkFraming) -> Self {
        Self {
            signatures: framing.signatures,
            trailers_due: framing.trailers,
            trailers: Trailers::default(),
            trailer_digest: Sha256::new(),
            trailer_signature: None,
            trailer_bytes: 0,
            decoded_bytes_left: framing.decoded_bytes,
            chunk: Chunk::default(),
            line: Vec::new(),
            state: State::Size,
        }
    }

    /// Consumes some of `input`; payload is released only after its chunk is verified.
    ///
    /// # Errors
    /// If the body is not what was declared or signed; every later call gives the same error.
    pub fn feed(&mut self, input: &mut Bytes) -> Result<Event, ChunkError> {
        let event = self.advance(input);
        if let Err(error) = &event {
            self.chunk = Chunk::default();
            self.state = State::Failed(error.clone());
        }
        event
    }

    /// Must be called at end of input; refuses a stream that is not complete.
    ///
    /// # Errors
    /// If the body ended too early, or had failed before.
    pub fn finish(self) -> Result<Trailers, ChunkError> {
        match self.state {
            State::Done => Ok(self.trailers),
            State::Failed(error) => Err(error),
            State::Size | State::Payload | State::Release | State::PayloadEnd | State::Trailer => {
                Err(ChunkError::Truncated)
            }
        }
    }

    /// Each turn consumes input or moves to a state that does, so this ends with the input.
    fn advance(&mut self, input: &mut Bytes) -> Result<Event, ChunkError> {
        loop {
            match &self.state {
                State::Size => match self.take_line(input, LINE_BYTES_MAX)? {
                    Some(line) => self.begin_chunk(&line)?,
                    None => return Ok(Event::NeedMore),
                },
                State::Payload => {
                    if input.is_empty() {
                        return Ok(Event::NeedMore);
                    }
                    if let Some(payload) = self.take_payload(input)? {
                        return Ok(Event::Payload(payload));
                    }
                }
                State::Release => match self.chunk.held.pop_front() {
                    Some(payload) => return Ok(Event::Payload(payload)),
                    None => self.state = State::PayloadEnd,
                },
                State::PayloadEnd => match self.take_line(input, CRLF_BYTES)? {
                    Some(line) if line.is_empty() => self.state = State::Size,
                    Some(_) => return Err(ChunkError::MalformedFrame),
                    None => return Ok(Event::NeedMore),
                },
                State::Trailer => {
                    let bytes_max = TRAILER_BYTES_MAX.saturating_sub(self.trailer_bytes);
                    match self.take_line(input, bytes_max)? {
                        Some(line) if line.is_empty() => self.end_trailers()?,
                        Some(line) => self.take_trailer(&line)?,
                        None => return Ok(Event::NeedMore),
                    }
                }
                State::Done if input.is_empty() => return Ok(Event::End),
                State::Done => return Err(ChunkError::BytesAfterEnd),
                State::Failed(error) => return Err(error.clone()),
            }
        }
    }

    /// Takes a line off the input, or as much of it as there is; gives it without its CRLF.
    fn take_line(
        &mut self,
        input: &mut Bytes,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, ChunkError> {
        let end = input.iter().take(bytes_max + 1).position(|byte| *byte == b'\n');
        let taken = end.map_or(input.len(), |end| end + 1);
        if self.line.len().saturating_add(taken) > bytes_max {
            return Err(match self.state {
                State::Trailer => ChunkError::TrailerTooLong,
                State::PayloadEnd => ChunkError::MalformedFrame,
                _ => ChunkError::LineTooLong,
            });
        }
        self.line.extend_from_slice(&input.split_to(taken));
        if end.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        if line.pop() != Some(b'\n') || line.pop() != Some(b'\r') {
            return Err(ChunkError::MalformedFrame);
        }
        Ok(Some(line))
    }

    fn begin_chunk(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        let (size, signature) = match &self.signatures {
            ChunkSignatures::None => (line, Vec::new()),
            ChunkSignatures::Chunks(_) | ChunkSignatures::ChunksAndTrailer(_) => {
                split_signature(line).ok_or(ChunkError::MalformedFrame)?
            }
        };
        let bytes = parse_size(size).ok_or(ChunkError::MalformedFrame)?;
        if bytes == 0 {
            return self.begin_end(&signature);
        }
        let (index, previous) = (self.chunk.index, self.chunk.bytes);
        if index > 0 && previous < CHUNK_BYTES_MIN {
            return Err(ChunkError::ChunkTooSmall { index, chunk_bytes: previous });
        }
        let index = index + 1;
        let Some(left) = self.decoded_bytes_left.checked_sub(bytes) else {
            return Err(ChunkError::LongerThanDeclared);
        };
        if self.is_signed() && bytes > CHUNK_BYTES_MAX {
            return Err(ChunkError::ChunkTooLarge { index, chunk_bytes: bytes });
        }
        self.decoded_bytes_left = left;
        self.chunk = Chunk { index, bytes, left: bytes, signature, ..Chunk::default() };
        self.state = State::Payload;
        Ok(())
    }

    /// The chunk of size zero.
    fn begin_end(&mut self, signature: &[u8]) -> Result<(), ChunkError> {
        if self.decoded_bytes_left > 0 {
            return Err(ChunkError::ShorterThanDeclared);
        }
        if let Some(signer) = self.signer() {
            let expected = signer.sign_digest(&sha256(b""));
            if !ct_eq(expected.as_bytes(), signature) {
                return Err(ChunkError::SignatureMismatch { index: self.chunk.index + 1 });
            }
        }
        self.state = State::Trailer;
        Ok(())
    }

    /// Takes what there is of the chunk; gives it back at once if nothing has to vouch for it.
    fn take_payload(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, ChunkError> {
        let wanted = usize::try_from(self.chunk.left).unwrap_or(usize::MAX);
        let piece = input.split_to(wanted.min(input.len()));
        self.chunk.left = self.chunk.left.saturating_sub(piece.len() as u64);
        if !self.is_signed() {
            if self.chunk.left == 0 {
                self.state = State::PayloadEnd;
            }
            return Ok(Some(piece));
        }
        self.chunk.digest.update(&piece);
        self.chunk.hold(piece);
        if self.chunk.left == 0 {
            self.verify_chunk()?;
        }
        Ok(None)
    }

    fn verify_chunk(&mut self) -> Result<(), ChunkError> {
        self.chunk.flush();
        let digest = std::mem::replace(&mut self.chunk.digest, Sha256::new()).finish();
        let Some(signer) = self.signer() else {
            return Err(ChunkError::MalformedFrame);
        };
        let expected = signer.sign_digest(&digest);
        if !ct_eq(expected.as_bytes(), &self.chunk.signature) {
            return Err(ChunkError::SignatureMismatch { index: self.chunk.index });
        }
        self.state = State::Release;
        Ok(())
    }

    fn take_trailer(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        self.trailer_bytes += line.len() + CRLF_BYTES;
        // SECURITY: what follows the signature of the trailer is not covered by it.
        if self.trailer_signature.is_some() {
            return Err(ChunkError::TrailerMalformed);
        }
        let (name, value) = split_trailer(line).ok_or(ChunkError::TrailerMalformed)?;
        if name == TRAILER_SIGNATURE {
            if !matches!(self.signatures, ChunkSignatures::ChunksAndTrailer(_)) {
                return Err(ChunkError::TrailerUndeclared { name });
            }
            self.trailer_signature = Some(value.into_bytes());
            return Ok(());
        }
        if self.trailers.value(&name).is_some() {
            return Err(ChunkError::TrailerDuplicate { name });
        }
        let Some(due) = self.trailers_due.iter().position(|due| *due == name) else {
            return Err(ChunkError::TrailerUndeclared { name });
        };
        self.trailers_due.swap_remove(due);
        self.trailer_digest.update(format!("{name}:{value}\n").as_bytes());
        self.trailers.0.push((name, value));
        Ok(())
    }

    fn end_trailers(&mut self) -> Result<(), ChunkError> {
        if let Some(name) = self.trailers_due.first() {
            return Err(ChunkError::TrailerMissing { name: name.clone() });
        }
        if let ChunkSignatures::ChunksAndTrailer(signer) = &mut self.signatures {
            let Some(signature) = &self.trailer_signature else {
                return Err(ChunkError::TrailerMissing { name: TRAILER_SIGNATURE.to_owned() });
            };
            let digest = std::mem::replace(&mut self.trailer_digest, Sha256::new()).finish();
            let expected = signer.sign_trailer_digest(&digest);
            if !ct_eq(expected.as_bytes(), signature) {
                return Err(ChunkError::TrailerSignatureMismatch);
            }
        }
        self.state = State::Done;
        Ok(())
    }

    fn is_signed(&self) -> bool {
        !matches!(self.signatures, ChunkSignatures::None)
    }

    fn signer(&mut self) -> Option<&mut ChunkSigner> {
        match &mut self.signatures {
            ChunkSignatures::None => None,
            ChunkSignatures::Chunks(signer) | ChunkSignatures::ChunksAndTrailer(signer) => {
                Some(signer)
            }
        }
    }
}

/// SECURITY: neither payload nor signatures.
impl fmt::Debug for ChunkDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkDecoder")
            .field("chunk_index", &self.chunk.index)
            .field("decoded_bytes_left", &self.decoded_bytes_left)
            .finish_non_exhaustive()
    }
}

enum State {
    /// In the line that begins a chunk.
    Size,
    /// In the payload of a chunk.
    Payload,
    /// A verified chunk is being handed out.
    Release,
    /// In the line break behind a chunk.
    PayloadEnd,
    /// Behind the last chunk.
    Trailer,
    Done,
    Failed(ChunkError),
}

/// The chunk that is being read; index 0 before the first.
struct Chunk {
    index: u64,
    bytes: u64,
    left: u64,
    signature: Vec<u8>,
    digest: Sha256,
    /// What is not verified yet, in pieces as it came.
    held: VecDeque<Bytes>,
    /// Small pieces, copied together.
    small: BytesMut,
}

impl Chunk {
    /// SECURITY: a piece pins the network buffer it lies in. Small ones are copied, so that a peer
    /// which sends byte by byte costs no more memory than the chunk has bytes.
    fn hold(&mut self, piece: Bytes) {
        if piece.len() < PIECE_BYTES_MIN {
            self.small.extend_from_slice(&piece);
            return;
        }
        self.flush();
        self.held.push_back(piece);
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.held.push_back(self.small.split().freeze());
        }
    }
}

impl Default for Chunk {
    fn default() -> Self {
        Self {
            index: 0,
            bytes: 0,
            left: 0,
            signature: Vec::new(),
            digest: Sha256::new(),
            held: VecDeque::new(),
            small: BytesMut::new(),
        }
    }
}

/// `HEX;chunk-signature=SIGNATURE`
fn split_signature(line: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let middle = line.iter().position(|byte| *byte == b';')?;
    let (size, rest) = line.split_at_checked(middle)?;
    let signature = rest.strip_prefix(b";chunk-signature=")?;
    let lower_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    (signature.len() == 64 && signature.iter().all(lower_hex)).then(|| (size, signature.to_vec()))
}

/// Hexadecimal digits and nothing else: no sign, no blank, no prefix.
fn parse_size(digits: &[u8]) -> Option<u64> {
    if !(1..=16).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0_u64, |size, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        size.checked_mul(16)?.checked_add(u64::from(digit))
    })
}

/// `name:value`, printable.
fn split_trailer(line: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(line).ok()?;
    let (name, value) = text.split_once(':')?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || !name.bytes().all(token) {
        return None;
    }
    let value = value.trim_matches([' ', '\t']);
    let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    printable.then(|| (name.to_ascii_lowercase(), value.to_owned()))
}

/// The trailer that signs the others.
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// A signed chunk is held whole until its signature is verified; clients send 64 to 128 KiB.
pub const CHUNK_BYTES_MAX: u64 = 1024 * 1024;

/// Every chunk but the last has as many bytes; smaller ones cost more than they carry.
pub const CHUNK_BYTES_MIN: u64 = 8192;

/// The line that begins a chunk has at most 16 + 17 + 64 bytes of meaning.
const LINE_BYTES_MAX: usize = 1024;

/// All trailer lines together.
const TRAILER_BYTES_MAX: usize = 4096;

/// A held piece below this is copied, in bytes.
const PIECE_BYTES_MIN: usize = 4096;

const CRLF_BYTES: usize = 2;
