//! Any form of the pack as a page: a new paper, or one that is there filled in further.

use yingke_core::{
    change::{Edit, Key},
    form::Draft,
    id::RecordId,
    pack::{Field, FieldType, Form, ListOf, Reference, Required},
    paper,
    record::Record,
    schema::{self, Holds},
    task::Deed,
    workflow::Refusal,
};

use super::{
    form_page::FormPage,
    not_for_me, nothing_there, person_of,
    refusal::{Of, refusal_text},
};
use crate::{
    roster::{Roster, use_roster},
    route::use_route,
    screens::{
        form::{PackForm, PersonSearch, Ready, Saved, begin_rest, begun, of_record, tell_saved},
        record_title::title_of,
    },
    t,
    ui::{Button, ButtonKind, Toaster},
    view::prelude::*,
    words::use_words,
};

/// `/form/F-10?about=…&task=…`: a new paper about somebody or something, perhaps for a task.
#[component]
pub fn BeginPaper() -> impl IntoView {
    let route = use_route();
    let key = Memo::new(move |_| (route.part(1).unwrap_or_default(), route.asked("about"), route.asked("task")));
    move || {
        let (form, about, task) = key.get();
        let about = about.and_then(|id| id.parse().ok());
        let task = task.and_then(|id| id.parse().ok());
        untrack(|| view! { <Begin form_id=form about task/> })
    }
}

#[component]
fn Begin(form_id: String, about: Option<RecordId>, task: Option<RecordId>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let Some(form) = roster.pack().form(&form_id) else { return nothing_there() };
    let form_key: &'static str = &form.id;
    let about = StoredValue::new(around(roster, form, about));
    let start = about.with_value(|about| {
        let mut draft: Draft = begun(roster, form_key, &[]);
        // What the address says, such as the court and the hour that were tapped, stands there to be altered.
        for field in form.fields() {
            if let Some(text) = route.asked(field.key.as_str()) {
                draft.set(&field.key, text);
            }
        }
        paper::prefill(form, &about.iter().collect::<Vec<_>>(), &mut draft);
        draft
    });
    let draft_key = about.with_value(|about| match about.first() {
        Some(first) => format!("{form_key}:{}", first.id),
        None => form_key.to_owned(),
    });
    // What it is about is not asked again, and what a step fills in is not asked before.
    let mut without = about.with_value(|about| prefilled(form, about));
    let is_for_step = |field: &&'static Field| {
        field.required == Required::Later && roster.work().is_filled_by_step(&form.record, field.key.as_str())
    };
    without.extend(form.fields().filter(is_for_step).map(|field| field.key.as_str()));
    let refused = RwSignal::new(None::<String>);
    let begun_id = StoredValue::new(None::<RecordId>);
    let decide = Callback::new(move |ready: Ready| {
        refused.set(None);
        let words = w.get_untracked();
        let written = untrack(|| {
            about.with_value(|about| {
                let about: Vec<&Record> = about.iter().collect();
                roster.papers(&[], |scene, ground| {
                    paper::begin(&ready.filled, &about, scene, ground, &mut || roster.new_id())
                })
            })
        });
        let written: Result<Vec<Edit>, Refusal> = written.unwrap_or(Err(Refusal::Unknown));
        match written {
            Ok(mut edits) => {
                begun_id.set_value(edits.first().map(|edit| edit.record));
                edits.extend(untrack(|| {
                    done_task(roster, about.with_value(|about| about.first().map(|it| it.id)), task)
                }));
                edits
            }
            Err(refusal) => {
                let known = about.with_value(|about| about.first().cloned());
                let of = Of { kind: &form.record, record: known.as_ref() };
                refused.set(Some(refusal_text(roster, words, None, of, &refusal)));
                Vec::new()
            }
        }
    });
    let saved = Callback::new(move |saved: Saved| {
        let words = w.get_untracked();
        let what = form.title.in_language(words.0).to_owned();
        let record = begun_id.get_value().and_then(|id| untrack(|| roster.record(id)));
        let is_handed_on = record.as_ref().is_some_and(|record| !roster.reads(record.audience()));
        let told = if is_handed_on { words.paper_handed_on(&what) } else { words.paper_saved(&what) };
        tell_saved(roster, toaster, w, told, what, saved.undo);
        match record {
            // Back from the record leads to where the form was opened from.
            Some(record) if !is_handed_on => route.replace(&format!("/record/{}", record.id)),
            // It is others' from now on, and leaves this tablet once it has arrived.
            _ => route.replace("/desk"),
        }
    });
    let back = Callback::new(move |()| {
        about.with_value(|about| match about.first() {
            Some(first) if first.kind().as_str() == "person" => route.go(&format!("/people/{}/file", first.id)),
            Some(first) => route.go(&format!("/record/{}", first.id)),
            None => route.go(&format!("/desk/{}", form.record)),
        })
    });
    let whom = move || {
        let first = about.with_value(|about| about.first().cloned());
        first.map(|record| title_of(roster, w.get(), &record)).unwrap_or_default()
    };
    let whom_asked = RwSignal::new(about.with_value(Vec::is_empty) && belongs(form));
    let choose = Callback::new(move |person: RecordId| {
        let asked = std::iter::once("task").chain(form.fields().map(|field| field.key.as_str()));
        let rest = asked.filter_map(|key| Some(format!("&{key}={}", route.asked(key)?))).collect::<String>();
        route.replace(&format!("/form/{form_key}?about={person}{rest}"));
    });
    let may_be_unknown = !needs_person(form);
    view! {
        <FormPage title=move || form.title.in_language(w.get().0).to_owned() whom on_back=back>
            {move || if whom_asked.get() {
                view! { <Whom on_choose=choose may_be_unknown on_unknown=move |()| whom_asked.set(false)/> }
            } else {
                let (draft_key, start, without) = (draft_key.clone(), start.clone(), without.clone());
                view! { <PackForm form_key draft_key start without refused edits=decide on_saved=saved/> }
            }}
        </FormPage>
    }
}

/// Whom a paper is about is asked before all else: much of it then stands there already.
#[component]
fn Whom(
    on_choose: Callback<RecordId>,
    /// Somebody whom the club does not know yet may do.
    may_be_unknown: bool,
    #[prop(into)] on_unknown: Callback<()>,
) -> impl IntoView {
    let w = use_words();
    view! {
        <div class="papers__whom">
            <PersonSearch label=t!(w, paper_whom) on_choose/>
            {may_be_unknown.then(|| view! {
                <Button label=t!(w, paper_whom_unknown) kind=ButtonKind::Quiet on_press=on_unknown/>
            })}
        </div>
    }
}

/// Whether a paper of this form belongs to a person whom the form itself does not ask for.
fn belongs(form: &Form) -> bool {
    let asks = |field: &Field| match field.kind {
        FieldType::Ref(reference) => {
            reference.kinds().iter().any(|kind| matches!(*kind, "person" | "membership" | "visit" | "case" | "booking"))
        }
        _ => false,
    };
    schema::field(&form.record, "person").is_some_and(|spec| spec.holds == Holds::Record) && !form.fields().any(asks)
}

/// Whether the paper means nothing without its person: whoever complains or tries the club out need not be known yet.
fn needs_person(form: &Form) -> bool {
    !matches!(&*form.record, "case" | "trial" | "trial_pass" | "give_back")
}

/// `/record/…/form/F-10`: what is on a paper filled in further, or put right.
#[component]
pub fn CorrectPaper() -> impl IntoView {
    let route = use_route();
    let key = Memo::new(move |_| (route.part(1).and_then(|id| id.parse::<RecordId>().ok()), route.part(3)));
    move || {
        let (id, form) = key.get();
        match (id, form) {
            (Some(id), Some(form_id)) => untrack(|| view! { <Correct id form_id/> }),
            _ => nothing_there(),
        }
    }
}

#[component]
fn Correct(id: RecordId, form_id: String) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let (Some(form), Some(record)) = (roster.pack().form(&form_id), roster.record(id)) else { return nothing_there() };
    if !roster.may_see(&record) {
        return not_for_me();
    }
    let form_key: &'static str = &form.id;
    let mut start = of_record(roster, form_key, &record);
    let about = around(roster, form, person_of(&record));
    paper::prefill(form, &about.iter().collect::<Vec<_>>(), &mut start);
    // What must be there and is not yet begins with its default, as on a form that nobody has filled in.
    begin_rest(roster, form, &mut start, |field| field.required == Required::Yes);
    // A number that stands masked on the paper is kept elsewhere and not typed twice. What was signed stays signed.
    let without: Vec<&'static str> = form
        .fields()
        .filter(|field| {
            let held = record.get(field.key.as_str()).is_some();
            held && (paper::is_identity(field) || field.kind == FieldType::Signature)
        })
        .map(|field| field.key.as_str())
        .collect();
    for key in &without {
        start.set(&Key::parse(key).expect("a field's key is a key"), "");
    }
    let refused = RwSignal::new(None::<String>);
    let decide = Callback::new(move |ready: Ready| {
        let Some(known) = untrack(|| roster.record(id)) else { return Vec::new() };
        refused.set(None);
        let written = untrack(|| {
            roster.papers(&[], |scene, ground| {
                paper::correct(&ready.filled, &known, scene, ground, &mut || roster.new_id())
            })
        });
        written.unwrap_or(Err(Refusal::Unknown)).unwrap_or_else(|refusal| {
            let of = Of { kind: &form.record, record: Some(&known) };
            refused.set(Some(refusal_text(roster, w.get_untracked(), None, of, &refusal)));
            Vec::new()
        })
    });
    let saved = Callback::new(move |saved: Saved| {
        let words = w.get_untracked();
        let what = form.title.in_language(words.0).to_owned();
        tell_saved(roster, toaster, w, words.paper_saved(&what), what, saved.undo);
        route.replace(&format!("/record/{id}"));
    });
    let back = Callback::new(move |()| route.go(&format!("/record/{id}")));
    let whom = move || roster.record(id).map(|record| title_of(roster, w.get(), &record)).unwrap_or_default();
    let draft_key = format!("{form_key}:{id}");
    view! {
        <FormPage title=move || form.title.in_language(w.get().0).to_owned() whom on_back=back>
            <PackForm form_key draft_key start without of=id refused edits=decide on_saved=saved/>
        </FormPage>
    }
}

/// What a form is about: the record named, the person it belongs to, and a person's only card where a card is wanted.
fn around(roster: Roster, form: &Form, about: Option<RecordId>) -> Vec<Record> {
    let Some(first) = about.and_then(|id| roster.record(id)) else { return Vec::new() };
    let is_person = first.kind().as_str() == "person";
    let person = if is_person { None } else { person_of(&first).and_then(|id| roster.record(id)) };
    let wants_card = form.fields().any(|field| field.kind == FieldType::Ref(Reference::Membership));
    let whose = if is_person { Some(first.id) } else { person.as_ref().map(|person| person.id) };
    let cards = match whose {
        Some(person) if wants_card && first.kind().as_str() != "membership" => cards_of(roster, person),
        _ => Vec::new(),
    };
    let only_card = (cards.len() == 1).then(|| cards.into_iter().next()).flatten();
    [Some(first), person, only_card].into_iter().flatten().collect()
}

/// The cards of a person that are not over.
#[must_use]
pub fn cards_of(roster: Roster, person: RecordId) -> Vec<Record> {
    let history = roster.history(person);
    let cards = history.into_iter().filter(|record| record.kind().as_str() == "membership");
    cards.filter(|card| super::standing(roster, card).is_none_or(|(_, state)| !state.is_end)).collect()
}

/// The fields that what the form is about fills in: they are not drawn.
fn prefilled(form: &'static Form, about: &[Record]) -> Vec<&'static str> {
    let mut draft = Draft::default();
    paper::prefill(form, &about.iter().collect::<Vec<_>>(), &mut draft);
    form.fields()
        .filter(|field| {
            matches!(field.kind, FieldType::Ref(_)) && !matches!(field.kind, FieldType::List(ListOf::Refs(_)))
        })
        .filter(|field| !draft.get(field.key.as_str()).is_empty())
        .map(|field| field.key.as_str())
        .collect()
}

/// The task for which the form was opened is done with it.
fn done_task(roster: Roster, subject: Option<RecordId>, task: Option<RecordId>) -> Option<Edit> {
    let (subject, task) = (subject?, task?);
    let mine = roster.tasks_of(subject).into_iter().find(|mine| mine.task.id == task)?;
    roster.deed(&mine.task, Deed::Done)
}
