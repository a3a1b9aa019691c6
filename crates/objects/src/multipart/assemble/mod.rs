//! What the parts of an upload add up to.
//!
//! Pure: every rule of completion that needs no store. SPEC: data-protection, 1.10.

use std::collections::BTreeMap;

use strongroom_crypto::{
    Checksum, ChecksumAlgorithm, ChecksumError, ChecksumType, Md5, combine_crc, composite,
};
use strongroom_store::Revision;

use crate::multipart::error::{CompleteError, UploadError};
use crate::multipart::record::{PartRecord, UploadRecord};
use crate::records::{Etag, Manifest, ManifestPart, ObjectChecksum, PARTS_MAX};

/// What a client says when it completes an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CompletionClaims {
    /// The parts, in the order of the object.
    pub(crate) parts: Vec<CompletedPart>,
    /// Checksums of the object, as header values.
    pub(crate) checksums: Vec<(ChecksumAlgorithm, String)>,
    /// What the checksum covers.
    pub(crate) checksum_type: Option<ChecksumType>,
    /// Bytes of the object.
    pub(crate) object_bytes: Option<i64>,
}

/// A part in the list of a completion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CompletedPart {
    /// Its number.
    pub(crate) number: i64,
    /// Its ETag, quoted or bare.
    pub(crate) etag: String,
    /// Its checksums.
    pub(crate) checksums: Vec<(ChecksumAlgorithm, String)>,
}

/// A part as it is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredPart {
    /// Its record.
    pub(crate) record: PartRecord,
    /// The revision of the record.
    pub(crate) revision: Revision,
}

/// The parts of an upload by their numbers.
pub(crate) type StoredParts = BTreeMap<u16, StoredPart>;

/// An object made of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assembled {
    /// The part table.
    pub(crate) manifest: Manifest,
    /// Bytes of the object.
    pub(crate) object_bytes: u64,
    /// The ETag of the object.
    pub(crate) etag: Etag,
    /// The checksum of the object.
    pub(crate) checksum: ObjectChecksum,
}

/// Judges a completion, and adds the parts up.
pub(crate) fn assemble(
    upload: &UploadRecord,
    stored: &StoredParts,
    claims: &CompletionClaims,
) -> Result<Assembled, UploadError> {
    let claimed = claimed_checksum(upload, &claims.checksums)?;
    let manifest = Manifest { parts: select(upload, stored, &claims.parts)? };
    let object_bytes = manifest.object_bytes().unwrap_or(u64::MAX);
    if object_bytes > OBJECT_BYTES_MAX {
        return Err(CompleteError::TooLarge { object_bytes }.into());
    }
    if claims.object_bytes.is_some_and(|claimed| u64::try_from(claimed) != Ok(object_bytes)) {
        return Err(CompleteError::SizeDiffers.into());
    }
    if claims.checksum_type.is_some_and(|claimed| claimed != upload.checksum_type()) {
        return Err(CompleteError::ChecksumTypeDiffers.into());
    }
    let checksum = object_checksum(upload, &manifest)?;
    if let Some(claimed) = claimed.filter(|claimed| !claimed.is_of(&checksum)) {
        return Err(CompleteError::ChecksumDiffers(claimed.checksum.algorithm()).into());
    }
    let etag = object_etag(&manifest);
    Ok(Assembled { manifest, object_bytes, etag, checksum })
}

/// Whether a list names exactly these parts, as a completion that is repeated does.
pub(crate) fn is_same_list(manifest: &Manifest, parts: &[CompletedPart]) -> bool {
    manifest.parts.len() == parts.len()
        && manifest.parts.iter().zip(parts).all(|(part, claimed)| {
            i64::from(part.number) == claimed.number && is_etag_of(&claimed.etag, part.md5)
        })
}

/// The listed parts, each checked.
fn select(
    upload: &UploadRecord,
    stored: &StoredParts,
    claimed: &[CompletedPart],
) -> Result<Vec<ManifestPart>, CompleteError> {
    if claimed.is_empty() || claimed.len() > PARTS_MAX {
        return Err(CompleteError::MalformedList);
    }
    if let Some(part) = claimed.iter().find(|part| part.number < 1) {
        return Err(CompleteError::PartNumber { number: part.number });
    }
    let ascend = claimed.windows(2).all(|pair| match pair {
        [first, second] => first.number < second.number,
        _ => true,
    });
    if !ascend {
        return Err(CompleteError::PartOrder);
    }
    let mut selected = Vec::with_capacity(claimed.len());
    for part in claimed {
        let missing = || CompleteError::Part { number: part.number, etag: part.etag.clone() };
        let number = u16::try_from(part.number).map_err(|_| missing())?;
        let StoredPart { record, .. } = stored.get(&number).ok_or_else(missing)?;
        if !is_etag_of(&part.etag, record.md5) {
            return Err(missing());
        }
        check_part_checksum(upload, record, number, part)?;
        selected.push(ManifestPart {
            number,
            object_bytes: record.object_bytes,
            blob_id: record.blob_id,
            md5: record.md5,
            checksum: record.checksum,
        });
    }
    // SPEC: data-protection, 1.10: with an additional checksum the numbers must be 1..n.
    let consecutive = selected.iter().zip(1_u16..).all(|(part, number)| part.number == number);
    if upload.checksum.is_some() && !consecutive {
        return Err(CompleteError::PartOrder);
    }
    let too_small = selected
        .split_last()
        .and_then(|(_, others)| others.iter().find(|part| part.object_bytes < PART_BYTES_MIN));
    match too_small {
        None => Ok(selected),
        Some(part) => Err(CompleteError::PartTooSmall {
            number: part.number,
            etag: Etag::of_md5(part.md5).to_string(),
            object_bytes: part.object_bytes,
        }),
    }
}

fn check_part_checksum(
    upload: &UploadRecord,
    record: &PartRecord,
    number: u16,
    part: &CompletedPart,
) -> Result<(), CompleteError> {
    let (algorithm, text) = match part.checksums.as_slice() {
        [] if upload.checksum_type() == ChecksumType::Composite => {
            let algorithm = upload.algorithm();
            return Err(CompleteError::PartChecksumMissing { number, algorithm });
        }
        [] => return Ok(()),
        [(algorithm, text)] => (*algorithm, text),
        _ => return Err(CompleteError::PartChecksumInvalid { number }),
    };
    let claimed = Checksum::from_base64(algorithm, text)
        .map_err(|_| CompleteError::PartChecksumInvalid { number })?;
    let known = [Some(record.checksum), record.declared];
    let known = known.into_iter().flatten().find(|known| known.algorithm() == algorithm);
    match known {
        None => Err(CompleteError::PartChecksumAlgorithm { number, found: algorithm }),
        Some(known) if known == claimed => Ok(()),
        Some(_) => Err(CompleteError::Part { number: part.number, etag: part.etag.clone() }),
    }
}

fn object_checksum(
    upload: &UploadRecord,
    manifest: &Manifest,
) -> Result<ObjectChecksum, UploadError> {
    let parts_count = u32::try_from(manifest.parts.len()).unwrap_or(u32::MAX);
    if upload.checksum_type() == ChecksumType::Composite {
        let parts = manifest.parts.iter().map(|part| part.checksum);
        let checksum = composite(upload.algorithm(), parts)?;
        return Ok(ObjectChecksum::composite(checksum, parts_count));
    }
    let mut parts = manifest.parts.iter();
    let first = parts.next().ok_or(CompleteError::MalformedList)?;
    let whole = parts.try_fold(first.checksum, |whole, part| {
        combine_crc(&whole, &part.checksum, part.object_bytes)
    })?;
    Ok(ObjectChecksum::full_object(whole))
}

/// What a completion says of the checksum of the object.
struct ClaimedChecksum<'a> {
    checksum: Checksum,
    /// The number of parts behind a composite one, which may be left out.
    parts_count: Option<&'a str>,
}

impl ClaimedChecksum<'_> {
    fn is_of(&self, computed: &ObjectChecksum) -> bool {
        let parts_count = computed.parts_count.to_string();
        self.checksum == computed.checksum
            && self.parts_count.is_none_or(|claimed| claimed == parts_count)
    }
}

/// Reads the claim. What can be told from its form is told before the parts are judged.
fn claimed_checksum<'a>(
    upload: &UploadRecord,
    claimed: &'a [(ChecksumAlgorithm, String)],
) -> Result<Option<ClaimedChecksum<'a>>, CompleteError> {
    let (algorithm, text) = match claimed {
        [] => return Ok(None),
        [(algorithm, text)] => (*algorithm, text.as_str()),
        _ => return Err(CompleteError::ChecksumsSeveral),
    };
    let composite = upload.checksum_type() == ChecksumType::Composite;
    let (value, parts_count) = match text.split_once('-').filter(|_| composite) {
        Some((value, parts_count)) => (value, Some(parts_count)),
        None => (text, None),
    };
    match Checksum::from_base64(algorithm, value) {
        Ok(checksum) => Ok(Some(ClaimedChecksum { checksum, parts_count })),
        // SPEC: data-protection, 1.4: text that is too short to be a digest is a wrong digest.
        Err(ChecksumError::TooShort { .. }) => Err(CompleteError::ChecksumDiffers(algorithm)),
        Err(ChecksumError::Malformed { .. }) => Err(CompleteError::ChecksumInvalid(algorithm)),
    }
}

fn object_etag(manifest: &Manifest) -> Etag {
    let mut md5 = Md5::new();
    for part in &manifest.parts {
        md5.update(&part.md5);
    }
    let parts_count = u32::try_from(manifest.parts.len()).unwrap_or(u32::MAX);
    Etag { digest: md5.finish(), parts_count }
}

fn is_etag_of(text: &str, md5: [u8; 16]) -> bool {
    text.parse() == Ok(Etag::of_md5(md5))
}

/// Smallest part that is not the last. SPEC: data-protection, 1.10.
pub(crate) const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;
/// Largest object. SPEC: data-protection, 1.10.
pub(crate) const OBJECT_BYTES_MAX: u64 = 50_000_000_000_000;

#[cfg(test)]
mod tests;
