//! What the clock owes a record: the steps that nobody takes and that others have to hear of.
//!
//! Most of what time does to a record is worked out wherever it is looked at, and needs no writing down. What reaches
//! beyond the record does: a leave that begins takes the card along, a fault that ran late goes to the manager, a
//! complaint that nobody answered is escalated. The endpoint asks here every minute what is due and writes it, so that
//! it happens when no tablet is on. All are plain functions of the record and the time that is handed in; what is owed
//! has a cause by which it is known again. Source: domain catalogue 7.2, R-074, SM-14, SM-15.

use std::collections::BTreeSet;

use crate::{
    audience::Role,
    change::{Edit, Key},
    id::{ChangeId, RecordId, StaffId},
    pack::{KINDS, Pack, Packs},
    record::{Head, Record},
    schema,
    task::{self, NumbersOn, TaskState},
    time::{DAY_MS, Day, HOUR_MS, MINUTE_MS, Millis},
    value::Value,
    work::{Call, Machine, Step, Work},
    workflow::{self, Actor, Facts, Lookup, PROGRESS, by_clock, is_clocks_own, state_of, value_at},
};

/// What is owed is worked out from.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    pub now: Millis,
    pub offset_minutes: i32,
    pub work: &'a Work,
    pub pack: &'a Pack,
    pub numbers_on: NumbersOn<'a>,
    pub lookup: Lookup<'a>,
}

impl std::fmt::Debug for Ground<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground").field("now", &self.now).finish_non_exhaustive()
    }
}

/// What has to be written now, and why: the same cause wherever and whenever it is worked out.
#[derive(Debug, Clone)]
pub struct Owed {
    pub cause: String,
    pub edits: Vec<Edit>,
    /// Who has to hear of it, where somebody has.
    pub told: Option<Told>,
}

/// That something ran late, and whose business that is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The workflow, and the state that the clock brought it to.
    pub machine: Box<str>,
    pub state: Box<str>,
    /// Posts, and who somebody is to the record.
    pub whom: BTreeSet<Box<str>>,
}

impl Told {
    /// Whether somebody is one of those. Who is named by what they are to the record is meant alone.
    #[must_use]
    pub fn is_for(&self, staff: StaffId, role: Role, record: &Record, lookup: Lookup<'_>) -> bool {
        let read = |path: &str| value_at(record, path, lookup);
        self.whom.iter().any(|whom| workflow::is_meant(whom, staff, role, &read))
    }
}

/// The step by which what is late goes to the next level.
const ESCALATE: &str = "escalate";
/// The venue may set other numbers, so that what is awaited is looked at again after this long at the latest.
const LOOK_AGAIN_MS: i64 = DAY_MS;

/// Kinds of record that the clock may owe something, by any of these packs; sorted.
#[must_use]
pub fn kinds(packs: &Packs) -> BTreeSet<&str> {
    let works = KINDS.map(|kind| packs.work(kind));
    let machines = works.into_iter().flat_map(|work| work.machines.iter().map(move |machine| (work, machine)));
    let watched = machines.filter(|(work, machine)| {
        &*machine.place == PROGRESS
            && machine.steps.iter().any(|step| reaches_out(work, machine, step) || is_escalation(step))
    });
    watched.flat_map(|(_, machine)| machine.records.iter().map(|kind| &**kind)).collect()
}

/// Kinds of record with tasks that go to the next level, by any of these packs; sorted. Calls to guests are none of them:
/// they stand in the caller's list, whoever else they would go to.
#[must_use]
pub fn kinds_of_tasks(packs: &Packs) -> BTreeSet<&str> {
    let templates = KINDS.into_iter().flat_map(|kind| &packs.work(kind).tasks);
    let passed_on = templates.filter(|template| !template.escalate.is_empty());
    passed_on.map(|template| &*template.record).filter(|kind| !["", "person"].contains(kind)).collect()
}

/// Whether the clock has taken a step of a record since a moment.
#[must_use]
pub fn stepped_since(record: &Record, since: Millis) -> bool {
    record.heads(PROGRESS).iter().filter(|head| is_clocks(head)).any(|head| {
        let at = head.values.get("at").and_then(Value::as_at);
        at.is_some_and(|at| at >= since)
    })
}

fn reaches_out(work: &Work, machine: &Machine, step: &Step) -> bool {
    is_clocks_own(work, machine, step) && !step.then.is_empty()
}

fn is_escalation(step: &Step) -> bool {
    &*step.key == ESCALATE && step.by.iter().any(|by| &**by == "system")
}

fn machine_of<'a>(record: &Record, work: &'a Work) -> Option<&'a Machine> {
    work.machines_of(record.kind().as_str()).find(|machine| &*machine.place == PROGRESS)
}

/// What the clock owes a record now; one thing at a time.
#[must_use]
pub fn owed(record: &Record, ground: &Ground<'_>) -> Option<Owed> {
    if record.is("withdrawn") {
        return None;
    }
    let machine = machine_of(record, ground.work)?;
    match record.heads(PROGRESS) {
        [] => None,
        [_] => run_out(record, machine, ground).or_else(|| late(record, machine, ground)),
        heads => overtaken(record, heads, machine, ground),
    }
}

/// When there is reason to look at a record again, if nothing happens to it until then.
#[must_use]
pub fn look_again_at(record: &Record, ground: &Ground<'_>) -> Option<Millis> {
    let machine = machine_of(record, ground.work).filter(|_| !record.is("withdrawn"))?;
    let state = state_of(machine, record)?;
    let from_here = |step: &&Step| step.from.iter().any(|from| &**from == state);
    let own = machine.steps.iter().filter(|step| is_clocks_own(ground.work, machine, step)).filter(from_here);
    let steps = own.filter_map(|step| {
        // All that is needed has to have come.
        step.needs.iter().filter_map(|guard| comes_at(guard, record, ground)).max()
    });
    let mut moments: Vec<Millis> = steps.collect();
    if machine.steps.iter().filter(from_here).any(is_escalation) {
        for task in tasks(record, ground).into_iter().filter(|task| !task.is_done && task.done_at.is_none()) {
            moments.extend(task.escalate.iter().map(|(after, _)| task.due_at.plus(after * MINUTE_MS + 1)));
        }
    }
    let next = moments.iter().copied().filter(|at| *at > ground.now).min();
    let soon = (!moments.is_empty()).then_some(ground.now.plus(LOOK_AGAIN_MS));
    next.map_or(soon, |next| Some(next.min(ground.now.plus(LOOK_AGAIN_MS))))
}

fn number(key: &str, ground: &Ground<'_>) -> Option<i64> {
    (ground.numbers_on)(key, ground.now.day(ground.offset_minutes)).first().copied()
}

/// When a guard that waits for a time begins to hold.
fn comes_at(guard: &Call, record: &Record, ground: &Ground<'_>) -> Option<Millis> {
    let field = guard.argument(0);
    let value = value_at(record, field, ground.lookup)?;
    let begins = |day: Day| day.begins(ground.offset_minutes);
    let at = match value {
        Value::At(at) => at,
        // A last day is over when the next begins.
        Value::Day(day) if field == "end_on" && guard.arguments.len() < 2 => begins(day).plus(DAY_MS),
        Value::Day(day) => begins(day),
        _ => return None,
    };
    let many = || number(guard.argument(1), ground);
    match (&*guard.name, guard.arguments.len()) {
        ("reached", 2) => Some(at.plus(-many()? * DAY_MS)),
        ("reached", _) => Some(at),
        ("hours_since", _) => Some(at.plus(many()? * HOUR_MS + 1)),
        ("days_since", _) => Some(at.plus(many()? * DAY_MS)),
        _ => None,
    }
}

fn with_facts<T>(record: &Record, ground: &Ground<'_>, question: impl FnOnce(&Facts<'_>) -> T) -> T {
    let read = |path: &str| value_at(record, path, ground.lookup);
    question(&Facts {
        now: ground.now,
        offset_minutes: ground.offset_minutes,
        read: &read,
        number: &|key| number(key, ground),
        pack: ground.pack,
        reason: None,
        court_free: false,
    })
}

fn head_names(record: &Record) -> String {
    let mut names: Vec<String> = record.head_changes(PROGRESS).iter().map(ToString::to_string).collect();
    names.sort();
    names.join(" ")
}

/// The clock's own steps, as far as the last one that reaches beyond the record.
fn run_out(record: &Record, machine: &Machine, ground: &Ground<'_>) -> Option<Owed> {
    with_facts(record, ground, |facts| {
        let mut passed = by_clock(ground.work, machine, state_of(machine, record), facts);
        let last = passed.iter().rposition(|step| !step.then.is_empty())?;
        let step = passed[last];
        passed.truncate(last);
        take(record, machine, step, &passed, facts, ground, format!("{} after {}", step.key, head_names(record)))
    })
}

/// A record whose task has gone to the next level goes there too, once for each level. Source: R-074.
fn late(record: &Record, machine: &Machine, ground: &Ground<'_>) -> Option<Owed> {
    let step = machine.steps.iter().find(|step| is_escalation(step))?;
    if state_of(machine, record) == Some(&*step.to) {
        return None;
    }
    let (late, next) = tasks(record, ground).into_iter().find_map(|task| match task.state(ground.now) {
        TaskState::Escalated { minutes, to } => {
            let level = task.escalate.iter().filter(|(after, _)| minutes >= *after).count();
            Some((format!("{} {level}", task.id), to))
        }
        TaskState::Open | TaskState::InProgress | TaskState::Overdue { .. } | TaskState::Done { .. } => None,
    })?;
    let cause = format!("{ESCALATE} {late}");
    let mut owed = with_facts(record, ground, |facts| take(record, machine, step, &[], facts, ground, cause))?;
    if let Some(told) = &mut owed.told {
        told.whom.insert(next);
    }
    Some(owed)
}

fn tasks(record: &Record, ground: &Ground<'_>) -> Vec<task::Task> {
    let Ground { work, pack, offset_minutes, numbers_on, lookup, now, .. } = *ground;
    task::of_record(record, &task::Ground { work, pack, offset_minutes, numbers_on, lookup, now })
}

fn take(
    record: &Record,
    machine: &Machine,
    step: &Step,
    passed: &[&Step],
    facts: &Facts<'_>,
    ground: &Ground<'_>,
    cause: String,
) -> Option<Owed> {
    // No step of the clock makes a record.
    let mut no_id = || RecordId::from_bytes([0; 16]);
    let actor = Actor::System;
    let taken =
        workflow::take(ground.work, machine, &step.key, record, passed, actor, facts, ground.lookup, &mut no_id)
            .ok()?;
    let whom: BTreeSet<Box<str>> = taken.inform.into_iter().collect();
    let told = (!whom.is_empty()).then(|| Told { machine: machine.id.clone(), state: step.to.clone(), whom });
    Some(Owed { cause, edits: taken.edits, told })
}

fn is_clocks(head: &Head) -> bool {
    head.values.get("by").is_none_or(Value::is_empty)
}

/// Somebody took a step without having seen the clock's: theirs stands, since the moment at which they took it counts
/// and not the one at which it arrived. What the clock had taken along comes back. Source: domain catalogue 18.5.
fn overtaken(record: &Record, heads: &[Head], machine: &Machine, ground: &Ground<'_>) -> Option<Owed> {
    let theirs = heads.iter().find(|head| !is_clocks(head))?;
    let clocks: Vec<(&Head, ChangeId)> =
        heads.iter().zip(record.head_changes(PROGRESS)).filter(|(head, _)| is_clocks(head)).collect();
    // Two people who did not see each other are a supervisor's to settle.
    if clocks.is_empty() || heads.iter().any(|head| !is_clocks(head) && head.values != theirs.values) {
        return None;
    }
    let kind = record.kind().as_str();
    let write = schema::write_group(kind, PROGRESS, theirs.values.clone(), record.head_changes(PROGRESS));
    let mut edits = vec![edit_of(record, write)];
    for (head, change) in clocks {
        let state = head.values.get("state").and_then(Value::as_text);
        let steps = machine.steps.iter().filter(|step| Some(&*step.to) == state);
        for effect in steps.flat_map(|step| &step.then).filter(|effect| &*effect.name == "move") {
            edits.extend(taken_back(record, change, effect, ground));
        }
    }
    Some(Owed { cause: format!("overtaken {}", head_names(record)), edits, told: None })
}

/// The other record as it stood before the clock's change, if nobody has touched it since.
fn taken_back(record: &Record, change: ChangeId, effect: &Call, ground: &Ground<'_>) -> Option<Edit> {
    let other = (ground.lookup)(value_at(record, effect.argument(0), ground.lookup)?.as_id()?)?;
    let step = ground.work.machine(effect.argument(1))?.step(effect.argument(2))?;
    let [from] = &*step.from else { return None };
    if other.head_changes(PROGRESS) != [change] {
        return None;
    }
    let mut group = other.guarded(PROGRESS)?.clone();
    group.insert(Key::of("state"), (&**from).into());
    group.insert(Key::of("at"), ground.now.into());
    let write = schema::write_group(other.kind().as_str(), PROGRESS, group, vec![change]);
    Some(edit_of(&other, write))
}

fn edit_of(record: &Record, write: crate::change::Write) -> Edit {
    let (kind, audience) = (record.kind().clone(), record.audience().clone());
    Edit { record: record.id, kind, audience, salt: [0; 8], writes: vec![write] }
}

#[cfg(test)]
mod tests;
