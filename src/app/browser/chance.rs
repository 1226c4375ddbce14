//! Chance from the web's crypto: for ids, salts, nonces and keys.

use wasm_bindgen::prelude::*;
use yingke_core::chance::Chance;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn get_random_values(bytes: &mut [u8]);
}

/// The most that the browser fills at a time.
const FILL_BYTES_MAX: usize = 65_536;

/// The browser's source of random bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Web;

impl Chance for Web {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.chunks_mut(FILL_BYTES_MAX).for_each(get_random_values);
    }
}

/// As many random bytes as the place asks for.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    Web.fill(&mut bytes);
    bytes
}
