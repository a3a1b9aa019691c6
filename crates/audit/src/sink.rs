//! Where events go that belong to no change.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

/// Takes events of reads and refusals. Implemented over the storage engine.
pub trait EventSink: Send + Sync + fmt::Debug {
    /// Queues an event; waits while the queue is full, never drops. Durable within 200 ms.
    ///
    /// # Errors
    /// If events can no longer be made durable: the request must fail closed.
    fn append(
        &self,
        event: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<(), SinkDown>> + Send + '_>>;
}

/// Events cannot be made durable.
#[derive(Debug, thiserror::Error)]
#[error("audit events cannot be recorded")]
pub struct SinkDown(#[source] pub Box<dyn std::error::Error + Send + Sync>);
