//! Other versions of the app. The boot script watches for them; here the client hears of it and takes one over.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Why another version is here than was, or why it should be and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionNews {
    /// A newer one did not start, so this one is here again.
    FellBack,
    /// The club withdrew the one that was here, so this one came in its place.
    Withdrawn,
    /// The club withdrew this one, and there is no other.
    Stays,
}

/// Whether a newer version waits. [`super::signs::Sign::UpdateReady`] tells when that may have changed, and the others below.
#[must_use]
pub fn update_ready() -> bool {
    said("updateReady").is_truthy()
}

/// What nobody has read yet.
#[must_use]
pub fn news() -> Option<VersionNews> {
    match said("news").as_string()?.as_str() {
        "fell-back" => Some(VersionNews::FellBack),
        "withdrawn" => Some(VersionNews::Withdrawn),
        "stays" => Some(VersionNews::Stays),
        _ => None,
    }
}

/// Which build of the app this page runs, by the name of its file; empty where the boot script did not say.
#[must_use]
pub fn build() -> String {
    said("build").as_string().unwrap_or_default()
}

/// Somebody has read it.
pub fn has_read() {
    let _ = call("hasRead", false);
}

/// By which name the club would withdraw this version. Empty while the service worker has not said so.
#[must_use]
pub fn version() -> String {
    said("version").as_string().unwrap_or_default()
}

/// The database has answered and a screen is drawn, so this version starts. At the door it may make way for another.
pub fn stands(at_door: bool) {
    let _ = call("stands", at_door);
}

/// The person agreed: the waiting version takes over and the page reloads once; where another tab has taken it, the page
/// reloads.
///
/// Call it when no form is half filled in, or its draft is kept.
pub fn take_over() {
    let _ = call("takeOver", false);
}

/// Drops the version of the app that is kept besides the one in use; whether there was one.
pub(super) async fn drop_version_aside() -> bool {
    let Some(asked) = call("makeRoom", false) else { return false };
    JsFuture::from(js_sys::Promise::resolve(&asked)).await.is_ok_and(|did| did.is_truthy())
}

/// Loads the page anew.
pub fn reload() {
    if let Some(window) = web_sys::window() {
        let _ = window.location().reload();
    }
}

/// Calls what the boot script has under this name; most of it takes no word. It says itself what goes wrong.
fn call(name: &str, word: bool) -> Option<JsValue> {
    said(name).dyn_ref::<js_sys::Function>()?.call1(&JsValue::NULL, &word.into()).ok()
}

fn said(name: &str) -> JsValue {
    js_sys::Reflect::get(&boot(), &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// What the boot script (`public/boot.js`) left for the client.
pub(super) fn boot() -> JsValue {
    js_sys::Reflect::get(&js_sys::global(), &"yingke".into()).unwrap_or(JsValue::UNDEFINED)
}
