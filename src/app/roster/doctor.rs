//! The sync doctor: of all that may be wrong at once, the one thing that a person should hear of first.
//!
//! What stops the next save comes before what stops sending, that before what waits for a person, and all of these
//! before what mends itself. The words are the Sync page's; here it is only decided.

use leptos::prelude::{Get, With};
use yingke_core::{
    journal::AppendError,
    sync::Trouble,
    time::{HOUR_MS, MINUTE_MS},
};

use super::{Persistence, Roster, Status, SyncState};
use crate::browser::{clock, http::Pace};

/// What is wrong, or that nothing is. The variant says what a person can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The next save may fail: make room.
    StorageFull,
    /// The browser closed its storage and does not open it again: open the app again.
    StorageClosed,
    /// Some of what lies here cannot be read: opening the app again mends it from the second copy.
    StorageDamaged,
    /// Something was not kept, by a fault of the browser or our own: report it.
    NotKept,
    Revoked,
    /// The endpoint has not heard of this tablet.
    Unknown,
    Cloned,
    AppTooOld,
    SignedOut,
    Refused {
        count: usize,
    },
    /// A network that answers with pages of its own until somebody signs in.
    CaptivePortal,
    NoNetwork {
        unsent: usize,
    },
    SlowNetwork,
    EndpointDown,
    EndpointBusy,
    /// What came did not prove itself complete, and was not kept.
    Incomplete,
    /// The endpoint went back to an earlier copy; this tablet offers again what it holds.
    EndpointRestored,
    /// The endpoint's clock less the tablet's, in milliseconds.
    ClockWrong {
        offset_ms: i64,
    },
    Sending {
        unsent: usize,
    },
    Fetching,
    /// What comes in blocks, and so much of 100 has come.
    Filling {
        percent: u64,
    },
    FillingStopped {
        percent: u64,
    },
    /// All is delivered, but the browser may clear what is kept here.
    StorageNotPersistent,
    AllWell,
}

/// Room below which the next save is not certain.
const ROOM_NEEDED_BYTES: u64 = 2_000_000;
/// An exchange that takes as long as this is slow.
const SLOW_MS: i64 = 5_000;
/// A clock that is this wrong shows in the times that people read.
const CLOCK_WRONG_MS: i64 = 5 * MINUTE_MS;
/// How long it is told that the endpoint was restored.
const RESTORED_SHOWN_MS: i64 = HOUR_MS;

/// The one finding to tell; `now_ms` is milliseconds since the page was opened.
#[must_use]
pub fn finding(status: &Status, now_ms: i64) -> Finding {
    of_storage(status)
        .or_else(|| of_a_stop(status))
        .or_else(|| (status.refused > 0).then_some(Finding::Refused { count: status.refused }))
        .or_else(|| of_the_way(status))
        .or_else(|| {
            let restored = status.restored_ms.is_some_and(|at_ms| now_ms - at_ms < RESTORED_SHOWN_MS);
            restored.then_some(Finding::EndpointRestored)
        })
        .or_else(|| {
            let offset_ms = status.clock_offset_ms.filter(|offset_ms| offset_ms.abs() >= CLOCK_WRONG_MS)?;
            Some(Finding::ClockWrong { offset_ms })
        })
        .or_else(|| under_way(status))
        .or_else(|| {
            let persistence = status.storage.map(|storage| storage.persistence);
            (persistence == Some(Persistence::BestEffort)).then_some(Finding::StorageNotPersistent)
        })
        .unwrap_or(Finding::AllWell)
}

fn of_storage(status: &Status) -> Option<Finding> {
    let of_sync = match &status.sync {
        SyncState::Storage { why } => Some(why),
        _ => None,
    };
    match of_sync.or(status.save_failure.as_ref()) {
        Some(AppendError::Full { .. }) => return Some(Finding::StorageFull),
        Some(AppendError::Closed) => return Some(Finding::StorageClosed),
        Some(AppendError::Damaged { .. }) => return Some(Finding::StorageDamaged),
        Some(AppendError::Aborted { .. }) => return Some(Finding::NotKept),
        // The storage is as it should be.
        Some(AppendError::Withheld(_)) | None => {}
    }
    let free_bytes = status.storage.and_then(|storage| storage.free_bytes());
    free_bytes.is_some_and(|free_bytes| free_bytes < ROOM_NEEDED_BYTES).then_some(Finding::StorageFull)
}

/// What only a person can end.
fn of_a_stop(status: &Status) -> Option<Finding> {
    let SyncState::Stopped { why } = &status.sync else { return None };
    match why {
        Trouble::Revoked => Some(Finding::Revoked),
        Trouble::Unknown => Some(Finding::Unknown),
        Trouble::Cloned => Some(Finding::Cloned),
        Trouble::NotUnderstood { .. } => Some(Finding::AppTooOld),
        Trouble::SignIn => Some(Finding::SignedOut),
        // These mend themselves and are waited for.
        Trouble::OutOfReach | Trouble::Stranger { .. } | Trouble::Busy { .. } => None,
    }
}

/// What is wrong between the tablet and the endpoint.
fn of_the_way(status: &Status) -> Option<Finding> {
    // A browser that says there is no network is right; one that says there is may be wrong.
    if !status.online {
        return Some(Finding::NoNetwork { unsent: status.to_send() });
    }
    match &status.sync {
        SyncState::Waiting { why, .. } => Some(match why {
            Trouble::Stranger { .. } => Finding::CaptivePortal,
            Trouble::OutOfReach if status.pace == Pace::TimedOut => Finding::SlowNetwork,
            Trouble::Busy { status: 429, .. } | Trouble::Busy { retry_after_s: Some(_), .. } => Finding::EndpointBusy,
            Trouble::OutOfReach | Trouble::Busy { .. } => Finding::EndpointDown,
            Trouble::NotUnderstood { .. } => Finding::Incomplete,
            Trouble::SignIn => Finding::SignedOut,
            Trouble::Revoked => Finding::Revoked,
            Trouble::Unknown => Finding::Unknown,
            Trouble::Cloned => Finding::Cloned,
        }),
        SyncState::Unknown
        | SyncState::Fetching
        | SyncState::Filling(_)
        | SyncState::FillingStopped(_)
        | SyncState::Sending
        | SyncState::UpToDate => {
            let slow = matches!(status.pace, Pace::Answered { ms } if ms >= SLOW_MS);
            (slow && under_way(status).is_some()).then_some(Finding::SlowNetwork)
        }
        SyncState::Stopped { .. } | SyncState::Storage { .. } => None,
    }
}

fn under_way(status: &Status) -> Option<Finding> {
    match status.sync {
        SyncState::UpToDate if status.to_send() == 0 => None,
        _ if status.to_send() > 0 => Some(Finding::Sending { unsent: status.to_send() }),
        SyncState::Filling(filled) => Some(Finding::Filling { percent: filled.percent() }),
        SyncState::FillingStopped(filled) => Some(Finding::FillingStopped { percent: filled.percent() }),
        _ => Some(Finding::Fetching),
    }
}

impl Finding {
    /// Whether opening the app again may help.
    #[must_use]
    pub fn wants_reopening(self) -> bool {
        matches!(self, Self::StorageClosed | Self::StorageDamaged | Self::NotKept)
    }
}

impl Roster {
    /// What the Sync page tells first. Subscribes.
    #[must_use]
    pub fn finding(self) -> Finding {
        let _ = self.minute.get();
        self.status.with(|status| finding(status, clock::since_opening_ms()))
    }
}

#[cfg(test)]
mod tests {
    use yingke_core::{sync::Filled, time::Millis};

    use super::*;
    use crate::browser::storage::StorageFacts;

    fn well() -> Status {
        let storage = StorageFacts {
            persistence: Persistence::Persistent,
            installed: true,
            used_bytes: Some(0),
            quota_bytes: Some(1_000_000_000),
        };
        Status { sync: SyncState::UpToDate, storage: Some(storage), online: true, ..Status::at_start() }
    }

    fn waiting(why: Trouble) -> SyncState {
        SyncState::Waiting { until: Millis(0), why }
    }

    fn stopped(why: Trouble) -> SyncState {
        SyncState::Stopped { why }
    }

    fn busy(status: u16, retry_after_s: Option<u64>) -> Trouble {
        Trouble::Busy { status, retry_after_s }
    }

    fn stranger() -> Trouble {
        Trouble::Stranger { detail: "status 200, text/html".into() }
    }

    fn not_understood() -> Trouble {
        Trouble::NotUnderstood { detail: "426 version".into() }
    }

    const NOW_MS: i64 = 10 * HOUR_MS;

    fn check(status: &Status, expected: Finding) {
        assert_eq!(finding(status, NOW_MS), expected, "{status:?}");
    }

    /// Each fault alone, worst first: of two at once, the one further up is told.
    /// Makes one thing wrong, and what is found then.
    type Fault = (fn(&mut Status), Finding);

    fn faults() -> Vec<Fault> {
        vec![
            (|it| it.save_failure = Some(AppendError::Full { free_bytes: None }), Finding::StorageFull),
            (|it| it.sync = stopped(Trouble::Revoked), Finding::Revoked),
            (|it| it.sync = stopped(not_understood()), Finding::AppTooOld),
            (|it| it.sync = stopped(Trouble::SignIn), Finding::SignedOut),
            (|it| it.refused = 2, Finding::Refused { count: 2 }),
            (|it| it.online = false, Finding::NoNetwork { unsent: 0 }),
            (|it| it.sync = waiting(stranger()), Finding::CaptivePortal),
            (
                |it| {
                    it.sync = waiting(Trouble::OutOfReach);
                    it.pace = Pace::TimedOut;
                },
                Finding::SlowNetwork,
            ),
            (|it| it.sync = waiting(Trouble::OutOfReach), Finding::EndpointDown),
            (|it| it.restored_ms = Some(NOW_MS - MINUTE_MS), Finding::EndpointRestored),
            (|it| it.clock_offset_ms = Some(-2 * HOUR_MS), Finding::ClockWrong { offset_ms: -2 * HOUR_MS }),
            (
                |it| it.storage = it.storage.map(|it| StorageFacts { persistence: Persistence::BestEffort, ..it }),
                Finding::StorageNotPersistent,
            ),
        ]
    }

    #[test]
    fn twelve_faults_have_twelve_findings() {
        check(&well(), Finding::AllWell);
        assert_eq!(faults().len(), 12);
        for (fault, expected) in faults() {
            let mut status = well();
            fault(&mut status);
            check(&status, expected);
        }
    }

    #[test]
    fn of_two_faults_the_worse_one_is_told() {
        for (place, (worse, expected)) in faults().into_iter().enumerate() {
            for (milder, _) in faults().into_iter().skip(place + 1) {
                let mut status = well();
                milder(&mut status);
                worse(&mut status);
                check(&status, expected);
            }
        }
    }

    #[test]
    fn a_tablet_that_the_endpoint_does_not_know_is_not_called_revoked() {
        check(&Status { sync: stopped(Trouble::Unknown), ..well() }, Finding::Unknown);
    }

    #[test]
    fn without_room_the_storage_is_full_before_a_save_fails() {
        let mut status = well();
        status.storage = status.storage.map(|it| StorageFacts { used_bytes: Some(999_000_000), ..it });
        check(&status, Finding::StorageFull);
    }

    #[test]
    fn a_journal_that_takes_nothing_in_is_told_before_everything_else() {
        let mut status = well();
        status.refused = 1;
        status.sync = SyncState::Storage { why: AppendError::Closed };
        check(&status, Finding::StorageClosed);
        status.sync = SyncState::Storage { why: AppendError::Damaged { detail: "deleted".into() } };
        check(&status, Finding::StorageDamaged);
        status.sync = SyncState::Storage { why: AppendError::Aborted { detail: "DataError".into() } };
        check(&status, Finding::NotKept);
        status.sync = SyncState::Storage { why: AppendError::Full { free_bytes: Some(0) } };
        check(&status, Finding::StorageFull);
    }

    #[test]
    fn an_endpoint_that_asks_to_wait_is_busy_and_one_behind_a_bad_gateway_is_down() {
        for (trouble, expected) in [
            (busy(429, None), Finding::EndpointBusy),
            (busy(503, Some(30)), Finding::EndpointBusy),
            (busy(502, None), Finding::EndpointDown),
            (busy(500, None), Finding::EndpointDown),
        ] {
            check(&Status { sync: waiting(trouble), ..well() }, expected);
        }
    }

    #[test]
    fn a_page_that_is_not_complete_asks_for_no_update() {
        check(&Status { sync: waiting(not_understood()), ..well() }, Finding::Incomplete);
    }

    #[test]
    fn an_answer_that_takes_long_is_a_slow_network_only_while_something_is_under_way() {
        let slow = Status { pace: Pace::Answered { ms: SLOW_MS }, ..well() };
        check(&slow, Finding::AllWell);
        check(&Status { unsent: 1, ..slow.clone() }, Finding::SlowNetwork);
        check(&Status { sync: SyncState::Fetching, ..slow.clone() }, Finding::SlowNetwork);
        check(&Status { unsent: 1, pace: Pace::Answered { ms: SLOW_MS - 1 }, ..slow }, Finding::Sending { unsent: 1 });
    }

    #[test]
    fn nothing_is_called_delivered_on_a_guess() {
        check(&Status { sync: SyncState::Unknown, ..well() }, Finding::Fetching);
        check(&Status { sync: SyncState::Sending, unsent: 3, ..well() }, Finding::Sending { unsent: 3 });
        check(&Status { unsent: 3, ..well() }, Finding::Sending { unsent: 3 });
        check(&Status { unsent: 1, pictures: 2, ..well() }, Finding::Sending { unsent: 3 });
        check(&Status { pictures: 2, ..well() }, Finding::Sending { unsent: 2 });
        let nearly = Filled { end: 1_999, last: 2_000 };
        let filling = Status { sync: SyncState::Filling(nearly), ..well() };
        check(&filling, Finding::Filling { percent: 99 });
        check(&Status { sync: SyncState::FillingStopped(nearly), ..well() }, Finding::FillingStopped { percent: 99 });
        check(&Status { unsent: 1, ..filling }, Finding::Sending { unsent: 1 });
    }

    #[test]
    fn a_clock_a_little_off_and_an_old_restore_are_not_worth_a_word() {
        check(&Status { clock_offset_ms: Some(CLOCK_WRONG_MS - 1), ..well() }, Finding::AllWell);
        check(&Status { restored_ms: Some(NOW_MS - RESTORED_SHOWN_MS), ..well() }, Finding::AllWell);
    }
}
