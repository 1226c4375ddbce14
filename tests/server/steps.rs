//! Steps of a record's workflow: the endpoint takes those that its author could take from what they saw, and no others.

use std::collections::BTreeMap;

use yingke_core::{
    audience::Audience,
    chance::Seeded,
    change::{Change, Edit, Key, Op, Ranked, Write},
    fixture,
    id::{ChangeId, RecordId},
    journal::Journal,
    record::Record,
    schema,
    time::DAY_MS,
    value::Value,
    wire::v1::{Refusal, StepFault, Verdict, WireChange},
    workflow::PROGRESS,
};

use crate::world::{Tablet, World, push};

/// A step to a state by one of the staff, from the writes that they saw, with fields of the record.
pub struct Step<'a> {
    pub by: u8,
    pub kind: &'static str,
    pub record: RecordId,
    pub audience: &'a Audience,
    pub to: &'static str,
    pub saw: &'a [ChangeId],
    pub fields: Vec<(&'static str, Value)>,
}

impl Step<'_> {
    fn edit(&self, world: &World) -> Edit {
        let by = fixture::staff(self.by).to_string();
        let group: BTreeMap<Key, Value> = [("state", self.to.into()), ("by", by.into()), ("at", world.now().into())]
            .into_iter()
            .map(|(key, value): (_, Value)| (Key::of(key), value))
            .collect();
        let mut writes = vec![schema::write_group(self.kind, PROGRESS, group, self.saw.to_vec())];
        writes.extend(self.fields.iter().map(|(key, value)| schema::write(self.kind, key, value.clone())));
        let (kind, audience) = (Key::of(self.kind), self.audience.clone());
        Edit { record: self.record, kind, audience, salt: [0; 8], writes }
    }

    /// The step, and other edits that are saved with it.
    pub fn with(&self, world: &World, tablet: &Tablet, more: Vec<Edit>) -> Ranked {
        let mut ranked = tablet.change(self.by, self.audience, self.record, world.now(), &[]);
        let edits = [self.edit(world)].into_iter().chain(more).collect();
        ranked.change = Change::new(ranked.change.header.clone(), edits, &mut Seeded::new(7));
        ranked
    }

    pub async fn save(&self, world: &World, tablet: &Tablet) -> ChangeId {
        let ranked = self.with(world, tablet, Vec::new());
        tablet.journal.append(&ranked).await.unwrap();
        ranked.change.id()
    }
}

pub async fn kept(world: &World, record: RecordId) -> Record {
    let all = world.ledger.records(world.organisation(), None, None, 100).await.unwrap();
    all.into_iter().find(|other| other.id == record).unwrap()
}

pub fn states(record: &Record) -> Vec<String> {
    let state = |values: &BTreeMap<Key, Value>| values["state"].as_text().unwrap().to_owned();
    record.heads(PROGRESS).iter().map(|head| state(&head.values)).collect()
}

#[tokio::test]
async fn a_consultant_cannot_approve_a_refund_and_the_rest_of_the_push_is_taken() {
    let world = World::new().await;
    let (tablet, own) = (world.tablet_of(1).await, world.own(1));
    let (refund, card, guest) =
        (tablet.new_record(world.now()), tablet.new_record(world.now()), tablet.new_record(world.now()));
    let reason = Value::text("moved");
    let step = |to, saw, fields| Step { by: 1, kind: "refund", record: refund, audience: &own, to, saw, fields };
    let mut asked = step("applied", &[], vec![("membership", card.into())]);
    asked.fields.push(("reason", reason));
    let applied = asked.save(&world, &tablet).await;
    let saw = [applied];
    let level1 = step("level1", &saw, vec![("reason_text", "搬家".into())]).save(&world, &tablet).await;
    tablet.settle().await;
    assert_eq!(tablet.journal.kept().tray.len(), 0);
    assert_eq!(states(&kept(&world, refund).await), ["level1"]);

    let before = world.changes_kept().await;
    let saw = [level1];
    let approval = step("approved_refund", &saw, vec![("level4_result", "refund".into()), ("final_amount", 1.into())]);
    let note = Write { key: Key::of("note"), op: Op::Latest("骗人".into()) };
    let along =
        Edit { record: guest, kind: Key::of("person"), audience: own.clone(), salt: [0; 8], writes: vec![note] };
    let forged = approval.with(&world, &tablet, vec![along]);
    let climbed = step("level2", &saw, vec![("level1_result", "escalated".into())]).with(&world, &tablet, Vec::new());
    let good = tablet.change(1, &own, tablet.new_record(world.now()), world.now(), &[("name", "好")]);
    let pushed = [&forged, &climbed, &good].map(WireChange::from).to_vec();
    let answer = tablet.push(&push(before + 9, pushed)).await;
    let refused = |to: &str, why, names: &[&str]| Refusal::Step {
        record: refund,
        kind: "refund".into(),
        to: to.into(),
        why,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let no_step = refused("approved_refund", StepFault::NotFrom, &["level1"]);
    assert_eq!(answer.verdicts[0], Verdict::Refused { id: forged.change.id(), reason: no_step });
    let not_theirs = refused("level2", StepFault::NotYours, &["cs_supervisor"]);
    assert_eq!(answer.verdicts[1], Verdict::Refused { id: climbed.change.id(), reason: not_theirs });
    assert!(matches!(answer.verdicts[2], Verdict::Accepted { had: false, .. }));

    assert_eq!(world.changes_kept().await, before + 1);
    let all = world.ledger.records(world.organisation(), None, None, 100).await.unwrap();
    assert!(!all.iter().any(|record| record.id == guest), "nothing of a forged save is kept");
    assert_eq!(states(&kept(&world, refund).await), ["level1"]);
}

#[tokio::test]
async fn two_desks_that_act_on_one_record_end_in_a_conflict_and_neither_is_refused() {
    let world = World::new().await;
    let (one, other) = (world.tablet_of(3).await, world.tablet_of(3).await);
    let desk = world.desk();
    let deposit = one.new_record(world.now());
    let step = |to, saw, fields| Step { by: 3, kind: "deposit", record: deposit, audience: &desk, to, saw, fields };
    let taken = step("held", &[], vec![("amount", 10_000.into())]).save(&world, &one).await;
    one.settle().await;
    other.settle().await;
    // Neither sees what the other does; the second goes on from a write that is replaced by the time it arrives.
    let saw = [taken];
    let refunded = step("refunded", &saw, vec![("refunded_amount", 10_000.into())]).save(&world, &one).await;
    let charges = Value::List(vec!["lost_card".into()]);
    let proposed = step("deduction_proposed", &saw, vec![("deductions", charges)]).save(&world, &other).await;
    // And further on from that, before anybody has answered.
    let saw_own = [proposed];
    let settled = step("settled", &saw_own, vec![]);
    let unsigned = settled.save(&world, &other).await;
    for tablet in [&one, &other, &one] {
        tablet.settle().await;
    }
    assert_eq!(states(&kept(&world, deposit).await), ["refunded", "deduction_proposed"]);
    assert!(kept(&world, deposit).await.conflicts().any(|key| key.as_str() == PROGRESS));
    let tray = other.journal.kept().tray;
    assert!(one.journal.kept().tray.is_empty());
    assert_eq!(tray.len(), 1, "only what misses the signature");
    assert_eq!(tray[0].0.change.id(), unsigned);
    assert!(matches!(&tray[0].1, Refusal::Step { why: StepFault::Missing, names, .. } if names == &["customer_sign"]));

    // Naming the write that was replaced beside the one that did it makes nothing of the older state.
    world.pass(DAY_MS);
    let saw_both = [taken, refunded];
    let again = step("deduction_proposed", &saw_both, vec![]).with(&world, &one, Vec::new());
    let answer = one.push(&push(1_000, vec![WireChange::from(&again)])).await;
    let Verdict::Refused { reason: Refusal::Step { why, names, .. }, .. } = &answer.verdicts[0] else {
        panic!("{answer:?}")
    };
    assert_eq!((*why, &**names), (StepFault::NotFrom, &["refunded".to_owned()][..]));
}

#[tokio::test]
async fn somebody_elses_guest_is_somebody_elses_to_go_on_with() {
    let world = World::new().await;
    let (lin, desk) = (world.tablet_of(1).await, world.tablet_of(3).await);
    let own = world.own(1);
    let (guest, offer) = (lin.new_record(world.now()), lin.new_record(world.now()));
    let mut person = lin.change(1, &own, guest, world.now(), &[("name", "李娜")]);
    let owner = schema::write("person", "owner", fixture::staff(1).to_string());
    let edits = person.change.edits().cloned().map(|mut edit| {
        edit.writes.push(owner.clone());
        edit
    });
    person.change = Change::new(person.change.header.clone(), edits.collect(), &mut Seeded::new(3));
    lin.journal.append(&person).await.unwrap();
    let step = |by, to, saw, fields| Step { by, kind: "opportunity", record: offer, audience: &own, to, saw, fields };
    let opened = step(1, "open", &[], vec![("person", guest.into())]).save(&world, &lin).await;
    lin.settle().await;
    desk.settle().await;
    let saw = [opened];
    let product = || vec![("product", lin.new_record(world.now()).into())];
    step(3, "proposed", &saw, product()).save(&world, &desk).await;
    step(1, "proposed", &saw, product()).save(&world, &lin).await;
    desk.settle().await;
    lin.settle().await;
    assert!(lin.journal.kept().tray.is_empty());
    let tray = desk.journal.kept().tray;
    assert!(matches!(&tray[0].1, Refusal::Step { why: StepFault::NotYours, names, .. } if names == &["owner"]));
    assert_eq!(states(&kept(&world, offer).await), ["proposed"]);
}
