//! The front desk while the centre is down, with two tablets that do not see each other: a guest, a call, a leave that is
//! signed where it was filled in, a complaint; and a leave and a card that both of them take on. Once the centre is there
//! again each shows the other's work, and the supervisor settles what has two sides.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use yingke_core::time::{Day, Millis};

use crate::{
    house::{CHEN_XIAOTONG, HUANG_LI, LIN_YUE, Person, Server, Tablet, VENUE},
    leads,
    looks::Eye,
    papers::{begin_complaint, fill_in_complaint, lent, sign},
};

const XU_TING: Person = Person { name: "许婷", role: "front_desk", pin: "350794" };
const GUEST: &str = "沈亦舟";
const GUESTS_NUMBER: &str = "13805716622";
const CALLER: &str = "顾南乔";
const CALLERS_NUMBER: &str = "13905717733";
const TWO_SIDES: &str = "两边同时改了这件事";
/// Where clocks at the venue are ahead of UTC.
const SHANGHAI_MINUTES: i32 = 480;

#[tokio::test]
async fn two_desks_work_through_an_outage_and_a_supervisor_settles_what_has_two_sides() {
    let mut server = demo_with(XU_TING).await;
    let first = morning(CHEN_XIAOTONG, "D-01", &server).await;
    let second = morning(XU_TING, "D-02", &server).await;
    let before = server.verified_changes().await;
    server.kill().await;
    let mut eye = Eye::on(&second);

    register_guest(&first).await;
    take_call(&second).await;
    let leaver = waiting_leave(&first).await;
    let card = leave_signed_on_one_tablet(&first, &leaver).await;
    take_in_complaint(&first).await;

    // One card, renewed on both; one leave, signed here and taken back there.
    let (ending, member) = ending_card(&second).await;
    renew(&second, &ending, "健身半年卡", "2280").await;
    renew(&first, &ending, "健身年卡", "3880").await;
    second.lock(XU_TING).await;
    second.unlock(HUANG_LI).await;
    open_leave(&second, &leaver).await;
    second.button("前台主管签字").tap().await;
    sign(&second).await;
    second.button("办好").tap().await;
    second.status("前台主管签字：已存在本机").shown().await;
    open_leave(&first, &leaver).await;
    first.button("撤回").tap().await;
    first.status("撤回：已存在本机").shown().await;

    // What waits is said on both, to whoever looks, and on the lock screen too.
    waits(&first, 8).await;
    waits(&second, 3).await;
    first.lock(CHEN_XIAOTONG).await;
    first.text("8条存在本机，等待发送").shown().await;
    first.unlock(HUANG_LI).await;
    waits(&first, 8).await;
    first.text("另有同事的1条，已密封，会一起发送").shown().await;
    first.lock(HUANG_LI).await;
    first.unlock(CHEN_XIAOTONG).await;
    open_file(&first, GUESTS_NUMBER, GUEST).await;
    first.text("联网后自动送达").shown().await;
    // Only the house's clock takes a card along.
    first.place(&card).await;
    first.text("有效 会籍").shown().await;

    server.start().await;
    for tablet in [&first, &second] {
        tablet.button("全部已送达").shown_in_minutes(3).await;
    }
    assert!(server.verified_changes().await >= before + 8 + 3, "the house's clock may have written as well");

    // Each desk has the other's work, once.
    first.link("接待").tap().await;
    is_there_once(&first, CALLER).await;
    second.link("接待").tap().await;
    is_there_once(&second, GUEST).await;
    second.link("办理").tap().await;
    second.button("意见与投诉").tap().await;
    is_there_once(&second, "淋浴水温忽冷忽热").await;
    open_file(&first, CALLERS_NUMBER, CALLER).await;
    open_file(&second, GUESTS_NUMBER, GUEST).await;
    second.text("已收到").shown().await;

    // What has two sides waits where the supervisor begins the day; whoever does not lead sees it and leaves it.
    open_leave(&first, &leaver).await;
    first.text(TWO_SIDES).shown().await;
    assert!(!first.button("以这边为准").is_there().await, "the desk settles nothing");
    second.link("今日").tap().await;
    second.text("两边同时改了").shown().await;
    eye.look("90-today-two-sides").await;
    open_from_today(&second, &leaver).await;
    let stands = side(&second, "先办的").await;
    assert!(stands.contains("已批准") && stands.contains(HUANG_LI.name), "{stands}");
    let other = side(&second, "另一边").await;
    assert!(other.contains("取消") && other.contains(CHEN_XIAOTONG.name), "{other}");
    eye.look("91-two-sides").await;
    take_side(&second, "另一边").await;
    second.status("已定：取消").shown().await;
    first.text(TWO_SIDES).gone_in_minutes(2).await;
    first.text("取消 请假").shown().await;

    // Both renewals leave the card in force: what they differ in is how long it runs.
    first.place(&ending).await;
    first.text(TWO_SIDES).shown().await;
    open_from_today(&second, &member).await;
    let longer = until(&side(&second, "另一边").await);
    assert_ne!(longer, until(&side(&second, "先办的").await));
    eye.look("92-two-renewals").await;
    take_side(&second, "另一边").await;
    second.status("已定：有效").shown().await;
    for tablet in [&first, &second] {
        tablet.text(TWO_SIDES).gone_in_minutes(2).await;
        tablet.text(&format!("至 {longer}")).shown().await;
    }
    second.link("今日").tap().await;
    second.text("两边同时改了").gone().await;

    // What waited for the centre's clock has come about.
    for tablet in [&first, &second] {
        tablet.place(&card).await;
        tablet.text("请假中 会籍").shown_in_minutes(2).await;
        tablet.button("全部已送达").shown_in_minutes(1).await;
    }
    eye.found_all_in_order();
    server.verified_changes().await;
}

/// The demo's club with one colleague more.
async fn demo_with(person: Person) -> Server {
    let mut server = Server::demo().await;
    server.kill().await;
    let Person { name, role, pin } = person;
    server.run(&["staff", "add", "--name", name, "--role", role, "--venue", VENUE, "--pin", pin]).await;
    server.start().await;
    server
}

/// A tablet of the desk on which its supervisor has been as well, with all that there is.
async fn morning(person: Person, name: &str, server: &Server) -> Tablet {
    let tablet = Tablet::of(HUANG_LI, name, server).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    tablet.lock(HUANG_LI).await;
    tablet.unlock(person).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    tablet
}

async fn register_guest(tablet: &Tablet) {
    tablet.link("接待").tap().await;
    tablet.button("登记来访").tap().await;
    tablet.field("姓名").fill(GUEST).await;
    tablet.field("联系电话").fill(GUESTS_NUMBER).await;
    tablet.group("来访事由").tap_inside("[role=radio]", "参观咨询").await;
    tablet.group("第一次来吗").tap_inside("[role=radio]", "是").await;
    tablet.group("接待人员").tap_inside("[role=radio]", LIN_YUE.name).await;
    tablet.checkbox("已告知个人信息的用途").tap().await;
    tablet.button("保存").tap().await;
    tablet.status(&format!("已存在本机：{GUEST}")).shown().await;
    tablet.button("交给顾问").tap().await;
    tablet.text("接待中").shown().await;
}

async fn take_call(tablet: &Tablet) {
    tablet.link("接待").tap().await;
    tablet.button("咨询登记").tap().await;
    tablet.group("咨询方式").tap_inside("[role=radio]", "电话咨询").await;
    tablet.field("客户姓名").fill(CALLER).await;
    tablet.field("联系电话").fill(CALLERS_NUMBER).await;
    tablet.group("咨询项目").tap_inside("[role=checkbox]", "瑜伽").await;
    tablet.group("信息来源").tap_inside("[role=checkbox]", "媒体").await;
    tablet.group("首次就办理了吗").tap_inside("[role=radio]", "否").await;
    pick_day(tablet, "下次跟进时间", 2).await;
    // Half of a time is none.
    tablet.button("保存").tap().await;
    tablet.text("日期和几点都要写上").shown().await;
    tablet.field("几点").pick("10:30").await;
    tablet.button("保存").tap().await;
    tablet.status(&format!("已存在本机：{CALLER}")).shown().await;
}

/// Whose leave waits for a signature.
async fn waiting_leave(tablet: &Tablet) -> String {
    tablet.link("办理").tap().await;
    tablet.button("请假").tap().await;
    tablet.list("请假").shown().await;
    tablet.reads_in(".papers__rows .row__title").await
}

/// Another member goes away today: filled in by the desk and signed by its supervisor on the same tablet. The card's page.
async fn leave_signed_on_one_tablet(tablet: &Tablet, leaver: &str) -> String {
    tablet.link("办理").tap().await;
    tablet.button("会籍").tap().await;
    tablet.tab("全部").tap().await;
    open_row(tablet, "会籍", &["健身两年卡", "有效"], leaver).await;
    tablet.text("有效 会籍").shown().await;
    let card = path(tablet).await;
    tablet.button("请假").tap().await;
    tablet.heading("请假单").shown().await;
    pick_day(tablet, "计划销假日期", 10).await;
    sign(tablet).await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机：请假单").shown().await;
    tablet.button("提交").tap().await;
    tablet.text("待前台主管").shown().await;
    lent(tablet, "前台主管签字", HUANG_LI).await;
    sign(tablet).await;
    tablet.button("办好").tap().await;
    tablet.status("前台主管签字：已存在本机").shown().await;
    tablet.text("请假中 请假").shown().await;
    tablet.button(CHEN_XIAOTONG.name).shown().await;
    card
}

async fn take_in_complaint(tablet: &Tablet) {
    begin_complaint(tablet).await;
    fill_in_complaint(tablet).await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机，交给负责的同事：客户投诉登记表").shown().await;
}

/// The page of a card that ends soon, and whose it is.
async fn ending_card(tablet: &Tablet) -> (String, String) {
    tablet.link("办理").tap().await;
    tablet.button("会籍").tap().await;
    open_row(tablet, "会籍", &["即将到期"], "已过期").await;
    tablet.text("即将到期 会籍").shown().await;
    (path(tablet).await, tablet.reads_in(".file__name").await)
}

async fn renew(tablet: &Tablet, card: &str, product: &str, price: &str) {
    tablet.place(card).await;
    tablet.button("办理").tap().await;
    tablet.button("续卡登记").tap().await;
    tablet.heading("续卡登记").shown().await;
    tablet.field("训练感受").fill("瘦了六斤").await;
    tablet.group("结果").tap_inside("[role=radio]", "已续卡").await;
    tablet.button(product).tap().await;
    tablet.field("金额").fill(price).await;
    tablet.field("缴费单号").fill(&format!("J20261127-{price}")).await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机：续卡登记").shown().await;
    tablet.place(card).await;
    tablet.text("有效 会籍").shown().await;
}

async fn open_leave(tablet: &Tablet, leaver: &str) {
    tablet.link("办理").tap().await;
    tablet.button("请假").tap().await;
    tablet.tab("全部").tap().await;
    open_row(tablet, "请假", &[leaver], "续卡").await;
    tablet.heading("下一步").shown().await;
}

/// Both the pill and the page of what is to be sent say how many wait and that they are safe.
async fn waits(tablet: &Tablet, count: usize) {
    tablet.button("离线").shown().await;
    tablet.text(&format!("{count}条待发送")).shown().await;
    tablet.place("/sync").await;
    tablet.status("中心没有回应，本机的记录都安全").shown().await;
    tablet.text(&format!("{count}条，最早")).shown().await;
}

async fn open_file(tablet: &Tablet, number: &str, name: &str) {
    tablet.link("客户").tap().await;
    leads::search_finds(tablet, number, 1).await;
    tablet.button(name).tap().await;
    tablet.button("打开完整档案与往来").tap().await;
    tablet.heading("往来").shown().await;
}

async fn is_there_once(tablet: &Tablet, words: &str) {
    tablet.text(words).shown().await;
    let page = tablet.reads().await;
    assert_eq!(page.matches(words).count(), 1, "{words}: {page}");
}

async fn open_from_today(tablet: &Tablet, name: &str) {
    tablet.link("今日").tap().await;
    tablet.heading("等你审批").shown().await;
    tablet.text("两边同时改了").shown().await;
    tablet.button(name).tap().await;
    tablet.text(TWO_SIDES).shown().await;
}

/// The page that is open.
async fn path(tablet: &Tablet) -> String {
    tablet.run("return location.pathname", vec![]).await.as_str().unwrap().to_owned()
}

/// Opens the first row with all these words and without one.
async fn open_row(tablet: &Tablet, list: &str, words: &[&str], without: &str) {
    tablet.list(list).shown().await;
    tablet.tap_first(".papers__rows button.row", words, &[without]).await;
}

const SIDE: &str = "const sides = [...document.querySelectorAll('.papers__conflict section')];
    const side = sides.find((side) => side.querySelector('h2').textContent === arguments[0]);";

/// What is said of one side.
async fn side(tablet: &Tablet, title: &str) -> String {
    tablet.heading(title).shown().await;
    let text = tablet.run(&format!("{SIDE} return side.innerText"), vec![json!(title)]).await;
    text.as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn take_side(tablet: &Tablet, title: &str) {
    tablet.run(&format!("{SIDE} side.querySelector('button').click()"), vec![json!(title)]).await;
}

/// The day after 到 in what is said of a side.
fn until(side: &str) -> String {
    let (_, rest) = side.split_once("到 ").unwrap_or_else(|| panic!("no day in {side}"));
    rest.split(' ').next().unwrap().to_owned()
}

/// A day that is so many days from now, at the venue.
pub async fn pick_day(tablet: &Tablet, label: &str, days: i32) {
    let now = Millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64);
    let today = now.day(SHANGHAI_MINUTES);
    tablet.field(label).pick(&Day::from_number(today.number() + days).to_string()).await;
}
