//! What the fields of one form share: the draft, what was left, and what is wrong by now.

use std::collections::BTreeSet;

use crate::view::prelude::*;
use yingke_core::{
    change::Key,
    form::{Context, Draft, Problem, ProblemCode, is_asked, may_stay_empty},
    id::RecordId,
    pack::{Field, FieldType, Form, ListOf, Pack},
};

use super::{
    context,
    problem::{is_choice, problem_words},
    reference::person_in,
};
use crate::{
    roster::{Me, Roster},
    screens::record_title::title_of,
    words::Words,
};

/// Where the id of the person to go on with stands in a draft.
pub(super) const PERSON: &str = "person";

/// What the fields of one form share.
#[derive(Clone, Copy)]
pub(super) struct Sheet {
    pub(super) roster: Roster,
    pub(super) me: StoredValue<Me>,
    pub(super) w: Signal<Words>,
    pub(super) pack: &'static Pack,
    pub(super) form: StoredValue<Form>,
    pub(super) draft: RwSignal<Draft>,
    /// The fields that were left.
    pub(super) left: RwSignal<BTreeSet<Key>>,
    /// Pictures that are being taken: a save waits for them.
    pub(super) taking: RwSignal<u32>,
    /// A save was tried: everything is checked from then on.
    pub(super) tried: RwSignal<bool>,
    pub(super) problems: Memo<Vec<Problem>>,
    /// Keeps the draft at the end of the frame.
    pub(super) typed: Callback<()>,
}

impl Sheet {
    pub(super) fn get(self, key: &Key) -> String {
        self.draft.with(|draft| draft.get(key.as_str()).to_owned())
    }

    pub(super) fn set(self, key: &Key, typed: String) {
        self.draft.update(|draft| draft.set(key, typed));
        self.typed.run(());
    }

    pub(super) fn codes(self, key: &Key) -> Vec<String> {
        self.draft.with(|draft| draft.codes(key.as_str()).map(str::to_owned).collect())
    }

    /// Whom the form is about, as far as it says so by now.
    pub(super) fn about(self) -> Option<RecordId> {
        self.form.with_value(|form| self.draft.with(|draft| person_in(form, draft)))
    }

    pub(super) fn person(self) -> Option<RecordId> {
        self.draft.with(|draft| draft.get(PERSON).parse().ok())
    }

    /// A field with a condition appears when that holds; what was typed into it never hides.
    pub(super) fn is_shown(self, field: &Field) -> bool {
        self.form.with_value(|form| self.draft.with(|draft| self.in_context(|now| is_asked(form, field, draft, now))))
    }

    pub(super) fn may_stay_empty(self, field: &Field) -> bool {
        self.form
            .with_value(|form| self.draft.with(|draft| self.in_context(|now| may_stay_empty(form, field, draft, now))))
    }

    fn in_context<T>(self, question: impl FnOnce(&Context<'_>) -> T) -> T {
        self.me.with_value(|me| question(&context(&self.roster, me, None, None)))
    }

    /// What is wrong with a field, once it was left or a save was tried. Empty is wrong only for a save.
    pub(super) fn problem(self, key: &Key) -> Option<ProblemCode> {
        let tried = self.tried.get();
        if !tried && !self.left.with(|left| left.contains(key)) {
            return None;
        }
        let found = self.problems.with(|problems| problems.iter().find(|problem| problem.field == *key).cloned());
        found
            .map(|problem| problem.code)
            .filter(|code| tried || !matches!(code, ProblemCode::Required | ProblemCode::NotTicked { .. }))
    }

    pub(super) fn label(self, key: &Key) -> String {
        let language = self.w.get().0;
        self.form.with_value(|form| {
            form.field(key.as_str()).map(|field| field.label.in_language(language).to_owned()).unwrap_or_default()
        })
    }

    /// What is wrong, and the way out, in words.
    pub(super) fn sentence(self, key: &Key, code: &ProblemCode) -> String {
        let field = self.form.with_value(|form| form.field(key.as_str()).cloned());
        let is_choice = field.as_ref().is_some_and(is_choice);
        let is_instant = field.as_ref().is_some_and(|field| field.kind == FieldType::Datetime);
        // Empty is not written where it is signed.
        let is_picture =
            |kind: &FieldType| matches!(kind, FieldType::Photo | FieldType::File | FieldType::List(ListOf::Photos));
        if field.as_ref().is_some_and(|field| is_picture(&field.kind)) && *code == ProblemCode::Required {
            return self.w.get().picture_missing().to_owned();
        }
        if let ProblemCode::CardTaken { holder } = code {
            let record = untrack(|| self.roster.record(*holder)).filter(|record| self.roster.may_see(record));
            let whose = record.map(|record| title_of(self.roster, self.w.get(), &record));
            return match whose {
                Some(whose) => self.w.get().problem_card_of(self.get(key), whose),
                None => self.w.get().problem_card_taken().to_owned(),
            };
        }
        let is_signed = field.is_some_and(|field| field.kind == FieldType::Signature);
        let code = if is_signed && *code == ProblemCode::Required { &ProblemCode::NotTaken } else { code };
        problem_words(self.w.get(), code, &self.get(key), is_choice, is_instant, |other| self.label(other))
    }
}
/// How a form treats people behind a number.
#[derive(Clone, Copy)]
pub(super) struct PersonOf {
    pub(super) finds_person: bool,
    pub(super) is_about: Option<RecordId>,
    pub(super) on_open: Option<Callback<RecordId>>,
}
/// The id of a field on the page.
pub(super) fn field_id(key: &Key) -> String {
    format!("field-{key}")
}
