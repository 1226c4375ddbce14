//! The signature pad: paper with a base line and the name of who signs. Pen, finger and mouse draw on it alike.

use super::{Button, ButtonKind, Icon, Text, own_id};
use crate::view::prelude::*;
use leptos::ev;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;

/// One stroke: points in a box of 960 x 400.
pub type Stroke = Vec<(i32, i32)>;

/// The box that drawings lie in; the pad may be drawn larger.
const BOX: (i32, i32) = (960, 400);

/// SVG path data of strokes, with their corners rounded: from the middle of one piece to the middle of the next, with
/// the point between as the handle.
#[must_use]
pub fn ink_path(strokes: &[Stroke]) -> String {
    let mut path = String::new();
    for stroke in strokes {
        let Some((first, rest)) = stroke.split_first() else { continue };
        path.push_str(&format!("M{} {}", first.0, first.1));
        match rest {
            // A dot has a length of nothing and round caps.
            [] => path.push_str("l0 0"),
            [last] => path.push_str(&format!("L{} {}", last.0, last.1)),
            rest => {
                for (point, next) in rest.iter().zip(&rest[1..]) {
                    let middle = ((point.0 + next.0) / 2, (point.1 + next.1) / 2);
                    path.push_str(&format!("Q{} {} {} {}", point.0, point.1, middle.0, middle.1));
                }
                let last = rest[rest.len() - 1];
                path.push_str(&format!("L{} {}", last.0, last.1));
            }
        }
    }
    path
}

/// What was drawn, as large as its place.
#[component]
pub fn Inked(
    strokes: Vec<Stroke>,
    /// Whose signature it is, for those who do not see it.
    #[prop(into)]
    label: Text,
) -> impl IntoView {
    view! {
        <svg class="ink" viewBox=around(&strokes) role="img" aria-label=move || label.get()>
            <path d=ink_path(&strokes)></path>
        </svg>
    }
}

/// The part of the box that the ink takes, as a view box: a little more, so that no round end is cut off.
fn around(strokes: &[Stroke]) -> String {
    const MARGIN: i32 = 16;
    let points = || strokes.iter().flatten();
    let (left, right) = (points().map(|at| at.0).min().unwrap_or(0), points().map(|at| at.0).max().unwrap_or(BOX.0));
    let (top, bottom) = (points().map(|at| at.1).min().unwrap_or(0), points().map(|at| at.1).max().unwrap_or(BOX.1));
    format!("{} {} {} {}", left - MARGIN, top - MARGIN, right - left + 2 * MARGIN, bottom - top + 2 * MARGIN)
}

/// Paper for one signature.
#[component]
pub fn SignaturePad(
    /// Who signs, and what to do: 张顺利，请在线上签名.
    #[prop(into)]
    label: Text,
    /// What was drawn so far.
    #[prop(into)]
    strokes: Signal<Vec<Stroke>>,
    /// One more stroke, as the pen leaves the paper.
    #[prop(into)]
    on_stroke: Callback<Stroke>,
    /// Starting over.
    #[prop(into)]
    on_again: Callback<()>,
    /// 重写.
    #[prop(into)]
    again_label: Text,
    /// Beside it.
    #[prop(optional)]
    children: Option<Children>,
    #[prop(optional, into)] id: String,
) -> impl IntoView {
    let id = own_id(id);
    let label_id = format!("{id}-label");
    let drawing = RwSignal::new(Stroke::new());
    let pad_of = |event: &ev::PointerEvent| event.current_target()?.dyn_into::<web_sys::Element>().ok();
    let down = move |event: ev::PointerEvent| {
        // Of a hand that lies on the glass only the first touch draws.
        if event.button() != 0 || !event.is_primary() {
            return;
        }
        event.prevent_default();
        if let Some(pad) = pad_of(&event) {
            let _ = pad.set_pointer_capture(event.pointer_id());
            drawing.set(vec![point(&pad, &event)]);
        }
    };
    let moved = move |event: ev::PointerEvent| {
        if event.is_primary()
            && drawing.with_untracked(|drawing| !drawing.is_empty())
            && let Some(pad) = pad_of(&event)
        {
            drawing.update(|drawing| match coalesced(&event).as_slice() {
                [] => drawing.push(point(&pad, &event)),
                events => drawing.extend(events.iter().map(|event| point(&pad, event))),
            });
        }
    };
    let up = move |_: ev::PointerEvent| {
        let stroke = drawing.get_untracked();
        if !stroke.is_empty() {
            drawing.set(Stroke::new());
            on_stroke.run(stroke);
        }
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
                <svg class="sign__ink" viewBox="0 0 960 400" aria-hidden="true">
                    <path d=move || strokes.with(|strokes| ink_path(strokes))></path>
                    <path d=move || drawing.with(|drawing| ink_path(std::slice::from_ref(drawing)))></path>
                </svg>
                <span class="sign__line" id=label_id.clone()>{move || label.get()}</span>
            </div>
            <div class="sign__foot">
                <Button kind=ButtonKind::Text icon=Icon::Undo label=again_label on_press=on_again/>
                {children.map(|children| children())}
            </div>
        </div>
    }
}

/// Between two frames a pen says several times where it is; older browsers say it once.
fn coalesced(event: &ev::PointerEvent) -> Vec<ev::PointerEvent> {
    let known = js_sys::Reflect::has(event, &"getCoalescedEvents".into()).unwrap_or(false);
    if !known {
        return Vec::new();
    }
    event.get_coalesced_events().iter().filter_map(|event| event.dyn_into().ok()).collect()
}

/// Where a pen is, in the box. The drawing keeps its shape and sits in the middle of the pad, as `xMidYMid meet` does.
fn point(pad: &web_sys::Element, event: &ev::PointerEvent) -> (i32, i32) {
    let place = pad.get_bounding_client_rect();
    let (wide, high) = (place.width().max(1.0), place.height().max(1.0));
    let scale = (wide / f64::from(BOX.0)).min(high / f64::from(BOX.1));
    let on = |at: i32, begins: f64, length: f64, side: i32| {
        (((f64::from(at) - begins) - (length - f64::from(side) * scale) / 2.0) / scale).round() as i32
    };
    (
        on(event.client_x(), place.left(), wide, BOX.0).clamp(0, BOX.0),
        on(event.client_y(), place.top(), high, BOX.1).clamp(0, BOX.1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_become_a_path_with_rounded_corners() {
        let strokes = vec![vec![(10, 20)], vec![(0, 0), (10, 0)], vec![(0, 0), (10, 0), (20, 20), (30, 40)]];
        assert_eq!(ink_path(&strokes), "M10 20l0 0M0 0L10 0M0 0Q10 0 15 10Q20 20 25 30L30 40");
        assert_eq!(ink_path(&[]), "");
        assert_eq!(ink_path(&[vec![]]), "");
    }

    #[test]
    fn a_drawing_fills_its_place() {
        assert_eq!(around(&[vec![(100, 50), (300, 80)], vec![(120, 20)]]), "84 4 232 92");
        assert_eq!(around(&[]), "-16 -16 992 432");
    }
}
