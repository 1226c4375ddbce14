use std::borrow::Cow;

use super::*;
use crate::{
    audience::Audience, change::Ranked, fixture, merge, merge::Records, pack::VenueKind, stamp::Stamp,
    workflow::is_actor,
};

/// What the endpoint holds, and what it says of changes that are offered.
struct House {
    work: &'static Work,
    pack: &'static Pack,
    records: Records,
    written: BTreeMap<(ChangeId, RecordId), Written>,
}

/// A change to one record: its number, who made it, what it makes of the state, and what it saw.
struct Offer {
    number: u8,
    by: u8,
    kind: &'static str,
    group: Vec<(&'static str, Value)>,
    saw: Vec<u8>,
    fields: Vec<(&'static str, Value)>,
}

const RECORD: u8 = 90;
const OTHER: u8 = 91;

fn id(number: u8) -> ChangeId {
    ChangeId::from_bytes(fixture::id_bytes(number))
}

fn record(number: u8) -> RecordId {
    RecordId::from_bytes(fixture::id_bytes(number))
}

fn offer(number: u8, by: u8, kind: &'static str, state: &'static str, saw: &[u8]) -> Offer {
    let me = fixture::staff(by).to_string();
    let group = vec![("state", state.into()), ("by", me.into()), ("at", Millis(i64::from(number)).into())];
    Offer { number, by, kind, group, saw: saw.into(), fields: Vec::new() }
}

impl Offer {
    fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((key, value.into()));
        self
    }

    fn beside(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.group.retain(|(other, _)| *other != key);
        self.group.push((key, value.into()));
        self
    }

    fn edit(&self, of: u8) -> Edit {
        let values = self.group.iter().map(|(key, value)| (Key::of(key), value.clone())).collect();
        let mut writes =
            vec![schema::write_group(self.kind, PROGRESS, values, self.saw.iter().copied().map(id).collect())];
        writes.extend(self.fields.iter().map(|(key, value)| schema::write(self.kind, key, value.clone())));
        let audience = Audience::Desk(fixture::venue());
        Edit { record: record(of), kind: Key::of(self.kind), audience, salt: [0; 8], writes }
    }

    fn change(&self, edits: Vec<Edit>) -> Change {
        let mut change = fixture::change(self.number, edits);
        change.header.author = fixture::staff(self.by);
        change
    }
}

impl House {
    fn new() -> Self {
        let (work, pack) = (Work::of(VenueKind::Fitness), Pack::of(VenueKind::Fitness));
        Self { work, pack, records: Records::new(), written: BTreeMap::new() }
    }

    fn says(&self, change: &Change, role: Role) -> Result<(), Why> {
        let ground = Ground {
            work: self.work,
            pack: self.pack,
            lookup: &|id| self.records.get(&id).map(Cow::Borrowed),
            written_by: &|change, record| self.written.get(&(change, record)).cloned(),
        };
        check(change, role, &ground).map_err(|fault| fault.why)
    }

    fn judge(&self, offer: &Offer, role: Role) -> Result<(), Why> {
        self.says(&offer.change(vec![offer.edit(RECORD)]), role)
    }

    /// Keeps it whatever it is.
    fn keep(&mut self, offer: &Offer) {
        self.keep_change(&offer.change(vec![offer.edit(RECORD)]));
    }

    fn keep_change(&mut self, change: &Change) {
        for (edit, values, replaces) in states_written(change) {
            let written = Written { values: values.clone(), replaces: replaces.to_vec() };
            self.written.insert((change.id(), edit.record), written);
        }
        let stamp = Stamp::from_number(u64::from(fixture::id_bytes(0)[0]) + self.written.len() as u64);
        merge::take_in(&mut self.records, &Ranked::provisional(stamp, change.clone()));
    }

    /// A refund that has come to the company, which decides.
    fn with_refund(fields: &[(&'static str, Value)]) -> Self {
        let mut house = Self::new();
        let mut refund = offer(1, 1, "refund", "level4", &[]);
        refund.fields = fields.to_vec();
        house.keep(&refund);
        house
    }
}

fn decided() -> Offer {
    offer(2, 9, "refund", "approved_refund", &[1]).with("level4_result", "refund").with("final_amount", 100_000)
}

fn not_from(states: &[&str]) -> Result<(), Why> {
    Err(Why::NotFrom { states: states.iter().map(|state| Box::from(*state)).collect() })
}

fn missing(fields: &[&str]) -> Result<(), Why> {
    Err(Why::Missing { fields: fields.iter().map(|field| Box::from(*field)).collect() })
}

#[test]
fn a_step_is_its_posts_and_nobody_elses() {
    let house = House::with_refund(&[]);
    assert_eq!(house.judge(&decided(), Role::Hq), Ok(()));
    for role in [Role::Consultant, Role::StoreManager, Role::Cashier] {
        assert_eq!(house.judge(&decided(), role), Err(Why::NotYours { by: vec!["hq".into()] }), "{}", role.key());
    }
    // Nor under the name of somebody whose it is.
    let as_another = decided().beside("by", fixture::staff(8).to_string());
    assert!(matches!(house.judge(&as_another, Role::Hq), Err(Why::NotYours { .. })));
}

#[test]
fn a_step_begins_where_its_author_saw_the_record() {
    let mut house = House::with_refund(&[]);
    let paid = offer(3, 6, "refund", "paid_out", &[1]).with("card_returned", true).with("refund_method", "cash");
    assert_eq!(house.judge(&paid, Role::Cashier), not_from(&["level4"]));
    let begun = offer(3, 6, "refund", "paid_out", &[]);
    assert_eq!(house.judge(&begun, Role::Cashier), not_from(&[]));
    house.keep(&decided());
    let paid = Offer { saw: vec![2], ..paid };
    assert_eq!(house.judge(&paid, Role::Cashier), Ok(()));
    // What the record is by now does not count: this one did not see it.
    let other = offer(4, 9, "refund", "rejected", &[1]).with("level4_result", "rejected").beside("reason", "过期");
    assert_eq!(house.judge(&other, Role::Hq), Ok(()));
    // Naming an older write beside the one that replaced it leads nowhere.
    let both = Offer { saw: vec![1, 2], ..other };
    assert_eq!(house.judge(&both, Role::Hq), not_from(&["approved_refund"]));
}

#[test]
fn two_desks_that_did_not_see_each_other_are_both_taken() {
    let mut house = House::with_refund(&[]);
    house.keep(&offer(2, 9, "refund", "rejected", &[1]));
    // The record was decided meanwhile, and the field was emptied: the author saw neither.
    house.keep_change(&fixture::change(
        5,
        vec![Edit { writes: vec![schema::write("refund", "final_amount", Value::Empty)], ..decided().edit(RECORD) }],
    ));
    let mine = Offer { number: 6, fields: vec![("level4_result", "refund".into())], ..decided() };
    assert_eq!(house.judge(&mine, Role::Hq), Ok(()));
    let emptied = mine.with("final_amount", Value::Empty);
    assert_eq!(house.judge(&emptied, Role::Hq), missing(&["final_amount"]));
}

#[test]
fn what_a_step_needs_was_filled_in_some_time() {
    let house = House::with_refund(&[("final_amount", 100_000.into())]);
    let offered = Offer { fields: Vec::new(), ..decided() };
    assert_eq!(house.judge(&offered, Role::Hq), missing(&["level4_result"]));
    assert_eq!(house.judge(&offered.with("level4_result", "refund"), Role::Hq), Ok(()));
    // What this very change fills in has to be what is needed.
    let offered = Offer { fields: Vec::new(), ..decided() }.with("level4_result", "rejected");
    assert_eq!(house.judge(&offered, Role::Hq), missing(&["level4_result"]));
    let unsaid = offer(2, 9, "refund", "rejected", &[1]).with("level4_result", "rejected");
    assert_eq!(house.judge(&unsaid, Role::Hq), missing(&["reason"]));
    assert_eq!(house.judge(&unsaid.beside("reason", "已用完"), Role::Hq), Ok(()));
}

#[test]
fn what_goes_on_from_something_that_is_not_here_is_judged_by_its_post() {
    let house = House::with_refund(&[]);
    let mut offered = decided();
    offered.saw = vec![77];
    assert_eq!(house.judge(&offered, Role::Hq), Ok(()));
    assert_eq!(house.judge(&offered, Role::Consultant), Err(Why::NothingBefore));
}

#[test]
fn what_the_clock_has_done_since_needs_no_writing_down() {
    let mut house = House::new();
    house.keep(&offer(1, 2, "membership", "active", &[]));
    // Expired for the author, whose clock nobody knows; renewed in the same save.
    let renewed = offer(2, 2, "membership", "active", &[1]).with("renewed_on", crate::time::Day::from_number(20_000));
    assert_eq!(house.judge(&renewed, Role::FrontDesk), Ok(()));
    assert!(matches!(house.judge(&renewed, Role::Consultant), Err(Why::NotYours { .. })));
    // The clock's own step is nobody's.
    let expired = offer(2, 2, "membership", "expired", &[1]).beside("end_on", crate::time::Day::from_number(20_000));
    assert!(matches!(house.judge(&expired, Role::StoreManager), Err(Why::NotYours { .. })));
}

#[test]
fn a_card_goes_along_with_a_paper_and_not_by_itself() {
    let mut house = House::new();
    house.keep(&offer(1, 1, "refund", "approved_refund", &[]).with("membership", record(OTHER)));
    let card = offer(2, 1, "membership", "active", &[]);
    house.keep_change(&card.change(vec![card.edit(OTHER)]));
    let paid = offer(3, 6, "refund", "paid_out", &[1]).with("card_returned", true).with("refund_method", "cash");
    let goes = offer(3, 6, "membership", "refunded", &[2]);
    let both = paid.change(vec![paid.edit(RECORD), goes.edit(OTHER)]);
    assert_eq!(house.says(&both, Role::Cashier), Ok(()));
    // Another card than the paper's goes nowhere, nor one that another post takes along.
    let elsewhere = paid.change(vec![paid.edit(RECORD), offer(3, 6, "membership", "upgraded", &[2]).edit(OTHER)]);
    assert!(matches!(house.says(&elsewhere, Role::Cashier), Err(Why::NotYours { .. })));
    let alone = goes.change(vec![goes.edit(OTHER)]);
    assert_eq!(house.says(&alone, Role::Cashier), Ok(()), "the cashier may take this step by itself");
    assert!(matches!(house.says(&alone, Role::FrontDesk), Err(Why::NotYours { .. })));
    // A card that a contract makes is whoever's the contract's step is; one out of nothing is the desk's.
    let made = offer(4, 1, "membership", "pending", &[]).with("contract", record(RECORD));
    assert_eq!(house.says(&made.change(vec![made.edit(92)]), Role::FrontDesk), Ok(()));
    assert!(matches!(house.says(&made.change(vec![made.edit(92)]), Role::Consultant), Err(Why::NotYours { .. })));
}

#[test]
fn a_case_is_its_owners_unless_somebody_may_have_handed_it_over() {
    let mut house = House::new();
    let owner = fixture::staff(3).to_string();
    house.keep(&offer(1, 3, "case", "new", &[]).beside("owner", &*owner).with("content", "水凉"));
    let answered = |by| offer(2, by, "case", "responded", &[1]).beside("owner", &*owner);
    assert_eq!(house.judge(&answered(3), Role::FrontDesk), Ok(()));
    assert!(matches!(house.judge(&answered(4), Role::FrontDesk), Err(Why::NotYours { .. })));
    assert_eq!(house.judge(&answered(4), Role::CsSupervisor), Ok(()));
    // Who took it in is a field that anybody may alter: it speaks for them, never against them.
    house.keep_change(&fixture::change(
        5,
        vec![Edit {
            writes: vec![schema::write("case", "received_by", fixture::staff(4).to_string())],
            ..answered(3).edit(RECORD)
        }],
    ));
    assert_eq!(house.judge(&answered(4), Role::FrontDesk), Ok(()));
}

#[test]
fn fields_are_corrected_where_they_stand_and_sides_are_taken_by_who_leads() {
    let mut house = House::with_refund(&[]);
    // A member of the group that no form has is nobody's to alter, nor who brought the state about.
    let mut same = offer(1, 1, "refund", "level4", &[1]);
    same.number = 2;
    assert_eq!(house.judge(&same, Role::Consultant), Ok(()), "as it was");
    let climbed = same.beside("level", 4);
    assert!(house.judge(&climbed, Role::Consultant).is_err());
    house.keep(&offer(3, 9, "refund", "approved_refund", &[1]));
    house.keep(&offer(4, 8, "refund", "rejected", &[1]));
    let side = Offer { number: 5, saw: vec![3, 4], ..offer(3, 9, "refund", "approved_refund", &[]) };
    assert_eq!(house.judge(&side, Role::StoreManager), Ok(()));
    assert!(house.judge(&side, Role::Consultant).is_err());
    let neither = side.beside("state", "retained");
    assert!(house.judge(&neither, Role::CsSupervisor).is_err());
}

#[test]
fn every_step_of_every_machine_is_open_to_its_posts_only() {
    let mut judged = 0;
    for kind in [VenueKind::Fitness, VenueKind::Sports] {
        let mut house = House { work: Work::of(kind), pack: Pack::of(kind), ..House::new() };
        for machine in house.work.machines.iter().filter(|machine| &*machine.place == PROGRESS) {
            for (step, from) in machine.steps.iter().flat_map(|step| step.from.iter().map(move |from| (step, from))) {
                let kind = schema::kind(&machine.records[0]).unwrap().key;
                let text = |text: &str| Value::from(text);
                house.records.clear();
                house.keep(&offer(1, 1, kind, "", &[]).beside("state", text(from)));
                let taken = offer(2, 2, kind, "", &[1]).beside("state", text(&step.to));
                for role in Role::ALL {
                    let posts = [role.key()];
                    let actor = Actor::Staff { id: fixture::staff(2), posts: &posts };
                    let said = house.judge(&taken, *role);
                    let name = format!("{} {} {}: {said:?}", machine.id, step.key, role.key());
                    if may(step, actor, &|_| None) {
                        assert!(matches!(said, Ok(()) | Err(Why::Missing { .. })), "{name}");
                    }
                    // Whatever else leads there from any state.
                    let leads_there = |other: &&Step| other.to == step.to;
                    let mut others = machine.steps.iter().filter(leads_there).flat_map(|step| &step.by);
                    if !others.any(|by| is_actor(by, actor, &|_| None)) && step.to != *from {
                        assert!(matches!(said, Err(Why::NotYours { .. } | Why::NotFrom { .. })), "{name}");
                    }
                    judged += 1;
                }
            }
        }
    }
    assert!(judged > 5_000, "{judged}");
}

/// Source: R-145.
#[test]
fn an_export_is_written_down_by_somebody_who_approves_exports() {
    let house = House::new();
    let done = offer(1, 1, "export", "executed", &[]);
    for role in [Role::StoreManager, Role::Hq, Role::PrivacyOfficer] {
        assert_eq!(house.judge(&done, role), Ok(()), "{role:?}");
    }
    for role in [Role::Consultant, Role::CsManager, Role::SystemAdmin] {
        assert!(house.judge(&done, role).is_err(), "{role:?}");
    }
    // One that was only asked for is anybody's to begin.
    assert_eq!(house.judge(&offer(2, 1, "export", "draft", &[]), Role::CsManager), Ok(()));
}
