//! The administrator's commands. Each is done or says in one sentence why not, with nothing altered.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use yingke_core::{
    audience::Role,
    id::{DeviceNumber, OrganisationId, StaffId, VenueId},
    time::{DAY_MS, Millis},
    wire::v1::{Staff, Venue, hex_text},
};

use crate::{
    authority,
    backup::{self, BackupError},
    dossier,
    erase::{self, EraseError, Reach},
    export, handed_in,
    house::House,
    import,
    keys::{self, Secrets, SystemChance},
    ledger::{Database, LedgerError, OpenError, postgres::PostgresLedger, sqlite::SqliteLedger},
    pack_check::{self, Written},
    packs::{self, InForce, Published},
    register::DeviceRow,
    retention::{self, Period, Schedule},
    settings::{self, Data, Sealed},
    verify,
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
pub const NAME_MAX: usize = 40;
/// Venue parameters as the catalogue proposes them; `venue set` sets others.
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
pub async fn init(data: &Data, name: &str, now: Millis) -> Result<String, AdminError> {
    let name = name_of(name)?;
    let ledger = empty(data).await?;
    let id = OrganisationId::new(now, &mut SystemChance);
    ledger.found(id, &name, &new_epoch(), &Secrets::new()).await?;
    ledger.close().await;
    Ok(format!(
        "{name} is set up in {}.\nNext: yingke-server venue add, staff add, device code; then serve.\n",
        place(data)
    ))
}

/// Where the database is, for people to read.
#[must_use]
pub fn place(data: &Data) -> String {
    if data.database.is_some() { "PostgreSQL".into() } else { data.folder.display().to_string() }
}

/// Makes a new, empty database.
///
/// # Errors
/// [`OpenError`]: when there is one already, or it cannot be written.
pub async fn create(data: &Data) -> Result<Arc<dyn Database>, OpenError> {
    Ok(match &data.database {
        Some(url) => Arc::new(PostgresLedger::create(url).await?),
        None => Arc::new(SqliteLedger::create(&data.folder).await?),
    })
}

/// A database that holds nothing: a new one, or one that was begun and never came to hold anything.
async fn empty(data: &Data) -> Result<Arc<dyn Database>, AdminError> {
    match create(data).await {
        Err(OpenError::Exists(place)) => {
            let ledger = connect(data).await?;
            if !ledger.organisations().await?.is_empty() {
                ledger.close().await;
                return Err(OpenError::Exists(place).into());
            }
            Ok(ledger)
        }
        created => Ok(created?),
    }
}

async fn connect(data: &Data) -> Result<Arc<dyn Database>, OpenError> {
    Ok(match &data.database {
        Some(url) => Arc::new(PostgresLedger::open(url).await?),
        None => Arc::new(SqliteLedger::open(&data.folder).await?),
    })
}

/// The one organisation of a database, and the database.
///
/// # Errors
/// [`AdminError`]
pub async fn open(data: &Data) -> Result<(Arc<dyn Database>, OrganisationId), AdminError> {
    let ledger = connect(data).await?;
    match ledger.organisations().await?[..] {
        [organisation] => Ok((ledger, organisation)),
        [] => Err(asked(format!(
            "the database in {} holds no organisation; `init` or `restore` did not finish: do it again",
            place(data)
        ))),
        _ => Err(asked("the database holds several organisations, and this command cannot choose")),
    }
}

/// Checks packs, and puts them into force.
///
/// # Errors
/// [`AdminError`]
pub async fn pack(command: settings::Pack, now: Millis) -> Result<String, AdminError> {
    match command {
        settings::Pack::Check { file, data: None, database: None } => pack_check::check(&file),
        settings::Pack::Check { file, data, database } => {
            let data = Data { folder: data.unwrap_or_default(), database };
            let (ledger, organisation) = open(&data).await?;
            let written = newer_pack(&*ledger, organisation, &file).await?;
            ledger.close().await;
            Ok(format!("{}: no fault; {}\n", file.display(), pack_check::counted(&written.pack)))
        }
        settings::Pack::List { data } => Ok(packs::told(&published_packs(&data).await?)),
        settings::Pack::Show { data, key, shipped } => {
            let published = if shipped { Vec::new() } else { published_packs(&data).await? };
            let sources = packs::sources(&published);
            let keys = sources.keys().collect::<Vec<_>>().join(", ");
            sources
                .get(&key)
                .map(str::to_owned)
                .ok_or_else(|| asked(format!("there is no pack {key}; there are {keys}")))
        }
        settings::Pack::Publish { data, file } => {
            let (ledger, organisation) = open(&data).await?;
            let written = newer_pack(&*ledger, organisation, &file).await?;
            let is_newer = ledger.publish_pack(organisation, &written, now).await?;
            ledger.close().await;
            if !is_newer {
                return Err(asked("somebody else has just published this pack; see `pack list` and do it again"));
            }
            Ok(format!(
                "{}.\nIn force from now on; tablets take it with their next sync.\n",
                pack_check::counted(&written.pack)
            ))
        }
    }
}

async fn published_packs(data: &Data) -> Result<Vec<Published>, AdminError> {
    let (ledger, organisation) = open(data).await?;
    let published = ledger.published_packs(organisation).await?;
    ledger.close().await;
    Ok(published)
}

/// What a file says, if it can come into force after all that was published.
async fn newer_pack(ledger: &dyn Database, organisation: OrganisationId, file: &Path) -> Result<Written, AdminError> {
    let published = ledger.published_packs(organisation).await?;
    let in_force = InForce::of(&published);
    pack_check::read(file, |text| packs::sources(&published).newer(text, in_force.editions()))
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
            let (ledger, organisation) = open(&data).await?;
            let house = ledger.house(organisation).await?;
            if house.venues.values().any(|venue| venue.name == name) {
                return Err(asked(format!("there is a venue {name} already")));
            }
            let id = VenueId::new(now, &mut SystemChance);
            ledger.keep_venue(organisation, &new_venue(id, &name, &pack, utc_offset)).await?;
            ledger.close().await;
            Ok(format!("{name} {id}\n"))
        }
        settings::Venue::Set { data, name, idle_minutes, lease_days } => {
            if idle_minutes.or(lease_days).is_none() {
                return Err(asked("say what to set: --idle-minutes, --lease-days, or both"));
            }
            let (ledger, organisation) = open(&data).await?;
            let house = ledger.house(organisation).await?;
            let before = &house.venues[&venue_named(&house, &name)?];
            let venue = Venue {
                lock_minutes: idle_minutes.unwrap_or(before.lock_minutes),
                lease_days: lease_days.unwrap_or(before.lease_days),
                ..before.clone()
            };
            ledger.keep_venue(organisation, &venue).await?;
            ledger.close().await;
            Ok(format!("{}: {}, from the next contact of each tablet on.\n", venue.name, tablets_of(&venue)))
        }
        settings::Venue::List { data } => {
            let (ledger, organisation) = open(&data).await?;
            let house = ledger.house(organisation).await?;
            ledger.close().await;
            let line = |venue: &Venue| format!("{} {} {}, {}\n", venue.id, venue.pack, venue.name, tablets_of(venue));
            Ok(house.venues.values().map(line).collect())
        }
    }
}

/// What a venue's tablets go by.
fn tablets_of(venue: &Venue) -> String {
    let (minutes, days) = (many(venue.lock_minutes as usize, "minute"), many(venue.lease_days as usize, "day"));
    format!("tablets lock after {minutes} without a touch and show no records after {days} without contact")
}

/// # Errors
/// [`AdminError`]
pub async fn staff(command: settings::Staff, now: Millis) -> Result<String, AdminError> {
    match command {
        settings::Staff::Add { data, name, role, venue, pin } => {
            let name = name_of(&name)?;
            let pin = pin_of(pin)?;
            let role = role_of(&role)?;
            let (ledger, organisation) = open(&data).await?;
            let house = ledger.house(organisation).await?;
            let venue = venue_named(&house, &venue)?;
            let namesake = house.staff.values().any(|staff| staff.active && staff.name == name);
            let id = StaffId::new(now, &mut SystemChance);
            let staff = Staff { id, name: name.clone(), role, venue, active: true };
            ledger.add_staff(organisation, &staff, &keys::pin_hash(&pin)).await?;
            ledger.close().await;
            let told = format!("{name} {id}\nPIN {pin}\n");
            Ok(if namesake { format!("{told}There is another {name}: commands ask for the id now.\n") } else { told })
        }
        settings::Staff::List { data } => {
            let (ledger, organisation) = open(&data).await?;
            let house = ledger.house(organisation).await?;
            ledger.close().await;
            let line = |staff: &Staff| {
                let venue = house.venues.get(&staff.venue).map_or("?", |venue| venue.name.as_str());
                let left = if staff.active { "" } else { " (left)" };
                format!("{} {} {} {venue}{left}\n", staff.id, staff.name, staff.role.key())
            };
            Ok(house.staff.values().map(line).collect())
        }
        settings::Staff::Roles => Ok(Role::ALL.iter().map(|role| format!("{}\n", role.key())).collect()),
        settings::Staff::Role { data, who, role, venue } => {
            let role = role.as_deref().map(role_of).transpose()?;
            let (ledger, organisation) = open(&data).await?;
            let house = ledger.house(organisation).await?;
            let staff = at_work(staff_named(&house, &who)?)?;
            let venue = venue.as_deref().map(|venue| venue_named(&house, venue)).transpose()?;
            let after =
                Staff { role: role.unwrap_or(staff.role), venue: venue.unwrap_or(staff.venue), ..staff.clone() };
            if after == *staff {
                return Err(asked(format!("{} is that already; say another --role or --venue", staff.name)));
            }
            ledger.change_staff(organisation, &after, now).await?;
            ledger.close().await;
            Ok(format!("{} is {} from now on, and signs in again.\n", after.name, after.role.key()))
        }
        settings::Staff::Disable { data, who } => {
            let (ledger, organisation) = open(&data).await?;
            let house = ledger.house(organisation).await?;
            let staff = staff_named(&house, &who)?;
            ledger.disable_staff(organisation, staff.id, now).await?;
            ledger.close().await;
            Ok(format!("{} can no longer sign in.\n", staff.name))
        }
        settings::Staff::Enable { data, who, pin } => {
            let pin = pin_of(pin)?;
            let (ledger, organisation) = open(&data).await?;
            let house = ledger.house(organisation).await?;
            let staff = staff_named(&house, &who)?;
            if staff.active {
                return Err(asked(format!("{} works here; `staff reset-pin` gives another PIN", staff.name)));
            }
            ledger.enable_staff(organisation, staff.id, &keys::pin_hash(&pin), now).await?;
            ledger.close().await;
            Ok(format!("{} can sign in again, as {}.\nPIN {pin}\n", staff.name, staff.role.key()))
        }
        settings::Staff::ResetPin { data, who, pin } => {
            let pin = pin_of(pin)?;
            let (ledger, organisation) = open(&data).await?;
            let house = ledger.house(organisation).await?;
            let staff = at_work(staff_named(&house, &who)?)?;
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
            let (ledger, organisation) = open(&data).await?;
            let id = venue_named(&ledger.house(organisation).await?, &venue)?;
            let code = keys::new_code();
            let expires_at = now.plus(i64::from(days) * DAY_MS);
            ledger.add_code(organisation, id, keys::code_hash(&code), uses, expires_at).await?;
            ledger.close().await;
            let (tablets, days) = (many(uses as usize, "tablet"), many(days as usize, "day"));
            Ok(format!("{} {}\n{venue}, {tablets}, {days}\n", &code[..4], &code[4..]))
        }
        settings::Device::List { data } => {
            let (ledger, organisation) = open(&data).await?;
            let (house, devices) = (ledger.house(organisation).await?, ledger.devices(organisation).await?);
            ledger.close().await;
            let line = |device: &crate::register::DeviceRow| {
                let venue = house.venues.get(&device.venue);
                let offset = venue.map_or(0, |venue| venue.utc_offset_minutes);
                let when = |at: Millis| {
                    let (hour, minute) = at.hour_minute(offset);
                    format!("{} {hour:02}:{minute:02}", at.day(offset))
                };
                let wiped = device.wiped_at.map_or(", not wiped yet".into(), |at| format!(", wiped {}", when(at)));
                let revoked = device.revoked_at.map_or(String::new(), |at| format!(", revoked {}{wiped}", when(at)));
                let venue = venue.map_or("?", |venue| venue.name.as_str());
                let copy = device.copy_of.map_or(String::new(), |origin| format!(", a copy of {}", origin.0));
                let unsent = device.unsent.map_or(String::new(), |unsent| {
                    format!(", at least {} unsent at {}", unsent.changes, when(unsent.at))
                });
                let (number, seen) = (device.number.0, when(device.seen_at));
                format!("{number} {} {venue}{copy}, last seen {seen}{unsent}{revoked}\n", device.name)
            };
            Ok(devices.iter().map(line).collect())
        }
        settings::Device::Revoke { data, number } => {
            let (ledger, organisation) = open(&data).await?;
            let revoked = ledger.revoke(organisation, DeviceNumber(number), now).await?;
            let devices = if revoked { Vec::new() } else { ledger.devices(organisation).await? };
            ledger.close().await;
            if revoked {
                Ok(format!(
                    "device {number} is shut out. At its next contact it hands in what it holds unsent and wipes itself: \
                     `device handed-in` says so.\n"
                ))
            } else if devices.iter().any(|device| device.number.0 == number) {
                Err(asked(format!("device {number} was revoked before")))
            } else {
                Err(asked(format!("there is no device {number}; `device list` says which there are")))
            }
        }
        settings::Device::HandedIn { data } => {
            let (ledger, organisation) = open(&data).await?;
            let told = handed_in::list(&*ledger, &ledger.house(organisation).await?).await?;
            ledger.close().await;
            Ok(told)
        }
        settings::Device::TakeIn { data, number, write } => {
            let (ledger, organisation) = open(&data).await?;
            let device = revoked(&*ledger, organisation, number).await?;
            let told = handed_in::take_in(&*ledger, &ledger.house(organisation).await?, device, write, now).await?;
            ledger.close().await;
            Ok(told)
        }
        settings::Device::Discard { data, number, write } => {
            let (ledger, organisation) = open(&data).await?;
            let device = revoked(&*ledger, organisation, number).await?;
            let told = handed_in::discard(&*ledger, &ledger.house(organisation).await?, device, write, now).await?;
            ledger.close().await;
            Ok(told)
        }
    }
}

/// A tablet that was revoked, by its number.
async fn revoked(ledger: &dyn Database, organisation: OrganisationId, number: u32) -> Result<DeviceNumber, AdminError> {
    let devices = ledger.devices(organisation).await?;
    let found = devices.iter().find(|device| device.number.0 == number && device.revoked_at.is_some());
    found.map(|device| device.number).ok_or_else(|| asked(format!("there is no device {number} that was revoked")))
}

/// A private authority and a certificate of it, in the data folder.
///
/// # Errors
/// [`AdminError`]
pub async fn ca(data: &Data, hosts: &[String], install_port: u16, now: Millis) -> Result<String, AdminError> {
    let (ledger, organisation) = open(data).await?;
    let name = ledger.house(organisation).await?.name;
    ledger.close().await;
    let made = authority::make(&data.folder, &name, hosts, now).map_err(|error| asked(error.to_string()))?;
    made.told(&data.folder, hosts, install_port).map_err(|error| asked(error.to_string()))
}

/// # Errors
/// [`AdminError`]; nothing was written then.
pub async fn import(
    data: &Data,
    wish: &import::Wish<'_>,
    venue: &str,
    author: &str,
    write: bool,
    now: Millis,
) -> Result<String, AdminError> {
    let failed = |error: import::ImportError| asked(format!("{}: {error}", wish.file.display()));
    let (ledger, organisation) = open(data).await?;
    let house = ledger.house(organisation).await?;
    let venue = &house.venues[&venue_named(&house, venue)?];
    let author = at_work(staff_named(&house, author)?)?;
    let plan =
        import::plan(&*ledger, import::Into { house: &house, author, venue }, wish, now).await.map_err(failed)?;
    let (mut told, people) = (plan.told.clone(), plan.changes.len());
    let end = match (plan.faults, write) {
        (0, true) => {
            let count = import::write(&*ledger, &house, plan, now).await.map_err(failed)?;
            Ok(format!("{} brought in.\n", many(count, "guest")))
        }
        (0, false) => Ok(format!("{} would come in. Nothing was written yet: say --write.\n", many(people, "guest"))),
        (faults, _) => Err(format!("{}, and nothing was written.", many(faults, "fault"))),
    };
    ledger.close().await;
    match end {
        Ok(end) => {
            told += &end;
            Ok(told)
        }
        Err(end) => Err(asked(format!("{told}{end}"))),
    }
}

/// Takes away what was begun of a new file that could not be written to its end: half of it looks like all of it.
async fn whole<T, E>(file: &Path, writing: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let was_there = file.exists();
    let written = writing.await;
    if written.is_err() && !was_there {
        let _ = fs::remove_file(file);
    }
    written
}

/// # Errors
/// [`AdminError`]
pub async fn export(data: &Data, kind: &str, file: &Path) -> Result<String, AdminError> {
    let (ledger, organisation) = open(data).await?;
    let house = ledger.house(organisation).await?;
    let count = whole(file, export::run(&*ledger, &house, kind, file)).await;
    ledger.close().await;
    let count = count.map_err(|error| asked(format!("{}: {error}", file.display())))?;
    Ok(format!("{} holds {count} records.\n", file.display()))
}

/// # Errors
/// [`AdminError`]; nothing was altered then.
pub async fn erase(data: &Data, person: &str, author: &str, write: bool, now: Millis) -> Result<String, AdminError> {
    let failed = |error: EraseError| asked(error.to_string());
    let (ledger, organisation) = open(data).await?;
    let by = at_work(staff_named(&ledger.house(organisation).await?, author)?)?.id;
    let found = erase::find(&*ledger, organisation, person).await.map_err(failed)?;
    let plan = erase::plan(&*ledger, organisation, found.id).await?;
    let mut told = format!("{}: {}\n", if write { "Emptied" } else { "Would be emptied" }, counted(&plan.going));
    if !plan.kept.is_empty() {
        told += &format!("Stays, because law keeps it for ten years: {}\n", counted(&plan.kept));
    }
    if write {
        erase::note(&data.folder, organisation, [(found.id, Reach::About)], by, now).map_err(failed)?;
        let changes = ledger.erase(organisation, &plan.records, &new_epoch(), now).await?;
        told += &format!(
            "{changes} changes say nothing of them any more.\nKeep {} apart from the backups, \
             and let it lie in the data folder when one is restored. Backups from before still hold this person.\n",
            data.folder.join(erase::LIST).display()
        );
    } else {
        told += "Nothing was emptied yet: say --write.\n";
    }
    ledger.close().await;
    Ok(told)
}

/// # Errors
/// [`AdminError`]; no file was written then.
pub async fn person(data: &Data, person: &str, file: &Path) -> Result<String, AdminError> {
    let (ledger, organisation) = open(data).await?;
    let house = ledger.house(organisation).await?;
    let written = whole(file, dossier::write(&*ledger, &house, person, file)).await;
    ledger.close().await;
    let written = written.map_err(|error| asked(format!("{}: {error}", file.display())))?;
    let mut told =
        format!("{} holds {} records, open: whoever has the file can read it.\n", file.display(), written.records);
    if written.pictures > 0 {
        told += &format!("{} pictures are named in it and not in it.\n", written.pictures);
    }
    Ok(told)
}

fn counted(counts: &BTreeMap<String, usize>) -> String {
    counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

/// Says what has been here for longer than the schedule allows, and empties it for `author`.
///
/// # Errors
/// [`AdminError`]; nothing was altered then.
pub async fn retention(data: &Data, set: &[Period], author: Option<&str>, now: Millis) -> Result<String, AdminError> {
    let (ledger, organisation) = open(data).await?;
    let by = match author {
        Some(author) => Some(at_work(staff_named(&ledger.house(organisation).await?, author)?)?.id),
        None => None,
    };
    let records = erase::all(&*ledger, organisation, None).await?;
    let over = retention::over(&records, &Schedule::with(set), now.day(0));
    let mut told = String::new();
    for (line, found) in &over.lines {
        let mut kinds = BTreeMap::new();
        for record in records.iter().filter(|record| found.all.contains(&record.id)) {
            *kinds.entry(record.kind().to_string()).or_insert(0) += 1;
        }
        told += &format!("{}: {}\n", line.word(), counted(&kinds));
    }
    let gone = over.records();
    if gone.is_empty() {
        told += "Nothing has been here for longer than the schedule allows.\n";
    } else if let Some(by) = by {
        let failed = |error: EraseError| asked(error.to_string());
        erase::note(&data.folder, organisation, over.noted(), by, now).map_err(failed)?;
        let changes = ledger.erase(organisation, &gone, &new_epoch(), now).await?;
        told += &format!(
            "{changes} changes say nothing of them any more. Keep {} apart from the backups; backups from before still \
             hold them.\n",
            data.folder.join(erase::LIST).display()
        );
    } else {
        told += "Nothing was emptied yet: say --write --as STAFF.\n";
    }
    ledger.close().await;
    Ok(told)
}

/// Letters of a passphrase: shorter ones are guessed.
const PASSPHRASE_MIN: usize = 12;

/// # Errors
/// [`AdminError`]; no file is left then.
pub async fn backup(data: &Data, file: &Path, sealed: &Sealed) -> Result<String, AdminError> {
    let passphrase = passphrase(sealed)?;
    if file.exists() {
        return Err(asked(format!("{} is there already, and a backup overwrites nothing", file.display())));
    }
    let (ledger, _) = open(data).await?;
    // It has its name only once it is complete.
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let unwritten = |error: BackupError| asked(format!("{} cannot be written: {error}", file.display()));
    let written = async {
        let mut writer = backup::Writer::create(&partial, passphrase.as_deref()).map_err(unwritten)?;
        let mut fault = None;
        let mut take = |row| {
            writer.write(&row).map_err(|error| {
                fault = Some(error);
                LedgerError::Later { detail: "the backup is not taken".into() }
            })
        };
        let read = ledger.read_all(&mut take).await;
        if let Some(fault) = fault {
            return Err(unwritten(fault));
        }
        read?;
        let rows = writer.finish().map_err(unwritten)?;
        fs::rename(&partial, file).map_err(|error| unwritten(error.into()))?;
        Ok(rows)
    };
    let written = written.await;
    ledger.close().await;
    match written {
        Ok(rows) => {
            let how = if passphrase.is_some() { "sealed" } else { "open: whoever has the file can read it" };
            let mut told = format!("{} holds {rows} rows, {how}.\n", file.display());
            let beside: Vec<String> = BESIDE
                .iter()
                .map(|name| data.folder.join(name))
                .filter(|path| path.exists())
                .map(|path| path.display().to_string())
                .collect();
            if !beside.is_empty() {
                told += &format!("Not in it, to be kept apart from it: {}\n", beside.join(", "));
            }
            Ok(told)
        }
        Err(error) => {
            // What is left says nothing that the error does not.
            let _ = fs::remove_file(&partial);
            Err(error)
        }
    }
}

/// What lies in the data folder beside the database and is in no backup: who was erased, a private authority.
const BESIDE: [&str; 2] = [erase::LIST, authority::FOLDER];

/// Reads the backup to its end before anything is altered.
///
/// # Errors
/// [`AdminError`]; the database is as it was.
pub async fn restore(
    data: &Data,
    file: &Path,
    sealed: &Sealed,
    replace: bool,
    now: Millis,
) -> Result<String, AdminError> {
    let passphrase = passphrase(sealed)?;
    let unread = |error: BackupError| asked(format!("{}: {error}", file.display()));
    let reader = || backup::Reader::open(file, passphrase.as_deref()).map_err(unread);
    let mut whole = reader()?;
    let mut rows = 0_u64;
    while whole.read().map_err(unread)?.is_some() {
        rows += 1;
    }
    let (ledger, before) = if replace {
        let ledger = connect(data).await?;
        let mut before = Vec::new();
        for organisation in ledger.organisations().await? {
            before.push((ledger.house(organisation).await?, ledger.devices(organisation).await?));
        }
        (ledger, before)
    } else {
        let ledger = empty(data).await.map_err(|error| match error {
            AdminError::Open(OpenError::Exists(place)) => {
                asked(format!("there is a database in {place} already; --replace gives up what it holds"))
            }
            error => error,
        })?;
        (ledger, Vec::new())
    };
    let mut again = reader()?;
    let mut iterator = std::iter::from_fn(|| again.read().transpose())
        .map(|row| row.map_err(|error| LedgerError::Later { detail: error.to_string() }));
    let epoch = new_epoch();
    ledger.replace_all(&mut iterator, &epoch, now).await?;
    let mut told = format!("{rows} rows are back, under a new epoch: tablets read it from its start.\n");
    for (house, devices) in &before {
        told += &shut_out_again(&*ledger, house, devices, now).await?;
    }
    told += "Posts, PINs, and who is shut out besides, are as they were when the copy was made: \
             look at `staff list` and `device list`.\n";
    let list = data.folder.join(erase::LIST);
    if !list.exists() {
        told += &format!(
            "{} is not there. If somebody was erased since the copy was made, put the list there and restore once more \
             with --replace.\n",
            list.display()
        );
    }
    for organisation in ledger.organisations().await? {
        let erased = erase::replay(&*ledger, organisation, &data.folder, &epoch, now).await;
        match erased.map_err(|error| asked(format!("{told}but nobody who was erased is gone again: {error}")))? {
            noted if noted == erase::Noted::default() => {}
            noted => {
                told += &format!("{} people who were erased are gone again", noted.about.len());
                let alone = noted.alone.len();
                told += &if alone > 0 { format!(", and {alone} records whose time was over.\n") } else { ".\n".into() };
            }
        }
        let findings = verify::with_pictures(&*ledger, organisation).await?;
        told += &findings.to_string();
        if !findings.faults.is_empty() {
            return Err(asked(told.trim_end()));
        }
    }
    ledger.close().await;
    Ok(told)
}

/// An older copy knows nothing of who was shut out since: who was, stays so.
async fn shut_out_again(
    ledger: &dyn Database,
    house: &House,
    devices: &[DeviceRow],
    now: Millis,
) -> Result<String, AdminError> {
    let organisation = house.organisation;
    if !ledger.organisations().await?.contains(&organisation) {
        return Ok(String::new());
    }
    let (mut tablets, mut people) = (0, 0);
    for device in devices.iter().filter(|device| device.revoked_at.is_some()) {
        tablets += usize::from(ledger.revoke(organisation, device.number, now).await?);
    }
    let restored = ledger.house(organisation).await?;
    for staff in house.staff.values().filter(|staff| !staff.active) {
        if restored.active(staff.id).is_some() {
            ledger.disable_staff(organisation, staff.id, now).await?;
            people += 1;
        }
    }
    Ok(match (tablets, people) {
        (0, 0) => String::new(),
        (tablets, people) => format!(
            "{} and {} who had been shut out since the copy was made still are.\n",
            many(tablets, "tablet"),
            if people == 1 { "1 person".into() } else { format!("{people} people") }
        ),
    })
}

/// `1 tablet`, `2 tablets`.
fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Somebody who still works here.
fn at_work(staff: &Staff) -> Result<&Staff, AdminError> {
    if staff.active {
        Ok(staff)
    } else {
        Err(asked(format!("{} no longer works here; `staff enable` lets them in again", staff.name)))
    }
}

fn passphrase(sealed: &Sealed) -> Result<Option<String>, AdminError> {
    let Some(file) = &sealed.passphrase_file else { return Ok(None) };
    let text = fs::read_to_string(file)
        .map_err(|error| asked(format!("the passphrase in {} cannot be read: {error}", file.display())))?;
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() < PASSPHRASE_MIN {
        return Err(asked(format!("a passphrase has {PASSPHRASE_MIN} letters or more")));
    }
    Ok(Some(line.into()))
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
        Some(pin) if keys::is_pin_or_passphrase(&pin) => Ok(pin),
        Some(_) => Err(asked(
            "a PIN has six digits, not all the same and not in a row; a passphrase has 12 to 128 characters, five of them different",
        )),
    }
}

fn role_of(key: &str) -> Result<Role, AdminError> {
    Role::from_key(key).ok_or_else(|| asked(format!("there is no role {key}; `staff roles` says which there are")))
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
