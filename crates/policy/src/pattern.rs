//! Text with the wildcards `*` and `?`, and the one loop that matches it.
//!
//! Two pointers and the place of the last `*`: never a regular expression built from user text, and
//! never more than pattern length times text length steps. Knows nothing of policies.

/// One element of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// This byte of UTF-8.
    Byte(u8),
    /// `?`: exactly one character.
    One,
    /// `*`: any characters, also none.
    Run,
}

/// A pattern, split at its first wildcard: most texts already differ before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pattern {
    prefix: Box<[u8]>,
    /// Empty, or starts with a wildcard.
    rest: Box<[Token]>,
}

impl Pattern {
    /// The pattern of these elements.
    pub(crate) fn new(tokens: &[Token]) -> Self {
        let literal = tokens.iter().take_while(|token| matches!(token, Token::Byte(_)));
        let prefix: Box<[u8]> = literal
            .filter_map(|token| match token {
                Token::Byte(byte) => Some(*byte),
                Token::One | Token::Run => None,
            })
            .collect();
        let rest = tokens.get(prefix.len()..).unwrap_or_default().into();
        Self { prefix, rest }
    }

    /// The pattern that this text writes: every `*` and `?` in it is a wildcard.
    pub(crate) fn parse(text: &str) -> Self {
        let tokens: Vec<Token> = text
            .bytes()
            .map(|byte| match byte {
                b'*' => Token::Run,
                b'?' => Token::One,
                other => Token::Byte(other),
            })
            .collect();
        Self::new(&tokens)
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some(remaining) = text.as_bytes().strip_prefix(&*self.prefix) else {
            return false;
        };
        match &*self.rest {
            [] => remaining.is_empty(),
            [Token::Run] => true,
            tokens => matches(tokens, remaining),
        }
    }
}

/// Whether `text`, which is UTF-8, matches all of `tokens`.
///
/// On a mismatch the last `*` takes one character more; earlier ones need never be tried again,
/// because the last one can swallow whatever they would have.
pub(crate) fn matches(tokens: &[Token], text: &[u8]) -> bool {
    let (mut token, mut at) = (0, 0);
    // Behind the last `*`, and where its run ends at present.
    let mut resume: Option<(usize, usize)> = None;
    loop {
        let step = match (tokens.get(token), text.get(at)) {
            (None, None) => return true,
            (Some(Token::Run), _) => {
                token += 1;
                resume = Some((token, at));
                continue;
            }
            (Some(Token::Byte(wanted)), Some(byte)) if wanted == byte => Some(1),
            (Some(Token::One), Some(first)) => Some(character_bytes(*first)),
            _ => None,
        };
        match (step, resume) {
            (Some(bytes), _) => {
                token += 1;
                at += bytes;
            }
            (None, Some((behind, run_end))) => {
                let Some(first) = text.get(run_end) else {
                    return false;
                };
                let run_end = run_end + character_bytes(*first);
                resume = Some((behind, run_end));
                (token, at) = (behind, run_end);
            }
            (None, None) => return false,
        }
    }
}

/// Length of the character that starts with this byte of UTF-8.
fn character_bytes(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let compiled = Pattern::parse(pattern);
        for text in matching {
            assert!(compiled.matches(text), "`{pattern}` matches `{text}`");
        }
        for text in others {
            assert!(!compiled.matches(text), "`{pattern}` does not match `{text}`");
        }
    }

    #[test]
    fn wildcards_stand_for_runs_and_for_characters() {
        check("", &[""], &["a"]);
        check("*", &["", "a", "a/b:c"], &[]);
        check("a*", &["a", "ab", "a/b"], &["", "b", "ba"]);
        check("*a", &["a", "ba", "aa"], &["", "ab"]);
        check("a*b*c", &["abc", "aXbYc", "abcbc", "a/b/c"], &["ab", "acb", "abcd"]);
        check("?", &["a", "é", "😀"], &["", "ab"]);
        check("a?c", &["abc", "aéc"], &["ac", "abbc"]);
        check("*?", &["a", "ab"], &[""]);
        check("**", &["", "a"], &[]);
        check("*é", &["é", "aé"], &["e"]);
        check("?*a", &["ba", "éaa"], &["a"]);
    }

    /// Straight from the definition.
    fn slow(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => (0..=text.len()).any(|skipped| slow(rest, &text[skipped..])),
            (Some(('?', rest)), Some((_, others))) => slow(rest, others),
            (Some((wanted, rest)), Some((found, others))) => wanted == found && slow(rest, others),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn the_loop_agrees_with_the_definition(pattern in "[ab*?é]{0,8}", text in "[abé]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<char>>();
            let expected = slow(&chars(&pattern), &chars(&text));
            prop_assert_eq!(Pattern::parse(&pattern).matches(&text), expected);
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_more_than_a_product_of_steps() {
        // Exponential matchers do not return from this within the life of the machine.
        let pattern = "a*".repeat(5000) + "b";
        assert!(!Pattern::parse(&pattern).matches(&"a".repeat(1024)));
    }
}
