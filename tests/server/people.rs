//! Enrolment, sign-in, who am I, the directory, the filter of known phones, hints.

use yingke_core::{
    filter::Filter,
    fixture,
    phone::PhoneNumber,
    time::{DAY_MS, HOUR_MS, MINUTE_MS},
    wire::v1::{ChangePin, Directory, Enrol, Me, SignedIn, VERSION, base64_bytes},
};
use yingke_server::keys;

use crate::world::{self, CODE, Hints, PIN, Tablet, World};

#[tokio::test]
async fn a_code_enrols_as_many_tablets_as_it_says_until_it_ends() {
    let world = World::new().await;
    let ends = world.now().plus(DAY_MS);
    let hash = keys::code_hash("12345678");
    world.ledger.add_code(world.organisation(), world.venue, hash, 2, ends).await.unwrap();
    let enrol = async |code: &str| {
        let asked = Enrol { version: VERSION, code: code.into(), name: " A-07 ".into() };
        world::post(world.address, "/v1/enrol", &[], &asked).await.unwrap()
    };
    let first: yingke_core::wire::v1::Enrolled = enrol("1234 5678").await.json();
    assert_eq!((first.device.0, first.name.as_str(), first.venue), (1, "A-07", world.venue));
    assert_eq!(base64_bytes(&first.recovery_key).unwrap().len(), 65);
    assert_eq!((first.epoch.as_str(), first.server_time), ("e1", world.now()));
    assert_eq!((first.directory.venues.len(), first.directory.staff.len()), (2, 5));
    assert_eq!(enrol("1234-5678").await.json::<yingke_core::wire::v1::Enrolled>().device.0, 2);
    for code in ["12345678", "87654321", "1234567", "", "1234567x"] {
        assert_eq!(enrol(code).await.problem(), (403, "code".into()), "{code}");
    }
    world.ledger.add_code(world.organisation(), world.venue, hash, 2, ends).await.unwrap();
    world.pass(2 * DAY_MS);
    assert_eq!(enrol("12345678").await.problem(), (403, "code".into()));
}

#[tokio::test]
async fn guesses_wait_longer_and_longer() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let mut refused = 0;
    let wait = loop {
        let reply = tablet.try_sign_in(fixture::staff(1), "000001").await;
        match reply.problem() {
            (403, code) if code == "pin" => refused += 1,
            (429, code) if code == "wait" => break reply.headers["retry-after"].parse::<i64>().unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((refused, wait), (4, 2));
    // The right one waits as well, and another account does not.
    assert_eq!(tablet.try_sign_in(fixture::staff(1), PIN).await.status, 429);
    assert_eq!(tablet.try_sign_in(fixture::staff(2), PIN).await.status, 200);
    world.pass(wait * 1_000);
    assert_eq!(tablet.try_sign_in(fixture::staff(1), "000002").await.status, 403);
    world.pass(wait * 1_000);
    assert_eq!(tablet.try_sign_in(fixture::staff(1), PIN).await.status, 429, "twice as long");
    world.pass(wait * 1_000);
    assert_eq!(tablet.try_sign_in(fixture::staff(1), PIN).await.status, 200);
    assert_eq!(tablet.try_sign_in(fixture::staff(1), "000003").await.status, 403, "a success forgives");
}

/// Whoever tries one PIN on many accounts does it on a tablet, and one who knows a PIN there is no freer than others.
#[tokio::test]
async fn pins_cannot_be_guessed_on_one_tablet_with_sign_ins_in_between() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let mut tried = 0;
    let wait = loop {
        let own = tablet.try_sign_in(fixture::staff(1), PIN).await;
        // Each is another account, of which none has been tried before.
        let reply =
            if own.status == 200 { tablet.try_sign_in(fixture::staff(100 + tried), "260712").await } else { own };
        match reply.problem() {
            (403, code) if code == "pin" => tried += 1,
            (429, code) if code == "wait" => break reply.headers["retry-after"].parse::<i64>().unwrap(),
            other => panic!("{other:?}"),
        }
        assert!(tried < 50, "guesses cost nothing");
    };
    assert_eq!((tried, wait), (11, 2));
    assert_eq!(tablet.try_sign_in(fixture::staff(1), PIN).await.status, 429, "the right one waits as well");
    assert_eq!(world.tablet().await.try_sign_in(fixture::staff(1), PIN).await.status, 200, "and on no other tablet");
    world.pass(wait * 1_000);
    assert_eq!(tablet.try_sign_in(fixture::staff(1), PIN).await.status, 200);
    assert_eq!(tablet.try_sign_in(fixture::staff(200), "260712").await.status, 403);
    assert_eq!(tablet.try_sign_in(fixture::staff(1), PIN).await.headers["retry-after"], "4", "twice as long");
}

/// Who mistypes now and then, and is right in the end, makes nobody wait.
#[tokio::test]
async fn people_who_share_a_tablet_mistype_without_a_wait() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    for hour in 0..6 {
        for staff in 1..=3 {
            for pin in ["260712", "260713", PIN] {
                let status = tablet.try_sign_in(fixture::staff(staff), pin).await.status;
                assert_eq!(status, if pin == PIN { 200 } else { 403 }, "{staff} in hour {hour}");
            }
        }
        world.pass(HOUR_MS + 1);
    }
}

/// One account that has to wait is no guess on the tablet: somebody who presses again and again holds up nobody else.
#[tokio::test]
async fn who_has_to_wait_holds_up_nobody_else_on_the_tablet() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    while tablet.try_sign_in(fixture::staff(1), "260712").await.status == 403 {}
    for _ in 0..20 {
        assert_eq!(tablet.try_sign_in(fixture::staff(1), "260712").await.status, 429);
    }
    assert_eq!(tablet.try_sign_in(fixture::staff(2), PIN).await.status, 200);
}

#[tokio::test]
async fn codes_cannot_be_guessed_from_one_address_with_good_ones_in_between() {
    let world = World::new().await;
    let mut tried = 0;
    loop {
        let enrol = async |code: String| {
            let asked = Enrol { version: VERSION, code, name: "x".into() };
            world::post(world.address, "/v1/enrol", &[], &asked).await.unwrap()
        };
        let good = enrol(CODE.into()).await;
        let reply = if good.status == 200 { enrol(format!("{tried:08}")).await } else { good };
        if reply.problem().0 == 429 {
            break;
        }
        tried += 1;
        assert!(tried < 50, "guesses cost nothing");
    }
    assert_eq!(tried, 11);
}

/// Nothing is given away about who there is, or why it failed.
#[tokio::test]
async fn only_staff_of_the_venue_sign_in_and_all_refusals_are_alike() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let mut bodies = Vec::new();
    for (staff, pin) in [(1, "260712"), (4, PIN), (5, PIN), (77, PIN), (1, ""), (1, "26071一")] {
        let reply = tablet.try_sign_in(fixture::staff(staff), pin).await;
        assert_eq!(reply.problem(), (403, "pin".into()), "{staff} {pin}");
        bodies.push(reply.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

#[tokio::test]
async fn keys_are_for_what_a_person_may_hold_on_this_tablet() {
    let world = World::new().await;
    let (consultant, desk) = (world.tablet_of(1).await, world.tablet_of(3).await);
    let keys = |tablet: &Tablet| tablet.signed_in.clone().unwrap().keys;
    assert_eq!(keys(&consultant).into_keys().collect::<Vec<_>>(), [world.own(1)]);
    assert_eq!(keys(&desk).len(), 5, "the desk and four colleagues, one of whom left");
    assert_ne!(keys(&consultant)[&world.own(1)], keys(&desk)[&world.own(1)]);
    let again: SignedIn = consultant.try_sign_in(fixture::staff(1), PIN).await.json();
    assert_eq!(again.keys, keys(&consultant), "the same at every sign-in");
    assert_ne!(again.token, consultant.signed_in.as_ref().unwrap().token);
    let me: Me = consultant.get("/v1/me").await.json();
    assert_eq!((me.device, me.staff, me.keys), (consultant.device(), Some(fixture::staff(1)), keys(&consultant)));
    let nobody: Me = world.tablet().await.get("/v1/me").await.json();
    assert_eq!((nobody.staff, nobody.keys.len()), (None, 0));
}

#[tokio::test]
async fn a_token_is_good_on_its_own_tablet_only() {
    let world = World::new().await;
    let (one, mut other) = (world.tablet_of(1).await, world.tablet().await);
    other.signed_in = one.signed_in.clone();
    assert_eq!(other.get("/v1/me").await.problem(), (401, "person".into()));
    let headers = one.headers();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(world::send(world.address, "POST", "/v1/sign-out", &headers, b"").await.unwrap().status, 204);
    assert_eq!(one.get("/v1/me").await.problem(), (401, "person".into()));
}

#[tokio::test]
async fn a_new_pin_signs_out_everywhere() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    world.ledger.set_pin(world.organisation(), fixture::staff(1), &keys::pin_hash("112233")).await.unwrap();
    assert_eq!(tablet.get("/v1/me").await.problem(), (401, "person".into()));
    assert_eq!(tablet.try_sign_in(fixture::staff(1), PIN).await.status, 403);
    assert_eq!(tablet.try_sign_in(fixture::staff(1), "112233").await.status, 200);
}

#[tokio::test]
async fn somebody_chooses_another_pin_or_a_passphrase_by_the_one_that_they_have() {
    let world = World::new().await;
    let (mut tablet, other) = (world.tablet_of(1).await, world.tablet_of(1).await);
    let lin = fixture::staff(1);
    let change = async |tablet: &world::Tablet, pin: &str, new: &str| {
        let asked = ChangePin { version: VERSION, staff: lin, pin: pin.into(), new: new.into() };
        world::post(world.address, "/v1/pin", &[("authorization", &tablet.bearer())], &asked).await.unwrap()
    };
    const PASSPHRASE: &str = "松风亭下看月亮升起来了吗";
    for new in ["", "123456", "11111", "eleven char", "aaaaaaaaaaaaaaa"] {
        assert_eq!(change(&tablet, PIN, new).await.problem(), (422, "no_pin".into()), "{new}");
    }
    assert_eq!(change(&tablet, "000001", PASSPHRASE).await.problem(), (403, "pin".into()));
    assert_eq!(other.get("/v1/me").await.status, 200, "nothing has changed so far");
    let reply = change(&tablet, PIN, PASSPHRASE).await;
    assert_eq!(reply.status, 200);
    tablet.signed_in = Some(reply.json());
    assert_eq!(tablet.get("/v1/me").await.status, 200);
    assert_eq!(other.get("/v1/me").await.problem(), (401, "person".into()), "it is asked for elsewhere");
    assert_eq!(other.try_sign_in(lin, PIN).await.status, 403);
    assert_eq!(other.try_sign_in(lin, PASSPHRASE).await.status, 200);
    // Nobody tries PINs here without the wait.
    let mut refused = 0;
    while change(&tablet, "000002", "260711").await.status == 403 {
        refused += 1;
        assert!(refused < 20, "guesses cost nothing");
    }
    assert_eq!(change(&tablet, PASSPHRASE, "260711").await.status, 429);
}

#[tokio::test]
async fn the_directory_has_a_version_that_changes_with_it() {
    let world = World::new().await;
    let tablet = world.tablet().await;
    let before: Directory = tablet.get("/v1/directory").await.json();
    assert_eq!(before, tablet.enrolled.directory);
    world.ledger.disable_staff(world.organisation(), fixture::staff(2), world.now()).await.unwrap();
    let after: Directory = tablet.get("/v1/directory").await.json();
    assert_ne!(after.version, before.version);
    assert!(!after.staff.iter().find(|staff| staff.id == fixture::staff(2)).unwrap().active);
    assert_eq!(tablet.turn().await.unwrap().directory, after.version);
}

#[tokio::test]
async fn the_filter_knows_the_numbers_of_all_and_is_renewed() {
    let world = World::new().await;
    let tablet = world.tablet_of(2).await;
    let phone = |text| PhoneNumber::from_e164(text).unwrap();
    let filter = async || {
        let reply = tablet.get("/v1/known-phones").await;
        assert_eq!(reply.headers["content-type"], "application/octet-stream");
        (Filter::read_with_key(&reply.body).unwrap(), reply.headers["etag"].clone())
    };
    let (empty, first) = filter().await;
    assert!(!empty.contains(&phone("+8613800138000")));
    let other = world.tablet_of(1).await;
    let person = other.new_record(world.now());
    other.save(1, &world.own(1), person, world.now(), &[("phone", "+8613800138000")]).await;
    other.settle().await;
    world.pass(2 * MINUTE_MS);
    let (known, second) = filter().await;
    assert!(known.contains(&phone("+8613800138000")) && !known.contains(&phone("+8613800138001")));
    assert_ne!(first, second);
    assert_eq!(format!("\"{}\"", tablet.turn().await.unwrap().known_phones), second);
    let nobody = world.tablet().await;
    assert_eq!(nobody.get("/v1/known-phones").await.problem(), (401, "person".into()));
}

#[tokio::test]
async fn a_hint_comes_when_something_is_new_and_ends_with_the_program() {
    let world = World::new().await;
    let tablet = world.tablet_of(1).await;
    let mut hints = Hints::of(&tablet).await;
    let heard = &hints.heard;
    assert!(heard.contains("content-type: text/event-stream") && heard.contains("cache-control: no-store"), "{heard}");
    let person = tablet.new_record(world.now());
    tablet.save(1, &world.own(1), person, world.now(), &[("name", "李娜")]).await;
    tablet.settle().await;
    hints.until("data: {\"number\":1}\n\n").await;
    world.end();
    hints.until("0\r\n\r\n").await;
}
