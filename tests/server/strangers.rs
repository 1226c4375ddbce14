//! Two organisations on one database: what one has, the other's credentials reach by no route.

use p256::elliptic_curve::sec1::ToEncodedPoint;
use yingke_core::{
    audience::{Audience, Role},
    blob::BlobHash,
    fixture,
    id::{OrganisationId, StaffId, VenueId},
    pack::Language,
    time::Millis,
    wire::v1::{
        Answer, BlobKept, Block, ChangePin, Enrol, Enrolled, HouseAsk, HouseDeed, Push, Remind, Reminders, Renumber,
        SignIn, SignedIn, Staff, StreamMark, Tablets, VERSION, Verdict, WireChange, base64_text,
    },
};
use yingke_server::{
    admin::new_venue,
    http::ROUTES,
    keys::{self, Secrets},
    sealed::Sealer,
};

use crate::world::{self, Hints, JSON, PIN, Reply, Tablet, World};

const CODE: &str = "87654321";

struct Stranger {
    organisation: OrganisationId,
    enrolled: Enrolled,
    signed_in: SignedIn,
}

/// Somebody of another organisation on the same database, signed in on a tablet of theirs.
async fn stranger(world: &World) -> Stranger {
    let organisation = OrganisationId::from_bytes([0x77; 16]);
    let (venue, staff) = (VenueId::from_bytes([0x78; 16]), StaffId::from_bytes([0x79; 16]));
    world.ledger.found(organisation, "别家", "e9", &Secrets::new()).await.unwrap();
    world.ledger.keep_venue(organisation, &new_venue(venue, "别店", "fitness", 480)).await.unwrap();
    let person = Staff { id: staff, name: "外人".into(), role: Role::StoreManager, venue, active: true };
    world.ledger.add_staff(organisation, &person, &keys::pin_hash(PIN)).await.unwrap();
    world.ledger.add_code(organisation, venue, keys::code_hash(CODE), 9, Millis(i64::MAX)).await.unwrap();
    let asked = Enrol { version: VERSION, code: CODE.into(), name: "B-01".into() };
    let enrolled: Enrolled = world::post(world.address, "/v1/enrol", &[], &asked).await.unwrap().json();
    let bearer = format!("Bearer {}", enrolled.token);
    let asked = SignIn { version: VERSION, staff, pin: PIN.into() };
    let reply = world::post(world.address, "/v1/sign-in", &[("authorization", &bearer)], &asked).await.unwrap();
    Stranger { organisation, enrolled, signed_in: reply.json() }
}

#[tokio::test]
async fn a_strangers_credentials_reach_nothing_by_any_route() {
    let world = World::new().await;
    // Numbers count in each organisation: theirs has no third tablet.
    world.tablet().await;
    world.tablet().await;
    let ours = world.tablet_of(3).await;
    let person = ours.new_record(world.now());
    ours.save(3, &world.own(1), person, world.now(), &[("name", "李娜"), ("phone", "+8613800138000")]).await;
    ours.settle().await;
    let stranger = stranger(&world).await;
    let bearer = format!("Bearer {}", stranger.enrolled.token);
    let theirs = [("authorization", bearer.as_str()), ("yingke-person", stranger.signed_in.token.as_str())];
    // What would give us away, in any answer whatever its form.
    let ours_only = [
        "李娜".to_owned(),
        "13800138000".into(),
        "松风体育".into(),
        "林悦".into(),
        fixture::organisation().to_string(),
        world.venue.to_string(),
        fixture::staff(1).to_string(),
        person.to_string(),
    ];
    let check = |path: &str, reply: &Reply| {
        let text = String::from_utf8_lossy(&reply.body);
        for secret in &ours_only {
            assert!(!text.contains(secret.as_str()), "{path} tells {secret}");
        }
        assert!(reply.status < 500, "{path}: {}", reply.status);
    };
    // A picture of ours, under its real name.
    let hash = our_picture(&world, &ours).await;
    let since: std::collections::BTreeMap<Audience, StreamMark> =
        [world.own(1), world.desk()].map(|audience| (audience, StreamMark::default())).into();
    let foreign = ours.change(3, &world.own(1), person, world.now(), &[("name", "偷")]);
    let push = Push {
        version: VERSION,
        epoch: None,
        push_counter: 1,
        changes: vec![WireChange::from(&foreign)],
        sealed: Vec::new(),
        since,
        at: None,
        corrected: None,
        numbers: None,
        unsent: None,
    };
    // The third tablet of ours reminds as the first of theirs does not.
    let ours_reminded: Vec<_> = ours.headers().into_iter().chain([(JSON.0.into(), JSON.1.into())]).collect();
    let ours_reminded: Vec<_> = ours_reminded.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = serde_json::to_vec(&remind()).unwrap();
    let reply = world::send(world.address, "POST", "/v1/reminders", &ours_reminded, &body).await.unwrap();
    let our_key = reply.json::<Reminders>().key;
    let mut walked = 0;
    for (method, path) in ROUTES {
        let body = match *path {
            "/v1/sync" => serde_json::to_vec(&push).unwrap(),
            "/v1/enrol" => {
                serde_json::to_vec(&Enrol { version: VERSION, code: CODE.into(), name: "x".into() }).unwrap()
            }
            "/v1/renumber" => serde_json::to_vec(&Renumber { version: VERSION, push_counter: 9 }).unwrap(),
            // Somebody of ours, with the right PIN, from a tablet of theirs.
            "/v1/sign-in" => {
                serde_json::to_vec(&SignIn { version: VERSION, staff: fixture::staff(1), pin: PIN.into() }).unwrap()
            }
            "/v1/pin" => {
                let (staff, pin, new) = (fixture::staff(1), PIN.into(), "849201".into());
                serde_json::to_vec(&ChangePin { version: VERSION, staff, pin, new }).unwrap()
            }
            // A tablet of ours, by the manager of theirs.
            "/v1/house" => {
                let deed = HouseDeed::RevokeTablet { number: ours.device() };
                serde_json::to_vec(&HouseAsk { version: VERSION, deed }).unwrap()
            }
            "/v1/reminders" if *method == "post" => serde_json::to_vec(&remind()).unwrap(),
            // An open stream, of which the test below tells. Signing out would end the walk.
            "/v1/events" | "/v1/sign-out" => continue,
            _ => Vec::new(),
        };
        let headers: Vec<_> = theirs.iter().copied().chain([JSON]).collect();
        let method = method.to_uppercase();
        let asked = path.replace("{hash}", &hash.to_string());
        let reply = world::send(world.address, &method, &asked, &headers, &body).await.unwrap();
        check(path, &reply);
        match *path {
            "/v1/sync" => {
                let answer: Answer = reply.json();
                assert!(matches!(answer.verdicts[0], Verdict::Refused { .. }), "{answer:?}");
                assert!(answer.page.unwrap().changes.is_empty());
                assert_eq!(answer.epoch, "e9");
            }
            "/v1/snapshot" => {
                let (block, _) = Block::read(&reply.unchunked()).unwrap().unwrap();
                assert!(block.changes.is_empty() && block.head.streams.values().all(|mark| mark.count == 0));
                assert_eq!((block.head.epoch.as_str(), block.head.last, block.head.more), ("e9", 0, false));
            }
            // Ahead of its own counter; what ours have pushed says nothing about it.
            "/v1/renumber" => assert_eq!(reply.problem(), (409, "not_cloned".into())),
            "/v1/sign-in" | "/v1/pin" => assert_eq!(reply.problem(), (403, "pin".into())),
            "/v1/known-phones" => {
                let filter = yingke_core::filter::Filter::read_with_key(&reply.body).unwrap();
                let phone = yingke_core::phone::PhoneNumber::from_e164("+8613800138000").unwrap();
                assert!(!filter.contains(&phone) && filter.phones() == 0);
            }
            "/v1/house" => {
                assert_eq!(reply.problem(), (404, "not-found".into()));
                assert_eq!(ours.get("/v1/me").await.status, 200);
            }
            "/v1/blobs/{hash}" => assert_eq!(reply.problem(), (404, "not-found".into())),
            // They are told of their own upload, and there is none.
            "/v1/blobs/{hash}/upload" if method == "GET" => {
                assert!(matches!(reply.json(), BlobKept { offset: 0, complete: false, .. }));
            }
            "/v1/blobs/{hash}/upload" => assert_eq!(reply.problem(), (400, "malformed".into())),
            // Theirs was not revoked, and of a tablet of ours it cannot speak.
            "/v1/hand-in" | "/v1/farewell" => assert_eq!(reply.problem(), (409, "device_enrolled".into())),
            // Nobody is reminded on theirs, whatever the number of ours is; then they are, and are again not.
            "/v1/reminders" => {
                let told: Reminders = reply.json();
                assert_ne!(told.key, our_key, "each organisation signs for itself");
                assert!(told.on == (method == "POST") && !told.others);
            }
            "/v1/tablets" => {
                let tablets = reply.json::<Tablets>().tablets;
                assert_eq!(tablets.iter().map(|tablet| &*tablet.name).collect::<Vec<_>>(), ["B-01", "x"]);
            }
            _ => assert_eq!(reply.status, 200, "{path}"),
        }
        walked += 1;
    }
    assert_eq!(walked, ROUTES.len() - 2);
    assert!(ours.get("/v1/reminders").await.json::<Reminders>().on, "ours are reminded as before");
    // Our credentials beside theirs: neither opens the other's door.
    let our_person = ours.signed_in.as_ref().unwrap().token.as_str();
    let mixed = [("authorization", bearer.as_str()), ("yingke-person", our_person)];
    let reply = world::send(world.address, "GET", "/v1/me", &mixed, b"").await.unwrap();
    assert_eq!(reply.problem(), (401, "person".into()));
    let our_bearer = ours.bearer();
    let mixed = [("authorization", our_bearer.as_str()), ("yingke-person", stranger.signed_in.token.as_str())];
    let reply = world::send(world.address, "GET", "/v1/me", &mixed, b"").await.unwrap();
    assert_eq!(reply.problem(), (401, "person".into()));
    let rows = world.ledger.rows(stranger.organisation, 0, 10).await.unwrap();
    assert!(rows.is_empty(), "nothing of it was kept");
    assert_eq!(world.changes_kept().await, 2);
    assert_eq!(ours.get(&format!("/v1/blobs/{hash}")).await.status, 200, "ours see it");
}

/// Whoever listens hears of their own organisation alone.
#[tokio::test]
async fn a_stranger_is_hinted_of_nothing() {
    let world = World::new().await;
    let ours = world.tablet_of(3).await;
    stranger(&world).await;
    let tablet = Tablet::enrol_with(world.address, CODE).await;
    let (mut theirs, mut our_own) = (Hints::of(&tablet).await, Hints::of(&ours).await);
    for name in ["李娜", "王芳"] {
        ours.save(3, &world.desk(), ours.new_record(world.now()), world.now(), &[("name", name)]).await;
        ours.settle().await;
    }
    our_own.until("{\"number\":2}").await;
    // Their own is the first that they hear of, though ours came before.
    let manager = tablet.enrolled.directory.staff[0].clone();
    let own = Audience::Own(manager.venue, manager.id);
    let change = tablet.change_by(manager.id, &own, tablet.new_record(world.now()), world.now(), &[("name", "外人")]);
    tablet.push(&world::push(1, vec![WireChange::from(&change)])).await;
    theirs.until("{\"number\":1}").await;
    assert_eq!(theirs.heard.matches("number").count(), 1, "{}", theirs.heard);
}

/// A subscription that any browser may have.
fn remind() -> Remind {
    let point = p256::SecretKey::from_slice(&[9; 32]).unwrap().public_key();
    Remind {
        version: VERSION,
        endpoint: "https://fcm.googleapis.com/fcm/send/x".into(),
        p256dh: base64_text(point.to_encoded_point(false).as_bytes()),
        auth: base64_text(&[7; 16]),
        language: Language::ZhHans,
    }
}

/// Sent, and named by a record of ours.
async fn our_picture(world: &World, ours: &world::Tablet) -> BlobHash {
    let bytes = b"\xff\xd8\xff\xe0 a picture";
    let hash = BlobHash::of(bytes);
    let recovery = world.ledger.secrets(world.organisation()).await.unwrap().recovery.public_key();
    let sealer = Sealer::new(&recovery, &p256::SecretKey::from_slice(&[9; 32]).unwrap());
    let sealed = sealer.seal_blob(world.organisation(), hash, bytes, [3; 12]);
    let bearer = ours.bearer();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/octet-stream")];
    let path = format!("/v1/blobs/{hash}/upload?offset=0&length={}", sealed.len());
    let reply = world::send(world.address, "PUT", &path, &headers, &sealed).await.unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    let person = ours.new_record(world.now());
    ours.save(3, &world.own(1), person, world.now(), &[("note", &hash.to_string())]).await;
    ours.settle().await;
    hash
}
