//! A picture that a record or a draft names: from this tablet, or fetched when it is first looked at.

use leptos::task::spawn_local;
use yingke_core::{audience::Audience, blob::BlobHash};

use crate::{
    roster::{Seen, use_roster},
    t,
    ui::{PictureTile, Text},
    view::prelude::*,
    words::use_words,
};

/// Shows it as soon as it is here: one that is not is asked for again at each contact with the endpoint.
#[component]
pub fn Picture(
    hash: BlobHash,
    /// For whom it is, where a record names it.
    #[prop(optional)]
    audience: Option<Audience>,
    /// What it is of.
    #[prop(into)]
    label: Text,
) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let seen = RwSignal::new(None::<Seen>);
    let contact = Memo::new(move |_| roster.status().last_contact);
    Effect::new(move |_| {
        let _ = contact.get();
        if matches!(seen.get_untracked(), Some(Seen::Here(_) | Seen::NotYours)) {
            return;
        }
        let audience = audience.clone();
        spawn_local(async move {
            let now = roster.picture(hash, audience).await;
            let before = seen.try_update(|seen| seen.replace(now.clone()));
            // Who looked at it is gone, or another look was quicker.
            let unused = match before {
                None => Some(now),
                Some(before) => before,
            };
            if let Some(Seen::Here(address)) = unused {
                roster.let_picture_go(&address);
            }
        });
    });
    on_cleanup(move || {
        if let Some(Some(Seen::Here(address))) = seen.try_get_untracked() {
            roster.let_picture_go(&address);
        }
    });
    let address = Signal::derive(move || match seen.get() {
        Some(Seen::Here(address)) => Some(address),
        Some(Seen::NotYet | Seen::NotYours) | None => None,
    });
    let note = move || match seen.get() {
        None | Some(Seen::Here(_)) => String::new(),
        Some(Seen::NotYet) => t!(w, picture_not_yet)(),
        Some(Seen::NotYours) => t!(w, picture_not_yours)(),
    };
    view! { <PictureTile address label note/> }
}
