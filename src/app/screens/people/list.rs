//! The list of people with its search, and who was chosen beside it.

use std::{collections::BTreeMap, sync::Arc};

use crate::route::use_route;
use crate::view::prelude::*;
use yingke_core::{
    id::RecordId,
    lead::{self, NOBODY},
    permit::PhoneView,
    pinyin,
    record::Record,
    search::{Hit, PinyinSpan},
};

use super::{
    giving::{Claim, HandedOn, OwnerTag},
    likes_of, name_of, phone_of, reading_of, salutation_of,
    same::SamePhone,
    stage_of,
};
use crate::{
    format,
    roster::{Whose, use_roster},
    screens::{
        kept_back::{AskPurpose, KeptBack},
        shell::Pill,
    },
    t,
    ui::{
        Button, ButtonKind, ButtonSize, EmptyState, Face, FaceSize, FactRow, Facts, Glyph, Icon, IconButton,
        ListDetail, ListRow, Look, Marked, SearchField, Tab, Tabs, Tag, Tone, VirtualList, slot,
    },
    words::{Words, use_words},
};

/// The best of a search; whoever needs more types another letter.
const HITS_MAX: usize = 100;
/// The height of a person's row, in pixels.
const ROW_PX: u32 = 80;

/// One row: who, and what of them was matched.
#[derive(Clone, PartialEq)]
struct Row {
    id: RecordId,
    hit: Option<Hit>,
}

/// The rows of the list, made one by one as they come into sight.
#[derive(Clone, PartialEq)]
enum Rows {
    Everyone(Arc<[RecordId]>),
    Found(Vec<Hit>),
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Self::Everyone(ids) => ids.len(),
            Self::Found(hits) => hits.len(),
        }
    }

    fn get(&self, index: usize) -> Option<Row> {
        match self {
            Self::Everyone(ids) => ids.get(index).map(|id| Row { id: *id, hit: None }),
            Self::Found(hits) => hits.get(index).map(|hit| Row { id: hit.record, hit: Some(hit.clone()) }),
        }
    }

    fn position(&self, person: RecordId) -> Option<usize> {
        match self {
            Self::Everyone(ids) => ids.iter().position(|id| *id == person),
            Self::Found(hits) => hits.iter().position(|hit| hit.record == person),
        }
    }
}

#[component]
pub fn PeopleHome() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let typed = RwSignal::new(String::new());
    let choices = roster.sees_whose();
    let whose = RwSignal::new(choices[0]);
    let chosen = Memo::new(move |_| route.part(1).and_then(|id| id.parse::<RecordId>().ok()));
    let sees_venue = roster.sees_venue();
    let found = Memo::new(move |_| {
        let typed = typed.get();
        if typed.trim().is_empty() {
            let ids = roster.people(whose.get());
            let total = ids.len();
            return (Rows::Everyone(ids), total);
        }
        // Whoever types looks for somebody, wherever that is.
        let whose = if whose.get() == Whose::Mine && !sees_venue { Whose::Everyone } else { whose.get() };
        let found = roster.search(&typed, whose, HITS_MAX);
        (Rows::Found(found.hits), found.total)
    });
    let count = Signal::derive(move || found.with(|(rows, _)| rows.len()));
    let open = { Callback::new(move |id: RecordId| route.go(&format!("/people/{id}"))) };
    let row = Callback::new(move |index: usize| view! { <PersonRow rows=found index typed chosen open/> });
    let to_new = Callback::new(move |()| route.go("/people/new"));
    let told = move || {
        let total = roster.people(whose.get()).len();
        let found_words =
            (!typed.get().trim().is_empty()).then(|| w.get().people_found(found.with(|(_, total)| *total)));
        found_words.into_iter().chain([w.get().people_all(total)]).collect::<Vec<_>>()
    };
    let tabs = Signal::derive({
        let choices = choices.clone();
        move || choices.iter().map(|whose| Tab::new(key_of(*whose), whose_word(w.get(), *whose))).collect::<Vec<_>>()
    });
    let choose = Callback::new(move |key: String| {
        if let Some(chosen) = roster.sees_whose().into_iter().find(|whose| key_of(*whose) == key) {
            whose.set(chosen);
        }
    });
    let nothing = move || {
        (count.get() == 0).then(|| {
            let searching = !typed.get().trim().is_empty();
            let is_pool = move || whose.get() == Whose::Free;
            let title = move || match searching {
                true => w.get().people_not_found(typed.get().trim()),
                false if is_pool() => w.get().people_pool_none().to_owned(),
                false => w.get().people_none().to_owned(),
            };
            let text = move || match searching {
                true => w.get().people_not_found_text().to_owned(),
                false if is_pool() => w.get().people_pool_none_text().to_owned(),
                false => w.get().people_none_text().to_owned(),
            };
            view! {
                <EmptyState icon=Icon::People title text>
                    <Button label=t!(w, people_new) icon=Icon::Plus kind=ButtonKind::Quiet on_press=to_new/>
                </EmptyState>
            }
        })
    };
    let present = Signal::derive(move || {
        let chosen = chosen.get()?;
        found.with(|(rows, _)| rows.position(chosen))
    });
    let list = view! {
        <header class="people__head">
            <h1 class="people__title" tabindex="-1">{t!(w, place_people)}</h1>
            <span class="people__pill"><Pill/></span>
            <Button label=t!(w, people_new) icon=Icon::Plus kind=ButtonKind::Primary on_press=to_new/>
        </header>
        <div class="people__search">
            <SearchField
                label=t!(w, people_search)
                placeholder=t!(w, people_search)
                value=typed
                on_input=move |text| typed.set(text)
                clear_label=t!(w, clear)
            />
            <div class="people__told">
                <span class="note" role="status">{move || view! { <Facts items=told()/> }}</span>
                {(choices.len() > 1)
                    .then(|| {
                        view! {
                            <Tabs
                                label=t!(w, people_whose)
                                items=tabs
                                chosen=move || key_of(whose.get()).to_owned()
                                on_choose=choose
                            />
                        }
                    })}
            </div>
        </div>
        <div class="people__rows">
            {nothing}
            <VirtualList
                count
                row_px=ROW_PX
                label=t!(w, place_people)
                row
                about=move || format!("{}\u{0}{}", typed.get(), key_of(whose.get()))
                present
            />
        </div>
    };
    let detail = move || match chosen.get() {
        Some(id) => view! { <PersonBrief id/> },
        None => view! {
            <div class="people__nobody">
                <Pill/>
                <EmptyState icon=Icon::People title=t!(w, people_choose) text=t!(w, people_keys)/>
            </div>
        },
    };
    view! {
        <ListDetail
            list=slot(list)
            detail=slot(detail)
            detail_shown=Signal::derive(move || chosen.get().is_some())
            detail_label=t!(w, person_facts)
        />
    }
}

fn key_of(whose: Whose) -> &'static str {
    match whose {
        Whose::Everyone => "everyone",
        Whose::Mine => "mine",
        Whose::Free => "free",
    }
}

fn whose_word(words: Words, whose: Whose) -> &'static str {
    match whose {
        Whose::Everyone => words.people_everyone(),
        Whose::Mine => words.people_mine(),
        Whose::Free => words.people_pool(),
    }
}

#[component]
fn PersonRow(
    rows: Memo<(Rows, usize)>,
    index: usize,
    typed: RwSignal<String>,
    chosen: Memo<Option<RecordId>>,
    open: Callback<RecordId>,
) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let row = Memo::new(move |_| rows.with(|(rows, _)| rows.get(index)));
    move || {
        let Row { id, hit } = row.get()?;
        let person = roster.record(id)?;
        let name = name_of(w.get(), &person);
        let phone = typed.with(|typed| phone_of(roster, w.get(), &person, typed));
        let second = [Some(phone), stage_of(w.get(), &person).map(str::to_owned)];
        let reading = hit.map(|hit| marked_reading(&person, &hit.pinyin));
        let beside = reading.filter(|parts| parts.iter().any(|(_, marked)| *marked));
        let end = roster
            .is_unsent(id)
            .then(|| slot(view! { <Tag tone=Tone::Unsent icon=Icon::Unsent text=t!(w, person_waiting)/> }));
        let face = slot(view! { <Face look=Look::letter_of(&name)/> });
        let selected = Signal::derive(move || chosen.get() == Some(id));
        let second: Vec<String> = second.into_iter().flatten().collect();
        let second = slot(view! { <Facts items=second/> });
        let on_open = Callback::new(move |()| open.run(id));
        let beside = slot(beside.map(|parts| view! { <Marked parts unheard=true/> }));
        let end = slot(end);
        Some(view! { <ListRow title=name beside second face end selected on_open/> })
    }
}

/// The reading of a name with the letters that were typed marked: **zh**āng **s**hùn **l**ì. Whoever typed another reading
/// of a character sees that one.
fn marked_reading(person: &Record, spans: &[PinyinSpan]) -> Vec<(String, bool)> {
    let spans: BTreeMap<usize, &PinyinSpan> = spans.iter().map(|span| (span.character, span)).collect();
    let readings = pinyin::readings(person.text("name").unwrap_or_default());
    let mut parts = Vec::new();
    for (place, syllable) in readings.into_iter().enumerate() {
        let Some(syllable) = syllable else { continue };
        let span = spans.get(&place);
        let marked = span.and_then(|span| span.other).unwrap_or(syllable).marked();
        let typed = span.map_or(0, |span| span.letters);
        let cut = marked.char_indices().nth(typed).map_or(marked.len(), |(at, _)| at);
        let (before, after) = marked.split_at(cut);
        parts.push((before.to_owned(), true));
        parts.push((format!("{after} "), false));
    }
    parts.retain(|(text, _)| !text.is_empty());
    parts
}

/// Who was chosen, in one glance: who, until when, what next.
#[component]
fn PersonBrief(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let back = { Callback::new(move |()| route.go("/people")) };
    let go = Callback::new(move |path: String| route.go(&path));
    let person = Memo::new(move |_| roster.record(id).map(Known));
    let handed_on =
        Memo::new(move |_| person.with(|person| person.as_ref().and_then(|person| roster.handed_on(&person.0))));
    let head = move || match person.get() {
        Some(Known(person)) => {
            let name = name_of(w.get(), &person);
            let facts = [salutation_of(roster, w.get(), &person), Some(phone_of(roster, w.get(), &person, ""))];
            let facts: Vec<String> = facts.into_iter().flatten().collect();
            view! {
                <div class="brief__who">
                    <Face look=Look::letter_of(&name) size=FaceSize::Detail/>
                    <div>
                        <h1 class="brief__name">{name}</h1>
                        <p class="brief__second"><Facts items=facts/></p>
                    </div>
                </div>
                <p class="brief__tags">
                    {stage_of(w.get(), &person).map(|stage| view! { <Tag tone=Tone::Pine text=stage/> })}
                    <OwnerTag id/>
                    {person
                        .is("do_not_contact")
                        .then(|| view! { <Tag tone=Tone::Late icon=Icon::Warn text=t!(w, person_do_not_contact)/> })}
                    {roster
                        .is_unsent(id)
                        .then(|| view! { <Tag tone=Tone::Unsent icon=Icon::Unsent text=t!(w, person_waiting)/> })}
                </p>
            }
        }
        None => {
            view! { <EmptyState icon=Icon::People title=t!(w, person_gone) text=t!(w, person_gone_text)/> }
        }
    };
    view! {
        <div class="brief">
            <div class="brief__top">
                <span class="brief__back"><IconButton icon=Icon::Back label=t!(w, back) on_press=back/></span>
                <Pill/>
            </div>
            {move || handed_on.get().map(|owner| view! { <HandedOn owner/> })}
            {shown(move || handed_on.get().is_none(), move || view! {
                {head}
                <Actions id go/>
                <PersonFacts id/>
                <SamePhone id/>
                <div class="brief__foot">
                    <Button
                        label=t!(w, person_open)
                        icon_end=Icon::Forward
                        kind=ButtonKind::Text
                        wide=true
                        on_press=move |()| go.run(format!("/people/{id}/file"))
                    />
                </div>
            })}
        </div>
    }
}

/// A record compares by what is written of it.
#[derive(Clone)]
pub struct Known(pub Record);

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        yingke_core::codec::record_bytes(&self.0) == yingke_core::codec::record_bytes(&other.0)
    }
}

/// What is done with a person most often.
#[component]
pub fn Actions(id: RecordId, go: Callback<String>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let kept = KeptBack::of(id);
    let seen = Memo::new(move |_| roster.record(id).map(|person| roster.phone_view(&person)));
    let is_whole = move || seen.get() == Some(PhoneView::Whole);
    // Whoever wants to call a guest who is nobody's takes them first.
    let to_claim = Memo::new(move |_| roster.may_claim(id));
    let may_call = Memo::new(move |_| {
        let is_called = |person: &Record| person.text("phone").is_some() && !person.is("do_not_contact");
        is_whole() && !to_claim.get() && roster.record(id).is_some_and(|person| is_called(&person))
    });
    view! {
        <div class="brief__actions">
            <Claim id/>
            {shown(
                move || may_call.get(),
                move || view! {
                    <a class="button button--link" data-kind="primary" href=format!("/people/{id}/call")>
                        <Glyph icon=Icon::Calls/>
                        {t!(w, person_call)}
                    </a>
                },
            )}
            {shown(
                move || seen.get() == Some(PhoneView::Asked) && !to_claim.get(),
                move || view! {
                    <Button
                        label=t!(w, phone_show)
                        icon=Icon::Lock
                        kind=ButtonKind::Quiet
                        on_press=move |()| kept.ask_phone(w.get_untracked())
                    />
                },
            )}
            <Button
                label=t!(w, person_visit)
                icon=Icon::Reception
                kind=ButtonKind::Quiet
                size=ButtonSize::Desk
                on_press=move |()| go.run(format!("/reception/visit?person={id}"))
            />
            {shown(
                is_whole,
                move || view! {
                    <Button
                        label=t!(w, person_edit)
                        icon=Icon::Edit
                        kind=ButtonKind::Quiet
                        on_press=move |()| go.run(format!("/people/{id}/edit"))
                    />
                },
            )}
        </div>
        <AskPurpose kept/>
    }
}

/// What is known of a person, one fact a row; what nobody said is left out.
#[component]
pub fn PersonFacts(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let facts = move || {
        let Some(person) = roster.record(id) else { return Vec::new() };
        let words = w.get();
        let offset = roster.utc_offset_minutes();
        let moment = |at| format::moment(words, at, roster.minute(), offset);
        let at = |key: &str| person.get(key).and_then(|value| value.as_at());
        let staff = |key: &str| person.text(key).map(|id| roster.staff_name(id)).filter(|name| !name.is_empty());
        let owner = match lead::keeper(&person) {
            Some(NOBODY) => Some(words.person_owner_none().to_owned()),
            owner => owner.map(|owner| roster.staff_name(&owner.to_string())).filter(|name| !name.is_empty()),
        };
        let pack = roster.pack();
        let code = |list: &str, key: &str| person.text(key).map(|code| pack.word(list, code, words.0).to_owned());
        let likes = likes_of(roster, words, &person);
        let last = roster.ask(&["visit", "interaction", "consultation"], |replica| replica.last_activity(id));
        let captured = at("captured_at").map(|at| match staff("captured_by") {
            Some(who) => words.person_by(who, moment(at)),
            None => moment(at),
        });
        [
            (words.person_owner(), owner),
            (words.person_next(), at("next_contact_at").map(moment)),
            (words.person_last(), last.map(moment)),
            (words.person_likes(), Some(likes).filter(|likes| !likes.is_empty())),
            (words.person_intent(), code("intent_level", "intent")),
            (words.person_source(), code("lead_source", "source")),
            (
                words.person_birthday(),
                person.get("birth_date").and_then(|value| value.as_day()).map(|day| day.to_string()),
            ),
            (words.person_captured(), captured),
            (words.person_note(), person.text("note").map(str::to_owned)),
        ]
        .into_iter()
        .filter_map(|(label, value)| Some((label, value?)))
        .collect::<Vec<_>>()
    };
    view! {
        <dl class="fact-list">
            {move || {
                facts()
                    .into_iter()
                    .map(|(label, value)| view! { <FactRow label>{value}</FactRow> })
                    .collect::<View>()
            }}
        </dl>
    }
}

/// The reading beside a name; silent for screen readers.
#[component]
pub fn Reading(id: RecordId) -> impl IntoView {
    let roster = use_roster();
    view! {
        <span class="reading" aria-hidden="true">
            {move || roster.record(id).map(|person| reading_of(&person))}
        </span>
    }
}
