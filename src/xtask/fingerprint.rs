//! Tells whether anything that a build is made from has changed: one digest over names and bytes.
//!
//! Bytes and not times, because a fresh clone has today's times on every file.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::shell::{Outcome, Stop};

/// What the client is made from. `src/xtask` is in it because it does the making.
pub const CLIENT_INPUTS: &[&str] = &[
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "Trunk.toml",
    "index.html",
    "public",
    "src/app",
    "src/core",
    "src/xtask",
    "style",
];

/// The digest of `inputs` under `root`; an input that is not there counts as not there.
pub fn of(root: &Path, inputs: &[&str]) -> Outcome<String> {
    let mut digest = Sha256::new();
    for file in files(root, inputs)? {
        let bytes = fs::read(&file).map_err(|error| unreadable(&file, &error))?;
        let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
        // Lengths first, so that no two different trees can spell the same bytes.
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name.as_bytes());
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(&bytes);
    }
    Ok(hex(&digest.finalize()))
}

/// All files of `inputs`, sorted, hidden ones and editors' leftovers aside.
pub fn files(root: &Path, inputs: &[&str]) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    for input in inputs {
        collect(&root.join(input), &mut found)?;
    }
    found.sort();
    Ok(found)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> Outcome<()> {
    if path.is_file() {
        found.push(path.to_owned());
    } else if path.is_dir() {
        for entry in fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
            let entry = entry.map_err(|error| unreadable(path, &error))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !name.starts_with('.') && !name.ends_with('~') {
                collect(&entry.path(), found)?;
            }
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Stop {
    Stop(format!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_a_new_name_and_a_moved_border_all_show() {
        let root = std::env::temp_dir().join(format!("yingke-fingerprint-{}", std::process::id()));
        let write = |name: &str, text: &str| {
            let file = root.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        let now = || of(&root, &["src", "not-there"]).unwrap();
        write("src/a.rs", "one");
        write("src/deep/b.rs", "two");
        let first = now();
        assert_eq!(first, now());

        write("src/.swap", "left by an editor");
        assert_eq!(first, now());

        write("src/a.rs", "One");
        let second = now();
        assert_ne!(first, second);

        write("src/a.rs", "one");
        fs::rename(root.join("src/deep/b.rs"), root.join("src/deep/c.rs")).unwrap();
        assert_ne!(first, now());
        fs::remove_dir_all(&root).unwrap();
    }
}
