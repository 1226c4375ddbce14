//! The wrong PIN: refused, with a growing wait that a reload does not shorten, and nothing revealed.

use crate::{
    house::{LIN_YUE, Person, Server, Tablet, WU_SHAN},
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
