//! One turn of sync: the tail goes out, verdicts and news come back, and both are kept.
//!
//! The same lines run in the client and in the simulator. If an answer is lost, the same changes go out again
//! under the same ids; if the page dies on any line, a step has happened or it has not. Nothing is believed
//! blindly: a page must prove that it is complete before it is kept.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use sha2::{Digest, Sha256};

use crate::{
    audience::Audience,
    chance::Chance,
    change::{Edit, Ranked},
    id::{ChangeId, DeviceNumber},
    journal::{AppendError, Journal, Outgoing, TailChange},
    probe,
    stamp::Stamp,
    time::{MINUTE_MS, Millis},
    wire::v1::{
        Answer, Block, Cut, Numbered, NumbersGiven, Page, Push, Refusal, StreamMark, VERSION, Verdict, WireChange,
        WireSlot,
    },
};

pub use crate::wire::v1::PUSH_CHANGES_MAX;

/// The endpoint, as a device reaches it.
#[expect(async_fn_in_trait, reason = "the browser has one thread, so futures need not be Send")]
pub trait Endpoint {
    type Blocks: Blocks;

    async fn sync(&self, push: Push) -> Result<Answer, Trouble>;

    /// Everything that the person may see after a number of the ledger, in blocks.
    async fn snapshot(&self, after: u64) -> Result<Self::Blocks, Trouble>;

    /// Whether it can be told in short where a device stands: what its last page said. `false` at the start.
    fn takes_cuts(&self) -> &Cell<bool>;
}

/// A snapshot as it comes in.
#[expect(async_fn_in_trait, reason = "the browser has one thread, so futures need not be Send")]
pub trait Blocks {
    /// The next block; `None` after the last. One that was cut short is [`Trouble::OutOfReach`].
    async fn next(&mut self) -> Result<Option<Block>, Trouble>;
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
    #[error("a page of {of} is not complete")]
    Incomplete { of: String },
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
    /// Whether there is more to read than this page: by blocks it comes sooner ([`Filling`]).
    pub behind: bool,
    pub directory: String,
    pub known_phones: String,
    /// Card numbers for this device.
    pub numbers: Option<NumbersGiven>,
}

/// One turn. What it brought is kept; the caller lets it into the replica.
///
/// # Errors
/// [`TurnError`]; nothing of the turn was kept.
pub async fn turn(journal: &impl Journal, endpoint: &impl Endpoint) -> Result<News, TurnError> {
    let outgoing = journal.begin_push(PUSH_CHANGES_MAX).await?;
    let at = endpoint.takes_cuts().take().then(|| Cut::of(&outgoing.since)).filter(|_| !outgoing.since.is_empty());
    let mut answer = endpoint.sync(push(&outgoing, at)).await?;
    if at.is_some() && answer.page.as_ref().is_some_and(|page| page.at.is_none()) {
        // The audiences are others now, there is much to come, or another endpoint answers than last time.
        answer = endpoint.sync(push(&outgoing, None)).await?;
    }
    let takes_cuts = answer.page.as_ref().is_some_and(|page| page.at.is_some());
    let other_epoch = outgoing.epoch.as_ref().is_some_and(|epoch| *epoch != answer.epoch);
    if probe::decide("sync: another epoch", other_epoch) {
        journal.begin_epoch(&answer.epoch).await?;
        return Err(TurnError::NewEpoch);
    }
    let news = checked(&outgoing, answer)?;
    endpoint.takes_cuts().set(takes_cuts);
    journal.take_in(&news).await?;
    Ok(news)
}

fn push(outgoing: &Outgoing, at: Option<Cut>) -> Push {
    let mut push = Push {
        version: VERSION,
        epoch: outgoing.epoch.clone(),
        push_counter: outgoing.push_counter,
        changes: Vec::new(),
        sealed: Vec::new(),
        since: if at.is_none() { outgoing.since.clone() } else { BTreeMap::new() },
        at,
        corrected: outgoing.corrected,
        numbers: outgoing.numbers.clone(),
        unsent: Some(outgoing.unsent),
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
        numbers: answer.numbers,
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
        news.streams = proved(&outgoing.since, &page)?;
        for Numbered { change, .. } in page.changes {
            news.pulled.push(change.try_into().map_err(|_| strange("a change of a page"))?);
        }
        (news.more, news.behind) = (page.more, page.more);
    }
    // A tail of which nothing could be settled waits for the next occasion instead of going round.
    news.more |= probe::decide("sync: more of the tail", outgoing.more && settled > 0);
    Ok(news)
}

/// Filling a device by blocks, from where its last turn left it. Each block is read, proved and kept by itself, so what has
/// come is there whenever this ends, and the next goes on from there.
#[derive(Debug)]
pub struct Filling<B> {
    blocks: B,
    epoch: String,
    marks: BTreeMap<Audience, StreamMark>,
    more: bool,
}

/// How far a filling has come, by numbers of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    pub end: u64,
    /// Where it will end, as far as was known when it began.
    pub last: u64,
}

impl Filled {
    /// Of 100, rounded down, so that all is said only when all has come.
    #[must_use]
    pub fn percent(self) -> u64 {
        self.end.saturating_mul(100).checked_div(self.last).unwrap_or(100).min(100)
    }
}

impl<B: Blocks> Filling<B> {
    /// Asks for what comes after a turn's news.
    ///
    /// # Errors
    /// [`Trouble`]; [`Trouble::NotUnderstood`] from an endpoint of before there were blocks, which pages bring further.
    pub async fn begin(endpoint: &impl Endpoint<Blocks = B>, news: &News) -> Result<Self, Trouble> {
        // Some may be read farther than others, for the sake of somebody else on this device.
        let after = news.streams.values().map(|mark| mark.number).min().unwrap_or_default();
        let blocks = endpoint.snapshot(after).await?;
        Ok(Self { blocks, epoch: news.epoch.clone(), marks: news.streams.clone(), more: true })
    }

    /// Reads, proves and keeps the next block; the caller lets it into the replica. `None` once there is no more, or where
    /// another epoch has begun, which the next turn meets.
    ///
    /// # Errors
    /// [`TurnError`]; nothing of the block was kept.
    pub async fn next(&mut self, journal: &impl Journal) -> Result<Option<(News, Filled)>, TurnError> {
        if !self.more {
            return Ok(None);
        }
        let block = self.blocks.next().await?.ok_or(Trouble::OutOfReach)?;
        if block.head.version != VERSION {
            return Err(Trouble::NotUnderstood { detail: "another wire version".into() }.into());
        }
        if block.head.epoch != self.epoch {
            return Ok(None);
        }
        let Block { head, mut changes } = block;
        let marks = proved_block(&self.marks, head.end, &changes, &head.streams)?;
        // What another person on this device had read already is here.
        changes.retain(|(number, ranked)| {
            let is_new = |edit: &Edit| self.marks.get(&edit.audience).is_none_or(|mark| mark.number < *number);
            ranked.change.edits().any(is_new)
        });
        let news = News {
            epoch: head.epoch,
            server_time: head.server_time,
            pulled: changes.into_iter().map(|(_, ranked)| ranked).collect(),
            streams: marks,
            more: head.more,
            ..News::default()
        };
        journal.take_in(&news).await?;
        self.marks.clone_from(&news.streams);
        self.more = head.more;
        Ok(Some((news, Filled { end: head.end, last: head.last })))
    }
}

/// Reckons the mark of each stream from what came and compares it with the one that the endpoint kept in the
/// transaction that wrote the changes: a page that skips a row which was committed late does not pass.
fn proved(since: &BTreeMap<Audience, StreamMark>, page: &Page) -> Result<BTreeMap<Audience, StreamMark>, TurnError> {
    let in_short = page.at.filter(|_| page.streams.is_empty());
    let streams = if in_short.is_some() { since } else { &page.streams };
    let mut marks = begun(since, streams);
    for Numbered { number, change } in &page.changes {
        let shown = change.edits.iter().filter_map(|slot| match slot {
            WireSlot::Shown(edit) => Some(&edit.audience),
            WireSlot::Hidden { .. } => None,
        });
        count(&mut marks, *number, change.id, shown)?;
    }
    // Whoever reads a page to its end has read every stream as far as that.
    let read_to = if page.more { page.changes.last().map(|numbered| numbered.number) } else { None };
    let whole = streams.values().map(|mark| mark.number).max().filter(|_| !page.more);
    let end = in_short.map(|at| at.number).or(read_to).or(whole).unwrap_or_default();
    if let Some(at) = in_short {
        complete(Cut::of(&marks).sum == at.sum, || "what came".into())?;
    }
    for (audience, mark) in &mut marks {
        if let Some(theirs) = page.streams.get(audience) {
            complete((mark.count, mark.digest) == (theirs.count, theirs.digest), || audience.to_string())?;
            mark.number = theirs.number;
        }
        mark.number = mark.number.max(end);
    }
    Ok(marks)
}

/// The same for a block. A stream that was read farther already stays where it is.
fn proved_block(
    since: &BTreeMap<Audience, StreamMark>,
    end: u64,
    changes: &[(u64, Ranked)],
    streams: &BTreeMap<Audience, StreamMark>,
) -> Result<BTreeMap<Audience, StreamMark>, TurnError> {
    let mut marks = begun(since, streams);
    for (number, ranked) in changes {
        count(&mut marks, *number, ranked.change.id(), ranked.change.edits().map(|edit| &edit.audience))?;
    }
    for (audience, theirs) in streams {
        let mark = marks.get_mut(audience).expect("every stream of the block has a mark");
        let is_farther = since.get(audience).is_some_and(|mark| mark.number > end);
        if !probe::decide("sync: a stream is read farther than the block goes", is_farther) {
            complete((mark.count, mark.digest) == (theirs.count, theirs.digest), || audience.to_string())?;
            mark.number = end;
        }
    }
    Ok(marks)
}

/// What was read of some streams before.
fn begun(
    since: &BTreeMap<Audience, StreamMark>,
    streams: &BTreeMap<Audience, StreamMark>,
) -> BTreeMap<Audience, StreamMark> {
    streams.keys().map(|audience| (audience.clone(), since.get(audience).copied().unwrap_or_default())).collect()
}

/// One more change in each of the streams that it is in.
fn count<'a>(
    marks: &mut BTreeMap<Audience, StreamMark>,
    number: u64,
    id: ChangeId,
    audiences: impl Iterator<Item = &'a Audience>,
) -> Result<(), TurnError> {
    for audience in audiences.collect::<BTreeSet<_>>() {
        let mark = marks.get_mut(audience).ok_or_else(|| TurnError::Incomplete { of: audience.to_string() })?;
        // A change that was read before, for the sake of another audience, counts once.
        if probe::decide("sync: a change that this stream has not had", number > mark.number) {
            *mark = mark.with(number, id);
        }
    }
    Ok(())
}

fn complete(holds: bool, of: impl Fn() -> String) -> Result<(), TurnError> {
    if probe::decide("sync: a page that is not complete", !holds) {
        Err(TurnError::Incomplete { of: of() })
    } else {
        Ok(())
    }
}

impl StreamMark {
    /// The mark after one more change. The sum of hashes does not depend on the order.
    #[must_use]
    pub fn with(self, number: u64, id: ChangeId) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(number.to_be_bytes());
        hasher.update(id.bytes());
        let first = first_number(&hasher.finalize().into());
        Self { number, count: self.count + 1, digest: self.digest.wrapping_add(first) }
    }
}

impl Cut {
    /// What these marks come to.
    #[must_use]
    pub fn of(marks: &BTreeMap<Audience, StreamMark>) -> Self {
        let mut hasher = Sha256::new();
        for (audience, mark) in marks {
            hasher.update(audience.to_string());
            hasher.update([0]);
            hasher.update(mark.count.to_be_bytes());
            hasher.update(mark.digest.to_be_bytes());
        }
        Self {
            number: marks.values().map(|mark| mark.number).max().unwrap_or_default(),
            sum: first_number(&hasher.finalize().into()),
        }
    }
}

fn first_number(hash: &[u8; 32]) -> u64 {
    u64::from_be_bytes(*hash.first_chunk().expect("a hash has 32 bytes"))
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
        wire::v1::{BlockHead, hex_text},
    };

    /// An endpoint of a few lines: takes everything, gives everything back, can be told to lie.
    #[derive(Default)]
    struct Little {
        ledger: RefCell<Vec<WireChange>>,
        refuse: Option<ChangeId>,
        skip: bool,
        lose_reply: bool,
        /// Says that the device is a copy of another.
        cloned: Cell<bool>,
        /// Of before there were cuts: knows the marks of each stream and nothing else.
        old: bool,
        /// Changes in one page, and in one block.
        page_max: Option<usize>,
        /// So many blocks come, and then nothing.
        blocks_max: Option<usize>,
        takes_cuts: Cell<bool>,
        /// How each push said where it stands: in short or not.
        told_in_short: RefCell<Vec<bool>>,
    }

    impl Blocks for std::vec::IntoIter<Block> {
        async fn next(&mut self) -> Result<Option<Block>, Trouble> {
            Ok(Iterator::next(self))
        }
    }

    impl Endpoint for Little {
        type Blocks = std::vec::IntoIter<Block>;

        async fn snapshot(&self, after: u64) -> Result<Self::Blocks, Trouble> {
            let ledger = self.ledger.borrow();
            let numbered =
                |(place, change): (usize, &WireChange)| (place as u64 + 1, Ranked::try_from(change.clone()).unwrap());
            let all: Vec<(u64, Ranked)> = ledger.iter().enumerate().map(numbered).collect();
            let mut mark = all[..after as usize]
                .iter()
                .fold(StreamMark::default(), |mark, (number, change)| mark.with(*number, change.change.id()));
            let mut blocks = Vec::new();
            for part in all[after as usize..].chunks(self.page_max.unwrap_or(2)) {
                mark = part.iter().fold(mark, |mark, (number, change)| mark.with(*number, change.change.id()));
                let end = part.last().unwrap().0;
                let head = BlockHead {
                    version: VERSION,
                    epoch: "e1".into(),
                    server_time: fixture::NOW,
                    end,
                    last: all.len() as u64,
                    steps: Vec::new(),
                    streams: BTreeMap::from([(own(), mark)]),
                    more: end < all.len() as u64,
                };
                let from = usize::from(self.skip && part.len() > 1);
                blocks.push(Block { head, changes: part[from..].to_vec() });
            }
            blocks.truncate(self.blocks_max.unwrap_or(usize::MAX));
            Ok(blocks.into_iter())
        }

        fn takes_cuts(&self) -> &Cell<bool> {
            &self.takes_cuts
        }

        async fn sync(&self, push: Push) -> Result<Answer, Trouble> {
            self.told_in_short.borrow_mut().push(push.at.is_some());
            if self.cloned.get() {
                return Err(Trouble::Cloned);
            }
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
            let audience = own();
            let numbered =
                |(place, change): (usize, &WireChange)| Numbered { number: place as u64 + 1, change: change.clone() };
            let all: Vec<_> = ledger.iter().enumerate().map(numbered).collect();
            let until = |last: u64| {
                let to_there = all.iter().filter(|n| n.number <= last);
                to_there.fold(StreamMark::default(), |mark, n| mark.with(n.number, n.change.id))
            };
            let marks = |mark| BTreeMap::from([(audience.clone(), mark)]);
            let at = push.at.filter(|_| !self.old);
            let stands = at.is_none_or(|at| Cut::of(&marks(until(at.number))) == at);
            let since = at.map_or(push.since.get(&audience).copied().unwrap_or_default(), |at| until(at.number));
            let mut changes: Vec<_> = all.iter().filter(|n| n.number > since.number).cloned().collect();
            let more = self.page_max.is_some_and(|max| changes.len() > max);
            changes.truncate(self.page_max.unwrap_or(usize::MAX));
            let end = if more { changes.last().unwrap().number } else { u64::MAX };
            if self.skip {
                changes.remove(0);
            }
            let page = if stands && !(more && at.is_some()) {
                let streams = if at.is_some() { BTreeMap::new() } else { marks(until(end)) };
                let at = Some(Cut::of(&marks(until(end)))).filter(|_| !self.old && !more);
                Page { changes, streams, more, at }
            } else {
                Page { more: true, ..Page::default() }
            };
            Ok(Answer {
                version: VERSION,
                epoch: "e1".into(),
                server_time: fixture::NOW,
                verdicts,
                page: Some(page),
                directory: String::new(),
                known_phones: String::new(),
                numbers: None,
            })
        }
    }

    fn own() -> Audience {
        Audience::Own(fixture::venue(), fixture::staff(1))
    }

    /// A turn and, where it says that there is more, blocks; how many of them came, and how it ended.
    fn fill(journal: &MemoryJournal, endpoint: &Little) -> (usize, Result<(), TurnError>) {
        let news = now_or_never(turn(journal, endpoint)).unwrap();
        assert!(news.behind);
        let mut filling = now_or_never(Filling::begin(endpoint, &news)).unwrap();
        for blocks in 0.. {
            match now_or_never(filling.next(journal)) {
                Ok(Some((news, filled))) => assert_eq!((filled.end, filled.last), (news.streams[&own()].number, 7)),
                Ok(None) => return (blocks, Ok(())),
                Err(error) => return (blocks, Err(error)),
            }
        }
        unreachable!("it ends")
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
    fn a_device_says_in_short_where_it_stands_and_is_told_what_is_new() {
        let endpoint = Little::default();
        let (one, other) = (journal_with(&[1]), journal_with(&[]));
        for journal in [&one, &other] {
            now_or_never(turn(journal, &endpoint)).unwrap();
        }
        now_or_never(one.append(&Ranked::provisional(
            Stamp::at(fixture::NOW),
            fixture::change(2, vec![fixture::person_edit(2, Vec::new())]),
        )))
        .unwrap();
        now_or_never(turn(&one, &endpoint)).unwrap();
        let before = other.kept().since;
        let news = now_or_never(turn(&other, &endpoint)).unwrap();
        assert_eq!((news.pulled.len(), news.streams.len(), news.more), (1, 1, false));
        assert_ne!(news.streams, before);
        assert_eq!(other.kept().since, one.kept().since);
        assert_eq!(*endpoint.told_in_short.borrow(), [false, false, true, true]);
        // One that skips a change is found out this way too, and is told the whole the next time.
        let endpoint = Little { skip: true, ..endpoint };
        endpoint.ledger.borrow_mut().push(WireChange::from(&Ranked::provisional(
            Stamp::at(fixture::NOW),
            fixture::change(3, vec![fixture::person_edit(3, Vec::new())]),
        )));
        let error = now_or_never(turn(&other, &endpoint)).unwrap_err();
        assert!(matches!(error, TurnError::Incomplete { .. }));
        assert_eq!(other.kept().since, one.kept().since);
        let endpoint = Little { skip: false, ..endpoint };
        assert_eq!(now_or_never(turn(&other, &endpoint)).unwrap().pulled.len(), 1);
        assert_eq!(endpoint.told_in_short.borrow()[4..], [true, false]);
    }

    #[test]
    fn a_device_that_stands_elsewhere_is_asked_for_all_its_marks() {
        let endpoint = Little::default();
        let journal = journal_with(&[1, 2]);
        now_or_never(turn(&journal, &endpoint)).unwrap();
        // Another ledger under the same epoch: nothing that the device read was written there.
        endpoint.ledger.borrow_mut().clear();
        let known = journal.kept().since;
        let error = now_or_never(turn(&journal, &endpoint)).unwrap_err();
        assert!(matches!(error, TurnError::Incomplete { .. }));
        assert_eq!((journal.kept().since, &*endpoint.told_in_short.borrow()), (known, &vec![false, true, false]));
    }

    #[test]
    fn an_endpoint_of_before_there_were_cuts_is_told_all_marks() {
        let endpoint = Little { old: true, ..Little::default() };
        let journal = journal_with(&[1, 2]);
        for pulled in [2, 0, 0] {
            assert_eq!(now_or_never(turn(&journal, &endpoint)).unwrap().pulled.len(), pulled);
        }
        assert_eq!(*endpoint.told_in_short.borrow(), [false; 3]);
        // It was put in the place of one that takes them: asked in short, it gives all there is, and is asked again.
        endpoint.takes_cuts.set(true);
        assert_eq!(now_or_never(turn(&journal, &endpoint)).unwrap().pulled.len(), 0);
        assert_eq!(endpoint.told_in_short.borrow()[3..], [true, false]);
    }

    #[test]
    fn a_device_is_filled_by_blocks_and_goes_on_from_any_of_them() {
        let endpoint = Little::default();
        let all = journal_with(&[1, 2, 3, 4, 5, 6, 7]);
        now_or_never(turn(&all, &endpoint)).unwrap();
        let mut endpoint = Little { page_max: Some(2), ..endpoint };
        let fresh = MemoryJournal::default();
        assert_eq!(fill(&fresh, &endpoint), (3, Ok(())));
        let other = MemoryJournal::default();
        endpoint.blocks_max = Some(1);
        let cut_short = Err(TurnError::Endpoint(Trouble::OutOfReach));
        assert_eq!(fill(&other, &endpoint), (1, cut_short));
        assert_eq!((other.kept().accepted.len(), other.kept().since[&own()].number), (4, 4));
        assert_eq!(fill(&other, &endpoint), (1, Ok(())));
        for journal in [&fresh, &other] {
            assert!(!now_or_never(turn(journal, &endpoint)).unwrap().behind);
            assert_eq!((journal.kept().accepted.len(), journal.kept().since), (7, all.kept().since));
        }
    }

    #[test]
    fn a_block_that_skips_a_change_is_not_believed() {
        let mut endpoint = Little::default();
        now_or_never(turn(&journal_with(&[1, 2, 3, 4, 5, 6, 7]), &endpoint)).unwrap();
        endpoint.page_max = Some(3);
        let other = MemoryJournal::default();
        let news = now_or_never(turn(&other, &endpoint)).unwrap();
        endpoint.skip = true;
        let mut filling = now_or_never(Filling::begin(&endpoint, &news)).unwrap();
        let error = now_or_never(filling.next(&other)).unwrap_err();
        assert!(matches!(error, TurnError::Incomplete { .. }), "{error:?}");
        assert_eq!((other.kept().accepted.len(), other.kept().since), (3, news.streams));
    }

    #[test]
    fn a_copy_keeps_its_work_until_it_has_a_number_of_its_own() {
        let endpoint = Little { cloned: Cell::new(true), ..Little::default() };
        let journal = journal_with(&[1, 2]);
        let before = journal.kept();
        assert_eq!(now_or_never(turn(&journal, &endpoint)), Err(TurnError::Endpoint(Trouble::Cloned)));
        let after = journal.kept();
        assert_eq!((after.tail, after.tray, after.since), (before.tail.clone(), before.tray, before.since));
        assert_eq!(after.push_counter, before.push_counter + 1, "what is asked for a number counts on from here");
        endpoint.cloned.set(false);
        let news = now_or_never(turn(&journal, &endpoint)).unwrap();
        let sent: Vec<ChangeId> = news.accepted.iter().map(|accepted| accepted.id).collect();
        assert_eq!(sent, before.tail.iter().map(|ranked| ranked.change.id()).collect::<Vec<_>>());
        assert!(news.accepted.iter().zip(&before.tail).all(|(it, ranked)| it.device == ranked.change.header.device));
    }

    #[test]
    fn blocks_of_another_epoch_are_not_kept() {
        let mut endpoint = Little::default();
        now_or_never(turn(&journal_with(&[1, 2, 3]), &endpoint)).unwrap();
        endpoint.page_max = Some(1);
        let other = MemoryJournal::default();
        let news = now_or_never(turn(&other, &endpoint)).unwrap();
        let before = News { epoch: "e0".into(), ..news };
        let mut filling = now_or_never(Filling::begin(&endpoint, &before)).unwrap();
        assert_eq!(now_or_never(filling.next(&other)), Ok(None));
        assert_eq!(other.kept().accepted.len(), 1);
    }

    #[test]
    fn what_was_read_farther_stays_where_it_is() {
        // Somebody else on this device has read their own leads to the end; the desk's stream is new here.
        let desk = Audience::Desk(fixture::venue());
        let change = |number: u8, audience: &Audience| {
            let edit = Edit { audience: audience.clone(), ..fixture::person_edit(number, Vec::new()) };
            Ranked::provisional(Stamp::at(fixture::NOW), fixture::change(number, vec![edit]))
        };
        let changes: Vec<(u64, Ranked)> =
            [own(), desk.clone(), own(), desk.clone()].iter().zip(1..).map(|(a, n)| (n, change(n as u8, a))).collect();
        let mark = |audience: &Audience, end: u64| {
            let of_it = changes
                .iter()
                .filter(|(n, ranked)| *n <= end && ranked.change.edits().all(|edit| edit.audience == *audience));
            of_it.fold(StreamMark::default(), |mark, (n, ranked)| mark.with(*n, ranked.change.id()))
        };
        let since = BTreeMap::from([
            (own(), StreamMark { number: 4, ..mark(&own(), 4) }),
            (desk.clone(), StreamMark::default()),
        ]);
        let theirs = |end| BTreeMap::from([(own(), mark(&own(), end)), (desk.clone(), mark(&desk, end))]);
        let marks = proved_block(&since, 2, &changes[..2], &theirs(2)).unwrap();
        assert_eq!((marks[&own()], marks[&desk]), (since[&own()], mark(&desk, 2)));
        let marks = proved_block(&marks, 4, &changes[2..], &theirs(4)).unwrap();
        assert_eq!((marks[&own()], marks[&desk]), (since[&own()], mark(&desk, 4)));
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
