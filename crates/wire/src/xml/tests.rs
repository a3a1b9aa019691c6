//! Tests of the XML reader and writer.
