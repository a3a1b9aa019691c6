//! Sealing what comes in.

use bytes::{Bytes, BytesMut};
use strongroom_crypto::{
    BlobId, Checksum, ChecksumAlgorithm, ChecksumHasher, DataKey, EnvelopeContext, EnvelopeSealer,
    EnvelopeWriter, Md5, seal_payload,
};
use strongroom_store::{BlobWriter, NewPayload};
use strongroom_wire::{Payload, PayloadError};

use super::hash::PayloadHasher;
use super::{PayloadFault, Payloads};
use crate::checksums::{ChecksumPlan, DeclaredChecksum};

/// What to expect of a body.
#[derive(Debug, Clone)]
pub(crate) struct SealPlan {
    /// Most bytes that the body may have.
    pub(crate) object_bytes_max: u64,
    /// The MD5 that the client declared.
    pub(crate) content_md5: Option<[u8; 16]>,
    /// Which checksum to compute, and what it should be.
    pub(crate) checksum: ChecksumPlan,
}

/// A payload that is sealed and, if it is large, durable; no record owns it yet.
///
/// Dropping it removes what was written. It can be offered to the store again and again until a
/// batch succeeds.
#[derive(Debug)]
pub(crate) struct StoredPayload {
    /// The payload for the batch.
    pub(crate) payload: NewPayload,
    /// The id in the context of the envelope.
    pub(crate) blob_id: BlobId,
    /// Plaintext bytes.
    pub(crate) object_bytes: u64,
    /// The MD5 of the plaintext.
    pub(crate) md5: [u8; 16],
    /// The checksum of the plaintext.
    pub(crate) checksum: Checksum,
}

impl Payloads {
    /// Reads a body to its end, verifies all that was declared about it, and seals it.
    ///
    /// `part` is 0 for what is no part. Each call seals under a fresh id, so that no key and
    /// nonce is ever used twice, also when one part is uploaded twice.
    pub(crate) async fn seal(
        &self,
        data_key: &DataKey,
        part: u32,
        mut body: Payload,
        plan: &SealPlan,
    ) -> Result<StoredPayload, PayloadFault> {
        let declared_bytes = body.content_length();
        check_size(declared_bytes.unwrap_or(0), plan)?;
        let context = EnvelopeContext { blob_id: BlobId::random(self.entropy.as_ref())?, part };
        let inline = declared_bytes.is_some_and(|bytes| bytes <= INLINE_OBJECT_BYTES_MAX);
        let sealed = if inline {
            self.seal_small(data_key, context, &mut body, plan).await?
        } else {
            self.seal_stream(data_key, context, &mut body, plan).await?
        };
        if declared_bytes.is_some_and(|declared| declared != sealed.object_bytes) {
            return Err(PayloadError::Truncated.into());
        }
        verify(&body, plan, sealed.md5, &sealed.checksum)?;
        Ok(sealed)
    }

    /// Seals bytes that are in memory already and about which nobody declared anything, as part 0.
    pub(crate) async fn seal_bytes(
        &self,
        data_key: &DataKey,
        bytes: &[u8],
    ) -> Result<(NewPayload, BlobId), PayloadFault> {
        let blob_id = BlobId::random(self.entropy.as_ref())?;
        let sealed = seal_payload(data_key, EnvelopeContext { blob_id, part: 0 }, bytes)?.freeze();
        if byte_count(bytes) <= INLINE_OBJECT_BYTES_MAX {
            return Ok((NewPayload::Inline(sealed), blob_id));
        }
        let mut writer = self.store.blobs.create(blob_id).await?;
        writer.write(sealed).await?;
        Ok((NewPayload::Blob(writer.finish().await?), blob_id))
    }

    /// Seals a body that is known to travel with its record: one buffer, one copy.
    async fn seal_small(
        &self,
        data_key: &DataKey,
        context: EnvelopeContext,
        body: &mut Payload,
        plan: &SealPlan,
    ) -> Result<StoredPayload, PayloadFault> {
        let whole = gather(body).await?;
        let algorithm = plan.checksum.algorithm;
        let mut md5 = Md5::new();
        md5.update(&whole);
        let md5 = md5.finish();
        // What the signature or the ETag needs is not computed a second time.
        let known = match algorithm {
            ChecksumAlgorithm::Md5 => Checksum::from_bytes(algorithm, &md5).ok(),
            ChecksumAlgorithm::Sha256 => {
                body.sha256().and_then(|digest| Checksum::from_bytes(algorithm, &digest).ok())
            }
            _ => None,
        };
        let checksum = known.unwrap_or_else(|| {
            let mut hasher = ChecksumHasher::new(algorithm);
            hasher.update(&whole);
            hasher.finish()
        });
        let sealed = seal_payload(data_key, context, &whole)?;
        Ok(StoredPayload {
            payload: NewPayload::Inline(sealed.freeze()),
            blob_id: context.blob_id,
            object_bytes: byte_count(&whole),
            md5,
            checksum,
        })
    }

    async fn seal_stream(
        &self,
        data_key: &DataKey,
        context: EnvelopeContext,
        body: &mut Payload,
        plan: &SealPlan,
    ) -> Result<StoredPayload, PayloadFault> {
        let mut hasher = PayloadHasher::new(plan.checksum.algorithm, body.computes_sha256());
        let mut envelope = EnvelopeWriter::new(EnvelopeSealer::new(data_key, context)?);
        let mut sink = Sink { ready: Vec::new(), writer: None };
        let mut object_bytes = 0_u64;
        while let Some(piece) = body.next().await {
            let piece = piece?;
            object_bytes = object_bytes.saturating_add(byte_count(&piece));
            check_size(object_bytes, plan)?;
            hasher.update(&piece).await?;
            envelope.push(&piece, &mut sink.ready)?;
            if object_bytes > INLINE_OBJECT_BYTES_MAX {
                self.write(&mut sink, context.blob_id).await?;
            }
        }
        envelope.finish(&mut sink.ready)?;
        let payload = if object_bytes > INLINE_OBJECT_BYTES_MAX {
            self.write(&mut sink, context.blob_id).await?;
            let writer = sink.writer.ok_or(PayloadFault::Damaged("a blob was not begun"))?;
            NewPayload::Blob(writer.finish().await?)
        } else {
            NewPayload::Inline(sink.ready.concat().into())
        };
        let (md5, checksum) = hasher.finish(body.sha256()).await?;
        let blob_id = context.blob_id;
        Ok(StoredPayload { payload, blob_id, object_bytes, md5, checksum })
    }

    /// Passes on what is sealed, once it is clear that the payload does not travel inline.
    async fn write(&self, sink: &mut Sink, blob_id: BlobId) -> Result<(), PayloadFault> {
        let writer = match &mut sink.writer {
            Some(writer) => writer,
            None => sink.writer.insert(self.store.blobs.create(blob_id).await?),
        };
        for piece in sink.ready.drain(..) {
            writer.write(piece).await?;
        }
        Ok(())
    }
}

/// Sealed bytes on their way to a blob.
#[derive(Debug)]
struct Sink {
    ready: Vec<Bytes>,
    writer: Option<Box<dyn BlobWriter>>,
}

/// The whole of a small body; without a copy if it came in one piece.
async fn gather(body: &mut Payload) -> Result<Bytes, PayloadFault> {
    let Some(first) = body.next().await else {
        return Ok(Bytes::new());
    };
    let first = first?;
    let mut whole = BytesMut::new();
    while let Some(piece) = body.next().await {
        if whole.is_empty() {
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&piece?);
        if byte_count(&whole) > INLINE_OBJECT_BYTES_MAX {
            return Err(PayloadError::TooLong.into());
        }
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

fn check_size(proposed_bytes: u64, plan: &SealPlan) -> Result<(), PayloadFault> {
    let object_bytes_max = plan.object_bytes_max;
    if proposed_bytes > object_bytes_max {
        return Err(PayloadFault::TooLarge { proposed_bytes, object_bytes_max });
    }
    Ok(())
}

fn verify(
    body: &Payload,
    plan: &SealPlan,
    md5: [u8; 16],
    checksum: &Checksum,
) -> Result<(), PayloadFault> {
    if let Some(expected) = plan.content_md5
        && expected != md5
    {
        return Err(PayloadFault::Md5Mismatch { expected, computed: md5 });
    }
    let algorithm = plan.checksum.algorithm;
    let declared = match &plan.checksum.declared {
        DeclaredChecksum::Nothing => return Ok(()),
        DeclaredChecksum::Value(value) => *value,
        DeclaredChecksum::Trailer => {
            let name = algorithm.header_name();
            let trailer = body.trailers().iter().find(|(trailer, _)| trailer == name);
            let (_, text) = trailer.ok_or(PayloadFault::TrailerMissing)?;
            Checksum::from_base64(algorithm, text).map_err(PayloadFault::TrailerChecksum)?
        }
    };
    if declared != *checksum {
        return Err(PayloadFault::ChecksumMismatch(algorithm));
    }
    Ok(())
}

fn byte_count(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Object bytes up to which a payload travels with its record. DESIGN, 5.
pub(super) const INLINE_OBJECT_BYTES_MAX: u64 = 64 * 1024;
