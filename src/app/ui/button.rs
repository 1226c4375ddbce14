//! Buttons: icon, then verb. One primary button per area of a screen.

use super::{Glyph, Icon, Text, line};
use crate::view::prelude::*;

/// How much a button asks for attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ButtonKind {
    /// The one thing to press here.
    Primary,
    /// The alternatives.
    #[default]
    Quiet,
    /// Small steps, undo.
    Text,
    /// What cannot be undone; only in a sheet that says what goes.
    Danger,
}

/// How large a button is, by where it is pressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ButtonSize {
    /// 48 high.
    #[default]
    Desk,
    /// 56 high: the next thing.
    Next,
    /// 64 high: pressed while walking.
    Walking,
    /// As wide and high as its place: the save key beside a keypad.
    Fill,
}

/// Whether a button can do its work now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    #[default]
    Ready,
    /// It is at it; the verb in progress, such as 正在存.
    Busy(String),
    /// Something is missing; says what, such as 还差2位. It stays focusable.
    Missing(String),
}

/// A button with its words.
#[component]
pub fn Button(
    /// The verb.
    #[prop(into)]
    label: Text,
    /// What a press does. Not called while busy or not ready.
    #[prop(into)]
    on_press: Callback<()>,
    #[prop(optional)] kind: ButtonKind,
    #[prop(optional)] size: ButtonSize,
    /// Drawn before the verb.
    #[prop(optional)]
    icon: Option<Icon>,
    /// Drawn at the end, such as [`Icon::Forward`].
    #[prop(optional)]
    icon_end: Option<Icon>,
    /// A second, smaller line.
    #[prop(optional, into)]
    second: Text,
    /// Ready, busy or not ready.
    #[prop(optional, into)]
    state: Signal<Readiness>,
    /// What a press does while something is missing: move the focus to it.
    #[prop(optional, into)]
    on_missing: Option<Callback<()>>,
    /// Takes the whole width of its place.
    #[prop(optional)]
    wide: bool,
    /// Enter inside the form around it presses it as well.
    #[prop(optional)]
    submit: bool,
    /// An id, to move the focus here.
    #[prop(optional, into)]
    id: Option<String>,
) -> impl IntoView {
    let kind = match kind {
        ButtonKind::Primary => "primary",
        ButtonKind::Quiet => "quiet",
        ButtonKind::Text => "text",
        ButtonKind::Danger => "danger",
    };
    let size = match size {
        ButtonSize::Desk => "desk",
        ButtonSize::Next => "next",
        ButtonSize::Walking => "walking",
        ButtonSize::Fill => "fill",
    };
    let press = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        match state.get_untracked() {
            Readiness::Ready => on_press.run(()),
            Readiness::Missing(_) => {
                if let Some(on_missing) = on_missing {
                    on_missing.run(());
                }
            }
            Readiness::Busy(_) => {}
        }
    };
    let words = move || match state.get() {
        Readiness::Ready => label.get(),
        Readiness::Busy(words) | Readiness::Missing(words) => words,
    };
    let lead = move || match state.get() {
        Readiness::Ready => icon.map(|icon| view! { <Glyph icon/> }),
        Readiness::Busy(_) => Some(view! { <span class="button__dots" aria-hidden="true"></span> }),
        Readiness::Missing(_) => None,
    };
    view! {
        <button
            id=id
            type=if submit { "submit" } else { "button" }
            class="button"
            class:button--wide=wide
            data-kind=kind
            data-size=size
            aria-busy=move || matches!(state.get(), Readiness::Busy(_)).then_some("true")
            aria-disabled=move || matches!(state.get(), Readiness::Missing(_)).then_some("true")
            on:click=press
        >
            {lead}
            <span class="button__words">{words} {line("button__second", second)}</span>
            {icon_end.map(|icon| view! { <span class="button__end"><Glyph icon/></span> })}
        </button>
    }
}

/// A button whose icon is older than computers: back, close, search, call, more. Its label is spoken and is its tooltip.
#[component]
pub fn IconButton(
    icon: Icon,
    /// What it does, for screen readers and as a tooltip.
    #[prop(into)]
    label: Text,
    #[prop(into)] on_press: Callback<()>,
    /// [`ButtonKind::Text`] has no border.
    #[prop(default = ButtonKind::Text)]
    kind: ButtonKind,
) -> impl IntoView {
    let kind = if kind == ButtonKind::Quiet { "quiet" } else { "text" };
    view! {
        <button
            type="button"
            class="button button--icon"
            data-kind=kind
            aria-label=move || label.get()
            title=move || label.get()
            on:click=move |_| on_press.run(())
        >
            <Glyph icon/>
        </button>
    }
}
