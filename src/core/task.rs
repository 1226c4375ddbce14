//! Tasks: what is to be done, by whom, until when. Nothing of it is stored.
//!
//! They are a pure function of the records, the pack, the parameters in force on the day that set them off, and the
//! time; so tablet and endpoint have the same tasks under the same ids. What people do to them (done, put off, handed
//! over) is a record of kind `task` under the task's own id. [`Board`] keeps them while records change and gives what
//! working all out anew would give. Source: domain catalogue 9, R-074, Q-30.

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use sha2::{Digest, Sha256};

use crate::{
    audience::Audience,
    change::{Edit, Key},
    id::{RecordId, StaffId, VenueId},
    pack::Pack,
    reckon::{plus_days, plus_months},
    record::Record,
    schema,
    time::{DAY_MS, Day, HOUR_MS, MINUTE_MS, Millis},
    value::Value,
    work::{Call, TaskTemplate, Work},
    workflow::{self, Facts, Lookup, holds, value_at},
};

/// The numbers of a parameter that were in force at the venue on a day.
pub type NumbersOn<'a> = &'a dyn Fn(&str, Day) -> Vec<i64>;

/// What tasks are worked out from, besides the record itself.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    pub work: &'a Work,
    pub pack: &'a Pack,
    pub offset_minutes: i32,
    pub numbers_on: NumbersOn<'a>,
    pub lookup: Lookup<'a>,
    /// A card that has run out by now asks for other things than one that runs, whether or not anybody wrote that down.
    pub now: Millis,
}

impl std::fmt::Debug for Ground<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground").field("offset_minutes", &self.offset_minutes).finish_non_exhaustive()
    }
}

/// A task before anybody asks what time it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// A hash of template, subject and occurrence; also the id of the record of what people did to it.
    pub id: RecordId,
    /// `T-030`
    pub template: Box<str>,
    /// What it is about; the venue's own id for what the calendar asks.
    pub subject: [u8; 16],
    pub due_at: Millis,
    /// Somebody, if the record names one; else posts of whom one does it.
    pub assignee: Option<StaffId>,
    pub posts: Vec<Box<str>>,
    /// The record itself says that it is done.
    pub is_done: bool,
    pub started_at: Option<Millis>,
    pub done_at: Option<Millis>,
    /// Minutes after it was due, and to whom it goes then.
    pub escalate: Vec<(i64, Box<str>)>,
}

/// How far a task has come. Source: SM-16.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    Open,
    InProgress,
    Overdue { minutes: i64 },
    Escalated { minutes: i64, to: Box<str> },
    Done { late: bool },
}

impl Task {
    /// Its state at a moment. A deadline that passed while a tablet was offline is overdue at once.
    #[must_use]
    pub fn state(&self, now: Millis) -> TaskState {
        if self.is_done || self.done_at.is_some() {
            return TaskState::Done { late: self.done_at.is_some_and(|done_at| done_at > self.due_at) };
        }
        let late = now.since(self.due_at);
        if late <= 0 {
            return if self.started_at.is_some() { TaskState::InProgress } else { TaskState::Open };
        }
        let minutes = late / MINUTE_MS;
        let step = self.escalate.iter().rev().find(|(after, _)| late > after * MINUTE_MS);
        match step {
            Some((_, to)) => TaskState::Escalated { minutes, to: to.clone() },
            None => TaskState::Overdue { minutes },
        }
    }
}

/// The id of a task: the same wherever it is worked out.
#[must_use]
pub fn task_id(template: &str, subject: [u8; 16], occurrence: &str) -> RecordId {
    let mut hash = Sha256::new();
    hash.update(template.as_bytes());
    hash.update([0]);
    hash.update(subject);
    hash.update(occurrence.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    RecordId::from_bytes(id)
}

/// The tasks that a record sets off.
#[must_use]
pub fn of_record(record: &Record, ground: &Ground<'_>) -> Vec<Task> {
    of_templates(record, None, ground)
}

/// The tasks of a record that are due by a moment. Of one that comes round again and again it is the last that has
/// come: whoever was not called in spring is called in summer, once.
#[must_use]
pub fn due_by(record: &Record, until: Millis, ground: &Ground<'_>) -> Vec<Task> {
    let mut tasks = of_templates(record, Some(until), ground);
    // What was put off since is not due yet.
    tasks.retain(|task| task.due_at <= until);
    tasks
}

fn of_templates(record: &Record, until: Option<Millis>, ground: &Ground<'_>) -> Vec<Task> {
    let mut tasks = Vec::new();
    let mut templates =
        ground.work.tasks.iter().filter(|template| *template.record == *record.kind().as_str()).peekable();
    if record.is("withdrawn") || templates.peek().is_none() {
        return tasks;
    }
    // Of most records no template asks for it.
    let state = OnceCell::new();
    let by_clock = |path: &str| {
        if path == "state" { *state.get_or_init(|| state_by_clock(record, ground)) } else { None }
    };
    let read = |path: &str| match by_clock(path) {
        Some(state) => Some(state.into()),
        None => value_at(record, path, ground.lookup),
    };
    templates.for_each(|template| of_template(template, record, until, &read, ground, &mut tasks));
    tasks
}

/// The state that the clock has brought a record to and that nobody has written down yet.
fn state_by_clock<'a>(record: &Record, ground: &Ground<'a>) -> Option<&'a str> {
    let read = |path: &str| value_at(record, path, ground.lookup);
    let today = ground.now.day(ground.offset_minutes);
    let number = |key: &str| (ground.numbers_on)(key, today).first().copied();
    let facts = Facts {
        now: ground.now,
        offset_minutes: ground.offset_minutes,
        read: &read,
        number: &number,
        pack: ground.pack,
        reason: None,
        court_free: false,
    };
    let machine = ground.work.machines_of(record.kind().as_str()).next()?;
    let passed = workflow::by_clock(ground.work, machine, workflow::state_of(machine, record), &facts);
    passed.last().map(|step| &*step.to)
}

fn of_template(
    template: &TaskTemplate,
    record: &Record,
    until: Option<Millis>,
    read: &dyn Fn(&str) -> Option<Value>,
    ground: &Ground<'_>,
    tasks: &mut Vec<Task>,
) {
    // A template asks nothing else of the time, so a task has the same id and the same deadline at any moment.
    let number = |key: &str| (ground.numbers_on)(key, Day::from_number(0)).first().copied();
    let facts = Facts {
        now: Millis(0),
        offset_minutes: ground.offset_minutes,
        read,
        number: &number,
        pack: ground.pack,
        reason: None,
        court_free: false,
    };
    if !template.when.iter().all(|guard| holds(guard, &facts)) {
        return;
    }
    let is_done = !template.done.is_empty() && template.done.iter().any(|guard| holds(guard, &facts));
    let mut dues = dues(&template.due, read, ground);
    if let Some(until) = until {
        dues.retain(|(_, due_at)| *due_at <= until);
        let last = dues.into_iter().max_by_key(|(_, due_at)| *due_at);
        dues = last.into_iter().collect();
    }
    for (occurrence, due_at) in dues {
        let subject = record.id.bytes();
        let due_at = if template.is_call { into_hours(due_at, ground) } else { due_at };
        tasks.push(finish(template, subject, &occurrence, due_at, is_done, read, ground));
    }
}

fn finish(
    template: &TaskTemplate,
    subject: [u8; 16],
    occurrence: &str,
    due_at: Millis,
    is_done: bool,
    read: &dyn Fn(&str) -> Option<Value>,
    ground: &Ground<'_>,
) -> Task {
    let id = task_id(&template.id, subject, occurrence);
    let action = (ground.lookup)(id).filter(|record| record.kind().as_str() == "task");
    let at = |key: &str| action.as_ref().and_then(|action| action.get(key)).and_then(Value::as_at);
    let handed_to = action.as_ref().and_then(|action| action.text("assignee")).and_then(|text| text.parse().ok());
    let named = || {
        let staff = |field: &str| -> Option<StaffId> { read(field)?.as_text()?.parse().ok() };
        template.assignee.iter().find_map(|field| match &**field {
            "owner" => ["owner", "person.owner", "membership.owner"].into_iter().find_map(staff),
            "host" => ["host", "host_staff"].into_iter().find_map(staff),
            field => staff(field),
        })
    };
    Task {
        id,
        template: template.id.clone(),
        subject,
        due_at: at("put_off_until").map_or(due_at, |until| until.max(due_at)),
        assignee: handed_to.or_else(named),
        posts: template.assignee.clone(),
        is_done,
        started_at: at("started_at"),
        done_at: at("done_at"),
        escalate: template.escalate.clone(),
    }
}

/// What somebody did to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Done,
    /// Due again at this moment.
    PutOff(Millis),
    HandedTo(StaffId),
}

/// The edit that keeps what somebody did to a task, for whoever sees its subject.
#[must_use]
pub fn deed_edit(task: &Task, audience: &Audience, deed: Deed, now: Millis) -> Edit {
    let mut writes = vec![
        schema::write("task", "template", &*task.template),
        schema::write("task", "subject", RecordId::from_bytes(task.subject)),
    ];
    writes.push(match deed {
        Deed::Done => schema::write("task", "done_at", now),
        Deed::PutOff(until) => schema::write("task", "put_off_until", until),
        Deed::HandedTo(staff) => schema::write("task", "assignee", staff.to_string()),
    });
    Edit { record: task.id, kind: Key::of("task"), audience: audience.clone(), salt: [0; 8], writes }
}

/// Each occurrence of a task and when it is due.
fn dues(due: &Call, read: &dyn Fn(&str) -> Option<Value>, ground: &Ground<'_>) -> Vec<(String, Millis)> {
    let offset = ground.offset_minutes;
    let instant = |field: &str| match read(field)? {
        Value::At(at) => Some(at),
        Value::Day(day) => Some(day.begins(offset)),
        _ => None,
    };
    let Some(from) = instant(due.argument(0)) else {
        // A cadence begins where nothing else was agreed.
        return match (&*due.name, instant(due.argument(1))) {
            ("next_or_days", Some(from)) => days(from, 1, due.argument(2), due.argument(3), ground),
            _ => Vec::new(),
        };
    };
    let day = from.day(offset);
    let numbers = |key: &str| (ground.numbers_on)(key, day);
    let number = |key: &str| numbers(key).first().copied();
    match &*due.name {
        "at" | "next_or_days" => vec![(format!("{}", from.0), from)],
        "hours" => number(due.argument(1))
            .map(|hours| (format!("{}", from.0), from.plus(hours * HOUR_MS)))
            .into_iter()
            .collect(),
        "minutes" => {
            let due = number(due.argument(1)).map(|minutes| (format!("{}", from.0), from.plus(minutes * MINUTE_MS)));
            due.into_iter().collect()
        }
        "days" => days(from, 1, due.argument(1), due.argument(2), ground),
        "days_before" => days(from, -1, due.argument(1), due.argument(2), ground),
        "same_day" => vec![(day.to_string(), day.begins(offset).plus(DAY_MS - MINUTE_MS))],
        "months_then_quarters" => {
            let (first, every) = (number(due.argument(1)).unwrap_or(0), number(due.argument(2)).unwrap_or(3).max(1));
            let monthly = (1..=first).chain((1..=MEMBER_CALLS_MAX).map(|number| first + number * every));
            let time = number("contact.call_time").unwrap_or(18 * 60);
            monthly
                .map(|months| {
                    let on = plus_months(day, months);
                    (format!("{day}+{months}"), on.begins(offset).plus(time * MINUTE_MS))
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Calls to a member that are planned after the monthly ones: four years of quarters.
const MEMBER_CALLS_MAX: i64 = 16;

fn days(from: Millis, sign: i64, days: &str, time: &str, ground: &Ground<'_>) -> Vec<(String, Millis)> {
    let offset = ground.offset_minutes;
    let day = from.day(offset);
    let time = (ground.numbers_on)(time, day).first().copied().unwrap_or(18 * 60);
    let due = |days: &i64| {
        let on = plus_days(day, days * sign);
        (format!("{day}{}{days}", if sign < 0 { '-' } else { '+' }), on.begins(offset).plus(time * MINUTE_MS))
    };
    (ground.numbers_on)(days, day).iter().map(due).collect()
}

/// Calls are made in the venue's hours only: one that is due outside them is due at the last moment before.
/// Source: Q-30, EX-12.
fn into_hours(due_at: Millis, ground: &Ground<'_>) -> Millis {
    let offset = ground.offset_minutes;
    let day = due_at.day(offset);
    let number = |key: &str, default: i64| (ground.numbers_on)(key, day).first().copied().unwrap_or(default);
    let (from, until) = (number("contact.from", 9 * 60), number("contact.until", 20 * 60 + 30));
    let minutes = due_at.since(day.begins(offset)) / MINUTE_MS;
    if minutes > until {
        day.begins(offset).plus(until * MINUTE_MS)
    } else if minutes < from {
        plus_days(day, -1).begins(offset).plus(until * MINUTE_MS)
    } else {
        due_at
    }
}

/// What the calendar asks of a venue at a moment: today's summaries, last month's and last quarter's analyses.
#[must_use]
pub fn of_calendar(venue: VenueId, now: Millis, ground: &Ground<'_>) -> Vec<Task> {
    let offset = ground.offset_minutes;
    let today = now.day(offset);
    let (year, month, _) = today.ymd();
    let mut tasks = Vec::new();
    for template in ground.work.tasks.iter().filter(|template| template.record.is_empty()) {
        let number = (ground.numbers_on)(template.due.argument(0), today).first().copied().unwrap_or(1);
        let (occurrence, due_at) = match &*template.due.name {
            "each_day" => (today.to_string(), today.begins(offset).plus(number * MINUTE_MS)),
            "after_month" | "after_quarter" => {
                let months = if &*template.due.name == "after_month" { 1 } else { 3 };
                let begins = (month - 1) / months * months + 1;
                let Some(first) = Day::from_ymd(year, begins, 1) else { continue };
                let due = plus_days(first, number - 1);
                // The period that has ended, by the day on which the next one began.
                (format!("until {first}"), due.begins(offset).plus(DAY_MS - MINUTE_MS))
            }
            _ => continue,
        };
        tasks.push(finish(template, venue.bytes(), &occurrence, due_at, false, &|_| None, ground));
    }
    tasks
}

/// Tasks, kept while records change.
#[derive(Debug, Clone, Default)]
pub struct Board {
    tasks_by_subject: BTreeMap<RecordId, Vec<Task>>,
    /// Which subjects were worked out with a look at a record.
    subjects_by_seen: BTreeMap<RecordId, BTreeSet<RecordId>>,
    seen_by_subject: BTreeMap<RecordId, BTreeSet<RecordId>>,
}

impl Board {
    /// Works out again what a record's change may have touched.
    pub fn take_in(&mut self, changed: RecordId, ground: &Ground<'_>) {
        let mut subjects = self.subjects_by_seen.get(&changed).cloned().unwrap_or_default();
        subjects.insert(changed);
        for subject in subjects {
            self.work_out(subject, ground);
        }
    }

    fn work_out(&mut self, subject: RecordId, ground: &Ground<'_>) {
        for seen in self.seen_by_subject.remove(&subject).unwrap_or_default() {
            if let Some(subjects) = self.subjects_by_seen.get_mut(&seen) {
                subjects.remove(&subject);
            }
        }
        let seen = RefCell::new(BTreeSet::new());
        let lookup = |id: RecordId| {
            seen.borrow_mut().insert(id);
            (ground.lookup)(id)
        };
        let Some(record) = (ground.lookup)(subject) else {
            self.tasks_by_subject.remove(&subject);
            return;
        };
        let ground = Ground { lookup: &lookup, ..*ground };
        let tasks = of_record(&record, &ground);
        let seen = seen.take();
        for id in &seen {
            self.subjects_by_seen.entry(*id).or_default().insert(subject);
        }
        self.seen_by_subject.insert(subject, seen);
        if tasks.is_empty() {
            self.tasks_by_subject.remove(&subject);
        } else {
            self.tasks_by_subject.insert(subject, tasks);
        }
    }

    /// All tasks, by subject.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks_by_subject.values().flatten()
    }

    #[must_use]
    pub fn of_subject(&self, subject: RecordId) -> &[Task] {
        self.tasks_by_subject.get(&subject).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests;
