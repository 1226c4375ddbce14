//! The network between tablets and endpoint: it delivers late, twice, in any order, or not at all.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    rc::Rc,
    task::Poll,
};

use yingke_core::{
    id::StaffId,
    journal::memory::Unlocked,
    probe,
    sync::{Blocks, Endpoint, Trouble},
    wire::v1::{Answer, Block, Push, WireSlot},
};

/// What a tablet asks for.
#[derive(Debug, Clone)]
pub enum Ask {
    /// A push, as it goes over the wire.
    Sync(Rc<[u8]>),
    /// Blocks after a number of the ledger.
    Snapshot { after: u64 },
}

/// One request on its way, and what becomes of it.
#[derive(Debug)]
pub struct Call {
    /// Which tablet asks, by its place in the world.
    pub tablet: usize,
    /// Whose credential came with it.
    pub person: Option<StaffId>,
    pub ask: Ask,
    /// Whether somebody still waits for the reply.
    awaited: bool,
    reply: Option<Result<Rc<[u8]>, Trouble>>,
}

/// Requests that are under way, and old ones that may turn up again.
#[derive(Debug, Default)]
pub struct Network {
    calls: BTreeMap<u64, Call>,
    last: u64,
    /// What is unlocked on each tablet now, and how often that has changed.
    unlocked: BTreeMap<usize, (u64, Unlocked)>,
    /// The counters that each tablet has pushed with since its disk was put back, if it was.
    counters: BTreeMap<usize, BTreeSet<(u64, bool)>>,
    /// What no tablet may send, and one did.
    pub faults: Vec<String>,
}

pub type Shared = Rc<RefCell<Network>>;

/// Old requests that the network may repeat.
const OLD_CALLS_MAX: usize = 6;

impl Network {
    pub fn call(&self, id: u64) -> &Call {
        &self.calls[&id]
    }

    /// Requests that somebody waits for.
    pub fn awaited(&self) -> Vec<u64> {
        self.calls.iter().filter(|(_, call)| call.awaited && call.reply.is_none()).map(|(id, _)| *id).collect()
    }

    /// Requests that nobody waits for any more.
    pub fn old(&self) -> Vec<u64> {
        self.calls.iter().filter(|(_, call)| !call.awaited).map(|(id, _)| *id).collect()
    }

    /// What a tablet waits for, if it does.
    pub fn of(&self, tablet: usize) -> Option<u64> {
        self.awaited().into_iter().find(|id| self.calls[id].tablet == tablet)
    }

    pub fn answer(&mut self, id: u64, reply: Result<Rc<[u8]>, Trouble>) {
        if let Some(call) = self.calls.get_mut(&id).filter(|call| call.awaited) {
            call.reply = Some(reply);
        }
    }

    fn send(&mut self, tablet: usize, person: Option<StaffId>, ask: Ask) -> u64 {
        self.last += 1;
        self.calls.insert(self.last, Call { tablet, person, ask, awaited: true, reply: None });
        let old = self.old();
        for id in &old[..old.len().saturating_sub(OLD_CALLS_MAX)] {
            self.calls.remove(id);
        }
        self.last
    }

    pub fn is_unlocked(&mut self, tablet: usize, unlocked: Unlocked) {
        let times = self.unlocked.get(&tablet).map_or(0, |(times, _)| times + 1);
        self.unlocked.insert(tablet, (times, unlocked));
    }

    /// What is unlocked on a tablet now, and how often that has changed.
    #[must_use]
    pub fn unlocked(&self, tablet: usize) -> (u64, Unlocked) {
        self.unlocked[&tablet].clone()
    }

    /// A tablet's disk is what it was before: it counts from there.
    pub fn was_put_back(&mut self, tablet: usize) {
        self.counters.remove(&tablet);
    }

    /// Each push is counted, or copies would not be found out; and what nobody may read who is unlocked now can only go out
    /// sealed.
    fn look_at(&mut self, tablet: usize, begun: &(u64, Unlocked), push: &Push) {
        // Two tabs may send in another order than they counted. What was told in short may be asked for again in full.
        if !self.counters.entry(tablet).or_default().insert((push.push_counter, push.at.is_some())) {
            self.faults.push(format!("tablet {tablet} pushed twice as number {}", push.push_counter));
        }
        let (times, now) = &self.unlocked[&tablet];
        // Somebody may have come and gone since the turn began.
        if *times > begun.0 + 1 {
            return;
        }
        for change in &push.changes {
            let opens = |unlocked: &Unlocked| {
                let is_author = unlocked.staff == Some(change.author);
                change.edits.iter().all(|slot| match slot {
                    WireSlot::Shown(edit) => is_author || unlocked.audiences.contains(&edit.audience),
                    WireSlot::Hidden { .. } => false,
                })
            };
            if !opens(now) && !opens(&begun.1) {
                self.faults.push(format!("tablet {tablet} sent {} open, which nobody there has a key for", change.id));
            }
        }
    }

    fn take_reply(&mut self, id: u64) -> Option<Result<Rc<[u8]>, Trouble>> {
        let call = self.calls.get_mut(&id)?;
        let reply = call.reply.take()?;
        call.awaited = false;
        Some(reply)
    }

    fn give_up(&mut self, id: u64) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.awaited = false;
        }
    }
}

/// A tablet's way to the endpoint, with somebody's credential.
pub struct Wire {
    pub network: Shared,
    pub tablet: usize,
    pub person: Option<StaffId>,
    /// Whether the endpoint can be told in short where the tablet stands: the tab knows.
    pub takes_cuts: Rc<Cell<bool>>,
    /// What was unlocked when the turn began: [`Network::unlocked`].
    pub begun: (u64, Unlocked),
}

/// Nobody waits for a reply once its turn is gone.
struct Waiting<'a>(&'a Shared, u64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().give_up(self.1);
    }
}

impl Wire {
    async fn ask(&self, ask: Ask) -> Result<Rc<[u8]>, Trouble> {
        let id = self.network.borrow_mut().send(self.tablet, self.person, ask);
        let _waiting = Waiting(&self.network, id);
        let reply = poll_fn(|_| match self.network.borrow_mut().take_reply(id) {
            Some(reply) => Poll::Ready(reply),
            None => Poll::Pending,
        });
        reply.await
    }
}

impl Endpoint for Wire {
    type Blocks = WireBlocks;

    fn takes_cuts(&self) -> &Cell<bool> {
        &self.takes_cuts
    }

    async fn sync(&self, push: Push) -> Result<Answer, Trouble> {
        let told_in_short = push.at.is_some();
        let body = serde_json::to_vec(&push).expect("a push is plain data");
        self.network.borrow_mut().look_at(self.tablet, &self.begun, &push);
        let reply = self.ask(Ask::Sync(body.into())).await?;
        let answer = serde_json::from_slice::<Answer>(&reply);
        let answer = answer.map_err(|error| Trouble::NotUnderstood { detail: error.to_string() })?;
        if told_in_short && let Some(page) = &answer.page {
            probe::note("way: a tablet stands where it says in short", page.at.is_some());
            probe::note("way: a tablet is asked for all its marks", page.at.is_none());
        }
        Ok(answer)
    }

    async fn snapshot(&self, after: u64) -> Result<WireBlocks, Trouble> {
        Ok(WireBlocks { bytes: self.ask(Ask::Snapshot { after }).await?, at: 0 })
    }
}

/// A snapshot as it came, perhaps cut short.
pub struct WireBlocks {
    bytes: Rc<[u8]>,
    at: usize,
}

impl Blocks for WireBlocks {
    async fn next(&mut self) -> Result<Option<Block>, Trouble> {
        let rest = &self.bytes[self.at..];
        let block = Block::read(rest).map_err(|error| Trouble::NotUnderstood { detail: error.to_string() })?;
        if let Some((block, taken)) = block {
            probe::note("way: a block after the first", self.at > 0);
            self.at += taken;
            return Ok(Some(block));
        }
        probe::note("fault: a snapshot cut short", self.at > 0);
        if rest.is_empty() { Ok(None) } else { Err(Trouble::OutOfReach) }
    }
}
