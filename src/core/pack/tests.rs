use super::*;
use crate::schema;

#[test]
fn code_lists_have_the_codes_of_the_catalogue() {
    let pack = Pack::of(VenueKind::Fitness);
    for (list, codes) in [
        ("gender", "male female unspecified"),
        ("salutation", "mr ms miss other"),
        ("cooperation", "cooperative short_on_time refused"),
        ("intent_level", "A B C D"),
        ("area_kind", "event_place office residence shopping enterprise_gov other"),
        ("outing_form", "fixed_desk roaming_leaflet roadshow lecture"),
        ("visit_purpose", "tour trial sign renewal resident_visit complaint delivery training other"),
        ("visit_outcome", "signed follow_up trial no_interest announced other"),
        ("consult_mode", "phone onsite"),
        ("info_source", "outdoor_ad media newspaper post other"),
        (
            "lead_source",
            "outdoor_ad leaflet salesperson newspaper radio friend_referral pass_by media post outing roadshow \
             partner phone_in walk_in other",
        ),
        (
            "interest",
            "fitness slimming hobby spinning group_class yoga strength running table_tennis court billiards \
             body_test personal_training other",
        ),
        ("channel", "phone sms wechat app online message_book onsite home hotline group"),
        ("contact_result", "reached no_answer refused wrong_number call_later"),
        ("consent_purpose", "contact contract id_data health photo publish marketing minor"),
    ] {
        let mut expected: Vec<&str> = codes.split_whitespace().collect();
        let mut found: Vec<&str> = pack.list(list).iter().map(|item| &*item.key).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{list}");
    }
}

#[test]
fn every_field_of_a_form_has_its_field_in_the_schema() {
    for form in [VenueKind::Fitness, VenueKind::Sports].into_iter().flat_map(|kind| &Pack::of(kind).forms) {
        // The lead card's fields have other names on the person.
        for field in form.fields().filter(|_| &*form.id != "F-03") {
            let key = field.key.as_str();
            assert!(schema::field(&form.record, key).is_some(), "{} of {}", key, form.id);
        }
    }
}

#[test]
fn a_line_that_cannot_be_read_is_named() {
    let read = |text: &str| Pack::read(VenueKind::Fitness, text, "").map(|pack| pack.forms.len());
    assert_eq!(
        read("p\t1\t甲\t\tA\nf\t\tF-99\tpaper\t1\t甲\ns\tone\t2\t甲\t\tA\nx\t\tb\tbool\ty\t\t\t\t甲\t\tA"),
        Ok(1)
    );
    assert_eq!(
        read("p\t1\t甲\t\tA\nf\t\tF-99\tpaper\t1\t甲\ns\tone\t2\t甲\t\tA\nx\t\tb\tbools"),
        Err(PackError { line: 4 })
    );
    // What a later build writes is passed over.
    assert_eq!(read("p\t1\t甲\t\tA\n9\tof a later version"), Ok(0));
    assert_eq!(read("x\t\tb\tbool"), Err(PackError { line: 1 }));
}

#[test]
fn a_pack_shows_the_fields_of_its_kind_of_venue() {
    let (fitness, sports) = (Pack::of(VenueKind::Fitness), Pack::of(VenueKind::Sports));
    assert!(fitness.form("F-03").is_some() && sports.form("F-03").is_none());
    let has = |pack: &Pack, key: &str| pack.form("F-01").unwrap().field(key).is_some();
    assert!(has(fitness, "exercised_before") && !has(sports, "exercised_before"));
    assert!(!has(fitness, "visitor_pass_code") && has(sports, "visitor_pass_code"));
    assert!(!has(fitness, "visitee_room") && !has(sports, "visitee_room"));
}

#[test]
fn parameters_kit_and_prompts_are_there() {
    let pack = Pack::of(VenueKind::Fitness);
    assert_eq!(pack.number("outing.min_numbers", 0), 20);
    assert_eq!(pack.number("outing.flow_max_minutes", 0), 5);
    assert_eq!(pack.number("no.such", 7), 7);
    assert!(pack.checklist("CL-03").is_some_and(|kit| kit.items.iter().any(|item| &*item.key == "handbook")));
    assert!(pack.prompt("S-08").is_some_and(|prompt| prompt.points.len() >= 7));
    assert_eq!(pack.word("interest", "yoga", Language::En), "Yoga");
    assert_eq!(pack.word("interest", "from_a_later_pack", Language::En), "from_a_later_pack");
}

#[test]
fn a_code_of_another_business_is_known_and_not_offered() {
    let pack = Pack::of(VenueKind::Fitness);
    let department = |key: &str| pack.list("dept_kind").iter().find(|item| &*item.key == key).unwrap();
    assert!(department("front_desk").offered);
    assert!(!department("nursing").offered);
    assert_eq!(pack.word("dept_kind", "nursing", Language::ZhHans), "护理部");
}

#[test]
fn each_stop_but_the_first_says_what_to_say_there() {
    for kind in [VenueKind::Fitness, VenueKind::Sports] {
        for route in &Pack::of(kind).routes {
            let (first, others) = route.stops.split_first().unwrap();
            assert!(first.points.is_empty(), "there the points of the whole tour are read");
            let silent: Vec<_> = others.iter().filter(|stop| stop.points.len() != 2).map(|stop| &stop.key).collect();
            assert_eq!(silent, Vec::<&Box<str>>::new());
        }
    }
}
