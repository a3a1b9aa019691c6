//! AWS Signature Version 4: verification, chunked bodies, signing.
