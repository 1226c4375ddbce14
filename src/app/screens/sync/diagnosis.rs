//! The doctor's report, out of the tablet on a press: for whoever helps and is not here.

use crate::view::prelude::*;
use leptos::task::spawn_local;

use crate::{
    roster::use_roster,
    settings::{language_tag, use_settings},
    t,
    ui::{Banner, Button, Icon, Tone},
    words::use_words,
};

/// What the report is, the press that hands it out, and what became of it.
#[component]
pub fn Diagnosis() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let settings = use_settings();
    // The file's name; `None` where the browser did not take it.
    let outcome = RwSignal::new(None::<Option<String>>);
    let hand_out = move |()| {
        let (language, theme) = (settings.language.get_untracked(), settings.theme.get_untracked());
        spawn_local(async move {
            let name = roster.hand_out_diagnosis(language_tag(language), theme.key()).await;
            // Whoever closes the share sheet again knows that nothing left.
            let is_told = name.is_some() || !roster.has_share_sheet();
            let _ = outcome.try_set(is_told.then_some(name));
        });
    };
    let told = move || {
        outcome.get().map(|name| match name {
            Some(name) => {
                let text = move || w.get().diagnosis_out(&name);
                view! { <Banner tone=Tone::Saved icon=Icon::Saved text/> }
            }
            None => view! { <Banner tone=Tone::Late icon=Icon::Warn text=t!(w, report_export_failed) urgent=true/> },
        })
    };
    view! {
        <div class="diagnosis">
            <p class="note">{t!(w, diagnosis_text)}</p>
            <Button label=t!(w, diagnosis_do) icon=Icon::Export on_press=hand_out/>
            {told}
        </div>
    }
}
