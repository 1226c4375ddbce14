//! Card numbers for tablets: each gets a block of its own beforehand, so that two never give the same one offline.

use std::collections::BTreeSet;

use yingke_core::{
    id::OrganisationId,
    number::{BLOCK_MAX, BLOCK_PARAMETER, CardNumber, VENUE_PARAMETER, series_of},
    time::Millis,
    wire::v1::{NumbersGiven, NumbersWanted},
};

use crate::{
    clock::numbers_by_venue,
    house::House,
    ledger::{Ledger, LedgerError, numbers::Ask},
    register::Device,
};

/// Cards that are read at a time to see which numbers somebody has.
const CARDS_AT_ONCE: usize = 1_000;

/// What a tablet is given that has few left; `None` where its venue gives none.
///
/// # Errors
/// [`LedgerError`]; nothing was given.
pub async fn top_up(
    ledger: &dyn Ledger,
    house: &House,
    device: &Device,
    wanted: &NumbersWanted,
    now: Millis,
) -> Result<Option<NumbersGiven>, LedgerError> {
    let Some(venue) = house.venues.get(&device.venue) else { return Ok(None) };
    let pack = house.pack(Some(venue));
    let parameters = numbers_by_venue(ledger, house.organisation).await?.remove(&device.venue).unwrap_or_default();
    let parameter = |name: &str| parameters.number(pack, name, now.day(venue.utc_offset_minutes));
    let count = parameter(BLOCK_PARAMETER).unwrap_or(0).clamp(0, BLOCK_MAX.into());
    if count == 0 {
        return Ok(None);
    }
    let series = series_of(venue.id, house.venues.keys().copied(), parameter(VENUE_PARAMETER));
    let taken = taken(ledger, house.organisation, &series).await?;
    let to = if wanted.series == series { wanted.to } else { 0 };
    let ask = Ask { series: &series, to, count: u32::try_from(count).unwrap_or(BLOCK_MAX), taken: &taken };
    let block = ledger.give_numbers(house.organisation, device.number, &ask).await?;
    Ok(Some(NumbersGiven { runs: block.free(&taken), to: block.last, series }))
}

/// The numbers of a series that cards have, whoever printed or typed them.
async fn taken(ledger: &dyn Ledger, organisation: OrganisationId, series: &str) -> Result<BTreeSet<u64>, LedgerError> {
    let mut taken = BTreeSet::new();
    let mut after = None;
    loop {
        let cards = ledger.records(organisation, Some("membership"), after, CARDS_AT_ONCE).await?;
        let numbers = cards.iter().filter_map(|card| CardNumber::read(card.text("card_no")?));
        taken.extend(numbers.filter(|card| *card.series == *series).map(|card| card.number));
        after = match cards.last() {
            Some(last) if cards.len() == CARDS_AT_ONCE => Some(last.id),
            _ => return Ok(taken),
        };
    }
}
