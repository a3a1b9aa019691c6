//! An S3-compatible object store whose security model is the product.

fn main() {}
