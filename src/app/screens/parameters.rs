//! The venue's numbers: which is in force and since when, what is set for later, and a new one from a day on.
//!
//! A number is never changed back in time: what began under the old one keeps it.

use std::collections::BTreeMap;

use leptos::task::spawn_local;
use yingke_core::{
    audience::{Audience, circle},
    change::{Edit, Key},
    money::Money,
    pack::{Parameter, Unit},
    parameter::Parameters,
    permit::{Doing, Matter, reach},
    record::Record,
    schema,
    time::Day,
    value::Value,
};

use super::{board::shown_number, form::save_failed, shell::Pill};
use crate::{
    format,
    roster::{Roster, use_roster},
    route::use_route,
    t,
    ui::{
        Button, ButtonKind, Choice, DateField, EmptyState, Facts, Field, FieldKind, Icon, ListRow, PageHeader,
        SearchField, Section, Segmented, Sheet, Tag, Toast, Toaster, Tone, slot,
    },
    view::prelude::*,
    words::{Words, use_words},
};

/// Several numbers of one parameter at most: brackets of a commission are four.
const VALUES_MAX: usize = 12;

#[component]
pub fn ParametersHome() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let query = RwSignal::new(String::new());
    let opened = RwSignal::new(None::<&'static str>);
    let settings = Memo::new(move |_| settings_of(roster));
    let pack = roster.pack();
    let found = Memo::new(move |_| {
        let typed = query.get().trim().to_lowercase();
        let language = w.get().0;
        let is_found = |parameter: &Parameter| parameter.label.in_language(language).to_lowercase().contains(&typed);
        pack.parameters()
            .filter(|(_, parameter)| is_found(parameter))
            .map(|(key, _)| key)
            .collect::<Vec<&'static str>>()
    });
    let rows = move || {
        let keys = found.get();
        if keys.is_empty() {
            return view! {
                <EmptyState icon=Icon::Search title=t!(w, parameters_none) text=t!(w, parameters_none_text)/>
            };
        }
        // What the house has set itself, or must set, stands before what it took over.
        let own = settings.with(|settings| {
            keys.iter()
                .copied()
                .filter(|key| settings.contains_key(*key) || is_missing(pack.parameter(key)))
                .collect::<Vec<_>>()
        });
        let rest: Vec<&'static str> = keys.into_iter().filter(|key| !own.contains(key)).collect();
        let row = move |key: &'static str| view! { <Row key settings on_open=move |()| opened.set(Some(key))/> };
        let (own_count, rest_count) = (own.len(), rest.len());
        let own: View = own.into_iter().map(row).collect();
        let rest: View = rest.into_iter().map(row).collect();
        view! {
            {(own_count > 0).then(|| view! {
                <Section title=t!(w, parameters_own) aside=move || w.get().parameters_count(own_count) list=true>{own}</Section>
            })}
            {(rest_count > 0).then(|| view! {
                <Section title=t!(w, parameters_of_pack) aside=move || w.get().parameters_count(rest_count) list=true>{rest}</Section>
            })}
        }
    };
    let back = Callback::new(move |()| route.go("/desk"));
    view! {
        <PageHeader title=t!(w, parameters_title) on_back=back back_label=t!(w, back)>
            <Pill/>
        </PageHeader>
        <div class="page page--reading parameters">
            <SearchField
                label=t!(w, parameters_find)
                placeholder=t!(w, parameters_find)
                value=query
                on_input=move |typed| query.set(typed)
                clear_label=t!(w, close)
            />
            {rows}
        </div>
        {move || opened.get().map(|key| untrack(|| view! {
            <ParameterSheet key settings on_close=move |()| opened.set(None)/>
        }))}
    }
}

/// What the venue has set for one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    from: Day,
    until: Option<Day>,
    values: Vec<i64>,
    set_by: String,
}

/// By parameter, in the order in which they count: the later of two for one day stands behind.
type Settings = BTreeMap<String, Vec<Setting>>;

fn settings_of(roster: Roster) -> Settings {
    let mut records = roster.of_kind("parameter");
    records.sort_by_key(|record| (record.get("from").and_then(Value::as_day), record.last_rank()));
    let mut settings = Settings::new();
    for record in &records {
        if let Some((name, setting)) = setting_of(record) {
            settings.entry(name).or_default().push(setting);
        }
    }
    settings
}

fn setting_of(record: &Record) -> Option<(String, Setting)> {
    let values = match record.get("values")? {
        Value::List(values) => values.iter().map(Value::as_int).collect::<Option<Vec<_>>>()?,
        _ => return None,
    };
    let setting = Setting {
        from: record.get("from").and_then(Value::as_day).unwrap_or(Day::from_number(0)),
        until: record.get("until").and_then(Value::as_day),
        values,
        set_by: record.text("set_by").unwrap_or_default().to_owned(),
    };
    (!setting.values.is_empty()).then(|| Some((record.text("name")?.to_owned(), setting)))?
}

/// The setting in force on a day.
fn in_force(settings: &[Setting], day: Day) -> Option<&Setting> {
    settings.iter().rev().find(|setting| setting.from <= day && setting.until.is_none_or(|until| day <= until))
}

fn is_missing(parameter: Option<&Parameter>) -> bool {
    parameter.is_some_and(|parameter| parameter.values.is_empty())
}

/// Whether I may set numbers: whoever keeps them or the prices of the house.
fn may_set(roster: Roster) -> bool {
    let posts = roster.posts();
    [Matter::Parameters, Matter::Prices].into_iter().any(|matter| reach(&posts, matter, Doing::Update).is_some())
}

/// The numbers in force, as core says.
fn values_now(roster: Roster, key: &str) -> Vec<i64> {
    let records = roster.of_kind("parameter");
    Parameters::of(records.iter()).on(roster.pack(), key, roster.today())
}

#[component]
fn Row(key: &'static str, settings: Memo<Settings>, #[prop(into)] on_open: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let parameter = roster.pack().parameter(key)?;
    let second = Signal::derive(move || {
        let words = w.get();
        let since = settings.with(|settings| {
            let own = settings.get(key).map(Vec::as_slice).unwrap_or_default();
            in_force(own, roster.today()).map(|setting| since_text(roster, words, setting))
        });
        vec![
            shown_values(words, parameter, &values_now(roster, key)),
            since.unwrap_or_else(|| of_pack(words, parameter)),
        ]
    });
    let later = Memo::new(move |_| {
        settings.with(|settings| {
            let own = settings.get(key).map(Vec::as_slice).unwrap_or_default();
            own.iter().filter(|setting| setting.from > roster.today()).count()
        })
    });
    let end = slot(move || {
        if is_missing(Some(parameter)) && values_now(roster, key).is_empty() {
            view! { <Tag tone=Tone::Unsent icon=Icon::Warn text=t!(w, parameters_missing)/> }
        } else if later.get() > 0 {
            view! { <Tag tone=Tone::Pine icon=Icon::Clock text=t!(w, parameters_later)/> }
        } else {
            View::Nothing
        }
    });
    Some(view! {
        <div role="listitem">
            <ListRow
                title=move || parameter.label.in_language(w.get().0).to_owned()
                second=slot(view! { <Facts items=second/> })
                end
                on_open
            />
        </div>
    })
}

fn of_pack(words: Words, parameter: &Parameter) -> String {
    if is_missing(Some(parameter)) { words.parameters_must().to_owned() } else { words.parameters_default().to_owned() }
}

fn since_text(roster: Roster, words: Words, setting: &Setting) -> String {
    let day = format::full_day(words, setting.from);
    let name = roster.staff_name(&setting.set_by);
    if name.is_empty() { words.parameters_since(day) } else { words.parameters_since_by(day, name) }
}

// ---- Numbers in words -------------------------------------------------------------------------------------------

fn shown_values(words: Words, parameter: &Parameter, values: &[i64]) -> String {
    if values.is_empty() {
        return words.parameters_not_set().to_owned();
    }
    let shown: Vec<String> = values.iter().map(|value| shown_value(words, parameter.unit, *value)).collect();
    shown.join(words.list_comma())
}

fn shown_value(words: Words, unit: Unit, value: i64) -> String {
    let count = usize::try_from(value).unwrap_or_default();
    match unit {
        Unit::Seconds => words.parameters_seconds(value),
        Unit::Minutes => words.parameters_minutes(value),
        Unit::Hours => words.parameters_hours(value),
        Unit::Days => words.parameters_days(count),
        Unit::Months => words.parameters_months(count),
        Unit::OClock => format!("{value}:00"),
        Unit::TimeOfDay => typed_value(unit, value),
        Unit::Fen => Money::from_fen(value).map_or_else(|| value.to_string(), |sum| format!("¥{}", sum.shown())),
        Unit::Ppm | Unit::Percent => format!("{}%", typed_value(unit, value)),
        Unit::Degrees => format!("{value}°"),
        Unit::Times => shown_number(value * 100),
        Unit::Yes => if value == 1 { words.yes() } else { words.no() }.to_owned(),
    }
}

/// What stands after the box.
fn unit_word(words: Words, unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => words.parameters_unit_seconds(),
        Unit::Minutes => words.parameters_unit_minutes(),
        Unit::Hours => words.parameters_unit_hours(),
        Unit::Days => words.parameters_unit_days(),
        Unit::Months => words.parameters_unit_months(),
        Unit::Fen => words.parameters_unit_yuan(),
        Unit::Ppm | Unit::Percent => "%",
        Unit::Degrees => "°",
        Unit::OClock | Unit::TimeOfDay | Unit::Times | Unit::Yes => "",
    }
}

/// A number as it is typed: yuan, percent, `09:00`.
fn typed_value(unit: Unit, value: i64) -> String {
    match unit {
        Unit::Fen => {
            let (yuan, fen) = (value / 100, value % 100);
            if fen == 0 { yuan.to_string() } else { format!("{yuan}.{fen:02}") }
        }
        Unit::Ppm => {
            let text = format!("{}.{:04}", value / 10_000, value % 10_000);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        Unit::TimeOfDay => format!("{:02}:{:02}", value / 60, value % 60),
        _ => value.to_string(),
    }
}

/// Why what was typed is no number of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    Empty,
    NotANumber,
    /// Written as `09:00`.
    NotATime,
    OutOfBounds {
        max: i64,
    },
    TooMany,
}

/// One number, as it was typed.
fn parse_value(unit: Unit, typed: &str) -> Result<i64, Problem> {
    let text: String = typed.trim().chars().map(half_width).collect();
    let text = text.trim_end_matches(['%', '°', '元']).trim();
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    let (value, max) = match unit {
        Unit::Fen => (Money::parse(text).map_err(|_| Problem::NotANumber)?.fen(), i64::MAX),
        Unit::Ppm => (parts_of(text, 4).ok_or(Problem::NotANumber)?, 1_000_000),
        Unit::TimeOfDay => {
            let (hour, minute) = text.split_once(':').ok_or(Problem::NotATime)?;
            let part = |text: &str| text.parse::<i64>().ok().filter(|_| text.len() <= 2).ok_or(Problem::NotATime);
            let (hour, minute) = (part(hour)?, part(minute)?);
            if !(0..24).contains(&hour) || !(0..60).contains(&minute) {
                return Err(Problem::NotATime);
            }
            (hour * 60 + minute, 1_439)
        }
        other => {
            let max = match other {
                Unit::OClock => 23,
                Unit::Percent => 100,
                Unit::Degrees => 360,
                Unit::Yes => 1,
                _ => 100_000,
            };
            (parts_of(text, 0).ok_or(Problem::NotANumber)?, max)
        }
    };
    if (0..=max).contains(&value) { Ok(value) } else { Err(Problem::OutOfBounds { max }) }
}

/// A decimal number in parts of so many places; `None` where it is none or finer than that.
fn parts_of(text: &str, places: usize) -> Option<i64> {
    let (whole, fine) = text.split_once('.').unwrap_or((text, ""));
    let fine = fine.trim_end_matches('0');
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fine) || fine.len() > places {
        return None;
    }
    format!("{whole}{fine:0<places$}").parse().ok()
}

/// Digits and signs as a Chinese keyboard may write them.
fn half_width(letter: char) -> char {
    match letter {
        '．' | '。' => '.',
        '：' => ':',
        '％' => '%',
        '０'..='９' => char::from_u32(letter as u32 - 0xfee0).unwrap_or(letter),
        other => other,
    }
}

/// Every number of a parameter: as many as are typed, between commas, where the pack has several.
fn parse_values(parameter: &Parameter, typed: &str) -> Result<Vec<i64>, Problem> {
    if parameter.values.len() <= 1 {
        return Ok(vec![parse_value(parameter.unit, typed)?]);
    }
    let parts = typed.split(['，', '、', ',', '；', ';', ' ']).map(str::trim).filter(|part| !part.is_empty());
    let values = parts.map(|part| parse_value(parameter.unit, part)).collect::<Result<Vec<_>, _>>()?;
    match values.len() {
        0 => Err(Problem::Empty),
        1..=VALUES_MAX => Ok(values),
        _ => Err(Problem::TooMany),
    }
}

fn problem_text(words: Words, unit: Unit, problem: Problem) -> String {
    match problem {
        Problem::Empty => words.parameters_problem_empty().to_owned(),
        Problem::NotANumber => words.parameters_problem_number().to_owned(),
        Problem::NotATime => words.parameters_problem_time().to_owned(),
        Problem::OutOfBounds { max } => words.parameters_problem_bounds(typed_value(unit, max)),
        Problem::TooMany => words.parameters_problem_many(VALUES_MAX),
    }
}

// ---- One parameter ----------------------------------------------------------------------------------------------

#[component]
fn ParameterSheet(key: &'static str, settings: Memo<Settings>, #[prop(into)] on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let parameter = roster.pack().parameter(key)?;
    let unit = parameter.unit;
    let today = roster.today();
    let now = values_now(roster, key);
    let several = parameter.values.len() > 1;
    let typed_now = now.iter().map(|value| typed_value(unit, *value)).collect::<Vec<_>>().join(", ");
    let typed = RwSignal::new(typed_now);
    let from = RwSignal::new(today.to_string());
    let problem = RwSignal::new(None::<String>);
    let from_problem = RwSignal::new(None::<String>);
    let busy = StoredValue::new(false);
    let may = may_set(roster);
    let history = move || {
        settings.with(|settings| {
            let own = settings.get(key).cloned().unwrap_or_default();
            let words = w.get();
            let present = in_force(&own, roster.today()).cloned();
            let rows: View = own
                .iter()
                .rev()
                .map(|setting| {
                    let is_later = setting.from > roster.today();
                    let is_present = present.as_ref() == Some(setting);
                    let tag = if is_later {
                        view! { <Tag tone=Tone::Pine icon=Icon::Clock text=words.parameters_later()/> }
                    } else if is_present {
                        view! { <Tag tone=Tone::Saved icon=Icon::Tick text=words.parameters_in_force()/> }
                    } else {
                        View::Nothing
                    };
                    view! {
                        <li class="parameters__setting">
                            <span class="parameters__value">{shown_values(words, parameter, &setting.values)}</span>
                            <span class="note">{since_text(roster, words, setting)}</span>
                            {tag}
                        </li>
                    }
                })
                .collect();
            let default = (!parameter.values.is_empty()).then(|| {
                view! {
                    <li class="parameters__setting">
                        <span class="parameters__value">{shown_values(words, parameter, &parameter.values)}</span>
                        <span class="note">{words.parameters_default()}</span>
                    </li>
                }
            });
            view! { <ul class="parameters__history">{rows} {default}</ul> }
        })
    };
    let save = move |()| {
        let words = w.get_untracked();
        let values = parse_values(parameter, &typed.get_untracked());
        let day = Day::parse(&from.get_untracked()).filter(|day| *day >= roster.now().day(roster.utc_offset_minutes()));
        problem.set(values.as_ref().err().map(|found| problem_text(words, unit, *found)));
        from_problem.set(day.is_none().then(|| words.parameters_problem_day().to_owned()));
        let (Ok(values), Some(day)) = (values, day) else {
            crate::ui::focus_on(if problem.with_untracked(Option::is_some) {
                "parameter-value"
            } else {
                "parameter-from"
            });
            return;
        };
        let Some(edit) = setting_edit(roster, key, &values, day) else { return };
        if busy.get_value() {
            return;
        }
        busy.set_value(true);
        let label = parameter.label.in_language(words.0).to_owned();
        let told = words.parameters_saved(label, shown_values(words, parameter, &values), format::full_day(words, day));
        spawn_local(async move {
            match roster.save("parameter", vec![edit]).await {
                Ok(_) => {
                    toaster.tell(Toast::new(told));
                    on_close.run(());
                }
                Err(error) => {
                    let _ = problem.try_set(Some(save_failed(words, &error).to_owned()));
                    let _ = busy.try_update_value(|busy| *busy = false);
                }
            }
        });
    };
    let foot = if may {
        slot(view! { <Button label=t!(w, save) icon=Icon::Tick kind=ButtonKind::Primary on_press=save/> })
    } else {
        View::Nothing
    };
    let value_box = if unit == Unit::Yes {
        let options = Signal::derive(move || vec![Choice::new("1", w.get().yes()), Choice::new("0", w.get().no())]);
        view! {
            <Segmented
                id="parameter-value"
                label=t!(w, parameters_new)
                options
                chosen=typed
                on_choose=move |key: String| typed.set(key)
                problem
            />
        }
    } else {
        let kind = match unit {
            _ if several => FieldKind::Words,
            Unit::TimeOfDay => FieldKind::Words,
            Unit::Fen | Unit::Ppm => FieldKind::Decimal,
            _ => FieldKind::Digits,
        };
        let note = move || if several { w.get().parameters_several_note() } else { "" }.to_owned();
        view! {
            <Field
                id="parameter-value"
                label=t!(w, parameters_new)
                kind
                value=typed
                on_input=move |text: String| {
                    problem.set(None);
                    typed.set(text);
                }
                unit=move || unit_word(w.get(), unit).to_owned()
                note
                problem
                length_max=120
            />
        }
    };
    let form = may.then(|| {
        view! {
            {value_box}
            <DateField
                id="parameter-from"
                label=t!(w, parameters_from)
                value=from
                on_input=move |text: String| {
                    from_problem.set(None);
                    from.set(text);
                }
                min=today.to_string()
                note=t!(w, parameters_from_note)
                problem=from_problem
            />
        }
    });
    let title = move || parameter.label.in_language(w.get().0).to_owned();
    Some(view! {
        <Sheet title close_label=t!(w, close) on_close foot>
            <div class="stack">
                {form}
                {(!may).then(|| view! { <p class="note">{t!(w, parameters_not_mine)}</p> })}
                <Section title=t!(w, parameters_history) ruled=false>{history}</Section>
            </div>
        </Sheet>
    })
}

/// A new number from a day on; `None` where nobody works.
fn setting_edit(roster: Roster, name: &str, values: &[i64], from: Day) -> Option<Edit> {
    let me = roster.me_now()?;
    let values = Value::List(values.iter().map(|value| Value::Int(*value)).collect());
    let writes = vec![
        schema::write("parameter", "name", name),
        schema::write("parameter", "values", values),
        schema::write("parameter", "from", from),
        schema::write("parameter", "set_by", me.id.to_string()),
    ];
    let audience = Audience::Circle(me.venue.id, circle::HOUSE.into());
    Some(Edit { record: roster.new_id(), kind: Key::of("parameter"), audience, salt: [0; 8], writes })
}

#[cfg(test)]
mod tests {
    use yingke_core::pack::{Pack, VenueKind};

    use super::*;

    #[test]
    fn a_number_is_read_in_the_unit_in_which_it_is_typed() {
        for (unit, typed, value) in [
            (Unit::Hours, "24", Ok(24)),
            (Unit::Hours, " １２ ", Ok(12)),
            (Unit::Hours, "1.5", Err(Problem::NotANumber)),
            (Unit::Hours, "-1", Err(Problem::NotANumber)),
            (Unit::Hours, "", Err(Problem::Empty)),
            (Unit::Fen, "200", Ok(20_000)),
            (Unit::Fen, "0.5元", Ok(50)),
            (Unit::Fen, "abc", Err(Problem::NotANumber)),
            (Unit::Ppm, "0.6%", Ok(6_000)),
            (Unit::Ppm, "100", Ok(1_000_000)),
            (Unit::Ppm, "100.1", Err(Problem::OutOfBounds { max: 1_000_000 })),
            (Unit::Ppm, "0.00001", Err(Problem::NotANumber)),
            (Unit::TimeOfDay, "09：30", Ok(570)),
            (Unit::TimeOfDay, "24:00", Err(Problem::NotATime)),
            (Unit::TimeOfDay, "9", Err(Problem::NotATime)),
            (Unit::OClock, "23", Ok(23)),
            (Unit::OClock, "24", Err(Problem::OutOfBounds { max: 23 })),
            (Unit::Days, "99999999999999999999", Err(Problem::NotANumber)),
        ] {
            assert_eq!(parse_value(unit, typed), value, "{unit:?} {typed}");
        }
    }

    #[test]
    fn every_number_of_the_packs_reads_back_as_it_is_typed() {
        for kind in [VenueKind::Fitness, VenueKind::Sports] {
            for (key, parameter) in Pack::of(kind).parameters().filter(|(_, parameter)| !parameter.values.is_empty()) {
                let typed: Vec<String> =
                    parameter.values.iter().map(|value| typed_value(parameter.unit, *value)).collect();
                assert_eq!(parse_values(parameter, &typed.join(", ")).as_ref(), Ok(&parameter.values), "{key}");
            }
        }
    }

    #[test]
    fn of_several_settings_the_one_whose_days_hold_today_is_in_force() {
        let setting = |from: i32, until: Option<i32>, value: i64| Setting {
            from: Day::from_number(from),
            until: until.map(Day::from_number),
            values: vec![value],
            set_by: String::new(),
        };
        let settings = [setting(10, None, 1), setting(20, Some(25), 2), setting(40, None, 3)];
        let on = |day: i32| in_force(&settings, Day::from_number(day)).map(|setting| setting.values[0]);
        assert_eq!([on(9), on(10), on(22), on(30), on(40)], [None, Some(1), Some(2), Some(1), Some(3)]);
    }
}
