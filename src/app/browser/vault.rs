//! Where the keys live: whose unlock opens what, on this tablet.
//!
//! In clear lie the tablet's own credential (it pushes and is hinted, nothing else), the names for the lock screen and
//! the organisation's recovery key. Everything of a person, the keys of their audiences and their token, is sealed
//! under a key that only their PIN gives. A PIN protects against people at the desk; against a copied profile only a
//! long passphrase does.

mod letters;
mod passkey;

pub use letters::Letter;
pub(super) use letters::{BOX_ROWS, LETTER_ROWS};
pub use passkey::Passkey;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use futures::future::{LocalBoxFuture, try_join_all};
use serde::{Deserialize, Serialize};
use yingke_core::{
    audience::Audience,
    id::{DeviceNumber, OrganisationId, StaffId, VenueId},
    journal::AppendError,
    time::{MINUTE_MS, Millis, SECOND_MS},
    wire::v1::{Directory, Enrolled, Me, PublishedPacks, SignedIn, base64_bytes, base64_text},
};

use super::{
    chance, clock,
    copy::Owner,
    idb::{Database, META, Range},
    journal::NUMBERS_ROW,
    pass::Passes,
    rows::Sealed,
    seal::{Key, Recovery, SealError, forget},
    unlock::{self, Hardness},
    worker::WorkerError,
};

/// The tablet, as it was enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFacts {
    pub number: DeviceNumber,
    pub venue: VenueId,
    pub name: String,
}

/// The same with its credential, as it lies in the database: in clear.
#[derive(Clone, Serialize, Deserialize)]
struct DeviceRow {
    device: DeviceNumber,
    venue: VenueId,
    name: String,
    token: String,
    /// An uncompressed P-256 point, base 64.
    recovery_key: String,
}

impl DeviceRow {
    fn facts(&self) -> DeviceFacts {
        DeviceFacts { number: self.device, venue: self.venue, name: self.name.clone() }
    }
}

/// How long to wait before the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PinWait {
    /// 0 for not at all.
    pub wait_ms: i64,
    /// Wrong PINs since the last right one.
    pub failures: u32,
}

/// Why somebody is not unlocked. The variant says what can be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnlockError {
    /// Another PIN, or too early after wrong ones: not to be tried again before `wait_ms`.
    #[error("wrong PIN")]
    Wrong { wait_ms: i64 },
    /// Their passkey does not give what their PIN gives now, and is dropped: type the PIN, and set it up again.
    #[error("the passkey opens nothing any more")]
    PasskeyOver,
    /// Not unlocked on this tablet yet, or their keys are damaged: sign in with the endpoint in reach.
    #[error("not known on this tablet")]
    Unknown,
    /// The count of tries or the keys could not be read or kept.
    #[error(transparent)]
    Storage(#[from] AppendError),
    /// The browser could not reckon: open the page again; after an update of the app, update it here.
    #[error("not unlocked: {detail}")]
    Failed { detail: String },
}

impl From<WorkerError> for UnlockError {
    fn from(error: WorkerError) -> Self {
        Self::Failed { detail: error.to_string() }
    }
}

impl From<SealError> for UnlockError {
    fn from(error: SealError) -> Self {
        Self::Failed { detail: error.to_string() }
    }
}

/// Reckons the key that a PIN gives; the app's is [`unlock::derive`].
pub type Derive = Rc<dyn Fn(Vec<u8>, Vec<u8>, Hardness) -> LocalBoxFuture<'static, Result<Vec<u8>, WorkerError>>>;

/// What one person's unlock opened. Dropped with the lock.
pub(super) struct Session {
    pub staff: StaffId,
    pub keys: RefCell<BTreeMap<Audience, Key>>,
    pub own_key: Key,
    /// `None` where the sign-in was with an endpoint of before there were passes.
    passes: Option<Rc<Passes>>,
    wrapping_key: Key,
    /// Under which their PIN gives that key.
    salt: Vec<u8>,
    token: String,
    expires_at: Millis,
}

impl Session {
    pub fn key(&self, audience: &Audience) -> Option<Key> {
        self.keys.borrow().get(audience).cloned()
    }
}

/// The vault of this tablet. A handle: clones are the same vault.
#[derive(Clone)]
pub struct Vault {
    inner: Rc<Inner>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("unlocked", &self.unlocked()).finish_non_exhaustive()
    }
}

struct Inner {
    database: Database,
    derive: Derive,
    hardness: Cell<Hardness>,
    device: RefCell<Option<DeviceRow>>,
    directory: RefCell<Option<Rc<Directory>>>,
    known: RefCell<BTreeSet<StaffId>>,
    session: RefCell<Option<Rc<Session>>>,
    /// Somebody else who does one thing on the tablet of whoever is unlocked.
    approver: RefCell<Option<Rc<Session>>>,
    /// Of whom there are passkeys here.
    passkeys: RefCell<BTreeMap<StaffId, passkey::Held>>,
    letter_boxes: RefCell<BTreeMap<StaffId, letters::BoxRow>>,
    /// What the PIN of whoever is unlocked gives, while they set up a passkey.
    confirmed: RefCell<Option<Rc<Confirmed>>>,
    /// Made once per unlock.
    recovery: RefCell<Option<Rc<Recovery>>>,
    /// When, since the page was opened, each person may try again: a clock that is set forward does not shorten it.
    may_try_ms: RefCell<BTreeMap<StaffId, i64>>,
}

pub(super) const DEVICE_ROW: &str = "device";
pub(super) const DIRECTORY_ROW: &str = "directory";
const PACKS_ROW: &str = "packs";
const KNOWN_PHONES_ROW: &str = "known_phones";
const KNOWN_PHONES_VERSION_ROW: &str = "known_phones_version";
pub(super) const STAFF_ROWS: &str = "staff:";
pub(super) const TRIES_ROWS: &str = "tries:";
/// What HKDF is told for the key round hand-over files.
const HAND_OVER_INFO: &[u8] = b"yingke hand-over 1";
/// The version of what is sealed under a PIN's key.
const WRAPPED_VERSION: u32 = 1;

/// What a PIN gives under a salt. It opens a person's keys, and is overwritten when it is dropped.
struct Secret(Vec<u8>);

impl Drop for Secret {
    fn drop(&mut self) {
        forget(&mut self.0);
    }
}

/// What is left of a PIN that was right: enough for a passkey to stand for it.
struct Confirmed {
    staff: StaffId,
    /// Of the person's row.
    salt: Vec<u8>,
    secret: Secret,
}

/// A person's keys as they lie in the database.
#[derive(Serialize, Deserialize)]
struct Wrapped {
    version: u32,
    salt: String,
    hardness: Hardness,
    nonce: String,
    sealed: String,
}

impl Vault {
    /// Nothing is read yet: [`Vault::reload`] does.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self::with(
            database,
            Rc::new(|salt, pin, hardness| Box::pin(async move { unlock::derive(&salt, pin, hardness).await })),
        )
    }

    /// As [`Vault::new`], with another way to reckon keys, as tests have it.
    #[must_use]
    pub fn with(database: Database, derive: Derive) -> Self {
        Self {
            inner: Rc::new(Inner {
                database,
                derive,
                hardness: Cell::new(Hardness::TODAY),
                device: RefCell::new(None),
                directory: RefCell::new(None),
                known: RefCell::new(BTreeSet::new()),
                session: RefCell::new(None),
                approver: RefCell::new(None),
                passkeys: RefCell::default(),
                letter_boxes: RefCell::default(),
                confirmed: RefCell::new(None),
                recovery: RefCell::new(None),
                may_try_ms: RefCell::new(BTreeMap::new()),
            }),
        }
    }

    /// Reads again what another tab may have changed: enrolment, names, who is known here.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn reload(&self) -> Result<(), AppendError> {
        let read = self.inner.database.read(&[META], async |tx| {
            let device = tx.get(META, DEVICE_ROW)?;
            let directory = tx.get(META, DIRECTORY_ROW)?;
            let known = tx.keys(META, &Range::Under(STAFF_ROWS.into()))?;
            let passkeys = tx.all(META, &Range::Under(passkey::ROWS.into()))?;
            let boxes = tx.all(META, &Range::Under(BOX_ROWS.into()))?;
            let (device, directory) = (device.bytes().await?, directory.bytes().await?);
            Ok((device, directory, known.texts().await?, passkeys.by_text().await?, boxes.by_text().await?))
        });
        let (device, directory, known, passkeys, boxes) = read.await?;
        *self.inner.device.borrow_mut() = device.as_deref().map(|row| parsed(row, DEVICE_ROW)).transpose()?;
        let directory = directory.as_deref().map(|row| parsed(row, DIRECTORY_ROW)).transpose()?;
        *self.inner.directory.borrow_mut() = directory.map(Rc::new);
        *self.inner.known.borrow_mut() =
            known.iter().filter_map(|key| key.strip_prefix(STAFF_ROWS)?.parse().ok()).collect();
        *self.inner.passkeys.borrow_mut() = passkeys.iter().filter_map(|(key, row)| passkey::read(key, row)).collect();
        *self.inner.letter_boxes.borrow_mut() = boxes.iter().filter_map(|(key, row)| letters::read(key, row)).collect();
        Ok(())
    }

    // ---- The tablet -----------------------------------------------------------------------------------------

    /// `None` until it is enrolled.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn device(&self) -> Result<Option<DeviceFacts>, AppendError> {
        if self.inner.device.borrow().is_none() {
            self.reload().await?; // another tab may have enrolled
        }
        Ok(self.inner.device.borrow().as_ref().map(DeviceRow::facts))
    }

    /// Who works where, for the lock screen.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn directory(&self) -> Result<Option<Directory>, AppendError> {
        if self.inner.directory.borrow().is_none() {
            self.reload().await?;
        }
        Ok(self.inner.directory.borrow().as_deref().cloned())
    }

    /// Keeps what enrolling gave. A tablet that is enrolled again keeps its journal and gets a new number.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn keep_device(&self, enrolled: &Enrolled) -> Result<DeviceFacts, AppendError> {
        let device = DeviceRow {
            device: enrolled.device,
            venue: enrolled.venue,
            name: enrolled.name.clone(),
            token: enrolled.token.clone(),
            recovery_key: enrolled.recovery_key.clone(),
        };
        let (row, directory) = (json(&device), json(&enrolled.directory));
        let write = self.inner.database.write(&[META], async |tx| {
            tx.put(META, DEVICE_ROW, &row)?;
            // Numbers were given to the device that this was before.
            tx.delete(META, NUMBERS_ROW)?;
            tx.put(META, DIRECTORY_ROW, &directory)
        });
        write.await?;
        let facts = device.facts();
        *self.inner.device.borrow_mut() = Some(device);
        *self.inner.directory.borrow_mut() = Some(Rc::new(enrolled.directory.clone()));
        *self.inner.recovery.borrow_mut() = None;
        Ok(facts)
    }

    /// What the tablet's club published in the place of packs that ship, as far as it is here.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn packs(&self) -> Result<Option<PublishedPacks>, AppendError> {
        let read = self.inner.database.read(&[META], async |tx| tx.get(META, PACKS_ROW)?.bytes().await);
        let Some(row) = read.await? else { return Ok(None) };
        // What is damaged is fetched again.
        let kept: Option<(OrganisationId, PublishedPacks)> = parsed(&row, PACKS_ROW).ok();
        Ok(kept.filter(|(organisation, _)| self.organisation() == Some(*organisation)).map(|(_, packs)| packs))
    }

    /// Keeps newer packs.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn keep_packs(&self, packs: &PublishedPacks) -> Result<(), AppendError> {
        let Some(organisation) = self.organisation() else { return Ok(()) };
        let row = json(&(organisation, packs));
        self.inner.database.write(&[META], async |tx| tx.put(META, PACKS_ROW, &row)).await
    }

    /// Keeps a newer directory.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn keep_directory(&self, directory: &Directory) -> Result<(), AppendError> {
        let row = json(directory);
        self.inner.database.write(&[META], async |tx| tx.put(META, DIRECTORY_ROW, &row)).await?;
        *self.inner.directory.borrow_mut() = Some(Rc::new(directory.clone()));
        Ok(())
    }

    /// The filter of phone numbers that the club knows, as the endpoint gave it: it says yes or no to a number and
    /// gives none away.
    pub async fn known_phones(&self) -> Option<Vec<u8>> {
        self.meta(KNOWN_PHONES_ROW).await
    }

    /// Which filter that is.
    pub async fn known_phones_version(&self) -> Option<String> {
        String::from_utf8(self.meta(KNOWN_PHONES_VERSION_ROW).await?).ok()
    }

    /// # Errors
    /// [`AppendError`]
    pub async fn keep_known_phones(&self, version: &str, bytes: &[u8]) -> Result<(), AppendError> {
        let write = self.inner.database.write(&[META], async |tx| {
            tx.put(META, KNOWN_PHONES_ROW, bytes)?;
            tx.put(META, KNOWN_PHONES_VERSION_ROW, version.as_bytes())
        });
        write.await
    }

    async fn meta(&self, row: &str) -> Option<Vec<u8>> {
        self.inner.database.read(&[META], async |tx| tx.get(META, row)?.bytes().await).await.ok().flatten()
    }

    // ---- People ---------------------------------------------------------------------------------------------

    /// Whether somebody can unlock here without the endpoint.
    #[must_use]
    pub fn knows(&self, staff: StaffId) -> bool {
        self.inner.known.borrow().contains(&staff)
    }

    /// Who is unlocked.
    #[must_use]
    pub fn unlocked(&self) -> Option<StaffId> {
        self.inner.session.borrow().as_ref().map(|session| session.staff)
    }

    /// The audiences that are open now.
    #[must_use]
    pub fn audiences(&self) -> BTreeSet<Audience> {
        self.session().map(|session| session.keys.borrow().keys().cloned().collect()).unwrap_or_default()
    }

    /// The unlocked person's credential, and until when the endpoint takes it.
    #[must_use]
    pub fn person_token(&self) -> Option<(String, Millis)> {
        self.session().map(|session| (session.token.clone(), session.expires_at))
    }

    /// Unlocks somebody who is known here, with no need of the endpoint. Whoever was unlocked before is locked.
    ///
    /// A try is counted before it is reckoned, so that ending the page in the middle wins nothing.
    ///
    /// # Errors
    /// [`UnlockError`]; nobody is unlocked then.
    pub async fn unlock(&self, staff: StaffId, pin: &str) -> Result<(), UnlockError> {
        self.lock();
        let session = self.open(staff, pin).await?;
        *self.inner.session.borrow_mut() = Some(session);
        Ok(())
    }

    /// Opens a second person's keys beside those of whoever is unlocked, so that what they save next is sealed as theirs.
    /// Nothing is read with them.
    ///
    /// # Errors
    /// [`UnlockError`]; whoever is unlocked stays so.
    pub async fn admit(&self, staff: StaffId, pin: &str) -> Result<(), UnlockError> {
        let session = self.open(staff, pin).await?;
        // Who has locked meanwhile takes nobody in.
        if self.session().is_some() {
            *self.inner.approver.borrow_mut() = Some(session);
        }
        Ok(())
    }

    /// The second person has done what they were asked for.
    pub fn dismiss(&self) {
        *self.inner.approver.borrow_mut() = None;
    }

    async fn open(&self, staff: StaffId, pin: &str) -> Result<Rc<Session>, UnlockError> {
        self.try_pin(staff, pin).await.map(|(session, _)| session)
    }

    /// Tries a PIN: a wrong one counts, whoever it is for.
    async fn try_pin(&self, staff: StaffId, pin: &str) -> Result<(Rc<Session>, Confirmed), UnlockError> {
        let failures = self.count_try(staff).await?;
        let kept = self.kept(staff).await?;
        let secret = self.secret(kept.salt.clone(), pin, kept.hardness).await?;
        let Some(session) = self.opened(staff, &kept, &secret).await? else {
            let wait_ms = wait_after(failures);
            self.inner.may_try_ms.borrow_mut().insert(staff, clock::since_opening_ms() + wait_ms);
            return Err(UnlockError::Wrong { wait_ms });
        };
        self.forgive(staff).await?;
        Ok((session, Confirmed { staff, salt: kept.salt, secret }))
    }

    /// What this secret opens; `None` where it is the wrong one.
    async fn opened(&self, staff: StaffId, kept: &Kept, secret: &Secret) -> Result<Option<Rc<Session>>, UnlockError> {
        let wrapping_key = Key::import(&secret.0).await?;
        let mut plain = match wrapping_key.open(&kept.sealed, &self.bound_to(staff)?).await {
            Ok(plain) => plain,
            Err(SealError::Broken) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let signed_in = serde_json::from_slice(&plain).map_err(|_| UnlockError::Unknown);
        forget(&mut plain);
        begin(staff, signed_in?, wrapping_key, kept.salt.clone()).await.map(Some)
    }

    /// Keeps what the endpoint gave at a sign-in, sealed under the PIN, and unlocks: the first time on this tablet, or after
    /// the PIN was reset.
    ///
    /// # Errors
    /// [`AppendError`]; nobody is unlocked then.
    pub async fn first_unlock(&self, staff: StaffId, signed_in: &SignedIn, pin: &str) -> Result<(), AppendError> {
        self.lock();
        let session = self.keep(staff, signed_in, pin).await?;
        *self.inner.session.borrow_mut() = Some(session);
        Ok(())
    }

    /// The same for whoever is unlocked, behind their work: they stay so, and save, while the keys are wrapped anew.
    ///
    /// # Errors
    /// [`AppendError`]; whoever is unlocked stays so, with what they had.
    pub async fn renew(&self, staff: StaffId, signed_in: &SignedIn, pin: &str) -> Result<(), AppendError> {
        let session = self.keep(staff, signed_in, pin).await?;
        // Who has locked meanwhile stays locked.
        if self.unlocked() == Some(staff) {
            *self.inner.session.borrow_mut() = Some(session);
        }
        Ok(())
    }

    /// The same for a second person, beside whoever is unlocked.
    ///
    /// # Errors
    /// [`AppendError`]; whoever is unlocked stays so.
    pub async fn first_admit(&self, staff: StaffId, signed_in: &SignedIn, pin: &str) -> Result<(), AppendError> {
        let session = self.keep(staff, signed_in, pin).await?;
        if self.session().is_some() {
            *self.inner.approver.borrow_mut() = Some(session);
        }
        Ok(())
    }

    async fn keep(&self, staff: StaffId, signed_in: &SignedIn, pin: &str) -> Result<Rc<Session>, AppendError> {
        self.try_keep(staff, signed_in, pin).await.map_err(|error| match error {
            UnlockError::Storage(error) => error,
            other => AppendError::Aborted { detail: other.to_string() },
        })
    }

    async fn try_keep(&self, staff: StaffId, signed_in: &SignedIn, pin: &str) -> Result<Rc<Session>, UnlockError> {
        let hardness = self.inner.hardness.get();
        let (salt, wrapping_key) = match self.same_pin(staff, pin, hardness).await? {
            Some(as_before) => as_before,
            None => {
                let salt = chance::random::<16>().to_vec();
                let secret = self.secret(salt.clone(), pin, hardness).await?;
                (salt, Key::import(&secret.0).await?)
            }
        };
        self.wrap(staff, signed_in, &salt, hardness, &wrapping_key).await?;
        let session = begin(staff, signed_in.clone(), wrapping_key, salt).await?;
        self.inner.known.borrow_mut().insert(staff);
        self.forgive(staff).await?;
        Ok(session)
    }

    /// The salt of what is kept, and the key under it, where this PIN opens that and is no easier to try than today's: a
    /// passkey for it then goes on opening what is wrapped anew.
    async fn same_pin(
        &self,
        staff: StaffId,
        pin: &str,
        hardness: Hardness,
    ) -> Result<Option<(Vec<u8>, Key)>, UnlockError> {
        let Ok(kept) = self.kept(staff).await else { return Ok(None) };
        if kept.hardness != hardness {
            return Ok(None);
        }
        let secret = self.secret(kept.salt.clone(), pin, hardness).await?;
        let key = Key::import(&secret.0).await?;
        let Ok(mut plain) = key.open(&kept.sealed, &self.bound_to(staff)?).await else { return Ok(None) };
        forget(&mut plain);
        Ok(Some((kept.salt, key)))
    }

    /// Adds the keys of audiences that came into being since the sign-in. Whether there were any.
    ///
    /// # Errors
    /// [`UnlockError`]; the keys so far are as before.
    pub async fn add_keys(&self, me: &Me) -> Result<bool, UnlockError> {
        let Some(session) = self.session().filter(|session| Some(session.staff) == me.staff) else { return Ok(false) };
        let new = |(audience, _): &(&Audience, &String)| !session.keys.borrow().contains_key(*audience);
        let added: BTreeMap<_, _> =
            me.keys.iter().filter(new).map(|(audience, key)| (audience.clone(), key.clone())).collect();
        if added.is_empty() {
            return Ok(false);
        }
        let keys = imported(&added).await?;
        self.wrap_again(&session, |signed_in| signed_in.keys.extend(added.clone())).await?;
        session.keys.borrow_mut().extend(keys);
        Ok(true)
    }

    /// Drops the keys of audiences that whoever is unlocked may not read any more; at once, even if they cannot be
    /// taken out of what is kept.
    ///
    /// # Errors
    /// [`UnlockError`]: the next unlock brings them back.
    pub async fn drop_keys(&self, taken_away: &[Audience]) -> Result<(), UnlockError> {
        let Some(session) = self.session() else { return Ok(()) };
        session.keys.borrow_mut().retain(|audience, _| !taken_away.contains(audience));
        self.wrap_again(&session, |signed_in| signed_in.keys.retain(|audience, _| !taken_away.contains(audience))).await
    }

    /// Changes what a person's PIN opens.
    async fn wrap_again(&self, session: &Session, change: impl Fn(&mut SignedIn)) -> Result<(), UnlockError> {
        let Kept { salt, hardness, sealed } = self.kept(session.staff).await?;
        let mut plain = session.wrapping_key.open(&sealed, &self.bound_to(session.staff)?).await?;
        let signed_in = serde_json::from_slice(&plain).map_err(|_| UnlockError::Unknown);
        forget(&mut plain);
        let mut signed_in: SignedIn = signed_in?;
        change(&mut signed_in);
        self.wrap(session.staff, &signed_in, &salt, hardness, &session.wrapping_key).await
    }

    /// Drops the keys. What is drawn on the screen is the caller's to take away.
    pub fn lock(&self) {
        *self.inner.session.borrow_mut() = None;
        self.dismiss();
        self.forget_pin();
        *self.inner.recovery.borrow_mut() = None;
    }

    /// How long somebody must wait before the next try.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn pin_wait(&self, staff: StaffId) -> Result<PinWait, AppendError> {
        let row = tries_row(staff);
        let tries = self.inner.database.read(&[META], async |tx| tx.get(META, row.as_str())?.bytes().await).await?;
        let tries = tries.map(|row| Tries::parse(&row)).unwrap_or_default();
        let wait_ms = tries.remaining_ms(clock::now()).max(self.remaining_on_page_ms(staff));
        Ok(PinWait { wait_ms, failures: tries.failures })
    }

    /// What trial passes are made and checked with, while somebody is unlocked who was given it.
    #[must_use]
    pub fn passes(&self) -> Option<Rc<Passes>> {
        self.session()?.passes.clone()
    }

    // ---- For the endpoint -----------------------------------------------------------------------------------

    pub(super) fn device_token(&self) -> Option<String> {
        self.inner.device.borrow().as_ref().map(|device| device.token.clone())
    }

    // ---- For the journal ------------------------------------------------------------------------------------

    pub(super) fn session(&self) -> Option<Rc<Session>> {
        self.inner.session.borrow().clone()
    }

    /// The keys of whoever makes a change: the one who is unlocked, or the second person.
    pub(super) fn session_of(&self, author: StaffId) -> Option<Rc<Session>> {
        let approver = self.inner.approver.borrow().clone();
        self.session().into_iter().chain(approver).find(|session| session.staff == author)
    }

    pub(super) fn organisation(&self) -> Option<OrganisationId> {
        self.inner.directory.borrow().as_ref().map(|directory| directory.organisation)
    }

    pub(super) async fn recovery(&self) -> Result<Rc<Recovery>, SealError> {
        if let Some(recovery) = self.inner.recovery.borrow().clone() {
            return Ok(recovery);
        }
        let point = self.inner.device.borrow().as_ref().and_then(|device| base64_bytes(&device.recovery_key));
        let point = point.ok_or(SealError::Unavailable { detail: "no recovery key".into() })?;
        let recovery = Rc::new(Recovery::new(&point).await?);
        *self.inner.recovery.borrow_mut() = Some(recovery.clone());
        Ok(recovery)
    }

    /// The key round hand-over files, which every tablet of the organisation derives alike. It keeps out who was never
    /// enrolled, and nobody else: what a file carries is sealed to the endpoint besides.
    ///
    /// # Errors
    /// [`SealError::Unavailable`]
    pub async fn hand_over_key(&self) -> Result<Key, SealError> {
        let point = self.inner.device.borrow().as_ref().and_then(|device| base64_bytes(&device.recovery_key));
        let point = point.ok_or(SealError::Unavailable { detail: "no recovery key".into() })?;
        Key::derived(&point, HAND_OVER_INFO).await
    }

    /// Chooses other parameters for what is wrapped from now on, as tests do.
    pub fn set_hardness(&self, hardness: Hardness) {
        self.inner.hardness.set(hardness);
    }

    // ---- Inside ---------------------------------------------------------------------------------------------

    async fn secret(&self, salt: Vec<u8>, pin: &str, hardness: Hardness) -> Result<Secret, UnlockError> {
        Ok(Secret((self.inner.derive)(salt, pin.as_bytes().to_vec(), hardness).await?))
    }

    async fn wrap(
        &self,
        staff: StaffId,
        signed_in: &SignedIn,
        salt: &[u8],
        hardness: Hardness,
        key: &Key,
    ) -> Result<(), UnlockError> {
        let mut plain = json(signed_in);
        let sealed = key.seal(&plain, &self.bound_to(staff)?).await;
        forget(&mut plain);
        let sealed = sealed?;
        let row = json(&Wrapped {
            version: WRAPPED_VERSION,
            salt: base64_text(salt),
            hardness,
            nonce: base64_text(&sealed.nonce),
            sealed: base64_text(&sealed.bytes),
        });
        let key = staff_row(staff);
        Ok(self.inner.database.write(&[META], async |tx| tx.put(META, key.as_str(), &row)).await?)
    }

    /// What is kept of a person, still sealed.
    async fn kept(&self, staff: StaffId) -> Result<Kept, UnlockError> {
        let key = staff_row(staff);
        let row = self.inner.database.read(&[META], async |tx| tx.get(META, key.as_str())?.bytes().await).await?;
        let wrapped = row.and_then(|row| serde_json::from_slice::<Wrapped>(&row).ok()).ok_or(UnlockError::Unknown)?;
        if wrapped.version > WRAPPED_VERSION {
            return Err(UnlockError::Failed { detail: "a later version of the app sealed these keys".into() });
        }
        wrapped.parts().ok_or(UnlockError::Unknown)
    }

    fn bound_to(&self, staff: StaffId) -> Result<Vec<u8>, UnlockError> {
        let organisation = self.organisation().ok_or_else(|| UnlockError::Failed { detail: "not enrolled".into() })?;
        Ok([b"yingke vault 1".as_slice(), &organisation.bytes(), &staff.bytes()].concat())
    }

    /// Counts a try as failed, before it is made; how many there are with it. It is forgiven when it succeeds.
    async fn count_try(&self, staff: StaffId) -> Result<u32, UnlockError> {
        let wait_ms = self.remaining_on_page_ms(staff);
        if wait_ms > 0 {
            return Err(UnlockError::Wrong { wait_ms });
        }
        let (now, key) = (clock::now(), tries_row(staff));
        let counted = self.inner.database.write(&[META], async |tx| {
            let tries = tx.get(META, key.as_str())?.bytes().await?.map(|row| Tries::parse(&row)).unwrap_or_default();
            let wait_ms = tries.remaining_ms(now);
            let tries = if wait_ms > 0 { tries.seen_at(now) } else { tries.one_more(now) };
            tx.put(META, key.as_str(), &json(&tries))?;
            Ok(if wait_ms > 0 { Err(wait_ms) } else { Ok(tries.failures) })
        });
        counted.await?.map_err(|wait_ms| UnlockError::Wrong { wait_ms })
    }

    async fn forgive(&self, staff: StaffId) -> Result<(), AppendError> {
        self.inner.may_try_ms.borrow_mut().remove(&staff);
        let key = tries_row(staff);
        self.inner.database.write(&[META], async |tx| tx.delete(META, key.as_str())).await
    }

    fn remaining_on_page_ms(&self, staff: StaffId) -> i64 {
        let may_try_ms = self.inner.may_try_ms.borrow().get(&staff).copied().unwrap_or_default();
        (may_try_ms - clock::since_opening_ms()).max(0)
    }
}

/// A person's keys as they are read again.
struct Kept {
    salt: Vec<u8>,
    hardness: Hardness,
    sealed: Sealed,
}

impl Wrapped {
    fn parts(&self) -> Option<Kept> {
        let nonce = base64_bytes(&self.nonce)?.try_into().ok()?;
        let sealed = Sealed { nonce, bytes: base64_bytes(&self.sealed)? };
        Some(Kept { salt: base64_bytes(&self.salt)?, hardness: self.hardness, sealed })
    }
}

/// What a person's keys open, ready to be used. Their texts are forgotten.
async fn begin(
    staff: StaffId,
    signed_in: SignedIn,
    wrapping_key: Key,
    salt: Vec<u8>,
) -> Result<Rc<Session>, UnlockError> {
    let keys = imported(&signed_in.keys).await?;
    let own_key = import(&signed_in.own_key).await?;
    let passes = match &signed_in.passes {
        Some(keys) => Passes::import(keys).await.ok().map(Rc::new),
        None => None,
    };
    let SignedIn { token, expires_at, keys: texts, own_key: text, passes: pass_keys, .. } = signed_in;
    pass_keys.into_iter().for_each(|keys| forget(&mut keys.secret.into_bytes()));
    texts.into_values().chain([text]).for_each(|text| forget(&mut text.into_bytes()));
    let session = Session { staff, keys: RefCell::new(keys), own_key, passes, wrapping_key, salt, token, expires_at };
    Ok(Rc::new(session))
}

/// Whose tablet it is by these rows, if they can be read.
pub(super) fn owner_of(device: &[u8], directory: &[u8]) -> Option<Owner> {
    let device: DeviceRow = serde_json::from_slice(device).ok()?;
    Some(Owner { organisation: organisation_of(directory)?, device: device.device })
}

pub(super) fn organisation_of(directory: &[u8]) -> Option<OrganisationId> {
    serde_json::from_slice(directory).ok().map(|directory: Directory| directory.organisation)
}

fn staff_row(staff: StaffId) -> String {
    format!("{STAFF_ROWS}{staff}")
}

fn tries_row(staff: StaffId) -> String {
    format!("{TRIES_ROWS}{staff}")
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("rows of meta are plain data")
}

fn parsed<T: serde::de::DeserializeOwned>(row: &[u8], name: &str) -> Result<T, AppendError> {
    serde_json::from_slice(row).map_err(|_| AppendError::Damaged { detail: format!("the row {name}") })
}

async fn import(text: &str) -> Result<Key, SealError> {
    let mut bytes = base64_bytes(text).ok_or(SealError::Unavailable { detail: "a key that is none".into() })?;
    let key = Key::import(&bytes).await;
    forget(&mut bytes);
    key
}

async fn imported(keys: &BTreeMap<Audience, String>) -> Result<BTreeMap<Audience, Key>, SealError> {
    let keys = keys.iter().map(|(audience, text)| async move { Ok((audience.clone(), import(text).await?)) });
    Ok(try_join_all(keys).await?.into_iter().collect())
}

// ---- The wait after wrong PINs ------------------------------------------------------------------------------

/// Wrong PINs that cost no waiting: fingers slip.
const FREE_TRIES: u32 = 3;
/// The wait after the third wrong PIN, the fourth, and so on; the last for all that follow.
const WAITS_MS: [i64; 6] = [30 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS, 60 * MINUTE_MS];

fn wait_after(failures: u32) -> i64 {
    match failures.checked_sub(FREE_TRIES) {
        Some(beyond) => WAITS_MS[(beyond as usize).min(WAITS_MS.len() - 1)],
        None => 0,
    }
}

/// Wrong PINs of one person since the last right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Tries {
    failures: u32,
    /// By the tablet's clock.
    failed_at: Millis,
}

impl Tries {
    /// A damaged row must not open the door: it counts as the longest wait.
    fn parse(row: &[u8]) -> Self {
        serde_json::from_slice(row).unwrap_or(Self { failures: u32::MAX, failed_at: Millis(i64::MAX) })
    }

    fn remaining_ms(self, now: Millis) -> i64 {
        let wait_ms = wait_after(self.failures);
        // A clock that was set back makes the wait begin again; it never makes it shorter.
        if now < self.failed_at { wait_ms } else { (wait_ms - now.since(self.failed_at)).max(0) }
    }

    /// The clock may have been set back since: the wait is reckoned from what it says now.
    fn seen_at(self, now: Millis) -> Self {
        Self { failed_at: self.failed_at.min(now), ..self }
    }

    fn one_more(self, now: Millis) -> Self {
        Self { failures: self.failures.saturating_add(1), failed_at: now }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn three_tries_are_free_and_then_the_wait_grows() {
        let waits: Vec<i64> = (0..=10).map(|failures| wait_after(failures) / SECOND_MS).collect();
        assert_eq!(waits, [0, 0, 0, 30, 60, 300, 900, 1_800, 3_600, 3_600, 3_600]);
        assert_eq!(wait_after(u32::MAX), 60 * MINUTE_MS);
    }

    #[test]
    fn a_clock_set_back_makes_the_wait_no_shorter_and_not_endless() {
        let tries = Tries { failures: 5, failed_at: Millis(1_000_000_000) };
        assert_eq!(tries.remaining_ms(Millis(1_000_000_000 + MINUTE_MS)), 4 * MINUTE_MS);
        assert_eq!(tries.remaining_ms(Millis(5)), 5 * MINUTE_MS);
        let seen = tries.seen_at(Millis(5));
        assert_eq!(seen.remaining_ms(Millis(5 + MINUTE_MS)), 4 * MINUTE_MS);
        assert_eq!(seen.remaining_ms(Millis(5 + 5 * MINUTE_MS)), 0);
    }

    #[test]
    fn a_damaged_count_waits_longest() {
        assert_eq!(Tries::parse(b"{").remaining_ms(Millis(0)), 60 * MINUTE_MS);
    }
}
