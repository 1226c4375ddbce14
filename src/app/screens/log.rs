//! The audit log, for those who read it: plain sentences, newest first, by what, by whom, about whom and when.

use yingke_core::{
    audit::{Deed, Entry},
    id::{ENDPOINT_DEVICE, RecordId},
    lead::NOBODY,
    paper::field_of,
    time::Day,
};

use super::{
    kept_back::purpose_word,
    papers::kind_word,
    record_title::{address_of, title_of},
    shell::Pill,
};
use crate::{
    format,
    roster::{Roster, use_roster},
    route::use_route,
    t,
    ui::{
        Button, ButtonKind, DateField, EmptyState, Facts, Ground, Icon, ListRow, PageHeader, SearchField, Tab, Tabs,
        Tag, Tone, slot,
    },
    view::prelude::*,
    words::{Words, use_words},
};

/// Lines at first, and with each press on more.
const LINES: usize = 50;
const ALL: &str = "all";

#[component]
pub fn LogHome() -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let deed = RwSignal::new(ALL.to_owned());
    let typed = RwSignal::new(String::new());
    let days = [RwSignal::new(String::new()), RwSignal::new(String::new())];
    let limit = RwSignal::new(LINES);
    let tabs = Signal::derive(move || {
        let of = |deed: Deed| Tab::new(deed.key(), deed_word(w.get(), deed));
        [Tab::new(ALL, w.get().tab_all())].into_iter().chain(Deed::ALL.map(of)).collect::<Vec<_>>()
    });
    let found = Memo::new(move |_| {
        let (deed, typed) = (Deed::from_key(&deed.get()), typed.get().trim().to_lowercase());
        let [first, last] = days.map(|day| Day::parse(&day.get()));
        let offset = roster.utc_offset_minutes();
        let is_wanted = move |entry: &Entry| {
            let day = entry.at.day(offset);
            deed.is_none_or(|deed| deed == entry.deed)
                && first.is_none_or(|first| day >= first)
                && last.is_none_or(|last| day <= last)
                && (typed.is_empty() || is_about(roster, entry, &typed))
        };
        roster.log(is_wanted, limit.get())
    });
    let rows = move || {
        let (entries, more) = found.get();
        if entries.is_empty() {
            return view! { <EmptyState icon=Icon::Lock title=t!(w, log_none) text=t!(w, log_none_text)/> };
        }
        let rows: View = entries.into_iter().map(|entry| view! { <Line entry/> }).collect();
        let more = more.then(|| {
            let more = Callback::new(move |()| limit.update(|limit| *limit += LINES));
            view! { <Button label=t!(w, log_more) icon=Icon::Down kind=ButtonKind::Text on_press=more/> }
        });
        view! { <div role="list" aria-label=t!(w, log_title)>{rows}</div> {more} }
    };
    let back = Callback::new(move |()| route.go("/more"));
    if !roster.reads_log() {
        back.run(());
        return View::Nothing;
    }
    let [from, until] = days;
    view! {
        <PageHeader title=t!(w, log_title) on_back=back back_label=t!(w, back)>
            <Pill/>
        </PageHeader>
        <div class="page page--reading log">
            <Tabs label=t!(w, log_kinds) items=tabs chosen=deed on_choose=move |key| deed.set(key)/>
            <SearchField
                label=t!(w, log_search)
                placeholder=t!(w, log_search)
                value=typed
                on_input=move |text| typed.set(text)
                clear_label=t!(w, clear)
            />
            <div class="two-up">
                <DateField label=t!(w, log_from) value=from on_input=move |day| from.set(day) max=until/>
                <DateField label=t!(w, log_until) value=until on_input=move |day| until.set(day) min=from/>
            </div>
            {rows}
        </div>
    }
}

#[component]
fn Line(entry: Entry) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let (deed, is_doubtful, id) = (entry.deed, entry.is_doubtful, entry.id);
    let entry = StoredValue::new(entry);
    let sentence = move || entry.with_value(|entry| sentence(roster, w.get(), entry));
    let second = Signal::derive(move || entry.with_value(|entry| second(roster, w.get(), entry)));
    let face = slot(view! { <Ground icon=icon_of(deed)/> });
    let end = slot(move || {
        if is_doubtful {
            Some(view! { <Tag tone=Tone::Conflict icon=Icon::Conflict text=t!(w, log_doubtful)/> })
        } else if roster.is_unsent(id) {
            Some(view! { <Tag tone=Tone::Unsent icon=Icon::Unsent text=t!(w, person_waiting)/> })
        } else {
            None
        }
    });
    let second = slot(view! { <Facts items=second/> });
    let row = match entry.with_value(|entry| untrack(|| address(roster, entry))) {
        Some(address) => {
            let open = Callback::new(move |()| route.go(&address));
            view! { <ListRow title=sentence second face end on_open=open/> }
        }
        None => view! { <ListRow title=sentence second face end/> },
    };
    view! { <div role="listitem">{row}</div> }
}

/// Where what an entry is about is to be seen, if this tablet has it and I may.
fn address(roster: Roster, entry: &Entry) -> Option<String> {
    let record = roster.record(entry.of?).filter(|record| roster.may_see(record))?;
    Some(address_of(&record))
}

/// Whether a colleague or a customer in an entry is called so.
fn is_about(roster: Roster, entry: &Entry, typed: &str) -> bool {
    let is_called = |name: &str| name.to_lowercase().contains(typed);
    let others = [&entry.owners[0], &entry.owners[1], &entry.approver].into_iter().flatten();
    let mut staff = [&entry.by].into_iter().chain(others);
    staff.any(|staff| is_called(&roster.staff_name(staff)))
        || entry.person.is_some_and(|id| name_of(roster, id).is_some_and(|name| is_called(&name)))
}

fn name_of(roster: Roster, person: RecordId) -> Option<String> {
    roster.record(person)?.text("name").map(str::to_owned)
}

/// What happened, in one sentence.
fn sentence(roster: Roster, words: Words, entry: &Entry) -> String {
    let who = match entry.by.parse() {
        Ok(NOBODY) => words.log_house().to_owned(),
        _ => roster.staff_name(&entry.by),
    };
    let whom = || entry.person.and_then(|id| name_of(roster, id)).unwrap_or_else(|| words.log_somebody().to_owned());
    let kind = entry.of_kind.as_deref().unwrap_or_default();
    match entry.deed {
        Deed::SawNumber => {
            let field = field_of(roster.pack(), kind, &entry.what);
            let what = field.map_or(&*entry.what, |field| field.label.in_language(words.0));
            words.log_saw_number(who, whom(), what)
        }
        Deed::SawPhone => words.log_saw_phone(who, whom()),
        Deed::SawHealth => words.log_saw_health(who, whom()),
        Deed::Decided => {
            let step = roster.work().machines_of(kind).find_map(|machine| machine.step(&entry.what));
            let step = step.map_or(&*entry.what, |step| step.label.in_language(words.0));
            let paper = kind_word(roster, words, kind);
            if entry.person.is_some() {
                return words.log_decided(who, paper, whom(), step);
            }
            let title = entry.of.and_then(|id| roster.record(id)).map(|paper| title_of(roster, words, &paper));
            match title.filter(|title| *title != paper) {
                Some(title) => words.log_decided(who, paper, title, step),
                None => words.log_decided_paper(who, paper, step),
            }
        }
        Deed::ChangedOwner => {
            let name = |id: &str| match id.parse() {
                Ok(NOBODY) => words.people_pool().to_owned(),
                _ => roster.staff_name(id),
            };
            let [before, after] = entry.owners.each_ref().map(|staff| staff.as_deref().map(name));
            let after = after.unwrap_or_default();
            match before {
                Some(before) => words.log_changed_owner(who, whom(), before, after),
                None => words.log_gave_owner(who, whom(), after),
            }
        }
        Deed::Exported => match &entry.approver {
            Some(approver) => words.log_exported_approved(who, &*entry.what, roster.staff_name(approver)),
            None => words.log_exported(who, &*entry.what),
        },
    }
}

/// When, what for, on which tablet.
fn second(roster: Roster, words: Words, entry: &Entry) -> Vec<String> {
    let (offset, today) = (roster.utc_offset_minutes(), roster.today());
    let day = format::day(words, entry.at.day(offset), today);
    let reason = match entry.deed {
        Deed::ChangedOwner => owner_reason(words, &entry.reason),
        _ => purpose_word(words, &entry.reason),
    };
    let reason = (!reason.is_empty()).then(|| words.log_reason(reason));
    let tablet = (entry.device != ENDPOINT_DEVICE).then(|| words.log_tablet(entry.device.0));
    [Some(format!("{day} {}", format::clock(entry.at, offset))), reason, tablet].into_iter().flatten().collect()
}

/// The ground of a ruling in words; what somebody wrote stands as it is.
fn owner_reason(words: Words, reason: &str) -> &str {
    match reason {
        "captured_first" => words.log_captured_first(),
        "same_moment" => words.log_same_moment(),
        "handed_over" => words.log_handed_over(),
        "let_go" => words.log_let_go(),
        "claimed" => words.log_claimed(),
        "lapsed" => words.log_lapsed(),
        "taken_back" => words.log_taken_back(),
        other => other,
    }
}

fn icon_of(deed: Deed) -> Icon {
    match deed {
        Deed::SawNumber => Icon::Key,
        Deed::SawPhone => Icon::Calls,
        Deed::SawHealth => Icon::Care,
        Deed::Decided => Icon::Tick,
        Deed::ChangedOwner => Icon::People,
        Deed::Exported => Icon::Export,
    }
}

/// What kind of line it is.
#[must_use]
pub fn deed_word(words: Words, deed: Deed) -> &'static str {
    match deed {
        Deed::SawNumber => words.log_numbers(),
        Deed::SawPhone => words.log_phones(),
        Deed::SawHealth => words.log_health(),
        Deed::Decided => words.log_decisions(),
        Deed::ChangedOwner => words.log_owners(),
        Deed::Exported => words.log_exports(),
    }
}
