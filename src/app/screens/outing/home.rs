//! The outings: what is on today, a start without a plan, and what came before.

use crate::route::use_route;
use crate::view::prelude::*;
use yingke_core::{id::RecordId, journal::AppendError, record::Record};

use super::{
    one::{One, standing},
    plan::PlanSheet,
    records::{self, PLAN},
};
use crate::{
    format,
    roster::{Roster, use_roster},
    screens::{form::save_failed, shell::Pill},
    t,
    ui::{
        Banner, Button, ButtonKind, ButtonSize, Due, EmptyState, Facts, Glyph, Icon, ListDetail, ListRow, NextThing,
        PageHeader, Ring, RingSize, Section, Tone, slot,
    },
    words::{Words, use_words},
};

/// A season of outings; older ones are found through the people they brought.
const OUTINGS_MAX: usize = 60;

/// The place 外拓.
#[component]
pub fn OutingHome() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let chosen = RwSignal::new(None::<RecordId>);
    // Nothing; a new plan; the plan of this one.
    let plan = RwSignal::new(None::<Option<RecordId>>);
    let outings =
        Memo::new(move |_| roster.ask(&["outing"], |replica| replica.outings().take(OUTINGS_MAX).collect::<Vec<_>>()));
    let me = roster.me_now().map(|me| me.id.to_string()).unwrap_or_default();
    let today = Memo::new(move |_| roster.today());
    let is_today =
        move |record: &Record| record.get("outing_date").and_then(|value| value.as_day()) == Some(today.get());
    let split = Memo::new(move |_| {
        let shown = |id: &RecordId| roster.record(*id);
        outings.with(|outings| {
            outings.iter().copied().partition::<Vec<_>, _>(|id| shown(id).is_some_and(|record| is_today(&record)))
        })
    });
    // What I am on, or go to today.
    let mine = Memo::new(move |_| {
        let open = |id: &RecordId| {
            roster.record(*id).is_some_and(|record| records::is_open(&record) && records::team(&record).contains(&me))
        };
        split.with(|(today, _)| today.iter().copied().find(open))
    });
    let list = move || view! { <OutingList split mine chosen/> };
    let detail = move || {
        // Beside the list stands what is on today, until another is chosen.
        match chosen.get().filter(|id| outings.with(|outings| outings.contains(id))).or_else(|| mine.get()) {
            Some(outing) => view! {
                <One
                    outing
                    on_back=Callback::new(move |()| chosen.set(None))
                    on_plan=Callback::new(move |id| plan.set(Some(Some(id))))
                />
            },
            None => view! {
                <div class="outing"><EmptyState icon=Icon::Outing title=t!(w, outing_choose) text=t!(w, outing_choose_text)/></div>
            },
        }
    };
    let planned = Callback::new(move |id: RecordId| {
        plan.set(None);
        chosen.set(Some(id));
    });
    view! {
        <PageHeader title=t!(w, place_outing)>
            <Pill/>
            {move || roster.gives_passes().then(|| view! {
                <Button label=t!(w, pass_give) icon=Icon::TrialPass on_press=move |()| route.go("/passes/new")/>
            })}
            <Button label=t!(w, outing_new) icon=Icon::Plus kind=ButtonKind::Primary on_press=move |()| plan.set(Some(None))/>
        </PageHeader>
        <ListDetail
            list=slot(list())
            detail=slot(detail)
            detail_shown=Signal::derive(move || chosen.get().is_some())
            detail_label=t!(w, outing_choose)
        />
        {move || {
            plan.get().map(|outing| {
                view! { <PlanSheet outing on_close=move |()| plan.set(None) on_saved=planned/> }
            })
        }}
    }
}

/// The outing that I am on, or go to today. Subscribes to outings.
pub fn outing_today(roster: Roster) -> Option<RecordId> {
    let me = roster.me()?.id.to_string();
    let today = roster.today();
    roster.ask(&["outing"], |replica| {
        let is_mine = |id: &RecordId| {
            replica.record(*id).is_some_and(|record| {
                record.get("outing_date").and_then(|value| value.as_day()) == Some(today)
                    && records::is_open(&record)
                    && records::team(&record).contains(&me)
            })
        };
        replica.outings().take(OUTINGS_MAX).find(is_mine)
    })
}

/// How far today's own outing has come, for the screen of the day.
pub fn today_ring(roster: Roster, words: Words) -> Option<View> {
    let outing = outing_today(roster)?;
    let (count, goal) = (records::tally(roster, outing).all(), records::goal(roster));
    Some(view! {
        <Section title=words.today_outing().to_owned() ruled=false>
            <a class="today__goal" href=format!("/outing/{outing}")>
                <Ring
                    done=count as f64 / goal.max(1) as f64
                    figure=count.to_string()
                    aim=words.outing_ring_aim(goal)
                    sentence=words.outing_ring(count, goal)
                    size=RingSize::Card
                />
                <span>{roster.record(outing).map(|record| records::place(words, &record))}</span>
            </a>
        </Section>
    })
}

#[component]
fn OutingList(
    /// Today's, and the others.
    split: Memo<(Vec<RecordId>, Vec<RecordId>)>,
    mine: Memo<Option<RecordId>>,
    chosen: RwSignal<Option<RecordId>>,
) -> impl IntoView {
    let w = use_words();
    let next = move || match mine.get() {
        Some(outing) => view! { <Next outing/> },
        None => view! { <StartNow/> },
    };
    let rows =
        move |ids: Vec<RecordId>| ids.into_iter().map(|id| view! { <OutingRow outing=id chosen/> }).collect::<View>();
    let on_today = move || {
        let ids = split.with(|(today, _)| today.clone());
        (!ids.is_empty()).then(|| view! { <Section title=t!(w, outing_list_today)>{rows(ids)}</Section> })
    };
    let before = move || {
        let ids = split.with(|(_, before)| before.clone());
        if ids.is_empty() {
            return view! { <EmptyState icon=Icon::Outing title=t!(w, outing_list_none) text=t!(w, outing_list_none_text)/> };
        }
        view! { <Section title=t!(w, outing_list_recent)>{rows(ids)}</Section> }
    };
    view! { <div class="outing-list">{next} {on_today} {before}</div> }
}

/// Today's own outing, one press from its capture.
#[component]
fn Next(outing: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let open = Callback::new(move |()| route.go(&format!("/outing/{outing}")));
    let record = Signal::derive(move || roster.record(outing));
    let arrived = Memo::new(move |_| record.get().is_some_and(|record| record.get("actual_arrival").is_some()));
    let due = Signal::derive(move || {
        let words = w.get();
        let planned = record.get().and_then(|record| record.get("planned_arrival")?.as_at());
        let now = roster.minute();
        match planned.filter(|_| !arrived.get()) {
            None => Due { text: words.outing_next_now().into(), tone: Tone::Pine },
            Some(at) if now > at => {
                Due { text: words.outing_next_late(format::span(words, now.since(at))), tone: Tone::Late }
            }
            Some(at) => {
                let soon = at.since(now) < 3_600_000;
                let text = words.outing_due(format::clock(at, roster.utc_offset_minutes()));
                Due { text, tone: if soon { Tone::Unsent } else { Tone::Plain } }
            }
        }
    });
    let place = move || record.get().map(|record| records::place(w.get(), &record)).unwrap_or_default();
    let about =
        Signal::derive(move || record.get().map(|record| records::about(roster, w.get(), &record)).unwrap_or_default());
    let label = move || {
        let begun = roster.ask(&["person"], |replica| replica.captured_in(outing).next().is_some());
        if begun { w.get().outing_continue() } else { w.get().outing_capture() }.to_owned()
    };
    view! {
        <NextThing title=place second=slot(view! { <Facts items=about/> }) due>
            <Button label=label icon_end=Icon::Forward kind=ButtonKind::Primary size=ButtonSize::Next on_press=open/>
        </NextThing>
    }
}

/// A stranger gives one minute: an outing for today begins with one press.
#[component]
fn StartNow() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let failed = RwSignal::new(None::<AppendError>);
    let busy = RwSignal::new(false);
    let go = Callback::new(move |id: RecordId| route.go(&format!("/outing/{id}")));
    let start = move |()| {
        if busy.get_untracked() {
            return;
        }
        let Some((id, edits)) = records::begun_now(roster) else { return };
        busy.set(true);
        leptos::task::spawn_local(async move {
            let kept = roster.save(PLAN, edits).await;
            busy.try_set(false);
            match kept {
                Ok(_) => drop(go.try_run(id)),
                Err(error) => drop(failed.try_set(Some(error))),
            }
        });
    };
    view! {
        <section class="next">
            <div class="next__words">
                <h2 class="next__title">{t!(w, outing_start_title)}</h2>
                <p class="next__second">{t!(w, outing_start_text)}</p>
            </div>
            <div class="next__action">
                <Button label=t!(w, outing_start_now) icon=Icon::Walk size=ButtonSize::Next kind=ButtonKind::Primary on_press=start/>
            </div>
            {move || failed.get().map(|error| view! { <Banner tone=Tone::Late icon=Icon::Warn text=save_failed(w.get(), &error)/> })}
        </section>
    }
}

#[component]
fn OutingRow(outing: RecordId, chosen: RwSignal<Option<RecordId>>) -> impl IntoView {
    let w = use_words();
    let roster: Roster = use_roster();
    let me = roster.me_now().map(|me| me.id.to_string()).unwrap_or_default();
    let goal = records::goal(roster);
    let record = Signal::derive(move || roster.record(outing));
    let count = Memo::new(move |_| standing(roster, outing, &me));
    let facts = Signal::derive(move || {
        let Some(record) = record.get() else { return Vec::new() };
        let day = record.get("outing_date").and_then(|value| value.as_day());
        let day = day.map(|day| format::day(w.get(), day, roster.today()));
        let time = records::begins_at(&record).map(|at| format::clock(at, roster.utc_offset_minutes()));
        day.into_iter().chain(time).chain([records::state_word(w.get(), &record).to_owned()]).collect::<Vec<_>>()
    });
    let ring = view! {
        <Ring
            done=Signal::derive(move || count.get().0 as f64 / (goal * count.get().1).max(1) as f64)
            figure=Signal::derive(move || count.get().0.to_string())
            sentence=Signal::derive(move || w.get().outing_ring(count.get().0, goal * count.get().1))
            size=RingSize::Row
        />
    };
    view! {
        <ListRow
            title=move || record.get().map(|record| records::place(w.get(), &record)).unwrap_or_default()
            second=slot(view! { <Facts items=facts/> })
            face=slot(ring)
            end=slot(view! { <Glyph icon=Icon::Forward/> })
            selected=Signal::derive(move || chosen.get() == Some(outing))
            on_open=Callback::new(move |()| chosen.set(Some(outing)))
        />
    }
}
