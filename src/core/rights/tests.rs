use std::{borrow::Cow, fmt::Write as _};

use expect_test::{Expect, expect};

use super::*;
use crate::{
    change::Ranked,
    drill, fixture,
    id::ChangeId,
    merge::{self, Records},
    pack::{Pack, VenueKind},
    review::{Written, states_written},
    schema,
    stamp::Stamp,
    time::Millis,
};

/// What is there, and what may be written to it.
struct House {
    kind: VenueKind,
    records: Records,
    written: BTreeMap<(ChangeId, RecordId), Written>,
}

const RECORD: u8 = 90;
const GUEST: u8 = 91;

fn record(number: u8) -> RecordId {
    RecordId::from_bytes(fixture::id_bytes(number))
}

fn desk() -> Audience {
    Audience::Desk(fixture::venue())
}

fn edit(of: u8, kind: &'static str, fields: &[(&'static str, Value)]) -> Edit {
    let writes = fields.iter().map(|(key, value)| schema::write(kind, key, value.clone())).collect();
    Edit { record: record(of), kind: Key::of(kind), audience: desk(), salt: [0; 8], writes }
}

/// An edit that brings a record to a state, from what was seen, with members of its group.
fn step(of: u8, kind: &'static str, by: u8, to: &'static str, saw: &[u8], group: &[(&'static str, Value)]) -> Edit {
    let me = fixture::staff(by).to_string();
    let marks = [("state", to.into()), ("by", me.into()), ("at", Millis(i64::from(by) + saw.len() as i64).into())];
    let values = marks.iter().chain(group).map(|(key, value)| (Key::of(key), value.clone())).collect();
    let saw = saw.iter().map(|number| ChangeId::from_bytes(fixture::id_bytes(*number))).collect();
    let mut edit = edit(of, kind, &[]);
    edit.writes.push(schema::write_group(kind, PROGRESS, values, saw));
    edit
}

fn with(mut edit: Edit, fields: &[(&'static str, Value)]) -> Edit {
    let kind = edit.kind.as_str().to_owned();
    edit.writes.extend(fields.iter().map(|(key, value)| schema::write(&kind, key, value.clone())));
    edit
}

fn change(number: u8, by: u8, edits: Vec<Edit>) -> Change {
    let mut change = fixture::change(number, edits);
    change.header.author = fixture::staff(by);
    change
}

impl House {
    fn new(kind: VenueKind) -> Self {
        Self { kind, records: Records::new(), written: BTreeMap::new() }
    }

    /// A record in a state, with fields.
    fn with(kind: &'static str, state: &'static str, fields: &[(&'static str, Value)]) -> Self {
        let mut house = Self::new(VenueKind::Fitness);
        let begun = if state.is_empty() { edit(RECORD, kind, &[]) } else { step(RECORD, kind, 1, state, &[], &[]) };
        house.keep(&change(1, 1, vec![with(begun, fields)]));
        house
    }

    fn keep(&mut self, change: &Change) {
        let stamp = Stamp::from_number(1_000 + self.written.len() as u64);
        self.keep_at(&Ranked::provisional(stamp, change.clone()));
    }

    fn keep_at(&mut self, ranked: &Ranked) {
        for (edit, values, replaces) in states_written(&ranked.change) {
            let written = Written { values: values.clone(), replaces: replaces.to_vec() };
            self.written.insert((ranked.change.id(), edit.record), written);
        }
        merge::take_in(&mut self.records, ranked);
    }

    fn says(&self, change: &Change, role: Role) -> Result<(), Why> {
        let ground = Ground {
            work: Work::of(self.kind),
            pack: Pack::of(self.kind),
            lookup: &|id| self.records.get(&id).map(Cow::Borrowed),
            written_by: &|change, record| self.written.get(&(change, record)).cloned(),
        };
        check(change, role, &ground).map_err(|fault| fault.why)
    }

    fn judge(&self, by: u8, role: Role, edits: Vec<Edit>) -> Result<(), Why> {
        self.says(&change(2, by, edits), role)
    }
}

const MINE: u8 = 1;
const ANOTHERS: u8 = 2;
/// Who says so in the tables: nothing for a post that may not, `own` where only on what names it.
fn told(may: impl Fn(u8, Role) -> bool) -> String {
    let mut all: Vec<String> = Vec::new();
    for role in Role::ALL {
        match (may(MINE, *role), may(ANOTHERS, *role)) {
            (true, true) => all.push(role.key().into()),
            (true, false) => all.push(format!("{}(own)", role.key())),
            (false, true) => panic!("{} writes on another's and not on their own", role.key()),
            (false, false) => {}
        }
    }
    all.join(" ")
}

/// Who writes a field of a kind in its states, without a step.
fn check_table(
    kind: &'static str,
    states: &[&'static str],
    names: &'static str,
    field: (&'static str, Value),
    expected: Expect,
) {
    let mut table = String::new();
    for state in states {
        // Of what names nobody else, the last step does.
        let name = [(names, fixture::staff(MINE).to_string().into())];
        let house = House::with(kind, state, if names.is_empty() { &[] } else { &name });
        let may = |by, role| house.judge(by, role, vec![edit(RECORD, kind, std::slice::from_ref(&field))]).is_ok();
        let _ = writeln!(table, "{kind} {state}: {}", told(may));
    }
    expected.assert_eq(&table);
}

#[test]
fn an_agreement_is_its_consultants_and_the_desks_until_it_is_signed() {
    let states = ["draft", "awaiting_payment", "paid", "card_issued", "delivered", "cancelled"];
    check_table(
        "agreement",
        &states,
        "consultant",
        ("deal_price", 1.into()),
        expect![[r#"
        agreement draft: consultant(own) reception front_desk cs_specialist(own) sales_consultant(own)
        agreement awaiting_payment: 
        agreement paid: 
        agreement card_issued: 
        agreement delivered: 
        agreement cancelled: 
    "#]],
    );
}

#[test]
fn each_row_of_the_matrix_is_who_writes_there() {
    let note = || ("own_note", Value::from("好"));
    check_table(
        "person",
        &[""],
        "owner",
        note(),
        expect![[r#"
        person : consultant(own) reception front_desk front_desk_supervisor call_out call_in call_supervisor court_supervisor followup_agent cs_specialist(own) cs_supervisor cs_manager cs_senior_manager duty_manager store_manager sales_consultant(own) privacy_officer
    "#]],
    );
    check_table(
        "tracking",
        &[""],
        "agent",
        note(),
        expect![[r#"
        tracking : consultant(own) reception front_desk front_desk_supervisor call_out call_in call_supervisor court_supervisor followup_agent cs_specialist(own) cs_supervisor cs_manager cs_senior_manager duty_manager store_manager sales_consultant(own) privacy_officer
    "#]],
    );
    check_table(
        "visit",
        &[""],
        "host_staff",
        note(),
        expect![[r#"
        visit : consultant(own) reception front_desk front_desk_supervisor cashier(own) call_out(own) call_in(own) call_supervisor court_staff(own) court_supervisor followup_agent(own) cs_specialist(own) cs_supervisor cs_manager cs_senior_manager duty_manager store_manager centre_director(own) hq(own) sales_consultant(own) pt_manager(own) pt_coach(own) dept_head(own) dept_member(own) equipment_team(own) finance(own) hr(own) system_admin(own) privacy_officer(own)
    "#]],
    );
    check_table(
        "membership",
        &["active"],
        "owner",
        note(),
        expect![[r#"
        membership active: 
    "#]],
    );
    check_table(
        "payment",
        &[""],
        "cashier",
        note(),
        expect![[r#"
        payment : cashier finance
    "#]],
    );
    check_table(
        "leave",
        &["draft", "awaiting_desk", "approved"],
        "entered_by",
        note(),
        expect![[r#"
        leave draft: consultant(own) reception front_desk front_desk_supervisor call_out(own) call_in(own) followup_agent(own) cs_specialist(own) store_manager sales_consultant(own)
        leave awaiting_desk: reception front_desk front_desk_supervisor store_manager
        leave approved: 
    "#]],
    );
    check_table(
        "refund",
        &["applied", "level2", "approved_refund"],
        "",
        note(),
        expect![[r#"
        refund applied: consultant(own) reception front_desk cs_specialist(own) cs_supervisor store_manager hq sales_consultant(own)
        refund level2: consultant(own) cs_supervisor store_manager hq
        refund approved_refund: 
    "#]],
    );
    check_table(
        "transfer",
        &["draft", "reason_recorded", "agreement_signed"],
        "",
        note(),
        expect![[r#"
        transfer draft: consultant(own) reception front_desk call_out(own) call_in(own) followup_agent(own) cs_specialist(own) sales_consultant(own)
        transfer reason_recorded: consultant(own) reception front_desk cs_specialist(own) sales_consultant(own)
        transfer agreement_signed: 
    "#]],
    );
    check_table(
        "case",
        &["new", "in_progress"],
        "received_by",
        note(),
        expect![[r#"
        case new: consultant(own) reception front_desk front_desk_supervisor cashier(own) call_out call_in call_supervisor court_staff(own) court_supervisor followup_agent cs_specialist(own) cs_supervisor cs_manager cs_senior_manager duty_manager store_manager centre_director(own) hq(own) sales_consultant(own) pt_manager(own) pt_coach(own) dept_head(own) dept_member(own) equipment_team(own) finance(own) hr(own) system_admin(own) privacy_officer(own)
        case in_progress: consultant(own) reception(own) front_desk(own) front_desk_supervisor cashier(own) call_out call_in call_supervisor court_staff(own) court_supervisor followup_agent cs_specialist(own) cs_supervisor cs_manager cs_senior_manager duty_manager store_manager centre_director(own) hq(own) sales_consultant(own) pt_manager(own) pt_coach(own) dept_head(own) dept_member(own) equipment_team(own) finance(own) hr(own) system_admin(own) privacy_officer(own)
    "#]],
    );
    check_table(
        "rating",
        &[""],
        "low_handler",
        note(),
        expect![[r#"
        rating : 
    "#]],
    );
    check_table(
        "evaluation",
        &[""],
        "author",
        note(),
        expect![[r#"
        evaluation : front_desk_supervisor call_supervisor court_supervisor cs_supervisor cs_manager cs_senior_manager duty_manager hr
    "#]],
    );
    check_table(
        "fault",
        &["reported"],
        "team",
        note(),
        expect![[r#"
        fault reported: consultant reception front_desk front_desk_supervisor cashier call_out call_in call_supervisor court_staff court_supervisor followup_agent cs_specialist cs_supervisor cs_manager cs_senior_manager duty_manager store_manager centre_director hq sales_consultant pt_manager pt_coach dept_head dept_member equipment_team finance hr system_admin privacy_officer
    "#]],
    );
}

#[test]
fn who_begins_a_record_of_each_kind() {
    let mut table = String::new();
    for kind in [
        "person",
        "visit",
        "consultation",
        "tracking",
        "agreement",
        "membership",
        "payment",
        "renewal",
        "leave_end",
        "refund",
        "case",
        "rating",
        "evaluation",
        "performance",
        "opportunity",
        "export",
        "fault",
    ] {
        let house = House::new(VenueKind::Fitness);
        let may = |by, role| house.judge(by, role, vec![edit(RECORD, kind, &[])]).is_ok();
        let _ = writeln!(table, "{kind}: {}", told(may));
    }
    expect![[r#"
        person: consultant reception front_desk front_desk_supervisor call_out call_in call_supervisor court_supervisor followup_agent cs_specialist cs_supervisor cs_manager cs_senior_manager duty_manager store_manager sales_consultant privacy_officer
        visit: consultant reception front_desk front_desk_supervisor call_supervisor court_supervisor cs_specialist cs_supervisor cs_manager cs_senior_manager duty_manager store_manager sales_consultant
        consultation: consultant reception front_desk front_desk_supervisor call_out call_in call_supervisor court_supervisor followup_agent cs_specialist cs_supervisor cs_manager cs_senior_manager duty_manager store_manager sales_consultant privacy_officer
        tracking: consultant reception front_desk front_desk_supervisor call_out call_in call_supervisor court_supervisor followup_agent cs_specialist cs_supervisor cs_manager cs_senior_manager duty_manager store_manager sales_consultant privacy_officer
        agreement: consultant reception front_desk cs_specialist sales_consultant
        membership: front_desk
        payment: reception front_desk cashier finance
        renewal: consultant reception front_desk cs_specialist sales_consultant
        leave_end: consultant reception front_desk call_out call_in followup_agent cs_specialist sales_consultant
        refund: consultant reception front_desk cs_specialist sales_consultant
        case: consultant reception front_desk front_desk_supervisor cashier call_out call_in call_supervisor court_staff court_supervisor followup_agent cs_specialist cs_supervisor cs_manager cs_senior_manager duty_manager store_manager centre_director hq sales_consultant pt_manager pt_coach dept_head dept_member equipment_team finance hr system_admin privacy_officer
        rating: reception front_desk call_out call_in followup_agent
        evaluation: front_desk_supervisor call_supervisor court_supervisor cs_supervisor cs_manager cs_senior_manager duty_manager
        performance: cashier finance
        opportunity: consultant reception front_desk front_desk_supervisor call_out call_in call_supervisor court_supervisor followup_agent cs_specialist cs_supervisor cs_manager cs_senior_manager duty_manager store_manager sales_consultant privacy_officer
        export: cs_manager cs_senior_manager store_manager centre_director hq privacy_officer
        fault: consultant reception front_desk front_desk_supervisor cashier call_out call_in call_supervisor court_staff court_supervisor followup_agent cs_specialist cs_supervisor cs_manager cs_senior_manager duty_manager store_manager centre_director hq sales_consultant pt_manager pt_coach dept_head dept_member equipment_team finance hr system_admin privacy_officer
    "#]].assert_eq(&table);
}

const SIGNED: Result<(), Why> = Err(Why::Signed);
const NOT_YOURS: Result<(), Why> = Err(Why::NotYours);

/// A signed agreement of 3,600 yuan, and its guest.
fn signed() -> House {
    let fields = [("deal_price", 360_000.into()), ("consultant", fixture::staff(MINE).to_string().into())];
    let mut house = House::with("agreement", "awaiting_payment", &fields);
    let owner = ("owner", fixture::staff(MINE).to_string().into());
    house.keep(&change(3, 1, vec![edit(GUEST, "person", &[owner])]));
    house
}

#[test]
fn what_was_signed_is_told_from_what_is_anothers() {
    let house = signed();
    let altered = || vec![edit(RECORD, "agreement", &[("deal_price", 1.into())])];
    assert_eq!(house.judge(MINE, Role::Consultant, altered()), SIGNED);
    assert_eq!(house.judge(ANOTHERS, Role::Consultant, altered()), NOT_YOURS);
    for role in [Role::CallOut, Role::EquipmentTeam, Role::Hr, Role::FrontDesk, Role::StoreManager] {
        assert_eq!(house.judge(ANOTHERS, role, altered()), NOT_YOURS, "{}", role.key());
    }
    // What stands there already is no alteration, and no kind of a name makes it another record.
    let same = vec![edit(RECORD, "agreement", &[("deal_price", 360_000.into())])];
    assert_eq!(house.judge(ANOTHERS, Role::EquipmentTeam, same), Ok(()));
    for kind in ["fault", "task", "later"] {
        let key = Key::parse(kind).unwrap();
        let renamed = altered().into_iter().map(|edit| Edit { kind: key.clone(), ..edit }).collect();
        assert_eq!(house.judge(MINE, Role::Consultant, renamed), NOT_YOURS, "{kind}");
    }
    let empty = vec![edit(RECORD, "agreement", &[])];
    assert_eq!(house.judge(ANOTHERS, Role::EquipmentTeam, empty), NOT_YOURS);
}

#[test]
fn a_step_writes_what_it_asks_and_sets_and_what_follows_of_the_guest() {
    let house = signed();
    let paid = |fields: &[(&'static str, Value)]| {
        let fields = [&[("paid_amount", 360_000.into()), ("payment_slip_no", "S-1".into())], fields].concat();
        with(step(RECORD, "agreement", 6, "paid", &[1], &[]), &fields)
    };
    let won = |fields: &[(&'static str, Value)]| {
        let fields = [&[("stage", "won".into()), ("contract", record(RECORD).into())], fields].concat();
        edit(GUEST, "person", &fields)
    };
    let made = || edit(92, "performance", &[("amount", 360_000.into())]);
    assert_eq!(house.judge(6, Role::Cashier, vec![paid(&[]), made(), won(&[])]), Ok(()));
    assert_eq!(house.judge(3, Role::FrontDesk, vec![paid(&[]), made(), won(&[])]), Ok(()));
    // A price is not what a payment asks.
    assert_eq!(house.judge(6, Role::Cashier, vec![paid(&[("deal_price", 1.into())])]), NOT_YOURS);
    // Nor a name what follows of it, and without the step nothing follows.
    assert_eq!(house.judge(6, Role::Cashier, vec![paid(&[]), won(&[("name", "王芳".into())])]), NOT_YOURS);
    assert_eq!(house.judge(6, Role::Cashier, vec![won(&[])]), NOT_YOURS);
    assert_eq!(house.judge(3, Role::FrontDesk, vec![made()]), NOT_YOURS);
    // To write the state as it was is no step.
    let idle = || step(RECORD, "agreement", 1, "awaiting_payment", &[1], &[("at", Millis(1).into())]);
    assert_eq!(house.judge(9, Role::EquipmentTeam, vec![idle()]), Ok(()));
    assert_eq!(house.judge(9, Role::EquipmentTeam, vec![idle(), won(&[])]), NOT_YOURS);
    let mut paid_already = signed();
    paid_already.keep(&change(4, 6, vec![step(RECORD, "agreement", 6, "paid", &[1], &[])]));
    let idle = step(RECORD, "agreement", 6, "paid", &[4], &[("at", Millis(7).into())]);
    assert_eq!(paid_already.judge(9, Role::EquipmentTeam, vec![idle, made()]), NOT_YOURS);
}

#[test]
fn nothing_is_signed_a_second_time_over_the_first() {
    let mut house = House::with("agreement", "draft", &[("consultant", fixture::staff(MINE).to_string().into())]);
    let signing = |yuan: i64| {
        let fields = [("deal_price", (yuan * 100).into()), ("signed_on", crate::time::Day::from_number(1).into())];
        with(step(RECORD, "agreement", 1, "awaiting_payment", &[1], &[]), &fields)
    };
    assert_eq!(house.judge(MINE, Role::Consultant, vec![signing(3_600)]), Ok(()));
    house.keep(&change(2, 1, vec![signing(3_600)]));
    // By somebody who has not seen it: the same is a conflict and no more, another price is refused.
    assert_eq!(house.judge(MINE, Role::Consultant, vec![signing(1)]), SIGNED);
    assert_eq!(house.judge(MINE, Role::Consultant, vec![signing(3_600)]), Ok(()));
}

#[test]
fn a_card_is_altered_by_its_steps_alone() {
    let fields = [("card_no", "A1024".into())];
    let mut house = House::new(VenueKind::Fitness);
    let end = |number| ("end_on", Value::from(crate::time::Day::from_number(number)));
    house.keep(&change(1, 1, vec![with(step(RECORD, "membership", 1, "pending", &[], &[end(20_000)]), &fields)]));
    let active = |end_on| vec![step(RECORD, "membership", 3, "active", &[1], &[end(end_on)])];
    assert_eq!(house.judge(3, Role::FrontDesk, active(20_000)), Ok(()));
    // To activate it sets no end; to renew it does.
    let expired = step(RECORD, "membership", 3, "expired", &[1], &[end(20_000)]);
    assert_eq!(house.judge(3, Role::FrontDesk, vec![edit(RECORD, "membership", &fields)]), Ok(()));
    assert_eq!(
        house.judge(3, Role::FrontDesk, vec![step(RECORD, "membership", 3, "moved", &[1], &[end(30_000)])]),
        SIGNED
    );
    house.keep(&change(4, 1, vec![expired]));
    let renewed = |more: &[(&'static str, Value)]| {
        let fields =
            [&[("renewed_on", crate::time::Day::from_number(1).into()), ("term_months", 12.into())], more].concat();
        vec![with(step(RECORD, "membership", 3, "active", &[4], &[end(20_365)]), &fields)]
    };
    assert_eq!(house.judge(3, Role::FrontDesk, renewed(&[])), Ok(()));
    assert_eq!(house.judge(3, Role::FrontDesk, renewed(&[("card_no", "A1".into())])), NOT_YOURS);
    // Whoever leads takes one of two sides, and adds nothing to it.
    let other = step(RECORD, "membership", 3, "refunded", &[1], &[end(20_000)]);
    house.keep(&change(5, 3, vec![other]));
    let side =
        |end_on| vec![step(RECORD, "membership", 3, "refunded", &[4, 5], &[("at", Millis(4).into()), end(end_on)])];
    assert_eq!(house.judge(4, Role::CsSupervisor, side(20_000)), Ok(()));
    assert_eq!(house.judge(4, Role::CsSupervisor, side(30_000)), NOT_YOURS);
}

#[test]
fn a_save_is_taken_back_by_whom_it_was_made_and_nobody_else() {
    let house = signed();
    let back = || vec![edit(RECORD, "agreement", &[("withdrawn", true.into())])];
    assert_eq!(house.judge(MINE, Role::Consultant, back()), Ok(()));
    assert_eq!(house.judge(ANOTHERS, Role::Consultant, back()), NOT_YOURS);
    assert_eq!(house.judge(ANOTHERS, Role::FrontDesk, back()), NOT_YOURS);
    let mut house = house;
    house.keep(&change(4, 6, vec![step(RECORD, "agreement", 6, "paid", &[1], &[])]));
    assert_eq!(house.judge(MINE, Role::Consultant, back()), SIGNED);
}

#[test]
fn a_special_leave_a_confirmed_payment_and_a_guests_owner_have_rules_of_their_own() {
    let house = House::with("leave", "awaiting_desk", &[("leave_type", "illness".into())]);
    let days = || vec![edit(RECORD, "leave", &[("member_name", "李娜".into())])];
    assert_eq!(house.judge(3, Role::FrontDesk, days()), NOT_YOURS);
    assert_eq!(House::with("leave", "awaiting_desk", &[]).judge(3, Role::FrontDesk, days()), Ok(()));

    let amount = || vec![edit(RECORD, "payment", &[("amount", 1.into())])];
    assert_eq!(House::with("payment", "", &[]).judge(6, Role::Cashier, amount()), Ok(()));
    assert_eq!(House::with("payment", "", &[("confirmed", true.into())]).judge(6, Role::Cashier, amount()), SIGNED);

    let house = signed();
    let values = BTreeMap::from([(Key::of("owner"), Value::from(fixture::staff(2).to_string()))]);
    let mut ruling = edit(GUEST, "person", &[]);
    ruling.writes.push(schema::write_group("person", lead::RULING, values, Vec::new()));
    assert_eq!(house.judge(9, Role::Hq, vec![ruling.clone()]), Ok(()));
    assert_eq!(house.judge(9, Role::EquipmentTeam, vec![ruling]), NOT_YOURS);
}

#[test]
fn every_state_that_is_signed_is_one_of_the_packs() {
    for (kind, states) in super::SIGNED {
        let works = [VenueKind::Fitness, VenueKind::Sports].map(Work::of);
        let machines: Vec<&Machine> = works.iter().flat_map(|work| work.machines_of(kind)).collect();
        for state in states {
            assert!(machines.iter().any(|machine| machine.state(state).is_some()), "{kind} {state}");
        }
    }
}

/// What the app offers the rule lets through: papers that may be begun, with all that they bring about, and every step.
#[test]
fn what_is_offered_may_be_written() {
    let mut taken = 0;
    for seed in 0..60 {
        let mut club = drill::Club::new([VenueKind::Fitness, VenueKind::Sports][seed as usize % 2], seed);
        (0..125).for_each(|_| club.act(&mut drill::Told::default()));
        let (pack, work) = (Pack::of(club.kind), Work::of(club.kind));
        let mut house = House::new(club.kind);
        for ranked in &club.changes {
            let change = &ranked.change;
            let role = drill::role_of(change.header.author).unwrap();
            let first = change.edits().next().unwrap();
            let is_new = !house.records.contains_key(&first.record);
            let may_begin = || may_begin(first.kind.as_str(), change.header.author, role, work);
            let is_known = pack.form(&change.header.form).is_some_and(|form| *form.record == *first.kind.as_str());
            // The drill repeats what somebody did as an F-03, and the stage of a lead is no step that is judged.
            let is_no_step = !is_new && first.kind.as_str() == "person";
            // Another's guest is on no tablet of theirs, R-140.
            let is_anothers = role.keeps_own_leads();
            if is_known && !is_no_step && !is_anothers && (!is_new || may_begin()) {
                taken += 1;
                let said = house.says(change, role);
                assert_eq!(said, Ok(()), "{} {} {change:?}", role.key(), first.kind.as_str());
            }
            house.keep_at(ranked);
        }
    }
    assert!(taken > 500, "{taken}");
}
