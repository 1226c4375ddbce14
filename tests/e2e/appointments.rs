//! A call that ends in an appointment, without network; the guest comes to a desk that heard of it, or another day, or
//! not at all.

use crate::{
    house::{CHEN_XIAOTONG, LIN_YUE, Server, Tablet},
    looks::Eye,
    outage::pick_day,
    signed_out::take_in,
};

const COMES: &str = "程若水";
const CANCELS: &str = "苏晴川";

#[tokio::test]
async fn a_guest_who_agreed_to_come_is_expected_moved_cancelled_and_received() {
    let mut server = Server::demo().await;
    let tablet = Tablet::of(LIN_YUE, "A-18", &server).await;
    let desk = Tablet::of(CHEN_XIAOTONG, "D-01", &server).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    desk.button("全部已送达").shown_in_minutes(2).await;
    server.kill().await;

    // They will come tomorrow, they say.
    for (name, number) in [(COMES, "13655550161"), (CANCELS, "13655550162")] {
        take_in(&tablet, name, number).await;
        tablet.link("拨打").tap().await;
        tablet.radio("已接通").tap().await;
        tablet.button("约好来店").tap().await;
        tablet.heading("预约").shown().await;
        tablet.group("约什么").tap_inside("[role=radio]", "参观").await;
        // Nobody is expected yesterday.
        pick_day(&tablet, "开始", -1).await;
        tablet.field("几点").pick("23:59").await;
        tablet.button("保存").tap().await;
        tablet.text("已经过去了，写一个以后的时间").shown().await;
        pick_day(&tablet, "开始", 1).await;
        tablet.button("保存").tap().await;
        tablet.status("已存在本机：预约").shown().await;
        tablet.text("已约好").shown().await;
        if name == COMES {
            // No, today.
            tablet.button("改时间").tap().await;
            pick_day(&tablet, "开始", 0).await;
            tablet.field("几点").pick("23:59").await;
            tablet.button("办好").tap().await;
            tablet.button("登记来访").shown().await;
            let mut eye = Eye::on(&tablet);
            eye.look("80-appointment").await;
            eye.found_all_in_order();
        } else {
            tablet.button("取消预约").tap().await;
            tablet.field("原因").fill("孩子发烧，下周再说").await;
            tablet.button("办好").tap().await;
            tablet.text("已取消").shown().await;
        }
    }
    tablet.link("今日").tap().await;
    tablet.heading("约了今天来").shown().await;
    tablet.button(COMES).shown().await;
    let mut eye = Eye::on(&tablet);
    eye.look("81-today-expected").await;
    // Who is to be called first comes by themselves.
    let first = tablet.heading("给").reads().await;
    tablet.button("拨打").tap().await;
    tablet.radio("已接通").shown().await;
    let called = tablet.run("return location.pathname.split('/')[2]", vec![]).await;
    tablet.link("今日").tap().await;
    tablet.heading(&first).shown().await;

    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    desk.link("接待").tap().await;
    desk.heading("约了今天来").shown().await;
    desk.text(COMES).shown_in_minutes(3).await;
    server.kill().await;
    let mut desk_eye = Eye::on(&desk);
    desk_eye.look("82-reception-expected").await;
    receive(&desk).await;
    // Taken back, they are still to come.
    desk.button("撤销").tap().await;
    desk.text("这次来访的登记已撤销").shown().await;
    receive(&desk).await;

    desk.place(&format!("/reception/visit?person={}", called.as_str().unwrap())).await;
    desk.group("来访事由").tap_inside("[role=radio]", "参观咨询").await;
    desk.checkbox("已告知个人信息的用途").tap().await;
    desk.button("保存").tap().await;
    desk.status("已存在本机").shown().await;

    server.start().await;
    desk.button("全部已送达").shown_in_minutes(3).await;
    tablet.link("今日").tap().await;
    tablet.text("约了今天来").shown().await;
    // Nor is anybody called who stands before them.
    tablet.button(COMES).gone().await;
    tablet.heading(&first).gone().await;
    eye.found_all_in_order();
    desk_eye.found_all_in_order();
}

/// Registers that the guest has come: why they do, and whether it is the first time, the tablet knows.
async fn receive(desk: &Tablet) {
    desk.button(COMES).tap().await;
    desk.field("姓名").holds(COMES).await;
    desk.checkbox("已告知个人信息的用途").tap().await;
    desk.button("保存").tap().await;
    desk.status(&format!("已存在本机：{COMES}")).shown().await;
}
