//! Operations of S3 from their requests to their answers, on the in-memory engine.

mod buckets;
mod conditions;
mod copy;
mod delete;
mod errors;
mod objects;
mod world;
