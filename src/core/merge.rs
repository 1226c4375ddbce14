//! Merging: what a record becomes when a change touches it.
//!
//! The result depends on which changes have arrived and not on their order or number: [`apply`] is
//! commutative, associative and idempotent, field by field, by the merge kind that the write names. It is the
//! one door into a record: own saves, changes from afar, a replay at start, a file carried by hand and the
//! endpoint itself all come through it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    change::{Edit, Key, Op, Ranked},
    id::{ChangeId, RecordId},
    probe,
    record::{Cell, CellTag, Head, RankIndex, Record},
    stamp::Rank,
    value::Value,
};

/// The records that changes make, by id.
pub type Records = BTreeMap<RecordId, Record>;

/// Lets every edit of a change that is shown into the records it touches.
pub fn take_in(records: &mut Records, change: &Ranked) {
    for edit in change.change.edits() {
        apply_to(records, change.rank(), edit);
    }
}

/// Lets one edit into its record, which is made if it is new.
pub fn apply_to(records: &mut Records, rank: Rank, edit: &Edit) {
    apply(records.entry(edit.record).or_insert_with(|| begin(rank, edit)), rank, edit);
}

/// A record as the first edit that reaches it begins it: without fields yet.
#[must_use]
pub fn begin(rank: Rank, edit: &Edit) -> Record {
    Record {
        id: edit.record,
        kind: (0, edit.kind.clone()),
        audience: (0, edit.audience.clone()),
        ranks: vec![rank],
        cells: Vec::new(),
    }
}

/// Record + edit = record.
pub fn apply(record: &mut Record, rank: Rank, edit: &Edit) {
    let at = intern(record, rank);
    if probe::decide(
        "merge: the first kind stands",
        (rank, &edit.kind) < (record.rank_at(record.kind.0), &record.kind.1),
    ) {
        record.kind = (at, edit.kind.clone());
    }
    if probe::decide(
        "merge: the latest audience stands",
        (rank, &edit.audience) > (record.rank_at(record.audience.0), &record.audience.1),
    ) {
        record.audience = (at, edit.audience.clone());
    }
    for write in &edit.writes {
        let tag = tag_of(&write.op);
        let place = record.cells.binary_search_by(|(key, cell)| (key, cell.tag()).cmp(&(&write.key, tag)));
        match place {
            Ok(place) => {
                let Record { ranks, cells, .. } = record;
                settle(&mut cells[place].1, ranks, at, &write.op);
            }
            Err(place) => record.cells.insert(place, (write.key.clone(), new_cell(at, rank, &write.op))),
        }
    }
    tidy(record);
}

/// Lets all that another record has into this one, of the same id: the record that the changes of both make.
pub fn join(record: &mut Record, other: &Record) {
    let (kind, audience) = ((other.begun(), &other.kind.1), (other.rank_at(other.audience.0), &other.audience.1));
    if kind < (record.begun(), &record.kind.1) {
        record.kind = (intern(record, kind.0), kind.1.clone());
    }
    if audience > (record.rank_at(record.audience.0), &record.audience.1) {
        record.audience = (intern(record, audience.0), audience.1.clone());
    }
    for (key, cell) in &other.cells {
        // The first write makes the cell; all of them, that one too, are let in as ever.
        let mut put = |rank: RankIndex, op: &Op| {
            let rank = other.rank_at(rank);
            let at = intern(record, rank);
            let tag = tag_of(op);
            let place = record.cells.binary_search_by(|(known, cell)| (known, cell.tag()).cmp(&(key, tag)));
            match place {
                Ok(place) => settle(&mut record.cells[place].1, &record.ranks, at, op),
                Err(place) => record.cells.insert(place, (key.clone(), new_cell(at, rank, op))),
            }
        };
        match cell {
            Cell::Latest { rank, value } => put(*rank, &Op::Latest(value.clone())),
            Cell::First { rank, value } => put(*rank, &Op::First(value.clone())),
            Cell::Sticky { rank, value } => put(*rank, &Op::Sticky(value.clone())),
            Cell::Once(values) => values.iter().for_each(|(rank, value)| put(*rank, &Op::Once(value.clone()))),
            Cell::Set(elements) => {
                for (element, (rank, present)) in elements {
                    put(*rank, &if *present { Op::Add(element.clone()) } else { Op::Remove(element.clone()) });
                }
            }
            Cell::Guarded { heads, replaced } => {
                let mut cell = Cell::Guarded { heads: Vec::new(), replaced: replaced.clone() };
                let place =
                    record.cells.binary_search_by(|(known, cell)| (known, cell.tag()).cmp(&(key, CellTag::Guarded)));
                let place = place.unwrap_or_else(|place| {
                    record.cells.insert(place, (key.clone(), cell.clone()));
                    place
                });
                std::mem::swap(&mut record.cells[place].1, &mut cell);
                let Cell::Guarded { heads: ours, replaced: known } = cell else {
                    unreachable!("it was found by its tag")
                };
                let mut all = ours;
                for head in heads {
                    let at = intern(record, other.rank_at(head.rank));
                    put_head(&mut all, &|index| record.rank_at(index), Head { rank: at, values: head.values.clone() });
                }
                let replaced: BTreeSet<ChangeId> = known.union(replaced).copied().collect();
                all.retain(|head| !replaced.contains(&record.rank_at(head.rank).change));
                all.sort_by(|one, two| {
                    (record.rank_at(one.rank), &one.values).cmp(&(record.rank_at(two.rank), &two.values))
                });
                record.cells[place].1 = Cell::Guarded { heads: all, replaced };
            }
        }
    }
    tidy(record);
}

fn tag_of(op: &Op) -> CellTag {
    match op {
        Op::Latest(_) => CellTag::Latest,
        Op::First(_) => CellTag::First,
        Op::Sticky(_) => CellTag::Sticky,
        Op::Once(_) => CellTag::Once,
        Op::Add(_) | Op::Remove(_) => CellTag::Set,
        Op::Guarded { .. } => CellTag::Guarded,
    }
}

fn intern(record: &mut Record, rank: Rank) -> RankIndex {
    let known = record.ranks.iter().position(|other| *other == rank);
    known.unwrap_or_else(|| {
        record.ranks.push(rank);
        record.ranks.len() - 1
    }) as RankIndex
}

fn new_cell(at: RankIndex, rank: Rank, op: &Op) -> Cell {
    match op {
        Op::Latest(value) => Cell::Latest { rank: at, value: value.clone() },
        Op::First(value) => Cell::First { rank: at, value: value.clone() },
        Op::Sticky(value) => Cell::Sticky { rank: at, value: value.clone() },
        Op::Once(value) => Cell::Once(vec![(at, value.clone())]),
        Op::Add(value) => Cell::Set(BTreeMap::from([(value.clone(), (at, true))])),
        Op::Remove(value) => Cell::Set(BTreeMap::from([(value.clone(), (at, false))])),
        Op::Guarded { values, replaces } => Cell::Guarded {
            heads: vec![Head { rank: at, values: values.clone() }],
            replaced: replaces.iter().copied().filter(|id| *id != rank.change).collect(),
        },
    }
}

fn settle(cell: &mut Cell, ranks: &[Rank], at: RankIndex, op: &Op) {
    let rank_at = |index: RankIndex| ranks[index as usize];
    let new = rank_at(at);
    match (cell, op) {
        (Cell::Latest { rank, value }, Op::Latest(written)) => {
            if probe::decide("merge: the later value stands", (new, written) > (rank_at(*rank), value)) {
                (*rank, *value) = (at, written.clone());
            }
        }
        (Cell::First { rank, value }, Op::First(written)) => {
            if probe::decide("merge: the first value stands", (new, written) < (rank_at(*rank), value)) {
                (*rank, *value) = (at, written.clone());
            }
        }
        (Cell::Sticky { rank, value }, Op::Sticky(written)) => {
            // Yes beats no; of two yeses the earlier stands, so that it says since when; of two noes the later.
            let is_yes = |value: &Value| *value == Value::Bool(true);
            let replaces = match (is_yes(written), is_yes(value)) {
                (true, true) => probe::decide("merge: the earlier yes stands", new < rank_at(*rank)),
                (false, false) => probe::decide("merge: the later no stands", (new, written) > (rank_at(*rank), value)),
                (now, _) => probe::decide("merge: yes beats no", now),
            };
            if replaces {
                (*rank, *value) = (at, written.clone());
            }
        }
        (Cell::Once(values), Op::Once(written)) => {
            match values.iter_mut().find(|(_, value)| value == written) {
                Some((rank, _)) if probe::decide("merge: once by the earlier of equals", new < rank_at(*rank)) => {
                    *rank = at
                }
                Some(_) => {}
                None => {
                    if probe::step("merge: a second value of once is kept") {
                        values.push((at, written.clone()));
                    }
                }
            }
            values.sort_by(|(one, a), (other, b)| (rank_at(*one), a).cmp(&(rank_at(*other), b)));
        }
        (Cell::Set(elements), Op::Add(element) | Op::Remove(element)) => {
            let present = matches!(op, Op::Add(_));
            let place = elements.entry(element.clone()).or_insert((at, present));
            if probe::decide("merge: the later word on an element stands", (new, present) > (rank_at(place.0), place.1))
            {
                *place = (at, present);
            }
        }
        (Cell::Guarded { heads, replaced }, Op::Guarded { values, replaces }) => {
            guard(heads, replaced, &rank_at, at, values, replaces);
        }
        _ => unreachable!("cells are found by the tag of the write"),
    }
}

fn guard(
    heads: &mut Vec<Head>,
    replaced: &mut BTreeSet<ChangeId>,
    rank_at: &impl Fn(RankIndex) -> Rank,
    at: RankIndex,
    values: &BTreeMap<Key, Value>,
    replaces: &[ChangeId],
) {
    let new = rank_at(at);
    if probe::step("merge: what is replaced is remembered") {
        replaced.extend(replaces.iter().filter(|id| **id != new.change));
    }
    put_head(heads, rank_at, Head { rank: at, values: values.clone() });
    heads.retain(|head| !probe::decide("merge: a head was replaced", replaced.contains(&rank_at(head.rank).change)));
    heads.sort_by(|one, other| (rank_at(one.rank), &one.values).cmp(&(rank_at(other.rank), &other.values)));
}

/// Adds a head, unless it is here; of one change under two ranks (an endpoint was restored) the lower stands.
fn put_head(heads: &mut Vec<Head>, rank_at: &impl Fn(RankIndex) -> Rank, new: Head) {
    let rank = rank_at(new.rank);
    let is_here = |head: &&mut Head| rank_at(head.rank).change == rank.change && head.values == new.values;
    let known = heads.iter_mut().find(is_here);
    if probe::decide("merge: a head that is here comes again", known.is_some()) {
        if let Some(known) = known.filter(|known| rank < rank_at(known.rank)) {
            known.rank = new.rank;
        }
    } else {
        heads.push(new);
    }
}

/// Drops ranks that nothing points to, once they outnumber those in use.
fn tidy(record: &mut Record) {
    if record.ranks.len() < 8 {
        return;
    }
    let used = record.used_ranks();
    if record.ranks.len() < 2 * used.len() {
        return;
    }
    *record = compact(record);
}

/// The same record with its ranks sorted and none without use: the form that is written down.
pub(crate) fn compact(record: &Record) -> Record {
    let mut used: Vec<RankIndex> = record.used_ranks().into_iter().collect();
    used.sort_by_key(|index| record.rank_at(*index));
    let mut record = record.clone();
    let new_index: BTreeMap<RankIndex, RankIndex> =
        used.iter().enumerate().map(|(new, old)| (*old, new as RankIndex)).collect();
    record.ranks = used.iter().map(|index| record.rank_at(*index)).collect();
    let renew = |index: &mut RankIndex| *index = new_index[index];
    renew(&mut record.kind.0);
    renew(&mut record.audience.0);
    for (_, cell) in &mut record.cells {
        match cell {
            Cell::Latest { rank, .. } | Cell::First { rank, .. } | Cell::Sticky { rank, .. } => renew(rank),
            Cell::Once(values) => values.iter_mut().for_each(|(rank, _)| renew(rank)),
            Cell::Set(elements) => elements.values_mut().for_each(|(rank, _)| renew(rank)),
            Cell::Guarded { heads, .. } => heads.iter_mut().for_each(|head| renew(&mut head.rank)),
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;

    use super::*;
    use crate::{codec, fixture};

    fn bytes(records: &Records) -> Vec<u8> {
        records.values().flat_map(codec::record_bytes).collect()
    }

    fn merged<'a>(changes: impl IntoIterator<Item = &'a Ranked>) -> Vec<u8> {
        let mut records = Records::new();
        changes.into_iter().for_each(|change| take_in(&mut records, change));
        bytes(&records)
    }

    /// Changes of which some come twice, the second time under another rank or with other content.
    fn changes_that_come_again(u: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Vec<Ranked>> {
        Ok([fixture::changes(u)?, fixture::changes(u)?].concat())
    }

    #[test]
    fn any_order_gives_the_same_record() {
        arbtest(|u| {
            let changes = changes_that_come_again(u)?;
            let mut shuffled: Vec<&Ranked> = changes.iter().collect();
            for place in (1..shuffled.len()).rev() {
                shuffled.swap(place, u.int_in_range(0..=place)?);
            }
            assert_eq!(merged(&changes), merged(shuffled));
            Ok(())
        });
    }

    #[test]
    fn the_same_change_twice_changes_nothing() {
        arbtest(|u| {
            let changes = fixture::changes(u)?;
            let again = u.int_in_range(0..=changes.len() - 1)?;
            assert_eq!(merged(&changes), merged(changes.iter().chain(&changes[again..])));
            Ok(())
        });
    }

    #[test]
    fn how_changes_are_grouped_makes_no_difference() {
        // A page at a time with a checkpoint (encoded and read back) in between, or all at once.
        arbtest(|u| {
            let changes = fixture::changes(u)?;
            let cut = u.int_in_range(0..=changes.len())?;
            let mut records = Records::new();
            changes[..cut].iter().for_each(|change| take_in(&mut records, change));
            let block = codec::block_bytes(records.values());
            let mut records: Records =
                codec::read_block(&block).unwrap().into_iter().map(|record| (record.id, record)).collect();
            changes[cut..].iter().for_each(|change| take_in(&mut records, change));
            assert_eq!(bytes(&records), merged(&changes));
            Ok(())
        });
    }

    #[test]
    fn what_several_audiences_have_of_a_record_joins_to_the_whole() {
        arbtest(|u| {
            let changes = changes_that_come_again(u)?;
            // Which part a change is in does not matter, nor whether it is in both.
            let (mut one, mut other) = (Records::new(), Records::new());
            for change in &changes {
                let place = u.int_in_range(0..=2)?;
                if place != 0 {
                    take_in(&mut one, change);
                }
                if place != 1 {
                    take_in(&mut other, change);
                }
            }
            for (id, record) in &other {
                match one.get_mut(id) {
                    Some(known) => join(known, record),
                    None => drop(one.insert(*id, record.clone())),
                }
            }
            assert_eq!(bytes(&one), merged(&changes));
            Ok(())
        });
    }

    /// Each merge kind by an independent reckoning: sort by rank, then say in plain words what holds.
    #[test]
    fn each_kind_is_what_it_says() {
        arbtest(|u| {
            let mut changes = fixture::changes(u)?;
            let mut records = Records::new();
            changes.iter().for_each(|change| take_in(&mut records, change));
            changes.sort_by_key(Ranked::rank);
            changes.dedup_by_key(|change| change.rank());
            for record in records.values() {
                let writes = |key: &str| -> Vec<Op> {
                    changes
                        .iter()
                        .flat_map(|change| change.change.edits())
                        .filter(|edit| edit.record == record.id)
                        .flat_map(|edit| edit.writes.iter().filter(|write| write.key.as_str() == key))
                        .map(|write| write.op.clone())
                        .collect()
                };
                if let Some(Op::Latest(value)) = writes("name").last() {
                    assert_eq!(record.get("name"), Some(value).filter(|value| !value.is_empty()));
                }
                if let Some(Op::First(value)) = writes("owner").first() {
                    assert_eq!(record.get("owner"), Some(value).filter(|value| !value.is_empty()));
                }
                let ever_refused = writes("do_not_contact").contains(&Op::Sticky(Value::Bool(true)));
                assert_eq!(record.is("do_not_contact"), ever_refused);
                let once: BTreeSet<Op> = writes("card_no").into_iter().collect();
                assert_eq!(record.conflicts().any(|key| key.as_str() == "card_no"), once.len() > 1);
                let mut elements = BTreeMap::new();
                for op in writes("interests") {
                    match op {
                        Op::Add(element) => elements.insert(element, true),
                        Op::Remove(element) => elements.insert(element, false),
                        _ => None,
                    };
                }
                let present: Vec<Value> = elements.into_iter().filter(|(_, is)| *is).map(|(value, _)| value).collect();
                assert_eq!(record.elements("interests").cloned().collect::<Vec<_>>(), present);
                guarded_is_right(record, &changes);
            }
            Ok(())
        });
    }

    fn guarded_is_right(record: &Record, changes: &[Ranked]) {
        let mut written = BTreeMap::new();
        let mut replaced: BTreeSet<ChangeId> = BTreeSet::new();
        for change in changes {
            for edit in change.change.edits().filter(|edit| edit.record == record.id) {
                for write in &edit.writes {
                    if let Op::Guarded { values, replaces } = &write.op {
                        written.insert(change.change.id(), values.clone());
                        replaced.extend(replaces.iter().filter(|id| **id != change.change.id()));
                    }
                }
            }
        }
        written.retain(|id, _| !replaced.contains(id));
        let heads: BTreeMap<_, _> = record
            .heads("membership")
            .iter()
            .map(|head| (record.rank_at(head.rank).change, head.values.clone()))
            .collect();
        assert_eq!(heads, written);
    }
}
