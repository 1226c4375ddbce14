//! A tablet that was shut out: what is unsent is handed in sealed, then nothing is left that opens, and it says so. And one
//! whose storage was cleared: what is lost is said.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    doctor,
    house::{LI_WEI, LIN_YUE, Server, Tablet, VENUE, WU_SHAN},
    leads::{self, Lead},
};

/// Every value of the app's database, in base 64.
const VALUES: &str = "const done = arguments[arguments.length - 1];
    const open = indexedDB.open('yingke');
    open.onsuccess = async () => {
        const stores = [...open.result.objectStoreNames];
        const transaction = open.result.transaction(stores);
        const values = (store) => new Promise((resolve) => {
            const request = transaction.objectStore(store).getAll();
            request.onsuccess = () => resolve(request.result);
        });
        const all = (await Promise.all(stores.map(values))).flat();
        const text = (value) => btoa([...new Uint8Array(value.buffer ?? value)].map((it) => String.fromCharCode(it)).join(''));
        open.result.close();
        done(all.map(text));
    };";

/// Pieces of what lies in the database, each long and varied enough to be found nowhere by chance.
async fn pieces(tablet: &Tablet) -> Vec<Vec<u8>> {
    const PIECE: usize = 24;
    let values: Vec<String> = serde_json::from_value(tablet.later(VALUES, json!(null)).await).unwrap();
    let values = values.iter().map(|value| STANDARD.decode(value).unwrap());
    let of_value = |value: Vec<u8>| {
        let places = [value.len() / 4, value.len() / 2, value.len() * 3 / 4];
        let is_long = value.len() >= 8 * PIECE;
        let pieces = places.into_iter().filter(|_| is_long).map(|at| value[at..at + PIECE].to_vec());
        pieces.filter(|piece| piece.iter().collect::<BTreeSet<_>>().len() >= PIECE / 2).collect::<Vec<_>>()
    };
    values.flat_map(of_value).collect()
}

async fn capture(tablet: &Tablet, number: &str) -> Lead {
    let lead = Lead::in_a_hurry(number);
    leads::capture_fast(tablet, &lead).await;
    leads::ticked(tablet, &lead).await;
    lead
}

#[tokio::test]
async fn a_revoked_tablet_hands_in_what_is_unsent_and_holds_nothing_any_more() {
    let mut server = Server::club().await;
    let mut tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    leads::begin_outing(&tablet).await;
    let sent = capture(&tablet, "13805712296").await;
    tablet.button("全部已送达").shown().await;
    let in_force = server.verified_changes().await;
    server.kill().await;
    let unsent = [capture(&tablet, "13805713311").await, capture(&tablet, "13805714422").await];
    let before = pieces(&tablet).await;
    assert!(before.len() >= 9, "tablet, keys and changes lie there: {}", before.len());
    for piece in &before {
        assert!(
            !tablet.files_with(piece).is_empty(),
            "a search that finds nothing before the wipe says nothing after it"
        );
    }

    server.run(&["device", "revoke", "1"]).await;
    server.start().await;
    tablet.heading("这台平板已停用，资料都清掉了").shown_in_minutes(3).await;
    tablet.text("还没发送的2条记录").shown().await;
    let listed = server.run(&["device", "handed-in"]).await;
    let receipt = listed.split("receipt ").nth(1).and_then(|rest| rest.get(..9)).unwrap_or_else(|| panic!("{listed}"));
    tablet.text(receipt).shown().await;
    assert!(listed.contains("2 handed in") && listed.contains("and it has wiped itself"), "{listed}");
    assert_eq!(server.verified_changes().await, in_force, "nothing comes into force by itself");

    // It says so after the browser was closed, too.
    tablet.end().await;
    tablet.open().await;
    tablet.text(receipt).shown().await;
    tablet.end().await;
    server.kill().await;
    for piece in &before {
        assert_eq!(tablet.files_with(piece), Vec::<std::path::PathBuf>::new(), "{}", String::from_utf8_lossy(piece));
    }
    for lead in unsent.iter().chain([&sent]) {
        assert!(tablet.files_with(lead.digits().as_bytes()).is_empty(), "no number ever lay there in clear");
    }

    // What was handed in is the administrator's to take in, and the tablet may be enrolled again.
    server.run(&["device", "take-in", "1", "--write"]).await;
    assert_eq!(server.verified_changes().await, in_force + 2);
    server.start().await;
    tablet.open().await;
    tablet.button("用新的登记码登记").tap().await;
    tablet.enrol(&server).await;
    tablet.unlock(LIN_YUE).await;
    tablet.link("客户").tap().await;
    for lead in unsent.iter().chain([&sent]) {
        leads::search_finds(&tablet, &lead.digits(), 1).await;
    }
    let listed = server.run(&["device", "list"]).await;
    assert!(listed.lines().next().unwrap().contains(VENUE) && listed.contains(", wiped "), "{listed}");
}

#[tokio::test]
async fn a_locked_tablet_that_cannot_hand_in_keeps_everything_until_it_can() {
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-08", &server).await;
    tablet.button("全部已送达").shown().await;
    server.kill().await;
    leads::begin_outing(&tablet).await;
    let lead = capture(&tablet, "13805713311").await;
    tablet.button(LIN_YUE.name).tap().await;
    tablet.radio(LIN_YUE.name).shown().await;

    // Whatever stands between them lets nothing be handed in.
    tablet.devtools("Network.enable", json!({})).await;
    tablet.devtools("Network.setBlockedURLs", json!({ "urls": ["*/v1/hand-in"] })).await;
    server.run(&["device", "revoke", "1"]).await;
    server.start().await;
    tablet.unlock(LIN_YUE).await;
    tablet.button("这台平板已停用").shown_in_minutes(3).await;
    tablet.link("客户").tap().await;
    leads::search_finds(&tablet, &lead.digits(), 1).await;
    assert!(server.run(&["device", "handed-in"]).await.contains("nothing handed in, and it is not wiped yet"));

    tablet.link("今日").tap().await;
    tablet.button(LIN_YUE.name).tap().await;
    tablet.radio(LIN_YUE.name).shown().await;
    tablet.devtools("Network.setBlockedURLs", json!({ "urls": [] })).await;
    tablet.heading("这台平板已停用，资料都清掉了").shown_in_minutes(3).await;
    // The outing and the lead.
    tablet.text("还没发送的2条记录").shown().await;
    assert!(server.run(&["device", "handed-in"]).await.contains("2 handed in"));
}

#[tokio::test]
async fn a_tablet_whose_storage_was_cleared_says_what_may_be_lost() {
    let mut server = Server::club().await;
    let tablet = Tablet::of(LI_WEI, "M-01", &server).await;
    tablet.button("全部已送达").shown().await;
    // One change comes back refused and waits on the tablet.
    doctor::sets_what_is_no_longer_his(&mut server, &tablet).await;
    server.start().await;
    tablet.button("要重新登录").shown_in_minutes(2).await;
    tablet.lock(LI_WEI).await;
    tablet.unlock(LI_WEI).await;
    tablet.place("/sync").await;
    tablet.status("中心没收下1条").shown_in_minutes(2).await;
    // And what is saved from here on the endpoint never hears of.
    server.kill().await;
    leads::begin_outing(&tablet).await;
    capture(&tablet, "13805713311").await;

    // Where the app runs it puts back what is unsent; the browser clears what nobody has open.
    tablet.go("about:blank").await;
    let everything = json!({ "origin": server.address(), "storageTypes": "all" });
    tablet.devtools("Storage.clearDataForOrigin", everything).await;
    server.start().await;
    tablet.begin_tab().await;
    tablet.enrol(&server).await;
    tablet.text("中心记得叫M-01的平板").shown().await;
    tablet.text("最后联系时，至少还有1条没送到。如果就是这台，那些可能已经丢失。").shown().await;
    tablet.text("存过交接文件的，在任何一台平板的“同步”页收下").shown().await;

    let listed = server.run(&["device", "list"]).await;
    assert!(listed.lines().next().unwrap().contains(", at least 1 unsent at 20"), "{listed}");
    tablet.unlock(WU_SHAN).await;
    tablet.link("更多").tap().await;
    tablet.button("同事与平板").tap().await;
    tablet.tab("平板").tap().await;
    tablet.tap_first("[role=list] button", &["M-01", "至少1条未送，"], &[]).await;
    tablet.text("还没送到").shown().await;
}
