//! Packs: what one kind of venue asks for, as data.
//!
//! People write packs as TOML in `public/packs`; the build checks them and turns them into the JSON that is read
//! here, once. Data wires, Rust decides: conditions, defaults and rules are named things with typed parameters.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::{Deserialize, Serialize};

use crate::change::Key;

/// The languages that everything which people read is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "[Box<str>; 3]")]
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

impl From<[Box<str>; 3]> for Words {
    fn from([zh_hans, zh_hant, en]: [Box<str>; 3]) -> Self {
        Self { zh_hans, zh_hant, en }
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
}

/// One kind of venue: the forms that it fills in, with all they name.
#[derive(Debug, Clone)]
pub struct Pack {
    pub kind: VenueKind,
    /// Written into each change, so that it is known later what was asked.
    pub version: u32,
    pub title: Words,
    /// In the order of the catalogue.
    pub forms: Vec<Form>,
    lists: BTreeMap<Box<str>, Vec<Item>>,
    parameters: BTreeMap<Box<str>, Parameter>,
    pub checklists: Vec<Checklist>,
    pub prompts: Vec<Prompt>,
}

impl Pack {
    /// The pack that ships for a kind of venue.
    #[must_use]
    pub fn of(kind: VenueKind) -> &'static Pack {
        static PACKS: LazyLock<[Pack; 2]> = LazyLock::new(|| {
            let source: BTreeMap<Box<str>, Source> = serde_json::from_str(JSON).expect("the build has checked it");
            [build(&source, VenueKind::Fitness, "fitness"), build(&source, VenueKind::Sports, "sports")]
        });
        match kind {
            // Billiards clubs and postpartum centres get their own packs; until then they work with the club's.
            VenueKind::Fitness | VenueKind::Billiards | VenueKind::Postpartum => &PACKS[0],
            VenueKind::Sports => &PACKS[1],
        }
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

    /// The value of a parameter, or `default` where the pack has none.
    #[must_use]
    pub fn number(&self, key: &str, default: i64) -> i64 {
        self.parameter(key).map_or(default, |parameter| parameter.value)
    }

    #[must_use]
    pub fn checklist(&self, id: &str) -> Option<&Checklist> {
        self.checklists.iter().find(|checklist| &*checklist.id == id)
    }

    #[must_use]
    pub fn prompt(&self, id: &str) -> Option<&Prompt> {
        self.prompts.iter().find(|prompt| &*prompt.id == id)
    }
}

/// One code of a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "(Box<str>, Words)")]
pub struct Item {
    pub key: Box<str>,
    pub words: Words,
}

impl From<(Box<str>, Words)> for Item {
    fn from((key, words): (Box<str>, Words)) -> Self {
        Self { key, words }
    }
}

/// A number that a venue may set otherwise. Source: domain catalogue 1.4.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Parameter {
    pub value: i64,
    pub label: Words,
}

/// Things to tick off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Checklist {
    pub id: Box<str>,
    pub title: Words,
    pub items: Vec<ChecklistItem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChecklistItem {
    pub key: Box<str>,
    pub label: Words,
    pub optional: bool,
}

/// Points to cover in a talk, in order; never a text to read out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Prompt {
    pub id: Box<str>,
    pub title: Words,
    pub points: Vec<Words>,
}

/// What a venue asks for on one occasion.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Form {
    /// `F-01`
    pub id: Box<str>,
    pub title: Words,
    packs: Vec<VenueKind>,
    optional: Vec<VenueKind>,
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

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Section {
    pub key: Box<str>,
    pub title: Words,
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Field {
    pub key: Key,
    pub label: Words,
    /// A word of help under the field.
    #[serde(default)]
    pub note: Option<Words>,
    #[serde(rename = "type")]
    pub kind: FieldType,
    pub required: Required,
    #[serde(default)]
    pub default: Option<DefaultValue>,
    #[serde(default)]
    pub rule: Option<Rule>,
    /// The kinds of venue that have it; all of them if none is named.
    #[serde(default)]
    packs: Vec<VenueKind>,
    /// Not in the catalogue's table of the form: another field's condition needs it.
    #[serde(default)]
    pub added: bool,
}

/// What a field takes, and so which control it gets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// One line of at most so many characters.
    Text(u32),
    LongText,
    Phone,
    Name,
    Date,
    Datetime,
    /// From and to.
    Int(i64, i64),
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
}

/// What a field may point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    Person,
    Staff,
    Outing,
    Campaign,
}

/// Whether a form can be saved without the field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Required {
    Yes,
    No,
    /// Filled in by the app.
    Auto,
    /// If one of these holds.
    When(Vec<Condition>),
    /// If none of these holds.
    Unless(Vec<Condition>),
}

/// Something about another field of the form.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Condition {
    pub field: Key,
    pub test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    Yes,
    No,
    Filled,
    /// It is one of these codes, or has one of them among others.
    Is(Vec<Box<str>>),
}

/// What a field begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefaultValue {
    Now,
    Today,
    Me,
    /// The outing that is under way.
    Outing,
    One,
    Yes,
    No,
}

/// What must hold beyond the type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Not later than now.
    Past,
    /// Not earlier than now.
    Future,
    /// More than zero.
    Positive,
    /// Not earlier than this field.
    NotBefore(Key),
    /// Not more than this field.
    AtMost(Key),
    /// Yes, if this field is filled in: consent where a phone number is kept.
    YesWith(Key),
}

/// One file of `public/packs`, as the build wrote it.
#[derive(Deserialize)]
struct Source {
    version: u32,
    title: Words,
    lists: BTreeMap<Box<str>, Vec<Item>>,
    parameters: BTreeMap<Box<str>, Parameter>,
    checklists: Vec<Checklist>,
    prompts: Vec<Prompt>,
    forms: Vec<Form>,
}

const JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/packs.json"));

/// What is common to all and what is a kind's own, without the fields of other kinds.
fn build(sources: &BTreeMap<Box<str>, Source>, kind: VenueKind, name: &str) -> Pack {
    let (common, own) = (&sources["core"], &sources[name]);
    let both = [common, own];
    let shown = |kinds: &[VenueKind]| kinds.is_empty() || kinds.contains(&kind);
    let mut forms: Vec<Form> = both
        .iter()
        .flat_map(|source| &source.forms)
        .filter(|form| shown(&form.packs) || form.optional.contains(&kind))
        .cloned()
        .collect();
    for form in &mut forms {
        for section in &mut form.sections {
            section.fields.retain(|field| shown(&field.packs));
        }
        form.sections.retain(|section| !section.fields.is_empty());
    }
    Pack {
        kind,
        version: own.version,
        title: own.title.clone(),
        forms,
        lists: both.iter().flat_map(|source| source.lists.clone()).collect(),
        parameters: both.iter().flat_map(|source| source.parameters.clone()).collect(),
        checklists: both.iter().flat_map(|source| source.checklists.clone()).collect(),
        prompts: both.iter().flat_map(|source| source.prompts.clone()).collect(),
    }
}

/// What the build does with the files, so that its faults are tested too.
#[cfg(test)]
#[expect(dead_code, reason = "only the build writes")]
#[path = "build/packs.rs"]
mod source;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::schema;

    /// The kind of record that a form writes.
    pub(crate) fn record_kind(form: &str) -> &'static str {
        match form {
            "F-01" => "visit",
            "F-02" => "consultation",
            "F-04" => "outing",
            "person" => "person",
            other => panic!("form {other} writes no record of its own name"),
        }
    }

    /// A type as the catalogue's tables write it. Names are `text(40)` there, and whole numbers have no bounds.
    fn as_in_catalogue(kind: &FieldType) -> String {
        match kind {
            FieldType::Text(max) => format!("text({max})"),
            FieldType::LongText => "long_text".into(),
            FieldType::Phone => "phone".into(),
            FieldType::Name => "text(40)".into(),
            FieldType::Date => "date".into(),
            FieldType::Datetime => "datetime".into(),
            FieldType::Int(_, _) => "int".into(),
            FieldType::Money => "money".into(),
            FieldType::Bool => "bool".into(),
            FieldType::Enum(list) => format!("enum({list})"),
            FieldType::Multi(list) => format!("multi({list})"),
            FieldType::Ref(Reference::Person) => "ref(Party)".into(),
            FieldType::Ref(Reference::Staff) => "ref(Staff)".into(),
            FieldType::Ref(Reference::Outing) => "ref(Outing)".into(),
            FieldType::Ref(Reference::Campaign) => "ref(Campaign)".into(),
            FieldType::StaffList => "list<ref(Staff)>".into(),
            FieldType::Checklist(_) => "ref(ChecklistRun)".into(),
            FieldType::ResidentId => "id_card".into(),
            FieldType::Passport => "passport".into(),
        }
    }

    /// Every field of a form in any pack, as a table of key, type and the catalogue's letter.
    fn table(form_id: &str) -> Vec<(String, String, char)> {
        let source: BTreeMap<Box<str>, Source> = serde_json::from_str(JSON).unwrap();
        let form = source.values().flat_map(|source| &source.forms).find(|form| &*form.id == form_id).unwrap();
        form.fields()
            .filter(|field| !field.added)
            .map(|field| {
                let letter = match field.required {
                    Required::Yes => 'Y',
                    Required::No => 'N',
                    Required::Auto => 'A',
                    Required::When(_) | Required::Unless(_) => 'C',
                };
                (field.key.to_string(), as_in_catalogue(&field.kind), letter)
            })
            .collect()
    }

    fn check_table(form: &str, expected: &[(&str, &str, char)]) {
        let expected: Vec<_> =
            expected.iter().map(|(key, kind, letter)| ((*key).to_owned(), (*kind).to_owned(), *letter)).collect();
        assert_eq!(table(form), expected, "{form}");
    }

    #[test]
    fn visit_registration_asks_what_the_catalogue_asks() {
        check_table(
            "F-01",
            &[
                ("visit_at", "datetime", 'A'),
                ("visitor_name", "text(40)", 'Y'),
                ("gender", "enum(gender)", 'N'),
                ("mobile", "phone", 'C'),
                ("mobile_refused", "bool", 'N'),
                ("visit_purpose", "enum(visit_purpose)", 'Y'),
                ("party_size", "int", 'Y'),
                ("is_first_visit", "bool", 'Y'),
                ("lead_source", "enum(lead_source)", 'N'),
                ("referrer", "ref(Party)", 'C'),
                ("trial_pass_code", "text(20)", 'C'),
                ("interests", "multi(interest)", 'N'),
                ("exercised_before", "bool", 'N'),
                ("visitee_room", "text(10)", 'C'),
                ("visitee_surname", "text(20)", 'C'),
                ("shoe_cover_given", "bool", 'C'),
                ("visitor_pass_code", "text(20)", 'C'),
                ("host_staff", "ref(Staff)", 'Y'),
                ("privacy_ack", "bool", 'Y'),
                ("outcome", "enum(visit_outcome)", 'C'),
                ("left_at", "datetime", 'N'),
            ],
        );
    }

    #[test]
    fn the_consultation_register_asks_what_the_catalogue_asks() {
        check_table(
            "F-02",
            &[
                ("consult_date", "date", 'Y'),
                ("consult_mode", "enum(consult_mode)", 'Y'),
                ("customer_name", "text(40)", 'Y'),
                ("phone", "phone", 'Y'),
                ("address", "text(120)", 'N'),
                ("consult_items", "multi(interest)", 'Y'),
                ("info_source", "multi(info_source)", 'Y'),
                ("first_deal", "bool", 'Y'),
                ("first_deal_amount", "money", 'C'),
                ("received_by", "ref(Staff)", 'Y'),
                ("remark", "long_text", 'N'),
                ("next_contact_at", "datetime", 'C'),
            ],
        );
    }

    #[test]
    fn the_quick_lead_card_asks_what_the_catalogue_asks() {
        check_table(
            "F-03",
            &[
                ("outing", "ref(Outing)", 'A'),
                ("mobile", "phone", 'C'),
                ("name", "text(40)", 'N'),
                ("salutation", "enum(salutation)", 'N'),
                ("cooperation", "enum(cooperation)", 'Y'),
                ("interests", "multi(interest)", 'N'),
                ("intent", "enum(intent_level)", 'N'),
                ("leaflet_given", "bool", 'Y'),
                ("card_given", "bool", 'Y'),
                ("trial_pass_promised", "bool", 'N'),
                ("bring_companions", "bool", 'N'),
                ("visit_plan_at", "datetime", 'N'),
                ("consent_contact", "bool", 'Y'),
                ("duration_s", "int", 'A'),
                ("note", "long_text", 'N'),
            ],
        );
    }

    #[test]
    fn the_outing_plan_asks_what_the_catalogue_asks() {
        check_table(
            "F-04",
            &[
                ("outing_date", "date", 'Y'),
                ("area_kind", "enum(area_kind)", 'Y'),
                ("place", "text(80)", 'Y'),
                ("form", "enum(outing_form)", 'Y'),
                ("related_event", "ref(Campaign)", 'C'),
                ("leader", "ref(Staff)", 'Y'),
                ("team", "list<ref(Staff)>", 'Y'),
                ("planned_arrival", "datetime", 'Y'),
                ("actual_arrival", "datetime", 'Y'),
                ("kit_checked", "ref(ChecklistRun)", 'Y'),
                ("leaflets_out", "int", 'N'),
                ("leaflets_back", "int", 'N'),
                ("numbers_collected", "int", 'A'),
                ("passes_issued", "int", 'A'),
                ("ended_at", "datetime", 'Y'),
                ("summary", "long_text", 'N'),
                ("supervisor_comment", "long_text", 'N'),
            ],
        );
    }

    #[test]
    fn code_lists_have_the_codes_of_the_catalogue() {
        let pack = Pack::of(VenueKind::Fitness);
        for (list, codes) in [
            ("gender", "male female unspecified"),
            ("salutation", "mr ms miss other"),
            ("cooperation", "cooperative short_on_time refused"),
            ("intent_level", "A B C D"),
            ("area_kind", "event_place office residence shopping enterprise_gov other"),
            ("outing_form", "fixed_desk roaming_leaflet roadshow lecture"),
            ("visit_purpose", "tour trial sign renewal resident_visit complaint delivery training other"),
            ("visit_outcome", "signed follow_up trial no_interest announced other"),
            ("consult_mode", "phone onsite"),
            ("info_source", "outdoor_ad media newspaper post other"),
            (
                "lead_source",
                "outdoor_ad leaflet salesperson newspaper radio friend_referral pass_by media post outing roadshow \
                 partner phone_in walk_in other",
            ),
            (
                "interest",
                "fitness slimming hobby spinning group_class yoga strength running table_tennis court billiards \
                 body_test personal_training other",
            ),
            ("channel", "phone sms wechat app online message_book onsite home hotline group"),
            ("contact_result", "reached no_answer refused wrong_number call_later"),
            ("consent_purpose", "contact contract id_data health photo publish marketing minor"),
        ] {
            let mut expected: Vec<&str> = codes.split_whitespace().collect();
            let mut found: Vec<&str> = pack.list(list).iter().map(|item| &*item.key).collect();
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "{list}");
        }
    }

    #[test]
    fn every_field_of_a_form_has_its_field_in_the_schema() {
        let source: BTreeMap<Box<str>, Source> = serde_json::from_str(JSON).unwrap();
        for form in source.values().flat_map(|source| &source.forms).filter(|form| &*form.id != "F-03") {
            for field in form.fields() {
                let key = field.key.as_str();
                assert!(schema::field(record_kind(&form.id), key).is_some(), "{} of {}", key, form.id);
            }
        }
    }

    #[test]
    fn a_pack_shows_the_fields_of_its_kind_of_venue() {
        let (fitness, sports) = (Pack::of(VenueKind::Fitness), Pack::of(VenueKind::Sports));
        let ids = |pack: &Pack| pack.forms.iter().map(|form| form.id.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(ids(fitness), "F-01 F-02 person F-03 F-04");
        assert_eq!(ids(sports), "F-01 F-02 person");
        let has = |pack: &Pack, key: &str| pack.form("F-01").unwrap().field(key).is_some();
        assert!(has(fitness, "exercised_before") && !has(sports, "exercised_before"));
        assert!(!has(fitness, "visitor_pass_code") && has(sports, "visitor_pass_code"));
        assert!(!has(fitness, "visitee_room") && !has(sports, "visitee_room"));
    }

    #[test]
    fn parameters_kit_and_prompts_are_there() {
        let pack = Pack::of(VenueKind::Fitness);
        assert_eq!(pack.number("outing.min_numbers", 0), 20);
        assert_eq!(pack.number("outing.flow_max_minutes", 0), 5);
        assert_eq!(pack.number("no.such", 7), 7);
        assert!(pack.checklist("CL-03").is_some_and(|kit| kit.items.iter().any(|item| &*item.key == "handbook")));
        assert!(pack.prompt("S-08").is_some_and(|prompt| prompt.points.len() >= 7));
        assert_eq!(pack.word("interest", "yoga", Language::En), "Yoga");
        assert_eq!(pack.word("interest", "from_a_later_pack", Language::En), "from_a_later_pack");
    }
}
