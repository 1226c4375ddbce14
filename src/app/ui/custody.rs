//! Custody: where one record has got to. It speaks for this record only.

use super::{Glyph, Icon, Text, Tone, line};
use crate::view::prelude::*;

/// How sure one place is of the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// It is there.
    There,
    /// On its way: a normal thing.
    #[default]
    Waiting,
    /// It was not taken in.
    Refused,
}

/// One place a record can be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustodyPoint {
    /// 本机, 中心, 同事.
    pub place: String,
    /// Time and words: 10:02存好.
    pub words: String,
    pub reach: Reach,
}

/// The line of places, solid where the record has got to and dashed where not.
#[component]
pub fn Custody(
    /// What the line tells, for screen readers.
    #[prop(into)]
    label: Text,
    #[prop(into)] points: Signal<Vec<CustodyPoint>>,
    /// At the end: who changed it last.
    #[prop(optional, into)]
    aside: Text,
) -> impl IntoView {
    let point = |CustodyPoint { place, words, reach }: CustodyPoint| {
        let (icon, tone) = match reach {
            Reach::There => (Icon::Saved, Tone::Saved),
            Reach::Waiting => (Icon::Clock, Tone::Unsent),
            Reach::Refused => (Icon::Warn, Tone::Late),
        };
        view! {
            <li class="custody__point" data-tone=tone.name()>
                <Glyph icon/>
                <strong>{place}</strong>
                <span class="custody__words">{words}</span>
            </li>
        }
    };
    view! {
        <div class="custody">
            <ol class="custody__points" aria-label=move || label.get()>
                {move || points.get().into_iter().map(point).collect::<View>()}
            </ol>
            {line("custody__aside", aside)}
        </div>
    }
}
