//! Reads `public/packs/*.toml`, checks them, and writes them as one compact JSON for [`pack.rs`](../pack.rs).
//!
//! People edit the packs, so every fault is told with file and line. What is read at run time is JSON, so that
//! the client carries no second parser.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
    process,
};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use toml::Spanned;

/// The packs that ship, the common one first: the others may use its lists.
const PACKS: [&str; 3] = ["core", "fitness", "sports"];
/// Kinds of venue that a field or form may name.
const KINDS: [&str; 4] = ["fitness", "sports", "billiards", "postpartum"];
const REFERENCES: [&str; 4] = ["person", "staff", "outing", "campaign"];

type Words = [String; 3];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pack {
    version: u32,
    title: Spanned<Words>,
    #[serde(default)]
    list: Vec<Spanned<List>>,
    #[serde(default)]
    parameter: Vec<Spanned<Parameter>>,
    #[serde(default)]
    checklist: Vec<Spanned<Checklist>>,
    #[serde(default)]
    prompt: Vec<Spanned<Prompt>>,
    #[serde(default)]
    form: Vec<Spanned<Form>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    key: String,
    items: Vec<Spanned<[String; 4]>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    key: String,
    value: i64,
    label: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checklist {
    id: String,
    title: Words,
    items: Vec<Spanned<ChecklistItem>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChecklistItem {
    key: String,
    label: Words,
    #[serde(default)]
    optional: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prompt {
    id: String,
    title: Words,
    points: Vec<Spanned<Words>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    id: String,
    title: Words,
    #[serde(default)]
    packs: Vec<String>,
    #[serde(default)]
    optional: Vec<String>,
    section: Vec<Spanned<Section>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    key: String,
    title: Words,
    fields: Vec<Spanned<Field>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    key: String,
    label: Words,
    note: Option<Words>,
    r#type: String,
    required: Required,
    default: Option<String>,
    rule: Option<Rule>,
    #[serde(default)]
    packs: Vec<String>,
    /// Not in the catalogue's table: a field that its conditions need.
    #[serde(default)]
    added: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Required {
    Plain(String),
    On(BTreeMap<String, BTreeMap<String, Test>>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Test {
    Yes(bool),
    Filled(String),
    Is(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Rule {
    Plain(String),
    With(BTreeMap<String, String>),
}

/// A fault and the byte it begins at.
type Fault = (usize, String);

/// Writes `packs.json`, or says what is wrong and ends the build.
pub fn write(packs_dir: &Path, out_dir: &Path) {
    let mut lists = BTreeMap::new();
    let mut all = Map::new();
    for name in PACKS {
        let path = packs_dir.join(format!("{name}.toml"));
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).unwrap_or_else(|error| {
            eprintln!("error: {}: {error}", path.display());
            process::exit(1);
        });
        match compile(&text, &mut lists) {
            Ok(pack) => all.insert(name.into(), pack),
            Err((at, fault)) => {
                eprintln!("error: public/packs/{name}.toml:{}: {fault}", line(&text, at));
                process::exit(1);
            }
        };
    }
    let json = serde_json::to_string(&all).expect("a tree of texts and numbers is JSON");
    fs::write(out_dir.join("packs.json"), json).expect("OUT_DIR can be written");
}

/// The line, from 1, on which a byte stands.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|c| *c == b'\n').count() + 1
}

/// One pack as JSON. Its lists join those that later packs may use.
fn compile(text: &str, lists: &mut BTreeMap<String, BTreeSet<String>>) -> Result<Value, Fault> {
    let pack: Pack = toml::from_str(text)
        .map_err(|error| (error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    check_words(pack.title.span().start, pack.title.get_ref())?;
    let mut json_lists = Map::new();
    for list in &pack.list {
        let (at, list) = (list.span().start, list.get_ref());
        let mut keys = BTreeSet::new();
        let mut items = Vec::new();
        for item in &list.items {
            let (at, [key, words @ ..]) = (item.span().start, item.get_ref());
            check_code(at, key)?;
            check_words(at, words)?;
            expect(at, keys.insert(key.clone()), || format!("`{key}` stands twice in list `{}`", list.key))?;
            items.push(json!([key, words]));
        }
        expect(at, !lists.contains_key(&list.key), || format!("there are two lists `{}`", list.key))?;
        json_lists.insert(list.key.clone(), items.into());
        lists.insert(list.key.clone(), keys);
    }
    let mut parameters = Map::new();
    for parameter in &pack.parameter {
        let (at, parameter) = (parameter.span().start, parameter.get_ref());
        check_words(at, &parameter.label)?;
        let json = json!({ "value": parameter.value, "label": parameter.label });
        let twice = parameters.insert(parameter.key.clone(), json).is_some();
        expect(at, !twice, || format!("there are two parameters `{}`", parameter.key))?;
    }
    let mut checklists = Vec::new();
    for checklist in &pack.checklist {
        let checklist = checklist.get_ref();
        let mut items = Vec::new();
        for item in &checklist.items {
            let (at, item) = (item.span().start, item.get_ref());
            check_code(at, &item.key)?;
            check_words(at, &item.label)?;
            items.push(json!({ "key": item.key, "label": item.label, "optional": item.optional }));
        }
        checklists.push(json!({ "id": checklist.id, "title": checklist.title, "items": items }));
    }
    let checklist_ids: BTreeSet<&str> = pack.checklist.iter().map(|checklist| &*checklist.get_ref().id).collect();
    let mut prompts = Vec::new();
    for prompt in &pack.prompt {
        let prompt = prompt.get_ref();
        for point in &prompt.points {
            check_words(point.span().start, point.get_ref())?;
        }
        let points: Vec<&Words> = prompt.points.iter().map(Spanned::get_ref).collect();
        prompts.push(json!({ "id": prompt.id, "title": prompt.title, "points": points }));
    }
    let mut forms = Vec::new();
    let mut ids = BTreeSet::new();
    for form in &pack.form {
        let (at, form) = (form.span().start, form.get_ref());
        expect(at, ids.insert(&form.id), || format!("there are two forms `{}`", form.id))?;
        forms.push(compile_form(at, form, &Names { lists, checklists: &checklist_ids })?);
    }
    Ok(json!({
        "version": pack.version, "title": pack.title.get_ref(), "lists": json_lists, "parameters": parameters,
        "checklists": checklists, "prompts": prompts, "forms": forms,
    }))
}

/// What a type may name.
struct Names<'a> {
    lists: &'a BTreeMap<String, BTreeSet<String>>,
    checklists: &'a BTreeSet<&'a str>,
}

fn compile_form(at: usize, form: &Form, names: &Names<'_>) -> Result<Value, Fault> {
    check_words(at, &form.title)?;
    check_kinds(at, form.packs.iter().chain(&form.optional))?;
    let fields = || form.section.iter().flat_map(|section| &section.get_ref().fields);
    let type_by_key: BTreeMap<&str, &str> =
        fields().map(|field| (&*field.get_ref().key, &*field.get_ref().r#type)).collect();
    let mut seen = BTreeSet::new();
    let mut sections = Vec::new();
    for section in &form.section {
        check_words(section.span().start, &section.get_ref().title)?;
        let section = section.get_ref();
        let mut compiled = Vec::new();
        for field in &section.fields {
            let (at, field) = (field.span().start, field.get_ref());
            expect(at, seen.insert(&field.key), || format!("form {} has two fields `{}`", form.id, field.key))?;
            compiled.push(compile_field(at, field, names, &type_by_key)?);
        }
        sections.push(json!({ "key": section.key, "title": section.title, "fields": compiled }));
    }
    Ok(json!({
        "id": form.id, "title": form.title, "packs": form.packs, "optional": form.optional, "sections": sections,
    }))
}

fn compile_field(
    at: usize,
    field: &Field,
    names: &Names<'_>,
    type_by_key: &BTreeMap<&str, &str>,
) -> Result<Value, Fault> {
    let key = &field.key;
    let plain = key.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_');
    expect(at, plain && (1..=40).contains(&key.len()), || format!("`{key}` is no field name: a-z, 0-9 and _ only"))?;
    check_words(at, &field.label)?;
    check_kinds(at, &field.packs)?;
    let other = |other: &str| match type_by_key.get(other) {
        Some(kind) => Ok(*kind),
        None => Err((at, format!("`{key}` speaks of `{other}`, which its form does not have"))),
    };
    let mut json = json!({ "key": key, "label": field.label, "type": compile_type(at, &field.r#type, names)? });
    if let Some(note) = &field.note {
        check_words(at, note)?;
        json["note"] = json!(note);
    }
    json["required"] = compile_required(at, field, names, other)?;
    if let Some(default) = &field.default {
        let fits = match default.as_str() {
            "now" => field.r#type == "datetime",
            "today" => field.r#type == "date",
            "me" => matches!(&*field.r#type, "ref(staff)" | "list(staff)"),
            "outing" => field.r#type == "ref(outing)",
            "one" => field.r#type.starts_with("int("),
            "yes" | "no" => field.r#type == "bool",
            _ => return Err((at, format!("`{default}` is no default: now, today, me, outing, one, yes or no"))),
        };
        expect(at, fits, || format!("`{default}` is no default of a field of type {}", field.r#type))?;
        json["default"] = json!(default);
    }
    match &field.rule {
        None => {}
        Some(Rule::Plain(rule)) => {
            let fits = match rule.as_str() {
                "past" | "future" => matches!(&*field.r#type, "date" | "datetime"),
                "positive" => field.r#type == "money" || field.r#type.starts_with("int("),
                _ => false,
            };
            expect(at, fits, || format!("`{rule}` is no rule for a field of type {}", field.r#type))?;
            json["rule"] = json!(rule);
        }
        Some(Rule::With(rule)) => {
            let [(name, target)] = &rule.iter().collect::<Vec<_>>()[..] else {
                return Err((at, "a rule names one thing".into()));
            };
            let target_type = other(target)?;
            let fits = match name.as_str() {
                "not_before" => field.r#type == target_type && matches!(target_type, "date" | "datetime"),
                "at_most" => field.r#type.starts_with("int(") && target_type.starts_with("int("),
                "yes_with" => field.r#type == "bool",
                _ => false,
            };
            expect(at, fits, || format!("`{name} = {target}` is no rule for a field of type {}", field.r#type))?;
            json["rule"] = json!({ *name: target });
        }
    }
    if !field.packs.is_empty() {
        json["packs"] = json!(field.packs);
    }
    if field.added {
        json["added"] = json!(true);
    }
    Ok(json)
}

fn compile_type(at: usize, text: &str, names: &Names<'_>) -> Result<Value, Fault> {
    let unknown = || (at, format!("`{text}` is no type of a field"));
    let Some((name, argument)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else {
        let plain = ["long_text", "phone", "name", "date", "datetime", "money", "bool", "resident_id", "passport"];
        return if plain.contains(&text) { Ok(json!(text)) } else { Err(unknown()) };
    };
    match name {
        "text" => Ok(json!({ "text": argument.parse::<u32>().map_err(|_| unknown())? })),
        "int" => {
            let (min, max) = argument.split_once(',').ok_or_else(unknown)?;
            let bounds: [i64; 2] = [min.parse().map_err(|_| unknown())?, max.parse().map_err(|_| unknown())?];
            expect(at, bounds[0] <= bounds[1], || format!("`{text}` allows no number"))?;
            Ok(json!({ "int": bounds }))
        }
        "enum" | "multi" => {
            expect(at, names.lists.contains_key(argument), || format!("there is no list `{argument}`"))?;
            Ok(json!({ name: argument }))
        }
        "ref" => {
            expect(at, REFERENCES.contains(&argument), || format!("nothing of kind `{argument}` can be referred to"))?;
            Ok(json!({ "ref": argument }))
        }
        "list" if argument == "staff" => Ok(json!("staff_list")),
        "checklist" => {
            expect(at, names.checklists.contains(argument), || format!("there is no checklist `{argument}`"))?;
            Ok(json!({ "checklist": argument }))
        }
        _ => Err(unknown()),
    }
}

fn compile_required<'a>(
    at: usize,
    field: &Field,
    names: &Names<'_>,
    type_of: impl Fn(&str) -> Result<&'a str, Fault>,
) -> Result<Value, Fault> {
    let tests = match &field.required {
        Required::Plain(plain) if matches!(&**plain, "yes" | "no" | "auto") => return Ok(json!(plain)),
        Required::Plain(plain) => return Err((at, format!("required is yes, no, auto or a condition, not `{plain}`"))),
        Required::On(tests) => tests,
    };
    let [(when, tests)] = &tests.iter().collect::<Vec<_>>()[..] else {
        return Err((at, "a condition is either `when` or `unless`".into()));
    };
    expect(at, matches!(&***when, "when" | "unless"), || format!("a condition is `when` or `unless`, not `{when}`"))?;
    let mut conditions = Vec::new();
    for (key, test) in *tests {
        let kind = type_of(key)?;
        conditions.push(match test {
            Test::Filled(word) if word == "filled" => json!({ "field": key, "test": "filled" }),
            Test::Filled(word) => return Err((at, format!("`{word}` is no test of `{key}`"))),
            Test::Yes(yes) => {
                expect(at, kind == "bool", || format!("`{key}` is not a field of yes or no"))?;
                json!({ "field": key, "test": if *yes { "yes" } else { "no" } })
            }
            Test::Is(codes) => {
                let list = kind.strip_suffix(')').and_then(|kind| kind.split_once('(')).map(|(_, list)| list);
                let list = list.and_then(|list| names.lists.get(list));
                let list = list.ok_or_else(|| (at, format!("`{key}` is not chosen from a list")))?;
                for code in codes {
                    expect(at, list.contains(code), || format!("`{key}` can never be `{code}`"))?;
                }
                json!({ "field": key, "test": { "is": codes } })
            }
        });
    }
    Ok(json!({ *when: conditions }))
}

fn check_kinds<'a>(at: usize, kinds: impl IntoIterator<Item = &'a String>) -> Result<(), Fault> {
    kinds.into_iter().try_for_each(|kind| {
        expect(at, KINDS.contains(&&**kind), || format!("`{kind}` is no kind of venue: {}", KINDS.join(", ")))
    })
}

fn check_code(at: usize, code: &str) -> Result<(), Fault> {
    let plain = code.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    expect(at, plain && (1..=40).contains(&code.len()), || format!("`{code}` is no code: letters, digits and _ only"))
}

fn check_words(at: usize, words: &[String]) -> Result<(), Fault> {
    expect(at, words.iter().all(|text| !text.trim().is_empty() && text.trim() == text), || {
        let mut fault = String::from("a text is empty or has spaces around it:");
        words.iter().for_each(|text| write!(fault, " {text:?}").expect("a String takes all"));
        fault
    })
}

fn expect(at: usize, holds: bool, fault: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err((at, fault())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"version = 1
title = ["甲", "乙", "A"]
[[list]]
key = "colour"
items = [["red", "红", "紅", "Red"]]
[[form]]
id = "F-99"
title = ["甲", "乙", "A"]
[[form.section]]
key = "one"
title = ["甲", "乙", "A"]
fields = [
  { key = "agreed", label = ["甲", "乙", "A"], type = "bool", required = "no" },
"#;

    /// The line and the fault of a form whose second field, on line 14, is this.
    fn fault(field: &str) -> String {
        let text = format!("{HEAD}  {{ {field} }},\n]\n");
        match compile(&text, &mut BTreeMap::new()) {
            Ok(_) => "none".into(),
            Err((at, fault)) => format!("{}: {fault}", line(&text, at)),
        }
    }

    #[test]
    fn a_fault_is_told_with_its_line() {
        let words = r#"label = ["甲", "乙", "A"]"#;
        for (field, expected) in [
            (r#"key = "b", WORDS, type = "enum(colour)", required = { when = { agreed = true } }"#, "none"),
            (r#"key = "b", WORDS, type = "enum(size)", required = "no""#, "14: there is no list `size`"),
            (r#"key = "b", WORDS, type = "texts(4)", required = "no""#, "14: `texts(4)` is no type of a field"),
            (r#"key = "b", WORDS, type = "int(5,1)", required = "no""#, "14: `int(5,1)` allows no number"),
            (r#"key = "agreed", WORDS, type = "bool", required = "no""#, "14: form F-99 has two fields `agreed`"),
            (r#"key = "B", WORDS, type = "bool", required = "no""#, "14: `B` is no field name: a-z, 0-9 and _ only"),
            (
                r#"key = "b", WORDS, type = "bool", required = "maybe""#,
                "14: required is yes, no, auto or a condition, not `maybe`",
            ),
            (
                r#"key = "b", WORDS, type = "bool", required = { unless = { c = true } }"#,
                "14: `b` speaks of `c`, which its form does not have",
            ),
            (
                r#"key = "b", WORDS, type = "enum(colour)", required = { when = { b = ["blue"] } }"#,
                "14: `b` can never be `blue`",
            ),
            (
                r#"key = "b", WORDS, type = "bool", required = "no", default = "today""#,
                "14: `today` is no default of a field of type bool",
            ),
            (
                r#"key = "b", WORDS, type = "bool", required = "no", rule = "past""#,
                "14: `past` is no rule for a field of type bool",
            ),
            (
                r#"key = "b", WORDS, type = "bool", required = "no", packs = ["zoo"]"#,
                "14: `zoo` is no kind of venue: fitness, sports, billiards, postpartum",
            ),
            (
                r#"key = "b", label = ["甲", "", "A"], type = "bool", required = "no""#,
                "14: a text is empty or has spaces around it: \"甲\" \"\" \"A\"",
            ),
        ] {
            assert_eq!(fault(&field.replace("WORDS", words)), expected);
        }
        assert!(fault(r#"key = "b", labels = 1"#).starts_with("14: unknown field `labels`"));
        assert!(fault(r#"key = "b""#).starts_with("14: missing field"));
    }
}
