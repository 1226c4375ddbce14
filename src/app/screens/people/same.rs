//! Two records that may be one guest: both sides beside each other, who keeps the lead and why, and the way back.

use leptos::task::spawn_local;
use yingke_core::{
    change::Edit,
    duplicate::{self, Reason, Ruling},
    id::RecordId,
    lead, paper,
    record::Record,
};

use super::{list::PersonFacts, name_of, phone_of};
use crate::{
    format,
    roster::{Roster, use_roster},
    screens::form::save_failed,
    t,
    ui::{
        Banner, Button, ButtonKind, ButtonSize, Face, FaceSize, Icon, ListRow, Look, Section, Sheet, SheetWidth, Tag,
        Toast, Toaster, Tone, slot,
    },
    view::prelude::*,
    words::{Words, use_words},
};

/// Somebody with the same number who was not looked at yet: told, and opened beside this one.
#[component]
pub fn SamePhone(id: RecordId) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let open = RwSignal::new(None::<RecordId>);
    let other =
        Memo::new(move |_| roster.ask(&["person"], |replica| duplicate::proposals(replica, id)).first().copied());
    let banner = move || {
        let other = other.get()?;
        let name = name_of(w.get(), &roster.record(other)?);
        Some(view! {
            <Banner
                tone=Tone::Unsent
                icon=Icon::People
                text=move || w.get().person_same(&name)
                action_label=t!(w, person_look)
                on_action=Callback::new(move |()| open.set(Some(other)))
            />
        })
    };
    view! {
        {banner}
        {move || open.get().map(|other| untrack(|| view! {
            <Compare one=id other on_close=Callback::new(move |()| open.set(None))/>
        }))}
    }
}

/// Who is shown as part of this person, each to be parted again; or whom this record was joined to.
#[component]
pub fn Joined(id: RecordId, go: Callback<String>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let joined = Memo::new(move |_| roster.ask(&["person"], |replica| duplicate::joined(replica, id)));
    let stands = Memo::new(move |_| roster.ask(&["person"], |replica| duplicate::stands_for(replica, id)));
    let part = move |other: RecordId| {
        let edit = roster.ask(&["person"], |replica| duplicate::part(replica, other));
        save(roster, w, toaster, edit.into_iter().collect(), Words::same_parted, None);
    };
    let row = move |other: RecordId| {
        let name = move || roster.record(other).map(|person| name_of(w.get(), &person)).unwrap_or_default();
        let phone = slot(move || roster.record(other).map(|person| phone_of(roster, w.get(), &person, "")));
        let end = slot(view! {
            <Button label=t!(w, same_part) kind=ButtonKind::Text on_press=move |()| part(other)/>
        });
        view! { <div role="listitem"><ListRow title=name second=phone end/></div> }
    };
    view! {
        {shown(move || !joined.with(Vec::is_empty), move || view! {
            <Section title=t!(w, same_joined) list=true>
                {move || joined.get().into_iter().map(row).collect::<View>()}
            </Section>
        })}
        {move || (stands.get() != id).then(|| {
            let into = stands.get();
            let name = roster.record(into).map(|person| name_of(w.get(), &person)).unwrap_or_default();
            view! {
                <Banner
                    tone=Tone::Pine
                    icon=Icon::People
                    text=move || w.get().same_part_of(&name)
                    action_label=t!(w, person_look)
                    on_action=Callback::new(move |()| go.run(format!("/people/{into}")))
                />
            }
        })}
    }
}

#[component]
fn Compare(one: RecordId, other: RecordId, on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let records = move || Some((roster.record(one)?, roster.record(other)?));
    let Some(ruling) = untrack(records).map(|(one, other)| duplicate::rule(&one, &other)) else { return View::Nothing };
    let (keeps, yields) = (ruling.keeps, ruling.yields);
    // A lead changes hands: that is for those who lead.
    let hands_over = !matches!(ruling.reason, Reason::SameOwner | Reason::OtherWithdrawn)
        && untrack(|| owner_of(roster, yields)) != untrack(|| owner_of(roster, keeps));
    let leads = roster.me_now().is_some_and(|me| me.role.leads());
    let may_write = untrack(|| {
        let both = [keeps, yields].map(|id| roster.record(id));
        roster.papers(&[], |scene, _| both.iter().flatten().all(|record| paper::may_change(record, scene)))
    });
    let may = may_write == Some(true) && (leads || !hands_over);
    let join = Callback::new(move |()| {
        let mut edits = roster.ask(&["person"], |replica| duplicate::carry_out(replica, ruling));
        let kept_by = ruling.owner.filter(|_| hands_over);
        edits.extend(kept_by.and_then(|owner| roster.owner_change(yields, owner, ruling.reason.key())));
        let undo = Callback::new(move |()| {
            let edit = roster.ask(&["person"], |replica| duplicate::part(replica, yields));
            save(roster, w, toaster, edit.into_iter().collect(), Words::same_parted, None);
        });
        save(roster, w, toaster, edits, Words::same_joined_now, Some(undo));
        on_close.run(());
    });
    let apart = Callback::new(move |()| {
        let edit = roster.ask(&["person"], |replica| duplicate::keep_apart(replica, one, other));
        save(roster, w, toaster, edit.into_iter().collect(), Words::same_apart_now, None);
        on_close.run(());
    });
    let side = move |id: RecordId| {
        let stays = id == keeps;
        let name =
            Signal::derive(move || roster.record(id).map(|person| name_of(w.get(), &person)).unwrap_or_default());
        let phone = move || roster.record(id).map(|person| phone_of(roster, w.get(), &person, ""));
        let count = move || w.get().same_happened(roster.history(id).len());
        view! {
            <div class="side" class:side--shown=stays>
                <div class="same__who">
                    <Face look=Signal::derive(move || Look::letter_of(&name.get())) size=FaceSize::Detail/>
                    <div class="same__name">
                        <p class="title-3">{move || name.get()}</p>
                        <p class="note">{phone}</p>
                    </div>
                    {stays.then(|| view! { <Tag tone=Tone::Conflict text=t!(w, same_stays)/> })}
                </div>
                <PersonFacts id/>
                <p class="note">{count}</p>
            </div>
        }
    };
    let why = move || {
        let (one, other) = records()?;
        Some(why_words(roster, w.get(), &ruling, &one, &other))
    };
    let told = move || if may { w.get().same_undo() } else { w.get().same_ask_lead() }.to_owned();
    let foot = slot(view! {
        <p class="note same__told">{told}</p>
        {may_write.filter(|may| *may).map(|_| view! {
            <Button label=t!(w, same_apart) kind=ButtonKind::Quiet on_press=apart/>
        })}
        {may.then(|| view! {
            <Button label=t!(w, same_join) kind=ButtonKind::Primary size=ButtonSize::Next on_press=join/>
        })}
    });
    view! {
        <Sheet
            title=t!(w, same_title)
            second=move || why().unwrap_or_default()
            close_label=t!(w, close)
            on_close
            width=SheetWidth::Compare
            icon=Icon::Conflict
            tone=Tone::Conflict
            bare=true
            foot
        >
            <div class="sides">{side(keeps)} {side(yields)}</div>
        </Sheet>
    }
}

fn owner_of(roster: Roster, id: RecordId) -> Option<String> {
    let owner = lead::owner(&roster.record(id)?)?;
    Some(roster.staff_name(&owner.to_string()))
}

/// Who keeps the lead and on what ground, in a sentence.
fn why_words(roster: Roster, words: Words, ruling: &Ruling, one: &Record, other: &Record) -> String {
    let owner = ruling.owner.map(|owner| roster.staff_name(&owner.to_string())).unwrap_or_default();
    let later = if one.id == ruling.yields { one } else { other };
    let other_owner = lead::owner(later).map(|owner| roster.staff_name(&owner.to_string())).unwrap_or_default();
    match ruling.reason {
        Reason::SameOwner => words.same_why_owner(owner),
        Reason::OtherWithdrawn => words.same_why_withdrawn().to_owned(),
        Reason::CapturedFirst { .. } if owner.is_empty() || owner == other_owner => words.same_why_first().to_owned(),
        Reason::CapturedFirst { earlier_ms } => words.same_why_earlier(owner, format::span(words, earlier_ms)),
        Reason::SameMoment | Reason::Overruled => words.same_why_moment(owner),
    }
}

fn save(
    roster: Roster,
    w: Signal<Words>,
    toaster: Toaster,
    edits: Vec<Edit>,
    told: fn(Words) -> &'static str,
    undo: Option<Callback<()>>,
) {
    spawn_local(async move {
        let words = w.get_untracked();
        let toast = match roster.save("same", edits).await {
            Ok(_) => match undo {
                Some(undo) => Toast::new(told(words).to_owned()).with_undo(words.undo(), undo),
                None => Toast::new(told(words).to_owned()),
            },
            Err(error) => Toast::new(save_failed(words, &error).to_owned()),
        };
        toaster.tell(toast);
    });
}
