//! Pictures of this tablet: held while their form is a draft, kept with the change that names them, sent by themselves.
//!
//! ```text
//! held:STAFF:HASH       in a form that is not saved: sealed under its author's own key, and since when
//! kept:HASH=AUDIENCE    to be seen by whoever may see the record, sealed as its blocks are
//! kept:HASH@STAFF       the same for one person, where the author may not read what they write
//! send:HASH             as the endpoint is sent it, sealed to the organisation: nobody has to be unlocked
//! since:HASH            when it was put there
//! sent:HASH             when the endpoint had it whole, and in which epoch
//! ```

use std::collections::BTreeSet;

use yingke_core::{
    audience::Audience,
    blob::{BlobHash, named},
    change::Ranked,
    id::StaffId,
    journal::AppendError,
    time::{DAY_MS, Millis},
};

use super::{BrowserJournal, EPOCH_ROW, nobodys, not_sealed, number};
use crate::browser::{
    clock,
    idb::{BLOBS, META, Range, StoreError, Tx},
    rows::{self, Kind, Sealed},
    seal::Key,
};

pub(in crate::browser) const SEND_ROWS: &str = "send:";
const HELD_ROWS: &str = "held:";
const KEPT_ROWS: &str = "kept:";
const SINCE_ROWS: &str = "since:";
const SENT_ROWS: &str = "sent:";
/// Drafts that were not touched for so long are not gone on with; nor is an endpoint restored that far back.
const HELD_MS: i64 = 60 * DAY_MS;

/// What a save puts beside its change.
#[derive(Debug, Default)]
pub(super) struct Beside {
    put: Vec<(String, Vec<u8>)>,
    /// Held until now.
    delete: Vec<String>,
}

impl Beside {
    pub(super) fn is_empty(&self) -> bool {
        self.put.is_empty()
    }

    pub(super) fn write(&self, tx: &Tx) -> Result<(), StoreError> {
        self.put.iter().try_for_each(|(key, row)| tx.put(BLOBS, key.as_str(), row))?;
        self.delete.iter().try_for_each(|key| tx.delete(BLOBS, key.as_str()))
    }
}

impl BrowserJournal {
    /// Holds a picture for a form that is not saved yet. When this is done it survives what a draft survives.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was kept.
    pub async fn hold_picture(&self, hash: BlobHash, bytes: &[u8]) -> Result<(), AppendError> {
        let (session, organisation) = self.open_now()?;
        let place = rows::draft_bound_to(organisation, session.staff, &hash.to_string());
        let sealed = session.own_key.seal(bytes, &place).await.map_err(not_sealed)?;
        let row = [&clock::now().0.to_be_bytes(), rows::draft_bytes(&sealed).as_slice()].concat();
        let key = held_row(session.staff, hash);
        self.database.write(&[BLOBS], async |tx| tx.put(BLOBS, key.as_str(), &row)).await
    }

    async fn held_picture(&self, hash: BlobHash) -> Result<Option<Vec<u8>>, AppendError> {
        let (session, organisation) = self.open_now()?;
        let key = held_row(session.staff, hash);
        let row = self.database.read(&[BLOBS], async |tx| tx.get(BLOBS, key.as_str())?.bytes().await).await?;
        let Some(sealed) = row.as_deref().and_then(|row| rows::read_draft(row.get(8..)?).ok()) else { return Ok(None) };
        let place = rows::draft_bound_to(organisation, session.staff, &hash.to_string());
        Ok(session.own_key.open(&sealed, &place).await.ok())
    }

    /// What has to lie beside a change once it is saved: the pictures that it names and that were only held.
    pub(super) async fn beside(&self, change: &Ranked) -> Result<Beside, AppendError> {
        let names: BTreeSet<(BlobHash, Audience)> = change.change.edits().flat_map(named).collect();
        let mut beside = Beside::default();
        // Whoever is unlocked took them, also where a second person saves what they are evidence of.
        let Some(holder) = self.vault.unlocked() else { return Ok(beside) };
        for (hash, audience) in names {
            let Some(bytes) = self.held_picture(hash).await? else { continue };
            beside.put.push(self.kept(hash, Some(&audience), &bytes).await?);
            beside.put.push((format!("{SEND_ROWS}{hash}"), self.sealed_to_send(hash, &bytes).await?));
            beside.put.push((format!("{SINCE_ROWS}{hash}"), clock::now().0.to_be_bytes().to_vec()));
            beside.delete.push(held_row(holder, hash));
        }
        Ok(beside)
    }

    /// The row under which a picture is kept to be looked at.
    async fn kept(
        &self,
        hash: BlobHash,
        audience: Option<&Audience>,
        bytes: &[u8],
    ) -> Result<(String, Vec<u8>), AppendError> {
        let (session, _) = self.open_now()?;
        let (name, key) = match audience.and_then(|audience| Some((audience, session.key(audience)?))) {
            Some((audience, key)) => (format!("={audience}"), key),
            None => (format!("@{}", session.staff), session.own_key.clone()),
        };
        let sealed = key.seal(bytes, &self.kept_bound_to(hash, &name)?).await.map_err(not_sealed)?;
        Ok((format!("{KEPT_ROWS}{hash}{name}"), [&sealed.nonce, sealed.bytes.as_slice()].concat()))
    }

    fn kept_bound_to(&self, hash: BlobHash, name: &str) -> Result<Vec<u8>, AppendError> {
        let mut bound = hash.bound_to(self.vault.organisation().ok_or_else(nobodys)?);
        bound.push(Kind::Picture as u8);
        bound.extend_from_slice(name.as_bytes());
        Ok(bound)
    }

    /// Sender, nonce and seal, one after the other.
    async fn sealed_to_send(&self, hash: BlobHash, bytes: &[u8]) -> Result<Vec<u8>, AppendError> {
        let organisation = self.vault.organisation().ok_or_else(nobodys)?;
        let recovery = self.vault.recovery().await.map_err(not_sealed)?;
        let seal = recovery.seal(bytes, &hash.bound_to(organisation)).await.map_err(not_sealed)?;
        Ok([&seal.sender, seal.sealed.nonce.as_slice(), &seal.sealed.bytes].concat())
    }

    /// A picture that is on this tablet and open to whoever is unlocked.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn picture(&self, hash: BlobHash) -> Result<Option<Vec<u8>>, AppendError> {
        let (session, _) = self.open_now()?;
        let range = Range::Under(format!("{KEPT_ROWS}{hash}"));
        let rows = self.database.read(&[BLOBS], async |tx| tx.all(BLOBS, &range)?.by_text().await).await?;
        for (key, row) in rows {
            let Some(name) = key.get(KEPT_ROWS.len() + 64..) else { continue };
            let whose: Option<Key> = match name.strip_prefix('=') {
                Some(audience) => audience.parse().ok().and_then(|audience| session.key(&audience)),
                None => (name == format!("@{}", session.staff)).then(|| session.own_key.clone()),
            };
            let sealed = row.split_first_chunk().map(|(nonce, rest)| Sealed { nonce: *nonce, bytes: rest.to_vec() });
            if let (Some(key), Some(sealed)) = (whose, sealed)
                && let Ok(bytes) = key.open(&sealed, &self.kept_bound_to(hash, name)?).await
            {
                return Ok(Some(bytes));
            }
        }
        self.held_picture(hash).await
    }

    /// Keeps what the endpoint gave, to be seen again without it.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn keep_picture(
        &self,
        hash: BlobHash,
        audience: Option<&Audience>,
        bytes: &[u8],
    ) -> Result<(), AppendError> {
        let (key, row) = self.kept(hash, audience, bytes).await?;
        self.database.write(&[BLOBS], async |tx| tx.put(BLOBS, key.as_str(), &row)).await
    }

    /// Pictures that the endpoint does not have. Needs no unlock.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn unsent_pictures(&self) -> Result<Vec<BlobHash>, AppendError> {
        self.database.read(&[BLOBS], async |tx| unsent(tx).await).await
    }

    /// One of them, as it is sent.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn picture_to_send(&self, hash: BlobHash) -> Result<Option<Vec<u8>>, AppendError> {
        let key = format!("{SEND_ROWS}{hash}");
        self.database.read(&[BLOBS], async |tx| tx.get(BLOBS, key.as_str())?.bytes().await).await
    }

    /// The endpoint has it whole.
    ///
    /// # Errors
    /// [`AppendError`]: it is sent once more, which costs nothing.
    pub async fn picture_sent(&self, hash: BlobHash) -> Result<(), AppendError> {
        let (send, sent) = (format!("{SEND_ROWS}{hash}"), format!("{SENT_ROWS}{hash}"));
        let now = clock::now().0.to_be_bytes();
        let write = self.database.write(&[BLOBS, META], async |tx| {
            let epoch = tx.get(META, EPOCH_ROW)?.bytes().await?.unwrap_or_default();
            tx.delete(BLOBS, send.as_str())?;
            tx.delete(BLOBS, format!("{SINCE_ROWS}{hash}").as_str())?;
            tx.put(BLOBS, sent.as_str(), &[&now, epoch.as_slice()].concat())
        });
        write.await
    }

    /// Whom it shows was erased: nothing of it stays here.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn forget_picture(&self, hash: BlobHash) -> Result<(), AppendError> {
        let kept = Range::Under(format!("{KEPT_ROWS}{hash}"));
        let write = self.database.write(&[BLOBS], async |tx| {
            for key in tx.keys(BLOBS, &kept)?.texts().await? {
                tx.delete(BLOBS, key.as_str())?;
            }
            tx.delete(BLOBS, format!("{SEND_ROWS}{hash}").as_str())?;
            tx.delete(BLOBS, format!("{SINCE_ROWS}{hash}").as_str())?;
            tx.delete(BLOBS, format!("{SENT_ROWS}{hash}").as_str())
        });
        write.await
    }

    /// Pictures that the endpoint had in another epoch: a copy from before may have been put back.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn pictures_to_offer(&self) -> Result<Vec<BlobHash>, AppendError> {
        let read = self.database.read(&[BLOBS, META], async |tx| {
            let sent = tx.all(BLOBS, &Range::Under(SENT_ROWS.into()))?;
            let epoch = tx.get(META, EPOCH_ROW)?.bytes().await?.unwrap_or_default();
            Ok((sent.by_text().await?, epoch))
        });
        let (sent, epoch) = read.await?;
        let other = sent.into_iter().filter(|(_, row)| row.get(8..) != Some(&epoch[..]));
        Ok(other.filter_map(|(key, _)| BlobHash::parse(key.strip_prefix(SENT_ROWS)?)).collect())
    }

    /// The endpoint has lost one: it is sent again, if it is still here and open to whoever is unlocked.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn send_again(&self, hash: BlobHash) -> Result<(), AppendError> {
        let Some(bytes) = self.picture(hash).await? else { return Ok(()) };
        let row = self.sealed_to_send(hash, &bytes).await?;
        let (send, sent) = (format!("{SEND_ROWS}{hash}"), format!("{SENT_ROWS}{hash}"));
        let write = self.database.write(&[BLOBS], async |tx| {
            tx.put(BLOBS, send.as_str(), &row)?;
            tx.delete(BLOBS, sent.as_str())
        });
        write.await
    }

    /// Drops what was held for drafts that nobody goes on with, and what was noted of pictures sent long ago.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn tidy_pictures(&self) -> Result<(), AppendError> {
        let before = clock::now().plus(-HELD_MS);
        let write = self.database.write(&[BLOBS], async |tx| {
            for rows in [HELD_ROWS, SENT_ROWS] {
                for (key, row) in tx.all(BLOBS, &Range::Under(rows.into()))?.by_text().await? {
                    let since = row.get(..8).map(|since| Millis(number(Some(since.to_vec())).cast_signed()));
                    if since.is_none_or(|since| since < before) {
                        tx.delete(BLOBS, key.as_str())?;
                    }
                }
            }
            Ok(())
        });
        write.await
    }
}

/// Pictures that have to be sent.
pub(super) async fn unsent(tx: &Tx) -> Result<Vec<BlobHash>, StoreError> {
    let keys = tx.keys(BLOBS, &Range::Under(SEND_ROWS.into()))?.texts().await?;
    Ok(keys.iter().filter_map(|key| BlobHash::parse(key.strip_prefix(SEND_ROWS)?)).collect())
}

/// Since when the oldest of them waits; `None` where none says: an earlier version of the app kept it, or it came back from
/// the second copy.
pub(super) async fn oldest_unsent(tx: &Tx) -> Result<Option<Millis>, StoreError> {
    let rows = tx.all(BLOBS, &Range::Under(SINCE_ROWS.into()))?.by_text().await?;
    Ok(rows.into_iter().map(|(_, since)| Millis(number(Some(since)).cast_signed())).min())
}

/// What others took is fetched again where it is looked at. Own pictures stay. How many have gone.
pub(super) async fn drop_fetched(tx: &Tx) -> Result<usize, StoreError> {
    let mut own = BTreeSet::new();
    for rows in [SEND_ROWS, SENT_ROWS] {
        let keys = tx.keys(BLOBS, &Range::Under(rows.into()))?.texts().await?;
        own.extend(keys.iter().filter_map(|key| key.strip_prefix(rows)).map(str::to_owned));
    }
    let mut dropped = 0;
    for key in tx.keys(BLOBS, &Range::Under(KEPT_ROWS.into()))?.texts().await? {
        if key.get(KEPT_ROWS.len()..KEPT_ROWS.len() + 64).is_none_or(|hash| !own.contains(hash)) {
            tx.delete(BLOBS, key.as_str())?;
            dropped += 1;
        }
    }
    Ok(dropped)
}

fn held_row(staff: StaffId, hash: BlobHash) -> String {
    format!("{HELD_ROWS}{staff}:{hash}")
}
