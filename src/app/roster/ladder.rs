//! The ladder of loss: how surely what is kept here stays, and what would make it surer.
//!
//! The worst rung that applies is told. A browser may clear a site that it gave no promise to; how much that would cost
//! grows with what is unsent and how long it has been. Source: the storage standard's "persistent" buckets, and
//! WebKit's rule that a site in a browser tab is cleared after seven days without a visit.

use leptos::prelude::{Get, With};
use yingke_core::time::{HOUR_MS, Millis};

use super::{Persistence, Roster, Status};
use crate::browser::clock;

/// Where on the ladder this tablet stands, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// Hardly any room left: the next save may fail.
    NoRoom { free_bytes: u64 },
    /// Unsent for hours, and the browser may clear it: connect, or hand it over by a file.
    OldAndExposed { unsent: usize, age_ms: i64 },
    /// Unsent for a day, if well kept: connect, or hand it over by a file.
    Old { unsent: usize, age_ms: i64 },
    /// The same of pictures, which no file carries: connect.
    OldPictures { pictures: usize, age_ms: i64, exposed: bool },
    /// Room for some days yet.
    LittleRoom { free_bytes: u64 },
    /// In a browser tab that promised nothing: install.
    NotInstalled,
    /// Installed, and yet no promise: open it every week, deliver every day.
    NotPersistent,
    /// The browser asks a person before it clears anything.
    Kept,
}

/// The colour of a rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    None,
    Some,
    High,
}

impl Rung {
    #[must_use]
    pub fn risk(self) -> Risk {
        match self {
            Self::NoRoom { .. } | Self::OldAndExposed { .. } | Self::OldPictures { exposed: true, .. } => Risk::High,
            Self::Old { .. }
            | Self::OldPictures { exposed: false, .. }
            | Self::LittleRoom { .. }
            | Self::NotInstalled
            | Self::NotPersistent => Risk::Some,
            Self::Kept => Risk::None,
        }
    }

    /// Whether work has waited for so long that whoever comes by should hear of it, and not only who looks.
    #[must_use]
    pub fn is_overdue(self) -> bool {
        matches!(self, Self::OldAndExposed { .. } | Self::Old { .. } | Self::OldPictures { .. })
    }
}

/// A save needs some kilobytes; the database needs some megabytes to write them.
const NO_ROOM_BYTES: u64 = 10_000_000;
const LITTLE_ROOM_BYTES: u64 = 200_000_000;
/// The age from which a hand-over file is asked for.
const EXPOSED_MS: i64 = 4 * HOUR_MS;
const OLD_MS: i64 = 24 * HOUR_MS;

/// The rung; `None` until the browser has said how it keeps things. `now` is by the tablet's clock.
#[must_use]
pub fn rung(status: &Status, now: Millis) -> Option<Rung> {
    let storage = status.storage?;
    let free_bytes = storage.free_bytes();
    let below = |limit: u64| free_bytes.filter(|free_bytes| *free_bytes < limit);
    let kept = storage.persistence == Persistence::Persistent;
    let age_ms =
        |count: usize, oldest: Option<Millis>| oldest.filter(|_| count > 0).map_or(0, |oldest| now.since(oldest));
    let (unsent, pictures) = (status.unsent, status.pictures);
    let (age_ms, picture_age_ms) = (age_ms(unsent, status.oldest_unsent), age_ms(pictures, status.oldest_picture));
    let limit_ms = if kept { OLD_MS } else { EXPOSED_MS };
    Some(if let Some(free_bytes) = below(NO_ROOM_BYTES) {
        Rung::NoRoom { free_bytes }
    } else if age_ms >= limit_ms {
        if kept { Rung::Old { unsent, age_ms } } else { Rung::OldAndExposed { unsent, age_ms } }
    } else if picture_age_ms >= limit_ms {
        Rung::OldPictures { pictures, age_ms: picture_age_ms, exposed: !kept }
    } else if let Some(free_bytes) = below(LITTLE_ROOM_BYTES) {
        Rung::LittleRoom { free_bytes }
    } else if kept {
        Rung::Kept
    } else if storage.installed {
        Rung::NotPersistent
    } else {
        Rung::NotInstalled
    })
}

impl Roster {
    /// How surely what is kept here stays. Subscribes.
    #[must_use]
    pub fn rung(self) -> Option<Rung> {
        let _ = self.minute.get();
        self.status.with(|status| rung(status, clock::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browser::storage::StorageFacts;

    const NOW: Millis = Millis(1_800_000_000_000);
    const MB: u64 = 1_000_000;

    fn check(persistence: Persistence, installed: bool, free_mb: u64, unsent_hours: Option<i64>, expected: Rung) {
        let storage = StorageFacts { persistence, installed, used_bytes: Some(0), quota_bytes: Some(free_mb * MB) };
        let status = Status {
            storage: Some(storage),
            unsent: usize::from(unsent_hours.is_some()),
            oldest_unsent: unsent_hours.map(|hours| NOW.plus(-hours * HOUR_MS)),
            ..Status::at_start()
        };
        assert_eq!(rung(&status, NOW), Some(expected));
    }

    #[test]
    fn the_worst_rung_that_applies_is_told() {
        use Persistence::{BestEffort, Persistent, Unknown};
        let hours = |hours: i64| hours * HOUR_MS;
        check(Persistent, true, 5, Some(30), Rung::NoRoom { free_bytes: 5 * MB });
        check(BestEffort, true, 150, Some(5), Rung::OldAndExposed { unsent: 1, age_ms: hours(5) });
        check(Unknown, false, 900, Some(4), Rung::OldAndExposed { unsent: 1, age_ms: hours(4) });
        check(Persistent, true, 150, Some(24), Rung::Old { unsent: 1, age_ms: hours(24) });
        check(Persistent, true, 150, Some(23), Rung::LittleRoom { free_bytes: 150 * MB });
        check(BestEffort, false, 900, Some(3), Rung::NotInstalled);
        check(BestEffort, true, 900, None, Rung::NotPersistent);
        check(Unknown, false, 900, None, Rung::NotInstalled);
        check(Persistent, false, 900, Some(3), Rung::Kept);
    }

    #[test]
    fn pictures_that_wait_are_as_old_as_they_are() {
        let check = |persistence, hours: i64, expected| {
            let storage = StorageFacts { persistence, installed: true, used_bytes: None, quota_bytes: None };
            let status = Status {
                storage: Some(storage),
                pictures: 2,
                oldest_picture: Some(NOW.plus(-hours * HOUR_MS)),
                ..Status::at_start()
            };
            assert_eq!(rung(&status, NOW), Some(expected));
            // Work that a file can carry goes first.
            let both = Status { unsent: 1, oldest_unsent: Some(NOW.plus(-30 * HOUR_MS)), ..status.clone() };
            assert!(matches!(rung(&both, NOW), Some(Rung::Old { .. } | Rung::OldAndExposed { .. })));
            assert_eq!(rung(&Status { pictures: 0, ..status }, NOW).map(Rung::is_overdue), Some(false));
        };
        let old = |hours: i64, exposed| Rung::OldPictures { pictures: 2, age_ms: hours * HOUR_MS, exposed };
        check(Persistence::BestEffort, 4, old(4, true));
        check(Persistence::BestEffort, 3, Rung::NotPersistent);
        check(Persistence::Persistent, 24, old(24, false));
        check(Persistence::Persistent, 23, Rung::Kept);
    }

    #[test]
    fn what_was_delivered_is_not_old() {
        let status = Status {
            storage: Some(StorageFacts {
                persistence: Persistence::BestEffort,
                installed: true,
                used_bytes: None,
                quota_bytes: None,
            }),
            unsent: 0,
            oldest_unsent: Some(Millis(0)),
            ..Status::at_start()
        };
        assert_eq!(rung(&status, NOW), Some(Rung::NotPersistent));
        assert_eq!(rung(&Status { storage: None, ..status }, NOW), None);
    }

    #[test]
    fn only_a_promise_is_no_risk() {
        assert_eq!(Rung::Kept.risk(), Risk::None);
        assert_eq!(Rung::OldAndExposed { unsent: 1, age_ms: 0 }.risk(), Risk::High);
        assert_eq!(Rung::NotInstalled.risk(), Risk::Some);
    }
}
