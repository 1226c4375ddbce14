use std::cell::Cell;

use super::*;
use crate::{
    audience::Role,
    change::{Change, Ranked},
    court,
    drill::with,
    fixture,
    form::{self, Context},
    id::{DeviceNumber, StaffId},
    merge::Records,
    number::Numbers,
    pack::{ListOf, Reference, Required, VenueKind},
    review::{self, Fault, Written},
    schema::check_change,
    time::{DAY_MS, HOUR_MS, MINUTE_MS},
};

const STAFF: [(u8, Role); 10] = [
    (1, Role::Consultant),
    (2, Role::FrontDesk),
    (3, Role::FrontDeskSupervisor),
    (4, Role::CsSupervisor),
    (5, Role::StoreManager),
    (6, Role::Cashier),
    (7, Role::PtManager),
    (8, Role::DeptHead),
    (9, Role::EquipmentTeam),
    (10, Role::CourtStaff),
];

fn role_of(staff: StaffId) -> Option<Role> {
    STAFF.iter().find(|(number, _)| fixture::staff(*number) == staff).map(|(_, role)| *role)
}

/// A small club: its records, its clock, and who acts.
struct Club {
    records: Records,
    now: Millis,
    pack: &'static Pack,
    work: &'static Work,
    next: Cell<u8>,
    changes: u8,
    written: BTreeMap<(ChangeId, RecordId), Written>,
    numbers: Numbers,
}

impl Club {
    fn new(kind: VenueKind) -> Self {
        let (pack, work) = (Pack::of(kind), Work::of(kind));
        Self {
            records: Records::new(),
            now: fixture::NOW,
            pack,
            work,
            next: Cell::new(100),
            changes: 0,
            written: BTreeMap::new(),
            numbers: Numbers::default(),
        }
    }

    fn context(&self, me: u8) -> Context<'static> {
        Context {
            now: self.now,
            offset_minutes: 480,
            me: fixture::staff(me),
            outing: None,
            venue: Some(fixture::venue()),
            pack: self.pack,
            cards: None,
        }
    }

    /// Asks a question as `me`, with the club as its ground.
    fn ask<T>(&self, me: u8, question: impl FnOnce(&Scene<'_>, &Ground<'_>) -> T) -> T {
        let paper_number = self.numbers.next_paper("W01", DeviceNumber(7), self.now.day(480));
        let scene = Scene {
            now: self.now,
            offset_minutes: 480,
            venue: fixture::venue(),
            me: fixture::staff(me),
            role_of: &role_of,
            pack: self.pack,
            paper_number: Some(&paper_number),
        };
        let number = |key: &str| match key {
            "transfer.fee" => Some(20_000),
            "court.fen_per_hour" => Some(6_000),
            key => self.pack.parameter(key).and_then(|parameter| parameter.values.first().copied()),
        };
        let lookup = |id: RecordId| self.records.get(&id).map(Cow::Borrowed);
        let find =
            |kind: &str, field: &str, value: &Value| with(&self.records, kind, field, value).next().map(|it| it.id);
        let earlier = |kind: &str, of: RecordId| -> Vec<Record> {
            let by = |field: &str| with(&self.records, kind, field, &of.into()).cloned().collect::<Vec<_>>();
            [by("membership"), by("person")].concat()
        };
        let on_courts: Vec<Record> =
            self.records.values().filter(|it| court::KINDS.contains(&it.kind().as_str())).cloned().collect();
        let is_free = |court: RecordId, from: Millis, until: Millis, but: RecordId| {
            court::is_free(&court::uses(&on_courts, self.now), court, from, until, but)
        };
        let ground = Ground {
            work: self.work,
            number: &number,
            lookup: &lookup,
            find: &find,
            earlier: &earlier,
            is_free: &is_free,
        };
        question(&scene, &ground)
    }

    /// What the endpoint says of a change: of the steps in it, and of whose all the rest is to write.
    fn judge(&self, change: &Change) -> (Result<(), Fault>, Result<(), rights::Fault>) {
        let ground = review::Ground {
            work: self.work,
            pack: self.pack,
            lookup: &|id| self.records.get(&id).map(Cow::Borrowed),
            written_by: &|change, record| self.written.get(&(change, record)).cloned(),
        };
        let role = role_of(change.header.author).unwrap();
        (review::check(change, role, &ground), rights::check(change, role, &ground))
    }

    fn new_id(&self) -> RecordId {
        self.next.set(self.next.get() + 1);
        RecordId::from_bytes(fixture::id_bytes(self.next.get()))
    }

    /// One save; every edit must fit the schema and be somewhere that its author may write.
    fn save(&mut self, me: u8, edits: Vec<Edit>) {
        self.changes += 1;
        let role = role_of(fixture::staff(me)).unwrap();
        for edit in &edits {
            let may = crate::audience::may_write(fixture::staff(me), role, fixture::venue(), &edit.audience);
            assert!(may, "{} may not write {:?}", role.key(), edit.audience);
        }
        let mut change: Change = fixture::change(self.changes, edits);
        change.header.author = fixture::staff(me);
        assert_eq!(check_change(&change), Ok(()));
        self.numbers.note(&change).unwrap();
        // What the app lets somebody do the endpoint takes.
        assert_eq!(self.judge(&change), (Ok(()), Ok(())));
        self.written.extend(review::states_written(&change).map(|(edit, values, replaces)| {
            ((change.id(), edit.record), Written { values: values.clone(), replaces: replaces.to_vec() })
        }));
        let stamp = Stamp::at(self.now.plus(i64::from(self.changes)));
        merge::take_in(&mut self.records, &Ranked::provisional(stamp, change));
    }

    fn filled(&self, form_id: &str, me: u8, about: &[RecordId], typed: &[(&'static str, &str)]) -> Filled {
        let form = self.pack.form(form_id).unwrap();
        let context = self.context(me);
        let mut draft = form::begin(form, &context);
        let about: Vec<&Record> = about.iter().map(|id| &self.records[id]).collect();
        prefill(form, &about, &mut draft);
        for (key, text) in typed {
            draft.set(&Key::of(key), *text);
        }
        form::check(form, &draft, &context).unwrap_or_else(|problems| panic!("{form_id}: {problems:?}"))
    }

    /// Fills in a form; the id of its record.
    fn begin(&mut self, form: &str, me: u8, about: &[RecordId], typed: &[(&'static str, &str)]) -> RecordId {
        let filled = self.filled(form, me, about, typed);
        let edits = self.ask(me, |scene, ground| {
            let about: Vec<&Record> = about.iter().map(|id| &self.records[id]).collect();
            super::begin(&filled, &about, scene, ground, &mut || self.new_id())
        });
        let edits = edits.unwrap_or_else(|refusal| panic!("{form}: {refusal:?}"));
        let id = edits[0].record;
        self.save(me, edits);
        id
    }

    /// Whether a form can be filled in so.
    fn can_begin(&self, form: &str, me: u8, about: &[RecordId], typed: &[(&'static str, &str)]) -> bool {
        let filled = self.filled(form, me, about, typed);
        let edits = self.ask(me, |scene, ground| {
            let about: Vec<&Record> = about.iter().map(|id| &self.records[id]).collect();
            super::begin(&filled, &about, scene, ground, &mut || self.new_id())
        });
        edits.is_ok()
    }

    fn machine_of(&self, id: RecordId, step: &str) -> &'static Machine {
        let kind = self.records[&id].kind().as_str().to_owned();
        let mut machines = self.work.machines.iter().filter(|machine| runs(machine, &kind));
        machines.find(|machine| machine.step(step).is_some()).unwrap_or_else(|| panic!("{kind} has no step {step}"))
    }

    fn try_step(
        &self,
        id: RecordId,
        step: &str,
        me: u8,
        typed: &[(&'static str, Value)],
        reason: Option<&str>,
    ) -> Result<Vec<Edit>, Refusal> {
        let typed = typed.iter().map(|(key, value)| (Key::of(key), value.clone())).collect();
        let machine = self.machine_of(id, step);
        self.ask(me, |scene, ground| {
            super::step(&self.records[&id], machine, step, &typed, reason, scene, ground, &mut || self.new_id())
        })
    }

    fn step(&mut self, id: RecordId, step: &str, me: u8, typed: &[(&'static str, Value)]) {
        let edits = self.try_step(id, step, me, typed, Some("因为"));
        let edits = edits.unwrap_or_else(|refusal| panic!("{step}: {refusal:?}"));
        self.save(me, edits);
    }

    fn state(&self, id: RecordId) -> String {
        let record = &self.records[&id];
        let machine = self.work.machines.iter().find(|machine| runs(machine, record.kind().as_str())).unwrap();
        let key = self.ask(1, |scene, ground| super::state(machine, record, scene, ground).map(|state| &*state.key));
        key.unwrap_or("none").to_owned()
    }

    fn offered(&self, id: RecordId, me: u8) -> Vec<String> {
        self.ask(me, |scene, ground| {
            let offers = super::offers(&self.records[&id], scene, ground);
            offers.iter().map(|offer| offer.step.key.to_string()).collect()
        })
    }

    fn of_kind(&self, kind: &str) -> Vec<&Record> {
        self.records.values().filter(|record| record.kind().as_str() == kind).collect()
    }

    fn group(&self, id: RecordId, key: &str) -> Option<Value> {
        self.records[&id].guarded(PROGRESS)?.get(key).cloned()
    }

    fn product(&mut self, months: &str) -> RecordId {
        let typed = [
            ("name", "年卡"),
            ("kind", "term_card"),
            ("term_months", months),
            ("list_price", "3880"),
            ("leave_times", "2"),
            ("leave_days", "60"),
            ("leave_days_each", "7"),
            ("transferable", "true"),
        ];
        self.begin("product", 5, &[], &typed)
    }

    fn person(&mut self, me: u8) -> RecordId {
        let typed = [("phone", "13800138000"), ("name", "李娜"), ("consent_contact", "true")];
        let filled = self.filled("person", me, &[], &typed);
        let edits = self.ask(me, |scene, _| crate::capture::person_edits(&filled, scene, None, &mut || self.new_id()));
        let id = edits[0].record;
        self.save(me, edits);
        id
    }
}

const INK: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1795312800000 7 member 李娜";
/// What the desk fills in of a complaint, F-21.
const COMPLAINT: [(&str, &str); 6] = [
    ("respondent_matter", "淋浴水温"),
    ("respondent_dept", "equipment"),
    ("category", "facility"),
    ("severity", "normal"),
    ("content", "水忽冷忽热"),
    ("first_dept", "front_desk"),
];
const ID_NUMBER: &str = "11010519491231002X";

fn agreement(club: &mut Club, person: RecordId, product: RecordId) -> RecordId {
    let product = product.to_string();
    let typed = [
        ("id_no", ID_NUMBER),
        ("emergency_name", "王强"),
        ("emergency_phone", "13900139000"),
        ("health_notice", "true"),
        ("product", &*product),
        ("deal_price", "3600"),
        ("rules_explained", "true"),
        ("member_sign", INK),
        ("consultant_sign", INK),
    ];
    club.begin("F-10", 1, &[person], &typed)
}

/// An application that this colleague takes in, all filled in and signed.
fn application(club: &mut Club, me: u8, person: RecordId, yuan: &str) -> RecordId {
    let typed = [
        ("card_kind", "stored_value"),
        ("card_no", "W02-00001"),
        ("deal_amount", yuan),
        ("join_amount", yuan),
        ("member_name", "李娜"),
        ("gender", "female"),
        ("address", "西湖区文三路 1 号"),
        ("id_no", ID_NUMBER),
        ("decl_truth", "true"),
        ("decl_rules", "true"),
        ("decl_safety", "true"),
        ("member_sign", INK),
        ("agent_sign", INK),
    ];
    club.begin("F-11", me, &[person], &typed)
}

/// Applies, pays, and has a card that holds so much.
fn stored_value_card(club: &mut Club, person: RecordId, yuan: &str) -> RecordId {
    let contract = application(club, 2, person, yuan);
    let fen = yuan.parse::<i64>().unwrap() * 100;
    club.step(contract, "pay_application", 2, &[("paid_amount", fen.into())]);
    club.step(contract, "issue_card", 2, &[]);
    club.step(contract, "deliver", 2, &[]);
    club.records[&contract].get("membership").and_then(Value::as_id).unwrap()
}

/// Signs, pays, issues and delivers; the card.
fn member(club: &mut Club, person: RecordId) -> RecordId {
    let product = club.product("12");
    let contract = agreement(club, person, product);
    club.step(contract, "pay", 6, &[("paid_amount", 360_000.into()), ("payment_slip_no", "S-1".into())]);
    club.step(contract, "issue_card", 2, &[("card_no", "A1024".into())]);
    club.step(contract, "deliver", 2, &[]);
    club.records[&contract].get("membership").and_then(Value::as_id).unwrap()
}

#[test]
fn a_guest_becomes_a_member_step_by_step() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let product = club.product("12");
    let contract = agreement(&mut club, person, product);
    // The signatures are on the form: nobody signs twice.
    assert_eq!(club.state(contract), "awaiting_payment");
    // The paper knows whom it is about, and what follows from the card.
    let record = &club.records[&contract];
    assert_eq!(record.get("person"), Some(&person.into()));
    assert_eq!(record.text("member_name"), Some("李娜"));
    assert_eq!(record.get("end_on"), Some(&Day::parse("2027-11-21").unwrap().into()));
    assert_eq!(record.get("list_price"), Some(&Value::Int(388_000)));
    assert_eq!(record.get("free_pt"), Some(&Value::Int(2)));
    // The full number is in its circle only, R-146.
    assert_eq!(record.text("id_no"), Some("110***********002X"));
    let identity = club.of_kind("identity")[0];
    assert_eq!(identity.text("number"), Some(ID_NUMBER));
    assert_eq!(*identity.audience(), Audience::Circle(fixture::venue(), circle::IDENTITY.into()));
    assert_eq!(*record.audience(), Audience::Own(fixture::venue(), fixture::staff(1)));
    let waits = |club: &Club| {
        let posts = |scene: &Scene<'_>, ground: &Ground<'_>| {
            waits_for(&club.records[&contract], scene, ground).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        club.ask(1, posts)
    };
    assert_eq!(waits(&club), ["cashier", "front_desk", "consultant"]);
    // What is missing is asked for, and nobody else may confirm a payment.
    let asks = club.ask(6, |scene, ground| {
        let offers = offers(&club.records[&contract], scene, ground);
        let pay = offers.into_iter().find(|offer| &*offer.step.key == "pay").unwrap();
        pay.asks.iter().map(|field| field.key.to_string()).collect::<Vec<_>>()
    });
    assert_eq!(asks, ["paid_amount", "payment_slip_no"]);
    assert!(!club.offered(contract, 1).contains(&"pay".to_owned()));
    let short = [("paid_amount", Value::Int(100)), ("payment_slip_no", "S-1".into())];
    assert!(matches!(club.try_step(contract, "pay", 6, &short, None), Err(Refusal::Unmet(_))));

    club.step(contract, "pay", 6, &[("paid_amount", 360_000.into()), ("payment_slip_no", "S-1".into())]);
    // A stay is handed over by somebody else: this is a card.
    assert_eq!(waits(&club), ["front_desk"]);
    let guest = &club.records[&person];
    assert_eq!((guest.text("stage"), guest.get("contract")), (Some("won"), Some(&contract.into())));
    assert_eq!(club.of_kind("performance")[0].get("amount"), Some(&Value::Int(360_000)));
    club.step(contract, "issue_card", 2, &[("card_no", "A1024".into())]);
    let card = club.of_kind("membership")[0].id;
    assert_eq!(club.state(card), "pending");
    club.step(contract, "deliver", 2, &[]);
    assert_eq!(club.state(card), "active");
    assert_eq!(club.group(card, "end_on"), Some(Day::parse("2027-11-21").unwrap().into()));
    assert_eq!(club.records[&card].text("card_no"), Some("A1024"));
    assert!(club.records.values().all(|record| record.conflicts().next().is_none()));
}

#[test]
fn papers_are_numbered_by_the_device_that_makes_them() {
    let mut club = Club::new(VenueKind::Fitness);
    let (person, product) = (club.person(1), club.product("12"));
    let first = agreement(&mut club, person, product);
    let slip = [("kind", "full"), ("amount", "3600"), ("method", "cash")];
    let slip = club.begin("F-31", 6, &[person], &slip);
    let number = |club: &Club, id: RecordId, key: &str| club.records[&id].text(key).map(str::to_owned);
    assert_eq!(number(&club, first, "agreement_no").as_deref(), Some("W01-7-261122-01"));
    assert_eq!(number(&club, slip, "slip_no").as_deref(), Some("W01-7-261122-02"));
    // What was numbered stays so, whoever goes on with it and on whichever day.
    club.now = club.now.plus(DAY_MS);
    club.step(first, "pay", 6, &[("paid_amount", 360_000.into()), ("payment_slip_no", "W01-7-261122-02".into())]);
    assert_eq!(number(&club, first, "agreement_no").as_deref(), Some("W01-7-261122-01"));
    let second = agreement(&mut club, person, product);
    assert_eq!(number(&club, second, "agreement_no").as_deref(), Some("W01-7-261123-01"));
    // A visit is no paper that has a number.
    let scene = |club: &Club| club.ask(1, |scene, _| super::number("visit", |_| false, scene));
    assert_eq!(scene(&club), None);
}

fn talk_that_ends_in_yes(club: &mut Club, person: RecordId, product: RecordId) -> RecordId {
    let offered = product.to_string();
    let typed = [
        ("kind", "new"),
        ("tour_feeling", "喜欢泳池"),
        ("offers_presented", &*offered),
        ("intent", "A"),
        ("price_shown", "false"),
        ("outcome", "signed"),
    ];
    club.begin("F-06", 1, &[person], &typed)
}

#[test]
fn a_talk_that_ends_in_yes_leaves_a_contract_to_fill_in() {
    let mut club = Club::new(VenueKind::Fitness);
    let (person, product) = (club.person(1), club.product("12"));
    let talk = talk_that_ends_in_yes(&mut club, person, product);
    assert_eq!(club.state(talk), "signed");
    assert_eq!(club.records[&person].text("stage"), Some("negotiating"));
    let contract = club.of_kind("agreement")[0].id;
    assert_eq!(club.state(contract), "draft");
    assert_eq!(club.records[&contract].get("person"), Some(&person.into()));
    // It is filled in later, on the same record.
    let product = product.to_string();
    let filled = club.filled(
        "F-10",
        1,
        &[person],
        &[
            ("id_no", ID_NUMBER),
            ("emergency_name", "王强"),
            ("emergency_phone", "13900139000"),
            ("health_notice", "true"),
            ("product", &product),
            ("deal_price", "3600"),
            ("rules_explained", "true"),
            ("member_sign", INK),
            ("consultant_sign", INK),
        ],
    );
    let edits = club
        .ask(1, |scene, ground| correct(&filled, &club.records[&contract], scene, ground, &mut || club.new_id()))
        .unwrap();
    club.save(1, edits);
    let record = &club.records[&contract];
    assert_eq!(record.text("id_no"), Some("110***********002X"));
    assert_eq!(record.text("agreement_no"), Some("W01-7-261122-01"));
    // What nobody types is reckoned as if the form had begun it, and what was signed is not signed again.
    assert_eq!(record.get("negotiation"), Some(&talk.into()));
    assert_eq!(record.get("term_months"), Some(&Value::Int(12)));
    assert_eq!(record.get("list_price"), Some(&Value::Int(388_000)));
    assert_eq!(record.get("end_on"), Some(&Day::parse("2027-11-21").unwrap().into()));
    assert_eq!(club.state(contract), "awaiting_payment");
    assert!(club.records.values().all(|record| record.conflicts().next().is_none()));
}

#[test]
fn what_is_reckoned_follows_what_is_put_right_until_it_is_signed() {
    let mut club = Club::new(VenueKind::Fitness);
    let (person, year, half) = (club.person(1), club.product("12"), club.product("6"));
    talk_that_ends_in_yes(&mut club, person, year);
    let contract = club.of_kind("agreement")[0].id;
    let right = |club: &Club, product: RecordId, signs: bool| {
        let product = product.to_string();
        let mut form = club.pack.form("F-10").unwrap().clone();
        for section in &mut form.sections {
            section.fields.retain(|field| signs || field.kind != FieldType::Signature);
        }
        let context = club.context(1);
        let mut draft = form::draft_of(&form, &club.records[&contract], &context);
        prefill(&form, &[&club.records[&person]], &mut draft);
        for (key, text) in [
            ("id_no", ID_NUMBER),
            ("id_type", "id_card"),
            ("emergency_name", "王强"),
            ("emergency_phone", "13900139000"),
            ("health_notice", "true"),
            ("start_on", "2026-11-22"),
            ("product", &product),
            ("deal_price", "3600"),
            ("rules_explained", "true"),
            ("consultant", &fixture::staff(1).to_string()),
            ("member_sign", INK),
            ("consultant_sign", INK),
        ] {
            draft.set(&Key::of(key), text);
        }
        let filled = form::check(&form, &draft, &context).unwrap();
        club.ask(1, |scene, ground| {
            correct(&filled, &club.records[&contract], scene, ground, &mut || club.new_id()).unwrap()
        })
    };
    let end = |club: &Club| club.records[&contract].get("end_on").and_then(Value::as_day).map(|day| day.to_string());
    let edits = right(&club, year, false);
    club.save(1, edits);
    assert_eq!(end(&club).as_deref(), Some("2027-11-21"));
    let edits = right(&club, half, false);
    club.save(1, edits);
    assert_eq!(club.records[&contract].get("term_months"), Some(&Value::Int(6)));
    assert_eq!(end(&club).as_deref(), Some("2027-05-21"));
    assert_eq!(club.state(contract), "draft");
    let edits = right(&club, half, true);
    club.save(1, edits);
    assert_eq!(club.state(contract), "awaiting_payment");
    // What the member signed says half a year.
    let mut change = fixture::change(99, right(&club, year, false));
    change.header.author = fixture::staff(1);
    assert_eq!(club.judge(&change).1.map_err(|fault| fault.why), Err(rights::Why::Signed));
    let may_fill_in = |me| club.ask(me, |scene, ground| super::may_fill_in(&club.records[&contract], scene, ground));
    assert!(!(1..=10).any(may_fill_in));
}

#[test]
fn a_talk_that_is_left_open_brings_the_next_call() {
    let mut club = Club::new(VenueKind::Fitness);
    let (person, product) = (club.person(1), club.product("12").to_string());
    let typed = [
        ("kind", "new"),
        ("tour_feeling", "不错"),
        ("offers_presented", &*product),
        ("objections", "price"),
        ("intent", "B"),
        ("price_shown", "true"),
        ("price_returned", "true"),
        ("outcome", "follow_up"),
        ("contact_left", "true"),
        ("next_contact_at", "2026-11-25T18:00"),
    ];
    let talk = club.begin("F-06", 1, &[person], &typed);
    assert_eq!(club.state(talk), "follow_up");
    let guest = &club.records[&person];
    assert_eq!((guest.text("stage"), guest.text("intent")), (Some("tracking"), Some("B")));
    assert_eq!(guest.get("next_contact_at"), Some(&Value::At(fixture::NOW.plus(3 * DAY_MS + 8 * HOUR_MS))));
}

/// EX-03: a leave moves the end of the card by the days that were taken.
#[test]
fn a_leave_runs_by_the_clock_and_its_return_moves_the_end() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let card = member(&mut club, person);
    let before = club.group(card, "end_on").unwrap().as_day().unwrap();
    let typed = [
        ("start_on", "2026-12-01"),
        ("planned_end_on", "2026-12-31"),
        ("member_sign", INK),
        ("desk_supervisor_sign", INK),
    ];
    let leave = club.begin("F-14", 2, &[card, person], &typed);
    assert_eq!(club.records[&leave].get("days_left"), Some(&Value::Int(60)));
    assert_eq!(club.records[&leave].get("times_used"), Some(&Value::Int(0)));
    club.step(leave, "submit", 2, &[]);
    assert_eq!(club.offered(leave, 2), ["cancel"]);
    // A special leave would go on to the store manager; this one does not.
    assert_eq!(club.offered(leave, 3), ["sign_ordinary", "reject"]);
    club.step(leave, "sign_ordinary", 3, &[]);
    assert_eq!(club.state(leave), "approved");
    // Who decided is written down, and nothing else is, R-152.
    let entries: Vec<_> = club.of_kind(audit::KIND).into_iter().filter_map(audit::entry).collect();
    assert_eq!(entries.len(), 1);
    assert_eq!((&*entries[0].what, &*entries[0].by), ("sign_ordinary", &*fixture::staff(3).to_string()));
    assert_eq!((entries[0].of, entries[0].person), (Some(leave), Some(person)));
    club.now = club.now.plus(12 * DAY_MS);
    // Nobody wrote it: the day has come.
    assert_eq!(club.state(leave), "running");
    club.now = club.now.plus(8 * DAY_MS);
    let back = club.begin("F-15", 2, &[card, person], &[("return_on", "2026-12-12")]);
    assert_eq!(club.records[&back].get("actual_days"), Some(&Value::Int(11)));
    assert_eq!(club.state(leave), "ended");
    assert_eq!(club.state(card), "active");
    let after = club.group(card, "end_on").unwrap().as_day().unwrap();
    assert_eq!(after, reckon::plus_days(before, 11));
    assert_eq!(club.records[&back].get("new_end_on"), Some(&after.into()));
    // The next slip knows what is left.
    let typed = [
        ("start_on", "2027-01-10"),
        ("planned_end_on", "2027-01-20"),
        ("member_sign", INK),
        ("desk_supervisor_sign", INK),
    ];
    let second = club.begin("F-14", 2, &[card, person], &typed);
    assert_eq!(club.records[&second].get("days_left"), Some(&Value::Int(49)));
    assert_eq!(club.records[&second].get("times_used"), Some(&Value::Int(1)));
}

/// The desk begins the slip; the supervisor signs when it is their turn, and nobody comes back tomorrow.
#[test]
fn a_leave_is_signed_by_whose_turn_it_is_and_ends_on_a_day_that_has_come() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let card = member(&mut club, person);
    let typed = [("start_on", "2026-11-22"), ("planned_end_on", "2026-12-22"), ("member_sign", INK)];
    let leave = club.begin("F-14", 2, &[card, person], &typed);
    club.step(leave, "submit", 2, &[]);
    assert!(club.try_step(leave, "sign_ordinary", 3, &[], None).is_err());
    let signature = crate::typed::Signature::parse(INK).unwrap().value();
    club.step(leave, "sign_ordinary", 3, &[("desk_supervisor_sign", signature)]);
    assert_eq!(club.state(leave), "running");
    let today = club.now.day(480);
    let on = |days: i64| [("ended_on", Value::Day(reckon::plus_days(today, days)))];
    assert!(club.try_step(leave, "return", 2, &on(1), None).is_err());
    assert!(club.try_step(leave, "return", 2, &on(0), None).is_ok());
}

#[test]
fn a_leave_that_nobody_approved_is_withdrawn_whatever_day_it_is() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let card = member(&mut club, person);
    let typed = [("start_on", "2026-11-22"), ("planned_end_on", "2026-12-22"), ("member_sign", INK)];
    let leave = club.begin("F-14", 2, &[card, person], &typed);
    club.now = club.now.plus(40 * DAY_MS);
    club.step(leave, "cancel", 2, &[]);
    assert_eq!(club.state(leave), "cancelled");
}

#[test]
fn a_card_goes_to_somebody_else_by_its_transfer_and_by_nothing_else() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let card = member(&mut club, person);
    for (me, _) in STAFF {
        let offered = club.offered(card, me);
        let ends = ["transfer", "refund", "move", "upgrade", "come_back", "go_on_leave"];
        assert!(ends.iter().all(|end| !offered.iter().any(|step| step == end)), "{me}: {offered:?}");
    }
}

#[test]
fn a_card_that_ran_out_says_so_and_can_be_renewed() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let card = member(&mut club, person);
    let end = club.group(card, "end_on").unwrap().as_day().unwrap();
    let product = club.of_kind("product")[0].id.to_string();
    club.now = end.begins(480).plus(-3 * DAY_MS);
    assert_eq!(club.state(card), "expiring");
    // By the paper that says for how long and how much, not by a day alone.
    assert!(!club.offered(card, 2).iter().any(|step| step.starts_with("renew")), "{:?}", club.offered(card, 2));
    let typed = [
        ("training_feeling", "有效果"),
        ("result", "renewed"),
        ("product", &*product),
        ("amount", "3600"),
        ("payment_slip_no", "S-9"),
    ];
    let renewal = club.begin("F-20", 2, &[card, person], &typed);
    assert_eq!(club.state(card), "active");
    let after = club.group(card, "end_on").unwrap().as_day().unwrap();
    assert_eq!(after, reckon::renewed_end(end, club.now.day(480), 12));
    assert_eq!(club.records[&renewal].get("new_end_on"), Some(&after.into()));
    club.now = after.begins(480).plus(2 * DAY_MS);
    assert_eq!(club.state(card), "expired");
}

/// EX-08: the consultant and the supervisor fail, the store manager keeps the member; nothing is paid out.
#[test]
fn a_refund_climbs_until_somebody_keeps_the_member() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let card = member(&mut club, person);
    club.now = club.now.plus(30 * DAY_MS);
    let typed = [
        ("reason", "health"),
        ("reason_text", "膝盖受伤"),
        ("level1_result", "escalated"),
        ("level_notes", "谈过一次"),
        ("member_sign", INK),
    ];
    let refund = club.begin("F-17", 1, &[card, person], &typed);
    assert_eq!(club.records[&refund].get("paid_amount"), Some(&Value::Int(360_000)));
    let used = club.records[&refund].get("used_value").and_then(Value::as_int).unwrap();
    assert_eq!(used, reckon::share(360_000, 30, 365));
    club.step(refund, "level_1", 1, &[]);
    assert_eq!(club.group(refund, "level"), Some(Value::Int(1)));
    assert_eq!(club.records[&refund].get("level_due_at"), Some(&Value::At(club.now.plus(24 * HOUR_MS))));
    assert!(matches!(club.try_step(refund, "level_2", 1, &[], None), Err(Refusal::NotYours { .. })));
    let owed = |club: &Club, me| {
        let owes = |scene: &Scene<'_>, ground: &Ground<'_>| {
            let owed = owed(&club.records[&refund], scene, ground);
            owed.map(|owed| (owed.key.to_string(), owed.fields.len(), owed.fields[0].key.as_str().to_owned()))
        };
        club.ask(me, owes)
    };
    // The first level's result stands on the application; the supervisor owes hers before the manager goes on.
    assert_eq!(owed(&club, 1), None);
    club.step(refund, "level_2", 4, &[]);
    assert_eq!(owed(&club, 4), Some(("levels".into(), 2, "level2_result".into())));
    assert_eq!(owed(&club, 1), None);
    let notes = Value::List(vec!["谈过一次".into(), "没有别的店".into()]);
    let typed = [(Key::of("level2_result"), "escalated".into()), (Key::of("level_notes"), notes)].into();
    let edits = note(&club.records[&refund], &typed);
    club.save(4, edits);
    assert_eq!(owed(&club, 4), None);
    assert_eq!(note(&club.records[&refund], &typed), []);
    club.step(refund, "level_3", 5, &[]);
    club.step(refund, "retain_3", 5, &[("level3_result", "retained".into()), ("agreed", true.into())]);
    assert_eq!(club.state(refund), "retained");
    assert_eq!(club.records[&refund].text("final_decision"), Some("retained"));
    assert_eq!(club.state(card), "active");
    assert!(club.records[&refund].get("paid_out_at").is_none());
}

#[test]
fn a_complaint_is_answered_reopened_and_closed() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let case = club.begin("F-21", 2, &[person], &COMPLAINT);
    let record = &club.records[&case];
    assert_eq!(*record.audience(), Audience::Circle(fixture::venue(), circle::CASES.into()));
    assert_eq!(record.get("person"), Some(&person.into()));
    assert_eq!(record.get("reply_due_at"), Some(&Value::At(club.now.plus(24 * HOUR_MS))));
    assert_eq!(club.group(case, "owner"), Some(fixture::staff(2).to_string().into()));
    club.step(case, "respond", 2, &[]);
    // What stands beside the state can be typed with a step, also over what stood there.
    let typed = [("owner", fixture::staff(3).to_string().into()), ("responsible_dept", "equipment".into())];
    let edits = club.try_step(case, "assign", 4, &typed, None).unwrap();
    let Op::Guarded { values, .. } = &edits[0].writes.iter().find(|write| write.key.as_str() == PROGRESS).unwrap().op
    else {
        panic!("the state is a guarded group")
    };
    assert_eq!(values.get("owner"), Some(&fixture::staff(3).to_string().into()));
    club.step(case, "assign", 4, &[("responsible_dept", "equipment".into())]);
    club.step(case, "accept", 8, &[]);
    club.step(case, "solve", 8, &[("handling", "换了阀门".into())]);
    club.step(case, "feed_back", 2, &[]);
    // Not satisfied: it is done again.
    assert!(club.try_step(case, "close", 2, &[], None).is_err());
    club.step(case, "reopen", 2, &[]);
    assert_eq!(club.records[&case].get("reopen_count"), Some(&Value::Int(1)));
    // The reply that did not satisfy is none any more, and there is time for another.
    assert_eq!(club.records[&case].text("handling"), None);
    assert_eq!(club.records[&case].get("customer_told_at"), None);
    club.step(case, "assign_again", 4, &[]);
    club.step(case, "accept", 8, &[]);
    assert!(club.try_step(case, "solve", 8, &[], None).is_err());
    club.step(case, "solve", 8, &[("handling", "换了管道".into())]);
    club.step(case, "feed_back", 2, &[]);
    club.step(case, "close", 2, &[("satisfied", true.into())]);
    assert_eq!(club.state(case), "closed");
}

#[test]
fn a_court_is_booked_played_and_settled() {
    let mut club = Club::new(VenueKind::Sports);
    let person = club.person(2);
    let court = club.begin("resource", 5, &[], &[("name", "1 号场"), ("kind", "court"), ("fen_per_hour", "60")]);
    let card = stored_value_card(&mut club, person, "100");
    let court_id = court.to_string();
    let typed =
        [("resource", &*court_id), ("start_at", "2026-11-22T12:00"), ("end_at", "2026-11-22T13:00"), ("via", "desk")];
    let booking = club.begin("F-29", 2, &[person], &typed);
    assert_eq!(club.records[&booking].get("person"), Some(&person.into()));
    // The ticket says that they have come, and names the card.
    let ticket = club.begin("F-30", 2, &[booking, person, card], &[]);
    assert_eq!((club.state(booking), club.state(ticket)), ("arrived".into(), "open".into()));
    assert_eq!(club.records[&ticket].get("membership"), Some(&card.into()));
    assert_eq!((club.offered(ticket, 10), club.offered(ticket, 2)), (vec!["collect".into()], vec!["void".into()]));
    club.step(ticket, "collect", 10, &[]);
    assert_eq!((club.offered(ticket, 10), club.offered(ticket, 2)), (vec!["enter".into()], vec![]));
    club.step(ticket, "enter", 10, &[]);
    club.now = club.now.plus(90 * MINUTE_MS);
    club.step(ticket, "leave", 2, &[]);
    assert_eq!(club.records[&ticket].get("amount"), Some(&Value::Int(90_00)));
    club.step(ticket, "settle", 2, &[]);
    assert_eq!(club.ask(2, |_, ground| card_balance(card, ground)), Some(10_00));

    // What is left does not pay for the next time, until the card is topped up.
    let again = club.begin(
        "F-29",
        2,
        &[person],
        &[("resource", &*court_id), ("start_at", "2026-11-22T18:00"), ("end_at", "2026-11-22T19:00"), ("via", "desk")],
    );
    let ticket = club.begin("F-30", 2, &[again, person, card], &[]);
    club.step(ticket, "collect", 10, &[]);
    club.step(ticket, "enter", 10, &[]);
    club.now = club.now.plus(30 * MINUTE_MS);
    club.step(ticket, "leave", 2, &[]);
    assert!(club.try_step(ticket, "settle", 2, &[], None).is_err());
    club.begin("F-31", 2, &[card, person], &[("kind", "full"), ("amount", "50"), ("method", "cash")]);
    club.step(ticket, "settle", 2, &[]);
    assert_eq!(club.ask(2, |_, ground| card_balance(card, ground)), Some(30_00));
}

#[test]
fn a_ticket_is_for_the_court_that_was_booked_or_for_one_that_is_free() {
    let mut club = Club::new(VenueKind::Sports);
    let [one, other] = [2, 3].map(|number| club.person(number));
    let [first, second] = ["1 号场", "2 号场"]
        .map(|name| club.begin("resource", 5, &[], &[("name", name), ("kind", "court"), ("fen_per_hour", "60")]));
    let (card, others_card) = (stored_value_card(&mut club, one, "100"), stored_value_card(&mut club, other, "100"));
    let (first_id, second_id) = (first.to_string(), second.to_string());
    let mut book = |court: &str, person, start, end| {
        club.begin("F-29", 2, &[person], &[("resource", court), ("start_at", start), ("end_at", end), ("via", "desk")])
    };
    let booking = book(&first_id, one, "2026-11-22T12:00", "2026-11-22T13:00");
    let next = book(&first_id, other, "2026-11-22T13:00", "2026-11-22T14:00");
    let later = book(&second_id, one, "2026-11-22T12:30", "2026-11-22T13:30");
    let ticket = club.begin("F-30", 2, &[booking, one, card], &[]);
    club.step(ticket, "collect", 10, &[]);
    club.step(ticket, "enter", 10, &[]);
    // Whoever comes without a booking, or with one of another court, does not get it.
    let on_first = [("resource", &*first_id)];
    assert!(!club.can_begin("F-30", 2, &[other, others_card], &on_first));
    assert!(!club.can_begin("F-30", 2, &[later, one, card], &on_first));
    // The other one is free, though not for as long as the next booking lasts.
    let on_second = [("resource", &*second_id)];
    assert!(club.can_begin("F-30", 2, &[other, others_card], &on_second));
    assert!(!club.can_begin("F-30", 2, &[next, other, others_card], &on_second));
    // Who has booked it is let in, also while those before them still play.
    club.now = club.now.plus(65 * MINUTE_MS);
    assert!(club.can_begin("F-30", 2, &[next, other, others_card], &[]));
}

#[test]
fn whoever_takes_an_application_in_asks_what_the_sports_venue_asks() {
    let mut club = Club::new(VenueKind::Sports);
    for (number, me) in [(1, 1), (2, 2)] {
        let person = club.person(number);
        let contract = application(&mut club, me, person, "100");
        assert_eq!(club.state(contract), "awaiting_payment");
    }
    // What ends a card there has no paper, so it is no step.
    let steps = |kind| Work::of(kind).machine("SM-07").unwrap().steps.iter().map(|step| &*step.key).collect::<Vec<_>>();
    let (there, fitness) = (steps(VenueKind::Sports), steps(VenueKind::Fitness));
    for step in ["transfer", "refund", "move", "upgrade", "go_on_leave"] {
        assert!(!there.contains(&step) && fitness.contains(&step), "{step}");
    }
}

#[test]
fn a_booking_is_put_onto_no_hour_that_another_has() {
    let mut club = Club::new(VenueKind::Sports);
    let [one, other] = [2, 3].map(|number| club.person(number));
    let court = club.begin("resource", 5, &[], &[("name", "1 号场"), ("kind", "court"), ("fen_per_hour", "60")]);
    let court_id = court.to_string();
    let hours = |start, end| [("resource", &*court_id), ("start_at", start), ("end_at", end), ("via", "desk")];
    let booking = club.begin("F-29", 2, &[one], &hours("2026-11-22T12:00", "2026-11-22T13:00"));
    club.begin("F-29", 2, &[other], &hours("2026-11-22T13:00", "2026-11-22T14:00"));
    let moved = |club: &Club, typed: &[(&'static str, &str)]| {
        let filled = club.filled("F-29", 2, &[one], typed);
        let known = &club.records[&booking];
        club.ask(2, |scene, ground| correct(&filled, known, scene, ground, &mut || club.new_id()))
    };
    let taken = moved(&club, &hours("2026-11-22T12:30", "2026-11-22T13:30"));
    assert!(matches!(&taken, Err(Refusal::Unmet(unmet)) if &*unmet[0].name == "court_free"), "{taken:?}");
    assert!(!moved(&club, &hours("2026-11-22T14:00", "2026-11-22T15:00")).unwrap().is_empty());
    // What does not touch court and hours is put right whatever happens there.
    let remark = [&hours("2026-11-22T12:00", "2026-11-22T13:00")[..], &[("remark", "带球")]].concat();
    assert!(!moved(&club, &remark).unwrap().is_empty());
    // A ticket keeps to the card that it is for.
    let card = stored_value_card(&mut club, one, "100");
    let ticket = club.begin("F-30", 2, &[booking, one, card], &[]);
    let number = |club: &Club, number: &'static str| {
        let filled = club.filled("F-30", 2, &[booking, one, card], &[("card_no", number)]);
        let known = &club.records[&ticket];
        club.ask(2, |scene, ground| correct(&filled, known, scene, ground, &mut || club.new_id()))
    };
    assert!(matches!(number(&club, "W02-00009"), Err(Refusal::Unmet(_))));
    assert!(number(&club, "W02-00001").is_ok());
}

#[test]
fn a_guest_who_does_not_come_is_missed_by_the_clock() {
    let mut club = Club::new(VenueKind::Sports);
    let person = club.person(2);
    let court = club.begin("resource", 5, &[], &[("name", "1 号场"), ("kind", "court")]).to_string();
    let typed =
        [("resource", &*court), ("start_at", "2026-11-22T12:00"), ("end_at", "2026-11-22T13:00"), ("via", "desk")];
    let booking = club.begin("F-29", 2, &[person], &typed);
    assert_eq!(club.state(booking), "booked");
    club.now = club.now.plus(3 * HOUR_MS);
    assert_eq!(club.state(booking), "no_show");
    assert!(club.offered(booking, 2).is_empty());
}

#[test]
fn a_call_that_asks_for_no_contact_is_kept_for_ever() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let typed = [("contact_result", "reached"), ("intent", "D"), ("closed", "do_not_contact")];
    club.begin("F-07", 1, &[person], &typed);
    let guest = &club.records[&person];
    assert!(guest.is("do_not_contact") && !guest.is("consent_contact"));
    assert_eq!(guest.text("stage"), Some("do_not_contact"));
    // A later call does not plan another.
    let typed = [("contact_result", "no_answer"), ("intent", "D"), ("next_contact_at", "2026-11-25T18:00")];
    club.begin("F-07", 1, &[person], &typed);
    assert!(club.records[&person].get("next_contact_at").is_none());
    assert_eq!(club.records[&person].get("failed_calls"), Some(&Value::Int(1)));
}

/// Something that a field takes.
fn sample(club: &Club, form: &Form, field: &Field) -> Option<String> {
    let first = |list: &str| club.pack.list(list).first().map(|item| item.key.to_string());
    let staff = fixture::staff(1).to_string();
    let record = RecordId::from_bytes(fixture::id_bytes(40)).to_string();
    Some(match &field.kind {
        FieldType::Text(_) if is_identity(field) => ID_NUMBER.into(),
        FieldType::Text(_) if field.rule == Some(Rule::YearMonth) => "1990-05".into(),
        FieldType::Text(_) | FieldType::LongText => "文字".into(),
        FieldType::Phone => "13800138000".into(),
        FieldType::Name => "李娜".into(),
        FieldType::Email => "li@example.com".into(),
        FieldType::Date | FieldType::Datetime => {
            let has = |is: fn(&Rule) -> bool| field.rules().any(is);
            let day = match () {
                () if has(|rule| matches!(rule, Rule::Past)) => "2026-11-20",
                () if has(|rule| matches!(rule, Rule::After(_))) => "2026-11-29",
                () if has(|rule| matches!(rule, Rule::NotBefore(_) | Rule::Future)) => "2026-11-28",
                () => "2026-11-23",
            };
            if field.kind == FieldType::Date { day.into() } else { format!("{day}T11:00") }
        }
        FieldType::Time => "10:30".into(),
        FieldType::Int(min, max) => (*min).max(1).min(*max).to_string(),
        FieldType::Decimal => "1.50".into(),
        FieldType::Money if field.key.as_str() == "paid_amount" => "2000".into(),
        FieldType::Money => "20".into(),
        FieldType::Bool => "true".into(),
        FieldType::Enum(list) | FieldType::Multi(list) => first(list)?,
        FieldType::Ref(Reference::Staff) | FieldType::StaffList => staff,
        FieldType::Ref(Reference::Venue) => fixture::venue().to_string(),
        FieldType::Ref(Reference::Department) => first("dept_kind")?,
        FieldType::Ref(Reference::Route) => club.pack.routes.first()?.key.to_string(),
        FieldType::Ref(Reference::Prompt) => club.pack.prompts.first()?.id.to_string(),
        FieldType::Ref(_) => record,
        FieldType::Checklist(id) => {
            let items = &club.pack.checklist(id)?.items;
            items.iter().map(|item| &*item.key).collect::<Vec<_>>().join(",")
        }
        FieldType::ResidentId => ID_NUMBER.into(),
        FieldType::Passport => "E12345678".into(),
        FieldType::Signature => INK.into(),
        FieldType::Photo | FieldType::File => "a".repeat(64),
        FieldType::Rating => "3".into(),
        FieldType::Score => "80".into(),
        FieldType::Stops(_) => club.pack.routes.first()?.stops.first()?.key.to_string(),
        FieldType::List(of) => match of {
            ListOf::Texts => "一\n二".into(),
            ListOf::Numbers => "1,2".into(),
            ListOf::Datetimes => "2026-11-23T10:00".into(),
            ListOf::Photos => "a".repeat(64),
            ListOf::Gifts => "毛巾*2".into(),
            ListOf::Charges => "遗失手牌=50".into(),
            ListOf::Refs(Reference::Staff) => staff,
            ListOf::Refs(_) => record,
        },
    })
    .filter(|_| form.field(field.key.as_str()).is_some())
}

/// Every form that begins a paper, in every pack, filled in whole: what comes of it fits the schema and stands where
/// its author may write, or is refused for a reason that a screen can name.
#[test]
fn every_form_begins_a_record_that_fits() {
    let mut begun = 0;
    for kind in [VenueKind::Fitness, VenueKind::Sports] {
        let pack = Pack::of(kind);
        for form in &pack.forms {
            if matches!(&*form.record, "person" | "visit" | "consultation" | "outing" | "consent") {
                continue;
            }
            let mut club = Club::new(kind);
            let context = club.context(1);
            let mut draft = Draft::default();
            for field in form.fields() {
                if let Some(text) = sample(&club, form, field) {
                    draft.set(&field.key, text);
                }
            }
            let filled =
                form::check(form, &draft, &context).unwrap_or_else(|problems| panic!("{}: {problems:?}", form.id));
            let me = (1..=9).find(|me| club.ask(*me, |scene, ground| may_begin(form, scene, ground.work)));
            let Some(me) = me else {
                // The clock begins it, or nobody by hand.
                assert!(matches!(&*form.record, "report"), "nobody begins {}", form.id);
                continue;
            };
            let edits = club.ask(me, |scene, ground| super::begin(&filled, &[], scene, ground, &mut || club.new_id()));
            match edits {
                Ok(edits) => {
                    begun += 1;
                    let id = edits[0].record;
                    club.save(me, edits);
                    let record = &club.records[&id];
                    for (key, value) in filled.values() {
                        let held = record.get(key.as_str()).is_some()
                            || record.elements(key.as_str()).next().is_some()
                            || record.guarded(PROGRESS).is_some_and(|group| group.contains_key(key.as_str()));
                        assert!(held || value.is_empty(), "{} loses {key}", form.id);
                    }
                }
                // The card, pass or ticket that it speaks of is not there.
                Err(Refusal::Unmet(_)) => {}
                Err(refusal) => panic!("{}: {refusal:?}", form.id),
            }
        }
    }
    println!("{begun} papers begun");
    assert!(begun > 50, "{begun}");
}

#[test]
fn no_form_must_be_filled_in_by_the_app_alone() {
    for kind in [VenueKind::Fitness, VenueKind::Sports] {
        for form in &Pack::of(kind).forms {
            assert!(form.fields().any(|field| field.required != Required::Auto), "{}", form.id);
        }
    }
}

/// A visit that the desk handed to consultant 1.
fn visit_with_host(club: &mut Club) -> RecordId {
    let filled = club.filled(
        "F-01",
        2,
        &[],
        &[
            ("visitor_name", "王雨桐"),
            ("gender", "female"),
            ("mobile", "13800138000"),
            ("is_first_visit", "true"),
            ("visit_purpose", "tour"),
            ("party_size", "2"),
            ("privacy_ack", "true"),
            ("host_staff", &fixture::staff(1).to_string()),
        ],
    );
    let edits = club.ask(2, |scene, _| crate::capture::visit_edits(&filled, scene, None, &mut || club.new_id()));
    let id = edits.iter().find(|edit| edit.kind.as_str() == "visit").unwrap().record;
    club.save(2, edits);
    club.step(id, "hand_over", 2, &[]);
    id
}

#[test]
fn a_tour_takes_the_visit_along_keeps_each_stop_and_leads_to_the_talk() {
    use crate::tour::{self, Walk};
    let mut club = Club::new(VenueKind::Fitness);
    let visit = visit_with_host(&mut club);
    let begun = |club: &Club, me| {
        club.ask(me, |scene, ground| tour::begin(&club.records[&visit], scene, ground, &mut || club.new_id()))
    };
    let edits = begun(&club, 1).unwrap();
    let id = edits[0].record;
    club.save(1, edits);
    assert_eq!((club.state(id), club.state(visit)), ("running".into(), "touring".into()));
    let record = &club.records[&id];
    assert_eq!(record.get("group_size"), Some(&2.into()));
    assert_eq!(record.get("started_at").and_then(Value::as_at), Some(club.now));

    let route = &club.pack.routes[0];
    let walk = |club: &Club| Walk::of(&club.records[&id], route);
    assert_eq!((walk(&club).next(), walk(&club).shown()), (Some(0), 0));
    for (place, liked) in [(0, None), (2, Some(3)), (3, Some(9))] {
        let edit = tour::show(&club.records[&id], route, place, liked).unwrap();
        club.save(1, vec![edit]);
    }
    assert_eq!(walk(&club).stops[..4], [(true, 0), (false, 0), (true, 3), (true, 3)]);
    assert_eq!((walk(&club).next(), walk(&club).shown()), (Some(4), 3));
    assert_eq!(tour::show(&club.records[&id], route, route.stops.len(), None), None);

    club.now = club.now.plus(20 * 60_000);
    let end = |club: &Club| {
        club.ask(1, |scene, ground| {
            tour::end(&club.records[&id], " 想恢复核心 ", scene, ground, &mut || club.new_id())
        })
    };
    let edits = end(&club).unwrap();
    club.save(1, edits);
    assert_eq!((club.state(id), club.state(visit)), ("done".into(), "negotiating".into()));
    let record = &club.records[&id];
    assert_eq!(record.text("needs_noted"), Some("想恢复核心"));
    assert_eq!(record.get("ended_at").and_then(Value::as_at), Some(club.now));
    assert!(matches!(end(&club), Err(Refusal::NotFrom { .. })), "it ends once");
    // A talk that ends in yes says so for the visit as well.
    let product = club.product("12").to_string();
    let typed = [
        ("kind", "new"),
        ("tour_feeling", "喜欢泳池"),
        ("offers_presented", &*product),
        ("intent", "A"),
        ("price_shown", "false"),
        ("outcome", "signed"),
    ];
    let talk = club.begin("F-06", 1, &[visit], &typed);
    assert_eq!((club.state(talk), club.state(visit)), ("signed".into(), "signed".into()));
}

#[test]
fn a_visit_that_is_over_stays_so_while_its_tour_is_kept() {
    let mut club = Club::new(VenueKind::Fitness);
    let visit = visit_with_host(&mut club);
    club.step(visit, "wait", 2, &[]);
    club.step(visit, "cancel", 2, &[]);
    let edits =
        club.ask(1, |scene, ground| crate::tour::begin(&club.records[&visit], scene, ground, &mut || club.new_id()));
    let id = edits.as_ref().unwrap()[0].record;
    club.save(1, edits.unwrap());
    assert_eq!((club.state(id), club.state(visit)), ("running".into(), "cancelled".into()));
}

/// Two desks without network: each of them allows what the other has not seen.
#[test]
fn of_two_leaves_of_one_card_the_later_is_somebody_to_look_at() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let card = member(&mut club, person);
    let leave = |club: &mut Club, start_on, planned_end_on| {
        let typed = [("start_on", start_on), ("planned_end_on", planned_end_on), ("member_sign", INK)];
        let leave = club.begin("F-14", 2, &[card, person], &typed);
        club.step(leave, "submit", 2, &[]);
        leave
    };
    let before = |club: &Club, leave: RecordId| {
        club.ask(3, |scene, ground| leave_before(&club.records[&leave], scene, ground).map(|other| other.id))
    };
    let first = leave(&mut club, "2026-12-01", "2026-12-31");
    let later = leave(&mut club, "2026-12-20", "2027-01-10");
    let apart = leave(&mut club, "2027-01-10", "2027-02-10");
    assert_eq!([first, later, apart].map(|leave| before(&club, leave)), [None, Some(first), None]);
    club.step(first, "cancel", 2, &[]);
    assert_eq!(before(&club, later), None);
}

#[test]
fn nobody_goes_on_from_two_sides_before_one_was_chosen() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let case = club.begin("F-21", 2, &[person], &COMPLAINT);
    assert!(!club.offered(case, 2).is_empty());
    let seen = club.records[&case].head_changes(PROGRESS);
    let group = club.records[&case].guarded(PROGRESS).unwrap().clone();
    for state in ["responded", "withdrawn"] {
        let mut group = group.clone();
        group.insert(Key::of("state"), state.into());
        let write = schema::write_group("case", PROGRESS, group, seen.clone());
        let edit = Edit {
            record: case,
            kind: Key::of("case"),
            audience: club.records[&case].audience().clone(),
            salt: [0; 8],
            writes: vec![write],
        };
        club.changes += 1;
        let change = fixture::change(club.changes, vec![edit]);
        merge::take_in(&mut club.records, &Ranked::provisional(Stamp::at(club.now.plus(9_000)), change));
    }
    assert_eq!(club.records[&case].heads(PROGRESS).len(), 2);
    for me in 1..=5 {
        assert!(club.offered(case, me).is_empty(), "{me}");
    }
}

#[test]
fn another_card_chosen_takes_the_first_ones_number_and_name_along() {
    let holder = |number: u8, name: &str, card_no: &str| {
        let person = fixture::record_of(number, "person", None, vec![("name", name.into())]);
        let fields = vec![("person", person.id.into()), ("card_no", card_no.into())];
        (fixture::record_of(number + 1, "membership", Some("active"), fields), person)
    };
    let (first, second) = (holder(1, "李娜", "A1024"), holder(3, "王芳", "A2048"));
    let form = Pack::of(VenueKind::Fitness).form("F-14").unwrap();
    let filled = |draft: &Draft| ["membership", "card_no", "member_name"].map(|key| draft.get(key).to_owned());
    let mut draft = Draft::default();
    prefill(form, &[&first.0, &first.1], &mut draft);
    assert_eq!(filled(&draft), [&first.0.id.to_string(), "A1024", "李娜"]);
    draft.set(&Key::of("channel"), "by_phone");
    take_back(form, &[&first.0, &first.1], &mut draft);
    assert_eq!(filled(&draft), ["", "", ""]);
    assert_eq!(draft.get("channel"), "by_phone");
    prefill(form, &[&second.0, &second.1], &mut draft);
    assert_eq!(filled(&draft), [&second.0.id.to_string(), "A2048", "王芳"]);
    // What was typed over is whoever's typed it.
    draft.set(&Key::of("member_name"), "王芳芳");
    take_back(form, &[&second.0, &second.1], &mut draft);
    assert_eq!(filled(&draft), ["", "", "王芳芳"]);
}

#[test]
fn what_a_later_step_fills_in_need_not_be_asked_before() {
    let club = Club::new(VenueKind::Sports);
    let is_filled = |field| club.work.is_filled_by_step("ticket", field);
    for field in ["collected_by", "entered_at", "exit_at", "minutes", "amount", "deducted", "settled_by"] {
        assert!(is_filled(field), "{field}");
    }
    for field in ["opened_by", "opened_at", "card_no", "resource"] {
        assert!(!is_filled(field), "{field}");
    }
}

// ---- Appointments -------------------------------------------------------------------------------------------------

const CALL: [(&str, &str); 4] = [
    ("contact_result", "reached"),
    ("appointment_at", "2026-11-25T15:00"),
    ("appointment_kind", "visit"),
    ("intent", "B"),
];

impl Club {
    fn expected(&self, id: RecordId) -> bool {
        self.ask(2, |scene, ground| super::missed(&self.records[&id], scene, ground).is_some())
    }

    fn arrive(&mut self, person: RecordId) -> RecordId {
        let visit = self.new_id();
        let edits = self.ask(2, |scene, ground| super::keep_appointments(person, visit, scene, ground));
        if !edits.is_empty() {
            self.save(2, edits);
        }
        visit
    }

    fn at(&mut self, day: u32, hour: i64) {
        self.now = Day::from_ymd(2026, 11, day).unwrap().begins(480).plus(hour * HOUR_MS);
    }
}

#[test]
fn what_a_call_agrees_on_is_an_appointment_and_a_second_call_moves_it() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    club.begin("F-07", 1, &[person], &CALL);
    let [appointment] = club.of_kind("appointment")[..] else { panic!("one appointment") };
    let (id, at) = (appointment.id, appointment.get("start_at").cloned());
    assert_eq!(at, club.records[&person].get("visit_plan_at").cloned());
    assert_eq!((club.state(id).as_str(), appointment.text("kind")), ("booked", Some("visit")));

    let mut later = CALL;
    later[1].1 = "2026-11-27T10:00";
    club.begin("F-07", 1, &[person], &later);
    let [moved] = club.of_kind("appointment")[..] else { panic!("it is moved, and no second one made") };
    assert_ne!(moved.get("start_at").cloned(), at);
    assert_eq!(moved.get("start_at"), club.records[&person].get("visit_plan_at"));

    // Another matter has a time of its own.
    later[2].1 = "class";
    club.begin("F-07", 1, &[person], &later);
    assert_eq!(club.of_kind("appointment").len(), 2);
}

#[test]
fn an_appointment_is_moved_cancelled_or_missed_and_the_guest_is_called_again() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let typed = [("kind", "visit"), ("start_at", "2026-11-25T15:00")];
    let id = club.begin("appointment", 1, &[person], &typed);
    assert_eq!(club.records[&person].text("stage"), Some("appointed"));
    // A new time is asked, though there is one.
    let asks = club.ask(1, |scene, ground| {
        let offers = super::offers(&club.records[&id], scene, ground);
        let moved = offers.iter().find(|offer| &*offer.step.key == "move").unwrap();
        moved.asks.iter().map(|field| field.key.to_string()).collect::<Vec<_>>()
    });
    assert_eq!(asks, ["start_at"]);
    let friday = Day::from_ymd(2026, 11, 27).unwrap().begins(480).plus(10 * HOUR_MS);
    club.step(id, "move", 2, &[("start_at", friday.into())]);
    assert_eq!(club.records[&person].get("visit_plan_at"), Some(&friday.into()));
    assert_eq!(club.records[&person].get("next_contact_at"), Some(&friday.into()));
    let past = club.try_step(id, "move", 2, &[("start_at", club.now.plus(-HOUR_MS).into())], None);
    assert!(matches!(past, Err(Refusal::Unmet(_))), "nobody is expected yesterday");

    club.at(27, 13);
    assert_eq!(club.state(id), "missed", "two hours and more after the time");
    assert_eq!(club.offered(id, 1), ["move"]);
    let monday = Day::from_ymd(2026, 11, 30).unwrap().begins(480).plus(10 * HOUR_MS);
    club.step(id, "move", 1, &[("start_at", monday.into())]);
    assert_eq!(club.state(id), "booked");

    assert!(club.try_step(id, "cancel", 1, &[], None).is_err(), "with a reason");
    club.step(id, "cancel", 1, &[]);
    let guest = &club.records[&person];
    assert_eq!((guest.text("stage"), guest.get("visit_plan_at")), (Some("contacted"), None));
    assert_eq!(guest.get("next_contact_at"), Some(&club.now.into()), "to agree on another day");
    assert_eq!(club.offered(id, 1), ["move"], "another day may be agreed on");
}

#[test]
fn whoever_comes_on_the_day_keeps_the_appointment() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let id = club.begin("appointment", 1, &[person], &[("kind", "visit"), ("start_at", "2026-11-25T15:00")]);
    club.at(24, 15);
    club.arrive(person);
    assert_eq!(club.state(id), "booked", "a day early is another visit");
    club.at(25, 19);
    assert_eq!(club.state(id), "missed");
    assert!(club.expected(id));
    let visit = club.arrive(person);
    assert_eq!(club.state(id), "came", "late is better than never");
    assert_eq!(club.records[&id].get("visit"), Some(&visit.into()));
    assert!(!club.expected(id));
}

#[test]
fn who_agreed_the_day_before_is_not_reminded_of_it() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    club.at(23, 12);
    let mut reminders = |start_at: &str| {
        let id = club.begin("appointment", 1, &[person], &[("kind", "visit"), ("start_at", start_at)]);
        let lookup = |id: RecordId| club.records.get(&id).map(std::borrow::Cow::Borrowed);
        let ground = crate::task::Ground {
            now: club.now,
            offset_minutes: 480,
            work: club.work,
            pack: club.pack,
            numbers_on: &|key, _| {
                club.pack.parameter(key).map(|parameter| parameter.values.to_vec()).unwrap_or_default()
            },
            lookup: &lookup,
        };
        crate::task::of_record(&club.records[&id], &ground).len()
    };
    assert_eq!(reminders("2026-11-24T15:00"), 0, "it would be late at once");
    assert_eq!(reminders("2026-11-25T15:00"), 1);
}

#[test]
fn a_trial_that_is_booked_is_an_appointment_with_its_host() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let typed = [("code", "T-0001"), ("source", "outing"), ("valid_until", "2026-12-22T12:00")];
    club.begin("trial_pass", 1, &[person], &typed);
    let host = fixture::staff(1).to_string();
    let typed = [
        ("mode", "appointment"),
        ("pass_code", "T-0001"),
        ("pass_source", "outing"),
        ("guest_name", "李娜"),
        ("id_no", "11010519491231002X"),
        ("mobile", "13800138000"),
        ("appointment_at", "2026-11-25T15:00"),
        ("clothes_ok", "true"),
        ("shoes_ok", "true"),
        ("host", &*host),
        ("safety_told", "true"),
    ];
    // A number that is no card's is what is wrong, and not the papers that were shown.
    let mut unknown = typed;
    unknown[1].1 = "T-0002";
    let filled = club.filled("F-12", 2, &[person], &unknown);
    let refused = club.ask(2, |scene, ground| {
        super::begin(&filled, &[&club.records[&person]], scene, ground, &mut || club.new_id()).unwrap_err()
    });
    let lacks = |name: &str, fields: &[&str]| Call {
        name: name.into(),
        arguments: fields.iter().map(|field| Box::from(*field)).collect(),
    };
    assert!(matches!(&refused, Refusal::Unmet(unmet) if unmet.contains(&lacks("filled", &["pass"]))), "{refused:?}");
    // The desk books as well, and nobody has come by that.
    let trial = club.begin("F-12", 2, &[person], &typed);
    assert_eq!(club.state(trial), "booked");
    let [appointment] = club.of_kind("appointment")[..] else { panic!("one appointment") };
    let id = appointment.id;
    assert_eq!((appointment.text("kind"), appointment.text("staff")), (Some("trial"), Some(&*host)));
    // Who did not come and books again is waited for at the new time.
    club.at(26, 12);
    assert_eq!((club.state(trial).as_str(), club.state(id).as_str()), ("no_show", "missed"));
    let again = Day::from_ymd(2026, 11, 27).unwrap().begins(480).plus(10 * HOUR_MS);
    club.step(trial, "book_again", 1, &[("appointment_at", again.into())]);
    let waited: Vec<RecordId> = club.of_kind("appointment").iter().map(|record| record.id).collect();
    let booked: Vec<RecordId> = waited.into_iter().filter(|id| club.state(*id) == "booked").collect();
    assert_eq!(booked.len(), 1);
    assert_eq!(club.records[&booked[0]].get("start_at"), Some(&again.into()));
}

#[test]
fn a_fitness_test_that_the_coach_books_is_an_appointment_with_the_coach() {
    let mut club = Club::new(VenueKind::Fitness);
    let person = club.person(1);
    let card = member(&mut club, person);
    let typed = [("pt_card_code", "PT-1"), ("pt_manager_sign", INK), ("member_told", "true")];
    let grant = club.begin("F-13", 1, &[club.records[&card].id, person], &typed);
    club.step(grant, "hand_over", 7, &[]);
    let coach = fixture::staff(7).to_string();
    club.step(grant, "contact", 7, &[]);
    let tuesday = Day::from_ymd(2026, 11, 24).unwrap().begins(480).plus(18 * HOUR_MS);
    club.step(grant, "book", 7, &[("test_at", tuesday.into()), ("coach", coach.as_str().into())]);
    let [appointment] = club.of_kind("appointment")[..] else { panic!("one appointment") };
    assert_eq!((appointment.text("kind"), appointment.text("staff")), (Some("pt_test"), Some(coach.as_str())));
    assert_eq!(appointment.get("start_at"), Some(&tuesday.into()));
}
