//! Papers: what the club has under way, one record's page, its next step, and any form of the pack.

mod approve;
mod begin;
mod cards;
mod choose;
mod form_page;
mod home;
mod record;
mod refusal;
mod settle;
mod step;

pub use begin::{BeginPaper, CorrectPaper};
pub use cards::Cards;
pub use choose::Choose;
pub use home::WorkHome;
pub use record::{OneTask, RecordPage, Steps};
pub use refusal::{refusal_text, who};
pub use step::{Offered, TakeNote, TakeStep};

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
    screens::record_title::{is_of_catalogue, kind_of},
    t,
    ui::{EmptyState, Icon, Tone},
    view::prelude::*,
    words::{Words, use_words},
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
    match kind {
        "tour" => return Icon::Walk,
        "negotiation" => return Icon::Chat,
        "trial" | "trial_pass" => return Icon::TrialPass,
        "appointment" => return Icon::Calendar,
        _ => {}
    }
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
        let of_catalogue = forms().find(|form| is_of_catalogue(form));
        of_catalogue.or_else(|| forms().next()).map(|form| &form.title)
    };
    let other = || kind_of(roster, words, kind);
    machine.or_else(of_form).map_or_else(other, |title| title.in_language(words.0).to_owned())
}

/// Kinds that other papers and steps write: nobody fills them in by themselves.
fn is_written_by_others(kind: &str) -> bool {
    matches!(kind, "membership" | "report")
}

/// The forms of a kind that people fill in: those of the catalogue, and the house's own where it has no other.
fn forms_of(roster: Roster, kind: &str) -> Vec<&'static Form> {
    let forms = || roster.pack().forms.iter().filter(|form| &*form.record == kind);
    let of_catalogue: Vec<&Form> = forms().filter(|form| is_of_catalogue(form)).collect();
    if of_catalogue.is_empty() && !is_written_by_others(kind) { forms().collect() } else { of_catalogue }
}

/// The forms with which I may begin a record of a kind.
pub fn beginning_forms(roster: Roster, kind: &str) -> Vec<&'static Form> {
    let mut forms = forms_of(roster, kind);
    let may = |form: &Form| roster.papers(&[], |scene, ground| paper::may_begin(form, scene, ground.work));
    forms.retain(|form| may(form).unwrap_or(false));
    forms
}

/// How a record stands by its machine, with what the clock has done. Subscribes to the minute.
#[must_use]
pub fn standing(roster: Roster, record: &Record) -> Option<(&'static Machine, &'static State)> {
    standings(roster, std::slice::from_ref(record)).pop()?
}

/// The same of many records, in their order, with the ground laid once for all.
fn standings(roster: Roster, records: &[Record]) -> Vec<Option<(&'static Machine, &'static State)>> {
    let _ = roster.minute();
    let work = roster.work();
    let machine_of = |record: &Record| work.machines_of(record.kind().as_str()).next();
    let stand = roster.papers(&[], |scene, ground| {
        let of_one = |record: &Record| {
            let machine = machine_of(record)?;
            let state = paper::state(machine, record, scene, ground)?;
            Some((machine, machine.state(&state.key)?))
        };
        records.iter().map(of_one).collect::<Vec<_>>()
    });
    stand.unwrap_or_else(|| vec![None; records.len()])
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

/// The records of a kind of which something is still expected, newest first; one without a machine is never open.
fn open_of(roster: Roster, kind: &'static str) -> Vec<RecordId> {
    let records = roster.of_kind(kind);
    let is_open = |state: &State| !state.is_end && !AT_REST.contains(&(kind, &*state.key));
    let stand = standings(roster, &records);
    let open = records.iter().zip(stand).filter(|(_, stand)| stand.is_some_and(|(_, state)| is_open(state)));
    open.map(|(record, _)| record.id).collect()
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

/// Where a record was asked for that is not for this post: by an address that was typed, or kept from a colleague.
pub fn not_for_me() -> View {
    let w = use_words();
    view! {
        <div class="page">
            <EmptyState icon=Icon::Note title=t!(w, record_not_mine) text=t!(w, record_not_mine_text)/>
        </div>
    }
}

/// Where a record or form was asked for that this tablet does not have.
fn nothing_there() -> View {
    let w = use_words();
    view! {
        <div class="page">
            <EmptyState icon=Icon::Note title=t!(w, record_gone) text=t!(w, record_gone_text)/>
        </div>
    }
}
