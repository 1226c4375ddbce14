//! Many writers and a reader that pulls all the while.

use std::collections::{BTreeMap, BTreeSet};

use yingke_core::{
    id::ChangeId,
    wire::v1::{Push, StreamMark, VERSION, Verdict, WireChange},
};

use crate::world::World;

const WRITERS: usize = 6;
const PUSHES: u64 = 12;
const CHANGES: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_beside_writers_misses_nothing() {
    let world = World::new().await;
    let reader = world.tablet_of(3).await;
    let mut writers = tokio::task::JoinSet::new();
    let mut sent: BTreeSet<ChangeId> = BTreeSet::new();
    for _ in 0..WRITERS {
        let tablet = world.tablet().await;
        let mut pushes = Vec::new();
        for counter in 1..=PUSHES {
            let changes: Vec<WireChange> = (0..CHANGES)
                .map(|_| {
                    tablet.change(1, &world.own(1), tablet.new_record(world.now()), world.now(), &[("name", "李娜")])
                })
                .map(|change| WireChange::from(&change))
                .collect();
            sent.extend(changes.iter().map(|change| change.id));
            pushes.push(Push {
                version: VERSION,
                epoch: None,
                push_counter: counter,
                changes,
                sealed: Vec::new(),
                since: BTreeMap::new(),
            });
        }
        let (address, bearer) = (tablet.address, tablet.bearer());
        writers.spawn(async move {
            for push in pushes {
                let reply =
                    crate::world::post(address, "/v1/sync", &[("authorization", &bearer)], &push).await.unwrap();
                let answer: yingke_core::wire::v1::Answer = reply.json();
                assert!(answer.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accepted { had: false, .. })));
            }
        });
    }
    // Core's own turn refuses a page whose count or digest does not fit.
    while reader.journal.kept().accepted.len() < sent.len() {
        reader.turn().await.unwrap();
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let read: BTreeSet<ChangeId> = reader.journal.kept().accepted.iter().map(|change| change.change.id()).collect();
    assert_eq!(read, sent);
    assert_eq!(world.findings().await.changes, sent.len() as u64);
}

/// The check can fail: a cursor that trusts the highest number it saw, and not the count, skips what came late.
#[tokio::test]
async fn a_page_with_a_change_left_out_does_not_fit_its_mark() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    for _ in 0..5 {
        let person = tablet.new_record(world.now());
        tablet.save(1, &world.own(1), person, world.now(), &[("name", "李娜")]).await;
    }
    tablet.turn().await.unwrap();
    let all = Push {
        version: VERSION,
        epoch: None,
        push_counter: 9,
        changes: Vec::new(),
        sealed: Vec::new(),
        since: BTreeMap::new(),
    };
    let page = tablet.push(&all).await.page.unwrap();
    let mark_of = |skip: usize| {
        let kept = page.changes.iter().enumerate().filter(|(place, _)| *place != skip).map(|(_, change)| change);
        kept.fold(StreamMark::default(), |mark, numbered| mark.with(numbered.number, numbered.change.id))
    };
    assert_eq!(mark_of(usize::MAX), page.streams[&world.own(1)]);
    for skip in 0..5 {
        assert_ne!(mark_of(skip).digest, page.streams[&world.own(1)].digest);
    }
}
