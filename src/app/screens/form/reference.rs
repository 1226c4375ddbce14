//! Fields that point to a record: those of the form's person first, then the newest, each by a readable title; with a
//! search where there are many. Also the talking points of a prompt, and the stops of a route.

use crate::view::prelude::*;
use yingke_core::{
    change::Key,
    form::Draft,
    id::RecordId,
    pack::{Field as FormField, FieldType, Form, Reference},
    paper,
    record::Record,
    schema,
    workflow::PROGRESS,
};

use super::{field::Labelled, sheet::Sheet};
use crate::{
    roster::{Roster, Whose},
    screens::{
        papers::person_of,
        record_title::{kind_of, second_of, title_of},
    },
    t,
    ui::{Button, ButtonKind, CheckBox, Choice, ChoiceList, Facts, Field, FieldGroup, Icon, ListRow, slot},
    words::Words,
};

/// Records offered at once: as many as are seen.
const OFFERED_MAX: usize = 6;
/// Records that a search looks through, the newest of their kind; those of people who are found come on top.
const SEARCHED_MAX: usize = 400;

/// One record, or several: what was chosen with the way to take it out, and what can be chosen.
pub(super) fn records(
    sheet: Sheet,
    key: Key,
    reference: Reference,
    takes_several: bool,
    may_stay_empty: Signal<bool>,
    labelled: Labelled,
) -> View {
    let Sheet { roster, w, .. } = sheet;
    let Labelled { label, mark, note, problem, id } = labelled;
    let kinds = reference.kinds();
    let key = StoredValue::new(key);
    let query = RwSignal::new(String::new());
    let chosen = Memo::new(move |_| {
        let codes = key.with_value(|key| sheet.codes(key));
        codes.iter().filter_map(|code| code.parse().ok()).collect::<Vec<RecordId>>()
    });
    let person = Memo::new(move |_| whose(sheet));
    let all = Memo::new(move |_| candidates(roster, kinds, person.get()));
    let found = Memo::new(move |_| {
        let typed = query.get();
        let left = |id: &RecordId| !chosen.with(|chosen| chosen.contains(id));
        let Candidates { ids, unasked } = all.get();
        if typed.trim().is_empty() {
            return ids.into_iter().take(unasked).filter(left).take(OFFERED_MAX).collect();
        }
        let all = ids.into_iter().filter(left);
        let of_people = of_people_found(roster, kinds, &typed);
        let wanted = typed.trim().to_lowercase();
        let reads = |id: &RecordId| {
            let record = untrack(|| roster.record(*id));
            record.is_some_and(|record| matches(roster, w.get(), &record, &wanted))
        };
        let mut found: Vec<RecordId> = of_people.into_iter().filter(left).collect();
        for id in all.filter(reads) {
            if !found.contains(&id) {
                found.push(id);
            }
        }
        found.truncate(OFFERED_MAX);
        found
    });
    let is_open = move || takes_several || chosen.with(Vec::is_empty);
    let fill = move |id: RecordId, how: fn(&Form, &[&Record], &mut Draft)| {
        let record = untrack(|| roster.record(id));
        let person = record.as_ref().and_then(person_of).and_then(|person| untrack(|| roster.record(person)));
        let known: Vec<&Record> = record.iter().chain(&person).collect();
        sheet.form.with_value(|form| sheet.draft.update(|draft| how(form, &known, draft)));
    };
    let choose = Callback::new(move |id: RecordId| {
        query.set(String::new());
        key.with_value(|key| {
            if takes_several {
                sheet.draft.update(|draft| draft.toggle(key, &id.to_string()));
                sheet.typed.run(());
            } else {
                sheet.set(key, id.to_string());
                // What the form asks of it besides, such as a card's number and whose it is, is known now.
                fill(id, paper::prefill);
            }
        });
    });
    let take_out = Callback::new(move |id: RecordId| {
        if takes_several {
            key.with_value(|key| sheet.draft.update(|draft| draft.toggle(key, &id.to_string())));
        } else {
            fill(id, paper::take_back);
        }
        sheet.typed.run(());
    });
    let row = move |id: RecordId, on_open: Option<Callback<()>>| {
        let title = Signal::derive(move || {
            roster.record(id).map(|record| title_of(roster, w.get(), &record)).unwrap_or_default()
        });
        let second = move || {
            let items = roster.record(id).map(|record| second_of(roster, w.get(), &record)).unwrap_or_default();
            view! { <Facts items/> }
        };
        match on_open {
            Some(on_open) => view! { <ListRow title second=slot(second) on_open/> },
            None => view! { <ListRow title second=slot(second)/> },
        }
    };
    let shown_chosen = move || {
        let rows = chosen.get().into_iter().map(|id| {
            let out =
                move || if takes_several { w.get().form_take_out() } else { w.get().form_choose_other() }.to_owned();
            view! {
                <div class="form__chosen">
                    {row(id, None)}
                    <Button label=Signal::derive(out) kind=ButtonKind::Text on_press=move |()| take_out.run(id)/>
                </div>
            }
        });
        rows.collect::<View>()
    };
    let many = Memo::new(move |_| all.with(|all| all.ids.len() > all.unasked.min(OFFERED_MAX)));
    let search_note = move || {
        if query.with(|query| query.trim().is_empty()) {
            String::new()
        } else {
            match found.with(Vec::len) {
                0 => w.get().form_found_none().to_owned(),
                count => w.get().form_found_records(count),
            }
        }
    };
    let offered = move || {
        if !is_open() {
            return View::Nothing;
        }
        if all.with(|all| all.ids.is_empty()) {
            let kind = kinds.first().copied().unwrap_or_default();
            let none = move || {
                let way = how_one_comes_to_be(w.get(), reference);
                let none = w.get().form_none_yet(kind_of(roster, w.get(), kind), way);
                if may_stay_empty.get() { format!("{none}{}", w.get().form_none_is_fine()) } else { none }
            };
            return view! { <p class="form__none">{none}</p> };
        }
        let search = shown(
            move || many.get(),
            move || {
                view! {
                    <div class="rows__field">
                        <Field
                            label=t!(w, form_find_record)
                                value=query
                            on_input=move |typed: String| query.set(typed)
                            note=Signal::derive(search_note)
                            icon=Icon::Search
                        />
                    </div>
                }
            },
        );
        view! {
            {search}
            <div class="form__offered" role="list">
                {move || found.get().into_iter().map(|id| {
                    view! { <div role="listitem">{row(id, Some(Callback::new(move |()| choose.run(id))))}</div> }
                }).collect::<View>()}
            </div>
        }
    };
    view! { <FieldGroup label optional_mark=mark note problem id>{shown_chosen} {offered}</FieldGroup> }
}

/// What can be chosen.
#[derive(Clone, PartialEq, Eq)]
struct Candidates {
    /// What belongs to the form's person, newest first, then the newest of all; products by their price.
    ids: Vec<RecordId>,
    /// How many of them are offered before anything is typed: what belongs to others is for whoever looks for it.
    unasked: usize,
}

fn candidates(roster: Roster, kinds: &'static [&'static str], person: Option<RecordId>) -> Candidates {
    let mut ids: Vec<RecordId> = Vec::new();
    if let Some(person) = person {
        let own = roster.history(person).into_iter().filter(|record| kinds.contains(&record.kind().as_str()));
        ids.extend(own.filter(|record| is_offered(roster, record)).map(|record| record.id));
    }
    let newest = roster.ask(kinds, |replica| {
        let of_kinds = kinds.iter().flat_map(|kind| replica.by_kind(kind).rev().take(SEARCHED_MAX));
        let offered = of_kinds.filter(|id| replica.record(*id).is_some_and(|record| is_offered(roster, &record)));
        offered.collect::<Vec<RecordId>>()
    });
    let own = ids.len();
    ids.extend(newest.into_iter().filter(|id| !ids[..own].contains(id)).collect::<Vec<_>>());
    // What has a price stands in its order, as on a price list.
    ids[own..].sort_by_cached_key(|id| roster.record(*id).and_then(|record| record.get("list_price")?.as_int()));
    let is_somebodys = kinds.iter().any(|kind| schema::field(kind, "person").is_some());
    let unasked = if person.is_some() && is_somebodys { own } else { ids.len() };
    Candidates { ids, unasked }
}

/// Whom the form is about, as far as it says so, or whose card, visit or booking it names.
fn whose(sheet: Sheet) -> Option<RecordId> {
    sheet.about().or_else(|| {
        let owner = |field: &FormField| {
            let id = sheet.draft.with(|draft| draft.get(field.key.as_str()).parse().ok())?;
            person_of(&sheet.roster.record(id)?)
        };
        let is_record = |field: &&FormField| matches!(field.kind, FieldType::Ref(_));
        sheet.form.with_value(|form| form.fields().filter(is_record).find_map(owner))
    })
}

/// Neither taken back nor out of use, nor a booking that somebody has come for, missed or cancelled.
fn is_offered(roster: Roster, record: &Record) -> bool {
    let is_over = || {
        let machine = roster.work().machines_of("booking").next()?;
        Some(machine.state(record.guarded(PROGRESS)?.get("state")?.as_text()?)?.is_end)
    };
    let is_used = record.kind().as_str() == "booking" && is_over() == Some(true);
    !is_used
        && !record.is("withdrawn")
        && record.get("active").and_then(yingke_core::value::Value::as_bool) != Some(false)
}

/// The records of people whose name or number is typed.
fn of_people_found(roster: Roster, kinds: &[&str], typed: &str) -> Vec<RecordId> {
    let people = roster.search(typed, Whose::Everyone, OFFERED_MAX).hits.into_iter().map(|hit| hit.record);
    let own = people.flat_map(|person| roster.history(person));
    own.filter(|record| kinds.contains(&record.kind().as_str()) && is_offered(roster, record))
        .map(|record| record.id)
        .collect()
}

/// Whether what is shown of a record holds what was typed, in lower case.
fn matches(roster: Roster, words: Words, record: &Record, wanted: &str) -> bool {
    let holds = |text: String| text.to_lowercase().contains(wanted);
    holds(title_of(roster, words, record)) || second_of(roster, words, record).into_iter().any(holds)
}

/// What to do so that there is something to choose.
fn how_one_comes_to_be(words: Words, reference: Reference) -> &'static str {
    match reference {
        Reference::Visit => words.form_none_visit(),
        Reference::Negotiation => words.form_none_negotiation(),
        Reference::Membership => words.form_none_membership(),
        Reference::Case => words.form_none_case(),
        Reference::Booking => words.form_none_booking(),
        Reference::Subject => words.form_none_subject(),
        Reference::Person
        | Reference::Staff
        | Reference::Outing
        | Reference::Campaign
        | Reference::Product
        | Reference::Venue
        | Reference::Department
        | Reference::Route
        | Reference::Prompt
        | Reference::Segment
        | Reference::Offer
        | Reference::Equipment
        | Reference::Resource
        | Reference::Course => words.form_none_house(),
    }
}

/// Talking points, with those of the chosen talk to read.
pub(super) fn prompt(sheet: Sheet, key: Key, on_choose: Callback<String>, labelled: Labelled) -> View {
    let Sheet { w, pack, .. } = sheet;
    let Labelled { label, mark, note, problem, id } = labelled;
    let options = Signal::derive(move || {
        let language = w.get().0;
        pack.prompts
            .iter()
            .map(|prompt| Choice::new(&*prompt.id, prompt.title.in_language(language)))
            .collect::<Vec<_>>()
    });
    let chosen = Signal::derive(move || sheet.get(&key));
    let points = move || {
        let prompt = pack.prompt(&chosen.get())?;
        let points = prompt.points.iter().map(|point| {
            let point = point.in_language(w.get().0).to_owned();
            view! { <li>{point}</li> }
        });
        Some(view! { <ol class="form__points">{points.collect::<View>()}</ol> })
    };
    view! {
        <ChoiceList label options chosen on_choose optional_mark=mark note problem id/>
        {points}
    }
}

/// The stops of the route that another field of the form names, floor by floor, to tick.
pub(super) fn stops(sheet: Sheet, key: Key, route_field: Key, labelled: Labelled) -> View {
    let Sheet { w, pack, .. } = sheet;
    let Labelled { label, mark, note, problem, id } = labelled;
    let key = StoredValue::new(key);
    let route = Memo::new(move |_| sheet.get(&route_field));
    let stops = move || {
        let Some(route) = pack.route(&route.get()) else {
            return view! { <p class="form__none">{t!(w, form_choose_route)}</p> };
        };
        let mut floor = None;
        let rows = route.stops.iter().map(|stop| {
            let heads = (floor != Some(stop.floor)).then(|| {
                let of = stop.floor;
                view! { <h3 class="form__floor">{move || floor_words(w.get(), of)}</h3> }
            });
            floor = Some(stop.floor);
            let (code, label) = (stop.key.to_string(), stop.label.clone());
            let on = {
                let code = code.clone();
                Signal::derive(move || {
                    sheet.draft.with(|draft| key.with_value(|key| draft.has_code(key.as_str(), &code)))
                })
            };
            let tick = move |_: bool| {
                key.with_value(|key| sheet.draft.update(|draft| draft.toggle(key, &code)));
                sheet.typed.run(());
            };
            view! {
                {heads}
                <CheckBox label=Signal::derive(move || label.in_language(w.get().0).to_owned()) on on_change=tick/>
            }
        });
        view! { <div class="form__stops">{rows.collect::<View>()}</div> }
    };
    view! { <FieldGroup label optional_mark=mark note problem id>{stops}</FieldGroup> }
}

fn floor_words(words: Words, floor: i32) -> String {
    match floor {
        0 => words.form_floor_entrance().to_owned(),
        below if below < 0 => words.form_floor_below(below.unsigned_abs()),
        floor => words.form_floor(floor),
    }
}

/// The person that a form is about: who it goes on with, or whom one of its fields names.
pub(super) fn person_in(form: &Form, draft: &Draft) -> Option<RecordId> {
    let names_person = |field: &&FormField| field.kind == FieldType::Ref(Reference::Person);
    let keys = form.fields().filter(names_person).map(|field| field.key.as_str());
    std::iter::once(super::sheet::PERSON).chain(keys).find_map(|key| draft.get(key).parse().ok())
}

/// Whom a form is about, by name, as far as it says yet.
#[must_use]
pub fn whom(roster: Roster, words: Words, form: &Form, draft: &Draft) -> Option<String> {
    let names = form.fields().filter(|field| field.kind == FieldType::Name);
    let mut typed = names.map(|field| draft.get(field.key.as_str())).filter(|name| !name.is_empty());
    match person_in(form, draft) {
        Some(person) => Some(super::name_of(roster, words, person)),
        None => typed.next().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yingke_core::{
        fixture,
        pack::{ListOf, Pack, VenueKind},
        schema,
    };

    #[test]
    fn whatever_a_form_points_to_can_be_chosen() {
        let mut seen = 0;
        for kind in [VenueKind::Fitness, VenueKind::Sports] {
            let pack = Pack::of(kind);
            for field in pack.forms.iter().flat_map(|form| form.fields()) {
                let (FieldType::Ref(reference) | FieldType::List(ListOf::Refs(reference))) = field.kind else {
                    continue;
                };
                match reference {
                    Reference::Staff | Reference::Venue => {}
                    Reference::Department => assert!(!pack.list("dept_kind").is_empty()),
                    Reference::Route => assert!(!pack.routes.is_empty()),
                    Reference::Prompt => assert!(!pack.prompts.is_empty()),
                    _ => {
                        assert!(!reference.kinds().is_empty(), "{}", field.key);
                        for kind in reference.kinds() {
                            assert!(schema::kind(kind).is_some(), "{}: no records of kind {kind}", field.key);
                        }
                        seen += 1;
                    }
                }
            }
        }
        assert!(seen > 30, "only {seen} fields point to records");
    }

    #[test]
    fn a_form_is_about_who_it_goes_on_with_or_whom_it_names() {
        let form = Pack::of(VenueKind::Fitness).form("F-31").unwrap();
        let person = |number| RecordId::from_bytes(fixture::id_bytes(number));
        let mut draft = Draft::default();
        assert_eq!(person_in(form, &draft), None);
        draft.set(&Key::of("party"), person(2).to_string());
        assert_eq!(person_in(form, &draft), Some(person(2)));
        draft.set(&Key::of("person"), person(1).to_string());
        assert_eq!(person_in(form, &draft), Some(person(1)));
    }
}
