//! The signature pad: a base line, the name of who signs, and a way to sign by keyboard.

use super::{Button, ButtonKind, Icon, Text, own_id};
use crate::view::prelude::*;
use leptos::ev;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;

/// The box that signatures are kept in; the pad may be drawn larger.
const BOX: (f64, f64) = (480.0, 200.0);

/// A coordinate with one decimal: finer than a pen's tip, and short to keep.
fn tenths(at: f64) -> String {
    let tenths = (at * 10.0).round() as u32;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Paper for one signature. The value is SVG path data in a box of 480 x 200, so it prints at any size.
#[component]
pub fn SignaturePad(
    /// Who signs, and what to do: 张顺利，请在线上签名.
    #[prop(into)]
    label: Text,
    /// Path data; empty while nothing is signed.
    #[prop(into)]
    strokes: Text,
    /// The whole path after each stroke; empty after starting over.
    #[prop(into)]
    on_change: Callback<String>,
    /// 重写.
    #[prop(into)]
    again_label: Text,
    /// Beside it: 完成, and the field for a typed name with a witness.
    #[prop(optional)]
    children: Option<Children>,
    #[prop(optional, into)] id: String,
) -> impl IntoView {
    let id = own_id(id);
    let label_id = format!("{id}-label");
    let drawing = RwSignal::new(String::new());
    let pen_down = StoredValue::new(false);
    let pad_of = |event: &ev::PointerEvent| event.current_target()?.dyn_into::<web_sys::Element>().ok();
    let point = move |event: &ev::PointerEvent| {
        let pad = pad_of(event)?;
        let (wide, high) = (f64::from(pad.client_width().max(1)), f64::from(pad.client_height().max(1)));
        // The drawing keeps its shape and sits in the middle of its place, as `xMidYMid meet` does.
        let scale = (wide / BOX.0).min(high / BOX.1);
        let x = (f64::from(event.offset_x()) - (wide - BOX.0 * scale) / 2.0) / scale;
        let y = (f64::from(event.offset_y()) - (high - BOX.1 * scale) / 2.0) / scale;
        Some(format!("{} {}", tenths(x.clamp(0.0, BOX.0)), tenths(y.clamp(0.0, BOX.1))))
    };
    let down = move |event: ev::PointerEvent| {
        if let Some(pad) = pad_of(&event) {
            let _ = pad.set_pointer_capture(event.pointer_id());
        }
        if let Some(point) = point(&event) {
            pen_down.set_value(true);
            drawing.set(format!("{}M{point}l0 0", strokes.get_untracked()));
        }
    };
    let moved = move |event: ev::PointerEvent| {
        if pen_down.get_value()
            && let Some(point) = point(&event)
        {
            drawing.update(|path| {
                path.push('L');
                path.push_str(&point);
            });
        }
    };
    let up = move |_| {
        if pen_down.get_value() {
            pen_down.set_value(false);
            on_change.run(drawing.get_untracked());
            drawing.set(String::new());
        }
    };
    let path = move || {
        let drawing = drawing.get();
        if drawing.is_empty() { strokes.get() } else { drawing }
    };
    view! {
        <div class="sign">
            <div
                id=id
                class="sign__paper"
                role="img"
                aria-labelledby=label_id.clone()
                on:pointerdown=down
                on:pointermove=moved
                on:pointerup=up
                on:pointercancel=up
            >
                <svg class="sign__ink" viewBox="0 0 480 200" aria-hidden="true">
                    <path d=path></path>
                </svg>
                <span class="sign__line" id=label_id.clone()>{move || label.get()}</span>
            </div>
            <div class="sign__foot">
                <Button
                    kind=ButtonKind::Text
                    icon=Icon::Undo
                    label=again_label
                    on_press=move |()| on_change.run(String::new())
                />
                {children.map(|children| children())}
            </div>
        </div>
    }
}
