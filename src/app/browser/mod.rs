//! The browser: the only place that names the web's storage, network, time and crypto.
//!
//! ```text
//! idb      IndexedDB with its real errors and transactions         rows     what lies in it, byte by byte
//! vault    whose unlock opens what                                 seal     the web's crypto
//! journal  core's Journal: append, push, take in, checkpoint       drafts   half-filled forms
//! http     core's Endpoint: fetch, with its faults told apart      unlock   the worker that reckons a PIN's key
//! tabs     several tabs, one journal, one leader                   storage  room, persistence
//! signs    network, visibility, updates                            updates  take over a newer version
//! clock    now, waiting, waking                                    chance   random bytes
//! settings language, theme, label                                  trace    the console
//! handover unsent changes as one sealed file                       files    share sheet, download, picked files
//! pass     trial passes: signed and checked                        camera   what a code before the camera says
//! pictures scaled down, and shown                                  copy     unsent work a second time, and healing from it
//! opfs     the worker that writes its files                    passkey  a finger or a face before the tablet's reader
//! reminders  the browser's push service                        worker   what takes long, beside the page
//! ```

pub mod camera;
pub mod chance;
pub mod clock;
pub mod copy;
pub mod drafts;
pub mod files;
pub mod handover;
pub mod http;
pub mod idb;
pub mod journal;
pub mod opfs;
pub mod pass;
pub mod passkey;
pub mod pictures;
pub mod reminders;
pub mod rows;
pub mod seal;
pub mod settings;
pub mod signs;
pub mod storage;
pub mod tabs;
pub mod trace;
pub mod unlock;
pub mod updates;
pub mod vault;
pub mod worker;

#[cfg(all(test, target_arch = "wasm32"))]
mod tests;

pub use idb::OpenError;

use copy::{Mended, SecondCopy};
use http::HttpEndpoint;
use idb::Database;
use journal::BrowserJournal;
use tabs::{Leading, Tabs};
use vault::Vault;
use yingke_core::{journal::AppendError, sync::Trouble};

/// The browser's parts, put together once. Nothing is touched before [`Browser::open`].
#[derive(Debug)]
pub struct Browser {
    database: Database,
    vault: Vault,
    journal: BrowserJournal,
    http: HttpEndpoint,
    tabs: Tabs,
    copy: SecondCopy,
}

impl Browser {
    #[must_use]
    pub fn new() -> Self {
        let database = Database::named(idb::NAME);
        let vault = Vault::new(database.clone());
        let journal = BrowserJournal::new(database.clone(), vault.clone());
        let http = HttpEndpoint::new(vault.clone());
        let copy = SecondCopy::of(database.clone());
        Self { database, vault, journal, http, tabs: Tabs::new(), copy }
    }

    /// Opens the database and reads whose tablet this is.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn open(&self) -> Result<(), OpenError> {
        if let Some(url) = worker::worker_url("copy") {
            self.copy.start(&url);
        }
        self.database.open().await?;
        Ok(self.vault.reload().await?)
    }

    /// Puts back what the database has lost and the second copy has; what that was. Then the copy goes on from there.
    ///
    /// # Errors
    /// [`AppendError`]; database and copy are as they were.
    pub async fn heal(&self) -> Result<Mended, AppendError> {
        let mended = self.copy.heal().await?;
        if mended.rows > 0 {
            self.journal.find_tail_anew();
            self.vault.reload().await?;
        }
        self.copy_anew().await;
        Ok(mended)
    }

    /// Puts back what this tab remembers of a database that the browser has taken away; what that was. What was pulled is
    /// pulled again.
    ///
    /// # Errors
    /// [`AppendError`]; it is still gone.
    pub async fn put_back(&self) -> Result<Mended, AppendError> {
        let damaged = |detail: String| AppendError::Damaged { detail };
        let fresh = self.database.begun_anew().await.map_err(|error| damaged(error.to_string()))?;
        let mended = self.copy.put_back(&fresh).await;
        fresh.close();
        let mended = mended?;
        // Without a format, where nothing could be put back, this fails.
        self.vault.reload().await?;
        self.database.is_back();
        self.journal.find_tail_anew();
        self.journal.lead_again().await?;
        self.copy_anew().await;
        Ok(mended)
    }

    /// Brings the second copy to what the database holds.
    pub async fn copy_anew(&self) {
        self.copy.look(&self.journal).await;
    }

    /// Done when this tab leads, and its journal says so: what a leader before it still writes fails.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn lead(&self) -> Result<Leading, AppendError> {
        let leading = self.tabs.lead().await;
        self.journal.lead().await?;
        Ok(leading)
    }

    /// Fetches the keys of audiences that came into being since the sign-in, where the last page lacked some. Whether
    /// there were any: then another turn brings what they open.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn fetch_keys(&self) -> Result<bool, Trouble> {
        if !self.journal.lacks_keys() {
            return Ok(false);
        }
        let me = self.http.me().await?;
        Ok(self.vault.add_keys(&me).await.unwrap_or(false))
    }

    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    #[must_use]
    pub fn journal(&self) -> &BrowserJournal {
        &self.journal
    }

    #[must_use]
    pub fn http(&self) -> &HttpEndpoint {
        &self.http
    }

    #[must_use]
    pub fn tabs(&self) -> &Tabs {
        &self.tabs
    }

    #[must_use]
    pub fn copy(&self) -> &SecondCopy {
        &self.copy
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}
