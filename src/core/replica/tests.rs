use std::collections::BTreeMap;

use arbitrary::Unstructured;
use arbtest::arbtest;

use super::*;
use crate::{
    change::{Edit, Op, Write},
    codec,
    fixture::{self, person_edit},
    merge::Records,
    time::DAY_MS,
    value::Value,
};

// ---- Base and tail ------------------------------------------------------------------------------------------

/// A replica beside what it should hold: the accepted changes with their fixed ranks, and the tail.
#[derive(Default)]
struct World {
    replica: Replica,
    accepted: Vec<Ranked>,
    tail: Vec<Ranked>,
}

impl World {
    /// One thing that can happen to a device. Checks that nothing changed but what is said to be touched.
    fn step(&mut self, u: &mut Unstructured<'_>, next: &mut Vec<Ranked>) -> arbitrary::Result<()> {
        let before = bytes(&shown(&self.replica));
        let touched = match u.int_in_range(0..=5)? {
            0 | 1 => match next.pop() {
                Some(change) => {
                    self.tail.push(change.clone());
                    self.replica.append(change)
                }
                None => Touched::default(),
            },
            2 => match next.pop() {
                Some(change) => {
                    self.accepted.push(change.clone());
                    self.replica.take_in(&change)
                }
                None => Touched::default(),
            },
            3 if !self.tail.is_empty() => {
                let change = self.tail.remove(u.choose_index(self.tail.len())?);
                self.replica.refuse(change.change.id())
            }
            // The verdict, or the change itself from the ledger when the verdict was lost; then perhaps once more.
            4 if !self.tail.is_empty() => {
                let own = self.tail.remove(u.choose_index(self.tail.len())?);
                let stamp = Stamp::at(Millis(1_000 + u.int_in_range(-2..=3)?));
                let fixed = Ranked { stamp, device: DeviceNumber(u.int_in_range(1..=3)?), change: own.change };
                self.accepted.push(fixed.clone());
                if u.arbitrary()? {
                    self.replica.settle(fixed.change.id(), fixed.stamp, fixed.device, &|_| true)
                } else {
                    self.replica.take_in(&fixed)
                }
            }
            // Everything twice: a repeated page, a repeated verdict, a file that was imported before.
            _ => {
                let mut touched = Touched::default();
                for change in &self.accepted {
                    touched.and(self.replica.take_in(change));
                    touched.and(self.replica.settle(change.change.id(), change.stamp, change.device, &|_| true));
                    touched.and(self.replica.refuse(change.change.id()));
                }
                for change in &self.tail {
                    touched.and(self.replica.append(change.clone()));
                }
                assert_eq!(before, bytes(&shown(&self.replica)));
                touched
            }
        };
        let after = bytes(&shown(&self.replica));
        for id in before.keys().chain(after.keys()) {
            assert!(touched.records.contains(id) || before.get(id) == after.get(id));
        }
        Ok(())
    }

    fn check(&self) {
        let merged = |changes: &mut dyn Iterator<Item = &Ranked>| {
            let mut records = Records::new();
            changes.for_each(|change| merge::take_in(&mut records, change));
            bytes(&records)
        };
        assert_eq!(bytes(&shown(&self.replica)), merged(&mut self.accepted.iter().chain(&self.tail)));
        let base: Records = self.replica.base().map(|record| (record.id, record.into_owned())).collect();
        assert_eq!(bytes(&base), merged(&mut self.accepted.iter()));
        assert_eq!(self.replica.unsent().collect::<Vec<_>>(), self.tail.iter().collect::<Vec<_>>());
        for id in shown(&self.replica).keys() {
            let unsent = self.tail.iter().any(|change| change.change.edits().any(|edit| edit.record == *id));
            assert_eq!(self.replica.is_unsent(*id), unsent);
        }
    }
}

/// All records of the replica, found without its indexes.
fn shown(replica: &Replica) -> Records {
    let of_base: BTreeSet<RecordId> = replica.base().map(|record| record.id).collect();
    let ids = of_base.iter().chain(replica.overlay.keys());
    ids.filter_map(|id| Some((*id, replica.record(*id)?.into_owned()))).collect()
}

fn bytes(records: &Records) -> BTreeMap<RecordId, Vec<u8>> {
    records.iter().map(|(id, record)| (*id, codec::record_bytes(record))).collect()
}

/// Whatever is appended, accepted, corrected, refused, repeated, in whatever order: what is shown is as if only
/// the accepted changes, under their fixed ranks, and the tail had ever been there.
#[test]
fn what_is_shown_is_the_accepted_changes_and_the_tail_and_nothing_else() {
    arbtest(|u| {
        let mut world = World::default();
        let mut next = fixture::changes(u)?;
        while !next.is_empty() || !u.is_empty() {
            world.step(u, &mut next)?;
            world.check();
            if u.is_empty() {
                break;
            }
        }
        check_lists(&world.replica);
        Ok(())
    });
}

#[test]
fn a_base_that_was_written_down_reads_back_under_the_same_tail() {
    arbtest(|u| {
        let mut world = World::default();
        let mut next = fixture::changes(u)?;
        for _ in 0..10 {
            world.step(u, &mut next)?;
        }
        let mut replica = Replica::new();
        let base: Vec<Record> = world.replica.base().map(Cow::into_owned).collect();
        let block = codec::block_bytes(base.iter());
        let (first, last) = world.tail.split_at(world.tail.len() / 2);
        first.iter().for_each(|change| drop(replica.append(change.clone())));
        replica.load_block(codec::read_block(&block).unwrap());
        last.iter().for_each(|change| drop(replica.append(change.clone())));
        world.replica = replica;
        world.check();
        check_lists(&world.replica);
        Ok(())
    });
}

#[test]
fn a_change_whose_verdict_was_lost_is_in_effect_once_and_leaves_the_tail() {
    let mut replica = Replica::new();
    let own = fixture::phone_change();
    replica.append(own.clone());
    assert_eq!(replica.unsent().len(), 1);
    let accepted = Ranked { stamp: own.stamp.following(), ..own };
    replica.take_in(&accepted);
    assert_eq!(replica.unsent().len(), 0);
    let person = RecordId::from_bytes(fixture::id_bytes(5));
    assert!(!replica.is_unsent(person));
    assert_eq!(replica.record(person).unwrap().last_rank(), Some(accepted.rank()));
    assert_eq!(replica.count("person"), 1);
}

#[test]
fn a_refused_capture_is_gone_from_every_list() {
    let mut replica = Replica::new();
    let own = fixture::phone_change();
    let touched = replica.append(own.clone());
    assert_eq!(touched.records, BTreeSet::from([RecordId::from_bytes(fixture::id_bytes(5))]));
    assert_eq!(replica.by_phone("+8613800138000").count(), 1);
    assert_eq!(replica.refuse(own.change.id()), touched);
    assert!(replica.is_empty());
    assert_eq!(replica.by_phone("+8613800138000").count(), 0);
    assert_eq!(replica.search("李", &scope(), 20).total, 0);
    check_lists(&replica);
}

#[test]
fn debug_output_names_no_one() {
    let mut replica = Replica::new();
    replica.append(fixture::phone_change());
    let found = replica.search("李", &scope(), 20);
    let printed = format!("{replica:?} {found:?} {:?}", crate::pinyin::of("李娜"));
    assert!(["李", "lǐ", "nà", "138"].iter().all(|part| !printed.contains(part)), "{printed}");
}

// ---- Lists --------------------------------------------------------------------------------------------------

fn scope() -> Scope {
    Scope { me: fixture::staff(1), mine_only: false }
}

fn at(value: Option<&Value>) -> Option<Millis> {
    value.and_then(Value::as_at)
}

/// Every list again, reckoned from the records in plain words.
fn check_lists(replica: &Replica) {
    let records = shown(replica);
    let all = |kind: &str| records.values().filter(move |record| record.kind().as_str() == kind).collect::<Vec<_>>();
    let gone = |person: &Record| {
        person.guarded("merging").and_then(|group| group.get("merged_into")?.as_id()).is_some_and(|id| id != person.id)
    };
    let people: Vec<&Record> = all("person").into_iter().filter(|person| !gone(person)).collect();
    let sorted = |ids: &mut dyn Iterator<Item = RecordId>| ids.collect::<BTreeSet<_>>();

    assert_eq!(replica.len(), records.len());
    for kind in ["person", "visit", "outing", "interaction"] {
        assert!(replica.by_kind(kind).eq(all(kind).iter().map(|record| record.id)));
        assert_eq!(replica.count(kind), all(kind).len());
    }
    let conflicts: Vec<_> =
        records.values().flat_map(|record| record.conflicts().map(|key| (record.id, key.clone()))).collect();
    assert_eq!(replica.conflicts().collect::<Vec<_>>(), conflicts);

    for phone in PHONES {
        let with = people.iter().filter(|person| person.text("phone") == Some(phone)).map(|person| person.id);
        assert!(replica.by_phone(phone).eq(with), "by phone");
    }
    for person in &people {
        let mut happened: Vec<_> = records
            .values()
            .filter(|record| record.kind().as_str() != "person" && record.kind().as_str() != "outing")
            .filter(|record| record.get("person").and_then(Value::as_id) == Some(person.id))
            .map(|record| (at(record.get("visit_at")).or(at(record.get("started_at"))).unwrap_or(MADE_AT), record.id))
            .collect();
        happened.sort_by_key(|(at, id)| (std::cmp::Reverse(*at), *id));
        assert!(replica.history(person.id).eq(happened.iter().map(|(_, id)| *id)), "history");
        let changed_at = person.last_rank().unwrap().stamp.millis();
        let active_at = happened.first().map_or(changed_at, |(at, _)| changed_at.max(*at));
        assert_eq!(replica.last_activity(person.id), Some(active_at));
    }
    for number in 1..=2 {
        let owner = fixture::staff(number).to_string();
        let mut due: Vec<_> = people
            .iter()
            .filter(|person| person.text("owner") == Some(&owner) && !person.is("do_not_contact"))
            .filter(|person| person.text("stage") != Some("lost"))
            .filter_map(|person| Some((at(person.get("next_contact_at"))?, person.id)))
            .filter(|(at, _)| *at <= fixture::NOW)
            .collect();
        due.sort_unstable();
        assert!(replica.due(&owner, fixture::NOW).eq(due.into_iter().map(|(_, id)| id)), "due");
        let mut counts = BTreeMap::new();
        for person in people.iter().filter(|person| person.text("owner") == Some(&owner)) {
            *counts.entry(person.text("stage").unwrap_or_default()).or_default() += 1;
        }
        assert_eq!(replica.counts_by_stage(Some(&owner), Some(fixture::venue())), counts);
    }
    for outing in all("outing") {
        let captured = people.iter().filter(|person| person.get("outing").and_then(Value::as_id) == Some(outing.id));
        assert_eq!(sorted(&mut replica.captured_in(outing.id)), sorted(&mut captured.map(|person| person.id)));
    }
    assert_eq!(sorted(&mut replica.outings()), sorted(&mut all("outing").iter().map(|record| record.id)));
    let today = fixture::NOW.day(480);
    let visits = all("visit")
        .into_iter()
        .filter(|visit| visit.get("person").is_some())
        .filter(|visit| at(visit.get("visit_at")).unwrap_or(MADE_AT).day(480) == today);
    assert_eq!(sorted(&mut replica.visits_on(today, today, 480)), sorted(&mut visits.map(|visit| visit.id)));

    let listed = replica.people(&scope());
    assert_eq!(sorted(&mut listed.iter().copied()), sorted(&mut people.iter().map(|person| person.id)));
    let me = fixture::staff(1).to_string();
    let order = |id: &RecordId| {
        let mine = records[id].text("owner") == Some(&me);
        (!mine, std::cmp::Reverse(replica.last_activity(*id)))
    };
    assert!(listed.is_sorted_by_key(order));
    let mine = listed.iter().filter(|id| !order(id).0).copied().collect::<Vec<_>>();
    assert_eq!(&*replica.people(&Scope { mine_only: true, ..scope() }), mine.as_slice());
}

const PHONES: [&str; 3] = ["+8613800138000", "+8613800138001", "+13800138000"];
/// The time in the ids of the fixtures.
const MADE_AT: Millis = Millis(1 << 40);

fn edit(u: &mut Unstructured<'_>) -> arbitrary::Result<Edit> {
    let person = |u: &mut Unstructured<'_>| -> arbitrary::Result<Value> {
        Ok(Value::Id(RecordId::from_bytes(fixture::id_bytes(u.int_in_range(20..=22)?))))
    };
    let some_time = |u: &mut Unstructured<'_>| -> arbitrary::Result<Value> {
        Ok(if u.ratio(1, 8)? { Value::Empty } else { fixture::NOW.plus(u.int_in_range(-3..=3)? * DAY_MS / 2).into() })
    };
    let kind = *u.choose(&["person", "person", "visit", "outing", "interaction"])?;
    let mut edit = match kind {
        "person" => {
            let writes = vec![
                ("name", Op::Latest((*u.choose(&["张顺利", "李娜", "John Smith"])?).into())),
                ("phone", Op::Latest((*u.choose(&PHONES)?).into())),
                ("owner", Op::First(fixture::staff(u.int_in_range(1..=2)?).to_string().into())),
                ("stage", Op::Latest((*u.choose(&["new", "lost", "won"])?).into())),
                ("next_contact_at", Op::Latest(some_time(u)?)),
                ("do_not_contact", Op::Sticky(u.ratio(1, 6)?.into())),
                ("outing", Op::First(Value::Id(RecordId::from_bytes(fixture::id_bytes(u.int_in_range(40..=41)?))))),
                ("captured_at", Op::First(some_time(u)?)),
                (
                    "merging",
                    Op::Guarded { values: BTreeMap::from([(Key::of("merged_into"), person(u)?)]), replaces: vec![] },
                ),
            ];
            let mut kept = Vec::new();
            for write in writes {
                if u.ratio(if write.0 == "merging" { 1 } else { 5 }, 8)? {
                    kept.push(write);
                }
            }
            person_edit(u.int_in_range(20..=22)?, kept)
        }
        "outing" => person_edit(
            u.int_in_range(40..=41)?,
            vec![("outing_date", Op::Latest(fixture::NOW.day(480 + u.int_in_range(-1..=1)? * 1440).into()))],
        ),
        "visit" => person_edit(
            u.int_in_range(50..=53)?,
            vec![("person", Op::Latest(person(u)?)), ("visit_at", Op::Latest(some_time(u)?))],
        ),
        _ => person_edit(
            u.int_in_range(60..=61)?,
            vec![("person", Op::Latest(person(u)?)), ("started_at", Op::Latest(some_time(u)?))],
        ),
    };
    edit.kind = Key::of(kind);
    edit.writes.sort_by(|one: &Write, other| one.key.cmp(&other.key));
    Ok(edit)
}

#[test]
fn every_list_is_what_the_records_say_after_every_step() {
    arbtest(|u| {
        let mut next = Vec::new();
        for number in 1..=u.int_in_range(1..=20)? {
            let edits = (0..u.int_in_range(1..=2)?).map(|_| edit(u)).collect::<arbitrary::Result<_>>()?;
            let stamp = Stamp::at(fixture::NOW.plus(u.int_in_range(-2..=2)? * DAY_MS));
            next.push(Ranked::provisional(stamp, fixture::change(number, edits)));
        }
        let mut world = World::default();
        for _ in 0..30 {
            world.step(u, &mut next)?;
            check_lists(&world.replica);
        }
        world.check();
        Ok(())
    });
}

#[test]
fn a_record_that_goes_leaves_the_names_of_the_others_in_place() {
    let mut replica = Replica::new();
    let names = ["张顺利", "李娜", "欧阳绿"];
    let change = |number: u8| {
        let name = names[usize::from(number) % 3];
        let edit = person_edit(number, vec![("name", Op::Latest(name.into()))]);
        Ranked::provisional(Stamp::at(fixture::NOW), fixture::change(number, vec![edit]))
    };
    (0..=250).for_each(|number| drop(replica.append(change(number))));
    for number in (0..=250).filter(|number| number % 5 != 0) {
        replica.refuse(change(number).change.id());
    }
    check_lists(&replica);
    for (place, name) in names.into_iter().enumerate() {
        let left = (0..=250).filter(|number| number % 5 == 0 && number % 3 == place).count();
        assert_eq!(replica.search(name, &scope(), 20).total, left);
    }
}

#[test]
fn an_audience_that_may_no_longer_be_held_is_dropped_but_not_what_is_unsent() {
    let mut replica = Replica::new();
    let accepted = Ranked::provisional(Stamp::at(fixture::NOW), fixture::two_audience_change());
    replica.take_in(&accepted);
    replica.append(fixture::phone_change());
    let own = Audience::Own(fixture::venue(), fixture::staff(1));
    replica.drop_audience(&own);
    assert_eq!(replica.base().filter(|record| *record.audience() == own).count(), 0);
    assert_eq!(replica.unsent().len(), 1);
    check_lists(&replica);
}

#[test]
fn what_was_taken_back_is_in_no_list_and_comes_back_when_that_is_undone() {
    let mut replica = Replica::new();
    let capture = fixture::phone_change();
    let id = capture.change.edits().next().unwrap().record;
    replica.append(capture);
    let withdrawn = |number: u8, yes: bool| {
        let edit = fixture::person_edit(5, vec![("withdrawn", Op::Latest(yes.into()))]);
        Ranked::provisional(Stamp::at(fixture::NOW.plus(number.into())), fixture::change(number, vec![edit]))
    };
    replica.append(withdrawn(40, true));
    assert_eq!((replica.count("person"), replica.by_phone("+8613800138000").count()), (0, 0));
    assert!(replica.people(&scope()).is_empty());
    replica.append(withdrawn(41, false));
    assert_eq!(&*replica.people(&scope()), [id]);
}

#[test]
fn a_visitor_who_left_no_number_is_on_the_sheet_of_the_day() {
    let mut replica = Replica::new();
    let mut edit = fixture::person_edit(6, vec![("visit_at", Op::Latest(fixture::NOW.into()))]);
    edit.kind = Key::of("visit");
    replica.append(Ranked::provisional(Stamp::at(fixture::NOW), fixture::change(42, vec![edit])));
    let today = fixture::NOW.day(480);
    assert_eq!(replica.visits_on(today, today, 480).count(), 1);
}

#[test]
fn a_look_at_a_guest_is_none_of_what_happened_with_them() {
    let mut replica = Replica::new();
    let capture = fixture::phone_change();
    let person = capture.change.edits().next().unwrap().record;
    replica.append(capture);
    let before = replica.last_activity(person);
    let mut look = fixture::person_edit(255, vec![("person", Op::Latest(person.into()))]);
    look.kind = Key::of(crate::audit::KIND);
    replica.append(Ranked::provisional(Stamp::at(fixture::NOW), fixture::change(42, vec![look])));
    assert_eq!((replica.history(person).count(), replica.last_activity(person)), (0, before));
    assert_eq!(replica.count(crate::audit::KIND), 1);
}

// ---- Checkpoints --------------------------------------------------------------------------------------------

/// Blocks as they lie on the disk, in the order in which they were written.
type Disk = Vec<(Audience, Extent, Vec<u8>)>;

fn checkpoint(u: &mut Unstructured<'_>, replica: &mut Replica, disk: &mut Disk) -> arbitrary::Result<()> {
    replica.begin_checkpoint();
    let mut extents = BTreeMap::new();
    for audience in [Audience::Own(fixture::venue(), fixture::staff(1)), Audience::Desk(fixture::venue())] {
        let extent = *u.choose(&[Extent::Latest, Extent::Latest, Extent::Since, Extent::Whole])?;
        extents.insert(audience, extent);
    }
    let chunks = replica.to_write(&extents);
    let kept = u.ratio(7, 8)?;
    if kept {
        disk.retain(|(audience, extent, _)| match extents[audience] {
            Extent::Latest => true,
            Extent::Since => *extent == Extent::Whole,
            Extent::Whole => false,
        });
        for (audience, chunks) in chunks {
            disk.extend(
                chunks.iter().map(|chunk| (audience.clone(), extents[&audience], replica.packed(chunk).unwrap())),
            );
        }
    }
    replica.end_checkpoint(kept, &extents);
    Ok(())
}

/// However much each checkpoint writes, and whichever of them come to nothing: the blocks on the disk and the
/// changes since the last one that was kept are the base.
#[test]
fn what_checkpoints_wrote_and_what_came_since_is_the_base() {
    arbtest(|u| {
        let (mut replica, mut disk) = (Replica::new(), Disk::new());
        let changes: Vec<Ranked> = (0..3).map(|_| fixture::changes(u)).collect::<Result<Vec<_>, _>>()?.concat();
        for change in &changes {
            replica.take_in(change);
            match u.int_in_range(0..=4)? {
                0 => checkpoint(u, &mut replica, &mut disk)?,
                1 => replica.pack_loose(),
                // Opened anew: what no block has comes from the journal, where it stayed.
                2 => {
                    let of_row = |row: &Row| {
                        replica
                            .audiences_of(*row)
                            .filter_map(|audience| replica.part(*row, audience))
                            .collect::<Vec<_>>()
                    };
                    let unwritten: Vec<Record> =
                        replica.unwritten.iter().flat_map(of_row).map(Cow::into_owned).collect();
                    let before = records_by_id(&replica);
                    replica = opened(&disk);
                    for record in unwritten {
                        let row = replica.rows.row(record.id);
                        replica.load_block(vec![record]);
                        replica.unwritten.insert(row);
                    }
                    assert_eq!(records_by_id(&replica), before);
                }
                _ => {}
            }
            check_lists(&replica);
        }
        while !replica.unwritten.is_empty() {
            checkpoint(u, &mut replica, &mut disk)?;
            if u.is_empty() {
                break;
            }
        }
        if replica.unwritten.is_empty() {
            assert_eq!(records_by_id(&opened(&disk)), records_by_id(&replica));
        }
        Ok(())
    });
}

/// Whoever may read one audience only is shown what that has of a record, whether others have something of it or not.
#[test]
fn what_one_audience_has_of_a_record_is_what_its_changes_make() {
    arbtest(|u| {
        let (mut replica, mut disk) = (Replica::new(), Disk::new());
        let changes = fixture::changes(u)?;
        for change in &changes {
            replica.take_in(change);
            if u.ratio(1, 3)? {
                checkpoint(u, &mut replica, &mut disk)?;
            }
        }
        while !replica.unwritten.is_empty() && !u.is_empty() {
            checkpoint(u, &mut replica, &mut disk)?;
        }
        let written = replica.unwritten.is_empty();
        let audiences = [Audience::Own(fixture::venue(), fixture::staff(1)), Audience::Desk(fixture::venue())];
        for (audience, other) in audiences.iter().zip(audiences.iter().rev()) {
            let mut records = Records::new();
            for change in &changes {
                if let Some(change_part) = change.change.part_for(|held| held == audience) {
                    merge::take_in(&mut records, &Ranked { change: change_part, ..change.clone() });
                }
            }
            let expected: BTreeMap<RecordId, Vec<u8>> =
                records.iter().map(|(id, record)| (*id, codec::record_bytes(record))).collect();
            let of_it = |replica: &Replica| -> BTreeMap<RecordId, Vec<u8>> {
                replica.base_of(audience).map(|record| (record.id, codec::record_bytes(&record))).collect()
            };
            assert_eq!(of_it(&replica), expected);
            if written {
                let mine: Disk = disk.iter().filter(|(of, ..)| of == audience).cloned().collect();
                assert_eq!(records_by_id(&opened(&mine)), expected);
            }
            let mut alone = opened(&disk);
            alone.drop_audience(other);
            if written {
                assert_eq!(records_by_id(&alone), expected);
            }
            check_lists(&alone);
        }
        Ok(())
    });
}

fn opened(disk: &Disk) -> Replica {
    let mut replica = Replica::new();
    for (_, extent, bytes) in disk {
        replica.load(bytes.clone(), *extent).unwrap();
    }
    check_lists(&replica);
    replica
}

fn records_by_id(replica: &Replica) -> BTreeMap<RecordId, Vec<u8>> {
    replica.base().map(|record| (record.id, codec::record_bytes(&record))).collect()
}

#[test]
fn a_damaged_block_touches_nothing() {
    let mut replica = Replica::new();
    let mut records = Records::new();
    merge::take_in(&mut records, &fixture::phone_change());
    let mut bytes = codec::pack(&records.into_values().collect::<Vec<_>>());
    bytes.pop();
    assert!(replica.load(bytes, Extent::Whole).is_err());
    assert!(replica.is_empty() && replica.count("person") == 0);
    assert_eq!(replica.search("", &scope(), 20).total, 0);
}

/// A checkpoint takes its time, and another tab's may meanwhile have made this one read everything anew.
#[test]
fn a_replica_in_anothers_place_packs_nothing_for_its_checkpoint() {
    let mut replica = Replica::new();
    replica.take_in(&fixture::phone_change());
    replica.begin_checkpoint();
    let audience = Audience::Own(fixture::venue(), fixture::staff(1));
    let chunks = replica.to_write(&BTreeMap::from([(audience.clone(), Extent::Latest)]));
    let [chunk] = chunks[&audience].as_slice() else { panic!("one record is one chunk") };
    assert!(replica.packed(chunk).is_some());
    let mut other = Replica::new();
    other.take_in(&fixture::phone_change());
    assert_eq!(other.packed(chunk), None);
    other.end_checkpoint(true, &BTreeMap::new());
    assert_eq!(other.unwritten().values().sum::<usize>(), 1);
}

#[test]
fn of_a_record_that_a_block_has_twice_the_last_stands() {
    let mut records = Records::new();
    merge::take_in(&mut records, &fixture::phone_change());
    let record = records.into_values().next().unwrap();
    let mut later = record.clone();
    let edit = person_edit(5, vec![("name", Op::Latest("李".into()))]);
    merge::apply(
        &mut later,
        Ranked::provisional(Stamp::at(Millis(i64::MAX)), fixture::change(9, vec![])).rank(),
        &edit,
    );
    let mut replica = Replica::new();
    replica.load(codec::pack(&[record, later.clone()]), Extent::Whole).unwrap();
    assert_eq!((replica.len(), replica.count("person")), (1, 1));
    assert_eq!(replica.record(later.id).unwrap().text("name"), Some("李"));
    check_lists(&replica);
}
