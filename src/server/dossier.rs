//! All that is kept about one person, in one file that they can be given when they ask for it.
//!
//! A page that anybody can read and print, in the words of the forms, or JSON for another program. What law keeps is in
//! it too. Source: domain catalogue 17.2.

use std::{io::Write, path::Path};

use serde_json::{Map, Value as Json, json};
use yingke_core::{
    id::RecordId,
    pack::{FieldType, Language, ListOf, Pack},
    paper,
    record::Record,
    schema::{self, Holds},
    work::Work,
};

use crate::{
    erase::{self, EraseError},
    export::{self, ExportError, fields_of, new_file, time_of, value_of},
    house::House,
    ledger::Ledger,
};

/// Why no file was written.
#[derive(Debug, thiserror::Error)]
pub enum DossierError {
    #[error(transparent)]
    Person(#[from] EraseError),
    #[error(transparent)]
    Unwritten(#[from] ExportError),
    #[error("a file ending in .html or .json is expected")]
    Ending,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub records: usize,
    /// Pictures that are named in it and are not in it.
    pub pictures: usize,
}

/// Kinds that say how the house works, and nothing of anybody.
const NOT_ABOUT: [&str; 1] = ["task"];

/// Writes a new file, for its owner alone.
///
/// # Errors
/// [`DossierError`]
pub async fn write(ledger: &dyn Ledger, house: &House, who: &str, path: &Path) -> Result<Written, DossierError> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let is_page = match ending.as_deref() {
        Some("html") => true,
        Some("json") => false,
        _ => return Err(DossierError::Ending),
    };
    let person = erase::find(ledger, house.organisation, who).await?;
    let mut records = about(erase::all(ledger, house.organisation, None).await.map_err(EraseError::from)?, person.id);
    records.sort_by_key(Record::begun);
    // The person first, then what happened, in its order.
    records.sort_by_key(|record| record.id != person.id);
    let entries: Vec<Entry> = records.iter().map(|record| Entry::of(record, house)).collect();
    let pictures = entries.iter().map(|entry| entry.pictures).sum();
    let text = if is_page { page(&entries, house, &person) } else { lines(&entries) };
    let mut file = new_file(path)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(ExportError::from)?;
    Ok(Written { records: entries.len(), pictures })
}

fn about(records: Vec<Record>, person: RecordId) -> Vec<Record> {
    let plan = erase::reach(&records, &[person].into());
    let is_about = |record: &Record| {
        (plan.records.contains(&record.id) || plan.kept_records.contains(&record.id))
            && !NOT_ABOUT.contains(&record.kind().as_str())
    };
    records.into_iter().filter(is_about).collect()
}

/// One record, in words and as it is.
struct Entry {
    kind: String,
    title: String,
    at: String,
    /// Key, label, and what it says: for people, and for programs.
    fields: Vec<(String, String, String, Json)>,
    pictures: usize,
}

/// What forms do not ask for, in words. What is not here either stands under its key.
const LABELS: [(&str, &str); 36] = [
    ("interaction", "联系记录"),
    ("membership", "会籍"),
    ("consent", "同意记录"),
    ("audit", "查看与变更记录"),
    ("at", "到此状态的时间"),
    ("by", "办理人"),
    ("card_no", "卡号"),
    ("paid_amount", "已付金额"),
    ("kind", "种类"),
    ("purpose", "事由"),
    ("result", "结果"),
    ("signed_on", "签订日期"),
    ("status", "状态"),
    ("captured_at", "登记时间"),
    ("captured_by", "登记人"),
    ("card_kind", "卡的种类"),
    ("channel", "方式"),
    ("closed_at", "关闭时间"),
    ("consent_at", "同意时间"),
    ("customer_told_at", "告知客户时间"),
    ("delivered_at", "交付时间"),
    ("direction", "呼入或呼出"),
    ("do_not_contact", "不愿被联系"),
    ("duration_s", "时长（秒）"),
    ("issued_at", "发卡时间"),
    ("last_contact_at", "最近联系"),
    ("loaded", "卡内充值"),
    ("owner", "负责人"),
    ("paid_at", "付款时间"),
    ("received_at", "受理时间"),
    ("resolved_at", "办结时间"),
    ("staff", "经办人"),
    ("stage", "阶段"),
    ("started_at", "开始时间"),
    ("state", "状态"),
    ("summary", "摘要"),
];
const LANGUAGE: Language = Language::ZhHans;

/// Codes that are in no list of a pack.
const CODES: [(&str, &str); 8] = [
    ("out", "呼出"),
    ("in", "呼入"),
    ("phone", "电话"),
    ("reached", "接通"),
    ("no_answer", "无人接听"),
    ("follow_up", "跟进"),
    ("membership", "会籍"),
    ("stored_value", "储值卡"),
];

fn word_of<'a>(known: &[(&str, &'a str)], key: &'a str) -> &'a str {
    known.iter().find(|(known, _)| *known == key).map_or(key, |(_, word)| word)
}

impl Entry {
    fn of(record: &Record, house: &House) -> Self {
        let venue = house.venues.get(&record.audience().venue());
        let (pack, work) = (house.pack(venue), house.work(venue));
        let kind = record.kind().as_str();
        let forms = || pack.forms.iter().filter(|form| *form.record == *kind);
        let form = forms().find(|form| form.id.starts_with("F-") && kind != "person").or_else(|| forms().next_back());
        let title = match LABELS.iter().find(|(known, _)| *known == kind) {
            Some((_, title)) => *title,
            None => form.map_or(kind, |form| form.title.in_language(LANGUAGE)),
        };
        let at = time_of(record.begun().stamp.millis(), venue.map_or(0, |venue| venue.utc_offset_minutes));
        let mut entry = Self { kind: kind.into(), title: title.into(), at, fields: Vec::new(), pictures: 0 };
        for (key, spec) in schema::kind(kind).map_or_else(Vec::new, |kind| fields_of(kind, house)) {
            let value = value_of(record, key, spec, house);
            match value {
                Json::Null => {}
                Json::Object(group) => {
                    group.into_iter().for_each(|(key, value)| entry.add(pack, work, &key, spec.holds, value));
                }
                value => entry.add(pack, work, key, spec.holds, value),
            }
        }
        entry
    }

    fn add(&mut self, pack: &Pack, work: &Work, key: &str, holds: Holds, value: Json) {
        let known = LABELS.iter().find(|(known, _)| *known == key).map(|(_, label)| *label);
        // What is in no list here, another form asks for.
        let elsewhere = || pack.forms.iter().find_map(|form| form.field(key)).filter(|_| known.is_none());
        let field = paper::field_of(pack, &self.kind, key).or_else(elsewhere);
        let label = field.map_or(known.unwrap_or(key), |field| field.label.in_language(LANGUAGE));
        if field.is_some_and(|field| matches!(field.kind, FieldType::Photo | FieldType::List(ListOf::Photos))) {
            self.pictures += value.as_array().map_or(1, Vec::len);
        }
        let state = |code: &str| {
            let mut machines = work.machines_of(&self.kind);
            machines.find_map(|machine| Some(machine.state(code)?.label.in_language(LANGUAGE)))
        };
        let word = |code: &str| match field.map(|field| &field.kind) {
            Some(FieldType::Enum(list) | FieldType::Multi(list)) => pack.word(list, code, LANGUAGE).to_owned(),
            None if matches!(key, "state" | "stage" | "status") => state(code).unwrap_or(code).to_owned(),
            None => word_of(&CODES, code).to_owned(),
            Some(_) => code.to_owned(),
        };
        let in_words = match &value {
            // The number of another record says nothing to people.
            _ if holds == Holds::Record => String::new(),
            Json::String(text) if text.parse::<RecordId>().is_ok() => String::new(),
            Json::String(code) => word(code),
            Json::Array(codes) => codes
                .iter()
                .map(|code| code.as_str().map_or_else(|| export::shown(code), word))
                .collect::<Vec<_>>()
                .join("、"),
            Json::Bool(yes) => if *yes { "是" } else { "否" }.to_owned(),
            value => export::shown(value),
        };
        self.fields.push((key.into(), label.into(), in_words, value));
    }
}

fn lines(entries: &[Entry]) -> String {
    let entry = |entry: &Entry| {
        let fields: Map<String, Json> =
            entry.fields.iter().map(|(key, _, _, value)| (key.clone(), value.clone())).collect();
        json!({ "kind": entry.kind, "title": entry.title, "at": entry.at, "fields": fields }).to_string()
    };
    format!("[\n{}\n]\n", entries.iter().map(entry).collect::<Vec<_>>().join(",\n"))
}

/// A page of its own: nothing is fetched for it.
fn page(entries: &[Entry], house: &House, person: &Record) -> String {
    let who = escaped(person.text("name").or_else(|| person.text("phone")).unwrap_or_default());
    let mut text = format!(
        "<!doctype html>\n<html lang=\"zh-Hans\">\n<meta charset=\"utf-8\">\n<title>{who}</title>\n<style>\n\
         body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 46em; margin: 2em auto; padding: 0 1em }}\n\
         h2 {{ font-size: 1.1em; margin: 2em 0 .4em; break-after: avoid }}\n\
         dl {{ display: grid; grid-template-columns: 11em 1fr; gap: .2em 1em; margin: 0 }}\n\
         dt {{ color: #555 }} dd {{ margin: 0; overflow-wrap: anywhere }}\n</style>\n\
         <h1>{}保存的关于{who}的全部记录</h1>\n",
        escaped(&house.name)
    );
    for entry in entries {
        text += &format!("<h2>{} · {}</h2>\n<dl>\n", escaped(&entry.title), escaped(&entry.at));
        for (_, label, value, _) in entry.fields.iter().filter(|(_, _, words, _)| !words.is_empty()) {
            text += &format!("<dt>{}</dt><dd>{}</dd>\n", escaped(label), escaped(value));
        }
        text += "</dl>\n";
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
