//! A caller's morning without network: the next thing, two taps, the next one; and the centre has it afterwards.

use crate::house::{LIN_YUE, Server, Tablet};

#[tokio::test]
async fn a_call_takes_two_taps_offline_and_reaches_the_centre() {
    let mut server = Server::demo().await;
    let tablet = Tablet::of(LIN_YUE, "A-08", &server).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    server.kill().await;

    tablet.link("今日").tap().await;
    let first = tablet.heading("给").reads().await;
    tablet.button("拨打").tap().await;
    tablet.field("说了什么").fill("周日带朋友来看").await;
    tablet.radio("已接通").tap().await;
    // Interrupted: what was noted is there again.
    tablet.button("三天后").shown().await;
    tablet.button("返回").tap().await;
    tablet.link("今日").tap().await;
    tablet.heading(&first).shown().await;
    tablet.button("拨打").tap().await;
    tablet.button("三天后").shown().await;
    let noted = "return document.querySelector('textarea').value";
    assert_eq!(tablet.run(noted, vec![]).await, "周日带朋友来看");
    tablet.button("三天后").tap().await;
    tablet.status("已存在本机：和").shown().await;
    let second = tablet.heading("给").reads().await;
    assert_ne!(first, second, "who was called is still the next thing");

    // Taken back, the same one is due again; made anew, it stands.
    tablet.button("撤销").tap().await;
    tablet.heading(&first).shown().await;
    tablet.button("拨打").tap().await;
    tablet.radio("没接").tap().await;
    tablet.button("明天").tap().await;
    tablet.heading(&second).shown().await;

    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
}
