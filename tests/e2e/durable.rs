//! What is ticked is on the disk: seen in the calls that the browser makes of the system.
//!
//! The kernel's cache survives a killed browser, so killing it proves nothing about this.

use std::{fs, path::Path};

use yingke_tests::strace::{self, Call};

use crate::{
    house::{LIN_YUE, Server, Tablet},
    leads::{self, Lead},
};

const SAVES: u64 = 12;
/// The page's clock tells whole milliseconds.
const CLOCK_S: f64 = 0.002;

/// Notes when each save went into the journal and when the database said that it was done.
const NOTE: &str = "const add = IDBObjectStore.prototype.add;
    window.saves = [];
    IDBObjectStore.prototype.add = function (...row) {
        if (this.name === 'journal') {
            const began = Date.now();
            this.transaction.addEventListener('complete', () => window.saves.push([began, Date.now()]));
        }
        return add.apply(this, row);
    };";

/// From now on the database may say that it is done before it is.
const RELAX: &str = "const begin = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = function (stores, mode) {
        return begin.call(this, stores, mode, { durability: 'relaxed' });
    };";

/// When syncs of the database's log began and ended, in seconds of the system's clock.
fn syncs(log: &Path) -> Vec<(f64, f64)> {
    let trace = fs::read_to_string(log).unwrap();
    let sync = |call: Call| {
        let (began, call) = call.text.split_once(' ')?;
        let is_log = call.contains("indexeddb.leveldb/") && call.contains(".log>");
        let took = call.rsplit_once('<')?.1.strip_suffix('>')?;
        let (began, took): (f64, f64) = (began.parse().ok()?, took.parse().ok()?);
        (is_log && call.contains("= 0")).then_some((began, began + took))
    };
    strace::calls(&trace).into_iter().filter_map(sync).collect()
}

/// How many saves there were, and how many of them had their sync between beginning and end.
async fn saved(tablet: &Tablet, log: &Path, first: u64) -> (usize, usize) {
    tablet.run("window.saves = []", vec![]).await;
    for number in first..first + SAVES {
        let lead = Lead::in_a_hurry(&format!("1385571{number:04}"));
        leads::capture_fast(tablet, &lead).await;
        leads::ticked(tablet, &lead).await;
    }
    let saves = tablet.run("return window.saves", vec![]).await;
    let saves: Vec<(f64, f64)> = serde_json::from_value(saves).unwrap();
    let syncs = syncs(log);
    let is_synced = |(began, ended): &&(f64, f64)| {
        let (began, ended) = (began / 1_000.0 - CLOCK_S, ended / 1_000.0 + CLOCK_S);
        syncs.iter().any(|sync| began <= sync.0 && sync.1 <= ended)
    };
    (saves.len(), saves.iter().filter(is_synced).count())
}

#[tokio::test]
async fn each_save_is_synced_before_its_tick() {
    let mut server = Server::club().await;
    let (tablet, log) = Tablet::watched("A-07", server.address()).await;
    tablet.enrol(&server).await;
    tablet.unlock(LIN_YUE).await;
    tablet.installed().await;
    server.kill().await;
    leads::begin_outing(&tablet).await;
    tablet.run(NOTE, vec![]).await;
    let (saves, synced) = saved(&tablet, &log, 0).await;
    assert!(saves >= SAVES as usize, "{saves}");
    assert_eq!(synced, saves);
    // The check can fail: what is said to be done sooner is not.
    tablet.run(RELAX, vec![]).await;
    let (saves, synced) = saved(&tablet, &log, SAVES).await;
    assert!(saves >= SAVES as usize && synced < saves / 2, "{synced} of {saves}");
}
