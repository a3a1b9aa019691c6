//! `strongroom policy`: decisions and checks without a server.
//!
//! Asks the very evaluator and validator of the server, and has no rule of its own: it reads questions
//! and writes answers.

mod answer;
mod authorize;
mod input;
mod validate;

use std::io::{self, BufRead, Read, Write};

use serde_json::{Value, json};

use self::input::Line;
use super::{Failure, print};
use crate::cli::PolicyCheckFlags;

/// Reads one question a line and writes one answer a line. Lines that are no question get an answer
/// that says so, and make the command fail at the end.
pub(crate) fn evaluate() -> Result<(), Failure> {
    let mut input = io::stdin().lock();
    let mut out = io::stdout().lock();
    let (mut line, mut refused) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        let read = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = answer_line(&line);
        refused += u64::from(answer.get("error").is_some());
        serde_json::to_writer(&mut out, &answer)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    match refused {
        0 => Ok(()),
        1 => Err(Failure::new("one line is no question")),
        many => Err(Failure::new(format!("{many} lines are no questions"))),
    }
}

fn answer_line(line: &[u8]) -> Value {
    match serde_json::from_slice::<Line<'_>>(line) {
        Ok(question) => answer_question(&question),
        Err(error) => json!({"id": null, "error": error.to_string()}),
    }
}

fn answer_question(question: &Line<'_>) -> Value {
    let (id, answered) = match question {
        Line::Authorize(question) => (&question.id, authorize::authorize(question)),
        Line::Validate(question) => (&question.id, validate::validate(question)),
        Line::Public(question) => (&question.id, validate::public(question)),
    };
    match answered {
        Ok(mut answer) => {
            if let Value::Object(members) = &mut answer {
                members.insert("id".to_owned(), json!(id));
            }
            answer
        }
        Err(error) => json!({"id": id, "error": error}),
    }
}

/// Checks a policy file and prints what is wrong with it, or deserves a look. Fails if it could not
/// be saved.
pub(crate) fn check(flags: &PolicyCheckFlags) -> Result<(), Failure> {
    let text = read_policy(flags)?;
    let question = input::Validate {
        id: String::new(),
        v: None,
        kind: flags.kind.clone(),
        bucket: flags.bucket.clone(),
        account: None,
        known_users: None,
        document: text,
    };
    let answer = validate::validate(&question).map_err(Failure::new)?;
    print(&if flags.json {
        format!("{}\n", serde_json::to_string_pretty(&answer)?)
    } else {
        answer::readable(&answer)
    })?;
    match answer.get("valid") {
        Some(Value::Bool(true)) => Ok(()),
        _ => Err(Failure::new("the policy cannot be saved")),
    }
}

#[expect(clippy::disallowed_methods, reason = "the policy is a file of the operator's")]
fn read_policy(flags: &PolicyCheckFlags) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    match &flags.file {
        None => io::stdin().lock().take(LINE_BYTES_MAX).read_to_end(&mut bytes)?,
        Some(path) => std::fs::File::open(path)
            .and_then(|file| file.take(LINE_BYTES_MAX).read_to_end(&mut bytes))
            .map_err(|error| Failure::new(format!("`{}`: {error}", path.display())))?,
    };
    String::from_utf8(bytes).map_err(|_| Failure::new("a policy is UTF-8 text"))
}

/// A line holds all policies of a question: a few dozen at 128 KiB each.
const LINE_BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests;
