//! Two consultants meet one guest on the same day, offline; a supervisor sees both sides, joins them and takes it back.

use crate::{
    house::{LI_WEI, LIN_YUE, Person, Server, Tablet, VENUE, WU_SHAN},
    leads::{self, Lead},
};

const ZHOU_KAI: Person = Person { name: "周凯", role: "consultant", pin: "518203" };

#[tokio::test]
async fn a_guest_who_was_captured_twice_becomes_one_and_two_again() {
    let mut server = Server::club().await;
    server.kill().await;
    let Person { name, role, pin } = ZHOU_KAI;
    server.run(&["staff", "add", "--name", name, "--role", role, "--venue", VENUE, "--pin", pin]).await;
    server.start().await;
    let first = Tablet::of(LIN_YUE, "S-01", &server).await;
    let second = Tablet::of(ZHOU_KAI, "S-02", &server).await;
    server.kill().await;
    let lead = Lead::in_a_hurry("138 0571 2296");
    for tablet in [&first, &second] {
        leads::begin_outing(tablet).await;
        leads::capture_fast(tablet, &lead).await;
        leads::ticked(tablet, &lead).await;
    }
    server.start().await;
    for tablet in [&first, &second] {
        tablet.button("全部已送达").shown_in_minutes(6).await;
    }

    let supervisor = Tablet::of(WU_SHAN, "S-03", &server).await;
    supervisor.button("全部已送达").shown_in_minutes(2).await;
    supervisor.link("客户").tap().await;
    leads::search_finds(&supervisor, "2296", 2).await;
    supervisor.button("未").tap().await;
    supervisor.text("同一个电话，可能是同一个人").shown().await;
    supervisor.button("看看").tap().await;
    supervisor.heading("这两条，是不是同一位客人？").shown().await;
    supervisor.text("客人归林悦").shown().await;
    supervisor.button("合成一位").tap().await;
    supervisor.status("已合成一位").shown().await;
    leads::search_finds(&supervisor, "2296", 1).await;
    supervisor.button("撤销").tap().await;
    supervisor.status("已拆开").shown().await;
    leads::search_finds(&supervisor, "2296", 2).await;

    // Joined again and parted on the page of the one that stayed.
    supervisor.button("未").tap().await;
    supervisor.button("看看").tap().await;
    supervisor.button("合成一位").tap().await;
    supervisor.status("已合成一位").shown().await;
    leads::search_finds(&supervisor, "2296", 1).await;
    supervisor.button("未").tap().await;
    supervisor.button("打开完整档案与往来").tap().await;
    supervisor.text("并在这里的").shown().await;
    supervisor.button("全部已送达").shown_in_minutes(2).await;
    server.verified_changes().await;
    // Whose it is now was written down, R-152.
    let manager = Tablet::of(LI_WEI, "M-01", &server).await;
    manager.place("/log").await;
    manager.text("吴珊把一位客户从周凯转给林悦").shown_in_minutes(2).await;
    manager.text("原因：对方先登记").shown().await;
    supervisor.button("拆开").tap().await;
    supervisor.status("已拆开").shown().await;
    supervisor.link("客户").tap().await;
    leads::search_finds(&supervisor, "2296", 2).await;
}
