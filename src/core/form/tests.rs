use super::*;
use crate::{fixture, pack::VenueKind, time::DAY_MS};
use arbtest::arbtest;

fn context(kind: VenueKind) -> Context<'static> {
    Context {
        now: fixture::NOW,
        offset_minutes: 480,
        me: fixture::staff(1),
        outing: Some(RecordId::from_bytes(fixture::id_bytes(40))),
        venue: Some(fixture::venue()),
        pack: Pack::of(kind),
        cards: None,
    }
}

fn form_of(id: &str, kind: VenueKind) -> &'static Form {
    Pack::of(kind).form(id).unwrap()
}

/// The form's defaults with these fields typed over them.
fn draft(id: &str, typed: &[(&'static str, &str)]) -> Draft {
    let mut draft = begin(form_of(id, VenueKind::Fitness), &context(VenueKind::Fitness));
    for (key, text) in typed {
        draft.set(&Key::of(key), *text);
    }
    draft
}

fn checked(id: &str, typed: &[(&'static str, &str)]) -> Result<Filled, Vec<(String, ProblemCode)>> {
    check(form_of(id, VenueKind::Fitness), &draft(id, typed), &context(VenueKind::Fitness))
        .map_err(|problems| problems.into_iter().map(|problem| (problem.field.to_string(), problem.code)).collect())
}

fn problem(id: &str, typed: &[(&'static str, &str)]) -> (String, ProblemCode) {
    let problems = checked(id, typed).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

const LEAD: [(&str, &str); 3] =
    [("mobile", "138 0013 8000"), ("cooperation", "cooperative"), ("consent_contact", "true")];
const VISIT: [(&str, &str); 5] = [
    ("visitor_name", "王女士"),
    ("mobile", "138 0013 8000"),
    ("visit_purpose", "tour"),
    ("is_first_visit", "true"),
    ("privacy_ack", "true"),
];

fn with<'a>(base: &[(&'static str, &'a str)], more: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    [base, more].concat()
}

#[test]
fn a_lead_needs_a_number_how_it_went_and_consent() {
    let filled = checked("F-03", &LEAD).unwrap();
    assert_eq!(filled.text("mobile"), Some("+8613800138000"));
    assert_eq!(filled.phone_typed("mobile"), Some("138 0013 8000"));
    assert!(filled.is("leaflet_given") && filled.is("card_given") && filled.is("consent_contact"));
    assert_eq!(filled.get("outing"), Some(&Value::Id(RecordId::from_bytes(fixture::id_bytes(40)))));

    let (field, code) = problem("F-03", &with(&LEAD, &[("consent_contact", "false")]));
    assert_eq!((field.as_str(), code), ("consent_contact", ProblemCode::ConsentNeeded { field: Key::of("mobile") }));
    assert_eq!(problem("F-03", &with(&LEAD, &[("mobile", "")])), ("mobile".into(), ProblemCode::Required));
    assert!(checked("F-03", &[("cooperation", "refused")]).is_ok());
}

#[test]
fn problems_come_in_the_order_of_the_fields() {
    let problems =
        checked("F-03", &[("mobile", "1380013800x"), ("name", "李4"), ("visit_plan_at", "2020-01-01T10:00")]);
    let fields: Vec<String> = problems.unwrap_err().into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["mobile", "name", "cooperation", "visit_plan_at"]);
}

#[test]
fn each_kind_of_wrong_text_has_its_code() {
    use ProblemCode::*;
    for (key, typed, code) in [
        ("mobile", "1380013800", PhoneTooShort { missing: 1 }),
        ("mobile", "138001380001", PhoneTooLong { extra: 1 }),
        ("mobile", "1380013800o", PhoneLetters),
        ("mobile", "138#", PhoneNotANumber),
        ("mobile", "88888888", PhoneUnknownPrefix),
        ("name", "李4", NameHasDigits),
        ("name", "李😀", NameHasSymbols),
        ("intent", "E", NotInList),
        ("interests", "yoga,flying", NotInList),
        ("visit_plan_at", "tomorrow", NotADate),
        ("visit_plan_at", "2026-11-22T09:58", DateInPast),
        ("duration_s", "5 min", NotANumber),
        ("duration_s", "-1", OutOfRange { min: 0, max: 86_400 }),
        ("trial_pass_promised", "maybe", NotInList),
        ("outing", "there", NotInList),
    ] {
        assert_eq!(problem("F-03", &with(&LEAD, &[(key, typed)])), (key.into(), code), "{typed}");
    }
    let name = "李".repeat(41);
    assert_eq!(problem("F-03", &with(&LEAD, &[("name", &name)])).1, NameTooLong { max: 40 });
    let note = "字".repeat(10_001);
    assert_eq!(problem("F-03", &with(&LEAD, &[("note", &note)])).1, TooLong { max: 10_000 });
}

#[test]
fn a_visit_needs_a_number_unless_it_is_declined() {
    let filled = checked("F-01", &VISIT).unwrap();
    assert_eq!(filled.get("visit_at"), Some(&Value::At(fixture::NOW)));
    assert_eq!(filled.get("party_size"), Some(&Value::Int(1)));
    assert_eq!(filled.staff("host_staff"), Some(fixture::staff(1)));
    let without = with(&VISIT, &[("mobile", "")]);
    assert_eq!(problem("F-01", &without), ("mobile".into(), ProblemCode::Required));
    assert!(checked("F-01", &with(&without, &[("mobile_refused", "true"), ("privacy_ack", "false")])).is_ok());
    assert!(checked("F-01", &with(&without, &[("visit_purpose", "resident_visit")])).is_ok());
    // One who gives no number has none there: which of the two is meant only they can say.
    let both = problem("F-01", &with(&VISIT, &[("mobile_refused", "true")]));
    assert_eq!(both, ("mobile_refused".into(), ProblemCode::NotBoth { field: Key::of("mobile") }));
    assert_eq!(problem("F-01", &with(&VISIT, &[("privacy_ack", "false")])).0, "privacy_ack");
    assert_eq!(
        problem("F-01", &with(&VISIT, &[("party_size", "201")])).1,
        ProblemCode::OutOfRange { min: 1, max: 200 }
    );
}

#[test]
fn conditions_look_at_other_fields() {
    assert_eq!(problem("F-01", &with(&VISIT, &[("visit_purpose", "trial")])).0, "trial_pass_code");
    assert_eq!(problem("F-01", &with(&VISIT, &[("lead_source", "friend_referral")])).0, "referrer");
    assert_eq!(problem("F-01", &with(&VISIT, &[("left_at", "2026-11-22T10:30")])).0, "outcome");
    let unreadable = checked("F-01", &with(&VISIT, &[("left_at", "soon")])).unwrap_err();
    assert_eq!(unreadable, [("outcome".into(), ProblemCode::Required), ("left_at".into(), ProblemCode::NotADate)]);
    let left = with(&VISIT, &[("outcome", "follow_up"), ("left_at", "2026-11-22T09:59")]);
    assert_eq!(problem("F-01", &left).1, ProblemCode::BeforeField { field: Key::of("visit_at") });
    assert!(checked("F-01", &with(&left, &[("left_at", "2026-11-22T10:00")])).is_ok());
    let sports = context(VenueKind::Sports);
    let problems = check(form_of("F-01", VenueKind::Sports), &draft("F-01", &VISIT), &sports).unwrap_err();
    assert_eq!(problems[0].field.as_str(), "visitor_pass_code");
}

#[test]
fn a_field_with_a_condition_is_asked_while_that_holds_or_something_stands_in_it() {
    let context = context(VenueKind::Fitness);
    let asked = |id: &str, key: &str, typed: &[(&'static str, &str)]| {
        let form = form_of(id, VenueKind::Fitness);
        let (field, draft) = (form.field(key).unwrap(), draft(id, typed));
        (is_asked(form, field, &draft, &context), may_stay_empty(form, field, &draft, &context))
    };
    for (id, key, typed, expected) in [
        // Codes, of one and of several; yes and no; filled and empty; below; hours after.
        ("F-01", "referrer", &[][..], (false, true)),
        ("F-01", "referrer", &[("lead_source", "friend_referral")], (true, false)),
        ("F-01", "trial_pass_code", &[("trial_pass_code", "T1")], (true, true)),
        ("F-14", "paper_location", &[], (false, true)),
        ("F-24", "answered_now", &[("questions", "几点关门")], (true, false)),
        ("F-24", "answer_due_at", &[("answered_now", "true")], (false, true)),
        ("F-24", "answer_due_at", &[("answered_now", "false")], (true, false)),
        ("F-24", "unsafe_abort", &[("at_home", "true")], (true, false)),
        ("F-26", "measure", &[("stars", "3")], (true, false)),
        ("F-26", "measure", &[("stars", "4")], (false, true)),
        (
            "F-28",
            "late_reason",
            &[("reported_at", "2026-11-01T10:00"), ("repaired_at", "2026-11-20T10:00")],
            (true, false),
        ),
        (
            "F-28",
            "late_reason",
            &[("reported_at", "2026-11-20T10:00"), ("repaired_at", "2026-11-20T11:00")],
            (false, true),
        ),
        // What cannot be read counts as filled in, as it does for a save.
        ("F-01", "outcome", &[("left_at", "soon")], (true, false)),
        // Needed unless: always asked.
        ("F-06", "objections", &[("outcome", "signed")], (true, true)),
        ("F-06", "objections", &[("outcome", "follow_up")], (true, false)),
        // The app's own: a time may be put right, stops are ticked, sums are nobody's to type.
        ("F-01", "visit_at", &[], (true, true)),
        ("F-05", "stops_shown", &[], (true, true)),
        ("F-31", "total", &[], (false, true)),
        ("F-21", "handling", &[], (true, true)),
        ("F-21", "content", &[], (true, false)),
    ] {
        assert_eq!(asked(id, key, typed), expected, "{id} {key} {typed:?}");
    }
}

#[test]
fn a_consultation_is_followed_up_unless_it_was_signed_or_no_contact_is_wanted() {
    let base = [
        ("consult_mode", "phone"),
        ("customer_name", "李娜"),
        ("phone", "13800138000"),
        ("consult_items", "yoga,court"),
        ("info_source", "media"),
        ("first_deal", "false"),
    ];
    assert_eq!(problem("F-02", &base), ("next_contact_at".into(), ProblemCode::Required));
    assert!(checked("F-02", &with(&base, &[("no_contact_wanted", "true")])).is_ok());
    let later = with(&base, &[("next_contact_at", "2026-11-23T10:00")]);
    let filled = checked("F-02", &later).unwrap();
    assert_eq!(filled.elements("consult_items"), ["court".into(), "yoga".into()]);
    assert_eq!(problem("F-02", &with(&later, &[("info_source", "media,other")])).0, "info_source_text");
    assert_eq!(problem("F-02", &with(&later, &[("consult_date", "2026-11-23")])).1, ProblemCode::DateInFuture);
    let signed = with(&base, &[("first_deal", "true")]);
    assert_eq!(problem("F-02", &signed), ("first_deal_amount".into(), ProblemCode::Required));
    assert_eq!(problem("F-02", &with(&signed, &[("first_deal_amount", "0")])).1, ProblemCode::NotPositive);
    assert_eq!(problem("F-02", &with(&signed, &[("first_deal_amount", "1.234")])).1, ProblemCode::MoneyTooFine);
    let filled = checked("F-02", &with(&signed, &[("first_deal_amount", "￥2,880")])).unwrap();
    assert_eq!(filled.get("first_deal_amount"), Some(&Value::Int(288_000)));
}

const PLAN: [(&str, &str); 4] = [
    ("area_kind", "office"),
    ("place", "国贸大厦"),
    ("form", "roaming_leaflet"),
    ("planned_arrival", "2026-11-22T14:00"),
];
const KIT: &str = "handbook,business_cards,leaflets,folder,tablet_charged,trial_passes,price_list_left";

#[test]
fn a_plan_is_saved_before_the_outing_has_begun() {
    let form = form_of("F-04", VenueKind::Fitness);
    let context = context(VenueKind::Fitness);
    let plan = draft("F-04", &PLAN);
    let filled = check_sections(form, &["plan"], &plan, &context).unwrap();
    assert_eq!(filled.elements("team"), [Value::from(fixture::staff(1).to_string())]);
    let problems = check(form, &plan, &context).unwrap_err();
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["actual_arrival", "kit_checked", "ended_at"]);
    // What is typed in a section that is not due must still be right.
    assert!(check_sections(form, &["plan"], &draft("F-04", &with(&PLAN, &[("ended_at", "x")])), &context).is_err());
}

#[test]
fn a_kit_is_complete_when_every_item_that_must_be_there_is_ticked() {
    let done = with(&PLAN, &[("actual_arrival", "2026-11-22T14:05"), ("ended_at", "2026-11-22T17:00")]);
    let some = with(&done, &[("kit_checked", "handbook,table_rack")]);
    assert_eq!(problem("F-04", &some), ("kit_checked".into(), ProblemCode::NotTicked { missing: 6 }));
    let whole = with(&done, &[("kit_checked", KIT)]);
    assert!(checked("F-04", &whole).is_ok());
    let back = with(&whole, &[("leaflets_out", "100"), ("leaflets_back", "101")]);
    assert_eq!(problem("F-04", &back).1, ProblemCode::MoreThanField { field: Key::of("leaflets_out") });
    let early = with(&whole, &[("ended_at", "2026-11-22T14:00")]);
    assert_eq!(problem("F-04", &early).1, ProblemCode::BeforeField { field: Key::of("actual_arrival") });
    assert_eq!(problem("F-04", &with(&whole, &[("form", "roadshow")])).0, "related_event");
}

#[test]
fn a_plan_for_a_moment_of_this_minute_is_not_in_the_past() {
    let now = typed::instant_field(fixture::NOW, 480);
    assert!(checked("F-03", &with(&LEAD, &[("visit_plan_at", &now)])).is_ok());
    let tomorrow = typed::instant_field(fixture::NOW.plus(DAY_MS), 480);
    assert!(checked("F-03", &with(&LEAD, &[("visit_plan_at", &tomorrow)])).is_ok());
}

#[test]
fn a_draft_is_kept_as_it_was_typed_and_shows_nothing() {
    let mut draft = draft("F-03", &[("mobile", "138 0013 80"), ("name", "李")]);
    draft.toggle(&Key::of("interests"), "yoga");
    draft.toggle(&Key::of("interests"), "court");
    draft.toggle(&Key::of("interests"), "yoga");
    assert!(draft.has_code("interests", "court") && !draft.has_code("interests", "yoga"));
    let text = serde_json::to_string(&draft).unwrap();
    assert_eq!(serde_json::from_str::<Draft>(&text).unwrap(), draft);
    assert!(!format!("{draft:?}").contains("138"));
}

#[test]
fn documents_have_their_codes() {
    let field = |kind| {
        let mut field = form_of("F-03", VenueKind::Fitness).field("note").unwrap().clone();
        field.kind = kind;
        field
    };
    let context = context(VenueKind::Fitness);
    let id = field(FieldType::ResidentId);
    assert_eq!(read(&id, "11010519491231002x", &context), Ok(Some("11010519491231002X".into())));
    assert_eq!(read(&id, "110105194912310020", &context), Err(ProblemCode::IdChecksum));
    assert_eq!(read(&id, "1101", &context), Err(ProblemCode::IdLength { min: 18, max: 18 }));
    assert_eq!(read(&field(FieldType::Passport), "e123 4567", &context), Ok(Some("E1234567".into())));
    let past = check_rule(&Rule::Past, Some(&context.now.plus(DAY_MS).day(480).into()), &BTreeMap::new(), &context);
    assert_eq!(past, Some(ProblemCode::DateInFuture));
}

/// Whatever is typed anywhere, a form answers; and what it takes, the schema takes.
#[test]
fn any_draft_is_answered_and_what_is_filled_fits_the_schema() {
    arbtest(|u| {
        let id = *u.choose(&["F-01", "F-02", "F-03", "F-04"])?;
        let form = form_of(id, VenueKind::Fitness);
        let mut draft = Draft::default();
        for field in form.fields() {
            let typed: String = match u.int_in_range(0..=6)? {
                0 => u.arbitrary()?,
                1 => u.choose(&["true", "false"])?.to_string(),
                2 => u.choose(&["13800138000", "李娜", "yoga", "tour", "other", "phone", "A"])?.to_string(),
                3 => u.choose(&["2026-11-22", "2026-11-22T10:00", "2026-11-25T10:00", "3", "2880"])?.to_string(),
                4 => fixture::staff(2).to_string(),
                5 => KIT.into(),
                _ => String::new(),
            };
            draft.set(&field.key, typed);
        }
        let context = context(VenueKind::Fitness);
        if let Ok(filled) = check_sections(form, &[], &draft, &context) {
            for (key, value) in filled.values().filter(|_| id != "F-03") {
                let spec = schema::field(&form.record, key.as_str()).unwrap();
                let elements = if let Value::List(elements) = value { elements.clone() } else { vec![value.clone()] };
                for value in elements {
                    assert_eq!(schema::check_value(spec.holds, &value), Ok(()), "{key}");
                }
            }
        }
        Ok(())
    });
}

/// A tablet that keeps one number, and knows of one card and its agreement.
struct Book;

const CARD: u8 = 50;
const AGREEMENT: u8 = 51;

impl CardBook for Book {
    fn next(&self) -> Option<String> {
        Some("W01-000051".into())
    }

    fn holder(&self, number: &str, but: Option<RecordId>) -> Option<RecordId> {
        let id = |number| RecordId::from_bytes(fixture::id_bytes(number));
        (number == "W01-000001" && but != Some(id(AGREEMENT))).then_some(id(CARD))
    }
}

#[test]
fn a_new_card_has_the_devices_next_number_or_one_that_nobody_has() {
    let of = |number| Some(RecordId::from_bytes(fixture::id_bytes(number)));
    let problem = |typed: &str, of: Option<RecordId>| {
        let context = Context { cards: Some(Cards { book: &Book, of }), ..context(VenueKind::Sports) };
        let form = form_of("F-11", VenueKind::Sports);
        let mut draft = begin(form, &context);
        assert_eq!(draft.get("card_no"), "W01-000051");
        draft.set(&Key::of("card_no"), typed);
        let problems = check(form, &draft, &context).unwrap_err();
        problems.into_iter().find(|problem| problem.field.as_str() == "card_no").map(|problem| problem.code)
    };
    assert_eq!(problem("W01-000051", None), None);
    assert_eq!(problem("A1024", None), None);
    assert_eq!(problem("W01-000001", None), Some(ProblemCode::CardTaken { holder: of(CARD).unwrap() }));
    // The agreement's own number is no double.
    assert_eq!(problem("W01-000001", of(AGREEMENT)), None);
    assert_eq!(problem("", None), Some(ProblemCode::Required));
    // A draft of an agreement takes none: the card is issued once it is paid. Nor does a leave, which names one.
    let context = Context { cards: Some(Cards { book: &Book, of: None }), ..context(VenueKind::Fitness) };
    for form in ["F-10", "F-14"] {
        assert_eq!(begin(form_of(form, VenueKind::Fitness), &context).get("card_no"), "", "{form}");
    }
    let step =
        Field { required: Required::Yes, ..form_of("F-10", VenueKind::Fitness).field("card_no").unwrap().clone() };
    assert_eq!(default_value(&step, &DefaultValue::Card, &context), Some("W01-000051".into()));
}
