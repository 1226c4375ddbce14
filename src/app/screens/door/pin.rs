//! A PIN, digit by digit: the last one tries it. What came of it, and the wait after wrong ones. Beside it a finger or a
//! face, for who has set that up.

use std::{future::Future, pin::Pin, time::Duration};

use leptos::ev;
use yingke_core::{id::StaffId, time::Millis, wire::v1::Staff};

use super::door_words;
use crate::{
    format,
    roster::{Door, DoorError, Roster, use_roster},
    t,
    ui::{Button, ButtonKind, Corner, Field, FieldKind, Icon, Key, Keypad, PinDots, Text, focus_on},
    view::prelude::*,
    words::use_words,
};

/// Digits of a PIN.
const PIN_DIGITS: usize = 6;
const PHRASE_ID: &str = "passphrase";

/// What a PIN opens: the tablet, or the way in for a second person.
pub type LetIn = fn(Roster, StaffId, String) -> Pin<Box<dyn Future<Output = Result<(), DoorError>>>>;

#[component]
pub fn PinPad(
    #[prop(into)] chosen: Signal<Option<Staff>>,
    let_in: LetIn,
    /// What stands there while nobody is chosen.
    #[prop(into)]
    choose: Text,
    /// The PIN was right.
    #[prop(optional, into)]
    on_in: Option<Callback<()>>,
    /// A finger or a face opens the tablet as well.
    #[prop(optional)]
    passkey: bool,
) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let pin = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let problem = RwSignal::new(None::<DoorError>);
    let wait_until = RwSignal::new(None::<Millis>);
    // The time, by which the wait is counted down.
    let now = RwSignal::new(roster.now());
    // Each second while there is a wait; what is said about it goes when it is over.
    Effect::new(move |_| {
        if let Some(until) = wait_until.get() {
            let left_ms = until.since(now.get());
            if left_ms <= 0 {
                return wait_until.set(None);
            }
            let next = Duration::from_millis(u64::try_from(left_ms % 1_000).unwrap_or(0) + 1);
            set_timeout(
                move || {
                    let _ = now.try_set(roster.now());
                },
                next,
            );
        }
    });
    let wait_for = move |wait_ms: i64| {
        now.set(roster.now());
        wait_until.set(Some(roster.now().plus(wait_ms)));
    };
    // Another person begins at the first digit, and may have to wait as well.
    Effect::new(move |_| {
        let Some(staff) = chosen.get() else { return };
        pin.set(String::new());
        problem.set(None);
        wait_until.set(None);
        leptos::task::spawn_local(async move {
            let wait_ms = roster.pin_wait_ms(staff.id).await;
            if wait_ms > 0 && chosen.try_get_untracked().flatten().is_some_and(|chosen| chosen.id == staff.id) {
                wait_for(wait_ms);
            }
        });
    });
    let try_now = move |id: StaffId, typed: String| {
        busy.set(true);
        problem.set(None);
        leptos::task::spawn_local(async move {
            match let_in(roster, id, typed).await {
                Ok(()) => {
                    if let Some(on_in) = on_in {
                        on_in.run(());
                    }
                }
                Err(error) => {
                    if let DoorError::WrongPin { wait_ms: wait_ms @ 1.. } = error {
                        wait_for(wait_ms);
                    }
                    let _ = problem.try_set(Some(error));
                    let _ = pin.try_set(String::new());
                    let _ = busy.try_set(false);
                }
            }
        });
    };
    let press = Callback::new(move |key: Key| {
        let Some(staff) = chosen.get_untracked() else { return };
        let waits = wait_until.get_untracked().is_some_and(|until| until > roster.now());
        if busy.get_untracked() || waits {
            return;
        }
        problem.set(None);
        pin.update(|digits| *digits = key.applied(digits, PIN_DIGITS));
        let typed = pin.get_untracked();
        if typed.len() == PIN_DIGITS {
            try_now(staff.id, typed);
        }
    });
    let by_passkey = Callback::new(move |()| {
        let Some(staff) = chosen.get_untracked().filter(|_| !busy.get_untracked()) else { return };
        busy.set(true);
        problem.set(None);
        leptos::task::spawn_local(async move {
            if let Err(error) = roster.unlock_by_passkey(staff.id).await {
                let _ = problem.try_set(Some(error));
                let _ = busy.try_set(false);
            }
        });
    });
    let passkey = move || {
        let has_one = passkey && chosen.get().is_some_and(|staff| roster.has_passkey(staff.id));
        has_one.then(|| view! { <Button label=t!(w, passkey_unlock) icon=Icon::Finger kind=ButtonKind::Quiet on_press=by_passkey/> })
    };
    // A passphrase is typed in the place of the digits.
    let by_passphrase = RwSignal::new(false);
    let phrase = RwSignal::new(String::new());
    let try_phrase = Callback::new(move |()| {
        let Some(staff) = chosen.get_untracked() else { return };
        let waits = wait_until.get_untracked().is_some_and(|until| until > roster.now());
        let typed = phrase.get_untracked();
        if !typed.is_empty() && !busy.get_untracked() && !waits {
            phrase.set(String::new());
            try_now(staff.id, typed);
        }
    });
    let turn = Callback::new(move |()| {
        pin.set(String::new());
        phrase.set(String::new());
        problem.set(None);
        by_passphrase.update(|on| *on = !*on);
        if by_passphrase.get_untracked() {
            focus_on(PHRASE_ID);
        }
    });
    let keys = window_event_listener(ev::keydown, move |event| {
        if !by_passphrase.get_untracked()
            && !event.ctrl_key()
            && !event.meta_key()
            && let Some(key) = Key::of_keyboard(&event.key())
        {
            press.run(key);
        }
    });
    on_cleanup(move || keys.remove());
    let prompt = move || match chosen.get() {
        Some(staff) if by_passphrase.get() => w.get().passphrase_prompt(staff.name),
        Some(staff) => w.get().pin_prompt(staff.name),
        None => choose.get(),
    };
    let told = move || {
        if let Door::Opening { people } = roster.door() {
            return w.get().opening_text(people);
        }
        if busy.get() {
            return w.get().pin_checking().to_owned();
        }
        // Fingers and faces do not wait for wrong PINs.
        if wait_until.get().is_some() && !matches!(problem.get(), Some(DoorError::Passkey(_))) {
            return w.get().pin_wait().to_owned();
        }
        let name = chosen.get().map(|staff| staff.name).unwrap_or_default();
        problem.get().map(|problem| door_words(w.get(), &problem, &name)).unwrap_or_default()
    };
    let wait_left = move || {
        let left_ms = wait_until.get()?.since(now.get());
        Some(w.get().pin_wait_left(format::countdown(w.get(), left_ms)))
    };
    let said = move || {
        view! {
            <p class="unlock__told">
                <span role="status">{told}</span> <span role="timer">{wait_left}</span>
            </p>
        }
    };
    let pad = move || {
        if by_passphrase.get() {
            return view! {
                {said()}
                <Field
                    id=PHRASE_ID
                    label=t!(w, passphrase)
                    value=phrase
                    on_input=move |typed| { problem.set(None); phrase.set(typed); }
                    on_enter=try_phrase
                    kind=FieldKind::Secret
                />
                <Button label=t!(w, passphrase_unlock) kind=ButtonKind::Primary on_press=try_phrase wide=true/>
            };
        }
        view! {
            <PinDots
                total=PIN_DIGITS
                filled=Signal::derive(move || pin.get().len())
                label=move || w.get().pin_label(pin.get().len())
                refused=Signal::derive(move || matches!(problem.get(), Some(DoorError::WrongPin { .. })))
            />
            {said()}
            <Keypad
                on_key=press
                clear_label=t!(w, clear)
                erase_label=t!(w, erase_digit)
                start=Corner::Empty
                label=prompt
            />
        }
    };
    let turn_words = move || if by_passphrase.get() { w.get().passphrase_back() } else { w.get().passphrase_use() };
    view! {
        <h2 class="unlock__title">{prompt}</h2>
        {pad}
        {passkey}
        <Button label=move || turn_words().to_owned() kind=ButtonKind::Text on_press=turn/>
    }
}
