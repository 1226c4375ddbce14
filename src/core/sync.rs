//! One turn of sync: the tail goes out, verdicts and news come back, and both are kept.
//!
//! The same lines run in the client and in the simulator. If an answer is lost, the same changes go out again
//! under the same ids; if the page dies on any line, a step has happened or it has not. Nothing is believed
//! blindly: a page must prove that it is complete before it is kept.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::{
    audience::Audience,
    chance::Chance,
    change::Ranked,
    id::{ChangeId, DeviceNumber},
    journal::{AppendError, Journal, Outgoing, TailChange},
    probe,
    stamp::Stamp,
    time::{MINUTE_MS, Millis},
    wire::v1::{Answer, Numbered, Push, Refusal, StreamMark, VERSION, Verdict, WireChange},
};

pub use crate::wire::v1::PUSH_CHANGES_MAX;

/// The endpoint, as a device reaches it.
#[expect(async_fn_in_trait, reason = "the browser has one thread, so futures need not be Send")]
pub trait Endpoint {
    async fn sync(&self, push: Push) -> Result<Answer, Trouble>;
}

/// Why the endpoint gave no answer that can be used. The variant says what a person can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No network, or the endpoint is not running.
    #[error("out of reach")]
    OutOfReach,
    /// Something answered, but not our endpoint: a captive portal, a proxy.
    #[error("something else answers: {detail}")]
    Stranger { detail: String },
    /// The endpoint asks to wait, or failed for now.
    #[error("the endpoint is busy ({status})")]
    Busy { status: u16, retry_after_s: Option<u64> },
    /// The person's credential has run out: unlock again while online.
    #[error("sign in again")]
    SignIn,
    /// Somebody at the endpoint shut this device out.
    #[error("this tablet was revoked")]
    Revoked,
    /// The endpoint has not heard of this device: it is another one, or a copy from before the enrolment.
    #[error("this tablet is not known there")]
    Unknown,
    /// The push counter went backwards: this tablet is a copy or was restored.
    #[error("this tablet is a copy")]
    Cloned,
    /// The endpoint does not speak this version, or says that a message was wrong: update the app.
    #[error("not understood: {detail}")]
    NotUnderstood { detail: String },
}

/// Why a turn did not end well. Nothing was kept of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    #[error(transparent)]
    Endpoint(#[from] Trouble),
    #[error(transparent)]
    Journal(#[from] AppendError),
    /// The endpoint was restored or replaced; reading has to begin again, which the next turn does.
    #[error("the endpoint has begun a new epoch")]
    NewEpoch,
    /// A page did not prove itself complete.
    #[error("a page of {audience} is not complete")]
    Incomplete { audience: Audience },
}

/// The endpoint kept a change of ours, for good, under this rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub id: ChangeId,
    pub stamp: Stamp,
    pub device: DeviceNumber,
    /// The ledger's number; with the epoch, the receipt.
    pub number: u64,
}

/// An answer that was checked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct News {
    pub epoch: String,
    pub server_time: Millis,
    pub accepted: Vec<Accepted>,
    pub refused: Vec<(ChangeId, Refusal)>,
    /// Accepted changes of everyone, in the order of the ledger, as far as this device may see them.
    pub pulled: Vec<Ranked>,
    /// How far each audience is read, with this page.
    pub streams: BTreeMap<Audience, StreamMark>,
    /// Whether another turn would bring or take more.
    pub more: bool,
    pub directory: String,
    pub known_phones: String,
}

/// One turn. What it brought is kept; the caller lets it into the replica.
///
/// # Errors
/// [`TurnError`]; nothing of the turn was kept.
pub async fn turn(journal: &impl Journal, endpoint: &impl Endpoint) -> Result<News, TurnError> {
    let outgoing = journal.begin_push(PUSH_CHANGES_MAX).await?;
    let answer = endpoint.sync(push(&outgoing)).await?;
    let other_epoch = outgoing.epoch.as_ref().is_some_and(|epoch| *epoch != answer.epoch);
    if probe::decide("sync: another epoch", other_epoch) {
        journal.begin_epoch(&answer.epoch).await?;
        return Err(TurnError::NewEpoch);
    }
    let news = checked(&outgoing, answer)?;
    journal.take_in(&news).await?;
    Ok(news)
}

fn push(outgoing: &Outgoing) -> Push {
    let mut push = Push {
        version: VERSION,
        epoch: outgoing.epoch.clone(),
        push_counter: outgoing.push_counter,
        changes: Vec::new(),
        sealed: Vec::new(),
        since: outgoing.since.clone(),
        corrected: outgoing.corrected,
    };
    for change in &outgoing.tail {
        match change {
            TailChange::Open(change) => push.changes.push(WireChange::from(change)),
            TailChange::Sealed(sealed) => push.sealed.push(sealed.clone()),
        }
    }
    push
}

/// Parses an answer and proves its page.
fn checked(outgoing: &Outgoing, answer: Answer) -> Result<News, TurnError> {
    let strange = |detail: &str| TurnError::Endpoint(Trouble::NotUnderstood { detail: detail.into() });
    if answer.version != VERSION {
        return Err(strange("another wire version"));
    }
    let sent: BTreeSet<ChangeId> = outgoing
        .tail
        .iter()
        .map(|change| match change {
            TailChange::Open(change) => change.change.id(),
            TailChange::Sealed(sealed) => sealed.id,
        })
        .collect();
    let mut news = News {
        epoch: answer.epoch,
        server_time: answer.server_time,
        directory: answer.directory,
        known_phones: answer.known_phones,
        ..News::default()
    };
    for verdict in answer.verdicts {
        if probe::decide("sync: a verdict on what was not sent", !sent.contains(&verdict.id())) {
            return Err(strange("a verdict on a change that was not sent"));
        }
        match verdict {
            Verdict::Accepted { id, stamp, device, number, .. } => {
                news.accepted.push(Accepted { id, stamp, device, number });
            }
            Verdict::Refused { id, reason } => {
                if probe::step("sync: a refusal is told") {
                    news.refused.push((id, reason));
                }
            }
            Verdict::Later { .. } => {}
        }
    }
    let settled = news.accepted.len() + news.refused.len();
    if let Some(page) = answer.page {
        let marks = proved(&outgoing.since, &page.changes, &page.streams)?;
        news.streams = marks;
        for Numbered { change, .. } in page.changes {
            news.pulled.push(change.try_into().map_err(|_| strange("a change of a page"))?);
        }
        news.more = page.more;
    }
    // A tail of which nothing could be settled waits for the next occasion instead of going round.
    news.more |= probe::decide("sync: more of the tail", outgoing.more && settled > 0);
    Ok(news)
}

/// Reckons the mark of each stream from what came and compares it with the one that the endpoint kept in the
/// transaction that wrote the changes: a page that skips a row which was committed late does not pass.
fn proved(
    since: &BTreeMap<Audience, StreamMark>,
    changes: &[Numbered],
    streams: &BTreeMap<Audience, StreamMark>,
) -> Result<BTreeMap<Audience, StreamMark>, TurnError> {
    let mut marks: BTreeMap<Audience, StreamMark> =
        streams.keys().map(|audience| (audience.clone(), since.get(audience).copied().unwrap_or_default())).collect();
    for numbered in changes {
        let mut audiences = BTreeSet::new();
        for slot in &numbered.change.edits {
            if let crate::wire::v1::WireSlot::Shown(edit) = slot {
                audiences.insert(&edit.audience);
            }
        }
        for audience in audiences {
            let mark = marks.get_mut(audience).ok_or_else(|| TurnError::Incomplete { audience: audience.clone() })?;
            // A change that was read before, for the sake of another audience, counts once.
            if probe::decide("sync: a change that this stream has not had", numbered.number > mark.number) {
                *mark = mark.with(numbered.number, numbered.change.id);
            }
        }
    }
    for (audience, theirs) in streams {
        let ours = marks.get_mut(audience).expect("every stream of the page has a mark");
        let differ = (ours.count, ours.digest) != (theirs.count, theirs.digest);
        if probe::decide("sync: a page that is not complete", differ) {
            return Err(TurnError::Incomplete { audience: audience.clone() });
        }
        ours.number = theirs.number;
    }
    Ok(marks)
}

impl StreamMark {
    /// The mark after one more change. The sum of hashes does not depend on the order.
    #[must_use]
    pub fn with(self, number: u64, id: ChangeId) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(number.to_be_bytes());
        hasher.update(id.bytes());
        let hash: [u8; 32] = hasher.finalize().into();
        let first = u64::from_be_bytes(hash[..8].try_into().expect("a hash has 32 bytes"));
        Self { number, count: self.count + 1, digest: self.digest.wrapping_add(first) }
    }
}

/// The wait before the first new try after a failure.
const RETRY_FIRST_MS: i64 = 2_000;
/// The longest wait. Where the shop's network is up and only its way out was gone, no other sign tells that it is back.
const RETRY_MAX_MS: i64 = MINUTE_MS;

/// When to try again after `attempt` failures in a row (1 for the first): twice as long each time, spread by
/// half, so that tablets which lost the endpoint together do not come back together.
pub fn retry_at(now: Millis, attempt: u32, retry_after_s: Option<u64>, chance: &mut impl Chance) -> Millis {
    let doubled = RETRY_FIRST_MS.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(RETRY_MAX_MS);
    let spread = (chance.next_u64() % (doubled as u64 / 2 + 1)) as i64;
    let asked = retry_after_s.map_or(0, |seconds| i64::try_from(seconds).unwrap_or(3_600).min(3_600) * 1_000);
    now.plus((doubled / 2 + spread).max(asked))
}

/// Drives a future that never waits, such as those of [`crate::journal::memory`]. For tests and the simulator.
///
/// # Panics
/// When the future waits for something.
pub fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("a future that should not wait waits"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::{
        chance::Seeded,
        fixture,
        journal::memory::MemoryJournal,
        wire::v1::{Page, hex_text},
    };

    /// An endpoint of a few lines: takes everything, gives everything back, can be told to lie.
    #[derive(Default)]
    struct Little {
        ledger: RefCell<Vec<WireChange>>,
        refuse: Option<ChangeId>,
        skip: bool,
        lose_reply: bool,
    }

    impl Endpoint for Little {
        async fn sync(&self, push: Push) -> Result<Answer, Trouble> {
            let mut ledger = self.ledger.borrow_mut();
            let mut verdicts = Vec::new();
            for change in push.changes {
                if self.refuse == Some(change.id) {
                    verdicts.push(Verdict::Refused { id: change.id, reason: Refusal::UnknownAuthor });
                    continue;
                }
                let had = ledger.iter().position(|other| other.id == change.id);
                let number = had.unwrap_or(ledger.len()) as u64 + 1;
                verdicts.push(Verdict::Accepted {
                    id: change.id,
                    stamp: change.stamp,
                    device: change.device,
                    number,
                    had: had.is_some(),
                    hash: hex_text(&[0; 32]),
                });
                if had.is_none() {
                    ledger.push(change);
                }
            }
            if self.lose_reply {
                return Err(Trouble::OutOfReach);
            }
            let audience = Audience::Own(fixture::venue(), fixture::staff(1));
            let since = push.since.get(&audience).copied().unwrap_or_default();
            let numbered =
                |(place, change): (usize, &WireChange)| Numbered { number: place as u64 + 1, change: change.clone() };
            let mut changes: Vec<_> =
                ledger.iter().enumerate().map(numbered).filter(|n| n.number > since.number).collect();
            let mark = changes.iter().fold(since, |mark, n| mark.with(n.number, n.change.id));
            if self.skip {
                changes.remove(0);
            }
            Ok(Answer {
                version: VERSION,
                epoch: "e1".into(),
                server_time: fixture::NOW,
                verdicts,
                page: Some(Page { changes, streams: BTreeMap::from([(audience, mark)]), more: false }),
                directory: String::new(),
                known_phones: String::new(),
            })
        }
    }

    fn journal_with(numbers: &[u8]) -> MemoryJournal {
        let journal = MemoryJournal::default();
        for number in numbers {
            let change = fixture::change(*number, vec![fixture::person_edit(*number, Vec::new())]);
            now_or_never(journal.append(&Ranked::provisional(Stamp::at(fixture::NOW), change))).unwrap();
        }
        journal
    }

    #[test]
    fn a_turn_empties_the_tail_and_brings_the_news() {
        let endpoint = Little::default();
        let journal = journal_with(&[1, 2, 3]);
        let news = now_or_never(turn(&journal, &endpoint)).unwrap();
        assert_eq!((news.accepted.len(), news.pulled.len()), (3, 3));
        assert_eq!(journal.kept().tail.len(), 0);
        let other = MemoryJournal::default();
        assert_eq!(now_or_never(turn(&other, &endpoint)).unwrap().pulled.len(), 3);
        assert_eq!(now_or_never(turn(&other, &endpoint)).unwrap().pulled.len(), 0);
    }

    #[test]
    fn a_lost_reply_sends_the_same_again_and_doubles_nothing() {
        let mut endpoint = Little { lose_reply: true, ..Little::default() };
        let journal = journal_with(&[1, 2]);
        assert_eq!(now_or_never(turn(&journal, &endpoint)), Err(TurnError::Endpoint(Trouble::OutOfReach)));
        assert_eq!(journal.kept().tail.len(), 2);
        endpoint.lose_reply = false;
        now_or_never(turn(&journal, &endpoint)).unwrap();
        assert_eq!(endpoint.ledger.borrow().len(), 2);
        assert_eq!(journal.kept().tail.len(), 0);
    }

    #[test]
    fn a_refused_change_waits_in_the_tray_and_holds_up_nobody() {
        let refused = fixture::change(2, Vec::new()).id();
        let endpoint = Little { refuse: Some(refused), ..Little::default() };
        let journal = journal_with(&[1, 2, 3]);
        now_or_never(turn(&journal, &endpoint)).unwrap();
        let kept = journal.kept();
        assert_eq!(kept.tail.len(), 0);
        assert_eq!(kept.tray.len(), 1);
        assert_eq!(kept.tray[0].0.change.id(), refused);
        assert_eq!(endpoint.ledger.borrow().len(), 2);
    }

    #[test]
    fn a_page_that_skips_a_change_is_not_believed() {
        let endpoint = Little::default();
        now_or_never(turn(&journal_with(&[1, 2, 3]), &endpoint)).unwrap();
        let endpoint = Little { skip: true, ..endpoint };
        let other = MemoryJournal::default();
        let error = now_or_never(turn(&other, &endpoint)).unwrap_err();
        assert!(matches!(error, TurnError::Incomplete { .. }));
        assert!(other.kept().accepted.is_empty() && other.kept().since.is_empty());
    }

    #[test]
    fn tries_come_later_and_later_and_never_together() {
        let mut chance = Seeded::new(1);
        let wait = |attempt, chance: &mut Seeded| retry_at(fixture::NOW, attempt, None, chance).since(fixture::NOW);
        for attempt in 1..40 {
            let ms = wait(attempt, &mut chance);
            assert!((RETRY_FIRST_MS / 2..=RETRY_MAX_MS).contains(&ms), "{attempt}: {ms}");
        }
        assert_ne!(wait(9, &mut chance), wait(9, &mut chance));
        assert_eq!(retry_at(fixture::NOW, 1, Some(60), &mut chance).since(fixture::NOW), 60_000);
    }
}
