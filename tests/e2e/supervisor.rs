//! A supervisor's day while the network is down: a refund climbs and the member stays, a complaint goes up and is taken
//! over, and two who acted on one case without knowing of each other are settled once the network is back.

use crate::{
    house::{LI_WEI, Server, Tablet, WU_SHAN},
    looks::Eye,
    papers::lent,
};

const CLIMBS: &str = "储物柜押金未退";
const BOTH: &str = "建议增加早间泳道";

#[tokio::test]
async fn a_supervisor_settles_a_refund_a_complaint_and_a_conflict() {
    let mut server = Server::demo().await;
    let tablet = Tablet::of(LI_WEI, "D-01", &server).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    tablet.lock(LI_WEI).await;
    tablet.unlock(WU_SHAN).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    let other = Tablet::of(LI_WEI, "D-02", &server).await;
    other.button("全部已送达").shown_in_minutes(2).await;
    server.kill().await;
    let mut eye = Eye::on(&tablet);

    // Her own level, what came of it, and the next one: the store manager keeps the member.
    tablet.link("办理").tap().await;
    tablet.button("退卡").tap().await;
    tablet.list("退卡").tap_inside("button", "").await;
    tablet.button("主管接手").tap().await;
    tablet.text("主管调解").shown().await;
    tablet.button("填写四级调解").tap().await;
    tablet.group("客服主管").tap_inside("[role=radio]", "上报上一级").await;
    tablet.button("加一条").tap().await;
    tablet.field("第2条").fill("愿意留，只差一个停卡的办法").await;
    eye.look("70-level").await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机：四级调解").shown().await;
    lent(&tablet, "店长接手", LI_WEI).await;
    tablet.text("店长调解").shown().await;
    lent(&tablet, "会员留下（店长）", LI_WEI).await;
    tablet.group("店长").tap_inside("[role=radio]", "已挽留").await;
    tablet.group("会员同意留下").tap_inside("[role=radio]", "是").await;
    tablet.button("办好").tap().await;
    tablet.text("已挽留").shown().await;
    eye.look("71-refund").await;

    // A complaint that is not hers to end goes up, and is taken over where it stands.
    open_case(&tablet, CLIMBS).await;
    tablet.button("上报上一级").tap().await;
    tablet.text("已升级").shown().await;
    lent(&tablet, "接手处理", LI_WEI).await;
    tablet.text("处理中").shown().await;

    // Two who do not know of each other.
    open_case(&tablet, BOTH).await;
    tablet.button("交办").tap().await;
    tablet.group("责任部门").tap_inside("[role=radio]", "前台").await;
    tablet.button("办好").tap().await;
    tablet.text("已交办").shown().await;
    open_case(&other, BOTH).await;
    other.button("上报上一级").tap().await;
    other.text("已升级").shown().await;
    eye.found_all_in_order();

    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    other.button("全部已送达").shown_in_minutes(3).await;
    tablet.text("两边同时改了这件事").shown_in_minutes(1).await;
    eye.look("72-conflict").await;
    tablet.button("以这边为准").tap().await;
    tablet.text("两边同时改了这件事").gone().await;
    other.text("两边同时改了这件事").gone_in_minutes(2).await;
    eye.found_all_in_order();
    open_case(&other, CLIMBS).await;
    other.text("处理中").shown().await;
    server.verified_changes().await;
}

async fn open_case(tablet: &Tablet, matter: &str) {
    tablet.link("办理").tap().await;
    tablet.button("意见与投诉").tap().await;
    tablet.button(matter).tap().await;
    tablet.heading("下一步").shown().await;
}
