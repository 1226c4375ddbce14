//! The endpoint as a process, and tablets: a browser each, on a profile of its own.

use std::{
    fs,
    net::TcpListener,
    ops::Deref,
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
};

use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use yingke_server::files;

use crate::{driver, page::Page};

pub const VENUE: &str = "未来店";

/// Somebody who works there.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    pub name: &'static str,
    pub role: &'static str,
    pub pin: &'static str,
}

pub const LIN_YUE: Person = Person { name: "林悦", role: "consultant", pin: "260711" };
pub const WU_SHAN: Person = Person { name: "吴珊", role: "cs_supervisor", pin: "730416" };
pub const HUANG_LI: Person = Person { name: "黄丽", role: "front_desk_supervisor", pin: "294857" };
pub const LI_WEI: Person = Person { name: "李卫", role: "store_manager", pin: "904527" };
pub const CHEN_XIAOTONG: Person = Person { name: "陈晓彤", role: "front_desk", pin: "162838" };
pub const ZHENG_JIE: Person = Person { name: "郑洁", role: "cashier", pin: "617283" };
pub const MA_JUN: Person = Person { name: "马骏", role: "front_desk", pin: "829314" };
pub const TANG_FENG: Person = Person { name: "唐峰", role: "court_staff", pin: "415926" };
pub const QIAN_CHENG: Person = Person { name: "钱程", role: "store_manager", pin: "906138" };

/// The endpoint's process, on one port and one folder for its whole life, however often it is killed.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    pub port: u16,
    pub code: String,
    /// The app's files.
    app: PathBuf,
    /// Versions of it that are withdrawn.
    withdrawn: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// A club with nobody in its books yet, serving.
    pub async fn club() -> Self {
        Self::club_of(&[LIN_YUE, WU_SHAN, LI_WEI]).await
    }

    /// The same with one colleague more.
    pub async fn club_with(person: Person) -> Self {
        Self::club_of(&[LIN_YUE, WU_SHAN, LI_WEI, person]).await
    }

    async fn club_of(staff: &[Person]) -> Self {
        let mut server = Self::new();
        server.run(&["init", "--organisation", "松风体育"]).await;
        server.run(&["venue", "add", "--name", VENUE]).await;
        for Person { name, role, pin } in staff {
            server.run(&["staff", "add", "--name", name, "--role", role, "--venue", VENUE, "--pin", pin]).await;
        }
        let told = server.run(&["device", "code", "--venue", VENUE, "--uses", "20"]).await;
        server.code = told.lines().next().unwrap().replace(' ', "");
        server.start().await;
        server
    }

    /// The demo's club with 2,000 people, serving.
    pub async fn demo() -> Self {
        let mut server = Self::new();
        server.run(&["demo"]).await;
        server.code = yingke_server::demo::CODE.into();
        server.start().await;
        server
    }

    /// Its tablets are enrolled at the demo's other venue.
    pub fn at_the_sports_venue(mut self) -> Self {
        self.code = yingke_server::demo::SPORTS_CODE.into();
        self
    }

    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            code: String::new(),
            app: app(),
            withdrawn: Vec::new(),
            child: None,
        }
    }

    pub async fn start(&mut self) {
        let mut child = Command::new(program())
            .args(["serve", "--listen", &format!("127.0.0.1:{}", self.port), "--app"])
            .arg(&self.app)
            .arg("--data")
            .arg(self.folder.path())
            .args(self.withdrawn.iter().map(|version| format!("--withdraw-app={version}")))
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        driver::line_with(&mut lines, "listening on ").await;
        driver::drain(lines);
        self.child = Some(child);
    }

    /// From its next start on it serves the app from this folder.
    pub fn serves(&mut self, app: &Path) {
        self.app = app.to_owned();
    }

    /// From its next start on these versions of the app are withdrawn, and no others.
    pub fn withdraws(&mut self, apps: &[&Path]) {
        self.withdrawn = apps.iter().map(|app| files::version(app).expect("a build has a version")).collect();
    }

    /// SIGKILL: no goodbye, nothing finished.
    pub async fn kill(&mut self) {
        self.child.take().expect("it serves").kill().await.unwrap();
    }

    /// A command of the administrator; the folder must be at rest or the command must only read.
    pub async fn run(&self, words: &[&str]) -> String {
        let done = Command::new(program()).args(words).arg("--data").arg(self.folder.path()).output().await.unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// How many changes the ledger holds, once every record and stream was recomputed from it and found the same.
    pub async fn verified_changes(&self) -> usize {
        let told = self.run(&["verify"]).await;
        assert!(told.contains("all agree"), "{told}");
        told.split_whitespace().next().and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{told}"))
    }

    /// Whether these bytes lie in any file of its folder.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        let files = fs::read_dir(self.folder.path()).unwrap().flatten();
        files.into_iter().any(|file| memchr::memmem::find(&fs::read(file.path()).unwrap_or_default(), bytes).is_some())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The program itself: the one that the test command built, or else built now.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(built) = std::env::var_os("YINGKE_SERVER") {
            return built.into();
        }
        let build = ["build", "--quiet", "--package", "yingke-server"];
        assert!(std::process::Command::new(env!("CARGO")).args(build).status().unwrap().success());
        // …/debug/deps/e2e-0123 → …/debug/yingke-server
        let here = std::env::current_exe().unwrap();
        here.parent().and_then(Path::parent).expect("a test lies two folders deep").join("yingke-server")
    })
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lie in the workspace")
}

/// The built client.
pub fn app() -> PathBuf {
    let app = std::env::var_os("YINGKE_APP").map_or_else(|| workspace().join("target/dist"), PathBuf::from);
    assert!(app.join("index.html").is_file(), "{} holds no client; `cargo xtask dist` makes it", app.display());
    app
}

/// Pictures for people to look at.
pub fn screenshots() -> PathBuf {
    let folder = workspace().join("target/screenshots");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A browser with a profile that outlives it.
#[derive(Debug)]
pub struct Tablet {
    name: String,
    profile: TempDir,
    address: String,
    size: (u32, u32),
    /// What is started as the browser.
    browser: PathBuf,
    /// Whether all that it asks of any network is written down, which costs the driver and the browser some of their time.
    is_overheard: bool,
    /// What its camera sees, as a film; the browser's own test picture where there is none.
    film: Option<PathBuf>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    driver: Child,
    page: Page,
}

impl Tablet {
    /// Out of the box, on the app's page.
    pub async fn new(name: &str, address: String) -> Self {
        Self::in_browser(name, address, |_| driver::chrome()).await
    }

    /// The same, with all that it asks of any network in its log of performance.
    pub async fn overheard(name: &str, address: String) -> Self {
        let mut tablet = Self::closed(name, address, |_| driver::chrome());
        tablet.is_overheard = true;
        tablet.open().await;
        tablet
    }

    /// The same, in whatever is made of the profile's folder.
    async fn in_browser(name: &str, address: String, browser: impl FnOnce(&Path) -> PathBuf) -> Self {
        let mut tablet = Self::closed(name, address, browser);
        tablet.open().await;
        tablet
    }

    fn closed(name: &str, address: String, browser: impl FnOnce(&Path) -> PathBuf) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let browser = browser(profile.path());
        let (name, size) = (name.into(), (1180, 820));
        Self { name, profile, address, size, browser, is_overheard: false, film: None, open: None }
    }

    /// Enrolled and signed in like [`Tablet::of`], with a camera before which a film will run: the file may come later.
    pub async fn before(film: &Path, person: Person, name: &str, server: &Server) -> Self {
        let mut tablet = Self::closed(name, server.address(), |_| driver::chrome());
        tablet.film = Some(film.to_owned());
        tablet.open().await;
        tablet.work(person, server).await;
        tablet
    }

    /// Out of the box, with a profile on whatever is made of its folder.
    pub async fn on<D>(disk: impl FnOnce(&Path) -> D, name: &str, address: String) -> (Self, D) {
        let mut made = None;
        let browser = |profile: &Path| {
            made = Some(disk(profile));
            driver::chrome()
        };
        let tablet = Self::in_browser(name, address, browser).await;
        (tablet, made.expect("it was made before the browser"))
    }

    /// Out of the box, with every sync that its browser asks of the system in a file of its profile.
    pub async fn watched(name: &str, address: String) -> (Self, PathBuf) {
        let mut log = PathBuf::new();
        let browser = |profile: &Path| {
            log = profile.join("syncs");
            // -D: the browser is the driver's child, and strace its shadow.
            let script = format!(
                "#!/bin/sh\nexec strace -D -f -qq --seccomp-bpf -y -T -ttt -e trace=fsync,fdatasync -e signal=none -o {} {} \"$@\"\n",
                log.display(),
                driver::chrome().display()
            );
            let watched = profile.join("watched-browser");
            fs::write(&watched, script).unwrap();
            let may_run = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(&watched, may_run).unwrap();
            watched
        };
        let tablet = Self::in_browser(name, address, browser).await;
        (tablet, log)
    }

    /// Enrolled, and somebody signed in online. Returns when the app is ready to go offline.
    pub async fn of(person: Person, name: &str, server: &Server) -> Self {
        Self::through(person, name, server, server.port).await
    }

    /// The same, by way of another port.
    pub async fn through(person: Person, name: &str, server: &Server, port: u16) -> Self {
        let tablet = Self::new(name, format!("http://127.0.0.1:{port}")).await;
        tablet.work(person, server).await;
        tablet
    }

    /// Enrols it; somebody signs in, and the app gets ready to go offline.
    pub async fn work(&self, person: Person, server: &Server) {
        self.enrol(server).await;
        self.unlock(person).await;
        self.installed().await;
    }

    pub async fn enrol(&self, server: &Server) {
        self.field("登记码").fill(&server.code).await;
        self.field("平板名字").fill(&self.name).await;
        self.button("登记").tap().await;
    }

    /// By PIN, until the app is there.
    pub async fn unlock(&self, person: Person) {
        self.type_pin(person, person.pin).await;
        self.link("客户").shown().await;
    }

    pub async fn type_pin(&self, person: Person, pin: &str) {
        self.radio(person.name).tap().await;
        self.text(&format!("{}，请输入数字密码", person.name)).shown().await;
        self.type_digits(pin).await;
    }

    pub async fn type_digits(&self, pin: &str) {
        for digit in pin.chars() {
            self.button(&digit.to_string()).tap().await;
        }
    }

    /// Whoever works there locks, so that somebody else can unlock.
    pub async fn lock(&self, person: Person) {
        self.button(person.name).tap().await;
        self.text("先选自己").shown().await;
    }

    /// Starts the browser on the profile that is there.
    pub async fn open(&mut self) {
        assert!(self.open.is_none(), "it is open");
        let (driver, address) = driver::start().await;
        let (width, height) = self.size;
        let performance = if self.is_overheard { "ALL" } else { "OFF" };
        let mut capabilities = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL", "performance": performance },
            "goog:chromeOptions": {
                "binary": self.browser,
                "args": [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--hide-scrollbars", "--lang=zh-CN", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                    format!("--window-size={width},{height}"),
                    format!("--user-data-dir={}", self.profile.path().display()),
                ],
                "prefs": { "intl.accept_languages": "zh-CN,zh" },
            },
        });
        if let (Some(film), Some(arguments)) = (&self.film, capabilities["goog:chromeOptions"]["args"].as_array_mut()) {
            arguments.push(format!("--use-file-for-fake-video-capture={}", film.display()).into());
        }
        let session = fantoccini::ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().cloned().unwrap())
            .connect(&address)
            .await
            .expect("the browser starts");
        let page = Page::new(session, self.name.clone());
        self.open = Some(Open { driver, page });
        self.begin_tab().await;
    }

    /// The app's page, in the tab that is in front.
    pub async fn begin_tab(&self) {
        let (width, height) = self.size;
        self.size(width, height).await;
        self.go(&self.address).await;
    }

    /// The browser is ended as a person ends it.
    pub async fn end(&mut self) {
        let Open { mut driver, page } = self.open.take().expect("it is open");
        page.end().await;
        driver.kill().await.unwrap();
    }

    /// Another tablet with the profile as it is now. It is of this one, which must be closed.
    pub fn cloned(&self) -> Self {
        assert!(self.open.is_none(), "it is open");
        let profile = tempfile::tempdir().unwrap();
        let mut folders = vec![self.profile.path().to_owned()];
        while let Some(folder) = folders.pop() {
            let place = folder.strip_prefix(self.profile.path()).unwrap();
            fs::create_dir_all(profile.path().join(place)).unwrap();
            for entry in fs::read_dir(&folder).unwrap().flatten() {
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() => folders.push(entry.path()),
                    kind if kind.is_file() => {
                        fs::copy(entry.path(), profile.path().join(place).join(entry.file_name())).unwrap();
                    }
                    _ => {} // the lock that says which process uses it
                }
            }
        }
        Self {
            name: self.name.clone(),
            profile,
            address: self.address.clone(),
            size: self.size,
            browser: self.browser.clone(),
            is_overheard: self.is_overheard,
            film: self.film.clone(),
            open: None,
        }
    }

    /// The files of the profile in which these bytes lie, as they are or as UTF-16.
    pub fn files_with(&self, bytes: &[u8]) -> Vec<PathBuf> {
        let wide: Vec<u8> = bytes.iter().flat_map(|byte| [*byte, 0]).collect();
        let mut found = Vec::new();
        let mut folders = vec![self.profile.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                    continue;
                }
                // A browser that runs takes files of its own away.
                let content = fs::read(entry.path()).unwrap_or_default();
                if memchr::memmem::find(&content, bytes).or(memchr::memmem::find(&content, &wide)).is_some() {
                    found.push(entry.path());
                }
            }
        }
        found
    }

    /// SIGKILL to every process of the browser: no goodbye, nothing finished.
    pub async fn kill(&mut self) {
        let Open { mut driver, page } = self.open.take().expect("it is open");
        let ours = format!("--user-data-dir={}", self.profile.path().display());
        for process in processes_with(&ours) {
            // It may have gone with the one before.
            let _ = Command::new("kill").args(["-KILL", &process.to_string()]).stderr(Stdio::null()).status().await;
        }
        drop(page);
        driver.kill().await.unwrap();
    }
}

/// Those whose command line holds `words`.
fn processes_with(words: &str) -> Vec<u32> {
    let holds = |process: &u32| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(words)
    };
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(holds).collect()
}

impl Drop for Tablet {
    fn drop(&mut self) {
        // The driver dies with its handle, and would leave the browser behind.
        for process in processes_with(&format!("--user-data-dir={}", self.profile.path().display())) {
            let _ = std::process::Command::new("kill").args(["-KILL", &process.to_string()]).status();
        }
    }
}

impl Deref for Tablet {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.open.as_ref().expect("the browser is open").page
    }
}
