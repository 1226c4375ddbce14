//! Values as the columns hold them: ids and hashes are bytes, numbers the bits of 64.

use sqlx::Row;
use yingke_core::{
    audience::Audience,
    change::{Hash, Ranked},
    codec,
    id::DeviceNumber,
    record::Record,
    stamp::Stamp,
    wire::v1::StreamMark,
};

use super::DbRow;
use crate::ledger::{LedgerError, Receipt};

pub fn damaged(what: &str) -> LedgerError {
    LedgerError::Damaged { detail: what.into() }
}

pub fn small(row: &DbRow, column: &str) -> Result<u32, LedgerError> {
    u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| damaged(column))
}

/// The databases' integers have a sign; the bits are the same.
pub fn bits(number: u64) -> i64 {
    number.cast_signed()
}

pub fn number(row: &DbRow, column: &str) -> Result<u64, LedgerError> {
    Ok(row.try_get::<i64, _>(column)?.cast_unsigned())
}

pub fn array<const N: usize>(row: &DbRow, column: &str) -> Result<[u8; N], LedgerError> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| damaged(&format!("{column} of a wrong length")))
}

pub fn device(row: &DbRow, column: &str) -> Result<DeviceNumber, LedgerError> {
    let number = u32::try_from(row.try_get::<i64, _>(column)?);
    number.map(DeviceNumber).map_err(|_| damaged("a device number"))
}

pub fn audience(row: &DbRow) -> Result<Audience, LedgerError> {
    row.try_get::<&str, _>("audience")?.parse().map_err(|_| damaged("an audience"))
}

pub fn mark(row: &DbRow) -> Result<StreamMark, LedgerError> {
    Ok(StreamMark { number: number(row, "number")?, count: number(row, "count")?, digest: number(row, "digest")? })
}

pub fn receipt(row: &DbRow) -> Result<Receipt, LedgerError> {
    Ok(Receipt {
        number: number(row, "number")?,
        stamp: Stamp::from_number(number(row, "stamp")?),
        device: device(row, "device")?,
        hash: Hash(array(row, "hash")?),
    })
}

/// The change as it was pushed, under the rank that the verdict gave it.
pub fn ranked(row: &DbRow) -> Result<Ranked, LedgerError> {
    let changes = codec::read_changes(row.try_get("bytes")?)?;
    let [change] = <[Ranked; 1]>::try_from(changes).map_err(|_| damaged("a body"))?;
    Ok(change)
}

pub fn one_record(bytes: &[u8]) -> Result<Record, LedgerError> {
    let [record] = <[Record; 1]>::try_from(codec::read_block(bytes)?).map_err(|_| damaged("a record"))?;
    Ok(record)
}
