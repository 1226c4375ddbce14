//! What a person sees and does on a page: things have a role and a label, and one waits until they are there.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use fantoccini::{
    Client,
    elements::Element,
    wd::{WebDriverCompatibleCommand, WindowHandle},
};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

/// How long anything may take before it counts as missing.
const PATIENCE: Duration = Duration::from_secs(45);
/// A page on which nothing changes is looked at this often.
const BEAT: Duration = Duration::from_millis(100);
/// A change of the page is looked at this much later with each look of one wait, up to the beat: to look takes the page's own
/// time, and what is still under way has less of it.
const LOOK_LATER: Duration = Duration::from_millis(10);

/// Finds what is shown and has this role and this name. Only what lies in the topmost dialog can be reached.
const FIND: &str = r#"
const [role, wanted] = arguments;
const selectors = {
  button: "button:not([role]), [role=button]",
  link: "a[href]",
  radio: "[role=radio], input[type=radio]",
  checkbox: "[role=checkbox], input[type=checkbox]",
  field: "input, textarea, select",
  group: "[role=group], [role=radiogroup], fieldset",
  heading: "h1, h2, h3",
  image: "[role=img], img[alt]:not([alt=''])",
  status: "[role=status], [role=alert], [aria-live]",
  list: "[role=list]",
  tab: "[role=tab]",
  switch: "[role=switch]",
};
const tidy = (text) => text.replace(/\s+/g, " ").trim();
const spoken = (node) => {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  if (node.nodeType !== Node.ELEMENT_NODE || node.getAttribute("aria-hidden") === "true" || node.hidden) return "";
  return node.getAttribute("aria-label") ?? (node.tagName === "IMG" ? node.alt : null) ?? [...node.childNodes].map(spoken).join(" ");
};
const name = (element) => {
  const by = element.getAttribute("aria-labelledby");
  if (element.hasAttribute("aria-label")) return tidy(element.getAttribute("aria-label"));
  if (by) return tidy(by.split(/\s+/).map((id) => document.getElementById(id)).filter(Boolean).map(spoken).join(" "));
  if (element.labels?.length) return tidy([...element.labels].map(spoken).join(" "));
  return tidy(spoken(element));
};
const shown = (element) =>
  element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0
  && !element.closest("[aria-hidden=true], [inert]");
const top = [...document.querySelectorAll("dialog[open]")].pop() ?? document;
const all = [...top.querySelectorAll(selectors[role])].filter(shown);
if (role === "status") return all.filter((element) => tidy(element.textContent).includes(wanted));
const exact = all.filter((element) => name(element) === wanted);
return exact.length ? exact : all.filter((element) => name(element).startsWith(wanted));
"#;

/// The text that can be read now, and what is only heard.
const TEXT: &str = "return document.body ? document.body.innerText : ''";

/// One page of one browser.
#[derive(Debug, Clone)]
pub struct Page {
    session: Client,
    tablet: String,
}

impl Page {
    pub fn new(session: Client, tablet: String) -> Self {
        Self { session, tablet }
    }

    pub fn button<'a>(&'a self, name: &'a str) -> Thing<'a> {
        self.thing("button", name)
    }

    pub fn link<'a>(&'a self, name: &'a str) -> Thing<'a> {
        self.thing("link", name)
    }

    pub fn radio<'a>(&'a self, name: &'a str) -> Thing<'a> {
        self.thing("radio", name)
    }

    pub fn checkbox<'a>(&'a self, name: &'a str) -> Thing<'a> {
        self.thing("checkbox", name)
    }

    pub fn field<'a>(&'a self, name: &'a str) -> Thing<'a> {
        self.thing("field", name)
    }

    pub fn group<'a>(&'a self, name: &'a str) -> Thing<'a> {
        self.thing("group", name)
    }

    pub fn heading<'a>(&'a self, name: &'a str) -> Thing<'a> {
        self.thing("heading", name)
    }

    /// A drawing, by what it says to who cannot see it.
    pub fn image<'a>(&'a self, name: &'a str) -> Thing<'a> {
        self.thing("image", name)
    }

    pub fn switch<'a>(&'a self, name: &'a str) -> Thing<'a> {
        self.thing("switch", name)
    }

    pub fn tab<'a>(&'a self, name: &'a str) -> Thing<'a> {
        self.thing("tab", name)
    }

    /// Rows under each other, by what the list is called.
    pub fn list<'a>(&'a self, name: &'a str) -> Thing<'a> {
        self.thing("list", name)
    }

    /// Something that is told, read or heard.
    pub fn status<'a>(&'a self, words: &'a str) -> Thing<'a> {
        self.thing("status", words)
    }

    fn thing<'a>(&'a self, role: &'static str, name: &'a str) -> Thing<'a> {
        Thing { page: self, role, name }
    }

    /// Words anywhere on the page.
    pub fn text<'a>(&'a self, words: &'a str) -> Words<'a> {
        Words { page: self, words }
    }

    /// A file is picked where a button with this name asks for one.
    pub async fn pick(&self, name: &str, file: &Path) {
        let script =
            "return [...document.querySelectorAll('input[type=file]')].find(it => it.ariaLabel === arguments[0])";
        let picked = async || {
            let found = self.session.execute(script, vec![json!(name)]).await.ok()?;
            let id = found.as_object()?.values().next()?.as_str()?.to_owned();
            let input = Element::from_element_id(self.session.clone(), id.into());
            input.send_keys(file.to_str()?).await.ok()
        };
        self.until(format_args!("{} cannot be picked", file.display()), picked).await;
    }

    /// The file with this ending that the browser has put into a folder; one that is still coming has another ending.
    pub async fn downloaded(&self, folder: &Path, ending: &str) -> PathBuf {
        let found = async || {
            let files = std::fs::read_dir(folder).unwrap().flatten().map(|file| file.path());
            files.into_iter().find(|file| file.extension().is_some_and(|other| other == ending))
        };
        self.until(format_args!("no .{ending} is downloaded"), found).await
    }

    /// Everything that can be read, on one line.
    pub async fn reads(&self) -> String {
        let text = self.run(TEXT, vec![]).await;
        text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Presses whichever of these buttons there is, the first of several.
    pub async fn tap_one_of(&self, names: &[&str]) {
        let tapped = async || {
            for name in names {
                if let Some(found) = self.button(name).find().await {
                    return found.click().await.ok();
                }
            }
            None
        };
        self.until(format_args!("no button {names:?} can be tapped"), tapped).await;
    }

    /// What stands in the first element of this CSS selector, as soon as there is one.
    pub async fn reads_in(&self, selector: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.textContent";
        let text = async || self.session.execute(script, vec![json!(selector)]).await.ok()?.as_str().map(str::to_owned);
        self.until(format_args!("no {selector} is there"), text).await
    }

    /// Presses the first element of this CSS selector that has all these words and not those, as soon as there is one.
    pub async fn tap_first(&self, selector: &str, words: &[&str], without: &[&str]) {
        let script = "const [selector, words, without] = arguments;
            const found = [...document.querySelectorAll(selector)].find(({ textContent: text }) =>
                words.every((word) => text.includes(word)) && !without.some((word) => text.includes(word)));
            found?.click();
            return Boolean(found)";
        let tapped = async || {
            let arguments = vec![json!(selector), json!(words), json!(without)];
            self.session.execute(script, arguments).await.ok()?.as_bool().filter(|found| *found)
        };
        self.until(format_args!("no {selector} with {words:?} and without {without:?} is there"), tapped).await;
    }

    pub async fn go(&self, address: &str) {
        self.session.goto(address).await.unwrap_or_else(|error| panic!("{}: {address}: {error}", self.tablet));
    }

    pub async fn reload(&self) {
        self.session.refresh().await.unwrap();
    }

    /// The tab that is looked at.
    pub async fn tab_in_front(&self) -> WindowHandle {
        self.session.window().await.unwrap()
    }

    /// Another tab of the same browser, in front, with nothing in it yet.
    pub async fn open_tab(&self) -> WindowHandle {
        let tab = self.session.new_window(true).await.unwrap().handle;
        self.turn_to(&tab).await;
        tab
    }

    /// This tab comes to the front, as by a tap on it; one that was frozen goes on.
    pub async fn turn_to(&self, tab: &WindowHandle) {
        self.session.switch_to_window(tab.clone()).await.unwrap();
        self.devtools("Page.bringToFront", json!({})).await;
    }

    /// The tab that is looked at is behind from now on, and nothing runs in it.
    pub async fn freeze(&self) {
        self.devtools("Page.setWebLifecycleState", json!({ "state": "frozen" })).await;
    }

    /// The process of the tab that is looked at ends: no goodbye, nothing finished. Another has to be turned to.
    pub async fn crash(&self) {
        let command = Raw::devtools("Page.crash", &json!({}));
        let told = self.session.issue_cmd(command).await;
        assert!(told.is_err_and(|error| error.to_string().contains("tab crashed")), "the tab lives on");
    }

    /// The page's own width and height, in CSS pixels.
    pub async fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Keys of a hardware keyboard, to whatever has the focus. Private-use characters are WebDriver's named keys.
    pub async fn keys(&self, keys: &str) {
        let press = |key: char| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })];
        let actions: Vec<Json> = keys.chars().flat_map(press).collect();
        self.command("actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] })).await;
    }

    /// Puts `text` on the clipboard and presses Ctrl+V.
    pub async fn paste(&self, text: &str) {
        let origin = self.session.current_url().await.unwrap().origin().ascii_serialization();
        for permission in ["clipboardReadWrite", "clipboardSanitizedWrite"] {
            self.devtools("Browser.grantPermissions", json!({ "origin": origin, "permissions": [permission] })).await;
        }
        self.later("navigator.clipboard.writeText(arguments[0]).then(() => arguments[1](), arguments[1])", json!(text))
            .await;
        let key = |kind: &str, key: char| json!({ "type": kind, "value": key });
        let actions = [key("keyDown", '\u{e009}'), key("keyDown", 'v'), key("keyUp", 'v'), key("keyUp", '\u{e009}')];
        self.command("actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] })).await;
    }

    /// Waits until the service worker has the whole app and answers for this page.
    pub async fn installed(&self) {
        let script = "const done = arguments[arguments.length - 1];
            navigator.serviceWorker.ready.then(() => {
                if (navigator.serviceWorker.controller) return done();
                navigator.serviceWorker.addEventListener('controllerchange', () => done());
            });";
        let installed = self.session.execute_async(script, vec![]);
        tokio::time::timeout(PATIENCE, installed).await.expect("the service worker takes charge").unwrap();
    }

    /// Waits until what moves has come to rest and the fonts are there.
    pub async fn at_rest(&self) {
        let script = "const done = arguments[arguments.length - 1];
            const frame = () => new Promise(requestAnimationFrame);
            const ends = () => Promise.allSettled(document.getAnimations()
                .filter((one) => one.effect?.getComputedTiming().iterations !== Infinity).map((one) => one.finished));
            document.fonts.ready.then(frame).then(frame).then(ends).then(frame).then(() => done());";
        self.later(script, json!(null)).await;
    }

    /// The browser's last goodbye.
    pub async fn end(self) {
        self.session.close().await.unwrap();
    }

    pub async fn run(&self, script: &str, arguments: Vec<Json>) -> Json {
        self.session.execute(script, arguments).await.unwrap_or_else(|error| panic!("{}: {error}", self.tablet))
    }

    /// A script that calls its last argument when it is done.
    pub async fn later(&self, script: &str, argument: Json) -> Json {
        self.session
            .execute_async(script, vec![argument])
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.tablet))
    }

    pub async fn picture(&self) -> Vec<u8> {
        self.session.screenshot().await.unwrap()
    }

    /// What the printer would get, as PDF: pages as the style sheet cuts them.
    pub async fn printed(&self) -> Vec<u8> {
        let asked = json!({ "preferCSSPageSize": true, "printBackground": false });
        let told = self.devtools("Page.printToPDF", asked).await;
        STANDARD.decode(told["data"].as_str().unwrap()).unwrap()
    }

    /// The text that stands on paper, without printing it.
    pub async fn reads_on_paper(&self) -> String {
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
        let text = self.reads().await;
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "" })).await;
        text
    }

    /// Opens a place of the app as a link within it does.
    pub async fn place(&self, path: &str) {
        let script = "history.pushState(null, '', arguments[0]); dispatchEvent(new PopStateEvent('popstate'));";
        self.run(script, vec![json!(path)]).await;
    }

    /// What the browser wrote into its log of this kind since the last look.
    pub async fn log(&self, kind: &str) -> Vec<Json> {
        let entries = self.command("se/log", json!({ "type": kind })).await;
        entries.as_array().cloned().unwrap_or_default()
    }

    pub async fn devtools(&self, method: &str, params: Json) -> Json {
        self.issue(Raw::devtools(method, &params)).await
    }

    async fn command(&self, path: &str, body: Json) -> Json {
        self.issue(Raw { path: path.into(), body: body.to_string() }).await
    }

    async fn issue(&self, command: Raw) -> Json {
        let what = command.path.clone();
        self.session.issue_cmd(command).await.unwrap_or_else(|error| panic!("{}: {what}: {error}", self.tablet))
    }

    /// Waits until something on the page has changed, and what changes with it for so long after. What shows without a
    /// change of its elements, such as the focus or the end of a movement, is seen at the next beat. A page that is being
    /// changed over is looked at again at once.
    async fn changes(&self, with_it: Duration) {
        let script = "const [beat_ms, with_it_ms, done] = arguments;
            const told = () => { clearTimeout(beat); done(); };
            const observer = new MutationObserver(() => { observer.disconnect(); setTimeout(told, with_it_ms); });
            const beat = setTimeout(() => { observer.disconnect(); told(); }, beat_ms);
            observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });";
        let arguments = [BEAT, with_it.min(BEAT)].map(|time| json!(time.as_millis() as u64));
        drop(self.session.execute_async(script, arguments.into()).await);
    }

    /// Looks until `found` finds something.
    pub async fn until<T>(&self, what: impl fmt::Display, found: impl AsyncFn() -> Option<T>) -> T {
        self.until_in(PATIENCE, what, found).await
    }

    async fn until_in<T>(&self, patience: Duration, what: impl fmt::Display, found: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + patience;
        for looks in 0_u32.. {
            if let Some(found) = found().await {
                return found;
            }
            if Instant::now() > deadline {
                let picture = crate::house::screenshots().join(format!("failed-{}.png", self.tablet));
                std::fs::write(&picture, self.picture().await).unwrap();
                let console: Vec<String> =
                    self.log("browser").await.iter().map(|entry| format!("\n  {}", entry["message"])).collect();
                panic!(
                    "{}: {what}; see {}; the page reads: {}; its console:{}",
                    self.tablet,
                    picture.display(),
                    self.reads().await,
                    console.concat()
                );
            }
            self.changes(LOOK_LATER * looks).await;
        }
        unreachable!("there is no end of looks")
    }
}

/// Something with a role and a name. A name may be longer than what is asked for: a second line counts as part of it.
#[derive(Debug)]
pub struct Thing<'a> {
    page: &'a Page,
    role: &'static str,
    name: &'a str,
}

impl fmt::Display for Thing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} “{}”", self.role, self.name)
    }
}

impl Thing<'_> {
    async fn find(&self) -> Option<Element> {
        self.find_all().await.into_iter().next()
    }

    async fn find_all(&self) -> Vec<Element> {
        // While a page is being changed over there is nothing to find.
        let found = self.page.session.execute(FIND, vec![json!(self.role), json!(self.name)]).await.unwrap_or_default();
        let found: Vec<Json> = serde_json::from_value(found).unwrap_or_default();
        let id = |found: Json| found.as_object()?.values().next()?.as_str().map(str::to_owned);
        let element = |id: String| Element::from_element_id(self.page.session.clone(), id.into());
        found.into_iter().filter_map(id).map(element).collect()
    }

    pub async fn is_there(&self) -> bool {
        self.find().await.is_some()
    }

    pub async fn shown(&self) {
        self.page.until(format_args!("{self} is not there"), async || self.find().await).await;
    }

    /// What comes by itself, when it is time.
    pub async fn shown_in_minutes(&self, minutes: u64) {
        let patience = Duration::from_secs(60 * minutes);
        self.page.until_in(patience, format_args!("{self} is not there"), async || self.find().await).await;
    }

    pub async fn gone(&self) {
        self.page.until(format_args!("{self} is still there"), async || (!self.is_there().await).then_some(())).await;
    }

    /// A press where nothing lies over it. What lies behind the foot of a form is scrolled to first.
    pub async fn tap(&self) {
        let tapped = async || {
            let found = self.find().await?;
            if found.click().await.is_ok() {
                return Some(());
            }
            let scrolled = "arguments[0].scrollIntoView({ block: 'center' })";
            self.page.session.execute(scrolled, vec![json!(found)]).await.ok()?;
            found.click().await.ok()
        };
        self.page.until(format_args!("{self} cannot be tapped"), tapped).await;
    }

    /// Types in the place of what was there.
    pub async fn fill(&self, typed: &str) {
        let filled = async || {
            let field = self.find().await?;
            // Ctrl+A, up, Backspace: as a person clears a field.
            field.send_keys("\u{e009}a\u{e000}\u{e003}").await.ok()?;
            field.send_keys(typed).await.ok()
        };
        self.page.until(format_args!("{self} cannot be filled"), filled).await;
    }

    /// Waits until this stands in it.
    pub async fn holds(&self, value: &str) {
        let held = async || self.find().await?.prop("value").await.ok()?.filter(|held| held == value);
        self.page.until(format_args!("{value} is not in {self}"), held).await;
    }

    /// Chooses a day or a time, as the browser's own calendar and clock do, which no command reaches. How they are typed
    /// hangs on the browser's language.
    pub async fn pick(&self, value: &str) {
        let picked = async || {
            let script =
                "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', { bubbles: true }))";
            self.page.session.execute(script, vec![json!(self.find().await?), json!(value)]).await.ok()
        };
        self.page.until(format_args!("{self} cannot be picked"), picked).await;
    }

    /// Taps what has this role and name within it: a choice of one group among others alike, a row of a list.
    /// Without a name it is the first.
    pub async fn tap_inside(&self, selector: &str, name: &str) {
        let script = "const [group, selector, name] = arguments;
            const all = [...group.querySelectorAll(selector)];
            const found = all.find((one) => (one.getAttribute('aria-label') ?? one.textContent).trim().startsWith(name));
            if (found) { found.scrollIntoView({ block: 'center' }); found.click(); }
            return Boolean(found);";
        let tapped = async || {
            let arguments = vec![json!(self.find().await?), json!(selector), json!(name)];
            self.page.session.execute(script, arguments).await.ok()?.as_bool().filter(|found| *found)
        };
        self.page.until(format_args!("{name} is not in {self}"), tapped).await;
    }

    /// Whether it is chosen or ticked.
    pub async fn is_on(&self) -> bool {
        let checked = async || self.find().await?.attr("aria-checked").await.ok()?;
        self.page.until(format_args!("{self} is no choice"), checked).await == "true"
    }

    /// What it reads.
    pub async fn reads(&self) -> String {
        let text = async || self.find().await?.text().await.ok();
        let text = self.page.until(format_args!("{self} is not there"), text).await;
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub async fn has_focus(&self) {
        let focused = async || {
            let here = json!(self.find().await?);
            let script = "return arguments[0] === document.activeElement";
            self.page.session.execute(script, vec![here]).await.ok()?.as_bool().filter(|yes| *yes)
        };
        self.page.until(format_args!("{self} does not have the focus"), focused).await;
    }
}

/// Words on the page, whatever they stand in.
#[derive(Debug)]
pub struct Words<'a> {
    page: &'a Page,
    words: &'a str,
}

impl Words<'_> {
    pub async fn is_there(&self) -> bool {
        let text = self.page.session.execute(TEXT, vec![]).await.unwrap_or_default();
        let text = text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        text.contains(self.words)
    }

    pub async fn shown(&self) {
        let there = async || self.is_there().await.then_some(());
        self.page.until(format_args!("“{}” cannot be read", self.words), there).await;
    }

    /// What comes by itself, when it is time.
    pub async fn shown_in_minutes(&self, minutes: u64) {
        let patience = Duration::from_secs(60 * minutes);
        let there = async || self.is_there().await.then_some(());
        self.page.until_in(patience, format_args!("“{}” cannot be read", self.words), there).await;
    }

    pub async fn gone(&self) {
        self.gone_within(PATIENCE).await;
    }

    /// What goes by itself, when it is time.
    pub async fn gone_in_minutes(&self, minutes: u64) {
        self.gone_within(Duration::from_secs(60 * minutes)).await;
    }

    async fn gone_within(&self, patience: Duration) {
        let gone = async || (!self.is_there().await).then_some(());
        self.page.until_in(patience, format_args!("“{}” can still be read", self.words), gone).await;
    }
}

/// A command that WebDriver has and the client library lacks.
#[derive(Debug)]
struct Raw {
    path: String,
    body: String,
}

impl Raw {
    fn devtools(method: &str, params: &Json) -> Self {
        Self { path: "goog/cdp/execute".into(), body: json!({ "cmd": method, "params": params }).to_string() }
    }
}

impl WebDriverCompatibleCommand for Raw {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (axum::http::Method, Option<String>) {
        (axum::http::Method::POST, Some(self.body.clone()))
    }
}
