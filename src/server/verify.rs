//! Recomputes every record and stream from the ledger, and compares.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use yingke_core::{
    audience::Audience,
    blob::BlobHash,
    codec,
    id::{ChangeId, OrganisationId, RecordId},
    merge::{self, Records},
    wire::v1::StreamMark,
};

use crate::{
    blobs::Name,
    ledger::{Database, Ledger, LedgerError},
};

/// Rows read at once.
const ROWS_MAX: usize = 1_000;

/// What was compared, and what differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    pub changes: u64,
    pub records: usize,
    pub streams: usize,
    /// Pictures, where they were looked at.
    pub pictures: usize,
    /// Pictures that records name and that have not come yet: their tablet may still be on its way.
    pub pictures_to_come: usize,
    /// One sentence each.
    pub faults: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            writeln!(f, "{fault}")?;
        }
        let end = if self.faults.is_empty() { "all agree" } else { "they do not all agree" };
        let Self { changes, records, streams, pictures, pictures_to_come, .. } = self;
        if *pictures_to_come > 0 {
            writeln!(f, "{pictures_to_come} pictures that records name have not come yet")?;
        }
        writeln!(f, "{changes} changes, {records} records, {streams} streams, {pictures} pictures: {end}")
    }
}

/// Looks at a ledger that grows all the while, at most.
const LOOKS_MAX: usize = 100;

/// As [`run`], and every picture against its hash, and what names it against the ledger. What was written while it was
/// looked at is of another moment than the rest, so then all is looked at again.
///
/// # Errors
/// [`LedgerError`] when something cannot even be read.
pub async fn with_pictures(database: &dyn Database, organisation: OrganisationId) -> Result<Findings, LedgerError> {
    let mut findings = look(database, organisation).await?;
    for _ in 1..LOOKS_MAX {
        if findings.faults.is_empty() || database.rows(organisation, findings.changes, 1).await?.is_empty() {
            break;
        }
        findings = look(database, organisation).await?;
    }
    Ok(findings)
}

async fn look(database: &dyn Database, organisation: OrganisationId) -> Result<Findings, LedgerError> {
    let mut findings = run(database, organisation).await?;
    let (mut named, mut after) = (BTreeSet::new(), 0);
    loop {
        let rows = database.rows(organisation, after, ROWS_MAX).await?;
        let Some(last) = rows.last() else { break };
        after = last.number;
        named.extend(rows.iter().flat_map(|row| Name::all_of(&row.ranked.change)));
    }
    if database.blob_names(organisation).await? != named {
        findings.faults.push("what names pictures differs".into());
    }
    let mut to_come: BTreeSet<BlobHash> = named.iter().map(|name| name.hash).collect();
    let mut last = None;
    while let Some((hash, bytes)) = database.next_blob(organisation, last).await? {
        findings.pictures += 1;
        if BlobHash::of(&bytes) != hash {
            findings.faults.push(format!("picture {hash} is not what its hash says"));
        }
        to_come.remove(&hash);
        last = Some(hash);
    }
    findings.pictures_to_come = to_come.len();
    Ok(findings)
}

/// # Errors
/// [`LedgerError`] when something cannot even be read.
pub async fn run(ledger: &dyn Ledger, organisation: OrganisationId) -> Result<Findings, LedgerError> {
    let mut findings = Findings::default();
    let mut records = Records::new();
    let mut streams: BTreeMap<Audience, Vec<(ChangeId, StreamMark)>> = BTreeMap::new();
    loop {
        let rows = ledger.rows(organisation, findings.changes, ROWS_MAX).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            findings.changes += 1;
            if row.number != findings.changes {
                findings.faults.push(format!("number {} is missing", findings.changes));
                findings.changes = row.number;
            }
            let id = row.ranked.change.id();
            if row.ranked.change.hash() != row.hash {
                findings.faults.push(format!("change {id} (number {}) is not what was accepted", row.number));
            }
            let audiences: BTreeSet<_> = row.ranked.change.edits().map(|edit| &edit.audience).collect();
            for audience in audiences {
                let stream = streams.entry(audience.clone()).or_default();
                let mark = stream.last().map(|(_, mark)| *mark).unwrap_or_default();
                stream.push((id, mark.with(row.number, id)));
            }
            merge::take_in(&mut records, &row.ranked);
        }
    }
    compare_streams(ledger, organisation, &streams, &mut findings).await?;
    compare_records(ledger, organisation, &records, &mut findings).await?;
    Ok(findings)
}

async fn compare_streams(
    ledger: &dyn Ledger,
    organisation: OrganisationId,
    streams: &BTreeMap<Audience, Vec<(ChangeId, StreamMark)>>,
    findings: &mut Findings,
) -> Result<(), LedgerError> {
    let heads = ledger.heads(organisation).await?;
    findings.streams = streams.len();
    let recomputed_heads: BTreeMap<_, _> =
        streams.iter().filter_map(|(audience, rows)| Some((audience.clone(), rows.last()?.1))).collect();
    if heads != recomputed_heads {
        findings.faults.push("the ends of the streams differ".into());
    }
    for (audience, rows) in streams {
        let mut kept = Vec::new();
        loop {
            let after = kept.last().map_or(0, |(_, mark): &(_, StreamMark)| mark.number);
            let page = ledger.stream(organisation, audience, after, ROWS_MAX).await?;
            if page.is_empty() {
                break;
            }
            kept.extend(page);
        }
        if kept != *rows {
            findings.faults.push(format!("the stream {audience} differs"));
        }
    }
    Ok(())
}

async fn compare_records(
    ledger: &dyn Ledger,
    organisation: OrganisationId,
    records: &Records,
    findings: &mut Findings,
) -> Result<(), LedgerError> {
    findings.records = records.len();
    let mut after: Option<RecordId> = None;
    let mut kept = 0;
    loop {
        let page = ledger.records(organisation, None, after, ROWS_MAX).await?;
        if page.is_empty() {
            break;
        }
        for record in &page {
            // They come in the order of their rows: another one's content stands under the id of this.
            if after.is_some_and(|before| record.id <= before) {
                findings.faults.push(format!("record {} is kept under another id as well", record.id));
                return Ok(());
            }
            after = Some(record.id);
            kept += 1;
            let same =
                records.get(&record.id).is_some_and(|other| codec::record_bytes(other) == codec::record_bytes(record));
            if !same {
                findings.faults.push(format!("record {} differs", record.id));
            }
        }
    }
    if kept != records.len() {
        findings.faults.push(format!("{kept} records are kept, the ledger makes {}", records.len()));
    }
    Ok(())
}
