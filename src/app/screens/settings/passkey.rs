//! Turning unlocking by finger or face on and off, for whoever works here.

use leptos::task::spawn_local;

use crate::{
    roster::{DoorError, use_roster},
    screens::door::{PinPad, door_words},
    t,
    ui::{Banner, Button, ButtonKind, Glyph, Icon, ListRow, Readiness, Sheet, Toast, Toaster, Tone, slot},
    view::prelude::*,
    words::use_words,
};

/// The way there, where the tablet has what it takes.
#[component]
pub fn PasskeyRow() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let open = RwSignal::new(false);
    let is_on = Memo::new(move |_| roster.has_own_passkey());
    let second = move || if is_on.get() { w.get().passkey_on() } else { w.get().passkey_off() };
    let press = Callback::new(move |()| open.set(true));
    let close = Callback::new(move |()| open.set(false));
    move || {
        roster.passkeys_work_here().then(|| {
            view! {
                <ListRow
                    title=t!(w, passkey_title)
                    second=slot(second)
                    face=slot(view! { <Glyph icon=Icon::Finger/> })
                    end=slot(view! { <Glyph icon=Icon::Forward/> })
                    on_open=press
                />
                {move || open.get().then(|| untrack(|| view! { <PasskeySheet is_on=is_on.get() on_close=close/> }))}
            }
        })
    }
}

/// What it means, and the way to turn it off; or on: the PIN, then the finger or the face.
#[component]
fn PasskeySheet(is_on: bool, on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let me = Memo::new(move |_| {
        let me = roster.me()?;
        roster.staff().into_iter().find(|staff| staff.id == me.id)
    });
    let confirmed = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let problem = RwSignal::new(None::<DoorError>);
    on_cleanup(move || roster.end_passkey_set_up());
    let on_in = Callback::new(move |()| {
        let _ = confirmed.try_set(true);
    });
    let press = Callback::new(move |()| {
        busy.set(true);
        problem.set(None);
        spawn_local(async move {
            let (done, told) = match is_on {
                true => (roster.drop_passkey().await, w.get_untracked().passkey_stopped()),
                false => (roster.set_passkey_up().await, w.get_untracked().passkey_done()),
            };
            match done {
                Ok(()) => {
                    toaster.tell(Toast::new(told.to_owned()));
                    on_close.run(());
                }
                Err(error) => {
                    let _ = problem.try_set(Some(error));
                    let _ = busy.try_set(false);
                }
            }
        });
    });
    let banner = move || {
        let text = door_words(w.get(), &problem.get()?, "");
        Some(view! { <Banner tone=Tone::Late icon=Icon::Warn text urgent=true/> })
    };
    let step = move || {
        if !is_on && !confirmed.get() {
            return view! {
                <div class="passkey__pin">
                    <PinPad chosen=me choose="" let_in=|roster, staff, pin| Box::pin(roster.confirm_pin(staff, pin)) on_in/>
                </div>
            };
        }
        let label = move || if is_on { w.get().passkey_stop() } else { w.get().passkey_do() }.to_owned();
        let kind = if is_on { ButtonKind::Danger } else { ButtonKind::Primary };
        view! {
            {(!is_on).then(|| view! { <p>{t!(w, passkey_confirm)}</p> })}
            {banner}
            <Button
                label
                kind
                state=Signal::derive(move || {
                    if busy.get() { Readiness::Busy(w.get().passkey_busy().to_owned()) } else { Readiness::Ready }
                })
                on_press=press
                wide=true
            />
        }
    };
    view! {
        <Sheet title=t!(w, passkey_title) close_label=t!(w, close) on_close>
            <div class="stack">
                <p>{t!(w, passkey_text)}</p>
                {step}
            </div>
        </Sheet>
    }
}
