//! Desk work: every kind of thing that is under way, how many of each are open, and the list of one kind.

use yingke_core::{pinyin, record::Record};

use super::{GROUPS, beginning_forms, icon_of, kind_of_key, kind_word, open_of, standing, tone_of};
use crate::{
    format,
    roster::{Roster, use_roster},
    route::use_route,
    screens::{
        record_title::{parts_of, title_of},
        shell::Pill,
    },
    t,
    ui::{
        Button, ButtonKind, EmptyState, Facts, Ground, Icon, ListDetail, ListRow, PageHeader, SearchField, Section,
        Tab, Tabs, Tag, Tone, slot,
    },
    view::prelude::*,
    words::{Words, use_words},
};

/// Rows at first, and how many a press adds.
const ROWS: usize = 30;

#[component]
pub fn WorkHome() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let chosen = Memo::new(move |_| route.part(1).and_then(|kind| kind_of_key(&kind)));
    let typed = RwSignal::new(String::new());
    let groups = move || {
        GROUPS
        .iter()
        .filter_map(|group| {
            let is_wanted = |kind: &&'static str| is_here(roster, kind) && typed.with(|typed| is_found(roster, w.get(), typed, kind));
            let kinds: Vec<&'static str> = group.kinds.iter().copied().filter(is_wanted).collect();
            (!kinds.is_empty()).then_some((group, kinds))
        })
        .map(|(group, kinds)| {
            let rows: View = kinds.into_iter().map(|kind| view! { <KindRow kind chosen/> }).collect();
            let numbers = kinds_of_house(group).then(|| {
                let open = Callback::new(move |()| route.go("/desk/parameters"));
                view! { <div role="listitem"><ListRow title=t!(w, parameters_title) on_open=open/></div> }
            });
            let courts = group.kinds.contains(&"booking").then(|| {
                let open = Callback::new(move |()| route.go("/desk/courts"));
                view! { <div role="listitem"><ListRow title=t!(w, courts_title) on_open=open/></div> }
            });
            let title = group.title;
            view! { <Section title=move || title(w.get()) list=true ruled=false>{courts} {rows} {numbers}</Section> }
        })
        .collect::<View>()
    };
    let nothing = move || {
        let all = GROUPS.iter().flat_map(|group| group.kinds).copied().filter(|kind| is_here(roster, kind));
        typed.with(|typed| !all.into_iter().any(|kind| is_found(roster, w.get(), typed, kind)))
    };
    let list = view! {
        <PageHeader title=t!(w, place_work)>
            <span class="people__pill"><Pill/></span>
        </PageHeader>
        <div class="people__search">
            <SearchField
                label=t!(w, work_search)
                placeholder=t!(w, work_search)
                value=typed
                on_input=move |text| typed.set(text)
                clear_label=t!(w, clear)
            />
        </div>
        <div class="papers__groups">
            {groups}
            {shown(
                nothing,
                move || view! { <p class="note papers__nothing">{move || typed.with(|typed| w.get().work_not_found(typed.trim()))}</p> },
            )}
        </div>
    };
    let detail = move || match chosen.get() {
        Some(kind) => untrack(|| view! { <KindList kind/> }),
        None => view! {
            <div class="people__nobody">
                <Pill/>
                <EmptyState icon=Icon::Note title=t!(w, work_choose_title) text=t!(w, work_choose_text)/>
            </div>
        },
    };
    let detail_shown = Signal::derive(move || chosen.get().is_some());
    let detail_label = move || chosen.get().map(|kind| kind_word(roster, w.get(), kind)).unwrap_or_default();
    view! { <ListDetail list=slot(list) detail=slot(detail) detail_shown detail_label/> }
}

/// Whether a group holds what the house itself has: its numbers stand there too.
fn kinds_of_house(group: &super::Group) -> bool {
    group.kinds.contains(&"product")
}

/// Whether a kind of work is meant by what was typed: it, or one of its forms.
fn is_found(roster: Roster, words: Words, typed: &str, kind: &'static str) -> bool {
    let forms = beginning_forms(roster, kind).into_iter().map(|form| form.title.in_language(words.0).to_owned());
    forms.chain([kind_word(roster, words, kind)]).any(|title| pinyin::finds(typed, &title))
}

/// Whether the venue's pack has this kind, and somebody of my post sees it.
fn is_here(roster: Roster, kind: &str) -> bool {
    let in_pack = roster.pack().forms.iter().any(|form| &*form.record == kind);
    in_pack && roster.sees_kind(kind)
}

#[component]
fn KindRow(kind: &'static str, chosen: Memo<Option<&'static str>>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let has_machine = roster.work().machines_of(kind).next().is_some();
    let count = Memo::new(move |_| if has_machine { open_of(roster, kind).len() } else { roster.of_kind(kind).len() });
    let end = slot(move || {
        (count.get() > 0).then(|| view! { <span class="papers__count">{move || count.get().to_string()}</span> })
    });
    let open = Callback::new(move |()| route.go(&format!("/desk/{kind}")));
    let selected = Signal::derive(move || chosen.get() == Some(kind));
    view! {
        <div role="listitem">
            <ListRow title=move || kind_word(roster, w.get(), kind) end selected on_open=open/>
        </div>
    }
}

/// The records of one kind, newest first; those that are open, or all.
#[component]
fn KindList(kind: &'static str) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let has_machine = roster.work().machines_of(kind).next().is_some();
    let tab = RwSignal::new(if has_machine { "open" } else { "all" }.to_owned());
    let shown_rows = RwSignal::new(ROWS);
    let records = Memo::new(move |_| {
        if tab.get() == "open" {
            open_of(roster, kind)
        } else {
            roster.of_kind(kind).iter().map(|record| record.id).collect::<Vec<_>>()
        }
    });
    let tabs = Signal::derive(move || vec![Tab::new("open", w.get().work_open()), Tab::new("all", w.get().work_all())]);
    let choose = move |key: String| {
        shown_rows.set(ROWS);
        tab.set(key);
    };
    let forms = beginning_forms(roster, kind);
    let several = forms.len() > 1;
    let buttons = forms
        .into_iter()
        .enumerate()
        .map(|(place, form)| {
            let label = move || {
                let title = form.title.in_language(w.get().0);
                if several { title.to_owned() } else { w.get().paper_new(title) }
            };
            let open = Callback::new(move |()| route.go(&format!("/form/{}", form.id)));
            let kind = if place == 0 { ButtonKind::Primary } else { ButtonKind::Quiet };
            view! { <Button label icon=Icon::Plus kind on_press=open/> }
        })
        .collect::<View>();
    let rows = move || {
        let ids = records.get();
        if ids.is_empty() {
            return if tab.get() == "open" && !roster.of_kind(kind).is_empty() {
                view! { <EmptyState icon=Icon::Tick title=t!(w, work_none_open_title) text=t!(w, work_none_open_text)/> }
            } else {
                view! { <EmptyState icon=icon_of(kind) title=t!(w, work_none_title) text=t!(w, work_none_text)/> }
            };
        }
        let more = ids.len().saturating_sub(shown_rows.get());
        let rows: View = ids.into_iter().take(shown_rows.get()).map(|id| view! { <PaperRow id/> }).collect();
        view! {
            <div role="list" class="papers__rows" aria-label=move || kind_word(roster, w.get(), kind)>{rows}</div>
            {(more > 0).then(|| view! {
                <Button
                    label=move || w.get().work_more(more.min(ROWS))
                    kind=ButtonKind::Text
                    icon=Icon::Down
                    on_press=move |()| shown_rows.update(|shown| *shown += ROWS)
                />
            })}
        }
    };
    let back = Callback::new(move |()| route.go("/desk"));
    view! {
        <div class="papers__kind">
            <header class="papers__head">
                <span class="papers__back">
                    <crate::ui::IconButton icon=Icon::Back label=t!(w, back) on_press=back/>
                </span>
                <h1 class="papers__title" tabindex="-1">{move || kind_word(roster, w.get(), kind)}</h1>
                <Pill/>
                <div class="papers__do">{buttons}</div>
            </header>
            {has_machine.then(|| view! { <Tabs label=move || kind_word(roster, w.get(), kind) items=tabs chosen=tab on_choose=choose/> })}
            {rows}
        </div>
    }
}

/// One record as a row: whom or what it is about, how it stands, since when.
#[component]
pub fn PaperRow(id: yingke_core::id::RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    move || {
        let record = roster.record(id)?;
        let title = title_of(roster, w.get(), &record);
        let second = slot(view! { <Facts items=second_line(roster, &record, w)/> });
        let end = standing(roster, &record).map(|(_, state)| {
            slot(view! { <Tag tone=tone_of(state) text=state.label.in_language(w.get().0).to_owned()/> })
        });
        let face = slot(view! { <Ground icon=icon_of(record.kind().as_str()) tone=Tone::Plain/> });
        let open = Callback::new(move |()| route.go(&format!("/record/{id}")));
        let row = match end {
            Some(end) => view! { <ListRow title second face end on_open=open/> },
            None => view! { <ListRow title second face on_open=open/> },
        };
        Some(view! { <div role="listitem">{row}</div> })
    }
}

/// What stands under the title: what it is and when it was begun.
fn second_line(roster: Roster, record: &Record, w: Signal<crate::words::Words>) -> Vec<String> {
    let words = w.get();
    let begun = record.begun().stamp.millis();
    let when = format::moment(words, begun, roster.minute(), roster.utc_offset_minutes());
    let mut parts = parts_of(roster, words, record);
    if parts.is_empty() {
        parts.push(when);
    }
    parts
}
