//! What drawing promises, on a real page: `wasm-bindgen-test` runs this in a browser.

use std::{cell::RefCell, rc::Rc};

use leptos::{
    prelude::*,
    reactive::owner::Owner,
    task::tick,
    wasm_bindgen::JsCast,
    web_sys::{Element, Event, HtmlElement, HtmlInputElement},
};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

use super::{
    View,
    draw::Drawn,
    prelude::{keyed, shown, view},
};

wasm_bindgen_test_configure!(run_in_browser);

/// A place on the page with something drawn in it; dropping it ends what was drawn.
struct Place {
    owner: Owner,
    drawn: Drawn,
    root: Element,
}

impl Place {
    fn new(view: impl FnOnce() -> View) -> Self {
        let _ = any_spawner::Executor::init_wasm_bindgen();
        let root = document().create_element("div").unwrap();
        document().body().unwrap().append_child(&root).unwrap();
        let owner = Owner::new();
        let drawn = owner.with(|| view().draw());
        drawn.insert(&root, None);
        Self { owner, drawn, root }
    }

    fn find(&self, selector: &str) -> Element {
        self.root.query_selector(selector).unwrap().expect("it is on the page")
    }

    fn text(&self) -> String {
        self.root.text_content().unwrap_or_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.drawn.remove();
        self.owner.cleanup();
        self.root.remove();
    }
}

#[wasm_bindgen_test]
async fn a_closure_runs_again_when_what_it_read_has_changed() {
    let name = RwSignal::new("王".to_owned());
    let place = Place::new(|| view! { <p title=move || name.get()>"客人 " {move || name.get()}</p> });
    assert_eq!(place.text(), "客人 王");
    name.set("李".into());
    tick().await;
    assert_eq!(place.text(), "客人 李");
    assert_eq!(place.find("p").get_attribute("title").as_deref(), Some("李"));
}

#[wasm_bindgen_test]
async fn an_element_of_the_same_markup_stays_with_what_was_typed_in_it() {
    let count = RwSignal::new(1);
    let place = Place::new(|| {
        view! { <div>{move || { let count = count.get(); view! { <label>{count}<input/></label> } }}</div> }
    });
    let before = place.find("input");
    before.unchecked_ref::<HtmlInputElement>().set_value("half");
    count.set(2);
    tick().await;
    assert_eq!(place.text(), "2");
    assert_eq!(place.find("input"), before);
    assert_eq!(before.unchecked_ref::<HtmlInputElement>().value(), "half");
}

#[wasm_bindgen_test]
async fn an_element_of_other_markup_takes_its_place() {
    let on = RwSignal::new(true);
    let place = Place::new(|| {
        view! { <div>{move || if on.get() { view! { <p class="a">"a"</p> } } else { view! { <p>"b"</p> } }}"." </div> }
    });
    let before = place.find("p");
    on.set(false);
    tick().await;
    assert_ne!(place.find("p"), before);
    assert_eq!(place.find("p").get_attribute("class"), None);
    assert_eq!(place.text(), "b.");
}

#[wasm_bindgen_test]
async fn what_is_absent_is_taken_away_and_comes_back_in_its_place() {
    let there = RwSignal::new(true);
    let flag = RwSignal::new(true);
    let place = Place::new(|| {
        view! {
            <p class="p" class:on=move || flag.get() hidden=move || flag.get() style:--done="3">
                "1" {shown(move || there.get(), || view! { <b>"2"</b> })} {move || there.get().then_some("3")} "4"
            </p>
        }
    });
    let p = place.find("p");
    assert_eq!((p.class_name().as_str(), p.has_attribute("hidden")), ("p on", true));
    assert_eq!(p.unchecked_ref::<HtmlElement>().style().get_property_value("--done").unwrap(), "3");
    there.set(false);
    flag.set(false);
    tick().await;
    assert_eq!(place.text(), "14");
    assert_eq!((p.class_name().as_str(), p.has_attribute("hidden")), ("p", false));
    there.set(true);
    tick().await;
    assert_eq!(place.text(), "1234");
}

#[wasm_bindgen_test]
async fn rows_keep_their_nodes_when_the_order_changes() {
    let rows = RwSignal::new(vec![1, 2, 3, 4]);
    let place = Place::new(|| {
        view! { <ul>{keyed(move || rows.get(), |row| *row, |row: i32| view! { <li id=format!("row-{row}")>{row}</li> })}</ul> }
    });
    let second = place.find("#row-2");
    for order in [vec![4, 2, 1], vec![2, 5, 4, 1, 3], vec![], vec![1, 2]] {
        rows.set(order.clone());
        tick().await;
        assert_eq!(place.text(), order.iter().map(ToString::to_string).collect::<String>());
        if order.contains(&5) {
            assert_eq!(place.find("#row-2"), second);
        }
    }
}

#[wasm_bindgen_test]
async fn what_lies_deep_in_what_is_gone_does_not_run_once_more() {
    let (is_gone, heard) = (RwSignal::new(false), RwSignal::new(0));
    let late = Rc::new(RefCell::new(0));
    let told = late.clone();
    let place = Place::new(move || {
        let told = StoredValue::new_local(told.clone());
        view! {
            <div>
                {move || {
                    if is_gone.get() {
                        return View::Nothing;
                    }
                    // What the outermost closure makes goes with it, and the innermost reads it.
                    let typed = RwSignal::new("x");
                    let innermost = move || {
                        heard.track();
                        let is_late = typed.try_get().is_none();
                        told.with_value(|told| *told.borrow_mut() += i32::from(is_late));
                        "x"
                    };
                    shown(|| true, move || view! { <p>{innermost}</p> })
                }}
            </div>
        }
    });
    assert_eq!(place.text(), "x");
    // From here on each effect waits for its own signals, and they run in the order in which those change.
    tick().await;
    is_gone.set(true);
    heard.set(1);
    for _ in 0..5 {
        tick().await;
    }
    assert_eq!(*late.borrow(), 0, "an effect ran over a signal that was gone");
    assert_eq!(place.text(), "");
}

#[wasm_bindgen_test]
async fn what_a_row_made_ends_with_the_row_and_no_sooner() {
    let ended = Rc::new(RefCell::new(Vec::new()));
    let rows = RwSignal::new(vec![1, 2]);
    let told = ended.clone();
    let place = Place::new(move || {
        let row = move |row: i32| {
            let told = StoredValue::new_local(told.clone());
            on_cleanup(move || told.with_value(|told| told.borrow_mut().push(row)));
            view! { <li>{row}</li> }
        };
        view! { <ul>{keyed(move || rows.get(), |row| *row, row)}</ul> }
    });
    rows.set(vec![2, 3]);
    tick().await;
    assert_eq!(*ended.borrow(), [1]);
    drop(place);
}

#[wasm_bindgen_test]
fn a_listener_hears_and_is_gone_with_its_element() {
    let heard = RwSignal::new(0);
    let place = Place::new(|| view! { <button on:click=move |_| heard.update(|heard| *heard += 1)>"x"</button> });
    let button = place.find("button");
    let click = || button.dispatch_event(&Event::new("click").unwrap()).unwrap();
    click();
    drop(place);
    click();
    assert_eq!(heard.get_untracked(), 1);
}

#[wasm_bindgen_test]
async fn a_field_is_written_only_where_it_differs() {
    let typed = RwSignal::new(String::new());
    let place = Place::new(|| view! { <input prop:value=move || typed.get()/> });
    let input: HtmlInputElement = place.find("input").unchecked_into();
    input.set_value("王女士");
    input.set_selection_range(1, 1).unwrap();
    typed.set("王女士".into());
    tick().await;
    assert_eq!(input.selection_start().unwrap(), Some(1));
    typed.set("李".into());
    tick().await;
    assert_eq!(input.value(), "李");
}
