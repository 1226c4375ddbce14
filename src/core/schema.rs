//! What kinds of record there are, which fields they have, and how each field merges.
//!
//! The same for every pack: a pack says what a form asks for, this says what a record can hold. The endpoint
//! and every device check what comes in against it, so that no form, no other version and no forged change puts
//! text where a number belongs. Kinds and fields that are not listed here are let through: a later version wrote
//! them. A listed field never changes its merge kind or its type; it gets a successor under another name. Fields that a
//! club adds in a pack of its own begin with `own_`, and hold one plain value, whichever.
//!
//! Visits, consultations and outings name their fields as their forms do. Source: domain catalogue 4.2, 4.3,
//! forms F-01 to F-04 and F-58, machines SM-01, SM-02 and SM-17.

use std::collections::BTreeMap;

use crate::{
    audit,
    change::{Change, Key, Op, Write},
    id::{ChangeId, RecordId, StaffId},
    money::Money,
    name::PersonName,
    phone::PhoneNumber,
    record::CellTag,
    typed::{NOTE_CHARACTERS_MAX, Signature},
    value::Value,
};

/// One kind of record.
#[derive(Debug)]
pub struct KindSpec {
    pub key: &'static str,
    /// Not sorted; the order in which a profile shows them.
    pub fields: &'static [FieldSpec],
}

/// One field: how two writes to it are settled, and what it holds.
#[derive(Debug)]
pub struct FieldSpec {
    pub key: &'static str,
    pub merge: CellTag,
    pub holds: Holds,
}

/// What a field holds. Of a set it is what each element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Bool,
    Int {
        min: i64,
        max: i64,
    },
    /// Fen.
    Money,
    Text {
        max: usize,
    },
    /// The key of a code list; which ones there are is the pack's.
    Code,
    /// The state of a machine that core itself runs.
    OneOf(&'static [&'static str]),
    /// E.164.
    Phone,
    Name,
    Day,
    At,
    /// A [`StaffId`] as text.
    Staff,
    Record,
    /// What [`crate::typed::Signature`] writes.
    Signature,
    /// Several values, or pairs of them, in the order in which they were put in.
    List,
    /// One plain value, of the type that the club's pack gives the field.
    Own,
    /// The fields of a guarded group.
    Group(&'static [(&'static str, Holds)]),
}

/// States of a lead. Source: SM-01.
pub const LEAD_STAGES: &[&str] = &[
    "new",
    "contacted",
    "appointed",
    "visited",
    "negotiating",
    "tracking",
    "won",
    "lost",
    "dormant",
    "do_not_contact",
];
/// States of a visit. Source: SM-02.
pub const VISIT_STATES: &[&str] =
    &["registered", "with_host", "touring", "waiting", "negotiating", "signed", "left", "cancelled"];
/// States of an outing. Source: SM-17.
pub const OUTING_STATES: &[&str] = &["planned", "ready", "on_site", "collecting", "ended", "reported", "cancelled"];

const DIRECTIONS: &[&str] = &["in", "out"];
/// Letters of a code: as long as a key.
const CODE_LETTERS_MAX: usize = 40;
/// What was typed for a phone number, kept beside it.
pub const PHONE_TYPED_CHARACTERS_MAX: usize = 60;
/// Nobody is in contact with somebody for longer than a day.
pub const CONTACT_SECONDS_MAX: i64 = 86_400;
/// Values in a list: nobody puts in more by hand.
pub const LIST_VALUES_MAX: usize = 200;
/// Leaflets that one outing can carry.
const LEAFLETS_MAX: i64 = 100_000;

const fn latest(key: &'static str, holds: Holds) -> FieldSpec {
    FieldSpec { key, merge: CellTag::Latest, holds }
}

const fn first(key: &'static str, holds: Holds) -> FieldSpec {
    FieldSpec { key, merge: CellTag::First, holds }
}

const fn once(key: &'static str, holds: Holds) -> FieldSpec {
    FieldSpec { key, merge: CellTag::Once, holds }
}

const fn set(key: &'static str, holds: Holds) -> FieldSpec {
    FieldSpec { key, merge: CellTag::Set, holds }
}

const fn text(key: &'static str, max: usize) -> FieldSpec {
    latest(key, Holds::Text { max })
}

const fn note(key: &'static str) -> FieldSpec {
    text(key, NOTE_CHARACTERS_MAX)
}

const fn int(key: &'static str, min: i64, max: i64) -> FieldSpec {
    latest(key, Holds::Int { min, max })
}

/// A capture that was taken back: lists leave it out, the ledger keeps it.
const WITHDRAWN: FieldSpec = latest("withdrawn", Holds::Bool);

const RULING: &[(&str, Holds)] = &[
    ("owner", Holds::Staff),
    ("reason", Holds::Code),
    ("over", Holds::Record),
    ("from", Holds::Staff),
    ("heard_at", Holds::At),
];

const PERSON: &[FieldSpec] = &[
    WITHDRAWN,
    latest("name", Holds::Name),
    latest("phone", Holds::Phone),
    text("phone_typed", PHONE_TYPED_CHARACTERS_MAX),
    latest("salutation", Holds::Code),
    latest("gender", Holds::Code),
    latest("birth_date", Holds::Day),
    text("address", 120),
    first("owner", Holds::Staff),
    first("captured_by", Holds::Staff),
    first("captured_at", Holds::At),
    first("source", Holds::Code),
    first("outing", Holds::Record),
    first("first_visit", Holds::Record),
    latest("referrer", Holds::Record),
    set("interests", Holds::Code),
    latest("intent", Holds::Code),
    latest("stage", Holds::OneOf(LEAD_STAGES)),
    text("lost_reason", 200),
    int("failed_calls", 0, 999),
    latest("contract", Holds::Record),
    latest("cooperation", Holds::Code),
    latest("exercised_before", Holds::Bool),
    latest("leaflet_given", Holds::Bool),
    latest("card_given", Holds::Bool),
    latest("trial_pass_promised", Holds::Bool),
    latest("bring_companions", Holds::Bool),
    int("contact_duration_s", 0, CONTACT_SECONDS_MAX),
    latest("visit_plan_at", Holds::At),
    latest("last_contact_at", Holds::At),
    latest("next_contact_at", Holds::At),
    latest("consent_contact", Holds::Bool),
    latest("consent_at", Holds::At),
    FieldSpec { key: "do_not_contact", merge: CellTag::Sticky, holds: Holds::Bool },
    note("note"),
    FieldSpec { key: "merging", merge: CellTag::Guarded, holds: Holds::Group(&[("merged_into", Holds::Record)]) },
    // Records that were joined to this one, some perhaps parted again: `duplicate.rs`.
    set("joined", Holds::Record),
    // People that somebody looked at and found to be others: `duplicate.rs`.
    set("not_the_same", Holds::Record),
    // Whose a guest is, where that is not who captured them: `lead.rs`, `duplicate.rs`.
    FieldSpec { key: "ruling", merge: CellTag::Guarded, holds: Holds::Group(RULING) },
];

const VISIT: &[FieldSpec] = &[
    WITHDRAWN,
    latest("person", Holds::Record),
    latest("status", Holds::OneOf(VISIT_STATES)),
    latest("visit_at", Holds::At),
    latest("visitor_name", Holds::Name),
    latest("gender", Holds::Code),
    latest("mobile", Holds::Phone),
    latest("mobile_refused", Holds::Bool),
    latest("visit_purpose", Holds::Code),
    int("party_size", 1, 200),
    latest("is_first_visit", Holds::Bool),
    latest("lead_source", Holds::Code),
    latest("referrer", Holds::Record),
    text("trial_pass_code", 20),
    set("interests", Holds::Code),
    latest("exercised_before", Holds::Bool),
    text("visitee_room", 10),
    text("visitee_surname", 20),
    latest("shoe_cover_given", Holds::Bool),
    text("visitor_pass_code", 20),
    latest("host_staff", Holds::Staff),
    latest("privacy_ack", Holds::Bool),
    latest("outcome", Holds::Code),
    latest("left_at", Holds::At),
    latest("documents_given", Holds::Bool),
    first("captured_by", Holds::Staff),
    first("captured_at", Holds::At),
];

const CONSULTATION: &[FieldSpec] = &[
    WITHDRAWN,
    latest("person", Holds::Record),
    latest("visit", Holds::Record),
    latest("consult_date", Holds::Day),
    latest("consult_mode", Holds::Code),
    latest("customer_name", Holds::Name),
    latest("phone", Holds::Phone),
    text("address", 120),
    set("consult_items", Holds::Code),
    text("consult_items_text", 80),
    set("info_source", Holds::Code),
    text("info_source_text", 40),
    latest("first_deal", Holds::Bool),
    latest("first_deal_amount", Holds::Money),
    latest("received_by", Holds::Staff),
    note("remark"),
    latest("no_contact_wanted", Holds::Bool),
    latest("next_contact_at", Holds::At),
    first("captured_by", Holds::Staff),
    first("captured_at", Holds::At),
];

const OUTING: &[FieldSpec] = &[
    WITHDRAWN,
    latest("status", Holds::OneOf(OUTING_STATES)),
    latest("outing_date", Holds::Day),
    latest("area_kind", Holds::Code),
    text("place", 80),
    latest("form", Holds::Code),
    latest("related_event", Holds::Record),
    latest("leader", Holds::Staff),
    set("team", Holds::Staff),
    latest("planned_arrival", Holds::At),
    latest("actual_arrival", Holds::At),
    // The items of the kit that are packed.
    set("kit_checked", Holds::Code),
    int("leaflets_out", 0, LEAFLETS_MAX),
    int("leaflets_back", 0, LEAFLETS_MAX),
    // Counted from the leads while it runs; what the report said then.
    int("numbers_collected", 0, LEAFLETS_MAX),
    int("passes_issued", 0, LEAFLETS_MAX),
    latest("ended_at", Holds::At),
    note("summary"),
    note("supervisor_comment"),
    text("cancel_reason", 200),
    first("captured_by", Holds::Staff),
    first("captured_at", Holds::At),
];

const INTERACTION: &[FieldSpec] = &[
    WITHDRAWN,
    latest("person", Holds::Record),
    first("outing", Holds::Record),
    latest("direction", Holds::OneOf(DIRECTIONS)),
    latest("channel", Holds::Code),
    latest("purpose", Holds::Code),
    latest("started_at", Holds::At),
    int("duration_s", 0, CONTACT_SECONDS_MAX),
    first("staff", Holds::Staff),
    latest("result", Holds::Code),
    latest("cooperation", Holds::Code),
    latest("leaflet_given", Holds::Bool),
    latest("card_given", Holds::Bool),
    note("summary"),
    latest("next_contact_at", Holds::At),
    first("entered_at", Holds::At),
];

const CONSENT: &[FieldSpec] = &[
    first("party", Holds::Record),
    first("purpose", Holds::Code),
    latest("granted", Holds::Bool),
    latest("guardian", Holds::Name),
    latest("channel", Holds::Code),
    first("text_version", Holds::Text { max: 20 }),
    first("captured_by", Holds::Staff),
    first("captured_at", Holds::At),
    latest("withdrawn_at", Holds::At),
    once("sign", Holds::Signature),
];

/// The number of an identity document, apart from the paper that shows it masked: in a circle of its own, R-146.
const IDENTITY: &[FieldSpec] = &[
    WITHDRAWN,
    first("of", Holds::Record),
    first("field", Holds::Code),
    first("person", Holds::Record),
    first("number", Holds::Text { max: 20 }),
    first("captured_by", Holds::Staff),
    first("captured_at", Holds::At),
];

/// An entry of the audit log: `audit.rs`. Once written, a field stays; a second value stands beside it and is seen.
const AUDIT: &[FieldSpec] = &[
    once("deed", Holds::Code),
    once("by", Holds::Staff),
    once("at", Holds::At),
    once("of", Holds::Record),
    once("of_kind", Holds::Code),
    once("person", Holds::Record),
    once("what", Holds::Code),
    once("reason", Holds::Text { max: audit::REASON_CHARACTERS_MAX }),
    once("owner_before", Holds::Staff),
    once("owner_after", Holds::Staff),
];

/// Every kind of record that stands here.
static OWN_KINDS: &[KindSpec] = &[
    KindSpec { key: "person", fields: PERSON },
    KindSpec { key: "visit", fields: VISIT },
    KindSpec { key: "consultation", fields: CONSULTATION },
    KindSpec { key: "outing", fields: OUTING },
    KindSpec { key: "interaction", fields: INTERACTION },
    KindSpec { key: "consent", fields: CONSENT },
    KindSpec { key: "identity", fields: IDENTITY },
    KindSpec { key: audit::KIND, fields: AUDIT },
];

/// Kinds of record that name their fields as the packs' forms do, made of the packs when the program is built.
static PACK_KINDS: &[KindSpec] = include!(concat!(env!("OUT_DIR"), "/kinds.rs"));

/// How the fields begin that a club adds in a pack of its own; [`crate::named`] says so to those who write it.
pub const OWN: &str = "own_";
/// What the fields that a club adds are: the schema is the same for every club.
static OWN_FIELD: FieldSpec = latest(OWN, Holds::Own);

/// Whether a field is one that a club added.
#[must_use]
pub fn is_own(key: &str) -> bool {
    key.len() > OWN.len() && key.starts_with(OWN)
}

/// Every kind of record that this version knows.
pub fn kinds() -> impl Iterator<Item = &'static KindSpec> {
    OWN_KINDS.iter().chain(PACK_KINDS)
}

/// A kind by its key; `None` if a later version made it up.
#[must_use]
pub fn kind(key: &str) -> Option<&'static KindSpec> {
    kinds().find(|kind| kind.key == key)
}

/// A field of a kind; `None` if this version does not know it.
#[must_use]
pub fn field(kind_key: &str, key: &str) -> Option<&'static FieldSpec> {
    kind(kind_key)?.field(key)
}

impl KindSpec {
    /// As [`field`].
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&'static FieldSpec> {
        if is_own(key) { Some(&OWN_FIELD) } else { self.fields.iter().find(|field| field.key == key) }
    }
}

/// A write of the merge kind that the schema gives the field. Of a set it adds the element.
///
/// # Panics
/// When the schema has no such field, or it is a guarded group: a bug in the caller.
#[must_use]
pub fn write(kind: &str, key: &str, value: impl Into<Value>) -> Write {
    let value = value.into();
    let spec = known(kind, key);
    let op = match spec.merge {
        CellTag::Latest => Op::Latest(value),
        CellTag::First => Op::First(value),
        CellTag::Sticky => Op::Sticky(value),
        CellTag::Once => Op::Once(value),
        CellTag::Set => Op::Add(value),
        CellTag::Guarded => panic!("a guarded group is written with what it replaces"),
    };
    // A club's own fields share one line of the schema.
    let key = if is_own(key) { Key::parse(key).expect("packs name fields with keys") } else { Key::of(spec.key) };
    Write { key, op }
}

/// Takes an element out of a set.
///
/// # Panics
/// When the schema has no such set: a bug in the caller.
#[must_use]
pub fn remove(kind: &str, key: &str, element: impl Into<Value>) -> Write {
    let spec = known(kind, key);
    assert_eq!(spec.merge, CellTag::Set, "only a set has elements");
    Write { key: Key::of(spec.key), op: Op::Remove(element.into()) }
}

/// Writes a guarded group, naming the writes that its author saw.
///
/// # Panics
/// When the schema has no such group: a bug in the caller.
#[must_use]
pub fn write_group(kind: &str, key: &str, values: BTreeMap<Key, Value>, replaces: Vec<ChangeId>) -> Write {
    let spec = known(kind, key);
    assert_eq!(spec.merge, CellTag::Guarded, "only a guarded group replaces");
    Write { key: Key::of(spec.key), op: Op::Guarded { values, replaces } }
}

fn known(kind: &str, key: &str) -> &'static FieldSpec {
    field(kind, key).expect("the program writes only fields that its own schema has")
}

/// A change that does not fit the schema, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} of {record}: {code}")]
pub struct Fault {
    pub record: RecordId,
    pub field: Key,
    pub code: FaultCode,
}

/// What does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultCode {
    #[error("merge_kind")]
    MergeKind,
    #[error("value_type")]
    ValueType,
    #[error("out_of_bounds")]
    OutOfBounds,
}

/// Whether every edit that is shown fits the schema: known fields have its merge kind and type, and are in bounds.
///
/// # Errors
/// Names the first field that does not fit.
pub fn check_change(change: &Change) -> Result<(), Fault> {
    for edit in change.edits() {
        let Some(kind) = kind(edit.kind.as_str()) else { continue };
        for write in &edit.writes {
            let Some(spec) = kind.field(write.key.as_str()) else { continue };
            check_op(spec, &write.op).map_err(|code| Fault { record: edit.record, field: write.key.clone(), code })?;
        }
    }
    Ok(())
}

fn check_op(spec: &FieldSpec, op: &Op) -> Result<(), FaultCode> {
    match (spec.merge, op) {
        // Only what can be written again can be emptied.
        (CellTag::Latest, Op::Latest(Value::Empty)) => Ok(()),
        (CellTag::Latest, Op::Latest(value))
        | (CellTag::First, Op::First(value))
        | (CellTag::Sticky, Op::Sticky(value))
        | (CellTag::Once, Op::Once(value))
        | (CellTag::Set, Op::Add(value) | Op::Remove(value)) => check_value(spec.holds, value),
        (CellTag::Guarded, Op::Guarded { values, .. }) => {
            let Holds::Group(members) = spec.holds else { return Err(FaultCode::MergeKind) };
            let of = |key: &Key| members.iter().find(|(member, _)| *member == key.as_str());
            values
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .filter_map(|(key, value)| Some((of(key)?.1, value)))
                .try_for_each(|(holds, value)| check_value(holds, value))
        }
        _ => Err(FaultCode::MergeKind),
    }
}

/// Whether a value is what a field holds, and in its bounds.
///
/// # Errors
/// Says which of the two it is not.
pub fn check_value(holds: Holds, value: &Value) -> Result<(), FaultCode> {
    let fits = match (holds, value) {
        (Holds::Bool, Value::Bool(_))
        | (Holds::Day, Value::Day(_))
        | (Holds::At, Value::At(_))
        | (Holds::Record, Value::Id(_)) => true,
        (Holds::Int { min, max }, Value::Int(number)) => (min..=max).contains(number),
        (Holds::Money, Value::Int(fen)) => Money::from_fen(*fen).is_some(),
        (Holds::Text { max }, Value::Text(text)) => text.chars().count() <= max,
        (Holds::Code, Value::Text(code)) => is_code(code),
        (Holds::OneOf(states), Value::Text(state)) => states.contains(&&**state),
        (Holds::Phone, Value::Text(text)) => PhoneNumber::from_e164(text).is_some(),
        (Holds::Name, Value::Text(text)) => PersonName::parse(text).is_ok_and(|name| name.as_str() == &**text),
        (Holds::Staff, Value::Text(text)) => text.parse::<StaffId>().is_ok(),
        (Holds::Signature, value @ Value::List(_)) => Signature::from_value(value).is_some(),
        (Holds::Own, Value::Bool(_) | Value::Int(_) | Value::At(_) | Value::Day(_) | Value::Id(_)) => true,
        (Holds::Own, Value::Text(text)) => text.chars().count() <= NOTE_CHARACTERS_MAX,
        (Holds::List, Value::List(values)) => values.len() <= LIST_VALUES_MAX && values.iter().all(is_plain),
        _ => return Err(FaultCode::ValueType),
    };
    if fits { Ok(()) } else { Err(FaultCode::OutOfBounds) }
}

/// One value of a list, or two or three that belong together, such as what was given and how many.
fn is_plain(value: &Value) -> bool {
    let is_short = |value: &Value| match value {
        Value::Text(text) => text.chars().count() <= NOTE_CHARACTERS_MAX,
        Value::Bool(_) | Value::Int(_) | Value::At(_) | Value::Day(_) | Value::Id(_) => true,
        Value::Empty | Value::Bytes(_) | Value::List(_) => false,
    };
    match value {
        Value::List(parts) => (2..=3).contains(&parts.len()) && parts.iter().all(is_short),
        value => is_short(value),
    }
}

/// Codes are keys of a pack's lists; `A` to `D` are capitals.
fn is_code(text: &str) -> bool {
    (1..=CODE_LETTERS_MAX).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, time::Millis};

    fn check(writes: Vec<(&'static str, Op)>) -> Result<(), FaultCode> {
        check_change(&fixture::change(1, vec![fixture::person_edit(2, writes)])).map_err(|fault| fault.code)
    }

    fn checked(key: &'static str, value: impl Into<Value>) -> Result<(), FaultCode> {
        check(vec![(key, Op::Latest(value.into()))])
    }

    #[test]
    fn every_key_can_name_a_field_and_stands_once() {
        for kind in kinds() {
            let mut seen = std::collections::BTreeSet::new();
            assert!(Key::parse(kind.key).is_ok());
            for field in kind.fields {
                assert!(Key::parse(field.key).is_ok(), "{}", field.key);
                assert!(seen.insert(field.key), "{} twice in {}", field.key, kind.key);
                assert_eq!(field.merge == CellTag::Guarded, matches!(field.holds, Holds::Group(_)), "{}", field.key);
            }
        }
    }

    #[test]
    fn what_fits_is_let_through() {
        assert_eq!(check_change(&fixture::phone_change().change), Ok(()));
        assert_eq!(checked("phone", Value::Empty), Ok(()));
        assert_eq!(checked("stage", "won"), Ok(()));
        assert_eq!(checked("intent", "A"), Ok(()));
        assert_eq!(checked("note", "字".repeat(NOTE_CHARACTERS_MAX)), Ok(()));
        assert_eq!(checked("next_contact_at", Millis(-5)), Ok(()));
    }

    #[test]
    fn what_a_later_version_wrote_is_let_through() {
        assert_eq!(checked("shoe_size", Value::Int(-1)), Ok(()));
        let mut edit = fixture::person_edit(2, vec![("phone", Op::Once(Value::Bool(true)))]);
        edit.kind = Key::of("locker");
        assert_eq!(check_change(&fixture::change(1, vec![edit])), Ok(()));
    }

    #[test]
    fn a_club_adds_fields_of_one_plain_value() {
        let spec = field("membership", "own_plate").unwrap();
        assert_eq!((spec.merge, spec.holds), (CellTag::Latest, Holds::Own));
        assert!(field("locker", "own_plate").is_none() && field("membership", "own_").is_none());
        assert_eq!(write("person", "own_plate", "浙A").key.as_str(), "own_plate");
        assert_eq!(checked("own_plate", "浙A12345"), Ok(()));
        assert_eq!(checked("own_plate", Value::Empty), Ok(()));
        assert_eq!(checked("own_plate", Value::List(vec!["a".into()])), Err(FaultCode::ValueType));
        assert_eq!(checked("own_plate", "字".repeat(NOTE_CHARACTERS_MAX + 1)), Err(FaultCode::OutOfBounds));
        assert_eq!(check(vec![("own_plate", Op::First("a".into()))]), Err(FaultCode::MergeKind));
        assert_eq!(OWN, crate::named::OWN);
        assert!(kinds().flat_map(|kind| kind.fields).all(|field| !is_own(field.key)), "what ships has no such field");
    }

    #[test]
    fn a_wrong_type_or_bound_is_named() {
        use FaultCode::{OutOfBounds, ValueType};
        for (key, value, code) in [
            ("phone", Value::from("13800138000"), OutOfBounds),
            ("phone", Value::Int(13_800_138_000), ValueType),
            ("name", "李4".into(), OutOfBounds),
            ("name", " 李娜".into(), OutOfBounds),
            ("name", "李".repeat(41).into(), OutOfBounds),
            ("stage", "married".into(), OutOfBounds),
            ("intent", "a b".into(), OutOfBounds),
            ("intent", "".into(), OutOfBounds),
            ("note", "字".repeat(NOTE_CHARACTERS_MAX + 1).into(), OutOfBounds),
            ("birth_date", "2000-01-01".into(), ValueType),
            ("contact_duration_s", Value::Int(-1), OutOfBounds),
            ("leaflet_given", Value::Int(1), ValueType),
        ] {
            assert_eq!(checked(key, value), Err(code), "{key}");
        }
        let owner = check(vec![("owner", Op::First("me".into()))]);
        assert_eq!(owner, Err(OutOfBounds));
        assert_eq!(check(vec![("owner", Op::First(Value::Empty))]), Err(ValueType));
        assert_eq!(check(vec![("interests", Op::Add(Value::Empty))]), Err(ValueType));
    }

    #[test]
    fn a_wrong_merge_kind_is_named() {
        for (key, op) in [
            ("owner", Op::Latest(fixture::staff(2).to_string().into())),
            ("do_not_contact", Op::Latest(false.into())),
            ("interests", Op::Latest("yoga".into())),
            ("name", Op::First("李娜".into())),
            ("merging", Op::Latest(Value::Empty)),
            ("phone", Op::Guarded { values: BTreeMap::new(), replaces: Vec::new() }),
        ] {
            assert_eq!(check(vec![(key, op)]), Err(FaultCode::MergeKind), "{key}");
        }
    }

    #[test]
    fn members_of_a_group_are_checked_too() {
        let merging = |value: Value| {
            let values = BTreeMap::from([(Key::of("merged_into"), value), (Key::of("later"), Value::Int(1))]);
            check(vec![("merging", write_group("person", "merging", values, Vec::new()).op)])
        };
        assert_eq!(merging(Value::Empty), Ok(()));
        assert_eq!(merging(RecordId::from_bytes(fixture::id_bytes(4)).into()), Ok(()));
        assert_eq!(merging("x".into()), Err(FaultCode::ValueType));
    }

    #[test]
    fn a_write_has_the_merge_kind_of_its_field() {
        assert_eq!(write("person", "name", "李娜").op, Op::Latest("李娜".into()));
        assert_eq!(write("person", "source", "outing").op, Op::First("outing".into()));
        assert_eq!(write("person", "interests", "yoga").op, Op::Add("yoga".into()));
        assert_eq!(remove("person", "interests", "yoga").op, Op::Remove("yoga".into()));
        assert_eq!(write("person", "do_not_contact", true).op, Op::Sticky(true.into()));
    }
}
