//! The record of a bucket's policy.

use super::bucket::PolicyStamp;
use super::codec::{Decoder, Encoder, RecordError};

/// The policy of a bucket, in force while the bucket's own record names its stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketPolicyRecord {
    /// Which text this is.
    pub(crate) stamp: PolicyStamp,
    /// The text as it was given.
    pub(crate) text: String,
}

impl BucketPolicyRecord {
    /// The record as bytes.
    ///
    /// # Errors
    /// If the text is longer than its field holds, which no valid policy is.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let mut out = Encoder::new(FORMAT_VERSION);
        out.fixed(&self.stamp);
        out.text("bucket policy", &self.text);
        out.finish()
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// If the bytes are not those of a record.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(bytes, FORMAT_VERSION)?;
        let record = Self { stamp: input.array()?, text: input.text("bucket policy")?.to_owned() };
        input.finish()?;
        Ok(record)
    }
}

const FORMAT_VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_back_and_damage_is_found() {
        let record = BucketPolicyRecord { stamp: [7; 16], text: "{}".into() };
        let bytes = record.encode().unwrap();
        assert_eq!(bytes, [&[1][..], &[7; 16], b"\0\x02{}"].concat());
        assert_eq!(BucketPolicyRecord::decode(&bytes), Ok(record));
        for length in 0..bytes.len() {
            assert!(BucketPolicyRecord::decode(&bytes[..length]).is_err());
        }
        assert!(BucketPolicyRecord::decode(&[bytes.as_slice(), b"x"].concat()).is_err());
        let longest = BucketPolicyRecord { stamp: [7; 16], text: " ".repeat(20_480) };
        assert!(longest.encode().unwrap().len() < strongroom_store::VALUE_BYTES_MAX);
    }
}
