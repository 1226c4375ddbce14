//! What an earlier version of the app left on a tablet: today's opens it, and takes nothing away however often it is killed
//! over it. And a tab of the version before makes way for a later one.

use std::collections::BTreeMap;

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value as Json, json};
use yingke_core::{
    audience::Audience,
    chance::{Chance, Seeded},
    codec,
    id::OrganisationId,
    record::Record,
    replica::{Extent, Replica},
    wire::v1::{Enrolled, SignedIn, base64_bytes},
};

use crate::{
    house::{LI_WEI, Server, Tablet, VENUE},
    leads::{self, Lead},
    page::Page,
};

/// They come once there is network again: more than what a checkpoint waits for.
const MORE_PEOPLE: usize = 600;
/// Looks at the page before it is killed: they take some milliseconds each.
const LOOKS_MAX: u64 = 200;

/// A page of the same place that is none of the app's, so that nothing else has the database open. The service worker has
/// it when there is no network.
const BESIDE: &str = "/icons/mark-192.png";

/// Opens the database as it is, or at a version of its own; what follows says what is done with it.
const OPEN: &str = "const [given, done] = arguments;
    const opened = (version, onupgradeneeded) => new Promise((resolve, reject) => Object.assign(
        indexedDB.open('yingke', version), { onupgradeneeded, onsuccess: (event) => resolve(event.target.result), onerror: reject }));
    const answered = (request) => new Promise((resolve, reject) =>
        Object.assign(request, { onsuccess: () => resolve(request.result), onerror: reject }));
    const text = (bytes) => btoa([...new Uint8Array(bytes.buffer ?? bytes)].map((byte) => String.fromCharCode(byte)).join(''));
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
";

async fn in_database(page: &Page, work: &str, given: Json) -> Json {
    page.later(&format!("{OPEN}(async () => {{ {work} }})().then(done, (error) => done('failed: ' + error));"), given)
        .await
}

/// The rows of a store, as base 64.
async fn rows(page: &Page, store: &str) -> BTreeMap<String, String> {
    let work = "const database = await opened();
        const store = database.transaction(given).objectStore(given);
        const [keys, values] = await Promise.all([answered(store.getAllKeys()), answered(store.getAll())]);
        database.close();
        return Object.fromEntries(keys.map((key, at) => [key, text(values[at])]));";
    serde_json::from_value(in_database(page, work, json!(store)).await).unwrap()
}

// ---- The first format ---------------------------------------------------------------------------------------

/// Records in a block of the first apps.
const FIRST_BLOCK_RECORDS: usize = 4_096;

/// What blocks are sealed under.
struct Keys {
    organisation: OrganisationId,
    keys: BTreeMap<Audience, Aes256Gcm>,
}

impl Keys {
    /// From here on the page remembers what the endpoint tells it.
    async fn listen(page: &Page) {
        let script = "const fetched = window.fetch;
            window.told = {};
            window.fetch = async (path, ...rest) => {
                const answer = await fetched(path, ...rest);
                if (/enrol|sign-in/.test(path)) window.told[path] = await answer.clone().json();
                return answer;
            };";
        page.run(script, vec![]).await;
    }

    /// As this tablet was told them.
    async fn of(page: &Page) -> Self {
        let told = page.run("return window.told", vec![]).await;
        let enrolled: Enrolled = serde_json::from_value(told["/v1/enrol"].clone()).unwrap();
        let signed_in: SignedIn = serde_json::from_value(told["/v1/sign-in"].clone()).unwrap();
        let key = |text: &String| Aes256Gcm::new_from_slice(&base64_bytes(text).unwrap()).unwrap();
        let keys = signed_in.keys.iter().map(|(audience, text)| (audience.clone(), key(text))).collect();
        Self { organisation: enrolled.directory.organisation, keys }
    }

    /// What the seal of a block is bound to.
    fn place(&self, row: [u8; 16], audience: &Audience) -> Vec<u8> {
        [&self.organisation.bytes(), &row[..], &[1, 3], audience.to_string().as_bytes()].concat()
    }

    /// version 1 · kind 3 · row id 16 · whose key 1 · length 1 · audience · nonce 12 · length 4 · sealed
    fn open(&self, row: &[u8]) -> (Audience, Vec<u8>) {
        let (id, part) = row[2..].split_first_chunk::<16>().unwrap();
        let (audience, rest) = part[2..].split_at(part[1].into());
        let audience: Audience = std::str::from_utf8(audience).unwrap().parse().unwrap();
        let (nonce, rest) = rest.split_first_chunk::<12>().unwrap();
        let payload = Payload { msg: &rest[4..], aad: &self.place(*id, &audience) };
        let plain = self.keys[&audience].decrypt(&Nonce::from(*nonce), payload).unwrap();
        (audience, plain)
    }

    fn seal(&self, number: u8, audience: &Audience, plain: &[u8]) -> Vec<u8> {
        let (id, nonce) = ([number; 16], [number; 12]);
        let payload = Payload { msg: plain, aad: &self.place(id, audience) };
        let sealed = self.keys[audience].encrypt(&Nonce::from(nonce), payload).unwrap();
        let name = audience.to_string();
        let (name_length, length) = ([name.len() as u8], (sealed.len() as u32).to_be_bytes());
        [&[1, 3], &id[..], &[0], &name_length, name.as_bytes(), &nonce, &length, &sealed].concat()
    }
}

/// Apps of before, by how they laid out blocks of codec 1 under format 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Earlier {
    /// The keys do not say how many records a block holds, and the store that came last is missing.
    First,
    /// They do, as today's.
    Between,
}

/// Lays out what today's app has written as an earlier one did. Gives the number of records.
async fn as_left_by(app: Earlier, page: &Page, keys: &Keys) -> usize {
    let mut replicas: BTreeMap<Audience, Replica> = BTreeMap::new();
    for (key, row) in rows(page, "blocks").await {
        let (audience, plain) = keys.open(&BASE64_STANDARD.decode(row).unwrap());
        let extent = if key.contains('=') { Extent::Whole } else { Extent::Since };
        replicas.entry(audience).or_default().load(plain, extent).unwrap();
    }
    let (mut blocks, mut count) = (BTreeMap::new(), 0);
    for (audience, replica) in &replicas {
        let records: Vec<Record> = replica.base_of(audience).map(|record| record.into_owned()).collect();
        count += records.len();
        for (place, part) in records.chunks(FIRST_BLOCK_RECORDS).enumerate() {
            let plain = codec::block_bytes(part.iter());
            let row = keys.seal(blocks.len() as u8 + 1, audience, &plain);
            let key = match app {
                Earlier::First => format!("{audience}#{:010}", place + 1),
                Earlier::Between => format!("{audience}#{:010}={}", place + 1, part.len()),
            };
            blocks.insert(key, BASE64_STANDARD.encode(row));
        }
    }
    let work = "const before = await opened();
        const version = before.version + 1;
        before.close();
        const database = await opened(version, (event) => given.without && event.target.result.deleteObjectStore(given.without));
        const tx = database.transaction(['blocks', 'meta'], 'readwrite', { durability: 'strict' });
        const [blocks, meta] = [tx.objectStore('blocks'), tx.objectStore('meta')];
        blocks.clear();
        for (const [key, row] of Object.entries(given.blocks)) blocks.put(bytes(row), key);
        meta.put(new TextEncoder().encode('{\"readable_from\":1,\"writable_from\":1}'), 'format');
        await new Promise((resolve, reject) => Object.assign(tx, { oncomplete: resolve, onabort: reject }));
        database.close();
        return 'done';";
    let without = (app == Earlier::First).then_some("blobs");
    assert_eq!(in_database(page, work, json!({ "blocks": blocks, "without": without })).await, "done");
    count
}

async fn format(tablet: &Tablet) -> String {
    let row = rows(tablet, "meta").await.remove("format").unwrap();
    String::from_utf8(BASE64_STANDARD.decode(row).unwrap()).unwrap()
}

// ---- The tests ----------------------------------------------------------------------------------------------

/// Rows of a table, each with a number that is nobody else's.
fn table(from: usize, count: usize) -> String {
    let rows = (from..from + count).map(|place| format!("客人,1370{:07}\n", 1_000 + 7 * place));
    format!("姓名,手机\n{}", rows.collect::<String>())
}

async fn import(server: &Server, from: usize, count: usize) {
    let file = server.folder().join("people.csv");
    std::fs::write(&file, table(from, count)).unwrap();
    server.run(&["import", file.to_str().unwrap(), "--venue", VENUE, "--as", LI_WEI.name, "--write"]).await;
}

/// Opened, and killed at some moment from the first on.
async fn is_killed(tablet: &mut Tablet, chance: &mut Seeded) {
    tablet.open().await;
    let looks = chance.next_u64() % LOOKS_MAX;
    let mut unlocked = false;
    for _ in 0..looks {
        if !unlocked && tablet.text("先选自己").is_there().await {
            tablet.unlock(LI_WEI).await;
            unlocked = true;
        }
        tablet.reads().await;
    }
    tablet.kill().await;
}

#[tokio::test]
async fn what_the_first_app_kept_is_all_there_however_often_todays_is_killed_over_it() {
    is_all_there(Earlier::First, 10_000, 200, (3, 5)).await;
}

#[tokio::test]
async fn what_a_later_app_kept_is_all_there_too() {
    is_all_there(Earlier::Between, 1_000, 20, (1, 1)).await;
}

/// What an app left of so many people, with so many changes unsent, once today's was killed over it so often offline and so
/// often online.
async fn is_all_there(app: Earlier, people: usize, unsent: usize, kills: (usize, usize)) {
    let mut chance = Seeded::new(20_261_128);
    let mut server = Server::club().await;
    import(&server, 0, people).await;
    let mut tablet = Tablet::new("U-01", server.address()).await;
    Keys::listen(&tablet).await;
    tablet.enrol(&server).await;
    tablet.unlock(LI_WEI).await;
    tablet.installed().await;
    let keys = Keys::of(&tablet).await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    let blocks = async || (!rows(&tablet, "blocks").await.is_empty()).then_some(());
    tablet.until("nothing becomes blocks", blocks).await;
    server.kill().await;
    leads::begin_outing(&tablet).await;
    for place in 1..unsent {
        let lead = Lead::in_a_hurry(&format!("139{:08}", 57_120_000 + 7 * place));
        leads::capture_fast(&tablet, &lead).await;
        leads::ticked(&tablet, &lead).await;
    }
    tablet.go(&format!("{}{BESIDE}", server.address())).await;
    let count = as_left_by(app, &tablet, &keys).await;
    assert!(count >= people, "{count} records lie in blocks");
    tablet.end().await;

    // Without network: the layout's missing step is taken, and the blocks of then are read.
    for _ in 0..kills.0 {
        is_killed(&mut tablet, &mut chance).await;
    }
    tablet.open().await;
    tablet.unlock(LI_WEI).await;
    tablet.link("客户").tap().await;
    let everyone = people + unsent - 1;
    tablet.text(&format!("共{everyone}位")).shown_in_minutes(1).await;
    tablet.place("/sync").await;
    tablet.text(&format!("{unsent}条")).shown().await;
    assert!(
        format(&tablet).await.contains("\"readable_from\":1"),
        "nothing was written that the first app cannot read"
    );
    tablet.kill().await;

    // With it: what was unsent goes out, and a checkpoint writes blocks of today.
    server.start().await;
    import(&server, people, MORE_PEOPLE).await;
    for _ in 0..kills.1 {
        is_killed(&mut tablet, &mut chance).await;
    }
    tablet.open().await;
    tablet.unlock(LI_WEI).await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    tablet.link("客户").tap().await;
    tablet.text(&format!("共{}位", everyone + MORE_PEOPLE)).shown_in_minutes(1).await;
    let raised = async || format(&tablet).await.contains("\"readable_from\":2").then_some(());
    tablet.until("the format is still the first", raised).await;
    assert_eq!(server.verified_changes().await, people + MORE_PEOPLE + unsent);
    tablet.kill().await;
    server.kill().await;
    tablet.open().await;
    tablet.unlock(LI_WEI).await;
    tablet.link("客户").tap().await;
    tablet.text(&format!("共{}位", everyone + MORE_PEOPLE)).shown_in_minutes(1).await;
}

#[tokio::test]
async fn a_tab_of_the_version_before_holds_up_no_later_one_and_offers_to_reload() {
    let server = Server::club().await;
    let tablet = Tablet::of(LI_WEI, "U-02", &server).await;
    let before = tablet.tab_in_front().await;
    tablet.place("/people/new").await;
    tablet.field("姓名").fill("周敏").await;
    tablet.open_tab().await;
    tablet.go(&format!("{}{BESIDE}", server.address())).await;
    let work = "const before = await opened();
        const version = before.version + 1;
        before.close();
        const raised = opened(version, (event) => event.target.result.createObjectStore('later'));
        const patience = new Promise((_, reject) => setTimeout(reject, 5000, 'held up'));
        (await Promise.race([raised, patience])).close();
        return 'done';";
    assert_eq!(in_database(&tablet, work, json!(null)).await, "done");

    // What is kept is in a form that it knows, so work goes on until somebody agrees.
    tablet.turn_to(&before).await;
    tablet.text("新版本已备好").shown().await;
    tablet.field("联系电话").fill("138 5710 4826").await;
    tablet.checkbox("同意电话联系").tap().await;
    tablet.button("保存").tap().await;
    tablet.heading("周敏").shown().await;
    tablet.button("现在换上").tap().await;
    tablet.unlock(LI_WEI).await;
    tablet.link("客户").tap().await;
    tablet.button("周敏").shown().await;
}
