//! Feeds every file of a target's corpus to the target, on any toolchain, as a plain test.
//!
//! Each crate that has targets includes this file in its tests. It knows folders and files, and
//! nothing of what a target does.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::TARGETS;

/// Fails for a corpus that is missing or empty, and names the file that a target refuses.
#[expect(clippy::disallowed_methods, reason = "reads the files of a test")]
#[test]
fn the_corpora_are_replayed() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in TARGETS {
        let folder = corpora.join(name);
        let entries = fs::read_dir(&folder).expect("every target has a corpus");
        let mut fed = 0;
        for entry in entries {
            let path = entry.expect("the corpus can be listed").path();
            let bytes = fs::read(&path).expect("a corpus holds files");
            let outcome = catch_unwind(AssertUnwindSafe(|| target(&bytes)));
            assert!(outcome.is_ok(), "`{name}` does not survive {}", path.display());
            fed += 1;
        }
        assert!(fed > 0, "the corpus of `{name}` is empty");
    }
}
