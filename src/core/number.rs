//! Numbers that people read: on a card, on a paper.
//!
//! Neither waits for a network. A card's number comes from a block that the endpoint gave to this device alone; a paper's
//! is made of the venue, the device, the day and how many that device made on it, so nobody else can give it. Both are
//! final when they are given: what was handed to a guest is never renumbered. Source: domain catalogue 18.3, R-160.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    change::Change,
    id::{DeviceNumber, VenueId},
    time::Day,
    typed::half_width,
    wire::v1::{NumbersGiven, NumbersWanted},
};

/// The parameter that says which number of venue stands on its cards, where that is not its place among the venues.
pub const VENUE_PARAMETER: &str = "card.venue_number";
/// The parameter that says how many card numbers a device is given at once.
pub const BLOCK_PARAMETER: &str = "card.block";
/// Kinds whose field `card_no` gives somebody a card; elsewhere it names one that is there.
pub const CARD_KINDS: [&str; 2] = ["membership", "agreement"];
/// Kinds of papers that are numbered, and the field that holds the number.
pub const PAPERS: [(&str, &str); 4] =
    [("agreement", "agreement_no"), ("payment", "slip_no"), ("ticket", "ticket_no"), ("deposit", "receipt_no")];

/// Card numbers of one block, whatever a venue has set: a month of a busy desk.
pub const BLOCK_MAX: u32 = 500;
/// The highest number of a card: nine digits can still be read out.
pub const CARD_MAX: u64 = 999_999_999;
/// Days of which a device remembers how many papers it made: as many as a clock that jumps about may come back to.
const DAYS_MAX: usize = 32;

/// What every number of a venue begins with: `W01` for its first one.
///
/// `set` is what the venue's own parameter says; else its place among the organisation's venues, oldest first, counts.
#[must_use]
pub fn series_of(venue: VenueId, venues: impl Iterator<Item = VenueId>, set: Option<i64>) -> String {
    let place = venues.filter(|other| *other < venue).count() as i64 + 1;
    format!("W{:02}", set.filter(|number| (1..=9_999).contains(number)).unwrap_or(place))
}

/// The number of a card: `W01-000123`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CardNumber {
    /// `W01`; whatever stands before the last digits of one that somebody else has printed.
    pub series: Box<str>,
    pub number: u64,
}

impl CardNumber {
    /// Reads what was typed or imported, so that two ways to write one number are the same: `w01-123`, `W01-000123`.
    /// `None` for what does not end in digits.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text: String = text.trim().chars().map(half_width).map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = text.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = text[before.len()..].parse().ok()?;
        Some(Self { series: before.trim_end_matches('-').to_uppercase().into(), number })
    }

    /// Whether a number ends in these digits, with or without the noughts before them.
    #[must_use]
    pub fn ends_in(text: &str, digits: &str) -> bool {
        Self::read(text).is_some_and(|card| Some(card.number) == digits.parse().ok())
    }
}

impl fmt::Display for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:06}", self.series, self.number)
    }
}

/// Whether two texts are the number of one card, however they are written.
#[must_use]
pub fn is_same_card(one: &str, other: &str) -> bool {
    one == other || CardNumber::read(one).is_some_and(|number| Some(number) == CardNumber::read(other))
}

/// What a device knows of numbers. It keeps this whoever is unlocked, and in the clear: it says nothing about anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Numbers {
    series: Box<str>,
    /// Numbers of the series that were given to this device and not used yet, first and last of each run, in order.
    left: Vec<(u64, u64)>,
    /// The highest number of the series that was given to it; what it asks for comes after.
    to: u64,
    /// How many were given the last time.
    given: u64,
    /// How many papers it made on each day.
    papers: BTreeMap<Box<str>, u32>,
}

/// A paper's number that this device has given before: another tab made a paper meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another paper has this number")]
pub struct GivenBefore;

impl Numbers {
    /// The next free number for a card that nobody is known to have.
    pub fn next_card(&self, is_taken: impl Fn(&str) -> bool) -> Option<String> {
        let mut free = self.left.iter().flat_map(|(first, last)| *first..=*last);
        free.find_map(|number| {
            let text = CardNumber { series: self.series.clone(), number }.to_string();
            (!is_taken(&text)).then_some(text)
        })
    }

    /// The number of the next paper that this device makes on a day: `W01-7-261127-03`.
    #[must_use]
    pub fn next_paper(&self, series: &str, device: DeviceNumber, day: Day) -> String {
        let day = day_text(day);
        let before = self.papers.get(&*day).copied().unwrap_or(0);
        format!("{series}-{}-{day}-{:02}", device.0, before + 1)
    }

    /// What is to be asked of the endpoint; `None` while more than half a block is left.
    #[must_use]
    pub fn wanted(&self) -> Option<NumbersWanted> {
        let left: u64 = self.left.iter().map(|(first, last)| last - first + 1).sum();
        (left * 2 <= self.given).then(|| NumbersWanted { series: self.series.to_string(), to: self.to })
    }

    /// Takes in a block that the endpoint gave. One that was taken in before changes nothing: an answer may come twice.
    pub fn take_in(&mut self, block: &NumbersGiven) {
        if *block.series != *self.series {
            (self.series, self.to) = (block.series.as_str().into(), 0);
            self.left.clear();
        }
        if block.to <= self.to {
            return;
        }
        let before = self.to;
        let is_new = |(first, last): &&(u64, u64)| before < *first && first <= last && *last <= block.to.min(CARD_MAX);
        let runs: Vec<(u64, u64)> = block.runs.iter().filter(is_new).copied().collect();
        (self.to, self.given) = (block.to, runs.iter().map(|(first, last)| last - first + 1).sum());
        self.left.extend(runs);
    }

    /// Whether a save gives numbers, which have to be noted with it.
    #[must_use]
    pub fn are_given_by(change: &Change) -> bool {
        given_by(change).next().is_some()
    }

    /// Notes the numbers that a save gives, so that none of them is given again.
    ///
    /// # Errors
    /// [`GivenBefore`]: nothing of the save may be kept. By now the next paper has another number.
    pub fn note(&mut self, change: &Change) -> Result<(), GivenBefore> {
        for given in given_by(change) {
            match given {
                Given::Card(card) => self.use_card(&card),
                Given::Paper { day, count } => {
                    if self.papers.get(day).is_some_and(|before| count <= *before) {
                        return Err(GivenBefore);
                    }
                    self.papers.insert(day.into(), count);
                    let oldest = self.papers.keys().find(|other| &***other != day).cloned();
                    if let Some(oldest) = oldest.filter(|_| self.papers.len() > DAYS_MAX) {
                        self.papers.remove(&oldest);
                    }
                }
            }
        }
        Ok(())
    }

    fn use_card(&mut self, card: &CardNumber) {
        if card.series != self.series {
            return;
        }
        let Some(place) = self.left.iter().position(|(first, last)| (*first..=*last).contains(&card.number)) else {
            return;
        };
        let (first, last) = self.left[place];
        let rest = [(first, card.number - 1), (card.number + 1, last)];
        self.left.splice(place..=place, rest.into_iter().filter(|(first, last)| first <= last));
    }
}

/// `261127`
fn day_text(day: Day) -> String {
    let (year, month, day) = day.ymd();
    format!("{:02}{month:02}{day:02}", year.rem_euclid(100))
}

/// A number that a save gives.
enum Given<'a> {
    /// To somebody's card, whoever has printed it.
    Card(CardNumber),
    /// To a paper of the device that saves.
    Paper { day: &'a str, count: u32 },
}

fn given_by(change: &Change) -> impl Iterator<Item = Given<'_>> {
    change.edits().flat_map(|edit| edit.writes.iter().map(move |write| (edit, write))).filter_map(|(edit, write)| {
        let text = write.op.values().next()?.as_text()?;
        let field = (edit.kind.as_str(), write.key.as_str());
        match field {
            (kind, "card_no") if CARD_KINDS.contains(&kind) => CardNumber::read(text).map(Given::Card),
            field if PAPERS.contains(&field) => paper(text, change.header.device),
            _ => None,
        }
    })
}

/// What a paper's number says, if it is one that this device gives.
fn paper(text: &str, device: DeviceNumber) -> Option<Given<'_>> {
    let mut parts = text.rsplitn(4, '-');
    let (count, day, by, _series) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_day = day.len() == 6 && day.bytes().all(|byte| byte.is_ascii_digit());
    (is_day && by == device.0.to_string()).then_some(Given::Paper { day, count: count.parse().ok()? })
}

#[cfg(test)]
mod tests;
