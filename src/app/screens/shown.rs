//! What a record holds, as people read it: codes in words, references by title, sums, dates, and numbers of documents
//! masked.

use yingke_core::{
    id::{RecordId, VenueId},
    money::Money,
    pack::{Field, FieldType, ListOf, Pack, Reference},
    paper::is_identity,
    permit::masked_id,
    phone::PhoneNumber,
    record::Record,
    time::Millis,
    typed::Signature,
    value::Value,
    workflow::PROGRESS,
};

use super::record_title::title_of;
use crate::{format, roster::Roster, words::Words};

/// What a record holds under a field's key: a value, the elements of a set, or what stands beside its state.
#[must_use]
pub fn held(record: &Record, key: &str) -> Option<Value> {
    if let Some(value) = record.get(key) {
        return Some(value.clone());
    }
    let elements: Vec<Value> = record.elements(key).cloned().collect();
    if !elements.is_empty() {
        return Some(Value::List(elements));
    }
    record.guarded(PROGRESS)?.get(key).filter(|value| !value.is_empty()).cloned()
}

/// A value of a field in words; empty where it says nothing that can be read. Subscribes to what it read.
#[must_use]
pub fn words_of(roster: Roster, words: Words, field: &Field, value: &Value) -> String {
    let reading = Reading {
        pack: roster.pack(),
        words,
        offset_minutes: roster.utc_offset_minutes(),
        staff_name: &|id| roster.staff_name(id),
        venue_name: &|id| roster.venues().into_iter().find(|venue| venue.id == id).map(|venue| venue.name),
        title: &|id| roster.record(id).map(|record| title_of(roster, words, &record)),
    };
    reading.value(field, value)
}

/// What values are read with.
struct Reading<'a> {
    pack: &'a Pack,
    words: Words,
    offset_minutes: i32,
    staff_name: &'a dyn Fn(&str) -> String,
    venue_name: &'a dyn Fn(VenueId) -> Option<String>,
    title: &'a dyn Fn(RecordId) -> Option<String>,
}

impl Reading<'_> {
    fn value(&self, field: &Field, value: &Value) -> String {
        // Whoever wants to see a whole number asks for it, and is written down.
        if is_identity(field) {
            return masked_id(value.as_text().unwrap_or_default());
        }
        match (&field.kind, value) {
            (_, Value::Empty | Value::Bytes(_)) => String::new(),
            (FieldType::Signature, value) => {
                Signature::from_value(value).map(|signature| signature.signer.to_string()).unwrap_or_default()
            }
            (FieldType::Photo | FieldType::File, _) => self.words.shown_pictures(1),
            (FieldType::List(ListOf::Photos), Value::List(all)) => self.words.shown_pictures(all.len()),
            (FieldType::Stops(_), Value::List(codes)) => self.stops(codes),
            (FieldType::List(of), Value::List(rows)) => self.joined(rows, |row| self.row(*of, row)),
            (kind, Value::List(elements)) => self.joined(elements, |element| self.single(kind, element)),
            (kind, value) => self.single(kind, value),
        }
    }

    fn single(&self, kind: &FieldType, value: &Value) -> String {
        let language = self.words.0;
        match (kind, value) {
            (FieldType::Enum(list) | FieldType::Multi(list), Value::Text(code)) => {
                self.pack.word(list, code, language).to_owned()
            }
            (FieldType::Checklist(id), Value::Text(code)) => {
                let mut items = self.pack.checklist(id).into_iter().flat_map(|checklist| &checklist.items);
                let item = items.find(|item| item.key == *code);
                item.map_or_else(|| code.to_string(), |item| item.label.in_language(language).to_owned())
            }
            (FieldType::StaffList, Value::Text(id)) => (self.staff_name)(id),
            (FieldType::Ref(reference), value) => self.reference(*reference, value),
            (FieldType::Phone, Value::Text(text)) => {
                PhoneNumber::from_e164(text).map_or_else(|| text.to_string(), |phone| phone.shown())
            }
            (FieldType::Money, Value::Int(fen)) => money(*fen),
            (FieldType::Decimal, Value::Int(number)) => {
                let sign = if *number < 0 { "-" } else { "" };
                format!("{sign}{}.{:02}", number.unsigned_abs() / 100, number.unsigned_abs() % 100)
            }
            (FieldType::Time, Value::Int(minutes)) => format!("{:02}:{:02}", minutes / 60, minutes % 60),
            (FieldType::Rating, Value::Int(stars)) => stars_words(self.words, *stars).to_owned(),
            (FieldType::Score, Value::Int(points)) => self.words.shown_points(points),
            (_, Value::Bool(yes)) => if *yes { self.words.yes() } else { self.words.no() }.to_owned(),
            (_, Value::Int(number)) => number.to_string(),
            (_, Value::Text(text)) => text.to_string(),
            (_, Value::At(at)) => self.moment(*at),
            (_, Value::Day(day)) => format::full_day(self.words, *day),
            (_, Value::Id(id)) => (self.title)(*id).unwrap_or_default(),
            (_, Value::Empty | Value::Bytes(_) | Value::List(_)) => String::new(),
        }
    }

    fn reference(&self, reference: Reference, value: &Value) -> String {
        let language = self.words.0;
        match (reference, value) {
            (Reference::Staff, Value::Text(id)) => (self.staff_name)(id),
            (Reference::Department, Value::Text(code)) => self.pack.word("dept_kind", code, language).to_owned(),
            (Reference::Venue, Value::Text(id)) => {
                id.parse().ok().and_then(|id| (self.venue_name)(id)).unwrap_or_default()
            }
            (Reference::Route, Value::Text(key)) => self
                .pack
                .route(key)
                .map_or_else(|| key.to_string(), |route| route.title.in_language(language).to_owned()),
            (Reference::Prompt, Value::Text(id)) => self
                .pack
                .prompt(id)
                .map_or_else(|| id.to_string(), |prompt| prompt.title.in_language(language).to_owned()),
            (_, Value::Id(id)) => (self.title)(*id).unwrap_or_default(),
            (_, value) => value.as_text().unwrap_or_default().to_owned(),
        }
    }

    fn row(&self, of: ListOf, row: &Value) -> String {
        match (of, row) {
            (ListOf::Gifts, Value::List(parts)) => match &parts[..] {
                [Value::Text(what), Value::Int(count)] => format!("{what} × {count}"),
                _ => String::new(),
            },
            (ListOf::Charges, Value::List(parts)) => match &parts[..] {
                [Value::Text(what), Value::Int(fen)] => format!("{what} {}", money(*fen)),
                _ => String::new(),
            },
            (ListOf::Refs(reference), value) => self.reference(reference, value),
            (_, value) => self.single(&FieldType::LongText, value),
        }
    }

    /// In the order in which the tour passes them, whatever the order in which they were ticked.
    fn stops(&self, codes: &[Value]) -> String {
        let ticked = |key: &str| codes.iter().any(|code| code.as_text() == Some(key));
        let stops = self.pack.routes.iter().flat_map(|route| &route.stops).filter(|stop| ticked(&stop.key));
        let names: Vec<&str> = stops.map(|stop| stop.label.in_language(self.words.0)).collect();
        names.join(self.words.between())
    }

    fn joined(&self, values: &[Value], words: impl Fn(&Value) -> String) -> String {
        let parts: Vec<String> = values.iter().map(words).filter(|part| !part.is_empty()).collect();
        parts.join(self.words.between())
    }

    fn moment(&self, at: Millis) -> String {
        let day = format::full_day(self.words, at.day(self.offset_minutes));
        format!("{day} {}", format::clock(at, self.offset_minutes))
    }
}

/// `¥3,680.00`, `−¥40.00`
#[must_use]
pub fn money(fen: i64) -> String {
    let sign = if fen < 0 { "−" } else { "" };
    Money::from_fen(fen.abs()).map(|sum| format!("{sign}¥{}", sum.shown())).unwrap_or_default()
}

/// 4星，满意.
#[must_use]
pub fn stars_words(words: Words, stars: i64) -> &'static str {
    match stars {
        1 => words.form_stars_1(),
        2 => words.form_stars_2(),
        3 => words.form_stars_3(),
        4 => words.form_stars_4(),
        _ => words.form_stars_5(),
    }
}

#[cfg(test)]
mod tests {
    use yingke_core::{
        fixture,
        pack::{Language, VenueKind},
        time::Day,
    };

    use super::*;

    fn shown(kind: VenueKind, form: &str, key: &str, value: impl Into<Value>) -> String {
        let pack = Pack::of(kind);
        let reading = Reading {
            pack,
            words: Words(Language::ZhHans),
            offset_minutes: 480,
            staff_name: &|id| if id == fixture::staff(1).to_string() { "林悦".into() } else { "周凯".into() },
            venue_name: &|_| Some("未来店".into()),
            title: &|_| Some("王雨桐".into()),
        };
        reading.value(pack.form(form).unwrap().field(key).unwrap(), &value.into())
    }

    fn list(values: Vec<Value>) -> Value {
        Value::List(values)
    }

    #[test]
    fn each_type_is_shown_as_people_write_it() {
        use VenueKind::{Fitness, Sports};
        let of = |what: &str, number: i64| list(vec![what.into(), number.into()]);
        let person = RecordId::from_bytes(fixture::id_bytes(1));
        for (kind, form, key, value, expected) in [
            (Fitness, "F-10", "member_name", "王雨桐".into(), "王雨桐"),
            (Fitness, "F-10", "gender", "female".into(), "女"),
            (Fitness, "F-10", "mobile", "+8613957104826".into(), "139 5710 4826"),
            (Fitness, "F-10", "id_no", "110105194912310022".into(), "110***********0022"),
            (Fitness, "F-10", "deal_price", 368_000.into(), "¥3,680.00"),
            (Fitness, "F-10", "start_on", Day::from_ymd(2026, 11, 22).unwrap().into(), "2026年11月22日"),
            (Fitness, "F-10", "consultant", fixture::staff(1).to_string().into(), "林悦"),
            (Fitness, "F-10", "health_notice", true.into(), "是"),
            (Fitness, "F-10", "gifts", list(vec![of("运动毛巾", 1), of("水壶", 2)]), "运动毛巾 × 1、水壶 × 2"),
            (Fitness, "F-32", "deductions", list(vec![of("钥匙", 3_000)]), "钥匙 ¥30.00"),
            (Fitness, "F-31", "party", person.into(), "王雨桐"),
            (Fitness, "F-14", "entered_at", fixture::NOW.into(), "2026年11月22日 10:00"),
            (Fitness, "F-26", "stars", 4.into(), "4星，满意"),
            (Fitness, "F-53", "score", 90.into(), "90分"),
            (Fitness, "F-53", "satisfaction", 9_650.into(), "96.50"),
            (
                Fitness,
                "F-14",
                "evidence",
                list(vec!["a".repeat(64).as_str().into(), "b".repeat(64).as_str().into()]),
                "2张照片",
            ),
            (Fitness, "F-19", "to_venue", "v".into(), ""),
            (Fitness, "F-19", "to_venue", fixture::venue().to_string().into(), "未来店"),
            (Fitness, "F-17", "level_notes", list(vec!["愿意等".into(), "已谈".into()]), "愿意等、已谈"),
            (Fitness, "F-23", "assignees", list(vec![fixture::staff(1).to_string().into(), "x".into()]), "林悦、周凯"),
            (Sports, "F-01", "interests", list(vec!["yoga".into(), "running".into()]), "瑜伽、跑步"),
            // A code that a later pack added is said as it is.
            (Fitness, "F-10", "gender", "later".into(), "later"),
        ] {
            assert_eq!(shown(kind, form, key, value), expected, "{form} {key}");
        }
    }

    #[test]
    fn stops_are_named_in_the_order_of_the_tour() {
        let pack = Pack::of(VenueKind::Fitness);
        let stops = &pack.routes[0].stops;
        let ticked = list(vec![(&*stops[2].key).into(), (&*stops[0].key).into()]);
        let expected = format!("{}、{}", stops[0].label.zh_hans, stops[2].label.zh_hans);
        assert_eq!(shown(VenueKind::Fitness, "F-05", "stops_shown", ticked), expected);
    }
}
