//! Forms: what was typed, and what it comes to.
//!
//! A [`Draft`] holds what was typed, as typed. [`check`] reads it by the pack's form and gives either [`Filled`],
//! in which every value is valid by its type, or the problems in the order of the fields. What they are called is
//! the screen's to say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{
    change::Key,
    id::{RecordId, StaffId},
    identity::{IdentityError, Passport, ResidentId},
    money::{Money, MoneyError},
    name::{NameError, PersonName},
    pack::{Condition, DefaultValue, Field, FieldType, Form, Pack, Reference, Required, Rule, Test},
    phone::{PhoneError, PhoneNumber, Region},
    record::{CellTag, Record},
    schema::{self, PHONE_TYPED_CHARACTERS_MAX},
    time::{MINUTE_MS, Millis},
    typed::{self, NOTE_CHARACTERS_MAX, WholeError},
    value::Value,
};

/// What is being typed, unchecked: of each field its text. Kept so, it outlives a crash in mid-word.
///
/// Yes and no are `true` and `false`, codes their keys with commas between, references ids, times
/// `2026-11-22T10:00` of the venue's clock. Its `Debug` shows no content.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Draft(BTreeMap<Key, String>);

impl Draft {
    /// What was typed; empty where nothing was.
    #[must_use]
    pub fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    pub fn set(&mut self, key: &Key, typed: impl Into<String>) {
        let typed = typed.into();
        if typed.is_empty() {
            self.0.remove(key.as_str());
        } else {
            self.0.insert(key.clone(), typed);
        }
    }

    /// The codes of a field that takes several.
    pub fn codes(&self, key: &str) -> impl Iterator<Item = &str> {
        codes(self.get(key))
    }

    #[must_use]
    pub fn has_code(&self, key: &str, code: &str) -> bool {
        self.codes(key).any(|other| other == code)
    }

    /// Puts a code into a field that takes several, or takes it out.
    pub fn toggle(&mut self, key: &Key, code: &str) {
        let mut chosen: Vec<&str> = self.codes(key.as_str()).collect();
        match chosen.iter().position(|other| *other == code) {
            Some(place) => {
                chosen.remove(place);
            }
            None => chosen.push(code),
        }
        let typed = chosen.join(",");
        self.set(key, typed);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn codes(typed: &str) -> impl Iterator<Item = &str> {
    typed.split(',').map(str::trim).filter(|code| !code.is_empty())
}

/// Where and when a form is filled in, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub now: Millis,
    /// How far the venue's clocks are ahead of UTC.
    pub offset_minutes: i32,
    pub me: StaffId,
    /// The outing that is under way.
    pub outing: Option<RecordId>,
    pub pack: &'a Pack,
}

/// A form that can be saved: every value is valid by its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    form: Box<str>,
    values: BTreeMap<Key, Value>,
    phones_typed: BTreeMap<Key, Box<str>>,
}

impl Filled {
    /// `F-03`
    #[must_use]
    pub fn form(&self) -> &str {
        &self.form
    }

    pub fn values(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.values.iter()
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_text)
    }

    #[must_use]
    pub fn is(&self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    #[must_use]
    pub fn phone(&self, key: &str) -> Option<PhoneNumber> {
        self.text(key).and_then(PhoneNumber::from_e164)
    }

    /// A phone number as it was typed.
    #[must_use]
    pub fn phone_typed(&self, key: &str) -> Option<&str> {
        self.phones_typed.get(key).map(|typed| &**typed)
    }

    #[must_use]
    pub fn staff(&self, key: &str) -> Option<StaffId> {
        self.text(key).and_then(|text| text.parse().ok())
    }

    /// What a field that takes several holds.
    #[must_use]
    pub fn elements(&self, key: &str) -> &[Value] {
        match self.get(key) {
            Some(Value::List(elements)) => elements,
            _ => &[],
        }
    }
}

/// What keeps a form from being saved, and at which field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub field: Key,
    pub code: ProblemCode,
}

/// What there is to mend. The screen has the words for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemCode {
    Required,
    PhoneTooShort {
        missing: usize,
    },
    PhoneTooLong {
        extra: usize,
    },
    PhoneLetters,
    PhoneNotANumber,
    PhoneUnknownPrefix,
    NameTooLong {
        max: usize,
    },
    NameHasDigits,
    NameHasSymbols,
    TooLong {
        max: usize,
    },
    NotANumber,
    OutOfRange {
        min: i64,
        max: i64,
    },
    NotPositive,
    MoneyNegative,
    MoneyTooFine,
    MoneyTooMuch,
    NotADate,
    DateInFuture,
    DateInPast,
    /// Earlier than that field.
    BeforeField {
        field: Key,
    },
    /// More than that field.
    MoreThanField {
        field: Key,
    },
    IdLength {
        min: usize,
        max: usize,
    },
    IdCharacters,
    IdProvince,
    IdBirthDate,
    IdChecksum,
    /// Not a code of the list, or nobody and nothing that can be referred to.
    NotInList,
    /// So many items of the checklist are not ticked.
    NotTicked {
        missing: usize,
    },
    /// Without consent what that field holds must not be kept.
    ConsentNeeded {
        field: Key,
    },
}

/// A draft with the form's defaults, to begin with.
#[must_use]
pub fn begin(form: &Form, context: &Context<'_>) -> Draft {
    let mut draft = Draft::default();
    for field in form.fields().filter(|field| field.required != Required::Auto) {
        if let Some(value) = field.default.and_then(|default| default_value(field, default, context)) {
            draft.set(&field.key, typed_form(&field.kind, &value, context.offset_minutes));
        }
    }
    draft
}

/// A draft that holds what a record holds, to change it.
#[must_use]
pub fn draft_of(form: &Form, record: &Record, context: &Context<'_>) -> Draft {
    let mut draft = Draft::default();
    for field in form.fields() {
        let key = field.key.as_str();
        let value = match schema::field(record.kind().as_str(), key).map(|spec| spec.merge) {
            Some(CellTag::Set) => Some(Value::List(record.elements(key).cloned().collect())),
            _ => record.get(key).cloned(),
        };
        if let Some(value) = value {
            draft.set(&field.key, typed_form(&field.kind, &value, context.offset_minutes));
        }
    }
    draft
}

/// Checks a whole form.
///
/// # Errors
/// The problems, in the order of the fields, at most one for each.
pub fn check(form: &Form, draft: &Draft, context: &Context<'_>) -> Result<Filled, Vec<Problem>> {
    check_where(form, draft, context, |_| true)
}

/// Checks a form of which only some sections are due, such as the plan of an outing that has not begun: what is
/// typed elsewhere must be valid too, but may be missing.
///
/// # Errors
/// The problems, in the order of the fields, at most one for each.
pub fn check_sections(
    form: &Form,
    sections: &[&str],
    draft: &Draft,
    context: &Context<'_>,
) -> Result<Filled, Vec<Problem>> {
    check_where(form, draft, context, |section| sections.contains(&section))
}

fn check_where(
    form: &Form,
    draft: &Draft,
    context: &Context<'_>,
    is_due: impl Fn(&str) -> bool,
) -> Result<Filled, Vec<Problem>> {
    let mut values = BTreeMap::new();
    let mut phones_typed = BTreeMap::new();
    let mut code_by_field = BTreeMap::new();
    for field in form.fields() {
        match read(field, draft.get(field.key.as_str()), context) {
            Ok(Some(value)) => {
                if field.kind == FieldType::Phone {
                    let typed: String =
                        draft.get(field.key.as_str()).trim().chars().take(PHONE_TYPED_CHARACTERS_MAX).collect();
                    phones_typed.insert(field.key.clone(), typed.into());
                }
                values.insert(field.key.clone(), value);
            }
            Ok(None) => {}
            Err(code) => {
                code_by_field.insert(&field.key, code);
            }
        }
    }
    let mut problems = Vec::new();
    for section in &form.sections {
        let due = is_due(&section.key);
        for field in &section.fields {
            let missing = || {
                // What was typed and cannot be read counts as filled in for the conditions of others.
                let holds = |condition: &Condition| condition_holds(condition, &values, &code_by_field);
                let required = match &field.required {
                    Required::Yes => true,
                    Required::No | Required::Auto => false,
                    Required::When(conditions) => conditions.iter().any(holds),
                    Required::Unless(conditions) => !conditions.iter().any(holds),
                };
                if due && required { check_present(field, values.get(&field.key), context.pack) } else { None }
            };
            let code = code_by_field.get(&field.key).cloned().or_else(missing).or_else(|| {
                field.rule.as_ref().and_then(|rule| check_rule(rule, values.get(&field.key), &values, context))
            });
            problems.extend(code.map(|code| Problem { field: field.key.clone(), code }));
        }
    }
    if problems.is_empty() { Ok(Filled { form: form.id.clone(), values, phones_typed }) } else { Err(problems) }
}

/// One field's text as a value; `None` if nothing was typed.
fn read(field: &Field, typed: &str, context: &Context<'_>) -> Result<Option<Value>, ProblemCode> {
    if typed.chars().all(|c| c.is_whitespace() || typed::is_unseen(c)) {
        let auto = field.default.filter(|_| field.required == Required::Auto);
        return Ok(auto.and_then(|default| default_value(field, default, context)));
    }
    let in_list = |list: &str, code: &str| context.pack.list(list).iter().any(|item| &*item.key == code);
    let value = match &field.kind {
        FieldType::Text(max) => typed::line(typed, *max as usize).map_err(too_long)?.into_string().into(),
        FieldType::LongText => typed::lines(typed, NOTE_CHARACTERS_MAX).map_err(too_long)?.into_string().into(),
        FieldType::Phone => PhoneNumber::parse(typed, Region::China).map_err(phone_problem)?.e164().into(),
        FieldType::Name => PersonName::parse(typed).map_err(name_problem)?.as_str().into(),
        FieldType::Date => typed::day(typed).ok_or(ProblemCode::NotADate)?.into(),
        FieldType::Datetime => typed::instant(typed, context.offset_minutes).ok_or(ProblemCode::NotADate)?.into(),
        FieldType::Int(min, max) => typed::whole(typed, *min, *max).map_err(whole_problem)?.into(),
        FieldType::Money => Money::parse(typed).map_err(money_problem)?.fen().into(),
        FieldType::Bool => match typed.trim() {
            "true" => true.into(),
            "false" => false.into(),
            _ => return Err(ProblemCode::NotInList),
        },
        FieldType::Enum(list) => {
            let code = typed.trim();
            if !in_list(list, code) {
                return Err(ProblemCode::NotInList);
            }
            code.into()
        }
        FieldType::Multi(list) => several(typed, |code| in_list(list, code))?,
        FieldType::Checklist(id) => {
            let items = context.pack.checklist(id).map_or(&[][..], |checklist| &checklist.items);
            several(typed, |code| items.iter().any(|item| &*item.key == code))?
        }
        FieldType::StaffList => several(typed, |code| code.parse::<StaffId>().is_ok())?,
        FieldType::Ref(Reference::Staff) => {
            let staff: StaffId = typed.trim().parse().map_err(|_| ProblemCode::NotInList)?;
            staff.to_string().into()
        }
        FieldType::Ref(Reference::Person | Reference::Outing | Reference::Campaign) => {
            typed.trim().parse::<RecordId>().map_err(|_| ProblemCode::NotInList)?.into()
        }
        FieldType::ResidentId => {
            let id = ResidentId::parse(typed).map_err(identity_problem)?;
            if id.birth_date() > context.now.day(context.offset_minutes) {
                return Err(ProblemCode::IdBirthDate);
            }
            id.as_str().into()
        }
        FieldType::Passport => Passport::parse(typed).map_err(identity_problem)?.as_str().into(),
    };
    // Unseen characters alone are nothing.
    Ok(Some(value).filter(|value| value.as_text() != Some("") && *value != Value::List(Vec::new())))
}

/// Codes with commas between, each once, in the order of their keys.
fn several(typed: &str, is_known: impl Fn(&str) -> bool) -> Result<Value, ProblemCode> {
    let chosen: BTreeSet<&str> = codes(typed).collect();
    if chosen.iter().all(|code| is_known(code)) {
        Ok(Value::List(chosen.into_iter().map(Value::from).collect()))
    } else {
        Err(ProblemCode::NotInList)
    }
}

/// A value as it stands in a draft.
fn typed_form(kind: &FieldType, value: &Value, offset_minutes: i32) -> String {
    match value {
        Value::Empty | Value::Bytes(_) => String::new(),
        Value::Bool(yes) => yes.to_string(),
        Value::Int(number) if *kind == FieldType::Money => {
            Money::from_fen(*number).map_or(String::new(), |money| money.shown())
        }
        Value::Int(number) => number.to_string(),
        Value::Text(text) if *kind == FieldType::Phone => {
            PhoneNumber::from_e164(text).map_or(text.to_string(), |phone| phone.shown())
        }
        Value::Text(text) => text.to_string(),
        Value::At(at) => typed::instant_field(*at, offset_minutes),
        Value::Day(day) => day.to_string(),
        Value::Id(id) => id.to_string(),
        Value::List(elements) => {
            let texts: Vec<String> = elements.iter().map(|value| typed_form(kind, value, offset_minutes)).collect();
            texts.join(",")
        }
    }
}

fn default_value(field: &Field, default: DefaultValue, context: &Context<'_>) -> Option<Value> {
    Some(match default {
        DefaultValue::Now => context.now.into(),
        DefaultValue::Today => context.now.day(context.offset_minutes).into(),
        DefaultValue::Me if field.kind == FieldType::StaffList => Value::List(vec![context.me.to_string().into()]),
        DefaultValue::Me => context.me.to_string().into(),
        DefaultValue::Outing => context.outing?.into(),
        DefaultValue::One => 1.into(),
        DefaultValue::Yes => true.into(),
        DefaultValue::No => false.into(),
    })
}

fn condition_holds(
    condition: &Condition,
    values: &BTreeMap<Key, Value>,
    unreadable: &BTreeMap<&Key, ProblemCode>,
) -> bool {
    let value = values.get(&condition.field);
    let is_one_of = |codes: &[Box<str>], value: &Value| codes.iter().any(|code| value.as_text() == Some(&**code));
    match &condition.test {
        Test::Yes => value.and_then(Value::as_bool) == Some(true),
        Test::No => value.and_then(Value::as_bool) == Some(false),
        Test::Filled => value.is_some() || unreadable.contains_key(&condition.field),
        Test::Is(codes) => match value {
            Some(Value::List(elements)) => elements.iter().any(|value| is_one_of(codes, value)),
            Some(value) => is_one_of(codes, value),
            None => false,
        },
    }
}

/// Whether a field that must be filled in is.
fn check_present(field: &Field, value: Option<&Value>, pack: &Pack) -> Option<ProblemCode> {
    if let FieldType::Checklist(id) = &field.kind {
        let ticked: &[Value] = if let Some(Value::List(ticked)) = value { ticked } else { &[] };
        let is_ticked = |key: &str| ticked.iter().any(|value| value.as_text() == Some(key));
        let items = pack.checklist(id).map_or(&[][..], |checklist| &checklist.items);
        let missing = items.iter().filter(|item| !item.optional && !is_ticked(&item.key)).count();
        return (missing > 0).then_some(ProblemCode::NotTicked { missing });
    }
    value.is_none().then_some(ProblemCode::Required)
}

fn check_rule(
    rule: &Rule,
    value: Option<&Value>,
    values: &BTreeMap<Key, Value>,
    context: &Context<'_>,
) -> Option<ProblemCode> {
    // Fields show minutes, so that is how finely they are compared.
    let minute = |at: Millis| at.0.div_euclid(MINUTE_MS);
    let today = context.now.day(context.offset_minutes);
    let breaks = |broken: bool, code: ProblemCode| broken.then_some(code);
    match (rule, value) {
        (Rule::YesWith(other), value) => {
            let agreed = value.and_then(Value::as_bool) == Some(true);
            breaks(values.contains_key(other) && !agreed, ProblemCode::ConsentNeeded { field: other.clone() })
        }
        (Rule::Past, Some(Value::Day(day))) => breaks(*day > today, ProblemCode::DateInFuture),
        (Rule::Past, Some(Value::At(at))) => breaks(minute(*at) > minute(context.now), ProblemCode::DateInFuture),
        (Rule::Future, Some(Value::Day(day))) => breaks(*day < today, ProblemCode::DateInPast),
        (Rule::Future, Some(Value::At(at))) => breaks(minute(*at) < minute(context.now), ProblemCode::DateInPast),
        (Rule::Positive, Some(Value::Int(number))) => breaks(*number <= 0, ProblemCode::NotPositive),
        (Rule::NotBefore(other), Some(value)) => {
            let earlier = match (value, values.get(other)) {
                (Value::At(at), Some(Value::At(other))) => minute(*at) < minute(*other),
                (Value::Day(day), Some(Value::Day(other))) => day < other,
                _ => false,
            };
            breaks(earlier, ProblemCode::BeforeField { field: other.clone() })
        }
        (Rule::AtMost(other), Some(Value::Int(number))) => {
            let most = values.get(other).and_then(Value::as_int);
            breaks(most.is_some_and(|most| *number > most), ProblemCode::MoreThanField { field: other.clone() })
        }
        (Rule::Past | Rule::Future | Rule::Positive | Rule::NotBefore(_) | Rule::AtMost(_), _) => None,
    }
}

fn too_long(error: typed::TooLong) -> ProblemCode {
    ProblemCode::TooLong { max: error.max }
}

fn phone_problem(error: PhoneError) -> ProblemCode {
    match error {
        PhoneError::Empty => ProblemCode::Required,
        PhoneError::TooShort { missing } => ProblemCode::PhoneTooShort { missing },
        PhoneError::TooLong { extra } => ProblemCode::PhoneTooLong { extra },
        PhoneError::Letters => ProblemCode::PhoneLetters,
        PhoneError::NotANumber => ProblemCode::PhoneNotANumber,
        PhoneError::UnknownPrefix => ProblemCode::PhoneUnknownPrefix,
    }
}

fn name_problem(error: NameError) -> ProblemCode {
    match error {
        NameError::Empty => ProblemCode::Required,
        NameError::TooLong { max } => ProblemCode::NameTooLong { max },
        NameError::Digits => ProblemCode::NameHasDigits,
        NameError::Symbols => ProblemCode::NameHasSymbols,
    }
}

fn whole_problem(error: WholeError) -> ProblemCode {
    match error {
        WholeError::NotANumber => ProblemCode::NotANumber,
        WholeError::OutOfRange { min, max } => ProblemCode::OutOfRange { min, max },
    }
}

fn money_problem(error: MoneyError) -> ProblemCode {
    match error {
        MoneyError::Empty => ProblemCode::Required,
        MoneyError::NotANumber => ProblemCode::NotANumber,
        MoneyError::Negative => ProblemCode::MoneyNegative,
        MoneyError::TooFine => ProblemCode::MoneyTooFine,
        MoneyError::TooMuch => ProblemCode::MoneyTooMuch,
    }
}

fn identity_problem(error: IdentityError) -> ProblemCode {
    match error {
        IdentityError::Empty => ProblemCode::Required,
        IdentityError::Length { min, max, .. } => ProblemCode::IdLength { min, max },
        IdentityError::Characters => ProblemCode::IdCharacters,
        IdentityError::Province => ProblemCode::IdProvince,
        IdentityError::BirthDate => ProblemCode::IdBirthDate,
        IdentityError::Checksum => ProblemCode::IdChecksum,
    }
}

#[cfg(test)]
mod tests;
