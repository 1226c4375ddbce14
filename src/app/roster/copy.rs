//! The second copy of unsent work: what came back from it, and keeping it up.

use futures::channel::oneshot;
use leptos::{prelude::*, task::spawn_local};

use super::{OpenError, Roster};
use crate::browser::trace;

pub use crate::browser::copy::Mended;

impl Roster {
    /// Opens the database; one that is damaged is healed first, where there is a copy.
    pub(super) async fn open_database(self) -> Result<(), OpenError> {
        let inner = self.inner();
        match inner.browser.open().await {
            Err(OpenError::Damaged { .. }) if self.heal().await => inner.browser.open().await,
            opened => opened,
        }
    }

    /// Takes from the copy what the database has lost. Whether there was anything.
    pub(super) async fn heal(self) -> bool {
        let mended = match self.inner().browser.heal().await {
            Ok(mended) => mended,
            Err(error) => {
                trace::warn(&format!("the database was not healed: {error}"));
                return false;
            }
        };
        if mended.is_told() {
            self.status.update(|status| status.mended = Some(mended));
        }
        mended.rows > 0
    }

    /// The same behind a door that is open already.
    pub(super) async fn heal_behind_the_door(self) {
        if !self.heal().await {
            return;
        }
        self.count_unsent().await;
        if self.me_now().is_some() {
            self.read_again().await;
        }
        let inner = self.inner();
        inner.browser.tabs().tell_written();
        inner.wake.wake();
    }

    /// Puts back what the browser has taken away from under this page. Whether there is a database again where there was
    /// none.
    pub(super) async fn put_back(self) -> bool {
        let inner = self.inner();
        let database = inner.browser.database();
        if !database.is_gone() {
            return false;
        }
        let under_way = inner.putting_back.borrow_mut().as_mut().map(|waiting| {
            let (done, is_done) = oneshot::channel::<()>();
            waiting.push(done);
            is_done
        });
        if let Some(is_done) = under_way {
            let _ = is_done.await; // told by its end
            return !database.is_gone();
        }
        inner.putting_back.replace(Some(Vec::new()));
        let put_back = inner.browser.put_back().await;
        inner.putting_back.take();
        let mended = match put_back {
            Ok(mended) => mended,
            Err(error) => {
                trace::warn(&format!("the database is gone: {error}"));
                return false;
            }
        };
        trace::warn(&format!("the browser took the database away; {} unsent changes are back", mended.changes));
        if mended.is_told() {
            self.status.update(|status| status.mended = Some(mended));
        }
        drop(self.read_tablet().await);
        self.read_again().await;
        self.count_unsent().await;
        inner.browser.tabs().tell_written();
        true
    }

    /// Writes the copy anew where following the database was not enough.
    pub(super) fn keep_copy_up(self) {
        let inner = self.inner();
        if inner.browser.copy().is_behind() {
            spawn_local(async move { inner.browser.copy_anew().await });
        }
    }

    /// Another tab wrote, or the tablet became one: this tab's copy says so too.
    pub(super) fn copy_anew(self) {
        let inner = self.inner();
        spawn_local(async move { inner.browser.copy_anew().await });
    }
}
