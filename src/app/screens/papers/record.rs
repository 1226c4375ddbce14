//! One record's page: what it says, how it stands, the steps that are mine to take, what is due, what belongs to it.

use yingke_core::{
    id::RecordId,
    pack::{Form, Required},
    record::Record,
    task::{Deed, TaskState},
    time::{DAY_MS, HOUR_MS, MINUTE_MS},
    undo::undo,
    value::Value,
    workflow::PROGRESS,
};

use super::{
    approve::{Approve, of_colleagues},
    beginning_forms,
    cards::OneCard,
    choose::Choose,
    forms_of,
    home::PaperRow,
    icon_of, is_written_by_others, kind_word, not_for_me, nothing_there, person_of,
    refusal::{unmet_text, who},
    settle::Settle,
    standing,
    step::{Offered, offered, owed, take_now},
    tone_of,
};
use crate::{
    format,
    roster::{MyTask, Roster, use_roster},
    route::use_route,
    screens::{
        expected::Arrival,
        form::{save_failed, tell_saved},
        paper::FilledSheet,
        passes::PassUses,
        record_title::{form_of, holds, is_of_catalogue, title_of},
        shell::Pill,
    },
    t,
    ui::{
        Banner, Button, ButtonKind, ButtonSize, Due, Facts, Glyph, Ground, Icon, IconButton, Section, Tag, TaskRow,
        Toast, Toaster, Tone, slot,
    },
    view::prelude::*,
    words::{Words, use_words},
};

/// Kinds that belong to a record by a field of that name.
const BELONGS: [(&str, &[&str]); 6] = [
    (
        "membership",
        &[
            "leave",
            "leave_end",
            "transfer",
            "refund",
            "card_change",
            "store_transfer",
            "renewal",
            "pt_grant",
            "retention",
            "deposit",
            "ticket",
        ],
    ),
    ("case", &["assignment", "improvement", "retention"]),
    ("visit", &["tour", "negotiation", "trial"]),
    ("booking", &["ticket"]),
    ("equipment", &["fault", "inspection"]),
    ("contract", &["payment", "performance"]),
];

#[component]
pub fn RecordPage() -> impl IntoView {
    let route = use_route();
    let id = Memo::new(move |_| route.part(1).and_then(|id| id.parse::<RecordId>().ok()));
    move || id.get().map(|id| untrack(|| view! { <Page id/> }))
}

#[component]
fn Page(id: RecordId) -> impl IntoView {
    let roster = use_roster();
    let is_mine = Memo::new(move |_| roster.record(id).map(|record| roster.may_see(&record)));
    move || match is_mine.get() {
        Some(true) => untrack(|| view! { <Found id/> }),
        Some(false) => not_for_me(),
        None => nothing_there(),
    }
}

#[component]
fn Found(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let choosing = RwSignal::new(false);
    let record = untrack(|| roster.record(id));
    let kind = record.as_ref().map(|record| record.kind().as_str().to_owned()).unwrap_or_default();
    let person = record.as_ref().and_then(person_of);
    let icon = icon_of(&kind);
    let kind = StoredValue::new(kind);
    let title = move || roster.record(id).map(|record| title_of(roster, w.get(), &record)).unwrap_or_default();
    let second = Signal::derive(move || vec![kind.with_value(|kind| kind_word(roster, w.get(), kind))]);
    let state = move || {
        let (_, state) = standing(roster, &roster.record(id)?)?;
        Some(view! { <Tag tone=tone_of(state) text=state.label.in_language(w.get().0).to_owned()/> })
    };
    let since = Signal::derive(move || {
        let Some(record) = roster.record(id) else { return Vec::new() };
        let reason = record.guarded(PROGRESS).and_then(|group| group.get("reason")?.as_text());
        let reason = reason.filter(|reason| !reason.is_empty()).map(|reason| w.get().log_reason(reason));
        last_step(roster, w.get(), &record).into_iter().chain(reason).collect::<Vec<_>>()
    });
    // A guest whose own record is not for this post has no page here.
    let person = person.filter(|person| untrack(|| roster.record(*person)).is_some());
    let back = Callback::new(move |()| match person {
        Some(person) => route.go(&format!("/people/{person}/file")),
        None => route.go(&format!("/desk/{}", kind.get_value())),
    });
    let to_person = person.map(|person| {
        let name = move || roster.record(person).map(|person| title_of(roster, w.get(), &person)).unwrap_or_default();
        view! {
            <Button
                label=name
                icon=Icon::People
                kind=ButtonKind::Quiet
                on_press=move |()| route.go(&format!("/people/{person}/file"))
            />
        }
    });
    let form = record.as_ref().and_then(|record| form_of(roster.pack(), record));
    let form_key = form.filter(|_| kind.with_value(|kind| !is_written_by_others(kind))).map(|form| &*form.id);
    let is_booking = kind.with_value(|kind| kind == "booking");
    let next = kind.with_value(|kind| next_of(kind));
    let is_appointment = kind.with_value(|kind| kind == "appointment");
    let is_card = kind.with_value(|kind| kind == "membership");
    // A step may sign it while the page is open.
    let may_fill_in = Memo::new(move |_| roster.may_fill_in(id));
    let edits =
        shown(move || may_fill_in.get(), move || untrack(|| kind.with_value(|kind| edit_buttons(roster, kind, id))));
    let begin = Callback::new(move |()| choosing.set(true));
    let show_pass = kind.with_value(|kind| kind == "trial_pass").then(|| {
        let show = Callback::new(move |()| route.go(&format!("/passes/{id}")));
        view! { <Button label=t!(w, pass_show) icon=Icon::TrialPass kind=ButtonKind::Quiet on_press=show/> }
    });
    view! {
        <header class="file__head">
            <IconButton icon=Icon::Back label=t!(w, back) on_press=back/>
            <Ground icon tone=Tone::Pine/>
            <div class="file__who">
                <p class="file__line">
                    <h1 class="file__name" tabindex="-1">{title}</h1>
                    {state}
                </p>
                <p class="file__line note"><Facts items=second/> <Facts items=since/></p>
            </div>
            <div class="file__end"><Pill/> {show_pass} {to_person}</div>
        </header>
        <div class="papers__columns">
            <aside class="papers__side">
                <Settle id/>
                <OtherLeave id/>
                {next.map(|next| view! { <WriteNext id next/> })}
                {is_appointment.then(|| view! { <Arrival id/> })}
                <Steps id without=if is_booking { &["arrive"] } else { &[] } second=is_booking || is_appointment fills_in=true/>
                <Tasks id/>
                <Related id/>
                <div class="papers__begin">
                    <Button label=t!(w, paper_do) icon=Icon::Plus kind=ButtonKind::Quiet on_press=begin/>
                </div>
            </aside>
            <div class="papers__paper">
                {is_card.then(|| view! { <OneCard card=id opens=false/> })}
                {kind.with_value(|kind| kind == "pass_use").then(|| view! { <PassUses id/> })}
                {form_key.map(|form_key| view! { <FilledSheet record=id form_key/> })}
                <div class="papers__edit">
                    {edits}
                    {form_key.map(|_| view! {
                        <a class="button button--link" data-kind="quiet" href=format!("/paper/{id}")>
                            <Glyph icon=Icon::Print/>
                            {t!(w, paper_print)}
                        </a>
                    })}
                </div>
            </div>
        </div>
        {shown(
            move || choosing.get(),
            move || view! { <Choose about=id on_close=move |()| choosing.set(false)/> },
        )}
    }
}

/// That the card is on leave already in these days, by what another desk took in.
#[component]
fn OtherLeave(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let other = Memo::new(move |_| {
        let other = roster.leave_before(&roster.record(id)?)?;
        let day = |key: &str| other.get(key).and_then(|day| day.as_day());
        Some((other.id, day("start_on")?, day("planned_end_on")?))
    });
    move || {
        let (other, from, until) = other.get()?;
        let day = move |day| format::day(w.get(), day, roster.today());
        let open = Callback::new(move |()| route.go(&format!("/record/{other}")));
        Some(view! {
            <Banner
                tone=Tone::Conflict
                icon=Icon::Conflict
                text=move || w.get().leave_twice(day(from), day(until))
                action_label=t!(w, person_look)
                on_action=open
            />
        })
    }
}

/// The paper that comes next by the manual, as the first thing that can be done here. Away once it is written.
struct Next {
    kind: &'static str,
    /// By which field it names this record.
    by: &'static str,
    label: fn(Words, &Form) -> String,
    icon: Icon,
    is_due: fn(Roster, &Record) -> bool,
}

/// Who booked has come: the ticket that lets them in, which says so as well.
const TICKET: Next = Next {
    kind: "ticket",
    by: "booking",
    label: |words, _| words.courts_open_ticket().to_owned(),
    icon: Icon::Card,
    is_due: |roster, booking| {
        standing(roster, booking).is_some_and(|(_, state)| matches!(&*state.key, "booked" | "arrived"))
    },
};
/// Who talked signs on the spot.
const AGREEMENT: Next = Next {
    kind: "agreement",
    by: "negotiation",
    label: |words, form| words.paper_new(form.title.in_language(words.0)),
    icon: Icon::Edit,
    is_due: |_, talk| talk.text("outcome") == Some("signed"),
};

fn next_of(kind: &str) -> Option<&'static Next> {
    match kind {
        "booking" => Some(&TICKET),
        "negotiation" => Some(&AGREEMENT),
        _ => None,
    }
}

#[component]
fn WriteNext(id: RecordId, next: &'static Next) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let form = beginning_forms(roster, next.kind).into_iter().next();
    // Where it goes on; one that was begun already, as by the talk itself, and that nobody has filled in, goes on there.
    let place = Memo::new(move |_| {
        let form = form?;
        let is_due = roster.record(id).is_some_and(|record| (next.is_due)(roster, &record));
        match roster.pointing_to(id, &[next.kind], next.by).first() {
            _ if !is_due => None,
            None => Some(format!("/form/{}?about={id}", form.id)),
            Some(begun) => {
                let is_draft = standing(roster, begun).is_some_and(|(_, state)| &*state.key == "draft");
                is_draft.then(|| format!("/record/{}/form/{}", begun.id, form.id))
            }
        }
    });
    let Some(form) = form else { return View::Nothing };
    shown(
        move || place.with(Option::is_some),
        move || {
            let open = Callback::new(move |()| place.get_untracked().into_iter().for_each(|place| route.go(&place)));
            view! {
                <Button
                    label=move || (next.label)(w.get(), form)
                    icon=next.icon
                    kind=ButtonKind::Primary
                    size=ButtonSize::Next
                    wide=true
                    on_press=open
                />
            }
        },
    )
}

/// The forms in which more can be written on this paper.
fn edit_buttons(roster: Roster, kind: &str, id: RecordId) -> View {
    let w = use_words();
    let route = use_route();
    let forms = forms_of(roster, kind);
    let several = forms.len() > 1;
    forms
        .into_iter()
        .map(|form| {
            let label = move || {
                if several { form.title.in_language(w.get().0).to_owned() } else { w.get().paper_edit().to_owned() }
            };
            let open = Callback::new(move |()| route.go(&format!("/record/{id}/form/{}", form.id)));
            view! { <Button label icon=Icon::Edit kind=ButtonKind::Quiet on_press=open/> }
        })
        .collect()
}

/// The form of a paper that a step began, until all that the form must have is there. Subscribes to what it read.
fn form_to_fill_in(roster: Roster, id: RecordId) -> Option<&'static Form> {
    let record = roster.record(id)?;
    let (machine, state) = standing(roster, &record)?;
    let is_first = machine.steps.iter().any(|step| step.from.is_empty() && step.to == state.key);
    let form = form_of(roster.pack(), &record).filter(|form| is_of_catalogue(form))?;
    let lacks = form.fields().any(|field| field.required == Required::Yes && !holds(&record, field.key.as_str()));
    (is_first && lacks && roster.may_fill_in(id)).then_some(form)
}

/// Who took the last step, and when.
fn last_step(roster: Roster, words: Words, record: &Record) -> Option<String> {
    let group = record.guarded(PROGRESS)?;
    let at = group.get("at").and_then(Value::as_at)?;
    let when = format::moment(words, at, roster.minute(), roster.utc_offset_minutes());
    let by = group.get("by").and_then(Value::as_text).map(|by| roster.staff_name(by)).filter(|name| !name.is_empty());
    Some(match by {
        Some(name) => words.paper_by(name, when),
        None => words.paper_since(when),
    })
}

/// The steps that I may take; of others, whose they are.
#[component]
pub fn Steps(
    id: RecordId,
    /// Steps that stand elsewhere on the page.
    #[prop(optional)]
    without: &'static [&'static str],
    /// What comes first on this page is another button.
    #[prop(optional)]
    second: bool,
    /// A paper that a step began is filled in before it goes on.
    #[prop(optional)]
    fills_in: bool,
    /// Takes a step in a way of its own, or says that it does not.
    #[prop(optional, into)]
    instead: Option<Callback<Offered, bool>>,
) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let unfilled = Memo::new(move |_| if fills_in { form_to_fill_in(roster, id).map(|form| &*form.id) } else { None });
    let offers = Memo::new(move |_| {
        let _ = roster.minute();
        let mut offers = roster.record(id).map(|record| offered(roster, &record)).unwrap_or_default();
        offers.retain(|offer| !without.contains(&&*offer.step.key));
        // What a step would ask stands on the form as well, among more.
        offers.retain(|offer| unfilled.get().is_none() || offer.asks.is_empty());
        offers
    });
    let has_machine =
        roster.record(id).is_some_and(|record| roster.work().machines_of(record.kind().as_str()).next().is_some());
    let take = move |offer: Offered| {
        if instead.is_some_and(|instead| instead.run(offer.clone())) {
            return;
        }
        if offer.asks.is_empty() && !offer.needs_reason {
            take_now(roster, w, toaster, id, &offer);
        } else {
            route.go(&format!("/record/{id}/step/{}", offer.step.key));
        }
    };
    // What is to be written down before it goes on, and where: the whole form, or what the next one wants to read.
    let to_write = Memo::new(move |_| {
        if let Some(form) = unfilled.get().and_then(|form| roster.pack().form(form)) {
            return Some((format!("/record/{id}/form/{}", form.id), form.title.clone()));
        }
        let record = roster.record(id).filter(|_| fills_in)?;
        Some((format!("/record/{id}/note"), owed(roster, &record)?.title))
    });
    let fill_in = shown(
        move || to_write.get().is_some(),
        move || {
            let label = move || {
                let what = to_write.get();
                what.map(|(_, what)| w.get().paper_fill_in(what.in_language(w.get().0))).unwrap_or_default()
            };
            let open = Callback::new(move |()| {
                if let Some((path, _)) = to_write.get_untracked() {
                    route.go(&path);
                }
            });
            view! {
                <Button label icon=Icon::Edit kind=ButtonKind::Primary size=ButtonSize::Next wide=true on_press=open/>
            }
        },
    );
    let content = move || {
        let offers = offers.get();
        let second = second || to_write.get().is_some();
        if offers.is_empty() && !second {
            return view! { <p class="note">{none_is_mine(roster, w, id)}</p> };
        }
        offers
            .into_iter()
            .enumerate()
            .map(|(place, offer)| {
                let label = offer.step.label.clone();
                let label = move || label.in_language(w.get().0).to_owned();
                if !offer.unmet.is_empty() {
                    let unmet = offer.unmet.clone();
                    let why = move || {
                        let record = roster.record(id)?;
                        Some(w.get().paper_refused_unmet(unmet_text(roster, w.get(), (&record).into(), &unmet)))
                    };
                    return view! {
                        <div class="papers__blocked">
                            <p class="papers__step">{label}</p>
                            <p class="note">{why}</p>
                        </div>
                    };
                }
                // What leads out, such as a withdrawal, or not on, is never what is pressed without a thought.
                let leads_out = matches!(&*offer.step.to, "cancelled" | "withdrawn" | "void" | "escalated" | "waiting");
                let leads_on = !offer.needs_reason && !leads_out;
                let (kind, size) = if place == 0 && !second && leads_on {
                    (ButtonKind::Primary, ButtonSize::Next)
                } else {
                    (ButtonKind::Quiet, ButtonSize::default())
                };
                let press = Callback::new(move |()| take(offer.clone()));
                view! { <Button label kind size wide=true on_press=press/> }
            })
            .collect::<View>()
    };
    // Who stands beside one can do what is theirs without taking the tablet over.
    let asking = RwSignal::new(false);
    let colleagues = Memo::new(move |_| {
        let _ = roster.minute();
        roster.record(id).is_some_and(|record| !of_colleagues(roster, &record).is_empty())
    });
    let ask = Callback::new(move |()| asking.set(true));
    let ask = shown(
        move || colleagues.get(),
        move || view! { <Button label=t!(w, approve_do) icon=Icon::People kind=ButtonKind::Quiet wide=true on_press=ask/> },
    );
    let sheet = shown(move || asking.get(), move || view! { <Approve id on_close=move |()| asking.set(false)/> });
    has_machine.then(|| {
        view! {
            <Section title=t!(w, paper_next)>
                <div class="papers__steps">{fill_in} {content} {ask}</div>
                {sheet}
            </Section>
        }
    })
}

/// Where no step is mine: whose it is, or that all is done.
fn none_is_mine(roster: Roster, w: Signal<Words>, id: RecordId) -> impl Fn() -> String + 'static {
    move || {
        let words = w.get();
        let Some(record) = roster.record(id) else { return String::new() };
        let Some((_, state)) = standing(roster, &record) else { return words.paper_no_step().to_owned() };
        if state.is_end {
            return words.paper_ended().to_owned();
        }
        if record.conflicts().any(|key| key.as_str() == PROGRESS) {
            return words.paper_settle_first().to_owned();
        }
        let by = roster.papers(&[], |scene, ground| {
            let by = yingke_core::paper::waits_for(&record, scene, ground);
            by.into_iter().map(Box::from).collect::<Vec<Box<str>>>()
        });
        let by = by.unwrap_or_default();
        if by.is_empty() { words.paper_no_step().to_owned() } else { words.paper_waits(who(words, &by)) }
    }
}

/// When a task is due, or how late it is and to whom it went.
#[must_use]
pub fn due_of(roster: Roster, words: Words, mine: &MyTask) -> Due {
    let now = roster.minute();
    let offset = roster.utc_offset_minutes();
    // What is to be done at once is no race against seconds.
    let is_now = mine.task.due_at.since(now).abs() < MINUTE_MS;
    match &mine.state {
        TaskState::Overdue { .. } | TaskState::Open | TaskState::InProgress if is_now => {
            Due { text: words.task_now().to_owned(), tone: Tone::Unsent }
        }
        TaskState::Escalated { .. } | TaskState::Overdue { .. } => {
            Due { text: words.task_late(format::span(words, now.since(mine.task.due_at))), tone: Tone::Late }
        }
        TaskState::Open | TaskState::InProgress => match mine.task.due_at.since(now) {
            left if left < HOUR_MS => Due { text: words.task_left(format::span(words, left)), tone: Tone::Unsent },
            _ => Due { text: words.task_due(format::moment(words, mine.task.due_at, now, offset)), tone: Tone::Plain },
        },
        TaskState::Done { .. } => Due { text: words.task_done().to_owned(), tone: Tone::Saved },
    }
}

/// What there is to do about this record, with a tick for what no form ends.
#[component]
fn Tasks(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let tasks = Memo::new(move |_| roster.tasks_of(id));
    shown(
        move || tasks.with(|tasks| !tasks.is_empty()),
        move || {
            let rows =
                move || tasks.get().into_iter().map(|mine| view! { <OneTask mine opens=false/> }).collect::<View>();
            view! { <Section title=t!(w, paper_tasks) list=true>{rows}</Section> }
        },
    )
}

/// A task as a row: what, about whom, until when; ticked off, put off, or opened where its form is.
#[component]
pub fn OneTask(mine: MyTask, opens: bool) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let template = roster.work().tasks.iter().find(|template| template.id == mine.task.template);
    let Some(template) = template else { return View::Nothing };
    let subject = RecordId::from_bytes(mine.task.subject);
    let has_subject = roster.record(subject).is_some();
    let what = move || template.title.in_language(w.get().0).to_owned();
    let mine = StoredValue::new(mine);
    let about = Signal::derive(move || {
        let record = roster.record(subject).filter(|_| opens);
        let about = record.map(|record| title_of(roster, w.get(), &record));
        let gone_to = mine.with_value(|mine| match &mine.state {
            TaskState::Escalated { to, .. } => Some(w.get().task_escalated(who(w.get(), std::slice::from_ref(to)))),
            TaskState::Overdue { .. } | TaskState::Open | TaskState::InProgress | TaskState::Done { .. } => None,
        });
        about.into_iter().chain(gone_to).collect::<Vec<_>>()
    });
    let due = Signal::derive(move || mine.with_value(|mine| due_of(roster, w.get(), mine)));
    let keep = move |deed: Deed| {
        let Some(edit) = mine.with_value(|mine| untrack(|| roster.deed(&mine.task, deed))) else { return };
        let edits = vec![edit];
        let undo = untrack(|| undo(&edits, |id| roster.record(id)));
        leptos::task::spawn_local(async move {
            let words = w.get_untracked();
            match roster.save("task", edits).await {
                Ok(_) => {
                    let what = template.title.in_language(words.0).to_owned();
                    tell_saved(roster, toaster, w, words.paper_saved(&what), what, undo);
                }
                Err(error) => toaster.tell(Toast::new(save_failed(words, &error))),
            }
        });
    };
    let open = Callback::new(move |()| {
        let task = mine.with_value(|mine| mine.task.id);
        if template.form.starts_with("F-") && has_subject {
            route.go(&format!("/form/{}?about={subject}&task={task}", template.form));
        } else if has_subject {
            route.go(&format!("/record/{subject}"));
        }
    });
    let put_off = Callback::new(move |()| keep(Deed::PutOff(roster.now().plus(DAY_MS))));
    let action = slot(view! {
        <IconButton icon=Icon::Clock label=t!(w, task_put_off) on_press=put_off/>
    });
    let tick_label = move || w.get().task_tick(what());
    let on_tick = move |_: bool| keep(Deed::Done);
    if opens && !has_subject {
        // The calendar's: it is about the venue, and the reports are where it is seen.
        if roster.has_board() {
            let board = Callback::new(move |()| route.go("/board"));
            return view! { <TaskRow title=what due done=false on_tick tick_label on_open=board/> };
        }
        return view! { <TaskRow title=what due done=false on_tick tick_label/> };
    }
    view! {
        <TaskRow
            title=what
            second=slot(view! { <Facts items=about/> })
            due
            done=false
            on_tick
            tick_label
            action
            on_open=open
            narrow=!opens
        />
    }
}

/// Records that belong to this one.
#[component]
fn Related(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let related = Memo::new(move |_| {
        let Some(record) = roster.record(id) else { return Vec::new() };
        let field = match record.kind().as_str() {
            "agreement" => "contract",
            kind => kind,
        };
        let belongs = BELONGS.iter().find(|(of, _)| *of == field);
        let pointing = belongs.map(|(field, kinds)| roster.pointing_to(id, kinds, field)).unwrap_or_default();
        let named = ["membership", "contract", "case", "visit", "equipment", "booking", "ticket", "agreement"];
        let named =
            named.iter().filter_map(|key| record.get(key)?.as_id()).filter(|other| roster.record(*other).is_some());
        let mut ids: Vec<RecordId> = named.chain(pointing.iter().map(|record| record.id)).collect();
        ids.dedup();
        ids.truncate(RELATED_MAX);
        ids
    });
    shown(
        move || related.with(|ids| !ids.is_empty()),
        move || {
            let rows = move || related.get().into_iter().map(|id| view! { <PaperRow id/> }).collect::<View>();
            view! { <Section title=t!(w, paper_related) list=true>{rows}</Section> }
        },
    )
}

/// Rows beside a paper: more stand on the person's page.
const RELATED_MAX: usize = 8;
