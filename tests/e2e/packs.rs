//! A club changes its pack: its tablets take it with a sync, and go by it from the next unlock on, also without network.

use std::fs;

use crate::{
    house::{LIN_YUE, Server, Tablet},
    leads::{self, Lead, Way},
    looks::Eye,
};

#[tokio::test]
async fn a_pack_that_is_published_is_in_force_from_the_next_unlock_on() {
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    leads::begin_outing(&tablet).await;
    tablet.radio("赶时间").shown().await;

    // Other words, one answer more, and something that no other club asks.
    publish(&server, "fitness", r#"["short_on_time", "赶时间", "#, |said| {
        format!(r#"["maybe", "改天再聊", "改天再聊", "Another day"], {}"#, said.replace("赶时间", "没时间"))
    })
    .await;
    publish(&server, "core", r#"{ key = "gender", label = ["性别", "性別", "Gender"], note"#, |field| {
        let own = r#"{ key = "own_plate", label = ["车牌", "車牌", "Plate"], type = "text(10)", required = "no" }"#;
        format!("{own},\n  {field}")
    })
    .await;

    // It comes with what is sent next, and changes nothing under anybody's hands.
    let guest = Lead::in_a_hurry("13805712296");
    leads::capture_fast(&tablet, &guest).await;
    leads::ticked(&tablet, &guest).await;
    tablet.link("更多").tap().await;
    tablet.text("健身俱乐部，随程序的第1版；新的一版已到，下次解锁起用").shown().await;
    let mut eye = Eye::on(&tablet);
    eye.look("93-pack-waits").await;
    back_to_the_card(&tablet).await;
    tablet.radio("赶时间").shown().await;
    assert!(!tablet.radio("没时间").is_there().await);

    // From the next unlock on, in a page that was opened anew and without network as well.
    tablet.lock(LIN_YUE).await;
    tablet.unlock(LIN_YUE).await;
    back_to_the_card(&tablet).await;
    tablet.radio("没时间").shown().await;
    server.kill().await;
    tablet.reload().await;
    tablet.unlock(LIN_YUE).await;
    tablet.link("更多").tap().await;
    tablet.text("健身俱乐部，公司的第2版").shown().await;
    eye.look("96-pack-edition").await;
    back_to_the_card(&tablet).await;
    tablet.radio("改天再聊").shown().await;
    eye.look("94-pack-in-force").await;
    tablet.link("接待").tap().await;
    tablet.button("登记来访").tap().await;
    tablet.field("姓名").fill("周敏").await;
    tablet.field("车牌").fill("浙A12345").await;
    eye.look("95-own-field").await;
    tablet.field("联系电话").fill("13805712298").await;
    tablet.group("来访事由").tap_inside("[role=radio]", "参观咨询").await;
    tablet.group("第一次来吗").tap_inside("[role=radio]", "是").await;
    tablet.group("接待人员").tap_inside("[role=radio]", LIN_YUE.name).await;
    tablet.checkbox("已告知个人信息的用途").tap().await;
    tablet.button("保存").tap().await;
    tablet.status("已存在本机：周敏").shown().await;
    tablet.text("浙A12345").shown().await;
    eye.look("97-own-field-kept").await;

    // What is written by it is taken, and a tablet that comes later begins with it.
    let other = Lead::in_a_hurry("13805712297");
    back_to_the_card(&tablet).await;
    leads::enter_number(&tablet, &other, Way::Keypad).await;
    tablet.radio("改天再聊").tap().await;
    leads::save(&tablet, &other).await;
    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    let newcomer = Tablet::of(LIN_YUE, "A-08", &server).await;
    newcomer.link("更多").tap().await;
    newcomer.text("健身俱乐部，公司的第2版").shown().await;
    newcomer.link("接待").tap().await;
    newcomer.button("周敏").tap().await;
    newcomer.text("浙A12345").shown().await;
    eye.found_all_in_order();
}

/// Puts a pack into force as a next version, with one text in the place of another.
async fn publish(server: &Server, key: &str, from: &str, to: impl Fn(&str) -> String) {
    let pack = server.run(&["pack", "show", key]).await;
    assert!(pack.contains(from), "{from}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.toml");
    fs::write(&file, pack.replacen("\nversion = 1\n", "\nversion = 2\n", 1).replacen(from, &to(from), 1)).unwrap();
    server.run(&["pack", "publish", file.to_str().unwrap()]).await;
}

async fn back_to_the_card(tablet: &Tablet) {
    tablet.link("外拓").tap().await;
    tablet.button("接着记").tap().await;
}
