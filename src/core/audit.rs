//! The audit log: who looked at what is kept back, who decided, who gave a customer to somebody else, who exported.
//!
//! An entry is a record of its own, made in the change that does the thing or, for a look, in one that is kept before
//! anything is shown. It is for the privacy circle: whoever does something writes it, those who may read the log read
//! it. Nothing in it can be altered: each field is written once and names the author of its change, which the endpoint
//! checks. Exports are records already and are read from there. It holds ids and codes and no data of a guest, so what
//! somebody may see of them is as much as they see anyway. Source: R-152, domain catalogue 3.7 and 4.11.

use crate::{
    audience::{Audience, circle},
    capture::{Draw, Scene},
    change::{Change, Edit, Key, Op},
    id::{DeviceNumber, RecordId, StaffId},
    paper::{matter_of, person_id},
    permit::{self, Doing, Matter, Reach},
    record::Record,
    schema::{Fault, FaultCode},
    time::Millis,
    value::Value,
    work::Step,
    workflow::PROGRESS,
};

/// The kind of its records.
pub const KIND: &str = "audit";
/// Kinds of record that the log is read from.
pub const KINDS: [&str; 2] = [KIND, EXPORT];
const EXPORT: &str = "export";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Looked at the whole number of an identity document.
    SawNumber,
    /// Looked at the whole phone number of a guest who is not one of their own.
    SawPhone,
    /// Looked at medical papers.
    SawHealth,
    /// Took a step that approves, refuses or decides.
    Decided,
    /// Gave a customer to another colleague.
    ChangedOwner,
    Exported,
}

impl Deed {
    pub const ALL: [Self; 6] =
        [Self::SawNumber, Self::SawPhone, Self::SawHealth, Self::Decided, Self::ChangedOwner, Self::Exported];

    /// As it is written into a record.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::SawNumber => "saw_number",
            Self::SawPhone => "saw_phone",
            Self::SawHealth => "saw_health",
            Self::Decided => "decided",
            Self::ChangedOwner => "changed_owner",
            Self::Exported => "exported",
        }
    }

    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.key() == key)
    }
}

/// For what somebody may look: the look is bound to it. Source: R-146, domain catalogue 17.2.
#[must_use]
pub const fn purposes(deed: Deed) -> [&'static str; 4] {
    let first = if matches!(deed, Deed::SawPhone) { "reach_guest" } else { "check_identity" };
    [first, "do_paperwork", "guest_asked", "inquiry"]
}

// ---- Writing --------------------------------------------------------------------------------------------------

/// An entry before it is kept.
fn begun(deed: Deed, id: RecordId, scene: &Scene<'_>) -> Draw {
    let mut draw = Draw::new(KIND, id, Audience::Circle(scene.venue, circle::PRIVACY.into()));
    draw.put("deed", deed.key());
    draw.put("by", scene.me.to_string());
    draw.put("at", scene.now);
    draw
}

fn about(mut draw: Draw, record: &Record) -> Draw {
    draw.put("of", record.id);
    draw.put("of_kind", record.kind().as_str());
    let person = if record.kind().as_str() == "person" { Some(record.id) } else { person_id(record) };
    if let Some(person) = person {
        draw.put("person", person);
    }
    draw
}

/// A look at what a field of a record keeps back.
#[must_use]
pub fn looked(deed: Deed, record: &Record, field: &str, purpose: &str, id: RecordId, scene: &Scene<'_>) -> Edit {
    let mut draw = about(begun(deed, id, scene), record);
    draw.put("what", field);
    draw.put("reason", purpose);
    draw.done()
}

/// A step that decides; `None` for all others.
#[must_use]
pub fn decided(
    record: &Record,
    step: &Step,
    reason: Option<&str>,
    scene: &Scene<'_>,
    new_id: &mut dyn FnMut() -> RecordId,
) -> Option<Edit> {
    if !decides(step, record.kind().as_str()) {
        return None;
    }
    let mut draw = about(begun(Deed::Decided, new_id(), scene), record);
    draw.put("what", &*step.key);
    if let Some(reason) = reason {
        draw.put("reason", first_letters(reason));
    }
    Some(draw.done())
}

/// A customer who is another colleague's from now on, and on what ground.
#[must_use]
pub fn changed_owner(
    person: RecordId,
    from: Option<StaffId>,
    to: StaffId,
    reason: &str,
    id: RecordId,
    scene: &Scene<'_>,
) -> Edit {
    let mut draw = begun(Deed::ChangedOwner, id, scene);
    draw.put("of", person);
    draw.put("of_kind", "person");
    draw.put("person", person);
    if let Some(from) = from {
        draw.put("owner_before", from.to_string());
    }
    draw.put("owner_after", to.to_string());
    draw.put("reason", first_letters(reason));
    draw.done()
}

/// Letters of a reason that an entry keeps; the whole of it stands where it was given.
pub const REASON_CHARACTERS_MAX: usize = 200;

fn first_letters(text: &str) -> String {
    text.chars().take(REASON_CHARACTERS_MAX).collect()
}

/// Whether a step decides something: it is a superior's, or only those take it who approve in its matter.
///
/// What everybody does with their own papers is no approval, whatever their post approves elsewhere.
#[must_use]
pub fn decides(step: &Step, kind: &str) -> bool {
    let matter = matter_of(kind);
    let approves = |post: &str| {
        matter.and_then(|matter| permit::reach(&[post], matter, Doing::Approve)).is_some_and(|reach| reach > Reach::Own)
    };
    let is_somebodys = !step.from.is_empty() && !step.by.is_empty();
    is_somebodys && (step.by.iter().any(|by| &**by == "superior") || step.by.iter().all(|by| approves(by)))
}

/// Whether the entries of a change are its author's own, whole, and where they belong.
///
/// # Errors
/// Names the first field that is not as an entry has it.
pub fn check(change: &Change) -> Result<(), Fault> {
    let author = change.header.author.to_string();
    for edit in change.edits().filter(|edit| edit.kind.as_str() == KIND) {
        let fault = |field, code| Fault { record: edit.record, field: Key::of(field), code };
        if !matches!(&edit.audience, Audience::Circle(_, name) if &**name == circle::PRIVACY) {
            return Err(fault("of", FaultCode::OutOfBounds));
        }
        if let Some(write) = edit.writes.iter().find(|write| !matches!(write.op, Op::Once(_))) {
            return Err(Fault { record: edit.record, field: write.key.clone(), code: FaultCode::MergeKind });
        }
        let names_author = edit.writes.iter().any(
            |write| matches!((&write.op, write.key.as_str()), (Op::Once(by), "by") if by.as_text() == Some(&author)),
        );
        if !names_author {
            return Err(fault("by", FaultCode::OutOfBounds));
        }
    }
    Ok(())
}

// ---- Reading --------------------------------------------------------------------------------------------------

/// Whether somebody of these posts reads the log.
#[must_use]
pub fn reads(posts: &[&str]) -> bool {
    permit::reach(posts, Matter::AuditLog, Doing::Read).is_some()
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub id: RecordId,
    pub deed: Deed,
    pub at: Millis,
    /// The tablet on which it was done.
    pub device: DeviceNumber,
    /// Who, as records name the staff.
    pub by: Box<str>,
    pub of: Option<RecordId>,
    pub of_kind: Option<Box<str>>,
    pub person: Option<RecordId>,
    /// The field that was looked at, the step that was taken, what was exported.
    pub what: Box<str>,
    pub reason: Box<str>,
    pub owners: [Option<Box<str>>; 2],
    /// Who approved an export that another made.
    pub approver: Option<Box<str>>,
    /// Somebody wrote to it a second time: it says two things.
    pub is_doubtful: bool,
}

/// What a record says in the log: an entry, or an export that was carried out. `None` for what a later version wrote.
#[must_use]
pub fn entry(record: &Record) -> Option<Entry> {
    let text = |key: &str| record.text(key).map(Box::from);
    let id = |key: &str| record.get(key).and_then(Value::as_id);
    let begun = record.begun();
    let entry = Entry {
        id: record.id,
        deed: Deed::Exported,
        at: begun.stamp.millis(),
        device: begun.device,
        by: "".into(),
        of: id("of"),
        of_kind: text("of_kind"),
        person: id("person"),
        what: text("what").unwrap_or_default(),
        reason: text("reason").unwrap_or_default(),
        owners: [text("owner_before"), text("owner_after")],
        approver: None,
        is_doubtful: false,
    };
    match record.kind().as_str() {
        KIND => Some(Entry {
            deed: Deed::from_key(record.text("deed")?)?,
            at: record.get("at").and_then(Value::as_at)?,
            by: text("by")?,
            is_doubtful: record.conflicts().next().is_some(),
            ..entry
        }),
        EXPORT => {
            let group = record.guarded(PROGRESS)?;
            let is_done = group.get("state").and_then(Value::as_text) == Some("executed");
            let done_at = record.get("done_at").and_then(Value::as_at);
            let done_at = done_at.or_else(|| group.get("at").and_then(Value::as_at));
            Some(Entry {
                at: done_at.filter(|_| is_done)?,
                by: text("author")?,
                of: Some(record.id),
                what: text("scope").unwrap_or_default(),
                approver: text("approver").filter(|approver| Some(&**approver) != record.text("author")),
                reason: text("reason_text").unwrap_or_default(),
                ..entry
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
