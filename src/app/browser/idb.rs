//! IndexedDB, with its real errors and its real transactions.
//!
//! The published crates lose the browser's error or let a transaction end across an await. Here a transaction is a
//! closure that awaits nothing but the database, is complete when the browser says so, and is done once more on a
//! new connection if the browser had dropped the old one.

use std::{
    cell::{Cell, RefCell},
    pin::{Pin, pin},
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
};

use futures::future::{Either, select};
use js_sys::{Array, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, IdbDatabase, IdbKeyRange, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbRequestReadyState,
    IdbTransaction, IdbVersionChangeEvent,
};
use yingke_core::journal::AppendError;

use super::{copy::Name, rows, signs, storage, updates};

/// What the app's database is called; the boot script opens it under the same name.
pub const NAME: &str = "yingke";
pub const JOURNAL: &str = "journal";
pub const BLOCKS: &str = "blocks";
pub const META: &str = "meta";
pub const DRAFTS: &str = "drafts";
pub const TRAY: &str = "tray";
pub const BLOBS: &str = "blobs";

/// Every store there is, in the order in which they came into being.
pub const STORES: [&str; 6] = [JOURNAL, BLOCKS, META, DRAFTS, TRAY, BLOBS];

/// One step of the schema. Steps are only added at the end; a released one stays as it is.
type Step = fn(&IdbDatabase) -> Result<(), JsValue>;

/// What turns an empty database into today's. The boot script takes the first step too: both must agree.
const STEPS: &[Step] = &[|database| {
    for name in STORES {
        let options = web_sys::IdbObjectStoreParameters::new();
        options.set_auto_increment(name == JOURNAL);
        if !database.object_store_names().contains(name) {
            database.create_object_store_with_optional_parameters(name, &options)?;
        }
    }
    Ok(())
}];

/// The format of rows and meta that this program writes, as other versions know it. In format 2 blocks are of codec 2.
const FORMAT: u32 = 2;
/// The meta row that says so.
pub(super) const FORMAT_ROW: &str = "format";

/// Which versions of the app may touch a database. Kept in it, in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Format {
    /// The first format whose apps can read it.
    readable_from: u32,
    /// The first format whose apps can write into it.
    writable_from: u32,
}

/// What this version may do with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadWrite,
    /// A newer version wrote it: an update is due, saves are refused.
    ReadOnly,
}

/// Why there is no database. The variant says what can be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A newer version of the app laid it out so that this one cannot read it. Nothing was touched: update the app.
    #[error("the database is of format {readable_from} and newer")]
    WrittenLater { readable_from: u32 },
    /// The browser gives none: a private window, a setting.
    #[error("no database here: {detail}")]
    Unavailable { detail: String },
    /// It does not answer, most likely since another tab is in the way: close that.
    #[error("another tab is in the way")]
    Blocked,
    /// No room, not even to open it: make some.
    #[error("no room")]
    Full,
    /// The browser has one and did not get it open, as it may the next time.
    #[error("not opened: {detail}")]
    Failed { detail: String },
    /// What lies there cannot be read.
    #[error("damaged: {detail}")]
    Damaged { detail: String },
}

impl From<AppendError> for OpenError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Full { .. } => Self::Full,
            AppendError::Closed | AppendError::Withheld(_) => Self::Failed { detail: error.to_string() },
            AppendError::Damaged { detail } => Self::Damaged { detail },
            AppendError::Aborted { detail } => Self::Failed { detail },
        }
    }
}

/// Why a transaction came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StoreError {
    Full,
    /// The connection is gone: a new one may do.
    Lost {
        detail: String,
    },
    Damaged {
        detail: String,
    },
    Aborted {
        detail: String,
    },
}

/// What a browser's error name means. Names as the specification gives them; Source: W3C IndexedDB 3.0, section 3.
fn meaning(name: &str, message: &str) -> StoreError {
    let detail = format!("{name}: {message}");
    match name {
        "QuotaExceededError" => StoreError::Full,
        // Chromium on a disk that is full, whatever the quota.
        _ if message.contains("NO_SPACE") => StoreError::Full,
        // Chromium and WebKit say UnknownError when the backing store failed, AbortError when they force it closed.
        // A transaction that they have aborted is no longer active when the next call comes.
        "InvalidStateError" | "UnknownError" | "AbortError" | "TimeoutError" | "TransactionInactiveError" => {
            StoreError::Lost { detail }
        }
        "NotReadableError" | "NotFoundError" | "EncodingError" => StoreError::Damaged { detail },
        "DataError" if message.contains("read") => StoreError::Damaged { detail }, // a value's file is missing
        _ => StoreError::Aborted { detail },
    }
}

fn meaning_of(error: &JsValue) -> StoreError {
    match error.dyn_ref::<DomException>() {
        Some(error) => meaning(&error.name(), &error.message()),
        None => {
            let error = error.dyn_ref::<js_sys::Error>();
            let text =
                |what: fn(&js_sys::Error) -> js_sys::JsString| error.map(what).map(String::from).unwrap_or_default();
            meaning(&text(js_sys::Error::name), &text(js_sys::Error::message))
        }
    }
}

/// The database, opened. A handle: clones are the same connection.
#[derive(Clone)]
pub struct Database {
    inner: Rc<Inner>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

struct Inner {
    name: String,
    connection: RefCell<Option<Connection>>,
    access: Cell<Access>,
    /// Whether the last transaction found no room.
    was_full: Cell<bool>,
    /// Whether it was not there any more when it was to be opened again.
    is_gone: Cell<bool>,
    /// Transactions under way, each with the number of its connection. One that the browser closes ends them, and Chromium
    /// tells them nothing of it.
    under_way: RefCell<Vec<(u64, Weak<RefCell<End>>)>>,
    /// Connections there have been.
    connections: Cell<u64>,
    /// Told when a newer version in another tab asked for the database: this page should offer to reload.
    on_replaced: RefCell<Option<Rc<dyn Fn()>>>,
    /// Told what each transaction wrote, once it is on the disk.
    on_written: RefCell<Option<OnWritten>>,
}

type OnWritten = Rc<dyn Fn(Vec<Written>)>;

/// What a transaction did to a row that the second copy has too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    Put(Name, Vec<u8>),
    Gone(Name),
    /// All of them went: the tablet was wiped.
    Wiped,
}

struct Connection {
    raw: IdbDatabase,
    number: u64,
    _on_close: Closure<dyn FnMut()>,
    _on_version_change: Closure<dyn FnMut(IdbVersionChangeEvent)>,
}

impl Database {
    /// A handle to a database that is not opened yet.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let inner = Inner {
            name: name.to_owned(),
            connection: RefCell::new(None),
            access: Cell::new(Access::ReadWrite),
            was_full: Cell::new(false),
            is_gone: Cell::new(false),
            under_way: RefCell::default(),
            connections: Cell::new(0),
            on_replaced: RefCell::new(None),
            on_written: RefCell::new(None),
        };
        Self { inner: Rc::new(inner) }
    }

    /// Opens it: by the connection that the boot script has under way, or by one of our own.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn open(&self) -> Result<(), OpenError> {
        let under_way = js_sys::Reflect::get(&updates::boot(), &"open".into()).ok();
        let under_way = under_way.filter(|_| self.inner.name == NAME);
        let opened = match under_way.and_then(|promise| promise.dyn_into::<js_sys::Promise>().ok()) {
            // One of our own would wait behind it.
            Some(promise) => match super::clock::within(OPEN_WAIT_MS, JsFuture::from(promise)).await {
                Some(opened) => opened.ok().and_then(|raw| raw.dyn_into::<IdbDatabase>().ok()),
                None => return Err(OpenError::Blocked),
            },
            None => None,
        };
        let raw = match opened {
            Some(raw) => raw,
            None => open_raw(&self.inner.name, None, Missing::IsLaidOut).await?,
        };
        // A database without its first stores was never used: another script made it, or the laying out was cut off.
        let raw = if raw.object_store_names().contains(META) {
            raw
        } else {
            let version = raw.version() as u32 + 1;
            raw.close();
            open_raw(&self.inner.name, Some(version), Missing::IsLaidOut).await?
        };
        self.adopt(raw);
        self.check_format().await
    }

    /// Whether the browser has taken it away while this page was open.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.inner.is_gone.get()
    }

    /// An empty one in the place of one that is gone, of which nobody may make anything until it has a format: whoever
    /// fills it writes that too, closes this handle, and says [`Database::is_back`].
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn begun_anew(&self) -> Result<Self, OpenError> {
        let fresh = Self::named(&self.inner.name);
        fresh.adopt(open_raw(&self.inner.name, None, Missing::IsLaidOut).await?);
        Ok(fresh)
    }

    /// What was in the one that is gone is there again.
    pub fn is_back(&self) {
        self.inner.is_gone.set(false);
    }

    /// What this version may do with it.
    #[must_use]
    pub fn access(&self) -> Access {
        self.inner.access.get()
    }

    /// Whether the layout lacks a step of this version; [`Database::raise`] takes it.
    #[must_use]
    pub fn lacks_steps(&self) -> bool {
        !self.lost_stores().is_empty()
    }

    /// Stores that are not there, though every version of the app lays them out.
    #[must_use]
    pub fn lost_stores(&self) -> Vec<&'static str> {
        let connection = self.inner.connection.borrow();
        let names = connection.as_ref().map(|open| open.raw.object_store_names());
        names.map_or_else(Vec::new, |names| STORES.into_iter().filter(|name| !names.contains(name)).collect())
    }

    /// Takes the schema's missing steps. Only after a first good start, so that the generation before can go on with
    /// the database if this one fails.
    ///
    /// # Errors
    /// [`OpenError`]; the database is as before.
    pub async fn raise(&self) -> Result<(), OpenError> {
        if !self.lacks_steps() {
            return Ok(());
        }
        let version = self.inner.connection.borrow().as_ref().map_or(1.0, |open| open.raw.version()) as u32 + 1;
        self.close();
        let raw = open_raw(&self.inner.name, Some(version), Missing::IsLaidOut).await?;
        self.adopt(raw);
        Ok(())
    }

    /// Calls back when a newer version of the app, in another tab, asked for the database. It has been closed, and is opened
    /// again for what is asked next, if this version may: the page should offer to reload.
    pub fn on_replaced(&self, call: impl Fn() + 'static) {
        *self.inner.on_replaced.borrow_mut() = Some(Rc::new(call));
    }

    /// Calls back with what each transaction wrote, once it is complete. One listener: the second copy.
    pub(super) fn on_written(&self, call: impl Fn(Vec<Written>) + 'static) {
        *self.inner.on_written.borrow_mut() = Some(Rc::new(call));
    }

    /// Lets go of the connection. The next transaction opens another.
    pub fn close(&self) {
        if let Some(open) = self.inner.connection.borrow_mut().take() {
            open.raw.set_onclose(None);
            open.raw.set_onversionchange(None);
            open.raw.close();
        }
    }

    fn adopt(&self, raw: IdbDatabase) -> u64 {
        let number = self.inner.connections.get() + 1;
        self.inner.connections.set(number);
        let inner = Rc::downgrade(&self.inner);
        let on_close = Closure::<dyn FnMut()>::new(move || {
            // The browser closed it: its disk failed, or somebody cleared the site's data.
            let Some(inner) = inner.upgrade() else { return };
            inner.let_go_of(number).into_iter().for_each(keep_until_later);
            let mut ended = Vec::new();
            inner.under_way.borrow_mut().retain(|(of, end)| {
                ended.extend(end.upgrade().filter(|_| *of == number));
                *of != number
            });
            for end in ended {
                End::come(&end, Err(StoreError::Lost { detail: "the browser closed the connection".into() }));
            }
        });
        let inner = Rc::downgrade(&self.inner);
        let on_version_change =
            Closure::<dyn FnMut(IdbVersionChangeEvent)>::new(move |event: IdbVersionChangeEvent| {
                let Some(inner) = inner.upgrade() else { return };
                if let Some(open) = inner.let_go_of(number) {
                    open.raw.close();
                    keep_until_later(open);
                }
                // One that is deleted has no new version.
                let call = inner.on_replaced.borrow().clone().filter(|_| event.new_version().is_some());
                if let Some(call) = call {
                    call();
                }
            });
        raw.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        raw.set_onversionchange(Some(on_version_change.as_ref().unchecked_ref()));
        *self.inner.connection.borrow_mut() =
            Some(Connection { raw, number, _on_close: on_close, _on_version_change: on_version_change });
        number
    }

    /// Refuses a database that only newer versions can read; writes the first format into a new one.
    async fn check_format(&self) -> Result<(), OpenError> {
        match self.read(&[META], async |tx| tx.get(META, FORMAT_ROW)?.bytes().await).await? {
            None => Ok(self.write(&[META], async |tx| put_format(tx)).await?),
            Some(found) => self.go_by_format(&found).inspect_err(|_| self.close()),
        }
    }

    fn go_by_format(&self, row: &[u8]) -> Result<(), OpenError> {
        let found: Format = serde_json::from_slice(row)
            .map_err(|_| OpenError::Damaged { detail: "the row that says which versions may read".into() })?;
        if found.readable_from > FORMAT {
            return Err(OpenError::WrittenLater { readable_from: found.readable_from });
        }
        self.inner.access.set(if found.writable_from > FORMAT { Access::ReadOnly } else { Access::ReadWrite });
        Ok(())
    }

    /// Reads in one transaction.
    pub(super) async fn read<T>(
        &self,
        stores: &[&str],
        work: impl AsyncFn(&Tx) -> Result<T, StoreError>,
    ) -> Result<T, AppendError> {
        let work = Kept { work, done: RefCell::default() };
        self.transact(stores, "readonly", &work).await?;
        Ok(work.done())
    }

    /// Writes in one transaction with strict durability: done means that it survives the power going.
    pub(super) async fn write<T>(
        &self,
        stores: &[&str],
        work: impl AsyncFn(&Tx) -> Result<T, StoreError>,
    ) -> Result<T, AppendError> {
        let work = Kept { work, done: RefCell::default() };
        self.transact(stores, "readwrite", &work).await?;
        Ok(work.done())
    }

    async fn transact(&self, stores: &[&str], mode: &str, work: &dyn Work) -> Result<(), AppendError> {
        let error = match self.once(stores, mode, work).await {
            Ok(()) => return Ok(()),
            // Nothing of it happened, so it may be done again: once, on a new connection.
            Err(StoreError::Lost { .. }) => match self.once(stores, mode, work).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            },
            Err(error) => error,
        };
        // On a full disk the database does not open any more, and says only that it does not.
        let is_full = match &error {
            StoreError::Full => true,
            StoreError::Lost { .. } => self.inner.was_full.get(),
            StoreError::Damaged { .. } | StoreError::Aborted { .. } => false,
        };
        self.inner.was_full.set(is_full);
        Err(match error {
            _ if is_full => AppendError::Full { free_bytes: storage::free_bytes().await },
            StoreError::Full | StoreError::Lost { .. } => AppendError::Closed,
            StoreError::Damaged { detail } => AppendError::Damaged { detail },
            StoreError::Aborted { detail } => AppendError::Aborted { detail },
        })
    }

    async fn once(&self, stores: &[&str], mode: &str, work: &dyn Work) -> Result<(), StoreError> {
        signs::going_on().await;
        let (raw, number) = self.connection().await?;
        if mode == "readwrite" && self.access() == Access::ReadOnly {
            return Err(StoreError::Aborted { detail: "a newer version of the app wrote here".into() });
        }
        let done = self.within(&raw, number, stores, mode, work).await;
        if let Err(StoreError::Lost { .. }) = &done
            && let Some(open) = self.inner.let_go_of(number)
        {
            open.raw.set_onclose(None);
            open.raw.set_onversionchange(None);
            open.raw.close();
        }
        if done.is_ok() {
            self.inner.was_full.set(false);
        }
        done
    }

    async fn within(
        &self,
        raw: &IdbDatabase,
        number: u64,
        stores: &[&str],
        mode: &str,
        work: &dyn Work,
    ) -> Result<(), StoreError> {
        let on_written = self.inner.on_written.borrow().clone();
        let tx = Tx::begin(raw, stores, mode, on_written.is_some())?;
        {
            let mut under_way = self.inner.under_way.borrow_mut();
            under_way.retain(|(_, end)| end.strong_count() > 0);
            under_way.push((number, Rc::downgrade(&tx.end)));
        }
        let done = match select(work.run(&tx), pin!(tx.failed())).await {
            Either::Left((done, _)) => done,
            Either::Right((why, _)) => Err(why),
        };
        if let Err(error) = done {
            tx.abort();
            return Err(error);
        }
        tx.commit();
        tx.completed().await?;
        let written = tx.written();
        if let Some(call) = on_written.filter(|_| !written.is_empty()) {
            call(written);
        }
        Ok(())
    }

    async fn connection(&self) -> Result<(IdbDatabase, u64), StoreError> {
        if let Some(open) = &*self.inner.connection.borrow() {
            return Ok((open.raw.clone(), open.number));
        }
        let raw = match open_raw(&self.inner.name, None, Missing::IsAnError).await {
            Ok(raw) => raw,
            Err(OpenError::Damaged { .. }) => return Err(self.found_gone()),
            Err(OpenError::Full) => return Err(StoreError::Full),
            Err(error) => return Err(StoreError::Lost { detail: error.to_string() }),
        };
        // Whoever made us let go of the last one may have been a newer version, or have begun to lay out another.
        let checked = match format_in(&raw).await {
            Ok(Some(row)) => self.go_by_format(&row).map_err(|error| StoreError::Aborted { detail: error.to_string() }),
            Ok(None) => Err(self.found_gone()),
            Err(error) => Err(error),
        };
        if let Err(error) = checked {
            raw.close();
            return Err(error);
        }
        // Another call may have opened it meanwhile.
        if let Some(open) = &*self.inner.connection.borrow() {
            raw.close();
            return Ok((open.raw.clone(), open.number));
        }
        let number = self.adopt(raw.clone());
        Ok((raw, number))
    }

    fn found_gone(&self) -> StoreError {
        self.inner.is_gone.set(true);
        StoreError::Damaged { detail: "the database was deleted".into() }
    }
}

impl Inner {
    /// The connection, if it is the one of this number. It is nobody's from here on.
    fn let_go_of(&self, number: u64) -> Option<Connection> {
        let mut connection = self.connection.borrow_mut();
        if connection.as_ref().is_some_and(|open| open.number == number) { connection.take() } else { None }
    }
}

/// The row that says which versions may read, in one transaction and one try. `None` where there is nothing yet.
async fn format_in(raw: &IdbDatabase) -> Result<Option<Vec<u8>>, StoreError> {
    if !raw.object_store_names().contains(META) {
        return Ok(None);
    }
    let tx = Tx::begin(raw, &[META], "readonly", false)?;
    tx.get(META, FORMAT_ROW)?.bytes().await
}

/// What is done within one transaction, whatever comes of it: so beginning, ending and doing it again is compiled once.
trait Work {
    fn run<'a>(&'a self, tx: &'a Tx) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + 'a>>;
}

/// Work that keeps what came of it.
struct Kept<W, T> {
    work: W,
    done: RefCell<Option<T>>,
}

impl<T, W: AsyncFn(&Tx) -> Result<T, StoreError>> Work for Kept<W, T> {
    fn run<'a>(&'a self, tx: &'a Tx) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + 'a>> {
        Box::pin(async {
            let done = (self.work)(tx).await?;
            self.done.replace(Some(done));
            Ok(())
        })
    }
}

impl<W, T> Kept<W, T> {
    fn done(self) -> T {
        self.done.into_inner().expect("a transaction that was committed ran its work")
    }
}

/// Says that what lies here is of this version's format.
pub(super) fn put_format(tx: &Tx) -> Result<(), StoreError> {
    let format = serde_json::to_vec(&Format { readable_from: FORMAT, writable_from: FORMAT });
    tx.put(META, FORMAT_ROW, &format.expect("two numbers are plain data"))
}

/// A closure must not be dropped while it runs, so the connection that holds it outlives the call.
fn keep_until_later(open: Connection) {
    wasm_bindgen_futures::spawn_local(async move { drop(open) });
}

/// What comes of a database that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsLaidOut,
    /// Somebody deleted it, or the browser did: an empty one in its place would hide that.
    IsAnError,
}

/// Opens a database as it is, or raised to a version.
async fn open_raw(name: &str, version: Option<u32>, missing: Missing) -> Result<IdbDatabase, OpenError> {
    let factory = js_sys::Reflect::get(&js_sys::global(), &"indexedDB".into())
        .ok()
        .and_then(|factory| factory.dyn_into::<web_sys::IdbFactory>().ok())
        .ok_or_else(|| OpenError::Unavailable { detail: "this browser has no IndexedDB".into() })?;
    let request = match version {
        Some(version) => factory.open_with_u32(name, version),
        None => factory.open(name),
    };
    let request: IdbOpenDbRequest = request.map_err(|error| not_opened(meaning_of(&error)))?;
    let is_missing = Rc::new(Cell::new(false));
    let lay_out = {
        let (request, is_missing) = (request.clone(), is_missing.clone());
        Closure::<dyn FnMut(IdbVersionChangeEvent)>::new(move |event: IdbVersionChangeEvent| {
            is_missing.set(missing == Missing::IsAnError && event.old_version() == 0.0);
            let database = request.result().ok().and_then(|raw| raw.dyn_into::<IdbDatabase>().ok());
            let done = database.map(|database| STEPS.iter().try_for_each(|step| step(&database)));
            if is_missing.get() || !matches!(done, Some(Ok(()))) {
                request.transaction().map(|transaction| transaction.abort());
            }
        })
    };
    request.set_onupgradeneeded(Some(lay_out.as_ref().unchecked_ref()));
    let opened = super::clock::within(OPEN_WAIT_MS, Reply::new(request.unchecked_into())).await;
    match opened {
        _ if is_missing.get() => Err(OpenError::Damaged { detail: "the database was deleted".into() }),
        Some(Ok(raw)) => {
            raw.dyn_into().map_err(|_| OpenError::Failed { detail: "the browser gave something else".into() })
        }
        Some(Err(error)) => Err(match not_opened(error) {
            // On a full disk Chromium says only that it did not open.
            OpenError::Failed { .. } if storage::free_bytes().await.is_some_and(|free| free < OPEN_BYTES) => {
                OpenError::Full
            }
            error => error,
        }),
        // Whoever waits behind a connection that another page does not give up hears nothing.
        None => Err(OpenError::Blocked),
    }
}

/// What it means that a database did not open. Firefox says the first two of a private window and of a site that may keep
/// nothing, WebKit the first, Chromium that "the user denied permission".
fn not_opened(error: StoreError) -> OpenError {
    let is_denied = |detail: &str| {
        ["SecurityError", "InvalidStateError", "NotAllowedError"].iter().any(|name| detail.starts_with(name))
            || detail.contains("denied")
    };
    match error {
        StoreError::Full => OpenError::Full,
        StoreError::Damaged { detail } => OpenError::Damaged { detail },
        StoreError::Lost { detail } | StoreError::Aborted { detail } if is_denied(&detail) => {
            OpenError::Unavailable { detail }
        }
        StoreError::Lost { detail } | StoreError::Aborted { detail } => OpenError::Failed { detail },
    }
}

/// The first touch takes up to 100 ms; after this the person is told that something is in the way.
const OPEN_WAIT_MS: i64 = 10_000;
/// With less room than this a database does not open.
const OPEN_BYTES: u64 = 1_000_000;

// ---- One transaction ----------------------------------------------------------------------------------------

#[wasm_bindgen]
extern "C" {
    type Durable;
    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn transaction(this: &Durable, stores: &Array, mode: &str, options: &JsValue) -> Result<IdbTransaction, JsValue>;
}

/// One transaction under way. Await nothing in it but what it gives.
pub(super) struct Tx {
    raw: IdbTransaction,
    end: Rc<RefCell<End>>,
    /// What it does to rows that the second copy has; `None` where there is none.
    noted: Option<RefCell<Vec<Noted>>>,
    _listeners: [Closure<dyn FnMut()>; 2],
}

enum Noted {
    Written(Written),
    /// Its key is in the answer.
    Added(IdbRequest, Vec<u8>),
}

#[derive(Default)]
struct End {
    outcome: Option<Result<(), StoreError>>,
    waker: Option<Waker>,
}

impl End {
    /// The first word counts.
    fn come(end: &RefCell<Self>, outcome: Result<(), StoreError>) {
        let mut end = end.borrow_mut();
        end.outcome.get_or_insert(outcome);
        end.waker.take().into_iter().for_each(Waker::wake);
    }
}

impl Tx {
    fn begin(database: &IdbDatabase, stores: &[&str], mode: &str, noting: bool) -> Result<Self, StoreError> {
        let names: Array = stores.iter().map(|name| JsValue::from_str(name)).collect();
        let options = js_sys::Object::new();
        let _ = js_sys::Reflect::set(&options, &"durability".into(), &"strict".into());
        let raw = database
            .unchecked_ref::<Durable>()
            .transaction(&names, mode, &options)
            .map_err(|error| meaning_of(&error))?;
        let end = Rc::new(RefCell::new(End::default()));
        let listener = |outcome: fn(&IdbTransaction) -> Result<(), StoreError>| {
            let (raw, end) = (raw.clone(), end.clone());
            Closure::<dyn FnMut()>::new(move || End::come(&end, outcome(&raw)))
        };
        let on_complete = listener(|_| Ok(()));
        let on_abort = listener(|raw| match raw.error() {
            Some(error) => Err(meaning(&error.name(), &error.message())),
            None => Err(StoreError::Lost { detail: "the transaction was aborted".into() }),
        });
        raw.set_oncomplete(Some(on_complete.as_ref().unchecked_ref()));
        raw.set_onabort(Some(on_abort.as_ref().unchecked_ref()));
        let noted = noting.then(RefCell::default);
        Ok(Self { raw, end, noted, _listeners: [on_complete, on_abort] })
    }

    fn store(&self, name: &str) -> Result<IdbObjectStore, StoreError> {
        self.raw.object_store(name).map_err(|error| meaning_of(&error))
    }

    /// Appends a row where keys count up by themselves; the reply is its key.
    pub fn add(&self, store: &str, row: &[u8]) -> Result<Reply, StoreError> {
        let request = self.store(store)?.add(&Uint8Array::from(row)).map_err(|error| meaning_of(&error))?;
        if rows::is_tail(row) {
            self.note(|| Noted::Added(request.clone(), row.to_vec()));
        }
        Ok(Reply::new(request))
    }

    /// Puts a row under a key. It needs no reply: if it fails, so does the transaction.
    pub fn put(&self, store: &str, key: impl Into<JsValue>, row: &[u8]) -> Result<(), StoreError> {
        let key = key.into();
        let put = self.store(store)?.put_with_key(&Uint8Array::from(row), &key);
        put.map_err(|error| meaning_of(&error))?;
        if let Some(name) = copied(store, &key) {
            // A change that the endpoint has is no part of the copy any more.
            let stays = store != JOURNAL || rows::is_tail(row);
            self.note(|| Noted::Written(if stays { Written::Put(name, row.to_vec()) } else { Written::Gone(name) }));
        }
        Ok(())
    }

    pub fn delete(&self, store: &str, key: impl Into<JsValue>) -> Result<(), StoreError> {
        let key = key.into();
        self.store(store)?.delete(&key).map_err(|error| meaning_of(&error))?;
        if let Some(name) = copied(store, &key) {
            self.note(|| Noted::Written(Written::Gone(name)));
        }
        Ok(())
    }

    pub fn clear(&self, store: &str) -> Result<(), StoreError> {
        self.store(store)?.clear().map_err(|error| meaning_of(&error))?;
        if store == META {
            self.note(|| Noted::Written(Written::Wiped));
        }
        Ok(())
    }

    pub fn get(&self, store: &str, key: impl Into<JsValue>) -> Result<Reply, StoreError> {
        let request = self.store(store)?.get(&key.into()).map_err(|error| meaning_of(&error))?;
        Ok(Reply::new(request))
    }

    /// All rows of a range of keys, and their keys, in the order of the keys.
    pub fn all(&self, store: &str, range: &Range) -> Result<Rows, StoreError> {
        let (store, range) = (self.store(store)?, range.value()?);
        let values = store.get_all_with_key(&range).map_err(|error| meaning_of(&error))?;
        let keys = store.get_all_keys_with_key(&range).map_err(|error| meaning_of(&error))?;
        Ok(Rows { values: Reply::new(values), keys: Reply::new(keys) })
    }

    /// The first so many rows of a range of keys.
    pub fn first(&self, store: &str, range: &Range, rows_max: u32) -> Result<Rows, StoreError> {
        let (store, range) = (self.store(store)?, range.value()?);
        let values = store.get_all_with_key_and_limit(&range, rows_max).map_err(|error| meaning_of(&error))?;
        let keys = store.get_all_keys_with_key_and_limit(&range, rows_max).map_err(|error| meaning_of(&error))?;
        Ok(Rows { values: Reply::new(values), keys: Reply::new(keys) })
    }

    /// How many rows there are; the reply is a number.
    pub fn count(&self, store: &str) -> Result<Reply, StoreError> {
        let request = self.store(store)?.count().map_err(|error| meaning_of(&error))?;
        Ok(Reply::new(request))
    }

    /// The keys of a range alone.
    pub fn keys(&self, store: &str, range: &Range) -> Result<Reply, StoreError> {
        let request = self.store(store)?.get_all_keys_with_key(&range.value()?);
        Ok(Reply::new(request.map_err(|error| meaning_of(&error))?))
    }

    fn note(&self, what: impl FnOnce() -> Noted) {
        if let Some(noted) = &self.noted {
            noted.borrow_mut().push(what());
        }
    }

    /// What it did to rows that the second copy has, once it is complete.
    fn written(&self) -> Vec<Written> {
        let noted = self.noted.as_ref().map(RefCell::take).unwrap_or_default();
        let written = |noted| match noted {
            Noted::Written(written) => Some(written),
            Noted::Added(request, row) => Some(Written::Put(copied(JOURNAL, &request.result().ok()?)?, row)),
        };
        noted.into_iter().filter_map(written).collect()
    }

    fn commit(&self) {
        // Not waiting for the next turn of the event loop; browsers that lack it commit by themselves.
        let commit = js_sys::Reflect::get(&self.raw, &"commit".into()).ok();
        if let Some(commit) = commit.and_then(|commit| commit.dyn_into::<js_sys::Function>().ok()) {
            let _ = commit.call0(&self.raw);
        }
    }

    fn abort(&self) {
        let _ = self.raw.abort();
    }

    async fn completed(&self) -> Result<(), StoreError> {
        std::future::poll_fn(|context| {
            let mut end = self.end.borrow_mut();
            if let Some(outcome) = &end.outcome {
                return Poll::Ready(outcome.clone());
            }
            end.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Done when it came to nothing, and why.
    async fn failed(&self) -> StoreError {
        match self.completed().await {
            Err(why) => why,
            Ok(()) => std::future::pending().await, // whoever works in it is about to hear that it is done
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        self.raw.set_oncomplete(None);
        self.raw.set_onabort(None);
    }
}

/// What the second copy calls the row under a key.
fn copied(store: &str, key: &JsValue) -> Option<Name> {
    match key.as_string() {
        Some(key) => Name::of(store, key),
        None => (store == JOURNAL).then(|| Name::Tail(key.as_f64().unwrap_or_default() as u64)),
    }
}

/// Which keys.
#[derive(Debug, Clone)]
pub(super) enum Range {
    All,
    /// Sequences above this one.
    Above(u64),
    /// Sequences from the first to the second, both included.
    Between(u64, u64),
    /// Keys that begin with this text.
    Under(String),
}

impl Range {
    fn value(&self) -> Result<JsValue, StoreError> {
        let range = match self {
            Self::All => return Ok(JsValue::UNDEFINED),
            Self::Above(sequence) => IdbKeyRange::lower_bound_with_open(&sequence_key(*sequence), true),
            Self::Between(first, last) => IdbKeyRange::bound(&sequence_key(*first), &sequence_key(*last)),
            Self::Under(text) => IdbKeyRange::bound(&text.into(), &format!("{text}\u{ffff}").into()),
        };
        range.map(JsValue::from).map_err(|error| meaning_of(&error))
    }
}

/// Sequences are whole numbers far below 2^53.
pub(super) fn sequence_key(sequence: u64) -> JsValue {
    JsValue::from_f64(sequence as f64)
}

/// The answer to one request. It was sent when this was made, so several can be under way at once.
pub(super) struct Reply {
    request: IdbRequest,
    listening: Option<Listening>,
}

struct Listening {
    waker: Rc<RefCell<Waker>>,
    _wake: Closure<dyn FnMut()>,
}

impl Reply {
    fn new(request: IdbRequest) -> Self {
        Self { request, listening: None }
    }

    /// The row, if there is one.
    pub async fn bytes(self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(bytes_of(&self.await?))
    }

    pub async fn sequence(self) -> Result<u64, StoreError> {
        Ok(self.await?.as_f64().unwrap_or_default() as u64)
    }

    /// Keys that are text.
    pub async fn texts(self) -> Result<Vec<String>, StoreError> {
        Ok(self.await?.unchecked_into::<Array>().iter().filter_map(|key| key.as_string()).collect())
    }
}

/// What is there instead of bytes is empty, which no row is: its reader finds it damaged.
fn bytes_of(value: &JsValue) -> Option<Vec<u8>> {
    if value.is_undefined() {
        return None;
    }
    Some(value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec).unwrap_or_default())
}

impl Future for Reply {
    type Output = Result<JsValue, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.request.ready_state() == IdbRequestReadyState::Done {
            return Poll::Ready(match self.request.result() {
                Ok(value) => match self.request.error() {
                    Ok(Some(error)) => Err(meaning(&error.name(), &error.message())),
                    _ => Ok(value),
                },
                Err(error) => Err(meaning_of(&error)),
            });
        }
        if let Some(Listening { waker, .. }) = &self.listening {
            waker.borrow_mut().clone_from(context.waker());
            return Poll::Pending;
        }
        let waker = Rc::new(RefCell::new(context.waker().clone()));
        let wake = {
            let waker = waker.clone();
            Closure::<dyn FnMut()>::new(move || waker.borrow().wake_by_ref())
        };
        self.request.set_onsuccess(Some(wake.as_ref().unchecked_ref()));
        self.request.set_onerror(Some(wake.as_ref().unchecked_ref()));
        self.listening = Some(Listening { waker, _wake: wake });
        Poll::Pending
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.listening.is_some() {
            self.request.set_onsuccess(None);
            self.request.set_onerror(None);
        }
    }
}

/// The answer to [`Tx::all`].
pub(super) struct Rows {
    values: Reply,
    keys: Reply,
}

impl Rows {
    pub async fn by_sequence(self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let rows = self.by_key().await?;
        Ok(rows.into_iter().map(|(key, row)| (key.as_f64().unwrap_or_default() as u64, row)).collect())
    }

    pub async fn by_text(self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let rows = self.by_key().await?;
        Ok(rows.into_iter().map(|(key, row)| (key.as_string().unwrap_or_default(), row)).collect())
    }

    async fn by_key(self) -> Result<Vec<(JsValue, Vec<u8>)>, StoreError> {
        let values = self.values.await?.unchecked_into::<Array>();
        let keys = self.keys.await?.unchecked_into::<Array>();
        Ok(keys.iter().zip(values.iter()).map(|(key, value)| (key, bytes_of(&value).unwrap_or_default())).collect())
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn a_browsers_error_says_what_can_be_done() {
        let check = |name: &str, message: &str| match meaning(name, message) {
            StoreError::Full => "full",
            StoreError::Lost { .. } => "lost",
            StoreError::Damaged { .. } => "damaged",
            StoreError::Aborted { .. } => "aborted",
        };
        assert_eq!(check("QuotaExceededError", ""), "full");
        assert_eq!(check("InvalidStateError", "The database connection is closing."), "lost");
        assert_eq!(check("UnknownError", "Internal error opening backing store"), "lost");
        assert_eq!(check("DataError", "Failed to read large IndexedDB value"), "damaged");
        assert_eq!(check("NotFoundError", ""), "damaged");
        assert_eq!(check("DataError", "The parameter is not a valid key."), "aborted");
        assert_eq!(check("ConstraintError", ""), "aborted");
        assert_eq!(check("TransactionInactiveError", ""), "lost");
        assert_eq!(check("UnknownError", "IO error: …/000003.log: FILE_ERROR_NO_SPACE"), "full");
    }

    #[test]
    fn a_database_that_is_denied_is_told_from_one_that_fails_or_is_full_or_damaged() {
        let check = |name: &str, message: &str| match not_opened(meaning(name, message)) {
            OpenError::Unavailable { .. } => "unavailable",
            OpenError::Failed { .. } => "failed",
            OpenError::Full => "full",
            OpenError::Damaged { .. } => "damaged",
            OpenError::Blocked | OpenError::WrittenLater { .. } => "another",
        };
        assert_eq!(check("SecurityError", "The operation is insecure."), "unavailable");
        assert_eq!(check("InvalidStateError", "A mutation operation was attempted"), "unavailable");
        assert_eq!(check("UnknownError", "The user denied permission to access the database."), "unavailable");
        assert_eq!(check("UnknownError", "Internal error opening backing store"), "failed");
        assert_eq!(check("AbortError", ""), "failed");
        assert_eq!(check("QuotaExceededError", ""), "full");
        assert_eq!(check("UnknownError", "FILE_ERROR_NO_SPACE"), "full");
        assert_eq!(check("NotReadableError", ""), "damaged");
    }
}
