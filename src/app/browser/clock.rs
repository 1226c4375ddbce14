//! What time it is, and waiting.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use futures::{
    channel::oneshot,
    future::{Either, select},
};
use wasm_bindgen::prelude::*;
use web_sys::{MessageChannel, MessagePort};
use yingke_core::time::{MINUTE_MS, Millis};

/// The tablet's clock, which people can set to anything.
#[must_use]
pub fn now() -> Millis {
    Millis(js_sys::Date::now() as i64)
}

/// Milliseconds since the page was opened: nobody can set it, and it does not outlive the page.
#[must_use]
pub fn since_opening_ms() -> i64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0, |performance| performance.now() as i64)
}

/// How far local clocks are ahead of UTC, in minutes.
#[must_use]
pub fn utc_offset_minutes() -> i32 {
    -(js_sys::Date::new_0().get_timezone_offset() as i32)
}

/// Done after `ms`; dropping it takes the timer back.
pub async fn wait(ms: i64) {
    gloo_timers::future::TimeoutFuture::new(u32::try_from(ms.clamp(0, WAIT_MS_MAX)).unwrap_or(0)).await;
}

/// The longest that a browser's timer can wait.
const WAIT_MS_MAX: i64 = i32::MAX as i64;

/// Done at `at` by the tablet's clock.
pub async fn wait_until(at: Millis) {
    wait(at.since(now())).await;
}

/// What `work` gives, or `None` if it takes longer than `ms`; it is dropped then.
pub async fn within<T>(ms: i64, work: impl Future<Output = T>) -> Option<T> {
    match select(std::pin::pin!(work), std::pin::pin!(wait(ms))).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// Lets the page draw and answer before long work goes on.
///
/// By a message to itself: browsers hold back a timer that is set again and again for four milliseconds each time.
/// Source: the HTML standard, "timers", step 5.
pub async fn breathe() {
    thread_local! {
        static TURNS: Option<Turns> = Turns::new();
    }
    let (call, called) = oneshot::channel();
    let asked = TURNS.with(|turns| turns.as_ref().is_some_and(|turns| turns.ask(call)));
    if !asked || called.await.is_err() {
        wait(0).await;
    }
}

/// A line to oneself: what is asked for comes as a task of its own, after those that wait already.
struct Turns {
    port: MessagePort,
    waiting: Rc<RefCell<VecDeque<oneshot::Sender<()>>>>,
    _on_message: Closure<dyn FnMut()>,
}

impl Turns {
    fn new() -> Option<Self> {
        let channel = MessageChannel::new().ok()?;
        let waiting: Rc<RefCell<VecDeque<oneshot::Sender<()>>>> = Rc::default();
        let calls = waiting.clone();
        let on_message = Closure::<dyn FnMut()>::new(move || {
            let call = calls.borrow_mut().pop_front();
            if let Some(call) = call {
                let _ = call.send(()); // whoever waited may have ended
            }
        });
        channel.port1().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Some(Self { port: channel.port2(), waiting, _on_message: on_message })
    }

    /// Whether the call will be made.
    fn ask(&self, call: oneshot::Sender<()>) -> bool {
        self.waiting.borrow_mut().push_back(call);
        let sent = self.port.post_message(&JsValue::NULL).is_ok();
        if !sent {
            self.waiting.borrow_mut().pop_back();
        }
        sent
    }
}

/// Calls back at each full minute of the tablet's clock, for as long as the page lives.
pub fn each_minute(call: impl Fn() + 'static) {
    wasm_bindgen_futures::spawn_local(async move {
        loop {
            wait(MINUTE_MS - now().0.rem_euclid(MINUTE_MS)).await;
            call();
        }
    });
}

/// Wakes what waits, or keeps it from waiting: a sign that comes early is not lost. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Wake {
    state: Rc<RefCell<WakeState>>,
}

#[derive(Debug, Default)]
enum WakeState {
    #[default]
    Quiet,
    /// Something happened while nobody waited.
    Called,
    Waiting(oneshot::Sender<()>),
}

impl Wake {
    pub fn wake(&self) {
        if let WakeState::Waiting(waiting) = self.state.replace(WakeState::Called)
            && waiting.send(()).is_ok()
        {
            self.state.replace(WakeState::Quiet);
        }
    }

    /// Done when somebody wakes it, or at `at`. One waits at a time.
    pub async fn until(&self, at: Millis) {
        select(std::pin::pin!(self.called()), std::pin::pin!(wait_until(at))).await;
        self.forget(); // whoever woke it in between is heard too: the caller looks for work now
    }

    /// Done when somebody wakes it. One waits at a time.
    pub async fn called(&self) {
        if let WakeState::Called = self.state.replace(WakeState::Quiet) {
            return;
        }
        let (call, called) = oneshot::channel();
        self.state.replace(WakeState::Waiting(call));
        let _ = called.await; // who wakes it is there as long as it is
    }

    /// What woke it before counts no longer.
    pub fn forget(&self) {
        self.state.replace(WakeState::Quiet);
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn a_sign_that_comes_early_is_not_lost() {
        let wake = Wake::default();
        wake.clone().wake();
        yingke_core::sync::now_or_never(wake.until(Millis(i64::MAX)));
    }
}
