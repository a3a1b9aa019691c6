//! Policy variables: `${aws:username}`, defaults, and the three escapes `${*}`, `${?}`, `${$}`.

use std::fmt;

use crate::context::{Context, fold_name};
use crate::pattern::{Pattern, Token};

/// A piece of text in a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(Box<str>),
    One,
    Run,
    Variable(Variable),
}

/// `${key}` or `${key, 'default'}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Folded, as the names in a [`Context`] are.
    pub(crate) key: Box<str>,
    default: Option<Box<str>>,
}

impl Variable {
    /// The value, or the default; `None` if there is neither, or if the key has a list of values.
    ///
    /// SPEC: access-control, 1.4.
    fn resolve<'a>(&'a self, context: &'a Context<'_>) -> Option<std::borrow::Cow<'a, str>> {
        match context.get(&self.key) {
            Some(value) => value.single_text(),
            None => self.default.as_deref().map(std::borrow::Cow::Borrowed),
        }
    }
}

/// Text of a policy whose variables are resolved anew for each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

/// What `*`, `?` and `${` mean in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syntax {
    pub(crate) wildcards: bool,
    /// Only version 2012-10-17 has variables; before, `${` is text like any other.
    pub(crate) variables: bool,
}

/// What is wrong with a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VariableFault {
    MissingBrace,
    Empty,
    Blank,
    MissingQuote,
}

impl fmt::Display for VariableFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingBrace => "a variable has no closing brace",
            Self::Empty => "a variable has no name",
            Self::Blank => "a variable has a blank or brace in its name",
            Self::MissingQuote => "the default of a variable stands in single quotes",
        })
    }
}

impl Template {
    /// Reads a text.
    ///
    /// SPEC: access-control, 1.3 (literal special characters), 1.4.
    pub(crate) fn parse(text: &str, syntax: Syntax) -> Result<Self, VariableFault> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if syntax.variables
                && let Some(inner) = rest.strip_prefix("${")
            {
                let (variable, behind) = parse_variable(inner)?;
                match variable {
                    Inner::Escaped(escaped) => literal.push(escaped),
                    Inner::Variable(variable) => {
                        flush(&mut literal, &mut pieces);
                        pieces.push(Piece::Variable(variable));
                    }
                }
                rest = behind;
                continue;
            }
            match next {
                '*' | '?' if syntax.wildcards => {
                    flush(&mut literal, &mut pieces);
                    pieces.push(if next == '*' { Piece::Run } else { Piece::One });
                }
                other => literal.push(other),
            }
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        }
        flush(&mut literal, &mut pieces);
        Ok(Self { pieces })
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable(variable) => Some(variable),
            Piece::Literal(_) | Piece::One | Piece::Run => None,
        })
    }

    /// Splits at the first colons of the text itself, never at those of a value: `parts_max` parts at
    /// most, the last of which keeps all further colons.
    pub(crate) fn split_colons(&self, parts_max: usize) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut current = Vec::new();
        for piece in &self.pieces {
            let Piece::Literal(text) = piece else {
                current.push(piece.clone());
                continue;
            };
            let mut rest: &str = text;
            while parts.len() + 1 < parts_max
                && let Some((before, behind)) = rest.split_once(':')
            {
                if !before.is_empty() {
                    current.push(Piece::Literal(before.into()));
                }
                parts.push(Self { pieces: std::mem::take(&mut current) });
                rest = behind;
            }
            if !rest.is_empty() {
                current.push(Piece::Literal(rest.into()));
            }
        }
        parts.push(Self { pieces: current });
        parts
    }

    /// The elements with every variable resolved; `None` if one has no value.
    ///
    /// SECURITY: the text of a value is literal: `*` in a tag or a user name is no wildcard.
    /// SPEC: access-control, 1.4.
    pub(crate) fn tokens(&self, context: &Context<'_>) -> Option<Vec<Token>> {
        let mut tokens = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => tokens.extend(text.bytes().map(Token::Byte)),
                Piece::One => tokens.push(Token::One),
                Piece::Run => tokens.push(Token::Run),
                Piece::Variable(variable) => {
                    tokens.extend(variable.resolve(context)?.bytes().map(Token::Byte));
                }
            }
        }
        Some(tokens)
    }

    /// The text with every variable resolved, for operators without wildcards.
    pub(crate) fn text(&self, context: &Context<'_>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::One => text.push('?'),
                Piece::Run => text.push('*'),
                Piece::Variable(variable) => text.push_str(&variable.resolve(context)?),
            }
        }
        Some(text)
    }
}

/// A pattern, with variables or, as nearly always, without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Matcher {
    Fixed(Pattern),
    Variable(Template),
}

impl Matcher {
    pub(crate) fn new(template: Template) -> Self {
        if template.variables().next().is_some() {
            return Self::Variable(template);
        }
        let tokens = template.tokens(&Context::new()).unwrap_or_default();
        Self::Fixed(Pattern::new(&tokens))
    }

    pub(crate) fn matches(&self, text: &str, context: &Context<'_>) -> bool {
        match self {
            Self::Fixed(pattern) => pattern.matches(text),
            Self::Variable(template) => template
                .tokens(context)
                .is_some_and(|tokens| crate::pattern::matches(&tokens, text.as_bytes())),
        }
    }
}

enum Inner {
    Escaped(char),
    Variable(Variable),
}

/// Reads behind `${`, and returns what follows the closing brace.
fn parse_variable(inner: &str) -> Result<(Inner, &str), VariableFault> {
    for escaped in ['*', '?', '$'] {
        if let Some(behind) = inner.strip_prefix(escaped).and_then(|rest| rest.strip_prefix('}')) {
            return Ok((Inner::Escaped(escaped), behind));
        }
    }
    let end = inner.find([',', '}']).ok_or(VariableFault::MissingBrace)?;
    let (name, rest) = inner.split_at_checked(end).ok_or(VariableFault::MissingBrace)?;
    if name.is_empty() {
        return Err(VariableFault::Empty);
    }
    if name.contains(|c: char| c.is_whitespace() || matches!(c, '{' | '$')) {
        return Err(VariableFault::Blank);
    }
    let key = fold_name(name).into();
    if let Some(behind) = rest.strip_prefix('}') {
        return Ok((Inner::Variable(Variable { key, default: None }), behind));
    }
    let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start_matches(' ');
    let quoted = rest.strip_prefix('\'').ok_or(VariableFault::MissingQuote)?;
    let (default, rest) = quoted.split_once('\'').ok_or(VariableFault::MissingQuote)?;
    let behind = rest.trim_start_matches(' ').strip_prefix('}');
    let variable = Variable { key, default: Some(default.into()) };
    Ok((Inner::Variable(variable), behind.ok_or(VariableFault::MissingBrace)?))
}

fn flush(literal: &mut String, pieces: &mut Vec<Piece>) {
    if !literal.is_empty() {
        pieces.push(Piece::Literal(std::mem::take(literal).into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNTAX: Syntax = Syntax { wildcards: true, variables: true };

    fn matches(pattern: &str, context: &Context<'_>, text: &str) -> bool {
        Matcher::new(Template::parse(pattern, SYNTAX).unwrap()).matches(text, context)
    }

    #[test]
    fn a_variable_stands_for_its_value_whatever_the_case_of_its_name() {
        let mut context = Context::new();
        context.set("aws:username", "alice");
        assert!(matches("home/${aws:username}/*", &context, "home/alice/x"));
        assert!(matches("home/${AWS:UserName}/*", &context, "home/alice/x"));
        assert!(!matches("home/${aws:username}/*", &context, "home/alicex/x"));
    }

    #[test]
    fn a_value_is_literal_text_even_with_wildcards_in_it() {
        let mut context = Context::new();
        context.set("aws:PrincipalTag/t", "*");
        assert!(matches("${aws:PrincipalTag/t}", &context, "*"));
        assert!(!matches("${aws:PrincipalTag/t}", &context, "x"));
    }

    #[test]
    fn without_value_the_default_counts_or_nothing_matches() {
        let context = Context::new();
        assert!(matches("${aws:PrincipalTag/t, 'x'}", &context, "x"));
        assert!(matches("${aws:PrincipalTag/t,'*'}", &context, "*"));
        assert!(!matches("${aws:PrincipalTag/t,'*'}", &context, "x"));
        assert!(!matches("${aws:username}*", &context, ""));
        let mut context = Context::new();
        context.set("aws:TagKeys", vec!["x"]);
        assert!(!matches("${aws:TagKeys}", &context, "x"), "a list has no single value");
    }

    #[test]
    fn special_characters_are_escaped_as_variables() {
        let context = Context::new();
        assert!(matches("a${*}b", &context, "a*b"));
        assert!(!matches("a${*}b", &context, "axb"));
        assert!(matches("${?}${$}{x}", &context, "?${x}"));
        let old = Syntax { wildcards: true, variables: false };
        let template = Template::parse("${*}", old).unwrap();
        assert!(Matcher::new(template).matches("${anything}", &context));
    }

    #[test]
    fn malformed_variables_are_refused() {
        let fault = |text| Template::parse(text, SYNTAX).unwrap_err();
        assert_eq!(fault("a${b"), VariableFault::MissingBrace);
        assert_eq!(fault("${}"), VariableFault::Empty);
        assert_eq!(fault("${a b}"), VariableFault::Blank);
        assert_eq!(fault("${ a}"), VariableFault::Blank);
        assert_eq!(fault("${a${b}}"), VariableFault::Blank);
        assert_eq!(fault("${a, b}"), VariableFault::MissingQuote);
        assert_eq!(fault("${a, 'b}"), VariableFault::MissingQuote);
        assert_eq!(fault("${a, 'b'"), VariableFault::MissingBrace);
    }

    #[test]
    fn only_colons_of_the_text_itself_split() {
        let template = Template::parse("a:b${aws:username}c::d:e", SYNTAX).unwrap();
        let parts = template.split_colons(3);
        let mut context = Context::new();
        context.set("aws:username", "u:v");
        let texts: Vec<_> = parts.iter().filter_map(|part| part.text(&context)).collect();
        assert_eq!(texts, ["a", "bu:vc", ":d:e"]);
    }
}
