use arbtest::arbtest;

use super::{
    protection::{Protection, give_back},
    *,
};
use crate::{
    capture::Scene,
    fixture,
    merge::{self, Records},
    pack::{Pack, VenueKind},
    parameter::Parameters,
    stamp::Stamp,
    time::Day,
};

const PERSON: u8 = 30;
const VISIT: u8 = 31;

fn own(staff: u8) -> Audience {
    Audience::Own(fixture::venue(), fixture::staff(staff))
}

fn id(number: u8) -> RecordId {
    RecordId::from_bytes(fixture::id_bytes(number))
}

fn change_id(number: u8) -> ChangeId {
    ChangeId::from_bytes(fixture::id_bytes(number))
}

/// What the endpoint has: changes, and the records that they make.
#[derive(Default)]
struct House {
    changes: BTreeMap<ChangeId, Ranked>,
    records: Records,
}

impl House {
    fn keep(&mut self, change: Ranked) {
        merge::take_in(&mut self.records, &change);
        self.changes.insert(change.change.id(), change);
    }

    /// A write by somebody, at a moment.
    fn write(&mut self, number: u8, at: i64, audience: Audience, record: u8, writes: Vec<(&'static str, Op)>) {
        let kind = if record == PERSON { "person" } else { "visit" };
        let edit = Edit { audience, kind: Key::of(kind), ..fixture::person_edit(record, writes) };
        self.keep(Ranked::provisional(Stamp::at(Millis(at)), fixture::change(number, vec![edit])));
    }

    fn record(&self, record: u8) -> &Record {
        &self.records[&id(record)]
    }

    /// Passes on what there is, until there is nothing more; how many changes that took.
    fn pass(&mut self, record: u8, to: &Audience) -> usize {
        let mut count = 0;
        loop {
            let found = passed_on(self.record(record), to, &|id| self.changes.get(&id));
            if found.is_empty() {
                return count;
            }
            count += found.len();
            assert!(count < 200, "it comes to an end");
            found.into_iter().for_each(|change| self.keep(change));
        }
    }

    /// What somebody has of a record who reads one audience.
    fn part(&self, record: u8, audience: &Audience) -> Option<Record> {
        let mut records = Records::new();
        for change in self.changes.values() {
            if let Some(change) =
                change.change.part_for(|other| other == audience).map(|part| Ranked { change: part, ..change.clone() })
            {
                merge::take_in(&mut records, &change);
            }
        }
        records.remove(&id(record))
    }

    fn ruling(&mut self, number: u8, at: i64, audience: Audience, to: StaffId, replaces: &[u8]) {
        let values = BTreeMap::from([(Key::of("owner"), to.to_string().into())]);
        let replaces = replaces.iter().map(|number| change_id(*number)).collect();
        self.write(number, at, audience, PERSON, vec![(RULING, Op::Guarded { values, replaces })]);
    }
}

fn captured() -> House {
    let mut house = House::default();
    let owner = Op::First(fixture::staff(1).to_string().into());
    let phone = Op::Latest("+8613800138000".into());
    house.write(1, 10, own(1), PERSON, vec![("owner", owner), ("phone", phone), ("interests", Op::Add("yoga".into()))]);
    house.write(
        2,
        20,
        own(1),
        PERSON,
        vec![("note", Op::Latest("怕冷".into())), ("do_not_contact", Op::Sticky(false.into()))],
    );
    house
}

/// Values of a record, without the ranks under which they stand.
fn values(record: &Record) -> Vec<String> {
    let heads = |key: &Key| {
        let mut all: Vec<String> = record.heads(key.as_str()).iter().map(|head| format!("{:?}", head.values)).collect();
        all.sort();
        all.dedup();
        all
    };
    let value = |key: &Key| record.get(key.as_str()).map(|value| format!("{value:?}"));
    let set = |key: &Key| record.elements(key.as_str()).map(|value| format!("{value:?}")).collect::<Vec<_>>();
    record.fields().map(|(key, _)| format!("{key} {:?} {:?} {:?}", value(key), set(key), heads(key))).collect()
}

#[test]
fn whoever_gets_a_guest_reads_all_that_holds_of_them() {
    let mut house = captured();
    house.ruling(3, 30, own(1), fixture::staff(2), &[]);
    assert_eq!(owner(house.record(PERSON)), Some(fixture::staff(2)));
    let to = audience(house.record(PERSON), None, &|_| Some(Role::Consultant)).unwrap();
    assert_eq!(to, own(2));
    let before = house.record(PERSON).clone();
    assert_eq!(house.pass(PERSON, &to), 3);
    let part = house.part(PERSON, &to).unwrap();
    assert_eq!(values(&part), values(&before));
    assert_eq!(values(house.record(PERSON)), values(&before));
    assert_eq!((part.audience(), house.record(PERSON).audience()), (&to, &to));
    assert_eq!(house.record(PERSON).begun(), before.begun(), "who came first is not altered");
    assert_eq!(house.pass(PERSON, &to), 0, "nothing is passed on twice");
}

#[test]
fn nobody_is_ruled_over_by_what_is_only_repeated() {
    let mut house = captured();
    house.ruling(3, 30, own(1), fixture::staff(2), &[]);
    house.pass(PERSON, &own(2));
    // Written before the guest was handed over, on a tablet that was out of reach; and after, in place of the first.
    house.write(4, 25, own(1), PERSON, vec![("note", Op::Latest("怕冷，膝盖旧伤".into()))]);
    assert_eq!(house.record(PERSON).text("note"), Some("怕冷，膝盖旧伤"));
    house.pass(PERSON, &own(2));
    assert_eq!(house.part(PERSON, &own(2)).unwrap().text("note"), Some("怕冷，膝盖旧伤"));
    house.write(5, 40, own(2), PERSON, vec![("note", Op::Latest("改到晚上".into()))]);
    house.write(6, 35, own(1), PERSON, vec![("note", Op::Latest("迟到的话".into()))]);
    house.pass(PERSON, &own(2));
    assert_eq!(house.part(PERSON, &own(2)).unwrap().text("note"), Some("改到晚上"));
}

fn step(state: &str, replaces: &[ChangeId]) -> Op {
    Op::Guarded { values: BTreeMap::from([(Key::of("state"), state.into())]), replaces: replaces.to_vec() }
}

#[test]
fn a_step_that_is_passed_on_takes_the_place_of_the_one_it_repeats() {
    let (one, two) = (own(1), own(2));
    let mut house = House::default();
    let begun = |house: &mut House| {
        house.write(1, 10, own(1), VISIT, vec![("progress", step("open", &[]))]);
        house.pass(VISIT, &own(2));
    };
    begun(&mut house);
    assert_eq!(house.record(VISIT).heads("progress").len(), 1);
    // The colleague of before goes on, in two steps, without having heard of it: no conflict.
    house.write(2, 20, one.clone(), VISIT, vec![("progress", step("met", &[change_id(1)]))]);
    house.write(3, 30, one.clone(), VISIT, vec![("progress", step("closed", &[change_id(2)]))]);
    house.pass(VISIT, &two);
    for record in [house.record(VISIT).clone(), house.part(VISIT, &two).unwrap()] {
        assert_eq!(record.heads("progress").len(), 1);
        assert_eq!(record.guarded("progress").unwrap()["state"], "closed".into());
    }
    // Both go on from the same: that is one, for both of them.
    let mut house = House::default();
    begun(&mut house);
    let copy = house.part(VISIT, &two).unwrap().head_changes("progress");
    house.write(2, 20, one.clone(), VISIT, vec![("progress", step("met", &[change_id(1)]))]);
    house.write(3, 30, two.clone(), VISIT, vec![("progress", step("closed", &copy))]);
    house.pass(VISIT, &two);
    for record in [house.record(VISIT).clone(), house.part(VISIT, &two).unwrap()] {
        assert_eq!(record.heads("progress").len(), 2);
    }
    // One of two that disagreed before is not overruled by being passed on.
    let mut house = House::default();
    house.write(1, 10, one.clone(), VISIT, vec![("progress", step("open", &[]))]);
    house.write(2, 20, one.clone(), VISIT, vec![("progress", step("met", &[change_id(1)]))]);
    house.pass(VISIT, &two);
    house.write(3, 15, one, VISIT, vec![("progress", step("closed", &[change_id(1)]))]);
    house.pass(VISIT, &two);
    for record in [house.record(VISIT).clone(), house.part(VISIT, &two).unwrap()] {
        assert_eq!(record.heads("progress").len(), 2);
    }
}

/// Whatever is written before, between and after: every field of the new owner's part holds what the whole holds, and
/// passing on alters no value of the whole but takes conflicts away that repeating made.
#[test]
fn the_new_owner_holds_what_the_whole_holds() {
    arbtest(|u| {
        let mut house = House::default();
        let places = [own(1), own(2), own(3), Audience::Desk(fixture::venue())];
        let mut seen = Vec::new();
        let mut at = 0;
        for number in 1..=u.int_in_range(2..=14)? {
            let to = u.choose(&places)?.clone();
            if u.ratio(1, 3)? && house.records.contains_key(&id(PERSON)) {
                let before = house.record(PERSON).clone();
                house.pass(PERSON, &to);
                let (part, whole) = (house.part(PERSON, &to).unwrap(), house.record(PERSON));
                assert_eq!(values(&part), values(whole));
                let plain = |record: &Record| {
                    record.fields().map(|(key, _)| record.get(key.as_str()).cloned()).collect::<Vec<_>>()
                };
                assert_eq!(plain(whole), plain(&before));
                assert!(whole.heads(MERGING).len() <= before.heads(MERGING).len());
                assert_eq!((whole.audience(), whole.begun()), (&to, before.begun()));
                assert_eq!(house.pass(PERSON, &to), 0);
                continue;
            }
            at = (at + u.int_in_range(-15..=20)?).max(1);
            let text: Value = format!("{}", u.int_in_range(0..=3)?).into();
            let op = match u.int_in_range(0..=6)? {
                0 => ("note", Op::Latest(text)),
                1 => ("owner", Op::First(text)),
                2 => ("do_not_contact", Op::Sticky(u.arbitrary::<bool>()?.into())),
                3 => ("sign", Op::Once(text)),
                4 => ("interests", Op::Add(text)),
                5 => ("interests", Op::Remove(text)),
                _ => {
                    let replaces: Vec<ChangeId> =
                        seen.iter().copied().filter(|_| u.arbitrary().unwrap_or(false)).collect();
                    let now = house.records.get(&id(PERSON)).map(|record| record.head_changes(MERGING));
                    seen = [replaces.clone(), now.unwrap_or_default()].concat();
                    seen.push(change_id(number));
                    (MERGING, Op::Guarded { values: BTreeMap::from([(Key::of("merged_into"), text)]), replaces })
                }
            };
            house.write(number, at, to, PERSON, vec![op]);
        }
        Ok(())
    });
}

#[test]
fn a_guest_in_the_pool_is_nobodys_and_may_be_claimed() {
    let mut house = captured();
    let me = fixture::staff(2);
    let person = |house: &House| house.record(PERSON).clone();
    assert!(!may_give(&person(&house), me, Role::Consultant, me), "they are a colleague's");
    assert!(may_give(&person(&house), fixture::staff(1), Role::Consultant, NOBODY));
    assert!(!may_give(&person(&house), fixture::staff(1), Role::Consultant, me), "that is for those who lead");
    assert!(may_give(&person(&house), fixture::staff(9), Role::CsSupervisor, me));
    house.ruling(3, 30, own(1), NOBODY, &[]);
    assert!(is_free(&person(&house)) && owner(&person(&house)).is_none());
    assert_eq!(audience(&person(&house), None, &|_| None), Some(pool(fixture::venue())));
    assert!(may_give(&person(&house), me, Role::Consultant, me));
    assert!(!may_give(&person(&house), me, Role::Reception, me), "the desk keeps no guests of its own");
    assert!(!may_give(&person(&house), me, Role::CsSupervisor, NOBODY), "they are there already");
    house.ruling(4, 40, pool(fixture::venue()), me, &[3]);
    assert_eq!((owner(&person(&house)), is_free(&person(&house))), (Some(me), false));
}

#[test]
fn what_was_joined_goes_where_the_other_is() {
    let mut house = captured();
    let values = BTreeMap::from([(Key::of("merged_into"), id(VISIT).into())]);
    house.write(3, 30, own(1), PERSON, vec![(MERGING, Op::Guarded { values, replaces: Vec::new() })]);
    let person = house.record(PERSON);
    assert!(is_ruled(person) && joined_to(person) == Some(id(VISIT)));
    let mut other = person.clone();
    other.id = id(VISIT);
    let consultant = |_| Some(Role::Consultant);
    assert_eq!(audience(person, Some(&other), &consultant), Some(own(1)));
    assert_eq!(audience(person, None, &consultant), None, "it is not here: nothing is moved on a guess");
    assert_eq!(audience(person, Some(&other), &|_| Some(Role::FrontDesk)), Some(Audience::Desk(fixture::venue())));
}

#[test]
fn what_is_about_a_guest_is_found_through_what_names_them() {
    let record = |number, kind, fields| fixture::record_of(number, kind, None, fields);
    let records = [
        record(1, "interaction", vec![("person", id(PERSON).into())]),
        record(2, "visit", vec![("person", id(9).into()), ("referrer", id(PERSON).into())]),
        record(3, "consultation", vec![("visit", id(4).into())]),
        record(4, "visit", vec![("person", id(PERSON).into())]),
        record(5, "person", vec![("referrer", id(PERSON).into())]),
    ];
    let mentions = |record: &Record| ["visit", "referrer"].iter().filter_map(|key| record.get(key)?.as_id()).collect();
    let names = records.iter().filter_map(|record| Names::of(record, mentions)).collect();
    let found = about(names, &BTreeSet::from([id(PERSON)]));
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [id(1), id(3), id(4)]);
}

// ---- Protection ----------------------------------------------------------------------------------------------

/// Noon of a day from the captured guest's, where clocks are those of UTC.
fn noon(day: i32) -> i64 {
    i64::from(day) * DAY_MS + DAY_MS / 2
}

fn scene<'a>(now: i64, role_of: &'a dyn Fn(StaffId) -> Option<Role>) -> Scene<'a> {
    Scene {
        now: Millis(now),
        offset_minutes: 0,
        venue: fixture::venue(),
        me: NOBODY,
        role_of,
        pack: Pack::of(VenueKind::Fitness),
        paper_number: None,
    }
}

fn thirty() -> Protection {
    Protection { days: 30, since: Day::from_number(0) }
}

impl House {
    fn until(&self, protection: Protection) -> Option<i32> {
        protection.until(self.record(PERSON), 0).map(Day::number)
    }

    /// What the house owes at noon of a day is written: whether there was any.
    fn hour(&mut self, number: u8, day: i32) -> bool {
        let (person, none) = (self.record(PERSON).clone(), |_| None);
        let scene = scene(noon(day), &none);
        let Some(edits) = give_back(&person, &scene).or_else(|| thirty().lapse(&person, &scene)) else { return false };
        assert_eq!(edits.len(), 2, "the log has its entry");
        // Logs are read by the time of their entries' making, which is in the id.
        let made_now = RecordId::new(scene.now, &mut Seeded::new(0));
        assert_eq!(edits[1].record.bytes()[..6], made_now.bytes()[..6]);
        let change = fixture::change(number, vec![edits[0].clone()]);
        self.keep(Ranked::provisional(Stamp::at(scene.now), change));
        true
    }

    fn note(&mut self, number: u8, day: i32) {
        self.write(number, noon(day), own(1), PERSON, vec![("note", Op::Latest(format!("{day}").into()))]);
    }
}

#[test]
fn a_guest_is_protected_for_so_many_days_from_the_last_word_on_them() {
    let mut house = captured();
    assert_eq!(house.until(thirty()), Some(30));
    house.note(3, 4);
    assert_eq!(house.until(thirty()), Some(34));
    let later = Protection { since: Day::from_number(10), ..thirty() };
    assert_eq!(house.until(later), Some(40), "the rule is as old as it is");
    let appointment = |day| vec![("visit_plan_at", Op::Latest(Millis(noon(day)).into()))];
    house.write(4, noon(5), own(1), PERSON, appointment(50));
    assert_eq!(house.until(thirty()), Some(50), "whoever has an appointment is waited for");
    for (key, op) in [
        ("stage", Op::Latest("won".into())),
        ("do_not_contact", Op::Sticky(true.into())),
        ("withdrawn", Op::Latest(true.into())),
    ] {
        let mut house = captured();
        house.write(5, noon(6), own(1), PERSON, vec![(key, op)]);
        assert_eq!(house.until(thirty()), None, "{key}");
    }
    let mut house = captured();
    house.write(6, noon(7), Audience::Desk(fixture::venue()), PERSON, vec![("note", Op::Latest("a".into()))]);
    assert_eq!(house.until(thirty()), None, "the desk's are everybody's");
}

#[test]
fn a_venue_that_says_nothing_of_it_lets_nobody_go() {
    let pack = Pack::of(VenueKind::Fitness);
    assert_eq!(Protection::on(&Parameters::default(), pack, Day::from_number(20_000)), None);
}

#[test]
fn a_guest_nobody_wrote_of_goes_into_the_pool_on_the_day_after() {
    let mut house = captured();
    assert!(!house.hour(3, 30));
    assert!(house.hour(4, 31));
    assert!(is_free(house.record(PERSON)));
    assert!(!house.hour(5, 32), "once");
    let to = audience(house.record(PERSON), None, &|_| Some(Role::Consultant)).unwrap();
    assert!(house.pass(PERSON, &to) > 0);
    assert!(!house.hour(6, 33), "what only repeats is no word on them");
    assert!(is_free(house.record(PERSON)));
}

#[test]
fn whoever_wrote_in_time_without_network_has_the_guest_back() {
    let mut house = captured();
    assert!(house.hour(3, 31));
    let to = pool(fixture::venue());
    house.pass(PERSON, &to);
    // It arrives now, and was written before the guest's time had passed.
    house.note(4, 29);
    house.pass(PERSON, &to);
    assert!(house.hour(5, 32));
    assert_eq!(owner(house.record(PERSON)), Some(fixture::staff(1)));
    assert!(!house.hour(6, 33));

    // Somebody else has claimed them meanwhile: that stands.
    let mut house = captured();
    assert!(house.hour(3, 31));
    house.ruling(4, noon(31) + 1, to, fixture::staff(2), &[3]);
    house.note(5, 29);
    assert!(!house.hour(6, 32));
    assert_eq!(owner(house.record(PERSON)), Some(fixture::staff(2)));
}
