//! 先记一个客户: a guest is written down on the lock screen, and is their author's when they unlock.

use crate::{
    house::{LIN_YUE, Server, Tablet},
    leads::{self, Lead},
};

const NUMBER: &str = "13805712296";
const NAME: &str = "祝枝山";
const NOTE: &str = "孩子想学游泳";

#[tokio::test]
async fn a_guest_is_written_down_before_unlocking_and_is_its_authors_afterwards() {
    let mut server = Server::club().await;
    let mut tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    let earlier = Lead::in_a_hurry("13957104826");
    leads::begin_outing(&tablet).await;
    leads::capture_fast(&tablet, &earlier).await;
    leads::ticked(&tablet, &earlier).await;
    tablet.button("全部已送达").shown().await;
    server.kill().await;
    // A form is left half filled behind the lock.
    tablet.keys("1370571").await;
    tablet.button(LIN_YUE.name).tap().await;

    tablet.button("先记一个客户，再解锁").tap().await;
    tablet.heading("先选是谁在记").shown().await;
    tablet.radio(LIN_YUE.name).tap().await;
    tablet.heading("林悦记一个客户").shown().await;
    // What is missing or wrong is said, and nothing is kept.
    leads::enter_number(&tablet, &Lead::in_a_hurry("12"), leads::Way::Keypad).await;
    tablet.text("没有这样的号码").shown().await;
    tablet.button("清空").tap().await;
    leads::enter_number(&tablet, &Lead::in_a_hurry(NUMBER), leads::Way::Keypad).await;
    tablet.field("姓名").fill("祝a1").await;
    tablet.checkbox("同意我们打电话联系").tap().await;
    tablet.button("保存").tap().await;
    tablet.text("姓名里有数字").shown().await;
    tablet.field("姓名").fill(NAME).await;
    tablet.button("保存").tap().await;
    tablet.text("留号码要客人同意来电").shown().await;
    tablet.checkbox("同意我们打电话联系").tap().await;
    tablet.field("备注").fill(NOTE).await;
    tablet.button("保存").tap().await;
    tablet.status("已存好，林悦解锁后就能看到").shown().await;
    tablet.text("锁屏时记下了1位客户").shown().await;
    assert!(!tablet.reads().await.contains(NAME), "a locked tablet shows nothing of anybody");

    // It is there after the browser was killed, and lies readable in none of its files; nor does anything else.
    tablet.kill().await;
    for secret in [NUMBER, NAME, NOTE, "13957104826", "1370571", LIN_YUE.pin] {
        let found = tablet.files_with(secret.as_bytes());
        assert!(found.is_empty(), "{secret}: {found:?}");
    }
    tablet.open().await;
    tablet.text("锁屏时记下了1位客户").shown().await;

    tablet.unlock(LIN_YUE).await;
    tablet.status("解锁前记下的1位客户归到您名下了").shown().await;
    tablet.link("客户").tap().await;
    leads::search_finds(&tablet, "2296", 1).await;
    tablet.text(NAME).shown().await;
    tablet.link("外拓").tap().await;
    tablet.image(&format!("留了2位，目标{}位", leads::GOAL)).shown().await;

    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    tablet.button(LIN_YUE.name).tap().await;
    tablet.text("先选自己").shown().await;
    assert!(!tablet.text("锁屏时记下").is_there().await);
}
