//! What becomes of a batch: which changes are taken, under which rank and number, and what they change.
//!
//! A plain function from what the ledger holds to what it should hold, so that every database decides alike.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use yingke_core::{
    audience::{Audience, Role},
    change::{Change, Ranked},
    clockwork,
    id::{ChangeId, DeviceNumber, ENDPOINT_DEVICE, RecordId},
    lead,
    merge::{self, Records},
    pack::{Packs, VenueKind},
    probe,
    record::Record,
    review::{self, Written, refers_to, states_written},
    rights,
    stamp::{Rank, Stamp, Stamper},
    time::{DAY_MS, MINUTE_MS, Millis},
    wire::v1::{Refusal, StreamMark, Verdict, hex_text},
    workflow::PROGRESS,
};

use super::{Author, Batch, Candidate, Receipt, subjects};

/// A stamp further ahead of the endpoint's time than this is corrected: tablets in daily contact are never off by more.
pub const AHEAD_MAX_MS: i64 = 5 * MINUTE_MS;
/// A stamp further behind than this comes from a clock that was never set: no tablet stays away for more than a year.
pub const BEHIND_MAX_MS: i64 = 400 * DAY_MS;

/// What the ledger holds of what a batch touches. Read under the lock of the counter.
#[derive(Debug, Default)]
pub struct Found {
    /// The last number given.
    pub number: u64,
    /// The largest stamp given so far.
    pub latest: Stamp,
    pub known: BTreeMap<ChangeId, Receipt>,
    /// Those that were refused so far, under the rank that they would have been taken with.
    pub refused: BTreeMap<ChangeId, Rank>,
    /// Of tablets that were told apart from another, which one that is.
    pub origins: BTreeMap<DeviceNumber, DeviceNumber>,
    /// The last stamp that a tablet which made some of the batch was given in the place of an earlier one; of copies it
    /// stands under their origin.
    pub corrected: BTreeMap<DeviceNumber, Stamp>,
    /// The streams of all audiences that the batch names; absent where nothing was written yet.
    pub heads: BTreeMap<Audience, StreamMark>,
    /// The records that the batch names, as far as there are any.
    pub records: Records,
    /// Those that it is about and that were erased.
    pub erased: BTreeSet<RecordId>,
    /// Changes that steps of the batch go on from and that others have replaced since; `None` where there is none such.
    pub bases: BTreeMap<ChangeId, Option<Change>>,
    /// Records that say who somebody is to one of the batch.
    pub beside: Records,
}

impl Found {
    /// A tablet that was renumbered goes on from what it made before.
    fn origin(&self, device: DeviceNumber) -> DeviceNumber {
        self.origins.get(&device).copied().unwrap_or(device)
    }

    /// The changes that have yet to be found for the steps of a batch to be judged; again until there is none.
    ///
    /// What a tablet saw is nearly always what is there. Where it is not, or several writes are named, those and what
    /// they replaced are looked at.
    #[must_use]
    pub fn bases_wanted(&self, candidates: &[Candidate]) -> BTreeSet<ChangeId> {
        let mut wanted = BTreeSet::new();
        for candidate in candidates.iter().filter(|candidate| candidate.author.is_some()) {
            for (edit, _, replaces) in states_written(&candidate.ranked.change) {
                let heads =
                    self.records.get(&edit.record).map(|record| record.head_changes(PROGRESS)).unwrap_or_default();
                if replaces.iter().all(|id| heads.contains(id)) {
                    continue;
                }
                let mut next = replaces.to_vec();
                let mut passed = BTreeSet::new();
                while let Some(id) = next.pop()
                    && passed.len() < BASES_MAX
                {
                    if !passed.insert(id) {
                        continue;
                    }
                    match self.bases.get(&id) {
                        Some(Some(change)) if replaces.len() > 1 => next.extend(
                            states_written(change)
                                .filter(|(other, ..)| other.record == edit.record)
                                .flat_map(|(.., replaces)| replaces),
                        ),
                        Some(_) => {}
                        None => drop(wanted.insert(id)),
                    }
                }
            }
        }
        wanted
    }

    /// The records that have yet to be found for the steps of a batch to be judged.
    #[must_use]
    pub fn beside_wanted(&self, candidates: &[Candidate]) -> BTreeSet<RecordId> {
        let judged = candidates.iter().filter(|candidate| candidate.author.is_some());
        let edits = judged.flat_map(|candidate| states_written(&candidate.ranked.change)).map(|(edit, ..)| edit);
        let all = edits.flat_map(|edit| refers_to(edit, self.records.get(&edit.record)));
        all.filter(|id| !self.records.contains_key(id)).collect()
    }
}

/// Writes back that are looked at for one step: no record has as many.
const BASES_MAX: usize = 64;

/// What is to be written.
#[derive(Debug, Default)]
pub struct Settled {
    pub verdicts: Vec<Verdict>,
    /// Accepted now, with their numbers.
    pub rows: Vec<(Receipt, Ranked)>,
    pub streams: Vec<(Audience, ChangeId, StreamMark)>,
    pub heads: BTreeMap<Audience, StreamMark>,
    pub records: Records,
    /// As in [`Found`], where it is another now.
    pub corrected: BTreeMap<DeviceNumber, Stamp>,
    /// Refused for the first time, with the ranks that they keep.
    pub refused: BTreeMap<ChangeId, Rank>,
    /// Refused before, and taken now.
    pub taken_at_last: BTreeSet<ChangeId>,
    pub number: u64,
    pub latest: Stamp,
}

/// Whether the clock may owe a record something, so that it is looked at once it was touched.
#[must_use]
pub fn is_watched(record: &Record) -> bool {
    static KINDS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| clockwork::kinds(Packs::shipped()));
    KINDS.contains(record.kind().as_str()) || lead::is_ruled(record)
}

/// Whether there are tasks about a record that go to the next level, so that somebody has to be told once they do.
#[must_use]
pub fn is_told(record: &Record) -> bool {
    static KINDS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| clockwork::kinds_of_tasks(Packs::shipped()));
    KINDS.contains(record.kind().as_str())
}

/// The audiences and records that candidates name, and their ids: what has to be found first.
#[derive(Debug, Default)]
pub struct Touched {
    pub changes: BTreeSet<ChangeId>,
    /// The tablets that made and send them.
    pub devices: BTreeSet<DeviceNumber>,
    pub audiences: BTreeSet<Audience>,
    pub records: BTreeSet<RecordId>,
    /// Those and the ones that edits name besides: none of them may have been erased.
    pub subjects: BTreeSet<RecordId>,
}

#[must_use]
pub fn touched(batch: &Batch) -> Touched {
    let mut touched = Touched::default();
    touched.devices.extend(batch.pushed.map(|pushed| pushed.device));
    for candidate in &batch.candidates {
        touched.changes.insert(candidate.ranked.change.id());
        touched.devices.insert(candidate.ranked.change.header.device);
        touched.subjects.extend(candidate.ranked.change.edits().flat_map(subjects));
        if candidate.refusal.is_none() {
            for edit in candidate.ranked.change.edits() {
                touched.audiences.insert(edit.audience.clone());
                touched.records.insert(edit.record);
            }
        }
    }
    touched
}

#[must_use]
pub fn settle(mut found: Found, batch: Batch) -> Settled {
    let Batch { pushed, candidates, now } = batch;
    let mut settled = Settled { number: found.number, latest: found.latest, ..Settled::default() };
    let mut stamper = Stamper::after(found.latest);
    if let Some(pushed) = pushed
        && let Some(told) = pushed.corrected.filter(|told| !is_ahead(*told, now))
    {
        stamper.take_in(told);
        let last = found.corrected.entry(found.origin(pushed.device)).or_default();
        *last = told.max(*last);
    }
    let mut records_touched = BTreeSet::new();
    let mut states = States::of(&found, &candidates);
    for Candidate { mut ranked, hash, refusal, author } in candidates {
        let id = ranked.change.id();
        // Of one that is here, what it alters counts: it may be about an erased person and kept by law.
        let is_erased = |record: &RecordId| found.erased.contains(record);
        let is_refused = match found.known.contains_key(&id) {
            true => ranked.change.edits().any(|edit| is_erased(&edit.record)),
            false => ranked.change.edits().flat_map(subjects).any(|record| is_erased(&record)),
        };
        if is_refused {
            settled.verdicts.push(Verdict::Refused { id, reason: Refusal::Erased });
            continue;
        }
        let known = found.known.get(&id).filter(|_| probe::step("exchange: what is known is not taken twice"));
        if let Some(receipt) = known {
            settled.verdicts.push(if probe::decide("exchange: had, and the same", receipt.hash == hash) {
                accepted(id, receipt, true)
            } else {
                Verdict::Refused { id, reason: Refusal::Different }
            });
            continue;
        }
        let refusal = refusal
            .filter(|_| probe::step("exchange: what may not be is refused"))
            .or_else(|| author.and_then(|author| states.judge(&ranked, &author, &found).err()));
        let made_on = found.origin(ranked.change.header.device);
        let sent = ranked.stamp;
        let refused = found.refused.get(&id).filter(|_| probe::step("exchange: what was refused keeps its rank"));
        if let Some(rank) = refused {
            (ranked.stamp, ranked.device) = (rank.stamp, rank.device);
        } else if is_off(sent, now) {
            (ranked.stamp, ranked.device) = (stamper.next(now), ENDPOINT_DEVICE);
        } else if let Some(last) = found.corrected.get(&made_on)
            && probe::decide("exchange: made after a corrected one, ranked before it", sent <= *last)
        {
            // By a clock that was put right since: as near to what it said as the order of making allows.
            (ranked.stamp, ranked.device) = (last.following(), ENDPOINT_DEVICE);
        }
        stamper.take_in(ranked.stamp);
        settled.latest = settled.latest.max(ranked.stamp);
        // One that was set back says nothing: what was made after it is ahead by itself.
        if probe::decide("exchange: a stamp was set forward", ranked.stamp > sent) {
            let last = found.corrected.entry(made_on).or_default();
            *last = ranked.stamp.max(*last);
            settled.corrected.insert(made_on, *last);
        }
        if let Some(reason) = refusal {
            // Its author may send it again when what was made after it has long been taken.
            if found.refused.insert(id, ranked.rank()).is_none() {
                settled.refused.insert(id, ranked.rank());
            }
            settled.verdicts.push(Verdict::Refused { id, reason });
            continue;
        }
        if found.refused.remove(&id).is_some() {
            settled.taken_at_last.insert(id);
        }
        settled.number += 1;
        let receipt = Receipt { number: settled.number, stamp: ranked.stamp, device: ranked.device, hash };
        found.known.insert(id, receipt);
        for audience in ranked.change.edits().map(|edit| &edit.audience).collect::<BTreeSet<_>>() {
            let head = found.heads.entry(audience.clone()).or_default();
            *head = head.with(settled.number, id);
            settled.heads.insert(audience.clone(), *head);
            settled.streams.push((audience.clone(), id, *head));
        }
        records_touched.extend(ranked.change.edits().map(|edit| edit.record));
        states.take_in(&ranked.change);
        merge::take_in(&mut found.records, &ranked);
        settled.verdicts.push(accepted(id, &receipt, false));
        settled.rows.push((receipt, ranked));
    }
    found.records.retain(|id, _| records_touched.contains(id));
    settled.records = found.records;
    settled
}

/// What changes wrote to the states of the records that a batch takes steps of.
struct States(BTreeMap<(ChangeId, RecordId), Written>);

impl States {
    fn of(found: &Found, candidates: &[Candidate]) -> Self {
        let mut states = Self(BTreeMap::new());
        let judged = candidates.iter().filter(|candidate| candidate.author.is_some());
        for (edit, ..) in judged.flat_map(|candidate| states_written(&candidate.ranked.change)) {
            let Some(record) = found.records.get(&edit.record) else { continue };
            for (id, head) in record.head_changes(PROGRESS).into_iter().zip(record.heads(PROGRESS)) {
                // What it replaced is asked only where several are named, and found with the bases.
                let written = Written { values: head.values.clone(), replaces: Vec::new() };
                states.0.insert((id, edit.record), written);
            }
        }
        found.bases.values().flatten().for_each(|change| states.take_in(change));
        states
    }

    fn take_in(&mut self, change: &Change) {
        for (edit, values, replaces) in states_written(change) {
            let written = Written { values: values.clone(), replaces: replaces.to_vec() };
            self.0.insert((change.id(), edit.record), written);
        }
    }

    /// By what its author went by when it was made: what came into force since is no reason to refuse it.
    fn judge(&self, ranked: &Ranked, author: &Author, found: &Found) -> Result<(), Refusal> {
        let packs = author.packs.of_version(ranked.change.header.pack, ranked.stamp.millis());
        let as_one = |&(role, venue): &(Role, VenueKind)| {
            let ground = review::Ground {
                work: packs.work(venue),
                pack: packs.pack(venue),
                lookup: &|id| found.records.get(&id).or_else(|| found.beside.get(&id)).map(Cow::Borrowed),
                written_by: &|change, record| self.0.get(&(change, record)).cloned(),
            };
            review::check(&ranked.change, role, &ground).map_err(Refusal::from)?;
            let kept_out = |_: &rights::Fault| probe::step("exchange: what is not its author's to write is refused");
            rights::check(&ranked.change, role, &ground)
                .err()
                .filter(kept_out)
                .map_or(Ok(()), |fault| Err(fault.into()))
        };
        let [now, before @ ..] = &author.posts[..] else { return Ok(()) };
        as_one(now).or_else(|fault| before.iter().map(as_one).find(Result::is_ok).unwrap_or(Err(fault)))
    }
}

/// Whether a stamp can only come from a wrong clock.
fn is_off(stamp: Stamp, now: Millis) -> bool {
    probe::decide("exchange: a clock far ahead", is_ahead(stamp, now))
        || probe::decide("exchange: a clock far behind", stamp < Stamp::at(now.plus(-BEHIND_MAX_MS)))
}

fn is_ahead(stamp: Stamp, now: Millis) -> bool {
    stamp > Stamp::at(now.plus(AHEAD_MAX_MS))
}

fn accepted(id: ChangeId, receipt: &Receipt, had: bool) -> Verdict {
    Verdict::Accepted {
        id,
        stamp: receipt.stamp,
        device: receipt.device,
        number: receipt.number,
        had,
        hash: hex_text(&receipt.hash.0),
    }
}
