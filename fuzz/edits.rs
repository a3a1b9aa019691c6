//! Changes to bytes, as a fuzzer describes them: for what is sealed or signed, where bytes out of
//! nothing would never come past the first check.

/// The bytes after all changes. A change is a place in two bytes and what happens there in one: a
/// bit pattern, a byte more, bytes less, or a piece twice.
pub(crate) fn edited(original: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for edit in edits.chunks_exact(3).take(EDITS_MAX) {
        apply(&mut bytes, edit);
    }
    bytes
}

fn apply(bytes: &mut Vec<u8>, edit: &[u8]) {
    let [high, low, what] = edit else {
        return;
    };
    let place = usize::from(u16::from_be_bytes([*high, *low])) % (bytes.len() + 1);
    let amount = what & 63;
    let end = (place + usize::from(amount)).min(bytes.len());
    match what >> 6 {
        0 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= amount;
            }
        }
        1 => bytes.insert(place, amount),
        2 => {
            bytes.drain(place..end);
        }
        _ => {
            let piece = bytes.get(place..end).unwrap_or_default().to_vec();
            bytes.splice(place..place, piece);
        }
    }
}

const EDITS_MAX: usize = 8;
