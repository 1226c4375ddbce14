//! A day at the desk of the sports venue while the network is down: somebody joins, books a court, plays and pays.

use crate::{
    house::{MA_JUN, QIAN_CHENG, Server, TANG_FENG, Tablet},
    looks::Eye,
    papers::sign,
};

#[tokio::test]
async fn somebody_joins_books_plays_and_pays_offline_and_the_centre_gets_all_of_it() {
    let mut server = Server::demo().await.at_the_sports_venue();
    let tablet = Tablet::of(MA_JUN, "S-01", &server).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    // Whoever helps at the court has unlocked here before, so the tablet knows their PIN offline.
    tablet.lock(MA_JUN).await;
    tablet.unlock(TANG_FENG).await;
    tablet.lock(TANG_FENG).await;
    tablet.unlock(MA_JUN).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    server.kill().await;

    let mut eye = Eye::on(&tablet);
    // Joins: the application is signed, paid and the card handed over.
    tablet.link("客户").tap().await;
    tablet.button("新客户").tap().await;
    tablet.field("联系电话").fill("13655550142").await;
    tablet.field("姓名").fill("顾清风").await;
    tablet.checkbox("同意电话联系").tap().await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机").shown().await;
    tablet.button("打开完整档案与往来").tap().await;
    tablet.button("办理").tap().await;
    tablet.button("入会申请表").tap().await;
    tablet.group("会员卡类型").tap_inside("[role=radio]", "充值卡").await;
    // The tablet has the next number of its block ready: nobody types it.
    tablet.text("本机预留的下一个号码是 W02-000001").shown().await;
    tablet.field("办理金额").fill("2000").await;
    tablet.group("性别").tap_inside("[role=radio]", "男").await;
    tablet.field("有效联系地址").fill("杭州市西湖区文三路 1 号").await;
    tablet.field("有效证件号码").fill("11010519491231002X").await;
    tablet.field("入会金额").fill("2000").await;
    for declaration in ["同意声明一：信息真实", "同意声明二：遵守规定", "同意声明三：安全须知"]
    {
        tablet.checkbox(declaration).tap().await;
    }
    sign(&tablet).await;
    sign(&tablet).await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机：入会申请表").shown().await;
    tablet.text("待缴费").shown().await;
    tablet.button("收到入会款").tap().await;
    tablet.field("实收").fill("2000").await;
    tablet.button("办好").tap().await;
    tablet.text("已缴费").shown().await;
    tablet.button("出卡").tap().await;
    tablet.text("已出卡").shown().await;
    tablet.button("交付协议和会员卡").tap().await;
    tablet.text("已交付").shown().await;

    // Books: an hour that is free is tapped, and stands there for who booked it.
    tablet.link("办理").tap().await;
    tablet.button("今天的场地").tap().await;
    eye.look("50-courts").await;
    tablet.button("后一天").tap().await;
    book(&tablet, "羽毛球 2 号场").await;
    tablet.link("办理").tap().await;
    tablet.button("今天的场地").tap().await;
    tablet.button("后一天").tap().await;
    book(&tablet, "羽毛球 1 号场").await;
    // Nor is it moved to where another is booked for that hour.
    tablet.button("补填、改正").tap().await;
    move_to(&tablet, "羽毛球 2 号场").await;
    tablet.text("这个时段场地已被订").shown().await;
    // What was told of the save before does not lie over it.
    assert!(!tablet.status("已存在本机").is_there().await);
    eye.look("48-hour-taken").await;
    tablet.field("备注").fill("自带球拍").await;
    move_to(&tablet, "羽毛球 1 号场").await;
    tablet.status("已存在本机：场地预订单").shown().await;
    tablet.text("自带球拍").shown().await;

    // Plays: the ticket names card and court by itself, and says that they have come.
    tablet.button("人到了，开入场单").tap().await;
    tablet.heading("入场单与退场结算单").shown().await;
    let number = "return document.getElementById('field-card_no').value";
    let number = tablet.run(number, vec![]).await.as_str().unwrap().to_owned();
    // Another card's number is not taken.
    tablet.field("卡号").fill("abc").await;
    tablet.button("保存").tap().await;
    tablet.text("卡号不符合要求").shown().await;
    tablet.field("卡号").fill(&number).await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机：入场单与退场结算单").shown().await;
    tablet.text("已开单").shown().await;
    // Its number says venue, tablet and day.
    tablet.text("W02-1-").shown().await;
    for (step, state) in [("收单", "已收单"), ("带到场地", "场上")] {
        tablet.button("请身边的同事来办").tap().await;
        tablet.heading("同事当场办理").shown().await;
        if step == "收单" {
            eye.look("51-approve").await;
        }
        tablet.group(step).tap_inside("[role=radio]", TANG_FENG.name).await;
        tablet.text(&format!("{}，请输入数字密码", TANG_FENG.name)).shown().await;
        // A wrong PIN lets nobody in, and takes nothing from whoever has the tablet.
        if step == "收单" {
            tablet.type_digits("000000").await;
            tablet.text("密码不对").shown().await;
        }
        tablet.type_digits(TANG_FENG.pin).await;
        tablet.text(state).shown().await;
    }
    // Nobody else is let onto the court while they play.
    tablet.link("客户").tap().await;
    tablet.field("电话任意几位、姓名或拼音").fill("0142").await;
    tablet.button("顾清风").tap().await;
    tablet.button("打开完整档案与往来").tap().await;
    tablet.button("办理").tap().await;
    tablet.button("入场单与退场结算单").tap().await;
    // Nobody else's bookings are offered, nor one that was come for; what the next hands fill in is not asked.
    let bookings = tablet.group("预订").reads().await;
    assert_eq!((bookings.matches("已订").count(), bookings.contains("已到")), (1, false), "{bookings}");
    assert!(bookings.contains("顾清风 羽毛球 2 号场"), "{bookings}");
    assert!(!tablet.reads().await.contains("入场时间"));
    tablet.group("场地").tap_inside("button", "羽毛球 1 号场").await;
    tablet.button("保存").tap().await;
    tablet.text("这个时段场地已被订").shown().await;
    eye.look("49-court-taken").await;
    tablet.link("今日").tap().await;
    tablet.button("顾清风").tap().await;
    tablet.button("退场").tap().await;
    tablet.button("刷卡结算").shown().await;
    // Whoever looks at their day next sees that somebody has not paid.
    tablet.link("今日").tap().await;
    tablet.heading("今天的场地").shown().await;
    eye.look("54-to-settle").await;
    // What the day asks of the venue is ticked off like all else.
    tablet.checkbox("办好：每日汇总").tap().await;
    tablet.status("已存在本机：每日汇总").shown().await;
    tablet.checkbox("办好：每日汇总").gone().await;
    tablet.button("顾清风").tap().await;
    tablet.button("刷卡结算").tap().await;
    tablet.text("已结算").shown().await;
    eye.look("52-ticket").await;

    // A number that somebody has is refused where it is typed, however it is written.
    tablet.link("客户").tap().await;
    tablet.field("电话任意几位、姓名或拼音").fill("W02-000001").await;
    tablet.button("顾清风").tap().await;
    tablet.button("打开完整档案与往来").tap().await;
    tablet.button("办理").tap().await;
    tablet.button("入会申请表").tap().await;
    tablet.text("本机预留的下一个号码是 W02-000002").shown().await;
    tablet.field("会员卡编号").fill("w02-1").await;
    tablet.field("办理金额").fill("2000").await;
    tablet.text("w02-1 已属于：顾清风").shown().await;
    eye.look("53-card-taken").await;
    eye.found_all_in_order();

    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    let other = Tablet::of(QIAN_CHENG, "S-02", &server).await;
    other.button("全部已送达").shown_in_minutes(2).await;
    other.link("客户").tap().await;
    other.field("电话任意几位、姓名或拼音").fill("gqf").await;
    other.button("顾清风").tap().await;
    other.button("打开完整档案与往来").tap().await;
    other.text("卡内余额").shown().await;
    other.text("¥2,000.00").shown().await;
    server.verified_changes().await;
}

async fn book(tablet: &Tablet, court: &str) {
    tablet.button(&format!("预订{court}")).tap().await;
    tablet.heading("场地预订单").shown().await;
    tablet.field("会员").fill("0142").await;
    tablet.button("顾清风").tap().await;
    tablet.group("预订方式").tap_inside("[role=radio]", "前台").await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机：场地预订单").shown().await;
    tablet.text("已订").shown().await;
}

async fn move_to(tablet: &Tablet, court: &str) {
    tablet.group("场地").tap_inside("button", "换一个").await;
    tablet.group("场地").tap_inside("button", court).await;
    tablet.button("保存").tap().await;
}
