//! The register's tables.

use super::*;
use crate::{
    house::House,
    keys::Secrets,
    register::{Device, DeviceRow, PersonToken, Register},
};
use yingke_core::{
    audience::Role,
    id::{StaffId, VenueId},
    time::Millis,
    wire::v1::{Staff, Venue},
};

fn damaged(what: &str) -> LedgerError {
    LedgerError::Damaged { detail: what.into() }
}

fn small(row: &SqliteRow, column: &str) -> Result<u32, LedgerError> {
    u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| damaged(column))
}

fn venue_of(row: &SqliteRow) -> Result<Venue, LedgerError> {
    Ok(Venue {
        id: VenueId::from_bytes(array(row, "id")?),
        name: row.try_get("name")?,
        pack: row.try_get("pack")?,
        utc_offset_minutes: row.try_get("utc_offset_minutes")?,
        lease_days: small(row, "lease_days")?,
        lock_minutes: small(row, "lock_minutes")?,
    })
}

fn staff_of(row: &SqliteRow) -> Result<Staff, LedgerError> {
    Ok(Staff {
        id: StaffId::from_bytes(array(row, "id")?),
        name: row.try_get("name")?,
        role: Role::from_key(row.try_get("role")?).ok_or_else(|| damaged("a role"))?,
        venue: VenueId::from_bytes(array(row, "venue")?),
        active: row.try_get::<i64, _>("active")? != 0,
    })
}

#[async_trait]
impl Register for SqliteLedger {
    async fn organisations(&self) -> Result<Vec<OrganisationId>, LedgerError> {
        let rows = sqlx::query("select id from organisation order by id").fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok(OrganisationId::from_bytes(array(row, "id")?))).collect()
    }

    async fn found(&self, id: OrganisationId, name: &str, epoch: &str, secrets: &Secrets) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        sqlx::query("insert into organisation values (?, ?, ?, ?, ?)")
            .bind(&id.bytes()[..])
            .bind(name)
            .bind(epoch)
            .bind(&secrets.master[..])
            .bind(&secrets.recovery.to_bytes()[..])
            .execute(&mut *tx)
            .await?;
        sqlx::query("insert into counter values (?, 0, 0)").bind(&id.bytes()[..]).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn secrets(&self, organisation: OrganisationId) -> Result<Secrets, LedgerError> {
        let row = sqlx::query("select master_secret, recovery_secret from organisation where id = ?")
            .bind(&organisation.bytes()[..])
            .fetch_optional(&self.readers)
            .await?
            .ok_or(LedgerError::NoOrganisation)?;
        Secrets::from_bytes(array(&row, "master_secret")?, row.try_get("recovery_secret")?)
            .ok_or_else(|| damaged("the recovery key"))
    }

    async fn house(&self, organisation: OrganisationId) -> Result<House, LedgerError> {
        let mut tx = self.read().await?;
        let key = organisation.bytes();
        let name: Option<String> = sqlx::query_scalar("select name from organisation where id = ?")
            .bind(&key[..])
            .fetch_optional(&mut *tx)
            .await?;
        let venues =
            sqlx::query("select * from venue where organisation = ?").bind(&key[..]).fetch_all(&mut *tx).await?;
        let staff = sqlx::query("select id, name, role, venue, active from staff where organisation = ?")
            .bind(&key[..])
            .fetch_all(&mut *tx)
            .await?;
        let venues = venues.iter().map(venue_of).map(|venue| venue.map(|venue| (venue.id, venue)));
        let staff = staff.iter().map(staff_of).map(|staff| staff.map(|staff| (staff.id, staff)));
        Ok(House {
            organisation,
            name: name.ok_or(LedgerError::NoOrganisation)?,
            venues: venues.collect::<Result<_, _>>()?,
            staff: staff.collect::<Result<_, _>>()?,
        })
    }

    async fn keep_venue(&self, organisation: OrganisationId, venue: &Venue) -> Result<(), LedgerError> {
        sqlx::query("insert into venue values (?, ?, ?, ?, ?, ?, ?)")
            .bind(&organisation.bytes()[..])
            .bind(&venue.id.bytes()[..])
            .bind(&venue.name)
            .bind(&venue.pack)
            .bind(venue.utc_offset_minutes)
            .bind(venue.lease_days)
            .bind(venue.lock_minutes)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn add_staff(&self, organisation: OrganisationId, staff: &Staff, pin_hash: &str) -> Result<(), LedgerError> {
        sqlx::query("insert into staff values (?, ?, ?, ?, ?, ?, ?)")
            .bind(&organisation.bytes()[..])
            .bind(&staff.id.bytes()[..])
            .bind(&staff.name)
            .bind(staff.role.key())
            .bind(&staff.venue.bytes()[..])
            .bind(i64::from(staff.active))
            .bind(pin_hash)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn disable_staff(&self, organisation: OrganisationId, staff: StaffId) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        sqlx::query("update staff set active = 0 where organisation = ? and id = ?")
            .bind(&organisation.bytes()[..])
            .bind(&staff.bytes()[..])
            .execute(&mut *tx)
            .await?;
        drop_tokens(&mut tx, organisation, staff).await?;
        Ok(tx.commit().await?)
    }

    async fn set_pin(&self, organisation: OrganisationId, staff: StaffId, hash: &str) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        sqlx::query("update staff set pin_hash = ? where organisation = ? and id = ?")
            .bind(hash)
            .bind(&organisation.bytes()[..])
            .bind(&staff.bytes()[..])
            .execute(&mut *tx)
            .await?;
        drop_tokens(&mut tx, organisation, staff).await?;
        Ok(tx.commit().await?)
    }

    async fn pin_hash(&self, organisation: OrganisationId, staff: StaffId) -> Result<Option<String>, LedgerError> {
        Ok(sqlx::query_scalar("select pin_hash from staff where organisation = ? and id = ?")
            .bind(&organisation.bytes()[..])
            .bind(&staff.bytes()[..])
            .fetch_optional(&self.readers)
            .await?)
    }

    async fn add_code(
        &self,
        organisation: OrganisationId,
        venue: VenueId,
        code_hash: [u8; 32],
        uses: u32,
        expires_at: Millis,
    ) -> Result<(), LedgerError> {
        sqlx::query("insert or replace into enrolment_code values (?, ?, ?, ?, ?)")
            .bind(&code_hash[..])
            .bind(&organisation.bytes()[..])
            .bind(&venue.bytes()[..])
            .bind(uses)
            .bind(expires_at.0)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn enrol(
        &self,
        code_hash: [u8; 32],
        name: &str,
        token_hash: [u8; 32],
        now: Millis,
    ) -> Result<Option<Device>, LedgerError> {
        let mut tx = self.write().await?;
        let code = sqlx::query(
            "update enrolment_code set uses_left = uses_left - 1 \
             where code_hash = ? and uses_left > 0 and expires_at > ? returning organisation, venue",
        )
        .bind(&code_hash[..])
        .bind(now.0)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(code) = code else { return Ok(None) };
        let organisation = OrganisationId::from_bytes(array(&code, "organisation")?);
        let venue = VenueId::from_bytes(array(&code, "venue")?);
        // Rows of devices are never deleted, so a number is given once. 0 is the endpoint's own.
        let number: i64 = sqlx::query_scalar("select coalesce(max(number), 0) + 1 from device where organisation = ?")
            .bind(&organisation.bytes()[..])
            .fetch_one(&mut *tx)
            .await?;
        sqlx::query(
            "insert into device (organisation, number, venue, name, token_hash, enrolled_at, seen_at) \
             values (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&organisation.bytes()[..])
        .bind(number)
        .bind(&venue.bytes()[..])
        .bind(name)
        .bind(&token_hash[..])
        .bind(now.0)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let number = DeviceNumber(u32::try_from(number).map_err(|_| damaged("a device number"))?);
        Ok(Some(Device { organisation, number, venue, name: name.into() }))
    }

    async fn device(&self, token_hash: [u8; 32]) -> Result<Option<Device>, LedgerError> {
        let row = sqlx::query(
            "select organisation, number, venue, name from device where token_hash = ? and revoked_at is null",
        )
        .bind(&token_hash[..])
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| {
            Ok(Device {
                organisation: OrganisationId::from_bytes(array(&row, "organisation")?),
                number: device(&row, "number")?,
                venue: VenueId::from_bytes(array(&row, "venue")?),
                name: row.try_get("name")?,
            })
        })
        .transpose()
    }

    async fn devices(&self, organisation: OrganisationId) -> Result<Vec<DeviceRow>, LedgerError> {
        sqlx::query("select * from device where organisation = ? order by number")
            .bind(&organisation.bytes()[..])
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(DeviceRow {
                    number: device(row, "number")?,
                    venue: VenueId::from_bytes(array(row, "venue")?),
                    name: row.try_get("name")?,
                    enrolled_at: Millis(row.try_get("enrolled_at")?),
                    seen_at: Millis(row.try_get("seen_at")?),
                    revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(Millis),
                })
            })
            .collect()
    }

    async fn revoke(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        now: Millis,
    ) -> Result<bool, LedgerError> {
        let mut tx = self.write().await?;
        let revoked = sqlx::query(
            "update device set revoked_at = ? where organisation = ? and number = ? and revoked_at is null",
        )
        .bind(now.0)
        .bind(&organisation.bytes()[..])
        .bind(i64::from(device.0))
        .execute(&mut *tx)
        .await?;
        sqlx::query("delete from person_token where organisation = ? and device = ?")
            .bind(&organisation.bytes()[..])
            .bind(i64::from(device.0))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(revoked.rows_affected() > 0)
    }

    async fn keep_token(
        &self,
        organisation: OrganisationId,
        token_hash: [u8; 32],
        token: PersonToken,
        now: Millis,
    ) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        sqlx::query("delete from person_token where organisation = ? and expires_at <= ?")
            .bind(&organisation.bytes()[..])
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
        sqlx::query("insert into person_token values (?, ?, ?, ?, ?)")
            .bind(&organisation.bytes()[..])
            .bind(&token_hash[..])
            .bind(&token.staff.bytes()[..])
            .bind(i64::from(token.device.0))
            .bind(token.expires_at.0)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn token(&self, organisation: OrganisationId, hash: [u8; 32]) -> Result<Option<PersonToken>, LedgerError> {
        let row =
            sqlx::query("select staff, device, expires_at from person_token where organisation = ? and token_hash = ?")
                .bind(&organisation.bytes()[..])
                .bind(&hash[..])
                .fetch_optional(&self.readers)
                .await?;
        row.map(|row| {
            Ok(PersonToken {
                staff: StaffId::from_bytes(array(&row, "staff")?),
                device: device(&row, "device")?,
                expires_at: Millis(row.try_get("expires_at")?),
            })
        })
        .transpose()
    }

    async fn drop_token(&self, organisation: OrganisationId, hash: [u8; 32]) -> Result<(), LedgerError> {
        sqlx::query("delete from person_token where organisation = ? and token_hash = ?")
            .bind(&organisation.bytes()[..])
            .bind(&hash[..])
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

async fn drop_tokens(
    tx: &mut SqliteConnection,
    organisation: OrganisationId,
    staff: StaffId,
) -> Result<(), LedgerError> {
    sqlx::query("delete from person_token where organisation = ? and staff = ?")
        .bind(&organisation.bytes()[..])
        .bind(&staff.bytes()[..])
        .execute(tx)
        .await?;
    Ok(())
}
