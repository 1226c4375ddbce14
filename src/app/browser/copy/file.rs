//! What lies in a file of the second copy, byte by byte: version 1. A promise to every later version of the app.
//!
//! A file begins with whose it is and goes on with rows as they lie in the database, each time one was written there or
//! went. Nothing is clearer here than there. Each entry carries a digest over itself and whose file it is: one that was
//! torn, altered or brought from elsewhere is refused by itself, and what stands after it is read all the same.
//!
//! ```text
//! file     "yingke copy 1\n" · organisation 16 · tablet 4 · entries
//! entry    length 4, of the rest · digest 8 · store 1 · length 2 · key · the row, or nothing: it has gone
//! digest   the first bytes of SHA-256 over organisation, tablet and what follows the digest
//! store    1 meta · 2 journal, whose key is a sequence of 8 · 3 tray · 4 pictures to be sent
//! ```

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use yingke_core::id::{DeviceNumber, OrganisationId};

use crate::browser::{
    idb::{self, BLOBS, JOURNAL, META, TRAY},
    journal::{self, SEND_ROWS},
    rows::{NONCE_BYTES, POINT_BYTES, Row, TrayRow},
    vault,
};

const TITLE: &[u8] = b"yingke copy 1\n";
const HEAD_BYTES: usize = TITLE.len() + 16 + 4;
const DIGEST_BYTES: usize = 8;

/// Rows of meta that a tablet cannot get back from the endpoint: who it is, whom it knows, what it has counted.
pub(super) const META_ROWS: [&str; 7] = [
    idb::FORMAT_ROW,
    vault::DEVICE_ROW,
    vault::DIRECTORY_ROW,
    journal::PUSH_COUNTER_ROW,
    journal::CORRECTED_ROW,
    journal::PASS_NUMBER_ROW,
    journal::NUMBERS_ROW,
];
pub(super) const META_ROWS_UNDER: [&str; 5] =
    [vault::STAFF_ROWS, vault::TRIES_ROWS, vault::BOX_ROWS, vault::LETTER_ROWS, journal::PASS_TAKEN_ROWS];

/// Whose copy it is. A tablet that is enrolled again is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    pub organisation: OrganisationId,
    pub device: DeviceNumber,
}

/// A row of the database that the copy has too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Meta(String),
    Tail(u64),
    Tray(String),
    Picture(String),
}

impl Name {
    /// The row under a text in a store; `None` where the copy has no such rows.
    #[must_use]
    pub fn of(store: &str, key: String) -> Option<Self> {
        match store {
            META if META_ROWS.contains(&&*key) || META_ROWS_UNDER.iter().any(|under| key.starts_with(under)) => {
                Some(Self::Meta(key))
            }
            TRAY => Some(Self::Tray(key)),
            BLOBS if key.starts_with(SEND_ROWS) => Some(Self::Picture(key)),
            _ => None,
        }
    }

    #[must_use]
    pub fn store(&self) -> &'static str {
        match self {
            Self::Meta(_) => META,
            Self::Tail(_) => JOURNAL,
            Self::Tray(_) => TRAY,
            Self::Picture(_) => BLOBS,
        }
    }

    /// Whether a row under this name is one. What lies sealed in it shows only when it is opened.
    #[must_use]
    pub fn fits(&self, row: &[u8]) -> bool {
        match self {
            Self::Meta(key) => {
                let is_number = [journal::PUSH_COUNTER_ROW, journal::CORRECTED_ROW, journal::PASS_NUMBER_ROW];
                if is_number.contains(&&**key) || key.starts_with(journal::PASS_TAKEN_ROWS) {
                    row.len() == 8
                } else if key.starts_with(vault::LETTER_ROWS) {
                    row.len() > POINT_BYTES + NONCE_BYTES
                } else {
                    serde_json::from_slice::<serde::de::IgnoredAny>(row).is_ok()
                }
            }
            Self::Tail(_) => matches!(Row::read(row), Ok(Row::Own(own)) if own.is_tail()),
            Self::Tray(key) => TrayRow::read(row).is_ok_and(|row| row.own.id.to_string() == *key),
            Self::Picture(_) => row.len() > POINT_BYTES + NONCE_BYTES,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let sequence;
        let (store, key) = match self {
            Self::Meta(key) => (1, key.as_bytes()),
            Self::Tail(number) => {
                sequence = number.to_be_bytes();
                (2, sequence.as_slice())
            }
            Self::Tray(key) => (3, key.as_bytes()),
            Self::Picture(key) => (4, key.as_bytes()),
        };
        out.push(store);
        out.extend_from_slice(&u16::try_from(key.len()).expect("keys are some dozen letters").to_be_bytes());
        out.extend_from_slice(key);
    }

    fn read(store: u8, key: &[u8]) -> Option<Self> {
        let text = || String::from_utf8(key.to_vec()).ok();
        match store {
            1 => Self::of(META, text()?),
            2 => Some(Self::Tail(u64::from_be_bytes(key.try_into().ok()?))),
            3 => Self::of(TRAY, text()?),
            4 => Self::of(BLOBS, text()?),
            _ => None,
        }
    }
}

impl Owner {
    /// How each of this tablet's files begins.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend_from_slice(TITLE);
        head.extend_from_slice(&self.organisation.bytes());
        head.extend_from_slice(&self.device.0.to_be_bytes());
        head
    }

    /// That a row lies there now; that it has gone, if it is empty.
    #[must_use]
    pub fn entry(&self, name: &Name, row: &[u8]) -> Vec<u8> {
        let mut body = Vec::with_capacity(row.len() + 64);
        name.write(&mut body);
        body.extend_from_slice(row);
        let length = u32::try_from(DIGEST_BYTES + body.len()).expect("a row stays far below 4 GB");
        [length.to_be_bytes().as_slice(), &self.digest(&body), &body].concat()
    }

    fn digest(&self, body: &[u8]) -> [u8; DIGEST_BYTES] {
        let digest = Sha256::new().chain_update(&self.head()[TITLE.len()..]).chain_update(body).finalize();
        *digest.first_chunk().expect("SHA-256 is longer")
    }

    fn of(file: &[u8]) -> Option<Self> {
        let rest = file.strip_prefix(TITLE)?;
        let (organisation, rest) = rest.split_first_chunk()?;
        let device = DeviceNumber(u32::from_be_bytes(*rest.first_chunk()?));
        Some(Self { organisation: OrganisationId::from_bytes(*organisation), device })
    }
}

/// What the files hold together.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub owner: Owner,
    pub rows: BTreeMap<Name, Vec<u8>>,
    /// Entries that were torn, altered or brought from elsewhere.
    pub refused: usize,
}

/// What the files of a tablet hold, the one that was written last standing last; without a tablet to ask for, those of
/// the tablet that wrote last. Files of others are passed over. `None` where there is nothing.
#[must_use]
pub fn found(files: &[Vec<u8>], owner: Option<Owner>) -> Option<Found> {
    let owner = owner.or_else(|| files.iter().rev().find_map(|file| Owner::of(file)))?;
    let mut found = Found { owner, rows: BTreeMap::new(), refused: 0 };
    let mut any = false;
    for file in files.iter().filter(|file| Owner::of(file) == Some(owner)) {
        any = true;
        let mut rest = &file[HEAD_BYTES..];
        while !rest.is_empty() {
            let entry = rest
                .split_first_chunk()
                .and_then(|(length, after)| after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?));
            // Where even its length is not to be had, nothing after it is.
            let Some((entry, after)) = entry else {
                found.refused += 1;
                break;
            };
            rest = after;
            match read_entry(entry, owner) {
                Some((name, [])) => drop(found.rows.remove(&name)),
                Some((name, row)) if name.fits(row) => drop(found.rows.insert(name, row.to_vec())),
                Some(_) | None => found.refused += 1,
            }
        }
    }
    any.then_some(found)
}

/// Whose copies there are.
pub(super) fn organisations(files: &[Vec<u8>]) -> impl Iterator<Item = OrganisationId> {
    files.iter().filter_map(|file| Owner::of(file)).map(|owner| owner.organisation)
}

fn read_entry(entry: &[u8], owner: Owner) -> Option<(Name, &[u8])> {
    let (digest, body) = entry.split_first_chunk::<DIGEST_BYTES>()?;
    if *digest != owner.digest(body) {
        return None;
    }
    let (store, rest) = body.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (key, row) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((Name::read(*store, key)?, row))
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use arbtest::arbtest;
    use expect_test::expect;
    use yingke_core::{fixture, wire::v1::hex_text};

    use super::*;

    const OTHER: DeviceNumber = DeviceNumber(8);

    fn owner() -> Owner {
        Owner { organisation: fixture::organisation(), device: DeviceNumber(7) }
    }

    fn meta(key: &str) -> Name {
        Name::of(META, key.into()).expect("it is copied")
    }

    fn file(owner: Owner, entries: &[(&Name, &[u8])]) -> Vec<u8> {
        let mut file = owner.head();
        entries.iter().for_each(|(name, row)| file.extend(owner.entry(name, row)));
        file
    }

    #[test]
    fn the_bytes_of_version_1_stay_as_they_are() {
        expect!["79696e676b6520636f707920310a0100000000000000000000000000000900000007000000139a0902c3ada78e4d0100066465766963657b7d000000131b2f765f0abeb1e40200080000000000000102"].assert_eq(&hex_text(&file(owner(), &[(&meta("device"), b"{}"), (&Name::Tail(258), b"")])));
    }

    #[test]
    fn what_has_to_outlive_the_database_is_copied_and_nothing_else() {
        let of_people = ["staff:1", "tries:1", "letter_box:1", "letter:1:2"];
        for key in
            ["device", "directory", "push_counter", "pass_number", "pass:1", "format"].into_iter().chain(of_people)
        {
            assert!(Name::of(META, key.into()).is_some(), "{key}");
        }
        for key in ["leader", "mark:desk:1", "kept:1:2", "known_phones", "contact", "farewell", "last_word", "epoch"] {
            assert_eq!(Name::of(META, key.into()), None, "{key}");
        }
        assert_eq!(Name::of(BLOBS, "held:1:2".into()), None);
        assert_eq!(Name::of("drafts", "1:F-03".into()), None);
    }

    #[test]
    fn the_last_word_about_a_row_counts_across_files() {
        let (one, two) = (meta("staff:1"), meta("staff:2"));
        let first = file(owner(), &[(&one, b"1"), (&two, b"2"), (&one, b"3")]);
        let second = file(owner(), &[(&two, b"")]);
        let found = found(&[first, second], None).expect("there are files");
        assert_eq!((found.rows, found.refused), (BTreeMap::from([(one, b"3".to_vec())]), 0));
    }

    #[test]
    fn files_of_others_are_passed_over() {
        let one = meta("staff:1");
        let other = Owner { device: OTHER, ..owner() };
        let elsewhere = Owner { organisation: OrganisationId::from_bytes([3; 16]), ..owner() };
        let files = [file(owner(), &[(&one, b"1")]), file(other, &[(&one, b"2")]), file(elsewhere, &[(&one, b"3")])];
        let row = |owner| found(&files, owner).map(|found| found.rows[&one].clone());
        assert_eq!(row(Some(owner())), Some(b"1".to_vec()));
        assert_eq!(row(Some(other)), Some(b"2".to_vec()));
        assert_eq!(row(None), Some(b"3".to_vec()), "that of the tablet that wrote last");
        assert_eq!(found(&files[1..], Some(owner())), None);
        assert_eq!(found(&[], None), None);
    }

    #[test]
    fn an_entry_from_another_tablets_file_is_refused() {
        let one = meta("staff:1");
        let other = Owner { device: OTHER, ..owner() };
        let mixed = [owner().head(), other.entry(&one, b"1"), owner().entry(&meta("staff:2"), b"2")].concat();
        let found = found(&[mixed], None).expect("there is a file");
        assert_eq!((found.rows.len(), found.refused), (1, 1));
    }

    #[test]
    fn a_torn_or_altered_entry_costs_itself() {
        let (one, two) = (meta("staff:1"), meta("staff:2"));
        let whole = file(owner(), &[(&one, b"[1,1]"), (&two, b"[2,2]")]);
        let first_ends = whole.len() - owner().entry(&two, b"[2,2]").len();
        for end in first_ends + 1..whole.len() {
            let found = found(&[whole[..end].to_vec()], None).expect("there is a file");
            assert_eq!((found.rows.keys().collect::<Vec<_>>(), found.refused), (vec![&one], 1), "{end}");
        }
        for place in HEAD_BYTES + 4..whole.len() {
            let mut altered = whole.clone();
            altered[place] ^= 1;
            let found = found(&[altered], None).expect("there is a file");
            assert!(found.refused > 0 && found.rows.len() < 2, "{place}");
        }
        // A row that is none is refused whatever its digest says.
        let found = found(&[file(owner(), &[(&Name::Tail(1), b"no row"), (&one, b"{")])], None);
        assert_eq!(found.map(|found| (found.rows.len(), found.refused)), Some((0, 2)));
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic() {
        arbtest(|u| {
            let mut bytes: Vec<u8> = u.arbitrary()?;
            let _ = found(&[bytes.clone()], None);
            bytes.splice(0..0, owner().head());
            let _ = found(&[bytes], None);
            Ok(())
        });
    }
}
