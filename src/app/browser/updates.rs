//! Newer versions of the app. The boot script watches for them; here the client hears of it and takes one over.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Whether a newer version waits. [`super::signs::Sign::UpdateReady`] tells when that becomes so.
#[must_use]
pub fn update_ready() -> bool {
    js_sys::Reflect::get(&boot(), &"updateReady".into()).is_ok_and(|ready| ready.is_truthy())
}

/// Whether this version is here again because a newer one did not start, and nobody has read so yet.
#[must_use]
pub fn fell_back() -> bool {
    js_sys::Reflect::get(&boot(), &"fellBack".into()).is_ok_and(|fell_back| fell_back.is_truthy())
}

/// Somebody has read it.
pub fn forget_fall_back() {
    let forget = js_sys::Reflect::get(&boot(), &"forgetFallBack".into()).ok();
    if let Some(forget) = forget.as_ref().and_then(|forget| forget.dyn_ref::<js_sys::Function>()) {
        // What a browser does not remember it need not forget.
        let _ = forget.call0(&JsValue::NULL);
    }
}

/// The person agreed: the waiting version takes over and the page reloads once. `false` if there is none.
///
/// Call it when no form is half filled in, or its draft is kept.
pub async fn take_over() -> bool {
    let Ok(take_over) = js_sys::Reflect::get(&boot(), &"takeOver".into()) else { return false };
    let Some(take_over) = take_over.dyn_ref::<js_sys::Function>() else { return false };
    let Ok(promise) = take_over.call0(&JsValue::NULL) else { return false };
    JsFuture::from(js_sys::Promise::resolve(&promise)).await.is_ok_and(|took| took.is_truthy())
}

/// Loads the page anew.
pub fn reload() {
    if let Some(window) = web_sys::window() {
        let _ = window.location().reload();
    }
}

/// What the boot script (`public/boot.js`) left for the client.
pub(super) fn boot() -> JsValue {
    js_sys::Reflect::get(&js_sys::global(), &"yingke".into()).unwrap_or(JsValue::UNDEFINED)
}
