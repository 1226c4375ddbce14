//! One folder or file per job. Screens know the roster, the parts of `ui`, the words and the types of core.

mod board;
mod calls;
mod door;
mod form;
mod house;
mod outing;
mod paper;
mod papers;
mod parameters;
mod people;
mod reception;
mod record_title;
mod settings;
mod shell;
mod shown;
mod sync;
mod today;

use crate::view::prelude::*;

use crate::roster::{Door, use_roster};

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
