//! Replies that are lost after the endpoint did its work: each change is in effect once all the same.

use yingke_core::{
    sync::{Trouble, TurnError},
    value::Value,
};

use crate::world::World;

#[tokio::test]
async fn a_third_of_the_replies_lost_and_each_change_in_effect_once() {
    let world = World::new().await;
    let tablets = [world.tablet_of(1).await, world.tablet_of(1).await, world.tablet_of(1).await];
    let audience = world.own(1);
    let person = tablets[0].new_record(world.now());
    let mut saved = 0_u64;
    for round in 0..60 {
        world.pass(1_000);
        for tablet in &tablets {
            tablet.cut_percent.set(30);
            for _ in 0..2 {
                let note = format!("{} 第 {round} 次", tablet.device().0);
                tablet.save(1, &audience, person, world.now(), &[("note", &note)]).await;
                saved += 1;
            }
            match tablet.turn().await {
                Ok(_) | Err(TurnError::Endpoint(Trouble::OutOfReach)) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }
    let cuts: u32 = tablets.iter().map(|tablet| tablet.cuts.get()).sum();
    assert!((30..90).contains(&cuts), "{cuts} of 180 replies were cut");
    for tablet in tablets.iter().chain(&tablets) {
        tablet.cut_percent.set(0);
        tablet.settle().await;
    }
    let findings = world.findings().await;
    assert_eq!((findings.changes, findings.records), (saved, 1));
    let last = tablets[2].value(&audience, person, "note");
    assert!(matches!(&last, Some(Value::Text(note)) if note.ends_with("第 59 次")), "{last:?}");
    for tablet in &tablets {
        assert_eq!(tablet.records(&audience), tablets[0].records(&audience));
        assert!(tablet.journal.kept().tray.is_empty());
    }
}
