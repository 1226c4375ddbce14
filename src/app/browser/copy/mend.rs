//! Healing the database: what it lost, or can no longer read, comes back from the files.
//!
//! The database is believed wherever it can be read: a change that is not in its tail has been settled, and the file of a
//! tab that slept may not have heard. A row is lost for certain where the journal has never come to its place, since
//! no place is given twice.

use yingke_core::{id::OrganisationId, journal::AppendError};

use super::{
    COPIED_STORES, Found, Name, Owner,
    file::{found, organisations},
};
use crate::browser::{
    clock,
    idb::{self, Database, JOURNAL, META, OpenError, Range, StoreError, Tx, sequence_key},
    journal::{CHECKPOINT_ROW, FAREWELL_ROW, LEADER_ROW, PUSH_COUNTER_ROW, number},
    rows::{OwnRow, Row, RowError},
    vault,
};

/// Pushes that may have gone out since the copy was last written: a counter that falls back looks like another tablet's.
const PUSHES_UNSEEN_MAX: u64 = 1_000;

/// When a database was begun anew, in milliseconds; no such row where it has always been there.
pub(super) const BEGUN_ROW: &str = "begun";

/// What came back from the copy, and what did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mended {
    /// The database had nothing of this tablet: who it is and whom it knows came back too.
    pub tablet: bool,
    /// Rows that came back.
    pub rows: usize,
    /// Changes among them, all of which the endpoint has not taken.
    pub changes: usize,
    /// Entries of the copy that were torn or altered, and were not taken.
    pub refused: usize,
    /// There was a copy of another organisation, which was not taken.
    pub elsewhere: bool,
}

impl Mended {
    /// Whether a person has to hear of it.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.tablet || self.changes > 0 || self.elsewhere
    }
}

/// What a row of the copy does to the database.
#[derive(Debug, PartialEq, Eq)]
enum Repair {
    Put(Vec<u8>),
    /// Another row lies in its place.
    Add,
    /// If the journal has never come to its place.
    PutIfLost,
}

/// Takes from the files what the database lacks. One transaction writes it.
///
/// # Errors
/// [`AppendError`]; nothing was written.
pub(super) async fn mend(database: &Database, files: &[Vec<u8>]) -> Result<Mended, AppendError> {
    // A store that is not there was damaged away, and is laid out again; what was in it is new.
    let lost = database.lost_stores();
    if !lost.is_empty() {
        database.raise().await.map_err(|error: OpenError| AppendError::Damaged { detail: error.to_string() })?;
    }
    let Some(owner) = database.read(&[META], async |tx| owner(tx).await).await? else { return Ok(Mended::default()) };
    let organisation = owner.whole.map(|owner| owner.organisation).or(owner.organisation);
    let elsewhere = |of: OrganisationId| organisation.is_some_and(|ours| ours != of);
    let mended = Mended { elsewhere: organisations(files).any(elsewhere), ..Mended::default() };
    let Some(found) = found(files, owner.whole).filter(|found| !elsewhere(found.owner.organisation)) else {
        return Ok(mended);
    };
    let is_whole = database.read(&COPIED_STORES, async |tx| Ok(repairs(tx, &found, &lost).await?.1.is_empty())).await?;
    if is_whole {
        return Ok(mended);
    }
    let write = database.write(&COPIED_STORES, async |tx| {
        let (is_new, repairs) = repairs(tx, &found, &lost).await?;
        let next = next_sequence(tx).await?;
        let (mut rows, mut changes) = (0, 0);
        for (name, repair) in repairs {
            let row = &found.rows[&name];
            let is_change = matches!(name, Name::Tail(_) | Name::Tray(_));
            match (repair, &name) {
                (Repair::Put(row), Name::Meta(key)) => tx.put(META, key.as_str(), &row)?,
                (Repair::Put(row), Name::Tray(key) | Name::Picture(key)) => tx.put(name.store(), key.as_str(), &row)?,
                (Repair::Put(row), Name::Tail(sequence)) => tx.put(JOURNAL, sequence_key(*sequence), &row)?,
                (Repair::PutIfLost, Name::Tail(sequence)) if next <= *sequence => {
                    tx.put(JOURNAL, sequence_key(*sequence), row)?;
                }
                (Repair::Add, _) => drop(tx.add(JOURNAL, row)?),
                (Repair::PutIfLost, _) => continue,
            }
            rows += 1;
            changes += usize::from(is_change);
        }
        let tablet = is_new && found.rows.contains_key(&Name::Meta(vault::DEVICE_ROW.into()));
        // Every tab reads everything again. What counts up is above all that a tab may remember of the one before.
        let now = clock::now().0.cast_unsigned();
        let least = if is_new { now } else { 0 };
        let checkpoints = (number(tx.get(META, CHECKPOINT_ROW)?.bytes().await?) + 1).max(least);
        tx.put(META, CHECKPOINT_ROW, &checkpoints.to_be_bytes())?;
        if is_new {
            idb::put_format(tx)?;
            tx.put(META, BEGUN_ROW, &now.to_be_bytes())?;
            tx.put(META, LEADER_ROW, &now.to_be_bytes())?;
        }
        Ok(Mended { tablet, rows, changes, refused: found.refused, ..mended })
    });
    write.await
}

/// Whose database it is, as far as it can be read.
struct Known {
    whole: Option<Owner>,
    organisation: Option<OrganisationId>,
}

/// `None` for a tablet that was wiped: nothing may come back.
async fn owner(tx: &Tx) -> Result<Option<Known>, StoreError> {
    if tx.get(META, FAREWELL_ROW)?.bytes().await?.is_some() {
        return Ok(None);
    }
    let device = tx.get(META, vault::DEVICE_ROW)?.bytes().await?.unwrap_or_default();
    let directory = tx.get(META, vault::DIRECTORY_ROW)?.bytes().await?.unwrap_or_default();
    let whole = vault::owner_of(&device, &directory);
    Ok(Some(Known { whole, organisation: vault::organisation_of(&directory) }))
}

/// Whether the database is new, and what has to be done to it.
async fn repairs(tx: &Tx, found: &Found, lost: &[&str]) -> Result<(bool, Vec<(Name, Repair)>), StoreError> {
    let is_new = tx.get(META, vault::DEVICE_ROW)?.bytes().await?.is_none();
    let asked = found.rows.keys().map(|name| match name {
        Name::Tail(sequence) => tx.get(JOURNAL, sequence_key(*sequence)),
        Name::Meta(key) | Name::Tray(key) | Name::Picture(key) => tx.get(name.store(), key.as_str()),
    });
    let asked = asked.collect::<Result<Vec<_>, _>>()?;
    let mut repairs = Vec::new();
    for ((name, row), there) in found.rows.iter().zip(asked) {
        let there = there.bytes().await?;
        let store_is_new = is_new || lost.contains(&name.store());
        let repair = match there {
            Some(there) => repair(name, row, &there),
            None => missing(name, row, store_is_new),
        };
        repairs.extend(repair.map(|repair| (name.clone(), repair)));
    }
    // Those behind which others were written are not lost but settled.
    let sequence = |(name, repair): &(Name, Repair)| match name {
        Name::Tail(sequence) if *repair == Repair::PutIfLost => Some(*sequence),
        _ => None,
    };
    if let Some(last) = repairs.iter().filter_map(sequence).max() {
        let later = tx.first(JOURNAL, &Range::Above(last), 1)?.by_sequence().await?;
        if !later.is_empty() {
            repairs.retain(|it| sequence(it).is_none());
        }
    }
    Ok((is_new, repairs))
}

/// A row that the copy has and the database has not.
fn missing(name: &Name, row: &[u8], store_is_new: bool) -> Option<Repair> {
    match name {
        Name::Tail(_) => Some(Repair::PutIfLost),
        Name::Meta(key) if key == PUSH_COUNTER_ROW && store_is_new => {
            let ahead = number(Some(row.to_vec())) + PUSHES_UNSEEN_MAX;
            Some(Repair::Put(ahead.to_be_bytes().to_vec()))
        }
        // Keys of a person are never thrown away while the tablet is enrolled.
        Name::Meta(key) if key.starts_with(vault::STAFF_ROWS) => Some(Repair::Put(row.to_vec())),
        Name::Meta(_) | Name::Tray(_) | Name::Picture(_) => store_is_new.then(|| Repair::Put(row.to_vec())),
    }
}

/// A row that both have.
fn repair(name: &Name, row: &[u8], there: &[u8]) -> Option<Repair> {
    match name {
        Name::Tail(_) => match (Row::read(there), Row::read(row)) {
            // Only the state changes after a row was written; what is sealed in it lies there as it was saved.
            (Ok(Row::Own(there)), Ok(Row::Own(copy))) if there.id == copy.id => {
                let whole = OwnRow { state: there.state, ..copy };
                (whole != there).then(|| Repair::Put(whole.bytes()))
            }
            (Err(RowError::Later { .. }), _) => None,
            (Err(RowError::Damaged(_)), _) => Some(Repair::Put(row.to_vec())),
            (Ok(_), _) => Some(Repair::Add),
        },
        Name::Meta(_) | Name::Tray(_) => (!name.fits(there)).then(|| Repair::Put(row.to_vec())),
        Name::Picture(_) => None,
    }
}

/// The place that the journal would give next. It is given, and stays empty.
async fn next_sequence(tx: &Tx) -> Result<u64, StoreError> {
    let next = tx.add(JOURNAL, &[])?.sequence().await?;
    tx.delete(JOURNAL, sequence_key(next))?;
    Ok(next)
}
