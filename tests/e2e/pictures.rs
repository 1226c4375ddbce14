//! A special leave with its certificate, filled in while the network is down: the picture is saved with the form, sent
//! after it, and seen on another tablet.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::house::{LI_WEI, LIN_YUE, Server, Tablet};

/// What a camera writes beside a picture: where it stood.
const WHERE: &[u8] = b"N31 13 49.44 E121 28 25.32";

/// A picture as a camera makes it: larger than what is kept of it, and with where it was taken.
async fn certificate(tablet: &Tablet) -> NamedTempFile {
    let drawn = "const canvas = Object.assign(document.createElement('canvas'), { width: 2400, height: 1800 });
        const context = canvas.getContext('2d');
        context.fillStyle = '#f4efe2'; context.fillRect(0, 0, 2400, 1800);
        context.fillStyle = '#234'; context.font = '120px sans-serif';
        ['诊断证明书', '王雨桐  女  31岁', '建议休息五周，避免剧烈运动', '2026年11月26日'].forEach(
            (line, at) => context.fillText(line, 240, 420 + at * 320));
        return canvas.toDataURL('image/jpeg').split(',')[1];";
    let drawn = tablet.run(drawn, vec![]).await;
    let jpeg = STANDARD.decode(drawn.as_str().unwrap()).unwrap();
    let told = [b"Exif\0\0".as_slice(), WHERE].concat();
    let length = u16::try_from(told.len() + 2).unwrap().to_be_bytes();
    let (begins, rest) = jpeg.split_at(2);
    let file = NamedTempFile::with_suffix(".jpg").unwrap();
    fs::write(file.path(), [begins, &[0xff, 0xe1], &length, &told, rest].concat()).unwrap();
    file
}

const PICKED: &str = "选照片";

/// Days from today, as the date fields have it.
async fn day(tablet: &Tablet, key: &str, days: u32) {
    let set = "const field = document.getElementById('field-' + arguments[0]);
        const day = new Date(Date.now() + arguments[1] * 864e5);
        field.value = day.toISOString().slice(0, 10);
        field.dispatchEvent(new Event('input', { bubbles: true }));";
    tablet.run(set, vec![json!(key), json!(days)]).await;
}

/// Signs as somebody does who cannot hold a pen.
async fn sign(tablet: &Tablet, field: &str) {
    tablet.group(field).tap_inside("button", "签字").await;
    tablet.button("不方便写字，改为键入姓名").tap().await;
    if tablet.text("还没写姓名").is_there().await {
        tablet.field("签字人姓名").fill("王雨桐").await;
    }
    tablet.button("签好了").tap().await;
    tablet.button("签好了").gone().await;
}

/// How wide the picture is that stands on the page, in its own pixels.
async fn width(tablet: &Tablet) -> u64 {
    let script = "return document.querySelector('.picture__image')?.naturalWidth ?? 0";
    tablet.run(script, vec![]).await.as_u64().unwrap()
}

#[tokio::test]
async fn a_certificate_is_saved_with_its_leave_offline_and_seen_on_another_tablet() {
    let mut server = Server::demo().await;
    let mut tablet = Tablet::of(LIN_YUE, "D-01", &server).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    server.kill().await;

    // A leave for the first card of the list.
    tablet.place("/desk/membership").await;
    tablet.button("全部").shown().await;
    tablet.tap_first(".papers__rows button", &[], &[]).await;
    tablet.button("办理").tap().await;
    tablet.button("请假单").tap().await;
    tablet.heading("请假单").shown().await;
    day(&tablet, "start_on", 3).await;
    day(&tablet, "planned_end_on", 40).await;
    tablet.group("请假类型").tap_inside("[role=radio]", "病假").await;
    // Without its certificate it is not saved, and says so.
    tablet.button("保存").tap().await;
    tablet.text("还没有照片").shown().await;
    // What is no picture is none; what was filled in stays.
    tablet.pick(PICKED, &Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).await;
    tablet.text("这个文件不是照片").shown().await;
    let certificate = certificate(&tablet).await;
    tablet.pick(PICKED, certificate.path()).await;
    tablet.image("医院证明与书面申请，第1张").shown().await;
    assert_eq!(width(&tablet).await, 1_600, "scaled down");
    tablet.text("这个文件不是照片").gone().await;

    // The draft holds the picture, through the end of the browser too.
    tablet.kill().await;
    tablet.open().await;
    tablet.unlock(LIN_YUE).await;
    tablet.place("/desk/membership").await;
    tablet.tap_first(".papers__rows button", &[], &[]).await;
    tablet.button("办理").tap().await;
    tablet.button("请假单").tap().await;
    tablet.image("医院证明与书面申请，第1张").shown().await;
    tablet.field("纸质存放位置").fill("前台文件柜3号夹").await;
    sign(&tablet, "会员签字").await;
    sign(&tablet, "前台主管签字").await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机：请假单").shown().await;
    tablet.heading("下一步").shown().await;
    tablet.image("医院证明与书面申请，第1张").shown().await;
    let leave = tablet.run("return location.pathname", vec![]).await;
    tablet.place("/sync").await;
    tablet.text("1张照片待发送").shown().await;

    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    tablet.text("1张照片待发送").gone().await;
    assert!(server.run(&["verify"]).await.contains(", 1 pictures: all agree"));
    assert!(server.holds(b"JFIF"), "the search finds what is there");
    assert!(!server.holds(WHERE), "where it was taken stays with the camera");

    // The manager's own tablet fetches it, and has it from then on.
    let other = Tablet::of(LI_WEI, "D-02", &server).await;
    other.button("全部已送达").shown_in_minutes(2).await;
    other.place(leave.as_str().unwrap()).await;
    look(&other).await;
    other.image("医院证明与书面申请，第1张").shown_in_minutes(2).await;
    assert_eq!(width(&other).await, 1_600);
    server.kill().await;
    other.place("/desk").await;
    other.place(leave.as_str().unwrap()).await;
    look(&other).await;
    other.image("医院证明与书面申请，第1张").shown().await;
    other.place("/log").await;
    other.text("的就医材料").shown().await;
    other.text("原因：办理手续").shown().await;
}

/// Medical papers are shown to who says what for, R-152.
async fn look(tablet: &Tablet) {
    tablet.button("看就医材料（1张）").shown_in_minutes(2).await;
    assert_eq!(width(tablet).await, 0);
    tablet.button("看就医材料（1张）").tap().await;
    tablet.button("办理手续").tap().await;
}
