//! The sheets of form F-04: the plan before, the summary after, and why an outing was called off.

use crate::view::prelude::*;
use yingke_core::{change::Edit, form::draft_of, id::RecordId, journal::AppendError, schema, typed};

use super::records::{self, PLAN};
use crate::{
    format,
    roster::{Roster, use_roster},
    screens::form::{PackForm, Ready, Saved, save_failed, tell_saved},
    t,
    ui::{Banner, Button, ButtonKind, Field, Icon, Sheet, Toaster, Tone, slot},
    words::use_words,
};

const PLANNED: [&str; 7] = ["outing_date", "area_kind", "place", "form", "leader", "team", "planned_arrival"];
const SUMMED_UP: [&str; 5] = ["actual_arrival", "leaflets_out", "leaflets_back", "ended_at", "summary"];
/// Longer would not fit its field; a reason is one line.
const REASON_CHARACTERS_MAX: usize = 200;

/// The plan of a new outing, or of one that is there.
#[component]
pub fn PlanSheet(
    outing: Option<RecordId>,
    #[prop(into)] on_close: Callback<()>,
    /// The plan is durable.
    #[prop(into)]
    on_saved: Callback<RecordId>,
) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let id = outing.unwrap_or_else(|| roster.new_id());
    let draft_key = outing.map_or_else(|| PLAN.to_owned(), |id| format!("{PLAN}:{id}"));
    let edits = Callback::new(move |ready: Ready| {
        let before = untrack(|| roster.record(id));
        let mut writes = records::asked_writes(before.as_ref(), &ready.filled, &PLANNED);
        if before.is_none() {
            writes.push(schema::write("outing", "status", "planned"));
        }
        records::outing_edits(roster, id, ready.filled.staff("leader"), writes)
    });
    let saved = Callback::new(move |saved: Saved| {
        let who = saved.filled.text("place").unwrap_or_default().to_owned();
        tell_saved(roster, toaster, w, w.get_untracked().outing_plan_told().into(), who, saved.undo);
        on_saved.run(id);
    });
    let start = match outing {
        Some(_) => drafted(roster, id),
        None => crate::screens::form::begun(
            roster,
            PLAN,
            &[("planned_arrival", typed::instant_field(records::next_half_hour(roster), roster.utc_offset_minutes()))],
        ),
    };
    view! {
        <Sheet title=t!(w, outing_plan_title) close_label=t!(w, close) on_close=on_close>
            <div class="outing__sheet"><PackForm form_key=PLAN draft_key start sections=vec!["plan"] without=vec!["related_event"] edits on_saved=saved/></div>
        </Sheet>
    }
}

/// What the record holds, to change it.
fn drafted(roster: Roster, id: RecordId) -> yingke_core::form::Draft {
    let form = records::pack(roster).form(PLAN).expect("the packs of outings have the plan");
    let record = untrack(|| roster.record(id));
    records::with_context(roster, None, |context| record.map(|record| draft_of(form, &record, context)))
        .flatten()
        .unwrap_or_default()
}

/// The end: what came back, what was learned. The counts are the app's.
#[component]
pub fn SummarySheet(outing: RecordId, #[prop(into)] on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let me = roster.me_now();
    let leads = me.as_ref().is_some_and(|me| me.role.leads());
    let my_id = me.map(|me| me.id.to_string()).unwrap_or_default();
    let tally = Memo::new(move |_| records::tally(roster, outing));
    let goal = records::goal(roster);
    let sentence = move || {
        let mine = tally.with(|tally| tally.of_staff(&my_id));
        if mine >= goal { w.get().outing_reached(mine) } else { w.get().outing_short(mine, goal - mine) }
    };
    let mut without = vec!["kit_checked", "numbers_collected", "passes_issued"];
    let mut asked = SUMMED_UP.to_vec();
    if leads {
        asked.push("supervisor_comment")
    } else {
        without.push("supervisor_comment")
    }
    let edits = Callback::new(move |ready: Ready| {
        let before = untrack(|| roster.record(outing));
        let tally = tally.get_untracked();
        let mut writes = records::asked_writes(before.as_ref(), &ready.filled, &asked);
        let status = if ready.filled.text("summary").is_some() { "reported" } else { "ended" };
        writes.push(schema::write("outing", "status", status));
        for (key, count) in [("numbers_collected", tally.all()), ("passes_issued", tally.passes)] {
            writes.push(schema::write("outing", key, i64::try_from(count).unwrap_or(i64::MAX)));
        }
        records::outing_edits(roster, outing, None, writes)
    });
    let saved = Callback::new(move |saved: Saved| {
        let who = untrack(|| roster.record(outing)).map(|record| records::place(w.get_untracked(), &record));
        tell_saved(
            roster,
            toaster,
            w,
            w.get_untracked().outing_ended_told().into(),
            who.unwrap_or_default(),
            saved.undo,
        );
        on_close.run(());
    });
    let mut start = drafted(roster, outing);
    let now = typed::instant_field(roster.now(), roster.utc_offset_minutes());
    for key in ["actual_arrival", "ended_at"] {
        if start.get(key).is_empty() {
            let first = tally.with_untracked(|tally| tally.first_at).filter(|_| key == "actual_arrival");
            let at = first.map(|at| typed::instant_field(at, roster.utc_offset_minutes()));
            start.set(&yingke_core::change::Key::of(key), at.unwrap_or_else(|| now.clone()));
        }
    }
    view! {
        <Sheet title=t!(w, outing_end_title) close_label=t!(w, close) on_close=on_close>
            <p class="title-3">{sentence}</p>
            <dl class="fact-list fact-list--close"><super::one::Counts outing/></dl>
            <div class="outing__sheet"><PackForm
                form_key=PLAN
                draft_key=format!("{PLAN}:end:{outing}")
                start
                sections=vec!["start", "summary"]
                without
                edits
                on_saved=saved
            /></div>
        </Sheet>
    }
}

/// Weather, permit, staff: an outing that does not take place says why (SM-17).
#[component]
pub fn CancelSheet(outing: RecordId, #[prop(into)] on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let reason = RwSignal::new(String::new());
    let problem = RwSignal::new(false);
    let failed = RwSignal::new(None::<AppendError>);
    let cancel = move |()| {
        let typed = typed::line(&reason.get_untracked(), REASON_CHARACTERS_MAX).unwrap_or_default();
        if typed.is_empty() {
            problem.set(true);
            return crate::ui::focus_on("cancel-reason");
        }
        let writes = vec![
            schema::write("outing", "status", "cancelled"),
            schema::write("outing", "cancel_reason", typed.into_string()),
        ];
        let edits = records::outing_edits(roster, outing, None, writes);
        let undo: Vec<Edit> = untrack(|| yingke_core::undo::undo(&edits, |id| roster.record(id)));
        leptos::task::spawn_local(async move {
            match roster.save(PLAN, edits).await {
                Ok(_) => {
                    let place =
                        untrack(|| roster.record(outing)).map(|record| records::place(w.get_untracked(), &record));
                    let text = w.get_untracked().outing_cancelled_told().to_owned();
                    tell_saved(roster, toaster, w, text, place.unwrap_or_default(), undo);
                    on_close.try_run(());
                }
                Err(error) => {
                    failed.try_set(Some(error));
                }
            }
        });
    };
    let foot = slot(view! {
        <Button label=t!(w, outing_cancel) kind=ButtonKind::Danger on_press=cancel/>
    });
    view! {
        <Sheet title=t!(w, outing_cancel_title) close_label=t!(w, close) on_close=on_close foot>
            {move || failed.get().map(|error| view! { <Banner tone=Tone::Late icon=Icon::Warn text=save_failed(w.get(), &error)/> })}
            <Field
                id="cancel-reason"
                label=t!(w, outing_cancel_reason)
                note=t!(w, outing_cancel_note)
                problem=Signal::derive(move || problem.get().then(|| w.get().outing_cancel_missing().to_owned()))
                length_max=200
                value=reason
                on_input=move |typed: String| {
                    problem.set(false);
                    reason.set(typed);
                }
                on_enter=Callback::new(cancel)
            />
        </Sheet>
    }
}

/// `14:00到达，比计划晚了12分钟`.
pub fn arrival_words(
    roster: Roster,
    words: crate::words::Words,
    record: &yingke_core::record::Record,
) -> Option<(String, bool)> {
    let at = |key| record.get(key).and_then(|value| value.as_at());
    let arrived = at("actual_arrival")?;
    let time = format::clock(arrived, roster.utc_offset_minutes());
    Some(match at("planned_arrival") {
        None => (words.outing_arrived_at(time), false),
        // A minute that has begun is not late yet.
        Some(planned) if arrived.since(planned) < 60_000 => (words.outing_arrived_early(time), false),
        Some(planned) => (words.outing_arrived_late(time, format::span(words, arrived.since(planned))), true),
    })
}
