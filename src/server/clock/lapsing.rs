//! Guests whom nobody has written of for as long as the venue allows go into the pool, and come back to whoever had.
//!
//! When that is, and what is written, is core's to say (`lead/protection.rs`); here every guest is looked at, once an hour.

use std::collections::BTreeMap;

use yingke_core::{
    capture::Scene,
    change::Edit,
    clockwork::Owed,
    id::{StaffId, VenueId},
    lead::{
        NOBODY,
        protection::{DAYS, Protection, give_back},
    },
    pack::Pack,
    parameter::Parameters,
    record::Record,
    time::Millis,
    wire::v1::Venue,
};

use super::{Looked, change, numbers_by_venue};
use crate::{
    house::House,
    ledger::{Batch, Candidate, Ledger, LedgerError},
};

/// Guests who are read at once.
const PAGE: usize = 2_000;

/// A venue that lets guests go, or has done so.
struct Place<'a> {
    pack: &'a Pack,
    offset_minutes: i32,
    protection: Option<Protection>,
}

/// Lets go of every guest whose time has passed by `now`.
///
/// # Errors
/// [`LedgerError`]; what was not written is owed the next time.
pub async fn lapse(ledger: &dyn Ledger, house: &House, now: Millis) -> Result<Looked, LedgerError> {
    let organisation = house.organisation;
    let mut looked = Looked::default();
    let places = places(house, &numbers_by_venue(ledger, organisation).await?, now);
    let mut after = None;
    while !places.is_empty() {
        let page = ledger.records(organisation, Some("person"), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let owing = page.iter().filter_map(|person| {
            let owed = Owed { cause: cause(person), edits: ruling(person, house, &places, now)?, told: None };
            Some(Candidate::new(change(organisation, person, &BTreeMap::new(), owed, now), None))
        });
        let candidates: Vec<Candidate> = owing.collect();
        looked.records += page.len();
        if candidates.is_empty() {
            continue;
        }
        for verdict in ledger.append(organisation, Batch { pushed: None, candidates, now }).await? {
            looked.count(&verdict);
        }
    }
    Ok(looked)
}

fn places<'a>(house: &'a House, numbers: &BTreeMap<VenueId, Parameters>, now: Millis) -> BTreeMap<VenueId, Place<'a>> {
    let none = Parameters::default();
    let place = |(id, venue): (&VenueId, &Venue)| {
        let (pack, offset_minutes) = (house.pack(Some(venue)), venue.utc_offset_minutes);
        let parameters = numbers.get(id).unwrap_or(&none);
        let protection = Protection::on(parameters, pack, now.day(offset_minutes));
        // What lapsed before the venue thought better of it may still have to be given back.
        let is_one = protection.is_some() || parameters.is_set(DAYS);
        is_one.then_some((*id, Place { pack, offset_minutes, protection }))
    };
    house.venues.iter().filter_map(place).collect()
}

fn ruling(person: &Record, house: &House, places: &BTreeMap<VenueId, Place<'_>>, now: Millis) -> Option<Vec<Edit>> {
    let venue = person.audience().venue();
    let Place { pack, offset_minutes, protection } = places.get(&venue)?;
    let role_of = |id: StaffId| house.staff.get(&id).filter(|staff| staff.venue == venue).map(|staff| staff.role);
    let scene =
        Scene { now, offset_minutes: *offset_minutes, venue, me: NOBODY, role_of: &role_of, pack, paper_number: None };
    give_back(person, &scene).or_else(|| protection.as_ref()?.lapse(person, &scene))
}

/// What was known of a guest: with more, another word is owed.
fn cause(person: &Record) -> String {
    format!("owner after {:?}", person.last_rank().map(|rank| rank.change))
}
