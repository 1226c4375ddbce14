//! A line of counts by day: one colour, its scale beside it, and the whole in a sentence for who cannot see it.

use yingke_core::time::Day;

use crate::{view::prelude::*, words::use_words};

/// The drawing's own measure; the page stretches it to its place.
const WIDTH: usize = 600;
const HEIGHT: usize = 180;

#[component]
pub fn DayChart(counts: Vec<(Day, usize)>) -> impl IntoView {
    let w = use_words();
    let top = scale_top(counts.iter().map(|(_, count)| *count).max().unwrap_or(0));
    let (line, area) = paths(&counts, top);
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let most = counts.iter().copied().max_by_key(|(_, count)| *count);
    let ends: Vec<Day> = [counts.first(), counts.last()].into_iter().flatten().map(|(day, _)| *day).collect();
    let day_word = move |day: Day| {
        let (_, month, of_month) = day.ymd();
        w.get().month_day(month, of_month)
    };
    let length = counts.len();
    let sentence = move || {
        let Some((day, most)) = most else { return String::new() };
        w.get().board_chart_sentence(length, total, day_word(day), most)
    };
    let marks = [top, top / 2, 0];
    let scale: View = marks.iter().map(|mark| view! { <span>{*mark}</span> }).collect();
    view! {
        <div class="chart" role="img" aria-label=sentence>
            <div class="chart__scale" aria-hidden="true">{scale}</div>
            <svg class="chart__drawing" viewBox="0 0 600 180" preserveAspectRatio="none" aria-hidden="true">
                <path class="chart__grid" d="M0 0H600M0 90H600M0 180H600"></path>
                <path class="chart__area" d=area></path>
                <path class="chart__line" d=line></path>
            </svg>
            <div class="chart__days" aria-hidden="true">
                {ends.into_iter().map(|day| view! { <span>{move || day_word(day)}</span> }).collect::<View>()}
            </div>
        </div>
        <p class="note" aria-hidden="true">{sentence}</p>
    }
}

/// The top of the scale: even, and not less than the highest count.
fn scale_top(most: usize) -> usize {
    let step = if most <= 10 { 2 } else { 10 };
    most.max(2).div_ceil(step) * step
}

/// The line, and the ground below it.
fn paths(counts: &[(Day, usize)], top: usize) -> (String, String) {
    let between = counts.len().saturating_sub(1).max(1);
    let mut line = String::new();
    for (place, (_, count)) in counts.iter().enumerate() {
        let (x, y) = (WIDTH * place / between, HEIGHT - HEIGHT * count / top);
        line.push_str(&format!("{}{x} {y}", if place == 0 { "M" } else { "L" }));
    }
    let end = WIDTH * counts.len().saturating_sub(1) / between;
    let area = format!("{line}L{end} {HEIGHT}L0 {HEIGHT}Z");
    (line, area)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_goes_from_edge_to_edge_and_never_over_the_top() {
        let day = Day::from_number;
        let counts = [(day(1), 0), (day(2), 10), (day(3), 5)];
        assert_eq!(paths(&counts, scale_top(10)).0, "M0 180L300 0L600 90");
        assert!(paths(&counts, 10).1.ends_with("L600 180L0 180Z"));
        assert_eq!(paths(&counts[..1], 2).0, "M0 180");
        assert_eq!([scale_top(0), scale_top(3), scale_top(10), scale_top(11), scale_top(25)], [2, 4, 10, 20, 30]);
    }
}
