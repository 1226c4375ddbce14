//! A profile that was copied onto a second tablet, or put back as it was: it is noticed at the next contact, and both go
//! on, each under a number of its own.

use std::{collections::BTreeSet, sync::Arc};

use yingke_core::{
    fixture,
    id::ChangeId,
    journal::memory::{Disk, MemoryJournal},
    sync::{Trouble, TurnError},
};
use yingke_server::register::DEVICE_COPIES_MAX;

use crate::world::{PIN, Tablet, World};

/// A tablet with somebody signed in, and the disk that its profile lies on.
async fn tablet(world: &World) -> (Tablet, Arc<Disk>) {
    let mut tablet = world.tablet_of(1).await;
    let disk = Arc::new(Disk::default());
    tablet.journal = MemoryJournal::on(disk.clone());
    (tablet, disk)
}

async fn save(world: &World, tablet: &Tablet, people: usize) -> Vec<ChangeId> {
    let mut saved = Vec::new();
    for _ in 0..people {
        let person = tablet.new_record(world.now());
        saved.push(tablet.save(1, &world.own(1), person, world.now(), &[("name", "李娜")]).await);
    }
    saved
}

#[tokio::test]
async fn two_clones_go_on_under_numbers_of_their_own_and_lose_nothing() {
    let world = World::new().await;
    let (one, disk) = tablet(&world).await;
    let mut saved = save(&world, &one, 2).await;
    one.settle().await;
    saved.extend(save(&world, &one, 1).await); // unsent on both
    let mut two = one.cloned(&disk.copy());
    saved.extend(save(&world, &one, 2).await);
    one.settle().await;
    saved.extend(save(&world, &one, 1).await);
    one.settle().await;
    let offline = save(&world, &two, 3).await;
    assert_eq!(two.turn().await, Err(TurnError::Endpoint(Trouble::Cloned)));
    assert_eq!(two.journal.kept().tail.len(), 4, "nothing leaves before it has a number");

    let before = two.enrolled.clone();
    two.renumber().await;
    assert_ne!((two.device(), &two.enrolled.token), (before.device, &before.token));
    assert_eq!((two.enrolled.venue, &two.enrolled.name), (before.venue, &before.name));
    two.settle().await;
    one.settle().await;
    saved.extend(offline.iter().copied());
    let rows = world.ledger.rows(world.organisation(), 0, 100).await.unwrap();
    let kept: BTreeSet<ChangeId> = rows.iter().map(|row| row.ranked.change.id()).collect();
    assert_eq!((rows.len(), kept), (saved.len(), saved.iter().copied().collect()), "each once");
    for row in rows.iter().filter(|row| offline.contains(&row.ranked.change.id())) {
        let header = &row.ranked.change.header;
        assert_eq!((header.author, header.device), (fixture::staff(1), before.device), "as it was made");
    }
    // Both go on, and whoever worked on either still does.
    save(&world, &one, 1).await;
    save(&world, &two, 1).await;
    for tablet in [&one, &two, &one] {
        tablet.settle().await;
    }
    assert_eq!(one.records(&world.own(1)), two.records(&world.own(1)));
    assert_eq!(one.records(&world.own(1)).len(), saved.len() + 2);
    let devices = world.ledger.devices(world.organisation()).await.unwrap();
    let copies: Vec<_> = devices.iter().map(|device| (device.number, device.copy_of)).collect();
    assert_eq!(copies, [(one.device(), None), (two.device(), Some(one.device()))]);
}

#[tokio::test]
async fn what_lies_sealed_on_a_clone_still_opens_and_its_passes_are_its_own() {
    let world = World::new().await;
    let (mut one, disk) = tablet(&world).await;
    let profile = disk.copy();
    save(&world, &one, 1).await;
    one.settle().await;
    let mut two = one.cloned(&profile);
    two.renumber().await;
    // And a copy of the copy, behind what that one pushed.
    let again = two.cloned(&profile);
    save(&world, &two, 1).await;
    two.settle().await;
    let mut three = again;
    three.renumber().await;
    for tablet in [&mut one, &mut two, &mut three] {
        tablet.sign_in(1).await;
    }
    let signed = [&one, &two, &three].map(|tablet| tablet.signed_in.clone().unwrap());
    for other in &signed[1..] {
        assert_eq!((&other.keys, &other.own_key), (&signed[0].keys, &signed[0].own_key));
    }
    let points: BTreeSet<String> = signed.iter().map(|signed| signed.passes.clone().unwrap().point).collect();
    assert_eq!(points.len(), 3, "a pass says which tablet gave it out");
}

#[tokio::test]
async fn only_a_tablet_that_fell_back_gets_another_number_and_not_without_end() {
    let world = World::new().await;
    let (one, disk) = tablet(&world).await;
    let profile = disk.copy();
    assert_eq!(one.try_renumber().await.problem(), (409, "not_cloned".into()));
    save(&world, &one, 1).await;
    one.settle().await;
    assert_eq!(one.try_renumber().await.problem(), (409, "not_cloned".into()));
    let two = one.cloned(&profile);
    for _ in 0..DEVICE_COPIES_MAX {
        assert_eq!(two.try_renumber().await.status, 200);
    }
    assert_eq!(two.try_renumber().await.problem(), (409, "not_cloned".into()));
    world.ledger.revoke(world.organisation(), one.device(), world.now()).await.unwrap();
    assert_eq!(two.try_renumber().await.problem(), (401, "device_revoked".into()));
    let devices = world.ledger.devices(world.organisation()).await.unwrap();
    assert_eq!(devices.len(), 1 + DEVICE_COPIES_MAX as usize);
}

#[tokio::test]
async fn a_copy_is_not_a_tablet_more_to_guess_pins_on() {
    let world = World::new().await;
    let (one, disk) = tablet(&world).await;
    let mut two = one.cloned(&disk.copy());
    save(&world, &one, 1).await;
    one.settle().await;
    two.renumber().await;
    let mut account = 100;
    while one.try_sign_in(fixture::staff(account), "000001").await.status == 403 {
        account += 1;
    }
    assert_eq!(two.try_sign_in(fixture::staff(1), PIN).await.status, 429);
}
