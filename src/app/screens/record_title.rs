//! What a record is called in one line: whom or what it is about, and beside it which form, when, and how it stands.
//!
//! ```text
//! 王雨桐        转卡申请表与转卡协议 · 11月22日 · 待审批
//! 王雨桐        会籍 · 年卡 · W01-000123 · 2027年11月21日到期 · 有效
//! 健身年卡      12个月 · ¥4,280.00
//! ```

use yingke_core::{
    id::RecordId,
    money::Money,
    pack::{FieldType, Form, Pack, Reference},
    record::Record,
    time::{Day, Millis},
    value::Value,
    work::Work,
    workflow::PROGRESS,
};

use crate::{format, roster::Roster, words::Words};

/// References followed from a record to the one that has a name: leave, membership, person is two.
const STEPS_MAX: u8 = 3;
/// Characters of a text that stands for a name.
const LETTERS_MAX: usize = 24;

/// Whom or what a record is about: a name where there is one, else what its form is called. Subscribes to what it read.
#[must_use]
pub fn title_of(roster: Roster, words: Words, record: &Record) -> String {
    let found = around(roster, |around| around.about(record, STEPS_MAX));
    found.unwrap_or_else(|| kind_of(roster, words, record.kind().as_str()))
}

/// Where a record is seen.
#[must_use]
pub fn address_of(record: &Record) -> String {
    match record.kind().as_str() {
        "person" => format!("/people/{}/file", record.id),
        _ => format!("/record/{}", record.id),
    }
}

/// What stands beside the title, each apart: the form or kind, when, how it stands. Subscribes to what it read.
#[must_use]
pub fn second_of(roster: Roster, words: Words, record: &Record) -> Vec<String> {
    let mut parts = parts_of(roster, words, record);
    let state = super::papers::standing(roster, record);
    parts.extend(state.map(|(_, state)| state.label.in_language(words.0).to_owned()));
    parts
}

/// The same without how it stands, where that is told apart. Subscribes to what it read.
#[must_use]
pub fn parts_of(roster: Roster, words: Words, record: &Record) -> Vec<String> {
    around(roster, |around| around.second(words, record, roster.today()))
}

/// What records of a kind are called: by the form that writes them, else by their workflow, else by a word.
#[must_use]
pub fn kind_of(roster: Roster, words: Words, kind: &str) -> String {
    kind_words(roster.pack(), roster.work(), words, kind)
}

/// The form that a record was filled in with: of several that write its kind, the one of which it holds the most. One that
/// holds nothing yet is filled in with the catalogue's.
#[must_use]
pub fn form_of<'a>(pack: &'a Pack, record: &Record) -> Option<&'a Form> {
    let held = |form: &Form| form.fields().filter(|field| holds(record, field.key.as_str())).count();
    let mut best: Option<((usize, bool), &Form)> = None;
    for form in pack.forms.iter().filter(|form| *form.record == *record.kind().as_str()) {
        let fits = (held(form), is_of_catalogue(form));
        if best.is_none_or(|(most, _)| fits > most) {
            best = Some((fits, form));
        }
    }
    best.map(|(_, form)| form)
}

/// Whether a form is one of domain.md's, and not of the house's own.
#[must_use]
pub fn is_of_catalogue(form: &Form) -> bool {
    form.id.starts_with("F-")
}

/// Whether a record holds something in a field, wherever it is kept.
pub fn holds(record: &Record, key: &str) -> bool {
    let in_group = || record.guarded(PROGRESS).is_some_and(|group| group.contains_key(key));
    record.get(key).is_some() || record.elements(key).next().is_some() || in_group()
}

fn around<T>(roster: Roster, read: impl FnOnce(&Around<'_>) -> T) -> T {
    read(&Around {
        pack: roster.pack(),
        work: roster.work(),
        record_of: &|id| roster.record(id),
        staff_name: &|id| roster.staff_name(id),
        offset_minutes: roster.utc_offset_minutes(),
    })
}

fn kind_words(pack: &Pack, work: &Work, words: Words, kind: &str) -> String {
    let of_catalogue = pack.forms.iter().find(|form| &*form.record == kind && is_of_catalogue(form));
    if let Some(form) = of_catalogue {
        return form.title.in_language(words.0).to_owned();
    }
    // One machine runs several kinds of requests: there the form says which.
    if let Some(machine) = work.machines_of(kind).find(|machine| machine.records.len() == 1) {
        return machine.title.in_language(words.0).to_owned();
    }
    if let Some(form) = pack.forms.iter().find(|form| &*form.record == kind) {
        return form.title.in_language(words.0).to_owned();
    }
    match kind {
        "interaction" => words.kind_contact(),
        "audit" => words.log_title(),
        "visitor_pass" => words.kind_visitor_pass(),
        "performance" => words.kind_performance(),
        "pass_use" => words.kind_pass_use(),
        _ => words.kind_other(),
    }
    .to_owned()
}

/// What a title is read from.
struct Around<'a> {
    pack: &'a Pack,
    work: &'a Work,
    record_of: &'a dyn Fn(RecordId) -> Option<Record>,
    /// By the text that a record holds.
    staff_name: &'a dyn Fn(&str) -> String,
    offset_minutes: i32,
}

impl Around<'_> {
    /// Whom or what a record is about, through at most so many references.
    fn about(&self, record: &Record, steps: u8) -> Option<String> {
        if let Some(name) = record.text("name").or_else(|| record.text("title")) {
            return Some(name.to_owned());
        }
        if record.kind().as_str() == "case"
            && let Some(matter) = matter_of(record)
        {
            return Some(matter);
        }
        let form = form_of(self.pack, record);
        let of_type = |wanted: &dyn Fn(&FieldType) -> bool| {
            let mut fields = form.iter().flat_map(|form| form.fields());
            fields.find_map(|field| record.get(field.key.as_str()).filter(|_| wanted(&field.kind)))
        };
        let own = of_type(&|kind| *kind == FieldType::Name).and_then(Value::as_text);
        if let Some(name) = own {
            return Some(name.to_owned());
        }
        if record.kind().as_str() == "person" {
            return None;
        }
        // Whom it belongs to, by the names that records give this field, then what else it hangs on.
        let holder = record.guarded(PROGRESS).and_then(|group| group.get("holder"));
        let pointed = ["person", "party", "lead"].into_iter().filter_map(|key| record.get(key));
        let through = ["membership", "case", "visit", "contract", "agreement", "equipment", "resource", "subject"];
        let through = through.into_iter().filter_map(|key| record.get(key));
        let others = pointed.chain(holder).chain(through).filter_map(Value::as_id);
        if steps > 0
            && let Some(name) =
                others.filter_map(|id| (self.record_of)(id)).find_map(|other| self.about(&other, steps - 1))
        {
            return Some(name);
        }
        let staff = of_type(&|kind| *kind == FieldType::Ref(Reference::Staff)).or_else(|| record.get("staff"));
        let is_of_staff = matches!(record.kind().as_str(), "training" | "evaluation" | "grade_review" | "statement");
        if let Some(staff) = staff.and_then(Value::as_text).filter(|_| is_of_staff) {
            return Some((self.staff_name)(staff)).filter(|name| !name.is_empty());
        }
        let text = of_type(&|kind| matches!(kind, FieldType::Text(_) | FieldType::LongText));
        let text = text.or_else(|| record.get("code")).or_else(|| record.get("card_no")).and_then(Value::as_text);
        text.map(first_letters).filter(|text| !text.is_empty())
    }

    /// Who complained or said something.
    fn who_said(&self, case: &Record) -> Option<String> {
        let person = case.get("person").and_then(Value::as_id).and_then(|id| (self.record_of)(id));
        let name = person.as_ref().and_then(|person| person.text("name")).or_else(|| case.text("complainant_name"));
        name.map(str::to_owned)
    }

    fn second(&self, words: Words, record: &Record, today: Day) -> Vec<String> {
        let kind = record.kind().as_str();
        let mut parts = Vec::new();
        if self.about(record, STEPS_MAX).is_some() {
            // A form of the catalogue says what it is; the house's own forms only what is put into them.
            let form = form_of(self.pack, record).filter(|form| is_of_catalogue(form));
            let form = form.map(|form| form.title.in_language(words.0).to_owned());
            parts.push(form.unwrap_or_else(|| kind_words(self.pack, self.work, words, kind)));
        }
        match kind {
            "membership" => {
                let group = record.guarded(PROGRESS);
                let of = |key: &str| group.and_then(|group| group.get(key)).or_else(|| record.get(key));
                let product = of("product").and_then(Value::as_id).and_then(|id| (self.record_of)(id));
                parts.extend(product.and_then(|product| product.text("name").map(str::to_owned)));
                parts.extend(record.text("card_no").map(str::to_owned));
                let until = of("end_on").and_then(Value::as_day);
                parts.extend(until.map(|day| words.title_until(format::full_day(words, day))));
            }
            "product" | "offer" => {
                // Its name says what it is: beside it stands for how long, and for how much.
                parts.clear();
                let months = record.get("term_months").and_then(Value::as_int);
                let months = months.and_then(|months| usize::try_from(months).ok()).filter(|months| *months > 0);
                parts.extend(months.map(|months| words.parameters_months(months)));
                let price = record.get("list_price").or_else(|| record.get("price")).and_then(Value::as_int);
                parts.extend(price.and_then(Money::from_fen).map(|price| format!("¥{}", price.shown())));
            }
            "equipment" => {
                parts.extend(["code", "area"].into_iter().filter_map(|key| record.text(key).map(str::to_owned)))
            }
            "case" => {
                if matter_of(record).is_some() {
                    parts.insert(0, self.who_said(record).unwrap_or_default());
                    parts.retain(|part| !part.is_empty());
                }
                parts.push(self.when(words, record, today));
            }
            "booking" => {
                let court = record.get("resource").and_then(Value::as_id).and_then(|id| (self.record_of)(id));
                parts = court.and_then(|court| court.text("name").map(str::to_owned)).into_iter().collect();
                let at = |key: &str| record.get(key).and_then(Value::as_at);
                let clock = |at: Millis| format::clock(at, self.offset_minutes);
                parts.push(match at("start_at").zip(at("end_at")) {
                    Some((from, until)) => {
                        format!("{} {}–{}", self.when(words, record, today), clock(from), clock(until))
                    }
                    None => self.when(words, record, today),
                });
            }
            "appointment" => {
                let what = record.text("kind").map(|what| self.pack.word("appointment_kind", what, words.0).to_owned());
                parts.extend(what);
                let at = record.get("start_at").and_then(Value::as_at);
                let day = self.when(words, record, today);
                parts.push(at.map_or(day.clone(), |at| format!("{day} {}", format::clock(at, self.offset_minutes))));
            }
            "resource" | "segment" | "course" | "campaign" => {}
            _ => parts.push(self.when(words, record, today)),
        }
        parts
    }

    /// When it was, is or will be: the first date of its form, else when it was made.
    fn when(&self, words: Words, record: &Record, today: Day) -> String {
        let is_date = |kind: &FieldType| matches!(kind, FieldType::Date | FieldType::Datetime);
        let form = form_of(self.pack, record).filter(|_| record.kind().as_str() != "person");
        let mut fields = form.iter().flat_map(|form| form.fields()).filter(|field| is_date(&field.kind));
        let own = record.get("received_at").or_else(|| fields.find_map(|field| record.get(field.key.as_str())));
        let at = |at: Millis| at.day(self.offset_minutes);
        let day = match own {
            Some(Value::Day(day)) => *day,
            Some(Value::At(when)) => at(*when),
            _ => at(record.begun().stamp.millis()),
        };
        format::day(words, day, today)
    }
}

/// What a case is about, in few words: guests with a name have many, and it is the matter that one looks for.
fn matter_of(case: &Record) -> Option<String> {
    let text = case.text("respondent_matter").or_else(|| case.text("content"));
    text.map(first_letters).filter(|text| !text.is_empty())
}

/// The beginning of a text, in one line.
fn first_letters(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let short: String = line.chars().take(LETTERS_MAX).collect();
    if line.chars().count() > LETTERS_MAX { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use yingke_core::{
        audience::Audience,
        change::{Edit, Key, Op, Ranked, Write},
        fixture,
        merge::{Records, apply_to},
        pack::Language,
        pack::VenueKind,
        schema::write,
        stamp::Stamp,
    };

    use super::*;

    fn id(number: u8) -> RecordId {
        RecordId::from_bytes(fixture::id_bytes(number))
    }

    /// Records that one change made.
    fn records(edits: Vec<(u8, &'static str, Vec<Write>)>) -> Records {
        let edits = edits.into_iter().map(|(number, kind, writes)| Edit {
            record: id(number),
            kind: Key::of(kind),
            audience: Audience::Desk(fixture::venue()),
            salt: [0; 8],
            writes,
        });
        let ranked = Ranked::provisional(Stamp::at(fixture::NOW), fixture::change(1, edits.collect()));
        let mut records = Records::default();
        ranked.change.edits().for_each(|edit| apply_to(&mut records, ranked.rank(), edit));
        records
    }

    fn read<T>(records: &Records, question: impl FnOnce(&Around<'_>) -> T) -> T {
        question(&Around {
            pack: Pack::of(VenueKind::Fitness),
            work: Work::of(VenueKind::Fitness),
            record_of: &|id| records.get(&id).cloned(),
            staff_name: &|_| "林悦".into(),
            offset_minutes: 480,
        })
    }

    fn club() -> Records {
        let end = Day::from_ymd(2027, 11, 21).unwrap();
        let progress =
            [("state", "active".into()), ("holder", id(1).into()), ("product", id(3).into()), ("end_on", end.into())];
        let progress: BTreeMap<Key, Value> = progress.map(|(key, value)| (Key::of(key), value)).into();
        records(vec![
            (1, "person", vec![write("person", "name", "王雨桐")]),
            (
                2,
                "membership",
                vec![
                    write("membership", "card_no", "W01-0042"),
                    Write { key: Key::of(PROGRESS), op: Op::Guarded { values: progress, replaces: vec![] } },
                ],
            ),
            (
                3,
                "product",
                vec![
                    write("product", "name", "健身年卡"),
                    write("product", "term_months", 12),
                    write("product", "list_price", 428_000),
                ],
            ),
            (4, "leave", vec![write("leave", "membership", id(2)), write("leave", "start_on", end)]),
            (
                5,
                "suggestion",
                vec![write("suggestion", "content", "更衣室的吹风机晚上总是不够用，希望再添两台，最好是静音的")],
            ),
            (6, "case", vec![write("case", "complainant_phone", "+8613800138000")]),
            (8, "case", vec![write("case", "person", id(1)), write("case", "respondent_matter", "淋浴水温忽冷忽热")]),
            (7, "training", vec![write("training", "staff", fixture::staff(1).to_string())]),
        ])
    }

    #[test]
    fn a_record_is_called_by_whom_or_what_it_is_about() {
        let club = club();
        let title = |number| read(&club, |around| around.about(&club[&id(number)], STEPS_MAX));
        for (number, expected) in [
            (1, Some("王雨桐")),
            (2, Some("王雨桐")),
            (3, Some("健身年卡")),
            (4, Some("王雨桐")),
            (5, Some("更衣室的吹风机晚上总是不够用，希望再添两台，最好…")),
            (6, None),
            (7, Some("林悦")),
            (8, Some("淋浴水温忽冷忽热")),
        ] {
            assert_eq!(title(number).as_deref(), expected, "{number}");
        }
    }

    #[test]
    fn beside_the_title_stands_the_form_and_when_and_how_it_is() {
        let club = club();
        let words = Words(Language::ZhHans);
        let today = fixture::NOW.day(480);
        let second = |number| read(&club, |around| around.second(words, &club[&id(number)], today));
        assert_eq!(second(2), ["会籍", "健身年卡", "W01-0042", "2027年11月21日到期"]);
        assert_eq!(second(3), ["12个月", "¥4,280.00"]);
        assert_eq!(second(4)[..2], ["请假单", "2027-11-21"]);
        assert_eq!(second(8)[0], "王雨桐");
        // Nobody is named: its form is the title and is not said twice.
        assert_eq!(second(6), ["今天"]);
    }

    #[test]
    fn of_several_forms_of_a_kind_it_is_the_one_that_was_filled_in() {
        let opinion = records(vec![(
            1,
            "case",
            vec![write("case", "submit_mode", "onsite"), write("case", "expectation", "换一台跑步机")],
        )]);
        let pack = Pack::of(VenueKind::Fitness);
        assert_eq!(form_of(pack, &opinion[&id(1)]).map(|form| &*form.id), Some("F-09"));
        assert_eq!(form_of(pack, &club()[&id(6)]).map(|form| &*form.id), Some("F-21"));
    }
}
