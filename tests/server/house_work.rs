//! What supervisors and managers do with people and tablets from a tablet, and what they may not.

use yingke_core::{
    audience::Role,
    fixture,
    id::{DeviceNumber, StaffId},
    time::{DAY_MS, MINUTE_MS},
    wire::v1::{Enrol, Enrolled, HouseAsk, HouseDeed, HouseDone, KnownTablet, Push, Staff, Tablets, Unsent, VERSION},
};
use yingke_server::{keys, register::CONTACT_MS};

use crate::world::{self, PIN, Reply, Tablet, World, push};

const MANAGER: u8 = 6;
const SUPERVISOR: u8 = 7;
const CONSULTANT: u8 = 1;
const ELSEWHERE: u8 = 5;

/// The usual people, a store manager and a supervisor who work here.
async fn world() -> World {
    let world = World::new().await;
    for (number, name, role) in [(MANAGER, "何静", Role::StoreManager), (SUPERVISOR, "吴珊", Role::CsSupervisor)] {
        let staff = Staff { id: fixture::staff(number), name: name.into(), role, venue: world.venue, active: true };
        world.ledger.add_staff(world.organisation(), &staff, &keys::pin_hash(PIN)).await.unwrap();
    }
    world
}

async fn ask(tablet: &Tablet, deed: HouseDeed) -> Reply {
    let headers = tablet.headers();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    world::post(tablet.address, "/v1/house", &headers, &HouseAsk { version: VERSION, deed }).await.unwrap()
}

async fn done(tablet: &Tablet, deed: HouseDeed) -> HouseDone {
    let reply = ask(tablet, deed).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

async fn refused(tablet: &Tablet, deed: HouseDeed, status: u16, code: &str) {
    assert_eq!(ask(tablet, deed.clone()).await.problem(), (status, code.to_owned()), "{deed:?}");
}

fn new_id(number: u8) -> StaffId {
    StaffId::from_bytes([number; 16])
}

#[tokio::test]
async fn a_manager_lets_people_come_change_posts_and_go() {
    let world = world().await;
    let manager = world.tablet_of(MANAGER).await;
    let add = HouseDeed::AddStaff { id: new_id(0x51), name: " 宋雅 ".into(), role: Role::Consultant };
    let pin = done(&manager, add.clone()).await.pin.unwrap();
    let tablet = world.tablet().await;
    assert_eq!(tablet.try_sign_in(new_id(0x51), &pin).await.status, 200);
    // The answer was lost, so it is asked again: still one person, with the PIN that was told last.
    let pin = done(&manager, add).await.pin.unwrap();
    assert_eq!(tablet.try_sign_in(new_id(0x51), &pin).await.status, 200);
    let house = world.ledger.house(world.organisation()).await.unwrap();
    let named: Vec<_> = house.staff.values().filter(|staff| staff.name == "宋雅").collect();
    assert_eq!((named.len(), named[0].venue), (1, world.venue));

    done(&manager, HouseDeed::ChangeRole { staff: new_id(0x51), role: Role::CsSupervisor }).await;
    let house = world.ledger.house(world.organisation()).await.unwrap();
    assert_eq!(house.staff[&new_id(0x51)].role, Role::CsSupervisor);
    done(&manager, HouseDeed::EndStaff { staff: new_id(0x51) }).await;
    assert_eq!(tablet.try_sign_in(new_id(0x51), &pin).await.status, 403);
    refused(&manager, HouseDeed::ResetPin { staff: new_id(0x51) }, 404, "not-found").await;
}

#[tokio::test]
async fn a_supervisor_gives_a_new_pin_and_the_old_one_opens_nothing() {
    let world = world().await;
    let supervisor = world.tablet_of(SUPERVISOR).await;
    let consultant = world.tablet_of(CONSULTANT).await;
    assert_eq!(consultant.get("/v1/me").await.status, 200);
    let pin = done(&supervisor, HouseDeed::ResetPin { staff: fixture::staff(CONSULTANT) }).await.pin.unwrap();
    assert_eq!(consultant.get("/v1/me").await.problem(), (401, "person".into()));
    assert_eq!(consultant.try_sign_in(fixture::staff(CONSULTANT), PIN).await.status, 403);
    assert_eq!(consultant.try_sign_in(fixture::staff(CONSULTANT), &pin).await.status, 200);
}

#[tokio::test]
async fn a_code_from_a_tablet_enrols_at_its_own_venue_for_a_day() {
    let world = world().await;
    let supervisor = world.tablet_of(SUPERVISOR).await;
    let given = done(&supervisor, HouseDeed::NewCode { uses: 2 }).await;
    assert_eq!(given.until, Some(world.now().plus(DAY_MS)));
    let code = given.code.unwrap();
    let enrol = async |name: &str| {
        let asked = Enrol { version: VERSION, code: code.clone(), name: name.into() };
        world::post(world.address, "/v1/enrol", &[], &asked).await.unwrap()
    };
    let enrolled: Enrolled = enrol("A-09").await.json();
    assert_eq!(enrolled.venue, world.venue);
    let listed: Tablets = supervisor.get("/v1/tablets").await.json();
    let names: Vec<_> = listed.tablets.iter().map(|tablet| tablet.name.as_str()).collect();
    assert_eq!(names, ["A-01", "A-09"]);
    world.pass(DAY_MS + 1);
    assert_eq!(enrol("A-10").await.problem(), (403, "code".into()));
    for uses in [0, 51] {
        refused(&supervisor, HouseDeed::NewCode { uses }, 400, "malformed").await;
    }
}

/// A tablet, as those who look after it see it.
async fn seen(manager: &Tablet, tablet: &Tablet) -> KnownTablet {
    let listed: Tablets = manager.get("/v1/tablets").await.json();
    listed.tablets.into_iter().find(|known| known.number == tablet.device()).unwrap()
}

/// It syncs, has nothing to bring, and says what it keeps.
async fn says(tablet: &Tablet, unsent: Option<u32>) {
    tablet.push(&Push { unsent, ..push(9, Vec::new()) }).await;
}

#[tokio::test]
async fn those_who_look_after_a_tablet_see_when_it_was_here_and_what_it_had_not_sent() {
    let world = world().await;
    let (manager, tablet) = (world.tablet_of(MANAGER).await, world.tablet_of(CONSULTANT).await);
    assert_eq!(seen(&manager, &tablet).await.unsent, None);
    world.pass(DAY_MS);
    says(&tablet, Some(3)).await;
    let noted = KnownTablet { seen_at: world.now(), ..seen(&manager, &tablet).await };
    assert_eq!(noted.unsent, Some(Unsent { changes: 3, at: world.now() }));
    assert_eq!(seen(&manager, &tablet).await, noted);
    // What is noted already costs no write, until it has grown old.
    world.pass(CONTACT_MS - 1);
    says(&tablet, Some(3)).await;
    assert_eq!(seen(&manager, &tablet).await, noted);
    world.pass(1);
    says(&tablet, Some(3)).await;
    assert_eq!(seen(&manager, &tablet).await.unsent, Some(Unsent { changes: 3, at: world.now() }));
    world.pass(1);
    says(&tablet, Some(0)).await;
    let sent = seen(&manager, &tablet).await;
    assert_eq!((sent.seen_at, sent.unsent), (world.now(), Some(Unsent { changes: 0, at: world.now() })));
    // An app of before does not say; what is known of it stands.
    world.pass(CONTACT_MS);
    says(&tablet, None).await;
    assert_eq!(seen(&manager, &tablet).await, KnownTablet { seen_at: world.now(), ..sent });
}

#[tokio::test]
async fn a_turn_says_what_it_leaves_behind() {
    let world = world().await;
    let (manager, tablet) = (world.tablet_of(MANAGER).await, world.tablet_of(CONSULTANT).await);
    // The second is refused, and waits for its author.
    for audience in [world.own(CONSULTANT), world.own(ELSEWHERE)] {
        tablet.save(CONSULTANT, &audience, tablet.new_record(world.now()), world.now(), &[("name", "李娜")]).await;
    }
    for _ in 0..2 {
        tablet.turn().await.unwrap();
        assert_eq!(seen(&manager, &tablet).await.unsent, Some(Unsent { changes: 1, at: world.now() }));
    }
}

#[tokio::test]
async fn a_tablet_that_is_enrolled_again_hears_what_the_one_before_it_had_not_sent() {
    let world = world().await;
    let before = async |name: &str| {
        let asked = Enrol { version: VERSION, code: world::CODE.into(), name: name.into() };
        let enrolled: Enrolled = world::post(world.address, "/v1/enrol", &[], &asked).await.unwrap().json();
        enrolled.before
    };
    let first = world.tablet().await;
    assert_eq!(first.enrolled.before, None);
    // One whose answer was lost was never here.
    world.pass(MINUTE_MS);
    assert_eq!(before("A-01").await, None);
    says(&first, Some(2)).await;
    let known = KnownTablet {
        number: first.device(),
        name: "A-01".into(),
        enrolled_at: world.now().plus(-MINUTE_MS),
        seen_at: world.now(),
        revoked_at: None,
        unsent: Some(Unsent { changes: 2, at: world.now() }),
    };
    world.pass(DAY_MS);
    assert_eq!(before(" A-01 ").await, Some(known.clone()));
    assert_eq!(before("A-02").await, None);
    // The last one that was here counts.
    let second = world.tablet().await;
    assert_eq!(second.enrolled.before, Some(known));
    world.pass(1);
    says(&second, Some(0)).await;
    assert_eq!(before("A-01").await.map(|tablet| tablet.number), Some(second.device()));
    // One that was shut out hands in what it has; the one before it may be the same as ever.
    let manager = world.tablet_of(MANAGER).await;
    done(&manager, HouseDeed::RevokeTablet { number: second.device() }).await;
    assert_eq!(before("A-01").await.map(|tablet| tablet.number), Some(first.device()));
    // At another venue it is another's name.
    world
        .ledger
        .add_code(world.organisation(), world.elsewhere, keys::code_hash("20261133"), 1, world.now().plus(1))
        .await
        .unwrap();
    let elsewhere = Tablet::enrol_with(world.address, "20261133").await;
    assert_eq!(elsewhere.enrolled.before, None);
}

#[tokio::test]
async fn a_lost_tablet_is_shut_out_at_once() {
    let world = world().await;
    let (manager, lost) = (world.tablet_of(MANAGER).await, world.tablet_of(CONSULTANT).await);
    done(&manager, HouseDeed::RevokeTablet { number: lost.device() }).await;
    assert_eq!(lost.get("/v1/me").await.problem(), (401, "device_revoked".into()));
    // Once more is no fault: the answer may have been lost.
    done(&manager, HouseDeed::RevokeTablet { number: lost.device() }).await;
    let listed: Tablets = manager.get("/v1/tablets").await.json();
    let revoked = listed.tablets.iter().find(|tablet| tablet.number == lost.device()).unwrap();
    assert_eq!(revoked.revoked_at, Some(world.now()));
    refused(&manager, HouseDeed::RevokeTablet { number: DeviceNumber(999) }, 404, "not-found").await;
}

/// Nobody takes over an account that may do more, or does to another venue what its own manager has to.
#[tokio::test]
async fn nobody_reaches_above_or_beyond_their_post() {
    let world = world().await;
    let manager = world.tablet_of(MANAGER).await;
    let supervisor = world.tablet_of(SUPERVISOR).await;
    let consultant = world.tablet_of(CONSULTANT).await;
    let add = |role| HouseDeed::AddStaff { id: new_id(0x52), name: "宋雅".into(), role };
    let (me, boss) = (fixture::staff(SUPERVISOR), fixture::staff(MANAGER));

    refused(&consultant, HouseDeed::ResetPin { staff: fixture::staff(2) }, 403, "post").await;
    refused(&consultant, HouseDeed::NewCode { uses: 1 }, 403, "post").await;
    assert_eq!(consultant.get("/v1/tablets").await.problem(), (403, "post".into()));
    refused(&supervisor, HouseDeed::ResetPin { staff: boss }, 403, "post").await;
    refused(&supervisor, HouseDeed::ResetPin { staff: me }, 403, "post").await;
    refused(&supervisor, add(Role::Consultant), 403, "post").await;
    refused(&supervisor, HouseDeed::EndStaff { staff: fixture::staff(2) }, 403, "post").await;
    refused(&supervisor, HouseDeed::RevokeTablet { number: consultant.device() }, 403, "post").await;
    for role in [Role::StoreManager, Role::SystemAdmin, Role::Hq] {
        refused(&manager, add(role), 403, "post").await;
        refused(&manager, HouseDeed::ChangeRole { staff: fixture::staff(2), role }, 403, "post").await;
    }
    refused(&manager, HouseDeed::EndStaff { staff: boss }, 403, "post").await;
    refused(&manager, HouseDeed::ResetPin { staff: fixture::staff(ELSEWHERE) }, 404, "not-found").await;
    let elsewhere = HouseDeed::ChangeRole { staff: fixture::staff(ELSEWHERE), role: Role::Reception };
    refused(&manager, elsewhere, 404, "not-found").await;
    // Somebody else's id, a name that is taken, a name that is none.
    let taken = HouseDeed::AddStaff { id: fixture::staff(2), name: "宋雅".into(), role: Role::Consultant };
    refused(&manager, taken, 400, "malformed").await;
    let same = HouseDeed::AddStaff { id: new_id(0x53), name: "周凯".into(), role: Role::Consultant };
    refused(&manager, same, 409, "same-name").await;
    for name in ["", "  ", "一\n二", &"长".repeat(41)] {
        let nameless = HouseDeed::AddStaff { id: new_id(0x53), name: name.into(), role: Role::Consultant };
        refused(&manager, nameless, 400, "malformed").await;
    }
    let house = world.ledger.house(world.organisation()).await.unwrap();
    assert_eq!(house.staff.len(), 7, "nobody came");
    assert!(house.staff.values().all(|staff| staff.active || staff.id == fixture::staff(4)), "nobody went");
    assert_eq!(house.staff[&fixture::staff(2)].role, Role::Consultant);
    assert_eq!(consultant.get("/v1/me").await.status, 200, "no tablet is shut out");
}
