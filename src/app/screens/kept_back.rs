//! What is kept back until somebody asks for it: the whole number of a document, medical papers, the phone number of a
//! guest who is a colleague's.
//!
//! Asking says what for; that is written down, and only then is it shown. A document's number goes again after half a
//! minute and never stands on what is printed; a phone number stays until the tablet is locked, since it is for calling.
//! Source, domain catalogue 17.2.

use std::time::Duration;

use leptos::task::spawn_local;
use yingke_core::{
    audit::{Deed, purposes},
    change::Key,
    id::RecordId,
    pack::Field,
};

use super::form::save_failed;
use crate::{
    roster::use_roster,
    t,
    ui::{Button, ButtonKind, Icon, Sheet, Toast, Toaster},
    view::prelude::*,
    words::{Words, use_words},
};

/// How long a whole number is on show.
const SHOWN_FOR: Duration = Duration::from_secs(30);

/// What somebody wants to look at.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    deed: Deed,
    field: Key,
    label: String,
}

/// What of one record is on show, and what somebody is asking for.
#[derive(Debug, Clone, Copy)]
pub struct KeptBack {
    record: RecordId,
    asked: RwSignal<Option<Asked>>,
    number: RwSignal<Option<(Key, String)>>,
    papers: RwSignal<bool>,
}

impl KeptBack {
    #[must_use]
    pub fn of(record: RecordId) -> Self {
        Self { record, asked: RwSignal::new(None), number: RwSignal::new(None), papers: RwSignal::new(false) }
    }

    fn ask(self, deed: Deed, field: &Field, words: Words) {
        let label = field.label.in_language(words.0).to_owned();
        self.asked.set(Some(Asked { deed, field: field.key.clone(), label }));
    }

    /// Asks what the phone number of this guest is wanted for.
    pub fn ask_phone(self, words: Words) {
        let label = words.phone_number().to_owned();
        self.asked.set(Some(Asked { deed: Deed::SawPhone, field: Key::of("phone"), label }));
    }
}

/// A number that stands masked, with a way to see it whole for who may.
#[component]
pub fn MaskedNumber(kept: KeptBack, field: Field, masked: String) -> impl IntoView {
    let w = use_words();
    let key = field.key.clone();
    let whole = Memo::new(move |_| kept.number.get().filter(|(of, _)| *of == key).map(|(_, number)| number));
    let on_screen = {
        let masked = masked.clone();
        move || whole.get().unwrap_or_else(|| masked.clone())
    };
    let ask = Callback::new(move |()| kept.ask(Deed::SawNumber, &field, w.get_untracked()));
    let beside = move || match whole.get() {
        Some(_) => view! { <span class="note">{t!(w, whole_hides)}</span> },
        None => view! { <Button label=t!(w, whole_show) kind=ButtonKind::Text on_press=ask/> },
    };
    view! {
        <span class="whole no-print" role="status">{on_screen} {beside}</span>
        <span class="only-print">{masked}</span>
    }
}

/// What stands in the place of medical papers; `papers` once they may be seen.
#[component]
pub fn MedicalPapers(kept: KeptBack, field: Field, count: usize, papers: Callback<(), View>) -> impl IntoView {
    let w = use_words();
    let ask = Callback::new(move |()| kept.ask(Deed::SawHealth, &field, w.get_untracked()));
    move || match kept.papers.get() {
        true => papers.run(()),
        false => {
            view! { <Button label=t!(w, whole_papers, count) icon=Icon::Lock kind=ButtonKind::Quiet on_press=ask/> }
        }
    }
}

/// Asks what for, while somebody has asked to see something.
#[component]
pub fn AskPurpose(kept: KeptBack) -> impl IntoView {
    move || kept.asked.get().map(|asked| untrack(|| view! { <Purpose kept asked/> }))
}

#[component]
fn Purpose(kept: KeptBack, asked: Asked) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let close = Callback::new(move |()| kept.asked.set(None));
    let (deed, label) = (asked.deed, asked.label.clone());
    let busy = StoredValue::new(false);
    let look = Callback::new(move |purpose: &'static str| {
        if busy.get_value() {
            return;
        }
        busy.set_value(true);
        let field = asked.field.clone();
        spawn_local(async move {
            let looked = match deed {
                Deed::SawNumber => roster.whole_number(kept.record, field.as_str(), purpose).await,
                Deed::SawPhone => roster.show_phone(kept.record, purpose).await.map(|()| Some(String::new())),
                _ => roster.look(deed, kept.record, field.as_str(), purpose).await.map(|()| Some(String::new())),
            };
            let w = w.get_untracked();
            match looked {
                Ok(Some(number)) if deed == Deed::SawNumber => {
                    let _ = kept.number.try_set(Some((field, number)));
                    set_timeout(move || drop(kept.number.try_set(None)), SHOWN_FOR);
                }
                Ok(Some(_)) if deed == Deed::SawHealth => drop(kept.papers.try_set(true)),
                Ok(Some(_)) => {}
                Ok(None) => toaster.tell(Toast::new(w.whole_elsewhere().to_owned())),
                Err(error) => toaster.tell(Toast::new(save_failed(w, &error).to_owned())),
            }
            let _ = kept.asked.try_set(None);
        });
    });
    let purposes: View = purposes(deed)
        .into_iter()
        .map(|purpose| {
            let label = move || purpose_word(w.get(), purpose).to_owned();
            let press = Callback::new(move |()| look.run(purpose));
            view! { <Button label kind=ButtonKind::Quiet wide=true on_press=press/> }
        })
        .collect();
    view! {
        <Sheet title=move || w.get().whole_title(&label) close_label=t!(w, close) on_close=close>
            <div class="stack">
                <p>{t!(w, whole_text)}</p>
                {purposes}
            </div>
        </Sheet>
    }
}

/// For what somebody looked, in words; what is none of ours stands as it was written.
#[must_use]
pub fn purpose_word(words: Words, purpose: &str) -> &str {
    match purpose {
        "reach_guest" => words.purpose_reach(),
        "check_identity" => words.purpose_identity(),
        "do_paperwork" => words.purpose_paperwork(),
        "guest_asked" => words.purpose_guest(),
        "inquiry" => words.purpose_inquiry(),
        other => other,
    }
}
