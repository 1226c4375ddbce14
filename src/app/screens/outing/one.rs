//! One outing from kit to summary: what to take along, when one arrived, what it brought.

use crate::route::use_route;
use crate::view::prelude::*;
use yingke_core::{id::RecordId, journal::AppendError, record::Record, schema, typed};

use super::{
    plan::{CancelSheet, SummarySheet, arrival_words},
    records::{self, PLAN},
    tally::{Tally, pace},
};
use crate::{
    format,
    roster::{Roster, use_roster},
    screens::{form::save_failed, people::phone_of},
    t,
    ui::{
        Banner, Button, ButtonKind, ButtonSize, CheckBox, EmptyState, Face, FactRow, Facts, Field, FieldKind, Icon,
        IconButton, ListRow, Look, Ring, RingSize, Section, Tag, Tone, slot,
    },
    words::{Words, use_words},
};

const KIT: &str = "CL-03";
const SCRIPT: &str = "S-08";

/// What can be opened over the outing.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Summary,
    Cancel,
}

/// The outing chosen from the list.
#[component]
pub fn One(outing: RecordId, on_back: Callback<()>, on_plan: Callback<RecordId>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let record = Signal::derive(move || roster.record(outing));
    let open = RwSignal::new(None::<Open>);
    let failed = RwSignal::new(None::<AppendError>);
    let place = move || record.get().map(|record| records::place(w.get(), &record)).unwrap_or_default();
    let about = Signal::derive(move || {
        let Some(record) = record.get() else { return Vec::new() };
        let day = record.get("outing_date").and_then(|value| value.as_day());
        let day = day.map(|day| format::day(w.get(), day, roster.today()));
        day.into_iter().chain(records::about(roster, w.get(), &record)).collect::<Vec<_>>()
    });
    let is_open = Memo::new(move |_| record.get().is_some_and(|record| records::is_open(&record)));
    let is_cancelled =
        Memo::new(move |_| record.get().is_some_and(|record| record.text("status") == Some("cancelled")));
    let is_before = Memo::new(move |_| {
        record.get().is_some_and(|record| matches!(record.text("status"), None | Some("planned" | "ready")))
    });
    let reported = Memo::new(move |_| record.get().is_some_and(|record| record.text("status") == Some("reported")));
    let summary = move || {
        record.get().map(|record| {
            let line = |label: &'static str| record.text(label).map(str::to_owned);
            [line("cancel_reason"), line("summary"), line("supervisor_comment")]
                .into_iter()
                .zip(["cancel_reason", "summary", "supervisor_comment"])
                .filter_map(|(text, key)| Some((key, text?)))
                .map(|(key, text)| {
                    let label = if key == "cancel_reason" {
                        Signal::derive(t!(w, outing_cancel_reason))
                    } else {
                        records::label(roster, PLAN, key)
                    };
                    view! { <FactRow label>{text}</FactRow> }
                })
                .collect::<View>()
        })
    };
    let last_button = move || {
        if is_cancelled.get() {
            return View::Nothing;
        }
        let label = move || match (is_open.get(), reported.get()) {
            (true, _) => w.get().outing_end().to_owned(),
            (false, false) => w.get().outing_report().to_owned(),
            (false, true) => w.get().outing_report_edit().to_owned(),
        };
        view! { <Button label=label icon=Icon::Note kind=ButtonKind::Quiet on_press=move |()| open.set(Some(Open::Summary))/> }
    };
    let route = use_route();
    let capture = Callback::new(move |()| route.go(&format!("/outing/{outing}")));
    view! {
        <article class="outing">
            <header class="outing__head">
                <span class="narrow-only"><IconButton icon=Icon::Back label=t!(w, back) on_press=on_back/></span>
                <div class="outing__titles">
                    <h2 class="outing__place">{place}</h2>
                    <p class="quiet"><Facts items=about/></p>
                </div>
                {move || record.get().map(|record| {
                    let tone = if records::is_open(&record) { Tone::Pine } else { Tone::Plain };
                    view! { <Tag tone text=records::state_word(w.get(), &record)/> }
                })}
            </header>
            {move || failed.get().map(|error| view! { <Banner tone=Tone::Late icon=Icon::Warn text=save_failed(w.get(), &error)/> })}
            <div class="outing__do">
                {move || is_open.get().then(|| {
                    let label = move || {
                        let begun = roster.ask(&["person"], |replica| replica.captured_in(outing).next().is_some());
                        if begun { w.get().outing_continue() } else { w.get().outing_capture() }.to_owned()
                    };
                    view! { <Button label=label icon=Icon::Plus kind=ButtonKind::Primary size=ButtonSize::Walking on_press=capture/> }
                })}
                {last_button}
                {move || is_open.get().then(|| {
                    view! { <Button label=t!(w, outing_plan_edit) icon=Icon::Edit kind=ButtonKind::Text on_press=move |()| on_plan.run(outing)/> }
                })}
                {move || is_before.get().then(|| {
                    view! { <Button label=t!(w, outing_cancel) kind=ButtonKind::Text on_press=move |()| open.set(Some(Open::Cancel))/> }
                })}
            </div>
            <dl class="fact-list">{summary}</dl>
            <Arrival outing failed/>
            {move || is_before.get().then(|| view! { <Kit outing failed/> })}
            {move || (!is_before.get()).then(|| view! { <Results outing/> })}
            {move || is_open.get().then(|| view! { <Script/> })}
            {move || (!is_before.get() && is_open.get()).then(|| view! { <Kit outing failed/> })}
            {move || {
                open.get().map(|what| {
                    let close = Callback::new(move |()| open.set(None));
                    match what {
                        Open::Summary => view! { <SummarySheet outing on_close=close/> },
                        Open::Cancel => view! { <CancelSheet outing on_close=close/> },
                    }
                })
            }}
        </article>
    }
}

fn save(
    roster: Roster,
    outing: RecordId,
    writes: Vec<yingke_core::change::Write>,
    failed: RwSignal<Option<AppendError>>,
) {
    let edits = records::outing_edits(roster, outing, None, writes);
    leptos::task::spawn_local(async move {
        let kept = roster.save(PLAN, edits).await;
        failed.try_set(kept.err());
    });
}

/// 到了: one press; late is told and no more.
#[component]
fn Arrival(outing: RecordId, failed: RwSignal<Option<AppendError>>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let arrive = move |()| {
        let mut writes = vec![schema::write("outing", "actual_arrival", roster.now())];
        let before = untrack(|| roster.record(outing));
        if before.is_some_and(|record| matches!(record.text("status"), None | Some("planned" | "ready"))) {
            writes.push(schema::write("outing", "status", "on_site"));
        }
        save(roster, outing, writes, failed);
    };
    move || {
        let record = roster.record(outing)?;
        let planned = record.get("planned_arrival").and_then(|value| value.as_at());
        let inner = match arrival_words(roster, w.get(), &record) {
            Some((text, late)) => {
                let (tone, icon) = if late { (Tone::Late, Icon::Late) } else { (Tone::Saved, Icon::Saved) };
                view! { <Tag tone icon text/> }
            }
            None if !records::is_open(&record) => return None,
            None => {
                let due = planned.map(|at| {
                    w.get().outing_due(format::moment(w.get(), at, roster.minute(), roster.utc_offset_minutes()))
                });
                view! {
                    <span class="quiet">{due}</span>
                    <Button label=t!(w, outing_arrive) icon=Icon::Walk kind=ButtonKind::Quiet on_press=arrive/>
                }
            }
        };
        Some(view! { <div class="outing__arrival" role="status">{inner}</div> })
    }
}

/// CL-03: ticked one by one, saved at once. With everything needed the outing is ready.
#[component]
fn Kit(outing: RecordId, failed: RwSignal<Option<AppendError>>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let kit = records::pack(roster).checklist(KIT);
    let items = kit.map_or(&[][..], |kit| &kit.items);
    let ticked = Memo::new(move |_| {
        let record = roster.record(outing);
        record.map(|record| ticks(&record)).unwrap_or_default()
    });
    let needed = items.iter().filter(|item| !item.optional).count();
    let done = move || {
        ticked.with(|ticked| {
            items.iter().filter(|item| !item.optional && ticked.iter().any(|key| **key == *item.key)).count()
        })
    };
    let tick = move |key: &'static str, on: bool| {
        let mut writes = vec![if on {
            schema::write("outing", "kit_checked", key)
        } else {
            schema::remove("outing", "kit_checked", key)
        }];
        let whole = items.iter().filter(|item| !item.optional).all(|item| {
            if *item.key == *key {
                on
            } else {
                ticked.with_untracked(|ticked| ticked.iter().any(|other| **other == *item.key))
            }
        });
        let status = untrack(|| roster.record(outing)).and_then(|record| record.text("status").map(str::to_owned));
        match (status.as_deref(), whole) {
            (None | Some("planned"), true) => writes.push(schema::write("outing", "status", "ready")),
            (Some("ready"), false) => writes.push(schema::write("outing", "status", "planned")),
            _ => {}
        }
        save(roster, outing, writes, failed);
    };
    let rows = items
        .iter()
        .map(|item| {
            let key: &'static str = &item.key;
            let on = Signal::derive(move || ticked.with(|ticked| ticked.iter().any(|other| other == key)));
            let second = move || if item.optional { w.get().outing_kit_if_needed().to_owned() } else { String::new() };
            view! {
                <CheckBox
                    label=move || item.label.in_language(w.get().0).to_owned()
                    second
                    on
                    on_change=move |on: bool| tick(key, on)
                />
            }
        })
        .collect::<View>();
    let state = move || match needed.saturating_sub(done()) {
        0 => w.get().outing_kit_complete().to_owned(),
        missing => w.get().outing_kit_missing(missing),
    };
    view! {
        <Section
            title=move || kit.map(|kit| kit.title.in_language(w.get().0).to_owned()).unwrap_or_default()
            aside=move || w.get().outing_kit_count(done(), needed)
        >
            <div class="outing__kit">{rows}</div>
            <p class="note" role="status">{state}</p>
            <Leaflets outing failed/>
        </Section>
    }
}

fn ticks(record: &Record) -> Vec<String> {
    record.elements("kit_checked").filter_map(|value| value.as_text().map(str::to_owned)).collect()
}

/// How many leaflets were taken; saved when the field is left.
#[component]
fn Leaflets(outing: RecordId, failed: RwSignal<Option<AppendError>>) -> impl IntoView {
    const LEAFLETS_MAX: i64 = 100_000;
    let w = use_words();
    let roster = use_roster();
    let held = Memo::new(move |_| {
        roster.record(outing).and_then(|record| record.get("leaflets_out").and_then(|value| value.as_int()))
    });
    let typed = RwSignal::new(None::<String>);
    let value = Signal::derive(move || {
        typed.get().unwrap_or_else(|| held.get().map(|count| count.to_string()).unwrap_or_default())
    });
    let problem = RwSignal::new(false);
    let leave = move |()| {
        // A field that is taken away while it is being typed in is left as well.
        let Some(text) = typed.try_get_untracked().flatten() else { return };
        if text.trim().is_empty() {
            return typed.set(None);
        }
        match typed::whole(&text, 0, LEAFLETS_MAX) {
            Ok(count) if Some(count) != held.get_untracked() => {
                save(roster, outing, vec![schema::write("outing", "leaflets_out", count)], failed);
            }
            Ok(_) => {}
            Err(_) => problem.set(true),
        }
    };
    view! {
        <div class="outing__leaflets">
            <Field
                label=records::label(roster, PLAN, "leaflets_out")
                optional_mark=t!(w, optional)
                kind=FieldKind::Digits
                value
                on_input=move |text: String| {
                    problem.set(false);
                    typed.set(Some(text));
                }
                on_leave=Callback::new(leave)
                on_enter=Callback::new(leave)
                problem=Signal::derive(move || problem.get().then(|| w.get().problem_not_a_number().to_owned()))
            />
        </div>
    }
}

/// What it brought: ring, counts, and the people.
#[component]
fn Results(outing: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let me = roster.me_now().map(|me| me.id.to_string()).unwrap_or_default();
    let goal = records::goal(roster);
    let count = Memo::new(move |_| standing(roster, outing, &me));
    let route = use_route();
    let to_person = Callback::new(move |id: RecordId| route.go(&format!("/people/{id}")));
    let people = move || {
        let found: Vec<Record> = roster.ask(&["person"], |replica| {
            replica.captured_in(outing).filter_map(|id| replica.record(id).map(|record| record.into_owned())).collect()
        });
        if found.is_empty() {
            return view! { <EmptyState icon=Icon::People title=t!(w, outing_people_none) text=t!(w, capture_none_yet)/> };
        }
        found.into_iter().map(|person| person_row(roster, w, person, to_person)).collect::<View>()
    };
    view! {
        <Section title=t!(w, outing_results)>
            <div class="outing__results">
                <Ring
                    done=Signal::derive(move || count.get().0 as f64 / (goal * count.get().1).max(1) as f64)
                    figure=Signal::derive(move || count.get().0.to_string())
                    aim=Signal::derive(move || w.get().outing_ring_aim(goal * count.get().1))
                    sentence=Signal::derive(move || w.get().outing_ring(count.get().0, goal * count.get().1))
                    size=RingSize::Card
                />
                <dl class="fact-list fact-list--close outing__counts"><Counts outing/></dl>
            </div>
        </Section>
        <Section title=t!(w, outing_people)>
            <div class="outing__people">{people}</div>
        </Section>
    }
}

/// My own numbers and one goal; for who did not go along, everyone's and a goal for each.
pub fn standing(roster: Roster, outing: RecordId, me: &str) -> (usize, usize) {
    let tally = records::tally(roster, outing);
    let team = roster.record(outing).map(|record| records::team(&record)).unwrap_or_default();
    if team.iter().any(|staff| staff == me) || tally.of_staff(me) > 0 {
        (tally.of_staff(me), 1)
    } else {
        (tally.all(), team.len().max(1))
    }
}

/// The counts that the report holds.
#[component]
pub fn Counts(outing: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let goal = records::goal(roster);
    let tally = Memo::new(move |_| records::tally(roster, outing));
    move || {
        let words = w.get();
        let (tally, record): (Tally, _) = (tally.get(), roster.record(outing));
        let arrived = record.and_then(|record| record.get("actual_arrival")?.as_at());
        let arrived = arrived.into_iter().chain(tally.first_at).min();
        let each = arrived.zip(tally.last_at).and_then(|(begun, latest)| pace(begun, latest, tally.all(), goal));
        let each = each
            .map_or_else(|| words.outing_each_none().to_owned(), |pace| records::minutes_seconds(words, pace.each_ms));
        let by_staff = tally.by_staff.iter().filter(|_| tally.by_staff.len() > 1).map(|(staff, count)| {
            let name = roster.staff_name(staff);
            let of_goal = words.outing_of_goal(count, goal);
            view! { <FactRow label=name>{of_goal}</FactRow> }
        });
        let by_staff = by_staff.collect::<View>();
        let (all, passes) = (words.outing_distinct(tally.all()), words.outing_passes_count(tally.passes));
        view! {
            <FactRow label=t!(w, outing_collected)>{all}</FactRow>
            {by_staff}
            <FactRow label=t!(w, outing_passes)>{passes}</FactRow>
            <FactRow label=t!(w, outing_each)>{each}</FactRow>
        }
    }
}

fn person_row(roster: Roster, w: Signal<Words>, person: Record, open: Callback<RecordId>) -> impl IntoView {
    let id = person.id;
    let phone = phone_of(roster, w.get_untracked(), &person, "");
    let called = records::called(roster, w.get_untracked(), &person);
    let title = if called.is_empty() { phone.clone() } else { called };
    let at = person.get("captured_at").and_then(|value| value.as_at());
    let time = at.map(|at| format::clock(at, roster.utc_offset_minutes())).unwrap_or_default();
    let face = Look::letter_of(&title);
    let second = if title == phone { Vec::new() } else { vec![phone] };
    let waits = Signal::derive(move || roster.is_unsent(id));
    view! {
        <ListRow
            title
            second=slot(view! { <Facts items=second/> })
            face=slot(view! { <Face look=face/> })
            end=slot(view! {
                {move || waits.get().then(|| view! { <crate::ui::Glyph icon=Icon::Unsent/> })}
                <span>{time}</span>
            })
            on_open=Callback::new(move |()| open.run(id))
        />
    }
}

/// S-08: points to cover, never a text to read out.
#[component]
fn Script() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let prompt = records::pack(roster).prompt(SCRIPT);
    prompt.map(|prompt| {
        view! {
            <details class="outing__script">
                <summary>{t!(w, outing_prompt_open)}</summary>
                <ol>
                    {prompt.points.iter().map(|point| view! { <li>{move || point.in_language(w.get().0).to_owned()}</li> }).collect::<View>()}
                </ol>
            </details>
        }
    })
}
