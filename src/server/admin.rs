//! The administrator's commands. Each is done or says in one sentence why not, with nothing altered.

use std::path::Path;

use yingke_core::{
    audience::Role,
    id::{DeviceNumber, OrganisationId, StaffId, VenueId},
    time::{DAY_MS, Millis},
    wire::v1::{Staff, Venue, hex_text},
};

use crate::{
    house::House,
    keys::{self, Secrets, SystemChance},
    ledger::{
        LedgerError,
        sqlite::{OpenError, SqliteLedger},
    },
    register::Register,
    settings,
};

/// What the person at the command line reads.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("{0}")]
    Asked(String),
}

fn asked(sentence: impl Into<String>) -> AdminError {
    AdminError::Asked(sentence.into())
}

/// Letters of a name of a venue or person.
const NAME_MAX: usize = 40;
/// Venue parameters as the catalogue proposes them.
const LEASE_DAYS: u32 = 14;
const LOCK_MINUTES: u32 = 5;
const PACKS: [&str; 2] = ["fitness", "sports"];

/// A venue with the usual parameters.
#[must_use]
pub fn new_venue(id: VenueId, name: &str, pack: &str, utc_offset_minutes: i32) -> Venue {
    Venue {
        id,
        name: name.into(),
        pack: pack.into(),
        utc_offset_minutes,
        lease_days: LEASE_DAYS,
        lock_minutes: LOCK_MINUTES,
    }
}

/// A text that differs from every other ledger's.
#[must_use]
pub fn new_epoch() -> String {
    hex_text(&keys::random::<8>())
}

/// Makes a new organisation in a new database.
///
/// # Errors
/// [`AdminError`]
pub async fn init(folder: &Path, name: &str, now: Millis) -> Result<String, AdminError> {
    let name = name_of(name)?;
    let ledger = SqliteLedger::create(folder).await?;
    let id = OrganisationId::new(now, &mut SystemChance);
    ledger.found(id, &name, &new_epoch(), &Secrets::new()).await?;
    ledger.close().await;
    Ok(format!(
        "{name} is set up in {}.\nNext: yingke-server venue add, staff add, device code; then serve.\n",
        folder.display()
    ))
}

/// The one organisation of a database, and the database.
///
/// # Errors
/// [`AdminError`]
pub async fn open(folder: &Path) -> Result<(SqliteLedger, OrganisationId), AdminError> {
    let ledger = SqliteLedger::open(folder).await?;
    match ledger.organisations().await?[..] {
        [organisation] => Ok((ledger, organisation)),
        [] => Err(asked(format!("the database in {} holds no organisation; `init` did not finish", folder.display()))),
        _ => Err(asked("the database holds several organisations, and this command cannot choose")),
    }
}

/// # Errors
/// [`AdminError`]
pub async fn venue(command: settings::Venue, now: Millis) -> Result<String, AdminError> {
    match command {
        settings::Venue::Add { data, name, pack, utc_offset } => {
            let name = name_of(&name)?;
            if !PACKS.contains(&pack.as_str()) {
                return Err(asked(format!("there is no pack {pack}; there are {}", PACKS.join(", "))));
            }
            if !(-12 * 60..=14 * 60).contains(&utc_offset) {
                return Err(asked("clocks are between 720 minutes behind UTC and 840 ahead"));
            }
            let (ledger, organisation) = open(&data.folder).await?;
            let house = ledger.house(organisation).await?;
            if house.venues.values().any(|venue| venue.name == name) {
                return Err(asked(format!("there is a venue {name} already")));
            }
            let id = VenueId::new(now, &mut SystemChance);
            ledger.keep_venue(organisation, &new_venue(id, &name, &pack, utc_offset)).await?;
            ledger.close().await;
            Ok(format!("{name} {id}\n"))
        }
        settings::Venue::List { data } => {
            let (ledger, organisation) = open(&data.folder).await?;
            let house = ledger.house(organisation).await?;
            ledger.close().await;
            Ok(house.venues.values().map(|venue| format!("{} {} {}\n", venue.id, venue.pack, venue.name)).collect())
        }
    }
}

/// # Errors
/// [`AdminError`]
pub async fn staff(command: settings::Staff, now: Millis) -> Result<String, AdminError> {
    match command {
        settings::Staff::Add { data, name, role, venue, pin } => {
            let name = name_of(&name)?;
            let pin = pin_of(pin)?;
            let role = Role::from_key(&role).ok_or_else(|| {
                let keys: Vec<_> = Role::ALL.iter().map(|role| role.key()).collect();
                asked(format!("there is no role {role}; there are {}", keys.join(", ")))
            })?;
            let (ledger, organisation) = open(&data.folder).await?;
            let venue = venue_named(&ledger.house(organisation).await?, &venue)?;
            let id = StaffId::new(now, &mut SystemChance);
            let staff = Staff { id, name: name.clone(), role, venue, active: true };
            ledger.add_staff(organisation, &staff, &keys::pin_hash(&pin)).await?;
            ledger.close().await;
            Ok(format!("{name} {id}\nPIN {pin}\n"))
        }
        settings::Staff::List { data } => {
            let (ledger, organisation) = open(&data.folder).await?;
            let house = ledger.house(organisation).await?;
            ledger.close().await;
            let line = |staff: &Staff| {
                let venue = house.venues.get(&staff.venue).map_or("?", |venue| venue.name.as_str());
                let left = if staff.active { "" } else { " (left)" };
                format!("{} {} {} {venue}{left}\n", staff.id, staff.name, staff.role.key())
            };
            Ok(house.staff.values().map(line).collect())
        }
        settings::Staff::Disable { data, who } => {
            let (ledger, organisation) = open(&data.folder).await?;
            let house = ledger.house(organisation).await?;
            let staff = staff_named(&house, &who)?;
            ledger.disable_staff(organisation, staff.id).await?;
            ledger.close().await;
            Ok(format!("{} can no longer sign in.\n", staff.name))
        }
        settings::Staff::ResetPin { data, who, pin } => {
            let pin = pin_of(pin)?;
            let (ledger, organisation) = open(&data.folder).await?;
            let house = ledger.house(organisation).await?;
            let staff = staff_named(&house, &who)?;
            ledger.set_pin(organisation, staff.id, &keys::pin_hash(&pin)).await?;
            ledger.close().await;
            Ok(format!("{}\nPIN {pin}\n", staff.name))
        }
    }
}

/// # Errors
/// [`AdminError`]
pub async fn device(command: settings::Device, now: Millis) -> Result<String, AdminError> {
    match command {
        settings::Device::Code { data, venue, uses, days } => {
            let (ledger, organisation) = open(&data.folder).await?;
            let id = venue_named(&ledger.house(organisation).await?, &venue)?;
            let code = keys::new_code();
            let expires_at = now.plus(i64::from(days) * DAY_MS);
            ledger.add_code(organisation, id, keys::code_hash(&code), uses, expires_at).await?;
            ledger.close().await;
            Ok(format!("{} {}\n{venue}, {uses} tablets, {days} days\n", &code[..4], &code[4..]))
        }
        settings::Device::List { data } => {
            let (ledger, organisation) = open(&data.folder).await?;
            let (house, devices) = (ledger.house(organisation).await?, ledger.devices(organisation).await?);
            ledger.close().await;
            let line = |device: &crate::register::DeviceRow| {
                let venue = house.venues.get(&device.venue);
                let offset = venue.map_or(0, |venue| venue.utc_offset_minutes);
                let when = |at: Millis| {
                    let (hour, minute) = at.hour_minute(offset);
                    format!("{} {hour:02}:{minute:02}", at.day(offset))
                };
                let revoked = device.revoked_at.map_or(String::new(), |at| format!(", revoked {}", when(at)));
                let venue = venue.map_or("?", |venue| venue.name.as_str());
                format!("{} {} {venue}, last seen {}{revoked}\n", device.number.0, device.name, when(device.seen_at))
            };
            Ok(devices.iter().map(line).collect())
        }
        settings::Device::Revoke { data, number } => {
            let (ledger, organisation) = open(&data.folder).await?;
            let revoked = ledger.revoke(organisation, DeviceNumber(number), now).await?;
            ledger.close().await;
            if revoked {
                Ok(format!("device {number} is shut out.\n"))
            } else {
                Err(asked(format!("there is no device {number}, or it was revoked before")))
            }
        }
    }
}

fn name_of(typed: &str) -> Result<String, AdminError> {
    let name = typed.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(asked(format!("a name has 1 to {NAME_MAX} letters")));
    }
    Ok(name.into())
}

fn pin_of(given: Option<String>) -> Result<String, AdminError> {
    match given {
        None => Ok(keys::new_pin()),
        Some(pin) if keys::is_pin(&pin) => Ok(pin),
        Some(_) => Err(asked("a PIN has six digits, not all the same")),
    }
}

fn venue_named(house: &House, name: &str) -> Result<VenueId, AdminError> {
    let found = house.venues.values().find(|venue| venue.name == name.trim() || venue.id.to_string() == name);
    found
        .map(|venue| venue.id)
        .ok_or_else(|| asked(format!("there is no venue {name}; `venue list` says which there are")))
}

fn staff_named<'a>(house: &'a House, who: &str) -> Result<&'a Staff, AdminError> {
    let mut found = house.staff.values().filter(|staff| staff.name == who.trim() || staff.id.to_string() == who);
    match (found.next(), found.next()) {
        (Some(staff), None) => Ok(staff),
        (Some(_), Some(_)) => Err(asked(format!("there are several people called {who}; say the id (`staff list`)"))),
        (None, _) => Err(asked(format!("nobody here is called {who}; `staff list` says who is"))),
    }
}
