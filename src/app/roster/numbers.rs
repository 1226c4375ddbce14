//! Numbers that this tablet may give, to the next card and the next paper. Which those are, core says (`core/number.rs`).

use leptos::prelude::*;
use yingke_core::{
    form::CardBook,
    id::RecordId,
    journal::Journal,
    number::{VENUE_PARAMETER, series_of},
    parameter::Parameters,
    record::Record,
    time::Day,
    value::Value,
    workflow::PROGRESS,
};

use super::Roster;

impl Roster {
    /// Reads again which numbers are left: after a save that gave some, a turn that brought some, or another tab's word.
    pub(super) async fn read_numbers(self) {
        if let Ok(numbers) = self.inner().browser.journal().numbers().await
            && self.numbers.with_untracked(|before| *before != numbers)
        {
            self.numbers.set(numbers);
        }
    }

    /// The number of the next paper that is made here.
    pub(super) fn next_paper(self, parameters: &Parameters, today: Day) -> Option<String> {
        let (inner, venue) = (self.inner(), self.actor_now()?.venue.id);
        let device = inner.device.borrow().as_ref().map(|device| device.number)?;
        let set = parameters.number(self.pack(), VENUE_PARAMETER, today);
        let directory = inner.directory.borrow();
        let series = series_of(venue, directory.as_ref()?.venues.iter().map(|venue| venue.id), set);
        Some(self.numbers.with_untracked(|numbers| numbers.next_paper(&series, device, today)))
    }

    /// The number that the next card is offered; `None` once none is left. Subscribes.
    #[must_use]
    pub fn next_card(self) -> Option<String> {
        self.numbers.track();
        self.next()
    }
}

/// Asked while somebody types, so nothing is subscribed to.
impl CardBook for Roster {
    fn next(&self) -> Option<String> {
        self.numbers.with_untracked(|numbers| numbers.next_card(|number| self.holder(number, None).is_some()))
    }

    fn holder(&self, number: &str, but: Option<RecordId>) -> Option<RecordId> {
        let inner = self.inner();
        let replica = inner.replica.borrow();
        let is_own = |record: &Record| {
            but.is_some_and(|but| record.id == but || record.get("contract").and_then(Value::as_id) == Some(but))
        };
        let is_over = |record: &Record| {
            let state = record.guarded(PROGRESS).and_then(|group| group.get("state")).and_then(Value::as_text);
            record.kind().as_str() == "agreement" && state == Some("cancelled")
        };
        let mut holders = replica.cards(number).filter(|record| !is_own(record) && !is_over(record));
        let first = holders.next().map(|record| (record.id, record.kind().as_str() == "membership"))?;
        // The card itself says more than the agreement that names it.
        let card = if first.1 { None } else { holders.find(|record| record.kind().as_str() == "membership") };
        Some(card.map_or(first.0, |card| card.id))
    }
}
