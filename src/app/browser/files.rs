//! Files that leave the tablet and come to it by a person's hand: the share sheet, a download, the file picker.

use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, FilePropertyBag, HtmlAnchorElement, Url};

use super::clock;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = navigator, catch)]
    fn share(what: &JsValue) -> Result<js_sys::Promise, JsValue>;
    #[wasm_bindgen(js_namespace = navigator, js_name = canShare, catch)]
    fn can_share(what: &JsValue) -> Result<bool, JsValue>;
}

/// How long a download may take to begin.
const DOWNLOAD_MS: i64 = 60_000;

const TEXT: &str = "text/plain";

/// Whether this browser has a share sheet that takes a text file.
#[must_use]
pub fn shares_text() -> bool {
    file_of("a.txt", TEXT, &[]).is_some_and(|file| can_share(&shared(&file)).unwrap_or(false))
}

/// Opens the share sheet; whether the file was handed to something. Needs a tap a moment before.
pub async fn share_text(name: &str, text: &str) -> bool {
    let Some(file) = file_of(name, TEXT, text.as_bytes()) else { return false };
    match share(&shared(&file)) {
        Ok(promise) => JsFuture::from(promise).await.is_ok(),
        Err(_) => false,
    }
}

/// Begins a download of a text; whether the browser took it.
pub fn download_text(name: &str, text: &str) -> bool {
    download(name, TEXT, text.as_bytes())
}

/// Begins a download; whether the browser took it.
pub fn download(name: &str, media: &str, bytes: &[u8]) -> bool {
    let started = || -> Option<String> {
        let file = file_of(name, media, bytes)?;
        let url = Url::create_object_url_with_blob(&file).ok()?;
        let link = web_sys::window()?.document()?.create_element("a").ok()?;
        let link: HtmlAnchorElement = link.dyn_into().ok()?;
        link.set_href(&url);
        link.set_download(name);
        link.click();
        Some(url)
    };
    let Some(url) = started() else { return false };
    wasm_bindgen_futures::spawn_local(async move {
        clock::wait(DOWNLOAD_MS).await;
        let _ = Url::revoke_object_url(&url);
    });
    true
}

/// The bytes of a file that somebody picked; `None` if it is longer than `bytes_max` or cannot be read.
pub async fn read(file: &File, bytes_max: usize) -> Option<Vec<u8>> {
    if file.size() > bytes_max as f64 {
        return None;
    }
    let bytes = JsFuture::from(file.array_buffer()).await.ok()?;
    Some(Uint8Array::new(&bytes).to_vec())
}

fn file_of(name: &str, media: &str, bytes: &[u8]) -> Option<File> {
    let options = FilePropertyBag::new();
    options.set_type(media);
    let bytes = Uint8Array::from(bytes);
    File::new_with_u8_array_sequence_and_options(&Array::of1(&bytes), name, &options).ok()
}

fn shared(file: &File) -> JsValue {
    let what = Object::new();
    let _ = Reflect::set(&what, &"files".into(), &Array::of1(file));
    what.into()
}
