//! A worker's side of the talk with the page: a message in, an answer out. Each worker is a program of its own and takes
//! this in.

use wasm_bindgen::{JsCast, prelude::*};

#[wasm_bindgen]
extern "C" {
    type Message;
    #[wasm_bindgen(method, getter)]
    fn data(this: &Message) -> JsValue;

    type Worker;
    #[wasm_bindgen(thread_local_v2, js_name = self)]
    static SELF: Worker;
    #[wasm_bindgen(method, setter, js_name = onmessage)]
    fn set_onmessage(this: &Worker, listener: &JsValue);
    #[wasm_bindgen(method, js_name = postMessage)]
    fn post(this: &Worker, answer: &JsValue);
}

/// Answers every message, one after the other.
pub fn answers<A: JsCast>(answer: impl Fn(A) -> JsValue + 'static) {
    let listener = Closure::<dyn FnMut(Message)>::new(move |message: Message| {
        let answer = answer(message.data().unchecked_into());
        SELF.with(|worker| worker.post(&answer));
    });
    SELF.with(|worker| worker.set_onmessage(&listener.into_js_value()));
}
