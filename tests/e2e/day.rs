//! A day: captured with no network, through a dead server and a killed browser, and in the end at the office.

use crate::{
    house::{LI_WEI, LIN_YUE, Server, Tablet, WU_SHAN},
    leads::{self, GOAL, Is, Lead, Way},
    page::Page,
};

#[tokio::test]
async fn what_a_consultant_captures_offline_reaches_the_endpoint_and_the_other_tablets() {
    let lines = leads::of_the_day();
    let count = |is: fn(Is) -> bool| lines.iter().filter(|lead| is(lead.is)).count();
    assert_eq!(lines.len(), 25);
    assert_eq!(count(|is| is == Is::New), GOAL);
    assert_eq!(count(|is| matches!(is, Is::Again(_))), 2);
    assert_eq!(count(|is| is == Is::Invalid), 3);

    // In the morning, with network; then without any, from a start of the browser on.
    let mut server = Server::club().await;
    let mut tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    tablet.button("全部已送达").shown().await;
    server.kill().await;
    tablet.end().await;
    tablet.open().await;
    tablet.unlock(LIN_YUE).await;

    // All lines are worked through.
    leads::begin_outing(&tablet).await;
    let mut saved = 0;
    for (at, lead) in lines.iter().enumerate() {
        // The browser dies in mid-work, with a card half typed.
        if at == 16 {
            half_a_card_survives(&mut tablet, saved).await;
        }
        leads::enter_number(&tablet, lead, Way::for_line(at, lead)).await;
        match lead.is {
            Is::New => {
                tablet.status("全店没有重复").shown().await;
                leads::enter_rest(&tablet, lead).await;
                leads::save(&tablet, lead).await;
                saved += 1;
            }
            Is::Again(line) => {
                tablet.status(&format!("这场已记过{}", lines[line - 1].called())).shown().await;
                tablet.button("打开").shown().await;
                tablet.button("清空").tap().await;
            }
            Is::Invalid => {
                is_refused(&tablet, lead).await;
                tablet.button("清空").tap().await;
            }
        }
        leads::ring_shows(&tablet, saved).await;
    }
    tablet.text("达标了").shown().await;

    // Twenty leads and the outing wait; people are found by four digits and by initials.
    tablet.button("离线").shown().await;
    tablet.text("21条待发送").shown().await;
    tablet.link("客户").tap().await;
    tablet.text("共20位").shown().await;
    for (typed, name) in [("2296", "王"), ("0227", "曾国强"), ("zsl", "张顺利"), ("shy", "单海燕"), ("xxl", "解小龙")]
    {
        leads::search_finds(&tablet, typed, 1).await;
        tablet.button(name).shown().await;
    }

    // The server comes back: nobody taps anything.
    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(6).await;
    assert_eq!(server.verified_changes().await, 21, "twenty leads and the outing");

    // The office sees them.
    let office = Tablet::of(WU_SHAN, "B-01", &server).await;
    office.link("客户").tap().await;
    office.text("共20位").shown().await;
    open_person(&office, "zgq", "曾国强").await;

    // Both change one person with no network, in different fields; they meet, and both edits stand on both.
    server.kill().await;
    open_person(&tablet, "zgq", "曾国强").await;
    change(&tablet, "备注", "周六上午来看场地").await;
    change(&office, "姓名", "曾国栋").await;
    tablet.text("曾国栋").gone().await;
    server.start().await;
    for page in [&tablet, &office] {
        page.button("全部已送达").shown_in_minutes(6).await;
        page.heading("曾国栋").shown_in_minutes(1).await;
        page.text("周六上午来看场地").shown_in_minutes(1).await;
    }

    // The server's own data holds each person once, as a third tablet reads it.
    assert_eq!(server.verified_changes().await, 23);
    let manager = Tablet::of(LI_WEI, "C-01", &server).await;
    manager.link("客户").tap().await;
    manager.text("共20位").shown().await;
    for lead in lines.iter().filter(|lead| lead.is == Is::New) {
        leads::search_finds(&manager, &lead.digits(), 1).await;
    }
}

/// A number that is none: a message beside it, the focus there, nothing saved and nothing typed lost.
async fn is_refused(tablet: &Page, lead: &Lead) {
    let (button, message) = match lead.written.as_str() {
        "188-6812-90" => ("还差2位", "还差2位，共11位"),
        "1529876543l" => ("号码不对", "号码里有文字，只留数字"),
        "139571048266 3" => ("号码不对", "多了2位，核对一下"),
        other => panic!("what is said about {other}?"),
    };
    tablet.button(button).tap().await;
    tablet.status(message).shown().await;
    tablet.group("联系电话").has_focus().await;
    let typed: String = lead.written.chars().filter(char::is_ascii_alphanumeric).collect();
    let shown: String = tablet.group("联系电话").reads().await.split_whitespace().collect();
    assert!(shown.contains(&typed), "{shown} holds {typed}");
}

async fn half_a_card_survives(tablet: &mut Tablet, saved: usize) {
    tablet.keys("1775").await;
    tablet.radio("小姐").tap().await;
    tablet.button("姓名").tap().await;
    tablet.field("姓名").fill("查").await;
    tablet.button("好了").tap().await;
    tablet.button("查").shown().await;
    tablet.kill().await;

    tablet.open().await;
    tablet.unlock(LIN_YUE).await;
    tablet.link("外拓").tap().await;
    tablet.button("接着记").tap().await;
    leads::ring_shows(tablet, saved).await;
    tablet.status("上次没存完的号码还在").shown().await;
    assert!(tablet.group("联系电话").reads().await.contains("177 5"));
    assert!(tablet.radio("小姐").is_on().await);
    tablet.button("查").shown().await;

    // The guest walked on: the card is emptied for the next one.
    tablet.button("查").tap().await;
    tablet.field("姓名").fill("").await;
    tablet.button("好了").tap().await;
    tablet.button("清空").tap().await;
}

async fn open_person(page: &Page, typed: &str, name: &str) {
    leads::search_finds(page, typed, 1).await;
    page.button(name).tap().await;
    page.button("改资料").shown().await;
}

async fn change(page: &Page, field: &str, typed: &str) {
    page.button("改资料").tap().await;
    page.field(field).fill(typed).await;
    page.button("保存").tap().await;
    page.status("已存在本机").shown().await;
    page.text(typed).shown().await;
}
