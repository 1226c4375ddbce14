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
    record::Record,
    time::Millis,
};

use crate::ledger::{Ledger, LedgerError, mentions_of};

/// The list's name in the data folder.
pub const LIST: &str = "erasures";
/// Kinds that law keeps for ten years, and the audit log, which holds ids only. Source: domain catalogue 17.4: contract,
/// payment, deposit, commission.
pub const KEPT_BY_LAW: [&str; 5] = ["agreement", "payment", "deposit", "refund", "audit"];
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
    pub kept_records: BTreeSet<RecordId>,
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
    Ok(reach(&all(ledger, organisation, None).await?, &BTreeSet::from([person])))
}

/// These records and all that is about them or belongs to those, but what law keeps.
#[must_use]
pub fn reach(records: &[Record], roots: &BTreeSet<RecordId>) -> Plan {
    let mut about = roots.clone();
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
    let mut plan = Plan { records: about, kept_records: kept, ..Plan::default() };
    for record in records {
        let counts = match (plan.records.contains(&record.id), plan.kept_records.contains(&record.id)) {
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
    let names = Names::of(record, mentions_of);
    names.is_some_and(|names| names.people.iter().chain(&names.others).any(|id| about.contains(id)))
}

/// All records of an organisation, or those of one kind.
///
/// # Errors
/// [`LedgerError`]
pub async fn all(
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

/// How far an erasure goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A person, or what others belong to: all that is about it goes too.
    About,
    /// One record.
    Alone,
}

/// The last word of a line about one record.
const ALONE: &str = "alone";

/// Writes down what is erased, before it is done: then a crash in between is made good by the next restore. It also
/// says who did it and when, and nothing of anybody but ids that mean nothing any more.
///
/// # Errors
/// [`EraseError::List`]
pub fn note(
    folder: &Path,
    organisation: OrganisationId,
    records: impl IntoIterator<Item = (RecordId, Reach)>,
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
    let ((hour, minute), day) = (at.hour_minute(0), at.day(0));
    let lines: String = records
        .into_iter()
        .map(|(record, reach)| {
            let end = if reach == Reach::Alone { format!(" {ALONE}") } else { String::new() };
            format!("{organisation} {record} {day}T{hour:02}:{minute:02}Z {by}{end}\n")
        })
        .collect();
    file.write_all(lines.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritten)
}

/// What is on the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// With all that is about them.
    pub about: BTreeSet<RecordId>,
    pub alone: BTreeSet<RecordId>,
}

/// What of an organisation is on the list.
///
/// # Errors
/// [`EraseError`], when there is a list that cannot be read.
pub fn noted(folder: &Path, organisation: OrganisationId) -> Result<Noted, EraseError> {
    let list = folder.join(LIST);
    let text = match fs::read_to_string(&list) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Noted::default()),
        Err(cause) => return Err(EraseError::List { list, cause }),
    };
    let mut noted = Noted::default();
    for (place, line) in text.lines().enumerate() {
        let mut words = line.split(' ');
        let whose: Option<OrganisationId> = words.next().and_then(|word| word.parse().ok());
        let record: Option<RecordId> = words.next().and_then(|word| word.parse().ok());
        let (Some(whose), Some(record)) = (whose, record) else {
            return Err(EraseError::ListDamaged { list, line: place + 1 });
        };
        if whose == organisation {
            let is_alone = words.nth(2) == Some(ALONE);
            if is_alone { &mut noted.alone } else { &mut noted.about }.insert(record);
        }
    }
    Ok(noted)
}

/// Erases again what is on the list, after a copy from before was put back. Gives what that was.
///
/// # Errors
/// [`EraseError`]
pub async fn replay(
    ledger: &dyn Ledger,
    organisation: OrganisationId,
    folder: &Path,
    epoch: &str,
    now: Millis,
) -> Result<Noted, EraseError> {
    let noted = noted(folder, organisation)?;
    let mut records = ledger.erased(organisation).await?;
    let known = all(ledger, organisation, None).await?;
    records.extend(reach(&known, &noted.about).records);
    records.extend(&noted.alone);
    if !records.is_empty() {
        ledger.erase(organisation, &records, epoch, now).await?;
    }
    Ok(noted)
}

#[cfg(test)]
mod tests {
    use yingke_core::fixture;

    use super::*;

    #[test]
    fn the_list_tells_what_goes_with_all_about_it_and_what_goes_alone() {
        let folder = tempfile::tempdir().unwrap();
        let id = |number| RecordId::from_bytes(fixture::id_bytes(number));
        let note = |organisation, records| note(folder.path(), organisation, records, fixture::staff(1), fixture::NOW);
        note(fixture::organisation(), vec![(id(1), Reach::About), (id(2), Reach::Alone)]).unwrap();
        note(OrganisationId::from_bytes(fixture::id_bytes(8)), vec![(id(3), Reach::About)]).unwrap();
        note(fixture::organisation(), vec![(id(4), Reach::Alone)]).unwrap();
        let expected = Noted { about: BTreeSet::from([id(1)]), alone: BTreeSet::from([id(2), id(4)]) };
        assert_eq!(noted(folder.path(), fixture::organisation()).unwrap(), expected);
        let list = folder.path().join(LIST);
        fs::write(&list, format!("{}not one\n", fs::read_to_string(&list).unwrap())).unwrap();
        assert!(matches!(noted(folder.path(), fixture::organisation()), Err(EraseError::ListDamaged { line: 5, .. })));
    }
}
