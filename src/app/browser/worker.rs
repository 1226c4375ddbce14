//! Workers of our own: what takes long enough to be felt, done beside the page.

use std::{cell::RefCell, rc::Rc};

use futures::channel::oneshot;
use js_sys::{Array, Reflect};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{MessageEvent, Worker};

/// The worker does not answer: its file is missing, or the browser ended it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a worker: {detail}")]
pub struct WorkerError {
    pub detail: String,
}

/// A worker of ours, ended when this is dropped: with it goes its memory, and what was reckoned in it.
#[derive(Debug)]
pub struct Beside(Worker);

impl Drop for Beside {
    fn drop(&mut self) {
        self.0.terminate();
    }
}

impl Beside {
    /// Starts the worker whose file the page names so.
    ///
    /// # Errors
    /// [`WorkerError`]
    pub fn start(name: &str) -> Result<Self, WorkerError> {
        let url = worker_url(name).ok_or_else(|| WorkerError { detail: "the page does not name it".into() })?;
        Worker::new(&url).map(Self).map_err(|error| told(&error))
    }

    /// Its answer to a message. One is asked at a time. What is handed over leaves no copy here.
    ///
    /// # Errors
    /// [`WorkerError`]
    pub async fn ask(&self, message: &JsValue, handed_over: &Array) -> Result<JsValue, WorkerError> {
        let (tell, answer) = oneshot::channel();
        let tell = Rc::new(RefCell::new(Some(tell)));
        let listener = |outcome: fn(&JsValue) -> Result<JsValue, WorkerError>| {
            let tell = tell.clone();
            Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
                if let Some(tell) = tell.borrow_mut().take() {
                    let _ = tell.send(outcome(&event));
                }
            })
        };
        let on_message = listener(|event| Ok(event.unchecked_ref::<MessageEvent>().data()));
        let on_error = listener(|_| Err(WorkerError { detail: "it did not start".into() }));
        self.0.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        self.0.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        self.0.post_message_with_transfer(message, handed_over).map_err(|error| told(&error))?;
        answer.await.unwrap_or_else(|_| Err(WorkerError { detail: "it fell silent".into() }))
    }
}

fn told(error: &JsValue) -> WorkerError {
    let detail = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    WorkerError { detail: detail.unwrap_or_default() }
}

/// The build names a worker's file by its content and says the name in the page.
pub(super) fn worker_url(worker: &str) -> Option<String> {
    let document = web_sys::window()?.document()?;
    document.query_selector(&format!("meta[name={worker}-worker]")).ok()??.get_attribute("content")
}
