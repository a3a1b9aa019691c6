//! The AWS protocols: routing, codecs, error shapes.
