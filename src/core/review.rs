//! What the endpoint asks of a step that somebody took, when the change that has it arrives.
//!
//! A write to a record's guarded state names the writes that its author saw. It is judged from those and not from what
//! the record is by now, so that two desks that acted on one record without seeing each other end in a conflict and
//! neither is refused. Asked is what cannot have been otherwise where the step was taken: that the machine has it from
//! the state that was seen, that it is its author's to take, that what it needs was ever filled in. What may have been
//! otherwise there is not held against anybody: the tablet's clock, numbers of the venue, and fields that somebody has
//! altered since. Source: domain catalogue 7 and 18.4.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    audience::Role,
    change::{Change, Edit, Key, Op},
    id::{ChangeId, RecordId, StaffId},
    lead,
    pack::Pack,
    paper::field_of,
    permit::{self, Doing, Matter},
    record::{CellTag, Record},
    schema,
    time::Millis,
    value::Value,
    work::{Call, Machine, Step, Work},
    workflow::{Actor, Facts, Lookup, PROGRESS, holds, in_group, is_clocks_own, may},
};

/// What is written to a guarded group: its members, and the writes that it replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub values: BTreeMap<Key, Value>,
    pub replaces: Vec<ChangeId>,
}

/// What a change wrote to the state of a record, where nothing has replaced it yet. What it replaced itself is not told.
#[must_use]
pub fn written_in(record: &Record, change: ChangeId) -> Option<Written> {
    let place = record.head_changes(PROGRESS).iter().position(|head| *head == change)?;
    Some(Written { values: record.heads(PROGRESS)[place].values.clone(), replaces: Vec::new() })
}

/// Finds what a change wrote to the state of a record; `None` if that change is not here.
pub type WrittenBy<'a> = &'a dyn Fn(ChangeId, RecordId) -> Option<Written>;

/// What a change is judged from.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    pub work: &'a Work,
    pub pack: &'a Pack,
    /// Records as they are before the change.
    pub lookup: Lookup<'a>,
    pub written_by: WrittenBy<'a>,
}

impl std::fmt::Debug for Ground<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground").finish_non_exhaustive()
    }
}

/// A step that is not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub record: RecordId,
    pub kind: Key,
    /// The state that it would have come to.
    pub to: Box<str>,
    pub why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The machine has no such step from what its author saw; empty where it was to begin there.
    NotFrom { states: Vec<Box<str>> },
    /// Somebody else takes it.
    NotYours { by: Vec<Box<str>> },
    /// These fields were never filled in.
    Missing { fields: Vec<Box<str>> },
    /// What its author saw is not here, and the step cannot be judged without it.
    NothingBefore,
}

/// The writes of a change to the state of a record that a machine runs.
pub fn states_written(change: &Change) -> impl Iterator<Item = (&Edit, &BTreeMap<Key, Value>, &[ChangeId])> {
    change.edits().filter_map(|edit| {
        edit.writes.iter().find_map(|write| match &write.op {
            Op::Guarded { values, replaces } if write.key.as_str() == PROGRESS => {
                Some((edit, values, replaces.as_slice()))
            }
            _ => None,
        })
    })
}

/// Records that say who somebody is to this one, as the edit or the record itself names them.
pub fn refers_to(edit: &Edit, record: Option<&Record>) -> impl Iterator<Item = RecordId> {
    ["person", "membership"].into_iter().filter_map(move |key| value_of(edit, record, key)?.as_id())
}

/// Whether the steps in a change could be taken by its author.
///
/// # Errors
/// The first one that could not.
pub fn check<'a>(change: &'a Change, role: Role, ground: &Ground<'a>) -> Result<(), Fault> {
    let all: Vec<Taken<'_>> = states_written(change)
        .filter_map(|(edit, values, replaces)| {
            let machine = ground.work.machines_of(edit.kind.as_str()).find(|machine| &*machine.place == PROGRESS)?;
            Some(Taken::new(edit, values, replaces, machine, ground))
        })
        .collect();
    let author = Author { id: change.header.author, role };
    check_owners(change, author, ground)?;
    let judged: Vec<Result<Vec<&Step>, Why>> = all.iter().map(|taken| taken.steps_of(author, ground)).collect();
    for (taken, own) in all.iter().zip(&judged) {
        let Err(why) = own else { continue };
        // What follows from another step of the same save is whoever's that one is.
        let mut effects = Vec::new();
        for (other, steps) in all.iter().zip(&judged) {
            let steps = steps.iter().flatten();
            effects.extend(steps.flat_map(|step| &step.then).map(|effect| (other, effect)));
        }
        if !(taken.is_by(author.id) && taken.follows_from(&effects)) {
            let (record, kind) = (taken.edit.record, taken.edit.kind.clone());
            return Err(Fault { record, kind, to: taken.to.into(), why: why.clone() });
        }
    }
    Ok(())
}

/// Only whoever leads makes a guest a colleague's.
fn check_owners(change: &Change, author: Author, ground: &Ground<'_>) -> Result<(), Fault> {
    if author.role.leads() {
        return Ok(());
    }
    for edit in change.edits().filter(|edit| edit.kind.as_str() == "person") {
        let rules = edit.writes.iter().filter(|write| write.key.as_str() == lead::RULING);
        for write in rules {
            let Op::Guarded { values, .. } = &write.op else { continue };
            if !lead::may_write_ruling(values, author.id, (ground.lookup)(edit.record).as_deref()) {
                let why = Why::NotYours { by: vec!["supervisor".into()] };
                return Err(Fault { record: edit.record, kind: edit.kind.clone(), to: "owner".into(), why });
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Author {
    id: StaffId,
    role: Role,
}

/// One write to the state of a record.
struct Taken<'a> {
    edit: &'a Edit,
    values: &'a BTreeMap<Key, Value>,
    machine: &'a Machine,
    /// The record as it is here, if it is.
    record: Option<std::borrow::Cow<'a, Record>>,
    to: &'a str,
    /// It begins the record.
    is_first: bool,
    /// What its author saw, as far as it is here and nothing else that they saw had replaced it.
    seen: Vec<Written>,
}

/// Writes back from which it is looked whether one that was seen had replaced another: a record has fewer.
const STEPS_BACK_MAX: usize = 256;

impl<'a> Taken<'a> {
    fn new(
        edit: &'a Edit,
        values: &'a BTreeMap<Key, Value>,
        replaces: &[ChangeId],
        machine: &'a Machine,
        ground: &Ground<'a>,
    ) -> Self {
        let before = |id: &ChangeId| Some((*id, (ground.written_by)(*id, edit.record)?));
        let mut seen: BTreeMap<ChangeId, Written> = replaces.iter().filter_map(before).collect();
        if seen.len() > 1 {
            let mut older: BTreeSet<ChangeId> = BTreeSet::new();
            let mut next: Vec<ChangeId> = seen.values().flat_map(|written| written.replaces.clone()).collect();
            while let Some(id) = next.pop()
                && older.len() < STEPS_BACK_MAX
            {
                if older.insert(id) {
                    next.extend((ground.written_by)(id, edit.record).into_iter().flat_map(|written| written.replaces));
                }
            }
            seen.retain(|id, _| !older.contains(id));
        }
        Self {
            edit,
            values,
            machine,
            record: (ground.lookup)(edit.record),
            to: values.get("state").and_then(Value::as_text).unwrap_or_default(),
            is_first: replaces.is_empty(),
            seen: seen.into_values().collect(),
        }
    }

    /// The steps by which its author may have come there, the clock's among them; none where nothing but members of the
    /// group was altered.
    fn steps_of(&self, author: Author, ground: &Ground<'_>) -> Result<Vec<&'a Step>, Why> {
        if self.is_first {
            return self.begun(author, ground);
        }
        if self.seen.is_empty() {
            let all = self.machine.steps.iter().filter(|step| !step.from.is_empty() && *step.to == *self.to);
            let mine: Vec<&Step> = all.filter(|step| self.may(step, author, ground)).collect();
            return if mine.is_empty() || !self.is_by(author.id) { Err(Why::NothingBefore) } else { Ok(mine) };
        }
        if self.is_correction(ground) || self.settles(author) {
            return Ok(Vec::new());
        }
        let (states, clock) = self.states_seen(ground.work);
        let from = |step: &&Step| step.from.iter().any(|from| states.contains(&**from));
        let steps = self.machine.steps.iter().filter(|step| *step.to == *self.to).filter(from);
        let taken = self.open_to(steps, author, ground, || {
            let states = self.seen.iter().filter_map(|written| state_in(&written.values)).map(Box::from);
            Why::NotFrom { states: states.collect() }
        })?;
        Ok(clock.into_iter().chain(taken).collect())
    }

    /// A record begins with a first step, and with one more where the form says so: a talk that ended in yes.
    fn begun(&self, author: Author, ground: &Ground<'_>) -> Result<Vec<&'a Step>, Why> {
        // What left the club is written down as it happened, by whoever may approve it.
        let approves = permit::reach(&[author.role.key()], Matter::BulkExport, Doing::Approve).is_some();
        if self.edit.kind.as_str() == "export" && self.to == "executed" && self.is_by(author.id) && approves {
            return Ok(Vec::new());
        }
        let begins = || self.machine.steps.iter().filter(|step| step.from.is_empty());
        let nowhere = || Why::NotFrom { states: Vec::new() };
        let mut fault = match self.open_to(begins().filter(|step| *step.to == *self.to), author, ground, nowhere) {
            Ok(steps) => return Ok(steps),
            Err(fault) => fault,
        };
        for first in self.open_to(begins(), author, ground, nowhere).unwrap_or_default() {
            let onward = self.machine.steps.iter().filter(|step| *step.to == *self.to && step.from.contains(&first.to));
            match self.open_to(onward, author, ground, nowhere) {
                Ok(steps) => return Ok([first].into_iter().chain(steps).collect()),
                Err(Why::NotFrom { .. }) => {}
                Err(other) => fault = other,
            }
        }
        Err(fault)
    }

    /// Those of the steps that the author may take and that miss nothing.
    fn open_to(
        &self,
        steps: impl Iterator<Item = &'a Step>,
        author: Author,
        ground: &Ground<'_>,
        nowhere: impl Fn() -> Why,
    ) -> Result<Vec<&'a Step>, Why> {
        let mut open = Vec::new();
        let mut fault = nowhere();
        for step in steps {
            if !self.is_by(author.id) || !self.may(step, author, ground) {
                if matches!(fault, Why::NotFrom { .. }) {
                    fault = Why::NotYours { by: step.by.clone() };
                }
                continue;
            }
            let fields: Vec<Box<str>> = step.needs.iter().flat_map(|guard| self.missing(guard, ground)).collect();
            if fields.is_empty() {
                open.push(step);
            } else {
                fault = Why::Missing { fields };
            }
        }
        if open.is_empty() { Err(fault) } else { Ok(open) }
    }

    /// The states that were seen, with those that the clock had brought about since by the author's clock, and the
    /// clock's steps to them.
    fn states_seen(&self, work: &Work) -> (BTreeSet<&str>, Vec<&'a Step>) {
        let mut states: BTreeSet<&str> = self.seen.iter().filter_map(|written| state_in(&written.values)).collect();
        let mut clock: Vec<&Step> = Vec::new();
        loop {
            let goes_on = |step: &&Step| {
                is_clocks_own(work, self.machine, step)
                    && step.from.iter().any(|from| states.contains(&**from))
                    && !clock.iter().any(|other| other.key == step.key)
            };
            let Some(step) = self.machine.steps.iter().find(goes_on) else { return (states, clock) };
            clock.push(step);
            states.insert(&step.to);
        }
    }

    /// Whether the group says that it was this author: nobody acts under another's name.
    fn is_by(&self, author: StaffId) -> bool {
        self.values.get("by").and_then(Value::as_text) == Some(&*author.to_string())
    }

    fn may(&self, step: &Step, author: Author, ground: &Ground<'_>) -> bool {
        let me = author.id.to_string();
        let read = |path: &str| self.named(path, &me, ground);
        may(step, Actor::Staff { id: author.id, posts: &[author.role.key()] }, &read)
    }

    /// Who somebody is to a record, where that cannot have been otherwise when its author looked: as they saw the group,
    /// or as it was written once. A field that may have been altered since speaks for its author only.
    fn named(&self, path: &str, me: &str, ground: &Ground<'_>) -> Option<Value> {
        let (reference, field) = match path.split_once('.') {
            Some((reference, field)) => (Some(reference), field),
            None => (None, path),
        };
        let kind = self.edit.kind.as_str();
        let Some(reference) = reference else {
            if in_group(kind, field) {
                let seen = self.seen.iter().map(|written| &written.values).chain(self.is_first.then_some(self.values));
                let mut named = seen.filter_map(|values| values.get(field).filter(|value| !value.is_empty()));
                let first = named.next()?;
                let is_me = |value: &Value| value.as_text() == Some(me);
                return named.find(|value| is_me(value)).or(Some(first)).cloned();
            }
            let value = value_of(self.edit, self.record.as_deref(), field)?;
            return relied_on(kind, field, value, me);
        };
        let id = value_of(self.edit, self.record.as_deref(), reference)?.as_id()?;
        match (ground.lookup)(id) {
            Some(other) => {
                let value = other.get(field)?.clone();
                relied_on(other.kind().as_str(), field, value, me)
            }
            // Not here yet or any more: it may have named them.
            None => Some(me.into()),
        }
    }

    /// What a guard misses for certain.
    fn missing(&self, guard: &Call, ground: &Ground<'_>) -> Vec<Box<str>> {
        let arguments = || guard.arguments.iter();
        let is_absent = |path: &str| matches!(self.known(path), Known::Never);
        let first = guard.argument(0);
        let holds_here = || {
            let read = |path: &str| match self.known(path) {
                Known::Never => None,
                Known::Is(value) => Some(value),
                Known::Once => Some(true.into()),
            };
            holds(
                guard,
                &Facts {
                    now: Millis(0),
                    offset_minutes: 0,
                    read: &read,
                    number: &|_| None,
                    pack: ground.pack,
                    reason: None,
                    court_free: true,
                },
            )
        };
        let one = |field: &str| vec![Box::from(field)];
        match &*guard.name {
            "filled" => arguments().filter(|path| is_absent(path)).cloned().collect(),
            "any_filled" if arguments().all(|path| is_absent(path)) => guard.arguments.to_vec(),
            "yes" | "is" | "not" | "positive" if !matches!(self.known(first), Known::Once) && !holds_here() => {
                one(first)
            }
            "if" | "unless" if !matches!(self.known(first), Known::Once) && !holds_here() => one(guard.argument(2)),
            "equals" | "at_least_field" | "longer" => {
                arguments().take(2).filter(|path| is_absent(path)).cloned().collect()
            }
            "equals_parameter" | "at_least" | "below_parameter" | "future" | "reached" | "not_reached"
            | "hours_since" | "below_hours" | "days_since" | "days_within" | "ticked" | "elements"
                if is_absent(first) =>
            {
                one(first)
            }
            "reason" => {
                let said =
                    self.values.get("reason").and_then(Value::as_text).is_some_and(|text| !text.trim().is_empty());
                if said { Vec::new() } else { one("reason") }
            }
            _ => Vec::new(),
        }
    }

    fn known(&self, path: &str) -> Known {
        // Through a reference nothing is certain: it is another record, which others alter.
        if path.contains('.') || path == "id" {
            return Known::Once;
        }
        let writes = self.edit.writes.iter().filter(|write| write.key.as_str() == path);
        let mut adds = false;
        for write in writes {
            match &write.op {
                Op::Latest(value) | Op::First(value) | Op::Sticky(value) | Op::Once(value) => {
                    return if value.is_empty() { Known::Never } else { Known::Is(value.clone()) };
                }
                Op::Add(_) => adds = true,
                Op::Remove(_) | Op::Guarded { .. } => {}
            }
        }
        let was_there = |record: &Record| record.fields().any(|(key, _)| key.as_str() == path);
        if adds || self.record.as_deref().is_some_and(was_there) {
            return Known::Once;
        }
        match self.values.get(path).filter(|value| !value.is_empty()) {
            Some(value) => Known::Is(value.clone()),
            None => Known::Never,
        }
    }

    /// Whether the state stands, and who brought it about when and why: only fields of its forms were altered.
    fn is_correction(&self, ground: &Ground<'_>) -> bool {
        let kind = self.edit.kind.as_str();
        let get = |values: &BTreeMap<Key, Value>, key: &str| values.get(key).cloned().unwrap_or_default();
        let is_of_a_form = |key: &str| in_group(kind, key) && field_of(ground.pack, kind, key).is_some();
        self.seen.iter().map(|written| &written.values).any(|before| {
            let keys: BTreeSet<&Key> = before.keys().chain(self.values.keys()).collect();
            let mut altered =
                keys.into_iter().filter(|key| get(before, key.as_str()) != get(self.values, key.as_str()));
            // To take one of several sides is more.
            let takes_a_side = before == self.values && self.seen.iter().any(|other| other.values != *before);
            !takes_a_side && altered.all(|key| is_of_a_form(key.as_str()))
        })
    }

    /// Whether it takes one of several sides, by somebody who leads.
    fn settles(&self, author: Author) -> bool {
        self.seen.len() > 1 && author.role.leads() && self.seen.iter().any(|side| side.values == *self.values)
    }

    /// Whether steps of other records in the same save bring this one there.
    fn follows_from(&self, effects: &[(&Taken<'a>, &Call)]) -> bool {
        let first = self.machine.steps.iter().find(|step| step.from.is_empty());
        if self.is_first {
            let made = |(_, effect): &&(&Taken<'a>, &Call)| {
                &*effect.name == "make" && effect.argument(0) == self.edit.kind.as_str()
            };
            return effects.iter().any(|effect| made(&effect)) && first.is_some_and(|step| *step.to == *self.to);
        }
        let moved = |step: &&Step| {
            effects.iter().any(|(other, effect)| {
                let names_me = || value_of(other.edit, other.record.as_deref(), effect.argument(0))?.as_id();
                &*effect.name == "move"
                    && effect.argument(1) == &*self.machine.id
                    && effect.argument(2) == &*step.key
                    && names_me() == Some(self.edit.record)
            })
        };
        let steps: Vec<&Step> = self.machine.steps.iter().filter(moved).collect();
        let mut states: BTreeSet<&str> = self.seen.iter().filter_map(|written| state_in(&written.values)).collect();
        if self.seen.is_empty() {
            states.extend(steps.iter().flat_map(|step| &step.from).map(|from| &**from));
        }
        let mut was = 0;
        let mut came_there = false;
        // As often as a step brings a state that was not there before.
        while was != states.len() {
            was = states.len();
            for step in
                steps.iter().filter(|step| step.from.iter().any(|from| states.contains(&**from))).collect::<Vec<_>>()
            {
                came_there |= *step.to == *self.to;
                states.insert(&step.to);
            }
        }
        came_there
    }
}

/// What is certain of a field when its author took the step.
enum Known {
    /// Nobody ever filled it in, or this very change empties it.
    Never,
    /// This change fills it in.
    Is(Value),
    /// It was filled in some time; somebody may have altered it since.
    Once,
}

fn state_in(values: &BTreeMap<Key, Value>) -> Option<&str> {
    values.get("state").and_then(Value::as_text)
}

/// A field as an edit writes it, else as the record has it.
fn value_of(edit: &Edit, record: Option<&Record>, key: &str) -> Option<Value> {
    let own = edit.writes.iter().filter(|write| write.key.as_str() == key).find_map(|write| match &write.op {
        Op::Latest(value) | Op::First(value) | Op::Sticky(value) | Op::Once(value) => Some(value.clone()),
        Op::Add(_) | Op::Remove(_) | Op::Guarded { .. } => None,
    });
    own.or_else(|| record?.get(key).cloned()).filter(|value| !value.is_empty())
}

fn relied_on(kind: &str, field: &str, value: Value, me: &str) -> Option<Value> {
    let stands = schema::field(kind, field).is_some_and(|spec| matches!(spec.merge, CellTag::First | CellTag::Once));
    (stands || value.as_text() == Some(me)).then_some(value)
}

#[cfg(test)]
mod tests;
