//! Which card numbers a tablet is given next. A plain function, so that every database decides alike.

use std::collections::BTreeSet;

use yingke_core::number::CARD_MAX;

/// Numbers that are passed over where the ledger may be an older copy: those that were given since it was made. A club
/// hands out far fewer cards in the time for which tablets keep what they saved.
pub const SKIPPED: u64 = 1_000;
/// How far a tablet may be ahead of what is known to be given, and be believed: it was given that by an endpoint that was
/// restored since.
const AHEAD_MAX: u64 = 10_000;

/// What a tablet asks for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// `W01`
    pub series: &'a str,
    /// The highest number of the series that it was given, as it says.
    pub to: u64,
    /// How many it is to have.
    pub count: u32,
    /// Numbers that somebody has already: they are in no block's count.
    pub taken: &'a BTreeSet<u64>,
}

/// Numbers of a series, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    pub first: u64,
    pub last: u64,
}

impl Block {
    /// Those that nobody has, as runs.
    #[must_use]
    pub fn free(self, taken: &BTreeSet<u64>) -> Vec<(u64, u64)> {
        let mut runs = Vec::new();
        let mut next = self.first;
        for number in taken.range(self.first..=self.last).copied().chain([self.last + 1]) {
            if next < number {
                runs.push((next, number - 1));
            }
            next = number + 1;
        }
        runs
    }
}

/// The tablet's next block, if `given` is the highest number given so far and `before` what it was given itself the last
/// time. That one again, if it has not heard of it.
#[must_use]
pub fn next_block(given: u64, before: Option<Block>, ask: &Ask<'_>) -> Block {
    if let Some(before) = before.filter(|before| before.last > ask.to) {
        return before;
    }
    let known = if ask.to <= given.saturating_add(AHEAD_MAX) { given.max(ask.to) } else { given };
    let mut block = Block { first: known + 1, last: known };
    let mut left = ask.count;
    while left > 0 && block.last < CARD_MAX {
        block.last += 1;
        left -= u32::from(!ask.taken.contains(&block.last));
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(given: u64, before: Option<(u64, u64)>, to: u64, taken: &[u64]) -> Vec<(u64, u64)> {
        let taken = taken.iter().copied().collect();
        let before = before.map(|(first, last)| Block { first, last });
        next_block(given, before, &Ask { series: "W01", to, count: 4, taken: &taken }).free(&taken)
    }

    #[test]
    fn a_block_follows_what_was_given_and_leaves_out_what_somebody_has() {
        assert_eq!(next(0, None, 0, &[]), [(1, 4)]);
        assert_eq!(next(4, None, 0, &[6, 7, 90]), [(5, 5), (8, 10)]);
        assert_eq!(next(4, None, 0, &[5, 6, 7, 8]), [(9, 12)]);
    }

    #[test]
    fn what_a_tablet_has_not_heard_of_is_given_again() {
        assert_eq!(next(40, Some((5, 8)), 4, &[]), [(5, 8)]);
        // Somebody has typed one of them meanwhile.
        assert_eq!(next(40, Some((5, 8)), 4, &[6]), [(5, 5), (7, 8)]);
        assert_eq!(next(40, Some((5, 8)), 8, &[]), [(41, 44)]);
    }

    #[test]
    fn a_tablet_that_an_endpoint_gave_more_than_this_copy_knows_is_believed_within_bounds() {
        assert_eq!(next(40, Some((5, 8)), 300, &[]), [(301, 304)]);
        assert_eq!(next(40, None, u64::MAX, &[]), [(41, 44)]);
        assert_eq!(next(CARD_MAX - 1, None, 0, &[]), [(CARD_MAX, CARD_MAX)]);
        assert_eq!(next(CARD_MAX, None, 0, &[]), []);
    }
}
