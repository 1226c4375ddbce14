//! Puts the parts together and mounts the page.
use leptos::prelude::*;

fn main() {
    leptos::mount::mount_to_body(|| view! { <h1>"迎客"</h1> });
}
