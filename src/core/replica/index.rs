//! The indexes of the replica, kept up change by change.
//!
//! A record is boiled down to the facts that lists ask for. When it changes, the facts it had come out and
//! those it has now go in; nothing else is looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    audit,
    change::Key,
    codec::{Glance, Seen, Sought},
    id::{RecordId, VenueId},
    lead::RULING,
    number::{CARD_KINDS, CardNumber},
    record::Record,
    replica::{
        lists::{Cursor, Entry, List, Lists, list},
        people::{Digits, NO_DIGITS, Name, Names, People, PersonFacts, Token},
        rows::{Row, Rows},
    },
    time::{Day, Millis},
};

/// The fields that lists ask for.
pub(super) const SOUGHT: [Sought; 17] = [
    ("name", ""),
    ("phone", ""),
    ("owner", ""),
    ("stage", ""),
    ("next_contact_at", ""),
    ("do_not_contact", ""),
    ("outing", ""),
    ("captured_at", ""),
    ("visit_at", ""),
    ("started_at", ""),
    ("person", ""),
    ("outing_date", ""),
    ("withdrawn", ""),
    ("merging", "merged_into"),
    ("card_no", ""),
    ("agreement_no", ""),
    (RULING, "owner"),
];
const NAME: usize = 0;
const PHONE: usize = 1;
const OWNER: usize = 2;
const STAGE: usize = 3;
const NEXT_CONTACT_AT: usize = 4;
const DO_NOT_CONTACT: usize = 5;
const OUTING: usize = 6;
const CAPTURED_AT: usize = 7;
const VISIT_AT: usize = 8;
const STARTED_AT: usize = 9;
const PERSON: usize = 10;
const OUTING_DATE: usize = 11;
const WITHDRAWN: usize = 12;
const MERGED_INTO: usize = 13;
const CARD_NO: usize = 14;
const AGREEMENT_NO: usize = 15;
const RULED_OWNER: usize = 16;

/// Where happenings say when they took place, the first that is set.
const HAPPENED_AT: [usize; 3] = [VISIT_AT, STARTED_AT, CAPTURED_AT];

/// What lists ask of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    kind: u32,
    in_conflict: bool,
    what: What,
    /// The ends of the numbers by which it is found: of a card, of an agreement.
    numbers: [Option<u64>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The person in whose history it is.
    pub(super) fn person(&self) -> Option<RecordId> {
        if let What::Happening { person, .. } = &self.what { *person } else { None }
    }
}

fn at(seen: Seen<'_>) -> Option<Millis> {
    if let Seen::At(at) = seen { Some(at) } else { None }
}

fn day(seen: Seen<'_>) -> Option<Day> {
    if let Seen::Day(day) = seen { Some(day) } else { None }
}

fn id(seen: Seen<'_>) -> Option<RecordId> {
    if let Seen::Id(id) = seen { Some(id) } else { None }
}

fn text(seen: Seen<'_>) -> &str {
    if let Seen::Text(text) = seen { text } else { "" }
}

/// The digits at the end of a card's or paper's number; those that have none are found under 0.
fn end_of(number: &str) -> u64 {
    CardNumber::read(number).map_or(0, |card| card.number)
}

/// The name of a person at a glance; nothing of other records.
pub(super) fn name<'a>(glance: &Glance<'a, '_>) -> &'a str {
    match glance.values[NAME] {
        Seen::Text(name) if glance.kind.as_str() == "person" => name,
        _ => "",
    }
}

/// When a record was made, by its id.
fn made_at(id: RecordId) -> Millis {
    let bytes = id.bytes();
    let mut ms = [0; 8];
    ms[2..].copy_from_slice(&bytes[..6]);
    Millis(i64::from_be_bytes(ms))
}

const EARLIEST: Millis = Millis(i64::MIN);
const LATEST: Millis = Millis(i64::MAX);

// The sorts of lists.
const OF_KIND: u32 = 0;
const HISTORY: u32 = 1;
const DUE: u32 = 2;
const CAPTURED_IN: u32 = 3;
const OUTINGS: u32 = 4;
const VISITS: u32 = 5;
/// By the number in which the number of a card or an agreement ends.
const NUMBERED: u32 = 6;

/// Sorts the latest first.
fn backwards(at: Millis) -> Millis {
    Millis(!at.0)
}

/// Lists of records, in the order in which they are shown; counts; and the columns that search scans.
#[derive(Default)]
pub(super) struct Index {
    pub(super) people: People,
    pub(super) in_conflict: BTreeSet<RecordId>,
    /// Owners and stages.
    names: Names,
    kinds: Vec<Key>,
    count_by_kind: Vec<usize>,
    lists: Lists,
    count_by_stage: BTreeMap<(VenueId, Name, Name), usize>,
}

impl Index {
    /// What lists ask of a record, and the name of a person.
    pub(super) fn facts_of(&mut self, record: &Record) -> Facts {
        self.facts(&Glance::of(record, &SOUGHT, &mut [Seen::Unset; SOUGHT.len()]))
    }

    pub(super) fn facts(&mut self, glance: &Glance<'_, '_>) -> Facts {
        let value = |place: usize| glance.values[place];
        let what = match glance.kind.as_str() {
            _ if value(WITHDRAWN) == Seen::Bool(true) => What::Withdrawn,
            // Who was merged into another is found there.
            "person" if id(value(MERGED_INTO)).is_some_and(|other| other != glance.id) => What::Other,
            "person" => What::Person(self.person_facts(glance)),
            // Who looked at a guest or gave them away did not meet them.
            audit::KIND => What::Other,
            "outing" => What::Outing { at: day(value(OUTING_DATE)).map_or(made_at(glance.id), |day| day.begins(0)) },
            kind => {
                let (person, is_visit) = (id(value(PERSON)), kind == "visit");
                if person.is_some() || is_visit {
                    let at = HAPPENED_AT.into_iter().find_map(|place| at(value(place)));
                    What::Happening { person, at: at.unwrap_or(made_at(glance.id)), is_visit }
                } else {
                    What::Other
                }
            }
        };
        let numbers = if CARD_KINDS.contains(&glance.kind.as_str()) {
            [CARD_NO, AGREEMENT_NO].map(|place| Some(text(value(place))).filter(|text| !text.is_empty()).map(end_of))
        } else {
            [None; 2]
        };
        Facts { kind: self.kind_number(glance.kind), in_conflict: glance.in_conflict, what, numbers }
    }

    fn person_facts(&mut self, glance: &Glance<'_, '_>) -> PersonFacts {
        let value = |place: usize| glance.values[place];
        let stage = text(value(STAGE));
        let may_contact = value(DO_NOT_CONTACT) != Seen::Bool(true) && !matches!(stage, "lost" | "do_not_contact");
        PersonFacts {
            phone: match value(PHONE) {
                Seen::Mobile(number) => Digits::of_mobile(number),
                Seen::Text(phone) => Digits::of_e164(phone).unwrap_or(NO_DIGITS),
                _ => NO_DIGITS,
            },
            owner: self.names.number(match text(value(RULED_OWNER)) {
                "" => text(value(OWNER)),
                ruled => ruled,
            }),
            stage: self.names.number(stage),
            venue: glance.audience.venue(),
            due_at: at(value(NEXT_CONTACT_AT)).filter(|_| may_contact),
            outing: id(value(OUTING)),
            captured_at: at(value(CAPTURED_AT)).unwrap_or_default(),
            changed_at: glance.stamp.millis(),
        }
    }

    fn kind_number(&mut self, kind: &Key) -> u32 {
        let known = self.kinds.iter().position(|other| other == kind);
        known.unwrap_or_else(|| {
            self.kinds.push(kind.clone());
            self.count_by_kind.push(0);
            self.kinds.len() - 1
        }) as u32
    }

    pub(super) fn kind(&self, facts: &Facts) -> &Key {
        &self.kinds[facts.kind as usize]
    }

    // ---- What goes in and out -------------------------------------------------------------------------------

    /// A record had these facts, and has those now, with this name.
    pub(super) fn turn(
        &mut self,
        row: Row,
        before: Option<Facts>,
        after: Option<(Facts, Option<&str>)>,
        rows: &mut Rows,
    ) {
        let now = after.map(|(facts, _)| facts);
        if before != now {
            let people: BTreeSet<RecordId> = [&before, &now].into_iter().flatten().filter_map(Facts::person).collect();
            if let Some(facts) = before {
                self.take_out(row, &facts, rows);
            }
            if let Some(facts) = now {
                let mut entries = Vec::new();
                self.count_in(row, &facts, &mut entries, rows);
                entries.into_iter().for_each(|entry| self.lists.put_in(entry, rows.ids()));
            }
            for person in people {
                let person = rows.row(person);
                let last = self.history(person, rows).next().map(|(at, _)| backwards(at));
                self.people.set_last_happening(person, last);
            }
        }
        match after {
            Some((Facts { what: What::Person(person), .. }, name)) => {
                self.people.set(row, &person, name.unwrap_or_default());
            }
            _ => self.people.remove(row),
        }
    }

    /// Makes room for so many more records, so that loading them moves none.
    pub(super) fn make_room(&mut self, records: usize) {
        self.people.make_room(self.people.len() + records);
    }

    /// A record that was not there before, one of many: what it adds to the lists goes in with [`Index::put_in_all`].
    /// `name` is that of a person, as [`People::set_named`] takes it.
    pub(super) fn load(&mut self, row: Row, facts: &Facts, name: &[Token], entries: &mut Vec<Entry>, rows: &mut Rows) {
        self.count_in(row, facts, entries, rows);
        match facts.what {
            What::Person(person) => self.people.set_named(row, &person, name),
            What::Happening { person: Some(person), at, .. } => self.people.happened(rows.row(person), at),
            What::Happening { person: None, .. } | What::Outing { .. } | What::Withdrawn | What::Other => {}
        }
    }

    pub(super) fn put_in_all(&mut self, entries: Vec<Entry>, rows: &Rows) {
        self.lists.put_in_all(entries, rows.ids());
    }

    fn take_out(&mut self, row: Row, facts: &Facts, rows: &mut Rows) {
        let mut entries = Vec::new();
        self.entries(row, facts, &mut entries, rows);
        entries.into_iter().for_each(|entry| self.lists.take_out(entry, rows.ids()));
        self.in_conflict.remove(&rows.id(row));
        if !matches!(facts.what, What::Withdrawn) {
            self.count_by_kind[facts.kind as usize] -= 1;
        }
        if let What::Person(person) = &facts.what
            && let Some(count) = self.count_by_stage.get_mut(&person.stage_key())
        {
            *count -= 1;
            if *count == 0 {
                self.count_by_stage.remove(&person.stage_key());
            }
        }
    }

    fn count_in(&mut self, row: Row, facts: &Facts, entries: &mut Vec<Entry>, rows: &mut Rows) {
        self.entries(row, facts, entries, rows);
        if facts.in_conflict {
            self.in_conflict.insert(rows.id(row));
        }
        if !matches!(facts.what, What::Withdrawn) {
            self.count_by_kind[facts.kind as usize] += 1;
        }
        if let What::Person(person) = &facts.what {
            *self.count_by_stage.entry(person.stage_key()).or_default() += 1;
        }
    }

    /// Where a record with these facts is in the lists.
    fn entries(&self, row: Row, facts: &Facts, entries: &mut Vec<Entry>, rows: &mut Rows) {
        match facts.what {
            What::Person(person) => {
                if let Some(at) = person.due_at {
                    entries.push(Entry::new(list(DUE, person.owner), at, row));
                }
                if let Some(outing) = person.outing {
                    entries.push(Entry::new(list(CAPTURED_IN, rows.row(outing)), person.captured_at, row));
                }
            }
            What::Outing { at } => entries.push(Entry::new(list(OUTINGS, 0), at, row)),
            What::Happening { person, at, is_visit } => {
                if let Some(person) = person {
                    entries.push(Entry::new(list(HISTORY, rows.row(person)), backwards(at), row));
                }
                if is_visit {
                    entries.push(Entry::new(list(VISITS, 0), at, row));
                }
            }
            What::Withdrawn => return,
            What::Other => {}
        }
        let numbers = facts.numbers.iter().flatten();
        entries.extend(numbers.map(|number| Entry::new(list(NUMBERED, 0), Millis(number.cast_signed()), row)));
        entries.push(Entry::new(list(OF_KIND, facts.kind), made_at(rows.id(row)), row));
    }

    // ---- What is asked --------------------------------------------------------------------------------------

    fn whole<'a>(&'a self, in_list: List, rows: &'a Rows) -> Cursor<'a> {
        self.lists.range(in_list, EARLIEST, LATEST, rows.ids())
    }

    pub(super) fn by_kind<'a>(&'a self, kind: &str, rows: &'a Rows) -> Option<Cursor<'a>> {
        let number = self.kinds.iter().position(|other| other.as_str() == kind)?;
        Some(self.whole(list(OF_KIND, number as u32), rows))
    }

    pub(super) fn count(&self, kind: &str) -> usize {
        let number = self.kinds.iter().position(|other| other.as_str() == kind);
        number.map_or(0, |number| self.count_by_kind[number])
    }

    /// What happened with a person, the latest first; times are [`backwards`].
    pub(super) fn history<'a>(&'a self, person: Row, rows: &'a Rows) -> Cursor<'a> {
        self.whole(list(HISTORY, person), rows)
    }

    /// By time; the end is not in it.
    pub(super) fn visits<'a>(&'a self, from: Millis, end: Millis, rows: &'a Rows) -> Cursor<'a> {
        self.lists.range(list(VISITS, 0), from, end.plus(-1), rows.ids())
    }

    pub(super) fn outings<'a>(&'a self, rows: &'a Rows) -> Cursor<'a> {
        self.whole(list(OUTINGS, 0), rows)
    }

    /// Cards and agreements with a number that ends like this one.
    pub(super) fn numbered<'a>(&'a self, number: &str, rows: &'a Rows) -> Cursor<'a> {
        let end = Millis(end_of(number).cast_signed());
        self.lists.range(list(NUMBERED, 0), end, end, rows.ids())
    }

    /// People with a phone number, by id.
    pub(super) fn by_phone(&self, e164: &str, rows: &Rows) -> Vec<RecordId> {
        let with = Digits::of_e164(e164).map(|digits| self.people.with_phone(digits));
        let mut ids: Vec<RecordId> = with.into_iter().flatten().map(|row| rows.id(row)).collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn due<'a>(&'a self, owner: &str, until: Millis, rows: &'a Rows) -> Option<Cursor<'a>> {
        let owner = self.names.find(owner)?;
        Some(self.lists.range(list(DUE, owner), EARLIEST, until, rows.ids()))
    }

    pub(super) fn captured_in<'a>(&'a self, outing: RecordId, rows: &'a Rows) -> Option<Cursor<'a>> {
        Some(self.whole(list(CAPTURED_IN, rows.find(outing)?), rows))
    }

    pub(super) fn owner(&self, owner: &str) -> Option<Name> {
        self.names.find(owner)
    }

    pub(super) fn counts_by_stage(&self, owner: Option<&str>, venue: Option<VenueId>) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        let number = owner.map(|owner| self.names.find(owner));
        for ((of_venue, of_owner, stage), count) in &self.count_by_stage {
            if number.is_none_or(|number| number == Some(*of_owner)) && venue.is_none_or(|venue| venue == *of_venue) {
                *counts.entry(self.names.text(*stage)).or_default() += count;
            }
        }
        counts
    }
}

impl PersonFacts {
    fn stage_key(&self) -> (VenueId, Name, Name) {
        (self.venue, self.owner, self.stage)
    }
}
