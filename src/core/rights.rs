//! What somebody may write: the permission matrix, asked of every edit, and what was signed.
//!
//! The tablet asks before it keeps a save and the endpoint before it takes a change, so a form that a screen forgot to
//! hide is refused where it can still be mended. Whose the steps of workflows are, the workflows say, and `review.rs`
//! holds a change against them; here is asked what is written beside a step, and without one. Where a record says that
//! it was signed, paid, decided or closed, only what its steps ask and set is written any more.
//! Source: domain catalogue 3.7 and 18.4.

use std::{collections::BTreeMap, fmt};

use crate::{
    audience::{Audience, Role},
    change::{Change, Edit, Key, Op, Write},
    id::{RecordId, StaffId},
    lead,
    number::PAPERS,
    paper::{asked_by, is_handed_to, matter_of},
    permit::{Doing, Matter, Reach, reach},
    record::{Cell, Record},
    review::Ground,
    value::Value,
    work::{Call, Machine, Work},
    workflow::{self, Lookup, PROGRESS, is_clocks_own, is_meant, names_somebody, value_at},
};

/// Why something may not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its author's post does not write there, or not on what is another's.
    NotYours,
    /// It was signed, paid, decided or closed: only the steps of its workflow go on with it.
    Signed,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotYours => "its author's post does not write there",
            Self::Signed => "what was signed stays as it is",
        })
    }
}

/// An edit that is not its author's to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub record: RecordId,
    pub kind: Key,
    pub audience: Audience,
    pub field: Key,
    pub why: Why,
}

// ---- What the domain says beside the matrix ---------------------------------------------------------------------

/// What is written down with a guest: whoever may alter a guest's own data may begin one of these too, since callers
/// and supervisors take guests in and keep what was said. Source: domain catalogue 3.7, 6.4 and F-02.
const WITH_A_GUEST: [&str; 9] = [
    "person",
    "tracking",
    "opportunity",
    "appointment",
    "interaction",
    "consultation",
    "retention",
    "followup",
    "callback",
];

/// Kinds that everybody writes for those who read them: the log has rules of its own (`audit.rs`), and whoever takes a
/// trial pass says so.
const EVERYBODYS: [&str; 2] = ["audit", "pass_use"];

/// Where the matrix lets finance update, it means the fee and the paying out, which are steps.
const BY_STEPS_ONLY: [Matter; 2] = [Matter::Requests, Matter::Refund];
const FINANCE: [Role; 2] = [Role::Finance, Role::Cashier];

/// Whose a guest is and who is the same guest: of those who lead `lead.rs` and `review.rs` say who may.
const GIVING: [&str; 4] = [lead::RULING, lead::MERGING, "joined", "not_the_same"];

/// What a step of one record writes about its person, who is not for everybody who takes it: a payment wins the guest.
const ALONG: [(&str, &[&str]); 2] = [
    ("agreement", &["stage", "contract", "next_contact_at"]),
    ("appointment", &["stage", "visit_plan_at", "next_contact_at"]),
];

/// A card is what a contract makes; nobody begins one by themselves.
const CARD: &str = "membership";

/// States in which a record was signed, paid, decided or closed.
const SIGNED: [(&str, &[&str]); 9] = [
    ("agreement", &["awaiting_payment", "paid", "card_issued", "delivered", "cancelled", "ended"]),
    (
        "membership",
        &["pending", "active", "on_leave", "expiring", "expired", "transferred", "refunded", "moved", "upgraded"],
    ),
    ("leave", &["approved", "running", "ended", "rejected", "cancelled"]),
    ("transfer", &["agreement_signed", "fee_paid", "done", "withdrawn"]),
    ("card_change", &["agreement_signed", "paid", "items_given", "done", "withdrawn"]),
    ("refund", &["approved_refund", "paid_out", "retained", "rejected"]),
    ("deposit", &["settled", "refunded", "forfeited"]),
    ("statement", &["approved", "paid"]),
    ("grade_review", &["decided_approved", "decided_rejected", "effective"]),
];

fn is_signed_state(kind: &str, state: &str) -> bool {
    SIGNED.iter().any(|(other, states)| *other == kind && states.contains(&state))
}

/// Whether a record says that it was signed, paid, decided or closed.
#[must_use]
pub fn is_signed(record: &Record) -> bool {
    let kind = record.kind().as_str();
    let confirmed = kind == "payment" && record.is("confirmed");
    confirmed || states(record).any(|state| is_signed_state(kind, state))
}

/// The states of a record: several where two desks did not see each other.
fn states(record: &Record) -> impl Iterator<Item = &str> {
    record.heads(PROGRESS).iter().filter_map(|head| head.values.get("state")?.as_text())
}

/// The rows of the matrix that a kind of record belongs to; none where everybody writes who may write there.
fn rows(kind: &str, record: Option<&Record>) -> impl Iterator<Item = Matter> {
    let own = matter_of(kind).filter(|_| !EVERYBODYS.contains(&kind));
    let is_special = record.and_then(|record| record.text("leave_type")).is_some_and(|kind| kind != "ordinary");
    let own = own.map(|own| if own == Matter::LeaveOrdinary && is_special { Matter::LeaveSpecial } else { own });
    own.into_iter().chain(WITH_A_GUEST.contains(&kind).then_some(Matter::Parties))
}

/// Whether somebody who leads stands in at the desk: what the workflows do not cover is theirs. Source: R-001.
fn stands_in(role: Role, kind: &str) -> bool {
    let sees = || reach(&[role.key()], Matter::Visits, Doing::Read);
    matter_of(kind) == Some(Matter::Visits) && role.leads() && matches!(sees(), Some(Reach::Team | Reach::Venue))
}

// ---- Questions --------------------------------------------------------------------------------------------------

/// Whether a post may begin a record of a kind: as the first step of its workflow names it, else by the matrix.
#[must_use]
pub fn may_begin(kind: &str, me: StaffId, role: Role, work: &Work) -> bool {
    let may = |doing| rows(kind, None).any(|matter| reach(&[role.key()], matter, doing).is_some());
    let may_by_matrix = || {
        rows(kind, None).next().is_none()
            || may(Doing::Create)
            || (WITH_A_GUEST.contains(&kind) && may(Doing::Update))
            // What left the club is written down as it happened, by whoever may approve it.
            || (kind == "export" && may(Doing::Approve))
            || stands_in(role, kind)
    };
    let steps = judged_machines(kind, work).flat_map(|machine| &machine.steps);
    let first = steps.filter(|step| step.from.is_empty());
    // Whom the record names is no post: a tour's guide is whoever says so.
    let mut by = first.flat_map(|step| &step.by).filter(|by| !names_somebody(by));
    by.any(|by| is_meant(by, me, role, &|_| None)) || (kind != CARD && may_by_matrix())
}

/// The machines whose steps the endpoint holds a change against: the stage of a lead is an ordinary field.
fn judged_machines<'w>(kind: &str, work: &'w Work) -> impl Iterator<Item = &'w Machine> {
    work.machines_of(kind).filter(|machine| &*machine.place == PROGRESS)
}

/// Whether somebody may fill in more on a record, or put it right, without a step.
#[must_use]
pub fn may_fill_in(record: &Record, me: StaffId, role: Role, work: &Work, lookup: Lookup<'_>) -> bool {
    Writer { me, role }.may_alter(record, work, lookup).is_ok()
}

/// Whether all that a change writes is its author's to write.
///
/// # Errors
/// The first edit that is not.
pub fn check(change: &Change, role: Role, ground: &Ground<'_>) -> Result<(), Fault> {
    let writer = Writer { me: change.header.author, role };
    change.edits().try_for_each(|edit| {
        writer.check(edit, change, ground).map_err(|(field, why)| Fault {
            record: edit.record,
            kind: edit.kind.clone(),
            audience: edit.audience.clone(),
            field,
            why,
        })
    })
}

#[derive(Clone, Copy)]
struct Writer {
    me: StaffId,
    role: Role,
}

impl Writer {
    fn check(self, edit: &Edit, change: &Change, ground: &Ground<'_>) -> Result<(), (Key, Why)> {
        let kind = edit.kind.as_str();
        let first = || edit.writes.first().map_or(Key::of(PROGRESS), |write| write.key.clone());
        let Some(record) = (ground.lookup)(edit.record) else {
            let may = may_begin(kind, self.me, self.role, ground.work) || follows(kind, change, ground);
            return if may { Ok(()) } else { Err((first(), Why::NotYours)) };
        };
        // Under another kind it would be judged by another row.
        if record.kind() != &edit.kind {
            return Err((first(), Why::NotYours));
        }
        let Err(why) = self.may_alter(&record, ground.work, ground.lookup) else { return Ok(()) };
        if edit.writes.is_empty() {
            return Err((first(), why));
        }
        let along = along_with_step(edit, ground);
        let is_let_through = |key: &Key| {
            along.as_ref().is_some_and(|along| along.takes(key.as_str(), &record))
                || self.may_besides(key.as_str(), edit, &record, change, ground)
        };
        let altered = edit.writes.iter().filter(|write| !is_as_before(write, &record));
        let mut altered = altered.flat_map(|write| match &write.op {
            Op::Guarded { .. } if write.key.as_str() == PROGRESS => {
                members_altered(edit, write, along.is_some(), ground)
            }
            _ => vec![write.key.clone()],
        });
        altered.find(|key| !is_let_through(key)).map_or(Ok(()), |key| Err((key, why)))
    }

    /// Whether somebody writes on a record at all, and still.
    fn may_alter(self, record: &Record, work: &Work, lookup: Lookup<'_>) -> Result<(), Why> {
        let kind = record.kind().as_str();
        let is_own = || self.is_own(record);
        let may = |doing| {
            let reaches = rows(kind, Some(record))
                .filter(|matter| !(BY_STEPS_ONLY.contains(matter) && FINANCE.contains(&self.role)))
                .filter_map(|matter| reach(&[self.role.key()], matter, doing));
            reaches.max().is_some_and(|reach| reach > Reach::Own || is_own())
        };
        let is_free = rows(kind, Some(record)).next().is_none();
        if !(is_free
            || may(Doing::Update)
            || (is_being_begun(record, work) && may(Doing::Create))
            || self.works_on(record, work, lookup, || may(Doing::Approve))
            || stands_in(self.role, kind))
        {
            return Err(Why::NotYours);
        }
        if is_signed(record) { Err(Why::Signed) } else { Ok(()) }
    }

    /// Whether the workflow names somebody as who works on the record, or gives a step to who approves in its matter:
    /// how the talk at one level of a refund ended is written down before the step.
    fn works_on(self, record: &Record, work: &Work, lookup: Lookup<'_>, approves: impl Fn() -> bool) -> bool {
        let read = |path: &str| value_at(record, path, lookup);
        let kind = record.kind().as_str();
        // A visit's host goes on with it; whose a guest is, the matrix asks itself.
        let steps = work.machines_of(kind).filter(|_| kind != "person").flat_map(|machine| &machine.steps);
        let mut by = steps.filter(|step| !step.from.is_empty()).flat_map(|step| &step.by);
        by.any(|by| (names_somebody(by) || approves()) && is_meant(by, self.me, self.role, &read))
    }

    /// Whether a record is somebody's own: it lies with theirs, or names them.
    fn is_own(self, record: &Record) -> bool {
        let audience = record.audience();
        let lies_with_mine = matches!(audience, Audience::Own(_, owner) if *owner == self.me)
            || (*audience == lead::pool(audience.venue()) && self.role.keeps_own_leads());
        lies_with_mine || names(record, |staff| staff == self.me) || is_handed_to(record, self.role)
    }

    /// What is let through although the record is not, or no longer, the author's to alter.
    fn may_besides(self, key: &str, edit: &Edit, record: &Record, change: &Change, ground: &Ground<'_>) -> bool {
        let kind = edit.kind.as_str();
        let is_giving = kind == "person" && GIVING.contains(&key) && self.role.leads();
        // Whoever began it takes it back, as long as nobody has gone on with it.
        let mut last = record.heads(PROGRESS).iter().filter_map(|head| head.values.get("by"));
        let is_taken_back = key == "withdrawn"
            && may_begin(kind, self.me, self.role, ground.work)
            && (names(record, |staff| staff == self.me) || !names(record, |_| true))
            && last.all(|by| staff_in(by) == Some(self.me));
        let follows = |(by, keys): &(&str, &[&str])| {
            let mut others = change.edits().filter(|other| other.kind.as_str() == *by);
            kind == "person" && keys.contains(&key) && others.any(|other| along_with_step(other, ground).is_some())
        };
        is_giving || is_taken_back || ALONG.iter().any(follows) || (kind == "person" && says_no_contact(key, edit))
    }
}

/// Whether a record names one of the staff who is meant: as whose it is, who wrote it down, who had it before.
fn names(record: &Record, is_meant: impl Fn(StaffId) -> bool) -> bool {
    let is = |value: &Value| staff_in(value).is_some_and(&is_meant);
    record.fields().any(|(key, cell)| match cell {
        Cell::Guarded { heads, .. } => heads.iter().any(|head| head.values.values().any(is)),
        Cell::Set(_) => record.elements(key.as_str()).any(is),
        Cell::Latest { .. } | Cell::First { .. } | Cell::Sticky { .. } | Cell::Once(_) => {
            record.get(key.as_str()).is_some_and(is)
        }
    })
}

fn staff_in(value: &Value) -> Option<StaffId> {
    value.as_text()?.parse().ok()
}

/// Whether a write says that a guest wants no contact, which anybody notes. Source: R-150, SM-01.
fn says_no_contact(key: &str, edit: &Edit) -> bool {
    let is = |key: &str, value: &Value| {
        let writes = |write: &&Write| matches!(&write.op, Op::Latest(held) | Op::Sticky(held) if held == value);
        edit.writes.iter().filter(|write| write.key.as_str() == key).any(|write| writes(&write))
    };
    is("do_not_contact", &true.into())
        && match key {
            "do_not_contact" => true,
            "consent_contact" => is(key, &false.into()),
            "next_contact_at" => is(key, &Value::Empty),
            "stage" => is(key, &"do_not_contact".into()),
            _ => false,
        }
}

/// Whether a record stands where its workflow begins: who may create it goes on with it there.
fn is_being_begun(record: &Record, work: &Work) -> bool {
    let mut machines = judged_machines(record.kind().as_str(), work).peekable();
    let is_first =
        |machine: &Machine, state: &str| machine.steps.iter().any(|step| step.from.is_empty() && *step.to == *state);
    machines.peek().is_some() && machines.all(|machine| states(record).all(|state| is_first(machine, state)))
}

// ---- What an edit does ------------------------------------------------------------------------------------------

/// The state that an edit writes.
fn state_written(edit: &Edit) -> Option<&str> {
    edit.writes.iter().find_map(|write| match &write.op {
        Op::Guarded { values, .. } if write.key.as_str() == PROGRESS => values.get("state")?.as_text(),
        _ => None,
    })
}

/// Whether a step of the same change makes a record of this kind.
fn follows(kind: &str, change: &Change, ground: &Ground<'_>) -> bool {
    let makes = |effect: &Call| (&*effect.name == "make" && effect.argument(0) == kind) || &*effect.name == kind;
    change.edits().filter(|other| along_with_step(other, ground).is_some()).any(|other| {
        let to = state_written(other);
        let mut steps = judged_machines(other.kind.as_str(), ground.work).flat_map(|machine| &machine.steps);
        steps.any(|step| Some(&*step.to) == to && step.then.iter().any(makes))
    })
}

/// The fields that steps ask and set.
#[derive(Default)]
struct Along<'g> {
    keys: Vec<&'g str>,
    /// Those of steps that go on from where the record was signed.
    after_signing: Vec<&'g str>,
}

impl Along<'_> {
    /// Whether a field goes along with the step. What was signed is not signed a second time over the first, by a desk
    /// that had not seen it: it may add to it, and the two states are a conflict.
    fn takes(&self, key: &str, record: &Record) -> bool {
        let is_held = || record.get(key).is_some() || record.elements(key).next().is_some();
        self.after_signing.contains(&key) || (self.keys.contains(&key) && !(is_signed(record) && is_held()))
    }
}

/// What goes along with the steps by which an edit may have come to its state; `None` where it takes no step.
fn along_with_step<'g>(edit: &Edit, ground: &Ground<'g>) -> Option<Along<'g>> {
    let kind = edit.kind.as_str();
    let to = state_written(edit)?;
    let group = edit.writes.iter().find(|write| write.key.as_str() == PROGRESS)?;
    let marks =
        |values: &BTreeMap<Key, Value>| ["state", "at", "by"].map(|key| values.get(key).cloned().unwrap_or_default());
    let Op::Guarded { values, .. } = &group.op else { return None };
    if seen(edit, group, ground).iter().any(|before| marks(before) == marks(values)) {
        return None;
    }
    let mut along = Along::default();
    along.keys.extend(PAPERS.iter().filter(|(of, _)| *of == kind).map(|(_, key)| *key));
    for machine in judged_machines(kind, ground.work) {
        for step in &machine.steps {
            if *step.to == *to || is_clocks_own(ground.work, machine, step) {
                let goes_on = step.from.iter().any(|from| is_signed_state(kind, from));
                let keys = if goes_on { &mut along.after_signing } else { &mut along.keys };
                keys.extend(step.needs.iter().flat_map(asked_by));
                keys.extend(step.then.iter().flat_map(workflow::sets));
            }
        }
    }
    Some(along)
}

/// What the author of a write to the state saw there, as far as it is here.
fn seen(edit: &Edit, write: &Write, ground: &Ground<'_>) -> Vec<BTreeMap<Key, Value>> {
    let Op::Guarded { replaces, .. } = &write.op else { return Vec::new() };
    let written = replaces.iter().filter_map(|change| (ground.written_by)(*change, edit.record));
    written.map(|written| written.values).collect()
}

/// The members of the group that differ from all that was seen; of a step not those that each step writes.
fn members_altered(edit: &Edit, write: &Write, is_step: bool, ground: &Ground<'_>) -> Vec<Key> {
    let Op::Guarded { values, .. } = &write.op else { return Vec::new() };
    let seen = seen(edit, write, ground);
    // To take one of several sides alters nothing, and of what was seen nowhere nothing can be said.
    if seen.is_empty() || seen.contains(values) {
        return Vec::new();
    }
    let empty = Value::Empty;
    let is_altered = |key: &&Key| {
        let value = values.get(*key).unwrap_or(&empty);
        seen.iter().all(|before| before.get(*key).unwrap_or(&empty) != value)
    };
    let is_mark = |key: &str| is_step && matches!(key, "state" | "at" | "by" | "reason");
    let keys = values.keys().chain(seen.iter().flat_map(|before| before.keys()));
    keys.filter(is_altered).filter(|key| !is_mark(key.as_str())).cloned().collect()
}

/// Whether a write leaves a field as it is.
fn is_as_before(write: &Write, record: &Record) -> bool {
    let key = write.key.as_str();
    match &write.op {
        Op::Latest(value) | Op::First(value) | Op::Sticky(value) | Op::Once(value) => {
            record.get(key).unwrap_or(&Value::Empty) == value
        }
        Op::Add(element) => record.elements(key).any(|held| held == element),
        Op::Remove(element) => !record.elements(key).any(|held| held == element),
        Op::Guarded { .. } => false,
    }
}

#[cfg(test)]
mod tests;
