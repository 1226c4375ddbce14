//! A browser that drops its connection to the database, or fails a request, at every call that the app makes of it: what
//! was asked for is done once on a new connection, or not at all and said.

use std::collections::BTreeMap;

use futures::{FutureExt, future::LocalBoxFuture};

use super::*;

/// What the browser may do wrong at a call.
const FAULTS: [&str; 3] = ["InvalidStateError", "UnknownError", "close"];

/// Counts the calls, and makes some of them fail: those from `from` on and before `until`.
const INSTALL: &str = r#"
(() => {
  const faults = globalThis.faults ??= { calls: 0, opens: 0, from: Infinity, until: Infinity, kind: "" };
  if (faults.installed) return;
  faults.installed = true;
  const error = (name) => new DOMException("made by a test", name);
  const lost = (that) => {
    const [tx, database] = that instanceof IDBTransaction ? [that, that.db]
      : that instanceof IDBObjectStore ? [that.transaction, that.transaction.db] : [undefined, that];
    try { tx?.abort(); } catch {}
    return database;
  };
  // A request of which nothing comes but an error; its transaction is over.
  const failing = (that) => {
    const request = { readyState: "pending", result: undefined, error: null, onsuccess: null, onerror: null };
    lost(that);
    setTimeout(() => {
      Object.assign(request, { readyState: "done", error: error("UnknownError") });
      request.onerror?.();
    });
    return request;
  };
  const wrap = (type, names) => names.forEach((name) => {
    const real = type.prototype[name];
    type.prototype[name] = function (...given) {
      if (name === "open") faults.opens += 1;
      const call = faults.calls++;
      if (call < faults.from || call >= faults.until) return real.apply(this, given);
      if (faults.kind === "transactions") {
        if (type !== IDBDatabase) return real.apply(this, given);
        throw error("InvalidStateError");
      }
      if (faults.kind === "UnknownError" && type === IDBObjectStore) return failing(this);
      if (faults.kind !== "close" || type === IDBFactory) {
        if (type !== IDBFactory) lost(this);
        throw error(faults.kind === "close" ? "UnknownError" : faults.kind);
      }
      // The browser ends the connection and says so; of its transactions, as Chromium does, it says nothing.
      const tx = this instanceof IDBTransaction ? this : this.transaction;
      if (tx instanceof IDBTransaction) tx.onabort = tx.oncomplete = null;
      const database = lost(this);
      database.close();
      database.dispatchEvent(new Event("close"));
      return real.apply(this, given);
    };
  });
  wrap(IDBFactory, ["open"]);
  wrap(IDBDatabase, ["transaction"]);
  wrap(IDBTransaction, ["objectStore"]);
  wrap(IDBObjectStore, ["add", "put", "delete", "clear", "get", "getAll", "getAllKeys"]);
})()"#;

/// Calls and openings of the database since [`begin`].
struct Seen {
    calls: u32,
    opens: u32,
}

/// From here on calls are counted, and these fail.
fn begin(kind: &str, from: u32, until: u32) {
    js_sys::eval(INSTALL).unwrap();
    let set = format!("Object.assign(faults, {{ calls: 0, opens: 0, kind: {kind:?}, from: {from}, until: {until} }})");
    js_sys::eval(&set).unwrap();
}

fn end() -> Seen {
    let number = |name: &str| js_sys::eval(&format!("faults.{name}")).unwrap().as_f64().unwrap() as u32;
    let seen = Seen { calls: number("calls"), opens: number("opens") };
    js_sys::eval("faults.from = Infinity").unwrap();
    seen
}

/// A tablet with a little of everything on it, which each try begins with.
struct Before {
    /// Another tab of it, which no fault reaches.
    tablet: Tablet,
    rows: BTreeMap<&'static str, Vec<(JsValue, Vec<u8>)>>,
    accepted: Ranked,
    refused: Ranked,
    pulled: Ranked,
    picture: BlobHash,
    handed: Vec<rows::OwnRow>,
}

const STORES: [&str; 6] = [JOURNAL, BLOCKS, META, DRAFTS, TRAY, BLOBS];

impl Before {
    async fn new() -> Self {
        let other = Tablet::enrolled("faults, another").await;
        other.unlock(1).await;
        other.journal.append(&lead("己")).await.unwrap();
        let handed = other.journal.sealed_tail().await.unwrap();

        let tablet = Tablet::enrolled("faults").await;
        tablet.unlock(1).await;
        pull(&tablet, 2).await;
        let (accepted, refused) = (lead("甲"), lead("乙"));
        let picture = BlobHash::of(b"a picture");
        tablet.journal.append(&accepted).await.unwrap();
        tablet.journal.append(&refused).await.unwrap();
        let replica = shown(&tablet, &tablet.journal.read_all().await.unwrap());
        tablet.journal.checkpoint(&replica).await.unwrap();
        tablet.journal.begin_push(9).await.unwrap();
        let refusals = vec![(refused.change.id(), Refusal::UnknownAuthor)];
        tablet.journal.take_in(&News { refused: refusals, ..News::default() }).await.unwrap();
        tablet.journal.keep_draft("F-03", b"half").await.unwrap();
        tablet.journal.hold_picture(picture, b"a picture").await.unwrap();
        let mut rows = BTreeMap::new();
        for store in STORES {
            rows.insert(store, keyed_rows(&tablet, store).await);
        }
        Self { tablet, rows, accepted, refused, pulled: with_rank(&lead("丁")), picture, handed }
    }

    /// The tablet as it was, somebody at work.
    async fn again(&self) -> (Tablet, RefCell<Replica>) {
        let write = self.tablet.database.write(&STORES, async |tx| {
            for (store, rows) in &self.rows {
                tx.clear(store)?;
                rows.iter().try_for_each(|(key, row)| tx.put(store, key.clone(), row))?;
            }
            Ok(())
        });
        write.await.unwrap();
        let tablet = Tablet::start(&self.tablet.name).await;
        tablet.unlock(1).await;
        let replica = shown(&tablet, &tablet.journal.read_all().await.unwrap());
        (tablet, replica)
    }
}

async fn keyed_rows(tablet: &Tablet, store: &'static str) -> Vec<(JsValue, Vec<u8>)> {
    if store == JOURNAL {
        let rows = tablet.rows(store).await;
        return rows.into_iter().map(|(sequence, row)| (sequence_key(sequence), row)).collect();
    }
    let read = tablet.database.read(&[store], async |tx| tx.all(store, &Range::All)?.by_text().await).await;
    read.unwrap().into_iter().map(|(key, row)| (key.into(), row)).collect()
}

/// What lies in the database, but for what differs from run to run: random bytes, and the numbers that a journal of which
/// the rows were put back goes on with.
async fn left(tablet: &Tablet) -> Vec<String> {
    let mut left = Vec::new();
    for store in STORES {
        for (key, row) in keyed_rows(tablet, store).await {
            let mut key = key.as_string().unwrap_or_default();
            if key.starts_with("letter:") {
                key.truncate("letter:".len()); // what follows is a time, and chance
            }
            // A count as it is; the kind of a row, and of an own one its state. What comes after is chance.
            let told = match row.len() {
                _ if store == BLOBS => 0,
                ..=8 => 8,
                _ if store == JOURNAL && row[1] == rows::Kind::Own as u8 => 3,
                _ => 2,
            };
            let head: String = row.iter().take(told).map(|byte| format!("{byte:02x}")).collect();
            left.push(format!("{store} {key} {} {head}", row.len()));
        }
    }
    left
}

/// Something that the app asks of the database.
type Act = for<'a> fn(&'a Tablet, &'a RefCell<Replica>, &'a Before) -> LocalBoxFuture<'a, Result<(), AppendError>>;

/// Awaits what it is given, and forgets what came of it.
macro_rules! act {
    ($name:literal, |$tablet:ident, $replica:ident, $before:ident| $work:expr) => {
        ($name, (|$tablet, $replica, $before| async move { $work.await.map(drop) }.boxed_local()) as Act)
    };
}

fn storage(error: UnlockError) -> AppendError {
    match error {
        UnlockError::Storage(error) => error,
        other => panic!("{other}"),
    }
}

/// Everything that journal and vault ask of the database.
fn acts() -> Vec<(&'static str, Act)> {
    vec![
        act!("save", |t, _r, _b| async { t.journal.append(&lead("丙")).await }),
        act!("save with a picture", |t, _r, b| async { t.journal.append(&naming(1, b.picture)).await }),
        act!("save that takes a pass", |t, _r, _b| async {
            t.journal.append_taking(&lead("丙"), RecordId::from_bytes([7; 16])).await
        }),
        act!("push", |t, _r, _b| t.journal.begin_push(9)),
        act!("take in", |t, _r, b| async {
            let news =
                News { accepted: vec![accepted(&b.accepted, 9)], pulled: vec![b.pulled.clone()], ..News::default() };
            t.journal.take_in(&news).await
        }),
        act!("refuse", |t, _r, b| async {
            let refused = vec![(b.accepted.change.id(), Refusal::UnknownAuthor)];
            t.journal.take_in(&News { refused, ..News::default() }).await
        }),
        act!("checkpoint", |t, r, _b| async { t.journal.checkpoint(r).await }),
        act!("new epoch", |t, _r, _b| t.journal.begin_epoch("another")),
        act!("lead", |t, _r, _b| t.journal.lead()),
        act!("read all", |t, _r, _b| t.journal.read_all()),
        act!("read what is new", |t, _r, _b| t.journal.read_new()),
        act!("summary", |t, _r, _b| t.journal.tail_summary()),
        act!("holdings", |t, _r, _b| t.journal.holdings()),
        act!("counter", |t, _r, _b| t.journal.push_counter()),
        act!("contact", |t, _r, _b| t.journal.contact()),
        act!("tray", |t, _r, _b| t.journal.tray()),
        act!("resend", |t, _r, b| t.journal.resend(b.refused.change.id())),
        act!("discard", |t, _r, b| t.journal.take_from_tray(b.refused.change.id())),
        act!("read a draft", |t, _r, _b| t.journal.draft("F-03")),
        act!("keep a draft", |t, _r, _b| t.journal.keep_draft("F-04", b"typed")),
        act!("drop a draft", |t, _r, _b| t.journal.drop_draft("F-03")),
        act!("drafts", |t, _r, _b| t.journal.drafts()),
        act!("hold a picture", |t, _r, _b| t.journal.hold_picture(BlobHash::of(b"other"), b"other")),
        act!("a picture", |t, _r, b| t.journal.picture(b.picture)),
        act!("keep a picture", |t, _r, b| async {
            t.journal.keep_picture(b.picture, Some(&own(1)), b"a picture").await
        }),
        act!("pictures to send", |t, _r, _b| t.journal.unsent_pictures()),
        act!("a picture is sent", |t, _r, b| t.journal.picture_sent(b.picture)),
        act!("forget a picture", |t, _r, b| t.journal.forget_picture(b.picture)),
        act!("pictures to offer", |t, _r, _b| t.journal.pictures_to_offer()),
        act!("tidy pictures", |t, _r, _b| t.journal.tidy_pictures()),
        act!("hand over", |t, _r, _b| t.journal.sealed_tail()),
        act!("take over", |t, _r, b| t.journal.take_over(&b.handed)),
        act!("next pass", |t, _r, _b| t.journal.next_pass_number()),
        act!("is a pass taken", |t, _r, _b| t.journal.pass_taken(RecordId::from_bytes([7; 16]))),
        act!("farewell", |t, _r, _b| t.journal.farewell()),
        act!("what is unsent", |t, _r, _b| t.journal.unsent_work()),
        act!("reload the vault", |t, _r, _b| t.vault.reload()),
        act!("keep the tablet", |t, _r, _b| async { t.vault.keep_device(&enrolled()).await }),
        act!("keep the directory", |t, _r, _b| async { t.vault.keep_directory(&enrolled().directory).await }),
        act!("keep known phones", |t, _r, _b| t.vault.keep_known_phones("1", b"filter")),
        act!("how long to wait", |t, _r, _b| t.vault.pin_wait(fixture::staff(1))),
        act!("unlock", |t, _r, _b| async { t.vault.unlock(fixture::staff(2), pin(2)).await.map_err(storage) }),
        act!("first unlock", |t, _r, _b| async {
            t.vault.first_unlock(fixture::staff(2), &signed_in(2), pin(2)).await
        }),
        act!("let a second person in", |t, _r, _b| async {
            t.vault.admit(fixture::staff(2), pin(2)).await.map_err(storage)
        }),
        act!("let one in for the first time", |t, _r, _b| async {
            t.vault.first_admit(fixture::staff(2), &signed_in(2), pin(2)).await
        }),
        act!("renew", |t, _r, _b| async { t.vault.renew(fixture::staff(1), &signed_in(1), pin(1)).await }),
        act!("add keys", |t, _r, _b| async { t.vault.add_keys(&more_keys()).await.map_err(storage) }),
        act!("drop keys", |t, _r, _b| async { t.vault.drop_keys(&[own(1)]).await.map_err(storage) }),
        act!("set up a passkey", |t, _r, _b| async {
            t.vault.confirm_pin(fixture::staff(1), pin(1)).await.map_err(storage)?;
            let passkey = Passkey { credential: vec![1; 16], salt: vec![2; 32] };
            t.vault.keep_passkey(passkey, vec![3; 32]).await.map_err(storage)
        }),
        act!("packs", |t, _r, _b| t.vault.packs()),
        act!("keep packs", |t, _r, _b| async {
            t.vault.keep_packs(&PublishedPacks { mark: "1".into(), edition: 1, packs: Vec::new() }).await
        }),
        act!("give a letter box", |t, _r, _b| t.vault.keep_letter_box()),
        act!("put a letter in", |t, _r, _b| async {
            t.vault.keep_letter_box().await?;
            t.vault.put_letter(fixture::staff(1), b"a letter").await
        }),
        act!("letters that wait", |t, _r, _b| t.vault.letters_waiting()),
        act!("letters", |t, _r, _b| t.vault.letters()),
        act!("drop a letter", |t, _r, _b| async {
            t.vault.drop_letter(&Letter { key: "letter:1".into(), text: Vec::new() }).await
        }),
        act!("bring back what was discarded", |t, _r, b| async {
            let (key, row) = &b.rows[TRAY][0];
            let id = key.as_string().and_then(|id| id.parse().ok()).expect("the tray has the ids of changes");
            t.journal.put_in_tray(id, row).await
        }),
        act!("fetch what is damaged again", |t, _r, b| async {
            let block = b.rows[BLOCKS][0].0.as_string().unwrap();
            t.journal.fetch_again(vec![OpenedBlock::damage(block, &codec::CodecError::Damaged("a test"))]).await
        }),
        act!("lead again", |t, _r, _b| async {
            t.journal.lead().await?;
            t.journal.lead_again().await
        }),
        act!("send a picture again", |t, _r, b| t.journal.send_again(b.picture)),
        act!("a picture as it is sent", |t, _r, b| t.journal.picture_to_send(b.picture)),
        act!("wipe", |t, _r, _b| async {
            let work = t.journal.unsent_work().await?;
            t.journal.wipe(&work, &told()).await
        }),
        act!("the last word", |t, _r, _b| t.journal.last_word()),
        act!("drop the farewell", |t, _r, _b| t.journal.drop_farewell()),
    ]
}

/// What whoever is unlocked is given when an audience comes into being.
fn more_keys() -> Me {
    let keys = BTreeMap::from([(desk(), base64_text(&[9; 32]))]);
    Me { device: DeviceNumber(7), staff: Some(fixture::staff(1)), keys, server_time: fixture::NOW }
}

fn told() -> Farewell {
    Farewell {
        at: fixture::NOW,
        handed_in: 0,
        receipt: String::new(),
        drafts: 0,
        letters: 0,
        damaged: 0,
        pictures: 0,
        pictures_lost: 0,
    }
}

#[wasm_bindgen_test]
async fn a_connection_that_is_lost_at_any_call_costs_one_more_and_nothing_is_done_twice() {
    let before = Before::new().await;
    let mut tried = 0;
    for (name, act) in acts() {
        let (tablet, replica) = before.again().await;
        begin("", 0, 0);
        act(&tablet, &replica, &before).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let calls = end().calls;
        assert!(calls > 0, "{name} asks nothing of the database");
        tablet.database.close();
        let well = left(&before.tablet).await;
        for kind in FAULTS {
            for at in 0..calls {
                let (tablet, replica) = before.again().await;
                begin(kind, at, at + 1);
                let done = act(&tablet, &replica, &before).await;
                let opens = end().opens;
                assert_eq!(done, Ok(()), "{name}, {kind} at call {at} of {calls}");
                assert_eq!(opens, 1, "{name}, {kind} at call {at} of {calls}: opened so often");
                tablet.database.close();
                assert_eq!(left(&before.tablet).await, well, "{name}, {kind} at call {at} of {calls}");
                tried += 1;
            }
        }
    }
    console_log!("{tried} faults");
}

#[wasm_bindgen_test]
async fn a_database_that_stays_lost_is_told_and_nothing_is_half_done() {
    let before = Before::new().await;
    for (name, act) in acts() {
        let (tablet, replica) = before.again().await;
        let untouched = left(&before.tablet).await;
        // Of the last the database can be opened, and nothing more.
        for kind in FAULTS.into_iter().chain(["transactions"]) {
            begin(kind, 0, u32::MAX);
            let done = act(&tablet, &replica, &before).await;
            end();
            assert_eq!(done, Err(AppendError::Closed), "{name}, {kind}");
            assert_eq!(left(&before.tablet).await, untouched, "{name}, {kind}");
        }
    }
}
