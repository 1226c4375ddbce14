//! What a condition looks like while it lasts, and what an empty place says.

use super::{Button, ButtonKind, Glyph, Icon, Text, Tone, line};
use crate::view::prelude::*;

/// A condition under the header: icon, sentence, one way out. Stays until the condition ends.
#[component]
pub fn Banner(
    tone: Tone,
    icon: Icon,
    #[prop(into)] text: Text,
    #[prop(optional, into)] second: Text,
    /// The verb of the way out.
    #[prop(optional, into)]
    action_label: Text,
    #[prop(optional, into)] on_action: Option<Callback<()>>,
    /// Told at once to screen readers: a save that failed.
    #[prop(optional)]
    urgent: bool,
) -> impl IntoView {
    view! {
        <div class="banner" data-tone=tone.name() role=if urgent { "alert" } else { "status" }>
            <Glyph icon/>
            <p class="banner__words">{move || text.get()} {line("banner__second", second)}</p>
            {on_action.map(|on_press| view! { <Button kind=ButtonKind::Text label=action_label on_press/> })}
        </div>
    }
}

/// What is missing and how to begin, with the button that begins it.
#[component]
pub fn EmptyState(
    icon: Icon,
    #[prop(into)] title: Text,
    /// How to begin, in one line.
    #[prop(optional, into)]
    text: Text,
    /// The button.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Glyph icon/>
            <div class="empty__words">
                <p class="empty__title">{move || title.get()}</p>
                {line("empty__text", text)}
            </div>
            {children.map(|children| children())}
        </div>
    }
}
