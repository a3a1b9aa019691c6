//! The page that says what becomes of each input member is that of the tables in the code.

#![expect(clippy::disallowed_methods, reason = "a golden file is read and written here")]

use std::path::Path;

#[test]
fn the_page_of_the_service_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/services/s3.md");
    let document = strongroom_objects::tables().document().unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(page.parent().unwrap()).unwrap();
        std::fs::write(&page, &document).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(written == document, "make the page anew with UPDATE_GOLDEN=1");
}
