//! Subscriptions to reminders.

use async_trait::async_trait;
use sqlx::Row;
use yingke_core::{
    id::{DeviceNumber, OrganisationId, StaffId},
    pack::Language,
    time::Millis,
};

use super::{
    DbConnection, DbRow, ThisLedger,
    rows::{array, damaged, device},
};
use crate::{
    ledger::LedgerError,
    reminders::{EVERY_MS, Reminded, Reminders, Subscription, Turn, seal::Recipient},
};

#[async_trait]
impl Reminders for ThisLedger {
    async fn keep_reminder(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        staff: StaffId,
        subscription: &Subscription,
        now: Millis,
    ) -> Result<bool, LedgerError> {
        let mut tx = self.write().await?;
        let (key, device, staff) = (organisation.bytes(), i64::from(device.0), staff.bytes());
        // Both rows are locked until the end: whoever shuts one out comes before this, or takes this along.
        let enrolled = sqlx::query(
            "update device set seen_at = $1 where organisation = $2 and number = $3 and revoked_at is null",
        )
        .bind(now.0)
        .bind(&key[..])
        .bind(device)
        .execute(&mut *tx)
        .await?;
        let active = sqlx::query("update staff set active = 1 where organisation = $1 and id = $2 and active = 1")
            .bind(&key[..])
            .bind(&staff[..])
            .execute(&mut *tx)
            .await?;
        if enrolled.rows_affected() == 0 || active.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "update reminder set endpoint = $1, point = $2, secret = $3, language = $4 \
             where organisation = $5 and device = $6",
        )
        .bind(&subscription.endpoint)
        .bind(&subscription.recipient.point[..])
        .bind(&subscription.recipient.secret[..])
        .bind(subscription.language.tag())
        .bind(&key[..])
        .bind(device)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "insert into reminder (organisation, device, staff, endpoint, point, secret, language, kept_at, told_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, 0) on conflict (organisation, device, staff) do nothing",
        )
        .bind(&key[..])
        .bind(device)
        .bind(&staff[..])
        .bind(&subscription.endpoint)
        .bind(&subscription.recipient.point[..])
        .bind(&subscription.recipient.secret[..])
        .bind(subscription.language.tag())
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn reminded(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        staff: StaffId,
    ) -> Result<Reminded, LedgerError> {
        let rows = sqlx::query("select staff from reminder where organisation = $1 and device = $2")
            .bind(&organisation.bytes()[..])
            .bind(i64::from(device.0))
            .fetch_all(&self.readers)
            .await?;
        let mut reminded = Reminded { me: false, others: false };
        for row in &rows {
            let is_me = StaffId::from_bytes(array(row, "staff")?) == staff;
            (reminded.me, reminded.others) = (reminded.me || is_me, reminded.others || !is_me);
        }
        Ok(reminded)
    }

    async fn drop_reminder(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        staff: StaffId,
    ) -> Result<(), LedgerError> {
        sqlx::query("delete from reminder where organisation = $1 and device = $2 and staff = $3")
            .bind(&organisation.bytes()[..])
            .bind(i64::from(device.0))
            .bind(&staff.bytes()[..])
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn take_turn(&self, organisation: OrganisationId, staff: StaffId, now: Millis) -> Result<Turn, LedgerError> {
        let rows = of_person(&self.readers, organisation, staff).await?;
        if rows.is_empty() {
            return Ok(Turn::Now(Vec::new()));
        }
        let mut tx = self.write().await?;
        let told = "update reminder set told_at = $1 where organisation = $2 and staff = $3 and told_at <= $4";
        let told = sqlx::query(told)
            .bind(now.0)
            .bind(&organisation.bytes()[..])
            .bind(&staff.bytes()[..])
            .bind(now.plus(-EVERY_MS).0)
            .execute(&mut *tx)
            .await?;
        let rows = of_person(&mut *tx, organisation, staff).await?;
        // Where one of them was told less than a minute ago, so are the others that were turned on since.
        if told.rows_affected() != rows.len() as u64 {
            return Ok(Turn::Later);
        }
        let turn = rows.iter().map(|row| Ok((device(row, "device")?, subscription(row)?)));
        let turn = turn.collect::<Result<_, LedgerError>>()?;
        tx.commit().await?;
        Ok(Turn::Now(turn))
    }

    async fn is_subscribed(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        staff: StaffId,
        endpoint: &str,
    ) -> Result<bool, LedgerError> {
        let select = "select 1 from reminder where organisation = $1 and device = $2 and staff = $3 and endpoint = $4";
        let row = sqlx::query(select)
            .bind(&organisation.bytes()[..])
            .bind(i64::from(device.0))
            .bind(&staff.bytes()[..])
            .bind(endpoint)
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.is_some())
    }

    async fn drop_endpoint(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        endpoint: &str,
    ) -> Result<(), LedgerError> {
        sqlx::query("delete from reminder where organisation = $1 and device = $2 and endpoint = $3")
            .bind(&organisation.bytes()[..])
            .bind(i64::from(device.0))
            .bind(endpoint)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

async fn of_person<'a>(
    from: impl sqlx::Executor<'a, Database = super::Db>,
    organisation: OrganisationId,
    staff: StaffId,
) -> Result<Vec<DbRow>, LedgerError> {
    let select = "select device, endpoint, point, secret, language from reminder \
                  where organisation = $1 and staff = $2 order by device";
    Ok(sqlx::query(select).bind(organisation.bytes().to_vec()).bind(staff.bytes().to_vec()).fetch_all(from).await?)
}

fn subscription(row: &DbRow) -> Result<Subscription, LedgerError> {
    let tag: &str = row.try_get("language")?;
    let language = Language::ALL.into_iter().find(|language| language.tag() == tag);
    Ok(Subscription {
        endpoint: row.try_get("endpoint")?,
        recipient: Recipient { point: array(row, "point")?, secret: array(row, "secret")? },
        language: language.ok_or_else(|| damaged("a language"))?,
    })
}

/// A tablet was shut out.
pub async fn drop_of_device(
    tx: &mut DbConnection,
    organisation: OrganisationId,
    device: DeviceNumber,
) -> Result<(), LedgerError> {
    sqlx::query("delete from reminder where organisation = $1 and device = $2")
        .bind(&organisation.bytes()[..])
        .bind(i64::from(device.0))
        .execute(tx)
        .await?;
    Ok(())
}

/// Somebody left, or works elsewhere: what is on a tablet of another venue than theirs ends.
pub async fn drop_strayed(
    tx: &mut DbConnection,
    organisation: OrganisationId,
    staff: StaffId,
) -> Result<(), LedgerError> {
    sqlx::query(
        "delete from reminder where organisation = $1 and staff = $2 and not exists ( \
         select 1 from staff join device on device.organisation = staff.organisation and device.venue = staff.venue \
         where staff.organisation = $1 and staff.id = $2 and staff.active = 1 and device.number = reminder.device)",
    )
    .bind(&organisation.bytes()[..])
    .bind(&staff.bytes()[..])
    .execute(tx)
    .await?;
    Ok(())
}
