//! Capture: a number, how it went, save. Read in a glance, pressed with one thumb, and nothing typed is ever lost.

use crate::route::use_route;
use crate::view::prelude::*;
use leptos::{ev, web_sys};
use yingke_core::{
    change::Key as FieldKey,
    form::{self, Draft, Problem, ProblemCode},
    id::RecordId,
    journal::AppendError,
    lead,
    phone::PhoneError,
    record::Record,
    time::{MINUTE_MS, Millis},
};

use super::{
    card::{self, Number},
    more::MoreSheet,
    records::{self, FORM, Saved},
    tally::{Pace, Tally, pace},
};
use crate::{
    format,
    roster::{Known, Roster, use_roster},
    screens::{form::save_failed, shell::Pill},
    settings::{Theme, use_settings},
    t,
    ui::{
        Banner, Button, ButtonKind, ButtonSize, CheckBox, ChipGroup, EmptyState, Facts, Glyph, Icon, IconButton, Key,
        Keypad, PageHeader, Readiness, Ring, RingSize, Segmented, Switch, Text, Tone, focus_on, slot,
    },
    words::{Words, use_words},
};

/// Where the focus goes when the number has to be mended.
const NUMBER_ID: &str = "capture-number";
const CONSENT_ID: &str = "capture-consent";

/// One outing's capture.
#[component]
pub fn Capture() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let settings = use_settings();
    settings.capturing.set(true);
    on_cleanup(move || settings.capturing.set(false));
    let route = use_route();
    let outing = Memo::new(move |_| {
        let id = route.part(1)?.parse::<RecordId>().ok()?;
        roster.record(id).is_some_and(|record| !record.is("withdrawn")).then_some(id)
    });
    let route = use_route();
    let back = Callback::new(move |()| route.go("/outing"));
    move || match outing.get() {
        Some(outing) => view! { <Cards outing back/> },
        None => view! {
            <PageHeader title=t!(w, capture_title) back_label=t!(w, back) on_back=back>
                <Pill/>
            </PageHeader>
            <div class="page">
                <EmptyState icon=Icon::Outing title=t!(w, outing_gone) text=t!(w, outing_gone_text)/>
            </div>
        },
    }
}

/// The card being filled in, and all that is done to it.
#[derive(Clone, Copy)]
pub(super) struct Desk {
    w: Signal<Words>,
    roster: Roster,
    outing: RecordId,
    pub(super) draft: RwSignal<Draft>,
    /// What keeps the card from being saved, once saving was tried.
    problems: RwSignal<Vec<Problem>>,
    not_kept: RwSignal<Option<AppendError>>,
    saving: RwSignal<bool>,
    /// Saved since the screen was opened, the latest last.
    saved: RwSignal<Vec<Saved>>,
    /// Told once to who listens.
    spoken: RwSignal<String>,
    /// A number that was cleared, until another key is pressed.
    cleared: RwSignal<Option<String>>,
    /// The sheet is open, and this field of it has the focus.
    pub(super) more: RwSignal<Option<&'static str>>,
}

impl Desk {
    fn new(outing: RecordId) -> Self {
        let roster = use_roster();
        Self {
            w: use_words(),
            roster,
            outing,
            draft: RwSignal::new(records::fresh_card(roster, outing, None)),
            problems: RwSignal::default(),
            not_kept: RwSignal::default(),
            saving: RwSignal::default(),
            saved: RwSignal::default(),
            spoken: RwSignal::default(),
            cleared: RwSignal::default(),
            more: RwSignal::default(),
        }
    }

    fn draft_name(self) -> String {
        format!("{FORM}:{}", self.outing)
    }

    /// What was typed before a crash, or before the screen was left.
    fn take_up_draft(self) {
        leptos::task::spawn_local(async move {
            let Some(kept) = self.roster.draft(&self.draft_name()).await else { return };
            let untouched = self.draft.try_with_untracked(|draft| !records::is_begun(draft)).unwrap_or(false);
            if untouched && records::is_begun(&kept) {
                self.draft.set(kept);
                self.spoken.set(self.w.get_untracked().capture_draft_back().into());
            }
        });
    }

    pub(super) fn value(self, key: &'static str) -> Text {
        Signal::derive(move || self.draft.with(|draft| draft.get(key).to_owned()))
    }

    pub(super) fn is(self, key: &'static str) -> Signal<bool> {
        Signal::derive(move || self.draft.with(|draft| draft.get(key) == "true"))
    }

    /// Everything that is typed or chosen comes through here, and is kept at once.
    pub(super) fn set(self, key: &'static str, typed: String) {
        self.draft.update(|draft| {
            if draft.get(records::BEGUN_AT).is_empty() {
                draft.set(&FieldKey::of(records::BEGUN_AT), self.roster.now().0.to_string());
            }
            draft.set(&FieldKey::of(key), typed);
        });
        self.problems.update(|problems| problems.retain(|problem| problem.field.as_str() != key));
        if key == "cooperation" {
            self.problems.set(Vec::new());
        }
        self.keep();
    }

    pub(super) fn set_bool(self, key: &'static str, yes: bool) {
        self.set(key, yes.to_string());
    }

    fn keep(self) {
        self.draft.with_untracked(|draft| {
            if records::is_begun(draft) {
                self.roster.keep_draft(&self.draft_name(), draft);
            } else {
                self.roster.drop_draft(&self.draft_name());
            }
        });
    }

    fn press(self, key: Key) {
        let typed = self.draft.with_untracked(|draft| draft.get("mobile").to_owned());
        if key == Key::Clear && typed.is_empty() {
            if let Some(cleared) = self.cleared.get_untracked() {
                self.set("mobile", cleared);
            }
            self.cleared.set(None);
            return;
        }
        match key {
            Key::Clear => self.cleared.set(Some(typed.clone())),
            Key::Digit(_) => self.cleared.set(None),
            Key::Erase => {}
        }
        let next = card::pressed(&typed, key);
        if next != typed {
            self.set("mobile", next);
        }
    }

    fn paste(self, text: &str) {
        if let Some(number) = card::from_pasted(text) {
            self.set("mobile", number);
        }
    }

    /// The number so far.
    fn number(self) -> Number {
        self.draft.with(|draft| Number::of(draft.get("mobile")))
    }

    fn refused(self) -> bool {
        self.draft.with(|draft| draft.get("cooperation") == "refused")
    }

    /// Whether the card can be saved, or what it lacks in a word.
    fn readiness(self, words: Words) -> Readiness {
        if self.saving.get() {
            return Readiness::Busy(words.saving().into());
        }
        match self.number() {
            Number::Whole(_) => Readiness::Ready,
            Number::Empty if self.refused() => Readiness::Ready,
            Number::Empty => Readiness::Missing(words.capture_number_begin().into()),
            Number::Growing { missing } => Readiness::Missing(words.capture_number_missing(missing)),
            Number::Wrong(_) => Readiness::Missing(words.capture_number_wrong().into()),
        }
    }

    pub(super) fn problem(self, key: &'static str) -> Signal<Option<String>> {
        Signal::derive(move || {
            let words = self.w.get();
            self.problems.with(|problems| {
                let found = problems.iter().find(|problem| problem.field.as_str() == key)?;
                let is_mobile = self.draft.with(|draft| draft.get("mobile").starts_with('1'));
                Some(problem_words(words, &found.code, is_mobile))
            })
        })
    }

    /// One save; the tick shows when it is durable, and then the next card lies ready.
    fn save(self) {
        if self.saving.get_untracked() {
            return;
        }
        let now = self.roster.now();
        let draft = records::timed(self.draft.get_untracked(), now);
        let checked = records::with_context(self.roster, Some(self.outing), |context| {
            let form = context.pack.form(FORM).expect("the packs of outings have the lead card");
            form::check(form, &draft, context)
        });
        let filled = match checked {
            Some(Ok(filled)) => filled,
            Some(Err(problems)) => return self.show(problems),
            None => return,
        };
        let (edits, saved) = records::lead(self.roster, self.w.get_untracked(), self.outing, &filled);
        self.saving.set(true);
        self.not_kept.set(None);
        leptos::task::spawn_local(async move {
            let kept = self.roster.save(FORM, edits).await;
            if kept.is_ok() {
                self.roster.drop_draft(&self.draft_name());
            }
            // The screen may be gone; the save is not.
            if self.saving.try_set(false).is_some() {
                return;
            }
            match kept {
                Ok(_) => {
                    self.spoken.set(self.w.get_untracked().capture_saved_spoken(saved.heard(self.w.get_untracked())));
                    self.saved.update(|all| all.push(Saved { draft: draft.clone(), ..saved }));
                    self.problems.set(Vec::new());
                    self.cleared.set(None);
                    self.draft.set(records::fresh_card(self.roster, self.outing, Some(&draft)));
                }
                Err(error) => self.not_kept.set(Some(error)),
            }
        });
    }

    /// Says what is to be mended, and goes there.
    fn show(self, problems: Vec<Problem>) {
        let first = problems.first().map(|problem| problem.field.as_str().to_owned());
        self.problems.set(problems);
        match first.as_deref() {
            Some("mobile") | None => focus_on(NUMBER_ID),
            Some("consent_contact") => {
                focus_on(CONSENT_ID);
                // On a phone the tile is in the sheet.
                if document().active_element().is_none_or(|element| element.id() != CONSENT_ID) {
                    self.more.set(Some("more-consent"));
                }
            }
            Some(_) => self.more.set(Some("more-name")),
        }
    }

    /// Takes the last save back; its card returns unless another one was begun.
    fn undo(self) {
        let Some(last) = self.saved.with_untracked(|saved| saved.last().cloned()) else { return };
        self.not_kept.set(None);
        leptos::task::spawn_local(async move {
            match self.roster.save("undo", last.undo.clone()).await {
                Ok(_) => {
                    let words = self.w.get_untracked();
                    let _ = self.spoken.try_set(words.capture_undone(last.heard(words)));
                    let _ = self.saved.try_update(|saved| saved.retain(|other| other.records != last.records));
                    if self.draft.try_with_untracked(|draft| !records::is_begun(draft)).unwrap_or(false) {
                        self.draft.set(last.draft);
                        self.keep();
                    }
                }
                Err(error) => {
                    let _ = self.not_kept.try_set(Some(error));
                }
            }
        });
    }
}

#[component]
fn Cards(outing: RecordId, back: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let desk = Desk::new(outing);
    desk.take_up_draft();
    listen(desk);
    let record = Memo::new(move |_| roster.record(outing).map(Shown));
    let place = Signal::derive(move || match record.get() {
        Some(Shown(record)) => record.text("place").map_or_else(|| w.get().capture_title().to_owned(), str::to_owned),
        None => String::new(),
    });
    let about = Signal::derive(move || {
        record.get().map(|Shown(record)| records::about(roster, w.get(), &record)).unwrap_or_default()
    });
    let not_kept = move || {
        desk.not_kept.get().map(|error| {
            view! { <Banner tone=Tone::Late icon=Icon::Warn text=save_failed(w.get(), &error)/> }
        })
    };
    view! {
        <div class="capture">
            <PageHeader title=place second=slot(view! { <Facts items=about/> }) stacked=true back_label=t!(w, back) on_back=back>
                <SunSwitch/>
                <Pill/>
            </PageHeader>
            <div class="capture__board">
                <Goal desk/>
                <div class="capture__not-kept" role="alert">{not_kept}</div>
                <NumberLine desk/>
                <Choices desk/>
                <Pad desk/>
            </div>
            <p class="only-heard" role="status">{move || desk.spoken.get()}</p>
            {move || desk.more.get().map(|focus| view! { <MoreSheet desk focus/> })}
        </div>
    }
}

/// A record in a memo: the same until its last change.
#[derive(Clone)]
struct Shown(Record);

impl PartialEq for Shown {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id && self.0.last_rank() == other.0.last_rank()
    }
}

/// The outing's own theme, one press away.
#[component]
fn SunSwitch() -> impl IntoView {
    let w = use_words();
    let settings = use_settings();
    let bright = move || settings.outing_theme.get() == Theme::Sunlight;
    let label = move || if bright() { w.get().capture_theme_plain() } else { w.get().capture_theme_sunlight() };
    let turn = move |()| settings.outing_theme.set(if bright() { Theme::System } else { Theme::Sunlight });
    view! {
        <span class="capture__sun">
            <IconButton icon=Icon::Sun label=move || label().to_owned() on_press=turn/>
        </span>
    }
}

/// Ring, what is left, the pace, and what was saved last with its way back.
#[component]
fn Goal(desk: Desk) -> impl IntoView {
    let w = desk.w;
    let roster = desk.roster;
    let me = roster.me_now().map(|me| me.id.to_string()).unwrap_or_default();
    let goal = records::goal(roster);
    let tally = Memo::new(move |_| records::tally(roster, desk.outing));
    let count = {
        let me = me.clone();
        Memo::new(move |_| tally.with(|tally| tally.of_staff(&me)))
    };
    let left = move || {
        let words = w.get();
        match (count.get(), goal) {
            (0, _) => words.capture_first().to_owned(),
            (count, goal) if count < goal => words.capture_left(goal - count),
            (count, goal) if count == goal => words.capture_reached().to_owned(),
            (count, goal) => words.capture_over(count - goal),
        }
    };
    let last = Memo::new(move |_| {
        desk.saved
            .with(|saved| saved.last().cloned())
            .or_else(|| records::last_capture(roster, w.get(), desk.outing, &me))
    });
    let may_undo = Memo::new(move |_| desk.saved.with(|saved| !saved.is_empty()));
    let last_line = move || match last.get() {
        None => view! { <p class="capture__none">{t!(w, capture_none_yet)}</p> },
        Some(last) => {
            let unsent = last.records.first().is_some_and(|id| roster.is_unsent(*id));
            let time = format::clock(last.at, roster.utc_offset_minutes());
            let whom = format!("{} {}", last.called(w.get()), last.phone).trim().to_owned();
            let when = if unsent { w.get().capture_last_unsent(time) } else { w.get().capture_last_sent(time) };
            let short = w.get().capture_last_short(last.short(w.get()));
            view! {
                <span class="capture__tick" aria-hidden="true"><Glyph icon=Icon::Tick/></span>
                <p class="capture__last-words">
                    <span class="facts">
                        <strong>{t!(w, saved_here)}</strong>
                        <span>{whom}</span>
                    </span>
                    <span class="capture__last-when">{when}</span>
                </p>
                <p class="capture__last-short"><Glyph icon=Icon::Saved/> <span>{short}</span></p>
            }
        }
    };
    let undo = move || {
        may_undo.get().then(|| {
            view! { <Button label=t!(w, undo) icon=Icon::Undo kind=ButtonKind::Text on_press=move |()| desk.undo()/> }
        })
    };
    view! {
        <section class="capture__goal">
            <Ring
                done=Signal::derive(move || count.get() as f64 / goal.max(1) as f64)
                figure=Signal::derive(move || count.get().to_string())
                aim=Signal::derive(move || w.get().outing_ring_aim(goal))
                sentence=Signal::derive(move || w.get().outing_ring(count.get(), goal))
                size=RingSize::Screen
            />
            <div class="capture__words">
                <p class="capture__left">{left}</p>
                <p class="capture__pace">{move || hint(desk, &tally.get(), count.get(), goal)}</p>
            </div>
            <div class="capture__last" data-saved=move || last.with(Option::is_some).then_some("true")>
                {last_line} <span class="capture__undo">{undo}</span>
            </div>
        </section>
    }
}

/// The pace; while a talk takes longer than it should, that.
fn hint(desk: Desk, tally: &Tally, count: usize, goal: usize) -> String {
    let (words, roster) = (desk.w.get(), desk.roster);
    let minutes_max = records::pack(roster).number("outing.flow_max_minutes", 5);
    let begun = desk.draft.with(|draft| draft.get(records::BEGUN_AT).parse::<i64>().ok()).map(Millis);
    let talked = begun.map_or(0, |begun| roster.minute().since(begun) / MINUTE_MS);
    // A card that lay open over lunch is no talk.
    if talked > minutes_max && talked < 60 {
        return words.capture_long(talked, minutes_max);
    }
    let arrived = roster.record(desk.outing).and_then(|outing| outing.get("actual_arrival").and_then(|at| at.as_at()));
    // Whoever notes the arrival late has begun before it.
    let begun = arrived.into_iter().chain(tally.first_at).min();
    let Some((begun, latest)) = begun.zip(tally.last_at) else { return String::new() };
    match pace(begun, latest, count, goal) {
        None => String::new(),
        Some(Pace { each_ms, goal_at: None }) => words.capture_pace(records::minutes_seconds(words, each_ms)),
        Some(Pace { each_ms, goal_at: Some(at) }) => {
            let time = format::clock(at, roster.utc_offset_minutes());
            words.capture_pace_goal(records::minutes_seconds(words, each_ms), time)
        }
    }
}

/// The number as it grows, with what is known about it.
#[component]
fn NumberLine(desk: Desk) -> impl IntoView {
    let w = desk.w;
    let roster = desk.roster;
    let typed = desk.value("mobile");
    let number = Memo::new(move |_| desk.number());
    let verdict = Memo::new(move |_| {
        let words = w.get();
        let problem = desk.problem("mobile").get().or_else(|| desk.problem("consent_contact").get());
        if let Some(problem) = problem {
            return Verdict::Wrong(problem);
        }
        match number.get() {
            Number::Wrong(error) => Verdict::Wrong(phone_words(words, error)),
            Number::Whole(phone) => known(roster, words, desk.outing, roster.known(&phone)),
            Number::Empty | Number::Growing { .. } => Verdict::Nothing,
        }
    });
    let route = use_route();
    let open = Callback::new(move |id: RecordId| route.go(&format!("/people/{id}")));
    let said = move || match verdict.get() {
        Verdict::Nothing => View::Nothing,
        Verdict::New => view! {
            <span class="capture__verdict" data-tone="saved"><Glyph icon=Icon::Saved/> <span>{t!(w, capture_known_no)}</span></span>
        },
        Verdict::Known { text, person } => view! {
            <span class="capture__verdict" data-tone="unsent"><Glyph icon=Icon::People/> <span>{text}</span></span>
            {person.map(|id| view! {
                <button type="button" class="capture__open" on:click=move |_| open.run(id)>{t!(w, capture_known_open)}</button>
            })}
        },
        Verdict::Wrong(text) => view! {
            <span class="capture__verdict" data-tone="late"><Glyph icon=Icon::Warn/> <span>{text}</span></span>
        },
    };
    let label = records::label(roster, FORM, "mobile");
    let drawn = Memo::new(move |_| card::shown(&typed.get()));
    view! {
        <section
            class="number capture__number"
            id=NUMBER_ID
            tabindex="-1"
            role="group"
            aria-labelledby="capture-number-label"
            aria-describedby="capture-number-note"
            data-long=move || (drawn.with(|(now, _)| now.chars().count()) > 13).then_some("true")
        >
            <div class="number__head">
                <span class="number__label" id="capture-number-label">{label}</span>
                <span class="capture__said" id="capture-number-note" role="status">{said}</span>
            </div>
            <Digits drawn/>
        </section>
    }
}

/// A number that is drawn as [`card::shown`] has it.
#[component]
pub fn Digits(drawn: Memo<(String, String)>) -> impl IntoView {
    view! {
        <p class="number__digits">
            <span>{move || drawn.get().0}</span>
            <span class="number__caret" aria-hidden="true"></span>
            <span class="number__ghost" aria-hidden="true">{move || drawn.get().1}</span>
        </p>
    }
}

/// What is said beside the number.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    Nothing,
    New,
    Known { text: String, person: Option<RecordId> },
    Wrong(String),
}

fn known(roster: Roster, words: Words, outing: RecordId, known: Known) -> Verdict {
    match known {
        Known::No => Verdict::New,
        Known::NotYet => Verdict::Nothing,
        Known::Elsewhere { ask } if ask.is_empty() => {
            Verdict::Known { text: words.capture_known_somewhere().into(), person: None }
        }
        Known::Elsewhere { ask } => Verdict::Known { text: words.capture_known_elsewhere(ask), person: None },
        Known::Here(people) => {
            let Some((id, person)) = people.into_iter().find_map(|id| Some((id, roster.record(id)?))) else {
                return Verdict::New;
            };
            let called = records::called(roster, words, &person);
            let who = if called.is_empty() { words.capture_somebody().to_owned() } else { called };
            let me = roster.me_now().map(|me| me.id.to_string());
            let owner = lead::owner(&person).map(|owner| owner.to_string()).unwrap_or_default();
            let text = if person.get("outing").and_then(|value| value.as_id()) == Some(outing) {
                words.capture_known_this(who)
            } else if owner.is_empty() {
                words.capture_known_desk(who)
            } else if me.as_deref() == Some(&*owner) {
                words.capture_known_own(who)
            } else {
                words.capture_known_here(who, roster.staff_name(&owner))
            };
            Verdict::Known { text, person: Some(id) }
        }
    }
}

/// How it went, what they like, what was given.
#[component]
fn Choices(desk: Desk) -> impl IntoView {
    let w = desk.w;
    let roster = desk.roster;
    let salutations = records::choices(roster, "salutation", |key| key != "other");
    let cooperations = records::choices(roster, "cooperation", |_| true);
    let interests = records::choices(roster, "interest", |_| true);
    let liked = Signal::derive(move || {
        desk.draft.with(|draft| draft.codes("interests").map(str::to_owned).collect::<Vec<_>>())
    });
    let like = Callback::new(move |keys: Vec<String>| desk.set("interests", keys.join(",")));
    let promised = Memo::new(move |_| records::tally(roster, desk.outing).passes);
    let promised_words = move || match promised.get() {
        0 => String::new(),
        count => w.get().capture_trial_count(count),
    };
    view! {
        <section class="capture__choices">
            <div class="capture__pair">
                <Segmented
                    label=records::label(roster, FORM, "salutation")
                    options=salutations
                    chosen=desk.value("salutation")
                    on_choose=move |key: String| desk.set("salutation", key)
                />
                <Segmented
                    label=records::label(roster, FORM, "cooperation")
                    options=cooperations
                    chosen=desk.value("cooperation")
                    on_choose=move |key: String| desk.set("cooperation", key)
                />
            </div>
            <ChipGroup
                label=records::label(roster, FORM, "interests")
                options=interests
                chosen=liked
                on_change=like
                one_row=true
            />
            <div class="capture__given">
                <GivenTiles desk ids=true/>
                <Switch
                    label=t!(w, capture_trial)
                    second=promised_words
                    icon=Icon::TrialPass
                    boxed=true
                    on=desk.is("trial_pass_promised")
                    on_change=move |yes: bool| desk.set_bool("trial_pass_promised", yes)
                />
                <span class="capture__more">
                    <Button
                        label=t!(w, capture_more)
                        icon=Icon::Note
                        kind=ButtonKind::Quiet
                        wide=true
                        on_press=move |()| desk.more.set(Some("more-name"))
                    />
                </span>
            </div>
        </section>
    }
}

/// Leaflet, card, consent: on unless somebody takes them off. On a phone they are in the sheet.
#[component]
pub(super) fn GivenTiles(
    desk: Desk,
    /// These are the ones on the board, which the focus can go to.
    #[prop(optional)]
    ids: bool,
) -> impl IntoView {
    let w = desk.w;
    let tile = move |key: &'static str, label: Text, id: &'static str| {
        view! {
            <CheckBox
                label
                boxed=true
                on=desk.is(key)
                on_change=move |yes: bool| desk.set_bool(key, yes)
                id=if ids { id.to_owned() } else { id.replace("capture-", "more-") }
            />
        }
    };
    view! {
        {tile("leaflet_given", Signal::derive(t!(w, capture_leaflet)), "capture-leaflet")}
        {tile("card_given", Signal::derive(t!(w, capture_card)), "capture-card")}
        {tile("consent_contact", Signal::derive(t!(w, capture_consent)), CONSENT_ID)}
    }
}

/// Keys, name, note, and save under the thumb.
#[component]
fn Pad(desk: Desk) -> impl IntoView {
    let w = desk.w;
    let roster = desk.roster;
    let me = roster.me_now().map(|me| me.id.to_string()).unwrap_or_default();
    let count = Memo::new(move |_| records::tally(roster, desk.outing).of_staff(&me));
    let counts = move || match desk.number() {
        Number::Whole(phone) if phone.is_mobile() => {
            let again = roster.ask(&["person"], |replica| {
                let of_this = |id: &RecordId| {
                    replica
                        .record(*id)
                        .is_some_and(|person| person.get("outing").and_then(|value| value.as_id()) == Some(desk.outing))
                };
                replica.by_phone(phone.e164()).any(|id| of_this(&id))
            });
            Some(!again)
        }
        Number::Whole(_) => None,
        Number::Empty | Number::Growing { .. } | Number::Wrong(_) => None,
    };
    let second = move || {
        let words = w.get();
        match desk.readiness(words) {
            Readiness::Ready => match (desk.number(), counts()) {
                (Number::Empty, _) => words.capture_no_number().to_owned(),
                (_, Some(true)) => words.capture_nth(count.get() + 1),
                (_, Some(false)) => words.capture_again().to_owned(),
                (_, None) => String::new(),
            },
            Readiness::Busy(_) | Readiness::Missing(_) => String::new(),
        }
    };
    let clear_label = move || {
        let restores = desk.cleared.get().is_some() && desk.draft.with(|draft| draft.get("mobile").is_empty());
        if restores { w.get().capture_restore().to_owned() } else { w.get().clear().to_owned() }
    };
    let name = desk.value("name");
    let name_label =
        move || Some(name.get()).filter(|name| !name.is_empty()).unwrap_or_else(|| w.get().capture_name().to_owned());
    let note = desk.value("note");
    let note_label = move || {
        let note = note.get();
        let start: String = note.chars().take(6).collect();
        match note.chars().count() {
            0 => w.get().capture_note().to_owned(),
            1..=6 => start,
            _ => format!("{start}…"),
        }
    };
    let missing = move |()| {
        let now = records::timed(desk.draft.get_untracked(), roster.now());
        let problems = records::with_context(roster, Some(desk.outing), |context| {
            let form = context.pack.form(FORM).expect("the packs of outings have the lead card");
            form::check(form, &now, context).err().unwrap_or_default()
        });
        desk.show(problems.unwrap_or_default());
    };
    view! {
        <section class="capture__pad">
            <Keypad
                on_key=move |key: Key| desk.press(key)
                clear_label=clear_label
                erase_label=t!(w, erase_digit)
                label=t!(w, capture_keypad)
            />
            <span class="capture__key capture__key--name">
                <Button label=name_label icon=Icon::Edit kind=ButtonKind::Quiet on_press=move |()| desk.more.set(Some("more-name"))/>
            </span>
            <span class="capture__key capture__key--note">
                <Button label=note_label icon=Icon::Note kind=ButtonKind::Quiet on_press=move |()| desk.more.set(Some("more-note"))/>
            </span>
            <span class="capture__key capture__key--save">
                <Button
                    label=t!(w, save)
                    icon=Icon::Tick
                    kind=ButtonKind::Primary
                    size=ButtonSize::Fill
                    second=second
                    state=Signal::derive(move || desk.readiness(w.get()))
                    on_press=move |()| desk.save()
                    on_missing=Callback::new(missing)
                    id="capture-save"
                />
            </span>
        </section>
    }
}

/// A hardware keyboard does the same as the glass, and a number can be pasted anywhere.
fn listen(desk: Desk) {
    let keys = window_event_listener(ev::keydown, move |event| {
        if desk.more.get_untracked().is_some() || takes_text(event.target()) || event.alt_key() || event.is_composing()
        {
            return;
        }
        let name = event.key();
        if event.ctrl_key() || event.meta_key() {
            match name.as_str() {
                "s" => desk.save(),
                "z" if !event.shift_key() => desk.undo(),
                _ => return,
            }
            return event.prevent_default();
        }
        match name.as_str() {
            "Enter" if !is_chosen_by_key(event.target()) => desk.save(),
            "+" => {
                let typed = desk.draft.with_untracked(|draft| card::with_plus(draft.get("mobile")));
                desk.set("mobile", typed);
            }
            _ => match Key::of_keyboard(&name) {
                Some(key) => {
                    desk.press(key);
                    // Enter after digits is meant for the card, not for the button that a finger pressed before.
                    focus_on(NUMBER_ID);
                }
                None => return,
            },
        }
        event.prevent_default();
    });
    on_cleanup(move || keys.remove());
    let pasted = window_event_listener(ev::paste, move |event| {
        if desk.more.get_untracked().is_some() || takes_text(event.target()) {
            return;
        }
        if let Some(text) = event.clipboard_data().and_then(|data| data.get_data("text").ok()) {
            desk.paste(&text);
            event.prevent_default();
        }
    });
    on_cleanup(move || pasted.remove());
}

fn element(target: Option<web_sys::EventTarget>) -> Option<web_sys::Element> {
    use leptos::wasm_bindgen::JsCast;
    target?.dyn_into().ok()
}

pub fn takes_text(target: Option<web_sys::EventTarget>) -> bool {
    element(target).is_some_and(|element| matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"))
}

/// A button that the keyboard went to: Enter is meant for it.
fn is_chosen_by_key(target: Option<web_sys::EventTarget>) -> bool {
    element(target).is_some_and(|element| element.matches("a:focus-visible, button:focus-visible").unwrap_or(false))
}

pub fn phone_words(words: Words, error: PhoneError) -> String {
    match error {
        PhoneError::Empty => words.capture_number_needed().into(),
        PhoneError::TooShort { missing } => words.capture_number_missing(missing),
        PhoneError::TooLong { extra } => words.capture_number_extra(extra),
        PhoneError::Letters => words.capture_number_letters().into(),
        PhoneError::NotANumber => words.capture_number_wrong().into(),
        PhoneError::UnknownPrefix => words.capture_number_prefix().into(),
    }
}

/// The card's own sentences where it has better ones; else those of every form.
fn problem_words(words: Words, code: &ProblemCode, is_mobile: bool) -> String {
    match code {
        ProblemCode::Required => words.capture_number_needed().into(),
        ProblemCode::PhoneTooShort { missing } if is_mobile => {
            words.capture_number_missing_of(missing, card::MOBILE_DIGITS)
        }
        ProblemCode::PhoneTooShort { missing } => phone_words(words, PhoneError::TooShort { missing: *missing }),
        ProblemCode::PhoneTooLong { extra } => phone_words(words, PhoneError::TooLong { extra: *extra }),
        ProblemCode::PhoneLetters => phone_words(words, PhoneError::Letters),
        ProblemCode::PhoneNotANumber => phone_words(words, PhoneError::NotANumber),
        ProblemCode::PhoneUnknownPrefix => phone_words(words, PhoneError::UnknownPrefix),
        ProblemCode::ConsentNeeded { .. } => words.capture_consent_needed().into(),
        other => records::problem_words(words, other),
    }
}
