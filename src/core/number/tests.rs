use super::*;
use crate::{
    change::{Edit, Key, Op},
    fixture,
};

const DEVICE: DeviceNumber = DeviceNumber(7);

fn today() -> Day {
    Day::from_ymd(2026, 11, 27).unwrap()
}

fn save(kind: &'static str, key: &'static str, text: &str) -> Change {
    let writes = vec![(key, Op::Latest(text.into()))];
    fixture::change(1, vec![Edit { kind: Key::of(kind), ..fixture::person_edit(1, writes) }])
}

fn block(runs: &[(u64, u64)], to: u64) -> NumbersGiven {
    NumbersGiven { series: "W01".into(), runs: runs.to_vec(), to }
}

/// Every card number that is left, in order.
fn all(mut numbers: Numbers) -> Vec<u64> {
    let next = || {
        let text = numbers.next_card(|_| false)?;
        numbers.note(&save("membership", "card_no", &text)).unwrap();
        CardNumber::read(&text).map(|card| card.number)
    };
    std::iter::from_fn(next).collect()
}

#[test]
fn a_card_is_read_however_it_is_written() {
    for text in ["W01-000123", "w01-123", "Ｗ０１－０００１２３", " W01 - 00123 "] {
        let read = CardNumber::read(text).map(|card| card.to_string());
        assert_eq!(read.as_deref(), Some("W01-000123"), "{text}");
    }
    assert!(is_same_card("A1024", "a 01024") && is_same_card("VIP", "VIP"));
    assert!(!is_same_card("W01-000123", "W02-000123") && !is_same_card("VIP", "VIP1"));
    for text in ["", "VIP", "W01-", "1234567890123456789012345"] {
        assert_eq!(CardNumber::read(text), None, "{text}");
    }
}

#[test]
fn a_venues_series_is_its_own_number_or_its_place() {
    let venue = |number: u8| VenueId::from_bytes(fixture::id_bytes(number));
    let series = |number, set| series_of(venue(number), [3, 1, 2].map(venue).into_iter(), set);
    assert_eq!([series(1, None), series(3, None)], ["W01", "W03"]);
    assert_eq!([series(1, Some(12)), series(1, Some(0)), series(1, Some(1_000_000))], ["W12", "W01", "W01"]);
}

#[test]
fn card_numbers_are_given_in_order_and_once() {
    let mut numbers = Numbers::default();
    assert_eq!(numbers.next_card(|_| false), None);
    numbers.take_in(&block(&[(1, 2), (4, 5)], 5));
    numbers.take_in(&block(&[(1, 2), (4, 5)], 5));
    assert_eq!(all(numbers.clone()), [1, 2, 4, 5]);
    // A number that somebody typed is not given either, whichever record holds it.
    numbers.note(&save("agreement", "card_no", "w01-4")).unwrap();
    assert_eq!(all(numbers.clone()), [1, 2, 5]);
    assert_eq!(numbers.next_card(|text| text == "W01-000001").as_deref(), Some("W01-000002"));
    // A paper that names a card gives none.
    numbers.note(&save("leave", "card_no", "W01-000001")).unwrap();
    numbers.note(&save("agreement", "card_no", "W02-000002")).unwrap();
    assert_eq!(all(numbers.clone()), [1, 2, 5]);
    numbers.take_in(&block(&[(6, 7)], 7));
    assert_eq!(all(numbers.clone()), [1, 2, 5, 6, 7]);
    // Another series takes the place of the one before; what is no number of ours is passed over.
    numbers.take_in(&NumbersGiven { series: "W05".into(), runs: vec![(9, 8), (3, 3), (4, u64::MAX)], to: u64::MAX });
    assert_eq!(numbers.next_card(|_| false).as_deref(), Some("W05-000003"));
    assert_eq!(all(numbers), [3]);
}

#[test]
fn the_numbers_of_papers_follow_each_other_on_each_day_and_device() {
    let mut numbers = Numbers::default();
    let mut give = |device, day| {
        let text = numbers.next_paper("W01", device, day);
        let mut change = save("payment", "slip_no", &text);
        change.header.device = device;
        numbers.note(&change).unwrap();
        text
    };
    let tomorrow = Day::from_number(today().number() + 1);
    assert_eq!(give(DEVICE, today()), "W01-7-261127-01");
    assert_eq!(give(DEVICE, tomorrow), "W01-7-261128-01");
    // A clock that was set forward and back again gives none twice.
    assert_eq!(give(DEVICE, today()), "W01-7-261127-02");
    assert_eq!(give(DEVICE, tomorrow), "W01-7-261128-02");
    let again = save("ticket", "ticket_no", "W01-7-261128-02");
    assert_eq!(numbers.note(&again), Err(GivenBefore));
    // What names another paper, or was given elsewhere, gives nothing.
    for change in [
        save("agreement", "payment_slip_no", "W01-7-261128-02"),
        save("payment", "slip_no", "W01-8-261128-02"),
        save("payment", "slip_no", "NO-7-2611-1"),
        save("payment", "slip_no", ""),
    ] {
        assert!(!Numbers::are_given_by(&change));
        assert_eq!(numbers.note(&change), Ok(()));
    }
}

#[test]
fn what_is_kept_does_not_grow_without_end() {
    let mut numbers = Numbers::default();
    for day in 0..1_000 {
        let day = Day::from_number(today().number() + day);
        numbers.note(&save("payment", "slip_no", &numbers.next_paper("W01", DEVICE, day))).unwrap();
    }
    assert_eq!(numbers.papers.len(), DAYS_MAX);
}

/// The text that a tablet keeps: what an older app wrote is still read.
#[test]
fn numbers_as_they_are_kept() {
    let mut numbers = Numbers::default();
    numbers.take_in(&block(&[(51, 100)], 100));
    numbers.note(&save("membership", "card_no", "W01-000060")).unwrap();
    numbers.note(&save("payment", "slip_no", "W01-7-261127-03")).unwrap();
    let text = r#"{"series":"W01","left":[[51,59],[61,100]],"to":100,"given":50,"papers":{"261127":3}}"#;
    assert_eq!(serde_json::to_string(&numbers).unwrap(), text);
    assert_eq!(serde_json::from_str::<Numbers>(text).unwrap(), numbers);
    assert_eq!(serde_json::from_str::<Numbers>("{}").unwrap(), Numbers::default());
}

#[test]
fn every_paper_that_is_numbered_has_its_field() {
    for (kind, key) in PAPERS {
        assert!(crate::schema::field(kind, key).is_some(), "{kind}.{key}");
    }
    let pack = crate::pack::Pack::of(crate::pack::VenueKind::Fitness);
    for form in &pack.forms {
        for field in form.fields().filter(|field| field.key.as_str().ends_with("_no")) {
            let is_auto = field.required == crate::pack::Required::Auto;
            assert_eq!(is_auto, PAPERS.contains(&(&*form.record, field.key.as_str())), "{} {}", form.id, field.key);
        }
    }
}
