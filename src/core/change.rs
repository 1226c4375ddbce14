//! One save, as data: made once, never altered, hashed.
//!
//! A change is a header and some edits, each about one record of one audience. A device that may not see an
//! edit gets its hash in its place, so the hash of the whole can be checked by everyone, and an edit that was
//! erased on request leaves its salted hash behind and nothing else.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    audience::Audience,
    chance::Chance,
    codec,
    id::{ChangeId, DeviceNumber, OrganisationId, RecordId, StaffId},
    stamp::{Rank, Stamp},
    time::Millis,
    value::Value,
};

/// Records that one change may touch: signing a member up touches about ten.
pub const CHANGE_EDITS_MAX: usize = 64;
/// Fields that one edit may set: the longest form of the catalogue has 40.
pub const EDIT_WRITES_MAX: usize = 256;

/// The name of a field, a guarded group or a kind of record, such as `phone`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Key(Arc<str>);

/// Letters in a key, at most: the longest field name of the catalogue has 27.
pub const KEY_LETTERS_MAX: usize = 40;

/// A text that cannot name a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a field name: 1 to 40 of a-z, 0-9, `_` and `.` are expected")]
pub struct KeyError;

impl Key {
    /// # Errors
    /// When the text has other characters than `a-z 0-9 _ .`, none, or more than [`KEY_LETTERS_MAX`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'.';
        if (1..=KEY_LETTERS_MAX).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(KeyError)
        }
    }

    /// A key written in the program itself.
    ///
    /// # Panics
    /// When `text` is no key: a bug in the caller.
    #[must_use]
    pub fn of(text: &'static str) -> Self {
        Self::parse(text).expect("a key written in the program is a key")
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0.to_string()
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;
    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::parse(&text)
    }
}

/// What a write does to its field. The merge kind travels with the write, so that a client which does not
/// know the field yet still merges it as all others do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// The higher rank wins.
    Latest(Value),
    /// The lower rank wins: who captured a lead.
    First(Value),
    /// Once true, always true: do not contact, erased.
    Sticky(Value),
    /// The first stands; a second that differs is a conflict: payments, signatures, numbers.
    Once(Value),
    /// One element into a set.
    Add(Value),
    /// One element out of a set.
    Remove(Value),
    /// Fields that make sense only together. `replaces` are the writes that the author saw.
    Guarded { values: BTreeMap<Key, Value>, replaces: Vec<ChangeId> },
}

impl Op {
    /// What it brings, or takes away: of a guarded group each member's.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        let (one, group) = match self {
            Self::Latest(value)
            | Self::First(value)
            | Self::Sticky(value)
            | Self::Once(value)
            | Self::Add(value)
            | Self::Remove(value) => (Some(value), None),
            Self::Guarded { values, .. } => (None, Some(values.values())),
        };
        one.into_iter().chain(group.into_iter().flatten())
    }
}

/// One write: a field (or the name of a guarded group) and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Write {
    pub key: Key,
    pub op: Op,
}

/// What one change does to one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub record: RecordId,
    /// What the record is: `person`, `visit`, `outing`.
    pub kind: Key,
    pub audience: Audience,
    /// Chance, so that the hash of an erased edit gives nothing away.
    pub salt: [u8; 8],
    /// Sorted by field.
    pub writes: Vec<Write>,
}

/// SHA-256 of a change or an edit, in the form that codec 1 gives them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0[..6] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…")
    }
}

impl Edit {
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut hasher = Sha256::new_with_prefix(b"yingke edit 1");
        hasher.update(codec::edit_bytes(self));
        Hash(hasher.finalize().into())
    }
}

/// An edit, or its hash where it is not for this device or was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    Shown(Edit),
    Hidden(Hash),
}

impl Slot {
    #[must_use]
    pub fn hash(&self) -> Hash {
        match self {
            Self::Shown(edit) => edit.hash(),
            Self::Hidden(hash) => *hash,
        }
    }
}

/// Who made a change, where and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub id: ChangeId,
    pub organisation: OrganisationId,
    pub author: StaffId,
    pub device: DeviceNumber,
    /// By the device's own clock.
    pub made_at: Millis,
    /// What the device knew then of its clock: the endpoint's time less its own, in milliseconds.
    pub clock_offset_ms: i64,
    /// The version of the pack it was made with.
    pub pack: u32,
    /// The form it was filled in on, such as `F-03`; empty where there was none.
    pub form: Box<str>,
}

/// One save by one person. Immutable once made; its rank is beside it, in [`Ranked`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub header: Header,
    slots: Vec<Slot>,
}

impl Change {
    /// The only place where a change is born. Writes are sorted, salts drawn.
    #[must_use]
    pub fn new(header: Header, mut edits: Vec<Edit>, chance: &mut impl Chance) -> Self {
        for edit in &mut edits {
            edit.writes.sort();
            chance.fill(&mut edit.salt);
        }
        Self { header, slots: edits.into_iter().map(Slot::Shown).collect() }
    }

    /// From parts that came off the disk or the wire.
    #[must_use]
    pub fn from_parts(header: Header, slots: Vec<Slot>) -> Self {
        Self { header, slots }
    }

    #[must_use]
    pub fn id(&self) -> ChangeId {
        self.header.id
    }

    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The edits that this device may see.
    pub fn edits(&self) -> impl Iterator<Item = &Edit> {
        self.slots.iter().filter_map(|slot| if let Slot::Shown(edit) = slot { Some(edit) } else { None })
    }

    /// Whether every edit is shown: only such a change can be pushed.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.slots.iter().all(|slot| matches!(slot, Slot::Shown(_)))
    }

    /// The same for everyone, whatever part of it they may see.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut hasher = Sha256::new_with_prefix(b"yingke change 1");
        hasher.update(codec::header_bytes(&self.header));
        for slot in &self.slots {
            hasher.update(slot.hash().0);
        }
        Hash(hasher.finalize().into())
    }

    /// What may be seen by someone who holds the audiences that `holds` says; `None` if that is nothing.
    #[must_use]
    pub fn part_for(&self, holds: impl Fn(&Audience) -> bool) -> Option<Self> {
        let slots: Vec<Slot> = self
            .slots
            .iter()
            .map(|slot| match slot {
                Slot::Shown(edit) if holds(&edit.audience) => slot.clone(),
                _ => Slot::Hidden(slot.hash()),
            })
            .collect();
        let seen = slots.iter().any(|slot| matches!(slot, Slot::Shown(_)));
        seen.then(|| Self { header: self.header.clone(), slots })
    }

    /// Puts parts of one change together again: an edit that either shows is shown.
    ///
    /// `None` if they are not parts of the same change.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Option<Self> {
        if self.header != other.header || self.slots.len() != other.slots.len() {
            return None;
        }
        let join = |(mine, theirs): (&Slot, &Slot)| {
            if mine.hash() != theirs.hash() {
                return None;
            }
            Some(if let Slot::Shown(_) = mine { mine.clone() } else { theirs.clone() })
        };
        let slots = self.slots.iter().zip(&other.slots).map(join).collect::<Option<_>>()?;
        Some(Self { header: self.header.clone(), slots })
    }
}

/// A change with its rank: provisional while it is in the tail, the verdict's once it is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    pub stamp: Stamp,
    /// The device of the rank; after a correction it may differ from the one that made the change.
    pub device: DeviceNumber,
    pub change: Change,
}

impl Ranked {
    #[must_use]
    pub fn provisional(stamp: Stamp, change: Change) -> Self {
        Self { stamp, device: change.header.device, change }
    }

    #[must_use]
    pub fn rank(&self) -> Rank {
        Rank { stamp: self.stamp, device: self.device, change: self.change.id() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_part_has_the_hash_of_the_whole_and_hides_the_rest() {
        let change = fixture::two_audience_change();
        let audiences: Vec<_> = change.edits().map(|edit| edit.audience.clone()).collect();
        let part = change.part_for(|audience| *audience == audiences[0]).unwrap();
        assert_eq!(part.hash(), change.hash());
        assert_eq!(part.edits().count(), 1);
        let rest = change.part_for(|audience| *audience == audiences[1]).unwrap();
        assert_eq!(part.joined(&rest), Some(change.clone()));
        assert_eq!(change.part_for(|_| false), None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(Key::parse("visit_plan_at").is_ok());
        for text in ["", "Phone", "a b", "姓名", &"a".repeat(41)] {
            assert_eq!(Key::parse(text), Err(KeyError), "{text}");
        }
    }
}
