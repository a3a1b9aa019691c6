//! Names in Rust of names in AWS.

/// `SSECustomerKeyMD5` -> `sse_customer_key_md5`.
pub fn snake(name: &str) -> String {
    let mut name = name.to_owned();
    // Words that the rule below would cut wrongly.
    for (word, whole) in WORDS {
        name = name.replace(word, whole);
    }
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, letter) in letters.iter().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 && starts_word(&letters, index) {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// `statusType` -> `StatusType`.
pub fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// A capital starts a word after a small letter, and before one at the end of a run of capitals.
fn starts_word(letters: &[char], index: usize) -> bool {
    let before = letters[index - 1];
    let small_after = letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
    before.is_ascii_lowercase() || small_after && before != '_'
}

/// `aws:kms:dsse` -> `AwsKmsDsse`, `STANDARD_IA` -> `StandardIa`.
pub fn variant(value: &str) -> String {
    let value = value.replace('*', "All");
    let words = value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(word).collect()
}

fn word(word: &str) -> String {
    let shout = !word.chars().any(|c| c.is_ascii_lowercase());
    let mut letters = word.chars();
    let Some(first) = letters.next() else { return String::new() };
    let rest = letters.as_str();
    let rest = if shout { rest.to_ascii_lowercase() } else { rest.to_owned() };
    format!("{}{rest}", first.to_ascii_uppercase())
}

const WORDS: &[(&str, &str)] = &[
    ("ETag", "Etag"),
    ("SSEKMS", "SseKms"),
    ("SSES3", "SseS3"),
    ("CRC64NVME", "Crc64nvme"),
    ("CRC32C", "Crc32c"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_words() {
        for (aws, rust) in [
            ("ACL", "acl"),
            ("ETag", "etag"),
            ("IfMatch", "if_match"),
            ("SSECustomerKeyMD5", "sse_customer_key_md5"),
            ("SSEKMSKeyId", "sse_kms_key_id"),
            ("SSES3", "sse_s3"),
            ("ChecksumCRC64NVME", "checksum_crc64nvme"),
            ("ChecksumCRC32C", "checksum_crc32c"),
            ("ChecksumXXHASH128", "checksum_xxhash128"),
            ("CORSRules", "cors_rules"),
            ("MFADelete", "mfa_delete"),
            ("KMSMasterKeyID", "kms_master_key_id"),
            ("BypassGovernanceRetention", "bypass_governance_retention"),
            ("S3BucketDestination", "s3_bucket_destination"),
            ("HttpErrorCodeReturnedEquals", "http_error_code_returned_equals"),
        ] {
            assert_eq!(snake(aws), rust);
        }
    }

    #[test]
    fn values_become_variants() {
        for (aws, rust) in [
            ("aws:kms:dsse", "AwsKmsDsse"),
            ("public-read", "PublicRead"),
            ("STANDARD_IA", "StandardIa"),
            ("CRC64NVME", "Crc64nvme"),
            ("s3:ObjectCreated:*", "S3ObjectCreatedAll"),
            ("SSE-C", "SseC"),
            ("ReadOnly", "ReadOnly"),
            ("V_1", "V1"),
        ] {
            assert_eq!(variant(aws), rust);
        }
    }
}
