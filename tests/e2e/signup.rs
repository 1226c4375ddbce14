//! A consultant's guest becomes a member while the network is down: from the door to the card, on one tablet that the desk
//! and the cashier lend their PIN for what is theirs.

use crate::{
    house::{CHEN_XIAOTONG, LIN_YUE, Server, Tablet, ZHENG_JIE},
    looks::Eye,
    papers::{lent, sign},
    tour::open_guest,
};

#[tokio::test]
async fn a_guest_who_walks_in_leaves_with_a_card_offline_and_the_centre_has_all_of_it() {
    let mut server = Server::demo().await;
    let tablet = Tablet::of(ZHENG_JIE, "C-01", &server).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    tablet.lock(ZHENG_JIE).await;
    tablet.unlock(LIN_YUE).await;
    tablet.lock(LIN_YUE).await;
    tablet.unlock(CHEN_XIAOTONG).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    server.kill().await;
    let mut eye = Eye::on(&tablet);

    // The desk takes the guest in and hands over: who was just registered is in sight.
    tablet.link("接待").tap().await;
    tablet.button("登记来访").tap().await;
    tablet.field("姓名").fill("沈亦舟").await;
    tablet.field("联系电话").fill("138 0571 6622").await;
    tablet.group("来访事由").tap_inside("[role=radio]", "参观咨询").await;
    tablet.group("第一次来吗").tap_inside("[role=radio]", "是").await;
    tablet.group("接待人员").tap_inside("[role=radio]", LIN_YUE.name).await;
    tablet.checkbox("已告知个人信息的用途").tap().await;
    tablet.button("保存").tap().await;
    tablet.button("交给顾问").tap().await;
    tablet.text("接待中").shown().await;
    tablet.lock(CHEN_XIAOTONG).await;
    tablet.unlock(LIN_YUE).await;

    // Shown round, talked to, and it is a yes.
    tablet.link("接待").tap().await;
    open_guest(&tablet, "沈亦舟").await;
    tablet.button("开始导览").tap().await;
    tablet.heading("客服自我介绍").shown().await;
    tablet.button("结束参观，转入洽谈").tap().await;
    tablet.heading("洽谈评估表").shown().await;
    tablet.field("参观感受").fill("器械区很全，离公司近").await;
    tablet.group("介绍的优惠卡种").tap_inside("button", "健身年卡").await;
    tablet.group("意向等级").tap_inside("[role=radio]", "A").await;
    tablet.group("展示了价格体系").tap_inside("[role=radio]", "是").await;
    tablet.group("洽谈结果").tap_inside("[role=radio]", "当场签单").await;
    // Prices were shown: they must have been taken back before it is saved.
    tablet.button("保存").tap().await;
    tablet.text("还差1处，补上就能存").shown().await;
    tablet.group("价格资料已收回").tap_inside("[role=radio]", "是").await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机：洽谈评估表").shown().await;

    // The agreement that the talk began comes next: filled in and signed once.
    tablet.button("填会员入会协议书").tap().await;
    tablet.heading("会员入会协议书").shown().await;
    tablet.field("证件号码").fill("11010519491231002X").await;
    tablet.field("紧急联系人").fill("沈母").await;
    tablet.field("紧急联系电话").fill("13900001111").await;
    tablet.checkbox("已阅读健康告知").tap().await;
    tablet.group("卡种").tap_inside("button", "健身年卡").await;
    tablet.field("成交价").fill("3880").await;
    tablet.checkbox("已说明注意事项").tap().await;
    tablet.group("客服代表").tap_inside("[role=radio]", LIN_YUE.name).await;
    sign(&tablet).await;
    sign(&tablet).await;
    eye.look("60-agreement-form").await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机：会员入会协议书").shown().await;
    tablet.text("待缴费").shown().await;

    // The cashier and the desk do theirs without taking the tablet over.
    lent(&tablet, "收银确认", ZHENG_JIE).await;
    tablet.field("实收").fill("3880").await;
    tablet.field("缴费单号").fill("J20261127-08").await;
    tablet.button("办好").tap().await;
    tablet.text("已缴费").shown().await;
    lent(&tablet, "出卡", CHEN_XIAOTONG).await;
    tablet.field("会员卡号").fill("W01-90010").await;
    tablet.button("办好").tap().await;
    tablet.text("已出卡").shown().await;
    tablet.button("交付协议和会员卡").tap().await;
    tablet.text("已交付").shown().await;
    eye.look("61-agreement").await;

    // A year from today, and nothing of it forgotten.
    tablet.text("新会员关怀").shown().await;
    tablet.button("沈亦舟").tap().await;
    tablet.text("卡号 W01-90010").shown().await;
    tablet.text("364").shown().await;
    eye.look("62-member").await;
    tablet.link("接待").tap().await;
    open_guest(&tablet, "沈亦舟").await;
    tablet.group("来访结果").tap_inside("[role=radio]", "已签单").await;
    tablet.button("记下离开").tap().await;
    tablet.status("已存在本机").shown().await;
    eye.found_all_in_order();

    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    let other = Tablet::of(CHEN_XIAOTONG, "C-02", &server).await;
    other.button("全部已送达").shown_in_minutes(2).await;
    other.link("客户").tap().await;
    other.field("电话任意几位、姓名或拼音").fill("6622").await;
    other.button("沈亦舟").tap().await;
    other.button("打开完整档案与往来").tap().await;
    other.text("卡号 W01-90010").shown().await;
    server.verified_changes().await;
}
