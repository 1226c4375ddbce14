//! Any form of a pack, drawn with the parts of `ui`: what is asked comes from the pack, what is typed is a draft.
//!
//! ```text
//! <PackForm
//!     form_key="F-01"
//!     draft_key="F-01"
//!     without=vec!["outcome", "left_at"]
//!     edits=move |ready: Ready| visit_edits(&ready)      // decides what one save writes
//!     on_saved=move |saved: Saved| …                     // durable: the tick may show, and `saved.undo` takes it back
//! />
//! ```
//!
//! The draft is kept as it is typed and is there again after a crash. A field is checked when it is left and from
//! then on while typing; a save that finds something to mend moves the focus to a summary and saves nothing.
//!
//! With `finds_person`, a number that is known says so at once, and the save can go on with that person: their id
//! stands in the draft under `person`, which is no field of any form.

mod field;
mod person;
mod picture;
mod problem;
mod reference;
mod rows;
mod sheet;
mod signature;

use std::{cell::Cell, collections::BTreeSet, rc::Rc};

use crate::view::prelude::*;
use leptos::{ev, wasm_bindgen::JsCast, web_sys};
use yingke_core::{
    capture::{Ids, Scene},
    change::{Edit, Key},
    form::{Cards, Context, Draft, Filled, Problem, begin, check, check_sections, draft_of},
    id::RecordId,
    journal::AppendError,
    pack::{Field as FormField, Form, Required, VenueKind},
    record::Record,
    rights::Why,
    undo::undo,
};

use crate::{
    roster::{Me, Roster, Unfinished, use_roster},
    route::use_route,
    t,
    ui::{
        Banner, Button, ButtonKind, ButtonSize, Glyph, Icon, Problem as ProblemLine, ProblemSummary, Readiness, Toast,
        Toaster, Tone, focus_on,
    },
    words::{Words, use_words},
};
use field::field_view;
pub use person::{PersonSearch, leave_host_open, name_of, receive_by_owner};
pub use reference::whom;
use sheet::{PERSON, PersonOf, Sheet, field_id};

/// A form that can be saved.
#[derive(Debug, Clone)]
pub struct Ready {
    pub filled: Filled,
    /// The person to go on with; `None` makes a new one.
    pub person: Option<RecordId>,
}

/// A form that was saved.
#[derive(Debug, Clone)]
pub struct Saved {
    pub filled: Filled,
    /// What takes it back. Made before the save, so that it knows what stood there.
    pub undo: Vec<Edit>,
}

/// A draft with the form's defaults and these fields typed over them.
#[must_use]
pub fn begun(roster: Roster, form_key: &str, typed: &[(&'static str, String)]) -> Draft {
    let Some(me) = roster.actor_now() else { return Draft::default() };
    let context = context(&roster, &me, None, None);
    let mut draft = context.pack.form(form_key).map(|form| begin(form, &context)).unwrap_or_default();
    typed.iter().for_each(|(key, text)| draft.set(&Key::of(key), text.as_str()));
    draft
}

/// A draft that holds what a record holds, to change it.
#[must_use]
pub fn of_record(roster: Roster, form_key: &str, record: &Record) -> Draft {
    let Some(me) = roster.actor_now() else { return Draft::default() };
    let context = context(&roster, &me, None, None);
    context.pack.form(form_key).map(|form| draft_of(form, record, &context)).unwrap_or_default()
}

/// The draft of a form that is made for one occasion: what a record holds already stands in it.
#[must_use]
pub fn of_fields(roster: Roster, form: &Form, record: &Record) -> Draft {
    let Some(me) = roster.actor_now() else { return Draft::default() };
    let context = context(&roster, &me, None, None);
    let mut draft = draft_of(form, record, &context);
    begin_rest(roster, form, &mut draft, |_| true);
    draft
}

/// The defaults of those fields in which nothing stands yet.
pub fn begin_rest(roster: Roster, form: &Form, draft: &mut Draft, is_meant: impl Fn(&FormField) -> bool) {
    let Some(me) = roster.actor_now() else { return };
    let begun = begin(form, &context(&roster, &me, None, None));
    for field in form.fields().filter(|field| is_meant(field)) {
        if draft.get(field.key.as_str()).is_empty() {
            draft.set(&field.key, begun.get(field.key.as_str()));
        }
    }
}

/// The draft of a form that goes on with a person.
#[must_use]
pub fn about(mut draft: Draft, person: RecordId) -> Draft {
    draft.set(&Key::of(PERSON), person.to_string());
    draft
}

/// Tells that something was saved, with the way back.
pub fn tell_saved(roster: Roster, toaster: Toaster, words: Signal<Words>, text: String, who: String, undo: Vec<Edit>) {
    told_apart(move || {
        let take_back = Callback::new(move |()| {
            let (undo, who) = (undo.clone(), who.clone());
            leptos::task::spawn_local(async move {
                let w = words.get_untracked();
                // A failed undo changes nothing: what was saved stands, and the sentence says what to do.
                let told = match roster.save("undo", undo).await {
                    Ok(_) => w.form_undone(who),
                    Err(error) => save_failed(w, &error).to_owned(),
                };
                toaster.tell(Toast::new(told));
            });
        });
        toaster.tell(Toast::new(text).with_undo(words.get_untracked().undo(), take_back));
    });
}

/// Tells something outside of the part that it happened in. What a part makes goes when the part goes, and a toast
/// stays: its undo has to outlive the button that was pressed.
fn told_apart(tell: impl FnOnce() + 'static) {
    leptos::task::spawn_local(async move { tell() });
}

/// Decides what a save writes, with who works here, when and where, and fresh ids.
pub fn in_scene(roster: Roster, decide: impl FnOnce(&Scene<'_>, Ids<'_>) -> Vec<Edit>) -> Vec<Edit> {
    let Some(me) = roster.actor_now() else { return Vec::new() };
    in_scene_of(roster, &me, decide)
}

/// The same with somebody who need not be unlocked.
pub fn in_scene_of(roster: Roster, me: &Me, decide: impl FnOnce(&Scene<'_>, Ids<'_>) -> Vec<Edit>) -> Vec<Edit> {
    let staff = untrack(|| roster.staff());
    let role_of = |id| staff.iter().find(|staff| staff.id == id).map(|staff| staff.role);
    let scene = Scene {
        now: roster.now(),
        offset_minutes: me.venue.utc_offset_minutes,
        venue: me.venue.id,
        me: me.id,
        role_of: &role_of,
        pack: roster.pack_of(VenueKind::from_key(&me.venue.pack)),
        paper_number: None,
    };
    decide(&scene, &mut || roster.new_id())
}

/// What to do after a save that failed. The form is still there.
#[must_use]
pub fn save_failed(words: Words, error: &AppendError) -> &'static str {
    match error {
        AppendError::Full { .. } => words.save_failed_full(),
        AppendError::Closed => words.save_failed_closed(),
        AppendError::Damaged { .. } => words.save_failed_damaged(),
        AppendError::Aborted { .. } => words.save_failed_aborted(),
        AppendError::Withheld(Why::NotYours) => words.refusal_not_allowed(),
        AppendError::Withheld(Why::Signed) => words.refusal_signed(),
    }
}

fn keep_form(roster: Roster, key: &str, form: &str, place: String, draft: Draft) {
    roster.keep_form(key, &Unfinished { form: form.to_owned(), place, at: roster.now(), draft });
}

fn context<'a>(roster: &'a Roster, me: &Me, outing: Option<RecordId>, of: Option<RecordId>) -> Context<'a> {
    let (offset_minutes, venue) = (me.venue.utc_offset_minutes, Some(me.venue.id));
    let cards = Some(Cards { book: roster, of });
    Context { now: roster.now(), offset_minutes, me: me.id, outing, venue, pack: roster.pack(), cards }
}
/// A form of the pack, section by section, with its draft, its problems and its save button.
#[component]
pub fn PackForm(
    /// `F-01`
    form_key: &'static str,
    /// The name under which the draft is kept: the form's key, with the record's id where one is changed.
    #[prop(into)]
    draft_key: String,
    /// What the fields hold at first; the form's defaults when it is left out.
    #[prop(optional)]
    start: Option<Draft>,
    /// The sections that are drawn and due; all of them when none is named.
    #[prop(optional)]
    sections: Vec<&'static str>,
    /// Fields that stand above all sections.
    #[prop(optional)]
    first: Vec<&'static str>,
    /// Fields that are not asked this time.
    #[prop(optional)]
    without: Vec<&'static str>,
    /// A known number is told, and the save can go on with that person.
    #[prop(optional)]
    finds_person: bool,
    /// The person whose own record is changed: their own number is no double.
    #[prop(optional)]
    is_about: Option<RecordId>,
    /// The record that is changed: the card number that it has is its own.
    #[prop(optional)]
    of: Option<RecordId>,
    /// The outing that is under way.
    #[prop(optional)]
    outing: Option<RecordId>,
    /// The form itself, where it is made for one occasion and no pack has it.
    #[prop(optional)]
    form: Option<Form>,
    /// Why nothing can be written, set by `edits` in the moment in which it gives none.
    #[prop(optional)]
    refused: Option<RwSignal<Option<String>>>,
    /// What the button says that saves; 保存 when it is left out.
    #[prop(optional, into)]
    save_label: Option<Signal<String>>,
    /// What one save writes.
    #[prop(into)]
    edits: Callback<Ready, Vec<Edit>>,
    /// The save is durable.
    #[prop(into)]
    on_saved: Callback<Saved>,
    /// Opens a person that a number belongs to; without it the button is away.
    #[prop(optional, into)]
    on_open_person: Option<Callback<RecordId>>,
) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let Some(me) = roster.actor_now() else { return View::Nothing };
    let pack = roster.pack();
    let Some(mut form) = form.or_else(|| pack.form(form_key).cloned()) else { return View::Nothing };
    // What is not drawn is still read: of a record that is changed, it stays as it was.
    for section in &mut form.sections {
        let is_out = |field: &FormField| without.contains(&field.key.as_str());
        for field in section.fields.iter_mut().filter(|field| is_out(field)) {
            field.required = Required::No;
        }
    }
    let start = start.unwrap_or_else(|| begin(&form, &context(&roster, &me, outing, of)));

    let draft = RwSignal::new(start.clone());
    let restored = RwSignal::new(false);
    let failure = RwSignal::new(None::<AppendError>);
    let busy = RwSignal::new(false);
    let tried = RwSignal::new(false);
    let left = RwSignal::new(BTreeSet::new());
    let taking = RwSignal::new(0);
    let form = StoredValue::new(form);
    let draft_key = StoredValue::new(draft_key);
    let place = StoredValue::new(use_route().here());
    let start = StoredValue::new(start);
    let save_label = save_label.unwrap_or_else(|| Signal::derive(t!(w, save)));
    let me = StoredValue::new(me);
    let due = StoredValue::new(sections.clone());
    let read = move |draft: &Draft| {
        let context = context(&roster, &me.get_value(), outing, of);
        form.with_value(|form| {
            due.with_value(|due| match due.as_slice() {
                [] => check(form, draft, &context),
                due => check_sections(form, due, draft, &context),
            })
        })
    };
    let problems = Memo::new(move |_| {
        // What is due in the future may be past after a minute.
        let _ = roster.minute();
        draft.with(read).err().unwrap_or_default()
    });

    // One write at the end of the frame, however many keys were pressed in it.
    let keeping = Rc::new(Cell::new(false));
    let keep_now = move || {
        if let (Some(draft), Some(key)) = (draft.try_get_untracked(), draft_key.try_get_value()) {
            if Some(&draft) == start.try_get_value().as_ref() {
                roster.drop_draft(&key);
            } else if let Some(place) = place.try_get_value() {
                keep_form(roster, &key, form_key, place, draft);
            }
        }
    };
    let keeping = StoredValue::new_local(keeping);
    let typed = Callback::new(move |()| {
        let Some(keeping) = keeping.try_get_value() else { return };
        if !keeping.replace(true) {
            request_animation_frame(move || {
                if keeping.replace(false) {
                    keep_now();
                }
            });
        }
    });
    on_cleanup(move || {
        if keeping.try_get_value().is_some_and(|keeping| keeping.replace(false)) {
            keep_now();
        }
    });
    leptos::task::spawn_local(async move {
        let Some(key) = draft_key.try_get_value() else { return };
        let kept = roster.draft(&key).await;
        // Whoever is already typing is not interrupted.
        let untouched = draft.try_get_untracked() == start.try_get_value();
        if let Some(kept) = kept.filter(|kept| untouched && !kept.is_empty()) {
            draft.try_set(kept);
            restored.try_set(true);
        }
    });

    let sheet = Sheet { roster, me, w, pack, form, draft, left, taking, tried, problems, typed };
    let start_afresh = move |()| {
        let (before, key, place) = (draft.get_untracked(), draft_key.get_value(), place.get_value());
        draft.set(start.get_value());
        restored.set(false);
        tried.set(false);
        left.set(BTreeSet::new());
        typed.run(());
        told_apart(move || {
            let bring_back = Callback::new(move |()| {
                if draft.try_set(before.clone()).is_none() {
                    restored.set(true);
                    typed.run(());
                } else {
                    keep_form(roster, &key, form_key, place.clone(), before.clone());
                }
            });
            let w = w.get_untracked();
            toaster.tell(Toast::new(w.form_draft_cleared()).with_undo(w.undo(), bring_back));
        });
    };

    let save = move || {
        if busy.get_untracked() || taking.get_untracked() > 0 {
            return;
        }
        failure.set(None);
        // What was told of an earlier save would lie over what is said of this one.
        toaster.dismiss();
        let filled = match draft.with_untracked(read) {
            Ok(filled) => filled,
            Err(_) => {
                // The summary takes the focus as it appears, a second time as well.
                tried.set(false);
                request_animation_frame(move || {
                    tried.try_set(true);
                });
                return;
            }
        };
        busy.set(true);
        let person = draft.with_untracked(|draft| draft.get(PERSON).parse().ok());
        let written = edits.run(Ready { filled: filled.clone(), person });
        if refused.is_some_and(|refused| untrack(|| refused.get()).is_some()) {
            busy.set(false);
            return;
        }
        let undo = untrack(|| undo(&written, |id| roster.record(id)));
        let key = draft_key.get_value();
        leptos::task::spawn_local(async move {
            let outcome = roster.save(form_key, written).await;
            busy.try_set(false);
            match outcome {
                Ok(_) => {
                    if let Some(keeping) = keeping.try_get_value() {
                        keeping.set(false);
                    }
                    roster.drop_draft(&key);
                    on_saved.try_run(Saved { filled, undo });
                }
                Err(error) => {
                    failure.try_set(Some(error));
                }
            }
        });
    };
    let shortcut = window_event_listener(ev::keydown, move |event| {
        if (event.ctrl_key() || event.meta_key()) && !event.shift_key() && !event.alt_key() && event.key() == "s" {
            event.prevent_default();
            save();
        }
    });
    on_cleanup(move || shortcut.remove());

    let lines = Signal::derive(move || {
        if !tried.get() {
            return Vec::new();
        }
        let mend = |problem: Problem| ProblemLine {
            field_id: field_id(&problem.field),
            text: w.get().form_mend_line(sheet.label(&problem.field), sheet.sentence(&problem.field, &problem.code)),
        };
        problems.get().into_iter().map(mend).collect()
    });
    // Whose own record is changed stays who they are.
    let finds_person = finds_person && is_about.is_none();
    let person_of = PersonOf { finds_person, is_about, on_open: on_open_person };
    let field = move |field: FormField| field_view(sheet, field, person_of);
    let on_top: Vec<FormField> =
        form.with_value(|form| first.iter().filter_map(|key| form.field(key)).cloned().collect());
    let mut parts = form.with_value(|form| form.sections.clone());
    parts.retain(|section| sections.is_empty() || sections.contains(&&*section.key));
    for section in &mut parts {
        section.fields.retain(|field| {
            let key = field.key.as_str();
            !without.contains(&key) && !first.contains(&key)
        });
        // What the app fills in by itself is asked last.
        section.fields.sort_by_key(|field| field.required == Required::Auto);
    }
    parts.retain(|section| !section.fields.is_empty());
    let parts = parts.into_iter().map(|section| {
        let title = section.title.clone();
        let title = move || title.in_language(w.get().0).to_owned();
        let is_for_later = section.fields.iter().all(|field| field.required == Required::Later);
        let holds_nothing =
            draft.with_untracked(|draft| section.fields.iter().all(|field| draft.get(field.key.as_str()).is_empty()));
        let text = section
            .text
            .map(|text| view! { <p class="form__text">{move || text.in_language(w.get().0).to_owned()}</p> });
        let fields = section.fields.into_iter().map(field).collect::<View>();
        if is_for_later && holds_nothing && sections.is_empty() {
            return view! {
                <details class="form__section form__later">
                    <summary>
                        <h2 class="form__title">{title}</h2>
                        <span class="form__aside">{t!(w, form_later)}</span>
                        <Glyph icon=Icon::Down/>
                    </summary>
                    {text}
                    <div class="form__fields">{fields}</div>
                </details>
            };
        }
        view! {
            <section class="form__section">
                <h2 class="form__title">{title}</h2>
                {text}
                <div class="form__fields">{fields}</div>
            </section>
        }
    });
    let parts = parts.collect::<View>();
    view! {
        <form class="form" novalidate on:submit=move |event| event.prevent_default() on:keydown=to_next_field>
            {move || restored.get().then(|| view! {
                <p class="form__restored" role="status">
                    <Glyph icon=Icon::Note/>
                    <span>{t!(w, form_draft_back)}</span>
                    <Button label=t!(w, form_draft_clear) kind=ButtonKind::Text on_press=start_afresh/>
                </p>
            })}
            <ProblemSummary title=move || w.get().form_to_mend(problems.with(Vec::len)) problems=lines/>
            {(!on_top.is_empty())
                .then(|| view! { <div class="form__fields form__first">{on_top.into_iter().map(field).collect::<View>()}</div> })}
            {parts}
            <div class="page__foot form__foot">
                {move || failure.get().map(|error| view! {
                    <Banner tone=Tone::Late icon=Icon::Warn text=save_failed(w.get(), &error).to_owned() urgent=true/>
                })}
                {move || refused.and_then(|refused| refused.get()).map(|text| view! {
                    <Banner tone=Tone::Late icon=Icon::Warn text urgent=true/>
                })}
                <Button
                    id="form-save"
                    label=save_label
                    icon=Icon::Tick
                    kind=ButtonKind::Primary
                    size=ButtonSize::Next
                    state=Signal::derive(move || {
                        if busy.get() {
                            Readiness::Busy(w.get().saving().to_owned())
                        } else if taking.get() > 0 {
                            Readiness::Busy(w.get().picture_busy().to_owned())
                        } else {
                            Readiness::Ready
                        }
                    })
                    on_press=move |()| save()
                />
            </div>
        </form>
    }
}

/// Enter in a box goes to the next field, and after the last one to the save button.
fn to_next_field(event: ev::KeyboardEvent) {
    let input = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
    let Some(input) = input.filter(|_| event.key() == "Enter" && !event.is_composing()) else { return };
    event.prevent_default();
    let Ok(Some(form)) = input.closest("form") else { return };
    let fields = form.get_elements_by_class_name("form__field");
    let held = input.closest(".form__field").ok().flatten();
    let count = fields.length();
    let at = (0..count).find(|at| fields.item(*at) == held);
    let control = at.and_then(|at| {
        (at + 1..count).filter_map(|at| fields.item(at)).find_map(|field| {
            // A group of choices is entered where Tab enters it.
            field
                .query_selector("input, textarea, button[aria-checked='true'], button:not([tabindex='-1'])")
                .ok()
                .flatten()
        })
    });
    match control.and_then(|control| control.dyn_into::<web_sys::HtmlElement>().ok()) {
        Some(control) => {
            let _ = control.focus();
        }
        None => focus_on("form-save"),
    }
}
