//! The browser loses the database, or part of it: what was not sent comes back from the tablet's second copy.

use serde_json::json;

use crate::{
    house::{LIN_YUE, Server, Tablet},
    leads::{self, Is, Lead, Way},
};

/// Leads of one afternoon without network.
const LEADS: usize = 8;

/// Waits until every change that is unsent lies in the files of the second copy too, and tells how many there are.
const COPIED: &str = "const done = arguments[arguments.length - 1];
    const open = indexedDB.open('yingke');
    const kept = async (transaction) => new Promise((resolve) => {
        const request = transaction.objectStore('journal').getAll();
        request.onsuccess = () => resolve(request.result.filter((row) => row[1] === 1 && row[2] === 0));
    });
    const latin = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
    open.onsuccess = async () => {
        const rows = await kept(open.result.transaction('journal'));
        open.result.close();
        const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('copy');
        for (;;) {
            const texts = [];
            for await (const file of folder.values()) {
                texts.push(latin(new Uint8Array(await (await file.getFile()).arrayBuffer())));
            }
            const holds = (row) => texts.some((text) => text.includes(latin(row)));
            if (rows.every(holds)) return done(rows.length);
            await new Promise(requestAnimationFrame);
        }
    };";

/// Cuts a row of the journal short, as a disk may.
const TEAR: &str = "const done = arguments[arguments.length - 1];
    const open = indexedDB.open('yingke');
    open.onsuccess = () => {
        const transaction = open.result.transaction('journal', 'readwrite');
        const store = transaction.objectStore('journal');
        const keys = store.getAllKeys();
        keys.onsuccess = () => {
            const key = keys.result[arguments[0]];
            const row = store.get(key);
            row.onsuccess = () => store.put(row.result.slice(0, 50), key);
        };
        transaction.oncomplete = () => done(open.result.close());
    };";

/// Names, numbers and notes, and the endpoint is down from before the first of them.
async fn an_afternoon_offline(server: &mut Server, tablet: &Tablet) -> Vec<Lead> {
    tablet.button("全部已送达").shown().await;
    server.kill().await;
    leads::begin_outing(tablet).await;
    let afternoon: Vec<Lead> = leads::of_the_day().into_iter().filter(|lead| lead.is == Is::New).take(LEADS).collect();
    for (at, lead) in afternoon.iter().enumerate() {
        leads::enter_number(tablet, lead, Way::for_line(at, lead)).await;
        leads::enter_rest(tablet, lead).await;
        leads::save(tablet, lead).await;
    }
    // The outing itself as well.
    assert_eq!(tablet.later(COPIED, json!(null)).await, json!(LEADS + 1));
    afternoon
}

async fn all_are_there(tablet: &Tablet, afternoon: &[Lead]) {
    tablet.link("客户").tap().await;
    for lead in afternoon {
        leads::search_finds(tablet, &lead.digits(), 1).await;
    }
}

#[tokio::test]
async fn a_deleted_database_comes_back_with_every_lead_and_the_keys_to_them() {
    let mut server = Server::club().await;
    let mut tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    let before = server.verified_changes().await;
    let afternoon = an_afternoon_offline(&mut server, &tablet).await;
    tablet.go("about:blank").await;
    let database = json!({ "origin": server.address(), "storageTypes": "indexeddb" });
    tablet.devtools("Storage.clearDataForOrigin", database).await;
    tablet.end().await;
    for lead in &afternoon {
        let texts = [lead.digits(), lead.name.clone(), lead.note.clone()];
        for text in texts.iter().filter(|text| text.chars().count() > 1) {
            assert_eq!(tablet.files_with(text.as_bytes()), Vec::<std::path::PathBuf>::new(), "{text} lies in clear");
        }
    }

    tablet.open().await;
    tablet.status("本机的数据库没了，已用本机的第二份副本恢复").shown().await;
    tablet.status(&format!("没发的{}条改动已找回", LEADS + 1)).shown().await;
    tablet.unlock(LIN_YUE).await;
    all_are_there(&tablet, &afternoon).await;
    // What came back is as safe as what was saved: it is there after a kill.
    tablet.kill().await;
    tablet.open().await;
    tablet.unlock(LIN_YUE).await;
    all_are_there(&tablet, &afternoon).await;

    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    assert_eq!(server.verified_changes().await, before + LEADS + 1, "each arrives, and once");
}

#[tokio::test]
async fn a_profile_on_two_tablets_goes_on_under_two_numbers() {
    let mut server = Server::club().await;
    let mut one = Tablet::of(LIN_YUE, "A-09", &server).await;
    one.button("全部已送达").shown().await;
    let before = server.verified_changes().await;
    let numbers = ["13805712296", "13805713311", "13805714422", "13805715533", "13805716644"];
    let leads = numbers.map(Lead::in_a_hurry);
    // Unsent on both.
    server.kill().await;
    leads::begin_outing(&one).await;
    capture(&one, &leads[0]).await;
    one.end().await;
    let mut two = one.cloned();
    server.start().await;
    one.open().await;
    one.unlock(LIN_YUE).await;
    go_on_outing(&one).await;
    for lead in &leads[1..3] {
        capture(&one, lead).await;
        one.button("全部已送达").shown_in_minutes(3).await;
    }

    // The other one is told at its first contact, and nobody there is asked for anything.
    two.open().await;
    two.unlock(LIN_YUE).await;
    go_on_outing(&two).await;
    capture(&two, &leads[3]).await;
    two.button("全部已送达").shown_in_minutes(3).await;
    capture(&one, &leads[4]).await;
    one.button("全部已送达").shown_in_minutes(3).await;
    let listed = server.run(&["device", "list"]).await;
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines.len() == 2 && lines[1].starts_with("2 A-09") && lines[1].contains("a copy of 1"), "{listed}");
    assert_eq!(server.verified_changes().await, before + 1 + leads.len(), "the outing and each lead, once");
    all_are_there(&two, &leads).await;
    all_are_there(&one, &leads).await;
}

async fn capture(tablet: &Tablet, lead: &Lead) {
    leads::capture_fast(tablet, lead).await;
    leads::ticked(tablet, lead).await;
}

async fn go_on_outing(tablet: &Tablet) {
    tablet.link("外拓").tap().await;
    tablet.button("接着记").tap().await;
    tablet.group("联系电话").shown().await;
}

#[tokio::test]
async fn a_torn_row_is_mended_and_arrives() {
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-08", &server).await;
    let before = server.verified_changes().await;
    let afternoon = an_afternoon_offline(&mut server, &tablet).await;
    tablet.later(TEAR, json!(3)).await;
    tablet.reload().await;
    tablet.status("本机有1条没发的改动读不出来，已用第二份副本修好").shown().await;
    tablet.unlock(LIN_YUE).await;
    all_are_there(&tablet, &afternoon).await;
    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    assert_eq!(server.verified_changes().await, before + LEADS + 1);
}
