//! Steps: where something stands on its way.

use super::{Glyph, Icon, Text};
use crate::view::prelude::*;

/// How far a step is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepState {
    /// Done.
    Passed,
    /// Under way.
    Present,
    /// Under way and past its time.
    PresentLate,
    /// Still to come.
    #[default]
    Ahead,
}

/// One step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Always shown.
    pub name: String,
    /// When it was, or is due. May be empty.
    pub second: String,
    pub state: StepState,
}

/// The steps as an ordered list, from the start to the end.
#[component]
pub fn Steps(
    /// What the steps lead through, for screen readers.
    #[prop(into)]
    label: Text,
    #[prop(into)] items: Signal<Vec<Step>>,
    /// One below the other, names beside the circles.
    #[prop(optional)]
    upright: bool,
) -> impl IntoView {
    let step = |(place, Step { name, second, state }): (usize, Step)| {
        let (word, present) = match state {
            StepState::Passed => ("passed", None),
            StepState::Present => ("present", Some("step")),
            StepState::PresentLate => ("late", Some("step")),
            StepState::Ahead => ("ahead", None),
        };
        let inside = if state == StepState::Passed {
            view! { <Glyph icon=Icon::Tick/> }
        } else {
            (place + 1).into_view()
        };
        view! {
            <li class="steps__step" data-state=word aria-current=present>
                <span class="steps__circle" aria-hidden="true">{inside}</span>
                <span class="steps__name">{name}</span>
                {(!second.is_empty()).then(|| view! { <span class="steps__second">{second}</span> })}
            </li>
        }
    };
    view! {
        <ol class="steps" class:steps--upright=upright aria-label=move || label.get()>
            {move || items.get().into_iter().enumerate().map(step).collect::<View>()}
        </ol>
    }
}
