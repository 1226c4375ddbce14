//! A tablet that nobody touches locks itself, after the venue's minutes.
//!
//! Two clocks are asked and the longer time holds: the page's own stands still while some tablets sleep, and the
//! tablet's can be set back.

use std::{cell::Cell, rc::Rc};

use leptos::task::spawn_local;
use yingke_core::time::{MINUTE_MS, Millis};

use super::Roster;
use crate::browser::{clock, signs, tabs};

/// When somebody last touched this page.
#[derive(Debug, Clone, Copy)]
struct Touch {
    at: Millis,
    since_opening_ms: i64,
}

impl Touch {
    fn now() -> Self {
        Self { at: clock::now(), since_opening_ms: clock::since_opening_ms() }
    }

    fn idle_ms(self, now: Self) -> i64 {
        now.at.since(self.at).max(now.since_opening_ms - self.since_opening_ms)
    }
}

/// How long until the tablet locks, in milliseconds; 0 for now, `None` where the venue wants no lock.
fn left_ms(idle_ms: i64, lock_minutes: u32) -> Option<i64> {
    let limit_ms = i64::from(lock_minutes) * MINUTE_MS;
    (limit_ms > 0).then(|| (limit_ms - idle_ms).max(0))
}

impl Roster {
    /// Watches for touches and keys, and locks when there are none for as long as the venue says.
    pub(super) fn lock_when_idle(self) {
        let last = Rc::new(Cell::new(Touch::now()));
        let touched = last.clone();
        signs::on_touch(move || touched.set(Touch::now()));
        let check = move || {
            let minutes = self.venue_now().map(|venue| venue.lock_minutes);
            let left_ms = minutes.and_then(|minutes| left_ms(last.get().idle_ms(Touch::now()), minutes));
            if left_ms == Some(0) {
                self.lock();
            }
            left_ms
        };
        // A tablet that wakes up is locked before anybody sees what was open.
        let on_wake = check.clone();
        tabs::on_wake_up(move || {
            on_wake();
        });
        spawn_local(async move {
            loop {
                let wait_ms = check().filter(|left_ms| *left_ms > 0).unwrap_or(LOOK_MS);
                clock::wait(wait_ms.min(LOOK_MS)).await;
            }
        });
    }
}

/// How often it is looked, at least.
const LOOK_MS: i64 = 5_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(at: i64, since_opening_ms: i64) -> Touch {
        Touch { at: Millis(at), since_opening_ms }
    }

    #[test]
    fn the_longer_of_two_clocks_holds() {
        let before = touch(1_000_000, 5_000);
        assert_eq!(before.idle_ms(touch(1_090_000, 95_000)), 90_000);
        // Slept: the page's clock stood still. Set back: the tablet's clock went the other way.
        assert_eq!(before.idle_ms(touch(4_600_000, 6_000)), 3_600_000);
        assert_eq!(before.idle_ms(touch(0, 95_000)), 90_000);
    }

    #[test]
    fn it_locks_at_the_venues_minutes_and_not_where_they_are_nought() {
        assert_eq!(left_ms(0, 5), Some(5 * MINUTE_MS));
        assert_eq!(left_ms(5 * MINUTE_MS - 1, 5), Some(1));
        assert_eq!(left_ms(5 * MINUTE_MS, 5), Some(0));
        assert_eq!(left_ms(9 * MINUTE_MS, 5), Some(0));
        assert_eq!(left_ms(9 * MINUTE_MS, 0), None);
    }
}
