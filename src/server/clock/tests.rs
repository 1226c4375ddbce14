//! Tablet and endpoint have the same tasks, and see the same owed: a random history through the ledger and the clock's own
//! look-ups on one side, through a replica that holds what its person may hold on the other.
//!
//! Two things differ by design, and are left out of the comparison: a record of which the tablet may not hold a part, or which
//! is worked out with a look at one that it may not hold.

use std::cell::RefCell;

use yingke_core::{
    audience::{Role, may_hold},
    change::{Edit, Hash, Key},
    codec,
    drill::{Club, OFFSET_MINUTES, Told},
    fixture,
    pack::VenueKind,
    replica::Replica,
    schema,
    task::{Task, TaskState},
    time::{DAY_MS, HOUR_MS},
    value::Value,
    wire::v1::{Staff, Venue},
    workflow::PROGRESS,
};

use super::*;
use crate::{ledger::memory::MemoryLedger, packs::InForce};

/// Clubs, and of each some histories: some of what happened in it, in some order, at some moment.
const CLUBS: u64 = 1_000;
const HISTORIES: u64 = 10;
const CLUB_ACTIONS: usize = 40;

/// What one record comes to.
type Worked = (Vec<(Task, TaskState)>, Vec<Task>, Option<(String, Vec<Hash>)>, Option<Millis>);

fn worked(record: &Record, ground: &Ground<'_>) -> Worked {
    let Ground { now, offset_minutes, work, pack, numbers_on, lookup } = *ground;
    let of_tasks = task::Ground { work, pack, offset_minutes, numbers_on, lookup, now };
    let tasks = task::of_record(record, &of_tasks).into_iter();
    (
        tasks.map(|task| (task.state(now), task)).map(|(state, task)| (task, state)).collect(),
        task::due_by(record, now, &of_tasks),
        clockwork::owed(record, ground).map(|owed| (owed.cause, owed.edits.iter().map(Edit::hash).collect())),
        clockwork::look_again_at(record, ground),
    )
}

fn house(kind: VenueKind) -> House {
    let venue = Venue {
        id: fixture::venue(),
        name: "未来店".into(),
        pack: match kind {
            VenueKind::Sports => "sports",
            _ => "fitness",
        }
        .into(),
        utc_offset_minutes: OFFSET_MINUTES,
        lease_days: 14,
        lock_minutes: 5,
    };
    House {
        organisation: fixture::organisation(),
        name: "松风体育".into(),
        venues: BTreeMap::from([(venue.id, venue)]),
        staff: BTreeMap::<StaffId, Staff>::new(),
        staff_before: BTreeMap::new(),
        packs: InForce::shipped(),
    }
}

/// A tablet that holds all of the venue, or what its person may. What comes in comes in any order.
fn tablet_of(role: Option<Role>, changes: &[Ranked]) -> Replica {
    let staff = fixture::staff(1);
    let mut replica = Replica::new();
    for ranked in changes {
        let held = |audience: &_| role.is_none_or(|role| may_hold(staff, role, fixture::venue(), audience));
        let mut seen = ranked.clone();
        let Some(part) = ranked.change.part_for(held) else { continue };
        seen.change = part;
        replica.take_in(&seen);
    }
    replica
}

fn bytes_of(record: &Record) -> Vec<u8> {
    codec::record_bytes(record)
}

fn shuffled<T>(mut things: Vec<T>, chance: &mut Seeded) -> Vec<T> {
    for place in (1..things.len()).rev() {
        things.swap(place, chance.below(place as u64 + 1) as usize);
    }
    things
}

/// What the endpoint makes of every record: the clock's own kinds with the clock's own look-ups, the others with all there is.
async fn at_endpoint(ledger: &MemoryLedger, house: &House, now: Millis) -> BTreeMap<RecordId, Worked> {
    let organisation = house.organisation;
    let watched = ledger.watched(organisation, now, usize::MAX).await.unwrap();
    let beside = records_beside(ledger, house, &watched, now).await.unwrap();
    let numbers = numbers_by_venue(ledger, organisation).await.unwrap();
    let all = everything(ledger, organisation).await;
    let of_clock = watched.into_iter().map(|record| record.id).collect::<BTreeSet<_>>();
    let ask = |record: &Record| {
        let known = if of_clock.contains(&record.id) { &beside } else { &all };
        asked(record, house, &numbers, known, now, |ground| worked(record, ground)).unwrap()
    };
    all.values().map(|record| (record.id, ask(record))).collect()
}

async fn ledger_of(changes: &[Ranked], house: &House, now: Millis) -> MemoryLedger {
    let ledger = MemoryLedger::new("e1");
    let candidates = changes.iter().map(|change| Candidate::new(change.clone(), None)).collect();
    let verdicts = ledger.append(house.organisation, Batch { pushed: None, candidates, now }).await.unwrap();
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accepted { .. })));
    ledger
}

async fn everything(ledger: &MemoryLedger, organisation: OrganisationId) -> BTreeMap<RecordId, Record> {
    let all = ledger.records(organisation, None, None, usize::MAX).await.unwrap();
    all.into_iter().map(|record| (record.id, record)).collect()
}

/// What a tablet makes of a record that it holds, and which records it looked at. It knows its own venue.
fn at_tablet(replica: &Replica, record: &Record, venue: VenueKind, now: Millis) -> (Worked, BTreeSet<RecordId>) {
    let (pack, work, offset_minutes) = (Pack::of(venue), Work::of(venue), OFFSET_MINUTES);
    let of_venue: Vec<_> = replica.by_kind("parameter").filter_map(|id| replica.record(id)).collect();
    let parameters = Parameters::of(of_venue.iter().map(|record| &**record));
    let looked_at = RefCell::new(BTreeSet::new());
    let lookup = |id: RecordId| {
        looked_at.borrow_mut().insert(id);
        replica.record(id)
    };
    let numbers_on = |key: &str, day: Day| parameters.on(pack, key, day);
    let ground = Ground { now, offset_minutes, work, pack, numbers_on: &numbers_on, lookup: &lookup };
    (worked(record, &ground), looked_at.take())
}

#[derive(Debug, Default)]
struct Counts {
    records: usize,
    left_out: usize,
    tasks: usize,
    escalated: usize,
    owed: usize,
}

async fn compare(club: &Club, chance: &mut Seeded, counts: &mut Counts) {
    let changes = club.changes.iter().filter(|_| chance.below(6) > 0).cloned().collect();
    let changes: Vec<Ranked> = shuffled(changes, chance);
    // One in five venues has another pack by now than the one that its records were made with.
    let kind = match (chance.below(5), club.kind) {
        (0, VenueKind::Fitness) => VenueKind::Sports,
        (0, _) => VenueKind::Fitness,
        (_, kind) => kind,
    };
    let now = club.now.plus(chance.below(20 * 24) as i64 * HOUR_MS - 2 * DAY_MS);
    compare_at(now, kind, &changes, chance, counts).await;
}

/// What the endpoint makes of a history at a moment, and what tablets do.
async fn compare_at(now: Millis, venue: VenueKind, changes: &[Ranked], chance: &mut Seeded, counts: &mut Counts) {
    let house = house(venue);
    let ledger = ledger_of(changes, &house, now).await;
    // With the ranks that the ledger has given them: some are corrected.
    let rows = ledger.rows(house.organisation, 0, usize::MAX).await.unwrap();
    let changes: Vec<Ranked> = rows.into_iter().map(|row| row.ranked).collect();
    let all = everything(&ledger, house.organisation).await;
    let at_endpoint = at_endpoint(&ledger, &house, now).await;
    for role in [None, Some(Role::Consultant)] {
        let replica = tablet_of(role, &shuffled(changes.clone(), chance));
        let is_whole = |id: RecordId| replica.record(id).as_deref().map(bytes_of) == all.get(&id).map(bytes_of);
        for (id, expected) in &at_endpoint {
            let Some(record) = replica.record(*id) else { continue };
            let (worked, looked_at) = at_tablet(&replica, &record, venue, now);
            if !is_whole(*id) || !looked_at.iter().all(|id| is_whole(*id)) {
                assert!(role.is_some(), "what holds all of the venue holds all of {id}");
                counts.left_out += 1;
                continue;
            }
            assert_eq!(worked, *expected, "{:?} {id}, {role:?}", record.kind());
            counts.records += 1;
            counts.tasks += worked.0.len();
            counts.owed += usize::from(worked.2.is_some());
            counts.escalated +=
                worked.0.iter().filter(|(_, state)| matches!(state, TaskState::Escalated { .. })).count();
        }
    }
}

#[test]
fn tablet_and_endpoint_have_the_same_tasks() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut counts, mut told) = (Counts::default(), Told::default());
    for seed in 0..CLUBS {
        let mut club = Club::new([VenueKind::Fitness, VenueKind::Sports][seed as usize % 2], seed);
        (0..CLUB_ACTIONS).for_each(|_| club.act(&mut told));
        let mut chance = Seeded::new(seed);
        for history in 0..HISTORIES {
            let compared = std::panic::AssertUnwindSafe(|| runtime.block_on(compare(&club, &mut chance, &mut counts)));
            assert!(std::panic::catch_unwind(compared).is_ok(), "seed {seed}, history {history}");
        }
    }
    println!("{counts:?}");
    assert!(
        counts.records > 50_000 && counts.tasks > 10_000 && counts.escalated > 1_000 && counts.owed > 100,
        "{counts:?}"
    );
}

type Fields = [(&'static str, Value)];

/// Somebody writes a state of a record over those that are named, with what stands beside it and fields of the record.
fn step(
    number: u8,
    (kind, record): (&'static str, u8),
    saw: &[ChangeId],
    state: &'static str,
    beside: &Fields,
    fields: &Fields,
) -> Ranked {
    let own = [("state", state.into()), ("by", fixture::staff(3).to_string().into())];
    let group = own.iter().chain(beside).map(|(key, value)| (Key::of(key), value.clone())).collect();
    let mut writes = vec![schema::write_group(kind, PROGRESS, group, saw.to_vec())];
    writes.extend(fields.iter().map(|(key, value)| schema::write(kind, key, value.clone())));
    let edit = Edit { kind: Key::of(kind), writes, ..fixture::person_edit(record, Vec::new()) };
    Ranked::provisional(Stamp::at(fixture::NOW), fixture::change(number, vec![edit]))
}

/// By chance hardly any leave is approved of a card that is active, and a leave is the only record of the clock's that takes
/// another one along.
#[tokio::test]
async fn a_leave_takes_its_card_along_at_both_and_gives_it_back() {
    const CARD: (&str, u8) = ("membership", 1);
    const LEAVE: (&str, u8) = ("leave", 2);
    let day = fixture::NOW.plus(3 * DAY_MS).day(OFFSET_MINUTES);
    let card = RecordId::from_bytes(fixture::id_bytes(CARD.1));
    let of_card = [("membership", card.into()), ("start_on", day.into())];
    let approved = step(2, LEAVE, &[], "approved", &[], &of_card);
    let term = [("start_on", fixture::NOW.day(OFFSET_MINUTES).into())];
    let mut history = vec![step(1, CARD, &[], "active", &term, &[]), approved.clone()];
    let house = house(VenueKind::Fitness);
    let mut chance = Seeded::new(1);
    let begins = day.begins(OFFSET_MINUTES);
    // It begins; then it turns out to have been cancelled before, on a tablet without network.
    for (now, owed, state) in [(begins.plus(-1), 0, "active"), (begins, 1, "on_leave"), (begins, 1, "active")] {
        let mut counts = Counts::default();
        compare_at(now, VenueKind::Fitness, &history, &mut chance, &mut counts).await;
        // A tablet of the whole venue and a consultant's.
        assert_eq!((counts.records, counts.left_out, counts.owed), (4, 0, 2 * owed), "{state}");
        let ledger = ledger_of(&history, &house, now).await;
        assert_eq!(look(&ledger, &house, now).await.unwrap().written, owed, "{state}");
        let kept = everything(&ledger, house.organisation).await;
        assert_eq!(kept[&card].guarded(PROGRESS).unwrap()["state"], state.into());
        if state == "on_leave" {
            history = ledger
                .rows(house.organisation, 0, usize::MAX)
                .await
                .unwrap()
                .into_iter()
                .map(|row| row.ranked)
                .collect();
            history.push(step(3, LEAVE, &[approved.change.id()], "cancelled", &[], &[]));
        }
    }
}
