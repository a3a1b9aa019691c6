//! The continuation token of ListObjectsV2.
//!
//! Opaque to clients and no secret: it holds the last result of the page, which the client has
//! already, and a checksum that tells a token from other text. It grants nothing; the request that
//! brings it is judged as if it began at that place with `start-after`.

use data_encoding::BASE64URL_NOPAD;
use strongroom_crypto::crc32c;

/// Text that is no continuation token. Answered with `InvalidArgument` (400).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the continuation token provided is incorrect")]
pub(crate) struct ContinuationTokenError;

/// The token for a listing that goes on behind `last`, a key or a common prefix.
pub(crate) fn encode(last: &str) -> String {
    let mut bytes = Vec::with_capacity(1 + 4 + last.len());
    bytes.push(FORMAT_VERSION);
    bytes.extend_from_slice(&crc32c(last.as_bytes()).to_be_bytes());
    bytes.extend_from_slice(last.as_bytes());
    BASE64URL_NOPAD.encode(&bytes)
}

/// What the token continues behind.
pub(crate) fn decode(token: &str) -> Result<String, ContinuationTokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(ContinuationTokenError);
    }
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| ContinuationTokenError)?;
    let rest = bytes.strip_prefix(&[FORMAT_VERSION]).ok_or(ContinuationTokenError)?;
    let (digest, last) = rest.split_first_chunk::<4>().ok_or(ContinuationTokenError)?;
    if u32::from_be_bytes(*digest) != crc32c(last) {
        return Err(ContinuationTokenError);
    }
    String::from_utf8(last.to_vec()).map_err(|_| ContinuationTokenError)
}

const FORMAT_VERSION: u8 = 1;
const TOKEN_BYTES_MAX: usize = 2 * 1024; // 1,029 bytes in base64, with room

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back() {
        for last in ["a", "a/", "ä\0\n", &"k".repeat(1024)] {
            assert_eq!(decode(&encode(last)).as_deref(), Ok(last));
        }
    }

    #[test]
    fn other_text_is_refused() {
        let token = encode("photos/2026/");
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert!(decode(std::str::from_utf8(&other).unwrap()).is_err(), "{at}");
        }
        for bad in [
            "",
            "x",
            "photos/2026/",
            token.trim_start_matches('A'),
            &format!("{token}="),
            &"A".repeat(4000),
        ] {
            assert_eq!(decode(bad), Err(ContinuationTokenError), "{bad}");
        }
    }
}
