//! A club, its tablets, and everything that can happen to them, step by step.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    rc::Rc,
};

use yingke_core::{
    audience::{Audience, Role, may_write},
    chance::{Chance, Seeded},
    change::{Change, Edit, Header, Key, Ranked},
    fixture,
    id::{ChangeId, RecordId, StaffId},
    journal::{AppendError, memory::Mood},
    probe,
    sync::{Trouble, TurnError},
    time::{DAY_MS, HOUR_MS, MINUTE_MS, Millis, SECOND_MS},
    wire::v1::{Answer, Refusal, Verdict},
};

use crate::{
    edits,
    endpoint::{Club, venue},
    network::{Ask, Shared},
    tablet::{Polled, Tablet, quietly},
};

/// A register: one field, or guarded group, of one record.
pub type Register = (RecordId, Key);

/// One save whose tick was shown.
pub struct Save {
    pub ranked: Ranked,
    pub tablet: usize,
    /// The writes to each register it writes that its author could see.
    pub seen: BTreeMap<Register, BTreeSet<ChangeId>>,
    /// What was unsent there, and on show, when it was made.
    pub unsent_before: BTreeSet<ChangeId>,
}

/// What the simulator knows to have happened.
#[derive(Default)]
pub struct Facts {
    pub saves: BTreeMap<ChangeId, Save>,
    pub writes: BTreeMap<Register, Vec<ChangeId>>,
    /// Lost with a profile that was put back as it had been.
    pub excused: BTreeSet<ChangeId>,
    /// Changes that an endpoint has accepted, with each rank that one gave them.
    pub ranks: BTreeMap<ChangeId, BTreeSet<yingke_core::stamp::Rank>>,
    pub restored: bool,
    /// Refused so far by the endpoint that there is now.
    refused: BTreeSet<ChangeId>,
    /// Refused by one before it.
    pub refused_before: BTreeSet<ChangeId>,
    /// What the endpoint answered, and may not.
    pub faults: Vec<String>,
    /// A profile was put back as it had been: until that is noticed it gives numbers that it has given.
    pub went_back: bool,
    /// How far the ledger was looked through for [`Facts::ranks`].
    rows_known: u64,
}

pub struct World {
    pub now: Millis,
    pub club: Club,
    pub tablets: Vec<Tablet>,
    pub network: Shared,
    pub facts: Facts,
    disaster: Disaster,
    is_up: bool,
    /// Whether in the end everybody has their first post again, and sends again what waits in a tray.
    posts_come_back: bool,
    /// What happened, for the words of a failure.
    pub story: Option<Vec<String>>,
}

/// Of what destroys a copy of the work, a seed meets one kind: two at once can destroy both copies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Disaster {
    ProfilesGoBack,
    EndpointGoesBack,
    DisksTear,
}

/// One thing that happens, and all its chance.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Step(pub u64);

macro_rules! whats {
    ($($weight:literal $what:ident)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum What { $($what),* }
        const WHATS: &[(u64, What)] = &[$(($weight, What::$what)),*];
    };
}

whats! {
    70 Save
    34 Turn
    14 BeginTurn
    26 GoOn
    26 Deliver
    3 RepeatOld
    16 Hear
    8 Pass
    4 Crash
    2 LosePower
    3 OpenTab
    2 CloseTab
    2 StealLead
    3 Lock
    6 Unlock
    5 Clock
    2 Staff
    5 Checkpoint
    3 Tear
    3 Disk
    3 Tray
    1 BackUp
    1 Restore
    1 Network
    1 CopyProfile
    1 RestoreProfile
    2 HandOver
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x} {:?}", self.0, self.what(&mut Seeded::new(self.0)))
    }
}

impl Step {
    fn what(self, dice: &mut Seeded) -> What {
        let total: u64 = WHATS.iter().map(|(weight, _)| weight).sum();
        let mut left = dice.below(total);
        for (weight, what) in WHATS {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return *what,
            }
        }
        unreachable!("what is left is less than the total")
    }
}

/// A clock that is off by years, and that goes back.
const CLOCKS_MS: [i64; 8] = [
    0,
    HOUR_MS,
    -HOUR_MS,
    2 * DAY_MS,
    -2 * DAY_MS,
    2_300_000_000_000,               // 2099
    -(fixture::NOW.0 - 7 * HOUR_MS), // 1970
    4 * MINUTE_MS,
];

impl World {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut dice = Seeded::new(seed ^ 0x5eed);
        let network = Shared::default();
        let mut club = Club::new();
        let count = 3 + dice.below(2) as usize;
        let tablets = (0..count).map(|place| {
            let here = venue(if place == 3 { 2 } else { 1 });
            Tablet::new(place, club.new_device(), here, network.clone())
        });
        let tablets: Vec<Tablet> = tablets.collect();
        let mut world = Self {
            now: fixture::NOW,
            club,
            tablets,
            network,
            facts: Facts::default(),
            disaster: [Disaster::ProfilesGoBack, Disaster::EndpointGoesBack, Disaster::DisksTear]
                [dice.below(3) as usize],
            is_up: true,
            posts_come_back: false,
            story: None,
        };
        for place in 0..world.tablets.len() {
            let person = world.someone_of(place, &mut dice);
            world.sign_in(place, person);
        }
        world.posts_come_back = dice.below(4) > 0;
        world
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(line());
        }
    }

    /// Somebody who works at a tablet's venue; anybody, where nobody is left.
    fn someone_of(&self, place: usize, dice: &mut Seeded) -> StaffId {
        let here = self.tablets[place].venue;
        let of_here = self.club.house.staff.values().filter(|staff| staff.venue == here).map(|staff| staff.id);
        let mut staff: Vec<StaffId> = of_here.collect();
        if staff.is_empty() {
            staff.extend(self.club.house.staff.keys());
        }
        staff[dice.below(staff.len() as u64) as usize]
    }

    /// A first unlock, or a renewal: it needs the endpoint, and brings keys.
    fn sign_in(&mut self, place: usize, person: StaffId) -> bool {
        let tablet = &mut self.tablets[place];
        let Some(held) = self.club.held(person, tablet.venue).filter(|_| self.is_up) else { return false };
        tablet.keys.insert(person, held);
        tablet.unlock(Some(person));
        true
    }

    pub fn step(&mut self, step: Step) {
        let mut dice = Seeded::new(step.0);
        let what = step.what(&mut dice);
        self.now = self.now.plus(dice.below(20 * SECOND_MS as u64) as i64);
        let place = dice.below(self.tablets.len() as u64) as usize;
        let tab = dice.below(self.tablets[place].tabs.len() as u64) as usize;
        self.tell(|| format!("{what:?} on tablet {place} tab {tab}"));
        match what {
            What::Save => self.save(place, tab, &mut dice),
            What::Turn => self.whole_turn(place, tab, &mut dice),
            // Its request is on its way while others begin theirs.
            What::BeginTurn => {
                self.tablets[place].begin_turn(tab);
                drop(self.go_on(place, tab));
            }
            What::GoOn => drop(self.go_on(place, tab)),
            What::Deliver => self.deliver_some(&mut dice),
            What::RepeatOld => self.repeat_old(&mut dice),
            What::Hear => self.tablets[place].hear(tab),
            What::Pass => {
                let spans = [MINUTE_MS, HOUR_MS, 12 * HOUR_MS, 3 * DAY_MS, 40 * DAY_MS];
                let span = spans[dice.below(spans.len() as u64 + 6) as usize % spans.len()];
                probe::note("fault: weeks offline", span > 30 * DAY_MS);
                self.now = self.now.plus(span);
            }
            What::Crash => {
                probe::note("fault: crash in the middle of a turn", self.tablets[place].is_turning(tab));
                self.crash(place, false, &mut dice);
            }
            What::LosePower => {
                probe::note("fault: power lost", true);
                self.crash(place, true, &mut dice);
            }
            What::OpenTab if self.tablets[place].tabs.len() < 3 => {
                probe::note("fault: several tabs", true);
                self.tablets[place].open_tab();
            }
            What::OpenTab => {}
            What::CloseTab => self.tablets[place].close_tab(tab),
            What::StealLead => {
                probe::note(
                    "fault: lead stolen from a turn",
                    (0..self.tablets[place].tabs.len())
                        .any(|other| other != tab && self.tablets[place].is_turning(other)),
                );
                self.tablets[place].lead(tab);
            }
            What::Lock => self.tablets[place].unlock(None),
            What::Unlock => {
                let person = self.someone_of(place, &mut dice);
                let knows = self.tablets[place].keys.contains_key(&person);
                if knows && dice.below(2) == 0 {
                    self.tablets[place].unlock(Some(person)); // with the PIN, without network
                } else {
                    self.sign_in(place, person);
                }
            }
            What::Clock => {
                let jump = CLOCKS_MS[dice.below(CLOCKS_MS.len() as u64) as usize];
                probe::note("fault: clock far ahead", jump > 400 * DAY_MS);
                probe::note("fault: clock far behind", jump < -400 * DAY_MS);
                self.tablets[place].clock_ms = jump + dice.below(2_000) as i64;
            }
            What::Staff => self.change_staff(&mut dice),
            What::Checkpoint => {
                let written = self.tablets[place].checkpoint(tab);
                probe::note("fault: checkpoint", written);
                // Another tab may want the same, and not have heard of this one.
                let tabs = self.tablets[place].tabs.len() as u64;
                let other = (tab + 1 + dice.below(tabs) as usize) % self.tablets[place].tabs.len();
                if written && other != tab {
                    probe::note(
                        "fault: a checkpoint after one that was missed",
                        !self.tablets[place].checkpoint(other),
                    );
                }
            }
            What::Tear => {
                let torn = self.disaster == Disaster::DisksTear && self.tablets[place].disk.tear(dice.next_u64());
                probe::note("fault: torn row", torn);
                // Somebody may read it while others go on with what they read before.
                if dice.below(3) > 0 {
                    self.crash(place, false, &mut dice);
                }
            }
            What::Disk => {
                let moods = [Mood::Well, Mood::Full, Mood::Closed];
                let mood = moods[dice.below(3) as usize];
                probe::note("fault: disk full", mood == Mood::Full);
                probe::note("fault: disk closed", mood == Mood::Closed);
                self.tablets[place].disk.set_mood(mood);
            }
            What::Tray => self.tend_tray(place, tab, &mut dice),
            What::BackUp => self.club.back_up(self.now),
            What::Restore => {
                if self.disaster == Disaster::EndpointGoesBack {
                    let restored = self.club.restore(self.now);
                    probe::note("fault: endpoint restored from an older copy", restored);
                    if restored {
                        (self.facts.restored, self.facts.rows_known) = (true, 0);
                        let refused = std::mem::take(&mut self.facts.refused);
                        self.facts.refused_before.extend(refused);
                    }
                }
            }
            What::Network => {
                self.is_up = !self.is_up;
                probe::note("fault: network down", !self.is_up);
            }
            What::CopyProfile => self.tablets[place].copy_profile(),
            What::RestoreProfile => self.restore_profile(place),
            What::HandOver => self.hand_over(place, &mut dice),
        }
    }

    // ---- Saves ----------------------------------------------------------------------------------------------

    fn save(&mut self, place: usize, tab: usize, dice: &mut Seeded) {
        let tablet = &self.tablets[place];
        let Some(author) = tablet.person.filter(|_| !tablet.tabs[tab].unread) else { return };
        let Some(edits) = edits::draw(&self.club.house, tablet, tab, author, dice) else { return };
        self.keep(place, tab, author, edits, dice);
    }

    fn keep(&mut self, place: usize, tab: usize, author: StaffId, edits: Vec<Edit>, dice: &mut Seeded) {
        let tablet = &mut self.tablets[place];
        let made_at = tablet.now(self.now);
        let told_at = made_at.plus(tablet.known_offset_ms);
        let header = Header {
            id: ChangeId::new(told_at, dice),
            organisation: fixture::organisation(),
            author,
            device: tablet.number,
            made_at,
            clock_offset_ms: tablet.known_offset_ms,
            pack: 1,
            form: "F-03".into(),
        };
        let id = header.id;
        let change = Change::new(header, edits, dice);
        let disk = tablet.disk.clone();
        let tab = &mut tablet.tabs[tab];
        let stamp = tab.stamper.next(told_at);
        let ranked = Ranked::provisional(stamp, change);
        let mut seen = BTreeMap::new();
        for edit in ranked.change.edits() {
            for write in &edit.writes {
                let register = (edit.record, write.key.clone());
                let known = self.facts.writes.get(&register).into_iter().flatten();
                let before: BTreeSet<ChangeId> =
                    known.filter(|id| tab.view.contains_key(&(**id, edit.record))).copied().collect();
                seen.insert(register, before);
            }
        }
        let unsent_before = tab.replica.unsent().map(|unsent| unsent.change.id()).collect();
        match tab.save(&disk, ranked.clone()) {
            Ok(()) => {
                for register in seen.keys() {
                    self.facts.writes.entry(register.clone()).or_default().push(id);
                }
                self.facts.saves.insert(id, Save { ranked, tablet: place, seen, unsent_before });
                self.tell(|| format!("  saved {id} at {stamp}"));
            }
            // The form stays as it is; nobody was told that it was saved.
            Err(AppendError::Full { .. }) => probe::note("fault: a save on a full disk", true),
            Err(AppendError::Closed) => probe::note("fault: a save on a closed disk", true),
            Err(other) => panic!("a save failed: {other}"),
        }
    }

    // ---- Turns ----------------------------------------------------------------------------------------------

    fn go_on(&mut self, place: usize, tab: usize) -> Option<Result<bool, TurnError>> {
        match self.tablets[place].go_on(tab, self.now) {
            Polled::NotTurning | Polled::Waiting => None,
            Polled::Ended(ended) => {
                self.turn_ended(place, &ended);
                Some(ended)
            }
        }
    }

    fn turn_ended(&mut self, place: usize, ended: &Result<bool, TurnError>) {
        self.tell(|| format!("  turn ended: {ended:?}"));
        match ended {
            Ok(_) | Err(TurnError::NewEpoch | TurnError::Journal(_)) => {}
            Err(TurnError::Endpoint(Trouble::OutOfReach)) => probe::note("fault: out of reach", true),
            Err(TurnError::Endpoint(Trouble::Stranger { .. })) => probe::note("fault: a captive portal", true),
            Err(TurnError::Endpoint(Trouble::Busy { .. })) => probe::note("fault: the endpoint is busy", true),
            Err(TurnError::Endpoint(Trouble::SignIn)) => self.tablets[place].unlock(None),
            Err(TurnError::Endpoint(Trouble::Cloned)) => {
                // A copy gets a number of its own.
                self.tablets[place].number = self.club.renumbered(self.tablets[place].number);
                self.tablets[place].disk.forget_numbers();
                probe::note("fault: a copy was renumbered", true);
            }
            Err(TurnError::Endpoint(Trouble::NotUnderstood { .. })) => probe::note("fault: a reply cut short", true),
            Err(TurnError::Endpoint(Trouble::Revoked)) => unreachable!("nobody revokes here"),
            Err(TurnError::Endpoint(Trouble::Unknown)) => {
                unreachable!("the endpoint of the simulator asks for no token")
            }
            Err(TurnError::Incomplete { of }) => panic!("a page of {of} is said to be incomplete"),
        }
    }

    /// The endpoint takes a request in; its reply may never arrive.
    fn deliver(&mut self, id: u64) -> Result<Rc<[u8]>, Trouble> {
        let network = self.network.borrow();
        let call = network.call(id);
        let tablet = &self.tablets[call.tablet];
        let is_push = matches!(call.ask, Ask::Sync(_));
        let reply = match &call.ask {
            Ask::Sync(body) => self.club.answer(tablet.number, tablet.venue, call.person, body, self.now),
            Ask::Snapshot { after } => self.club.snapshot(tablet.venue, call.person, *after, self.now),
        };
        drop(network);
        if let (true, Ok(reply)) = (is_push, &reply) {
            self.verdicts_are_just(reply);
        }
        for row in self.club.rows_after(self.facts.rows_known) {
            self.facts.rows_known = row.number;
            let (id, rank) = (row.ranked.change.id(), row.ranked.rank());
            let is_new = self.facts.ranks.entry(id).or_default().insert(rank);
            // What was refused before keeps the rank of then.
            let off_ms = rank.stamp.millis().since(self.now);
            if is_new && !self.facts.refused.contains(&id) && !(-401 * DAY_MS..6 * MINUTE_MS).contains(&off_ms) {
                self.facts.faults.push(format!("{id} was taken under a clock that is off by {off_ms} ms"));
            }
        }
        reply
    }

    /// Nobody writes where they may not, and nobody is kept from writing where they may.
    fn verdicts_are_just(&mut self, reply: &[u8]) {
        let answer: Answer = serde_json::from_slice(reply).expect("an answer can be read");
        for verdict in answer.verdicts {
            let id = verdict.id();
            if matches!(verdict, Verdict::Refused { .. }) {
                self.facts.refused.insert(id);
            }
            let Some(save) = self.facts.saves.get(&id) else { continue };
            let author = self.club.house.active(save.ranked.change.header.author);
            let may = |audience: &Audience| {
                author.is_some_and(|author| may_write(author.id, author.role, author.venue, audience))
            };
            let may_all = save.ranked.change.edits().all(|edit| may(&edit.audience));
            // Agreements are begun by whom the matrix lets draw one up; of guests a consultant writes on their own.
            let draws_up = |post: Role| matches!(post, Role::Consultant | Role::FrontDesk);
            let of_kind = |kind: &str| save.ranked.change.edits().any(|edit| edit.kind.as_str() == kind);
            let draws_none = of_kind("agreement") && author.is_some_and(|author| !draws_up(author.role));
            let of_others = of_kind("person") && author.is_some_and(|author| author.role == Role::Consultant);
            let fault = match verdict {
                Verdict::Accepted { had: false, .. } if !may_all => "was taken, and its author may not write there",
                Verdict::Accepted { had: false, .. } if draws_none => "was taken, and is not its author's to write",
                Verdict::Refused { reason: Refusal::NotAllowed { what: None, .. }, .. } if may_all => {
                    "was refused, and its author may write there"
                }
                Verdict::Refused { reason: Refusal::NotAllowed { what: Some(_), .. }, .. }
                    if !(draws_none || of_others) =>
                {
                    "was refused, and is its author's to write"
                }
                Verdict::Accepted { .. } | Verdict::Refused { .. } | Verdict::Later { .. } => continue,
            };
            self.facts.faults.push(format!("{id} {fault}"));
        }
    }

    /// One turn from its beginning to its end, and the blocks that follow it, as far as they come.
    fn whole_turn(&mut self, place: usize, tab: usize, dice: &mut Seeded) {
        self.tablets[place].begin_turn(tab);
        for _ in 0..24 {
            if self.go_on(place, tab).is_some() {
                if !self.tablets[place].is_behind(tab) {
                    return;
                }
                self.tablets[place].begin_turn(tab);
            }
            let waits = self.network.borrow().of(place);
            if let Some(id) = waits {
                self.meet_fate(id, dice);
            }
        }
    }

    fn deliver_some(&mut self, dice: &mut Seeded) {
        let awaited = self.network.borrow().awaited();
        if awaited.is_empty() {
            return;
        }
        let id = awaited[dice.below(awaited.len() as u64) as usize];
        probe::note("fault: reordered", awaited[0] != id);
        self.meet_fate(id, dice);
    }

    fn meet_fate(&mut self, id: u64, dice: &mut Seeded) {
        let reply = if !self.is_up {
            Err(Trouble::OutOfReach)
        } else {
            // A stream of blocks lasts longer than an answer, and is cut more often.
            let is_stream = matches!(self.network.borrow().call(id).ask, Ask::Snapshot { .. });
            match dice.below(20) {
                0 => {
                    probe::note("fault: request lost", true);
                    Err(Trouble::OutOfReach)
                }
                1 | 2 => {
                    probe::note("fault: reply lost after it was applied", true);
                    let _ = self.deliver(id);
                    Err(Trouble::OutOfReach)
                }
                3 => {
                    probe::note("fault: delivered twice", true);
                    let _ = self.deliver(id);
                    self.deliver(id)
                }
                4 => Err(Trouble::Stranger { detail: "200 with HTML".into() }),
                5 => Err(Trouble::Busy { status: 503, retry_after_s: None }),
                fate if fate == 6 || (is_stream && fate > 12) => {
                    let reply = self.deliver(id);
                    reply.map(|body| body[..dice.below(body.len() as u64) as usize].into())
                }
                _ => self.deliver(id),
            }
        };
        self.network.borrow_mut().answer(id, reply);
    }

    fn repeat_old(&mut self, dice: &mut Seeded) {
        let old = self.network.borrow().old();
        if old.is_empty() || !self.is_up {
            return;
        }
        probe::note("fault: an old request repeated", true);
        let _ = self.deliver(old[dice.below(old.len() as u64) as usize]);
    }

    // ---- People ---------------------------------------------------------------------------------------------

    fn change_staff(&mut self, dice: &mut Seeded) {
        let place = dice.below(self.club.house.staff.len() as u64) as usize;
        let staff = self.club.house.staff.values_mut().nth(place).expect("there are as many");
        match dice.below(4) {
            0 => staff.active = !staff.active,
            1 => staff.venue = venue(1 + dice.below(2) as u8),
            _ => {
                let roles = [Role::Consultant, Role::FrontDesk, Role::FrontDeskSupervisor, Role::StoreManager];
                staff.role = roles[dice.below(roles.len() as u64) as usize];
            }
        }
        probe::note("fault: staff changed", true);
    }

    fn tend_tray(&mut self, place: usize, tab: usize, dice: &mut Seeded) {
        let tray = self.tablets[place].disk.tray();
        if tray.is_empty() {
            return;
        }
        let (id, reason) = &tray[dice.below(tray.len() as u64) as usize];
        if !is_hopeless(reason) {
            let tablet = &mut self.tablets[place];
            let sent_again = quietly(&tablet.disk, tablet.tabs[tab].journal.resend(*id)).is_ok();
            probe::note("fault: a refused change sent again", sent_again);
            tablet.hear(tab);
        }
    }

    // ---- Tablets --------------------------------------------------------------------------------------------

    fn crash(&mut self, place: usize, power: bool, dice: &mut Seeded) {
        let before = self.tablets[place].person;
        self.tablets[place].crash(power);
        if dice.below(3) > 0 {
            self.tablets[place].unlock(before);
        }
    }

    fn restore_profile(&mut self, place: usize) {
        if self.disaster != Disaster::ProfilesGoBack {
            return;
        }
        let before: BTreeSet<ChangeId> = self.tablets[place].disk.all_own().into_iter().collect();
        let restored = self.tablets[place].restore_profile();
        probe::note("fault: profile restored", restored);
        self.facts.went_back |= restored;
        let after: BTreeSet<ChangeId> = self.tablets[place].disk.all_own().into_iter().collect();
        self.facts.excused.extend(before.difference(&after));
    }

    /// A file with all that is unsent, carried to another tablet of the venue.
    fn hand_over(&mut self, place: usize, dice: &mut Seeded) {
        let other = dice.below(self.tablets.len() as u64) as usize;
        let same_venue = self.tablets[other].venue == self.tablets[place].venue;
        if other == place || !same_venue {
            return;
        }
        let file = self.tablets[place].disk.hand_over();
        let tablet = &self.tablets[other];
        let new = quietly(&tablet.disk, tablet.tabs[0].journal.take_over(&file)).unwrap_or_default();
        probe::note("fault: carried by hand", new > 0);
    }

    // ---- Healing --------------------------------------------------------------------------------------------

    /// Everything works from here on: turns until nobody has anything to send and nothing is new. Tablets that fail
    /// to come to rest are named.
    ///
    /// # Errors
    /// Says which tablet still has something to send.
    pub fn heal(&mut self) -> Result<(), String> {
        self.is_up = true;
        for place in 0..self.tablets.len() {
            let tablet = &mut self.tablets[place];
            tablet.disk.set_mood(Mood::Well);
            tablet.crash(false);
            tablet.open_tab();
            let anyone: Vec<StaffId> = self.club.house.staff.keys().copied().collect();
            let _ = anyone.into_iter().any(|person| self.sign_in(place, person));
        }
        if self.posts_come_back {
            self.club.give_posts_back();
            (0..self.tablets.len()).for_each(|place| self.empty_tray(place));
        }
        let began = self.now;
        // A healthy network needs as many turns as there are pushes, and some for epochs and copies.
        for _ in 0..ROUNDS_MAX {
            let mut quiet = true;
            for place in 0..self.tablets.len() {
                quiet &= self.healthy_turn(place) && self.tablets[place].disk.unsent().is_empty();
                (0..self.tablets[place].tabs.len()).for_each(|tab| self.tablets[place].hear(tab));
            }
            self.now = self.now.plus(MINUTE_MS);
            if quiet {
                return Ok(());
            }
        }
        let waited = self.now.since(began) / MINUTE_MS;
        let unsent: Vec<usize> = self.tablets.iter().map(|tablet| tablet.disk.unsent().len()).collect();
        Err(format!("after {waited} minutes of good network there are still {unsent:?} changes to send"))
    }

    /// What waits in a tray is sent again, the last made first and each by itself.
    fn empty_tray(&mut self, place: usize) {
        for (id, reason) in self.tablets[place].disk.tray().into_iter().rev() {
            let tablet = &mut self.tablets[place];
            let sent_again = !is_hopeless(&reason) && quietly(&tablet.disk, tablet.tabs[0].journal.resend(id)).is_ok();
            probe::note("fault: a refused change sent again at last", sent_again);
            tablet.hear(0);
            self.healthy_turn(place);
        }
    }

    /// Lets a healthy tablet come to rest as the person who is unlocked now; `false` if the endpoint does not let
    /// them in.
    ///
    /// # Errors
    /// When it does not come to rest.
    pub fn settled_as(&mut self, place: usize) -> Result<bool, String> {
        for _ in 0..ROUNDS_MAX {
            let quiet = self.healthy_turn(place);
            (0..self.tablets[place].tabs.len()).for_each(|tab| self.tablets[place].hear(tab));
            if self.tablets[place].person.is_none() || quiet {
                let has_all = quiet && self.healthy_turn(place);
                if has_all && self.tablets[place].pulled > 0 {
                    return Err(format!("tablet {place} is brought again what it has"));
                }
                return Ok(quiet);
            }
        }
        Err(format!("tablet {place} has something new again and again"))
    }

    /// Whether it brought nothing new.
    fn healthy_turn(&mut self, place: usize) -> bool {
        let accepted = self.club.accepted().len();
        self.tablets[place].begin_turn(0);
        for _ in 0..12 {
            if let Some(ended) = self.go_on(place, 0) {
                return matches!(ended, Ok(false)) && self.club.accepted().len() == accepted;
            }
            let waits = self.network.borrow().of(place);
            if let Some(id) = waits {
                let reply = self.deliver(id);
                self.network.borrow_mut().answer(id, reply);
            }
        }
        false
    }
}

/// What no form allows would come back for ever; its author gives it up or makes another.
fn is_hopeless(reason: &Refusal) -> bool {
    matches!(reason, Refusal::Invalid { .. } | Refusal::Malformed { .. })
}

/// Minutes after healing, at most, until everything is sent: 200 saves at 4 a push, all on one tablet, are 50.
const ROUNDS_MAX: usize = 80;
