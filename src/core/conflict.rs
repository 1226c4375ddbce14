//! Conflicts of guarded groups: what a write has to replace, and how a supervisor settles several sides.
//!
//! Two writes that were made without seeing each other are both kept, and shown as a conflict, until a third one
//! replaces them. A write that names what it replaces incompletely would make a conflict where nobody disagreed.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    audience::Audience,
    change::{Edit, Key, Op, Write},
    id::{ChangeId, RecordId},
    replica::Replica,
    stamp::Rank,
    value::Value,
};

/// One side of a conflict: who wrote it is found by the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    pub rank: Rank,
    pub values: BTreeMap<Key, Value>,
}

/// The writes that a new write to a guarded group replaces: all that its author can see.
///
/// That is more than the heads on show. Own writes that the endpoint has not answered may still be refused, and
/// then what they replaced must not stand up again beside the new write.
#[must_use]
pub fn replaces(replica: &Replica, record: RecordId, group: &str) -> Vec<ChangeId> {
    let heads = |record: Option<std::borrow::Cow<'_, crate::record::Record>>| {
        record.map(|record| record.head_changes(group)).unwrap_or_default()
    };
    let writes_it = |edit: &Edit| {
        edit.record == record
            && edit.writes.iter().any(|write| write.key.as_str() == group && matches!(write.op, Op::Guarded { .. }))
    };
    let unsent = replica.unsent().filter(|ranked| ranked.change.edits().any(writes_it));
    let seen: BTreeSet<ChangeId> = heads(replica.record(record))
        .into_iter()
        .chain(heads(replica.accepted(record)))
        .chain(unsent.map(|ranked| ranked.change.id()))
        .collect();
    seen.into_iter().collect()
}

/// The sides of a guarded group, by rank; the first is the one on show. No more than one is no conflict.
#[must_use]
pub fn sides(replica: &Replica, record: RecordId, group: &str) -> Vec<Side> {
    let Some(record) = replica.record(record) else { return Vec::new() };
    let heads = record.heads(group).iter();
    heads.map(|head| Side { rank: record.rank_at(head.rank), values: head.values.clone() }).collect()
}

/// The edit that settles a group: these values stand, and every side is replaced. What follows from it (a payment
/// made void, a task closed) goes into the same change as edits of its own.
#[must_use]
pub fn settle(replica: &Replica, record: RecordId, group: &Key, values: BTreeMap<Key, Value>) -> Option<Edit> {
    let replaces = replaces(replica, record, group.as_str());
    let record = replica.record(record)?;
    let audience: Audience = record.audience().clone();
    let write = Write { key: group.clone(), op: Op::Guarded { values, replaces } };
    Some(Edit { record: record.id, kind: record.kind().clone(), audience, salt: [0; 8], writes: vec![write] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{change::Ranked, fixture, stamp::Stamp};

    const GROUP: &str = "merging";
    const RECORD: u8 = 5;

    fn record() -> RecordId {
        RecordId::from_bytes(fixture::id_bytes(RECORD))
    }

    fn write(number: u8, value: u8, replaces: Vec<ChangeId>) -> Ranked {
        let values = BTreeMap::from([(Key::of("merged_into"), RecordId::from_bytes(fixture::id_bytes(value)).into())]);
        let edit = fixture::person_edit(RECORD, vec![(GROUP, Op::Guarded { values, replaces })]);
        Ranked::provisional(Stamp::from_number(u64::from(number)), fixture::change(number, vec![edit]))
    }

    #[test]
    fn what_was_made_after_a_refused_write_disagrees_with_nobody() {
        let mut replica = Replica::new();
        replica.take_in(&write(1, 51, Vec::new()));
        let second = write(2, 52, replaces(&replica, record(), GROUP));
        replica.append(second.clone());
        let third = write(3, 53, replaces(&replica, record(), GROUP));
        replica.append(third.clone());
        replica.refuse(second.change.id());
        assert_eq!(sides(&replica, record(), GROUP).len(), 1);
        replica.settle(third.change.id(), third.stamp, third.device, &|_| true);
        assert_eq!(replica.conflicts().count(), 0);
        assert_eq!(sides(&replica, record(), GROUP)[0].rank.change, third.change.id());
    }

    #[test]
    fn a_supervisor_sees_both_sides_and_settles_them() {
        let mut replica = Replica::new();
        replica.take_in(&write(1, 51, Vec::new()));
        replica.take_in(&write(2, 52, Vec::new()));
        let both = sides(&replica, record(), GROUP);
        assert_eq!(both.len(), 2);
        assert_eq!(replica.conflicts().count(), 1);
        let edit = settle(&replica, record(), &Key::of(GROUP), both[1].values.clone()).unwrap();
        let settling = Ranked::provisional(Stamp::from_number(3), fixture::change(3, vec![edit]));
        replica.append(settling.clone());
        assert_eq!(replica.conflicts().count(), 0);
        assert_eq!(sides(&replica, record(), GROUP).len(), 1);
        assert_eq!(sides(&replica, record(), GROUP)[0].values, both[1].values);
    }

    #[test]
    fn two_who_want_the_same_disagree_in_nothing() {
        let mut replica = Replica::new();
        replica.take_in(&write(1, 51, Vec::new()));
        replica.take_in(&write(2, 51, Vec::new()));
        assert_eq!((replica.conflicts().count(), sides(&replica, record(), GROUP).len()), (0, 2));
    }
}
