use super::*;
use crate::{
    change::{Change, Ranked},
    fixture,
    form::{self, Context, Draft},
    merge::{self, Records},
    pack::VenueKind,
    schema::check_change,
    stamp::Stamp,
    time::DAY_MS,
};

const CONSULTANT: u8 = 1;
const DESK: u8 = 2;

fn role_of(staff: StaffId) -> Option<Role> {
    match staff {
        staff if staff == fixture::staff(CONSULTANT) => Some(Role::Consultant),
        staff if staff == fixture::staff(DESK) => Some(Role::FrontDesk),
        staff if staff == fixture::staff(3) => Some(Role::Consultant),
        _ => None,
    }
}

fn scene(me: u8) -> Scene<'static> {
    Scene {
        now: fixture::NOW,
        offset_minutes: 480,
        venue: fixture::venue(),
        me: fixture::staff(me),
        role_of: &role_of,
        pack: Pack::of(VenueKind::Fitness),
        paper_number: None,
    }
}

fn context(me: u8) -> Context<'static> {
    let outing = Some(RecordId::from_bytes(fixture::id_bytes(40)));
    Context {
        now: fixture::NOW,
        offset_minutes: 480,
        me: fixture::staff(me),
        outing,
        venue: Some(fixture::venue()),
        pack: Pack::of(VenueKind::Fitness),
        cards: None,
    }
}

fn filled(form_id: &str, me: u8, typed: &[(&'static str, &str)]) -> Filled {
    let form = Pack::of(VenueKind::Fitness).form(form_id).unwrap();
    let mut draft = form::begin(form, &context(me));
    for (key, text) in typed {
        draft.set(&Key::of(key), *text);
    }
    let sections: Vec<&str> = form.sections.iter().map(|section| &*section.key).collect();
    let due = if form_id == "F-04" { &sections[..1] } else { &sections[..] };
    form::check_sections(form, due, &draft, &context(me)).unwrap()
}

/// Ids that count up from `start`.
fn ids(start: u8) -> impl FnMut() -> RecordId {
    let mut next = start;
    move || {
        next += 1;
        RecordId::from_bytes(fixture::id_bytes(next))
    }
}

/// The records that the edits of one save make, each later by a stamp; every edit must fit the schema.
fn take_in(records: &mut Records, number: u8, edits: Vec<Edit>) {
    let change: Change = fixture::change(number, edits);
    assert_eq!(check_change(&change), Ok(()));
    let stamp = Stamp::at(fixture::NOW.plus(i64::from(number)));
    merge::take_in(records, &Ranked::provisional(stamp, change));
}

fn of_kind<'a>(records: &'a Records, kind: &str) -> &'a Record {
    records.values().find(|record| record.kind().as_str() == kind).unwrap()
}

const LEAD: [(&str, &str); 5] = [
    ("mobile", "138 0013 8000"),
    ("name", "李娜"),
    ("cooperation", "cooperative"),
    ("consent_contact", "true"),
    ("interests", "yoga,running"),
];

#[test]
fn a_lead_belongs_to_who_captured_it_and_is_called_the_next_day() {
    let mut records = Records::new();
    take_in(&mut records, 1, lead_edits(&filled("F-03", CONSULTANT, &LEAD), &scene(CONSULTANT), &mut ids(50)));
    let person = of_kind(&records, "person");
    assert_eq!(*person.audience(), Audience::Own(fixture::venue(), fixture::staff(CONSULTANT)));
    assert_eq!(person.text("phone"), Some("+8613800138000"));
    assert_eq!(person.text("phone_typed"), Some("138 0013 8000"));
    assert_eq!(person.text("owner"), Some(&*fixture::staff(CONSULTANT).to_string()));
    assert_eq!((person.text("source"), person.text("stage")), (Some("outing"), Some("new")));
    assert_eq!(person.elements("interests").count(), 2);
    assert!(person.is("consent_contact") && person.is("leaflet_given"));
    // NOW is 10:00 at the venue.
    assert_eq!(person.get("next_contact_at"), Some(&Value::At(fixture::NOW.plus(DAY_MS))));
    assert_eq!(person.get("outing"), Some(&Value::Id(RecordId::from_bytes(fixture::id_bytes(40)))));
    assert_eq!(records.len(), 1);
}

#[test]
fn a_refusal_without_a_number_still_counts_its_leaflet() {
    let mut records = Records::new();
    let refused = filled("F-03", CONSULTANT, &[("cooperation", "refused")]);
    take_in(&mut records, 1, lead_edits(&refused, &scene(CONSULTANT), &mut ids(50)));
    let contact = of_kind(&records, "interaction");
    assert_eq!(contact.text("result"), Some("refused"));
    assert!(contact.is("leaflet_given") && contact.is("card_given"));
    assert!(contact.get("outing").is_some());
    assert_eq!(records.len(), 1);
}

#[test]
fn who_refused_is_not_called() {
    let mut records = Records::new();
    let typed = [("mobile", "13800138000"), ("cooperation", "refused"), ("consent_contact", "true")];
    take_in(&mut records, 1, lead_edits(&filled("F-03", CONSULTANT, &typed), &scene(CONSULTANT), &mut ids(50)));
    assert_eq!(of_kind(&records, "person").get("next_contact_at"), None);
}

const VISIT: [(&str, &str); 6] = [
    ("visitor_name", "李女士"),
    ("mobile", "13800138000"),
    ("visit_purpose", "tour"),
    ("is_first_visit", "true"),
    ("privacy_ack", "true"),
    ("interests", "court"),
];

#[test]
fn a_newcomer_at_the_desk_is_the_desks_until_a_consultant_takes_over() {
    let mut records = Records::new();
    take_in(&mut records, 1, visit_edits(&filled("F-01", DESK, &VISIT), &scene(DESK), None, &mut ids(50)));
    let (visit, person) = (of_kind(&records, "visit"), of_kind(&records, "person"));
    assert_eq!(*person.audience(), Audience::Desk(fixture::venue()));
    assert_eq!(visit.get("person"), Some(&Value::Id(person.id)));
    assert_eq!(person.get("first_visit"), Some(&Value::Id(visit.id)));
    assert_eq!((person.text("stage"), visit.text("status")), (Some("visited"), Some("registered")));
    assert_eq!(person.text("source"), Some("walk_in"));
    assert!(person.is("consent_contact"));

    let host = fixture::staff(CONSULTANT).to_string();
    let typed = [&VISIT[..], &[("host_staff", &host)]].concat();
    let mut records = Records::new();
    take_in(&mut records, 1, visit_edits(&filled("F-01", DESK, &typed), &scene(DESK), None, &mut ids(50)));
    let own = Audience::Own(fixture::venue(), fixture::staff(CONSULTANT));
    assert!(records.values().all(|record| *record.audience() == own));
}

#[test]
fn someone_known_keeps_owner_name_and_place() {
    let mut records = Records::new();
    take_in(&mut records, 1, lead_edits(&filled("F-03", CONSULTANT, &LEAD), &scene(CONSULTANT), &mut ids(50)));
    let known = of_kind(&records, "person").clone();
    let edits = visit_edits(&filled("F-01", DESK, &VISIT), &scene(DESK), Some(&known), &mut ids(60));
    take_in(&mut records, 2, edits);
    assert_eq!(records.len(), 2);
    let person = of_kind(&records, "person");
    assert_eq!(person.text("name"), Some("李娜"));
    assert_eq!(person.text("phone_typed"), Some("138 0013 8000"));
    assert_eq!(person.text("owner"), known.text("owner"));
    assert_eq!(person.audience(), known.audience());
    assert_eq!(of_kind(&records, "visit").audience(), known.audience());
    assert_eq!((person.text("stage"), person.elements("interests").count()), (Some("visited"), 3));
}

#[test]
fn a_consultant_hands_a_colleagues_newcomer_to_the_desk() {
    let colleague = fixture::staff(3).to_string();
    let typed = [&VISIT[..], &[("host_staff", &colleague)]].concat();
    let edits = visit_edits(&filled("F-01", CONSULTANT, &typed), &scene(CONSULTANT), None, &mut ids(50));
    assert!(edits.iter().all(|edit| edit.audience == Audience::Desk(fixture::venue())));
}

#[test]
fn a_delivery_makes_no_prospect() {
    let typed = [&VISIT[..], &[("visit_purpose", "delivery")]].concat();
    let edits = visit_edits(&filled("F-01", DESK, &typed), &scene(DESK), None, &mut ids(50));
    assert_eq!(edits.iter().map(|edit| edit.kind.as_str()).collect::<Vec<_>>(), ["visit"]);
}

const CONSULTATION: [(&str, &str); 7] = [
    ("consult_mode", "phone"),
    ("customer_name", "李娜"),
    ("phone", "13800138000"),
    ("consult_items", "yoga"),
    ("info_source", "media"),
    ("first_deal", "false"),
    ("next_contact_at", "2026-11-23T10:00"),
];

#[test]
fn a_consultation_plans_the_next_contact() {
    let mut records = Records::new();
    let edits = consultation_edits(&filled("F-02", DESK, &CONSULTATION), &scene(DESK), None, &mut ids(50));
    take_in(&mut records, 1, edits);
    let (consultation, person) = (of_kind(&records, "consultation"), of_kind(&records, "person"));
    assert_eq!(consultation.get("person"), Some(&Value::Id(person.id)));
    assert_eq!(person.get("next_contact_at"), Some(&Value::At(fixture::NOW.plus(DAY_MS))));
    assert_eq!((person.text("stage"), person.text("source")), (Some("contacted"), Some("phone_in")));
    assert_eq!(person.elements("interests").count(), 1);
}

#[test]
fn who_wants_no_contact_is_left_alone_for_good() {
    let typed = [&CONSULTATION[..], &[("no_contact_wanted", "true"), ("next_contact_at", "")]].concat();
    let mut records = Records::new();
    let edits = consultation_edits(&filled("F-02", DESK, &typed), &scene(DESK), None, &mut ids(50));
    take_in(&mut records, 1, edits);
    let person = of_kind(&records, "person").clone();
    assert!(person.is("do_not_contact") && person.text("stage") == Some("do_not_contact"));
    take_in(&mut records, 2, visit_edits(&filled("F-01", DESK, &VISIT), &scene(DESK), Some(&person), &mut ids(60)));
    assert_eq!(of_kind(&records, "person").text("stage"), Some("do_not_contact"));
}

const PLAN: [(&str, &str); 4] = [
    ("area_kind", "office"),
    ("place", "国贸大厦"),
    ("form", "roaming_leaflet"),
    ("planned_arrival", "2026-11-22T14:00"),
];

/// The record's form with these fields typed over it, as the screen does it.
fn again(record: &Record, typed: &[(&'static str, &str)]) -> Filled {
    let form = Pack::of(VenueKind::Fitness).form("F-04").unwrap();
    let mut draft: Draft = form::draft_of(form, record, &context(CONSULTANT));
    for (key, text) in typed {
        draft.set(&Key::of(key), *text);
    }
    form::check_sections(form, &["plan"], &draft, &context(CONSULTANT)).unwrap()
}

#[test]
fn an_outing_writes_only_what_differs() {
    let mut records = Records::new();
    take_in(&mut records, 1, outing_edits(&filled("F-04", CONSULTANT, &PLAN), &scene(CONSULTANT), None, &mut ids(50)));
    let outing = of_kind(&records, "outing").clone();
    assert_eq!((outing.text("status"), outing.text("place")), (Some("planned"), Some("国贸大厦")));
    assert_eq!(outing.elements("team").count(), 1);
    let update = |record: &Record, typed: &[(&'static str, &str)]| {
        outing_edits(&again(record, typed), &scene(CONSULTANT), Some(record), &mut ids(60))
    };
    assert_eq!(update(&outing, &[]), []);

    let packed = update(&outing, &[("kit_checked", "handbook,leaflets")]);
    let keys: Vec<&str> = packed[0].writes.iter().map(|write| write.key.as_str()).collect();
    assert_eq!(keys, ["kit_checked", "kit_checked"]);
    take_in(&mut records, 2, packed);
    let outing = of_kind(&records, "outing").clone();
    take_in(&mut records, 3, update(&outing, &[("kit_checked", "handbook"), ("place", "西湖文化广场")]));
    let outing = of_kind(&records, "outing").clone();
    assert_eq!(outing.elements("kit_checked").collect::<Vec<_>>(), [&Value::from("handbook")]);
    assert_eq!(outing.text("place"), Some("西湖文化广场"));
}

#[test]
fn an_outing_goes_on_and_never_back() {
    let mut records = Records::new();
    take_in(&mut records, 1, outing_edits(&filled("F-04", CONSULTANT, &PLAN), &scene(CONSULTANT), None, &mut ids(50)));
    let kit = "handbook,business_cards,leaflets,folder,tablet_charged,trial_passes,price_list_left";
    for (number, typed, state) in [
        (2, ("kit_checked", kit), "ready"),
        (3, ("actual_arrival", "2026-11-22T14:05"), "on_site"),
        (4, ("actual_arrival", ""), "on_site"),
        (5, ("ended_at", "2026-11-22T17:00"), "ended"),
        (6, ("summary", "人多，单页不够"), "reported"),
        (7, ("summary", ""), "reported"),
    ] {
        let outing = of_kind(&records, "outing").clone();
        take_in(
            &mut records,
            number,
            outing_edits(&again(&outing, &[typed]), &scene(CONSULTANT), Some(&outing), &mut ids(60)),
        );
        assert_eq!(of_kind(&records, "outing").text("status"), Some(state));
    }
    assert_eq!(of_kind(&records, "outing").get("summary"), None);
}

#[test]
fn of_a_person_who_is_known_only_what_differs_is_written() {
    let new =
        filled("person", CONSULTANT, &[("phone", "138 0013 8000"), ("name", "李娜"), ("consent_contact", "true")]);
    let mut records = Records::new();
    take_in(&mut records, 60, person_edits(&new, &scene(CONSULTANT), None, &mut ids(60)));
    let person = records.values().next().unwrap();
    assert_eq!((person.text("phone"), person.text("stage")), (Some("+8613800138000"), Some("new")));
    assert_eq!(person.audience(), &Audience::Own(fixture::venue(), fixture::staff(CONSULTANT)));
    assert_eq!(person_edits(&new, &scene(DESK), Some(person), &mut ids(70)), []);
    let noted = filled(
        "person",
        CONSULTANT,
        &[("phone", "13800138000"), ("name", "李娜"), ("consent_contact", "true"), ("note", "周日来谈")],
    );
    let edits = person_edits(&noted, &scene(DESK), Some(person), &mut ids(80));
    let keys: Vec<&str> = edits.iter().flat_map(|edit| &edit.writes).map(|write| write.key.as_str()).collect();
    assert_eq!(keys, ["note"]);
}

#[test]
fn a_call_says_when_to_call_again_and_brings_a_new_lead_on() {
    let mut records = Records::new();
    let new =
        filled("person", CONSULTANT, &[("phone", "138 0013 8000"), ("name", "李娜"), ("consent_contact", "true")]);
    take_in(&mut records, 60, person_edits(&new, &scene(CONSULTANT), None, &mut ids(60)));
    let person = of_kind(&records, "person").clone();
    let again = call_again_at(3, &scene(CONSULTANT));
    assert_eq!(again, first_call_at(&scene(CONSULTANT)).plus(2 * DAY_MS));
    let contact = Contact {
        started_at: fixture::NOW,
        duration_s: 95,
        result: "reached",
        summary: " 周日来看 ",
        next_contact_at: Some(again),
        is_unwanted: false,
    };
    take_in(&mut records, 61, contact_edits(&contact, &scene(CONSULTANT), &person, &mut ids(70)));
    let (call, person) = (of_kind(&records, "interaction").clone(), of_kind(&records, "person").clone());
    assert_eq!(call.text("summary"), Some("周日来看"));
    assert_eq!((call.audience(), call.get("person")), (person.audience(), Some(&person.id.into())));
    assert_eq!((person.text("stage"), person.get("next_contact_at")), (Some("contacted"), Some(&again.into())));

    let refused = Contact { result: "refused", summary: "", next_contact_at: None, is_unwanted: true, ..contact };
    take_in(&mut records, 62, contact_edits(&refused, &scene(CONSULTANT), &person, &mut ids(80)));
    let person = of_kind(&records, "person");
    assert_eq!((person.text("stage"), person.get("next_contact_at")), (Some("contacted"), None));
    assert!(person.is("do_not_contact") && !person.is("consent_contact"));
}

#[test]
fn a_call_to_a_colleagues_own_lead_changes_nothing_of_the_lead() {
    let mut records = Records::new();
    let new = filled("person", 3, &[("phone", "138 0013 8000"), ("consent_contact", "true")]);
    take_in(&mut records, 60, person_edits(&new, &scene(3), None, &mut ids(60)));
    let person = of_kind(&records, "person").clone();
    let contact = Contact {
        started_at: fixture::NOW,
        duration_s: 1,
        result: "reached",
        summary: "",
        next_contact_at: None,
        is_unwanted: false,
    };
    let edits = contact_edits(&contact, &scene(CONSULTANT), &person, &mut ids(70));
    assert_eq!(edits.len(), 1);
    assert_eq!(edits[0].audience, Audience::Desk(fixture::venue()));
}
