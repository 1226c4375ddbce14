//! A revoked tablet hands in what it holds unsent: kept apart, once, and in force only when the administrator says so.

use p256::SecretKey;
use yingke_core::{
    change::Ranked,
    fixture,
    id::{ChangeId, OrganisationId},
    wire::v1::{HandIn, HandedIn, PUSH_CHANGES_MAX, SealedChange, VERSION, base64_text},
};
use yingke_server::{
    admin::new_venue,
    handed_in,
    keys::{self, Secrets},
    sealed::Sealer,
};

use crate::{
    steps::{Step, kept, states},
    world::{self, JSON, Reply, Tablet, World},
};

/// Seals as a tablet does, to the recovery key of its organisation.
async fn sealed_for(world: &World, organisation: OrganisationId, changes: &[&Ranked]) -> Vec<SealedChange> {
    let recovery = world.ledger.secrets(organisation).await.unwrap().recovery.public_key();
    let sealer = Sealer::new(&recovery, &SecretKey::from_slice(&[9; 32]).unwrap());
    let sealed = changes.iter().zip(1..).map(|(change, nonce)| sealer.seal(organisation, change, [nonce; 12]));
    sealed.collect()
}

async fn sealed(world: &World, changes: &[&Ranked]) -> Vec<SealedChange> {
    sealed_for(world, world.organisation(), changes).await
}

/// A change of a new person of somebody's own.
fn change(world: &World, tablet: &Tablet, author: u8, name: &str) -> Ranked {
    tablet.change(author, &world.own(author), tablet.new_record(world.now()), world.now(), &[("name", name)])
}

async fn reply(tablet: &Tablet, sealed: &[SealedChange], left: u64) -> Reply {
    let message = HandIn { version: VERSION, sealed: sealed.to_vec(), left };
    world::post(tablet.address, "/v1/hand-in", &[("authorization", &tablet.bearer())], &message).await.unwrap()
}

async fn hand_in(tablet: &Tablet, sealed: &[SealedChange], left: u64) -> HandedIn {
    let reply = reply(tablet, sealed, left).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

fn ids(sealed: &[SealedChange]) -> Vec<ChangeId> {
    sealed.iter().map(|sealed| sealed.id).collect()
}

async fn revoke(world: &World, tablet: &Tablet) {
    assert!(world.ledger.revoke(world.organisation(), tablet.device(), world.now()).await.unwrap());
}

#[tokio::test]
async fn what_is_handed_in_waits_until_it_is_taken_in() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    revoke(&world, &tablet).await;
    let changes = [change(&world, &tablet, 1, "李娜"), change(&world, &tablet, 2, "王芳")];
    let sealed = sealed(&world, &changes.each_ref()).await;
    let first = hand_in(&tablet, &sealed[..1], 1).await;
    assert_eq!(first.kept, ids(&sealed[..1]));
    let second = hand_in(&tablet, &sealed[1..], 0).await;
    assert_ne!(first.receipt, second.receipt);
    assert_eq!(world.changes_kept().await, 0, "nothing comes into force by itself");

    let house = world.ledger.house(world.organisation()).await.unwrap();
    let listed = handed_in::list(&*world.ledger, &house).await.unwrap();
    assert!(listed.contains(&format!("2 handed in, receipt {}, 2 wait, and it has wiped itself", second.receipt)));
    assert!(listed.contains("林悦: 1 (person 1)") && listed.contains("周凯: 1 (person 1)"), "{listed}");
    let told = handed_in::take_in(&*world.ledger, &house, tablet.device(), false, world.now()).await.unwrap();
    assert!(told.contains("2 changes of device 1 would be taken in"), "{told}");
    assert_eq!(world.changes_kept().await, 0);

    handed_in::take_in(&*world.ledger, &house, tablet.device(), true, world.now()).await.unwrap();
    assert_eq!(world.changes_kept().await, 2);
    let reader = world.tablet_of(1).await;
    reader.settle().await;
    let record = changes[0].change.edits().next().unwrap().record;
    assert_eq!(reader.value(&world.own(1), record, "name"), Some("李娜".into()));
    // The same again changes nothing, nor does a tablet that did not hear the answer and hands in once more.
    let again = handed_in::take_in(&*world.ledger, &house, tablet.device(), true, world.now()).await.unwrap();
    assert!(again.contains("0 changes"), "{again}");
    assert_eq!(hand_in(&tablet, &sealed, 0).await, HandedIn { kept: ids(&sealed), ..second });
    assert_eq!(world.changes_kept().await, 2);
    let rows = world.ledger.handed_in(world.organisation()).await.unwrap();
    assert!(rows.iter().all(|row| row.decided && row.change.sealed.is_empty()), "its content is in the ledger alone");
}

#[tokio::test]
async fn a_message_that_comes_twice_is_kept_once_and_another_under_its_id_is_not() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    revoke(&world, &tablet).await;
    let sealed = sealed(&world, &[&change(&world, &tablet, 1, "李娜")]).await;
    let first = hand_in(&tablet, &sealed, 0).await;
    assert_eq!(hand_in(&tablet, &sealed, 0).await, first);
    assert_eq!(hand_in(&tablet, &[], 0).await, HandedIn { kept: Vec::new(), ..first.clone() });
    let other = SealedChange { nonce: base64_text(&[7; 12]), ..sealed[0].clone() };
    assert_eq!(hand_in(&tablet, &[other], 0).await, HandedIn { kept: Vec::new(), ..first });
    let rows = world.ledger.handed_in(world.organisation()).await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn what_is_given_up_is_gone_and_stays_so() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    revoke(&world, &tablet).await;
    let sealed = sealed(&world, &[&change(&world, &tablet, 1, "李娜")]).await;
    let receipt = hand_in(&tablet, &sealed, 0).await;
    let house = world.ledger.house(world.organisation()).await.unwrap();
    let told = handed_in::discard(&*world.ledger, &house, tablet.device(), false, world.now()).await.unwrap();
    assert!(told.contains("1 changes") && told.contains("--write"), "{told}");
    assert!(!world.ledger.handed_in(world.organisation()).await.unwrap()[0].decided);
    handed_in::discard(&*world.ledger, &house, tablet.device(), true, world.now()).await.unwrap();
    assert_eq!(hand_in(&tablet, &sealed, 0).await, receipt, "it is not asked for again");
    let row = world.ledger.handed_in(world.organisation()).await.unwrap().remove(0);
    assert!(row.decided && row.change.sealed.is_empty());
    handed_in::take_in(&*world.ledger, &house, tablet.device(), true, world.now()).await.unwrap();
    assert_eq!(world.changes_kept().await, 0);
}

#[tokio::test]
async fn what_may_not_be_taken_goes_on_waiting_and_says_why() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    revoke(&world, &tablet).await;
    // By somebody who left; into what is another's; and one that was altered on its way.
    let left = change(&world, &tablet, 4, "李娜");
    let forged = tablet.change(1, &world.own(2), tablet.new_record(world.now()), world.now(), &[("name", "王芳")]);
    let good = change(&world, &tablet, 1, "赵敏");
    let mut sealed = sealed(&world, &[&left, &forged, &good, &change(&world, &tablet, 1, "孙丽")]).await;
    sealed[3].author = fixture::staff(2);
    assert_eq!(hand_in(&tablet, &sealed, 0).await.kept, ids(&sealed), "sealed, so nobody knows yet");
    let house = world.ledger.house(world.organisation()).await.unwrap();
    let told = handed_in::take_in(&*world.ledger, &house, tablet.device(), true, world.now()).await.unwrap();
    assert!(told.contains("1 changes of device 1 are taken in"), "{told}");
    for (sealed, why) in sealed.iter().zip(["does not work here", "may not write there", "", "altered"]) {
        let line = told.lines().find(|line| line.starts_with(&sealed.id.to_string()));
        assert_eq!(line.is_some(), !why.is_empty(), "{told}");
        assert!(line.unwrap_or_default().contains(why), "{told}");
    }
    assert_eq!(world.changes_kept().await, 1);
    let rows = world.ledger.handed_in(world.organisation()).await.unwrap();
    assert_eq!(rows.iter().filter(|row| !row.decided).count(), 3);
}

#[tokio::test]
async fn only_a_revoked_tablet_hands_in_and_it_may_nothing_else() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let sealed = sealed(&world, &[&change(&world, &tablet, 1, "李娜")]).await;
    assert_eq!(reply(&tablet, &sealed, 0).await.problem(), (409, "device_enrolled".into()));
    assert_eq!(farewell(&tablet).await.problem(), (409, "device_enrolled".into()));
    let stranger = world::post(world.address, "/v1/hand-in", &[("authorization", "Bearer x")], &0).await.unwrap();
    assert_eq!(stranger.problem(), (401, "device_unknown".into()));
    assert_eq!(world.ledger.handed_in(world.organisation()).await.unwrap().len(), 0);
    revoke(&world, &tablet).await;
    assert_eq!(farewell(&tablet).await.problem(), (409, "not_handed_in".into()));
    for path in ["/v1/me", "/v1/directory", "/v1/events", "/v1/known-phones"] {
        assert_eq!(tablet.get(path).await.problem(), (401, "device_revoked".into()), "{path}");
    }
    assert_eq!(tablet.try_sign_in(fixture::staff(1), world::PIN).await.problem(), (401, "device_revoked".into()));
    hand_in(&tablet, &sealed, 1).await;
    assert_eq!(farewell(&tablet).await.problem(), (409, "not_handed_in".into()));
    hand_in(&tablet, &[], 0).await;
    let cleared = farewell(&tablet).await;
    assert_eq!((cleared.status, cleared.headers["clear-site-data"].as_str()), (204, "\"storage\""));
}

async fn farewell(tablet: &Tablet) -> Reply {
    world::post(tablet.address, "/v1/farewell", &[("authorization", &tablet.bearer())], &0).await.unwrap()
}

#[tokio::test]
async fn another_organisation_neither_sees_nor_opens_it() {
    let world = World::new().await;
    let other = OrganisationId::from_bytes(fixture::id_bytes(77));
    let venue = yingke_core::id::VenueId::from_bytes(fixture::id_bytes(78));
    world.ledger.found(other, "望江健身", "e1", &Secrets::new()).await.unwrap();
    world.ledger.keep_venue(other, &new_venue(venue, "望江店", "fitness", 480)).await.unwrap();
    let never = yingke_core::time::Millis(i64::MAX);
    world.ledger.add_code(other, venue, keys::code_hash("11112222"), 9, never).await.unwrap();
    let ours = world.tablet().await;
    let theirs = Tablet::enrol_with(world.address, "11112222").await;
    assert_eq!(ours.device(), theirs.device(), "numbers are each organisation's own");
    world.ledger.revoke(other, theirs.device(), world.now()).await.unwrap();
    assert_eq!(reply(&ours, &[], 0).await.problem(), (409, "device_enrolled".into()), "ours was not revoked by that");

    // Sealed to our key and handed in by a tablet of theirs: it is theirs, and opens for nobody.
    let sealed = sealed(&world, &[&change(&world, &ours, 1, "李娜")]).await;
    hand_in(&theirs, &sealed, 0).await;
    assert_eq!(world.ledger.handed_in(world.organisation()).await.unwrap().len(), 0);
    let house = world.ledger.house(other).await.unwrap();
    let told = handed_in::take_in(&*world.ledger, &house, theirs.device(), true, world.now()).await.unwrap();
    assert!(told.contains("0 changes") && told.contains("sealed for somebody else"), "{told}");
    assert_eq!(world.changes_kept().await, 0);
}

#[tokio::test]
async fn bad_input_is_answered_with_a_problem_and_keeps_nothing() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    revoke(&world, &tablet).await;
    let good = sealed(&world, &[&change(&world, &tablet, 1, "李娜")]).await.remove(0);
    let with = |alter: fn(&mut SealedChange)| {
        let mut bad = good.clone();
        alter(&mut bad);
        let message = HandIn { version: VERSION, sealed: vec![good.clone(), bad], left: 0 };
        serde_json::to_string(&message).unwrap()
    };
    let many = HandIn { version: VERSION, sealed: vec![good.clone(); PUSH_CHANGES_MAX + 1], left: 0 };
    let table = [
        ("nothing", String::new(), (400, "malformed")),
        ("no count of what is left", r#"{"version":1,"sealed":[]}"#.into(), (400, "malformed")),
        ("less than nothing left", r#"{"version":1,"sealed":[],"left":-1}"#.into(), (400, "malformed")),
        ("another version", r#"{"version":2,"sealed":[],"left":0}"#.into(), (400, "version")),
        ("a nonce that is too short", with(|bad| bad.nonce = "AA".into()), (400, "malformed")),
        ("a sender that is none", with(|bad| bad.sender = "*".into()), (400, "malformed")),
        ("nothing sealed", with(|bad| bad.sealed.clear()), (400, "malformed")),
        ("more than any form", with(|bad| bad.sealed = base64_text(&vec![1; 70_000])), (400, "malformed")),
        ("too many", serde_json::to_string(&many).unwrap(), (413, "too-large")),
    ];
    let bearer = tablet.bearer();
    for (what, body, (status, code)) in table {
        let headers = [JSON, ("authorization", bearer.as_str())];
        let reply = world::send(world.address, "POST", "/v1/hand-in", &headers, body.as_bytes()).await.unwrap();
        assert_eq!(reply.problem(), (status, code.to_owned()), "{what}");
    }
    assert_eq!(world.ledger.handed_in(world.organisation()).await.unwrap().len(), 0);
    let devices = world.ledger.devices(world.organisation()).await.unwrap();
    assert_eq!(devices[0].wiped_at, None, "it has not said that it is done");
}

#[tokio::test]
async fn a_tablet_cannot_fill_the_disk() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    revoke(&world, &tablet).await;
    let one = sealed(&world, &[&change(&world, &tablet, 1, "李娜")]).await.remove(0);
    let mut handed = 0_usize;
    let refused = loop {
        let numbered = |number: usize| {
            let mut id = [0; 16];
            id[8..].copy_from_slice(&(handed + number).to_be_bytes());
            SealedChange { id: ChangeId::from_bytes(id), ..one.clone() }
        };
        let part: Vec<SealedChange> = (0..PUSH_CHANGES_MAX).map(numbered).collect();
        let reply = reply(&tablet, &part, 1).await;
        if reply.status != 200 {
            break reply.problem();
        }
        handed += part.len();
    };
    assert_eq!((refused, handed), ((413, "too-large".into()), handed_in::HANDED_CHANGES_MAX));
    assert_eq!(world.ledger.handed_in(world.organisation()).await.unwrap().len(), handed);
}

#[tokio::test]
async fn a_step_that_nobody_there_could_take_goes_on_waiting() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let (own, refund) = (world.own(1), tablet.new_record(world.now()));
    let step = |to, saw, fields| Step { by: 1, kind: "refund", record: refund, audience: &own, to, saw, fields };
    let reason = vec![("membership", tablet.new_record(world.now()).into()), ("reason", "moved".into())];
    let applied = step("applied", &[], reason).with(&world, &tablet, Vec::new());
    // Whoever has the tablet in hand decides the refund in the name of the consultant.
    let saw = [applied.change.id()];
    let fields = vec![("level4_result", "refund".into()), ("final_amount", 1.into())];
    let approved = step("approved_refund", &saw, fields).with(&world, &tablet, Vec::new());
    revoke(&world, &tablet).await;
    let sealed = sealed(&world, &[&applied, &approved]).await;
    hand_in(&tablet, &sealed, 0).await;
    let house = world.ledger.house(world.organisation()).await.unwrap();
    let told = handed_in::take_in(&*world.ledger, &house, tablet.device(), true, world.now()).await.unwrap();
    assert!(told.contains("1 changes of device 1 are taken in"), "{told}");
    assert!(told.contains(&format!("{} is refused and goes on waiting", approved.change.id())), "{told}");
    assert_eq!(states(&kept(&world, refund).await), ["applied"]);
    let rows = world.ledger.handed_in(world.organisation()).await.unwrap();
    assert_eq!(
        rows.iter().filter(|row| !row.decided).map(|row| row.change.id).collect::<Vec<_>>(),
        [approved.change.id()]
    );
}
