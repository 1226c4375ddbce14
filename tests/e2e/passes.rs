//! A trial pass is given out on one tablet and taken at a desk that never heard of it, both offline, and a second use
//! comes to light.

use serde_json::json;

use crate::{
    house::{LI_WEI, LIN_YUE, Server, Tablet, WU_SHAN},
    page::Page,
};

/// Gives a pass out; its code.
async fn give(tablet: &Page) -> String {
    tablet.link("外拓").tap().await;
    tablet.button("发体验卡").tap().await;
    tablet.radio("外拓散发").shown().await;
    tablet.radio("7天").tap().await;
    tablet.button("发体验卡").tap().await;
    tablet.image("体验卡的二维码").shown().await;
    tablet.reads_in(".pass-show__code").await
}

/// The code on the screen: its squares, row by row, of which the true ones are dark.
pub struct Code {
    side: usize,
    dark: Vec<bool>,
}

pub async fn code_on(tablet: &Page) -> Code {
    let script = "const code = document.querySelector('.qr');
        return [code.viewBox.baseVal.width, code.querySelector('path').getAttribute('d')];";
    let drawn = tablet.run(script, vec![]).await;
    let side = drawn[0].as_u64().unwrap() as usize;
    let mut dark = vec![false; side * side];
    // Runs of modules: M4 4h7v1h-7z.
    for run in drawn[1].as_str().unwrap().split('z').filter(|run| !run.is_empty()) {
        let (place, length) = run.trim_start_matches('M').split_once('h').unwrap();
        let (x, y) = place.split_once(' ').unwrap();
        let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
        let length: usize = length.split('v').next().unwrap().parse().unwrap();
        dark[y * side + x..y * side + x + length].fill(true);
    }
    Code { side, dark }
}

impl Code {
    /// What a phone's camera reads off the screen.
    pub fn reads(&self) -> String {
        const SCALE: usize = 4;
        let grey = |x: usize, y: usize| if self.dark[y / SCALE * self.side + x / SCALE] { 0 } else { 255 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(self.side * SCALE, self.side * SCALE, grey);
        let (_, text) = image.detect_grids()[0].decode().unwrap();
        text
    }

    /// A film of somebody who holds the phone with it before a camera: askew, in the light of a lobby, under a third of the
    /// picture. YUV4MPEG2, as Chromium's stand-in for a camera plays it.
    fn held_before_a_camera(&self) -> Vec<u8> {
        const WIDTH: usize = 1280;
        const HEIGHT: usize = 720;
        let scale = 400.0 / self.side as f64;
        let (sin, cos) = 9.0_f64.to_radians().sin_cos();
        let light = |x: usize, y: usize| {
            let (x, y) = (x as f64 - WIDTH as f64 / 2.0, y as f64 - HEIGHT as f64 / 2.0);
            let of = |along: f64| (along / scale + self.side as f64 / 2.0).floor();
            let (column, row) = (of(x * cos + y * sin), of(y * cos - x * sin));
            let inside = 0.0..self.side as f64;
            let on_phone = inside.contains(&column) && inside.contains(&row);
            let is_dark = on_phone && self.dark[row as usize * self.side + column as usize];
            let shade = (x + WIDTH as f64 / 2.0) / 16.0;
            (if is_dark {
                30.0
            } else if on_phone {
                150.0 + shade
            } else {
                90.0 + shade
            }) as u8
        };
        let frame: Vec<u8> =
            (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y))).map(|(x, y)| light(x, y)).collect();
        let colourless = vec![128; WIDTH * HEIGHT / 2];
        let mut film = format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F20:1 Ip A1:1 C420jpeg\n").into_bytes();
        for _ in 0..2 {
            film.extend([b"FRAME\n".as_slice(), &frame, &colourless].concat());
        }
        film
    }
}

async fn open_desk(tablet: &Page) {
    tablet.link("接待").tap().await;
    tablet.button("验体验卡").tap().await;
    tablet.field("卡号").shown().await;
}

async fn check(tablet: &Page, shown: &str, told: &str) {
    tablet.field("卡号").fill(shown).await;
    tablet.button("查验").tap().await;
    tablet.text(told).shown().await;
}

#[tokio::test]
async fn a_pass_is_taken_once_at_a_desk_that_never_heard_of_it_and_a_second_use_is_seen() {
    let mut server = Server::club().await;
    let outside = Tablet::of(LIN_YUE, "A-07", &server).await;
    let film = tempfile::tempdir().unwrap();
    let film = film.path().join("camera.y4m");
    let desk = Tablet::before(&film, LI_WEI, "B-01", &server).await;
    desk.button(LI_WEI.name).tap().await;
    desk.unlock(WU_SHAN).await;
    desk.button("全部已送达").shown().await;
    server.kill().await;

    let code = give(&outside).await;
    let shown = code_on(&outside).await;
    let qr = shown.reads();
    assert!(qr.starts_with(&format!("YK1:{}:", code.replace('-', ""))), "{qr}");
    let other = give(&outside).await;
    assert_ne!(code, other);

    // What it is not.
    open_desk(&desk).await;
    check(&desk, "https://example.com/menu", "这不是体验卡").await;
    check(&desk, &code[..code.len() - 1], "现在有15位").await;
    let last = if code.ends_with('0') { '1' } else { '0' };
    check(&desk, &format!("{}{last}", &code[..code.len() - 1]), "这张卡对不上").await;
    let (head, signature) = qr.split_at(qr.len() - 20);
    let altered = format!("{head}{}", signature.chars().rev().collect::<String>());
    check(&desk, &altered, "这张卡对不上").await;
    // The organisation begins after the code.
    let mut elsewhere: Vec<char> = qr.chars().collect();
    elsewhere[22] = if elsewhere[22] == '7' { '8' } else { '7' };
    check(&desk, &elsewhere.iter().collect::<String>(), "这是别家的体验卡").await;
    // With a touch, or forty days without one have passed, and the tablet locks when it next looks.
    let forty_days = "const now = Date.now; window.realNow = now; Date.now = () => now.call(Date) + 40 * 86400000;
        document.body.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }));";
    desk.run(forty_days, vec![]).await;
    check(&desk, &code, "已经到期").await;
    desk.run("Date.now = window.realNow;", vec![]).await;

    // Held before the camera, of a browser that reads no codes and of one that does.
    std::fs::write(&film, shown.held_before_a_camera()).unwrap();
    let has_own = desk.run("return 'BarcodeDetector' in window", vec![]).await;
    assert_eq!(has_own, false, "then it is the other reader that runs below");
    let stub =
        "window.BarcodeDetector = class { detect() { return Promise.resolve([{ rawValue: arguments_[0] }]); } };";
    for reads_itself in [false, true] {
        if reads_itself {
            desk.run(&format!("window.arguments_ = arguments; {stub}"), vec![json!(qr)]).await;
        }
        open_desk(&desk).await;
        desk.button("用摄像头扫").tap().await;
        desk.text("这张卡可以用").shown().await;
        desk.text("外拓散发").shown().await;
    }
    // Typed as people type it; taken once.
    check(&desk, &code.to_lowercase().replace('-', " "), "这张卡可以用").await;
    desk.button("收下这张卡").tap().await;
    desk.text("已收下，存在本机").shown().await;
    desk.button("验下一张").tap().await;
    check(&desk, &code, "已经用过了").await;
    check(&desk, &qr, "已经用过了").await;
    // Whoever is unlocked.
    desk.button(WU_SHAN.name).tap().await;
    desk.unlock(LI_WEI).await;
    open_desk(&desk).await;
    check(&desk, &code, "已经用过了").await;
    check(&desk, &other, "这张卡可以用").await;

    // The same pass elsewhere, which has heard of nothing.
    open_desk(&outside).await;
    check(&outside, &code, "这张卡可以用").await;
    outside.button("收下这张卡").tap().await;
    outside.text("已收下，存在本机").shown().await;
    desk.button(LI_WEI.name).tap().await;
    desk.unlock(WU_SHAN).await;
    desk.link("今日").tap().await;
    server.start().await;
    outside.button("全部已送达").shown_in_minutes(3).await;
    desk.text("体验卡被用了两次").shown_in_minutes(3).await;
}
