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

/// Which build of the app this page runs, by the name of its file; empty where the boot script did not say.
#[must_use]
pub fn build() -> String {
    js_sys::Reflect::get(&boot(), &"build".into()).ok().and_then(|build| build.as_string()).unwrap_or_default()
}

/// Somebody has read it.
pub fn forget_fall_back() {
    let _ = call("forgetFallBack");
}

/// The person agreed: the waiting version takes over and the page reloads once; where another tab has taken it, the page
/// reloads.
///
/// Call it when no form is half filled in, or its draft is kept.
pub fn take_over() {
    let _ = call("takeOver");
}

/// Drops the version of the app that is kept besides the one in use; whether there was one.
pub(super) async fn drop_version_aside() -> bool {
    let Some(asked) = call("makeRoom") else { return false };
    JsFuture::from(js_sys::Promise::resolve(&asked)).await.is_ok_and(|did| did.is_truthy())
}

/// Loads the page anew.
pub fn reload() {
    if let Some(window) = web_sys::window() {
        let _ = window.location().reload();
    }
}

/// Calls what the boot script has under this name. It says itself what goes wrong.
fn call(name: &str) -> Option<JsValue> {
    let function = js_sys::Reflect::get(&boot(), &name.into()).ok()?;
    function.dyn_ref::<js_sys::Function>()?.call0(&JsValue::NULL).ok()
}

/// What the boot script (`public/boot.js`) left for the client.
pub(super) fn boot() -> JsValue {
    js_sys::Reflect::get(&js_sys::global(), &"yingke".into()).unwrap_or(JsValue::UNDEFINED)
}
