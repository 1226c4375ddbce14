//! One guest, two records: who keeps the lead, how the two become one, and how that is taken back.
//!
//! Joining writes one guarded field of the record that yields and nothing else, so taking it back is one write as
//! well, at any time. Nothing is joined by itself: the same number is a proposal. The ruling is a function of the
//! two records alone, whichever came first, so that everyone who holds both arrives at the same; and it goes by
//! the ranks that the endpoint has put right, so that no wrong clock captures a lead.
//! Source: R-013 and the domain catalogue, 18.4: first capture keeps ownership.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    change::{Edit, Key, Op, Write},
    conflict,
    id::{RecordId, StaffId},
    lead::{MERGED_INTO, MERGING, RULING, owner},
    record::Record,
    replica::Replica,
    value::Value,
};

const JOINED: &str = "joined";
const NOT_THE_SAME: &str = "not_the_same";

/// Why one of two captures keeps the lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Both belong to the same person: there is nothing to rule.
    SameOwner,
    /// The other one was taken back.
    OtherWithdrawn,
    /// Captured earlier, by so many milliseconds.
    CapturedFirst { earlier_ms: i64 },
    /// Captured in the same millisecond: the lower rank, for want of a better sign.
    SameMoment,
    /// A supervisor decided otherwise.
    Overruled,
}

impl Reason {
    /// As it is written into a change.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::SameOwner => "same_owner",
            Self::OtherWithdrawn => "other_withdrawn",
            Self::CapturedFirst { .. } => "captured_first",
            Self::SameMoment => "same_moment",
            Self::Overruled => "overruled",
        }
    }
}

/// Who keeps a lead that was captured twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling {
    pub keeps: RecordId,
    pub yields: RecordId,
    pub owner: Option<StaffId>,
    pub reason: Reason,
}

/// Rules between two records of the same guest; the same whichever is named first.
#[must_use]
pub fn rule(one: &Record, other: &Record) -> Ruling {
    let (first, second) = if one.begun() <= other.begun() { (one, other) } else { (other, one) };
    let (keeps, yields, reason) = if first.is("withdrawn") != second.is("withdrawn") {
        let (gone, left) = if first.is("withdrawn") { (first, second) } else { (second, first) };
        (left, gone, Reason::OtherWithdrawn)
    } else if first.text("owner").is_some() && first.text("owner") == second.text("owner") {
        (first, second, Reason::SameOwner)
    } else {
        let earlier_ms = second.begun().stamp.millis().since(first.begun().stamp.millis());
        let reason = if earlier_ms > 0 { Reason::CapturedFirst { earlier_ms } } else { Reason::SameMoment };
        (first, second, reason)
    };
    // Whoever has the other keeps one that is nobody's.
    Ruling { keeps: keeps.id, yields: yields.id, owner: owner(keeps).or_else(|| owner(yields)), reason }
}

/// The edits by which a ruling takes effect: the record that keeps says so, and the other is joined to it.
#[must_use]
pub fn carry_out(replica: &Replica, ruling: Ruling) -> Vec<Edit> {
    let ruled = ruling.owner.and_then(|owner| ruled(replica, ruling.keeps, owner, ruling.reason, ruling.yields));
    let kept = replica.record(ruling.keeps);
    let kept = kept.map(|record| Edit {
        record: record.id,
        kind: record.kind().clone(),
        audience: record.audience().clone(),
        salt: [0; 8],
        writes: Vec::new(),
    });
    let mut edits = Vec::new();
    if let Some(mut edit) = ruled.or(kept) {
        // Where the other went is found from here too.
        edit.writes.push(Write { key: Key::of(JOINED), op: Op::Add(ruling.yields.into()) });
        edits.push(edit);
    }
    edits.extend(join(replica, ruling.yields, ruling.keeps));
    edits
}

/// The records that are shown as part of this one now.
#[must_use]
pub fn joined(replica: &Replica, person: RecordId) -> Vec<RecordId> {
    let Some(record) = replica.record(person) else { return Vec::new() };
    let ever = record.elements(JOINED).filter_map(Value::as_id);
    ever.filter(|other| *other != person && stands_for(replica, *other) == person).collect()
}

/// A supervisor gives a lead to somebody else, against the ruling. It stays on record.
#[must_use]
pub fn overrule(replica: &Replica, person: RecordId, owner: StaffId, over: RecordId) -> Option<Edit> {
    ruled(replica, person, owner, Reason::Overruled, over)
}

fn ruled(replica: &Replica, person: RecordId, owner: StaffId, reason: Reason, over: RecordId) -> Option<Edit> {
    let values = BTreeMap::from([
        (Key::of("owner"), owner.to_string().into()),
        (Key::of("reason"), reason.key().into()),
        (Key::of("over"), over.into()),
    ]);
    conflict::settle(replica, person, &Key::of(RULING), values)
}

/// Joins one record to another: from now on it is shown as part of it.
#[must_use]
pub fn join(replica: &Replica, from: RecordId, into: RecordId) -> Option<Edit> {
    let values = BTreeMap::from([(Key::of(MERGED_INTO), into.into())]);
    conflict::settle(replica, from, &Key::of(MERGING), values).filter(|_| from != into)
}

/// Takes a joining back: the record stands alone again, as it was.
#[must_use]
pub fn part(replica: &Replica, from: RecordId) -> Option<Edit> {
    let values = BTreeMap::from([(Key::of(MERGED_INTO), Value::Empty)]);
    conflict::settle(replica, from, &Key::of(MERGING), values)
}

/// The record that stands for this one: itself, or what it was joined to, as far as that leads. Of records that
/// were joined in a ring, by people who did not see each other, the one that was begun first.
#[must_use]
pub fn stands_for(replica: &Replica, id: RecordId) -> RecordId {
    let mut way = vec![id];
    let mut here = id;
    while let Some(next) = joined_to(replica, here) {
        if let Some(ring) = way.iter().position(|other| *other == next) {
            let begun = |id: &RecordId| replica.record(*id).map(|record| record.begun());
            return way[ring..].iter().copied().min_by_key(begun).expect("a ring has at least one record");
        }
        way.push(next);
        here = next;
    }
    here
}

/// What a record was joined to, if that is here as well.
fn joined_to(replica: &Replica, id: RecordId) -> Option<RecordId> {
    let into = replica.record(id)?.guarded(MERGING)?.get(MERGED_INTO)?.as_id()?;
    replica.record(into).map(|record| record.id)
}

/// Says that two records are two people, so that they are not proposed again.
#[must_use]
pub fn keep_apart(replica: &Replica, one: RecordId, other: RecordId) -> Option<Edit> {
    let record = replica.record(one)?;
    let write = Write { key: Key::of(NOT_THE_SAME), op: Op::Add(other.into()) };
    Some(Edit {
        record: one,
        kind: record.kind().clone(),
        audience: record.audience().clone(),
        salt: [0; 8],
        writes: vec![write],
    })
}

/// People with the same phone number as this one that are still to be looked at, in the order of their beginning.
#[must_use]
pub fn proposals(replica: &Replica, person: RecordId) -> Vec<RecordId> {
    let Some(record) = replica.record(person) else { return Vec::new() };
    let Some(phone) = record.text("phone") else { return Vec::new() };
    let apart = |one: &Record, other: RecordId| one.elements(NOT_THE_SAME).any(|id| id.as_id() == Some(other));
    let here = stands_for(replica, person);
    let mut found: Vec<_> = replica
        .by_phone(phone)
        .map(|id| stands_for(replica, id))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|id| *id != here)
        .filter_map(|id| replica.record(id))
        .filter(|other| !other.is("withdrawn") && !apart(&record, other.id) && !apart(other, record.id))
        .map(|other| (other.begun(), other.id))
        .collect();
    found.sort();
    found.into_iter().map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;

    use super::*;
    use crate::{change::Ranked, fixture, stamp::Stamp, time::Millis};

    const PHONE: &str = "+8613800138000";

    fn id(number: u8) -> RecordId {
        RecordId::from_bytes(fixture::id_bytes(number))
    }

    /// Record `number`, captured by `staff` at `at`.
    fn capture(number: u8, staff: u8, at: i64) -> Ranked {
        let edit = fixture::person_edit(
            number,
            vec![("phone", Op::Latest(PHONE.into())), ("owner", Op::First(fixture::staff(staff).to_string().into()))],
        );
        Ranked::provisional(Stamp::at(Millis(at)), fixture::change(number, vec![edit]))
    }

    fn save(replica: &mut Replica, number: u8, edits: Vec<Edit>) {
        let stamp = Stamp::at(Millis(1_000_000 + i64::from(number)));
        replica.take_in(&Ranked::provisional(stamp, fixture::change(number, edits)));
    }

    fn replica(changes: &[Ranked]) -> Replica {
        let mut replica = Replica::new();
        changes.iter().for_each(|change| drop(replica.take_in(change)));
        replica
    }

    fn check(changes: &[Ranked], keeps: u8, reason: Reason) {
        let replica = replica(changes);
        let (one, other) = (replica.record(id(1)).unwrap(), replica.record(id(2)).unwrap());
        let ruling = rule(&one, &other);
        assert_eq!(ruling, rule(&other, &one));
        assert_eq!((ruling.keeps, ruling.reason), (id(keeps), reason));
    }

    #[test]
    fn who_captured_first_keeps_the_lead() {
        check(&[capture(1, 1, 5_000), capture(2, 2, 9_000)], 1, Reason::CapturedFirst { earlier_ms: 4_000 });
        check(&[capture(2, 2, 9_000), capture(1, 1, 5_000)], 1, Reason::CapturedFirst { earlier_ms: 4_000 });
        check(&[capture(1, 1, 5_000), capture(2, 2, 5_000)], 1, Reason::SameMoment);
        check(&[capture(1, 1, 9_000), capture(2, 1, 5_000)], 2, Reason::SameOwner);
    }

    #[test]
    fn what_was_taken_back_keeps_nothing() {
        let withdrawn = fixture::person_edit(1, vec![("withdrawn", Op::Latest(true.into()))]);
        let withdrawn = Ranked::provisional(Stamp::at(Millis(20_000)), fixture::change(3, vec![withdrawn]));
        check(&[capture(1, 1, 5_000), capture(2, 2, 9_000), withdrawn], 2, Reason::OtherWithdrawn);
    }

    #[test]
    fn the_ruling_is_the_same_in_any_order_of_arrival() {
        arbtest(|u| {
            let mut changes = vec![capture(1, 1, u.int_in_range(0..=3)?), capture(2, 2, u.int_in_range(0..=3)?)];
            for number in 3..6 {
                let field = *u.choose(&["withdrawn", "note"])?;
                let value: Value = if field == "note" { "新".into() } else { u.arbitrary::<bool>()?.into() };
                let edit = fixture::person_edit(u.int_in_range(1..=2)?, vec![(field, Op::Latest(value))]);
                let stamp = Stamp::at(Millis(u.int_in_range(0..=9)?));
                changes.push(Ranked::provisional(stamp, fixture::change(number, vec![edit])));
            }
            let ruled = |changes: &[Ranked]| {
                let replica = replica(changes);
                rule(&replica.record(id(1)).unwrap(), &replica.record(id(2)).unwrap())
            };
            let before = ruled(&changes);
            for place in (1..changes.len()).rev() {
                changes.swap(place, u.int_in_range(0..=place)?);
            }
            assert_eq!(ruled(&changes), before);
            Ok(())
        });
    }

    #[test]
    fn a_ruling_joins_and_is_taken_back_without_a_trace_in_the_other_fields() {
        let mut replica = replica(&[capture(1, 1, 5_000), capture(2, 2, 9_000)]);
        assert_eq!(proposals(&replica, id(1)), [id(2)]);
        let before = replica.record(id(2)).unwrap().into_owned();
        let ruling = rule(&replica.record(id(1)).unwrap(), &replica.record(id(2)).unwrap());
        let edits = carry_out(&replica, ruling);
        save(&mut replica, 10, edits);
        assert_eq!((stands_for(&replica, id(2)), stands_for(&replica, id(1))), (id(1), id(1)));
        assert!(proposals(&replica, id(1)).is_empty());
        assert_eq!((joined(&replica, id(1)), joined(&replica, id(2))), (vec![id(2)], vec![]));
        let back = part(&replica, id(2)).unwrap();
        save(&mut replica, 11, vec![back]);
        assert_eq!(stands_for(&replica, id(2)), id(2));
        assert_eq!(proposals(&replica, id(1)), [id(2)]);
        assert!(joined(&replica, id(1)).is_empty());
        let after = replica.record(id(2)).unwrap();
        for field in ["phone", "owner"] {
            assert_eq!((after.get(field), after.rank_of(field)), (before.get(field), before.rank_of(field)));
        }
    }

    #[test]
    fn the_same_ruling_made_twice_is_no_conflict() {
        let mut replica = replica(&[capture(1, 1, 5_000), capture(2, 2, 9_000)]);
        let ruling = rule(&replica.record(id(1)).unwrap(), &replica.record(id(2)).unwrap());
        let (endpoints, supervisors) = (carry_out(&replica, ruling), carry_out(&replica, ruling));
        save(&mut replica, 10, endpoints);
        save(&mut replica, 11, supervisors);
        assert_eq!(replica.conflicts().count(), 0);
        assert_eq!(owner(&replica.record(id(1)).unwrap()), Some(fixture::staff(1)));
    }

    #[test]
    fn a_supervisor_overrules_and_it_stays_on_record() {
        let mut replica = replica(&[capture(1, 1, 5_000), capture(2, 2, 9_000)]);
        let ruling = rule(&replica.record(id(1)).unwrap(), &replica.record(id(2)).unwrap());
        let edits = carry_out(&replica, ruling);
        save(&mut replica, 10, edits);
        let edit = overrule(&replica, id(1), fixture::staff(2), id(2)).unwrap();
        save(&mut replica, 11, vec![edit]);
        let person = replica.record(id(1)).unwrap();
        assert_eq!(owner(&person), Some(fixture::staff(2)));
        assert_eq!(person.guarded(RULING).unwrap()["reason"], Value::from("overruled"));
        assert_eq!(person.text("owner"), Some(fixture::staff(1).to_string().as_str()));
    }

    #[test]
    fn records_joined_in_a_ring_stand_as_the_first_of_them() {
        let mut replica = replica(&[capture(1, 1, 9_000), capture(2, 2, 5_000), capture(3, 2, 7_000)]);
        let edits = [(1, 2), (2, 3), (3, 1)].map(|(from, into)| join(&replica, id(from), id(into)).unwrap());
        save(&mut replica, 10, edits.into());
        for number in 1..=3 {
            assert_eq!(stands_for(&replica, id(number)), id(2), "{number}");
        }
        assert_eq!(join(&replica, id(1), id(1)), None);
    }

    #[test]
    fn two_people_who_share_a_number_are_left_alone() {
        let mut replica = replica(&[capture(1, 1, 5_000), capture(2, 2, 9_000)]);
        let edit = keep_apart(&replica, id(2), id(1)).unwrap();
        save(&mut replica, 10, vec![edit]);
        assert!(proposals(&replica, id(1)).is_empty() && proposals(&replica, id(2)).is_empty());
    }
}
