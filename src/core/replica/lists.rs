//! Which records are in a list, in which order.
//!
//! All lists are one sequence of entries of 16 bytes, sorted by list, time and id. It is kept as a few sorted runs,
//! each at most half as long as the one before: a block's worth is added as a run of its own, single entries go into
//! the last one. Taking out is an entry too; of equal entries the one in the later run stands.

use std::cmp::Ordering;

use crate::{id::RecordId, replica::rows::Row, time::Millis};

/// Which list, by number; [`list`] makes it.
pub(super) type List = u32;

/// Bits of a list's number that say of whom or what it is.
const OF_WHOM_BITS: u32 = 29;

/// The list of a sort (at most 7) of `of_whom`: an owner, a person, an outing.
pub(super) fn list(sort: u32, of_whom: u32) -> List {
    debug_assert!(sort < 8 && of_whom < 1 << OF_WHOM_BITS, "a list's number has 32 bits");
    sort << OF_WHOM_BITS | of_whom
}

/// That a row is in a list at a time, or is not any more.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    list: List,
    /// The time, shifted so that it sorts as a number without a sign.
    when: [u32; 2],
    /// The highest bit says that it was taken out.
    row: Row,
}

const TAKEN_OUT: Row = 1 << 31;
/// Entries that are moved by one insertion, at most.
const RECENT_MAX: usize = 512;

impl Entry {
    pub(super) fn new(list: List, when: Millis, row: Row) -> Self {
        let when = when.0 as u64 ^ 1 << 63;
        Self { list, when: [(when >> 32) as u32, when as u32], row }
    }

    fn taken_out(self) -> Self {
        Self { row: self.row | TAKEN_OUT, ..self }
    }

    fn is_taken_out(self) -> bool {
        self.row & TAKEN_OUT != 0
    }

    fn row(self) -> Row {
        self.row & !TAKEN_OUT
    }

    fn when(self) -> Millis {
        let [high, low] = self.when.map(u64::from);
        Millis((high << 32 | low) as i64 ^ i64::MIN)
    }

    fn order(&self, other: &Self, ids: &[RecordId]) -> Ordering {
        let id = |entry: &Self| ids[entry.row() as usize];
        (self.list, self.when).cmp(&(other.list, other.when)).then_with(|| id(self).cmp(&id(other)))
    }
}

#[derive(Default)]
pub(super) struct Lists {
    runs: Vec<Vec<Entry>>,
    recent: Vec<Entry>,
}

impl Lists {
    pub(super) fn put_in(&mut self, entry: Entry, ids: &[RecordId]) {
        match self.recent.binary_search_by(|other| other.order(&entry, ids)) {
            Ok(place) => self.recent[place] = entry,
            Err(place) => self.recent.insert(place, entry),
        }
        if self.recent.len() > RECENT_MAX {
            let recent = std::mem::take(&mut self.recent);
            self.add_run(recent, ids);
        }
    }

    pub(super) fn take_out(&mut self, entry: Entry, ids: &[RecordId]) {
        self.put_in(entry.taken_out(), ids);
    }

    /// Many at once, in any order, none of them in a list before.
    pub(super) fn put_in_all(&mut self, mut entries: Vec<Entry>, ids: &[RecordId]) {
        entries.sort_unstable_by(|one, other| one.order(other, ids));
        // What was taken out a moment ago is older than these.
        let recent = std::mem::take(&mut self.recent);
        self.add_run(recent, ids);
        self.add_run(entries, ids);
    }

    fn add_run(&mut self, run: Vec<Entry>, ids: &[RecordId]) {
        if !run.is_empty() {
            self.runs.push(run);
        }
        while let [.., before, last] = self.runs.as_slice()
            && 2 * last.len() > before.len()
        {
            let merged = merge(before, last, self.runs.len() == 2, ids);
            self.runs.truncate(self.runs.len() - 2);
            self.runs.push(merged);
        }
    }

    /// What is in a list from one time to another, both included, in order.
    pub(super) fn range<'a>(&'a self, list: List, from: Millis, until: Millis, ids: &'a [RecordId]) -> Cursor<'a> {
        let (from, until) = (Entry::new(list, from, 0), Entry::new(list, until, 0));
        let between = |run: &'a Vec<Entry>| {
            let start = run.partition_point(|entry| (entry.list, entry.when) < (list, from.when));
            let rest = &run[start..];
            let end = rest.partition_point(|entry| (entry.list, entry.when) <= (list, until.when));
            &rest[..end]
        };
        let runs = self.runs.iter().chain([&self.recent]).map(between).filter(|run| !run.is_empty()).collect();
        Cursor { runs, ids }
    }
}

/// Two runs as one; the entries of the later stand. At the bottom there is nothing left to take out.
fn merge(before: &[Entry], last: &[Entry], at_bottom: bool, ids: &[RecordId]) -> Vec<Entry> {
    let mut merged = Vec::with_capacity(before.len() + last.len());
    let (mut old, mut new) = (before.iter().peekable(), last.iter().peekable());
    loop {
        let next = match (old.peek(), new.peek()) {
            (None, None) => return merged,
            (Some(_), None) => old.next(),
            (None, Some(_)) => new.next(),
            (Some(one), Some(other)) => match one.order(other, ids) {
                Ordering::Less => old.next(),
                Ordering::Greater => new.next(),
                Ordering::Equal => {
                    old.next();
                    new.next()
                }
            },
        };
        merged.extend(next.filter(|entry| !(at_bottom && entry.is_taken_out())));
    }
}

/// Goes through a list from both ends.
pub(super) struct Cursor<'a> {
    /// What is left of each run; the later ones stand.
    runs: Vec<&'a [Entry]>,
    ids: &'a [RecordId],
}

impl Cursor<'_> {
    /// Takes the next entry from all runs that have it, at the front or at the back; the latest of them decides.
    fn step(&mut self, end: impl Fn(&[Entry]) -> Option<(&Entry, &[Entry])>, first: Ordering) -> Option<(Millis, Row)> {
        loop {
            let mut next: Option<Entry> = None;
            for run in &self.runs {
                let Some((entry, _)) = end(run) else { continue };
                // Where they are equal, the later run's stands.
                if next
                    .is_none_or(|next| matches!(entry.order(&next, self.ids), order if order == first || order.is_eq()))
                {
                    next = Some(*entry);
                }
            }
            let next = next?;
            for run in &mut self.runs {
                if let Some((entry, rest)) = end(run)
                    && entry.order(&next, self.ids).is_eq()
                {
                    *run = rest;
                }
            }
            if !next.is_taken_out() {
                return Some((next.when(), next.row()));
            }
        }
    }
}

impl Iterator for Cursor<'_> {
    type Item = (Millis, Row);

    fn next(&mut self) -> Option<Self::Item> {
        self.step(<[Entry]>::split_first, Ordering::Less)
    }
}

impl DoubleEndedIterator for Cursor<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(<[Entry]>::split_last, Ordering::Greater)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arbtest::arbtest;

    use super::*;
    use crate::fixture;

    /// Whatever goes in and out, one by one or many at once: each list is as a sorted set has it, from both ends.
    #[test]
    fn lists_are_as_sorted_sets_have_them() {
        arbtest(|u| {
            let ids: Vec<RecordId> =
                (0..40).rev().map(|number| RecordId::from_bytes(fixture::id_bytes(number))).collect();
            let mut lists = Lists::default();
            let mut set: BTreeSet<(List, Millis, RecordId, Row)> = BTreeSet::new();
            while !u.is_empty() {
                let mut draw = || -> arbitrary::Result<(List, Millis, Row)> {
                    Ok((list(u.int_in_range(0..=1)?, 3), Millis(u.int_in_range(-2..=2)?), u.int_in_range(0..=39)?))
                };
                let (in_list, when, row) = draw()?;
                let (entry, held) = (Entry::new(in_list, when, row), (in_list, when, ids[row as usize], row));
                match u.int_in_range(0..=5)? {
                    0 => {
                        let mut all = Vec::new();
                        for row in 0..u.int_in_range(0..=39)? {
                            if set.insert((in_list, when, ids[row as usize], row)) {
                                all.push(Entry::new(in_list, when, row));
                            }
                        }
                        lists.put_in_all(all, &ids);
                    }
                    1 | 2 if set.remove(&held) => lists.take_out(entry, &ids),
                    _ => {
                        set.insert(held);
                        lists.put_in(entry, &ids);
                    }
                }
            }
            assert!(lists.runs.windows(2).all(|pair| 2 * pair[1].len() <= pair[0].len()));
            for in_list in [list(0, 3), list(1, 3)] {
                for (from, until) in [(i64::MIN, i64::MAX), (-1, 1), (0, 0), (1, -1)] {
                    let expected: Vec<_> = set
                        .iter()
                        .filter(|(other, when, ..)| *other == in_list && (from..=until).contains(&when.0))
                        .map(|(_, when, _, row)| (*when, *row))
                        .collect();
                    let range = || lists.range(in_list, Millis(from), Millis(until), &ids);
                    assert!(range().eq(expected.iter().copied()));
                    assert!(range().rev().eq(expected.iter().rev().copied()));
                    let (mut ends, mut left) = (range(), expected.as_slice());
                    while let Some(((first, rest), got)) = left.split_first().zip(Some(ends.next())) {
                        assert_eq!(got, Some(*first));
                        left = rest;
                        if let Some((last, rest)) = left.split_last() {
                            assert_eq!(ends.next_back(), Some(*last));
                            left = rest;
                        }
                    }
                    assert_eq!((ends.next(), ends.next_back()), (None, None));
                }
            }
            Ok(())
        });
    }
}
