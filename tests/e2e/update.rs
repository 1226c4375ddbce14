//! A new version of the app: taken when somebody agrees, and given up when it does not start.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
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
    let worker = format!("{before}const generation = \"{name}\"{head}new Map([\n  {list},\n]){tail}");
    fs::write(version.join("sw.js"), worker).unwrap();
    version
}

/// The same app under another name.
pub fn second_version(folder: &Path) -> PathBuf {
    version(folder, "second", |version| say(version, "2"))
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
    let new = format!("{stem}00000000000000aa{ending}");
    let bytes = content(fs::read(version.join(&old)).unwrap());
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
        rename(version, "yingke-", ".js", |glue| [glue, b"\n// another build\n".to_vec()].concat());
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
