//! What GetObject and HeadObject have in common.

use strongroom_audit::AuthKind;
use strongroom_types::Timestamp;
use strongroom_wire::ErrorResponse;

use super::errors;
use crate::objects::{IfRange, RangeSpec, Selection};

/// `response-*` parameters: headers of the answer in place of the stored ones.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) expires: Option<Timestamp>,
}

/// Takes the overrides out of an input.
macro_rules! overrides {
    ($input:expr) => {
        crate::api::reads::Overrides {
            cache_control: $input.response_cache_control.take(),
            content_disposition: $input.response_content_disposition.take(),
            content_encoding: $input.response_content_encoding.take(),
            content_language: $input.response_content_language.take(),
            content_type: $input.response_content_type.take(),
            expires: $input.response_expires.take(),
        }
    };
}
pub(super) use overrides;

impl Overrides {
    /// SECURITY: an unsigned link must not choose the type under which a browser takes an object,
    /// and no value may end its header and start another one.
    pub(super) fn check(&self, auth: AuthKind) -> Result<(), ErrorResponse> {
        let texts = [
            ("response-cache-control", &self.cache_control),
            ("response-content-disposition", &self.content_disposition),
            ("response-content-encoding", &self.content_encoding),
            ("response-content-language", &self.content_language),
            ("response-content-type", &self.content_type),
        ];
        let any = self.expires.is_some() || texts.iter().any(|(_, text)| text.is_some());
        if any && auth == AuthKind::Anonymous {
            let message = "request specific response headers cannot be used for anonymous requests";
            return Err(errors::invalid_request(message));
        }
        for (name, text) in texts {
            if let Some(text) = text
                && text.contains(|character: char| character.is_ascii_control())
            {
                let message = "the value of a response header has no control characters";
                return Err(errors::invalid_argument(name, text.clone(), message));
            }
        }
        Ok(())
    }
}

/// Which bytes a read asks for.
pub(super) fn selection(
    range: Option<String>,
    if_range: Option<String>,
    part_number: Option<i32>,
) -> Result<Selection, ErrorResponse> {
    match (range, part_number) {
        (Some(_), Some(_)) => {
            Err(errors::invalid_request("cannot specify both `Range` header and `partNumber`"))
        }
        (Some(text), None) => Ok(match RangeSpec::parse(&text) {
            Some(range) => {
                let if_range = if_range.as_deref().map(IfRange::parse);
                Selection::Range { range, text, if_range }
            }
            None => Selection::Whole,
        }),
        (None, Some(number)) => {
            let part = u32::try_from(number).ok().filter(|part| (1..=10_000).contains(part));
            part.map(Selection::Part).ok_or_else(|| {
                let message = "part number must be an integer between 1 and 10000, inclusive";
                errors::invalid_argument("partNumber", number.to_string(), message)
            })
        }
        (None, None) => Ok(Selection::Whole),
    }
}

/// Takes what to read out of an input.
macro_rules! read_request {
    ($input:expr) => {
        crate::objects::ReadRequest {
            object_key: $input.key.clone(),
            version_id: $input.version_id,
            conditions: crate::conditions::ReadConditions {
                if_match: $input.if_match.take(),
                if_none_match: $input.if_none_match.take(),
                if_modified_since: $input.if_modified_since,
                if_unmodified_since: $input.if_unmodified_since,
            },
            selection: crate::api::reads::selection(
                $input.range.take(),
                $input.if_range.take(),
                $input.part_number,
            )?,
        }
    };
}
pub(super) use read_request;

/// Writes what is known of an object into an output.
macro_rules! found_output {
    ($output:expr, $found:expr, $overrides:expr, $checksum_mode:expr, $permit:expr) => {{
        let content_range = $found.content_range();
        $output.content_length = Some(crate::api::headers::byte_count($found.content_length()));
        $output.content_range = content_range;
        if $checksum_mode.is_some() {
            let parts = &$found.part;
            match (parts, &$found.version.record.checksum) {
                // The part's own checksum, over exactly the bytes that are answered.
                (Some(part), Some(whole)) => {
                    let checksum = &part.checksum;
                    set_checksum!($output, checksum.algorithm(), checksum.to_base64());
                    $output.checksum_type =
                        Some(crate::api::headers::checksum_type(whole.checksum_type));
                }
                // A range's bytes have not the checksum of the object.
                (None, Some(whole)) if $output.content_range.is_none() || $found.is_whole() => {
                    set_checksum!($output, whole.checksum.algorithm(), whole.to_string());
                    $output.checksum_type =
                        Some(crate::api::headers::checksum_type(whole.checksum_type));
                }
                _ => {}
            }
        }
        let parts_count = $found.version.record.parts.filter(|_| $found.part.is_some());
        $output.parts_count =
            parts_count.map(|parts| crate::api::headers::count(parts.parts_count));
        let record = $found.version.record;
        let tag_count = i32::try_from(record.tags.len()).unwrap_or(i32::MAX);
        $output.tag_count = Some(tag_count).filter(|count| *count > 0);
        let outgoing = record.metadata.outgoing();
        let missing = i32::try_from(outgoing.missing).unwrap_or(i32::MAX);
        $output.missing_meta = Some(missing).filter(|missing| *missing > 0);
        $output.metadata = outgoing.pairs.into_iter().collect();
        $output.accept_ranges = Some("bytes".to_owned());
        $output.last_modified = Some(record.last_modified);
        $output.etag = Some(record.etag.quoted());
        $output.server_side_encryption = Some(strongroom_model::s3::ServerSideEncryption::Aes256);
        $output.version_id = crate::api::headers::version_out(&$permit, &record);
        let system = record.metadata.system;
        let content_type = $overrides.content_type.or(system.content_type);
        $output.content_type =
            Some(content_type.unwrap_or_else(|| "binary/octet-stream".to_owned()));
        $output.cache_control = $overrides.cache_control.or(system.cache_control);
        $output.content_disposition = $overrides.content_disposition.or(system.content_disposition);
        $output.content_encoding = $overrides.content_encoding.or(system.content_encoding);
        $output.content_language = $overrides.content_language.or(system.content_language);
        let expires = $overrides.expires.map(|moment| moment.to_http_date());
        $output.expires = expires.or(system.expires);
        $output.website_redirect_location = system.website_redirect;
    }};
}
pub(super) use found_output;
