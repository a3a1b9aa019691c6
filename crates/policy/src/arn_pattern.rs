//! ARNs as policies write them: six segments, each of which is matched for itself.

use crate::context::Context;
use crate::variables::{Matcher, Piece, Syntax, Template, VariableFault};

/// The six segments of a request's ARN, divided once for all patterns that it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArnSegments<'a>([&'a str; SEGMENTS]);

impl<'a> ArnSegments<'a> {
    /// Divides at the first five colons; `None` for text that is no ARN.
    ///
    /// SPEC: access-control, 0.1.
    pub(crate) fn split(text: &'a str) -> Option<Self> {
        let mut segments = [""; SEGMENTS];
        let mut parts = text.splitn(SEGMENTS, ':');
        for segment in &mut segments {
            *segment = parts.next()?;
        }
        (segments.first() == Some(&"arn")).then_some(Self(segments))
    }
}

/// A pattern of ARNs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ArnPattern {
    /// The bare `*`.
    Everything,
    /// One variable and nothing else: its value is the ARN, letter by letter.
    Whole(Template),
    /// Too few segments to be an ARN: nothing matches.
    Nothing,
    /// Six segments. No wildcard and no value of a variable reaches beyond its own.
    Segments(Box<[Matcher; SEGMENTS]>),
}

/// What is wrong with an ARN in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArnFault {
    #[error("{0}")]
    Variable(VariableFault),
    #[error("neither an ARN nor `*`")]
    NotAnArn,
    #[error("the ARN has too few segments")]
    TooShort,
    #[error("the service of the ARN must be written out")]
    WildcardService,
    #[error("a variable can stand in the last segment of the ARN only")]
    VariableSegment,
}

impl ArnPattern {
    /// An entry of `Resource` or `NotResource`. With `short`, segments missing at the end are `*`.
    ///
    /// SPEC: access-control, 1.3.
    pub(crate) fn resource(text: &str, variables: bool, short: bool) -> Result<Self, ArnFault> {
        if text == "*" {
            return Ok(Self::Everything);
        }
        let template = Template::parse(text, Syntax { wildcards: true, variables })
            .map_err(ArnFault::Variable)?;
        let mut parts = template.split_colons(SEGMENTS);
        let first = parts.first().map(Template::pieces).unwrap_or_default();
        if *first != [Piece::Literal("arn".into())] {
            return Err(ArnFault::NotAnArn);
        }
        let service = parts.get(2).map(Template::pieces).ok_or(ArnFault::TooShort)?;
        if service.iter().any(|piece| matches!(piece, Piece::One | Piece::Run)) {
            return Err(ArnFault::WildcardService);
        }
        if parts.iter().take(SEGMENTS - 1).any(|part| part.variables().next().is_some()) {
            return Err(ArnFault::VariableSegment);
        }
        if !short && parts.len() < SEGMENTS {
            return Err(ArnFault::TooShort);
        }
        let everything = Template::parse("*", Syntax { wildcards: true, variables: false })
            .map_err(ArnFault::Variable)?;
        parts.resize(SEGMENTS, everything);
        Self::segments(parts)
    }

    /// A value of an ARN operator.
    ///
    /// SPEC: access-control, 1.5.
    pub(crate) fn condition(text: &str, variables: bool) -> Result<Self, ArnFault> {
        if text == "*" {
            let anything = ["arn:", "*:*:*:*:*"].concat();
            return Self::condition(&anything, variables);
        }
        let template = Template::parse(text, Syntax { wildcards: true, variables })
            .map_err(ArnFault::Variable)?;
        if let [Piece::Variable(_)] = template.pieces() {
            return Ok(Self::Whole(template));
        }
        let parts = template.split_colons(SEGMENTS);
        let first = parts.first().map(Template::pieces).unwrap_or_default();
        let starts = match first {
            [Piece::Literal(text)] => **text == *"arn",
            // `*` or a variable may stand for the first segment; then it is compared as any other.
            [Piece::Variable(_) | Piece::Run, ..] => true,
            _ => false,
        };
        match (starts, parts.len() == SEGMENTS) {
            (false, _) => Err(ArnFault::NotAnArn),
            (true, false) => Ok(Self::Nothing),
            (true, true) => Self::segments(parts),
        }
    }

    fn segments(parts: Vec<Template>) -> Result<Self, ArnFault> {
        let matchers: Vec<Matcher> = parts.into_iter().map(Matcher::new).collect();
        let segments: Box<[Matcher; SEGMENTS]> =
            matchers.try_into().map_err(|_| ArnFault::TooShort)?;
        Ok(Self::Segments(segments))
    }

    /// Whether the ARN of a request matches; `None` is the request without a resource, which only
    /// the bare `*` matches.
    pub(crate) fn matches(&self, arn: Option<&ArnSegments<'_>>, context: &Context<'_>) -> bool {
        match (self, arn) {
            (Self::Everything, _) => true,
            (Self::Segments(patterns), Some(arn)) => {
                // The last segment differs most often.
                let mut pairs = patterns.iter().zip(arn.0).rev();
                pairs.all(|(pattern, segment)| pattern.matches(segment, context))
            }
            (Self::Whole(template), Some(arn)) => {
                template.text(context).is_some_and(|text| text == arn.0.join(":"))
            }
            (Self::Nothing, _) | (_, None) => false,
        }
    }
}

/// Segments of an ARN: `arn:partition:service:region:account:resource`.
pub(crate) const SEGMENTS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(pattern: &str, arn: &str) -> bool {
        let pattern = ArnPattern::resource(pattern, true, true).unwrap();
        pattern.matches(ArnSegments::split(arn).as_ref(), &Context::new())
    }

    fn condition(pattern: &str, arn: &str) -> bool {
        let pattern = ArnPattern::condition(pattern, true).unwrap();
        pattern.matches(ArnSegments::split(arn).as_ref(), &Context::new())
    }

    #[test]
    fn resources_are_matched_per_segment() {
        assert!(resource("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y:z"));
        assert!(!resource("arn:aws:s3:::b/*", "arn:aws:s3:::b"));
        assert!(resource("arn:aws:s3:::b*", "arn:aws:s3:::b"));
        assert!(resource("arn:aws:s3:::b*", "arn:aws:s3:::b/k"));
        assert!(!resource("arn:aws:s3:::B", "arn:aws:s3:::b"), "case counts");
        assert!(resource("arn:*:s3:*:*:b", "arn:aws:s3:::b"));
        assert!(!resource("arn:aws:s3:*", "arn:aws:sqs:us-east-1:111111111111:q"));
        assert!(resource("arn:aws:s3:::a?c", "arn:aws:s3:::abc"));
        assert!(resource("*", "arn:aws:s3:::b"));
        assert!(!resource("arn:aws:s3:::*", "*"), "no resource is matched by `*` only");
        assert!(resource("*", "*"));
    }

    #[test]
    fn segments_missing_at_the_end_are_wildcards_only_where_allowed() {
        assert!(resource("arn:aws:s3", "arn:aws:s3:::b/k"));
        assert!(resource("arn:aws:s3:", "arn:aws:s3:::b/k"));
        let strict = |text| ArnPattern::resource(text, true, false);
        assert_eq!(strict("arn:aws:s3"), Err(ArnFault::TooShort));
        assert!(strict("arn:aws:s3:::b").is_ok());
    }

    #[test]
    fn resources_that_are_no_arns_are_refused() {
        let refused = |text| ArnPattern::resource(text, true, true).unwrap_err();
        assert_eq!(refused("b/*"), ArnFault::NotAnArn);
        assert_eq!(refused("**"), ArnFault::NotAnArn);
        assert_eq!(refused(""), ArnFault::NotAnArn);
        assert_eq!(refused("arn:aws"), ArnFault::TooShort);
        assert_eq!(refused("arn:aws:s*:::b"), ArnFault::WildcardService);
        assert_eq!(refused("arn:aws:s3::${aws:PrincipalAccount}:b"), ArnFault::VariableSegment);
        assert_eq!(refused("arn:aws:s3:::${}"), ArnFault::Variable(VariableFault::Empty));
    }

    #[test]
    fn conditions_match_per_segment_and_never_across() {
        let user = "arn:aws:iam::111111111111:user/alice";
        assert!(condition("arn:aws:iam::*:user/alice", user));
        assert!(condition("arn:*:*:*:*:*", user));
        assert!(condition("*", user));
        assert!(!condition("*", "alice"));
        assert!(condition("arn:aws:iam::?11111111111:user/*", user));
        assert!(!condition("arn:aws:iam::*user/alice", user));
        assert_eq!(ArnPattern::condition("user/alice", true), Err(ArnFault::NotAnArn));
    }

    #[test]
    fn a_value_never_reaches_beyond_its_segment() {
        let mut context = Context::new();
        context.set("aws:PrincipalTag/a", "1:role/y");
        context.set("aws:PrincipalArn", "arn:aws:iam::1:role/y");
        let arn = ArnSegments::split("arn:aws:iam::1:role/y").unwrap();
        let pattern = ArnPattern::condition("arn:aws:iam::${aws:PrincipalTag/a}:*", true).unwrap();
        assert!(!pattern.matches(Some(&arn), &context));
        let whole = ArnPattern::condition("${aws:PrincipalArn}", true).unwrap();
        assert!(whole.matches(Some(&arn), &context));
    }
}
