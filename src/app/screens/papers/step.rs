//! Taking a step: at one press where nothing is missing, else in a sheet that asks for just that.

use std::collections::BTreeMap;

use yingke_core::{
    capture::Scene,
    change::{Edit, Key},
    form::Draft,
    id::{RecordId, StaffId},
    pack::{self, Condition, Field, FieldType, Form, Language, Required, Rule, Section, Test},
    paper,
    record::Record,
    value::Value,
    work::{Call, Machine, Step},
    workflow::Refusal,
};

use super::{form_page::FormPage, refusal::refusal_text};
use crate::{
    roster::Roster,
    route::use_route,
    screens::{
        form::{PackForm, Ready, Saved, of_fields, save_failed, tell_saved},
        record_title::title_of,
    },
    t,
    ui::{Banner, Icon, Toast, Toaster, Tone},
    view::prelude::*,
    words::{Words, use_words},
};

/// A step that I may take.
#[derive(Clone)]
pub struct Offered {
    pub machine: &'static Machine,
    pub step: &'static Step,
    /// Fields that it still wants.
    pub asks: Vec<&'static Field>,
    pub needs_reason: bool,
    /// What no typing mends.
    pub unmet: Vec<Call>,
}

impl PartialEq for Offered {
    fn eq(&self, other: &Self) -> bool {
        self.machine.id == other.machine.id
            && self.step.key == other.step.key
            && self.asks.iter().map(|field| &field.key).eq(other.asks.iter().map(|field| &field.key))
            && self.unmet == other.unmet
    }
}

/// The steps of a record that whoever acts here may take now, what can be done first.
#[must_use]
pub fn offered(roster: Roster, record: &Record) -> Vec<Offered> {
    roster.actor_now().map(|actor| offers_to(roster, record, actor.id)).unwrap_or_default()
}

/// The steps that one of the staff may take now.
#[must_use]
pub fn offers_to(roster: Roster, record: &Record, staff: StaffId) -> Vec<Offered> {
    let (pack, work) = (roster.pack(), roster.work());
    let found = roster.papers(&[], |scene, ground| {
        let scene = Scene { me: staff, ..*scene };
        let offers = paper::offers(record, &scene, ground);
        let keys = |offer: &paper::Offer<'_>| {
            let asks: Vec<Key> = offer.asks.iter().map(|field| field.key.clone()).collect();
            (offer.machine.id.clone(), offer.step.key.clone(), asks, offer.needs_reason, offer.unmet.clone())
        };
        offers.iter().map(keys).collect::<Vec<_>>()
    });
    let mut offered: Vec<Offered> = found
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(machine, step, asks, needs_reason, unmet)| {
            let machine = work.machine(&machine)?;
            let asks = asks.iter().filter_map(|key| paper::field_of(pack, record.kind().as_str(), key.as_str()));
            Some(Offered { machine, step: machine.step(&step)?, asks: asks.collect(), needs_reason, unmet })
        })
        .collect();
    // Ways out, such as a withdrawal, stand behind ways on.
    offered.sort_by_key(|offer| (!offer.unmet.is_empty(), offer.needs_reason));
    offered
}

/// The edits of a step with what was typed for it, or why it cannot be taken.
fn edits(
    roster: Roster,
    words: Words,
    record: &Record,
    offer: &Offered,
    typed: &BTreeMap<Key, Value>,
    reason: Option<&str>,
) -> Result<Vec<Edit>, String> {
    let taken = roster.papers(&[], |scene, ground| {
        let (machine, step) = (offer.machine, &*offer.step.key);
        paper::step(record, machine, step, typed, reason, scene, ground, &mut || roster.new_id())
    });
    let told = |refusal: &Refusal| refusal_text(roster, words, Some(offer.machine), record.into(), refusal);
    taken.unwrap_or(Err(Refusal::Unknown)).map_err(|refusal| told(&refusal))
}

/// Takes a step that asks for nothing.
pub fn take_now(roster: Roster, words: Signal<Words>, toaster: Toaster, id: RecordId, offer: &Offered) {
    let w = words.get_untracked();
    let Some(record) = untrack(|| roster.record(id)) else { return };
    let written = untrack(|| edits(roster, w, &record, offer, &BTreeMap::new(), None));
    let name = offer.step.label.in_language(w.0).to_owned();
    match written {
        Err(told) => {
            roster.dismiss();
            toaster.tell(Toast::new(told));
        }
        Ok(written) => leptos::task::spawn_local(async move {
            let w = words.get_untracked();
            let told = match roster.save("step", written).await {
                Ok(_) => w.paper_step_taken(name),
                Err(error) => save_failed(w, &error).to_owned(),
            };
            roster.dismiss();
            toaster.tell(Toast::new(told));
        }),
    }
}

/// `/record/…/step/sign`: what a step still wants, and nothing else.
#[component]
pub fn TakeStep() -> impl IntoView {
    let route = use_route();
    let key = Memo::new(move |_| (route.part(1).and_then(|id| id.parse::<RecordId>().ok()), route.part(3)));
    move || {
        let (id, step) = key.get();
        let id = id?;
        Some(untrack(|| view! { <Take id step=step.unwrap_or_default()/> }))
    }
}

#[component]
fn Take(id: RecordId, step: String) -> impl IntoView {
    let w = use_words();
    let roster = crate::roster::use_roster();
    let route = use_route();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let back = Callback::new(move |()| route.replace(&format!("/record/{id}")));
    // A second person came for this one step.
    on_cleanup(move || roster.dismiss());
    let by_another = roster.actor_now().zip(roster.me_now()).filter(|(actor, me)| actor.id != me.id);
    let by_another = by_another.map(|(actor, me)| {
        let text = move || w.get().approve_under_way(&actor.name, &me.name);
        view! { <Banner tone=Tone::Pine icon=Icon::People text/> }
    });
    let record = roster.record(id);
    let offer = record.as_ref().and_then(|record| {
        offered(roster, record).into_iter().find(|offer| *offer.step.key == *step && offer.unmet.is_empty())
    });
    let (Some(record), Some(offer)) = (record, offer) else {
        // Somebody else took it meanwhile, or the address is an old one: the record's page says how it stands.
        back.run(());
        return View::Nothing;
    };
    let label = &offer.step.label;
    let form = step_form(&offer);
    let start: Draft = of_fields(roster, &form, &record);
    let refused = RwSignal::new(None::<String>);
    let draft_key = format!("step:{id}:{step}");
    let offer = StoredValue::new(offer);
    let decide = Callback::new(move |ready: Ready| {
        refused.set(None);
        let Some(record) = untrack(|| roster.record(id)) else { return Vec::new() };
        let reason = ready.filled.text("reason").map(str::to_owned).filter(|_| offer.with_value(|o| o.needs_reason));
        let mut typed: BTreeMap<Key, Value> = BTreeMap::new();
        for (key, value) in ready.filled.values() {
            if !(key.as_str() == "reason" && reason.is_some()) {
                typed.insert(key.clone(), value.clone());
            }
        }
        let written = offer.with_value(|offer| {
            untrack(|| edits(roster, w.get_untracked(), &record, offer, &typed, reason.as_deref()))
        });
        written.unwrap_or_else(|told| {
            refused.set(Some(told));
            Vec::new()
        })
    });
    let saved = Callback::new(move |_: Saved| {
        let name = label.in_language(w.get_untracked().0);
        toaster.tell(Toast::new(w.get_untracked().paper_step_taken(name)));
        back.run(());
    });
    let whom = move || roster.record(id).map(|record| title_of(roster, w.get(), &record)).unwrap_or_default();
    view! {
        <FormPage title=move || label.in_language(w.get().0).to_owned() whom on_back=back one_section=true>
            {by_another}
            <PackForm
                form_key="step"
                form=form
                draft_key
                start
                refused
                save_label=t!(w, paper_take)
                edits=decide
                on_saved=saved
            />
        </FormPage>
    }
}

/// What is owed here before somebody else can go on. Subscribes to what it read.
#[must_use]
pub fn owed(roster: Roster, record: &Record) -> Option<Section> {
    roster.papers(&[], |scene, ground| paper::owed(record, scene, ground)).flatten()
}

/// `/record/…/note`: what is owed, written down without a step.
#[component]
pub fn TakeNote() -> impl IntoView {
    let route = use_route();
    let id = Memo::new(move |_| route.part(1).and_then(|id| id.parse::<RecordId>().ok()));
    move || id.get().map(|id| untrack(|| view! { <Note id/> }))
}

#[component]
fn Note(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = crate::roster::use_roster();
    let route = use_route();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let back = Callback::new(move |()| route.replace(&format!("/record/{id}")));
    let record = roster.record(id);
    let owed = record.as_ref().and_then(|record| owed(roster, record));
    let (Some(record), Some(mut section)) = (record, owed) else {
        back.run(());
        return View::Nothing;
    };
    for field in section.fields.iter_mut().filter(|field| field.required == Required::Later) {
        field.required = Required::Yes;
    }
    let title = section.title.clone();
    let form = Form { id: "step".into(), title: title.clone(), record: "".into(), copies: 1, sections: vec![section] };
    let start: Draft = of_fields(roster, &form, &record);
    let decide = Callback::new(move |ready: Ready| {
        let typed = ready.filled.values().map(|(key, value)| (key.clone(), value.clone())).collect();
        untrack(|| roster.record(id)).map(|record| paper::note(&record, &typed)).unwrap_or_default()
    });
    let name = StoredValue::new(title);
    let title = move || name.with_value(|name| name.in_language(w.get().0).to_owned());
    let saved = Callback::new(move |saved: Saved| {
        let what = untrack(title);
        tell_saved(roster, toaster, w, w.get_untracked().paper_saved(&what), what, saved.undo);
        back.run(());
    });
    let whom = move || roster.record(id).map(|record| title_of(roster, w.get(), &record)).unwrap_or_default();
    let draft_key = format!("note:{id}");
    view! {
        <FormPage title whom on_back=back one_section=true>
            <PackForm form_key="step" form=form draft_key start edits=decide on_saved=saved/>
        </FormPage>
    }
}

/// A form that asks for what a step wants, and nothing else.
fn step_form(offer: &Offered) -> Form {
    let mut fields: Vec<Field> = offer
        .asks
        .iter()
        .map(|field| {
            let mut field = (*field).clone();
            field.required = wanted(offer, &field.key);
            // What must be agreed to before the step is agreed to here.
            let is_asked_yes =
                offer.step.needs.iter().any(|call| &*call.name == "yes" && call.argument(0) == field.key.as_str());
            if is_asked_yes {
                field.more_rules.push(Rule::Agreed);
            }
            field
        })
        .collect();
    if offer.needs_reason {
        fields.push(Field {
            key: Key::of("reason"),
            label: words_of(Words::paper_reason),
            note: None,
            kind: FieldType::LongText,
            required: Required::Yes,
            default: None,
            rule: None,
            more_rules: Vec::new(),
            added: true,
            unprinted: false,
        });
    }
    let title = offer.step.label.clone();
    let section = Section { key: "step".into(), title: title.clone(), text: None, columns: 1, fields };
    Form { id: "step".into(), title, record: "".into(), copies: 1, sections: vec![section] }
}

/// Whether a step wants one of its fields: of several of which any will do, as long as the others are empty.
fn wanted(offer: &Offered, key: &Key) -> Required {
    let any_of = offer.step.needs.iter().find(|call| &*call.name == "any_filled" && names(call, key));
    let by_itself = offer.step.needs.iter().any(|call| &*call.name != "any_filled" && names(call, key));
    let Some(any_of) = any_of.filter(|_| !by_itself) else { return Required::Yes };
    let others = offer.asks.iter().map(|field| &field.key).filter(|other| *other != key && names(any_of, other));
    Required::Unless(others.map(|other| Condition { field: other.clone(), test: Test::Filled }).collect())
}

fn names(call: &Call, key: &Key) -> bool {
    call.arguments.iter().any(|argument| **argument == *key.as_str())
}

/// A sentence in every language.
fn words_of(sentence: fn(Words) -> &'static str) -> pack::Words {
    let [zh_hans, zh_hant, en] = Language::ALL.map(|language| Box::from(sentence(Words(language))));
    pack::Words { zh_hans, zh_hant, en }
}
