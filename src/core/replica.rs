//! Every record this device holds, in memory, with its indexes.
//!
//! What a person sees is the base (accepted changes only, as records) plus the tail (own changes that the
//! endpoint has not answered, with provisional ranks). The sum is kept only for the records that the tail
//! touches. A refusal, or a rank that the verdict corrected, makes that sum anew from the base and the rest of
//! the tail: nothing is ever un-merged. Indexes follow change by change, so that lists and searches answer at
//! once, and every step says what it touched, so that a screen updates only for what it shows.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    hash::{BuildHasherDefault, Hasher},
};

use crate::{
    audience::Audience,
    change::{Change, Key, Ranked},
    id::{ChangeId, DeviceNumber, RecordId, VenueId},
    merge,
    record::Record,
    search::{Found, Scope},
    stamp::Stamp,
    time::{Day, Millis},
};

mod index;
pub(crate) mod people;

use index::Index;

/// Every record this device holds. Its `Debug` shows counts only.
#[derive(Default)]
pub struct Replica {
    base: IdMap<Record>,
    /// Own changes without a verdict, oldest first.
    tail: BTreeMap<TailPlace, Ranked>,
    tail_place_by_change: BTreeMap<ChangeId, TailPlace>,
    next_tail_place: TailPlace,
    /// Base plus tail, for the records that the tail touches.
    overlay: BTreeMap<RecordId, Overlaid>,
    index: Index,
}

type TailPlace = u64;

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

    /// Takes in a block of the base: records of accepted changes. Of one record the block read last stands.
    pub fn load_block(&mut self, records: Vec<Record>) -> Touched {
        let mut touched = Touched::default();
        self.base.reserve(records.len());
        for record in records {
            let id = record.id;
            self.step(&[id], &mut touched, |replica| {
                replica.base.insert(id, record);
                replica.lay_over(id);
            });
        }
        touched
    }

    /// Takes in an accepted change, from elsewhere or one's own whose verdict was lost: that leaves the tail.
    pub fn take_in(&mut self, change: &Ranked) -> Touched {
        let mut touched = Touched::default();
        let own = self.tail_place_by_change.get(&change.change.id()).map(|place| self.tail[place].change.clone());
        let ids = records_of([Some(&change.change), own.as_ref()]);
        self.step(&ids, &mut touched, |replica| {
            replica.let_go_of(change.change.id());
            for edit in change.change.edits() {
                let rank = change.rank();
                let record = replica.base.entry(edit.record).or_insert_with(|| merge::begin(rank, edit));
                merge::apply(record, rank, edit);
            }
            ids.iter().for_each(|id| replica.lay_over(*id));
        });
        touched
    }

    /// Adds an own change that has no verdict yet. One that is already in the tail changes nothing.
    pub fn append(&mut self, change: Ranked) -> Touched {
        let mut touched = Touched::default();
        if self.tail_place_by_change.contains_key(&change.change.id()) {
            return touched;
        }
        let ids = records_of([Some(&change.change), None]);
        self.step(&ids, &mut touched, |replica| {
            let place = replica.next_tail_place;
            replica.next_tail_place += 1;
            replica.tail_place_by_change.insert(change.change.id(), place);
            for edit in change.change.edits() {
                let overlaid = replica.overlay.entry(edit.record).or_insert_with(|| Overlaid {
                    record: match replica.base.get(&edit.record) {
                        Some(record) => record.clone(),
                        None => merge::begin(change.rank(), edit),
                    },
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

    /// Drops the records of an audience that this device may no longer hold. Its unsent changes stay.
    pub fn drop_audience(&mut self, audience: &Audience) -> Touched {
        let mut touched = Touched::default();
        let ids: Vec<RecordId> =
            self.base.values().filter(|record| record.audience() == audience).map(|record| record.id).collect();
        for id in ids {
            self.step(&[id], &mut touched, |replica| {
                replica.base.remove(&id);
                replica.lay_over(id);
            });
        }
        touched
    }

    // ---- Records --------------------------------------------------------------------------------------------

    /// A record as it is shown: base plus tail.
    #[must_use]
    pub fn record(&self, id: RecordId) -> Option<Cow<'_, Record>> {
        self.shown(id).map(Cow::Borrowed)
    }

    /// A record of the base: what the endpoint has accepted of it.
    #[must_use]
    pub fn accepted(&self, id: RecordId) -> Option<Cow<'_, Record>> {
        self.base.get(&id).map(Cow::Borrowed)
    }

    /// The records of the base, for a checkpoint; in no particular order.
    pub fn base(&self) -> impl Iterator<Item = Cow<'_, Record>> {
        self.base.values().map(Cow::Borrowed)
    }

    /// Records that are shown.
    #[must_use]
    pub fn len(&self) -> usize {
        self.base.len() + self.overlay.keys().filter(|id| !self.base.contains_key(id)).count()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.base.is_empty() && self.overlay.is_empty()
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
            .filter_map(|id| Some((*id, self.shown(*id)?)))
            .flat_map(|(id, record)| record.conflicts().map(move |key| (id, key.clone())))
    }

    // ---- Lists ----------------------------------------------------------------------------------------------

    /// The records of a kind, by the time of their making.
    pub fn by_kind(&self, kind: &str) -> impl DoubleEndedIterator<Item = RecordId> + '_ {
        self.index.by_kind.get(kind).into_iter().flatten().copied()
    }

    #[must_use]
    pub fn count(&self, kind: &str) -> usize {
        self.index.by_kind.get(kind).map_or(0, BTreeSet::len)
    }

    /// People, one's own first, of those the ones with the latest activity.
    #[must_use]
    pub fn people(&self, scope: &Scope) -> Vec<RecordId> {
        self.index.people.listed(scope)
    }

    /// Finds people by what was typed; nothing typed gives the recent ones. The best `limit` of them.
    #[must_use]
    pub fn search(&self, typed: &str, scope: &Scope, limit: usize) -> Found {
        self.index.people.search(typed, scope, limit, |id| self.shown(id))
    }

    /// What happened with a person, newest first: visits, consultations, interactions, captures.
    pub fn history(&self, person: RecordId) -> impl Iterator<Item = RecordId> + '_ {
        self.index.history(person).map(|(_, id)| id)
    }

    /// The time of the latest happening or edit of a person.
    #[must_use]
    pub fn last_activity(&self, person: RecordId) -> Option<Millis> {
        self.index.people.last_activity(person)
    }

    /// People with this phone number, in E.164 form: more than one are proposed for merging.
    pub fn by_phone(&self, e164: &str) -> impl Iterator<Item = RecordId> + '_ {
        self.index.by_phone(e164)
    }

    /// People of `owner` whose next contact is at `until` or before, the longest overdue first. Whoever does
    /// not want to be contacted is not among them.
    pub fn due(&self, owner: &str, until: Millis) -> impl Iterator<Item = RecordId> + '_ {
        self.index.due(owner, until)
    }

    /// Outings, the latest day first.
    pub fn outings(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.index.outings.iter().rev().map(|(_, id)| *id)
    }

    /// People captured on an outing, the latest first.
    pub fn captured_in(&self, outing: RecordId) -> impl DoubleEndedIterator<Item = RecordId> + '_ {
        self.index.captured_in(outing)
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
        self.index.visits(first.begins(offset_minutes), end)
    }

    /// How many people there are in each stage, of one owner or of all, at one venue or at all.
    #[must_use]
    pub fn counts_by_stage(&self, owner: Option<&str>, venue: Option<VenueId>) -> BTreeMap<&str, usize> {
        self.index.counts_by_stage(owner, venue)
    }

    // ---- Inside ---------------------------------------------------------------------------------------------

    fn shown(&self, id: RecordId) -> Option<&Record> {
        self.overlay.get(&id).map(|overlaid| &overlaid.record).or_else(|| self.base.get(&id))
    }

    /// Takes records out of the indexes, changes them, and puts them back in.
    fn step(&mut self, ids: &[RecordId], touched: &mut Touched, change: impl FnOnce(&mut Self)) {
        let before: Vec<_> = ids.iter().map(|id| self.shown(*id).map(index::Facts::of)).collect();
        change(self);
        for (id, before) in ids.iter().zip(before) {
            let after = self.shown(*id).map(index::Facts::of);
            touched.records.insert(*id);
            for facts in [&before, &after].into_iter().flatten() {
                touched.records.extend(facts.person());
                touched.kinds.insert(facts.kind().clone());
            }
            if before != after {
                self.index.turn(*id, before, after);
            }
        }
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
        let mut shown = self.base.get(&id).cloned();
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

/// A map by record id. The ids bring their own chance, so the last half of one is its hash.
pub(crate) type IdMap<T> = HashMap<RecordId, T, BuildHasherDefault<IdHasher>>;

#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            // Ids of tests, and of a hostile device, differ in few places: the product spreads them.
            self.0 = (self.0.rotate_left(29) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

#[cfg(test)]
mod tests;
