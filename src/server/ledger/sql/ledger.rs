//! The ledger's tables: what is asked alike of every database. Writing many rows is each database's own affair.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use sqlx::{QueryBuilder, Row};
use yingke_core::{
    audience::Audience,
    change::{Hash, Ranked},
    codec,
    id::{ChangeId, DeviceNumber, OrganisationId, RecordId},
    record::Record,
    stamp::{Rank, Stamp},
    time::Millis,
    wire::v1::{StreamMark, Verdict},
};

use super::{
    BODIES_BY_CHANGE, BODIES_BY_NUMBER, CORRECTED_BY_DEVICE, Db, DbConnection, DbRow, ERASED_BY_ID, HEADS_BY_AUDIENCE,
    LEDGER_BY_CHANGE, LOCK_COUNTER, RECORDS_BY_AUDIENCE, RECORDS_BY_ID, REFUSED_BY_CHANGE, ThisLedger, audience_list,
    blobs::{forget_pictures, keep_names},
    forget_what_was_deleted, id_list, keep, number_list,
    rows::{array, audience, bits, device, mark, number, one_record, ranked, receipt},
};
use crate::ledger::{
    Batch, EPOCH_MS_MIN, Ledger, LedgerError, LedgerPage, LedgerRow, Pushed, Untold, emptied,
    numbers::{Ask, Block, SKIPPED, next_block},
    settle::{Found, Settled, settle, touched},
};

/// Rows that are read, and altered by one statement, while somebody is erased.
const ROWS_AT_ONCE: i64 = 1_000;

#[async_trait]
impl Ledger for ThisLedger {
    async fn epoch(&self, organisation: OrganisationId) -> Result<String, LedgerError> {
        sqlx::query_scalar("select epoch from organisation where id = $1")
            .bind(&organisation.bytes()[..])
            .fetch_optional(&self.readers)
            .await?
            .ok_or(LedgerError::NoOrganisation)
    }

    async fn begin_epoch(
        &self,
        organisation: OrganisationId,
        from: &str,
        to: &str,
        now: Millis,
    ) -> Result<String, LedgerError> {
        let mut tx = self.write().await?;
        let begun = sqlx::query(
            "update organisation set epoch = $1, epoch_at = $2 where id = $3 and epoch = $4 and epoch_at <= $5",
        )
        .bind(to)
        .bind(now.0)
        .bind(&organisation.bytes()[..])
        .bind(from)
        .bind(now.plus(-EPOCH_MS_MIN).0)
        .execute(&mut *tx)
        .await?;
        if begun.rows_affected() > 0 {
            // It begins because this is an older copy: card numbers that were given since are not given again.
            sqlx::query("update number_series set given = given + $1 where organisation = $2")
                .bind(bits(SKIPPED))
                .bind(&organisation.bytes()[..])
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        self.epoch(organisation).await
    }

    async fn append(&self, organisation: OrganisationId, batch: Batch) -> Result<Vec<Verdict>, LedgerError> {
        let mut tx = self.write().await?;
        // First of all: whoever waits here goes on from what was committed meanwhile, a restored copy too.
        let counter_row =
            sqlx::query(LOCK_COUNTER).bind(&organisation.bytes()[..]).fetch_optional(&mut *tx).await?.ok_or_else(
                || LedgerError::Later { detail: "there is no counter; is a copy being restored?".into() },
            )?;
        if let Some(Pushed { device, counter, .. }) = batch.pushed {
            let raised = sqlx::query(
                "update device set push_counter = $1, seen_at = $2 \
                 where organisation = $3 and number = $4 and push_counter <= $5",
            )
            .bind(bits(counter))
            .bind(batch.now.0)
            .bind(&organisation.bytes()[..])
            .bind(i64::from(device.0))
            .bind(bits(counter))
            .execute(&mut *tx)
            .await?;
            if raised.rows_affected() == 0 {
                return Err(LedgerError::Cloned { device });
            }
        }
        let found = Found {
            number: number(&counter_row, "number")?,
            latest: Stamp::from_number(number(&counter_row, "stamp")?),
            ..find(&mut tx, organisation, &batch).await?
        };
        let now = batch.now.0;
        let settled = settle(found, batch);
        keep(self, &mut tx, organisation, &settled, now).await?;
        keep_ranks(&mut tx, organisation, &settled).await?;
        keep_names(&mut tx, organisation, settled.rows.iter().map(|(_, ranked)| &ranked.change)).await?;
        tx.commit().await?;
        Ok(settled.verdicts)
    }

    async fn check_counter(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        counter: u64,
    ) -> Result<(), LedgerError> {
        let kept: Option<i64> =
            sqlx::query_scalar("select push_counter from device where organisation = $1 and number = $2")
                .bind(&organisation.bytes()[..])
                .bind(i64::from(device.0))
                .fetch_optional(&self.readers)
                .await?;
        if kept.is_some_and(|kept| kept <= bits(counter)) { Ok(()) } else { Err(LedgerError::Cloned { device }) }
    }

    async fn heads(&self, organisation: OrganisationId) -> Result<BTreeMap<Audience, StreamMark>, LedgerError> {
        let mut connection = self.readers.acquire().await?;
        heads(&mut connection, organisation).await
    }

    async fn mark_at(
        &self,
        organisation: OrganisationId,
        audience: &Audience,
        number: u64,
    ) -> Result<StreamMark, LedgerError> {
        let mut connection = self.readers.acquire().await?;
        mark_at(&mut connection, organisation, audience, number).await
    }

    async fn page(
        &self,
        organisation: OrganisationId,
        since: &BTreeMap<Audience, u64>,
        changes_max: usize,
    ) -> Result<LedgerPage, LedgerError> {
        // One read transaction: marks and changes are of one state.
        let mut tx = self.read().await?;
        let key = organisation.bytes();
        let heads = heads(&mut tx, organisation).await?;
        let mut numbers = BTreeSet::new();
        for (audience, after) in since {
            if heads.get(audience).is_none_or(|head| head.number <= *after) {
                continue;
            }
            let found: Vec<i64> = sqlx::query_scalar(
                "select number from stream where organisation = $1 and audience = $2 and number > $3 \
                 order by number limit $4",
            )
            .bind(&key[..])
            .bind(audience.to_string())
            .bind(bits(*after))
            .bind(changes_max as i64 + 1)
            .fetch_all(&mut *tx)
            .await?;
            numbers.extend(found.into_iter().map(i64::cast_unsigned));
        }
        let more = numbers.len() > changes_max;
        if let Some(beyond) = numbers.iter().nth(changes_max).copied() {
            numbers.split_off(&beyond);
        }
        let end = if more { numbers.last().copied() } else { None };
        let mut page = LedgerPage { more, ..LedgerPage::default() };
        for (audience, after) in since {
            let head = heads.get(audience).copied().unwrap_or_default();
            // A stream that was read farther than this page reaches stays where it is.
            let mark_here = match end.map(|end| end.max(*after)) {
                Some(end) if head.number > end => mark_at(&mut tx, organisation, audience, end).await?,
                _ => head,
            };
            page.streams.insert(audience.clone(), mark_here);
        }
        let rows = sqlx::query(BODIES_BY_NUMBER)
            .bind(&key[..])
            .bind(number_list(numbers.into_iter()))
            .fetch_all(&mut *tx)
            .await?;
        for row in &rows {
            page.changes.push((number(row, "number")?, ranked(row)?));
        }
        Ok(page)
    }

    async fn rows(
        &self,
        organisation: OrganisationId,
        after: u64,
        rows_max: usize,
    ) -> Result<Vec<LedgerRow>, LedgerError> {
        sqlx::query(
            "select ledger.number, hash, bytes from ledger join body using (organisation, number) \
             where organisation = $1 and number > $2 order by number limit $3",
        )
        .bind(&organisation.bytes()[..])
        .bind(bits(after))
        .bind(rows_max as i64)
        .fetch_all(&self.readers)
        .await?
        .iter()
        .map(|row| {
            Ok(LedgerRow { number: number(row, "number")?, hash: Hash(array(row, "hash")?), ranked: ranked(row)? })
        })
        .collect()
    }

    async fn records(
        &self,
        organisation: OrganisationId,
        kind: Option<&str>,
        after: Option<RecordId>,
        records_max: usize,
    ) -> Result<Vec<Record>, LedgerError> {
        let after = after.map(|id| id.bytes().to_vec()).unwrap_or_default();
        let query = match kind {
            Some(kind) => sqlx::query(
                "select body from record where organisation = $1 and kind = $2 and id > $3 order by id limit $4",
            )
            .bind(organisation.bytes().to_vec())
            .bind(kind),
            None => sqlx::query("select body from record where organisation = $1 and id > $2 order by id limit $3")
                .bind(organisation.bytes().to_vec()),
        };
        let rows = query.bind(after).bind(records_max as i64).fetch_all(&self.readers).await?;
        rows.iter().map(|row| one_record(row.try_get("body")?)).collect()
    }

    async fn records_by_id(
        &self,
        organisation: OrganisationId,
        ids: &BTreeSet<RecordId>,
    ) -> Result<Vec<Record>, LedgerError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(RECORDS_BY_ID)
            .bind(&organisation.bytes()[..])
            .bind(id_list(ids.iter().map(|id| id.bytes())))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| one_record(row.try_get("body")?)).collect()
    }

    async fn records_of(
        &self,
        organisation: OrganisationId,
        audiences: &BTreeSet<Audience>,
        after: Option<RecordId>,
        records_max: usize,
    ) -> Result<Vec<Record>, LedgerError> {
        let rows = sqlx::query(RECORDS_BY_AUDIENCE)
            .bind(&organisation.bytes()[..])
            .bind(audience_list(audiences.iter().cloned()))
            .bind(after.map(|id| id.bytes().to_vec()).unwrap_or_default())
            .bind(records_max as i64)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| one_record(row.try_get("body")?)).collect()
    }

    async fn changes(
        &self,
        organisation: OrganisationId,
        ids: &BTreeSet<ChangeId>,
    ) -> Result<BTreeMap<ChangeId, Ranked>, LedgerError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = sqlx::query(BODIES_BY_CHANGE)
            .bind(&organisation.bytes()[..])
            .bind(id_list(ids.iter().map(|id| id.bytes())))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| ranked(row).map(|ranked| (ranked.change.id(), ranked))).collect()
    }

    async fn watched(
        &self,
        organisation: OrganisationId,
        until: Millis,
        records_max: usize,
    ) -> Result<Vec<Record>, LedgerError> {
        let rows = sqlx::query(
            "select body from record where organisation = $1 and look_at <= $2 order by look_at, id limit $3",
        )
        .bind(&organisation.bytes()[..])
        .bind(until.0)
        .bind(records_max as i64)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| one_record(row.try_get("body")?)).collect()
    }

    async fn look_again(
        &self,
        organisation: OrganisationId,
        looked_at: &[(Record, Option<Millis>)],
    ) -> Result<(), LedgerError> {
        if looked_at.is_empty() {
            return Ok(());
        }
        let mut tx = self.write().await?;
        // Whoever appends holds it too: two that alter the same rows in another order would wait for each other.
        sqlx::query(LOCK_COUNTER).bind(&organisation.bytes()[..]).fetch_optional(&mut *tx).await?;
        for (record, at) in looked_at {
            sqlx::query("update record set look_at = $1 where organisation = $2 and id = $3 and body = $4")
                .bind(at.map(|at| at.0))
                .bind(&organisation.bytes()[..])
                .bind(&record.id.bytes()[..])
                .bind(codec::record_bytes(record))
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn untold(
        &self,
        organisation: OrganisationId,
        until: Millis,
        records_max: usize,
    ) -> Result<Vec<Untold>, LedgerError> {
        let rows = sqlx::query(
            "select body, tell_at from record where organisation = $1 and tell_at <= $2 order by tell_at, id limit $3",
        )
        .bind(&organisation.bytes()[..])
        .bind(until.0)
        .bind(records_max as i64)
        .fetch_all(&self.readers)
        .await?;
        let untold = |row: &DbRow| {
            Ok(Untold { record: one_record(row.try_get("body")?)?, since: Millis(row.try_get("tell_at")?) })
        };
        rows.iter().map(untold).collect()
    }

    async fn tell_again(
        &self,
        organisation: OrganisationId,
        looked_at: &[(Untold, Option<Millis>)],
    ) -> Result<BTreeSet<RecordId>, LedgerError> {
        let mut ours = BTreeSet::new();
        if looked_at.is_empty() {
            return Ok(ours);
        }
        let mut tx = self.write().await?;
        // As for `look_again`.
        sqlx::query(LOCK_COUNTER).bind(&organisation.bytes()[..]).fetch_optional(&mut *tx).await?;
        for (Untold { record, since }, at) in looked_at {
            let moved = sqlx::query(
                "update record set tell_at = $1 where organisation = $2 and id = $3 and tell_at = $4 and body = $5",
            )
            .bind(at.map(|at| at.0))
            .bind(&organisation.bytes()[..])
            .bind(&record.id.bytes()[..])
            .bind(since.0)
            .bind(codec::record_bytes(record))
            .execute(&mut *tx)
            .await?;
            if moved.rows_affected() > 0 {
                ours.insert(record.id);
            }
        }
        tx.commit().await?;
        Ok(ours)
    }

    async fn give_numbers(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        ask: &Ask<'_>,
    ) -> Result<Block, LedgerError> {
        let mut tx = self.write().await?;
        let key = organisation.bytes();
        // Whoever gives numbers waits here for whoever does already.
        sqlx::query(LOCK_COUNTER).bind(&key[..]).fetch_optional(&mut *tx).await?.ok_or(LedgerError::NoOrganisation)?;
        let given: Option<i64> =
            sqlx::query_scalar("select given from number_series where organisation = $1 and series = $2")
                .bind(&key[..])
                .bind(ask.series)
                .fetch_optional(&mut *tx)
                .await?;
        let given = match given {
            Some(given) => given.cast_unsigned(),
            None => given_of_none(&mut tx, organisation).await?,
        };
        let before = sqlx::query(
            "select first_number, last_number from number_block \
             where organisation = $1 and device = $2 and series = $3",
        )
        .bind(&key[..])
        .bind(i64::from(device.0))
        .bind(ask.series)
        .fetch_optional(&mut *tx)
        .await?;
        let before = before.map(|row| {
            Ok::<_, LedgerError>(Block { first: number(&row, "first_number")?, last: number(&row, "last_number")? })
        });
        let block = next_block(given, before.transpose()?, ask);
        sqlx::query(
            "insert into number_series values ($1, $2, $3) \
             on conflict (organisation, series) do update set given = excluded.given",
        )
        .bind(&key[..])
        .bind(ask.series)
        .bind(bits(given.max(block.last)))
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "insert into number_block values ($1, $2, $3, $4, $5) on conflict (organisation, device) do update set \
             series = excluded.series, first_number = excluded.first_number, last_number = excluded.last_number",
        )
        .bind(&key[..])
        .bind(i64::from(device.0))
        .bind(ask.series)
        .bind(bits(block.first))
        .bind(bits(block.last))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(block)
    }

    async fn erase(
        &self,
        organisation: OrganisationId,
        records: &BTreeSet<RecordId>,
        epoch: &str,
        now: Millis,
    ) -> Result<u64, LedgerError> {
        let mut tx = self.write().await?;
        let key = organisation.bytes();
        sqlx::query(LOCK_COUNTER).bind(&key[..]).fetch_optional(&mut *tx).await?.ok_or(LedgerError::NoOrganisation)?;
        let (count, leaving) = empty_bodies(&mut tx, organisation, records).await?;
        for (audience, numbers) in leaving {
            leave_stream(&mut tx, organisation, &audience, &numbers).await?;
        }
        for record in records {
            sqlx::query("delete from record where organisation = $1 and id = $2")
                .bind(&key[..])
                .bind(&record.bytes()[..])
                .execute(&mut *tx)
                .await?;
            sqlx::query(
                "insert into erasure (organisation, record, erased_at) values ($1, $2, $3) on conflict do nothing",
            )
            .bind(&key[..])
            .bind(&record.bytes()[..])
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
        }
        forget_pictures(&mut tx, organisation, records, now).await?;
        sqlx::query("update organisation set epoch = $1, epoch_at = $2 where id = $3")
            .bind(epoch)
            .bind(now.0)
            .bind(&key[..])
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        forget_what_was_deleted(self).await?;
        Ok(count)
    }

    async fn erased(&self, organisation: OrganisationId) -> Result<BTreeSet<RecordId>, LedgerError> {
        let rows = sqlx::query("select record from erasure where organisation = $1")
            .bind(&organisation.bytes()[..])
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok(RecordId::from_bytes(array(row, "record")?))).collect()
    }

    async fn stream(
        &self,
        organisation: OrganisationId,
        audience: &Audience,
        after: u64,
        rows_max: usize,
    ) -> Result<Vec<(ChangeId, StreamMark)>, LedgerError> {
        sqlx::query(
            "select change, number, count, digest from stream \
             where organisation = $1 and audience = $2 and number > $3 order by number limit $4",
        )
        .bind(&organisation.bytes()[..])
        .bind(audience.to_string())
        .bind(bits(after))
        .bind(rows_max as i64)
        .fetch_all(&self.readers)
        .await?
        .iter()
        .map(|row| Ok((ChangeId::from_bytes(array(row, "change")?), mark(row)?)))
        .collect()
    }
}

/// The highest number that may have been given of a series of which none was, as far as is known: an older copy may have
/// given some since it was made.
async fn given_of_none(tx: &mut DbConnection, organisation: OrganisationId) -> Result<u64, LedgerError> {
    let epoch_at: i64 = sqlx::query_scalar("select epoch_at from organisation where id = $1")
        .bind(&organisation.bytes()[..])
        .fetch_one(tx)
        .await?;
    // The first epoch begins at 0.
    Ok(if epoch_at == 0 { 0 } else { SKIPPED })
}

async fn mark_at(
    connection: &mut DbConnection,
    organisation: OrganisationId,
    audience: &Audience,
    number: u64,
) -> Result<StreamMark, LedgerError> {
    let row = sqlx::query(
        "select number, count, digest from stream \
         where organisation = $1 and audience = $2 and number <= $3 order by number desc limit 1",
    )
    .bind(&organisation.bytes()[..])
    .bind(audience.to_string())
    .bind(i64::try_from(number).unwrap_or(i64::MAX))
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(mark).transpose().map(Option::unwrap_or_default)
}

async fn heads(
    connection: &mut DbConnection,
    organisation: OrganisationId,
) -> Result<BTreeMap<Audience, StreamMark>, LedgerError> {
    sqlx::query("select audience, number, count, digest from stream_head where organisation = $1")
        .bind(&organisation.bytes()[..])
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| Ok((audience(row)?, mark(row)?)))
        .collect()
}

/// Reads all that the batch touches. The counter is locked, so nothing of it can change before it is written.
async fn find(tx: &mut DbConnection, organisation: OrganisationId, batch: &Batch) -> Result<Found, LedgerError> {
    let key = organisation.bytes();
    let mut found = Found::default();
    let touched = touched(batch);
    let erasures: i64 = sqlx::query_scalar("select count(*) from erasure where organisation = $1")
        .bind(&key[..])
        .fetch_one(&mut *tx)
        .await?;
    if erasures > 0 {
        let erased = sqlx::query(ERASED_BY_ID)
            .bind(&key[..])
            .bind(id_list(touched.subjects.iter().map(|id| id.bytes())))
            .fetch_all(&mut *tx)
            .await?;
        for row in &erased {
            found.erased.insert(RecordId::from_bytes(array(row, "record")?));
        }
    }
    let known = sqlx::query(LEDGER_BY_CHANGE)
        .bind(&key[..])
        .bind(id_list(touched.changes.iter().map(|id| id.bytes())))
        .fetch_all(&mut *tx)
        .await?;
    for row in &known {
        found.known.insert(ChangeId::from_bytes(array(row, "change")?), receipt(row)?);
    }
    let refused = sqlx::query(REFUSED_BY_CHANGE)
        .bind(&key[..])
        .bind(id_list(touched.changes.iter().map(|id| id.bytes())))
        .fetch_all(&mut *tx)
        .await?;
    for row in &refused {
        let change = ChangeId::from_bytes(array(row, "change")?);
        let stamp = Stamp::from_number(number(row, "stamp")?);
        found.refused.insert(change, Rank { stamp, device: device(row, "device")?, change });
    }
    let corrected = sqlx::query(CORRECTED_BY_DEVICE)
        .bind(&key[..])
        .bind(number_list(touched.devices.iter().map(|device| u64::from(device.0))))
        .fetch_all(&mut *tx)
        .await?;
    for row in &corrected {
        let origin = device(row, "origin")?;
        found.origins.insert(device(row, "number")?, origin);
        if let Some(stamp) = row.try_get::<Option<i64>, _>("stamp")? {
            found.corrected.insert(origin, Stamp::from_number(stamp.cast_unsigned()));
        }
    }
    let heads = sqlx::query(HEADS_BY_AUDIENCE)
        .bind(&key[..])
        .bind(audience_list(touched.audiences.into_iter()))
        .fetch_all(&mut *tx)
        .await?;
    for row in &heads {
        found.heads.insert(audience(row)?, mark(row)?);
    }
    let records = sqlx::query(RECORDS_BY_ID)
        .bind(&key[..])
        .bind(id_list(touched.records.iter().map(|id| id.bytes())))
        .fetch_all(&mut *tx)
        .await?;
    for row in &records {
        let record = one_record(row.try_get("body")?)?;
        found.records.insert(record.id, record);
    }
    find_for_steps(tx, organisation, batch, &mut found).await?;
    Ok(found)
}

/// Reads what the steps of a batch are judged from, beside the records themselves.
async fn find_for_steps(
    tx: &mut DbConnection,
    organisation: OrganisationId,
    batch: &Batch,
    found: &mut Found,
) -> Result<(), LedgerError> {
    let key = organisation.bytes();
    loop {
        let wanted = found.bases_wanted(&batch.candidates);
        if wanted.is_empty() {
            break;
        }
        let rows = sqlx::query(BODIES_BY_CHANGE)
            .bind(&key[..])
            .bind(id_list(wanted.iter().map(|id| id.bytes())))
            .fetch_all(&mut *tx)
            .await?;
        found.bases.extend(wanted.into_iter().map(|id| (id, None)));
        for row in &rows {
            let change = ranked(row)?.change;
            found.bases.insert(change.id(), Some(change));
        }
    }
    let beside = found.beside_wanted(&batch.candidates);
    if beside.is_empty() {
        return Ok(());
    }
    let rows = sqlx::query(RECORDS_BY_ID)
        .bind(&key[..])
        .bind(id_list(beside.iter().map(|id| id.bytes())))
        .fetch_all(&mut *tx)
        .await?;
    for row in &rows {
        let record = one_record(row.try_get("body")?)?;
        found.beside.insert(record.id, record);
    }
    Ok(())
}

/// What is remembered of ranks beside those of the ledger: of tablets with a wrong clock, and of what was refused.
async fn keep_ranks(tx: &mut DbConnection, organisation: OrganisationId, settled: &Settled) -> Result<(), LedgerError> {
    let key = organisation.bytes();
    for (device, stamp) in &settled.corrected {
        sqlx::query(
            "insert into corrected (organisation, device, stamp) values ($1, $2, $3) \
             on conflict (organisation, device) do update set stamp = excluded.stamp",
        )
        .bind(&key[..])
        .bind(i64::from(device.0))
        .bind(bits(stamp.number()))
        .execute(&mut *tx)
        .await?;
    }
    if !settled.refused.is_empty() {
        let mut insert = QueryBuilder::<Db>::new("insert into refused (organisation, change, stamp, device) ");
        insert.push_values(settled.refused.values(), |mut row, rank| {
            row.push_bind(key.to_vec()).push_bind(rank.change.bytes().to_vec());
            row.push_bind(bits(rank.stamp.number())).push_bind(i64::from(rank.device.0));
        });
        insert.build().execute(&mut *tx).await?;
        sqlx::query("update counter set stamp = $1 where organisation = $2")
            .bind(bits(settled.latest.number()))
            .bind(&key[..])
            .execute(&mut *tx)
            .await?;
    }
    for change in &settled.taken_at_last {
        sqlx::query("delete from refused where organisation = $1 and change = $2")
            .bind(&key[..])
            .bind(&change.bytes()[..])
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// Empties what changes say of these records. Gives how many changes that were, and by audience the numbers that leave
/// its stream since nothing for its readers is left in them.
async fn empty_bodies(
    tx: &mut DbConnection,
    organisation: OrganisationId,
    records: &BTreeSet<RecordId>,
) -> Result<(u64, BTreeMap<Audience, BTreeSet<u64>>), LedgerError> {
    let key = organisation.bytes();
    let mut count = 0;
    let mut leaving: BTreeMap<Audience, BTreeSet<u64>> = BTreeMap::new();
    let mut after = 0;
    loop {
        let rows = sqlx::query(
            "select number, bytes from body where organisation = $1 and number > $2 order by number limit $3",
        )
        .bind(&key[..])
        .bind(bits(after))
        .bind(ROWS_AT_ONCE)
        .fetch_all(&mut *tx)
        .await?;
        let Some(last) = rows.last() else { return Ok((count, leaving)) };
        after = number(last, "number")?;
        for row in &rows {
            let (number, ranked) = (number(row, "number")?, ranked(row)?);
            let Some(change) = emptied(&ranked.change, records) else { continue };
            count += 1;
            let stays: BTreeSet<&Audience> = change.edits().map(|edit| &edit.audience).collect();
            for edit in ranked.change.edits().filter(|edit| !stays.contains(&edit.audience)) {
                leaving.entry(edit.audience.clone()).or_default().insert(number);
            }
            let emptied = Ranked { change, ..ranked };
            sqlx::query("update body set bytes = $1 where organisation = $2 and number = $3")
                .bind(codec::changes_bytes([&emptied].into_iter()))
                .bind(&key[..])
                .bind(bits(number))
                .execute(&mut *tx)
                .await?;
        }
    }
}

/// Takes numbers out of a stream and reckons the marks of those that follow anew.
async fn leave_stream(
    tx: &mut DbConnection,
    organisation: OrganisationId,
    audience: &Audience,
    numbers: &BTreeSet<u64>,
) -> Result<(), LedgerError> {
    let (key, name) = (organisation.bytes(), audience.to_string());
    for number in numbers {
        sqlx::query("delete from stream where organisation = $1 and audience = $2 and number = $3")
            .bind(&key[..])
            .bind(&name)
            .bind(bits(*number))
            .execute(&mut *tx)
            .await?;
    }
    let first = numbers.first().copied().unwrap_or_default();
    let mut head = mark_at(tx, organisation, audience, first).await?;
    loop {
        let rows = sqlx::query(
            "select number, change from stream where organisation = $1 and audience = $2 and number > $3 \
             order by number limit $4",
        )
        .bind(&key[..])
        .bind(&name)
        .bind(bits(head.number.max(first)))
        .bind(ROWS_AT_ONCE)
        .fetch_all(&mut *tx)
        .await?;
        if rows.is_empty() {
            break;
        }
        let mut marks = Vec::with_capacity(rows.len());
        for row in &rows {
            head = head.with(number(row, "number")?, ChangeId::from_bytes(array(row, "change")?));
            marks.push(head);
        }
        let mut update =
            QueryBuilder::<Db>::new("update stream set count = marks.column2, digest = marks.column3 from (");
        update.push_values(marks, |mut row, mark| {
            row.push_bind(bits(mark.number)).push_bind(bits(mark.count)).push_bind(bits(mark.digest));
        });
        update.push(") as marks where organisation = ").push_bind(key.to_vec());
        update.push(" and audience = ").push_bind(name.clone()).push(" and number = marks.column1");
        update.build().execute(&mut *tx).await?;
    }
    let statement = if head.count == 0 {
        "delete from stream_head where organisation = $1 and audience = $2"
    } else {
        "update stream_head set number = $3, count = $4, digest = $5 where organisation = $1 and audience = $2"
    };
    let mut query = sqlx::query(statement).bind(key.to_vec()).bind(name);
    if head.count > 0 {
        query = query.bind(bits(head.number)).bind(bits(head.count)).bind(bits(head.digest));
    }
    query.execute(tx).await?;
    Ok(())
}
