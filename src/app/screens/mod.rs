//! One folder or file per job. Screens know the roster, the parts of `ui`, the words and the types of core.

mod board;
mod calls;
mod courts;
mod door;
mod expected;
mod form;
mod house;
mod kept_back;
mod log;
mod outing;
mod paper;
mod papers;
mod parameters;
mod passes;
mod people;
mod picture;
mod reception;
mod record_title;
mod settings;
mod shell;
mod shown;
mod sync;
mod today;
mod tour;

use std::time::Duration;

use leptos::prelude::set_interval_with_handle;
use yingke_core::{pack::Words as PackWords, time::Millis};

use crate::{
    roster::{Door, Roster, use_roster},
    view::prelude::*,
    words::Words,
};

/// The points of one of the pack's talks as items of a list, if it has that talk. Subscribes to the language.
fn points_of(roster: Roster, w: Signal<Words>, prompt: &str) -> Option<View> {
    roster.pack().prompt(prompt).map(|prompt| points_listed(w, &prompt.points))
}

fn points_listed(w: Signal<Words>, points: &[PackWords]) -> View {
    let item = |point: &PackWords| {
        let text = point.in_language(w.get().0).to_owned();
        view! { <li>{text}</li> }
    };
    points.iter().map(item).collect()
}

/// What time it is, each second, as long as the part is there that asked.
fn every_second(roster: Roster) -> RwSignal<Millis> {
    let now = RwSignal::new(untrack(|| roster.now()));
    let ticking = set_interval_with_handle(move || now.set(roster.now()), Duration::from_secs(1));
    on_cleanup(move || {
        if let Ok(ticking) = ticking {
            ticking.clear();
        }
    });
    now
}

/// The door while it is shut, the shell while somebody works.
#[component]
pub fn House() -> impl IntoView {
    let roster = use_roster();
    let open = Memo::new(move |_| matches!(roster.door(), Door::Open(_)));
    move || {
        if open.get() {
            view! { <shell::WorkingShell/> }
        } else {
            view! { <door::DoorScreen/> }
        }
    }
}
