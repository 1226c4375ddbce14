//! Codes before the camera, where the browser reads them by itself (`BarcodeDetector`). Elsewhere a code is typed, or a
//! scanner types it: a reader of our own would cost a first visit more than it spares the desk.

use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::Element;

use super::{clock, seal::object};

#[wasm_bindgen]
extern "C" {
    type BarcodeDetector;
    #[wasm_bindgen(constructor, catch)]
    fn new(options: &JsValue) -> Result<BarcodeDetector, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn detect(this: &BarcodeDetector, source: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["navigator", "mediaDevices"], js_name = getUserMedia, catch)]
    fn get_user_media(wish: &JsValue) -> Result<Promise, JsValue>;
}

/// Between two looks: a hand that holds a code still is not faster.
const GLANCE_MS: i64 = 120;

/// Why the camera shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CameraError {
    /// There is none, another program has it, or the person said no.
    #[error("no camera")]
    None,
}

/// Whether this browser reads codes.
#[must_use]
pub fn reads_codes() -> bool {
    Reflect::has(&js_sys::global(), &"BarcodeDetector".into()).unwrap_or(false)
}

/// The camera, off again when this is dropped.
struct Camera(JsValue);

impl Drop for Camera {
    fn drop(&mut self) {
        let tracks = call(&self.0, "getTracks").map(|tracks| Array::from(&tracks)).unwrap_or_default();
        tracks.iter().for_each(|track| drop(call(&track, "stop")));
    }
}

/// Shows the camera in a video element and gives the first code before it; `None` once nobody waits any more.
///
/// # Errors
/// [`CameraError`]
pub async fn read_code(video: &Element, waits: impl Fn() -> bool) -> Result<Option<String>, CameraError> {
    let wish = object(&[("video", object(&[("facingMode", "environment".into())]))]);
    let stream = get_user_media(&wish).map_err(|_| CameraError::None)?;
    let camera = Camera(JsFuture::from(stream).await.map_err(|_| CameraError::None)?);
    let formats = Array::of1(&"qr_code".into());
    let detector = BarcodeDetector::new(&object(&[("formats", formats.into())])).map_err(|_| CameraError::None)?;
    let _ = Reflect::set(video, &"srcObject".into(), &camera.0);
    if let Ok(playing) = call(video, "play") {
        let _ = JsFuture::from(Promise::resolve(&playing)).await;
    }
    while waits() {
        // A picture that is not there yet is no fault.
        let found = match detector.detect(video) {
            Ok(found) => JsFuture::from(found).await.map(|found| Array::from(&found)).unwrap_or_default(),
            Err(_) => Array::new(),
        };
        let text = Reflect::get(&found.get(0), &"rawValue".into()).ok().and_then(|text| text.as_string());
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            return Ok(Some(text));
        }
        clock::wait_until(clock::now().plus(GLANCE_MS)).await;
    }
    Ok(None)
}

fn call(of: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    Reflect::get(of, &name.into())?.unchecked_into::<js_sys::Function>().call0(of)
}
