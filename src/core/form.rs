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
    id::{RecordId, StaffId, VenueId},
    identity::{IdentityError, Passport, ResidentId},
    money::{Money, MoneyError},
    name::{NameError, PersonName},
    pack::{Condition, DefaultValue, Field, FieldType, Form, ListOf, Pack, Reference, Required, Rule, Test},
    phone::{PhoneError, PhoneNumber, Region},
    record::{CellTag, Record},
    schema::{self, PHONE_TYPED_CHARACTERS_MAX},
    time::{HOUR_MS, MINUTE_MS, Millis},
    typed::{self, NOTE_CHARACTERS_MAX, Signature, WholeError},
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

/// The card numbers that a device knows of.
pub trait CardBook {
    /// The next one that it may give.
    fn next(&self) -> Option<String>;
    /// The card that has a number, or the agreement that has it for one, but for what is about this record.
    fn holder(&self, number: &str, but: Option<RecordId>) -> Option<RecordId>;
}

/// Card numbers, where a form may give one.
#[derive(Clone, Copy)]
pub struct Cards<'a> {
    pub book: &'a dyn CardBook,
    /// The record that is changed: the number that it has is its own.
    pub of: Option<RecordId>,
}

impl fmt::Debug for Cards<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cards").field("of", &self.of).finish_non_exhaustive()
    }
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
    /// The venue that the tablet belongs to.
    pub venue: Option<VenueId>,
    pub pack: &'a Pack,
    pub cards: Option<Cards<'a>>,
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
    NotAnEmail,
    NotATimeOfDay,
    NotAMonth,
    /// A form of address stands where the contract needs the whole name.
    FullNameNeeded,
    /// It must be agreed to.
    AgreementNeeded,
    /// It says yes, and what it says is not given is filled in.
    NotBoth {
        field: Key,
    },
    /// This or that field.
    OneOfTwoNeeded {
        field: Key,
    },
    NotAfterField {
        field: Key,
    },
    /// More than what is left of it.
    MoreThanRest,
    /// This card or agreement has the number.
    CardTaken {
        holder: RecordId,
    },
    /// It was not signed, or what was taken is no picture.
    NotTaken,
}

/// A draft with the form's defaults, to begin with. What began when the form was opened has begun, and not when it is saved.
#[must_use]
pub fn begin(form: &Form, context: &Context<'_>) -> Draft {
    let mut draft = Draft::default();
    let is_due = |field: &&Field| field.required != Required::Auto || field.key.as_str() == "started_at";
    for field in form.fields().filter(is_due) {
        if let Some(value) = field.default.as_ref().and_then(|default| default_value(field, default, context)) {
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

/// Whether a field is asked now. One with a condition is while that holds, and for as long as something stands in it:
/// what was typed never hides. What the app fills in is not, but for a time that may be put right and the stops of a
/// tour, which whoever leads it ticks.
#[must_use]
pub fn is_asked(form: &Form, field: &Field, draft: &Draft, context: &Context<'_>) -> bool {
    match &field.required {
        Required::When(conditions) => {
            !draft.get(field.key.as_str()).is_empty() || any_holds(form, conditions, draft, context)
        }
        Required::Auto => field.default == Some(DefaultValue::Now) || matches!(field.kind, FieldType::Stops(_)),
        Required::Yes | Required::No | Required::Later | Required::Unless(_) => true,
    }
}

/// Whether the form can be saved without the field, as it is filled in now.
#[must_use]
pub fn may_stay_empty(form: &Form, field: &Field, draft: &Draft, context: &Context<'_>) -> bool {
    match &field.required {
        Required::Yes => false,
        Required::No | Required::Auto | Required::Later => true,
        Required::When(conditions) => !any_holds(form, conditions, draft, context),
        Required::Unless(conditions) => any_holds(form, conditions, draft, context),
    }
}

/// Whether one of the conditions holds, by what the fields that they speak of hold now.
fn any_holds(form: &Form, conditions: &[Condition], draft: &Draft, context: &Context<'_>) -> bool {
    let (mut values, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
    for condition in conditions {
        let other = if let Test::HoursAfter { field, .. } = &condition.test { Some(field) } else { None };
        for field in other.into_iter().chain([&condition.field]).filter_map(|key| form.field(key.as_str())) {
            match read(field, draft.get(field.key.as_str()), context) {
                Ok(Some(value)) => drop(values.insert(field.key.clone(), value)),
                Ok(None) => {}
                Err(code) => drop(unreadable.insert(&field.key, code)),
            }
        }
    }
    conditions.iter().any(|condition| condition_holds(condition, &values, &unreadable, context.pack))
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
                let holds = |condition: &Condition| condition_holds(condition, &values, &code_by_field, context.pack);
                let required = match &field.required {
                    Required::Yes => true,
                    Required::No | Required::Auto | Required::Later => false,
                    Required::When(conditions) => conditions.iter().any(holds),
                    Required::Unless(conditions) => !conditions.iter().any(holds),
                };
                if due && required { check_present(field, values.get(&field.key), context.pack) } else { None }
            };
            let code =
                code_by_field.get(&field.key).cloned().or_else(missing).or_else(|| {
                    field.rules().find_map(|rule| check_rule(rule, values.get(&field.key), &values, context))
                });
            let code = code.or_else(|| check_card(field, values.get(&field.key), context));
            problems.extend(code.map(|code| Problem { field: field.key.clone(), code }));
        }
    }
    if problems.is_empty() { Ok(Filled { form: form.id.clone(), values, phones_typed }) } else { Err(problems) }
}

/// One field's text as a value; `None` if nothing was typed.
fn read(field: &Field, typed: &str, context: &Context<'_>) -> Result<Option<Value>, ProblemCode> {
    if typed.chars().all(|c| c.is_whitespace() || typed::is_unseen(c)) {
        let auto = field.default.as_ref().filter(|_| field.required == Required::Auto);
        return Ok(auto.and_then(|default| default_value(field, default, context)));
    }
    let in_list = |list: &str, code: &str| context.pack.list(list).iter().any(|item| &*item.key == code);
    let value = match &field.kind {
        FieldType::Text(_) if field.rule == Some(Rule::YearMonth) => {
            typed::year_month(typed).ok_or(ProblemCode::NotAMonth)?.into_string().into()
        }
        FieldType::Text(_) if matches!(field.rule, Some(Rule::IdNumber | Rule::IdNumberOf(_))) => id_number(typed)?,
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
        FieldType::Ref(reference) => reference_value(*reference, typed.trim(), context.pack)?,
        FieldType::Email => typed::email(typed).ok_or(ProblemCode::NotAnEmail)?.into_string().into(),
        FieldType::Time => typed::time_of_day(typed).ok_or(ProblemCode::NotATimeOfDay)?.into(),
        FieldType::Decimal => typed::decimal(typed).ok_or(ProblemCode::NotANumber)?.into(),
        FieldType::Rating => typed::whole(typed, 1, 5).map_err(whole_problem)?.into(),
        FieldType::Score => typed::whole(typed, 0, 100).map_err(whole_problem)?.into(),
        FieldType::Signature => Signature::parse(typed).ok_or(ProblemCode::NotTaken)?.value(),
        FieldType::Photo | FieldType::File => blob(typed)?,
        // Which route it is, another field says; a stop that another route has is none of this one's.
        FieldType::Stops(_) => {
            let known =
                |code: &str| context.pack.routes.iter().any(|route| route.stops.iter().any(|stop| &*stop.key == code));
            several(typed, known)?
        }
        FieldType::List(of) => list_value(*of, typed, context)?,
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

/// The number of whichever document it is, in its written form; whether it is right, the field's rule says.
fn id_number(typed: &str) -> Result<Value, ProblemCode> {
    if let Ok(card) = ResidentId::parse(typed) {
        return Ok(card.as_str().into());
    }
    if let Ok(passport) = Passport::parse(typed) {
        return Ok(passport.as_str().into());
    }
    Ok(typed::line(typed, 20).map_err(too_long)?.into_string().into())
}

fn blob(typed: &str) -> Result<Value, ProblemCode> {
    let hash = typed.trim();
    if typed::is_hash(hash) { Ok(hash.into()) } else { Err(ProblemCode::NotTaken) }
}

fn reference_value(reference: Reference, code: &str, pack: &Pack) -> Result<Value, ProblemCode> {
    let known = |is_known: bool| if is_known { Ok(code.into()) } else { Err(ProblemCode::NotInList) };
    match reference {
        Reference::Staff => known(code.parse::<StaffId>().is_ok()),
        Reference::Venue => known(code.parse::<VenueId>().is_ok()),
        Reference::Department => known(pack.list("dept_kind").iter().any(|item| &*item.key == code)),
        Reference::Route => known(pack.route(code).is_some()),
        Reference::Prompt => known(pack.prompt(code).is_some()),
        Reference::Person
        | Reference::Outing
        | Reference::Campaign
        | Reference::Visit
        | Reference::Product
        | Reference::Membership
        | Reference::Case
        | Reference::Negotiation
        | Reference::Segment
        | Reference::Offer
        | Reference::Equipment
        | Reference::Resource
        | Reference::Booking
        | Reference::Course
        | Reference::Subject => Ok(code.parse::<RecordId>().map_err(|_| ProblemCode::NotInList)?.into()),
    }
}

/// What stands on the lines of a list, or between its commas, in that order. A gift is `what*how many`, a charge
/// `what=yuan`.
fn list_value(of: ListOf, typed: &str, context: &Context<'_>) -> Result<Value, ProblemCode> {
    let by_line = matches!(of, ListOf::Texts | ListOf::Gifts | ListOf::Charges);
    let mut values = Vec::new();
    for part in typed.split(if by_line { '\n' } else { ',' }) {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        if values.len() == schema::LIST_VALUES_MAX {
            return Err(ProblemCode::TooLong { max: schema::LIST_VALUES_MAX });
        }
        let text = |part: &str| -> Result<Value, ProblemCode> {
            Ok(typed::line(part, LINE_CHARACTERS_MAX).map_err(too_long)?.into_string().into())
        };
        values.push(match of {
            ListOf::Texts => text(part)?,
            ListOf::Numbers => typed::whole(part, -1_000_000, 1_000_000).map_err(whole_problem)?.into(),
            ListOf::Datetimes => typed::instant(part, context.offset_minutes).ok_or(ProblemCode::NotADate)?.into(),
            ListOf::Photos => blob(part)?,
            ListOf::Gifts => {
                let (what, count) = part.rsplit_once(['*', '×']).unwrap_or((part, "1"));
                Value::List(vec![text(what.trim())?, typed::whole(count, 1, 10_000).map_err(whole_problem)?.into()])
            }
            ListOf::Charges => {
                let (what, fen) = part.rsplit_once(['=', '＝']).ok_or(ProblemCode::NotANumber)?;
                Value::List(vec![text(what.trim())?, Money::parse(fen).map_err(money_problem)?.fen().into()])
            }
            ListOf::Refs(reference) => reference_value(reference, part, context.pack)?,
        });
    }
    Ok(Value::List(values))
}

/// Characters of one line of a list.
const LINE_CHARACTERS_MAX: usize = 200;

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
        Value::Int(number) if *kind == FieldType::Decimal => {
            let sign = if *number < 0 { "-" } else { "" };
            format!("{sign}{}.{:02}", number.unsigned_abs() / 100, number.unsigned_abs() % 100)
        }
        Value::Int(number) if *kind == FieldType::Time => format!("{:02}:{:02}", number / 60, number % 60),
        Value::Int(number) => number.to_string(),
        Value::Text(text) if *kind == FieldType::Phone => {
            PhoneNumber::from_e164(text).map_or(text.to_string(), |phone| phone.shown())
        }
        Value::Text(text) => text.to_string(),
        Value::At(at) => typed::instant_field(*at, offset_minutes),
        Value::Day(day) => day.to_string(),
        Value::Id(id) => id.to_string(),
        Value::List(_) if *kind == FieldType::Signature => {
            Signature::from_value(value).map_or(String::new(), |signature| signature.typed())
        }
        Value::List(lines) if matches!(kind, FieldType::List(ListOf::Texts | ListOf::Gifts | ListOf::Charges)) => {
            let texts: Vec<String> = lines.iter().map(|line| line_form(kind, line)).collect();
            texts.join("\n")
        }
        Value::List(elements) => {
            let texts: Vec<String> = elements.iter().map(|value| typed_form(kind, value, offset_minutes)).collect();
            texts.join(",")
        }
    }
}

fn line_form(kind: &FieldType, line: &Value) -> String {
    match line {
        Value::List(parts) => match (&parts[..], kind) {
            ([Value::Text(what), Value::Int(fen)], FieldType::List(ListOf::Charges)) => {
                format!("{what}={}", Money::from_fen(*fen).map_or(String::new(), |money| money.shown()))
            }
            ([Value::Text(what), Value::Int(count)], _) => format!("{what}*{count}"),
            _ => String::new(),
        },
        line => line.as_text().unwrap_or_default().to_owned(),
    }
}

fn default_value(field: &Field, default: &DefaultValue, context: &Context<'_>) -> Option<Value> {
    Some(match default {
        DefaultValue::Now => context.now.into(),
        DefaultValue::Today => context.now.day(context.offset_minutes).into(),
        DefaultValue::Me if field.kind == FieldType::StaffList => Value::List(vec![context.me.to_string().into()]),
        DefaultValue::Me => context.me.to_string().into(),
        DefaultValue::Outing => context.outing?.into(),
        DefaultValue::One => 1.into(),
        DefaultValue::Yes => true.into(),
        DefaultValue::No => false.into(),
        DefaultValue::Venue => context.venue?.to_string().into(),
        // A number is given when the card is, not with the draft.
        DefaultValue::Card if field.required == Required::Later => return None,
        DefaultValue::Card => context.cards?.book.next()?.as_str().into(),
        DefaultValue::Code(code) => (&**code).into(),
    })
}

fn condition_holds(
    condition: &Condition,
    values: &BTreeMap<Key, Value>,
    unreadable: &BTreeMap<&Key, ProblemCode>,
    pack: &Pack,
) -> bool {
    let value = values.get(&condition.field);
    let is_one_of = |codes: &[Box<str>], value: &Value| codes.iter().any(|code| value.as_text() == Some(&**code));
    match &condition.test {
        Test::Yes => value.and_then(Value::as_bool) == Some(true),
        Test::No => value.and_then(Value::as_bool) == Some(false),
        Test::Filled => value.is_some() || unreadable.contains_key(&condition.field),
        Test::Empty => value.is_none() && !unreadable.contains_key(&condition.field),
        Test::Below(limit) => value.and_then(Value::as_int).is_some_and(|number| number < *limit),
        Test::HoursAfter { field, parameter } => {
            let from = values.get(field).and_then(Value::as_at);
            let hours = pack.number(parameter, i64::MAX / HOUR_MS);
            match (from, value.and_then(Value::as_at)) {
                (Some(from), Some(at)) => at.since(from) > hours.saturating_mul(HOUR_MS),
                _ => false,
            }
        }
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

/// A new card's number is nobody else's.
fn check_card(field: &Field, value: Option<&Value>, context: &Context<'_>) -> Option<ProblemCode> {
    if field.default != Some(DefaultValue::Card) {
        return None;
    }
    let (number, cards) = (value?.as_text()?, context.cards?);
    cards.book.holder(number, cards.of).map(|holder| ProblemCode::CardTaken { holder })
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
        (Rule::NoWith(other), value) => {
            let is_yes = value.and_then(Value::as_bool) == Some(true);
            breaks(is_yes && values.contains_key(other), ProblemCode::NotBoth { field: other.clone() })
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
        (Rule::After(other), Some(value)) => {
            let later = match (value, values.get(other)) {
                (Value::At(at), Some(Value::At(other))) => minute(*at) > minute(*other),
                (Value::Day(day), Some(Value::Day(other))) => day > other,
                (Value::Int(minutes), Some(Value::Int(other))) => minutes > other,
                _ => true,
            };
            breaks(!later, ProblemCode::NotAfterField { field: other.clone() })
        }
        (Rule::YearMonth, Some(Value::Text(text))) => {
            breaks(typed::year_month(text).as_deref() != Some(&**text), ProblemCode::NotAMonth)
        }
        (Rule::FullName, Some(Value::Text(name))) => breaks(is_address(name), ProblemCode::FullNameNeeded),
        (Rule::Agreed, value) => breaks(value.and_then(Value::as_bool) == Some(false), ProblemCode::AgreementNeeded),
        (Rule::IdNumber, Some(Value::Text(number))) => {
            // Eighteen digits are meant as a card; anything else may be a passport.
            let card = ResidentId::parse(number);
            if card.is_ok() || Passport::parse(number).is_ok() && number.chars().count() != 18 {
                return None;
            }
            card.err().map(identity_problem)
        }
        (Rule::IdNumberOf(other), Some(Value::Text(number))) => match values.get(other).and_then(Value::as_text) {
            Some("passport") => Passport::parse(number).err().map(identity_problem),
            Some(_) => match ResidentId::parse(number) {
                Ok(card) if card.birth_date() > today => Some(ProblemCode::IdBirthDate),
                Ok(_) => None,
                Err(error) => Some(identity_problem(error)),
            },
            None => None,
        },
        (Rule::YesIf(other), value) => {
            let asked = values.get(other).and_then(Value::as_bool) == Some(true);
            breaks(asked && value.and_then(Value::as_bool) != Some(true), ProblemCode::AgreementNeeded)
        }
        (Rule::OneOf(other), value) => {
            breaks(value.is_none() && !values.contains_key(other), ProblemCode::OneOfTwoNeeded { field: other.clone() })
        }
        (Rule::AtMostRest(whole, used), Some(Value::Int(number))) => {
            let sum = |key: &Key| values.get(key).and_then(Value::as_int);
            let rest = sum(whole).map(|whole| whole - sum(used).unwrap_or(0));
            breaks(rest.is_some_and(|rest| *number > rest), ProblemCode::MoreThanRest)
        }
        (Rule::AtMost(other), Some(Value::Int(number))) => {
            let most = values.get(other).and_then(Value::as_int);
            breaks(most.is_some_and(|most| *number > most), ProblemCode::MoreThanField { field: other.clone() })
        }
        (
            Rule::Past
            | Rule::Future
            | Rule::Positive
            | Rule::NotBefore(_)
            | Rule::AtMost(_)
            | Rule::After(_)
            | Rule::YearMonth
            | Rule::FullName
            | Rule::IdNumber
            | Rule::IdNumberOf(_)
            | Rule::AtMostRest(..),
            _,
        ) => None,
    }
}

/// Whether a name is a surname with a form of address, which does for a guest and not for a contract.
fn is_address(name: &str) -> bool {
    let ends = ["先生", "女士", "小姐", "太太", "老师", "老師", "师傅", "師傅", "总", "經理", "经理"];
    let begins = ["Mr ", "Mr. ", "Ms ", "Ms. ", "Mrs ", "Mrs. ", "Miss "];
    let rest = ends.iter().find_map(|title| name.strip_suffix(title));
    let one_word = begins.iter().find_map(|title| name.strip_prefix(title)).is_some_and(|rest| !rest.contains(' '));
    rest.is_some_and(|surname| surname.chars().count() <= 2) || one_word
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
