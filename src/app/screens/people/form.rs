//! A person's own file, new or changed: the pack's form `person`.

use crate::route::use_route;
use crate::view::prelude::*;
use yingke_core::{capture::person_edits, id::RecordId, permit::PhoneView, record::Record};

use super::name_of;
use crate::{
    roster::{Roster, use_roster},
    screens::{
        form::{PackForm, Ready, Saved, in_scene, of_record, tell_saved},
        shell::Pill,
    },
    t,
    ui::{Button, ButtonKind, EmptyState, Icon, PageHeader, Toaster},
    words::use_words,
};

#[component]
pub fn NewPerson() -> impl IntoView {
    view! { <PersonForm known=None/> }
}

#[component]
pub fn EditPerson() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let id = Memo::new(move |_| route.part(1).and_then(|id| id.parse::<RecordId>().ok()));
    move || {
        // What is being changed stays as it was opened: a colleague's edit does not pull the form away.
        match id.get().and_then(|id| untrack(|| roster.record(id))) {
            // The form would show what is masked elsewhere: who may see it asks on the person's page.
            Some(person) if !is_whole(roster, &person) => {
                let to_person = Callback::new(move |()| route.go(&format!("/people/{}", person.id)));
                view! {
                    <div class="page">
                        <EmptyState icon=Icon::Lock title=t!(w, phone_kept) text=t!(w, phone_kept_text)>
                            <Button label=t!(w, visit_open_person) kind=ButtonKind::Quiet on_press=to_person/>
                        </EmptyState>
                    </div>
                }
            }
            Some(person) => view! { <PersonForm known=Some(person)/> },
            None => view! {
                <div class="page">
                    <EmptyState icon=Icon::People title=t!(w, person_gone) text=t!(w, person_gone_text)/>
                </div>
            },
        }
    }
}

fn is_whole(roster: Roster, person: &Record) -> bool {
    untrack(|| roster.phone_view(person)) == PhoneView::Whole
}

#[component]
fn PersonForm(known: Option<Record>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let route = use_route();
    let go = Callback::new(move |path: String| route.go(&path));
    let id = known.as_ref().map(|person| person.id);
    let title = {
        let known = known.clone();
        move || known.as_ref().map_or_else(|| w.get().people_new().to_owned(), |person| name_of(w.get(), person))
    };
    let start = known.as_ref().map(|person| of_record(roster, "person", person)).unwrap_or_default();
    let is_new = known.is_none();
    let draft_key = id.map_or_else(|| "person".to_owned(), |id| format!("person:{id}"));
    let back = move || id.map_or_else(|| "/people".to_owned(), |id| format!("/people/{id}"));
    let made = StoredValue::new(id);
    let edits = Callback::new(move |ready: Ready| {
        let known = known.clone().or_else(|| ready.person.and_then(|person| untrack(|| roster.record(person))));
        let edits = in_scene(roster, |scene, ids| person_edits(&ready.filled, scene, known.as_ref(), ids));
        made.set_value(edits.first().map(|edit| edit.record).or(id));
        edits
    });
    let on_saved = Callback::new(move |saved: Saved| {
        let words = w.get_untracked();
        let name = saved.filled.text("name").unwrap_or(words.person_unnamed()).to_owned();
        let told = words.saved_here_of(&name);
        tell_saved(roster, toaster, w, told, name, saved.undo);
        go.run(made.get_value().map_or_else(|| "/people".to_owned(), |id| format!("/people/{id}")));
    });
    view! {
        <PageHeader title back_label=t!(w, back) on_back=Callback::new(move |()| go.run(back()))>
            <Pill/>
        </PageHeader>
        <div class="page page--reading">
            {if is_new {
                view! { <PackForm form_key="person" draft_key finds_person=true edits on_saved/> }
            } else {
                let is_about = id.unwrap_or_else(|| roster.new_id());
                view! { <PackForm form_key="person" draft_key start finds_person=true is_about edits on_saved/> }
            }}
        </div>
    }
}
