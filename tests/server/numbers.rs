//! Card numbers: each tablet's own, given beforehand, and never twice.

use std::collections::BTreeSet;

use yingke_core::{
    journal::Journal,
    wire::v1::{NumbersGiven, NumbersWanted, Push},
};
use yingke_server::ledger::numbers::SKIPPED;

use crate::world::{Tablet, World, keep, push, set_number};

async fn card(world: &World, number: u8, text: &str) {
    keep(world, number, "membership", world.desk(), vec![("card_no", text.into())]).await;
}

/// What the tablet is given that asks after `to`.
async fn given(tablet: &Tablet, counter: u64, series: &str, to: u64) -> Option<NumbersGiven> {
    let numbers = Some(NumbersWanted { series: series.into(), to });
    tablet.push(&Push { numbers, ..push(counter, Vec::new()) }).await.numbers
}

/// Every number that a tablet keeps.
fn all(given: &NumbersGiven) -> BTreeSet<u64> {
    given.runs.iter().flat_map(|(first, last)| *first..=*last).collect()
}

/// The next number that the tablet would put on a card.
async fn next_card(tablet: &Tablet) -> Option<String> {
    tablet.journal.numbers().await.unwrap().next_card(|_| false)
}

#[tokio::test]
async fn a_tablet_has_its_numbers_with_its_first_turn_whoever_is_unlocked() {
    let world = World::new().await;
    let (first, second) = (world.tablet().await, world.tablet().await);
    assert_eq!(next_card(&first).await, None);
    first.turn().await.unwrap();
    second.turn().await.unwrap();
    assert_eq!(next_card(&first).await.as_deref(), Some("W01-000001"));
    assert_eq!(next_card(&second).await.as_deref(), Some("W01-000051"));
    // There are enough: no turn brings more.
    second.turn().await.unwrap();
    first.turn().await.unwrap();
    assert_eq!(given(&first, 10, "W01", 50).await.map(|given| given.runs), Some(vec![(101, 150)]));
}

#[tokio::test]
async fn a_lost_answer_costs_no_numbers() {
    let world = World::new().await;
    let (first, second) = (world.tablet().await, world.tablet().await);
    first.cut_percent.set(100);
    for _ in 0..5 {
        assert!(first.turn().await.is_err());
    }
    assert_eq!(next_card(&first).await, None);
    second.turn().await.unwrap();
    first.cut_percent.set(0);
    first.turn().await.unwrap();
    assert_eq!(next_card(&first).await.as_deref(), Some("W01-000001"));
    assert_eq!(next_card(&second).await.as_deref(), Some("W01-000051"));
}

#[tokio::test]
async fn a_number_that_a_card_has_is_given_to_nobody() {
    let world = World::new().await;
    // Imported, typed in another way, of another venue, printed by somebody else.
    for (number, text) in [(60, "W01-000002"), (61, "w01-07"), (62, "W02-000003"), (63, "A1024"), (64, "W01-000200")] {
        card(&world, number, text).await;
    }
    let tablet = world.tablet().await;
    let block = given(&tablet, 1, "", 0).await.unwrap();
    assert_eq!(block, NumbersGiven { series: "W01".into(), runs: vec![(1, 1), (3, 6), (8, 52)], to: 52 });
    assert_eq!(all(&block).len(), 50);
    // Typed after it was given, and asked for again.
    card(&world, 65, "W01-000052").await;
    assert_eq!(given(&tablet, 2, "", 0).await.unwrap().runs, [(1, 1), (3, 6), (8, 51)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tablets_that_ask_at_once_are_given_different_numbers() {
    let world = World::new().await;
    let [one, two, three, four] =
        [world.tablet().await, world.tablet().await, world.tablet().await, world.tablet().await];
    let mut seen = BTreeSet::new();
    let mut ends = [0; 4];
    for counter in 1..=5 {
        let ask = |tablet, of: usize| given(tablet, counter, "W01", ends[of]);
        let asked = tokio::join!(ask(&one, 0), ask(&two, 1), ask(&three, 2), ask(&four, 3));
        for (end, block) in ends.iter_mut().zip([asked.0, asked.1, asked.2, asked.3]) {
            let block = block.unwrap();
            *end = block.to;
            assert!(all(&block).into_iter().all(|number| seen.insert(number)), "{block:?} was given before");
        }
    }
    assert_eq!(seen, (1..=1_000).collect(), "none was left out");
}

#[tokio::test]
async fn a_copy_that_is_put_back_gives_no_number_twice() {
    let world = World::new().await;
    let (first, second) = (world.tablet().await, world.tablet().await);
    let before = given(&first, 1, "", 0).await.unwrap();
    let mut copy = Vec::new();
    world
        .ledger
        .read_all(&mut |row| {
            copy.push(row);
            Ok(())
        })
        .await
        .unwrap();
    let since = given(&second, 1, "", 0).await.unwrap();
    world.ledger.replace_all(&mut copy.into_iter().map(Ok), "e2", world.now()).await.unwrap();
    let again = given(&first, 2, "W01", before.to).await.unwrap();
    assert!(all(&again).is_disjoint(&all(&since)) && all(&again).is_disjoint(&all(&before)));
    // The other one goes on after what it holds, which the copy knows nothing of.
    let after = given(&second, 2, "W01", since.to).await.unwrap();
    assert!(after.runs[0].0 > SKIPPED && all(&after).is_disjoint(&all(&again)));
    assert!(all(&after).is_disjoint(&all(&since)));
}

#[tokio::test]
async fn a_venue_sets_its_number_and_how_many_a_tablet_keeps() {
    let world = World::new().await;
    set_number(&world, 70, world.venue, "card.venue_number", 12).await;
    set_number(&world, 71, world.venue, "card.block", 3).await;
    set_number(&world, 72, world.elsewhere, "card.block", 7).await;
    let tablet = world.tablet().await;
    tablet.turn().await.unwrap();
    assert_eq!(next_card(&tablet).await.as_deref(), Some("W12-000001"));
    // What it held of another series counts for nothing.
    let block = given(&tablet, 10, "W01", 900).await.unwrap();
    assert_eq!(block, NumbersGiven { series: "W12".into(), runs: vec![(1, 3)], to: 3 });
    set_number(&world, 73, world.venue, "card.block", 0).await;
    assert_eq!(given(&tablet, 11, "W12", 3).await, None);
}
