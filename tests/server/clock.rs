//! The clock of the house: what is late escalates with no tablet on, once, whoever looks and how often.

use yingke_core::{
    audience::{Audience, Role, circle},
    chance::Seeded,
    change::{Change, Edit, Key},
    fixture,
    id::{RecordId, StaffId},
    journal::Journal,
    schema,
    task::task_id,
    time::{HOUR_MS, MINUTE_MS, Millis},
    value::Value,
    wire::v1::{Staff, Verdict},
};
use yingke_server::{
    clock::{self, Looked},
    keys,
};

use crate::{
    steps::{Step, kept, states},
    world::{PIN, Tablet, World},
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

/// Fields of one record, as somebody at the desk saves them.
async fn save(world: &World, tablet: &Tablet, kind: &'static str, record: RecordId, fields: &[(&'static str, Value)]) {
    let desk = world.desk();
    let mut ranked = tablet.change(3, &desk, record, world.now(), &[]);
    let writes = fields.iter().map(|(key, value)| schema::write(kind, key, value.clone())).collect();
    let edit = Edit { record, kind: Key::of(kind), audience: desk, salt: [0; 8], writes };
    ranked.change = Change::new(ranked.change.header.clone(), vec![edit], &mut Seeded::new(7));
    tablet.journal.append(&ranked).await.unwrap();
    tablet.settle().await;
    assert_eq!(tablet.journal.kept().tray.len(), 0);
}

/// A call that somebody promised to make within ten minutes; after five more it is a supervisor's.
pub async fn promised(world: &World, tablet: &Tablet, at: Millis) -> RecordId {
    let call = tablet.new_record(world.now());
    save(world, tablet, "callback", call, &[("question", "几点关门".into()), ("promised_at", at.into())]).await;
    call
}

async fn told(world: &World) -> Vec<StaffId> {
    let house = world.ledger.house(world.organisation()).await.unwrap();
    let told = clock::tell(&*world.ledger, &house, world.now()).await.unwrap();
    told.into_iter().map(|(staff, _)| staff).collect()
}

async fn with_a_supervisor() -> (World, StaffId) {
    let world = World::new().await;
    let supervisor = fixture::staff(7);
    let (role, venue) = (Role::CsSupervisor, world.venue);
    let staff = Staff { id: supervisor, name: "吴珊".into(), role, venue, active: true };
    world.ledger.add_staff(world.organisation(), &staff, &keys::pin_hash(PIN)).await.unwrap();
    (world, supervisor)
}

#[tokio::test]
async fn a_task_that_goes_to_the_next_level_is_told_once_while_every_tablet_is_off() {
    let (world, supervisor) = with_a_supervisor().await;
    let tablet = world.tablet_of(3).await;
    promised(&world, &tablet, world.now()).await;
    assert_eq!(told(&world).await, []);
    world.pass(15 * MINUTE_MS);
    assert_eq!(told(&world).await, [], "not yet");
    world.pass(MINUTE_MS);
    // Several processes look at one moment, and again after a restart.
    let by = tokio::join!(told(&world), told(&world), told(&world));
    assert_eq!([by.0, by.1, by.2].concat(), [supervisor]);
    world.pass(MINUTE_MS);
    assert_eq!(told(&world).await, []);
}

#[tokio::test]
async fn what_was_done_or_put_off_in_time_is_told_to_nobody() {
    let (world, supervisor) = with_a_supervisor().await;
    let tablet = world.tablet_of(3).await;
    let begun = world.now();
    let (answered, ticked) = (promised(&world, &tablet, begun).await, promised(&world, &tablet, begun).await);
    let put_off = promised(&world, &tablet, begun).await;
    assert_eq!(told(&world).await, []);
    world.pass(12 * MINUTE_MS);
    save(&world, &tablet, "callback", answered, &[("answered_at", world.now().into())]).await;
    let of_task = |call: RecordId| task_id("T-043", call.bytes(), &begun.0.to_string());
    save(&world, &tablet, "task", of_task(ticked), &[("done_at", world.now().into())]).await;
    let later = world.now().plus(HOUR_MS);
    save(&world, &tablet, "task", of_task(put_off), &[("put_off_until", later.into())]).await;
    world.pass(4 * MINUTE_MS);
    assert_eq!(told(&world).await, []);
    world.pass(HOUR_MS + 2 * MINUTE_MS);
    assert_eq!(told(&world).await, [supervisor], "the one that was put off");
}

/// An endpoint that was off for a while tells what went on meanwhile. What had gone on before it heard of it is on Today.
#[tokio::test]
async fn what_went_on_while_nobody_looked_is_told_and_what_comes_late_is_not() {
    let (world, supervisor) = with_a_supervisor().await;
    let tablet = world.tablet_of(3).await;
    promised(&world, &tablet, world.now()).await;
    world.pass(30 * HOUR_MS);
    assert_eq!(told(&world).await, [supervisor]);
    let old = promised(&world, &tablet, world.now().plus(-HOUR_MS)).await;
    assert_eq!(told(&world).await, []);
    save(&world, &tablet, "callback", old, &[("question", "几点开门".into())]).await;
    assert_eq!(told(&world).await, []);
}

/// The manager hears of a fault that nobody has answered in four hours, and of one that is not mended in six with the clock's
/// own step, once.
#[tokio::test]
async fn what_goes_on_with_its_record_is_told_with_that() {
    let world = World::new().await;
    let manager = Staff {
        id: fixture::staff(6),
        name: "何静".into(),
        role: Role::StoreManager,
        venue: world.venue,
        active: true,
    };
    world.ledger.add_staff(world.organisation(), &manager, &keys::pin_hash(PIN)).await.unwrap();
    let tablet = world.tablet_of(3).await;
    let works = Audience::Circle(world.venue, circle::WORKS.into());
    let record = tablet.new_record(world.now());
    let fields = vec![
        ("equipment", tablet.new_record(world.now()).into()),
        ("description", "不转".into()),
        ("reported_at", world.now().into()),
    ];
    let step = Step { by: 3, kind: "fault", record, audience: &works, to: "reported", saw: &[], fields };
    step.save(&world, &tablet).await;
    tablet.settle().await;
    look(&world).await;
    assert_eq!(told(&world).await, []);
    world.pass(4 * HOUR_MS + MINUTE_MS);
    assert_eq!((look(&world).await.late.len(), told(&world).await), (0, vec![manager.id]));
    world.pass(2 * HOUR_MS);
    assert_eq!((look(&world).await.late.len(), told(&world).await), (1, vec![]));
}
