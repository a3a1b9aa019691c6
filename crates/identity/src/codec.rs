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

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A length in four bytes, then that many bytes of UTF-8.
    pub(crate) fn long_text(&mut self) -> Result<&'a str, Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| Malformed)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        std::str::from_utf8(bytes).map_err(|_| Malformed)
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

/// A length in four bytes, then the bytes.
pub(crate) fn put_long(out: &mut Vec<u8>, text: &str) -> Result<(), Malformed> {
    out.extend_from_slice(&u32::try_from(text.len()).map_err(|_| Malformed)?.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// A number of things in two bytes.
pub(crate) fn put_count(out: &mut Vec<u8>, count: usize) -> Result<(), Malformed> {
    out.extend_from_slice(&u16::try_from(count).map_err(|_| Malformed)?.to_be_bytes());
    Ok(())
}

/// A number of texts, then each.
pub(crate) fn put_texts(out: &mut Vec<u8>, texts: &[String]) -> Result<(), Malformed> {
    put_count(out, texts.len())?;
    texts.iter().try_for_each(|text| put_long(out, text))
}

/// A number of pairs of texts, then each.
pub(crate) fn put_pairs<'a>(
    out: &mut Vec<u8>,
    pairs: impl ExactSizeIterator<Item = (&'a String, &'a String)>,
) -> Result<(), Malformed> {
    put_count(out, pairs.len())?;
    for (name, text) in pairs {
        put_long(out, name)?;
        put_long(out, text)?;
    }
    Ok(())
}

/// What [`put_texts`] writes.
pub(crate) fn texts(reader: &mut Reader<'_>) -> Result<Vec<String>, Malformed> {
    let mut texts = Vec::new();
    for _ in 0..reader.u16()? {
        texts.push(reader.long_text()?.to_owned());
    }
    Ok(texts)
}

/// What [`put_pairs`] writes.
pub(crate) fn pairs(reader: &mut Reader<'_>) -> Result<Vec<(String, String)>, Malformed> {
    let mut pairs = Vec::new();
    for _ in 0..reader.u16()? {
        pairs.push((reader.long_text()?.to_owned(), reader.long_text()?.to_owned()));
    }
    Ok(pairs)
}
