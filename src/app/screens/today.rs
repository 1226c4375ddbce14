//! Today: the next thing, then what is due by urgency, and who is here.

use crate::view::prelude::*;
use leptos::task::spawn_local;
use yingke_core::{
    id::RecordId,
    record::Record,
    time::{Day, HOUR_MS, Millis},
    value::Value,
    workflow::PROGRESS,
};

use super::{
    courts::{OnNow, on_now},
    expected::ExpectedToday,
    form::whom,
    outing::today_ring,
    papers::OneTask,
    people::{likes_of, name_of, protected, stage_of},
    reception::{guests_today, people_here},
    record_title::{second_of, title_of},
    shell::Pill,
    sync::Overdue,
};
use crate::{
    format,
    roster::{MyTask, Roster, Unfinished, use_roster},
    route::use_route,
    t,
    ui::{
        Button, ButtonKind, ButtonSize, Due, EmptyState, Face, Facts, Icon, ListRow, Look, NextThing, PageHeader,
        Section, Tag, Tone, slot,
    },
    words::{Words, use_words},
};

/// Rows at first, and how many a press adds.
const ROWS: usize = 20;
/// Tasks at first: what is done next, with the calls below still in sight.
const TASKS: usize = 6;

#[component]
pub fn Today() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let shown = RwSignal::new(ROWS);
    let due = Memo::new(move |_| due_today(roster));
    let day = move || format::long_day(w.get(), roster.today());
    let decisions = Memo::new(move |_| {
        let _ = roster.minute();
        roster.awaiting_me()
    });
    let tasks = Memo::new(move |_| roster.my_tasks());
    let courts = Memo::new(move |_| on_now(roster));
    let next = move || match due.with(|due| due.first().copied()) {
        Some(id) => view! { <Next id/> },
        None if decisions.with(Vec::is_empty) && tasks.with(Vec::is_empty) && courts.with(Vec::is_empty) => {
            view! { <EmptyState icon=Icon::Saved title=t!(w, today_none) text=t!(w, today_none_text)/> }
        }
        None => View::Nothing,
    };
    // Whom to call in any case stands above.
    let losing = Memo::new(move |_| {
        let mut losing = roster.losing_soon();
        due.with(|due| losing.retain(|id| !due.contains(id)));
        losing
    });
    let call = Callback::new(move |id: RecordId| route.go(&format!("/people/{id}/call")));
    let rows = move || {
        let rest: Vec<RecordId> = due.with(|due| due.iter().skip(1).copied().take(shown.get()).collect());
        let total = due.with(|due| due.len().saturating_sub(1));
        (total > 0).then(|| {
            let more = total.saturating_sub(rest.len());
            let rows: View = rest.into_iter().map(|id| view! { <CallRow id due=due_of on_open=call/> }).collect();
            view! {
                <Section title=t!(w, today_calls_title) aside=move || w.get().today_count(total) list=true>
                    {rows}
                </Section>
                {(more > 0).then(|| {
                    view! {
                        <Button
                            label=move || w.get().today_more(more.min(ROWS))
                            kind=ButtonKind::Text
                            icon=Icon::Down
                            on_press=move |()| shown.update(|shown| *shown += ROWS)
                        />
                    }
                })}
            }
        })
    };
    view! {
        <PageHeader title=t!(w, place_today) second=slot(day)>
            <Pill/>
            <Button
                label=t!(w, reception_register)
                icon=Icon::Plus
                kind=ButtonKind::Primary
                on_press=move |()| route.go("/reception/visit")
            />
        </PageHeader>
        <div class="page page--aside">
            <div class="today"><Overdue/> {next} <LeftHalf/> <Decisions decisions/> <OnNow uses=courts/> <ExpectedToday/> <Tasks tasks/> {rows} <Losing losing on_open=call/></div>
            <aside class="today__aside">
                {move || today_ring(roster, w.get())}
                <Guests/>
            </aside>
        </div>
    }
}

/// Forms that I was interrupted in, the latest first.
#[component]
fn LeftHalf() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let left = RwSignal::new(Vec::new());
    spawn_local(async move {
        let mut all = roster.unfinished().await;
        all.retain(|one| roster.pack().form(&one.form).is_some());
        left.try_set(all);
    });
    let row = move |one: Unfinished| {
        let place = one.place.clone();
        let open = Callback::new(move |()| route.go(&place));
        let form = roster.pack().form(&one.form);
        let title = move || form.map(|form| form.title.in_language(w.get().0).to_owned()).unwrap_or_default();
        let items = move || {
            let name = form.and_then(|form| whom(roster, w.get(), form, &one.draft));
            let at = format::moment(w.get(), one.at, roster.minute(), roster.utc_offset_minutes());
            name.into_iter().chain([at]).collect::<Vec<_>>()
        };
        let second = slot(move || view! { <Facts items=items()/> });
        let end = slot(view! { <Tag tone=Tone::Unsent icon=Icon::Edit text=t!(w, today_left_half)/> });
        view! { <div role="listitem"><ListRow title second end on_open=open/></div> }
    };
    let some = move |limit: usize| {
        let left = left.with(|left| left.iter().take(limit).cloned().collect::<Vec<_>>());
        left.into_iter().map(row).collect::<View>()
    };
    let count = Signal::derive(move || left.with(Vec::len));
    some_rows(w, t!(w, today_left_half_title), count, Words::task_count, some)
}

/// What others wait for me to decide, the longest waiting first.
#[component]
fn Decisions(decisions: Memo<Vec<RecordId>>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let row = move |id: RecordId| {
        let title = move || roster.record(id).map(|record| title_of(roster, w.get(), &record)).unwrap_or_default();
        let items = move || roster.record(id).map(|record| second_of(roster, w.get(), &record)).unwrap_or_default();
        let open = Callback::new(move |()| route.go(&format!("/record/{id}")));
        let second = slot(move || view! { <Facts items=items()/> });
        let end = slot(move || {
            let record = roster.record(id)?;
            let text = if record.conflicts().any(|key| key.as_str() == PROGRESS) {
                w.get().today_two_sides()
            } else {
                roster.leave_before(&record)?;
                w.get().today_two_leaves()
            };
            Some(view! { <Tag tone=Tone::Conflict icon=Icon::Conflict text/> })
        });
        view! { <div role="listitem"><ListRow title second end on_open=open/></div> }
    };
    let some = move |limit: usize| {
        let ids = decisions.with(|ids| ids.iter().copied().take(limit).collect::<Vec<_>>());
        ids.into_iter().map(row).collect::<View>()
    };
    let count = Signal::derive(move || decisions.with(Vec::len));
    some_rows(w, t!(w, today_decide_title), count, Words::task_count, some)
}

/// What there is to do besides calls, the longest overdue first.
#[component]
fn Tasks(tasks: Memo<Vec<MyTask>>) -> impl IntoView {
    let w = use_words();
    let some = move |limit: usize| {
        let tasks = tasks.with(|tasks| tasks.iter().take(limit).cloned().collect::<Vec<_>>());
        tasks.into_iter().map(|mine| view! { <OneTask mine opens=true/> }).collect::<View>()
    };
    let count = Signal::derive(move || tasks.with(Vec::len));
    some_rows(w, t!(w, today_tasks_title), count, Words::task_count, some)
}

/// The first rows of a list under its title, and more on a press; nothing where there are none.
pub fn some_rows(
    w: Signal<Words>,
    title: impl Fn() -> String + Copy + Send + Sync + 'static,
    count: Signal<usize>,
    told: fn(Words, usize) -> String,
    some: impl Fn(usize) -> View + Copy + Send + Sync + 'static,
) -> View {
    let limit = RwSignal::new(TASKS);
    shown(
        move || count.get() > 0,
        move || {
            let more = move || {
                let more = count.get().saturating_sub(limit.get());
                (more > 0).then(|| {
                    view! {
                        <Button
                            label=move || w.get().work_more(more.min(ROWS))
                            kind=ButtonKind::Text
                            icon=Icon::Down
                            on_press=move |()| limit.update(|limit| *limit += ROWS)
                        />
                    }
                })
            };
            let aside = move || told(w.get(), count.get());
            view! { <Section title aside list=true>{move || some(limit.get())}</Section> {more} }
        },
    )
}

/// Whom I am to call by the end of today, the longest overdue first; nobody calls who stands before them.
fn due_today(roster: Roster) -> Vec<RecordId> {
    let Some(me) = roster.me() else { return Vec::new() };
    let tomorrow = Day::from_number(roster.today().number() + 1).begins(roster.utc_offset_minutes());
    let mut due: Vec<RecordId> =
        roster.ask(&["person"], |replica| replica.due(&me.id.to_string(), Millis(tomorrow.0 - 1)).collect());
    let here = people_here(roster);
    due.retain(|person| !here.contains(person));
    due
}

fn due_of(roster: Roster, words: Words, person: &Record) -> Due {
    let Some(at) = person.get("next_contact_at").and_then(Value::as_at) else { return Due::default() };
    let left = at.since(roster.minute());
    match left {
        ..0 => Due { text: words.today_late(format::span(words, left)), tone: Tone::Late },
        0..HOUR_MS => Due { text: words.today_left(format::span(words, left)), tone: Tone::Unsent },
        _ => Due { text: format::clock(at, roster.utc_offset_minutes()), tone: Tone::Plain },
    }
}

/// Why somebody is called: where they stand, what they like, what was noted.
fn why(roster: Roster, words: Words, person: &Record) -> Vec<String> {
    let likes = likes_of(roster, words, person);
    let note = person.text("note").map(str::to_owned);
    [stage_of(words, person).map(str::to_owned), Some(likes).filter(|likes| !likes.is_empty()), note]
        .into_iter()
        .flatten()
        .collect()
}

/// The most urgent call, one press away.
#[component]
fn Next(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let person = Signal::derive(move || roster.record(id));
    let due = Signal::derive(move || person.get().map(|person| due_of(roster, w.get(), &person)).unwrap_or_default());
    let title = move || person.get().map(|person| w.get().today_call(name_of(w.get(), &person))).unwrap_or_default();
    let second = Signal::derive(move || person.get().map(|person| why(roster, w.get(), &person)).unwrap_or_default());
    view! {
        <NextThing title second=slot(view! { <Facts items=second/> }) due corner=t!(w, today_next)>
            <Button
                label=t!(w, call_dial)
                icon=Icon::Calls
                kind=ButtonKind::Primary
                size=ButtonSize::Next
                on_press=move |()| route.go(&format!("/people/{id}/call"))
            />
        </NextThing>
    }
}

/// Whose guests no longer are in some days unless somebody calls.
#[component]
fn Losing(losing: Memo<Vec<RecordId>>, on_open: Callback<RecordId>) -> impl IntoView {
    let w = use_words();
    let some = move |limit: usize| {
        let ids = losing.with(|losing| losing.iter().take(limit).copied().collect::<Vec<_>>());
        ids.into_iter().map(|id| view! { <CallRow id due=losing_of on_open/> }).collect::<View>()
    };
    let count = Signal::derive(move || losing.with(Vec::len));
    some_rows(w, t!(w, today_losing_title), count, Words::today_count, some)
}

fn losing_of(roster: Roster, words: Words, person: &Record) -> Due {
    roster.protected_until(person).map(|until| protected(roster, words, until)).unwrap_or_default()
}

#[component]
fn CallRow(id: RecordId, due: fn(Roster, Words, &Record) -> Due, on_open: Callback<RecordId>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    move || {
        let person = roster.record(id)?;
        let name = name_of(w.get(), &person);
        let Due { text, tone } = due(roster, w.get(), &person);
        let icon = if tone == Tone::Late { Icon::Late } else { Icon::Clock };
        let face = slot(view! { <Face look=Look::letter_of(&name)/> });
        let second = slot(view! { <Facts items=why(roster, w.get(), &person)/> });
        let end = slot(view! { <Tag tone icon text/> });
        Some(view! {
            <div role="listitem">
                <ListRow title=name face second end on_open=Callback::new(move |()| on_open.run(id))/>
            </div>
        })
    }
}

/// Who came today, and who is still here.
#[component]
fn Guests() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    move || {
        let words = w.get();
        let guests = guests_today(roster, words);
        let count = guests.len();
        if guests.is_empty() {
            return view! {
                <Section title=t!(w, today_guests) ruled=false>
                    <p class="note">{t!(w, today_guests_none)}</p>
                </Section>
            };
        }
        let rows: View = guests
            .into_iter()
            .map(|guest| {
                let open = move |_| route.go(&format!("/reception?visit={}", guest.visit));
                view! {
                    <button type="button" class="guest" on:click=open>
                        <span class="guest__time">{guest.time}</span>
                        <span class="guest__dot" data-here=guest.is_here.then_some("true") aria-hidden="true"></span>
                        <span class="guest__words">
                            <span class="guest__name">{guest.name}</span>
                            <span class="guest__state">{guest.state}</span>
                        </span>
                    </button>
                }
            })
            .collect();
        view! {
            <Section title=t!(w, today_guests) aside=move || w.get().today_count(count) ruled=false>
                <div class="guests">{rows}</div>
            </Section>
        }
    }
}
