//! Signs that now is a good moment: the network is back, the page is looked at again, a newer version waits.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use futures::channel::oneshot;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{EventTarget, VisibilityState};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// The browser believes that there is a network; it may be wrong.
    Online,
    Offline,
    /// The page came to the front, or back from the browser's memory of pages.
    Shown,
    /// The page may be frozen or ended from here on: what should be kept is kept now.
    Hidden,
    /// A new version of the app has been fetched and waits for the person to agree, or there is news of another.
    UpdateReady,
}

/// Calls back for as long as it is kept.
#[derive(Debug)]
#[must_use = "dropping it ends the listening"]
pub struct Listening {
    listeners: Vec<Listener>,
}

#[derive(Debug)]
struct Listener {
    target: EventTarget,
    event: &'static str,
    call: Closure<dyn FnMut()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        for Listener { target, event, call } in &self.listeners {
            let _ = target.remove_event_listener_with_callback(event, call.as_ref().unchecked_ref());
        }
    }
}

/// Tells `on_sign` of each [`Sign`] until what this returns is dropped.
pub fn signs(on_sign: impl Fn(Sign) + Clone + 'static) -> Listening {
    let mut listening = Listening { listeners: Vec::new() };
    let Some(window) = web_sys::window() else { return listening };
    let Some(document) = window.document() else { return listening };
    let mut listen = |target: &EventTarget, event: &'static str, what: fn() -> Sign| {
        let on_sign = on_sign.clone();
        let call = Closure::<dyn FnMut()>::new(move || on_sign(what()));
        if target.add_event_listener_with_callback(event, call.as_ref().unchecked_ref()).is_ok() {
            listening.listeners.push(Listener { target: target.clone(), event, call });
        }
    };
    listen(&window, "online", || Sign::Online);
    listen(&window, "offline", || Sign::Offline);
    listen(&window, "pageshow", || Sign::Shown);
    listen(&window, "pagehide", || Sign::Hidden);
    listen(&window, "yingke-update", || Sign::UpdateReady);
    listen(&document, "visibilitychange", || if is_shown() { Sign::Shown } else { Sign::Hidden });
    listening
}

/// Calls back whenever somebody touches, types or scrolls. For good.
pub fn on_touch(call: impl Fn() + 'static) {
    let call = Closure::<dyn FnMut()>::new(call);
    let Some(window) = web_sys::window() else { return };
    for event in ["pointerdown", "pointermove", "keydown", "wheel"] {
        let _ = window.add_event_listener_with_callback_and_bool(event, call.as_ref().unchecked_ref(), true);
    }
    call.forget();
}

/// Calls back whenever the page gets the keyboard: of several in sight it is the one that is worked in. For good.
pub fn on_focus(call: impl Fn() + 'static) {
    let call = Closure::<dyn FnMut()>::new(call);
    if let Some(window) = web_sys::window() {
        let _ = window.add_event_listener_with_callback("focus", call.as_ref().unchecked_ref());
    }
    call.forget();
}

/// Done at once, but in a page that the browser has frozen only when it goes on.
///
/// Some of what comes from outside still runs in such a page, and the database's answers do not reach it: a transaction
/// that it began would hold up all other tabs.
pub async fn going_on() {
    thread_local! {
        static FREEZE: Rc<Freeze> = Freeze::watched();
    }
    let resumed = FREEZE.with(|freeze| {
        freeze.is_frozen.get().then(|| {
            let (resume, resumed) = oneshot::channel();
            freeze.waiting.borrow_mut().push(resume);
            resumed
        })
    });
    if let Some(resumed) = resumed {
        let _ = resumed.await; // it is there as long as the page is
    }
}

#[derive(Default)]
struct Freeze {
    is_frozen: Cell<bool>,
    waiting: RefCell<Vec<oneshot::Sender<()>>>,
}

impl Freeze {
    fn watched() -> Rc<Self> {
        let this = Rc::<Self>::default();
        let Some(document) = web_sys::window().and_then(|window| window.document()) else { return this };
        for (event, is_frozen) in [("freeze", true), ("resume", false)] {
            let freeze = this.clone();
            let call = Closure::<dyn FnMut()>::new(move || {
                freeze.is_frozen.set(is_frozen);
                if !is_frozen {
                    for resume in freeze.waiting.take() {
                        let _ = resume.send(()); // whoever waited may have ended
                    }
                }
            });
            let _ = document.add_event_listener_with_callback(event, call.as_ref().unchecked_ref());
            call.forget();
        }
        this
    }
}

/// Calls back whenever the browser sees its network come or go: whether it is there. For good.
pub fn on_network(call: impl Fn(bool) + Clone + 'static) {
    std::mem::forget(signs(move |sign| match sign {
        Sign::Online => call(true),
        Sign::Offline => call(false),
        Sign::Shown | Sign::Hidden | Sign::UpdateReady => {}
    }));
}

/// Calls back when a newer version of the app has come, or news of one. For good.
pub fn on_update(call: impl Fn() + Clone + 'static) {
    std::mem::forget(signs(move |sign| match sign {
        Sign::UpdateReady => call(),
        Sign::Online | Sign::Offline | Sign::Shown | Sign::Hidden => {}
    }));
}

/// Whether the page is in front.
#[must_use]
pub fn is_shown() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_none_or(|document| document.visibility_state() == VisibilityState::Visible)
}

/// Whether the page has the keyboard: one at a time does.
#[must_use]
pub fn has_focus() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_some_and(|document| document.has_focus().unwrap_or(false))
}

/// Whether the browser believes that there is a network. `false` can be relied on, `true` cannot.
#[must_use]
pub fn is_online() -> bool {
    web_sys::window().is_none_or(|window| window.navigator().on_line())
}
