//! Builders for tests: fixed, dull values, and changes drawn from chance.
//!
//! Kept in the crate so that the endpoint's tests and the simulator draw from the same.

use std::collections::BTreeMap;

use crate::{
    audience::Audience,
    chance::{Chance, Seeded},
    change::{Change, Edit, Header, Key, Op, Ranked, Write},
    id::{ChangeId, DeviceNumber, OrganisationId, RecordId, StaffId, VenueId},
    merge,
    record::Record,
    schema,
    stamp::Stamp,
    time::Millis,
    value::Value,
    workflow::PROGRESS,
};

/// 2026-11-22 10:00 in Shanghai.
pub const NOW: Millis = Millis(1_795_312_800_000);

/// The public point of the P-256 generator: a valid recovery key whose secret is 1.
pub const RECOVERY_KEY: [u8; 65] = [
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03,
    0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe,
    0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce,
    0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

/// An id that is the same in every run.
#[must_use]
pub fn id_bytes(number: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[0] = 1;
    bytes[15] = number;
    bytes
}

#[must_use]
pub fn venue() -> VenueId {
    VenueId::from_bytes(id_bytes(1))
}

#[must_use]
pub fn staff(number: u8) -> StaffId {
    StaffId::from_bytes(id_bytes(number))
}

#[must_use]
pub fn organisation() -> OrganisationId {
    OrganisationId::from_bytes(id_bytes(9))
}

/// A change of one edit, by staff 1 on device 7.
#[must_use]
pub fn change(number: u8, edits: Vec<Edit>) -> Change {
    let header = Header {
        id: ChangeId::from_bytes(id_bytes(number)),
        organisation: organisation(),
        author: staff(1),
        device: DeviceNumber(7),
        made_at: NOW,
        clock_offset_ms: 0,
        pack: 1,
        form: "F-03".into(),
    };
    Change::new(header, edits, &mut Seeded::new(u64::from(number)))
}

/// An edit of a person of staff 1.
#[must_use]
pub fn person_edit(record: u8, writes: Vec<(&'static str, Op)>) -> Edit {
    Edit {
        record: RecordId::from_bytes(id_bytes(record)),
        kind: Key::of("person"),
        audience: Audience::Own(venue(), staff(1)),
        salt: [0; 8],
        writes: writes.into_iter().map(|(key, op)| Write { key: Key::of(key), op }).collect(),
    }
}

/// A record of a kind that has a schema, with these fields, in a state of its machine where one is named.
#[must_use]
pub fn record_of(number: u8, kind: &'static str, state: Option<&str>, fields: Vec<(&str, Value)>) -> Record {
    let mut writes: Vec<Write> = fields.into_iter().map(|(key, value)| schema::write(kind, key, value)).collect();
    if let Some(state) = state {
        let group = BTreeMap::from([(Key::of("state"), state.into())]);
        writes.push(schema::write_group(kind, PROGRESS, group, Vec::new()));
    }
    let edit = Edit { kind: Key::of(kind), writes, ..person_edit(number, Vec::new()) };
    let rank = Ranked::provisional(Stamp::at(NOW), change(number, vec![edit.clone()])).rank();
    let mut record = merge::begin(rank, &edit);
    merge::apply(&mut record, rank, &edit);
    record
}

/// Somebody's phone number and name.
#[must_use]
pub fn phone_change() -> Ranked {
    let edit = person_edit(
        5,
        vec![
            ("phone", Op::Latest("+8613800138000".into())),
            ("name", Op::Latest("李娜".into())),
            ("interests", Op::Add("yoga".into())),
        ],
    );
    Ranked::provisional(Stamp::at(NOW), change(3, vec![edit]))
}

/// One change that touches two audiences.
#[must_use]
pub fn two_audience_change() -> Change {
    let own = person_edit(5, vec![("name", Op::Latest("李娜".into()))]);
    let desk =
        Edit { audience: Audience::Desk(venue()), ..person_edit(6, vec![("name", Op::Latest("王芳".into()))]) };
    change(4, vec![own, desk])
}

/// Some changes to few records by few devices, of every merge kind, so that they collide.
///
/// # Errors
/// When `u` has run out of data.
pub fn changes(u: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Vec<Ranked>> {
    let count = u.int_in_range(1..=12)?;
    (0..count).map(|number| ranked(u, number)).collect()
}

/// What a merge kind makes of a value.
type MakeOp = fn(Value) -> Op;

fn ranked(u: &mut arbitrary::Unstructured<'_>, number: u8) -> arbitrary::Result<Ranked> {
    let record = u.int_in_range(20..=22)?;
    let mut edit = person_edit(record, Vec::new());
    if u.ratio(1, 6)? {
        edit.audience = Audience::Desk(venue());
    }
    let choices: [(&str, MakeOp); 5] = [
        ("name", Op::Latest),
        ("owner", Op::First),
        ("card_no", Op::Once),
        ("interests", Op::Add),
        ("interests", Op::Remove),
    ];
    for (key, op) in choices {
        let unknown_to_this_version = u.ratio(1, 8)?;
        if u.ratio(1, 2)? && !edit.writes.iter().any(|write| write.key.as_str() == key) {
            let key = if unknown_to_this_version { "from_a_later_version" } else { key };
            if !edit.writes.iter().any(|write| write.key.as_str() == key) {
                edit.writes.push(Write { key: Key::of(key), op: op(value(u)?) });
            }
        }
    }
    if u.ratio(1, 4)? {
        edit.writes.push(Write { key: Key::of("do_not_contact"), op: Op::Sticky(Value::Bool(u.arbitrary()?)) });
    }
    if u.ratio(1, 3)? {
        let values = BTreeMap::from([(Key::of("state"), value(u)?)]);
        let replaces = (0..number).filter(|_| u.ratio(1, 3).unwrap_or(false)).map(change_id).collect();
        edit.writes.push(Write { key: Key::of("membership"), op: Op::Guarded { values, replaces } });
    }
    let header = Header {
        id: change_id(number),
        organisation: organisation(),
        author: staff(1),
        device: DeviceNumber(u.int_in_range(1..=3)?),
        made_at: Millis(u.int_in_range(-10..=2_000_000_000_000)?),
        clock_offset_ms: u.int_in_range(-5_000..=5_000)?,
        pack: 1,
        form: "F-03".into(),
    };
    let mut salt = Seeded::new(u64::from(number));
    salt.next_u64();
    // Few different stamps, so that they tie.
    let stamp = Stamp::at(Millis(1_000 + u.int_in_range(0..=3)?));
    Ok(Ranked::provisional(stamp, Change::new(header, vec![edit], &mut salt)))
}

fn change_id(number: u8) -> ChangeId {
    ChangeId::from_bytes(id_bytes(100 + number))
}

fn value(u: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Value> {
    Ok(match u.int_in_range(0..=5)? {
        0 => Value::Empty,
        1 => "甲".into(),
        2 => "乙".into(),
        3 => Value::Int(u.arbitrary()?),
        4 => Value::At(Millis(u.arbitrary()?)),
        _ => Value::List(vec![Value::Bool(true), Value::Bytes(Box::from([0, 255]))]),
    })
}
