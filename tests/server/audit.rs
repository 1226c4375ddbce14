//! The audit log at the endpoint: whoever does something writes it, nobody under another's name, and only those who may
//! read it get it. Source: R-152, domain catalogue 3.7.

use yingke_core::{
    audience::{Audience, Role, circle},
    audit::{self, Deed},
    capture::Scene,
    chance::Seeded,
    change::{Change, Edit, Ranked},
    fixture,
    id::RecordId,
    journal::Journal,
    pack::{Pack, VenueKind},
    schema,
    wire::v1::{Refusal, Staff, Verdict, WireChange},
};
use yingke_server::keys;

use crate::world::{PIN, Tablet, World, push};

const CONSULTANT: u8 = 1;
const DESK: u8 = 3;

/// Who may look at whole numbers without reading the log, and those who read it.
const MORE: [(u8, &str, Role); 5] = [
    (6, "何静", Role::CsSupervisor),
    (7, "赵敏", Role::StoreManager),
    (8, "钱进", Role::PrivacyOfficer),
    (9, "孙工", Role::SystemAdmin),
    (10, "周总", Role::Hq),
];

async fn world() -> World {
    let world = World::new().await;
    for (number, name, role) in MORE {
        let staff = Staff { id: fixture::staff(number), name: name.into(), role, venue: world.venue, active: true };
        world.ledger.add_staff(world.organisation(), &staff, &keys::pin_hash(PIN)).await.unwrap();
    }
    world
}

fn privacy(world: &World) -> Audience {
    Audience::Circle(world.venue, circle::PRIVACY.into())
}

/// The entry that somebody looked at the number on a paper.
fn look(world: &World, by: u8, entry: RecordId) -> Edit {
    let role_of = |_| None;
    let scene = Scene {
        now: world.now(),
        offset_minutes: 480,
        venue: world.venue,
        me: fixture::staff(by),
        role_of: &role_of,
        pack: Pack::of(VenueKind::Fitness),
        paper_number: None,
    };
    audit::changed_owner(RecordId::from_bytes([5; 16]), None, fixture::staff(2), "check_identity", entry, &scene)
}

/// A change by somebody that holds an edit of another's making.
fn change(world: &World, tablet: &Tablet, author: u8, edit: Edit) -> Ranked {
    let change = tablet.change(author, &world.desk(), edit.record, world.now(), &[]);
    Ranked { change: Change::new(change.change.header.clone(), vec![edit], &mut Seeded::new(5)), ..change }
}

#[tokio::test]
async fn the_log_goes_to_those_who_read_it_and_to_nobody_else() {
    let world = world().await;
    // Somebody who looks at numbers and does not read the log.
    let supervisor = world.tablet_of(6).await;
    let entry = supervisor.new_record(world.now());
    supervisor.journal.append(&change(&world, &supervisor, 6, look(&world, 6, entry))).await.unwrap();
    supervisor.settle().await;
    for (staff, reads) in
        [(7, true), (8, true), (9, true), (10, true), (CONSULTANT, false), (2, false), (DESK, false), (6, false)]
    {
        let tablet = world.tablet_of(staff).await;
        tablet.settle().await;
        let kept = tablet.journal.kept();
        assert_eq!(kept.since.contains_key(&privacy(&world)), reads, "{staff}");
        let seen = kept.accepted.iter().flat_map(|change| change.change.edits()).any(|edit| edit.record == entry);
        assert_eq!(seen, reads, "{staff}");
    }
    let kept = world.ledger.records(world.organisation(), Some(audit::KIND), None, 10).await.unwrap();
    let kept = audit::entry(&kept[0]).unwrap();
    assert_eq!((kept.deed, &*kept.by), (Deed::ChangedOwner, &*fixture::staff(6).to_string()));
}

#[tokio::test]
async fn nobody_writes_under_anothers_name_or_over_an_entry() {
    let world = world().await;
    let tablet = world.tablet_of(DESK).await;
    let entry = tablet.new_record(world.now());
    let verdict = async |counter, change: &Ranked| {
        let answer = tablet.push(&push(counter, vec![WireChange::from(change)])).await;
        answer.verdicts[0].clone()
    };
    let forged = verdict(1, &change(&world, &tablet, DESK, look(&world, CONSULTANT, entry))).await;
    assert!(matches!(&forged, Verdict::Refused { reason: Refusal::Invalid { field, .. }, .. } if field == "by"));
    let own = verdict(2, &change(&world, &tablet, DESK, look(&world, DESK, entry))).await;
    assert!(matches!(own, Verdict::Accepted { .. }));
    let mut taken_back = look(&world, DESK, entry);
    taken_back.writes.push(schema::write("person", "withdrawn", true));
    let refused = verdict(3, &change(&world, &tablet, DESK, taken_back)).await;
    assert!(
        matches!(&refused, Verdict::Refused { reason: Refusal::Invalid { field, .. }, .. } if field == "withdrawn")
    );
    // Another's second hand in it is let in, and seen.
    let second = verdict(4, &change(&world, &tablet, CONSULTANT, look(&world, CONSULTANT, entry))).await;
    assert!(matches!(second, Verdict::Accepted { .. }));
    let kept = world.ledger.records(world.organisation(), Some(audit::KIND), None, 10).await.unwrap();
    let kept = audit::entry(&kept[0]).unwrap();
    assert_eq!((&*kept.by, kept.is_doubtful), (&*fixture::staff(DESK).to_string(), true));
}
