//! The one door between screens and data.
//!
//! A question is a call into memory and subscribes to what it read; a save becomes one change, is durable
//! before the tick shows, and is finished even if the screen goes away. Screens never name the browser, the
//! vault, the journal or the endpoint: they ask here.

mod approval;
mod audit;
mod board;
mod copy;
mod diagnosis;
mod doctor;
mod drafts;
mod farewell;
mod fill;
mod handover;
mod house;
mod idle;
mod ladder;
mod lead;
mod lease;
mod letters;
mod numbers;
mod packs;
mod pass;
mod passkey;
mod pictures;
mod reminders;
mod work;

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    pin::pin,
    rc::Rc,
};

use futures::{
    channel::oneshot,
    future::{Either, select},
};
use leptos::{prelude::*, task::spawn_local};
use yingke_core::{
    audience::{Audience, Role},
    blob::{self, BlobHash},
    change::{Change, Edit, Header, Key, Ranked},
    duplicate,
    filter::Filter,
    id::{ChangeId, DeviceNumber, RecordId, StaffId},
    journal::{AppendError, Journal},
    number::Numbers,
    phone::PhoneNumber,
    record::Record,
    replica::{Replica, Touched},
    review, rights, schema,
    stamp::Stamper,
    sync::{Filled, News, Trouble, TurnError, retry_at, turn},
    time::{DAY_MS, Day, Millis},
    wire::v1::{Directory, KnownTablet, Refusal, SignedIn, Staff, Venue},
};

use crate::browser::{
    Browser,
    chance::Web,
    clock,
    http::Pace,
    journal::{Contents, OpenedBlock, TailSummary},
    signs,
    storage::{self, StorageFacts},
    tabs::{self, Leading},
    trace, updates,
    vault::{DeviceFacts, Passkey, UnlockError},
};

pub use crate::browser::{OpenError, storage::Persistence, updates::VersionNews};
pub use board::{Board, Counted, ExportFile};
pub use copy::Mended;
pub use doctor::Finding;
pub use drafts::Unfinished;
pub use farewell::Farewell;
pub use handover::{HandOverError, HandedIn, Way};
pub use house::HouseTrouble;
pub use ladder::{Risk, Rung};
pub use lead::Whose;
pub use letters::WrittenDown;
pub use pass::PassError;
pub use passkey::PasskeyTrouble;
pub use pictures::{PictureError, Seen};
pub use reminders::ReminderTrouble;
pub use work::MyTask;

/// How far the door is open.
#[derive(Debug, Clone, PartialEq)]
pub enum Door {
    /// The database is being opened: a few frames.
    Starting,
    /// This tablet was never enrolled.
    Enrol,
    /// Somebody has to unlock.
    Locked,
    /// An unlock succeeded; what is kept is being read.
    Opening { people: usize },
    /// Somebody works.
    Open(Me),
    /// It was revoked, has handed in what was unsent, and holds nothing any more.
    Wiped(Farewell),
    /// The storage did not open; whether there is a second copy of what is unsent.
    NotOpened { why: OpenError, copied: bool },
}

/// Who works on the tablet now.
#[derive(Debug, Clone, PartialEq)]
pub struct Me {
    pub id: StaffId,
    pub name: String,
    pub role: Role,
    pub venue: Venue,
}

/// How sync stands. Failures that mend themselves are `Waiting`.
#[derive(Debug, Clone, PartialEq)]
pub enum SyncState {
    /// Nothing was tried yet since the start.
    Unknown,
    /// There is more to come than one page: the first fill, or the first contact after days.
    Fetching,
    /// It comes in blocks, and so much has come.
    Filling(Filled),
    /// Somebody stopped it there.
    FillingStopped(Filled),
    UpToDate,
    Sending,
    Waiting {
        until: Millis,
        why: Trouble,
    },
    /// Only a person can go on from here.
    Stopped {
        why: Trouble,
    },
    /// The journal would not take the news in.
    Storage {
        why: AppendError,
    },
}

/// What everyone may know about sync at any time: shown in the pill, the badge and at the door.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub sync: SyncState,
    /// Changes on this tablet that the endpoint has not acknowledged, of everyone.
    pub unsent: usize,
    /// Pictures on this tablet that the endpoint does not have.
    pub pictures: usize,
    pub oldest_unsent: Option<Millis>,
    pub oldest_picture: Option<Millis>,
    pub refused: usize,
    pub last_contact: Option<Millis>,
    /// The endpoint's clock less the tablet's, in milliseconds, once it is known.
    pub clock_offset_ms: Option<i64>,
    /// Places of the journal that could not be read.
    pub damaged: usize,
    /// Why the last save was not kept; `None` once one was.
    pub save_failure: Option<AppendError>,
    /// Whether the browser sees a network. Only `false` can be relied on.
    pub online: bool,
    pub pace: Pace,
    /// When it was seen that the endpoint had been restored, in milliseconds since the page was opened.
    pub restored_ms: Option<i64>,
    /// What the browser says about its storage, once it has.
    pub storage: Option<StorageFacts>,
    /// Without contact for longer than the venue lends reading: only capture is open.
    pub lease_over: bool,
    /// What came back from the second copy when the page was opened, if somebody has to hear of it.
    pub mended: Option<Mended>,
    /// Guests who were written down with nobody unlocked, and wait for their authors.
    pub letters: usize,
    /// Who has unlocked here before, and so can write one down.
    pub letter_boxes: BTreeSet<StaffId>,
    /// The tablet that the endpoint knew by this one's name before it was enrolled just now.
    pub before: Option<KnownTablet>,
}

impl Status {
    /// Everything that the endpoint does not have.
    #[must_use]
    pub fn to_send(&self) -> usize {
        self.unsent + self.pictures
    }

    /// Before anything is known.
    #[must_use]
    pub fn at_start() -> Self {
        Self {
            sync: SyncState::Unknown,
            unsent: 0,
            pictures: 0,
            oldest_unsent: None,
            oldest_picture: None,
            refused: 0,
            last_contact: None,
            clock_offset_ms: None,
            damaged: 0,
            save_failure: None,
            online: true,
            pace: Pace::Unknown,
            restored_ms: None,
            storage: None,
            lease_over: false,
            mended: None,
            letters: 0,
            letter_boxes: BTreeSet::new(),
            before: None,
        }
    }
}

/// A refused change, where its author can read why.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    pub id: ChangeId,
    pub reason: Refusal,
    /// `None` where its author is not the one who is unlocked.
    pub change: Option<Change>,
}

/// A refused change that its author gave up, to be brought back. Its `Debug` shows the id only.
#[derive(Clone)]
pub struct GivenUp {
    id: ChangeId,
    row: Box<[u8]>,
}

impl std::fmt::Debug for GivenUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("GivenUp").field(&self.id).finish()
    }
}

/// Why somebody did not get in.
#[derive(Debug, Clone, PartialEq)]
pub enum DoorError {
    /// Wrong PIN; so many milliseconds until the next try.
    WrongPin {
        wait_ms: i64,
    },
    /// The first unlock on this tablet needs the endpoint.
    NeedsNetwork,
    /// The endpoint says that the account is not active.
    NotActive,
    Passkey(PasskeyTrouble),
    WrongCode,
    Trouble(Trouble),
    Storage(AppendError),
    Failed {
        detail: String,
    },
}

/// Whether a phone number is known already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    No,
    /// Not on this tablet; the club's numbers have not been fetched yet, so nobody can say.
    NotYet,
    /// Held on this tablet and within one's sight.
    Here(Vec<RecordId>),
    /// Somewhere in the club; this role may not see with whom. Ask `ask`.
    Elsewhere {
        ask: String,
    },
}

/// A handle to everything that screens may ask. Copied freely; there is one roster a page.
#[derive(Clone, Copy)]
pub struct Roster {
    inner: StoredValue<Rc<Inner>, LocalStorage>,
    door: RwSignal<Door>,
    status: RwSignal<Status>,
    minute: RwSignal<Millis>,
    update_ready: RwSignal<bool>,
    update_news: RwSignal<Option<VersionNews>>,
    /// Whether a later version has taken the database on, in another tab.
    replaced: RwSignal<bool>,
    /// What the journal keeps of numbers.
    numbers: RwSignal<Numbers>,
    /// Who can unlock here without a PIN; `None` where the browser has not said that it can be done.
    passkeys: RwSignal<Option<BTreeSet<StaffId>>>,
    /// Whose phone numbers are whole because the look was written down, until the tablet is locked.
    phones_shown: RwSignal<BTreeSet<RecordId>>,
}

struct Inner {
    browser: Browser,
    directory: RefCell<Option<Directory>>,
    device: RefCell<Option<DeviceFacts>>,
    packs: packs::Held,
    replica: RefCell<Replica>,
    stamper: RefCell<Stamper>,
    known_phones: RefCell<Option<Filter>>,
    tray: RefCell<Vec<Refused>>,
    /// What to tell when a record changes, by record; made when a screen first asks for it.
    by_record: RefCell<BTreeMap<RecordId, ArcTrigger>>,
    by_kind: RefCell<BTreeMap<Key, ArcTrigger>>,
    directory_changed: ArcTrigger,
    tray_changed: ArcTrigger,
    wake: clock::Wake,
    /// Grows with each unlock and lock: work begun before ends when it sees another number.
    session: Cell<u32>,
    /// Grows with each replica that comes in the place of another.
    fillings: Cell<u32>,
    /// Who worked here last, since the page was opened.
    last_person: Cell<Option<StaffId>>,
    /// Whose credential the endpoint no longer takes, whatever it said how long it would last.
    signed_out: Cell<Option<StaffId>>,
    /// Who has come to do one thing while somebody else has the tablet open.
    approver: RefCell<Option<Me>>,
    /// A passkey that was made, and has not given its secret yet.
    passkey_made: RefCell<Option<Passkey>>,
    /// Whether the browser was asked to keep what is here, since the page was opened.
    persistence_asked: Cell<bool>,
    /// Pictures that the endpoint would refuse again, since the page was opened.
    pictures_refused: RefCell<BTreeSet<BlobHash>>,
    /// Whether the loop that syncs is there.
    syncing: Cell<bool>,
    /// Whether a database that was taken away is being put back.
    putting_back: RefCell<Option<Vec<oneshot::Sender<()>>>>,
    /// How far the filling has come that is not at its end.
    filled: Cell<Option<Filled>>,
    /// Whether whoever is unlocked has stopped it.
    filling_stopped: Cell<bool>,
}

/// Silence from the endpoint's hints is checked this often.
const IDLE_MS: i64 = 60_000;
/// A write that another tab's lead forbids may be refused before this one hears that it was taken.
const LOST_MS: i64 = 1_000;
/// Changes let in before the page gets its turn again: a few milliseconds' worth.
const SLICE_CHANGES: usize = 400;
/// Accepted rows in the journal before a checkpoint is worth its writing.
const CHECKPOINT_CHANGES: usize = 400;

impl Roster {
    /// Opens what is kept and begins to watch the clock, the network and other tabs.
    #[must_use]
    pub fn start() -> Self {
        let status = Status { online: signs::is_online(), ..Status::at_start() };
        let inner = Inner {
            browser: Browser::new(),
            directory: RefCell::default(),
            device: RefCell::default(),
            packs: packs::Held::default(),
            replica: RefCell::default(),
            stamper: RefCell::default(),
            known_phones: RefCell::default(),
            tray: RefCell::default(),
            by_record: RefCell::default(),
            by_kind: RefCell::default(),
            directory_changed: ArcTrigger::new(),
            tray_changed: ArcTrigger::new(),
            wake: clock::Wake::default(),
            session: Cell::new(0),
            fillings: Cell::new(0),
            last_person: Cell::new(None),
            signed_out: Cell::new(None),
            approver: RefCell::default(),
            passkey_made: RefCell::default(),
            persistence_asked: Cell::new(false),
            pictures_refused: RefCell::default(),
            syncing: Cell::new(false),
            putting_back: RefCell::default(),
            filled: Cell::new(None),
            filling_stopped: Cell::new(false),
        };
        let roster = Self {
            inner: StoredValue::new_local(Rc::new(inner)),
            door: RwSignal::new(Door::Starting),
            status: RwSignal::new(status),
            minute: RwSignal::new(clock::now()),
            update_ready: RwSignal::new(updates::update_ready()),
            update_news: RwSignal::new(updates::news()),
            replaced: RwSignal::new(false),
            numbers: RwSignal::default(),
            passkeys: RwSignal::new(None),
            phones_shown: RwSignal::default(),
        };
        spawn_local(roster.open());
        roster
    }

    fn inner(self) -> Rc<Inner> {
        self.inner.get_value()
    }

    // ---- The door -------------------------------------------------------------------------------------------

    /// How far the door is open. Subscribes.
    #[must_use]
    pub fn door(self) -> Door {
        self.door.get()
    }

    /// Who works on the tablet. Subscribes.
    #[must_use]
    pub fn me(self) -> Option<Me> {
        match self.door.get() {
            Door::Open(me) => Some(me),
            _ => None,
        }
    }

    /// Who works on the tablet, for a step that happens now.
    #[must_use]
    pub fn me_now(self) -> Option<Me> {
        self.door.with_untracked(|door| if let Door::Open(me) = door { Some(me.clone()) } else { None })
    }

    /// How far the venue's clocks are ahead of UTC.
    #[must_use]
    pub fn utc_offset_minutes(self) -> i32 {
        const SHANGHAI: i32 = 480;
        self.door.with_untracked(|door| if let Door::Open(me) = door { me.venue.utc_offset_minutes } else { SHANGHAI })
    }

    /// The tablet's time, corrected by what the endpoint last said.
    #[must_use]
    pub fn now(self) -> Millis {
        clock::now().plus(self.status.with_untracked(|status| status.clock_offset_ms.unwrap_or(0)))
    }

    /// The time as of the last full minute. Subscribes, so that what shows a span of time stays right.
    #[must_use]
    pub fn minute(self) -> Millis {
        self.minute.get()
    }

    /// Today at the venue. Subscribes.
    #[must_use]
    pub fn today(self) -> Day {
        self.minute.get().day(self.utc_offset_minutes())
    }

    /// The staff of this venue that work, as the door shows them. Subscribes.
    #[must_use]
    pub fn staff(self) -> Vec<Staff> {
        let inner = self.inner();
        let venue = inner.device.borrow().as_ref().map(|device| device.venue);
        let mut staff = self.everybody();
        staff.retain(|staff| staff.active && Some(staff.venue) == venue);
        staff
    }

    /// Everybody of the organisation, who left too. Subscribes.
    fn everybody(self) -> Vec<Staff> {
        let inner = self.inner();
        inner.directory_changed.track();
        let directory = inner.directory.borrow();
        directory.iter().flat_map(|directory| &directory.staff).cloned().collect()
    }

    /// The name of a member of staff by the text that a record holds. Subscribes.
    #[must_use]
    pub fn staff_name(self, staff: &str) -> String {
        let inner = self.inner();
        inner.directory_changed.track();
        let directory = inner.directory.borrow();
        let mut everyone = directory.iter().flat_map(|directory| &directory.staff);
        let id = staff.parse::<StaffId>();
        everyone.find(|other| Ok(other.id) == id).map(|staff| staff.name.clone()).unwrap_or_default()
    }

    /// All venues of the organisation. Subscribes.
    #[must_use]
    pub fn venues(self) -> Vec<Venue> {
        let inner = self.inner();
        inner.directory_changed.track();
        let directory = inner.directory.borrow();
        directory.iter().flat_map(|directory| &directory.venues).cloned().collect()
    }

    /// The number of this tablet, which signatures name.
    ///
    /// # Panics
    /// Never while somebody works: a tablet that was not enrolled opens for nobody.
    #[must_use]
    pub fn device_number(self) -> DeviceNumber {
        let inner = self.inner();
        let device = inner.device.borrow();
        device.as_ref().map(|device| device.number).expect("whoever works does so on a tablet that was enrolled")
    }

    /// What the tablet, its venue and its organisation are called. Subscribes.
    #[must_use]
    pub fn tablet(self) -> (String, String, String) {
        let inner = self.inner();
        inner.directory_changed.track();
        let (device, directory) = (inner.device.borrow(), inner.directory.borrow());
        let Some((device, directory)) = device.as_ref().zip(directory.as_ref()) else { return Default::default() };
        let venue = directory.venues.iter().find(|venue| venue.id == device.venue);
        let venue = venue.map(|venue| venue.name.clone()).unwrap_or_default();
        (device.name.clone(), venue, directory.organisation_name.clone())
    }

    async fn open(self) {
        let inner = self.inner();
        if let Err(why) = self.open_database().await {
            return self.stay_shut(why);
        }
        self.watch();
        self.lock_when_idle();
        spawn_local(self.look_at_storage());
        spawn_local(self.look_for_passkeys());
        if let Ok(Some(contact)) = inner.browser.journal().contact().await {
            self.status.update(|status| {
                status.last_contact = Some(contact.at);
                status.clock_offset_ms = Some(contact.clock_offset_ms);
            });
            self.minute.set(self.now());
        }
        let read = self.read_tablet().await;
        let farewell = inner.browser.journal().farewell().await;
        let opened = match (read, farewell) {
            (Ok(true), _) if inner.browser.database().lost_stores().is_empty() => {
                spawn_local(self.heal_behind_the_door());
                Ok(true)
            }
            (Ok(false), Ok(Some(farewell))) => {
                inner.browser.copy().forget().await;
                self.clear_files(&farewell).await;
                return self.door.set(Door::Wiped(farewell));
            }
            // The browser may have lost it all.
            (Ok(_), Ok(_)) => {
                self.heal().await;
                self.read_tablet().await
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        self.count_unsent().await;
        self.count_letters().await;
        match opened {
            Ok(true) => {
                self.door.set(Door::Locked);
                spawn_local(self.sync_forever());
            }
            Ok(false) => self.door.set(Door::Enrol),
            Err(error) => self.stay_shut(error.into()),
        }
    }

    /// Whoever is called to help wants to know how much room there is.
    fn stay_shut(self, why: OpenError) {
        let copied = self.inner().browser.copy().is_there();
        self.door.set(Door::NotOpened { why, copied });
        spawn_local(self.look_at_storage());
    }

    /// Opens everything anew; a newer version of the app that waits is taken where only that can read what is here.
    pub fn open_again(self) {
        let wants_newer = |door: &Door| matches!(door, Door::NotOpened { why: OpenError::WrittenLater { .. }, .. });
        if self.door.with_untracked(wants_newer) { updates::take_over() } else { updates::reload() }
    }

    /// Reads whose tablet this is; whether it was enrolled.
    async fn read_tablet(self) -> Result<bool, AppendError> {
        let inner = self.inner();
        let device = inner.browser.vault().device().await?;
        inner.directory.replace(inner.browser.vault().directory().await?);
        let enrolled = device.is_some();
        inner.device.replace(device);
        self.read_packs().await?;
        inner.directory_changed.notify();
        Ok(enrolled)
    }

    /// Presents an enrolment code.
    ///
    /// # Errors
    /// [`DoorError`]; the tablet is as it was.
    pub async fn enrol(self, code: String, name: String) -> Result<(), DoorError> {
        let inner = self.inner();
        let browser = &inner.browser;
        let enrolled = match browser.http().enrol(&code, &name).await {
            Ok(enrolled) => enrolled,
            Err(Trouble::Revoked | Trouble::SignIn) => return Err(DoorError::WrongCode),
            Err(trouble) => return Err(DoorError::Trouble(trouble)),
        };
        self.heard(enrolled.server_time);
        browser.vault().keep_device(&enrolled).await.map_err(DoorError::Storage)?;
        self.read_tablet().await.map_err(DoorError::Storage)?;
        self.fetch_packs().await;
        self.copy_anew();
        browser.tabs().tell_written();
        self.status.update(|status| status.before = enrolled.before);
        self.door.set(Door::Locked);
        spawn_local(self.sync_forever());
        Ok(())
    }

    /// How long this person has to wait before the next try, in milliseconds.
    pub async fn pin_wait_ms(self, staff: StaffId) -> i64 {
        let inner = self.inner();
        let browser = &inner.browser;
        browser.vault().pin_wait(staff).await.map_or(0, |wait| wait.wait_ms)
    }

    /// Opens the tablet for one person: with what is on it, or for the first time with the endpoint.
    ///
    /// # Errors
    /// [`DoorError`]; the tablet stays locked.
    pub async fn unlock(self, staff: StaffId, pin: String) -> Result<(), DoorError> {
        let inner = self.inner();
        let browser = &inner.browser;
        let mut wrong = None;
        if browser.vault().knows(staff) {
            match browser.vault().unlock(staff, &pin).await {
                Ok(()) => {
                    let opened = self.read_everything(staff).await;
                    self.renew_soon(staff, pin);
                    return opened;
                }
                Err(error) => wrong = self.asks_the_endpoint(error)?,
            }
        }
        let signed_in = self.signed_in(staff, &pin, wrong).await?;
        browser.vault().first_unlock(staff, &signed_in, &pin).await.map_err(DoorError::Storage)?;
        self.read_everything(staff).await
    }

    /// Whether the endpoint knows more of somebody whom this tablet did not let in: their keys are damaged, or their PIN was
    /// reset, since a wrong one here may be the new one there. How long a wrong one has to wait.
    fn asks_the_endpoint(self, error: UnlockError) -> Result<Option<i64>, DoorError> {
        let is_away = self.status.with_untracked(|status| matches!(status.sync, SyncState::Waiting { .. }));
        match error {
            UnlockError::Unknown => Ok(None),
            UnlockError::Wrong { wait_ms } if !is_away => Ok(Some(wait_ms)),
            error => Err(error.into()),
        }
    }

    /// Signs somebody in with the endpoint; a PIN that is wrong here, and no better there, is wrong.
    async fn signed_in(self, staff: StaffId, pin: &str, wrong: Option<i64>) -> Result<SignedIn, DoorError> {
        let inner = self.inner();
        match inner.browser.http().sign_in(staff, pin).await {
            Ok(signed_in) => {
                self.heard(signed_in.server_time);
                Ok(signed_in)
            }
            Err(trouble) => {
                if trouble == Trouble::Revoked {
                    inner.wake.wake(); // there is something to hand in
                }
                Err(wrong.map_or_else(|| DoorError::of_sign_in(trouble), |wait_ms| DoorError::WrongPin { wait_ms }))
            }
        }
    }

    /// Whoever works here chooses another PIN, or a passphrase, by the one that they have. Needs the endpoint.
    ///
    /// # Errors
    /// [`DoorError`]; what opens stays what it was.
    pub async fn change_pin(self, pin: String, new: String) -> Result<(), DoorError> {
        let inner = self.inner();
        let Some(me) = self.me_now() else { return Ok(()) };
        let changed = inner.browser.http().change_pin(me.id, &pin, &new).await;
        let signed_in = changed.map_err(|trouble| match trouble {
            Trouble::SignIn => DoorError::WrongPin { wait_ms: 0 },
            trouble => DoorError::Trouble(trouble),
        })?;
        self.heard(signed_in.server_time);
        inner.browser.vault().renew(me.id, &signed_in, &new).await.map_err(DoorError::Storage)?;
        inner.signed_out.set(None);
        self.tell_passkeys();
        inner.wake.wake();
        Ok(())
    }

    /// A credential that has run out, or soon will, is renewed behind an unlock, while the PIN is at hand.
    fn renew_soon(self, staff: StaffId, pin: String) {
        const RENEW_BEFORE_MS: i64 = 7 * DAY_MS;
        let expires = self.inner().browser.vault().person_token().map(|(_, expires_at)| expires_at);
        let runs_out = expires.is_some_and(|expires_at| expires_at.since(self.now()) <= RENEW_BEFORE_MS);
        let is_due = runs_out || self.inner().signed_out.get() == Some(staff);
        let session = self.inner().session.get();
        spawn_local(async move {
            let inner = self.inner();
            let browser = &inner.browser;
            if !is_due && self.signs_passes().await {
                return;
            }
            if let Ok(signed_in) = browser.http().sign_in(staff, &pin).await
                && inner.session.get() == session
            {
                drop(browser.vault().renew(staff, &signed_in, &pin).await);
                inner.signed_out.set(None);
                inner.wake.wake();
            }
        });
    }

    async fn read_everything(self, staff: StaffId) -> Result<(), DoorError> {
        let inner = self.inner();
        let browser = &inner.browser;
        // Another tab may have heard more of the club.
        if browser.vault().reload().await.is_ok() {
            drop(self.read_tablet().await);
        }
        let Some(me) = self.describe(staff) else {
            browser.vault().lock();
            return Err(DoorError::NotActive);
        };
        inner.session.set(inner.session.get() + 1);
        inner.stamper.take();
        self.begin_with_packs();
        self.door.set(Door::Opening { people: 0 });
        let lease_over = self.reading_ended(me.venue.lease_days);
        match browser.journal().read_all().await {
            Ok(contents) if lease_over => self.begin_with(contents.own_tail()).await,
            Ok(contents) => self.begin_with(contents).await,
            Err(error) => {
                browser.vault().lock();
                self.door.set(Door::Locked);
                return Err(DoorError::Storage(error));
            }
        }
        let known_phones = browser.vault().known_phones().await;
        inner.known_phones.replace(known_phones.and_then(|bytes| Filter::read_with_key(&bytes).ok()));
        self.count_unsent().await;
        self.read_numbers().await;
        // What the tablet heard while it was locked says nothing about what this person may see.
        self.status.update(|status| {
            status.sync = SyncState::Unknown;
            status.lease_over = lease_over;
        });
        self.door.set(Door::Open(me));
        self.hear().await; // what was pulled while this was read
        inner.wake.wake();
        Ok(())
    }

    /// Fills the memory with what the journal holds, in slices that leave the page answering.
    async fn begin_with(self, mut contents: Contents) {
        let inner = self.inner();
        let session = inner.session.get();
        let mut replica = Replica::new();
        let mut stamper = Stamper::default();
        let mut damages = Vec::new();
        let mut turn_began = clock::since_opening_ms();
        replica.make_room(contents.blocks.iter().map(|block| block.records).sum());
        for block in std::mem::take(&mut contents.blocks) {
            let extent = block.extent;
            let (bytes, key) = block.into_parts();
            match replica.load(bytes, extent) {
                Ok(loaded) => stamper.take_in(loaded.stamp),
                Err(error) => damages.push(OpenedBlock::damage(key, &error)),
            }
            turn_began = self.opened(&replica, turn_began).await;
        }
        for changes in contents.accepted.chunks(SLICE_CHANGES) {
            for change in changes {
                stamper.take_in(change.stamp);
                replica.take_in(change);
            }
            turn_began = self.opened(&replica, turn_began).await;
        }
        for change in std::mem::take(&mut contents.tail) {
            stamper.take_in(change.stamp);
            replica.append(change);
        }
        if inner.session.get() != session {
            return; // somebody locked meanwhile, or another unlocked
        }
        inner.replica.replace(replica);
        inner.fillings.set(inner.fillings.get() + 1);
        inner.browser.journal().let_in(&contents);
        inner.stamper.borrow_mut().take_in(stamper.latest());
        inner.tray.replace(contents.tray.into_iter().map(Refused::from).collect());
        inner.tray_changed.notify();
        self.status.update(|status| status.damaged = contents.damages.len() + damages.len());
        // What cannot be thrown away now is before the next checkpoint.
        drop(inner.browser.journal().fetch_again(damages).await);
    }

    /// The page gets its turn when it has waited long enough to notice. When its last turn was, in milliseconds.
    async fn opened(self, replica: &Replica, turn_began: i64) -> i64 {
        // A block takes some ten milliseconds, and a task is long from 50 on; a browser's shortest wait is four.
        const TURN_MS: i64 = 25;
        if clock::since_opening_ms() - turn_began < TURN_MS {
            return turn_began;
        }
        if matches!(self.door.get_untracked(), Door::Opening { .. }) {
            self.door.set(Door::Opening { people: replica.count("person") });
        }
        clock::breathe().await;
        clock::since_opening_ms()
    }

    /// Somebody who works, with their venue.
    #[must_use]
    pub fn describe(self, staff: StaffId) -> Option<Me> {
        let inner = self.inner();
        let directory = inner.directory.borrow();
        let directory = directory.as_ref()?;
        let person = directory.staff.iter().find(|other| other.id == staff && other.active)?;
        let venue = directory.venues.iter().find(|venue| venue.id == person.venue)?.clone();
        Some(Me { id: staff, name: person.name.clone(), role: person.role, venue })
    }

    /// The venue of whoever works, as the directory has it by now: its numbers may have been set since the unlock.
    fn venue_now(self) -> Option<Venue> {
        let me = self.me_now()?;
        Some(self.describe(me.id).map_or(me.venue, |now| now.venue))
    }

    /// Locks: keys and records leave the memory, unsent work goes on being sent.
    pub fn lock(self) {
        let inner = self.inner();
        self.dismiss();
        self.end_passkey_set_up();
        inner.session.set(inner.session.get() + 1);
        inner.browser.vault().lock();
        if let Some(me) = self.me_now() {
            inner.last_person.set(Some(me.id));
        }
        self.forget_filling();
        // Untold: what shows them goes with the door, and must not be asked once it has gone.
        self.phones_shown.update_untracked(BTreeSet::clear);
        self.door.set(Door::Locked);
        inner.replica.replace(Replica::new());
        inner.fillings.set(inner.fillings.get() + 1);
        inner.browser.journal().let_go();
        inner.tray.borrow_mut().clear();
        inner.by_record.borrow_mut().clear();
        inner.known_phones.replace(None);
        inner.wake.wake();
    }

    /// Whether whoever works here now is another person than before: they begin at their own start, not at what was open.
    #[must_use]
    pub fn changed_hands(self) -> bool {
        let before = self.inner().last_person.get();
        before.is_some() && before != self.me_now().map(|me| me.id)
    }

    // ---- Questions ------------------------------------------------------------------------------------------

    /// How sync stands. Subscribes.
    #[must_use]
    pub fn status(self) -> Status {
        self.status.get()
    }

    /// A record as it is shown. Subscribes to it.
    #[must_use]
    pub fn record(self, id: RecordId) -> Option<Record> {
        self.track_record(id);
        self.inner().replica.borrow().record(id).map(Cow::into_owned)
    }

    /// Whether something about the record waits for the endpoint. Subscribes to it.
    #[must_use]
    pub fn is_unsent(self, id: RecordId) -> bool {
        self.track_record(id);
        self.inner().replica.borrow().is_unsent(id)
    }

    /// Asks the replica; subscribes to every record of the kinds named.
    pub fn ask<T>(self, kinds: &[&'static str], question: impl FnOnce(&Replica) -> T) -> T {
        let inner = self.inner();
        for kind in kinds {
            let trigger = inner.by_kind.borrow_mut().entry(Key::of(kind)).or_default().clone();
            trigger.track();
        }
        question(&inner.replica.borrow())
    }

    /// What happened with a person, newest first. Subscribes to them.
    #[must_use]
    pub fn history(self, person: RecordId) -> Vec<Record> {
        self.track_record(person);
        let inner = self.inner();
        let replica = inner.replica.borrow();
        let mut ids: Vec<RecordId> = replica.history(person).collect();
        let joined = duplicate::joined(&replica, person);
        if !joined.is_empty() {
            ids.extend(joined.into_iter().flat_map(|other| replica.history(other)));
            ids.sort_by_key(|id| std::cmp::Reverse(replica.record(*id).map(|record| record.begun())));
        }
        ids.into_iter().filter_map(|id| replica.record(id).map(Cow::into_owned)).collect()
    }

    /// Whether a phone number is known, on this tablet or anywhere in the club. Subscribes to people.
    #[must_use]
    pub fn known(self, phone: &PhoneNumber) -> Known {
        let here: Vec<RecordId> = self.ask(&["person"], |replica| replica.by_phone(phone.e164()).collect());
        if !here.is_empty() {
            return Known::Here(here);
        }
        let inner = self.inner();
        let of_club = inner.known_phones.borrow().as_ref().map(|filter| filter.contains(phone));
        if of_club.is_none() {
            return Known::NotYet;
        }
        if of_club == Some(true) {
            let ask = self.staff().into_iter().find(|staff| staff.role == Role::CsSupervisor);
            let ask = ask.or_else(|| self.staff().into_iter().find(|staff| staff.role.leads()));
            return Known::Elsewhere { ask: ask.map(|staff| staff.name).unwrap_or_default() };
        }
        Known::No
    }

    /// Own changes that the endpoint has not answered, oldest first. Subscribes.
    #[must_use]
    pub fn unsent(self) -> Vec<Change> {
        self.status.track();
        self.inner().replica.borrow().unsent().map(|ranked| ranked.change.clone()).collect()
    }

    /// Changes that the endpoint did not take. Subscribes.
    #[must_use]
    pub fn tray(self) -> Vec<Refused> {
        let inner = self.inner();
        inner.tray_changed.track();
        inner.tray.borrow().clone()
    }

    fn track_record(self, id: RecordId) {
        let inner = self.inner();
        let trigger = inner.by_record.borrow_mut().entry(id).or_default().clone();
        trigger.track();
    }

    /// Everything may have changed.
    fn tell_everything(self) {
        let inner = self.inner();
        let by_record: Vec<ArcTrigger> = inner.by_record.borrow().values().cloned().collect();
        let by_kind: Vec<ArcTrigger> = inner.by_kind.borrow().values().cloned().collect();
        by_record.iter().chain(&by_kind).for_each(ArcTrigger::notify);
    }

    fn tell(self, touched: &Touched) {
        let inner = self.inner();
        let mut triggers = Vec::new();
        {
            let (by_record, by_kind) = (inner.by_record.borrow(), inner.by_kind.borrow());
            triggers.extend(touched.records.iter().filter_map(|id| by_record.get(id)).cloned());
            triggers.extend(touched.kinds.iter().filter_map(|kind| by_kind.get(kind)).cloned());
        }
        triggers.iter().for_each(ArcTrigger::notify);
    }

    // ---- Saving ---------------------------------------------------------------------------------------------

    /// A new record's id. Made once, at the tap.
    #[must_use]
    pub fn new_id(self) -> RecordId {
        RecordId::new(self.now(), &mut Web)
    }

    /// One save: one change, durable when this is done. Only then may the tick show.
    ///
    /// # Errors
    /// [`AppendError`]: nothing was kept; the form stays as it is.
    pub async fn save(self, form: &str, edits: Vec<Edit>) -> Result<ChangeId, AppendError> {
        let saved = self.save_once(form, edits, None).await?;
        Ok(saved.expect("only what takes a pass can be too late"))
    }

    /// One save that takes a trial pass; when it was taken, where this tablet had taken it before. Nothing is kept then.
    async fn save_taking(
        self,
        form: &str,
        edits: Vec<Edit>,
        use_record: RecordId,
    ) -> Result<Result<ChangeId, Millis>, AppendError> {
        self.save_once(form, edits, Some(use_record)).await
    }

    /// What a change says of its making, now and here.
    fn header(self, author: StaffId, form: &str) -> Result<Header, AppendError> {
        let inner = self.inner();
        let nobodys = || AppendError::Aborted { detail: "the tablet is not enrolled".into() };
        let device = inner.device.borrow().as_ref().map(|device| device.number).ok_or_else(nobodys)?;
        let organisation = inner.directory.borrow().as_ref().map(|directory| directory.organisation);
        let made_at = clock::now();
        let clock_offset_ms = self.status.with_untracked(|status| status.clock_offset_ms.unwrap_or(0));
        Ok(Header {
            id: ChangeId::new(made_at.plus(clock_offset_ms), &mut Web),
            organisation: organisation.ok_or_else(nobodys)?,
            author,
            device,
            made_at,
            clock_offset_ms,
            pack: self.pack().version,
            form: form.into(),
        })
    }

    async fn save_once(
        self,
        form: &str,
        edits: Vec<Edit>,
        takes: Option<RecordId>,
    ) -> Result<Result<ChangeId, Millis>, AppendError> {
        let inner = self.inner();
        let nobody = || AppendError::Aborted { detail: "nobody is unlocked".into() };
        let browser = &inner.browser;
        let me = self.me_now().ok_or_else(nobody)?.id;
        let (author, role) = self.actor_now().map(|actor| (actor.id, actor.role)).ok_or_else(nobody)?;
        let header = self.header(author, form)?;
        let Header { id, made_at, clock_offset_ms, .. } = header;
        let names_pictures = edits.iter().any(|edit| !blob::named(edit).is_empty());
        let change = Change::new(header, edits, &mut Web);
        // The centre would refuse it later, when nobody has the form before them any more.
        if let Err(fault) = schema::check_change(&change) {
            trace::warn(&format!("a save was not kept: {fault}"));
            return Err(AppendError::Aborted { detail: fault.to_string() });
        }
        if let Err(why) = self.may_write(&change, role) {
            trace::warn(&format!("a save was not kept: {why}"));
            return Err(AppendError::Withheld(why));
        }
        let gives_numbers = Numbers::are_given_by(&change);
        let stamp = inner.stamper.borrow_mut().next(made_at.plus(clock_offset_ms));
        let ranked = Ranked::provisional(stamp, change);
        let append = async || match takes {
            None => browser.journal().append(&ranked).await.map(Ok),
            Some(use_record) => browser.journal().append_taking(&ranked, use_record).await,
        };
        let mut kept = append().await;
        if kept.is_err() && self.put_back().await {
            kept = append().await;
        }
        if gives_numbers {
            // Where another tab gave one of them meanwhile, the next try has others.
            self.read_numbers().await;
        }
        let failure = kept.as_ref().err().cloned();
        if let Some(error) = &failure {
            trace::warn(&format!("a save was not kept: {error}"));
        }
        if self.status.with_untracked(|status| status.save_failure != failure) {
            self.status.update(|status| status.save_failure = failure);
        }
        if let Err(at) = kept? {
            return Ok(Err(at));
        }
        // What a second person writes for others is not for whoever is unlocked to see.
        let on_show = if author == me {
            Some(ranked)
        } else {
            let held = browser.vault().audiences();
            let part = ranked.change.part_for(|audience| held.contains(audience));
            part.map(|change| Ranked { change, ..ranked })
        };
        if let Some(on_show) = on_show {
            let touched = inner.replica.borrow_mut().append(on_show);
            self.tell(&touched);
        }
        self.status.update(|status| {
            status.unsent += 1;
            status.oldest_unsent = Some(status.oldest_unsent.unwrap_or(made_at));
        });
        if names_pictures {
            self.count_unsent().await;
        }
        browser.tabs().tell_written();
        inner.wake.wake();
        if !inner.persistence_asked.replace(true) {
            spawn_local(async move {
                storage::ask_persistence().await;
                self.look_at_storage().await;
            });
        }
        Ok(Ok(id))
    }

    /// Whether a change is its author's to write, as the centre will ask: a screen that forgot to hide a form saves nothing.
    fn may_write(self, change: &Change, role: Role) -> Result<(), rights::Why> {
        let inner = self.inner();
        let replica = inner.replica.borrow();
        let written_by = |change, record| review::written_in(&*replica.record(record)?, change);
        let (work, pack) = (self.work(), self.pack());
        let ground = review::Ground { work, pack, lookup: &|id| replica.record(id), written_by: &written_by };
        rights::check(change, role, &ground).map_err(|fault| fault.why)
    }

    /// Sends a refused change again as it is: its reason may have gone.
    ///
    /// # Errors
    /// [`AppendError`]: it stays in the tray.
    pub async fn resend(self, id: ChangeId) -> Result<(), AppendError> {
        let inner = self.inner();
        let browser = &inner.browser;
        browser.journal().resend(id).await?;
        inner.tray.borrow_mut().retain(|refused| refused.id != id);
        inner.tray_changed.notify();
        self.read_from_other_tab().await;
        inner.wake.wake();
        Ok(())
    }

    /// Gives a refused change up that I made myself; what comes back brings it back.
    ///
    /// # Errors
    /// [`AppendError`]: it stays in the tray.
    pub async fn give_up(self, id: ChangeId) -> Result<Option<GivenUp>, AppendError> {
        let row = self.inner().browser.journal().take_from_tray(id).await?;
        self.read_tray().await;
        self.count_unsent().await;
        Ok(row.map(|row| GivenUp { id, row: row.into() }))
    }

    /// Puts what was given up back into the tray.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn bring_back(self, given_up: &GivenUp) -> Result<(), AppendError> {
        self.inner().browser.journal().put_in_tray(given_up.id, &given_up.row).await?;
        self.read_tray().await;
        self.count_unsent().await;
        Ok(())
    }

    async fn count_unsent(self) {
        let inner = self.inner();
        let browser = &inner.browser;
        if let Ok(TailSummary { count, oldest, pictures, oldest_picture, .. }) = browser.journal().tail_summary().await
        {
            // What a colleague's was refused is theirs to look at.
            let refused = inner.tray.borrow().iter().filter(|refused| refused.change.is_some()).count();
            self.status.update(|status| {
                status.unsent = count;
                status.pictures = pictures;
                status.oldest_unsent = oldest;
                status.oldest_picture = oldest_picture;
                status.refused = refused;
            });
        }
    }

    // ---- Storage and updates --------------------------------------------------------------------------------

    /// Asks the browser again how this tablet's storage stands; [`Status::storage`] says so.
    pub async fn look_at_storage(self) {
        let facts = storage::facts().await;
        self.status.update(|status| status.storage = Some(facts));
    }

    /// Whether a newer version of the app waits for consent. Subscribes.
    #[must_use]
    pub fn update_waiting(self) -> bool {
        self.update_ready.get() || self.replaced.get()
    }

    /// The newer version takes over; the page loads once, drafts are kept.
    pub fn take_update(self) {
        updates::take_over();
    }

    /// What became of another version, or has to become of this one, as long as nobody has read it. Subscribes.
    #[must_use]
    pub fn update_news(self) -> Option<VersionNews> {
        self.update_news.get()
    }

    /// Somebody has read it.
    pub fn has_read_news(self) {
        updates::has_read();
        self.update_news.set(None);
    }

    /// By which name the club would withdraw this version.
    #[must_use]
    pub fn version(self) -> String {
        updates::version()
    }

    /// This version has started as soon as there is a door of any kind: a database that is damaged is none of its faults.
    pub fn stands(self, door: &Door) {
        if *door != Door::Starting {
            updates::stands(*door == Door::Locked);
        }
    }

    // ---- Sync -----------------------------------------------------------------------------------------------

    /// Tries at once.
    pub fn sync_now(self) {
        self.inner().wake.wake();
    }

    /// Minutes, the network, the page coming to the front, other tabs.
    fn watch(self) {
        let inner = self.inner();
        clock::each_minute(move || {
            self.minute.set(self.now());
            self.end_reading_when_due();
            self.keep_copy_up();
        });
        let again = inner.wake.clone();
        signs::on_network(move |online| {
            self.status.update(|status| status.online = online);
            again.wake();
        });
        let wake = inner.wake.clone();
        tabs::on_wake_up(move || {
            self.minute.set(self.now());
            wake.wake();
        });
        tabs::on_front(move || self.inner().browser.tabs().come_to_front());
        signs::on_update(move || {
            self.update_ready.set(updates::update_ready());
            self.update_news.set(updates::news());
        });
        inner.browser.database().on_replaced(move || self.replaced.set(true));
        inner.browser.tabs().on_written(move || spawn_local(self.read_from_other_tab()));
    }

    /// Another tab wrote to the journal: what is new in it is let in here too.
    async fn read_from_other_tab(self) {
        let inner = self.inner();
        if self.has_left().await {
            return;
        }
        self.copy_anew();
        self.hear_number().await;
        if self.door.get_untracked() == Door::Enrol && self.read_tablet().await.unwrap_or(false) {
            self.door.set(Door::Locked);
            spawn_local(self.sync_forever());
        }
        self.hear().await;
        if self.me_now().is_some() {
            self.read_tray().await;
        }
        self.count_unsent().await;
        self.count_letters().await;
        self.read_numbers().await;
        inner.wake.wake();
    }

    /// Lets in what the journal holds and the memory does not: what other tabs wrote, or this one while the memory was
    /// being filled.
    async fn hear(self) {
        let inner = self.inner();
        let journal = inner.browser.journal();
        let contents = loop {
            if self.me_now().is_none() || self.status.with_untracked(|status| status.lease_over) {
                return;
            }
            let Ok(contents) = journal.read_new().await else { return };
            if contents.trimmed {
                return Box::pin(self.read_again()).await;
            }
            if journal.let_in_new(&contents) {
                break contents;
            }
        };
        let mut touched = Touched::default();
        {
            let (mut replica, mut stamper) = (inner.replica.borrow_mut(), inner.stamper.borrow_mut());
            for change in &contents.accepted {
                stamper.take_in(change.stamp);
                touched.and(replica.take_in(change));
            }
            for id in &contents.gone {
                touched.and(replica.refuse(*id));
            }
            for change in contents.tail {
                stamper.take_in(change.stamp);
                touched.and(replica.append(change));
            }
        }
        self.tell(&touched);
        if !contents.damages.is_empty() {
            self.status.update(|status| status.damaged += contents.damages.len());
            drop(journal.fetch_again(Vec::new()).await);
        }
    }

    /// What is shown is not what the journal holds: it is read from there.
    async fn read_again(self) {
        if let Ok(contents) = self.inner().browser.journal().read_all().await {
            self.begin_with(contents).await;
            self.hear().await; // what was saved and pulled while this was read
            self.tell_everything();
        }
    }

    /// Syncs whenever this tab leads; one tab at a time does.
    async fn sync_forever(self) {
        let inner = self.inner();
        let browser = &inner.browser;
        if inner.syncing.replace(true) {
            return;
        }
        let mut failures = 0;
        loop {
            let leading = match browser.lead().await {
                Ok(leading) => leading,
                Err(_) if self.put_back().await => continue,
                Err(why) => {
                    failures += 1;
                    inner.wake.until(self.failed(&TurnError::Journal(why), failures)).await;
                    continue;
                }
            };
            failures = 0;
            self.hear_number().await;
            // What cannot be dropped now is so the next time.
            drop(browser.journal().tidy_pictures().await);
            // The hints have no end of their own, so no turn is left in the middle.
            let turns = pin!(self.turns(&leading));
            let Either::Left((end, _)) = select(turns, pin!(browser.http().listen_for_hints(&inner.wake))).await;
            browser.journal().follow();
            browser.tabs().step_back();
            if end.is_break() {
                return inner.syncing.set(false);
            }
            // Two that both believe to be in front do not take it from each other without a pause.
            clock::wait(LOST_MS).await;
        }
    }

    /// One turn after another, until another tab leads or there is no tablet any more.
    async fn turns(self, leading: &Leading) -> ControlFlow<()> {
        let inner = self.inner();
        let browser = &inner.browser;
        let mut failures = 0;
        loop {
            let wait_until = match self.one_turn().await {
                Ok(more) => {
                    failures = 0;
                    let more = more || self.pictures_after_records().await;
                    let sync =
                        self.filling(more).unwrap_or(if more { SyncState::Fetching } else { SyncState::UpToDate });
                    self.status.update(|status| status.sync = sync);
                    if more { clock::now() } else { clock::now().plus(IDLE_MS) }
                }
                Err(TurnError::NewEpoch) => {
                    self.status.update(|status| status.restored_ms = Some(clock::since_opening_ms()));
                    // What was pulled is gone, and what was accepted waits again, in every tab.
                    self.read_from_other_tab().await;
                    browser.tabs().tell_written();
                    clock::now()
                }
                Err(TurnError::Endpoint(Trouble::Cloned)) => match self.renumber().await {
                    Ok(()) => clock::now(),
                    Err(error) => {
                        trace::warn(&format!("this tablet is a copy and was given no number of its own: {error}"));
                        failures += 1;
                        self.failed(&TurnError::Endpoint(Trouble::Cloned), failures)
                    }
                },
                Err(TurnError::Endpoint(Trouble::Revoked)) => match self.leave().await {
                    Ok(()) => return ControlFlow::Break(()),
                    Err(error) => {
                        trace::warn(&format!("this tablet was revoked and could not hand in: {error}"));
                        failures += 1;
                        self.failed(&TurnError::Endpoint(Trouble::Revoked), failures)
                    }
                },
                Err(_) if self.put_back().await => clock::now(),
                // What came of a turn under another's lead says nothing of the network or the disk.
                Err(TurnError::Journal(_)) if clock::within(LOST_MS, leading.lost()).await.is_some() => clock::now(),
                Err(error) => {
                    failures += 1;
                    if matches!(error, TurnError::Journal(AppendError::Aborted { .. })) && leading.is_held() {
                        // Another tab took the lead after this one had it, and said so before: this one's word is the last.
                        drop(browser.journal().lead().await);
                    }
                    self.failed(&error, failures)
                }
            };
            if wait_until > clock::now() {
                self.tidy_up().await;
                select(pin!(inner.wake.until(wait_until)), pin!(leading.lost())).await;
            } else {
                clock::breathe().await;
            }
            if leading.is_lost() {
                self.status.update(|status| status.sync = SyncState::UpToDate);
                return ControlFlow::Continue(());
            }
        }
    }

    /// The same profile is in use on another tablet, or was put back as it had been: this one goes on under a number of its
    /// own. What was saved here stays as it is.
    async fn renumber(self) -> Result<(), TurnError> {
        let inner = self.inner();
        let browser = &inner.browser;
        let enrolled = browser.http().renumber(browser.journal().push_counter().await?).await?;
        self.heard(enrolled.server_time);
        browser.vault().keep_device(&enrolled).await?;
        self.read_tablet().await?;
        self.copy_anew();
        browser.tabs().tell_written();
        Ok(())
    }

    /// Another tab may have been told another number for this tablet.
    async fn hear_number(self) {
        let inner = self.inner();
        let vault = inner.browser.vault();
        let number = |device: &DeviceFacts| device.number;
        let before = inner.device.borrow().as_ref().map(number);
        if before.is_some()
            && vault.reload().await.is_ok()
            && vault.device().await.is_ok_and(|device| device.as_ref().map(number) != before)
        {
            drop(self.read_tablet().await);
        }
    }

    /// Sends pictures once all records are through. Whether there are records again; pictures that are not through wait for
    /// the next turn.
    async fn pictures_after_records(self) -> bool {
        self.send_pictures().await.unwrap_or_else(|error| {
            trace::warn(&format!("pictures have to wait: {error}"));
            false
        })
    }

    fn failed(self, error: &TurnError, failures: u32) -> Millis {
        let retry_after_s = match error {
            TurnError::Endpoint(Trouble::Busy { retry_after_s, .. }) => *retry_after_s,
            _ => None,
        };
        let until = retry_at(clock::now(), failures, retry_after_s, &mut Web);
        let sync = match error {
            TurnError::Endpoint(
                why @ (Trouble::SignIn
                | Trouble::Revoked
                | Trouble::Unknown
                | Trouble::Cloned
                | Trouble::NotUnderstood { .. }),
            ) => SyncState::Stopped { why: why.clone() },
            TurnError::Endpoint(why) => SyncState::Waiting { until, why: why.clone() },
            TurnError::Journal(why) => SyncState::Storage { why: why.clone() },
            TurnError::NewEpoch => SyncState::Sending,
            TurnError::Incomplete { .. } => {
                SyncState::Waiting { until, why: Trouble::NotUnderstood { detail: error.to_string() } }
            }
        };
        trace::warn(&format!("sync failed {failures} times in a row: {error}"));
        self.status.update(|status| status.sync = sync);
        until
    }

    /// One turn; whether another would bring more.
    async fn one_turn(self) -> Result<bool, TurnError> {
        let inner = self.inner();
        let browser = &inner.browser;
        let session = inner.session.get();
        self.status.update(|status| {
            if status.unsent > 0 && status.sync == SyncState::UpToDate {
                status.sync = SyncState::Sending;
            }
        });
        let mut news = turn(browser.journal(), browser.http()).await;
        let signed_out = match &news {
            Err(TurnError::Endpoint(Trouble::SignIn)) => self.me_now().filter(|_| inner.session.get() == session),
            _ => None,
        };
        // What waits does not wait for them: the tablet's own credential sends it, under its authors' names.
        let alone = signed_out.map(|me| {
            inner.signed_out.set(Some(me.id));
            browser.http().alone()
        });
        if alone.is_some() {
            news = turn(browser.journal(), browser.http()).await;
        }
        let pace = browser.http().pace();
        if self.status.with_untracked(|status| status.pace != pace) {
            self.status.update(|status| status.pace = pace);
        }
        let news = news?;
        self.heard(news.server_time);
        if self.me_now().is_some() {
            if inner.session.get() != session {
                // Somebody unlocked while the turn was under way, and read the journal before the page was in it.
                self.hear().await;
            } else if self.status.with_untracked(|status| status.lease_over) {
                self.renew_lease().await;
            } else {
                self.let_in(&news).await;
            }
        }
        self.count_unsent().await;
        self.keep_copy_up();
        if news.numbers.is_some() {
            self.read_numbers().await;
        }
        if !(news.accepted.is_empty() && news.refused.is_empty() && news.pulled.is_empty() && news.numbers.is_none()) {
            browser.tabs().tell_written();
        }
        let new_keys = self.agree_on_audiences(&news, session).await;
        self.refresh_lists(&news).await;
        let reads = self.me_now().is_some() && inner.session.get() == session;
        if news.behind && reads && !new_keys {
            self.fill(&news, session).await?;
        }
        let more = news.more | new_keys;
        // All is sent, and nothing comes until they sign in again.
        if alone.is_some() && !more { Err(Trouble::SignIn.into()) } else { Ok(more) }
    }

    /// The endpoint says which audiences whoever is unlocked may read. Keys of new ones are fetched, and what others of
    /// this tablet had pulled for them is read; what is theirs no longer goes out of sight. Whether another turn would
    /// bring more.
    async fn agree_on_audiences(self, news: &News, session: u32) -> bool {
        let inner = self.inner();
        let browser = &inner.browser;
        if news.streams.is_empty() || self.me_now().is_none() || inner.session.get() != session {
            return false;
        }
        let taken_away: Vec<Audience> =
            browser.vault().audiences().into_iter().filter(|held| !news.streams.contains_key(held)).collect();
        if !taken_away.is_empty() {
            // Keys that cannot be thrown away now are so after the next unlock: the endpoint says it again.
            drop(browser.vault().drop_keys(&taken_away).await);
            let mut touched = Touched::default();
            for audience in &taken_away {
                touched.and(inner.replica.borrow_mut().drop_audience(audience));
            }
            self.tell(&touched);
        }
        let new = browser.fetch_keys().await.unwrap_or(false);
        if new {
            self.read_again().await;
        }
        new
    }

    async fn let_in(self, news: &News) {
        let inner = self.inner();
        let mut touched = Touched::default();
        let held = inner.browser.vault().audiences();
        let filling = inner.fillings.get();
        {
            let (mut replica, mut stamper) = (inner.replica.borrow_mut(), inner.stamper.borrow_mut());
            for accepted in &news.accepted {
                stamper.take_in(accepted.stamp);
                let holds = |audience: &Audience| held.contains(audience);
                touched.and(replica.settle(accepted.id, accepted.stamp, accepted.device, &holds));
            }
            for (id, _) in &news.refused {
                touched.and(replica.refuse(*id));
            }
        }
        for changes in news.pulled.chunks(SLICE_CHANGES) {
            {
                let (mut replica, mut stamper) = (inner.replica.borrow_mut(), inner.stamper.borrow_mut());
                for change in changes {
                    stamper.take_in(change.stamp);
                    touched.and(replica.take_in(change));
                }
            }
            clock::breathe().await;
        }
        // A memory that came in its place meanwhile was filled from the journal.
        if inner.fillings.get() == filling {
            inner.browser.journal().let_in_turn();
        }
        if !news.refused.is_empty() {
            self.read_tray().await;
        }
        self.tell(&touched);
    }

    async fn read_tray(self) {
        let inner = self.inner();
        let browser = &inner.browser;
        if let Ok(tray) = browser.journal().tray().await {
            inner.tray.replace(tray.into_iter().map(Refused::from).collect());
            inner.tray_changed.notify();
        }
    }

    /// The endpoint said its time: that is contact, and shows how wrong the tablet's clock is.
    fn heard(self, server_time: Millis) {
        let now = clock::now();
        self.status.update(|status| {
            status.last_contact = Some(now);
            status.clock_offset_ms = Some(server_time.since(now));
        });
    }

    /// Fetches who works here. Without an answer what was known stands.
    async fn fetch_directory(self) {
        let inner = self.inner();
        if let Ok(directory) = inner.browser.http().directory().await {
            drop(inner.browser.vault().keep_directory(&directory).await);
            inner.directory.replace(Some(directory));
            inner.directory_changed.notify();
        }
    }

    /// Fetches who works here and which phones are known, where they changed.
    async fn refresh_lists(self, news: &News) {
        let inner = self.inner();
        let browser = &inner.browser;
        let known = inner.directory.borrow().as_ref().map(|directory| directory.version.clone());
        if !news.directory.is_empty() && known.as_deref() != Some(news.directory.as_str()) {
            self.fetch_directory().await;
        }
        self.fetch_packs().await;
        if self.me_now().is_some()
            && !news.known_phones.is_empty()
            && browser.vault().known_phones_version().await.as_deref() != Some(news.known_phones.as_str())
            && let Ok(bytes) = browser.http().known_phones().await
        {
            drop(browser.vault().keep_known_phones(&news.known_phones, &bytes).await);
            inner.known_phones.replace(Filter::read_with_key(&bytes).ok());
        }
    }

    /// In idle time: what was accepted becomes blocks, and the journal is trimmed.
    async fn tidy_up(self) {
        let inner = self.inner();
        let browser = &inner.browser;
        let lease_over = self.status.with_untracked(|status| status.lease_over);
        // A memory that was not filled must not be written down as all there is.
        if self.me_now().is_none() || lease_over || browser.journal().accepted_since_checkpoint() < CHECKPOINT_CHANGES {
            return;
        }
        self.hear().await; // what a leader before this one has checkpointed
        if let Err(error) = browser.journal().checkpoint(&inner.replica).await {
            trace::warn(&format!("no checkpoint: {error}"));
        }
    }
}

impl From<crate::browser::journal::Refused> for Refused {
    fn from(refused: crate::browser::journal::Refused) -> Self {
        Self { id: refused.id, reason: refused.reason, change: refused.change.map(|ranked| ranked.change) }
    }
}

impl DoorError {
    /// Why the endpoint signed nobody in.
    fn of_sign_in(trouble: Trouble) -> Self {
        match trouble {
            Trouble::SignIn => Self::WrongPin { wait_ms: 0 },
            Trouble::OutOfReach => Self::NeedsNetwork,
            Trouble::Busy { retry_after_s: Some(seconds), status: 429 } => {
                Self::WrongPin { wait_ms: i64::try_from(seconds).unwrap_or(3_600) * 1_000 }
            }
            trouble => Self::Trouble(trouble),
        }
    }
}

impl From<UnlockError> for DoorError {
    fn from(error: UnlockError) -> Self {
        match error {
            UnlockError::Wrong { wait_ms } => Self::WrongPin { wait_ms },
            UnlockError::PasskeyOver => Self::Passkey(PasskeyTrouble::Over),
            UnlockError::Unknown => Self::NeedsNetwork,
            UnlockError::Storage(error) => Self::Storage(error),
            UnlockError::Failed { detail } => Self::Failed { detail },
        }
    }
}

/// The roster, in a screen.
#[must_use]
pub fn use_roster() -> Roster {
    use_context::<Roster>().expect("main.rs provides the roster before any screen is drawn")
}
