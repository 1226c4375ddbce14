//! Which place is open: the address of the page, as a signal. Back works, links work, places can be shared.
//!
//! A dozen places need no more than this. The router that comes with Leptos draws through types of its own and brings a
//! parser of addresses; it was a tenth of the client.

use leptos::{
    ev,
    prelude::*,
    wasm_bindgen::{JsCast, JsValue},
    web_sys,
};

/// The address of the page, without its origin.
#[derive(Clone, Copy)]
pub struct Route {
    path: RwSignal<String>,
    query: RwSignal<String>,
}

/// The route that `main.rs` provides.
#[must_use]
pub fn use_route() -> Route {
    use_context().expect("main.rs provides the route before any screen is drawn")
}

impl Route {
    /// Follows the page's address from here on, and takes over its links.
    #[must_use]
    pub fn start() -> Self {
        let route = Self { path: RwSignal::new(String::new()), query: RwSignal::new(String::new()) };
        route.read();
        window_event_listener(ev::popstate, move |_| route.read());
        window_event_listener(ev::click, move |event| {
            if let Some(to) = own_link(&event) {
                event.prevent_default();
                route.go(&to);
            }
        });
        route
    }

    /// The path in force: `/people/01jd…`.
    #[must_use]
    pub fn path(self) -> String {
        self.path.get()
    }

    /// The place in force with what it asks, as [`Route::go`] takes it. Does not subscribe.
    #[must_use]
    pub fn here(self) -> String {
        self.path.get_untracked() + &self.query.get_untracked()
    }

    /// Part `at` of the path, from 0: part 1 of `/people/01jd…/file` is the id.
    #[must_use]
    pub fn part(self, at: usize) -> Option<String> {
        self.path.with(|path| parts(path).nth(at).map(str::to_owned))
    }

    /// What the query says under `key`: ids and codes, which need no decoding.
    #[must_use]
    pub fn asked(self, key: &str) -> Option<String> {
        self.query.with(|query| asked(query, key).map(str::to_owned))
    }

    /// Opens a place; Back returns from it.
    pub fn go(self, to: &str) {
        if let Ok(history) = window().history() {
            let _ = history.push_state_with_url(&JsValue::NULL, "", Some(to));
        }
        self.read();
        window().scroll_to_with_x_and_y(0.0, 0.0);
    }

    /// Opens a place instead of this one: Back does not return here.
    pub fn replace(self, to: &str) {
        if let Ok(history) = window().history() {
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(to));
        }
        self.read();
    }

    fn read(self) {
        let location = window().location();
        let query = location.search().unwrap_or_default();
        if self.query.with_untracked(|before| *before != query) {
            self.query.set(query);
        }
        let path = location.pathname().unwrap_or_default();
        if self.path.with_untracked(|before| *before != path) {
            self.path.set(path);
        }
    }
}

/// An address of the app that carries a mark: `https://…/#49120835`. What stands behind `#` is sent to nobody.
#[must_use]
pub fn address_with(mark: &str) -> String {
    format!("{}/#{mark}", window().location().origin().unwrap_or_default())
}

/// The mark that the page was opened with, once: the address no longer has it then.
#[must_use]
pub fn take_mark() -> Option<String> {
    let location = window().location();
    let mark = location.hash().ok()?.strip_prefix('#').filter(|mark| !mark.is_empty())?.to_owned();
    let here = location.pathname().ok()? + &location.search().ok()?;
    window().history().ok()?.replace_state_with_url(&JsValue::NULL, "", Some(&here)).ok()?;
    Some(mark)
}

/// The parts of a path, empty ones left out.
pub fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

fn asked<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    let pairs = query.trim_start_matches('?').split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// Where a click leads, if it is a plain one on a link to a place of the app.
fn own_link(event: &ev::MouseEvent) -> Option<String> {
    let plain = event.button() == 0
        && !(event.default_prevented() || event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
    let link = event.target()?.dyn_into::<web_sys::Element>().ok()?.closest("a[href]").ok().flatten()?;
    let to = link.get_attribute("href")?;
    let elsewhere = link.has_attribute("download") || link.has_attribute("target");
    (plain && !elsewhere && to.starts_with('/') && !to.starts_with("//")).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_parts_and_no_empty_ones() {
        assert_eq!(parts("/people//01jd/").collect::<Vec<_>>(), ["people", "01jd"]);
        assert_eq!(parts("/").next(), None);
    }

    #[test]
    fn a_query_is_asked_by_key() {
        assert_eq!(asked("?visit=01jd&x=", "visit"), Some("01jd"));
        assert_eq!(asked("?visit=01jd&x=", "x"), Some(""));
        assert_eq!(asked("?revisit=01jd", "visit"), None);
        assert_eq!(asked("", "visit"), None);
    }
}
