//! The policy of a form upload: what its signer lets the bearer upload.
//!
//! SPEC: access-control, 5.5. The policy narrows what a form may ask for; whether its signer may do
//! that at all is for the enforcement point to say, as for every other request. Judged on the
//! fields as they will be used, after the name of the file was put into them.

mod json;

use std::time::Duration;

use data_encoding::BASE64;
use strongroom_sigv4::SignatureVersion;
use strongroom_types::{BucketName, Timestamp};
use strongroom_wire::{ErrorResponse, FormFields};

use self::json::Json;

/// A policy as it was signed. Parse it only after its signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormPolicy {
    expiration: Timestamp,
    conditions: Vec<Condition>,
}

/// How many bytes the file of a form may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthRange {
    /// No fewer.
    pub bytes_min: u64,
    /// No more.
    pub bytes_max: u64,
}

/// What a form policy is judged on.
#[derive(Debug, Clone, Copy)]
pub struct FormQuestion<'a> {
    /// The fields of the form, with the name of the file put into them.
    pub fields: &'a FormFields,
    /// The bucket that the form was sent to.
    pub bucket: &'a BucketName,
    /// The version of the signature.
    pub version: SignatureVersion,
    /// The time here.
    pub now: Timestamp,
}

/// Why a form is refused for its policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormPolicyError {
    /// The policy is no document that can be read.
    #[error("the policy is not valid: {0}")]
    Invalid(String),
    /// Its time is over.
    #[error("the policy has expired")]
    Expired,
    /// It is signed with version 2 and ends more than a week from now.
    #[error("the policy outlives a week")]
    Lifetime,
    /// A condition does not hold.
    #[error("a condition of the policy does not hold: {0}")]
    Failed(String),
    /// The form has fields that no condition speaks of.
    #[error("the form has fields that the policy does not cover: {0}")]
    Uncovered(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    /// The field is exactly this.
    Eq { field: String, value: String },
    /// The field starts so.
    StartsWith { field: String, value: String },
    /// The file has so many bytes.
    ContentLengthRange(LengthRange),
}

impl FormPolicy {
    /// Reads a policy from the field of a form: a JSON document in base64.
    ///
    /// # Errors
    /// If it is not exactly one.
    pub fn parse(field: &str) -> Result<Self, FormPolicyError> {
        let text = BASE64.decode(field.as_bytes()).map_err(|_| invalid("Invalid base64."))?;
        let document: Json = serde_json::from_slice(&text).map_err(|_| invalid("Invalid JSON."))?;
        let Json::Object(members) = document else {
            return Err(invalid("Policy must be a JSON object."));
        };
        let (mut expiration, mut conditions) = (None, None);
        for (name, value) in members {
            let place = match name.as_str() {
                "expiration" => &mut expiration,
                "conditions" => &mut conditions,
                // SECURITY: a member that is misspelt, or that we do not know, restricts nothing.
                _ => return Err(invalid(format!("Unexpected: '{name}'."))),
            };
            if place.replace(value).is_some() {
                return Err(invalid(format!("Duplicate: '{name}'.")));
            }
        }
        let expiration = expiration.ok_or_else(|| invalid("Policy missing expiration."))?;
        let conditions = conditions.ok_or_else(|| invalid("Policy missing conditions."))?;
        let Json::Text(expiration) = expiration else {
            return Err(invalid("Invalid 'expiration' value."));
        };
        let Json::List(conditions) = conditions else {
            return Err(invalid("Invalid 'conditions' value: must be a list."));
        };
        Ok(Self {
            expiration: moment(&expiration)
                .ok_or_else(|| invalid(format!("Invalid 'expiration' value: '{expiration}'.")))?,
            conditions: conditions.into_iter().map(Condition::parse).collect::<Result<_, _>>()?,
        })
    }

    /// Judges a form, and says how long its file may be.
    ///
    /// # Errors
    /// The first thing in which the form is not what the signer allowed.
    pub fn judge(&self, question: &FormQuestion<'_>) -> Result<LengthRange, FormPolicyError> {
        if question.now >= self.expiration {
            return Err(FormPolicyError::Expired);
        }
        // A signature of version 4 is of a day and serves for a week; that of version 2 says no day.
        let lifetime = self.expiration.saturating_since(question.now);
        if question.version == SignatureVersion::V2 && lifetime > LIFETIME_MAX_V2 {
            return Err(FormPolicyError::Lifetime);
        }
        let bucket = question.bucket.as_str();
        // SECURITY: the bucket is that of the request; what a field says of it must not differ.
        if question.fields.get(BUCKET).is_some_and(|named| named != bucket) {
            return Err(FormPolicyError::Failed(shown("eq", BUCKET, bucket)));
        }
        let mut range = LengthRange { bytes_min: 0, bytes_max: u64::MAX };
        for condition in &self.conditions {
            let value = |field: &str| match field {
                BUCKET => Some(bucket),
                other => question.fields.get(other),
            };
            condition.judge(value, &mut range)?;
        }
        let fields = question.fields.iter().map(|(name, _)| name);
        let covered = |name: &str| {
            self.conditions.iter().any(|condition| condition.covers(name)) || needs_no_cover(name)
        };
        let mut uncovered: Vec<&str> = fields.filter(|name| !covered(name)).collect();
        if !covered(BUCKET) && question.fields.get(BUCKET).is_none() {
            uncovered.push(BUCKET);
        }
        if !uncovered.is_empty() {
            return Err(FormPolicyError::Uncovered(uncovered.join(", ")));
        }
        Ok(range)
    }
}

impl Condition {
    fn parse(json: Json) -> Result<Self, FormPolicyError> {
        match json {
            Json::Object(members) => Self::parse_object(members),
            Json::List(items) => Self::parse_list(items),
            _ => Err(invalid("Invalid condition: must be a list or an object.")),
        }
    }

    fn parse_object(members: Vec<(String, Json)>) -> Result<Self, FormPolicyError> {
        let count = "Invalid Simple-Condition: Simple-Conditions must have exactly one property \
                     specified.";
        let [(field, value)] =
            <[_; 1]>::try_from(members).map_err(|_: Vec<(String, Json)>| invalid(count))?;
        match value {
            Json::Text(value) => Ok(Self::Eq { field: field.to_ascii_lowercase(), value }),
            _ => Err(invalid("Invalid Simple-Condition: value must be a string.")),
        }
    }

    fn parse_list(items: Vec<Json>) -> Result<Self, FormPolicyError> {
        let [operator, first, second] = <[_; 3]>::try_from(items)
            .map_err(|_: Vec<Json>| invalid("Invalid condition: must have three elements."))?;
        let Json::Text(operator) = operator else {
            return Err(invalid("Invalid condition: the operator must be a string."));
        };
        let operator = operator.to_ascii_lowercase();
        if operator == "content-length-range" {
            let number = |json: &Json| {
                json.number().ok_or_else(|| invalid("Invalid content-length-range: not a size."))
            };
            let range = LengthRange { bytes_min: number(&first)?, bytes_max: number(&second)? };
            return Ok(Self::ContentLengthRange(range));
        }
        let (Json::Text(field), Json::Text(value)) = (first, second) else {
            return Err(invalid("Invalid condition: field and value must be strings."));
        };
        let Some(field) = field.strip_prefix('$').map(str::to_ascii_lowercase) else {
            return Err(invalid("Invalid condition: the field must start with '$'."));
        };
        match operator.as_str() {
            "eq" => Ok(Self::Eq { field, value }),
            "starts-with" => Ok(Self::StartsWith { field, value }),
            // Fail closed: a condition that is not understood cannot hold.
            _ => Err(invalid(format!("Invalid condition: unknown operator '{operator}'."))),
        }
    }

    /// A field that is absent fulfils nothing, not even a condition that any value would fulfil.
    fn judge<'a>(
        &self,
        value_of: impl Fn(&str) -> Option<&'a str>,
        range: &mut LengthRange,
    ) -> Result<(), FormPolicyError> {
        let (operator, field, wanted, holds) = match self {
            Self::ContentLengthRange(more) => {
                range.bytes_min = range.bytes_min.max(more.bytes_min);
                range.bytes_max = range.bytes_max.min(more.bytes_max);
                return Ok(());
            }
            Self::Eq { field, value } => {
                ("eq", field, value, value_of(field).is_some_and(|found| found == value))
            }
            Self::StartsWith { field, value } => {
                let starts = |found: &str| found.starts_with(value.as_str());
                let holds = |found: &str| match field.as_str() {
                    // SPEC: as S3: a list of types, of which each must fulfil the condition.
                    "content-type" => found.split(',').all(|item| starts(item.trim_start())),
                    _ => starts(found),
                };
                ("starts-with", field, value, value_of(field).is_some_and(holds))
            }
        };
        if holds { Ok(()) } else { Err(FormPolicyError::Failed(shown(operator, field, wanted))) }
    }

    fn covers(&self, name: &str) -> bool {
        match self {
            Self::Eq { field, .. } | Self::StartsWith { field, .. } => {
                field.eq_ignore_ascii_case(name)
            }
            Self::ContentLengthRange(_) => false,
        }
    }
}

impl LengthRange {
    /// The refusal of a file that is too long.
    #[must_use]
    pub fn too_large(&self, file_bytes: u64) -> ErrorResponse {
        let message = "Your proposed upload exceeds the maximum allowed size";
        ErrorResponse::new("EntityTooLarge", 400, message)
            .element("ProposedSize", file_bytes.to_string())
            .element("MaxSizeAllowed", self.bytes_max.to_string())
    }

    /// The refusal of a file that is too short.
    #[must_use]
    pub fn too_small(&self, file_bytes: u64) -> ErrorResponse {
        let message = "Your proposed upload is smaller than the minimum allowed size";
        ErrorResponse::new("EntityTooSmall", 400, message)
            .element("ProposedSize", file_bytes.to_string())
            .element("MinSizeAllowed", self.bytes_min.to_string())
    }
}

impl From<FormPolicyError> for ErrorResponse {
    fn from(error: FormPolicyError) -> Self {
        let denied = |what: String| {
            Self::new("AccessDenied", 403, format!("Invalid according to Policy: {what}"))
        };
        match error {
            FormPolicyError::Invalid(reason) => {
                Self::new("InvalidPolicyDocument", 400, format!("Invalid Policy: {reason}"))
            }
            FormPolicyError::Expired => denied("Policy expired.".to_owned()),
            FormPolicyError::Lifetime => denied(
                "The expiration must be less than a week away for signature version 2.".to_owned(),
            ),
            FormPolicyError::Failed(condition) => {
                denied(format!("Policy Condition failed: {condition}"))
            }
            FormPolicyError::Uncovered(names) => denied(format!("Extra input fields: {names}")),
        }
    }
}

fn invalid(reason: impl Into<String>) -> FormPolicyError {
    FormPolicyError::Invalid(reason.into())
}

/// `2007-12-01T12:00:00.000Z`, in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    text.ends_with('Z').then(|| Timestamp::parse_iso8601(text).ok())?
}

/// A condition as S3 shows it.
fn shown(operator: &str, field: &str, value: &str) -> String {
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    // SECURITY: error texts are copied into tickets; a token would come along.
    let value = if field == "x-amz-security-token" { "(hidden)" } else { value };
    format!("[{}, {}, {}]", quoted(operator), quoted(&format!("${field}")), quoted(value))
}

/// SPEC: access-control, 5.5 and 5.7: fields that no condition can speak of, or need not.
fn needs_no_cover(name: &str) -> bool {
    let ignored = name.get(..9).is_some_and(|prefix| prefix.eq_ignore_ascii_case("x-ignore-"));
    ignored || UNCOVERED.iter().any(|other| name.eq_ignore_ascii_case(other))
}

const BUCKET: &str = "bucket";
const UNCOVERED: [&str; 4] = ["AWSAccessKeyId", "policy", "signature", "x-amz-signature"];

/// SPEC: access-control, 5.7: nothing that is signed with version 2 outlives a week.
const LIFETIME_MAX_V2: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[cfg(test)]
mod tests;
