//! Choices: one of a few, one of many, many of many, yes or no. All take keys and give keys back.

use super::{Glyph, Icon, Text, line, own_id};
use crate::view::prelude::*;
use leptos::ev;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;

/// One thing that may be chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is kept.
    pub key: String,
    /// What people read.
    pub label: String,
    /// A second line, in lists only.
    pub second: String,
}

impl Choice {
    /// A choice with one line of words.
    pub fn new(key: impl Into<String>, label: impl Into<String>) -> Self {
        Self { key: key.into(), label: label.into(), second: String::new() }
    }

    /// The same with a second line, for [`ChoiceList`].
    #[must_use]
    pub fn with_second(mut self, second: impl Into<String>) -> Self {
        self.second = second.into();
        self
    }
}

/// Moves the focus to the next part of the group that the key was pressed in; answers which one has it now.
fn move_focus(event: &ev::KeyboardEvent) -> Option<web_sys::HtmlElement> {
    let by = match event.key().as_str() {
        "ArrowRight" | "ArrowDown" => 1,
        "ArrowLeft" | "ArrowUp" => -1,
        "Home" | "End" => 0,
        _ => return None,
    };
    event.prevent_default();
    let parts = event.current_target()?.dyn_into::<web_sys::Element>().ok()?.children();
    let held = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let count = parts.length();
    let at = (0..count).find(|at| parts.item(*at).is_some_and(|part| part == held))?;
    let next = match (event.key().as_str(), by) {
        ("Home", _) => 0,
        ("End", _) => count - 1,
        (_, 1) => (at + 1) % count,
        _ => (at + count - 1) % count,
    };
    let next = parts.item(next)?.dyn_into::<web_sys::HtmlElement>().ok()?;
    let _ = next.focus();
    Some(next)
}

/// The radios of a group; the chosen one, or else the first, is the one that Tab reaches.
fn radios(
    class: &'static str,
    options: Signal<Vec<Choice>>,
    chosen: Text,
    on_choose: Callback<String>,
) -> impl Fn() -> View + Clone + Send + Sync + 'static {
    move || {
        let options = options.get();
        let keys: Vec<String> = options.iter().map(|choice| choice.key.clone()).collect();
        let first = keys.first().cloned().unwrap_or_default();
        options
            .into_iter()
            .map(|Choice { key, label, second }| {
                let keys = keys.clone();
                let is_first = key == first;
                let is_chosen = {
                    let key = key.clone();
                    Memo::new(move |_| chosen.get() == key)
                };
                let none_chosen = move || !keys.contains(&chosen.get());
                view! {
                    <button
                        type="button"
                        class=class
                        role="radio"
                        aria-checked=move || if is_chosen.get() { "true" } else { "false" }
                        tabindex=move || if is_chosen.get() || (is_first && none_chosen()) { "0" } else { "-1" }
                        on:click=move |_| on_choose.run(key.clone())
                    >
                        <span class="choice__tick"><Glyph icon=Icon::Tick/></span>
                        <span class="choice__words">
                            {label} {(!second.is_empty()).then(|| view! { <span class="choice__second">{second}</span> })}
                        </span>
                    </button>
                }
            })
            .collect::<View>()
    }
}

/// Arrows choose as they move, as in every radio group.
fn arrows(event: ev::KeyboardEvent) {
    if let Some(next) = move_focus(&event) {
        next.click();
    }
}

/// A group with its label and note around it.
#[expect(clippy::too_many_arguments, reason = "the props of several components, handed on")]
fn grouped_choice(
    class: &'static str,
    role: &'static str,
    label: Text,
    hide_label: bool,
    optional_mark: Text,
    note: Text,
    problem: Signal<Option<String>>,
    id: String,
    inner: View,
) -> View {
    let id = own_id(id);
    let label_id = format!("{id}-label");
    let note_id = format!("{id}-note");
    let invalid = move || problem.get().is_some().then_some("true");
    view! {
        <div class="field" data-invalid=invalid>
            <span id=label_id.clone() class="field__label" class:only-heard=hide_label>
                {move || label.get()} {line("field__mark", optional_mark)}
            </span>
            <div
                id=id
                class=class
                role=role
                tabindex="-1"
                aria-labelledby=label_id
                aria-describedby=note_id.clone()
                aria-invalid=invalid
                on:keydown=move |event| if role == "radiogroup" { arrows(event) }
            >
                {inner}
            </div>
            <p class="field__note" id=note_id aria-live="polite">
                {move || problem.get().is_some().then(|| view! { <Glyph icon=Icon::Warn/> })}
                <span>{move || problem.get().unwrap_or_else(|| note.get())}</span>
            </p>
        </div>
    }
}

/// One of two to four: a well with the chosen part raised.
#[component]
pub fn Segmented(
    #[prop(into)] label: Text,
    /// Two to four.
    #[prop(into)]
    options: Signal<Vec<Choice>>,
    /// The key of the chosen one; empty while none is.
    #[prop(into)]
    chosen: Text,
    #[prop(into)] on_choose: Callback<String>,
    /// The label is spoken and not drawn.
    #[prop(optional)]
    hide_label: bool,
    /// Stands after the label of what may stay open: 选填.
    #[prop(optional, into)]
    optional_mark: Text,
    #[prop(optional, into)] note: Text,
    #[prop(optional, into)] problem: Signal<Option<String>>,
    #[prop(optional, into)] id: String,
) -> impl IntoView {
    let inner = radios("segmented__part", options, chosen, on_choose);
    grouped_choice("segmented", "radiogroup", label, hide_label, optional_mark, note, problem, id, inner.into_view())
}

/// One of five and more: chips that wrap, or rows with `rows`.
#[component]
pub fn ChoiceList(
    #[prop(into)] label: Text,
    #[prop(into)] options: Signal<Vec<Choice>>,
    /// The key of the chosen one; empty while none is.
    #[prop(into)]
    chosen: Text,
    #[prop(into)] on_choose: Callback<String>,
    /// One below the other, with second lines: for sheets.
    #[prop(optional)]
    rows: bool,
    /// The label is spoken and not drawn.
    #[prop(optional)]
    hide_label: bool,
    /// Stands after the label of what may stay open: 选填.
    #[prop(optional, into)]
    optional_mark: Text,
    #[prop(optional, into)] note: Text,
    #[prop(optional, into)] problem: Signal<Option<String>>,
    #[prop(optional, into)] id: String,
) -> impl IntoView {
    let (group, part) = if rows { ("choices", "choices__row") } else { ("chips", "chip") };
    let inner = radios(part, options, chosen, on_choose);
    grouped_choice(group, "radiogroup", label, hide_label, optional_mark, note, problem, id, inner.into_view())
}

/// Many of many. Under 700 wide it can be one row that scrolls.
#[component]
pub fn ChipGroup(
    #[prop(into)] label: Text,
    #[prop(into)] options: Signal<Vec<Choice>>,
    /// The keys of the chosen ones.
    #[prop(into)]
    chosen: Signal<Vec<String>>,
    /// All chosen keys after the press, in the order of the options.
    #[prop(into)]
    on_change: Callback<Vec<String>>,
    /// On narrow screens one row that scrolls and shows half of the next one.
    #[prop(optional)]
    one_row: bool,
    /// The label is spoken and not drawn.
    #[prop(optional)]
    hide_label: bool,
    /// Stands after the label of what may stay open: 选填.
    #[prop(optional, into)]
    optional_mark: Text,
    #[prop(optional, into)] note: Text,
    #[prop(optional, into)] problem: Signal<Option<String>>,
    #[prop(optional, into)] id: String,
) -> impl IntoView {
    let toggle = move |key: &str, on: bool| {
        let held = chosen.get_untracked();
        let keep = |other: &String| if other == key { on } else { held.contains(other) };
        on_change.run(options.get_untracked().into_iter().map(|choice| choice.key).filter(keep).collect());
    };
    let inner = move || {
        options
            .get()
            .into_iter()
            .map(|Choice { key, label, .. }| {
                let on = {
                    let key = key.clone();
                    Memo::new(move |_| chosen.get().contains(&key))
                };
                view! { <Chip label on on_change=move |on: bool| toggle(&key, on)/> }
            })
            .collect::<View>()
    };
    let class = if one_row { "chips chips--one-row" } else { "chips" };
    grouped_choice(class, "group", label, hide_label, optional_mark, note, problem, id, inner.into_view())
}

/// One chip: chosen or not.
#[component]
pub fn Chip(
    #[prop(into)] label: Text,
    #[prop(into)] on: Signal<bool>,
    #[prop(into)] on_change: Callback<bool>,
    /// Dashed: not chosen but offered, such as a ready phrase.
    #[prop(optional)]
    offered: bool,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="chip"
            class:chip--offered=offered
            role="checkbox"
            aria-checked=move || if on.get() { "true" } else { "false" }
            on:click=move |_| on_change.run(!on.get_untracked())
        >
            <span class="choice__tick"><Glyph icon=Icon::Tick/></span>
            <span class="choice__words">{move || label.get()}</span>
        </button>
    }
}

/// A fact that saves at once: a row with a switch at its end.
#[component]
pub fn Switch(
    #[prop(into)] label: Text,
    #[prop(into)] on: Signal<bool>,
    #[prop(into)] on_change: Callback<bool>,
    #[prop(optional, into)] second: Text,
    #[prop(optional)] icon: Option<Icon>,
    /// With a border of its own, to stand among keys.
    #[prop(optional)]
    boxed: bool,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="switch"
            class:switch--boxed=boxed
            role="switch"
            aria-checked=move || if on.get() { "true" } else { "false" }
            on:click=move |_| on_change.run(!on.get_untracked())
        >
            {icon.map(|icon| view! { <Glyph icon/> })}
            <span class="switch__words">{move || label.get()} {line("switch__second", second)}</span>
            <span class="switch__track" aria-hidden="true">
                <span class="switch__knob"></span>
            </span>
        </button>
    }
}

/// A statement that is true or not, kept with the form.
#[component]
pub fn CheckBox(
    #[prop(into)] label: Text,
    #[prop(into)] on: Signal<bool>,
    #[prop(into)] on_change: Callback<bool>,
    #[prop(optional, into)] second: Text,
    /// What is wrong while it is not ticked.
    #[prop(optional, into)]
    problem: Signal<Option<String>>,
    /// With a border of its own, to stand among keys.
    #[prop(optional)]
    boxed: bool,
    #[prop(optional, into)] id: String,
) -> impl IntoView {
    view! {
        <button
            id=own_id(id)
            type="button"
            class="check"
            class:check--boxed=boxed
            role="checkbox"
            aria-checked=move || if on.get() { "true" } else { "false" }
            aria-invalid=move || problem.get().is_some().then_some("true")
            on:click=move |_| on_change.run(!on.get_untracked())
        >
            <span class="check__box" aria-hidden="true"><Glyph icon=Icon::Tick/></span>
            <span class="check__words">
                {move || label.get()} {line("check__second", second)}
                {move || problem.get().map(|problem| view! { <span class="check__problem"><Glyph icon=Icon::Warn/>{problem}</span> })}
            </span>
        </button>
    }
}

/// One to five stars, each with its words.
#[component]
pub fn Rating(
    #[prop(into)] label: Text,
    /// None while nothing is given.
    #[prop(into)]
    stars: Signal<Option<u8>>,
    #[prop(into)] on_choose: Callback<u8>,
    /// What one to five stars are called, such as 4星，满意.
    #[prop(into)]
    words: Signal<Vec<String>>,
    /// Stands after the label of what may stay open: 选填.
    #[prop(optional, into)]
    optional_mark: Text,
    /// Below the stars while none is given.
    #[prop(optional, into)]
    note: Text,
    #[prop(optional, into)] problem: Signal<Option<String>>,
    #[prop(optional, into)] id: String,
) -> impl IntoView {
    let word = move |star: u8| words.get().into_iter().nth(usize::from(star) - 1).unwrap_or_default();
    let inner = (1..=5u8)
        .map(|star| {
            let given = move || stars.get().unwrap_or(0);
            view! {
                <button
                    type="button"
                    class="rating__star"
                    role="radio"
                    aria-label=move || word(star)
                    aria-checked=move || if given() == star { "true" } else { "false" }
                    tabindex=move || if given() == star || (given() == 0 && star == 1) { "0" } else { "-1" }
                    data-given=move || (given() >= star).then_some("true")
                    on:click=move |_| on_choose.run(star)
                >
                    <Glyph icon=Icon::Star/>
                </button>
            }
        })
        .collect::<View>();
    let below = Signal::derive(move || stars.get().map_or_else(|| note.get(), word));
    grouped_choice("rating", "radiogroup", label, false, optional_mark, below, problem, id, inner)
}

/// A field that is put together from several parts: its label above, its note below, and what stands between.
#[component]
pub fn FieldGroup(
    #[prop(into)] label: Text,
    /// Stands after the label of what may stay empty: 选填.
    #[prop(optional, into)]
    optional_mark: Text,
    #[prop(optional, into)] note: Text,
    #[prop(optional, into)] problem: Signal<Option<String>>,
    #[prop(optional, into)] id: String,
    children: Children,
) -> impl IntoView {
    grouped_choice("parts", "group", label, false, optional_mark, note, problem, id, children())
}

/// Lets tabs move their focus the same way.
pub(super) fn tab_arrows(event: &ev::KeyboardEvent) {
    if let Some(next) = move_focus(event) {
        next.click();
    }
}
