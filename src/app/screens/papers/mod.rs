//! Papers: what the club has under way, one record's page, its next step, and any form of the pack.

mod begin;
mod cards;
mod choose;
mod home;
mod record;
mod refusal;
mod settle;
mod step;

pub use begin::{BeginPaper, CorrectPaper};
pub use cards::Cards;
pub use choose::Choose;
pub use home::WorkHome;
pub use record::{OneTask, RecordPage};
pub use refusal::who;
pub use step::TakeStep;

use yingke_core::{
    id::RecordId,
    pack::Form,
    paper,
    record::Record,
    schema,
    work::{Machine, State},
    workflow::PROGRESS,
};

use crate::{
    roster::Roster,
    ui::{Icon, Tone},
    words::Words,
};

/// A group of kinds on the page of desk work, in the order of the day.
struct Group {
    title: fn(Words) -> &'static str,
    icon: Icon,
    kinds: &'static [&'static str],
}

const GROUPS: [Group; 7] = [
    Group {
        title: Words::work_prospects,
        icon: Icon::Calls,
        kinds: &["negotiation", "tracking", "opportunity", "appointment", "trial_pass", "trial", "tour", "callback"],
    },
    Group {
        title: Words::work_members,
        icon: Icon::Card,
        kinds: &[
            "agreement",
            "membership",
            "renewal",
            "leave",
            "leave_end",
            "transfer",
            "refund",
            "card_change",
            "store_transfer",
            "pt_grant",
            "retention",
            "payment",
            "deposit",
            "give_back",
        ],
    },
    Group { title: Words::work_courts, icon: Icon::Calendar, kinds: &["booking", "ticket"] },
    Group {
        title: Words::work_cases,
        icon: Icon::Cases,
        kinds: &["case", "assignment", "followup_plan", "followup", "rating", "improvement"],
    },
    Group { title: Words::work_equipment, icon: Icon::Repair, kinds: &["fault", "inspection", "equipment"] },
    Group {
        title: Words::work_team,
        icon: Icon::People,
        kinds: &[
            "absence",
            "purchase",
            "suggestion",
            "training",
            "evaluation",
            "grade_review",
            "event",
            "work_plan",
            "key_project",
            "incident",
            "export",
        ],
    },
    Group {
        title: Words::work_house,
        icon: Icon::Office,
        kinds: &["product", "resource", "campaign", "offer", "segment", "course"],
    },
];

/// A kind by its key, as the schema writes it.
fn kind_of_key(key: &str) -> Option<&'static str> {
    schema::kind(key).map(|kind| kind.key)
}

/// The icon of the group that a kind stands in.
#[must_use]
pub fn icon_of(kind: &str) -> Icon {
    GROUPS.iter().find(|group| group.kinds.contains(&kind)).map_or(Icon::Note, |group| group.icon)
}

/// What a kind is called on its own: by its machine, by the form of the catalogue, else by the house's own form.
#[must_use]
pub fn kind_word(roster: Roster, words: Words, kind: &str) -> String {
    let forms = || roster.pack().forms.iter().filter(|form| &*form.record == kind);
    let machine = roster.work().machines_of(kind).next().map(|machine| &machine.title);
    // One machine runs several kinds of requests: there the form says which.
    let machine = machine.filter(|_| roster.work().machines_of(kind).all(|machine| machine.records.len() == 1));
    let of_form = || {
        let of_catalogue = forms().find(|form| form.id.starts_with("F-"));
        of_catalogue.or_else(|| forms().next()).map(|form| &form.title)
    };
    machine.or_else(of_form).map_or_else(|| kind.to_owned(), |title| title.in_language(words.0).to_owned())
}

/// Forms with which a record of a kind is begun: those of the catalogue, and the house's own where it has no other.
fn beginning_forms(roster: Roster, kind: &str) -> Vec<&'static Form> {
    let forms = || roster.pack().forms.iter().filter(|form| &*form.record == kind);
    let of_catalogue: Vec<&Form> = forms().filter(|form| form.id.starts_with("F-")).collect();
    let has_steps_only = matches!(kind, "membership" | "report");
    let forms = if of_catalogue.is_empty() && !has_steps_only { forms().collect() } else { of_catalogue };
    let may = |form: &&Form| roster.papers(&[], |scene, ground| paper::may_begin(form, scene, ground.work));
    forms.into_iter().filter(|form| may(form).unwrap_or(false)).collect()
}

/// How a record stands by its machine, with what the clock has done. Subscribes to the minute.
#[must_use]
pub fn standing(roster: Roster, record: &Record) -> Option<(&'static Machine, &'static State)> {
    let _ = roster.minute();
    let work = roster.work();
    let machine = work.machines_of(record.kind().as_str()).next()?;
    let key = roster.papers(&[], |scene, ground| {
        paper::state(machine, record, scene, ground).map(|state| state.key.to_string())
    })??;
    Some((machine, machine.state(&key)?))
}

/// States in which a record may stay for years, with nothing that somebody should do.
const AT_REST: [(&str, &str); 6] = [
    ("agreement", "delivered"),
    ("membership", "active"),
    ("membership", "expired"),
    ("improvement", "verified"),
    ("opportunity", "decided_no"),
    ("person", "won"),
];

/// Whether something is still expected of a record; one without a machine is never open.
fn is_open(roster: Roster, record: &Record) -> bool {
    let kind = record.kind().as_str();
    standing(roster, record).is_some_and(|(_, state)| !state.is_end && !AT_REST.contains(&(kind, &*state.key)))
}

/// The tone of a state: what is over is quiet, what ended against somebody's wish or is late is told.
fn tone_of(state: &State) -> Tone {
    match &*state.key {
        "overdue" | "late" | "no_show" | "expired" | "escalated" | "reopened" | "blocked" => Tone::Late,
        "expiring" | "awaiting_payment" | "awaiting_desk" | "awaiting_store" | "submitted" | "held" => Tone::Unsent,
        _ if state.is_end => Tone::Plain,
        _ => Tone::Pine,
    }
}

/// The person that a record belongs to.
#[must_use]
pub fn person_of(record: &Record) -> Option<RecordId> {
    let holder = record.guarded(PROGRESS).and_then(|group| group.get("holder"));
    let named = ["person", "party", "lead"].iter().find_map(|key| record.get(key)?.as_id());
    named.or_else(|| holder?.as_id())
}
