//! Text for POSIX shells.

/// The text as one word of a shell, whatever is in it.
///
/// SECURITY: what is printed is run by `eval`.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&b);
    // A leading `-` or `=` or `~` would be safe for `export`, not for every command.
    if !text.is_empty() && text.bytes().all(plain) && !text.starts_with(['-', '=']) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The line that sets a variable for the shell and everything that it starts.
pub(crate) fn export(name: &str, value: &str) -> String {
    format!("export {name}={}\n", quoted(value))
}

/// The line that removes variables.
pub(crate) fn unset(names: &[&str]) -> String {
    format!("unset {}\n", names.join(" "))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for text in [
            "plain-text/1.0:x",
            "",
            " ",
            "a b",
            "it's",
            "'",
            "''a'b''",
            "$(touch x)`id`",
            "\"; rm -rf /; \"",
            "line\nbreak\ttab",
            "back\\slash",
            "*?[x]~!#&|<>(){};",
            "-n",
            "=x",
            "~root",
            "größe",
        ] {
            let script = format!("{}printf %s \"$V\"", export("V", text));
            let done = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(done.stdout).unwrap(), text, "{script}");
            assert!(done.status.success() && done.stderr.is_empty(), "{script}");
        }
    }

    #[test]
    fn plain_words_stay_as_they_are() {
        assert_eq!(quoted("target/release/strongroom"), "target/release/strongroom");
        assert_eq!(export("A", "http://127.0.0.1:9000"), "export A=http://127.0.0.1:9000\n");
        assert_eq!(unset(&["A", "B"]), "unset A B\n");
    }
}
