//! The indexes of the replica, kept up change by change.
//!
//! A record is boiled down to the facts that lists ask for. When it changes, the facts it had come out and
//! those it has now go in; nothing else is looked at.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    change::Key,
    id::{RecordId, VenueId},
    record::Record,
    replica::people::{Digits, People, PersonFacts},
    time::Millis,
};

/// Where happenings say when they took place, the first that is set.
const HAPPENED_AT: [&str; 3] = ["visit_at", "started_at", "captured_at"];

/// What lists ask of a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts {
    kind: Key,
    in_conflict: bool,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    Person(PersonFacts),
    Outing {
        at: Millis,
    },
    /// Something that happened with a person.
    Happening {
        /// `None` for a visitor who left no number: no person was made.
        person: Option<RecordId>,
        at: Millis,
        is_visit: bool,
    },
    /// Taken back by who captured it: in no list.
    Withdrawn,
    Other,
}

impl Facts {
    pub(super) fn of(record: &Record) -> Self {
        let at = |key: &str| record.get(key).and_then(|value| value.as_at());
        let what = match record.kind().as_str() {
            _ if record.is("withdrawn") => What::Withdrawn,
            // Who was merged into another is found there.
            "person" if merged_into(record).is_some() => What::Other,
            "person" => What::Person(PersonFacts::of(record)),
            "outing" => What::Outing {
                at: record
                    .get("outing_date")
                    .and_then(|value| value.as_day())
                    .map_or(made_at(record.id), |day| day.begins(0)),
            },
            kind => {
                let person = record.get("person").and_then(|value| value.as_id());
                let is_visit = kind == "visit";
                if person.is_some() || is_visit {
                    let at = HAPPENED_AT.into_iter().find_map(at).unwrap_or(made_at(record.id));
                    What::Happening { person, at, is_visit }
                } else {
                    What::Other
                }
            }
        };
        Self { kind: record.kind().clone(), in_conflict: record.conflicts().next().is_some(), what }
    }

    pub(super) fn kind(&self) -> &Key {
        &self.kind
    }

    /// The person in whose history it is.
    pub(super) fn person(&self) -> Option<RecordId> {
        if let What::Happening { person, .. } = &self.what { *person } else { None }
    }
}

fn merged_into(record: &Record) -> Option<RecordId> {
    record.guarded("merging")?.get("merged_into")?.as_id().filter(|id| *id != record.id)
}

/// When a record was made, by its id.
fn made_at(id: RecordId) -> Millis {
    let bytes = id.bytes();
    let mut ms = [0; 8];
    ms[2..].copy_from_slice(&bytes[..6]);
    Millis(i64::from_be_bytes(ms))
}

const FIRST_ID: RecordId = RecordId::from_bytes([0; 16]);
const LAST_ID: RecordId = RecordId::from_bytes([0xff; 16]);
const EARLIEST: Millis = Millis(i64::MIN);
const LATEST: Millis = Millis(i64::MAX);

/// Lists of ids, in the order in which they are shown.
#[derive(Default)]
pub(super) struct Index {
    pub(super) people: People,
    pub(super) by_kind: BTreeMap<Key, BTreeSet<RecordId>>,
    pub(super) in_conflict: BTreeSet<RecordId>,
    pub(super) outings: BTreeSet<(Millis, RecordId)>,
    history: BTreeSet<(RecordId, Reverse<Millis>, RecordId)>,
    visits: BTreeSet<(Millis, RecordId)>,
    phones: BTreeSet<(Digits, RecordId)>,
    due: BTreeMap<Box<str>, BTreeSet<(Millis, RecordId)>>,
    captured_in: BTreeSet<(RecordId, Millis, RecordId)>,
    stages: BTreeMap<Stage, usize>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Stage {
    venue: VenueId,
    owner: Box<str>,
    stage: Box<str>,
}

impl Index {
    /// A record had these facts, and has those now.
    pub(super) fn turn(&mut self, id: RecordId, before: Option<Facts>, after: Option<Facts>) {
        let people: BTreeSet<RecordId> = [&before, &after].into_iter().flatten().filter_map(Facts::person).collect();
        let was_person = matches!(&before, Some(Facts { what: What::Person(_), .. }));
        let is_person = matches!(&after, Some(Facts { what: What::Person(_), .. }));
        if let Some(facts) = before {
            self.take_out(id, &facts);
        }
        if was_person && !is_person {
            self.people.remove(id);
        }
        if let Some(facts) = after {
            self.put_in(id, facts);
        }
        for person in people {
            self.people.set_last_happening(person, self.last_happening(person));
        }
        if is_person && !was_person {
            self.people.set_last_happening(id, self.last_happening(id));
        }
    }

    fn take_out(&mut self, id: RecordId, facts: &Facts) {
        if let Some(ids) = self.by_kind.get_mut(&facts.kind) {
            ids.remove(&id);
        }
        self.in_conflict.remove(&id);
        match &facts.what {
            What::Person(person) => self.take_out_person(id, person),
            What::Outing { at } => {
                self.outings.remove(&(*at, id));
            }
            What::Happening { person, at, is_visit: _ } => {
                if let Some(person) = person {
                    self.history.remove(&(*person, Reverse(*at), id));
                }
                self.visits.remove(&(*at, id));
            }
            What::Withdrawn | What::Other => {}
        }
    }

    fn put_in(&mut self, id: RecordId, facts: Facts) {
        if facts.in_conflict {
            self.in_conflict.insert(id);
        }
        match facts.what {
            What::Person(person) => self.put_in_person(id, person),
            What::Outing { at } => {
                self.outings.insert((at, id));
            }
            What::Happening { person, at, is_visit } => {
                if let Some(person) = person {
                    self.history.insert((person, Reverse(at), id));
                }
                if is_visit {
                    self.visits.insert((at, id));
                }
            }
            What::Withdrawn => return,
            What::Other => {}
        }
        self.by_kind.entry(facts.kind).or_default().insert(id);
    }

    fn take_out_person(&mut self, id: RecordId, person: &PersonFacts) {
        if let Some(digits) = person.phone {
            self.phones.remove(&(digits, id));
        }
        if let (Some(at), Some(due)) = (person.due_at, self.due.get_mut(&person.owner)) {
            due.remove(&(at, id));
        }
        if let Some(outing) = person.outing {
            self.captured_in.remove(&(outing, person.captured_at, id));
        }
        let stage = person.stage_key();
        if let Some(count) = self.stages.get_mut(&stage) {
            *count -= 1;
            if *count == 0 {
                self.stages.remove(&stage);
            }
        }
    }

    fn put_in_person(&mut self, id: RecordId, person: PersonFacts) {
        if let Some(digits) = person.phone {
            self.phones.insert((digits, id));
        }
        if let Some(at) = person.due_at {
            self.due.entry(person.owner.clone()).or_default().insert((at, id));
        }
        if let Some(outing) = person.outing {
            self.captured_in.insert((outing, person.captured_at, id));
        }
        *self.stages.entry(person.stage_key()).or_default() += 1;
        self.people.set(id, &person);
    }

    fn last_happening(&self, person: RecordId) -> Option<Millis> {
        self.history(person).next().map(|(at, _)| at)
    }

    pub(super) fn history(&self, person: RecordId) -> impl Iterator<Item = (Millis, RecordId)> + '_ {
        self.history
            .range((person, Reverse(LATEST), FIRST_ID)..=(person, Reverse(EARLIEST), LAST_ID))
            .map(|(_, Reverse(at), id)| (*at, *id))
    }

    pub(super) fn visits(&self, from: Millis, until: Millis) -> impl DoubleEndedIterator<Item = RecordId> + '_ {
        self.visits.range((from, FIRST_ID)..(until.max(from), FIRST_ID)).map(|(_, id)| *id)
    }

    pub(super) fn by_phone(&self, e164: &str) -> impl Iterator<Item = RecordId> + '_ {
        let digits = Digits::of_e164(e164);
        digits
            .into_iter()
            .flat_map(|digits| self.phones.range((digits, FIRST_ID)..=(digits, LAST_ID)).map(|(_, id)| *id))
    }

    pub(super) fn due(&self, owner: &str, until: Millis) -> impl Iterator<Item = RecordId> + '_ {
        self.due
            .get(owner)
            .into_iter()
            .flat_map(move |due| due.range((EARLIEST, FIRST_ID)..=(until, LAST_ID)).map(|(_, id)| *id))
    }

    pub(super) fn captured_in(&self, outing: RecordId) -> impl DoubleEndedIterator<Item = RecordId> + '_ {
        self.captured_in.range((outing, EARLIEST, FIRST_ID)..=(outing, LATEST, LAST_ID)).rev().map(|(_, _, id)| *id)
    }

    pub(super) fn counts_by_stage(&self, owner: Option<&str>, venue: Option<VenueId>) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for (stage, count) in &self.stages {
            if owner.is_none_or(|owner| *stage.owner == *owner) && venue.is_none_or(|venue| stage.venue == venue) {
                *counts.entry(&*stage.stage).or_default() += count;
            }
        }
        counts
    }
}

impl PersonFacts {
    fn stage_key(&self) -> Stage {
        Stage { venue: self.venue, owner: self.owner.clone(), stage: self.stage.clone() }
    }
}
