//! Wire version 1: JSON bodies of `/v1`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    audience::{Audience, Role},
    change::{CHANGE_EDITS_MAX, Change, EDIT_WRITES_MAX, Edit, Hash, Header, Key, Op, Ranked, Slot, Write},
    id::{ChangeId, DeviceNumber, OrganisationId, RecordId, StaffId, VenueId},
    pack::{Built, Language, PackError, Packs},
    review, rights,
    stamp::Stamp,
    time::{Day, Millis},
    value::Value as Domain,
};

mod block;

pub use block::{BLOCKS, Block, BlockHead};

/// The number that every message carries.
pub const VERSION: u32 = 1;
/// Changes in one push: of 4 kB each they stay under 2 MB.
pub const PUSH_CHANGES_MAX: usize = 500;
/// Changes in one page: at about 300 bytes each a page is taken in within some frames.
pub const PAGE_CHANGES_MAX: usize = 1_000;
/// Bytes of a request's body once it is unpacked.
pub const BODY_BYTES_MAX: usize = 4 << 20;

// ---- Changes ------------------------------------------------------------------------------------------------

/// A value as JSON: text, whole numbers, true, false and null as they are; the rest in an object of one member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Value {
    Empty(()),
    Bool(bool),
    Int(i64),
    Text(Box<str>),
    List(Vec<Value>),
    Tagged(Tagged),
}

/// A value that JSON has no form for. Exactly one member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tagged {
    /// Milliseconds since 1970, UTC.
    At(Millis),
    /// `2026-11-22`
    Day(Box<str>),
    Id(RecordId),
    /// Base 64 with the URL-safe alphabet, unpadded.
    Bytes(Box<str>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct GuardedWrite {
    pub values: BTreeMap<Key, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<ChangeId>,
}

/// One edit: the fields it sets, by merge kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct ShownEdit {
    pub record: RecordId,
    pub kind: Key,
    pub audience: Audience,
    /// 16 hexadecimal digits.
    pub salt: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub latest: BTreeMap<Key, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub first: BTreeMap<Key, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sticky: BTreeMap<Key, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub once: BTreeMap<Key, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub add: BTreeMap<Key, Vec<Value>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remove: BTreeMap<Key, Vec<Value>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub guarded: BTreeMap<Key, GuardedWrite>,
}

/// An edit, or the 64 hexadecimal digits of the hash of one that is not for this reader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum WireSlot {
    Shown(Box<ShownEdit>),
    Hidden { hash: String },
}

/// A change and its rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct WireChange {
    pub id: ChangeId,
    pub stamp: Stamp,
    /// The device of the rank, where it is not the one that made the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranked_by: Option<DeviceNumber>,
    pub organisation: OrganisationId,
    pub author: StaffId,
    pub device: DeviceNumber,
    pub made_at: Millis,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_offset_ms: i64,
    pub pack: u32,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub form: Box<str>,
    pub edits: Vec<WireSlot>,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

// ---- Sync ---------------------------------------------------------------------------------------------------

/// An unsent change as the tablet sealed it to the organisation's recovery key: ECDH P-256 with an ephemeral
/// key, HKDF-SHA-256, AES-256-GCM. Only the endpoint opens it; inside is one row of codec 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct SealedChange {
    pub id: ChangeId,
    pub author: StaffId,
    /// The sender's ephemeral public key, uncompressed point, base 64 (URL-safe, unpadded).
    pub sender: String,
    /// 12 bytes, base 64.
    pub nonce: String,
    /// Sealed bytes with the tag, base 64.
    pub sealed: String,
}

/// How far along one audience's stream a reader is, and the proof that it has all until there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct StreamMark {
    /// The ledger's number of the last change taken in; 0 at the start.
    pub number: u64,
    /// Changes in the stream until there.
    pub count: u64,
    /// Sum, modulo 2^64, of the first 8 bytes (big-endian) of SHA-256(number big-endian, id) of each.
    pub digest: u64,
}

/// Where a reader of one epoch stands in all their streams at once: what [`StreamMark`] says of each, in a few bytes. It is
/// right only while both sides know of the same audiences and the same changes in them, which the sum says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Cut {
    /// The highest number among the marks.
    pub number: u64,
    /// The first 8 bytes (big-endian) of SHA-256 over the marks in the order of their audiences: the audience's text, a byte
    /// of zero, count and digest (8 bytes each, big-endian).
    pub sum: u64,
}

/// `POST /v1/sync`, from a device. Without a person's token it may push and gets verdicts, but no page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Push {
    pub version: u32,
    /// The endpoint's epoch as the device last knew it; absent at first contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// Grows with each push of a device. One that goes backwards shows a restored or cloned tablet.
    pub push_counter: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<WireChange>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<SealedChange>,
    /// The audiences that the device holds, and how far it has read each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub since: BTreeMap<Audience, StreamMark>,
    /// The same in short, in the place of `since`: for an endpoint whose last page had an `at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Cut>,
    /// The highest stamp that an endpoint gave a change of this device in the place of an earlier one: what was made after
    /// it must rank after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<Stamp>,
    /// Asks for more card numbers, whoever is unlocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NumbersWanted>,
    /// Changes that stay on the device besides those of this push and that the endpoint does not have: the rest of the tail,
    /// and what was refused and waits for its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent: Option<u32>,
}

/// A device has few card numbers left. Asked twice with the same `to`, the same are given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct NumbersWanted {
    /// What the numbers begin with that it was given last; empty before it was given any.
    pub series: String,
    /// The highest of them.
    pub to: u64,
}

/// Card numbers for this device and no other, such as `W01-000051` to `W01-000100`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct NumbersGiven {
    /// What they begin with: `W01`.
    pub series: String,
    /// First and last of each run of numbers, in order: what somebody has already is left out.
    pub runs: Vec<(u64, u64)>,
    /// The end of the block, whether it is free or not.
    pub to: u64,
}

/// The endpoint's word on one pushed change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Kept, now or before (`had`), under this rank and number. Number, epoch and hash are the receipt.
    Accepted { id: ChangeId, stamp: Stamp, device: DeviceNumber, number: u64, had: bool, hash: String },
    /// Not kept; the device moves it to the tray of its author.
    Refused { id: ChangeId, reason: Refusal },
    /// Not kept now: it waits for another change, or the endpoint was short of something. Send it again.
    Later { id: ChangeId, detail: String },
}

impl Verdict {
    #[must_use]
    pub fn id(&self) -> ChangeId {
        match self {
            Self::Accepted { id, .. } | Self::Refused { id, .. } | Self::Later { id, .. } => *id,
        }
    }
}

/// Why a change was not taken, in a form that the tablet can say in its user's language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// It belongs to another organisation.
    WrongOrganisation,
    /// Its author is unknown or no longer works here.
    UnknownAuthor,
    /// Its author may not write there, or not this: tablets of before go by the first.
    NotAllowed {
        audience: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        what: Option<Withheld>,
    },
    /// A field holds what the form does not allow.
    Invalid { record: RecordId, field: String, detail: String },
    /// It cannot be read, or it is too large.
    Malformed { detail: String },
    /// The id was used before for a change with other content.
    Different,
    /// What it is about was emptied at that person's request, and nothing brings it back.
    Erased,
    /// A step that the record's workflow does not have from what its author saw, or that is not theirs, or not yet.
    Step {
        record: RecordId,
        kind: String,
        /// The state that it would have come to.
        to: String,
        why: StepFault,
        /// States that it would have been taken from, posts whose it is, or fields that are missing; by their keys.
        names: Vec<String>,
    },
}

/// What of a change is not its author's to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Withheld {
    pub record: RecordId,
    pub kind: String,
    pub field: String,
    pub why: WriteFault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WriteFault {
    NotYours,
    /// It was signed, paid or decided.
    Signed,
}

impl From<rights::Fault> for Refusal {
    fn from(fault: rights::Fault) -> Self {
        let why = match fault.why {
            rights::Why::NotYours => WriteFault::NotYours,
            rights::Why::Signed => WriteFault::Signed,
        };
        let (kind, field) = (fault.kind.to_string(), fault.field.to_string());
        let what = Some(Withheld { record: fault.record, kind, field, why });
        Self::NotAllowed { audience: fault.audience.to_string(), what }
    }
}

/// What is wrong with a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepFault {
    NotFrom,
    NotYours,
    Missing,
    /// What its author saw never came here.
    NothingBefore,
}

impl From<review::Fault> for Refusal {
    fn from(fault: review::Fault) -> Self {
        let (why, names) = match fault.why {
            review::Why::NotFrom { states } => (StepFault::NotFrom, states),
            review::Why::NotYours { by } => (StepFault::NotYours, by),
            review::Why::Missing { fields } => (StepFault::Missing, fields),
            review::Why::NothingBefore => (StepFault::NothingBefore, Vec::new()),
        };
        let names = names.into_iter().map(String::from).collect();
        Self::Step { record: fault.record, kind: fault.kind.to_string(), to: fault.to.into(), why, names }
    }
}

/// One accepted change of a page: whole, or the part that the reader may see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Numbered {
    pub number: u64,
    #[serde(flatten)]
    pub change: WireChange,
}

/// What is new, in the order of the ledger, with the proof of each stream at its end.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Page {
    pub changes: Vec<Numbered>,
    /// Every audience that the person holds, as far as this page brings it. Empty where `at` says it.
    pub streams: BTreeMap<Audience, StreamMark>,
    /// Whether there is more than this page.
    pub more: bool,
    /// Where the reader stands with this page, once there is no more: the next push may say it in the place of its `since`.
    /// A push that said where it stands and gets a page without this is not where it says: the page is empty, and the same
    /// is to be asked again with `since`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Cut>,
}

/// The answer to a [`Push`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Answer {
    pub version: u32,
    pub epoch: String,
    pub server_time: Millis,
    pub verdicts: Vec<Verdict>,
    /// Absent when no person's token came with the push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// Changes whenever the staff or venues do: ask `GET /v1/directory` again.
    pub directory: String,
    /// Changes whenever the filter of known phones does: ask `GET /v1/known-phones` again.
    pub known_phones: String,
    /// The card numbers that the device has asked for, where the venue gives any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NumbersGiven>,
}

// ---- People and tablets -------------------------------------------------------------------------------------

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Venue {
    pub id: VenueId,
    pub name: String,
    /// `fitness`, `sports`, …
    pub pack: String,
    /// How far its clocks are ahead of UTC.
    pub utc_offset_minutes: i32,
    /// Until when a person's reading lasts without contact, in days.
    pub lease_days: u32,
    /// Minutes without a touch until the tablet locks.
    pub lock_minutes: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Staff {
    pub id: StaffId,
    pub name: String,
    pub role: Role,
    pub venue: VenueId,
    pub active: bool,
}

/// `GET /v1/directory`: who works where. The lock screen shows the names, so it holds no more than that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Directory {
    pub version: String,
    pub organisation: OrganisationId,
    pub organisation_name: String,
    pub venues: Vec<Venue>,
    pub staff: Vec<Staff>,
    /// Changes with every pack that the club publishes: ask `GET /v1/packs` again. Empty while those that ship with the
    /// program are in force.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub packs: String,
}

/// `GET /v1/packs`: what the club published in the place of packs that ship, the latest of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct PublishedPacks {
    /// As in [`Directory::packs`].
    pub mark: String,
    /// How often the club has published a pack.
    #[serde(default)]
    pub edition: u32,
    pub packs: Vec<PublishedPack>,
}

/// One of them, as lines that core reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct PublishedPack {
    /// `core`, or the kind of venue that it is for.
    pub key: String,
    pub version: u32,
    /// Forms and what they name.
    pub text: String,
    /// Machines, rules, tasks, figures, reports.
    pub work: String,
}

impl PublishedPacks {
    /// What is in force with them.
    ///
    /// # Errors
    /// [`PackError`], by the first line that this version cannot read.
    pub fn read(&self) -> Result<Packs, PackError> {
        let packs = self.packs.iter().map(|pack| Built { key: &pack.key, text: &pack.text, work: &pack.work });
        Packs::read(&packs.collect::<Vec<_>>(), self.edition)
    }
}

/// `GET /v1/app`: what tablets have to know of the app's versions. The service worker reads it, for when all else is broken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct AppVersions {
    /// Those that the club has withdrawn, by the names that their service workers have.
    pub withdrawn: Vec<String>,
}

/// `POST /v1/enrol`: a tablet presents the code that a supervisor was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Enrol {
    pub version: u32,
    pub code: String,
    /// What the tablet is called, such as `A-07`.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Enrolled {
    pub device: DeviceNumber,
    pub venue: VenueId,
    pub name: String,
    /// The device's credential: `Authorization: Bearer <token>` of every later request.
    pub token: String,
    /// The organisation's recovery key: an uncompressed P-256 point, base 64 (URL-safe, unpadded).
    pub recovery_key: String,
    pub epoch: String,
    pub server_time: Millis,
    pub directory: Directory,
    /// A tablet that was known by this name at this venue before: the same one perhaps, with its storage cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<KnownTablet>,
}

/// `POST /v1/renumber`, with the token of a tablet that is a copy of another: it gets a number and a token of its own, as
/// [`Enrolled`] says them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Renumber {
    pub version: u32,
    /// Its last: behind what was pushed in its name.
    pub push_counter: u64,
}

/// `POST /v1/sign-in`, with the device's token: a person's first unlock on a tablet, or a renewal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct SignIn {
    pub version: u32,
    pub staff: StaffId,
    pub pin: String,
}

/// `POST /v1/pin`, with the device's token: somebody chooses another PIN, or a passphrase. Answered as a sign-in with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct ChangePin {
    pub version: u32,
    pub staff: StaffId,
    /// As it is now.
    pub pin: String,
    /// Six digits, or 12 to 128 characters.
    pub new: String,
}

/// What a person's unlock opens on this tablet. Sealed in the vault as soon as it arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct SignedIn {
    /// The person's credential: `Yingke-Person: <token>` beside the device's.
    pub token: String,
    pub expires_at: Millis,
    /// The key of each audience that the person holds on this tablet: 32 bytes, base 64.
    pub keys: BTreeMap<Audience, String>,
    /// The key of the person's own drafts on this tablet: 32 bytes, base 64.
    pub own_key: String,
    /// What trial passes are made and checked with; absent from an endpoint of before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<PassKeys>,
    pub server_time: Millis,
}

/// What trial passes are made and checked with on this tablet. All of it is base 64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct PassKeys {
    /// The public point of P-256, uncompressed, of what certifies tablets.
    pub authority: String,
    /// The tablet's own key of ECDSA P-256: its secret of 32 bytes, and its public point, uncompressed.
    pub secret: String,
    pub point: String,
    /// The authority's signature over organisation, tablet and point: 64 bytes.
    pub certificate: String,
    /// The key of HMAC-SHA-256 that proves short codes: 32 bytes, the same on every tablet.
    pub code_key: String,
}

/// `POST /v1/hand-in`, with the token of a tablet that was revoked: what it holds unsent, before it wipes itself. At most
/// [`PUSH_CHANGES_MAX`] changes at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct HandIn {
    pub version: u32,
    #[serde(default)]
    pub sealed: Vec<SealedChange>,
    /// Changes that are still to come after these; with 0 the tablet has nothing more and will wipe itself.
    pub left: u64,
}

/// The receipt for a [`HandIn`]. What it names is kept apart for the administrator and is not in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct HandedIn {
    pub version: u32,
    /// Those of this message that are kept, now or before. One that is missing was handed in before with other content.
    pub kept: Vec<ChangeId>,
    /// Says in eight letters which changes this tablet has handed in so far; the administrator reads the same.
    pub receipt: String,
}

/// How far a tablet's own upload of a picture has come: `GET` and `PUT /v1/blobs/{hash}/upload`. Says nothing about what
/// others have sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct BlobKept {
    pub version: u32,
    /// Bytes of the sealed picture that are here: the next piece begins there.
    pub offset: u64,
    /// All of it is here, and need not be sent again.
    pub complete: bool,
}

/// `GET /v1/me`: whom the tokens belong to. Keys are for audiences that came into being since the sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Me {
    pub device: DeviceNumber,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<StaffId>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<Audience, String>,
    pub server_time: Millis,
}

/// A tablet of the venue, as those who look after it see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct KnownTablet {
    pub number: DeviceNumber,
    pub name: String,
    pub enrolled_at: Millis,
    /// The last time it was heard of.
    pub seen_at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Millis>,
    /// Absent where the tablet has never said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent: Option<Unsent>,
}

/// What a tablet said last of what the endpoint does not have. It may have saved more since, so this much at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Unsent {
    pub changes: u32,
    pub at: Millis,
}

/// `GET /v1/tablets`: those of the person's venue, by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Tablets {
    pub tablets: Vec<KnownTablet>,
    pub server_time: Millis,
}

/// `POST /v1/house`: one thing done with the people or tablets of the person's venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct HouseAsk {
    pub version: u32,
    #[serde(flatten)]
    pub deed: HouseDeed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
#[serde(tag = "deed", rename_all = "snake_case")]
pub enum HouseDeed {
    /// Somebody new. The id is the asker's, so that asking twice adds one person.
    AddStaff {
        id: StaffId,
        name: String,
        role: Role,
    },
    /// Another post, from the next sign-in on.
    ChangeRole {
        staff: StaffId,
        role: Role,
    },
    /// Somebody who left: no more sign-in, from the next contact of each tablet on.
    EndStaff {
        staff: StaffId,
    },
    ResetPin {
        staff: StaffId,
    },
    /// A code for so many tablets of this venue, good for a day.
    NewCode {
        uses: u32,
    },
    RevokeTablet {
        number: DeviceNumber,
    },
}

/// What came of a [`HouseDeed`]: shown once, to whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct HouseDone {
    /// Six digits, of somebody who is new or had forgotten theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// Eight digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Until when the code is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
}

/// `POST /v1/reminders`: this browser is told when something of the person's runs late, in the tablet's language. What it
/// says replaces what it said before, for everybody who is reminded on this tablet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Remind {
    pub version: u32,
    /// Where the browser's push service takes messages.
    pub endpoint: String,
    /// The browser's public point of P-256, uncompressed, and its secret of 16 bytes, in base 64. Source: RFC 8291.
    pub p256dh: String,
    pub auth: String,
    pub language: Language,
}

impl std::fmt::Debug for Remind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Remind(…)")
    }
}

/// Who is reminded on this tablet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Reminders {
    /// With what the endpoint signs towards push services: an uncompressed point of P-256, base 64. Source: RFC 8292.
    pub key: String,
    /// Whether this person is.
    pub on: bool,
    /// Whether others are, who go on using the browser's subscription.
    pub others: bool,
}

/// RFC 9457. `type` is `about:blank#<code>` so that a client can decide by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Seconds to wait before the next try, where that helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

// ---- Conversions --------------------------------------------------------------------------------------------

/// A message that is well-formed JSON and still makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WireError(pub &'static str);

impl From<&Domain> for Value {
    fn from(value: &Domain) -> Self {
        match value {
            Domain::Empty => Self::Empty(()),
            Domain::Bool(yes) => Self::Bool(*yes),
            Domain::Int(number) => Self::Int(*number),
            Domain::Text(text) => Self::Text(text.clone()),
            Domain::At(at) => Self::Tagged(Tagged::At(*at)),
            Domain::Day(day) => Self::Tagged(Tagged::Day(day.to_string().into())),
            Domain::Id(id) => Self::Tagged(Tagged::Id(*id)),
            Domain::List(values) => Self::List(values.iter().map(Self::from).collect()),
            Domain::Bytes(bytes) => Self::Tagged(Tagged::Bytes(base64_text(bytes).into())),
        }
    }
}

impl TryFrom<Value> for Domain {
    type Error = WireError;
    fn try_from(value: Value) -> Result<Self, WireError> {
        Ok(match value {
            Value::Empty(()) => Self::Empty,
            Value::Bool(yes) => Self::Bool(yes),
            Value::Int(number) => Self::Int(number),
            Value::Text(text) => Self::Text(text),
            Value::List(values) => Self::List(values.into_iter().map(Self::try_from).collect::<Result<_, _>>()?),
            Value::Tagged(Tagged::At(at)) => Self::At(at),
            Value::Tagged(Tagged::Day(day)) => Self::Day(Day::parse(&day).ok_or(WireError("a day that is none"))?),
            Value::Tagged(Tagged::Id(id)) => Self::Id(id),
            Value::Tagged(Tagged::Bytes(text)) => {
                Self::Bytes(base64_bytes(&text).ok_or(WireError("bytes that are not base 64"))?.into())
            }
        })
    }
}

impl From<&Edit> for ShownEdit {
    fn from(edit: &Edit) -> Self {
        let mut shown = Self {
            record: edit.record,
            kind: edit.kind.clone(),
            audience: edit.audience.clone(),
            salt: hex_text(&edit.salt),
            latest: BTreeMap::new(),
            first: BTreeMap::new(),
            sticky: BTreeMap::new(),
            once: BTreeMap::new(),
            add: BTreeMap::new(),
            remove: BTreeMap::new(),
            guarded: BTreeMap::new(),
        };
        for Write { key, op } in &edit.writes {
            let key = key.clone();
            match op {
                Op::Latest(value) => drop(shown.latest.insert(key, value.into())),
                Op::First(value) => drop(shown.first.insert(key, value.into())),
                Op::Sticky(value) => drop(shown.sticky.insert(key, value.into())),
                Op::Once(value) => drop(shown.once.insert(key, value.into())),
                Op::Add(value) => shown.add.entry(key).or_default().push(value.into()),
                Op::Remove(value) => shown.remove.entry(key).or_default().push(value.into()),
                Op::Guarded { values, replaces } => {
                    let values = values.iter().map(|(key, value)| (key.clone(), value.into())).collect();
                    shown.guarded.insert(key, GuardedWrite { values, replaces: replaces.clone() });
                }
            }
        }
        shown
    }
}

/// What a merge kind makes of a value.
type MakeOp = fn(Domain) -> Op;

impl TryFrom<ShownEdit> for Edit {
    type Error = WireError;
    fn try_from(shown: ShownEdit) -> Result<Self, WireError> {
        let mut writes = Vec::new();
        let single: [(_, MakeOp); 4] =
            [(shown.latest, Op::Latest), (shown.first, Op::First), (shown.sticky, Op::Sticky), (shown.once, Op::Once)];
        for (fields, op) in single {
            for (key, value) in fields {
                writes.push(Write { key, op: op(value.try_into()?) });
            }
        }
        let several: [(_, MakeOp); 2] = [(shown.add, Op::Add), (shown.remove, Op::Remove)];
        for (fields, op) in several {
            for (key, values) in fields {
                for value in values {
                    writes.push(Write { key: key.clone(), op: op(value.try_into()?) });
                }
            }
        }
        for (key, write) in shown.guarded {
            let values = write.values.into_iter().map(|(key, value)| Ok((key, value.try_into()?)));
            let values = values.collect::<Result<_, WireError>>()?;
            writes.push(Write { key, op: Op::Guarded { values, replaces: write.replaces } });
        }
        if writes.len() > EDIT_WRITES_MAX {
            return Err(WireError("an edit with too many fields"));
        }
        writes.sort();
        let salt = hex_bytes(&shown.salt).ok_or(WireError("a salt that is not 16 hexadecimal digits"))?;
        Ok(Self { record: shown.record, kind: shown.kind, audience: shown.audience, salt, writes })
    }
}

impl From<&Ranked> for WireChange {
    fn from(ranked: &Ranked) -> Self {
        let header = &ranked.change.header;
        let edits = ranked.change.slots().iter().map(|slot| match slot {
            Slot::Shown(edit) => WireSlot::Shown(Box::new(edit.into())),
            Slot::Hidden(hash) => WireSlot::Hidden { hash: hex_text(&hash.0) },
        });
        Self {
            id: header.id,
            stamp: ranked.stamp,
            ranked_by: (ranked.device != header.device).then_some(ranked.device),
            organisation: header.organisation,
            author: header.author,
            device: header.device,
            made_at: header.made_at,
            clock_offset_ms: header.clock_offset_ms,
            pack: header.pack,
            form: header.form.clone(),
            edits: edits.collect(),
        }
    }
}

impl TryFrom<WireChange> for Ranked {
    type Error = WireError;
    fn try_from(change: WireChange) -> Result<Self, WireError> {
        if change.edits.len() > CHANGE_EDITS_MAX {
            return Err(WireError("a change of too many records"));
        }
        let header = Header {
            id: change.id,
            organisation: change.organisation,
            author: change.author,
            device: change.device,
            made_at: change.made_at,
            clock_offset_ms: change.clock_offset_ms,
            pack: change.pack,
            form: change.form,
        };
        let slots = change.edits.into_iter().map(|slot| {
            Ok(match slot {
                WireSlot::Shown(edit) => Slot::Shown((*edit).try_into()?),
                WireSlot::Hidden { hash } => {
                    Slot::Hidden(Hash(hex_bytes(&hash).ok_or(WireError("a hash that is not 64 hexadecimal digits"))?))
                }
            })
        });
        let slots = slots.collect::<Result<_, WireError>>()?;
        let device = change.ranked_by.unwrap_or(change.device);
        Ok(Self { stamp: change.stamp, device, change: Change::from_parts(header, slots) })
    }
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex_text(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[digit as usize]))
        .collect()
}

#[must_use]
pub fn hex_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |c: u8| char::from(c).to_digit(16).map(|digit| digit as u8);
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Base 64 with the URL-safe alphabet, unpadded. Source: RFC 4648, section 5.
#[must_use]
pub fn base64_text(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[must_use]
pub fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;
    use expect_test::expect;

    use super::*;
    use crate::fixture;

    #[test]
    fn a_change_on_the_wire() {
        let change = WireChange::from(&fixture::phone_change());
        expect![[r#"
            {
              "id": "01000000000000000000000003",
              "stamp": "01a200fb5100-0000",
              "organisation": "01000000000000000000000009",
              "author": "01000000000000000000000001",
              "device": 7,
              "made_at": 1795312800000,
              "pack": 1,
              "form": "F-03",
              "edits": [
                {
                  "record": "01000000000000000000000005",
                  "kind": "person",
                  "audience": "own:01000000000000000000000001:01000000000000000000000001",
                  "salt": "ed8f01dbe4140b1d",
                  "latest": {
                    "name": "李娜",
                    "phone": "+8613800138000"
                  },
                  "add": {
                    "interests": [
                      "yoga"
                    ]
                  }
                }
              ]
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&change).unwrap());
    }

    /// A tablet that has nothing to say, and an endpoint that has nothing new for it.
    #[test]
    fn a_turn_that_brings_nothing_on_the_wire() {
        let marks = BTreeMap::from([(
            Audience::Desk(fixture::venue()),
            StreamMark::default().with(7, fixture::phone_change().change.id()),
        )]);
        let push = Push {
            version: VERSION,
            epoch: Some("e1".into()),
            push_counter: 9,
            changes: Vec::new(),
            sealed: Vec::new(),
            since: BTreeMap::new(),
            at: Some(Cut::of(&marks)),
            corrected: None,
            numbers: None,
            unsent: None,
        };
        expect![[r#"{"version":1,"epoch":"e1","push_counter":9,"at":{"number":7,"sum":5593658130210750617}}"#]]
            .assert_eq(&serde_json::to_string(&push).unwrap());
        let answer = Answer {
            version: VERSION,
            epoch: "e1".into(),
            server_time: fixture::NOW,
            verdicts: Vec::new(),
            page: Some(Page { at: Some(Cut::of(&marks)), ..Page::default() }),
            directory: "d1".into(),
            known_phones: "k1".into(),
            numbers: None,
        };
        expect![[r#"{"version":1,"epoch":"e1","server_time":1795312800000,"verdicts":[],"page":{"changes":[],"streams":{},"more":false,"at":{"number":7,"sum":5593658130210750617}},"directory":"d1","known_phones":"k1"}"#]].assert_eq(&serde_json::to_string(&answer).unwrap());
    }

    #[test]
    fn card_numbers_on_the_wire() {
        let wanted = NumbersWanted { series: "W01".into(), to: 50 };
        expect![[r#"{"series":"W01","to":50}"#]].assert_eq(&serde_json::to_string(&wanted).unwrap());
        let given = NumbersGiven { series: "W01".into(), runs: vec![(51, 77), (79, 101)], to: 101 };
        expect![[r#"{"series":"W01","runs":[[51,77],[79,101]],"to":101}"#]]
            .assert_eq(&serde_json::to_string(&given).unwrap());
        // An endpoint of before gives none, and a tablet of before asks for none.
        let answer = r#"{"version":1,"epoch":"e1","server_time":0,"verdicts":[],"directory":"","known_phones":""}"#;
        assert_eq!(serde_json::from_str::<Answer>(answer).unwrap().numbers, None);
        assert_eq!(serde_json::from_str::<Push>(r#"{"version":1,"push_counter":9}"#).unwrap().numbers, None);
    }

    #[test]
    fn what_stays_unsent_on_the_wire() {
        let read = |text: &str| serde_json::from_str::<Push>(text);
        let push = read(r#"{"version":1,"push_counter":9,"unsent":3}"#).unwrap();
        assert_eq!(push.unsent, Some(3));
        expect![[r#"{"version":1,"push_counter":9,"unsent":3}"#]].assert_eq(&serde_json::to_string(&push).unwrap());
        // A tablet of before does not say.
        assert_eq!(read(r#"{"version":1,"push_counter":9}"#).unwrap().unsent, None);
        for none in ["-1", "0.5", "4294967296", "\"3\""] {
            assert!(read(&format!(r#"{{"version":1,"push_counter":9,"unsent":{none}}}"#)).is_err(), "{none}");
        }
        let mut tablet = KnownTablet {
            number: DeviceNumber(7),
            name: "A-07".into(),
            enrolled_at: fixture::NOW,
            seen_at: fixture::NOW,
            revoked_at: None,
            unsent: Some(Unsent { changes: 3, at: fixture::NOW }),
        };
        expect![[r#"{"number":7,"name":"A-07","enrolled_at":1795312800000,"seen_at":1795312800000,"unsent":{"changes":3,"at":1795312800000}}"#]]
            .assert_eq(&serde_json::to_string(&tablet).unwrap());
        tablet.unsent = None;
        let of_before = r#"{"number":7,"name":"A-07","enrolled_at":1795312800000,"seen_at":1795312800000}"#;
        assert_eq!(serde_json::from_str::<KnownTablet>(of_before).unwrap(), tablet);
    }

    #[test]
    fn a_subscription_on_the_wire() {
        let remind = Remind {
            version: VERSION,
            endpoint: "https://fcm.googleapis.com/fcm/send/x".into(),
            p256dh: "BA".into(),
            auth: "AA".into(),
            language: Language::ZhHans,
        };
        expect![[r#"{"version":1,"endpoint":"https://fcm.googleapis.com/fcm/send/x","p256dh":"BA","auth":"AA","language":"zh_hans"}"#]].assert_eq(&serde_json::to_string(&remind).unwrap());
        assert_eq!(format!("{remind:?}"), "Remind(…)", "it reaches no trace");
        let reminders = Reminders { key: "BA".into(), on: true, others: false };
        expect![[r#"{"key":"BA","on":true,"others":false}"#]].assert_eq(&serde_json::to_string(&reminders).unwrap());
    }

    /// Read by `public/sw.js`, of any version that is still on a tablet.
    #[test]
    fn withdrawn_versions_on_the_wire() {
        let versions = AppVersions { withdrawn: vec!["3f2a9c0d41b7e856".into()] };
        expect![[r#"{"withdrawn":["3f2a9c0d41b7e856"]}"#]].assert_eq(&serde_json::to_string(&versions).unwrap());
    }

    /// What a tablet of before there were cuts sends, and what it has to find in an answer.
    #[test]
    fn a_push_with_all_its_marks_on_the_wire() {
        let marks = BTreeMap::from([(
            Audience::Desk(fixture::venue()),
            StreamMark::default().with(7, fixture::phone_change().change.id()),
        )]);
        let push = Push {
            version: VERSION,
            epoch: None,
            push_counter: 9,
            changes: Vec::new(),
            sealed: Vec::new(),
            since: marks.clone(),
            at: None,
            corrected: Some(Stamp::at(fixture::NOW)),
            numbers: None,
            unsent: None,
        };
        expect![[r#"{"version":1,"push_counter":9,"since":{"desk:01000000000000000000000001":{"number":7,"count":1,"digest":18070275420242535299}},"corrected":"01a200fb5100-0000"}"#]].assert_eq(&serde_json::to_string(&push).unwrap());
        let page = Page { streams: marks, more: true, ..Page::default() };
        expect![[r#"{"changes":[],"streams":{"desk:01000000000000000000000001":{"number":7,"count":1,"digest":18070275420242535299}},"more":true}"#]].assert_eq(&serde_json::to_string(&page).unwrap());
    }

    #[test]
    fn what_is_sent_arrives() {
        arbtest(|u| {
            for change in fixture::changes(u)? {
                let text = serde_json::to_string(&WireChange::from(&change)).unwrap();
                let read: WireChange = serde_json::from_str(&text).unwrap();
                assert_eq!(Ranked::try_from(read), Ok(change));
            }
            Ok(())
        });
    }

    #[test]
    fn a_part_arrives_with_the_hash_of_the_whole() {
        let whole = fixture::two_audience_change();
        let part = whole.part_for(|audience| matches!(audience, Audience::Desk(_))).unwrap();
        let part = Ranked::provisional(Stamp::at(fixture::NOW), part);
        let text = serde_json::to_string(&WireChange::from(&part)).unwrap();
        let read = Ranked::try_from(serde_json::from_str::<WireChange>(&text).unwrap()).unwrap();
        assert_eq!(read.change.hash(), whole.hash());
    }

    #[test]
    fn a_message_with_some_bytes_changed_is_read_or_refused() {
        arbtest(|u| {
            let changes: Vec<WireChange> = fixture::changes(u)?.iter().map(WireChange::from).collect();
            let push = Push {
                version: VERSION,
                epoch: Some("e1".into()),
                push_counter: u.arbitrary()?,
                changes,
                sealed: Vec::new(),
                since: BTreeMap::from([(Audience::Desk(fixture::venue()), StreamMark::default())]),
                at: u.arbitrary::<bool>()?.then_some(Cut { number: u.arbitrary()?, sum: u.arbitrary()? }),
                corrected: None,
                numbers: None,
                unsent: Some(2),
            };
            let mut bytes = serde_json::to_vec(&push).unwrap();
            for _ in 0..u.int_in_range(1..=4)? {
                let place = u.choose_index(bytes.len())?;
                match u.int_in_range(0..=2)? {
                    0 => bytes[place] = u.arbitrary()?,
                    1 => bytes.truncate(place.max(1)),
                    _ => bytes.insert(place, *u.choose(b"\"{}[],:0-e\\ ")?),
                }
            }
            let Ok(read) = serde_json::from_slice::<Push>(&bytes) else { return Ok(()) };
            for change in read.changes {
                // What can be read is a change like another: it has a hash, and goes out again as it came.
                let Ok(ranked) = Ranked::try_from(change) else { continue };
                let again = serde_json::to_string(&WireChange::from(&ranked)).unwrap();
                let again = Ranked::try_from(serde_json::from_str::<WireChange>(&again).unwrap()).unwrap();
                assert_eq!(again.change.hash(), ranked.change.hash());
            }
            Ok(())
        });
    }

    #[test]
    fn arbitrary_text_is_refused_without_a_panic() {
        arbtest(|u| {
            let text: String = u.arbitrary()?;
            let _ = serde_json::from_str::<Push>(&text);
            let _ = serde_json::from_str::<Answer>(&text);
            let _ = hex_bytes::<8>(&text);
            Ok(())
        });
    }
}
