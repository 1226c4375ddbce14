//! What a pack keeps that takes the place of another: what the program relies on, what records were written with, and
//! what keeps the hard rules of the manuals.

use super::{Field, FieldType, Form, KINDS, Pack, Packs, Required, Rule, VenueKind};
use crate::{
    named::BY_HAND,
    schema::is_own,
    work::{Call, Enforce, HouseRule, Machine, Step, Work},
};

/// Something that is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    pub fault: String,
    /// Where it is in the file: what this stands after, one after the other, as far as each is there.
    pub after: Vec<String>,
}

fn lack<T>(fault: String, after: &[String]) -> Result<T, Lack> {
    Err(Lack { fault, after: after.to_vec() })
}

fn id(id: &str) -> String {
    format!("id = {id:?}")
}

fn key(key: &str) -> String {
    format!("key = {key:?}")
}

/// Whether packs keep all that those that ship are relied on for.
///
/// # Errors
/// The first thing that they do not keep.
pub fn check(packs: &Packs, shipped: &Packs) -> Result<(), Lack> {
    KINDS.into_iter().try_for_each(|kind| {
        let (pack, had) = (packs.pack(kind), shipped.pack(kind));
        had.forms.iter().try_for_each(|form| check_form(form, pack))?;
        check_codes(pack, had)?;
        check_rest(pack, had)?;
        let (work, before) = (packs.work(kind), shipped.work(kind));
        before.machines.iter().try_for_each(|machine| check_machine(machine, work, kind))?;
        before.rules.iter().filter(|rule| rule.enforce == Enforce::Hard).try_for_each(|rule| {
            check_rule(rule, work)?;
            rule.kept_by.iter().try_for_each(|keeper| check_keeper(keeper, rule, (pack, work), (had, before)))
        })
    })
}

/// Whether packs keep what records may hold that were written with others: codes, states, and the types of fields that
/// the club added.
///
/// # Errors
/// The first thing that they do not keep.
pub fn check_records(packs: &Packs, before: &Packs) -> Result<(), Lack> {
    KINDS.into_iter().try_for_each(|kind| {
        let (pack, had) = (packs.pack(kind), before.pack(kind));
        check_codes(pack, had)?;
        for field in had.forms.iter().flat_map(Form::fields).filter(|field| is_own(field.key.as_str())) {
            let mut now = pack.forms.iter().filter_map(|form| Some((form, form.field(field.key.as_str())?)));
            if let Some((form, other)) = now.find(|(_, other)| !is_of_same_type(&other.kind, &field.kind)) {
                let fault =
                    format!("`{}` held something else once, in whichever form: give it another name", other.key);
                return lack(fault, &[id(&form.id), key(other.key.as_str())]);
            }
        }
        let work = packs.work(kind);
        before.work(kind).machines.iter().try_for_each(|machine| {
            let states = work.machine(&machine.id).map_or(&[][..], |now| &now.states);
            match machine.states.iter().find(|state| states.iter().all(|now| now.key != state.key)) {
                Some(state) => lack(format!("{} has no state `{}`", machine.id, state.key), &[id(&machine.id)]),
                None => Ok(()),
            }
        })
    })
}

/// More letters, or other bounds, are the same type.
fn is_of_same_type(one: &FieldType, other: &FieldType) -> bool {
    match (one, other) {
        (FieldType::Text(_), FieldType::Text(_)) | (FieldType::Int(_, _), FieldType::Int(_, _)) => true,
        _ => one == other,
    }
}

fn check_form(form: &Form, pack: &Pack) -> Result<(), Lack> {
    let after = [id(&form.id)];
    let Some(now) = pack.form(&form.id) else {
        return lack(format!("{} venues have no form {}", pack.kind.key(), form.id), &after);
    };
    if now.record != form.record {
        return lack(format!("form {} writes `{}`, not `{}`", form.id, form.record, now.record), &after);
    }
    let is_by_hand = BY_HAND.contains(&&*form.id);
    for field in form.fields() {
        let after = [id(&form.id), key(field.key.as_str())];
        match now.field(field.key.as_str()) {
            None if is_by_hand => {
                return lack(
                    format!("form {} has a screen of its own, which asks for `{}`: it stays", form.id, field.key),
                    &after,
                );
            }
            None => {}
            Some(now) if now.kind != field.kind => {
                return lack(format!("`{}` of form {} is of another type", field.key, form.id), &after);
            }
            Some(now) if is_by_hand && now.required != field.required => {
                return lack(
                    format!("form {} has a screen of its own, which asks for `{}` as it ships", form.id, field.key),
                    &after,
                );
            }
            Some(now) => {
                // What is masked and goes into a circle of its own is known by these.
                let of_document = |rule: &&Rule| matches!(rule, Rule::IdNumber | Rule::IdNumberOf(_));
                if field.rules().filter(of_document).any(|rule| now.rules().all(|now| now != rule)) {
                    let fault = format!("`{}` of form {} is the number of a document no more", field.key, form.id);
                    return lack(fault, &after);
                }
            }
        }
    }
    if is_by_hand {
        let is_there = |key: &str| now.sections.iter().any(|section| &*section.key == key);
        if let Some(gone) = form.sections.iter().find(|section| !is_there(&section.key)) {
            return lack(format!("form {} has no section `{}`", form.id, gone.key), &after);
        }
        if let Some(more) = now.fields().find(|field| form.field(field.key.as_str()).is_none()) {
            return lack(
                format!("form {} has a screen of its own, which asks for no more", form.id),
                &[id(&form.id), key(more.key.as_str())],
            );
        }
    }
    Ok(())
}

fn check_codes(pack: &Pack, before: &Pack) -> Result<(), Lack> {
    before.lists.iter().try_for_each(|(list, items)| {
        let is_there = |code: &str| pack.list(list).iter().any(|item| &*item.key == code);
        match items.iter().find(|item| !is_there(&item.key)) {
            Some(gone) => lack(
                format!(
                    "there is no item `{}` of list `{list}`: records may hold it; let it be offered `nowhere`",
                    gone.key
                ),
                &[key(list)],
            ),
            None => Ok(()),
        }
    })
}

fn check_rest(pack: &Pack, before: &Pack) -> Result<(), Lack> {
    for (name, parameter) in before.parameters() {
        match pack.parameter(name) {
            None => return lack(format!("there is no parameter `{name}`"), &[]),
            Some(now) if now.unit != parameter.unit => {
                return lack(format!("`{name}` counts something else"), &[key(name)]);
            }
            Some(now) if now.values.is_empty() && !parameter.values.is_empty() => {
                return lack(format!("`{name}` has no value"), &[key(name)]);
            }
            Some(_) => {}
        }
    }
    for checklist in &before.checklists {
        let now = pack.checklist(&checklist.id).map_or(&[][..], |now| &now.items);
        if let Some(gone) = checklist.items.iter().find(|item| now.iter().all(|now| now.key != item.key)) {
            return lack(
                format!("checklist {} has no item `{}`, which records may have ticked", checklist.id, gone.key),
                &[id(&checklist.id)],
            );
        }
    }
    if let Some(prompt) = before.prompts.iter().find(|prompt| pack.prompt(&prompt.id).is_none()) {
        return lack(format!("{} venues have no talk {}", pack.kind.key(), prompt.id), &[id(&prompt.id)]);
    }
    for route in &before.routes {
        // Likes are kept by the place of their stop.
        let now = pack.route(&route.key).map_or(&[][..], |now| &now.stops);
        let mut places = route.stops.iter().enumerate();
        if let Some((_, stop)) = places.find(|(at, stop)| now.get(*at).is_none_or(|now| now.key != stop.key)) {
            let fault = format!("route `{}` has `{}` no more at its place; add stops at the end", route.key, stop.key);
            return lack(fault, &[key(&route.key)]);
        }
    }
    Ok(())
}

fn check_machine(machine: &Machine, work: &Work, kind: VenueKind) -> Result<(), Lack> {
    let after = [id(&machine.id)];
    let Some(now) = work.machine(&machine.id) else {
        return lack(format!("{} venues have no machine {}", kind.key(), machine.id), &after);
    };
    if (&now.records, &now.place) != (&machine.records, &machine.place) {
        return lack(format!("{} runs something else", machine.id), &after);
    }
    if let Some(gone) = machine.states.iter().find(|state| now.state(&state.key).is_none()) {
        return lack(format!("{} has no state `{}`", machine.id, gone.key), &after);
    }
    let is_as_before = |step: &&Step| {
        now.steps
            .iter()
            .any(|now| now.key == step.key && now.to == step.to && step.from.iter().all(|from| now.from.contains(from)))
    };
    match machine.steps.iter().find(|step| !is_as_before(step)) {
        Some(step) => lack(
            format!("{} has no step `{}` to `{}` from where it was", machine.id, step.key, step.to),
            &[id(&machine.id), key(&step.key)],
        ),
        None => Ok(()),
    }
}

fn check_rule(rule: &HouseRule, work: &Work) -> Result<(), Lack> {
    let now = work.rules.iter().find(|now| now.id == rule.id);
    let keeps = |now: &HouseRule| {
        now.enforce == Enforce::Hard && rule.kept_by.iter().all(|keeper| now.kept_by.contains(keeper))
    };
    if now.is_some_and(keeps) {
        return Ok(());
    }
    lack(format!("{} is a hard rule, kept by {}", rule.id, rule.kept_by.join(", ")), &[id(&rule.id)])
}

/// Whether what keeps a hard rule asks for as much as before, of nobody else.
fn check_keeper(
    keeper: &str,
    rule: &HouseRule,
    (pack, work): (&Pack, &Work),
    before: (&Pack, &Work),
) -> Result<(), Lack> {
    let Some((machine, step)) = keeper.split_once('.') else {
        return before.0.form(keeper).map_or(Ok(()), |form| check_keeping_form(form, rule, pack));
    };
    let had: Vec<&Step> = steps(before.1, machine).iter().filter(|had| &*had.key == step).collect();
    let is_as_strict = |now: &Step, had: &Step| {
        now.to == had.to
            && had.needs.iter().all(|need| is_asked(need, &now.needs))
            && now.by.iter().all(|by| had.by.contains(by))
    };
    let mut now = steps(work, machine).iter().filter(|now| &*now.key == step);
    if now.all(|now| had.iter().any(|had| is_as_strict(now, had))) {
        return Ok(());
    }
    let fault = format!("step `{step}` of {machine} keeps {}, a hard rule: it may ask for more, and of fewer", rule.id);
    lack(fault, &[id(machine), key(step)])
}

/// Whether guards ask for what one asked for: more fields may have to be filled in, in whatever order.
fn is_asked(need: &Call, now: &[Call]) -> bool {
    let filled = || now.iter().filter(|call| call.name == need.name).flat_map(|call| &call.arguments);
    now.contains(need)
        || (&*need.name == "filled" && need.arguments.iter().all(|field| filled().any(|now| now == field)))
}

fn steps<'a>(work: &'a Work, machine: &str) -> &'a [Step] {
    work.machine(machine).map_or(&[], |machine| &machine.steps)
}

fn check_keeping_form(form: &Form, rule: &HouseRule, pack: &Pack) -> Result<(), Lack> {
    let asks = |field: &&Field| matches!(field.required, Required::Yes | Required::When(_) | Required::Unless(_));
    for field in form.fields().filter(asks) {
        let now = pack.form(&form.id).and_then(|now| now.field(field.key.as_str()));
        let is_as_strict = |now: &Field| {
            (now.required == Required::Yes || now.required == field.required)
                && field.rules().all(|rule| now.rules().any(|now| now == rule))
        };
        if !now.is_some_and(is_as_strict) {
            let fault = format!("form {} keeps {}, a hard rule, and asks for `{}`", form.id, rule.id, field.key);
            return lack(fault, &[id(&form.id), key(field.key.as_str())]);
        }
    }
    Ok(())
}
