//! What somebody writes down while nobody is unlocked: put into their letter box, which only their unlock opens.
//!
//! A person has a box on a tablet from their first unlock there on. Its point lies in clear, so that anybody can put a
//! letter in; its secret is sealed under the person's own key. Nothing on a locked tablet opens a letter, and what is told of
//! one is that it is there, and for whom.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use yingke_core::{id::StaffId, journal::AppendError, wire::v1::base64_bytes, wire::v1::base64_text};

use super::{Vault, json};
use crate::browser::{
    chance,
    idb::{META, Range},
    journal::{locked, nobodys, not_sealed},
    rows::{NONCE_BYTES, POINT_BYTES, RecoverySeal, Sealed},
    seal::{LetterBox, Recovery, SealError, forget},
};

pub(in crate::browser) const BOX_ROWS: &str = "letter_box:";
pub(in crate::browser) const LETTER_ROWS: &str = "letter:";
const VERSION: u8 = 1;

/// A person's box as it lies in the database.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct BoxRow {
    /// An uncompressed P-256 point, base 64.
    point: String,
    nonce: String,
    /// The secret, sealed under the person's own key.
    sealed: String,
}

impl BoxRow {
    fn secret(&self) -> Option<Sealed> {
        let nonce = base64_bytes(&self.nonce)?.try_into().ok()?;
        Some(Sealed { nonce, bytes: base64_bytes(&self.sealed)? })
    }
}

/// Whose box lies in a row; `None` for one that cannot be read, in whose place the next unlock puts another.
pub(super) fn read(key: &str, row: &[u8]) -> Option<(StaffId, BoxRow)> {
    Some((key.strip_prefix(BOX_ROWS)?.parse().ok()?, serde_json::from_slice(row).ok()?))
}

/// A letter that its reader has opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its row, to drop it by.
    pub key: String,
    pub text: Vec<u8>,
}

/// What lies in the box of whoever is unlocked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Letters {
    /// Oldest first.
    pub opened: Vec<Letter>,
    /// Such as do not open: altered, or put into a box whose secret is gone.
    pub damaged: usize,
}

impl Vault {
    /// Who has a box here.
    #[must_use]
    pub fn letter_boxes(&self) -> BTreeSet<StaffId> {
        self.inner.letter_boxes.borrow().keys().copied().collect()
    }

    /// Gives whoever is unlocked a box, if they have none that their key opens.
    ///
    /// # Errors
    /// [`AppendError`]; they are as before.
    pub async fn keep_letter_box(&self) -> Result<(), AppendError> {
        let session = self.session().ok_or_else(locked)?;
        if self.secret_of_box(session.staff).await?.is_some() {
            return Ok(());
        }
        let letter_box = LetterBox::new().await.map_err(not_sealed)?;
        let bound_to = self.box_bound_to(session.staff)?;
        let secret = session.own_key.seal(&letter_box.secret, &bound_to).await.map_err(not_sealed)?;
        let row = BoxRow {
            point: base64_text(&letter_box.point),
            nonce: base64_text(&secret.nonce),
            sealed: base64_text(&secret.bytes),
        };
        let (key, bytes) = (format!("{BOX_ROWS}{}", session.staff), json(&row));
        self.inner.database.write(&[META], async |tx| tx.put(META, key.as_str(), &bytes)).await?;
        self.inner.letter_boxes.borrow_mut().insert(session.staff, row);
        Ok(())
    }

    /// Puts a letter into somebody's box. Needs no unlock, and cannot be read back by whoever wrote it.
    ///
    /// # Errors
    /// [`AppendError`], also for somebody without a box; nothing was kept then.
    pub async fn put_letter(&self, staff: StaffId, text: &[u8]) -> Result<(), AppendError> {
        let point = self.inner.letter_boxes.borrow().get(&staff).and_then(|row| base64_bytes(&row.point));
        let point = point.ok_or_else(|| AppendError::Aborted { detail: "no letter box".into() })?;
        // By its time first, so that letters are read in the order of their writing.
        let key =
            format!("{}{:016x}{:016x}", under(staff), super::clock::now().0, u64::from_be_bytes(chance::random()));
        let seal = Recovery::to_letter_box(&point).await.map_err(not_sealed)?;
        let RecoverySeal { sender, sealed } =
            seal.seal(text, &self.letter_bound_to(&key)?).await.map_err(not_sealed)?;
        let row = [&[VERSION], sender.as_slice(), &sealed.nonce, &sealed.bytes].concat();
        self.inner.database.write(&[META], async |tx| tx.put(META, key.as_str(), &row)).await
    }

    /// How many letters lie here, for each to whom they are.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn letters_waiting(&self) -> Result<BTreeMap<StaffId, usize>, AppendError> {
        let range = Range::Under(LETTER_ROWS.into());
        let keys = self.inner.database.read(&[META], async |tx| tx.keys(META, &range)?.texts().await).await?;
        let mut waiting = BTreeMap::new();
        for staff in keys.iter().filter_map(|key| key.strip_prefix(LETTER_ROWS)?.split(':').next()?.parse().ok()) {
            *waiting.entry(staff).or_default() += 1;
        }
        Ok(waiting)
    }

    /// Opens what lies in the box of whoever is unlocked. It stays there until it is dropped.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn letters(&self) -> Result<Letters, AppendError> {
        let session = self.session().ok_or_else(locked)?;
        let range = Range::Under(under(session.staff));
        let rows = self.inner.database.read(&[META], async |tx| tx.all(META, &range)?.by_text().await).await?;
        let mut letters = Letters::default();
        if rows.is_empty() {
            return Ok(letters);
        }
        let Some(mut secret) = self.secret_of_box(session.staff).await? else {
            return Ok(Letters { damaged: rows.len(), ..letters });
        };
        for (key, row) in rows {
            let opened = match parts(&row) {
                Some(letter) => LetterBox::open(&secret, &letter, &self.letter_bound_to(&key)?).await,
                None => Err(SealError::Broken),
            };
            match opened {
                Ok(text) => letters.opened.push(Letter { key, text }),
                Err(_) => letters.damaged += 1,
            }
        }
        forget(&mut secret);
        Ok(letters)
    }

    /// What it said is kept elsewhere.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn drop_letter(&self, letter: &Letter) -> Result<(), AppendError> {
        self.inner.database.write(&[META], async |tx| tx.delete(META, letter.key.as_str())).await
    }

    /// `None` where there is no box, or none that the key of whoever is unlocked opens.
    async fn secret_of_box(&self, staff: StaffId) -> Result<Option<Vec<u8>>, AppendError> {
        let session = self.session().filter(|session| session.staff == staff).ok_or_else(locked)?;
        let secret = self.inner.letter_boxes.borrow().get(&staff).and_then(BoxRow::secret);
        let Some(secret) = secret else { return Ok(None) };
        match session.own_key.open(&secret, &self.box_bound_to(staff)?).await {
            Ok(secret) => Ok(Some(secret)),
            Err(SealError::Broken) => Ok(None),
            Err(error) => Err(not_sealed(error)),
        }
    }

    fn box_bound_to(&self, staff: StaffId) -> Result<Vec<u8>, AppendError> {
        let organisation = self.organisation().ok_or_else(nobodys)?;
        Ok([b"yingke letter box 1".as_slice(), &organisation.bytes(), &staff.bytes()].concat())
    }

    /// To its row, whose key says to whom it is and when it was written.
    fn letter_bound_to(&self, key: &str) -> Result<Vec<u8>, AppendError> {
        let organisation = self.organisation().ok_or_else(nobodys)?;
        Ok([b"yingke letter 1".as_slice(), &organisation.bytes(), key.as_bytes()].concat())
    }
}

fn under(staff: StaffId) -> String {
    format!("{LETTER_ROWS}{staff}:")
}

/// The version, the sender's point, the nonce, and the rest.
fn parts(row: &[u8]) -> Option<RecoverySeal> {
    let (sender, rest) = row.strip_prefix(&[VERSION])?.split_first_chunk::<POINT_BYTES>()?;
    let (nonce, bytes) = rest.split_first_chunk::<NONCE_BYTES>()?;
    Some(RecoverySeal { sender: *sender, sealed: Sealed { nonce: *nonce, bytes: bytes.to_vec() } })
}
