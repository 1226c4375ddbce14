//! What the browser's build judges is what the native one judges, byte for byte. Run by `cargo xtask test contract`.

use wasm_bindgen_test::wasm_bindgen_test;
use yingke_core::drill::{ACTIONS, Drill, SEED, STRETCH_ACTIONS};

/// What the native build made of it in this very run: a hash after each stretch.
const NATIVELY: Option<&str> = option_env!("YINGKE_DRILL");

#[wasm_bindgen_test]
fn a_hundred_thousand_actions_are_judged_as_natively() {
    let natively: Vec<&str> = NATIVELY.expect("cargo xtask test contract says it").split(' ').collect();
    assert_eq!(natively.len(), ACTIONS / STRETCH_ACTIONS);
    let mut drill = Drill::new(SEED);
    for (stretch, natively) in natively.into_iter().enumerate() {
        let before = stretch * STRETCH_ACTIONS;
        assert_eq!(drill.stretch(), natively, "after action {before}");
    }
}
