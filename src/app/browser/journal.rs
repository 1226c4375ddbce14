//! The journal of this tablet: what was saved here, what was pulled, and what the endpoint has not acknowledged.
//!
//! Each method is one transaction; sealing and opening come before it or after it. A save is one `add`. An own row is
//! rewritten once, when the endpoint has accepted it, and only in its head. Rows of people who are not unlocked stay
//! as they are: a checkpoint trims an audience only together with its blocks. An own row that blocks hold leaves the
//! journal, so that no start reads it, and is kept aside for as long as a restored endpoint may ask for it.

mod farewell;
mod handover;
mod pass;
mod pictures;

pub(super) use farewell::FAREWELL_ROW;
pub use farewell::{Farewell, UnsentWork};
pub(super) use pass::{PASS_NUMBER_ROW, PASS_TAKEN_ROWS};
pub(super) use pictures::SEND_ROWS;

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
    journal::{AppendError, Journal, OTHER_EPOCH, Outgoing, TailChange, count_of, is_kept_for_restore},
    number::Numbers,
    replica::{Chunk, Extent, Replica},
    stamp::Stamp,
    sync::News,
    time::Millis,
    wire::v1::{Refusal, SealedChange, StreamMark, base64_text},
};

use super::{
    chance, clock,
    drafts::Drafts,
    handover::is_handed,
    idb::{self, BLOBS, BLOCKS, Database, JOURNAL, META, Range, STORES, StoreError, TRAY, Tx, sequence_key},
    rows::{self, BlockKey, BlockRow, KeyOf, Kind, OwnRow, PageRow, Part, Row, RowError, State, TrayRow},
    seal::SealError,
    updates,
    vault::{self, Session, Vault},
};

const EPOCH_ROW: &str = "epoch";
pub(super) const PUSH_COUNTER_ROW: &str = "push_counter";
const CONTACT_ROW: &str = "contact";
pub(super) const LEADER_ROW: &str = "leader";
pub(super) const CORRECTED_ROW: &str = "corrected";
pub(super) const CHECKPOINT_ROW: &str = "checkpoint";
pub(super) const NUMBERS_ROW: &str = "numbers";
const MARK_ROWS: &str = "mark:";
/// Own rows that blocks hold, for an endpoint that may be restored: `kept:SEQUENCE:HEARD`, when it was last heard then.
const KEPT_ROWS: &str = "kept:";

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
    /// Changes that were in the tail when this tab last read and are on show no longer: in the tray now, or accepted and
    /// for other people's eyes. Only of [`BrowserJournal::read_new`].
    pub gone: Vec<ChangeId>,
    /// Rows that this tab had not read were trimmed meanwhile, so this is nothing: [`BrowserJournal::read_all`].
    pub trimmed: bool,
    /// What a replica has to hold already, and what it holds with this: [`BrowserJournal::let_in`].
    from: Position,
    to: Position,
}

/// How much of the journal a replica holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Position {
    /// Every row up to here.
    read_to: u64,
    /// Rows of the tail among them, of which the replica has not heard more.
    on_show: BTreeMap<u64, ChangeId>,
    /// How many checkpoints there had been then. `None` while it does not hold everything up to there, so that nothing
    /// may be written down from it.
    checkpoints: Option<u64>,
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
        let to = Position { checkpoints: None, ..self.to };
        Self { tail: self.tail, tray: self.tray, to, ..Self::default() }
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
    /// Pictures that the endpoint does not have.
    pub pictures: usize,
    /// Since when the oldest of them waits, where that is known.
    pub oldest_picture: Option<Millis>,
}

/// How much a tablet holds and how far it has read, told without any key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdings {
    pub epoch: Option<String>,
    pub push_counter: u64,
    pub marks: BTreeMap<Audience, StreamMark>,
    /// By store.
    pub rows: Vec<(&'static str, u64)>,
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
    /// What the replica of this tab holds.
    position: RefCell<Position>,
    /// What the last turn wrote, until it is let in.
    taken_in: RefCell<TakenIn>,
    /// Rows of the tail, as far as they have been looked for.
    tail: RefCell<BTreeMap<u64, ChangeId>>,
    tail_known_to: Cell<u64>,
    /// How far each audience was read when the push under way began.
    asked_since: RefCell<BTreeMap<Audience, StreamMark>>,
    /// Damage that was read and not thrown away yet: nothing may be written in its place.
    damages: RefCell<Vec<Damage>>,
    accepted_since_checkpoint: Cell<usize>,
    /// While this tab leads: what the leader row must say.
    leader: Cell<Option<u64>>,
    /// Whether it has heard of no other tab that leads.
    leads: Cell<bool>,
    lacks_keys: Cell<bool>,
}

impl BrowserJournal {
    #[must_use]
    pub fn new(database: Database, vault: Vault) -> Self {
        Self {
            drafts: Drafts::new(database.clone(), vault.clone()),
            database,
            vault,
            position: RefCell::default(),
            taken_in: RefCell::default(),
            tail: RefCell::default(),
            tail_known_to: Cell::new(0),
            asked_since: RefCell::default(),
            damages: RefCell::default(),
            accepted_since_checkpoint: Cell::new(0),
            leader: Cell::new(None),
            leads: Cell::new(false),
            lacks_keys: Cell::new(false),
        }
    }

    // ---- Reading --------------------------------------------------------------------------------------------

    /// Reads everything that the present unlock opens: at the start, and after every unlock. A replica that is made of
    /// it is told of with [`BrowserJournal::let_in`]; what was written meanwhile, [`BrowserJournal::read_new`] brings.
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
        let mut to = Position { checkpoints: Some(checkpoints), ..Position::default() };
        to.go_on(&journal);
        self.tail.borrow_mut().clone_from(&to.on_show);
        self.tail_known_to.set(to.read_to);
        let contents = Contents { to, ..self.opened(&journal, &blocks, &tray).await };
        self.damages.borrow_mut().clone_from(&contents.damages);
        self.accepted_since_checkpoint.set(contents.accepted.len());
        Ok(contents)
    }

    /// Reads what was written since the replica was last told of: new rows, and what became of the tail.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn read_new(&self) -> Result<Contents, AppendError> {
        let from = self.position.borrow().clone();
        let read = self.database.read(&[JOURNAL, TRAY, META], async |tx| {
            let journal = tx.all(JOURNAL, &Range::Above(from.read_to))?;
            let checkpoints = tx.get(META, CHECKPOINT_ROW)?;
            let tail = from.on_show.keys().map(|sequence| tx.get(JOURNAL, sequence_key(*sequence)));
            let tail = tail.collect::<Result<Vec<_>, _>>()?;
            let tray = tx.keys(TRAY, &Range::All)?;
            let journal = journal.by_sequence().await?;
            let checkpoints = number(checkpoints.bytes().await?);
            let mut settled = Vec::new();
            for ((sequence, id), row) in from.on_show.iter().zip(tail) {
                match row.bytes().await? {
                    Some(row) if rows::is_tail(&row) => {}
                    row => settled.push((*sequence, *id, row)),
                }
            }
            Ok((journal, checkpoints, settled, tray.texts().await?))
        });
        let (journal, checkpoints, settled, tray) = read.await?;
        if Some(checkpoints) != from.checkpoints {
            return Ok(Contents { trimmed: true, ..Contents::default() });
        }
        let mut to = from.clone();
        to.go_on(&journal);
        let mut rows = journal;
        let (mut accepted, mut gone) = (Vec::new(), Vec::new());
        for (sequence, id, row) in settled {
            to.on_show.remove(&sequence);
            match row {
                Some(row) => {
                    rows.push((sequence, row)); // its rank is fixed now
                    accepted.push(id);
                }
                None if tray.contains(&id.to_string()) => gone.push(id),
                None => {} // handed over by a file, and done
            }
        }
        let contents = self.opened(&rows, &[], &[]).await;
        let shown: BTreeSet<ChangeId> = contents.accepted.iter().map(|ranked| ranked.change.id()).collect();
        gone.extend(accepted.into_iter().filter(|id| !shown.contains(id)));
        Ok(Contents { gone, from, to, ..contents })
    }

    /// The replica of this tab is made of these contents, which were all there was, from this moment on.
    pub fn let_in(&self, contents: &Contents) {
        self.position.replace(contents.to.clone());
    }

    /// The replica of this tab holds these contents from this moment on, besides what it held. `false` if that is not
    /// what it held when they were read: they have to be read again.
    #[must_use]
    pub fn let_in_new(&self, contents: &Contents) -> bool {
        let mut position = self.position.borrow_mut();
        if *position != contents.from {
            return false;
        }
        position.clone_from(&contents.to);
        self.damages.borrow_mut().extend(contents.damages.iter().cloned());
        let so_far = self.accepted_since_checkpoint.get();
        self.accepted_since_checkpoint.set(so_far + contents.accepted.len());
        true
    }

    /// The replica of this tab holds what the last turn brought.
    pub fn let_in_turn(&self) {
        let TakenIn { page, settled } = self.taken_in.take();
        let mut position = self.position.borrow_mut();
        position.on_show.retain(|sequence, _| !settled.contains(sequence));
        page.into_iter().for_each(|sequence| position.step_to(sequence));
    }

    /// The replica of this tab holds nothing any more: somebody locked.
    pub fn let_go(&self) {
        self.position.take();
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
        let read = self.database.read(&[JOURNAL, BLOBS], async |tx| {
            let found = self.find_tail(tx, usize::MAX, usize::MAX).await?;
            Ok((found, pictures::unsent(tx).await?.len(), pictures::oldest_unsent(tx).await?))
        });
        let (found, pictures, oldest_picture) = read.await?;
        self.note_found(&found);
        let mut summary = TailSummary { pictures, oldest_picture, ..TailSummary::default() };
        for (_, row, bytes) in &found.rows {
            summary.count += 1;
            summary.bytes += *bytes as u64;
            summary.oldest = Some(summary.oldest.map_or(row.made_at, |oldest| oldest.min(row.made_at)));
            *summary.count_by_author.entry(row.author).or_default() += 1;
        }
        Ok(summary)
    }

    /// Reads in one transaction, with every row of the tail as it lies there.
    pub(super) async fn read_with_tail<T>(
        &self,
        stores: &[&str],
        work: impl AsyncFn(&Tx, Vec<(u64, Vec<u8>)>) -> Result<T, StoreError>,
    ) -> Result<T, AppendError> {
        let read = self.database.read(stores, async |tx| {
            let found = self.find_tail(tx, usize::MAX, usize::MAX).await?;
            let tail = found.rows.iter().map(|(sequence, row, _)| (*sequence, row.bytes())).collect();
            Ok((work(tx, tail).await?, found))
        });
        let (done, found) = read.await?;
        self.note_found(&found);
        Ok(done)
    }

    /// The database was healed: rows of the tail may lie where none were found before.
    pub(super) fn find_tail_anew(&self) {
        self.tail.borrow_mut().clear();
        self.tail_known_to.set(0);
    }

    /// How many pushes this tablet has begun.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn push_counter(&self) -> Result<u64, AppendError> {
        let row = self.database.read(&[META], async |tx| tx.get(META, PUSH_COUNTER_ROW)?.bytes().await).await?;
        Ok(number(row))
    }

    /// The last time that the endpoint answered; `None` for never.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn contact(&self) -> Result<Option<Contact>, AppendError> {
        let row = self.database.read(&[META], async |tx| tx.get(META, CONTACT_ROW)?.bytes().await).await?;
        Ok(row.and_then(|row| serde_json::from_slice(&row).ok()))
    }

    /// How much there is, for a report.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn holdings(&self) -> Result<Holdings, AppendError> {
        let read = self.database.read(&STORES, async |tx| {
            let epoch = tx.get(META, EPOCH_ROW)?;
            let push_counter = tx.get(META, PUSH_COUNTER_ROW)?;
            let marks = tx.all(META, &Range::Under(MARK_ROWS.into()))?;
            let counts = STORES.iter().map(|store| tx.count(store)).collect::<Result<Vec<_>, _>>()?;
            let epoch = epoch.bytes().await?.and_then(|row| String::from_utf8(row).ok());
            let push_counter = number(push_counter.bytes().await?);
            let marks = marks_of(&marks.by_text().await?);
            let mut rows = Vec::new();
            for (store, count) in STORES.into_iter().zip(counts) {
                rows.push((store, count.sequence().await?));
            }
            Ok(Holdings { epoch, push_counter, marks, rows })
        });
        read.await
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

    /// Takes a refused change out of the tray, because its author gave it up; its row puts it back.
    ///
    /// # Errors
    /// [`AppendError`]: it is still there.
    pub async fn take_from_tray(&self, id: ChangeId) -> Result<Option<Vec<u8>>, AppendError> {
        let key = id.to_string();
        let write = self.database.write(&[TRAY], async |tx| {
            let row = tx.get(TRAY, key.as_str())?.bytes().await?;
            tx.delete(TRAY, key.as_str())?;
            Ok(row)
        });
        write.await
    }

    /// Puts a row back that was taken from the tray.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn put_in_tray(&self, id: ChangeId, row: &[u8]) -> Result<(), AppendError> {
        let key = id.to_string();
        self.database.write(&[TRAY], async |tx| tx.put(TRAY, key.as_str(), row)).await
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
        self.leads.set(true);
        Ok(())
    }

    /// Another tab leads from here on.
    pub fn follow(&self) {
        self.leads.set(false);
    }

    /// The database was begun anew: if this tab led, it says so in there.
    ///
    /// # Errors
    /// [`AppendError`]
    pub(super) async fn lead_again(&self) -> Result<(), AppendError> {
        if self.leads.get() { self.lead().await } else { Ok(()) }
    }

    /// Writes what changed of the audiences that are open as blocks and trims what blocks now hold from the journal, as
    /// far as it was let into the replica. One transaction; long work before it is done in slices.
    ///
    /// Rows of other audiences stay, other people's above all. Own rows are kept aside for as long as a restored
    /// endpoint may ask for them. A tab that has not read since another one's checkpoint writes nothing: its replica
    /// may lack what that one trimmed.
    ///
    /// # Errors
    /// [`AppendError`]; everything is as before.
    pub async fn checkpoint(&self, replica: &RefCell<Replica>) -> Result<(), AppendError> {
        self.fetch_damaged_again().await?;
        let keys = self.database.read(&[BLOCKS], async |tx| tx.keys(BLOCKS, &Range::All)?.texts().await).await?;
        let blocks: Vec<BlockKey> = keys.iter().filter_map(|key| BlockKey::read(key)).collect();
        let held = self.vault.audiences();
        let from = self.position.borrow().clone();
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
        let written = self.write_checkpoint(replica, &extents, chunks, &from).await;
        replica.borrow_mut().end_checkpoint(written.is_ok(), &extents);
        self.position.borrow_mut().checkpoints = Some(written?);
        self.accepted_since_checkpoint.set(0);
        Ok(())
    }

    /// How many checkpoints there have been, with this one.
    async fn write_checkpoint(
        &self,
        replica: &RefCell<Replica>,
        extents: &BTreeMap<Audience, Extent>,
        chunks: BTreeMap<Audience, Vec<Chunk>>,
        from: &Position,
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
            let checkpoints = number(tx.get(META, CHECKPOINT_ROW)?.bytes().await?);
            if Some(checkpoints) != from.checkpoints {
                return Err(StoreError::Aborted { detail: "rows were trimmed that this tab has not read".into() });
            }
            let contact = tx.get(META, CONTACT_ROW)?.bytes().await?;
            let contact = contact.and_then(|row| serde_json::from_slice::<Contact>(&row).ok());
            let heard = contact.map_or(Millis(0), |contact| contact.at.plus(contact.clock_offset_ms));
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
            while looked_to < from.read_to {
                let range = Range::Between(looked_to + 1, from.read_to);
                let rows = tx.first(JOURNAL, &range, TRIM_ROWS)?.by_sequence().await?;
                let Some((last, _)) = rows.last() else { break };
                looked_to = *last;
                // Those that were on show may be accepted by now, and are not in these blocks as that.
                for (sequence, bytes) in rows.into_iter().filter(|(sequence, _)| !from.on_show.contains_key(sequence)) {
                    match trimmed(&bytes, extents) {
                        Trim::Keep => {}
                        Trim::Delete => tx.delete(JOURNAL, sequence_key(sequence))?,
                        Trim::Rewrite(bytes) => tx.put(JOURNAL, sequence_key(sequence), &bytes)?,
                        Trim::SetAside => {
                            tx.put(META, kept_row(sequence, heard).as_str(), &bytes)?;
                            tx.delete(JOURNAL, sequence_key(sequence))?;
                        }
                    }
                }
            }
            for key in tx.keys(META, &Range::Under(KEPT_ROWS.into()))?.texts().await? {
                if read_kept_row(&key).is_none_or(|(_, since)| !is_kept_for_restore(since, heard)) {
                    tx.delete(META, key.as_str())?;
                }
            }
            tx.put(META, CHECKPOINT_ROW, &(checkpoints + 1).to_be_bytes())?;
            idb::put_format(tx)?; // an app that does not know these blocks must not take them for damaged
            Ok(checkpoints + 1)
        });
        write.await
    }

    /// Throws away what is damaged and can be had again, and begins to read its audiences anew. Unsent work stays.
    /// `found` is damage that showed only when blocks were let into a replica.
    ///
    /// # Errors
    /// [`AppendError`]; until a later try succeeds, which the next checkpoint makes, nothing is written in its place.
    pub async fn fetch_again(&self, found: Vec<Damage>) -> Result<(), AppendError> {
        self.damages.borrow_mut().extend(found);
        self.fetch_damaged_again().await
    }

    async fn fetch_damaged_again(&self) -> Result<(), AppendError> {
        let damaged = self.damages.borrow().clone();
        if damaged.is_empty() {
            return Ok(());
        }
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
        write.await?;
        self.damages.borrow_mut().retain(|damage| !damaged.contains(damage));
        Ok(())
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

    /// What this tab remembers of a database that was wiped.
    fn forget_all(&self) {
        self.find_tail_anew();
        self.let_go();
        self.damages.borrow_mut().clear();
    }

    // ---- Inside: opening ------------------------------------------------------------------------------------

    fn open_now(&self) -> Result<(Rc<Session>, OrganisationId), AppendError> {
        Ok((self.vault.session().ok_or_else(locked)?, self.vault.organisation().ok_or_else(nobodys)?))
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

    async fn check_leader(&self, tx: &Tx) -> Result<(), StoreError> {
        match self.leader.get() {
            Some(ours) if number(tx.get(META, LEADER_ROW)?.bytes().await?) != ours => {
                Err(StoreError::Aborted { detail: "another tab leads".into() })
            }
            _ => Ok(()),
        }
    }

    // ---- Inside: saving -------------------------------------------------------------------------------------

    /// Drops what can be fetched again: pictures that others took, and the version of the app that is not in use. Whether
    /// there was anything.
    async fn make_room(&self) -> bool {
        let dropped = self.database.write(&[BLOBS], async |tx| pictures::drop_fetched(tx).await).await;
        updates::drop_version_aside().await || dropped.is_ok_and(|dropped| dropped > 0)
    }

    /// Keeps a change, and with it a row of meta that may be written once; with that row there nothing is kept, and it is
    /// given.
    async fn append_once(
        &self,
        change: &Ranked,
        once: Option<&(String, [u8; 8])>,
    ) -> Result<Option<Vec<u8>>, AppendError> {
        let row = self.sealed(change).await?.bytes();
        let beside = self.beside(change).await?;
        let gives_numbers = Numbers::are_given_by(&change.change);
        let stores = if beside.is_empty() { &[JOURNAL, META][..] } else { &[JOURNAL, META, BLOBS] };
        let was_tried = Cell::new(false);
        let work = async |tx: &Tx| {
            // What became of the first try nobody knows, if the connection was lost while it was committed.
            if was_tried.replace(true) {
                let rows = tx.all(JOURNAL, &Range::All)?.by_sequence().await?;
                let is_it = |row: &[u8]| matches!(Row::read(row), Ok(Row::Own(own)) if own.id == change.change.id());
                if let Some((sequence, _)) = rows.into_iter().rev().find(|(_, row)| is_it(row)) {
                    return Ok(Ok(sequence));
                }
            }
            let device = tx.get(META, vault::DEVICE_ROW)?;
            if let Some((key, value)) = once {
                if let Some(before) = tx.get(META, key.as_str())?.bytes().await? {
                    return Ok(Err(before));
                }
                tx.put(META, key.as_str(), value)?;
            }
            if gives_numbers {
                let mut numbers = numbers_of(tx.get(META, NUMBERS_ROW)?.bytes().await?);
                numbers.note(&change.change).map_err(|error| StoreError::Aborted { detail: error.to_string() })?;
                tx.put(META, NUMBERS_ROW, &numbers_bytes(&numbers))?;
            }
            let sequence = tx.add(JOURNAL, &row)?;
            beside.write(tx)?;
            // Another tab handed in all there was, or the browser took it all away, and this one had not heard of it: no
            // tick for what nobody will send.
            if device.bytes().await?.is_none() {
                return Err(StoreError::Aborted { detail: "this tablet was wiped".into() });
            }
            Ok(Ok(sequence.sequence().await?))
        };
        let written = match self.database.write(stores, &work).await {
            Err(AppendError::Full { .. }) if self.make_room().await => self.database.write(stores, &work).await?,
            written => written?,
        };
        let sequence = match written {
            Ok(sequence) => sequence,
            Err(before) => return Ok(Some(before)),
        };
        let mut position = self.position.borrow_mut();
        position.on_show.insert(sequence, change.change.id());
        position.step_to(sequence);
        Ok(None)
    }

    // ---- Inside: sealing ------------------------------------------------------------------------------------

    async fn sealed(&self, change: &Ranked) -> Result<OwnRow, AppendError> {
        let header = &change.change.header;
        let organisation = self.vault.organisation().ok_or_else(nobodys)?;
        let session = self.vault.session_of(header.author).ok_or_else(locked)?;
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
        self.append_once(change, None).await.map(drop)
    }

    async fn begin_push(&self, changes_max: usize) -> Result<Outgoing, AppendError> {
        let write = self.database.write(&[JOURNAL, TRAY, META], async |tx| {
            self.check_leader(tx).await?;
            let push_counter = number(tx.get(META, PUSH_COUNTER_ROW)?.bytes().await?) + 1;
            tx.put(META, PUSH_COUNTER_ROW, &push_counter.to_be_bytes())?;
            let epoch = tx.get(META, EPOCH_ROW)?;
            let corrected = tx.get(META, CORRECTED_ROW)?;
            let numbers = tx.get(META, NUMBERS_ROW)?;
            let marks = tx.all(META, &Range::Under(MARK_ROWS.into()))?;
            let tray = tx.keys(TRAY, &Range::All)?;
            let epoch = epoch.bytes().await?;
            let corrected = corrected.bytes().await?.map(|bytes| Stamp::from_number(number(Some(bytes))));
            let numbers = numbers_of(numbers.bytes().await?);
            let marks = marks.by_text().await?;
            let refused = tray.texts().await?.len();
            let found = self.find_tail(tx, changes_max, PUSH_BYTES_MAX).await?;
            Ok((push_counter, epoch, corrected, numbers, marks, refused, found))
        });
        let (push_counter, epoch, corrected, numbers, marks, refused, found) = write.await?;
        self.note_found(&found);
        let read = marks_of(&marks);
        let held = self.vault.audiences();
        let since =
            held.into_iter().map(|audience| (audience.clone(), read.get(&audience).copied().unwrap_or_default()));
        let since: BTreeMap<Audience, StreamMark> = since.collect();
        self.asked_since.borrow_mut().clone_from(&since);
        let opener = Opener { session: self.vault.session(), organisation: self.vault.organisation() };
        let tail = join_all(found.rows.iter().map(|(_, row, _)| opener.outgoing(row))).await;
        let tail: Vec<TailChange> = tail.into_iter().flatten().collect();
        Ok(Outgoing {
            epoch: epoch.and_then(|epoch| String::from_utf8(epoch).ok()),
            push_counter,
            unsent: count_of(found.all.len() - tail.len() + refused),
            tail,
            more: found.more,
            since,
            corrected,
            numbers: numbers.wanted(),
        })
    }

    async fn take_in(&self, news: &News) -> Result<(), AppendError> {
        let page = self.sealed_page(&news.pulled).await?;
        let held = self.vault.audiences();
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
        let now = clock::now();
        let contact = Contact { at: now, clock_offset_ms: news.server_time.since(now) };
        let contact = serde_json::to_vec(&contact).expect("two numbers are plain data");
        let page_bytes = page.as_ref().map(PageRow::bytes);
        let asked_since = self.asked_since.borrow().clone();
        let write = self.database.write(&[JOURNAL, TRAY, META], async |tx| {
            self.check_leader(tx).await?;
            // Another tab may have heard of an endpoint that was put back, or of this one first, while this answer came.
            let epoch = tx.get(META, EPOCH_ROW)?.bytes().await?;
            if epoch.is_some_and(|epoch| epoch != news.epoch.as_bytes()) {
                return Err(StoreError::Aborted { detail: OTHER_EPOCH.into() });
            }
            let before = number(tx.get(META, CORRECTED_ROW)?.bytes().await?);
            let mut corrected = before;
            let rows = settled.iter().map(|sequence| tx.get(JOURNAL, sequence_key(*sequence)));
            for (sequence, row) in settled.iter().zip(rows.collect::<Result<Vec<_>, _>>()?) {
                let Some(bytes) = row.bytes().await? else { continue }; // another tab has settled it
                let Ok(Row::Own(row)) = Row::read(&bytes) else { continue };
                if let Some(reason) = refused.get(&row.id) {
                    let (key, refused_at) = (row.id.to_string(), clock::now());
                    let refused = TrayRow { refused_at, reason: (*reason).clone(), own: row };
                    tx.put(TRAY, key.as_str(), &refused.bytes())?;
                    tx.delete(JOURNAL, sequence_key(*sequence))?;
                } else if is_handed(&row) && accepted.contains_key(&row.id) {
                    // Another tablet's clock says nothing of this one's.
                    tx.delete(JOURNAL, sequence_key(*sequence))?;
                } else if let Some(state) = accepted.get(&row.id) {
                    // One that was set back says nothing: what was made after it is ahead by itself.
                    if let State::Accepted { stamp, device, .. } = state
                        && *device != row.device
                        && *stamp > Stamp::at(row.made_at)
                    {
                        corrected = corrected.max(stamp.number());
                    }
                    let row = OwnRow { state: *state, ..row };
                    tx.put(JOURNAL, sequence_key(*sequence), &row.bytes())?;
                }
            }
            if corrected > before {
                tx.put(META, CORRECTED_ROW, &corrected.to_be_bytes())?;
            }
            let sequence = match &page_bytes {
                Some(bytes) => Some(tx.add(JOURNAL, bytes)?),
                None => None,
            };
            for (audience, mark) in news.streams.iter().filter(|(audience, _)| held.contains(audience)) {
                // Where another tab has begun to read anew meanwhile, what this page skips is still to come.
                let row = mark_row(audience);
                let read = tx.get(META, row.as_str())?.bytes().await?.and_then(|bytes| mark_of(&bytes));
                if read.unwrap_or_default() == asked_since.get(audience).copied().unwrap_or_default() {
                    tx.put(META, row.as_str(), &mark_bytes(*mark))?;
                }
            }
            if let Some(given) = &news.numbers {
                let mut numbers = numbers_of(tx.get(META, NUMBERS_ROW)?.bytes().await?);
                numbers.take_in(given);
                tx.put(META, NUMBERS_ROW, &numbers_bytes(&numbers))?;
            }
            tx.put(META, EPOCH_ROW, news.epoch.as_bytes())?;
            tx.put(META, CONTACT_ROW, &contact)?;
            match sequence {
                Some(sequence) => Ok(Some(sequence.sequence().await?)),
                None => Ok(None),
            }
        });
        let page = write.await?;
        // What comes next without another push goes on from here.
        self.asked_since.borrow_mut().extend(news.streams.iter().map(|(audience, mark)| (audience.clone(), *mark)));
        self.tail.borrow_mut().retain(|sequence, _| !settled.contains(sequence));
        self.taken_in.replace(TakenIn { page, settled });
        let accepted = news.accepted.len().max(news.pulled.len());
        self.accepted_since_checkpoint.set(self.accepted_since_checkpoint.get() + accepted);
        self.lacks_keys.set(news.streams.keys().any(|audience| !held.contains(audience)));
        Ok(())
    }

    /// Accepted changes of this tablet go back into the tail, in their old places: the endpoint may have lost them, and
    /// has them already if not. What was pulled is read again, since ranks and numbers may be others now.
    async fn begin_epoch(&self, epoch: &str) -> Result<(), AppendError> {
        let write = self.database.write(&[JOURNAL, BLOCKS, META, BLOBS], async |tx| {
            self.check_leader(tx).await?;
            pictures::drop_fetched(tx).await?; // whom one shows may have been erased
            for key in tx.keys(META, &Range::Under(MARK_ROWS.into()))?.texts().await? {
                tx.delete(META, key.as_str())?;
            }
            for (sequence, bytes) in tx.all(JOURNAL, &Range::All)?.by_sequence().await? {
                match Row::read(&bytes) {
                    Ok(Row::Own(row)) => tx.put(JOURNAL, sequence_key(sequence), &tail_again(row))?,
                    Ok(Row::Page(_)) => tx.delete(JOURNAL, sequence_key(sequence))?,
                    Err(_) => {}
                }
            }
            for (key, bytes) in tx.all(META, &Range::Under(KEPT_ROWS.into()))?.by_text().await? {
                if let (Some((sequence, _)), Ok(Row::Own(row))) = (read_kept_row(&key), Row::read(&bytes)) {
                    tx.put(JOURNAL, sequence_key(sequence), &tail_again(row))?;
                }
                tx.delete(META, key.as_str())?;
            }
            for key in tx.keys(BLOCKS, &Range::All)?.texts().await? {
                tx.delete(BLOCKS, key.as_str())?;
            }
            // Every tab reads everything again, this one too.
            let checkpoints = number(tx.get(META, CHECKPOINT_ROW)?.bytes().await?) + 1;
            tx.put(META, CHECKPOINT_ROW, &checkpoints.to_be_bytes())?;
            tx.put(META, EPOCH_ROW, epoch.as_bytes())
        });
        write.await?;
        self.find_tail_anew();
        Ok(())
    }

    async fn numbers(&self) -> Result<Numbers, AppendError> {
        let row = self.database.read(&[META], async |tx| tx.get(META, NUMBERS_ROW)?.bytes().await).await?;
        Ok(numbers_of(row))
    }
}

/// An own row as the endpoint is offered it again.
fn tail_again(row: OwnRow) -> Vec<u8> {
    let state = match row.state {
        State::Accepted { stamp, device, .. } => State::TailAgain { stamp, device },
        State::Tail | State::TailAgain { .. } => row.state,
    };
    OwnRow { state, ..row }.bytes()
}

/// What a turn wrote: the row of its page, and the rows of the tail that it settled.
#[derive(Debug, Default)]
struct TakenIn {
    page: Option<u64>,
    settled: Vec<u64>,
}

impl Position {
    /// These rows were read, beginning with the next one.
    fn go_on(&mut self, rows: &[(u64, Vec<u8>)]) {
        for (sequence, bytes) in rows {
            self.read_to = self.read_to.max(*sequence);
            if rows::is_tail(bytes)
                && let Ok(Row::Own(row)) = Row::read(bytes)
            {
                self.on_show.insert(*sequence, row.id);
            }
        }
    }

    /// The tab wrote a row, and need not read it, unless others come before it.
    fn step_to(&mut self, sequence: u64) {
        if sequence == self.read_to + 1 {
            self.read_to = sequence;
        }
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

/// A change in the form that only the endpoint opens; `None` where that seal is not there.
fn sealed_change(row: &OwnRow) -> Option<SealedChange> {
    let recovery = row.recovery.as_ref()?;
    Some(SealedChange {
        id: row.id,
        author: row.author,
        sender: base64_text(&recovery.sender),
        nonce: base64_text(&recovery.sealed.nonce),
        sealed: base64_text(&recovery.sealed.bytes),
    })
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
                let unsent = row.is_tail();
                let (change, broken) = self.own(&row).await;
                if let Some((audiences, detail)) = broken {
                    return OpenedRow { tail: change.filter(|_| unsent), ..damage(audiences, unsent, detail) };
                }
                let closed = change.is_none();
                match row.state {
                    State::Tail | State::TailAgain { .. } => OpenedRow { tail: change, closed, ..OpenedRow::default() },
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
            if part.key == KeyOf::Author && !row.is_tail() {
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
        if let Some(whole) = &mut whole {
            match row.state {
                State::Tail => {}
                State::TailAgain { stamp, device } | State::Accepted { stamp, device, .. } => {
                    (whole.stamp, whole.device) = (stamp, device);
                }
            }
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
        sealed_change(row).map(TailChange::Sealed)
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
    /// Out of the journal, and kept for an endpoint that is restored.
    SetAside,
}

/// What a checkpoint of some audiences leaves of a row: the parts of the others, and what is unsent or unreadable. An
/// own change stays whole.
fn trimmed(bytes: &[u8], covered: &BTreeMap<Audience, Extent>) -> Trim {
    let left = |parts: &[Part]| -> Vec<Part> {
        parts.iter().filter(|part| !covered.contains_key(&part.audience)).cloned().collect()
    };
    match Row::read(bytes) {
        Ok(Row::Own(row)) => {
            let is_read = |part: &Part| part.key == KeyOf::Audience;
            if row.is_tail() || left(&row.parts).iter().any(is_read) { Trim::Keep } else { Trim::SetAside }
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

fn kept_row(sequence: u64, heard: Millis) -> String {
    format!("{KEPT_ROWS}{sequence:020}:{}", heard.0)
}

/// In which place of the journal a row lay that was set aside, and when that was by the endpoint's clock.
fn read_kept_row(key: &str) -> Option<(u64, Millis)> {
    let (sequence, heard) = key.strip_prefix(KEPT_ROWS)?.split_once(':')?;
    Some((sequence.parse().ok()?, Millis(heard.parse().ok()?)))
}

fn mark_bytes(mark: StreamMark) -> [u8; 24] {
    let mut bytes = [0; 24];
    for (place, number) in [mark.number, mark.count, mark.digest].into_iter().enumerate() {
        bytes[place * 8..][..8].copy_from_slice(&number.to_be_bytes());
    }
    bytes
}

/// The marks among rows of meta.
fn marks_of(rows: &[(String, Vec<u8>)]) -> BTreeMap<Audience, StreamMark> {
    let mark = |(key, row): &(String, Vec<u8>)| Some((key.strip_prefix(MARK_ROWS)?.parse().ok()?, mark_of(row)?));
    rows.iter().filter_map(mark).collect()
}

/// A damaged mark is none: its audience is read from the start.
fn mark_of(bytes: &[u8]) -> Option<StreamMark> {
    let (numbers, []) = bytes.as_chunks::<8>() else { return None };
    let [number, count, digest] = <[[u8; 8]; 3]>::try_from(numbers).ok()?.map(u64::from_be_bytes);
    Some(StreamMark { number, count, digest })
}

pub(super) fn number(row: Option<Vec<u8>>) -> u64 {
    row.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
}

/// One that cannot be read gives no card numbers; the endpoint is asked for others.
fn numbers_of(row: Option<Vec<u8>>) -> Numbers {
    row.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default()
}

fn numbers_bytes(numbers: &Numbers) -> Vec<u8> {
    serde_json::to_vec(numbers).expect("numbers are plain data")
}

fn damaged_row(error: RowError) -> StoreError {
    StoreError::Damaged { detail: error.to_string() }
}

/// The rows that say whose tablet this is cannot be read.
pub(super) fn nobodys() -> AppendError {
    AppendError::Aborted { detail: "whose tablet this is, is not known".into() }
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
