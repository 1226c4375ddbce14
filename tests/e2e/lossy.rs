//! Answers get lost on the way: each change is in effect once all the same.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};
use yingke_core::chance::{Chance, Seeded};

use crate::{
    between::Request,
    house::{LI_WEI, LIN_YUE, Server, Tablet},
    leads::{self, Lead},
};

const LEADS: usize = 15;
/// Of a hundred answers, so many are cut.
const CUT_PERCENT: u64 = 30;

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_in_effect_once() {
    let server = Server::club().await;
    let seen = Arc::new(Seen::default());
    let port = lossy_way_to(server.port, seen.clone()).await;
    let tablet = Tablet::through(LIN_YUE, "A-07", &server, port).await;
    leads::begin_outing(&tablet).await;
    for place in 0..LEADS {
        let lead = Lead::in_a_hurry(&format!("1390571{:04}", 2000 + 13 * place));
        leads::capture_fast(&tablet, &lead).await;
        leads::ticked(&tablet, &lead).await;
    }
    leads::ring_shows(&tablet, LEADS).await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    let [cut, packed] = [&seen.cut, &seen.packed].map(|count| count.load(Ordering::SeqCst));
    println!("{cut} answers were cut, {packed} requests were packed");
    assert!(cut >= 2, "only {cut} answers were cut");
    assert!(packed >= 1, "what is sent again with more is worth packing");
    assert_eq!(server.verified_changes().await, LEADS + 1, "the leads and the outing, each once");

    let manager = Tablet::of(LI_WEI, "C-01", &server).await;
    manager.link("客户").tap().await;
    manager.text(&format!("共{LEADS}位")).shown().await;
}

/// What went by.
#[derive(Default)]
struct Seen {
    cut: AtomicUsize,
    packed: AtomicUsize,
}

/// A port whose answers to `/v1/sync` are cut, by seed, after the server has given them.
async fn lossy_way_to(server: u16, seen: Arc<Seen>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let chance = Arc::new(Mutex::new(Seeded::new(6)));
    tokio::spawn(async move {
        while let Ok((browser, _)) = listener.accept().await {
            let (chance, seen) = (chance.clone(), seen.clone());
            tokio::spawn(async move {
                let falls = || chance.lock().unwrap().next_u64() % 100 < CUT_PERCENT;
                one_request(browser, server, falls, &seen).await;
            });
        }
    });
    port
}

/// Carries one request to the server and its answer back, unless the answer is cut.
async fn one_request(mut browser: TcpStream, server: u16, falls: impl Fn() -> bool, seen: &Seen) -> Option<()> {
    let request = Request::whole(&mut browser).await?;
    if request.head.to_ascii_lowercase().contains("content-encoding: gzip") {
        seen.packed.fetch_add(1, Ordering::SeqCst);
    }
    let mut upstream = request.passed_on(server).await?;
    if request.head.starts_with("POST /v1/sync") && falls() {
        // The whole answer, so that the server has surely applied what it answers.
        let mut lost = Vec::new();
        upstream.read_to_end(&mut lost).await.ok()?;
        seen.cut.fetch_add(1, Ordering::SeqCst);
        return Some(());
    }
    tokio::io::copy(&mut upstream, &mut browser).await.ok()?;
    Some(())
}
