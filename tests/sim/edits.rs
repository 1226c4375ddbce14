//! What people type: writes of every merge kind, to few records and with few values, so that they collide.

use std::collections::BTreeMap;

use yingke_core::{
    audience::Audience,
    chance::Seeded,
    change::{Edit, Key, Op, Write},
    conflict, fixture,
    id::{RecordId, StaffId},
    journal::Journal,
    probe,
    replica::Replica,
    schema,
    time::Millis,
    value::Value,
};
use yingke_server::house::House;

use crate::tablet::{Tablet, quietly};

/// A kind of record and a field of each merge kind that this version's schema does not know: a newer app wrote it.
pub const LATER_KIND: &str = "from_a_later_version";
const LATER: [&str; 6] = ["later.latest", "later.first", "later.sticky", "later.once", "later.set", "later.group"];

/// The edits of one save, or nothing when there is nowhere to write.
pub fn draw(house: &House, tablet: &Tablet, tab: usize, author: StaffId, dice: &mut Seeded) -> Option<Vec<Edit>> {
    let replica = &tablet.tabs[tab].replica;
    let held = tablet.keys.get(&author)?;
    let mut edits: Vec<Edit> = Vec::new();
    if dice.below(8) == 0 {
        let in_conflict = replica.conflicts().next();
        if let Some((record, key)) = in_conflict
            && !conflict::sides(replica, record, key.as_str()).is_empty()
        {
            probe::note("branch: a conflict is settled", true);
            edits.extend(conflict::settle(replica, record, &key, group(dice)));
        }
    }
    while edits.is_empty() || (edits.len() < 3 && dice.below(6) == 0) {
        let shown: Vec<RecordId> = ["person", LATER_KIND].iter().flat_map(|kind| replica.by_kind(kind)).collect();
        let known = (!shown.is_empty() && dice.below(6) > 0).then(|| shown[dice.below(shown.len() as u64) as usize]);
        let known = known.and_then(|id| replica.record(id));
        let (record, kind, audience) = match known {
            Some(record) if dice.below(10) == 0 => {
                probe::note("branch: a record that several audiences have something of", true);
                (record.id, record.kind().clone(), audience(house, tablet, author, dice)?)
            }
            Some(record) => (record.id, record.kind().clone(), record.audience().clone()),
            None => {
                let kind = if dice.below(3) == 0 { LATER_KIND } else { "person" };
                (RecordId::new(fixture::NOW, dice), Key::of(kind), audience(house, tablet, author, dice)?)
            }
        };
        if edits.iter().any(|edit| edit.record == record) {
            continue;
        }
        probe::note("branch: a save that touches two audiences", edits.iter().any(|edit| edit.audience != audience));
        probe::note("branch: a save for people who do not read it", !held.contains(&audience));
        let writes = writes(replica, record, &kind, dice);
        edits.push(Edit { record, kind, audience, salt: [0; 8], writes });
    }
    if dice.below(6) == 0 {
        edits.push(numbered(tablet, tab, audience(house, tablet, author, dice)?, dice));
    }
    Some(edits)
}

/// An agreement with the numbers that the tablet gives next: its own, and a card's while any is left.
fn numbered(tablet: &Tablet, tab: usize, audience: Audience, dice: &mut Seeded) -> Edit {
    let numbers = quietly(&tablet.disk, tablet.tabs[tab].journal.numbers()).unwrap_or_default();
    let card = numbers.next_card(|_| false);
    probe::note("branch: a card has its number", card.is_some());
    let paper = numbers.next_paper("W01", tablet.number, fixture::NOW.day(0));
    let mut writes = vec![schema::write("agreement", "agreement_no", paper)];
    writes.extend(card.map(|card| schema::write("agreement", "card_no", card)));
    Edit { record: RecordId::new(fixture::NOW, dice), kind: Key::of("agreement"), audience, salt: [0; 8], writes }
}

fn audience(house: &House, tablet: &Tablet, author: StaffId, dice: &mut Seeded) -> Option<Audience> {
    match dice.below(8) {
        0 => Some(Audience::Circle(tablet.venue, "health".into())),
        1 | 2 => Some(Audience::Desk(tablet.venue)),
        3 => {
            let place = dice.below(house.staff.len() as u64) as usize;
            house.staff.values().nth(place).map(|staff| Audience::Own(tablet.venue, staff.id))
        }
        _ => Some(Audience::Own(tablet.venue, author)),
    }
}

fn writes(replica: &Replica, record: RecordId, kind: &Key, dice: &mut Seeded) -> Vec<Write> {
    let mut by_key: BTreeMap<Key, Write> = BTreeMap::new();
    for _ in 0..=dice.below(3) {
        let write = if kind.as_str() == "person" && dice.below(5) > 0 {
            known(replica, record, dice)
        } else {
            probe::note("branch: a field that this version does not know", true);
            later(replica, record, dice)
        };
        by_key.insert(write.key.clone(), write);
    }
    by_key.into_values().collect()
}

fn known(replica: &Replica, record: RecordId, dice: &mut Seeded) -> Write {
    let code = ["yoga", "swim", "tennis"][dice.below(3) as usize];
    match dice.below(12) {
        0 => schema::write("person", "name", ["李娜", "王芳", "张顺利"][dice.below(3) as usize]),
        1 => schema::write("person", "note", format!("第 {} 次", dice.below(4))),
        2 => schema::write("person", "stage", ["new", "contacted", "won"][dice.below(3) as usize]),
        3 => schema::write("person", "next_contact_at", Millis(dice.below(3) as i64)),
        4 => schema::write("person", "source", code),
        5 => schema::write("person", "captured_at", Millis(dice.below(3) as i64)),
        6 => schema::write("person", "do_not_contact", dice.below(2) == 0),
        7 => schema::write("person", "interests", code),
        8 => schema::remove("person", "interests", code),
        9 => {
            probe::note("branch: what no form allows", true);
            Write { key: Key::of("phone"), op: Op::Latest(Value::Int(7)) }
        }
        _ => {
            let merged_into: Value = match dice.below(3) {
                0 => Value::Empty,
                other => RecordId::from_bytes(fixture::id_bytes(other as u8)).into(),
            };
            let values = BTreeMap::from([(Key::of("merged_into"), merged_into)]);
            schema::write_group("person", "merging", values, conflict::replaces(replica, record, "merging"))
        }
    }
}

fn later(replica: &Replica, record: RecordId, dice: &mut Seeded) -> Write {
    let place = dice.below(LATER.len() as u64) as usize;
    let value = Value::Int(dice.below(3) as i64);
    let op = match place {
        0 => Op::Latest(value),
        1 => Op::First(value),
        2 => Op::Sticky((dice.below(2) == 0).into()),
        3 => Op::Once(value),
        4 if dice.below(2) == 0 => Op::Add(value),
        4 => Op::Remove(value),
        _ => Op::Guarded { values: group(dice), replaces: conflict::replaces(replica, record, LATER[5]) },
    };
    Write { key: Key::of(LATER[place]), op }
}

/// The values of a group: few, so that two may want the same.
fn group(dice: &mut Seeded) -> BTreeMap<Key, Value> {
    BTreeMap::from([(Key::of("state"), Value::Int(dice.below(3) as i64))])
}
