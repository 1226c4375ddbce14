//! Sheets: work on one thing without leaving. On show while mounted; unmounting closes and gives the focus back.

use super::{Glyph, Icon, IconButton, Slot, Text, Tone, line, own_id};
use crate::view::prelude::*;
use leptos::ev;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;

/// How wide a sheet is where it comes from the end edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SheetWidth {
    /// 480: a form.
    #[default]
    Form,
    /// 900: two sides.
    Compare,
}

/// A sheet. It asks to be closed through `on_close`; the screen unmounts it and keeps the draft.
#[component]
pub fn Sheet(
    #[prop(into)] title: Text,
    #[prop(optional, into)] second: Text,
    #[prop(into)] close_label: Text,
    /// Esc, the scrim or the cross.
    #[prop(into)]
    on_close: Callback<()>,
    #[prop(optional)] width: SheetWidth,
    /// Before the title, on its wash: a conflict's fork.
    #[prop(optional)]
    icon: Option<Icon>,
    #[prop(optional)] tone: Tone,
    children: Children,
    /// The actions, at the end of the foot.
    #[prop(optional)]
    foot: Option<Slot>,
    /// Children reach the edges: two sides beside each other.
    #[prop(optional)]
    bare: bool,
) -> impl IntoView {
    let id = own_id(String::new());
    let dialog = NodeRef::<leptos::html::Dialog>::new();
    let before = StoredValue::new_local(document().active_element());
    Effect::new(move |_| {
        if let Some(dialog) = dialog.get()
            && !dialog.open()
        {
            let _ = dialog.show_modal();
        }
    });
    on_cleanup(move || {
        let before = before
            .try_get_value()
            .flatten()
            .and_then(|element: web_sys::Element| element.dyn_into::<web_sys::HtmlElement>().ok());
        request_animation_frame(move || {
            if let Some(before) = before.filter(|before| before.is_connected()) {
                let _ = before.focus();
            }
        });
    });
    let cancel = move |event: web_sys::Event| {
        event.prevent_default();
        on_close.run(());
    };
    // The scrim belongs to the dialog element itself; what is in the sheet lies on its panel.
    let scrim = move |event: ev::PointerEvent| {
        let on_scrim = event.target() == event.current_target();
        if on_scrim {
            on_close.run(());
        }
    };
    view! {
        <dialog
            node_ref=dialog
            class="sheet"
            class:sheet--compare=width == SheetWidth::Compare
            class:sheet--bare=bare
            aria-labelledby=id.clone()
            on:cancel=cancel
            on:pointerdown=scrim
        >
            <div class="sheet__panel">
                <header class="sheet__head">
                    {icon.map(|icon| view! { <span class="ground" data-tone=tone.name()><Glyph icon/></span> })}
                    <div class="sheet__titles">
                        <h2 class="sheet__title" id=id.clone() tabindex="-1" autofocus>{move || title.get()}</h2>
                        {line("sheet__second", second)}
                    </div>
                    <IconButton icon=Icon::Close label=close_label on_press=on_close/>
                </header>
                <div class="sheet__content">{children()}</div>
                {foot.map(|foot| view! { <footer class="sheet__foot">{foot}</footer> })}
            </div>
        </dialog>
    }
}
