//! Where the null version of a key is.

use crate::keys::VersionOrder;

use super::codec::{Decoder, Encoder, RecordError};

/// Where the null version of a key is among its versions, if it is not at the fixed place behind
/// all others: it was written after versions that have names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NullPlace {
    /// The order in the key of its record.
    pub(crate) order: VersionOrder,
}

impl NullPlace {
    /// The record as bytes.
    ///
    /// # Errors
    /// None; the signature is that of all records.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let mut out = Encoder::new(FORMAT_VERSION);
        out.fixed(self.order.as_bytes());
        out.finish()
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// If the bytes are not those of a record.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(bytes, FORMAT_VERSION)?;
        let order = VersionOrder::from_bytes(input.array()?);
        input.finish()?;
        Ok(Self { order })
    }
}

const FORMAT_VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_damage_is_refused() {
        let place = NullPlace { order: VersionOrder::from_bytes([7; 16]) };
        let bytes = place.encode().unwrap();
        assert_eq!(NullPlace::decode(&bytes), Ok(place));
        for cut in 0..bytes.len() {
            assert!(NullPlace::decode(&bytes[..cut]).is_err());
        }
        assert_eq!(NullPlace::decode(&[bytes, vec![0]].concat()), Err(RecordError::Trailing(1)));
    }
}
