//! 先记一个客户: a guest is written down while the tablet is locked, and becomes its author's when they unlock.

use leptos::{ev, task::spawn_local};
use yingke_core::{
    capture::lead_edits,
    change::{Edit, Key as FieldKey},
    form::{self, Context, Draft, Problem},
    journal::AppendError,
    schema,
    wire::v1::Staff,
};

use crate::{
    roster::{Roster, WrittenDown, use_roster},
    screens::{
        form::{in_scene_of, save_failed},
        outing::{
            Digits,
            card::{self, Number},
            outing_today, phone_words,
            records::{self, FORM},
            takes_text,
        },
    },
    t,
    ui::{
        Banner, Button, ButtonKind, ButtonSize, CheckBox, Field, Glyph, Icon, Key, Keypad, Readiness, Toast, Toaster,
        Tone, focus_on,
    },
    view::prelude::*,
    words::{Words, use_words},
};

const NUMBER_ID: &str = "letter-number";
const NAME_ID: &str = "letter-name";
const NOTE_ID: &str = "letter-note";
const CONSENT_ID: &str = "letter-consent";
/// The longest text, in UTF-16 units: what a glance takes in.
const TEXT_LENGTH_MAX: u32 = 200;

/// A card in the name of whoever is chosen. What is typed is not kept before it is saved: it would have to be read again
/// by somebody who is not unlocked.
#[component]
pub fn WriteDown(#[prop(into)] chosen: Signal<Option<Staff>>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let draft = RwSignal::new(fresh());
    let problems = RwSignal::new(Vec::<Problem>::new());
    let failed = RwSignal::new(None::<AppendError>);
    let busy = RwSignal::new(false);
    // For whom the last one was kept, until the next is begun.
    let kept_for = RwSignal::new(None::<String>);
    let set = move |key: &'static str, typed: String| {
        kept_for.set(None);
        draft.update(|draft| draft.set(&FieldKey::of(key), typed));
        problems.update(|problems| problems.retain(|problem| problem.field.as_str() != key));
    };
    let value = move |key: &'static str| Signal::derive(move || draft.with(|draft| draft.get(key).to_owned()));
    let found = move |key: &'static str| {
        problems.with(|problems| problems.iter().find(|problem| problem.field.as_str() == key).cloned())
    };
    let problem = move |key: &'static str| {
        Signal::derive(move || found(key).map(|problem| records::problem_words(w.get(), &problem.code)))
    };
    let field = move |key: &'static str| {
        view! {
            <Field
                id=field_id(key)
                label=records::label(roster, FORM, key)
                value=value(key)
                on_input=move |typed| set(key, typed)
                optional_mark=t!(w, optional)
                problem=problem(key)
                length_max=TEXT_LENGTH_MAX
            />
        }
    };
    let number = move || draft.with(|draft| Number::of(draft.get("mobile")));
    let may = move || chosen.get().is_some_and(|staff| roster.writes_before_unlocking(staff.id));
    let readiness = move || {
        let words = w.get();
        match (chosen.get(), number()) {
            _ if busy.get() => Readiness::Busy(words.saving().into()),
            (None, _) => Readiness::Missing(words.letter_who().into()),
            (Some(staff), _) if !may() => Readiness::Missing(words.letter_unlock_first(staff.name)),
            (_, Number::Whole(_)) => Readiness::Ready,
            (_, Number::Empty) => Readiness::Missing(words.capture_number_begin().into()),
            (_, Number::Growing { missing }) => Readiness::Missing(words.capture_number_missing(missing)),
            (_, Number::Wrong(_)) => Readiness::Missing(words.capture_number_wrong().into()),
        }
    };
    let save = Callback::new(move |()| {
        let Some(staff) = chosen.get_untracked().filter(|_| !busy.get_untracked()) else { return };
        let edits = match draft.with_untracked(|draft| edits(roster, &staff, draft)) {
            Ok(edits) => edits,
            Err(found) => {
                let first = found.first().map_or(NUMBER_ID, |problem| field_id(problem.field.as_str()));
                problems.set(found);
                return focus_on(first);
            }
        };
        busy.set(true);
        failed.set(None);
        spawn_local(async move {
            let kept = roster.write_down(staff.id, FORM, edits).await;
            // The card may be gone; what was kept is not.
            if busy.try_set(false).is_some() {
                return;
            }
            match kept {
                Ok(()) => {
                    draft.set(fresh());
                    kept_for.set(Some(staff.name));
                }
                Err(error) => failed.set(Some(error)),
            }
        });
    });
    let press = Callback::new(move |key: Key| {
        let typed = draft.with_untracked(|draft| draft.get("mobile").to_owned());
        set("mobile", card::pressed(&typed, key));
    });
    let keys = window_event_listener(ev::keydown, move |event| {
        if event.ctrl_key() || event.meta_key() || event.is_composing() || takes_text(event.target()) {
            return;
        }
        if let Some(key) = Key::of_keyboard(&event.key()) {
            event.prevent_default();
            press.run(key);
        }
    });
    on_cleanup(move || keys.remove());
    let title = move || match chosen.get() {
        Some(staff) => w.get().letter_title(staff.name),
        None => w.get().letter_who().to_owned(),
    };
    let drawn = Memo::new(move |_| draft.with(|draft| card::shown(draft.get("mobile"))));
    let said = move || {
        let words = w.get();
        if let Some(name) = kept_for.get() {
            return Some(("saved", Icon::Saved, words.letter_kept(name)));
        }
        if found("consent_contact").is_some() {
            return Some(("late", Icon::Warn, words.capture_consent_needed().to_owned()));
        }
        match number() {
            Number::Wrong(error) => Some(("late", Icon::Warn, phone_words(words, error))),
            Number::Empty | Number::Growing { .. } | Number::Whole(_) => None,
        }
    };
    let said = move || {
        said().map(|(tone, icon, text)| {
            view! { <span class="capture__verdict" data-tone=tone><Glyph icon/> <span>{text}</span></span> }
        })
    };
    let not_kept = move || {
        failed.get().map(|error| {
            view! { <Banner tone=Tone::Late icon=Icon::Warn text=save_failed(w.get(), &error).to_owned() urgent=true/> }
        })
    };
    view! {
        <h2 class="unlock__title">{title}</h2>
        <div class="letter">
            {not_kept}
            <section class="number" id=NUMBER_ID tabindex="-1" role="group" aria-labelledby="letter-number-label">
                <span class="only-heard" id="letter-number-label">{records::label(roster, FORM, "mobile")}</span>
                <Digits drawn/>
            </section>
            <p class="letter__said" role="status">{said}</p>
            <Keypad on_key=press clear_label=t!(w, clear) erase_label=t!(w, erase_digit) label=t!(w, capture_keypad)/>
            <div class="letter__more">
                {field("name")}
                {field("note")}
            </div>
            <CheckBox
                id=CONSENT_ID
                label=records::label(roster, FORM, "consent_contact")
                boxed=true
                on=Signal::derive(move || draft.with(|draft| draft.get("consent_contact") == "true"))
                on_change=move |yes: bool| set("consent_contact", yes.to_string())
            />
            <Button
                label=t!(w, save)
                icon=Icon::Tick
                kind=ButtonKind::Primary
                size=ButtonSize::Next
                state=Signal::derive(readiness)
                on_press=save
                wide=true
            />
        </div>
    }
}

fn field_id(key: &str) -> &'static str {
    match key {
        "name" => NAME_ID,
        "note" => NOTE_ID,
        "consent_contact" => CONSENT_ID,
        _ => NUMBER_ID,
    }
}

/// Somebody who leaves a number may be called, unless they say otherwise.
fn fresh() -> Draft {
    let mut draft = Draft::default();
    for (key, typed) in [
        ("cooperation", "cooperative"),
        ("consent_contact", "true"),
        ("leaflet_given", "false"),
        ("card_given", "false"),
    ] {
        draft.set(&FieldKey::of(key), typed);
    }
    draft
}

/// The guest that a card makes, in the name of its author.
fn edits(roster: Roster, author: &Staff, draft: &Draft) -> Result<Vec<Edit>, Vec<Problem>> {
    let Some(me) = roster.describe(author.id) else { return Ok(Vec::new()) };
    let pack = records::pack(roster);
    let form = pack.form(FORM).expect("the fitness club's pack has the lead card");
    let (now, offset_minutes, venue) = (roster.now(), me.venue.utc_offset_minutes, Some(me.venue.id));
    let context = Context { now, offset_minutes, me: me.id, outing: None, venue, pack, cards: None };
    let filled = form::check(form, draft, &context)?;
    Ok(in_scene_of(roster, &me, |scene, ids| lead_edits(&filled, scene, ids)))
}

/// What whoever has just unlocked wrote down before becomes theirs, of their outing today if they are on one. Says so.
pub async fn take_up(roster: Roster, w: Signal<Words>, toaster: Toaster) {
    let (written, damaged) = roster.written_down().await;
    let mut count = 0;
    for one in written {
        if let Err(error) = become_theirs(roster, &one).await {
            return toaster.tell(Toast::new(save_failed(w.get_untracked(), &error)));
        }
        roster.drop_written_down(&one).await;
        count += 1;
    }
    if count > 0 {
        toaster.tell(Toast::new(w.get_untracked().letters_taken(count)));
    } else if damaged > 0 {
        toaster.tell(Toast::new(w.get_untracked().letters_damaged(damaged)));
    }
    roster.open_letter_box().await;
}

async fn become_theirs(roster: Roster, written: &WrittenDown) -> Result<(), AppendError> {
    let mut edits = written.edits.clone();
    // It was saved before, and the page ended before it was dropped.
    if edits.iter().any(|edit| untrack(|| roster.record(edit.record)).is_some()) {
        return Ok(());
    }
    if let Some(outing) = untrack(|| outing_today(roster)) {
        for edit in &mut edits {
            let kind = edit.kind.as_str();
            let of_outing = [schema::write(kind, "outing", outing), schema::write(kind, "source", "outing")];
            edit.writes.retain(|write| of_outing.iter().all(|other| other.key != write.key));
            edit.writes.extend(of_outing);
        }
    }
    roster.save(&written.form, edits).await.map(drop)
}
