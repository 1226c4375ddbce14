//! A list of any length: only the rows in sight are on the page.

use super::Text;
use crate::view::prelude::*;
use leptos::ev;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;
use std::ops::Range;

/// Rows kept ready above and below those in sight, so that a flick shows no gap.
const SPARE_ROWS: usize = 6;

/// Which rows are on the page when the list is scrolled to `top` and `height` of it is in sight, all in pixels.
fn rows_in_sight(top: f64, height: f64, row_px: f64, count: usize) -> Range<usize> {
    let first = (top.max(0.0) / row_px).floor() as usize;
    let past = ((top.max(0.0) + height) / row_px).ceil() as usize;
    let end = past.saturating_add(SPARE_ROWS).min(count);
    first.saturating_sub(SPARE_ROWS).min(end)..end
}

/// Where to scroll so that row `at` is wholly in sight; as little as possible.
fn scrolled_to(at: usize, top: f64, height: f64, row_px: f64) -> f64 {
    let from = at as f64 * row_px;
    if from < top {
        from
    } else if from + row_px > top + height {
        from + row_px - height
    } else {
        top
    }
}

/// A list that fills its place and scrolls in it. A row is drawn once for its index: what may change in it is read
/// inside a closure, and when the whole order changes, `about` does too.
///
/// Arrows, `j`, `k`, Home, End and the page keys move the focus.
#[component]
pub fn VirtualList(
    #[prop(into)] count: Signal<usize>,
    /// The height of every row: 80 a person, 72 a task, 88 a case.
    #[prop(into)]
    row_px: u32,
    /// What the list holds, for screen readers.
    #[prop(into)]
    label: Text,
    /// Draws row `index`; its first button or link takes the focus.
    #[prop(into)]
    row: Callback<usize, View>,
    /// Changes when the rows mean something else, such as after a search: the list starts at its top.
    #[prop(optional, into)]
    about: Text,
    /// Brought into sight when the list appears and when it changes.
    #[prop(optional, into)]
    present: Signal<Option<usize>>,
) -> impl IntoView {
    let whole_px = row_px.max(1) as usize;
    let row_px = f64::from(row_px.max(1));
    let list = NodeRef::<leptos::html::Div>::new();
    let top = RwSignal::new(0.0_f64);
    let height = RwSignal::new(0.0_f64);
    let measure = move || {
        if let Some(list) = list.get_untracked() {
            height.set(f64::from(list.client_height()));
            top.set(f64::from(list.scroll_top()));
        }
    };
    let scroll_to = move |to: f64| {
        if let Some(list) = list.get_untracked() {
            list.set_scroll_top(to as i32);
            measure();
        }
    };
    Effect::new(move |_| {
        if list.get().is_some() {
            request_animation_frame(measure);
        }
    });
    let resized = window_event_listener(ev::resize, move |_| measure());
    on_cleanup(move || resized.remove());
    Effect::new(move |seen: Option<String>| {
        let about = about.get();
        if seen.is_some_and(|seen| seen != about) {
            scroll_to(0.0);
        }
        about
    });
    Effect::new(move |_| {
        if let Some(at) = present.get()
            && list.get().is_some()
        {
            request_animation_frame(move || {
                measure();
                scroll_to(scrolled_to(at, top.get_untracked(), height.get_untracked(), row_px));
            });
        }
    });

    let sight = Memo::new(move |_| rows_in_sight(top.get(), height.get(), row_px, count.get()));
    let focus_row = move |at: usize| {
        scroll_to(scrolled_to(at, top.get_untracked(), height.get_untracked(), row_px));
        request_animation_frame(move || {
            let found = list
                .get_untracked()
                .and_then(|list| list.query_selector(&format!("[data-index=\"{at}\"] :is(button, a)")).ok().flatten())
                .and_then(|found| found.dyn_into::<web_sys::HtmlElement>().ok());
            if let Some(found) = found {
                let _ = found.focus();
            }
        });
    };
    let keys = move |event: ev::KeyboardEvent| {
        let held = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
            .and_then(|element| element.closest("[data-index]").ok().flatten())
            .and_then(|row| row.get_attribute("data-index"))
            .and_then(|index| index.parse::<usize>().ok());
        let Some(last) = count.get_untracked().checked_sub(1) else { return };
        let page = (height.get_untracked() / row_px).floor().max(1.0) as usize;
        let at = held.unwrap_or_else(|| sight.get_untracked().start);
        let next = match event.key().as_str() {
            "ArrowDown" | "j" => held.map_or(0, |at| at + 1),
            "ArrowUp" | "k" => at.saturating_sub(1),
            "PageDown" => at + page,
            "PageUp" => at.saturating_sub(page),
            "Home" => 0,
            "End" => last,
            _ => return,
        };
        event.prevent_default();
        focus_row(next.min(last));
    };
    let row_view = move |index: usize| {
        view! {
            <div
                class="virtual__row"
                role="listitem"
                data-index=index
                aria-posinset=index + 1
                aria-setsize=move || count.get()
                style:--row-top=format!("{}px", index * whole_px)
            >
                {row.run(index)}
            </div>
        }
    };
    view! {
        <div
            node_ref=list
            class="virtual"
            role="list"
            tabindex="-1"
            aria-label=move || label.get()
            on:scroll=move |_| measure()
            on:keydown=keys
            style:--row-size=format!("{whole_px}px")
        >
            <div class="virtual__whole" role="presentation" style:--whole=move || format!("{}px", count.get() * whole_px)>
                {keyed(move || sight.get().collect(), move |index| (*index, about.get_untracked()), row_view)}
            </div>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::{rows_in_sight, scrolled_to};

    #[test]
    fn a_hundred_thousand_rows_cost_no_more_than_a_screenful() {
        assert_eq!(rows_in_sight(0.0, 800.0, 80.0, 100_000), 0..16);
        assert_eq!(rows_in_sight(4_000_000.0, 800.0, 80.0, 100_000), 49_994..50_016);
        assert_eq!(rows_in_sight(7_999_200.0, 800.0, 80.0, 100_000), 99_984..100_000);
    }

    #[test]
    fn a_list_that_became_shorter_shows_what_is_left() {
        assert_eq!(rows_in_sight(4_000.0, 800.0, 80.0, 3), 3..3);
        assert_eq!(rows_in_sight(0.0, 800.0, 80.0, 0), 0..0);
    }

    #[test]
    fn scrolling_to_a_row_moves_as_little_as_possible() {
        assert_eq!(scrolled_to(3, 0.0, 800.0, 80.0), 0.0);
        assert_eq!(scrolled_to(10, 0.0, 800.0, 80.0), 80.0);
        assert_eq!(scrolled_to(0, 160.0, 800.0, 80.0), 0.0);
    }
}
