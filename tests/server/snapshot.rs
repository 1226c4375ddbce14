//! A fresh tablet is started by blocks: all of them, part of them and then the rest, and nobody gets what is not theirs.

use std::collections::BTreeSet;

use tokio_stream::StreamExt;
use yingke_core::{
    audience::Audience,
    change::Ranked,
    sync::{Trouble, TurnError},
    wire::v1::{BLOCKS, Block},
};
use yingke_server::snapshot::{self, Place};

use crate::world::{Tablet, World};

/// More than two blocks of 2,000.
const PEOPLE: usize = 4_500;

/// Each ninth is Zhou's, the others are Lin's.
async fn with_people(world: &World) -> (Tablet, Tablet) {
    let (lin, zhou) = (world.tablet_of(1).await, world.tablet_of(2).await);
    for number in 0..PEOPLE {
        let (tablet, staff) = if number % 9 == 0 { (&zhou, 2) } else { (&lin, 1) };
        let person = tablet.new_record(world.now());
        tablet.save(staff, &world.own(staff), person, world.now(), &[("name", "李娜")]).await;
    }
    lin.settle().await;
    zhou.settle().await;
    (lin, zhou)
}

async fn blocks(tablet: &Tablet, after: u64) -> Vec<Block> {
    let reply = tablet.get(&format!("/v1/snapshot?after={after}")).await;
    assert_eq!((reply.status, reply.headers["content-type"].as_str()), (200, BLOCKS));
    assert_eq!(reply.headers["cache-control"], "no-store");
    let (bytes, mut at, mut blocks) = (reply.unchunked(), 0, Vec::new());
    while let Some((block, taken)) = Block::read(&bytes[at..]).unwrap() {
        at += taken;
        blocks.push(block);
    }
    assert_eq!(at, bytes.len());
    blocks
}

fn changes(blocks: &[Block]) -> Vec<(u64, Ranked)> {
    blocks.iter().flat_map(|block| block.changes.clone()).collect()
}

#[tokio::test]
async fn a_fresh_tablet_is_started_and_goes_on_from_any_block() {
    let world = World::new().await;
    let (lin, zhou) = with_people(&world).await;
    // Page by page, as tablets of before there were blocks do it.
    let by_pages = world.tablet_of(3).await;
    by_pages.settle().await;

    let fresh = world.tablet_of(3).await;
    let news = fresh.turn().await.unwrap();
    assert!(news.behind && news.pulled.len() == 1_000);
    assert_eq!(fresh.fill(&news).await, (2, Ok(())));
    let last = fresh.turn().await.unwrap();
    assert!(!last.more && last.pulled.is_empty());
    assert_eq!(fresh.journal.kept().since, by_pages.journal.kept().since);
    for (tablet, staff) in [(&lin, 1), (&zhou, 2)] {
        assert_eq!(fresh.records(&world.own(staff)), tablet.records(&world.own(staff)));
    }

    let whole = blocks(&fresh, 0).await;
    let told: Vec<_> = whole.iter().map(|block| (block.changes.len(), block.head.end, block.head.more)).collect();
    assert_eq!(told, [(2_000, 2_000, true), (2_000, 4_000, true), (500, 4_500, false)]);
    assert!(whole.iter().all(|block| block.head.last == PEOPLE as u64 && block.head.epoch == "e1"));
    for (place, block) in whole.iter().enumerate() {
        let rest = blocks(&fresh, block.head.end).await;
        assert!(changes(&rest) == changes(&whole[place + 1..]), "after block {place}");
    }
    // From the middle of one, too, and from the end, where there is nothing.
    assert!(changes(&blocks(&fresh, 2_345).await) == changes(&whole)[2_345..]);
    let end = blocks(&fresh, PEOPLE as u64).await;
    assert_eq!((end.len(), end[0].changes.len(), end[0].head.more), (1, 0, false));

    let theirs = blocks(&zhou, 0).await;
    assert_eq!(changes(&theirs).len(), PEOPLE.div_ceil(9));
    let audiences: BTreeSet<Audience> = changes(&theirs)
        .iter()
        .flat_map(|(_, ranked)| ranked.change.edits().map(|edit| edit.audience.clone()).collect::<Vec<_>>())
        .collect();
    assert_eq!(audiences, [world.own(2)].into(), "nothing of anybody else");
    assert!(theirs.iter().all(|block| !block.head.streams.contains_key(&world.own(1))));
}

#[tokio::test]
async fn blocks_that_are_cut_cost_what_was_in_them_and_work_goes_on_meanwhile() {
    let world = World::new().await;
    let (lin, zhou) = with_people(&world).await;
    let fresh = world.tablet_of(3).await;
    let mut read = 0;
    for _ in 0..200 {
        // Each time somebody has saved something, which goes out before the rest comes in.
        let person = fresh.new_record(world.now());
        fresh.save(3, &world.own(3), person, world.now(), &[("name", "王芳")]).await;
        fresh.cut_percent.set(0);
        let news = fresh.turn().await.unwrap();
        assert_eq!(news.accepted.len(), 1);
        if !news.behind {
            break;
        }
        fresh.cut_percent.set(80);
        match fresh.fill(&news).await {
            (_, Ok(()) | Err(TurnError::Endpoint(Trouble::OutOfReach))) => {}
            (_, other) => panic!("{other:?}"),
        }
        let kept = fresh.journal.kept();
        assert!(kept.accepted.len() >= read, "what came is kept");
        read = kept.accepted.len();
    }
    fresh.cut_percent.set(0);
    fresh.settle().await;
    assert!(fresh.cuts.get() > 0);
    for (tablet, staff) in [(&lin, 1), (&zhou, 2)] {
        assert_eq!(fresh.records(&world.own(staff)), tablet.records(&world.own(staff)));
    }
    let by_pages = world.tablet_of(3).await;
    by_pages.settle().await;
    assert_eq!(fresh.journal.kept().since, by_pages.journal.kept().since);
    assert_eq!(fresh.records(&world.own(3)), by_pages.records(&world.own(3)));
}

#[tokio::test]
async fn who_may_not_read_gets_no_block() {
    let world = World::new().await;
    let nobody = world.tablet().await;
    assert_eq!(nobody.get("/v1/snapshot").await.problem(), (401, "person".into()));
    let tablet = world.tablet_of(1).await;
    for after in ["x", "-1", "1.5", "18446744073709551616", ""] {
        let reply = tablet.get(&format!("/v1/snapshot?after={after}")).await;
        assert_eq!(reply.problem(), (400, "malformed".into()), "{after}");
    }
    // Beyond the end there is nothing, and no fault.
    for after in [0, 1 << 63, u64::MAX] {
        let blocks = blocks(&tablet, after).await;
        assert_eq!((blocks.len(), blocks[0].changes.len(), blocks[0].head.more), (1, 0, false), "{after}");
    }
    world.ledger.revoke(world.organisation(), tablet.device(), world.now()).await.unwrap();
    assert_eq!(tablet.get("/v1/snapshot").await.problem(), (401, "device_revoked".into()));
}

#[tokio::test]
async fn who_is_shut_out_meanwhile_gets_no_further_block() {
    let world = World::new().await;
    let (lin, _) = with_people(&world).await;
    let house = world.ledger.house(world.organisation()).await.unwrap();
    let held = BTreeSet::from([world.own(1)]);
    for (may_read, expected) in [(true, 2), (false, 1)] {
        let place = Place::after(&*world.ledger, &house, held.clone(), 0).await.unwrap();
        let clock = yingke_server::http::system_clock();
        let blocks =
            snapshot::blocks(world.ledger.clone(), house.clone(), place, clock, move || async move { Ok(may_read) });
        let got: Vec<_> = blocks.await.unwrap().collect().await;
        assert_eq!(got.len(), expected);
    }
    assert_eq!(lin.records(&world.own(1)).len(), PEOPLE - PEOPLE.div_ceil(9));
}
