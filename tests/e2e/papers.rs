//! Desk work while the network is down: a leave is signed, a complaint taken, a card renewed; the centre gets all of it
//! and another tablet shows it.

use crate::house::{HUANG_LI, LI_WEI, Person, Server, Tablet};

/// What F-21 has to have besides whom it is about.
pub async fn fill_in_complaint(tablet: &Tablet) {
    tablet.field("被投诉事项").fill("淋浴水温忽冷忽热").await;
    tablet.field("被投诉人").fill("不清楚").await;
    tablet.group("类别").tap_inside("[role=radio]", "设施设备").await;
    tablet.group("严重程度").tap_inside("[role=radio]", "一般").await;
    tablet.field("投诉内容摘要").fill("周三晚上八点，三次变凉").await;
    tablet.group("第一受理部门").tap_inside("[role=radio]", "前台").await;
}

#[tokio::test]
async fn papers_are_signed_taken_and_renewed_offline_and_reach_the_centre() {
    let mut server = Server::demo().await;
    let tablet = Tablet::of(HUANG_LI, "D-01", &server).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    server.kill().await;

    // A leave that waits for her signature.
    tablet.link("办理").tap().await;
    tablet.button("请假").tap().await;
    tablet.list("请假").tap_inside("button", "").await;
    tablet.heading("下一步").shown().await;
    tablet.button("前台主管签字").tap().await;
    // A step that wants a signature says so and keeps what was typed.
    tablet.button("办好").tap().await;
    tablet.text("补上就能存").shown().await;
    sign(&tablet).await;
    tablet.button("办好").tap().await;
    tablet.status("前台主管签字：已存在本机").shown().await;
    tablet.text("已批准").shown().await;

    // A complaint, begun where the person is.
    begin_complaint(&tablet).await;
    tablet.button("保存").tap().await;
    tablet.text("补上就能存").shown().await;
    fill_in_complaint(&tablet).await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机：客户投诉登记表").shown().await;
    tablet.text("下一步").shown().await;
    tablet.button("首次响应").tap().await;
    tablet.status("首次响应：已存在本机").shown().await;
    tablet.button("上报上一级").tap().await;
    tablet.status("上报上一级：已存在本机").shown().await;

    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    let other = Tablet::of(LI_WEI, "D-02", &server).await;
    other.button("全部已送达").shown_in_minutes(2).await;
    other.link("办理").tap().await;
    other.button("意见与投诉").tap().await;
    other.button("淋浴水温忽冷忽热").tap().await;
    other.text("已升级").shown().await;
    // Of two answers either will do.
    other.button("接手处理").tap().await;
    other.status("接手处理：已存在本机").shown().await;
    other.button("办结").tap().await;
    other.button("办好").tap().await;
    other.text("补上就能存").shown().await;
    other.field("答复内容").fill("换了恒温阀，连测三次").await;
    other.button("办好").tap().await;
    other.status("办结：已存在本机").shown().await;
    other.text("已解决").shown().await;
    // Whoever decided is in the log of those who read it, and so is what.
    other.place("/log").await;
    other.text("黄丽处理请假（").shown().await;
    other.text("）：前台主管签字").shown().await;
    server.verified_changes().await;
}

/// A complaint, begun on the page of somebody who is called Wang.
pub async fn begin_complaint(tablet: &Tablet) {
    tablet.link("客户").tap().await;
    tablet.field("电话任意几位、姓名或拼音").fill("wang").await;
    tablet.text("找到").shown().await;
    tablet.button("王").tap().await;
    tablet.button("打开完整档案与往来").tap().await;
    tablet.button("办理").tap().await;
    tablet.button("客户投诉登记表").tap().await;
    tablet.heading("客户投诉登记表").shown().await;
}

/// Signs as somebody does who cannot hold a pen: the name is typed, and who works there is the witness.
pub async fn sign(tablet: &Tablet) {
    tablet.button("签字").tap().await;
    tablet.button("不方便写字，改为键入姓名").tap().await;
    tablet.button("签好了").tap().await;
}

/// Somebody stands beside the tablet, and takes one step with a PIN of their own; who alone may take it is chosen already.
pub async fn lent(tablet: &Tablet, step: &str, person: Person) {
    tablet.button("请身边的同事来办").tap().await;
    tablet.heading("同事当场办理").shown().await;
    tablet.group(step).tap_inside("[role=radio]", person.name).await;
    tablet.text(&format!("{}，请输入数字密码", person.name)).shown().await;
    tablet.type_digits(person.pin).await;
}
