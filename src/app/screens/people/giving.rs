//! A guest changes hands: to a colleague, into the venue's pool, or out of it.

use leptos::task::spawn_local;
use yingke_core::{
    id::{RecordId, StaffId},
    lead::{self, NOBODY, protection::WARNED_DAYS},
    time::Day,
    wire::v1::Staff,
};

use super::name_of;
use crate::{
    format,
    roster::{Roster, use_roster},
    screens::form::save_failed,
    t,
    ui::{
        Button, ButtonKind, Due, EmptyState, Face, Ground, Icon, ListRow, Look, Sheet, Tag, Toast, Toaster, Tone, slot,
    },
    view::prelude::*,
    words::{Words, use_words},
};

/// Beside the owner: who leads gives the guest to a colleague, whose they are lets go of them.
#[component]
pub fn GiveButton(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let open = RwSignal::new(false);
    let leads = roster.gives_guests();
    let lets_go = Memo::new(move |_| !leads && roster.may_give(id, NOBODY));
    let press = Callback::new(move |()| open.set(true));
    let let_go = Callback::new(move |()| give(roster, w, toaster, vec![id], NOBODY, None));
    let close = Callback::new(move |()| open.set(false));
    view! {
        {leads.then(|| view! { <Button label=t!(w, give_to) kind=ButtonKind::Text on_press=press/> })}
        {shown(
            move || lets_go.get(),
            move || view! { <Button label=t!(w, give_pool) kind=ButtonKind::Text on_press=let_go/> },
        )}
        {shown(move || open.get(), move || view! { <GiveSheet people=vec![id] on_close=close/> })}
    }
}

/// A guest in the pool is taken from there with one press.
#[component]
pub fn Claim(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let me = roster.me_now().map_or(NOBODY, |me| me.id);
    let may = Memo::new(move |_| roster.may_claim(id));
    let claim = Callback::new(move |()| give(roster, w, toaster, vec![id], me, None));
    shown(
        move || may.get(),
        move || view! { <Button label=t!(w, give_claim) icon=Icon::Plus kind=ButtonKind::Primary on_press=claim/> },
    )
}

/// That a guest is nobody's, or until when they stay whose they are.
#[component]
pub fn OwnerTag(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    move || {
        let person = roster.record(id)?;
        if lead::is_free(&person) {
            return Some(view! { <Tag tone=Tone::Unsent text=t!(w, people_pool)/> });
        }
        let Due { text, tone } = protected(roster, w.get(), roster.protected_until(&person)?);
        Some(view! { <Tag tone text/> })
    }
}

/// Until when a guest stays whose they are, and whether that is soon.
pub fn protected(roster: Roster, words: Words, until: Day) -> Due {
    let today = roster.today();
    let is_soon = until.number() <= today.number() + WARNED_DAYS;
    let tone = if is_soon { Tone::Unsent } else { Tone::Plain };
    Due { text: words.people_protected(format::day(words, until, today)), tone }
}

/// Instead of a guest whom a colleague has now.
#[component]
pub fn HandedOn(owner: StaffId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let name = move || roster.staff_name(&owner.to_string());
    view! {
        <EmptyState
            icon=Icon::People
            title=move || w.get().give_handed_on(name())
            text=move || w.get().give_handed_on_text(name())
        />
    }
}

/// To whom: colleagues who keep guests, each with how many they have, and the pool.
#[component]
pub fn GiveSheet(people: Vec<RecordId>, on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let owners: Vec<Option<StaffId>> = untrack(|| people.iter().map(|id| lead::keeper(&roster.record(*id)?)).collect());
    let now = owners.first().copied().flatten().filter(|owner| owners.iter().all(|other| *other == Some(*owner)));
    let who = match *people {
        [one] => Some(one),
        _ => None,
    };
    let count = people.len();
    let people = StoredValue::new(people);
    let choose = move |to: StaffId| {
        give(roster, w, toaster, people.get_value(), to, Some(on_close));
    };
    let row = move |staff: Staff| {
        let id = staff.id;
        let second = slot(move || w.get().give_guests(roster.count_of_guests(id)));
        let face = slot(view! { <Face look=Look::head_of(&id.to_string())/> });
        let press = Callback::new(move |()| choose(id));
        view! { <div role="listitem"><ListRow title=staff.name second face on_open=press/></div> }
    };
    let colleagues = move || {
        let others = roster.keepers().into_iter().filter(|staff| Some(staff.id) != now);
        others.map(row).collect::<Vec<View>>()
    };
    let none = move || colleagues().is_empty().then(|| view! { <p class="note">{t!(w, give_nobody)}</p> });
    let pool = (now != Some(NOBODY)).then(|| {
        let second = slot(t!(w, give_pool_text));
        let face = slot(view! { <Ground icon=Icon::People/> });
        let press = Callback::new(move |()| choose(NOBODY));
        view! { <div role="listitem"><ListRow title=t!(w, give_pool) second face on_open=press/></div> }
    });
    let whom = move || match who.and_then(|id| roster.record(id)) {
        Some(person) => w.get().give_waits(name_of(w.get(), &person)),
        None => w.get().give_waits_many(count),
    };
    view! {
        <Sheet title=t!(w, give_title) second=whom close_label=t!(w, close) on_close>
            <div role="list" aria-label=t!(w, give_title)>
                {colleagues}
                {pool}
            </div>
            {none}
        </Sheet>
    }
}

/// Gives them, says so, and offers to take it back.
fn give(
    roster: Roster,
    w: Signal<Words>,
    toaster: Toaster,
    people: Vec<RecordId>,
    to: StaffId,
    then: Option<Callback<()>>,
) {
    let is_mine = roster.me_now().is_some_and(|me| me.id == to);
    spawn_local(async move {
        let answer = roster.give(&people, to).await;
        let words = w.get_untracked();
        let toast = match answer {
            Ok(given) => {
                let name = untrack(|| roster.staff_name(&to.to_string()));
                let told = match people.len() {
                    1 if to == NOBODY => words.give_let_go().to_owned(),
                    1 if is_mine => words.give_claimed().to_owned(),
                    1 => words.give_done(name),
                    count if to == NOBODY => words.give_let_go_many(count),
                    count => words.give_done_many(count, name),
                };
                let undo = Callback::new(move |()| {
                    let given = given.clone();
                    spawn_local(async move {
                        let words = w.get_untracked();
                        toaster.tell(Toast::new(match roster.take_back(&given).await {
                            Ok(()) => words.give_taken_back().to_owned(),
                            Err(error) => save_failed(words, &error).to_owned(),
                        }));
                    });
                });
                if let Some(then) = then {
                    then.run(());
                }
                Toast::new(told).with_undo(words.undo(), undo)
            }
            Err(error) => Toast::new(save_failed(words, &error).to_owned()),
        };
        toaster.tell(toast);
    });
}
