use super::*;
use crate::{
    change::Op,
    fixture::{self, person_edit},
    id::DeviceNumber,
    replica::Replica,
    stamp::Stamp,
};

/// People numbered from 1, the later the more recent: name, phone, and whether they are staff 1's.
fn replica(people: &[(&str, &str, bool)]) -> Replica {
    let mut replica = Replica::new();
    for (number, (name, phone, mine)) in (1..).zip(people) {
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
    let listed: Vec<_> = replica.people(&me());
    let found: Vec<_> = replica.search("", &me(), 20).hits.into_iter().map(|hit| hit.record).collect();
    assert_eq!(listed, found);
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
        (cut(record.text("name").unwrap(), &hit.name), cut(record.text("phone").unwrap(), &hit.phone), pinyin)
    };
    assert_eq!(marks("zhangs8000"), ("张顺".into(), "8000".into(), vec![(0, 5), (1, 1)]));
    assert_eq!(marks("138****8000"), (String::new(), "138|8000".into(), vec![]));
    assert_eq!(marks("ith"), ("ith".into(), String::new(), vec![]));
    assert_eq!(marks("阿依古丽买"), ("阿依古丽|买".into(), String::new(), vec![]));
}
