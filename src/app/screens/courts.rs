//! The courts of one day: who has which when, what is free, who plays and who has not paid yet.

use yingke_core::{
    court::{self, Stage, Use},
    id::RecordId,
    time::{Day, HOUR_MS, MINUTE_MS, Millis},
};

use crate::{
    format,
    roster::{Roster, use_roster},
    route::use_route,
    screens::{form::name_of, papers::beginning_forms, shell::Pill, today::some_rows},
    t,
    ui::{Due, EmptyState, Facts, Icon, IconButton, ListRow, PageHeader, Tag, Tone, slot},
    view::prelude::*,
    words::{Words, use_words},
};

/// The hours that are shown of an empty day; what begins earlier or ends later widens them.
const HOURS: (i64, i64) = (8, 22);
/// Rows of the grid in an hour: a bar begins and ends at five minutes.
const ROWS: i64 = 12;

/// A court, as its column is headed.
#[derive(Debug, Clone, PartialEq)]
struct Court {
    id: RecordId,
    name: String,
    floor: Option<i64>,
}

#[component]
pub fn Courts() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let day = RwSignal::new(roster.today());
    let courts = Memo::new(move |_| courts_of(roster));
    let uses = Memo::new(move |_| {
        let _ = roster.minute();
        of_day(roster.court_uses(), day.get(), roster)
    });
    let hours = Memo::new(move |_| uses.with(|uses| hours_of(uses, day.get(), roster)));
    let turn = move |days: i32| day.update(|day| *day = Day::from_number(day.number() + days));
    let second = Signal::derive(move || {
        uses.with(|uses| {
            let count = |stage: Stage| uses.iter().filter(|it| it.stage == stage).count();
            let (playing, to_settle) = (count(Stage::OnCourt), count(Stage::ToSettle));
            let words = w.get();
            let mut facts = vec![words.courts_booked(count(Stage::Booked))];
            facts.extend((playing > 0).then(|| words.courts_playing(playing)));
            facts.extend((to_settle > 0).then(|| words.courts_to_settle(to_settle)));
            facts
        })
    });
    let back = Callback::new(move |()| route.go("/desk"));
    let grid = move || {
        let courts = courts.get();
        if courts.is_empty() {
            return view! { <EmptyState icon=Icon::Calendar title=t!(w, courts_none_title) text=t!(w, courts_none_text)/> };
        }
        view! { <Grid courts uses hours day/> }
    };
    view! {
        <PageHeader
            title=move || format::long_day(w.get(), day.get())
            second=slot(view! { <Facts items=second/> })
            on_back=back
            back_label=t!(w, back)
        >
            <div class="courts__days">
                <IconButton icon=Icon::Back label=t!(w, courts_before) on_press=move |()| turn(-1)/>
                <button
                    type="button"
                    class="button button--link"
                    data-kind="quiet"
                    aria-pressed=move || (day.get() == roster.today()).to_string()
                    on:click=move |_| day.set(roster.today())
                >
                    {t!(w, courts_today)}
                </button>
                <IconButton icon=Icon::Forward label=t!(w, courts_after) on_press=move |()| turn(1)/>
            </div>
            <Pill/>
        </PageHeader>
        <div class="courts">{grid}</div>
    }
}

/// Courts, tables and rooms in use, by floor and name.
fn courts_of(roster: Roster) -> Vec<Court> {
    let resources =
        roster.of_kind("resource").into_iter().filter(|court| court.is("active") || court.get("active").is_none());
    let mut courts: Vec<Court> = resources
        .map(|court| Court {
            id: court.id,
            name: court.text("name").unwrap_or_default().to_owned(),
            floor: court.get("floor").and_then(yingke_core::value::Value::as_int),
        })
        .collect();
    courts.sort_by(|one, other| (one.floor, &one.name).cmp(&(other.floor, &other.name)));
    courts
}

/// What falls on one day, by when it begins.
fn of_day(mut uses: Vec<Use>, day: Day, roster: Roster) -> Vec<Use> {
    let (from, until) = bounds(day, roster);
    uses.retain(|it| it.from < until && it.until > from);
    uses.sort_by_key(|it| (it.from, it.record));
    uses
}

fn bounds(day: Day, roster: Roster) -> (Millis, Millis) {
    let begins = |day: Day| day.begins(roster.utc_offset_minutes());
    (begins(day), begins(Day::from_number(day.number() + 1)))
}

/// The first and the last hour that are shown.
fn hours_of(uses: &[Use], day: Day, roster: Roster) -> (i64, i64) {
    let (midnight, end) = bounds(day, roster);
    let hour = |at: Millis| at.since(midnight).div_euclid(HOUR_MS);
    uses.iter().fold(HOURS, |(first, last), it| {
        let from = hour(it.from.max(midnight));
        let until = hour(it.until.min(end).plus(HOUR_MS - 1));
        (first.min(from), last.max(until))
    })
}

/// The row of the grid at which a moment stands; the first row heads the columns.
fn row(at: Millis, midnight: Millis, (first, last): (i64, i64)) -> i64 {
    let minutes = at.since(midnight) / MINUTE_MS - first * 60;
    2 + (minutes * ROWS / 60).clamp(0, (last - first) * ROWS)
}

#[component]
fn Grid(courts: Vec<Court>, uses: Memo<Vec<Use>>, hours: Memo<(i64, i64)>, day: RwSignal<Day>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let count = courts.len();
    let heads = courts
        .iter()
        .enumerate()
        .map(|(place, court)| {
            let name = court.name.clone();
            view! { <div class="courts__head" style:grid-column=(place + 2).to_string()>{name}</div> }
        })
        .collect::<View>();
    let courts = StoredValue::new(courts);
    let clocks = move || {
        let (first, last) = hours.get();
        (first..last)
            .map(|hour| {
                let from = 2 + (hour - first) * ROWS;
                view! {
                    <div class="courts__hour" style:grid-row=format!("{from} / span {ROWS}")>
                        {format!("{hour:02}:00")}
                    </div>
                }
            })
            .collect::<View>()
    };
    // What is free and still to come can be booked; a court that is free now can be played on at once.
    let [may_play, may_book] = ["ticket", "booking"].map(|kind| !beginning_forms(roster, kind).is_empty());
    let free = move || {
        let (midnight, _) = bounds(day.get(), roster);
        let now = roster.minute();
        let (first, last) = hours.get();
        let words = w.get();
        let slots = courts.with_value(|courts| {
            let mut slots = Vec::new();
            for (place, court) in courts.iter().enumerate() {
                for hour in first..last {
                    let from = midnight.plus(hour * HOUR_MS);
                    let until = from.plus(HOUR_MS);
                    let begin = from.max(now);
                    let taken = uses.with(|uses| !court::is_free(uses, court.id, begin, until, court.id));
                    let may = if from <= now { may_play } else { may_book };
                    if until <= now || taken || !may {
                        continue;
                    }
                    slots.push((place, hour, court.clone(), from <= now));
                }
            }
            slots
        });
        slots
            .into_iter()
            .map(|(place, hour, court, is_now)| {
                let id = court.id;
                let at = |hour: i64| format!("{}T{hour:02}:00", day.get_untracked());
                let (from, until) = (at(hour), at(hour + 1));
                let label = if is_now {
                    words.courts_play_now(&court.name)
                } else {
                    words.courts_book(&court.name, format!("{hour:02}:00"))
                };
                let press = move |_| {
                    route.go(&if is_now {
                        format!("/form/F-30?resource={id}")
                    } else {
                        format!("/form/F-29?resource={id}&start_at={from}&end_at={until}")
                    });
                };
                let rows = format!("{} / span {ROWS}", 2 + (hour - hours.get_untracked().0) * ROWS);
                view! {
                    <button
                        type="button"
                        class="courts__free"
                        style:grid-column=(place + 2).to_string()
                        style:grid-row=rows
                        aria-label=label.clone()
                        title=label
                        on:click=press
                    >
                        <span aria-hidden="true">"+"</span>
                    </button>
                }
            })
            .collect::<View>()
    };
    let bars = move || {
        let (midnight, end) = bounds(day.get(), roster);
        let hours = hours.get();
        let words = w.get();
        let offset = roster.utc_offset_minutes();
        let bar = |it: &Use| {
            let place = courts.with_value(|courts| courts.iter().position(|court| court.id == it.court))?;
            let (from, until) = (row(it.from.max(midnight), midnight, hours), row(it.until.min(end), midnight, hours));
            let who = who(roster, words, it);
            let begins = format::clock(it.from, offset);
            // Who plays leaves when they like; until when it is booked is of use before.
            let when = match stage_of(words, it.stage) {
                None => format!("{begins}–{}", format::clock(it.until, offset)),
                Some(stage) => format!("{stage} {begins}"),
            };
            let record = it.record;
            let open = move |_| route.go(&format!("/record/{record}"));
            Some(view! {
                <button
                    type="button"
                    class="courts__bar"
                    data-stage=format!("{:?}", it.stage)
                    style:grid-column=(place + 2).to_string()
                    style:grid-row=format!("{from} / {}", until.max(from + 5))
                    on:click=open
                >
                    <span class="courts__who">{who}</span>
                    <span class="courts__when">{when}</span>
                </button>
            })
        };
        uses.with(|uses| uses.iter().filter_map(bar).collect::<View>())
    };
    let now_line = move || {
        let (midnight, end) = bounds(day.get(), roster);
        let now = roster.minute();
        let (first, last) = hours.get();
        let is_shown = now >= midnight.plus(first * HOUR_MS) && now < end.min(midnight.plus(last * HOUR_MS));
        is_shown.then(|| {
            let row = row(now, midnight, (first, last));
            view! { <div class="courts__now" aria-hidden="true" style:grid-row=row.to_string()></div> }
        })
    };
    view! {
        <div
            class="courts__grid"
            style:--courts=count.to_string()
            style:--rows=move || { let (first, last) = hours.get(); ((last - first) * ROWS).to_string() }
        >
            {heads} {clocks} {free} {bars} {now_line}
        </div>
    }
}

/// How long before it begins a booking is of use to whoever receives.
const SOON_MS: i64 = 2 * HOUR_MS;

/// What whoever receives and settles has before them, in the order in which it waits for them: who is off the court and
/// has not paid, who has come, who plays until when, and who comes next.
fn before_me(mut uses: Vec<Use>, now: Millis) -> Vec<Use> {
    uses.retain(|it| match it.stage {
        Stage::Arrived | Stage::OnCourt | Stage::ToSettle => true,
        Stage::Booked => it.from <= now.plus(SOON_MS) && it.until > now,
        Stage::Over => false,
    });
    uses.sort_by_key(|it| match it.stage {
        Stage::ToSettle => (0, it.until, it.record),
        Stage::Arrived => (1, it.from, it.record),
        Stage::OnCourt => (2, it.until, it.record),
        Stage::Booked | Stage::Over => (3, it.from, it.record),
    });
    uses
}

/// Who is on the courts now, has to pay or comes next; nothing where that is not one's business.
pub fn on_now(roster: Roster) -> Vec<Use> {
    let is_mine = court::KINDS.iter().any(|kind| !beginning_forms(roster, kind).is_empty());
    let of_today = || of_day(roster.court_uses(), roster.today(), roster);
    if is_mine { before_me(of_today(), roster.minute()) } else { Vec::new() }
}

/// [`on_now`], each a press away.
#[component]
pub fn OnNow(uses: Memo<Vec<Use>>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let row = move |it: Use| {
        let words = w.get();
        let court = roster.record(it.court).and_then(|court| court.text("name").map(str::to_owned));
        let (now, offset) = (roster.minute(), roster.utc_offset_minutes());
        let second: Vec<String> = court.into_iter().chain([format::clock(it.from, offset)]).collect();
        let stage = stage_of(words, it.stage).unwrap_or(words.courts_stage_booked());
        let Due { text, tone } = match it.stage {
            Stage::Booked if it.from < now => {
                Due { text: words.today_late(format::span(words, it.from.since(now))), tone: Tone::Late }
            }
            Stage::OnCourt if it.booking.is_some() => {
                let left = it.until.since(now);
                let tone = if left <= 0 { Tone::Late } else { Tone::Plain };
                Due { text: words.courts_until(format::clock(it.until, offset)), tone }
            }
            Stage::ToSettle => Due { text: stage.to_owned(), tone: Tone::Late },
            _ => Due { text: stage.to_owned(), tone: Tone::Plain },
        };
        let icon = if tone == Tone::Late { Icon::Late } else { Icon::Clock };
        let end = slot(view! { <Tag tone icon text/> });
        let title = who(roster, words, &it);
        let record = it.record;
        let open = Callback::new(move |()| route.go(&format!("/record/{record}")));
        view! { <div role="listitem"><ListRow title second=slot(view! { <Facts items=second/> }) end on_open=open/></div> }
    };
    let some = move |limit: usize| {
        let uses = uses.with(|uses| uses.iter().take(limit).cloned().collect::<Vec<_>>());
        uses.into_iter().map(row).collect::<View>()
    };
    let count = Signal::derive(move || uses.with(Vec::len));
    some_rows(w, t!(w, courts_title), count, Words::courts_count, some)
}

/// Who booked or plays.
fn who(roster: Roster, words: Words, it: &Use) -> String {
    let person = |id: RecordId| {
        let record = roster.record(id)?;
        let person = ["person", "party"].iter().find_map(|key| record.get(key)?.as_id())?;
        // Somebody's own record may be for other posts than this one.
        if roster.record(person).is_some() {
            return Some(name_of(roster, words, person));
        }
        // Then the ticket says who it is for. Source: domain catalogue 3.7.
        Some(record.text("guest_name").unwrap_or_else(|| words.log_somebody()).to_owned())
    };
    person(it.record).or_else(|| it.booking.and_then(person)).unwrap_or_else(|| words.courts_somebody().to_owned())
}

/// How far it has come, where it is more than booked.
fn stage_of(words: Words, stage: Stage) -> Option<&'static str> {
    Some(match stage {
        Stage::Booked => return None,
        Stage::Arrived => words.courts_stage_arrived(),
        Stage::OnCourt => words.courts_stage_on_court(),
        Stage::ToSettle => words.courts_stage_to_settle(),
        Stage::Over => words.courts_stage_over(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_stands_at_its_five_minutes_and_never_outside_of_the_grid() {
        let midnight = Millis(0);
        let at =
            |hours: i64, minutes: i64| row(midnight.plus(hours * HOUR_MS + minutes * MINUTE_MS), midnight, (8, 22));
        assert_eq!((at(8, 0), at(8, 5), at(9, 0), at(22, 0)), (2, 3, 14, 170));
        assert_eq!((at(7, 0), at(23, 0)), (2, 170));
    }

    #[test]
    fn who_has_to_pay_comes_first_and_who_has_left_or_comes_much_later_not_at_all() {
        let now = Millis(100 * HOUR_MS);
        let used = |number: u8, stage: Stage, from: i64, until: i64| {
            let id = RecordId::from_bytes([number; 16]);
            let (from, until) = (now.plus(from * HOUR_MS), now.plus(until * HOUR_MS));
            Use { record: id, booking: None, court: id, from, until, stage }
        };
        let uses = vec![
            used(1, Stage::Booked, 1, 2),
            used(2, Stage::Booked, 3, 4),
            used(3, Stage::Booked, -3, -2),
            used(4, Stage::OnCourt, -1, 1),
            used(5, Stage::ToSettle, -2, -1),
            used(6, Stage::Over, -4, -3),
            used(7, Stage::Arrived, 0, 1),
            used(8, Stage::OnCourt, -2, 0),
        ];
        let order: Vec<u8> = before_me(uses, now).iter().map(|it| it.record.bytes()[0]).collect();
        assert_eq!(order, [5, 7, 8, 4, 1]);
    }
}
