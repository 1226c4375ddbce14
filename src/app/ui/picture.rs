//! Pictures: a button that takes one with the camera or from the tablet, and tiles that show what was taken.

use leptos::{wasm_bindgen::JsCast, web_sys};

use super::{Button, ButtonKind, Icon, Readiness, Text};
use crate::view::prelude::*;

/// A button that gives pictures. The browser asks where from, or opens the camera at once.
#[component]
pub fn PictureButton(
    #[prop(into)] label: Text,
    icon: Icon,
    /// Opens the camera, where the tablet has one.
    #[prop(optional)]
    camera: bool,
    /// More than one may be chosen at once.
    #[prop(optional)]
    several: bool,
    #[prop(optional, into)] state: Signal<Readiness>,
    on_pick: Callback<Vec<web_sys::File>>,
) -> impl IntoView {
    let picker = NodeRef::<leptos::html::Input>::new();
    let open = move |()| {
        if let Some(picker) = picker.get_untracked() {
            picker.click();
        }
    };
    let picked = move |event: web_sys::Event| {
        let input = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
        let Some(input) = input else { return };
        let files = input.files();
        let files = files.map_or_else(Vec::new, |files| (0..files.length()).filter_map(|at| files.get(at)).collect());
        // The same file picked again is another pick.
        input.set_value("");
        if !files.is_empty() {
            on_pick.run(files);
        }
    };
    view! {
        <Button label icon kind=ButtonKind::Quiet state on_press=open/>
        <input
            type="file"
            accept="image/*"
            hidden
            capture=camera.then_some("environment")
            multiple=several.then_some("")
            node_ref=picker
            aria-label=move || label.get()
            on:change=picked
        />
    }
}

/// A picture, or in its place what there is to say of it.
#[component]
pub fn PictureTile(
    /// Where it is to be seen; `None` while it is not.
    address: Signal<Option<String>>,
    /// What it is of, for who does not see it.
    #[prop(into)]
    label: Text,
    /// Said in its place.
    #[prop(into)]
    note: Text,
) -> impl IntoView {
    let content = move || match address.get() {
        Some(source) => view! { <img class="picture__image" src=source alt=move || label.get()/> },
        None => view! { <span class="picture__note">{move || note.get()}</span> },
    };
    view! { <span class="picture">{content}</span> }
}
