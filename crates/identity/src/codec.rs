//! Reading fixed forms out of bytes that come back from a store or a client.

/// The bytes are not of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Takes fields off the front of bytes.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// A length in one byte, then that many bytes.
    pub(crate) fn short_bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.byte()?;
        let (bytes, rest) = self.0.split_at_checked(length.into()).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A length in one byte, then that many bytes of UTF-8.
    pub(crate) fn short_text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.short_bytes()?).map_err(|_| Malformed)
    }

    /// The bytes must end here.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// A length in one byte, then the bytes; whoever writes keeps them below 256.
pub(crate) fn put_short(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Malformed> {
    out.push(u8::try_from(bytes.len()).map_err(|_| Malformed)?);
    out.extend_from_slice(bytes);
    Ok(())
}
