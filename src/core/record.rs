//! A record: a map of fields, each with the rank that set it.
//!
//! Most fields of a record were set by the same few changes, so a record keeps each rank once and its cells
//! point to it. What is equal is equal byte for byte once encoded (`codec::record_bytes`).

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    audience::Audience,
    change::Key,
    id::{ChangeId, RecordId},
    stamp::Rank,
    value::Value,
};

/// Points into [`Record::ranks`].
pub(crate) type RankIndex = u32;

/// One write to a guarded group that nothing has replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub(crate) rank: RankIndex,
    pub values: BTreeMap<Key, Value>,
}

/// What a field holds, and by which kind it merges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Latest {
        rank: RankIndex,
        value: Value,
    },
    First {
        rank: RankIndex,
        value: Value,
    },
    Sticky {
        rank: RankIndex,
        value: Value,
    },
    /// Each different value with the lowest rank that set it, the first in force in front.
    Once(Vec<(RankIndex, Value)>),
    /// Each element that was ever in it, and whether it is in it now.
    Set(BTreeMap<Value, (RankIndex, bool)>),
    /// Heads by rank, and the writes that others replaced, seen or not.
    Guarded {
        heads: Vec<Head>,
        replaced: BTreeSet<ChangeId>,
    },
}

/// Tells cells of one field apart that were written by different kinds (after a change of schema).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CellTag {
    Latest,
    First,
    Sticky,
    Once,
    Set,
    Guarded,
}

impl Cell {
    #[must_use]
    pub fn tag(&self) -> CellTag {
        match self {
            Self::Latest { .. } => CellTag::Latest,
            Self::First { .. } => CellTag::First,
            Self::Sticky { .. } => CellTag::Sticky,
            Self::Once(_) => CellTag::Once,
            Self::Set(_) => CellTag::Set,
            Self::Guarded { .. } => CellTag::Guarded,
        }
    }
}

/// A map of fields, each with the rank that set it.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: RecordId,
    pub(crate) kind: (RankIndex, Key),
    pub(crate) audience: (RankIndex, Audience),
    pub(crate) ranks: Vec<Rank>,
    /// Sorted by field, then tag.
    pub(crate) cells: Vec<(Key, Cell)>,
}

impl Record {
    #[must_use]
    pub fn kind(&self) -> &Key {
        &self.kind.1
    }

    #[must_use]
    pub fn audience(&self) -> &Audience {
        &self.audience.1
    }

    /// The value of a field that holds one; `None` if nobody set it or it was emptied.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let value = self.cells_of(key).find_map(|cell| match cell {
            Cell::Latest { value, .. } | Cell::First { value, .. } | Cell::Sticky { value, .. } => Some(value),
            Cell::Once(values) => values.first().map(|(_, value)| value),
            Cell::Set(_) | Cell::Guarded { .. } => None,
        });
        value.filter(|value| !value.is_empty())
    }

    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_text)
    }

    /// Whether a field that holds yes or no holds yes.
    #[must_use]
    pub fn is(&self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The elements of a set.
    pub fn elements(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.cells_of(key)
            .filter_map(|cell| if let Cell::Set(elements) = cell { Some(elements) } else { None })
            .flatten()
            .filter_map(|(value, (_, present))| present.then_some(value))
    }

    /// The head of a guarded group that is shown everywhere: of several the one with the lowest rank, so
    /// that who acted first stands until a supervisor settles it.
    #[must_use]
    pub fn guarded(&self, group: &str) -> Option<&BTreeMap<Key, Value>> {
        self.heads(group).first().map(|head| &head.values)
    }

    /// All heads of a guarded group, by rank.
    #[must_use]
    pub fn heads(&self, group: &str) -> &[Head] {
        self.cells_of(group)
            .find_map(|cell| if let Cell::Guarded { heads, .. } = cell { Some(heads.as_slice()) } else { None })
            .unwrap_or_default()
    }

    /// The ids that a new write to the group must name as replaced.
    #[must_use]
    pub fn head_changes(&self, group: &str) -> Vec<ChangeId> {
        self.heads(group).iter().map(|head| self.rank_at(head.rank).change).collect()
    }

    /// The fields and groups that have two sides: several heads, or write-once values, that differ.
    pub fn conflicts(&self) -> impl Iterator<Item = &Key> {
        self.cells.iter().filter_map(|(key, cell)| {
            let two_sides = match cell {
                Cell::Once(values) => values.len() > 1,
                Cell::Guarded { heads, .. } => heads.iter().any(|head| head.values != heads[0].values),
                Cell::Latest { .. } | Cell::First { .. } | Cell::Sticky { .. } | Cell::Set(_) => false,
            };
            two_sides.then_some(key)
        })
    }

    /// Every field in it, those that this version does not know too.
    pub fn fields(&self) -> impl Iterator<Item = (&Key, &Cell)> {
        self.cells.iter().map(|(key, cell)| (key, cell))
    }

    /// The rank of the change that began it.
    #[must_use]
    pub fn begun(&self) -> Rank {
        self.rank_at(self.kind.0)
    }

    /// The highest rank in it: who changed it last, and when.
    #[must_use]
    pub fn last_rank(&self) -> Option<Rank> {
        self.used_ranks().into_iter().map(|index| self.rank_at(index)).max()
    }

    /// The rank that set a field that holds one value.
    #[must_use]
    pub fn rank_of(&self, key: &str) -> Option<Rank> {
        self.cells_of(key).find_map(|cell| match cell {
            Cell::Latest { rank, .. } | Cell::First { rank, .. } | Cell::Sticky { rank, .. } => {
                Some(self.rank_at(*rank))
            }
            Cell::Once(values) => values.first().map(|(rank, _)| self.rank_at(*rank)),
            Cell::Set(_) | Cell::Guarded { .. } => None,
        })
    }

    pub(crate) fn rank_at(&self, index: RankIndex) -> Rank {
        self.ranks[index as usize]
    }

    fn cells_of(&self, key: &str) -> impl Iterator<Item = &Cell> {
        let first = self.cells.partition_point(|(other, _)| other.as_str() < key);
        self.cells[first..].iter().take_while(move |(other, _)| other.as_str() == key).map(|(_, cell)| cell)
    }

    /// The ranks that something points to.
    pub(crate) fn used_ranks(&self) -> BTreeSet<RankIndex> {
        let mut used = BTreeSet::from([self.kind.0, self.audience.0]);
        for (_, cell) in &self.cells {
            match cell {
                Cell::Latest { rank, .. } | Cell::First { rank, .. } | Cell::Sticky { rank, .. } => {
                    used.insert(*rank);
                }
                Cell::Once(values) => used.extend(values.iter().map(|(rank, _)| *rank)),
                Cell::Set(elements) => used.extend(elements.values().map(|(rank, _)| *rank)),
                Cell::Guarded { heads, .. } => used.extend(heads.iter().map(|head| head.rank)),
            }
        }
        used
    }
}
