//! Recomputes every record and stream from the ledger, and compares.

use std::{collections::BTreeMap, fmt};

use yingke_core::{
    audience::Audience,
    codec,
    id::{ChangeId, OrganisationId, RecordId},
    merge::{self, Records},
    wire::v1::StreamMark,
};

use crate::ledger::{Ledger, LedgerError};

/// Rows read at once.
const ROWS_MAX: usize = 1_000;

/// What was compared, and what differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    pub changes: u64,
    pub records: usize,
    pub streams: usize,
    /// One sentence each.
    pub faults: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            writeln!(f, "{fault}")?;
        }
        let end = if self.faults.is_empty() { "all agree" } else { "they do not all agree" };
        writeln!(f, "{} changes, {} records, {} streams: {end}", self.changes, self.records, self.streams)
    }
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
            let audiences: std::collections::BTreeSet<_> =
                row.ranked.change.edits().map(|edit| &edit.audience).collect();
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
    let mut after: Option<RecordId> = None;
    let mut kept = 0;
    loop {
        let page = ledger.records(organisation, None, after, ROWS_MAX).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for record in &page {
            kept += 1;
            let same =
                records.get(&record.id).is_some_and(|other| codec::record_bytes(other) == codec::record_bytes(record));
            if !same {
                findings.faults.push(format!("record {} differs", record.id));
            }
        }
    }
    findings.records = records.len();
    if kept != records.len() {
        findings.faults.push(format!("{kept} records are kept, the ledger makes {}", records.len()));
    }
    Ok(())
}
