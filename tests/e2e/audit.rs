//! A whole number is shown to who may see it, once that is written down; the log says so where it may be read.

use crate::house::{LI_WEI, Server, Tablet, WU_SHAN};

const NUMBER: &str = "11010519491231002X";
const MASKED: &str = "110***********002X";

#[tokio::test]
async fn a_whole_number_is_shown_once_the_look_is_written_down() {
    let mut server = Server::club().await;
    let manager = Tablet::of(LI_WEI, "M-01", &server).await;
    manager.button("全部已送达").shown_in_minutes(2).await;
    server.kill().await;
    manager.place("/people/new").await;
    manager.field("姓名").fill("王雨桐").await;
    manager.field("联系电话").fill("139 5710 4826").await;
    manager.checkbox("同意电话联系").tap().await;
    manager.button("保存").tap().await;
    manager.button("改资料").shown().await;
    manager.place("/form/F-21").await;
    manager.field("客人").fill("wang").await;
    manager.button("王雨桐").tap().await;
    manager.field("身份证件号码").fill(NUMBER).await;
    manager.field("被投诉事项").fill("淋浴水温忽冷忽热").await;
    manager.field("被投诉人").fill("不清楚").await;
    manager.group("类别").tap_inside("[role=radio]", "设施设备").await;
    manager.group("严重程度").tap_inside("[role=radio]", "一般").await;
    manager.field("投诉内容摘要").fill("周三晚上八点，三次变凉").await;
    manager.group("第一受理部门").tap_inside("[role=radio]", "前台").await;
    manager.button("保存").tap().await;
    manager.status("已存在本机：客户投诉登记表").shown().await;
    manager.text(MASKED).shown().await;

    // Without a purpose nothing is shown; with one it is, for a while, and never on paper.
    manager.button("看全号").tap().await;
    manager.heading("为什么要看身份证件号码？").shown().await;
    assert!(!manager.text(NUMBER).is_there().await);
    manager.button("客户本人要求").tap().await;
    manager.text(NUMBER).shown().await;
    let on_paper = manager.reads_on_paper().await;
    assert!(on_paper.contains(MASKED) && !on_paper.contains(NUMBER), "{on_paper}");
    manager.text(NUMBER).gone_in_minutes(1).await;
    manager.button("看全号").shown().await;

    manager.place("/more").await;
    manager.button("操作记录").tap().await;
    manager.text("李卫看了王雨桐的身份证件号码全号").shown().await;
    manager.text("原因：客户本人要求").shown().await;
    manager.tab("导出").tap().await;
    manager.text("没有这样的记录").shown().await;
    manager.tab("看全号").tap().await;
    manager.field("同事或客户的姓名").fill("吴").await;
    manager.text("没有这样的记录").shown().await;
    manager.field("同事或客户的姓名").fill("雨桐").await;
    manager.text("李卫看了王雨桐的身份证件号码全号").shown().await;

    // The centre has it for those who read it: another of his tablets, and not the supervisor's, who may look as well.
    server.start().await;
    manager.button("全部已送达").shown_in_minutes(3).await;
    let other = Tablet::of(LI_WEI, "M-02", &server).await;
    other.link("更多").tap().await;
    other.button("操作记录").tap().await;
    other.text("李卫看了王雨桐的身份证件号码全号").shown_in_minutes(2).await;
    let supervisor = Tablet::of(WU_SHAN, "S-01", &server).await;
    supervisor.button("全部已送达").shown_in_minutes(2).await;
    supervisor.link("更多").tap().await;
    supervisor.button("锁上，换人").shown().await;
    assert!(!supervisor.button("操作记录").is_there().await);
    supervisor.place("/log").await;
    supervisor.button("锁上，换人").shown().await;
    supervisor.link("办理").tap().await;
    supervisor.button("意见与投诉").tap().await;
    supervisor.button("淋浴水温忽冷忽热").tap().await;
    supervisor.button("看全号").tap().await;
    supervisor.button("核对本人身份").tap().await;
    supervisor.text(NUMBER).shown().await;
    other.text("吴珊看了王雨桐的身份证件号码全号").shown_in_minutes(2).await;
    server.verified_changes().await;
}
