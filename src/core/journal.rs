//! What a device keeps, and how surely.
//!
//! The journal hands out no transactions: each method is one, from start to finish, so a page that dies on
//! any line has taken a step or has not. Its tail, the changes that the endpoint has not acknowledged, is all
//! that others call an outbox. The browser's journal is `app/browser/idb.rs`; [`memory`] is its twin.

use std::collections::BTreeMap;

use crate::{
    audience::Audience,
    change::Ranked,
    number::{GivenBefore, Numbers},
    rights,
    stamp::Stamp,
    sync::News,
    time::{DAY_MS, Millis},
    wire::v1::{NumbersWanted, SealedChange, StreamMark},
};

pub mod contract;
pub mod memory;

/// Why nothing was kept. The variant says what can be done next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Shed caches, keep the form, offer the file export.
    #[error("no room: {free_bytes:?} bytes free")]
    Full { free_bytes: Option<u64> },
    /// The browser dropped the database and would not open it again.
    #[error("the database was closed")]
    Closed,
    /// Something is missing or unreadable: say what, bring it back.
    #[error("damaged: {detail}")]
    Damaged { detail: String },
    /// A bug, theirs or ours: keep the form, report it.
    #[error("not kept: {detail}")]
    Aborted { detail: String },
    /// Not its author's to write, or signed: say which, keep the form.
    #[error("not kept: {0}")]
    Withheld(rights::Why),
}

impl From<GivenBefore> for AppendError {
    fn from(error: GivenBefore) -> Self {
        Self::Aborted { detail: error.to_string() }
    }
}

/// A change of the tail, as it can be sent.
#[derive(Debug, Clone, PartialEq)]
pub enum TailChange {
    /// Opened by somebody's unlock.
    Open(Ranked),
    /// Its author is not unlocked here: it goes out in the form that only the endpoint opens.
    Sealed(SealedChange),
}

/// What a device knows of the endpoint, and what it has to send.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outgoing {
    pub epoch: Option<String>,
    pub push_counter: u64,
    /// The start of the tail, oldest first.
    pub tail: Vec<TailChange>,
    /// Whether the tail is longer than that.
    pub more: bool,
    /// How far each held audience has been read. Empty while nobody is unlocked.
    pub since: BTreeMap<Audience, StreamMark>,
    /// The highest stamp that an endpoint gave an own change in the place of an earlier, provisional one.
    pub corrected: Option<Stamp>,
    /// Where few card numbers are left.
    pub numbers: Option<NumbersWanted>,
    /// Changes that stay here when this has gone out: the rest of the tail, and what is in the tray.
    pub unsent: u32,
}

/// How long a device keeps its own changes after the endpoint has accepted them. An endpoint that is restored from a
/// copy asks for them again; nobody restores one that is older.
pub const KEPT_FOR_RESTORE_MS: i64 = 30 * DAY_MS;

/// Whether an own change is kept though the endpoint has it. Both times are the endpoint's, as it said them: when it
/// accepted the change, and last. The tablet's own clock may say anything.
#[must_use]
pub fn is_kept_for_restore(accepted_at: Millis, heard: Millis) -> bool {
    heard.since(accepted_at) < KEPT_FOR_RESTORE_MS
}

/// So many, as a push says it.
#[must_use]
pub fn count_of(changes: usize) -> u32 {
    u32::try_from(changes).unwrap_or(u32::MAX)
}

/// Why an answer is not taken in that comes from another epoch than the one that is read: its ranks and numbers mean
/// nothing beside those that are here, and what it accepted may be gone. The next turn meets the epoch that there is.
pub const OTHER_EPOCH: &str = "the answer is of another epoch";

/// What a device keeps between two moments of power.
#[expect(async_fn_in_trait, reason = "the browser has one thread, so futures need not be Send")]
pub trait Journal {
    /// Keeps one change, durably: once this is done the tick may show. The numbers that it gives are noted with it; a
    /// paper's number that was given before keeps the whole from being kept.
    async fn append(&self, change: &Ranked) -> Result<(), AppendError>;

    /// Counts one more push, durably, and gives what goes out with it.
    async fn begin_push(&self, changes_max: usize) -> Result<Outgoing, AppendError>;

    /// In one transaction: accepted changes leave the tail with their rank, refused ones move to the tray with
    /// their reason, pulled ones are kept together with the cursor, card numbers that were given too. The highest corrected
    /// stamp is remembered. An answer from another epoch than the one that is read is not taken in.
    async fn take_in(&self, news: &News) -> Result<(), AppendError>;

    /// The endpoint was restored or replaced: its numbers and ranks mean nothing any more. Own changes that are still
    /// here whole go back into the tail, what was pulled goes, and reading starts again.
    async fn begin_epoch(&self, epoch: &str) -> Result<(), AppendError>;

    /// The numbers that this device may give, whoever is unlocked and in whichever tab.
    async fn numbers(&self) -> Result<Numbers, AppendError>;
}
