//! A whole number is shown to who may see it, once that is written down; a table leaves once somebody has approved it.
//! The log says so where it may be read.

use calamine::{Reader, Xlsx, open_workbook};
use serde_json::json;

use crate::{
    house::{CHEN_XIAOTONG, LI_WEI, LIN_YUE, Person, Server, Tablet, VENUE, WU_SHAN},
    papers::fill_in_complaint,
};

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
    fill_in_complaint(&manager).await;
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

#[tokio::test]
async fn a_phone_number_is_whole_for_whose_guest_it_is() {
    let mut server = Server::club_with(CHEN_XIAOTONG).await;
    let consultant = Tablet::of(LIN_YUE, "C-01", &server).await;
    consultant.place("/people/new").await;
    consultant.field("姓名").fill("赵思琳").await;
    consultant.field("联系电话").fill("139 5710 4826").await;
    consultant.checkbox("同意电话联系").tap().await;
    consultant.button("保存").tap().await;
    consultant.text("139 5710 4826").shown().await;
    consultant.link("拨打").shown().await;
    consultant.button("全部已送达").shown_in_minutes(2).await;

    let desk = Tablet::of(CHEN_XIAOTONG, "D-01", &server).await;
    desk.place("/people").await;
    desk.text("139****4826").shown_in_minutes(2).await;
    server.kill().await;
    // What somebody typed to find a guest they know.
    desk.field("电话任意几位、姓名或拼音").fill("5710").await;
    desk.text("13957104826").shown().await;
    desk.button("赵思琳").tap().await;
    desk.button("看电话").shown().await;
    assert!(!desk.link("拨打").is_there().await && !desk.button("改资料").is_there().await);
    let own_page = desk.run("return location.pathname", vec![]).await;
    let own_page = own_page.as_str().unwrap().to_owned();
    desk.place(&format!("{own_page}/edit")).await;
    desk.text("这位客户由同事负责").shown().await;
    desk.place(&format!("{own_page}/call")).await;
    desk.text("139****4826").shown().await;
    assert!(!desk.reads().await.contains("139 5710 4826"));
    desk.place(&own_page).await;
    desk.button("看电话").tap().await;
    desk.heading("为什么要看电话号码？").shown().await;
    desk.button("联系这位客户").tap().await;
    desk.text("139 5710 4826").shown().await;
    desk.link("拨打").shown().await;
    desk.button("改资料").shown().await;
    desk.lock(CHEN_XIAOTONG).await;
    desk.unlock(CHEN_XIAOTONG).await;
    desk.place(&own_page).await;
    desk.button("看电话").shown().await;

    // What the desk takes in for others it hands on: its own page would be gone once the centre has it. Whoever unlocks
    // next is not shown what was done before.
    desk.place("/form/F-21").await;
    desk.field("客人").fill("zhao").await;
    desk.button("赵思琳").tap().await;
    fill_in_complaint(&desk).await;
    desk.button("保存").tap().await;
    desk.status("已存在本机，交给负责的同事：客户投诉登记表").shown().await;
    desk.heading("办理").shown().await;
    desk.lock(CHEN_XIAOTONG).await;
    desk.unlock(CHEN_XIAOTONG).await;
    assert!(!desk.button("撤销").is_there().await);

    server.start().await;
    desk.button("全部已送达").shown_in_minutes(3).await;
    let manager = Tablet::of(LI_WEI, "M-01", &server).await;
    manager.place("/log").await;
    manager.text("陈晓彤看了赵思琳的电话号码").shown_in_minutes(2).await;
    manager.text("原因：联系这位客户").shown().await;
    // Who answers for the venue is not asked.
    manager.place(&own_page).await;
    manager.text("139 5710 4826").shown().await;
    server.verified_changes().await;
}

#[tokio::test]
async fn a_table_leaves_as_a_workbook_once_a_colleague_has_approved_it() {
    let shen_yan = Person { name: "沈燕", role: "cs_manager", pin: "583920" };
    let server = Server::club_with(shen_yan).await;
    let tablet = Tablet::of(shen_yan, "C-01", &server).await;
    let downloads = tempfile::tempdir().unwrap();
    let allow = json!({ "behavior": "allow", "downloadPath": downloads.path() });
    tablet.devtools("Browser.setDownloadBehavior", allow).await;
    tablet.place("/board/RP-15").await;
    tablet.button("导出表格").tap().await;
    tablet.text("导出要有人批准").shown().await;
    // Nobody approves what does not say what it is for.
    tablet.radio(LI_WEI.name).tap().await;
    tablet.text("写一句用途，再导出").shown().await;
    tablet.field("用途").fill("十二月续卡安排").await;
    tablet.radio(LI_WEI.name).tap().await;
    tablet.type_digits(LI_WEI.pin).await;
    tablet.status("已交给浏览器下载：续卡预测").shown().await;
    // Whose tablet it is has not changed.
    tablet.button(shen_yan.name).shown().await;

    let file = tablet.downloaded(downloads.path(), "xlsx").await;
    let mut book: Xlsx<_> = open_workbook(file).unwrap();
    assert_eq!(book.sheet_names(), ["续卡预测"]);
    let sheet = book.worksheet_range("续卡预测").unwrap();
    let read = |row, column| sheet.get((row, column)).unwrap().to_string();
    assert_eq!([read(0, 0), read(1, 0), read(1, 1)], ["续卡预测", "松风体育", VENUE]);

    let manager = Tablet::of(LI_WEI, "M-01", &server).await;
    manager.place("/log").await;
    manager.text("沈燕导出了RP-15 续卡预测").shown_in_minutes(2).await;
    manager.text("李卫批准").shown().await;
    manager.text("原因：十二月续卡安排").shown().await;
    server.verified_changes().await;
}
