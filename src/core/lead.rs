//! Whose a guest is: how they change hands, and what then passes to the colleague whose they are.
//!
//! A guest belongs to whoever captured them until somebody rules otherwise: two captures turn out to be one
//! guest, a supervisor hands them to a colleague, they go into the venue's pool and are claimed from there. Each is one
//! write of one guarded group, so that two who did not see each other end in a conflict. A consultant's tablet holds
//! their own leads and no others, so whoever a guest now belongs to has to be given what others wrote of them:
//! the clock of the house writes it anew for their audience, edit by edit, each ranked right behind the one it repeats.
//! What somebody writes without having heard of the new owner is passed on as well, and stands where it would have stood.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::{
    audience::{Audience, Role, circle},
    chance::Seeded,
    change::{Change, Edit, Header, Key, Op, Ranked, Write},
    conflict,
    id::{ChangeId, ENDPOINT_DEVICE, RecordId, StaffId, VenueId},
    record::{Cell, Record},
    replica::Replica,
    stamp::Rank,
    time::{DAY_MS, Millis},
    value::Value,
};

/// The group that says whose a guest is.
pub const RULING: &str = "ruling";
/// The group that says to which other record a person's was joined.
pub const MERGING: &str = "merging";
pub(crate) const MERGED_INTO: &str = "merged_into";

pub mod protection;

/// Whoever is nobody of the staff: the owner of guests in the pool, and the author of what the house writes.
pub const NOBODY: StaffId = StaffId::from_bytes([0; 16]);

/// What the form of a change is that passes something on: this, and the change that was made first.
const PASSED: &str = "passed:";
/// A guest who changed hands is looked at for so long: whoever has not heard of it may still write for the colleague of
/// before.
const LATECOMERS_DAYS: i64 = 30;

/// Who a lead belongs to: by the latest ruling, else by who captured it. `None` in the pool, and where nobody is named.
#[must_use]
pub fn owner(person: &Record) -> Option<StaffId> {
    keeper(person).filter(|keeper| *keeper != NOBODY)
}

/// The same; [`NOBODY`] in the pool.
#[must_use]
pub fn keeper(person: &Record) -> Option<StaffId> {
    ruled_owner(person).or_else(|| person.text("owner"))?.parse().ok()
}

/// Whose a guest is by a ruling, and not because they captured them.
#[must_use]
pub fn ruled(person: &Record) -> Option<StaffId> {
    ruled_owner(person)?.parse().ok()
}

fn ruled_owner(person: &Record) -> Option<&str> {
    person.guarded(RULING)?.get("owner")?.as_text()
}

/// Whether a guest is in the pool, where every consultant of the venue sees and may claim them.
#[must_use]
pub fn is_free(person: &Record) -> bool {
    ruled_owner(person) == Some(&*NOBODY.to_string())
}

/// Why a guest changes hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giving {
    /// Somebody who leads gave them to a colleague.
    HandedOver,
    /// They went into the pool.
    LetGo,
    /// A consultant took them from the pool.
    Claimed,
    /// Nothing was written of them for as long as the venue allows, so they went into the pool by themselves.
    Lapsed,
    /// One of these was taken back.
    TakenBack,
}

impl Giving {
    /// As it is written into a change.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::HandedOver => "handed_over",
            Self::LetGo => "let_go",
            Self::Claimed => "claimed",
            Self::Lapsed => "lapsed",
            Self::TakenBack => "taken_back",
        }
    }
}

/// Whether somebody may make a guest another's: whoever leads decides, a consultant lets go of their own and claims from
/// the pool. `to` is [`NOBODY`] for the pool.
#[must_use]
pub fn may_give(person: &Record, me: StaffId, role: Role, to: StaffId) -> bool {
    let owner = owner(person);
    if owner.unwrap_or(NOBODY) == to && (owner.is_some() || is_free(person)) {
        return false;
    }
    role.leads()
        || (to == NOBODY && owner == Some(me) && role.keeps_own_leads())
        || (to == me && is_free(person) && role.keeps_own_leads())
}

/// The edit that makes a guest somebody's: [`NOBODY`]'s in the pool; where there is no `to`, whoever's they were captured
/// by. `None` if there is no such person.
#[must_use]
pub fn give(replica: &Replica, person: RecordId, to: Option<StaffId>, giving: Giving) -> Option<Edit> {
    let from = keeper(&*replica.record(person)?);
    let values = BTreeMap::from([
        (Key::of("owner"), to.map_or(Value::Empty, |to| to.to_string().into())),
        (Key::of("reason"), giving.key().into()),
        (Key::of("from"), from.map_or(Value::Empty, |from| from.to_string().into())),
    ]);
    conflict::settle(replica, person, &Key::of(RULING), values)
}

/// Whether a write that says whose a guest is may come from somebody who does not lead: it makes them their author's or
/// nobody's, or says what holds already.
#[must_use]
pub fn may_write_ruling(values: &BTreeMap<Key, Value>, author: StaffId, person: Option<&Record>) -> bool {
    let captured_by = person.and_then(|person| person.text("owner"));
    let Some(to) = values.get("owner").and_then(Value::as_text).or(captured_by) else { return true };
    let is = |staff: StaffId| to == staff.to_string();
    let holds_already = person.is_some_and(|person| keeper(person).is_some_and(is));
    is(author) || is(NOBODY) || holds_already
}

// ---- What passes to whom ------------------------------------------------------------------------------------------

/// Whether somebody has ruled whose this guest is, so that it may have to be passed on.
#[must_use]
pub fn is_ruled(record: &Record) -> bool {
    record.kind().as_str() == "person" && !(record.heads(RULING).is_empty() && record.heads(MERGING).is_empty())
}

/// For whom a guest who was given to somebody is: a consultant's own leads, the pool, or the desk. `None` where nobody
/// ruled, so that they stay where they were captured.
///
/// What was joined to another record goes where that one is.
#[must_use]
pub fn audience(
    person: &Record,
    joined_to: Option<&Record>,
    role_of: &dyn Fn(StaffId) -> Option<Role>,
) -> Option<Audience> {
    let venue = person.audience().venue();
    let stands = joined_to.unwrap_or(person);
    if joined_to.is_none() && person.heads(RULING).is_empty() {
        return None;
    }
    if is_free(stands) {
        return Some(pool(venue));
    }
    let owner = owner(stands)?;
    Some(if role_of(owner)?.keeps_own_leads() { Audience::Own(venue, owner) } else { Audience::Desk(venue) })
}

/// The audience of a venue's guests without an owner.
#[must_use]
pub fn pool(venue: VenueId) -> Audience {
    Audience::Circle(venue, circle::POOL.into())
}

/// The record that a person's was joined to.
#[must_use]
pub fn joined_to(person: &Record) -> Option<RecordId> {
    person.guarded(MERGING)?.get(MERGED_INTO)?.as_id().filter(|into| *into != person.id)
}

/// The audiences in which something of a guest may lie who is for `to` now: where the guest is, and where they were.
#[must_use]
pub fn lies_in(person: &Record, to: &Audience) -> BTreeSet<Audience> {
    let venue = person.audience().venue();
    let from = person.guarded(RULING).and_then(|values| values.get("from")).and_then(Value::as_text);
    let owners = [from, person.text("owner"), ruled_owner(person)].into_iter().flatten();
    let own = owners.filter_map(|owner| owner.parse().ok()).filter(|owner| *owner != NOBODY);
    let mut all: BTreeSet<Audience> = own.map(|owner| Audience::Own(venue, owner)).collect();
    let here = person.audience().clone();
    // What happens with a guest in the pool is written at the desk.
    let was_free = from == Some(&*NOBODY.to_string()) || here == pool(venue);
    all.extend([Some(here), was_free.then_some(Audience::Desk(venue))].into_iter().flatten());
    all.retain(|audience| audience != to && !matches!(audience, Audience::Circle(..)));
    all
}

/// When the ruling on show was made.
#[must_use]
pub fn ruled_at(person: &Record) -> Option<Millis> {
    person.heads(RULING).first().map(|head| person.rank_at(head.rank).stamp.millis())
}

/// When a guest who changed hands is to be looked at again.
#[must_use]
pub fn look_again_at(person: &Record, now: Millis) -> Option<Millis> {
    let ruled_at = [RULING, MERGING]
        .into_iter()
        .flat_map(|group| person.heads(group).iter().map(|head| person.rank_at(head.rank).stamp.millis()));
    let again = now.plus(DAY_MS);
    ruled_at.max().filter(|at| again.since(*at) < LATECOMERS_DAYS * DAY_MS).map(|_| again)
}

/// Fields that say whom a record is about. One that has none is about whatever it belongs to.
const SUBJECT: [&str; 3] = ["person", "party", "lead"];

/// Whom and what a record names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    pub record: RecordId,
    /// Whom it is about, where it says so itself.
    pub people: Vec<RecordId>,
    /// All that it names, where it does not.
    pub others: BTreeSet<RecordId>,
}

impl Names {
    /// `mentions` gives the ids that a record holds. `None` of a person: one is not about another.
    #[must_use]
    pub fn of(record: &Record, mentions: impl FnOnce(&Record) -> BTreeSet<RecordId>) -> Option<Self> {
        let people: Vec<RecordId> = SUBJECT.iter().filter_map(|field| record.get(field)?.as_id()).collect();
        let others = if people.is_empty() { mentions(record) } else { BTreeSet::new() };
        (record.kind().as_str() != "person").then_some(Self { record: record.id, people, others })
    }
}

/// Which of these records are about which of these people: by the person that they name, or through others that do.
#[must_use]
pub fn about(all: Vec<Names>, people: &BTreeSet<RecordId>) -> BTreeMap<RecordId, RecordId> {
    let mut person_by_record: BTreeMap<RecordId, RecordId> = BTreeMap::new();
    let (named, mut open): (Vec<Names>, Vec<Names>) = all.into_iter().partition(|names| !names.people.is_empty());
    for names in named {
        let person = names.people.iter().find(|person| people.contains(person));
        person_by_record.extend(person.map(|person| (names.record, *person)));
    }
    loop {
        let before = open.len();
        open.retain(|names| {
            let through = names.others.iter().find_map(|other| person_by_record.get(other).copied());
            person_by_record.extend(through.map(|person| (names.record, person)));
            through.is_none()
        });
        if open.len() == before {
            return person_by_record;
        }
    }
}

/// The changes that have to be known before a record can be passed on: those that still say something of it, and what
/// would pass them on.
#[must_use]
pub fn wanted(record: &Record, to: &Audience) -> BTreeSet<ChangeId> {
    let mut wanted = BTreeSet::new();
    for index in record.used_ranks() {
        let change = record.rank_at(index).change;
        wanted.extend([change, passing(change, record.id, to)]);
    }
    for (_, cell) in record.fields() {
        if let Cell::Guarded { heads, replaced } = cell
            && heads.len() > 1
        {
            wanted.extend(replaced);
        }
    }
    wanted
}

/// The id of the change that passes on what another says of a record: the same whoever works it out, and when.
fn passing(change: ChangeId, record: RecordId, to: &Audience) -> ChangeId {
    let mut hash = Sha256::new_with_prefix(b"yingke passed on 1");
    hash.update(change.bytes());
    hash.update(record.bytes());
    hash.update(to.to_string());
    let hash: [u8; 32] = hash.finalize().into();
    ChangeId::from_bytes(hash[..16].try_into().expect("half of a hash has 16 bytes"))
}

/// The changes that give the readers of `to` what still holds of a record and was written for others, in the order of
/// their ranks. `written` finds the changes that [`wanted`] names.
///
/// Each repeats one edit, as far as it holds, under a rank right behind its own: so nothing is decided anew, and what a
/// third person wrote since stands. A guarded write takes the place of the one that it repeats.
#[must_use]
pub fn passed_on<'a>(record: &Record, to: &Audience, written: &dyn Fn(ChangeId) -> Option<&'a Ranked>) -> Vec<Ranked> {
    let mut ranks: Vec<Rank> = record.used_ranks().into_iter().map(|index| record.rank_at(index)).collect();
    ranks.sort();
    ranks.dedup();
    let mut passed = Vec::new();
    for rank in ranks {
        let id = passing(rank.change, record.id, to);
        let Some(source) = written(rank.change).filter(|_| written(id).is_none()) else { continue };
        let edits: Vec<&Edit> = source.change.edits().filter(|edit| edit.record == record.id).collect();
        // Its readers have it, or it was emptied at somebody's request.
        let Some(first) = edits.first().filter(|_| edits.iter().all(|edit| edit.audience != *to)) else { continue };
        let writes = edits.iter().flat_map(|edit| &edit.writes);
        let writes: Vec<Write> = writes.filter_map(|write| holding(record, rank, write, written)).collect();
        let is_end = rank == record.begun() || rank == record.rank_at(record.audience.0);
        if writes.is_empty() && !is_end {
            continue;
        }
        let edit = Edit { audience: to.clone(), writes, ..(*first).clone() };
        let header = Header {
            id,
            author: NOBODY,
            device: ENDPOINT_DEVICE,
            form: format!("{PASSED}{}", first_made(rank.change, written)).into(),
            clock_offset_ms: 0,
            ..source.change.header.clone()
        };
        let seed = u64::from_be_bytes(id.bytes()[8..].try_into().expect("half of an id has 8 bytes"));
        let change = Change::new(header, vec![edit], &mut Seeded::new(seed));
        passed.push(Ranked::provisional(rank.stamp.following(), change));
    }
    passed
}

/// The change that another one repeats, at whatever remove; itself if it repeats none.
fn first_made<'a>(change: ChangeId, written: &dyn Fn(ChangeId) -> Option<&'a Ranked>) -> ChangeId {
    let form = written(change).map(|ranked| &*ranked.change.header.form);
    form.and_then(|form| form.strip_prefix(PASSED)).and_then(|first| first.parse().ok()).unwrap_or(change)
}

/// The writes that somebody saw who saw these: all that they replaced, and those that one of them repeats.
fn seen_before<'a>(
    seen: &[ChangeId],
    record: RecordId,
    group: &Key,
    written: &dyn Fn(ChangeId) -> Option<&'a Ranked>,
) -> BTreeSet<ChangeId> {
    let mut all = BTreeSet::new();
    let mut next = seen.to_vec();
    while let Some(change) = next.pop() {
        let first = first_made(change, written);
        if !all.insert(first) {
            continue;
        }
        let edits = written(first).into_iter().flat_map(|ranked| ranked.change.edits());
        for write in edits.filter(|edit| edit.record == record).flat_map(|edit| &edit.writes) {
            if let Op::Guarded { replaces, .. } = &write.op
                && write.key == *group
            {
                next.extend(replaces);
            }
        }
    }
    all
}

/// A write as it is passed on, if it still holds.
fn holding<'a>(
    record: &Record,
    rank: Rank,
    write: &Write,
    written: &dyn Fn(ChangeId) -> Option<&'a Ranked>,
) -> Option<Write> {
    let is_its = |index: crate::record::RankIndex| record.rank_at(index) == rank;
    let mut cells = record.fields().filter(|(key, _)| **key == write.key).map(|(_, cell)| cell);
    let op = match &write.op {
        Op::Guarded { values, replaces: seen } => {
            let (heads, replaced) = cells.find_map(|cell| match cell {
                Cell::Guarded { heads, replaced } => Some((heads, replaced)),
                _ => None,
            })?;
            heads.iter().find(|head| is_its(head.rank))?;
            let seen = seen_before(seen, record.id, &write.key, written);
            // What only repeats a write that its author saw is replaced with that one.
            let repeats = heads.iter().map(|head| record.rank_at(head.rank).change).filter(|change| {
                let first = first_made(*change, written);
                first != *change && first != first_made(rank.change, written) && seen.contains(&first)
            });
            let replaces = replaced.iter().copied().chain(repeats).chain([rank.change]).collect::<BTreeSet<_>>();
            Op::Guarded { values: values.clone(), replaces: replaces.into_iter().collect() }
        }
        op => {
            let stands = cells.any(|cell| match (cell, op) {
                (Cell::Latest { rank, .. }, Op::Latest(_))
                | (Cell::First { rank, .. }, Op::First(_))
                | (Cell::Sticky { rank, .. }, Op::Sticky(_)) => is_its(*rank),
                (Cell::Once(values), Op::Once(value)) => {
                    values.iter().any(|(rank, other)| is_its(*rank) && other == value)
                }
                (Cell::Set(elements), Op::Add(element) | Op::Remove(element)) => {
                    elements.get(element).is_some_and(|(rank, _)| is_its(*rank))
                }
                _ => false,
            });
            stands.then(|| op.clone())?
        }
    };
    Some(Write { key: write.key.clone(), op })
}

#[cfg(test)]
mod tests;
