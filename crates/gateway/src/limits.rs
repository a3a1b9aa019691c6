//! How much of the server clients may take, and for how long.

use std::time::Duration;

/// Bounds of connections, of memory for bodies, and of patience.
///
/// Every one is in force at any time; none depends on what a client declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections served at once. Further ones are told to slow down.
    pub connections_max: usize,
    /// Connections of one client address served at once; of one /64 network in IPv6.
    pub connections_per_address_max: usize,
    /// With more connections than this, one that has carried a large body is not kept: its buffers
    /// have grown, and do not shrink.
    pub crowd_min: usize,
    /// Connections beyond the limit that are being told so. Further ones are cut.
    pub turned_away_max: usize,
    /// Memory of all bodies together, in KiB. One address takes at most three quarters of it.
    pub body_memory_kib_max: usize,
    /// How much of it may be documents, and what comes of them, in KiB; again three quarters for
    /// one address.
    pub document_memory_kib_max: usize,
    /// How long a request waits for memory before it is told to slow down.
    pub memory_wait_max: Duration,
    /// A TLS handshake.
    pub handshake_max: Duration,
    /// From the first byte of a request's head, or from the connection, to the end of the head.
    pub head_max: Duration,
    /// Between two requests of one connection.
    pub idle_max: Duration,
    /// A connection that rested longer than this between two requests may be closed for another.
    pub idle_kept_min: Duration,
    /// How long the server waits for [`Self::pace_bytes_min`] of a body.
    pub body_window: Duration,
    /// How long the server waits for a client to take as much of an answer.
    pub answer_window: Duration,
    /// What must move within a window of waiting.
    pub pace_bytes_min: usize,
    /// How long the server listens on after its last word, so that the client hears it.
    pub linger_max: Duration,
    /// While the server stops: how long it waits for a request on a connection that rests.
    pub stop_idle_max: Duration,
    /// While the server stops: how long it waits for requests in progress.
    pub drain_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: CONNECTIONS_MAX,
            connections_per_address_max: CONNECTIONS_PER_ADDRESS_MAX,
            // Of 256 KiB each.
            crowd_min: 256,
            turned_away_max: 256,
            // Some 190 large uploads or 380 large downloads at once.
            body_memory_kib_max: 384 * 1024,
            // Some 20 lists of 1,000 keys of 1,024 bytes, with 32 deletions each under way.
            document_memory_kib_max: 64 * 1024,
            // Who waits holds nothing; 300 lists of 1,000 deletions take some 15 seconds.
            memory_wait_max: Duration::from_secs(20),
            // It takes milliseconds; slower peers hold a place for nothing.
            handshake_max: Duration::from_secs(10),
            head_max: Duration::from_secs(20),
            idle_max: Duration::from_secs(60),
            idle_kept_min: Duration::from_secs(5),
            // A kilobyte a second is less than any modem; a silence of thirty seconds is an end.
            body_window: Duration::from_secs(30),
            // What a client takes shows late: its kernel may have room for megabytes, and tells of
            // new room only when there is a sixteenth of that.
            answer_window: Duration::from_secs(120),
            pace_bytes_min: 32 * 1024,
            linger_max: Duration::from_secs(2),
            stop_idle_max: Duration::from_secs(1),
            drain_max: Duration::from_secs(30),
        }
    }
}

/// A connection that does nothing takes some 20 KiB: 4,096 take 80 MiB.
const CONNECTIONS_MAX: usize = 4_096;
/// Three quarters: whatever one address does, others find places.
const CONNECTIONS_PER_ADDRESS_MAX: usize = 3_072;
