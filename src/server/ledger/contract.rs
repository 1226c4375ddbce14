//! What every ledger promises, as tests. Each database passes all of them.

use std::{collections::BTreeMap, sync::Arc};

use yingke_core::{
    audience::Audience,
    chance::Seeded,
    change::{Change, Edit, Header, Key, Op, Ranked, Write},
    fixture,
    id::{ChangeId, DeviceNumber, ENDPOINT_DEVICE, RecordId},
    stamp::Stamp,
    time::{DAY_MS, MINUTE_MS, Millis},
    wire::v1::{Refusal, StreamMark, Verdict},
};

use super::{Batch, Candidate, Ledger, LedgerError, memory::MemoryLedger, sqlite::SqliteLedger};
use crate::{admin::new_venue, keys::Secrets, register::Register, verify};

/// A ledger for one test, and what has to live as long.
pub struct Tested {
    pub ledger: Arc<dyn Ledger>,
    _folder: Option<tempfile::TempDir>,
}

const DEVICE: DeviceNumber = DeviceNumber(1);

async fn sqlite() -> Tested {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::create(folder.path()).await.unwrap();
    let organisation = fixture::organisation();
    ledger.found(organisation, "松风体育", "e1", &Secrets::new()).await.unwrap();
    ledger.keep_venue(organisation, &new_venue(fixture::venue(), "未来店", "fitness", 480)).await.unwrap();
    ledger.add_code(organisation, fixture::venue(), [1; 32], 1, Millis(i64::MAX)).await.unwrap();
    let device = ledger.enrol([1; 32], "A-01", [2; 32], fixture::NOW).await.unwrap().unwrap();
    assert_eq!(device.number, DEVICE);
    Tested { ledger: Arc::new(ledger), _folder: Some(folder) }
}

async fn memory() -> Tested {
    Tested { ledger: Arc::new(MemoryLedger::new("e1")), _folder: None }
}

macro_rules! ledger_contract {
    ($database:ident: $($promise:ident)*) => {
        mod $database {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    super::$promise(super::$database().await).await;
                }
            )*
        }
    };
    ($($database:ident)*) => {$(
        ledger_contract!($database:
            numbers_have_no_holes_and_follow_the_batch
            the_same_change_again_is_had_under_the_same_rank
            one_id_with_other_content_is_refused
            a_refused_change_leaves_nothing_and_holds_up_nobody
            what_was_accepted_once_stays_accepted
            a_counter_that_goes_backwards_keeps_nothing
            a_wrong_clock_is_corrected_and_the_order_kept
            a_page_carries_the_mark_of_its_own_end
            a_reader_never_later_finds_a_smaller_number
            records_are_what_the_ledger_makes
        );
    )*};
}

ledger_contract!(sqlite memory);

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

fn now_stamp(number: u32) -> Stamp {
    Stamp::at(fixture::NOW.plus(i64::from(number)))
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

async fn a_counter_that_goes_backwards_keeps_nothing(tested: Tested) {
    let push =
        |counter, number| Batch { pushed: Some((DEVICE, counter)), ..batch([named(number, own(), now_stamp(number))]) };
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

/// Real tasks on real threads: writers side by side, readers pulling all the while.
async fn a_reader_never_later_finds_a_smaller_number(tested: Tested) {
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
        tokio::time::timeout(std::time::Duration::from_secs(60), task).await.expect("it ends").unwrap();
    }
    assert_eq!(verify::run(&*ledger, fixture::organisation()).await.unwrap().faults, Vec::<String>::new());
}

async fn records_are_what_the_ledger_makes(tested: Tested) {
    append_drawn(&tested).await;
    let findings = verify::run(&*tested.ledger, fixture::organisation()).await.unwrap();
    assert_eq!(findings.faults, Vec::<String>::new());
    assert!(findings.changes > 10 && findings.records > 1 && findings.streams > 1, "{findings}");
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

mod on_a_disk {
    use super::*;
    use crate::ledger::sqlite::{FILE, OpenError};
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
