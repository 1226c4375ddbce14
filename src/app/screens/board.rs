//! The board: the venue's figures beside their aims, how prospects come along, and the reports that are mine.

mod chart;
mod report_page;
mod tile;

pub use report_page::ReportPage;

use leptos::task::spawn_local;
use yingke_core::{
    kpi::{Figure, FigureKind},
    report::{Days, Prospects, Span, Way},
    time::Day,
    work::{Kpi, Report, Target},
};

use super::{door::role_word, papers::who, shell::Pill};
use crate::{
    format,
    roster::{Board, Roster, use_roster},
    route::use_route,
    t,
    ui::{
        Bar, Choice, Column, EmptyState, Face, FaceSize, Facts, Ground, Icon, ListRow, Look, PageHeader, Section,
        Segmented, Table, Tone, slot,
    },
    view::prelude::*,
    words::{Words, use_words},
};
use chart::DayChart;
use tile::Tile;

/// Between two counts while records keep coming in.
const PAUSE_MS: u64 = 2_000;

#[component]
pub fn BoardHome() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let span = RwSignal::new("month".to_owned());
    let today = Memo::new(move |_| roster.today());
    let days = Memo::new(move |_| span_of(&span.get()).around(today.get()));
    let sees = roster.sees_figures();
    let board = sees.then(|| counted(roster, span, today));
    let spans = Signal::derive(move || {
        let w = w.get();
        vec![
            Choice::new("day", w.board_today()),
            Choice::new("week", w.board_week()),
            Choice::new("month", w.board_month()),
        ]
    });
    let second = Signal::derive(move || {
        let days = days.get();
        let shown = Days { first: days.first, last: days.last.min(today.get()) };
        let venue = roster.me().map(|me| me.venue.name).unwrap_or_default();
        vec![days_text(w.get(), shown), venue]
    });
    let as_of = move || w.get().board_as_of(format::clock(roster.minute(), roster.utc_offset_minutes()));
    view! {
        <PageHeader title=t!(w, place_board) second=slot(view! { <Facts items=second/> })>
            {sees.then(|| view! {
                <Segmented
                    label=t!(w, board_span)
                    hide_label=true
                    options=spans
                    chosen=span
                    on_choose=move |key: String| span.set(key)
                />
            })}
            <Pill/>
        </PageHeader>
        <div class="page board">
            {board.map(|board| view! {
                <Figures board span/>
                <div class="board__columns">
                    <div class="board__main"><Numbers board days today/> <Funnel board/></div>
                    <aside class="board__side"><Team board/> <Reports/></aside>
                </div>
                <p class="note">{move || if board.with(Option::is_none) { w.get().board_counting().to_owned() } else { as_of() }}</p>
            })}
            {(!sees).then(|| view! { <Reports/> })}
        </div>
    }
}

fn span_of(key: &str) -> Span {
    match key {
        "day" => Span::Day,
        "week" => Span::Week,
        _ => Span::Month,
    }
}

fn counted(roster: Roster, span: RwSignal<String>, today: Memo<Day>) -> RwSignal<Option<Board>> {
    let asked = move || {
        roster.track_figures();
        (span.get(), today.get())
    };
    kept_current(asked, move |(key, today), wanted| {
        let span = span_of(&key);
        let days = span.around(today);
        roster.count(roster.work().kpis.iter().collect(), days, span.compared(days, today), move || wanted.still())
    })
}

/// Whether a count is still of use: nothing else was asked for since, and the page is there.
#[derive(Clone, Copy)]
struct Wanted {
    newest: StoredValue<u32>,
    mine: u32,
}

impl Wanted {
    fn still(self) -> bool {
        self.newest.try_get_value() == Some(self.mine)
    }
}

/// What takes a while to count: made when the page is opened, when `asked` gives something else, and when a record that
/// `asked` subscribes to has changed. Never two at a time, and with a pause between, so that a tablet which takes in the
/// work of a day goes on answering.
fn kept_current<K, T, F>(
    asked: impl Fn() -> K + 'static,
    make: impl Fn(K, Wanted) -> F + 'static,
) -> RwSignal<Option<T>>
where
    K: Clone + PartialEq + Send + Sync + 'static,
    T: Send + Sync + 'static,
    F: Future<Output = Option<T>> + 'static,
{
    let made = RwSignal::new(None::<T>);
    let (newest, chosen) = (StoredValue::new(0_u32), StoredValue::new(None::<K>));
    let (counting, missed, again) = (StoredValue::new(false), StoredValue::new(false), RwSignal::new(0_u32));
    Effect::new(move |_| {
        let _ = again.get();
        let key = asked();
        if chosen.with_value(|chosen| chosen.as_ref() != Some(&key)) {
            chosen.set_value(Some(key.clone()));
            newest.update_value(|newest| *newest += 1);
            made.set(None);
        } else if counting.get_value() {
            missed.set_value(true);
            return;
        }
        counting.set_value(true);
        let wanted = Wanted { newest, mine: newest.get_value() };
        let future = make(key, wanted);
        spawn_local(async move {
            let found = future.await;
            if !wanted.still() {
                return;
            }
            if found.is_some() {
                let _ = made.try_set(found);
            }
            set_timeout(
                move || {
                    let _ = counting.try_update_value(|counting| *counting = false);
                    if missed.try_update_value(std::mem::take) == Some(true) {
                        let _ = again.try_update(|again| *again += 1);
                    }
                },
                std::time::Duration::from_millis(PAUSE_MS),
            );
        });
    });
    made
}

// ---- Figures --------------------------------------------------------------------------------------------------

#[component]
fn Figures(board: RwSignal<Option<Board>>, span: RwSignal<String>) -> impl IntoView {
    let w = use_words();
    let tiles = move || {
        board.with(|board| {
            let board = board.as_ref()?;
            let figures = board.figures.iter().filter(|counted| has_figure(counted.now)).copied();
            let tiles: View = figures.map(|counted| view! { <Tile counted span/> }).collect();
            let none: Vec<String> = board
                .figures
                .iter()
                .filter(|counted| !has_figure(counted.now))
                .map(|counted| counted.kpi.label.in_language(w.get().0).to_owned())
                .collect();
            let count = none.len();
            let none = none.join(w.get().list_comma());
            Some(view! {
                <div class="board__tiles">{tiles}</div>
                {(count > 0).then(|| view! {
                    <details class="board__none">
                        <summary>{w.get().board_no_figure(count)}</summary>
                        <p class="note">{none}</p>
                    </details>
                })}
            })
        })
    };
    view! { <section class="board__figures" aria-label=t!(w, board_figures) aria-busy=move || board.with(Option::is_none).to_string()>{tiles}</section> }
}

/// A share or mean of nothing is no figure, and neither is a count of nothing.
fn has_figure(figure: Option<Figure>) -> bool {
    figure.is_some_and(|figure| figure.denominator != 0)
}

/// `36.8`, `24`, `1,204`: hundredths with one place after the point, if it says anything.
pub fn shown_number(hundredths: i64) -> String {
    let tenths = (hundredths.abs() + 5) / 10;
    let sign = if hundredths < 0 && tenths > 0 { "−" } else { "" };
    let whole = (tenths / 10).to_string();
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if tenths % 10 == 0 { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{}", tenths % 10) }
}

/// What stands after a figure.
fn unit_word(words: Words, unit: &str) -> &'static str {
    match unit {
        "percent" => "%",
        "min" => words.board_unit_min(),
        "h" => words.board_unit_h(),
        "s" => words.board_unit_s(),
        "stars" => words.board_unit_stars(),
        "points" => words.board_unit_points(),
        _ => "",
    }
}

/// The aim in words: 目标30%, 目标25分钟以内.
fn aim_text(words: Words, kpi: &Kpi) -> Option<String> {
    let unit = unit_word(words, &kpi.unit);
    Some(match kpi.target? {
        Target::AtLeast(number) | Target::Exactly(number) => words.board_aim(format!("{}{unit}", shown_number(number))),
        Target::AtMost(number) => words.board_aim_most(format!("{}{unit}", shown_number(number))),
    })
}

/// The plain counts behind a figure: 38位首访，14位当场签.
fn ground_text(words: Words, kpi: &Kpi, figure: Figure) -> String {
    use yingke_core::time::{HOUR_MS, MINUTE_MS};
    let (part, total) = (figure.numerator, figure.denominator);
    match (&*kpi.formula, figure.kind) {
        ("numbers_per_outing", _) => words.board_of_outings(total, part),
        ("satisfaction_gain" | "staff_satisfaction_gain", _) => words.board_of_gain().to_owned(),
        ("signed_on_first_visit", _) => words.board_of_first_visits(total, part),
        ("trial_conversion", _) => words.board_of_trials(total, part),
        ("complaint_reply_in_time" | "response_within_limit" | "channel_response" | "assignments_on_time", _) => {
            words.board_of_cases(total, part)
        }
        ("call_length_in_time", _) => words.board_of_calls(total, part),
        ("renewal_rate", _) => words.board_of_renewals(total, part),
        ("pt_contact_in_time", _) => words.board_of_pt(total, part),
        (_, FigureKind::Percent) => words.board_of(total, part),
        (_, FigureKind::Average) => {
            let unit = match &*kpi.unit {
                "min" => MINUTE_MS,
                "h" => HOUR_MS,
                _ => 1,
            };
            words.board_of_mean(total / unit)
        }
        (_, FigureKind::Number) => String::new(),
    }
}

// ---- How prospects come along -----------------------------------------------------------------------------------

fn prospects(board: RwSignal<Option<Board>>) -> Prospects {
    board.with(|board| board.as_ref().map(|board| board.prospects.clone())).unwrap_or_default()
}

#[component]
fn Numbers(board: RwSignal<Option<Board>>, days: Memo<Days>, today: Memo<Day>) -> impl IntoView {
    let w = use_words();
    move || {
        let days = days.get();
        let by_day = prospects(board).by_day;
        // One day is no line.
        (days.first != days.last && board.with(Option::is_some)).then(|| {
            let last = days.last.min(today.get());
            let counts: Vec<(Day, usize)> = (days.first.number()..=last.number())
                .map(Day::from_number)
                .map(|day| (day, by_day.get(&day).copied().unwrap_or(0)))
                .collect();
            view! {
                <Section title=t!(w, board_numbers) ruled=false>
                    <DayChart counts/>
                </Section>
            }
        })
    }
}

#[component]
fn Funnel(board: RwSignal<Option<Board>>) -> impl IntoView {
    let w = use_words();
    move || {
        let Way { captured, visited, signed } = prospects(board).all;
        let w = w.get();
        if board.with(Option::is_none) {
            return View::Nothing;
        }
        if captured == 0 {
            return view! {
                <EmptyState icon=Icon::Outing title=w.board_no_numbers() text=w.board_no_numbers_text()/>
            };
        }
        let row = move |label: &'static str, count: usize, of: Option<usize>| {
            let share = of.map(|of| percent(count, of));
            let done = count as f64 / captured as f64;
            let sentence = match &share {
                Some(share) => format!("{label} {count}, {share}"),
                None => format!("{label} {count}"),
            };
            view! {
                <div class="board__step" role="listitem">
                    <span>{label}</span>
                    <Bar share=done sentence/>
                    <span class="board__step-count" aria-hidden="true">{count}</span>
                    <span class="board__step-share" aria-hidden="true">{share}</span>
                </div>
            }
        };
        view! {
            <Section title=w.board_way() aside=w.board_way_aside() ruled=false list=true>
                {row(w.board_captured(), captured, None)}
                {row(w.board_visited(), visited, Some(captured))}
                {row(w.board_signed(), signed, Some(visited))}
            </Section>
        }
    }
}

/// `41%`; a dash where there is nothing to take a share of.
fn percent(part: usize, of: usize) -> String {
    (part * 100 + of / 2).checked_div(of).map_or_else(|| "–".to_owned(), |share| format!("{share}%"))
}

/// Who took how many numbers, and how far those have come.
#[component]
fn Team(board: RwSignal<Option<Board>>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    move || {
        let Prospects { all, by_staff, .. } = prospects(board);
        let mut rows: Vec<(String, Way)> = by_staff.into_iter().map(|(staff, way)| (staff.into(), way)).collect();
        rows.sort_by_key(|(_, way)| std::cmp::Reverse((way.signed, way.visited, way.captured)));
        let w = w.get();
        (!rows.is_empty()).then(|| {
            let head = |label: &str, figures| Column { label: label.to_owned(), figures };
            let columns = vec![
                head(w.board_colleague(), false),
                head(w.board_captured_short(), true),
                head(w.board_visited(), true),
                head(w.board_signed(), true),
                head(w.board_rate(), true),
            ];
            let cells = |way: Way| {
                view! {
                    <td class="figure">{way.captured}</td>
                    <td class="figure">{way.visited}</td>
                    <td class="figure">{way.signed}</td>
                    <td class="figure">{percent(way.signed, way.visited)}</td>
                }
            };
            let lines: View = rows
                .into_iter()
                .map(|(staff, way)| {
                    let name = roster.staff_name(&staff);
                    let name = if name.is_empty() { w.board_left_colleague().to_owned() } else { name };
                    view! {
                        <tr>
                            <th scope="row">
                                <span class="board__who"><Face look=Look::head_of(&staff) size=FaceSize::Small/> {name}</span>
                            </th>
                            {cells(way)}
                        </tr>
                    }
                })
                .collect();
            let sum = view! { <tr><th scope="row">{w.board_all()}</th>{cells(all)}</tr> };
            view! {
                <Section title=w.board_team() aside=w.board_team_aside() ruled=false>
                    <Table caption=w.board_team().to_owned() columns sum>{lines}</Table>
                </Section>
            }
        })
    }
}

// ---- Reports ----------------------------------------------------------------------------------------------------

#[component]
fn Reports() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let reports = roster.my_reports();
    if reports.is_empty() {
        return view! { <EmptyState icon=Icon::Note title=t!(w, board_no_reports) text=t!(w, board_no_reports_text)/> };
    }
    let rows: View = reports
        .into_iter()
        .map(|report| {
            let second =
                Signal::derive(move || vec![due_word(w.get(), &report.due).to_owned(), writes(w.get(), report)]);
            let open = Callback::new(move |()| route.go(&format!("/board/{}", report.id)));
            view! {
                <div role="listitem">
                    <ListRow
                        title=move || report.title.in_language(w.get().0).to_owned()
                        second=slot(view! { <Facts items=second/> })
                        face=slot(view! { <Ground icon=Icon::Note tone=Tone::Plain/> })
                        on_open=open
                    />
                </div>
            }
        })
        .collect();
    view! { <Section title=t!(w, board_reports) list=true>{rows}</Section> }
}

/// Who writes a report.
fn writes(words: Words, report: &Report) -> String {
    let named: Vec<&str> = report
        .author
        .iter()
        .map(|by| match &**by {
            "leader" => words.board_outing_leader(),
            "system" => words.who_system(),
            by => yingke_core::audience::Role::from_key(by).map_or(words.who_owner(), |role| role_word(words, role)),
        })
        .collect();
    words.board_written_by(named.join(words.list_comma()))
}

/// Who reads a report.
fn reads(words: Words, report: &Report) -> String {
    words.board_read_by(who(words, &report.reader))
}

fn due_word(words: Words, due: &str) -> &'static str {
    match due {
        "shift_end" => words.board_due_shift(),
        "day_end" | "same_day" => words.board_due_day(),
        "after_outing" => words.board_due_outing(),
        "weekly" => words.board_due_week(),
        "quarterly" => words.board_due_quarter(),
        "after_promotion" => words.board_due_promotion(),
        "always" => words.board_due_always(),
        _ => words.board_due_month(),
    }
}

/// `11月1日至21日`, `11月22日`; with the months where they differ.
fn days_text(words: Words, days: Days) -> String {
    let (first_year, first_month, first) = days.first.ymd();
    let (year, month, last) = days.last.ymd();
    if days.first >= days.last {
        words.month_day(first_month, first)
    } else if (first_year, first_month) == (year, month) {
        words.board_days(first_month, first, last)
    } else {
        words.board_days_apart(words.month_day(first_month, first), words.month_day(month, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_one_place_after_the_point_if_it_says_anything() {
        for (hundredths, shown) in [
            (3_684, "36.8"),
            (2_400, "24"),
            (3_695, "37"),
            (0, "0"),
            (-200, "−2"),
            (-4, "0"),
            (-6, "−0.1"),
            (123_456_700, "1,234,567"),
        ] {
            assert_eq!(shown_number(hundredths), shown, "{hundredths}");
        }
    }

    #[test]
    fn shares_are_rounded_and_a_share_of_nothing_is_none() {
        assert_eq!([percent(1, 3), percent(2, 3), percent(0, 5), percent(0, 0)], ["33%", "67%", "0%", "–"]);
    }
}
