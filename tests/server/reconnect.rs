//! F11: many tablets that worked on the same records without network come back at once.

use std::{rc::Rc, time::Duration};

use yingke_core::{value::Value, workflow::PROGRESS};

use crate::{
    steps::{Step, kept},
    world::World,
};

const TABLETS: usize = 20;
/// Edits that each of them makes.
const EDITS: usize = 30;

#[tokio::test]
async fn twenty_tablets_come_back_at_once_and_all_of_it_is_through() {
    let world = World::new().await;
    let own = world.own(1);
    let mut tablets = Vec::new();
    for _ in 0..TABLETS {
        tablets.push(Rc::new(world.tablet_of(1).await));
    }
    let people: Vec<_> = (0..5).map(|_| tablets[0].new_record(world.now())).collect();
    for person in &people {
        tablets[0].save(1, &own, *person, world.now(), &[("name", "李娜")]).await;
    }
    let (refund, card) = (tablets[0].new_record(world.now()), tablets[0].new_record(world.now()));
    let step = |to, saw, fields| Step { by: 1, kind: "refund", record: refund, audience: &own, to, saw, fields };
    let asked = step("applied", &[], vec![("membership", card.into()), ("reason", Value::text("moved"))]);
    let saw = [asked.save(&world, &tablets[0]).await];
    for tablet in &tablets {
        tablet.settle().await;
    }
    // Without network: the same people, and each takes the same refund over.
    let before = world.changes_kept().await;
    for (number, tablet) in tablets.iter().enumerate() {
        world.pass(1_000);
        for edit in 0..EDITS {
            let note = format!("{number}-{edit}");
            tablet.save(1, &own, people[(number + edit) % people.len()], world.now(), &[("note", &note)]).await;
        }
        step("level1", &saw, vec![("reason_text", "搬家".into())]).save(&world, tablet).await;
    }
    // All begin before any has been answered.
    let all = tokio::task::LocalSet::new();
    for tablet in &tablets {
        let tablet = Rc::clone(tablet);
        all.spawn_local(async move { tablet.settle().await });
    }
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("nobody waits for ever");
    for tablet in &tablets {
        tablet.settle().await;
        assert!(tablet.journal.kept().tail.is_empty() && tablet.journal.kept().tray.is_empty());
    }
    assert_eq!(world.changes_kept().await - before, (TABLETS * (EDITS + 1)) as u64, "none lost, none twice");
    let first = tablets[0].records(&own);
    assert!(tablets.iter().all(|tablet| tablet.records(&own) == first), "all hold the same");
    // What each did to the refund stands beside the others, for somebody to settle.
    let refund = kept(&world, refund).await;
    assert_eq!(refund.heads(PROGRESS).len(), TABLETS);
    assert!(refund.conflicts().any(|key| key.as_str() == PROGRESS));
}
