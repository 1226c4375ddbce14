//! What every record must be, worked out from the ledger without the code that merges: sorted by rank, then said in
//! plain words for each merge kind.

use std::collections::{BTreeMap, BTreeSet};

use yingke_core::{
    audience::Audience,
    change::{Key, Op, Ranked},
    id::{ChangeId, RecordId},
    record::{Cell, CellTag, Record},
    stamp::Rank,
    value::Value,
};

/// What a field must hold.
#[derive(Debug, PartialEq)]
enum Holds {
    /// A value, and the change that says so.
    One(ChangeId, Value),
    Once(Vec<Value>),
    Set(BTreeMap<Value, bool>),
    /// The heads, by the change that wrote each, and in the order of their ranks.
    Heads(Vec<(ChangeId, BTreeMap<Key, Value>)>),
}

#[derive(Debug)]
pub struct Reckoned {
    kind: Key,
    audience: Audience,
    fields: BTreeMap<(Key, CellTag), Holds>,
}

/// Every record that these audiences hold of some accepted changes.
pub fn records<'a>(
    changes: impl Iterator<Item = &'a Ranked>,
    holds: impl Fn(&Audience) -> bool,
) -> BTreeMap<RecordId, Reckoned> {
    let mut writes: Vec<(Rank, &'a yingke_core::change::Edit)> = Vec::new();
    for change in changes {
        writes.extend(change.change.edits().filter(|edit| holds(&edit.audience)).map(|edit| (change.rank(), edit)));
    }
    writes.sort_by_key(|(rank, _)| *rank);
    let mut by_record: BTreeMap<RecordId, Vec<(Rank, &yingke_core::change::Edit)>> = BTreeMap::new();
    for (rank, edit) in writes {
        by_record.entry(edit.record).or_default().push((rank, edit));
    }
    by_record.into_iter().map(|(id, edits)| (id, reckon(&edits))).collect()
}

/// One record from its edits, earliest rank first.
fn reckon(edits: &[(Rank, &yingke_core::change::Edit)]) -> Reckoned {
    let mut ops: BTreeMap<(Key, CellTag), Vec<(ChangeId, &Op)>> = BTreeMap::new();
    for (rank, edit) in edits {
        for write in &edit.writes {
            ops.entry((write.key.clone(), tag(&write.op))).or_default().push((rank.change, &write.op));
        }
    }
    Reckoned {
        kind: edits[0].1.kind.clone(),
        audience: edits[edits.len() - 1].1.audience.clone(),
        fields: ops.into_iter().map(|(field, ops)| (field, holds(&ops))).collect(),
    }
}

fn tag(op: &Op) -> CellTag {
    match op {
        Op::Latest(_) => CellTag::Latest,
        Op::First(_) => CellTag::First,
        Op::Sticky(_) => CellTag::Sticky,
        Op::Once(_) => CellTag::Once,
        Op::Add(_) | Op::Remove(_) => CellTag::Set,
        Op::Guarded { .. } => CellTag::Guarded,
    }
}

/// Earliest first.
fn holds(ops: &[(ChangeId, &Op)]) -> Holds {
    let yes = Value::Bool(true);
    let (last, first) = (&ops[ops.len() - 1], &ops[0]);
    match first.1 {
        Op::Latest(_) => match last.1 {
            Op::Latest(value) => Holds::One(last.0, value.clone()),
            other => unreachable!("{other:?} among the latest"),
        },
        Op::First(value) => Holds::One(first.0, value.clone()),
        // Who said yes first made it stick; of those who say no, the last.
        Op::Sticky(_) => match ops.iter().find(|(_, op)| **op == Op::Sticky(yes.clone())) {
            Some((id, _)) => Holds::One(*id, yes),
            None => Holds::One(last.0, Value::Bool(false)),
        },
        Op::Once(_) => {
            let mut values = Vec::new();
            for (_, op) in ops {
                if let Op::Once(value) = op
                    && !values.contains(value)
                {
                    values.push(value.clone());
                }
            }
            Holds::Once(values)
        }
        Op::Add(_) | Op::Remove(_) => {
            let mut elements = BTreeMap::new();
            for (_, op) in ops {
                match op {
                    Op::Add(element) => drop(elements.insert(element.clone(), true)),
                    Op::Remove(element) => drop(elements.insert(element.clone(), false)),
                    other => unreachable!("{other:?} in a set"),
                }
            }
            Holds::Set(elements)
        }
        Op::Guarded { .. } => {
            let mut heads = Vec::new();
            let mut replaced: BTreeSet<ChangeId> = BTreeSet::new();
            for (id, op) in ops {
                if let Op::Guarded { values, replaces } = op {
                    heads.push((*id, values.clone()));
                    replaced.extend(replaces.iter().filter(|other| *other != id));
                }
            }
            heads.retain(|(id, _)| !replaced.contains(id));
            Holds::Heads(heads)
        }
    }
}

impl Reckoned {
    /// The first thing in which a record is not what it must be.
    pub fn differs(&self, record: &Record) -> Option<String> {
        if *record.kind() != self.kind {
            return Some(format!("kind {:?}, not {:?}", record.kind(), self.kind));
        }
        if *record.audience() != self.audience {
            return Some(format!("audience {:?}, not {:?}", record.audience(), self.audience));
        }
        let mut seen = BTreeSet::new();
        for (key, cell) in record.fields() {
            let field = (key.clone(), cell.tag());
            let Some(expected) = self.fields.get(&field) else { return Some(format!("{key} was never written")) };
            let found = match cell {
                Cell::Latest { value, .. } | Cell::First { value, .. } | Cell::Sticky { value, .. } => {
                    let by = record.rank_of(key.as_str()).expect("a field that holds one value says who set it");
                    Holds::One(by.change, value.clone())
                }
                Cell::Once(values) => Holds::Once(values.iter().map(|(_, value)| value.clone()).collect()),
                Cell::Set(elements) => {
                    Holds::Set(elements.iter().map(|(value, (_, present))| (value.clone(), *present)).collect())
                }
                Cell::Guarded { heads, .. } => {
                    let ids = record.head_changes(key.as_str()).into_iter();
                    Holds::Heads(ids.zip(heads.iter().map(|head| head.values.clone())).collect())
                }
            };
            if found != *expected {
                return Some(format!("{key} holds what it must not"));
            }
            let two_sides = record.conflicts().any(|other| other == key);
            if two_sides != expected.has_two_sides() {
                return Some(format!("{key}: in conflict {two_sides}, which it is not"));
            }
            seen.insert(field);
        }
        self.fields.keys().find(|field| !seen.contains(field)).map(|(key, _)| format!("{key} is missing"))
    }
}

impl Holds {
    fn has_two_sides(&self) -> bool {
        match self {
            Self::Once(values) => values.len() > 1,
            Self::Heads(heads) => heads.iter().any(|(_, values)| *values != heads[0].1),
            Self::One(..) | Self::Set(_) => false,
        }
    }
}
