//! Tests of the generated operations against requests that botocore wrote, and against the table
//! as a whole.

#[cfg(test)]
mod decode;
#[cfg(test)]
mod outputs;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod vectors;
