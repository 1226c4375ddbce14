//! One Chromium with a profile of its own, asked over WebDriver.

use std::{fs, path::Path, time::Duration};

use fantoccini::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value as Json, json};
use tokio::process::Child;

use crate::driver;

/// How long one question may take: the slowest library takes minutes to load everybody.
const ANSWER_WAIT: Duration = Duration::from_secs(1_800);

pub struct Browser {
    driver: Child,
    session: Client,
}

impl Browser {
    pub async fn open(profile: &Path) -> Self {
        let (driver, address) = driver::start().await;
        let capabilities = json!({
            "browserName": "chrome",
            "timeouts": { "script": ANSWER_WAIT.as_millis() as u64 },
            "goog:chromeOptions": {
                "binary": driver::chrome(),
                "args": [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--enable-precise-memory-info", "--js-flags=--expose-gc",
                    format!("--user-data-dir={}", profile.display()),
                ],
            },
        });
        let session = fantoccini::ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().cloned().unwrap())
            .connect(&address)
            .await
            .expect("the browser starts");
        Self { driver, session }
    }

    pub async fn go(&mut self, address: &str) -> Result<(), String> {
        self.session.goto(address).await.map_err(|error| error.to_string())
    }

    /// What the page says to one of the steps of `bench.js`.
    pub async fn ask(&mut self, step: &str, argument: &Json) -> Result<Json, String> {
        let script = "const [step, argument, done] = arguments;
            const ask = () => globalThis.bench ? globalThis.bench(step, argument, done) : setTimeout(ask, 1);
            ask();";
        let told = self.session.execute_async(script, vec![json!(step), argument.clone()]).await;
        let mut told = told.map_err(|error| error.to_string())?;
        match told.get("fault") {
            Some(fault) => Err(format!("{step}: {}", fault.as_str().unwrap_or_default())),
            None => Ok(told["value"].take()),
        }
    }

    /// Ended as a person ends it: what was written lies on the disk.
    pub async fn end(mut self) -> Result<(), String> {
        self.session.clone().close().await.map_err(|error| error.to_string())?;
        self.driver.kill().await.map_err(|error| error.to_string())
    }
}

/// Bytes of what pages have stored in a profile.
pub fn stored_bytes(profile: &Path) -> u64 {
    ["IndexedDB", "File System"].iter().map(|store| bytes_under(&profile.join("Default").join(store))).sum()
}

fn bytes_under(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => bytes_under(&entry.path()),
            Ok(about) => about.len(),
            Err(_) => 0,
        })
        .sum()
}
