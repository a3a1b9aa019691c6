//! Conditions: read once when a policy is saved, held against the values of each request.

mod operator;
mod scalar;

use std::net::IpAddr;
use std::str::FromStr;

use data_encoding::BASE64;

use crate::arn_pattern::{ArnFault, ArnPattern, ArnSegments};
use crate::context::{Context, Item, Value, fold_name};
use crate::variables::{Matcher, Syntax, Template, VariableFault};

pub(crate) use operator::{Operator, Order, Qualifier, Test};
pub(crate) use scalar::{Cidr, Decimal, Moment};

/// One operator over one key: `"StringEquals": {"s3:prefix": ["a", "b"]}`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    /// As the policy writes it.
    pub(crate) operator_name: Box<str>,
    /// Folded.
    pub(crate) key: Box<str>,
    /// As the policy writes them.
    pub(crate) values: Box<[Box<str>]>,
    operands: Operands,
}

/// The values of the policy, ready to compare.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operands {
    Equals(Box<[Operand]>),
    IgnoreCase(Box<[Operand]>),
    Like(Box<[Matcher]>),
    Numbers(Order, Box<[Decimal]>),
    Dates(Order, Box<[Moment]>),
    Bools(Box<[BoolOperand]>),
    Binary(Box<[Box<[u8]>]>),
    Ranges(Box<[Cidr]>),
    Arns(Box<[ArnPattern]>),
    Null(Box<[bool]>),
}

/// Text to compare letter by letter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Fixed(Box<str>),
    Variable(Template),
}

/// A value of `Bool`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum BoolOperand {
    Fixed(bool),
    Variable(Template),
}

/// Why a value cannot be read by its operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OperandFault {
    #[error("{0}")]
    Variable(VariableFault),
    #[error("{0}")]
    Arn(ArnFault),
    #[error("this operator takes no variables")]
    VariableForOperator,
    #[error("not a number")]
    Number,
    #[error("not a date: ISO 8601 with a zone, or seconds since 1970")]
    Date,
    #[error("neither `true` nor `false`")]
    Bool,
    #[error("not base64")]
    Binary,
    #[error("not an IP address or range")]
    Range,
}

impl Condition {
    /// Reads the values of one key of one operator.
    pub(crate) fn new(
        operator: Operator,
        operator_name: &str,
        key: &str,
        values: Vec<Box<str>>,
        variables: bool,
    ) -> Result<Self, OperandFault> {
        let operands = Operands::parse(operator.test, &values, variables)?;
        Ok(Self {
            operator,
            operator_name: operator_name.into(),
            key: fold_name(key).into(),
            values: values.into(),
            operands,
        })
    }

    pub(crate) fn operands(&self) -> &Operands {
        &self.operands
    }

    /// Whether the condition holds: the table of section 1.5, row by row.
    ///
    /// SPEC: access-control, 1.5.
    pub(crate) fn holds(&self, context: &Context<'_>) -> bool {
        let Operator { negated, qualifier, .. } = self.operator;
        let value = context.get(&self.key).filter(|value| !value.is_absent());
        if let Operands::Null(wanted) = &self.operands {
            return match qualifier {
                None => wanted.contains(&value.is_none_or(Value::is_blank)),
                Some(Qualifier::ForAllValues) => true,
                Some(Qualifier::ForAnyValue) => false,
            };
        }
        let Some(value) = value else {
            return self.holds_without_key();
        };
        let matches = |item| self.operands.any_matches(item, context);
        match qualifier {
            None => value.items().any(matches) != negated,
            Some(Qualifier::ForAllValues) => {
                value.is_blank() || value.items().all(|item| matches(item) != negated)
            }
            Some(Qualifier::ForAnyValue) => {
                !value.is_blank() && value.items().any(|item| matches(item) != negated)
            }
        }
    }

    /// Whether the condition holds for a request that does not have the key.
    ///
    /// SPEC: access-control, 1.5, column "Key absent".
    fn holds_without_key(&self) -> bool {
        let Operator { negated, if_exists, qualifier, .. } = self.operator;
        if_exists
            || match qualifier {
                None => negated,
                Some(Qualifier::ForAllValues) => true,
                Some(Qualifier::ForAnyValue) => false,
            }
    }
}

impl Operands {
    fn parse(test: Test, values: &[Box<str>], variables: bool) -> Result<Self, OperandFault> {
        Ok(match test {
            Test::StringEquals => Self::Equals(each(values, |v| Operand::parse(v, variables))?),
            Test::StringEqualsIgnoreCase => {
                Self::IgnoreCase(each(values, |v| Operand::parse(v, variables))?)
            }
            Test::StringLike => Self::Like(each(values, |value| {
                let syntax = Syntax { wildcards: true, variables };
                Template::parse(value, syntax).map(Matcher::new).map_err(OperandFault::Variable)
            })?),
            Test::Number(order) => {
                let read = |v: &str| Decimal::parse(v).ok_or(unreadable(v, OperandFault::Number));
                Self::Numbers(order, each(values, read)?)
            }
            Test::Date(order) => {
                let read = |v: &str| Moment::parse(v).ok_or(unreadable(v, OperandFault::Date));
                Self::Dates(order, each(values, read)?)
            }
            Test::Bool => Self::Bools(each(values, |v| BoolOperand::parse(v, variables))?),
            Test::Binary => Self::Binary(each(values, |value| {
                let bytes = BASE64.decode(value.as_bytes());
                bytes.map(Vec::into).map_err(|_| unreadable(value, OperandFault::Binary))
            })?),
            Test::Ip => Self::Ranges(each(values, |value| {
                Cidr::parse(value).ok_or(unreadable(value, OperandFault::Range))
            })?),
            Test::Arn => Self::Arns(each(values, |value| {
                ArnPattern::condition(value, variables).map_err(OperandFault::Arn)
            })?),
            Test::Null => Self::Null(each(values, |value| {
                parse_bool(value).ok_or(unreadable(value, OperandFault::Bool))
            })?),
        })
    }

    /// Whether some value of the policy matches this value of the request. A value that is not of the
    /// operator's type matches nothing.
    fn any_matches(&self, item: Item<'_>, context: &Context<'_>) -> bool {
        match self {
            Self::Equals(operands) => {
                let text = item.into_text();
                operands.iter().any(|operand| operand.equals(&text, context))
            }
            Self::IgnoreCase(operands) => {
                let text = item.into_text();
                operands.iter().any(|operand| operand.equals_ignoring_case(&text, context))
            }
            Self::Like(matchers) => {
                let text = item.into_text();
                matchers.iter().any(|matcher| matcher.matches(&text, context))
            }
            Self::Numbers(order, numbers) => item
                .decimal()
                .is_some_and(|request| numbers.iter().any(|policy| order.holds(&request, policy))),
            Self::Dates(order, moments) => item
                .moment()
                .is_some_and(|request| moments.iter().any(|policy| order.holds(&request, policy))),
            Self::Bools(operands) => item
                .boolean()
                .is_some_and(|value| operands.iter().any(|operand| operand.is(value, context))),
            Self::Binary(operands) => {
                let text = item.into_text();
                operands.iter().any(|operand| **operand == *text.as_bytes())
            }
            Self::Ranges(ranges) => item
                .address()
                .is_some_and(|address| ranges.iter().any(|range| range.contains(address))),
            Self::Arns(patterns) => {
                let text = item.into_text();
                let arn = ArnSegments::split(&text);
                arn.is_some_and(|arn| patterns.iter().any(|p| p.matches(Some(&arn), context)))
            }
            // Asked of the key as a whole, not of a value.
            Self::Null(_) => false,
        }
    }
}

impl Operand {
    fn parse(text: &str, variables: bool) -> Result<Self, OperandFault> {
        let template = Template::parse(text, Syntax { wildcards: false, variables })
            .map_err(OperandFault::Variable)?;
        if template.variables().next().is_some() {
            return Ok(Self::Variable(template));
        }
        Ok(Self::Fixed(template.text(&Context::new()).unwrap_or_default().into()))
    }

    fn equals(&self, text: &str, context: &Context<'_>) -> bool {
        match self {
            Self::Fixed(fixed) => **fixed == *text,
            Self::Variable(template) => template.text(context).is_some_and(|value| value == text),
        }
    }

    fn equals_ignoring_case(&self, text: &str, context: &Context<'_>) -> bool {
        match self {
            Self::Fixed(fixed) => same_ignoring_case(fixed, text),
            Self::Variable(template) => {
                template.text(context).is_some_and(|value| same_ignoring_case(&value, text))
            }
        }
    }
}

impl BoolOperand {
    fn parse(text: &str, variables: bool) -> Result<Self, OperandFault> {
        if let Some(value) = parse_bool(text) {
            return Ok(Self::Fixed(value));
        }
        let template = Template::parse(text, Syntax { wildcards: false, variables })
            .map_err(OperandFault::Variable)?;
        if template.variables().next().is_none() {
            return Err(OperandFault::Bool);
        }
        Ok(Self::Variable(template))
    }

    fn is(&self, value: bool, context: &Context<'_>) -> bool {
        match self {
            Self::Fixed(fixed) => *fixed == value,
            Self::Variable(template) => {
                template.text(context).and_then(|text| parse_bool(&text)) == Some(value)
            }
        }
    }
}

impl Item<'_> {
    fn decimal(self) -> Option<Decimal> {
        match self {
            Self::Number(number) => Some(number.into()),
            Self::Text(text) => Decimal::parse(text),
            Self::Bool(_) | Self::Time(_) | Self::Address(_) => None,
        }
    }

    /// A number is seconds since 1970, as in `aws:EpochTime`.
    fn moment(self) -> Option<Moment> {
        match self {
            Self::Time(time) => Moment::from_micros(time.micros()),
            Self::Number(seconds) => Moment::parse(&seconds.to_string()),
            Self::Text(text) => Moment::parse(text),
            Self::Bool(_) | Self::Address(_) => None,
        }
    }

    fn boolean(self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(value),
            Self::Text(text) => parse_bool(text),
            Self::Number(_) | Self::Time(_) | Self::Address(_) => None,
        }
    }

    fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Text(text) => IpAddr::from_str(text).ok(),
            Self::Bool(_) | Self::Number(_) | Self::Time(_) => None,
        }
    }
}

/// Reads all values, or none.
fn each<T>(
    values: &[Box<str>],
    read: impl Fn(&str) -> Result<T, OperandFault>,
) -> Result<Box<[T]>, OperandFault> {
    values.iter().map(|value| read(value)).collect()
}

/// Why a value of an operator without variables cannot be read.
fn unreadable(value: &str, fault: OperandFault) -> OperandFault {
    if value.contains("${") { OperandFault::VariableForOperator } else { fault }
}

fn parse_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

fn same_ignoring_case(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests;
