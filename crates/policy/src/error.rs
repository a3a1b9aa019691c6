//! Why a policy cannot be saved, in the words of S3, of IAM and of the finding codes.

use crate::json::JsonFault;
use crate::place::Place;

/// A policy that is refused: what is wrong and where.
///
/// S3 answers 400 `MalformedPolicy` with [`PolicyError::s3_message`], whose exact text some tools
/// expect, and the place as a further element; IAM and STS answer 400 `MalformedPolicyDocument` with
/// [`PolicyError::iam_message`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail} at {place}")]
pub struct PolicyError {
    fault: PolicyFault,
    detail: String,
    place: Place,
}

impl PolicyError {
    pub(crate) fn new(fault: PolicyFault, detail: String, place: Place) -> Self {
        Self { fault, detail, place }
    }

    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> PolicyFault {
        self.fault
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What is wrong, in words of our own, without the place.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The message of S3's `MalformedPolicy`.
    ///
    /// SPEC: access-control, 1.7.
    #[must_use]
    pub fn s3_message(&self) -> &str {
        self.fault.s3_message().unwrap_or(&self.detail)
    }

    /// The message of IAM's and STS's `MalformedPolicyDocument`: their sentence where they have one,
    /// and the place.
    ///
    /// SPEC: access-control, 1.7.
    #[must_use]
    pub fn iam_message(&self) -> String {
        let sentence = match self.fault {
            PolicyFault::PrincipalNotAllowed => "Policy document should not specify a principal.",
            PolicyFault::InvalidConditionValue | PolicyFault::InvalidVariable => {
                "The policy failed legacy parsing."
            }
            PolicyFault::InvalidVersion => "Invalid policy version.",
            _ => "Syntax errors in policy.",
        };
        format!("{sentence} ({self})")
    }
}

/// What can be wrong with a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyFault {
    /// The first byte is not `{`.
    NotAnObject,
    /// The text is no JSON, or an object has two members of one name.
    Json,
    /// A character outside of those that policies may hold.
    InvalidCharacter,
    /// Larger than this kind of policy may be.
    TooLarge,
    /// No `Statement`.
    MissingStatement,
    /// `Statement` is an empty array.
    EmptyStatement,
    /// No `Effect`.
    MissingEffect,
    /// Neither `Principal` nor `NotPrincipal` where one is needed.
    MissingPrincipal,
    /// Neither `Action` nor `NotAction`.
    MissingAction,
    /// Neither `Resource` nor `NotResource` where one is needed.
    MissingResource,
    /// A version other than the two that exist.
    InvalidVersion,
    /// An effect other than `Allow` and `Deny`.
    InvalidEffect,
    /// A member that the policy language does not have.
    UnknownElement,
    /// A member that this kind of policy must not have.
    UnsupportedElement,
    /// `Principal` or `NotPrincipal` in a policy that belongs to a principal.
    PrincipalNotAllowed,
    /// Two members that exclude each other.
    ElementCombination,
    /// A value of the wrong JSON type.
    DataType,
    /// A statement id with characters that it must not have.
    InvalidSid,
    /// Two statements with one id.
    DuplicateSid,
    /// `NotPrincipal` in a statement that allows.
    AllowWithNotPrincipal,
    /// A principal that is malformed, unknown, or of a kind that cannot stand here.
    InvalidPrincipal,
    /// An action that is malformed or unknown.
    InvalidAction,
    /// A resource that is malformed or not the policy's own.
    InvalidResource,
    /// No action of the statement applies to a resource of the statement.
    ActionResourceMismatch,
    /// A condition key that no action of the statement supports.
    ConditionMismatch,
    /// A condition operator that does not exist.
    InvalidConditionOperator,
    /// A condition key that is malformed or unknown.
    InvalidConditionKey,
    /// A condition value that its operator cannot read.
    InvalidConditionValue,
    /// A policy variable that is malformed or cannot stand here.
    InvalidVariable,
}

impl PolicyFault {
    /// The code of the finding, in the spelling of the published checks where there is one.
    ///
    /// SPEC: access-control, 9.2.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotAnObject | Self::Json => "JSON_SYNTAX_ERROR",
            Self::InvalidCharacter => "INVALID_CHARACTER",
            Self::TooLarge => "POLICY_SIZE_EXCEEDED",
            Self::MissingStatement => "MISSING_STATEMENT",
            Self::EmptyStatement => "EMPTY_STATEMENT",
            Self::MissingEffect => "MISSING_EFFECT",
            Self::MissingPrincipal => "MISSING_PRINCIPAL",
            Self::MissingAction => "MISSING_ACTION",
            Self::MissingResource => "MISSING_RESOURCE",
            Self::InvalidVersion => "INVALID_VERSION",
            Self::InvalidEffect => "INVALID_EFFECT",
            Self::UnknownElement | Self::UnsupportedElement => "INVALID_POLICY_ELEMENT",
            Self::PrincipalNotAllowed => "UNSUPPORTED_PRINCIPAL",
            Self::ElementCombination => "UNSUPPORTED_ELEMENT_COMBINATION",
            Self::DataType => "DATA_TYPE_MISMATCH",
            Self::InvalidSid => "UNSUPPORTED_SID",
            Self::DuplicateSid => "UNIQUE_SIDS_REQUIRED",
            Self::AllowWithNotPrincipal => "ALLOW_WITH_NOT_PRINCIPAL",
            Self::InvalidPrincipal => "INVALID_PRINCIPAL_FORMAT",
            Self::InvalidAction => "INVALID_ACTION",
            Self::InvalidResource => "INVALID_ARN_RESOURCE",
            Self::ActionResourceMismatch => "UNSUPPORTED_RESOURCE_ARN_IN_POLICY",
            Self::ConditionMismatch => "UNSUPPORTED_ACTION_FOR_CONDITION_KEY",
            Self::InvalidConditionOperator => "INVALID_CONDITION_OPERATOR",
            Self::InvalidConditionKey => "INVALID_CONDITION_KEY_FORMAT",
            Self::InvalidConditionValue => "INVALID_CONDITION_DATA_TYPE",
            Self::InvalidVariable => "INVALID_VARIABLE",
        }
    }

    /// S3's text, where it is known.
    fn s3_message(self) -> Option<&'static str> {
        Some(match self {
            Self::NotAnObject => "Policies must be valid JSON and the first byte must be '{'",
            Self::Json | Self::InvalidCharacter => "This policy contains invalid Json",
            Self::MissingStatement => "Missing required field Statement",
            Self::EmptyStatement => "Could not parse the policy: Statement is empty!",
            Self::MissingEffect => "Missing required field Effect",
            Self::MissingPrincipal => "Missing required field Principal",
            Self::MissingAction => "Missing required field Action",
            Self::MissingResource => "Missing required field Resource",
            Self::InvalidVersion => "The policy must contain a valid version string",
            Self::AllowWithNotPrincipal => "Allow with NotPrincipal is not allowed.",
            Self::InvalidPrincipal => "Invalid principal in policy",
            Self::InvalidAction => "Policy has invalid action",
            Self::InvalidResource => "Policy has invalid resource",
            Self::ActionResourceMismatch => "Action does not apply to any resource(s) in statement",
            Self::ConditionMismatch => {
                "Conditions do not apply to combination of actions and resources in statement"
            }
            Self::InvalidConditionKey => "Policy has an invalid condition key",
            Self::TooLarge
            | Self::InvalidEffect
            | Self::UnknownElement
            | Self::UnsupportedElement
            | Self::PrincipalNotAllowed
            | Self::ElementCombination
            | Self::DataType
            | Self::InvalidSid
            | Self::DuplicateSid
            | Self::InvalidConditionOperator
            | Self::InvalidConditionValue
            | Self::InvalidVariable => return None,
        })
    }
}

impl From<JsonFault> for PolicyFault {
    fn from(fault: JsonFault) -> Self {
        match fault {
            JsonFault::TooLarge => Self::TooLarge,
            JsonFault::NotUtf8 => Self::InvalidCharacter,
            JsonFault::UnexpectedEnd
            | JsonFault::UnexpectedByte
            | JsonFault::InvalidNumber
            | JsonFault::InvalidEscape
            | JsonFault::ControlCharacter
            | JsonFault::DuplicateMember
            | JsonFault::TooDeep
            | JsonFault::TextBehindDocument => Self::Json,
        }
    }
}
