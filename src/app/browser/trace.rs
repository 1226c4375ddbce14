//! What the client says about itself, to the browser's console. A line reads alone and names no one.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = info)]
    fn console_info(line: &str);
    #[wasm_bindgen(js_namespace = console, js_name = warn)]
    fn console_warn(line: &str);
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(line: &str);
}

/// Something was done.
pub fn info(line: &str) {
    console_info(line);
}

/// Something did not go as it should, and is being dealt with.
pub fn warn(line: &str) {
    console_warn(line);
}

/// Somebody should look.
pub fn error(line: &str) {
    console_error(line);
}
