//! Pictures before they are kept: scaled down by the browser, which also leaves behind what a camera writes beside them,
//! such as where it stood. And addresses under which the page shows bytes that lie nowhere else.

use js_sys::{Array, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File, Url};
use yingke_core::{blob::BLOB_BYTES_MAX, journal::AppendError};

use super::seal::object;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = createImageBitmap, catch)]
    fn create_image_bitmap(file: &File) -> Result<Promise, JsValue>;
    type OffscreenCanvas;
    #[wasm_bindgen(constructor, catch)]
    fn new(width: u32, height: u32) -> Result<OffscreenCanvas, JsValue>;
    #[wasm_bindgen(method, js_name = getContext)]
    fn get_context(this: &OffscreenCanvas, kind: &str) -> Context;
    #[wasm_bindgen(method, js_name = convertToBlob, catch)]
    fn convert_to_blob(this: &OffscreenCanvas, options: &JsValue) -> Result<Promise, JsValue>;
    type Context;
    #[wasm_bindgen(method, setter, js_name = fillStyle)]
    fn set_fill_style(this: &Context, style: &str);
    #[wasm_bindgen(method, js_name = fillRect)]
    fn fill_rect(this: &Context, x: u32, y: u32, width: u32, height: u32);
    #[wasm_bindgen(method, js_name = drawImage, catch)]
    fn draw_image(this: &Context, image: &JsValue, x: u32, y: u32, width: u32, height: u32) -> Result<(), JsValue>;
}

/// Pixels of the longer side: a page of small print can still be read.
const SIDE_MAX: f64 = 1_600.0;
/// Bytes of a file that is decoded: no camera of a tablet makes larger ones.
const FILE_BYTES_MAX: f64 = 40e6;
/// How well a JPEG is kept, of 1. The second is for what is too large with the first.
const QUALITIES: [f64; 2] = [0.82, 0.5];

/// Why a picture was not taken. What was there before is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// The browser does not read it as a picture.
    #[error("no picture")]
    NoPicture,
    #[error("too large")]
    TooLarge,
    #[error(transparent)]
    Storage(#[from] AppendError),
}

/// A picture as a JPEG of 1,600 pixels at most, turned as it was taken.
///
/// # Errors
/// [`PictureError::NoPicture`], [`PictureError::TooLarge`]
pub async fn scaled(file: &File) -> Result<Vec<u8>, PictureError> {
    if file.size() > FILE_BYTES_MAX {
        return Err(PictureError::TooLarge);
    }
    let no_picture = |_: JsValue| PictureError::NoPicture;
    let image = JsFuture::from(create_image_bitmap(file).map_err(no_picture)?).await.map_err(no_picture)?;
    let side = |name: &str| Reflect::get(&image, &name.into()).ok().and_then(|side| side.as_f64()).unwrap_or(1.0);
    let (width, height) = fitted(side("width"), side("height"));
    let canvas = OffscreenCanvas::new(width, height).map_err(no_picture)?;
    let context = canvas.get_context("2d");
    // What shows through in a drawing is white on paper.
    context.set_fill_style("#fff");
    context.fill_rect(0, 0, width, height);
    context.draw_image(&image, 0, 0, width, height).map_err(no_picture)?;
    for quality in QUALITIES {
        let options = object(&[("type", "image/jpeg".into()), ("quality", quality.into())]);
        let blob = JsFuture::from(canvas.convert_to_blob(&options).map_err(no_picture)?).await.map_err(no_picture)?;
        let blob: Blob = blob.unchecked_into();
        if blob.size() <= BLOB_BYTES_MAX as f64 {
            let bytes = JsFuture::from(blob.array_buffer()).await.map_err(no_picture)?;
            return Ok(Uint8Array::new(&bytes).to_vec());
        }
    }
    Err(PictureError::TooLarge)
}

/// Width and height that fit into [`SIDE_MAX`]; small ones stay as they are.
fn fitted(width: f64, height: f64) -> (u32, u32) {
    let share = (SIDE_MAX / width.max(height)).min(1.0);
    let side = |pixels: f64| (pixels * share).round().max(1.0) as u32;
    (side(width), side(height))
}

/// An address for these bytes, until it is let go.
#[must_use]
pub fn address(bytes: &[u8]) -> Option<String> {
    let blob = Blob::new_with_u8_array_sequence(&Array::of1(&Uint8Array::from(bytes))).ok()?;
    Url::create_object_url_with_blob(&blob).ok()
}

/// Nothing shows these bytes any more.
pub fn let_go(address: &str) {
    let _ = Url::revoke_object_url(address);
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_fits_and_small_ones_stay() {
        assert_eq!(fitted(4_032.0, 3_024.0), (1_600, 1_200));
        assert_eq!(fitted(3_024.0, 4_032.0), (1_200, 1_600));
        assert_eq!(fitted(640.0, 480.0), (640, 480));
        assert_eq!(fitted(100_000.0, 10.0), (1_600, 1));
    }
}
