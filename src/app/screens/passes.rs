//! Trial passes: given out with a code for the guest to take along, and taken at the desk, both without any network.

use std::{cell::Cell, rc::Rc};

use leptos::html;
use yingke_core::{
    id::RecordId,
    pass::{Code, PassFault},
    reckon::plus_days,
    record::Record,
};

use crate::{
    format,
    roster::{PassError, Roster, use_roster},
    route::use_route,
    screens::{form::save_failed, shell::Pill},
    t,
    ui::{
        Banner, Button, ButtonKind, ButtonSize, Choice, ChoiceList, EmptyState, FactRow, Field, Icon, PageHeader,
        QrCode, Readiness, Segmented, Tone, focus_on, slot,
    },
    view::prelude::*,
    words::{Words, use_words},
};

/// Days for which a pass is good, as the desk offers them.
const DAYS: [i64; 3] = [7, 15, 30];
const CODE_ID: &str = "pass-code";

// ---- Giving one out -------------------------------------------------------------------------------------------

/// `/passes/new?about=…`: a pass for somebody, or for whoever comes.
#[component]
pub fn GivePass() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let about = untrack(|| route.asked("about")).and_then(|id| id.parse::<RecordId>().ok());
    let source = RwSignal::new("outing".to_owned());
    let days = RwSignal::new(DAYS[1].to_string());
    let busy = RwSignal::new(false);
    let problem = RwSignal::new(None::<PassError>);
    let sources = Signal::derive(move || {
        let language = w.get().0;
        let list = roster.pack().list("pass_source");
        list.iter().map(|item| Choice::new(&*item.key, item.words.in_language(language))).collect::<Vec<_>>()
    });
    let spans = Signal::derive(move || {
        DAYS.iter().map(|days| Choice::new(days.to_string(), w.get().pass_days(*days))).collect::<Vec<_>>()
    });
    let until = move || plus_days(roster.today(), days.get().parse().unwrap_or(DAYS[0]));
    let give = Callback::new(move |()| {
        busy.set(true);
        problem.set(None);
        let (source, until) = (source.get_untracked(), untrack(until));
        leptos::task::spawn_local(async move {
            match roster.give_pass(&source, until, about).await {
                Ok(id) => route.replace(&format!("/passes/{id}")),
                Err(error) => {
                    let _ = problem.try_set(Some(error));
                    let _ = busy.try_set(false);
                }
            }
        });
    });
    let back = Callback::new(move |()| route.go("/passes"));
    let whom = move || {
        let person = about.and_then(|id| roster.record(id));
        person.map(|person| super::record_title::title_of(roster, w.get(), &person)).unwrap_or_default()
    };
    view! {
        <PageHeader title=t!(w, pass_give) second=slot(whom) on_back=back back_label=t!(w, back)>
            <Pill/>
        </PageHeader>
        <div class="page page--reading">
            <div class="pass-desk">
                {move || problem.get().map(|problem| told(w, roster, &problem))}
                <ChoiceList
                    label=t!(w, pass_source)
                    options=sources
                    chosen=source
                    on_choose=move |key: String| source.set(key)
                />
                <Segmented
                    label=t!(w, pass_good_for)
                    options=spans
                    chosen=days
                    on_choose=move |key: String| days.set(key)
                    note=move || w.get().pass_until(format::full_day(w.get(), until()))
                />
                <Button
                    label=t!(w, pass_give)
                    icon=Icon::TrialPass
                    kind=ButtonKind::Primary
                    size=ButtonSize::Next
                    state=Signal::derive(move || {
                        if busy.get() { Readiness::Busy(w.get().pass_giving().to_owned()) } else { Readiness::Ready }
                    })
                    on_press=give
                />
            </div>
        </div>
    }
}

/// `/passes/…`: what the guest takes along, large enough for a phone's camera.
#[component]
pub fn ShowPass() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let id = untrack(|| route.part(1)).and_then(|id| id.parse::<RecordId>().ok());
    let code_of = |record: &Record| record.text("code").map(str::to_owned);
    let record = id.and_then(|id| untrack(|| roster.record(id)));
    let code = record.as_ref().and_then(code_of);
    let until = record.as_ref().and_then(|record| record.get("valid_until")?.as_at());
    let until = until.map(|at| at.day(roster.utc_offset_minutes()));
    let picture = RwSignal::new(None::<Option<String>>);
    let back = Callback::new(move |()| route.go("/passes"));
    let another = Callback::new(move |()| route.go("/passes/new"));
    let Some(code) = code else {
        return view! {
            <PageHeader title=t!(w, pass_title) on_back=back back_label=t!(w, back)><Pill/></PageHeader>
            <div class="page"><EmptyState icon=Icon::TrialPass title=t!(w, record_gone) text=t!(w, record_gone_text)/></div>
        };
    };
    {
        let code = code.clone();
        leptos::task::spawn_local(async move {
            let _ = picture.try_set(Some(roster.pass_picture(&code).await));
        });
    }
    let drawn = move || match picture.get() {
        None => View::Nothing,
        Some(Some(text)) => view! { <QrCode text label=t!(w, pass_qr_label)/> },
        Some(None) => view! { <p class="pass-show__note">{t!(w, pass_no_qr)}</p> },
    };
    view! {
        <PageHeader title=t!(w, pass_title) on_back=back back_label=t!(w, back)>
            <Pill/>
            <Button label=t!(w, pass_another) icon=Icon::Plus kind=ButtonKind::Quiet on_press=another/>
        </PageHeader>
        <div class="page">
            <div class="pass-show">
                {drawn}
                <p class="pass-show__code">{code}</p>
                <p class="pass-show__until">
                    {move || until.map(|until| w.get().pass_until(format::full_day(w.get(), until)))}
                </p>
                <p class="pass-show__note">{t!(w, pass_take_along)}</p>
            </div>
        </div>
    }
}

// ---- Taking one -----------------------------------------------------------------------------------------------

/// What came of the code that was typed or seen.
#[derive(Debug, Clone, PartialEq)]
enum Looked {
    Nothing,
    Good(Code),
    Taken(Code),
    Bad(PassError),
}

/// `/passes`: whether what a guest shows can be taken, and taking it.
#[component]
pub fn CheckPass() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let typed = RwSignal::new(String::new());
    let looked = RwSignal::new(Looked::Nothing);
    let scanning = RwSignal::new(false);
    let no_camera = RwSignal::new(false);
    let look_at = Callback::new(move |shown: String| {
        leptos::task::spawn_local(async move {
            let found = roster.look_at_pass(&shown).await;
            let _ = looked.try_set(found.map_or_else(Looked::Bad, Looked::Good));
        });
    });
    let check = Callback::new(move |()| {
        let shown = typed.get_untracked();
        if shown.trim().is_empty() {
            return focus_on(CODE_ID);
        }
        look_at.run(shown);
    });
    let take = Callback::new(move |code: Code| {
        leptos::task::spawn_local(async move {
            let taken = roster.take_pass(&code).await;
            let _ = looked.try_set(taken.map_or_else(Looked::Bad, |()| Looked::Taken(code)));
        });
    });
    let again = Callback::new(move |()| {
        typed.set(String::new());
        looked.set(Looked::Nothing);
        focus_on(CODE_ID);
    });
    let seen = Callback::new(move |text: Option<String>| {
        scanning.set(false);
        match text {
            Some(text) => look_at.run(text),
            None => no_camera.set(true),
        }
    });
    let give = Callback::new(move |()| route.go("/passes/new"));
    let back = Callback::new(move |()| route.go("/reception"));
    let camera = move || {
        if scanning.get() {
            let stop = Callback::new(move |()| scanning.set(false));
            return view! { <Scanner on_seen=seen on_stop=stop/> };
        }
        if !roster.has_code_reader() {
            return View::Nothing;
        }
        let begin = Callback::new(move |()| {
            no_camera.set(false);
            looked.set(Looked::Nothing);
            scanning.set(true);
        });
        view! { <Button label=t!(w, pass_scan) icon=Icon::TrialPass on_press=begin/> }
    };
    let result = move || match looked.get() {
        Looked::Nothing if no_camera.get() => {
            view! { <Banner tone=Tone::Unsent icon=Icon::Info text=t!(w, pass_no_camera)/> }
        }
        Looked::Nothing => View::Nothing,
        Looked::Bad(error) => view! {
            {told(w, roster, &error)}
            <Button label=t!(w, pass_next) on_press=again/>
        },
        Looked::Good(code) => view! {
            <Banner tone=Tone::Saved icon=Icon::Tick text=t!(w, pass_good) second=move || facts(w.get(), roster, &code)/>
            <Button
                label=t!(w, pass_take)
                icon=Icon::Tick
                kind=ButtonKind::Primary
                size=ButtonSize::Next
                on_press=move |()| take.run(code)
            />
        },
        Looked::Taken(code) => view! {
            <Banner
                tone=Tone::Saved
                icon=Icon::Saved
                text=t!(w, pass_taken)
                second=move || w.get().pass_taken_text(code.text())
            />
            <Button label=t!(w, pass_next) on_press=again/>
            <Button label=t!(w, pass_register) kind=ButtonKind::Text on_press=move |()| route.go("/form/F-12")/>
        },
    };
    view! {
        <PageHeader title=t!(w, pass_check) on_back=back back_label=t!(w, back)>
            <Pill/>
            {move || roster.gives_passes().then(|| view! {
                <Button label=t!(w, pass_give) icon=Icon::Plus kind=ButtonKind::Quiet on_press=give/>
            })}
        </PageHeader>
        <div class="page page--reading">
            <form class="pass-desk" autocomplete="off" on:submit=move |event| event.prevent_default()>
                <Field
                    id=CODE_ID
                    label=t!(w, pass_code)
                    value=typed
                    on_input=move |text| { typed.set(text); looked.set(Looked::Nothing); }
                    on_enter=check
                    note=t!(w, pass_code_note)
                />
                <div class="pass-desk__ways">
                    <Button
                        label=t!(w, pass_look)
                        icon=Icon::Search
                        kind=ButtonKind::Quiet
                        on_press=check
                        submit=true
                    />
                    {camera}
                </div>
                <div class="pass-desk__result" aria-live="polite">{result}</div>
            </form>
        </div>
    }
}

/// Where a pass was used, for whoever has to find out why it was used twice.
#[component]
pub fn PassUses(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let used = move |at: &str, by: &str, place: &str| {
        let words = w.get();
        let record = roster.record(id)?;
        let at = record.get(at)?.as_at()?;
        let device = record.text(place)?.split(':').next()?.to_owned();
        let at = format::moment(words, at, roster.minute(), roster.utc_offset_minutes());
        Some(words.pass_use_by(at, roster.staff_name(record.text(by)?), device))
    };
    let first = move || used("used_at", "used_by", "use");
    let last = move || used("last_used_at", "last_used_by", "last_use");
    let code = move || roster.record(id).and_then(|record| record.text("code").map(str::to_owned));
    view! {
        <dl class="fact-list">
            <FactRow label=t!(w, pass_code)>{code}</FactRow>
            <FactRow label=t!(w, pass_first_use)>{first}</FactRow>
            {move || (first() != last()).then(|| view! { <FactRow label=t!(w, pass_last_use)>{last}</FactRow> })}
        </dl>
    }
}

/// The camera's picture, until a code is before it.
#[component]
fn Scanner(
    /// What it saw; `None` where there is no camera.
    on_seen: Callback<Option<String>>,
    on_stop: Callback<()>,
) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let video = NodeRef::<html::Video>::new();
    let waits = Rc::new(Cell::new(true));
    let ends = waits.clone();
    Effect::new(move |_| {
        let (Some(video), waits) = (video.get(), waits.clone()) else { return };
        leptos::task::spawn_local(async move {
            match roster.read_code(&video, || waits.get()).await {
                Ok(Some(text)) if waits.get() => on_seen.run(Some(text)),
                Ok(_) => {}
                Err(()) if waits.get() => on_seen.run(None),
                Err(()) => {}
            }
        });
    });
    let ends = leptos::prelude::StoredValue::new_local(ends);
    on_cleanup(move || {
        let _ = ends.try_with_value(|ends| ends.set(false));
    });
    view! {
        <div class="pass-desk__camera">
            <video node_ref=video muted playsinline aria-label=t!(w, pass_camera_label)></video>
            <Button label=t!(w, pass_stop) icon=Icon::Close on_press=on_stop/>
        </div>
    }
}

/// Where it was given out, until when it is good, and by which tablet.
fn facts(words: Words, roster: Roster, code: &Code) -> String {
    let list = roster.pack().list("pass_source");
    let source = list.iter().find(|item| &*item.key == code.pass.source());
    let source = source.map(|item| item.words.in_language(words.0)).unwrap_or_default();
    words.pass_facts(source, format::full_day(words, code.pass.until), code.pass.device.0)
}

fn told(w: Signal<Words>, roster: Roster, error: &PassError) -> View {
    let error = error.clone();
    let text = move || sentence(w.get(), roster, &error);
    view! { <Banner tone=Tone::Late icon=Icon::Warn text urgent=true/> }
}

/// One sentence for each: what it is not, and what to do.
fn sentence(words: Words, roster: Roster, error: &PassError) -> String {
    let moment = |at| format::moment(words, at, roster.minute(), roster.utc_offset_minutes());
    match error {
        PassError::Fault(PassFault::NotOne) => words.pass_not_one().into(),
        PassError::Fault(PassFault::Length { letters }) => words.pass_length(*letters),
        PassError::Fault(PassFault::Later) => words.pass_later().into(),
        PassError::Fault(PassFault::OtherOrganisation) => words.pass_other_house().into(),
        PassError::Fault(PassFault::Altered) => words.pass_altered().into(),
        PassError::Fault(PassFault::Expired { until }) => words.pass_expired(format::full_day(words, *until)),
        PassError::Fault(PassFault::Used { at }) => words.pass_used(moment(*at)),
        PassError::NoKeys => words.pass_no_keys().into(),
        PassError::NotYours => words.pass_not_yours().into(),
        PassError::Storage(error) => save_failed(words, error).into(),
        PassError::Failed { detail } => words.pass_failed(detail),
    }
}
