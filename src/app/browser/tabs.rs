//! Several tabs, one journal: each hears what the others wrote, and one at a time syncs and checkpoints.

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    rc::Rc,
};

use futures::{
    channel::oneshot,
    future::{Either, select},
};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, BroadcastChannel, MessageEvent};

use super::{
    clock::Wake,
    signs::{self, Sign, signs},
};

/// What one tab tells the others: something was written. Never what: they read it themselves.
const WRITTEN: &str = "written";
const LINE: &str = "yingke";

/// The line between the tabs of this app. A browser without one has tabs that hear of each other's saves when they
/// come to the front.
#[derive(Debug)]
pub struct Tabs {
    channel: Option<BroadcastChannel>,
    listener: RefCell<Option<Listener>>,
    /// Called when this tab comes to the front: from then on it is the one to lead.
    front: Wake,
}

type Listener = Closure<dyn FnMut(MessageEvent)>;

impl Tabs {
    #[must_use]
    pub fn new() -> Self {
        Self { channel: BroadcastChannel::new(LINE).ok(), listener: RefCell::new(None), front: Wake::default() }
    }

    /// This tab has come to the front.
    pub fn come_to_front(&self) {
        self.front.wake();
    }

    /// Another tab has taken the lead from it. What called it to the front before counts no longer: it may be behind again,
    /// or another in sight is worked in.
    pub fn step_back(&self) {
        self.front.forget();
    }

    /// Tells the other tabs that the journal has changed.
    pub fn tell_written(&self) {
        if let Some(channel) = &self.channel {
            let _ = channel.post_message(&WRITTEN.into());
        }
    }

    /// Calls back when another tab has written. One listener: the roster.
    pub fn on_written(&self, call: impl Fn() + 'static) {
        let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if event.data().as_string().as_deref() == Some(WRITTEN) {
                call();
            }
        });
        if let Some(channel) = &self.channel {
            channel.set_onmessage(Some(listener.as_ref().unchecked_ref()));
        }
        *self.listener.borrow_mut() = Some(listener);
    }

    /// Done when this tab leads: at once when it comes to the front, or when the tab that led before has ended.
    ///
    /// Whoever works here is in front, and only their own unlock pulls what is theirs. Besides, a tab behind may be frozen,
    /// and then neither syncs nor lets go.
    pub async fn lead(&self) -> Leading {
        if signs::has_focus() {
            self.front.wake();
        }
        match select(pin!(self.front.called()), pin!(lead(Claim::Wait))).await {
            Either::Left(((), _)) => lead(Claim::Steal).await,
            Either::Right((leading, _)) => leading,
        }
    }
}

impl Default for Tabs {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Tabs {
    fn drop(&mut self) {
        if let Some(channel) = &self.channel {
            channel.set_onmessage(None);
            channel.close();
        }
    }
}

/// Calls back at each sign that it is worth trying: the network is back, the page is in front. For good.
pub fn on_wake_up(call: impl Fn() + Clone + 'static) {
    std::mem::forget(signs(move |sign| match sign {
        Sign::Online | Sign::Shown => call(),
        Sign::Offline | Sign::Hidden | Sign::UpdateReady => {}
    }));
}

/// Calls back when this tab comes to the front, or is the one of several in sight that is worked in. For good.
pub fn on_front(call: impl Fn() + Clone + 'static) {
    signs::on_focus(call.clone());
    std::mem::forget(signs(move |sign| {
        if sign == Sign::Shown && signs::is_shown() {
            call();
        }
    }));
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["navigator", "locks"], js_name = request, catch)]
    fn request_lock(name: &str, options: &JsValue, held: &js_sys::Function) -> Result<js_sys::Promise, JsValue>;
}

const LEADER: &str = "yingke-leader";

/// How a tab comes to lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// When the tab before it ends.
    Wait,
    /// Now: this tab is in front.
    Steal,
}

/// This tab syncs and checkpoints for as long as this is kept and [`Leading::lost`] is not done.
///
/// The lock alone cannot stop a frozen leader that wakes up; its leader number does
/// ([`super::BrowserJournal::lead`]): every leader's write checks it in its own transaction.
#[derive(Debug)]
pub struct Leading {
    release: Option<js_sys::Function>,
    is_lost: Rc<Cell<bool>>,
    told_lost: Wake,
}

impl Leading {
    /// Without a lock, where every tab leads.
    fn alone() -> Self {
        Self { release: None, is_lost: Rc::default(), told_lost: Wake::default() }
    }

    /// Whether another tab has taken the lead; never where the browser has no locks.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.is_lost.get()
    }

    /// Whether the browser's lock is this tab's.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.release.is_some() && !self.is_lost()
    }

    /// Done when another tab has taken the lead. One waits at a time.
    pub async fn lost(&self) {
        while !self.is_lost() {
            self.told_lost.called().await;
        }
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        if let Some(release) = self.release.take() {
            let _ = release.call0(&JsValue::NULL);
        }
    }
}

/// Done when this tab leads. Without Web Locks it leads at once, as all others do: the leader number decides.
pub async fn lead(claim: Claim) -> Leading {
    let (held_by_us, held) = oneshot::channel::<js_sys::Function>();
    let held_by_us = Rc::new(RefCell::new(Some(held_by_us)));
    // The lock is held until the promise that its callback returns is settled.
    let on_held = {
        let held_by_us = held_by_us.clone();
        Closure::once_into_js(move || {
            js_sys::Promise::new(&mut |release, _| {
                if let Some(held_by_us) = held_by_us.borrow_mut().take()
                    && let Err(release) = held_by_us.send(release)
                {
                    // Nobody waits for it any more: the next one has it.
                    let _ = release.call0(&JsValue::NULL);
                }
            })
        })
    };
    let options = js_sys::Object::new();
    let set = |name: &str, value: &JsValue| drop(js_sys::Reflect::set(&options, &name.into(), value));
    let _given_up = match claim {
        Claim::Steal => {
            set("steal", &true.into());
            None
        }
        Claim::Wait => AbortController::new().ok().map(|controller| {
            set("signal", &controller.signal());
            GivenUp(controller)
        }),
    };
    let Ok(promise) = request_lock(LEADER, &options, on_held.unchecked_ref()) else { return Leading::alone() };
    let (is_lost, told_lost) = (Rc::new(Cell::new(false)), Wake::default());
    wasm_bindgen_futures::spawn_local({
        let (is_lost, told_lost) = (is_lost.clone(), told_lost.clone());
        async move {
            let _ = JsFuture::from(promise).await;
            // One that was turned down was never held.
            drop(held_by_us.borrow_mut().take());
            is_lost.set(true);
            told_lost.wake();
        }
    });
    match held.await {
        Ok(release) => Leading { release: Some(release), is_lost, told_lost },
        // The request was turned down, as some private modes do.
        Err(oneshot::Canceled) => Leading::alone(),
    }
}

/// Takes a request back that is still waiting; one that was granted it does nothing to.
struct GivenUp(AbortController);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.abort();
    }
}
