//! The key that a PIN gives, reckoned in a worker so that the page stays alive meanwhile.

use js_sys::{Array, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsCast;

use super::{
    seal::{forget, object},
    worker::{Beside, WorkerError},
};

/// How hard it is to try PINs: Argon2id's parameters, kept beside what they sealed so that they can grow.
///
/// The floor is the OWASP Password Storage Cheat Sheet's: Argon2id with at least 19 MiB, 2 passes, 1 lane. Ours is
/// three times that work. Measured in headless Chromium on a machine of two cores, start of the worker included:
/// 370 ms of processor time for ours, 160 ms for the floor, 530 ms for 64 MiB and 3 passes; the page's longest
/// pause meanwhile was 24 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardness {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Hardness {
    pub const OWASP_FLOOR: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
    pub const TODAY: Self = Self { memory_kib: 64 * 1024, passes: 2, lanes: 1 };
}

/// Reckons the 32 bytes that seal a person's keys. `pin` is overwritten.
///
/// # Errors
/// [`WorkerError`]
pub async fn derive(salt: &[u8], mut pin: Vec<u8>, hardness: Hardness) -> Result<Vec<u8>, WorkerError> {
    let typed = Uint8Array::from(pin.as_slice());
    forget(&mut pin);
    let message = object(&[
        ("salt", Uint8Array::from(salt).into()),
        ("pin", typed.clone().into()),
        ("memory", hardness.memory_kib.into()),
        ("passes", hardness.passes.into()),
        ("lanes", hardness.lanes.into()),
    ]);
    let key = Beside::start("unlock")?.ask(&message, &Array::of1(&typed.buffer())).await?;
    match key.dyn_ref::<Uint8Array>() {
        Some(key) => Ok(key.to_vec()),
        None => Err(WorkerError { detail: key.as_string().unwrap_or_default() }),
    }
}
