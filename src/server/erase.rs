//! Emptying everything about a person, at their request. Source: domain catalogue 17.4; design, section 3.
//!
//! The ledger keeps number, id and hash of each change, so that it still proves itself; what the change said is gone,
//! from the streams and the current records too. A list of who was erased, ids only, lies beside the database and in no
//! backup: a restore goes through it again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use yingke_core::{
    id::{OrganisationId, RecordId, StaffId},
    lead::{self, Names},
    record::{Cell, Record},
    time::Millis,
};

use crate::ledger::{Ledger, LedgerError, mentions};

/// The list's name in the data folder.
pub const LIST: &str = "erasures";
/// Kinds that law keeps for ten years, and the audit log, which holds ids only. Source: domain catalogue 17.4: contract,
/// payment, deposit, commission.
const KEPT_BY_LAW: [&str; 5] = ["agreement", "payment", "deposit", "refund", "audit"];
/// Records read at once.
const RECORDS_MAX: usize = 2_000;

/// Why nobody was erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("nobody here is {0}; a phone number, a whole name or an id is expected")]
    Nobody(String),
    #[error("several people are {who}; say which by id: {}", .ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Several { who: String, ids: Vec<RecordId> },
    #[error("{} cannot be read or written: {cause}", .list.display())]
    List { list: PathBuf, cause: std::io::Error },
    #[error("line {line} of {} is none of ours", .list.display())]
    ListDamaged { list: PathBuf, line: usize },
}

/// What would go and what would stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub records: BTreeSet<RecordId>,
    /// How many of each kind go.
    pub going: BTreeMap<String, usize>,
    /// How many of each kind stay because law wants it.
    pub kept: BTreeMap<String, usize>,
}

/// The one person that is meant: by id, phone number or whole name.
///
/// # Errors
/// [`EraseError`]
pub async fn find(ledger: &dyn Ledger, organisation: OrganisationId, who: &str) -> Result<Record, EraseError> {
    let (who, phone) = (who.trim(), digits(who));
    let is_meant = |record: &Record| {
        let by_phone = phone.len() >= 7 && record.text("phone").is_some_and(|known| digits(known).ends_with(&phone));
        record.id.to_string() == who || record.text("name") == Some(who) || by_phone
    };
    let mut found: Vec<Record> = all(ledger, organisation, Some("person")).await?;
    found.retain(is_meant);
    if found.len() > 1 {
        return Err(EraseError::Several { who: who.into(), ids: found.iter().map(|record| record.id).collect() });
    }
    found.pop().ok_or_else(|| EraseError::Nobody(who.into()))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// All that is about a person: the records that name them as their subject, and what belongs to those.
///
/// # Errors
/// [`LedgerError`]
pub async fn plan(ledger: &dyn Ledger, organisation: OrganisationId, person: RecordId) -> Result<Plan, LedgerError> {
    Ok(reach(&all(ledger, organisation, None).await?, person))
}

fn reach(records: &[Record], person: RecordId) -> Plan {
    let mut about = BTreeSet::from([person]);
    let mut kept = BTreeSet::new();
    loop {
        let before = about.len() + kept.len();
        let found: Vec<&Record> = records.iter().filter(|record| is_about(record, &about, &kept)).collect();
        for record in found {
            let by_law = KEPT_BY_LAW.contains(&record.kind().as_str());
            if by_law {
                kept.insert(record.id)
            } else {
                about.insert(record.id)
            };
        }
        if about.len() + kept.len() == before {
            break;
        }
    }
    let mut plan = Plan { records: about, ..Plan::default() };
    for record in records {
        let counts = match (plan.records.contains(&record.id), kept.contains(&record.id)) {
            (true, _) => &mut plan.going,
            (false, true) => &mut plan.kept,
            (false, false) => continue,
        };
        *counts.entry(record.kind().to_string()).or_default() += 1;
    }
    plan
}

fn is_about(record: &Record, about: &BTreeSet<RecordId>, kept: &BTreeSet<RecordId>) -> bool {
    if about.contains(&record.id) || kept.contains(&record.id) {
        return false;
    }
    if record.kind().as_str() == "person" {
        // The same person under another record, joined since.
        return lead::joined_to(record).is_some_and(|into| about.contains(&into));
    }
    // What belongs to something that law keeps is part of it, and stays where it is.
    let names = Names::of(record, mentioned);
    names.is_some_and(|names| names.people.iter().chain(&names.others).any(|id| about.contains(id)))
}

/// The ids of other records that a record holds.
fn mentioned(record: &Record) -> BTreeSet<RecordId> {
    let mut found = BTreeSet::new();
    for (_, cell) in record.fields() {
        match cell {
            Cell::Latest { value, .. } | Cell::First { value, .. } | Cell::Sticky { value, .. } => {
                mentions(value, &mut found);
            }
            Cell::Once(values) => values.iter().for_each(|(_, value)| mentions(value, &mut found)),
            Cell::Set(elements) => elements.keys().for_each(|value| mentions(value, &mut found)),
            Cell::Guarded { heads, .. } => {
                heads.iter().flat_map(|head| head.values.values()).for_each(|value| mentions(value, &mut found));
            }
        }
    }
    found
}

async fn all(
    ledger: &dyn Ledger,
    organisation: OrganisationId,
    kind: Option<&str>,
) -> Result<Vec<Record>, LedgerError> {
    let mut found = Vec::new();
    loop {
        let after = found.last().map(|record: &Record| record.id);
        let page = ledger.records(organisation, kind, after, RECORDS_MAX).await?;
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
    }
}

// ---- The list -----------------------------------------------------------------------------------------------

/// Writes down that a person is erased, before it is done: then a crash in between is made good by the next restore.
/// It also says who did it and when, and nothing of the person but an id that means nothing any more.
///
/// # Errors
/// [`EraseError::List`]
pub fn note(
    folder: &Path,
    organisation: OrganisationId,
    person: RecordId,
    by: StaffId,
    at: Millis,
) -> Result<(), EraseError> {
    let list = folder.join(LIST);
    let unwritten = |cause| EraseError::List { list: list.clone(), cause };
    fs::create_dir_all(folder).map_err(unwritten)?;
    let mut options = fs::File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&list).map_err(unwritten)?;
    let (hour, minute) = at.hour_minute(0);
    let line = format!("{organisation} {person} {}T{hour:02}:{minute:02}Z {by}\n", at.day(0));
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritten)
}

/// The people of an organisation that are on the list.
///
/// # Errors
/// [`EraseError`], when there is a list that cannot be read.
pub fn noted(folder: &Path, organisation: OrganisationId) -> Result<BTreeSet<RecordId>, EraseError> {
    let list = folder.join(LIST);
    let text = match fs::read_to_string(&list) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(cause) => return Err(EraseError::List { list, cause }),
    };
    let mut people = BTreeSet::new();
    for (place, line) in text.lines().enumerate() {
        let mut words = line.split(' ');
        let whose: Option<OrganisationId> = words.next().and_then(|word| word.parse().ok());
        let person: Option<RecordId> = words.next().and_then(|word| word.parse().ok());
        let (Some(whose), Some(person)) = (whose, person) else {
            return Err(EraseError::ListDamaged { list, line: place + 1 });
        };
        if whose == organisation {
            people.insert(person);
        }
    }
    Ok(people)
}

/// Erases again who is on the list, after a copy from before was put back. Gives how many people that were.
///
/// # Errors
/// [`EraseError`]
pub async fn replay(
    ledger: &dyn Ledger,
    organisation: OrganisationId,
    folder: &Path,
    epoch: &str,
    now: Millis,
) -> Result<usize, EraseError> {
    let people = noted(folder, organisation)?;
    let mut records = ledger.erased(organisation).await?;
    let known = all(ledger, organisation, None).await?;
    for person in &people {
        records.extend(reach(&known, *person).records);
    }
    if !records.is_empty() {
        ledger.erase(organisation, &records, epoch, now).await?;
    }
    Ok(people.len())
}
