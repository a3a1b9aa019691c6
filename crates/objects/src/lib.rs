//! Amazon S3: buckets, objects, versions, multipart uploads.

mod checksums;
mod conditions;
mod keys;
mod listing;
mod multipart;
mod payload;
mod records;
