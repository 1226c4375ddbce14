//! The ledger on SQLite: one file, a write-ahead log that is synced before a batch is acknowledged.
//!
//! One connection writes, the others read; each read sees one committed state from start to finish.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{
    Row, Sqlite, SqliteConnection, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use yingke_core::{
    audience::Audience,
    change::{Hash, Ranked},
    codec,
    id::{ChangeId, DeviceNumber, OrganisationId, RecordId},
    record::Record,
    stamp::Stamp,
    wire::v1::{StreamMark, Verdict, hex_text},
};

use super::{
    Batch, Ledger, LedgerError, LedgerPage, LedgerRow, Receipt,
    settle::{Found, Settled, settle, touched},
};

mod register;

/// Says in the file's header that it is ours: `Yngk`.
pub const APPLICATION_ID: u32 = 0x596e_676b;
/// Schema steps. Only added at the end; a released step stays as it is.
const STEPS: &[&str] = &[include_str!("migrations/001_begin.sql")];
/// The name of the file in the data folder.
pub const FILE: &str = "yingke.db";
/// Reads at once: a page takes a few milliseconds.
const READERS_MAX: u32 = 4;
/// How long a batch waits for those before it.
const WRITE_WAIT: Duration = Duration::from_secs(10);

/// Why a database was not opened. Each is one sentence for whoever started the program.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("there is no database in {}; `yingke-server init` makes one", .0.display())]
    Missing(PathBuf),
    #[error("there is a database in {} already", .0.display())]
    Exists(PathBuf),
    #[error("{} cannot be read or written: {cause}", .path.display())]
    Unwritable { path: PathBuf, cause: String },
    #[error("{} is not a database of this program", .0.display())]
    Foreign(PathBuf),
    #[error("{} is damaged ({detail}); restore a backup", .path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error("{} was written by a newer version (schema {found}, this one knows {}); update the program", .path.display(), STEPS.len())]
    Newer { path: PathBuf, found: u32 },
}

/// The ledger, and the register of the club, in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteLedger {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteLedger {
    /// Makes a new database in a folder, which is made too.
    ///
    /// # Errors
    /// [`OpenError`]: when there is one already, or the folder cannot be written.
    pub async fn create(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join(FILE);
        let unwritable = |cause: std::io::Error| OpenError::Unwritable { path: path.clone(), cause: cause.to_string() };
        std::fs::create_dir_all(folder).map_err(unwritable)?;
        match private_file(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(OpenError::Exists(folder.into()));
            }
            Err(error) => return Err(unwritable(error)),
        }
        Self::connect(&path).await
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
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        let ledger =
            Self { readers: SqlitePoolOptions::new().max_connections(READERS_MAX).connect_lazy_with(options), writer };
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
            return Err(OpenError::Newer { path: path.into(), found });
        }
        let finding: String =
            sqlx::query_scalar("pragma quick_check(1)").fetch_one(&self.writer).await.map_err(failed)?;
        if finding != "ok" {
            return Err(OpenError::Damaged { path: path.into(), detail: finding.replace('\n', " ") });
        }
        Ok(())
    }

    async fn step_up(&self) -> Result<(), sqlx::Error> {
        let mut tx = self.writer.begin_with("begin immediate").await?;
        let found: i64 = sqlx::query_scalar("pragma user_version").fetch_one(&mut *tx).await?;
        for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
            sqlx::raw_sql(*step).execute(&mut *tx).await?;
        }
        let set = format!("pragma application_id = {APPLICATION_ID}; pragma user_version = {}", STEPS.len());
        sqlx::raw_sql(sqlx::AssertSqlSafe(set)).execute(&mut *tx).await?;
        tx.commit().await
    }

    /// Writes the log back into the file and closes it.
    pub async fn close(&self) {
        self.readers.close().await;
        let _ = sqlx::raw_sql("pragma wal_checkpoint(truncate)").execute(&self.writer).await;
        self.writer.close().await;
    }

    async fn write(&self) -> Result<Transaction<'static, Sqlite>, LedgerError> {
        Ok(self.writer.begin_with("begin immediate").await?)
    }

    async fn read(&self) -> Result<Transaction<'static, Sqlite>, LedgerError> {
        Ok(self.readers.begin().await?)
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
    let unwritable = |cause: std::io::Error| OpenError::Unwritable { path: path.into(), cause: cause.to_string() };
    let mut file = match File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(OpenError::Missing(folder.into())),
        Err(error) => return Err(unwritable(error)),
    };
    let mut header = [0; 100];
    let damaged = |detail: &str| OpenError::Damaged { path: path.into(), detail: detail.into() };
    file.read_exact(&mut header).map_err(|_| damaged("it is shorter than its own header"))?;
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if &header[..16] != b"SQLite format 3\0" {
        return Err(damaged("its first bytes are not those of a database"));
    }
    let (application, version) = (number(68), number(60));
    if application != APPLICATION_ID && (application, version) != (0, 0) {
        return Err(OpenError::Foreign(path.into()));
    }
    if version as usize > STEPS.len() {
        return Err(OpenError::Newer { path: path.into(), found: version });
    }
    Ok(())
}

fn open_error(path: &Path, error: &sqlx::Error) -> OpenError {
    match LedgerError::from_sqlx(error) {
        LedgerError::Damaged { detail } => OpenError::Damaged { path: path.into(), detail },
        other => OpenError::Unwritable { path: path.into(), cause: other.to_string() },
    }
}

impl LedgerError {
    fn from_sqlx(error: &sqlx::Error) -> Self {
        // SQLITE_CORRUPT and SQLITE_NOTADB, and what cannot be decoded.
        let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
        let detail = error.to_string();
        let is_damage = matches!(code.map(|code| code & 0xff), Some(11 | 26))
            || matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
        if is_damage { Self::Damaged { detail } } else { Self::Later { detail } }
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        Self::from_sqlx(&error)
    }
}

impl From<codec::CodecError> for LedgerError {
    fn from(error: codec::CodecError) -> Self {
        Self::Damaged { detail: error.to_string() }
    }
}

// ---- Rows and values ----------------------------------------------------------------------------------------

/// SQLite's integers have a sign; the bits are the same.
fn bits(number: u64) -> i64 {
    number.cast_signed()
}

fn number(row: &SqliteRow, column: &str) -> Result<u64, LedgerError> {
    Ok(row.try_get::<i64, _>(column)?.cast_unsigned())
}

fn array<const N: usize>(row: &SqliteRow, column: &str) -> Result<[u8; N], LedgerError> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| LedgerError::Damaged { detail: format!("{column} of a wrong length") })
}

fn device(row: &SqliteRow, column: &str) -> Result<DeviceNumber, LedgerError> {
    let number = u32::try_from(row.try_get::<i64, _>(column)?);
    number.map(DeviceNumber).map_err(|_| LedgerError::Damaged { detail: "a device number".into() })
}

fn audience(row: &SqliteRow) -> Result<Audience, LedgerError> {
    row.try_get::<&str, _>("audience")?.parse().map_err(|_| LedgerError::Damaged { detail: "an audience".into() })
}

fn mark(row: &SqliteRow) -> Result<StreamMark, LedgerError> {
    Ok(StreamMark { number: number(row, "number")?, count: number(row, "count")?, digest: number(row, "digest")? })
}

fn receipt(row: &SqliteRow) -> Result<Receipt, LedgerError> {
    Ok(Receipt {
        number: number(row, "number")?,
        stamp: Stamp::from_number(number(row, "stamp")?),
        device: device(row, "device")?,
        hash: Hash(array(row, "hash")?),
    })
}

/// The change as it was pushed, under the rank that the verdict gave it.
fn ranked(row: &SqliteRow) -> Result<Ranked, LedgerError> {
    let changes = codec::read_changes(row.try_get("bytes")?)?;
    let [change] = <[Ranked; 1]>::try_from(changes).map_err(|_| LedgerError::Damaged { detail: "a body".into() })?;
    Ok(change)
}

fn one_record(bytes: &[u8]) -> Result<Record, LedgerError> {
    let [record] = <[Record; 1]>::try_from(codec::read_block(bytes)?)
        .map_err(|_| LedgerError::Damaged { detail: "a record".into() })?;
    Ok(record)
}

/// Ids as a JSON list of hexadecimal texts: one query for all of them.
fn hex_list(ids: impl Iterator<Item = [u8; 16]>) -> String {
    let texts: Vec<String> = ids.map(|id| format!("\"{}\"", hex_text(&id))).collect();
    format!("[{}]", texts.join(","))
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn epoch(&self, organisation: OrganisationId) -> Result<String, LedgerError> {
        sqlx::query_scalar("select epoch from organisation where id = ?")
            .bind(&organisation.bytes()[..])
            .fetch_optional(&self.readers)
            .await?
            .ok_or(LedgerError::NoOrganisation)
    }

    async fn append(&self, organisation: OrganisationId, batch: Batch) -> Result<Vec<Verdict>, LedgerError> {
        let mut tx = self.write().await?;
        if let Some((device, counter)) = batch.pushed {
            let raised = sqlx::query(
                "update device set push_counter = ?, seen_at = ? \
                 where organisation = ? and number = ? and push_counter <= ?",
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
        let found = find(&mut tx, organisation, &batch).await?;
        let settled = settle(found, batch.candidates, batch.now);
        keep(&mut tx, organisation, &settled, batch.now.0).await?;
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
            sqlx::query_scalar("select push_counter from device where organisation = ? and number = ?")
                .bind(&organisation.bytes()[..])
                .bind(i64::from(device.0))
                .fetch_optional(&self.readers)
                .await?;
        if kept.is_some_and(|kept| kept <= bits(counter)) { Ok(()) } else { Err(LedgerError::Cloned { device }) }
    }

    async fn heads(&self, organisation: OrganisationId) -> Result<BTreeMap<Audience, StreamMark>, LedgerError> {
        sqlx::query("select audience, number, count, digest from stream_head where organisation = ?")
            .bind(&organisation.bytes()[..])
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| Ok((audience(row)?, mark(row)?)))
            .collect()
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
        let heads: BTreeMap<Audience, StreamMark> =
            sqlx::query("select audience, number, count, digest from stream_head where organisation = ?")
                .bind(&key[..])
                .fetch_all(&mut *tx)
                .await?
                .iter()
                .map(|row| Ok::<_, LedgerError>((audience(row)?, mark(row)?)))
                .collect::<Result<_, _>>()?;
        let mut numbers = std::collections::BTreeSet::new();
        for (audience, after) in since {
            if heads.get(audience).is_none_or(|head| head.number <= *after) {
                continue;
            }
            let found: Vec<i64> = sqlx::query_scalar(
                "select number from stream where organisation = ? and audience = ? and number > ? \
                 order by number limit ?",
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
        for audience in since.keys() {
            let head = heads.get(audience).copied().unwrap_or_default();
            let mark_here = match end {
                Some(end) if head.number > end => {
                    let row = sqlx::query(
                        "select number, count, digest from stream \
                         where organisation = ? and audience = ? and number <= ? order by number desc limit 1",
                    )
                    .bind(&key[..])
                    .bind(audience.to_string())
                    .bind(bits(end))
                    .fetch_optional(&mut *tx)
                    .await?;
                    row.as_ref().map(mark).transpose()?.unwrap_or_default()
                }
                _ => head,
            };
            page.streams.insert(audience.clone(), mark_here);
        }
        let list: Vec<String> = numbers.iter().map(u64::to_string).collect();
        let rows = sqlx::query(
            "select number, bytes from body where organisation = ? and number in (select value from json_each(?)) \
             order by number",
        )
        .bind(&key[..])
        .bind(format!("[{}]", list.join(",")))
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
             where organisation = ? and number > ? order by number limit ?",
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
                "select body from record where organisation = ? and kind = ? and id > ? order by id limit ?",
            )
            .bind(organisation.bytes().to_vec())
            .bind(kind),
            None => sqlx::query("select body from record where organisation = ? and id > ? order by id limit ?")
                .bind(organisation.bytes().to_vec()),
        };
        let rows = query.bind(after).bind(records_max as i64).fetch_all(&self.readers).await?;
        rows.iter().map(|row| one_record(row.try_get("body")?)).collect()
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
             where organisation = ? and audience = ? and number > ? order by number limit ?",
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

/// Reads all that the batch touches. The write lock is held, so nothing of it can change before it is written.
async fn find(tx: &mut SqliteConnection, organisation: OrganisationId, batch: &Batch) -> Result<Found, LedgerError> {
    let key = organisation.bytes();
    let counter = sqlx::query("select number, stamp from counter where organisation = ?")
        .bind(&key[..])
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(LedgerError::NoOrganisation)?;
    let mut found = Found {
        number: number(&counter, "number")?,
        latest: Stamp::from_number(number(&counter, "stamp")?),
        ..Found::default()
    };
    let touched = touched(&batch.candidates);
    let known = sqlx::query(
        "select change, number, stamp, device, hash from ledger \
         where organisation = ? and change in (select unhex(value) from json_each(?))",
    )
    .bind(&key[..])
    .bind(hex_list(touched.changes.iter().map(|id| id.bytes())))
    .fetch_all(&mut *tx)
    .await?;
    for row in &known {
        found.known.insert(ChangeId::from_bytes(array(row, "change")?), receipt(row)?);
    }
    for audience in touched.audiences {
        let row = sqlx::query("select number, count, digest from stream_head where organisation = ? and audience = ?")
            .bind(&key[..])
            .bind(audience.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(row) = row {
            found.heads.insert(audience, mark(&row)?);
        }
    }
    let records =
        sqlx::query("select body from record where organisation = ? and id in (select unhex(value) from json_each(?))")
            .bind(&key[..])
            .bind(hex_list(touched.records.iter().map(|id| id.bytes())))
            .fetch_all(&mut *tx)
            .await?;
    for row in &records {
        let record = one_record(row.try_get("body")?)?;
        found.records.insert(record.id, record);
    }
    Ok(found)
}

async fn keep(
    tx: &mut SqliteConnection,
    organisation: OrganisationId,
    settled: &Settled,
    now: i64,
) -> Result<(), LedgerError> {
    let key = organisation.bytes();
    if settled.rows.is_empty() {
        return Ok(());
    }
    for (receipt, ranked) in &settled.rows {
        sqlx::query("insert into ledger values (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(&key[..])
            .bind(bits(receipt.number))
            .bind(&ranked.change.id().bytes()[..])
            .bind(bits(receipt.stamp.number()))
            .bind(i64::from(receipt.device.0))
            .bind(&ranked.change.header.author.bytes()[..])
            .bind(&receipt.hash.0[..])
            .bind(now)
            .execute(&mut *tx)
            .await?;
        sqlx::query("insert into body values (?, ?, ?)")
            .bind(&key[..])
            .bind(bits(receipt.number))
            .bind(codec::changes_bytes([ranked].into_iter()))
            .execute(&mut *tx)
            .await?;
    }
    for (audience, change, mark) in &settled.streams {
        sqlx::query("insert into stream values (?, ?, ?, ?, ?, ?)")
            .bind(&key[..])
            .bind(audience.to_string())
            .bind(bits(mark.number))
            .bind(&change.bytes()[..])
            .bind(bits(mark.count))
            .bind(bits(mark.digest))
            .execute(&mut *tx)
            .await?;
    }
    for (audience, mark) in &settled.heads {
        sqlx::query("insert or replace into stream_head values (?, ?, ?, ?, ?)")
            .bind(&key[..])
            .bind(audience.to_string())
            .bind(bits(mark.number))
            .bind(bits(mark.count))
            .bind(bits(mark.digest))
            .execute(&mut *tx)
            .await?;
    }
    for (id, record) in &settled.records {
        sqlx::query(
            "insert into record values (?, ?, ?, ?, ?) on conflict (organisation, id) \
             do update set kind = excluded.kind, audience = excluded.audience, body = excluded.body",
        )
        .bind(&key[..])
        .bind(&id.bytes()[..])
        .bind(record.kind().as_str())
        .bind(record.audience().to_string())
        .bind(codec::record_bytes(record))
        .execute(&mut *tx)
        .await?;
    }
    sqlx::query("update counter set number = ?, stamp = ? where organisation = ?")
        .bind(bits(settled.number))
        .bind(bits(settled.latest.number()))
        .bind(&key[..])
        .execute(&mut *tx)
        .await?;
    Ok(())
}
