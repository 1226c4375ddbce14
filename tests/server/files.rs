//! The app's own files: copies, types, caching, headers.

use std::fs;

use yingke_core::wire::v1::AppVersions;

use crate::{
    process::{demo, run, serve_at},
    world::{Place, Reply, World, send},
};

async fn site() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("index.html", "<!doctype html><title>迎客</title>"),
        ("sw.js", "// worker"),
        ("manifest.webmanifest", "{}"),
        ("yingke-0123abcd.wasm", "\0asm"),
        ("yingke-0123abcd.wasm.br", "brotli"),
        ("yingke-0123abcd.wasm.gz", "gzip"),
        ("app-89abcdef.css", "body{}"),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    fs::create_dir(folder.path().join("icons")).unwrap();
    fs::write(folder.path().join("icons/mark.svg"), "<svg/>").unwrap();
    (World::with_files(Some(folder.path())).await, folder)
}

async fn get(world: &World, path: &str, encodings: &str) -> Reply {
    send(world.address, "GET", path, &[("accept-encoding", encodings)], b"").await.unwrap()
}

#[tokio::test]
async fn files_have_their_type_and_are_kept_as_their_names_promise() {
    let (world, _folder) = site().await;
    for (path, kind, cache) in [
        ("/", "text/html", "no-cache"),
        ("/index.html", "text/html", "no-cache"),
        ("/sw.js", "text/javascript", "no-cache"),
        ("/manifest.webmanifest", "application/manifest+json", "no-cache"),
        ("/icons/mark.svg", "image/svg+xml", "no-cache"),
        ("/yingke-0123abcd.wasm", "application/wasm", "public, max-age=31536000, immutable"),
        ("/app-89abcdef.css", "text/css", "public, max-age=31536000, immutable"),
    ] {
        let reply = get(&world, path, "identity").await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.headers["content-type"].split(';').next(), Some(kind), "{path}");
        assert_eq!(reply.headers["cache-control"], cache, "{path}");
        let policy = &reply.headers["content-security-policy"];
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self' 'wasm-unsafe-eval';"));
        assert!(!policy.contains("unsafe-inline") && !policy.contains("http"), "{policy}");
        for header in ["x-content-type-options", "referrer-policy", "cross-origin-opener-policy", "permissions-policy"]
        {
            assert!(reply.headers.contains_key(header), "{path} {header}");
        }
    }
}

#[tokio::test]
async fn the_small_copy_is_sent_to_who_can_read_it() {
    let (world, _folder) = site().await;
    for (accepts, encoding, body) in
        [("gzip, deflate, br", Some("br"), "brotli"), ("gzip", Some("gzip"), "gzip"), ("identity", None, "\0asm")]
    {
        let reply = get(&world, "/yingke-0123abcd.wasm", accepts).await;
        assert_eq!(reply.headers.get("content-encoding").map(String::as_str), encoding);
        assert_eq!(
            (reply.headers["content-type"].as_str(), reply.body.as_slice()),
            ("application/wasm", body.as_bytes())
        );
    }
}

#[tokio::test]
async fn a_place_in_the_app_gets_the_page_and_a_missing_file_does_not() {
    let (world, _folder) = site().await;
    let page = get(&world, "/", "identity").await.body;
    for path in ["/people", "/people/01jd", "/outing/"] {
        let reply = get(&world, path, "identity").await;
        assert_eq!((reply.status, &reply.body), (200, &page), "{path}");
        assert_eq!(reply.headers["cache-control"], "no-cache");
    }
    for path in ["/gone-0123abcd.js", "/a/b.png", "/../yingke.db", "/%2e%2e/yingke.db", "/v1/nowhere"] {
        let reply = get(&world, path, "identity").await;
        assert_eq!(reply.problem(), (404, "not-found".into()), "{path}");
        assert!(!reply.headers["cache-control"].contains("immutable"), "{path}");
    }
    let reply = send(world.address, "POST", "/people", &[], b"x").await.unwrap();
    assert_eq!(reply.problem(), (405, "method".into()));
}

const VERSION: &str = "3f2a9c0d41b7e856";

#[tokio::test]
async fn withdrawn_versions_are_told_to_whoever_asks() {
    let (place, app) = (demo().await, tempfile::tempdir().unwrap());
    fs::write(app.path().join("index.html"), "<!doctype html>").unwrap();
    fs::write(app.path().join("sw.js"), format!("// worker\nconst generation = \"{VERSION}\";\n")).unwrap();
    let words = ["--app", app.path().to_str().unwrap()];
    let (mut child, address, mut says) = serve_at("127.0.0.1:0", &words, &place.data).await;
    let reply = send(address, "GET", "/v1/app", &[], b"").await.unwrap();
    assert_eq!((reply.status, reply.headers["cache-control"].as_str()), (200, "no-store"));
    assert_eq!(reply.json::<AppVersions>(), AppVersions::default());
    says.until(&format!("the app in --app is version {VERSION}")).await;
    child.kill().await.unwrap();

    let words = [&words[..], &["--withdraw-app", VERSION, "--withdraw-app", "0000000000000001"]].concat();
    let (_child, address, mut says) = serve_at("127.0.0.1:0", &words, &place.data).await;
    let reply = send(address, "GET", "/v1/app", &[], b"").await.unwrap();
    assert_eq!(reply.json::<AppVersions>().withdrawn, [VERSION, "0000000000000001"]);
    says.until("which is withdrawn").await;
}

#[tokio::test]
async fn what_is_no_versions_name_is_refused() {
    let place = Place::on_a_file();
    for typed in ["", "0.1.0", "3f2a9c0d41b7e85", "3F2A9C0D41B7E856", "3f2a9c0d41b7e856 "] {
        let output = run(&["serve", "--withdraw-app", typed], &place.data).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("the last word under More, Version"), "{typed}: {said}");
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "nothing is opened");
}
