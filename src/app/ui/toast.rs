//! Toasts: what went well, to whom, and the way back. Never for an error or for what must be read.

use super::{Glyph, Icon, Text};
use crate::view::prelude::*;
use leptos::ev;
use std::time::Duration;

/// How long a toast stays untouched, in milliseconds.
const STAY_MS: u64 = 8_000;

/// What happened, and how to take it back.
#[derive(Clone, Debug)]
pub struct Toast {
    text: String,
    undo: Option<(String, Callback<()>)>,
}

impl Toast {
    /// What happened to whom.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), undo: None }
    }

    /// With the verb that takes it back, and what it does: `move || …` or a callback.
    #[must_use]
    pub fn with_undo(mut self, label: impl Into<String>, undo: impl Into<Callback<()>>) -> Self {
        self.undo = Some((label.into(), undo.into()));
        self
    }
}

/// The handle through which screens tell what went well. One toast at a time: a new one takes the place.
#[derive(Clone, Copy, Debug)]
pub struct Toaster {
    shown: RwSignal<Option<Toast>>,
}

impl Default for Toaster {
    fn default() -> Self {
        Self::new()
    }
}

impl Toaster {
    /// A handle for one place where toasts appear.
    pub fn new() -> Self {
        Self { shown: RwSignal::new(None) }
    }

    /// Shows a toast for eight seconds.
    pub fn tell(&self, toast: Toast) {
        self.shown.set(Some(toast));
    }

    /// Takes the toast away.
    pub fn dismiss(&self) {
        self.shown.set(None);
    }

    /// Takes back what the toast on show tells of.
    pub fn undo(&self) {
        let shown = self.shown.get_untracked();
        if let Some((_, undo)) = shown.and_then(|toast| toast.undo) {
            self.dismiss();
            undo.run(());
        }
    }
}

/// Where toasts appear: once, at the foot of the content.
#[component]
pub fn ToastHost(
    toaster: Toaster,
    /// What the place is, for screen readers.
    #[prop(optional, into)]
    label: Text,
) -> impl IntoView {
    let held = RwSignal::new(false);
    let timer = StoredValue::new(None::<TimeoutHandle>);
    let stop = move || {
        if let Some(timer) = timer.try_update_value(Option::take).flatten() {
            timer.clear();
        }
    };
    on_cleanup(stop);
    Effect::new(move |_| {
        stop();
        if toaster.shown.with(Option::is_some) && !held.get() {
            timer.set_value(set_timeout_with_handle(move || toaster.dismiss(), Duration::from_millis(STAY_MS)).ok());
        }
    });
    let keys = window_event_listener(ev::keydown, move |event| {
        let undo = (event.ctrl_key() || event.meta_key()) && !event.shift_key() && event.key() == "z";
        let waiting = toaster.shown.with_untracked(|shown| shown.as_ref().is_some_and(|toast| toast.undo.is_some()));
        if undo && waiting {
            event.prevent_default();
            toaster.undo();
        }
    });
    on_cleanup(move || keys.remove());
    let toast = move || {
        toaster.shown.get().map(|Toast { text, undo }| {
            view! {
                <div
                    class="toast"
                    on:pointerenter=move |_| held.set(true)
                    on:pointerleave=move |_| held.set(false)
                    on:focusin=move |_| held.set(true)
                    on:focusout=move |_| held.set(false)
                >
                    <Glyph icon=Icon::Tick/>
                    <span class="toast__words">{text}</span>
                    {undo.map(|(label, _)| {
                        view! {
                            <button type="button" class="toast__undo" on:click=move |_| toaster.undo()>
                                {label}
                            </button>
                        }
                    })}
                </div>
            }
        })
    };
    view! { <div class="toasts" role="status" aria-label=move || label.get()>{toast}</div> }
}
