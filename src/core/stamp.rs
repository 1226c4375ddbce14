//! When a change was made, in an order that no wrong clock can break.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    id::{ChangeId, DeviceNumber},
    time::Millis,
};

/// A point on the hybrid clock: 48 bits of milliseconds, then a counter of 16 bits.
///
/// Source: hybrid logical clocks; Kulkarni et al., "Logical Physical Clocks", 2014.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Stamp(u64);

const COUNTER_BITS: u32 = 16;

impl Stamp {
    /// The first stamp of a millisecond. Times before 1970 and after the year 10889 are held at the ends.
    #[must_use]
    pub fn at(now: Millis) -> Self {
        Self((now.0.clamp(0, (1 << 48) - 1) as u64) << COUNTER_BITS)
    }

    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The milliseconds in it.
    #[must_use]
    pub fn millis(self) -> Millis {
        Millis((self.0 >> COUNTER_BITS) as i64)
    }

    /// The next one, the counter carrying into the milliseconds.
    #[must_use]
    pub fn following(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}-{:04x}", self.0 >> COUNTER_BITS, self.0 & 0xffff)
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a stamp: 12 and 4 hexadecimal digits are expected, as in 0193a7c0ffee-0007")]
pub struct StampError;

impl FromStr for Stamp {
    type Err = StampError;
    fn from_str(text: &str) -> Result<Self, StampError> {
        let (millis, counter) = text.split_once('-').ok_or(StampError)?;
        let hex = |part: &str, digits: usize| {
            let lower = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
            if part.len() == digits && part.bytes().all(lower) {
                u64::from_str_radix(part, 16).map_err(|_| StampError)
            } else {
                Err(StampError)
            }
        };
        Ok(Self(hex(millis, 12)? << COUNTER_BITS | hex(counter, 4)?))
    }
}

impl From<Stamp> for String {
    fn from(stamp: Stamp) -> Self {
        stamp.to_string()
    }
}

impl TryFrom<String> for Stamp {
    type Error = StampError;
    fn try_from(text: String) -> Result<Self, StampError> {
        text.parse()
    }
}

/// The envelope of a change: what decides between two. Provisional until the endpoint's verdict fixes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    pub stamp: Stamp,
    pub device: DeviceNumber,
    pub change: ChangeId,
}

/// Makes the next stamp, later than all it has seen.
#[derive(Debug, Clone, Default)]
pub struct Stamper {
    latest: Stamp,
}

impl Stamper {
    /// Goes on from the largest accepted stamp, which a verdict may have set back.
    #[must_use]
    pub fn after(latest: Stamp) -> Self {
        Self { latest }
    }

    /// The next stamp, later than every stamp this device has made or taken in.
    ///
    /// `now` is in milliseconds since 1970, UTC, and may be wrong by years: the counter carries into the
    /// milliseconds, so that a save never waits for a clock. Ranks are corrected by the endpoint's verdict.
    pub fn next(&mut self, now: Millis) -> Stamp {
        self.latest = self.latest.following().max(Stamp::at(now));
        self.latest
    }

    /// The latest stamp that it has made or taken in.
    #[must_use]
    pub fn latest(&self) -> Stamp {
        self.latest
    }

    /// Takes in a stamp from elsewhere, so that what is made after seeing it beats it.
    pub fn take_in(&mut self, stamp: Stamp) {
        self.latest = self.latest.max(stamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_only_grow_whatever_the_clock_says() {
        let mut stamper = Stamper::default();
        let mut before = Stamp::default();
        for now in [5, 5, 4, 1_700_000_000_000, -7, 4_102_444_800_000, 0, i64::MAX, i64::MIN] {
            let stamp = stamper.next(Millis(now));
            assert!(stamp > before, "{now}");
            before = stamp;
        }
    }

    #[test]
    fn an_edit_made_after_seeing_another_beats_it() {
        let mut ahead = Stamper::default();
        let mut behind = Stamper::default();
        let seen = ahead.next(Millis(2_000_000));
        behind.take_in(seen);
        assert!(behind.next(Millis(1)) > seen);
    }

    #[test]
    fn a_stamp_reads_back() {
        let stamp = Stamp::at(Millis(1_732_240_000_000)).following();
        assert_eq!(stamp.to_string().parse(), Ok(stamp));
        assert_eq!(stamp.to_string(), "0193518cc400-0001");
        for text in ["", "0193517dfc00", "0193517dfc00-00g1", "+193517dfc00-0001", "0193517dfc00-00001"] {
            assert_eq!(text.parse::<Stamp>(), Err(StampError), "{text}");
        }
    }
}
