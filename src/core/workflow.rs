//! Workflows: which step may be taken, by whom, what it needs, and what follows from it in the same save.
//!
//! The machines are data; here are the functions that they name. A guard is a question to the record as it is now, so
//! the endpoint asks it again when a step that was taken offline arrives. Nothing is looked up here: whoever calls
//! hands in how a field is read and what is chance and clock. Source: domain catalogue 7.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    audience::Role,
    change::{Edit, Key, Write},
    id::{RecordId, StaffId},
    lead,
    pack::Pack,
    reckon,
    record::{CellTag, Record},
    schema,
    time::{DAY_MS, HOUR_MS, MINUTE_MS, Millis},
    value::Value,
    work::{Call, Machine, Step, Work},
};

/// The guarded group that holds the state of most records.
pub const PROGRESS: &str = "progress";

/// Reads a field of the record, of its group, or through a reference: `membership.end_on`.
pub type Read<'a> = &'a dyn Fn(&str) -> Option<Value>;
/// Finds another record.
pub type Lookup<'a> = &'a dyn Fn(RecordId) -> Option<Cow<'a, Record>>;
/// The number that is in force for a parameter at this venue now; `None` where the venue must set it and has not.
pub type Numbers<'a> = &'a dyn Fn(&str) -> Option<i64>;

/// Who takes a step.
#[derive(Debug, Clone, Copy)]
pub enum Actor<'a> {
    Staff {
        id: StaffId,
        /// Posts by their keys; somebody may hold several.
        posts: &'a [&'a str],
    },
    /// The clock, on tablet and endpoint alike.
    System,
}

/// What guards ask.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub now: Millis,
    pub offset_minutes: i32,
    pub read: Read<'a>,
    pub number: Numbers<'a>,
    pub pack: &'a Pack,
    /// What whoever takes the step gives as its reason.
    pub reason: Option<&'a str>,
    /// Whether nobody else has the court in the record's time.
    pub court_free: bool,
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts").field("now", &self.now).finish_non_exhaustive()
    }
}

/// Why a step cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such step in this pack.
    Unknown,
    /// The record is in another state by now.
    NotFrom { state: Option<Box<str>> },
    /// Somebody else takes it.
    NotYours { by: Vec<Box<str>> },
    /// What is missing, guard by guard.
    Unmet(Vec<Call>),
}

/// The state of a record; `None` before it has one.
#[must_use]
pub fn state_of<'a>(machine: &Machine, record: &'a Record) -> Option<&'a str> {
    if &*machine.place == PROGRESS {
        record.guarded(PROGRESS).and_then(|group| group.get("state")).and_then(Value::as_text)
    } else {
        record.text(&machine.place)
    }
}

/// Reads a field of a record, then of its groups, then through the reference that the path begins with.
#[must_use]
pub fn value_at(record: &Record, path: &str, lookup: Lookup<'_>) -> Option<Value> {
    if let Some((reference, rest)) = path.split_once('.') {
        let other = lookup(value_at(record, reference, lookup)?.as_id()?)?;
        return value_at(&other, rest, lookup);
    }
    if path == "id" {
        return Some(record.id.into());
    }
    if path == OWNER
        && let Some(owner) = owner_of(record, lookup)
    {
        return owner.map(|owner| owner.to_string().into());
    }
    if let Some(value) = record.get(path) {
        return Some(value.clone());
    }
    if schema::field(record.kind().as_str(), path).is_some_and(|spec| spec.merge == CellTag::Set) {
        let elements: Vec<Value> = record.elements(path).cloned().collect();
        return (!elements.is_empty()).then_some(Value::List(elements));
    }
    let in_progress = record.guarded(PROGRESS).and_then(|group| group.get(path));
    in_progress.filter(|value| !value.is_empty()).cloned()
}

const OWNER: &str = "owner";
/// Kinds of record that are their guest's consultant's, whoever that is by now.
const THEIR_CONSULTANTS: [&str; 2] = ["membership", "opportunity"];

/// Whose a guest, or what is their consultant's, is by now; `None` where the record's own field says it.
fn owner_of(record: &Record, lookup: Lookup<'_>) -> Option<Option<StaffId>> {
    let kind = record.kind().as_str();
    if kind == "person" {
        return Some(lead::owner(record));
    }
    let person = record.get("person").filter(|_| THEIR_CONSULTANTS.contains(&kind))?.as_id()?;
    let ruled = lead::ruled(&*lookup(person)?)?;
    Some(Some(ruled).filter(|owner| *owner != lead::NOBODY))
}

/// Whether a step may be taken now.
///
/// # Errors
/// Says what stands in its way.
pub fn check<'m>(
    machine: &'m Machine,
    step: &str,
    state: Option<&str>,
    actor: Actor<'_>,
    facts: &Facts<'_>,
) -> Result<&'m Step, Refusal> {
    check_as(machine, step, state, Some(actor), facts)
}

/// The same, for a step that goes along with another one where `actor` is `None`: whoever took that takes this.
fn check_as<'m>(
    machine: &'m Machine,
    step: &str,
    state: Option<&str>,
    actor: Option<Actor<'_>>,
    facts: &Facts<'_>,
) -> Result<&'m Step, Refusal> {
    let step = machine.step(step).ok_or(Refusal::Unknown)?;
    let is_from = match state {
        Some(state) => step.from.iter().any(|from| &**from == state),
        None => step.from.is_empty(),
    };
    if !is_from {
        return Err(Refusal::NotFrom { state: state.map(Box::from) });
    }
    if actor.is_some_and(|actor| !may(step, actor, facts.read)) {
        return Err(Refusal::NotYours { by: step.by.clone() });
    }
    let unmet: Vec<Call> =
        step.needs.iter().filter(|guard| !holds(guard, facts)).map(|guard| lacks(guard, facts)).collect();
    if unmet.is_empty() { Ok(step) } else { Err(Refusal::Unmet(unmet)) }
}

/// What a guard wants that is not there: of several fields those that are empty.
fn lacks(guard: &Call, facts: &Facts<'_>) -> Call {
    let mut lacked = guard.clone();
    if &*guard.name == "filled" {
        lacked.arguments.retain(|field| (facts.read)(field).is_none());
    }
    lacked
}

/// The steps that somebody may take from a state, with what each still needs: what is impossible is not offered.
#[must_use]
pub fn offered<'m>(
    machine: &'m Machine,
    state: Option<&str>,
    actor: Actor<'_>,
    facts: &Facts<'_>,
) -> Vec<(&'m Step, Vec<Call>)> {
    let mut steps = Vec::new();
    for step in &machine.steps {
        match check(machine, &step.key, state, actor, facts) {
            Ok(step) => steps.push((step, Vec::new())),
            Err(Refusal::Unmet(unmet)) => steps.push((step, unmet)),
            Err(Refusal::Unknown | Refusal::NotFrom { .. } | Refusal::NotYours { .. }) => {}
        }
    }
    steps
}

/// Whether somebody is one of those who take a step.
#[must_use]
pub fn may(step: &Step, actor: Actor<'_>, read: Read<'_>) -> bool {
    step.by.iter().any(|by| is_actor(by, actor, read))
}

const SUPERVISORS: [&str; 8] = [
    "cs_supervisor",
    "front_desk_supervisor",
    "call_supervisor",
    "court_supervisor",
    "cs_manager",
    "cs_senior_manager",
    "store_manager",
    "centre_director",
];

/// Fields that say who somebody is to a record.
fn relation_fields(relation: &str) -> Option<&'static [&'static str]> {
    Some(match relation {
        "owner" => &["owner", "person.owner", "membership.owner", "first_person", "received_by"],
        "host" => &["host_staff", "host"],
        "guide" => &["guide"],
        "leader" => &["leader"],
        "assignee" => &["assignee", "person"],
        "author" => &["author", "requested_by"],
        "reviewer" => &["reviewer"],
        "organiser" => &["organiser"],
        _ => return None,
    })
}

/// Whether a word means whoever the record names, and not a post.
pub(crate) fn names_somebody(by: &str) -> bool {
    relation_fields(by).is_some()
}

/// Whether somebody is a post, or is to the record what the word says.
#[must_use]
pub fn is_actor(by: &str, actor: Actor<'_>, read: Read<'_>) -> bool {
    let Actor::Staff { id, posts } = actor else { return by == "system" };
    let has = |post: &str| posts.contains(&post);
    match by {
        "system" => false,
        "any" => true,
        "supervisor" | "superior" => posts.iter().any(|post| SUPERVISORS.contains(post)),
        "dest_consultant" => has("consultant"),
        _ => match relation_fields(by) {
            None => has(by),
            Some(fields) => {
                let mut named = fields
                    .iter()
                    .filter_map(|field| read(field))
                    .filter_map(|value| value.as_text().and_then(|text| text.parse::<StaffId>().ok()));
                // Who belongs to nobody yet is anybody's; who is away is a supervisor's.
                match named.next() {
                    Some(first) => {
                        first == id || named.any(|other| other == id) || has("cs_supervisor") || has("store_manager")
                    }
                    None => !posts.is_empty(),
                }
            }
        },
    }
}

/// Whether somebody is who a word means: a post, or whoever the record names as that. Unlike for [`is_actor`], what
/// belongs to nobody means nobody.
#[must_use]
pub fn is_meant(whom: &str, id: StaffId, role: Role, read: Read<'_>) -> bool {
    match relation_fields(whom) {
        Some(fields) => fields
            .iter()
            .filter_map(|field| read(field))
            .any(|value| value.as_text().and_then(|text| text.parse().ok()) == Some(id)),
        None => is_actor(whom, Actor::Staff { id, posts: &[role.key()] }, read),
    }
}

/// A value as codes compare it.
fn code_of(value: &Value) -> String {
    match value {
        Value::Bool(yes) => yes.to_string(),
        Value::Int(number) => number.to_string(),
        value => value.as_text().unwrap_or_default().to_owned(),
    }
}

fn is_one_of(value: &Value, codes: &[&str]) -> bool {
    match value {
        Value::List(elements) => elements.iter().any(|element| codes.contains(&&*code_of(element))),
        value => codes.contains(&&*code_of(value)),
    }
}

/// A value as an instant: a day begins at its midnight.
fn instant(value: &Value, offset_minutes: i32) -> Option<Millis> {
    match value {
        Value::At(at) => Some(*at),
        Value::Day(day) => Some(day.begins(offset_minutes)),
        _ => None,
    }
}

/// Whether a guard holds.
#[must_use]
pub fn holds(guard: &Call, facts: &Facts<'_>) -> bool {
    let first = guard.argument(0);
    let value = || (facts.read)(first);
    let int = |field: &str| (facts.read)(field).as_ref().and_then(Value::as_int);
    let at = || value().as_ref().and_then(|value| instant(value, facts.offset_minutes));
    let number = |argument: &str| argument.parse().ok().or_else(|| (facts.number)(argument));
    let filled = |field: &str| (facts.read)(field).is_some();
    let today = facts.now.day(facts.offset_minutes);
    match &*guard.name {
        "filled" => guard.arguments.iter().all(|field| filled(field)),
        "any_filled" => guard.arguments.iter().any(|field| filled(field)),
        "yes" => value().as_ref().and_then(Value::as_bool) == Some(true),
        "is" | "not" => {
            let codes: Vec<&str> = guard.arguments[1..].iter().map(|code| &**code).collect();
            let is = value().is_some_and(|value| is_one_of(&value, &codes));
            is == (&*guard.name == "is")
        }
        "positive" => int(first).is_some_and(|number| number > 0),
        "equals" => value().is_some() && value() == (facts.read)(guard.argument(1)),
        "differs" => {
            let other = (facts.read)(guard.argument(1));
            value().is_some() && other.is_some() && value() != other
        }
        "at_least_field" => matches!((int(first), int(guard.argument(1))), (Some(a), Some(b)) if a >= b),
        "longer" => matches!((int(first), int(guard.argument(1))), (Some(a), Some(b)) if a > b),
        "equals_parameter" => int(first).is_some() && int(first) == number(guard.argument(1)),
        "at_least" => matches!((int(first), number(guard.argument(1))), (Some(a), Some(b)) if a >= b),
        "below_parameter" => matches!((int(first), number(guard.argument(1))), (Some(a), Some(b)) if a < b),
        "future" => at().is_some_and(|at| at > facts.now),
        // A day has come when it begins; a last day is over when the next begins.
        "reached" => match (value(), guard.arguments.len()) {
            (Some(Value::Day(day)), 2) => {
                let days = number(guard.argument(1)).unwrap_or(0);
                i64::from(day.number()) - days <= i64::from(today.number())
            }
            (Some(Value::Day(day)), _) if first == "end_on" => day < today,
            (Some(Value::Day(day)), _) => day <= today,
            (Some(value), _) => instant(&value, facts.offset_minutes).is_some_and(|at| at <= facts.now),
            (None, _) => false,
        },
        "not_reached" => match value() {
            Some(Value::Day(day)) if first == "end_on" => day >= today,
            Some(Value::Day(day)) => day > today,
            Some(value) => instant(&value, facts.offset_minutes).is_some_and(|at| at > facts.now),
            None => false,
        },
        "hours_since" => match (at(), number(guard.argument(1))) {
            (Some(at), Some(hours)) => facts.now.since(at) > hours * HOUR_MS,
            _ => false,
        },
        "below_hours" => match (at(), number(guard.argument(1))) {
            (Some(at), Some(hours)) => facts.now.since(at) <= hours * HOUR_MS,
            _ => false,
        },
        "days_since" => match (at(), number(guard.argument(1))) {
            (Some(at), Some(days)) => facts.now.since(at) >= days * DAY_MS,
            _ => false,
        },
        "days_within" => match (at(), number(guard.argument(1))) {
            (Some(at), Some(days)) => i64::from(today.number() - at.day(facts.offset_minutes).number()) <= days,
            _ => false,
        },
        "days_beyond" => {
            let day = |field: &str| {
                let at = instant(&(facts.read)(field)?, facts.offset_minutes)?;
                Some(i64::from(at.day(facts.offset_minutes).number()))
            };
            match (day(first), day(guard.argument(1)), number(guard.argument(2))) {
                (Some(one), Some(other), Some(days)) => one - other > days,
                _ => false,
            }
        }
        "ticked" => {
            let ticked = value();
            let is_ticked = |key: &str| ticked.as_ref().is_some_and(|ticked| is_one_of(ticked, &[key]));
            facts
                .pack
                .checklist(guard.argument(1))
                .is_some_and(|checklist| checklist.items.iter().all(|item| item.optional || is_ticked(&item.key)))
        }
        "elements" => {
            let count = if let Some(Value::List(elements)) = value() { elements.len() } else { 0 };
            number(guard.argument(1)).is_some_and(|least| count as i64 >= least)
        }
        "if" | "unless" => {
            let codes: Vec<&str> = guard.argument(1).split('|').collect();
            let is = value().is_some_and(|value| is_one_of(&value, &codes));
            let others = &guard.arguments[2..];
            if &*guard.name == "if" {
                !is || others.iter().all(|field| filled(field))
            } else {
                let said = |field: &str| (facts.read)(field).is_some_and(|value| value != Value::Bool(false));
                is || others.iter().any(|field| said(field))
            }
        }
        // That is for whoever shows the step.
        "asked" => true,
        "reason" => facts.reason.is_some_and(|reason| !reason.trim().is_empty()),
        "leave_allowed" => reckon::leave_problems(facts).is_empty(),
        "court_free" => facts.court_free,
        // The build knows all names; one that a later pack has cannot be judged here, so the step waits.
        _ => false,
    }
}

/// What follows from a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Follow {
    Set {
        field: Box<str>,
        value: Value,
    },
    /// Another record's step.
    Move {
        record: RecordId,
        machine: Box<str>,
        step: Box<str>,
    },
    Make {
        kind: Box<str>,
        values: Vec<(Box<str>, Value)>,
    },
    /// Posts, or what somebody is to the record, who should hear of it.
    Inform {
        whom: Vec<Box<str>>,
    },
}

/// What follows from a step, worked out from the record as it is.
#[must_use]
pub fn follows(step: &Step, actor: Actor<'_>, facts: &Facts<'_>) -> Vec<Follow> {
    let mut all = Vec::new();
    for effect in &step.then {
        follow(effect, actor, facts, &mut all);
    }
    all
}

/// The field that an effect fills in by itself: who took the step, when, what it comes to.
pub(crate) fn fills_in(effect: &Call) -> Option<&str> {
    match &*effect.name {
        "now" | "me" | "minutes_between" => Some(effect.argument(0)),
        "court_charge" => Some("amount"),
        "charge_card" => Some("deducted"),
        _ => None,
    }
}

/// The fields of the record itself that an effect may write.
pub(crate) fn sets(effect: &Call) -> Vec<&str> {
    match &*effect.name {
        "leave_days" => vec!["actual_days"],
        "extend_by_leave" => vec!["end_on"],
        "renew" => vec!["end_on", "term_months"],
        // Of other records, or told to people.
        "move" | "performance" | "inform" => Vec::new(),
        _ => vec![fills_in(effect).unwrap_or_else(|| effect.argument(0))],
    }
}

fn follow(effect: &Call, actor: Actor<'_>, facts: &Facts<'_>, all: &mut Vec<Follow>) {
    let first = fills_in(effect).unwrap_or_else(|| effect.argument(0));
    let read = |field: &str| (facts.read)(field);
    let int = |field: &str| read(field).as_ref().and_then(Value::as_int);
    let day = |field: &str| read(field).as_ref().and_then(Value::as_day);
    let today = facts.now.day(facts.offset_minutes);
    let mut set = |field: &str, value: Value| all.push(Follow::Set { field: field.into(), value });
    match &*effect.name {
        "now" => set(first, facts.now.into()),
        "me" => {
            if let Actor::Staff { id, .. } = actor {
                set(first, id.to_string().into());
            }
        }
        "clear" => set(first, Value::Empty),
        "set" => {
            let value = match effect.argument(1) {
                "true" => true.into(),
                "false" => false.into(),
                "today" => today.into(),
                text => text.parse::<i64>().map_or_else(|_| text.into(), Value::Int),
            };
            set(first, value);
        }
        "set_number" => {
            if let Some(number) = (facts.number)(effect.argument(1)) {
                set(first, number.into());
            }
        }
        "hours_from_now" => {
            let hours = (facts.number)(effect.argument(1)).unwrap_or(0);
            set(first, facts.now.plus(hours * HOUR_MS).into());
        }
        "add" => set(first, (int(first).unwrap_or(0) + effect.argument(1).parse::<i64>().unwrap_or(0)).into()),
        "move" => {
            if let Some(record) = read(first).as_ref().and_then(Value::as_id) {
                let (machine, step) = (effect.argument(1).into(), effect.argument(2).into());
                all.push(Follow::Move { record, machine, step });
            }
        }
        "make" => {
            let values = effect.arguments[1..].iter().filter_map(|pair| pair.split_once('='));
            let values = values.filter_map(|(key, field)| Some((Box::from(key), read(field)?))).collect();
            all.push(Follow::Make { kind: first.into(), values });
        }
        "leave_days" => {
            if let (Some(start), Some(back)) = (day("start_on"), day("ended_on")) {
                set("actual_days", reckon::days_between(start, back).into());
            }
        }
        "extend_by_leave" => {
            // The step on the membership follows the leave's, which says how many days.
            if let (Some(end), Some(days)) = (day("end_on"), int("leave_days")) {
                set("end_on", reckon::plus_days(end, days).into());
            }
        }
        "renew" => {
            if let (Some(end), Some(months)) = (day("end_on"), int("renew_months").or_else(|| int("term_months"))) {
                set("end_on", reckon::renewed_end(end, today, months).into());
            }
        }
        "performance" => {
            if let Some(fen) = int(first) {
                let sign = effect.argument(1).parse::<i64>().unwrap_or(1);
                let staff =
                    ["consultant", "owner", "membership.owner", "person.owner"].iter().find_map(|field| read(field));
                let mut values: Vec<(Box<str>, Value)> = vec![
                    ("kind".into(), "self_developed".into()),
                    ("amount".into(), (fen * sign).into()),
                    ("recognised_on".into(), today.into()),
                ];
                values.extend(staff.map(|staff| ("staff".into(), staff)));
                values.extend(read("id").map(|contract| ("contract".into(), contract)));
                all.push(Follow::Make { kind: "performance".into(), values });
            }
        }
        "minutes_between" => {
            let at = |field: &str| match field {
                // What this very step sets to now.
                field if read(field).is_none() => Some(facts.now),
                field => read(field).as_ref().and_then(Value::as_at),
            };
            if let (Some(from), Some(to)) = (at(effect.argument(1)), at(effect.argument(2))) {
                set(first, (to.since(from).max(0) / MINUTE_MS).into());
            }
        }
        "court_charge" => {
            let from = read("entered_at").as_ref().and_then(Value::as_at);
            let per_hour = int("resource.fen_per_hour").or_else(|| (facts.number)("court.fen_per_hour"));
            if let (Some(from), Some(per_hour)) = (from, per_hour) {
                let minutes = facts.now.since(from).max(0) / MINUTE_MS;
                let step = (facts.number)("court.step_minutes").unwrap_or(1);
                set(first, reckon::court_charge(minutes, per_hour, step).into());
            }
        }
        "charge_card" => {
            if let Some(fen) = int("amount") {
                set(first, fen.into());
            }
        }
        "stop_contact" => {
            set("do_not_contact", true.into());
            set("consent_contact", false.into());
            set("next_contact_at", Value::Empty);
        }
        "allow_contact" => {
            set("consent_contact", true.into());
            set("consent_at", facts.now.into());
        }
        "inform" => all.push(Follow::Inform { whom: effect.arguments.clone() }),
        _ => {}
    }
}

/// What a step asks of whoever keeps it.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The edits of one save: the record, records that move with it, records that are made.
    pub edits: Vec<Edit>,
    /// Posts or relations that should hear of it.
    pub inform: Vec<Box<str>>,
}

/// The steps that the clock has taken since somebody last touched a record: a card that has run out is `expired`
/// before anyone writes so. They are worked out wherever the record is looked at, and written with the next step.
///
/// Steps that follow from another record's step wait for that one.
#[must_use]
pub fn by_clock<'m>(work: &Work, machine: &'m Machine, state: Option<&str>, facts: &Facts<'_>) -> Vec<&'m Step> {
    let mut passed: Vec<&Step> = Vec::new();
    let mut state = state;
    let is_due =
        |step: &&Step| is_clocks_own(work, machine, step) && step.needs.iter().all(|guard| holds(guard, facts));
    // No machine has more steps in a row that are the clock's; one that went round in a ring would end here.
    while let Some(at) = state
        && passed.len() < machine.states.len()
    {
        let next = machine.steps.iter().find(|step| step.from.iter().any(|from| &**from == at) && is_due(step));
        let Some(step) = next else { break };
        passed.push(step);
        state = Some(&step.to);
    }
    passed
}

/// Whether a step is the clock's alone: nobody takes it, it follows from no other record's step and leads onward.
#[must_use]
pub fn is_clocks_own(work: &Work, machine: &Machine, step: &Step) -> bool {
    step.by.iter().all(|by| &**by == "system")
        && !step.needs.is_empty()
        && !step.from.contains(&step.to)
        && !work.is_moved_to(&machine.id, &step.key)
}

/// Takes a step: checks it, and gives the edits of the save.
///
/// `passed` are the steps that the clock has taken before ([`by_clock`]); what follows from them is in the save too.
///
/// # Errors
/// Says why it cannot be taken; nothing is half done.
#[allow(clippy::too_many_arguments, reason = "each is another part of where the step is taken")]
pub fn take(
    work: &Work,
    machine: &Machine,
    step: &str,
    record: &Record,
    passed: &[&Step],
    actor: Actor<'_>,
    facts: &Facts<'_>,
    lookup: Lookup<'_>,
    new_id: &mut dyn FnMut() -> RecordId,
) -> Result<Taken, Refusal> {
    let state = passed.last().map(|step| &*step.to).or_else(|| state_of(machine, record));
    let step = check(machine, step, state, actor, facts)?;
    let mut inform = Vec::new();
    let mut made_edits = Vec::new();
    let mut others: Vec<Moved<'_>> = Vec::new();
    let mut sets: Vec<(Box<str>, Value)> = Vec::new();
    for (step, actor) in passed.iter().map(|step| (*step, Actor::System)).chain([(step, actor)]) {
        let before = sets.clone();
        let read = |path: &str| set_before(&before, path).unwrap_or_else(|| (facts.read)(path));
        let facts = Facts { read: &read, ..*facts };
        let mut moves = Vec::new();
        for follow in follows(step, actor, &facts) {
            match follow {
                Follow::Set { field, value } => sets.push((field, value)),
                Follow::Inform { whom } => inform.extend(whom),
                Follow::Move { record, machine, step } => moves.push((record, machine, step)),
                Follow::Make { kind, values } => {
                    let id = new_id();
                    // The record remembers what was made of it: an agreement its membership.
                    if schema::field(record.kind().as_str(), &kind).is_some() {
                        sets.push((kind.clone(), id.into()));
                    }
                    made_edits.push(made(work, &kind, values, id, record, actor, &facts));
                }
            }
        }
        for (id, machine, step) in moves {
            let (Some(other), Some(machine)) = (lookup(id), work.machine(&machine)) else { continue };
            let place = others.iter().position(|moved| moved.record.id == id && moved.machine.id == machine.id);
            let place = place.unwrap_or_else(|| {
                let state = state_of(machine, &other).map(Box::from);
                others.push(Moved { record: other.into_owned(), machine, state, step: None, sets: Vec::new() });
                others.len() - 1
            });
            let moved = &mut others[place];
            let step = moved.walk(&step, record, &sets, actor, &facts, lookup, &mut inform)?;
            moved.state = Some(step.to.clone());
            moved.step = Some(step);
        }
    }
    let mut edits = vec![edit(machine, step, record, &sets, actor, facts)];
    edits.append(&mut made_edits);
    for moved in &others {
        if let Some(step) = moved.step {
            edits.push(edit(moved.machine, step, &moved.record, &moved.sets, actor, facts));
        }
    }
    Ok(Taken { edits, inform })
}

/// What was set a moment ago, in this very save; `Some(None)` where it was emptied.
fn set_before(sets: &[(Box<str>, Value)], path: &str) -> Option<Option<Value>> {
    let (_, value) = sets.iter().rev().find(|(field, _)| &**field == path)?;
    Some(Some(value.clone()).filter(|value| !value.is_empty()))
}

/// Another record that goes along with a step, perhaps by several of its own.
struct Moved<'w> {
    record: Record,
    machine: &'w Machine,
    state: Option<Box<str>>,
    step: Option<&'w Step>,
    sets: Vec<(Box<str>, Value)>,
}

impl<'w> Moved<'w> {
    #[allow(clippy::too_many_arguments, reason = "each is another part of where the step is taken")]
    fn walk(
        &mut self,
        step: &str,
        by: &Record,
        by_sets: &[(Box<str>, Value)],
        actor: Actor<'_>,
        facts: &Facts<'_>,
        lookup: Lookup<'_>,
        inform: &mut Vec<Box<str>>,
    ) -> Result<&'w Step, Refusal> {
        // What the first record's step has set counts already: the days of a leave.
        let leave_days = set_before(by_sets, "actual_days").flatten();
        let before = self.sets.clone();
        let record = self.record.clone();
        let read = |path: &str| match path {
            "leave_days" => leave_days.clone(),
            path => set_before(&before, path)
                .unwrap_or_else(|| set_now(by_sets, path, by).or_else(|| value_at(&record, path, lookup))),
        };
        let facts = Facts { read: &read, ..*facts };
        let step = check_as(self.machine, step, self.state.as_deref(), None, &facts)?;
        for follow in follows(step, actor, &facts) {
            match follow {
                Follow::Set { field, value } => self.sets.push((field, value)),
                Follow::Inform { whom } => inform.extend(whom),
                Follow::Make { .. } | Follow::Move { .. } => {}
            }
        }
        Ok(step)
    }
}

/// What this save sets on the record, as the other record reaches it through a reference.
fn set_now(sets: &[(Box<str>, Value)], path: &str, record: &Record) -> Option<Value> {
    let (reference, field) = path.split_once('.')?;
    let is_back = matches!((reference, record.kind().as_str()), ("contract", "agreement"));
    let value = sets.iter().find(|(key, _)| is_back && &**key == field).map(|(_, value)| value.clone());
    value.filter(|value| !value.is_empty())
}

/// Whether a field is kept beside the state in the guarded group. A field that has the name of what each step writes
/// there itself is another one: the reason of a refund is not why its last step was taken.
pub(crate) fn in_group(kind: &str, key: &str) -> bool {
    if matches!(key, "state" | "at" | "by" | "reason") {
        return false;
    }
    match schema::field(kind, PROGRESS).map(|spec| spec.holds) {
        Some(schema::Holds::Group(members)) => members.iter().any(|(member, _)| *member == key),
        _ => false,
    }
}

/// A record that a step makes, in the first state of its machine.
fn made(
    work: &Work,
    kind: &str,
    values: Vec<(Box<str>, Value)>,
    id: RecordId,
    by: &Record,
    actor: Actor<'_>,
    facts: &Facts<'_>,
) -> Edit {
    let mut writes = Vec::new();
    let mut group = BTreeMap::new();
    for (key, value) in values {
        if in_group(kind, &key) {
            group.insert(Key::parse(&key).expect("the build has checked the fields of groups"), value);
        } else if schema::field(kind, &key).is_some() {
            writes.push(schema::write(kind, &key, value));
        }
    }
    let first = work
        .machines_of(kind)
        .next()
        .and_then(|machine| Some((machine, machine.steps.iter().find(|step| step.from.is_empty())?)));
    match first {
        Some((machine, step)) if &*machine.place == PROGRESS => {
            put_state(&mut group, step, actor, facts);
            writes.push(schema::write_group(kind, PROGRESS, group, Vec::new()));
        }
        Some((machine, step)) => writes.push(schema::write(kind, &machine.place, &*step.to)),
        None => {}
    }
    let kind = Key::parse(kind).expect("the build has checked the kinds that steps make");
    Edit { record: id, kind, audience: by.audience().clone(), salt: [0; 8], writes }
}

fn put_state(group: &mut BTreeMap<Key, Value>, step: &Step, actor: Actor<'_>, facts: &Facts<'_>) {
    group.insert(Key::of("state"), (&*step.to).into());
    group.insert(Key::of("at"), facts.now.into());
    group.insert(Key::of("reason"), facts.reason.map_or(Value::Empty, Value::from));
    let by = if let Actor::Staff { id, .. } = actor { id.to_string().into() } else { Value::Empty };
    group.insert(Key::of("by"), by);
}

/// The edit of the record itself: its new state with all that its guarded group holds, and the fields that follow.
fn edit(
    machine: &Machine,
    step: &Step,
    record: &Record,
    sets: &[(Box<str>, Value)],
    actor: Actor<'_>,
    facts: &Facts<'_>,
) -> Edit {
    let kind = record.kind().clone();
    let mut writes: Vec<Write> = Vec::new();
    let mut group: BTreeMap<Key, Value> = record.guarded(PROGRESS).cloned().unwrap_or_default();
    for (key, value) in sets {
        if in_group(kind.as_str(), key) {
            group.insert(Key::parse(key).expect("the build has checked the fields that steps set"), value.clone());
        } else if schema::field(kind.as_str(), key).is_some() {
            writes.push(schema::write(kind.as_str(), key, value.clone()));
        }
    }
    if &*machine.place == PROGRESS {
        put_state(&mut group, step, actor, facts);
        writes.push(schema::write_group(kind.as_str(), PROGRESS, group, record.head_changes(PROGRESS)));
    } else {
        writes.push(schema::write(kind.as_str(), &machine.place, &*step.to));
    }
    Edit { record: record.id, kind, audience: record.audience().clone(), salt: [0; 8], writes }
}

#[cfg(test)]
mod tests;
