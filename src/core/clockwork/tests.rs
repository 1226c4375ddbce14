use std::borrow::Cow;

use super::*;
use crate::{change::Ranked, fixture, id::StaffId, merge, merge::Records, pack::VenueKind, stamp::Stamp};

/// Records, and what the clock makes of them.
struct House {
    records: Records,
    changes: u8,
}

fn record(number: u8) -> RecordId {
    RecordId::from_bytes(fixture::id_bytes(number))
}

fn at(day: &str, hour: i64, minute: i64) -> Millis {
    Day::parse(day).unwrap().begins(480).plus(hour * HOUR_MS + minute * MINUTE_MS)
}

const DESK: u8 = 3;

impl House {
    fn new() -> Self {
        Self { records: Records::new(), changes: 0 }
    }

    fn keep(&mut self, edits: Vec<Edit>) -> ChangeId {
        self.changes += 1;
        let change = fixture::change(self.changes, edits);
        let stamp = Stamp::from_number(u64::from(self.changes));
        merge::take_in(&mut self.records, &Ranked::provisional(stamp, change.clone()));
        change.id()
    }

    /// Somebody writes a state over those that are named, with what stands beside it and fields of the record.
    fn put(
        &mut self,
        of: u8,
        kind: &'static str,
        state: &'static str,
        saw: &[ChangeId],
        group: &[(&'static str, Value)],
        fields: &[(&'static str, Value)],
    ) -> ChangeId {
        let by: StaffId = fixture::staff(DESK);
        let own = [("state", Value::from(state)), ("by", by.to_string().into())];
        let values = own.iter().chain(group).map(|(key, value)| (Key::of(key), value.clone())).collect();
        let mut writes = vec![schema::write_group(kind, PROGRESS, values, saw.to_vec())];
        writes.extend(fields.iter().map(|(key, value)| schema::write(kind, key, value.clone())));
        let edit = fixture::person_edit(of, Vec::new());
        self.keep(vec![Edit { record: record(of), kind: Key::of(kind), writes, ..edit }])
    }

    fn ask<T>(&self, now: Millis, question: impl FnOnce(&Ground<'_>) -> T) -> T {
        let pack = Pack::of(VenueKind::Fitness);
        question(&Ground {
            now,
            offset_minutes: 480,
            work: Work::of(VenueKind::Fitness),
            pack,
            numbers_on: &|key, _| pack.parameter(key).map(|parameter| parameter.values.clone()).unwrap_or_default(),
            lookup: &|id| self.records.get(&id).map(Cow::Borrowed),
        })
    }

    fn owed(&self, of: u8, now: Millis) -> Option<Owed> {
        self.ask(now, |ground| owed(&self.records[&record(of)], ground))
    }

    fn look_again(&self, of: u8, now: Millis) -> Option<Millis> {
        self.ask(now, |ground| look_again_at(&self.records[&record(of)], ground))
    }

    /// Writes what is owed.
    fn pass(&mut self, of: u8, now: Millis) -> ChangeId {
        let owed = self.owed(of, now).expect("something is owed");
        self.keep(owed.edits)
    }

    fn states(&self, of: u8) -> Vec<&str> {
        let heads = self.records[&record(of)].heads(PROGRESS).iter();
        heads.map(|head| head.values["state"].as_text().unwrap()).collect()
    }
}

#[test]
fn a_complaint_that_nobody_answered_is_escalated_once_a_level() {
    // EX-02.
    let mut house = House::new();
    let received = at("2026-05-08", 18, 30);
    let due = received.plus(24 * HOUR_MS);
    let first =
        house.put(1, "case", "new", &[], &[], &[("received_at", received.into()), ("reply_due_at", due.into())]);
    assert_eq!(house.look_again(1, received), Some(received.plus(LOOK_AGAIN_MS)));
    let late = at("2026-05-09", 22, 30);
    assert!(house.owed(1, late).is_none());
    assert_eq!(house.look_again(1, due), Some(late.plus(1)));
    let escalated = house.pass(1, late.plus(1));
    assert_eq!(house.states(1), ["escalated"]);
    assert!(house.owed(1, late.plus(MINUTE_MS)).is_none());
    // Taken over and still not answered: the same cause as before, then the next level's.
    let cause = |house: &House, now| house.owed(1, now).map(|owed| owed.cause);
    let mut before = House::new();
    before.put(1, "case", "new", &[], &[], &[("received_at", received.into()), ("reply_due_at", due.into())]);
    house.put(1, "case", "in_progress", &[first, escalated], &[], &[]);
    assert_eq!(cause(&house, late.plus(HOUR_MS)), cause(&before, late.plus(1)));
    assert_ne!(cause(&house, due.plus(24 * HOUR_MS + 1)), cause(&before, late.plus(1)));
    // Answered: nothing any more.
    house.keep(vec![Edit {
        kind: Key::of("case"),
        writes: vec![schema::write("case", "replied_at", late)],
        ..fixture::person_edit(1, Vec::new())
    }]);
    assert!(house.owed(1, due.plus(30 * HOUR_MS)).is_none());
    assert_eq!(house.look_again(1, due), None);
}

fn on_leave(house: &mut House) -> (ChangeId, ChangeId) {
    let day = |text| Value::from(Day::parse(text).unwrap());
    let term = [("start_on", day("2026-05-02")), ("end_on", day("2027-05-01"))];
    let card = house.put(2, "membership", "active", &[], &term, &[]);
    let start = Day::parse("2026-06-01").unwrap();
    let fields = [("membership", record(2).into()), ("start_on", start.into())];
    (house.put(1, "leave", "approved", &[], &[], &fields), card)
}

#[test]
fn a_leave_that_begins_takes_the_card_along() {
    let mut house = House::new();
    on_leave(&mut house);
    let begins = at("2026-06-01", 0, 0);
    let eve = begins.plus(-HOUR_MS);
    assert!(house.owed(1, eve).is_none());
    assert_eq!(house.look_again(1, eve), Some(begins));
    assert_eq!(house.look_again(1, begins.plus(-40 * DAY_MS)), Some(begins.plus(-39 * DAY_MS)));
    house.pass(1, begins);
    assert_eq!((house.states(1), house.states(2)), (vec!["running"], vec!["on_leave"]));
    assert!(house.owed(1, begins.plus(DAY_MS)).is_none());
}

#[test]
fn who_had_not_seen_the_clock_is_not_overruled_by_it() {
    let mut house = House::new();
    let (approved, _) = on_leave(&mut house);
    house.pass(1, at("2026-06-01", 0, 0));
    // Cancelled the evening before, on a tablet without network.
    house.put(1, "leave", "cancelled", &[approved], &[], &[]);
    assert_eq!(house.states(1).len(), 2);
    house.pass(1, at("2026-06-01", 9, 0));
    assert_eq!((house.states(1), house.states(2)), (vec!["cancelled"], vec!["active"]));
    assert!(house.owed(1, at("2026-06-01", 9, 1)).is_none());
    // Two people who did not see each other are not the clock's to settle.
    let mut house = House::new();
    let (approved, _) = on_leave(&mut house);
    house.pass(1, at("2026-06-01", 0, 0));
    house.put(1, "leave", "cancelled", &[approved], &[], &[]);
    house.put(1, "leave", "rejected", &[approved], &[], &[]);
    assert!(house.owed(1, at("2026-06-01", 9, 0)).is_none());
}

#[test]
fn a_fault_runs_late_after_the_hours_of_its_venue() {
    let mut house = House::new();
    let reported = at("2026-05-08", 8, 0);
    house.put(1, "fault", "responded", &[], &[], &[("reported_at", reported.into())]);
    let limit = reported.plus(6 * HOUR_MS);
    assert!(house.owed(1, limit).is_none());
    assert_eq!(house.look_again(1, reported), Some(limit.plus(1)));
    house.pass(1, limit.plus(1));
    assert_eq!(house.states(1), ["overdue"]);
    assert_eq!(house.look_again(1, limit.plus(1)), None);
}

#[test]
fn what_ran_late_is_told_to_whom_the_step_and_the_level_name_and_to_nobody_else() {
    let mut house = House::new();
    let received = at("2026-05-08", 18, 30);
    let fields = [("received_at", received.into()), ("reply_due_at", received.plus(24 * HOUR_MS).into())];
    house.put(1, "case", "new", &[], &[("owner", fixture::staff(DESK).to_string().into())], &fields);
    let told = house.owed(1, received.plus(28 * HOUR_MS + 1)).unwrap().told.unwrap();
    assert_eq!((&*told.machine, &*told.state), ("SM-15", "escalated"));
    assert_eq!(told.whom.iter().map(|whom| &**whom).collect::<Vec<_>>(), ["store_manager", "supervisor"]);
    let hears = |told: &Told, staff: u8, role: Role| {
        told.is_for(fixture::staff(staff), role, &house.records[&record(1)], &|_| None)
    };
    assert!(hears(&told, 9, Role::StoreManager) && hears(&told, 9, Role::FrontDeskSupervisor));
    assert!(!hears(&told, 9, Role::Consultant) && !hears(&told, DESK, Role::FrontDesk));
    // Who is named by what they are to it is meant alone, not everybody who may stand in for them.
    let owner = Told { whom: BTreeSet::from(["owner".into()]), ..told };
    assert!(hears(&owner, DESK, Role::FrontDesk) && !hears(&owner, 9, Role::StoreManager));
    // What begins in time is nobody's business but the record's.
    let mut house = House::new();
    on_leave(&mut house);
    assert_eq!(house.owed(1, at("2026-06-01", 0, 0)).unwrap().told, None);
}

#[test]
fn the_same_cause_is_named_alike_at_any_time() {
    let mut house = House::new();
    house.put(1, "fault", "reported", &[], &[], &[("reported_at", at("2026-05-08", 8, 0).into())]);
    let cause = |now| house.owed(1, now).map(|owed| owed.cause);
    assert_eq!(cause(at("2026-05-08", 15, 0)), cause(at("2026-05-09", 15, 0)));
    assert!(cause(at("2026-05-08", 15, 0)).is_some());
}

#[test]
fn what_time_does_to_a_record_alone_is_not_watched() {
    let all: Vec<&str> = kinds(Packs::shipped()).into_iter().collect();
    assert_eq!(all, ["case", "fault", "leave", "opportunity", "pt_grant", "report"]);
}
