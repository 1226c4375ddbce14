//! The wrong PIN: refused, with a growing wait that a reload does not shorten, and nothing revealed. And the door that closes
//! by itself: after the venue's minutes, and for reading after its days.

use serde_json::json;

use crate::{
    house::{LIN_YUE, Person, Server, Tablet, VENUE, WU_SHAN},
    leads::{self, Lead},
};

const WRONG: &str = "135790";

#[tokio::test]
async fn a_wrong_pin_is_refused_with_a_growing_wait_and_reveals_nothing() {
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    let guest = Lead::in_a_hurry("13805712296");
    leads::begin_outing(&tablet).await;
    leads::capture_fast(&tablet, &guest).await;
    leads::ticked(&tablet, &guest).await;
    tablet.button("全部已送达").shown().await;
    server.kill().await;
    tablet.button(LIN_YUE.name).tap().await;

    // Somebody who was never here needs the network, and is not told whether the PIN was right.
    tablet.type_pin(WU_SHAN, WU_SHAN.pin).await;
    tablet.status("要连一次网").shown().await;

    // Some tries are free, then one waits.
    let mut refused = 0;
    while !tablet.text("试错太多次").is_there().await {
        refused += 1;
        assert!(refused < 10, "wrong PINs are refused without end");
        wrong(&tablet, LIN_YUE).await;
        shut(&tablet).await;
    }
    assert!(refused >= 3, "a slip or two is nobody's fault");
    let first = seconds_left(&tablet).await;
    assert!((1..=30).contains(&first), "{first} s to wait");
    tablet.text(&format!("{}秒后再试", first - 2)).shown().await;

    // The right PIN is not taken either, nor does a reload help.
    tablet.reload().await;
    tablet.radio(LIN_YUE.name).tap().await;
    tablet.text("后再试").shown().await;
    tablet.keys(LIN_YUE.pin).await;
    tablet.image("数字密码，已输0位").shown().await;
    shut(&tablet).await;

    // After the wait another wrong one costs more.
    tablet.text("试错太多次").gone_in_minutes(2).await;
    wrong(&tablet, LIN_YUE).await;
    tablet.text("后再试").shown().await;
    let second = seconds_left(&tablet).await;
    assert!((31..=60).contains(&second), "{second} s to wait");
    shut(&tablet).await;

    // And then the right one opens, and all is there.
    tablet.text("试错太多次").gone_in_minutes(3).await;
    tablet.unlock(LIN_YUE).await;
    tablet.link("客户").tap().await;
    leads::search_finds(&tablet, "2296", 1).await;
}

async fn wrong(tablet: &Tablet, who: Person) {
    tablet.type_pin(who, WRONG).await;
    tablet.image("数字密码，已输0位").shown().await;
}

/// What is left of the wait, as it is counted down: `29秒` or `1:00`.
async fn seconds_left(tablet: &Tablet) -> u64 {
    tablet.text("后再试").shown().await;
    let shown = tablet.reads_in("[role=timer]").await;
    let shown = shown.trim_end_matches("后再试").trim_end_matches('秒').to_owned();
    let parts: Vec<u64> = shown.split(':').map(|part| part.trim().parse().unwrap()).collect();
    parts.into_iter().fold(0, |seconds, part| seconds * 60 + part)
}

/// Nothing of the club's people is on the page, in no attribute either.
async fn shut(tablet: &Tablet) {
    assert!(!tablet.link("客户").is_there().await);
    let page = tablet.run("return document.documentElement.outerHTML", vec![]).await;
    let page = page.as_str().unwrap();
    assert!(!page.contains("2296") && !page.contains("0571"), "a guest's number is on a locked page");
}

/// A clock that can be set ahead while the page is open.
const CLOCK: &str = "Date = class extends Date {
    constructor(...parts) { parts.length ? super(...parts) : super(Date.now()); }
    static now() { return super.now() + (globalThis.aheadMs ?? 0); }
}";

async fn hours_later(tablet: &Tablet, hours: f64) {
    tablet.run("globalThis.aheadMs = arguments[0]", vec![json!(hours * 3_600_000.0)]).await;
}

#[tokio::test]
async fn the_venues_minutes_lock_a_tablet_and_its_days_end_reading_and_not_capture() {
    let mut server = Server::club().await;
    let tablet = Tablet::new("A-07", server.address()).await;
    tablet.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": CLOCK })).await;
    tablet.reload().await;
    tablet.enrol(&server).await;
    tablet.unlock(LIN_YUE).await;
    // Other numbers than it has begun with: it hears of them with what it sends next.
    server.run(&["venue", "set", "--name", VENUE, "--idle-minutes", "2", "--lease-days", "3"]).await;
    let [sent, kept] = ["13805712296", "13805713311"].map(Lead::in_a_hurry);
    leads::begin_outing(&tablet).await;
    leads::capture_fast(&tablet, &sent).await;
    leads::ticked(&tablet, &sent).await;
    tablet.button("全部已送达").shown().await;

    // Nobody touches it for longer than two minutes.
    hours_later(&tablet, 0.04).await;
    tablet.text("先选自己").shown().await;
    shut(&tablet).await;
    tablet.unlock(LIN_YUE).await;
    tablet.button("全部已送达").shown().await;

    // And for three days it hears nothing: who has a PIN gets in and captures, and reads nothing of before.
    server.kill().await;
    hours_later(&tablet, 73.0).await;
    tablet.text("先选自己").shown().await;
    tablet.unlock(LIN_YUE).await;
    tablet.text("3天没联系上中心，客户资料先收起来了").shown().await;
    leads::begin_outing(&tablet).await;
    leads::capture_fast(&tablet, &kept).await;
    leads::ticked(&tablet, &kept).await;
    tablet.link("客户").tap().await;
    leads::search_finds(&tablet, &kept.digits(), 1).await;
    tablet.field("电话任意几位、姓名或拼音").fill(&sent.digits()).await;
    tablet.text("没有找到").shown().await;

    // The next contact brings everything back.
    server.start().await;
    tablet.place("/sync").await;
    tablet.tap_one_of(&["现在同步", "再试一次"]).await;
    tablet.text("客户资料先收起来了").gone_in_minutes(2).await;
    tablet.link("客户").tap().await;
    for lead in [&sent, &kept] {
        leads::search_finds(&tablet, &lead.digits(), 1).await;
    }
}
