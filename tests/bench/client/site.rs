//! What the pages are served from: the built files and the data of a run, out of memory.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Response, StatusCode, Uri},
};

/// Seeds of the people that are saved one by one: far from the one of those who are there.
pub const SAVES_SEED: u64 = 1_000_000;

type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

pub struct Site {
    files: Files,
    address: SocketAddr,
}

impl Site {
    pub async fn serve(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap().flatten() {
            files.insert(entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
        }
        let files: Files = Arc::new(Mutex::new(files));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(file).with_state(files.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { files, address }
    }

    pub fn put(&self, name: &str, text: &str) {
        self.files.lock().unwrap().insert(name.to_owned(), text.as_bytes().to_vec());
    }

    /// A contender's page.
    pub fn address(&self, who: &str) -> String {
        format!("http://{}/{who}", self.address)
    }
}

async fn file(State(files): State<Files>, uri: Uri) -> Response<Body> {
    let name = uri.path().trim_start_matches('/');
    let (bytes, kind) = match name.rsplit_once('.') {
        None => (Some(page(name).into_bytes()), "text/html; charset=utf-8"),
        Some((_, "js")) => (files.lock().unwrap().get(name).cloned(), "text/javascript"),
        Some((_, "wasm")) => (files.lock().unwrap().get(name).cloned(), "application/wasm"),
        Some(_) => (files.lock().unwrap().get(name).cloned(), "application/x-ndjson"),
    };
    // What a program is made of lies in the browser's cache, as the app's own does; the data of a run changes.
    let cache = if kind == "application/x-ndjson" { "no-store" } else { "public, max-age=31536000, immutable" };
    let response = Response::builder()
        .header("content-type", kind)
        .header("cache-control", cache)
        // Isolated pages have a clock that tells five microseconds.
        .header("cross-origin-opener-policy", "same-origin")
        .header("cross-origin-embedder-policy", "require-corp");
    let found = if bytes.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    response.status(found).body(Body::from(bytes.unwrap_or_default())).unwrap()
}

fn page(who: &str) -> String {
    let start = if who == "ours" {
        // As `Trunk.toml` has it, and the word that the program has started.
        "<link rel=modulepreload href=/ours-glue.js>\
         <link rel=preload as=fetch type=application/wasm crossorigin href=/ours-glue_bg.wasm>\
         <script>globalThis.started = new Promise((done) => addEventListener('bench-started', done, { once: true }))</script>\
         <script src=/boot.js data-glue=/ours-glue.js data-wasm=/ours-glue_bg.wasm></script>"
    } else {
        ""
    };
    format!("<!doctype html><meta charset=utf-8><title>{who}</title>{start}<script type=module src=/{who}.js></script>")
}
