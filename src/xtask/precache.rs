//! The built client as a set of files: names that carry a digest of their bytes, and the list that the service worker
//! keeps.
//!
//! A name with a digest never changes its bytes, so browsers may keep it for ever. What has to keep its name (the page,
//! the manifest, icons) is told apart by the digest in the list.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::fingerprint::hex;
use crate::shell::{Outcome, Stop};

/// File name, from the top of the site and without a slash in front, to bytes.
pub type Site = BTreeMap<String, Vec<u8>>;

/// The page, as a file and as people ask for it.
pub const PAGE: &str = "index.html";
pub const WORKER: &str = "sw.js";

/// Digits of a digest in a file's name. 64 bits: no two builds of a file will ever share them.
const NAME_DIGITS: usize = 16;

/// Gives `file` the name that its bytes ask for and tells `readers`, the files that name it. Returns the new name.
///
/// Whoever is read comes first: a file's digest has to include the names that it reads.
pub fn rename_by_digest(site: &mut Site, file: &str, stem: &str, readers: &[&str]) -> Outcome<String> {
    let bytes = site.remove(file).ok_or_else(|| Stop(format!("the build made no {file}; Trunk.toml should say so")))?;
    let (_, ending) = file.rsplit_once('.').unwrap_or((file, "bin"));
    let name = format!("{stem}-{}.{ending}", &hex(&Sha256::digest(&bytes))[..NAME_DIGITS]);
    for &reader in readers {
        let text = text_of(site, reader)?;
        if !text.contains(file) {
            return Err(Stop(format!("{reader} does not name {file}, so the client would not start")));
        }
        site.insert(reader.to_owned(), text.replace(file, &name).into_bytes());
    }
    site.insert(name.clone(), bytes);
    Ok(name)
}

pub fn text_of(site: &Site, file: &str) -> Outcome<String> {
    let bytes = site.get(file).ok_or_else(|| Stop(format!("the build made no {file}")))?;
    String::from_utf8(bytes.clone()).map_err(|_| Stop(format!("{file} is not text")))
}

/// Fills in the service worker's list and the name of this generation.
pub fn fill_worker(site: &mut Site) -> Outcome<()> {
    let template = text_of(site, WORKER)?;
    let list: Vec<String> = site
        .iter()
        .filter(|(file, _)| file.as_str() != WORKER)
        .map(|(file, bytes)| format!("[{:?}, {:?}]", path(file), integrity(bytes)))
        .collect();
    let list = list.join(",\n  ");
    let generation = &hex(&Sha256::digest(format!("{template}{list}")))[..NAME_DIGITS];
    let mut worker = template;
    for (blank, filled) in [
        ("const generation = \"dev\";", format!("const generation = \"{generation}\";")),
        ("new Map([])", format!("new Map([\n  {list},\n])")),
    ] {
        if worker.matches(blank).count() != 1 {
            return Err(Stop(format!("public/{WORKER} should contain `{blank}` once, for the build to fill in")));
        }
        worker = worker.replace(blank, &filled);
    }
    site.insert(WORKER.to_owned(), worker.into_bytes());
    Ok(())
}

/// The files that a filled-in service worker keeps, by the name they have on disk.
pub fn listed(worker: &str) -> Vec<String> {
    let paths = worker.lines().filter_map(|line| line.trim().strip_prefix("[\"/")?.split_once("\", \"sha256-"));
    paths.map(|(path, _)| if path.is_empty() { PAGE.to_owned() } else { path.to_owned() }).collect()
}

/// Whether a smaller copy is worth making: text and wasm are, pictures are packed already.
pub fn shrinks(file: &str) -> bool {
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    matches!(ending, "html" | "css" | "js" | "json" | "wasm" | "svg" | "txt" | "webmanifest" | "xml")
}

fn path(file: &str) -> String {
    if file == PAGE { "/".into() } else { format!("/{file}") }
}

/// What browsers compare a file's bytes with: subresource integrity.
fn integrity(bytes: &[u8]) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(files: &[(&str, &str)]) -> Site {
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    const TEMPLATE: &str = "const generation = \"dev\";\nconst files = new Map([]);\n";

    #[test]
    fn a_file_takes_the_name_of_its_bytes_and_its_reader_hears_of_it() {
        let mut site = site(&[("app.css", "a{}"), ("index.html", "<link href=\"/app.css\">")]);
        let name = rename_by_digest(&mut site, "app.css", "app", &["index.html"]).unwrap();
        assert_eq!(name, "app-5f546eb4606b5c2b.css");
        assert_eq!(text_of(&site, "index.html").unwrap(), format!("<link href=\"/{name}\">"));
        assert!(site.contains_key(&name) && !site.contains_key("app.css"));
    }

    #[test]
    fn a_file_that_nobody_names_is_a_fault_and_not_a_surprise() {
        let mut site = site(&[("boot.js", "1"), ("index.html", "<p>")]);
        let Stop(sentence) = rename_by_digest(&mut site, "boot.js", "boot", &["index.html"]).expect_err("refused");
        assert!(sentence.contains("index.html does not name boot.js"));
    }

    #[test]
    fn the_worker_lists_every_file_but_itself() {
        let mut site = site(&[
            ("index.html", "<p>"),
            ("icons/mark.svg", "<svg>"),
            ("app-0123456789abcdef.css", "a{}"),
            (WORKER, TEMPLATE),
        ]);
        fill_worker(&mut site).unwrap();
        let worker = text_of(&site, WORKER).unwrap();
        assert_eq!(listed(&worker), ["app-0123456789abcdef.css", "icons/mark.svg", "index.html"]);
        assert!(worker.contains("[\"/\", \"sha256-"), "{worker}");
    }

    #[test]
    fn the_generation_follows_every_byte() {
        let worker_of = |page: &str| {
            let mut site = site(&[("index.html", page), (WORKER, TEMPLATE)]);
            fill_worker(&mut site).unwrap();
            text_of(&site, WORKER).unwrap().lines().next().unwrap().to_owned()
        };
        assert_eq!(worker_of("one"), worker_of("one"));
        assert_ne!(worker_of("one"), worker_of("two"));
    }

    #[test]
    fn a_worker_without_its_blanks_is_refused() {
        let mut site = site(&[("index.html", "<p>"), (WORKER, "const files = new Map([]);")]);
        assert!(fill_worker(&mut site).is_err());
    }

    #[test]
    fn the_real_worker_has_its_blanks() {
        let mut site = site(&[("index.html", "<p>"), (WORKER, include_str!("../../public/sw.js"))]);
        fill_worker(&mut site).unwrap();
        assert_eq!(listed(&text_of(&site, WORKER).unwrap()), ["index.html"]);
    }

    #[test]
    fn digests_are_those_that_browsers_compute() {
        assert_eq!(integrity(b"alert('Hello, world.');"), "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
    }
}
