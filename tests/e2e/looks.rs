//! Every screen, at the three sizes that tablets and phones have: pictures for people to look at, axe-core for what
//! nobody sees, and a look at where the pages' requests went.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use crate::{
    house::{self, LI_WEI, LIN_YUE, Server, Tablet},
    leads::{self, Lead},
    tour::open_guest,
};

const SIZES: [(u32, u32); 3] = [(1180, 820), (820, 1180), (390, 844)];
const AXE_VERSION: &str = "4.14.1";

#[tokio::test]
async fn every_screen_is_in_order_at_every_size() {
    let mut server = Server::demo().await;
    let tablet = Tablet::overheard("A-07", server.address()).await;
    let mut eye = Eye::on(&tablet);

    tablet.heading("先登记这台平板").shown().await;
    eye.look("01-door-enrol").await;
    tablet.enrol(&server).await;
    tablet.radio(LIN_YUE.name).tap().await;
    eye.look("02-door-who").await;
    tablet.unlock(LIN_YUE).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;

    tablet.link("外拓").tap().await;
    tablet.heading("最近").shown().await;
    eye.look("03-outing").await;
    // A row begins with its ring.
    tablet.button("留了").tap().await;
    tablet.text("选一场外拓").gone().await;
    eye.look("03-outing-one").await;
    tablet.link("接待").tap().await;
    tablet.button("登记来访").shown().await;
    eye.look("04-reception").await;
    open_guest(&tablet, "接待中").await;
    tablet.button("开始导览").shown().await;
    eye.look("30-visit").await;
    tablet.button("开始导览").tap().await;
    tablet.button("下一站：进入俱乐部").tap().await;
    tablet.button("下一站：男更衣室").tap().await;
    tablet.group("客人对这里").tap_inside("[role=radio]", "感兴趣").await;
    eye.look("31-tour").await;
    tablet.link("接待").tap().await;

    tablet.button("登记来访").tap().await;
    tablet.field("姓名").fill("王芳3").await;
    tablet.field("联系电话").fill("138 0571").await;
    tablet.button("保存").tap().await;
    tablet.text("补上就能存").shown().await;
    eye.look("05-visit-form").await;
    tablet.link("接待").tap().await;
    tablet.button("咨询登记").tap().await;
    tablet.button("保存").shown().await;
    eye.look("06-consultation-form").await;

    tablet.link("客户").tap().await;
    tablet.field("电话任意几位、姓名或拼音").shown().await;
    tablet.button("全部已送达").shown().await;
    eye.look("07-people").await;
    tablet.field("电话任意几位、姓名或拼音").fill("zhang").await;
    tablet.text("找到").shown().await;
    tablet.button("张").tap().await;
    tablet.button("改资料").shown().await;
    eye.look("08-person").await;
    tablet.button("打开完整档案与往来").tap().await;
    tablet.heading("往来").shown().await;
    eye.look("09-person-file").await;
    tablet.button("改资料").tap().await;
    tablet.field("姓名").shown().await;
    eye.look("10-person-edit").await;

    tablet.link("今日").tap().await;
    tablet.button("拨打").shown().await;
    eye.look("16-today").await;
    tablet.button("拨打").tap().await;
    tablet.radio("已接通").tap().await;
    tablet.button("三天后").shown().await;
    eye.look("17-call").await;

    tablet.link("外拓").tap().await;
    tablet.button("发体验卡").tap().await;
    tablet.radio("7天").shown().await;
    eye.look("26-pass-give").await;
    tablet.button("发体验卡").tap().await;
    tablet.image("体验卡的二维码").shown().await;
    eye.look("27-pass-show").await;
    let code = tablet.reads_in(".pass-show__code").await;
    tablet.link("接待").tap().await;
    tablet.button("验体验卡").tap().await;
    tablet.field("卡号").fill("https://example.com").await;
    tablet.button("查验").tap().await;
    tablet.text("这不是体验卡").shown().await;
    eye.look("28-pass-fault").await;
    tablet.field("卡号").fill(&code).await;
    tablet.button("查验").tap().await;
    tablet.text("这张卡可以用").shown().await;
    eye.look("29-pass-good").await;

    tablet.link("办理").tap().await;
    tablet.button("会籍").shown().await;
    eye.look("18-work").await;
    tablet.button("合同").tap().await;
    tablet.tab("全部").tap().await;
    tablet.list("合同").shown().await;
    eye.look("19-work-kind").await;
    tablet.list("合同").tap_inside("button", "").await;
    tablet.heading("下一步").shown().await;
    eye.look("20-record").await;
    tablet.link("打印").tap().await;
    tablet.button("打印").shown().await;
    eye.look("21-paper").await;
    tablet.link("办理").tap().await;
    tablet.button("洽谈").tap().await;
    tablet.button("填洽谈").shown().await;
    tablet.button("填洽谈").tap().await;
    // Nothing is asked before it is known whom it is about.
    tablet.field("客人").fill("wang").await;
    tablet.button("王").tap().await;
    tablet.button("保存").tap().await;
    tablet.text("补上就能存").shown().await;
    eye.look("22-paper-form").await;

    // What those who lead see.
    tablet.button(LIN_YUE.name).tap().await;
    tablet.unlock(LI_WEI).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;
    // A leave waits for the desk's supervisor: the manager may turn it down, and is not waited for.
    tablet.link("今日").tap().await;
    tablet.heading("今天的客人").shown().await;
    tablet.at_rest().await;
    assert!(!tablet.text("待前台主管").is_there().await);
    tablet.link("看板").tap().await;
    tablet.text("首次到访成交率").shown().await;
    let most = tablet.run("return document.querySelector('.chart').ariaLabel", vec![]).await;
    let (_, most) = most.as_str().unwrap().split_once("最多的一天是").unwrap();
    assert!(most.contains("月") && most.ends_with('位') && most.find('月') < most.find('，'), "{most}");
    tablet.text("从电话到签单").shown().await;
    eye.look("23-board").await;
    tablet.button("续卡预测").tap().await;
    tablet.button("导出表格").shown().await;
    eye.look("24-report").await;
    tablet.link("办理").tap().await;
    tablet.button("门店参数").tap().await;
    tablet.heading("门店参数").shown().await;
    eye.look("25-parameters").await;
    tablet.link("更多").tap().await;
    tablet.button("操作记录").tap().await;
    tablet.heading("操作记录").shown().await;
    eye.look("32-log").await;
    tablet.link("更多").tap().await;
    tablet.button("同事与平板").tap().await;
    tablet.list("同事").shown().await;
    eye.look("26-colleagues").await;
    tablet.list("同事").tap_inside("button", LIN_YUE.name).await;
    tablet.button("换一个新密码").shown().await;
    eye.look("27-colleague").await;
    tablet.button("关上").tap().await;
    tablet.tab("平板").tap().await;
    tablet.list("平板").shown().await;
    eye.look("28-tablets").await;
    tablet.button("登记新平板").tap().await;
    tablet.button("取登记码").tap().await;
    tablet.text("1台平板的登记码").shown().await;
    eye.look("29-code").await;
    tablet.button("关上").tap().await;
    tablet.button(LI_WEI.name).tap().await;
    tablet.unlock(LIN_YUE).await;
    tablet.button("全部已送达").shown_in_minutes(2).await;

    tablet.link("更多").tap().await;
    tablet.radio("简体中文").shown().await;
    eye.look("11-more").await;
    tablet.button("同步").tap().await;
    tablet.heading("同步").shown().await;
    eye.look("12-sync").await;

    // Last, because the bar at the foot of a phone goes away here.
    tablet.link("外拓").tap().await;
    begin(&tablet).await;
    let lead = Lead::in_a_hurry("138 0571 2296");
    leads::capture_fast(&tablet, &lead).await;
    leads::ticked(&tablet, &lead).await;
    tablet.keys("139571048").await;
    eye.look("13-capture").await;
    tablet.button("姓名").tap().await;
    tablet.heading("姓名和其他").shown().await;
    eye.look("14-capture-more").await;

    stays_at_home(&tablet, &server.address()).await;
    tablet.button("好了").tap().await;
    server.kill().await;
    tablet.button("清空").tap().await;
    let lead = Lead::in_a_hurry("138 0571 3307");
    leads::enter_number(&tablet, &lead, leads::Way::Keypad).await;
    leads::save(&tablet, &lead).await;
    tablet.button("离线").tap().await;
    tablet.text("本机的记录都安全").shown_in_minutes(2).await;
    eye.look("15-sync-offline").await;
    server.run(&["device", "revoke", "1"]).await;
    server.start().await;
    tablet.heading("这台平板已停用，资料都清掉了").shown_in_minutes(3).await;
    eye.look("30-wiped").await;

    eye.found_all_in_order();
}

/// An outing of today, or one that begins now.
async fn begin(tablet: &Tablet) {
    tablet.tap_one_of(&["现在开始", "开始记", "接着记"]).await;
    tablet.group("联系电话").shown().await;
}

/// Looks at one screen after the other and remembers what was wrong.
pub struct Eye<'a> {
    tablet: &'a Tablet,
    axe: String,
    /// What is wrong, and where.
    found: BTreeMap<String, Vec<String>>,
}

impl<'a> Eye<'a> {
    pub fn on(tablet: &'a Tablet) -> Self {
        Self { tablet, axe: fs::read_to_string(axe()).unwrap(), found: BTreeMap::new() }
    }

    pub fn found_all_in_order(&self) {
        let found = self.found.iter().map(|(what, places)| format!("{what}\n  {}", places.join(", ")));
        let found: Vec<String> = found.collect();
        assert!(found.is_empty(), "what is not in order:\n{}", found.join("\n"));
    }

    pub async fn look(&mut self, screen: &str) {
        for (width, height) in SIZES {
            self.tablet.size(width, height).await;
            self.tablet.at_rest().await;
            let picture = house::screenshots().join(format!("{screen}-{width}x{height}.png"));
            fs::write(picture, self.tablet.picture().await).unwrap();
            self.has_room(&format!("{screen} {width}x{height}")).await;
            self.audit(&format!("{screen} {width}x{height}"), "{}").await;
        }
        let (width, height) = SIZES[0];
        self.tablet.size(width, height).await;
        self.tablet.at_rest().await;
    }

    /// A screen in another language: whether its words have room at every size.
    pub async fn look_whether_it_fits(&mut self, screen: &str) {
        for (width, height) in SIZES.into_iter().rev() {
            self.tablet.size(width, height).await;
            self.tablet.at_rest().await;
            self.has_room(&format!("{screen} {width}x{height}")).await;
        }
        let picture = house::screenshots().join(format!("{screen}.png"));
        fs::write(picture, self.tablet.picture().await).unwrap();
        self.audit(screen, "{}").await;
    }

    pub async fn look_in_every_theme(&mut self, screen: &str) {
        // A theme changes colours and nothing else. Sunlight asks for 7:1.
        let set = "const root = document.documentElement; const before = root.dataset.theme;
            root.dataset.theme = arguments[0]; return before";
        for (theme, rules) in
            [("dark", "['color-contrast']"), ("sunlight", "['color-contrast', 'color-contrast-enhanced']")]
        {
            let before = self.tablet.run(set, vec![json!(theme)]).await;
            self.tablet.at_rest().await;
            self.audit(&format!("{screen} {theme}"), &format!("{{ runOnly: {{ type: 'rule', values: {rules} }} }}"))
                .await;
            self.tablet.run(set, vec![before]).await;
        }
    }

    /// Nothing is wider than the window, and no words than their button.
    async fn has_room(&mut self, screen: &str) {
        let sideways = "return document.documentElement.scrollWidth - innerWidth";
        let beyond = self.tablet.run(sideways, vec![]).await.as_i64().unwrap_or_default();
        if beyond > 0 {
            self.found.entry(format!("{beyond} px wider than the window")).or_default().push(screen.to_owned());
        }
        let cut = "return [...document.querySelectorAll('button, a.button, [role=radio], [role=tab], .tag, .pill')]
            .filter((one) => one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1)
            .map((one) => `${one.textContent.trim().slice(0, 40)}: words beyond their ${one.className || one.role}`)";
        let cut: Vec<String> = serde_json::from_value(self.tablet.run(cut, vec![]).await).unwrap();
        for what in cut {
            self.found.entry(what).or_default().push(screen.to_owned());
        }
    }

    async fn audit(&mut self, screen: &str, options: &str) {
        if self.tablet.run("return typeof axe", vec![]).await == "undefined" {
            self.tablet.run(&self.axe, vec![]).await;
        }
        let script = "const done = arguments[arguments.length - 1];
            axe.run(document, { resultTypes: ['violations'], ...OPTIONS }).then(
                ({ violations }) => done(violations.flatMap(({ id, help, nodes }) => nodes.map(
                    (node) => `${id}: ${help}: ${node.html.slice(0, 160)} (${node.any.map((check) => check.message).join('; ').slice(0, 200)})`))),
                (error) => done([String(error)]));";
        let found = self.tablet.later(&script.replace("OPTIONS", options), json!(null)).await;
        let found: Vec<String> = serde_json::from_value(found).unwrap();
        for what in found {
            self.found.entry(what).or_default().push(screen.to_owned());
        }
    }
}

/// Nothing was asked of another origin, nothing broke the page's own policy, and nothing failed aloud.
async fn stays_at_home(tablet: &Tablet, address: &str) {
    let log = tablet.log("performance").await;
    let mut asked = 0;
    for entry in log {
        let message: serde_json::Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
        let message = &message["message"];
        if message["method"] == "Network.requestWillBeSent" {
            asked += 1;
            let url = message["params"]["request"]["url"].as_str().unwrap();
            // The browser's own first page is none of ours.
            let own =
                [address, "data:", "blob:", "chrome:", "chrome-untrusted:"].iter().any(|start| url.starts_with(start));
            assert!(own, "a request left for {url}");
        }
    }
    assert!(asked > 5, "only {asked} requests were seen, so the log is no witness");
    let entries = "return performance.getEntriesByType('resource').map((entry) => entry.name)";
    let entries: Vec<String> = serde_json::from_value(tablet.run(entries, vec![]).await).unwrap();
    assert!(entries.iter().all(|url| url.starts_with(address)), "{entries:?}");
    let severe: Vec<String> = tablet
        .log("browser")
        .await
        .iter()
        .filter(|entry| entry["level"] == "SEVERE" || entry["message"].to_string().contains("Content Security Policy"))
        .map(|entry| entry["message"].to_string())
        .collect();
    assert!(severe.is_empty(), "the browser complains: {severe:?}");
}

/// The checker, from the user's cache of tools or fetched into it once.
fn axe() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let cache = cache.unwrap_or_else(|| std::env::home_dir().unwrap().join(".cache")).join("yingke/tools");
    let folder = cache.join(format!("axe-core-{AXE_VERSION}"));
    let script = Path::new("node_modules/axe-core/axe.min.js");
    if !folder.join(script).is_file() {
        // A folder appears under its name only once it is complete.
        let partial = cache.join(format!(".axe-core-{AXE_VERSION}-{}", std::process::id()));
        fs::create_dir_all(&partial).unwrap();
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--no-save",
            "--ignore-scripts",
            "--loglevel=error",
            "--prefix",
        ]);
        npm.arg(&partial).arg(format!("axe-core@{AXE_VERSION}"));
        assert!(npm.status().expect("npm is there").success(), "axe-core cannot be fetched");
        fs::rename(&partial, &folder).unwrap();
    }
    folder.join(script)
}
