//! The last things that a revoked tablet does: it hands in what is unsent, and then holds nothing any more.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use yingke_core::{blob::BlobHash, journal::AppendError, time::Millis, wire::v1::SealedChange};

use super::{BrowserJournal, pictures, sealed_change};
use crate::browser::{
    idb::{self, BLOBS, DRAFTS, JOURNAL, META, Range, STORES, StoreError, TRAY, Tx},
    rows::{self, OwnRow, Row, TrayRow},
    vault::LETTER_ROWS,
};

pub(in crate::browser) const FAREWELL_ROW: &str = "farewell";
/// The credential of a tablet that was wiped and has not had its storage cleared: it is good for that and nothing else.
const LAST_WORD_ROW: &str = "last_word";

/// What is told of a wipe, until the tablet is enrolled again. Nothing about people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Farewell {
    /// By the tablet's clock.
    pub at: Millis,
    /// Changes that the endpoint keeps, and its receipt for them.
    pub handed_in: usize,
    pub receipt: String,
    /// Forms that were half filled in, and went.
    pub drafts: usize,
    /// What was written down while nobody was unlocked, and nobody opened since.
    #[serde(default)]
    pub letters: usize,
    /// Changes that were damaged, so that nobody could have opened them.
    pub damaged: usize,
    /// Pictures that were handed in with them.
    #[serde(default)]
    pub pictures: usize,
    /// Pictures that the endpoint did not take.
    #[serde(default)]
    pub pictures_lost: usize,
}

/// Everything here that the endpoint does not have, as far as it can leave the tablet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UnsentWork {
    /// Of the tail and the tray, in the form that only the endpoint opens.
    pub changes: Vec<SealedChange>,
    pub drafts: usize,
    pub letters: usize,
    pub damaged: usize,
    /// Handed in by themselves, before the changes.
    pub pictures: Vec<BlobHash>,
    places: Places,
}

/// Where unsent work lies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Places {
    rows: BTreeSet<u64>,
    tray: BTreeSet<String>,
}

impl BrowserJournal {
    /// Looks for everything that would be lost with this tablet. Needs no unlock.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn unsent_work(&self) -> Result<UnsentWork, AppendError> {
        let read = self.database.read(&[JOURNAL, TRAY, DRAFTS, BLOBS, META], async |tx| {
            let drafts = tx.keys(DRAFTS, &Range::All)?;
            let letters = tx.keys(META, &Range::Under(LETTER_ROWS.into()))?;
            let (tail, tray) = unsent_rows(tx).await?;
            let (drafts, letters) = (drafts.texts().await?.len(), letters.texts().await?.len());
            Ok((tail, tray, drafts, letters, pictures::unsent(tx).await?))
        });
        let (tail, tray, drafts, letters, pictures) = read.await?;
        let mut work = UnsentWork { drafts, letters, pictures, ..UnsentWork::default() };
        for (sequence, bytes) in tail {
            work.places.rows.insert(sequence);
            let own = Row::read(&bytes).ok().and_then(|row| if let Row::Own(own) = row { Some(own) } else { None });
            work.take(own.as_ref());
        }
        for (key, bytes) in tray {
            work.places.tray.insert(key);
            work.take(TrayRow::read(&bytes).ok().map(|row| row.own).as_ref());
        }
        Ok(work)
    }

    /// Removes everything but what is told of it, in one transaction; `false`, with nothing removed, if something was
    /// saved since the work was looked for: that has to be handed in first.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was removed.
    pub async fn wipe(&self, handed: &UnsentWork, farewell: &Farewell) -> Result<bool, AppendError> {
        let row = told(farewell);
        let last_word = self.vault.device_token().unwrap_or_default();
        let write = self.database.write(&STORES, async |tx| {
            let (tail, tray) = unsent_rows(tx).await?;
            let pictures = pictures::unsent(tx).await?;
            let is_handed = pictures.iter().all(|hash| handed.pictures.contains(hash))
                && tail.iter().all(|(sequence, _)| handed.places.rows.contains(sequence))
                && tray.iter().all(|(key, _)| handed.places.tray.contains(key));
            if !is_handed {
                return Ok(false);
            }
            STORES.iter().try_for_each(|store| tx.clear(store))?;
            idb::put_format(tx)?;
            tx.put(META, FAREWELL_ROW, &row)?;
            tx.put(META, LAST_WORD_ROW, last_word.as_bytes())?;
            Ok(true)
        });
        if !write.await? {
            return Ok(false);
        }
        self.forget_all();
        self.vault.lock();
        self.vault.reload().await?;
        Ok(true)
    }

    /// The credential with which the storage's files may still be cleared.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn last_word(&self) -> Result<Option<String>, AppendError> {
        let row = self.database.read(&[META], async |tx| tx.get(META, LAST_WORD_ROW)?.bytes().await).await?;
        Ok(row.and_then(|row| String::from_utf8(row).ok()))
    }

    /// The browser threw the files away, this among the rest: it is written into new ones.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn keep_farewell(&self, farewell: &Farewell) -> Result<(), AppendError> {
        let row = told(farewell);
        let fresh = match self.database.begun_anew().await {
            Ok(fresh) => fresh,
            Err(error) => return Err(AppendError::Damaged { detail: error.to_string() }),
        };
        let write = fresh.write(&[META], async |tx| {
            idb::put_format(tx)?;
            tx.delete(META, LAST_WORD_ROW)?;
            tx.put(META, FAREWELL_ROW, &row)
        });
        let written = write.await;
        fresh.close();
        written?;
        self.database.is_back();
        Ok(())
    }

    /// What is told of a wipe; `None` on a tablet that was not wiped, or that is to be enrolled again.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn farewell(&self) -> Result<Option<Farewell>, AppendError> {
        let row = self.database.read(&[META], async |tx| tx.get(META, FAREWELL_ROW)?.bytes().await).await?;
        Ok(row.and_then(|row| serde_json::from_slice(&row).ok()))
    }

    /// Tells it no longer: the tablet may be enrolled again.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn drop_farewell(&self) -> Result<(), AppendError> {
        self.database.write(&[META], async |tx| tx.delete(META, FAREWELL_ROW)).await
    }
}

impl UnsentWork {
    fn take(&mut self, row: Option<&OwnRow>) {
        match row.and_then(sealed_change) {
            Some(change) => self.changes.push(change),
            None => self.damaged += 1,
        }
    }
}

fn told(farewell: &Farewell) -> Vec<u8> {
    serde_json::to_vec(farewell).expect("what is told is plain data")
}

type TailRows = Vec<(u64, Vec<u8>)>;
type TrayRows = Vec<(String, Vec<u8>)>;

async fn unsent_rows(tx: &Tx) -> Result<(TailRows, TrayRows), StoreError> {
    let journal = tx.all(JOURNAL, &Range::All)?;
    let tray = tx.all(TRAY, &Range::All)?;
    let mut tail = journal.by_sequence().await?;
    tail.retain(|(_, bytes)| rows::is_tail(bytes));
    Ok((tail, tray.by_text().await?))
}
