//! What a colleague who stands beside one can do here and now: chosen, PIN, done, and the tablet stays in one's hands.

use yingke_core::{id::RecordId, record::Record, wire::v1::Staff};

use super::step::{Offered, offers_to, take_now};
use crate::{
    roster::{Roster, use_roster},
    route::use_route,
    screens::door::{Faces, PinPad},
    t,
    ui::{Section, Sheet, Toaster},
    view::prelude::*,
    words::use_words,
};

/// A step that is not mine, and who of the venue may take it.
type Theirs = (Offered, Vec<Staff>);

/// Steps that colleagues could take here as the record stands, without those that are mine as well.
#[must_use]
pub fn of_colleagues(roster: Roster, record: &Record) -> Vec<Theirs> {
    let Some(me) = roster.me_now() else { return Vec::new() };
    let mut theirs: Vec<Theirs> = Vec::new();
    let is_same = |one: &Offered, other: &Offered| one.machine.id == other.machine.id && one.step.key == other.step.key;
    let mine = offers_to(roster, record, me.id);
    for staff in untrack(|| roster.staff()).into_iter().filter(|staff| staff.id != me.id) {
        for offer in offers_to(roster, record, staff.id).into_iter().filter(|offer| offer.unmet.is_empty()) {
            if mine.iter().any(|other| is_same(other, &offer)) {
                continue;
            }
            match theirs.iter_mut().find(|(other, _)| is_same(other, &offer)) {
                Some((_, colleagues)) => colleagues.push(staff.clone()),
                None => theirs.push((offer, vec![staff.clone()])),
            }
        }
    }
    theirs
}

#[component]
pub fn Approve(id: RecordId, #[prop(into)] on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let toaster = use_context::<Toaster>().expect("main.rs provides the toaster");
    let theirs = roster.record(id).map(|record| of_colleagues(roster, &record)).unwrap_or_default();
    // Where there is one step and one who may take it, nothing is left to choose.
    let chosen = RwSignal::new(match &theirs[..] {
        [(offer, colleagues)] if colleagues.len() == 1 => Some((offer.step.key.to_string(), colleagues[0].clone())),
        _ => None,
    });
    let theirs = StoredValue::new(theirs);
    let on_in = Callback::new(move |()| {
        let Some((step, _)) = chosen.get_untracked() else { return };
        let offer = theirs
            .with_value(|theirs| theirs.iter().map(|(offer, _)| offer).find(|offer| *offer.step.key == *step).cloned());
        let Some(offer) = offer else { return };
        if offer.asks.is_empty() && !offer.needs_reason {
            take_now(roster, w, toaster, id, &offer);
            on_close.run(());
        } else {
            route.go(&format!("/record/{id}/step/{step}"));
        }
    });
    let steps = theirs.with_value(|theirs| {
        let one = |(offer, colleagues): &Theirs| {
            let label = offer.step.label.clone();
            let key = offer.step.key.to_string();
            let of_this = key.clone();
            let colleagues = colleagues.clone();
            let chosen_here =
                Signal::derive(move || chosen.get().filter(|(step, _)| *step == of_this).map(|(_, staff)| staff.id));
            let title = move || label.in_language(w.get().0).to_owned();
            view! {
                <Section title=title.clone()>
                    <Faces
                        staff=Signal::derive(move || colleagues.clone())
                        chosen=chosen_here
                        on_choose=move |staff| chosen.set(Some((key.clone(), staff)))
                        label=title
                    />
                </Section>
            }
        };
        theirs.iter().map(one).collect::<View>()
    });
    let staff = Signal::derive(move || chosen.get().map(|(_, staff)| staff));
    view! {
        <Sheet title=t!(w, approve_title) second=t!(w, approve_text) close_label=t!(w, close) on_close width=crate::ui::SheetWidth::Compare>
            <div class="approve">
                <div class="approve__people">{steps}</div>
                <div class="approve__pin">
                    <PinPad chosen=staff choose=t!(w, approve_choose) let_in=|roster, staff, pin| Box::pin(roster.admit(staff, pin)) on_in/>
                </div>
            </div>
        </Sheet>
    }
}
