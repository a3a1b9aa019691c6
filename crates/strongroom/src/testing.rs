//! What tests of this crate share: a directory that goes away with its value.

#![expect(clippy::disallowed_methods, reason = "tests make the files that they are about")]

use std::fs;
use std::path::{Path, PathBuf};

use strongroom_crypto::SystemEntropy;
use strongroom_types::Entropy;

/// An empty directory, removed at the end of the test.
#[derive(Debug)]
pub(crate) struct TestDir(PathBuf);

impl TestDir {
    pub(crate) fn new() -> Self {
        let mut random = [0; 8];
        SystemEntropy.fill(&mut random).unwrap();
        let name = format!("strongroom-test-{:016x}", u64::from_be_bytes(random));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        Self(fs::canonicalize(dir).unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.0.join(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
