//! People in a form: whom a number belongs to, and the choice of one.

use crate::view::prelude::*;
use yingke_core::{
    change::Key,
    form::Draft,
    id::RecordId,
    lead,
    pack::{FieldType, Form},
    phone::PhoneNumber,
    record::Record,
};

use super::sheet::{PERSON, PersonOf, Sheet};
use crate::{
    format,
    roster::{Known, Roster, Whose, use_roster},
    screens::people::phone_of,
    t,
    ui::{Button, ButtonKind, Face, Facts, Field, Glyph, Icon, ListRow, Look, slot},
    words::{Words, use_words},
};

/// People offered below a search field: as many as are seen at once.
const OFFERED_MAX: usize = 6;

/// Whom a number is known to belong to, and what can be done with that.
pub(super) fn known(sheet: Sheet, number: &PhoneNumber, person_of: PersonOf) -> View {
    let Sheet { roster, w, .. } = sheet;
    if let Some(person) = sheet.person().filter(|_| person_of.finds_person) {
        let unlink = move |()| {
            sheet.draft.update(|draft| draft.set(&Key::of(PERSON), ""));
            sheet.typed.run(());
        };
        return view! {
            <div class="known" data-tone="saved" role="status">
                <Glyph icon=Icon::Saved/>
                <p class="known__words">{move || w.get().form_known_linked(name_of(roster, w.get(), person))}</p>
                <div class="known__do">
                    <Button label=t!(w, form_known_unlink) kind=ButtonKind::Text on_press=unlink/>
                </div>
            </div>
        };
    }
    match roster.known(number) {
        Known::No | Known::NotYet => View::Nothing,
        Known::Elsewhere { ask } => view! {
            <div class="known" data-tone="unsent" role="status">
                <Glyph icon=Icon::People/>
                <p class="known__words">
                    {move || {
                        if ask.is_empty() {
                            w.get().form_known_elsewhere_ask().to_owned()
                        } else {
                            w.get().form_known_elsewhere(&ask)
                        }
                    }}
                </p>
            </div>
        },
        Known::Here(people) => {
            let others = people.into_iter().filter(|person| Some(*person) != person_of.is_about);
            others.map(|person| known_person(sheet, person, person_of)).collect::<View>()
        }
    }
}

fn known_person(sheet: Sheet, person: RecordId, person_of: PersonOf) -> impl IntoView {
    let Sheet { roster, w, .. } = sheet;
    let name = move || name_of(roster, w.get(), person);
    let more = Signal::derive(move || {
        let Some(record) = roster.record(person) else { return Vec::new() };
        let owner =
            lead::owner(&record).map(|owner| roster.staff_name(&owner.to_string())).filter(|owner| !owner.is_empty());
        let since = record.get("captured_at").and_then(|value| value.as_at());
        let day = since.map(|at| format::day(w.get(), at.day(roster.utc_offset_minutes()), roster.today()));
        let owner =
            owner.map_or_else(|| w.get().form_known_no_owner().to_owned(), |owner| w.get().form_known_owner(owner));
        day.map(|day| w.get().form_known_since(day)).into_iter().chain([owner]).collect()
    });
    let go_on = move |()| {
        sheet.draft.update(|draft| {
            draft.set(&Key::of(PERSON), person.to_string());
            let form = sheet.form.get_value();
            let name_field = form.fields().find(|field| field.kind == FieldType::Name);
            let name = untrack(|| roster.record(person)).and_then(|record| record.text("name").map(str::to_owned));
            if let (Some(field), Some(name)) = (name_field, name)
                && draft.get(field.key.as_str()).trim().is_empty()
            {
                draft.set(&field.key, name);
            }
            if let Some(record) = untrack(|| roster.record(person)) {
                untrack(|| receive_by_owner(roster, &form, &record, draft));
            }
        });
        sheet.typed.run(());
    };
    let open = person_of.on_open.map(|on_open| {
        view! { <Button label=t!(w, form_known_open) kind=ButtonKind::Text on_press=move |()| on_open.run(person)/> }
    });
    let use_it = person_of.finds_person.then(|| {
        view! { <Button label=move || w.get().form_known_use(name()) on_press=go_on/> }
    });
    view! {
        <div class="known" data-tone="unsent" role="status">
            <Glyph icon=Icon::People/>
            <p class="known__words">
                {move || w.get().form_known_here(name())} <span class="known__more"><Facts items=more/></span>
            </p>
            <div class="known__do">{open} {use_it}</div>
        </div>
    }
}

const HOST: &str = "host_staff";
const FIRST_VISIT: &str = "is_first_visit";

/// A guest whom somebody looks after is received by them again, unless another was chosen, and whoever was here before is
/// not asked whether this is the first time. Source: R-013.
pub fn receive_by_owner(roster: Roster, form: &Form, person: &Record, draft: &mut Draft) {
    let Some(me) = roster.actor_now().filter(|_| form.field(HOST).is_some()) else { return };
    let was_here = |record: &Record| matches!(record.kind().as_str(), "visit" | "membership");
    let is_asked = form.field(FIRST_VISIT).is_some() && draft.get(FIRST_VISIT).is_empty();
    if is_asked && roster.history(person.id).iter().any(was_here) {
        draft.set(&Key::of(FIRST_VISIT), "false");
    }
    let is_chosen = !draft.get(HOST).is_empty() && draft.get(HOST) != me.id.to_string();
    let owner = lead::owner(person).filter(|owner| roster.staff().iter().any(|staff| staff.id == *owner));
    if let Some(owner) = owner.filter(|_| !is_chosen) {
        draft.set(&Key::of(HOST), owner.to_string());
    }
}

/// In a house that has consultants, whoever is none says who receives a guest: it is seldom themselves.
pub fn leave_host_open(roster: Roster, draft: &mut Draft) {
    let is_consultant = roster.actor_now().is_some_and(|me| me.role.keeps_own_leads());
    if !is_consultant && roster.staff().iter().any(|staff| staff.role.keeps_own_leads()) {
        draft.set(&Key::of(HOST), "");
    }
}

/// What a person is called, or that they gave no name. Subscribes to them.
#[must_use]
pub fn name_of(roster: Roster, words: Words, person: RecordId) -> String {
    let record = roster.record(person);
    let name = record.as_ref().and_then(|record| record.text("name"));
    name.map_or_else(|| words.form_no_name().to_owned(), str::to_owned)
}

/// A person: searched as on the list of people, then shown with the way to choose another.
pub(super) fn person(
    sheet: Sheet,
    key: Key,
    label: Signal<String>,
    mark: Signal<String>,
    note: Signal<String>,
    problem: Signal<Option<String>>,
    id: String,
) -> View {
    let Sheet { roster, w, .. } = sheet;
    let chosen = {
        let key = key.clone();
        Memo::new(move |_| sheet.get(&key).parse::<RecordId>().ok())
    };
    let key = StoredValue::new(key);
    chosen_or_searched(
        chosen,
        move |person| {
            let clear = move |()| sheet.set(&key.get_value(), String::new());
            view! {
                <div class="field">
                    <span class="field__label">{move || label.get()}</span>
                    <div class="form__chosen">
                        {row(roster, w, person, RwSignal::default(), Callback::new(clear))}
                        <Button label=t!(w, form_choose_another) kind=ButtonKind::Text on_press=clear/>
                    </div>
                </div>
            }
        },
        move || {
            let id = id.clone();
            let choose = move |person: RecordId| sheet.set(&key.get_value(), person.to_string());
            view! { <PersonSearch label mark note problem id on_choose=choose/> }
        },
    )
}

/// The search for a person, with those who are found below it.
#[component]
pub fn PersonSearch(
    #[prop(into)] label: Signal<String>,
    #[prop(optional, into)] mark: Signal<String>,
    /// Stands there while nothing is typed; how to search when it is empty.
    #[prop(optional, into)]
    note: Signal<String>,
    #[prop(optional, into)] problem: Signal<Option<String>>,
    #[prop(optional, into)] id: String,
    #[prop(into)] on_choose: Callback<RecordId>,
) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let query = RwSignal::new(String::new());
    let found = Memo::new(move |_| {
        let typed = query.get();
        if typed.trim().is_empty() {
            Vec::new()
        } else {
            roster.search(&typed, Whose::Everyone, OFFERED_MAX).hits.into_iter().map(|hit| hit.record).collect()
        }
    });
    let search_note = Signal::derive(move || {
        let count = found.with(Vec::len);
        if query.get().trim().is_empty() {
            let own = note.get();
            if own.is_empty() { w.get().form_find_person().to_owned() } else { own }
        } else if count == 0 {
            w.get().form_found_nobody().to_owned()
        } else {
            w.get().form_found_people(count)
        }
    });
    view! {
        <Field
            label
            value=query
            on_input=move |typed: String| query.set(typed)
            optional_mark=mark
            note=search_note
            problem
            icon=Icon::Search
            id
        />
        <div class="form__offered" role="list">
            {move || found.get().into_iter().map(|person| {
                let choose = move |()| {
                    query.set(String::new());
                    on_choose.run(person);
                };
                view! { <div role="listitem">{row(roster, w, person, query, Callback::new(choose))}</div> }
            }).collect::<View>()}
        </div>
    }
}

/// A person as a row: who, and the number.
fn row(roster: Roster, w: Signal<Words>, person: RecordId, typed: RwSignal<String>, on_open: Callback<()>) -> View {
    let name = Signal::derive(move || name_of(roster, w.get(), person));
    let second = move || {
        roster
            .record(person)
            .map(|person| typed.with(|typed| phone_of(roster, w.get(), &person, typed)))
            .unwrap_or_default()
    };
    view! {
        <ListRow
            title=name
            second=slot(second)
            face=slot(view! { <Face look=Signal::derive(move || Look::letter_of(&name.get()))/> })
            on_open
        />
    }
}

/// The chosen person, or the search for one.
fn chosen_or_searched(
    chosen: Memo<Option<RecordId>>,
    shown: impl Fn(RecordId) -> View + Send + 'static,
    search: impl Fn() -> View + Send + 'static,
) -> View {
    (move || match chosen.get() {
        Some(person) => shown(person),
        None => search(),
    })
    .into_view()
}
