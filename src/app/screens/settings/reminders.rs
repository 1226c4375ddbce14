//! Turning reminders of what runs late on and off, for whoever works here.

use leptos::task::spawn_local;

use crate::{
    roster::{ReminderTrouble, use_roster},
    settings::use_settings,
    t,
    ui::{Banner, Button, ButtonKind, Glyph, Icon, ListRow, Readiness, Sheet, Toast, Toaster, Tone, slot},
    view::prelude::*,
    words::use_words,
};

/// The way there.
#[component]
pub fn RemindersRow() -> impl IntoView {
    let w = use_words();
    let open = RwSignal::new(false);
    let close = Callback::new(move |()| open.set(false));
    view! {
        <ListRow
            title=t!(w, reminder_title)
            second=slot(t!(w, reminder_row))
            face=slot(view! { <Glyph icon=Icon::Bell/> })
            end=slot(view! { <Glyph icon=Icon::Forward/> })
            on_open=Callback::new(move |()| open.set(true))
        />
        {move || open.get().then(|| untrack(|| view! { <RemindersSheet on_close=close/> }))}
    }
}

/// What it means, and the way to turn it on or off; or why it cannot be.
#[component]
fn RemindersSheet(on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let language = use_settings().language;
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let told = RwSignal::new(None);
    let busy = RwSignal::new(true);
    let trouble = RwSignal::new(None::<ReminderTrouble>);
    spawn_local(async move {
        match roster.reminders().await {
            Ok(reminders) => drop(told.try_set(Some(reminders))),
            Err(error) => drop(trouble.try_set(Some(error))),
        }
        let _ = busy.try_set(false);
    });
    let is_on = move || told.with(|told| told.as_ref().is_some_and(|told| told.on));
    let press = Callback::new(move |()| {
        let Some(told) = told.get() else { return };
        busy.set(true);
        trouble.set(None);
        spawn_local(async move {
            let (done, words) = match told.on {
                true => (roster.remind_me_no_more().await, w.get_untracked().reminder_stopped()),
                false => {
                    (roster.remind_me(told.key, language.get_untracked()).await, w.get_untracked().reminder_done())
                }
            };
            match done {
                Ok(()) => {
                    toaster.tell(Toast::new(words.to_owned()));
                    on_close.run(());
                }
                Err(error) => {
                    let _ = trouble.try_set(Some(error));
                    let _ = busy.try_set(false);
                }
            }
        });
    });
    let banner = move || {
        let text = match trouble.get()? {
            ReminderTrouble::NoService => w.get().reminder_none(),
            ReminderTrouble::Refused => w.get().reminder_refused(),
            ReminderTrouble::OutOfReach => w.get().reminder_out_of_reach(),
        };
        Some(view! { <Banner tone=Tone::Late icon=Icon::Warn text urgent=true/> })
    };
    let button =
        move || {
            let is_on = is_on();
            let label = move || if is_on { w.get().reminder_stop() } else { w.get().reminder_do() }.to_owned();
            let kind = if is_on { ButtonKind::Danger } else { ButtonKind::Primary };
            // Where nobody can be reminded there is nothing to press.
            (busy.get() || told.with(Option::is_some)).then(|| view! {
            <Button
                label
                kind
                state=Signal::derive(move || {
                    if busy.get() { Readiness::Busy(w.get().reminder_busy().to_owned()) } else { Readiness::Ready }
                })
                on_press=press
                wide=true
            />
        })
        };
    view! {
        <Sheet title=t!(w, reminder_title) close_label=t!(w, close) on_close>
            <div class="stack">
                <p>{t!(w, reminder_text)}</p>
                {banner}
                {button}
            </div>
        </Sheet>
    }
}
