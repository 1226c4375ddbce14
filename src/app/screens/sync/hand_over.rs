//! Carrying unsent work by hand: out as one sealed file, and in again on any tablet of the organisation.

use crate::view::prelude::*;
use leptos::{task::spawn_local, wasm_bindgen::JsCast, web_sys};

use crate::{
    roster::{HandOverError, HandedIn, Way, use_roster},
    t,
    ui::{Banner, Button, ButtonKind, Icon, Readiness, Section, Tone},
    words::{Words, use_words},
};

/// What became of the last file.
#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    Out(usize),
    In(HandedIn),
    Failed(HandOverError),
}

/// Export where something is unsent; import always.
#[component]
pub fn HandOver() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let outcome = RwSignal::new(None::<Outcome>);
    let busy = RwSignal::new(false);
    let picker = NodeRef::<leptos::html::Input>::new();
    let unsent = Memo::new(move |_| roster.status().unsent);
    let export = move |way: Way| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        spawn_local(async move {
            let told = match roster.hand_over(way).await {
                Ok(count) => count.map(Outcome::Out),
                Err(error) => Some(Outcome::Failed(error)),
            };
            let _ = (outcome.try_set(told), busy.try_set(false));
        });
    };
    let pick = move |()| {
        if let Some(picker) = picker.get_untracked() {
            picker.click();
        }
    };
    let take_in = move |event: web_sys::Event| {
        let input = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
        let Some(input) = input else { return };
        let file = input.files().and_then(|files| files.get(0));
        // The same file picked again is another pick.
        input.set_value("");
        if let Some(file) = file
            && !busy.get_untracked()
        {
            busy.set(true);
            spawn_local(async move {
                let told = match roster.take_hand_over(file).await {
                    Ok(handed) => Outcome::In(handed),
                    Err(error) => Outcome::Failed(error),
                };
                let _ = (outcome.try_set(Some(told)), busy.try_set(false));
            });
        }
    };
    let state = Signal::derive(move || {
        if busy.get() { Readiness::Busy(w.get().hand_over_busy().to_owned()) } else { Readiness::Ready }
    });
    let out = shown(
        move || unsent.get() > 0,
        move || {
            let share = roster.has_share_sheet().then(|| {
                view! {
                    <Button label=t!(w, hand_over_share) icon=Icon::Export on_press=move |()| export(Way::ShareSheet) state/>
                }
            });
            view! {
                {share}
                <Button label=t!(w, hand_over_save) icon=Icon::Export on_press=move |()| export(Way::Download) state/>
            }
        },
    );
    let told = move || {
        outcome.get().map(|outcome| {
            let failed = matches!(outcome, Outcome::Failed(_));
            let (tone, icon) = if failed { (Tone::Late, Icon::Warn) } else { (Tone::Saved, Icon::Saved) };
            view! { <Banner tone icon text=move || outcome_words(w.get(), &outcome) urgent=failed/> }
        })
    };
    let pictures = Memo::new(move |_| roster.status().pictures);
    let stay = shown(
        move || pictures.get() > 0,
        move || view! { <p class="note">{move || w.get().hand_over_pictures(pictures.get())}</p> },
    );
    view! {
        <Section title=t!(w, hand_over_title)>
            <p class="note">{t!(w, hand_over_text)}</p>
            <div class="sync__do">
                {out}
                <Button
                    label=t!(w, hand_over_take)
                    icon=Icon::Plus
                    kind=ButtonKind::Quiet
                    on_press=pick
                    state
                />
                <input
                    type="file"
                    accept=".txt,text/plain"
                    hidden
                    node_ref=picker
                    aria-label=t!(w, hand_over_take)
                    on:change=take_in
                />
            </div>
            {told}
            {stay}
        </Section>
    }
}

fn outcome_words(words: Words, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Out(count) => words.hand_over_out(*count),
        Outcome::In(HandedIn { new: 0, .. }) => words.hand_over_had().into(),
        Outcome::In(HandedIn { new, .. }) => words.hand_over_in(*new),
        Outcome::Failed(error) => match error {
            HandOverError::NotOne => words.hand_over_no_file().into(),
            HandOverError::Later => words.hand_over_later().into(),
            HandOverError::OtherOrganisation => words.hand_over_foreign().into(),
            HandOverError::Altered => words.hand_over_altered().into(),
            HandOverError::Storage(error) => words.hand_over_failed(error),
            HandOverError::Unavailable { detail } => words.hand_over_failed(detail),
        },
    }
}
