//! The clock of the house: writes what nobody takes and others have to hear of, also when no tablet is on.
//!
//! What is owed is core's to say; here are only the records that it is asked about, a bounded number each time, and the
//! changes that come of it. Each has an id made of its cause, so that several processes and restarts write it once.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sha2::{Digest, Sha256};
use yingke_core::{
    audience::may_hold,
    chance::Seeded,
    change::{Change, Header, Ranked},
    clockwork::{self, Ground, Owed, Told},
    id::{ChangeId, ENDPOINT_DEVICE, OrganisationId, RecordId, StaffId, VenueId},
    lead,
    pack::Pack,
    parameter::Parameters,
    record::Record,
    stamp::Stamp,
    task,
    time::{Day, Millis},
    wire::v1::{Staff, Verdict},
    work::Work,
};

use crate::{
    house::House,
    ledger::{Batch, Candidate, Ledger, LedgerError, mentions_of},
    reminders::Late,
};

mod escalating;
mod lapsing;
mod passing;

pub use escalating::tell;
pub use lapsing::lapse;

/// How often the clock looks.
pub const EVERY: Duration = Duration::from_secs(60);
/// How long after something new has arrived, so that all of it is seen in one look.
pub const SOON: Duration = Duration::from_secs(2);
/// Records that are looked at each time: of one of a few kinds, and once it was touched or its time has come. What waits
/// beyond is looked at the next minute.
pub const RECORDS_MAX: usize = 500;
/// Numbers of its own that an organisation has set, at most.
const PARAMETERS_MAX: usize = 10_000;
/// Whoever is nobody of the staff.
pub const HOUSE: StaffId = lead::NOBODY;

/// What one look came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    pub records: usize,
    pub written: usize,
    /// The ledger's last number of what was written.
    pub number: Option<u64>,
    /// What ran late, and whose business it is: of what was written here, not by another process.
    pub late: Vec<(StaffId, Late)>,
}

impl Looked {
    /// Counts what was written now, and says whether it was.
    fn count(&mut self, verdict: &Verdict) -> bool {
        let Verdict::Accepted { number, had: false, .. } = verdict else { return false };
        self.written += 1;
        self.number = self.number.max(Some(*number));
        true
    }
}

/// Looks at what is due by `now`, and writes what is owed.
///
/// # Errors
/// [`LedgerError`]; what was not written is owed the next time.
pub async fn look(ledger: &dyn Ledger, house: &House, now: Millis) -> Result<Looked, LedgerError> {
    let organisation = house.organisation;
    let due = ledger.watched(organisation, now, RECORDS_MAX).await?;
    if due.is_empty() {
        return Ok(Looked::default());
    }
    let (people, due): (Vec<Record>, Vec<Record>) =
        due.into_iter().partition(|record| record.kind().as_str() == "person");
    let passed = passing::pass_on(ledger, house, people, now).await?;
    if due.is_empty() {
        return Ok(passed);
    }
    let numbers = numbers_by_venue(ledger, organisation).await?;
    let known = records_beside(ledger, house, &due, now).await?;
    let mut looked = Looked { records: passed.records + due.len(), ..passed };
    let mut owing: Vec<(Record, Option<Millis>, Ranked, Option<Told>)> = Vec::new();
    let mut again: Vec<(Record, Option<Millis>)> = Vec::new();
    for record in due {
        let asked = asked(&record, house, &numbers, &known, now, |ground| {
            (clockwork::owed(&record, ground), clockwork::look_again_at(&record, ground))
        });
        match asked {
            Some((Some(mut owed), at)) => {
                let told = owed.told.take();
                let change = change(organisation, &record, &known, owed, now);
                owing.push((record, at, change, told));
            }
            Some((None, at)) => again.push((record, at)),
            None => again.push((record, None)),
        }
    }
    let candidates = owing.iter().map(|(_, _, change, _)| Candidate::new(change.clone(), None)).collect();
    let verdicts = if owing.is_empty() {
        Vec::new()
    } else {
        ledger.append(organisation, Batch { pushed: None, candidates, now }).await?
    };
    for ((record, at, _, told), verdict) in owing.into_iter().zip(verdicts) {
        // Else another process, or this one before, wrote it for the same cause; or its person was erased.
        if !looked.count(&verdict) {
            again.push((record, at));
        } else if let Some(told) = told {
            looked.late.extend(hearers(house, &record, &told, &known));
        }
    }
    ledger.look_again(organisation, &again).await?;
    Ok(looked)
}

/// Who works at the venue, sees the record, and is one of those who have to hear of it.
fn hearers(house: &House, record: &Record, told: &Told, known: &BTreeMap<RecordId, Record>) -> Vec<(StaffId, Late)> {
    let venue = record.audience().venue();
    let late = house.venues.get(&venue).and_then(|venue| Late::new(house.work(Some(venue)), told));
    let Some(late) = late else { return Vec::new() };
    let lookup = |id: RecordId| known.get(&id).map(Cow::Borrowed);
    let hears = who_sees(house, record).filter(|staff| told.is_for(staff.id, staff.role, record, &lookup));
    hears.map(|staff| (staff.id, late.clone())).collect()
}

/// Who works at the record's venue and sees it.
fn who_sees<'a>(house: &'a House, record: &'a Record) -> impl Iterator<Item = &'a Staff> {
    let venue = record.audience().venue();
    let here = house.staff.values().filter(move |staff| staff.active && staff.venue == venue);
    here.filter(move |staff| may_hold(staff.id, staff.role, venue, record.audience()))
}

/// Gives every guest who changed hands to those whose they are, at once, and looks at nothing else.
///
/// # Errors
/// [`LedgerError`]; what was not written is owed the next time.
pub async fn pass_guests_on(ledger: &dyn Ledger, house: &House, now: Millis) -> Result<(), LedgerError> {
    loop {
        let due = ledger.watched(house.organisation, now, usize::from(u16::MAX)).await?;
        let people = due.into_iter().filter(|record| record.kind().as_str() == "person").collect();
        if passing::pass_on(ledger, house, people, now).await?.written == 0 {
            return Ok(());
        }
    }
}

/// What each venue has set.
///
/// # Errors
/// [`LedgerError`]
pub async fn numbers_by_venue(
    ledger: &dyn Ledger,
    organisation: OrganisationId,
) -> Result<BTreeMap<VenueId, Parameters>, LedgerError> {
    let mut by_venue: BTreeMap<VenueId, Vec<Record>> = BTreeMap::new();
    for record in ledger.records(organisation, Some("parameter"), None, PARAMETERS_MAX).await? {
        by_venue.entry(record.audience().venue()).or_default().push(record);
    }
    Ok(by_venue.into_iter().map(|(venue, records)| (venue, Parameters::of(records.iter()))).collect())
}

/// The records that those name, and what people did to their tasks.
async fn records_beside(
    ledger: &dyn Ledger,
    house: &House,
    due: &[Record],
    now: Millis,
) -> Result<BTreeMap<RecordId, Record>, LedgerError> {
    let mut wanted = BTreeSet::new();
    for record in due {
        wanted.extend(mentions_of(record));
        let Some((pack, work, offset_minutes)) = of_venue(house, record) else { continue };
        let numbers_on = |key: &str, _: Day| pack.parameter(key).map(|known| known.values.clone()).unwrap_or_default();
        // A task's id does not depend on numbers of the venue but where a cadence does, and none of these has one.
        let ground = task::Ground { work, pack, offset_minutes, numbers_on: &numbers_on, lookup: &|_| None, now };
        wanted.extend(task::of_record(record, &ground).into_iter().map(|task| task.id));
    }
    let found = ledger.records_by_id(house.organisation, &wanted).await?;
    Ok(found.into_iter().map(|record| (record.id, record)).collect())
}

fn of_venue<'a>(house: &'a House, record: &Record) -> Option<(&'a Pack, &'a Work, i32)> {
    let venue = house.venues.get(&record.audience().venue())?;
    Some((house.pack(Some(venue)), house.work(Some(venue)), venue.utc_offset_minutes))
}

fn asked<T>(
    record: &Record,
    house: &House,
    numbers: &BTreeMap<VenueId, Parameters>,
    known: &BTreeMap<RecordId, Record>,
    now: Millis,
    question: impl FnOnce(&Ground<'_>) -> T,
) -> Option<T> {
    let (pack, work, offset_minutes) = of_venue(house, record)?;
    let none = Parameters::default();
    let parameters = numbers.get(&record.audience().venue()).unwrap_or(&none);
    let numbers_on = |key: &str, day: Day| parameters.on(pack, key, day);
    let lookup = |id: RecordId| {
        if id == record.id { Some(Cow::Borrowed(record)) } else { known.get(&id).map(Cow::Borrowed) }
    };
    Some(question(&Ground { now, offset_minutes, work, pack, numbers_on: &numbers_on, lookup: &lookup }))
}

/// The change of the house. Its rank is after all that it goes on from, whatever the tablets' clocks said.
fn change(
    organisation: OrganisationId,
    record: &Record,
    known: &BTreeMap<RecordId, Record>,
    owed: Owed,
    now: Millis,
) -> Ranked {
    let mut hash = Sha256::new_with_prefix(b"yingke house 1");
    hash.update(record.id.bytes());
    hash.update(&owed.cause);
    let hash: [u8; 32] = hash.finalize().into();
    let (id, seed) = hash.split_at(16);
    let id = ChangeId::from_bytes(id.try_into().expect("half of a hash has 16 bytes"));
    let seed = u64::from_be_bytes(seed[..8].try_into().expect("a hash has 32 bytes"));
    let touched = owed.edits.iter().filter_map(|edit| known.get(&edit.record)).chain([record]);
    let last = touched.filter_map(Record::last_rank).map(|rank| rank.stamp).max().unwrap_or_default();
    let header = Header {
        id,
        organisation,
        author: HOUSE,
        device: ENDPOINT_DEVICE,
        made_at: now,
        clock_offset_ms: 0,
        pack: 1,
        form: "".into(),
    };
    let stamp = Stamp::at(now).max(last.following());
    Ranked::provisional(stamp, Change::new(header, owed.edits, &mut Seeded::new(seed)))
}

#[cfg(test)]
mod tests;
