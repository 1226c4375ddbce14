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

use std::{cell::Cell, collections::BTreeSet, rc::Rc};

use leptos::{ev, prelude::*, wasm_bindgen::JsCast, web_sys};
use yingke_core::{
    capture::{Ids, Scene},
    change::{Edit, Key},
    form::{Context, Draft, Filled, Problem, ProblemCode, begin, check, check_sections, draft_of},
    id::RecordId,
    journal::AppendError,
    pack::{
        Condition, DefaultValue, Field as FormField, FieldType, Form, Pack, Reference, Required, Rule, Test, VenueKind,
    },
    phone::{PhoneNumber, Region},
    record::Record,
    undo::undo,
};

use crate::{
    format,
    roster::{Known, Me, Roster, use_roster},
    t,
    ui::{
        Banner, Button, ButtonKind, ButtonSize, CheckBox, ChipGroup, Choice, ChoiceList, DateField, Face, Facts, Field,
        FieldKind, Glyph, Icon, ListRow, Look, NumberStepper, Problem as ProblemLine, ProblemSummary, Readiness,
        Segmented, Switch, TimeField, Toast, Toaster, Tone, focus_on, slot,
    },
    words::{Words, use_words},
};

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

/// Where the id of the person to go on with stands in a draft.
const PERSON: &str = "person";
/// People offered below a search field: as many as are seen at once.
const OFFERED_MAX: usize = 6;
/// A whole number up to here has a button on either side; typing is quicker beyond.
const STEPPED_MAX: i64 = 999;
/// Characters that the parts of a segmented choice hold side by side on a phone.
const SEGMENTED_CHARACTERS_MAX: usize = 20;

/// The pack of a person's venue.
#[must_use]
pub fn pack_of(me: &Me) -> &'static Pack {
    Pack::of(match me.venue.pack.as_str() {
        "sports" => VenueKind::Sports,
        "billiards" => VenueKind::Billiards,
        "postpartum" => VenueKind::Postpartum,
        _ => VenueKind::Fitness,
    })
}

/// A draft with the form's defaults and these fields typed over them.
#[must_use]
pub fn begun(roster: Roster, form_key: &str, typed: &[(&'static str, String)]) -> Draft {
    let Some(me) = roster.me_now() else { return Draft::default() };
    let context = context(roster, &me, None);
    let mut draft = context.pack.form(form_key).map(|form| begin(form, &context)).unwrap_or_default();
    typed.iter().for_each(|(key, text)| draft.set(&Key::of(key), text.as_str()));
    draft
}

/// A draft that holds what a record holds, to change it.
#[must_use]
pub fn of_record(roster: Roster, form_key: &str, record: &Record) -> Draft {
    let Some(me) = roster.me_now() else { return Draft::default() };
    let context = context(roster, &me, None);
    context.pack.form(form_key).map(|form| draft_of(form, record, &context)).unwrap_or_default()
}

/// The draft of a form that goes on with a person.
#[must_use]
pub fn about(mut draft: Draft, person: RecordId) -> Draft {
    draft.set(&Key::of(PERSON), person.to_string());
    draft
}

/// Tells that something was saved, with the way back.
pub fn tell_saved(roster: Roster, toaster: Toaster, words: Signal<Words>, text: String, who: String, undo: Vec<Edit>) {
    let w = words.get_untracked();
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
    toaster.tell(Toast::new(text).with_undo(w.undo(), take_back));
}

/// Decides what a save writes, with who works here, when and where, and fresh ids.
pub fn in_scene(roster: Roster, decide: impl FnOnce(&Scene<'_>, Ids<'_>) -> Vec<Edit>) -> Vec<Edit> {
    let Some(me) = roster.me_now() else { return Vec::new() };
    let staff = untrack(|| roster.staff());
    let role_of = |id| staff.iter().find(|staff| staff.id == id).map(|staff| staff.role);
    let scene = Scene {
        now: roster.now(),
        offset_minutes: me.venue.utc_offset_minutes,
        venue: me.venue.id,
        me: me.id,
        role_of: &role_of,
        pack: pack_of(&me),
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
    }
}

fn context(roster: Roster, me: &Me, outing: Option<RecordId>) -> Context<'static> {
    Context { now: roster.now(), offset_minutes: me.venue.utc_offset_minutes, me: me.id, outing, pack: pack_of(me) }
}

/// What the fields of one form share.
#[derive(Clone, Copy)]
struct Sheet {
    roster: Roster,
    w: Signal<Words>,
    pack: &'static Pack,
    form: StoredValue<Form>,
    draft: RwSignal<Draft>,
    /// The fields that were left.
    left: RwSignal<BTreeSet<Key>>,
    /// A save was tried: everything is checked from then on.
    tried: RwSignal<bool>,
    problems: Memo<Vec<Problem>>,
    /// Keeps the draft at the end of the frame.
    typed: Callback<()>,
}

impl Sheet {
    fn get(self, key: &Key) -> String {
        self.draft.with(|draft| draft.get(key.as_str()).to_owned())
    }

    fn set(self, key: &Key, typed: String) {
        self.draft.update(|draft| draft.set(key, typed));
        self.typed.run(());
    }

    fn codes(self, key: &Key) -> Vec<String> {
        self.draft.with(|draft| draft.codes(key.as_str()).map(str::to_owned).collect())
    }

    fn person(self) -> Option<RecordId> {
        self.draft.with(|draft| draft.get(PERSON).parse().ok())
    }

    fn holds(self, condition: &Condition) -> bool {
        self.draft.with(|draft| {
            let typed = draft.get(condition.field.as_str());
            match &condition.test {
                Test::Yes => typed == "true",
                Test::No => typed == "false",
                Test::Filled => !typed.trim().is_empty(),
                Test::Is(codes) => codes.iter().any(|code| draft.has_code(condition.field.as_str(), code)),
            }
        })
    }

    /// A field with a condition appears when that holds; what was typed into it never hides.
    fn is_shown(self, field: &FormField) -> bool {
        match &field.required {
            Required::When(conditions) => {
                conditions.iter().any(|condition| self.holds(condition)) || !self.get(&field.key).is_empty()
            }
            Required::Auto => field.default == Some(DefaultValue::Now),
            Required::Yes | Required::No | Required::Unless(_) => true,
        }
    }

    fn may_stay_empty(self, field: &FormField) -> bool {
        match &field.required {
            Required::Yes => false,
            Required::No | Required::Auto => true,
            Required::When(conditions) => !conditions.iter().any(|condition| self.holds(condition)),
            Required::Unless(conditions) => conditions.iter().any(|condition| self.holds(condition)),
        }
    }

    /// What is wrong with a field, once it was left or a save was tried. Empty is wrong only for a save.
    fn problem(self, key: &Key) -> Option<ProblemCode> {
        let tried = self.tried.get();
        if !tried && !self.left.with(|left| left.contains(key)) {
            return None;
        }
        let found = self.problems.with(|problems| problems.iter().find(|problem| problem.field == *key).cloned());
        found
            .map(|problem| problem.code)
            .filter(|code| tried || !matches!(code, ProblemCode::Required | ProblemCode::NotTicked { .. }))
    }

    fn label(self, key: &Key) -> String {
        let language = self.w.get().0;
        self.form.with_value(|form| {
            form.field(key.as_str()).map(|field| field.label.in_language(language).to_owned()).unwrap_or_default()
        })
    }

    /// What is wrong, and the way out, in words.
    fn sentence(self, key: &Key, code: &ProblemCode) -> String {
        let is_choice = self.form.with_value(|form| form.field(key.as_str()).is_some_and(is_choice));
        let is_instant = self
            .form
            .with_value(|form| form.field(key.as_str()).is_some_and(|field| field.kind == FieldType::Datetime));
        problem_words(self.w.get(), code, &self.get(key), is_choice, is_instant, |other| self.label(other))
    }
}

fn is_choice(field: &FormField) -> bool {
    match &field.kind {
        FieldType::Bool
        | FieldType::Enum(_)
        | FieldType::Multi(_)
        | FieldType::Ref(_)
        | FieldType::StaffList
        | FieldType::Checklist(_) => true,
        FieldType::Text(_)
        | FieldType::LongText
        | FieldType::Phone
        | FieldType::Name
        | FieldType::Date
        | FieldType::Datetime
        | FieldType::Int(..)
        | FieldType::Money
        | FieldType::ResidentId
        | FieldType::Passport => false,
    }
}

fn problem_words(
    w: Words,
    code: &ProblemCode,
    typed: &str,
    is_choice: bool,
    is_instant: bool,
    label: impl Fn(&Key) -> String,
) -> String {
    match code {
        ProblemCode::Required if is_choice => w.problem_missing_choice().into(),
        ProblemCode::Required => w.problem_missing().into(),
        ProblemCode::PhoneTooShort { missing } if begins_as_mobile(typed) => w.problem_phone_short(*missing),
        ProblemCode::PhoneTooShort { missing } => w.problem_digits_short(*missing),
        ProblemCode::PhoneTooLong { extra } => w.problem_digits_long(*extra),
        ProblemCode::PhoneLetters => w.problem_phone_letters().into(),
        ProblemCode::PhoneNotANumber => w.problem_phone_signs().into(),
        ProblemCode::PhoneUnknownPrefix => w.problem_phone_prefix().into(),
        ProblemCode::NameTooLong { max } | ProblemCode::TooLong { max } => w.problem_too_long(max),
        ProblemCode::NameHasDigits => w.problem_name_digits().into(),
        ProblemCode::NameHasSymbols => w.problem_name_symbols().into(),
        ProblemCode::NotANumber => w.problem_not_a_number().into(),
        ProblemCode::OutOfRange { min, max } => w.problem_out_of_range(min, max),
        ProblemCode::NotPositive => w.problem_not_positive().into(),
        ProblemCode::MoneyNegative => w.problem_money_negative().into(),
        ProblemCode::MoneyTooFine => w.problem_money_too_fine().into(),
        ProblemCode::MoneyTooMuch => w.problem_money_too_much().into(),
        ProblemCode::NotADate if is_instant => w.problem_not_an_instant().into(),
        ProblemCode::NotADate => w.problem_not_a_day().into(),
        ProblemCode::DateInFuture => w.problem_in_future().into(),
        ProblemCode::DateInPast => w.problem_in_past().into(),
        ProblemCode::BeforeField { field } => w.problem_before_other(label(field)),
        ProblemCode::MoreThanField { field } => w.problem_more_than_other(label(field)),
        ProblemCode::IdLength { min, max } if min == max => w.problem_id_exact_length(min),
        ProblemCode::IdLength { min, max } => w.problem_id_length(min, max),
        ProblemCode::IdCharacters => w.problem_id_characters().into(),
        ProblemCode::IdProvince => w.problem_id_province().into(),
        ProblemCode::IdBirthDate => w.problem_id_birth().into(),
        ProblemCode::IdChecksum => w.problem_id_checksum().into(),
        ProblemCode::NotInList => w.problem_not_offered().into(),
        ProblemCode::NotTicked { missing } => w.problem_not_ticked(*missing),
        ProblemCode::ConsentNeeded { .. } => w.problem_needs_yes().into(),
    }
}

/// Whether what was typed so far will be a mainland mobile, which has 11 digits.
fn begins_as_mobile(typed: &str) -> bool {
    let digits: String = typed.chars().map(yingke_core::typed::half_width).filter(char::is_ascii_digit).collect();
    let home = digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86")).unwrap_or(&digits);
    home.starts_with('1') && !home.starts_with("10")
}

/// The id of a field on the page.
fn field_id(key: &Key) -> String {
    format!("field-{key}")
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
    /// The outing that is under way.
    #[prop(optional)]
    outing: Option<RecordId>,
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
    let Some(me) = roster.me_now() else { return ().into_any() };
    let pack = pack_of(&me);
    let Some(mut form) = pack.form(form_key).cloned() else { return ().into_any() };
    // What is not drawn is still read: of a record that is changed, it stays as it was.
    for section in &mut form.sections {
        for field in section.fields.iter_mut().filter(|field| without.contains(&field.key.as_str())) {
            field.required = Required::No;
        }
    }
    let start = start.unwrap_or_else(|| begin(&form, &context(roster, &me, outing)));

    let draft = RwSignal::new(start.clone());
    let restored = RwSignal::new(false);
    let failure = RwSignal::new(None::<AppendError>);
    let busy = RwSignal::new(false);
    let tried = RwSignal::new(false);
    let left = RwSignal::new(BTreeSet::new());
    let form = StoredValue::new(form);
    let draft_key = StoredValue::new(draft_key);
    let start = StoredValue::new(start);
    let me = StoredValue::new(me);
    let due = StoredValue::new(sections.clone());
    let read = move |draft: &Draft| {
        let context = context(roster, &me.get_value(), outing);
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
            } else {
                roster.keep_draft(&key, &draft);
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

    let sheet = Sheet { roster, w, pack, form, draft, left, tried, problems, typed };
    let start_afresh = move |()| {
        let before = draft.get_untracked();
        draft.set(start.get_value());
        restored.set(false);
        tried.set(false);
        left.set(BTreeSet::new());
        typed.run(());
        let bring_back = Callback::new(move |()| {
            if draft.try_set(before.clone()).is_none() {
                restored.set(true);
                typed.run(());
            }
        });
        toaster
            .tell(Toast::new(w.get_untracked().form_draft_cleared()).with_undo(w.get_untracked().undo(), bring_back));
    };

    let save = move || {
        if busy.get_untracked() {
            return;
        }
        failure.set(None);
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
    let field = move |field: FormField| field_view(sheet, field, person_of).into_any();
    let on_top: Vec<FormField> =
        form.with_value(|form| first.iter().filter_map(|key| form.field(key)).cloned().collect());
    let mut parts = form.with_value(|form| form.sections.clone());
    parts.retain(|section| sections.is_empty() || sections.contains(&&*section.key));
    for section in &mut parts {
        section.fields.retain(|field| !without.contains(&field.key.as_str()) && !first.contains(&field.key.as_str()));
        // What the app fills in by itself is asked last.
        section.fields.sort_by_key(|field| field.required == Required::Auto);
    }
    parts.retain(|section| !section.fields.is_empty());
    let parts = parts.into_iter().map(|section| {
        let title = section.title.clone();
        let fields = section.fields.into_iter().map(field).collect_view();
        view! {
            <section class="form__section">
                <h2 class="form__title">{move || title.in_language(w.get().0).to_owned()}</h2>
                <div class="form__fields">{fields}</div>
            </section>
        }
    });
    let parts = parts.collect_view();
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
                .then(|| view! { <div class="form__fields form__first">{on_top.into_iter().map(field).collect_view()}</div> })}
            {parts}
            <div class="page__foot form__foot">
                {move || failure.get().map(|error| view! {
                    <Banner tone=Tone::Late icon=Icon::Warn text=save_failed(w.get(), &error).to_owned() urgent=true/>
                })}
                <Button
                    id="form-save"
                    label=t!(w, save)
                    icon=Icon::Tick
                    kind=ButtonKind::Primary
                    size=ButtonSize::Next
                    state=Signal::derive(move || {
                        if busy.get() { Readiness::Busy(w.get().saving().to_owned()) } else { Readiness::Ready }
                    })
                    on_press=move |()| save()
                />
            </div>
        </form>
    }
    .into_any()
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

/// How a form treats people behind a number.
#[derive(Clone, Copy)]
struct PersonOf {
    finds_person: bool,
    is_about: Option<RecordId>,
    on_open: Option<Callback<RecordId>>,
}

/// One field in its place; there while its condition holds. It was left when the focus goes elsewhere.
fn field_view(sheet: Sheet, field: FormField, person_of: PersonOf) -> impl IntoView {
    let field = StoredValue::new(field);
    let is_shown = Memo::new(move |_| field.with_value(|field| sheet.is_shown(field)));
    let wide = field.with_value(|field| {
        !matches!(
            field.kind,
            FieldType::Text(_)
                | FieldType::Name
                | FieldType::Phone
                | FieldType::Int(..)
                | FieldType::Money
                | FieldType::Date
        )
    });
    let leave = move |event: ev::FocusEvent| {
        let inside = |target: web_sys::EventTarget| {
            let place = event.current_target()?.dyn_into::<web_sys::Node>().ok()?;
            Some(place.contains(target.dyn_ref::<web_sys::Node>()))
        };
        if !event.related_target().and_then(inside).unwrap_or(false) {
            let key = field.with_value(|field| field.key.clone());
            sheet.left.update(|left| {
                left.insert(key);
            });
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

/// The part that takes what a field holds.
fn control(sheet: Sheet, field: FormField, person_of: PersonOf) -> AnyView {
    let Sheet { roster, w, pack, .. } = sheet;
    let key = field.key.clone();
    let id = field_id(&key);
    let label = {
        let label = field.label.clone();
        Signal::derive(move || label.in_language(w.get().0).to_owned())
    };
    let note = {
        let (note, is_now) = (field.note.clone(), field.required == Required::Auto);
        Signal::derive(move || match &note {
            Some(note) => note.in_language(w.get().0).to_owned(),
            None if is_now => w.get().form_now_if_empty().to_owned(),
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
            (2..=4).contains(&options.len())
                && options.iter().map(|choice| width(&choice.label)).sum::<usize>() <= SEGMENTED_CHARACTERS_MAX
        });
        if few {
            view! { <Segmented label options chosen=value on_choose=choose optional_mark=mark note problem id=id.clone()/> }
                .into_any()
        } else {
            view! { <ChoiceList label options chosen=value on_choose=choose optional_mark=mark note problem id=id.clone()/> }
                .into_any()
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
                .into_any()
        }
    };
    let list = move |list: &str| {
        let items = pack.list(list);
        Signal::derive(move || {
            let language = w.get().0;
            items.iter().map(|item| Choice::new(&*item.key, item.words.in_language(language))).collect::<Vec<_>>()
        })
    };
    let staff = Signal::derive(move || {
        roster.staff().into_iter().map(|staff| Choice::new(staff.id.to_string(), staff.name)).collect::<Vec<_>>()
    });
    match &field.kind {
        FieldType::Text(max) => {
            let length_max = *max * 2;
            view! { <Field label value on_input=input optional_mark=mark note problem length_max id/> }.into_any()
        }
        FieldType::Name => view! { <Field label value on_input=input optional_mark=mark note problem id/> }.into_any(),
        FieldType::LongText => {
            view! { <Field label value on_input=input lines=3 optional_mark=mark note problem id/> }.into_any()
        }
        FieldType::ResidentId | FieldType::Passport => {
            view! { <Field label value on_input=input kind=FieldKind::Code optional_mark=mark note problem id/> }
                .into_any()
        }
        FieldType::Phone => phone(sheet, key, PhoneField { label, value, note, mark, problem, id }, person_of),
        FieldType::Money => {
            let unit = Signal::derive(move || w.get().form_yuan().to_owned());
            view! { <Field label value on_input=input kind=FieldKind::Decimal unit optional_mark=mark note problem id/> }
                .into_any()
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
            .into_any()
        }
        FieldType::Int(..) => {
            view! { <Field label value on_input=input kind=FieldKind::Digits optional_mark=mark note problem id/> }
                .into_any()
        }
        FieldType::Date => {
            view! { <DateField label value on_input=input optional_mark=mark note problem id/> }.into_any()
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
            .into_any()
        }
        FieldType::Bool if field.default.is_none() => {
            one_of(Signal::derive(move || vec![Choice::new("true", w.get().yes()), Choice::new("false", w.get().no())]))
        }
        FieldType::Bool => {
            let on = Signal::derive(move || value.get() == "true");
            let change = move |on: bool| sheet.set(&key, on.to_string());
            if matches!(field.rule, Some(Rule::YesWith(_))) {
                view! { <CheckBox label on on_change=change second=note problem id boxed=true/> }.into_any()
            } else {
                view! { <Switch label on on_change=change second=note boxed=true/> }.into_any()
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
        // The app fills these in: the outing that is under way, a campaign once there are some.
        FieldType::Ref(Reference::Outing | Reference::Campaign) => ().into_any(),
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
fn phone(sheet: Sheet, key: Key, field: PhoneField, person_of: PersonOf) -> AnyView {
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
    .into_any()
}

/// Whom a number is known to belong to, and what can be done with that.
fn known(sheet: Sheet, number: &PhoneNumber, person_of: PersonOf) -> AnyView {
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
        }
        .into_any();
    }
    match roster.known(number) {
        Known::No => ().into_any(),
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
        }
        .into_any(),
        Known::Here(people) => {
            let others = people.into_iter().filter(|person| Some(*person) != person_of.is_about);
            others.map(|person| known_person(sheet, person, person_of)).collect_view().into_any()
        }
    }
}

fn known_person(sheet: Sheet, person: RecordId, person_of: PersonOf) -> impl IntoView {
    let Sheet { roster, w, .. } = sheet;
    let name = move || name_of(roster, w.get(), person);
    let more = Signal::derive(move || {
        let Some(record) = roster.record(person) else { return Vec::new() };
        let owner = record.text("owner").map(|owner| roster.staff_name(owner)).filter(|owner| !owner.is_empty());
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

/// What a person is called, or that they gave no name. Subscribes to them.
#[must_use]
pub fn name_of(roster: Roster, words: Words, person: RecordId) -> String {
    let record = roster.record(person);
    let name = record.as_ref().and_then(|record| record.text("name"));
    name.map_or_else(|| words.form_no_name().to_owned(), str::to_owned)
}

/// A person: searched as on the list of people, then shown with the way to choose another.
fn person(
    sheet: Sheet,
    key: Key,
    label: Signal<String>,
    mark: Signal<String>,
    note: Signal<String>,
    problem: Signal<Option<String>>,
    id: String,
) -> AnyView {
    let Sheet { roster, w, .. } = sheet;
    let query = RwSignal::new(String::new());
    let chosen = {
        let key = key.clone();
        Memo::new(move |_| sheet.get(&key).parse::<RecordId>().ok())
    };
    let found = Memo::new(move |_| {
        let typed = query.get();
        if typed.trim().is_empty() {
            Vec::new()
        } else {
            roster.search(&typed, false, OFFERED_MAX).hits.into_iter().map(|hit| hit.record).collect()
        }
    });
    let second = move |person: RecordId| {
        let record = roster.record(person);
        let phone = record.as_ref().and_then(|record| record.text("phone")).and_then(PhoneNumber::from_e164);
        phone.map(|phone| phone.shown()).unwrap_or_default()
    };
    let row = move |person: RecordId, on_open: Callback<()>| {
        let name = Signal::derive(move || name_of(roster, w.get(), person));
        view! {
            <ListRow
                title=name
                second=slot(move || second(person))
                face=slot(view! { <Face look=Signal::derive(move || Look::letter_of(&name.get()))/> })
                on_open
            />
        }
    };
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
    let key = StoredValue::new(key);
    chosen_or_searched(
        chosen,
        move |person| {
            let clear = move |()| sheet.set(&key.get_value(), String::new());
            view! {
                <div class="field">
                    <span class="field__label">{move || label.get()}</span>
                    <div class="form__chosen">
                        {row(person, Callback::new(clear))}
                        <Button label=t!(w, form_choose_another) kind=ButtonKind::Text on_press=clear/>
                    </div>
                </div>
            }
            .into_any()
        },
        move || {
            let id = id.clone();
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
                            sheet.set(&key.get_value(), person.to_string());
                        };
                        view! { <div role="listitem">{row(person, Callback::new(choose))}</div> }
                    }).collect_view()}
                </div>
            }
            .into_any()
        },
    )
}

/// The chosen person, or the search for one.
fn chosen_or_searched(
    chosen: Memo<Option<RecordId>>,
    shown: impl Fn(RecordId) -> AnyView + Send + 'static,
    search: impl Fn() -> AnyView + Send + 'static,
) -> AnyView {
    (move || match chosen.get() {
        Some(person) => shown(person),
        None => search(),
    })
    .into_any()
}
