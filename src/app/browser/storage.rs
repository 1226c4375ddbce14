//! How much room there is, and whether the browser may take it back.

use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["navigator", "storage"], catch)]
    fn persist() -> Result<js_sys::Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["navigator", "storage"], catch)]
    fn persisted() -> Result<js_sys::Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["navigator", "storage"], catch)]
    fn estimate() -> Result<js_sys::Promise, JsValue>;
}

/// Whether the browser may clear what is kept here when it runs short of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// It asks a person first.
    Persistent,
    /// It may clear everything.
    BestEffort,
    /// This browser does not say.
    Unknown,
}

/// The facts of storage, as the browser tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageFacts {
    pub persistence: Persistence,
    /// Whether the app runs on its own, from the home screen.
    pub installed: bool,
    pub used_bytes: Option<u64>,
    pub quota_bytes: Option<u64>,
}

impl StorageFacts {
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        Some(self.quota_bytes?.saturating_sub(self.used_bytes?))
    }
}

/// Asks the browser to keep what is here for good. Some ask the person, so call it after a first save.
pub async fn ask_persistence() -> Persistence {
    answer(persist()).await
}

pub async fn facts() -> StorageFacts {
    let room = room().await;
    StorageFacts {
        persistence: answer(persisted()).await,
        installed: is_installed(),
        used_bytes: room.usage.map(|bytes| bytes as u64),
        quota_bytes: room.quota.map(|bytes| bytes as u64),
    }
}

/// Bytes that may still be written; `None` where the browser does not say.
pub async fn free_bytes() -> Option<u64> {
    let room = room().await;
    Some((room.quota? - room.usage?).max(0.0) as u64)
}

async fn answer(asked: Result<js_sys::Promise, JsValue>) -> Persistence {
    let Ok(promise) = asked else { return Persistence::Unknown };
    match JsFuture::from(promise).await.ok().and_then(|yes| yes.as_bool()) {
        Some(true) => Persistence::Persistent,
        Some(false) => Persistence::BestEffort,
        None => Persistence::Unknown,
    }
}

#[derive(Default)]
struct Room {
    usage: Option<f64>,
    quota: Option<f64>,
}

async fn room() -> Room {
    let Ok(promise) = estimate() else { return Room::default() };
    let Ok(told) = JsFuture::from(promise).await else { return Room::default() };
    let number = |name: &str| js_sys::Reflect::get(&told, &name.into()).ok().and_then(|value| value.as_f64());
    Room { usage: number("usage"), quota: number("quota") }
}

fn is_installed() -> bool {
    let Some(window) = web_sys::window() else { return false };
    let standalone =
        window.match_media("(display-mode: standalone)").ok().flatten().is_some_and(|media| media.matches());
    let on_ios = js_sys::Reflect::get(window.navigator().unchecked_ref::<JsValue>(), &"standalone".into());
    standalone || on_ios.is_ok_and(|value| value.is_truthy())
}
