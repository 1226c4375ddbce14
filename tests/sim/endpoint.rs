//! The endpoint: the exchange that ships, over the ledger's twin in memory, with its club and its backups.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use p256::SecretKey;
use yingke_core::{
    audience::{Audience, Role},
    change::Ranked,
    codec, fixture,
    id::{ChangeId, DeviceNumber, RecordId, StaffId, VenueId},
    journal::KEPT_FOR_RESTORE_MS,
    probe,
    sync::{Trouble, now_or_never},
    time::Millis,
    wire::v1::{SealedChange, Staff, Venue},
};
use yingke_server::{
    exchange::{self, Caller, Push, PushError, Versions},
    house::House,
    keys::Secrets,
    ledger::{Ledger, LedgerError, LedgerRow, memory::MemoryLedger},
    packs::InForce,
    register::Device,
    sealed,
    snapshot::Place,
    verify,
};

/// Who works here: number, role, venue.
const STAFF: [(u8, Role, u8); 6] = [
    (1, Role::Consultant, 1),
    (2, Role::Consultant, 1),
    (3, Role::FrontDesk, 1),
    (4, Role::FrontDeskSupervisor, 1),
    (5, Role::StoreManager, 1),
    (6, Role::Consultant, 2),
];

/// Changes in a page, and in a block: so few that tablets fall behind and are filled by blocks.
const PAGE_CHANGES_MAX: usize = 8;

#[must_use]
pub fn venue(number: u8) -> VenueId {
    VenueId::from_bytes(fixture::id_bytes(number))
}

pub struct Club {
    pub house: House,
    pub ledger: MemoryLedger,
    secrets: Rc<Secrets>,
    epochs: u32,
    devices: u32,
    /// Of tablets that were told apart from the one that they are copies of, the number of that one.
    origins: BTreeMap<DeviceNumber, DeviceNumber>,
    backup: Option<(Millis, MemoryLedger)>,
}

thread_local! {
    // The curve costs more than all the rest of a seed, and any keys will do.
    static SECRETS: Rc<Secrets> = {
        let recovery = SecretKey::from_slice(&[7; 32]).expect("a key of the curve");
        Rc::new(Secrets { master: [7; 32], recovery })
    };
    static SEALER: sealed::Sealer = {
        let ephemeral = SecretKey::from_slice(&[9; 32]).expect("a key of the curve");
        sealed::Sealer::new(&SECRETS.with(|secrets| secrets.recovery.public_key()), &ephemeral)
    };
}

/// Seals as a tablet does for the endpoint alone.
#[must_use]
pub fn seal(ranked: &Ranked) -> SealedChange {
    SEALER.with(|sealer| sealer.seal(fixture::organisation(), ranked, [5; 12]))
}

impl Club {
    #[must_use]
    pub fn new() -> Self {
        let staff = STAFF.map(|(number, role, place)| {
            let id = fixture::staff(number);
            (id, Staff { id, name: "林悦".into(), role, venue: venue(place), active: true })
        });
        let venues = [1, 2].map(|number| {
            let id = venue(number);
            let venue = Venue {
                id,
                name: "未来店".into(),
                pack: "fitness".into(),
                utc_offset_minutes: 480,
                lease_days: 14,
                lock_minutes: 5,
            };
            (id, venue)
        });
        let house = House {
            organisation: fixture::organisation(),
            name: "松风体育".into(),
            venues: venues.into(),
            staff: staff.into(),
            staff_before: BTreeMap::new(),
            packs: InForce::shipped(),
        };
        let secrets = SECRETS.with(Rc::clone);
        let ledger = MemoryLedger::new("e1");
        ledger.set_page_max(PAGE_CHANGES_MAX);
        Self { house, ledger, secrets, epochs: 1, devices: 0, origins: BTreeMap::new(), backup: None }
    }

    /// Whatever became of them, everybody does again what they did at first.
    pub fn give_posts_back(&mut self) {
        for (number, role, place) in STAFF {
            let staff = self.house.staff.get_mut(&fixture::staff(number)).expect("everybody was there at first");
            (staff.role, staff.venue, staff.active) = (role, venue(place), true);
        }
    }

    pub fn new_device(&mut self) -> DeviceNumber {
        self.devices += 1;
        DeviceNumber(self.devices)
    }

    /// A number for a tablet that turned out to be a copy.
    pub fn renumbered(&mut self, from: DeviceNumber) -> DeviceNumber {
        let number = self.new_device();
        let origin = self.origins.get(&from).copied().unwrap_or(from);
        self.origins.insert(number, origin);
        self.ledger.set_origin(number, origin);
        number
    }

    /// Answers one request, as `http.rs` and `exchange.rs` do together.
    pub fn answer(
        &self,
        device: DeviceNumber,
        place: VenueId,
        person: Option<StaffId>,
        body: &[u8],
        now: Millis,
    ) -> Result<Rc<[u8]>, Trouble> {
        let works_here = person.is_none_or(|person| self.works_at(person, place));
        if !works_here {
            probe::note("fault: a credential has run out", true);
            return Err(Trouble::SignIn);
        }
        let push: Push = serde_json::from_slice(body).expect("what core pushes can be read");
        let device = Device {
            organisation: self.house.organisation,
            number: device,
            origin: self.origins.get(&device).copied().unwrap_or(device),
            venue: place,
            name: "A-01".into(),
        };
        let caller = Caller { device: &device, person };
        let run = exchange::run(&self.ledger, &self.house, &self.secrets, caller, push, Versions::default(), now);
        match now_or_never(run) {
            Ok(answer) => Ok(serde_json::to_vec(&answer).expect("an answer is plain data").into()),
            Err(PushError::Ledger(LedgerError::Cloned { .. })) => Err(Trouble::Cloned),
            Err(other) => panic!("the exchange failed: {other}"),
        }
    }

    /// Everything that somebody may see after a number, in blocks, one after the other.
    pub fn snapshot(
        &self,
        place: VenueId,
        person: Option<StaffId>,
        after: u64,
        now: Millis,
    ) -> Result<Rc<[u8]>, Trouble> {
        let held = person.and_then(|person| self.held(person, place)).ok_or(Trouble::SignIn)?;
        let mut at = now_or_never(Place::after(&self.ledger, &self.house, held, after)).expect("the twin answers");
        let mut bytes = Vec::new();
        while at.more() {
            bytes.extend(now_or_never(at.block(&self.ledger, &self.house, now)).expect("the twin answers"));
        }
        Ok(bytes.into())
    }

    fn works_at(&self, person: StaffId, place: VenueId) -> bool {
        self.house.active(person).is_some_and(|staff| staff.venue == place)
    }

    pub fn back_up(&mut self, now: Millis) {
        self.epochs += 1;
        self.backup = Some((now, self.ledger.copy(&format!("e{}", self.epochs))));
    }

    /// Puts the last backup in place, if there is one that tablets remember.
    pub fn restore(&mut self, now: Millis) -> bool {
        let is_remembered = |backup: &mut (Millis, _)| now.since(backup.0) < KEPT_FOR_RESTORE_MS;
        let Some((_, backup)) = self.backup.take_if(is_remembered) else { return false };
        self.ledger = backup;
        true
    }

    /// Which audiences somebody may hold now, and whether they work at this venue at all.
    #[must_use]
    pub fn held(&self, person: StaffId, place: VenueId) -> Option<BTreeSet<Audience>> {
        let staff = self.house.active(person).filter(|staff| staff.venue == place)?;
        let written = now_or_never(self.ledger.heads(self.house.organisation)).expect("the twin answers");
        Some(self.house.held(staff, written.keys()))
    }

    /// The whole ledger.
    #[must_use]
    pub fn rows(&self) -> Vec<LedgerRow> {
        self.rows_after(0)
    }

    #[must_use]
    pub fn rows_after(&self, number: u64) -> Vec<LedgerRow> {
        now_or_never(self.ledger.rows(self.house.organisation, number, usize::MAX)).expect("the twin answers")
    }

    /// The current records as bytes.
    #[must_use]
    pub fn records(&self) -> BTreeMap<RecordId, Vec<u8>> {
        let records = now_or_never(self.ledger.records(self.house.organisation, None, None, usize::MAX));
        records.expect("the twin answers").iter().map(|record| (record.id, codec::record_bytes(record))).collect()
    }

    /// What `verify` finds.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        now_or_never(verify::run(&self.ledger, self.house.organisation)).expect("the twin answers").faults
    }

    #[must_use]
    pub fn accepted(&self) -> BTreeSet<ChangeId> {
        self.rows().iter().map(|row| row.ranked.change.id()).collect()
    }
}
