//! The plaintext of a frame: writes, an event, payloads.

use bytes::Bytes;
use strongroom_crypto::{AeadKey, BlobId};
use strongroom_store::{INLINE_BYTES_MAX, KEY_BYTES_MAX, Protection, VALUE_BYTES_MAX};

use super::frame::FRAME_HEADER_BYTES;
use crate::codec::{Fields, FieldsError, put_long_bytes, put_short_bytes, u32_of};

/// What a frame says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    /// The changes, in order.
    pub(crate) items: Vec<Item>,
    /// The audit event.
    pub(crate) event: Option<Bytes>,
}

/// One change of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// Makes or replaces a record.
    Put { key: Bytes, value: Bytes, protection: Protection, payload: ItemPayload },
    /// Removes a record.
    Delete { key: Bytes },
}

/// The payload of a record in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ItemPayload {
    /// There is none.
    None,
    /// Behind the items, in their order.
    Inline(Bytes),
    /// In a file.
    Blob { blob_id: BlobId, file: u64, stored_bytes: u64 },
}

/// Where a segment ends that is no longer written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentEnd {
    /// Its generation.
    pub(crate) generation: u64,
    /// The first byte behind its last group that counts.
    pub(crate) end: u64,
    /// The number of that group; of the group before the segment if none in it counts.
    pub(crate) last_group: u64,
}

/// Authentic bytes that are no body: written by a later version, or by a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed frame has no known form")]
pub(crate) struct BodyError;

impl From<FieldsError> for BodyError {
    fn from(_: FieldsError) -> Self {
        Self
    }
}

impl Body {
    /// Appends the plaintext, and calls `placed` with the place of each inline payload in it, in
    /// order.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, mut placed: impl FnMut(u32)) {
        let start = out.len();
        out.extend_from_slice(&u32_of(self.items.len()).to_le_bytes());
        for item in &self.items {
            item.encode(out);
        }
        match &self.event {
            None => out.extend_from_slice(&NO_EVENT.to_le_bytes()),
            Some(event) => put_long_bytes(out, event),
        }
        for item in &self.items {
            if let Some(payload) = item.inline() {
                placed(u32_of(out.len() - start));
                out.extend_from_slice(payload);
            }
        }
    }

    /// Length of the plaintext.
    #[cfg(test)]
    fn encoded_bytes(&self) -> usize {
        let event = self.event.as_ref().map_or(0, Bytes::len);
        8 + event + self.items.iter().map(Item::encoded_bytes).sum::<usize>()
    }

    /// Reads the plaintext; bytes of the result share `plaintext`. `placed` as in
    /// [`Body::encode`].
    pub(crate) fn decode(
        plaintext: &Bytes,
        mut placed: impl FnMut(u32),
    ) -> Result<Self, BodyError> {
        let mut fields = Fields::new(plaintext);
        let count = fields.u32()?;
        let mut items = Vec::new();
        let mut inline = Vec::new();
        for index in 0..count {
            let (item, inline_bytes) = Item::decode(plaintext, &mut fields)?;
            items.push(item);
            if let Some(bytes) = inline_bytes {
                inline.push((index, bytes));
            }
        }
        let event_bytes = fields.u32()?;
        let event = match event_bytes {
            NO_EVENT => None,
            length => {
                let length = usize::try_from(length).map_err(|_| BodyError)?;
                Some(plaintext.slice_ref(fields.bytes(length)?))
            }
        };
        for (index, bytes) in inline {
            placed(u32_of(fields.position()));
            let payload = plaintext.slice_ref(fields.bytes(bytes)?);
            let index = usize::try_from(index).map_err(|_| BodyError)?;
            if let Some(Item::Put { payload: place, .. }) = items.get_mut(index) {
                *place = ItemPayload::Inline(payload);
            }
        }
        if !fields.is_empty() {
            return Err(BodyError);
        }
        Ok(Self { items, event })
    }
}

impl Item {
    /// The key of the record.
    pub(crate) fn key(&self) -> &Bytes {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    /// What the item takes of the log: counted as live while the record is.
    pub(crate) fn accounted_bytes(&self) -> u32 {
        u32_of(self.encoded_bytes() + FRAME_HEADER_BYTES + AeadKey::TAG_BYTES)
    }

    fn inline(&self) -> Option<&Bytes> {
        match self {
            Self::Put { payload: ItemPayload::Inline(bytes), .. } => Some(bytes),
            Self::Put { .. } | Self::Delete { .. } => None,
        }
    }

    fn encoded_bytes(&self) -> usize {
        match self {
            Self::Delete { key } => 3 + key.len(),
            Self::Put { key, value, payload, .. } => {
                let payload = match payload {
                    ItemPayload::None => 0,
                    ItemPayload::Inline(bytes) => 4 + bytes.len(),
                    ItemPayload::Blob { .. } => 32,
                };
                3 + key.len() + 9 + 4 + value.len() + 1 + payload
            }
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Delete { key } => {
                out.push(OP_DELETE);
                put_short_bytes(out, key);
            }
            Self::Put { key, value, protection, payload } => {
                out.push(OP_PUT);
                put_short_bytes(out, key);
                out.extend_from_slice(&protection.retain_until_seconds.to_le_bytes());
                out.push(u8::from(protection.legal_hold));
                put_long_bytes(out, value);
                match payload {
                    ItemPayload::None => out.push(PAYLOAD_NONE),
                    ItemPayload::Inline(bytes) => {
                        out.push(PAYLOAD_INLINE);
                        out.extend_from_slice(&u32_of(bytes.len()).to_le_bytes());
                    }
                    ItemPayload::Blob { blob_id, file, stored_bytes } => {
                        out.push(PAYLOAD_BLOB);
                        out.extend_from_slice(blob_id.as_bytes());
                        out.extend_from_slice(&file.to_le_bytes());
                        out.extend_from_slice(&stored_bytes.to_le_bytes());
                    }
                }
            }
        }
    }

    /// An item, and the length of its inline payload, which comes later.
    fn decode(
        plaintext: &Bytes,
        fields: &mut Fields<'_>,
    ) -> Result<(Self, Option<usize>), BodyError> {
        let op = fields.u8()?;
        let key = fields.short_bytes()?;
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(BodyError);
        }
        let key = copy_or_share(plaintext, key);
        match op {
            OP_DELETE => return Ok((Self::Delete { key }, None)),
            OP_PUT => {}
            _ => return Err(BodyError),
        }
        let retain_until_seconds = fields.u64()?;
        let legal_hold = match fields.u8()? {
            0 => false,
            1 => true,
            _ => return Err(BodyError),
        };
        let value = fields.long_bytes()?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(BodyError);
        }
        let value = copy_or_share(plaintext, value);
        let (payload, inline) = match fields.u8()? {
            PAYLOAD_NONE => (ItemPayload::None, None),
            PAYLOAD_INLINE => {
                let bytes = usize::try_from(fields.u32()?).map_err(|_| BodyError)?;
                if bytes > INLINE_BYTES_MAX {
                    return Err(BodyError);
                }
                (ItemPayload::None, Some(bytes))
            }
            PAYLOAD_BLOB => {
                let blob_id = BlobId::from_bytes(fields.array()?);
                let (file, stored_bytes) = (fields.u64()?, fields.u64()?);
                (ItemPayload::Blob { blob_id, file, stored_bytes }, None)
            }
            _ => return Err(BodyError),
        };
        let protection = Protection { retain_until_seconds, legal_hold };
        Ok((Self::Put { key, value, protection, payload }, inline))
    }
}

impl SegmentEnd {
    /// The plaintext of a table frame.
    pub(crate) fn encode_table(ends: &[Self]) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 + ends.len() * 24);
        out.extend_from_slice(&u32_of(ends.len()).to_le_bytes());
        for end in ends {
            out.extend_from_slice(&end.generation.to_le_bytes());
            out.extend_from_slice(&end.end.to_le_bytes());
            out.extend_from_slice(&end.last_group.to_le_bytes());
        }
        out
    }

    /// Reads the plaintext of a table frame.
    pub(crate) fn decode_table(plaintext: &[u8]) -> Result<Vec<Self>, BodyError> {
        let mut fields = Fields::new(plaintext);
        let mut ends = Vec::new();
        for _ in 0..fields.u32()? {
            let (generation, end, last_group) = (fields.u64()?, fields.u64()?, fields.u64()?);
            ends.push(Self { generation, end, last_group });
        }
        if !fields.is_empty() {
            return Err(BodyError);
        }
        Ok(ends)
    }
}

/// Generations as the plaintext of a frame of freed segments.
pub(crate) fn encode_freed(generations: &[u64]) -> Vec<u8> {
    generations.iter().flat_map(|generation| generation.to_le_bytes()).collect()
}

/// Reads the plaintext of a frame of freed segments.
pub(crate) fn decode_freed(plaintext: &[u8]) -> Result<Vec<u64>, BodyError> {
    let (generations, rest) = plaintext.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(BodyError);
    }
    Ok(generations.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect())
}

/// Keys and values outlive the frame in the overlay: a short piece is copied, so that it does not
/// hold the frame's payloads in memory.
fn copy_or_share(plaintext: &Bytes, piece: &[u8]) -> Bytes {
    if piece.len() * 2 < plaintext.len() {
        return Bytes::copy_from_slice(piece);
    }
    plaintext.slice_ref(piece)
}

const OP_PUT: u8 = 1;
const OP_DELETE: u8 = 2;
const PAYLOAD_NONE: u8 = 0;
const PAYLOAD_INLINE: u8 = 1;
const PAYLOAD_BLOB: u8 = 2;
const NO_EVENT: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Body {
        Body {
            items: vec![
                Item::Put {
                    key: Bytes::from_static(b"k1"),
                    value: Bytes::from_static(b"v1"),
                    protection: Protection { retain_until_seconds: 9, legal_hold: true },
                    payload: ItemPayload::Inline(Bytes::from_static(b"payload one")),
                },
                Item::Delete { key: Bytes::from_static(b"k2") },
                Item::Put {
                    key: Bytes::from_static(b"k3"),
                    value: Bytes::new(),
                    protection: Protection::default(),
                    payload: ItemPayload::Blob {
                        blob_id: BlobId::from_bytes([4; 16]),
                        file: 8,
                        stored_bytes: 1 << 33,
                    },
                },
                Item::Put {
                    key: Bytes::from_static(b"k4"),
                    value: Bytes::from_static(b"v4"),
                    protection: Protection::default(),
                    payload: ItemPayload::Inline(Bytes::new()),
                },
            ],
            event: Some(Bytes::from_static(b"event")),
        }
    }

    #[test]
    fn a_body_is_read_as_written_and_its_payloads_are_where_it_says() {
        let mut out = b"before".to_vec();
        let mut places = Vec::new();
        body().encode(&mut out, |at| places.push(at));
        let plaintext = Bytes::from(out.split_off(6));
        assert_eq!(plaintext.len(), body().encoded_bytes());
        let mut read_places = Vec::new();
        let read = Body::decode(&plaintext, |at| read_places.push(at)).unwrap();
        assert_eq!(read, body());
        assert_eq!(places, read_places);
        let at = places[0] as usize;
        assert_eq!(&plaintext[at..at + 11], b"payload one");
    }

    #[test]
    fn a_cut_or_extended_body_is_refused() {
        let mut out = Vec::new();
        body().encode(&mut out, |_| {});
        for length in 0..out.len() {
            let cut = Bytes::copy_from_slice(&out[..length]);
            assert!(Body::decode(&cut, |_| {}).is_err(), "{length}");
        }
        out.push(0);
        assert!(Body::decode(&out.into(), |_| {}).is_err());
    }

    #[test]
    fn tables_are_read_as_written() {
        let ends = [
            SegmentEnd { generation: 1, end: 8192, last_group: 0 },
            SegmentEnd { generation: 9, end: 1 << 30, last_group: 77 },
        ];
        let plaintext = SegmentEnd::encode_table(&ends);
        assert_eq!(SegmentEnd::decode_table(&plaintext).unwrap(), ends);
        assert!(SegmentEnd::decode_table(&plaintext[1..]).is_err());
        assert_eq!(decode_freed(&encode_freed(&[3, 5])).unwrap(), [3, 5]);
        assert!(decode_freed(&[0; 9]).is_err());
    }
}
