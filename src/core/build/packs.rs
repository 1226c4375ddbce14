//! Reads `public/packs/*.toml`, checks them, and writes each as one text of lines for [`pack.rs`](../pack.rs).
//!
//! People edit the packs, so every fault is told with file and line. What is read at run time are lines that a few
//! plain functions take apart, so that the client carries no second parser; `yingke-server pack check` runs the very
//! same checks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde::Deserialize;
use toml::Spanned;

use super::named;

#[path = "work.rs"]
mod work;

/// The packs that ship, the common one first: the others may use what it names.
pub const PACKS: [&str; 3] = ["core", "fitness", "sports"];
/// Kinds of venue that a field or form may name.
const KINDS: [&str; 4] = ["fitness", "sports", "billiards", "postpartum"];
const REFERENCES: [&str; 20] = [
    "person",
    "staff",
    "outing",
    "campaign",
    "visit",
    "product",
    "membership",
    "case",
    "negotiation",
    "venue",
    "department",
    "route",
    "prompt",
    "segment",
    "offer",
    "equipment",
    "resource",
    "booking",
    "course",
    "subject",
];
const UNITS: [&str; 13] =
    ["s", "min", "h", "day", "month", "oclock", "time", "fen", "ppm", "percent", "deg", "times", "yes"];
/// Nobody publishes more often, and whoever mistypes can go on.
const VERSION_MAX: u32 = 1_000_000;
/// Types of one plain value.
const PLAIN_TYPES: [&str; 12] = [
    "long_text",
    "phone",
    "name",
    "email",
    "date",
    "datetime",
    "time",
    "decimal",
    "money",
    "bool",
    "rating5",
    "score100",
];
/// Those, with bounds or a list, that the fields may have which a club adds.
const OWN_TYPES: [&str; 3] = ["text", "int", "enum"];
/// Kinds of record whose fields stand in the schema itself.
const OWN_SCHEMA: [&str; 6] = ["person", "visit", "consultation", "outing", "consent", "audit"];

type Words = [String; 3];

/// A whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pack {
    /// `core`, or the kind of venue that it is for.
    key: Spanned<String>,
    version: Spanned<u32>,
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
    route: Vec<Spanned<Route>>,
    #[serde(default)]
    form: Vec<Spanned<Form>>,
    #[serde(default)]
    record: Vec<Spanned<work::Record>>,
    #[serde(default)]
    machine: Vec<Spanned<work::Machine>>,
    #[serde(default)]
    rule: Vec<Spanned<work::Rule>>,
    #[serde(default)]
    task: Vec<Spanned<work::Task>>,
    #[serde(default)]
    kpi: Vec<Spanned<work::Kpi>>,
    #[serde(default)]
    report: Vec<Spanned<work::Report>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    key: String,
    /// A key, words in three languages, and the kinds of venue where it is offered: all, if it names none.
    items: Vec<Spanned<Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    key: String,
    #[serde(default)]
    value: Number,
    unit: String,
    label: Words,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Number {
    #[default]
    Unset,
    One(i64),
    Several(Vec<i64>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checklist {
    id: String,
    title: Words,
    #[serde(default)]
    packs: Vec<String>,
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
    #[serde(default)]
    packs: Vec<String>,
    points: Vec<Spanned<Words>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    key: String,
    title: Words,
    stops: Vec<Spanned<Stop>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stop {
    key: String,
    floor: i32,
    label: Words,
    #[serde(default)]
    points: Vec<Words>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    id: String,
    record: String,
    title: Words,
    /// Sheets that are printed to be signed.
    #[serde(default = "one")]
    copies: u8,
    #[serde(default)]
    packs: Vec<String>,
    #[serde(default)]
    optional: Vec<String>,
    section: Vec<Spanned<Section>>,
}

fn one() -> u8 {
    1
}

fn two() -> u8 {
    2
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    key: String,
    title: Words,
    text: Option<Words>,
    /// Fields beside each other on paper.
    #[serde(default = "two")]
    columns: u8,
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
    rule: Option<Rules>,
    #[serde(default)]
    packs: Vec<String>,
    /// Not in the catalogue's table: a field that its conditions need.
    #[serde(default)]
    added: bool,
    /// Not on the printed sheet.
    #[serde(default)]
    unprinted: bool,
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
    Word(String),
    Is(Vec<String>),
    Below { below: i64 },
    HoursAfter { hours_after: String, parameter: String },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Rules {
    One(Rule),
    Several(Vec<Rule>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Rule {
    Plain(String),
    With(BTreeMap<String, OneOrTwo>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrTwo {
    One(String),
    Two([String; 2]),
}

/// A fault and the byte it begins at.
pub type Fault = (usize, String);

/// What the build writes of one file.
#[derive(Debug, Default)]
pub struct Built {
    /// What forms need.
    pub text: String,
    /// Machines, rules, tasks, figures, reports.
    pub work: String,
}

/// The kinds of record that packs add, as Rust for the schema.
#[must_use]
pub fn kinds(names: &Names) -> String {
    work::kinds(names)
}

/// What files that were read before have named, and so what this one may name.
#[derive(Debug, Clone, Default)]
pub struct Names {
    lists: BTreeMap<String, BTreeSet<String>>,
    checklists: BTreeSet<String>,
    prompts: BTreeSet<String>,
    routes: BTreeSet<String>,
    parameters: BTreeSet<String>,
    forms: BTreeSet<String>,
    /// Kind of record, field, what it holds and how it merges.
    records: BTreeMap<String, BTreeMap<String, (String, String)>>,
    groups: BTreeMap<String, BTreeMap<String, Vec<(String, String)>>>,
    /// Kind of record and field, and the list that its codes are of.
    field_lists: BTreeMap<(String, String), String>,
    machines: BTreeMap<String, work::Known>,
    kpis: BTreeSet<String>,
    rules: BTreeSet<String>,
    tasks: BTreeSet<String>,
    /// What the packs that ship name, if others are to take their place: records hold no more than that.
    shipped: Option<Box<Names>>,
}

impl Names {
    /// For packs that take the place of those that ship: fields of theirs that records do not have are faults.
    #[must_use]
    #[allow(dead_code, reason = "what the build reads are those that ship")]
    pub fn in_place_of(shipped: Names) -> Self {
        Self { shipped: Some(Box::new(shipped)), ..Self::default() }
    }
}

/// What a build without the whole work ships: the forms, and beside them these.
#[derive(Debug, Clone, Copy)]
pub struct Only {
    pub forms: &'static [&'static str],
    pub lists: &'static [&'static str],
    pub checklists: &'static [&'static str],
    pub prompts: &'static [&'static str],
    pub parameters: &'static [&'static str],
}

/// The line, from 1, on which a byte stands.
#[must_use]
pub fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|c| *c == b'\n').count() + 1
}

/// What a pack says of itself, and the bytes at which it does.
#[derive(Debug)]
#[allow(dead_code, reason = "the build knows the files that it reads")]
pub struct Head {
    /// `core`, or a kind of venue.
    pub key: Spanned<String>,
    pub version: Spanned<u32>,
}

/// Which pack a text says it is.
///
/// # Errors
/// Names the place of the first fault.
#[allow(dead_code, reason = "the build knows the files that it reads")]
pub fn head_of(text: &str) -> Result<Head, Fault> {
    let Pack { key, version, .. } = parse(text)?;
    Ok(Head { key, version })
}

fn parse(text: &str) -> Result<Pack, Fault> {
    toml::from_str(text).map_err(|error| (error.span().map_or(0, |span| span.start), plain(error.message())))
}

/// What the reader of TOML says, for people who do not write programs.
fn plain(message: &str) -> String {
    for (words, said) in [
        ("untagged enum Number", "a number is expected, or several in [ ]"),
        ("untagged enum Required", "required is \"yes\", \"no\", \"auto\", \"later\" or a condition"),
        ("untagged enum Rule", "a rule is a word, or { rule = \"field\" }"),
        ("untagged enum Test", "a test is true, false, \"filled\", \"empty\", a list of codes or { below = 1 }"),
        (
            "an array of length 3",
            "words in three languages are expected: Simplified Chinese, Traditional Chinese, English",
        ),
    ] {
        if message.contains(words) {
            return said.into();
        }
    }
    let is_punctuation = message.contains("missing comma") || message.contains("must be quoted");
    let hint = if is_punctuation { "; quotes and commas are those of the English keyboard" } else { "" };
    format!("{message}{hint}")
}

/// One pack as lines. What it names joins what later packs may use.
///
/// # Errors
/// Names the place of the first fault.
pub fn compile(text: &str, names: &mut Names, only: Option<Only>) -> Result<Built, Fault> {
    let pack = parse(text)?;
    let (at, key) = (pack.key.span().start, pack.key.get_ref());
    expect(at, key == "core" || KINDS.contains(&&**key), || format!("`{key}` is no pack: core, {}", KINDS.join(", ")))?;
    // What stands in a kind's own file is of this kind, if it names none.
    let mut built = Built::default();
    let out = &mut built.text;
    let (version_at, version) = (pack.version.span().start, *pack.version.get_ref());
    expect(version_at, (1..=VERSION_MAX).contains(&version), || format!("versions are 1 to {VERSION_MAX}"))?;
    line_of(out, 'p', &[&version.to_string()], &[(pack.title.span().start, pack.title.get_ref())])?;
    for list in &pack.list {
        let (at, list) = (list.span().start, list.get_ref());
        check_code(at, &list.key)?;
        let mut keys = BTreeSet::new();
        let mut lines = String::new();
        line_of(&mut lines, 'l', &[&list.key], &[])?;
        for item in &list.items {
            let at = item.span().start;
            let [key, words @ .., last] = &item.get_ref()[..] else { return Err(no_item(at)) };
            let (words, kinds): ([&str; 3], Vec<String>) = match words {
                [first, second] => ([first, second, last], Vec::new()),
                [first, second, third] => ([first, second, third], last.split(' ').map(str::to_owned).collect()),
                _ => return Err(no_item(at)),
            };
            let (words, letters) = (words.map(str::to_owned), letters(at, &kinds)?);
            check_code(at, key)?;
            expect(at, keys.insert(key.clone()), || format!("list {} has two items `{key}`", list.key))?;
            line_of(&mut lines, 'i', &[key, &letters], &[(at, &words)])?;
        }
        let twice = names.lists.insert(list.key.clone(), keys).is_some();
        expect(at, !twice, || format!("there are two lists `{}`", list.key))?;
        if only.is_none_or(|only| only.lists.contains(&&*list.key)) {
            out.push_str(&lines);
        }
    }
    for parameter in &pack.parameter {
        let (at, parameter) = (parameter.span().start, parameter.get_ref());
        let values = match &parameter.value {
            Number::Unset => String::new(),
            Number::One(one) => one.to_string(),
            Number::Several(several) => several.iter().map(i64::to_string).collect::<Vec<_>>().join(","),
        };
        let unit = &*parameter.unit;
        expect(at, UNITS.contains(&unit), || format!("`{unit}` is no unit: {}", UNITS.join(", ")))?;
        let numbers = match &parameter.value {
            Number::Unset => &[][..],
            Number::One(one) => std::slice::from_ref(one),
            Number::Several(several) => several,
        };
        let most = match unit {
            "oclock" => 23,
            "time" => 1_439,
            "yes" => 1,
            "deg" => 360,
            _ => 1_000_000_000_000,
        };
        let out_of_bounds = numbers.iter().find(|number| !(0..=most).contains(*number));
        expect(at, out_of_bounds.is_none(), || format!("`{}` is 0 to {most}", parameter.key))?;
        check_id(at, &parameter.key)?;
        let twice = !names.parameters.insert(parameter.key.clone());
        expect(at, !twice, || format!("there are two parameters `{}`", parameter.key))?;
        let mut lines = String::new();
        line_of(&mut lines, 'n', &[&parameter.key, unit, &values], &[(at, &parameter.label)])?;
        if only.is_none_or(|only| only.parameters.contains(&&*parameter.key)) {
            out.push_str(&lines);
        }
    }
    for checklist in &pack.checklist {
        let (at, checklist) = (checklist.span().start, checklist.get_ref());
        check_id(at, &checklist.id)?;
        let twice = !names.checklists.insert(checklist.id.clone());
        expect(at, !twice, || format!("there are two checklists `{}`", checklist.id))?;
        let mut lines = String::new();
        let letters = letters(at, &checklist.packs)?;
        line_of(&mut lines, 'c', &[&letters, &checklist.id], &[(at, &checklist.title)])?;
        for item in &checklist.items {
            let (at, item) = (item.span().start, item.get_ref());
            check_code(at, &item.key)?;
            line_of(&mut lines, 'k', &[&item.key, if item.optional { "o" } else { "" }], &[(at, &item.label)])?;
        }
        if only.is_none_or(|only| only.checklists.contains(&&*checklist.id)) {
            out.push_str(&lines);
        }
    }
    for prompt in &pack.prompt {
        let (at, prompt) = (prompt.span().start, prompt.get_ref());
        check_id(at, &prompt.id)?;
        let twice = !names.prompts.insert(prompt.id.clone());
        expect(at, !twice, || format!("there are two talks `{}`", prompt.id))?;
        let mut lines = String::new();
        line_of(&mut lines, 't', &[&letters(at, &prompt.packs)?, &prompt.id], &[(at, &prompt.title)])?;
        for point in &prompt.points {
            line_of(&mut lines, 'o', &[], &[(point.span().start, point.get_ref())])?;
        }
        if only.is_none_or(|only| only.prompts.contains(&&*prompt.id)) {
            out.push_str(&lines);
        }
    }
    for route in &pack.route {
        let (at, route) = (route.span().start, route.get_ref());
        check_code(at, &route.key)?;
        let twice = !names.routes.insert(route.key.clone());
        expect(at, !twice, || format!("there are two routes `{}`", route.key))?;
        let mut lines = String::new();
        line_of(&mut lines, 'r', &[&route.key], &[(at, &route.title)])?;
        expect(at, !route.stops.is_empty(), || format!("route {} has no stop", route.key))?;
        let mut keys = BTreeSet::new();
        for stop in &route.stops {
            let (at, stop) = (stop.span().start, stop.get_ref());
            check_code(at, &stop.key)?;
            expect(at, keys.insert(&stop.key), || format!("route {} has two stops `{}`", route.key, stop.key))?;
            line_of(&mut lines, 'w', &[&stop.key, &stop.floor.to_string()], &[(at, &stop.label)])?;
            for point in &stop.points {
                line_of(&mut lines, 'h', &[], &[(at, point)])?;
            }
        }
        if only.is_none() {
            out.push_str(&lines);
        }
    }
    for form in &pack.form {
        let (at, form) = (form.span().start, form.get_ref());
        check_id(at, &form.id)?;
        expect(at, names.forms.insert(form.id.clone()), || format!("there are two forms `{}`", form.id))?;
        let is_kept = names.shipped.as_ref().is_none_or(|shipped| shipped.records.contains_key(&form.record));
        expect(at, is_kept, || format!("the program keeps no records of kind `{}`", form.record))?;
        let mut lines = String::new();
        compile_form(at, form, names, &mut lines)?;
        if only.is_none_or(|only| only.forms.contains(&&*form.id)) {
            out.push_str(&lines);
        }
    }
    work::compile(&pack, names, &mut built)?;
    if only.is_some() {
        built.work.clear();
    }
    Ok(built)
}

/// Writes a line: its letter, its columns, then words of three columns each, the second empty where it is as the
/// first.
fn line_of(out: &mut String, letter: char, columns: &[&str], words: &[(usize, &[String; 3])]) -> Result<(), Fault> {
    out.push(letter);
    for column in columns {
        out.push('\t');
        out.push_str(column);
    }
    for (at, words) in words {
        check_words(*at, *words)?;
        let [zh_hans, zh_hant, en] = *words;
        let zh_hant = if zh_hant == zh_hans { "" } else { zh_hant };
        write!(out, "\t{zh_hans}\t{zh_hant}\t{en}").expect("a String takes all");
    }
    // Columns that are empty at the end are left out.
    while out.ends_with('\t') {
        out.pop();
    }
    out.push('\n');
    Ok(())
}

fn no_item(at: usize) -> Fault {
    (at, "an item is a key, words in three languages, and perhaps the kinds of venue where it is offered".into())
}

/// Where an item is offered that records may hold, and that nobody is to choose any more.
const NOWHERE: &str = "nowhere";

/// Kinds of venue as letters; none for all.
fn letters(at: usize, kinds: &[String]) -> Result<String, Fault> {
    if kinds == [NOWHERE] {
        return Ok("-".into());
    }
    check_kinds(at, kinds)?;
    Ok(kinds.iter().map(|kind| &kind[..1]).collect())
}

fn compile_form(at: usize, form: &Form, names: &mut Names, out: &mut String) -> Result<(), Fault> {
    check_kinds(at, form.packs.iter().chain(&form.optional))?;
    check_code(at, &form.record)?;
    expect(at, (1..=4).contains(&form.copies), || format!("{} copies are too many or too few: 1 to 4", form.copies))?;
    let fields = || form.section.iter().flat_map(|section| &section.get_ref().fields);
    let type_by_key: BTreeMap<&str, &str> =
        fields().map(|field| (&*field.get_ref().key, &*field.get_ref().r#type)).collect();
    let mut seen = BTreeSet::new();
    let kinds: Vec<String> =
        if form.packs.is_empty() { Vec::new() } else { [&form.packs[..], &form.optional].concat() };
    let letters_of_form = letters(at, &kinds)?;
    let copies = form.copies.to_string();
    line_of(out, 'f', &[&letters_of_form, &form.id, &form.record, &copies], &[(at, &form.title)])?;
    for section in &form.section {
        let (at, section) = (section.span().start, section.get_ref());
        expect(at, (1..=4).contains(&section.columns), || format!("{} columns: 1 to 4", section.columns))?;
        check_code(at, &section.key)?;
        let columns = section.columns.to_string();
        let mut words = vec![(at, &section.title)];
        words.extend(section.text.as_ref().map(|text| (at, text)));
        line_of(out, 's', &[&section.key, &columns], &words)?;
        for field in &section.fields {
            let (at, field) = (field.span().start, field.get_ref());
            expect(at, seen.insert(&field.key), || format!("form {} has two fields `{}`", form.id, field.key))?;
            compile_field(at, field, names, &type_by_key, out)?;
            // The lead card names the person's fields in its own way.
            if form.id != "F-03" {
                let merge = if matches!(field.r#type.as_str(), "signature") { "once" } else { "" };
                let holds = (work::holds(&field.r#type).to_owned(), merge.to_owned());
                if names.shipped.is_some() && field.key.starts_with(named::OWN) {
                    check_own(at, form, field)?;
                } else {
                    check_kept(at, &form.record, &field.key, &holds, names)?;
                }
                let list = field.r#type.strip_suffix(')').and_then(|kind| kind.split_once('('));
                if let Some(("enum" | "multi", list)) = list {
                    names.field_lists.insert((form.record.clone(), field.key.clone()), list.to_owned());
                }
                let known = names.records.entry(form.record.clone()).or_default();
                let before = known.entry(field.key.clone()).or_insert_with(|| holds.clone());
                expect(at, *before == holds, || {
                    format!(
                        "`{}` of record {} holds {} in another form, and {} here",
                        field.key, form.record, before.0, holds.0
                    )
                })?;
            }
        }
    }
    Ok(())
}

/// Whether a record can hold a field as this says, where the schema does not come from what is read.
fn check_kept(at: usize, record: &str, key: &str, holds: &(String, String), names: &Names) -> Result<(), Fault> {
    let Some(shipped) = &names.shipped else { return Ok(()) };
    let was = shipped.records.get(record).and_then(|fields| fields.get(key));
    expect(at, was == Some(holds), || match was {
        Some((was, _)) => format!("`{key}` of record {record} holds {was} in the program, and {} here", holds.0),
        None => format!(
            "the program keeps no field `{key}` of record {record}; one that a club adds begins with `{0}`: `{0}{key}`",
            named::OWN
        ),
    })
}

/// Whether a club can add a field to a form: one plain value.
fn check_own(at: usize, form: &Form, field: &Field) -> Result<(), Fault> {
    let (key, kind) = (&field.key, &*field.r#type);
    let name = kind.split('(').next().unwrap_or(kind);
    expect(at, OWN_TYPES.contains(&name) || PLAIN_TYPES.contains(&kind), || {
        let types = [&OWN_TYPES[..], &PLAIN_TYPES].concat().join(", ");
        format!("a field that a club adds is of type {types}, not {kind}")
    })?;
    expect(at, key.len() > named::OWN.len(), || format!("`{key}` says no more than that it is the club's own"))?;
    expect(at, !named::BY_HAND.contains(&&*form.id), || {
        format!("form {} has a screen of its own, which asks for no field of a club's", form.id)
    })?;
    let is_auto = matches!(&field.required, Required::Plain(plain) if plain == "auto");
    expect(at, !is_auto || field.default.is_some(), || format!("nothing fills in `{key}` by itself"))
}

fn compile_field(
    at: usize,
    field: &Field,
    names: &Names,
    type_by_key: &BTreeMap<&str, &str>,
    out: &mut String,
) -> Result<(), Fault> {
    let key = &field.key;
    let plain = key.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_');
    expect(at, plain && (1..=40).contains(&key.len()), || format!("`{key}` is no field name: a-z, 0-9 and _ only"))?;
    let other = |other: &str| match type_by_key.get(other) {
        Some(kind) => Ok(*kind),
        None => Err((at, format!("`{key}` speaks of `{other}`, which its form does not have"))),
    };
    check_type(at, &field.r#type, names, type_by_key)?;
    let required = compile_required(at, field, names, other)?;
    let default = compile_default(at, field, names)?;
    let mut rules = Vec::new();
    match &field.rule {
        None => {}
        Some(Rules::One(rule)) => rules.push(compile_rule(at, field, rule, other)?),
        Some(Rules::Several(several)) => {
            for rule in several {
                rules.push(compile_rule(at, field, rule, other)?);
            }
        }
    }
    let mut marks = String::new();
    if field.added {
        marks.push('a');
    }
    if field.unprinted {
        marks.push('u');
    }
    let columns = [&*letters(at, &field.packs)?, key, &field.r#type, &required, &default, &rules.join(","), &marks];
    let mut words = vec![(at, &field.label)];
    words.extend(field.note.as_ref().map(|note| (at, note)));
    line_of(out, 'x', &columns, &words)
}

fn compile_default(at: usize, field: &Field, names: &Names) -> Result<String, Fault> {
    let Some(default) = &field.default else { return Ok(String::new()) };
    let kind = &*field.r#type;
    let is_int = kind.starts_with("int(");
    let fits = match default.as_str() {
        "now" => kind == "datetime",
        "today" => kind == "date",
        "me" => matches!(kind, "ref(staff)" | "list(staff)"),
        "outing" => kind == "ref(outing)",
        "venue" => kind == "ref(venue)",
        "one" => is_int,
        "yes" | "no" => kind == "bool",
        "card" => kind.starts_with("text("),
        code => {
            let list = kind.strip_suffix(')').and_then(|kind| kind.strip_prefix("enum("));
            let known = match list {
                Some(list) => names.lists.get(list).is_some_and(|list| list.contains(code)),
                None => kind == "ref(route)" && names.routes.contains(code),
            };
            expect(at, known, || {
                format!(
                    "`{code}` is no default: now, today, me, outing, venue, one, yes, no, card or a code of the field's list"
                )
            })?;
            return Ok(format!("={code}"));
        }
    };
    expect(at, fits, || format!("`{default}` is no default of a field of type {kind}"))?;
    Ok(default.clone())
}

fn compile_rule<'a>(
    at: usize,
    field: &Field,
    rule: &Rule,
    type_of: impl Fn(&str) -> Result<&'a str, Fault>,
) -> Result<String, Fault> {
    let kind = &*field.r#type;
    let is_time = |kind: &str| matches!(kind, "date" | "datetime" | "time");
    let is_number = |kind: &str| kind == "money" || kind == "decimal" || kind.starts_with("int(");
    match rule {
        Rule::Plain(rule) => {
            let fits = match rule.as_str() {
                "past" | "future" => matches!(kind, "date" | "datetime"),
                "positive" => is_number(kind),
                "year_month" => kind.starts_with("text("),
                "full_name" => kind == "name",
                "agreed" => kind == "bool",
                "id_number" => kind.starts_with("text("),
                _ => false,
            };
            expect(at, fits, || format!("`{rule}` is no rule for a field of type {kind}"))?;
            Ok(rule.clone())
        }
        Rule::With(rule) => {
            let [(name, target)] = &rule.iter().collect::<Vec<_>>()[..] else {
                return Err((at, "a rule names one thing".into()));
            };
            let targets: Vec<&str> = match target {
                OneOrTwo::One(one) => vec![one],
                OneOrTwo::Two(two) => two.iter().map(|target| &**target).collect(),
            };
            let mut types = Vec::new();
            for target in &targets {
                types.push(type_of(target)?);
            }
            let fits = match (name.as_str(), &types[..]) {
                ("not_before" | "after", [other]) => kind == *other && is_time(other),
                ("at_most", [other]) => is_number(kind) && is_number(other),
                ("yes_with" | "no_with", [_]) => kind == "bool",
                ("yes_if", ["bool"]) => kind == "bool",
                ("or", [_]) => true,
                ("id_number_of", [other]) => kind.starts_with("text(") && other.starts_with("enum("),
                ("at_most_rest", ["money", "money"]) => kind == "money",
                _ => false,
            };
            let targets = targets.join(" ");
            expect(at, fits, || format!("`{name} = {targets}` is no rule for a field of type {kind}"))?;
            Ok(format!("{name} {targets}"))
        }
    }
}

fn check_type(at: usize, text: &str, names: &Names, type_by_key: &BTreeMap<&str, &str>) -> Result<(), Fault> {
    let unknown = || (at, format!("`{text}` is no type of a field"));
    let Some((name, argument)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else {
        let others = ["resident_id", "passport", "signature", "photo", "file"];
        let is_known = PLAIN_TYPES.contains(&text) || others.contains(&text);
        return if is_known { Ok(()) } else { Err(unknown()) };
    };
    match name {
        "text" => argument.parse::<u32>().ok().filter(|letters| *letters > 0).map(|_| ()).ok_or_else(unknown),
        "int" => {
            let (min, max) = argument.split_once(',').ok_or_else(unknown)?;
            let bounds: [i64; 2] = [min.parse().map_err(|_| unknown())?, max.parse().map_err(|_| unknown())?];
            expect(at, bounds[0] <= bounds[1], || format!("`{text}` allows no number"))
        }
        "enum" | "multi" => expect(at, names.lists.contains_key(argument), || format!("there is no list `{argument}`")),
        "ref" => {
            expect(at, REFERENCES.contains(&argument), || format!("nothing of kind `{argument}` can be referred to"))
        }
        "list" => {
            let plain = ["staff", "text", "int", "datetime", "photo", "gift", "charge"];
            expect(at, plain.contains(&argument) || REFERENCES.contains(&argument), || {
                format!("nothing of kind `{argument}` can be listed")
            })
        }
        "stops" => expect(at, type_by_key.get(argument) == Some(&"ref(route)"), || {
            format!("`{argument}` names no route in this form")
        }),
        "checklist" => {
            expect(at, names.checklists.contains(argument), || format!("there is no checklist `{argument}`"))
        }
        _ => Err(unknown()),
    }
}

fn compile_required<'a>(
    at: usize,
    field: &Field,
    names: &Names,
    type_of: impl Fn(&str) -> Result<&'a str, Fault>,
) -> Result<String, Fault> {
    let tests = match &field.required {
        Required::Plain(plain) => {
            return Ok(match &**plain {
                "yes" => "y".into(),
                "no" => String::new(),
                "auto" => "a".into(),
                "later" => "l".into(),
                _ => return Err((at, format!("required is yes, no, auto, later or a condition, not `{plain}`"))),
            });
        }
        Required::On(tests) => tests,
    };
    let [(when, tests)] = &tests.iter().collect::<Vec<_>>()[..] else {
        return Err((at, "a condition is either `when` or `unless`".into()));
    };
    expect(at, matches!(&***when, "when" | "unless"), || format!("a condition is `when` or `unless`, not `{when}`"))?;
    let mut out = (*when).clone();
    for (key, test) in *tests {
        let kind = type_of(key)?;
        let test = match test {
            Test::Word(word) if word == "filled" => "?".into(),
            Test::Word(word) if word == "empty" => "-".into(),
            Test::Word(word) => return Err((at, format!("`{word}` is no test of `{key}`"))),
            Test::Yes(yes) => {
                expect(at, kind == "bool", || format!("`{key}` is not a field of yes or no"))?;
                if *yes { "+".into() } else { "!".into() }
            }
            Test::Below { below } => {
                let is_number =
                    kind.starts_with("int(") || matches!(kind, "rating5" | "score100" | "money" | "decimal");
                expect(at, is_number, || format!("`{key}` is not a number"))?;
                format!("<{below}")
            }
            Test::HoursAfter { hours_after, parameter } => {
                let both = kind == "datetime" && type_of(hours_after)? == "datetime";
                expect(at, both, || format!("`{key}` and `{hours_after}` are not both instants"))?;
                expect(at, names.parameters.contains(parameter), || format!("there is no parameter `{parameter}`"))?;
                format!(">{hours_after}/{parameter}")
            }
            Test::Is(codes) => {
                let list = kind.strip_suffix(')').and_then(|kind| kind.split_once('(')).map(|(_, list)| list);
                let list = list.and_then(|list| names.lists.get(list));
                let list = list.ok_or_else(|| (at, format!("`{key}` is not chosen from a list")))?;
                for code in codes {
                    expect(at, list.contains(code), || format!("`{key}` can never be `{code}`"))?;
                }
                format!("={}", codes.join("|"))
            }
        };
        write!(out, " {key}{test}").expect("a String takes all");
    }
    Ok(out)
}

fn check_kinds<'a>(at: usize, kinds: impl IntoIterator<Item = &'a String>) -> Result<(), Fault> {
    kinds.into_iter().try_for_each(|kind| {
        expect(at, KINDS.contains(&&**kind), || {
            format!("`{kind}` is no kind of venue: {}; an item can be offered `{NOWHERE}`", KINDS.join(", "))
        })
    })
}

fn check_code(at: usize, code: &str) -> Result<(), Fault> {
    let plain = code.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    expect(at, plain && (1..=40).contains(&code.len()), || format!("`{code}` is no code: letters, digits and _ only"))
}

/// As [`check_code`], for what is called as in the manuals: `F-10`, `outing.min_numbers`.
fn check_id(at: usize, id: &str) -> Result<(), Fault> {
    let plain = id.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'));
    expect(at, plain && (1..=40).contains(&id.len()), || format!("`{id}` is no name: letters, digits, _, - and . only"))
}

fn check_words(at: usize, words: &[String]) -> Result<(), Fault> {
    let fits = |text: &String| !text.is_empty() && text.trim() == text && !text.contains(['\t', '\n', '\r']);
    expect(at, words.iter().all(fits), || {
        let mut fault = String::from("a text is empty, of several lines, or has spaces around it:");
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

    const HEAD: &str = r#"key = "fitness"
version = 1
title = ["甲", "乙", "A"]
[[list]]
key = "colour"
items = [["red", "红", "紅", "Red"]]
[[form]]
id = "F-99"
record = "paper"
title = ["甲", "乙", "A"]
[[form.section]]
key = "one"
title = ["甲", "乙", "A"]
fields = [
  { key = "agreed", label = ["甲", "乙", "A"], type = "bool", required = "no" },
"#;

    /// The line and the fault of a form whose second field, on line 16, is this.
    fn fault(field: &str) -> String {
        let text = format!("{HEAD}  {{ {field} }},\n]\n");
        match compile(&text, &mut Names::default(), None) {
            Ok(_) => "none".into(),
            Err((at, fault)) => format!("{}: {fault}", line(&text, at)),
        }
    }

    #[test]
    fn a_fault_is_told_with_its_line() {
        let words = r#"label = ["甲", "乙", "A"]"#;
        for (field, expected) in [
            (r#"key = "b", WORDS, type = "enum(colour)", required = { when = { agreed = true } }"#, "none"),
            (r#"key = "b", WORDS, type = "enum(size)", required = "no""#, "16: there is no list `size`"),
            (r#"key = "b", WORDS, type = "texts(4)", required = "no""#, "16: `texts(4)` is no type of a field"),
            (r#"key = "b", WORDS, type = "int(5,1)", required = "no""#, "16: `int(5,1)` allows no number"),
            (r#"key = "agreed", WORDS, type = "bool", required = "no""#, "16: form F-99 has two fields `agreed`"),
            (r#"key = "B", WORDS, type = "bool", required = "no""#, "16: `B` is no field name: a-z, 0-9 and _ only"),
            (
                r#"key = "b", WORDS, type = "bool", required = "maybe""#,
                "16: required is yes, no, auto, later or a condition, not `maybe`",
            ),
            (
                r#"key = "b", WORDS, type = "bool", required = { unless = { c = true } }"#,
                "16: `b` speaks of `c`, which its form does not have",
            ),
            (
                r#"key = "b", WORDS, type = "enum(colour)", required = { when = { b = ["blue"] } }"#,
                "16: `b` can never be `blue`",
            ),
            (
                r#"key = "b", WORDS, type = "bool", required = "no", default = "today""#,
                "16: `today` is no default of a field of type bool",
            ),
            (
                r#"key = "b", WORDS, type = "bool", required = "no", rule = "past""#,
                "16: `past` is no rule for a field of type bool",
            ),
            (
                r#"key = "b", WORDS, type = "bool", required = "no", packs = ["zoo"]"#,
                "16: `zoo` is no kind of venue: fitness, sports, billiards, postpartum; an item can be offered `nowhere`",
            ),
            (
                r#"key = "b", label = ["甲", "", "A"], type = "bool", required = "no""#,
                "16: a text is empty, of several lines, or has spaces around it: \"甲\" \"\" \"A\"",
            ),
        ] {
            assert_eq!(fault(&field.replace("WORDS", words)), expected);
        }
        assert!(fault(r#"key = "b", labels = 1"#).starts_with("16: unknown field `labels`"));
        assert!(fault(r#"key = "b""#).starts_with("16: missing field"));
    }
}
