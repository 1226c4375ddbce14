//! One field of a form: the part of `ui` that takes what it holds.

use crate::view::prelude::*;
use leptos::{ev, prelude::set_timeout, wasm_bindgen::JsCast, web_sys};
use std::time::Duration;
use yingke_core::{
    change::Key,
    pack::{DefaultValue, Field as FormField, FieldType, ListOf, Reference, Required, Rule},
    phone::{PhoneNumber, Region},
};

use super::{
    person::{known, person},
    picture::pictures,
    reference::{prompt, records, stops},
    rows::rows,
    sheet::{PERSON, PersonOf, Sheet, field_id},
    signature::signature,
};
use crate::{
    t,
    ui::{
        CheckBox, ChipGroup, Choice, ChoiceList, DateField, Field, FieldKind, MonthField, NumberStepper, Rating,
        Segmented, Switch, TimeField,
    },
};

/// A whole number up to here has a button on either side; typing is quicker beyond.
const STEPPED_MAX: i64 = 999;
/// More choices than this are chips.
const SEGMENTED_MAX: usize = 4;
/// Characters that the parts of a segmented choice hold in half the width of a form.
const HALF_CHARACTERS_MAX: usize = 9;
/// Characters that the parts of a segmented choice hold side by side on a phone.
const SEGMENTED_CHARACTERS_MAX: usize = 14;

/// What stands around a control, and the id that leads to it.
pub(super) struct Labelled {
    pub(super) label: Signal<String>,
    /// 选填, where it may stay empty.
    pub(super) mark: Signal<String>,
    pub(super) note: Signal<String>,
    pub(super) problem: Signal<Option<String>>,
    pub(super) id: String,
}

/// A press takes no longer.
const LEFT_FOR: Duration = Duration::from_millis(250);

/// One field in its place; there while its condition holds. It was left when the focus goes elsewhere.
pub(super) fn field_view(sheet: Sheet, field: FormField, person_of: PersonOf) -> impl IntoView {
    let field = StoredValue::new(field);
    let is_shown = Memo::new(move |_| field.with_value(|field| sheet.is_shown(field)));
    let wide = field.with_value(|field| is_wide(sheet, field));
    let leave = move |event: ev::FocusEvent| {
        let inside = |target: web_sys::EventTarget| {
            let place = event.current_target()?.dyn_into::<web_sys::Node>().ok()?;
            Some(place.contains(target.dyn_ref::<web_sys::Node>()))
        };
        if !event.related_target().and_then(inside).unwrap_or(false) {
            // A form that is taken away with the focus in it, after a save by Enter, has nothing left to check.
            let Some(key) = field.try_with_value(|field| field.key.clone()) else { return };
            // A press elsewhere ends where it began: what is wrong here moves the page only then.
            let tell = move || {
                sheet.left.try_update(|left| {
                    left.insert(key);
                });
            };
            set_timeout(tell, LEFT_FOR);
        }
    };
    move || {
        is_shown.get().then(|| {
            view! {
                <div class="form__field" class:form__field--wide=wide on:focusout=leave>
                    {control(sheet, field.get_value(), person_of)}
                </div>
            }
        })
    }
}

/// Whether a field takes the whole width; the others stand two abreast where there is room.
fn is_wide(sheet: Sheet, field: &FormField) -> bool {
    match &field.kind {
        FieldType::Text(_)
        | FieldType::Name
        | FieldType::Phone
        | FieldType::Int(..)
        | FieldType::Money
        | FieldType::Date
        | FieldType::ResidentId
        | FieldType::Passport
        | FieldType::Email
        | FieldType::Time
        | FieldType::Decimal
        | FieldType::Rating
        | FieldType::Score => false,
        FieldType::Bool => is_statement(field),
        FieldType::Enum(list) => {
            let items = || sheet.pack.list(list).iter().filter(|item| item.offered);
            items().count() > SEGMENTED_MAX
                || items().map(|item| width(&item.words.zh_hans)).sum::<usize>() > HALF_CHARACTERS_MAX
        }
        FieldType::LongText
        | FieldType::Datetime
        | FieldType::Multi(_)
        | FieldType::Ref(_)
        | FieldType::StaffList
        | FieldType::Checklist(_)
        | FieldType::Signature
        | FieldType::Photo
        | FieldType::File
        | FieldType::Stops(_)
        | FieldType::List(_) => true,
    }
}

/// Whether a yes or no is a statement that has to be agreed to, with words for what is wrong while it is not.
fn is_statement(field: &FormField) -> bool {
    field.rules().any(|rule| matches!(rule, Rule::YesWith(_) | Rule::NoWith(_) | Rule::Agreed))
}

/// The part that takes what a field holds.
fn control(sheet: Sheet, field: FormField, person_of: PersonOf) -> View {
    let Sheet { roster, w, pack, .. } = sheet;
    let key = field.key.clone();
    let id = field_id(&key);
    let label = {
        let label = field.label.clone();
        Signal::derive(move || label.in_language(w.get().0).to_owned())
    };
    let note = {
        let (note, is_now) = (field.note.clone(), field.required == Required::Auto && field.default.is_some());
        let is_card = field.default == Some(DefaultValue::Card) && field.required != Required::Later;
        Signal::derive(move || match &note {
            Some(note) => note.in_language(w.get().0).to_owned(),
            None if is_now => w.get().form_now_if_empty().to_owned(),
            None if is_card => match roster.next_card() {
                Some(number) => w.get().form_card_next(number),
                None => w.get().form_card_none().to_owned(),
            },
            None => String::new(),
        })
    };
    let mark = {
        let field = field.clone();
        Signal::derive(move || if sheet.may_stay_empty(&field) { w.get().optional().to_owned() } else { String::new() })
    };
    let problem = {
        let key = key.clone();
        Signal::derive(move || sheet.problem(&key).map(|code| sheet.sentence(&key, &code)))
    };
    let value = {
        let key = key.clone();
        Signal::derive(move || sheet.get(&key))
    };
    let input = {
        let key = key.clone();
        Callback::new(move |typed: String| sheet.set(&key, typed))
    };
    // Choosing again what may stay open opens it again.
    let choose = {
        let field = field.clone();
        Callback::new(move |code: String| {
            let again = untrack(|| sheet.get(&field.key) == code && sheet.may_stay_empty(&field));
            sheet.set(&field.key, if again { String::new() } else { code });
        })
    };
    let one_of = move |options: Signal<Vec<Choice>>| {
        let few = options.with_untracked(|options| {
            (2..=SEGMENTED_MAX).contains(&options.len())
                && options.iter().map(|choice| width(&choice.label)).sum::<usize>() <= SEGMENTED_CHARACTERS_MAX
        });
        if few {
            view! { <Segmented label options chosen=value on_choose=choose optional_mark=mark note problem id=id.clone()/> }
        } else {
            view! { <ChoiceList label options chosen=value on_choose=choose optional_mark=mark note problem id=id.clone()/> }
        }
    };
    let id = field_id(&key);
    let several = {
        let (key, id) = (key.clone(), id.clone());
        move |options: Signal<Vec<Choice>>| {
            let (chosen_key, change_key) = (key.clone(), key.clone());
            let chosen = Signal::derive(move || sheet.codes(&chosen_key));
            let change = move |codes: Vec<String>| sheet.set(&change_key, codes.join(","));
            view! { <ChipGroup label options chosen on_change=change optional_mark=mark note problem id=id.clone()/> }
        }
    };
    // What was chosen elsewhere stays in sight.
    let before = untrack(|| sheet.codes(&field.key));
    let list = move |list: &str| {
        let (items, before) = (pack.list(list), before.clone());
        Signal::derive(move || {
            let language = w.get().0;
            let items = items.iter().filter(|item| item.offered || before.iter().any(|code| **code == *item.key));
            items.map(|item| Choice::new(&*item.key, item.words.in_language(language))).collect::<Vec<_>>()
        })
    };
    let staff = Signal::derive(move || {
        roster.staff().into_iter().map(|staff| Choice::new(staff.id.to_string(), staff.name)).collect::<Vec<_>>()
    });
    let labelled = Labelled { label, mark, note, problem, id: id.clone() };
    match &field.kind {
        FieldType::Text(_) if field.rule == Some(Rule::YearMonth) => {
            view! { <MonthField label value on_input=input optional_mark=mark note problem id/> }
        }
        FieldType::Text(_) if matches!(field.rule, Some(Rule::IdNumber | Rule::IdNumberOf(_))) => {
            view! { <Field label value on_input=input kind=FieldKind::Code optional_mark=mark note problem id/> }
        }
        FieldType::Text(max) => {
            let length_max = *max * 2;
            view! { <Field label value on_input=input optional_mark=mark note problem length_max id/> }
        }
        FieldType::Name => view! { <Field label value on_input=input optional_mark=mark note problem id/> },
        FieldType::Email => {
            view! { <Field label value on_input=input kind=FieldKind::Email optional_mark=mark note problem id/> }
        }
        FieldType::Time => view! { <TimeField label value on_input=input optional_mark=mark note problem id/> },
        FieldType::Decimal => {
            view! { <Field label value on_input=input kind=FieldKind::Decimal optional_mark=mark note problem id/> }
        }
        FieldType::LongText => {
            view! { <Field label value on_input=input lines=3 optional_mark=mark note problem id/> }
        }
        FieldType::ResidentId | FieldType::Passport => {
            view! { <Field label value on_input=input kind=FieldKind::Code optional_mark=mark note problem id/> }
        }
        FieldType::Phone => phone(sheet, key, PhoneField { label, value, note, mark, problem, id }, person_of),
        FieldType::Money => {
            let unit = Signal::derive(move || w.get().form_yuan().to_owned());
            view! { <Field label value on_input=input kind=FieldKind::Decimal unit optional_mark=mark note problem id/> }
        }
        FieldType::Int(min, max) if *max <= STEPPED_MAX && field.default.is_some() => {
            let (min, max) = (*min as i32, *max as i32);
            let number = Signal::derive(move || value.get().trim().parse().unwrap_or(min));
            let change = move |number: i32| sheet.set(&key, number.to_string());
            view! {
                <NumberStepper
                    label
                    value=number
                    on_change=change
                    min
                    max
                    less_label=t!(w, form_less)
                    more_label=t!(w, form_more)
                    note
                    problem
                    id
                />
            }
        }
        FieldType::Int(..) => {
            view! { <Field label value on_input=input kind=FieldKind::Digits optional_mark=mark note problem id/> }
        }
        FieldType::Score => {
            let unit = Signal::derive(move || w.get().form_points().to_owned());
            view! { <Field label value on_input=input kind=FieldKind::Digits unit optional_mark=mark note problem id/> }
        }
        FieldType::Rating => {
            let stars = Signal::derive(move || value.get().trim().parse().ok());
            let star_words = Signal::derive(move || {
                let w = w.get();
                [w.form_stars_1(), w.form_stars_2(), w.form_stars_3(), w.form_stars_4(), w.form_stars_5()]
                    .map(str::to_owned)
                    .to_vec()
            });
            let give = move |stars: u8| choose.run(stars.to_string());
            view! { <Rating label stars on_choose=give words=star_words optional_mark=mark note problem id/> }
        }
        FieldType::Date => {
            view! { <DateField label value on_input=input optional_mark=mark note problem id/> }
        }
        FieldType::Datetime => {
            // Half of it may be typed: the date stands before the T, the time after it.
            let half = move |at: usize| move || value.get().split('T').nth(at).unwrap_or_default().to_owned();
            let put = move |date: String, time: String| {
                input.run(if date.is_empty() && time.is_empty() { String::new() } else { format!("{date}T{time}") });
            };
            let on_date = move |date: String| put(date, untrack(half(1)));
            let on_time = move |time: String| put(untrack(half(0)), time);
            let time_label = t!(w, form_time_of_day);
            view! {
                <div class="form__instant" role="group" aria-label=move || label.get()>
                    <DateField label value=Signal::derive(half(0)) on_input=on_date optional_mark=mark note problem id/>
                    <TimeField label=time_label value=Signal::derive(half(1)) on_input=on_time/>
                </div>
            }
        }
        FieldType::Bool if field.default.is_none() => {
            one_of(Signal::derive(move || vec![Choice::new("true", w.get().yes()), Choice::new("false", w.get().no())]))
        }
        FieldType::Bool => {
            let on = Signal::derive(move || value.get() == "true");
            let change = move |on: bool| sheet.set(&key, on.to_string());
            if is_statement(&field) {
                view! { <CheckBox label on on_change=change second=note problem id boxed=true/> }
            } else {
                view! { <Switch label on on_change=change second=note boxed=true/> }
            }
        }
        FieldType::Enum(of) => one_of(list(of)),
        FieldType::Multi(of) => several(list(of)),
        FieldType::Ref(Reference::Staff) => one_of(staff),
        FieldType::StaffList => several(staff),
        FieldType::Checklist(of) => {
            let items = pack.checklist(of).map_or(&[][..], |checklist| &checklist.items);
            several(Signal::derive(move || {
                let language = w.get().0;
                items.iter().map(|item| Choice::new(&*item.key, item.label.in_language(language))).collect::<Vec<_>>()
            }))
        }
        FieldType::Ref(Reference::Person) => person(sheet, key, label, mark, note, problem, id),
        FieldType::Ref(Reference::Department) => one_of(list("dept_kind")),
        FieldType::Ref(Reference::Route) => one_of(Signal::derive(move || {
            let language = w.get().0;
            pack.routes
                .iter()
                .map(|route| Choice::new(&*route.key, route.title.in_language(language)))
                .collect::<Vec<_>>()
        })),
        FieldType::Ref(Reference::Venue) => one_of(Signal::derive(move || {
            roster.venues().into_iter().map(|venue| Choice::new(venue.id.to_string(), venue.name)).collect::<Vec<_>>()
        })),
        FieldType::Ref(Reference::Prompt) => prompt(sheet, key, choose, labelled),
        // The app fills in the outing that is under way.
        FieldType::Ref(Reference::Outing) => View::Nothing,
        FieldType::Ref(reference) | FieldType::List(ListOf::Refs(reference)) => {
            let several = matches!(field.kind, FieldType::List(_));
            let reference = *reference;
            let may_stay_empty = Signal::derive(move || sheet.may_stay_empty(&field));
            records(sheet, key, reference, several, may_stay_empty, labelled)
        }
        FieldType::Signature => signature(sheet, field, labelled),
        FieldType::Stops(route) => stops(sheet, key, route.clone(), labelled),
        FieldType::Photo | FieldType::File => pictures(sheet, key, false, labelled),
        FieldType::List(ListOf::Photos) => pictures(sheet, key, true, labelled),
        FieldType::List(of) => rows(sheet, key, *of, labelled),
    }
}

/// How wide words are drawn, in Chinese characters: two Latin letters take the place of one.
fn width(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>().div_ceil(2)
}

/// What a phone field shows.
struct PhoneField {
    label: Signal<String>,
    value: Signal<String>,
    note: Signal<String>,
    mark: Signal<String>,
    problem: Signal<Option<String>>,
    id: String,
}

/// A phone number: grouped once it is left, and looked up as soon as it is whole.
fn phone(sheet: Sheet, key: Key, field: PhoneField, person_of: PersonOf) -> View {
    let PhoneField { label, value, note, mark, problem, id } = field;
    let number = Memo::new(move |_| PhoneNumber::parse(&value.get(), Region::China).ok());
    let focused = RwSignal::new(false);
    let shown = Signal::derive(move || match number.get() {
        Some(number) if !focused.get() => number.shown(),
        _ => value.get(),
    });
    let input = move |typed: String| {
        // Another number is another person.
        let linked = untrack(|| sheet.person()).filter(|_| person_of.finds_person);
        if linked.is_some() {
            sheet.draft.update(|draft| draft.set(&Key::of(PERSON), ""));
        }
        sheet.set(&key, typed);
    };
    view! {
        <div class="form__phone" on:focusin=move |_| focused.set(true) on:focusout=move |_| focused.set(false)>
            <Field label value=shown on_input=input kind=FieldKind::Phone optional_mark=mark note problem id/>
        </div>
        {move || {
            let number = number.get().filter(|_| person_of.finds_person || person_of.is_about.is_some())?;
            Some(known(sheet, &number, person_of))
        }}
    }
}
