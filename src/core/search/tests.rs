use arbtest::arbtest;

use super::*;
use crate::{
    chance::Seeded,
    change::{Edit, Key, Op},
    fixture::{self, person_edit},
    id::DeviceNumber,
    replica::Replica,
    stamp::Stamp,
    value::Value,
};

/// People numbered from 1, the later the more recent: name, phone, and whether they are staff 1's.
fn replica(people: &[(&str, &str, bool)]) -> Replica {
    let mut replica = Replica::new();
    for (number, (name, phone, mine)) in (1_u8..).zip(people) {
        let owner = fixture::staff(if *mine { 1 } else { 2 });
        let writes = vec![
            ("name", Op::Latest((*name).into())),
            ("phone", Op::Latest((*phone).into())),
            ("owner", Op::First(owner.to_string().into())),
        ];
        let change = fixture::change(number, vec![person_edit(number, writes)]);
        let stamp = Stamp::at(fixture::NOW.plus(number.into()));
        replica.take_in(&crate::change::Ranked { stamp, device: DeviceNumber(7), change });
    }
    replica
}

fn me() -> Scope {
    Scope { me: fixture::staff(1), mine_only: false }
}

fn name_of(replica: &Replica, id: RecordId) -> String {
    replica.record(id).unwrap().text("name").unwrap_or_default().into()
}

fn found(replica: &Replica, typed: &str) -> Vec<String> {
    replica.search(typed, &me(), 20).hits.into_iter().map(|hit| name_of(replica, hit.record)).collect()
}

fn check(people: &[(&str, &str, bool)], typed: &str, names: &[&str]) {
    assert_eq!(found(&replica(people), typed), names, "{typed}");
}

const PEOPLE: [(&str, &str, bool); 9] = [
    ("张顺利", "+8613800138000", false),
    ("赵思琳", "+8613912345678", true),
    ("朱时来", "+8615000001111", false),
    ("郑诗兰", "+8613800009999", true),
    ("曾世龙", "+8618612340000", false),
    ("周升亮", "+8613700137000", false),
    ("欧阳绿", "+8613611112222", false),
    ("John Smith", "+14155550123", false),
    ("阿依古丽·买买提", "+8615900138138", false),
];

#[test]
fn initials_find_all_who_begin_so_own_people_and_the_recent_first() {
    check(&PEOPLE, "zsl", &["郑诗兰", "赵思琳", "周升亮", "曾世龙", "朱时来", "张顺利"]);
    check(&PEOPLE, "ZSL", &["郑诗兰", "赵思琳", "周升亮", "曾世龙", "朱时来", "张顺利"]);
    check(&PEOPLE, "zhsl", &["郑诗兰", "赵思琳", "周升亮", "朱时来", "张顺利"]);
    check(&PEOPLE, "zshl", &["郑诗兰", "周升亮", "曾世龙", "朱时来", "张顺利"]);
}

#[test]
fn pinyin_finds_in_full_in_part_and_mixed() {
    for typed in
        ["zhangshunli", "zhang", "zhangs", "zhang s", "zhang shun l", "zhangshl", "zshunli", "张s", "张 shun", "zh顺利"]
    {
        assert_eq!(found(&replica(&PEOPLE), typed)[0], "张顺利", "{typed}");
    }
    check(&PEOPLE, "shunli", &["张顺利"]);
    check(&PEOPLE, "shunli zhang", &["张顺利"]);
    check(&PEOPLE, "hangshunli", &[]);
    check(&PEOPLE, "zengshilong", &["曾世龙"]);
    for typed in ["oyl", "ouyanglv", "ouyanglu", "ouyanglü", "OUYANG LV"] {
        check(&PEOPLE, typed, &["欧阳绿"]);
    }
}

#[test]
fn whoever_has_a_character_with_several_readings_is_found_by_each() {
    const PEOPLE: [(&str, &str, bool); 6] = [
        ("顾长风", "+8613800000001", false),
        ("曾行", "+8613800000002", false),
        ("單朝樂", "+8613800000003", false),
        ("仇茜茜", "+8613800000004", false),
        ("高展丰", "+8613800000005", false),
        ("尉迟重", "+8613800000006", false),
    ];
    let each = |typed: &[&str], name: &str| typed.iter().for_each(|typed| check(&PEOPLE, typed, &[name]));
    check(&PEOPLE, "gzf", &["高展丰", "顾长风"]);
    each(&["gcf", "guchangfeng", "guzhangfeng", "gu cf", "changf", "gchangf", "gchf", "长feng"], "顾长风");
    each(&["zengxing", "zenghang", "zengh", "zengheng", "cengxing", "cengx"], "曾行");
    each(&["szy", "shanzhaoyue", "shanchaole", "dancl", "chanzhao", "scyue"], "單朝樂");
    each(&["qiuxixi", "qxx", "qiuqianxi", "chouqianqian", "cqx"], "仇茜茜");
    each(&["yuchichong", "yczhong", "weichizhong", "ycc"], "尉迟重");
    check(&PEOPLE, "gcx", &[]);
    check(&PEOPLE, "wangheng", &[]);
}

#[test]
fn initials_that_two_readings_share_are_not_tried_twice() {
    // Each 行 twice over would be a billion ways.
    let name = "行".repeat(30);
    let people = [(name.as_str(), "+8613800000001", true)];
    check(&people, &"h".repeat(30), &[&name]);
    check(&people, &format!("{}g", "h".repeat(29)), &[]);
}

#[test]
fn letters_and_digits_together_must_both_fit() {
    check(&PEOPLE, "zs138", &["郑诗兰", "张顺利"]);
    check(&PEOPLE, "138zs", &["郑诗兰", "张顺利"]);
    check(&PEOPLE, "zs1380013", &["张顺利"]);
    check(&PEOPLE, "张 1234", &[]);
}

#[test]
fn any_digits_of_the_phone_find_however_they_are_typed() {
    for typed in [
        "13800138000",
        "138 0013 8000",
        "138-0013-8000",
        "１３８００１３８０００",
        "+86 138 0013 8000",
        "8613800138000",
        "008613800138000",
        "00138000",
        "1380013",
    ] {
        check(&PEOPLE, typed, &["张顺利"]);
    }
    // From its start or to its end before in the middle.
    check(&PEOPLE, "0138", &["阿依古丽·买买提", "张顺利"]);
    check(&PEOPLE, "138 9999", &["郑诗兰"]);
    check(&PEOPLE, "138****8000", &["张顺利"]);
    check(&PEOPLE, "4155550123", &["John Smith"]);
    check(&PEOPLE, "+1415", &["John Smith"]);
    check(&PEOPLE, "999999", &[]);
    check(&PEOPLE, "86", &["曾世龙"]); // the country's code is nobody's number
}

#[test]
fn characters_find_anywhere_and_latin_names_whatever_the_case() {
    check(&PEOPLE, "顺", &["张顺利"]);
    check(&PEOPLE, "張順利", &["张顺利"]);
    check(&PEOPLE, "john", &["John Smith"]);
    check(&PEOPLE, "SMITH", &["John Smith"]);
    check(&PEOPLE, "john sm", &["John Smith"]);
    check(&PEOPLE, "smith john", &["John Smith"]);
    check(&PEOPLE, "阿依古丽买买提", &["阿依古丽·买买提"]);
    check(&PEOPLE, "阿依古丽·买", &["阿依古丽·买买提"]);
    check(&PEOPLE, "Ｓｍｉｔｈ", &["John Smith"]);
}

#[test]
fn the_whole_and_the_start_come_before_the_middle_even_of_ones_own() {
    let people = [("陈安", "+8613800000001", true), ("安然", "+8613800000002", false), ("安", "+8613800000003", false)];
    check(&people, "an", &["安", "安然", "陈安"]);
    check(&people, "安", &["安", "安然", "陈安"]);
}

#[test]
fn nothing_typed_shows_ones_own_people_then_the_recent() {
    for typed in ["", "  ", "　", "*", "-"] {
        let names = found(&replica(&PEOPLE), typed);
        assert_eq!(names[..3], ["郑诗兰", "赵思琳", "阿依古丽·买买提"], "{typed:?}");
        assert_eq!(names.len(), PEOPLE.len());
    }
    let replica = replica(&PEOPLE);
    let mine = replica.search("zsl", &Scope { mine_only: true, ..me() }, 1);
    assert_eq!((mine.hits.len(), mine.total), (1, 2));
    let listed = replica.people(&me());
    let found: Vec<_> = replica.search("", &me(), 20).hits.into_iter().map(|hit| hit.record).collect();
    assert_eq!(&*listed, found.as_slice());
}

fn cut_characters(text: &str, ranges: &[Range<usize>]) -> String {
    let cut = |range: &Range<usize>| text.chars().skip(range.start).take(range.len()).collect::<String>();
    ranges.iter().map(cut).collect::<Vec<_>>().join("|")
}

#[test]
fn what_was_matched_is_marked() {
    let marks = |typed: &str| {
        let replica = replica(&PEOPLE);
        let hit = replica.search(typed, &me(), 20).hits.into_iter().next().unwrap();
        let record = replica.record(hit.record).unwrap();
        let cut = |text: &str, ranges: &[Range<usize>]| {
            ranges.iter().map(|range| text[range.clone()].to_owned()).collect::<Vec<_>>().join("|")
        };
        let pinyin: Vec<_> = hit.pinyin.iter().map(|span| (span.character, span.letters)).collect();
        (
            cut_characters(record.text("name").unwrap(), &hit.name),
            cut(record.text("phone").unwrap(), &hit.phone),
            pinyin,
        )
    };
    assert_eq!(marks("zhangs8000"), ("张顺".into(), "8000".into(), vec![(0, 5), (1, 1)]));
    assert_eq!(marks("138****8000"), (String::new(), "138|8000".into(), vec![]));
    assert_eq!(marks("ith"), ("ith".into(), String::new(), vec![]));
    assert_eq!(marks("阿依古丽买"), ("阿依古丽|买".into(), String::new(), vec![]));
}

#[test]
fn what_was_matched_by_another_reading_is_marked_by_that() {
    let marks = |name: &str, typed: &str| {
        let hit = replica(&[(name, "+8613800000001", true)]).search(typed, &me(), 20).hits.remove(0);
        let span = |span: &PinyinSpan| {
            let other = span.other.map(|syllable| syllable.marked());
            (span.character, span.letters, other.unwrap_or_default())
        };
        hit.pinyin.iter().map(span).collect::<Vec<_>>()
    };
    assert_eq!(marks("顾长风", "gcha"), [(0, 1, String::new()), (1, 3, "cháng".into())]);
    assert_eq!(marks("顾长风", "gzh"), [(0, 1, String::new()), (1, 2, String::new())]);
    assert_eq!(marks("单行", "danh"), [(0, 3, "dān".into()), (1, 1, "háng".into())]);
}

// ---- Against a plain reckoning ------------------------------------------------------------------------------

/// Everything that finds a name, written out: from each character on, each way of typing the characters that
/// follow, the last one as far as it has been typed.
fn all_ways_to_type(name: &str) -> BTreeSet<String> {
    let characters: Vec<char> = name.chars().collect();
    let read = |(character, main): (&char, Option<Syllable>)| -> Vec<Syllable> {
        let others = main.map(|main| pinyin::others(pinyin::simplified(*character), main.number()));
        main.into_iter().chain(others.into_iter().flatten()).collect()
    };
    let readings: Vec<Vec<Syllable>> = characters.iter().zip(pinyin::readings(name)).map(read).collect();
    let whole = |place: usize| -> Vec<String> {
        let mut ways = vec![characters[place].to_lowercase().to_string()];
        for reading in &readings[place] {
            for letters in [reading.plain().to_owned(), reading.plain().replace('v', "u")] {
                ways.push(letters[..1].to_owned());
                if letters[1..].starts_with('h') {
                    ways.push(letters[..2].to_owned());
                }
                ways.push(letters);
            }
        }
        if characters[place] == '·' {
            ways.push(String::new());
        }
        ways
    };
    let mut all = BTreeSet::new();
    for (start, first) in characters.iter().enumerate() {
        if *first == '·' {
            continue;
        }
        let mut typed = BTreeSet::from([String::new()]);
        for (place, reading) in readings.iter().enumerate().skip(start) {
            let unfinished = reading.iter().flat_map(|reading| {
                let plain = reading.plain();
                (1..=plain.len()).flat_map(|end| [plain[..end].to_owned(), plain[..end].replace('v', "u")])
            });
            let unfinished: Vec<String> = unfinished.collect();
            let then = |ways: &[String]| -> BTreeSet<String> {
                typed.iter().flat_map(|before| ways.iter().map(move |way| format!("{before}{way}"))).collect()
            };
            all.extend(then(&unfinished));
            let next = then(&whole(place));
            all.extend(next.iter().cloned());
            typed = next;
        }
    }
    all.remove("");
    all
}

#[test]
fn search_finds_whom_a_plain_reckoning_finds() {
    const CHARACTERS: [char; 14] = ['张', '赵', '顺', '安', '恩', '曾', '绿', '西', '长', '行', 'a', 'n', 'Z', '·'];
    arbtest(|u| {
        let mut people = Vec::new();
        for _ in 0..u.int_in_range(1..=6)? {
            let length = u.int_in_range(1..=4)?;
            let name = (0..length).map(|_| u.choose(&CHARACTERS).copied()).collect::<arbitrary::Result<String>>()?;
            let phone = format!("+861{:04}", u.int_in_range(0..=9999)?);
            people.push((name, phone, u.arbitrary()?));
        }
        let people: Vec<(&str, &str, bool)> =
            people.iter().map(|(name, phone, mine)| (name.as_str(), phone.as_str(), *mine)).collect();
        let replica = replica(&people);

        // Either what finds someone, perhaps altered, or letters at random.
        let ways: Vec<String> = all_ways_to_type(u.choose(&people)?.0).into_iter().collect();
        let mut text = match u.int_in_range(0..=3)? {
            0 => String::new(),
            _ if ways.is_empty() => String::new(),
            _ => u.choose(&ways)?.clone(),
        };
        for _ in 0..u.int_in_range(0..=2)? {
            text.push(*u.choose(&['z', 'h', 'a', 'n', '安', 's', 'u'])?);
        }
        text.retain(|character| character != '·'); // a sign parts what is typed: not what this test is about
        let digits: String = match u.int_in_range(0..=4)? {
            0 | 1 => String::new(),
            4 => u.choose(&people)?.1[1..u.int_in_range(4..=8)?].to_owned(), // from the country's code on
            count => {
                (0..count).map(|_| Ok(char::from(b'0' + u.int_in_range(0..=9)?))).collect::<arbitrary::Result<_>>()?
            }
        };
        let fits = |(name, phone, _): &(&str, &str, bool)| {
            // The country's code is nobody's number, but a number may be typed from it on.
            let from_its_code = digits.len() > 2 && phone[1..].starts_with(&digits);
            (text.is_empty() || all_ways_to_type(name).contains(&text))
                && (from_its_code || phone[3..].contains(&digits))
        };
        let expected: BTreeSet<RecordId> = (1..)
            .zip(&people)
            .filter(|(_, person)| fits(person))
            .map(|(number, _)| RecordId::from_bytes(fixture::id_bytes(number)))
            .collect();

        let typed = if u.arbitrary()? { format!("{text}{digits}") } else { format!("{digits} {text}") };
        let found = replica.search(&typed, &me(), 20);
        assert_eq!(
            found.hits.iter().map(|hit| hit.record).collect::<BTreeSet<_>>(),
            expected,
            "{typed:?} in {people:?}"
        );
        assert_eq!(found.total, expected.len());
        let fewer = replica.search(&typed, &me(), 2);
        assert_eq!(fewer.hits, found.hits[..found.hits.len().min(2)]);
        assert_eq!(fewer.total, found.total);
        for hit in &found.hits {
            let record = replica.record(hit.record).unwrap();
            let name = record.text("name").unwrap();
            assert_eq!(hit.name.is_empty(), text.is_empty());
            assert!(hit.name.iter().all(|range| !range.is_empty() && range.end <= name.chars().count()));
            let marked: String = hit.phone.iter().map(|range| &record.text("phone").unwrap()[range.clone()]).collect();
            assert_eq!(marked, digits);
        }
        Ok(())
    })
    .budget_ms(1_000);
}

#[test]
fn the_best_are_the_first_of_all_however_few_are_asked_for() {
    const CHARACTERS: [char; 10] = ['张', '赵', '安', '长', '行', '顺', 'z', 'h', '·', 'Z'];
    let mut chance = Seeded::new(7);
    let mut people = Vec::new();
    for number in 0..250 {
        let length = 1 + chance.below(3);
        let name: String = (0..length).map(|_| CHARACTERS[chance.below(10) as usize]).collect();
        people.push((name, format!("+861380000{number:04}"), chance.below(3) == 0));
    }
    let people: Vec<(&str, &str, bool)> =
        people.iter().map(|(name, phone, mine)| (name.as_str(), phone.as_str(), *mine)).collect();
    let replica = replica(&people);
    for typed in ["", "z", "h", "c", "x", "q", "张", "安", "zh", "ch", "hh", "0", "13", "z1", "z h", "zz"] {
        let all = replica.search(typed, &me(), people.len());
        assert_eq!(all.hits.len(), all.total, "{typed}");
        for limit in 0..=30 {
            let found = replica.search(typed, &me(), limit);
            assert_eq!(found.total, all.total, "{typed}");
            assert_eq!(found.hits, all.hits[..limit.min(all.total)], "{typed}");
        }
    }
}

#[test]
fn whatever_is_typed_search_answers() {
    let replica = replica(&PEOPLE);
    arbtest(|u| {
        let typed: String = u.arbitrary()?;
        let found = replica.search(&typed, &me(), u.int_in_range(0..=20)?);
        assert!(found.hits.len() <= found.total && found.total <= PEOPLE.len());
        Ok(())
    });
}

/// A club of which two have cards and one an agreement: 郑诗兰 holds the card that 张顺利 bought.
fn with_cards() -> Replica {
    let mut replica = replica(&PEOPLE);
    let person = |number: u8| Value::Id(RecordId::from_bytes(fixture::id_bytes(number)));
    let papers = [
        (
            60,
            "membership",
            vec![
                ("card_no", Op::Once("W01-008000".into())),
                ("person", Op::Latest(person(1))),
                ("progress", Op::Guarded { values: [(Key::of("holder"), person(4))].into(), replaces: Vec::new() }),
            ],
        ),
        (61, "membership", vec![("card_no", Op::Once("W01-000123".into())), ("person", Op::Latest(person(2)))]),
        (
            62,
            "agreement",
            vec![("agreement_no", Op::Latest("W01-7-261127-03".into())), ("person", Op::Latest(person(3)))],
        ),
    ];
    for (number, kind, writes) in papers {
        let edit = Edit { kind: Key::of(kind), ..person_edit(number, writes) };
        let stamp = Stamp::at(fixture::NOW.plus(number.into()));
        let change = fixture::change(number, vec![edit]);
        replica.take_in(&crate::change::Ranked { stamp, device: DeviceNumber(7), change });
    }
    replica
}

#[test]
fn a_card_is_found_by_its_number_however_it_is_written() {
    let replica = with_cards();
    for typed in ["W01-000123", "w01-123", "W01 000123", "000123"] {
        assert_eq!(found(&replica, typed), ["赵思琳"], "{typed}");
    }
    // Digits alone may be a phone's, and those come first.
    assert_eq!(found(&replica, "123"), ["John Smith", "赵思琳", "曾世龙"]);
    assert_eq!(found(&replica, "8000"), ["张顺利", "郑诗兰"]);
    assert_eq!(found(&replica, "W01-8000"), ["郑诗兰"]);
    assert_eq!(replica.search("W01-8000", &Scope { mine_only: true, ..me() }, 20).total, 1);
    assert_eq!(replica.search("W01-8000", &Scope { me: fixture::staff(2), mine_only: true }, 20).total, 0);
    for typed in ["W02-000123", "W01-0001", "W01", "23", ""] {
        let all = replica.search(typed, &me(), 20);
        assert!(all.hits.iter().all(|hit| typed.is_empty() || name_of(&replica, hit.record) != "郑诗兰"), "{typed}");
    }
    assert_eq!(found(&replica, "W01-0001"), [""; 0]);
}

#[test]
fn an_agreement_is_found_by_its_whole_number() {
    let replica = with_cards();
    assert_eq!(found(&replica, "W01-7-261127-03"), ["朱时来"]);
    assert_eq!(found(&replica, "w01-7-261127-3"), ["朱时来"]);
    for typed in ["03", "003", "W01-7-261127-04", "W01-8-261127-03"] {
        assert!(!found(&replica, typed).contains(&"朱时来".to_owned()), "{typed}");
    }
}

#[test]
fn a_number_leads_to_its_card_for_as_long_as_it_has_it() {
    let mut replica = with_cards();
    let ids = |replica: &Replica, number: &str| replica.cards(number).map(|record| record.id).collect::<Vec<_>>();
    let card = RecordId::from_bytes(fixture::id_bytes(60));
    assert_eq!(ids(&replica, "W01-8000"), [card]);
    assert_eq!(ids(&replica, "W02-008000"), []);
    // A card that was taken back has none.
    let edit = Edit { kind: Key::of("membership"), ..person_edit(60, vec![("withdrawn", Op::Latest(true.into()))]) };
    let stamp = Stamp::at(fixture::NOW.plus(99));
    replica.append(crate::change::Ranked { stamp, device: DeviceNumber(7), change: fixture::change(99, vec![edit]) });
    assert_eq!(ids(&replica, "W01-8000"), []);
}
