//! What the journal and the vault promise, tried on the real IndexedDB and the real crypto of a browser.
//!
//! A page that ended is a handle that was dropped: nothing of it is left but the database. Run by
//! `cargo xtask test contract`.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use wasm_bindgen::JsValue;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};
use yingke_core::{
    audience::Audience,
    blob::BlobHash,
    chance::Chance,
    change::{Change, Edit, Header, Op, Ranked},
    codec, fixture,
    id::{ChangeId, DeviceNumber, OrganisationId, RecordId, StaffId},
    journal::{
        AppendError, Journal, TailChange,
        contract::{self, Tab},
    },
    merge::{self, Records},
    record::Record,
    replica::Replica,
    stamp::Stamp,
    sync::{Accepted, News},
    time::Millis,
    wire::v1::{Directory, Enrolled, Me, PublishedPacks, Refusal, SignedIn, StreamMark, base64_text},
};

use super::{
    chance::{Web, random},
    clock,
    handover::{HandOver, HandOverError},
    idb::{BLOBS, BLOCKS, DRAFTS, Database, JOURNAL, META, OpenError, Range, StoreError, TRAY, sequence_key},
    journal::{BrowserJournal, Contents, Farewell, OpenedBlock},
    rows::{self, Row},
    seal::Key,
    storage::{self, Persistence},
    tabs::{self, Claim, Tabs},
    unlock::Hardness,
    vault::{Letter, Passkey, UnlockError, Vault},
    worker::WorkerError,
};

mod copy;
mod faults;
mod letters;

wasm_bindgen_test_configure!(run_in_browser);

// ---- A tablet of its own for each test ----------------------------------------------------------------------

struct Tablet {
    name: String,
    vault: Vault,
    journal: BrowserJournal,
    database: Database,
}

impl Tablet {
    async fn start(name: &str) -> Self {
        let database = Database::named(name);
        database.open().await.unwrap();
        let vault = Vault::with(database.clone(), Rc::new(|salt, pin, _| Box::pin(async move { quick(&salt, &pin) })));
        vault.set_hardness(Hardness { memory_kib: 8, passes: 1, lanes: 1 });
        vault.reload().await.unwrap();
        let journal = BrowserJournal::new(database.clone(), vault.clone());
        Self { name: name.to_owned(), vault, journal, database }
    }

    /// Enrolled, with staff 1 (own leads), 2 (own leads) and 3 (the desk and both) known. Nobody is unlocked.
    async fn enrolled(name: &str) -> Self {
        let tablet = Self::start(&format!("contract {name} {:016x}", Web.next_u64())).await;
        tablet.vault.keep_device(&enrolled()).await.unwrap();
        for staff in 1..=3 {
            tablet.vault.first_unlock(fixture::staff(staff), &signed_in(staff), pin(staff)).await.unwrap();
        }
        tablet.vault.lock();
        tablet
    }

    /// The page ended without a word, and was opened again.
    async fn again(self) -> Self {
        self.database.close();
        Self::start(&self.name).await
    }

    async fn unlock(&self, staff: u8) {
        self.vault.unlock(fixture::staff(staff), pin(staff)).await.unwrap();
    }

    async fn rows(&self, store: &str) -> Vec<(u64, Vec<u8>)> {
        self.database.read(&[store], async |tx| tx.all(store, &Range::All)?.by_sequence().await).await.unwrap()
    }

    /// Every byte that lies in the database.
    async fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for store in [JOURNAL, BLOCKS, META, DRAFTS, TRAY, BLOBS] {
            self.rows(store).await.into_iter().for_each(|(_, row)| bytes.extend(row));
        }
        bytes
    }

    async fn tail(&self) -> Vec<TailChange> {
        self.journal.begin_push(100).await.unwrap().tail
    }
}

fn quick(salt: &[u8], pin: &[u8]) -> Result<Vec<u8>, WorkerError> {
    let parameters = argon2::Params::new(8, 1, 1, Some(32)).unwrap();
    let mut key = vec![0; 32];
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters)
        .hash_password_into(pin, salt, &mut key)
        .unwrap();
    Ok(key)
}

fn pin(staff: u8) -> &'static str {
    ["", "111111", "222222", "333333"][usize::from(staff)]
}

fn enrolled() -> Enrolled {
    Enrolled {
        device: DeviceNumber(7),
        venue: fixture::venue(),
        name: "A-07".into(),
        token: "device".into(),
        recovery_key: base64_text(&fixture::RECOVERY_KEY),
        epoch: "e1".into(),
        server_time: fixture::NOW,
        directory: Directory {
            packs: String::new(),
            version: "1".into(),
            organisation: fixture::organisation(),
            organisation_name: "club".into(),
            venues: Vec::new(),
            staff: Vec::new(),
        },
        before: None,
    }
}

fn own(staff: u8) -> Audience {
    Audience::Own(fixture::venue(), fixture::staff(staff))
}

fn desk() -> Audience {
    Audience::Desk(fixture::venue())
}

fn signed_in(staff: u8) -> SignedIn {
    // The same audience has the same key on one tablet, whoever it is given to.
    let (mine, his, shared) = (base64_text(&[1; 32]), base64_text(&[2; 32]), base64_text(&[9; 32]));
    let keys = match staff {
        1 => BTreeMap::from([(own(1), mine)]),
        2 => BTreeMap::from([(own(2), his)]),
        _ => BTreeMap::from([(own(1), mine), (own(2), his), (desk(), shared)]),
    };
    SignedIn {
        token: format!("person {staff}"),
        expires_at: Millis(i64::MAX),
        keys,
        own_key: base64_text(&[100 + staff; 32]),
        passes: None,
        server_time: fixture::NOW,
    }
}

fn edit(audience: Audience, name: &str) -> Edit {
    Edit { audience, ..fixture::person_edit(Web.next_u64() as u8, vec![("name", Op::Latest(name.into()))]) }
}

fn change_by(staff: u8, edits: Vec<Edit>) -> Ranked {
    let header = Header {
        id: ChangeId::from_bytes(random()),
        organisation: fixture::organisation(),
        author: fixture::staff(staff),
        device: DeviceNumber(7),
        made_at: fixture::NOW,
        clock_offset_ms: 0,
        pack: 1,
        form: "F-03".into(),
    };
    Ranked::provisional(Stamp::at(fixture::NOW), Change::new(header, edits, &mut Web))
}

/// A lead of staff 1, saved by them.
fn lead(name: &str) -> Ranked {
    change_by(1, vec![edit(own(1), name)])
}

fn accepted(change: &Ranked, number: u64) -> Accepted {
    Accepted { id: change.change.id(), stamp: change.stamp.following(), device: DeviceNumber(8), number }
}

fn with_rank(change: &Ranked) -> Ranked {
    Ranked { stamp: change.stamp.following(), device: DeviceNumber(8), change: change.change.clone() }
}

fn names(changes: &[Ranked]) -> Vec<String> {
    let edits = changes.iter().flat_map(|ranked| ranked.change.edits());
    let name = |edit: &Edit| match &edit.writes[0].op {
        Op::Latest(value) => value.as_text().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    edits.map(name).collect()
}

/// What the roster makes of what was read.
fn shown(tablet: &Tablet, contents: &Contents) -> RefCell<Replica> {
    let mut replica = Replica::new();
    for block in &contents.blocks {
        replica.load(block.bytes.clone(), block.extent).unwrap();
    }
    contents.accepted.iter().for_each(|change| drop(replica.take_in(change)));
    contents.tail.iter().for_each(|change| drop(replica.append(change.clone())));
    tablet.journal.let_in(contents);
    RefCell::new(replica)
}

/// The records of the base, as they are compared between replicas.
fn base(replica: &RefCell<Replica>) -> BTreeMap<RecordId, Vec<u8>> {
    replica.borrow().base().map(|record| (record.id, codec::record_bytes(&record))).collect()
}

fn counts(contents: &Contents) -> (usize, usize, usize, usize) {
    (contents.accepted.len(), contents.tail.len(), contents.closed, contents.damaged)
}

// ---- Saved means saved --------------------------------------------------------------------------------------

#[wasm_bindgen_test]
async fn a_save_is_there_after_the_page_ended() {
    let tablet = Tablet::enrolled("save").await;
    tablet.unlock(1).await;
    let saved: Vec<Ranked> = (0..20).map(|number| lead(&format!("客{number}"))).collect();
    for change in &saved {
        tablet.journal.append(change).await.unwrap();
    }
    let tablet = tablet.again().await;
    let summary = tablet.journal.tail_summary().await.unwrap();
    assert_eq!((summary.count, summary.oldest), (20, Some(fixture::NOW)));
    assert_eq!(summary.count_by_author, BTreeMap::from([(fixture::staff(1), 20)]));
    tablet.unlock(1).await;
    let contents = tablet.journal.read_all().await.unwrap();
    assert_eq!(contents.tail, saved);
    assert_eq!(counts(&contents), (0, 20, 0, 0));
}

#[wasm_bindgen_test]
async fn nothing_readable_lies_in_the_database() {
    let tablet = Tablet::enrolled("bytes").await;
    tablet.unlock(1).await;
    let change = lead("李娜李娜");
    tablet.journal.append(&change).await.unwrap();
    tablet.journal.keep_draft("F-03", "王芳 13800138000".as_bytes()).await.unwrap();
    let news = News { epoch: "e1".into(), accepted: vec![accepted(&change, 1)], ..News::default() };
    tablet.journal.begin_push(10).await.unwrap();
    tablet.journal.take_in(&news).await.unwrap();
    let bytes = tablet.bytes().await;
    assert!(!bytes.is_empty());
    for secret in ["李娜", "王芳", "13800138000", "person 1", "111111"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    let raw_keys = [[1_u8; 16], [101; 16]];
    assert!(raw_keys.iter().all(|key| !bytes.windows(16).any(|window| window == key)));
}

#[wasm_bindgen_test]
async fn a_locked_tablet_saves_nothing_and_says_so() {
    let tablet = Tablet::enrolled("locked").await;
    assert!(matches!(tablet.journal.append(&lead("甲")).await, Err(AppendError::Aborted { .. })));
    assert!(tablet.rows(JOURNAL).await.is_empty());
}

#[wasm_bindgen_test]
async fn a_closed_connection_is_opened_once_more() {
    let tablet = Tablet::enrolled("closed").await;
    tablet.unlock(1).await;
    tablet.database.close();
    tablet.journal.append(&lead("甲")).await.unwrap();
    assert_eq!(tablet.rows(JOURNAL).await.len(), 1);
}

#[wasm_bindgen_test]
async fn a_transaction_happens_whole_or_not_at_all() {
    let tablet = Tablet::enrolled("atomic").await;
    let before = tablet.rows(META).await.len();
    let tries = Cell::new(0);
    let write = tablet.database.write(&[JOURNAL, META], async |tx| {
        tries.set(tries.get() + 1);
        tx.add(JOURNAL, b"row")?.sequence().await?;
        tx.put(META, "mark", b"mark")?;
        Err::<(), _>(StoreError::Aborted { detail: "in the middle".into() })
    });
    assert!(matches!(write.await, Err(AppendError::Aborted { .. })));
    assert_eq!((tablet.rows(JOURNAL).await.len(), tablet.rows(META).await.len()), (0, before));
    assert_eq!(tries.get(), 1);
    // What was lost is done once more, and again whole.
    tries.set(0);
    let write = tablet.database.write(&[JOURNAL], async |tx| {
        tries.set(tries.get() + 1);
        tx.add(JOURNAL, b"row")?.sequence().await?;
        if tries.get() == 1 { Err(StoreError::Lost { detail: "gone".into() }) } else { Ok(()) }
    });
    write.await.unwrap();
    assert_eq!((tries.get(), tablet.rows(JOURNAL).await.len()), (2, 1));
}

#[wasm_bindgen_test]
async fn a_full_disk_says_how_much_is_free() {
    let tablet = Tablet::enrolled("full").await;
    let write = tablet.database.write(&[JOURNAL], async |_| Err::<(), _>(StoreError::Full));
    assert!(matches!(write.await, Err(AppendError::Full { free_bytes: Some(_) })));
}

#[wasm_bindgen_test]
async fn where_a_browser_tells_nothing_of_its_storage_nothing_is_made_up() {
    let tablet = Tablet::enrolled("untold").await;
    js_sys::eval("Object.defineProperty(navigator, 'storage', { value: undefined, configurable: true })").unwrap();
    let asked = storage::ask_persistence().await;
    let facts = storage::facts().await;
    let write = tablet.database.write(&[JOURNAL], async |_| Err::<(), _>(StoreError::Full)).await;
    js_sys::eval("delete navigator.storage").unwrap(); // before anything fails: the tests after this have the same page
    assert_eq!((asked, facts.persistence), (Persistence::Unknown, Persistence::Unknown));
    assert_eq!((facts.used_bytes, facts.quota_bytes, facts.free_bytes()), (None, None, None));
    assert!(matches!(write, Err(AppendError::Full { free_bytes: None })));
    tablet.unlock(1).await;
    tablet.journal.append(&lead("甲")).await.unwrap();
}

#[wasm_bindgen_test]
async fn a_database_of_a_later_version_is_left_alone() {
    let tablet = Tablet::enrolled("later").await;
    let behind = Tablet::start(&tablet.name).await;
    let format = br#"{"readable_from":9,"writable_from":9}"#;
    tablet.database.write(&[META], async |tx| tx.put(META, "format", format)).await.unwrap();
    let before = tablet.bytes().await;
    let again = Database::named(&tablet.name);
    assert_eq!(again.open().await, Err(OpenError::WrittenLater { readable_from: 9 }));
    // Nor does a page that let go of it for the later version come back to it.
    behind.database.close();
    assert!(matches!(behind.vault.reload().await, Err(AppendError::Aborted { .. })));
    assert_eq!(tablet.bytes().await, before);
    let format = br#"{"readable_from":1,"writable_from":9}"#;
    tablet.database.write(&[META], async |tx| tx.put(META, "format", format)).await.unwrap();
    let tablet = tablet.again().await;
    tablet.vault.reload().await.unwrap();
    assert!(matches!(tablet.vault.keep_device(&enrolled()).await, Err(AppendError::Aborted { .. })));
}

// ---- Sending and taking in ----------------------------------------------------------------------------------

#[wasm_bindgen_test]
async fn what_is_taken_in_is_settled_in_one_step() {
    let tablet = Tablet::enrolled("take in").await;
    tablet.unlock(1).await;
    let (kept, refused, waiting) = (lead("甲"), lead("乙"), lead("丙"));
    for change in [&kept, &refused, &waiting] {
        tablet.journal.append(change).await.unwrap();
    }
    let outgoing = tablet.journal.begin_push(10).await.unwrap();
    assert_eq!((outgoing.push_counter, outgoing.tail.len(), outgoing.more), (1, 3, false));
    assert_eq!(outgoing.since, BTreeMap::from([(own(1), StreamMark::default())]));
    let pulled = with_rank(&lead("丁"));
    let mark = StreamMark { number: 5, count: 2, digest: 3 };
    let news = News {
        epoch: "e1".into(),
        server_time: fixture::NOW,
        accepted: vec![accepted(&kept, 4)],
        refused: vec![(refused.change.id(), Refusal::UnknownAuthor)],
        pulled: vec![pulled.clone()],
        streams: BTreeMap::from([(own(1), mark)]),
        ..News::default()
    };
    tablet.journal.take_in(&news).await.unwrap();

    let tablet = tablet.again().await;
    tablet.unlock(1).await;
    let contents = tablet.journal.read_all().await.unwrap();
    assert_eq!(contents.accepted, [with_rank(&kept), pulled]);
    assert_eq!(contents.tail, [waiting]);
    assert_eq!(contents.tray.len(), 1);
    assert_eq!((contents.tray[0].id, &contents.tray[0].change), (refused.change.id(), &Some(refused.clone())));
    let outgoing = tablet.journal.begin_push(10).await.unwrap();
    assert_eq!((outgoing.push_counter, outgoing.tail.len()), (2, 1));
    assert_eq!(outgoing.since, BTreeMap::from([(own(1), mark)]));
    assert_eq!(outgoing.epoch.as_deref(), Some("e1"));
    assert!(tablet.journal.contact().await.unwrap().is_some());

    let id = refused.change.id();
    // Given up, and brought back as it was.
    let row = tablet.journal.take_from_tray(id).await.unwrap().unwrap();
    assert!(tablet.journal.tray().await.unwrap().is_empty());
    assert_eq!(tablet.journal.take_from_tray(id).await.unwrap(), None);
    tablet.journal.put_in_tray(id, &row).await.unwrap();
    assert_eq!(tablet.journal.tray().await.unwrap()[0].change, Some(refused.clone()));
    tablet.journal.resend(id).await.unwrap();
    assert!(tablet.journal.tray().await.unwrap().is_empty());
    assert_eq!(tablet.tail().await.len(), 2);
    // The recovery seal stays: an endpoint that is restored is sent it, whoever is unlocked then.
    let sealed = tablet.rows(JOURNAL).await.into_iter().filter_map(|(_, row)| match Row::read(&row) {
        Ok(Row::Own(row)) => Some(row.recovery.is_some()),
        _ => None,
    });
    assert_eq!(sealed.collect::<Vec<_>>(), [true; 3]);
}

#[wasm_bindgen_test]
async fn a_long_tail_goes_out_in_parts_oldest_first() {
    let tablet = Tablet::enrolled("long").await;
    tablet.unlock(1).await;
    let saved: Vec<Ranked> = (0..7).map(|number| lead(&number.to_string())).collect();
    for change in &saved {
        tablet.journal.append(change).await.unwrap();
    }
    let outgoing = tablet.journal.begin_push(3).await.unwrap();
    assert!(outgoing.more);
    let first: Vec<TailChange> = saved[..3].iter().cloned().map(TailChange::Open).collect();
    assert_eq!(outgoing.tail, first);
    let news = News { accepted: saved[..3].iter().map(|it| accepted(it, 1)).collect(), ..News::default() };
    tablet.journal.take_in(&news).await.unwrap();
    tablet.journal.append(&lead("7")).await.unwrap();
    assert_eq!(tablet.tail().await.len(), 5);
}

#[wasm_bindgen_test]
async fn a_locked_authors_work_goes_out_sealed() {
    let tablet = Tablet::enrolled("sealed").await;
    tablet.unlock(1).await;
    let saved = lead("甲");
    tablet.journal.append(&saved).await.unwrap();
    tablet.vault.lock();
    let tablet = tablet.again().await;
    tablet.unlock(2).await;
    let tail = tablet.tail().await;
    let [TailChange::Sealed(sealed)] = tail.as_slice() else { panic!("not sealed") };
    assert_eq!((sealed.id, sealed.author), (saved.change.id(), fixture::staff(1)));
    assert_eq!(opened_by_the_endpoint(sealed).await, [saved]);
}

/// Opens a sealed change as the endpoint does, with the secret that belongs to [`fixture::RECOVERY_KEY`]: with the secret 1 the
/// shared point is the sender's own, so its first coordinate is the shared secret.
async fn opened_by_the_endpoint(sealed: &yingke_core::wire::v1::SealedChange) -> Vec<Ranked> {
    use hmac_sha256 as hkdf;
    let bytes = |text: &str| yingke_core::wire::v1::base64_bytes(text).unwrap();
    let sender = bytes(&sealed.sender);
    let key = hkdf::expand(&hkdf::extract(&sender[1..33]), b"yingke sealed change 1");
    let key = Key::import(&key).await.unwrap();
    let sealed_bytes = rows::Sealed { nonce: bytes(&sealed.nonce).try_into().unwrap(), bytes: bytes(&sealed.sealed) };
    let place = rows::recovery_bound_to(fixture::organisation(), sealed.id, sealed.author);
    yingke_core::codec::read_changes(&key.open(&sealed_bytes, &place).await.unwrap()).unwrap()
}

/// HKDF-SHA-256 for one block, by the specification. Source: RFC 5869 and RFC 2104.
mod hmac_sha256 {
    use sha2::{Digest, Sha256};

    pub fn extract(secret: &[u8]) -> [u8; 32] {
        mac(&[0; 32], secret)
    }

    pub fn expand(key: &[u8; 32], info: &[u8]) -> [u8; 32] {
        mac(key, &[info, &[1]].concat())
    }

    fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
        let padded = |with: u8| {
            let mut block = [with; 64];
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            block
        };
        let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
        Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
    }
}

#[wasm_bindgen_test]
async fn a_lead_handed_to_the_desk_is_sent_whole_and_not_shown_afterwards() {
    let tablet = Tablet::enrolled("handed").await;
    tablet.unlock(1).await;
    let change = change_by(1, vec![edit(own(1), "甲"), edit(desk(), "乙")]);
    tablet.journal.append(&change).await.unwrap();
    assert_eq!(tablet.tail().await, [TailChange::Open(change.clone())]);
    assert_eq!(names(&tablet.journal.read_all().await.unwrap().tail), ["甲", "乙"]);
    let news = News { accepted: vec![accepted(&change, 1)], ..News::default() };
    tablet.journal.take_in(&news).await.unwrap();
    let contents = tablet.journal.read_all().await.unwrap();
    assert_eq!((names(&contents.accepted), counts(&contents)), (vec!["甲".to_owned()], (1, 0, 0, 0)));
}

#[wasm_bindgen_test]
async fn what_has_no_key_yet_is_read_again_once_there_is_one() {
    let tablet = Tablet::enrolled("keys").await;
    tablet.unlock(1).await;
    let pulled = [with_rank(&change_by(3, vec![edit(desk(), "甲")]))];
    let mark = StreamMark { number: 5, count: 1, digest: 3 };
    let news = News { pulled: pulled.to_vec(), streams: BTreeMap::from([(desk(), mark)]), ..News::default() };
    tablet.journal.take_in(&news).await.unwrap();
    assert!(tablet.journal.lacks_keys());
    let me = Me {
        device: DeviceNumber(7),
        staff: Some(fixture::staff(1)),
        keys: BTreeMap::from([(desk(), base64_text(&[9; 32]))]),
        server_time: fixture::NOW,
    };
    assert_eq!(tablet.vault.add_keys(&me).await, Ok(true));
    assert_eq!(tablet.journal.begin_push(1).await.unwrap().since[&desk()], StreamMark::default());
    tablet.journal.take_in(&news).await.unwrap();
    assert!(!tablet.journal.lacks_keys());
    let tablet = tablet.again().await;
    tablet.unlock(1).await;
    assert_eq!(tablet.journal.begin_push(1).await.unwrap().since[&desk()], mark);
    assert_eq!(tablet.journal.read_all().await.unwrap().accepted, pulled);
}

// ---- Hand-over files ----------------------------------------------------------------------------------------

#[wasm_bindgen_test]
async fn another_tablet_takes_a_file_in_once_and_sends_what_only_the_endpoint_opens() {
    let (from, to) = (Tablet::enrolled("hand over").await, Tablet::enrolled("taken over").await);
    from.unlock(1).await;
    let saved = [lead("甲"), lead("乙")];
    for change in &saved {
        from.journal.append(change).await.unwrap();
    }
    let key = from.vault.hand_over_key().await.unwrap();
    let rows = from.journal.sealed_tail().await.unwrap();
    let file = HandOver { device: DeviceNumber(7), made_at: fixture::NOW, rows };
    let text = file.seal(fixture::organisation(), &key).await.unwrap();
    assert_eq!(from.tail().await.len(), 2);

    to.unlock(2).await;
    let key = to.vault.hand_over_key().await.unwrap();
    let opened = HandOver::open(text.as_bytes(), fixture::organisation(), &key).await.unwrap();
    assert_eq!(opened, file);
    assert_eq!(to.journal.take_over(&opened.rows).await, Ok(2));
    assert_eq!(to.journal.take_over(&opened.rows).await, Ok(0));
    assert_eq!(from.journal.take_over(&opened.rows).await, Ok(0));
    let tail = to.tail().await;
    for (sent, saved) in tail.iter().zip(&saved) {
        let TailChange::Sealed(sealed) = sent else { panic!("not sealed") };
        assert_eq!(opened_by_the_endpoint(sealed).await, std::slice::from_ref(saved));
    }
    // Nobody who unlocks there reads them, and nothing is left once the endpoint has answered.
    assert_eq!(counts(&to.journal.read_all().await.unwrap()), (0, 0, 2, 0));
    let news = News {
        accepted: vec![accepted(&saved[0], 1)],
        refused: vec![(saved[1].change.id(), Refusal::UnknownAuthor)],
        ..News::default()
    };
    to.journal.take_in(&news).await.unwrap();
    assert!(to.rows(JOURNAL).await.is_empty() && to.tail().await.is_empty());
    assert_eq!(to.journal.begin_push(1).await.unwrap().corrected, None, "the clock of the other was wrong");
    // What was refused waits in the tray and is not taken in again beside it.
    assert_eq!(to.journal.tray().await.unwrap().len(), 1);
    assert_eq!(to.journal.take_over(&opened.rows[1..]).await, Ok(0));
}

#[wasm_bindgen_test]
async fn a_file_that_was_altered_or_made_elsewhere_does_not_open() {
    let tablet = Tablet::enrolled("altered").await;
    let key = tablet.vault.hand_over_key().await.unwrap();
    let file = HandOver { device: DeviceNumber(7), made_at: fixture::NOW, rows: Vec::new() };
    let text = file.seal(fixture::organisation(), &key).await.unwrap();
    let open = async |text: &str, key: &Key| HandOver::open(text.as_bytes(), fixture::organisation(), key).await;
    assert_eq!(open(&text, &key).await, Ok(file.clone()));
    let place = text.len() - 10;
    let other = if text.as_bytes()[place] == b'A' { "B" } else { "A" };
    let altered = format!("{}{other}{}", &text[..place], &text[place + 1..]);
    assert_eq!(open(&altered, &key).await, Err(HandOverError::Altered));
    let stranger = Key::derived(&[5; 65], b"yingke hand-over 1").await.unwrap();
    assert_eq!(open(&text, &stranger).await, Err(HandOverError::Altered));
    let elsewhere = OrganisationId::from_bytes([3; 16]);
    assert_eq!(HandOver::open(text.as_bytes(), elsewhere, &key).await, Err(HandOverError::OtherOrganisation));
    // Its head under another's name does not help.
    let renamed = text.replace(&fixture::organisation().to_string(), &elsewhere.to_string());
    assert_eq!(HandOver::open(renamed.as_bytes(), elsewhere, &key).await, Err(HandOverError::Altered));
}

// ---- Several tabs -------------------------------------------------------------------------------------------

#[wasm_bindgen_test]
async fn another_tab_reads_what_is_new_and_what_became_of_the_tail() {
    let first = Tablet::enrolled("tabs").await;
    first.unlock(1).await;
    let (kept, refused) = (lead("甲"), lead("乙"));
    first.journal.append(&kept).await.unwrap();
    first.journal.append(&refused).await.unwrap();
    shown(&first, &first.journal.read_all().await.unwrap());
    let second = Tablet::start(&first.name).await;
    second.unlock(1).await;
    let contents = second.journal.read_all().await.unwrap();
    assert_eq!(contents.tail.len(), 2);
    second.journal.let_in(&contents);
    let saved_here = lead("丙");
    second.journal.append(&saved_here).await.unwrap();
    let refusals = vec![(refused.change.id(), Refusal::UnknownAuthor)];
    let news = News { accepted: vec![accepted(&kept, 1)], refused: refusals, ..News::default() };
    first.journal.begin_push(9).await.unwrap();
    first.journal.take_in(&news).await.unwrap();
    first.journal.let_in_turn();
    assert_eq!(first.journal.read_new().await.unwrap().tail, [saved_here]);
    let newer = second.journal.read_new().await.unwrap();
    assert_eq!((&newer.accepted, &newer.gone), (&vec![with_rank(&kept)], &vec![refused.change.id()]));
    assert!(!newer.trimmed);
    // What was read before something was saved here is no more than a part of what is new.
    second.journal.append(&lead("丁")).await.unwrap();
    assert!(!second.journal.let_in_new(&newer));
    assert!(second.journal.let_in_new(&second.journal.read_new().await.unwrap()));
    let replica = shown(&first, &first.journal.read_all().await.unwrap());
    first.journal.checkpoint(&replica).await.unwrap();
    assert!(second.journal.read_new().await.unwrap().trimmed);
}

#[wasm_bindgen_test]
async fn a_leader_that_wakes_up_late_writes_nothing() {
    let first = Tablet::enrolled("leader").await;
    first.unlock(1).await;
    first.journal.lead().await.unwrap();
    let second = Tablet::start(&first.name).await;
    second.journal.lead().await.unwrap();
    assert!(matches!(first.journal.begin_push(1).await, Err(AppendError::Aborted { .. })));
    assert!(matches!(first.journal.take_in(&News::default()).await, Err(AppendError::Aborted { .. })));
    assert!(second.journal.begin_push(1).await.is_ok());
    // Saving needs no lead.
    first.journal.append(&lead("甲")).await.unwrap();
}

#[wasm_bindgen_test]
async fn a_tab_that_comes_to_the_front_leads_and_the_one_before_hears_of_it() {
    let behind = tabs::lead(Claim::Wait).await;
    // A wait that was given up must not be given the lead afterwards, and keep it.
    let given_up = clock::within(0, tabs::lead(Claim::Wait)).await;
    assert!(given_up.is_none());
    drop(behind);
    let behind = tabs::lead(Claim::Wait).await;
    assert!(!behind.is_lost());
    let front = Tabs::new();
    front.come_to_front();
    let leading = front.lead().await;
    behind.lost().await;
    assert!(behind.is_lost() && !leading.is_lost());
}

// ---- Checkpoints --------------------------------------------------------------------------------------------

#[wasm_bindgen_test]
async fn a_checkpoint_trims_what_it_holds_and_loses_nobody_elses() {
    let tablet = Tablet::enrolled("checkpoint").await;
    tablet.unlock(3).await;
    let page: Vec<Ranked> =
        [own(1), own(2), desk()].map(|audience| with_rank(&change_by(3, vec![edit(audience, "甲")]))).into();
    tablet.journal.take_in(&News { pulled: page.clone(), ..News::default() }).await.unwrap();
    tablet.vault.lock();

    tablet.unlock(1).await;
    let unsent = lead("乙");
    tablet.journal.append(&unsent).await.unwrap();
    let contents = tablet.journal.read_all().await.unwrap();
    assert_eq!(counts(&contents), (1, 1, 0, 0));
    let mut records = Records::new();
    contents.accepted.iter().for_each(|change| merge::take_in(&mut records, change));
    let mine: Vec<_> = records.values().cloned().collect();
    tablet.journal.checkpoint(&shown(&tablet, &contents)).await.unwrap();
    assert_eq!(tablet.journal.accepted_since_checkpoint(), 0);

    let tablet = tablet.again().await;
    tablet.unlock(1).await;
    let contents = tablet.journal.read_all().await.unwrap();
    let in_blocks: Vec<_> = base(&shown(&tablet, &contents)).into_keys().collect();
    assert_eq!(in_blocks, mine.iter().map(|record| record.id).collect::<Vec<_>>());
    assert_eq!((contents.accepted.len(), &contents.tail), (0, &vec![unsent.clone()]));
    tablet.vault.lock();
    tablet.unlock(3).await;
    let contents = tablet.journal.read_all().await.unwrap();
    let ids = |changes: &[Ranked]| changes.iter().map(|ranked| ranked.change.id()).collect::<BTreeSet<_>>();
    assert_eq!(ids(&contents.accepted), ids(&page[1..])); // a page keeps no order between audiences; merging needs none
    assert_eq!((contents.blocks.len(), contents.tail), (1, vec![unsent]));
    tablet.vault.lock();
    tablet.unlock(1).await;
    // Again, and whole: the block before goes.
    tablet.journal.take_in(&News { pulled: vec![with_rank(&lead("丙"))], ..News::default() }).await.unwrap();
    let contents = tablet.journal.read_all().await.unwrap();
    tablet.journal.checkpoint(&shown(&tablet, &contents)).await.unwrap();
    assert_eq!(tablet.rows(BLOCKS).await.len(), 1);
}

/// A page of so many leads of staff 1, pulled.
async fn pull(tablet: &Tablet, leads: usize) -> Vec<Ranked> {
    let pulled: Vec<Ranked> = (0..leads)
        .map(|number| {
            let record = RecordId::from_bytes(random());
            let edit = Edit { record, ..edit(own(1), &format!("客{number}")) };
            with_rank(&change_by(1, vec![edit]))
        })
        .collect();
    tablet.journal.take_in(&News { pulled: pulled.clone(), ..News::default() }).await.unwrap();
    pulled
}

#[wasm_bindgen_test]
async fn a_checkpoint_writes_what_changed_beside_the_whole() {
    let tablet = Tablet::enrolled("deltas").await;
    tablet.unlock(1).await;
    let pulled = pull(&tablet, 60).await;
    let replica = shown(&tablet, &tablet.journal.read_all().await.unwrap());
    tablet.journal.checkpoint(&replica).await.unwrap();
    let whole = tablet.rows(BLOCKS).await[0].1.clone();
    for number in 0..3 {
        let first = pulled[number].change.edits().next().unwrap();
        let edit = Edit { record: first.record, ..edit(own(1), "新") };
        let change = Ranked { stamp: pulled[0].stamp.following(), ..with_rank(&change_by(1, vec![edit])) };
        tablet.journal.take_in(&News { pulled: vec![change.clone()], ..News::default() }).await.unwrap();
        replica.borrow_mut().take_in(&change);
        tablet.journal.let_in_turn();
        tablet.journal.checkpoint(&replica).await.unwrap();
        assert_eq!((tablet.rows(BLOCKS).await.len(), tablet.rows(JOURNAL).await.len()), (number + 2, 0));
    }
    assert_eq!(tablet.rows(BLOCKS).await[0].1, whole);
    let tablet = tablet.again().await;
    tablet.unlock(1).await;
    let contents = tablet.journal.read_all().await.unwrap();
    assert_eq!((contents.blocks.len(), counts(&contents)), (4, (0, 0, 0, 0)));
    let again = shown(&tablet, &contents);
    assert_eq!(base(&again), base(&replica));
    let name = |change: &Ranked| {
        let id = change.change.edits().next().unwrap().record;
        again.borrow().record(id).map(Cow::into_owned).and_then(|record: Record| record.text("name").map(str::to_owned))
    };
    assert_eq!((name(&pulled[2]).as_deref(), name(&pulled[3]).as_deref()), (Some("新"), Some("客3")));
}

#[wasm_bindgen_test]
async fn a_checkpoint_that_comes_to_nothing_loses_nothing_and_repeats_nothing() {
    let tablet = Tablet::enrolled("cut short").await;
    tablet.unlock(1).await;
    tablet.journal.lead().await.unwrap();
    pull(&tablet, 3).await;
    let replica = shown(&tablet, &tablet.journal.read_all().await.unwrap());
    let before = tablet.bytes().await;
    let other = Tablet::start(&tablet.name).await;
    other.journal.lead().await.unwrap();
    let changed = tablet.bytes().await; // the leader's row
    assert_ne!(before, changed);
    assert!(matches!(tablet.journal.checkpoint(&replica).await, Err(AppendError::Aborted { .. })));
    assert_eq!(tablet.bytes().await, changed);
    // What it should have written, the next one does.
    tablet.journal.lead().await.unwrap();
    tablet.journal.checkpoint(&replica).await.unwrap();
    assert_eq!(tablet.rows(JOURNAL).await.len(), 0);
    let tablet = tablet.again().await;
    tablet.unlock(1).await;
    let contents = tablet.journal.read_all().await.unwrap();
    assert_eq!(counts(&contents), (0, 0, 0, 0));
    assert_eq!(base(&shown(&tablet, &contents)), base(&replica));
}

#[wasm_bindgen_test]
async fn a_checkpoint_leaves_what_was_not_let_in_yet() {
    let tablet = Tablet::enrolled("not let in").await;
    tablet.unlock(1).await;
    pull(&tablet, 2).await;
    let replica = shown(&tablet, &tablet.journal.read_all().await.unwrap());
    pull(&tablet, 1).await; // read by this tab, but not on show
    tablet.journal.checkpoint(&replica).await.unwrap();
    let contents = tablet.journal.read_all().await.unwrap();
    assert_eq!(contents.accepted.len(), 1);
    assert_eq!(base(&shown(&tablet, &contents)).len(), 3);
}

#[wasm_bindgen_test]
async fn a_block_of_a_later_codec_is_not_thrown_away() {
    let tablet = Tablet::enrolled("later codec").await;
    tablet.unlock(1).await;
    let id = random();
    let place = rows::bound_to(fixture::organisation(), id, rows::Kind::Block, &own(1));
    let sealed = Key::import(&[1; 32]).await.unwrap().seal(&[9, 0, 0], &place).await.unwrap();
    let block = rows::BlockRow { id, part: rows::Part { key: rows::KeyOf::Audience, audience: own(1), sealed } };
    let key = format!("{}#0000000001=1", own(1));
    tablet.database.write(&[BLOCKS], async |tx| tx.put(BLOCKS, key.as_str(), &block.bytes())).await.unwrap();
    let mut contents = tablet.journal.read_all().await.unwrap();
    let (bytes, key) = contents.blocks.remove(0).into_parts();
    let error = Replica::new().load(bytes, yingke_core::replica::Extent::Whole).unwrap_err();
    tablet.journal.fetch_again(vec![OpenedBlock::damage(key.clone(), &error)]).await.unwrap();
    assert_eq!(tablet.rows(BLOCKS).await.len(), 1);
    // A damaged one goes, and its audience is read again.
    let damaged = codec::CodecError::Damaged("cut short");
    tablet.journal.fetch_again(vec![OpenedBlock::damage(key, &damaged)]).await.unwrap();
    assert_eq!(tablet.rows(BLOCKS).await.len(), 0);
}

// ---- Damage -------------------------------------------------------------------------------------------------

#[wasm_bindgen_test]
async fn a_damaged_row_costs_only_itself() {
    let tablet = Tablet::enrolled("damage").await;
    tablet.unlock(1).await;
    let saved: Vec<Ranked> = (0..3).map(|number| lead(&number.to_string())).collect();
    for change in &saved {
        tablet.journal.append(change).await.unwrap();
    }
    let mark = StreamMark { number: 5, count: 1, digest: 3 };
    let page =
        News { pulled: vec![with_rank(&lead("甲"))], streams: BTreeMap::from([(own(1), mark)]), ..News::default() };
    tablet.journal.take_in(&page).await.unwrap();
    for (sequence, mut row) in tablet.rows(JOURNAL).await {
        match sequence {
            2 => {
                let end = row.len() / 3;
                row[end] ^= 1; // inside the first part
            }
            4 => row.truncate(40),
            _ => continue,
        }
        tablet.database.write(&[JOURNAL], async |tx| tx.put(JOURNAL, sequence_key(sequence), &row)).await.unwrap();
    }
    let tablet = tablet.again().await;
    tablet.unlock(1).await;
    let contents = tablet.journal.read_all().await.unwrap();
    assert_eq!(names(&contents.tail), ["0", "2"]);
    assert_eq!(contents.damaged, 2);
    assert_eq!(contents.damages.iter().filter(|damage| damage.unsent).count(), 1);
    // Unsent work whose part is broken still goes out, in the form that the endpoint opens.
    let tail = tablet.tail().await;
    assert!(matches!(tail.as_slice(), [TailChange::Open(_), TailChange::Sealed(_), TailChange::Open(_)]));
    tablet.journal.fetch_again(Vec::new()).await.unwrap();
    assert_eq!(tablet.journal.begin_push(1).await.unwrap().since[&own(1)], StreamMark::default());
    assert_eq!(tablet.journal.read_all().await.unwrap().damaged, 1);
}

#[wasm_bindgen_test]
async fn nothing_is_written_in_the_place_of_damage_that_could_not_be_thrown_away() {
    let page = Page::on(Tablet::enrolled("damage stays").await).await;
    page.open().await;
    let mark = StreamMark { number: 5, count: 1, digest: 3 };
    let news = News { streams: BTreeMap::from([(own(1), mark)]), ..News::default() };
    page.journal().begin_push(1).await.unwrap();
    page.take_in(&News { pulled: vec![with_rank(&lead("甲"))], ..news }).await;
    page.tear().await;
    // A newer version of the app lets this one read and not write.
    let format = async |writable_from: u32| {
        let format = format!(r#"{{"readable_from":1,"writable_from":{writable_from}}}"#);
        let write = page.tablet.database.write(&[META], async |tx| tx.put(META, "format", format.as_bytes()));
        write.await.unwrap();
    };
    let locked = Page::on(Tablet::start(&page.tablet.name).await).await;
    format(99).await;
    locked.tablet.database.open().await.unwrap();
    let contents = locked.journal().read_all().await.unwrap();
    locked.replica.replace(shown(&locked.tablet, &contents).into_inner());
    assert_eq!(contents.damaged, 1);
    assert!(locked.journal().fetch_again(Vec::new()).await.is_err());
    let before = page.tablet.bytes().await;
    assert!(locked.checkpoint().await.is_err());
    assert_eq!(page.tablet.bytes().await, before);
    // Once it can write, a checkpoint first has the rest fetched again.
    format(1).await;
    locked.tablet.database.open().await.unwrap();
    locked.checkpoint().await.unwrap();
    assert_eq!(locked.journal().begin_push(1).await.unwrap().since[&own(1)], StreamMark::default());
}

// ---- What the twin in memory promises too -------------------------------------------------------------------

/// A page of the app, as far as it ties the journal to a replica.
struct Page {
    tablet: Tablet,
    replica: RefCell<Replica>,
}

impl Page {
    async fn on(tablet: Tablet) -> Self {
        tablet.unlock(1).await;
        Self { tablet, replica: RefCell::default() }
    }
}

impl Tab for Page {
    type Journal = BrowserJournal;

    fn journal(&self) -> &BrowserJournal {
        &self.tablet.journal
    }

    async fn another(&self) -> Self {
        Self::on(Tablet::start(&self.tablet.name).await).await
    }

    async fn lead(&self) {
        self.journal().lead().await.unwrap();
    }

    async fn open(&self) {
        let contents = self.journal().read_all().await.unwrap();
        self.replica.replace(shown(&self.tablet, &contents).into_inner());
        self.journal().fetch_again(Vec::new()).await.unwrap();
    }

    async fn hear(&self) -> bool {
        let contents = self.journal().read_new().await.unwrap();
        if contents.trimmed {
            return false;
        }
        assert!(self.journal().let_in_new(&contents));
        let mut replica = self.replica.borrow_mut();
        contents.accepted.iter().for_each(|change| drop(replica.take_in(change)));
        contents.gone.iter().for_each(|id| drop(replica.refuse(*id)));
        contents.tail.into_iter().for_each(|change| drop(replica.append(change)));
        true
    }

    async fn save(&self, change: &Ranked) {
        self.journal().append(change).await.unwrap();
        self.replica.borrow_mut().append(change.clone());
    }

    async fn take_in(&self, news: &News) {
        self.journal().take_in(news).await.unwrap();
        let mut replica = self.replica.borrow_mut();
        let held = self.tablet.vault.audiences();
        for accepted in &news.accepted {
            replica.settle(accepted.id, accepted.stamp, accepted.device, &|audience| held.contains(audience));
        }
        news.refused.iter().for_each(|(id, _)| drop(replica.refuse(*id)));
        news.pulled.iter().for_each(|change| drop(replica.take_in(change)));
        self.journal().let_in_turn();
    }

    async fn count_unsent(&self) -> usize {
        self.journal().tail_summary().await.unwrap().count
    }

    async fn count_kept(&self) -> usize {
        let read =
            self.tablet.database.read(&[META], async |tx| tx.keys(META, &Range::Under("kept:".into()))?.texts().await);
        read.await.unwrap().len()
    }

    async fn checkpoint(&self) -> Result<(), AppendError> {
        self.journal().checkpoint(&self.replica).await
    }

    async fn tear(&self) {
        let (sequence, mut row) = self.tablet.rows(JOURNAL).await.remove(0);
        row.truncate(row.len() - 1);
        let write = self.tablet.database.write(&[JOURNAL], async |tx| tx.put(JOURNAL, sequence_key(sequence), &row));
        write.await.unwrap();
    }

    fn replica<T>(&self, ask: impl FnOnce(&Replica) -> T) -> T {
        ask(&self.replica.borrow())
    }
}

macro_rules! promises {
    ($($name:ident)*) => {
        $(
            #[wasm_bindgen_test]
            async fn $name() {
                contract::$name(Page::on(Tablet::enrolled(stringify!($name)).await).await).await;
            }
        )*
    };
}

yingke_core::journal_contract!(promises);

// ---- The vault ----------------------------------------------------------------------------------------------

#[wasm_bindgen_test]
async fn one_persons_unlock_opens_nothing_of_anothers() {
    let tablet = Tablet::enrolled("another").await;
    tablet.unlock(1).await;
    tablet.journal.append(&lead("甲")).await.unwrap();
    tablet.journal.keep_draft("F-03", b"typed").await.unwrap();
    assert_eq!(tablet.journal.draft("F-03").await.unwrap().as_deref(), Some(b"typed".as_slice()));
    tablet.unlock(2).await;
    assert_eq!(tablet.vault.unlocked(), Some(fixture::staff(2)));
    assert_eq!(counts(&tablet.journal.read_all().await.unwrap()), (0, 0, 1, 0));
    assert_eq!(tablet.journal.draft("F-03").await, Ok(None));
    assert_eq!(tablet.journal.drafts().await, Ok(Vec::new()));
    tablet.vault.lock();
    assert!(tablet.vault.person_token().is_none() && tablet.vault.audiences().is_empty());
    assert!(tablet.journal.draft("F-03").await.is_err());
    assert_eq!(counts(&tablet.journal.read_all().await.unwrap()), (0, 0, 1, 0));
    let tablet = tablet.again().await;
    tablet.unlock(1).await;
    assert_eq!(tablet.journal.drafts().await, Ok(vec!["F-03".to_owned()]));
    tablet.journal.drop_draft("F-03").await.unwrap();
    assert_eq!(tablet.journal.draft("F-03").await, Ok(None));
}

#[wasm_bindgen_test]
async fn whoever_works_saves_while_their_credential_is_renewed() {
    let tablet = Tablet::enrolled("renewed").await;
    tablet.unlock(1).await;
    let (renewed, change) = (SignedIn { token: "renewed".into(), ..signed_in(1) }, lead("甲"));
    let renewal = tablet.vault.renew(fixture::staff(1), &renewed, pin(1));
    let (renewal, saved) = futures::join!(renewal, tablet.journal.append(&change));
    assert_eq!((renewal, saved), (Ok(()), Ok(())));
    assert_eq!(tablet.vault.person_token().map(|(token, _)| token).as_deref(), Some("renewed"));
    // Who has locked meanwhile stays locked.
    let renewal = tablet.vault.renew(fixture::staff(1), &renewed, pin(1));
    let (renewal, ()) = futures::join!(renewal, async { tablet.vault.lock() });
    assert_eq!((renewal, tablet.vault.unlocked()), (Ok(()), None));
}

#[wasm_bindgen_test]
async fn a_second_person_saves_under_their_own_keys_and_opens_nothing_for_the_first() {
    let tablet = Tablet::enrolled("approval").await;
    let second = fixture::staff(2);
    let theirs = change_by(2, vec![edit(own(2), "甲"), edit(desk(), "乙")]);
    tablet.unlock(1).await;
    assert!(tablet.journal.append(&theirs).await.is_err(), "nobody saves under a name whose PIN was not typed");
    assert!(matches!(tablet.vault.admit(second, "000000").await, Err(UnlockError::Wrong { .. })));
    assert!(tablet.journal.append(&theirs).await.is_err());
    tablet.vault.admit(second, pin(2)).await.unwrap();
    assert_eq!(tablet.vault.unlocked(), Some(fixture::staff(1)));
    assert_eq!(tablet.vault.audiences(), [own(1)].into());
    tablet.journal.append(&theirs).await.unwrap();
    tablet.vault.dismiss();
    assert!(tablet.journal.append(&change_by(2, vec![edit(own(2), "丙")])).await.is_err());
    assert_eq!(counts(&tablet.journal.read_all().await.unwrap()), (0, 0, 1, 0));
    tablet.vault.admit(second, pin(2)).await.unwrap();
    tablet.vault.lock();
    tablet.unlock(1).await;
    assert!(tablet.journal.append(&change_by(2, vec![edit(own(2), "丁")])).await.is_err(), "a lock sends both away");
    tablet.unlock(2).await;
    assert_eq!(names(&tablet.journal.read_all().await.unwrap().tail), ["甲", "乙"]);
}

// ---- Pictures -----------------------------------------------------------------------------------------------

/// The rows of pictures, without what differs from run to run.
async fn picture_rows(tablet: &Tablet, hash: BlobHash) -> Vec<String> {
    let keys = tablet.database.read(&[BLOBS], async |tx| tx.keys(BLOBS, &Range::All)?.texts().await).await.unwrap();
    keys.iter().map(|key| key.replace(&hash.to_string(), "HASH").split([':', '=']).next().unwrap().to_owned()).collect()
}

/// A person of staff `staff` with a picture in their note.
fn naming(staff: u8, hash: BlobHash) -> Ranked {
    let text = hash.to_string();
    change_by(staff, vec![edit(own(staff), &text)])
}

#[wasm_bindgen_test]
async fn a_picture_is_held_with_its_draft_kept_with_its_save_and_gone_when_it_is_sent() {
    let tablet = Tablet::enrolled("picture").await;
    let hash = BlobHash::of(b"a picture");
    tablet.unlock(1).await;
    tablet.journal.hold_picture(hash, b"a picture").await.unwrap();
    let tablet = tablet.again().await;
    tablet.unlock(1).await;
    assert_eq!(tablet.journal.picture(hash).await.unwrap().as_deref(), Some(b"a picture".as_slice()));
    assert_eq!(picture_rows(&tablet, hash).await, ["held"]);
    tablet.journal.append(&naming(1, hash)).await.unwrap();
    assert_eq!(picture_rows(&tablet, hash).await, ["kept", "send", "since"]);
    tablet.unlock(2).await;
    assert_eq!(tablet.journal.picture(hash).await, Ok(None), "it is for whoever may see the record");
    tablet.vault.lock();
    // Nobody has to be unlocked for it to be sent.
    assert_eq!(tablet.journal.unsent_pictures().await, Ok(vec![hash]));
    let summary = tablet.journal.tail_summary().await.unwrap();
    assert!(summary.pictures == 1 && summary.oldest_picture.is_some_and(|since| since <= clock::now()));
    tablet.journal.picture_sent(hash).await.unwrap();
    assert_eq!(tablet.journal.tail_summary().await.unwrap().oldest_picture, None);
    tablet.unlock(1).await;
    assert_eq!(picture_rows(&tablet, hash).await, ["kept", "sent"]);
    assert_eq!(tablet.journal.picture(hash).await.unwrap().as_deref(), Some(b"a picture".as_slice()));
}

#[wasm_bindgen_test]
async fn a_picture_that_a_second_person_saves_is_held_no_longer() {
    let tablet = Tablet::enrolled("their picture").await;
    let hash = BlobHash::of(b"evidence");
    tablet.unlock(1).await;
    tablet.journal.hold_picture(hash, b"evidence").await.unwrap();
    tablet.vault.admit(fixture::staff(2), pin(2)).await.unwrap();
    tablet.journal.append(&naming(2, hash)).await.unwrap();
    assert_eq!(picture_rows(&tablet, hash).await, ["kept", "send", "since"]);
}

#[wasm_bindgen_test]
async fn wrong_pins_make_people_wait_longer_and_longer() {
    let tablet = Tablet::enrolled("pin").await;
    let staff = fixture::staff(1);
    let waits = async |tablet: &Tablet| match tablet.vault.unlock(staff, "000000").await {
        Err(UnlockError::Wrong { wait_ms }) => wait_ms,
        other => panic!("{other:?}"),
    };
    assert_eq!([waits(&tablet).await, waits(&tablet).await], [0, 0]);
    assert_eq!(waits(&tablet).await, 30_000);
    assert!(tablet.vault.unlocked().is_none());
    // Even the right one has to wait, in a new page too.
    let tablet = tablet.again().await;
    assert!(matches!(tablet.vault.unlock(staff, pin(1)).await, Err(UnlockError::Wrong { wait_ms: 1_000..=30_000 })));
    assert!(tablet.vault.pin_wait(staff).await.unwrap().wait_ms > 0);
    // Others do not.
    tablet.unlock(2).await;
    // A PIN that was reset at the endpoint forgives.
    tablet.vault.first_unlock(staff, &signed_in(1), "444444").await.unwrap();
    tablet.vault.unlock(staff, "444444").await.unwrap();
    assert_eq!(tablet.vault.unlock(StaffId::from_bytes([5; 16]), "1").await, Err(UnlockError::Unknown));
}

// ---- Passkeys -----------------------------------------------------------------------------------------------

/// What the authenticator makes of the passkey's salt.
const SECRET: [u8; 32] = [5; 32];

/// Staff 1 has a passkey, and has locked.
async fn with_passkey(name: &str) -> Tablet {
    let tablet = Tablet::enrolled(name).await;
    tablet.unlock(1).await;
    tablet.journal.append(&lead("甲")).await.unwrap();
    tablet.vault.confirm_pin(fixture::staff(1), pin(1)).await.unwrap();
    tablet.vault.keep_passkey(passkey(), SECRET.into()).await.unwrap();
    tablet.vault.lock();
    tablet
}

fn passkey() -> Passkey {
    Passkey { credential: vec![3; 20], salt: vec![4; 32] }
}

async fn by_passkey(tablet: &Tablet, staff: u8) -> Result<(), UnlockError> {
    tablet.vault.unlock_by_passkey(fixture::staff(staff), SECRET.into()).await
}

#[wasm_bindgen_test]
async fn a_passkey_opens_what_the_pin_opens_in_another_page_too() {
    let tablet = with_passkey("passkey").await.again().await;
    assert_eq!(tablet.vault.passkey(fixture::staff(1)), Some(passkey()));
    assert_eq!(tablet.vault.passkey_holders(), [fixture::staff(1)].into());
    // Nor does a wait after wrong PINs keep it out, or it forgive them.
    for _ in 0..3 {
        drop(tablet.vault.unlock(fixture::staff(1), "000000").await);
    }
    by_passkey(&tablet, 1).await.unwrap();
    assert_eq!((tablet.vault.unlocked(), tablet.vault.audiences()), (Some(fixture::staff(1)), [own(1)].into()));
    assert_eq!(tablet.vault.person_token().map(|(token, _)| token).as_deref(), Some("person 1"));
    assert_eq!(names(&tablet.journal.read_all().await.unwrap().tail), ["甲"]);
    tablet.journal.append(&lead("乙")).await.unwrap();
    // Keys that come later are opened by it as well.
    let more = BTreeMap::from([(desk(), base64_text(&[9; 32]))]);
    let (device, staff) = (DeviceNumber(7), Some(fixture::staff(1)));
    let me = Me { device, staff, keys: more, server_time: fixture::NOW };
    assert_eq!(tablet.vault.add_keys(&me).await, Ok(true));
    tablet.vault.lock();
    by_passkey(&tablet, 1).await.unwrap();
    assert_eq!(tablet.vault.audiences(), [own(1), desk()].into());
    assert_eq!(tablet.vault.pin_wait(fixture::staff(1)).await.unwrap().failures, 3);
    // It is one person's.
    assert_eq!(by_passkey(&tablet, 2).await, Err(UnlockError::PasskeyOver));
    assert_eq!(tablet.vault.unlocked(), None);
}

#[wasm_bindgen_test]
async fn another_secret_opens_nothing_and_leaves_the_pin() {
    let tablet = with_passkey("another secret").await;
    let opened = tablet.vault.unlock_by_passkey(fixture::staff(1), vec![6; 32]).await;
    assert_eq!((opened, tablet.vault.unlocked()), (Err(UnlockError::PasskeyOver), None));
    assert_eq!(tablet.vault.passkey(fixture::staff(1)), None);
    assert_eq!(by_passkey(&tablet, 1).await, Err(UnlockError::PasskeyOver));
    assert_eq!(tablet.vault.pin_wait(fixture::staff(1)).await.unwrap().failures, 0);
    tablet.unlock(1).await;
}

#[wasm_bindgen_test]
async fn a_passkey_lives_on_while_the_pin_stays_and_no_longer() {
    let tablet = with_passkey("another pin").await;
    let staff = fixture::staff(1);
    // Signed in anew, by the same PIN: at the door, behind an unlock, and as a second person.
    let renewed = SignedIn { token: "renewed".into(), ..signed_in(1) };
    tablet.vault.first_unlock(staff, &renewed, pin(1)).await.unwrap();
    tablet.vault.renew(staff, &renewed, pin(1)).await.unwrap();
    tablet.vault.lock();
    by_passkey(&tablet, 1).await.unwrap();
    assert_eq!(tablet.vault.person_token().map(|(token, _)| token).as_deref(), Some("renewed"));
    assert!(tablet.vault.has_passkey_for_pin());
    tablet.unlock(2).await;
    assert!(!tablet.vault.has_passkey_for_pin());
    tablet.vault.first_admit(staff, &renewed, pin(1)).await.unwrap();
    by_passkey(&tablet, 1).await.unwrap();
    // By another one.
    tablet.vault.first_unlock(staff, &renewed, "444444").await.unwrap();
    assert!(!tablet.vault.has_passkey_for_pin());
    tablet.vault.lock();
    assert_eq!(tablet.vault.passkey(staff), Some(passkey()));
    assert_eq!(by_passkey(&tablet, 1).await, Err(UnlockError::PasskeyOver));
    let tablet = tablet.again().await;
    assert_eq!(tablet.vault.passkey(staff), None);
    tablet.vault.unlock(staff, "444444").await.unwrap();
}

#[wasm_bindgen_test]
async fn what_is_easier_to_try_than_todays_is_wrapped_anew_at_the_next_sign_in() {
    let tablet = with_passkey("hardness").await;
    tablet.vault.set_hardness(Hardness { memory_kib: 8, passes: 2, lanes: 1 });
    tablet.vault.first_unlock(fixture::staff(1), &signed_in(1), pin(1)).await.unwrap();
    assert_eq!(by_passkey(&tablet, 1).await, Err(UnlockError::PasskeyOver));
    tablet.unlock(1).await;
}

#[wasm_bindgen_test]
async fn a_passkey_is_set_up_by_a_right_pin_and_dropped_at_once() {
    let tablet = Tablet::enrolled("set up").await;
    let staff = fixture::staff(1);
    tablet.unlock(1).await;
    assert!(matches!(tablet.vault.confirm_pin(staff, "000000").await, Err(UnlockError::Wrong { .. })));
    assert!(tablet.vault.keep_passkey(passkey(), SECRET.into()).await.is_err());
    assert_eq!((tablet.vault.unlocked(), tablet.vault.passkey(staff)), (Some(staff), None));
    // A lock forgets what was confirmed.
    tablet.vault.confirm_pin(staff, pin(1)).await.unwrap();
    tablet.vault.lock();
    assert!(tablet.vault.keep_passkey(passkey(), SECRET.into()).await.is_err());
    tablet.unlock(1).await;
    tablet.vault.confirm_pin(staff, pin(1)).await.unwrap();
    tablet.vault.keep_passkey(passkey(), SECRET.into()).await.unwrap();
    tablet.vault.drop_passkey(staff).await.unwrap();
    assert_eq!(by_passkey(&tablet, 1).await, Err(UnlockError::PasskeyOver));
    let tablet = tablet.again().await;
    assert_eq!(tablet.vault.passkey_holders(), BTreeSet::new());
}

#[wasm_bindgen_test]
async fn a_passkey_that_a_later_version_set_up_is_left_alone() {
    let tablet = with_passkey("later passkey").await;
    let key = format!("passkey:{}", fixture::staff(1));
    let row = tablet.database.read(&[META], async |tx| tx.get(META, key.as_str())?.bytes().await).await.unwrap();
    let later = [&[2], &row.unwrap()[1..]].concat();
    tablet.database.write(&[META], async |tx| tx.put(META, key.as_str(), &later)).await.unwrap();
    tablet.vault.reload().await.unwrap();
    assert_eq!(tablet.vault.passkey(fixture::staff(1)), None);
}

#[wasm_bindgen_test]
async fn a_part_opens_only_where_it_belongs() {
    let key = Key::import(&[7; 32]).await.unwrap();
    let here = rows::bound_to(fixture::organisation(), [1; 16], rows::Kind::Own, &own(1));
    let sealed = key.seal(b"plain", &here).await.unwrap();
    assert_eq!(key.open(&sealed, &here).await.as_deref(), Ok(b"plain".as_slice()));
    for there in [
        rows::bound_to(OrganisationId::from_bytes([3; 16]), [1; 16], rows::Kind::Own, &own(1)),
        rows::bound_to(fixture::organisation(), [2; 16], rows::Kind::Own, &own(1)),
        rows::bound_to(fixture::organisation(), [1; 16], rows::Kind::Page, &own(1)),
        rows::bound_to(fixture::organisation(), [1; 16], rows::Kind::Own, &own(2)),
    ] {
        assert!(key.open(&sealed, &there).await.is_err());
    }
    let other = Key::import(&[8; 32]).await.unwrap();
    assert!(other.open(&sealed, &here).await.is_err());
}

#[wasm_bindgen_test]
async fn a_wipe_waits_for_what_was_saved_meanwhile_and_leaves_nothing() {
    let tablet = Tablet::enrolled("wipe").await;
    tablet.unlock(1).await;
    let (refused, unsent, late) = (lead("甲"), lead("乙"), lead("丙"));
    tablet.journal.append(&refused).await.unwrap();
    tablet.journal.append(&unsent).await.unwrap();
    tablet.journal.begin_push(9).await.unwrap();
    let refusals = vec![(refused.change.id(), Refusal::UnknownAuthor)];
    tablet.journal.take_in(&News { refused: refusals, ..News::default() }).await.unwrap();
    tablet.journal.keep_draft("F-03", b"half").await.unwrap();
    let work = tablet.journal.unsent_work().await.unwrap();
    assert_eq!((work.changes.len(), work.drafts, work.damaged), (2, 1, 0));
    assert_eq!(opened_by_the_endpoint(&work.changes[0]).await, [unsent]);
    assert_eq!(opened_by_the_endpoint(&work.changes[1]).await, [refused]);

    let other_tab = Tablet::start(&tablet.name).await;
    other_tab.unlock(1).await;
    other_tab.journal.append(&late).await.unwrap();
    let told = Farewell {
        at: fixture::NOW,
        handed_in: 3,
        receipt: "7F3A-91C2".into(),
        drafts: 1,
        letters: 0,
        damaged: 0,
        pictures: 2,
        pictures_lost: 0,
    };
    assert_eq!(tablet.journal.wipe(&work, &told).await, Ok(false), "it is not handed in yet");
    assert_eq!(tablet.journal.tail_summary().await.unwrap().count, 2);
    assert_eq!(tablet.journal.farewell().await, Ok(None));
    let work = tablet.journal.unsent_work().await.unwrap();
    assert_eq!(work.changes.len(), 3);
    assert_eq!(tablet.journal.wipe(&work, &told).await, Ok(true));
    // A tab that has not heard of it shows no tick.
    let kept = other_tab.journal.append(&lead("丁")).await;
    assert!(matches!(kept, Err(AppendError::Aborted { .. })), "{kept:?}");

    let tablet = tablet.again().await;
    assert_eq!(tablet.vault.device().await, Ok(None));
    assert_eq!(tablet.journal.farewell().await, Ok(Some(told.clone())));
    assert_eq!(tablet.journal.last_word().await, Ok(Some(enrolled().token)));
    tablet.journal.keep_farewell(&told).await.unwrap();
    assert_eq!(tablet.journal.last_word().await, Ok(None));
    for (store, count) in [(JOURNAL, 0), (BLOCKS, 0), (META, 2), (DRAFTS, 0), (TRAY, 0)] {
        assert_eq!(tablet.rows(store).await.len(), count, "{store}");
    }
    tablet.journal.drop_farewell().await.unwrap();
    assert_eq!(tablet.journal.farewell().await, Ok(None));
}

// ---- Trial passes -------------------------------------------------------------------------------------------

#[wasm_bindgen_test]
async fn a_pass_is_taken_by_the_save_that_says_so_and_once() {
    let tablet = Tablet::enrolled("pass").await;
    tablet.unlock(1).await;
    let pass = RecordId::from_bytes([7; 16]);
    assert_eq!(tablet.journal.pass_taken(pass).await, Ok(None));
    let taking = lead("甲");
    let at = taking.change.header.made_at;
    // A save that is not kept takes nothing.
    tablet.vault.lock();
    assert!(tablet.journal.append_taking(&taking, pass).await.is_err());
    tablet.unlock(1).await;
    assert_eq!(tablet.journal.append_taking(&taking, pass).await, Ok(Ok(())));
    // Whoever is unlocked, and in whichever tab.
    let other_tab = Tablet::start(&tablet.name).await;
    other_tab.unlock(2).await;
    let again = change_by(2, vec![edit(own(2), "乙")]);
    assert_eq!(other_tab.journal.append_taking(&again, pass).await, Ok(Err(at)));
    assert_eq!(other_tab.journal.tail_summary().await.unwrap().count, 1, "nothing was kept of it");
    let other = RecordId::from_bytes([8; 16]);
    assert_eq!(other_tab.journal.append_taking(&again, other).await, Ok(Ok(())));
    assert_eq!(tablet.journal.next_pass_number().await, Ok(1));
    assert_eq!(other_tab.journal.next_pass_number().await, Ok(2));
    let tablet = tablet.again().await;
    assert_eq!(tablet.journal.pass_taken(pass).await, Ok(Some(at)));
    assert_eq!(tablet.journal.next_pass_number().await, Ok(3));
}
