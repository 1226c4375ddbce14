//! A fresh tablet on a weak network: people come in blocks, work goes on meanwhile, whoever wants it stops, and what broke off
//! goes on from its last block.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, watch},
};

use crate::{
    between::Request,
    house::{LI_WEI, Server, Tablet, VENUE},
    leads::{self, Lead},
};

const PEOPLE: usize = 9_000;
/// Bytes that the network lets through at a time: a block is some of these.
const PIECE_BYTES: usize = 16 << 10;

#[tokio::test]
async fn a_fresh_tablet_fills_on_a_weak_network_while_somebody_works() {
    let server = Server::club().await;
    let table = server.folder().join("people.csv");
    let rows = (0..PEOPLE).map(|place| format!("客人,1370{:07}\n", 1_000 + 7 * place));
    std::fs::write(&table, format!("姓名,手机\n{}", rows.collect::<String>())).unwrap();
    let table = table.to_str().unwrap();
    server.run(&["import", table, "--venue", VENUE, "--as", LI_WEI.name, "--write"]).await;

    let way = Way::to(server.port).await;
    let tablet = Tablet::through(LI_WEI, "C-01", &server, way.port).await;
    tablet.place("/sync").await;
    way.let_through(12);
    let shown = async || percent(&tablet.reads().await);
    tablet.text("录入照常").shown_in_minutes(2).await;
    let some = shown().await.expect("how much has come");
    assert!((1..100).contains(&some), "{some}");

    // Work goes on: what has come is there, and what is saved is safe.
    leads::begin_outing(&tablet).await;
    let lead = Lead::in_a_hurry("13905712000");
    leads::capture_fast(&tablet, &lead).await;
    leads::ticked(&tablet, &lead).await;
    tablet.place("/sync").await;
    tablet.button("先停下").tap().await;
    tablet.button("接着取").shown().await;
    // The block that was on its way is kept, what was saved is sent, and nothing more is fetched.
    way.break_off();
    tablet.text("先停下了").shown_in_minutes(3).await;
    let asked = way.asked();
    assert_eq!(server.verified_changes().await, PEOPLE + 2, "the outing and the lead have been sent");
    tablet.button("现在同步").tap().await;
    tablet.text("先停下了").shown().await;
    assert_eq!(way.asked(), asked, "nothing is asked for while it is stopped");

    // On from there; broken off once more, on from there again.
    way.let_through(8);
    tablet.button("接着取").tap().await;
    way.has_asked(asked + 1).await;
    way.break_off();
    way.let_through(100_000);
    tablet.text("全部已送达").shown_in_minutes(3).await;
    tablet.link("客户").tap().await;
    tablet.text(&format!("共{}位", PEOPLE + 1)).shown().await;
    assert!(way.asked() >= asked + 2);

    // It is all there after a crash, too.
    let mut tablet = tablet;
    tablet.kill().await;
    tablet.open().await;
    tablet.unlock(LI_WEI).await;
    tablet.link("客户").tap().await;
    tablet.text(&format!("共{}位", PEOPLE + 1)).shown().await;
}

/// The number before the only percent sign of a page.
fn percent(text: &str) -> Option<u32> {
    let before = &text[..text.find('%')?];
    before.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A port that carries everything to the server, and snapshots piece by piece, as the test lets them through.
struct Way {
    port: u16,
    pieces: Arc<Semaphore>,
    breaks: Arc<Notify>,
    asked: watch::Sender<usize>,
}

impl Way {
    async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Self {
            port: listener.local_addr().unwrap().port(),
            pieces: Arc::new(Semaphore::new(0)),
            breaks: Arc::default(),
            asked: watch::Sender::new(0),
        };
        let (pieces, breaks, asked) = (way.pieces.clone(), way.breaks.clone(), way.asked.clone());
        tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                let (pieces, breaks, asked) = (pieces.clone(), breaks.clone(), asked.clone());
                tokio::spawn(async move { one_request(browser, server, &pieces, &breaks, &asked).await });
            }
        });
        way
    }

    fn let_through(&self, pieces: usize) {
        self.pieces.add_permits(pieces);
    }

    /// The stream that is open now ends here.
    fn break_off(&self) {
        self.breaks.notify_waiters();
    }

    /// How many snapshots were asked for.
    fn asked(&self) -> usize {
        *self.asked.borrow()
    }

    async fn has_asked(&self, times: usize) {
        let mut asked = self.asked.subscribe();
        let asked = asked.wait_for(|asked| *asked >= times);
        tokio::time::timeout(Duration::from_secs(60), asked).await.expect("in a minute").unwrap();
    }
}

/// Carries one request to the server and its answer back. One request a connection: then its end is the answer's.
async fn one_request(
    mut browser: TcpStream,
    server: u16,
    pieces: &Semaphore,
    breaks: &Notify,
    asked: &watch::Sender<usize>,
) -> Option<()> {
    let request = Request::begun(&mut browser).await?;
    let mut upstream = request.passed_on(server).await?;
    if !request.head.starts_with("GET /v1/snapshot") {
        tokio::io::copy_bidirectional(&mut browser, &mut upstream).await.ok()?;
        return Some(());
    }
    // Before it is told that this was asked for: whoever hears of it may break it off at once.
    let broken = breaks.notified();
    tokio::pin!(broken);
    asked.send_modify(|asked| *asked += 1);
    loop {
        let piece = async {
            pieces.acquire().await.ok()?.forget();
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let read = (&mut upstream).take(PIECE_BYTES as u64).read_to_end(&mut piece).await.ok()?;
            browser.write_all(&piece).await.ok()?;
            (read > 0).then_some(())
        };
        tokio::select! {
            went = piece => went?,
            () = &mut broken => return None,
        }
    }
}
