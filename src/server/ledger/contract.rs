//! What every ledger promises, as tests. Each database passes all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use yingke_core::{
    audience::Audience,
    chance::Seeded,
    change::{Change, Edit, Header, Key, Op, Ranked, Write},
    fixture,
    id::{ChangeId, DeviceNumber, ENDPOINT_DEVICE, RecordId},
    schema,
    stamp::Stamp,
    time::{DAY_MS, HOUR_MS, MINUTE_MS, Millis},
    wire::v1::{Refusal, StreamMark, Verdict},
};

use super::{
    Batch, Candidate, Database, Ledger, LedgerError, Pushed,
    memory::MemoryLedger,
    numbers::{Ask, SKIPPED},
    postgres::PostgresLedger,
    sqlite::SqliteLedger,
};
use crate::{admin::new_venue, keys::Secrets, register::Register, verify};

/// A ledger for one test, and what has to live as long.
pub struct Tested {
    pub ledger: Arc<dyn Ledger>,
    _folder: Option<tempfile::TempDir>,
}

const DEVICE: DeviceNumber = DeviceNumber(1);

async fn sqlite() -> Tested {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(SqliteLedger::create(folder.path()).await.unwrap());
    furnish(&*ledger).await;
    Tested { ledger, _folder: Some(folder) }
}

async fn postgres() -> Tested {
    let ledger = Arc::new(PostgresLedger::create(&new_database().await).await.unwrap());
    furnish(&*ledger).await;
    Tested { ledger, _folder: None }
}

/// A club with one tablet.
async fn furnish(ledger: &dyn Database) {
    let organisation = fixture::organisation();
    ledger.found(organisation, "松风体育", "e1", &Secrets::new()).await.unwrap();
    ledger.keep_venue(organisation, &new_venue(fixture::venue(), "未来店", "fitness", 480)).await.unwrap();
    ledger.add_code(organisation, fixture::venue(), [1; 32], 1, Millis(i64::MAX)).await.unwrap();
    let device = ledger.enrol([1; 32], "A-01", [2; 32], fixture::NOW).await.unwrap().unwrap();
    assert_eq!(device.number, DEVICE);
}

/// A database of its own for one test, in the cluster that `cargo xtask test` started.
async fn new_database() -> String {
    use sqlx::Connection;
    let cluster = std::env::var("YINGKE_POSTGRES").expect("`cargo xtask test unit` starts a cluster and names it");
    let name = format!("t{}", yingke_core::wire::v1::hex_text(&crate::keys::random::<8>()));
    let mut connection = sqlx::PgConnection::connect(&format!("{cluster}/postgres")).await.unwrap();
    let made = sqlx::AssertSqlSafe(format!("create database {name}"));
    sqlx::raw_sql(made).execute(&mut connection).await.unwrap();
    format!("{cluster}/{name}")
}

async fn memory() -> Tested {
    Tested { ledger: Arc::new(MemoryLedger::new("e1")), _folder: None }
}

macro_rules! ledger_contract {
    (#[$when:meta] $database:ident: $($promise:ident)*) => {
        mod $database {
            $(
                #[$when]
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    super::$promise(super::$database().await).await;
                }
            )*
        }
    };
    ($(#[$when:meta] $database:ident)*) => {$(
        ledger_contract!(#[$when] $database:
            numbers_have_no_holes_and_follow_the_batch
            the_same_change_again_is_had_under_the_same_rank
            one_id_with_other_content_is_refused
            a_refused_change_leaves_nothing_and_holds_up_nobody
            what_was_accepted_once_stays_accepted
            a_counter_that_goes_backwards_keeps_nothing
            a_wrong_clock_is_corrected_and_the_order_kept
            what_was_corrected_before_is_still_followed_by_the_rest
            what_a_tablet_says_was_corrected_is_followed_by_the_rest
            what_is_taken_later_still_ranks_before_what_was_made_after_it
            what_is_sent_again_alone_ranks_before_what_was_made_after_it_too
            a_page_carries_the_mark_of_its_own_end
            a_stream_that_was_read_farther_keeps_its_mark
            a_reader_never_later_finds_a_smaller_number
            records_are_what_the_ledger_makes
            an_epoch_begins_once_and_lasts_a_while
            a_stream_tells_where_it_stood
            what_was_erased_is_empty_everywhere_and_does_not_come_back
            what_the_clock_watches_is_looked_at_once_it_was_touched_and_when_its_time_has_come
            what_went_to_the_next_level_is_told_by_one_and_since_it_was_not
            card_numbers_are_given_once
            records_are_found_by_their_audience_and_changes_by_their_ids
        );
    )*};
}

ledger_contract! {
    #[cfg(test)] sqlite
    #[cfg(test)] memory
    #[ignore = "needs PostgreSQL; `cargo xtask test unit` starts one"] postgres
}

// ---- Builders -----------------------------------------------------------------------------------------------

fn own() -> Audience {
    Audience::Own(fixture::venue(), fixture::staff(1))
}

fn desk() -> Audience {
    Audience::Desk(fixture::venue())
}

/// A change that sets one name of one of 50 records.
fn named(number: u32, audience: Audience, stamp: Stamp) -> Ranked {
    let id = |kind: u8, number: u32| {
        let mut bytes = [kind; 16];
        bytes[12..].copy_from_slice(&number.to_be_bytes());
        bytes
    };
    let header = Header {
        id: ChangeId::from_bytes(id(2, number)),
        organisation: fixture::organisation(),
        author: fixture::staff(1),
        device: DEVICE,
        made_at: fixture::NOW,
        clock_offset_ms: 0,
        pack: 1,
        form: "F-03".into(),
    };
    let edit = Edit {
        record: RecordId::from_bytes(id(3, number % 50)),
        kind: Key::of("person"),
        audience,
        salt: [0; 8],
        writes: vec![Write { key: Key::of("note"), op: Op::Latest(format!("第 {number} 次").into()) }],
    };
    Ranked::provisional(stamp, Change::new(header, vec![edit], &mut Seeded::new(u64::from(number))))
}

/// A change to a record of a kind that the clock watches.
fn of_kind(kind: &'static str, number: u8, key: &'static str) -> Ranked {
    let numbered = 7_000 + u32::from(number);
    let mut ranked = named(numbered, desk(), now_stamp(numbered));
    let edit = ranked.change.edits().next().unwrap().clone();
    let writes = vec![Write { key: Key::of(key), op: Op::Latest("坏了".into()) }];
    let edit = Edit { kind: Key::of(kind), record: RecordId::from_bytes([number; 16]), writes, ..edit };
    ranked.change = Change::new(ranked.change.header.clone(), vec![edit], &mut Seeded::new(1));
    ranked
}

fn fault(number: u8, key: &'static str) -> Ranked {
    of_kind("fault", number, key)
}

fn now_stamp(number: u32) -> Stamp {
    Stamp::at(fixture::NOW.plus(i64::from(number)))
}

/// An hour ago, by a clock that is right.
fn before_now(number: u32) -> Stamp {
    Stamp::at(fixture::NOW.plus(i64::from(number) - HOUR_MS))
}

fn batch(changes: impl IntoIterator<Item = Ranked>) -> Batch {
    let candidates = changes.into_iter().map(|ranked| Candidate::new(ranked, None)).collect();
    Batch { pushed: None, candidates, now: fixture::NOW }
}

async fn append(tested: &Tested, batch: Batch) -> Vec<Verdict> {
    tested.ledger.append(fixture::organisation(), batch).await.unwrap()
}

fn number_of(verdict: &Verdict) -> u64 {
    match verdict {
        Verdict::Accepted { number, .. } => *number,
        other => panic!("accepted was expected, got {other:?}"),
    }
}

fn stamps_of(verdicts: &[Verdict]) -> Vec<Stamp> {
    let stamp = |verdict: &Verdict| match verdict {
        Verdict::Accepted { stamp, .. } => *stamp,
        other => panic!("accepted was expected, got {other:?}"),
    };
    verdicts.iter().map(stamp).collect()
}

async fn count(tested: &Tested) -> usize {
    tested.ledger.rows(fixture::organisation(), 0, 10_000).await.unwrap().len()
}

// ---- Promises -----------------------------------------------------------------------------------------------

async fn numbers_have_no_holes_and_follow_the_batch(tested: Tested) {
    for first in [0, 10, 20] {
        let changes = (first..first + 10).map(|number| named(number, own(), now_stamp(number)));
        let verdicts = append(&tested, batch(changes)).await;
        let numbers: Vec<u64> = verdicts.iter().map(number_of).collect();
        assert_eq!(numbers, (u64::from(first) + 1..=u64::from(first) + 10).collect::<Vec<_>>());
    }
}

async fn the_same_change_again_is_had_under_the_same_rank(tested: Tested) {
    let change = named(1, own(), now_stamp(1));
    let first = append(&tested, batch([change.clone(), change.clone()])).await;
    let mut later = batch([Ranked { stamp: now_stamp(9), ..change }]);
    later.now = fixture::NOW.plus(DAY_MS);
    let again = append(&tested, later).await;
    let Verdict::Accepted { id, stamp, device, number, had: false, hash } = first[0].clone() else { panic!() };
    let had = Verdict::Accepted { id, stamp, device, number, had: true, hash };
    assert_eq!((first[1].clone(), again[0].clone()), (had.clone(), had));
    assert_eq!(count(&tested).await, 1);
}

async fn one_id_with_other_content_is_refused(tested: Tested) {
    let change = named(1, own(), now_stamp(1));
    append(&tested, batch([change.clone()])).await;
    let mut other = named(2, own(), now_stamp(1));
    other.change.header.id = change.change.id();
    let verdicts = append(&tested, batch([other])).await;
    assert_eq!(verdicts, [Verdict::Refused { id: change.change.id(), reason: Refusal::Different }]);
    assert_eq!(count(&tested).await, 1);
}

async fn a_refused_change_leaves_nothing_and_holds_up_nobody(tested: Tested) {
    let mut offered = batch((0..3).map(|number| named(number, own(), now_stamp(number))));
    offered.candidates[1].refusal = Some(Refusal::UnknownAuthor);
    let verdicts = append(&tested, offered).await;
    assert_eq!((number_of(&verdicts[0]), number_of(&verdicts[2])), (1, 2));
    assert!(matches!(verdicts[1], Verdict::Refused { reason: Refusal::UnknownAuthor, .. }));
    let records = tested.ledger.records(fixture::organisation(), None, None, 100).await.unwrap();
    assert_eq!((count(&tested).await, records.len()), (2, 2));
}

/// Its author may have left since, and the first answer been lost.
async fn what_was_accepted_once_stays_accepted(tested: Tested) {
    let change = named(1, own(), now_stamp(1));
    append(&tested, batch([change.clone()])).await;
    let mut again = batch([change]);
    again.candidates[0].refusal = Some(Refusal::UnknownAuthor);
    assert!(matches!(append(&tested, again).await[0], Verdict::Accepted { had: true, .. }));
}

async fn what_the_clock_watches_is_looked_at_once_it_was_touched_and_when_its_time_has_come(tested: Tested) {
    let organisation = fixture::organisation();
    append(&tested, batch([fault(1, "description"), fault(2, "description"), named(3, own(), now_stamp(3))])).await;
    let ledger = &*tested.ledger;
    let watched = async |at: i64, records_max| {
        let found = ledger.watched(organisation, Millis(at), records_max).await.unwrap();
        found.iter().map(|record| record.id.bytes()[0]).collect::<Vec<_>>()
    };
    assert_eq!(watched(10, 9).await, [1, 2], "a person is none of the clock's");
    assert_eq!(watched(10, 1).await, [1]);
    let all = ledger.watched(organisation, Millis(10), 9).await.unwrap();
    ledger.look_again(organisation, &[(all[0].clone(), Some(Millis(50))), (all[1].clone(), None)]).await.unwrap();
    assert_eq!(watched(49, 9).await, [0_u8; 0]);
    assert_eq!(watched(50, 9).await, [1]);
    // Touched while it was looked at: at once all the same.
    let mut again = fault(2, "cause");
    again.change.header.id = named(9, own(), now_stamp(9)).change.id();
    append(&tested, batch([again])).await;
    ledger.look_again(organisation, &[(all[1].clone(), None)]).await.unwrap();
    assert_eq!(watched(50, 9).await, [2, 1]);
    let ids = all.iter().map(|record| record.id).collect();
    let found = ledger.records_by_id(organisation, &ids).await.unwrap();
    assert_eq!(found.iter().map(|record| record.id).collect::<std::collections::BTreeSet<_>>(), ids);
    ledger.erase(organisation, &ids, "e3", fixture::NOW).await.unwrap();
    assert_eq!(watched(50, 9).await, [0_u8; 0]);
}

async fn what_went_to_the_next_level_is_told_by_one_and_since_it_was_not(tested: Tested) {
    let organisation = fixture::organisation();
    let callback = |number, key| of_kind("callback", number, key);
    append(&tested, batch([callback(1, "question"), callback(2, "question"), named(3, own(), now_stamp(3))])).await;
    let ledger = &*tested.ledger;
    let after = |ms: i64| fixture::NOW.plus(ms);
    let untold = async |ms: i64| {
        let found = ledger.untold(organisation, after(ms), 9).await.unwrap();
        found.iter().map(|untold| (untold.record.id.bytes()[0], untold.since.since(fixture::NOW))).collect::<Vec<_>>()
    };
    assert_eq!(untold(-1).await, []);
    assert_eq!(untold(0).await, [(1, 0), (2, 0)], "calls to a guest are told to nobody");
    assert_eq!(ledger.untold(organisation, after(0), 1).await.unwrap().len(), 1);
    let all = ledger.untold(organisation, after(0), 9).await.unwrap();
    let next = [(all[0].clone(), Some(after(50))), (all[1].clone(), None)];
    let ids: BTreeSet<RecordId> = all.iter().map(|untold| untold.record.id).collect();
    assert_eq!(ledger.tell_again(organisation, &next).await.unwrap(), ids);
    assert_eq!(
        ledger.tell_again(organisation, &next).await.unwrap(),
        BTreeSet::new(),
        "whoever was later tells nothing"
    );
    assert_eq!((untold(49).await, untold(50).await), (vec![], vec![(1, 50)]));
    // Touched before its time, and again before anybody looked: what went on since the first time is still to be told.
    let seen = ledger.untold(organisation, after(50), 9).await.unwrap();
    for (ms, key) in [(20, "note"), (90, "staff")] {
        let mut again = callback(1, key);
        again.change.header.id = named(9_000 + ms, own(), now_stamp(0)).change.id();
        append(&tested, Batch { now: after(i64::from(ms)), ..batch([again]) }).await;
    }
    assert_eq!((untold(19).await, untold(90).await), (vec![], vec![(1, 20)]));
    let stale = [(seen[0].clone(), None)];
    assert_eq!(ledger.tell_again(organisation, &stale).await.unwrap(), BTreeSet::new(), "it has been touched since");
    ledger.erase(organisation, &ids, "e3", fixture::NOW).await.unwrap();
    assert_eq!(untold(100).await, []);
}

async fn records_are_found_by_their_audience_and_changes_by_their_ids(tested: Tested) {
    let organisation = fixture::organisation();
    let changes: Vec<Ranked> =
        (0..6).map(|number| named(number, if number % 2 == 0 { desk() } else { own() }, now_stamp(number))).collect();
    append(&tested, batch(changes.clone())).await;
    let (both, one) = (BTreeSet::from([desk(), own()]), BTreeSet::from([own()]));
    let found = async |audiences: &BTreeSet<Audience>, after, records_max| {
        let found = tested.ledger.records_of(organisation, audiences, after, records_max).await.unwrap();
        found.into_iter().map(|record| record.id).collect::<Vec<_>>()
    };
    let all = found(&both, None, 9).await;
    assert!(all.len() == 6 && all.is_sorted());
    assert_eq!(found(&both, Some(all[1]), 2).await, all[2..4]);
    assert_eq!(found(&one, None, 9).await, [all[1], all[3], all[5]]);
    assert_eq!(found(&BTreeSet::new(), None, 9).await, []);
    // A record that passes to others is found there.
    let mut moved = named(1, desk(), now_stamp(90));
    moved.change.header.id = named(90, desk(), now_stamp(90)).change.id();
    append(&tested, batch([moved])).await;
    assert_eq!(found(&one, None, 9).await, [all[3], all[5]]);
    let ids = [1, 4].map(|number: usize| changes[number].change.id());
    let wanted = ids.into_iter().chain([ChangeId::from_bytes([9; 16])]).collect();
    let known = tested.ledger.changes(organisation, &wanted).await.unwrap();
    assert_eq!(known.into_values().collect::<Vec<_>>(), [changes[1].clone(), changes[4].clone()]);
}

async fn a_counter_that_goes_backwards_keeps_nothing(tested: Tested) {
    let push = |counter, number| Batch {
        pushed: Some(Pushed { device: DEVICE, counter, corrected: None }),
        ..batch([named(number, own(), now_stamp(number))])
    };
    append(&tested, push(5, 1)).await;
    append(&tested, push(5, 2)).await;
    let refused = tested.ledger.append(fixture::organisation(), push(4, 3)).await;
    assert!(matches!(refused, Err(LedgerError::Cloned { device: DEVICE })));
    assert_eq!(count(&tested).await, 2);
    let check = |counter| tested.ledger.check_counter(fixture::organisation(), DEVICE, counter);
    assert!(check(5).await.is_ok() && matches!(check(4).await, Err(LedgerError::Cloned { .. })));
}

async fn a_wrong_clock_is_corrected_and_the_order_kept(tested: Tested) {
    let stamps = [
        Stamp::at(fixture::NOW.plus(4 * MINUTE_MS)), // within what tablets are off by
        Stamp::at(Millis(4_102_444_800_000)),        // 2100
        Stamp::at(Millis(4_102_444_800_001)),
        Stamp::at(Millis(5_000)),                    // 1970
        Stamp::at(fixture::NOW.plus(-399 * DAY_MS)), // made after it, by a clock that was set by then
    ];
    let changes = stamps.iter().zip(0..).map(|(stamp, number)| named(number, own(), *stamp));
    let verdicts = append(&tested, batch(changes)).await;
    let kept: Vec<(Stamp, DeviceNumber)> = verdicts
        .iter()
        .map(|verdict| match verdict {
            Verdict::Accepted { stamp, device, .. } => (*stamp, *device),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kept[0], (stamps[0], DEVICE));
    assert!(kept.is_sorted(), "{kept:?}");
    assert!(kept[1..].iter().all(|(_, device)| *device == ENDPOINT_DEVICE));
    assert!(kept[4].0 < Stamp::at(fixture::NOW.plus(5 * MINUTE_MS)));
    // What lies in the ledger and goes out in pages has the verdict's rank.
    let rows = tested.ledger.rows(fixture::organisation(), 0, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.ranked.stamp, row.ranked.device)).collect::<Vec<_>>(), kept);
}

/// Another tablet carries what was made next, in a push of its own; and the answer to the first push was lost, so that comes
/// again too.
async fn what_was_corrected_before_is_still_followed_by_the_rest(tested: Tested) {
    let first = named(1, own(), Stamp::at(Millis(5_000))); // 1970
    let [next, last] = [2, 3].map(|number| named(number, own(), before_now(number))); // the clock was set by then
    let mut stamps = stamps_of(&append(&tested, batch([first.clone()])).await);
    stamps.extend(stamps_of(&append(&tested, batch([next])).await));
    stamps.extend(stamps_of(&append(&tested, batch([first, last])).await).into_iter().skip(1));
    assert!(stamps.is_sorted_by(|one, next| one < next), "{stamps:?}");
    let mut of_another = named(4, own(), before_now(4));
    of_another.change.header.device = DeviceNumber(9);
    assert_eq!(stamps_of(&append(&tested, batch([of_another])).await), [before_now(4)], "its clock was right");
}

/// This ledger may be an older copy of the one that corrected it. A clock of its own may be told, too.
async fn what_a_tablet_says_was_corrected_is_followed_by_the_rest(tested: Tested) {
    let push = |number, corrected| {
        let pushed = Some(Pushed { device: DEVICE, counter: 1, corrected: Some(corrected) });
        Batch { pushed, ..batch([named(number, own(), before_now(number))]) }
    };
    let told = now_stamp(1);
    assert_eq!(stamps_of(&append(&tested, push(1, Stamp::at(Millis(4_102_444_800_000)))).await), [before_now(1)]);
    assert_eq!(stamps_of(&append(&tested, push(2, told)).await), [told.following()]);
}

/// The first of two was refused and the answer lost; when both come again its author may write.
async fn what_is_taken_later_still_ranks_before_what_was_made_after_it(tested: Tested) {
    let made = |number, at| named(number, own(), Stamp::at(Millis(at)));
    let [first, second, third] = [made(1, 5_000), made(2, 5_001), made(3, 5_002)]; // 1970
    append(&tested, batch([named(4, own(), now_stamp(4))])).await;
    let mut pushed = batch([first.clone(), second.clone(), third.clone()]);
    for refused in &mut pushed.candidates[..2] {
        refused.refusal = Some(Refusal::UnknownAuthor);
    }
    append(&tested, pushed).await;
    let again = Batch { now: fixture::NOW.plus(MINUTE_MS), ..batch([first, second, third]) };
    let stamps = stamps_of(&append(&tested, again).await);
    assert!(stamps.is_sorted_by(|one, next| one < next) && stamps[0] > now_stamp(4), "{stamps:?}");
}

/// Its author sends it again from the tray, when what was made after it has long been taken.
async fn what_is_sent_again_alone_ranks_before_what_was_made_after_it_too(tested: Tested) {
    let clocks = [
        [Millis(5_000), fixture::NOW.plus(-HOUR_MS), fixture::NOW.plus(1 - HOUR_MS)], // 1970, then right
        [2 * DAY_MS, 2 * DAY_MS + 1, 2 * DAY_MS + 2].map(|ahead_ms| fixture::NOW.plus(ahead_ms)),
        [fixture::NOW, fixture::NOW.plus(1), Millis(4_102_444_800_000)], // right, then 2100
    ];
    for (clock, first) in clocks.into_iter().zip([10, 20, 30]) {
        let changes = clock.into_iter().zip(first..).map(|(at, number)| named(number, own(), Stamp::at(at)));
        let mut pushed = batch(changes);
        let refused = pushed.candidates[1].ranked.clone();
        pushed.candidates[1].refusal = Some(Refusal::UnknownAuthor);
        let mut verdicts = append(&tested, pushed).await;
        for days in [3, 4] {
            let again = Batch { now: fixture::NOW.plus(days * DAY_MS), ..batch([refused.clone()]) };
            verdicts[1] = append(&tested, again).await.remove(0);
            let stamps = stamps_of(&verdicts);
            assert!(stamps.is_sorted_by(|one, next| one < next), "{first}: {stamps:?}");
        }
    }
}

async fn a_page_carries_the_mark_of_its_own_end(tested: Tested) {
    let audience_of = |number| if number % 3 == 0 { desk() } else { own() };
    append(&tested, batch((0..30).map(|number| named(number, audience_of(number), now_stamp(number))))).await;
    let nothing = Audience::Own(fixture::venue(), fixture::staff(2));
    let mut marks: BTreeMap<Audience, StreamMark> =
        [own(), desk(), nothing.clone()].map(|audience| (audience, StreamMark::default())).into();
    let mut seen = 0;
    loop {
        let since = marks.iter().map(|(audience, mark)| (audience.clone(), mark.number)).collect();
        let page = tested.ledger.page(fixture::organisation(), &since, 7).await.unwrap();
        assert!(page.changes.len() <= 7 && page.changes.is_sorted_by_key(|(number, _)| *number));
        seen += page.changes.len();
        for (number, ranked) in &page.changes {
            let edit = ranked.change.edits().next().unwrap();
            let mark = marks.get_mut(&edit.audience).unwrap();
            *mark = mark.with(*number, ranked.change.id());
        }
        assert_eq!(page.streams, marks);
        if !page.more {
            break;
        }
    }
    assert_eq!((seen, marks[&own()].count, marks[&desk()].count, marks[&nothing].count), (30, 20, 10, 0));
    assert_eq!(tested.ledger.heads(fixture::organisation()).await.unwrap().len(), 2);
}

/// Somebody who sees more unlocks a tablet that has read one stream to its end: the others are read from their
/// beginning, in pages that end long before.
async fn a_stream_that_was_read_farther_keeps_its_mark(tested: Tested) {
    let audience_of = |number| if number % 3 == 0 { own() } else { desk() };
    append(&tested, batch((0..30).map(|number| named(number, audience_of(number), now_stamp(number))))).await;
    let first = tested.ledger.page(fixture::organisation(), &[(own(), 0)].into(), 100).await.unwrap();
    let own_mark = first.streams[&own()];
    assert_eq!((first.more, own_mark.count), (false, 10));
    let mut since: BTreeMap<Audience, u64> = [(own(), own_mark.number), (desk(), 0)].into();
    loop {
        let page = tested.ledger.page(fixture::organisation(), &since, 7).await.unwrap();
        assert_eq!(page.streams[&own()], own_mark);
        since.insert(desk(), page.streams[&desk()].number);
        if !page.more {
            break;
        }
    }
    assert_eq!(since[&desk()], 30);
}

/// Real tasks on real threads: writers side by side, readers pulling all the while.
async fn a_reader_never_later_finds_a_smaller_number(tested: Tested) {
    /// What ends a test that hangs, and says nothing about speed: 80 batches, each synced to the disk, took over a
    /// minute beside other builds on two cores.
    const HANGS: std::time::Duration = std::time::Duration::from_secs(600);
    const WRITERS: u32 = 4;
    const EACH: u32 = 60;
    let ledger = tested.ledger.clone();
    let writers = (0..WRITERS).map(|writer| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            for first in (0..EACH).step_by(3) {
                let changes = (first..first + 3).map(|n| named(writer * EACH + n, own(), now_stamp(n)));
                ledger.append(fixture::organisation(), batch(changes)).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    });
    let readers = (0..2).map(|_| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            let mut mark = StreamMark::default();
            while mark.count < u64::from(WRITERS * EACH) {
                let since = BTreeMap::from([(own(), mark.number)]);
                let page = ledger.page(fixture::organisation(), &since, 10).await.unwrap();
                for (number, ranked) in &page.changes {
                    assert!(*number > mark.number);
                    mark = mark.with(*number, ranked.change.id());
                }
                // A row that became visible late would be missing from the count that was kept with it.
                assert_eq!(mark, page.streams[&own()]);
                tokio::task::yield_now().await;
            }
        })
    });
    for task in writers.chain(readers).collect::<Vec<_>>() {
        tokio::time::timeout(HANGS, task).await.expect("it ends").unwrap();
    }
    assert_eq!(verify::run(&*ledger, fixture::organisation()).await.unwrap().faults, Vec::<String>::new());
}

async fn records_are_what_the_ledger_makes(tested: Tested) {
    append_drawn(&tested).await;
    let findings = verify::run(&*tested.ledger, fixture::organisation()).await.unwrap();
    assert_eq!(findings.faults, Vec::<String>::new());
    assert!(findings.changes > 10 && findings.records > 1 && findings.streams > 1, "{findings}");
}

async fn an_epoch_begins_once_and_lasts_a_while(tested: Tested) {
    let ledger = &tested.ledger;
    let begin = async |from: &str, to: &str, now| ledger.begin_epoch(fixture::organisation(), from, to, now).await;
    assert_eq!(begin("e1", "e2", fixture::NOW).await.unwrap(), "e2");
    assert_eq!(begin("e1", "e3", fixture::NOW.plus(DAY_MS)).await.unwrap(), "e2", "two tablets notice at once");
    assert_eq!(begin("e2", "e3", fixture::NOW.plus(MINUTE_MS)).await.unwrap(), "e2", "too early");
    assert_eq!(begin("e2", "e3", fixture::NOW.plus(DAY_MS)).await.unwrap(), "e3");
    assert_eq!(ledger.epoch(fixture::organisation()).await.unwrap(), "e3");
}

async fn a_stream_tells_where_it_stood(tested: Tested) {
    let audience_of = |number| if number % 2 == 0 { desk() } else { own() };
    append(&tested, batch((0..6).map(|number| named(number, audience_of(number), now_stamp(number))))).await;
    let rows = tested.ledger.rows(fixture::organisation(), 0, 10).await.unwrap();
    let mut mark = StreamMark::default();
    for number in 0..=7 {
        if let Some(row) = rows.get((number as usize).wrapping_sub(1)).filter(|row| row.number % 2 == 0) {
            mark = mark.with(row.number, row.ranked.change.id());
        }
        assert_eq!(tested.ledger.mark_at(fixture::organisation(), &own(), number).await.unwrap(), mark, "{number}");
    }
    assert_eq!(mark.count, 3);
    assert_eq!(tested.ledger.mark_at(fixture::organisation(), &own(), u64::MAX).await.unwrap(), mark);
}

async fn card_numbers_are_given_once(tested: Tested) {
    let taken = BTreeSet::from([3]);
    let give = async |series: &str, to| {
        let ask = Ask { series, to, count: 4, taken: &taken };
        let block = tested.ledger.give_numbers(fixture::organisation(), DEVICE, &ask).await.unwrap();
        (block.first, block.last)
    };
    assert_eq!(give("W01", 0).await, (1, 5));
    assert_eq!(give("W01", 0).await, (1, 5), "the answer was lost");
    assert_eq!(give("W01", 5).await, (6, 9));
    assert_eq!(give("W02", 0).await, (1, 5));
    // Whoever comes back to a series goes on in it.
    assert_eq!(give("W01", 9).await, (10, 13));
    // An older copy, and one tablet that had been given more since it was made.
    let later = fixture::NOW.plus(DAY_MS);
    tested.ledger.begin_epoch(fixture::organisation(), "e1", "e2", later).await.unwrap();
    assert_eq!(give("W01", 13).await, (14 + SKIPPED, 17 + SKIPPED));
    assert_eq!(give("W01", 40 + SKIPPED).await, (41 + SKIPPED, 44 + SKIPPED));
    // Of a series that it knows nothing of, some may have been given since all the same.
    assert_eq!(give("W03", 0).await, (1 + SKIPPED, 4 + SKIPPED));
    assert_eq!(give("W01", 44 + SKIPPED).await, (45 + SKIPPED, 48 + SKIPPED));
    // An epoch that begins because somebody was erased is of the same ledger.
    tested.ledger.erase(fixture::organisation(), &BTreeSet::new(), "e3", later).await.unwrap();
    assert_eq!(give("W01", 48 + SKIPPED).await, (49 + SKIPPED, 52 + SKIPPED));
}

/// Changes of every merge kind, as the fixture draws them, in several batches.
async fn append_drawn(tested: &Tested) {
    let mut bytes = vec![0; 4_000];
    for round in 0..20 {
        yingke_core::chance::Chance::fill(&mut Seeded::new(round), &mut bytes);
        let changes = fixture::changes(&mut arbitrary::Unstructured::new(&bytes)).unwrap();
        append(tested, batch(changes)).await;
    }
}

mod on_postgres {
    use super::*;
    use crate::ledger::OpenError;

    #[tokio::test]
    #[ignore = "needs PostgreSQL; `cargo xtask test unit` starts one"]
    async fn a_beginning_and_an_opening_are_told_apart() {
        let url = new_database().await;
        assert!(matches!(PostgresLedger::open(&url).await, Err(OpenError::Missing(_))));
        PostgresLedger::create(&url).await.unwrap().close().await;
        assert!(matches!(PostgresLedger::create(&url).await, Err(OpenError::Exists(_))));
        PostgresLedger::open(&url).await.unwrap();
        let nowhere = format!("{url}x");
        let error = PostgresLedger::open(&nowhere.replace("://", "://someone:secret@")).await.unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
        sqlx::raw_sql("update yingke_schema set steps = 99").execute(&mut connection).await.unwrap();
        assert!(matches!(PostgresLedger::open(&url).await, Err(OpenError::Newer { found: 99, .. })));
    }

    /// Two processes, as far as the database can tell: each has its own connections.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "needs PostgreSQL; `cargo xtask test unit` starts one"]
    async fn what_one_process_keeps_is_hinted_to_the_other_and_not_to_itself() {
        let url = new_database().await;
        let one = PostgresLedger::create(&url).await.unwrap();
        furnish(&one).await;
        let other = PostgresLedger::open(&url).await.unwrap();
        let (hints_of_one, mut heard_by_one) = tokio::sync::broadcast::channel(16);
        let (hints_of_other, mut heard_by_other) = tokio::sync::broadcast::channel(16);
        one.pass_hints(hints_of_one);
        other.pass_hints(hints_of_other);
        let organisation = fixture::organisation();
        // Until both listen a hint may be missed, so each round says something new.
        for number in 1.. {
            one.append(organisation, batch([named(number, own(), now_stamp(number))])).await.unwrap();
            let heard = tokio::time::timeout(std::time::Duration::from_millis(500), heard_by_other.recv()).await;
            if let Ok(heard) = heard {
                assert_eq!(heard.unwrap(), (organisation, u64::from(number)));
                break;
            }
            assert!(number < 40, "no hint came in 20 s");
        }
        other.append(organisation, batch([named(99, own(), now_stamp(99))])).await.unwrap();
        let heard =
            tokio::time::timeout(std::time::Duration::from_secs(20), heard_by_one.recv()).await.unwrap().unwrap();
        let last = one.heads(organisation).await.unwrap()[&own()].number;
        assert_eq!(heard, (organisation, last), "its own hints are not among them");
    }

    /// Who waits for the counter goes on from what was committed meanwhile.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "needs PostgreSQL; `cargo xtask test unit` starts one"]
    async fn a_slow_transaction_keeps_the_order() {
        let url = new_database().await;
        let ledger = Arc::new(PostgresLedger::create(&url).await.unwrap());
        furnish(&*ledger).await;
        let mut slow = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
        let mut tx = <sqlx::PgConnection as sqlx::Connection>::begin(&mut slow).await.unwrap();
        sqlx::query("select number from counter for update").execute(&mut *tx).await.unwrap();
        let waiting = {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                ledger.append(fixture::organisation(), batch([named(1, own(), now_stamp(1))])).await.unwrap()
            })
        };
        // The database itself says that somebody waits for the row.
        let mut watcher = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
        loop {
            let waits: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
            )
            .fetch_one(&mut watcher)
            .await
            .unwrap();
            if waits > 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        sqlx::query("update counter set number = 7").execute(&mut *tx).await.unwrap();
        assert_eq!(ledger.rows(fixture::organisation(), 0, 10).await.unwrap().len(), 0);
        tx.commit().await.unwrap();
        assert_eq!(number_of(&waiting.await.unwrap()[0]), 8, "what was committed meanwhile is seen");
    }
}

mod on_a_disk {
    use super::*;
    use crate::ledger::{OpenError, sqlite::FILE};
    use std::{fs, path::Path};

    /// A database with one change in it, closed.
    async fn left_behind() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::create(folder.path()).await.unwrap();
        ledger.found(fixture::organisation(), "松风体育", "e1", &Secrets::new()).await.unwrap();
        ledger.append(fixture::organisation(), batch([named(1, own(), now_stamp(1))])).await.unwrap();
        ledger.close().await;
        folder
    }

    async fn check_refused(folder: &Path, is_it: fn(&OpenError) -> bool) {
        let before = fs::read(folder.join(FILE)).unwrap();
        let error = SqliteLedger::open(folder).await.unwrap_err();
        assert!(is_it(&error), "{error}");
        assert!(fs::read(folder.join(FILE)).unwrap() == before, "nothing may be altered");
    }

    #[tokio::test]
    async fn what_was_kept_is_there_after_a_restart() {
        let folder = left_behind().await;
        let ledger = SqliteLedger::open(folder.path()).await.unwrap();
        assert_eq!(ledger.rows(fixture::organisation(), 0, 10).await.unwrap().len(), 1);
        assert_eq!(ledger.epoch(fixture::organisation()).await.unwrap(), "e1");
    }

    #[tokio::test]
    async fn a_second_beginning_is_refused() {
        let folder = left_behind().await;
        assert!(matches!(SqliteLedger::create(folder.path()).await, Err(OpenError::Exists(_))));
        assert!(matches!(SqliteLedger::open(&folder.path().join("x")).await, Err(OpenError::Missing(_))));
        assert!(!folder.path().join("x").exists());
    }

    #[tokio::test]
    async fn damage_is_said_and_nothing_altered() {
        for (at, is_it) in [(0, "its first bytes"), (4_096, ""), (8_192, "")] {
            let folder = left_behind().await;
            let mut bytes = fs::read(folder.path().join(FILE)).unwrap();
            for byte in &mut bytes[at..at + 400] {
                *byte ^= 0x5a;
            }
            fs::write(folder.path().join(FILE), bytes).unwrap();
            let error = SqliteLedger::open(folder.path()).await.unwrap_err();
            assert!(matches!(error, OpenError::Damaged { .. }) && error.to_string().contains(is_it), "{at}: {error}");
            check_refused(folder.path(), |error| matches!(error, OpenError::Damaged { .. })).await;
        }
    }

    #[tokio::test]
    async fn a_file_cut_short_is_damaged() {
        let folder = left_behind().await;
        let bytes = fs::read(folder.path().join(FILE)).unwrap();
        fs::write(folder.path().join(FILE), &bytes[..bytes.len() / 2]).unwrap();
        check_refused(folder.path(), |error| matches!(error, OpenError::Damaged { .. })).await;
    }

    #[tokio::test]
    async fn a_newer_schema_and_a_foreign_file_are_refused() {
        let patch = async |at: usize, value: u32, is_it: fn(&OpenError) -> bool| {
            let folder = left_behind().await;
            let mut bytes = fs::read(folder.path().join(FILE)).unwrap();
            bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
            fs::write(folder.path().join(FILE), bytes).unwrap();
            check_refused(folder.path(), is_it).await;
        };
        patch(60, 99, |error| matches!(error, OpenError::Newer { found: 99, .. })).await;
        patch(68, 0x1234, |error| matches!(error, OpenError::Foreign(_))).await;
    }
}

/// A copy is whole: it names every column that there is, and what is put back elsewhere is the same.
mod copies {
    use yingke_core::{
        audience::Role,
        blob::BlobHash,
        clockwork,
        pack::{Language, Packs},
        wire::v1::Staff,
    };

    use super::*;
    use crate::blobs::Piece;
    use crate::handed_in::Handed;
    use crate::ledger::{
        Copies,
        tables::{Cell, TABLES, TableRow},
    };
    use crate::{
        pack_check::Sources,
        register::{Device, PersonToken},
        reminders::{Subscription, seal::Recipient},
    };

    async fn all(ledger: &dyn Copies) -> Vec<TableRow> {
        let mut rows = Vec::new();
        ledger
            .read_all(&mut |row| {
                rows.push(row);
                Ok(())
            })
            .await
            .unwrap();
        rows
    }

    async fn moved(from: &dyn Database, to: &dyn Database) {
        let organisation = fixture::organisation();
        let audience_of = |number| if number % 3 == 0 { desk() } else { own() };
        for first in (0..1_000).step_by(250) {
            let changes = (first..first + 250).map(|number| named(number, audience_of(number), now_stamp(number)));
            from.append(organisation, batch(changes)).await.unwrap();
        }
        let kinds: Vec<&str> = clockwork::kinds(Packs::shipped()).into_iter().collect();
        let watched = kinds.iter().zip(200..).map(|(kind, number)| of_kind(kind, number, "note"));
        from.append(organisation, batch(watched)).await.unwrap();
        let told = clockwork::kinds_of_tasks(Packs::shipped());
        let others: Vec<&str> = told.iter().copied().filter(|kind| !kinds.contains(kind)).collect();
        let of_others = others.iter().zip(210..).map(|(kind, number)| of_kind(kind, number, "note"));
        from.append(organisation, batch(of_others)).await.unwrap();
        // Two guests whose records say whose they are, and to which other one they were joined.
        for (record, group, member) in [(240, "merging", "merged_into"), (241, "ruling", "reason")] {
            let mut ruled = of_kind("person", record, "note");
            let value = if group == "merging" { RecordId::from_bytes([9; 16]).into() } else { "claimed".into() };
            let write = schema::write_group("person", group, BTreeMap::from([(Key::of(member), value)]), Vec::new());
            let edit = Edit { writes: vec![write], ..ruled.change.edits().next().unwrap().clone() };
            ruled.change = Change::new(ruled.change.header.clone(), vec![edit], &mut Seeded::new(1));
            from.append(organisation, batch([ruled])).await.unwrap();
        }
        let staff = Staff {
            id: fixture::staff(1),
            name: "林悦".into(),
            role: Role::Consultant,
            venue: fixture::venue(),
            active: true,
        };
        from.add_staff(organisation, &staff, "hash").await.unwrap();
        from.change_staff(organisation, &Staff { role: Role::FrontDesk, ..staff.clone() }, fixture::NOW).await.unwrap();
        from.change_staff(organisation, &staff, fixture::NOW.plus(HOUR_MS)).await.unwrap();
        let token = PersonToken { staff: staff.id, device: DEVICE, expires_at: Millis(i64::MAX) };
        from.keep_token(organisation, [3; 32], token, fixture::NOW).await.unwrap();
        let tablet =
            Device { organisation, number: DEVICE, origin: DEVICE, venue: fixture::venue(), name: "A-01".into() };
        let change = ChangeId::from_bytes(fixture::id_bytes(77));
        let handed = Handed { id: change, author: staff.id, sender: [4; 65], nonce: [5; 12], sealed: vec![6; 20] };
        assert!(from.hand_in(&tablet, &[handed], true, fixture::NOW).await.unwrap().is_some());
        // A picture that a record names, and another of which the first piece has come.
        let (picture, other) = ([0xff, 0xd8, 0xff, 1], [0xff, 0xd8, 0xff, 2]);
        let hash = BlobHash::of(&picture);
        let mut naming = named(6_049, own(), now_stamp(6_049));
        let edit = naming.change.edits().next().unwrap().clone();
        let writes = vec![Write { key: Key::of("note"), op: Op::Latest(hash.to_string().as_str().into()) }];
        let edit = Edit { record: RecordId::from_bytes([99; 16]), writes, ..edit };
        naming.change = Change::new(naming.change.header.clone(), vec![edit], &mut Seeded::new(1));
        from.append(organisation, batch([naming])).await.unwrap();
        assert!(from.keep_blob(organisation, DEVICE, hash, &picture, fixture::NOW).await.unwrap());
        let piece = Piece { offset: 0, length: 9, bytes: &other };
        from.take_piece(organisation, DEVICE, BlobHash::of(&other), piece, fixture::NOW).await.unwrap();
        let recipient = Recipient { point: [4; 65], secret: [5; 16] };
        let endpoint = "https://fcm.googleapis.com/x".to_owned();
        let subscription = Subscription { endpoint, recipient, language: Language::ZhHant };
        assert!(from.keep_reminder(organisation, DEVICE, staff.id, &subscription, fixture::NOW).await.unwrap());
        // A copy of the tablet, which was told apart.
        let pushed = Batch {
            pushed: Some(Pushed { device: DEVICE, counter: 5, corrected: None }),
            ..batch([named(6_051, own(), now_stamp(6_051))])
        };
        from.append(organisation, pushed).await.unwrap();
        assert!(from.renumber(&tablet, 4, [8; 32], fixture::NOW).await.unwrap().is_some());
        // It goes on from what was made before, and was corrected; so does whoever carries what it makes.
        let of_1970 = named(6_052, own(), Stamp::at(Millis(5_000)));
        let mut of_copy = named(6_053, own(), before_now(6_053));
        of_copy.change.header.device = DeviceNumber(2);
        let mut verdicts = from.append(organisation, batch([of_1970])).await.unwrap();
        verdicts.extend(from.append(organisation, batch([of_copy])).await.unwrap());
        assert!(stamps_of(&verdicts).is_sorted_by(|one, next| one < next), "{verdicts:?}");
        let mut refused = batch([named(6_054, own(), now_stamp(6_054))]);
        refused.candidates[0].refusal = Some(Refusal::UnknownAuthor);
        from.append(organisation, refused).await.unwrap();
        let ask = Ask { series: "W01", to: 0, count: 50, taken: &BTreeSet::new() };
        from.give_numbers(organisation, DEVICE, &ask).await.unwrap();
        from.note_contact(&tablet, Some(3), fixture::NOW).await.unwrap();
        let text = include_str!("../../../public/packs/sports.toml").replace("\nversion = 1\n", "\nversion = 2\n");
        let written = Sources::shipped().newer(&text, []).unwrap();
        assert!(from.publish_pack(organisation, &written, fixture::NOW).await.unwrap());
        // What is there already goes.
        to.append(organisation, batch([named(5_000, own(), now_stamp(1))])).await.unwrap();
        let rows = all(from).await;
        let is_filled = |place: usize| rows.iter().any(|(other, _)| *other == place);
        assert!((0..TABLES.len()).all(is_filled), "each table has something to lose");
        to.replace_all(&mut rows.clone().into_iter().map(Ok), "e2", fixture::NOW).await.unwrap();
        let again = rows.clone();
        let mut expected = rows;
        let Cell::Int(devices) = expected[0].1[5] else { panic!() };
        expected[0].1[2] = Cell::Text("e2".into());
        expected[0].1[5] = Cell::Int(devices + 1_000);
        expected[0].1[6] = Cell::Int(fixture::NOW.0);
        // An older copy may have given more numbers since it was made.
        let series = TABLES.iter().position(|table| table.name == "number_series").unwrap();
        let row = expected.iter_mut().find(|(place, _)| *place == series).unwrap();
        let Cell::Int(given) = row.1[2] else { panic!() };
        row.1[2] = Cell::Int(given + SKIPPED as i64);
        assert!(all(to).await == expected);
        assert_eq!(to.epoch(organisation).await.unwrap(), "e2");
        assert_eq!(verify::run(to, organisation).await.unwrap().faults, Vec::<String>::new());
        // Put back a second time, it passes over what was given since the first.
        let give = async |to_number| {
            let ask = Ask { series: "W01", to: to_number, count: 50, taken: &BTreeSet::new() };
            to.give_numbers(organisation, DEVICE, &ask).await.unwrap()
        };
        let given = give(50).await;
        to.replace_all(&mut again.into_iter().map(Ok), "e2", fixture::NOW).await.unwrap();
        assert!(give(50).await.first > given.last);
        let next = to.append(organisation, batch([named(9_000, own(), now_stamp(1))])).await.unwrap();
        assert_eq!(number_of(&next[0]), 1_007 + (kinds.len() + others.len()) as u64);
        // The clock looks at all that it may owe something, and at nothing else.
        let watched = to.watched(organisation, fixture::NOW, 1_000).await.unwrap();
        let expected = kinds.iter().copied().chain(["person"; 2]);
        assert_eq!(
            watched.iter().map(|record| record.kind().as_str()).collect::<Vec<_>>(),
            expected.collect::<Vec<_>>()
        );
        // What went to the next level by now is told no more; all that may go there from now on is looked at.
        let untold = to.untold(organisation, fixture::NOW, 1_000).await.unwrap();
        assert!(untold.iter().all(|untold| untold.since == fixture::NOW));
        assert_eq!(untold.iter().map(|untold| untold.record.kind().as_str()).collect::<BTreeSet<_>>(), told);
        // Something that fails on the way leaves all as it was.
        let before = all(to).await;
        let half = before[..before.len() / 2].iter().cloned().map(Ok);
        let mut broken = half.chain([Err(LedgerError::Later { detail: "it broke off".into() })]);
        assert!(to.replace_all(&mut broken, "e3", fixture::NOW).await.is_err());
        assert!(all(to).await == before);
    }

    async fn on_sqlite() -> (SqliteLedger, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::create(folder.path()).await.unwrap();
        furnish(&ledger).await;
        (ledger, folder)
    }

    #[tokio::test]
    async fn a_club_moves_from_one_file_to_another() {
        let ((from, _one), (to, _other)) = (on_sqlite().await, on_sqlite().await);
        moved(&from, &to).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL; `cargo xtask test unit` starts one"]
    async fn a_club_moves_to_postgres_and_back() {
        let (file, _folder) = on_sqlite().await;
        let postgres = PostgresLedger::create(&new_database().await).await.unwrap();
        furnish(&postgres).await;
        moved(&file, &postgres).await;
        let (other, _other) = on_sqlite().await;
        let postgres = PostgresLedger::create(&new_database().await).await.unwrap();
        furnish(&postgres).await;
        moved(&postgres, &other).await;
    }

    /// The lists of who and what was erased aside, which are in no copy, and when the clock looks, which is reckoned anew.
    #[tokio::test]
    async fn every_column_that_there_is_has_its_place() {
        let (_ledger, folder) = on_sqlite().await;
        let path = folder.path().join(crate::ledger::sqlite::FILE);
        let mut connection =
            <sqlx::SqliteConnection as sqlx::Connection>::connect(&format!("sqlite://{}", path.display()))
                .await
                .unwrap();
        let there: Vec<(String, String)> = sqlx::query_as(
            "select tables.name, columns.name from sqlite_schema as tables, pragma_table_info(tables.name) as columns \
             where tables.type = 'table' and tables.name not like 'sqlite_%' \
             and tables.name not in ('erasure', 'blob_erasure') \
             and columns.name not in ('look_at', 'tell_at') order by 1, 2",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let columns = |table: &crate::ledger::tables::Table| {
            table.columns.iter().map(|(name, _)| (table.name.to_owned(), (*name).to_owned())).collect::<Vec<_>>()
        };
        let mut known: Vec<(String, String)> = TABLES.iter().flat_map(columns).collect();
        known.sort();
        assert_eq!(known, there);
    }
}

async fn what_was_erased_is_empty_everywhere_and_does_not_come_back(tested: Tested) {
    let ledger = &tested.ledger;
    let audience_of = |number: u32| if number.is_multiple_of(3) { desk() } else { own() };
    let plain = (0..150).map(|number| named(number, audience_of(number), now_stamp(number)));
    // One save about two records for two audiences.
    let mut both = named(150, own(), now_stamp(150));
    let edit = |number: u32, audience| named(number, audience, now_stamp(0)).change.edits().next().unwrap().clone();
    let edits = vec![edit(7, own()), edit(8, desk())];
    both.change = Change::new(both.change.header.clone(), edits, &mut Seeded::new(150));
    let all: Vec<Ranked> = plain.chain([both]).collect();
    append(&tested, batch(all.clone())).await;
    let person = edit(7, own()).record;
    let about: Vec<&Ranked> = all.iter().filter(|it| it.change.edits().any(|edit| edit.record == person)).collect();
    let erased = [person].into();
    let organisation = fixture::organisation();
    let count = ledger.erase(organisation, &erased, "e9", fixture::NOW).await.unwrap();
    assert_eq!((count, about.len()), (4, 4));
    assert_eq!(ledger.epoch(organisation).await.unwrap(), "e9");

    // The ledger has all numbers and proves itself; of the person it says nothing.
    let findings = verify::run(&**ledger, organisation).await.unwrap();
    assert_eq!((findings.faults, findings.changes), (Vec::new(), 151));
    let rows = ledger.rows(organisation, 0, 1_000).await.unwrap();
    assert!(rows.iter().zip(&all).all(|(row, sent)| row.hash == sent.change.hash()));
    assert!(rows.iter().all(|row| row.ranked.change.edits().all(|edit| edit.record != person)));
    let other = edit(8, desk()).record;
    assert!(rows[150].ranked.change.edits().map(|edit| edit.record).eq([other]), "what it says of others stays");
    let records = ledger.records(organisation, None, None, 1_000).await.unwrap();
    assert!(records.len() == 49 && records.iter().all(|record| record.id != person));

    // Who reads from the start gets a page that proves itself, and nothing of the person.
    let since = BTreeMap::from([(own(), 0), (desk(), 0)]);
    let page = ledger.page(organisation, &since, 1_000).await.unwrap();
    let mut marks = BTreeMap::from([own(), desk()].map(|audience| (audience, StreamMark::default())));
    for (number, ranked) in &page.changes {
        let audiences: std::collections::BTreeSet<_> = ranked.change.edits().map(|edit| &edit.audience).collect();
        for audience in audiences {
            let mark = marks.get_mut(audience).unwrap();
            *mark = mark.with(*number, ranked.change.id());
        }
    }
    assert_eq!(marks, page.streams);
    assert_eq!(page.changes.len(), 151 - 3);

    // Nothing brings it back: neither what was there, nor a new change of it, nor one that is about it.
    let mut visit = named(201, desk(), now_stamp(201));
    let about_person = Edit {
        kind: Key::of("visit"),
        writes: vec![Write { key: Key::of("person"), op: Op::Latest(person.into()) }],
        ..edit(9, desk())
    };
    visit.change = Change::new(visit.change.header.clone(), vec![about_person], &mut Seeded::new(201));
    let again = [about[0].clone(), about[3].clone(), named(207, own(), now_stamp(207)), visit];
    for verdict in append(&tested, batch(again)).await {
        assert!(matches!(verdict, Verdict::Refused { reason: Refusal::Erased, .. }), "{verdict:?}");
    }
    let next = append(&tested, batch([named(208, own(), now_stamp(208))])).await;
    assert_eq!(number_of(&next[0]), 152);
    assert_eq!(ledger.erase(organisation, &erased, "e10", fixture::NOW).await.unwrap(), 0);
    assert_eq!(ledger.erased(organisation).await.unwrap(), erased);
    assert_eq!(verify::run(&**ledger, organisation).await.unwrap().faults, Vec::<String>::new());
}
