//! Every accepted change, in order: what the endpoint promises to keep.
//!
//! The contract is written on [`Ledger`] and tested once, in `contract.rs`; SQLite and its twin in memory pass
//! the same tests. What is decided inside a transaction is a plain function, [`settle`], that both share.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use async_trait::async_trait;
use tokio::sync::broadcast;
use yingke_core::{
    audience::{Audience, Role},
    change::{Change, Edit, Hash, Ranked, Slot},
    codec,
    id::{ChangeId, DeviceNumber, OrganisationId, RecordId},
    pack::VenueKind,
    record::{Cell, Record},
    stamp::Stamp,
    time::{MINUTE_MS, Millis},
    value::Value,
    wire::v1::{Refusal, StreamMark, Verdict},
};

use self::{
    numbers::{Ask, Block},
    tables::TableRow,
};
use crate::{blobs::Blobs, packs::InForce, register::Register, reminders::Reminders};

#[cfg(test)]
mod contract;
pub mod memory;
pub mod numbers;
pub mod postgres;
pub mod settle;
pub mod sqlite;
pub mod tables;

/// Why nothing was kept. The variant says what the caller can do next.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The push counter went backwards: the tablet is a copy of another, or was restored.
    #[error("the push counter of device {} went backwards", .device.0)]
    Cloned { device: DeviceNumber },
    /// Nobody here by that name.
    #[error("no such organisation")]
    NoOrganisation,
    /// Busy, full or out of reach: the same may succeed later.
    #[error("the database does not take it now: {detail}")]
    Later { detail: String },
    /// What is on the disk cannot be read: somebody has to look.
    #[error("the database is damaged: {detail}")]
    Damaged { detail: String },
}

/// Why a database was not opened. Each is one sentence for whoever started the program.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("there is no database in {0}; `yingke-server init` makes one")]
    Missing(String),
    #[error("there is a database in {0} already")]
    Exists(String),
    #[error("{place} cannot be read or written: {cause}")]
    Unwritable { place: String, cause: String },
    #[error("{0} is not a database of this program")]
    Foreign(String),
    #[error(
        "{place} is damaged ({detail}); with the endpoint stopped, put it aside and `restore` a backup into a new one"
    )]
    Damaged { place: String, detail: String },
    #[error("{place} was written by a newer version (schema {found}, this one knows {known}); update the program")]
    Newer { place: String, found: u32, known: usize },
    #[error("{0} does not keep what it says it has written (fsync is off); turn it on")]
    Forgetful(String),
}

impl From<&sqlx::Error> for LedgerError {
    fn from(error: &sqlx::Error) -> Self {
        let of_database = error.as_database_error().is_some_and(|error| {
            error.try_downcast_ref().is_some_and(sqlite::is_damage)
                || error.try_downcast_ref().is_some_and(postgres::is_damage)
        });
        let is_damage = of_database || matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
        let detail = error.to_string();
        if is_damage { Self::Damaged { detail } } else { Self::Later { detail } }
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        Self::from(&error)
    }
}

impl From<codec::CodecError> for LedgerError {
    fn from(error: codec::CodecError) -> Self {
        Self::Damaged { detail: error.to_string() }
    }
}

/// A change that somebody offers, and what the exchange thinks of it.
#[derive(Clone)]
pub struct Candidate {
    pub ranked: Ranked,
    pub hash: Hash,
    /// Why it must not be taken, unless it is here already: what was accepted once stays accepted.
    pub refusal: Option<Refusal>,
    /// By whom its steps have to be such as could be taken; `None` for what the endpoint writes itself.
    pub author: Option<Author>,
}

/// What is known of somebody who may take steps.
#[derive(Debug, Clone)]
pub struct Author {
    /// What they are, and were when they made it, with whose workflows they are. One that may take it is enough.
    pub posts: Vec<(Role, VenueKind)>,
    pub packs: Arc<InForce>,
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Candidate({})", self.ranked.change.id())
    }
}

impl Candidate {
    #[must_use]
    pub fn new(ranked: Ranked, refusal: Option<Refusal>) -> Self {
        Self { hash: ranked.change.hash(), ranked, refusal, author: None }
    }

    /// With steps that its author has to be able to take.
    #[must_use]
    pub fn by(self, author: Option<Author>) -> Self {
        Self { author, ..self }
    }
}

/// A record, and since when it was not told which of its tasks went to the next level.
#[derive(Debug, Clone)]
pub struct Untold {
    pub record: Record,
    pub since: Millis,
}

/// The device that pushes, and what it says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Pushed {
    pub device: DeviceNumber,
    pub counter: u64,
    /// The last stamp that an endpoint gave it in the place of an earlier one: this ledger may be an older copy.
    pub corrected: Option<Stamp>,
}

/// What one push brings.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `None` for what the endpoint writes itself.
    pub pushed: Option<Pushed>,
    pub candidates: Vec<Candidate>,
    pub now: Millis,
}

/// What is new for somebody who holds some audiences.
#[derive(Debug, Clone, Default)]
pub struct LedgerPage {
    /// Whole changes, by number.
    pub changes: Vec<(u64, Ranked)>,
    /// Every audience that was asked for, as it stands at the end of this page.
    pub streams: BTreeMap<Audience, StreamMark>,
    pub more: bool,
}

/// A change as the ledger holds it.
#[derive(Debug, Clone)]
pub struct LedgerRow {
    pub number: u64,
    pub hash: Hash,
    pub ranked: Ranked,
}

/// What is known of a change that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    pub number: u64,
    pub stamp: Stamp,
    pub device: DeviceNumber,
    pub hash: Hash,
}

/// An epoch lasts at least this long, so that a tablet which reckons wrongly cannot keep a club from working.
pub const EPOCH_MS_MIN: i64 = 10 * MINUTE_MS;

/// The ids of other records that a value holds.
pub fn mentions(value: &Value, found: &mut BTreeSet<RecordId>) {
    value.each(&mut |value| found.extend(value.as_id()));
}

/// The ids of other records that a record holds.
#[must_use]
pub fn mentions_of(record: &Record) -> BTreeSet<RecordId> {
    let mut found = BTreeSet::new();
    for (key, cell) in record.fields() {
        match cell {
            Cell::Guarded { heads, .. } => {
                heads.iter().flat_map(|head| head.values.values()).for_each(|value| mentions(value, &mut found));
            }
            Cell::Set(_) => record.elements(key.as_str()).for_each(|value| mentions(value, &mut found)),
            Cell::Latest { value, .. } | Cell::First { value, .. } | Cell::Sticky { value, .. } => {
                mentions(value, &mut found);
            }
            Cell::Once(values) => values.iter().for_each(|(_, value)| mentions(value, &mut found)),
        }
    }
    found
}

/// The records that an edit is about: the one that it alters, and those that it names. That one person names another
/// makes the edit not about the other.
#[must_use]
pub fn subjects(edit: &Edit) -> BTreeSet<RecordId> {
    let mut found = BTreeSet::from([edit.record]);
    if edit.kind.as_str() == "person" {
        return found;
    }
    for write in &edit.writes {
        write.op.values().for_each(|value| mentions(value, &mut found));
    }
    found
}

/// A change without what it says of some records; `None` if it says nothing of them.
#[must_use]
pub fn emptied(change: &Change, records: &BTreeSet<RecordId>) -> Option<Change> {
    let hides = |slot: &Slot| matches!(slot, Slot::Shown(edit) if records.contains(&edit.record));
    if !change.slots().iter().any(hides) {
        return None;
    }
    let slots = change.slots().iter().map(|slot| if hides(slot) { Slot::Hidden(slot.hash()) } else { slot.clone() });
    Some(Change::from_parts(change.header.clone(), slots.collect()))
}

/// Keeps accepted changes. Each method is one transaction.
#[async_trait]
pub trait Ledger: Send + Sync + fmt::Debug {
    /// Drawn at random when the ledger began; another one means that numbers have begun again.
    async fn epoch(&self, organisation: OrganisationId) -> Result<String, LedgerError>;

    /// Begins a new epoch if `from` is still the current one and has lasted for [`EPOCH_MS_MIN`]; gives the current
    /// one either way. Devices that meet it read from the start.
    async fn begin_epoch(
        &self,
        organisation: OrganisationId,
        from: &str,
        to: &str,
        now: Millis,
    ) -> Result<String, LedgerError>;

    /// Keeps each change once by its id, merges it into the records and numbers it in the order in which changes
    /// become visible: who has read 7 never later finds a new 6. One verdict for each, in order. When it
    /// returns, what was accepted is on the disk.
    async fn append(&self, organisation: OrganisationId, batch: Batch) -> Result<Vec<Verdict>, LedgerError>;

    /// Whether a push with this counter would be one that went backwards; keeps nothing.
    async fn check_counter(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        counter: u64,
    ) -> Result<(), LedgerError>;

    /// Where each stream stands.
    async fn heads(&self, organisation: OrganisationId) -> Result<BTreeMap<Audience, StreamMark>, LedgerError>;

    /// Where a stream stood when the ledger was at a number.
    async fn mark_at(
        &self,
        organisation: OrganisationId,
        audience: &Audience,
        number: u64,
    ) -> Result<StreamMark, LedgerError>;

    /// The next changes of these audiences after the given numbers, by number over all of them.
    async fn page(
        &self,
        organisation: OrganisationId,
        since: &BTreeMap<Audience, u64>,
        changes_max: usize,
    ) -> Result<LedgerPage, LedgerError>;

    /// The ledger itself, after a number.
    async fn rows(
        &self,
        organisation: OrganisationId,
        after: u64,
        rows_max: usize,
    ) -> Result<Vec<LedgerRow>, LedgerError>;

    /// Current records by id; of one kind, or all.
    async fn records(
        &self,
        organisation: OrganisationId,
        kind: Option<&str>,
        after: Option<RecordId>,
        records_max: usize,
    ) -> Result<Vec<Record>, LedgerError>;

    /// Records by their ids, as far as there are any.
    async fn records_by_id(
        &self,
        organisation: OrganisationId,
        ids: &BTreeSet<RecordId>,
    ) -> Result<Vec<Record>, LedgerError>;

    /// Current records of these audiences by id, each in the one that was written to last.
    async fn records_of(
        &self,
        organisation: OrganisationId,
        audiences: &BTreeSet<Audience>,
        after: Option<RecordId>,
        records_max: usize,
    ) -> Result<Vec<Record>, LedgerError>;

    /// Changes by their ids, as far as there are any.
    async fn changes(
        &self,
        organisation: OrganisationId,
        ids: &BTreeSet<ChangeId>,
    ) -> Result<BTreeMap<ChangeId, Ranked>, LedgerError>;

    /// Records that the clock may owe something by now: those that a change has touched since they were looked at, and
    /// those whose time has come. The longest waiting first.
    async fn watched(
        &self,
        organisation: OrganisationId,
        until: Millis,
        records_max: usize,
    ) -> Result<Vec<Record>, LedgerError>;

    /// When each is to be looked at again, or never unless something happens to it. One that a change has touched
    /// meanwhile is looked at at once all the same.
    async fn look_again(
        &self,
        organisation: OrganisationId,
        looked_at: &[(Record, Option<Millis>)],
    ) -> Result<(), LedgerError>;

    /// Records of which a task may have gone to the next level by a moment, with the time since which it was not told: when
    /// a change touched them, or what was waited for has come. The longest waiting first.
    async fn untold(
        &self,
        organisation: OrganisationId,
        until: Millis,
        records_max: usize,
    ) -> Result<Vec<Untold>, LedgerError>;

    /// When there is next something to tell of each, or never unless something happens to it. Gives those of which nobody
    /// else has said so meanwhile, and no change has touched: what is to be told of these is told by who is given them.
    async fn tell_again(
        &self,
        organisation: OrganisationId,
        looked_at: &[(Untold, Option<Millis>)],
    ) -> Result<BTreeSet<RecordId>, LedgerError>;

    /// Gives a device the next card numbers of a series; nobody in the organisation is given any of them but this device.
    /// One that has not heard of what it was given last is given the same again. Those that the ask says are taken may lie
    /// among them, and are not counted.
    async fn give_numbers(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        ask: &Ask<'_>,
    ) -> Result<Block, LedgerError>;

    /// Empties these records everywhere: what changes say of them, of which number, id and hash stay; the streams; the
    /// current records. Nothing brings them back: a change that edits one, or is about one, is refused from now on. A new
    /// epoch begins, so that tablets read anew. Gives the number of changes that were emptied. Again, it does nothing more.
    async fn erase(
        &self,
        organisation: OrganisationId,
        records: &BTreeSet<RecordId>,
        epoch: &str,
        now: Millis,
    ) -> Result<u64, LedgerError>;

    /// Every record that was erased.
    async fn erased(&self, organisation: OrganisationId) -> Result<BTreeSet<RecordId>, LedgerError>;

    /// A stream's rows after a number: number, change and the kept mark.
    async fn stream(
        &self,
        organisation: OrganisationId,
        audience: &Audience,
        after: u64,
        rows_max: usize,
    ) -> Result<Vec<(ChangeId, StreamMark)>, LedgerError>;
}

/// Says that an organisation's ledger has come to a number. A hint may be late or lost: the ledger is the truth.
pub type Hints = broadcast::Sender<(OrganisationId, u64)>;

/// All that a database holds, whichever organisation it belongs to.
#[async_trait]
pub trait Copies: Send + Sync {
    /// Hands over every row of one committed state, table by table. Writers are not held up.
    async fn read_all(
        &self,
        take: &mut (dyn FnMut(TableRow) -> Result<(), LedgerError> + Send),
    ) -> Result<(), LedgerError>;

    /// Puts these rows in the place of all there is, in one transaction, and begins a new epoch. Rows come table by
    /// table, as [`Self::read_all`] gives them.
    async fn replace_all(
        &self,
        rows: &mut (dyn Iterator<Item = Result<TableRow, LedgerError>> + Send),
        epoch: &str,
        now: Millis,
    ) -> Result<(), LedgerError>;
}

/// A ledger, its pictures, the register of its club and whom it reminds, in one database.
#[async_trait]
pub trait Database: Ledger + Register + Copies + Blobs + Reminders {
    /// Passes on hints of other processes on this database, until it is closed.
    fn pass_hints(&self, hints: Hints);

    /// Ends in good order.
    async fn close(&self);
}
