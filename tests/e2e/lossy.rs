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
    let cut = Arc::new(AtomicUsize::new(0));
    let port = lossy_way_to(server.port, cut.clone()).await;
    let tablet = Tablet::through(LIN_YUE, "A-07", &server, port).await;
    leads::begin_outing(&tablet).await;
    for place in 0..LEADS {
        let lead = Lead::in_a_hurry(&format!("1390571{:04}", 2000 + 13 * place));
        leads::capture_fast(&tablet, &lead).await;
        leads::ticked(&tablet, &lead).await;
    }
    leads::ring_shows(&tablet, LEADS).await;
    tablet.button("全部已送达").shown_in_minutes(3).await;
    let cut = cut.load(Ordering::SeqCst);
    println!("{cut} answers were cut");
    assert!(cut >= 2, "only {cut} answers were cut");
    assert_eq!(server.verified_changes().await, LEADS + 1, "the leads and the outing, each once");

    let manager = Tablet::of(LI_WEI, "C-01", &server).await;
    manager.link("客户").tap().await;
    manager.text(&format!("共{LEADS}位")).shown().await;
}

/// A port whose answers to `/v1/sync` are cut, by seed, after the server has given them.
async fn lossy_way_to(server: u16, cut: Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let chance = Arc::new(Mutex::new(Seeded::new(6)));
    tokio::spawn(async move {
        while let Ok((browser, _)) = listener.accept().await {
            let (chance, cut) = (chance.clone(), cut.clone());
            tokio::spawn(async move {
                let falls = || chance.lock().unwrap().next_u64() % 100 < CUT_PERCENT;
                if let Some(true) = one_request(browser, server, falls).await {
                    cut.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    port
}

/// Carries one request to the server and its answer back, and says whether the answer was cut.
async fn one_request(mut browser: TcpStream, server: u16, falls: impl Fn() -> bool) -> Option<bool> {
    let request = Request::whole(&mut browser).await?;
    let mut upstream = request.passed_on(server).await?;
    if request.head.starts_with("POST /v1/sync") && falls() {
        // The whole answer, so that the server has surely applied what it answers.
        let mut lost = Vec::new();
        upstream.read_to_end(&mut lost).await.ok()?;
        return Some(true);
    }
    tokio::io::copy(&mut upstream, &mut browser).await.ok()?;
    Some(false)
}
