//! The frame: rail or bottom bar, page header, list and detail, and the three panes of unlocking.

use super::{Badge, Face, FaceSize, Glyph, Icon, IconButton, Look, Mark, Slot, Text, line};
use crate::view::prelude::*;
use leptos::ev;

/// One place of the rail and of the bottom bar.
#[derive(Clone, Debug)]
pub struct Place {
    /// Compared with `current`.
    pub key: String,
    /// One word.
    pub label: Text,
    pub icon: Icon,
    /// Where the link goes.
    pub href: String,
    /// What waits there; nothing is drawn at zero.
    pub badge: Signal<u32>,
    /// The same in words, for screen readers.
    pub badge_label: Text,
}

fn place_link(place: Place, current: Text, class: &'static str) -> impl IntoView {
    let Place { key, label, icon, href, badge, badge_label } = place;
    view! {
        <a class=class href=href aria-current=move || (current.get() == key).then_some("page")>
            <span class="place__icon">
                <Glyph icon/>
                <Badge count=badge label=badge_label/>
            </span>
            <span class="place__label">{move || label.get()}</span>
        </a>
    }
}

/// The doorpost at the inline start: mark, up to eight places, the person at the foot. Seen from 1024 wide.
#[component]
pub fn Rail(
    /// What the navigation is called, for screen readers.
    #[prop(into)]
    label: Text,
    places: Vec<Place>,
    /// The key of the place on show.
    #[prop(into)]
    current: Text,
    /// Who is at it: [`RailPerson`].
    #[prop(optional)]
    foot: Option<Slot>,
) -> impl IntoView {
    view! {
        <nav class="rail" aria-label=move || label.get()>
            <Mark/>
            <div class="rail__places">
                {places.into_iter().map(|place| place_link(place, current, "place")).collect::<View>()}
            </div>
            {foot.map(|foot| view! { <div class="rail__foot">{foot}</div> })}
        </nav>
    }
}

/// The face at the foot of the rail; pressing it locks.
#[component]
pub fn RailPerson(
    #[prop(into)] look: Signal<Look>,
    #[prop(into)] name: Text,
    /// What a press does, for screen readers: 锁上.
    #[prop(into)]
    label: Text,
    #[prop(into)] on_press: Callback<()>,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="rail__person"
            title=move || label.get()
            on:click=move |_| on_press.run(())
        >
            <Face look/>
            <span>{move || name.get()}</span>
            <span class="only-heard">{move || label.get()}</span>
        </button>
    }
}

/// Five places below, under 1024 wide.
#[component]
pub fn BottomBar(
    #[prop(into)] label: Text,
    /// Five at most.
    places: Vec<Place>,
    #[prop(into)] current: Text,
    /// While capturing on a phone the bar is away.
    #[prop(optional, into)]
    capturing: Signal<bool>,
) -> impl IntoView {
    view! {
        <nav class="bottom-bar" aria-label=move || label.get() data-capturing=move || capturing.get().then_some("true")>
            {places.into_iter().map(|place| place_link(place, current, "place place--bottom")).collect::<View>()}
        </nav>
    }
}

/// Everything: rail at the start or bar below, content beside, toasts above the foot.
#[component]
pub fn Shell(
    /// [`Rail`].
    #[prop(optional)]
    rail: Option<Slot>,
    /// [`BottomBar`].
    #[prop(optional)]
    bar: Option<Slot>,
    /// [`super::ToastHost`].
    #[prop(optional)]
    toasts: Option<Slot>,
    /// The words of the link that skips the rail, for keyboards.
    #[prop(optional, into)]
    skip_label: Text,
    children: Children,
) -> impl IntoView {
    let skip = move |event: ev::MouseEvent| {
        event.prevent_default();
        super::focus_on("content");
    };
    view! {
        <div class="shell">
            <a class="shell__skip" href="#content" on:click=skip>{move || skip_label.get()}</a>
            {rail}
            <main class="shell__content" id="content" tabindex="-1">
                {children()} {toasts}
            </main>
            {bar}
        </div>
    }
}

/// The head of a screen: title at the start; at the end the status pill, then a primary and a quiet button.
#[component]
pub fn PageHeader(
    /// The one `h1`; it takes the focus when the screen changes.
    #[prop(into)]
    title: Text,
    /// Beside the title or below it.
    #[prop(optional)]
    second: Option<Slot>,
    /// The second line stands below the title.
    #[prop(optional)]
    stacked: bool,
    /// What the arrow at the start leads to, for screen readers.
    #[prop(optional, into)]
    back_label: Text,
    /// Draws the arrow.
    #[prop(optional, into)]
    on_back: Option<Callback<()>>,
    #[prop(optional)] face: Option<Slot>,
    /// A hairline below.
    #[prop(optional)]
    ruled: bool,
    /// Does not take the focus: a header inside a pane.
    #[prop(optional)]
    inner: bool,
    /// Status pill and buttons.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let heading = NodeRef::<leptos::html::H1>::new();
    Effect::new(move |_| {
        if let Some(heading) = heading.get().filter(|_| !inner) {
            let _ = heading.focus();
        }
    });
    view! {
        <header class="head" class:head--ruled=ruled class:head--stacked=stacked>
            {on_back.map(|on_press| view! { <IconButton icon=Icon::Back label=back_label on_press/> })}
            {face}
            <div class="head__titles">
                <h1 class="head__title" tabindex="-1" node_ref=heading>{move || title.get()}</h1>
                {second.map(|second| view! { <div class="head__second">{second}</div> })}
            </div>
            {children.map(|children| view! { <div class="head__end">{children()}</div> })}
        </header>
    }
}

/// A list and what was chosen from it. Under 1024 the detail covers the list.
#[component]
pub fn ListDetail(
    list: Slot,
    detail: Slot,
    /// Something is chosen.
    #[prop(into)]
    detail_shown: Signal<bool>,
    /// What the detail is about, for screen readers.
    #[prop(optional, into)]
    detail_label: Text,
) -> impl IntoView {
    view! {
        <div class="list-detail" data-detail=move || detail_shown.get().then_some("true")>
            <div class="list-detail__list">{list}</div>
            <section class="list-detail__detail" aria-label=move || detail_label.get()>{detail}</section>
        </div>
    }
}

/// Who am I, on which tablet, is all well: the doorpost, the faces, the digits.
#[component]
pub fn UnlockLayout(
    /// Name, tablet, time, what waits, capture before unlocking.
    door: Slot,
    /// The faces: heading, then `<div class="unlock__faces" role="radiogroup">` of [`FaceTile`].
    people: Slot,
    /// The dots and the keypad.
    pin: Slot,
) -> impl IntoView {
    view! {
        <main class="unlock">
            <section class="unlock__door">{door}</section>
            <section class="unlock__people">{people}</section>
            <section class="unlock__pin">{pin}</section>
        </main>
    }
}

/// One face to choose from.
#[component]
pub fn FaceTile(
    #[prop(into)] look: Signal<Look>,
    #[prop(into)] name: Text,
    /// The role.
    #[prop(optional, into)]
    second: Text,
    #[prop(into)] chosen: Signal<bool>,
    #[prop(into)] on_choose: Callback<()>,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="face-tile"
            role="radio"
            aria-checked=move || if chosen.get() { "true" } else { "false" }
            on:click=move |_| on_choose.run(())
        >
            <Face look size=FaceSize::Tile/>
            <span class="face-tile__name">{move || name.get()}</span>
            {line("face-tile__second", second)}
        </button>
    }
}
