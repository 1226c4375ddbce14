//! What somebody writes has to be theirs by the permission matrix, and what was signed stays as it is.

use yingke_core::{
    audience::Role,
    chance::Seeded,
    change::{Change, Edit, Key, Op, Ranked, Write},
    fixture,
    id::{DeviceNumber, RecordId},
    journal::Journal,
    typed::Signature,
    value::Value,
    wire::v1::{Refusal, Staff, Verdict, WireChange, Withheld, WriteFault},
};
use yingke_server::keys;

use crate::{
    steps::{Step, kept, states},
    world::{PIN, Tablet, World, push},
};

const CALLER: u8 = 6;

/// Somebody who calls guests, and so sees the consultants' guests and what belongs to them.
async fn with_caller(world: &World) -> Tablet {
    let (id, venue) = (fixture::staff(CALLER), world.venue);
    let caller = Staff { id, name: "许敏".into(), role: Role::CallOut, venue, active: true };
    world.ledger.add_staff(world.organisation(), &caller, &keys::pin_hash(PIN)).await.unwrap();
    world.tablet_of(CALLER).await
}

/// A price written to an agreement of a consultant and to nothing else, as a record of some kind.
fn priced(world: &World, tablet: &Tablet, by: u8, kind: &'static str, agreement: RecordId, fen: i64) -> Ranked {
    let own = world.own(1);
    let mut ranked = tablet.change(by, &own, agreement, world.now(), &[]);
    let writes = vec![Write { key: Key::of("deal_price"), op: Op::Latest(fen.into()) }];
    let edit = Edit { record: agreement, kind: Key::of(kind), audience: own, salt: [0; 8], writes };
    ranked.change = Change::new(ranked.change.header.clone(), vec![edit], &mut Seeded::new(11));
    ranked
}

fn withheld(world: &World, agreement: RecordId, why: WriteFault) -> Refusal {
    let what = Withheld { record: agreement, kind: "agreement".into(), field: "deal_price".into(), why };
    Refusal::NotAllowed { audience: world.own(1).to_string(), what: Some(what) }
}

#[tokio::test]
async fn a_price_is_its_consultants_until_it_is_signed_and_never_a_callers() {
    let world = World::new().await;
    let (lin, caller, own) = (world.tablet_of(1).await, with_caller(&world).await, world.own(1));
    let agreement = lin.new_record(world.now());
    let step = |to, saw, fields| Step { by: 1, kind: "agreement", record: agreement, audience: &own, to, saw, fields };
    let consultant = ("consultant", Value::from(fixture::staff(1).to_string()));
    let drafted = step("draft", &[], vec![consultant, ("deal_price", 360_000.into())]).save(&world, &lin).await;
    lin.settle().await;
    let price = async || kept(&world, agreement).await.get("deal_price").and_then(Value::as_int);

    // The caller's other work is taken.
    let before = world.changes_kept().await;
    let cheaper = priced(&world, &caller, CALLER, "agreement", agreement, 1);
    let good = caller.change(CALLER, &world.desk(), caller.new_record(world.now()), world.now(), &[("name", "好")]);
    let answer = caller.push(&push(1, [&cheaper, &good].map(WireChange::from).to_vec())).await;
    let reason = withheld(&world, agreement, WriteFault::NotYours);
    assert_eq!(answer.verdicts[0], Verdict::Refused { id: cheaper.change.id(), reason });
    assert!(matches!(answer.verdicts[1], Verdict::Accepted { had: false, .. }));
    assert_eq!(world.changes_kept().await, before + 1);
    assert_eq!(price().await, Some(360_000));
    // A note among the house's affairs that is the agreement by its id is the agreement.
    let renamed = priced(&world, &caller, CALLER, "task", agreement, 1);
    let answer = caller.push(&push(2, vec![WireChange::from(&renamed)])).await;
    assert!(matches!(&answer.verdicts[0], Verdict::Refused { reason: Refusal::NotAllowed { what: Some(_), .. }, .. }));

    let lower = priced(&world, &lin, 1, "agreement", agreement, 340_000);
    lin.journal.append(&lower).await.unwrap();
    lin.settle().await;
    assert_eq!(price().await, Some(340_000));

    let image = "a".repeat(64).into();
    let (role, device) = ("member".into(), DeviceNumber(1));
    let signature = Signature { image, signer: "李娜".into(), role, at: world.now(), device };
    let fields = vec![
        ("member_name", "李娜".into()),
        ("id_no", "110***********002X".into()),
        ("mobile", "+8613800138000".into()),
        ("emergency_name", "王强".into()),
        ("emergency_phone", "+8613900139000".into()),
        ("product", lin.new_record(world.now()).into()),
        ("rules_explained", true.into()),
        ("member_sign", signature.value()),
    ];
    let saw = [drafted];
    step("awaiting_payment", &saw, fields).save(&world, &lin).await;
    lin.settle().await;
    assert_eq!(states(&kept(&world, agreement).await), ["awaiting_payment"]);
    assert!(lin.journal.kept().tray.is_empty());

    let later = priced(&world, &lin, 1, "agreement", agreement, 1);
    lin.journal.append(&later).await.unwrap();
    lin.settle().await;
    let tray = lin.journal.kept().tray;
    assert_eq!(tray.len(), 1);
    assert_eq!(
        (tray[0].0.change.id(), &tray[0].1),
        (later.change.id(), &withheld(&world, agreement, WriteFault::Signed))
    );
    assert_eq!(price().await, Some(340_000));
}

#[test]
fn a_tablet_of_before_reads_the_refusal_as_the_one_that_it_knows() {
    let audience = "desk:01000000000000000000000001".to_owned();
    let (record, kind, field) = (RecordId::from_bytes(fixture::id_bytes(1)), "agreement".into(), "deal_price".into());
    let what = Some(Withheld { record, kind, field, why: WriteFault::Signed });
    let told = serde_json::to_string(&Refusal::NotAllowed { audience: audience.clone(), what }).unwrap();
    let expected = r#"{"code":"not_allowed","audience":"desk:01000000000000000000000001","what":{"record":"01000000000000000000000001","kind":"agreement","field":"deal_price","why":"signed"}}"#;
    assert_eq!(told, expected);
    let before = serde_json::to_string(&Refusal::NotAllowed { audience: audience.clone(), what: None }).unwrap();
    assert_eq!(before, format!(r#"{{"code":"not_allowed","audience":"{audience}"}}"#));
    assert_eq!(serde_json::from_str::<Refusal>(&before).unwrap(), Refusal::NotAllowed { audience, what: None });
}
