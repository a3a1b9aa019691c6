use bytes::{Bytes, BytesMut};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::*;
use crate::checksum::crc32c;
use crate::fuzzing;
use crate::testing::hex;

const SIZES: [usize; 13] = [
    0,
    1,
    19,
    20,
    1000,
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    2 * CHUNK_BYTES - 1,
    2 * CHUNK_BYTES,
    2 * CHUNK_BYTES + 1,
    3 * CHUNK_BYTES,
    17 * CHUNK_BYTES + 5,
];

fn data_key() -> DataKey {
    DataKey::from_secret(Secret::from_bytes([7; 32]))
}

fn context() -> EnvelopeContext {
    EnvelopeContext { blob_id: BlobId::from_bytes([0xb1; 16]), part: 0 }
}

fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 + index / 251).to_le_bytes()[0]).collect()
}

fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap()
}

fn sealed(payload: &[u8]) -> Vec<u8> {
    seal_payload(&data_key(), context(), payload).unwrap().to_vec()
}

/// A reader that takes nothing behind what the layout names.
fn open_all(
    data_key: &DataKey,
    context: EnvelopeContext,
    stored: &[u8],
    object_bytes: usize,
) -> Result<Vec<u8>, EnvelopeError> {
    match fuzzing::open_all(data_key, context, stored, object_bytes)? {
        (opened, []) => Ok(opened),
        _ => Err(EnvelopeError::TrailingBytes),
    }
}

fn scrub(stored: &[u8], piece_bytes: usize) -> Result<(), EnvelopeError> {
    scrub_as(stored, stored.len() as u64, None, piece_bytes)
}

fn scrub_as(
    stored: &[u8],
    stored_bytes: u64,
    expected: Option<EnvelopeContext>,
    piece_bytes: usize,
) -> Result<(), EnvelopeError> {
    let mut scrubber = EnvelopeScrubber::new(stored_bytes, expected)?;
    for piece in stored.chunks(piece_bytes) {
        scrubber.push(piece)?;
    }
    scrubber.finish()
}

/// Makes the CRC of one chunk right again, as an attacker would.
fn mend_crc(chunk: &mut [u8]) {
    let (covered, crc) = chunk.split_last_chunk_mut::<4>().unwrap();
    *crc = crc32c(covered).to_be_bytes();
}

#[test]
fn every_size_comes_back_and_has_the_length_of_its_layout() {
    for size in SIZES {
        let payload = payload(size);
        let stored = sealed(&payload);
        let layout = EnvelopeLayout::new(size as u64).unwrap();
        assert_eq!(stored.len() as u64, layout.stored_bytes(), "{size}");
        assert_eq!(open_all(&data_key(), context(), &stored, size), Ok(payload), "{size}");
        assert_eq!(scrub(&stored, 4096), Ok(()), "{size}");
    }
}

#[test]
fn the_format_is_the_documented_one() {
    let stored = sealed(b"hello");
    let part_key = hkdf_sha256(
        &Secret::from_bytes([7; 32]),
        b"",
        &[b"strongroom part key v1", &[0; 4], &[0xb1; 16]],
    );
    let commitment = hkdf_sha256(&part_key, b"", &[b"strongroom envelope commit v1"]);
    let encryption_key = hkdf_sha256(&part_key, b"", &[b"strongroom envelope encrypt v1"]);

    assert_eq!(stored[..4], *b"SREV");
    assert_eq!(stored[4..8], [1, 16, 0, 0]);
    assert_eq!(stored[8..24], [0xb1; 16]);
    assert_eq!(stored[24..28], [0; 4]);
    assert_eq!(stored[28..60], *commitment.danger_expose());
    assert_eq!(stored[60..64], crc32c(&stored[..60]).to_be_bytes());

    let nonce = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let mut aad = vec![1];
    aad.extend_from_slice(&[0xb1; 16]);
    aad.extend_from_slice(&[0, 0, 0, 0, 16]);
    let mut chunk = b"hello".to_vec();
    let tag =
        AeadKey::new(&encryption_key).unwrap().seal_in_place(nonce, &aad, &mut chunk).unwrap();
    chunk.extend_from_slice(&tag);
    let crc = crc32c(&chunk);
    chunk.extend_from_slice(&crc.to_be_bytes());
    assert_eq!(stored[64..], chunk);

    assert_eq!(chunk_nonce(0x0102_0304_0506_0708, false), [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0]);
}

/// Frozen bytes: a change here is a change of the format on disk.
#[test]
fn a_stored_envelope_keeps_opening() {
    let stored = hex(GOLDEN);
    assert_eq!(sealed(b"hello"), stored);
    assert_eq!(open_all(&data_key(), context(), &stored, 5), Ok(b"hello".to_vec()));
}

#[test]
fn any_split_of_the_payload_gives_the_same_bytes() {
    for size in SIZES {
        let payload = payload(size);
        let expected = sealed(&payload);
        for piece_bytes in [777, 4096, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 1 << 21] {
            let mut writer =
                EnvelopeWriter::new(EnvelopeSealer::new(&data_key(), context()).unwrap());
            let mut out: Vec<Bytes> = Vec::new();
            for piece in payload.chunks(piece_bytes) {
                writer.push(piece, &mut out).unwrap();
                writer.push(b"", &mut out).unwrap();
            }
            assert_eq!(writer.finish(&mut out), Ok(size as u64));
            assert_eq!(out.concat(), expected, "{size} by {piece_bytes}");
        }
    }
}

#[test]
fn the_writer_holds_back_at_most_one_chunk_and_hands_out_no_plaintext() {
    let payload = vec![b'p'; 5 * CHUNK_BYTES];
    let mut writer = EnvelopeWriter::new(EnvelopeSealer::new(&data_key(), context()).unwrap());
    let (mut out, mut pushed) = (Vec::new(), 0);
    for piece in payload.chunks(10_000) {
        writer.push(piece, &mut out).unwrap();
        pushed += piece.len();
        let stored_bytes: usize = out.iter().map(Bytes::len).sum();
        assert!(pushed <= stored_bytes + CHUNK_BYTES);
    }
    for block in &out {
        assert!(!block.windows(16).any(|window| window == [b'p'; 16]));
    }
}

#[test]
fn a_chunk_that_breaks_the_form_is_not_sealed() {
    let sealer = || EnvelopeSealer::new(&data_key(), context()).unwrap();
    let mut out = BytesMut::from(&b"before"[..]);

    let short = payload(CHUNK_BYTES - 1);
    let refused = sealer().seal(&short, false, &mut out);
    assert_eq!(refused, Err(EnvelopeError::ChunkBytes { index: 0, chunk_bytes: CHUNK_BYTES - 1 }));
    let long = payload(CHUNK_BYTES + 1);
    for last in [false, true] {
        assert!(sealer().seal(&long, last, &mut out).is_err());
        assert!(sealer().seal_in_place(&mut long.clone(), last).is_err());
    }
    assert!(sealer().seal(b"", false, &mut out).is_err());

    let mut started = sealer();
    started.seal(&payload(CHUNK_BYTES), false, &mut BytesMut::new()).unwrap();
    let refused = started.seal(b"", true, &mut out);
    assert_eq!(refused, Err(EnvelopeError::ChunkBytes { index: 1, chunk_bytes: 0 }));

    let mut finished = sealer();
    finished.seal(b"x", true, &mut BytesMut::new()).unwrap();
    for last in [false, true] {
        assert_eq!(finished.seal(b"x", last, &mut out), Err(EnvelopeError::Finished));
    }
    assert_eq!(out, b"before"[..], "a refusal leaves no trace");
}

#[test]
fn the_number_of_chunks_is_limited() {
    let mut sealer = EnvelopeSealer::new(&data_key(), context()).unwrap();
    sealer.set_next_index(CHUNKS_MAX - 1);
    let mut chunk = payload(CHUNK_BYTES);
    assert!(sealer.seal_in_place(&mut chunk, false).is_ok());
    assert_eq!(sealer.seal_in_place(&mut chunk, true), Err(EnvelopeError::TooLarge));

    assert!(EnvelopeLayout::new(EnvelopeLayout::OBJECT_BYTES_MAX).is_ok());
    let refused = EnvelopeLayout::new(EnvelopeLayout::OBJECT_BYTES_MAX + 1);
    assert_eq!(refused, Err(EnvelopeError::TooLarge));
    assert!(EnvelopeLayout::from_stored_bytes(u64::MAX).is_err());

    let header = EnvelopeSealer::new(&data_key(), context()).unwrap().header();
    let opener = EnvelopeOpener::new(&data_key(), context(), &header).unwrap();
    let mut stored = vec![0; 30];
    for index in [CHUNKS_MAX, u64::MAX] {
        let refused = opener.open(index, true, &mut stored).unwrap_err();
        assert_eq!(refused, EnvelopeError::StoredBytes { index, stored_bytes: 30 });
    }
}

#[test]
fn every_flipped_bit_is_found_with_and_without_the_key() {
    for object in [&b""[..], b"attack at dawn"] {
        let stored = sealed(object);
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let opened = open_all(&data_key(), context(), &flipped, object.len());
            assert!(opened.is_err(), "{bit}");
            assert!(scrub(&flipped, 7).is_err(), "{bit}");
        }
    }
}

#[test]
fn every_flipped_bit_is_found_even_if_the_crc_is_mended() {
    let stored = sealed(b"attack at dawn");
    for bit in HEADER_BYTES * 8..(stored.len() - CRC_BYTES) * 8 {
        let mut forged = stored.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        mend_crc(&mut forged[HEADER_BYTES..]);
        assert_eq!(scrub(&forged, 7), Ok(()), "{bit}");
        let opened = open_all(&data_key(), context(), &forged, 14);
        assert_eq!(opened, Err(EnvelopeError::ChunkUnauthentic { index: 0 }), "{bit}");
    }
    for bit in 0..60 * 8 {
        let mut forged = stored.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        mend_crc(&mut forged[..HEADER_BYTES]);
        assert!(open_all(&data_key(), context(), &forged, 14).is_err(), "{bit}");
    }
}

#[test]
fn damage_and_forgery_are_told_apart() {
    let stored = sealed(&payload(2 * CHUNK_BYTES));
    let second_chunk = HEADER_BYTES + CHUNK_STORED_BYTES;
    let mut damaged = stored.clone();
    damaged[second_chunk + 5] ^= 1;
    let error = Err(EnvelopeError::ChunkDamaged { index: 1 });
    assert_eq!(open_all(&data_key(), context(), &damaged, 2 * CHUNK_BYTES), error);
    assert_eq!(scrub(&damaged, 1000), Err(EnvelopeError::ChunkDamaged { index: 1 }));
    mend_crc(&mut damaged[second_chunk..]);
    let error = Err(EnvelopeError::ChunkUnauthentic { index: 1 });
    assert_eq!(open_all(&data_key(), context(), &damaged, 2 * CHUNK_BYTES), error);
}

#[test]
fn chunks_are_bound_to_their_place() {
    let stored = sealed(&payload(3 * CHUNK_BYTES));
    let object_bytes = 3 * CHUNK_BYTES;
    let chunk = |index: usize| {
        let start = HEADER_BYTES + index * CHUNK_STORED_BYTES;
        start..start + CHUNK_STORED_BYTES
    };
    let build = |order: &[usize]| {
        let mut built = stored[..HEADER_BYTES].to_vec();
        for index in order {
            built.extend_from_slice(&stored[chunk(*index)]);
        }
        built
    };
    let open = |stored: &[u8], size| open_all(&data_key(), context(), stored, size);
    assert!(open(&build(&[0, 1, 2]), object_bytes).is_ok());
    let unauthentic = |index| Err(EnvelopeError::ChunkUnauthentic { index });

    assert_eq!(open(&build(&[1, 0, 2]), object_bytes), unauthentic(0));
    assert_eq!(open(&build(&[0, 0, 2]), object_bytes), unauthentic(1));
    assert_eq!(open(&build(&[0, 2, 1]), object_bytes), unauthentic(1));
    // Cut off or made longer, with a length that fits: the last flag gives it away.
    assert_eq!(open(&build(&[0, 1]), 2 * CHUNK_BYTES), unauthentic(1));
    assert_eq!(open(&build(&[0, 1, 2, 2]), 4 * CHUNK_BYTES), unauthentic(2));
    assert_eq!(open(&build(&[2]), CHUNK_BYTES), unauthentic(0));
    // Cut off or made longer, with a length that does not fit.
    assert_eq!(open(&build(&[0, 1]), object_bytes), Err(EnvelopeError::Truncated));
    assert_eq!(open(&build(&[0, 1, 2, 2]), object_bytes), Err(EnvelopeError::TrailingBytes));
    // A chunk that is not the last may not be read as if it were, nor the other way round.
    let header = stored.first_chunk().unwrap();
    let opener = EnvelopeOpener::new(&data_key(), context(), header).unwrap();
    for (index, last) in [(0, true), (1, true), (2, false)] {
        let mut bytes = stored[chunk(index)].to_vec();
        let index = index as u64;
        let refused = opener.open(index, last, &mut bytes).unwrap_err();
        assert_eq!(refused, EnvelopeError::ChunkUnauthentic { index });
    }
}

#[test]
fn stored_chunks_of_impossible_lengths_are_refused() {
    let stored = sealed(b"");
    let opener =
        EnvelopeOpener::new(&data_key(), context(), stored.first_chunk().unwrap()).unwrap();
    for (index, last, stored_bytes) in [
        (0, true, 0),
        (0, true, 3),
        (0, true, 19),
        (1, true, 20),
        (0, true, CHUNK_STORED_BYTES + 1),
        (0, false, 0),
        (0, false, 20),
        (0, false, CHUNK_STORED_BYTES - 1),
        (0, false, CHUNK_STORED_BYTES + 1),
    ] {
        let refused = opener.open(index, last, &mut vec![0; stored_bytes]).unwrap_err();
        assert_eq!(refused, EnvelopeError::StoredBytes { index, stored_bytes });
    }
    let chunk = BytesMut::from(&stored[HEADER_BYTES..]);
    assert_eq!(opener.open_owned(0, true, chunk), Ok(Bytes::new()));
    let hello = BytesMut::from(&sealed(b"hello")[HEADER_BYTES..]);
    assert_eq!(opener.open_owned(0, true, hello), Ok(Bytes::from_static(b"hello")));
}

#[test]
fn another_payload_part_or_key_is_refused_before_any_chunk() {
    let stored = sealed(b"hello");
    let others = [
        EnvelopeContext { blob_id: BlobId::from_bytes([0xb2; 16]), ..context() },
        EnvelopeContext { part: 1, ..context() },
    ];
    for other in others {
        let refused = open_all(&data_key(), other, &stored, 5);
        assert_eq!(refused, Err(EnvelopeError::Misplaced));
        // A header that claims to be the other payload's does not help.
        let mut forged = stored.clone();
        let header = EnvelopeHeader { context: other, commitment: commitment_of(&stored) };
        forged[..HEADER_BYTES].copy_from_slice(&header.encode());
        assert_eq!(open_all(&data_key(), other, &forged, 5), Err(EnvelopeError::WrongKey));
        // Neither does the other payload's own header before these chunks.
        let own = EnvelopeSealer::new(&data_key(), other).unwrap().header();
        forged[..HEADER_BYTES].copy_from_slice(&own);
        let refused = open_all(&data_key(), other, &forged, 5);
        assert_eq!(refused, Err(EnvelopeError::ChunkUnauthentic { index: 0 }));
    }
    let other_key = DataKey::from_secret(Secret::from_bytes([8; 32]));
    assert_eq!(open_all(&other_key, context(), &stored, 5), Err(EnvelopeError::WrongKey));
}

fn commitment_of(stored: &[u8]) -> [u8; 32] {
    EnvelopeHeader::parse(stored.first_chunk().unwrap()).unwrap().commitment
}

#[test]
fn headers_are_read_strictly() {
    let header = EnvelopeSealer::new(&data_key(), context()).unwrap().header();
    assert_eq!(EnvelopeHeader::parse(&header).unwrap().context(), context());
    let parse = |index: usize, value: u8, mend: bool| {
        let mut changed = header;
        changed[index] = value;
        if mend {
            mend_crc(&mut changed);
        }
        EnvelopeHeader::parse(&changed).unwrap_err()
    };
    assert_eq!(parse(0, b'X', true), EnvelopeError::NotAnEnvelope);
    assert_eq!(parse(4, 2, false), EnvelopeError::HeaderDamaged);
    assert_eq!(parse(4, 2, true), EnvelopeError::FormatVersion { found: 2 });
    assert_eq!(parse(4, 0, true), EnvelopeError::FormatVersion { found: 0 });
    for index in [5, 6, 7] {
        assert_eq!(parse(index, 17, true), EnvelopeError::FormatVersion { found: 1 });
    }
    assert_eq!(parse(63, header[63] ^ 1, false), EnvelopeError::HeaderDamaged);
    assert_eq!(EnvelopeHeader::parse(&[0; 64]), Err(EnvelopeError::NotAnEnvelope));
}

#[test]
fn parts_of_one_upload_share_no_key() {
    let part = |part, blob: u8| {
        let context = EnvelopeContext { blob_id: BlobId::from_bytes([blob; 16]), part };
        seal_payload(&data_key(), context, b"same").unwrap().to_vec()
    };
    let all = [part(0, 1), part(1, 1), part(2, 1), part(1, 2)];
    for (index, first) in all.iter().enumerate() {
        for second in &all[index + 1..] {
            assert_ne!(first[28..60], second[28..60]);
            assert_ne!(first[64..], second[64..]);
        }
    }
}

#[test]
fn ranges_read_the_chunks_that_they_touch() {
    let size = 3 * CHUNK_BYTES + 100;
    let payload = payload(size);
    let stored = sealed(&payload);
    let layout = EnvelopeLayout::new(size as u64).unwrap();
    let opener =
        EnvelopeOpener::new(&data_key(), context(), stored.first_chunk().unwrap()).unwrap();
    let edges = [
        0,
        1,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        2 * CHUNK_BYTES,
        3 * CHUNK_BYTES - 1,
        3 * CHUNK_BYTES,
        size - 1,
    ];
    for start in edges {
        for end in edges.into_iter().filter(|end| *end >= start) {
            let span = layout.for_range(start as u64, end as u64).unwrap();
            assert_eq!(span.includes_last, end >= 3 * CHUNK_BYTES);
            assert_eq!(span.first_chunk, (start / CHUNK_BYTES) as u64);
            let stored_start = in_memory(span.stored_offset);
            let mut bytes =
                stored[stored_start..stored_start + in_memory(span.stored_bytes)].to_vec();
            let mut plain = Vec::new();
            for (chunk, index) in
                bytes.chunks_mut(CHUNK_STORED_BYTES).zip(span.first_chunk..=span.last_chunk)
            {
                let last = span.includes_last && index == span.last_chunk;
                plain.extend_from_slice(opener.open(index, last, chunk).unwrap());
            }
            let skipped = &plain[in_memory(span.skip_bytes)..];
            assert_eq!(skipped[..in_memory(span.range_bytes)], payload[start..=end]);
        }
    }
    assert_eq!(layout.for_range(size as u64 - 1, size as u64), None);
    assert_eq!(layout.for_range(0, u64::MAX), None);
    assert_eq!(layout.for_range(2, 1), None);
    assert_eq!(layout.whole().stored_bytes + 64, stored.len() as u64);
    assert!(!layout.is_last(u64::MAX));

    let empty = EnvelopeLayout::new(0).unwrap();
    assert_eq!(empty.for_range(0, 0), None);
    let whole = empty.whole();
    assert_eq!((whole.stored_bytes, whole.range_bytes, whole.includes_last), (20, 0, true));
}

#[test]
fn the_scrubber_knows_where_the_envelope_ends() {
    for size in [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 1] {
        let stored = sealed(&payload(size));
        let length = stored.len() as u64;
        assert_eq!(scrub_as(&stored, length, Some(context()), 1 << 20), Ok(()));
        let cut = &stored[..stored.len() - 1];
        assert_eq!(scrub_as(cut, length, None, 1 << 20), Err(EnvelopeError::Truncated));
        assert_eq!(scrub_as(&[], length, None, 1 << 20), Err(EnvelopeError::Truncated));
        let longer = [stored.as_slice(), b"x"].concat();
        assert_eq!(scrub_as(&longer, length, None, 1 << 20), Err(EnvelopeError::TrailingBytes));
        assert!(scrub_as(cut, length - 1, None, 1 << 20).is_err());
        let other = EnvelopeContext { part: 1, ..context() };
        let refused = scrub_as(&stored, length, Some(other), 1 << 20);
        assert_eq!(refused, Err(EnvelopeError::Misplaced));
    }
    let stored = sealed(b"hello");
    for piece_bytes in 1..stored.len() {
        assert_eq!(scrub(&stored, piece_bytes), Ok(()), "{piece_bytes}");
    }
}

#[test]
fn a_stored_length_says_the_layout_or_nothing() {
    for size in SIZES {
        let layout = EnvelopeLayout::new(size as u64).unwrap();
        assert_eq!(EnvelopeLayout::from_stored_bytes(layout.stored_bytes()), Ok(layout));
    }
    let full = (HEADER_BYTES + CHUNK_STORED_BYTES) as u64;
    for stored_bytes in [0, 63, 64, 83, full + 1, full + 19, full + 20] {
        let refused = EnvelopeLayout::from_stored_bytes(stored_bytes);
        assert_eq!(refused, Err(EnvelopeError::StoredLength { stored_bytes }));
    }
    assert!(EnvelopeLayout::from_stored_bytes(full + 21).is_ok());
}

#[test]
fn nothing_prints_keys() {
    let sealer = EnvelopeSealer::new(&data_key(), context()).unwrap();
    let opener = EnvelopeOpener::new(&data_key(), context(), &sealer.header()).unwrap();
    let writer = EnvelopeWriter::new(sealer);
    let shown = format!("{writer:?} {opener:?}");
    assert!(!shown.contains("aead") && !shown.contains("buffer"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_splits_give_the_same_bytes(
        size in 0..4 * CHUNK_BYTES,
        splits in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        let payload = payload(size);
        let mut cuts: Vec<usize> = splits.iter().map(|at| at.index(size + 1)).collect();
        cuts.push(size);
        cuts.sort_unstable();
        let mut writer = EnvelopeWriter::new(EnvelopeSealer::new(&data_key(), context()).unwrap());
        let (mut out, mut from) = (Vec::new(), 0);
        for to in cuts {
            writer.push(&payload[from..to], &mut out).unwrap();
            from = to;
        }
        prop_assert_eq!(writer.finish(&mut out), Ok(size as u64));
        let stored = out.concat();
        prop_assert_eq!(&stored, &sealed(&payload));
        prop_assert_eq!(open_all(&data_key(), context(), &stored, size), Ok(payload));
    }

    #[test]
    fn hostile_bytes_are_refused_without_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        stored_bytes in any::<u64>(),
        piece_bytes in 1..100_usize,
    ) {
        let length = bytes.len() as u64;
        for claimed in [length, stored_bytes] {
            assert!(scrub_as(&bytes, claimed, None, piece_bytes).is_err());
        }
        assert!(open_all(&data_key(), context(), &bytes, bytes.len()).is_err());
    }

    #[test]
    fn layouts_agree_with_their_stored_length(object_bytes in 0..=EnvelopeLayout::OBJECT_BYTES_MAX) {
        let layout = EnvelopeLayout::new(object_bytes).unwrap();
        prop_assert_eq!(EnvelopeLayout::from_stored_bytes(layout.stored_bytes()), Ok(layout));
        let last = layout.chunks() - 1;
        let sum = 64 + last * CHUNK_STORED_BYTES as u64 + layout.chunk_stored_bytes(last);
        prop_assert_eq!(layout.stored_bytes(), sum);
    }
}

/// The envelope of `hello` under the key of 32 bytes 07, blob id of 16 bytes b1, part 0; computed by an
/// independent implementation.
const GOLDEN: &str = "\
    5352455601100000b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1000000007002e7a5\
    e12033a80aae4c3b58f34701332b04df5ee9428a1a29c943ee76c374800c8522\
    6db629a4ff79f5c40f6f6f73b846d984f3fbba4f6562bc28a3";
