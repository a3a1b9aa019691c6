//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only.

use strongroom_types::{AccountId, BucketId};

use crate::{
    BlobId, ChecksumAlgorithm, DataKey, ENVELOPE_CHUNK_STORED_BYTES, ENVELOPE_HEADER_BYTES,
    EnvelopeContext, EnvelopeError, EnvelopeHeader, EnvelopeLayout, EnvelopeOpener,
    EnvelopeScrubber, Secret, WrapContext, WrappedDataKey, WrappingKey, crc32c, open_secret,
    seal_payload, seal_secret,
};

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[
    ("envelope", envelope),
    ("envelope_header", envelope_header),
    ("envelope_layout", envelope_layout),
    ("sealed_secrets", sealed_secrets),
    ("checksum_names", checksum_names),
];

/// Envelopes under changes, with their CRCs made right again: what opens is what was sealed.
///
/// The input is flags, the length of the payload in two bytes, then changes.
pub fn envelope(bytes: &[u8]) {
    let Some(([flags, high, low], changes)) = bytes.split_first_chunk::<3>() else {
        return;
    };
    let object_bytes = usize::from(u16::from_be_bytes([*high, *low])) << (flags & 1);
    let payload: Vec<u8> = (0..object_bytes).map(|at| at.to_le_bytes()[0] ^ flags).collect();
    let context = EnvelopeContext { blob_id: BlobId::from_bytes([1; 16]), part: 3 };
    let Ok(sealed) = seal_payload(&data_key(), context, &payload) else {
        return;
    };
    let mut stored = edits::edited(&sealed, changes);
    if flags & 2 == 2 {
        repair(&mut stored);
    }
    let opened = open_all(&data_key(), context, &stored, object_bytes);
    match &opened {
        Ok((opened, _)) => assert_eq!(*opened, payload, "something opened that was not sealed"),
        Err(_) => assert!(stored != sealed, "what was sealed opens"),
    }
    let other = DataKey::from_secret(Secret::from_bytes([8; 32]));
    assert!(open_all(&other, context, &stored, object_bytes).is_err());
    let elsewhere = EnvelopeContext { part: 4, ..context };
    assert!(open_all(&data_key(), elsewhere, &stored, object_bytes).is_err());
    // A reader takes what its layout names; a scrub takes the whole.
    let whole = opened.is_ok() && stored.len() == sealed.len();
    assert!(!whole || scrub(&stored, context).is_ok(), "what opens is not damaged");
}

/// Headers of envelopes, as they are and with their CRC made right.
pub fn envelope_header(bytes: &[u8]) {
    let Some(mut header) = bytes.first_chunk::<ENVELOPE_HEADER_BYTES>().copied() else {
        return;
    };
    if let Ok(read) = EnvelopeHeader::parse(&header) {
        assert_eq!(read.encode(), header);
    }
    set_crc(&mut header);
    if let Ok(read) = EnvelopeHeader::parse(&header) {
        assert_eq!(read.encode(), header);
        assert!(EnvelopeOpener::new(&data_key(), read.context(), &header).is_err());
    }
}

/// The arithmetic of envelopes: lengths agree in both directions, and ranges lie inside.
///
/// The input is a length and a range in eight bytes each.
pub fn envelope_layout(bytes: &[u8]) {
    let (numbers, _) = bytes.as_chunks::<8>();
    let [bytes, start, end] = numbers else {
        return;
    };
    let [bytes, start, end] = [bytes, start, end].map(|number| u64::from_be_bytes(*number));
    if let Ok(layout) = EnvelopeLayout::new(bytes) {
        assert_eq!(layout.object_bytes(), bytes);
        assert!(layout.chunks() >= 1 && layout.is_last(layout.chunks() - 1));
        let again = EnvelopeLayout::from_stored_bytes(layout.stored_bytes());
        assert_eq!(again.map(|layout| layout.object_bytes()), Ok(bytes));
        if let Some(span) = layout.for_range(start, end) {
            assert!(start <= end && end < bytes);
            assert_eq!(span.range_bytes, end - start + 1);
            assert!(span.stored_offset + span.stored_bytes <= layout.stored_bytes());
            assert_eq!(span.includes_last, layout.is_last(span.last_chunk));
        }
    }
    if let Ok(layout) = EnvelopeLayout::from_stored_bytes(start) {
        assert_eq!(layout.stored_bytes(), start);
    }
}

/// Sealed secrets and wrapped data keys under changes: they open only as they were sealed, and
/// only in their place.
///
/// The input is the length of the secret, then changes.
pub fn sealed_secrets(bytes: &[u8]) {
    let Some((length, changes)) = bytes.split_first() else {
        return;
    };
    let key = Secret::from_bytes([5; 32]);
    let secret = vec![*length; usize::from(*length)];
    let entropy = counting::Counting::from(*length);
    if let Ok(sealed) = seal_secret(&key, &[b"a", b"b"], &secret, &entropy) {
        let changed = edits::edited(&sealed, changes);
        let opened = open_secret(&key, &[b"a", b"b"], &changed);
        assert_eq!(opened.is_ok(), changed == sealed, "a change is noticed");
        assert!(opened.is_err() || opened.is_ok_and(|opened| opened.danger_expose() == secret));
        assert!(open_secret(&key, &[b"ab", b""], &changed).is_err(), "in its context only");
    }
    let Ok(account) = AccountId::from_number(7) else {
        return;
    };
    let context = WrapContext {
        account,
        bucket_id: BucketId::from_bytes([2; 16]),
        blob_id: BlobId::from_bytes([3; 16]),
    };
    let wrapping = WrappingKey::from_secret(Secret::from_bytes([6; 32]));
    if let Ok(wrapped) = wrapping.wrap(&data_key(), &context, &entropy) {
        let changed = edits::edited(wrapped.as_bytes(), changes);
        if let Ok(read) = WrappedDataKey::from_bytes(&changed) {
            let same = read == wrapped;
            assert_eq!(wrapping.unwrap(&read, &context).is_ok(), same);
            let elsewhere = WrapContext { blob_id: BlobId::from_bytes([4; 16]), ..context };
            assert!(wrapping.unwrap(&read, &elsewhere).is_err(), "in its place only");
        }
    }
}

/// Names of checksum algorithms and headers.
pub fn checksum_names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(algorithm) = text.parse::<ChecksumAlgorithm>() {
        assert!(algorithm.as_str().eq_ignore_ascii_case(text));
    }
    if let Some(algorithm) = ChecksumAlgorithm::from_header_name(text) {
        assert!(algorithm.header_name().eq_ignore_ascii_case(text));
    }
}

/// What a reader does that knows the number of bytes: the header, then every chunk of the layout.
/// Answers what lies behind them, too.
pub(crate) fn open_all<'a>(
    data_key: &DataKey,
    context: EnvelopeContext,
    stored: &'a [u8],
    object_bytes: usize,
) -> Result<(Vec<u8>, &'a [u8]), EnvelopeError> {
    let layout = EnvelopeLayout::new(object_bytes as u64)?;
    let (header, mut rest) = stored.split_first_chunk().ok_or(EnvelopeError::Truncated)?;
    let opener = EnvelopeOpener::new(data_key, context, header)?;
    let mut opened = Vec::new();
    for index in 0..layout.chunks() {
        let length = usize::try_from(layout.chunk_stored_bytes(index)).unwrap_or(usize::MAX);
        let (chunk, tail) = rest.split_at_checked(length).ok_or(EnvelopeError::Truncated)?;
        opened.extend_from_slice(opener.open(index, layout.is_last(index), &mut chunk.to_vec())?);
        rest = tail;
    }
    Ok((opened, rest))
}

fn scrub(stored: &[u8], context: EnvelopeContext) -> Result<(), EnvelopeError> {
    let mut scrubber = EnvelopeScrubber::new(stored.len() as u64, Some(context))?;
    stored.chunks(1000).try_for_each(|piece| scrubber.push(piece))?;
    scrubber.finish()
}

/// Makes the CRCs of a header and of all chunks right, so that only the keys can tell.
fn repair(stored: &mut [u8]) {
    let Some((header, chunks)) = stored.split_at_mut_checked(ENVELOPE_HEADER_BYTES) else {
        return;
    };
    set_crc(header);
    chunks.chunks_mut(ENVELOPE_CHUNK_STORED_BYTES).for_each(set_crc);
}

fn set_crc(bytes: &mut [u8]) {
    if let Some((covered, crc)) = bytes.split_last_chunk_mut::<4>() {
        *crc = crc32c(covered).to_be_bytes();
    }
}

fn data_key() -> DataKey {
    DataKey::from_secret(Secret::from_bytes([7; 32]))
}

#[path = "../../../fuzz/counting.rs"]
mod counting;

#[path = "../../../fuzz/edits.rs"]
mod edits;

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
