//! A form that somebody was interrupted in: theirs alone, found again on Today, and gone once it is saved.

use serde_json::json;

use crate::house::{LIN_YUE, Server, Tablet, WU_SHAN};

const NAME: &str = "王雨桐";

#[tokio::test]
async fn a_form_left_half_filled_is_found_again_on_today_by_whoever_left_it() {
    let mut server = Server::club().await;
    let mut tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    server.kill().await;
    tablet.link("接待").tap().await;
    tablet.button("登记来访").tap().await;
    tablet.field("姓名").fill(NAME).await;
    tablet.field("联系电话").fill("139 5710 48").await;
    tablet.lock(LIN_YUE).await;
    server.start().await;
    tablet.unlock(WU_SHAN).await;
    server.kill().await;
    nothing_is_left(&tablet).await;

    // The browser ends meanwhile.
    tablet.kill().await;
    tablet.open().await;
    tablet.unlock(LIN_YUE).await;
    tablet.link("今日").tap().await;
    tablet.heading("没填完的").shown().await;
    assert!(tablet.button("来访登记").reads().await.contains(NAME));
    tablet.button("来访登记").tap().await;
    tablet.text("接着填").gone().await;
    tablet.field("联系电话").shown().await;
    let typed = "return [...document.querySelectorAll('input')].some((input) => input.value === arguments[0])";
    assert_eq!(tablet.run(typed, vec![json!(NAME)]).await, json!(true));
    tablet.field("联系电话").fill("139 5710 4826").await;
    tablet.radio("参观咨询").tap().await;
    tablet.tap_first("#field-is_first_visit [role=radio]", &[], &[]).await;
    tablet.checkbox("已告知个人信息的用途").tap().await;
    tablet.button("保存").tap().await;
    tablet.button(NAME).shown().await;
    nothing_is_left(&tablet).await;
}

async fn nothing_is_left(tablet: &Tablet) {
    tablet.link("今日").tap().await;
    tablet.heading("今天的客人").shown().await;
    tablet.at_rest().await;
    assert!(!tablet.heading("没填完的").is_there().await);
}
