//! What a tablet does once it was shut out: it hands in what is unsent, and only with the receipt for all of it does it
//! wipe itself. Whether somebody is unlocked makes no difference.

use yingke_core::{
    sync::{PUSH_CHANGES_MAX, Trouble, TurnError},
    wire::v1::SealedChange,
};

use leptos::{prelude::*, task::spawn_local};

use super::{Door, Roster};
use crate::browser::{clock, journal::UnsentWork, reminders, settings, trace, updates};

pub use crate::browser::journal::Farewell;

/// Text of one message: what a weak mobile network sends in some seconds.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

impl Roster {
    /// Hands in and wipes.
    ///
    /// # Errors
    /// [`TurnError`]; nothing was wiped, and what was handed in so far costs nothing to hand in again.
    pub(super) async fn leave(self) -> Result<(), TurnError> {
        let inner = self.inner();
        let browser = &inner.browser;
        let farewell = loop {
            let work = browser.journal().unsent_work().await?;
            // The last of the changes says that this is all.
            let (pictures, pictures_lost) = self.hand_in_pictures(&work.pictures).await?;
            let receipt = self.hand_in(&work).await?;
            let farewell = Farewell {
                at: clock::now(),
                handed_in: work.changes.len(),
                receipt,
                drafts: work.drafts,
                letters: work.letters,
                damaged: work.damaged,
                pictures,
                pictures_lost,
            };
            if browser.journal().wipe(&work, &farewell).await? {
                break farewell;
            }
        };
        trace::warn(&format!("this tablet was revoked: {} changes handed in, and wiped", farewell.handed_in));
        // Before the files go, and another tab puts back what it remembers.
        browser.tabs().tell_written();
        settings::forget_all();
        // A browser that does not reach its push service may take for ever.
        spawn_local(reminders::unsubscribe());
        browser.copy().forget().await;
        self.clear_files(&farewell).await;
        self.show_farewell(farewell);
        browser.tabs().tell_written();
        Ok(())
    }

    /// What was deleted in a database lies in its files for as long as the browser pleases, keys among it that a PIN
    /// opens: they are thrown away. Where that fails, the next start tries again.
    pub(super) async fn clear_files(self, farewell: &Farewell) {
        let inner = self.inner();
        let browser = &inner.browser;
        let Ok(Some(token)) = browser.journal().last_word().await else { return };
        if let Err(error) = browser.http().farewell(&token).await {
            return trace::warn(&format!("the storage's files were not cleared: {error}"));
        }
        if let Err(error) = browser.journal().keep_farewell(farewell).await {
            trace::warn(&format!("what happened is told until the page is closed: {error}"));
        }
    }

    /// The endpoint's receipt for all of it.
    async fn hand_in(self, work: &UnsentWork) -> Result<String, Trouble> {
        let inner = self.inner();
        let mut left = work.changes.len();
        let mut receipt = String::new();
        for message in messages(&work.changes) {
            left -= message.len();
            let answer = inner.browser.http().hand_in(message, left as u64).await?;
            if !message.iter().all(|change| answer.kept.contains(&change.id)) {
                return Err(Trouble::NotUnderstood { detail: "not everything that was handed in is kept".into() });
            }
            receipt = answer.receipt;
        }
        Ok(receipt)
    }

    /// Nobody works here any more, in this tab either.
    pub(super) fn show_farewell(self, farewell: Farewell) {
        let inner = self.inner();
        self.lock();
        spawn_local(async move { self.inner().browser.copy().forget().await });
        inner.directory.replace(None);
        inner.device.replace(None);
        inner.last_person.set(None);
        inner.directory_changed.notify();
        self.status
            .update(|status| (status.unsent, status.pictures, status.oldest_unsent, status.refused) = (0, 0, None, 0));
        self.door.set(Door::Wiped(farewell));
    }

    /// Another tab may have wiped the tablet, or have taken it into use again; whether this tab has nothing more to do.
    pub(super) async fn has_left(self) -> bool {
        let inner = self.inner();
        let journal = inner.browser.journal();
        let shown = matches!(self.door.get_untracked(), Door::Wiped(_));
        match journal.farewell().await {
            Ok(Some(farewell)) if !shown => {
                drop(inner.browser.vault().reload().await);
                self.show_farewell(farewell);
                true
            }
            Ok(None) if shown => {
                updates::reload();
                true
            }
            Ok(_) | Err(_) => shown,
        }
    }

    /// The tablet may be enrolled again.
    pub async fn begin_anew(self) {
        let inner = self.inner();
        if inner.browser.journal().drop_farewell().await.is_ok() {
            inner.browser.tabs().tell_written();
            updates::reload();
        }
    }
}

/// The changes in messages, in their order; one of nothing where there are none, so that the endpoint hears that this is
/// all.
fn messages(changes: &[SealedChange]) -> Vec<&[SealedChange]> {
    let mut messages = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (place, change) in changes.iter().enumerate() {
        if place > from && (place - from == PUSH_CHANGES_MAX || bytes + change.sealed.len() > MESSAGE_BYTES_MAX) {
            messages.push(&changes[from..place]);
            (from, bytes) = (place, 0);
        }
        bytes += change.sealed.len();
    }
    messages.push(&changes[from..]);
    messages
}

#[cfg(test)]
mod tests {
    use yingke_core::{fixture, id::ChangeId};

    use super::*;

    fn check(lengths: &[usize], expected: &[usize]) {
        let change = |length: &usize| SealedChange {
            id: ChangeId::from_bytes([1; 16]),
            author: fixture::staff(1),
            sender: String::new(),
            nonce: String::new(),
            sealed: "x".repeat(*length),
        };
        let changes: Vec<SealedChange> = lengths.iter().map(change).collect();
        let messages: Vec<usize> = messages(&changes).into_iter().map(<[_]>::len).collect();
        assert_eq!(messages, expected);
    }

    #[test]
    fn what_is_handed_in_goes_in_messages_of_a_bounded_size() {
        check(&[], &[0]);
        check(&[10], &[1]);
        check(&[10; 500], &[500]);
        check(&[10; 501], &[500, 1]);
        check(&[600 << 10, 600 << 10, 10], &[1, 2]);
        // One that is larger than a message goes by itself.
        check(&[2 << 20, 10], &[1, 1]);
    }
}
