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

/// Whether this browser has a share sheet that takes a text file.
#[must_use]
pub fn shares_text() -> bool {
    text_file("a.txt", "").is_some_and(|file| can_share(&shared(&file)).unwrap_or(false))
}

/// Opens the share sheet; whether the file was handed to something. Needs a tap a moment before.
pub async fn share_text(name: &str, text: &str) -> bool {
    let Some(file) = text_file(name, text) else { return false };
    match share(&shared(&file)) {
        Ok(promise) => JsFuture::from(promise).await.is_ok(),
        Err(_) => false,
    }
}

/// Begins a download; whether the browser took it.
pub fn download_text(name: &str, text: &str) -> bool {
    let started = || -> Option<String> {
        let file = text_file(name, text)?;
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

fn text_file(name: &str, text: &str) -> Option<File> {
    let options = FilePropertyBag::new();
    options.set_type("text/plain");
    File::new_with_str_sequence_and_options(&Array::of1(&text.into()), name, &options).ok()
}

fn shared(file: &File) -> JsValue {
    let what = Object::new();
    let _ = Reflect::set(&what, &"files".into(), &Array::of1(file));
    what.into()
}
