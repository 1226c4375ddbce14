//! No room: what can be fetched again goes first, then a save says so, nothing is marked saved, and the same save succeeds
//! once there is room.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::json;
use tokio::time::Instant;

use crate::{
    house::{LIN_YUE, Server, Tablet},
    leads::{self, Lead},
    page::Page,
    update,
};

/// What is asked of the storage is answered within so long, one way or the other.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Enough to unlock and to begin an outing.
const LITTLE_ROOM_BYTES: u64 = 500_000;
const DISK_BYTES: u64 = 50 << 20;

/// What is said where a save is not kept for want of room: a disk that is full takes the database along.
const REFUSALS: [&str; 3] = ["存不下了", "本机的存储有损坏", "浏览器把存储关了"];

/// Guests are captured, and counted as ticked or not.
struct Outing<'a> {
    tablet: &'a Tablet,
    ticked: usize,
}

impl<'a> Outing<'a> {
    async fn begin(tablet: &'a Tablet) -> Self {
        leads::begin_outing(tablet).await;
        Self { tablet, ticked: 0 }
    }

    fn next(&self) -> Lead {
        Lead::in_a_hurry(&format!("139{:08}", 57_130_000 + 7 * self.ticked))
    }

    /// Captures the next one; whether it was kept.
    async fn captures(&mut self) -> bool {
        leads::capture_fast(self.tablet, &self.next()).await;
        self.is_answered().await
    }

    async fn is_answered(&mut self) -> bool {
        let asked = Instant::now();
        let tick = leads::tick(&self.next());
        let answer = async || {
            if self.tablet.status(&tick).is_there().await {
                return Some(true);
            }
            let reads = self.tablet.reads().await;
            REFUSALS.iter().any(|refusal| reads.contains(refusal)).then_some(false)
        };
        let kept = self.tablet.until("neither kept nor refused", answer).await;
        assert!(asked.elapsed() < ANSWER_MAX, "answered after {:?}", asked.elapsed());
        self.ticked += usize::from(kept);
        kept
    }

    /// Until a save finds no room. What was typed stands there, and nothing says that it was kept.
    async fn until_there_is_no_room(&mut self, before_each: impl Fn()) {
        before_each();
        while self.captures().await {
            before_each();
        }
        let lead = self.next();
        assert!(!self.tablet.status(&leads::tick(&lead)).is_there().await);
        self.tablet.text(&lead.phone()).shown().await;
        leads::ring_shows(self.tablet, self.ticked).await;
    }

    /// The same save again.
    async fn is_kept_now(&mut self) {
        self.tablet.button("保存").tap().await;
        let tick = leads::tick(&self.next());
        self.tablet.status(&tick).shown().await;
        self.ticked += 1;
    }

    /// All that was ticked has arrived, once, and nothing else.
    async fn has_arrived(&self, server: &Server) {
        self.tablet.button("全部已送达").shown_in_minutes(2).await;
        assert_eq!(server.verified_changes().await, 1 + self.ticked, "the outing and each guest");
    }
}

/// How many versions of the app the browser keeps.
async fn versions(page: &Page) -> usize {
    let script = "const [, done] = arguments;
        caches.keys().then((names) => done(names.filter((name) => name.startsWith('yingke-')).length));";
    page.later(script, json!(null)).await.as_u64().unwrap() as usize
}

#[tokio::test]
async fn where_there_is_no_room_the_version_aside_goes_before_a_save_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let second = update::second_version(folder.path());
    let mut server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "R-01", &server).await;
    update::comes(&second, &mut server, &tablet).await;
    tablet.button("现在换上").tap().await;
    tablet.unlock(LIN_YUE).await;
    tablet.button("全部已送达").shown().await;
    assert_eq!(versions(&tablet).await, 2);

    // A browser that has seen much room goes by that for half a minute, in which saves would take more than a version gives
    // back. Opened anew it sees that there is little.
    let script = "const [, done] = arguments; navigator.storage.estimate().then(({ usage }) => done(usage));";
    let used = tablet.later(script, json!(null)).await.as_u64().unwrap();
    let origin = server.address();
    let quota = json!({ "origin": origin, "quotaSize": used + LITTLE_ROOM_BYTES });
    tablet.devtools("Storage.overrideQuotaForOrigin", quota).await;
    tablet.reload().await;
    tablet.unlock(LIN_YUE).await;
    let mut outing = Outing::begin(&tablet).await;
    while versions(&tablet).await == 2 {
        assert!(outing.captures().await, "refused before what can be fetched again was gone");
    }
    tablet.devtools("Storage.overrideQuotaForOrigin", json!({ "origin": origin, "quotaSize": 1 })).await;
    outing.until_there_is_no_room(|| {}).await;
    tablet.devtools("Storage.overrideQuotaForOrigin", json!({ "origin": origin })).await;
    outing.is_kept_now().await;
    outing.has_arrived(&server).await;
}

/// A small file system under a browser's profile, which ends with it.
struct Disk(PathBuf);

impl Disk {
    fn under(profile: &Path) -> Self {
        let disk = profile.join("Default");
        fs::create_dir_all(&disk).unwrap();
        let size = format!("size={DISK_BYTES}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&disk).status();
        // `cargo xtask test` leaves this out, and says so, where nothing may be mounted.
        assert!(mounted.is_ok_and(|status| status.success()), "a small file system can be mounted");
        Self(disk)
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).unwrap();
        for piece in [1 << 16, 1 << 8, 1] {
            while filler.write_all(&vec![7; piece]).is_ok() {}
        }
    }

    fn empty(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A process that still ends keeps it until then.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn on_a_full_disk_a_save_is_refused_and_succeeds_when_there_is_room() {
    let mut server = Server::club().await;
    let (tablet, disk) = Tablet::on(Disk::under, "R-02", server.address()).await;
    tablet.enrol(&server).await;
    tablet.unlock(LIN_YUE).await;
    tablet.installed().await;
    server.kill().await;
    let mut outing = Outing::begin(&tablet).await;
    for _ in 0..3 {
        assert!(outing.captures().await);
    }
    // A browser that promised nothing may clear all that is kept here, from under the open page: Chromium does. What was
    // ticked is in this page's memory, and nothing more is ticked until it is on the disk again.
    outing.until_there_is_no_room(|| disk.fill()).await;
    disk.empty();
    outing.is_kept_now().await;
    server.start().await;
    tablet.reload().await;
    tablet.unlock(LIN_YUE).await;
    outing.has_arrived(&server).await;
}

#[tokio::test]
async fn a_database_that_the_browser_takes_away_is_told_and_the_same_save_succeeds_when_it_is_back() {
    let server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "R-03", &server).await;
    let mut outing = Outing::begin(&tablet).await;
    assert!(outing.captures().await);
    let away = "window.real = [IDBDatabase.prototype.transaction, IDBFactory.prototype.open];
        const lost = () => { throw new DOMException('made by a test', 'UnknownError'); };
        [IDBDatabase.prototype.transaction, IDBFactory.prototype.open] = [lost, lost];";
    tablet.run(away, vec![]).await;
    let lead = outing.next();
    leads::capture_fast(&tablet, &lead).await;
    tablet.text("浏览器把存储关了").shown().await;
    assert!(!tablet.status(&leads::tick(&lead)).is_there().await);
    tablet.text(&lead.phone()).shown().await;
    let back = "[IDBDatabase.prototype.transaction, IDBFactory.prototype.open] = window.real;";
    tablet.run(back, vec![]).await;
    outing.is_kept_now().await;
    outing.has_arrived(&server).await;
}
