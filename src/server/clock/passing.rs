//! A guest who changed hands: what was written of them for others is given to those whose they are now.
//!
//! What has to be repeated, and under which rank, is core's to say (`lead.rs`); here it is found and kept.

use std::collections::{BTreeMap, BTreeSet};

use yingke_core::{
    audience::Audience,
    change::Ranked,
    id::{ChangeId, RecordId},
    lead::{self, Names},
    record::Record,
    time::Millis,
};

use super::Looked;
use crate::{
    house::House,
    ledger::{Batch, Candidate, Ledger, LedgerError, mentions_of},
};

/// Records that are read at once.
const PAGE: usize = 2_000;
/// Changes that are written at once.
const BATCH: usize = 1_000;
/// Changes that are written at one look, at most but for the last guest's. Whose turn it is not waits a minute.
const WRITTEN_MAX: usize = 5_000;

/// Gives each of these people, and what is about them, to those whose they are.
pub(super) async fn pass_on(
    ledger: &dyn Ledger,
    house: &House,
    people: Vec<Record>,
    now: Millis,
) -> Result<Looked, LedgerError> {
    let mut looked = Looked { records: people.len(), ..Looked::default() };
    if people.is_empty() {
        return Ok(looked);
    }
    let organisation = house.organisation;
    let mut done: Vec<(Record, Option<Millis>)> = Vec::new();
    let mut moving: Vec<(Record, Audience)> = Vec::new();
    let into: BTreeSet<RecordId> = people.iter().filter_map(lead::joined_to).collect();
    let others = ledger.records_by_id(organisation, &into).await?;
    for person in people {
        let venue = person.audience().venue();
        let role_of = |id| house.staff.get(&id).filter(|staff| staff.venue == venue).map(|staff| staff.role);
        let other = lead::joined_to(&person).and_then(|into| others.iter().find(|other| other.id == into));
        match lead::audience(&person, other, &role_of) {
            Some(to) => moving.push((person, to)),
            None => done.push((person, None)),
        }
    }
    let mut about = records_about(ledger, house, &moving).await?;
    for (person, to) in moving {
        if looked.written >= WRITTEN_MAX {
            break;
        }
        let records = ledger.records_by_id(organisation, &about.remove(&person.id).unwrap_or_default()).await?;
        let changes = changes_for(ledger, house, records.iter().chain([&person]), &to).await?;
        for changes in changes.chunks(BATCH) {
            let candidates = changes.iter().map(|change| Candidate::new(change.clone(), None)).collect();
            let verdicts = ledger.append(organisation, Batch { pushed: None, candidates, now }).await?;
            for verdict in &verdicts {
                looked.count(verdict);
            }
        }
        let at = lead::look_again_at(&person, now);
        done.push((person, at));
    }
    ledger.look_again(organisation, &done).await?;
    Ok(looked)
}

/// What is about each of these people and lies where they were. Of guests in the pool nothing: whoever claims one gets it.
async fn records_about(
    ledger: &dyn Ledger,
    house: &House,
    moving: &[(Record, Audience)],
) -> Result<BTreeMap<RecordId, BTreeSet<RecordId>>, LedgerError> {
    let moving = moving.iter().filter(|(_, to)| !matches!(to, Audience::Circle(..)));
    let (mut people, mut places) = (BTreeSet::new(), BTreeSet::new());
    for (person, to) in moving {
        people.insert(person.id);
        places.extend(lead::lies_in(person, to));
    }
    let mut names = Vec::new();
    let mut after = None;
    while !places.is_empty() {
        let page = ledger.records_of(house.organisation, &places, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        names.extend(page.iter().filter_map(|record| Names::of(record, mentions_of)));
    }
    let mut by_person: BTreeMap<RecordId, BTreeSet<RecordId>> = BTreeMap::new();
    for (record, person) in lead::about(names, &people) {
        by_person.entry(person).or_default().insert(record);
    }
    Ok(by_person)
}

async fn changes_for(
    ledger: &dyn Ledger,
    house: &House,
    records: impl Iterator<Item = &Record> + Clone,
    to: &Audience,
) -> Result<Vec<Ranked>, LedgerError> {
    let wanted: BTreeSet<ChangeId> = records.clone().flat_map(|record| lead::wanted(record, to)).collect();
    let known = ledger.changes(house.organisation, &wanted).await?;
    let mut changes: Vec<Ranked> =
        records.flat_map(|record| lead::passed_on(record, to, &|id| known.get(&id))).collect();
    changes.sort_by_key(Ranked::rank);
    Ok(changes)
}
