//! Tasks that go to the next level by the passing of time: nothing is written, and those whose they are now hear of it.
//!
//! Each record with such tasks has a moment since which this was not told: when a change touched it, or when its next task
//! was to go on. Whoever moves that moment on tells what lies in between, so that it is told once, also by several processes
//! and after a restart; and what had gone on before anybody heard of it is on Today and in no message.

use std::collections::{BTreeMap, BTreeSet};

use yingke_core::{
    clockwork::{self, Ground},
    id::{RecordId, StaffId, VenueId},
    pack::Words,
    parameter::Parameters,
    record::Record,
    task::{self, Task, TaskState},
    time::{DAY_MS, MINUTE_MS, Millis},
    workflow::{is_meant, value_at},
};

use super::{asked, numbers_by_venue, who_sees};
use crate::{
    house::House,
    ledger::{Ledger, LedgerError, Untold, mentions_of},
    reminders::Late,
};

/// Records that are looked at each time; what waits beyond is looked at the next minute.
const RECORDS_MAX: usize = 500;
/// The venue may set other numbers, so that what is awaited is looked at again after this long at the latest.
const LOOK_AGAIN_MS: i64 = DAY_MS;

/// Those to whom a task has gone by `now`, and what it is.
///
/// # Errors
/// [`LedgerError`]; what was not told is told the next time.
pub async fn tell(ledger: &dyn Ledger, house: &House, now: Millis) -> Result<Vec<(StaffId, Late)>, LedgerError> {
    let organisation = house.organisation;
    let untold = ledger.untold(organisation, now, RECORDS_MAX).await?;
    if untold.is_empty() {
        return Ok(Vec::new());
    }
    let numbers = numbers_by_venue(ledger, organisation).await?;
    let known = beside(ledger, house, &numbers, &untold, now).await?;
    let mut late: BTreeMap<RecordId, Vec<(StaffId, Late)>> = BTreeMap::new();
    let mut looked_at = Vec::with_capacity(untold.len());
    for untold in untold {
        let record = &untold.record;
        let found = asked(record, house, &numbers, &known, now, |ground| {
            let gone = gone_on(&untold, ground);
            (
                gone.into_iter().flat_map(|(to, what)| heard_by(house, record, &to, what, ground)).collect(),
                next(record, ground),
            )
        });
        let (hearers, at): (Vec<_>, Option<Millis>) = found.unwrap_or_default();
        late.insert(record.id, hearers);
        looked_at.push((untold, at));
    }
    let ours = ledger.tell_again(organisation, &looked_at).await?;
    late.retain(|record, _| ours.contains(record));
    Ok(late.into_values().flatten().collect())
}

/// What the records name, and what people did to those of their tasks that are due.
async fn beside(
    ledger: &dyn Ledger,
    house: &House,
    numbers: &BTreeMap<VenueId, Parameters>,
    untold: &[Untold],
    now: Millis,
) -> Result<BTreeMap<RecordId, Record>, LedgerError> {
    let named: BTreeSet<RecordId> = untold.iter().flat_map(|untold| mentions_of(&untold.record)).collect();
    let found = ledger.records_by_id(house.organisation, &named).await?;
    let mut known: BTreeMap<RecordId, Record> = found.into_iter().map(|record| (record.id, record)).collect();
    let mut deeds = BTreeSet::new();
    for Untold { record, .. } in untold {
        let tasks = asked(record, house, numbers, &known, now, |ground| listed(record, ground));
        deeds.extend(tasks.into_iter().flatten().map(|task| task.id));
    }
    let found = ledger.records_by_id(house.organisation, &deeds).await?;
    known.extend(found.into_iter().map(|record| (record.id, record)));
    Ok(known)
}

/// The record's tasks that Today lists.
fn listed(record: &Record, ground: &Ground<'_>) -> Vec<Task> {
    let ends = ground.now.day(ground.offset_minutes).begins(ground.offset_minutes).plus(DAY_MS - 1);
    task::due_by(record, ends, &of_tasks(ground))
}

fn of_tasks<'a>(ground: &Ground<'a>) -> task::Ground<'a> {
    let Ground { work, pack, offset_minutes, numbers_on, lookup, now } = *ground;
    task::Ground { work, pack, offset_minutes, numbers_on, lookup, now }
}

/// When a task goes to each next level.
fn moments(task: &Task) -> impl Iterator<Item = Millis> {
    task.escalate.iter().map(|(after, _)| task.due_at.plus(after * MINUTE_MS + 1))
}

/// Tasks that have gone on since it was told, and to whom. Of a record that went on itself it was told with its step.
fn gone_on<'a>(untold: &Untold, ground: &Ground<'a>) -> Vec<(Box<str>, &'a Words)> {
    if clockwork::stepped_since(&untold.record, untold.since) {
        return Vec::new();
    }
    let gone = listed(&untold.record, ground).into_iter().filter_map(|task| {
        let TaskState::Escalated { to, .. } = task.state(ground.now) else { return None };
        let is_new = moments(&task).any(|at| untold.since <= at && at <= ground.now);
        let template = ground.work.tasks.iter().find(|template| template.id == task.template)?;
        is_new.then_some((to, &template.title))
    });
    gone.collect()
}

/// When the next task goes on, if nothing happens until then.
fn next(record: &Record, ground: &Ground<'_>) -> Option<Millis> {
    let tasks = task::of_record(record, &of_tasks(ground));
    let open = tasks.iter().filter(|task| !task.is_done && task.done_at.is_none());
    let next = open.flat_map(moments).filter(|at| *at > ground.now).min()?;
    Some(next.min(ground.now.plus(LOOK_AGAIN_MS)))
}

/// Who works at the venue, sees the record, and is whom the word means.
fn heard_by(house: &House, record: &Record, to: &str, what: &Words, ground: &Ground<'_>) -> Vec<(StaffId, Late)> {
    let read = |path: &str| value_at(record, path, ground.lookup);
    let hears = who_sees(house, record).filter(|staff| is_meant(to, staff.id, staff.role, &read));
    hears.map(|staff| (staff.id, Late::of_task(what))).collect()
}
