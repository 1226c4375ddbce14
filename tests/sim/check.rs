//! What must hold once a world has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use yingke_core::{
    audience::may_hold,
    change::{Op, Ranked},
    codec,
    id::{ChangeId, RecordId, StaffId},
    merge::{self, Records},
    probe,
    replica::Replica,
    stamp::Rank,
    value::Value,
};

use crate::{reckon, world::World};

type Checked = Result<(), String>;

/// Heals the world and checks everything.
///
/// # Errors
/// Says the first thing that does not hold.
pub fn all(world: &mut World) -> Checked {
    world.heal()?;
    nothing_was_said_that_may_not_be(world)?;
    let ledger: Vec<Ranked> = world.club.rows().into_iter().map(|row| row.ranked).collect();
    nothing_is_lost_or_doubled(world, &ledger)?;
    numbers_are_unique(world)?;
    later_edits_win(world, &ledger)?;
    conflicts_are_surfaced_and_none_invented(world, &ledger)?;
    the_endpoint_is_right(world, &ledger)?;
    replicas_are_right(world, &ledger)
}

fn nothing_was_said_that_may_not_be(world: &World) -> Checked {
    let network = world.network.borrow();
    network.faults.iter().chain(&world.facts.faults).next().map_or(Ok(()), |fault| Err(fault.clone()))
}

fn nothing_is_lost_or_doubled(world: &World, ledger: &[Ranked]) -> Checked {
    let mut accepted: BTreeMap<ChangeId, &Ranked> = BTreeMap::new();
    for ranked in ledger {
        if accepted.insert(ranked.change.id(), ranked).is_some() {
            return Err(format!("{} is in the ledger twice", ranked.change.id()));
        }
        let Some(save) = world.facts.saves.get(&ranked.change.id()) else {
            return Err(format!("{} is in the ledger, and nobody saved it", ranked.change.id()));
        };
        if save.ranked.change != ranked.change {
            return Err(format!("{} is not what was saved", ranked.change.id()));
        }
    }
    let in_trays: BTreeSet<ChangeId> =
        world.tablets.iter().flat_map(|tablet| tablet.disk.tray()).map(|(id, _)| id).collect();
    for (id, save) in &world.facts.saves {
        let kept = accepted.contains_key(id) || in_trays.contains(id) || world.facts.excused.contains(id);
        if !kept {
            return Err(format!("{id} was saved on tablet {} and is nowhere", save.tablet));
        }
    }
    probe::note("branch: a refused change waits in the tray", !in_trays.is_empty());
    Ok(())
}

/// No card and no paper has the number of another, whichever tablet gave it and whatever became of the endpoint.
fn numbers_are_unique(world: &World) -> Checked {
    if world.facts.went_back {
        return Ok(());
    }
    let mut given: BTreeMap<&str, RecordId> = BTreeMap::new();
    let edits = world.facts.saves.values().flat_map(|save| save.ranked.change.edits());
    for edit in edits.filter(|edit| edit.kind.as_str() == "agreement") {
        for number in edit.writes.iter().flat_map(|write| write.op.values()).filter_map(Value::as_text) {
            if *given.entry(number).or_insert(edit.record) != edit.record {
                return Err(format!("{number} was given twice"));
            }
        }
    }
    Ok(())
}

/// A change's rank, and whether two endpoints have given it different ones.
fn ranks(world: &World, ledger: &[Ranked]) -> BTreeMap<ChangeId, (Rank, bool)> {
    let twice = |id: &ChangeId| world.facts.ranks.get(id).is_some_and(|ranks| ranks.len() > 1);
    ledger.iter().map(|ranked| (ranked.change.id(), (ranked.rank(), twice(&ranked.change.id())))).collect()
}

/// An edit made after seeing another beats it, whatever the clocks said, and what one tablet made stays in its order.
fn later_edits_win(world: &World, ledger: &[Ranked]) -> Checked {
    let ranks = ranks(world, ledger);
    for (id, save) in &world.facts.saves {
        let Some((rank, _)) = ranks.get(id) else { continue };
        for seen in save.seen.values().flatten().chain(&save.unsent_before) {
            match ranks.get(seen) {
                // An endpoint that was restored corrected it anew: whoever saw it under its first rank cannot know.
                Some((_, true)) | None => {}
                Some((before, false)) if before < rank => {}
                // It knows nothing of what was refused since the copy was made.
                Some((_, false)) if world.facts.refused_before.contains(seen) => {}
                Some((before, false)) => {
                    return Err(format!("{id} was made after {seen}, and ranks {rank:?} before {before:?}"));
                }
            }
        }
    }
    Ok(())
}

/// By what each author could see: a write to a guarded group stands until somebody who could see it wrote again.
fn conflicts_are_surfaced_and_none_invented(world: &World, ledger: &[Ranked]) -> Checked {
    let accepted: BTreeSet<ChangeId> = ledger.iter().map(|ranked| ranked.change.id()).collect();
    let mut records = Records::new();
    ledger.iter().for_each(|ranked| merge::take_in(&mut records, ranked));
    for ((record, key), ids) in &world.facts.writes {
        let mut values = BTreeMap::new();
        for id in ids.iter().filter(|id| accepted.contains(id)) {
            for edit in world.facts.saves[id].ranked.change.edits().filter(|edit| edit.record == *record) {
                for write in edit.writes.iter().filter(|write| write.key == *key) {
                    if let Op::Guarded { values: written, .. } = &write.op {
                        values.insert(*id, written.clone());
                    }
                }
            }
        }
        // An endpoint that was restored may refuse what the one before took, because its author has left since: what
        // only that had replaced stands up again.
        if values.is_empty() || (world.facts.restored && ids.iter().any(|id| !accepted.contains(id))) {
            continue;
        }
        let seen: BTreeSet<ChangeId> = values
            .keys()
            .filter_map(|id| world.facts.saves[id].seen.get(&(*record, key.clone())))
            .flatten()
            .copied()
            .collect();
        let heads: BTreeSet<ChangeId> = values.keys().filter(|id| !seen.contains(id)).copied().collect();
        let found: BTreeSet<ChangeId> = records[record].head_changes(key.as_str()).into_iter().collect();
        probe::note("branch: two sides that nobody had seen together", heads.len() > 1);
        if heads != found {
            return Err(format!("{key} of {record}: {found:?} stand, and {heads:?} should"));
        }
    }
    Ok(())
}

fn the_endpoint_is_right(world: &World, ledger: &[Ranked]) -> Checked {
    if let Some(fault) = world.club.faults().first() {
        return Err(format!("verify: {fault}"));
    }
    let records = world.club.records();
    let reckoned = reckon::records(ledger.iter(), |_| true);
    if records.keys().ne(reckoned.keys()) {
        return Err("the endpoint has other records than its ledger".into());
    }
    for (id, bytes) in records {
        let record = codec::read_block(&bytes).map_err(|error| format!("{id}: {error}"))?.remove(0);
        if let Some(difference) = reckoned[&id].differs(&record) {
            return Err(format!("the endpoint's {id}: {difference}"));
        }
    }
    Ok(())
}

/// Every replica of everybody who works at the tablet's venue, of tabs that have been open all the time and of one
/// that opens now.
fn replicas_are_right(world: &mut World, ledger: &[Ranked]) -> Checked {
    for place in 0..world.tablets.len() {
        let person = world.tablets[place].person;
        for tab in 0..world.tablets[place].tabs.len() {
            if let Some(person) = person {
                let replica = &world.tablets[place].tabs[tab].replica;
                replica_is_right(world, place, person, replica, ledger)
                    .map_err(|fault| format!("tablet {place}, open tab {tab}: {fault}"))?;
            }
        }
        let people: Vec<StaffId> = world.tablets[place].keys.keys().copied().collect();
        for person in people {
            world.tablets[place].unlock(Some(person));
            if !world.settled_as(place)? {
                continue; // does not work here any more: the endpoint lets nobody in
            }
            let fresh = world.tablets[place].fresh_tab();
            replica_is_right(world, place, person, &fresh.replica, ledger)
                .map_err(|fault| format!("tablet {place}, opened by {person}: {fault}"))?;
        }
    }
    Ok(())
}

fn replica_is_right(world: &World, place: usize, person: StaffId, replica: &Replica, ledger: &[Ranked]) -> Checked {
    let staff = &world.club.house.staff[&person];
    let tablet = &world.tablets[place];
    let holds = |audience: &_| may_hold(person, staff.role, tablet.venue, audience);
    let reckoned = reckon::records(ledger.iter(), holds);
    let mut merged = Records::new();
    let mut hidden: BTreeSet<RecordId> = BTreeSet::new();
    for ranked in ledger {
        hidden.extend(ranked.change.edits().filter(|edit| !holds(&edit.audience)).map(|edit| edit.record));
        if let Some(change) = ranked.change.part_for(holds) {
            merge::take_in(&mut merged, &Ranked { change, ..*ranked });
        }
    }
    let merged: BTreeMap<RecordId, Vec<u8>> =
        merged.iter().map(|(id, record)| (*id, codec::record_bytes(record))).collect();
    let endpoints = world.club.records();
    let base: BTreeMap<RecordId, _> = replica.base().map(|record| (record.id, record.into_owned())).collect();
    if replica.unsent().len() > 0 {
        return Err("something is still unsent".into());
    }
    for (id, record) in &base {
        if !holds(record.audience()) {
            return Err(format!("{id} of {:?} is not for this person", record.audience()));
        }
        let Some(reckoned) = reckoned.get(id) else { return Err(format!("{id} is nowhere in the ledger")) };
        if let Some(difference) = reckoned.differs(record) {
            return Err(format!("{id}: {difference}"));
        }
        if codec::record_bytes(record) != merged[id] || (!hidden.contains(id) && merged[id] != endpoints[id]) {
            return Err(format!("{id} differs in its bytes from the endpoint's"));
        }
        let shown = replica.record(*id).map(|record| codec::record_bytes(&record));
        if shown.as_ref() != merged.get(id) {
            return Err(format!("{id} is shown other than it is"));
        }
    }
    match reckoned.keys().find(|id| !base.contains_key(id)) {
        Some(missing) => Err(format!("{missing} is missing")),
        None => Ok(()),
    }
}
