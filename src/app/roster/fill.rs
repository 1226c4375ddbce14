//! The first fill: what comes in blocks is there as it comes, while people already work.
//!
//! A turn that says there is more than its page goes on by blocks, each kept by itself and let in at once. What was saved
//! meanwhile goes out first. Whoever wants it stops: then turns only send, until they go on from the last block.

use leptos::prelude::*;
use yingke_core::sync::{Filling, News, Trouble, TurnError};

use super::{Roster, SyncState};

impl Roster {
    /// Fetches nothing more for now. What has come stays, and what is saved is sent.
    pub fn stop_filling(self) {
        let inner = self.inner();
        inner.filling_stopped.set(true);
        inner.browser.http().set_fetches(false);
        self.show_filling();
    }

    /// Goes on from the last block that came.
    pub fn go_on_filling(self) {
        let inner = self.inner();
        inner.filling_stopped.set(false);
        inner.browser.http().set_fetches(true);
        self.show_filling();
        inner.wake.wake();
    }

    /// Somebody else may unlock now, for whom it is another.
    pub(super) fn forget_filling(self) {
        let inner = self.inner();
        inner.filled.set(None);
        inner.filling_stopped.set(false);
        inner.browser.http().set_fetches(true);
    }

    /// How it stands after a turn, if it is not at its end.
    pub(super) fn filling(self, more: bool) -> Option<SyncState> {
        let inner = self.inner();
        let stopped = inner.filling_stopped.get();
        if !more && !stopped {
            inner.filled.set(None);
        }
        let filled = inner.filled.get()?;
        Some(if stopped { SyncState::FillingStopped(filled) } else { SyncState::Filling(filled) })
    }

    fn show_filling(self) {
        if let Some(sync) = self.filling(true) {
            self.status.update(|status| status.sync = sync);
        }
    }

    /// Goes on by blocks after a turn that was one of many, for as long as the same person is unlocked.
    pub(super) async fn fill(self, news: &News, session: u32) -> Result<(), TurnError> {
        let inner = self.inner();
        let browser = &inner.browser;
        self.show_filling();
        let mut filling = match Filling::begin(browser.http(), news).await {
            Ok(filling) => filling,
            // An endpoint of before there were blocks: page by page, then.
            Err(Trouble::NotUnderstood { .. }) => return Ok(()),
            Err(trouble) => return Err(trouble.into()),
        };
        let unsent = self.status.with_untracked(|status| status.unsent);
        while let Some((block, filled)) = filling.next(browser.journal()).await? {
            self.heard(block.server_time);
            browser.tabs().tell_written();
            if inner.session.get() != session {
                // Whoever is unlocked now reads what is theirs of it from the journal.
                self.hear().await;
                return Ok(());
            }
            self.let_in(&block).await;
            inner.filled.set(Some(filled));
            self.show_filling();
            let is_due = self.status.with_untracked(|status| status.unsent > unsent);
            if is_due || inner.filling_stopped.get() {
                return Ok(());
            }
        }
        Ok(())
    }
}
