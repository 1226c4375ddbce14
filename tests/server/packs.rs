//! A club changes its pack: what is in force, what tablets take, and by what a change is judged.

use std::fs;

use yingke_core::{
    pack::{Pack, Packs, VenueKind, edition_of},
    value::Value,
    wire::v1::{Directory, PublishedPacks, Refusal, StepFault, Verdict, WireChange},
};
use yingke_server::{export, pack_check::Sources};

use crate::{
    process::{done, refused, serve},
    steps::Step,
    world::{Place, Tablet, World, push},
};

const FITNESS: &str = include_str!("../../public/packs/fitness.toml");
/// What a step asks for, and more.
const ASKED: &str = r#"by = ["consultant"], needs = ["filled(reason, reason_text)"]"#;
const ASKED_MORE: &str = r#"by = ["consultant"], needs = ["filled(reason, reason_text, card_no)"]"#;
/// What a workflow is called.
const REFUND: &str = "title = [\"退卡\", \"退會\", \"Refund\"]\nstates";
const LEAVING: &str = "title = [\"退会\", \"退會\", \"Leaving\"]\nstates";

/// The pack of fitness clubs as a next version, with one text in the place of another.
fn changed(version: u32, from: &str, to: &str) -> String {
    assert!(FITNESS.contains(from), "{from}");
    FITNESS.replacen("\nversion = 1\n", &format!("\nversion = {version}\n"), 1).replacen(from, to, 1)
}

async fn publish(world: &World, text: &str) {
    let written = Sources::shipped().newer(text, []).unwrap();
    assert!(world.ledger.publish_pack(world.organisation(), &written, world.now()).await.unwrap());
}

async fn directory(tablet: &Tablet) -> Directory {
    tablet.get("/v1/directory").await.json()
}

#[tokio::test]
async fn tablets_are_told_that_there_is_another_pack_and_read_it() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let before = directory(&tablet).await;
    assert_eq!(before.packs, "");
    assert_eq!(tablet.get("/v1/packs").await.json::<PublishedPacks>(), PublishedPacks::default());

    publish(&world, &changed(2, REFUND, LEAVING)).await;
    let after = directory(&tablet).await;
    assert_ne!((&after.packs, &after.version), (&before.packs, &before.version));
    let answer = tablet.push(&push(1, Vec::new())).await;
    assert_eq!(answer.directory, after.version, "a sync says so");
    let first: PublishedPacks = tablet.get("/v1/packs").await.json();
    assert_eq!(first.mark, after.packs);
    let read = first.read().unwrap();
    let title = |packs: &Packs| packs.work(VenueKind::Fitness).machine("SM-10").unwrap().title.en.to_string();
    assert_eq!((title(&read), title(Packs::shipped())), ("Leaving".into(), "Refund".into()));
    let version = |kind| (read.pack(kind).version, Pack::of(kind).version);
    assert_eq!((version(VenueKind::Fitness), version(VenueKind::Sports)), ((1_001, 1), (1_001, 1)));

    // The latest of each, and another mark with each.
    let common = Sources::shipped().get("core").unwrap().replacen("\nversion = 1\n", "\nversion = 5\n", 1);
    publish(&world, &common).await;
    publish(&world, &changed(3, REFUND, LEAVING)).await;
    let next: PublishedPacks = tablet.get("/v1/packs").await.json();
    assert_ne!(first.mark, next.mark);
    let mut versions: Vec<_> = next.packs.iter().map(|pack| (&*pack.key, pack.version)).collect();
    versions.sort_unstable();
    assert_eq!(versions, [("core", 5), ("fitness", 3)]);
    assert_eq!(edition_of(next.read().unwrap().pack(VenueKind::Sports).version), 3);

    // One of no higher version is not taken, whoever checked it against what was in force before.
    let late = Sources::shipped().newer(&changed(3, ASKED, ASKED_MORE), []).unwrap();
    assert!(!world.ledger.publish_pack(world.organisation(), &late, world.now()).await.unwrap());
    assert_eq!(tablet.get("/v1/packs").await.json::<PublishedPacks>(), next);
}

#[tokio::test]
async fn a_step_is_judged_by_the_pack_that_its_author_had() {
    let world = World::new().await;
    let (tablet, own) = (world.tablet_of(1).await, world.own(1));
    publish(&world, &changed(2, ASKED, ASKED_MORE)).await;
    let card = tablet.new_record(world.now());
    let refunds = [(1, false), (1_001, false), (1_001, true)].map(|how| (tablet.new_record(world.now()), how));
    let step = |record, to, saw, fields| Step { by: 1, kind: "refund", record, audience: &own, to, saw, fields };
    let mut asked = Vec::new();
    for (refund, _) in refunds {
        let fields = vec![("membership", card.into()), ("reason", Value::text("moved"))];
        asked.push([step(refund, "applied", &[], fields).save(&world, &tablet).await]);
    }
    tablet.settle().await;
    let taken_over = refunds.iter().zip(&asked).map(|((refund, (version, is_more)), saw)| {
        let mut fields = vec![("reason_text", "搬家".into())];
        fields.extend(is_more.then(|| ("card_no", "W01-7".into())));
        let mut ranked = step(*refund, "level1", saw, fields).with(&world, &tablet, Vec::new());
        ranked.change.header.pack = *version;
        WireChange::from(&ranked)
    });
    let pushed = push(world.changes_kept().await + 9, taken_over.collect());
    let answers = tablet.push(&pushed).await.verdicts;
    assert!(matches!(answers[0], Verdict::Accepted { .. }), "made before the pack was changed: {:?}", answers[0]);
    let Verdict::Refused { reason: Refusal::Step { why, names, .. }, .. } = &answers[1] else {
        panic!("{:?}", answers[1])
    };
    assert_eq!((*why, &**names), (StepFault::Missing, &["card_no".to_owned()][..]));
    assert!(matches!(answers[2], Verdict::Accepted { .. }), "{:?}", answers[2]);
}

#[tokio::test]
async fn a_field_that_a_club_adds_is_kept_and_comes_out_again() {
    let world = World::new().await;
    let (tablet, own) = (world.tablet_of(1).await, world.own(1));
    let asked = r#"{ key = "reason_text", label = ["原因说明""#;
    let added = r#"{ key = "own_plate", label = ["车牌", "車牌", "Plate"], type = "text(10)", required = "no" },
  { key = "own_locker", label = ["柜子押金", "櫃子押金", "Locker"], type = "money", required = "no" },
  "#;
    publish(&world, &changed(2, asked, &format!("{added}{asked}"))).await;
    let (refund, card) = (tablet.new_record(world.now()), tablet.new_record(world.now()));
    let fields = |plate: Value| {
        let rest = [("membership", card.into()), ("reason", Value::text("moved")), ("own_locker", 3_000.into())];
        rest.into_iter().chain([("own_plate", plate)]).collect()
    };
    let step = |plate| Step {
        by: 1,
        kind: "refund",
        record: refund,
        audience: &own,
        to: "applied",
        saw: &[],
        fields: fields(plate),
    };
    step("浙A12345".into()).save(&world, &tablet).await;
    tablet.settle().await;
    assert_eq!(tablet.journal.kept().tray.len(), 0);
    // One plain value, whatever somebody sends.
    let forged = step(Value::List(vec!["浙A12345".into()])).with(&world, &tablet, Vec::new());
    let pushed = push(world.changes_kept().await + 9, vec![WireChange::from(&forged)]);
    let verdict = tablet.push(&pushed).await.verdicts.remove(0);
    assert!(
        matches!(&verdict, Verdict::Refused { reason: Refusal::Invalid { field, .. }, .. } if field == "own_plate"),
        "{verdict:?}"
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("refunds.json");
    let house = world.ledger.house(world.organisation()).await.unwrap();
    assert_eq!(export::run(&*world.ledger, &house, "refund", &file).await.unwrap(), 1);
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!((&rows[0]["own_plate"], &rows[0]["own_locker"]), (&"浙A12345".into(), &"30.00".into()));
}

#[tokio::test]
async fn a_club_changes_its_pack_on_the_command_line() {
    let place = Place::new().await;
    let data = &place.data;
    done(&["init", "--organisation", "松风体育"], data).await;
    done(&["venue", "add", "--name", "未来店"], data).await;
    let code = done(&["device", "code", "--venue", "未来店"], data).await.lines().next().unwrap().to_owned();
    let (_child, address) = serve(data).await;
    let tablet = Tablet::enrol_with(address, &code).await;

    let file = place.path().join("own.toml");
    let file_name = file.to_str().unwrap();
    let text = done(&["pack", "show", "fitness"], data).await;
    assert_eq!(text, FITNESS);
    fs::write(&file, &text).unwrap();
    let said = refused(&["pack", "publish", file_name], data).await;
    assert!(said.contains(&format!("{file_name}:5: version 1 is not above 1, the one in force")), "{said}");
    fs::write(&file, changed(2, ASKED, "by = [\"consultant\"], needs = [\"filed(reason)\"]")).unwrap();
    let said = refused(&["pack", "publish", file_name], data).await;
    let line = FITNESS[..FITNESS.find(ASKED).unwrap()].lines().count();
    assert!(said.contains(&format!("own.toml:{line}: ")) && said.contains("there is no guard `filed`"), "{said}");
    assert_eq!(directory(&tablet).await.packs, "", "the one in force stays");
    refused(&["pack", "show", "cinema"], data).await;

    let own = changed(2, ASKED, ASKED_MORE);
    fs::write(&file, &own).unwrap();
    let said = done(&["pack", "publish", file_name], data).await;
    assert!(said.starts_with("fitness version 2: 20 forms of "), "{said}");
    assert_ne!(directory(&tablet).await.packs, "", "the program that runs knows it");
    assert_eq!(done(&["pack", "show", "fitness"], data).await, own);
    assert_eq!(done(&["pack", "show", "fitness", "--shipped"], data).await, FITNESS);
    let listed = done(&["pack", "list"], data).await;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines[0], "core: version 1, as it ships with the program");
    assert!(
        lines[1].starts_with("fitness: version 2, published 20")
            && lines[1].ends_with("version 1 ships with the program")
    );
    assert_eq!(lines[2], "sports: version 1, as it ships with the program");
    assert_eq!(lines[3], "Tablets show the club's edition 1.");
}
