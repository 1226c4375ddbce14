//! One figure: its name, how it has changed, the number, where the aim lies, and what it was counted from.

use yingke_core::work::Target;

use super::{aim_text, ground_text, shown_number, unit_word};
use crate::{
    roster::Counted,
    ui::{Bar, Glyph, Icon, Tone},
    view::prelude::*,
    words::{Words, use_words},
};

#[component]
pub fn Tile(counted: Counted, span: RwSignal<String>) -> impl IntoView {
    let w = use_words();
    let kpi = counted.kpi;
    let figure = counted.now?;
    let hundredths = figure.hundredths()?;
    let before = counted.before.and_then(yingke_core::kpi::Figure::hundredths);
    let met = kpi.target.is_none_or(|target| target.is_met(hundredths));
    let tone = if met { Tone::Pine } else { Tone::Unsent };
    let label = move || kpi.label.in_language(w.get().0).to_owned();
    let number = shown_number(hundredths);
    let sentence = {
        let number = number.clone();
        move || {
            let words = w.get();
            let aim = aim_text(words, kpi).unwrap_or_default();
            format!("{} {number}{} {aim}", kpi.label.in_language(words.0), unit_word(words, &kpi.unit))
        }
    };
    let bar = scale(kpi.target, &kpi.unit, hundredths).map(|(share, aim)| view! { <Bar share aim tone sentence/> });
    let change = before.map(|before| {
        let (icon, is_good) = change(kpi.target, hundredths, hundredths - before);
        let text = move || change_text(w.get(), &span.get(), hundredths - before);
        let tone = match is_good {
            Some(true) => "saved",
            Some(false) => "unsent",
            None => "plain",
        };
        view! { <span class="tile__change" data-tone=tone><Glyph icon/> {text}</span> }
    });
    let note = move || {
        let words = w.get();
        let ground = ground_text(words, kpi, figure);
        let parts = [aim_text(words, kpi), Some(ground)].into_iter().flatten().filter(|text| !text.is_empty());
        parts.collect::<Vec<_>>().join(words.board_comma())
    };
    Some(view! {
        <article class="tile">
            <header class="tile__head"><h2 class="tile__name">{label}</h2> {change}</header>
            <p class="tile__figure">{number}<span class="tile__unit">{move || unit_word(w.get(), &kpi.unit)}</span></p>
            {bar}
            <p class="tile__ground">{note}</p>
        </article>
    })
}

/// How far the bar is filled and where the aim stands across it; none for a number that has no aim to be measured by.
fn scale(target: Option<Target>, unit: &str, hundredths: i64) -> Option<(f64, Option<f64>)> {
    let aim = target.map(|target| match target {
        Target::AtLeast(number) | Target::AtMost(number) | Target::Exactly(number) => number,
    });
    let whole = match (unit, aim) {
        // A share of two in a hundred would be no more than a hair on a bar of the whole.
        ("percent", Some(aim)) if aim < 2_000 => (aim * 2).max(hundredths),
        ("percent", _) => 10_000,
        (_, Some(aim)) => (aim * 5 / 4).max(hundredths),
        (_, None) => return None,
    };
    let of_whole = |number: i64| number as f64 / whole.max(1) as f64;
    Some((of_whole(hundredths), aim.map(of_whole)))
}

/// What a change of a figure looks like, and whether it is for the better; less is better where the aim is a limit, and what
/// is nearer where it is a number.
fn change(target: Option<Target>, hundredths: i64, by: i64) -> (Icon, Option<bool>) {
    // Less than what one place after the point shows.
    if by.abs() < 5 {
        return (Icon::Level, None);
    }
    let icon = if by > 0 { Icon::Rising } else { Icon::Falling };
    let is_better = match target {
        Some(Target::AtMost(_)) => by < 0,
        Some(Target::Exactly(aim)) => (hundredths - aim).abs() < (hundredths - by - aim).abs(),
        Some(Target::AtLeast(_)) | None => by > 0,
    };
    (icon, Some(is_better))
}

fn change_text(words: Words, span: &str, by: i64) -> String {
    if by.abs() < 5 {
        return words.board_level().to_owned();
    }
    let by = if by > 0 { format!("+{}", shown_number(by)) } else { shown_number(by) };
    match span {
        "day" => words.board_than_yesterday(by),
        "week" => words.board_than_last_week(by),
        _ => words.board_than_last_month(by),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_is_better_where_the_aim_is_a_limit() {
        assert_eq!(change(Some(Target::AtLeast(1)), 300, 100), (Icon::Rising, Some(true)));
        assert_eq!(change(Some(Target::AtMost(1)), 300, 100), (Icon::Rising, Some(false)));
        assert_eq!(change(Some(Target::AtMost(1)), 300, -100), (Icon::Falling, Some(true)));
        assert_eq!(change(Some(Target::Exactly(0)), 100, 100), (Icon::Rising, Some(false)));
        assert_eq!(change(Some(Target::Exactly(300)), 300, 100), (Icon::Rising, Some(true)));
        assert_eq!(change(None, 0, -100), (Icon::Falling, Some(false)));
        assert_eq!(change(None, 0, 4), (Icon::Level, None));
    }

    #[test]
    fn the_aim_is_on_the_bar_and_so_is_the_figure() {
        assert_eq!(scale(Some(Target::AtLeast(3_000)), "percent", 2_400), Some((0.24, Some(0.3))));
        assert_eq!(scale(Some(Target::AtMost(200)), "percent", 100), Some((0.25, Some(0.5))));
        assert_eq!(scale(Some(Target::AtMost(2_500)), "min", 5_000), Some((1.0, Some(0.5))));
        assert_eq!(scale(Some(Target::AtLeast(2_000)), "count", 1_000), Some((0.4, Some(0.8))));
        assert_eq!(scale(None, "h", 100), None);
        assert_eq!(scale(None, "percent", 5_000), Some((0.5, None)));
    }
}
