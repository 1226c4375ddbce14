//! The key that a PIN gives, reckoned in a worker so that the page stays alive meanwhile.

use std::{cell::RefCell, rc::Rc};

use futures::channel::oneshot;
use js_sys::{Array, Object, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{MessageEvent, Worker};

use super::seal::forget;

/// How hard it is to try PINs: Argon2id's parameters, kept beside what they sealed so that they can grow.
///
/// The floor is the OWASP Password Storage Cheat Sheet's: Argon2id with at least 19 MiB, 2 passes, 1 lane. Ours is
/// three times that work. Measured in headless Chromium on a machine of two cores, start of the worker included:
/// 370 ms of processor time for ours, 160 ms for the floor, 530 ms for 64 MiB and 3 passes; the page's longest
/// pause meanwhile was 24 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardness {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Hardness {
    pub const OWASP_FLOOR: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
    pub const TODAY: Self = Self { memory_kib: 64 * 1024, passes: 2, lanes: 1 };
}

/// The worker does not answer: its file is missing, or the browser ended it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the unlock worker: {detail}")]
pub struct WorkerError {
    pub detail: String,
}

/// Reckons the 32 bytes that seal a person's keys. `pin` is overwritten.
///
/// # Errors
/// [`WorkerError`]
pub async fn derive(salt: &[u8], mut pin: Vec<u8>, hardness: Hardness) -> Result<Vec<u8>, WorkerError> {
    let typed = Uint8Array::from(pin.as_slice());
    forget(&mut pin);
    let url = worker_url("unlock").ok_or_else(|| WorkerError { detail: "the page does not name it".into() })?;
    let worker = Worker::new(&url).map_err(|error| worker_error(&error))?;
    let (tell, told) = oneshot::channel();
    let tell = Rc::new(RefCell::new(Some(tell)));
    let answer = |outcome: fn(&JsValue) -> Result<Vec<u8>, WorkerError>| {
        let tell = tell.clone();
        Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
            if let Some(tell) = tell.borrow_mut().take() {
                let _ = tell.send(outcome(&event));
            }
        })
    };
    let on_message = answer(|event| {
        let data = event.unchecked_ref::<MessageEvent>().data();
        match data.dyn_ref::<Uint8Array>() {
            Some(key) => Ok(key.to_vec()),
            None => Err(WorkerError { detail: data.as_string().unwrap_or_default() }),
        }
    });
    let on_error = answer(|_| Err(WorkerError { detail: "it did not start".into() }));
    worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    let message = Object::new();
    let members: [(&str, JsValue); 5] = [
        ("salt", Uint8Array::from(salt).into()),
        ("pin", typed.clone().into()),
        ("memory", hardness.memory_kib.into()),
        ("passes", hardness.passes.into()),
        ("lanes", hardness.lanes.into()),
    ];
    for (name, value) in members {
        let _ = Reflect::set(&message, &name.into(), &value);
    }
    // Handed over, so that no copy stays here.
    let sent = worker.post_message_with_transfer(&message, &Array::of1(&typed.buffer()));
    let key = match sent {
        Ok(()) => told.await.unwrap_or_else(|_| Err(WorkerError { detail: "it fell silent".into() })),
        Err(error) => Err(worker_error(&error)),
    };
    // With it goes its memory, and what was reckoned in it.
    worker.terminate();
    key
}

fn worker_error(error: &JsValue) -> WorkerError {
    let detail = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    WorkerError { detail: detail.unwrap_or_default() }
}

/// The build names a worker's file by its content and says the name in the page.
pub(super) fn worker_url(worker: &str) -> Option<String> {
    let document = web_sys::window()?.document()?;
    document.query_selector(&format!("meta[name={worker}-worker]")).ok()??.get_attribute("content")
}
