//! Instants and days. What time it is comes from the caller.

use std::fmt;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00Z.
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

pub const SECOND_MS: i64 = 1_000;
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

impl Millis {
    /// Later by `ms`, stopping at the ends of the range instead of wrapping.
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to here; negative when it is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The day this instant falls on where clocks are `offset_minutes` ahead of UTC.
    #[must_use]
    pub fn day(self, offset_minutes: i32) -> Day {
        let local = self.0.saturating_add(i64::from(offset_minutes) * MINUTE_MS);
        Day::from_number(local.div_euclid(DAY_MS).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32)
    }

    /// Hour and minute of the local day, where clocks are `offset_minutes` ahead of UTC.
    #[must_use]
    pub fn hour_minute(self, offset_minutes: i32) -> (u32, u32) {
        let local = self.0.saturating_add(i64::from(offset_minutes) * MINUTE_MS);
        let minutes = local.rem_euclid(DAY_MS) / MINUTE_MS;
        ((minutes / 60) as u32, (minutes % 60) as u32)
    }
}

/// A calendar day, from 0000-01-01 to 9999-12-31; written `2026-11-22`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

const DAYS_TO_1970: i32 = 719_163; // chrono counts from 0001-01-01 as day 1

impl Day {
    /// Days since 1970-01-01, held inside the years 0 to 9999.
    #[must_use]
    pub fn from_number(days_since_1970: i32) -> Self {
        Self(days_since_1970.clamp(-719_528, 2_932_896))
    }

    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }

    #[must_use]
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(0..=9999).contains(&year) {
            return None;
        }
        NaiveDate::from_ymd_opt(year, month, day).map(|date| Self(date.num_days_from_ce() - DAYS_TO_1970))
    }

    /// Year, month (1 to 12), day of the month.
    #[must_use]
    pub fn ymd(self) -> (i32, u32, u32) {
        let date = self.date();
        (date.year(), date.month(), date.day())
    }

    /// 0 is Monday.
    #[must_use]
    pub fn weekday(self) -> u32 {
        self.date().weekday().num_days_from_monday()
    }

    /// `2026-11-22`, as dates are written in files and by the browser's date field.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
            return None;
        }
        Self::from_ymd(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    }

    /// The instant at which this day begins where clocks are `offset_minutes` ahead of UTC.
    #[must_use]
    pub fn begins(self, offset_minutes: i32) -> Millis {
        Millis(i64::from(self.0) * DAY_MS - i64::from(offset_minutes) * MINUTE_MS)
    }

    fn date(self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.0 + DAYS_TO_1970)
            .expect("a Day is inside the years 0 to 9999, which chrono knows")
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_reads_back_as_it_was_written() {
        for text in ["1970-01-01", "2026-11-22", "2024-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(Day::parse(text).map(|day| day.to_string()).as_deref(), Some(text));
        }
        for text in ["2026-2-29", "2026-02-29", "2026-13-01", "", "abc", "2026-11-22x"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn midnight_belongs_to_the_new_day_of_the_venue() {
        let day = Day::from_ymd(2026, 11, 22).unwrap();
        assert_eq!(day.begins(480).day(480), day);
        assert_eq!(day.begins(480).plus(-1).day(480), Day::from_number(day.number() - 1));
        assert_eq!(day.begins(480).plus(9 * HOUR_MS + 5 * MINUTE_MS).hour_minute(480), (9, 5));
    }
}
