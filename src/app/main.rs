//! Puts the parts together and mounts the page.

#[expect(dead_code, reason = "the layer is whole and tested as such; wiping and raising wait for their screens")]
mod browser;
#[cfg(test)]
mod drill;
mod format;
mod roster;
mod route;
mod screens;
mod settings;
#[expect(dead_code, reason = "parts made once for all screens; some wait for the screens that need them")]
mod ui;
mod view;
mod words;

use crate::view::prelude::*;

fn main() {
    console_error_panic_hook::set_once();
    view::mount(|| App().into_view());
}

/// The whole page: what every screen may ask for, then the door or the shell.
#[component]
fn App() -> impl IntoView {
    let settings = settings::Settings::load();
    let words = Signal::derive(move || words::Words(settings.language.get()));
    let roster = roster::Roster::start();
    provide_context(settings);
    provide_context(route::Route::start());
    provide_context(words);
    provide_context(roster);
    let toaster = ui::Toaster::new();
    provide_context(toaster);
    Effect::new(move |_| {
        let door = roster.door();
        // What somebody did, and the way to undo it, is not for whoever unlocks next.
        if !matches!(door, roster::Door::Open(_)) {
            toaster.dismiss();
        }
        roster.stands(&door);
    });
    view! { <screens::House/> }
}
