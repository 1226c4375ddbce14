//! The browsers that tests run in: one of each engine, because each has a storage of its own.
//!
//! Blink has to be there. A machine that cannot have one of the others says so, and goes on with those that it has.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::shell::{self, Outcome, Stop};
use crate::system;
use crate::tools;
use crate::workspace::Workspace;

/// A WebKit that keeps what it is given; `src/xtask/webkit.py` says why it is not the one that comes along.
const WEBKIT: &str = "src/xtask/webkit.py";
/// The system's own, which its bindings belong to; one on PATH may be another.
const PYTHON: &str = "/usr/bin/python3";
/// Whether the bindings are there.
const BINDINGS: &str = "import gi; gi.require_version('Gtk', '3.0'); gi.require_version('WebKit2', '4.1')";
const WEBKIT_PACKAGES: [&str; 4] = ["webkit2gtk-driver", "xvfb", "python3-gi", "gir1.2-webkit2-4.1"];

/// What wasm-bindgen's runner looks for, in this order; all but the one that is meant are taken out of its sight.
const DRIVERS: [&str; 8] = [
    "GECKODRIVER_REMOTE",
    "SAFARIDRIVER_REMOTE",
    "CHROMEDRIVER_REMOTE",
    "MSEDGEDRIVER_REMOTE",
    "GECKODRIVER",
    "SAFARIDRIVER",
    "CHROMEDRIVER",
    "MSEDGEDRIVER",
];

/// A browser that wasm-bindgen's tests can run in.
pub struct Engine {
    pub name: &'static str,
    /// The variable that the runner knows such a driver by, and where it is.
    driver: (&'static str, OsString),
    capabilities: Value,
    /// For its own things.
    folder: PathBuf,
    /// It has no way to run without a screen.
    needs_screen: bool,
}

/// Every engine that this machine can have, and a sentence about each that it cannot.
pub fn all(workspace: &Workspace) -> Outcome<(Vec<Engine>, Vec<String>)> {
    let mut engines = vec![blink(workspace)?];
    let mut left_out = Vec::new();
    for (name, engine) in [("WebKit", webkit(workspace)), ("Gecko", gecko(workspace))] {
        match engine {
            Ok(engine) => engines.push(engine),
            Err(Stop(why)) => left_out.push(format!("{name} is not among the browsers that are tested in: {why}")),
        }
    }
    left_out.iter().for_each(|sentence| println!("{sentence}"));
    Ok((engines, left_out))
}

impl Engine {
    /// Makes `tests` run in this browser for as long as what this gives lives.
    pub fn set_up(&self, tests: &mut Command) -> Outcome<Option<Screen>> {
        let folder = &self.folder;
        let cannot = |error: std::io::Error| Stop(format!("{} cannot be written: {error}", folder.display()));
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(cannot)?;
        }
        fs::create_dir_all(folder).map_err(cannot)?;
        let file = folder.join("webdriver.json");
        fs::write(&file, self.capabilities.to_string()).map_err(cannot)?;
        for variable in DRIVERS {
            tests.env_remove(variable);
        }
        let (variable, driver) = &self.driver;
        tests.env(variable, driver).env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &file);
        if !self.needs_screen {
            return Ok(None);
        }
        let screen = Screen::start()?;
        tests.env("DISPLAY", &screen.display);
        // There is no graphics card behind such a screen.
        tests.env("WEBKIT_DISABLE_DMABUF_RENDERER", "1").env("LIBGL_ALWAYS_SOFTWARE", "1");
        Ok(Some(screen))
    }
}

fn blink(workspace: &Workspace) -> Outcome<Engine> {
    let (driver, chrome) = chromium()?;
    let folder = folder(workspace, "blink");
    let capabilities = json!({"goog:chromeOptions": {
        "binary": chrome.to_string_lossy(),
        "args": ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    }});
    Ok(Engine { name: "Chromium", driver: ("CHROMEDRIVER", driver), capabilities, folder, needs_screen: false })
}

fn webkit(workspace: &Workspace) -> Outcome<Engine> {
    let has_bindings = || shell::quiet(Command::new(PYTHON).args(["-c", BINDINGS])).is_ok();
    let all = || {
        let driver = shell::on_path("WebKitWebDriver")?;
        (shell::on_path("Xvfb").is_some() && has_bindings()).then_some(driver)
    };
    if all().is_none() {
        system::install(&WEBKIT_PACKAGES, "testing in WebKit")?;
    }
    let driver = all().ok_or_else(|| {
        Stop("WebKitWebDriver, Xvfb and Python's bindings of WebKitGTK are not all to be found".into())
    })?;
    let program = workspace.root.join(WEBKIT);
    let folder = folder(workspace, "webkit");
    let capabilities = json!({"webkitgtk:browserOptions": {
        "binary": PYTHON,
        "args": [program.to_string_lossy(), folder.to_string_lossy()],
    }});
    // The runner asks a driver that it takes for Safari's for nothing at all; one that it takes for Firefox's is asked for
    // what the file says, in the words of the standard, and WebKit's passes over what it does not know.
    Ok(Engine { name: "WebKit", driver: ("GECKODRIVER", driver.into()), capabilities, folder, needs_screen: true })
}

fn gecko(workspace: &Workspace) -> Outcome<Engine> {
    let find = || named("FIREFOX").or_else(|| on_path(&["firefox-esr", "firefox"]));
    if find().is_none() {
        system::install(&["firefox-esr"], "testing in Gecko")?;
    }
    let firefox = find().ok_or_else(|| Stop("Firefox is not on PATH; FIREFOX may name it".into()))?;
    let driver = named("GECKODRIVER").map_or_else(|| tools::geckodriver(workspace).map(Into::into), Ok)?;
    let folder = folder(workspace, "gecko");
    let capabilities = json!({"moz:firefoxOptions": {"binary": firefox.to_string_lossy()}});
    Ok(Engine { name: "Firefox", driver: ("GECKODRIVER", driver), capabilities, folder, needs_screen: false })
}

/// A driver and the browser it belongs to: those that were named, those on PATH, or the system's, installed now.
pub fn chromium() -> Outcome<(OsString, OsString)> {
    let both = || {
        let driver = named("CHROMEDRIVER").or_else(|| on_path(&["chromedriver"]))?;
        let chrome = named("CHROME").or_else(|| on_path(&["chromium", "chromium-browser", "google-chrome"]))?;
        Some((driver, chrome))
    };
    if system::has_apt() {
        let mut packages = vec!["fonts-noto-cjk"]; // without it a screenshot shows boxes for Chinese
        if both().is_none() {
            packages.extend(["chromium", "chromium-driver"]);
        }
        system::install(&packages, "testing in a browser")?;
    }
    both().ok_or_else(|| {
        Stop(
            "no browser to test in: install Chromium and its chromedriver, or name them in CHROME and CHROMEDRIVER"
                .into(),
        )
    })
}

fn folder(workspace: &Workspace, engine: &str) -> PathBuf {
    workspace.place("contract").join(engine)
}

fn named(variable: &str) -> Option<OsString> {
    std::env::var_os(variable).filter(|value| !value.is_empty())
}

fn on_path(programs: &[&str]) -> Option<OsString> {
    programs.iter().find_map(|program| shell::on_path(program)).map(Into::into)
}

/// Says the number of a free display, and goes with whoever holds the other end of standard input, however they end. Every
/// window on it goes along.
const SHOW: &str = r#"
trap '' INT
Xvfb -displayfd 1 -screen 0 1280x1024x24 -nolisten tcp 2>/dev/null </dev/null &
exec >/dev/null
cat
kill "$!"
wait
"#;

/// A screen that nobody sees; dropping it takes it away.
pub struct Screen {
    server: Child,
    display: String,
}

impl Screen {
    fn start() -> Outcome<Self> {
        let mut server = Command::new("sh")
            .args(["-c", SHOW])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Stop(format!("a screen for WebKit cannot be started: {error}")))?;
        let mut number = String::new();
        // What ended without a word has said none.
        let said = server.stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut number));
        let screen = Self { server, display: format!(":{}", number.trim()) };
        match said {
            Some(Ok(1..)) => Ok(screen),
            _ => Err(Stop("Xvfb ended before it had a screen for WebKit".into())),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        // Nothing to do about one that does not end.
        let _ = self.server.wait();
    }
}
