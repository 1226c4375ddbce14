//! The ledger on PostgreSQL: any number of endpoint processes beside each other on one database.
//!
//! Numbers come from the organisation's counter row, which is locked until the batch is committed: what is visible is
//! always a prefix, whichever process wrote it. Notifications between processes are hints; the counter is the truth.

use std::{str::FromStr, time::Duration};

use async_trait::async_trait;
use sqlx::{
    PgPool, Postgres, Transaction,
    error::DatabaseError,
    postgres::{PgConnectOptions, PgDatabaseError, PgListener, PgPoolOptions},
};
use yingke_core::{audience::Audience, codec, id::OrganisationId, wire::v1::hex_text};

use self::rows::bits;
use super::{
    Database, Hints, LedgerError, OpenError,
    settle::{Settled, is_told, is_watched},
};
use crate::{keys, packs::PacksRead};

// The statements are one text for every database, compiled for each with its own types.
type ThisLedger = PostgresLedger;
type Db = Postgres;
type DbRow = sqlx::postgres::PgRow;
type DbConnection = sqlx::PgConnection;

#[expect(clippy::duplicate_mod, reason = "compiled once a database")]
#[path = "sql/blobs.rs"]
mod blobs;
#[expect(clippy::duplicate_mod, reason = "compiled once a database")]
#[path = "sql/copies.rs"]
mod copies;
#[expect(clippy::duplicate_mod, reason = "compiled once a database")]
#[path = "sql/ledger.rs"]
mod ledger;
#[expect(clippy::duplicate_mod, reason = "compiled once a database")]
#[path = "sql/packs.rs"]
mod packs;
#[expect(clippy::duplicate_mod, reason = "compiled once a database")]
#[path = "sql/register.rs"]
mod register;
#[expect(clippy::duplicate_mod, reason = "compiled once a database")]
#[path = "sql/reminders.rs"]
mod reminders;
#[expect(clippy::duplicate_mod, reason = "compiled once a database")]
#[path = "sql/rows.rs"]
mod rows;

/// Schema steps. Only added at the end; a released step stays as it is.
const STEPS: &[&str] = &[
    include_str!("migrations/postgres/001_begin.sql"),
    include_str!("migrations/postgres/002_erasure.sql"),
    include_str!("migrations/postgres/003_look_at.sql"),
    include_str!("migrations/postgres/004_handed_in.sql"),
    include_str!("migrations/postgres/005_blobs.sql"),
    include_str!("migrations/postgres/006_device_copies.sql"),
    include_str!("migrations/postgres/007_numbers.sql"),
    include_str!("migrations/postgres/008_corrected.sql"),
    include_str!("migrations/postgres/009_refused.sql"),
    include_str!("migrations/postgres/010_reminders.sql"),
    include_str!("migrations/postgres/011_packs.sql"),
    include_str!("migrations/postgres/012_staff_before.sql"),
    include_str!("migrations/postgres/013_unsent.sql"),
    include_str!("migrations/postgres/014_tell_at.sql"),
];
/// Connections of one process: batches of one organisation wait for each other in any case.
const CONNECTIONS_MAX: u32 = 16;
/// How long a batch waits for a connection, and for those before it.
const WRITE_WAIT: Duration = Duration::from_secs(10);
/// Processes that start together take the steps one after the other. `yingke` in ASCII.
const STEPS_LOCK: i64 = 0x7969_6e67_6b65;
const CHANNEL: &str = "yingke";

/// The ledger, and the register of the club, in a PostgreSQL database.
#[derive(Debug, Clone)]
pub struct PostgresLedger {
    // One pool under two names: the statements are shared with a database that has one writer and many readers.
    readers: PgPool,
    writer: PgPool,
    /// Tells this process's notifications from those of others.
    process: String,
    packs: PacksRead,
}

impl PostgresLedger {
    /// Makes our tables in a database that has none of them.
    ///
    /// # Errors
    /// [`OpenError`]: when they are there already, or the database cannot be reached or written.
    pub async fn create(url: &str) -> Result<Self, OpenError> {
        let (ledger, place) = Self::connect(url).await?;
        if ledger.step_up(&place, 0).await? { Ok(ledger) } else { Err(OpenError::Exists(place)) }
    }

    /// Opens what [`Self::create`] made.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let (ledger, place) = Self::connect(url).await?;
        if ledger.steps().await.map_err(|error| open_error(&place, &error))? == 0 {
            return Err(OpenError::Missing(place));
        }
        ledger.step_up(&place, 1).await?;
        Ok(ledger)
    }

    /// Also says where it is, without the password.
    async fn connect(url: &str) -> Result<(Self, String), OpenError> {
        let unreadable = |error: sqlx::Error| OpenError::Unwritable {
            place: "the address of the database".into(),
            cause: error.to_string(),
        };
        let options = PgConnectOptions::from_str(url).map_err(unreadable)?;
        let place = format!(
            "{}:{}/{}",
            options.get_host(),
            options.get_port(),
            options.get_database().unwrap_or(options.get_username())
        );
        let options = options.application_name("yingke-server").options([
            ("lock_timeout", "10s"),
            ("statement_timeout", "60s"),
            // A process that went away must not hold the counter.
            ("idle_in_transaction_session_timeout", "30s"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(WRITE_WAIT)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // An acknowledgement means that it is on the disk; a server that is surer still may be.
                    sqlx::query(
                        "select set_config('synchronous_commit', 'on', false) \
                         where current_setting('synchronous_commit') = 'off'",
                    )
                    .execute(connection)
                    .await
                    .map(drop)
                })
            })
            .connect_with(options)
            .await
            .map_err(|error| open_error(&place, &error))?;
        let fsync: String = sqlx::query_scalar("select current_setting('fsync')")
            .fetch_one(&pool)
            .await
            .map_err(|error| open_error(&place, &error))?;
        if fsync != "on" {
            return Err(OpenError::Forgetful(place));
        }
        let process = hex_text(&keys::random::<8>());
        Ok((Self { readers: pool.clone(), writer: pool, process, packs: PacksRead::default() }, place))
    }

    /// How many steps were taken; 0 where there are no tables of ours.
    async fn steps(&self) -> Result<i64, sqlx::Error> {
        let mut connection = self.writer.acquire().await?;
        steps(&mut connection).await
    }

    /// Takes the steps that are missing, if at least `least` were taken before and not more than a beginning
    /// expects. Says whether it has begun or gone on.
    async fn step_up(&self, place: &str, least: i64) -> Result<bool, OpenError> {
        let failed = |error: sqlx::Error| open_error(place, &error);
        let mut tx = self.writer.begin().await.map_err(failed)?;
        sqlx::query("select pg_advisory_xact_lock($1)").bind(STEPS_LOCK).execute(&mut *tx).await.map_err(failed)?;
        let found = steps(&mut tx).await.map_err(failed)?;
        let known = STEPS.len() as i64;
        if found > known {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(OpenError::Newer { place: place.into(), found, known: STEPS.len() });
        }
        if least == 0 && found > 0 {
            return Ok(false);
        }
        for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
            sqlx::raw_sql(*step).execute(&mut *tx).await.map_err(failed)?;
        }
        sqlx::query("delete from yingke_schema").execute(&mut *tx).await.map_err(failed)?;
        sqlx::query("insert into yingke_schema values ($1)").bind(known).execute(&mut *tx).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        Ok(true)
    }

    async fn write(&self) -> Result<Transaction<'static, Postgres>, LedgerError> {
        // Each statement has to see what was committed while it waited for the counter.
        Ok(self.writer.begin_with("begin isolation level read committed").await?)
    }

    async fn read(&self) -> Result<Transaction<'static, Postgres>, LedgerError> {
        Ok(self.readers.begin_with("begin isolation level repeatable read read only").await?)
    }
}

#[async_trait]
impl Database for PostgresLedger {
    fn pass_hints(&self, hints: Hints) {
        let (pool, process) = (self.readers.clone(), self.process.clone());
        tokio::spawn(async move {
            while !pool.is_closed() {
                if let Err(error) = listen(&pool, &process, &hints).await
                    && !pool.is_closed()
                {
                    tracing::warn!(%error, "hints of other processes do not come: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        });
    }

    async fn close(&self) {
        self.writer.close().await;
    }
}

/// Passes on until the connection is lost.
async fn listen(pool: &PgPool, process: &str, hints: &Hints) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.ignore_pool_close_event(false);
    listener.listen(CHANNEL).await?;
    loop {
        let heard = listener.recv().await?;
        if let Some((sender, organisation, number)) = read_hint(heard.payload())
            && sender != process
        {
            // Nobody listening is no fault.
            let _ = hints.send((organisation, number));
        }
    }
}

/// `PROCESS ORGANISATION NUMBER`
fn read_hint(payload: &str) -> Option<(&str, OrganisationId, u64)> {
    let mut parts = payload.split(' ');
    Some((parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

async fn steps(connection: &mut DbConnection) -> Result<i64, sqlx::Error> {
    let there: bool =
        sqlx::query_scalar("select to_regclass('yingke_schema') is not null").fetch_one(&mut *connection).await?;
    if there { sqlx::query_scalar("select steps from yingke_schema").fetch_one(connection).await } else { Ok(0) }
}

fn open_error(place: &str, error: &sqlx::Error) -> OpenError {
    let place = place.to_owned();
    match LedgerError::from(error) {
        LedgerError::Damaged { detail } => OpenError::Damaged { place, detail },
        _ => OpenError::Unwritable { place, cause: said(error) },
    }
}

/// Without where in PostgreSQL's own source it was said.
fn said(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().into(),
        sqlx::Error::PoolTimedOut => "it does not answer".into(),
        error => error.to_string(),
    }
}

/// Damage, or something that may go well later. Source: PostgreSQL, appendix A, class XX.
pub fn is_damage(error: &PgDatabaseError) -> bool {
    matches!(DatabaseError::code(error).as_deref(), Some("XX001" | "XX002"))
}

// ---- What is PostgreSQL's own -------------------------------------------------------------------------------

const LOOK_AT_ALL: &str = include_str!("migrations/look_at_all.sql");
const TELL_AT_ALL: &str = include_str!("migrations/tell_at_all.sql");
/// A guest's record that somebody ruled on, or joined to another, has these words in it.
const LOOK_AT_RULED: &str = "update record set look_at = 0 where kind = 'person' \
     and (position('\\x72756c696e67'::bytea in body) > 0 or position('\\x6d657267696e67'::bytea in body) > 0)";
const LOCK_COUNTER: &str = "select number, stamp from counter where organisation = $1 for update";
const LOCK_COUNTERS: &str = "select organisation from counter order by organisation for update";
const LEDGER_BY_CHANGE: &str = "select change, number, stamp, device, hash from ledger \
     where organisation = $1 and change = any($2)";
const REFUSED_BY_CHANGE: &str = "select change, stamp, device from refused \
     where organisation = $1 and change = any($2)";
const CORRECTED_BY_DEVICE: &str = "select device.number, coalesce(device_copy.origin, device.number) as origin, corrected.stamp \
     from device left join device_copy on device_copy.organisation = $1 and device_copy.number = device.number \
     left join corrected on corrected.organisation = $1 \
     and corrected.device = coalesce(device_copy.origin, device.number) \
     where device.organisation = $1 and device.number = any($2)";
const HEADS_BY_AUDIENCE: &str = "select audience, number, count, digest from stream_head \
     where organisation = $1 and audience = any($2)";
const RECORDS_BY_ID: &str = "select body from record where organisation = $1 and id = any($2)";
const RECORDS_BY_AUDIENCE: &str = "select body from record \
     where organisation = $1 and audience = any($2) and id > $3 order by id limit $4";
const ERASED_BY_ID: &str = "select record from erasure where organisation = $1 and record = any($2)";
const BODIES_BY_NUMBER: &str = "select number, bytes from body \
     where organisation = $1 and number = any($2) order by number";

const BODIES_BY_CHANGE: &str = "select bytes from ledger join body using (organisation, number) \
     where organisation = $1 and change = any($2)";

fn id_list(ids: impl Iterator<Item = [u8; 16]>) -> Vec<Vec<u8>> {
    ids.map(|id| id.to_vec()).collect()
}

fn audience_list(audiences: impl Iterator<Item = Audience>) -> Vec<String> {
    audiences.map(|audience| audience.to_string()).collect()
}

fn number_list(numbers: impl Iterator<Item = u64>) -> Vec<i64> {
    numbers.map(bits).collect()
}

/// Makes the room of what was deleted or replaced free to be written over. Until then, and in the database's own log and
/// copies, it can be found by who administers the machine.
async fn forget_what_was_deleted(ledger: &PostgresLedger) -> Result<(), LedgerError> {
    for table in ["body", "record", "stream", "blob", "blob_piece"] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("vacuum {table}"))).execute(&ledger.writer).await?;
    }
    Ok(())
}

/// All rows of a table in one statement: each would cost a way to the server and back, with the counter locked.
async fn keep(
    ledger: &PostgresLedger,
    tx: &mut DbConnection,
    organisation: OrganisationId,
    settled: &Settled,
    now: i64,
) -> Result<(), LedgerError> {
    let key = organisation.bytes();
    if settled.rows.is_empty() {
        return Ok(());
    }
    let rows = &settled.rows;
    let numbers: Vec<i64> = rows.iter().map(|(receipt, _)| bits(receipt.number)).collect();
    sqlx::query(
        "insert into ledger (organisation, number, change, stamp, device, author, hash, accepted_at) \
         select $1, rows.*, $8 from unnest($2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bytea[], \
         $7::bytea[]) as rows",
    )
    .bind(&key[..])
    .bind(&numbers)
    .bind(id_list(rows.iter().map(|(_, ranked)| ranked.change.id().bytes())))
    .bind(rows.iter().map(|(receipt, _)| bits(receipt.stamp.number())).collect::<Vec<_>>())
    .bind(rows.iter().map(|(receipt, _)| i64::from(receipt.device.0)).collect::<Vec<_>>())
    .bind(id_list(rows.iter().map(|(_, ranked)| ranked.change.header.author.bytes())))
    .bind(rows.iter().map(|(receipt, _)| receipt.hash.0.to_vec()).collect::<Vec<_>>())
    .bind(now)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "insert into body (organisation, number, bytes) \
         select $1, rows.* from unnest($2::bigint[], $3::bytea[]) as rows",
    )
    .bind(&key[..])
    .bind(&numbers)
    .bind(rows.iter().map(|(_, ranked)| codec::changes_bytes([ranked].into_iter())).collect::<Vec<_>>())
    .execute(&mut *tx)
    .await?;
    let streams = &settled.streams;
    sqlx::query(
        "insert into stream (organisation, audience, number, change, count, digest) \
         select $1, rows.* from unnest($2::text[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[]) as rows",
    )
    .bind(&key[..])
    .bind(audience_list(streams.iter().map(|(audience, _, _)| audience.clone())))
    .bind(number_list(streams.iter().map(|(_, _, mark)| mark.number)))
    .bind(id_list(streams.iter().map(|(_, change, _)| change.bytes())))
    .bind(number_list(streams.iter().map(|(_, _, mark)| mark.count)))
    .bind(number_list(streams.iter().map(|(_, _, mark)| mark.digest)))
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "insert into stream_head (organisation, audience, number, count, digest) \
         select $1, rows.* from unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) as rows \
         on conflict (organisation, audience) \
         do update set number = excluded.number, count = excluded.count, digest = excluded.digest",
    )
    .bind(&key[..])
    .bind(audience_list(settled.heads.keys().cloned()))
    .bind(number_list(settled.heads.values().map(|mark| mark.number)))
    .bind(number_list(settled.heads.values().map(|mark| mark.count)))
    .bind(number_list(settled.heads.values().map(|mark| mark.digest)))
    .execute(&mut *tx)
    .await?;
    let records = settled.records.values();
    sqlx::query(
        "insert into record (organisation, id, kind, audience, body, look_at, tell_at) \
         select $1, rows.* \
         from unnest($2::bytea[], $3::text[], $4::text[], $5::bytea[], $6::bigint[], $7::bigint[]) as rows \
         on conflict (organisation, id) do update set \
         kind = excluded.kind, audience = excluded.audience, body = excluded.body, look_at = excluded.look_at, \
         tell_at = least(coalesce(record.tell_at, excluded.tell_at), excluded.tell_at)",
    )
    .bind(&key[..])
    .bind(id_list(settled.records.keys().map(|id| id.bytes())))
    .bind(records.clone().map(|record| record.kind().to_string()).collect::<Vec<_>>())
    .bind(audience_list(records.clone().map(|record| record.audience().clone())))
    .bind(records.clone().map(codec::record_bytes).collect::<Vec<_>>())
    .bind(records.clone().map(|record| is_watched(record).then_some(0_i64)).collect::<Vec<_>>())
    .bind(records.map(|record| is_told(record).then_some(now)).collect::<Vec<_>>())
    .execute(&mut *tx)
    .await?;
    sqlx::query("update counter set number = $1, stamp = $2 where organisation = $3")
        .bind(bits(settled.number))
        .bind(bits(settled.latest.number()))
        .bind(&key[..])
        .execute(&mut *tx)
        .await?;
    sqlx::query("select pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(format!("{} {organisation} {}", ledger.process, settled.number))
        .execute(tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_of_another_process_is_read_and_others_are_passed_over() {
        let organisation = yingke_core::fixture::organisation();
        let payload = format!("0123456789abcdef {organisation} 42");
        assert_eq!(read_hint(&payload), Some(("0123456789abcdef", organisation, 42)));
        for payload in ["", "x", "x y 1", &format!("x {organisation}"), &format!("x {organisation} many")] {
            assert_eq!(read_hint(payload), None, "{payload}");
        }
    }
}
