//! The table of published packs.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Row};
use yingke_core::{id::OrganisationId, time::Millis, wire::v1::PublishedPack};

use super::{DbConnection, DbRow, LOCK_COUNTER, LOOK_AT_ALL, TELL_AT_ALL, rows::small};
use crate::{
    ledger::LedgerError,
    pack_check::Written,
    packs::{InForce, PacksRead, Published, mark},
};

fn published_of(row: &DbRow) -> Result<Published, LedgerError> {
    Ok(Published {
        at: Millis(row.try_get("published_at")?),
        mark: row.try_get("mark")?,
        written: Written {
            source: row.try_get("source")?,
            pack: PublishedPack {
                key: row.try_get("key")?,
                version: small(row, "version")?,
                text: row.try_get("text")?,
                work: row.try_get("work")?,
            },
        },
    })
}

/// All that was published, in the order in which it came into force.
pub async fn published(tx: &mut DbConnection, organisation: OrganisationId) -> Result<Vec<Published>, LedgerError> {
    let rows = sqlx::query("select * from published_pack where organisation = $1 order by place")
        .bind(&organisation.bytes()[..])
        .fetch_all(tx)
        .await?;
    rows.iter().map(published_of).collect()
}

/// What is in force, read anew only if something was published since.
pub async fn in_force(
    tx: &mut DbConnection,
    organisation: OrganisationId,
    read: &PacksRead,
) -> Result<Arc<InForce>, LedgerError> {
    let last: Option<String> =
        sqlx::query_scalar("select mark from published_pack where organisation = $1 order by place desc limit 1")
            .bind(&organisation.bytes()[..])
            .fetch_optional(&mut *tx)
            .await?;
    let Some(last) = last else { return Ok(InForce::shipped()) };
    if let Some(known) = read.get(organisation).filter(|known| known.seen == last) {
        return Ok(known);
    }
    let in_force = Arc::new(InForce::of(&published(tx, organisation).await?));
    read.keep(organisation, in_force.clone());
    Ok(in_force)
}

/// Puts a pack into force, unless one of its key and of no lower version is. The clock looks at everything again: what
/// is owed may have changed.
pub async fn publish(
    tx: &mut DbConnection,
    organisation: OrganisationId,
    Written { source, pack }: &Written,
    now: Millis,
) -> Result<bool, LedgerError> {
    let key = organisation.bytes();
    // Whoever else publishes waits.
    sqlx::query(LOCK_COUNTER).bind(&key[..]).fetch_optional(&mut *tx).await?.ok_or(LedgerError::NoOrganisation)?;
    let before = published(tx, organisation).await?;
    let mut had = before.iter().map(|other| &other.written.pack).filter(|other| other.key == pack.key);
    if had.any(|had| had.version >= pack.version) {
        return Ok(false);
    }
    let last = before.last().map_or("", |last| &last.mark);
    sqlx::query("insert into published_pack values ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(&key[..])
        .bind(i64::try_from(before.len()).expect("packs are few") + 1)
        .bind(&pack.key)
        .bind(i64::from(pack.version))
        .bind(now.0)
        .bind(mark(last, pack))
        .bind(source)
        .bind(&pack.text)
        .bind(&pack.work)
        .execute(&mut *tx)
        .await?;
    let look_at_all = format!("{} and organisation = $1", LOOK_AT_ALL.trim_end().trim_end_matches(';'));
    sqlx::query(AssertSqlSafe(look_at_all)).bind(&key[..]).execute(&mut *tx).await?;
    let tell_at_all = format!("{} and organisation = $2", TELL_AT_ALL.trim_end().trim_end_matches(';'));
    sqlx::query(AssertSqlSafe(tell_at_all)).bind(now.0).bind(&key[..]).execute(&mut *tx).await?;
    Ok(true)
}
