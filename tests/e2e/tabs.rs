//! Five tabs of one tablet, all at the same guest, while the one that syncs is killed, frozen and reloaded again and again.

use fantoccini::wd::WindowHandle;
use serde_json::json;

use crate::{
    house::{LIN_YUE, Server, Tablet},
    leads::{self, Lead},
};

const TABS: usize = 5;
/// How often the tab that leads comes to an end, in turns of each way.
const ENDS: usize = 21;
/// A new one leads within so long.
const HAND_OVER_MS: f64 = 5_000.0;

/// Gives the milliseconds until this tab leads. Its own name among the locks is one that it takes to see it by.
const LEADS: &str = "const done = arguments[arguments.length - 1];
    const began = performance.now();
    const mark = 'mark of ' + performance.timeOrigin;
    const look = async () => {
        const { held } = await navigator.locks.query();
        const leader = held.find(({ name }) => name === 'yingke-leader')?.clientId;
        const own = held.find(({ name }) => name === mark)?.clientId;
        if (own && leader === own) return done(performance.now() - began);
        setTimeout(look, 20);
    };
    if (!window.marked) navigator.locks.request(mark, () => new Promise(() => {}));
    window.marked = true;
    look();";

/// Done when the database was left alone for a while.
const RESTS: &str = "const [, done] = arguments;
    const { transaction } = IDBDatabase.prototype;
    let [under_way, since] = [0, performance.now()];
    IDBDatabase.prototype.transaction = function (...given) {
        const begun = transaction.apply(this, given);
        const ends = () => { under_way -= 1; since = performance.now(); };
        under_way += 1;
        begun.addEventListener('complete', ends);
        begun.addEventListener('abort', ends);
        return begun;
    };
    const look = () => {
        if (under_way || performance.now() - since < 500) return setTimeout(look, 50);
        IDBDatabase.prototype.transaction = transaction;
        done();
    };
    look();";

/// How the tab that leads comes to an end.
#[derive(Debug, Clone, Copy)]
enum End {
    Killed,
    Frozen,
    Reloaded,
}

/// The tabs of a tablet, one in front.
struct Tabs<'a> {
    tablet: &'a Tablet,
    tabs: Vec<WindowHandle>,
}

impl Tabs<'_> {
    async fn turn_to(&self, tab: usize) {
        self.tablet.turn_to(&self.tabs[tab]).await;
    }

    /// Another tab, with somebody at work.
    async fn open(&self) -> WindowHandle {
        let tab = self.tablet.open_tab().await;
        self.tablet.begin_tab().await;
        self.tablet.unlock(LIN_YUE).await;
        tab
    }

    /// The tab in front leads in time.
    async fn leads(&self) {
        let took_ms = self.tablet.later(LEADS, json!(null)).await.as_f64().unwrap();
        assert!(took_ms < HAND_OVER_MS, "it leads after {took_ms} ms");
    }

    /// A note on the guest, written in the tab in front once the one before it shows there.
    async fn note(&self, guest: &str, before: &str, note: &str) {
        self.tablet.place(guest).await;
        self.tablet.text(before).shown().await;
        self.tablet.place(&format!("{guest}/edit")).await;
        self.tablet.field("备注").holds(before).await;
        self.tablet.field("备注").fill(note).await;
        self.tablet.button("保存").tap().await;
        self.tablet.text(note).shown().await;
    }

    /// The tab in front comes to an end.
    async fn end(&self, end: End) {
        match end {
            End::Killed => self.tablet.crash().await,
            End::Frozen => {
                // Browsers freeze no tab in the middle of a transaction.
                self.tablet.button("全部已送达").shown().await;
                self.tablet.later(RESTS, json!(null)).await;
                self.tablet.freeze().await;
            }
            End::Reloaded => self.tablet.reload().await,
        }
    }

    /// It is in front again, with somebody at work.
    async fn begin_again(&mut self, tab: usize, end: End) {
        match end {
            End::Killed => self.tabs[tab] = self.open().await,
            End::Frozen => self.turn_to(tab).await,
            End::Reloaded => {
                self.turn_to(tab).await;
                self.tablet.unlock(LIN_YUE).await;
            }
        }
    }
}

#[tokio::test]
async fn five_tabs_write_of_one_guest_while_the_leading_one_ends_again_and_again() {
    let server = Server::club().await;
    let tablet = Tablet::of(LIN_YUE, "T-05", &server).await;
    leads::begin_outing(&tablet).await;
    let lead = Lead::in_a_hurry("13905712005");
    leads::capture_fast(&tablet, &lead).await;
    leads::ticked(&tablet, &lead).await;
    tablet.link("客户").tap().await;
    leads::search_finds(&tablet, &lead.digits(), 1).await;
    tablet.button("未").tap().await;
    tablet.button("打开完整档案与往来").shown().await;
    let guest = tablet.run("return location.pathname", vec![]).await.as_str().unwrap().to_owned();

    let mut tabs = Tabs { tablet: &tablet, tabs: vec![tablet.tab_in_front().await] };
    while tabs.tabs.len() < TABS {
        let tab = tabs.open().await;
        tabs.tabs.push(tab);
    }
    let mut notes = 0;
    let mut last = String::new();
    for round in 0..ENDS {
        let end = [End::Killed, End::Frozen, End::Reloaded][round % 3];
        let tab = (2 * round) % TABS;
        // What it has just saved may be unsent when it ends.
        tabs.turn_to(tab).await;
        for (turn, next) in [tab, (tab + 1) % TABS, (tab + 2) % TABS, tab].into_iter().enumerate() {
            match turn {
                0 => {}
                1 | 2 => tabs.turn_to(next).await,
                _ => tabs.begin_again(tab, end).await,
            }
            tabs.leads().await;
            notes += 1;
            let note = format!("第{notes}次来电");
            tabs.note(&guest, &last, &note).await;
            last = note;
            if turn == 0 {
                tabs.end(end).await;
            }
        }
    }
    for tab in 0..TABS {
        tabs.turn_to(tab).await;
        tablet.text(&last).shown().await;
        tablet.button("全部已送达").shown().await;
    }
    // The outing, the guest, and each note once.
    assert_eq!(server.verified_changes().await, 2 + notes);
}
