//! Another PIN, or a passphrase in its place, for whoever works here.

use leptos::task::spawn_local;

use crate::{
    roster::{DoorError, use_roster},
    screens::door::door_words,
    t,
    ui::{
        Banner, Button, ButtonKind, Field, FieldKind, Glyph, Icon, ListRow, Readiness, Sheet, Toast, Toaster, Tone,
        focus_on, slot,
    },
    view::prelude::*,
    words::use_words,
};

/// Digits of a PIN, and the fewest characters of a passphrase. The endpoint has the last word on what else they must be.
const PIN_DIGITS: usize = 6;
const PASSPHRASE_CHARS_MIN: usize = 12;

const NOW_ID: &str = "pin-now";
const NEW_ID: &str = "pin-new";
const AGAIN_ID: &str = "pin-again";

/// The way there.
#[component]
pub fn PinRow() -> impl IntoView {
    let w = use_words();
    let open = RwSignal::new(false);
    let close = Callback::new(move |()| open.set(false));
    view! {
        <ListRow
            title=t!(w, pin_change_title)
            second=slot(t!(w, pin_change_row))
            face=slot(view! { <Glyph icon=Icon::Key/> })
            end=slot(view! { <Glyph icon=Icon::Forward/> })
            on_open=Callback::new(move |()| open.set(true))
        />
        {move || open.get().then(|| untrack(|| view! { <PinSheet on_close=close/> }))}
    }
}

#[component]
fn PinSheet(on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let (now, new, again) = (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let (tried, busy) = (RwSignal::new(false), RwSignal::new(false));
    let problem = RwSignal::new(None::<DoorError>);
    let is_wrong = move || matches!(problem.get(), Some(DoorError::WrongPin { .. }));
    let now_problem = move || {
        let words = w.get();
        if is_wrong() {
            return Some(words.pin_wrong().to_owned());
        }
        (tried.get() && now.with(String::is_empty)).then(|| words.problem_missing().to_owned())
    };
    let new_problem = move || {
        let is_none = new.with(|new| {
            let is_pin = new.len() == PIN_DIGITS && new.bytes().all(|c| c.is_ascii_digit());
            !is_pin && new.chars().count() < PASSPHRASE_CHARS_MIN
        });
        (tried.get() && is_none).then(|| w.get().pin_change_short().to_owned())
    };
    let again_problem =
        move || (tried.get() && again.get() != new.get()).then(|| w.get().pin_change_differs().to_owned());
    let press = Callback::new(move |()| {
        if busy.get_untracked() {
            return;
        }
        tried.set(true);
        problem.set(None);
        let wrong =
            [(NOW_ID, untrack(now_problem)), (NEW_ID, untrack(new_problem)), (AGAIN_ID, untrack(again_problem))];
        if let Some((id, _)) = wrong.into_iter().find(|(_, problem)| problem.is_some()) {
            return focus_on(id);
        }
        busy.set(true);
        let (now, new) = (now.get_untracked(), new.get_untracked());
        spawn_local(async move {
            match roster.change_pin(now, new).await {
                Ok(()) => {
                    toaster.tell(Toast::new(w.get_untracked().pin_change_done().to_owned()));
                    on_close.run(());
                }
                Err(error) => {
                    let _ = busy.try_set(false);
                    let _ = problem.try_set(Some(error));
                }
            }
        });
    });
    let banner = move || {
        let words = w.get();
        let text = match problem.get()? {
            DoorError::WrongPin { .. } => return None,
            DoorError::Trouble(yingke_core::sync::Trouble::NotUnderstood { .. }) => {
                words.pin_change_refused().to_owned()
            }
            other => door_words(words, &other, ""),
        };
        Some(view! { <Banner tone=Tone::Late icon=Icon::Warn text urgent=true/> })
    };
    let field = move |id: &'static str,
                      label: Signal<&'static str>,
                      value: RwSignal<String>,
                      problem: Signal<Option<String>>| {
        view! {
            <Field
                id
                label=Signal::derive(move || label.get().to_owned())
                value
                on_input=move |typed| value.set(typed)
                kind=FieldKind::Secret
                problem
            />
        }
    };
    view! {
        <Sheet title=t!(w, pin_change_title) close_label=t!(w, close) on_close>
            <div class="stack">
                <p>{t!(w, pin_change_text)}</p>
                {banner}
                {field(NOW_ID, Signal::derive(move || w.get().pin_change_now()), now, Signal::derive(now_problem))}
                {field(NEW_ID, Signal::derive(move || w.get().pin_change_new()), new, Signal::derive(new_problem))}
                {field(AGAIN_ID, Signal::derive(move || w.get().pin_change_again()), again, Signal::derive(again_problem))}
                <Button
                    label=t!(w, pin_change_do)
                    kind=ButtonKind::Primary
                    state=Signal::derive(move || {
                        if busy.get() { Readiness::Busy(w.get().pin_checking().to_owned()) } else { Readiness::Ready }
                    })
                    on_press=press
                    wide=true
                />
            </div>
        </Sheet>
    }
}
