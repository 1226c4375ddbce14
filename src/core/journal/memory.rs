//! The journal's twin in memory, for tests and the simulator.
//!
//! A [`Disk`] is what survives, a [`MemoryJournal`] a tab on it. Rows live here as they do in the browser's journal:
//! an own row from the save until long after the endpoint has it, pages as they were pulled, blocks of records per
//! audience. What a row is sealed with is told by the audiences that are unlocked ([`Unlocked`]). The disk can be
//! told to be full, to be closed, to tear rows, and to forget what was not strict.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use super::{AppendError, Journal, OTHER_EPOCH, Outgoing, TailChange};
use crate::{
    audience::Audience,
    change::Ranked,
    id::{ChangeId, DeviceNumber, StaffId},
    journal::{count_of, is_kept_for_restore},
    number::Numbers,
    probe,
    record::Record,
    stamp::Stamp,
    sync::News,
    time::Millis,
    wire::v1::{Refusal, SealedChange, StreamMark},
};

/// What it has kept, in sum.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    pub tail: Vec<Ranked>,
    pub accepted: Vec<Ranked>,
    pub tray: Vec<(Ranked, Refusal)>,
    pub epoch: Option<String>,
    pub push_counter: u64,
    pub since: BTreeMap<Audience, StreamMark>,
}

/// What a disk will do with the next transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mood {
    #[default]
    Well,
    Full,
    Closed,
}

/// Whose unlock it is, and which audiences it opens.
#[derive(Debug, Clone, Default)]
pub struct Unlocked {
    pub staff: Option<StaffId>,
    pub audiences: BTreeSet<Audience>,
}

/// Makes the recovery seal of a change, which only the endpoint opens.
pub type Seal = Box<dyn Fn(&Ranked) -> SealedChange + Send + Sync>;

/// What survives: shared by the tabs of one tablet.
#[derive(Default)]
pub struct Disk {
    lies: Mutex<Lies>,
    /// What would be left if the power went now, where that is less than what lies there.
    synced: Mutex<Option<Box<Lies>>>,
    mood: Mutex<Mood>,
    /// Whether each transaction lets others go on before and after it.
    pauses: AtomicBool,
    /// Changes in one push, where that is fewer than the caller asks for: the browser's limit in bytes.
    push_changes_max: Mutex<Option<usize>>,
    seal: Mutex<Option<Seal>>,
}

#[derive(Debug, Clone, Default)]
struct Lies {
    rows: BTreeMap<u64, Row>,
    last_row: u64,
    blocks: BTreeMap<Audience, Vec<Record>>,
    /// Audiences whose block is torn.
    torn_blocks: BTreeSet<Audience>,
    tray: BTreeMap<ChangeId, (OwnRow, Refusal)>,
    epoch: Option<String>,
    push_counter: u64,
    since: BTreeMap<Audience, StreamMark>,
    corrected: Option<Stamp>,
    /// The endpoint's time, as it last said it.
    heard: Millis,
    leader: u64,
    checkpoints: u64,
    numbers: Numbers,
}

#[derive(Debug, Clone)]
enum Row {
    Own(OwnRow),
    Page { changes: Vec<Ranked>, torn: bool },
}

#[derive(Debug, Clone)]
struct OwnRow {
    ranked: Ranked,
    accepted: bool,
    /// By the endpoint's clock.
    accepted_at: Millis,
    /// Audiences that its author could not read when it was saved: its parts for them open for the author alone.
    for_author: BTreeSet<Audience>,
    /// Carried here by a file, in the form that only the endpoint opens; done once it has answered.
    handed: bool,
    torn: bool,
}

impl OwnRow {
    fn unsent(ranked: Ranked, for_author: BTreeSet<Audience>, handed: bool) -> Self {
        Self { ranked, accepted: false, accepted_at: Millis::default(), for_author, handed, torn: false }
    }
}

/// What the disk holds, as far as the present unlock opens it.
#[derive(Debug, Default)]
pub struct Contents {
    pub blocks: Vec<Vec<Record>>,
    pub accepted: Vec<Ranked>,
    pub tail: Vec<Ranked>,
    /// Changes that were in the tail when this tab last read and are on show no longer: in the tray now, or accepted
    /// and for other people's eyes.
    pub gone: Vec<ChangeId>,
    pub damages: Vec<Damage>,
    /// Rows that this tab had not read are gone: it has to read everything again.
    pub trimmed: bool,
}

/// A place that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    Row { sequence: u64, audiences: BTreeSet<Audience>, unsent: bool },
    Block(Audience),
}

impl Disk {
    pub fn set_mood(&self, mood: Mood) {
        *locked(&self.mood) = mood;
    }

    #[must_use]
    pub fn mood(&self) -> Mood {
        *locked(&self.mood)
    }

    pub fn set_pauses(&self, pauses: bool) {
        self.pauses.store(pauses, Ordering::Relaxed);
    }

    pub fn set_push_changes_max(&self, changes: usize) {
        *locked(&self.push_changes_max) = Some(changes);
    }

    pub fn set_seal(&self, seal: Seal) {
        *locked(&self.seal) = Some(seal);
    }

    /// The power goes: what was not strict is gone. Whether anything was.
    pub fn lose_power(&self) -> bool {
        let synced = locked(&self.synced).take();
        let lost = synced.is_some();
        if let Some(synced) = synced {
            *self.lies() = *synced;
        }
        lost
    }

    /// A copy as a backup of the profile makes it: [`Disk::restore`].
    #[must_use]
    pub fn copy(&self) -> DiskCopy {
        DiskCopy(self.lies().clone())
    }

    /// The profile is put back as it was.
    pub fn restore(&self, copy: &DiskCopy) {
        *self.lies() = copy.0.clone();
        *locked(&self.synced) = None;
    }

    /// Damages one row or block, chosen by `chance`. Whether there was one.
    pub fn tear(&self, chance: u64) -> bool {
        let mut lies = self.lies();
        let places = lies.rows.len() + lies.blocks.len();
        if places == 0 {
            return false;
        }
        let place = (chance % places as u64) as usize;
        if let Some(row) = lies.rows.values_mut().nth(place) {
            match row {
                Row::Own(row) => row.torn = true,
                Row::Page { torn, .. } => *torn = true,
            }
        } else {
            let audience = lies.blocks.keys().nth(place - lies.rows.len()).cloned();
            lies.torn_blocks.extend(audience);
        }
        true
    }

    /// The ids of what the tablet has not had an answer for.
    #[must_use]
    pub fn unsent(&self) -> Vec<ChangeId> {
        self.lies().tail().map(|(_, row)| row.ranked.change.id()).collect()
    }

    /// The unsent changes themselves, as a hand-over file carries them: what was sealed for the endpoint is whole in a
    /// torn row too.
    #[must_use]
    pub fn hand_over(&self) -> Vec<Ranked> {
        self.lies().tail().map(|(_, row)| row.ranked.clone()).collect()
    }

    /// Refused changes and why.
    #[must_use]
    pub fn tray(&self) -> Vec<(ChangeId, Refusal)> {
        self.lies().tray.iter().map(|(id, (_, reason))| (*id, reason.clone())).collect()
    }

    /// The ids of accepted own changes that are still here whole.
    #[must_use]
    pub fn own_accepted(&self) -> Vec<ChangeId> {
        let lies = self.lies();
        let own = lies.rows.values().filter_map(|row| if let Row::Own(row) = row { Some(row) } else { None });
        own.filter(|row| row.accepted && !row.torn).map(|row| row.ranked.change.id()).collect()
    }

    /// The ids of all own changes that lie here, in the tray too.
    #[must_use]
    pub fn all_own(&self) -> Vec<ChangeId> {
        let lies = self.lies();
        let own = lies.rows.values().filter_map(|row| if let Row::Own(row) = row { Some(row) } else { None });
        own.map(|row| row.ranked.change.id()).chain(lies.tray.keys().copied()).collect()
    }

    /// The tablet is another device from here on: numbers were given to the one that it was.
    pub fn forget_numbers(&self) {
        self.lies().numbers = Numbers::default();
    }

    fn lies(&self) -> MutexGuard<'_, Lies> {
        locked(&self.lies)
    }

    async fn pause(&self) {
        let mut waited = !self.pauses.load(Ordering::Relaxed);
        poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// One transaction. `strict` ones survive the power going.
    async fn write<T>(
        &self,
        strict: bool,
        transaction: impl FnOnce(&mut Lies) -> Result<T, AppendError>,
    ) -> Result<T, AppendError> {
        self.pause().await;
        match *locked(&self.mood) {
            Mood::Well => {}
            Mood::Full => return Err(AppendError::Full { free_bytes: Some(0) }),
            Mood::Closed => return Err(AppendError::Closed),
        }
        if strict {
            *locked(&self.synced) = None;
        } else {
            locked(&self.synced).get_or_insert_with(|| Box::new(self.lies().clone()));
        }
        let done = transaction(&mut self.lies())?;
        self.pause().await;
        Ok(done)
    }
}

/// A test that failed while it held the lock has said so already.
fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a disk held at one time.
#[derive(Debug, Clone)]
pub struct DiskCopy(Lies);

impl Lies {
    fn add(&mut self, row: Row) -> u64 {
        self.last_row += 1;
        self.rows.insert(self.last_row, row);
        self.last_row
    }

    fn tail(&self) -> impl Iterator<Item = (u64, &OwnRow)> {
        self.rows.iter().filter_map(|(sequence, row)| match row {
            Row::Own(row) if !row.accepted => Some((*sequence, row)),
            Row::Own(_) | Row::Page { .. } => None,
        })
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Disk({} rows)", self.lies().rows.len())
    }
}

/// One tab's way to the disk.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    disk: Arc<Disk>,
    /// `None` opens everything: a test that is not about who may see what.
    unlocked: RefCell<Option<Unlocked>>,
    read_to: Cell<u64>,
    /// Rows of the tail that this tab has read or written, and of which it has not heard more.
    tail: RefCell<BTreeMap<u64, ChangeId>>,
    checkpoints: Cell<u64>,
    leader: Cell<Option<u64>>,
    /// How far each audience was read when the push under way began.
    asked_since: RefCell<BTreeMap<Audience, StreamMark>>,
    /// What the last turn wrote, until it is let in: the row of its page, and the rows of the tail that it settled.
    taken_in: RefCell<(Option<u64>, Vec<u64>)>,
}

impl MemoryJournal {
    /// A tab. It has read nothing yet.
    #[must_use]
    pub fn on(disk: Arc<Disk>) -> Self {
        Self { disk, ..Self::default() }
    }

    /// Somebody unlocks, or nobody is: then only the endpoint opens what goes out.
    pub fn unlock(&self, unlocked: Unlocked) {
        self.unlocked.replace(Some(unlocked));
    }

    #[must_use]
    pub fn kept(&self) -> Kept {
        let lies = self.disk.lies();
        let mut kept = Kept {
            epoch: lies.epoch.clone(),
            push_counter: lies.push_counter,
            since: lies.since.clone(),
            tray: lies.tray.values().map(|(row, reason)| (row.ranked.clone(), reason.clone())).collect(),
            ..Kept::default()
        };
        for row in lies.rows.values() {
            match row {
                Row::Own(row) if row.accepted => kept.accepted.push(row.ranked.clone()),
                Row::Own(row) => kept.tail.push(row.ranked.clone()),
                Row::Page { changes, .. } => kept.accepted.extend(changes.iter().cloned()),
            }
        }
        kept
    }

    // ---- Reading --------------------------------------------------------------------------------------------

    /// Everything that the present unlock opens.
    ///
    /// # Errors
    /// [`AppendError::Closed`]
    pub async fn read_all(&self) -> Result<Contents, AppendError> {
        self.disk.pause().await;
        self.is_open()?;
        let lies = self.disk.lies();
        self.read_to.set(lies.last_row);
        self.checkpoints.set(lies.checkpoints);
        self.tail.replace(lies.tail().map(|(sequence, row)| (sequence, row.ranked.change.id())).collect());
        let mut contents = Contents::default();
        for (audience, records) in lies.blocks.iter().filter(|(audience, _)| self.opens(audience)) {
            if lies.torn_blocks.contains(audience) {
                contents.damages.push(Damage::Block(audience.clone()));
            } else {
                contents.blocks.push(records.clone());
            }
        }
        lies.rows.iter().for_each(|(sequence, row)| self.read_row(*sequence, row, &mut contents));
        Ok(contents)
    }

    /// What other tabs have written since, and what became of the tail.
    ///
    /// # Errors
    /// [`AppendError::Closed`]
    pub async fn read_new(&self) -> Result<Contents, AppendError> {
        self.disk.pause().await;
        self.is_open()?;
        let lies = self.disk.lies();
        let trimmed = lies.checkpoints != self.checkpoints.get();
        if probe::decide("journal: rows were trimmed meanwhile", trimmed) {
            return Ok(Contents { trimmed: true, ..Contents::default() });
        }
        let mut contents = Contents::default();
        self.tail.borrow_mut().retain(|sequence, id| match lies.rows.get(sequence) {
            Some(Row::Own(row)) if !row.accepted => true,
            Some(row) => {
                let before = contents.accepted.len();
                self.read_row(*sequence, row, &mut contents);
                let shown = contents.accepted.len() > before;
                if !probe::decide("journal: what another tab saw accepted is on show", shown) {
                    contents.gone.push(*id);
                }
                false
            }
            None => {
                if probe::decide("journal: another tab heard of a refusal", lies.tray.contains_key(id)) {
                    contents.gone.push(*id);
                }
                false
            }
        });
        for (sequence, row) in lies.rows.range(self.read_to.get() + 1..) {
            self.read_row(*sequence, row, &mut contents);
            if let Row::Own(row) = row
                && !row.accepted
            {
                self.tail.borrow_mut().insert(*sequence, row.ranked.change.id());
            }
        }
        // What was written for others may be for whoever is unlocked now, and have come back in a page.
        let shown: BTreeSet<ChangeId> = contents.accepted.iter().map(|ranked| ranked.change.id()).collect();
        contents.gone.retain(|id| !shown.contains(id));
        self.read_to.set(lies.last_row);
        Ok(contents)
    }

    fn read_row(&self, sequence: u64, row: &Row, contents: &mut Contents) {
        match row {
            Row::Own(row) => {
                let audiences: BTreeSet<Audience> =
                    row.ranked.change.edits().map(|edit| edit.audience.clone()).collect();
                if row.torn {
                    contents.damages.push(Damage::Row { sequence, audiences, unsent: !row.accepted });
                    return;
                }
                if row.handed {
                    return;
                }
                let opens = |audience: &Audience| {
                    // What was written for others is there to be sent, and not shown once the endpoint has it.
                    if row.for_author.contains(audience) {
                        !row.accepted && self.is_author(row)
                    } else {
                        self.opens(audience)
                    }
                };
                let Some(change) = row.ranked.change.part_for(opens) else { return };
                let ranked = Ranked { change, ..row.ranked };
                if row.accepted { contents.accepted.push(ranked) } else { contents.tail.push(ranked) }
            }
            Row::Page { changes, torn } => {
                let parts = changes.iter().filter_map(|ranked| {
                    let change = ranked.change.part_for(|audience| self.opens(audience))?;
                    Some(Ranked { change, ..*ranked })
                });
                if *torn {
                    let audiences = changes.iter().flat_map(|ranked| ranked.change.edits());
                    let audiences = audiences.map(|edit| edit.audience.clone()).collect();
                    contents.damages.push(Damage::Row { sequence, audiences, unsent: false });
                } else {
                    contents.accepted.extend(parts);
                }
            }
        }
    }

    fn opens(&self, audience: &Audience) -> bool {
        self.unlocked.borrow().as_ref().is_none_or(|unlocked| unlocked.audiences.contains(audience))
    }

    fn is_author(&self, row: &OwnRow) -> bool {
        let unlocked = self.unlocked.borrow();
        unlocked.as_ref().is_none_or(|unlocked| unlocked.staff == Some(row.ranked.change.header.author))
    }

    fn is_open(&self) -> Result<(), AppendError> {
        if self.disk.mood() == Mood::Closed { Err(AppendError::Closed) } else { Ok(()) }
    }

    // ---- The tray -------------------------------------------------------------------------------------------

    /// Puts a refused change back into the tail as it is.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn resend(&self, id: ChangeId) -> Result<(), AppendError> {
        let write = self.disk.write(true, |lies| {
            if let Some((row, _)) = lies.tray.remove(&id) {
                lies.add(Row::Own(row));
            }
            Ok(())
        });
        write.await
    }

    /// Takes changes of a hand-over file into the tail, those left out that are here already; how many were new.
    ///
    /// # Errors
    /// [`AppendError`]; none was kept.
    pub async fn take_over(&self, handed: &[Ranked]) -> Result<usize, AppendError> {
        let write = self.disk.write(true, |lies| {
            let of_rows = |row: &Row| match row {
                Row::Own(row) => Some(row.ranked.change.id()),
                Row::Page { .. } => None,
            };
            let mut here: BTreeSet<ChangeId> = lies.rows.values().filter_map(of_rows).collect();
            here.extend(lies.tray.keys());
            let mut new = 0;
            for ranked in handed {
                if here.insert(ranked.change.id()) {
                    lies.add(Row::Own(OwnRow::unsent(ranked.clone(), BTreeSet::new(), true)));
                    new += 1;
                }
            }
            Ok(new)
        });
        write.await
    }

    // ---- Leading --------------------------------------------------------------------------------------------

    /// This tab leads from here on: what the leader before it writes fails.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn lead(&self) -> Result<(), AppendError> {
        let taken = self.disk.write(true, |lies| {
            lies.leader += 1;
            Ok(lies.leader)
        });
        self.leader.set(Some(taken.await?));
        Ok(())
    }

    fn check_leader(&self, lies: &Lies) -> Result<(), AppendError> {
        let deposed = self.leader.get().is_some_and(|ours| ours != lies.leader);
        if probe::decide("journal: another tab leads", deposed) {
            Err(AppendError::Aborted { detail: "another tab leads".into() })
        } else {
            Ok(())
        }
    }

    /// Writes every record of some audiences as blocks and trims what they now hold, as far as this tab has read it.
    /// Own changes stay for as long as a restored endpoint may ask for them. A tab that has not read since another one's
    /// checkpoint writes nothing: its records may lack what that one trimmed.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn checkpoint(&self, by_audience: BTreeMap<Audience, Vec<Record>>) -> Result<(), AppendError> {
        let up_to = self.read_to.get();
        let unheard: BTreeSet<u64> = self.tail.borrow().keys().copied().collect();
        let write = self.disk.write(true, |lies| {
            self.check_leader(lies)?;
            let missed = lies.checkpoints != self.checkpoints.get();
            if probe::decide("journal: another tab has checkpointed since", missed) {
                return Err(AppendError::Aborted { detail: "rows were trimmed that this tab has not read".into() });
            }
            let heard = lies.heard;
            lies.rows.retain(|sequence, row| {
                if *sequence > up_to {
                    return true;
                }
                match row {
                    Row::Own(row) if !row.accepted => true,
                    // Another tab saw it accepted, and this one's records do not hold it yet.
                    Row::Own(_) if probe::decide("journal: not heard of yet", unheard.contains(sequence)) => true,
                    Row::Own(row) => {
                        let held = row.ranked.change.edits().all(|edit| by_audience.contains_key(&edit.audience));
                        let for_restore = is_kept_for_restore(row.accepted_at, heard);
                        !held || row.torn || probe::decide("journal: an own change stays for a restore", for_restore)
                    }
                    Row::Page { torn: true, .. } => true,
                    Row::Page { changes, .. } => {
                        changes.retain_mut(|ranked| {
                            let left = ranked.change.part_for(|audience| !by_audience.contains_key(audience));
                            let left = left.map(|change| ranked.change = change);
                            probe::decide("journal: a page holds what no block holds", left.is_some())
                        });
                        !changes.is_empty()
                    }
                }
            });
            for (audience, records) in by_audience {
                lies.torn_blocks.remove(&audience);
                lies.blocks.insert(audience, records);
            }
            lies.checkpoints += 1;
            Ok(lies.checkpoints)
        });
        self.checkpoints.set(write.await?);
        Ok(())
    }

    /// Throws away what is damaged and can be had again, and begins to read its audiences anew.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn fetch_again(&self, damages: &[Damage]) -> Result<(), AppendError> {
        let write = self.disk.write(true, |lies| {
            for damage in damages {
                match damage {
                    Damage::Row { unsent: true, .. } => {}
                    Damage::Row { sequence, audiences, unsent: false } => {
                        lies.rows.remove(sequence);
                        lies.since.retain(|audience, _| !audiences.contains(audience));
                    }
                    Damage::Block(audience) => {
                        lies.blocks.remove(audience);
                        lies.torn_blocks.remove(audience);
                        lies.since.remove(audience);
                    }
                }
            }
            Ok(())
        });
        write.await
    }

    /// The records of this tab hold what the last turn brought. Until then [`MemoryJournal::read_new`] brings it.
    pub fn let_in_turn(&self) {
        let (page, settled) = self.taken_in.take();
        self.tail.borrow_mut().retain(|sequence, _| !settled.contains(sequence));
        page.into_iter().for_each(|sequence| self.step_to(sequence));
    }

    /// This tab wrote a row, and need not read it, unless others come before it.
    fn step_to(&self, sequence: u64) {
        if sequence == self.read_to.get() + 1 {
            self.read_to.set(sequence);
        }
    }

    fn outgoing(&self, row: &OwnRow) -> TailChange {
        let opens = |audience: &Audience| {
            if row.for_author.contains(audience) { self.is_author(row) } else { self.opens(audience) }
        };
        let open = !row.torn && !row.handed && row.ranked.change.edits().all(|edit| opens(&edit.audience));
        match &*locked(&self.disk.seal) {
            Some(seal) if !probe::decide("journal: a change that is open goes out open", open) => {
                TailChange::Sealed(seal(&row.ranked))
            }
            _ => TailChange::Open(row.ranked.clone()),
        }
    }
}

impl Journal for MemoryJournal {
    async fn append(&self, change: &Ranked) -> Result<(), AppendError> {
        let strict = probe::step("journal: a save is strict");
        let for_author = change.change.edits().map(|edit| &edit.audience).filter(|audience| !self.opens(audience));
        let for_author = for_author.cloned().collect();
        let row = OwnRow::unsent(change.clone(), for_author, false);
        let write = self.disk.write(strict, |lies| {
            if !probe::step("journal: a save is kept") {
                return Ok(lies.last_row);
            }
            let mut numbers = lies.numbers.clone();
            numbers.note(&change.change)?;
            if probe::step("journal: numbers are noted with the save that gives them") {
                lies.numbers = numbers;
            }
            Ok(lies.add(Row::Own(row)))
        });
        let sequence = write.await?;
        self.tail.borrow_mut().insert(sequence, change.change.id());
        self.step_to(sequence);
        Ok(())
    }

    async fn begin_push(&self, changes_max: usize) -> Result<Outgoing, AppendError> {
        let changes_max = locked(&self.disk.push_changes_max).unwrap_or(changes_max).min(changes_max);
        let write = self.disk.write(true, |lies| {
            self.check_leader(lies)?;
            if probe::step("journal: a push is counted") {
                lies.push_counter += 1;
            }
            let mut since = lies.since.clone();
            if let Some(unlocked) = &*self.unlocked.borrow() {
                since.retain(|audience, _| unlocked.audiences.contains(audience));
                for audience in &unlocked.audiences {
                    since.entry(audience.clone()).or_default();
                }
            }
            self.asked_since.borrow_mut().clone_from(&since);
            let staying = lies.tail().skip(changes_max).count();
            Ok(Outgoing {
                epoch: lies.epoch.clone(),
                push_counter: lies.push_counter,
                tail: lies.tail().take(changes_max).map(|(_, row)| self.outgoing(row)).collect(),
                more: staying > 0,
                since,
                corrected: lies.corrected,
                numbers: lies.numbers.wanted(),
                unsent: count_of(staying + lies.tray.len()),
            })
        });
        write.await
    }

    async fn take_in(&self, news: &News) -> Result<(), AppendError> {
        let accepted: BTreeMap<ChangeId, (Stamp, DeviceNumber)> =
            news.accepted.iter().map(|it| (it.id, (it.stamp, it.device))).collect();
        let refused: BTreeMap<ChangeId, &Refusal> = news.refused.iter().map(|(id, reason)| (*id, reason)).collect();
        let write = self.disk.write(true, |lies| {
            self.check_leader(lies)?;
            // Another tab may have heard of an endpoint that was put back, or of this one first, while this answer came.
            let other_epoch = lies.epoch.as_ref().is_some_and(|epoch| *epoch != news.epoch);
            if other_epoch {
                return Err(AppendError::Aborted { detail: OTHER_EPOCH.into() });
            }
            let mut page = None;
            let mut kept_own = BTreeSet::new();
            let mut settled = Vec::new();
            let Lies { rows, tray, corrected, .. } = lies;
            rows.retain(|sequence, row| {
                let Row::Own(own) = row else { return true };
                let id = own.ranked.change.id();
                if own.accepted {
                    kept_own.extend((own.for_author.is_empty() && !own.torn).then_some(id));
                } else if let Some((stamp, device)) = accepted.get(&id)
                    && probe::step("journal: what was accepted leaves the tail")
                {
                    if own.handed {
                        settled.push(*sequence);
                        return false;
                    }
                    (own.accepted, own.accepted_at) = (true, news.server_time);
                    // One that was set back says nothing: what was made after it is ahead by itself.
                    let set_forward = *device != own.ranked.change.header.device && *stamp > own.ranked.stamp;
                    if probe::decide("journal: a stamp was set forward", set_forward)
                        && probe::step("journal: a corrected stamp is remembered")
                    {
                        *corrected = (*corrected).max(Some(*stamp));
                    }
                    if probe::step("journal: an accepted change gets its rank") {
                        (own.ranked.stamp, own.ranked.device) = (*stamp, *device);
                    }
                    kept_own.extend((own.for_author.is_empty() && !own.torn).then_some(id));
                    settled.push(*sequence);
                } else if let Some(reason) = refused.get(&id) {
                    if probe::step("journal: what was refused goes to the tray") {
                        tray.insert(id, (own.clone(), (*reason).clone()));
                    }
                    settled.push(*sequence);
                    return false;
                }
                true
            });
            // An own change that lies here whole need not be kept twice.
            let parts = news.pulled.iter().filter(|ranked| !kept_own.contains(&ranked.change.id()));
            let parts = parts.filter_map(|ranked| {
                let change = ranked.change.part_for(|audience| self.opens(audience))?;
                Some(Ranked { change, ..*ranked })
            });
            let changes: Vec<Ranked> = parts.collect();
            if !changes.is_empty() && probe::step("journal: a page is kept") {
                page = Some(lies.add(Row::Page { changes, torn: false }));
            }
            if probe::step("journal: the cursor is kept with the page") {
                let asked_since = self.asked_since.borrow();
                for (audience, mark) in news.streams.iter().filter(|(audience, _)| self.opens(audience)) {
                    let (asked, read) = (asked_since.get(audience).copied(), lies.since.get(audience).copied());
                    let goes_on = read.unwrap_or_default() == asked.unwrap_or_default();
                    // Where another tab has begun to read anew meanwhile, what this page skips is still to come.
                    if probe::decide("journal: the page goes on from the cursor", goes_on) {
                        lies.since.insert(audience.clone(), *mark);
                    }
                }
                drop(asked_since);
                // What comes next without another push goes on from here.
                let went_on = news.streams.iter().map(|(audience, mark)| (audience.clone(), *mark));
                self.asked_since.borrow_mut().extend(went_on);
            }
            if let Some(given) = &news.numbers {
                lies.numbers.take_in(given);
            }
            lies.epoch = Some(news.epoch.clone());
            lies.heard = news.server_time;
            Ok((page, settled))
        });
        self.taken_in.replace(write.await?);
        Ok(())
    }

    /// Own changes go back into the tail: the endpoint may have lost them, and has them already if not. What was
    /// pulled is read again, since ranks and numbers may be others now.
    async fn begin_epoch(&self, epoch: &str) -> Result<(), AppendError> {
        let write = self.disk.write(true, |lies| {
            self.check_leader(lies)?;
            if probe::step("journal: another epoch is read from its start") {
                lies.since.clear();
            }
            lies.rows.retain(|_, row| match row {
                Row::Own(row) => {
                    if probe::step("journal: another epoch is offered what was accepted") {
                        row.accepted = false;
                    }
                    true
                }
                Row::Page { .. } => false,
            });
            lies.blocks.clear();
            lies.torn_blocks.clear();
            lies.checkpoints += 1;
            lies.epoch = Some(epoch.into());
            Ok(())
        });
        write.await
    }

    async fn numbers(&self) -> Result<Numbers, AppendError> {
        self.is_open()?;
        Ok(self.disk.lies().numbers.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::contract::{self, Tab},
        replica::Replica,
        sync::now_or_never,
    };

    struct MemoryTab {
        journal: MemoryJournal,
        replica: RefCell<Replica>,
    }

    impl MemoryTab {
        fn on(disk: Arc<Disk>) -> Self {
            let journal = MemoryJournal::on(disk);
            let own = Audience::Own(crate::fixture::venue(), crate::fixture::staff(1));
            journal.unlock(Unlocked { staff: Some(crate::fixture::staff(1)), audiences: BTreeSet::from([own]) });
            Self { journal, replica: RefCell::default() }
        }

        fn let_in(&self, contents: Contents) {
            let mut replica = self.replica.borrow_mut();
            contents.blocks.into_iter().for_each(|block| drop(replica.load_block(block)));
            contents.accepted.iter().for_each(|change| drop(replica.take_in(change)));
            contents.gone.iter().for_each(|id| drop(replica.refuse(*id)));
            contents.tail.into_iter().for_each(|change| drop(replica.append(change)));
        }
    }

    impl Tab for MemoryTab {
        type Journal = MemoryJournal;

        fn journal(&self) -> &MemoryJournal {
            &self.journal
        }

        async fn another(&self) -> Self {
            Self::on(self.journal.disk.clone())
        }

        async fn lead(&self) {
            self.journal.lead().await.unwrap();
        }

        async fn open(&self) {
            self.replica.take();
            let contents = self.journal.read_all().await.unwrap();
            let damages = contents.damages.clone();
            self.let_in(contents);
            self.journal.fetch_again(&damages).await.unwrap();
        }

        async fn hear(&self) -> bool {
            let contents = self.journal.read_new().await.unwrap();
            let is_all = !contents.trimmed;
            self.let_in(contents);
            is_all
        }

        async fn save(&self, change: &Ranked) {
            self.journal.append(change).await.unwrap();
            self.replica.borrow_mut().append(change.clone());
        }

        async fn take_in(&self, news: &News) {
            self.journal.take_in(news).await.unwrap();
            let mut replica = self.replica.borrow_mut();
            for accepted in &news.accepted {
                let holds = |audience: &Audience| self.journal.opens(audience);
                replica.settle(accepted.id, accepted.stamp, accepted.device, &holds);
            }
            news.refused.iter().for_each(|(id, _)| drop(replica.refuse(*id)));
            news.pulled.iter().for_each(|change| drop(replica.take_in(change)));
            self.journal.let_in_turn();
        }

        async fn count_unsent(&self) -> usize {
            self.journal.disk.unsent().len()
        }

        async fn count_kept(&self) -> usize {
            self.journal.disk.own_accepted().len()
        }

        async fn checkpoint(&self) -> Result<(), AppendError> {
            let unlocked = self.journal.unlocked.borrow().clone().unwrap();
            let by_audience: BTreeMap<Audience, Vec<Record>> = {
                let replica = self.replica.borrow();
                let of_it = |audience: &Audience| replica.base_of(audience).map(std::borrow::Cow::into_owned).collect();
                unlocked.audiences.iter().map(|audience| (audience.clone(), of_it(audience))).collect()
            };
            self.journal.checkpoint(by_audience).await
        }

        async fn tear(&self) {
            assert!(self.journal.disk.tear(0));
        }

        fn replica<T>(&self, ask: impl FnOnce(&Replica) -> T) -> T {
            ask(&self.replica.borrow())
        }
    }

    macro_rules! promises {
        ($($name:ident)*) => {
            $(
                #[test]
                fn $name() {
                    now_or_never(contract::$name(MemoryTab::on(Arc::default())));
                }
            )*
        };
    }

    crate::journal_contract!(promises);
}
