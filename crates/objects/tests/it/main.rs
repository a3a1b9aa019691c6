//! Operations of S3 from their requests to their answers, on the in-memory engine.

// Says to the lints that helpers here are test code, too.
#![cfg(test)]

mod acl;
mod bucket_policy;
mod buckets;
mod checksums;
mod conditions;
mod copy;
mod cors;
mod costs;
mod delete;
mod document;
mod encryption;
mod errors;
mod faults;
mod fixed;
mod listing;
mod multipart;
mod objects;
mod parts;
mod public_access;
mod races;
mod sweep;
mod tagging;
mod versioning;
mod versions_model;
mod watched;
mod world;
