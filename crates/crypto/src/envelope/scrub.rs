//! Checking stored envelopes without a key.

use super::header::EnvelopeHeader;
use super::{CRC_BYTES, EnvelopeContext, EnvelopeError, EnvelopeLayout, HEADER_BYTES};
use crate::checksum::Crc32c;

/// Checks the CRCs of an envelope whose stored bytes come in pieces of any length.
///
/// Finds what media do to bytes. What an attacker does, who can compute a CRC as well, only the
/// tags find, and those need the key.
#[derive(Debug)]
pub struct EnvelopeScrubber {
    layout: EnvelopeLayout,
    expected: Option<EnvelopeContext>,
    state: State,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one a scrubbed file; nothing to gain by a box")]
enum State {
    Header {
        bytes: [u8; HEADER_BYTES],
        filled: usize,
    },
    /// `left` bytes of ciphertext and tag are missing.
    Sealed {
        index: u64,
        left: u64,
        crc: Crc32c,
    },
    Crc {
        index: u64,
        computed: u32,
        bytes: [u8; CRC_BYTES],
        filled: usize,
    },
    Done,
}

impl EnvelopeScrubber {
    /// The scrubber for an envelope of this many stored bytes. Where the place tells whose payload
    /// it must be, `expected` names it.
    ///
    /// # Errors
    /// [`EnvelopeError::StoredLength`] if no envelope has this length.
    pub fn new(
        stored_bytes: u64,
        expected: Option<EnvelopeContext>,
    ) -> Result<Self, EnvelopeError> {
        let layout = EnvelopeLayout::from_stored_bytes(stored_bytes)?;
        let state = State::Header { bytes: [0; HEADER_BYTES], filled: 0 };
        Ok(Self { layout, expected, state })
    }

    /// Takes in the next stored bytes.
    ///
    /// # Errors
    /// What is wrong with them, as soon as it shows. The scrubber must not be used any more.
    pub fn push(&mut self, stored: &[u8]) -> Result<(), EnvelopeError> {
        let mut rest = stored;
        while !rest.is_empty() {
            rest = self.step(rest)?;
        }
        Ok(())
    }

    /// Must be called at the end of the stored bytes.
    ///
    /// # Errors
    /// [`EnvelopeError::Truncated`] if some are missing.
    pub fn finish(self) -> Result<(), EnvelopeError> {
        match self.state {
            State::Done => Ok(()),
            State::Header { .. } | State::Sealed { .. } | State::Crc { .. } => {
                Err(EnvelopeError::Truncated)
            }
        }
    }

    /// Consumes at least one byte of `input`, which is not empty, and answers the rest.
    fn step<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], EnvelopeError> {
        match &mut self.state {
            State::Header { bytes, filled } => {
                let rest = fill(bytes, filled, input);
                if *filled == HEADER_BYTES {
                    let header = EnvelopeHeader::parse(bytes)?;
                    if self.expected.is_some_and(|expected| expected != header.context) {
                        return Err(EnvelopeError::Misplaced);
                    }
                    self.state = self.chunk(0);
                }
                Ok(rest)
            }
            State::Sealed { index, left, crc } => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX);
                let (piece, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
                crc.update(piece);
                *left -= piece.len() as u64;
                if *left == 0 {
                    let (index, computed) = (*index, crc.finish());
                    self.state = State::Crc { index, computed, bytes: [0; CRC_BYTES], filled: 0 };
                }
                Ok(rest)
            }
            State::Crc { index, computed, bytes, filled } => {
                let rest = fill(bytes, filled, input);
                if *filled == CRC_BYTES {
                    let index = *index;
                    if u32::from_be_bytes(*bytes) != *computed {
                        return Err(EnvelopeError::ChunkDamaged { index });
                    }
                    self.state = self.chunk(index + 1);
                }
                Ok(rest)
            }
            State::Done => Err(EnvelopeError::TrailingBytes),
        }
    }

    fn chunk(&self, index: u64) -> State {
        match self.layout.chunk_stored_bytes(index).checked_sub(CRC_BYTES as u64) {
            Some(left) => State::Sealed { index, left, crc: Crc32c::new() },
            None => State::Done,
        }
    }
}

/// Fills `bytes` from `input` and answers what was left over.
fn fill<'a>(bytes: &mut [u8], filled: &mut usize, input: &'a [u8]) -> &'a [u8] {
    let free = bytes.get_mut(*filled..).unwrap_or_default();
    let (piece, rest) = input.split_at_checked(free.len()).unwrap_or((input, &[]));
    for (to, from) in free.iter_mut().zip(piece) {
        *to = *from;
    }
    *filled += piece.len();
    rest
}
