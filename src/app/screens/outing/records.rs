//! What one save of an outing writes, and what its screens read from the replica.

use std::borrow::Cow;

use crate::view::prelude::*;
use yingke_core::{
    audience::Audience,
    capture,
    change::{Edit, Key, Write},
    form::{Context, Draft, Filled, ProblemCode, begin},
    id::{RecordId, StaffId},
    pack::{Pack, VenueKind},
    phone::PhoneNumber,
    record::{CellTag, Record},
    schema,
    time::{HOUR_MS, Millis, SECOND_MS},
    undo,
    value::Value,
};

use super::{card, tally::Tally};
use crate::{
    format,
    roster::Roster,
    screens::form::in_scene,
    ui::{Choice, Text},
    words::{Words, use_words},
};

/// The lead card.
pub const FORM: &str = "F-03";
/// The outing's plan and summary.
pub const PLAN: &str = "F-04";
/// Beside the fields of the card in its draft: when the talk began, in milliseconds.
pub const BEGUN_AT: &str = "begun_at";
/// Nobody listens for longer; the rest was a card left open.
const TALK_SECONDS_MAX: i64 = 3_600;

/// The venue's pack; one that goes on no outings works with the fitness club's.
pub fn pack(roster: Roster) -> &'static Pack {
    let pack = roster.pack();
    if pack.form(FORM).is_some() { pack } else { roster.pack_of(VenueKind::Fitness) }
}

/// Numbers that an outing has to bring, for each who takes part.
pub fn goal(roster: Roster) -> usize {
    usize::try_from(pack(roster).number("outing.min_numbers", 20)).unwrap_or(20)
}

/// What a field of a form is called.
pub fn label(roster: Roster, form: &'static str, key: &'static str) -> Text {
    let w = use_words();
    Signal::derive(move || {
        let field = pack(roster).form(form).and_then(|form| form.field(key));
        field.map(|field| field.label.in_language(w.get().0).to_owned()).unwrap_or_default()
    })
}

/// The items of a code list that are offered.
pub fn choices(roster: Roster, list: &'static str, offered: fn(&str) -> bool) -> Signal<Vec<Choice>> {
    let w = use_words();
    Signal::derive(move || {
        let items = pack(roster).list(list).iter().filter(|item| offered(&item.key));
        items.map(|item| Choice::new(&*item.key, item.words.in_language(w.get().0))).collect()
    })
}

/// Where and by whom a form is filled in; `None` while nobody is unlocked.
pub fn with_context<T>(roster: Roster, outing: Option<RecordId>, f: impl FnOnce(&Context<'_>) -> T) -> Option<T> {
    let me = roster.me_now()?;
    let offset_minutes = roster.utc_offset_minutes();
    let venue = Some(me.venue.id);
    let (now, pack) = (roster.now(), pack(roster));
    Some(f(&Context { now, offset_minutes, me: me.id, outing, venue, pack, cards: None }))
}

// ---- The card ---------------------------------------------------------------------------------------------------

/// The next card. What the consultant gives out stays as it was; what a guest said never does.
pub fn fresh_card(roster: Roster, outing: RecordId, before: Option<&Draft>) -> Draft {
    let form = pack(roster).form(FORM).expect("the packs of outings have the lead card");
    let mut draft = with_context(roster, Some(outing), |context| begin(form, context)).unwrap_or_default();
    draft.set(&Key::of("cooperation"), "cooperative");
    draft.set(&Key::of("consent_contact"), "true");
    for key in ["leaflet_given", "card_given", "trial_pass_promised"] {
        if let Some(before) = before {
            draft.set(&Key::of(key), before.get(key));
        }
    }
    draft
}

/// Whether there is anything on the card that must not be lost.
pub fn is_begun(draft: &Draft) -> bool {
    ["mobile", "name", "note", "interests", "salutation", "intent", "visit_plan_at"]
        .iter()
        .any(|key| !draft.get(key).is_empty())
}

/// The card with the length of the talk, from the first key to now.
pub fn timed(mut draft: Draft, now: Millis) -> Draft {
    if let Ok(begun) = draft.get(BEGUN_AT).parse::<i64>() {
        let seconds = (now.since(Millis(begun)) / SECOND_MS).clamp(0, TALK_SECONDS_MAX);
        draft.set(&Key::of("duration_s"), seconds.to_string());
    }
    draft
}

/// A card that was saved, and the way back.
#[derive(Clone, PartialEq)]
pub struct Saved {
    /// The person first, if one was made.
    pub records: Vec<RecordId>,
    pub name: String,
    pub title: String,
    /// As people write it; empty for somebody who left none.
    pub phone: String,
    pub at: Millis,
    pub undo: Vec<Edit>,
    pub draft: Draft,
}

impl Saved {
    pub fn called(&self, words: Words) -> String {
        let called = card::called(&self.name, &self.title);
        if called.is_empty() && self.phone.is_empty() { words.capture_refusal().into() } else { called }
    }

    /// For who listens: 王女士, or else the number.
    pub fn heard(&self, words: Words) -> String {
        let called = self.called(words);
        if called.is_empty() { self.phone.clone() } else { called }
    }

    /// For a narrow line: 王女士2296.
    pub fn short(&self, words: Words) -> String {
        let start = self.phone.char_indices().nth_back(3).map_or(0, |(at, _)| at);
        format!("{}{}", self.called(words), &self.phone[start..])
    }
}

/// What one card writes. On the first contact the outing is under way (SM-17).
pub fn lead(roster: Roster, words: Words, outing: RecordId, filled: &Filled) -> (Vec<Edit>, Saved) {
    let mut edits = in_scene(roster, |scene, ids| capture::lead_edits(filled, scene, ids));
    let records = edits.iter().map(|edit| edit.record).collect();
    if let Some(record) = untrack(|| roster.record(outing))
        && matches!(record.text("status"), None | Some("planned" | "ready" | "on_site"))
    {
        edits.push(edit(outing, record.audience().clone(), vec![schema::write("outing", "status", "collecting")]));
    }
    let title = filled.text("salutation").filter(|code| *code != "other");
    let saved = Saved {
        records,
        name: filled.text("name").unwrap_or_default().to_owned(),
        title: title.map(|code| pack(roster).word("salutation", code, words.0).to_owned()).unwrap_or_default(),
        phone: filled.phone("mobile").map(|phone| phone.shown()).unwrap_or_default(),
        at: roster.now(),
        undo: untrack(|| undo::undo(&edits, |id| roster.record(id))),
        draft: Draft::default(),
    };
    (edits, saved)
}

fn edit(outing: RecordId, audience: Audience, writes: Vec<Write>) -> Edit {
    Edit { record: outing, kind: Key::of("outing"), audience, salt: [0; 8], writes }
}

/// What the venue calls somebody: 王女士, 王小明; empty where nobody said.
pub fn called(roster: Roster, words: Words, person: &Record) -> String {
    let title = person.text("salutation").filter(|code| *code != "other");
    let title = title.map(|code| pack(roster).word("salutation", code, words.0)).unwrap_or_default();
    card::called(person.text("name").unwrap_or_default(), title)
}

/// The latest that I took on this outing, for a screen that was opened anew.
pub fn last_capture(roster: Roster, words: Words, outing: RecordId, me: &str) -> Option<Saved> {
    let person = roster.ask(&["person"], |replica| {
        let mine = |id| replica.record(id).filter(|person| person.text("captured_by") == Some(me)).map(Cow::into_owned);
        replica.captured_in(outing).find_map(mine)
    })?;
    let title = person.text("salutation").filter(|code| *code != "other");
    Some(Saved {
        records: vec![person.id],
        name: person.text("name").unwrap_or_default().to_owned(),
        title: title.map(|code| pack(roster).word("salutation", code, words.0).to_owned()).unwrap_or_default(),
        phone: person.text("phone").and_then(PhoneNumber::from_e164).map(|phone| phone.shown()).unwrap_or_default(),
        at: person.get("captured_at").and_then(Value::as_at).unwrap_or_default(),
        undo: Vec::new(),
        draft: Draft::default(),
    })
}

// ---- Outings ----------------------------------------------------------------------------------------------------

/// Counted from the people of an outing. Subscribes to people.
pub fn tally(roster: Roster, outing: RecordId) -> Tally {
    roster.ask(&["person"], |replica| {
        let people: Vec<Cow<'_, Record>> = replica.captured_in(outing).filter_map(|id| replica.record(id)).collect();
        Tally::of(people.iter().rev().map(|person| &**person))
    })
}

/// Who takes part; the leader at least.
pub fn team(outing: &Record) -> Vec<String> {
    let mut team: Vec<String> =
        outing.elements("team").filter_map(|value| value.as_text().map(str::to_owned)).collect();
    team.extend(outing.text("leader").filter(|leader| !team.iter().any(|other| other == leader)).map(str::to_owned));
    team
}

/// When it begins: the arrival, or what was planned, or when it was written down.
pub fn begins_at(outing: &Record) -> Option<Millis> {
    ["actual_arrival", "planned_arrival", "captured_at"].iter().find_map(|key| outing.get(key)?.as_at())
}

/// 14:00开始, 林悦、周凯.
pub fn about(roster: Roster, words: Words, outing: &Record) -> Vec<String> {
    let offset = roster.utc_offset_minutes();
    let begins = begins_at(outing).map(|at| words.outing_began(format::clock(at, offset)));
    let names: Vec<String> =
        team(outing).iter().map(|staff| roster.staff_name(staff)).filter(|name| !name.is_empty()).collect();
    begins.into_iter().chain((!names.is_empty()).then(|| names.join(words.list_comma()))).collect()
}

/// What one save changes of an outing; a new one begins with who made it, and is for its leader.
pub fn outing_edits(roster: Roster, id: RecordId, leader: Option<StaffId>, writes: Vec<Write>) -> Vec<Edit> {
    if let Some(record) = untrack(|| roster.record(id)) {
        return vec![edit(id, record.audience().clone(), writes)];
    }
    in_scene(roster, |scene, _| {
        let mut all = vec![
            schema::write("outing", "captured_by", scene.me.to_string()),
            schema::write("outing", "captured_at", scene.now),
        ];
        all.extend(writes);
        vec![edit(id, capture::audience_for(leader.unwrap_or(scene.me), scene), all)]
    })
}

/// An outing that begins this moment, without a plan.
pub fn begun_now(roster: Roster) -> Option<(RecordId, Vec<Edit>)> {
    let me = roster.me_now()?;
    let now = roster.now();
    let id = roster.new_id();
    let writes = vec![
        schema::write("outing", "status", "on_site"),
        schema::write("outing", "outing_date", now.day(roster.utc_offset_minutes())),
        schema::write("outing", "leader", me.id.to_string()),
        schema::write("outing", "team", me.id.to_string()),
        schema::write("outing", "actual_arrival", now),
    ];
    Some((id, outing_edits(roster, id, None, writes)))
}

/// What was asked of an outing, against what stood there before.
pub fn asked_writes(before: Option<&Record>, filled: &Filled, asked: &[&'static str]) -> Vec<Write> {
    let mut writes = Vec::new();
    for key in asked {
        let Some(spec) = schema::field("outing", key) else { continue };
        if spec.merge == CellTag::Set {
            let now: Vec<&Value> = filled.elements(key).iter().collect();
            let was: Vec<&Value> = before.map(|record| record.elements(key).collect()).unwrap_or_default();
            let added = now.iter().filter(|element| !was.contains(element));
            writes.extend(added.map(|element| schema::write("outing", key, (*element).clone())));
            let removed = was.iter().filter(|element| !now.contains(element));
            writes.extend(removed.map(|element| schema::remove("outing", key, (*element).clone())));
            continue;
        }
        let value = filled.get(key).cloned().unwrap_or_default();
        let held = before.and_then(|record| record.get(key)).cloned().unwrap_or_default();
        if value != held {
            writes.push(schema::write("outing", key, value));
        }
    }
    writes
}

/// Not yet over.
pub fn is_open(outing: &Record) -> bool {
    !matches!(outing.text("status"), Some("ended" | "reported" | "cancelled"))
}

pub fn state_word(words: Words, outing: &Record) -> &'static str {
    match outing.text("status") {
        Some("ready") => words.outing_state_ready(),
        Some("on_site") => words.outing_state_on_site(),
        Some("collecting") => words.outing_state_collecting(),
        Some("ended") => words.outing_state_ended(),
        Some("reported") => words.outing_state_reported(),
        Some("cancelled") => words.outing_state_cancelled(),
        Some(_) | None => words.outing_state_planned(),
    }
}

pub fn place(words: Words, outing: &Record) -> String {
    outing.text("place").map_or_else(|| words.outing_unnamed().to_owned(), str::to_owned)
}

/// `4分20秒`, without the seconds from ten minutes on.
pub fn minutes_seconds(words: Words, ms: i64) -> String {
    let (minutes, seconds) = (ms / 60_000, ms / 1_000 % 60);
    match (minutes, seconds) {
        (0, seconds) => words.seconds_other(seconds),
        (minutes, seconds) if minutes >= 10 || seconds == 0 => words.minutes_other(minutes),
        (minutes, seconds) => words.capture_min_s(minutes, seconds),
    }
}

/// What is wrong with a field of the card other than its number, and the way out.
pub fn problem_words(words: Words, code: &ProblemCode) -> String {
    match code {
        ProblemCode::NameHasDigits => words.problem_name_digits().into(),
        ProblemCode::NameHasSymbols => words.problem_name_symbols().into(),
        ProblemCode::NameTooLong { max } | ProblemCode::TooLong { max } => words.problem_too_long(max),
        ProblemCode::NotADate => words.problem_not_an_instant().into(),
        ProblemCode::DateInPast => words.problem_in_past().into(),
        ProblemCode::Required => words.problem_missing().into(),
        _ => words.problem_not_offered().into(),
    }
}

/// The next full or half hour: when a plan made now begins.
pub fn next_half_hour(roster: Roster) -> Millis {
    const HALF_HOUR_MS: i64 = HOUR_MS / 2;
    Millis((roster.now().0.div_euclid(HALF_HOUR_MS) + 1) * HALF_HOUR_MS)
}
