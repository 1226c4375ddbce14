//! A guest who changes hands: their whole life passes to the colleague whose they are, what comes late too, and nobody
//! takes a guest who is not theirs to take.

use std::collections::BTreeMap;

use yingke_core::{
    audience::{Audience, Role},
    chance::Seeded,
    change::{Change, Edit, Key, Ranked, Write},
    fixture,
    id::{ChangeId, RecordId, StaffId},
    journal::Journal,
    lead::{self, protection},
    schema,
    time::{DAY_MS, MINUTE_MS},
    value::Value,
    wire::v1::{Refusal, Staff, Verdict, WireChange},
};
use yingke_server::{clock, keys};

use crate::{
    steps::kept,
    world::{PIN, Tablet, World, push, set_number},
};

const SUPERVISOR: u8 = 6;

/// The world, and a supervisor who gives guests to colleagues.
async fn world() -> World {
    let world = World::new().await;
    let (id, role) = (fixture::staff(SUPERVISOR), Role::CsSupervisor);
    let staff = Staff { id, name: "何静".into(), role, venue: world.venue, active: true };
    world.ledger.add_staff(world.organisation(), &staff, &keys::pin_hash(PIN)).await.unwrap();
    world
}

/// A change by somebody with these writes to a record.
fn change(
    world: &World,
    tablet: &Tablet,
    author: u8,
    (kind, record): (&'static str, RecordId),
    audience: &Audience,
    writes: Vec<Write>,
) -> Ranked {
    let mut ranked = tablet.change(author, audience, record, world.now(), &[]);
    let edit = Edit { record, kind: Key::of(kind), audience: audience.clone(), salt: [0; 8], writes };
    ranked.change = Change::new(ranked.change.header.clone(), vec![edit], &mut Seeded::new(5));
    ranked
}

fn ruling(to: StaffId, from: StaffId, saw: &[ChangeId]) -> Vec<Write> {
    let values = BTreeMap::from([
        (Key::of("owner"), to.to_string().into()),
        (Key::of("from"), from.to_string().into()),
        (Key::of("reason"), "handed_over".into()),
    ]);
    vec![schema::write_group("person", lead::RULING, values, saw.to_vec())]
}

/// Minutes of the clock, until it has nothing to write.
async fn minutes(world: &World) -> usize {
    let mut written = 0;
    loop {
        world.pass(MINUTE_MS);
        let house = world.ledger.house(world.organisation()).await.unwrap();
        match clock::look(&*world.ledger, &house, world.now()).await.unwrap().written {
            0 => return written,
            more => written += more,
        }
    }
}

async fn save(tablet: &Tablet, change: Ranked) -> ChangeId {
    tablet.journal.append(&change).await.unwrap();
    change.change.id()
}

fn text(tablet: &Tablet, audience: &Audience, record: RecordId, key: &str) -> Option<String> {
    tablet.value(audience, record, key).and_then(|value| value.as_text().map(Into::into))
}

#[tokio::test]
async fn a_guest_who_is_handed_over_comes_with_all_that_was_written_of_them() {
    let world = world().await;
    let (first, second, lead) = (world.tablet_of(1).await, world.tablet_of(2).await, world.tablet_of(SUPERVISOR).await);
    let (theirs, new) = (world.own(1), world.own(2));
    let [guest, visit, talk] = [(); 3].map(|()| first.new_record(world.now()));
    first.save(1, &theirs, guest, world.now(), &[("name", "李娜"), ("phone", "+8613800138000")]).await;
    let about = |kind, more: Vec<Write>| [vec![schema::write(kind, "person", guest)], more].concat();
    let name = vec![schema::write("visit", "visitor_name", "李娜")];
    save(&first, change(&world, &first, 1, ("visit", visit), &theirs, about("visit", name))).await;
    first.settle().await;
    lead.settle().await;
    second.settle().await;

    let to = fixture::staff(2);
    let given =
        save(&lead, change(&world, &lead, SUPERVISOR, ("person", guest), &theirs, ruling(to, fixture::staff(1), &[])))
            .await;
    lead.settle().await;
    // Written meanwhile by somebody who has not heard of it.
    first.save(1, &theirs, guest, world.now(), &[("note", "晚上联系")]).await;
    assert!(minutes(&world).await > 0);
    second.settle().await;
    assert_eq!(text(&second, &new, guest, "phone").as_deref(), Some("+8613800138000"));
    assert_eq!(text(&second, &new, visit, "visitor_name").as_deref(), Some("李娜"));
    assert_eq!(second.value(&new, visit, "person"), Some(guest.into()));
    first.settle().await;
    assert!(first.records(&new).is_empty(), "the colleague of before reads nothing of it");
    assert!(minutes(&world).await > 0);
    second.settle().await;
    assert_eq!(text(&second, &new, guest, "note").as_deref(), Some("晚上联系"));

    // Something new about them, without a word in their own record: within the day.
    let summary = vec![schema::write("interaction", "summary", "说想周末来")];
    let told = about("interaction", summary);
    save(&first, change(&world, &first, 1, ("interaction", talk), &theirs, told)).await;
    first.settle().await;
    world.pass(DAY_MS);
    minutes(&world).await;
    second.settle().await;
    assert_eq!(text(&second, &new, talk, "summary").as_deref(), Some("说想周末来"));
    let before = world.changes_kept().await;
    world.pass(DAY_MS);
    assert_eq!(minutes(&world).await, 0);
    assert_eq!(world.changes_kept().await, before, "and nothing twice");

    // All of them agree, and the way back is as short.
    let heads = second.records(&new);
    assert!(heads.len() == 3);
    lead.settle().await;
    let saw = kept(&world, guest).await.head_changes(lead::RULING);
    assert!(saw.len() == 1 && saw != [given], "what repeats the ruling has taken its place");
    let back = ruling(fixture::staff(1), to, &saw);
    save(&lead, change(&world, &lead, SUPERVISOR, ("person", guest), &new, back)).await;
    second.save(2, &new, guest, world.now(), &[("note", "周六上午")]).await;
    second.settle().await;
    lead.settle().await;
    minutes(&world).await;
    first.settle().await;
    assert_eq!(text(&first, &theirs, guest, "note").as_deref(), Some("周六上午"));
    world.findings().await;
}

#[tokio::test]
async fn a_guest_in_the_pool_is_everybodys_to_claim_and_nobodys_to_give() {
    let world = world().await;
    let (first, second, lead) = (world.tablet_of(1).await, world.tablet_of(2).await, world.tablet_of(SUPERVISOR).await);
    let (theirs, pool) = (world.own(1), lead::pool(world.venue));
    let [guest, visit] = [(); 2].map(|()| first.new_record(world.now()));
    first.save(1, &theirs, guest, world.now(), &[("name", "李娜"), ("phone", "+8613800138000")]).await;
    let about = vec![schema::write("visit", "person", guest)];
    save(&first, change(&world, &first, 1, ("visit", visit), &theirs, about)).await;
    first.settle().await;

    // A colleague may not take them, nor their own consultant give them to a colleague.
    let tablet = world.tablet().await;
    let counter = std::cell::Cell::new(0);
    let rule = async |author, audience: &Audience, to: StaffId, saw: &[ChangeId]| {
        counter.set(counter.get() + 1);
        let from = fixture::staff(1);
        let change = change(&world, &tablet, author, ("person", guest), audience, ruling(to, from, saw));
        let answer = tablet.push(&push(counter.get(), vec![WireChange::from(&change)])).await;
        (answer.verdicts[0].clone(), change.change.id())
    };
    let two = fixture::staff(2);
    for (author, audience) in [(2, &pool), (1, &theirs)] {
        let (refused, _) = rule(author, audience, if author == 2 { fixture::staff(9) } else { two }, &[]).await;
        assert!(matches!(refused, Verdict::Refused { reason: Refusal::Step { .. }, .. }), "{refused:?}");
    }
    // Who lets go of their own puts them there.
    let (let_go, released) = rule(1, &theirs, lead::NOBODY, &[]).await;
    assert!(matches!(let_go, Verdict::Accepted { .. }), "{let_go:?}");
    minutes(&world).await;
    second.settle().await;
    assert_eq!(text(&second, &pool, guest, "name").as_deref(), Some("李娜"));
    assert!(second.records(&pool).keys().eq([&guest]), "of what happened with them the pool has nothing");
    assert_ne!(kept(&world, guest).await.head_changes(lead::RULING), [released]);
    let saw = kept(&world, guest).await.head_changes(lead::RULING);
    let (claimed, _) = rule(2, &pool, two, &saw).await;
    assert!(matches!(claimed, Verdict::Accepted { .. }), "{claimed:?}");
    minutes(&world).await;
    second.settle().await;
    let new = world.own(2);
    assert_eq!(text(&second, &new, guest, "phone").as_deref(), Some("+8613800138000"));
    assert_eq!(second.value(&new, visit, "person"), Some(Value::Id(guest)));
    lead.settle().await;
    world.findings().await;
}

#[tokio::test]
async fn a_guest_nobody_wrote_of_is_anybodys_and_comes_back_to_whoever_had() {
    let world = world().await;
    set_number(&world, 91, world.venue, protection::DAYS, 2).await;
    let (first, second) = (world.tablet_of(1).await, world.tablet_of(2).await);
    let (theirs, pool) = (world.own(1), lead::pool(world.venue));
    let [guest, other] = [(); 2].map(|()| first.new_record(world.now()));
    for guest in [guest, other] {
        let owner = schema::write("person", "owner", fixture::staff(1).to_string());
        let writes = vec![owner, schema::write("person", "name", "李娜")];
        save(&first, change(&world, &first, 1, ("person", guest), &theirs, writes)).await;
    }
    first.settle().await;
    let lapse = async || {
        let house = world.ledger.house(world.organisation()).await.unwrap();
        clock::lapse(&*world.ledger, &house, world.now()).await.unwrap().written
    };
    world.pass(DAY_MS);
    // Kept on the tablet, which has no network.
    first.save(1, &theirs, guest, world.now(), &[("note", "周六来")]).await;
    assert_eq!(lapse().await, 0);
    world.pass(2 * DAY_MS);
    assert_eq!((lapse().await, lapse().await), (2, 0), "each once");
    minutes(&world).await;
    second.settle().await;
    assert_eq!(second.records(&pool).len(), 2);

    first.settle().await;
    minutes(&world).await;
    assert_eq!(lapse().await, 1);
    minutes(&world).await;
    assert_eq!(lead::owner(&kept(&world, guest).await), Some(fixture::staff(1)));
    assert!(lead::is_free(&kept(&world, other).await));
    assert_eq!(kept(&world, guest).await.audience(), &theirs);
    world.findings().await;
}
