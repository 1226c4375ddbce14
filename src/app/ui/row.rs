//! Rows: people, tasks, facts and what happened, and the panel of the next thing.

use super::{Glyph, Icon, Slot, Text, Tone, line};
use crate::view::prelude::*;

/// One person or thing in a list.
#[component]
pub fn ListRow(
    #[prop(into)] title: Text,
    /// Beside the title, quieter: pinyin, letters of a search.
    #[prop(optional)]
    beside: Option<Slot>,
    /// The second line.
    #[prop(optional)]
    second: Option<Slot>,
    /// A face, a ring or an icon on its ground.
    #[prop(optional)]
    face: Option<Slot>,
    /// At most one tag, a time, or an arrow.
    #[prop(optional)]
    end: Option<Slot>,
    #[prop(optional, into)] selected: Signal<bool>,
    /// Without it the row is not pressed.
    #[prop(optional, into)]
    on_open: Option<Callback<()>>,
) -> impl IntoView {
    let inner = view! {
        {face.map(|face| view! { <span class="row__face">{face}</span> })}
        <span class="row__body">
            <span class="row__words">
                <span class="row__title">
                    <span class="row__name">{move || title.get()}</span>
                    {beside.map(|beside| view! { <span class="row__beside">{beside}</span> })}
                </span>
                {second.map(|second| view! { <span class="row__second">{second}</span> })}
            </span>
            {end.map(|end| view! { <span class="row__end">{end}</span> })}
        </span>
    };
    match on_open {
        Some(on_open) => view! {
            <button
                type="button"
                class="row"
                aria-current=move || selected.get().then_some("true")
                on:click=move |_| on_open.run(())
            >
                {inner}
            </button>
        },
        None => {
            view! { <div class="row" aria-current=move || selected.get().then_some("true")>{inner}</div> }
        }
    }
}

/// When something is due, and how urgent that is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// 超时2小时, 还剩36分, 11:30.
    pub text: String,
    /// Late with a flag, Unsent with a clock within the hour, Plain later.
    pub tone: Tone,
}

fn due_mark(due: Due) -> impl IntoView {
    let icon = if due.tone == Tone::Late { Icon::Late } else { Icon::Clock };
    view! { <span class="due" data-tone=due.tone.name()><Glyph icon/> {due.text}</span> }
}

/// Something to do: tick box, due, what and why, one action. The screen takes it away after the tick.
#[component]
pub fn TaskRow(
    #[prop(into)] title: Text,
    /// Why.
    #[prop(optional)]
    second: Option<Slot>,
    #[prop(into)] due: Signal<Due>,
    #[prop(into)] done: Signal<bool>,
    #[prop(into)] on_tick: Callback<bool>,
    /// What the tick box says to screen readers: 做完了：接待王雨桐.
    #[prop(into)]
    tick_label: Text,
    /// The one action, an [`super::IconButton`].
    #[prop(optional)]
    action: Option<Slot>,
    /// Opens what the task is about.
    #[prop(optional, into)]
    on_open: Option<Callback<()>>,
    /// Due below the title instead of before it: in narrow columns.
    #[prop(optional)]
    narrow: bool,
) -> impl IntoView {
    let words = view! {
        <span class="task__title">{move || title.get()}</span>
        {second.map(|second| view! { <span class="task__second">{second}</span> })}
    };
    let words = match on_open {
        Some(on_open) => view! {
            <button type="button" class="task__words" on:click=move |_| on_open.run(())>{words}</button>
        },
        None => view! { <span class="task__words">{words}</span> },
    };
    view! {
        <div class="task" class:task--narrow=narrow role="listitem">
            <button
                type="button"
                class="task__tick"
                role="checkbox"
                aria-label=move || tick_label.get()
                aria-checked=move || if done.get() { "true" } else { "false" }
                on:click=move |_| on_tick.run(!done.get_untracked())
            >
                <span class="check__box" aria-hidden="true"><Glyph icon=Icon::Tick/></span>
            </button>
            {move || due_mark(due.get())}
            {words}
            {action.map(|action| view! { <span class="task__action">{action}</span> })}
        </div>
    }
}

/// The most urgent task: title, why, and its action as children.
#[component]
pub fn NextThing(
    #[prop(into)] title: Text,
    #[prop(optional)] second: Option<Slot>,
    #[prop(into)] due: Signal<Due>,
    /// In the corner: 下一件.
    #[prop(optional, into)]
    corner: Text,
    /// The button, [`super::ButtonSize::Next`].
    children: Children,
) -> impl IntoView {
    view! {
        <section class="next">
            <div class="next__words">
                {move || due_mark(due.get())}
                <h2 class="next__title">{move || title.get()}</h2>
                {second.map(|second| view! { <p class="next__second">{second}</p> })}
            </div>
            <div class="next__action">{line("next__corner", corner)} {children()}</div>
        </section>
    }
}

/// Label and value on one line. Several stand in `<dl class="fact-list">`.
#[component]
pub fn FactRow(#[prop(into)] label: Text, children: Children) -> impl IntoView {
    view! {
        <div class="fact">
            <dt class="fact__label">{move || label.get()}</dt>
            <dd class="fact__value">{children()}</dd>
        </div>
    }
}

/// Something that happened: day, icon, what, more, who.
#[component]
pub fn HistoryRow(
    #[prop(into)] date: Text,
    icon: Icon,
    #[prop(into)] title: Text,
    #[prop(optional)] second: Option<Slot>,
    #[prop(optional, into)] who: Text,
    #[prop(optional)] tone: Tone,
    /// Opens the record.
    #[prop(optional, into)]
    on_open: Option<Callback<()>>,
) -> impl IntoView {
    let words = view! {
        <span class="history__title">{move || title.get()}</span>
        {second.map(|second| view! { <span class="history__second">{second}</span> })}
    };
    let words = match on_open {
        Some(on_open) => view! {
            <button type="button" class="history__words" on:click=move |_| on_open.run(())>{words}</button>
        },
        None => view! { <span class="history__words">{words}</span> },
    };
    view! {
        <div class="history" role="listitem">
            <span class="history__date">{move || date.get()}</span>
            <span class="ground" data-tone=tone.name()><Glyph icon/></span>
            <span class="history__body">{words} {line("history__who", who)}</span>
        </div>
    }
}

/// A part of a page under its heading.
#[component]
pub fn Section(
    #[prop(into)] title: Text,
    /// Beside the heading, quieter: 3件.
    #[prop(optional, into)]
    aside: Text,
    /// At the end of the heading: a small button, tabs.
    #[prop(optional)]
    end: Option<Slot>,
    /// A hairline under the heading, before rows.
    #[prop(default = true)]
    ruled: bool,
    /// What is inside are rows of a list: tasks, history.
    #[prop(optional)]
    list: bool,
    children: Children,
) -> impl IntoView {
    view! {
        <section class="section" class:section--ruled=ruled>
            <header class="section__head">
                <h2 class="section__title">{move || title.get()}</h2>
                {line("section__aside", aside)}
                {end.map(|end| view! { <span class="section__end">{end}</span> })}
            </header>
            <div role=list.then_some("list")>{children()}</div>
        </section>
    }
}
