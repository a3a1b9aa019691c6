//! Tests of the generated operations against requests that botocore wrote, and against the table
//! as a whole.

mod decode;
mod outputs;
mod routes;
mod vectors;
