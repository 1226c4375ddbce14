//! Progress, for the few things that wait, and bars that compare.

use super::{Text, Tone, permille};
use crate::view::prelude::*;

/// Count, total, percent and a way to cancel. Without a share it counts up in words and draws no bar.
#[component]
pub fn Progress(
    /// What is done, with its count: 首次取数 8,420/12,000人.
    #[prop(into)]
    label: Text,
    /// From 0 to 1; none until the total is known.
    #[prop(into)]
    share: Signal<Option<f64>>,
    /// At the end of the line: 70%.
    #[prop(optional, into)]
    figure: Text,
    /// Below: the button that cancels.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let percent = move || share.get().map(|share| (share.clamp(0.0, 1.0) * 100.0).round() as u32);
    let bar =
        move || share.get().is_some().then(|| view! { <span class="bar__well"><span class="bar__done"></span></span> });
    view! {
        <div class="progress" style:--done=move || permille(share.get().unwrap_or(0.0))>
            <div
                class="progress__line"
                role="progressbar"
                aria-label=move || label.get()
                aria-valuemin="0"
                aria-valuemax="100"
                aria-valuenow=move || percent().map(|percent| percent.to_string())
                aria-valuetext=move || figure.get()
            >
                <span>{move || label.get()}</span>
                <span class="progress__figure">{move || figure.get()}</span>
            </div>
            {bar}
            {children.map(|children| children())}
        </div>
    }
}

/// A measure beside its aim: the aim is a bar across, not a colour.
#[component]
pub fn Bar(
    /// From 0 to 1.
    #[prop(into)]
    share: Signal<f64>,
    /// Where the aim lies, from 0 to 1.
    #[prop(optional, into)]
    aim: Signal<Option<f64>>,
    #[prop(default = Tone::Pine.into(), into)] tone: Signal<Tone>,
    /// The whole in a sentence, for screen readers.
    #[prop(into)]
    sentence: Text,
) -> impl IntoView {
    view! {
        <div
            class="bar"
            role="img"
            data-tone=move || tone.get().name()
            aria-label=move || sentence.get()
            style:--done=move || permille(share.get())
            style:--aim=move || permille(aim.get().unwrap_or(0.0))
        >
            <span class="bar__well"><span class="bar__done"></span></span>
            {move || aim.get().map(|_| view! { <span class="bar__aim"></span> })}
        </div>
    }
}
