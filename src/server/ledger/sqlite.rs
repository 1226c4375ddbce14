//! The ledger on SQLite: one file, a write-ahead log that is synced before a batch is acknowledged.
//!
//! One connection writes, the others read; each read sees one committed state from start to finish.

use std::{fs::File, io::Read, path::Path, time::Duration};

use async_trait::async_trait;
use sqlx::{
    Connection, QueryBuilder, Sqlite, SqlitePool, Transaction,
    query_builder::Separated,
    sqlite::{SqliteConnectOptions, SqliteError, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use yingke_core::{audience::Audience, codec, id::OrganisationId, wire::v1::hex_text};

use self::rows::bits;
use super::{
    Database, Hints, LedgerError, OpenError,
    settle::{Settled, is_told, is_watched},
};
use crate::packs::PacksRead;

// The statements are one text for every database, compiled for each with its own types.
type ThisLedger = SqliteLedger;
type Db = Sqlite;
type DbRow = sqlx::sqlite::SqliteRow;
type DbConnection = sqlx::SqliteConnection;

#[path = "sql/blobs.rs"]
mod blobs;
#[path = "sql/copies.rs"]
mod copies;
#[path = "sql/ledger.rs"]
mod ledger;
#[path = "sql/packs.rs"]
mod packs;
#[path = "sql/register.rs"]
mod register;
#[path = "sql/reminders.rs"]
mod reminders;
#[path = "sql/rows.rs"]
mod rows;

/// Says in the file's header that it is ours: `Yngk`.
pub const APPLICATION_ID: u32 = 0x596e_676b;
/// Schema steps. Only added at the end; a released step stays as it is.
const STEPS: &[&str] = &[
    include_str!("migrations/sqlite/001_begin.sql"),
    include_str!("migrations/sqlite/002_many.sql"),
    include_str!("migrations/sqlite/003_erasure.sql"),
    include_str!("migrations/sqlite/004_look_at.sql"),
    include_str!("migrations/sqlite/005_handed_in.sql"),
    include_str!("migrations/sqlite/006_blobs.sql"),
    include_str!("migrations/sqlite/007_device_copies.sql"),
    include_str!("migrations/sqlite/008_numbers.sql"),
    include_str!("migrations/sqlite/009_corrected.sql"),
    include_str!("migrations/sqlite/010_refused.sql"),
    include_str!("migrations/sqlite/011_reminders.sql"),
    include_str!("migrations/sqlite/012_packs.sql"),
    include_str!("migrations/sqlite/013_staff_before.sql"),
    include_str!("migrations/sqlite/014_unsent.sql"),
    include_str!("migrations/sqlite/015_tell_at.sql"),
];
/// The name of the file in the data folder.
pub const FILE: &str = "yingke.db";
/// Reads at once: a page takes a few milliseconds.
const READERS_MAX: u32 = 4;
/// Rows that one statement writes: the widest has 8 values, and a statement takes 32,766.
const ROWS_IN_ONE: usize = 1_000;
/// How long a batch waits for those before it.
const WRITE_WAIT: Duration = Duration::from_secs(10);

/// The ledger, and the register of the club, in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteLedger {
    writer: SqlitePool,
    readers: SqlitePool,
    packs: PacksRead,
}

impl SqliteLedger {
    /// Makes a new database in a folder, which is made too.
    ///
    /// # Errors
    /// [`OpenError`]: when there is one already, or the folder cannot be written.
    pub async fn create(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join(FILE);
        let unwritable = |cause: std::io::Error| unwritable(&path, cause);
        std::fs::create_dir_all(folder).map_err(unwritable)?;
        match private_file(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(OpenError::Exists(folder.display().to_string()));
            }
            Err(error) => return Err(unwritable(error)),
        }
        let made = Self::connect(&path).await;
        if made.is_err() {
            // On a full disk, say: what was begun must not be in the way the next time.
            for ending in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(folder.join(format!("{FILE}{ending}")));
            }
        }
        made
    }

    /// Opens what [`Self::create`] made, after a look that alters nothing.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn open(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join(FILE);
        look_at(folder, &path)?;
        Self::connect(&path).await
    }

    async fn connect(path: &Path) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(WRITE_WAIT);
        let failed = |error: sqlx::Error| open_error(path, &error);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(WRITE_WAIT)
            // Where the disk is full SQLite rolls back by itself, and the library takes the connection for one that is
            // still in the middle: it would begin nothing on it any more.
            .before_acquire(|connection, _| Box::pin(std::future::ready(Ok(!connection.is_in_transaction()))))
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        let readers = SqlitePoolOptions::new().max_connections(READERS_MAX).connect_lazy_with(options);
        let ledger = Self { writer, readers, packs: PacksRead::default() };
        ledger.check(path).await?;
        ledger.step_up().await.map_err(failed)?;
        Ok(ledger)
    }

    /// The header may be older than the log beside it, so it is asked again through SQLite, and the pages looked at.
    async fn check(&self, path: &Path) -> Result<(), OpenError> {
        let failed = |error: sqlx::Error| open_error(path, &error);
        let found: i64 = sqlx::query_scalar("pragma user_version").fetch_one(&self.writer).await.map_err(failed)?;
        let found = u32::try_from(found).unwrap_or(u32::MAX);
        if found as usize > STEPS.len() {
            return Err(newer(path, found));
        }
        let finding: String =
            sqlx::query_scalar("pragma quick_check(1)").fetch_one(&self.writer).await.map_err(failed)?;
        if finding != "ok" {
            return Err(damaged(path, &finding.replace('\n', " ")));
        }
        Ok(())
    }

    async fn step_up(&self) -> Result<(), sqlx::Error> {
        let mut tx = self.writer.begin_with("begin immediate").await?;
        let found: i64 = sqlx::query_scalar("pragma user_version").fetch_one(&mut *tx).await?;
        if usize::try_from(found) == Ok(STEPS.len()) {
            return Ok(());
        }
        for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
            sqlx::raw_sql(*step).execute(&mut *tx).await?;
        }
        let set = format!("pragma application_id = {APPLICATION_ID}; pragma user_version = {}", STEPS.len());
        sqlx::raw_sql(sqlx::AssertSqlSafe(set)).execute(&mut *tx).await?;
        tx.commit().await
    }

    async fn write(&self) -> Result<Transaction<'static, Sqlite>, LedgerError> {
        Ok(self.writer.begin_with("begin immediate").await?)
    }

    async fn read(&self) -> Result<Transaction<'static, Sqlite>, LedgerError> {
        Ok(self.readers.begin().await?)
    }
}

#[async_trait]
impl Database for SqliteLedger {
    /// One process serves a file; what an administrator's command writes beside it is found by the next turn.
    fn pass_hints(&self, _: Hints) {}

    /// Writes the log back into the file.
    async fn close(&self) {
        self.readers.close().await;
        let _ = sqlx::raw_sql("pragma wal_checkpoint(truncate)").execute(&self.writer).await;
        self.writer.close().await;
    }
}

/// Made for its owner alone: it holds people's data and the organisation's keys.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Reads the header as the file format has it. Source: <https://www.sqlite.org/fileformat.html>, section 1.3.
fn look_at(folder: &Path, path: &Path) -> Result<(), OpenError> {
    let unwritable = |cause: std::io::Error| unwritable(path, cause);
    let mut file = match File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(OpenError::Missing(folder.display().to_string()));
        }
        Err(error) => return Err(unwritable(error)),
    };
    let mut header = [0; 100];
    file.read_exact(&mut header).map_err(|_| damaged(path, "it is shorter than its own header"))?;
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if &header[..16] != b"SQLite format 3\0" {
        return Err(damaged(path, "its first bytes are not those of a database"));
    }
    let (application, version) = (number(68), number(60));
    if application != APPLICATION_ID && (application, version) != (0, 0) {
        return Err(OpenError::Foreign(path.display().to_string()));
    }
    if version as usize > STEPS.len() {
        return Err(newer(path, version));
    }
    Ok(())
}

fn open_error(path: &Path, error: &sqlx::Error) -> OpenError {
    match LedgerError::from(error) {
        LedgerError::Damaged { detail } => damaged(path, &detail),
        other => unwritable(path, other),
    }
}

fn unwritable(path: &Path, cause: impl ToString) -> OpenError {
    OpenError::Unwritable { place: path.display().to_string(), cause: cause.to_string() }
}

fn damaged(path: &Path, detail: &str) -> OpenError {
    OpenError::Damaged { place: path.display().to_string(), detail: detail.into() }
}

fn newer(path: &Path, found: u32) -> OpenError {
    OpenError::Newer { place: path.display().to_string(), found, known: STEPS.len() }
}

/// Damage, or something that may go well later.
pub fn is_damage(error: &SqliteError) -> bool {
    use sqlx::error::DatabaseError;
    // SQLITE_CORRUPT and SQLITE_NOTADB.
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    matches!(code.map(|code| code & 0xff), Some(11 | 26))
}

// ---- What is SQLite's own -----------------------------------------------------------------------------------

const LOOK_AT_ALL: &str = include_str!("migrations/look_at_all.sql");
const TELL_AT_ALL: &str = include_str!("migrations/tell_at_all.sql");
/// A guest's record that somebody ruled on, or joined to another, has these words in it.
const LOOK_AT_RULED: &str = "update record set look_at = 0 \
     where kind = 'person' and (instr(body, x'72756c696e67') > 0 or instr(body, x'6d657267696e67') > 0)";
const LOCK_COUNTER: &str = "select number, stamp from counter where organisation = $1";
/// Whoever writes to this database does so alone.
const LOCK_COUNTERS: &str = "select organisation from counter";
/// Left to itself, SQLite reads all that the organisation ever wrote.
const LEDGER_BY_CHANGE: &str = "select change, number, stamp, device, hash from ledger indexed by ledger_by_change \
     where organisation = $1 and change in (select unhex(value) from json_each($2))";
const REFUSED_BY_CHANGE: &str = "select change, stamp, device from refused \
     where organisation = $1 and change in (select unhex(value) from json_each($2))";
const CORRECTED_BY_DEVICE: &str = "select device.number, coalesce(device_copy.origin, device.number) as origin, corrected.stamp \
     from device left join device_copy on device_copy.organisation = $1 and device_copy.number = device.number \
     left join corrected on corrected.organisation = $1 \
     and corrected.device = coalesce(device_copy.origin, device.number) \
     where device.organisation = $1 and device.number in (select value from json_each($2))";
const HEADS_BY_AUDIENCE: &str = "select audience, number, count, digest from stream_head \
     where organisation = $1 and audience in (select value from json_each($2))";
const RECORDS_BY_ID: &str = "select body from record \
     where organisation = $1 and id in (select unhex(value) from json_each($2))";
const RECORDS_BY_AUDIENCE: &str = "select body from record \
     where organisation = $1 and audience in (select value from json_each($2)) and id > $3 order by id limit $4";
const ERASED_BY_ID: &str = "select record from erasure \
     where organisation = $1 and record in (select unhex(value) from json_each($2))";
const BODIES_BY_NUMBER: &str = "select number, bytes from body \
     where organisation = $1 and number in (select value from json_each($2)) order by number";

const BODIES_BY_CHANGE: &str = "select bytes from ledger join body using (organisation, number) \
     where organisation = $1 and change in (select unhex(value) from json_each($2))";

fn id_list(ids: impl Iterator<Item = [u8; 16]>) -> String {
    json_list(ids.map(|id| format!("\"{}\"", hex_text(&id))))
}

fn audience_list(audiences: impl Iterator<Item = Audience>) -> String {
    json_list(audiences.map(|audience| format!("\"{audience}\"")))
}

fn number_list(numbers: impl Iterator<Item = u64>) -> String {
    json_list(numbers.map(|number| number.to_string()))
}

/// One query for all of them: SQLite has no arrays, and reads JSON.
fn json_list(texts: impl Iterator<Item = String>) -> String {
    format!("[{}]", texts.collect::<Vec<_>>().join(","))
}

/// What was deleted or replaced, now and at any time before, still lies in pages that are free. The file is written anew
/// without them, and the log emptied.
async fn forget_what_was_deleted(ledger: &SqliteLedger) -> Result<(), LedgerError> {
    sqlx::raw_sql("vacuum").execute(&ledger.writer).await?;
    sqlx::raw_sql("pragma wal_checkpoint(truncate)").execute(&ledger.writer).await?;
    Ok(())
}

/// Many rows in each statement: between two of them the connection's own thread hands over to ours and back, which takes
/// longer than a row.
async fn keep(
    _: &SqliteLedger,
    tx: &mut DbConnection,
    organisation: OrganisationId,
    settled: &Settled,
    now: i64,
) -> Result<(), LedgerError> {
    let key = organisation.bytes().to_vec();
    if settled.rows.is_empty() {
        return Ok(());
    }
    insert(tx, ("ledger", ""), &settled.rows, |mut row, (receipt, ranked)| {
        row.push_bind(key.clone()).push_bind(bits(receipt.number)).push_bind(ranked.change.id().bytes().to_vec());
        row.push_bind(bits(receipt.stamp.number())).push_bind(i64::from(receipt.device.0));
        row.push_bind(ranked.change.header.author.bytes().to_vec());
        row.push_bind(receipt.hash.0.to_vec()).push_bind(now);
    })
    .await?;
    insert(tx, ("body", ""), &settled.rows, |mut row, (receipt, ranked)| {
        row.push_bind(key.clone()).push_bind(bits(receipt.number));
        row.push_bind(codec::changes_bytes([ranked].into_iter()));
    })
    .await?;
    insert(tx, ("stream", ""), &settled.streams, |mut row, (audience, change, mark)| {
        row.push_bind(key.clone()).push_bind(audience.to_string()).push_bind(bits(mark.number));
        row.push_bind(change.bytes().to_vec()).push_bind(bits(mark.count)).push_bind(bits(mark.digest));
    })
    .await?;
    let anew = " on conflict (organisation, audience) \
         do update set number = excluded.number, count = excluded.count, digest = excluded.digest";
    insert(tx, ("stream_head", anew), &settled.heads, |mut row, (audience, mark)| {
        row.push_bind(key.clone()).push_bind(audience.to_string()).push_bind(bits(mark.number));
        row.push_bind(bits(mark.count)).push_bind(bits(mark.digest));
    })
    .await?;
    let anew = " on conflict (organisation, id) do update set \
         kind = excluded.kind, audience = excluded.audience, body = excluded.body, look_at = excluded.look_at, \
         tell_at = min(coalesce(record.tell_at, excluded.tell_at), excluded.tell_at)";
    insert(tx, ("record", anew), &settled.records, |mut row, (id, record)| {
        row.push_bind(key.clone()).push_bind(id.bytes().to_vec()).push_bind(record.kind().to_string());
        row.push_bind(record.audience().to_string()).push_bind(codec::record_bytes(record));
        row.push_bind(is_watched(record).then_some(0_i64)).push_bind(is_told(record).then_some(now));
    })
    .await?;
    sqlx::query("update counter set number = $1, stamp = $2 where organisation = $3")
        .bind(bits(settled.number))
        .bind(bits(settled.latest.number()))
        .bind(key)
        .execute(tx)
        .await?;
    Ok(())
}

/// Writes whole rows into a table, and says what becomes of those that are there already.
async fn insert<Item>(
    tx: &mut DbConnection,
    (table, conflict): (&str, &str),
    rows: impl IntoIterator<Item = Item>,
    each: impl Fn(Separated<'_, Db, &'static str>, Item),
) -> Result<(), LedgerError> {
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let mut statement = QueryBuilder::<Db>::new(format!("insert into {table} "));
        statement.push_values(rows.by_ref().take(ROWS_IN_ONE), &each).push(conflict);
        // Its text is another with every number of rows: kept, it would push those out that come again.
        statement.build().persistent(false).execute(&mut *tx).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use yingke_core::fixture;

    use super::*;
    use crate::{keys::Secrets, pack_check::Sources, register::Register};

    /// What a batch costs must not grow with the ledger.
    #[tokio::test]
    async fn what_every_batch_asks_is_looked_up_and_not_searched_for() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::create(folder.path()).await.unwrap();
        let asked = [
            LEDGER_BY_CHANGE,
            REFUSED_BY_CHANGE,
            BODIES_BY_CHANGE,
            CORRECTED_BY_DEVICE,
            HEADS_BY_AUDIENCE,
            RECORDS_BY_ID,
            ERASED_BY_ID,
            BODIES_BY_NUMBER,
        ];
        for statement in asked {
            let plan: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {statement}")))
                    .bind(vec![0_u8; 16])
                    .bind("[]")
                    .fetch_all(&ledger.readers)
                    .await
                    .unwrap();
            let reads_all = |step: &str| {
                step.ends_with("(organisation=?)") || (step.starts_with("SCAN") && !step.contains("json_each"))
            };
            assert!(!plan.iter().any(|(.., step)| reads_all(step)), "{statement}: {plan:?}");
        }
    }

    /// SQLite rolls back by itself then.
    #[tokio::test]
    async fn once_there_is_room_again_a_full_disk_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::create(folder.path()).await.unwrap();
        let organisation = fixture::organisation();
        ledger.found(organisation, "松风体育", "e1", &Secrets::new()).await.unwrap();
        let text = include_str!("../../../public/packs/fitness.toml").replacen("\nversion = 1\n", "\nversion = 2\n", 1);
        let pack = Sources::shipped().with(&text).unwrap();
        let pages: i64 = sqlx::query_scalar("pragma page_count").fetch_one(&ledger.writer).await.unwrap();
        let full = format!("pragma max_page_count = {}", pages + 4);
        sqlx::raw_sql(sqlx::AssertSqlSafe(full)).execute(&ledger.writer).await.unwrap();
        let refused = ledger.publish_pack(organisation, &pack, fixture::NOW).await.unwrap_err();
        assert!(refused.to_string().contains("full"), "{refused}");
        // Another connection has no such bound: there is room.
        assert!(ledger.publish_pack(organisation, &pack, fixture::NOW).await.unwrap());
        assert_eq!(ledger.published_packs(organisation).await.unwrap().len(), 1);
    }
}
