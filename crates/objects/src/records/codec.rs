//! Writing and reading the fields of records.
//!
//! Integers are big-endian; texts and byte strings carry their length. What is read back is
//! checked, whatever wrote it: a record that breaks a rule is damaged, not surprising.

use strongroom_types::Timestamp;

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordError {
    /// The bytes end inside a field.
    #[error("the record is truncated")]
    Truncated,
    /// The record was written by a later version.
    #[error("the record has unknown format version {0}")]
    UnknownFormatVersion(u8),
    /// A field holds what no writer puts there.
    #[error("the record has an invalid {0}")]
    Invalid(&'static str),
    /// Bytes follow the last field.
    #[error("the record has {0} trailing bytes")]
    Trailing(usize),
    /// A value does not fit its field, or the record its limit.
    #[error("the {0} does not fit its field")]
    TooLong(&'static str),
}

/// Writes fields.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
    /// The first field that did not fit; reported once, at the end.
    overflow: Option<&'static str>,
}

impl Encoder {
    pub(crate) fn new(format_version: u8) -> Self {
        let mut encoder = Self { bytes: Vec::with_capacity(RECORD_BYTES_TYPICAL), overflow: None };
        encoder.u8(format_version);
        encoder
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    pub(crate) fn timestamp(&mut self, value: Timestamp) {
        self.u64(value.micros());
    }

    /// Bytes whose number both sides know.
    pub(crate) fn fixed(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }

    /// Bytes with a length of two bytes.
    pub(crate) fn bytes16(&mut self, field: &'static str, value: &[u8]) {
        match u16::try_from(value.len()) {
            Ok(length) => {
                self.u16(length);
                self.fixed(value);
            }
            Err(_) => self.overflow = self.overflow.or(Some(field)),
        }
    }

    /// A text with a length of two bytes.
    pub(crate) fn text(&mut self, field: &'static str, value: &str) {
        self.bytes16(field, value.as_bytes());
    }

    /// The number of entries that follow, in two bytes.
    pub(crate) fn count16(&mut self, field: &'static str, count: usize) {
        match u16::try_from(count) {
            Ok(count) => self.u16(count),
            Err(_) => self.overflow = self.overflow.or(Some(field)),
        }
    }

    /// The record, unless a field did not fit.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, RecordError> {
        // An engine keeps new records in memory for a while, as they are.
        self.bytes.shrink_to_fit();
        match self.overflow {
            Some(field) => Err(RecordError::TooLong(field)),
            None => Ok(self.bytes),
        }
    }
}

/// Reads fields.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Starts behind the format version, which must be the one that is known.
    pub(crate) fn new(bytes: &'a [u8], format_version: u8) -> Result<Self, RecordError> {
        let mut decoder = Self { rest: bytes };
        let found = decoder.u8()?;
        if found != format_version {
            return Err(RecordError::UnknownFormatVersion(found));
        }
        Ok(decoder)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, RecordError> {
        let (first, rest) = self.rest.split_first().ok_or(RecordError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, RecordError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, RecordError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, RecordError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, RecordError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(RecordError::Invalid(field)),
        }
    }

    pub(crate) fn timestamp(&mut self, field: &'static str) -> Result<Timestamp, RecordError> {
        Timestamp::from_micros(self.u64()?).map_err(|_| RecordError::Invalid(field))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (first, rest) = self.rest.split_first_chunk::<N>().ok_or(RecordError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn fixed(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let (first, rest) = self.rest.split_at_checked(length).ok_or(RecordError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    pub(crate) fn bytes16(&mut self) -> Result<&'a [u8], RecordError> {
        let length = self.u16()?;
        self.fixed(usize::from(length))
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str, RecordError> {
        std::str::from_utf8(self.bytes16()?).map_err(|_| RecordError::Invalid(field))
    }

    /// Must be called behind the last field.
    pub(crate) fn finish(self) -> Result<(), RecordError> {
        if self.rest.is_empty() { Ok(()) } else { Err(RecordError::Trailing(self.rest.len())) }
    }
}

const RECORD_BYTES_TYPICAL: usize = 256; // an object with a content type and a line of metadata
