//! Every record this device holds, in memory, with its indexes.
//!
//! What a person sees is the base (accepted changes only, as records) plus the tail (own changes that the
//! endpoint has not answered, with provisional ranks). The sum is kept only for the records that the tail
//! touches. A refusal, or a rank that the verdict corrected, makes that sum anew from the base and the rest of
//! the tail: nothing is ever un-merged. Indexes follow change by change, so that lists and searches answer at
//! once, and every step says what it touched, so that a screen updates only for what it shows.
//!
//! The base stays packed as it was read from the disk, and a record is unpacked when it is asked for: a microsecond.
//! Records that changed since are kept unpacked until there are enough of them for a block; which of them the disk
//! does not have yet is known, and is what the next checkpoint writes.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use crate::{
    audience::Audience,
    change::{Change, Edit, Key, Ranked},
    codec::{self, Block, CodecError},
    id::{ChangeId, DeviceNumber, RecordId, VenueId},
    lead, merge,
    number::{CardNumber, is_same_card},
    record::Record,
    search::{Found, Hit, Scope},
    stamp::{Rank, Stamp},
    time::{Day, Millis},
    typed::half_width,
    value::Value,
    workflow::PROGRESS,
};

mod index;
mod lists;
pub(crate) mod people;
mod rows;

use index::{Facts, Index};
use people::Tokens;
use rows::{Row, Rows};

/// Every record this device holds. Its `Debug` shows counts only.
#[derive(Default)]
pub struct Replica {
    rows: Rows,
    /// Where in the blocks each row's record of the base is.
    places: Vec<Place>,
    blocks: Vec<Option<Packed>>,
    /// Records of the base that are in no block of the memory.
    loose: BTreeMap<Row, Record>,
    /// Records in the base.
    base_len: usize,
    /// The audience of each row's record of the base.
    audiences: Audiences,
    /// Rows whose record of the base is on the disk in a block that was written after the whole audience was.
    since_whole: BTreeSet<Row>,
    /// Rows whose record of the base no block on the disk has.
    unwritten: BTreeSet<Row>,
    /// Those of them that a checkpoint under way writes; `None` while there is none.
    being_written: Option<BTreeSet<Row>>,
    /// What each audience has of the records that several have something of; the base has the sum. Such a record lies in
    /// the blocks of each of them.
    parts: BTreeMap<Row, BTreeMap<Audience, Record>>,
    /// Own changes without a verdict, oldest first.
    tail: BTreeMap<TailPlace, Ranked>,
    tail_place_by_change: BTreeMap<ChangeId, TailPlace>,
    next_tail_place: TailPlace,
    /// Base plus tail, for the records that the tail touches.
    overlay: BTreeMap<RecordId, Overlaid>,
    index: Index,
    /// The last answer of [`Replica::people`], for as long as it holds.
    listed: RefCell<Option<(Scope, Arc<[RecordId]>)>>,
}

type TailPlace = u64;

/// Where a record is packed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    block: u32,
    at: u32,
}

const NOWHERE: Place = Place { block: u32::MAX, at: 0 };

/// A block, and how many of its records still stand.
struct Packed {
    block: Block,
    standing: usize,
}

/// Records in one block: a start costs by the number of values read, opening by their bytes.
const BLOCK_RECORDS_MAX: usize = 4_096;
/// A block of which nothing has changed is written again as it is from here on; smaller ones become one, since a start
/// costs by the number of blocks.
const BLOCK_KEPT_MIN: usize = BLOCK_RECORDS_MAX / 2;
/// Records that are kept unpacked: packing so many takes a few milliseconds.
const LOOSE_MAX: usize = 1_024;

/// How much of an audience a block on the disk is part of, or a checkpoint writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Every record.
    Whole,
    /// What changed since every record was written.
    Since,
    /// What changed since the last checkpoint.
    Latest,
}

/// What a block brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    pub records: usize,
    /// The highest in it.
    pub stamp: Stamp,
}

/// Records of the base, so many as make a block, for a checkpoint: [`Replica::packed`].
#[derive(Debug, Clone)]
pub struct Chunk {
    audience: Audience,
    rows: Vec<Row>,
    /// The block of the memory that holds them and nothing else.
    block: Option<u32>,
}

impl Chunk {
    /// How many records there are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// An audience a row, each written once.
#[derive(Default)]
struct Audiences {
    known: Vec<Audience>,
    by_row: Vec<u32>,
    /// The one that was set last: a block has few.
    last: u32,
}

impl Audiences {
    fn set(&mut self, row: Row, audience: &Audience) {
        let number = self.number(audience);
        self.set_number(row, number);
    }

    fn number(&mut self, audience: &Audience) -> u32 {
        if self.known.get(self.last as usize) != Some(audience) {
            let place = self.known.iter().position(|other| other == audience).unwrap_or_else(|| {
                self.known.push(audience.clone());
                self.known.len() - 1
            });
            self.last = place as u32;
        }
        self.last
    }

    fn set_number(&mut self, row: Row, number: u32) {
        if self.by_row.len() <= row as usize {
            self.by_row.resize(row as usize + 1, u32::MAX);
        }
        self.by_row[row as usize] = number;
    }

    fn get(&self, row: Row) -> Option<&Audience> {
        self.known.get(*self.by_row.get(row as usize)? as usize)
    }
}

struct Overlaid {
    record: Record,
    /// The changes of the tail that touch it.
    by: BTreeSet<TailPlace>,
}

/// What a step changed of what is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Records that were set, and the people whose history they belong to.
    pub records: BTreeSet<RecordId>,
    /// The kinds of record that were set: a list of outings looks again when `outing` is in it.
    pub kinds: BTreeSet<Key>,
}

impl Touched {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Adds what another step touched.
    pub fn and(&mut self, other: Self) {
        self.records.extend(other.records);
        self.kinds.extend(other.kinds);
    }
}

impl Replica {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // ---- What comes in --------------------------------------------------------------------------------------

    /// Makes room for so many more records, so that loading them moves none.
    pub fn make_room(&mut self, records: usize) {
        self.rows.make_room(self.rows.len() + records);
        self.places.reserve(records);
        self.audiences.by_row.reserve(records);
        self.index.make_room(records);
    }

    /// Takes in a block of the base as it was written: records of accepted changes. Of what one audience has of a record
    /// the block read last stands.
    ///
    /// # Errors
    /// [`CodecError`]; nothing of it is taken in.
    pub fn load(&mut self, bytes: Vec<u8>, extent: Extent) -> Result<Loaded, CodecError> {
        let number = self.blocks.len() as u32;
        self.listed.take();
        let Self { rows, places, overlay, loose, index, since_whole, audiences, .. } = self;
        let mut entries = Vec::new();
        let mut stamp = Stamp::default();
        let mut known = Vec::new();
        let first_new = rows.len();
        // What was met goes in once all of it was read: a block may turn out to be damaged at its end.
        let mut met = Vec::new();
        let mut names = Tokens::default();
        let block = Block::read(bytes, &index::SOUGHT, &mut |glance, at| {
            met.push((glance.id, at, audiences.number(glance.audience), index.facts(glance)));
            names.push(index::name(glance));
            stamp = stamp.max(glance.stamp);
        })?;
        for (number_in_block, (id, at, audience, facts)) in met.into_iter().enumerate() {
            let row = rows.row(id);
            let place = Place { block: number, at };
            audiences.set_number(row, audience);
            match extent {
                Extent::Whole => {
                    since_whole.remove(&row);
                }
                Extent::Since | Extent::Latest => {
                    since_whole.insert(row);
                }
            }
            places.resize(rows.len().max(places.len()), NOWHERE);
            let is_new = places[row as usize] == NOWHERE
                && (row as usize >= first_new || !(loose.contains_key(&row) || overlay.contains_key(&id)));
            if is_new {
                places[row as usize] = place;
                index.load(row, &facts, names.get(number_in_block), &mut entries, rows);
            } else {
                known.push((row, place, audience));
            }
        }
        let count = block.count();
        self.base_len += count - known.len();
        // Those that are put in below count already: the record that one replaces may be in the same block.
        self.blocks.push(Some(Packed { block, standing: count }));
        self.index.put_in_all(entries, &self.rows);
        let mut touched = Touched::default();
        for (row, place, audience) in known {
            let id = self.rows.id(row);
            let audience = self.audiences.known[audience as usize].clone();
            self.step(&[id], &mut touched, |replica| {
                let mut parts = replica.parts_besides(row, &audience);
                replica.forget(row);
                replica.places[row as usize] = place;
                replica.base_len += 1;
                if !parts.is_empty() {
                    let part = replica.of_base(row).expect("it has a place").into_owned();
                    replica.forget(row);
                    parts.insert(audience, part);
                    replica.put_together(row, parts);
                    replica.since_whole.insert(row);
                }
                replica.lay_over(id);
            });
        }
        Ok(Loaded { records: count, stamp })
    }

    /// Takes in records of accepted changes, as [`Replica::load`] does.
    pub fn load_block(&mut self, records: Vec<Record>) -> Touched {
        let mut touched = Touched::default();
        for record in records {
            let id = record.id;
            self.step(&[id], &mut touched, |replica| {
                replica.put_in_base(record);
                replica.lay_over(id);
            });
        }
        self.pack_loose();
        touched
    }

    /// Takes in an accepted change, from elsewhere or one's own whose verdict was lost: that leaves the tail.
    pub fn take_in(&mut self, change: &Ranked) -> Touched {
        let mut touched = Touched::default();
        let own = self.tail_place_by_change.get(&change.change.id()).map(|place| self.tail[place].change.clone());
        let ids = records_of([Some(&change.change), own.as_ref()]);
        change.change.edits().for_each(|edit| self.loosen(edit.record));
        self.step(&ids, &mut touched, |replica| {
            replica.let_go_of(change.change.id());
            for edit in change.change.edits() {
                let (rank, row) = (change.rank(), replica.rows.row(edit.record));
                replica.split(row, edit, rank);
                let record = match replica.loose.remove(&row) {
                    Some(mut record) => {
                        merge::apply(&mut record, rank, edit);
                        record
                    }
                    None => {
                        let mut record = merge::begin(rank, edit);
                        merge::apply(&mut record, rank, edit);
                        replica.base_len += 1;
                        record
                    }
                };
                replica.audiences.set(row, record.audience());
                replica.loose.insert(row, record);
                replica.unwritten.insert(row);
            }
            ids.iter().for_each(|id| replica.lay_over(*id));
        });
        if self.loose.len() > LOOSE_MAX {
            self.pack_loose();
        }
        touched
    }

    /// Adds an own change that has no verdict yet. One that is already in the tail changes nothing.
    pub fn append(&mut self, change: Ranked) -> Touched {
        let mut touched = Touched::default();
        if self.tail_place_by_change.contains_key(&change.change.id()) {
            return touched;
        }
        let ids = records_of([Some(&change.change), None]);
        let of_base = |id: &RecordId| Some((*id, self.accepted(*id)?.into_owned()));
        let mut before: BTreeMap<RecordId, Record> = ids.iter().filter_map(of_base).collect();
        self.step(&ids, &mut touched, |replica| {
            let place = replica.next_tail_place;
            replica.next_tail_place += 1;
            replica.tail_place_by_change.insert(change.change.id(), place);
            for edit in change.change.edits() {
                let overlaid = replica.overlay.entry(edit.record).or_insert_with(|| Overlaid {
                    record: before.remove(&edit.record).unwrap_or_else(|| merge::begin(change.rank(), edit)),
                    by: BTreeSet::new(),
                });
                merge::apply(&mut overlaid.record, change.rank(), edit);
                overlaid.by.insert(place);
            }
            replica.tail.insert(place, change);
        });
        touched
    }

    /// The endpoint accepted an own change, and fixed its rank: it leaves the tail for the base. What was written for
    /// people who read other audiences than `holds` says is on show no longer: nothing more of it would arrive.
    pub fn settle(
        &mut self,
        id: ChangeId,
        stamp: Stamp,
        device: DeviceNumber,
        holds: &dyn Fn(&Audience) -> bool,
    ) -> Touched {
        let Some(place) = self.tail_place_by_change.get(&id) else { return Touched::default() };
        match self.tail[place].change.part_for(holds) {
            Some(change) => self.take_in(&Ranked { stamp, device, change }),
            None => self.refuse(id),
        }
    }

    /// The endpoint refused an own change: what it touched is as if it had never been made.
    pub fn refuse(&mut self, id: ChangeId) -> Touched {
        let mut touched = Touched::default();
        let Some(place) = self.tail_place_by_change.get(&id) else { return touched };
        let ids = records_of([Some(&self.tail[place].change), None]);
        self.step(&ids, &mut touched, |replica| {
            replica.let_go_of(id);
            ids.iter().for_each(|id| replica.lay_over(*id));
        });
        touched
    }

    /// Drops what an audience has of records, because this device may no longer hold it. Its unsent changes stay.
    pub fn drop_audience(&mut self, audience: &Audience) -> Touched {
        let mut touched = Touched::default();
        for row in 0..self.rows.len() as Row {
            if !self.audiences_of(row).any(|other| other == audience) {
                continue;
            }
            let id = self.rows.id(row);
            self.step(&[id], &mut touched, |replica| {
                let parts = replica.parts_besides(row, audience);
                replica.forget(row);
                if parts.is_empty() {
                    replica.unwritten.remove(&row);
                } else {
                    replica.put_together(row, parts);
                }
                replica.lay_over(id);
            });
        }
        touched
    }

    // ---- What a checkpoint writes ---------------------------------------------------------------------------

    /// How many records of each audience no block on the disk has.
    #[must_use]
    pub fn unwritten(&self) -> BTreeMap<Audience, usize> {
        let mut count_by_audience = BTreeMap::new();
        for audience in self.unwritten.iter().flat_map(|row| self.audiences_of(*row)) {
            *count_by_audience.entry(audience.clone()).or_default() += 1;
        }
        count_by_audience
    }

    /// Begins a checkpoint: what is taken in from here on belongs to the next one.
    pub fn begin_checkpoint(&mut self) {
        let mut rows = self.being_written.take().unwrap_or_default();
        rows.append(&mut self.unwritten);
        self.being_written = Some(rows);
    }

    /// Ends a checkpoint; if it came to nothing, the next one writes what this one should have.
    pub fn end_checkpoint(&mut self, kept: bool, extents: &BTreeMap<Audience, Extent>) {
        let Some(written) = self.being_written.take() else { return };
        if !kept {
            self.unwritten.extend(written);
            return;
        }
        let is_whole = |audience: &Audience| extents.get(audience) == Some(&Extent::Whole);
        self.since_whole.extend(written);
        let rows = std::mem::take(&mut self.since_whole);
        let stays = |row: &Row| self.audiences_of(*row).any(|audience| !is_whole(audience));
        self.since_whole = rows.into_iter().filter(stays).collect();
    }

    /// What a checkpoint under way writes of each audience.
    #[must_use]
    pub fn to_write(&self, extents: &BTreeMap<Audience, Extent>) -> BTreeMap<Audience, Vec<Chunk>> {
        let extent_of = |audience: &Audience| extents.get(audience).copied();
        let mut chunks: BTreeMap<Audience, Vec<Chunk>> = BTreeMap::new();
        let mut as_it_is: BTreeMap<u32, (&Audience, Vec<Row>)> = BTreeMap::new();
        for (number, packed) in (0..).zip(&self.blocks) {
            if let Some(Packed { block, standing }) = packed
                && *standing == block.count()
                && block.count() >= BLOCK_KEPT_MIN
                && let Some(audience) = block.audience().filter(|audience| extent_of(audience) == Some(Extent::Whole))
            {
                as_it_is.insert(number, (audience, Vec::new()));
            }
        }
        // Such a block has sums of records, of which its audience has a part.
        for row in self.parts.keys() {
            as_it_is.remove(&self.place(*row).block);
        }
        let any_whole = extents.values().any(|extent| *extent == Extent::Whole);
        let being_written = self.being_written.as_ref();
        let changed: BTreeSet<Row> =
            self.since_whole.iter().chain(being_written.into_iter().flatten()).copied().collect();
        let rows =
            if any_whole { (0..self.rows.len() as Row).collect() } else { Vec::from_iter(changed.iter().copied()) };
        let mut rows_by_audience: BTreeMap<Audience, Vec<Row>> = BTreeMap::new();
        for row in rows {
            if let Some((_, rows)) = as_it_is.get_mut(&self.place(row).block) {
                rows.push(row);
                continue;
            }
            for audience in self.audiences_of(row) {
                let wanted = match extent_of(audience) {
                    Some(Extent::Whole) => true,
                    Some(Extent::Since) => changed.contains(&row),
                    Some(Extent::Latest) => being_written.is_some_and(|rows| rows.contains(&row)),
                    None => false,
                };
                if wanted {
                    rows_by_audience.entry(audience.clone()).or_default().push(row);
                }
            }
        }
        for (block, (audience, rows)) in as_it_is {
            let chunk = Chunk { audience: audience.clone(), rows, block: Some(block) };
            chunks.entry(audience.clone()).or_default().push(chunk);
        }
        for (audience, rows) in rows_by_audience {
            let chunk_of = |rows: &[Row]| Chunk { audience: audience.clone(), rows: rows.to_vec(), block: None };
            let of_rows: Vec<Chunk> = rows.chunks(BLOCK_RECORDS_MAX).map(chunk_of).collect();
            chunks.entry(audience).or_default().extend(of_rows);
        }
        chunks
    }

    /// The records of a chunk as a block, in the state that they are in now; `None` if no checkpoint is under way,
    /// because another replica came in the place of the one that began it.
    #[must_use]
    pub fn packed(&self, chunk: &Chunk) -> Option<Vec<u8>> {
        self.being_written.as_ref()?;
        let as_it_is = chunk.block.and_then(|block| self.blocks.get(block as usize)?.as_ref());
        Some(match as_it_is.filter(|packed| packed.standing == packed.block.count()) {
            Some(packed) => packed.block.bytes().to_vec(),
            None => {
                let records = chunk.rows.iter().filter_map(|row| self.part(*row, &chunk.audience));
                codec::pack(&records.map(Cow::into_owned).collect::<Vec<_>>())
            }
        })
    }

    // ---- Records --------------------------------------------------------------------------------------------

    /// A record as it is shown: base plus tail.
    #[must_use]
    pub fn record(&self, id: RecordId) -> Option<Cow<'_, Record>> {
        match self.overlay.get(&id) {
            Some(overlaid) => Some(Cow::Borrowed(&overlaid.record)),
            None => self.accepted(id),
        }
    }

    /// A record of the base: what the endpoint has accepted of it.
    #[must_use]
    pub fn accepted(&self, id: RecordId) -> Option<Cow<'_, Record>> {
        self.rows.find(id).and_then(|row| self.of_base(row))
    }

    /// What an audience has of the records of the base; in no particular order.
    pub fn base_of<'a>(&'a self, audience: &'a Audience) -> impl Iterator<Item = Cow<'a, Record>> {
        (0..self.rows.len() as Row).filter_map(move |row| self.part(row, audience))
    }

    /// The records of the base; in no particular order.
    pub fn base(&self) -> impl Iterator<Item = Cow<'_, Record>> {
        (0..self.rows.len() as Row).filter_map(|row| self.of_base(row))
    }

    /// Records that are shown.
    #[must_use]
    pub fn len(&self) -> usize {
        self.base_len + self.overlay.keys().filter(|id| !self.is_in_base(**id)).count()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.base_len == 0 && self.overlay.is_empty()
    }

    /// Whether something about the record waits for the endpoint.
    #[must_use]
    pub fn is_unsent(&self, id: RecordId) -> bool {
        self.overlay.contains_key(&id)
    }

    /// Own changes that the endpoint has not answered, oldest first.
    pub fn unsent(&self) -> impl ExactSizeIterator<Item = &Ranked> {
        self.tail.values()
    }

    /// Fields and groups with two sides that a supervisor has to settle.
    pub fn conflicts(&self) -> impl Iterator<Item = (RecordId, Key)> + '_ {
        self.index
            .in_conflict
            .iter()
            .filter_map(|id| self.record(*id))
            .flat_map(|record| record.conflicts().map(|key| (record.id, key.clone())).collect::<Vec<_>>())
    }

    // ---- Lists ----------------------------------------------------------------------------------------------

    /// The records of a kind, by the time of their making.
    pub fn by_kind(&self, kind: &str) -> impl DoubleEndedIterator<Item = RecordId> + '_ {
        self.ids(self.index.by_kind(kind, &self.rows))
    }

    #[must_use]
    pub fn count(&self, kind: &str) -> usize {
        self.index.count(kind)
    }

    /// People, one's own first, of those the ones with the latest activity. Sorted once after each change.
    #[must_use]
    pub fn people(&self, scope: &Scope) -> Arc<[RecordId]> {
        let mut listed = self.listed.borrow_mut();
        match &*listed {
            Some((of, people)) if of == scope => people.clone(),
            _ => {
                let me = self.index.owner(&scope.me.to_string());
                let people: Arc<[RecordId]> = self.index.people.listed(me, scope.mine_only, self.rows.ids()).into();
                *listed = Some((*scope, people.clone()));
                people
            }
        }
    }

    /// Finds people by what was typed; nothing typed gives the recent ones. The best `limit` of them.
    #[must_use]
    pub fn search(&self, typed: &str, scope: &Scope, limit: usize) -> Found {
        let me = self.index.owner(&scope.me.to_string());
        let mut found = self.index.people.search(typed, me, scope.mine_only, limit, self.rows.ids());
        for (person, is_whole) in self.numbered_people(typed, scope) {
            let hit = match found.hits.iter().position(|hit| hit.record == person) {
                Some(place) if is_whole => found.hits.remove(place),
                Some(_) => continue,
                None => {
                    found.total += 1;
                    Hit { record: person, name: Vec::new(), pinyin: Vec::new(), phone: Vec::new() }
                }
            };
            // A few digits alone may as well be those of a phone number.
            let place = if is_whole { 0 } else { found.hits.len().min(limit.saturating_sub(1)) };
            found.hits.insert(place, hit);
        }
        found.hits.truncate(limit);
        found
    }

    /// Whose card or agreement has the number that was typed, as a whole or by the digits in which it ends.
    fn numbered_people(&self, typed: &str, scope: &Scope) -> BTreeMap<RecordId, bool> {
        /// Fewer digits are the end of many numbers.
        const DIGITS_MIN: usize = 3;
        let mut found = BTreeMap::new();
        if !typed.chars().any(|c| half_width(c).is_ascii_digit()) {
            return found;
        }
        let digits = typed.trim();
        let may_be_end = digits.len() >= DIGITS_MIN && digits.bytes().all(|byte| byte.is_ascii_digit());
        for record in self.ids(Some(self.index.numbered(typed, &self.rows))).filter_map(|id| self.record(id)) {
            let [card, agreement] = ["card_no", "agreement_no"].map(|key| record.text(key));
            let is_whole = card.into_iter().chain(agreement).any(|number| is_same_card(number, typed));
            // Of an agreement the last digits are only its place in a day.
            let is_end = may_be_end && card.is_some_and(|number| CardNumber::ends_in(number, digits));
            if !is_whole && !is_end {
                continue;
            }
            let holder =
                record.guarded(PROGRESS).and_then(|group| group.get("holder")).or_else(|| record.get("person"));
            let Some(person) = holder.and_then(Value::as_id).and_then(|id| self.record(id)) else { continue };
            if person.kind().as_str() == "person" && (!scope.mine_only || lead::keeper(&person) == Some(scope.me)) {
                *found.entry(person.id).or_default() |= is_whole;
            }
        }
        found
    }

    /// Cards, and agreements that name one, with this number, however it is written.
    pub fn cards<'a>(&'a self, number: &'a str) -> impl Iterator<Item = Cow<'a, Record>> {
        let records = self.ids(Some(self.index.numbered(number, &self.rows))).filter_map(|id| self.record(id));
        records.filter(move |record| record.text("card_no").is_some_and(|other| is_same_card(other, number)))
    }

    /// What happened with a person, newest first: visits, consultations, interactions, captures.
    pub fn history(&self, person: RecordId) -> impl Iterator<Item = RecordId> + '_ {
        self.ids(self.rows.find(person).map(|person| self.index.history(person, &self.rows)))
    }

    /// The time of the latest happening or edit of a person.
    #[must_use]
    pub fn last_activity(&self, person: RecordId) -> Option<Millis> {
        self.index.people.last_activity(self.rows.find(person)?)
    }

    /// People with this phone number, in E.164 form: more than one are proposed for merging.
    pub fn by_phone(&self, e164: &str) -> impl Iterator<Item = RecordId> + '_ {
        self.index.by_phone(e164, &self.rows).into_iter()
    }

    /// People of `owner` whose next contact is at `until` or before, the longest overdue first. Whoever does
    /// not want to be contacted is not among them.
    pub fn due(&self, owner: &str, until: Millis) -> impl Iterator<Item = RecordId> + '_ {
        self.ids(self.index.due(owner, until, &self.rows))
    }

    /// Outings, the latest day first.
    pub fn outings(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.ids(Some(self.index.outings(&self.rows))).rev()
    }

    /// People captured on an outing, the latest first.
    pub fn captured_in(&self, outing: RecordId) -> impl DoubleEndedIterator<Item = RecordId> + '_ {
        self.ids(self.index.captured_in(outing, &self.rows)).rev()
    }

    /// Visits from the beginning of `first` to the end of `last`, where clocks are `offset_minutes` ahead of
    /// UTC; the earliest first.
    pub fn visits_on(
        &self,
        first: Day,
        last: Day,
        offset_minutes: i32,
    ) -> impl DoubleEndedIterator<Item = RecordId> + '_ {
        let end = Day::from_number(last.number() + 1).begins(offset_minutes);
        self.ids(Some(self.index.visits(first.begins(offset_minutes), end, &self.rows)))
    }

    /// How many people there are in each stage, of one owner or of all, at one venue or at all.
    #[must_use]
    pub fn counts_by_stage(&self, owner: Option<&str>, venue: Option<VenueId>) -> BTreeMap<&str, usize> {
        self.index.counts_by_stage(owner, venue)
    }

    // ---- Inside ---------------------------------------------------------------------------------------------

    fn ids<'a>(&'a self, list: Option<lists::Cursor<'a>>) -> impl DoubleEndedIterator<Item = RecordId> + 'a {
        list.into_iter().flatten().map(|(_, row)| self.rows.id(row))
    }

    fn place(&self, row: Row) -> Place {
        self.places.get(row as usize).copied().unwrap_or(NOWHERE)
    }

    fn is_in_base(&self, id: RecordId) -> bool {
        self.rows.find(id).is_some_and(|row| self.has_base(row))
    }

    fn has_base(&self, row: Row) -> bool {
        self.place(row) != NOWHERE || self.loose.contains_key(&row)
    }

    /// The audience of a record of the base.
    fn audience(&self, row: Row) -> Option<&Audience> {
        if self.has_base(row) { self.audiences.get(row) } else { None }
    }

    /// The audiences that have something of a record of the base.
    fn audiences_of(&self, row: Row) -> impl Iterator<Item = &Audience> {
        let parts = self.parts.get(&row);
        let only = self.audience(row).filter(|_| parts.is_none());
        only.into_iter().chain(parts.into_iter().flat_map(BTreeMap::keys))
    }

    /// What an audience has of a record of the base.
    fn part(&self, row: Row, audience: &Audience) -> Option<Cow<'_, Record>> {
        match self.parts.get(&row) {
            Some(parts) => parts.get(audience).map(Cow::Borrowed),
            None if self.audience(row) == Some(audience) => self.of_base(row),
            None => None,
        }
    }

    /// What other audiences than this one have of a record of the base.
    fn parts_besides(&self, row: Row, audience: &Audience) -> BTreeMap<Audience, Record> {
        match self.parts.get(&row) {
            Some(parts) => parts
                .iter()
                .filter(|(other, _)| *other != audience)
                .map(|(other, part)| (other.clone(), part.clone()))
                .collect(),
            None => {
                let whole = self.of_base(row).filter(|record| record.audience() != audience);
                whole.map(|record| (record.audience().clone(), record.into_owned())).into_iter().collect()
            }
        }
    }

    /// Puts a record that is in the base no more back in, as the sum of what some audiences have of it.
    fn put_together(&mut self, row: Row, parts: BTreeMap<Audience, Record>) {
        let mut of_each = parts.values();
        let Some(mut whole) = of_each.next().cloned() else { return };
        of_each.for_each(|part| merge::join(&mut whole, part));
        if parts.len() > 1 {
            self.parts.insert(row, parts);
        }
        self.audiences.set(row, whole.audience());
        self.loose.insert(row, whole);
        self.base_len += 1;
    }

    /// Lets an edit into what its audience has of a record, if others have something of it.
    fn split(&mut self, row: Row, edit: &Edit, rank: Rank) {
        if let Some(record) = self.loose.get(&row)
            && *record.audience() != edit.audience
            && !self.parts.contains_key(&row)
        {
            self.parts.insert(row, BTreeMap::from([(record.audience().clone(), record.clone())]));
        }
        if let Some(parts) = self.parts.get_mut(&row) {
            let part = parts.entry(edit.audience.clone()).or_insert_with(|| merge::begin(rank, edit));
            merge::apply(part, rank, edit);
        }
    }

    fn of_base(&self, row: Row) -> Option<Cow<'_, Record>> {
        let place = self.place(row);
        if place == NOWHERE {
            return self.loose.get(&row).map(Cow::Borrowed);
        }
        let packed = self.blocks[place.block as usize].as_ref().expect("a block with standing records is kept");
        Some(Cow::Owned(packed.block.unpack(self.rows.id(row), place.at)))
    }

    /// Takes a record of the base out of its block.
    fn loosen(&mut self, id: RecordId) {
        let Some(row) = self.rows.find(id).filter(|row| self.place(*row) != NOWHERE) else { return };
        let record = self.of_base(row).expect("it has a place").into_owned();
        self.unplace(row);
        self.loose.insert(row, record);
    }

    fn put_in_base(&mut self, record: Record) {
        let row = self.rows.row(record.id);
        let mut parts = self.parts_besides(row, record.audience());
        self.forget(row);
        parts.insert(record.audience().clone(), record);
        self.put_together(row, parts);
    }

    /// Takes a record out of the base.
    fn forget(&mut self, row: Row) {
        self.parts.remove(&row);
        if self.place(row) != NOWHERE {
            self.unplace(row);
            self.base_len -= 1;
        } else if self.loose.remove(&row).is_some() {
            self.base_len -= 1;
        }
    }

    fn unplace(&mut self, row: Row) {
        let place = std::mem::replace(&mut self.places[row as usize], NOWHERE);
        let slot = &mut self.blocks[place.block as usize];
        if let Some(packed) = slot {
            packed.standing -= 1;
            if packed.standing == 0 {
                *slot = None;
            }
        }
    }

    /// Packs what is loose into a block, together with what still stands of a block that is mostly not.
    fn pack_loose(&mut self) {
        let worn = self
            .blocks
            .iter()
            .position(|packed| packed.as_ref().is_some_and(|packed| 2 * packed.standing < packed.block.count()));
        if let Some(worn) = worn {
            let of_it = |row: &Row| self.place(*row).block == worn as u32;
            let rows: Vec<Row> = (0..self.rows.len() as Row).filter(of_it).collect();
            rows.into_iter().for_each(|row| self.loosen(self.rows.id(row)));
        }
        let (rows, records): (Vec<Row>, Vec<Record>) = std::mem::take(&mut self.loose).into_iter().unzip();
        self.places.resize(self.rows.len(), NOWHERE);
        for (rows, records) in rows.chunks(BLOCK_RECORDS_MAX).zip(records.chunks(BLOCK_RECORDS_MAX)) {
            let number = self.blocks.len() as u32;
            let mut places = rows.iter().map(|row| *row as usize);
            let block = Block::read(codec::pack(records), &[], &mut |_, at| {
                let row = places.next().expect("as many records are read as were packed");
                self.places[row] = Place { block: number, at };
            });
            let block = block.expect("what was just packed can be read");
            self.blocks.push(Some(Packed { standing: block.count(), block }));
        }
    }

    /// Takes records out of the indexes, changes them, and puts them back in.
    fn step(&mut self, ids: &[RecordId], touched: &mut Touched, change: impl FnOnce(&mut Self)) {
        self.listed.take();
        let before: Vec<Option<Facts>> = ids.iter().map(|id| self.facts(*id).map(|(facts, _)| facts)).collect();
        change(self);
        for (id, before) in ids.iter().zip(before) {
            let after = self.facts(*id);
            touched.records.insert(*id);
            for facts in [before.as_ref(), after.as_ref().map(|(facts, _)| facts)].into_iter().flatten() {
                touched.records.extend(facts.person());
                touched.kinds.insert(self.index.kind(facts).clone());
            }
            let row = self.rows.row(*id);
            let after = after.as_ref().map(|(facts, name)| (*facts, name.as_deref()));
            self.index.turn(row, before, after, &mut self.rows);
        }
    }

    /// What lists ask of a record as it is shown, and its name.
    fn facts(&mut self, id: RecordId) -> Option<(Facts, Option<Box<str>>)> {
        let facts_of =
            |index: &mut Index, record: &Record| (index.facts_of(record), record.text("name").map(Box::from));
        if let Some(overlaid) = self.overlay.get(&id) {
            return Some(facts_of(&mut self.index, &overlaid.record));
        }
        let row = self.rows.find(id)?;
        if let Some(record) = self.loose.get(&row) {
            return Some(facts_of(&mut self.index, record));
        }
        let record = self.of_base(row)?.into_owned();
        Some(facts_of(&mut self.index, &record))
    }

    /// Takes a change out of the tail.
    fn let_go_of(&mut self, id: ChangeId) {
        let Some(place) = self.tail_place_by_change.remove(&id) else { return };
        let change = self.tail.remove(&place).expect("each place leads to a change of the tail");
        for edit in change.change.edits() {
            if let Some(overlaid) = self.overlay.get_mut(&edit.record) {
                overlaid.by.remove(&place);
            }
        }
    }

    /// Makes base plus tail anew for one record.
    fn lay_over(&mut self, id: RecordId) {
        let Some(Overlaid { by, .. }) = self.overlay.remove(&id) else { return };
        let mut shown = self.accepted(id).map(Cow::into_owned);
        for place in &by {
            let change = &self.tail[place];
            for edit in change.change.edits().filter(|edit| edit.record == id) {
                merge::apply(shown.get_or_insert_with(|| merge::begin(change.rank(), edit)), change.rank(), edit);
            }
        }
        if let Some(record) = shown.filter(|_| !by.is_empty()) {
            self.overlay.insert(id, Overlaid { record, by });
        }
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica").field("records", &self.len()).field("unsent", &self.tail.len()).finish()
    }
}

fn records_of(changes: [Option<&Change>; 2]) -> Vec<RecordId> {
    let ids: BTreeSet<RecordId> =
        changes.into_iter().flatten().flat_map(|change| change.edits().map(|edit| edit.record)).collect();
    ids.into_iter().collect()
}

#[cfg(test)]
mod tests;
