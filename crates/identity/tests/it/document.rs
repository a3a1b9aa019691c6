//! The pages that say what becomes of each input member are those of the tables in the code.

#![expect(clippy::disallowed_methods, reason = "golden files are read and written here")]

use std::path::Path;

#[test]
fn the_pages_of_the_services_are_up_to_date() {
    for (name, tables) in
        [("iam", strongroom_identity::iam_tables()), ("sts", strongroom_identity::sts_tables())]
    {
        let page = format!("{}/../../docs/services/{name}.md", env!("CARGO_MANIFEST_DIR"));
        let document = tables.document().unwrap();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&page, &document).unwrap();
        }
        let written = std::fs::read_to_string(Path::new(&page)).unwrap_or_default();
        assert!(written == document, "make `{name}.md` anew with UPDATE_GOLDEN=1");
    }
}
