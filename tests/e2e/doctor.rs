//! The sync doctor: each fault is really there, and the Sync page says in one sentence what is wrong, what is safe and what
//! to do, in every language.

use serde_json::{Value as Json, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use yingke_core::wire::v1::VERSION;

use crate::{
    between::Request,
    house::{LI_WEI, LIN_YUE, Person, Server, Tablet, VENUE},
    leads::{self, Lead},
};

/// The same in each language of [`LANGUAGES`].
type Sentence = [&'static str; 3];

/// As the settings call them. The first one stays on.
const LANGUAGES: [&str; 3] = ["简体中文", "繁體中文", "English"];

const ALL_WELL: Sentence = [
    "全部已送达，你不用做任何事。",
    "全部已送達，你不用做任何事。",
    "Everything was delivered. There is nothing to do.",
];
const NO_NETWORK: Sentence = [
    "没有网络，本机没有要发的改动，照常使用就好。",
    "沒有網路，本機沒有待傳送的變更，照常使用即可。",
    "There is no network. Nothing waits on this tablet; carry on.",
];
const NO_NETWORK_FOR_TWO: Sentence = [
    "没有网络，2条改动安全存在本机，联网后自动发送，你不用做任何事。",
    "沒有網路，2筆變更安全存在本機，連線後自動傳送，你不用做任何事。",
    "There is no network. 2 changes are safe on this tablet and go out by themselves; there is nothing to do.",
];
const ENDPOINT_DOWN: Sentence = [
    "中心没有回应，本机的记录都安全，会自己再试，你不用做任何事。",
    "中心沒有回應，本機的紀錄皆安全，會自動再試，你不用做任何事。",
    "The centre does not answer. Everything is safe here and is tried again by itself; there is nothing to do.",
];
const CAPTIVE_PORTAL: Sentence = [
    "网络要先登录，本机的记录都安全，打开浏览器登录这个网络就会接着发。",
    "網路需先登入，本機的紀錄皆安全，用瀏覽器登入此網路後即繼續傳送。",
    "This network wants a sign-in first. Everything is safe here; sign in with the browser and sending goes on.",
];
const SLOW_NETWORK: Sentence = [
    "网络太慢，本机的记录都安全，换个信号好的地方会快些，不换也会自己接着发。",
    "網路太慢，本機的紀錄皆安全，換到訊號好的地方會較快，不換也會自動繼續傳送。",
    "The network is very slow. Everything is safe here; a place with better signal helps, and without one it goes on by \
     itself.",
];
const SIGNED_OUT: Sentence = [
    "登录过期了，本机的记录都安全，锁上再开一次锁就好。",
    "登入已過期，本機的紀錄皆安全，請鎖上後再解鎖一次。",
    "Your sign-in has run out. Everything is safe here; lock and unlock once.",
];
const REVOKED: Sentence = [
    "这台平板被停用了，没发的记录还在本机，交到中心才会清空；请连着网，交给主管。",
    "這台平板已被停用，未傳送的紀錄仍在本機，交到中心後才會清空；請保持連線，交給主管。",
    "This tablet was stopped. Unsent records are still on it and are handed in before it is wiped; keep it online and give \
     it to a supervisor.",
];
const CLOCK_FAST: Sentence = [
    "平板的时钟快了3小时，记录的先后已按中心的时间校正，请在系统设置里把时间调准。",
    "平板的時鐘快了3小時，紀錄的先後已按中心的時間校正，請在系統設定中調準時間。",
    "This tablet's clock is 3 h fast. Records keep their order by the centre's time; set the clock right in the system \
     settings.",
];
const CLOCK_SLOW: Sentence = [
    "平板的时钟慢了3小时，记录的先后已按中心的时间校正，请在系统设置里把时间调准。",
    "平板的時鐘慢了3小時，紀錄的先後已按中心的時間校正，請在系統設定中調準時間。",
    "This tablet's clock is 3 h slow. Records keep their order by the centre's time; set the clock right in the system \
     settings.",
];
const STORAGE_FULL: Sentence = [
    "本机快存不下了，已存的都在，请先删掉平板上的照片或应用腾出空间，再继续录入。",
    "本機快存不下了，已存的都在，請先刪除平板上的照片或應用程式騰出空間，再繼續登錄。",
    "This tablet is out of room. What was saved is still here; delete photos or apps to make room before you go on.",
];
const STORAGE_NOT_PERSISTENT: Sentence = [
    "全部已送达，只是浏览器没有答应一直保留本机的资料，请看存储一栏怎么更稳妥。",
    "全部已送達，只是瀏覽器未承諾一直保留本機的資料，請看儲存欄如何更穩妥。",
    "Everything was delivered, but the browser has not promised to keep what is on this tablet; Storage says what helps.",
];
const ONE_REFUSED: Sentence = [
    "中心没收下1条，内容都还在，请看原因、改好再发。",
    "中心未收下1筆，內容都還在，請看原因、修改後再傳。",
    "The centre did not take 1. Nothing is lost; read why, mend it and send again.",
];
const APP_TOO_OLD: Sentence = [
    "应用和中心的版本对不上，本机的记录都安全，请更新应用。",
    "應用程式與中心的版本不符，本機的紀錄皆安全，請更新應用程式。",
    "App and centre speak different versions. Everything is safe here; update the app.",
];
const ENDPOINT_RESTORED: Sentence = [
    "中心恢复到了早先的备份，本机的记录都在，正在补发给它，你不用做任何事。",
    "中心還原到較早的備份，本機的紀錄都在，正在補傳給它，你不用做任何事。",
    "The centre went back to an earlier copy. What this tablet holds is offered to it again; there is nothing to do.",
];

/// Opens the Sync page and reads what it says, in one language after the other.
async fn is_told(tablet: &Tablet, sentence: Sentence) {
    for (language, words) in LANGUAGES.into_iter().zip(sentence).rev() {
        tablet.place("/settings").await;
        tablet.radio(language).tap().await;
        tablet.place("/sync").await;
        tablet.status(words).shown_in_minutes(2).await;
        assert_eq!(tablet.status(words).reads().await, words, "nothing is said beside it");
    }
}

/// The outing and somebody met there.
async fn save_two(tablet: &Tablet, number: &str) {
    leads::begin_outing(tablet).await;
    let lead = Lead::in_a_hurry(number);
    leads::capture_fast(tablet, &lead).await;
    leads::ticked(tablet, &lead).await;
}

async fn lock_and_unlock(tablet: &Tablet, person: Person) {
    tablet.lock(person).await;
    tablet.unlock(person).await;
}

/// What the browser lets through, and how late, in milliseconds.
async fn network(tablet: &Tablet, is_there: bool, latency_ms: u32) {
    let conditions = json!({
        "offline": !is_there, "latency": latency_ms, "downloadThroughput": -1, "uploadThroughput": -1,
    });
    tablet.devtools("Network.emulateNetworkConditions", conditions).await;
}

#[tokio::test]
async fn no_network_is_told_apart_from_an_endpoint_that_is_down() {
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    tablet.button("全部已送达").shown().await;
    tablet.devtools("Network.enable", json!({})).await;
    network(&tablet, false, 0).await;
    is_told(&tablet, NO_NETWORK).await;
    save_two(&tablet, "13805712296").await;
    is_told(&tablet, NO_NETWORK_FOR_TWO).await;

    server.kill().await;
    network(&tablet, true, 0).await;
    is_told(&tablet, ENDPOINT_DOWN).await;
    // As it was said: by itself.
    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
}

#[tokio::test]
async fn a_captive_portal_and_a_slow_network_are_told_apart() {
    let server = Server::club().await;
    let way = Way::to(server.port).await;
    let tablet = Tablet::through(LIN_YUE, "A-07", &server, way.port).await;
    tablet.button("全部已送达").shown().await;
    for portal in [Between::Page, Between::Elsewhere] {
        way.is(portal);
        tablet.place("/sync").await;
        sync_now(&tablet).await;
        is_told(&tablet, CAPTIVE_PORTAL).await;
        // Somebody signs in.
        way.is(Between::Nothing);
        tablet.button("再试一次").tap().await;
        tablet.button("全部已送达").shown().await;
    }

    tablet.devtools("Network.enable", json!({})).await;
    network(&tablet, true, 60_000).await;
    sync_now(&tablet).await;
    is_told(&tablet, SLOW_NETWORK).await;
    network(&tablet, true, 0).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
}

/// The endpoint is down; the store manager was given another post by mistake, and saves what his was before the tablet has
/// heard of it.
pub async fn sets_what_is_no_longer_his(server: &mut Server, tablet: &Tablet) {
    server.kill().await;
    server.run(&["staff", "role", LI_WEI.name, "--role", "consultant"]).await;
    tablet.place("/desk/parameters").await;
    tablet.button("投诉回复的小时数").tap().await;
    tablet.field("改成").fill("12").await;
    tablet.button("保存").tap().await;
    tablet.status("投诉回复的小时数：12").shown().await;
}

#[tokio::test]
async fn whoever_was_signed_out_or_refused_or_shut_out_is_told_so() {
    let mut server = Server::club().await;
    let tablet = Tablet::of(LI_WEI, "M-01", &server).await;
    tablet.button("全部已送达").shown().await;
    sets_what_is_no_longer_his(&mut server, &tablet).await;

    // Whoever gets another post signs in again, and this one sets nothing for the house.
    server.start().await;
    is_told(&tablet, SIGNED_OUT).await;
    lock_and_unlock(&tablet, LI_WEI).await;
    is_told(&tablet, ONE_REFUSED).await;
    tablet.text("你的岗位不能改这条记录").shown().await;
    let report = report_of(&tablet).await;
    for line in ["tablet: 1", "door: open", "finding: refused 1", "  refused as: not_allowed 1", "unsent: 0"] {
        assert!(report.lines().any(|other| other == line), "{line:?} is not in\n{report}");
    }
    for nobodys in [LI_WEI.name, LI_WEI.pin, "M-01", VENUE, "松风体育", "投诉"] {
        assert!(!report.contains(nobodys), "{nobodys} is in\n{report}");
    }
    server.run(&["staff", "role", LI_WEI.name, "--role", LI_WEI.role]).await;
    sync_now(&tablet).await;
    tablet.button("要重新登录").shown().await;
    lock_and_unlock(&tablet, LI_WEI).await;
    tablet.place("/sync").await;
    tablet.button("再发一次").tap().await;
    tablet.button("全部已送达").shown().await;

    tablet.devtools("Network.enable", json!({})).await;
    tablet.devtools("Network.setBlockedURLs", json!({ "urls": ["*/v1/hand-in"] })).await;
    server.run(&["device", "revoke", "1"]).await;
    sync_now(&tablet).await;
    is_told(&tablet, REVOKED).await;
}

#[tokio::test]
async fn an_app_that_is_too_old_and_an_endpoint_that_was_restored_are_told() {
    let server = Server::club().await;
    let way = Way::to(server.port).await;
    let tablet = Tablet::through(LIN_YUE, "A-07", &server, way.port).await;
    tablet.button("全部已送达").shown().await;
    let backup = server.folder().join("early.backup");
    server.run(&["backup", backup.to_str().unwrap()]).await;
    save_two(&tablet, "13805712296").await;
    tablet.button("全部已送达").shown().await;
    let before = server.verified_changes().await;

    way.is(Between::OlderApp);
    tablet.place("/sync").await;
    sync_now(&tablet).await;
    is_told(&tablet, APP_TOO_OLD).await;
    tablet.button("要更新应用").shown().await;
    way.is(Between::Nothing);
    sync_now(&tablet).await;
    tablet.button("全部已送达").shown().await;

    server.run(&["restore", backup.to_str().unwrap(), "--replace"]).await;
    assert_eq!(server.verified_changes().await, before - 2);
    sync_now(&tablet).await;
    is_told(&tablet, ENDPOINT_RESTORED).await;
    tablet.button("全部已送达").shown().await;
    assert_eq!(server.verified_changes().await, before, "what the tablet held is there again");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_with_how_much() {
    let server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    tablet.button("全部已送达").shown().await;
    for (ahead_minutes, sentence) in [(200, CLOCK_FAST), (-200, CLOCK_SLOW)] {
        let set = set_clock(&tablet, ahead_minutes).await;
        tablet.reload().await;
        tablet.unlock(LIN_YUE).await;
        is_told(&tablet, sentence).await;
        tablet.devtools("Page.removeScriptToEvaluateOnNewDocument", set).await;
    }
}

#[tokio::test]
async fn work_that_has_waited_for_too_long_is_told_on_today_with_the_way_to_sync() {
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    tablet.button("全部已送达").shown().await;
    server.kill().await;
    save_two(&tablet, "13805712296").await;
    let overdue = "2条在本机等了5小时还没送出";
    tablet.place("/today").await;
    tablet.heading("今日").shown().await;
    assert!(!tablet.status(overdue).is_there().await);
    set_clock(&tablet, 5 * 60).await;
    tablet.reload().await;
    tablet.unlock(LIN_YUE).await;
    tablet.place("/today").await;
    tablet.status(overdue).shown().await;
    tablet.button("同步").tap().await;
    tablet.heading("同步").shown().await;
    tablet.status(overdue).shown().await;

    server.start().await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    tablet.place("/today").await;
    tablet.heading("今日").shown().await;
    assert!(!tablet.status("还没送出").is_there().await);
}

#[tokio::test]
async fn a_storage_that_is_full_or_that_nobody_promised_to_keep_is_told() {
    let server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    tablet.button("全部已送达").shown().await;
    is_told(&tablet, STORAGE_NOT_PERSISTENT).await;

    // A browser that keeps its word.
    let origin = server.address();
    let kept = json!({ "origin": origin, "permissions": ["durableStorage"] });
    tablet.devtools("Browser.grantPermissions", kept).await;
    save_two(&tablet, "13805712296").await;
    tablet.button("全部已送达").shown().await;
    is_told(&tablet, ALL_WELL).await;

    tablet.devtools("Storage.overrideQuotaForOrigin", json!({ "origin": origin, "quotaSize": 1 })).await;
    go_on_outing(&tablet).await;
    save_until_there_is_no_room(&tablet).await;
    is_told(&tablet, STORAGE_FULL).await;
    // Room was made.
    tablet.devtools("Storage.overrideQuotaForOrigin", json!({ "origin": origin })).await;
    go_on_outing(&tablet).await;
    // What was typed last may have been kept, or some of it.
    if !tablet.button("先输入号码").is_there().await {
        tablet.button("清空").tap().await;
    }
    let lead = Lead::in_a_hurry("13805713311");
    leads::capture_fast(&tablet, &lead).await;
    leads::ticked(&tablet, &lead).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    is_told(&tablet, ALL_WELL).await;
}

/// From the next load on; what takes it back.
async fn set_clock(tablet: &Tablet, ahead_minutes: i32) -> Json {
    let clock = format!(
        "Date = class extends Date {{
            constructor(...parts) {{ parts.length ? super(...parts) : super(Date.now()); }}
            static now() {{ return super.now() + {ahead_minutes} * 60_000; }}
        }}"
    );
    tablet.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": clock })).await
}

#[tokio::test]
async fn a_storage_that_does_not_open_says_why_and_opens_once_the_fault_is_away() {
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    tablet.button("全部已送达").shown().await;
    server.kill().await;
    save_two(&tablet, "13805712296").await;
    for fault in FAULTS {
        let fails = json!({ "source": fault.script() });
        let set = tablet.devtools("Page.addScriptToEvaluateOnNewDocument", fails).await;
        tablet.reload().await;
        tablet.heading(fault.title).shown().await;
        tablet.text(fault.to_do).shown().await;
        // Nobody is asked to enrol a tablet that has its records, nor to call somebody with nothing in hand.
        assert!(!tablet.button("登记").is_there().await);
        assert_eq!(tablet.text("技术信息").is_there().await, fault.has_detail, "{fault:?}");
        if let Some(told) = fault.reported {
            let report = report_of(&tablet).await;
            assert!(report.lines().any(|line| line == told), "{told:?} is not in\n{report}");
        }
        tablet.button("再试一次").tap().await;
        tablet.heading(fault.title).shown().await;
        tablet.devtools("Page.removeScriptToEvaluateOnNewDocument", set).await;
        tablet.button("再试一次").tap().await;
        tablet.radio(LIN_YUE.name).shown().await;
    }
    tablet.unlock(LIN_YUE).await;
    tablet.link("客户").tap().await;
    leads::search_finds(&tablet, "2296", 1).await;
}

#[tokio::test]
async fn a_page_that_holds_the_storage_is_named_and_closing_it_is_enough() {
    let server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "A-07", &server).await;
    tablet.button("全部已送达").shown().await;
    // A page of this place that does not give way to a newer layout, as a frozen one cannot.
    tablet.go(&format!("{}/icons/mark-192.png", server.address())).await;
    let holds = "const [, done] = arguments;
        const held = indexedDB.open('yingke');
        held.onsuccess = () => {
            window.held = held.result;
            indexedDB.open('yingke', held.result.version + 1).onblocked = () => done();
        };";
    tablet.later(holds, json!(null)).await;
    let holder = tablet.tab_in_front().await;
    let tab = tablet.open_tab().await;
    tablet.begin_tab().await;
    tablet.status("正在打开本机的存储").shown().await;
    tablet.heading("本机的存储没有回应").shown_in_minutes(1).await;
    tablet.text("关掉其他标签页和窗口里的迎客").shown().await;
    tablet.turn_to(&holder).await;
    tablet.go("about:blank").await;
    tablet.turn_to(&tab).await;
    tablet.button("再试一次").tap().await;
    tablet.unlock(LIN_YUE).await;
}

/// How browsers fail to open a database, and what is said of it.
#[derive(Debug, Clone, Copy)]
struct Fault {
    error: &'static str,
    message: &'static str,
    /// The call throws, and makes no request.
    throws: bool,
    free_bytes: Option<u64>,
    title: &'static str,
    to_do: &'static str,
    has_detail: bool,
    /// The line of the report.
    reported: Option<&'static str>,
}

const OPENING: Fault = Fault {
    error: "UnknownError",
    message: "Internal error opening backing store for indexedDB.open.",
    throws: false,
    free_bytes: None,
    title: "浏览器没能打开本机的存储",
    to_do: "把浏览器完全退出再打开",
    has_detail: true,
    reported: Some("door: database not opened UnknownError"),
};
const PRIVATE: Fault = Fault {
    error: "InvalidStateError",
    message: "A mutation operation was attempted on a database that did not allow mutations.",
    title: "这个窗口里存不了东西",
    to_do: "请在平时的窗口里打开迎客",
    reported: None,
    ..OPENING
};
const FULL: Fault = Fault {
    error: "QuotaExceededError",
    message: "",
    title: "平板没有空间了",
    to_do: "请删掉平板上的照片、视频或不用的应用",
    has_detail: false,
    reported: None,
    ..OPENING
};
const FAULTS: [Fault; 6] = [
    PRIVATE,
    Fault { error: "SecurityError", message: "The operation is insecure.", throws: true, ..PRIVATE },
    FULL,
    Fault { free_bytes: Some(0), title: FULL.title, to_do: FULL.to_do, has_detail: false, reported: None, ..OPENING },
    OPENING,
    Fault {
        error: "NotReadableError",
        message: "Data lost due to missing file.",
        title: "本机的存储读不出来",
        to_do: "没发出去的另有第二份副本",
        reported: Some("door: database damaged NotReadableError"),
        ..OPENING
    },
];

impl Fault {
    /// Runs before the page's own scripts.
    fn script(&self) -> String {
        let Self { error, message, throws, free_bytes, .. } = self;
        let full = free_bytes.map(|free| {
            format!("StorageManager.prototype.estimate = async () => ({{ usage: 5e7, quota: 5e7 + {free} }});")
        });
        format!(
            "const {{ open }} = IDBFactory.prototype;
            IDBFactory.prototype.open = function () {{
                const error = new DOMException({message:?}, {error:?});
                if ({throws}) throw error;
                const request = open.call(this, 'none of ours');
                request.addEventListener('upgradeneeded', () => request.transaction.abort());
                Object.defineProperty(request, 'error', {{ value: error }});
                return request;
            }};
            {}",
            full.unwrap_or_default()
        )
    }
}

/// The report that the tablet hands out, as it lies in the downloads.
async fn report_of(tablet: &Tablet) -> String {
    let downloads = tempfile::tempdir().unwrap();
    let allow = json!({ "behavior": "allow", "downloadPath": downloads.path() });
    tablet.devtools("Browser.setDownloadBehavior", allow).await;
    tablet.button("导出诊断报告").tap().await;
    tablet.status("诊断报告已导出：yingke-report").shown().await;
    std::fs::read_to_string(tablet.downloaded(downloads.path(), "txt").await).unwrap()
}

/// The button's words say whether the tablet has noticed already that something is wrong.
async fn sync_now(tablet: &Tablet) {
    tablet.tap_one_of(&["现在同步", "再试一次"]).await;
}

async fn go_on_outing(tablet: &Tablet) {
    tablet.place("/outing").await;
    tablet.button("接着记").tap().await;
    tablet.group("联系电话").shown().await;
}

/// A browser that has seen room a moment ago looks again only after half a minute.
async fn save_until_there_is_no_room(tablet: &Tablet) {
    let full = tablet.text("存不下了");
    for number in 2000..9999 {
        let lead = Lead::in_a_hurry(&format!("1390571{number}"));
        leads::capture_fast(tablet, &lead).await;
        let tick = leads::tick(&lead);
        let ticked = tablet.status(&tick);
        while !ticked.is_there().await {
            if full.is_there().await {
                return;
            }
        }
    }
    panic!("there is always room");
}

/// What is done with a request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    /// The network answers with a page of its own.
    Page,
    /// The network sends the browser to a page of its own.
    Elsewhere,
    /// It reaches the endpoint as an app of the wire version before would have sent it.
    OlderApp,
}

/// A port that carries requests to the server, if nothing is between them.
struct Way {
    port: u16,
    between: watch::Sender<Between>,
}

impl Way {
    async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Self { port: listener.local_addr().unwrap().port(), between: watch::Sender::new(Between::Nothing) };
        let between = way.between.subscribe();
        tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                let between = between.clone();
                tokio::spawn(async move { one_request(browser, server, between).await });
            }
        });
        way
    }

    fn is(&self, between: Between) {
        self.between.send_replace(between);
    }
}

/// Carries one request to the server and its answer back, or does what is between them. One request a connection: then its
/// end is the answer's.
async fn one_request(mut browser: TcpStream, server: u16, between: watch::Receiver<Between>) -> Option<()> {
    let mut request = Request::whole(&mut browser).await?;
    let between = *between.borrow();
    let own_page = match between {
        Between::Page => Some("200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n<p>Sign in</p>"),
        Between::Elsewhere => Some("302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n"),
        Between::Nothing | Between::OlderApp => None,
    };
    if let Some(page) = own_page {
        return browser.write_all(format!("HTTP/1.0 {page}").as_bytes()).await.ok();
    }
    if between == Between::OlderApp {
        let version = |version: u32| format!("\"version\":{version}");
        let body = String::from_utf8_lossy(&request.body);
        request.body = body.replacen(&version(VERSION), &version(VERSION - 1), 1).into_bytes();
    }
    let mut upstream = request.passed_on(server).await?;
    tokio::io::copy(&mut upstream, &mut browser).await.ok()?;
    Some(())
}
