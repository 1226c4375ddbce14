//! What every journal promises, whichever database it lies in: tried on the twin in memory and, in a real browser, on
//! IndexedDB.
//!
//! A [`Tab`] ties a journal to a replica as the client does. `journal_contract!` names every promise, so that neither
//! side can leave one out.

use std::collections::BTreeMap;

use super::{AppendError, Journal, KEPT_FOR_RESTORE_MS, Outgoing, TailChange};
use crate::{
    audience::Audience,
    change::{Edit, Key, Op, Ranked},
    codec, fixture,
    id::{ChangeId, DeviceNumber, RecordId},
    replica::Replica,
    stamp::Stamp,
    sync::{Accepted, News},
    time::DAY_MS,
    wire::v1::{NumbersGiven, NumbersWanted, Refusal, StreamMark},
};

/// A tab of a tablet, where staff 1 is unlocked and reads their own leads. Nothing was read yet.
#[expect(async_fn_in_trait, reason = "the browser has one thread, so futures need not be Send")]
pub trait Tab: Sized {
    type Journal: Journal;

    fn journal(&self) -> &Self::Journal;

    /// Another tab of the same tablet.
    async fn another(&self) -> Self;

    /// This tab leads from here on.
    async fn lead(&self);

    /// Fills the replica with all that the journal holds, and has what is damaged fetched again.
    async fn open(&self);

    /// Lets in what is new. `false` if the journal says that it has to be opened anew.
    async fn hear(&self) -> bool;

    /// Keeps a change and shows it.
    async fn save(&self, change: &Ranked);

    /// Keeps what a turn brought and shows it.
    async fn take_in(&self, news: &News);

    /// How many changes are unsent, asked in passing.
    async fn count_unsent(&self) -> usize;

    /// How many own changes are kept though the endpoint has them and blocks too.
    async fn count_kept(&self) -> usize;

    /// Writes down what the replica holds.
    async fn checkpoint(&self) -> Result<(), AppendError>;

    /// Damages the oldest row of the journal.
    async fn tear(&self);

    /// What is on show.
    fn replica<T>(&self, ask: impl FnOnce(&Replica) -> T) -> T;
}

/// Calls a macro with the name of every promise.
#[macro_export]
macro_rules! journal_contract {
    ($each:ident) => {
        $each! {
            a_restored_endpoint_is_offered_what_came_back_in_a_page
            a_restored_endpoint_is_offered_what_was_written_down
            own_changes_are_kept_for_a_restore_of_thirty_days_and_no_longer
            what_was_pulled_goes_with_its_epoch
            a_tab_hears_of_a_refusal_though_it_counted_before
            a_tab_hears_what_became_of_a_change_for_others
            what_two_tabs_save_goes_out
            a_tab_that_missed_a_checkpoint_writes_none
            what_another_tab_saw_accepted_is_not_trimmed_unread
            a_page_does_not_skip_what_is_read_anew
            blocks_follow_each_other_after_one_push
            a_page_that_was_not_let_in_is_new
            numbers_that_a_save_gives_are_not_given_again
            a_papers_number_that_another_tab_gave_is_not_kept_twice
            few_card_numbers_are_asked_for_more
            a_stamp_that_was_set_forward_is_told_from_then_on
            an_answer_of_another_epoch_is_not_taken_in
            what_does_not_go_out_is_counted
        }
    };
}

fn own() -> Audience {
    Audience::Own(fixture::venue(), fixture::staff(1))
}

fn record(number: u8) -> RecordId {
    RecordId::from_bytes(fixture::id_bytes(number))
}

/// A lead of staff 1: change and record have the number.
fn lead(number: u8) -> Ranked {
    with(number, vec![fixture::person_edit(number, vec![("name", Op::Latest("李娜".into()))])])
}

fn with(number: u8, edits: Vec<Edit>) -> Ranked {
    Ranked::provisional(Stamp::at(fixture::NOW.plus(i64::from(number))), fixture::change(number, edits))
}

/// The same under the rank that the endpoint gave it, which is another.
fn ranked(change: &Ranked) -> Ranked {
    Ranked { stamp: change.stamp.following(), device: DeviceNumber(0), change: change.change.clone() }
}

fn accepted(change: &Ranked) -> Accepted {
    let Ranked { stamp, device, .. } = ranked(change);
    Accepted { id: change.change.id(), stamp, device, number: 1 }
}

fn mark(number: u64) -> StreamMark {
    StreamMark { number, count: number, digest: number }
}

/// What a turn brings: verdicts of acceptance, and a page with the end of the own stream.
fn news(epoch: &str, verdicts: &[&Ranked], pulled: &[&Ranked], end: u64) -> News {
    News {
        epoch: epoch.into(),
        server_time: fixture::NOW,
        accepted: verdicts.iter().map(|change| accepted(change)).collect(),
        pulled: pulled.iter().map(|change| ranked(change)).collect(),
        streams: BTreeMap::from([(own(), mark(end))]),
        ..News::default()
    }
}

async fn push(tab: &impl Tab) -> Outgoing {
    tab.journal().begin_push(100).await.expect("a journal that is well gives what goes out")
}

async fn turn(tab: &impl Tab, news: &News) {
    push(tab).await;
    tab.take_in(news).await;
}

fn open_tail(outgoing: &Outgoing) -> Vec<Ranked> {
    let open = |change: &TailChange| match change {
        TailChange::Open(ranked) => Some(ranked.clone()),
        TailChange::Sealed(_) => None,
    };
    outgoing.tail.iter().filter_map(open).collect()
}

fn base(tab: &impl Tab) -> BTreeMap<RecordId, Vec<u8>> {
    tab.replica(|replica| replica.base().map(|record| (record.id, codec::record_bytes(&record))).collect())
}

fn unsent(tab: &impl Tab) -> Vec<ChangeId> {
    tab.replica(|replica| replica.unsent().map(|ranked| ranked.change.id()).collect())
}

/// An endpoint was restored; the tab met it, and opens what is left.
async fn begin_epoch(tab: &impl Tab) {
    tab.journal().begin_epoch("e2").await.expect("a journal that is well begins another epoch");
    assert!(!tab.hear().await, "what is on show is of the epoch before");
    tab.open().await;
}

pub async fn a_restored_endpoint_is_offered_what_came_back_in_a_page(tab: impl Tab) {
    tab.open().await;
    let saved = [lead(1), lead(2)];
    for change in &saved {
        tab.save(change).await;
    }
    let both: Vec<&Ranked> = saved.iter().collect();
    turn(&tab, &news("e1", &both, &both, 2)).await;
    assert_eq!((unsent(&tab).len(), push(&tab).await.tail.len()), (0, 0));
    begin_epoch(&tab).await;
    let outgoing = push(&tab).await;
    // In the order in which they were made, under the ranks that they had: whoever read them before knows those.
    assert_eq!(open_tail(&outgoing), saved.each_ref().map(ranked));
    assert_eq!((outgoing.epoch.as_deref(), outgoing.since[&own()]), (Some("e2"), StreamMark::default()));
    assert_eq!(unsent(&tab), saved.each_ref().map(|change| change.change.id()));
}

pub async fn a_restored_endpoint_is_offered_what_was_written_down(tab: impl Tab) {
    tab.open().await;
    let (first, later) = (lead(1), lead(2));
    tab.save(&first).await;
    turn(&tab, &news("e1", &[&first], &[&first], 1)).await;
    tab.checkpoint().await.unwrap_or_else(|error| panic!("no checkpoint: {error}"));
    tab.save(&later).await;
    let before = base(&tab);
    let fresh = tab.another().await;
    fresh.open().await;
    assert_eq!((base(&fresh), unsent(&fresh)), (before, vec![later.change.id()]));
    begin_epoch(&fresh).await;
    assert_eq!(open_tail(&push(&fresh).await), [ranked(&first), later]);
}

pub async fn own_changes_are_kept_for_a_restore_of_thirty_days_and_no_longer(tab: impl Tab) {
    tab.open().await;
    // Made long ago, and sent only now.
    let change = lead(1);
    let at = |days_ms: i64| fixture::NOW.plus(40 * DAY_MS + days_ms);
    tab.save(&change).await;
    turn(&tab, &News { server_time: at(0), ..news("e1", &[&change], &[&change], 1) }).await;
    for (server_time, kept) in [(at(0), 1), (at(KEPT_FOR_RESTORE_MS - 1), 1), (at(KEPT_FOR_RESTORE_MS), 0)] {
        turn(&tab, &News { server_time, ..news("e1", &[], &[], 1) }).await;
        tab.checkpoint().await.unwrap_or_else(|error| panic!("no checkpoint: {error}"));
        let fresh = tab.another().await;
        fresh.open().await;
        assert_eq!((base(&fresh).len(), fresh.count_kept().await), (1, kept));
    }
    begin_epoch(&tab).await;
    assert_eq!(push(&tab).await.tail, []);
}

pub async fn what_was_pulled_goes_with_its_epoch(tab: impl Tab) {
    tab.open().await;
    let (written_down, in_a_page) = (lead(1), lead(2));
    turn(&tab, &news("e1", &[], &[&written_down], 1)).await;
    tab.checkpoint().await.unwrap_or_else(|error| panic!("no checkpoint: {error}"));
    turn(&tab, &news("e1", &[], &[&in_a_page], 2)).await;
    assert_eq!(base(&tab).len(), 2);
    begin_epoch(&tab).await;
    assert_eq!(base(&tab), BTreeMap::new());
    assert_eq!(push(&tab).await.since, BTreeMap::from([(own(), StreamMark::default())]));
    // It comes again, perhaps under another rank, and is what the endpoint has.
    let anew = Ranked { stamp: in_a_page.stamp, ..in_a_page.clone() };
    turn(&tab, &News { epoch: "e2".into(), pulled: vec![anew.clone()], ..news("e2", &[], &[], 1) }).await;
    let fresh = tab.another().await;
    fresh.open().await;
    let rank = fresh.replica(|replica| replica.accepted(record(2)).map(|record| record.begun()));
    assert_eq!(rank, Some(anew.rank()));
}

pub async fn a_tab_hears_of_a_refusal_though_it_counted_before(leading: impl Tab) {
    leading.open().await;
    let (kept, refused) = (lead(1), lead(2));
    leading.save(&kept).await;
    leading.save(&refused).await;
    let other = leading.another().await;
    other.open().await;
    assert_eq!(unsent(&other).len(), 2);
    let refusal = vec![(refused.change.id(), Refusal::UnknownAuthor)];
    turn(&leading, &News { refused: refusal, ..news("e1", &[&kept], &[], 1) }).await;
    assert_eq!(other.count_unsent().await, 0);
    assert!(other.hear().await);
    assert_eq!(unsent(&other), []);
    assert_eq!(base(&other), base(&leading));
    assert_eq!(base(&other).len(), 1);
}

pub async fn a_tab_hears_what_became_of_a_change_for_others(leading: impl Tab) {
    leading.open().await;
    let desk = Audience::Desk(fixture::venue());
    let for_others = with(1, vec![Edit { audience: desk, ..fixture::person_edit(1, Vec::new()) }]);
    leading.save(&for_others).await;
    let other = leading.another().await;
    other.open().await;
    assert_eq!(unsent(&other).len(), 1);
    turn(&leading, &news("e1", &[&for_others], &[], 0)).await;
    assert!(other.hear().await);
    for tab in [&leading, &other] {
        assert_eq!((unsent(tab), base(tab).len()), (Vec::new(), 0));
    }
    // The endpoint may lose it all the same.
    begin_epoch(&leading).await;
    assert_eq!(open_tail(&push(&leading).await), [ranked(&for_others)]);
}

pub async fn what_two_tabs_save_goes_out(first: impl Tab) {
    first.open().await;
    let second = first.another().await;
    second.open().await;
    push(&first).await;
    first.save(&lead(1)).await;
    second.save(&lead(2)).await;
    assert!(first.hear().await && second.hear().await);
    assert_eq!(unsent(&first).len(), 2);
    for tab in [&first, &second] {
        assert_eq!(open_tail(&push(tab).await), [lead(1), lead(2)]);
    }
}

pub async fn a_tab_that_missed_a_checkpoint_writes_none(first: impl Tab) {
    first.open().await;
    turn(&first, &news("e1", &[], &[&lead(1)], 1)).await;
    let late = first.another().await;
    late.open().await;
    turn(&first, &news("e1", &[], &[&lead(2)], 2)).await;
    first.checkpoint().await.unwrap_or_else(|error| panic!("no checkpoint: {error}"));
    late.lead().await;
    assert!(matches!(late.checkpoint().await, Err(AppendError::Aborted { .. })));
    assert!(!late.hear().await);
    late.open().await;
    late.checkpoint().await.unwrap_or_else(|error| panic!("no checkpoint: {error}"));
    let fresh = late.another().await;
    fresh.open().await;
    assert_eq!(base(&fresh), base(&first));
}

pub async fn what_another_tab_saw_accepted_is_not_trimmed_unread(leading: impl Tab) {
    leading.open().await;
    let change = lead(1);
    leading.save(&change).await;
    let other = leading.another().await;
    other.open().await;
    turn(&leading, &news("e1", &[&change], &[], 1)).await;
    other.lead().await;
    other.checkpoint().await.unwrap_or_else(|error| panic!("no checkpoint: {error}"));
    let fresh = other.another().await;
    fresh.open().await;
    assert_eq!(base(&fresh), base(&leading));
    assert_eq!(base(&fresh).len(), 1);
}

pub async fn a_page_does_not_skip_what_is_read_anew(leading: impl Tab) {
    leading.open().await;
    turn(&leading, &news("e1", &[], &[&lead(1)], 1)).await;
    leading.tear().await;
    assert_eq!(push(&leading).await.since[&own()], mark(1));
    let other = leading.another().await;
    other.open().await;
    // Nor do blocks that come after it.
    leading.take_in(&news("e1", &[], &[&lead(2)], 2)).await;
    leading.take_in(&news("e1", &[], &[&lead(3)], 3)).await;
    assert_eq!(push(&leading).await.since[&own()], StreamMark::default());
}

pub async fn blocks_follow_each_other_after_one_push(tab: impl Tab) {
    tab.open().await;
    turn(&tab, &news("e1", &[], &[&lead(1)], 1)).await;
    tab.save(&lead(9)).await;
    for number in [2, 3] {
        tab.take_in(&news("e1", &[], &[&lead(number)], number.into())).await;
        // Whatever happens now, what has come is there and the next one goes on from it.
        let fresh = tab.another().await;
        fresh.open().await;
        assert_eq!((base(&fresh).len(), unsent(&fresh).len()), (number.into(), 1));
    }
    let outgoing = push(&tab).await;
    assert_eq!((outgoing.since[&own()], open_tail(&outgoing)), (mark(3), vec![lead(9)]));
}

pub async fn a_page_that_was_not_let_in_is_new(tab: impl Tab) {
    tab.open().await;
    push(&tab).await;
    // Whoever is unlocked changed while the turn was under way: its end is not let in but read.
    tab.journal().take_in(&news("e1", &[], &[&lead(1)], 1)).await.unwrap_or_else(|error| panic!("{error}"));
    tab.checkpoint().await.unwrap_or_else(|error| panic!("no checkpoint: {error}"));
    assert_eq!((tab.hear().await, base(&tab).len()), (true, 1));
    let fresh = tab.another().await;
    fresh.open().await;
    assert_eq!(base(&fresh).len(), 1);
}

/// What the tab would give next: a card's number, and a paper's of the fixture's device.
async fn next_numbers(tab: &impl Tab) -> (Option<String>, String) {
    let numbers = tab.journal().numbers().await.unwrap_or_else(|error| panic!("no numbers: {error}"));
    let day = fixture::NOW.day(0);
    (numbers.next_card(|_| false), numbers.next_paper("W01", DEVICE, day))
}

/// The device of the fixture's changes.
const DEVICE: DeviceNumber = DeviceNumber(7);

fn block(first: u64, last: u64) -> NumbersGiven {
    NumbersGiven { series: "W01".into(), runs: vec![(first, last)], to: last }
}

/// An agreement that gives a card's number and its own.
fn agreement(number: u8, card: &str, paper: &str) -> Ranked {
    let writes = vec![("card_no", Op::Latest(card.into())), ("agreement_no", Op::Latest(paper.into()))];
    with(number, vec![Edit { kind: Key::of("agreement"), ..fixture::person_edit(number, writes) }])
}

pub async fn numbers_that_a_save_gives_are_not_given_again(tab: impl Tab) {
    tab.open().await;
    turn(&tab, &News { numbers: Some(block(51, 60)), ..news("e1", &[], &[], 0) }).await;
    let (Some(card), paper) = next_numbers(&tab).await else { panic!("no card number") };
    assert_eq!((&*card, &*paper), ("W01-000051", "W01-7-261122-01"));
    tab.save(&agreement(1, &card, &paper)).await;
    // Neither another tab, nor a start, nor another epoch, nor the answer once more gives them again.
    begin_epoch(&tab).await;
    let other = tab.another().await;
    turn(&tab, &News { numbers: Some(block(51, 60)), ..news("e2", &[], &[], 0) }).await;
    for tab in [&tab, &other] {
        assert_eq!(next_numbers(tab).await, (Some("W01-000052".into()), "W01-7-261122-02".into()));
    }
}

pub async fn a_papers_number_that_another_tab_gave_is_not_kept_twice(tab: impl Tab) {
    tab.open().await;
    let other = tab.another().await;
    other.open().await;
    let (_, paper) = next_numbers(&tab).await;
    tab.save(&agreement(1, "A1024", &paper)).await;
    let again = agreement(2, "A1025", &paper);
    assert!(matches!(other.journal().append(&again).await, Err(AppendError::Aborted { .. })));
    assert_eq!(other.count_unsent().await, 1);
    other.save(&agreement(2, "A1025", &next_numbers(&other).await.1)).await;
    assert_eq!(other.count_unsent().await, 2);
}

/// The rest of the tail, and what was refused and nobody has sent again.
pub async fn what_does_not_go_out_is_counted(tab: impl Tab) {
    tab.open().await;
    let counted = async |changes_max| {
        let outgoing = tab.journal().begin_push(changes_max).await.expect("a journal that is well gives what goes out");
        (outgoing.tail.len(), outgoing.more, outgoing.unsent)
    };
    assert_eq!(counted(2).await, (0, false, 0));
    let changes = [1, 2, 3].map(lead);
    for change in &changes {
        tab.save(change).await;
    }
    assert_eq!(counted(2).await, (2, true, 1));
    let [kept, refused, _] = &changes;
    let refusal = vec![(refused.change.id(), Refusal::UnknownAuthor)];
    tab.take_in(&News { refused: refusal, ..news("e1", &[kept], &[], 1) }).await;
    assert_eq!(counted(2).await, (1, false, 1));
}

pub async fn few_card_numbers_are_asked_for_more(tab: impl Tab) {
    tab.open().await;
    assert_eq!(push(&tab).await.numbers, Some(NumbersWanted { series: String::new(), to: 0 }));
    turn(&tab, &News { numbers: Some(block(51, 54)), ..news("e1", &[], &[], 0) }).await;
    tab.save(&agreement(1, "W01-000051", "")).await;
    assert_eq!(push(&tab).await.numbers, None);
    tab.save(&agreement(2, "W01-000053", "")).await;
    assert_eq!(push(&tab).await.numbers, Some(NumbersWanted { series: "W01".into(), to: 54 }));
}

/// One that was set back says nothing: what was made after it is ahead by itself.
pub async fn a_stamp_that_was_set_forward_is_told_from_then_on(tab: impl Tab) {
    tab.open().await;
    let days_later = |days: i64| Stamp::at(fixture::NOW.plus(days * DAY_MS));
    for (number, given, told) in [(1, days_later(-1), None), (2, days_later(2), Some(2)), (3, days_later(1), Some(2))] {
        let change = lead(number);
        tab.save(&change).await;
        let verdict = Accepted { stamp: given, ..accepted(&change) };
        turn(&tab, &News { accepted: vec![verdict], ..news("e1", &[], &[], 0) }).await;
        assert_eq!(push(&tab).await.corrected, told.map(days_later), "{number}");
    }
}

pub async fn an_answer_of_another_epoch_is_not_taken_in(first: impl Tab) {
    first.open().await;
    let second = first.another().await;
    second.open().await;
    // It asks while the device has heard of no epoch yet.
    push(&first).await;
    let change = lead(1);
    first.save(&change).await;
    turn(&second, &news("e1", &[&change], &[], 1)).await;
    // The endpoint is put back to a copy from before, and its answer comes now.
    let late = first.journal().take_in(&news("e2", &[], &[], 0)).await;
    assert!(matches!(late, Err(AppendError::Aborted { .. })), "{late:?}");
    assert_eq!(push(&first).await.epoch.as_deref(), Some("e1"), "the next turn meets the other epoch");
    begin_epoch(&first).await;
    assert_eq!(open_tail(&push(&first).await), [ranked(&change)]);
    let before = first.journal().take_in(&news("e1", &[&change], &[], 1)).await;
    assert!(matches!(before, Err(AppendError::Aborted { .. })), "{before:?}");
    assert_eq!(open_tail(&push(&first).await).len(), 1, "what the endpoint of before had is not with this one");
}
