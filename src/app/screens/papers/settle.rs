//! Two desks that acted on one thing without knowing of each other: both sides, and a supervisor's word.

use yingke_core::{
    change::{Edit, Key},
    id::RecordId,
    record::Record,
    schema,
    time::{Day, Millis},
    value::Value,
    workflow::PROGRESS,
};

use crate::{
    format,
    roster::{Roster, use_roster},
    screens::form::save_failed,
    t,
    ui::{Banner, Button, ButtonKind, FactRow, Icon, Section, Toast, Toaster, Tone},
    view::prelude::*,
    words::{Words, use_words},
};

/// Both sides of a record's guarded group, where there are two. Only who leads settles it.
#[component]
pub fn Settle(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let leads = roster.me_now().is_some_and(|me| me.role.leads());
    let sides = Memo::new(move |_| roster.record(id).map(|record| sides(&record)).unwrap_or_default());
    let one = move |place: usize| {
        let side = move || sides.with(|sides| sides.get(place).cloned());
        let facts = move || {
            let side = side()?;
            let state = roster.record(id).map(|record| state_word(roster, w.get(), &record, &side.state));
            let when = format::moment(w.get(), side.at, roster.minute(), roster.utc_offset_minutes());
            let who = roster.staff_name(&side.by);
            let reason = side.reason.clone();
            // Two renewals of one card leave it in the same state: what they differ in is how long it runs.
            let differs = sides.with(|sides| sides.iter().any(|other| other.end_on != side.end_on));
            let until = side.end_on.filter(|_| differs).map(|day| w.get().member_until(format::full_day(w.get(), day)));
            Some(view! {
                <dl class="fact-list fact-list--close">
                    <FactRow label=t!(w, paper_state)>{state}</FactRow>
                    {until.map(|until| view! { <FactRow label=t!(w, member_card)>{until}</FactRow> })}
                    {(!reason.is_empty()).then(|| view! { <FactRow label=t!(w, paper_reason)>{reason}</FactRow> })}
                </dl>
                <p class="note">{w.get().paper_by(who, when)}</p>
            })
        };
        let take = Callback::new(move |()| settle(roster, toaster, w, id, place));
        let button = leads.then(|| {
            view! { <Button label=t!(w, paper_settle) kind=ButtonKind::Quiet icon=Icon::Tick on_press=take/> }
        });
        let title =
            move || if place == 0 { w.get().paper_conflict_first() } else { w.get().paper_conflict_other() }.to_owned();
        view! { <Section title>{facts} {button}</Section> }
    };
    shown(
        move || sides.with(|sides| sides.len() > 1),
        move || {
            let count = untrack(|| sides.with(Vec::len));
            let all: View = (0..count).map(one).collect();
            view! {
                <div class="papers__conflict">
                    <Banner tone=Tone::Conflict icon=Icon::Conflict text=t!(w, paper_conflict)/>
                    {all}
                </div>
            }
        },
    )
}

#[derive(Clone, PartialEq)]
struct Side {
    state: String,
    at: Millis,
    by: String,
    reason: String,
    /// When a card that it is about runs out.
    end_on: Option<Day>,
}

fn sides(record: &Record) -> Vec<Side> {
    if !record.conflicts().any(|key| key.as_str() == PROGRESS) {
        return Vec::new();
    }
    let text = |value: Option<&Value>| value.and_then(Value::as_text).unwrap_or_default().to_owned();
    let heads = record.heads(PROGRESS).iter();
    heads
        .map(|head| Side {
            state: text(head.values.get("state")),
            at: head.values.get("at").and_then(Value::as_at).unwrap_or_default(),
            by: text(head.values.get("by")),
            reason: text(head.values.get("reason")),
            end_on: head.values.get("end_on").and_then(Value::as_day),
        })
        .collect()
}

/// What a state is called by the record's machine.
fn state_word(roster: Roster, words: Words, record: &Record, key: &str) -> String {
    let machine = roster.work().machines_of(record.kind().as_str()).next();
    let state = machine.and_then(|machine| machine.state(key));
    state.map_or(key, |state| state.label.in_language(words.0)).to_owned()
}

/// Writes the chosen side again over all of them.
fn settle(roster: Roster, toaster: Toaster, w: Signal<Words>, id: RecordId, place: usize) {
    let Some(record) = untrack(|| roster.record(id)) else { return };
    let Some(head) = record.heads(PROGRESS).get(place) else { return };
    let kind: Key = record.kind().clone();
    let state = head.values.get("state").and_then(Value::as_text).unwrap_or_default();
    let state = state_word(roster, w.get_untracked(), &record, state);
    let write = schema::write_group(kind.as_str(), PROGRESS, head.values.clone(), record.head_changes(PROGRESS));
    let edit = Edit { record: id, kind, audience: record.audience().clone(), salt: [0; 8], writes: vec![write] };
    leptos::task::spawn_local(async move {
        let words = w.get_untracked();
        let told = match roster.save("settle", vec![edit]).await {
            Ok(_) => words.paper_settled(state),
            Err(error) => save_failed(words, &error).to_owned(),
        };
        toaster.tell(Toast::new(told));
    });
}
