//! The ledger's twin in memory: for tests and the simulator. It forgets on being dropped.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use async_trait::async_trait;
use yingke_core::{
    audience::Audience,
    change::Ranked,
    codec,
    id::{ChangeId, DeviceNumber, OrganisationId, RecordId},
    merge::Records,
    probe,
    record::Record,
    stamp::{Rank, Stamp},
    time::Millis,
    wire::v1::{StreamMark, Verdict},
};

use super::{
    Batch, EPOCH_MS_MIN, Ledger, LedgerError, LedgerPage, LedgerRow, Pushed, Receipt, Untold, emptied,
    numbers::{Ask, Block, SKIPPED, next_block},
    settle::{Found, is_told, is_watched, settle, touched},
};

/// One organisation's ledger.
#[derive(Debug)]
pub struct MemoryLedger {
    kept: Mutex<Kept>,
}

#[derive(Debug, Clone, Default)]
struct Kept {
    epoch: String,
    epoch_at: Millis,
    rows: Vec<(Receipt, Ranked)>,
    known: BTreeMap<ChangeId, Receipt>,
    refused: BTreeMap<ChangeId, Rank>,
    streams: BTreeMap<Audience, Vec<(ChangeId, StreamMark)>>,
    records: Records,
    counters: BTreeMap<DeviceNumber, u64>,
    origins: BTreeMap<DeviceNumber, DeviceNumber>,
    /// The last stamp that each tablet was given in the place of an earlier one.
    corrected: BTreeMap<DeviceNumber, Stamp>,
    latest: Stamp,
    erased: BTreeSet<RecordId>,
    look_at: BTreeMap<RecordId, Millis>,
    tell_at: BTreeMap<RecordId, Millis>,
    /// The highest card number given of each series.
    given: BTreeMap<String, u64>,
    /// The same of a series of which none was given, as far as this copy knows.
    given_of_none: u64,
    /// What each device was given last, and of which series.
    blocks: BTreeMap<DeviceNumber, (String, Block)>,
    /// Changes in one page, where that is fewer than the caller asks for.
    page_max: Option<usize>,
}

impl MemoryLedger {
    #[must_use]
    pub fn new(epoch: &str) -> Self {
        Self { kept: Mutex::new(Kept { epoch: epoch.into(), ..Kept::default() }) }
    }

    /// A copy as a backup makes it. Whoever puts it in place begins another epoch with it.
    #[must_use]
    pub fn copy(&self, epoch: &str) -> Self {
        let mut kept = Kept { epoch: epoch.into(), ..self.kept().clone() };
        kept.skip_numbers();
        Self { kept: Mutex::new(kept) }
    }

    /// A tablet was told apart from the one that it is a copy of.
    pub fn set_origin(&self, number: DeviceNumber, origin: DeviceNumber) {
        self.kept().origins.insert(number, origin);
    }

    pub fn set_page_max(&self, changes: usize) {
        self.kept().page_max = Some(changes);
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().expect("nobody panics while holding the twin's lock")
    }
}

impl Kept {
    /// This may be an older copy: card numbers that were given since are not given again.
    fn skip_numbers(&mut self) {
        self.given.values_mut().for_each(|given| *given += SKIPPED);
        self.given_of_none += SKIPPED;
    }

    fn head(&self, audience: &Audience) -> Option<StreamMark> {
        self.streams.get(audience).and_then(|rows| rows.last()).map(|(_, mark)| *mark)
    }

    fn mark_at(&self, audience: &Audience, number: u64) -> StreamMark {
        let rows = self.streams.get(audience).map(Vec::as_slice).unwrap_or_default();
        rows.iter().rev().map(|(_, mark)| *mark).find(|mark| mark.number <= number).unwrap_or_default()
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn epoch(&self, _: OrganisationId) -> Result<String, LedgerError> {
        Ok(self.kept().epoch.clone())
    }

    async fn begin_epoch(&self, _: OrganisationId, from: &str, to: &str, now: Millis) -> Result<String, LedgerError> {
        let mut kept = self.kept();
        if kept.epoch == from && now.since(kept.epoch_at) >= EPOCH_MS_MIN {
            (kept.epoch, kept.epoch_at) = (to.into(), now);
            kept.skip_numbers();
        }
        Ok(kept.epoch.clone())
    }

    async fn mark_at(&self, _: OrganisationId, audience: &Audience, number: u64) -> Result<StreamMark, LedgerError> {
        Ok(self.kept().mark_at(audience, number))
    }

    async fn append(&self, _: OrganisationId, batch: Batch) -> Result<Vec<Verdict>, LedgerError> {
        let mut kept = self.kept();
        if let Some(Pushed { device, counter, .. }) = batch.pushed {
            let last = kept.counters.entry(device).or_default();
            if probe::decide("exchange: a push counter went backwards", counter < *last) {
                return Err(LedgerError::Cloned { device });
            }
            *last = counter;
        }
        let touched = touched(&batch);
        let mut found = Found {
            number: kept.rows.len() as u64,
            latest: kept.latest,
            refused: touched.changes.iter().filter_map(|id| Some((*id, *kept.refused.get(id)?))).collect(),
            origins: kept.origins.clone(),
            corrected: kept.corrected.clone(),
            known: touched.changes.iter().filter_map(|id| Some((*id, *kept.known.get(id)?))).collect(),
            heads: touched
                .audiences
                .into_iter()
                .filter_map(|name| Some((kept.head(&name)?, name)))
                .map(|(head, name)| (name, head))
                .collect(),
            records: touched.records.iter().filter_map(|id| Some((*id, kept.records.get(id)?.clone()))).collect(),
            erased: touched.subjects.intersection(&kept.erased).copied().collect(),
            ..Found::default()
        };
        loop {
            let wanted = found.bases_wanted(&batch.candidates);
            if wanted.is_empty() {
                break;
            }
            let base = |id: &ChangeId| {
                kept.known.get(id).map(|receipt| kept.rows[receipt.number as usize - 1].1.change.clone())
            };
            found.bases.extend(wanted.iter().map(|id| (*id, base(id))));
        }
        let beside = found.beside_wanted(&batch.candidates);
        found.beside = beside.iter().filter_map(|id| Some((*id, kept.records.get(id)?.clone()))).collect();
        let now = batch.now;
        let settled = settle(found, batch);
        for (receipt, ranked) in settled.rows {
            kept.known.insert(ranked.change.id(), receipt);
            kept.rows.push((receipt, ranked));
        }
        for (audience, change, mark) in settled.streams {
            kept.streams.entry(audience).or_default().push((change, mark));
        }
        let watched = settled.records.iter().filter(|(_, record)| is_watched(record));
        kept.look_at.extend(watched.map(|(id, _)| (*id, Millis(0))));
        for (id, _) in settled.records.iter().filter(|(_, record)| is_told(record)) {
            let since = kept.tell_at.entry(*id).or_insert(now);
            *since = now.min(*since);
        }
        kept.records.extend(settled.records);
        kept.corrected.extend(settled.corrected);
        kept.refused.extend(settled.refused);
        kept.refused.retain(|id, _| !settled.taken_at_last.contains(id));
        kept.latest = settled.latest;
        Ok(settled.verdicts)
    }

    async fn check_counter(&self, _: OrganisationId, device: DeviceNumber, counter: u64) -> Result<(), LedgerError> {
        let last = self.kept().counters.get(&device).copied().unwrap_or_default();
        if counter < last { Err(LedgerError::Cloned { device }) } else { Ok(()) }
    }

    async fn heads(&self, _: OrganisationId) -> Result<BTreeMap<Audience, StreamMark>, LedgerError> {
        let kept = self.kept();
        Ok(kept.streams.keys().filter_map(|audience| Some((audience.clone(), kept.head(audience)?))).collect())
    }

    async fn page(
        &self,
        _: OrganisationId,
        since: &BTreeMap<Audience, u64>,
        changes_max: usize,
    ) -> Result<LedgerPage, LedgerError> {
        let kept = self.kept();
        let changes_max = kept.page_max.unwrap_or(changes_max).min(changes_max);
        let mut numbers: BTreeSet<u64> = BTreeSet::new();
        for (audience, after) in since {
            let rows = kept.streams.get(audience).map(Vec::as_slice).unwrap_or_default();
            numbers.extend(rows.iter().map(|(_, mark)| mark.number).filter(|number| number > after));
        }
        let more = numbers.len() > changes_max;
        let numbers: Vec<u64> = numbers.into_iter().take(changes_max).collect();
        let end = if more { numbers.last().copied().unwrap_or(u64::MAX) } else { u64::MAX };
        Ok(LedgerPage {
            streams: since
                .iter()
                .map(|(audience, after)| (audience.clone(), kept.mark_at(audience, end.max(*after))))
                .collect(),
            changes: numbers.into_iter().map(|number| (number, kept.rows[number as usize - 1].1.clone())).collect(),
            more,
        })
    }

    async fn rows(&self, _: OrganisationId, after: u64, rows_max: usize) -> Result<Vec<LedgerRow>, LedgerError> {
        let kept = self.kept();
        let rows = kept.rows.iter().skip(after as usize).take(rows_max);
        Ok(rows
            .map(|(receipt, ranked)| LedgerRow { number: receipt.number, hash: receipt.hash, ranked: ranked.clone() })
            .collect())
    }

    async fn records(
        &self,
        _: OrganisationId,
        kind: Option<&str>,
        after: Option<RecordId>,
        records_max: usize,
    ) -> Result<Vec<Record>, LedgerError> {
        let kept = self.kept();
        let records = kept.records.values().filter(|record| after.is_none_or(|after| record.id > after));
        let records = records.filter(|record| kind.is_none_or(|kind| record.kind().as_str() == kind));
        Ok(records.take(records_max).cloned().collect())
    }

    async fn records_by_id(&self, _: OrganisationId, ids: &BTreeSet<RecordId>) -> Result<Vec<Record>, LedgerError> {
        let kept = self.kept();
        Ok(ids.iter().filter_map(|id| kept.records.get(id).cloned()).collect())
    }

    async fn records_of(
        &self,
        _: OrganisationId,
        audiences: &BTreeSet<Audience>,
        after: Option<RecordId>,
        records_max: usize,
    ) -> Result<Vec<Record>, LedgerError> {
        let kept = self.kept();
        let records = kept.records.values().filter(|record| after.is_none_or(|after| record.id > after));
        Ok(records.filter(|record| audiences.contains(record.audience())).take(records_max).cloned().collect())
    }

    async fn changes(
        &self,
        _: OrganisationId,
        ids: &BTreeSet<ChangeId>,
    ) -> Result<BTreeMap<ChangeId, Ranked>, LedgerError> {
        let kept = self.kept();
        let row = |id: &ChangeId| Some((*id, kept.rows[kept.known.get(id)?.number as usize - 1].1.clone()));
        Ok(ids.iter().filter_map(row).collect())
    }

    async fn watched(&self, _: OrganisationId, until: Millis, records_max: usize) -> Result<Vec<Record>, LedgerError> {
        let kept = self.kept();
        let mut due: Vec<_> = kept.look_at.iter().filter(|(_, at)| **at <= until).map(|(id, at)| (*at, *id)).collect();
        due.sort();
        due.truncate(records_max);
        Ok(due.iter().filter_map(|(_, id)| kept.records.get(id).cloned()).collect())
    }

    async fn look_again(&self, _: OrganisationId, looked_at: &[(Record, Option<Millis>)]) -> Result<(), LedgerError> {
        let mut kept = self.kept();
        for (record, at) in looked_at {
            let is_same = |now: &Record| codec::record_bytes(now) == codec::record_bytes(record);
            if kept.records.get(&record.id).is_some_and(is_same) {
                match at {
                    Some(at) => drop(kept.look_at.insert(record.id, *at)),
                    None => drop(kept.look_at.remove(&record.id)),
                }
            }
        }
        Ok(())
    }

    async fn untold(&self, _: OrganisationId, until: Millis, records_max: usize) -> Result<Vec<Untold>, LedgerError> {
        let kept = self.kept();
        let mut due: Vec<_> = kept.tell_at.iter().filter(|(_, at)| **at <= until).map(|(id, at)| (*at, *id)).collect();
        due.sort();
        due.truncate(records_max);
        let untold =
            |(since, id): &(Millis, RecordId)| Some(Untold { record: kept.records.get(id)?.clone(), since: *since });
        Ok(due.iter().filter_map(untold).collect())
    }

    async fn tell_again(
        &self,
        _: OrganisationId,
        looked_at: &[(Untold, Option<Millis>)],
    ) -> Result<BTreeSet<RecordId>, LedgerError> {
        let mut kept = self.kept();
        let mut ours = BTreeSet::new();
        for (Untold { record, since }, at) in looked_at {
            let is_same = |now: &Record| codec::record_bytes(now) == codec::record_bytes(record);
            if kept.tell_at.get(&record.id) == Some(since) && kept.records.get(&record.id).is_some_and(is_same) {
                match at {
                    Some(at) => drop(kept.tell_at.insert(record.id, *at)),
                    None => drop(kept.tell_at.remove(&record.id)),
                }
                ours.insert(record.id);
            }
        }
        Ok(ours)
    }

    async fn give_numbers(&self, _: OrganisationId, device: DeviceNumber, ask: &Ask<'_>) -> Result<Block, LedgerError> {
        let mut kept = self.kept();
        let given = kept.given.get(ask.series).copied().unwrap_or(kept.given_of_none);
        let before = kept.blocks.get(&device).filter(|(series, _)| series == ask.series).map(|(_, block)| *block);
        let block = next_block(given, before, ask);
        if probe::step("exchange: card numbers that were given are remembered") {
            kept.given.insert(ask.series.into(), given.max(block.last));
        }
        kept.blocks.insert(device, (ask.series.into(), block));
        Ok(block)
    }

    async fn erase(
        &self,
        _: OrganisationId,
        records: &BTreeSet<RecordId>,
        epoch: &str,
        now: Millis,
    ) -> Result<u64, LedgerError> {
        let mut kept = self.kept();
        let mut count = 0;
        for (_, ranked) in &mut kept.rows {
            if let Some(change) = emptied(&ranked.change, records) {
                ranked.change = change;
                count += 1;
            }
        }
        let Kept { rows, streams, .. } = &mut *kept;
        for (audience, stream) in streams.iter_mut() {
            let mut head = StreamMark::default();
            let is_there =
                |number: u64| rows[number as usize - 1].1.change.edits().any(|edit| edit.audience == *audience);
            stream.retain(|(_, mark)| is_there(mark.number));
            for (change, mark) in stream {
                head = head.with(mark.number, *change);
                *mark = head;
            }
        }
        streams.retain(|_, stream| !stream.is_empty());
        kept.records.retain(|id, _| !records.contains(id));
        kept.look_at.retain(|id, _| !records.contains(id));
        kept.tell_at.retain(|id, _| !records.contains(id));
        kept.erased.extend(records);
        (kept.epoch, kept.epoch_at) = (epoch.into(), now);
        Ok(count)
    }

    async fn erased(&self, _: OrganisationId) -> Result<BTreeSet<RecordId>, LedgerError> {
        Ok(self.kept().erased.clone())
    }

    async fn stream(
        &self,
        _: OrganisationId,
        audience: &Audience,
        after: u64,
        rows_max: usize,
    ) -> Result<Vec<(ChangeId, StreamMark)>, LedgerError> {
        let kept = self.kept();
        let rows = kept.streams.get(audience).map(Vec::as_slice).unwrap_or_default();
        Ok(rows.iter().filter(|(_, mark)| mark.number > after).take(rows_max).copied().collect())
    }
}
