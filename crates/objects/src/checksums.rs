//! What a request says about the digests of its body.
//!
//! SPEC: data-protection, 1.3 and 1.4. Knows the grammar of the claims, not where they stand.

use data_encoding::BASE64;
use strongroom_crypto::{Checksum, ChecksumAlgorithm, ChecksumError};

/// Which checksum to compute of a body, and what the client says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChecksumPlan {
    /// The algorithm.
    pub(crate) algorithm: ChecksumAlgorithm,
    /// The value to compare with.
    pub(crate) declared: DeclaredChecksum,
}

/// What the client says that a checksum is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeclaredChecksum {
    /// Nothing.
    Nothing,
    /// This, in front of the body.
    Value(Checksum),
    /// Something, which follows the body as a trailer.
    Trailer,
}

/// The claims of a request about the checksum of its body, as they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChecksumClaims<'a> {
    /// The values of `x-amz-checksum-*` headers.
    pub(crate) values: Vec<(ChecksumAlgorithm, &'a str)>,
    /// The value of `x-amz-sdk-checksum-algorithm`.
    pub(crate) sdk_algorithm: Option<&'a str>,
    /// The names that `x-amz-trailer` announces.
    pub(crate) trailers: &'a [String],
}

/// Why claims about a checksum cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChecksumClaimError {
    /// More than one checksum is declared.
    #[error("expecting a single `x-amz-checksum-` header, multiple checksum types are not allowed")]
    Several,
    /// A trailer is announced that is no checksum.
    #[error("the value specified in the `x-amz-trailer` header is not supported")]
    UnknownTrailer,
    /// A value is no digest of its algorithm.
    #[error(transparent)]
    Value(#[from] ChecksumError),
    /// An algorithm is named, but no value of it is announced.
    #[error(
        "`x-amz-sdk-checksum-algorithm` specified, but no corresponding `x-amz-checksum-*` or `x-amz-trailer` headers were found"
    )]
    ValueMissing,
    /// Another algorithm is named than the one of the value.
    #[error("value for `x-amz-sdk-checksum-algorithm` header is invalid")]
    AlgorithmDiffers,
    /// The named algorithm is not known.
    #[error("checksum algorithm provided is unsupported")]
    UnknownAlgorithm,
}

/// A `Content-MD5` that is no digest. Answered with `InvalidDigest` (400).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Content-MD5 you specified was invalid")]
pub(crate) struct ContentMd5Error;

impl ChecksumPlan {
    /// Computes this algorithm and compares with nothing.
    pub(crate) fn compute(algorithm: ChecksumAlgorithm) -> Self {
        Self { algorithm, declared: DeclaredChecksum::Nothing }
    }
}

impl ChecksumClaims<'_> {
    /// The one thing that the claims say; `None` if they say nothing.
    pub(crate) fn declared(&self) -> Result<Option<ChecksumPlan>, ChecksumClaimError> {
        let mut declared = None;
        for (algorithm, text) in &self.values {
            let value = Checksum::from_base64(*algorithm, text)?;
            let plan =
                ChecksumPlan { algorithm: *algorithm, declared: DeclaredChecksum::Value(value) };
            if declared.replace(plan).is_some() {
                return Err(ChecksumClaimError::Several);
            }
        }
        for name in self.trailers {
            let algorithm = ChecksumAlgorithm::from_header_name(name)
                .ok_or(ChecksumClaimError::UnknownTrailer)?;
            let plan = ChecksumPlan { algorithm, declared: DeclaredChecksum::Trailer };
            if declared.replace(plan).is_some() {
                return Err(ChecksumClaimError::Several);
            }
        }
        if let Some(named) = self.sdk_algorithm {
            let named: ChecksumAlgorithm =
                named.parse().map_err(|_| ChecksumClaimError::UnknownAlgorithm)?;
            match &declared {
                None => return Err(ChecksumClaimError::ValueMissing),
                Some(plan) if plan.algorithm != named => {
                    return Err(ChecksumClaimError::AlgorithmDiffers);
                }
                Some(_) => {}
            }
        }
        Ok(declared)
    }

    /// The plan for an object in one piece: what is declared, and CRC64NVME where nothing is.
    pub(crate) fn plan(&self) -> Result<ChecksumPlan, ChecksumClaimError> {
        let declared = self.declared()?;
        Ok(declared.unwrap_or_else(|| ChecksumPlan::compute(ALGORITHM_DEFAULT)))
    }
}

/// Reads the value of `Content-MD5`.
pub(crate) fn parse_content_md5(text: &str) -> Result<[u8; 16], ContentMd5Error> {
    let bytes = BASE64.decode(text.as_bytes()).map_err(|_| ContentMd5Error)?;
    // The library reads texts that end in padding one behind the other as one text.
    if BASE64.encode(&bytes) != text {
        return Err(ContentMd5Error);
    }
    bytes.try_into().map_err(|_| ContentMd5Error)
}

/// What S3 stores where the client declares nothing. SPEC: data-protection, 1.3.
pub(crate) const ALGORITHM_DEFAULT: ChecksumAlgorithm = ChecksumAlgorithm::Crc64Nvme;

#[cfg(test)]
mod tests {
    use super::*;

    const CRC32: &str = "DUoRhQ==";

    fn claims<'a>(
        values: &[(ChecksumAlgorithm, &'a str)],
        sdk_algorithm: Option<&'a str>,
        trailers: &'a [String],
    ) -> Result<ChecksumPlan, ChecksumClaimError> {
        ChecksumClaims { values: values.to_vec(), sdk_algorithm, trailers }.plan()
    }

    #[test]
    fn one_declaration_is_the_plan() {
        let crc32 = ChecksumAlgorithm::Crc32;
        let value = Checksum::from_base64(crc32, CRC32).unwrap();
        let expected = ChecksumPlan { algorithm: crc32, declared: DeclaredChecksum::Value(value) };
        assert_eq!(claims(&[(crc32, CRC32)], None, &[]).as_ref(), Ok(&expected));
        assert_eq!(claims(&[(crc32, CRC32)], Some("CRC32"), &[]), Ok(expected));
        let trailer = ["x-amz-checksum-sha256".to_owned()];
        let plan = claims(&[], Some("SHA256"), &trailer).unwrap();
        assert_eq!(plan.declared, DeclaredChecksum::Trailer);
        assert_eq!(claims(&[], None, &[]), Ok(ChecksumPlan::compute(ChecksumAlgorithm::Crc64Nvme)));
    }

    #[test]
    fn contradicting_declarations_are_refused() {
        let (crc32, crc32c) = (ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32c);
        let trailer = ["x-amz-checksum-crc32".to_owned()];
        let two = [trailer[0].clone(), "x-amz-checksum-crc32c".to_owned()];
        let other = ["x-amz-meta-a".to_owned()];
        let several = Err(ChecksumClaimError::Several);
        assert_eq!(claims(&[(crc32, CRC32), (crc32c, "yZRlqg==")], None, &[]), several);
        assert_eq!(claims(&[(crc32, CRC32)], None, &trailer), several);
        assert_eq!(claims(&[], None, &two), several);
        assert_eq!(claims(&[], None, &other), Err(ChecksumClaimError::UnknownTrailer));
        assert_eq!(claims(&[], Some("CRC32"), &[]), Err(ChecksumClaimError::ValueMissing));
        assert_eq!(claims(&[], Some("CRC31"), &[]), Err(ChecksumClaimError::UnknownAlgorithm));
        assert_eq!(
            claims(&[(crc32, CRC32)], Some("SHA1"), &[]),
            Err(ChecksumClaimError::AlgorithmDiffers)
        );
        let short = Err(ChecksumClaimError::Value(ChecksumError::TooShort { algorithm: crc32 }));
        assert_eq!(claims(&[(crc32, "bad")], None, &[]), short);
    }

    #[test]
    fn content_md5_is_16_bytes_of_base64() {
        assert_eq!(parse_content_md5("AAAAAAAAAAAAAAAAAAAAAA=="), Ok([0; 16]));
        for bad in [
            "",
            "xyz",
            "AAAA",
            "AAA=AAAAAAAAAAAAAAAAAAA=",
            "AAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(parse_content_md5(bad), Err(ContentMd5Error), "{bad}");
        }
    }
}
