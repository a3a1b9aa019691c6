//! Fixed-width integers and length-prefixed bytes, as all formats of this engine write them:
//! little endian, checked when read.

/// Reads fields from bytes that were read back from a drive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    total: usize,
}

/// A field goes past the end of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes end inside a field")]
pub(crate) struct FieldsError;

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, total: bytes.len() }
    }

    /// How many bytes were read.
    pub(crate) fn position(&self) -> usize {
        self.total - self.rest.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], FieldsError> {
        let (field, rest) = self.rest.split_at_checked(length).ok_or(FieldsError)?;
        self.rest = rest;
        Ok(field)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], FieldsError> {
        let (field, rest) = self.rest.split_first_chunk::<N>().ok_or(FieldsError)?;
        self.rest = rest;
        Ok(*field)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, FieldsError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, FieldsError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, FieldsError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, FieldsError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A `u32` that says how many bytes follow, and they.
    pub(crate) fn long_bytes(&mut self) -> Result<&'a [u8], FieldsError> {
        let length = self.u32()?;
        self.bytes(usize::try_from(length).map_err(|_| FieldsError)?)
    }

    /// A `u16` that says how many bytes follow, and they.
    pub(crate) fn short_bytes(&mut self) -> Result<&'a [u8], FieldsError> {
        let length = self.u16()?;
        self.bytes(usize::from(length))
    }
}

/// Writes bytes after their length as a `u32`; callers have checked the length.
pub(crate) fn put_long_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32_of(bytes.len()).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Writes bytes after their length as a `u16`; callers have checked the length.
pub(crate) fn put_short_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    debug_assert!(usize::from(length) == bytes.len(), "checked by the caller");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// A length that is known to fit: everything in memory here is bounded far below 4 GiB.
pub(crate) fn u32_of(length: usize) -> u32 {
    debug_assert!(u32::try_from(length).is_ok(), "buffers are bounded far below 4 GiB");
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A length or offset in memory; this engine runs on 64-bit machines.
pub(crate) fn usize_of(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The least multiple of `step`, a power of two, that is not below `value`.
pub(crate) fn align_up(value: u64, step: u64) -> u64 {
    debug_assert!(step.is_power_of_two());
    value.saturating_add(step - 1) & !(step - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_written_and_never_past_the_end() {
        let mut out = Vec::new();
        put_short_bytes(&mut out, b"ab");
        put_long_bytes(&mut out, b"cde");
        out.extend_from_slice(&7u64.to_le_bytes());
        let mut fields = Fields::new(&out);
        assert_eq!(fields.short_bytes().unwrap(), b"ab");
        assert_eq!(fields.long_bytes().unwrap(), b"cde");
        assert_eq!(fields.u64().unwrap(), 7);
        assert!(fields.is_empty());
        assert_eq!(fields.u8(), Err(FieldsError));
        for length in 0..out.len() {
            let mut fields = Fields::new(&out[..length]);
            let all =
                fields.short_bytes().and_then(|_| fields.long_bytes()).and_then(|_| fields.u64());
            assert!(all.is_err(), "{length}");
        }
    }

    #[test]
    fn alignment_goes_up_to_the_next_multiple() {
        assert_eq!([0, 1, 4096, 4097].map(|v| align_up(v, 4096)), [0, 4096, 4096, 8192]);
    }
}
