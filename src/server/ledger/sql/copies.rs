//! All that a database holds, read and written table by table.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, QueryBuilder, Row};
use tokio_stream::StreamExt;
use yingke_core::time::Millis;

use super::{Db, DbRow, LOCK_COUNTERS, LOOK_AT_ALL, LOOK_AT_RULED, TELL_AT_ALL, ThisLedger, rows::bits};
use crate::ledger::{
    Copies, LedgerError,
    numbers::SKIPPED,
    tables::{Cell, Holds, TABLES, Table, TableRow},
};

/// Rows of one statement: with eleven columns they stay under what either database binds at once.
const ROWS_AT_ONCE: usize = 400;
/// Bytes of one statement, after which no row is added: pictures are large.
const BYTES_AT_ONCE: usize = 4 << 20;
/// Tablets that were enrolled since the copy was made keep their numbers to themselves.
const DEVICES_SKIPPED: i64 = 1_000;

#[async_trait]
impl Copies for ThisLedger {
    async fn read_all(
        &self,
        take: &mut (dyn FnMut(TableRow) -> Result<(), LedgerError> + Send),
    ) -> Result<(), LedgerError> {
        let mut tx = self.read().await?;
        for (place, table) in TABLES.iter().enumerate() {
            let order: Vec<&str> = table.columns.iter().take(table.keys).map(|(name, _)| *name).collect();
            let select = format!("select {} from {} order by {}", table.names(), table.name, order.join(", "));
            let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(&mut *tx);
            while let Some(row) = rows.next().await {
                take((place, cells(table, &row?)?))?;
            }
        }
        Ok(())
    }

    async fn replace_all(
        &self,
        rows: &mut (dyn Iterator<Item = Result<TableRow, LedgerError>> + Send),
        epoch: &str,
        now: Millis,
    ) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        // First of all, as whoever appends does: two that lock the same rows in another order would wait for each other.
        sqlx::query(LOCK_COUNTERS).fetch_all(&mut *tx).await?;
        // The copy may have been put back before, and numbers given since.
        let devices: Vec<(Vec<u8>, i64)> =
            sqlx::query_as("select id, devices from organisation").fetch_all(&mut *tx).await?;
        let given: Vec<(Vec<u8>, String, i64)> =
            sqlx::query_as("select organisation, series, given from number_series").fetch_all(&mut *tx).await?;
        for table in TABLES.iter().rev() {
            sqlx::query(AssertSqlSafe(format!("delete from {}", table.name))).execute(&mut *tx).await?;
        }
        let mut waiting: Vec<Vec<Cell>> = Vec::new();
        let (mut of, mut bytes) = (0, 0);
        loop {
            let row = rows.next().transpose()?;
            let is_full = waiting.len() == ROWS_AT_ONCE || bytes > BYTES_AT_ONCE;
            if (is_full || row.as_ref().is_none_or(|(place, _)| *place != of)) && !waiting.is_empty() {
                insert(&TABLES[of], std::mem::take(&mut waiting)).build().execute(&mut *tx).await?;
                bytes = 0;
            }
            let Some((place, row)) = row else { break };
            of = place;
            bytes += row.iter().map(|cell| if let Cell::Bytes(bytes) = cell { bytes.len() } else { 0 }).sum::<usize>();
            waiting.push(row);
        }
        for (organisation, devices) in devices {
            let update = "update organisation set devices = $2 where id = $1 and devices < $2";
            sqlx::query(update).bind(organisation).bind(devices).execute(&mut *tx).await?;
        }
        for (organisation, series, given) in given {
            let insert = "insert into number_series (organisation, series, given) \
                          select $1, $2, $3 where exists (select 1 from organisation where id = $1) \
                          on conflict (organisation, series) do update set given = excluded.given \
                          where number_series.given < excluded.given";
            sqlx::query(insert).bind(organisation).bind(series).bind(given).execute(&mut *tx).await?;
        }
        // What the clock has to look at is in no copy: it looks at everything that it may owe something.
        sqlx::query(LOOK_AT_ALL).execute(&mut *tx).await?;
        sqlx::query(LOOK_AT_RULED).execute(&mut *tx).await?;
        sqlx::query(TELL_AT_ALL).bind(now.0).execute(&mut *tx).await?;
        sqlx::query("update organisation set epoch = $1, epoch_at = $2, devices = devices + $3")
            .bind(epoch)
            .bind(now.0)
            .bind(DEVICES_SKIPPED)
            .execute(&mut *tx)
            .await?;
        // So do cards that were given since.
        sqlx::query("update number_series set given = given + $1").bind(bits(SKIPPED)).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }
}

fn cells(table: &Table, row: &DbRow) -> Result<Vec<Cell>, LedgerError> {
    let cell = |&(name, holds): &(&str, Holds)| {
        Ok(match holds {
            Holds::Bytes => Cell::Bytes(row.try_get(name)?),
            Holds::Text => Cell::Text(row.try_get(name)?),
            Holds::Int => Cell::Int(row.try_get(name)?),
            Holds::Maybe => row.try_get::<Option<i64>, _>(name)?.map_or(Cell::Nothing, Cell::Int),
        })
    };
    table.columns.iter().map(cell).collect()
}

fn insert(table: &Table, rows: Vec<Vec<Cell>>) -> QueryBuilder<Db> {
    let mut builder = QueryBuilder::new(format!("insert into {} ({}) ", table.name, table.names()));
    builder.push_values(rows, |mut one, row| {
        for cell in row {
            match cell {
                Cell::Bytes(bytes) => one.push_bind(bytes),
                Cell::Text(text) => one.push_bind(text),
                Cell::Int(number) => one.push_bind(number),
                Cell::Nothing => one.push_bind(None::<i64>),
            };
        }
    });
    builder
}
