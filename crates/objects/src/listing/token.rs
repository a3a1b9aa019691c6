//! The continuation token of ListObjectsV2.
//!
//! Opaque to clients and no secret: it holds the last result of the page, which the client has
//! already, and a checksum that tells a token from other text. It grants nothing; the request that
//! brings it is judged as if it began at that place with `start-after`.

use data_encoding::BASE64URL_NOPAD;
use strongroom_crypto::crc32c;

use super::ObjectsMarker;

/// Text that is no continuation token. Answered with `InvalidArgument` (400).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the continuation token provided is incorrect")]
pub(crate) struct ContinuationTokenError;

/// The token for a listing that goes on behind `last`.
pub(crate) fn encode(last: &ObjectsMarker) -> String {
    let text = last.text.as_bytes();
    let mut bytes = Vec::with_capacity(1 + 4 + text.len());
    bytes.push(if last.inside { FORMAT_INSIDE } else { FORMAT_BEHIND });
    bytes.extend_from_slice(&crc32c(text).to_be_bytes());
    bytes.extend_from_slice(text);
    BASE64URL_NOPAD.encode(&bytes)
}

/// What the token continues behind.
pub(crate) fn decode(token: &str) -> Result<ObjectsMarker, ContinuationTokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(ContinuationTokenError);
    }
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| ContinuationTokenError)?;
    let (inside, rest) = match bytes.split_first() {
        Some((&FORMAT_BEHIND, rest)) => (false, rest),
        Some((&FORMAT_INSIDE, rest)) => (true, rest),
        _ => return Err(ContinuationTokenError),
    };
    let (digest, last) = rest.split_first_chunk::<4>().ok_or(ContinuationTokenError)?;
    if u32::from_be_bytes(*digest) != crc32c(last) {
        return Err(ContinuationTokenError);
    }
    let text = String::from_utf8(last.to_vec()).map_err(|_| ContinuationTokenError)?;
    Ok(ObjectsMarker { text, inside })
}

const FORMAT_BEHIND: u8 = 1; // behind a result
const FORMAT_INSIDE: u8 = 2; // behind a key that did not show
const TOKEN_BYTES_MAX: usize = 2 * 1024; // 1,029 bytes in base64, with room

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back() {
        for last in ["a", "a/", "ä\0\n", &"k".repeat(1024)] {
            for inside in [false, true] {
                let marker = ObjectsMarker { text: last.to_owned(), inside };
                assert_eq!(decode(&encode(&marker)), Ok(marker));
            }
        }
    }

    #[test]
    fn other_text_is_refused() {
        let text = "photos/2026/".to_owned();
        let token = encode(&ObjectsMarker { text, inside: false });
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
