//! The app's own files: small copies where there are some, cached by what their names promise.

use std::{fs, path::Path};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::services::ServeDir;

use crate::problem::Problem;

/// Nothing but our own files, no inline script or style; WebAssembly is compiled, nothing else is evaluated.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; font-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The camera reads trial passes; nothing else of the device is asked for.
const PERMISSIONS: &str = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()";

const PAGE_HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
];

/// Digits of the name that the build gives a version of the app.
pub const VERSION_DIGITS: usize = 16;

/// The version of the app in a folder, as its service worker calls itself.
#[must_use]
pub fn version(folder: &Path) -> Option<String> {
    let worker = fs::read_to_string(folder.join("sw.js")).ok()?;
    let (_, rest) = worker.split_once("const generation = \"")?;
    rest.split_once('"').map(|(version, _)| version.to_owned())
}

/// Serves the client's folder. A path that names no file is a place in the app, and gets its one page.
pub fn routes(folder: &Path) -> Router {
    let files = ServeDir::new(folder).precompressed_br().precompressed_gzip();
    Router::new().fallback_service(files).layer(middleware::from_fn(as_app))
}

async fn as_app(mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Problem::from_status(StatusCode::METHOD_NOT_ALLOWED).into_response();
    }
    if is_place(&path) {
        *request.uri_mut() = Uri::from_static("/index.html");
    }
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        response = Problem::not_found().into_response();
    }
    let is_kept = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let cache = if is_hashed(&path) && is_kept { "public, max-age=31536000, immutable" } else { "no-cache" };
    set(response.headers_mut(), &[(header::CACHE_CONTROL, cache)]);
    set(response.headers_mut(), &PAGE_HEADERS);
    response
}

fn set(headers: &mut HeaderMap, values: &[(HeaderName, &'static str)]) {
    for (name, value) in values {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// A path whose last part has no extension is a place in the app.
fn is_place(path: &str) -> bool {
    !path.rsplit('/').next().unwrap_or_default().contains('.')
}

/// Whether the name carries a hash of the content: `-` and 8 or more hexadecimal digits before a dot.
fn is_hashed(path: &str) -> bool {
    path.match_indices('-').any(|(at, _)| {
        let rest = &path[at + 1..];
        let digits = rest.bytes().take_while(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(c)).count();
        digits >= 8 && rest.as_bytes().get(digits) == Some(&b'.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_may_be_kept_for_good() {
        for path in ["/yingke-0123abcd.js", "/yingke-0123456789abcdef.wasm", "/app-0123abcd.css"] {
            assert!(is_hashed(path), "{path}");
        }
        for path in ["/index.html", "/sw.js", "/app-0123abc.css", "/app-0123abcg.css", "/-.js", "/icons/mark-192.png"] {
            assert!(!is_hashed(path), "{path}");
        }
    }

    #[test]
    fn a_path_without_an_extension_is_a_place_in_the_app() {
        assert!(is_place("/") && is_place("/people/01jd") && !is_place("/sw.js") && !is_place("/a/b.wasm"));
    }
}
