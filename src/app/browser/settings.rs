//! What one tablet prefers: language, theme, what it is called. Nothing about people; losing it costs a tap.

use gloo_storage::{LocalStorage, Storage};

/// What was kept under a name; nothing where the browser keeps nothing.
#[must_use]
pub fn get(name: &str) -> Option<String> {
    LocalStorage::get(key(name)).ok()
}

/// Keeps it. A browser that keeps no settings asks again next time, and that is all.
pub fn put(name: &str, value: &str) {
    let _ = LocalStorage::set(key(name), value);
}

/// Forgets everything, as on a tablet out of the box.
pub fn forget_all() {
    LocalStorage::clear();
}

fn key(name: &str) -> String {
    format!("yingke.settings.{name}")
}

/// The languages that the person's browser prefers, the best first, such as `zh-CN`.
#[must_use]
pub fn browser_languages() -> Vec<String> {
    let Some(window) = web_sys::window() else { return Vec::new() };
    window.navigator().languages().iter().filter_map(|language| language.as_string()).collect()
}

/// What the browser calls itself.
#[must_use]
pub fn browser() -> String {
    web_sys::window().and_then(|window| window.navigator().user_agent().ok()).unwrap_or_default()
}

/// Whether the system was asked for more contrast.
#[must_use]
pub fn prefers_more_contrast() -> bool {
    let asked = web_sys::window().and_then(|window| window.match_media("(prefers-contrast: more)").ok().flatten());
    asked.is_some_and(|media| media.matches())
}

/// Sets an attribute of the page's root: its language, its theme.
pub fn set_root_attribute(name: &str, value: &str) {
    let root = web_sys::window().and_then(|window| window.document()).and_then(|document| document.document_element());
    if let Some(root) = root {
        let _ = root.set_attribute(name, value);
    }
}
