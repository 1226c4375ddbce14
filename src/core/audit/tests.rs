use expect_test::expect;

use super::*;
use crate::{
    audience::Role,
    change::{Ranked, Write},
    fixture,
    merge::{self, Records},
    pack::{Pack, VenueKind},
    schema,
    stamp::Stamp,
    work::Work,
};

fn role_of(_: StaffId) -> Option<Role> {
    Some(Role::StoreManager)
}

fn scene() -> Scene<'static> {
    Scene {
        now: fixture::NOW,
        offset_minutes: 480,
        venue: fixture::venue(),
        me: fixture::staff(1),
        role_of: &role_of,
        pack: Pack::of(VenueKind::Fitness),
        paper_number: None,
    }
}

fn id(number: u8) -> RecordId {
    RecordId::from_bytes(fixture::id_bytes(number))
}

fn edit(number: u8, kind: &'static str, writes: Vec<Write>) -> Edit {
    Edit { record: id(number), kind: Key::of(kind), writes, ..fixture::person_edit(0, Vec::new()) }
}

fn take_in(records: &mut Records, number: u8, edits: Vec<Edit>) {
    let stamp = Stamp::at(fixture::NOW.plus(i64::from(number)));
    merge::take_in(records, &Ranked::provisional(stamp, fixture::change(number, edits)));
}

/// A leave of person 1.
fn leave() -> Record {
    let mut records = Records::new();
    take_in(&mut records, 9, vec![edit(2, "leave", vec![schema::write("leave", "person", id(1))])]);
    records.remove(&id(2)).unwrap()
}

#[test]
fn steps_that_decide_are_those_of_who_approves() {
    let all = [VenueKind::Fitness, VenueKind::Sports].map(|kind| {
        let mut found = Vec::new();
        for machine in &Work::of(kind).machines {
            let steps = machine.steps.iter().filter(|step| decides(step, &machine.records[0]));
            found.extend(steps.map(|step| format!("{}.{}", machine.id, step.key)));
        }
        found.sort();
        found.join(" ")
    });
    expect![[r#"
        SM-08.reject SM-08.sign_ordinary SM-08.sign_special SM-08.sign_store SM-10.approve SM-10.level_2 SM-10.level_3 SM-10.level_4 SM-10.reject SM-10.retain_2 SM-10.retain_3 SM-10.retain_4 SM-10.retain_late SM-27.approve SM-27.reject SM-28.approve SM-32.approve SM-32.reject
        SM-27.approve SM-27.reject SM-28.approve SM-32.approve SM-32.reject"#]].assert_eq(&all.join("\n"));
}

#[test]
fn a_look_says_who_saw_what_of_whom_and_what_for() {
    let looked = looked(Deed::SawNumber, &leave(), "id_no", "guest_asked", id(3), &scene());
    assert_eq!(looked.audience, Audience::Circle(fixture::venue(), circle::PRIVACY.into()));
    let mut records = Records::new();
    take_in(&mut records, 4, vec![looked]);
    let entry = entry(&records[&id(3)]).unwrap();
    assert_eq!((entry.deed, entry.at, &*entry.by), (Deed::SawNumber, fixture::NOW, &*fixture::staff(1).to_string()));
    assert_eq!((entry.of, entry.of_kind.as_deref(), entry.person), (Some(id(2)), Some("leave"), Some(id(1))));
    assert_eq!((&*entry.what, &*entry.reason, entry.is_doubtful), ("id_no", "guest_asked", false));
}

#[test]
fn a_change_of_owner_names_both_and_a_long_reason_is_cut() {
    let (from, to) = (fixture::staff(2), fixture::staff(3));
    let edit = changed_owner(id(1), Some(from), to, &"长".repeat(300), id(3), &scene());
    let change = fixture::change(4, vec![edit]);
    assert_eq!(schema::check_change(&change), Ok(()));
    let mut records = Records::new();
    merge::take_in(&mut records, &Ranked::provisional(Stamp::at(fixture::NOW), change));
    let entry = entry(&records[&id(3)]).unwrap();
    assert_eq!(entry.owners, [from, to].map(|staff| Some(staff.to_string().into())));
    assert_eq!((entry.deed, entry.person, entry.reason.chars().count()), (Deed::ChangedOwner, Some(id(1)), 200));
}

#[test]
fn what_was_exported_is_read_from_the_export_itself() {
    let group = |state: &'static str| {
        let values = [("state", Value::from(state)), ("at", fixture::NOW.into()), ("by", "x".into())];
        schema::write_group("export", PROGRESS, values.map(|(key, value)| (Key::of(key), value)).into(), Vec::new())
    };
    let writes = |state| {
        let by = fixture::staff(1).to_string();
        vec![
            schema::write("export", "author", &*by),
            schema::write("export", "scope", "RP-25"),
            schema::write("export", "reason_text", "季度检查"),
            group(state),
        ]
    };
    let mut records = Records::new();
    take_in(&mut records, 1, vec![edit(1, "export", writes("executed")), edit(2, "export", writes("submitted"))]);
    let done = entry(&records[&id(1)]).unwrap();
    assert_eq!((done.deed, done.at, &*done.what, &*done.reason), (Deed::Exported, fixture::NOW, "RP-25", "季度检查"));
    assert_eq!(entry(&records[&id(2)]), None, "nothing left the club yet");
}

#[test]
fn an_entry_that_was_written_to_again_is_doubtful() {
    let mut records = Records::new();
    take_in(&mut records, 4, vec![looked(Deed::SawNumber, &leave(), "id_no", "guest_asked", id(3), &scene())]);
    let other = vec![schema::write(KIND, "by", fixture::staff(7).to_string())];
    take_in(&mut records, 5, vec![edit(3, KIND, other)]);
    let entry = entry(&records[&id(3)]).unwrap();
    assert!(entry.is_doubtful);
    assert_eq!(&*entry.by, &*fixture::staff(1).to_string(), "who was written first still stands");
}

#[test]
fn an_entry_is_its_authors_own_written_once_and_for_its_circle() {
    let good = || looked(Deed::SawHealth, &leave(), "evidence", "do_paperwork", id(3), &scene());
    let checked = |alter: &dyn Fn(&mut Edit)| {
        let mut edit = good();
        alter(&mut edit);
        check(&fixture::change(4, vec![edit])).map_err(|fault| (fault.field.to_string(), fault.code))
    };
    assert_eq!(fixture::change(4, vec![good()]).header.author, fixture::staff(1));
    assert_eq!(checked(&|_| {}), Ok(()));
    let by_another = |edit: &mut Edit| {
        edit.writes.retain(|write| write.key.as_str() != "by");
        edit.writes.push(schema::write(KIND, "by", fixture::staff(2).to_string()));
    };
    assert_eq!(checked(&by_another), Err(("by".into(), FaultCode::OutOfBounds)));
    let nobody = |edit: &mut Edit| edit.writes.retain(|write| write.key.as_str() != "by");
    assert_eq!(checked(&nobody), Err(("by".into(), FaultCode::OutOfBounds)));
    let taken_back = |edit: &mut Edit| {
        edit.writes.push(Write { key: Key::of("withdrawn"), op: Op::Latest(true.into()) });
    };
    assert_eq!(checked(&taken_back), Err(("withdrawn".into(), FaultCode::MergeKind)));
    let elsewhere = |edit: &mut Edit| edit.audience = Audience::Desk(fixture::venue());
    assert_eq!(checked(&elsewhere), Err(("of".into(), FaultCode::OutOfBounds)));
}

#[test]
fn who_reads_the_log_is_who_holds_its_circle() {
    let holds = |role: Role| {
        let circle = Audience::Circle(fixture::venue(), circle::PRIVACY.into());
        crate::audience::may_hold(fixture::staff(1), role, fixture::venue(), &circle)
    };
    let reading: Vec<&str> = Role::ALL.iter().filter(|role| reads(&[role.key()])).map(|role| role.key()).collect();
    expect!["store_manager centre_director hq system_admin privacy_officer"].assert_eq(&reading.join(" "));
    assert!(Role::ALL.iter().all(|role| reads(&[role.key()]) == holds(*role)));
}
