//! What a pack says beyond its forms: kinds of record, machines, rules, tasks, figures, reports.
//!
//! Steps, tasks and figures name what core does, with typed parameters: `filled(true_reason)`. There is no language
//! of expressions; a name that core does not have is a fault of the file.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Deserialize;
use toml::Spanned;

use super::{Built, Fault, Names, Pack, Words, check_code, check_kept, expect, letters, line_of, named};

/// Fields of a kind of record that no form writes, as `"key type merge"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    key: String,
    #[serde(default)]
    fields: Vec<Spanned<String>>,
    /// What stands beside the state in the group `progress`.
    #[serde(default)]
    progress: Vec<Spanned<String>>,
    /// Its fields stand in the program's own schema and are only named here.
    #[serde(default)]
    own: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    id: String,
    record: String,
    /// The field that holds the state, or `progress` for the guarded group.
    place: String,
    title: Words,
    #[serde(default)]
    packs: Vec<String>,
    states: Vec<Spanned<[String; 4]>>,
    ends: Vec<String>,
    moves: Vec<Spanned<Move>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    key: String,
    label: Words,
    /// States; none for the beginning, `open` for all that are no end, `any` for all.
    from: Vec<String>,
    to: String,
    by: Vec<String>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    then: Vec<String>,
    #[serde(default)]
    packs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    id: String,
    /// What it asks, in a sentence.
    label: Words,
    enforce: String,
    #[serde(default)]
    packs: Vec<String>,
    /// Steps, forms, tasks and invariants of core that keep it.
    #[serde(default)]
    kept_by: Vec<String>,
    /// What it counts against.
    #[serde(default)]
    parameters: Vec<String>,
    /// Whose duty it is.
    who: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    id: String,
    title: Words,
    /// The kind of record it is about; none for what the calendar asks.
    #[serde(default)]
    record: String,
    #[serde(default)]
    packs: Vec<String>,
    /// When there is one.
    #[serde(default)]
    when: Vec<String>,
    /// When it is done by the record itself.
    #[serde(default)]
    done: Vec<String>,
    due: String,
    assignee: Vec<String>,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    prompt: String,
    /// The form that is filled in with it.
    #[serde(default)]
    form: String,
    /// Hours (or minutes, `5m`) after it was due, and to whom it goes then: `"24 supervisor"`.
    #[serde(default)]
    escalate: Vec<String>,
    /// A call: it is made in the hours of `contact.hours` only.
    #[serde(default)]
    call: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kpi {
    id: String,
    label: Words,
    #[serde(default)]
    packs: Vec<String>,
    formula: String,
    /// `>= 95`, `<= 24`, `= 0`; empty where it is only watched.
    #[serde(default)]
    target: String,
    unit: String,
    period: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    id: String,
    title: Words,
    #[serde(default)]
    packs: Vec<String>,
    author: Vec<String>,
    reader: Vec<String>,
    due: String,
    #[serde(default)]
    kpis: Vec<String>,
    #[serde(default)]
    parts: Vec<Spanned<Part>>,
    /// What its author writes by hand.
    #[serde(default)]
    texts: Vec<Spanned<[String; 4]>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    title: Words,
    rows: String,
    columns: Vec<String>,
    #[serde(default)]
    when: Vec<String>,
    #[serde(default)]
    group: String,
    #[serde(default)]
    sum: Vec<String>,
}

/// A machine that was read.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The kinds of record that it runs, with `|` between.
    records: String,
    moves: BTreeSet<String>,
    states: BTreeSet<String>,
}

/// The guarded group that holds a state.
const PROGRESS: &str = "progress";
const ENFORCE: [&str; 3] = ["hard", "soft", "info"];
const PERIODS: [&str; 8] = ["day", "week", "month", "quarter", "year", "outing", "training", "always"];
const FIGURES: [&str; 7] = ["percent", "min", "h", "s", "count", "stars", "points"];
const REPORT_DUES: [&str; 9] =
    ["shift_end", "day_end", "same_day", "weekly", "monthly", "quarterly", "after_promotion", "always", "after_outing"];

pub fn compile(pack: &Pack, names: &mut Names, built: &mut Built) -> Result<(), Fault> {
    for record in &pack.record {
        learn_record(record.span().start, record.get_ref(), names)?;
    }
    for machine in &pack.machine {
        let (at, machine) = (machine.span().start, machine.get_ref());
        if machine.place == PROGRESS {
            for record in machine.record.split('|') {
                let known = names.records.contains_key(record);
                expect(at, known, || format!("there is no record `{record}`"))?;
                let members = [("at", "at"), ("by", "staff"), ("reason", "text(200)"), ("state", "code")];
                for member in members.map(|(key, holds)| (key.to_owned(), holds.to_owned())) {
                    check_member(at, record, &member, names)?;
                    let groups = names.groups.entry(record.into()).or_default();
                    let group = groups.entry(PROGRESS.into()).or_default();
                    if !group.iter().any(|(known, _)| *known == member.0) {
                        group.push(member);
                    }
                }
            }
        } else {
            let known = names.records.get(&machine.record).is_some_and(|fields| fields.contains_key(&machine.place));
            expect(at, known, || format!("record {} has no field `{}`", machine.record, machine.place))?;
        }
    }
    // Steps set off steps of other machines, so all are known first.
    for machine in &pack.machine {
        let (at, machine) = (machine.span().start, machine.get_ref());
        let mut known = Known { records: machine.record.clone(), ..Known::default() };
        known.moves.extend(machine.moves.iter().map(|step| step.get_ref().key.clone()));
        known.states.extend(machine.states.iter().map(|state| state.get_ref()[0].clone()));
        let twice = names.machines.insert(machine.id.clone(), known).is_some();
        expect(at, !twice, || format!("there are two machines `{}`", machine.id))?;
    }
    for machine in &pack.machine {
        compile_machine(machine.span().start, machine.get_ref(), names, &mut built.work)?;
    }
    for task in &pack.task {
        compile_task(task.span().start, task.get_ref(), names, &mut built.work)?;
    }
    for rule in &pack.rule {
        compile_rule(rule.span().start, rule.get_ref(), names, &mut built.work)?;
    }
    for kpi in &pack.kpi {
        compile_kpi(kpi.span().start, kpi.get_ref(), names, &mut built.work)?;
    }
    for report in &pack.report {
        compile_report(report.span().start, report.get_ref(), names, &mut built.work)?;
    }
    Ok(())
}

/// Whether the group of a record's state can hold a member, where the schema does not come from what is read.
fn check_member(at: usize, record: &str, member: &(String, String), names: &Names) -> Result<(), Fault> {
    let Some(shipped) = &names.shipped else { return Ok(()) };
    let known = shipped.groups.get(record).and_then(|groups| groups.get(PROGRESS));
    expect(at, known.is_some_and(|members| members.contains(member)), || {
        format!("the program keeps no `{}` beside the state of record {record}", member.0)
    })
}

fn learn_record(at: usize, record: &Record, names: &mut Names) -> Result<(), Fault> {
    check_code(at, &record.key)?;
    for field in &record.fields {
        let (at, text) = (field.span().start, field.get_ref());
        let mut parts = text.split(' ');
        let (key, kind, merge) =
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        check_code(at, key)?;
        let merges = ["", "latest", "first", "once", "sticky", "set"];
        expect(at, merges.contains(&merge), || format!("`{merge}` is no way to merge: {}", merges[1..].join(", ")))?;
        let holds = holds(kind);
        expect(at, !holds.is_empty(), || format!("`{kind}` is no type of a field"))?;
        let merge = if merge == "latest" { "" } else { merge };
        let held = (holds, merge.to_owned());
        check_kept(at, &record.key, key, &held, names)?;
        let fields = names.records.entry(record.key.clone()).or_default();
        let twice = fields.insert(key.to_owned(), held).is_some();
        expect(at, record.own || !twice, || format!("record {} has two fields `{key}`", record.key))?;
    }
    names.records.entry(record.key.clone()).or_default();
    for member in &record.progress {
        let (at, text) = (member.span().start, member.get_ref());
        let (key, kind) = text.split_once(' ').ok_or_else(|| (at, format!("`{text}` is no field and type")))?;
        let holds = holds(kind);
        expect(at, !holds.is_empty(), || format!("`{kind}` is no type of a field"))?;
        let member = (key.to_owned(), holds);
        check_member(at, &record.key, &member, names)?;
        let groups = names.groups.entry(record.key.clone()).or_default();
        groups.entry(PROGRESS.into()).or_default().push(member);
    }
    Ok(())
}

/// What a field of a form's type holds, in a word; empty for a type that there is not. `set:` is a set of it.
pub fn holds(kind: &str) -> String {
    let (name, argument) = match kind.strip_suffix(')').and_then(|kind| kind.split_once('(')) {
        Some(parts) => parts,
        None => (kind, ""),
    };
    match (name, argument) {
        ("text" | "int", _) => kind.into(),
        ("long_text", _) => "note".into(),
        ("email", _) => "text(120)".into(),
        ("phone" | "name" | "money" | "bool" | "signature" | "code" | "staff" | "note" | "day" | "at", _) => {
            name.into()
        }
        ("record", _) => "record".into(),
        ("date", _) => "day".into(),
        ("datetime", _) => "at".into(),
        ("time", _) => "int(0,1439)".into(),
        ("decimal", _) => "int(-1000000000,1000000000)".into(),
        ("enum", _) => "code".into(),
        ("multi" | "checklist" | "stops", _) => "set:code".into(),
        ("ref", "staff") => "staff".into(),
        ("ref", "department" | "route" | "prompt") => "code".into(),
        ("ref", "venue") => "text(26)".into(),
        ("ref", _) => "record".into(),
        ("list", "staff") => "set:staff".into(),
        ("list", _) => "list".into(),
        ("photo" | "file", _) => "text(64)".into(),
        ("rating5", _) => "int(1,5)".into(),
        ("score100", _) => "int(0,100)".into(),
        ("resident_id" | "passport", _) => "text(20)".into(),
        _ => String::new(),
    }
}

/// Every kind of record that packs add, as Rust constants for the schema.
pub fn kinds(names: &Names) -> String {
    let mut out = String::from("&[\n");
    for (kind, fields) in &names.records {
        if super::OWN_SCHEMA.contains(&&**kind) || kind == "interaction" {
            continue;
        }
        writeln!(out, "    KindSpec {{ key: {kind:?}, fields: &[").expect("a String takes all");
        out.push_str("        WITHDRAWN,\n");
        for (key, (held, merge)) in fields {
            let (merge, held) = match held.strip_prefix("set:") {
                Some(held) => ("Set", held),
                None => match merge.as_str() {
                    "first" => ("First", &**held),
                    "once" => ("Once", &**held),
                    "sticky" => ("Sticky", &**held),
                    "set" => ("Set", &**held),
                    _ => ("Latest", &**held),
                },
            };
            writeln!(out, "        FieldSpec {{ key: {key:?}, merge: CellTag::{merge}, holds: {} }},", rust(held))
                .expect("a String takes all");
        }
        for (group, members) in names.groups.get(kind).into_iter().flatten() {
            write!(out, "        FieldSpec {{ key: {group:?}, merge: CellTag::Guarded, holds: Holds::Group(&[")
                .expect("a String takes all");
            for (key, held) in members {
                write!(out, "({key:?}, {}), ", rust(held)).expect("a String takes all");
            }
            out.push_str("]) },\n");
        }
        out.push_str("    ] },\n");
    }
    out.push_str("]\n");
    out
}

fn rust(held: &str) -> String {
    let (name, argument) = match held.strip_suffix(')').and_then(|held| held.split_once('(')) {
        Some(parts) => parts,
        None => (held, ""),
    };
    match name {
        "text" => format!("Holds::Text {{ max: {argument} }}"),
        "note" => "Holds::Text { max: NOTE_CHARACTERS_MAX }".into(),
        "int" => {
            let (min, max) = argument.split_once(',').unwrap_or(("0", "0"));
            format!("Holds::Int {{ min: {min}, max: {max} }}")
        }
        "phone" => "Holds::Phone".into(),
        "name" => "Holds::Name".into(),
        "money" => "Holds::Money".into(),
        "bool" => "Holds::Bool".into(),
        "code" => "Holds::Code".into(),
        "staff" => "Holds::Staff".into(),
        "day" => "Holds::Day".into(),
        "at" => "Holds::At".into(),
        "signature" => "Holds::Signature".into(),
        "list" => "Holds::List".into(),
        _ => "Holds::Record".into(),
    }
}

/// `name(a, b)` as its name and parameters.
fn call(text: &str) -> (&str, Vec<&str>) {
    match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((name, arguments)) => {
            (name, arguments.split(',').map(str::trim).filter(|argument| !argument.is_empty()).collect())
        }
        None => (text, Vec::new()),
    }
}

/// Checks calls of named things and writes them without spaces, with `;` between.
fn calls(
    at: usize,
    texts: &[String],
    what: &str,
    known: &[(&str, usize, usize)],
    check: impl Fn(&str, &[&str]) -> Result<(), String>,
) -> Result<String, Fault> {
    let mut out = Vec::new();
    for text in texts {
        let (name, arguments) = call(text);
        let (_, least, most) = *known
            .iter()
            .find(|(known, _, _)| *known == name)
            .ok_or_else(|| (at, format!("there is no {what} `{name}`")))?;
        let count = arguments.len();
        expect(at, (least..=most).contains(&count), || {
            format!("`{text}` has {count} parameters: {least} to {most} are expected")
        })?;
        check(name, &arguments).map_err(|fault| (at, format!("`{text}`: {fault}")))?;
        out.push(if arguments.is_empty() { name.to_owned() } else { format!("{name}({})", arguments.join(",")) });
    }
    Ok(out.join(";"))
}

/// Whether a record has a field, a member of its group, or reaches one through a reference: `membership.end_on`.
fn has_field(names: &Names, record: &str, path: &str) -> Result<(), String> {
    let head = path.split('.').next().unwrap_or_default();
    if record.contains('|') {
        return record.split('|').try_for_each(|record| has_field(names, record, path));
    }
    let fields = names.records.get(record).ok_or_else(|| format!("there is no record `{record}`"))?;
    let in_group =
        names.groups.get(record).into_iter().flatten().any(|(_, group)| group.iter().any(|(key, _)| key == head));
    if fields.contains_key(head) || in_group { Ok(()) } else { Err(format!("record {record} has no field `{head}`")) }
}

/// Whether a field of a record's own holds one of these.
fn check_holds(names: &Names, record: &str, path: &str, kinds: &[&str], what: &str) -> Result<(), String> {
    let held = record.split('|').filter_map(|record| names.records.get(record)?.get(path));
    let is_one = |holds: &str| kinds.contains(&holds.split('(').next().unwrap_or(holds));
    match held.map(|(holds, _)| holds).find(|holds| !is_one(holds)) {
        Some(holds) => Err(format!("`{path}` holds {holds}, and not {what}")),
        None => Ok(()),
    }
}

/// Whether a field of a record's own, or its state, can be one of these.
fn check_codes(names: &Names, record: &str, path: &str, codes: &[&str]) -> Result<(), String> {
    let never = |code: &str| Err(format!("`{path}` can never be `{code}`"));
    for record in record.split('|') {
        let held = names.records.get(record).and_then(|fields| fields.get(path)).map(|(holds, _)| holds.as_str());
        let list = names.field_lists.get(&(record.to_owned(), path.to_owned())).and_then(|list| names.lists.get(list));
        let runs = |known: &&Known| known.records.split('|').any(|kind| kind == record);
        let is_known = |code: &str| match (held, list) {
            (Some("bool"), _) => matches!(code, "true" | "false"),
            (Some(_), Some(list)) => list.contains(code),
            (None, _) if path == "state" => {
                let mut machines = names.machines.values().filter(runs).peekable();
                // Another pack may bring the machine.
                machines.peek().is_none() || machines.any(|known| known.states.contains(code))
            }
            _ => true,
        };
        if let Some(code) = codes.iter().flat_map(|codes| codes.split('|')).find(|code| !is_known(code)) {
            return never(code);
        }
    }
    Ok(())
}

fn check_guard(names: &Names, record: &str, name: &str, arguments: &[&str]) -> Result<(), String> {
    let field = |path: &str| has_field(names, record, path);
    let parameter = |key: &str| {
        let is_number = !key.is_empty() && key.bytes().all(|c| c.is_ascii_digit());
        if is_number || names.parameters.contains(key) { Ok(()) } else { Err(format!("there is no parameter `{key}`")) }
    };
    match name {
        "filled" | "any_filled" | "asked" => arguments.iter().try_for_each(|argument| field(argument)),
        "reached" if arguments.len() == 2 => field(arguments[0]).and_then(|()| parameter(arguments[1])),
        "yes" => field(arguments[0]).and_then(|()| check_holds(names, record, arguments[0], &["bool"], "yes or no")),
        "future" | "reached" | "not_reached" => field(arguments[0])
            .and_then(|()| check_holds(names, record, arguments[0], &["at", "day"], "a day or an instant")),
        "positive" => {
            field(arguments[0]).and_then(|()| check_holds(names, record, arguments[0], &["int", "money"], "a number"))
        }
        "is" | "not" => field(arguments[0]).and_then(|()| check_codes(names, record, arguments[0], &arguments[1..])),
        "court_free" => field(arguments[0]),
        "equals" | "differs" | "at_least_field" | "longer" => field(arguments[0]).and_then(|()| field(arguments[1])),
        "equals_parameter" | "at_least" | "below_parameter" | "hours_since" | "below_hours" | "days_since"
        | "days_within" | "elements" => field(arguments[0]).and_then(|()| parameter(arguments[1])),
        "days_beyond" => arguments[..2]
            .iter()
            .try_for_each(|argument| {
                field(argument)
                    .and_then(|()| check_holds(names, record, argument, &["at", "day"], "a day or an instant"))
            })
            .and_then(|()| parameter(arguments[2])),
        "ticked" => {
            let known = names.checklists.contains(arguments[1]);
            field(arguments[0])?;
            if known { Ok(()) } else { Err(format!("there is no checklist `{}`", arguments[1])) }
        }
        "if" | "unless" => field(arguments[0])
            .and_then(|()| check_codes(names, record, arguments[0], &arguments[1..2]))
            .and_then(|()| arguments[2..].iter().try_for_each(|argument| field(argument))),
        _ => Ok(()),
    }
}

fn check_effect(names: &Names, record: &str, name: &str, arguments: &[&str]) -> Result<(), String> {
    let field = |path: &str| has_field(names, record, path);
    match name {
        "now" | "me" | "clear" | "add" => field(arguments[0]),
        "set" => field(arguments[0]).and_then(|()| check_set(names, record, arguments[0], arguments[1])),
        "performance" => field(arguments[0]),
        "set_number" | "hours_from_now" => field(arguments[0]).and_then(|()| {
            if names.parameters.contains(arguments[1]) { Ok(()) } else { Err("there is no such parameter".into()) }
        }),
        "minutes_between" => arguments.iter().try_for_each(|argument| field(argument)),
        "move" => {
            let machine = names.machines.get(arguments[1]).ok_or("there is no such machine")?;
            if !machine.moves.contains(arguments[2]) {
                return Err(format!("{} has no step `{}`", arguments[1], arguments[2]));
            }
            field(arguments[0])
        }
        "make" => {
            if !names.records.contains_key(arguments[0]) {
                return Err(format!("there is no record `{}`", arguments[0]));
            }
            let fields = arguments[1..].iter().filter_map(|argument| argument.split('=').next());
            fields.map(str::trim).try_for_each(|key| has_field(names, arguments[0], key))
        }
        "inform" => arguments
            .iter()
            .try_for_each(|actor| if is_actor(actor) { Ok(()) } else { Err(format!("there is no post `{actor}`")) }),
        _ => Ok(()),
    }
}

/// Whether a field can hold what a step sets it to.
fn check_set(names: &Names, record: &str, key: &str, value: &str) -> Result<(), String> {
    let Some((holds, _)) = record.split('|').find_map(|record| names.records.get(record)?.get(key)) else {
        return Ok(()); // a member of the group of the state
    };
    let fits = match value {
        "true" | "false" => holds == "bool",
        "today" => holds == "day",
        number if number.parse::<i64>().is_ok() => holds.starts_with("int(") || holds == "money",
        _ => holds == "code" || holds.starts_with("text("),
    };
    if fits { Ok(()) } else { Err(format!("`{key}` holds {holds}")) }
}

fn is_actor(actor: &str) -> bool {
    named::ACTORS.contains(&actor)
}

fn actors(at: usize, texts: &[String], names: &Names, record: &str) -> Result<String, Fault> {
    for actor in texts {
        // A field of the record may hold who it is.
        let known = is_actor(actor) || has_field(names, record, actor).is_ok();
        expect(at, known, || format!("there is no post `{actor}`"))?;
    }
    Ok(texts.join("|"))
}

fn compile_machine(at: usize, machine: &Machine, names: &Names, out: &mut String) -> Result<(), Fault> {
    let Machine { id, record, place, .. } = machine;
    line_of(out, 'm', &[&letters(at, &machine.packs)?, id, record, place], &[(at, &machine.title)])?;
    let mut states = BTreeSet::new();
    for state in &machine.states {
        let (at, [key, words @ ..]) = (state.span().start, state.get_ref());
        check_code(at, key)?;
        expect(at, states.insert(&**key), || format!("{id} has two states `{key}`"))?;
        let end = if machine.ends.contains(key) { "e" } else { "" };
        line_of(out, 'a', &[key, end], &[(at, words)])?;
    }
    for end in &machine.ends {
        expect(at, states.contains(&**end), || format!("{id} has no state `{end}`"))?;
    }
    for step in &machine.moves {
        let (at, step) = (step.span().start, step.get_ref());
        check_code(at, &step.key)?;
        expect(at, !step.by.is_empty(), || format!("nobody may take step `{}`", step.key))?;
        let mut from: Vec<&str> = Vec::new();
        for state in &step.from {
            match state.as_str() {
                "any_open" => from.extend(states.iter().filter(|state| !machine.ends.iter().any(|end| end == *state))),
                "any" => from.extend(&states),
                state => {
                    expect(at, states.contains(state), || format!("{id} has no state `{state}`"))?;
                    from.push(state);
                }
            }
        }
        expect(at, states.contains(&*step.to), || format!("{id} has no state `{}`", step.to))?;
        let needs = calls(at, &step.needs, "guard", named::GUARDS, |name, arguments| {
            check_guard(names, record, name, arguments)
        })?;
        let then = calls(at, &step.then, "effect", named::EFFECTS, |name, arguments| {
            check_effect(names, record, name, arguments)
        })?;
        let by = actors(at, &step.by, names, record)?;
        let columns = [&*letters(at, &step.packs)?, &step.key, &from.join("|"), &step.to, &by, &needs, &then];
        line_of(out, 'v', &columns, &[(at, &step.label)])?;
    }
    Ok(())
}

fn compile_task(at: usize, task: &Task, names: &mut Names, out: &mut String) -> Result<(), Fault> {
    expect(at, names.tasks.insert(task.id.clone()), || format!("there are two tasks `{}`", task.id))?;
    let guards = |texts: &[String]| {
        calls(at, texts, "guard", named::GUARDS, |name, arguments| check_guard(names, &task.record, name, arguments))
    };
    let (when, done) = (guards(&task.when)?, guards(&task.done)?);
    let due = calls(at, std::slice::from_ref(&task.due), "due time", named::DUES, |name, arguments| {
        if matches!(name, "after_month" | "after_quarter" | "each_day") {
            return if names.parameters.contains(arguments[0]) { Ok(()) } else { Err("no such parameter".into()) };
        }
        has_field(names, &task.record, arguments[0])?;
        let (field, parameters) = match name {
            "next_or_days" => (Some(arguments[1]), &arguments[2..]),
            _ => (None, &arguments[1..]),
        };
        field.map_or(Ok(()), |field| has_field(names, &task.record, field))?;
        parameters.iter().try_for_each(|key| {
            if names.parameters.contains(*key) { Ok(()) } else { Err(format!("there is no parameter `{key}`")) }
        })
    })?;
    let channel_known = task.channel.is_empty()
        || task.channel == "preferred"
        || names.lists.get("channel").is_some_and(|list| list.contains(&task.channel));
    expect(at, channel_known, || format!("there is no channel `{}`", task.channel))?;
    let prompt_known = task.prompt.is_empty() || names.prompts.contains(&task.prompt);
    expect(at, prompt_known, || format!("there are no talking points `{}`", task.prompt))?;
    let form_known = task.form.is_empty() || names.forms.contains(&task.form);
    expect(at, form_known, || format!("there is no form `{}`", task.form))?;
    let mut escalate = Vec::new();
    for step in &task.escalate {
        let (after, actor) = step.split_once(' ').unwrap_or((step, ""));
        let minutes = match after.strip_suffix('m') {
            Some(minutes) => minutes.parse::<u32>().ok(),
            None => after.parse::<u32>().ok().map(|hours| hours * 60),
        };
        let minutes = minutes.filter(|_| is_actor(actor) || has_field(names, &task.record, actor).is_ok());
        let minutes = minutes.ok_or_else(|| (at, format!("`{step}` says neither hours nor whom: `24 supervisor`")))?;
        escalate.push(format!("{minutes} {actor}"));
    }
    let assignee = actors(at, &task.assignee, names, &task.record)?;
    let columns = [
        &*letters(at, &task.packs)?,
        &task.id,
        &task.record,
        &when,
        &done,
        &due,
        &assignee,
        &task.channel,
        &task.prompt,
        &task.form,
        &escalate.join("|"),
        if task.call { "c" } else { "" },
    ];
    line_of(out, 'j', &columns, &[(at, &task.title)])
}

fn compile_rule(at: usize, rule: &Rule, names: &mut Names, out: &mut String) -> Result<(), Fault> {
    expect(at, names.rules.insert(rule.id.clone()), || format!("there are two rules `{}`", rule.id))?;
    expect(at, ENFORCE.contains(&&*rule.enforce), || format!("`{}` is none of {}", rule.enforce, ENFORCE.join(", ")))?;
    expect(at, rule.enforce != "hard" || !rule.kept_by.is_empty(), || {
        format!("{} blocks, and nothing keeps it", rule.id)
    })?;
    for keeper in &rule.kept_by {
        let known = match keeper.split_once('.') {
            Some((machine, step)) if machine.starts_with("SM-") => {
                names.machines.get(machine).is_some_and(|machine| machine.moves.contains(step))
            }
            _ if keeper.starts_with("F-") => names.forms.contains(keeper),
            _ if keeper.starts_with("T-") => names.tasks.contains(keeper),
            _ => keeper.strip_prefix("core:").is_some_and(|part| !part.is_empty()),
        };
        expect(at, known, || format!("{} is kept by `{keeper}`, which is not there", rule.id))?;
    }
    for parameter in &rule.parameters {
        expect(at, names.parameters.contains(parameter), || format!("there is no parameter `{parameter}`"))?;
    }
    let who = actors(at, &rule.who, names, "")?;
    let columns = [
        &*letters(at, &rule.packs)?,
        &rule.id,
        &rule.enforce[..1],
        &who,
        &rule.kept_by.join("|"),
        &rule.parameters.join("|"),
    ];
    line_of(out, 'u', &columns, &[(at, &rule.label)])
}

fn compile_kpi(at: usize, kpi: &Kpi, names: &mut Names, out: &mut String) -> Result<(), Fault> {
    expect(at, names.kpis.insert(kpi.id.clone()), || format!("there are two figures `{}`", kpi.id))?;
    expect(at, named::FORMULAS.contains(&&*kpi.formula), || format!("there is no formula `{}`", kpi.formula))?;
    expect(at, FIGURES.contains(&&*kpi.unit), || format!("`{}` is none of {}", kpi.unit, FIGURES.join(", ")))?;
    for period in &kpi.period {
        expect(at, PERIODS.contains(&&**period), || format!("`{period}` is none of {}", PERIODS.join(", ")))?;
    }
    let target = match kpi.target.split_once(' ') {
        None => String::new(),
        Some((sign, number)) => {
            let (whole, part) = number.split_once('.').unwrap_or((number, ""));
            let hundredths = format!("{whole}{part:0<2}").parse::<i64>().ok();
            let fits = matches!(sign, ">=" | "<=" | "=") && part.len() <= 2;
            let hundredths = hundredths.filter(|_| fits);
            format!("{sign}{}", hundredths.ok_or_else(|| (at, format!("`{}` is no target", kpi.target)))?)
        }
    };
    let columns = [&*letters(at, &kpi.packs)?, &kpi.id, &kpi.formula, &target, &kpi.unit, &kpi.period.join("|")];
    line_of(out, 'q', &columns, &[(at, &kpi.label)])
}

fn compile_report(at: usize, report: &Report, names: &Names, out: &mut String) -> Result<(), Fault> {
    expect(at, REPORT_DUES.contains(&&*report.due), || {
        format!("`{}` is none of {}", report.due, REPORT_DUES.join(", "))
    })?;
    for kpi in &report.kpis {
        expect(at, names.kpis.contains(kpi), || format!("there is no figure `{kpi}`"))?;
    }
    let (author, reader) = (actors(at, &report.author, names, "")?, actors(at, &report.reader, names, "")?);
    let columns = [&*letters(at, &report.packs)?, &report.id, &author, &reader, &report.due, &report.kpis.join("|")];
    line_of(out, 'z', &columns, &[(at, &report.title)])?;
    for part in &report.parts {
        let (at, part) = (part.span().start, part.get_ref());
        let when = calls(at, &part.when, "guard", named::GUARDS, |name, arguments| {
            check_guard(names, &part.rows, name, arguments)
        })?;
        let group = (!part.group.is_empty()).then_some(&part.group);
        for field in part.columns.iter().chain(&part.sum).chain(group) {
            has_field(names, &part.rows, field).map_err(|fault| (at, fault))?;
        }
        let columns = [&*part.rows, &part.columns.join("|"), &when, &part.group, &part.sum.join("|")];
        line_of(out, 'y', &columns, &[(at, &part.title)])?;
    }
    for text in &report.texts {
        let (at, [key, words @ ..]) = (text.span().start, text.get_ref());
        check_code(at, key)?;
        line_of(out, 'b', &[key], &[(at, words)])?;
    }
    Ok(())
}
