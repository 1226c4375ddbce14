//! A call: one person, what to say, three minutes, and how it went in two taps.

use crate::view::prelude::*;
use yingke_core::{
    capture::{Contact, call_again_at, contact_edits},
    change::{Edit, Key},
    form::Draft,
    id::RecordId,
    journal::AppendError,
    permit::PhoneView,
    phone::PhoneNumber,
    record::Record,
    time::{HOUR_MS, Millis},
    undo::undo,
    value::Value,
};

use super::{
    form::{in_scene, save_failed, tell_saved},
    people::{PersonFacts, name_of, phone_of},
    shell::Pill,
};
use crate::{
    roster::{Roster, use_roster},
    route::use_route,
    t,
    ui::{
        Banner, Button, ButtonKind, EmptyState, Face, FaceSize, Field, Glyph, Icon, Look, PageHeader, Section,
        TimerFace, Toast, Toaster, Tone,
    },
    words::{Words, use_words},
};

/// Calls last this long at most, as far as possible. Source: R-080.
const AIM_SECONDS: i64 = 180;
/// What to say in an appointment call. Source: W-19.
const PROMPT: &str = "S-18";
/// When to call again, offered one tap away.
const AGAIN: [Again; 8] = [
    Again::Appointment,
    Again::TwoHours,
    Again::Days(1),
    Again::Days(3),
    Again::Days(7),
    Again::Days(30),
    Again::Never,
    Again::Unwanted,
];

#[derive(Clone, Copy, PartialEq)]
enum Again {
    /// They agreed to come: when is asked next.
    Appointment,
    TwoHours,
    Days(i32),
    Never,
    /// They asked not to be called any more: nobody does.
    Unwanted,
}

impl Again {
    fn word(self, words: Words) -> &'static str {
        match self {
            Self::Appointment => words.call_appointment(),
            Self::TwoHours => words.call_again_today(),
            Self::Days(1) => words.call_again_tomorrow(),
            Self::Days(3) => words.call_again_three(),
            Self::Days(7) => words.call_again_week(),
            Self::Days(_) => words.call_again_month(),
            Self::Never => words.call_again_never(),
            Self::Unwanted => words.call_again_unwanted(),
        }
    }
}

#[component]
pub fn Call() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let id = Memo::new(move |_| route.part(1).and_then(|id| id.parse::<RecordId>().ok()));
    let back = Callback::new(move |()| match id.get_untracked() {
        Some(id) => route.go(&format!("/people/{id}")),
        None => route.go("/people"),
    });
    // Who is being called stays, whatever a colleague changes meanwhile.
    let body = move || match id.get().and_then(|id| untrack(|| roster.record(id))) {
        Some(person) if person.is("do_not_contact") => view! {
            <EmptyState icon=Icon::Warn title=t!(w, call_not_wanted) text=t!(w, person_do_not_contact)/>
        },
        Some(person) if person.text("phone").is_none() => view! {
            <EmptyState icon=Icon::Calls title=t!(w, call_no_number) text=t!(w, person_no_phone)/>
        },
        Some(person) => view! { <OneCall person/> },
        None => view! { <EmptyState icon=Icon::People title=t!(w, person_gone) text=t!(w, person_gone_text)/> },
    };
    view! {
        <PageHeader title=t!(w, call_title) back_label=t!(w, back) on_back=back>
            <Pill/>
        </PageHeader>
        <div class="page page--aside">{body}</div>
    }
}

fn draft_name(person: RecordId) -> String {
    format!("call:{person}")
}

/// What was noted of a call is there again for whoever went back in the middle of it.
fn keep_half_a_call(roster: Roster, person: RecordId, note: RwSignal<String>, result: RwSignal<Option<String>>) {
    let (noted, ended) = (Key::of("note"), Key::of("result"));
    let keys = (noted.clone(), ended.clone());
    leptos::task::spawn_local(async move {
        let kept = roster.draft(&draft_name(person)).await;
        let untouched = note.try_get_untracked().is_some_and(|note| note.is_empty());
        if let Some(kept) = kept.filter(|_| untouched) {
            note.try_set(kept.get(keys.0.as_str()).to_owned());
            let before = Some(kept.get(keys.1.as_str()).to_owned()).filter(|code| !code.is_empty());
            result.try_update(|result| *result = result.take().or(before));
        }
    });
    let typed = move || (note.get(), result.get());
    let keep = move |(note, result): &(String, Option<String>), _: Option<&_>, _: Option<()>| {
        let mut draft = Draft::default();
        draft.set(&noted, note.as_str());
        draft.set(&ended, result.as_deref().unwrap_or_default());
        if draft.is_empty() {
            roster.drop_draft(&draft_name(person));
        } else {
            roster.keep_draft(&draft_name(person), &draft);
        }
    };
    Effect::watch(typed, keep, false);
}

#[component]
fn OneCall(person: Record) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let id = person.id;
    let started_at = RwSignal::new(untrack(|| roster.now()));
    let note = RwSignal::new(String::new());
    let result = RwSignal::new(None::<String>);
    let failed = RwSignal::new(None::<AppendError>);
    let busy = RwSignal::new(false);
    let is_whole = untrack(|| roster.phone_view(&person)) == PhoneView::Whole;
    let number = person.text("phone").and_then(PhoneNumber::from_e164).filter(|_| is_whole);
    let number = number.map(|number| number.e164().to_owned());
    keep_half_a_call(roster, id, note, result);
    let name = StoredValue::new(person.clone());
    let name_now = move || name.with_value(|person| name_of(w.get(), person));

    let save = move |again: Again| {
        let Some(result) = result.get_untracked() else { return };
        if busy.get_untracked() {
            return;
        }
        // What a colleague has changed since counts: the record is read anew.
        let Some(person) = untrack(|| roster.record(id)) else { return };
        let now = roster.now();
        let (began, summary) = (started_at.get_untracked(), note.get_untracked());
        let edits = in_scene(roster, |scene, ids| {
            let next_contact_at = match again {
                Again::TwoHours => Some(now.plus(2 * HOUR_MS)),
                Again::Days(days) => Some(call_again_at(days, scene)),
                // Until the time stands, they are called again as after any call.
                Again::Appointment => Some(call_again_at(1, scene)),
                Again::Never | Again::Unwanted => None,
            };
            let contact = Contact {
                started_at: began,
                duration_s: now.since(began).max(0) / 1_000,
                result: &result,
                summary: &summary,
                next_contact_at,
                is_unwanted: again == Again::Unwanted,
            };
            contact_edits(&contact, scene, &person, ids)
        });
        let back: Vec<Edit> = untrack(|| undo(&edits, |id| roster.record(id)));
        let who = name_of(w.get_untracked(), &person);
        busy.set(true);
        leptos::task::spawn_local(async move {
            let kept = roster.save("call", edits).await;
            busy.try_set(false);
            match kept {
                Ok(_) => {
                    roster.drop_draft(&draft_name(id));
                    let told = w.get_untracked().call_saved(&who);
                    if again == Again::Unwanted {
                        // That they asked stands, so there is nothing to take back.
                        toaster.tell(Toast::new(told));
                    } else {
                        tell_saved(roster, toaster, w, told, who, back);
                    }
                    match again {
                        Again::Appointment => route.go(&format!("/form/appointment?about={id}")),
                        _ => route.go("/today"),
                    }
                }
                Err(error) => drop(failed.try_set(Some(error))),
            }
        });
    };
    let problem = move || {
        failed.get().map(|error| {
            view! { <Banner tone=Tone::Late icon=Icon::Warn text=save_failed(w.get(), &error)/> }
        })
    };
    let results = move || {
        let pack = roster.pack();
        let words = w.get();
        pack.list("contact_result")
            .iter()
            .map(|item| {
                let code = item.key.to_string();
                let label = item.words.in_language(words.0).to_owned();
                let chosen = {
                    let code = code.clone();
                    move || (result.get().as_deref() == Some(&code)).to_string()
                };
                view! {
                    <button
                        type="button"
                        class="call__choice"
                        role="radio"
                        aria-checked=chosen
                        on:click=move |_| result.set(Some(code.clone()))
                    >
                        <Glyph icon=Icon::Tick/>
                        {label}
                    </button>
                }
            })
            .collect::<View>()
    };
    let again = move || {
        result.get().is_some().then(|| {
            // Only who was reached can have agreed to anything.
            let reached = result.with(|result| result.as_deref() == Some("reached"));
            let choices: View = AGAIN
                .into_iter()
                .filter(move |again| reached || *again != Again::Appointment)
                .map(|again| {
                    view! {
                        <button type="button" class="call__choice" on:click=move |_| save(again)>
                            {move || again.word(w.get())}
                        </button>
                    }
                })
                .collect();
            view! {
                <Section title=t!(w, call_next) aside=t!(w, call_next_text) ruled=false>
                    <div class="call__choices">{choices}</div>
                </Section>
            }
        })
    };
    view! {
        <div class="call">
            {problem}
            <header class="call__who">
                <Face look=Signal::derive(move || Look::letter_of(&name_now())) size=FaceSize::Head/>
                <div class="call__names">
                    <h2 class="call__name">{name_now}</h2>
                    <p class="call__number">{phone_of(roster, w.get_untracked(), &person, "")}</p>
                </div>
                {number.map(|number| view! {
                    <a
                        class="button button--link call__dial"
                        data-kind="primary"
                        data-size="next"
                        href=format!("tel:{number}")
                        on:click=move |_| started_at.set(roster.now())
                    >
                        <Glyph icon=Icon::Calls/>
                        {t!(w, call_dial)}
                    </a>
                })}
            </header>
            <Section title=t!(w, call_result) ruled=false>
                <div class="call__choices" role="radiogroup" aria-label=t!(w, call_result)>{results}</div>
            </Section>
            {again}
            <Field label=t!(w, call_note) value=note on_input=move |typed| note.set(typed) lines=3 optional_mark=t!(w, optional)/>
        </div>
        <aside class="call__aside">
            <Clock started_at/>
            <Points/>
            <LastTime id/>
            <PersonFacts id/>
            <Button
                label=t!(w, person_open)
                kind=ButtonKind::Text
                icon_end=Icon::Forward
                on_press=move |()| route.go(&format!("/people/{id}/file"))
            />
        </aside>
    }
}

/// How long it has been; past three minutes it turns apricot, and nothing else happens.
#[component]
fn Clock(started_at: RwSignal<Millis>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let now = super::every_second(roster);
    let seconds = Memo::new(move |_| now.get().since(started_at.get()).max(0) / 1_000);
    view! {
        <TimerFace
            time=move || format!("{:02}:{:02}", seconds.get() / 60, seconds.get() % 60)
            aim=t!(w, call_aim)
            label=t!(w, call_time)
            over=Signal::derive(move || seconds.get() > AIM_SECONDS)
        />
    }
}

/// The talking points of the pack, if it has any for this.
#[component]
fn Points() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    move || {
        let points = super::points_of(roster, w, PROMPT)?;
        Some(view! {
            <Section title=t!(w, call_points) ruled=false>
                <ol class="call__points">{points}</ol>
            </Section>
        })
    }
}

/// What was said when somebody called last.
#[component]
fn LastTime(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    move || {
        let calls = roster.history(id);
        let last = calls
            .iter()
            .filter(|record| record.kind().as_str() == "interaction" && record.text("summary").is_some())
            .max_by_key(|record| record.get("started_at").and_then(Value::as_at))?;
        let summary = last.text("summary")?.to_owned();
        Some(view! {
            <Section title=t!(w, call_last) ruled=false>
                <p>{summary}</p>
            </Section>
        })
    }
}
