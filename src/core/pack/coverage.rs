//! Whether the packs say all that the catalogue gives to fitness clubs and sports venues.
//!
//! `tests/catalogue` lists its identifiers and facts, drawn from it by a script and not from the packs. Each is found
//! in a pack; what no pack can hold is named here with what keeps it.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    schema,
    work::{Enforce, Machine, Work},
};

const KINDS: [VenueKind; 2] = [VenueKind::Fitness, VenueKind::Sports];

fn rows(text: &'static str) -> Vec<Vec<&'static str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect()
}

macro_rules! catalogue {
    ($name:literal) => {
        rows(include_str!(concat!("../../../tests/catalogue/", $name, ".tsv")))
    };
}

/// Every form of both packs, with the fields that any kind of venue has.
fn forms() -> BTreeMap<String, Vec<Field>> {
    let mut forms: BTreeMap<String, Vec<Field>> = BTreeMap::new();
    let kinds = [VenueKind::Fitness, VenueKind::Sports, VenueKind::Billiards, VenueKind::Postpartum];
    for kind in kinds {
        for own in [packs::FITNESS, packs::SPORTS] {
            for form in Pack::read(kind, packs::CORE.text, own.text).unwrap().forms {
                let known = forms.entry(form.id.to_string()).or_default();
                for field in form.fields().filter(|field| !field.added) {
                    if !known.iter().any(|other| other.key == field.key) {
                        known.push(field.clone());
                    }
                }
            }
        }
    }
    forms
}

fn reference(to: Reference) -> &'static str {
    match to {
        Reference::Person => "Party",
        Reference::Staff => "Staff",
        Reference::Outing => "Outing",
        Reference::Campaign => "Campaign",
        Reference::Visit => "Visit",
        Reference::Product => "Product",
        Reference::Membership => "Membership",
        Reference::Case => "Case",
        Reference::Negotiation => "Negotiation",
        Reference::Venue => "Venue",
        Reference::Department => "Department",
        Reference::Route => "TourRoute",
        Reference::Prompt => "Script",
        Reference::Segment => "Segment",
        Reference::Offer => "PromotionOffer",
        Reference::Equipment => "Equipment",
        Reference::Resource => "Resource",
        Reference::Booking => "CourtBooking",
        Reference::Course => "TrainingCourse",
        Reference::Subject => "Case/Interaction/PtSession/Contract",
    }
}

/// Whether a type is what the catalogue writes. Names are `text(40)` there, whole numbers have no bounds, a lead is a
/// person, and a list without a name is told by its codes.
fn is_as_written(kind: &FieldType, written: &str) -> bool {
    let codes = |list: &str| -> BTreeSet<String> {
        KINDS.iter().flat_map(|kind| Pack::of(*kind).list(list)).map(|item| item.key.to_string()).collect()
    };
    let is_list = |name: &str, list: &str| {
        let inside =
            written.strip_prefix(name).and_then(|rest| rest.strip_prefix('(')).and_then(|rest| rest.strip_suffix(')'));
        inside.is_some_and(|inside| {
            let named: BTreeSet<String> = inside.split(',').map(str::to_owned).collect();
            inside == list || inside.contains(',') && named == codes(list)
        })
    };
    match kind {
        FieldType::Text(max) => written == format!("text({max})"),
        FieldType::LongText => written == "long_text",
        FieldType::Phone => written == "phone",
        FieldType::Name => written == "text(40)",
        FieldType::Email => written == "email",
        FieldType::Date => written == "date",
        FieldType::Datetime => written == "datetime",
        FieldType::Time => written == "time",
        FieldType::Int(..) => written == "int",
        FieldType::Decimal => written == "decimal",
        FieldType::Money => written == "money",
        FieldType::Bool => written == "bool",
        FieldType::Enum(list) => is_list("enum", list),
        FieldType::Multi(list) => is_list("multi", list),
        FieldType::Ref(Reference::Person) => matches!(written, "ref(Party)" | "ref(Lead)"),
        FieldType::Ref(to) => written == format!("ref({})", reference(*to)),
        FieldType::StaffList => written == "list<ref(Staff)>",
        FieldType::Checklist(_) => written == "ref(ChecklistRun)",
        FieldType::ResidentId => written == "id_card",
        FieldType::Passport => written == "passport",
        FieldType::Signature => written == "signature",
        FieldType::Photo => written == "photo",
        FieldType::File => written == "file",
        FieldType::Rating => written == "rating5",
        FieldType::Score => written == "score100",
        FieldType::Stops(_) => written == "multi(TourStop)",
        FieldType::List(ListOf::Texts) => matches!(written, "list<text>" | "list<long_text>"),
        FieldType::List(ListOf::Numbers) => written == "list<int 0-3>",
        FieldType::List(ListOf::Datetimes) => written == "list<datetime>",
        FieldType::List(ListOf::Photos) => written == "list<photo>",
        FieldType::List(ListOf::Gifts) => written == "list<GiftIssue>",
        FieldType::List(ListOf::Charges) => written == "list<text+money>",
        FieldType::List(ListOf::Refs(to)) => written == format!("list<ref({})>", reference(*to)),
    }
}

#[test]
fn every_field_of_every_form_is_as_the_catalogue_says() {
    let forms = forms();
    let rows = catalogue!("forms");
    let mut asked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in &rows {
        let [form, key, written, required] = row[..] else { panic!("{row:?}") };
        let field = forms.get(form).and_then(|fields| fields.iter().find(|field| field.key.as_str() == key));
        let field = field.unwrap_or_else(|| panic!("{form} has no field {key}"));
        let by_turn = BY_TURN.contains(&(form, key)) && field.required == Required::Later;
        let letter = match field.required {
            _ if by_turn => "Y",
            Required::Yes => "Y",
            Required::No => "N",
            Required::Auto => "A",
            Required::Later | Required::When(_) | Required::Unless(_) => "C",
        };
        assert_eq!(letter, required, "{form} {key}");
        assert!(is_as_written(&field.kind, written), "{form} {key}: {:?} is not {written}", field.kind);
        asked.entry(form).or_default().insert(key);
    }
    for (form, fields) in forms.iter().filter(|(form, _)| form.starts_with("F-")) {
        for field in fields {
            assert!(asked[&**form].contains(field.key.as_str()), "{form} asks for {} of its own", field.key);
        }
    }
    println!("{} fields of {} forms compared", rows.len(), asked.len());
}

#[test]
fn every_list_has_the_codes_of_the_catalogue() {
    let rows = catalogue!("lists");
    for row in &rows {
        let [list, codes] = row[..] else { panic!("{row:?}") };
        let expected: BTreeSet<&str> = codes.split(' ').collect();
        let found: BTreeSet<&str> =
            KINDS.iter().flat_map(|kind| Pack::of(*kind).list(list)).map(|item| &*item.key).collect();
        assert_eq!(found, expected, "{list}");
    }
    println!("{} lists compared", rows.len());
}

/// Postpartum alone has these kinds of place; the catalogue's word for a pack covers what a kind of its own says.
fn concerns(packs: &str, kind: VenueKind) -> bool {
    let name = if kind == VenueKind::Fitness { "fitness" } else { "sports" };
    packs.contains("core") || packs.contains(name)
}

#[test]
fn every_parameter_has_its_default() {
    let rows = catalogue!("parameters");
    for row in &rows {
        let [key, default, _, packs] = row[..] else { panic!("{row:?}") };
        let kind = if concerns(packs, VenueKind::Fitness) { VenueKind::Fitness } else { VenueKind::Sports };
        let parameter = Pack::of(kind).parameter(key).unwrap_or_else(|| panic!("there is no {key}"));
        let expected: Vec<i64> = default.split(',').filter_map(|part| part.trim().parse().ok()).collect();
        assert_eq!(parameter.values, expected, "{key}");
    }
    println!("{} parameters compared", rows.len());
}

/// Base identifiers: `SM-05b` is the second machine of SM-05, `T-055c` the third of T-055.
fn base(id: &str) -> &str {
    id.trim_end_matches(|c: char| c.is_ascii_lowercase())
}

/// Machines that run in core itself: tasks are worked out (`task.rs`), sync is the journal's tail, ledger and tray.
const IN_CORE: [&str; 2] = ["SM-16", "SM-31"];

#[test]
fn every_machine_has_the_states_and_steps_of_the_catalogue() {
    let machines: Vec<_> = KINDS.iter().flat_map(|kind| &Work::of(*kind).machines).collect();
    let machines_rows = catalogue!("machines");
    for row in machines_rows.iter().filter(|row| !IN_CORE.contains(&row[0])) {
        let expected: BTreeSet<&str> = row[1].split(' ').collect();
        let found: BTreeSet<&str> = machines
            .iter()
            .filter(|machine| base(&machine.id) == row[0])
            .flat_map(|machine| &machine.states)
            .map(|state| &*state.key)
            .collect();
        assert_eq!(found, expected, "{}", row[0]);
    }
    let steps = catalogue!("steps");
    let (mut compared, mut unguarded, mut missing) = (0, Vec::new(), Vec::new());
    let mut listed = BTreeSet::new();
    for row in steps.iter().filter(|row| !IN_CORE.contains(&row[0])) {
        let [id, from, to, by, guarded] = row[..] else { panic!("{row:?}") };
        let of_machine = || machines.iter().filter(|machine| base(&machine.id) == id);
        let all: BTreeSet<&str> = of_machine().flat_map(|machine| &machine.states).map(|state| &*state.key).collect();
        let from: Vec<&str> = match from {
            "any" => all.iter().copied().collect(),
            "any open" => of_machine()
                .flat_map(|machine| &machine.states)
                .filter(|state| !state.is_end)
                .map(|state| &*state.key)
                // What is repaired, or late already, has no six hours to pass.
                .filter(|state| id != "SM-23" || !matches!(*state, "repaired" | "overdue"))
                .collect(),
            "-" => vec![""],
            "level1-level4" => vec!["level1", "level2", "level3", "level4"],
            from => from.split(", ").collect(),
        };
        for state in from {
            let step = of_machine().flat_map(|machine| &machine.steps).find(|step| {
                let is_from =
                    if state.is_empty() { step.from.is_empty() } else { step.from.iter().any(|from| &**from == state) };
                &*step.to == to && is_from && takes(&step.by, by)
            });
            // A state that comes from another machine of the same number is its beginning there.
            let begins =
                || of_machine().flat_map(|machine| &machine.steps).any(|step| &*step.to == to && step.from.is_empty());
            listed.insert((id.to_owned(), state.to_owned(), to.to_owned()));
            if step.is_none() && !begins() {
                missing.push(format!("{id} {state} {to} {by}"));
            }
            let is_open =
                step.is_some_and(|step| guarded != "-" && step.needs.is_empty() && !IN_STEP.contains(&(id, to)));
            if is_open {
                unguarded.push(format!("{id} {state} {to}"));
            }
            compared += 1;
        }
    }
    assert_eq!((missing, unguarded), (Vec::<String>::new(), Vec::new()));
    // A step from where the catalogue has none would let a ticket be taken twice.
    let mut more: Vec<String> = Vec::new();
    let is_numbered = |machine: &&&Machine| machine.id.starts_with("SM-") && !IN_CORE.contains(&base(&machine.id));
    // The catalogue has appointments, and no machine of them.
    for machine in machines.iter().filter(is_numbered) {
        for step in &machine.steps {
            let id = base(&machine.id);
            let is_listed = |from: &str| listed.contains(&(id.to_owned(), from.to_owned(), step.to.to_string()));
            let froms = step.from.iter().map(|from| &**from).filter(|from| !is_listed(from));
            more.extend(froms.map(|from| format!("{id} {from} {}", step.to)));
        }
    }
    more.sort_unstable();
    more.dedup();
    assert_eq!(more, ADDED_STEPS);
    println!("{compared} steps of {} machines compared", machines_rows.len());
}

/// Steps that the catalogue does not have and the work needs.
const ADDED_STEPS: [&str; 0] = [];

/// Guards that the state itself says: a withdrawal before the fee was paid, a card that was not given out yet, a leave that
/// nobody has approved.
const IN_STEP: [(&str, &str); 18] = [
    ("SM-14", "contacted"),
    ("SM-15", "fed_back"),
    ("SM-01", "do_not_contact"),
    ("SM-01", "contacted"),
    ("SM-01", "won"),
    ("SM-03", "planned"),
    ("SM-06", "ended"),
    ("SM-07", "active"),
    ("SM-07", "transferred"),
    ("SM-07", "refunded"),
    ("SM-07", "moved"),
    ("SM-07", "upgraded"),
    ("SM-08", "cancelled"),
    ("SM-09", "withdrawn"),
    ("SM-11", "withdrawn"),
    ("SM-25", "planned"),
    ("SM-32", "approved"),
    ("SM-29", "notified"),
];

/// Whether those whom the catalogue names take a step.
fn takes(by: &[Box<str>], written: &str) -> bool {
    written.split([',', '(']).next().is_some_and(|first| {
        let first = first.trim();
        let expected: &[&str] = match first {
            "any staff" | "any" => &["any"],
            "handler of the level" => &["consultant", "cs_supervisor", "store_manager", "hq"],
            "dest consultant" => &["dest_consultant"],
            "direct superior" => &["superior"],
            "manager" => &["store_manager"],
            "supervisor" => &["supervisor", "cs_supervisor", "front_desk_supervisor"],
            "cs_supervisor" => &["cs_supervisor", "supervisor"],
            "cs_specialist" => &["cs_specialist", "front_desk"],
            "finance" => &["finance", "cashier"],
            first => return by.iter().any(|by| &**by == first),
        };
        by.iter().any(|by| expected.contains(&&**by))
    })
}

#[test]
fn every_task_rule_talk_and_checklist_is_there() {
    let found = |ids: Vec<String>| ids.into_iter().collect::<BTreeSet<String>>();
    let mut counted = Vec::new();
    for kind in KINDS {
        let (pack, work) = (Pack::of(kind), Work::of(kind));
        let tasks = found(work.tasks.iter().map(|task| base(&task.id).to_owned()).collect());
        let rules: BTreeMap<&str, Enforce> = work.rules.iter().map(|rule| (&*rule.id, rule.enforce)).collect();
        let talks = found(pack.prompts.iter().map(|prompt| prompt.id.to_string()).collect());
        for row in catalogue!("tasks").iter().filter(|row| concerns(row[1], kind)) {
            assert!(tasks.contains(row[0]), "{kind:?} has no {}", row[0]);
        }
        for row in catalogue!("rules").iter().filter(|row| concerns(row[2], kind)) {
            let expected = match row[1] {
                "H" => Enforce::Hard,
                "S" => Enforce::Soft,
                _ => Enforce::Info,
            };
            assert_eq!(rules.get(row[0]), Some(&expected), "{kind:?} {}", row[0]);
        }
        for row in catalogue!("talks").iter().filter(|row| concerns(row[1], kind)) {
            assert!(talks.contains(row[0]), "{kind:?} has no {}", row[0]);
        }
        counted.push((tasks.len(), rules.len(), talks.len()));
    }
    let checklists: BTreeSet<&str> =
        KINDS.iter().flat_map(|kind| &Pack::of(*kind).checklists).map(|checklist| &*checklist.id).collect();
    for row in catalogue!("checklists") {
        // CL-01 is a route.
        let is_there = checklists.contains(row[0])
            || row[0] == "CL-01" && Pack::of(VenueKind::Fitness).routes[0].stops.len() == 17;
        assert!(is_there, "there is no {}", row[0]);
    }
    println!("tasks, rules and talks of each pack: {counted:?}");
}

/// K-25, how soon a search shows its result, is measured by the client and not counted from records.
const MEASURED: [&str; 1] = ["K-25"];

#[test]
fn every_figure_has_its_target_and_every_report_is_there() {
    for kind in KINDS {
        let work = Work::of(kind);
        let figures: BTreeMap<&str, &crate::work::Kpi> = work.kpis.iter().map(|kpi| (&*kpi.id, kpi)).collect();
        for row in catalogue!("kpis").iter().filter(|row| concerns(row[3], kind) && !MEASURED.contains(&row[0])) {
            let kpi = figures.get(row[0]).unwrap_or_else(|| panic!("{kind:?} has no {}", row[0]));
            // What is only watched has no number in the catalogue.
            assert_eq!(kpi.target.is_none(), row[1].contains("monitor"), "{} {}", row[0], row[1]);
        }
        for row in catalogue!("reports").iter().filter(|row| concerns(row[1], kind)) {
            assert!(work.reports.iter().any(|report| *report.id == *row[0]), "{kind:?} has no {}", row[0]);
        }
        println!("{kind:?}: {} figures, {} reports", work.kpis.len(), work.reports.len());
    }
}

/// What a form leaves for later, a step of its record's machine asks for, sooner or later.
#[test]
fn what_is_asked_later_is_asked_by_a_step() {
    // What is noted when it happens and no step waits for.
    let noted =
        ["findings", "result", "solution", "confirmed_at", "customer_told_at", "customer_satisfied", "fed_back_at"];
    for kind in KINDS {
        let work = Work::of(kind);
        for form in &Pack::of(kind).forms {
            let machines: Vec<_> = work.machines_of(&form.record).collect();
            for field in form.fields().filter(|field| field.required == Required::Later) {
                let key = field.key.as_str();
                let named = machines.iter().flat_map(|machine| &machine.steps).any(|step| {
                    let named = |calls: &[crate::work::Call]| {
                        calls.iter().any(|call| call.arguments.iter().any(|argument| &**argument == key))
                    };
                    named(&step.needs) || named(&step.then)
                });
                let by_task = work.tasks.iter().any(|task| {
                    *task.record == *form.record
                        && task.done.iter().any(|call| call.arguments.iter().any(|argument| &**argument == key))
                });
                assert!(
                    named || by_task || noted.contains(&key) || LATER.contains(&(&*form.id, key)),
                    "{} {key}",
                    form.id
                );
            }
        }
    }
}

/// What the catalogue wants on the paper and whoever begins it cannot know: it is filled in by whose turn it is, after the
/// first save, and the step that they take asks for it.
const BY_TURN: [(&str, &str); 6] = [
    ("F-09", "supervisor_at"),
    ("F-09", "store_manager_at"),
    ("F-12", "feedback"),
    ("F-14", "desk_supervisor_sign"),
    ("F-16", "payment_slip_no"),
    ("F-16", "reported_at"),
];

/// Fields that are filled in as things happen, with no step that waits for them.
const LATER: [(&str, &str); 15] = [
    ("F-09", "supervisor_at"),
    ("F-09", "store_manager_at"),
    ("F-09", "reply"),
    ("F-13", "coach"),
    ("F-21", "complainant_opinion"),
    ("F-21", "respondent_sign"),
    ("F-21", "signed_on"),
    ("F-30", "collected_by"),
    ("F-30", "deducted"),
    ("F-30", "settled_by"),
    ("F-31", "confirmed"),
    ("F-55", "adopted"),
    ("F-12", "negotiation"),
    ("F-57", "closed_at"),
    // The step that renews a card reads it, and takes the old term where it is empty.
    ("membership", "term_months"),
];

/// Guards, effects, tasks and reports read fields that their records have, through references too.
#[test]
fn what_machines_and_tasks_read_is_in_the_schema() {
    let refers = |field: &str| match field {
        "person" | "party" | "holder" => "person",
        "contract" => "agreement",
        "pass" => "trial_pass",
        "visit" => "visit",
        "membership" => "membership",
        "product" => "product",
        "resource" => "resource",
        other => panic!("nothing is known of what {other} refers to"),
    };
    fn has(kind: &str, path: &str, refers: &dyn Fn(&str) -> &'static str) -> bool {
        match path.split_once('.') {
            Some((reference, rest)) => has(refers(reference), rest, refers),
            None => {
                let in_group = schema::field(kind, "progress").is_some_and(|spec| match spec.holds {
                    schema::Holds::Group(members) => members.iter().any(|(member, _)| *member == path),
                    _ => false,
                });
                // The money on a card is reckoned from its papers and stored nowhere.
                let reckoned = (kind, path) == ("membership", "balance");
                path == "id" || reckoned || in_group || schema::field(kind, path).is_some()
            }
        }
    }
    for kind in KINDS {
        let work = Work::of(kind);
        for machine in &work.machines {
            for step in &machine.steps {
                for guard in step.needs.iter().filter(|guard| !guard.arguments.is_empty()) {
                    let fields = match &*guard.name {
                        "filled" | "any_filled" => &guard.arguments[..],
                        "equals" | "at_least_field" | "longer" => &guard.arguments[..2],
                        _ => &guard.arguments[..1],
                    };
                    for record in &machine.records {
                        for field in fields {
                            assert!(has(record, field, &refers), "{} {}: {record}.{field}", machine.id, step.key);
                        }
                    }
                }
            }
        }
        for task in &work.tasks {
            for call in task.when.iter().chain(&task.done).filter(|call| !call.arguments.is_empty()) {
                let field = call.argument(0);
                assert!(has(&task.record, field, &refers), "{}: {}.{field}", task.id, task.record);
            }
        }
    }
}
