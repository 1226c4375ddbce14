//! The page that `cargo xtask bench client` opens for ours: storage, seals, merge, replica and search as they ship, asked
//! what peers are asked.
//!
//! A start, a save and a pulled page go through the same calls in the same order as in `roster.rs`; no screen is drawn.
//! Only two things are not the tablet's: a PIN's key is a fixed one, and what is pulled lies in memory beforehand.

#[expect(dead_code, unused_imports, reason = "the client uses more of it")]
mod browser;
#[expect(dead_code, reason = "the bench of core uses more of it")]
#[path = "../core/benches/core/people.rs"]
mod people;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    rc::Rc,
};

use browser::{
    chance::{Web, random},
    clock,
    idb::{self, Database},
    journal::BrowserJournal,
    tabs::Tabs,
    vault::Vault,
};
use wasm_bindgen::prelude::*;
use yingke_core::{
    audience::Audience,
    change::{Change, Edit, Header, Ranked},
    fixture,
    id::{ChangeId, DeviceNumber, RecordId},
    journal::Journal,
    replica::Replica,
    search::Scope,
    stamp::Stamper,
    sync::News,
    time::Millis,
    value::Value,
    wire::v1::{Directory, Enrolled, PAGE_CHANGES_MAX, PUSH_CHANGES_MAX, SignedIn, StreamMark, base64_text},
};

const DEVICE: DeviceNumber = DeviceNumber(7);
const EPOCH: &str = "e1";
const PIN: &str = "111111";
/// As in the roster: changes let in, and milliseconds of opening, before the page gets its turn again.
const SLICE_CHANGES: usize = 400;
const TURN_MS: i64 = 25;
/// Rows of a list, and of what a search finds.
const DUE_ROWS: usize = 50;
const FOUND_ROWS: usize = 20;

/// The page's script waits for this event: the boot script has started the program.
const STARTED: &str = "bench-started";

fn main() {
    console_error_panic_hook::set_once();
    let event = web_sys::Event::new(STARTED).expect("a page makes events");
    let window = web_sys::window().expect("a bench runs in a page");
    window.dispatch_event(&event).expect("an event is heard");
}

/// A tablet with one person at work, who reads every audience of the data.
#[wasm_bindgen]
#[derive(Clone)]
pub struct Tablet {
    inner: Rc<Inner>,
}

struct Inner {
    database: Database,
    vault: Vault,
    journal: BrowserJournal,
    tabs: Tabs,
    replica: RefCell<Replica>,
    stamper: RefCell<Stamper>,
    marks: RefCell<BTreeMap<Audience, StreamMark>>,
    /// The ledger's last number.
    number: Cell<u64>,
}

impl std::fmt::Debug for Tablet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tablet(…)")
    }
}

/// People, as text and as what the endpoint would send of them.
#[wasm_bindgen]
#[derive(Debug)]
pub struct People {
    rows: Vec<people::Row>,
    captures: Vec<Ranked>,
    records: Vec<RecordId>,
}

#[wasm_bindgen]
impl People {
    /// From JSON, one a line; `seed` makes their ids.
    ///
    /// # Errors
    /// Says which line is no person.
    pub fn read(text: &str, seed: u32) -> Result<People, JsValue> {
        let rows = people::read(text)?;
        let captures: Vec<Ranked> = people::changes(&rows, seed.into()).collect();
        let records = people::records(captures.iter());
        Ok(People { rows, captures, records })
    }

    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The edits of one round of some of them.
    #[must_use]
    pub fn edits(&self, count: usize, round: usize) -> Changes {
        Changes(people::edits(&self.rows, &self.records, count, round).collect())
    }

    /// All of them as pages that bring them.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes(self.captures.clone())
    }
}

/// What the endpoint would send, in its order.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Changes(Vec<Ranked>);

#[wasm_bindgen]
impl Tablet {
    /// Opens the database and what lies in it: to here a tablet's start is counted.
    ///
    /// # Errors
    /// What the browser says.
    pub async fn start() -> Result<Tablet, JsValue> {
        let database = Database::named(idb::NAME);
        let key = |_: Vec<u8>, _: Vec<u8>, _| -> futures::future::LocalBoxFuture<'static, _> {
            Box::pin(async { Ok(vec![7; 32]) })
        };
        let vault = Vault::with(database.clone(), Rc::new(key));
        let inner = Inner {
            journal: BrowserJournal::new(database.clone(), vault.clone()),
            database,
            vault,
            tabs: Tabs::new(),
            replica: RefCell::default(),
            stamper: RefCell::default(),
            marks: RefCell::default(),
            number: Cell::new(0),
        };
        let tablet = Self { inner: Rc::new(inner) };
        tablet.inner.database.open().await.map_err(told)?;
        tablet.inner.vault.reload().await.map_err(told)?;
        if tablet.inner.vault.knows(fixture::staff(1)) {
            tablet.inner.vault.unlock(fixture::staff(1), PIN).await.map_err(told)?;
            tablet.fill().await?;
        }
        Ok(tablet)
    }

    /// Enrols it and signs somebody in, for the audiences of these people.
    ///
    /// # Errors
    /// What the browser says.
    pub async fn enrol(&self, people: &People) -> Result<(), JsValue> {
        let audiences: BTreeSet<Audience> =
            people.captures.iter().flat_map(|change| change.change.edits()).map(|edit| edit.audience.clone()).collect();
        let signed_in = SignedIn {
            token: "person".into(),
            expires_at: Millis(i64::MAX),
            keys: audiences.into_iter().map(|audience| (audience, base64_text(&random::<32>()))).collect(),
            own_key: base64_text(&random::<32>()),
            passes: None,
            server_time: clock::now(),
        };
        let enrolled = Enrolled {
            device: DEVICE,
            venue: people::venue(),
            name: "A-07".into(),
            token: "device".into(),
            recovery_key: base64_text(&fixture::RECOVERY_KEY),
            epoch: EPOCH.into(),
            server_time: clock::now(),
            directory: Directory {
                packs: String::new(),
                version: "1".into(),
                organisation: fixture::organisation(),
                organisation_name: "club".into(),
                venues: Vec::new(),
                staff: Vec::new(),
            },
            before: None,
        };
        self.inner.vault.keep_device(&enrolled).await.map_err(told)?;
        self.inner.vault.first_unlock(fixture::staff(1), &signed_in, PIN).await.map_err(told)?;
        self.inner.journal.lead().await.map_err(told)?;
        self.fill().await
    }

    /// As `Roster::begin_with`.
    async fn fill(&self) -> Result<(), JsValue> {
        let inner = &self.inner;
        let mut contents = inner.journal.read_all().await.map_err(told)?;
        let (mut replica, mut stamper) = (Replica::new(), Stamper::default());
        let mut turn_began = clock::since_opening_ms();
        replica.make_room(contents.blocks.iter().map(|block| block.records).sum());
        for block in std::mem::take(&mut contents.blocks) {
            let extent = block.extent;
            let loaded = replica.load(block.into_parts().0, extent).map_err(told)?;
            stamper.take_in(loaded.stamp);
            turn_began = breathed(turn_began).await;
        }
        for changes in contents.accepted.chunks(SLICE_CHANGES) {
            for change in changes {
                stamper.take_in(change.stamp);
                replica.take_in(change);
            }
            turn_began = breathed(turn_began).await;
        }
        for change in std::mem::take(&mut contents.tail) {
            stamper.take_in(change.stamp);
            replica.append(change);
        }
        inner.replica.replace(replica);
        inner.stamper.borrow_mut().take_in(stamper.latest());
        inner.journal.let_in(&contents);
        Ok(())
    }

    /// Takes in pages of changes, each durable with its cursor and on show, as a turn and `Roster::let_in` do.
    ///
    /// # Errors
    /// What the journal says.
    pub async fn pull(&self, changes: &Changes) -> Result<(), JsValue> {
        for page in changes.0.chunks(PAGE_CHANGES_MAX) {
            self.pull_page(page).await?;
        }
        Ok(())
    }

    async fn pull_page(&self, page: &[Ranked]) -> Result<(), JsValue> {
        let inner = &self.inner;
        inner.journal.begin_push(PUSH_CHANGES_MAX).await.map_err(told)?;
        let mut marks = inner.marks.borrow().clone();
        for change in page {
            inner.number.set(inner.number.get() + 1);
            for edit in change.change.edits() {
                let mark = marks.entry(edit.audience.clone()).or_default();
                *mark = mark.with(inner.number.get(), change.change.id());
                mark.number = inner.number.get();
            }
        }
        let news = News {
            epoch: EPOCH.into(),
            server_time: clock::now(),
            pulled: page.to_vec(),
            streams: marks.clone(),
            ..News::default()
        };
        inner.marks.replace(marks);
        inner.journal.take_in(&news).await.map_err(told)?;
        for changes in news.pulled.chunks(SLICE_CHANGES) {
            {
                let (mut replica, mut stamper) = (inner.replica.borrow_mut(), inner.stamper.borrow_mut());
                for change in changes {
                    stamper.take_in(change.stamp);
                    replica.take_in(change);
                }
            }
            clock::breathe().await;
        }
        inner.journal.let_in_turn();
        Ok(())
    }

    /// What idle time is for.
    ///
    /// # Errors
    /// What the journal says.
    pub async fn checkpoint(&self) -> Result<(), JsValue> {
        self.inner.journal.checkpoint(&self.inner.replica).await.map_err(told)
    }

    /// Saves one of these people, as `Roster::save` does.
    ///
    /// # Errors
    /// What the journal says.
    pub async fn save(&self, people: &People, number: usize) -> Result<(), JsValue> {
        let inner = &self.inner;
        let edits: Vec<Edit> = people.captures[number].change.edits().cloned().collect();
        let made_at = clock::now();
        let header = Header {
            id: ChangeId::new(made_at, &mut Web),
            organisation: fixture::organisation(),
            author: fixture::staff(1),
            device: DEVICE,
            made_at,
            clock_offset_ms: 0,
            pack: 1,
            form: "F-03".into(),
        };
        let change = Change::new(header, edits, &mut Web);
        let stamp = inner.stamper.borrow_mut().next(made_at);
        let ranked = Ranked::provisional(stamp, change);
        inner.journal.append(&ranked).await.map_err(told)?;
        inner.replica.borrow_mut().append(ranked);
        inner.tabs.tell_written();
        Ok(())
    }

    /// Who is due, a line each with what a list draws: name, phone, when.
    #[must_use]
    pub fn due(&self, owner: &str) -> String {
        let replica = self.inner.replica.borrow();
        let mut lines = String::new();
        let owner = people::staff_of(owner).to_string();
        replica.due(&owner, people::now()).take(DUE_ROWS).for_each(|id| draw(&replica, id, &mut lines));
        lines
    }

    /// The best that a search finds, a line each.
    #[must_use]
    pub fn search(&self, typed: &str, owner: &str) -> String {
        let replica = self.inner.replica.borrow();
        let mut lines = String::new();
        let scope = Scope { me: people::staff_of(owner), mine_only: false };
        let found = replica.search(typed, &scope, FOUND_ROWS);
        found.hits.iter().for_each(|hit| draw(&replica, hit.record, &mut lines));
        lines
    }

    /// How many people of a venue are in each stage, a line each.
    #[must_use]
    pub fn counts(&self, venue: &str) -> String {
        let replica = self.inner.replica.borrow();
        let mut lines = String::new();
        for (stage, count) in replica.counts_by_stage(None, Some(people::venue_of(venue))) {
            writeln!(lines, "{stage}\t{count}").expect("a string takes it");
        }
        lines
    }

    /// Bytes of the program's memory.
    #[must_use]
    pub fn memory(&self) -> f64 {
        let memory = wasm_bindgen::memory().unchecked_into::<js_sys::WebAssembly::Memory>();
        memory.buffer().unchecked_into::<js_sys::ArrayBuffer>().byte_length().into()
    }
}

/// As `Roster::opened`.
async fn breathed(turn_began: i64) -> i64 {
    if clock::since_opening_ms() - turn_began < TURN_MS {
        return turn_began;
    }
    clock::breathe().await;
    clock::since_opening_ms()
}

fn draw(replica: &Replica, id: RecordId, lines: &mut String) {
    let Some(record) = replica.record(id) else { return };
    let text = |key: &str| record.text(key).unwrap_or_default();
    let due = record.get("next_contact_at").and_then(Value::as_at).map_or(0, |at| at.0);
    writeln!(lines, "{}\t{}\t{due}", text("name"), text("phone")).expect("a string takes it");
}

fn told(error: impl std::fmt::Display) -> JsValue {
    JsValue::from_str(&error.to_string())
}
