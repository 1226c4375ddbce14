//! The sync page: one sentence of what is, what is safe and what to do; then what waits, what was not taken,
//! carrying it by hand, and this tablet.

use crate::view::prelude::*;
use leptos::{reactive::spawn_local_scoped_with_cancellation, task::spawn_local};
use yingke_core::{
    change::{Change, Op},
    paper::field_of,
    phone::PhoneNumber,
    record::Record,
    time::MINUTE_MS,
    wire::v1::{Refusal, StepFault, WriteFault},
};

mod diagnosis;
mod hand_over;

pub use diagnosis::Diagnosis;

use super::{
    door::CameBack,
    form::save_failed,
    papers::who,
    record_title::{address_of, second_of, title_of},
    shell::Pill,
};
use crate::{
    format,
    roster::{Finding, Refused, Risk, Roster, Rung, Status, SyncState, use_roster},
    route::use_route,
    t,
    ui::{
        Banner, Button, ButtonKind, EmptyState, FactRow, Facts, Glyph, HistoryRow, Icon, PageHeader, Progress, Section,
        Toast, Toaster, Tone, slot,
    },
    words::{Words, use_words},
};
use hand_over::HandOver;

/// What is unsent and since when, what was refused and why, and how this tablet is.
#[component]
pub fn SyncPage() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let status = Memo::new(move |_| roster.status());
    let contact = move || match status.get().last_contact {
        Some(at) => w.get().sync_last_try(format::moment(w.get(), at, roster.minute(), roster.utc_offset_minutes())),
        None => w.get().sync_never().to_owned(),
    };
    let reopens = Memo::new(move |_| roster.finding().wants_reopening());
    let try_label = move || match status.get().sync {
        _ if reopens.get() => w.get().sync_reopen().to_owned(),
        SyncState::Waiting { .. } => w.get().sync_try_now().to_owned(),
        _ => w.get().sync_now().to_owned(),
    };
    let try_now = move |()| if reopens.get_untracked() { roster.open_again() } else { roster.sync_now() };
    view! {
        <PageHeader title=t!(w, place_sync)>
            <Pill/>
        </PageHeader>
        <div class="sync__sentence">
            <p class="sync__words" role="status">{move || sentence(w.get(), roster.finding())}</p>
            <div class="sync__do">
                <Button label=try_label icon=Icon::Online kind=ButtonKind::Primary on_press=try_now/>
                <span class="note">{contact}</span>
            </div>
            <HowFull status/>
        </div>
        <div class="page page--aside">
            <div>
                <Waiting/>
                <Tray/>
                <HandOver/>
            </div>
            <aside>
                <ThisTablet status/>
            </aside>
        </div>
    }
}

/// How much of what somebody may see has come, while it comes in blocks, and the button that stops it or goes on.
#[component]
fn HowFull(status: Memo<Status>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let filled = Memo::new(move |_| match status.get().sync {
        SyncState::Filling(filled) | SyncState::FillingStopped(filled) => Some(filled),
        _ => None,
    });
    let is_shown = Memo::new(move |_| filled.get().is_some());
    let stopped = Memo::new(move |_| matches!(status.get().sync, SyncState::FillingStopped(_)));
    let share = Signal::derive(move || filled.get().map(|filled| filled.percent() as f64 / 100.0));
    let figure = move || filled.get().map(|filled| format!("{}%", filled.percent())).unwrap_or_default();
    let label = move || if stopped.get() { w.get().sync_fill_go_on() } else { w.get().sync_fill_stop() };
    let press = move |()| if stopped.get_untracked() { roster.go_on_filling() } else { roster.stop_filling() };
    move || {
        is_shown.get().then(|| {
            view! {
                <Progress label=t!(w, pill_fetching) share figure>
                    <Button label kind=ButtonKind::Quiet on_press=press/>
                </Progress>
            }
        })
    }
}

/// Three parts, always in this order: what happened, what is safe, what to do.
fn sentence(words: Words, finding: Finding) -> String {
    match finding {
        Finding::StorageFull => words.sync_storage_full().into(),
        Finding::StorageClosed => words.sync_storage_closed().into(),
        Finding::StorageDamaged => words.sync_storage_damaged().into(),
        Finding::NotKept => words.sync_not_kept().into(),
        Finding::Revoked => words.sync_revoked().into(),
        Finding::Unknown => words.sync_unknown().into(),
        Finding::Cloned => words.sync_cloned().into(),
        Finding::AppTooOld => words.sync_not_understood().into(),
        Finding::SignedOut => words.sync_sign_in().into(),
        Finding::Refused { count } => words.sync_refused(count),
        Finding::CaptivePortal => words.sync_stranger().into(),
        Finding::NoNetwork { unsent: 0 } => words.sync_offline_none().into(),
        Finding::NoNetwork { unsent } => words.sync_offline_some(unsent),
        Finding::SlowNetwork => words.sync_slow().into(),
        Finding::EndpointDown => words.sync_down().into(),
        Finding::EndpointBusy => words.sync_busy().into(),
        Finding::Incomplete => words.sync_incomplete().into(),
        Finding::EndpointRestored => words.sync_restored().into(),
        Finding::ClockWrong { offset_ms } if offset_ms < 0 => words.sync_clock_fast(format::span(words, offset_ms)),
        Finding::ClockWrong { offset_ms } => words.sync_clock_slow(format::span(words, offset_ms)),
        Finding::Sending { unsent } => words.sync_sending(unsent),
        Finding::Fetching => words.sync_fetching().into(),
        Finding::Filling { percent } => words.sync_filling(percent),
        Finding::FillingStopped { percent } => words.sync_filling_stopped(percent),
        Finding::StorageNotPersistent => words.sync_not_persistent().into(),
        Finding::AllWell => words.sync_all_well().into(),
    }
}

/// Work that has waited for too long, with the way to where something can be done about it. Nothing otherwise.
#[component]
pub fn Overdue() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let rung = Memo::new(move |_| roster.rung().filter(|rung| rung.is_overdue()));
    let open = Callback::new(move |()| route.go("/sync"));
    move || {
        let rung = rung.get()?;
        let text = move || rung_words(w.get(), rung);
        Some(view! { <Banner tone=Tone::Unsent icon=Icon::Unsent text action_label=t!(w, place_sync) on_action=open/> })
    }
}

/// How surely what is kept here stays, and what would make it surer.
fn rung_words(words: Words, rung: Rung) -> String {
    let span = |age_ms| format::span(words, age_ms);
    match rung {
        Rung::NoRoom { free_bytes } => words.rung_no_room(format::bytes(free_bytes as f64)),
        Rung::OldAndExposed { unsent, age_ms } => words.rung_old_exposed(unsent, span(age_ms)),
        Rung::Old { unsent, age_ms } => words.rung_old(unsent, span(age_ms)),
        Rung::OldPictures { pictures, age_ms, .. } => words.rung_old_pictures(pictures, span(age_ms)),
        Rung::LittleRoom { free_bytes } => words.rung_little_room(format::bytes(free_bytes as f64)),
        Rung::NotInstalled => words.rung_not_installed().into(),
        Rung::NotPersistent => words.rung_not_persistent().into(),
        Rung::Kept => words.rung_kept().into(),
    }
}

#[component]
fn Waiting() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let aside =
        move || {
            let status = roster.status();
            let oldest = status.oldest_unsent?;
            Some(w.get().unsent_since(
                status.unsent,
                format::moment(w.get(), oldest, roster.minute(), roster.utc_offset_minutes()),
            ))
        };
    let rows = move || {
        let unsent = roster.unsent();
        let status = roster.status();
        let (sealed, pictures) = (status.unsent.saturating_sub(unsent.len()), status.pictures);
        if unsent.is_empty() && sealed == 0 && pictures == 0 {
            // What was refused has arrived as well, and was not taken.
            return match status.refused {
                0 => view! { <EmptyState icon=Icon::Saved title=t!(w, unsent_none) text=t!(w, unsent_none_text)/> },
                _ => view! { <p class="note">{t!(w, unsent_none)}</p> },
            };
        }
        let rows = (!unsent.is_empty()).then(|| {
            let rows = unsent.into_iter().rev().map(|change| view! { <ChangeRow change/> }).collect::<View>();
            view! { <div role="list">{rows}</div> }
        });
        let others = (sealed > 0).then(|| view! { <p class="note">{move || w.get().unsent_sealed(sealed)}</p> });
        let pictures =
            (pictures > 0).then(|| view! { <p class="note">{move || w.get().unsent_pictures(pictures)}</p> });
        view! { {rows} {others} {pictures} }
    };
    view! {
        <Section title=t!(w, unsent_title) aside=move || aside().unwrap_or_default()>
            {rows}
        </Section>
    }
}

#[component]
fn ChangeRow(change: Change) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let at = change.header.made_at.plus(change.header.clock_offset_ms);
    let icon = match &*change.header.form {
        "F-03" => Icon::Outing,
        "F-01" | "F-02" => Icon::Reception,
        "F-04" => Icon::Outing,
        _ => Icon::Edit,
    };
    let who = roster.staff_name(&change.header.author.to_string());
    let change = StoredValue::new(change);
    let title = move || change.with_value(|change| subject(roster, w.get(), change));
    let what = move || change.with_value(|change| what_it_is(roster, w.get(), change));
    let second = slot(move || view! { <Facts items=what()/> });
    let date = move || format::clock(at, roster.utc_offset_minutes());
    match change.with_value(|change| untrack(|| place_of(roster, change))) {
        Some(place) => {
            let open = Callback::new(move |()| route.go(&place));
            view! { <HistoryRow date icon title second who tone=Tone::Unsent on_open=open/> }
        }
        None => view! { <HistoryRow date icon title second who tone=Tone::Unsent/> },
    }
}

/// The first record that a change touches and this tablet has.
fn record_in(roster: Roster, change: &Change) -> Option<Record> {
    change.edits().find_map(|edit| roster.record(edit.record))
}

/// Where what a change is about is to be seen.
fn place_of(roster: Roster, change: &Change) -> Option<String> {
    record_in(roster, change).filter(|record| roster.may_see(record)).map(|record| address_of(&record))
}

/// Whom or what a change is about: the name it sets, or what the record it touches is called.
fn subject(roster: Roster, words: Words, change: &Change) -> String {
    let named =
        change.edits().flat_map(|edit| &edit.writes).find_map(|write| match (&*write.key.to_string(), &write.op) {
            ("name" | "visitor_name" | "customer_name" | "place", Op::Latest(value)) => {
                value.as_text().map(str::to_owned)
            }
            _ => None,
        });
    let of_record = || {
        let record = record_in(roster, change)?;
        let named = ["visitor_name", "place"].iter().find_map(|key| record.text(key)).map(str::to_owned);
        let phone = || record.text("phone").and_then(PhoneNumber::from_e164).map(|phone| phone.shown());
        let is_called = record.kind().as_str() != "person" || record.text("name").is_some();
        named.or_else(|| is_called.then(|| title_of(roster, words, &record))).or_else(phone)
    };
    named.or_else(of_record).unwrap_or_default()
}

/// Which form it was; of a step, which record it moved and where that stands now.
fn what_it_is(roster: Roster, words: Words, change: &Change) -> Vec<String> {
    let form = roster.pack().form(&change.header.form);
    let form = form.map(|form| vec![form.title.in_language(words.0).to_owned()]);
    let of_record = || Some(second_of(roster, words, &record_in(roster, change)?));
    form.or_else(of_record).unwrap_or_default()
}

#[component]
fn Tray() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    move || {
        let tray = roster.tray();
        (!tray.is_empty()).then(|| {
            let rows = tray.into_iter().map(|refused| view! { <TrayRow refused/> }).collect::<View>();
            view! { <Section title=t!(w, tray_title)>{rows}</Section> }
        })
    }
}

#[component]
fn TrayRow(refused: Refused) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let Refused { id, change, reason } = refused;
    let may_resend = change.is_some();
    let made_at = change.as_ref().map(|change| change.header.made_at.plus(change.header.clock_offset_ms));
    let place = change.as_ref().and_then(|change| untrack(|| place_of(roster, change)));
    let change = StoredValue::new(change);
    let title = move || change.with_value(|change| change.as_ref().map(|change| subject(roster, w.get(), change)));
    let facts = Signal::derive(move || {
        let what = change.with_value(|change| change.as_ref().map(|change| what_it_is(roster, w.get(), change)));
        let at = made_at.map(|at| format::moment(w.get(), at, roster.minute(), roster.utc_offset_minutes()));
        what.into_iter().flatten().chain(at).collect::<Vec<_>>()
    });
    let open = place.map(|place| {
        let open = Callback::new(move |()| route.go(&place));
        view! { <Button label=t!(w, person_look) kind=ButtonKind::Text on_press=open/> }
    });
    let resend = Callback::new(move |()| {
        spawn_local(async move {
            drop(roster.resend(id).await);
        });
    });
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let give_up = Callback::new(move |()| {
        spawn_local(async move {
            let words = w.get_untracked();
            let given_up = match roster.give_up(id).await {
                Ok(Some(given_up)) => given_up,
                Ok(None) => return,
                Err(error) => return toaster.tell(Toast::new(save_failed(words, &error).to_owned())),
            };
            let undo = Callback::new(move |()| {
                let given_up = given_up.clone();
                spawn_local(async move {
                    let words = w.get_untracked();
                    toaster.tell(Toast::new(match roster.bring_back(&given_up).await {
                        Ok(()) => words.tray_brought_back().to_owned(),
                        Err(error) => save_failed(words, &error).to_owned(),
                    }));
                });
            });
            toaster.tell(Toast::new(words.tray_given_up().to_owned()).with_undo(words.undo(), undo));
        });
    });
    view! {
        <div class="tray-row">
            <Glyph icon=Icon::Warn/>
            <div class="tray-row__words">
                <p class="tray-row__title">{title}</p>
                <p>{move || refusal_words(roster, w.get(), &reason)}</p>
                <p class="note"><Facts items=facts/></p>
            </div>
            {open}
            {may_resend.then(|| view! {
                <Button label=t!(w, tray_give_up) kind=ButtonKind::Text on_press=give_up/>
                <Button label=t!(w, tray_resend) kind=ButtonKind::Quiet on_press=resend/>
            })}
        </div>
    }
}

fn refusal_words(roster: Roster, words: Words, reason: &Refusal) -> String {
    match reason {
        Refusal::WrongOrganisation => words.refusal_wrong_organisation().into(),
        Refusal::UnknownAuthor => words.refusal_unknown_author().into(),
        Refusal::NotAllowed { what, .. } => match what.as_ref().map(|what| what.why) {
            Some(WriteFault::Signed) => words.refusal_signed().into(),
            Some(WriteFault::NotYours) | None => words.refusal_not_allowed().into(),
        },
        Refusal::Invalid { field, .. } => {
            let label = roster.pack().forms.iter().find_map(|form| form.field(field)).map(|field| &field.label);
            words.refusal_invalid(label.map_or(field.as_str(), |label| label.in_language(words.0)))
        }
        Refusal::Malformed { .. } => words.refusal_malformed().into(),
        Refusal::Different => words.refusal_different().into(),
        Refusal::Erased => words.refusal_erased().into(),
        Refusal::Step { kind, to, why, names, .. } => {
            let state = |key: &str| {
                let mut machines = roster.work().machines_of(kind);
                let state = machines.find_map(|machine| machine.state(key));
                state.map_or_else(|| key.to_owned(), |state| state.label.in_language(words.0).to_owned())
            };
            let joined = |texts: Vec<String>| texts.join(words.list_comma());
            let to = state(to);
            match why {
                StepFault::NotFrom if names.is_empty() => words.refusal_step_begin(to),
                StepFault::NotFrom => words.refusal_step_from(joined(names.iter().map(|key| state(key)).collect()), to),
                StepFault::NotYours => {
                    let by: Vec<Box<str>> = names.iter().map(|name| Box::from(&**name)).collect();
                    words.refusal_step_yours(to, who(words, &by))
                }
                StepFault::Missing => {
                    let label = |key: &String| match field_of(roster.pack(), kind, key) {
                        Some(field) => field.label.in_language(words.0).to_owned(),
                        None if key == "reason" => words.unmet_reason().to_owned(),
                        None => key.replace('_', " "),
                    };
                    words.refusal_step_missing(to, joined(names.iter().map(label).collect()))
                }
                StepFault::NothingBefore => words.refusal_step_before(to),
            }
        }
    }
}

#[component]
fn ThisTablet(status: Memo<Status>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    spawn_local_scoped_with_cancellation(roster.look_at_storage());
    let clock = move || match status.get().clock_offset_ms {
        None => w.get().tablet_clock_unknown().to_owned(),
        Some(offset) if offset.abs() < MINUTE_MS => w.get().tablet_clock_fine().to_owned(),
        Some(offset) if offset < 0 => w.get().tablet_clock_fast(format::span(w.get(), offset)),
        Some(offset) => w.get().tablet_clock_slow(format::span(w.get(), offset)),
    };
    let damaged = move || {
        let count = status.get().damaged;
        (count > 0).then(|| view! { <Banner tone=Tone::Late icon=Icon::Warn text=w.get().damaged_rows(count)/> })
    };
    let people = move || roster.ask(&["person"], |replica| replica.count("person"));
    let room = move || {
        status.get().storage.map(|facts| {
            let room = facts.used_bytes.zip(facts.quota_bytes).map(|(used, quota)| (used as f64, quota as f64));
            let share = room.map(|(used, quota)| used / quota.max(1.0));
            let sentence = match room {
                Some((used, quota)) => {
                    w.get().storage_used(format::bytes(used), format::bytes((quota - used).max(0.0)))
                }
                None => w.get().storage_unknown().to_owned(),
            };
            view! { <Progress label=t!(w, storage_title) share figure=sentence/> }
        })
    };
    let rung = Memo::new(move |_| roster.rung());
    let kept = move || {
        let rung = rung.get()?;
        let (tone, icon) = match rung.risk() {
            Risk::None => (Tone::Saved, Icon::Saved),
            Risk::Some => (Tone::Unsent, Icon::Info),
            Risk::High => (Tone::Late, Icon::Warn),
        };
        Some(view! { <Banner tone icon text=move || rung_words(w.get(), rung)/> })
    };
    view! {
        <CameBack/>
        {damaged}
        <Section title=t!(w, tablet_title) aside=move || roster.tablet().0>
            <dl class="fact-list">
                <FactRow label=t!(w, tablet_clock)>{clock}</FactRow>
                <FactRow label=t!(w, tablet_people)>{people}</FactRow>
                <FactRow label=t!(w, tablet_version)>{env!("CARGO_PKG_VERSION")}</FactRow>
            </dl>
            {room}
            {kept}
        </Section>
        <Section title=t!(w, diagnosis_title)>
            <Diagnosis/>
        </Section>
    }
}
