//! Two tablets and an endpoint: what one saves, the other gets, and nobody gets what is not theirs.

use std::collections::BTreeMap;

use yingke_core::{
    audience::{Audience, Role},
    change::Ranked,
    codec, fixture,
    sync::{Trouble, TurnError},
    time::{DAY_MS, HOUR_MS, Millis},
    value::Value,
    wire::v1::{Answer, Push, Refusal, SealedChange, Staff, StreamMark, Verdict, WireChange, WireSlot, base64_bytes},
};
use yingke_server::sealed;

use crate::world::{Tablet, World, push};

#[tokio::test]
async fn what_one_tablet_saves_the_other_gets() {
    let world = World::new().await;
    let (one, other) = (world.tablet_of(1).await, world.tablet_of(1).await);
    let (person, audience) = (one.new_record(world.now()), world.own(1));
    one.save(1, &audience, person, world.now(), &[("name", "李娜"), ("phone", "+8613800138000")]).await;
    one.settle().await;
    other.settle().await;
    // Both edit different fields without seeing each other, then meet.
    one.save(1, &audience, person, world.now(), &[("note", "下班后来")]).await;
    other.save(1, &audience, person, world.now(), &[("intent", "B"), ("name", "李娜娜")]).await;
    for tablet in [&one, &other, &one] {
        tablet.settle().await;
    }
    for tablet in [&one, &other] {
        let value = |key| tablet.value(&audience, person, key);
        assert_eq!(value("note"), Some(Value::text("下班后来")));
        assert_eq!(value("intent"), Some(Value::text("B")));
        assert_eq!(value("name"), Some(Value::text("李娜娜")));
    }
    assert_eq!(one.records(&audience), other.records(&audience));
    let kept = world.ledger.records(world.organisation(), None, None, 10).await.unwrap();
    assert_eq!(kept.len(), 1, "each person once");
    assert_eq!(codec::record_bytes(&kept[0]), one.records(&audience)[&person]);
    assert_eq!(world.changes_kept().await, 3);
}

#[tokio::test]
async fn nobody_gets_what_is_not_theirs() {
    let world = World::new().await;
    let (lin, zhou, desk) = (world.tablet_of(1).await, world.tablet_of(2).await, world.tablet_of(3).await);
    for (tablet, staff) in [(&lin, 1), (&zhou, 2)] {
        let person = tablet.new_record(world.now());
        tablet.save(staff, &world.own(staff), person, world.now(), &[("name", "李娜")]).await;
        tablet.settle().await;
    }
    // One change for two audiences: each reader gets their part and the hash of the rest.
    let (own, at_desk) = (lin.new_record(world.now()), lin.new_record(world.now()));
    let mut change = lin.change(1, &world.own(1), own, world.now(), &[("name", "王芳")]);
    let edits = [(world.own(1), own), (world.desk(), at_desk)].map(|(audience, record)| {
        let edit = change.change.edits().next().unwrap().clone();
        yingke_core::change::Edit { audience, record, ..edit }
    });
    change.change = yingke_core::change::Change::new(
        change.change.header.clone(),
        edits.into(),
        &mut yingke_core::chance::Seeded::new(5),
    );
    yingke_core::journal::Journal::append(&lin.journal, &change).await.unwrap();
    for tablet in [&lin, &zhou, &desk] {
        tablet.settle().await;
    }
    let seen = |tablet: &Tablet| {
        let kept = tablet.journal.kept();
        let audiences = kept.accepted.iter().flat_map(|change| change.change.edits().map(|edit| edit.audience.clone()));
        audiences.collect::<std::collections::BTreeSet<_>>()
    };
    // A consultant's own change was theirs before it was sent, so the desk's part is looked at in what another tablet of
    // the same person pulls.
    let lin_again = world.tablet_of(1).await;
    lin_again.settle().await;
    let pulled = lin_again.journal.kept().accepted.into_iter();
    let pulled = pulled.filter(|change| !change.change.is_whole()).collect::<Vec<_>>();
    assert!(pulled.iter().all(|change| change.change.edits().all(|edit| edit.audience == world.own(1))));
    assert_eq!(pulled.len(), 1);
    assert_eq!(pulled[0].change.hash(), change.change.hash());
    assert_eq!(seen(&zhou), [world.own(2)].into());
    assert_eq!(seen(&desk), [world.own(1), world.own(2), world.desk()].into());
    let streams = desk.journal.kept().since;
    assert_eq!(streams[&world.own(3)].count, 0, "nothing was ever written there, and it says so");
    assert!(!streams.contains_key(&world.own(5)), "another venue");
}

#[tokio::test]
async fn without_a_person_a_tablet_pushes_and_pulls_nothing() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let person = tablet.new_record(world.now());
    tablet.save(1, &world.own(1), person, world.now(), &[("name", "李娜")]).await;
    let news = tablet.turn().await.unwrap();
    assert_eq!((news.accepted.len(), news.pulled.len(), news.streams.len()), (1, 0, 0));
    let answer = tablet.push(&push(9, Vec::new())).await;
    assert_eq!((answer.page, answer.server_time, answer.epoch.as_str()), (None, world.now(), "e1"));
    assert!(!answer.directory.is_empty());
}

async fn verdict_on(world: &World, tablet: &Tablet, change: WireChange) -> Refusal {
    let good = tablet.change(1, &world.own(1), tablet.new_record(world.now()), world.now(), &[("name", "好")]);
    let before = world.changes_kept().await;
    let counter = before + 1;
    let answer = tablet.push(&push(counter, vec![change.clone(), WireChange::from(&good)])).await;
    assert!(matches!(answer.verdicts[1], Verdict::Accepted { had: false, .. }), "one bad change holds up nobody");
    assert_eq!(world.changes_kept().await, before + 1);
    let Verdict::Refused { id, reason } = &answer.verdicts[0] else { panic!("{answer:?}") };
    assert_eq!(*id, change.id);
    reason.clone()
}

#[tokio::test]
async fn a_bad_change_is_refused_with_its_reason_and_others_are_taken() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let record = tablet.new_record(world.now());
    let good = || WireChange::from(&tablet.change(1, &world.own(1), record, world.now(), &[("name", "李娜")]));
    let check = async |alter: &dyn Fn(&mut WireChange)| {
        let mut change = good();
        alter(&mut change);
        verdict_on(&world, &tablet, change).await
    };
    let other = yingke_core::id::OrganisationId::from_bytes([3; 16]);
    assert_eq!(check(&|change| change.organisation = other).await, Refusal::WrongOrganisation);
    assert_eq!(check(&|change| change.author = fixture::staff(77)).await, Refusal::UnknownAuthor);
    assert_eq!(check(&|change| change.author = fixture::staff(4)).await, Refusal::UnknownAuthor);
    let into = |audience: Audience| {
        move |change: &mut WireChange| {
            let WireSlot::Shown(edit) = &mut change.edits[0] else { panic!() };
            edit.audience = audience.clone();
        }
    };
    for audience in [
        world.own(2),
        world.own(5),
        Audience::Desk(world.elsewhere),
        Audience::Desk(yingke_core::id::VenueId::from_bytes([9; 16])),
        Audience::Own(world.venue, fixture::staff(77)),
        Audience::Circle(world.venue, "kitchen".into()),
    ] {
        let expected = Refusal::NotAllowed { audience: audience.to_string(), what: None };
        assert_eq!(check(&into(audience)).await, expected);
    }
    let malformed = |reason: Refusal| matches!(reason, Refusal::Malformed { .. });
    assert!(malformed(check(&|change| change.edits.clear()).await));
    assert!(malformed(check(&|change| change.edits[0] = WireSlot::Hidden { hash: "0".repeat(64) }).await));
    let field = |key: &'static str, value: &'static str| {
        move |change: &mut WireChange| {
            let WireSlot::Shown(edit) = &mut change.edits[0] else { panic!() };
            edit.latest.insert(yingke_core::change::Key::of(key), yingke_core::wire::v1::Value::Text(value.into()));
        }
    };
    for (key, value) in [("phone", "12"), ("name", "好😀"), ("stage", "elsewhere"), ("birth_date", "gestern")] {
        let reason = check(&field(key, value)).await;
        assert!(matches!(&reason, Refusal::Invalid { field, .. } if field == key), "{key}: {reason:?}");
    }
    let long = "长".repeat(30_000);
    let grow = |change: &mut WireChange| {
        let WireSlot::Shown(edit) = &mut change.edits[0] else { panic!() };
        let key = yingke_core::change::Key::of("from_a_later_version");
        edit.latest.insert(key, yingke_core::wire::v1::Value::Text(long.as_str().into()));
    };
    assert!(malformed(check(&grow).await));
}

#[tokio::test]
async fn a_field_of_a_later_version_is_kept_and_passed_on() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let record = tablet.new_record(world.now());
    let mut change = WireChange::from(&tablet.change(1, &world.own(1), record, world.now(), &[]));
    let WireSlot::Shown(edit) = &mut change.edits[0] else { panic!() };
    let key = yingke_core::change::Key::of("from_a_later_version");
    edit.latest.insert(key.clone(), yingke_core::wire::v1::Value::Text("甲".into()));
    let answer = tablet.push(&push(1, vec![change.clone()])).await;
    let page = answer.page.unwrap();
    assert_eq!(page.changes[0].change, change);
}

#[tokio::test]
async fn a_change_that_cannot_be_read_fails_alone() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let change = |name: &str| {
        let ranked = tablet.change(1, &world.own(1), tablet.new_record(world.now()), world.now(), &[("name", name)]);
        serde_json::to_value(WireChange::from(&ranked)).unwrap()
    };
    let (one, mut bad, two) = (change("甲"), change("乙"), change("丙"));
    let bad_id = bad["id"].clone();
    bad["author"] = 7.into();
    let body = serde_json::json!({ "version": 1, "push_counter": 1, "changes": [one, bad, two] });
    let reply = tablet.push_raw(body.to_string().as_bytes()).await;
    let answer: Answer = reply.json();
    let taken: Vec<bool> = answer.verdicts.iter().map(|verdict| matches!(verdict, Verdict::Accepted { .. })).collect();
    assert_eq!(taken, [true, false, true]);
    let Verdict::Refused { id, reason: Refusal::Malformed { .. } } = &answer.verdicts[1] else { panic!("{answer:?}") };
    assert_eq!(serde_json::to_value(id).unwrap(), bad_id);
    // Without an id there is nothing to answer by.
    let mut nameless = change("丁");
    nameless["id"] = "x".into();
    let body = serde_json::json!({ "version": 1, "push_counter": 2, "changes": [change("戊"), nameless] });
    assert_eq!(tablet.push_raw(body.to_string().as_bytes()).await.problem(), (400, "malformed".into()));
    assert_eq!(world.changes_kept().await, 2);
}

#[tokio::test]
async fn the_same_id_with_other_content_is_refused() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let record = tablet.new_record(world.now());
    let first = WireChange::from(&tablet.change(1, &world.own(1), record, world.now(), &[("name", "李娜")]));
    let mut other = WireChange::from(&tablet.change(1, &world.own(1), record, world.now(), &[("name", "王芳")]));
    other.id = first.id;
    tablet.push(&push(1, vec![first.clone()])).await;
    let answer = tablet.push(&push(2, vec![other, first])).await;
    assert!(matches!(answer.verdicts[0], Verdict::Refused { reason: Refusal::Different, .. }));
    assert!(matches!(answer.verdicts[1], Verdict::Accepted { had: true, number: 1, .. }));
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_and_poisons_nothing() {
    let world = World::new().await;
    for wrong in [Millis(4_070_908_800_000), Millis(86_400_000)] {
        let (lost, right) = (world.tablet_of(1).await, world.tablet_of(1).await);
        let (person, audience) = (lost.new_record(wrong), world.own(1));
        lost.save(1, &audience, person, wrong, &[("name", "先")]).await;
        lost.save(1, &audience, person, wrong, &[("name", "后")]).await;
        let news = lost.turn().await.unwrap();
        assert_eq!(news.server_time, world.now());
        for accepted in &news.accepted {
            let off = accepted.stamp.millis().since(world.now()).abs();
            assert!(off < 1_000, "corrected to the endpoint's time, not {off} ms away");
        }
        right.settle().await;
        assert_eq!(right.value(&audience, person, "name"), Some(Value::text("后")), "in the order they were made");
        right.save(1, &audience, person, world.now(), &[("name", "看过之后")]).await;
        right.settle().await;
        lost.settle().await;
        assert_eq!(lost.value(&audience, person, "name"), Some(Value::text("看过之后")), "a later edit wins");
        assert_eq!(lost.records(&audience), right.records(&audience));
        world.findings().await;
    }
}

#[tokio::test]
async fn a_copied_tablet_is_noticed_and_keeps_nothing() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let change = |name| {
        WireChange::from(&tablet.change(
            1,
            &world.own(1),
            tablet.new_record(world.now()),
            world.now(),
            &[("name", name)],
        ))
    };
    tablet.push(&push(7, vec![change("甲")])).await;
    let again = tablet.push(&push(7, vec![change("乙")])).await;
    assert!(matches!(again.verdicts[0], Verdict::Accepted { .. }), "the same counter is a retry");
    for changes in [vec![change("丙")], Vec::new()] {
        let body = serde_json::to_vec(&push(6, changes)).unwrap();
        assert_eq!(tablet.push_raw(&body).await.problem(), (409, "cloned".into()));
    }
    assert_eq!(world.changes_kept().await, 2);
}

#[tokio::test]
async fn what_was_made_after_a_corrected_change_ranks_after_it() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let record = tablet.new_record(world.now());
    let change = |at: Millis| tablet.change(1, &world.own(1), record, at, &[("name", "李娜")]);
    // A clock at its beginning; then it was set right, an hour before there was a network.
    let [first, second, third] = [Millis(0), world.now().plus(-HOUR_MS), world.now().plus(-HOUR_MS)].map(change);
    let rank = |answer: &Answer, change: &Ranked| {
        let of_it = |verdict: &&Verdict| verdict.id() == change.change.id();
        match answer.verdicts.iter().find(of_it) {
            Some(Verdict::Accepted { stamp, .. }) => *stamp,
            other => panic!("{other:?}"),
        }
    };
    let wire = |change: &Ranked| WireChange::from(change);
    let answer = tablet.push(&push(1, vec![wire(&first)])).await;
    let corrected = rank(&answer, &first);
    assert!(corrected > second.stamp && second.stamp < third.stamp);
    // Its verdict was lost, so it comes again; and in another order than it was made.
    let answer = tablet.push(&push(2, vec![wire(&second), wire(&first)])).await;
    assert_eq!(rank(&answer, &first), corrected);
    let after = rank(&answer, &second);
    assert!(after > corrected);
    assert_eq!(answer.verdicts[0].id(), second.change.id());
    // Its verdict was heard, and the tablet says so.
    let answer = tablet.push(&Push { corrected: Some(after), ..push(3, vec![wire(&third)]) }).await;
    assert!(rank(&answer, &third) > after);
}

#[tokio::test]
async fn a_sealed_change_is_opened_and_taken_like_any_other() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let recovery = p256::PublicKey::from_sec1_bytes(&base64_bytes(&tablet.enrolled.recovery_key).unwrap()).unwrap();
    let record = tablet.new_record(world.now());
    let seal = |author: u8, nonce: u8| -> SealedChange {
        let change = tablet.change(author, &world.own(1), record, world.now(), &[("name", "李娜")]);
        let ephemeral = p256::SecretKey::from_slice(&[nonce; 32]).unwrap();
        sealed::Sealer::new(&recovery, &ephemeral).seal(world.organisation(), &change, [nonce; 12])
    };
    let (good, not_allowed, mut altered) = (seal(1, 1), seal(2, 2), seal(1, 3));
    altered.author = fixture::staff(2);
    let push = Push { sealed: vec![altered, not_allowed, good.clone()], ..push(1, Vec::new()) };
    let answer = tablet.push(&push).await;
    assert!(matches!(answer.verdicts[0], Verdict::Refused { reason: Refusal::Malformed { .. }, .. }));
    assert!(matches!(answer.verdicts[1], Verdict::Refused { reason: Refusal::NotAllowed { .. }, .. }));
    assert!(matches!(answer.verdicts[2], Verdict::Accepted { id, number: 1, .. } if id == good.id));
    assert_eq!(world.findings().await.records, 1);
}

#[tokio::test]
async fn pages_are_bounded_and_prove_themselves() {
    let world = World::new().await;
    let (writer, reader) = (world.tablet_of(1).await, world.tablet_of(3).await);
    for _ in 0..2_300 {
        let person = writer.new_record(world.now());
        writer.save(1, &world.own(1), person, world.now(), &[("name", "李娜")]).await;
    }
    writer.settle().await;
    let mut pages = Vec::new();
    loop {
        let news = reader.turn().await.unwrap();
        pages.push(news.pulled.len());
        if !news.more {
            break;
        }
    }
    assert_eq!(pages, [1_000, 1_000, 300]);
    assert_eq!(reader.records(&world.own(1)), writer.records(&world.own(1)));
}

#[tokio::test]
async fn a_revoked_tablet_and_somebody_who_left_are_shut_out() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    tablet.settle().await;
    world.ledger.disable_staff(world.organisation(), fixture::staff(1), world.now()).await.unwrap();
    assert_eq!(tablet.turn().await, Err(TurnError::Endpoint(Trouble::SignIn)));
    assert_eq!(tablet.try_sign_in(fixture::staff(1), crate::world::PIN).await.problem(), (403, "pin".into()));
    world.ledger.revoke(world.organisation(), tablet.device(), world.now()).await.unwrap();
    assert_eq!(tablet.turn().await, Err(TurnError::Endpoint(Trouble::Revoked)));
}

/// Work that was done before somebody left, or went to another venue, is still on its way then.
#[tokio::test]
async fn what_somebody_did_before_they_left_or_moved_is_judged_by_what_they_were() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let make = |staff: u8, name: &str| {
        let record = tablet.new_record(world.now());
        WireChange::from(&tablet.change(staff, &world.own(staff), record, world.now(), &[("name", name)]))
    };
    let organisation = world.organisation();
    let (by_leaver, by_mover) = ([make(1, "甲"), make(1, "乙")], make(2, "丙"));
    world.pass(HOUR_MS);
    let moved = world.ledger.house(organisation).await.unwrap().staff[&fixture::staff(2)].clone();
    let moved = Staff { venue: world.elsewhere, ..moved };
    world.ledger.disable_staff(organisation, fixture::staff(1), world.now()).await.unwrap();
    world.ledger.change_staff(organisation, &moved, world.now()).await.unwrap();
    world.pass(HOUR_MS);
    // The one tablet goes on offline, and so does what is said there in their name.
    let (after_leaving, after_moving) = (make(1, "丁"), make(2, "戊"));
    let [first, last] = by_leaver;
    let answer = tablet.push(&push(1, vec![first, by_mover, after_leaving, after_moving])).await;
    let refused = |verdict: &Verdict| match verdict {
        Verdict::Refused { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    let verdicts: Vec<_> = answer.verdicts.iter().map(refused).collect();
    let not_allowed = Refusal::NotAllowed { audience: world.own(2).to_string(), what: None };
    assert_eq!(verdicts, [None, None, Some(Refusal::UnknownAuthor), Some(not_allowed)]);
    // Once they work there again, what was refused in between is taken.
    let again = make(2, "己");
    let back = Staff { venue: world.venue, ..moved };
    assert!(matches!(tablet.push(&push(5, vec![again.clone()])).await.verdicts[0], Verdict::Refused { .. }));
    world.pass(HOUR_MS);
    world.ledger.change_staff(organisation, &back, world.now()).await.unwrap();
    assert!(matches!(tablet.push(&push(6, vec![again])).await.verdicts[0], Verdict::Accepted { .. }));
    // Not for ever.
    world.pass(15 * DAY_MS);
    let answer = tablet.push(&push(9, vec![last])).await;
    assert_eq!(refused(&answer.verdicts[0]), Some(Refusal::UnknownAuthor));
    assert_eq!(world.changes_kept().await, 3);
}

/// F14: saving goes on all the while, and sending once the person has signed in again.
#[tokio::test]
async fn a_credential_runs_out_and_what_was_saved_is_sent_after_the_next() {
    let world = World::new().await;
    let mut tablet = world.tablet_of(1).await;
    world.pass(37 * DAY_MS);
    for name in ["李娜", "王芳"] {
        tablet.save(1, &world.own(1), tablet.new_record(world.now()), world.now(), &[("name", name)]).await;
        assert_eq!(tablet.turn().await, Err(TurnError::Endpoint(Trouble::SignIn)));
    }
    assert_eq!((world.changes_kept().await, tablet.journal.kept().tail.len()), (0, 2));
    tablet.sign_in(1).await;
    tablet.settle().await;
    assert_eq!((world.changes_kept().await, tablet.journal.kept().tail.len()), (2, 0));
}

/// F7: what is refused waits with its reason, and holds up nobody.
#[tokio::test]
async fn of_a_thousand_changes_the_good_ones_arrive_and_the_bad_ones_wait() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let mut forbidden = std::collections::BTreeSet::new();
    let mut invalid = std::collections::BTreeSet::new();
    for number in 0..1_000 {
        let record = tablet.new_record(world.now());
        let fields = |phone: &'static str| [("name", "李娜"), ("phone", phone)];
        match number % 100 {
            3 => {
                forbidden.insert(tablet.save(1, &world.own(2), record, world.now(), &fields("+8613800138000")).await);
            }
            7 => {
                invalid.insert(tablet.save(1, &world.own(1), record, world.now(), &fields("12")).await);
            }
            _ => {
                tablet.save(1, &world.own(1), record, world.now(), &fields("+8613800138000")).await;
            }
        }
    }
    tablet.settle().await;
    assert_eq!(world.changes_kept().await, 980);
    let tray = tablet.journal.kept().tray;
    assert_eq!(tray.len(), 20);
    for (ranked, reason) in &tray {
        let id = ranked.change.id();
        match reason {
            Refusal::NotAllowed { .. } => assert!(forbidden.remove(&id)),
            Refusal::Invalid { field, .. } => assert!(field == "phone" && invalid.remove(&id)),
            other => panic!("{other:?}"),
        }
    }
    assert!(forbidden.is_empty() && invalid.is_empty());
}

/// A cursor of another epoch means nothing: reading begins again, as core's turn expects.
#[tokio::test]
async fn a_cursor_of_another_epoch_is_passed_over() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let person = tablet.new_record(world.now());
    tablet.save(1, &world.own(1), person, world.now(), &[("name", "李娜")]).await;
    tablet.settle().await;
    let since = BTreeMap::from([(world.own(1), StreamMark { number: 900, count: 900, digest: 1 })]);
    let answer = tablet.push(&Push { epoch: Some("e0".into()), since, ..push(50, Vec::new()) }).await;
    assert_eq!((answer.epoch.as_str(), answer.page.unwrap().changes.len()), ("e1", 1));
}

/// The file was put back by hand, so the epoch is the old one: what a tablet has read gives it away.
#[tokio::test]
async fn an_older_copy_under_the_same_epoch_is_noticed_by_what_tablets_have_read() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    for name in ["李娜", "王芳"] {
        let person = tablet.new_record(world.now());
        tablet.save(1, &world.own(1), person, world.now(), &[("name", name)]).await;
    }
    tablet.settle().await;
    world.pass(DAY_MS);
    let read = tablet.journal.kept().since;
    let ask = async |mark: StreamMark, counter| {
        let since = BTreeMap::from([(world.own(1), mark)]);
        tablet.push(&Push { epoch: Some("e1".into()), since, ..push(counter, Vec::new()) }).await
    };
    let mark = read[&world.own(1)];
    assert_eq!(ask(mark, 100).await.epoch, "e1", "what was written here is known");
    let first = ask(StreamMark::default(), 101).await.page.unwrap().changes[0].clone();
    let behind = StreamMark::default().with(first.number, first.change.id);
    assert_eq!(ask(behind, 102).await.epoch, "e1", "who has read a part is no stranger");
    // It has read a third change, which this copy has not.
    let elsewhere = mark.with(3, yingke_core::id::ChangeId::from_bytes([7; 16]));
    let answer = ask(elsewhere, 103).await;
    assert_ne!(answer.epoch, "e1");
    assert_eq!(answer.page.unwrap().changes.len(), 2, "reading begins again");
    assert_eq!(ask(elsewhere, 104).await.epoch, answer.epoch, "another tablet that noticed it begins no third");
    assert_eq!(tablet.turn().await, Err(TurnError::NewEpoch));
    tablet.settle().await;
    assert_eq!(tablet.journal.kept().epoch, Some(answer.epoch));
}

#[tokio::test]
async fn a_turn_that_brings_nothing_costs_few_bytes() {
    let world = World::new().await;
    let (lin, zhou, desk) = (world.tablet_of(1).await, world.tablet_of(2).await, world.tablet_of(3).await);
    for (tablet, staff) in [(&lin, 1), (&zhou, 2), (&desk, 3)] {
        tablet.save(staff, &world.own(staff), tablet.new_record(world.now()), world.now(), &[("name", "李娜")]).await;
        tablet.settle().await;
    }
    desk.settle().await;
    let streams = desk.turn().await.unwrap().streams;
    assert_eq!(streams.values().filter(|mark| mark.count > 0).count(), 3);
    let (sent, answered) = desk.last_bytes.get();
    assert!(sent + answered <= 600, "{sent} bytes and {answered} for {} audiences", streams.len());
    // What comes next is brought and proved in the same few words, and the marks are those that all would have.
    lin.save(1, &world.own(1), lin.new_record(world.now()), world.now(), &[("name", "王芳")]).await;
    lin.settle().await;
    assert_eq!(desk.turn().await.unwrap().pulled.len(), 1);
    let fresh = world.tablet_of(3).await;
    fresh.settle().await;
    assert_eq!(desk.journal.kept().since, fresh.journal.kept().since);
    assert_eq!(desk.records(&world.own(1)), fresh.records(&world.own(1)));
}

#[tokio::test]
async fn whose_audiences_are_others_now_is_told_so_however_short_the_question_was() {
    let world = World::new().await;
    let (mut lin, zhou) = (world.tablet_of(1).await, world.tablet_of(2).await);
    for (tablet, staff) in [(&lin, 1), (&zhou, 2)] {
        tablet.save(staff, &world.own(staff), tablet.new_record(world.now()), world.now(), &[("name", "李娜")]).await;
        tablet.settle().await;
    }
    let before = lin.turn().await.unwrap().streams;
    let give = async |role| {
        let house = world.ledger.house(world.organisation()).await.unwrap();
        let staff = Staff { role, ..house.staff[&fixture::staff(1)].clone() };
        world.ledger.change_staff(world.organisation(), &staff, world.now()).await.unwrap();
    };
    give(Role::FrontDesk).await;
    lin.sign_in(1).await;
    let news = lin.turn().await.unwrap();
    assert!(!before.contains_key(&world.own(2)) && news.streams.contains_key(&world.own(2)));
    assert_eq!(news.pulled.len(), 1, "what was written there before is new here");
    give(Role::Consultant).await;
    lin.sign_in(1).await;
    assert_eq!(lin.turn().await.unwrap().streams.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
}
