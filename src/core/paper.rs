//! Papers: records that a form of the pack begins and a machine of the pack carries on.
//!
//! Capture decides what a lead or a visit means; a paper means what its pack says. What is decided here is only what
//! no pack can say: who may read it, which record it belongs to, what can be reckoned instead of asked, and what it
//! changes about the person. All are plain functions; the roster makes the change and keeps it.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    audience::{Audience, Role, circle},
    audit,
    capture::{Draw, Ids, Scene, audience_of, may_write_here},
    card,
    change::{Edit, Key, Op, Write},
    form::{Draft, Filled},
    id::{ChangeId, ENDPOINT_DEVICE, RecordId},
    lead::protection,
    merge,
    number::PAPERS,
    pack::{DefaultValue, Field, FieldType, Form, ListOf, Pack, Required, Rule, Section},
    permit::{Matter, masked_id},
    reckon,
    record::{CellTag, Record},
    rights, schema,
    stamp::{Rank, Stamp},
    time::{Day, Millis},
    value::Value,
    work::{Call, Machine, State, Step, Work},
    workflow::{self, Actor, Facts, Lookup, Numbers, PROGRESS, Refusal, by_clock, holds, state_of, value_at},
};

/// What papers are reckoned from, beside the scene.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    pub work: &'a Work,
    pub number: Numbers<'a>,
    pub lookup: Lookup<'a>,
    /// Finds a record of a kind by what a field of it holds: a card by its number.
    pub find: &'a dyn Fn(&str, &str, &Value) -> Option<RecordId>,
    /// Papers of a kind about a membership, such as its earlier leaves, or about a guest.
    pub earlier: &'a dyn Fn(&str, RecordId) -> Vec<Record>,
    /// Whether nobody else has a court between two moments; the booking named does not count.
    pub is_free: &'a dyn Fn(RecordId, Millis, Millis, RecordId) -> bool,
}

impl std::fmt::Debug for Ground<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground").finish_non_exhaustive()
    }
}

/// Kinds that are not a guest's own, and the circle that they are for.
const CIRCLES: [(&str, &[&str]); 6] = [
    (circle::HOUSE, &["product", "resource", "campaign", "offer", "segment", "course", "parameter"]),
    (
        circle::WORKS,
        &[
            "equipment",
            "inspection",
            "fault",
            "booking",
            "ticket",
            "purchase",
            "suggestion",
            "absence",
            "training",
            "followup_plan",
            "event",
            "assignment",
            "improvement",
            "work_plan",
            "key_project",
        ],
    ),
    (circle::CASES, &["case"]),
    (circle::TRAINING, &["pt_grant"]),
    (circle::STAFF, &["evaluation", "grade_review", "statement", "staff_survey"]),
    (circle::PRIVACY, &["incident", "export"]),
];

/// For whom a paper is: its circle, else whoever may see the person that it is about.
#[must_use]
pub fn audience_for_paper(kind: &str, person: Option<&Record>, scene: &Scene<'_>) -> Audience {
    let circle = CIRCLES.iter().find(|(_, kinds)| kinds.contains(&kind));
    match circle {
        Some((name, _)) => Audience::Circle(scene.venue, (*name).into()),
        None => audience_of(person, scene.me, scene),
    }
}

/// Which row of the permission matrix a kind of paper belongs to; `None` for what everybody of the venue may see.
#[must_use]
pub fn matter_of(kind: &str) -> Option<Matter> {
    Some(match kind {
        "person" | "tracking" | "opportunity" | "interaction" => Matter::Leads,
        // The desk waits for whoever comes.
        "appointment" | "visit" | "consultation" | "tour" | "negotiation" | "trial" | "trial_pass" | "pass_use" => {
            Matter::Visits
        }
        "agreement" | "membership" | "renewal" | "deposit" | "give_back" | "retention" => Matter::Contracts,
        "payment" => Matter::Payments,
        "leave" | "leave_end" => Matter::LeaveOrdinary,
        "refund" => Matter::Refund,
        "transfer" | "card_change" | "store_transfer" => Matter::Requests,
        "case" | "followup" | "callback" => Matter::Cases,
        "rating" => Matter::Ratings,
        "evaluation" | "grade_review" | "staff_survey" => Matter::Evaluations,
        "statement" | "performance" => Matter::Commission,
        "report" => Matter::Reports,
        "export" => Matter::BulkExport,
        "incident" | "audit" => Matter::AuditLog,
        _ => return None,
    })
}

/// Whether I may write to where a record is, and so take those of its steps that are mine.
#[must_use]
pub fn may_change(record: &Record, scene: &Scene<'_>) -> bool {
    may_write_here(record.audience(), scene)
}

/// Whether I may fill in more on a record or put it right, without a step of its workflow.
#[must_use]
pub fn may_fill_in(record: &Record, scene: &Scene<'_>, ground: &Ground<'_>) -> bool {
    let may = |role| rights::may_fill_in(record, scene.me, role, ground.work, ground.lookup);
    may_change(record, scene) && (scene.role_of)(scene.me).is_some_and(may)
}

/// Whether a complaint was handed to the department of a post. Who heads one answers for whatever was handed to any:
/// which is whose, the club's list of people does not say. Source: domain catalogue 3.7.
#[must_use]
pub fn is_handed_to(record: &Record, role: Role) -> bool {
    let Some(department) = record.text("responsible_dept").filter(|_| record.kind().as_str() == "case") else {
        return false;
    };
    match role {
        Role::DeptHead | Role::DeptMember => true,
        Role::EquipmentTeam => department == "equipment",
        Role::CourtStaff => department == "courts",
        _ => false,
    }
}

/// Who takes steps, as a step names them.
fn actor<'a>(scene: &Scene<'_>, posts: &'a [&'a str]) -> Actor<'a> {
    Actor::Staff { id: scene.me, posts }
}

fn posts(scene: &Scene<'_>) -> Vec<&'static str> {
    (scene.role_of)(scene.me).map(|role| role.key()).into_iter().collect()
}

// ---- What a record offers -------------------------------------------------------------------------------------

/// A step that somebody may take, and what stands in its way.
#[derive(Debug, Clone)]
pub struct Offer<'a> {
    pub machine: &'a Machine,
    pub step: &'a Step,
    /// Fields that the record's forms have and that this step wants filled in, in the order of the step.
    pub asks: Vec<&'a Field>,
    /// Guards that no typing mends: it is too early, somebody else has the court.
    pub unmet: Vec<Call>,
    /// It must be said why.
    pub needs_reason: bool,
}

/// The state of a record by one of its machines, with what the clock has done since.
#[must_use]
pub fn state<'a>(machine: &'a Machine, record: &Record, scene: &Scene<'_>, ground: &Ground<'_>) -> Option<&'a State> {
    with_facts(record, &BTreeMap::new(), None, scene, ground, |facts| {
        let stored = state_of(machine, record);
        let passed = by_clock(ground.work, machine, stored, facts);
        let key = passed.last().map(|step| &*step.to).or(stored)?;
        machine.state(key)
    })
}

/// The steps that I may take now, by every machine of the record. What follows from another record's step is taken with
/// that one: a card is given away by its transfer, and by nothing else.
#[must_use]
pub fn offers<'o, 's: 'o, 'g: 'o>(record: &Record, scene: &Scene<'s>, ground: &Ground<'g>) -> Vec<Offer<'o>> {
    // Of two sides somebody who leads takes one first.
    if !may_change(record, scene) || record.conflicts().any(|key| key.as_str() == PROGRESS) {
        return Vec::new();
    }
    let posts = posts(scene);
    with_facts(record, &BTreeMap::new(), None, scene, ground, |facts| {
        let mut offers = Vec::new();
        for machine in ground.work.machines.iter().filter(|machine| runs(machine, record.kind().as_str())) {
            let stored = state_of(machine, record);
            let passed = by_clock(ground.work, machine, stored, facts);
            let state = passed.last().map(|step| &*step.to).or(stored);
            if state.is_none() {
                continue;
            }
            for (step, unmet) in workflow::offered(machine, state, actor(scene, &posts), facts) {
                let comes_with_another = ground.work.is_moved_to(&machine.id, &step.key)
                    || is_a_papers(record.kind().as_str(), &step.key, scene.pack);
                if comes_with_another || unmet.iter().any(|call| leads_elsewhere(call, facts)) {
                    continue;
                }
                let needs_reason = unmet.iter().any(|call| &*call.name == "reason");
                let anew = step.needs.iter().filter(|call| &*call.name == "asked").flat_map(asked_by);
                let field = |key: &str| field_of(scene.pack, record.kind().as_str(), key);
                let mut asks: Vec<&Field> = anew.filter_map(field).collect();
                let mut left = Vec::new();
                for call in unmet.into_iter().filter(|call| &*call.name != "reason") {
                    let fields: Vec<&Field> = asked_by(&call)
                        .into_iter()
                        .filter(|key| needs_typing(&call, key, facts))
                        .filter_map(field)
                        .collect();
                    if fields.is_empty() {
                        left.push(call);
                    }
                    for field in fields {
                        if !asks.iter().any(|other| other.key == field.key) {
                            asks.push(field);
                        }
                    }
                }
                offers.push(Offer { machine, step, asks, unmet: left, needs_reason });
            }
        }
        offers
    })
}

/// Whether a step is taken along by a paper that says more than the step asks: a card is renewed by its renewal, where the
/// venue has one.
fn is_a_papers(kind: &str, step: &str, pack: &Pack) -> bool {
    let paper = match (kind, step) {
        ("membership", "renew" | "renew_late") => "renewal",
        _ => return false,
    };
    pack.forms.iter().any(|form| &*form.record == paper)
}

/// A guard that what the record says already does not meet: a leave for illness has a step of its own.
fn leads_elsewhere(call: &Call, facts: &Facts<'_>) -> bool {
    matches!(&*call.name, "is" | "not") && (facts.read)(call.argument(0)).is_some() && !workflow::holds(call, facts)
}

/// The steps that lead on from where a record stands, but those that it says already lead elsewhere.
fn next_steps<'g>(record: &Record, scene: &Scene<'_>, ground: &Ground<'g>, facts: &Facts<'_>) -> Vec<&'g Step> {
    let machines = ground.work.machines.iter().filter(|machine| runs(machine, record.kind().as_str()));
    let from_here = machines.filter_map(|machine| Some((machine, state(machine, record, scene, ground)?)));
    let steps =
        from_here.flat_map(|(machine, state)| machine.steps.iter().filter(move |step| step.from.contains(&state.key)));
    steps.filter(|step| !step.needs.iter().any(|call| leads_elsewhere(call, facts))).collect()
}

/// Whose turn it is: the posts that may go on with a record as it stands, each once.
#[must_use]
pub fn waits_for<'g>(record: &Record, scene: &Scene<'_>, ground: &Ground<'g>) -> Vec<&'g str> {
    let mut posts: Vec<&str> = Vec::new();
    with_facts(record, &BTreeMap::new(), None, scene, ground, |facts| {
        let steps = next_steps(record, scene, ground, facts);
        for post in steps.into_iter().flat_map(|step| &step.by).filter(|post| &***post != "system") {
            if !posts.contains(&&**post) {
                posts.push(post);
            }
        }
    });
    posts
}

/// What whoever has a paper now still owes it before somebody else can go on with it, such as how a talk at one level of
/// a refund ended: the form's section, of which only the answer and what is written beside it.
#[must_use]
pub fn owed(record: &Record, scene: &Scene<'_>, ground: &Ground<'_>) -> Option<Section> {
    let posts = posts(scene);
    with_facts(record, &BTreeMap::new(), None, scene, ground, |facts| {
        let may = |step: &&Step| workflow::may(step, actor(scene, &posts), facts.read);
        let is_open = |call: &&Call| &*call.name == "is" && (facts.read)(call.argument(0)).is_none();
        let (mine, others): (Vec<&Step>, Vec<&Step>) =
            next_steps(record, scene, ground, facts).into_iter().partition(may);
        if mine.is_empty() {
            return None;
        }
        let answer = others.into_iter().flat_map(|step| &step.needs).find(is_open)?.argument(0);
        let forms = scene.pack.forms.iter().filter(|form| *form.record == *record.kind().as_str());
        let section = forms
            .flat_map(|form| &form.sections)
            .find(|section| section.fields.iter().any(|field| field.key.as_str() == answer))?;
        let is_beside = |field: &&Field| {
            field.key.as_str() == answer || matches!(field.kind, FieldType::LongText | FieldType::List(ListOf::Texts))
        };
        Some(Section { fields: section.fields.iter().filter(is_beside).cloned().collect(), ..section.clone() })
    })
}

/// Writes down on a paper what was typed, without a step; nothing where nothing differs.
#[must_use]
pub fn note(record: &Record, typed: &BTreeMap<Key, Value>) -> Vec<Edit> {
    let Some(kind) = schema::kind(record.kind().as_str()).map(|kind| kind.key) else { return Vec::new() };
    let held: Vec<Value> = typed.keys().flat_map(|key| record.elements(key.as_str()).cloned()).collect();
    let differs = |(key, value): &(&Key, &Value)| record.get(key.as_str()) != Some(*value);
    let mut edit = Draw::new(kind, record.id, record.audience().clone()).done();
    for (key, value) in typed.iter().filter(differs) {
        write_value(kind, key, value, &mut edit.writes);
    }
    edit.writes.retain(|write| !matches!(&write.op, Op::Add(element) if held.contains(element)));
    if edit.writes.is_empty() { Vec::new() } else { vec![edit] }
}

fn runs(machine: &Machine, kind: &str) -> bool {
    machine.records.iter().any(|record| &**record == kind)
}

/// The fields that a guard looks at and that can be typed.
pub(crate) fn asked_by(call: &Call) -> Vec<&str> {
    let arguments = || call.arguments.iter().map(|argument| &**argument);
    match &*call.name {
        "filled" | "any_filled" | "asked" => arguments().collect(),
        "yes" | "is" | "not" | "positive" | "equals" | "at_least_field" | "longer" | "equals_parameter"
        | "at_least" | "below_parameter" | "future" | "ticked" | "elements" => arguments().take(1).collect(),
        "if" | "unless" => arguments().skip(2).collect(),
        _ => Vec::new(),
    }
}

/// Of several fields that must all be filled in, those that are not.
fn needs_typing(call: &Call, key: &str, facts: &Facts<'_>) -> bool {
    !matches!(&*call.name, "filled" | "if") || (facts.read)(key).is_none()
}

/// A field by the forms that write a kind of record.
#[must_use]
pub fn field_of<'p>(pack: &'p Pack, kind: &str, key: &str) -> Option<&'p Field> {
    pack.forms.iter().filter(|form| &*form.record == kind).find_map(|form| form.field(key))
}

/// Whether I may begin a paper with this form: by its workflow's first step, and by the permission matrix where that
/// names no post.
#[must_use]
pub fn may_begin(form: &Form, scene: &Scene<'_>, work: &Work) -> bool {
    let Some(kind) = schema::kind(&form.record) else { return false };
    let posts = posts(scene);
    let mut machines = work.machines_of(kind.key).peekable();
    let nobody = |_: &str| None;
    let may = machines.peek().is_none()
        || machines.any(|machine| {
            let mut starts = machine.steps.iter().filter(|step| step.from.is_empty());
            starts.any(|step| workflow::may(step, actor(scene, &posts), &nobody))
        });
    let is_mine = |role| rights::may_begin(kind.key, scene.me, role, work);
    may && (scene.role_of)(scene.me).is_some_and(is_mine)
        && may_write_here(&audience_for_paper(kind.key, None, scene), scene)
}

// ---- Beginning one --------------------------------------------------------------------------------------------

/// The fields of a form that what it is about fills in, so that nobody types them: references, names, numbers.
pub fn prefill(form: &Form, about: &[&Record], draft: &mut Draft) {
    for record in about {
        let kind = record.kind().as_str();
        for field in form.fields() {
            // A new card has a number of its own.
            if !draft.get(field.key.as_str()).is_empty() || field.default == Some(DefaultValue::Card) {
                continue;
            }
            if let FieldType::Ref(reference) = field.kind
                && reference.kinds().contains(&kind)
                && field.key.as_str() != "referrer"
            {
                draft.set(&field.key, record.id.to_string());
                continue;
            }
            let from = match (kind, field.key.as_str()) {
                ("person", "member_name" | "complainant_name" | "guest_name" | "from_name" | "customer_name") => "name",
                ("person", "mobile" | "phone" | "complainant_phone") => "phone",
                ("person", "gender" | "complainant_gender") => "gender",
                ("person", "address" | "complainant_address") => "address",
                ("membership", "card_no" | "from_card_no" | "complainant_card_no") => "card_no",
                ("booking", "resource") => "resource",
                _ => continue,
            };
            // Only what is written the same way in both: a code list of its own would not understand it.
            let id = || record.get(from).and_then(Value::as_id).map(|id| id.to_string());
            if let Some(text) = record.text(from).map(str::to_owned).or_else(id) {
                draft.set(&field.key, text);
            }
        }
    }
}

/// Takes out again what those records filled in, but for what was altered since: another one is about to be chosen.
pub fn take_back(form: &Form, about: &[&Record], draft: &mut Draft) {
    let mut filled = Draft::default();
    prefill(form, about, &mut filled);
    for field in form.fields() {
        let text = filled.get(field.key.as_str());
        if !text.is_empty() && draft.get(field.key.as_str()) == text {
            draft.set(&field.key, "");
        }
    }
}

/// The edits of a new paper: the record in its first state, with what can be reckoned, and what it changes about the
/// person and the card that it is about.
///
/// # Errors
/// Says why it cannot be begun; nothing is half done.
pub fn begin(
    filled: &Filled,
    about: &[&Record],
    scene: &Scene<'_>,
    ground: &Ground<'_>,
    ids: Ids<'_>,
) -> Result<Vec<Edit>, Refusal> {
    let form = scene.pack.form(filled.form()).ok_or(Refusal::Unknown)?;
    let kind = schema::kind(&form.record).ok_or(Refusal::Unknown)?.key;
    let id = ids();
    let mut values: BTreeMap<Key, Value> = filled.values().map(|(key, value)| (key.clone(), value.clone())).collect();
    relate(kind, &mut values, about, ground);
    reckon_rest(kind, form, &mut values, scene, ground);
    values.extend(number(kind, |key| values.contains_key(key), scene));
    let person = person_of(&values, about, ground);
    let numbers = keep_numbers(form.fields(), id, person.as_deref(), &mut values, scene, ids);
    let audience = audience_for_paper(kind, person.as_deref(), scene);
    let mut draw = Draw::new(kind, id, audience);
    let has = |key: &str| schema::field(kind, key).is_some() && !values.contains_key(key);
    let (by, at) = (has("captured_by"), has("captured_at"));
    if by {
        draw.put("captured_by", scene.me.to_string());
    }
    if at {
        draw.put("captured_at", scene.now);
    }
    let mut edit = draw.done();
    let group = write_values(kind, &values, &mut edit.writes);
    let mut sketch = Sketch::new(edit, group);
    let posts = posts(scene);
    for machine in ground.work.machines_of(kind) {
        let start = with_facts(&sketch.record, &BTreeMap::new(), None, scene, ground, |facts| {
            let mut refusal = None;
            for step in machine.steps.iter().filter(|step| step.from.is_empty()) {
                match workflow::check(machine, &step.key, None, actor(scene, &posts), facts) {
                    Ok(step) => return Ok(step),
                    // What is missing says more than who else might.
                    Err(error @ Refusal::Unmet(_)) => refusal = Some(error),
                    Err(error) => refusal = refusal.or(Some(error)),
                }
            }
            Err(refusal.unwrap_or(Refusal::Unknown))
        })?;
        sketch.walk(machine, &start.key, None, scene, ground, &posts, ids)?;
    }
    // What the form says already is not asked a second time.
    for (machine, step) in onward(kind, &values, ground.work) {
        // A step that needs more than the form has waits for somebody.
        drop(sketch.walk(machine, step, None, scene, ground, &posts, ids));
    }
    let mut edits = sketch.edits;
    edits.extend(numbers);
    edits.extend(goes_along(kind, &values, scene, ground, ids));
    if let Some(person) = &person {
        edits.extend(appoint(kind, &values, None, person, scene, ground, ids));
        let writes = about_person(kind, &values, None, id, person, scene.now);
        add_edit(&mut edits, person, writes, scene);
    }
    Ok(edits)
}

/// What a form changes of a record that is there: what differs, and a whole group where a member of it differs. What is
/// reckoned follows what was typed, and what the form now says already is not asked a second time: a paper that a step
/// began is filled in as one that is begun with its form.
///
/// # Errors
/// What it had to meet when it was begun and would not any more.
pub fn correct(
    filled: &Filled,
    known: &Record,
    scene: &Scene<'_>,
    ground: &Ground<'_>,
    ids: Ids<'_>,
) -> Result<Vec<Edit>, Refusal> {
    let (Some(kind), Some(form)) = (schema::kind(known.kind().as_str()), scene.pack.form(filled.form())) else {
        return Ok(Vec::new());
    };
    let mut draw = Draw::new(kind.key, known.id, known.audience().clone());
    draw.copy_differing(filled, known, scene.pack);
    let mut edit = draw.done();
    let numbered = number(kind.key, |key| known.get(key).is_some(), scene);
    edit.writes.extend(numbered.map(|(key, number)| schema::write(kind.key, key.as_str(), number)));
    // A number that stands masked on the paper is not asked again, and what is not asked is not emptied.
    let is_number = |key: &Key| form.field(key.as_str()).is_some_and(is_identity);
    edit.writes.retain(|write| !(is_number(&write.key) && write.op == Op::Latest(Value::Empty)));
    let mut numbers: BTreeMap<Key, Value> = BTreeMap::new();
    for write in edit.writes.iter().filter(|write| is_number(&write.key)) {
        if let Op::Latest(number) = &write.op {
            numbers.insert(write.key.clone(), number.clone());
        }
    }
    let kept = keep_numbers(form.fields(), known.id, None, &mut numbers, scene, ids);
    for write in &mut edit.writes {
        if let Some(masked) = numbers.get(&write.key) {
            write.op = Op::Latest(masked.clone());
        }
    }
    let reckoned = reckoned_anew(filled, known, form, scene, ground);
    let into_group = |key: &Key| workflow::in_group(kind.key, key.as_str());
    for (key, value) in reckoned.iter().filter(|(key, _)| !into_group(key)) {
        edit.writes.retain(|write| write.key != *key);
        write_value(kind.key, key, value, &mut edit.writes);
    }
    if let Some(before) = known.guarded(PROGRESS) {
        let mut group = before.clone();
        for (key, value) in filled.values().chain(&reckoned).filter(|(key, _)| into_group(key)) {
            group.insert(key.clone(), value.clone());
        }
        if group != *before {
            let replaces = known.head_changes(PROGRESS);
            edit.writes.push(schema::write_group(kind.key, PROGRESS, group, replaces));
        }
    }
    let written: Vec<Key> = edit.writes.iter().map(|write| write.key.clone()).collect();
    let mut sketch = Sketch::onto(known, edit);
    still_holds(&sketch.record, &written, scene, ground)?;
    let values = filled.values().map(|(key, value)| (key.clone(), value.clone())).collect();
    let posts = posts(scene);
    for (machine, step) in onward(kind.key, &values, ground.work) {
        // A step that needs more than the form has waits for somebody.
        drop(sketch.walk(machine, step, None, scene, ground, &posts, ids));
    }
    let edits = sketch.edits;
    let is_empty = edits.iter().all(|edit| edit.writes.is_empty());
    Ok(if is_empty { Vec::new() } else { edits.into_iter().chain(kept).collect() })
}

/// What decides whether a court is free.
const COURT: [&str; 4] = ["resource", "start_at", "end_at", "booking"];

/// Whether a record could be begun so: of what its first step needs, whatever reads a field that is corrected. One that has
/// come to its end is put right as it is.
fn still_holds(record: &Record, written: &[Key], scene: &Scene<'_>, ground: &Ground<'_>) -> Result<(), Refusal> {
    let is_written = |path: &str| {
        let head = path.split_once('.').map_or(path, |(head, _)| head);
        written.iter().any(|key| key.as_str() == head)
    };
    let reads_written = |need: &&Call| {
        let of_court = (&*need.name == "court_free").then_some(COURT).into_iter().flatten();
        need.arguments.iter().map(|path| &**path).chain(of_court).any(is_written)
    };
    for machine in ground.work.machines_of(record.kind().as_str()) {
        if state_of(machine, record).and_then(|state| machine.state(state)).is_none_or(|state| state.is_end) {
            continue;
        }
        let unmet = with_facts(record, &BTreeMap::new(), None, scene, ground, |facts| {
            let first = machine.steps.iter().filter(|step| step.from.is_empty());
            let of_step = |step: &Step| {
                let needs = step.needs.iter().filter(reads_written).filter(|need| !holds(need, facts));
                needs.cloned().collect::<Vec<Call>>()
            };
            // Any of the ways in which it can be begun will do.
            first.map(of_step).min_by_key(Vec::len)
        });
        if let Some(unmet) = unmet.filter(|unmet| !unmet.is_empty()) {
            return Err(Refusal::Unmet(unmet));
        }
    }
    Ok(())
}

/// What can be reckoned from what was typed, where the record lacks it or what it was reckoned from has changed.
fn reckoned_anew(
    filled: &Filled,
    known: &Record,
    form: &Form,
    scene: &Scene<'_>,
    ground: &Ground<'_>,
) -> BTreeMap<Key, Value> {
    let kind = known.kind().as_str();
    let in_form = |form: &Form, key: &Key| form.field(key.as_str()).map(|field| field.required != Required::Auto);
    let by_others = |key: &Key| {
        let forms = scene.pack.forms.iter().filter(|form| &*form.record == kind);
        forms.filter_map(|form| in_form(form, key)).any(|typed| typed)
    };
    let grouped = known.guarded(PROGRESS).into_iter().flatten();
    let grouped = grouped.filter(|(key, _)| workflow::in_group(kind, key.as_str()));
    let held = values_of(known, &grouped.map(|(key, value)| (key.clone(), value.clone())).collect());
    // Whom and what it is about stays, whether or not a form asks for it.
    let stays =
        |key: &Key, value: &Value| value.as_id().is_some() || in_form(form, key).unwrap_or_else(|| by_others(key));
    let before: BTreeMap<Key, Value> = held.clone().into_iter().filter(|(key, value)| stays(key, value)).collect();
    let mut now = before.clone();
    now.retain(|key, _| in_form(form, key) != Some(true));
    // What the app filled in and nobody changed stands in the form only because the record holds it.
    let untouched = |key: &Key, value: &Value| in_form(form, key) == Some(false) && held.get(key) == Some(value);
    let typed = filled.values().filter(|(key, value)| !untouched(key, value));
    now.extend(typed.map(|(key, value)| (key.clone(), value.clone())));
    let reckon = |given: BTreeMap<Key, Value>| {
        let mut values = given.clone();
        reckon_rest(kind, form, &mut values, scene, ground);
        values.retain(|key, _| !given.contains_key(key));
        values
    };
    let before = reckon(before);
    let mut now = reckon(now);
    now.retain(|key, value| !held.contains_key(key) || before.get(key) != Some(value));
    now
}

/// The edits of a step, with what was typed for it and why it was taken. One that decides is written down, R-152.
///
/// # Errors
/// Says why it cannot be taken; nothing is half done.
#[allow(clippy::too_many_arguments, reason = "each is another part of where the step is taken")]
pub fn step(
    record: &Record,
    machine: &Machine,
    step: &str,
    typed: &BTreeMap<Key, Value>,
    reason: Option<&str>,
    scene: &Scene<'_>,
    ground: &Ground<'_>,
    ids: Ids<'_>,
) -> Result<Vec<Edit>, Refusal> {
    let kind = schema::kind(record.kind().as_str()).ok_or(Refusal::Unknown)?.key;
    let mut typed = typed.clone();
    let person = person_of_record(record, ground);
    let forms = scene.pack.forms.iter().filter(|form| &*form.record == kind).flat_map(Form::fields);
    let numbers = keep_numbers(forms, record.id, person.as_deref(), &mut typed, scene, ids);
    let numbered = number(kind, |key| record.get(key).is_some(), scene);
    typed.extend(numbered);
    let posts = posts(scene);
    // What the clock has done since was by what the record says, and not by what is typed now.
    let passed = with_facts(record, &BTreeMap::new(), None, scene, ground, |facts| {
        by_clock(ground.work, machine, state_of(machine, record), facts)
    });
    let mut edits = with_facts(record, &typed, reason, scene, ground, |facts| {
        let actor = actor(scene, &posts);
        workflow::take(ground.work, machine, step, record, &passed, actor, facts, ground.lookup, ids)
    })?
    .edits;
    let own = &mut edits[0];
    let before = record.guarded(PROGRESS);
    for (key, value) in &typed {
        if workflow::in_group(kind, key.as_str()) {
            let group = own.writes.iter_mut().find_map(|write| match &mut write.op {
                Op::Guarded { values, .. } => Some(values),
                _ => None,
            });
            // What the step itself has set stands; what only stood there gives way to what was typed.
            if let Some(group) = group.filter(|group| group.get(key) == before.and_then(|before| before.get(key))) {
                group.insert(key.clone(), value.clone());
            }
        } else if !own.writes.iter().any(|write| write.key == *key) {
            write_value(kind, key, value, &mut own.writes);
        }
    }
    edits.extend(numbers);
    edits.extend(machine.step(step).and_then(|step| audit::decided(record, step, reason, scene, ids)));
    if let Some(person) = &person {
        let to = machine.step(step).map(|step| &*step.to);
        let values = values_of(record, &typed);
        edits.extend(appoint(kind, &values, to, person, scene, ground, ids));
        let writes = about_person(kind, &values, to, record.id, person, scene.now);
        add_edit(&mut edits, person, writes, scene);
    }
    Ok(edits)
}

// ---- How it is put together -----------------------------------------------------------------------------------

/// Hands a question what guards ask: the record as it is with what was typed over it.
fn with_facts<T>(
    record: &Record,
    typed: &BTreeMap<Key, Value>,
    reason: Option<&str>,
    scene: &Scene<'_>,
    ground: &Ground<'_>,
    question: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    let read = |path: &str| -> Option<Value> {
        if let Some(card) = path.strip_suffix(".balance") {
            let card = typed.get(card).cloned().or_else(|| value_at(record, card, ground.lookup))?.as_id()?;
            return Some(card_balance(card, ground)?.into());
        }
        let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
        match (typed.get(head).filter(|value| !value.is_empty()), rest) {
            (Some(value), None) => Some(value.clone()),
            (Some(value), Some(rest)) => value_at(&*(ground.lookup)(value.as_id()?)?, rest, ground.lookup),
            (None, _) => value_at(record, path, ground.lookup),
        }
    };
    let court_free = || -> Option<bool> {
        let resource = read("resource")?.as_id()?;
        // Whoever comes to the court that they booked has it, also where those before them still play.
        if read("booking.resource").as_ref().and_then(Value::as_id) == Some(resource) {
            return Some(true);
        }
        let from = read("start_at").as_ref().and_then(Value::as_at).unwrap_or(scene.now);
        let until = read("end_at").or_else(|| read("booking.end_at"));
        let until = until.as_ref().and_then(Value::as_at).unwrap_or(from.plus(1));
        Some((ground.is_free)(resource, from, until, record.id))
    };
    question(&Facts {
        now: scene.now,
        offset_minutes: scene.offset_minutes,
        read: &read,
        number: ground.number,
        pack: scene.pack,
        reason,
        court_free: court_free().unwrap_or(false),
    })
}

/// What is left on a card, in fen; `None` where it holds no money.
#[must_use]
pub fn card_balance(card: RecordId, ground: &Ground<'_>) -> Option<i64> {
    let papers: Vec<Record> = card::MOVES.iter().flat_map(|kind| (ground.earlier)(kind, card)).collect();
    card::balance(&*(ground.lookup)(card)?, &papers)
}

/// The record of a save before it is made, and the edits that make it.
struct Sketch {
    /// What was there before; nothing where it is begun.
    before: Option<Record>,
    record: Record,
    edits: Vec<Edit>,
}

/// A rank for records that are only looked at, after all that is there: it is in no change.
const SKETCHED: Rank =
    Rank { stamp: Stamp::from_number(u64::MAX), device: ENDPOINT_DEVICE, change: ChangeId::from_bytes([0; 16]) };

impl Sketch {
    fn new(edit: Edit, group: BTreeMap<Key, Value>) -> Self {
        let mut sketch = Self { before: None, record: merge::begin(SKETCHED, &edit), edits: vec![edit] };
        if !group.is_empty() {
            let kind = sketch.record.kind().as_str().to_owned();
            sketch.edits[0].writes.push(schema::write_group(&kind, PROGRESS, group, Vec::new()));
        }
        sketch.look();
        sketch
    }

    /// A record that is there, and what a save writes on it.
    fn onto(before: &Record, edit: Edit) -> Self {
        let mut sketch = Self { before: Some(before.clone()), record: before.clone(), edits: vec![edit] };
        sketch.look();
        sketch
    }

    /// What the record is after the edits so far.
    fn look(&mut self) {
        let mut record = self.before.clone().unwrap_or_else(|| merge::begin(SKETCHED, &self.edits[0]));
        merge::apply(&mut record, SKETCHED, &self.edits[0]);
        self.record = record;
    }

    /// Takes a step of it, in the same save.
    #[allow(clippy::too_many_arguments, reason = "each is another part of where the step is taken")]
    fn walk(
        &mut self,
        machine: &Machine,
        step: &str,
        reason: Option<&str>,
        scene: &Scene<'_>,
        ground: &Ground<'_>,
        posts: &[&str],
        ids: Ids<'_>,
    ) -> Result<(), Refusal> {
        let record = &self.record;
        let taken = with_facts(record, &BTreeMap::new(), reason, scene, ground, |facts| {
            let actor = actor(scene, posts);
            workflow::take(ground.work, machine, step, record, &[], actor, facts, ground.lookup, ids)
        })?;
        let mut edits = taken.edits.into_iter();
        let own = edits.next().expect("a step writes its own record first");
        for mut write in own.writes {
            if let Op::Guarded { replaces, .. } = &mut write.op {
                // The sketch of a moment ago is nothing to replace, only what was there before it.
                *replaces = self.before.as_ref().map(|before| before.head_changes(PROGRESS)).unwrap_or_default();
            }
            self.edits[0].writes.retain(|other| other.key != write.key || matches!(other.op, Op::Add(_)));
            self.edits[0].writes.push(write);
        }
        self.edits.extend(edits);
        self.look();
        Ok(())
    }
}

/// Writes what the record's schema has; members of its group are given back.
fn write_values(kind: &str, values: &BTreeMap<Key, Value>, writes: &mut Vec<Write>) -> BTreeMap<Key, Value> {
    let mut group = BTreeMap::new();
    for (key, value) in values {
        if workflow::in_group(kind, key.as_str()) {
            group.insert(key.clone(), value.clone());
        } else {
            write_value(kind, key, value, writes);
        }
    }
    group
}

fn write_value(kind: &str, key: &Key, value: &Value, writes: &mut Vec<Write>) {
    let Some(spec) = schema::field(kind, key.as_str()) else { return };
    match (spec.merge, value) {
        (CellTag::Set, Value::List(elements)) => {
            writes.extend(elements.iter().map(|element| schema::write(kind, key.as_str(), element.clone())));
        }
        (CellTag::Guarded, _) => {}
        _ => writes.push(schema::write(kind, key.as_str(), value.clone())),
    }
}

/// The references that are clear from what the paper is about, or from a number that was typed.
fn relate(kind: &str, values: &mut BTreeMap<Key, Value>, about: &[&Record], ground: &Ground<'_>) {
    let fits =
        |values: &BTreeMap<Key, Value>, key: &str| schema::field(kind, key).is_some() && !values.contains_key(key);
    for record in about {
        // Papers call a contract what a form begins as an agreement.
        let key = if record.kind().as_str() == "agreement" { "contract" } else { record.kind().as_str() };
        if let (true, Ok(key)) = (fits(values, key), Key::parse(key)) {
            values.insert(key, record.id.into());
        }
    }
    for (key, of_kind, field, typed) in
        [("membership", "membership", "card_no", "card_no"), ("pass", "trial_pass", "code", "pass_code")]
    {
        if fits(values, key)
            && let Some(id) = values.get(typed).and_then(|value| (ground.find)(of_kind, field, value))
        {
            values.insert(Key::of(key), id.into());
        }
    }
    if fits(values, "person") {
        let person = REACHES_PERSON.iter().find_map(|key| {
            let id = values.get(*key)?.as_id()?;
            let record = (ground.lookup)(id)?;
            if record.kind().as_str() == "person" { Some(id) } else { person_id(&record) }
        });
        if let Some(person) = person {
            values.insert(Key::of("person"), person.into());
        }
    }
}

/// Fields by which a paper may lead to its person.
const REACHES_PERSON: [&str; 11] =
    ["person", "party", "lead", "membership", "visit", "case", "negotiation", "booking", "contract", "subject", "pass"];

/// The person that a paper names.
#[must_use]
pub fn person_id(record: &Record) -> Option<RecordId> {
    ["person", "party", "lead"].iter().find_map(|key| record.get(key).and_then(Value::as_id))
}

fn person_of<'a, 'g: 'a>(
    values: &BTreeMap<Key, Value>,
    about: &[&'a Record],
    ground: &Ground<'g>,
) -> Option<Cow<'a, Record>> {
    let is_person = |record: &Record| record.kind().as_str() == "person";
    let named = ["person", "party", "lead"].iter().find_map(|key| values.get(*key).and_then(Value::as_id));
    match named {
        Some(id) => (ground.lookup)(id).filter(|record| is_person(record)),
        None => about.iter().find(|record| is_person(record)).map(|record| Cow::Borrowed(*record)),
    }
}

fn person_of_record<'a>(record: &Record, ground: &Ground<'a>) -> Option<Cow<'a, Record>> {
    let person = (ground.lookup)(person_id(record)?)?;
    (person.kind().as_str() == "person").then_some(person)
}

/// What is known or can be reckoned and was not typed.
fn reckon_rest(kind: &str, form: &Form, values: &mut BTreeMap<Key, Value>, scene: &Scene<'_>, ground: &Ground<'_>) {
    let today = scene.now.day(scene.offset_minutes);
    let known = values.clone();
    let of = |reference: &str, field: &str| -> Option<Value> {
        let record = (ground.lookup)(known.get(reference)?.as_id()?)?;
        value_at(&record, field, ground.lookup)
    };
    let own = |field: &str| known.get(field).cloned();
    let day = |value: Option<Value>| value.as_ref().and_then(Value::as_day);
    let int = |value: Option<Value>| value.as_ref().and_then(Value::as_int);
    let mut put = |key: &'static str, value: Option<Value>| {
        if let Some(value) = value
            && schema::field(kind, key).is_some()
            && !values.contains_key(key)
        {
            values.insert(Key::of(key), value);
        }
    };
    put("author", Some(scene.me.to_string().into()));
    put("call_at", Some(scene.now.into()));
    let end = day(of("membership", "end_on"));
    match kind {
        "agreement" => {
            let months = int(of("product", "term_months"));
            put("kind", Some("membership".into()));
            put("list_price", of("product", "list_price"));
            put("term_months", months.map(Value::Int));
            let least = (ground.number)("pt.min_term_months").unwrap_or(i64::MAX);
            let lessons = (ground.number)("pt.free_sessions").unwrap_or(0);
            put("free_pt", months.map(|months| reckon::free_lessons(months, least, lessons).into()));
            let start = day(own("start_on")).unwrap_or(today);
            put("end_on", months.filter(|months| *months > 0).map(|months| reckon::term_end(start, months).into()));
        }
        "pt_grant" => {
            put("term_months", of("membership", "term_months"));
            let days = (ground.number)("pt.valid_days");
            put("valid_until", days.map(|days| reckon::plus_days(today, days).into()));
        }
        "leave" => {
            let leaves = known.get("membership").and_then(Value::as_id).map(|card| (ground.earlier)("leave", card));
            let counted: Vec<Record> = leaves
                .into_iter()
                .flatten()
                .filter(|leave| {
                    let state = leave.guarded(PROGRESS).and_then(|group| group.get("state")).and_then(Value::as_text);
                    matches!(state, Some("approved" | "running" | "ended"))
                })
                .collect();
            let days = |leave: &Record| {
                let actual = leave.get("actual_days").and_then(Value::as_int);
                let on = |key: &str| leave.get(key).and_then(Value::as_day);
                let planned = || Some(reckon::days_between(on("start_on")?, on("planned_end_on")?));
                actual.or_else(planned).unwrap_or(0)
            };
            put("times_used", Some(Value::Int(counted.len() as i64)));
            let total = int(of("membership", "product.leave_days"));
            let left = total.map(|total| (total - counted.iter().map(days).sum::<i64>()).max(0));
            put("days_left", left.map(Value::Int));
            put("old_end_on", of("membership", "end_on"));
        }
        "leave_end" => {
            let leave = running_leave(&known, scene, ground);
            let start = leave.as_ref().and_then(|leave| leave.get("start_on")).and_then(Value::as_day);
            put("leave_start_on", start.map(Value::from));
            if let (Some(start), Some(back)) = (start, day(own("return_on"))) {
                put("actual_days", Some(reckon::days_between(start, back).max(0).into()));
                put("new_end_on", end.and_then(|end| reckon::leave_end(start, back, end).day()).map(Value::from));
            }
        }
        "transfer" => {
            let left = end.map(|end| (reckon::days_between(today, end) + 1).max(0));
            put("remaining_days", left.map(Value::Int));
        }
        "refund" => {
            let paid = int(of("membership", "paid_amount"));
            put("paid_amount", paid.map(Value::Int));
            if let (Some(paid), Some(start), Some(end)) = (paid, day(of("membership", "start_on")), end) {
                let leaves = known.get("membership").and_then(Value::as_id).map(|card| (ground.earlier)("leave", card));
                let away = leaves.into_iter().flatten();
                let away = away.filter_map(|leave| leave.get("actual_days").and_then(Value::as_int)).sum();
                let left = reckon::refund(paid, start, end, today, away, 0).fen();
                put("used_value", Some((paid - left).into()));
            }
        }
        "renewal" => {
            put("end_on", of("membership", "end_on"));
            if let (Some(end), Some(months)) = (end, int(of("product", "term_months"))) {
                put("new_end_on", Some(reckon::renewed_end(end, today, months).into()));
            }
        }
        "card_change" => {
            put("old_product", of("membership", "product"));
            put("old_term_months", of("membership", "term_months"));
            put("term_months", of("new_product", "term_months"));
        }
        "case" => {
            let opinion = form.field("complainant_name").is_none();
            put("kind", Some(if opinion { "opinion" } else { "complaint" }.into()));
            put("owner", own("first_person").or_else(|| own("received_by")).or(Some(scene.me.to_string().into())));
        }
        "rating" => put("rated_at", Some(scene.now.into())),
        "deposit" => {
            let Some(Value::List(charges)) = own("deductions") else { return };
            let fen = |charge: &Value| match charge {
                Value::List(parts) => parts.get(1).and_then(Value::as_int).unwrap_or(0),
                _ => 0,
            };
            put("deducted_sum", Some(charges.iter().map(fen).sum::<i64>().into()));
        }
        "trial_pass" => put("issued_by", Some(scene.me.to_string().into())),
        _ => {}
    }
}

/// The number of a paper of a kind that is numbered and has none yet. No other device gives it, so it is final at once.
/// Source: R-160, domain catalogue 18.3.
fn number(kind: &str, has: impl Fn(&str) -> bool, scene: &Scene<'_>) -> Option<(Key, Value)> {
    let (_, key) = PAPERS.into_iter().find(|(of, _)| *of == kind)?;
    let number = scene.paper_number.filter(|_| !has(key))?;
    Some((Key::of(key), number.into()))
}

/// The leave that a card is on, by what the clock has done since it was approved.
fn running_leave(values: &BTreeMap<Key, Value>, scene: &Scene<'_>, ground: &Ground<'_>) -> Option<Record> {
    let card = values.get("membership")?.as_id()?;
    let machine = ground.work.machines_of("leave").next()?;
    let leaves = (ground.earlier)("leave", card);
    leaves.into_iter().find(|leave| state(machine, leave, scene, ground).is_some_and(|state| &*state.key == "running"))
}

/// A leave of the same card that was begun before this one and meets its days, where neither came to nothing: two desks took
/// both in without knowing of each other.
#[must_use]
pub fn leave_before(leave: &Record, scene: &Scene<'_>, ground: &Ground<'_>) -> Option<Record> {
    let card = leave.get("membership")?.as_id()?;
    let machine = ground.work.machines_of("leave").next()?;
    let counts = |leave: &Record| {
        let state = state(machine, leave, scene, ground);
        state.is_some_and(|state| !state.is_end && &*state.key != "draft")
    };
    let days = |leave: &Record| {
        let day = |key: &str| leave.get(key)?.as_day();
        Some((day("start_on")?, day("planned_end_on")?))
    };
    let (from, until) = days(leave).filter(|_| counts(leave))?;
    let meets = |other: &Record| days(other).is_some_and(|(start, end)| start < until && from < end);
    let others = (ground.earlier)("leave", card).into_iter();
    others.filter(|other| other.begun() < leave.begun() && meets(other)).find(counts)
}

/// Puts full numbers of identity documents into their circle; the paper keeps them masked. Source: R-146.
fn keep_numbers<'f>(
    fields: impl Iterator<Item = &'f Field>,
    of: RecordId,
    person: Option<&Record>,
    values: &mut BTreeMap<Key, Value>,
    scene: &Scene<'_>,
    ids: Ids<'_>,
) -> Vec<Edit> {
    let mut edits = Vec::new();
    for field in fields.filter(|field| is_identity(field)) {
        let Some(number) = values.get(field.key.as_str()).and_then(Value::as_text) else { continue };
        if number.contains('*') {
            continue;
        }
        let mut draw = Draw::new("identity", ids(), Audience::Circle(scene.venue, circle::IDENTITY.into()));
        draw.put("of", of);
        draw.put("field", field.key.as_str());
        draw.put("number", number);
        if let Some(person) = person {
            draw.put("person", person.id);
        }
        draw.captured(scene);
        edits.push(draw.done());
        let masked = masked_id(number);
        values.insert(field.key.clone(), masked.into());
    }
    edits
}

/// Whether a field holds the number of an identity document.
#[must_use]
pub fn is_identity(field: &Field) -> bool {
    matches!(field.kind, FieldType::ResidentId | FieldType::Passport)
        || field.rules().any(|rule| matches!(rule, Rule::IdNumber | Rule::IdNumberOf(_)))
        || field.key.as_str() == "complainant_id_no"
}

/// The steps that a form's own answers have taken already, those that fit in their order: a talk that ended is not left
/// open, a tour that is written down has set out, and an agreement with its signatures is signed.
fn onward<'w>(
    kind: &'static str,
    values: &BTreeMap<Key, Value>,
    work: &'w Work,
) -> impl Iterator<Item = (&'w Machine, &'static str)> {
    let steps: &[&str] = match (kind, values.get("outcome").and_then(Value::as_text)) {
        ("negotiation", Some("signed")) => &["sign"],
        ("negotiation", Some("follow_up")) => &["follow"],
        ("tour", _) => &["start", "start_with_pass"],
        ("agreement", _) => &["sign", "sign_application"],
        _ => &[],
    };
    work.machines_of(kind).take(1).flat_map(move |machine| steps.iter().map(move |step| (machine, *step)))
}

/// Steps of other records that a paper takes along: a renewal renews the card, a return ends the leave, a tour takes the
/// visit with it and so does a talk that ends in yes, a ticket says that who booked has come. What cannot be taken now is left for somebody to look at.
fn goes_along(
    kind: &str,
    values: &BTreeMap<Key, Value>,
    scene: &Scene<'_>,
    ground: &Ground<'_>,
    ids: Ids<'_>,
) -> Vec<Edit> {
    let text = |key: &str| values.get(key).and_then(Value::as_text);
    let (record, steps, typed): (Record, &[&str], Vec<(Key, Value)>) = match kind {
        "renewal" if text("result") == Some("renewed") => {
            let Some(card) = values.get("membership").and_then(Value::as_id).and_then(ground.lookup) else {
                return Vec::new();
            };
            let product = values.get("product").and_then(Value::as_id).and_then(ground.lookup);
            let months = product.and_then(|product| product.get("term_months").cloned());
            let today: Day = scene.now.day(scene.offset_minutes);
            let mut typed = vec![(Key::of("renewed_on"), today.into())];
            typed.extend(months.map(|months| (Key::of("term_months"), months)));
            (card.into_owned(), &["renew", "renew_late"], typed)
        }
        "leave_end" => {
            let Some(leave) = running_leave(values, scene, ground) else { return Vec::new() };
            let back = values.get("return_on").cloned().map(|back| (Key::of("ended_on"), back));
            (leave, &["return"], back.into_iter().collect())
        }
        "tour" => {
            let Some(visit) = values.get("visit").and_then(Value::as_id).and_then(ground.lookup) else {
                return Vec::new();
            };
            (visit.into_owned(), &["tour", "tour_with_pass"], Vec::new())
        }
        "negotiation" if text("outcome") == Some("signed") => {
            let Some(visit) = values.get("visit").and_then(Value::as_id).and_then(ground.lookup) else {
                return Vec::new();
            };
            (visit.into_owned(), &["sign"], Vec::new())
        }
        "ticket" => {
            let Some(booking) = values.get("booking").and_then(Value::as_id).and_then(ground.lookup) else {
                return Vec::new();
            };
            (booking.into_owned(), &["arrive"], Vec::new())
        }
        _ => return Vec::new(),
    };
    let typed = typed.into_iter().collect();
    let machines = ground.work.machines.iter().filter(|machine| runs(machine, record.kind().as_str()));
    // The number is for the paper itself.
    let scene = &Scene { paper_number: None, ..*scene };
    for machine in machines {
        for key in steps {
            if let Ok(edits) = step(&record, machine, key, &typed, None, scene, ground, ids) {
                return edits;
            }
        }
    }
    Vec::new()
}

/// Papers that agree on a time with a guest: by which step, where they keep it, what it is for, and with whom. Source: F-07,
/// SM-01, SM-05, SM-14.
const AGREE: [(&str, Option<&str>, &str, &str, &str); 4] = [
    ("tracking", None, "appointment_at", "", ""),
    ("trial", None, "appointment_at", "trial", "host"),
    ("trial", Some("booked"), "appointment_at", "trial", "host"),
    ("pt_grant", Some("booked"), "test_at", "pt_test", "coach"),
];

/// What a paper agreed on with a guest, as an appointment. One for the same that is still to come is moved there, so that
/// nobody waits twice.
fn appoint(
    kind: &str,
    values: &BTreeMap<Key, Value>,
    to: Option<&str>,
    person: &Record,
    scene: &Scene<'_>,
    ground: &Ground<'_>,
    ids: Ids<'_>,
) -> Vec<Edit> {
    let text = |key: &str| values.get(key).and_then(Value::as_text);
    let Some((.., at, what, with)) = AGREE.into_iter().find(|(of, step, ..)| *of == kind && *step == to) else {
        return Vec::new();
    };
    let at = values.get(at).filter(|at| at.as_at().is_some_and(|at| at > scene.now));
    let (Some(at), Some(machine)) = (at, ground.work.machines_of("appointment").next()) else { return Vec::new() };
    if text("closed").is_some() {
        return Vec::new();
    }
    let what = text("appointment_kind").unwrap_or(what);
    let scene = &Scene { paper_number: None, ..*scene };
    let is_waited_for = |other: &Record| {
        let is_booked = state(machine, other, scene, ground).is_some_and(|state| &*state.key == "booked");
        is_booked && other.text("kind") == Some(what)
    };
    let before = (ground.earlier)("appointment", person.id).into_iter().filter(is_waited_for);
    if let Some(before) = before.max_by_key(Record::begun) {
        let typed = BTreeMap::from([(Key::of("start_at"), at.clone())]);
        let mut edits = step(&before, machine, "move", &typed, None, scene, ground, ids).unwrap_or_default();
        // The paper itself says what that means for the guest.
        edits.retain(|edit| edit.record == before.id);
        return edits;
    }
    let mut draw = Draw::new("appointment", ids(), audience_for_paper("appointment", Some(person), scene));
    draw.put("person", person.id);
    if !what.is_empty() {
        draw.put("kind", what);
    }
    draw.put("start_at", at.clone());
    draw.put("staff", text(with).map_or_else(|| scene.me.to_string(), str::to_owned));
    draw.captured(scene);
    let mut sketch = Sketch::new(draw.done(), BTreeMap::new());
    match sketch.walk(machine, "book", None, scene, ground, &posts(scene), ids) {
        Ok(()) => sketch.edits,
        Err(_) => Vec::new(),
    }
}

/// The appointments of a guest that their coming today keeps: each then says by which visit. Of a day, those that are still
/// waited for and those that were missed. Source: T-012.
#[must_use]
pub fn keep_appointments(person: RecordId, visit: RecordId, scene: &Scene<'_>, ground: &Ground<'_>) -> Vec<Edit> {
    let today = scene.now.day(scene.offset_minutes);
    let is_kept = |record: &Record| {
        let at = record.get("start_at").and_then(Value::as_at);
        missed(record, scene, ground).is_some() && at.is_some_and(|at| at.day(scene.offset_minutes) == today)
    };
    let all = (ground.earlier)("appointment", person).into_iter().filter(is_kept);
    let kept = all.filter(|record| may_change(record, scene)).map(|record| {
        let mut draw = Draw::new("appointment", record.id, record.audience().clone());
        draw.put("visit", visit);
        draw.done()
    });
    kept.collect()
}

/// Whether the guest of an appointment was waited for in vain; `None` where nobody waits for them any more.
#[must_use]
pub fn missed(appointment: &Record, scene: &Scene<'_>, ground: &Ground<'_>) -> Option<bool> {
    let machine = ground.work.machines_of("appointment").next().filter(|_| !appointment.is("withdrawn"))?;
    match &*state(machine, appointment, scene, ground)?.key {
        "booked" => Some(false),
        "missed" => Some(true),
        _ => None,
    }
}

/// A record's values with what was typed over them.
fn values_of(record: &Record, typed: &BTreeMap<Key, Value>) -> BTreeMap<Key, Value> {
    let mut values: BTreeMap<Key, Value> =
        record.fields().filter_map(|(key, _)| Some((key.clone(), record.get(key.as_str())?.clone()))).collect();
    values.extend(typed.iter().map(|(key, value)| (key.clone(), value.clone())));
    values
}

/// What a paper, or a step that brought it `to` a state, changes about its person. Source: SM-01, W-19, R-150.
fn about_person(
    kind: &str,
    values: &BTreeMap<Key, Value>,
    to: Option<&str>,
    id: RecordId,
    person: &Record,
    now: Millis,
) -> Vec<Write> {
    let text = |key: &str| values.get(key).and_then(Value::as_text);
    let mut writes: Vec<Write> = Vec::new();
    let mut put = |key: &str, value: Value| {
        if person.get(key) != Some(&value) && !(value.is_empty() && person.get(key).is_none()) {
            writes.push(schema::write("person", key, value));
        }
    };
    let stage = person.text("stage").unwrap_or("new");
    let is_open = !matches!(stage, "won" | "do_not_contact");
    if to.is_none() && matches!(kind, "tracking" | "retention" | "opportunity" | "renewal" | "negotiation") {
        put(protection::LAST_CONTACT, now.into());
    }
    match (kind, to) {
        ("tracking", None) => {
            let reached = text("contact_result") == Some("reached");
            let failed = person.get("failed_calls").and_then(Value::as_int).unwrap_or(0);
            if reached {
                put("failed_calls", 0.into());
            } else if text("contact_result") == Some("no_answer") {
                put("failed_calls", (failed + 1).min(999).into());
            }
            if let Some(intent) = values.get("intent") {
                put("intent", intent.clone());
            }
            let appointed = values.get("appointment_at").cloned();
            let next = appointed.clone().or_else(|| values.get("next_contact_at").cloned());
            match text("closed") {
                Some("do_not_contact") => {
                    put("do_not_contact", true.into());
                    put("consent_contact", false.into());
                    put("next_contact_at", Value::Empty);
                    put("stage", "do_not_contact".into());
                }
                Some("lost") if is_open => {
                    put("next_contact_at", Value::Empty);
                    put("stage", "lost".into());
                }
                _ => {
                    put("next_contact_at", next.unwrap_or(Value::Empty));
                    if let Some(at) = appointed {
                        put("visit_plan_at", at);
                        if is_open {
                            put("stage", "appointed".into());
                        }
                    } else if reached && matches!(stage, "new" | "dormant" | "lost") {
                        put("stage", "contacted".into());
                    }
                }
            }
        }
        ("appointment", None | Some("booked")) if is_open => {
            if let Some(at) = values.get("start_at") {
                put("visit_plan_at", at.clone());
                put("next_contact_at", at.clone());
                if matches!(stage, "new" | "contacted" | "tracking" | "dormant" | "lost") {
                    put("stage", "appointed".into());
                }
            }
        }
        // Who comes no more then is called, to agree on another day.
        ("appointment", Some("cancelled")) if person.get("visit_plan_at") == values.get("start_at") => {
            put("visit_plan_at", Value::Empty);
            put("next_contact_at", now.into());
            if stage == "appointed" {
                put("stage", "contacted".into());
            }
        }
        ("retention" | "opportunity" | "renewal", None) => {
            if let Some(next) = values.get("next_contact_at") {
                put("next_contact_at", next.clone());
            }
        }
        ("negotiation", None) => {
            if let Some(intent) = values.get("intent") {
                put("intent", intent.clone());
            }
            let next = match text("outcome") {
                Some("follow_up") => Some("tracking"),
                Some("lost") => Some("lost"),
                _ => Some("negotiating"),
            };
            if let Some(stage) = next.filter(|_| is_open) {
                put("stage", stage.into());
            }
            if let Some(next) = values.get("next_contact_at") {
                put("next_contact_at", next.clone());
            }
        }
        ("negotiation", Some("lost")) if is_open => put("stage", "lost".into()),
        ("negotiation", Some("follow_up")) if is_open => put("stage", "tracking".into()),
        ("agreement", Some("paid")) => {
            put("stage", "won".into());
            put("contract", id.into());
            put("next_contact_at", Value::Empty);
        }
        _ => {}
    }
    // Who wants no contact is never planned to be called again.
    if person.is("do_not_contact") {
        writes.retain(|write| write.key.as_str() != "next_contact_at" && write.key.as_str() != "stage");
    }
    writes
}

/// Adds the person's edit, where I may write to them.
fn add_edit(edits: &mut Vec<Edit>, person: &Record, writes: Vec<Write>, scene: &Scene<'_>) {
    if !writes.is_empty() && may_change(person, scene) {
        let (kind, audience) = (person.kind().clone(), person.audience().clone());
        edits.push(Edit { record: person.id, kind, audience, salt: [0; 8], writes });
    }
}

#[cfg(test)]
mod tests;
