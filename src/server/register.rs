//! The club's register: venues, people, tablets and their credentials.

use async_trait::async_trait;
use yingke_core::{
    id::{ChangeId, DeviceNumber, OrganisationId, StaffId, VenueId},
    time::{MINUTE_MS, Millis},
    wire::v1::{KnownTablet, Staff, Unsent, Venue},
};

use crate::{
    handed_in::{Handed, HandedRow, Kept},
    house::House,
    keys::Secrets,
    ledger::LedgerError,
    pack_check::Written,
    packs::Published,
};

/// A tablet that is enrolled and not revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub organisation: OrganisationId,
    pub number: DeviceNumber,
    /// The tablet that it was copied from, or itself: what lies sealed on it was sealed with that one's keys.
    pub origin: DeviceNumber,
    pub venue: VenueId,
    pub name: String,
}

/// Copies that one tablet may have. A profile that is restored again and again is somebody's mistake or worse.
pub const DEVICE_COPIES_MAX: u32 = 20;

/// Whose token it is that came with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    Enrolled(Device),
    /// Shut out by somebody here. It may hand in what it holds unsent, and nothing else.
    Revoked(Device),
    /// Never heard of, or not since the copy that was put back.
    Unknown,
}

/// A tablet as the administrator sees it.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    pub number: DeviceNumber,
    pub venue: VenueId,
    pub name: String,
    pub enrolled_at: Millis,
    pub seen_at: Millis,
    pub revoked_at: Option<Millis>,
    /// When it had handed in all that it held unsent; it wipes itself then.
    pub wiped_at: Option<Millis>,
    /// The tablet that it was copied from.
    pub copy_of: Option<DeviceNumber>,
    /// `None` also once it has handed all of it in.
    pub unsent: Option<Unsent>,
}

impl From<DeviceRow> for KnownTablet {
    fn from(row: DeviceRow) -> Self {
        let DeviceRow { number, name, enrolled_at, seen_at, revoked_at, unsent, .. } = row;
        Self { number, name, enrolled_at, seen_at, revoked_at, unsent }
    }
}

/// How old the note of a tablet's last contact may be: one that asks all day and has nothing costs a write now and then only.
pub const CONTACT_MS: i64 = 5 * MINUTE_MS;

/// What a person's token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonToken {
    pub staff: StaffId,
    pub device: DeviceNumber,
    pub expires_at: Millis,
}

/// Each method is one transaction.
#[async_trait]
pub trait Register: Send + Sync + std::fmt::Debug {
    async fn organisations(&self) -> Result<Vec<OrganisationId>, LedgerError>;
    async fn found(&self, id: OrganisationId, name: &str, epoch: &str, secrets: &Secrets) -> Result<(), LedgerError>;
    async fn secrets(&self, organisation: OrganisationId) -> Result<Secrets, LedgerError>;
    async fn house(&self, organisation: OrganisationId) -> Result<House, LedgerError>;

    /// What the club published in the place of packs that ship, in the order in which it came into force.
    async fn published_packs(&self, organisation: OrganisationId) -> Result<Vec<Published>, LedgerError>;
    /// Puts a pack into force; `false`, with nothing done, if one of its key and of no lower version is.
    async fn publish_pack(
        &self,
        organisation: OrganisationId,
        pack: &Written,
        now: Millis,
    ) -> Result<bool, LedgerError>;

    /// A new venue, or what one that is there is from now on.
    async fn keep_venue(&self, organisation: OrganisationId, venue: &Venue) -> Result<(), LedgerError>;
    async fn add_staff(&self, organisation: OrganisationId, staff: &Staff, pin_hash: &str) -> Result<(), LedgerError>;
    /// Gives somebody who is there another role, venue or name from `now` on. Takes the person's credentials away: they open what
    /// the role before might hold. On tablets of another venue they are reminded no more.
    async fn change_staff(&self, organisation: OrganisationId, staff: &Staff, now: Millis) -> Result<(), LedgerError>;
    /// Takes the person's credentials and reminders away as well.
    async fn disable_staff(&self, organisation: OrganisationId, staff: StaffId, now: Millis)
    -> Result<(), LedgerError>;
    /// Lets somebody in again who was shut out, with another PIN.
    async fn enable_staff(
        &self,
        organisation: OrganisationId,
        staff: StaffId,
        pin_hash: &str,
        now: Millis,
    ) -> Result<(), LedgerError>;
    /// Takes the credentials away that were given for the PIN before.
    async fn set_pin(&self, organisation: OrganisationId, staff: StaffId, hash: &str) -> Result<(), LedgerError>;
    async fn pin_hash(&self, organisation: OrganisationId, staff: StaffId) -> Result<Option<String>, LedgerError>;

    async fn add_code(
        &self,
        organisation: OrganisationId,
        venue: VenueId,
        code_hash: [u8; 32],
        uses: u32,
        expires_at: Millis,
    ) -> Result<(), LedgerError>;
    /// Uses up a code and gives a new tablet its number; `None` if the code is unknown, used up or too old.
    async fn enrol(
        &self,
        code_hash: [u8; 32],
        name: &str,
        token_hash: [u8; 32],
        now: Millis,
    ) -> Result<Option<Device>, LedgerError>;
    /// Gives a tablet whose push counter fell back to this a number and a credential of its own, under its name. `None` if
    /// it has not fallen back, was revoked, or there are [`DEVICE_COPIES_MAX`] already.
    async fn renumber(
        &self,
        device: &Device,
        push_counter: u64,
        token_hash: [u8; 32],
        now: Millis,
    ) -> Result<Option<Device>, LedgerError>;
    async fn bearer(&self, token_hash: [u8; 32]) -> Result<Bearer, LedgerError>;
    async fn devices(&self, organisation: OrganisationId) -> Result<Vec<DeviceRow>, LedgerError>;
    /// Notes that a tablet was here, and what it says that it has not sent. What is noted already, and no older than
    /// [`CONTACT_MS`], costs no write.
    async fn note_contact(&self, device: &Device, unsent: Option<u32>, now: Millis) -> Result<(), LedgerError>;
    /// `false` if there is no such tablet, or it was revoked before. Nobody is reminded on it any more.
    async fn revoke(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        now: Millis,
    ) -> Result<bool, LedgerError>;

    /// Keeps what a revoked tablet hands in, each change once; `is_all` when nothing more is to come. `None`, with
    /// nothing kept, if it would be more than one tablet may hand in.
    async fn hand_in(
        &self,
        device: &Device,
        handed: &[Handed],
        is_all: bool,
        now: Millis,
    ) -> Result<Option<Kept>, LedgerError>;
    /// Everything that was handed in, by tablet, decided or not; of what was decided the content is gone.
    async fn handed_in(&self, organisation: OrganisationId) -> Result<Vec<HandedRow>, LedgerError>;
    /// Writes down what became of changes that were handed in, with the ledger's number of those that were taken, and
    /// drops their content.
    async fn decide_handed_in(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        decided: &[(ChangeId, Option<u64>)],
        now: Millis,
    ) -> Result<(), LedgerError>;

    async fn keep_token(
        &self,
        organisation: OrganisationId,
        token_hash: [u8; 32],
        token: PersonToken,
        now: Millis,
    ) -> Result<(), LedgerError>;
    async fn token(&self, organisation: OrganisationId, hash: [u8; 32]) -> Result<Option<PersonToken>, LedgerError>;
    async fn drop_token(&self, organisation: OrganisationId, hash: [u8; 32]) -> Result<(), LedgerError>;
}
