//! Whom we wait for: who made an appointment and has not come, at the desk, on Today and in a guest's file.

use yingke_core::{id::RecordId, paper, record::Record, time::Millis, value::Value};

use super::people::name_of;
use crate::{
    format,
    roster::{Roster, use_roster},
    route::use_route,
    t,
    ui::{Button, ButtonKind, ButtonSize, Face, Facts, Icon, ListRow, Look, Section, Tag, Tone, slot},
    view::prelude::*,
    words::{Words, use_words},
};

/// An appointment whose guest has not come.
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Expected {
    id: RecordId,
    person: RecordId,
    at: Millis,
    /// The time is over by some hours.
    is_missed: bool,
    /// What for, by the list `appointment_kind`.
    what: Option<String>,
    /// With whom of the staff.
    with: Option<String>,
}

/// What is waited for among appointments, in the order of time. Subscribes to appointments and the minute.
fn expected(roster: Roster, is_meant: impl Fn(RecordId, Millis) -> bool) -> Vec<Expected> {
    let _ = roster.minute();
    let of = |record: &Record| Some((record.get("person")?.as_id()?, record.get("start_at")?.as_at()?));
    let all: Vec<Record> = roster.ask(&["appointment"], |replica| {
        let all = replica.by_kind("appointment").filter_map(|id| replica.record(id));
        let meant = all.filter(|record| of(record).is_some_and(|(person, at)| is_meant(person, at)));
        meant.filter(|record| roster.may_see(record)).map(|record| record.into_owned()).collect()
    });
    let waited = roster.papers(&[], |scene, ground| {
        let one = |record: &Record| {
            let (person, at) = of(record)?;
            let is_missed = paper::missed(record, scene, ground)?;
            let text = |key: &str| record.text(key).map(str::to_owned);
            Some(Expected { id: record.id, person, at, is_missed, what: text("kind"), with: text("staff") })
        };
        all.iter().filter_map(one).collect()
    });
    let mut waited: Vec<Expected> = waited.unwrap_or_default();
    waited.sort_by_key(|one| (one.at, one.id));
    waited
}

/// Those of today, also who is late.
#[must_use]
pub fn expected_today(roster: Roster) -> Vec<Expected> {
    let (today, offset) = (roster.today(), roster.utc_offset_minutes());
    expected(roster, |_, at| at.day(offset) == today)
}

/// What a guest comes for today, by their appointment.
#[must_use]
pub fn appointed_for(roster: Roster, person: RecordId) -> Option<String> {
    expected_today(roster).into_iter().find(|one| one.person == person)?.what
}

impl Expected {
    fn name(&self, roster: Roster, words: Words) -> String {
        let person = roster.record(self.person);
        person.map_or_else(|| words.form_no_name().to_owned(), |person| name_of(words, &person))
    }

    /// When, what for and with whom.
    fn facts(&self, roster: Roster, words: Words) -> Vec<String> {
        let when = format::moment(words, self.at, roster.minute(), roster.utc_offset_minutes());
        let what = self.what.as_deref().map(|what| roster.pack().word("appointment_kind", what, words.0).to_owned());
        let with = self.with.as_deref().map(|with| roster.staff_name(with)).filter(|name| !name.is_empty());
        [Some(when), what, with.map(|with| words.reception_host(with))].into_iter().flatten().collect()
    }
}

/// Where it is written down that somebody has come.
#[must_use]
pub fn arrival_of(person: RecordId) -> String {
    format!("/reception/visit?person={person}")
}

/// Appointments in a list: whose, when, what for, with whom, and whether they are late. A press leads to `place`.
fn rows(expected: Memo<Vec<Expected>>, place: fn(&Expected) -> String) -> View {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let row = move |one: Expected| {
        let (place, is_missed) = (place(&one), one.is_missed);
        let open = Callback::new(move |()| route.go(&place));
        let one = StoredValue::new(one);
        let name = Signal::derive(move || one.with_value(|one| one.name(roster, w.get())));
        let facts = Signal::derive(move || one.with_value(|one| one.facts(roster, w.get())));
        let face = slot(view! { <Face look=Signal::derive(move || Look::letter_of(&name.get()))/> });
        let late = || view! { <Tag tone=Tone::Late icon=Icon::Late text=t!(w, expected_missed)/> };
        let (second, end) = (slot(view! { <Facts items=facts/> }), slot(is_missed.then(late)));
        view! { <div role="listitem"><ListRow title=name second face end on_open=open/></div> }
    };
    // A row stays while nothing but the minute is another: whoever is on it with the keys stays there.
    keyed(move || expected.get(), Expected::clone, row)
}

/// The guests whom the desk waits for, each one press away from being registered.
#[component]
pub fn ExpectedAtDesk(expected: Memo<Vec<Expected>>) -> impl IntoView {
    let w = use_words();
    let rows = move || rows(expected, |one| arrival_of(one.person));
    shown(
        move || !expected.with(Vec::is_empty),
        move || {
            view! {
                <Section title=t!(w, reception_expected_title) aside=t!(w, reception_expected_text) list=true>
                    {rows()}
                </Section>
            }
        },
    )
}

/// Whom I wait for today, or the whole desk, among the day's work.
#[component]
pub fn ExpectedToday() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let expected = Memo::new(move |_| expected_today(roster));
    let rows = move || rows(expected, |one| format!("/record/{}", one.id));
    let count = move || w.get().today_count(expected.with(Vec::len));
    shown(
        move || !expected.with(Vec::is_empty),
        move || view! { <Section title=t!(w, reception_expected_title) aside=count list=true>{rows()}</Section> },
    )
}

/// When a guest is waited for, in their file.
#[component]
pub fn Appointments(person: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let expected = Memo::new(move |_| {
        let from = roster.today().begins(roster.utc_offset_minutes());
        expected(roster, |of, at| of == person && at >= from)
    });
    let rows = move || rows(expected, |one| format!("/record/{}", one.id));
    shown(
        move || !expected.with(Vec::is_empty),
        move || view! { <Section title=t!(w, person_appointments) list=true>{rows()}</Section> },
    )
}

/// On the page of an appointment: that the guest has come, as long as they are waited for.
#[component]
pub fn Arrival(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let waited = Memo::new(move |_| {
        let record = roster.record(id)?;
        let is_today = record.get("start_at").and_then(Value::as_at).map(|at| at.day(roster.utc_offset_minutes()));
        let is_today = is_today == Some(roster.today());
        let is_waited = roster.papers(&[], |scene, ground| paper::missed(&record, scene, ground).is_some());
        record.get("person").and_then(Value::as_id).filter(|_| is_today && is_waited == Some(true))
    });
    move || {
        let person = waited.get()?;
        Some(view! {
            <Button
                label=t!(w, person_visit)
                icon=Icon::Reception
                kind=ButtonKind::Primary
                size=ButtonSize::Next
                wide=true
                on_press=move |()| route.go(&arrival_of(person))
            />
        })
    }
}
