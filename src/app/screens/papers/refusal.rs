//! Why a step cannot be taken, in a sentence.

use yingke_core::{
    paper::field_of,
    reckon::{LeaveProblem, leave_problems},
    record::Record,
    value::Value,
    work::{Call, Machine},
    workflow::{Facts, Refusal, value_at},
};

use crate::{roster::Roster, screens::door::role_word, words::Words};

/// What is refused: a paper that is there, or one of a kind that is just being begun.
#[derive(Clone, Copy)]
pub struct Of<'a> {
    pub kind: &'a str,
    pub record: Option<&'a Record>,
}

impl<'a> From<&'a Record> for Of<'a> {
    fn from(record: &'a Record) -> Self {
        Self { kind: record.kind().as_str(), record: Some(record) }
    }
}

/// What whoever took the step reads.
#[must_use]
pub fn refusal_text(roster: Roster, words: Words, machine: Option<&Machine>, of: Of<'_>, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Unknown => words.paper_refused_unknown().to_owned(),
        Refusal::NotFrom { state } => {
            let key = state.as_deref().unwrap_or_default();
            let state = machine.and_then(|machine| machine.state(key));
            let state = state.map_or(key, |state| state.label.in_language(words.0));
            words.paper_refused_not_from(state)
        }
        Refusal::NotYours { by } => words.paper_refused_not_yours(who(words, by)),
        Refusal::Unmet(unmet) => words.paper_refused_unmet(unmet_text(roster, words, of, unmet)),
    }
}

/// Who takes a step, in words.
#[must_use]
pub fn who(words: Words, by: &[Box<str>]) -> String {
    let named: Vec<&str> = by
        .iter()
        .map(|by| match &**by {
            "any" => words.who_any(),
            "system" => words.who_system(),
            "supervisor" | "superior" | "reviewer" => words.who_supervisor(),
            by => yingke_core::audience::Role::from_key(by).map_or(words.who_owner(), |role| role_word(words, role)),
        })
        .collect();
    let mut once: Vec<&str> = Vec::new();
    for name in named {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once.join(words.list_comma())
}

/// What is missing, guard by guard.
#[must_use]
pub fn unmet_text(roster: Roster, words: Words, of: Of<'_>, unmet: &[Call]) -> String {
    let texts: Vec<String> = unmet.iter().map(|call| one(roster, words, of, call)).collect();
    texts.join(words.list_comma())
}

/// The field that a guard is about. The state of another paper is asked of the field that names it.
fn asked_field(path: &str) -> &str {
    match path.rsplit_once('.') {
        Some((through, "state")) => asked_field(through),
        Some((_, key)) => key,
        None => path,
    }
}

fn one(roster: Roster, words: Words, of: Of<'_>, call: &Call) -> String {
    let label = |path: &str| {
        let (pack, key) = (roster.pack(), asked_field(path));
        let own = field_of(pack, of.kind, key);
        let field = own.or_else(|| pack.forms.iter().find_map(|form| form.field(key)));
        field.map_or_else(|| key.replace('_', " "), |field| field.label.in_language(words.0).to_owned())
    };
    let first = call.argument(0);
    match &*call.name {
        "filled" | "any_filled" => {
            // A card is named by the number that was typed: there is none with it.
            let (passes, others): (Vec<_>, Vec<_>) = call.arguments.iter().partition(|path| &***path == "pass");
            let labels: Vec<String> = others.into_iter().map(|path| label(path)).collect();
            let typed = Some(labels).filter(|labels| !labels.is_empty());
            let typed = typed.map(|labels| words.unmet_filled(labels.join(words.list_comma())));
            let no_pass = (!passes.is_empty()).then(|| words.unmet_pass().to_owned());
            typed.into_iter().chain(no_pass).collect::<Vec<_>>().join(words.list_comma())
        }
        "if" | "unless" => words.unmet_filled(label(call.argument(2))),
        "yes" => words.unmet_yes(label(first)),
        "at_least_field" if first.ends_with(".balance") => words.unmet_balance().to_owned(),
        "is" | "not" | "positive" | "equals" | "at_least_field" | "longer" | "equals_parameter" | "at_least"
        | "below_parameter" | "elements" => words.unmet_value(label(first)),
        "reached" | "hours_since" | "days_since" => words.unmet_early(label(first)),
        "not_reached" | "future" | "below_hours" | "days_within" => words.unmet_late(label(first)),
        "ticked" => words.unmet_checklist().to_owned(),
        "court_free" => words.unmet_court().to_owned(),
        "reason" => words.unmet_reason().to_owned(),
        "leave_allowed" => {
            let why = of.record.map(|record| leave_text(roster, words, record)).unwrap_or_default();
            words.unmet_leave(why)
        }
        other => words.unmet_other(other),
    }
}

fn leave_text(roster: Roster, words: Words, record: &Record) -> String {
    let problems = roster.papers(&[], |scene, ground| {
        let read = |path: &str| -> Option<Value> { value_at(record, path, ground.lookup) };
        leave_problems(&Facts {
            now: scene.now,
            offset_minutes: scene.offset_minutes,
            read: &read,
            number: ground.number,
            pack: scene.pack,
            reason: None,
            court_free: false,
        })
    });
    let word = |problem: LeaveProblem| match problem {
        LeaveProblem::NotAllowed => words.leave_problem_never(),
        LeaveProblem::NoTimesLeft => words.leave_problem_times(),
        LeaveProblem::TooManyDays { .. } => words.leave_problem_days(),
        LeaveProblem::TooShort { .. } => words.leave_problem_short(),
        LeaveProblem::NoDays => words.leave_problem_no_days(),
        LeaveProblem::SpecialByPhone => words.leave_problem_phone(),
        LeaveProblem::NoEvidence => words.leave_problem_evidence(),
        LeaveProblem::AfterTheEnd => words.leave_problem_end(),
    };
    let texts: Vec<&str> = problems.unwrap_or_default().into_iter().map(word).collect();
    texts.join(words.list_comma())
}

#[cfg(test)]
mod tests {
    use super::asked_field;

    #[test]
    fn the_state_of_another_paper_is_called_by_the_field_that_names_it() {
        assert_eq!(asked_field("membership.state"), "membership");
        assert_eq!(asked_field("membership.card_no"), "card_no");
        assert_eq!(asked_field("start_on"), "start_on");
    }
}
