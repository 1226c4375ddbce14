//! Fields that take several things, one row each: texts, numbers, times, gifts with how many, charges with their sum.
//!
//! In the draft they stand as [`yingke_core::form`] reads them: one to a line, numbers and times with commas between; a
//! gift is `what*how many`, a charge `what=yuan`.

use crate::view::prelude::*;
use yingke_core::{change::Key, money::Money, pack::ListOf, typed::half_width};

use super::{field::Labelled, sheet::Sheet};
use crate::{
    t,
    ui::{Button, ButtonKind, DateField, Field, FieldGroup, FieldKind, Icon, IconButton, TimeField, focus_on},
};

/// UTF-16 units of one row.
const ROW_UNITS_MAX: u32 = 200;

pub(super) fn rows(sheet: Sheet, key: Key, of: ListOf, labelled: Labelled) -> View {
    let Sheet { w, .. } = sheet;
    let Labelled { label, mark, note, problem, id } = labelled;
    let key = StoredValue::new(key);
    // Rows that are there to be written in; what is typed makes more.
    let opened = RwSignal::new(0_usize);
    let parts = Memo::new(move |_| parts_of(of, &key.with_value(|key| sheet.get(key))));
    let count = Memo::new(move |_| parts.with(Vec::len).max(opened.get()));
    let put = Callback::new(move |(at, text): (usize, String)| {
        let typed = with_part(of, parts.get_untracked(), at, text);
        key.with_value(|key| sheet.set(key, typed));
    });
    let id = StoredValue::new(id);
    let row_id = move |at: usize| id.with_value(|id| format!("{id}-{at}"));
    let take_out = Callback::new(move |at: usize| {
        let before = count.get_untracked();
        let typed = without_part(of, parts.get_untracked(), at);
        opened.set(before - 1);
        key.with_value(|key| sheet.set(key, typed));
        focus_on(&if before > 1 { row_id(at.min(before - 2)) } else { format!("{}-add", id.get_value()) });
    });
    let add = move |()| {
        let at = count.get_untracked();
        opened.set(at + 1);
        request_animation_frame(move || focus_on(&row_id(at)));
    };
    let row = move |at: usize| {
        let text = Signal::derive(move || parts.with(|parts| parts.get(at).cloned().unwrap_or_default()));
        view! {
            <div class="rows__row" role="listitem">
                {row_view(sheet, of, at, text, put, row_id(at))}
                <IconButton
                    icon=Icon::Close
                    label=move || w.get().form_row_out(at + 1)
                    on_press=move |()| take_out.run(at)
                />
            </div>
        }
    };
    let total = Memo::new(move |_| parts.with(|parts| sum_of(parts)));
    let total = (of == ListOf::Charges).then_some({
        move || {
            let sum = Money::from_fen(total.get()).map(|sum| sum.shown()).filter(|_| count.get() > 0);
            sum.map(|sum| view! { <span class="rows__total">{move || w.get().form_rows_total(&sum)}</span> })
        }
    });
    let add_id = format!("{}-add", id.get_value());
    view! {
        <FieldGroup label optional_mark=mark note problem id=id.get_value()>
            <div class="rows" role="list">{keyed(move || (0..count.get()).collect(), |at| *at, row)}</div>
            <div class="rows__foot">
                <Button label=t!(w, form_row_add) icon=Icon::Plus kind=ButtonKind::Text id=add_id on_press=add/>
                {total}
            </div>
        </FieldGroup>
    }
}

/// What is written in one row.
fn row_view(
    sheet: Sheet,
    of: ListOf,
    at: usize,
    text: Signal<String>,
    put: Callback<(usize, String)>,
    id: String,
) -> View {
    let w = sheet.w;
    let numbered = Signal::derive(move || w.get().form_row_label(at + 1));
    let single = |kind: FieldKind| {
        let input = move |typed: String| put.run((at, kept_whole(of, &typed)));
        view! {
            <div class="rows__field">
                <Field label=numbered value=text on_input=input kind length_max=ROW_UNITS_MAX id=id.clone()/>
            </div>
        }
    };
    match of {
        ListOf::Texts => single(FieldKind::Words),
        ListOf::Numbers => single(FieldKind::Digits),
        ListOf::Datetimes => {
            let half = move |at: usize| move || text.get().split('T').nth(at).unwrap_or_default().to_owned();
            let put_both = move |date: String, time: String| {
                let both = if date.is_empty() && time.is_empty() { String::new() } else { format!("{date}T{time}") };
                put.run((at, both));
            };
            let on_date = move |date: String| put_both(date, untrack(half(1)));
            let on_time = move |time: String| put_both(untrack(half(0)), time);
            view! {
                <div class="rows__field form__instant">
                    <DateField label=numbered value=Signal::derive(half(0)) on_input=on_date id/>
                    <TimeField label=t!(w, form_time_of_day) value=Signal::derive(half(1)) on_input=on_time/>
                </div>
            }
        }
        ListOf::Gifts | ListOf::Charges => {
            let is_gift = of == ListOf::Gifts;
            let first = Signal::derive(move || pair_of(of, &text.get()).0);
            let second = Signal::derive(move || pair_of(of, &text.get()).1);
            let on_first = move |what: String| {
                // One of it, until somebody says how many.
                let begins = is_gift && text.with_untracked(String::is_empty);
                let number = if begins { "1".to_owned() } else { second.get_untracked() };
                put.run((at, pair(of, &what, &number)));
            };
            let on_second = move |number: String| put.run((at, pair(of, &first.get_untracked(), &number)));
            let second_label =
                move || if is_gift { w.get().form_row_count() } else { w.get().form_row_sum() }.to_owned();
            let unit = move || if is_gift { String::new() } else { w.get().form_yuan().to_owned() };
            let kind = if is_gift { FieldKind::Digits } else { FieldKind::Decimal };
            view! {
                <div class="rows__field rows__pair">
                    <Field label=numbered value=first on_input=on_first length_max=ROW_UNITS_MAX id/>
                    <Field
                        label=Signal::derive(second_label)
                        value=second
                        on_input=on_second
                        kind
                        unit=Signal::derive(unit)
                    />
                </div>
            }
        }
        // Pictures are not taken yet, and records are chosen, not typed.
        ListOf::Photos | ListOf::Refs(_) => View::Nothing,
    }
}

fn mark_of(of: ListOf) -> char {
    match of {
        ListOf::Texts | ListOf::Gifts | ListOf::Charges => '\n',
        ListOf::Numbers | ListOf::Datetimes | ListOf::Photos | ListOf::Refs(_) => ',',
    }
}

fn parts_of(of: ListOf, typed: &str) -> Vec<String> {
    if typed.is_empty() { Vec::new() } else { typed.split(mark_of(of)).map(str::to_owned).collect() }
}

fn joined(of: ListOf, mut parts: Vec<String>) -> String {
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    parts.join(mark_of(of).encode_utf8(&mut [0; 4]))
}

fn with_part(of: ListOf, mut parts: Vec<String>, at: usize, text: String) -> String {
    parts.resize(parts.len().max(at + 1), String::new());
    parts[at] = text;
    joined(of, parts)
}

fn without_part(of: ListOf, mut parts: Vec<String>, at: usize) -> String {
    if at < parts.len() {
        parts.remove(at);
    }
    joined(of, parts)
}

/// A row as it was typed, without what would part it in two.
fn kept_whole(of: ListOf, typed: &str) -> String {
    match of {
        // `1,200` is one number.
        ListOf::Numbers => typed.chars().map(half_width).filter(|c| *c != ',').collect(),
        _ => typed.replace(['\n', '\r'], " "),
    }
}

/// What, and how many or how much; both empty for an empty row.
fn pair_of(of: ListOf, row: &str) -> (String, String) {
    let marks: &[char] = if of == ListOf::Gifts { &['*', '×'] } else { &['=', '＝'] };
    let (what, number) = row.rsplit_once(marks).unwrap_or((row, ""));
    (what.to_owned(), number.to_owned())
}

fn pair(of: ListOf, what: &str, number: &str) -> String {
    let what = kept_whole(of, what);
    let number: String = number.chars().filter(|c| !matches!(c, '*' | '×' | '=' | '＝' | '\n')).collect();
    if what.is_empty() && number.is_empty() {
        return String::new();
    }
    match of {
        ListOf::Gifts => format!("{what}*{number}"),
        _ => format!("{what}={number}"),
    }
}

/// Charges in all, in fen, as far as they can be read.
fn sum_of(parts: &[String]) -> i64 {
    let sums = parts.iter().filter_map(|row| Money::parse(&pair_of(ListOf::Charges, row).1).ok());
    sums.map(Money::fen).fold(0, i64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_draft_as_core_reads_them() {
        let typed = with_part(ListOf::Texts, Vec::new(), 1, "第二行".into());
        assert_eq!(typed, "\n第二行");
        assert_eq!(parts_of(ListOf::Texts, &typed), ["", "第二行"]);
        let typed = with_part(ListOf::Texts, parts_of(ListOf::Texts, &typed), 0, "第一行".into());
        assert_eq!(typed, "第一行\n第二行");
        assert_eq!(without_part(ListOf::Texts, parts_of(ListOf::Texts, &typed), 0), "第二行");
        assert_eq!(without_part(ListOf::Texts, Vec::new(), 3), "");
        // The last row is emptied, not the one before.
        assert_eq!(with_part(ListOf::Numbers, vec!["1".into(), "2".into()], 1, String::new()), "1");
        assert_eq!(kept_whole(ListOf::Numbers, "1,200，"), "1200");
        assert_eq!(kept_whole(ListOf::Texts, "一\n二"), "一 二");
    }

    #[test]
    fn gifts_and_charges_are_pairs() {
        assert_eq!(pair(ListOf::Gifts, "水壶", "1"), "水壶*1");
        assert_eq!(pair(ListOf::Gifts, "水壶", ""), "水壶*");
        assert_eq!(pair(ListOf::Gifts, "3*3 毛巾", "2"), "3*3 毛巾*2");
        assert_eq!(pair_of(ListOf::Gifts, "3*3 毛巾*2"), ("3*3 毛巾".into(), "2".into()));
        assert_eq!(pair(ListOf::Charges, "钥匙", "30=00"), "钥匙=3000");
        assert_eq!(pair_of(ListOf::Charges, "钥匙=30"), ("钥匙".into(), "30".into()));
        assert_eq!(pair(ListOf::Charges, "", ""), "");
        assert_eq!(pair(ListOf::Charges, "钥匙", ""), "钥匙=");
    }

    #[test]
    fn charges_are_summed_as_far_as_they_can_be_read() {
        let rows = ["钥匙=30", "毛巾=12.50", "水壶=", "别的"].map(str::to_owned);
        assert_eq!(sum_of(&rows), 4_250);
        assert_eq!(sum_of(&[]), 0);
    }
}
