//! A worker of its own, for one thing: Argon2id of a PIN takes long enough to be felt, and the page must not feel it.
//!
//! In: `{ salt, pin, memory, passes, lanes }`. Out: 32 bytes, or a text that says what was wrong. The page ends the
//! worker after each answer (`browser/unlock.rs`).

mod worker_port;

use argon2::{Algorithm, Argon2, Params, Version};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    type Asked;
    #[wasm_bindgen(method, getter)]
    fn salt(this: &Asked) -> Vec<u8>;
    #[wasm_bindgen(method, getter)]
    fn pin(this: &Asked) -> Vec<u8>;
    #[wasm_bindgen(method, getter)]
    fn memory(this: &Asked) -> u32;
    #[wasm_bindgen(method, getter)]
    fn passes(this: &Asked) -> u32;
    #[wasm_bindgen(method, getter)]
    fn lanes(this: &Asked) -> u32;

    #[wasm_bindgen(js_name = Uint8Array)]
    type Bytes;
    #[wasm_bindgen(constructor, js_class = "Uint8Array")]
    fn copy_of(bytes: &[u8]) -> Bytes;
}

fn main() {
    worker_port::answers(|asked: Asked| {
        let mut pin = asked.pin();
        let key = derive(&asked.salt(), &pin, asked.memory(), asked.passes(), asked.lanes());
        pin.fill(0);
        std::hint::black_box(&pin);
        match key {
            Ok(key) => Bytes::copy_of(&key).into(),
            Err(_) => "parameters out of range".into(),
        }
    });
}

fn derive(salt: &[u8], pin: &[u8], memory_kib: u32, passes: u32, lanes: u32) -> argon2::Result<[u8; 32]> {
    let parameters = Params::new(memory_kib, passes, lanes, Some(32))?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters).hash_password_into(pin, salt, &mut key)?;
    Ok(key)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    /// Source: the reference implementation's test vectors (phc-winner-argon2, `src/test.c`), Argon2id, version 0x13.
    #[test]
    fn the_key_is_the_one_of_the_reference() {
        let key = derive(b"somesalt", b"password", 65_536, 2, 1).unwrap();
        assert_eq!(key[..4], [0x09, 0x31, 0x61, 0x15]);
    }
}
