//! The record of a bucket's tags.

use super::codec::{Decoder, Encoder, RecordError};
use super::object::{decode_pairs, encode_pairs};

/// The tags of a bucket. They have a record of their own: the bucket's is read with every request,
/// and tags may be fifty times as large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketTagsRecord {
    /// The tags, ascending by key; at least one.
    pub(crate) tags: Vec<(String, String)>,
}

impl BucketTagsRecord {
    /// The record as bytes.
    ///
    /// # Errors
    /// If a text is longer than its field holds; the limits of tags lie far below.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let mut out = Encoder::new(FORMAT_VERSION);
        encode_pairs(&mut out, "tags", &self.tags);
        out.finish()
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// If the bytes are not those of a record.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(bytes, FORMAT_VERSION)?;
        let tags = decode_pairs(&mut input, "tags")?;
        input.finish()?;
        Ok(Self { tags })
    }
}

const FORMAT_VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_back_and_damage_is_found() {
        let record = BucketTagsRecord { tags: vec![("k".into(), "v".into())] };
        let bytes = record.encode().unwrap();
        assert_eq!(bytes, *b"\x01\0\x01\0\x01k\0\x01v");
        assert_eq!(BucketTagsRecord::decode(&bytes), Ok(record));
        for length in 0..bytes.len() {
            assert!(BucketTagsRecord::decode(&bytes[..length]).is_err());
        }
        assert!(BucketTagsRecord::decode(&[bytes.as_slice(), b"x"].concat()).is_err());
    }
}
