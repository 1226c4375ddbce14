//! A new version of the app: taken when somebody agrees, and given up when it does not start or the club withdraws it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    house::{LIN_YUE, Server, Tablet, app},
    looks::Eye,
};

/// Another version of the app: the same files but for what is said of them here, with the worker's list made true.
fn version(folder: &Path, name: &str, alter: impl FnOnce(&Path)) -> PathBuf {
    let version = folder.join(name);
    copy(&app(), &version);
    alter(&version);
    let worker = fs::read_to_string(version.join("sw.js")).unwrap();
    let (before, rest) = worker.split_once("const generation = \"").unwrap();
    let (_, rest) = rest.split_once('"').unwrap();
    let (head, list) = rest.split_once("new Map([").unwrap();
    let (_, tail) = list.split_once("\n])").unwrap();
    let mut files = Vec::new();
    list_files(&version, Path::new(""), &mut files);
    let entry = |file: &String| {
        let path = if file == "index.html" { String::new() } else { file.clone() };
        let digest = BASE64_STANDARD.encode(Sha256::digest(fs::read(version.join(file)).unwrap()));
        format!("[\"/{path}\", \"sha256-{digest}\"]")
    };
    let list = files.iter().map(entry).collect::<Vec<_>>().join(",\n  ");
    let generation = name_of(list.as_bytes());
    let worker = format!("{before}const generation = \"{generation}\"{head}new Map([\n  {list},\n]){tail}");
    fs::write(version.join("sw.js"), worker).unwrap();
    version
}

/// The same app under another name.
pub fn second_version(folder: &Path) -> PathBuf {
    version(folder, "second", |version| say(version, "2"))
}

/// The same app as another build makes it.
fn another_build(folder: &Path, edition: &str) -> PathBuf {
    version(folder, edition, |version| {
        say(version, edition);
        with_script(version, &format!("// build {edition}"));
    })
}

/// A version whose script also does this, before the client begins.
fn with_script(version: &Path, script: &str) {
    rename(version, "yingke-", ".js", |glue| [&glue, script.as_bytes()].join(&b'\n'));
}

/// The name of what has these bytes.
fn name_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was packed before it is altered would be served in its place.
fn is_packed(file: &str) -> bool {
    file.ends_with(".br") || file.ends_with(".gz")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(name));
        } else if !is_packed(&name) {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

fn list_files(top: &Path, place: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(top.join(place)).unwrap().flatten() {
        let place = place.join(entry.file_name());
        if entry.path().is_dir() {
            list_files(top, &place, files);
        } else if place != Path::new("sw.js") {
            files.push(place.to_str().unwrap().to_owned());
        }
    }
}

/// Gives a file another name, also where the page and the boot script name it.
fn rename(version: &Path, stem: &str, ending: &str, content: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let is_it = |name: &String| name.starts_with(stem) && name.ends_with(ending);
    let names = fs::read_dir(version).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    let old = names.into_iter().find(is_it).unwrap();
    let bytes = content(fs::read(version.join(&old)).unwrap());
    let new = format!("{stem}{}{ending}", name_of(&bytes));
    fs::remove_file(version.join(&old)).unwrap();
    fs::write(version.join(&new), bytes).unwrap();
    let page = fs::read_to_string(version.join("index.html")).unwrap();
    fs::write(version.join("index.html"), page.replace(&old, &new)).unwrap();
}

fn say(version: &Path, edition: &str) {
    let page = fs::read_to_string(version.join("index.html")).unwrap();
    let said = format!("<meta name=\"edition\" content=\"{edition}\">\n</head>");
    fs::write(version.join("index.html"), page.replacen("</head>", &said, 1)).unwrap();
}

async fn edition(tablet: &Tablet) -> String {
    let script = "return document.querySelector('meta[name=edition]')?.content ?? ''";
    tablet.run(script, vec![]).await.as_str().unwrap().to_owned()
}

/// Another version is at the endpoint, until the tablet offers it. The browser looks by itself when a page is opened, and
/// the app once an hour.
pub async fn comes(version: &Path, server: &mut Server, tablet: &Tablet) {
    server.kill().await;
    server.serves(version);
    server.start().await;
    // What a server that is just starting does not answer is asked again.
    let look = "const look = (it) => it.update().catch(() => setTimeout(look, 500, it));
        navigator.serviceWorker.getRegistration().then(look);";
    tablet.run(look, vec![]).await;
    tablet.text("新版本已备好").shown_in_minutes(1).await;
}

/// The half-filled form, as it was left.
async fn form_is_kept(tablet: &Tablet) {
    tablet.link("接待").tap().await;
    tablet.button("登记来访").tap().await;
    tablet.field("姓名").holds("周敏").await;
}

#[tokio::test]
async fn a_new_version_waits_for_consent_and_one_that_does_not_start_gives_way() {
    let folder = tempfile::tempdir().unwrap();
    let second = second_version(folder.path());
    let broken = version(folder.path(), "broken", |version| {
        say(version, "3");
        rename(version, "yingke-", ".wasm", |_| b"\0asm and then nothing".to_vec());
        with_script(version, "// build 3");
    });
    let mut server = Server::club().await;
    let mut tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    tablet.link("接待").tap().await;
    tablet.button("登记来访").tap().await;
    tablet.field("姓名").fill("周敏").await;

    // It comes while a form is open, and changes nothing under anybody's hands.
    comes(&second, &mut server, &tablet).await;
    assert_eq!(edition(&tablet).await, "");
    let mut eye = Eye::on(&tablet);
    eye.look("98-update").await;
    eye.found_all_in_order();
    tablet.field("姓名").holds("周敏").await;
    tablet.button("现在换上").tap().await;
    tablet.text("先选自己").shown_in_minutes(1).await;
    assert_eq!(edition(&tablet).await, "2");
    tablet.unlock(LIN_YUE).await;
    form_is_kept(&tablet).await;

    // One that is broken is taken as well, and gives way the second time that it does not start, without network.
    comes(&broken, &mut server, &tablet).await;
    server.kill().await;
    tablet.button("现在换上").tap().await;
    tablet.text("迎客没能打开").shown_in_minutes(1).await;
    tablet.end().await;
    tablet.open().await;
    tablet.text("先选自己").shown_in_minutes(1).await;
    assert_eq!(edition(&tablet).await, "2");
    tablet.unlock(LIN_YUE).await;
    tablet.text("新版本没能打开，已换回上一版").shown().await;
    let mut eye = Eye::on(&tablet);
    eye.look("99-fell-back").await;
    tablet.button("知道了").tap().await;
    tablet.text("新版本没能打开").gone().await;
    form_is_kept(&tablet).await;
    eye.found_all_in_order();
}

#[tokio::test]
async fn what_was_taken_in_one_tab_is_taken_in_another_by_reloading() {
    let folder = tempfile::tempdir().unwrap();
    let second = second_version(folder.path());
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-08", &server).await;
    let first = tablet.tab_in_front().await;
    let other = tablet.open_tab().await;
    tablet.begin_tab().await;
    tablet.unlock(LIN_YUE).await;
    tablet.turn_to(&first).await;
    comes(&second, &mut server, &tablet).await;
    tablet.button("现在换上").tap().await;
    tablet.text("先选自己").shown_in_minutes(1).await;
    assert_eq!(edition(&tablet).await, "2");
    tablet.turn_to(&other).await;
    assert_eq!(edition(&tablet).await, "");
    tablet.text("新版本已备好").shown().await;
    tablet.button("现在换上").tap().await;
    tablet.text("先选自己").shown_in_minutes(1).await;
    assert_eq!(edition(&tablet).await, "2");
}

/// Nothing that the client puts off is ever done.
const HANGS: &str = "globalThis.queueMicrotask = () => {};";
/// The database never answers, and a moment later WebAssembly comes to an `unreachable`, which is what a panic is.
const PANICS: &str = "globalThis.yingke.open = new Promise(() => {});
    const trap = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 8, 1, 0, 10, 5, 1, 3, 0, 0, 11];
    setTimeout(() => new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(trap))), 500);";

#[tokio::test]
async fn a_version_that_begins_and_comes_to_no_screen_gives_way() {
    let folder = tempfile::tempdir().unwrap();
    let broken = |name: &str, script: &'static str| {
        version(folder.path(), name, |version| {
            say(version, name);
            with_script(version, script);
        })
    };
    let (hangs, panics) = (broken("hangs", HANGS), broken("panics", PANICS));
    // Its worker answers too late the first time that it is asked to give way.
    let worker = fs::read_to_string(panics.join("sw.js")).unwrap();
    let deaf = worker.replace(
        "inUse === generation && goTo",
        "(self.deaf ??= [1]).pop() ? new Promise((late) => setTimeout(late, 9000)) : inUse === generation && goTo",
    );
    assert_ne!(deaf, worker);
    fs::write(panics.join("sw.js"), deaf).unwrap();
    let mut server = Server::club().await;
    let mut tablet = Tablet::of(LIN_YUE, "A-09", &server).await;
    tablet.link("接待").tap().await;
    tablet.button("登记来访").tap().await;
    tablet.field("姓名").fill("周敏").await;

    comes(&hangs, &mut server, &tablet).await;
    tablet.button("现在换上").tap().await;
    tablet.text("迎客没能打开").shown_in_minutes(2).await;
    tablet.end().await;
    tablet.open().await;
    tablet.text("先选自己").shown_in_minutes(2).await;
    assert_eq!(edition(&tablet).await, "");
    tablet.unlock(LIN_YUE).await;
    tablet.text("新版本没能打开，已换回上一版").shown().await;
    form_is_kept(&tablet).await;

    comes(&panics, &mut server, &tablet).await;
    tablet.button("现在换上").tap().await;
    for _ in 0..2 {
        tablet.text("迎客没能打开").shown_in_minutes(1).await;
        assert_eq!(edition(&tablet).await, "panics");
        tablet.reload().await;
    }
    tablet.text("先选自己").shown_in_minutes(1).await;
    assert_eq!(edition(&tablet).await, "");
    tablet.unlock(LIN_YUE).await;
    form_is_kept(&tablet).await;

    // One that never lets go of its thread cannot say so; that it began and never ended is found at the next start. A browser
    // with such a page takes no orders, so what it would leave is put there.
    comes(&another_build(folder.path(), "2"), &mut server, &tablet).await;
    tablet.button("现在换上").tap().await;
    comes_by_itself(&tablet, "2").await;
    let left = "const { glue } = document.querySelector('[data-glue]').dataset;
        localStorage.setItem('yingke.failed-starts:' + glue, 1);
        localStorage.setItem('yingke.begun-start:' + glue, Date.now() - 60_000);";
    tablet.run(left, vec![]).await;
    tablet.reload().await;
    comes_by_itself(&tablet, "").await;
}

/// The endpoint withdraws these versions from now on, and the tablet's browser sees its network come back.
async fn withdraws(apps: &[&Path], server: &mut Server, tablet: &Tablet) {
    server.kill().await;
    server.withdraws(apps);
    server.start().await;
    tablet.run("dispatchEvent(new Event('online'))", vec![]).await;
}

/// The worker has another version in use than the page that is open.
async fn next_is(tablet: &Tablet, app: &Path) {
    let version = yingke_server::files::version(app).unwrap();
    let script = "const done = arguments[arguments.length - 1];
        caches.match('/', { cacheName: 'yingke.kept' }).then((kept) => kept.json()).then((names) => done(names[0]));";
    let is_next = async || (tablet.later(script, json!(null)).await == version).then_some(());
    tablet.until(format_args!("{version} is not in use"), is_next).await;
}

/// The door of this edition, which nobody had to ask for.
async fn comes_by_itself(tablet: &Tablet, wanted: &str) {
    tablet
        .until(format_args!("edition {wanted} does not come"), async || (edition(tablet).await == wanted).then_some(()))
        .await;
    tablet.text("先选自己").shown().await;
}

#[tokio::test]
async fn a_version_that_is_withdrawn_gives_way_where_nobody_is_in_the_middle_of_anything() {
    let folder = tempfile::tempdir().unwrap();
    let (second, third) = (another_build(folder.path(), "2"), another_build(folder.path(), "3"));
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-10", &server).await;
    comes(&second, &mut server, &tablet).await;
    tablet.button("现在换上").tap().await;
    tablet.text("先选自己").shown_in_minutes(1).await;
    tablet.unlock(LIN_YUE).await;
    tablet.link("接待").tap().await;
    tablet.button("登记来访").tap().await;
    tablet.field("姓名").fill("周敏").await;

    // The one before comes in its place, behind the door and not before.
    withdraws(&[&second], &mut server, &tablet).await;
    next_is(&tablet, &app()).await;
    // Longer than a page behind the door would take.
    tablet.later("setTimeout(arguments[1], 3000)", json!(null)).await;
    assert_eq!(edition(&tablet).await, "2");
    tablet.field("姓名").holds("周敏").await;
    tablet.lock(LIN_YUE).await;
    comes_by_itself(&tablet, "").await;
    tablet.unlock(LIN_YUE).await;
    tablet.text("原来那一版已由中心停用，现在用的是另一版").shown().await;
    let mut eye = Eye::on(&tablet);
    eye.look("99-withdrawn").await;
    eye.found_all_in_order();
    tablet.button("知道了").tap().await;
    tablet.text("原来那一版已由中心停用").gone().await;
    form_is_kept(&tablet).await;

    // Where a newer one is served, that comes. Nobody has to agree: the door is shut already.
    tablet.lock(LIN_YUE).await;
    server.kill().await;
    server.serves(&third);
    server.withdraws(&[&second, &app()]);
    server.start().await;
    tablet.run("dispatchEvent(new Event('online'))", vec![]).await;
    comes_by_itself(&tablet, "3").await;

    // No other is left: it goes on, says so, and is good again when the club says so.
    withdraws(&[&third, &app(), &second], &mut server, &tablet).await;
    tablet.unlock(LIN_YUE).await;
    tablet.text("这一版已由中心停用，但本机没有别的版本").shown().await;
    assert_eq!(edition(&tablet).await, "3");
    form_is_kept(&tablet).await;
    withdraws(&[], &mut server, &tablet).await;
    tablet.text("这一版已由中心停用").gone().await;
}

#[tokio::test]
async fn a_withdrawn_version_is_neither_offered_nor_kept_for_want_of_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let second = another_build(folder.path(), "2");
    let broken = version(folder.path(), "broken", |version| {
        say(version, "broken");
        rename(version, "yingke-", ".wasm", |_| b"\0asm and then nothing".to_vec());
        with_script(version, "// broken build");
    });
    let mut server = Server::club().await;
    let mut tablet = Tablet::of(LIN_YUE, "A-11", &server).await;
    comes(&second, &mut server, &tablet).await;
    withdraws(&[&second], &mut server, &tablet).await;
    tablet.text("新版本已备好").gone().await;
    // A browser takes what waits when its last page has gone.
    tablet.end().await;
    tablet.open().await;
    tablet.text("先选自己").shown().await;
    assert_eq!(edition(&tablet).await, "");
    // Withdrawn by mistake: it is back with the next start.
    withdraws(&[], &mut server, &tablet).await;
    next_is(&tablet, &second).await;
    tablet.reload().await;
    comes_by_itself(&tablet, "2").await;

    // It need not fail twice.
    tablet.unlock(LIN_YUE).await;
    comes(&broken, &mut server, &tablet).await;
    tablet.button("现在换上").tap().await;
    tablet.text("迎客没能打开").shown_in_minutes(1).await;
    withdraws(&[&broken], &mut server, &tablet).await;
    comes_by_itself(&tablet, "2").await;
}
