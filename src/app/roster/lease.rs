//! Reading is lent: after the venue's days without a word from the endpoint it ends, and capture does not.
//!
//! A lost tablet that nobody connects thereby stops showing people's data even to someone who knows a PIN. What was
//! saved here and waits to be sent is not touched, and the next contact brings everything back.

use leptos::prelude::*;
use yingke_core::time::{DAY_MS, Millis};

use super::Roster;
use crate::browser::clock;

/// Whether reading has ended. A tablet that never had contact has nothing to read; a venue of 0 days lends for good.
fn reading_ended(last_contact: Option<Millis>, lease_days: u32, now: Millis) -> bool {
    let silent_ms = last_contact.map_or(0, |at| now.since(at));
    lease_days > 0 && silent_ms >= i64::from(lease_days) * DAY_MS
}

impl Roster {
    /// Whether only capture is open, and after how many days without contact that is. Subscribes.
    #[must_use]
    pub fn lease_over(self) -> Option<u32> {
        let over = self.status.with(|status| status.lease_over);
        self.me().filter(|_| over).map(|me| me.venue.lease_days)
    }

    /// Whether reading has ended for somebody of a venue with this lease.
    pub(super) fn reading_ended(self, lease_days: u32) -> bool {
        reading_ended(self.status.with_untracked(|status| status.last_contact), lease_days, clock::now())
    }

    /// The lease ran out while somebody works: they unlock again, to capture.
    pub(super) fn end_reading_when_due(self) {
        let over = self.status.with_untracked(|status| status.lease_over);
        if !over && self.venue_now().is_some_and(|venue| self.reading_ended(venue.lease_days)) {
            self.lock();
        }
    }

    /// The endpoint answered: what was closed by the lease is read.
    pub(super) async fn renew_lease(self) {
        self.status.update(|status| status.lease_over = false);
        if self.me_now().is_some() {
            self.read_again().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_ends_after_the_venues_days_without_contact() {
        let contact = Millis(1_800_000_000_000);
        let after = |days: i64| contact.plus(days * DAY_MS);
        assert!(!reading_ended(Some(contact), 14, after(14).plus(-1)));
        assert!(reading_ended(Some(contact), 14, after(14)));
        assert!(reading_ended(Some(contact), 1, after(1)));
    }

    #[test]
    fn nothing_ends_without_a_first_contact_or_where_it_is_lent_for_good() {
        let contact = Millis(1_800_000_000_000);
        assert!(!reading_ended(None, 14, contact));
        assert!(!reading_ended(Some(contact), 0, contact.plus(99 * DAY_MS)));
        // A clock that was set back shows no silence.
        assert!(!reading_ended(Some(contact), 14, contact.plus(-99 * DAY_MS)));
    }
}
