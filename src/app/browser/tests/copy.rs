//! The second copy, on the browser's own files and with its real worker.

use js_sys::{Array, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use super::*;
use crate::browser::copy::{Mended, Owner, SecondCopy};

/// The worker as it ships; the page of these tests serves no files of ours.
fn worker_url() -> String {
    worker_after("")
}

/// The same, in a browser that this makes out of the present one.
fn worker_after(script: &str) -> String {
    let source = Array::of2(&script.into(), &include_str!("../../../../public/copy.js").into());
    let file = web_sys::Blob::new_with_str_sequence(&source).unwrap();
    web_sys::Url::create_object_url_with_blob(&file).unwrap()
}

/// A tab of a tablet, with its copy.
struct Copied {
    tablet: Tablet,
    copy: SecondCopy,
}

impl Copied {
    /// Each test's tablet has a number of its own, so that it finds its own files only. `None` in a browser that writes no
    /// file in place, once it was seen that the tablet goes on without.
    async fn enrolled(name: &str, number: u32) -> Option<Self> {
        let tablet = Tablet::enrolled(name).await;
        let enrolled = Enrolled { device: DeviceNumber(number), ..enrolled() };
        tablet.vault.keep_device(&enrolled).await.unwrap();
        let copied = Self::with(tablet);
        assert_eq!(copied.heal().await, Mended::default());
        copied.look().await;
        if !writes_in_place() {
            copied.goes_on_without().await;
            return None;
        }
        Some(copied)
    }

    fn with(tablet: Tablet) -> Self {
        Self::with_worker(tablet, &worker_url())
    }

    fn with_worker(tablet: Tablet, worker_url: &str) -> Self {
        let copy = SecondCopy::of(tablet.database.clone());
        copy.start(worker_url);
        Self { tablet, copy }
    }

    /// What is saved is saved once; nothing is written beside it, nothing is tried again, and what is lost stays so.
    async fn goes_on_without(self) {
        let before = entries().await;
        self.tablet.unlock(1).await;
        let saved = lead("甲");
        self.save(&saved).await;
        self.look().await;
        assert!(!self.copy.is_behind());
        let copied = self.again().await;
        assert_eq!(copied.heal().await, Mended::default());
        copied.tablet.unlock(1).await;
        assert_eq!(copied.tablet.journal.read_all().await.unwrap().tail, [saved]);
        copied.look().await;
        assert_eq!(entries().await, before);
        let name = copied.close();
        delete_database(&name).await;
        let copied = Self::with(Tablet::start(&name).await);
        assert_eq!(copied.heal().await, Mended::default());
        assert_eq!(copied.tablet.vault.device().await, Ok(None));
    }

    /// The page ended, and was opened again.
    async fn again(self) -> Self {
        let name = self.close();
        Self::with(Tablet::start(&name).await)
    }

    /// The page ended; what its database is called.
    fn close(self) -> String {
        self.tablet.database.close();
        self.tablet.name
    }

    async fn heal(&self) -> Mended {
        let mended = self.copy.heal().await.unwrap();
        self.tablet.journal.find_tail_anew();
        self.tablet.vault.reload().await.unwrap();
        mended
    }

    async fn look(&self) {
        self.copy.look(&self.tablet.journal).await;
    }

    async fn save(&self, change: &Ranked) {
        self.tablet.journal.append(change).await.unwrap();
    }

    /// What lies in all files, once all that was asked of the worker is done.
    async fn files(&self) -> Vec<Vec<u8>> {
        self.copy.files().await.unwrap()
    }

    async fn holds(&self, bytes: &[u8]) -> bool {
        self.files().await.iter().any(|file| file.windows(bytes.len()).any(|window| window == bytes))
    }
}

/// Whether this browser has files that a copy can lie in. By its name: that one which should have them lost them is not to
/// pass for one that has none. Safari has them, a WebKit of Linux does not.
fn writes_in_place() -> bool {
    let name = web_sys::window().unwrap().navigator().user_agent().unwrap();
    !name.contains("AppleWebKit") || name.contains("Chrome")
}

/// How many files lie where copies do.
async fn entries() -> usize {
    let counted = run("(async () => {
        let count = 0;
        const folder = await navigator.storage.getDirectory();
        for await (const _ of (await folder.getDirectoryHandle('copy', { create: true })).keys()) count += 1;
        return count;
    })()");
    counted.await.as_f64().unwrap() as usize
}

/// Runs a promise of the page's.
async fn run(script: &str) -> JsValue {
    let promise: Promise = js_sys::eval(script).unwrap().into();
    JsFuture::from(promise).await.unwrap()
}

async fn delete_database(name: &str) {
    run(&format!(
        "new Promise((resolve, reject) => {{
            const request = indexedDB.deleteDatabase({name:?});
            [request.onsuccess, request.onerror, request.onblocked] = [resolve, reject, reject];
        }})"
    ))
    .await;
}

/// Takes a store out of a database that nobody has open.
async fn delete_store(name: &str, store: &str) {
    run(&format!(
        "new Promise((resolve, reject) => {{
            const open = indexedDB.open({name:?});
            open.onsuccess = () => {{
                const {{ version }} = open.result;
                open.result.close();
                const raise = indexedDB.open({name:?}, version + 1);
                raise.onupgradeneeded = () => raise.result.deleteObjectStore({store:?});
                raise.onsuccess = () => resolve(raise.result.close());
                [raise.onerror, raise.onblocked] = [reject, reject];
            }};
        }})"
    ))
    .await;
}

fn came_back(changes: usize, rows: usize) -> Mended {
    Mended { changes, rows, ..Mended::default() }
}

#[wasm_bindgen_test]
async fn a_deleted_database_comes_back_with_its_keys_and_all_that_is_unsent() {
    let Some(copied) = Copied::enrolled("deleted", 101).await else { return };
    copied.tablet.unlock(1).await;
    let (sent, refused) = (lead("甲"), lead("乙"));
    let unsent: Vec<Ranked> = (0..500).map(|number| lead(&format!("客{number}"))).collect();
    copied.save(&sent).await;
    copied.save(&refused).await;
    copied.tablet.journal.begin_push(9).await.unwrap();
    let news = News {
        accepted: vec![accepted(&sent, 1)],
        refused: vec![(refused.change.id(), Refusal::UnknownAuthor)],
        ..News::default()
    };
    copied.tablet.journal.take_in(&news).await.unwrap();
    for change in &unsent {
        copied.save(change).await;
    }
    assert_eq!(copied.tablet.journal.next_pass_number().await, Ok(1));
    copied.files().await;
    let name = copied.close();
    delete_database(&name).await;

    let copied = Copied::with(Tablet::start(&name).await);
    assert_eq!(copied.tablet.vault.device().await, Ok(None));
    let mended = copied.heal().await;
    assert_eq!((mended.tablet, mended.changes, mended.refused), (true, 501, 0));
    assert_eq!(copied.tablet.vault.device().await.unwrap().map(|device| device.number), Some(DeviceNumber(101)));
    copied.tablet.unlock(1).await;
    let contents = copied.tablet.journal.read_all().await.unwrap();
    assert_eq!((contents.tail, contents.damaged), (unsent, 0));
    assert_eq!(contents.tray[0].change, Some(refused));
    // What was counted goes on: the endpoint would take a counter that fell back for another tablet's.
    assert!(copied.tablet.journal.begin_push(1).await.unwrap().push_counter > 2);
    assert_eq!(copied.tablet.journal.next_pass_number().await, Ok(2));
    // Nothing is left to do the next time, and the copy is whole again.
    copied.look().await;
    copied.files().await;
    let copied = copied.again().await;
    assert_eq!(copied.heal().await, Mended::default());
    let name = copied.close();
    delete_database(&name).await;
    let copied = Copied::with(Tablet::start(&name).await);
    assert_eq!(copied.heal().await.changes, 501);
    copied.copy.forget().await;
}

#[wasm_bindgen_test]
async fn what_the_endpoint_has_leaves_the_copy() {
    let Some(copied) = Copied::enrolled("taken", 102).await else { return };
    copied.tablet.unlock(1).await;
    let saved = [lead("甲"), lead("乙")];
    for change in &saved {
        copied.save(change).await;
    }
    copied.tablet.journal.begin_push(9).await.unwrap();
    let news = News { accepted: vec![accepted(&saved[0], 1)], ..News::default() };
    copied.tablet.journal.take_in(&news).await.unwrap();
    copied.files().await;
    let name = copied.close();
    delete_database(&name).await;
    let copied = Copied::with(Tablet::start(&name).await);
    assert_eq!(copied.heal().await.changes, 1);
    copied.tablet.unlock(1).await;
    assert_eq!(copied.tablet.journal.read_all().await.unwrap().tail, saved[1..]);
    // A file that is begun anew has nothing of it, sealed or not.
    copied.look().await;
    assert!(!copied.holds(&saved[0].change.id().bytes()).await);
    assert!(copied.holds(&saved[1].change.id().bytes()).await);
    copied.copy.forget().await;
}

#[wasm_bindgen_test]
async fn damaged_rows_of_the_tail_are_mended_and_others_left_alone() {
    let Some(copied) = Copied::enrolled("mended", 103).await else { return };
    copied.tablet.unlock(1).await;
    let saved: Vec<Ranked> = (0..4).map(|number| lead(&number.to_string())).collect();
    for change in &saved {
        copied.save(change).await;
    }
    copied.files().await;
    // Settled, and this tab's file has not heard of it.
    let other = Tablet::start(&copied.tablet.name).await;
    other.journal.begin_push(9).await.unwrap();
    other.journal.take_in(&News { accepted: vec![accepted(&saved[3], 1)], ..News::default() }).await.unwrap();
    other.database.close();
    let settled = copied.tablet.rows(JOURNAL).await[3].clone();
    for (sequence, mut row) in copied.tablet.rows(JOURNAL).await {
        match sequence {
            1 => row.truncate(40),
            3 => row[200] ^= 1, // inside what is sealed
            _ => continue,
        }
        other.database.write(&[JOURNAL], async |tx| tx.put(JOURNAL, sequence_key(sequence), &row)).await.unwrap();
    }
    other.database.close();
    let copied = copied.again().await;
    assert_eq!(copied.heal().await, came_back(2, 2));
    copied.tablet.unlock(1).await;
    let contents = copied.tablet.journal.read_all().await.unwrap();
    assert_eq!((contents.tail, contents.damaged), (saved[..3].to_vec(), 0));
    assert_eq!(copied.tablet.rows(JOURNAL).await[3], settled);
    assert_eq!(copied.tablet.tail().await.len(), 3);
    copied.copy.forget().await;
}

#[wasm_bindgen_test]
async fn a_change_that_was_settled_and_trimmed_does_not_come_back() {
    let Some(copied) = Copied::enrolled("settled", 104).await else { return };
    copied.tablet.unlock(1).await;
    let saved = lead("甲");
    copied.save(&saved).await;
    copied.files().await;
    // By another tab, of which this one has not heard.
    let other = Tablet::start(&copied.tablet.name).await;
    other.unlock(1).await;
    other.journal.begin_push(9).await.unwrap();
    other.journal.take_in(&News { accepted: vec![accepted(&saved, 1)], ..News::default() }).await.unwrap();
    let replica = shown(&other, &other.journal.read_all().await.unwrap());
    other.journal.checkpoint(&replica).await.unwrap();
    other.database.close();
    assert!(copied.tablet.rows(JOURNAL).await.is_empty());
    let copied = copied.again().await;
    assert_eq!(copied.heal().await, Mended::default());
    assert!(copied.tablet.tail().await.is_empty());
    copied.copy.forget().await;
}

#[wasm_bindgen_test]
async fn a_lost_store_and_damaged_keys_come_back() {
    let Some(copied) = Copied::enrolled("store", 105).await else { return };
    copied.tablet.unlock(1).await;
    let saved = [lead("甲"), lead("乙")];
    for change in &saved {
        copied.save(change).await;
    }
    copied.files().await;
    let name = copied.close();
    delete_store(&name, JOURNAL).await;
    let copied = Copied::with(Tablet::start(&name).await);
    assert_eq!(copied.tablet.database.lost_stores(), [JOURNAL]);
    let key = format!("staff:{}", fixture::staff(1));
    copied.tablet.database.write(&[META], async |tx| tx.put(META, key.as_str(), b"{")).await.unwrap();
    assert_eq!(copied.heal().await, came_back(2, 3));
    copied.tablet.unlock(1).await;
    assert_eq!(copied.tablet.journal.read_all().await.unwrap().tail, saved);
    copied.copy.forget().await;
}

#[wasm_bindgen_test]
async fn a_torn_or_altered_copy_costs_what_is_torn() {
    let Some(copied) = Copied::enrolled("torn", 106).await else { return };
    copied.tablet.unlock(1).await;
    let saved: Vec<Ranked> = (0..3).map(|number| lead(&number.to_string())).collect();
    for change in &saved {
        copied.save(change).await;
    }
    let mut file = copied.files().await.pop().unwrap();
    let place = |id: ChangeId| file.windows(16).position(|window| window == id.bytes()).unwrap();
    let altered = place(saved[1].change.id()) + 30;
    file[altered] ^= 1;
    file.truncate(file.len() - 1); // inside the last one
    copied.copy.write_instead(&file).await.unwrap();
    let name = copied.close();
    delete_database(&name).await;
    let copied = Copied::with(Tablet::start(&name).await);
    let mended = copied.heal().await;
    assert_eq!((mended.tablet, mended.changes, mended.refused), (true, 1, 2));
    copied.tablet.unlock(1).await;
    assert_eq!(copied.tablet.journal.read_all().await.unwrap().tail, saved[..1]);
    copied.copy.forget().await;
}

#[wasm_bindgen_test]
async fn a_copy_of_another_organisation_is_refused_whole() {
    let Some(copied) = Copied::enrolled("elsewhere", 107).await else { return };
    copied.tablet.unlock(1).await;
    copied.save(&lead("甲")).await;
    let owner = Owner { organisation: OrganisationId::from_bytes([3; 16]), device: DeviceNumber(107) };
    let ours = copied.files().await.pop().unwrap();
    let theirs = [owner.head(), ours[owner.head().len()..].to_vec()].concat();
    copied.copy.write_instead(&theirs).await.unwrap();
    let before = copied.tablet.bytes().await;
    let copied = copied.again().await;
    assert_eq!(copied.heal().await, Mended { elsewhere: true, ..Mended::default() });
    assert_eq!(copied.tablet.bytes().await, before);
    // On a tablet that is nobody's, not even its head helps: nothing in it is of that organisation.
    copied.copy.write_instead(&theirs).await.unwrap();
    let name = copied.close();
    delete_database(&name).await;
    let copied = Copied::with(Tablet::start(&name).await);
    assert_eq!(copied.heal().await, Mended::default());
    assert_eq!(copied.tablet.vault.device().await, Ok(None));
    copied.copy.forget().await;
}

#[wasm_bindgen_test]
async fn each_tab_has_a_file_and_says_what_the_others_wrote() {
    let Some(first) = Copied::enrolled("two tabs", 108).await else { return };
    first.tablet.unlock(1).await;
    let second = Copied::with(Tablet::start(&first.tablet.name).await);
    second.heal().await; // reads the first tab's file, which is open
    second.look().await;
    second.tablet.unlock(1).await;
    let (one, two) = (lead("甲"), lead("乙"));
    first.save(&one).await;
    second.save(&two).await;
    second.files().await;
    let holding = async |change: &Ranked| {
        let id = change.change.id().bytes();
        first.files().await.iter().filter(|file| file.windows(16).any(|window| window == id)).count()
    };
    assert_eq!((holding(&one).await, holding(&two).await), (1, 1));
    first.look().await;
    second.look().await;
    second.files().await;
    assert_eq!((holding(&one).await, holding(&two).await), (2, 2));
    // Neither saved, both gone from the database: the last tab that was open had it all.
    let name = first.close();
    second.close();
    delete_database(&name).await;
    let copied = Copied::with(Tablet::start(&name).await);
    assert_eq!(copied.heal().await.changes, 2);
    copied.copy.forget().await;
}

#[wasm_bindgen_test]
async fn a_wipe_takes_the_copy_along_and_nothing_comes_back() {
    let Some(copied) = Copied::enrolled("wiped copy", 109).await else { return };
    copied.tablet.unlock(1).await;
    copied.save(&lead("甲")).await;
    let kept = copied.files().await.pop().unwrap();
    let work = copied.tablet.journal.unsent_work().await.unwrap();
    let told = Farewell {
        at: fixture::NOW,
        handed_in: 1,
        receipt: "7F3A-91C2".into(),
        drafts: 0,
        letters: 0,
        damaged: 0,
        pictures: 0,
        pictures_lost: 0,
    };
    assert_eq!(copied.tablet.journal.wipe(&work, &told).await, Ok(true));
    let owner = Owner { organisation: fixture::organisation(), device: DeviceNumber(109) };
    assert!(!copied.holds(&owner.head()).await);
    // What a tab that slept has left behind is nobody's any more.
    copied.copy.write_instead(&kept).await.unwrap();
    let copied = copied.again().await;
    assert_eq!(copied.heal().await, Mended::default());
    assert_eq!(copied.tablet.vault.device().await, Ok(None));
    copied.look().await;
    copied.copy.forget().await;
    assert!(!copied.holds(&owner.head()).await);
}

#[wasm_bindgen_test]
async fn nothing_readable_lies_in_the_copy() {
    let Some(copied) = Copied::enrolled("copied bytes", 110).await else { return };
    copied.tablet.unlock(1).await;
    let change = lead("李娜李娜");
    copied.save(&change).await;
    copied.tablet.journal.hold_picture(BlobHash::of(b"picture of somebody"), b"picture of somebody").await.unwrap();
    copied.save(&naming(1, BlobHash::of(b"picture of somebody"))).await;
    assert!(copied.holds(&change.change.id().bytes()).await);
    for secret in ["李娜", "picture of", "person 1", "111111"] {
        assert!(!copied.holds(secret.as_bytes()).await, "{secret}");
    }
    for key in [[1_u8; 16], [101; 16]] {
        assert!(!copied.holds(&key).await);
    }
    copied.copy.forget().await;
}

#[wasm_bindgen_test]
async fn a_file_is_begun_anew_before_what_is_outdated_outgrows_the_rest() {
    let Some(copied) = Copied::enrolled("outgrown", 111).await else { return };
    copied.tablet.unlock(1).await;
    let saved: Vec<Ranked> = (0..200).map(|number| lead(&format!("{number}{}", "长".repeat(300)))).collect();
    for change in &saved {
        copied.save(change).await;
    }
    assert!(!copied.copy.is_behind());
    let full = copied.files().await.iter().map(Vec::len).max().unwrap();
    copied.tablet.journal.begin_push(200).await.unwrap();
    let all = saved.iter().map(|change| accepted(change, 1)).collect();
    copied.tablet.journal.take_in(&News { accepted: all, ..News::default() }).await.unwrap();
    assert!(copied.copy.is_behind());
    copied.look().await;
    assert!(!copied.copy.is_behind());
    let left = copied.files().await.iter().map(Vec::len).max().unwrap();
    assert!(left * 10 < full, "{left} of {full}");
    copied.copy.forget().await;
}

#[wasm_bindgen_test]
async fn a_tablet_that_gets_another_number_keeps_its_work_and_its_copy() {
    let Some(copied) = Copied::enrolled("renumbered", 112).await else { return };
    copied.tablet.unlock(1).await;
    let saved = lead("甲");
    copied.save(&saved).await;
    copied.tablet.journal.begin_push(9).await.unwrap();
    let counter = copied.tablet.journal.push_counter().await.unwrap();
    let renumbered = Enrolled { device: DeviceNumber(113), token: "another".into(), ..enrolled() };
    copied.tablet.vault.keep_device(&renumbered).await.unwrap();
    // Whoever is unlocked stays so, and what they saved goes out as it was made.
    assert_eq!(copied.tablet.tail().await, [TailChange::Open(saved.clone())]);
    assert_eq!(copied.tablet.journal.push_counter().await, Ok(counter + 1));
    copied.look().await;
    let owner = |device| Owner { organisation: fixture::organisation(), device: DeviceNumber(device) };
    assert!(!copied.holds(&owner(112).head()).await, "the file of the number before went");
    let name = copied.close();
    delete_database(&name).await;
    let copied = Copied::with(Tablet::start(&name).await);
    assert_eq!(copied.heal().await.changes, 1);
    assert_eq!(copied.tablet.vault.device().await.unwrap().map(|device| device.number), Some(DeviceNumber(113)));
    copied.tablet.unlock(1).await;
    assert_eq!(copied.tablet.tail().await, [TailChange::Open(saved)]);
    copied.copy.forget().await;
}

#[wasm_bindgen_test]
async fn a_database_that_goes_from_under_an_open_page_comes_back_from_memory() {
    // A browser that takes it away takes the files along.
    let copied = Copied::with_worker(Tablet::enrolled("gone").await, "data:text/javascript,throw new Error()");
    assert_eq!(copied.heal().await, Mended::default());
    copied.look().await;
    let Tablet { name, journal, database, vault } = &copied.tablet;
    copied.tablet.unlock(1).await;
    let mut unsent: Vec<Ranked> = (0..3).map(|number| lead(&format!("客{number}"))).collect();
    for change in &unsent {
        copied.save(change).await;
    }
    delete_database(name).await;
    let (late, later) = (lead("丁"), lead("戊"));
    assert!(matches!(journal.append(&late).await, Err(AppendError::Damaged { .. })));
    assert!(database.is_gone());
    // An empty one in its place counts as none.
    let fresh = database.begun_anew().await.unwrap();
    assert!(matches!(journal.append(&late).await, Err(AppendError::Damaged { .. })));
    assert!(matches!(vault.reload().await, Err(AppendError::Damaged { .. })));
    let mended = copied.copy.put_back(&fresh).await.unwrap();
    assert_eq!((mended.tablet, mended.changes, mended.refused), (true, 3, 0));
    fresh.close();
    database.is_back();
    journal.find_tail_anew();
    vault.reload().await.unwrap();
    journal.append(&later).await.unwrap();
    unsent.push(later);
    let copied = copied.again().await;
    copied.tablet.unlock(1).await;
    let contents = copied.tablet.journal.read_all().await.unwrap();
    assert_eq!((contents.tail, contents.damaged), (unsent, 0));
}

#[wasm_bindgen_test]
async fn what_another_tab_put_back_from_an_older_memory_lacks_nothing_that_this_one_held() {
    let no_files = "data:text/javascript,throw new Error()";
    let behind = Copied::with_worker(Tablet::enrolled("two gone").await, no_files);
    assert_eq!(behind.heal().await, Mended::default());
    behind.tablet.unlock(1).await;
    let (early, late) = (lead("甲"), lead("乙"));
    behind.save(&early).await;
    behind.look().await;
    let front = Copied::with_worker(Tablet::start(&behind.tablet.name).await, no_files);
    front.heal().await;
    front.tablet.unlock(1).await;
    front.look().await;
    front.save(&late).await;
    delete_database(&behind.tablet.name).await;
    // The one that was behind has not heard of the later one when it puts back what it remembers.
    let fresh = behind.tablet.database.begun_anew().await.unwrap();
    assert_eq!(behind.copy.put_back(&fresh).await.unwrap().changes, 1);
    fresh.close();
    front.look().await;
    let front = front.again().await;
    front.tablet.unlock(1).await;
    assert_eq!(front.tablet.journal.read_all().await.unwrap().tail, [early, late]);
}

#[wasm_bindgen_test]
async fn without_such_files_everything_goes_on_without_a_copy() {
    let tablet = Tablet::enrolled("no copy").await;
    let copy = SecondCopy::of(tablet.database.clone());
    copy.start("data:text/javascript,throw new Error()");
    assert_eq!(copy.heal().await, Ok(Mended::default()));
    copy.look(&tablet.journal).await;
    assert!(!copy.is_behind());
    tablet.unlock(1).await;
    tablet.journal.append(&lead("甲")).await.unwrap();
    assert_eq!(tablet.tail().await.len(), 1);
}

#[wasm_bindgen_test]
async fn where_no_file_is_written_in_place_everything_goes_on_without_a_copy() {
    let tablet = Tablet::enrolled("not in place").await;
    let before = entries().await;
    let worker = worker_after("delete FileSystemFileHandle.prototype.createSyncAccessHandle;");
    let copied = Copied::with_worker(tablet, &worker);
    assert_eq!(copied.heal().await, Mended::default());
    copied.tablet.unlock(1).await;
    copied.save(&lead("甲")).await;
    copied.look().await;
    assert!(!copied.copy.is_behind());
    assert_eq!((copied.tablet.tail().await.len(), entries().await), (1, before));
}

#[wasm_bindgen_test]
async fn a_file_that_could_not_be_begun_is_not_left_behind() {
    let tablet = Tablet::enrolled("not begun").await;
    let before = entries().await;
    let worker = worker_after(
        "FileSystemFileHandle.prototype.createSyncAccessHandle = async () => { throw new Error('no room') };",
    );
    let copied = Copied::with_worker(tablet, &worker);
    assert_eq!(copied.heal().await, Mended::default());
    for _ in 0..3 {
        copied.look().await;
        assert!(copied.files().await.is_empty());
        assert_eq!(entries().await, before);
        assert!(copied.copy.is_behind(), "there is room another time");
    }
    copied.tablet.unlock(1).await;
    copied.save(&lead("甲")).await;
    assert_eq!(copied.tablet.tail().await.len(), 1);
}
