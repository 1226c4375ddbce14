//! The second copy of unsent work: what nobody but this tablet has lies a second time in files of its own, with what it
//! takes to unlock it. A database that was deleted or damaged is healed from there.
//!
//! Each tab has a worker and a file. The file follows the database: once a transaction is on the disk, what it did to
//! the rows that are copied is added at the end, so no save waits for it. A look at the whole database begins the file
//! anew, and brings it up to what other tabs wrote. What is in the file is in memory as well: a browser that takes the
//! database from under an open page takes the files along, and one without such files has this copy only.

mod file;
mod mend;

pub use file::{Found, Name, Owner};
pub use mend::Mended;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
};

use wasm_bindgen_futures::spawn_local;
use yingke_core::journal::AppendError;

use super::{
    clock,
    idb::{BLOBS, Database, JOURNAL, META, Range, StoreError, TRAY, Tx, Written},
    journal::{BrowserJournal, FAREWELL_ROW, SEND_ROWS},
    opfs::{Opfs, OpfsError},
    trace, vault,
};

/// A start does not wait longer than this for what lies there.
const READ_WAIT_MS: i64 = 5_000;
/// What a file may hold besides what still counts, before it is written anew.
const OUTDATED_BYTES_MAX: usize = 256 << 10;

/// The copy of this tab. A handle: clones are the same one.
#[derive(Clone)]
pub struct SecondCopy {
    inner: Rc<Inner>,
}

impl std::fmt::Debug for SecondCopy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecondCopy").finish_non_exhaustive()
    }
}

struct Inner {
    database: Database,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// `None` where the browser has no such files, and until it was asked.
    opfs: Option<Rc<Opfs>>,
    /// Whether the database holds all that the files have, so that they may be replaced.
    healed: bool,
    file: Option<File>,
    looking: Option<Looking>,
    /// When the database was begun anew that this tab has seen last: `None` for one that has always been there.
    begun: Option<Vec<u8>>,
}

/// A look at the database that is under way.
#[derive(Default)]
struct Looking {
    /// What this tab wrote since it began.
    meanwhile: Vec<Written>,
    /// Another tab wrote since it began.
    again: bool,
}

/// What this tab's file holds.
struct File {
    owner: Owner,
    held: BTreeMap<Name, Held>,
    bytes: Vec<u8>,
    /// Whether all of it lies in the browser's file as well, if there is one.
    is_written: bool,
}

/// A row as it stands in the file, told apart from another by its hash.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Held {
    hash: u64,
    bytes: usize,
}

/// What the database says of itself.
enum Seen {
    /// Nobody has enrolled this tablet.
    NoTablet,
    Wiped,
    Tablet {
        owner: Owner,
        rows: BTreeMap<Name, Vec<u8>>,
        /// Held already, and still there: what is sent never changes.
        pictures: Vec<Name>,
    },
}

impl SecondCopy {
    /// Follows a database; nothing is written before [`SecondCopy::start`] and [`SecondCopy::heal`].
    #[must_use]
    pub fn of(database: Database) -> Self {
        let inner = Rc::new(Inner { database: database.clone(), state: RefCell::default() });
        let copy = Rc::downgrade(&inner);
        database.on_written(move |written| {
            if let Some(inner) = copy.upgrade() {
                Self { inner }.follow(written);
            }
        });
        Self { inner }
    }

    /// Starts the worker from the file at this address. Without it there is no copy.
    pub fn start(&self, worker_url: &str) {
        if self.opfs().is_some() {
            return;
        }
        match Opfs::start(worker_url) {
            Ok(opfs) => self.inner.state.borrow_mut().opfs = Some(Rc::new(opfs)),
            Err(error) => trace::warn(&format!("no second copy here: {error}")),
        }
    }

    /// Whether this browser keeps one.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.opfs().is_some()
    }

    /// Puts back what the database has lost and the files have; what that was. From then on the database counts.
    ///
    /// # Errors
    /// [`AppendError`]; database and files are as they were.
    pub async fn heal(&self) -> Result<Mended, AppendError> {
        let files = match self.opfs() {
            Some(opfs) => {
                let files = clock::within(READ_WAIT_MS, opfs.read()).await;
                files.unwrap_or_else(|| Err(OpfsError::silent())).unwrap_or_else(|error| {
                    trace::info(&format!("no second copy here: {error}"));
                    self.inner.state.borrow_mut().opfs = None;
                    Vec::new()
                })
            }
            None => Vec::new(),
        };
        let mended = mend::mend(&self.inner.database, &files).await?;
        self.inner.state.borrow_mut().healed = true;
        Ok(mended)
    }

    /// Puts into a database that was begun anew what this tab holds in memory of the one before.
    ///
    /// # Errors
    /// [`AppendError`]; the database is as it was.
    pub async fn put_back(&self, fresh: &Database) -> Result<Mended, AppendError> {
        let held = self.inner.state.borrow().file.as_ref().map(|file| file.bytes.clone());
        let mended = mend::mend(fresh, held.as_slice()).await?;
        // Whether the browser's file has gone too, nobody knows.
        self.inner.state.borrow_mut().file.iter_mut().for_each(|file| file.is_written = false);
        Ok(mended)
    }

    /// Whether a look would bring more than following has: the file could not be written, or holds much that is outdated.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        let state = self.inner.state.borrow();
        state.healed && state.file.as_ref().is_none_or(|file| !file.goes_on())
    }

    /// Brings the file to what the database holds now.
    pub async fn look(&self, journal: &BrowserJournal) {
        {
            let mut state = self.inner.state.borrow_mut();
            if !state.healed {
                return;
            }
            if let Some(looking) = &mut state.looking {
                looking.again = true;
                return;
            }
            state.looking = Some(Looking::default());
        }
        if let Err(error) = self.add_to_another().await {
            trace::warn(&format!("what another tab has put back lacks what this one held: {error}"));
        }
        loop {
            let held = self.held();
            let seen = journal.read_with_tail(&COPIED_STORES, async |tx, tail| see(tx, tail, &held).await).await;
            let again = self.bring_to(seen);
            if !again {
                break;
            }
        }
    }

    /// Where another tab has put the database back from its memory, what only this one held goes in too, before a look
    /// believes that it was settled.
    async fn add_to_another(&self) -> Result<(), AppendError> {
        let database = &self.inner.database;
        let begun = database.read(&[META], async |tx| tx.get(META, mend::BEGUN_ROW)?.bytes().await).await?;
        let held = {
            let state = self.inner.state.borrow();
            if state.begun == begun {
                return Ok(());
            }
            state.file.as_ref().map(|file| file.bytes.clone())
        };
        if held.is_some() {
            mend::mend(database, held.as_slice()).await?;
        }
        self.inner.state.borrow_mut().begun = begun;
        Ok(())
    }

    /// Nothing stays: the tablet was wiped. Other tabs that live do the same when they hear of it.
    pub async fn forget(&self) {
        let opfs = {
            let mut state = self.inner.state.borrow_mut();
            state.file = None;
            // What a look that is under way has seen is not written any more.
            state.looking.iter_mut().for_each(|looking| looking.meanwhile.push(Written::Wiped));
            state.opfs.clone()
        };
        let Some(opfs) = opfs else { return };
        if let Err(error) = opfs.forget().await {
            trace::warn(&format!("the second copy was not removed: {error}"));
        }
    }

    /// What lies in all files, once all that was asked for before is done.
    #[cfg(all(test, target_arch = "wasm32"))]
    pub async fn files(&self) -> Result<Vec<Vec<u8>>, OpfsError> {
        self.opfs().expect("it was started").read().await
    }

    /// Puts these bytes in the place of this tab's file, as somebody with another program might.
    #[cfg(all(test, target_arch = "wasm32"))]
    pub async fn write_instead(&self, bytes: &[u8]) -> Result<(), OpfsError> {
        self.opfs().expect("it was started").begin(bytes).await
    }

    // ---- Inside ---------------------------------------------------------------------------------------------

    fn opfs(&self) -> Option<Rc<Opfs>> {
        self.inner.state.borrow().opfs.clone()
    }

    fn held(&self) -> BTreeMap<Name, Held> {
        let state = self.inner.state.borrow();
        state.file.as_ref().filter(|file| file.goes_on()).map(|file| file.held.clone()).unwrap_or_default()
    }

    /// A transaction of this tab is on the disk.
    fn follow(&self, written: Vec<Written>) {
        if written.contains(&Written::Wiped) {
            let copy = self.clone();
            return spawn_local(async move { copy.forget().await });
        }
        let mut state = self.inner.state.borrow_mut();
        if let Some(looking) = &mut state.looking {
            return looking.meanwhile.extend(written);
        }
        let Some(file) = &mut state.file else { return };
        let bytes = file.take(written);
        let is_written = file.is_written;
        drop(state);
        if is_written {
            self.append(bytes);
        }
    }

    /// The look has seen this. Whether it has to look again.
    fn bring_to(&self, seen: Result<Seen, AppendError>) -> bool {
        let mut state = self.inner.state.borrow_mut();
        let Looking { meanwhile, again } = state.looking.take().unwrap_or_default();
        if again {
            state.looking = Some(Looking::default());
        }
        match seen {
            Ok(_) if meanwhile.contains(&Written::Wiped) => {}
            Ok(Seen::Tablet { owner, rows, pictures }) => {
                let is_new = !state.file.as_ref().is_some_and(|file| file.owner == owner && file.goes_on());
                if is_new && !pictures.is_empty() {
                    // The file that held them was given up meanwhile.
                    state.looking = Some(Looking { meanwhile, again: false });
                    return true;
                }
                let goes_on = state.file.take().filter(|_| !is_new);
                let mut file = goes_on.unwrap_or_else(|| File::begun(owner));
                let mut bytes = if is_new { file.bytes.clone() } else { Vec::new() };
                let is_there = |name: &Name| rows.contains_key(name) || pictures.contains(name);
                let gone: Vec<Written> =
                    file.held.keys().filter(|name| !is_there(name)).cloned().map(Written::Gone).collect();
                bytes.extend(file.take(gone));
                bytes.extend(file.take(rows.into_iter().map(|(name, row)| Written::Put(name, row)).collect()));
                bytes.extend(file.take(meanwhile));
                state.file = Some(file);
                drop(state);
                if is_new { self.begin(bytes) } else { self.append(bytes) }
            }
            Ok(Seen::Wiped) => {
                drop(state);
                let copy = self.clone();
                spawn_local(async move { copy.forget().await });
            }
            Ok(Seen::NoTablet) => {}
            Err(error) => {
                trace::warn(&format!("the second copy does not follow: {error}"));
                if let Some(file) = &mut state.file {
                    file.is_written = false;
                    drop(file.take(meanwhile)); // what this tab wrote meanwhile is on the disk
                }
            }
        }
        again
    }

    fn begin(&self, bytes: Vec<u8>) {
        if let Some(opfs) = self.opfs() {
            self.watch(opfs.begin(&bytes));
        }
    }

    fn append(&self, bytes: Vec<u8>) {
        if let Some(opfs) = self.opfs().filter(|_| !bytes.is_empty()) {
            self.watch(opfs.append(&bytes));
        }
    }

    /// What could not be written is so by the next look, which begins anew.
    fn watch(&self, written: impl Future<Output = Result<(), OpfsError>> + 'static) {
        let copy = self.clone();
        spawn_local(async move {
            if let Err(error) = written.await {
                trace::warn(&format!("the second copy was not written: {error}"));
                copy.inner.state.borrow_mut().file.iter_mut().for_each(|file| file.is_written = false);
            }
        });
    }
}

const COPIED_STORES: [&str; 4] = [JOURNAL, TRAY, META, BLOBS];

/// The rows that are copied, with the tail as the journal found it. Pictures that are held already are not read again.
async fn see(tx: &Tx, tail: Vec<(u64, Vec<u8>)>, held: &BTreeMap<Name, Held>) -> Result<Seen, StoreError> {
    if tx.get(META, FAREWELL_ROW)?.bytes().await?.is_some() {
        return Ok(Seen::Wiped);
    }
    let exact = file::META_ROWS.map(|row| tx.get(META, row));
    let under = file::META_ROWS_UNDER.map(|row| tx.all(META, &Range::Under(row.into())));
    let tray = tx.all(TRAY, &Range::All)?;
    let to_send = tx.keys(BLOBS, &Range::Under(SEND_ROWS.into()))?;
    let mut rows: BTreeMap<Name, Vec<u8>> = BTreeMap::new();
    for (key, row) in file::META_ROWS.into_iter().zip(exact) {
        rows.extend(row?.bytes().await?.map(|row| (Name::Meta(key.into()), row)));
    }
    for more in under {
        rows.extend(more?.by_text().await?.into_iter().map(|(key, row)| (Name::Meta(key), row)));
    }
    rows.extend(tray.by_text().await?.into_iter().map(|(key, row)| (Name::Tray(key), row)));
    rows.extend(tail.into_iter().map(|(sequence, row)| (Name::Tail(sequence), row)));
    let mut pictures = Vec::new();
    for key in to_send.texts().await? {
        let name = Name::Picture(key.clone());
        if held.contains_key(&name) {
            pictures.push(name);
        } else if let Some(row) = tx.get(BLOBS, key.as_str())?.bytes().await? {
            rows.insert(name, row);
        }
    }
    let row = |key: &str| rows.get(&Name::Meta(key.into()));
    let owner = row(vault::DEVICE_ROW).zip(row(vault::DIRECTORY_ROW));
    Ok(match owner.and_then(|(device, directory)| vault::owner_of(device, directory)) {
        Some(owner) => Seen::Tablet { owner, rows, pictures },
        None => Seen::NoTablet,
    })
}

impl File {
    fn begun(owner: Owner) -> Self {
        Self { owner, held: BTreeMap::new(), bytes: owner.head(), is_written: true }
    }

    /// What has to be added to the file for it to say this too.
    fn take(&mut self, written: Vec<Written>) -> Vec<u8> {
        let mut out = Vec::new();
        for written in written {
            match written {
                Written::Put(name, row) => {
                    let mut hasher = DefaultHasher::new();
                    row.hash(&mut hasher);
                    let entry = self.owner.entry(&name, &row);
                    let held = Held { hash: hasher.finish(), bytes: entry.len() };
                    if self.held.get(&name) != Some(&held) {
                        out.extend(entry);
                        self.held.insert(name, held);
                    }
                }
                Written::Gone(name) => {
                    if self.held.remove(&name).is_some() {
                        out.extend(self.owner.entry(&name, &[]));
                    }
                }
                Written::Wiped => {}
            }
        }
        self.bytes.extend_from_slice(&out);
        out
    }

    /// Whether more may be added to it: it is not to be begun anew.
    fn goes_on(&self) -> bool {
        let counts: usize = self.held.values().map(|held| held.bytes).sum();
        self.is_written && self.bytes.len() <= 2 * counts + OUTDATED_BYTES_MAX
    }
}
