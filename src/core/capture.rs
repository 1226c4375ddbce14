//! From a filled form to the edits of one save.
//!
//! These decide what a form means: who owns the person, which stage a visit brings them to, when to call. They
//! are plain functions from values to values; the roster makes the change and keeps it.

use crate::{
    audience::{Audience, Role, may_write},
    change::{Edit, Key, Op, Write},
    form::Filled,
    id::{RecordId, StaffId, VenueId},
    lead::{self, protection},
    pack::{FieldType, Pack, Required},
    record::{CellTag, Record},
    schema::{self, OUTING_STATES, write},
    time::{Day, HOUR_MS, Millis},
    value::Value,
};

/// Where and when something is captured, and by whom.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub now: Millis,
    /// How far the venue's clocks are ahead of UTC.
    pub offset_minutes: i32,
    pub venue: VenueId,
    pub me: StaffId,
    /// What somebody does at this venue; `None` if they are not of its staff.
    pub role_of: &'a dyn Fn(StaffId) -> Option<Role>,
    pub pack: &'a Pack,
    /// The number of the next paper that this device makes.
    pub paper_number: Option<&'a str>,
}

impl std::fmt::Debug for Scene<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scene").field("now", &self.now).field("venue", &self.venue).finish_non_exhaustive()
    }
}

/// New ids, one for each record that a save makes.
pub type Ids<'a> = &'a mut dyn FnMut() -> RecordId;

/// For whom what `owner` captures is: a consultant's own leads, else the desk of the venue.
///
/// Where I may not write a colleague's own leads, the desk gets it and hands it on.
#[must_use]
pub fn audience_for(owner: StaffId, scene: &Scene<'_>) -> Audience {
    let desk = Audience::Desk(scene.venue);
    if !(scene.role_of)(owner).is_some_and(Role::keeps_own_leads) {
        return desk;
    }
    let own = Audience::Own(scene.venue, owner);
    if may_write_here(&own, scene) { own } else { desk }
}

/// The edits of a quick lead card, F-03.
///
/// With a number or a name it makes a person, whose first call is due the next day. A refusal that left
/// neither is a contact all the same: the leaflet was handed over and is counted.
#[must_use]
pub fn lead_edits(filled: &Filled, scene: &Scene<'_>, ids: Ids<'_>) -> Vec<Edit> {
    let audience = audience_for(scene.me, scene);
    let refused = filled.text("cooperation") == Some("refused");
    if filled.get("mobile").is_none() && filled.get("name").is_none() {
        let mut edit = Draw::new("interaction", ids(), audience);
        edit.put("staff", scene.me.to_string());
        edit.put("direction", "out");
        edit.put("channel", "onsite");
        edit.put("purpose", "marketing");
        edit.put("started_at", scene.now);
        edit.put("result", if refused { "refused" } else { "reached" });
        for (from, to) in [
            ("outing", "outing"),
            ("cooperation", "cooperation"),
            ("leaflet_given", "leaflet_given"),
            ("card_given", "card_given"),
            ("duration_s", "duration_s"),
            ("note", "summary"),
        ] {
            edit.copy(filled, from, to);
        }
        return vec![edit.done()];
    }
    let mut edit = Draw::new("person", ids(), audience);
    edit.put("owner", scene.me.to_string());
    // The card is filled in at the desk too, before its author unlocks.
    edit.put("source", if filled.get("outing").is_some() { "outing" } else { "walk_in" });
    edit.put("stage", "new");
    edit.captured(scene);
    edit.phone(filled, "mobile");
    for (from, to) in [
        ("name", "name"),
        ("salutation", "salutation"),
        ("outing", "outing"),
        ("cooperation", "cooperation"),
        ("interests", "interests"),
        ("intent", "intent"),
        ("leaflet_given", "leaflet_given"),
        ("card_given", "card_given"),
        ("trial_pass_promised", "trial_pass_promised"),
        ("bring_companions", "bring_companions"),
        ("visit_plan_at", "visit_plan_at"),
        ("consent_contact", "consent_contact"),
        ("duration_s", "contact_duration_s"),
        ("note", "note"),
    ] {
        edit.copy(filled, from, to);
    }
    if filled.is("consent_contact") {
        edit.put("consent_at", scene.now);
    }
    if !refused && filled.get("mobile").is_some() {
        edit.put("next_contact_at", first_call_at(scene));
    }
    vec![edit.done()]
}

/// When somebody met outside is called first: the next day at the pack's hour. Source: R-037.
#[must_use]
pub fn first_call_at(scene: &Scene<'_>) -> Millis {
    call_again_at(1, scene)
}

/// The edits of a visit registration, F-01: the visit, and the person it belongs to, who is made if not known.
///
/// Someone known keeps their owner. Who brings a parcel or visits a resident is no prospect.
#[must_use]
pub fn visit_edits(filled: &Filled, scene: &Scene<'_>, known: Option<&Record>, ids: Ids<'_>) -> Vec<Edit> {
    let host = filled.staff("host_staff").unwrap_or(scene.me);
    let audience = audience_of(known, host, scene);
    let mut visit = Draw::new("visit", ids(), audience);
    visit.put("status", if filled.get("left_at").is_some() { "left" } else { "registered" });
    visit.captured(scene);
    visit.copy_all(filled);
    let prospect = !matches!(filled.text("visit_purpose"), Some("delivery" | "resident_visit"));
    if known.is_none() && !prospect {
        return vec![visit.done()];
    }
    let mut person = person_draw(scene, known, host, ids);
    person.name(filled, "visitor_name", known);
    person.phone_unless_known(filled, "mobile", known);
    for key in ["gender", "exercised_before", "referrer", "interests"] {
        person.copy(filled, key, key);
    }
    if known.is_none() {
        person.put("source", filled.text("lead_source").unwrap_or("walk_in"));
    }
    if filled.get("mobile").is_some() && filled.is("privacy_ack") {
        person.put("consent_contact", true);
        person.put("consent_at", scene.now);
    }
    if let Some(stage) = stage_after(known, "visited").filter(|_| prospect) {
        person.put("stage", stage);
    }
    if known.is_none_or(|known| known.get("first_visit").is_none()) {
        person.put("first_visit", visit.edit.record);
    }
    visit.put("person", person.edit.record);
    with_person(visit, person)
}

/// The edits of a consultation, F-02: the consultation, and the person it belongs to, who is made if not known.
#[must_use]
pub fn consultation_edits(filled: &Filled, scene: &Scene<'_>, known: Option<&Record>, ids: Ids<'_>) -> Vec<Edit> {
    let receiver = filled.staff("received_by").unwrap_or(scene.me);
    let mut consultation = Draw::new("consultation", ids(), audience_of(known, receiver, scene));
    consultation.captured(scene);
    consultation.copy_all(filled);
    let by_phone = filled.text("consult_mode") == Some("phone");
    let mut person = person_draw(scene, known, receiver, ids);
    person.name(filled, "customer_name", known);
    person.phone_unless_known(filled, "phone", known);
    for (from, to) in [("address", "address"), ("consult_items", "interests"), ("next_contact_at", "next_contact_at")] {
        person.copy(filled, from, to);
    }
    if known.is_none() {
        person.put("source", if by_phone { "phone_in" } else { "walk_in" });
    }
    if filled.is("no_contact_wanted") {
        // Always wins, on every device.
        person.put("do_not_contact", true);
        person.put("consent_contact", false);
        person.put("stage", "do_not_contact");
    } else if let Some(stage) = stage_after(known, if by_phone { "contacted" } else { "visited" }) {
        person.put("stage", stage);
    }
    consultation.put("person", person.edit.record);
    with_person(consultation, person)
}

/// How a call went.
#[derive(Clone, Copy)]
pub struct Contact<'a> {
    pub started_at: Millis,
    /// Seconds.
    pub duration_s: i64,
    /// A code of the list `contact_result`.
    pub result: &'a str,
    /// What was said; may be empty.
    pub summary: &'a str,
    /// When to call again; `None` if nothing more is agreed.
    pub next_contact_at: Option<Millis>,
    /// They asked not to be called any more.
    pub is_unwanted: bool,
}

impl std::fmt::Debug for Contact<'_> {
    /// What was said reaches no trace.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contact").field("result", &self.result).finish_non_exhaustive()
    }
}

/// The edits of a call that one of us made: the call, and of the person when to call again. Somebody who answered
/// has been contacted. Source: W-19, R-085.
#[must_use]
pub fn contact_edits(contact: &Contact<'_>, scene: &Scene<'_>, person: &Record, ids: Ids<'_>) -> Vec<Edit> {
    let mut call = Draw::new("interaction", ids(), audience_of(Some(person), scene.me, scene));
    call.put("person", person.id);
    call.put("direction", "out");
    call.put("channel", "phone");
    call.put("purpose", "appointment");
    call.put("started_at", contact.started_at);
    call.put("duration_s", contact.duration_s.clamp(0, schema::CONTACT_SECONDS_MAX));
    call.put("staff", scene.me.to_string());
    call.put("result", contact.result);
    if !contact.summary.trim().is_empty() {
        call.put("summary", contact.summary.trim());
    }
    if let Some(at) = contact.next_contact_at {
        call.put("next_contact_at", at);
    }
    let mut known = person_draw(scene, Some(person), scene.me, ids);
    if contact.is_unwanted {
        known.put("do_not_contact", true);
        known.put("consent_contact", false);
    }
    if may_write_here(person.audience(), scene) {
        match contact.next_contact_at {
            Some(at) => known.put("next_contact_at", at),
            None if person.get("next_contact_at").is_some() => known.put("next_contact_at", Value::Empty),
            None => {}
        }
        known.put(protection::LAST_CONTACT, contact.started_at);
        if contact.result == "reached"
            && let Some(stage) = stage_after(Some(person), "contacted").filter(|_| person.text("stage") == Some("new"))
        {
            known.put("stage", stage);
        }
    }
    with_person(call, known)
}

/// When to call again `days` from today: at the hour of the pack. Source: R-037.
#[must_use]
pub fn call_again_at(days: i32, scene: &Scene<'_>) -> Millis {
    let day = Day::from_number(scene.now.day(scene.offset_minutes).number() + days);
    day.begins(scene.offset_minutes).plus(scene.pack.number("outing.first_call_hour", 10) * HOUR_MS)
}

/// The edit of a person's own file: everything that is said about someone new, and of someone known what differs.
#[must_use]
pub fn person_edits(filled: &Filled, scene: &Scene<'_>, known: Option<&Record>, ids: Ids<'_>) -> Vec<Edit> {
    let mut person = person_draw(scene, known, scene.me, ids);
    match known {
        Some(known) => {
            person.copy_differing(filled, known, scene.pack);
            if known.text("phone") != filled.text("phone")
                && let Some(typed) = filled.phone_typed("phone")
            {
                person.put("phone_typed", typed);
            }
        }
        None => {
            person.copy_all(filled);
            person.put("stage", "new");
            if let Some(typed) = filled.phone_typed("phone") {
                person.put("phone_typed", typed);
            }
        }
    }
    if filled.is("consent_contact") && known.is_none_or(|known| !known.is("consent_contact")) {
        person.put("consent_at", scene.now);
    }
    if person.edit.writes.is_empty() { Vec::new() } else { vec![person.done()] }
}

/// The edit of an outing's plan and summary, F-04. Of a known outing only what differs is written, so that what
/// another tablet changed meanwhile stands; no edit if nothing differs.
#[must_use]
pub fn outing_edits(filled: &Filled, scene: &Scene<'_>, known: Option<&Record>, ids: Ids<'_>) -> Vec<Edit> {
    let state = outing_state(filled, known, scene.pack);
    let Some(known) = known else {
        let leader = filled.staff("leader").unwrap_or(scene.me);
        let mut edit = Draw::new("outing", ids(), audience_for(leader, scene));
        edit.captured(scene);
        edit.copy_all(filled);
        edit.put("status", state);
        return vec![edit.done()];
    };
    let mut edit = Draw::new("outing", known.id, known.audience().clone());
    edit.copy_differing(filled, known, scene.pack);
    if known.text("status") != Some(state) {
        edit.put("status", state);
    }
    if edit.edit.writes.is_empty() { Vec::new() } else { vec![edit.done()] }
}

/// How far an outing has come by what its form says; it never goes back. Source: SM-17.
#[must_use]
pub fn outing_state(filled: &Filled, known: Option<&Record>, pack: &Pack) -> &'static str {
    let is_ticked = |key: &str| filled.elements("kit_checked").iter().any(|value| value.as_text() == Some(key));
    let kit_complete =
        pack.checklist("CL-03").is_some_and(|kit| kit.items.iter().all(|item| item.optional || is_ticked(&item.key)));
    let reached = if filled.get("ended_at").is_some() {
        if filled.get("summary").is_some() { "reported" } else { "ended" }
    } else if filled.get("actual_arrival").is_some() {
        "on_site"
    } else if kit_complete {
        "ready"
    } else {
        "planned"
    };
    let place = |state: &str| OUTING_STATES.iter().position(|other| *other == state).unwrap_or(0);
    let before = known.and_then(|known| known.text("status")).map_or(0, place);
    OUTING_STATES[before.max(place(reached))]
}

/// The stage that meeting someone brings them to: a customer stays one, and who wants no contact is left so.
fn stage_after(known: Option<&Record>, met: &'static str) -> Option<&'static str> {
    match known.and_then(|known| known.text("stage")) {
        None | Some("new" | "lost" | "dormant") => Some(met),
        Some("contacted" | "appointed" | "tracking") if met == "visited" => Some(met),
        Some(_) => None,
    }
}

/// What belongs to a person is where the person is, so that it travels with them.
pub(crate) fn audience_of(known: Option<&Record>, owner: StaffId, scene: &Scene<'_>) -> Audience {
    match known.map(Record::audience) {
        // Of a guest in the pool everybody sees who it is, and the desk what happens.
        Some(audience) if *audience != lead::pool(scene.venue) && may_write_here(audience, scene) => audience.clone(),
        Some(_) => Audience::Desk(scene.venue),
        None => audience_for(owner, scene),
    }
}

pub(crate) fn may_write_here(audience: &Audience, scene: &Scene<'_>) -> bool {
    (scene.role_of)(scene.me).is_some_and(|role| may_write(scene.me, role, scene.venue, audience))
}

fn person_draw(scene: &Scene<'_>, known: Option<&Record>, owner: StaffId, ids: Ids<'_>) -> Draw {
    match known {
        // The record keeps its audience: an edit under another would move it.
        Some(known) => Draw::new("person", known.id, known.audience().clone()),
        None => {
            let mut person = Draw::new("person", ids(), audience_for(owner, scene));
            person.put("owner", owner.to_string());
            person.captured(scene);
            person
        }
    }
}

/// One change's edits, without the person's if there is nothing new about them.
fn with_person(happening: Draw, person: Draw) -> Vec<Edit> {
    let mut edits = vec![happening.done()];
    if !person.edit.writes.is_empty() {
        edits.push(person.done());
    }
    edits
}

/// An edit that is being put together.
pub(crate) struct Draw {
    kind: &'static str,
    pub(crate) edit: Edit,
}

impl Draw {
    pub(crate) fn new(kind: &'static str, record: RecordId, audience: Audience) -> Self {
        // The salt is drawn when the change is born.
        Self { kind, edit: Edit { record, kind: Key::of(kind), audience, salt: [0; 8], writes: Vec::new() } }
    }

    pub(crate) fn done(self) -> Edit {
        self.edit
    }

    pub(crate) fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.edit.writes.push(write(self.kind, key, value));
    }

    pub(crate) fn captured(&mut self, scene: &Scene<'_>) {
        self.put("captured_by", scene.me.to_string());
        self.put("captured_at", scene.now);
    }

    /// One field of the form; several values become the elements of a set.
    fn copy(&mut self, filled: &Filled, from: &str, to: &str) {
        let is_set = schema::field(self.kind, to).is_some_and(|spec| spec.merge == CellTag::Set);
        match filled.get(from) {
            Some(Value::List(elements)) if is_set => {
                elements.iter().for_each(|element| self.put(to, element.clone()));
            }
            Some(value) => self.put(to, value.clone()),
            None => {}
        }
    }

    /// Every field of a form whose record names its fields as the form does.
    fn copy_all(&mut self, filled: &Filled) {
        for (key, _) in filled.values() {
            if schema::field(self.kind, key.as_str()).is_some() {
                self.copy(filled, key.as_str(), key.as_str());
            }
        }
    }

    /// What the form says otherwise than the record, emptied fields included.
    pub(crate) fn copy_differing(&mut self, filled: &Filled, known: &Record, pack: &Pack) {
        let Some(form) = pack.form(filled.form()) else { return };
        for field in form.fields() {
            let key = field.key.as_str();
            let Some(spec) = schema::field(self.kind, key) else { continue };
            let (now, before) = (filled.get(key), known.get(key));
            if spec.merge == CellTag::Set {
                let (chosen, held) = (filled.elements(key), known.elements(key).collect::<Vec<_>>());
                let added = chosen.iter().filter(|element| !held.contains(element)).cloned();
                let added: Vec<Write> = added.map(|element| write(self.kind, key, element)).collect();
                let gone = held.iter().filter(|element| !chosen.contains(element));
                let gone = gone.map(|element| Write { key: field.key.clone(), op: Op::Remove((**element).clone()) });
                self.edit.writes.extend(added.into_iter().chain(gone));
            } else if let Some(now) = now
                && !shown_alike(&field.kind, now, before)
            {
                self.put(key, now.clone());
            } else if now.is_none()
                && before.is_some()
                && field.required != Required::Auto
                && spec.merge == CellTag::Latest
            {
                // What is written once, such as a signature, is not asked again, and nothing empties it.
                self.put(key, Value::Empty);
            }
        }
    }

    fn phone(&mut self, filled: &Filled, from: &str) {
        self.copy(filled, from, "phone");
        if let Some(typed) = filled.phone_typed(from) {
            self.put("phone_typed", typed);
        }
    }

    fn phone_unless_known(&mut self, filled: &Filled, from: &str, known: Option<&Record>) {
        if known.is_none_or(|known| known.text("phone") != filled.text(from)) {
            self.phone(filled, from);
        }
    }

    /// A name that is on record is not replaced by what was understood at the door.
    fn name(&mut self, filled: &Filled, from: &str, known: Option<&Record>) {
        if known.is_none_or(|known| known.get("name").is_none()) {
            self.copy(filled, from, "name");
        }
    }
}

/// Whether a record's value is what its field showed: times are shown to the minute, and an untouched field is
/// no edit.
fn shown_alike(kind: &FieldType, now: &Value, before: Option<&Value>) -> bool {
    match (kind, now, before) {
        (FieldType::Datetime, Value::At(now), Some(Value::At(before))) => {
            let minute = |at: &Millis| at.0.div_euclid(crate::time::MINUTE_MS);
            minute(now) == minute(before)
        }
        (_, now, before) => Some(now) == before,
    }
}

#[cfg(test)]
mod tests;
