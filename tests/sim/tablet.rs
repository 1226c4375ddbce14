//! A tablet: one disk, some tabs, a clock that may lie, and whoever is unlocked.
//!
//! What ties journal, turn, replica and stamper together in the client is `app/roster.rs`; a tab here follows it
//! line by line.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    rc::Rc,
    sync::Arc,
};

use yingke_core::{
    audience::Audience,
    change::Ranked,
    id::{ChangeId, DeviceNumber, RecordId, StaffId, VenueId},
    journal::{
        AppendError, Journal,
        memory::{Contents, Damage, Disk, DiskCopy, MemoryJournal, Unlocked},
    },
    record::Record,
    replica::Replica,
    stamp::Stamper,
    sync::{Filled, Filling, News, Trouble, TurnError, now_or_never, turn},
    time::Millis,
};

use crate::network::{Shared, Wire, WireBlocks};

/// What somebody can see: of which change what it did to which record, and for whom.
type View = BTreeMap<(ChangeId, RecordId), Audience>;

/// What each block stands for: the simulator knows, and the disk does not say.
type InBlocks = BTreeMap<Audience, View>;

pub struct Tablet {
    pub place: usize,
    pub number: DeviceNumber,
    pub venue: VenueId,
    pub disk: Arc<Disk>,
    pub tabs: Vec<Tab>,
    /// Its clock less the true time.
    pub clock_ms: i64,
    /// What it believes the endpoint's time to be, less its own.
    pub known_offset_ms: i64,
    pub person: Option<StaffId>,
    /// The audiences that each person's unlock opens here.
    pub keys: BTreeMap<StaffId, BTreeSet<Audience>>,
    in_blocks: Rc<RefCell<InBlocks>>,
    pub copy: Option<(DiskCopy, InBlocks)>,
    /// Changes that the last turn brought.
    pub pulled: usize,
    network: Shared,
}

/// What a tab is at: a turn, the beginning of a filling, or its next block.
type Turning = Pin<Box<dyn Future<Output = Went>>>;

enum Went {
    Turned(Result<News, TurnError>),
    Began(Result<Filling<WireBlocks>, Trouble>),
    Filled(Filling<WireBlocks>, Result<Option<(News, Filled)>, TurnError>),
}

/// How a tab goes on that has more to read.
enum Behind {
    After(News),
    In(Filling<WireBlocks>),
}

pub struct Tab {
    pub journal: Rc<MemoryJournal>,
    pub replica: Replica,
    pub stamper: Stamper,
    /// Everything that has come into the replica and is still on show.
    pub view: View,
    /// A turn under way, and the unlock that it began under.
    turning: Option<(u64, Turning)>,
    behind: Option<Behind>,
    /// Damage that has not been fetched again yet: nothing of it may be written over.
    damages: Vec<Damage>,
    session: u64,
    /// The disk was closed when this tab wanted to read it: nothing is on show, and nobody can save.
    pub unread: bool,
    /// Whether the endpoint can be told in short where this tablet stands.
    takes_cuts: Rc<Cell<bool>>,
}

/// What became of a turn that was polled.
pub enum Polled {
    NotTurning,
    Waiting,
    Ended(Result<bool, TurnError>),
}

impl Tablet {
    #[must_use]
    pub fn new(place: usize, number: DeviceNumber, venue: VenueId, network: Shared) -> Self {
        let disk = Arc::new(Disk::default());
        disk.set_seal(Box::new(crate::endpoint::seal));
        disk.set_push_changes_max(4);
        let mut tablet = Self {
            place,
            number,
            venue,
            disk,
            tabs: Vec::new(),
            clock_ms: 0,
            known_offset_ms: 0,
            person: None,
            keys: BTreeMap::new(),
            in_blocks: Rc::default(),
            copy: None,
            pulled: 0,
            network,
        };
        tablet.open_tab();
        tablet
    }

    pub fn unlocked(&self) -> Unlocked {
        let audiences = self.person.and_then(|person| self.keys.get(&person)).cloned().unwrap_or_default();
        Unlocked { staff: self.person, audiences }
    }

    /// One more tab. The first to open leads.
    pub fn open_tab(&mut self) {
        let mut tab = Tab::on(self.disk.clone());
        tab.journal.unlock(self.unlocked());
        self.network.borrow_mut().is_unlocked(self.place, self.unlocked());
        if self.tabs.is_empty() {
            // A disk that is closed now is asked again before the first push.
            let _ = quietly(&self.disk, tab.journal.lead());
        }
        tab.read_everything(&self.disk, &self.in_blocks.borrow());
        self.tabs.push(tab);
    }

    /// Another tab takes the lead: it was in front, the one before had frozen.
    pub fn lead(&mut self, tab: usize) {
        let _ = quietly(&self.disk, self.tabs[tab].journal.lead());
    }

    /// Somebody unlocks, or everybody is locked out.
    pub fn unlock(&mut self, person: Option<StaffId>) {
        self.person = person;
        let unlocked = self.unlocked();
        self.network.borrow_mut().is_unlocked(self.place, unlocked.clone());
        for tab in &mut self.tabs {
            tab.journal.unlock(unlocked.clone());
            tab.read_everything(&self.disk, &self.in_blocks.borrow());
        }
    }

    #[must_use]
    pub fn now(&self, now: Millis) -> Millis {
        now.plus(self.clock_ms)
    }

    /// A tab hears that others have written.
    pub fn hear(&mut self, tab: usize) {
        let in_blocks = self.in_blocks.clone();
        self.tabs[tab].hear(&self.disk, &in_blocks.borrow());
    }

    pub fn begin_turn(&mut self, tab: usize) -> bool {
        let tab = &mut self.tabs[tab];
        if tab.turning.is_some() {
            return false;
        }
        let begun = self.network.borrow().unlocked(self.place);
        let (network, takes_cuts) = (self.network.clone(), tab.takes_cuts.clone());
        let wire = Wire { network, tablet: self.place, person: self.person, takes_cuts, begun };
        let journal = tab.journal.clone();
        let turning: Turning = match tab.behind.take() {
            None => Box::pin(async move { Went::Turned(turn(&*journal, &wire).await) }),
            Some(Behind::After(news)) => Box::pin(async move { Went::Began(Filling::begin(&wire, &news).await) }),
            Some(Behind::In(mut filling)) => Box::pin(async move {
                let block = filling.next(&*journal).await;
                Went::Filled(filling, block)
            }),
        };
        tab.turning = Some((tab.session, turning));
        true
    }

    /// Lets a turn go on until it waits; its end is let in as the roster does.
    pub fn go_on(&mut self, tab: usize, now: Millis) -> Polled {
        let device_now = self.now(now);
        let Some((session, turning)) = &mut self.tabs[tab].turning else { return Polled::NotTurning };
        let session = *session;
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let std::task::Poll::Ready(ended) = turning.as_mut().poll(&mut context) else { return Polled::Waiting };
        let same_session = session == self.tabs[tab].session;
        self.tabs[tab].turning = None;
        let (ended, behind) = match ended {
            Went::Turned(Ok(news)) => {
                let behind = news.behind.then(|| Behind::After(news.clone()));
                (Ok(Some(news)), behind)
            }
            Went::Turned(Err(error)) => (Err(error), None),
            Went::Began(Ok(filling)) => (Ok(None), Some(Behind::In(filling))),
            Went::Began(Err(trouble)) => (Err(trouble.into()), None),
            Went::Filled(filling, Ok(Some((news, _)))) => (Ok(Some(news)), Some(Behind::In(filling))),
            Went::Filled(_, Ok(None)) => (Ok(None), None),
            Went::Filled(_, Err(error)) => (Err(error), None),
        };
        // Blocks were asked for by whoever was unlocked then.
        self.tabs[tab].behind = behind.filter(|_| same_session);
        let more = self.tabs[tab].behind.is_some();
        Polled::Ended(match ended {
            Ok(Some(news)) => {
                self.pulled = news.pulled.len();
                self.known_offset_ms = news.server_time.since(device_now);
                let new_keys = same_session && self.let_in(tab, &news);
                if !same_session {
                    self.hear(tab);
                }
                Ok(more || news.more || new_keys)
            }
            Ok(None) => {
                self.pulled = 0;
                Ok(true)
            }
            Err(error) => {
                if error == TurnError::NewEpoch {
                    self.in_blocks.borrow_mut().clear();
                    self.hear(tab);
                }
                Err(error)
            }
        })
    }

    /// Whether the person may hold other audiences now: the next turn brings what is in them.
    fn let_in(&mut self, tab: usize, news: &News) -> bool {
        let unlocked = self.unlocked();
        self.tabs[tab].let_in(news, &unlocked.audiences);
        let Some(person) = self.person.filter(|_| !news.streams.is_empty()) else { return false };
        // Whoever may hold less now keeps nothing of it in sight; whoever may hold more gets its keys and reads what
        // others of this tablet had pulled.
        let keys: BTreeSet<Audience> = news.streams.keys().cloned().collect();
        let others = keys != unlocked.audiences;
        if others {
            self.keys.insert(person, keys);
            self.unlock(Some(person));
        }
        others
    }

    /// In idle time: accepted changes become blocks.
    pub fn checkpoint(&mut self, tab: usize) -> bool {
        let held = self.unlocked().audiences;
        let tab = &mut self.tabs[tab];
        if self.person.is_none() || tab.unread || tab.turning.is_some() || !tab.damages.is_empty() {
            return false;
        }
        let of_it = |audience: &Audience| tab.replica.base_of(audience).map(Cow::into_owned).collect();
        let by_audience: BTreeMap<Audience, Vec<Record>> =
            held.iter().map(|audience| (audience.clone(), of_it(audience))).collect();
        let unsent: View = tab.replica.unsent().flat_map(parts).collect();
        let written = quietly(&self.disk, tab.journal.checkpoint(by_audience)).is_ok();
        if written {
            let mut in_blocks = self.in_blocks.borrow_mut();
            for audience in held {
                let of_it = tab.view.iter().filter(|(part, of)| **of == audience && !unsent.contains_key(*part));
                let view: View = of_it.map(|(part, of)| (*part, of.clone())).collect();
                in_blocks.insert(audience, view);
            }
        }
        written
    }

    /// The process ends; `power` goes with it or not. Tabs and what they were doing are gone.
    pub fn crash(&mut self, power: bool) {
        self.tabs.clear();
        if power {
            self.disk.lose_power();
        }
        self.person = None;
        self.open_tab();
    }

    pub fn close_tab(&mut self, tab: usize) {
        self.tabs.remove(tab);
        if self.tabs.is_empty() {
            self.open_tab();
        } else {
            self.lead(0);
        }
    }

    pub fn copy_profile(&mut self) {
        self.copy = Some((self.disk.copy(), self.in_blocks.borrow().clone()));
    }

    /// The profile is put back as it was when it was copied.
    pub fn restore_profile(&mut self) -> bool {
        let Some((copy, in_blocks)) = self.copy.take() else { return false };
        self.disk.restore(&copy);
        self.network.borrow_mut().was_put_back(self.place);
        self.in_blocks.replace(in_blocks);
        self.crash(false);
        true
    }

    /// Whether a turn is under way in any tab.
    #[must_use]
    pub fn is_turning(&self, tab: usize) -> bool {
        self.tabs[tab].turning.is_some()
    }

    /// Whether a tab has more to read by blocks.
    #[must_use]
    pub fn is_behind(&self, tab: usize) -> bool {
        self.tabs[tab].behind.is_some()
    }

    /// A tab that nobody has used: what somebody sees who opens the app now.
    #[must_use]
    pub fn fresh_tab(&self) -> Tab {
        let mut tab = Tab::on(self.disk.clone());
        tab.journal.unlock(self.unlocked());
        self.network.borrow_mut().is_unlocked(self.place, self.unlocked());
        tab.read_everything(&self.disk, &self.in_blocks.borrow());
        tab
    }
}

impl Tab {
    fn on(disk: Arc<Disk>) -> Self {
        Self {
            journal: Rc::new(MemoryJournal::on(disk)),
            replica: Replica::new(),
            stamper: Stamper::default(),
            view: View::new(),
            turning: None,
            behind: None,
            damages: Vec::new(),
            session: 0,
            unread: true,
            takes_cuts: Rc::default(),
        }
    }

    /// Fills the memory with what the journal holds.
    fn read_everything(&mut self, disk: &Disk, in_blocks: &InBlocks) {
        self.session += 1;
        self.behind = None;
        let (mut replica, mut stamper, mut view) = (Replica::new(), Stamper::default(), View::new());
        let contents = quietly(disk, self.journal.read_all());
        self.unread = contents.is_err();
        let Contents { blocks, accepted, tail, damages, .. } = contents.unwrap_or_default();
        for block in blocks {
            block.iter().filter_map(Record::last_rank).for_each(|rank| stamper.take_in(rank.stamp));
            let audience = block.first().map(|record| record.audience().clone());
            view.extend(audience.and_then(|audience| in_blocks.get(&audience)).cloned().unwrap_or_default());
            replica.load_block(block);
        }
        for change in &accepted {
            stamper.take_in(change.stamp);
            view.extend(parts(change));
            replica.take_in(change);
        }
        for change in tail {
            stamper.take_in(change.stamp);
            view.extend(parts(&change));
            replica.append(change);
        }
        (self.replica, self.stamper, self.view, self.damages) = (replica, stamper, view, damages);
        self.fetch_again(disk);
    }

    fn fetch_again(&mut self, disk: &Disk) {
        if !self.damages.is_empty() && quietly(disk, self.journal.fetch_again(&self.damages)).is_ok() {
            self.damages.clear();
        }
    }

    fn hear(&mut self, disk: &Disk, in_blocks: &InBlocks) {
        if self.unread {
            self.read_everything(disk, in_blocks);
            return;
        }
        self.fetch_again(disk);
        let Ok(contents) = quietly(disk, self.journal.read_new()) else { return };
        if contents.trimmed {
            self.read_everything(disk, in_blocks);
            return;
        }
        for change in &contents.accepted {
            // One's own that was taken: what of it is for others is on show no longer. It may come a second time, in part,
            // from a page that somebody else of this tablet read.
            if self.replica.unsent().any(|own| own.change.id() == change.change.id()) {
                self.forget(change.change.id());
            }
            self.stamper.take_in(change.stamp);
            self.view.extend(parts(change));
            self.replica.take_in(change);
        }
        for id in contents.gone {
            self.forget(id);
            self.replica.refuse(id);
        }
        for change in contents.tail {
            self.stamper.take_in(change.stamp);
            self.view.extend(parts(&change));
            self.replica.append(change);
        }
        self.damages.extend(contents.damages);
        self.fetch_again(disk);
    }

    fn let_in(&mut self, news: &News, held: &BTreeSet<Audience>) {
        let holds = |audience: &Audience| held.contains(audience);
        for accepted in &news.accepted {
            self.stamper.take_in(accepted.stamp);
            let own = self.replica.unsent().find(|ranked| ranked.change.id() == accepted.id);
            for edit in own.into_iter().flat_map(|own| own.change.edits()).filter(|edit| !holds(&edit.audience)) {
                self.view.remove(&(accepted.id, edit.record));
            }
            self.replica.settle(accepted.id, accepted.stamp, accepted.device, &holds);
        }
        for (id, _) in &news.refused {
            self.forget(*id);
            self.replica.refuse(*id);
        }
        for change in &news.pulled {
            self.stamper.take_in(change.stamp);
            // One's own that was taken, and the answer lost: what of it is for others is on show no longer.
            if self.replica.unsent().any(|own| own.change.id() == change.change.id()) {
                self.forget(change.change.id());
            }
            self.view.extend(parts(change));
            self.replica.take_in(change);
        }
        self.journal.let_in_turn();
    }

    fn forget(&mut self, id: ChangeId) {
        self.view.retain(|(other, _), _| *other != id);
    }

    /// One save: durable when this is done, and only then on show.
    pub fn save(&mut self, disk: &Disk, ranked: Ranked) -> Result<(), AppendError> {
        quietly(disk, self.journal.append(&ranked))?;
        self.view.extend(parts(&ranked));
        self.replica.append(ranked);
        Ok(())
    }
}

/// What of a change somebody sees.
fn parts(ranked: &Ranked) -> impl Iterator<Item = ((ChangeId, RecordId), Audience)> {
    ranked.change.edits().map(|edit| ((ranked.change.id(), edit.record), edit.audience.clone()))
}

/// Runs a transaction from its beginning to its end: nobody goes on in between.
pub fn quietly<T>(disk: &Disk, transaction: impl Future<Output = T>) -> T {
    disk.set_pauses(false);
    let done = now_or_never(transaction);
    disk.set_pauses(true);
    done
}
