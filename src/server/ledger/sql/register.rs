//! The register's tables.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::Row;

use super::{
    DbConnection, DbRow, ThisLedger, packs,
    reminders::{drop_of_device, drop_strayed},
    rows::{array, bits, damaged, device, small},
};
use crate::{
    handed_in::{HANDED_BYTES_MAX, HANDED_CHANGES_MAX, Handed, HandedRow, Kept, receipt},
    house::{Before, House, LATE_MS},
    keys::Secrets,
    ledger::LedgerError,
    pack_check::Written,
    packs::Published,
    register::{Bearer, CONTACT_MS, DEVICE_COPIES_MAX, Device, DeviceRow, PersonToken, Register},
};
use yingke_core::{
    audience::Role,
    id::{ChangeId, DeviceNumber, OrganisationId, StaffId, VenueId},
    time::Millis,
    wire::v1::{Staff, Unsent, Venue},
};

/// A row for a new tablet, and its number.
async fn add_device(
    tx: &mut DbConnection,
    organisation: OrganisationId,
    venue: VenueId,
    name: &str,
    token_hash: [u8; 32],
    now: Millis,
) -> Result<DeviceNumber, LedgerError> {
    // The organisation's row is locked until the end, and a number is given once. 0 is the endpoint's own.
    let number: i64 =
        sqlx::query_scalar("update organisation set devices = devices + 1 where id = $1 returning devices")
            .bind(&organisation.bytes()[..])
            .fetch_one(&mut *tx)
            .await?;
    sqlx::query(
        "insert into device (organisation, number, venue, name, token_hash, enrolled_at, seen_at) \
         values ($1, $2, $3, $4, $5, $6, $7)",
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
    Ok(DeviceNumber(u32::try_from(number).map_err(|_| damaged("a device number"))?))
}

/// Of which tablet a row's is a copy.
fn origin(row: &DbRow) -> Result<Option<DeviceNumber>, LedgerError> {
    let number = row.try_get::<Option<i64>, _>("origin")?;
    let number = number.map(u32::try_from).transpose().map_err(|_| damaged("a device number"))?;
    Ok(number.map(DeviceNumber))
}

/// What a row's tablet said last of what it had not sent.
fn unsent(row: &DbRow) -> Result<Option<Unsent>, LedgerError> {
    let Some(at) = row.try_get::<Option<i64>, _>("told_at")? else { return Ok(None) };
    Ok(Some(Unsent { changes: small(row, "changes")?, at: Millis(at) }))
}

fn venue_of(row: &DbRow) -> Result<Venue, LedgerError> {
    Ok(Venue {
        id: VenueId::from_bytes(array(row, "id")?),
        name: row.try_get("name")?,
        pack: row.try_get("pack")?,
        utc_offset_minutes: i32::try_from(row.try_get::<i64, _>("utc_offset_minutes")?)
            .map_err(|_| damaged("an offset from UTC"))?,
        lease_days: small(row, "lease_days")?,
        lock_minutes: small(row, "lock_minutes")?,
    })
}

fn staff_of(row: &DbRow) -> Result<Staff, LedgerError> {
    Ok(Staff {
        id: StaffId::from_bytes(array(row, "id")?),
        name: row.try_get("name")?,
        role: Role::from_key(row.try_get("role")?).ok_or_else(|| damaged("a role"))?,
        venue: VenueId::from_bytes(array(row, "venue")?),
        active: row.try_get::<i64, _>("active")? != 0,
    })
}

/// What somebody is, before they become something else. What is too long ago to be asked for goes.
async fn keep_before(
    tx: &mut DbConnection,
    organisation: OrganisationId,
    staff: StaffId,
    now: Millis,
) -> Result<(), LedgerError> {
    sqlx::query(
        "insert into staff_before select organisation, id, $1, role, venue, active from staff \
         where organisation = $2 and id = $3 on conflict do nothing",
    )
    .bind(now.0)
    .bind(&organisation.bytes()[..])
    .bind(&staff.bytes()[..])
    .execute(&mut *tx)
    .await?;
    sqlx::query("delete from staff_before where organisation = $1 and until < $2")
        .bind(&organisation.bytes()[..])
        .bind(now.plus(-LATE_MS).0)
        .execute(tx)
        .await?;
    Ok(())
}

fn before_of(row: &DbRow) -> Result<(StaffId, Before), LedgerError> {
    let id = StaffId::from_bytes(array(row, "id")?);
    let before = Before {
        until: Millis(row.try_get("until")?),
        role: Role::from_key(row.try_get("role")?).ok_or_else(|| damaged("a role"))?,
        venue: VenueId::from_bytes(array(row, "venue")?),
        active: row.try_get::<i64, _>("active")? != 0,
    };
    Ok((id, before))
}

#[async_trait]
impl Register for ThisLedger {
    async fn organisations(&self) -> Result<Vec<OrganisationId>, LedgerError> {
        let rows = sqlx::query("select id from organisation order by id").fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok(OrganisationId::from_bytes(array(row, "id")?))).collect()
    }

    async fn found(&self, id: OrganisationId, name: &str, epoch: &str, secrets: &Secrets) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        sqlx::query(
            "insert into organisation (id, name, epoch, master_secret, recovery_secret) values ($1, $2, $3, $4, $5)",
        )
        .bind(&id.bytes()[..])
        .bind(name)
        .bind(epoch)
        .bind(&secrets.master[..])
        .bind(&secrets.recovery.to_bytes()[..])
        .execute(&mut *tx)
        .await?;
        sqlx::query("insert into counter values ($1, 0, 0)").bind(&id.bytes()[..]).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn secrets(&self, organisation: OrganisationId) -> Result<Secrets, LedgerError> {
        let row = sqlx::query("select master_secret, recovery_secret from organisation where id = $1")
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
        let name: Option<String> = sqlx::query_scalar("select name from organisation where id = $1")
            .bind(&key[..])
            .fetch_optional(&mut *tx)
            .await?;
        let venues =
            sqlx::query("select * from venue where organisation = $1").bind(&key[..]).fetch_all(&mut *tx).await?;
        let staff = sqlx::query("select id, name, role, venue, active from staff where organisation = $1")
            .bind(&key[..])
            .fetch_all(&mut *tx)
            .await?;
        let before = sqlx::query("select * from staff_before where organisation = $1 order by id, until")
            .bind(&key[..])
            .fetch_all(&mut *tx)
            .await?;
        let mut staff_before: BTreeMap<StaffId, Vec<Before>> = BTreeMap::new();
        for row in &before {
            let (id, before) = before_of(row)?;
            staff_before.entry(id).or_default().push(before);
        }
        let packs = packs::in_force(&mut tx, organisation, &self.packs).await?;
        let venues = venues.iter().map(venue_of).map(|venue| venue.map(|venue| (venue.id, venue)));
        let staff = staff.iter().map(staff_of).map(|staff| staff.map(|staff| (staff.id, staff)));
        Ok(House {
            organisation,
            name: name.ok_or(LedgerError::NoOrganisation)?,
            venues: venues.collect::<Result<_, _>>()?,
            staff: staff.collect::<Result<_, _>>()?,
            staff_before,
            packs,
        })
    }

    async fn published_packs(&self, organisation: OrganisationId) -> Result<Vec<Published>, LedgerError> {
        let mut tx = self.read().await?;
        packs::published(&mut tx, organisation).await
    }

    async fn publish_pack(
        &self,
        organisation: OrganisationId,
        pack: &Written,
        now: Millis,
    ) -> Result<bool, LedgerError> {
        let mut tx = self.write().await?;
        let is_newer = packs::publish(&mut tx, organisation, pack, now).await?;
        tx.commit().await?;
        Ok(is_newer)
    }

    async fn keep_venue(&self, organisation: OrganisationId, venue: &Venue) -> Result<(), LedgerError> {
        sqlx::query(
            "insert into venue values ($1, $2, $3, $4, $5, $6, $7) on conflict (organisation, id) do update set \
             name = excluded.name, pack = excluded.pack, utc_offset_minutes = excluded.utc_offset_minutes, \
             lease_days = excluded.lease_days, lock_minutes = excluded.lock_minutes",
        )
        .bind(&organisation.bytes()[..])
        .bind(&venue.id.bytes()[..])
        .bind(&venue.name)
        .bind(&venue.pack)
        .bind(i64::from(venue.utc_offset_minutes))
        .bind(i64::from(venue.lease_days))
        .bind(i64::from(venue.lock_minutes))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    async fn add_staff(&self, organisation: OrganisationId, staff: &Staff, pin_hash: &str) -> Result<(), LedgerError> {
        sqlx::query("insert into staff values ($1, $2, $3, $4, $5, $6, $7)")
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

    async fn change_staff(&self, organisation: OrganisationId, staff: &Staff, now: Millis) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        keep_before(&mut tx, organisation, staff.id, now).await?;
        sqlx::query("update staff set name = $1, role = $2, venue = $3 where organisation = $4 and id = $5")
            .bind(&staff.name)
            .bind(staff.role.key())
            .bind(&staff.venue.bytes()[..])
            .bind(&organisation.bytes()[..])
            .bind(&staff.id.bytes()[..])
            .execute(&mut *tx)
            .await?;
        drop_tokens(&mut tx, organisation, staff.id).await?;
        drop_strayed(&mut tx, organisation, staff.id).await?;
        Ok(tx.commit().await?)
    }

    async fn disable_staff(
        &self,
        organisation: OrganisationId,
        staff: StaffId,
        now: Millis,
    ) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        keep_before(&mut tx, organisation, staff, now).await?;
        sqlx::query("update staff set active = 0 where organisation = $1 and id = $2")
            .bind(&organisation.bytes()[..])
            .bind(&staff.bytes()[..])
            .execute(&mut *tx)
            .await?;
        drop_tokens(&mut tx, organisation, staff).await?;
        drop_strayed(&mut tx, organisation, staff).await?;
        Ok(tx.commit().await?)
    }

    async fn enable_staff(
        &self,
        organisation: OrganisationId,
        staff: StaffId,
        pin_hash: &str,
        now: Millis,
    ) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        keep_before(&mut tx, organisation, staff, now).await?;
        sqlx::query("update staff set active = 1, pin_hash = $1 where organisation = $2 and id = $3")
            .bind(pin_hash)
            .bind(&organisation.bytes()[..])
            .bind(&staff.bytes()[..])
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn set_pin(&self, organisation: OrganisationId, staff: StaffId, hash: &str) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        sqlx::query("update staff set pin_hash = $1 where organisation = $2 and id = $3")
            .bind(hash)
            .bind(&organisation.bytes()[..])
            .bind(&staff.bytes()[..])
            .execute(&mut *tx)
            .await?;
        drop_tokens(&mut tx, organisation, staff).await?;
        Ok(tx.commit().await?)
    }

    async fn pin_hash(&self, organisation: OrganisationId, staff: StaffId) -> Result<Option<String>, LedgerError> {
        Ok(sqlx::query_scalar("select pin_hash from staff where organisation = $1 and id = $2")
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
        sqlx::query(
            "insert into enrolment_code values ($1, $2, $3, $4, $5) on conflict (code_hash) do update set \
             organisation = excluded.organisation, venue = excluded.venue, uses_left = excluded.uses_left, \
             expires_at = excluded.expires_at",
        )
        .bind(&code_hash[..])
        .bind(&organisation.bytes()[..])
        .bind(&venue.bytes()[..])
        .bind(i64::from(uses))
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
             where code_hash = $1 and uses_left > 0 and expires_at > $2 returning organisation, venue",
        )
        .bind(&code_hash[..])
        .bind(now.0)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(code) = code else { return Ok(None) };
        let organisation = OrganisationId::from_bytes(array(&code, "organisation")?);
        let venue = VenueId::from_bytes(array(&code, "venue")?);
        let number = add_device(&mut tx, organisation, venue, name, token_hash, now).await?;
        tx.commit().await?;
        Ok(Some(Device { organisation, number, origin: number, venue, name: name.into() }))
    }

    async fn renumber(
        &self,
        device: &Device,
        push_counter: u64,
        token_hash: [u8; 32],
        now: Millis,
    ) -> Result<Option<Device>, LedgerError> {
        let mut tx = self.write().await?;
        // Its row is locked until the end: whoever revokes it comes before this, or sees the copy.
        let fell_back = sqlx::query(
            "update device set seen_at = $1 \
             where organisation = $2 and number = $3 and revoked_at is null and push_counter > $4",
        )
        .bind(now.0)
        .bind(&device.organisation.bytes()[..])
        .bind(i64::from(device.number.0))
        .bind(bits(push_counter))
        .execute(&mut *tx)
        .await?;
        if fell_back.rows_affected() == 0 {
            return Ok(None);
        }
        let copies: i64 =
            sqlx::query_scalar("select count(*) from device_copy where organisation = $1 and origin = $2")
                .bind(&device.organisation.bytes()[..])
                .bind(i64::from(device.origin.0))
                .fetch_one(&mut *tx)
                .await?;
        if copies >= i64::from(DEVICE_COPIES_MAX) {
            return Ok(None);
        }
        let number = add_device(&mut tx, device.organisation, device.venue, &device.name, token_hash, now).await?;
        sqlx::query("insert into device_copy (organisation, number, origin) values ($1, $2, $3)")
            .bind(&device.organisation.bytes()[..])
            .bind(i64::from(number.0))
            .bind(i64::from(device.origin.0))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Some(Device { number, ..device.clone() }))
    }

    async fn bearer(&self, token_hash: [u8; 32]) -> Result<Bearer, LedgerError> {
        let select = "select device.*, device_copy.origin from device left join device_copy \
                      on device_copy.organisation = device.organisation and device_copy.number = device.number \
                      where token_hash = $1";
        let row = sqlx::query(select).bind(&token_hash[..]).fetch_optional(&self.readers).await?;
        let Some(row) = row else { return Ok(Bearer::Unknown) };
        let number = device(&row, "number")?;
        let device = Device {
            organisation: OrganisationId::from_bytes(array(&row, "organisation")?),
            number,
            origin: origin(&row)?.unwrap_or(number),
            venue: VenueId::from_bytes(array(&row, "venue")?),
            name: row.try_get("name")?,
        };
        let is_revoked = row.try_get::<Option<i64>, _>("revoked_at")?.is_some();
        Ok(if is_revoked { Bearer::Revoked(device) } else { Bearer::Enrolled(device) })
    }

    async fn devices(&self, organisation: OrganisationId) -> Result<Vec<DeviceRow>, LedgerError> {
        let select = "select device.*, farewell.said_at, device_copy.origin, device_unsent.changes, device_unsent.told_at \
                      from device left join farewell \
                      on farewell.organisation = device.organisation and farewell.device = device.number \
                      left join device_copy \
                      on device_copy.organisation = device.organisation and device_copy.number = device.number \
                      left join device_unsent \
                      on device_unsent.organisation = device.organisation and device_unsent.device = device.number \
                      where device.organisation = $1 order by device.number";
        sqlx::query(select)
            .bind(&organisation.bytes()[..])
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                let wiped_at = row.try_get::<Option<i64>, _>("said_at")?.map(Millis);
                Ok(DeviceRow {
                    number: device(row, "number")?,
                    venue: VenueId::from_bytes(array(row, "venue")?),
                    name: row.try_get("name")?,
                    enrolled_at: Millis(row.try_get("enrolled_at")?),
                    seen_at: Millis(row.try_get("seen_at")?),
                    revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(Millis),
                    wiped_at,
                    copy_of: origin(row)?,
                    unsent: unsent(row)?.filter(|_| wiped_at.is_none()),
                })
            })
            .collect()
    }

    async fn note_contact(&self, device: &Device, told: Option<u32>, now: Millis) -> Result<(), LedgerError> {
        let (organisation, number) = (device.organisation.bytes(), i64::from(device.number.0));
        let noted = sqlx::query(
            "select device.seen_at, device_unsent.changes, device_unsent.told_at from device left join device_unsent \
             on device_unsent.organisation = device.organisation and device_unsent.device = device.number \
             where device.organisation = $1 and device.number = $2",
        )
        .bind(&organisation[..])
        .bind(number)
        .fetch_optional(&self.readers)
        .await?;
        let Some(noted) = noted else { return Ok(()) };
        let is_fresh = |at: Millis| now.since(at) < CONTACT_MS;
        let before = unsent(&noted)?;
        let is_told = |told| before.is_some_and(|before| before.changes == told && is_fresh(before.at));
        if is_fresh(Millis(noted.try_get("seen_at")?)) && told.is_none_or(is_told) {
            return Ok(());
        }
        let mut tx = self.write().await?;
        sqlx::query("update device set seen_at = $1 where organisation = $2 and number = $3 and seen_at < $1")
            .bind(now.0)
            .bind(&organisation[..])
            .bind(number)
            .execute(&mut *tx)
            .await?;
        if let Some(told) = told {
            sqlx::query(
                "insert into device_unsent (organisation, device, changes, told_at) values ($1, $2, $3, $4) \
                 on conflict (organisation, device) do update set changes = excluded.changes, told_at = excluded.told_at",
            )
            .bind(&organisation[..])
            .bind(number)
            .bind(i64::from(told))
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn revoke(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        now: Millis,
    ) -> Result<bool, LedgerError> {
        let mut tx = self.write().await?;
        let revoked = sqlx::query(
            "update device set revoked_at = $1 where organisation = $2 and number = $3 and revoked_at is null",
        )
        .bind(now.0)
        .bind(&organisation.bytes()[..])
        .bind(i64::from(device.0))
        .execute(&mut *tx)
        .await?;
        sqlx::query("delete from person_token where organisation = $1 and device = $2")
            .bind(&organisation.bytes()[..])
            .bind(i64::from(device.0))
            .execute(&mut *tx)
            .await?;
        drop_of_device(&mut tx, organisation, device).await?;
        tx.commit().await?;
        Ok(revoked.rows_affected() > 0)
    }

    async fn hand_in(
        &self,
        device: &Device,
        handed: &[Handed],
        is_all: bool,
        now: Millis,
    ) -> Result<Option<Kept>, LedgerError> {
        let mut tx = self.write().await?;
        let (organisation, number) = (device.organisation.bytes(), i64::from(device.number.0));
        for change in handed {
            sqlx::query(
                "insert into handed_in (organisation, device, change, author, sender, nonce, sealed, hash, handed_at) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (organisation, device, change) do nothing",
            )
            .bind(&organisation[..])
            .bind(number)
            .bind(&change.id.bytes()[..])
            .bind(&change.author.bytes()[..])
            .bind(&change.sender[..])
            .bind(&change.nonce[..])
            .bind(&change.sealed[..])
            .bind(&change.hash()[..])
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
        }
        let rows = sqlx::query(
            "select change, hash, length(sealed) as bytes from handed_in \
             where organisation = $1 and device = $2 order by change",
        )
        .bind(&organisation[..])
        .bind(number)
        .fetch_all(&mut *tx)
        .await?;
        let mut here = BTreeMap::new();
        let mut bytes = 0;
        for row in &rows {
            here.insert(ChangeId::from_bytes(array(row, "change")?), array(row, "hash")?);
            bytes += length(row)?;
        }
        if here.len() > HANDED_CHANGES_MAX || bytes > HANDED_BYTES_MAX {
            return Ok(None);
        }
        if is_all {
            let said = "insert into farewell (organisation, device, said_at) values ($1, $2, $3) \
                        on conflict (organisation, device) do nothing";
            sqlx::query(said).bind(&organisation[..]).bind(number).bind(now.0).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        let is_kept = |change: &&Handed| here.get(&change.id) == Some(&change.hash());
        Ok(Some(Kept {
            ids: handed.iter().filter(is_kept).map(|change| change.id).collect(),
            receipt: receipt(device.number, here.keys().copied()),
        }))
    }

    async fn handed_in(&self, organisation: OrganisationId) -> Result<Vec<HandedRow>, LedgerError> {
        let rows = sqlx::query("select * from handed_in where organisation = $1 order by device, change")
            .bind(&organisation.bytes()[..])
            .fetch_all(&self.readers)
            .await?;
        let handed = |row: &DbRow| {
            Ok(HandedRow {
                device: device(row, "device")?,
                change: Handed {
                    id: ChangeId::from_bytes(array(row, "change")?),
                    author: StaffId::from_bytes(array(row, "author")?),
                    sender: array(row, "sender")?,
                    nonce: array(row, "nonce")?,
                    sealed: row.try_get("sealed")?,
                },
                handed_at: Millis(row.try_get("handed_at")?),
                decided: row.try_get::<Option<i64>, _>("decided_at")?.is_some(),
            })
        };
        rows.iter().map(handed).collect()
    }

    async fn decide_handed_in(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        decided: &[(ChangeId, Option<u64>)],
        now: Millis,
    ) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        for (change, number) in decided {
            sqlx::query(
                "update handed_in set decided_at = $1, number = $2, sealed = $3 \
                 where organisation = $4 and device = $5 and change = $6 and decided_at is null",
            )
            .bind(now.0)
            .bind(number.map(bits))
            .bind(Vec::<u8>::new())
            .bind(&organisation.bytes()[..])
            .bind(i64::from(device.0))
            .bind(&change.bytes()[..])
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn keep_token(
        &self,
        organisation: OrganisationId,
        token_hash: [u8; 32],
        token: PersonToken,
        now: Millis,
    ) -> Result<(), LedgerError> {
        let mut tx = self.write().await?;
        sqlx::query("delete from person_token where organisation = $1 and expires_at <= $2")
            .bind(&organisation.bytes()[..])
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
        sqlx::query("insert into person_token values ($1, $2, $3, $4, $5)")
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
        let row = sqlx::query(
            "select staff, device, expires_at from person_token where organisation = $1 and token_hash = $2",
        )
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
        sqlx::query("delete from person_token where organisation = $1 and token_hash = $2")
            .bind(&organisation.bytes()[..])
            .bind(&hash[..])
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

/// Bytes of a value, whichever way the database counts them.
fn length(row: &DbRow) -> Result<usize, LedgerError> {
    let bytes = row.try_get::<i64, _>("bytes").or_else(|_| row.try_get::<i32, _>("bytes").map(i64::from))?;
    usize::try_from(bytes).map_err(|_| damaged("a length"))
}

async fn drop_tokens(tx: &mut DbConnection, organisation: OrganisationId, staff: StaffId) -> Result<(), LedgerError> {
    sqlx::query("delete from person_token where organisation = $1 and staff = $2")
        .bind(&organisation.bytes()[..])
        .bind(&staff.bytes()[..])
        .execute(tx)
        .await?;
    Ok(())
}
