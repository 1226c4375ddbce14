//! A consultant shows a guest round while the network is down; the tour breaks off and goes on where it was.

use crate::house::{LIN_YUE, Server, Tablet, WU_SHAN};

#[tokio::test]
async fn a_guest_is_shown_round_offline_and_the_talk_follows() {
    let mut server = Server::demo().await;
    let mut tablet = Tablet::of(LIN_YUE, "T-01", &server).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    server.kill().await;

    tablet.link("接待").tap().await;
    open_guest(&tablet, "接待中").await;
    tablet.heading("下一步").shown().await;
    let name = tablet.reads_in("#visit-name").await;
    tablet.button("开始导览").tap().await;
    tablet.heading("客服自我介绍").shown().await;
    tablet.text("0/17").shown().await;
    tablet.button("下一站：进入俱乐部").tap().await;
    tablet.heading("进入俱乐部").shown().await;
    tablet.text("1/17").shown().await;
    tablet.button("跳过").tap().await;
    tablet.heading("男更衣室").shown().await;
    tablet.group("客人对这里").tap_inside("[role=radio]", "很喜欢").await;
    tablet.button("下一站：寄存处和商品区").tap().await;
    tablet.text("2/17").shown().await;

    // What a guest may not read is folded away until the consultant turns it over, and outlives a crash half typed.
    tablet.text("备注已收起").shown().await;
    tablet.switch("客人在旁").tap().await;
    tablet.field("需求与顾虑").fill("下班后才有时间").await;
    tablet.at_rest().await;
    tablet.kill().await;
    tablet.open().await;
    tablet.unlock(LIN_YUE).await;
    tablet.link("接待").tap().await;
    open_guest(&tablet, &name).await;
    tablet.button("接着导览").tap().await;
    tablet.heading("寄存处和商品区").shown().await;
    tablet.text("2/17").shown().await;
    tablet.switch("客人在旁").tap().await;
    tablet.field("需求与顾虑").shown().await;
    let typed = tablet.run("return document.querySelector('.tour textarea').value", vec![]).await;
    assert_eq!(typed, "下班后才有时间");
    tablet.button("结束参观，转入洽谈").tap().await;
    tablet.heading("洽谈评估表").shown().await;

    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    let other = Tablet::of(WU_SHAN, "T-02", &server).await;
    other.button("全部已送达").shown_in_minutes(2).await;
    other.link("办理").tap().await;
    other.button("导览").tap().await;
    other.tab("全部").tap().await;
    other.list("导览").tap_inside("button", "").await;
    other.text("完成").shown().await;
    other.text("下班后才有时间").shown().await;
    server.verified_changes().await;
}

/// Opens the guest of today in whose row these words stand.
pub async fn open_guest(tablet: &Tablet, words: &str) {
    tablet.tap_first(".reception__list button.row", &[words], &[]).await;
}
