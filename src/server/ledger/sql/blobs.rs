//! Pictures, the pieces in which they come, and which records name them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sqlx::Row;
use yingke_core::{
    blob::BlobHash,
    change::Change,
    id::{DeviceNumber, OrganisationId, RecordId},
    time::Millis,
};

use super::{
    DbConnection, DbRow, ThisLedger,
    rows::{array, audience, bits, number},
};
use crate::{
    blobs::{Blobs, Name, Piece, Taken, UPLOAD_BYTES_MAX, Upload},
    ledger::LedgerError,
};

#[async_trait]
impl Blobs for ThisLedger {
    async fn upload(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        hash: BlobHash,
    ) -> Result<Option<Upload>, LedgerError> {
        sqlx::query(
            "select length, received, done_at from blob_upload \
             where organisation = $1 and device = $2 and hash = $3",
        )
        .bind(&organisation.bytes()[..])
        .bind(i64::from(device.0))
        .bind(&hash.bytes()[..])
        .fetch_optional(&self.readers)
        .await?
        .as_ref()
        .map(upload)
        .transpose()
    }

    async fn take_piece(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        hash: BlobHash,
        piece: Piece<'_>,
        now: Millis,
    ) -> Result<Taken, LedgerError> {
        let mut tx = self.write().await?;
        let (key, device, hash) = (organisation.bytes(), i64::from(device.0), hash.bytes());
        if is_erased(&mut tx, &key, &hash).await? {
            return Ok(Taken::Erased);
        }
        // Who sends the same twice at once waits here for the other.
        let begun = "insert into blob_upload (organisation, device, hash, length, received, touched_at) \
                     values ($1, $2, $3, $4, 0, $5) on conflict (organisation, device, hash) \
                     do update set touched_at = excluded.touched_at returning length, received, done_at";
        let row = sqlx::query(begun)
            .bind(&key[..])
            .bind(device)
            .bind(&hash[..])
            .bind(bits(piece.length))
            .bind(now.0)
            .fetch_one(&mut *tx)
            .await?;
        let mut upload = upload(&row)?;
        if upload.is_done {
            return Ok(Taken::Kept(upload));
        }
        if upload.length != piece.length {
            if piece.offset > 0 {
                return Ok(Taken::Ahead(upload));
            }
            // The tablet has sealed it anew.
            delete_pieces(&mut tx, &key, device, &hash).await?;
            upload = Upload { length: piece.length, received: 0, is_done: false };
        }
        let Some(had) = upload.received.checked_sub(piece.offset) else { return Ok(Taken::Ahead(upload)) };
        let new = piece.bytes.get(usize::try_from(had).unwrap_or(usize::MAX)..).unwrap_or_default();
        let start = upload.received;
        upload.received += new.len() as u64;
        let sent: Option<i64> = sqlx::query_scalar(
            "select cast(sum(received) as bigint) from blob_upload \
             where organisation = $1 and device = $2 and done_at is null and hash <> $3",
        )
        .bind(&key[..])
        .bind(device)
        .bind(&hash[..])
        .fetch_one(&mut *tx)
        .await?;
        if sent.unwrap_or_default().cast_unsigned() + upload.received > UPLOAD_BYTES_MAX {
            return Ok(Taken::TooMuch);
        }
        if !new.is_empty() {
            sqlx::query(
                "insert into blob_piece (organisation, device, hash, start, bytes) values ($1, $2, $3, $4, $5)",
            )
            .bind(&key[..])
            .bind(device)
            .bind(&hash[..])
            .bind(bits(start))
            .bind(new)
            .execute(&mut *tx)
            .await?;
        }
        sqlx::query(
            "update blob_upload set length = $1, received = $2 where organisation = $3 and device = $4 and hash = $5",
        )
        .bind(bits(upload.length))
        .bind(bits(upload.received))
        .bind(&key[..])
        .bind(device)
        .bind(&hash[..])
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Taken::Kept(upload))
    }

    async fn sealed(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        hash: BlobHash,
    ) -> Result<Vec<u8>, LedgerError> {
        let rows = sqlx::query(
            "select bytes from blob_piece where organisation = $1 and device = $2 and hash = $3 order by start",
        )
        .bind(&organisation.bytes()[..])
        .bind(i64::from(device.0))
        .bind(&hash.bytes()[..])
        .fetch_all(&self.readers)
        .await?;
        let mut sealed = Vec::new();
        for row in &rows {
            sealed.extend_from_slice(row.try_get("bytes")?);
        }
        Ok(sealed)
    }

    async fn keep_blob(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        hash: BlobHash,
        bytes: &[u8],
        now: Millis,
    ) -> Result<bool, LedgerError> {
        let mut tx = self.write().await?;
        let (key, device, hash) = (organisation.bytes(), i64::from(device.0), hash.bytes());
        let erased = is_erased(&mut tx, &key, &hash).await?;
        if !erased {
            sqlx::query(
                "insert into blob (organisation, hash, kept_at, bytes) values ($1, $2, $3, $4) on conflict do nothing",
            )
            .bind(&key[..])
            .bind(&hash[..])
            .bind(now.0)
            .bind(bytes)
            .execute(&mut *tx)
            .await?;
        }
        delete_pieces(&mut tx, &key, device, &hash).await?;
        sqlx::query("update blob_upload set done_at = $1 where organisation = $2 and device = $3 and hash = $4")
            .bind(now.0)
            .bind(&key[..])
            .bind(device)
            .bind(&hash[..])
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(!erased)
    }

    async fn drop_upload(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        hash: BlobHash,
    ) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        let (key, device, hash) = (organisation.bytes(), i64::from(device.0), hash.bytes());
        delete_pieces(&mut tx, &key, device, &hash).await?;
        sqlx::query("delete from blob_upload where organisation = $1 and device = $2 and hash = $3")
            .bind(&key[..])
            .bind(device)
            .bind(&hash[..])
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn unopened(&self, organisation: OrganisationId, device: DeviceNumber) -> Result<Vec<BlobHash>, LedgerError> {
        let rows = sqlx::query(
            "select hash from blob_upload \
             where organisation = $1 and device = $2 and done_at is null and received = length order by hash",
        )
        .bind(&organisation.bytes()[..])
        .bind(i64::from(device.0))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(hash).collect()
    }

    async fn blob_names(&self, organisation: OrganisationId) -> Result<BTreeSet<Name>, LedgerError> {
        let rows = sqlx::query("select hash, record, audience from blob_name where organisation = $1")
            .bind(&organisation.bytes()[..])
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(name).collect()
    }

    async fn names_of(&self, organisation: OrganisationId, blob: BlobHash) -> Result<BTreeSet<Name>, LedgerError> {
        let rows = sqlx::query("select hash, record, audience from blob_name where organisation = $1 and hash = $2")
            .bind(&organisation.bytes()[..])
            .bind(&blob.bytes()[..])
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(name).collect()
    }

    async fn blob(&self, organisation: OrganisationId, blob: BlobHash) -> Result<Option<Vec<u8>>, LedgerError> {
        let bytes = sqlx::query_scalar("select bytes from blob where organisation = $1 and hash = $2")
            .bind(&organisation.bytes()[..])
            .bind(&blob.bytes()[..])
            .fetch_optional(&self.readers)
            .await?;
        Ok(bytes)
    }

    async fn next_blob(
        &self,
        organisation: OrganisationId,
        after: Option<BlobHash>,
    ) -> Result<Option<(BlobHash, Vec<u8>)>, LedgerError> {
        let after = after.map(|hash| hash.bytes().to_vec()).unwrap_or_default();
        let row =
            sqlx::query("select hash, bytes from blob where organisation = $1 and hash > $2 order by hash limit 1")
                .bind(organisation.bytes().to_vec())
                .bind(after)
                .fetch_optional(&self.readers)
                .await?;
        row.map(|row| Ok((hash(&row)?, row.try_get("bytes")?))).transpose()
    }

    async fn drop_orphans(&self, organisation: OrganisationId, before: Millis) -> Result<u64, LedgerError> {
        let mut tx = self.write().await?;
        let key = organisation.bytes();
        let dropped = sqlx::query(
            "delete from blob where organisation = $1 and kept_at < $2 and not exists (select 1 from blob_name \
             where blob_name.organisation = blob.organisation and blob_name.hash = blob.hash)",
        )
        .bind(&key[..])
        .bind(before.0)
        .execute(&mut *tx)
        .await?;
        // One that was done may be sent again once its picture is gone. What a revoked tablet handed in waits whole.
        let ended = "delete from blob_upload where organisation = $1 and touched_at < $2 and (received < length \
                     or (done_at is not null and not exists (select 1 from blob \
                     where blob.organisation = blob_upload.organisation and blob.hash = blob_upload.hash)))";
        sqlx::query(ended).bind(&key[..]).bind(before.0).execute(&mut *tx).await?;
        let pieces = "delete from blob_piece where organisation = $1 and not exists (select 1 from blob_upload \
                      where blob_upload.organisation = blob_piece.organisation \
                      and blob_upload.device = blob_piece.device and blob_upload.hash = blob_piece.hash)";
        sqlx::query(pieces).bind(&key[..]).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(dropped.rows_affected())
    }
}

/// Notes which pictures changes name, with the changes themselves.
pub async fn keep_names(
    tx: &mut DbConnection,
    organisation: OrganisationId,
    changes: impl Iterator<Item = &Change>,
) -> Result<(), LedgerError> {
    for name in changes.flat_map(Name::all_of) {
        sqlx::query(
            "insert into blob_name (organisation, hash, record, audience) values ($1, $2, $3, $4) \
             on conflict do nothing",
        )
        .bind(&organisation.bytes()[..])
        .bind(&name.hash.bytes()[..])
        .bind(&name.record.bytes()[..])
        .bind(name.audience.to_string())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Pictures that only records name that are erased go with them, and are not taken again.
pub async fn forget_pictures(
    tx: &mut DbConnection,
    organisation: OrganisationId,
    records: &BTreeSet<RecordId>,
    now: Millis,
) -> Result<(), LedgerError> {
    let key = organisation.bytes();
    let mut named = BTreeSet::new();
    for record in records {
        let rows = sqlx::query("select hash from blob_name where organisation = $1 and record = $2")
            .bind(&key[..])
            .bind(&record.bytes()[..])
            .fetch_all(&mut *tx)
            .await?;
        for row in &rows {
            named.insert(hash(row)?);
        }
        sqlx::query("delete from blob_name where organisation = $1 and record = $2")
            .bind(&key[..])
            .bind(&record.bytes()[..])
            .execute(&mut *tx)
            .await?;
    }
    for hash in named {
        let left: i64 = sqlx::query_scalar("select count(*) from blob_name where organisation = $1 and hash = $2")
            .bind(&key[..])
            .bind(&hash.bytes()[..])
            .fetch_one(&mut *tx)
            .await?;
        if left > 0 {
            continue;
        }
        for table in ["blob", "blob_piece", "blob_upload"] {
            let delete = format!("delete from {table} where organisation = $1 and hash = $2");
            sqlx::query(sqlx::AssertSqlSafe(delete)).bind(&key[..]).bind(&hash.bytes()[..]).execute(&mut *tx).await?;
        }
        sqlx::query(
            "insert into blob_erasure (organisation, hash, erased_at) values ($1, $2, $3) on conflict do nothing",
        )
        .bind(&key[..])
        .bind(&hash.bytes()[..])
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

async fn is_erased(tx: &mut DbConnection, organisation: &[u8; 16], hash: &[u8; 32]) -> Result<bool, LedgerError> {
    let erased: i64 = sqlx::query_scalar("select count(*) from blob_erasure where organisation = $1 and hash = $2")
        .bind(&organisation[..])
        .bind(&hash[..])
        .fetch_one(tx)
        .await?;
    Ok(erased > 0)
}

async fn delete_pieces(
    tx: &mut DbConnection,
    organisation: &[u8; 16],
    device: i64,
    hash: &[u8; 32],
) -> Result<(), LedgerError> {
    sqlx::query("delete from blob_piece where organisation = $1 and device = $2 and hash = $3")
        .bind(&organisation[..])
        .bind(device)
        .bind(&hash[..])
        .execute(tx)
        .await?;
    Ok(())
}

fn upload(row: &DbRow) -> Result<Upload, LedgerError> {
    Ok(Upload {
        length: number(row, "length")?,
        received: number(row, "received")?,
        is_done: row.try_get::<Option<i64>, _>("done_at")?.is_some(),
    })
}

fn hash(row: &DbRow) -> Result<BlobHash, LedgerError> {
    Ok(BlobHash::from_bytes(array(row, "hash")?))
}

fn name(row: &DbRow) -> Result<Name, LedgerError> {
    Ok(Name { hash: hash(row)?, record: RecordId::from_bytes(array(row, "record")?), audience: audience(row)? })
}
