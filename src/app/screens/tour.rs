//! A guest is shown round: where we are, what to say, how much they like it, and how long it has been.
//!
//! Each stop is saved as it is left, so that a tour which breaks off anywhere is there to that stop.

use leptos::task::spawn_local;
use yingke_core::{
    change::{Edit, Key},
    form::Draft,
    id::RecordId,
    pack::{Route as TourRoute, Stop},
    record::Record,
    schema,
    time::MINUTE_MS,
    tour::{self, Walk, route_of},
    value::Value,
    workflow::Refusal,
};

use super::{
    every_second,
    form::save_failed,
    papers::{self, refusal_text},
    reception::name_of_guest,
    shell::Pill,
};
use crate::{
    roster::{Roster, use_roster},
    route::use_route,
    t,
    ui::{
        Button, ButtonKind, ButtonSize, ChipGroup, Choice, EmptyState, Face, FaceSize, Field, Glyph, Icon, IconButton,
        Look, Ring, RingSize, Segmented, Switch, TimerFace, Toast, Toaster,
    },
    view::prelude::*,
    words::{Words, use_words},
};

/// What to do on the way. Source: S-02.
const PROMPT: &str = "S-02";
/// The form of the talk that follows.
const TALK: &str = "F-06";

/// The tour of a visit that is under way, or the last one. Subscribes.
#[must_use]
pub fn tour_of(roster: Roster, visit: RecordId) -> Option<Record> {
    let tours = roster.pointing_to(visit, &["tour"], "visit");
    let running = tours.iter().find(|tour| is_running(roster, tour)).cloned();
    running.or_else(|| tours.into_iter().next())
}

/// Whether a tour is on its way. Subscribes.
#[must_use]
pub fn is_running(roster: Roster, tour: &Record) -> bool {
    papers::standing(roster, tour).is_some_and(|(_, state)| &*state.key == "running")
}

/// Begins a tour of a visit and opens it.
pub fn set_out(roster: Roster, w: Signal<Words>, toaster: Toaster, visit: RecordId, go: Callback<String>) {
    let Some(record) = untrack(|| roster.record(visit)) else { return };
    let begun =
        untrack(|| roster.papers(&[], |scene, ground| tour::begin(&record, scene, ground, &mut || roster.new_id())));
    match begun.unwrap_or(Err(Refusal::Unknown)) {
        Err(refusal) => {
            let told = refusal_text(roster, w.get_untracked(), None, (&record).into(), &refusal);
            toaster.tell(Toast::new(told));
        }
        Ok(edits) => spawn_local(async move {
            match roster.save("F-05", edits).await {
                Ok(_) => go.run(format!("/reception/visit/{visit}/tour")),
                Err(error) => toaster.tell(Toast::new(save_failed(w.get_untracked(), &error).to_owned())),
            }
        }),
    }
}

#[component]
pub fn TourPage() -> impl IntoView {
    let route = use_route();
    let visit = Memo::new(move |_| route.part(2).and_then(|id| id.parse::<RecordId>().ok()));
    let roster = use_roster();
    let tour = Memo::new(move |_| {
        let tour = tour_of(roster, visit.get()?)?;
        is_running(roster, &tour).then_some(tour.id)
    });
    move || match (visit.get(), tour.get()) {
        (Some(visit), Some(tour)) => untrack(|| view! { <Walking visit tour/> }),
        (visit, _) => untrack(|| view! { <Over visit/> }),
    }
}

/// No tour is on its way: the visit's own page says how it stands.
#[component]
fn Over(visit: Option<RecordId>) -> impl IntoView {
    let w = use_words();
    let route = use_route();
    let back = Callback::new(move |()| match visit {
        Some(visit) => route.replace(&format!("/reception?visit={visit}")),
        None => route.replace("/reception"),
    });
    view! {
        <div class="page">
            <EmptyState icon=Icon::Walk title=t!(w, tour_over) text=t!(w, tour_over_text)>
                <Button label=t!(w, tour_to_visit) kind=ButtonKind::Quiet on_press=back/>
            </EmptyState>
        </div>
    }
}

#[component]
fn Walking(visit: RecordId, tour: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let walk_route: Option<&'static TourRoute> = untrack(|| {
        let record = roster.record(tour);
        // The pack outlives every scene.
        let key =
            roster.papers(&[], |scene, _| route_of(record.as_ref(), scene).map(|route| route.key.to_string()))??;
        roster.pack().routes.iter().find(|route| *route.key == *key)
    });
    let Some(walk_route) = walk_route else { return view! { <Over visit=Some(visit)/> } };
    let stops = &walk_route.stops;
    let walk = Memo::new(move |_| {
        let record = roster.record(tour);
        record.map_or_else(|| Walk { stops: vec![(false, 0); stops.len()] }, |record| Walk::of(&record, walk_route))
    });
    let at = RwSignal::new(untrack(|| walk.get().next()).unwrap_or(stops.len() - 1));
    // Said of the stop on show, and saved with it.
    let liked = RwSignal::new(None::<i64>);
    let beside = RwSignal::new(true);
    let needs = RwSignal::new(String::new());
    keep_needs(roster, tour, needs);

    let go_to = move |place: usize| {
        liked.set(
            walk.with_untracked(|walk| walk.stops.get(place).filter(|(shown, _)| *shown).map(|(_, liked)| *liked)),
        );
        at.set(place.min(stops.len() - 1));
    };
    let leave_stop = move |then: usize| {
        let place = at.get_untracked();
        let edit = untrack(|| roster.record(tour))
            .and_then(|record| tour::show(&record, walk_route, place, liked.get_untracked()));
        if let Some(edit) = edit {
            save(roster, w, toaster, vec![edit], None);
        }
        go_to(then);
    };
    let end = Callback::new(move |()| {
        let Some(record) = untrack(|| roster.record(tour)) else { return };
        let last = tour::show(&record, walk_route, at.get_untracked(), liked.get_untracked());
        let ended = untrack(|| {
            needs.with(|needs| {
                roster.papers(&[], |scene, ground| tour::end(&record, needs, scene, ground, &mut || roster.new_id()))
            })
        });
        match ended.unwrap_or(Err(Refusal::Unknown)) {
            Err(refusal) => {
                let told = refusal_text(roster, w.get_untracked(), None, (&record).into(), &refusal);
                toaster.tell(Toast::new(told));
            }
            Ok(mut edits) => {
                // The stop where it ends was shown too.
                if let (Some(own), Some(last)) = (edits.first_mut(), last) {
                    own.writes.extend(last.writes);
                }
                let on_saved = Callback::new(move |()| {
                    roster.drop_draft(&draft_key(tour));
                    route.replace(&format!("/form/{TALK}?about={visit}"));
                });
                save(roster, w, toaster, edits, Some(on_saved));
            }
        }
    });
    let name = Signal::derive(move || {
        roster.record(visit).map(|record| name_of_guest(roster, w.get(), &record)).unwrap_or_default()
    });
    let back = Callback::new(move |()| route.go(&format!("/reception?visit={visit}")));
    let is_last = Signal::derive(move || at.get() + 1 >= stops.len());
    let next_label = Signal::derive(move || {
        let next = stops.get(at.get() + 1).map(|stop| stop.label.in_language(w.get().0)).unwrap_or_default();
        w.get().tour_next(next)
    });
    view! {
        <header class="tour__head">
            <IconButton icon=Icon::Back label=t!(w, back) on_press=back/>
            <Face look=Signal::derive(move || Look::letter_of(&name.get())) size=FaceSize::Detail/>
            <div class="tour__who">
                <h1 class="tour__name" tabindex="-1">{move || name.get()}</h1>
                <p class="note">{t!(w, tour_title)}</p>
            </div>
            <div class="tour__end">
                <Pill/>
                <Switch label=t!(w, tour_guest_beside) on=beside on_change=move |on| beside.set(on) icon=Icon::Hide boxed=true/>
            </div>
        </header>
        <div class="tour">
            <div class="tour__way">
                <div class="tour__clock">
                    <Clock tour/>
                    <Ring
                        done=Signal::derive(move || walk.with(Walk::shown) as f64 / stops.len() as f64)
                        figure=move || format!("{}/{}", walk.with(Walk::shown), stops.len())
                        sentence=move || w.get().tour_stops_shown(walk.with(Walk::shown), stops.len())
                        size=RingSize::Card
                    />
                </div>
                <Way stops walk at on_choose=Callback::new(go_to)/>
            </div>
            <div class="tour__stop">
                <div class="tour__here">
                    <p class="note">{move || w.get().tour_place(at.get() + 1, floor_word(w.get(), stops[at.get()].floor))}</p>
                    <h2 class="tour__stop-name" aria-live="polite">{move || stops[at.get()].label.in_language(w.get().0).to_owned()}</h2>
                    <Points stop=Signal::derive(move || &stops[at.get()])/>
                </div>
                <div class="tour__do">
                    <Segmented
                        label=t!(w, tour_liked)
                        options=Signal::derive(move || liked_choices(w.get()))
                        chosen=move || liked.get().map(|liked| liked.to_string()).unwrap_or_default()
                        on_choose=move |key: String| liked.set(key.parse().ok())
                    />
                    <div class="tour__buttons">
                        {shown(move || !is_last.get(), move || view! {
                            <Button
                                label=t!(w, tour_skip)
                                size=ButtonSize::Walking
                                kind=ButtonKind::Quiet
                                on_press=move |()| go_to(at.get_untracked() + 1)
                            />
                            <Button
                                label=next_label
                                size=ButtonSize::Walking
                                kind=ButtonKind::Primary
                                icon_end=Icon::Forward
                                wide=true
                                on_press=move |()| leave_stop(at.get_untracked() + 1)
                            />
                        })}
                        {shown(move || is_last.get(), move || view! {
                            <Button
                                label=t!(w, tour_finish)
                                size=ButtonSize::Walking
                                kind=ButtonKind::Primary
                                icon_end=Icon::Forward
                                wide=true
                                on_press=end
                            />
                        })}
                    </div>
                </div>
            </div>
            <aside class="tour__guest">
                <Interests visit/>
                {shown(move || beside.get(), move || view! {
                    <p class="tour__hidden note"><Glyph icon=Icon::Hide/> <span>{t!(w, tour_hidden)}</span></p>
                })}
                {shown(move || !beside.get(), move || view! {
                    <Field
                        label=t!(w, tour_needs)
                        note=t!(w, tour_needs_text)
                        value=needs
                        on_input=move |typed| needs.set(typed)
                        lines=4
                        length_max=2000
                    />
                })}
                <div class="tour__leave">
                    {shown(move || !is_last.get(), move || view! {
                        <Button label=t!(w, tour_finish) icon_end=Icon::Forward wide=true on_press=end/>
                    })}
                    <Button
                        label=t!(w, tour_abort)
                        kind=ButtonKind::Text
                        on_press=move |()| route.go(&format!("/record/{tour}/step/abort"))
                    />
                </div>
            </aside>
        </div>
    }
}

fn draft_key(tour: RecordId) -> String {
    format!("tour:{tour}")
}

/// What is typed of the guest's needs stays through a crash, and goes into the tour with its end.
fn keep_needs(roster: Roster, tour: RecordId, needs: RwSignal<String>) {
    let key = Key::of("needs_noted");
    let field = key.clone();
    let restored = StoredValue::new(false);
    spawn_local(async move {
        if let Some(kept) = roster.draft(&draft_key(tour)).await
            && needs.try_with_untracked(String::is_empty) == Some(true)
        {
            needs.try_set(kept.get(field.as_str()).to_owned());
        }
        restored.try_set_value(true);
    });
    Effect::new(move |_| {
        let typed = needs.get();
        if restored.get_value() {
            let mut draft = Draft::default();
            draft.set(&key, typed);
            roster.keep_draft(&draft_key(tour), &draft);
        }
    });
}

fn save(roster: Roster, w: Signal<Words>, toaster: Toaster, edits: Vec<Edit>, on_saved: Option<Callback<()>>) {
    spawn_local(async move {
        match roster.save("F-05", edits).await {
            Ok(_) => {
                if let Some(on_saved) = on_saved {
                    on_saved.run(());
                }
            }
            Err(error) => toaster.tell(Toast::new(save_failed(w.get_untracked(), &error).to_owned())),
        }
    });
}

fn liked_choices(words: Words) -> Vec<Choice> {
    let labels = [words.tour_liked_0(), words.tour_liked_1(), words.tour_liked_2(), words.tour_liked_3()];
    labels.into_iter().enumerate().map(|(level, label)| Choice::new(level.to_string(), label)).collect()
}

/// A floor as people call it.
fn floor_word(words: Words, floor: i32) -> String {
    if floor == 0 { words.tour_entrance().to_owned() } else { words.tour_floor(floor) }
}

/// How long it has been, beside the minutes that a tour takes. Past the pack's hint it turns apricot. Source: R-012.
#[component]
fn Clock(tour: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let now = every_second(roster);
    let number = move |key: &'static str| roster.papers(&[], |_, ground| (ground.number)(key)).flatten();
    let began = Memo::new(move |_| roster.record(tour).and_then(|tour| tour.get("started_at")?.as_at()));
    let seconds = Memo::new(move |_| began.get().map_or(0, |began| now.get().since(began).max(0) / 1_000));
    view! {
        <TimerFace
            time=move || format!("{:02}:{:02}", seconds.get() / 60, seconds.get() % 60)
            aim=move || number("tour.target_minutes").map(|minutes| w.get().tour_aim(minutes)).unwrap_or_default()
            label=t!(w, tour_time)
            over=Signal::derive(move || {
                number("tour.warn_minutes").is_some_and(|warn| seconds.get() * 1_000 > warn * MINUTE_MS)
            })
        />
    }
}

/// The stops, floor by floor; only the floor that we are on is open.
#[component]
fn Way(stops: &'static [Stop], walk: Memo<Walk>, at: RwSignal<usize>, on_choose: Callback<usize>) -> impl IntoView {
    let w = use_words();
    let floors: Vec<(usize, &'static [Stop])> = floors_of(stops);
    let part = move |(start, of_floor): (usize, &'static [Stop])| {
        let end = start + of_floor.len();
        let here = Memo::new(move |_| (start..end).contains(&at.get()));
        let floor = of_floor[0].floor;
        let comes_back = stops[..start].iter().any(|stop| stop.floor == floor);
        let title = move || {
            let floor = floor_word(w.get(), floor);
            if comes_back { w.get().tour_back_to(floor) } else { floor }
        };
        let aside = move || {
            let shown = walk.with(|walk| walk.stops[start..end].iter().filter(|(shown, _)| *shown).count());
            if shown == of_floor.len() {
                w.get().tour_floor_done(shown)
            } else {
                w.get().tour_floor_left(of_floor.len() - shown)
            }
        };
        let row = move |(place, stop): (usize, &'static Stop)| {
            let is_at = Memo::new(move |_| at.get() == place);
            let state = Memo::new(move |_| walk.with(|walk| walk.stops[place]));
            let circle = move || {
                if state.get().0 {
                    view! { <Glyph icon=Icon::Tick/> }
                } else {
                    (place + 1).into_view()
                }
            };
            let end = move || {
                let (shown, liked) = state.get();
                if is_at.get() {
                    view! { <span class="tour__now">{t!(w, tour_now)}</span> }
                } else if shown {
                    let label = liked_choices(w.get()).get(liked as usize).map(|choice| choice.label.clone());
                    view! { <Dots liked label=label.unwrap_or_default()/> }
                } else {
                    View::Nothing
                }
            };
            view! {
                <li>
                    <button
                        type="button"
                        class="tour__row"
                        data-shown=move || state.get().0.then_some("true")
                        aria-current=move || is_at.get().then_some("step")
                        on:click=move |_| on_choose.run(place)
                    >
                        <span class="tour__circle" aria-hidden="true">{circle}</span>
                        <span class="tour__label">{move || stop.label.in_language(w.get().0).to_owned()}</span>
                        {end}
                    </button>
                </li>
            }
        };
        let first = move |_| on_choose.run(start);
        view! {
            <section class="tour__floor" data-here=move || here.get().then_some("true")>
                <button type="button" class="tour__floor-head" aria-expanded=move || here.get().to_string() on:click=first>
                    <span class="tour__floor-name">{title}</span>
                    <span class="note">{aside}</span>
                </button>
                {shown(move || here.get(), move || view! {
                    <ol class="tour__rows">
                        {of_floor.iter().enumerate().map(|(place, stop)| row((start + place, stop))).collect::<View>()}
                    </ol>
                })}
            </section>
        }
    };
    view! { <nav class="tour__floors" aria-label=t!(w, tour_way)>{floors.into_iter().map(part).collect::<View>()}</nav> }
}

/// Runs of stops on the same floor, with the place of the first of each.
fn floors_of(stops: &[Stop]) -> Vec<(usize, &[Stop])> {
    let mut start = 0;
    let runs = stops.chunk_by(|one, other| one.floor == other.floor);
    runs.map(|run| {
        let from = start;
        start += run.len();
        (from, run)
    })
    .collect()
}

/// How much a stop was liked: three dots.
#[component]
fn Dots(liked: i64, label: String) -> impl IntoView {
    let dot = move |place: i64| {
        let full = (place < liked).then_some("true");
        view! { <span class="tour__dot" data-full=full></span> }
    };
    view! {
        <span class="tour__dots" role="img" aria-label=label>{(0..tour::INTEREST_MAX).map(dot).collect::<View>()}</span>
    }
}

#[component]
fn Points(stop: Signal<&'static Stop>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    move || {
        let own = &stop.get().points;
        let points = if own.is_empty() { super::points_of(roster, w, PROMPT)? } else { super::points_listed(w, own) };
        Some(view! { <ul class="tour__points" aria-label=t!(w, tour_points)>{points}</ul> })
    }
}

/// What the guest cares for: a tap is saved at once, with the visit.
#[component]
fn Interests(visit: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let options = Signal::derive(move || {
        let items = roster.pack().list("interest");
        items.iter().map(|item| Choice::new(&*item.key, item.words.in_language(w.get().0))).collect::<Vec<_>>()
    });
    let chosen = Signal::derive(move || {
        let record = roster.record(visit);
        let codes = record.iter().flat_map(|record| record.elements("interests")).filter_map(Value::as_text);
        codes.map(str::to_owned).collect::<Vec<_>>()
    });
    let change = Callback::new(move |after: Vec<String>| {
        let Some(record) = untrack(|| roster.record(visit)) else { return };
        let before: Vec<&str> = record.elements("interests").filter_map(Value::as_text).collect();
        let added = after.iter().filter(|code| !before.contains(&code.as_str()));
        let gone = before.iter().filter(|code| !after.iter().any(|after| after == *code));
        let writes: Vec<_> = added
            .map(|code| schema::write("visit", "interests", code.as_str()))
            .chain(gone.map(|code| schema::remove("visit", "interests", *code)))
            .collect();
        let (kind, audience) = (record.kind().clone(), record.audience().clone());
        save(roster, w, toaster, vec![Edit { record: visit, kind, audience, salt: [0; 8], writes }], None);
    });
    view! { <ChipGroup label=t!(w, tour_interests) options chosen on_change=change/> }
}

#[cfg(test)]
mod tests {
    use yingke_core::pack::{Pack, VenueKind};

    use super::*;

    #[test]
    fn a_route_falls_into_runs_of_one_floor() {
        let stops = &Pack::of(VenueKind::Fitness).routes[0].stops;
        let floors: Vec<(usize, i32, usize)> =
            floors_of(stops).into_iter().map(|(start, run)| (start, run[0].floor, run.len())).collect();
        assert_eq!(floors, [(0, 0, 2), (2, 2, 2), (4, 3, 7), (11, 2, 6)]);
    }
}
