//! Packs: what one kind of venue asks for, as data.
//!
//! People write packs as TOML in `public/packs`; the build checks them and turns each into one text of lines, which
//! is read here, once, by hand: a parser made by derivation would cost the client more than the packs themselves.
//! Data wires, Rust decides: conditions, defaults and rules are named things with typed parameters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::packs::{Built, COMMON, KINDS, Packs, edition_of};
use crate::change::Key;
#[cfg(any(test, feature = "check"))]
use crate::named;

#[cfg(any(test, feature = "check"))]
pub mod kept;
mod packs;
pub(crate) mod read;

/// The languages that everything which people read is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    ZhHans,
    ZhHant,
    En,
}

impl Language {
    pub const ALL: [Language; 3] = [Language::ZhHans, Language::ZhHant, Language::En];

    /// As in `<html lang>`.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::ZhHans => "zh-Hans",
            Self::ZhHant => "zh-Hant",
            Self::En => "en",
        }
    }
}

/// The same said in every language.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Words {
    pub zh_hans: Box<str>,
    pub zh_hant: Box<str>,
    pub en: Box<str>,
}

impl Words {
    #[must_use]
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::ZhHans => &self.zh_hans,
            Language::ZhHant => &self.zh_hant,
            Language::En => &self.en,
        }
    }
}

/// What kind of place a venue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VenueKind {
    #[default]
    Fitness,
    Sports,
    Billiards,
    Postpartum,
}

impl VenueKind {
    /// By the key that a venue's pack is named with; a fitness club for one that this version does not know.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        match key {
            "sports" => Self::Sports,
            "billiards" => Self::Billiards,
            "postpartum" => Self::Postpartum,
            _ => Self::Fitness,
        }
    }

    /// As a venue's pack names it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Fitness => "fitness",
            Self::Sports => "sports",
            Self::Billiards => "billiards",
            Self::Postpartum => "postpartum",
        }
    }

    /// How the built text writes it.
    fn letter(self) -> char {
        match self {
            Self::Fitness => 'f',
            Self::Sports => 's',
            Self::Billiards => 'b',
            Self::Postpartum => 'p',
        }
    }
}

/// One kind of venue: the forms that it fills in, with all they name.
#[derive(Debug, Clone)]
pub struct Pack {
    pub kind: VenueKind,
    /// Written into each change, so that it is known later what was asked. It grows with every version of what is
    /// common to all and of what is the kind's own, and by much with every edition of the club's: [`edition_of`].
    pub version: u32,
    pub title: Words,
    /// In the order of the catalogue.
    pub forms: Vec<Form>,
    lists: BTreeMap<Box<str>, Vec<Item>>,
    parameters: BTreeMap<Box<str>, Parameter>,
    pub checklists: Vec<Checklist>,
    pub prompts: Vec<Prompt>,
    pub routes: Vec<Route>,
}

/// A built text that this version cannot read, by the line of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the built pack cannot be read")]
pub struct PackError {
    pub line: usize,
}

impl Pack {
    /// The pack that ships for a kind of venue.
    #[must_use]
    pub fn of(kind: VenueKind) -> &'static Pack {
        Packs::shipped().pack(kind)
    }

    /// Reads what is common to all and what is a kind's own, as the build writes them, without the fields of
    /// other kinds.
    ///
    /// # Errors
    /// Names the first line that cannot be read.
    pub fn read(kind: VenueKind, common: &str, own: &str) -> Result<Self, PackError> {
        read::pack(kind, common, own)
    }

    #[must_use]
    pub fn form(&self, id: &str) -> Option<&Form> {
        self.forms.iter().find(|form| &*form.id == id)
    }

    /// The items of a code list, in the order in which they are offered; none if there is no such list.
    #[must_use]
    pub fn list(&self, key: &str) -> &[Item] {
        self.lists.get(key).map_or(&[], Vec::as_slice)
    }

    /// What a code of a list is called; the code itself where a later pack added it.
    #[must_use]
    pub fn word<'a>(&'a self, list: &str, code: &'a str, language: Language) -> &'a str {
        self.list(list).iter().find(|item| &*item.key == code).map_or(code, |item| item.words.in_language(language))
    }

    #[must_use]
    pub fn parameter(&self, key: &str) -> Option<&Parameter> {
        self.parameters.get(key)
    }

    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.parameters.iter().map(|(key, parameter)| (&**key, parameter))
    }

    /// The value of a parameter, or `default` where the pack has none.
    #[must_use]
    pub fn number(&self, key: &str, default: i64) -> i64 {
        self.parameter(key).and_then(|parameter| parameter.values.first().copied()).unwrap_or(default)
    }

    #[must_use]
    pub fn checklist(&self, id: &str) -> Option<&Checklist> {
        self.checklists.iter().find(|checklist| &*checklist.id == id)
    }

    #[must_use]
    pub fn prompt(&self, id: &str) -> Option<&Prompt> {
        self.prompts.iter().find(|prompt| &*prompt.id == id)
    }

    #[must_use]
    pub fn route(&self, key: &str) -> Option<&Route> {
        self.routes.iter().find(|route| &*route.key == key)
    }
}

/// One code of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub key: Box<str>,
    /// Whether it can be chosen at such a venue; its word is known everywhere.
    pub offered: bool,
    pub words: Words,
}

/// Numbers that a venue may set otherwise. Source: domain catalogue 1.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// One number or several; none where each venue must set its own.
    pub values: Vec<i64>,
    pub unit: Unit,
    pub label: Words,
}

/// What a parameter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Minutes,
    Hours,
    Days,
    Months,
    /// Hour of the day, 0 to 23.
    OClock,
    /// Minutes since midnight.
    TimeOfDay,
    Fen,
    /// Millionths: 0.6 % is 6,000.
    Ppm,
    Percent,
    Degrees,
    Times,
    /// 0 or 1.
    Yes,
}

/// Things to tick off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checklist {
    pub id: Box<str>,
    pub title: Words,
    pub items: Vec<ChecklistItem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChecklistItem {
    pub key: Box<str>,
    pub label: Words,
    pub optional: bool,
}

/// Points to cover in a talk, in order; never a text to read out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    pub id: Box<str>,
    pub title: Words,
    pub points: Vec<Words>,
}

/// The stops of a tour, in order. Each venue walks its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub key: Box<str>,
    pub title: Words,
    pub stops: Vec<Stop>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    pub key: Box<str>,
    /// Floor of the house; 0 is the entrance.
    pub floor: i32,
    pub label: Words,
    /// What to say and ask there; none where the tour's own points do.
    pub points: Vec<Words>,
}

/// What a venue asks for on one occasion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// `F-01`
    pub id: Box<str>,
    pub title: Words,
    /// The kind of record it writes.
    pub record: Box<str>,
    /// Sheets that are printed to be signed.
    pub copies: u8,
    pub sections: Vec<Section>,
}

impl Form {
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.sections.iter().flat_map(|section| &section.fields)
    }

    #[must_use]
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields().find(|field| field.key.as_str() == key)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub key: Box<str>,
    pub title: Words,
    /// What is read before it is filled in or signed: a declaration, a notice.
    pub text: Option<Words>,
    /// Fields beside each other on the printed sheet.
    pub columns: u8,
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub key: Key,
    pub label: Words,
    /// A word of help under the field.
    pub note: Option<Words>,
    pub kind: FieldType,
    pub required: Required,
    pub default: Option<DefaultValue>,
    pub rule: Option<Rule>,
    /// What else must hold.
    pub more_rules: Vec<Rule>,
    /// Not in the catalogue's table of the form: another field's condition needs it.
    pub added: bool,
    /// Left out of the printed sheet: it is the house's own.
    pub unprinted: bool,
}

impl Field {
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rule.iter().chain(&self.more_rules)
    }
}

/// What a field takes, and so which control it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    /// One line of at most so many characters.
    Text(u32),
    LongText,
    Phone,
    Name,
    Email,
    Date,
    Datetime,
    /// A time of the day, in minutes since midnight.
    Time,
    /// From and to.
    Int(i64, i64),
    /// A number with two decimals, in hundredths.
    Decimal,
    Money,
    Bool,
    /// A code of this list.
    Enum(Box<str>),
    /// Codes of this list.
    Multi(Box<str>),
    Ref(Reference),
    /// Several members of staff.
    StaffList,
    /// Ticked items of this checklist.
    Checklist(Box<str>),
    ResidentId,
    Passport,
    /// What was drawn, by whom, in which role, when, on which tablet: [`crate::typed::Signature`].
    Signature,
    /// The hash of a picture's bytes, 64 hexadecimal digits.
    Photo,
    /// The hash of a file's bytes.
    File,
    /// One to five stars.
    Rating,
    /// 0 to 100 points.
    Score,
    /// Stops of the route that this field names.
    Stops(Key),
    /// Several, in the order in which they were put in.
    List(ListOf),
}

/// What a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOf {
    Texts,
    Numbers,
    Datetimes,
    Photos,
    /// What it is and how many of it.
    Gifts,
    /// What it is and what it costs.
    Charges,
    Refs(Reference),
}

/// What a field may point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    Person,
    Staff,
    Outing,
    Campaign,
    Visit,
    Product,
    Membership,
    Case,
    Negotiation,
    Venue,
    /// A code of the list `dept_kind`.
    Department,
    /// A route of the pack.
    Route,
    /// Talking points of the pack.
    Prompt,
    Segment,
    Offer,
    Equipment,
    Resource,
    Booking,
    Course,
    /// Whatever was rated: a case, a contact, a lesson, a contract.
    Subject,
}

impl Reference {
    /// The kinds of record that a field of this type may point to; none where it names something else.
    #[must_use]
    pub fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Person => &["person"],
            Self::Outing => &["outing"],
            Self::Campaign => &["campaign"],
            Self::Visit => &["visit"],
            Self::Product => &["product"],
            Self::Membership => &["membership"],
            Self::Case => &["case"],
            Self::Negotiation => &["negotiation"],
            Self::Segment => &["segment"],
            Self::Offer => &["offer"],
            Self::Equipment => &["equipment"],
            Self::Resource => &["resource"],
            Self::Booking => &["booking"],
            Self::Course => &["course"],
            Self::Subject => &["case", "interaction", "tracking", "retention", "followup", "trial", "agreement"],
            Self::Staff | Self::Venue | Self::Department | Self::Route | Self::Prompt => &[],
        }
    }

    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Some(match key {
            "person" => Self::Person,
            "staff" => Self::Staff,
            "outing" => Self::Outing,
            "campaign" => Self::Campaign,
            "visit" => Self::Visit,
            "product" => Self::Product,
            "membership" => Self::Membership,
            "case" => Self::Case,
            "negotiation" => Self::Negotiation,
            "venue" => Self::Venue,
            "department" => Self::Department,
            "route" => Self::Route,
            "prompt" => Self::Prompt,
            "segment" => Self::Segment,
            "offer" => Self::Offer,
            "equipment" => Self::Equipment,
            "resource" => Self::Resource,
            "booking" => Self::Booking,
            "course" => Self::Course,
            "subject" => Self::Subject,
            _ => return None,
        })
    }
}

/// Whether a form can be saved without the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Required {
    Yes,
    No,
    /// Filled in by the app.
    Auto,
    /// A step of the workflow asks for it; the form can be saved before.
    Later,
    /// If one of these holds.
    When(Vec<Condition>),
    /// If none of these holds.
    Unless(Vec<Condition>),
}

/// Something about another field of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub field: Key,
    pub test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    Yes,
    No,
    Filled,
    Empty,
    /// It is one of these codes, or has one of them among others.
    Is(Vec<Box<str>>),
    /// A number below this.
    Below(i64),
    /// More than so many hours, by this parameter, after that field.
    HoursAfter {
        field: Key,
        parameter: Box<str>,
    },
}

/// What a field begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultValue {
    Now,
    Today,
    Me,
    /// The outing that is under way.
    Outing,
    One,
    Yes,
    No,
    /// The venue that the tablet belongs to.
    Venue,
    /// The number of a new card: the next one that the device keeps, and one that nobody has.
    Card,
    /// A code, or the key of a route.
    Code(Box<str>),
}

/// What must hold beyond the type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Not later than now.
    Past,
    /// Not earlier than now.
    Future,
    /// More than zero.
    Positive,
    /// A year and a month, `2026-11`.
    YearMonth,
    /// Surname and given name, since it stands on a contract: no form of address.
    FullName,
    /// It must be yes.
    Agreed,
    /// The number of a resident ID card or of a passport.
    IdNumber,
    /// The number of the document that this field names.
    IdNumberOf(Key),
    /// Not earlier than this field.
    NotBefore(Key),
    /// Later than this field.
    After(Key),
    /// Not more than this field.
    AtMost(Key),
    /// Yes, if this field is filled in: consent where a phone number is kept.
    YesWith(Key),
    /// No, if this field is filled in: who gives no number has none on the form.
    NoWith(Key),
    /// Yes, if this field says yes.
    YesIf(Key),
    /// This field or that one.
    OneOf(Key),
    /// Not more than this field less that field.
    AtMostRest(Key, Key),
}

/// What the build does with the files, and what `yingke-server pack check` says of them.
#[cfg(any(test, feature = "check"))]
#[path = "build/packs.rs"]
#[allow(dead_code, reason = "the kinds of record are the build's alone")]
pub mod source;

#[cfg(test)]
mod coverage;
#[cfg(test)]
mod tests;
