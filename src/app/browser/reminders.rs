//! The browser's push service: whether there is one, and the subscription that the endpoint writes to.
//!
//! Asking for permission and subscribing are the boot script's (`public/boot.js`): they want a press, and in script they cost
//! a tenth of what they would here.

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::updates::boot;

/// What the browser gives of a subscription: the push service's address, the browser's point, and its secret.
pub type Subscription = [String; 3];

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSubscription {
    /// The browser has no push service, or does not reach it.
    NoService,
    /// The person, or somebody before, said no.
    Refused,
}

/// Whether somebody can be reminded here, as far as it shows without asking them.
///
/// # Errors
/// [`NoSubscription`]
pub fn work_here() -> Result<(), NoSubscription> {
    match call("permission", &[]).as_string().as_deref() {
        Some("default" | "granted") => Ok(()),
        Some("denied") => Err(NoSubscription::Refused),
        _ => Err(NoSubscription::NoService),
    }
}

/// Asks the person, and subscribes with the endpoint's key. To be called in a press.
///
/// # Errors
/// [`NoSubscription`]
pub async fn subscribe(key: &str) -> Result<Subscription, NoSubscription> {
    let told = done(call("subscribe", &[key.into()])).await;
    parts(&told).ok_or(match told.as_string().as_deref() {
        Some("refused") => NoSubscription::Refused,
        _ => NoSubscription::NoService,
    })
}

/// The subscription that there is.
pub async fn subscribed() -> Option<Subscription> {
    parts(&done(call("subscribed", &[])).await)
}

/// Ends the browser's subscription, for everybody.
pub async fn unsubscribe() {
    done(call("unsubscribe", &[])).await;
}

fn call(name: &str, arguments: &[JsValue]) -> JsValue {
    let function = Reflect::get(&boot(), &name.into()).ok().and_then(|function| function.dyn_into::<Function>().ok());
    let called = function.map(|function| function.apply(&JsValue::NULL, &arguments.iter().collect()));
    called.and_then(Result::ok).unwrap_or_default()
}

async fn done(promise: JsValue) -> JsValue {
    JsFuture::from(Promise::resolve(&promise)).await.unwrap_or_default()
}

fn parts(told: &JsValue) -> Option<Subscription> {
    let parts: Vec<String> = told.dyn_ref::<Array>()?.iter().filter_map(|part| part.as_string()).collect();
    parts.try_into().ok()
}
