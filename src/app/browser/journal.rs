//! The journal of this tablet: what was saved here, what was pulled, and what the endpoint has not acknowledged.
//!
//! Each method is one transaction; sealing and opening come before it or after it. A save is one `add`. An own row is
//! rewritten once, when the endpoint has accepted it, and only in its head. Rows of people who are not unlocked stay
//! as they are: a checkpoint trims an audience only together with its blocks.

mod handover;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use yingke_core::{
    audience::Audience,
    change::{Change, Ranked},
    codec,
    id::{ChangeId, OrganisationId, StaffId},
    journal::{AppendError, Journal, Outgoing, TailChange},
    replica::{Chunk, Extent, Replica},
    sync::News,
    time::Millis,
    wire::v1::{Refusal, SealedChange, StreamMark, base64_text},
};

use super::{
    chance, clock,
    drafts::Drafts,
    handover::is_handed,
    idb::{self, BLOCKS, Database, JOURNAL, META, Range, StoreError, TRAY, Tx, sequence_key},
    rows::{self, BlockKey, BlockRow, KeyOf, Kind, OwnRow, PageRow, Part, Row, RowError, State, TrayRow},
    seal::SealError,
    vault::{Session, Vault},
};

const EPOCH_ROW: &str = "epoch";
const PUSH_COUNTER_ROW: &str = "push_counter";
const CONTACT_ROW: &str = "contact";
const LEADER_ROW: &str = "leader";
const CHECKPOINT_ROW: &str = "checkpoint";
const MARK_ROWS: &str = "mark:";

/// Bytes of rows in one push: JSON makes them about twice as many, and a body may have 4 MB.
const PUSH_BYTES_MAX: usize = 1 << 20;
/// Rows that a checkpoint looks through at a time: a page has up to some hundred kilobytes.
const TRIM_ROWS: u32 = 16;

/// What the database holds, as far as the present unlock opens it.
#[derive(Debug, Default)]
pub struct Contents {
    /// The blocks, oldest first: of two records with one id the later one stands.
    pub blocks: Vec<OpenedBlock>,
    /// Accepted changes that no block holds yet.
    pub accepted: Vec<Ranked>,
    /// Changes of this tablet that the endpoint has not acknowledged, oldest first.
    pub tail: Vec<Ranked>,
    pub tray: Vec<Refused>,
    /// Rows and blocks of which nothing is open now: other people's.
    pub closed: usize,
    /// How many places could not be read.
    pub damaged: usize,
    /// Each of them: [`BrowserJournal::fetch_again`].
    pub damages: Vec<Damage>,
    /// Changes that were in the tail when this tab last read, and are in the tray now. Only of [`BrowserJournal::read_new`].
    pub refused: Vec<ChangeId>,
    /// Rows that this tab had not read were trimmed meanwhile, so this is nothing: [`BrowserJournal::read_all`].
    pub trimmed: bool,
    /// The last row that is in it: [`BrowserJournal::let_in`].
    pub read_to: u64,
}

/// Records of the base as they were written, for [`Replica::load`].
#[derive(Debug)]
pub struct OpenedBlock {
    pub bytes: Vec<u8>,
    pub extent: Extent,
    /// How many records it should have.
    pub records: usize,
    key: String,
}

impl OpenedBlock {
    /// What is lost if its bytes cannot be read after all. Those that a later version wrote are left alone.
    #[must_use]
    pub fn damage(key: String, error: &codec::CodecError) -> Damage {
        let audiences = BlockKey::read(&key).map(|key| key.audience).into_iter().collect();
        let place = match error {
            codec::CodecError::Later { .. } => Place::Later,
            codec::CodecError::Damaged(_) => Place::Block(key),
        };
        Damage { place, audiences, unsent: false, detail: error.to_string() }
    }

    /// Its bytes, and its key in case they cannot be read.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u8>, String) {
        (self.bytes, self.key)
    }
}

impl Contents {
    /// Only what was saved here and is not acknowledged: what is left to somebody who may not read.
    #[must_use]
    pub fn own_tail(self) -> Self {
        Self { tail: self.tail, tray: self.tray, read_to: self.read_to, ..Self::default() }
    }
}

/// A change that the endpoint refused. It waits in the tray until its author has dealt with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    pub id: ChangeId,
    pub author: StaffId,
    pub refused_at: Millis,
    pub reason: Refusal,
    /// `None` while its author is locked.
    pub change: Option<Ranked>,
}

/// Something that could not be read. It costs what is in it and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    place: Place,
    /// Whose records are missing; empty where even that is unreadable.
    pub audiences: BTreeSet<Audience>,
    /// Unsent work, which nobody else has. Its recovery seal may still be whole, so it goes out all the same.
    pub unsent: bool,
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Row(u64),
    Block(String),
    Tray(String),
    /// What a later version of the app wrote: not ours to throw away.
    Later,
}

/// What is unsent, told without any key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TailSummary {
    pub count: usize,
    /// When the oldest was made, by the tablet's clock.
    pub oldest: Option<Millis>,
    pub count_by_author: BTreeMap<StaffId, usize>,
    pub bytes: u64,
    /// Changes in the tray.
    pub refused: usize,
}

/// The last time that the endpoint answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// By the tablet's clock.
    pub at: Millis,
    /// The endpoint's time less the tablet's.
    pub clock_offset_ms: i64,
}

/// core's [`Journal`] on IndexedDB.
#[derive(Debug)]
pub struct BrowserJournal {
    database: Database,
    vault: Vault,
    drafts: Drafts,
    /// Every row up to here has been read by this tab.
    read_to: Cell<u64>,
    /// Every row up to here has been let into the replica: a checkpoint may trim it.
    let_in_to: Cell<u64>,
    /// Rows of the tail, as far as they have been looked for.
    tail: RefCell<BTreeMap<u64, ChangeId>>,
    tail_known_to: Cell<u64>,
    /// How many checkpoints there had been when this tab last read.
    checkpoints: Cell<u64>,
    accepted_since_checkpoint: Cell<usize>,
    /// While this tab leads: what the leader row must say.
    leader: Cell<Option<u64>>,
    lacks_keys: Cell<bool>,
}

impl BrowserJournal {
    #[must_use]
    pub fn new(database: Database, vault: Vault) -> Self {
        Self {
            drafts: Drafts::new(database.clone(), vault.clone()),
            database,
            vault,
            read_to: Cell::new(0),
            let_in_to: Cell::new(0),
            tail: RefCell::default(),
            tail_known_to: Cell::new(0),
            checkpoints: Cell::new(0),
            accepted_since_checkpoint: Cell::new(0),
            leader: Cell::new(None),
            lacks_keys: Cell::new(false),
        }
    }

    // ---- Reading --------------------------------------------------------------------------------------------

    /// Reads everything that the present unlock opens: at the start, and after every unlock.
    ///
    /// # Errors
    /// [`AppendError`]; what is damaged is no error but reported in [`Contents::damaged`].
    pub async fn read_all(&self) -> Result<Contents, AppendError> {
        let read = self.database.read(&[JOURNAL, BLOCKS, TRAY, META], async |tx| {
            let journal = tx.all(JOURNAL, &Range::All)?;
            let blocks = tx.all(BLOCKS, &Range::All)?;
            let tray = tx.all(TRAY, &Range::All)?;
            let checkpoints = tx.get(META, CHECKPOINT_ROW)?;
            let journal = journal.by_sequence().await?;
            Ok((journal, blocks.by_text().await?, tray.by_text().await?, number(checkpoints.bytes().await?)))
        });
        let (journal, mut blocks, tray, checkpoints) = read.await?;
        blocks.sort_by_key(|(key, _)| BlockKey::read(key).map(|key| key.place));
        self.let_in_to.set(0);
        self.read_to.set(0);
        self.tail.borrow_mut().clear();
        self.tail_known_to.set(0);
        self.checkpoints.set(checkpoints);
        self.note_tail(&journal);
        let read_to = self.read_to.get();
        let contents = Contents { read_to, ..self.opened(&journal, &blocks, &tray).await };
        self.accepted_since_checkpoint.set(contents.accepted.len());
        Ok(contents)
    }

    /// Reads what other tabs have written since: new rows, and what became of the tail.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn read_new(&self) -> Result<Contents, AppendError> {
        let above = Range::Above(self.read_to.get());
        let known: Vec<(u64, ChangeId)> = self.tail.borrow().iter().map(|(sequence, id)| (*sequence, *id)).collect();
        let read = self.database.read(&[JOURNAL, TRAY, META], async |tx| {
            let journal = tx.all(JOURNAL, &above)?;
            let checkpoints = tx.get(META, CHECKPOINT_ROW)?;
            let tail = known.iter().map(|(sequence, _)| tx.get(JOURNAL, sequence_key(*sequence)));
            let tail = tail.collect::<Result<Vec<_>, _>>()?;
            let tray = tx.keys(TRAY, &Range::All)?;
            let journal = journal.by_sequence().await?;
            let checkpoints = number(checkpoints.bytes().await?);
            let mut settled = Vec::new();
            for ((sequence, id), row) in known.iter().zip(tail) {
                match row.bytes().await? {
                    Some(row) if rows::is_tail(&row) => {}
                    row => settled.push((*sequence, *id, row)),
                }
            }
            Ok((journal, checkpoints, settled, tray.texts().await?))
        });
        let (journal, checkpoints, settled, tray) = read.await?;
        if checkpoints != self.checkpoints.get() {
            return Ok(Contents { trimmed: true, ..Contents::default() });
        }
        let mut rows = journal;
        self.note_tail(&rows);
        let read_to = self.read_to.get();
        let mut refused = Vec::new();
        for (sequence, id, row) in settled {
            self.tail.borrow_mut().remove(&sequence);
            match row {
                Some(row) => rows.push((sequence, row)), // accepted: its rank is fixed now
                None if tray.contains(&id.to_string()) => refused.push(id),
                None => {} // it came back in a page, which is among the new rows
            }
        }
        let contents = self.opened(&rows, &[], &[]).await;
        let so_far = self.accepted_since_checkpoint.get();
        self.accepted_since_checkpoint.set(so_far + contents.accepted.len());
        Ok(Contents { refused, read_to, ..contents })
    }

    /// What was read up to this row has been let into the replica, which a checkpoint is made from.
    pub fn let_in(&self, read_to: u64) {
        self.let_in_to.set(self.let_in_to.get().max(read_to));
    }

    /// Every row up to here has been read or appended by this tab.
    #[must_use]
    pub fn read_to(&self) -> u64 {
        self.read_to.get()
    }

    /// Accepted changes that no block holds yet: whether a checkpoint is worth its writing.
    #[must_use]
    pub fn accepted_since_checkpoint(&self) -> usize {
        self.accepted_since_checkpoint.get()
    }

    /// What is unsent. Needs no unlock.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn tail_summary(&self) -> Result<TailSummary, AppendError> {
        let read = self.database.read(&[JOURNAL, TRAY], async |tx| {
            let tray = tx.keys(TRAY, &Range::All)?;
            let found = self.find_tail(tx, usize::MAX, usize::MAX).await?;
            Ok((found, tray.texts().await?.len()))
        });
        let (found, refused) = read.await?;
        self.note_found(&found);
        let mut summary = TailSummary { refused, ..TailSummary::default() };
        for (_, row, bytes) in &found.rows {
            summary.count += 1;
            summary.bytes += *bytes as u64;
            summary.oldest = Some(summary.oldest.map_or(row.made_at, |oldest| oldest.min(row.made_at)));
            *summary.count_by_author.entry(row.author).or_default() += 1;
        }
        Ok(summary)
    }

    /// The last time that the endpoint answered; `None` for never.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn contact(&self) -> Result<Option<Contact>, AppendError> {
        let row = self.database.read(&[META], async |tx| tx.get(META, CONTACT_ROW)?.bytes().await).await?;
        Ok(row.and_then(|row| serde_json::from_slice(&row).ok()))
    }

    /// Whether a page brought something for an audience whose key is not here: ask `GET /v1/me` for it
    /// ([`Vault::add_keys`]); the next turn brings it again.
    #[must_use]
    pub fn lacks_keys(&self) -> bool {
        self.lacks_keys.get()
    }

    // ---- The tray -------------------------------------------------------------------------------------------

    /// What waits in the tray.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn tray(&self) -> Result<Vec<Refused>, AppendError> {
        let read = self.database.read(&[TRAY], async |tx| tx.all(TRAY, &Range::All)?.by_text().await);
        Ok(self.opened(&[], &[], &read.await?).await.tray)
    }

    /// Puts a refused change back into the tail as it is: its reason may have gone.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn resend(&self, id: ChangeId) -> Result<(), AppendError> {
        let key = id.to_string();
        let write = self.database.write(&[JOURNAL, TRAY], async |tx| {
            let Some(row) = tx.get(TRAY, key.as_str())?.bytes().await? else { return Ok(()) };
            let row = TrayRow::read(&row).map_err(damaged_row)?;
            tx.add(JOURNAL, &row.own.bytes())?;
            tx.delete(TRAY, key.as_str())
        });
        write.await
    }

    /// Takes a refused change out of the tray, because its author made another in its place or gave it up.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn drop_from_tray(&self, id: ChangeId) -> Result<(), AppendError> {
        let key = id.to_string();
        self.database.write(&[TRAY], async |tx| tx.delete(TRAY, key.as_str())).await
    }

    // ---- Leading --------------------------------------------------------------------------------------------

    /// This tab leads from here on: pushes, takes in and checkpoints of the leader before it fail.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn lead(&self) -> Result<(), AppendError> {
        let taken = self.database.write(&[META], async |tx| {
            let next = number(tx.get(META, LEADER_ROW)?.bytes().await?) + 1;
            tx.put(META, LEADER_ROW, &next.to_be_bytes())?;
            Ok(next)
        });
        self.leader.set(Some(taken.await?));
        Ok(())
    }

    /// Writes what changed of the audiences that are open as blocks and trims what blocks now hold from the journal, as
    /// far as it was let into the replica. One transaction; long work before it is done in slices.
    ///
    /// Rows of other audiences stay, other people's above all.
    ///
    /// # Errors
    /// [`AppendError`]; everything is as before.
    pub async fn checkpoint(&self, replica: &RefCell<Replica>) -> Result<(), AppendError> {
        let keys = self.database.read(&[BLOCKS], async |tx| tx.keys(BLOCKS, &Range::All)?.texts().await).await?;
        let blocks: Vec<BlockKey> = keys.iter().filter_map(|key| BlockKey::read(key)).collect();
        let up_to = self.let_in_to.get();
        let held = self.vault.audiences();
        let (extents, chunks) = {
            let mut replica = replica.borrow_mut();
            let unwritten = replica.unwritten();
            replica.begin_checkpoint();
            let extent_of = |audience: &Audience| {
                let of_it = blocks.iter().filter(|block| block.audience == *audience);
                rows::extent(of_it, unwritten.get(audience).copied().unwrap_or(0))
            };
            let extents: BTreeMap<Audience, Extent> =
                held.into_iter().map(|audience| (audience.clone(), extent_of(&audience))).collect();
            let chunks = replica.to_write(&extents);
            (extents, chunks)
        };
        let written = self.write_checkpoint(replica, &extents, chunks, up_to).await;
        replica.borrow_mut().end_checkpoint(written.is_ok(), &extents);
        self.checkpoints.set(written?);
        self.accepted_since_checkpoint.set(0);
        Ok(())
    }

    /// How many checkpoints there have been, with this one.
    async fn write_checkpoint(
        &self,
        replica: &RefCell<Replica>,
        extents: &BTreeMap<Audience, Extent>,
        chunks: BTreeMap<Audience, Vec<Chunk>>,
        up_to: u64,
    ) -> Result<u64, AppendError> {
        let (session, organisation) = self.open_now()?;
        let mut sealed: Vec<(BlockKey, Vec<u8>)> = Vec::new();
        for (audience, chunks) in chunks {
            let key = session.key(&audience).ok_or_else(locked)?;
            for chunk in chunks {
                let bytes = replica.borrow().packed(&chunk).ok_or_else(read_anew)?;
                let id = chance::random();
                let place = rows::bound_to(organisation, id, Kind::Block, &audience);
                let part = key.seal(&bytes, &place).await.map_err(not_sealed)?;
                let part = Part { key: KeyOf::Audience, audience: audience.clone(), sealed: part };
                let (extent, records) = (extents[&audience], chunk.len());
                let key = BlockKey { audience: audience.clone(), place: 0, extent, records };
                sealed.push((key, BlockRow { id, part }.bytes()));
                clock::breathe().await;
            }
        }
        let write = self.database.write(&[JOURNAL, BLOCKS, META], async |tx| {
            self.check_leader(tx).await?;
            let checkpoints = number(tx.get(META, CHECKPOINT_ROW)?.bytes().await?) + 1;
            let mut place = 0;
            for key in tx.keys(BLOCKS, &Range::All)?.texts().await? {
                let Some(block) = BlockKey::read(&key) else { continue };
                place = place.max(block.place);
                let goes = match extents.get(&block.audience) {
                    Some(Extent::Whole) => true,
                    Some(Extent::Since) => block.extent != Extent::Whole,
                    Some(Extent::Latest) | None => false,
                };
                if goes {
                    tx.delete(BLOCKS, key.as_str())?;
                }
            }
            for (key, block) in &sealed {
                place += 1;
                tx.put(BLOCKS, BlockKey { place, ..key.clone() }.to_string().as_str(), block)?;
            }
            let mut looked_to = 0;
            while looked_to < up_to {
                let rows = tx.first(JOURNAL, &Range::Between(looked_to + 1, up_to), TRIM_ROWS)?.by_sequence().await?;
                let Some((last, _)) = rows.last() else { break };
                looked_to = *last;
                for (sequence, bytes) in rows {
                    match trimmed(&bytes, extents) {
                        Trim::Keep => {}
                        Trim::Delete => tx.delete(JOURNAL, sequence_key(sequence))?,
                        Trim::Rewrite(bytes) => tx.put(JOURNAL, sequence_key(sequence), &bytes)?,
                    }
                }
            }
            tx.put(META, CHECKPOINT_ROW, &checkpoints.to_be_bytes())?;
            idb::put_format(tx)?; // an app that does not know these blocks must not take them for damaged
            Ok(checkpoints)
        });
        write.await
    }

    /// Throws away what is damaged and can be had again, and begins to read its audiences anew. Unsent work stays.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn fetch_again(&self, damaged: &[Damage]) -> Result<(), AppendError> {
        let write = self.database.write(&[JOURNAL, BLOCKS, META], async |tx| {
            // Where even the audience is unreadable, all are read again.
            if damaged.iter().any(|damage| !damage.unsent && damage.audiences.is_empty()) {
                for key in tx.keys(META, &Range::Under(MARK_ROWS.into()))?.texts().await? {
                    tx.delete(META, key.as_str())?;
                }
            }
            for damage in damaged.iter().filter(|damage| !damage.unsent) {
                for audience in &damage.audiences {
                    tx.delete(META, mark_row(audience).as_str())?;
                }
                match &damage.place {
                    Place::Row(sequence) => tx.delete(JOURNAL, sequence_key(*sequence))?,
                    Place::Block(key) => tx.delete(BLOCKS, key.as_str())?,
                    Place::Tray(_) | Place::Later => {}
                }
            }
            Ok(())
        });
        write.await
    }

    // ---- Drafts: `drafts.rs` --------------------------------------------------------------------------------

    /// # Errors
    /// As [`Drafts::get`].
    pub async fn draft(&self, name: &str) -> Result<Option<Vec<u8>>, AppendError> {
        self.drafts.get(name).await
    }

    /// # Errors
    /// As [`Drafts::put`].
    pub async fn keep_draft(&self, name: &str, typed: &[u8]) -> Result<(), AppendError> {
        self.drafts.put(name, typed).await
    }

    /// # Errors
    /// As [`Drafts::delete`].
    pub async fn drop_draft(&self, name: &str) -> Result<(), AppendError> {
        self.drafts.delete(name).await
    }

    /// # Errors
    /// As [`Drafts::names`].
    pub async fn drafts(&self) -> Result<Vec<String>, AppendError> {
        self.drafts.names().await
    }

    /// Removes everything: a revoked tablet, after its unsent work was taken.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn wipe(&self) -> Result<(), AppendError> {
        self.database.wipe().await?;
        self.vault.lock();
        self.tail.borrow_mut().clear();
        self.tail_known_to.set(0);
        self.read_to.set(0);
        self.let_in_to.set(0);
        self.vault.reload().await
    }

    // ---- Inside: opening ------------------------------------------------------------------------------------

    fn open_now(&self) -> Result<(Rc<Session>, OrganisationId), AppendError> {
        Ok((self.vault.session().ok_or_else(locked)?, self.vault.organisation().ok_or_else(locked)?))
    }

    async fn opened(
        &self,
        journal: &[(u64, Vec<u8>)],
        blocks: &[(String, Vec<u8>)],
        tray: &[(String, Vec<u8>)],
    ) -> Contents {
        let opener = Opener { session: self.vault.session(), organisation: self.vault.organisation() };
        let blocks = join_all(blocks.iter().map(|(key, bytes)| opener.block(key, bytes))).await;
        let rows = join_all(journal.iter().map(|(sequence, bytes)| opener.row(*sequence, bytes))).await;
        let tray = join_all(tray.iter().map(|(key, bytes)| opener.tray(key, bytes))).await;
        let mut contents = Contents::default();
        for block in blocks {
            match block {
                Ok(Some(block)) => contents.blocks.push(block),
                Ok(None) => contents.closed += 1,
                Err(damage) => contents.damages.push(damage),
            }
        }
        let (mut accepted, mut tail) = (Together::default(), Together::default());
        for row in rows {
            contents.damages.extend(row.damaged);
            contents.closed += usize::from(row.closed);
            row.accepted.into_iter().for_each(|change| accepted.take(change));
            row.tail.into_iter().for_each(|change| tail.take(change));
        }
        for refused in tray {
            match refused {
                Ok(refused) => contents.tray.push(refused),
                Err(damage) => contents.damages.push(damage),
            }
        }
        contents.accepted = accepted.changes;
        contents.tail = tail.changes;
        contents.damaged = contents.damages.len();
        contents
    }

    // ---- Inside: the tail -----------------------------------------------------------------------------------

    /// Finds the rows of the tail, oldest first. Rows that were looked through before are not read again.
    async fn find_tail(&self, tx: &Tx, changes_max: usize, bytes_max: usize) -> Result<Found, StoreError> {
        let known: Vec<u64> = self.tail.borrow().keys().copied().collect();
        let known_to = self.tail_known_to.get();
        let later = tx.all(JOURNAL, &Range::Above(known_to))?;
        let mut found = Found { known_to, ..Found::default() };
        let runs: Vec<_> = runs(&known).into_iter().map(|(first, last)| Range::Between(first, last)).collect();
        let before = runs.iter().map(|run| tx.all(JOURNAL, run)).collect::<Result<Vec<_>, _>>()?;
        let mut rows = Vec::new();
        for run in before {
            rows.extend(run.by_sequence().await?);
        }
        let later = later.by_sequence().await?;
        found.known_to = later.last().map_or(known_to, |(sequence, _)| *sequence);
        rows.extend(later);
        let mut bytes_so_far = 0;
        for (sequence, bytes) in rows.into_iter().filter(|(_, bytes)| rows::is_tail(bytes)) {
            // A tail row that cannot be read is reported by read_all; it must not hold up the others.
            let Ok(Row::Own(row)) = Row::read(&bytes) else { continue };
            found.all.insert(sequence, row.id);
            bytes_so_far += bytes.len();
            if found.rows.len() < changes_max && (bytes_so_far <= bytes_max || found.rows.is_empty()) {
                found.rows.push((sequence, row, bytes.len()));
            } else {
                found.more = true;
            }
        }
        Ok(found)
    }

    fn note_found(&self, found: &Found) {
        self.tail.borrow_mut().clone_from(&found.all);
        self.tail_known_to.set(found.known_to);
    }

    /// Notes the tail among rows that were read for another reason.
    fn note_tail(&self, rows: &[(u64, Vec<u8>)]) {
        let mut tail = self.tail.borrow_mut();
        for (sequence, bytes) in rows.iter().filter(|(_, bytes)| rows::is_tail(bytes)) {
            if let Ok(Row::Own(row)) = Row::read(bytes) {
                tail.insert(*sequence, row.id);
            }
        }
        if let Some((last, _)) = rows.last() {
            self.read_to.set(self.read_to.get().max(*last));
            self.tail_known_to.set(self.tail_known_to.get().max(*last));
        }
    }

    /// A row that this tab appended itself, and so need not read.
    fn note_appended(&self, sequence: u64) {
        if sequence == self.read_to.get() + 1 {
            self.read_to.set(sequence);
        }
    }

    async fn check_leader(&self, tx: &Tx) -> Result<(), StoreError> {
        match self.leader.get() {
            Some(ours) if number(tx.get(META, LEADER_ROW)?.bytes().await?) != ours => {
                Err(StoreError::Aborted { detail: "another tab leads".into() })
            }
            _ => Ok(()),
        }
    }

    // ---- Inside: sealing ------------------------------------------------------------------------------------

    async fn sealed(&self, change: &Ranked) -> Result<OwnRow, AppendError> {
        let (session, organisation) = self.open_now()?;
        let header = &change.change.header;
        let audiences: BTreeSet<&Audience> = change.change.edits().map(|edit| &edit.audience).collect();
        let recovery = self.vault.recovery().await.map_err(not_sealed)?;
        let parts = join_all(audiences.into_iter().map(|audience| {
            let session = session.clone();
            async move {
                let (key, whose) = match session.key(audience) {
                    Some(key) => (key, KeyOf::Audience),
                    None => (session.own_key.clone(), KeyOf::Author),
                };
                let plain = part_bytes(std::slice::from_ref(change), audience);
                let place = rows::bound_to(organisation, header.id.bytes(), Kind::Own, audience);
                let sealed = key.seal(&plain, &place).await?;
                Ok(Part { key: whose, audience: audience.clone(), sealed })
            }
        }));
        let whole = codec::changes_bytes([change].into_iter());
        let place = rows::recovery_bound_to(organisation, header.id, header.author);
        let (parts, recovery) = futures::join!(parts, recovery.seal(&whole, &place));
        Ok(OwnRow {
            state: State::Tail,
            id: header.id,
            author: header.author,
            device: header.device,
            made_at: header.made_at,
            parts: parts.into_iter().collect::<Result<_, _>>().map_err(not_sealed)?,
            recovery: Some(recovery.map_err(not_sealed)?),
        })
    }

    /// Seals pulled changes for the audiences that are open; the rest has to come again once there is a key.
    async fn sealed_page(&self, pulled: &[Ranked]) -> Result<Option<PageRow>, AppendError> {
        let audiences: BTreeSet<&Audience> =
            pulled.iter().flat_map(|change| change.change.edits()).map(|edit| &edit.audience).collect();
        if audiences.is_empty() {
            return Ok(None);
        }
        let (session, organisation) = self.open_now()?;
        let id = chance::random();
        let mut parts = Vec::new();
        for audience in audiences {
            let Some(key) = session.key(audience) else { continue };
            let place = rows::bound_to(organisation, id, Kind::Page, audience);
            let sealed = key.seal(&part_bytes(pulled, audience), &place).await.map_err(not_sealed)?;
            parts.push(Part { key: KeyOf::Audience, audience: audience.clone(), sealed });
        }
        Ok((!parts.is_empty()).then_some(PageRow { id, parts }))
    }
}

impl Journal for BrowserJournal {
    async fn append(&self, change: &Ranked) -> Result<(), AppendError> {
        let row = self.sealed(change).await?.bytes();
        let sequence = self.database.write(&[JOURNAL], async |tx| tx.add(JOURNAL, &row)?.sequence().await).await?;
        self.note_appended(sequence);
        Ok(())
    }

    async fn begin_push(&self, changes_max: usize) -> Result<Outgoing, AppendError> {
        let write = self.database.write(&[JOURNAL, META], async |tx| {
            self.check_leader(tx).await?;
            let push_counter = number(tx.get(META, PUSH_COUNTER_ROW)?.bytes().await?) + 1;
            tx.put(META, PUSH_COUNTER_ROW, &push_counter.to_be_bytes())?;
            let epoch = tx.get(META, EPOCH_ROW)?;
            let marks = tx.all(META, &Range::Under(MARK_ROWS.into()))?;
            let epoch = epoch.bytes().await?;
            let marks = marks.by_text().await?;
            Ok((push_counter, epoch, marks, self.find_tail(tx, changes_max, PUSH_BYTES_MAX).await?))
        });
        let (push_counter, epoch, marks, found) = write.await?;
        self.note_found(&found);
        let read: BTreeMap<Audience, StreamMark> = marks
            .iter()
            .filter_map(|(key, row)| Some((key.strip_prefix(MARK_ROWS)?.parse().ok()?, mark(row)?)))
            .collect();
        let held = self.vault.audiences();
        let since =
            held.into_iter().map(|audience| (audience.clone(), read.get(&audience).copied().unwrap_or_default()));
        let opener = Opener { session: self.vault.session(), organisation: self.vault.organisation() };
        let tail = join_all(found.rows.iter().map(|(_, row, _)| opener.outgoing(row))).await;
        Ok(Outgoing {
            epoch: epoch.and_then(|epoch| String::from_utf8(epoch).ok()),
            push_counter,
            tail: tail.into_iter().flatten().collect(),
            more: found.more,
            since: since.collect(),
        })
    }

    async fn take_in(&self, news: &News) -> Result<(), AppendError> {
        let page = self.sealed_page(&news.pulled).await?;
        let kept: BTreeSet<&Audience> = page.iter().flat_map(|page| &page.parts).map(|part| &part.audience).collect();
        let held = self.vault.audiences();
        let pulled: BTreeSet<ChangeId> = news.pulled.iter().map(|change| change.change.id()).collect();
        let accepted: BTreeMap<ChangeId, State> = news
            .accepted
            .iter()
            .map(|it| (it.id, State::Accepted { stamp: it.stamp, device: it.device, number: it.number }))
            .collect();
        let refused: BTreeMap<ChangeId, &Refusal> = news.refused.iter().map(|(id, reason)| (*id, reason)).collect();
        let settled: Vec<u64> = {
            let tail = self.tail.borrow();
            let is_settled = |id| accepted.contains_key(id) || refused.contains_key(id);
            tail.iter().filter(|(_, id)| is_settled(id)).map(|(sequence, _)| *sequence).collect()
        };
        let contact = Contact { at: clock::now(), clock_offset_ms: news.server_time.since(clock::now()) };
        let contact = serde_json::to_vec(&contact).expect("two numbers are plain data");
        let page_bytes = page.as_ref().map(PageRow::bytes);
        let write = self.database.write(&[JOURNAL, TRAY, META], async |tx| {
            self.check_leader(tx).await?;
            let rows = settled.iter().map(|sequence| tx.get(JOURNAL, sequence_key(*sequence)));
            for (sequence, row) in settled.iter().zip(rows.collect::<Result<Vec<_>, _>>()?) {
                let Some(bytes) = row.bytes().await? else { continue }; // another tab has settled it
                let Ok(Row::Own(row)) = Row::read(&bytes) else { continue };
                if let Some(reason) = refused.get(&row.id) {
                    let (key, refused_at) = (row.id.to_string(), clock::now());
                    let refused = TrayRow { refused_at, reason: (*reason).clone(), own: row };
                    tx.put(TRAY, key.as_str(), &refused.bytes())?;
                    tx.delete(JOURNAL, sequence_key(*sequence))?;
                } else if let Some(state) = accepted.get(&row.id) {
                    // What came back in the page need not be kept twice.
                    let doubled = pulled.contains(&row.id)
                        && row.parts.iter().all(|part| part.key == KeyOf::Audience && kept.contains(&part.audience));
                    if doubled || is_handed(&row) {
                        tx.delete(JOURNAL, sequence_key(*sequence))?;
                    } else {
                        let row = OwnRow { state: *state, recovery: None, ..row };
                        tx.put(JOURNAL, sequence_key(*sequence), &row.bytes())?;
                    }
                }
            }
            let sequence = match &page_bytes {
                Some(bytes) => Some(tx.add(JOURNAL, bytes)?),
                None => None,
            };
            for (audience, mark) in news.streams.iter().filter(|(audience, _)| held.contains(audience)) {
                tx.put(META, mark_row(audience).as_str(), &mark_bytes(*mark))?;
            }
            tx.put(META, EPOCH_ROW, news.epoch.as_bytes())?;
            tx.put(META, CONTACT_ROW, &contact)?;
            match sequence {
                Some(sequence) => Ok(Some(sequence.sequence().await?)),
                None => Ok(None),
            }
        });
        let appended = write.await?;
        self.tail.borrow_mut().retain(|sequence, _| !settled.contains(sequence));
        if let Some(sequence) = appended {
            self.note_appended(sequence);
        }
        let accepted = news.accepted.len().max(news.pulled.len());
        self.accepted_since_checkpoint.set(self.accepted_since_checkpoint.get() + accepted);
        self.lacks_keys.set(news.streams.keys().any(|audience| !held.contains(audience)));
        Ok(())
    }

    /// Accepted changes of this tablet that are still here whole go back into the tail: the endpoint may have lost
    /// them, and has them already if not.
    async fn begin_epoch(&self, epoch: &str) -> Result<(), AppendError> {
        let write = self.database.write(&[JOURNAL, META], async |tx| {
            self.check_leader(tx).await?;
            for key in tx.keys(META, &Range::Under(MARK_ROWS.into()))?.texts().await? {
                tx.delete(META, key.as_str())?;
            }
            for (sequence, bytes) in tx.all(JOURNAL, &Range::All)?.by_sequence().await? {
                if let Ok(Row::Own(row)) = Row::read(&bytes)
                    && row.state != State::Tail
                {
                    tx.put(JOURNAL, sequence_key(sequence), &OwnRow { state: State::Tail, ..row }.bytes())?;
                }
            }
            tx.put(META, EPOCH_ROW, epoch.as_bytes())
        });
        write.await?;
        self.tail.borrow_mut().clear();
        self.tail_known_to.set(0);
        Ok(())
    }
}

/// Rows of the tail.
#[derive(Debug, Default)]
struct Found {
    /// Every one of them.
    all: BTreeMap<u64, ChangeId>,
    /// The first of them, with the bytes that each takes.
    rows: Vec<(u64, OwnRow, usize)>,
    more: bool,
    known_to: u64,
}

/// Changes by id, in the order in which they came; parts of one are put together.
#[derive(Default)]
struct Together {
    place_by_id: BTreeMap<ChangeId, usize>,
    changes: Vec<Ranked>,
}

impl Together {
    fn take(&mut self, ranked: Ranked) {
        let Some(&place) = self.place_by_id.get(&ranked.change.id()) else {
            self.place_by_id.insert(ranked.change.id(), self.changes.len());
            self.changes.push(ranked);
            return;
        };
        let before = &mut self.changes[place];
        if let Some(joined) = before.change.joined(&ranked.change) {
            before.change = joined;
        }
    }
}

/// Opens rows with what is unlocked.
struct Opener {
    session: Option<Rc<Session>>,
    organisation: Option<OrganisationId>,
}

/// What one row of the journal gave.
#[derive(Default)]
struct OpenedRow {
    accepted: Vec<Ranked>,
    tail: Option<Ranked>,
    closed: bool,
    damaged: Option<Damage>,
}

impl Opener {
    async fn row(&self, sequence: u64, bytes: &[u8]) -> OpenedRow {
        let damage = |audiences, unsent, detail: String| {
            let damaged = Some(Damage { place: Place::Row(sequence), audiences, unsent, detail });
            OpenedRow { damaged, ..OpenedRow::default() }
        };
        let row = match Row::read(bytes) {
            Ok(row) => row,
            Err(error) => return damage(BTreeSet::new(), rows::is_tail(bytes), error.to_string()),
        };
        match row {
            Row::Own(row) => {
                let unsent = row.state == State::Tail;
                let (change, broken) = self.own(&row).await;
                if let Some((audiences, detail)) = broken {
                    return OpenedRow { tail: change.filter(|_| unsent), ..damage(audiences, unsent, detail) };
                }
                let closed = change.is_none();
                match row.state {
                    State::Tail => OpenedRow { tail: change, closed, ..OpenedRow::default() },
                    State::Accepted { .. } => {
                        OpenedRow { accepted: change.into_iter().collect(), closed, ..OpenedRow::default() }
                    }
                }
            }
            Row::Page(page) => {
                let mut opened = OpenedRow { closed: true, ..OpenedRow::default() };
                let mut broken: Option<(BTreeSet<Audience>, String)> = None;
                for part in &page.parts {
                    match self.part(part, page.id, Kind::Page, None).await {
                        Some(Ok(plain)) => match codec::read_changes(&plain) {
                            Ok(changes) => {
                                opened.closed = false;
                                opened.accepted.extend(changes);
                            }
                            Err(error) => note(&mut broken, part, error.to_string()),
                        },
                        Some(Err(error)) => note(&mut broken, part, error.to_string()),
                        None => {}
                    }
                }
                match broken {
                    Some((audiences, detail)) => {
                        OpenedRow { accepted: opened.accepted, ..damage(audiences, false, detail) }
                    }
                    None => opened,
                }
            }
        }
    }

    /// The change of an own row, as far as it is open, with its rank; and what of it is broken.
    async fn own(&self, row: &OwnRow) -> (Option<Ranked>, Option<(BTreeSet<Audience>, String)>) {
        let mut whole: Option<Ranked> = None;
        let mut broken = None;
        for part in &row.parts {
            // What was written for others is there to be sent, not to be shown.
            if part.key == KeyOf::Author && row.state != State::Tail {
                continue;
            }
            let plain = match self.part(part, row.id.bytes(), Kind::Own, Some(row.author)).await {
                Some(Ok(plain)) => plain,
                Some(Err(error)) => {
                    note(&mut broken, part, error.to_string());
                    continue;
                }
                None => continue,
            };
            let joined = match codec::read_changes(&plain) {
                Ok(mut changes) if changes.len() == 1 && is_of(row, &changes[0].change) => {
                    let next = changes.remove(0);
                    match &whole {
                        Some(whole) => whole.change.joined(&next.change).map(|change| Ranked { change, ..next }),
                        None => Some(next),
                    }
                }
                _ => None,
            };
            match joined {
                Some(joined) => whole = Some(joined),
                None => note(&mut broken, part, "not the change that the row says".into()),
            }
        }
        if let (Some(whole), State::Accepted { stamp, device, .. }) = (&mut whole, row.state) {
            (whole.stamp, whole.device) = (stamp, device);
        }
        (whole, broken)
    }

    /// A change of the tail as it can go out now; `None` if it cannot.
    async fn outgoing(&self, row: &OwnRow) -> Option<TailChange> {
        if let (Some(change), None) = self.own(row).await
            && change.change.is_whole()
        {
            return Some(TailChange::Open(change));
        }
        let recovery = row.recovery.as_ref()?;
        Some(TailChange::Sealed(SealedChange {
            id: row.id,
            author: row.author,
            sender: base64_text(&recovery.sender),
            nonce: base64_text(&recovery.sealed.nonce),
            sealed: base64_text(&recovery.sealed.bytes),
        }))
    }

    async fn block(&self, key: &str, bytes: &[u8]) -> Result<Option<OpenedBlock>, Damage> {
        let named = BlockKey::read(key);
        let damage = |detail: String| Damage {
            place: Place::Block(key.to_owned()),
            audiences: named.iter().map(|named| named.audience.clone()).collect(),
            unsent: false,
            detail,
        };
        let block = BlockRow::read(bytes).map_err(|error| match error {
            RowError::Later { .. } => Damage { place: Place::Later, ..damage(error.to_string()) },
            RowError::Damaged(_) => damage(error.to_string()),
        })?;
        let (extent, records) = named.as_ref().map_or((Extent::Whole, 0), |named| (named.extent, named.records));
        match self.part(&block.part, block.id, Kind::Block, None).await {
            Some(Ok(bytes)) => Ok(Some(OpenedBlock { bytes, extent, records, key: key.to_owned() })),
            Some(Err(error)) => Err(damage(error.to_string())),
            None => Ok(None),
        }
    }

    async fn tray(&self, key: &str, bytes: &[u8]) -> Result<Refused, Damage> {
        let row = TrayRow::read(bytes).map_err(|error| Damage {
            place: Place::Tray(key.to_owned()),
            audiences: BTreeSet::new(),
            unsent: true,
            detail: error.to_string(),
        })?;
        let (change, _) = self.own(&row.own).await;
        let TrayRow { refused_at, reason, own } = row;
        Ok(Refused { id: own.id, author: own.author, refused_at, reason, change })
    }

    /// `None` if its key is not open now.
    async fn part(
        &self,
        part: &Part,
        id: [u8; 16],
        kind: Kind,
        author: Option<StaffId>,
    ) -> Option<Result<Vec<u8>, SealError>> {
        let (session, organisation) = (self.session.as_ref()?, self.organisation?);
        let key = match part.key {
            KeyOf::Audience => session.key(&part.audience)?,
            KeyOf::Author if author == Some(session.staff) => session.own_key.clone(),
            KeyOf::Author => return None,
        };
        Some(key.open(&part.sealed, &rows::bound_to(organisation, id, kind, &part.audience)).await)
    }
}

fn note(broken: &mut Option<(BTreeSet<Audience>, String)>, part: &Part, detail: String) {
    broken.get_or_insert_with(|| (BTreeSet::new(), detail)).0.insert(part.audience.clone());
}

fn is_of(row: &OwnRow, change: &Change) -> bool {
    (row.id, row.author) == (change.header.id, change.header.author)
}

/// What one audience may see of some changes, as codec 1 has it.
fn part_bytes(changes: &[Ranked], audience: &Audience) -> Vec<u8> {
    let parts: Vec<Ranked> = changes
        .iter()
        .filter_map(|ranked| {
            let change = ranked.change.part_for(|other| other == audience)?;
            Some(Ranked { stamp: ranked.stamp, device: ranked.device, change })
        })
        .collect();
    codec::changes_bytes(parts.iter())
}

enum Trim {
    Keep,
    Delete,
    Rewrite(Vec<u8>),
}

/// What a checkpoint of some audiences leaves of a row: the parts of the others, and what is unsent or unreadable.
fn trimmed(bytes: &[u8], covered: &BTreeMap<Audience, Extent>) -> Trim {
    let left = |parts: &[Part]| -> Vec<Part> {
        parts.iter().filter(|part| !covered.contains_key(&part.audience)).cloned().collect()
    };
    match Row::read(bytes) {
        Ok(Row::Own(row)) => {
            let parts = left(&row.parts);
            if row.state == State::Tail || parts.len() == row.parts.len() {
                Trim::Keep
            } else if parts.iter().all(|part| part.key == KeyOf::Author) {
                Trim::Delete
            } else {
                Trim::Rewrite(OwnRow { parts, ..row }.bytes())
            }
        }
        Ok(Row::Page(row)) => {
            let parts = left(&row.parts);
            if parts.len() == row.parts.len() {
                Trim::Keep
            } else if parts.is_empty() {
                Trim::Delete
            } else {
                Trim::Rewrite(PageRow { parts, ..row }.bytes())
            }
        }
        Err(_) => Trim::Keep,
    }
}

/// Sequences as runs without a gap, so that a range reads no row between them.
fn runs(sequences: &[u64]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &sequence in sequences {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == sequence => *last = sequence,
            _ => runs.push((sequence, sequence)),
        }
    }
    runs
}

fn mark_row(audience: &Audience) -> String {
    format!("{MARK_ROWS}{audience}")
}

fn mark_bytes(mark: StreamMark) -> [u8; 24] {
    let mut bytes = [0; 24];
    for (place, number) in [mark.number, mark.count, mark.digest].into_iter().enumerate() {
        bytes[place * 8..][..8].copy_from_slice(&number.to_be_bytes());
    }
    bytes
}

/// A damaged mark is none: its audience is read from the start.
fn mark(bytes: &[u8]) -> Option<StreamMark> {
    let (numbers, []) = bytes.as_chunks::<8>() else { return None };
    let [number, count, digest] = <[[u8; 8]; 3]>::try_from(numbers).ok()?.map(u64::from_be_bytes);
    Some(StreamMark { number, count, digest })
}

fn number(row: Option<Vec<u8>>) -> u64 {
    row.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
}

fn damaged_row(error: RowError) -> StoreError {
    StoreError::Damaged { detail: error.to_string() }
}

pub(super) fn locked() -> AppendError {
    AppendError::Aborted { detail: "nobody is unlocked who may".into() }
}

/// Another tab's checkpoint made this one read everything anew, or somebody locked.
fn read_anew() -> AppendError {
    AppendError::Aborted { detail: "what is shown was read anew meanwhile".into() }
}

pub(super) fn not_sealed(error: SealError) -> AppendError {
    AppendError::Aborted { detail: error.to_string() }
}
