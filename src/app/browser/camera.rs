//! What a QR code before the camera says. Where the browser reads codes by itself (`BarcodeDetector`) it does; elsewhere, as
//! on every iPad, a worker of ours does.

use js_sys::{Array, Promise, Reflect, Uint8ClampedArray};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::Element;

use super::{
    clock,
    seal::object,
    worker::{Beside, WorkerError},
};

#[wasm_bindgen]
extern "C" {
    type BarcodeDetector;
    #[wasm_bindgen(constructor, catch)]
    fn new(options: &JsValue) -> Result<BarcodeDetector, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn detect(this: &BarcodeDetector, source: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(js_namespace = ["navigator", "mediaDevices"], js_name = getUserMedia, catch)]
    fn get_user_media(wish: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(extends = Element)]
    type Video;
    #[wasm_bindgen(method, getter, js_name = videoWidth)]
    fn width(this: &Video) -> u32;
    #[wasm_bindgen(method, getter, js_name = videoHeight)]
    fn height(this: &Video) -> u32;

    #[wasm_bindgen(extends = Element)]
    type Canvas;
    #[wasm_bindgen(method, setter, js_name = width)]
    fn set_width(this: &Canvas, width: u32);
    #[wasm_bindgen(method, setter, js_name = height)]
    fn set_height(this: &Canvas, height: u32);
    #[wasm_bindgen(method, js_name = getContext)]
    fn context(this: &Canvas, kind: &str, options: &JsValue) -> Option<Brush>;

    type Brush;
    #[wasm_bindgen(method, js_name = drawImage, catch)]
    fn draw(this: &Brush, picture: &Video, x: u32, y: u32, width: u32, height: u32) -> Result<(), JsValue>;
    #[wasm_bindgen(method, js_name = getImageData, catch)]
    fn picture(this: &Brush, x: u32, y: u32, width: u32, height: u32) -> Result<Drawn, JsValue>;

    type Drawn;
    #[wasm_bindgen(method, getter)]
    fn data(this: &Drawn) -> Uint8ClampedArray;
}

/// Between two looks: a hand that holds a code still is not faster.
const GLANCE_MS: i64 = 120;
/// The longer side of the picture, in pixels: a pass that fills a quarter of it has four for each of its squares, and the
/// worker's reader wants as many.
const SIDE: u32 = 1_280;

/// Why the camera shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CameraError {
    /// There is none, another program has it, or the person said no.
    #[error("no camera")]
    None,
}

/// Whether this browser hands out a camera at all: only to a page that came safely.
#[must_use]
pub fn is_there() -> bool {
    let navigator = web_sys::window().map(|window| window.navigator());
    navigator.and_then(|navigator| Reflect::has(&navigator, &"mediaDevices".into()).ok()).unwrap_or(false)
}

/// The camera, off again when this is dropped.
struct Camera(JsValue);

impl Drop for Camera {
    fn drop(&mut self) {
        let tracks = call(&self.0, "getTracks").map(|tracks| Array::from(&tracks)).unwrap_or_default();
        tracks.iter().for_each(|track| drop(call(&track, "stop")));
    }
}

/// Who reads the picture.
enum Reader {
    Browser(BarcodeDetector),
    Ours { worker: Beside, canvas: Canvas },
}

impl Reader {
    fn new() -> Option<Self> {
        let formats = Array::of1(&"qr_code".into());
        let has_own = Reflect::has(&js_sys::global(), &"BarcodeDetector".into()).unwrap_or(false);
        // Some have it and know no such code.
        let own = has_own.then(|| BarcodeDetector::new(&object(&[("formats", formats.into())])).ok()).flatten();
        if let Some(own) = own {
            return Some(Self::Browser(own));
        }
        let canvas = web_sys::window()?.document()?.create_element("canvas").ok()?.unchecked_into();
        Some(Self::Ours { worker: Beside::start("scan").ok()?, canvas })
    }

    /// What a code in the picture says. A picture that is not there yet is no fault.
    async fn read(&self, video: &Element) -> Result<Option<String>, WorkerError> {
        let text = match self {
            Self::Browser(own) => {
                let found = match own.detect(video) {
                    Ok(found) => JsFuture::from(found).await.map(|found| Array::from(&found)).unwrap_or_default(),
                    Err(_) => Array::new(),
                };
                Reflect::get(&found.get(0), &"rawValue".into()).ok()
            }
            Self::Ours { worker, canvas } => match pixels(video.unchecked_ref(), canvas) {
                Some((width, height, pixels)) => {
                    let message =
                        [("width", width.into()), ("height", height.into()), ("pixels", pixels.clone().into())];
                    Some(worker.ask(&object(&message), &Array::of1(&pixels.buffer())).await?)
                }
                None => None,
            },
        };
        Ok(text.and_then(|text| text.as_string()).filter(|text| !text.is_empty()))
    }
}

/// The picture as it is now, no larger than it has to be.
fn pixels(video: &Video, canvas: &Canvas) -> Option<(u32, u32, Uint8ClampedArray)> {
    let (width, height) = (video.width(), video.height());
    let side = width.max(height);
    if width == 0 || height == 0 {
        return None;
    }
    let shown = side.min(SIDE);
    let (width, height) = ((width * shown / side).max(1), (height * shown / side).max(1));
    canvas.set_width(width);
    canvas.set_height(height);
    let brush = canvas.context("2d", &object(&[("willReadFrequently", true.into())]))?;
    brush.draw(video, 0, 0, width, height).ok()?;
    Some((width, height, brush.picture(0, 0, width, height).ok()?.data()))
}

/// Shows the camera in a video element and gives the first code before it; `None` once nobody waits any more.
///
/// # Errors
/// [`CameraError`]
pub async fn read_code(video: &Element, waits: impl Fn() -> bool) -> Result<Option<String>, CameraError> {
    let fine = object(&[("ideal", SIDE.into())]);
    let wish = object(&[("video", object(&[("facingMode", "environment".into()), ("width", fine)]))]);
    let stream = get_user_media(&wish).map_err(|_| CameraError::None)?;
    let camera = Camera(JsFuture::from(stream).await.map_err(|_| CameraError::None)?);
    let reader = Reader::new().ok_or(CameraError::None)?;
    let _ = Reflect::set(video, &"srcObject".into(), &camera.0);
    if let Ok(playing) = call(video, "play") {
        let _ = JsFuture::from(Promise::resolve(&playing)).await;
    }
    while waits() {
        if let Some(text) = reader.read(video).await.map_err(|_| CameraError::None)? {
            return Ok(Some(text));
        }
        clock::wait_until(clock::now().plus(GLANCE_MS)).await;
    }
    Ok(None)
}

fn call(of: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    Reflect::get(of, &name.into())?.unchecked_into::<js_sys::Function>().call0(of)
}
