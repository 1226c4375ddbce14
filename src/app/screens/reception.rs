//! Reception: who is here today, registering a visit or a consultation, and how a visit ended.

use std::collections::BTreeSet;

use crate::route::use_route;
use crate::view::prelude::*;
use leptos::{ev, wasm_bindgen::JsCast, web_sys};
use yingke_core::{
    capture::{consultation_edits, visit_edits},
    change::{Edit, Key},
    id::RecordId,
    journal::AppendError,
    pack::{Field as FormField, FieldType, Reference},
    paper,
    phone::PhoneNumber,
    record::Record,
    schema::write,
    time::{MINUTE_MS, Millis},
    undo::undo,
    value::Value,
};

use super::{
    expected::{ExpectedAtDesk, appointed_for, expected_today},
    form::{
        PackForm, Ready, Saved, about, begun, in_scene, leave_host_open, name_of, receive_by_owner, save_failed,
        tell_saved,
    },
    papers::{Choose, Offered, Steps, not_for_me},
    shell::Pill,
    tour,
};
use crate::{
    format,
    roster::{Roster, use_roster},
    t,
    ui::{
        Banner, Button, ButtonKind, ButtonSize, Choice, ChoiceList, EmptyState, Face, FaceSize, FactRow, Facts, Icon,
        ListDetail, ListRow, Look, PageHeader, Readiness, Section, Tag, Tip, Toaster, Tone, focus_on, slot,
    },
    words::{Words, use_words},
};

/// Where the name of the visit on show stands, to move the focus to.
const NAME_ID: &str = "visit-name";
/// From here on the list stays beside the detail.
const WIDE_PX: f64 = 1024.0;
/// Steps of a visit that its departure takes.
const DEPARTING: &[&str] = &["leave", "leave_signed"];
/// Fields of F-01 that are for the end of the visit.
const LEAVING: [&str; 2] = ["outcome", "left_at"];

/// Today's guests, who is still here first, and the one that was chosen.
#[component]
pub fn ReceptionHome() -> impl IntoView {
    let route = use_route();
    let chosen = Memo::new(move |_| route.asked("visit").and_then(|id| id.parse::<RecordId>().ok()));
    let roster = use_roster();
    let w = use_words();
    let go = go_to();
    let visits = Memo::new(move |_| visits_today(roster));
    let consultations = Memo::new(move |_| consultations_today(roster));
    let here = Memo::new(move |_| visits.with(|visits| in_order(visits, true)));
    let gone = Memo::new(move |_| visits.with(|visits| in_order(visits, false)));
    let expected = Memo::new(move |_| expected_today(roster));
    let is_empty =
        move || visits.with(Vec::is_empty) && consultations.with(Vec::is_empty) && expected.with(Vec::is_empty);
    let register = Callback::new(move |()| go.run("/reception/visit".into()));
    let consult = Callback::new(move |()| go.run("/reception/consultation".into()));
    let back = Callback::new(move |()| {
        let before = chosen.get_untracked();
        go.run("/reception".into());
        request_animation_frame(move || {
            if let Some(id) = before {
                focus_row(id);
            }
        });
    });
    let open = Callback::new(move |id: RecordId| {
        go.run(format!("/reception?visit={id}"));
        // Where the detail covers the list, the focus goes with it.
        request_animation_frame(|| {
            if !is_wide() {
                focus_on(NAME_ID);
            }
        });
    });
    let keys = window_event_listener(ev::keydown, move |event| {
        let typing = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
            .is_some_and(|element| matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA"));
        match event.key().as_str() {
            "n" if !typing && !event.ctrl_key() && !event.meta_key() && !event.alt_key() => {
                event.prevent_default();
                register.run(());
            }
            "Escape" if !typing && chosen.get_untracked().is_some() => back.run(()),
            _ => {}
        }
    });
    on_cleanup(move || keys.remove());

    let rows = move |visits: Memo<Vec<Visit>>| {
        let row = move |visit: Visit| {
            let selected = Signal::derive(move || chosen.get() == Some(visit.id));
            view! { <VisitRow id=visit.id selected on_open=open/> }
        };
        keyed(move || visits.get(), |visit| visit.id, row)
    };
    let group = move |title: fn(Words) -> &'static str, visits: Memo<Vec<Visit>>| {
        let section = move || {
            view! {
                <Section
                    title=move || title(w.get())
                    aside=move || w.get().reception_people(visits.with(|visits| visits.iter().map(|visit| visit.party).sum()))
                    list=true
                >
                    {rows(visits)}
                </Section>
            }
        };
        shown(move || !visits.with(Vec::is_empty), section)
    };
    let list = slot(view! {
        <div class="reception__list" role="region" aria-label=t!(w, reception_list_label) on:keydown=move_in_rows>
            {shown(
                is_empty,
                move || view! {
                    <EmptyState icon=Icon::Reception title=t!(w, reception_empty_title) text=t!(w, reception_empty_text)>
                        <Button label=t!(w, reception_register) icon=Icon::Plus on_press=register/>
                    </EmptyState>
                },
            )}
            <ExpectedAtDesk expected/>
            {group(Words::reception_here_title, here)}
            {group(Words::reception_left_title, gone)}
            <Consultations consultations/>
        </div>
    });
    let detail = slot(move || match chosen.get() {
        Some(visit) => view! { <VisitDetail visit/> },
        None if is_empty() => View::Nothing,
        None => view! {
            <div class="reception__none">
                <EmptyState icon=Icon::Reception title=t!(w, reception_choose_title) text=t!(w, reception_choose_text)/>
            </div>
        },
    });
    view! {
        <div class="reception" data-detail=move || chosen.get().is_some().then_some("true")>
            <PageHeader
                title=t!(w, place_reception)
                second=slot(move || format::long_day(w.get(), roster.today()))
                back_label=t!(w, back)
                on_back=back
            >
                <Pill/>
                {move || roster.takes_passes().then(|| view! {
                    <Button label=t!(w, pass_check) icon=Icon::TrialPass on_press=move |()| go.run("/passes".into())/>
                })}
                <Button label=t!(w, reception_consult) on_press=consult/>
                <Button label=t!(w, reception_register) icon=Icon::Plus kind=ButtonKind::Primary on_press=register/>
            </PageHeader>
            <ListDetail
                list
                detail
                detail_shown=Signal::derive(move || chosen.get().is_some())
                detail_label=t!(w, reception_detail_label)
            />
        </div>
    }
}

/// An address of its own for a visit: the list with this one chosen.
#[component]
pub fn OneVisit() -> impl IntoView {
    let route = use_route();
    let visit = untrack(|| route.part(2)).unwrap_or_default();
    route.replace(&format!("/reception?visit={visit}"));
}

/// F-01. With `?person=` it goes on with somebody known.
#[component]
pub fn NewVisit() -> impl IntoView {
    let roster = use_roster();
    let edits = move |ready: Ready| {
        let mut edits = in_scene(roster, |scene, ids| {
            let known = known_person(roster, ready.person);
            visit_edits(&ready.filled, scene, known.as_ref(), ids)
        });
        let visit = edits.iter().find(|edit| edit.kind.as_str() == "visit").map(|edit| edit.record);
        let kept = ready.person.zip(visit).and_then(|(person, visit)| {
            untrack(|| roster.papers(&[], |scene, ground| paper::keep_appointments(person, visit, scene, ground)))
        });
        edits.extend(kept.into_iter().flatten());
        edits
    };
    let start = person_asked_for().map(|person| (person, "visitor_name", "mobile"));
    view! {
        <Register form_key="F-01" name_key="visitor_name" start without=LEAVING.to_vec() edits=Callback::new(edits)/>
    }
}

/// F-02, how they asked first. With `?person=` it goes on with somebody known.
#[component]
pub fn NewConsultation() -> impl IntoView {
    let roster = use_roster();
    let edits = move |ready: Ready| {
        in_scene(roster, |scene, ids| {
            let known = known_person(roster, ready.person);
            consultation_edits(&ready.filled, scene, known.as_ref(), ids)
        })
    };
    let start = person_asked_for().map(|person| (person, "customer_name", "phone"));
    view! {
        <Register form_key="F-02" name_key="customer_name" start first=vec!["consult_mode"] edits=Callback::new(edits)/>
    }
}

fn person_asked_for() -> Option<RecordId> {
    untrack(|| use_route().asked("person")).and_then(|id| id.parse().ok())
}

fn known_person(roster: Roster, person: Option<RecordId>) -> Option<Record> {
    person.and_then(|person| untrack(|| roster.record(person)))
}

/// A form of the desk on a page of its own; once it is saved, back to the list with the guest who came chosen.
#[component]
fn Register(
    form_key: &'static str,
    /// The field that holds the guest's name.
    name_key: &'static str,
    /// The person to go on with, and where their name and number stand in the form.
    start: Option<(RecordId, &'static str, &'static str)>,
    #[prop(optional)] first: Vec<&'static str>,
    #[prop(optional)] without: Vec<&'static str>,
    edits: Callback<Ready, Vec<Edit>>,
) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let go = go_to();
    let back = Callback::new(move |()| go.run("/reception".into()));
    let title = move || Some(roster.pack().form(form_key)?.title.in_language(w.get().0).to_owned());
    let draft_key = match start {
        Some((person, ..)) => format!("{form_key}/{person}"),
        None => form_key.to_owned(),
    };
    let known = start.map(|(person, name_key, phone_key)| {
        let record = untrack(|| roster.record(person));
        let text = |key| record.as_ref().and_then(|record| record.text(key)).unwrap_or_default().to_owned();
        let phone = PhoneNumber::from_e164(&text("phone")).map(|phone| phone.shown()).unwrap_or_default();
        let mut typed = vec![(name_key, text("name")), (phone_key, phone)];
        if form_key == "F-01"
            && let Some(record) = &record
        {
            typed.extend(untrack(|| known_of_visit(roster, record)));
        }
        let draft = about(begun(roster, form_key, &typed), person);
        (draft, record)
    });
    let (mut start, record) = known.unwrap_or_else(|| (begun(roster, form_key, &[]), None));
    untrack(|| {
        leave_host_open(roster, &mut start);
        if let Some((form, record)) = roster.pack().form(form_key).zip(record) {
            receive_by_owner(roster, form, &record, &mut start);
        }
    });
    let saved = move |saved: Saved| {
        let w_now = w.get_untracked();
        let who = saved.filled.text(name_key).unwrap_or_default().to_owned();
        let visit = saved.undo.iter().find(|edit| edit.kind.as_str() == "visit").map(|edit| edit.record);
        tell_saved(roster, toaster, w, w_now.saved_here_of(&who), who, saved.undo);
        // The guest stands there: what comes next is in sight.
        go.run(visit.map_or_else(|| "/reception".into(), |visit| format!("/reception?visit={visit}")));
    };
    let open_person = move |person: RecordId| go.run(format!("/people/{person}"));
    view! {
        <PageHeader title=move || title().unwrap_or_default() back_label=t!(w, back) on_back=back>
            <Pill/>
        </PageHeader>
        <div class="page page--form">
            <PackForm
                form_key draft_key start first without finds_person=true edits on_saved=saved on_open_person=open_person
            />
        </div>
    }
}

/// What a guest's file says of a visit before anybody asks: whether they were here before, and what they come for.
fn known_of_visit(roster: Roster, person: &Record) -> Vec<(&'static str, String)> {
    let first = person.get("first_visit").is_none().to_string();
    let purpose = appointed_for(roster, person.id).and_then(|kind| match &*kind {
        "visit" => Some("tour"),
        "trial" => Some("trial"),
        _ => None,
    });
    let purpose = purpose.map(|purpose| ("visit_purpose", purpose.to_owned()));
    [("is_first_visit", first)].into_iter().chain(purpose).collect()
}

// ---- The list -------------------------------------------------------------------------------------------------------

/// What the order of the list needs of a visit.
#[derive(Debug, Clone, PartialEq)]
struct Visit {
    id: RecordId,
    at: Millis,
    left_at: Option<Millis>,
    is_here: bool,
    party: usize,
}

impl Visit {
    fn of(record: &Record) -> Self {
        let at = |key: &str| record.get(key).and_then(Value::as_at);
        let party = record.get("party_size").and_then(Value::as_int).unwrap_or(1);
        Self {
            id: record.id,
            at: at("visit_at").unwrap_or_default(),
            left_at: at("left_at"),
            is_here: is_here(record),
            party: usize::try_from(party).unwrap_or(1),
        }
    }
}

/// Whether the guest has not left. Source: SM-02.
fn is_here(record: &Record) -> bool {
    !matches!(record.text("status"), Some("left" | "cancelled")) && record.get("left_at").is_none()
}

fn visits_today(roster: Roster) -> Vec<Visit> {
    let today = roster.today();
    roster.ask(&["visit"], |replica| {
        let ids = replica.visits_on(today, today, roster.utc_offset_minutes());
        ids.filter_map(|id| replica.record(id))
            .filter(|record| !record.is("withdrawn") && roster.may_see(record))
            .map(|record| Visit::of(&record))
            .collect()
    })
}

/// Whom nobody has to call: they are here. Subscribes to visits.
#[must_use]
pub fn people_here(roster: Roster) -> BTreeSet<RecordId> {
    let today = roster.today();
    roster.ask(&["visit"], |replica| {
        let ids = replica.visits_on(today, today, roster.utc_offset_minutes());
        let here = ids.filter_map(|id| replica.record(id)).filter(|visit| !visit.is("withdrawn") && is_here(visit));
        here.filter_map(|visit| visit.get("person").and_then(Value::as_id)).collect()
    })
}

/// One guest of today, as other screens show them.
pub struct Guest {
    pub visit: RecordId,
    /// `09:30`
    pub time: String,
    pub name: String,
    /// How the visit stands, in words.
    pub state: String,
    pub is_here: bool,
}

/// Today's guests in the order in which they came.
pub fn guests_today(roster: Roster, words: Words) -> Vec<Guest> {
    let mut visits = visits_today(roster);
    visits.sort_by_key(|visit| (visit.at, visit.id));
    let guest = |visit: Visit| {
        let record = roster.record(visit.id)?;
        let (_, state) = state_of(roster, words, &record);
        let time = format::clock(visit.at, roster.utc_offset_minutes());
        let name = guest_name(roster, words, &Held(Some(record)));
        Some(Guest { visit: visit.id, time, name, state, is_here: visit.is_here })
    };
    visits.into_iter().filter_map(guest).collect()
}

/// Who is here in the order in which they came; who has left by when, the last first.
fn in_order(visits: &[Visit], here: bool) -> Vec<Visit> {
    let mut some: Vec<Visit> = visits.iter().filter(|visit| visit.is_here == here).cloned().collect();
    if here {
        some.sort_by_key(|visit| (visit.at, visit.id));
    } else {
        some.sort_by_key(|visit| std::cmp::Reverse((visit.left_at.unwrap_or(visit.at), visit.id)));
    }
    some
}

/// One guest: name, when they came, why, with whom; at the end how the visit stands.
#[component]
fn VisitRow(id: RecordId, #[prop(into)] selected: Signal<bool>, on_open: Callback<RecordId>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let record = Memo::new(move |_| Held(roster.record(id)));
    let name = Signal::derive(move || record.with(|held| guest_name(roster, w.get(), held)));
    let facts = Signal::derive(move || record.with(|held| row_facts(roster, w.get(), held)));
    let state = move || {
        record.with(|held| {
            let (tone, text) = state_of(roster, w.get(), held.0.as_ref()?);
            Some(view! { <Tag tone text/> })
        })
    };
    view! {
        <div role="listitem" id=row_id(id)>
            <ListRow
                title=name
                second=slot(view! { <Facts items=facts/> })
                face=slot(view! { <Face look=Signal::derive(move || Look::letter_of(&name.get()))/> })
                end=slot(state)
                selected
                on_open=Callback::new(move |()| on_open.run(id))
            />
        </div>
    }
}

/// A record for a memo: equal when nobody changed it.
#[derive(Clone)]
struct Held(Option<Record>);

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(two)) => one.id == two.id && one.last_rank() == two.last_rank(),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// What the guest of a visit is called. Subscribes to what it read.
#[must_use]
pub fn name_of_guest(roster: Roster, words: Words, visit: &Record) -> String {
    guest_name(roster, words, &Held(Some(visit.clone())))
}

/// The name that was given at the door, else the person's.
fn guest_name(roster: Roster, words: Words, held: &Held) -> String {
    let given = held.0.as_ref().and_then(|record| record.text("visitor_name"));
    let person = held.0.as_ref().and_then(|record| record.get("person")).and_then(Value::as_id);
    match (given, person) {
        (Some(name), _) => name.to_owned(),
        (None, Some(person)) => name_of(roster, words, person),
        (None, None) => words.form_no_name().to_owned(),
    }
}

fn row_facts(roster: Roster, words: Words, held: &Held) -> Vec<String> {
    let Some(record) = &held.0 else { return Vec::new() };
    let offset = roster.utc_offset_minutes();
    let at = record.get("visit_at").and_then(Value::as_at).map(|at| format::clock(at, offset)).unwrap_or_default();
    let purpose =
        record.text("visit_purpose").map(|code| word(roster, words, "visit_purpose", code)).unwrap_or_default();
    let host = record.text("host_staff").map(|host| roster.staff_name(host)).filter(|host| !host.is_empty());
    let party = record.get("party_size").and_then(Value::as_int).filter(|party| *party > 1);
    let party = party.map(|party| words.reception_party(party)).unwrap_or_default();
    vec![at, purpose, party, host.map(|host| words.reception_host(host)).unwrap_or_default()]
}

/// How a visit stands: its state while the guest is here, its outcome afterwards.
fn state_of(roster: Roster, words: Words, record: &Record) -> (Tone, String) {
    let outcome = record.text("outcome").map(|code| word(roster, words, "visit_outcome", code));
    if !is_here(record) {
        let left = if record.text("status") == Some("cancelled") {
            words.visit_state_cancelled()
        } else {
            words.visit_state_left()
        };
        return (Tone::Plain, outcome.unwrap_or_else(|| left.to_owned()));
    }
    let state = match record.text("status") {
        Some("with_host") => words.visit_state_with_host(),
        Some("touring") => words.visit_state_touring(),
        Some("waiting") => words.visit_state_waiting(),
        Some("negotiating") => words.visit_state_negotiating(),
        Some("signed") => words.visit_state_signed(),
        _ => words.visit_state_registered(),
    };
    (Tone::Pine, state.to_owned())
}

fn word(roster: Roster, words: Words, list: &str, code: &str) -> String {
    roster.pack().word(list, code, words.0).to_owned()
}

/// Consultations of today, the latest first.
fn consultations_today(roster: Roster) -> Vec<RecordId> {
    let today = roster.today();
    let since = today.begins(roster.utc_offset_minutes());
    roster.ask(&["consultation"], |replica| {
        let captured = |record: &Record| record.get("captured_at").and_then(Value::as_at);
        let records = replica.by_kind("consultation").rev().filter_map(|id| replica.record(id));
        // Ids grow with time, so those of today stand at the end; a tablet with a wrong clock is let off a day.
        let records =
            records.take_while(|record| captured(record).is_none_or(|at| at >= since.plus(-yingke_core::time::DAY_MS)));
        let of_today = records.filter(|record| record.get("consult_date").and_then(Value::as_day) == Some(today));
        of_today.filter(|record| !record.is("withdrawn")).map(|record| record.id).collect()
    })
}

#[component]
fn Consultations(consultations: Memo<Vec<RecordId>>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let go = go_to();
    let row = move |id: RecordId| {
        let record = Memo::new(move |_| Held(roster.record(id)));
        let person = move || record.with_untracked(|held| held.0.as_ref()?.get("person")?.as_id());
        let name = Signal::derive(move || {
            record.with(|held| {
                held.0.as_ref().and_then(|record| record.text("customer_name")).unwrap_or_default().to_owned()
            })
        });
        let facts = Signal::derive(move || {
            record.with(|held| {
                let Some(record) = &held.0 else { return Vec::new() };
                let code = |field: &str, list: &str| record.text(field).map(|code| word(roster, w.get(), list, code));
                let who = record.text("received_by").map(|who| roster.staff_name(who)).filter(|who| !who.is_empty());
                let at = record.get("captured_at").and_then(Value::as_at);
                let at = at.map(|at| format::clock(at, roster.utc_offset_minutes()));
                let host = who.map(|who| w.get().reception_host(who));
                [at, code("consult_mode", "consult_mode"), host].into_iter().flatten().collect()
            })
        });
        let open = Callback::new(move |()| {
            if let Some(person) = person() {
                go.run(format!("/people/{person}"));
            }
        });
        view! {
            <div role="listitem">
                <ListRow
                    title=name
                    second=slot(view! { <Facts items=facts/> })
                    face=slot(view! { <Face look=Signal::derive(move || Look::letter_of(&name.get()))/> })
                    on_open=open
                />
            </div>
        }
    };
    let section = move || {
        view! {
            <Section title=t!(w, reception_consultations_title) list=true>
                {keyed(move || consultations.get(), |id| *id, row)}
            </Section>
        }
    };
    shown(move || !consultations.with(Vec::is_empty), section)
}

fn row_id(id: RecordId) -> String {
    format!("visit-{id}")
}

fn focus_row(id: RecordId) {
    let row = document().query_selector(&format!("#{} button", row_id(id))).ok().flatten();
    if let Some(row) = row.and_then(|row| row.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = row.focus();
    }
}

fn is_wide() -> bool {
    window().inner_width().ok().and_then(|width| width.as_f64()).is_none_or(|width| width >= WIDE_PX)
}

/// Arrows, `j`, `k`, Home and End move through the rows.
fn move_in_rows(event: ev::KeyboardEvent) {
    let list = event.current_target().and_then(|list| list.dyn_into::<web_sys::Element>().ok());
    let held = event.target().and_then(|held| held.dyn_into::<web_sys::Element>().ok());
    let (Some(list), Some(held)) = (list, held) else { return };
    let rows = list.get_elements_by_class_name("row");
    let count: u32 = rows.length();
    let Some(at) = (0..count).find(|at| rows.item(*at).as_ref() == Some(&held)) else { return };
    let next = match event.key().as_str() {
        "ArrowDown" | "j" => (at + 1).min(count - 1),
        "ArrowUp" | "k" => at.saturating_sub(1),
        "Home" => 0,
        "End" => count - 1,
        _ => return,
    };
    event.prevent_default();
    if let Some(row) = rows.item(next).and_then(|row| row.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = row.focus();
    }
}

/// Goes to an address of the app.
fn go_to() -> Callback<String> {
    let route = use_route();
    Callback::new(move |to: String| route.go(&to))
}

// ---- One visit ------------------------------------------------------------------------------------------------------

/// What is known of a visit, whose it is, and how it ended.
#[component]
fn VisitDetail(visit: RecordId) -> impl IntoView {
    let choosing = RwSignal::new(false);
    let w = use_words();
    let roster = use_roster();
    let go = go_to();
    let record = Memo::new(move |_| {
        let is_shown = |record: &Record| !record.is("withdrawn") && roster.may_see(record);
        Held(roster.record(visit).filter(is_shown))
    });
    let is_there = Memo::new(move |_| record.with(|held| held.0.is_some()));
    let name = Signal::derive(move || record.with(|held| guest_name(roster, w.get(), held)));
    let here = Memo::new(move |_| record.with(|held| held.0.as_ref().is_some_and(is_here)));
    let person = Memo::new(move |_| record.with(|held| held.0.as_ref()?.get("person")?.as_id()));
    let open_person = Callback::new(move |()| {
        if let Some(person) = person.get_untracked() {
            go.run(format!("/people/{person}"));
        }
    });
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    // A tour that sets out has a page of its own.
    let step = Callback::new(move |offer: Offered| {
        let sets_out = matches!(&*offer.step.key, "tour" | "tour_with_pass") && offer.asks.is_empty();
        if sets_out {
            tour::set_out(roster, w, toaster, visit, go);
        }
        sets_out
    });
    let tag = move || {
        record.with(|held| {
            let (tone, text) = state_of(roster, w.get(), held.0.as_ref()?);
            Some(view! { <Tag tone text/> })
        })
    };
    let first = Signal::derive(move || {
        record.with(|held| {
            let Some(record) = &held.0 else { return Vec::new() };
            let first = record.get("is_first_visit").and_then(Value::as_bool);
            let first = first.map(|first| if first { w.get().visit_first() } else { w.get().visit_again() });
            let stays = record.get("visit_at").and_then(Value::as_at).filter(|_| is_here(record));
            let stays = stays.map(|at| roster.minute().since(at)).filter(|stays| *stays >= MINUTE_MS);
            let stays = stays.map(|stays| w.get().visit_here_for(format::span(w.get(), stays)));
            [first.map(str::to_owned), stays].into_iter().flatten().collect()
        })
    });
    let there = move || {
        view! {
            <div class="visit">
                <header class="visit__head">
                    <Face look=Signal::derive(move || Look::letter_of(&name.get())) size=FaceSize::Detail/>
                    <div class="visit__titles">
                        <h2 class="title-1" id=NAME_ID tabindex="-1">{move || name.get()}</h2>
                        <p class="quiet"><Facts items=first/></p>
                    </div>
                    {tag}
                </header>
                {shown(move || here.get(), move || view! {
                    <OnTour visit/>
                    <Steps id=visit without=DEPARTING instead=step/>
                    <Departure visit name/>
                })}
                <dl class="fact-list">
                    {move || record.with(|held| held.0.as_ref().map(|record| facts(roster, w.get(), record)))}
                </dl>
                {shown(
                    move || person.get().is_some(),
                    move || view! {
                        <div class="visit__person">
                            <Button
                                label=t!(w, paper_do)
                                icon=Icon::Plus
                                kind=ButtonKind::Quiet
                                on_press=move |()| choosing.set(true)
                            />
                            <Button
                                label=t!(w, visit_open_person)
                                kind=ButtonKind::Text
                                icon_end=Icon::Forward
                                on_press=open_person
                            />
                        </div>
                    },
                )}
            </div>
            {shown(
                move || choosing.get(),
                move || view! { <Choose about=visit on_close=move |()| choosing.set(false)/> },
            )}
        }
    };
    let gone = move || {
        view! {
            <div class="reception__none">
                <EmptyState icon=Icon::Undo title=t!(w, visit_gone) text=t!(w, visit_gone_text)/>
            </div>
        }
    };
    let is_mine = Memo::new(move |_| roster.record(visit).is_none_or(|record| roster.may_see(&record)));
    move || match is_there.get() {
        true => untrack(there),
        false if is_mine.get() => gone(),
        false => not_for_me(),
    }
}

/// The way back to a tour that is on its way.
#[component]
fn OnTour(visit: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let go = go_to();
    let running = Memo::new(move |_| tour::tour_of(roster, visit).is_some_and(|tour| tour::is_running(roster, &tour)));
    shown(
        move || running.get(),
        move || {
            view! {
                <Button
                    label=t!(w, tour_go_on)
                    icon=Icon::Walk
                    kind=ButtonKind::Primary
                    size=ButtonSize::Next
                    wide=true
                    on_press=move |()| go.run(format!("/reception/visit/{visit}/tour"))
                />
            }
        },
    )
}

/// What the form asked and was told, in the order of the form, under the form's own labels.
fn facts(roster: Roster, words: Words, record: &Record) -> View {
    let Some(form) = roster.pack().form("F-01") else { return View::Nothing };
    let told = |field: &FormField| {
        let shown = fact(roster, words, record, field)?;
        let label = field.label.in_language(words.0).to_owned();
        Some(view! { <FactRow label>{shown}</FactRow> })
    };
    form.fields().filter(|field| field.key.as_str() != "visitor_name").filter_map(told).collect::<View>()
}

/// What a field of a record holds, as people read it; `None` where nothing was said.
fn fact(roster: Roster, words: Words, record: &Record, field: &FormField) -> Option<String> {
    let key = field.key.as_str();
    let text = match &field.kind {
        FieldType::Multi(list) => {
            let codes: Vec<String> =
                record.elements(key).filter_map(Value::as_text).map(|code| word(roster, words, list, code)).collect();
            codes.join(words.list_comma())
        }
        FieldType::Enum(list) => word(roster, words, list, record.text(key)?),
        FieldType::Bool => {
            let yes = record.get(key)?.as_bool()?;
            // What was not declined or given out says nothing.
            if !yes && field.default.is_some() {
                return None;
            }
            if yes { words.yes().to_owned() } else { words.no().to_owned() }
        }
        FieldType::Phone => PhoneNumber::from_e164(record.text(key)?)?.shown(),
        FieldType::Datetime => {
            format::moment(words, record.get(key)?.as_at()?, roster.minute(), roster.utc_offset_minutes())
        }
        FieldType::Date => format::day(words, record.get(key)?.as_day()?, roster.today()),
        FieldType::Int(..) => record.get(key)?.as_int()?.to_string(),
        FieldType::Ref(Reference::Staff) => roster.staff_name(record.text(key)?),
        FieldType::Ref(Reference::Person) => name_of(roster, words, record.get(key)?.as_id()?),
        FieldType::Text(_) | FieldType::Name | FieldType::LongText => record.text(key)?.to_owned(),
        FieldType::Money
        | FieldType::StaffList
        | FieldType::Checklist(_)
        | FieldType::ResidentId
        | FieldType::Passport
        | FieldType::Email
        | FieldType::Time
        | FieldType::Decimal
        | FieldType::Signature
        | FieldType::Photo
        | FieldType::File
        | FieldType::Rating
        | FieldType::Score
        | FieldType::Stops(_)
        | FieldType::List(_)
        | FieldType::Ref(_) => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// The guest goes: the outcome, and the time of the tap.
#[component]
fn Departure(visit: RecordId, #[prop(into)] name: Signal<String>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let outcome = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let failure = RwSignal::new(None::<AppendError>);
    let options = Signal::derive(move || {
        let language = w.get().0;
        let items = roster.pack().list("visit_outcome").iter().filter(|item| item.offered);
        items.map(|item| Choice::new(&*item.key, item.words.in_language(language))).collect::<Vec<_>>()
    });
    let pass = move || {
        let code = roster.record(visit)?.text("visitor_pass_code")?.to_owned();
        Some(view! { <Tip text=w.get().visit_departure_pass(code) icon=Icon::Card tone=Tone::Unsent/> })
    };
    let state = Signal::derive(move || {
        if busy.get() {
            Readiness::Busy(w.get().saving().to_owned())
        } else if outcome.with(String::is_empty) {
            Readiness::Missing(w.get().visit_choose_outcome().to_owned())
        } else {
            Readiness::Ready
        }
    });
    let leave = Callback::new(move |()| {
        let Some(record) = untrack(|| roster.record(visit)) else { return };
        let now = roster.now();
        let edits = departure(&record, &outcome.get_untracked(), now);
        let taken_back = undo(&edits, |_| Some(record.clone()));
        let who = name.get_untracked();
        busy.set(true);
        failure.set(None);
        leptos::task::spawn_local(async move {
            let saved = roster.save("F-01", edits).await;
            busy.try_set(false);
            match saved {
                Ok(_) => {
                    let time = format::clock(now, roster.utc_offset_minutes());
                    let text = w.get_untracked().visit_left_toast(&who, time);
                    tell_saved(roster, toaster, w, text, who, taken_back);
                }
                Err(error) => {
                    failure.try_set(Some(error));
                }
            }
        });
    });
    view! {
        <Section title=t!(w, visit_departure_title) ruled=false>
            <div class="stack">
                {pass}
                <ChoiceList
                    label=t!(w, visit_outcome)
                    options
                    chosen=outcome
                    on_choose=move |code: String| outcome.set(code)
                    note=t!(w, visit_departure_text)
                    id="visit-outcome"
                />
                {move || failure.get().map(|error| view! {
                    <Banner tone=Tone::Late icon=Icon::Warn text=save_failed(w.get(), &error).to_owned() urgent=true/>
                })}
                <div class="line-up">
                    <Button
                        label=t!(w, visit_leaves_now)
                        icon=Icon::Tick
                        kind=ButtonKind::Primary
                        state
                        on_press=leave
                        on_missing=Callback::new(|()| focus_on("visit-outcome"))
                    />
                </div>
            </div>
        </Section>
    }
}

/// What a departure writes. Source: SM-02, any open state to left once an outcome is chosen.
fn departure(visit: &Record, outcome: &str, now: Millis) -> Vec<Edit> {
    // A tablet whose clock was set back must not let a guest leave before they came.
    let came = visit.get("visit_at").and_then(Value::as_at).unwrap_or(now);
    let writes = vec![
        write("visit", "status", "left"),
        write("visit", "outcome", outcome),
        write("visit", "left_at", now.max(came)),
    ];
    vec![Edit { record: visit.id, kind: Key::of("visit"), audience: visit.audience().clone(), salt: [0; 8], writes }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(id: u8, at: i64, left_at: Option<i64>) -> Visit {
        let mut bytes = [0; 16];
        bytes[15] = id;
        Visit {
            id: RecordId::from_bytes(bytes),
            at: Millis(at),
            left_at: left_at.map(Millis),
            is_here: left_at.is_none(),
            party: 1,
        }
    }

    #[test]
    fn who_came_first_stands_first_and_who_left_last_stands_first() {
        let visits = [visit(1, 30, None), visit(2, 10, None), visit(3, 5, Some(20)), visit(4, 6, Some(40))];
        let order = |here| in_order(&visits, here).into_iter().map(|visit| visit.id.bytes()[15]).collect::<Vec<_>>();
        assert_eq!(order(true), [2, 1]);
        assert_eq!(order(false), [4, 3]);
    }
}
