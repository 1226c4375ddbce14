//! The clock of the house: what is late escalates with no tablet on, once, whoever looks and how often.

use yingke_core::{
    audience::{Audience, circle},
    time::{HOUR_MS, MINUTE_MS},
    wire::v1::Verdict,
};
use yingke_server::clock::{self, Looked};

use crate::{
    steps::{Step, kept, states},
    world::World,
};

async fn look(world: &World) -> Looked {
    let house = world.ledger.house(world.organisation()).await.unwrap();
    clock::look(&*world.ledger, &house, world.now()).await.unwrap()
}

#[tokio::test]
async fn a_complaint_that_nobody_answers_escalates_while_every_tablet_is_off() {
    let world = World::new().await;
    let tablet = world.tablet_of(3).await;
    let cases = Audience::Circle(world.venue, circle::CASES.into());
    let case = tablet.new_record(world.now());
    let due = world.now().plus(24 * HOUR_MS);
    let fields = vec![("content", "水凉".into()), ("received_at", world.now().into()), ("reply_due_at", due.into())];
    let step = |to, saw, fields| Step { by: 3, kind: "case", record: case, audience: &cases, to, saw, fields };
    step("new", &[], fields).save(&world, &tablet).await;
    tablet.settle().await;
    assert_eq!(look(&world).await, Looked { records: 1, ..Looked::default() });
    assert_eq!(look(&world).await, Looked::default(), "it is not looked at again until there is reason to");

    world.pass(28 * HOUR_MS + MINUTE_MS);
    let before = world.changes_kept().await;
    // Several processes look at one moment, and again after a restart.
    let looked = tokio::join!(look(&world), look(&world), look(&world));
    assert_eq!([looked.0, looked.1, looked.2].iter().map(|looked| looked.written).sum::<usize>(), 1);
    world.pass(MINUTE_MS);
    look(&world).await;
    assert_eq!(world.changes_kept().await, before + 1);
    assert_eq!(states(&kept(&world, case).await), ["escalated"]);
    let rows = world.ledger.rows(world.organisation(), before, 9).await.unwrap();
    assert_eq!(rows[0].ranked.change.header.author, clock::HOUSE);

    // Tablets hear of it, and who takes over goes on from there; the same lateness escalates nothing again.
    let reader = world.tablet_of(1).await;
    reader.settle().await;
    let escalated = rows[0].ranked.change.id();
    assert!(reader.journal.kept().accepted.iter().any(|change| change.change.id() == escalated));
    let saw = [escalated];
    let mut over = step("in_progress", &saw, Vec::new());
    over.by = 4;
    let taken_over = over.with(&world, &tablet, Vec::new());
    let candidates = vec![yingke_server::ledger::Candidate::new(taken_over, None)];
    let batch = yingke_server::ledger::Batch { pushed: None, candidates, now: world.now() };
    let verdicts = world.ledger.append(world.organisation(), batch).await.unwrap();
    assert!(matches!(verdicts[0], Verdict::Accepted { .. }));
    world.pass(MINUTE_MS);
    assert_eq!(look(&world).await.written, 0);
    assert_eq!(states(&kept(&world, case).await), ["in_progress"]);
}

#[tokio::test]
async fn who_acted_in_time_without_network_is_not_overruled() {
    let world = World::new().await;
    let tablet = world.tablet_of(3).await;
    let works = Audience::Circle(world.venue, circle::WORKS.into());
    let fault = tablet.new_record(world.now());
    let step = |by, to, saw, fields| Step { by, kind: "fault", record: fault, audience: &works, to, saw, fields };
    let fields = vec![("equipment", tablet.new_record(world.now()).into()), ("description", "不转".into())];
    let mut reported = step(3, "reported", &[], fields);
    reported.fields.push(("reported_at", world.now().into()));
    let first = reported.save(&world, &tablet).await;
    tablet.settle().await;
    world.pass(7 * HOUR_MS);
    assert_eq!(look(&world).await.written, 1);
    assert_eq!(states(&kept(&world, fault).await), ["overdue"]);
    // Repaired in time on a tablet that had no network, and sent now.
    let saw = [first];
    let repaired = step(3, "repaired", &saw, Vec::new()).with(&world, &tablet, Vec::new());
    let candidates = vec![yingke_server::ledger::Candidate::new(repaired, None)];
    let batch = yingke_server::ledger::Batch { pushed: None, candidates, now: world.now() };
    world.ledger.append(world.organisation(), batch).await.unwrap();
    assert_eq!(states(&kept(&world, fault).await).len(), 2);
    look(&world).await;
    assert_eq!(states(&kept(&world, fault).await), ["repaired"]);
    assert_eq!(look(&world).await.written, 0);
    world.findings().await;
}
