//! How things stand: tag, status pill, badge, ring, timer, tip, and facts on one line.

use super::{Glyph, Icon, Text, Tone, line};
use crate::view::prelude::*;

/// A state in a word or two. Not pressed.
#[component]
pub fn Tag(
    #[prop(into)] text: Text,
    #[prop(optional)] tone: Tone,
    #[prop(optional)] icon: Option<Icon>,
) -> impl IntoView {
    view! {
        <span class="tag" data-tone=tone.name()>
            {icon.map(|icon| view! { <Glyph icon/> })} {move || text.get()}
        </span>
    }
}

/// Where saving and sending stand, in the same corner of every screen. A press opens the page about it.
#[component]
pub fn StatusPill(
    #[prop(into)] tone: Signal<Tone>,
    #[prop(into)] icon: Signal<Icon>,
    /// The state: 已存好, 离线.
    #[prop(into)]
    text: Text,
    /// The count, after a drawn dot: 3条待发送.
    #[prop(optional, into)]
    count: Text,
    /// What screen readers are told; the caller changes it at most once a minute. The same as shown when empty.
    #[prop(optional, into)]
    spoken: Text,
    #[prop(into)] on_press: Callback<()>,
) -> impl IntoView {
    view! {
        <button type="button" class="pill" data-tone=move || tone.get().name() on:click=move |_| on_press.run(())>
            {move || view! { <Glyph icon=icon.get()/> }}
            <span class="facts">
                <span>{move || text.get()}</span>
                {line("pill__count", count)}
            </span>
            <span class="only-heard" role="status">{move || spoken.get()}</span>
        </button>
    }
}

/// A count at the corner of a place on the rail. Nothing at zero.
#[component]
pub fn Badge(
    #[prop(into)] count: Signal<u32>,
    /// The count in words, for screen readers.
    #[prop(optional, into)]
    label: Text,
) -> impl IntoView {
    move || {
        let count = count.get();
        let figure = if count > 99 { "99+".to_owned() } else { count.to_string() };
        (count > 0).then(|| {
            view! {
                <span class="badge">
                    <span aria-hidden="true">{figure}</span>
                    <span class="only-heard">{label.get()}</span>
                </span>
            }
        })
    }
}

/// How large a ring is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RingSize {
    /// 52: in a row.
    Row,
    /// 64: in a heading.
    Small,
    /// 76: one of several goals.
    #[default]
    Goal,
    /// 96: a membership.
    Card,
    /// 132, and 72 on a phone: what the screen is about.
    Screen,
}

/// One goal, read in a glance: from the top, clockwise.
#[component]
pub fn Ring(
    /// How much is done, from 0 to 1.
    #[prop(into)]
    done: Signal<f64>,
    /// The figure inside.
    #[prop(into)]
    figure: Text,
    /// The aim, below the figure.
    #[prop(optional, into)]
    aim: Text,
    /// The whole in a sentence, for screen readers.
    #[prop(into)]
    sentence: Text,
    #[prop(optional)] size: RingSize,
    /// Pine unless it says something.
    #[prop(default = Tone::Pine.into(), into)]
    tone: Signal<Tone>,
) -> impl IntoView {
    let size = match size {
        RingSize::Row => "row",
        RingSize::Small => "small",
        RingSize::Goal => "goal",
        RingSize::Card => "card",
        RingSize::Screen => "screen",
    };
    view! {
        <span class="ring" role="img" data-size=size data-tone=move || tone.get().name() aria-label=move || sentence.get()>
            <svg class="ring__drawing" viewBox="0 0 64 64" aria-hidden="true">
                <circle class="ring__track" cx="32" cy="32" r="28"></circle>
                <circle
                    class="ring__done"
                    cx="32"
                    cy="32"
                    r="28"
                    pathLength="100"
                    data-empty=move || (done.get() <= 0.0).then_some("true")
                    style:--done=move || super::permille(done.get())
                ></circle>
            </svg>
            <span class="ring__words" aria-hidden="true">
                <span class="ring__figure">{move || figure.get()}</span>
                {line("ring__aim", aim)}
            </span>
        </span>
    }
}

/// A time that counts up, with its aim in words. Silent; what is worth telling goes into `spoken`.
#[component]
pub fn TimerFace(
    /// As drawn: 12:40.
    #[prop(into)]
    time: Text,
    /// The aim in words: 约20分钟.
    #[prop(optional, into)]
    aim: Text,
    /// What it times, for screen readers.
    #[prop(into)]
    label: Text,
    /// Past the aim: apricot, and nothing else.
    #[prop(optional, into)]
    over: Signal<bool>,
    /// Told when it changes: each five minutes.
    #[prop(optional, into)]
    spoken: Text,
) -> impl IntoView {
    view! {
        <div class="timer" data-over=move || over.get().then_some("true")>
            <span class="timer__time" role="timer" aria-live="off" aria-label=move || label.get()>{move || time.get()}</span>
            {line("timer__aim", aim)}
            <span class="only-heard" role="status">{move || spoken.get()}</span>
        </div>
    }
}

/// Facts on one line, with drawn dots between them.
#[component]
pub fn Facts(#[prop(into)] items: Signal<Vec<String>>) -> impl IntoView {
    view! {
        <span class="facts">
            {move || items.get().into_iter().filter(|item| !item.is_empty()).map(|item| view! { <span>{item}</span> }).collect::<View>()}
        </span>
    }
}

/// Text of which some letters were searched for: those are bold and underlined.
#[component]
pub fn Marked(
    /// Pieces in order, and whether each was matched.
    #[prop(into)]
    parts: Signal<Vec<(String, bool)>>,
    /// Pinyin beside a name says nothing new to a screen reader.
    #[prop(optional)]
    unheard: bool,
) -> impl IntoView {
    view! {
        <span class="marked" aria-hidden=unheard.then_some("true")>
            {move || {
                parts
                    .get()
                    .into_iter()
                    .map(|(text, matched)| {
                        if matched { view! { <mark>{text}</mark> } } else { text.into_view() }
                    })
                    .collect::<View>()
            }}
        </span>
    }
}

/// What helps to know now, on a wash: a hint beside the work.
#[component]
pub fn Tip(#[prop(into)] text: Text, icon: Icon, #[prop(default = Tone::Pine)] tone: Tone) -> impl IntoView {
    view! {
        <p class="tip" data-tone=tone.name()>
            <Glyph icon/>
            <span>{move || text.get()}</span>
        </p>
    }
}
