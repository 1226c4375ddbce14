//! Fields: label above, box, and a note below that turns into the problem. Nothing is checked here.

use super::{Glyph, Icon, Text, own_id};
use crate::view::prelude::*;
use leptos::ev;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;

/// What is typed; it decides the keyboard that the tablet shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldKind {
    /// Words.
    #[default]
    Words,
    /// A telephone number.
    Phone,
    /// A whole number.
    Digits,
    /// A sum or a measure, with a decimal point.
    Decimal,
    /// Latin letters and digits without correction: card numbers, codes.
    Code,
    /// An address for electronic mail.
    Email,
    /// A passphrase: hidden while typed.
    Secret,
}

/// What stands around every box: label, mark, note or problem.
fn framed(
    id: String,
    label: Text,
    optional_mark: Text,
    note: Text,
    problem: Signal<Option<String>>,
    inner: View,
) -> View {
    let words = move || match problem.get() {
        Some(problem) => view! { <Glyph icon=Icon::Warn/> <span>{problem}</span> },
        None => view! { <span>{note.get()}</span> },
    };
    view! {
        <div class="field" data-invalid=move || problem.get().is_some().then_some("true")>
            <label class="field__label" for=id.clone()>
                {move || label.get()} {super::line("field__mark", optional_mark)}
            </label>
            {inner}
            <p class="field__note" id=note_id(&id) aria-live="polite">{words}</p>
        </div>
    }
}

fn note_id(id: &str) -> String {
    format!("{id}-note")
}

/// One line of text, or several with `lines`.
#[component]
pub fn Field(
    /// What is asked for; stands above the box.
    #[prop(into)]
    label: Text,
    #[prop(into)] value: Text,
    /// Every keystroke, with the whole text.
    #[prop(into)]
    on_input: Callback<String>,
    #[prop(optional)] kind: FieldKind,
    /// How high the box is; more than one makes it a box for notes.
    #[prop(default = 1)]
    lines: u32,
    /// Stands after the label of what may stay empty: 选填. Required fields carry nothing.
    #[prop(optional, into)]
    optional_mark: Text,
    /// What there is to know, below the box.
    #[prop(optional, into)]
    note: Text,
    /// What is wrong and the way out; takes the place of the note.
    #[prop(optional, into)]
    problem: Signal<Option<String>>,
    /// Grey words inside the empty box. Never instead of the label.
    #[prop(optional, into)]
    placeholder: Text,
    /// Drawn inside, before the text.
    #[prop(optional)]
    icon: Option<Icon>,
    /// Stands inside, after the text: 元, kg.
    #[prop(optional, into)]
    unit: Text,
    /// A button or icon inside, at the end.
    #[prop(optional)]
    end: Option<View>,
    /// The box was left: the time to check.
    #[prop(optional, into)]
    on_leave: Option<Callback<()>>,
    /// Enter was pressed; without it Enter goes to the next field.
    #[prop(optional, into)]
    on_enter: Option<Callback<()>>,
    /// Shown, not changed.
    #[prop(optional, into)]
    read_only: Signal<bool>,
    /// The longest text, in UTF-16 units, as the browser counts.
    #[prop(optional)]
    length_max: Option<u32>,
    /// An id for links and the focus; one is made when none is given.
    #[prop(optional, into)]
    id: String,
) -> impl IntoView {
    let id = own_id(id);
    let invalid = move || problem.get().is_some().then_some("true");
    let leave = move |_| {
        if let Some(on_leave) = on_leave {
            on_leave.run(());
        }
    };
    let enter = move |event: ev::KeyboardEvent| {
        if event.key() != "Enter" || event.is_composing() {
            return;
        }
        if let Some(on_enter) = on_enter {
            event.prevent_default();
            on_enter.run(());
        } else if let Some(next) = next_field(&event) {
            event.prevent_default();
            let _ = next.focus();
        }
    };
    let input = if lines > 1 {
        view! {
            <textarea
                id=id.clone()
                class="field__input"
                rows=lines
                autocomplete="off"
                maxlength=length_max
                placeholder=move || placeholder.get()
                readonly=move || read_only.get()
                aria-describedby=note_id(&id)
                aria-invalid=invalid
                prop:value=move || value.get()
                on:input=move |event| on_input.run(event_target_value(&event))
                on:blur=leave
            ></textarea>
        }
    } else {
        let (kind, mode, hint) = match kind {
            FieldKind::Words => ("text", "text", "sentences"),
            FieldKind::Phone => ("tel", "tel", "off"),
            FieldKind::Digits => ("text", "numeric", "off"),
            FieldKind::Decimal => ("text", "decimal", "off"),
            FieldKind::Code => ("text", "text", "characters"),
            FieldKind::Email => ("text", "email", "off"),
            FieldKind::Secret => ("password", "text", "off"),
        };
        view! {
            <input
                id=id.clone()
                class="field__input"
                type=kind
                inputmode=mode
                autocapitalize=hint
                autocomplete="off"
                spellcheck="false"
                enterkeyhint="next"
                maxlength=length_max
                placeholder=move || placeholder.get()
                readonly=move || read_only.get()
                aria-describedby=note_id(&id)
                aria-invalid=invalid
                prop:value=move || value.get()
                on:input=move |event| on_input.run(event_target_value(&event))
                on:blur=leave
                on:keydown=enter
            />
        }
    };
    let inner = view! {
        <div class="field__box">
            {icon.map(|icon| view! { <Glyph icon/> })} {input} {super::line("field__unit", unit)} {end}
        </div>
    };
    framed(id, label, optional_mark, note, problem, inner)
}

/// A box that the browser's own picker fills: its type and its text in and out.
#[expect(clippy::too_many_arguments, reason = "the props of two components, passed on once")]
fn picked(
    kind: &'static str,
    id: String,
    label: Text,
    value: Text,
    on_input: Callback<String>,
    optional_mark: Text,
    note: Text,
    problem: Signal<Option<String>>,
    min: Text,
    max: Text,
) -> View {
    let id = own_id(id);
    let bound = |bound: Text| move || Some(bound.get()).filter(|bound| !bound.is_empty());
    let inner = view! {
        <div class="field__box">
            <input
                id=id.clone()
                class="field__input"
                type=kind
                autocomplete="off"
                min=bound(min)
                max=bound(max)
                aria-describedby=note_id(&id)
                aria-invalid=move || problem.get().is_some().then_some("true")
                prop:value=move || value.get()
                on:input=move |event| on_input.run(event_target_value(&event))
            />
        </div>
    };
    framed(id, label, optional_mark, note, problem, inner)
}

/// A day, as ISO text: `2026-11-22`.
#[component]
pub fn DateField(
    #[prop(into)] label: Text,
    #[prop(into)] value: Text,
    #[prop(into)] on_input: Callback<String>,
    #[prop(optional, into)] optional_mark: Text,
    #[prop(optional, into)] note: Text,
    #[prop(optional, into)] problem: Signal<Option<String>>,
    /// The first day that may be picked.
    #[prop(optional, into)]
    min: Text,
    /// The last day that may be picked.
    #[prop(optional, into)]
    max: Text,
    #[prop(optional, into)] id: String,
) -> impl IntoView {
    picked("date", id, label, value, on_input, optional_mark, note, problem, min, max)
}

/// A time of day, as ISO text: `14:30`.
#[component]
pub fn TimeField(
    #[prop(into)] label: Text,
    #[prop(into)] value: Text,
    #[prop(into)] on_input: Callback<String>,
    #[prop(optional, into)] optional_mark: Text,
    #[prop(optional, into)] note: Text,
    #[prop(optional, into)] problem: Signal<Option<String>>,
    #[prop(optional, into)] min: Text,
    #[prop(optional, into)] max: Text,
    #[prop(optional, into)] id: String,
) -> impl IntoView {
    picked("time", id, label, value, on_input, optional_mark, note, problem, min, max)
}

/// A month, as ISO text: `2026-11`. A browser without a picker for months takes it typed.
#[component]
pub fn MonthField(
    #[prop(into)] label: Text,
    #[prop(into)] value: Text,
    #[prop(into)] on_input: Callback<String>,
    #[prop(optional, into)] optional_mark: Text,
    #[prop(optional, into)] note: Text,
    #[prop(optional, into)] problem: Signal<Option<String>>,
    #[prop(optional, into)] id: String,
) -> impl IntoView {
    picked("month", id, label, value, on_input, optional_mark, note, problem, Text::default(), Text::default())
}

/// The search of a list. Esc clears first, then leaves; with `slash` the key `/` comes here from anywhere.
#[component]
pub fn SearchField(
    /// What is searched, for screen readers.
    #[prop(into)]
    label: Text,
    #[prop(into)] value: Text,
    #[prop(into)] on_input: Callback<String>,
    /// What the cross at the end does.
    #[prop(into)]
    clear_label: Text,
    #[prop(optional, into)] placeholder: Text,
    /// `/` anywhere on the page moves the focus here.
    #[prop(default = true)]
    slash: bool,
    /// Arrow down or Enter: on to the first row.
    #[prop(optional, into)]
    on_down: Option<Callback<()>>,
) -> impl IntoView {
    let input = NodeRef::<leptos::html::Input>::new();
    if slash {
        let listening = window_event_listener(ev::keydown, move |event| {
            if event.key() == "/"
                && !typing_in(event.target())
                && let Some(input) = input.get_untracked()
            {
                event.prevent_default();
                let _ = input.focus();
                input.select();
            }
        });
        on_cleanup(move || listening.remove());
    }
    let keys = move |event: ev::KeyboardEvent| match event.key().as_str() {
        "Escape" if !value.get_untracked().is_empty() => {
            event.stop_propagation();
            event.prevent_default();
            on_input.run(String::new());
        }
        "Escape" => {
            if let Some(input) = input.get_untracked() {
                let _ = input.blur();
            }
        }
        "ArrowDown" | "Enter" if !event.is_composing() => {
            if let Some(on_down) = on_down {
                event.prevent_default();
                on_down.run(());
            }
        }
        _ => {}
    };
    view! {
        <div class="search" role="search">
            <Glyph icon=Icon::Search/>
            <input
                node_ref=input
                class="search__input"
                type="text"
                inputmode="search"
                enterkeyhint="search"
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                aria-label=move || label.get()
                placeholder=move || placeholder.get()
                prop:value=move || value.get()
                on:input=move |event| on_input.run(event_target_value(&event))
                on:keydown=keys
            />
            {move || {
                (!value.get().is_empty()).then(|| {
                    view! {
                        <super::IconButton
                            icon=Icon::Close
                            label=clear_label
                            on_press=move |()| {
                                on_input.run(String::new());
                                if let Some(input) = input.get_untracked() {
                                    let _ = input.focus();
                                }
                            }
                        />
                    }
                })
            }}
        </div>
    }
}

/// The box after the one that a key was pressed in, within its form or sheet. After the last one, Enter does what the
/// form does.
fn next_field(event: &ev::KeyboardEvent) -> Option<web_sys::HtmlElement> {
    let held = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let around = held.closest("form, dialog, main").ok().flatten()?;
    let boxes = around.get_elements_by_class_name("field__input");
    let at = (0..boxes.length()).find(|at| boxes.item(*at).as_ref() == Some(&held))?;
    boxes.item(at + 1)?.dyn_into().ok()
}

/// Whether a key was meant for text, so that it is no shortcut.
fn typing_in(target: Option<web_sys::EventTarget>) -> bool {
    target
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
        .is_some_and(|element| matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"))
}

/// A number with a button on either side; typing works as well.
#[component]
pub fn NumberStepper(
    #[prop(into)] label: Text,
    #[prop(into)] value: Signal<i32>,
    #[prop(into)] on_change: Callback<i32>,
    #[prop(optional)] min: i32,
    #[prop(default = i32::MAX)] max: i32,
    /// What one press adds or takes.
    #[prop(default = 1)]
    step: i32,
    #[prop(into)] less_label: Text,
    #[prop(into)] more_label: Text,
    #[prop(optional, into)] unit: Text,
    #[prop(optional, into)] note: Text,
    #[prop(optional, into)] problem: Signal<Option<String>>,
    #[prop(optional, into)] id: String,
) -> impl IntoView {
    let id = own_id(id);
    let set = move |next: i32| on_change.run(next.clamp(min, max));
    let typed = move |event: ev::Event| {
        if let Ok(next) = event_target_value(&event).trim().parse::<i32>() {
            set(next);
        }
    };
    let keys = move |event: ev::KeyboardEvent| {
        let by = match event.key().as_str() {
            "ArrowUp" => step,
            "ArrowDown" => -step,
            _ => return,
        };
        event.prevent_default();
        set(value.get_untracked().saturating_add(by));
    };
    let inner = view! {
        <div class="field__box stepper">
            <button
                type="button"
                class="stepper__key"
                aria-label=move || less_label.get()
                aria-disabled=move || (value.get() <= min).then_some("true")
                on:click=move |_| set(value.get_untracked().saturating_sub(step))
            >
                <Glyph icon=Icon::Minus/>
            </button>
            <span class="stepper__value">
                <input
                    id=id.clone()
                    class="field__input stepper__input"
                    type="text"
                    inputmode="numeric"
                    autocomplete="off"
                    aria-describedby=note_id(&id)
                    aria-invalid=move || problem.get().is_some().then_some("true")
                    prop:value=move || value.get().to_string()
                    on:change=typed
                    on:keydown=keys
                />
                {super::line("field__unit", unit)}
            </span>
            <button
                type="button"
                class="stepper__key"
                aria-label=move || more_label.get()
                aria-disabled=move || (value.get() >= max).then_some("true")
                on:click=move |_| set(value.get_untracked().saturating_add(step))
            >
                <Glyph icon=Icon::Plus/>
            </button>
        </div>
    };
    framed(id, label, Text::default(), note, problem, inner)
}

/// One thing to mend, and the field where it is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The `id` that the field was given.
    pub field_id: String,
    /// What is missing or wrong, and the way out.
    pub text: String,
}

/// What is to be mended, when a form is refused: takes the focus as it appears, its lines lead to the fields.
#[component]
pub fn ProblemSummary(
    /// How many things, in words.
    #[prop(into)]
    title: Text,
    /// Nothing is shown while there is none.
    #[prop(into)]
    problems: Signal<Vec<Problem>>,
    /// For [`super::focus_on`], when the same form is refused once more.
    #[prop(optional, into)]
    id: Option<String>,
) -> impl IntoView {
    let summary = NodeRef::<leptos::html::Div>::new();
    let any = Memo::new(move |_| !problems.get().is_empty());
    Effect::new(move |_| {
        if let Some(summary) = summary.get() {
            let _ = summary.focus();
        }
    });
    let lines = move || {
        problems
            .get()
            .into_iter()
            .map(|problem| {
                let go = move |event: ev::MouseEvent| {
                    event.prevent_default();
                    super::focus_on(&problem.field_id);
                };
                view! {
                    <li>
                        <button type="button" class="problems__link" on:click=go>{problem.text}</button>
                    </li>
                }
            })
            .collect::<View>()
    };
    move || {
        any.get().then(|| {
            view! {
                <div id=id.clone() class="problems" node_ref=summary tabindex="-1" role="group" aria-label=move || title.get()>
                    <Glyph icon=Icon::Warn/>
                    <div class="problems__words">
                        <p class="problems__title">{move || title.get()}</p>
                        <ul class="problems__list">{lines}</ul>
                    </div>
                </div>
            }
        })
    }
}
