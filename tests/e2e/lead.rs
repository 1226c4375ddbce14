//! A guest changes hands: to a colleague, into the pool and out of it, and all of somebody's at once. What was written of
//! them goes along, what is written late too, and whose they were sees no more of them.

use crate::{
    house::{CHEN_XIAOTONG, LI_WEI, LIN_YUE, Person, Server, Tablet, VENUE, WU_SHAN},
    page::Page,
};

const ZHOU_KAI: Person = Person { name: "周凯", role: "consultant", pin: "518203" };

async fn club() -> Server {
    let mut server = Server::club_with(CHEN_XIAOTONG).await;
    server.kill().await;
    let Person { name, role, pin } = ZHOU_KAI;
    server.run(&["staff", "add", "--name", name, "--role", role, "--venue", VENUE, "--pin", pin]).await;
    server.start().await;
    server
}

/// A guest of this consultant, and the path of their page.
async fn capture(consultant: &Page, name: &str, phone: &str) -> String {
    consultant.place("/people/new").await;
    consultant.field("姓名").fill(name).await;
    consultant.field("联系电话").fill(phone).await;
    consultant.checkbox("同意电话联系").tap().await;
    consultant.button("保存").tap().await;
    consultant.heading(name).shown().await;
    let path = consultant.run("return location.pathname", vec![]).await;
    path.as_str().unwrap().trim_end_matches("/file").to_owned()
}

async fn note(tablet: &Page, page: &str, text: &str) {
    tablet.place(&format!("{page}/edit")).await;
    tablet.field("备注").fill(text).await;
    tablet.button("保存").tap().await;
    tablet.text(text).shown().await;
}

async fn sent(tablet: &Page) {
    tablet.button("全部已送达").shown_in_minutes(3).await;
}

#[tokio::test]
async fn a_guest_is_handed_over_let_go_of_and_claimed_with_all_that_was_written() {
    let mut server = club().await;
    let first = Tablet::of(LIN_YUE, "L-01", &server).await;
    let second = Tablet::of(ZHOU_KAI, "L-02", &server).await;
    let page = capture(&first, "赵思琳", "139 5710 4826").await;
    sent(&first).await;
    let supervisor = Tablet::of(WU_SHAN, "L-03", &server).await;
    supervisor.place(&page).await;
    supervisor.text("139 5710 4826").shown_in_minutes(2).await;

    // Without the centre: the supervisor gives the guest to a colleague, and whose they are writes on.
    server.kill().await;
    supervisor.button("打开完整档案与往来").tap().await;
    supervisor.button("交给同事").tap().await;
    supervisor.heading("交给谁").shown().await;
    supervisor.text("名下0位客户").shown().await;
    supervisor.button("周凯").tap().await;
    supervisor.status("已交给周凯").shown().await;
    supervisor.button("撤销").tap().await;
    supervisor.status("还是原来的负责人").shown().await;
    supervisor.button("交给同事").tap().await;
    supervisor.button("周凯").tap().await;
    supervisor.status("已交给周凯").shown().await;
    note(&first, &page, "晚上七点后方便").await;
    server.start().await;
    sent(&supervisor).await;
    sent(&first).await;
    second.place(&page).await;
    second.text("晚上七点后方便").shown_in_minutes(3).await;
    second.text("139 5710 4826").shown().await;
    second.link("拨打").shown().await;
    first.text("这位客户现在由周凯负责").shown_in_minutes(3).await;
    first.place("/people").await;
    first.text("还没有客户").shown().await;

    // The colleague lets go of them, without the centre too; whoever wants to claims them.
    server.kill().await;
    second.button("打开完整档案与往来").tap().await;
    second.button("放入公海").tap().await;
    second.status("已放入公海").shown().await;
    server.start().await;
    sent(&second).await;
    first.tab("公海").tap().await;
    first.button("赵思琳").shown_in_minutes(3).await;
    first.button("赵思琳").tap().await;
    first.text("公海，还没有人负责").shown().await;
    assert!(!first.link("拨打").is_there().await, "nobody calls a guest who is nobody's");
    first.button("领取").tap().await;
    first.status("已归到您名下").shown().await;
    sent(&first).await;
    first.tab("我的客户").tap().await;
    first.button("赵思琳").tap().await;
    first.link("拨打").shown_in_minutes(3).await;
    note(&first, &page, "周六来看场").await;
    sent(&first).await;
    supervisor.place(&page).await;
    supervisor.text("周六来看场").shown_in_minutes(3).await;
    let manager = Tablet::of(LI_WEI, "M-01", &server).await;
    manager.place("/log").await;
    manager.text("林悦把赵思琳从公海转给林悦").shown_in_minutes(2).await;
    manager.text("吴珊把赵思琳从林悦转给周凯").shown().await;
    server.verified_changes().await;
}

#[tokio::test]
async fn all_guests_of_a_colleague_who_leaves_go_to_others() {
    let server = club().await;
    let first = Tablet::of(LIN_YUE, "L-01", &server).await;
    for (name, phone) in [("赵思琳", "139 5710 4826"), ("孙一帆", "139 5710 4827"), ("李想", "139 5710 4828")] {
        capture(&first, name, phone).await;
    }
    sent(&first).await;
    let manager = Tablet::of(LI_WEI, "M-01", &server).await;
    manager.place("/people").await;
    manager.text("共3位").shown_in_minutes(2).await;
    manager.link("更多").tap().await;
    manager.button("同事与平板").tap().await;
    manager.list("同事").tap_inside("button", "林悦").await;
    manager.text("名下有3位客户").shown().await;
    manager.button("停用账号").tap().await;
    manager.text("林悦的账号已停用").shown().await;
    manager.button("关上").tap().await;
    // Whoever has left is still named, with those whom nobody has taken over.
    manager.text("已离开").shown().await;
    manager.list("同事").tap_inside("button", "林悦").await;
    manager.heading("交给谁").shown().await;
    manager.button("周凯").tap().await;
    manager.status("3位客户已交给周凯").shown().await;
    manager.text("名下3位客户").shown().await;
    sent(&manager).await;
    let second = Tablet::of(ZHOU_KAI, "L-02", &server).await;
    second.place("/people").await;
    second.text("共3位").shown_in_minutes(3).await;
    second.button("孙一帆").shown().await;
    server.verified_changes().await;
}
