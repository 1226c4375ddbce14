//! A person's cards: how long each still runs, and what is done with it most.

use yingke_core::{id::RecordId, reckon::days_between, record::Record, time::Day, value::Value, workflow::PROGRESS};

use super::{begin::cards_of, beginning_forms, choose::Choose, standing, tone_of};
use crate::{
    format,
    roster::{Roster, use_roster},
    route::use_route,
    screens::shown::money as shown_money,
    t,
    ui::{Button, ButtonKind, Icon, IconButton, Ring, RingSize, Section, Tag, Tone},
    view::prelude::*,
    words::use_words,
};

/// The forms that stand beside a card as buttons, in the order of how often they are filled in.
const OFTEN: [&str; 3] = ["renewal", "leave", "transfer"];

/// The cards that are not over, the one that ends last first.
#[component]
pub fn Cards(id: RecordId) -> impl IntoView {
    let roster = use_roster();
    let cards = Memo::new(move |_| {
        let mut cards = cards_of(roster, id);
        cards.retain(|card| roster.may_see(card));
        cards.sort_by_key(|card| std::cmp::Reverse(day(card, "end_on")));
        cards.into_iter().map(|card| card.id).collect::<Vec<_>>()
    });
    move || cards.get().into_iter().map(|card| view! { <OneCard card opens=true/> }).collect::<View>()
}

fn day(card: &Record, key: &str) -> Option<Day> {
    card.guarded(PROGRESS).and_then(|group| group.get(key)).and_then(Value::as_day)
}

/// How long a card still runs, and what is done with it most.
#[component]
pub fn OneCard(
    card: RecordId,
    /// Its name leads to its page.
    opens: bool,
) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let choosing = RwSignal::new(false);
    let record = Signal::derive(move || roster.record(card));
    let number = move || {
        let number = record.with(|record| record.as_ref().and_then(|card| card.text("card_no").map(str::to_owned)));
        number.map(|number| w.get().member_card_no(number)).unwrap_or_default()
    };
    let left = Signal::derive(move || {
        record.with(|record| {
            let end = day(record.as_ref()?, "end_on")?;
            Some(days_between(roster.today(), end).max(0))
        })
    });
    let share = Signal::derive(move || {
        let whole = record.with(|record| {
            let card = record.as_ref()?;
            Some(days_between(day(card, "start_on")?, day(card, "end_on")?).max(1))
        });
        left.get().zip(whole).map_or(0.0, |(left, whole)| left as f64 / whole as f64)
    });
    let tone = Signal::derive(move || match left.get() {
        Some(days) if days <= SOON_DAYS => Tone::Unsent,
        _ => Tone::Pine,
    });
    let figure = move || left.get().map_or_else(String::new, |days| days.to_string());
    let name = move || {
        let product = record.with(|record| record.as_ref().and_then(|card| product_of(roster, card)));
        product.unwrap_or_else(|| w.get().member_card().to_owned())
    };
    let span = move || {
        record.with(|record| {
            let card = record.as_ref()?;
            let words = w.get();
            let on = |key| day(card, key).map(|day| format::full_day(words, day));
            Some(words.member_from_until(on("start_on")?, on("end_on")?))
        })
    };
    let state = move || {
        let card = record.get()?;
        let (_, state) = standing(roster, &card)?;
        Some(view! { <Tag tone=tone_of(state) text=state.label.in_language(w.get().0).to_owned()/> })
    };
    let sentence = move || left.get().map_or_else(name, |days| w.get().member_days(days));
    let buttons = OFTEN
        .into_iter()
        .flat_map(|kind| beginning_forms(roster, kind))
        .map(|form| {
            let open = Callback::new(move |()| route.go(&format!("/form/{}?about={card}", form.id)));
            view! { <Button label=move || short(roster, &form.record, w.get()) kind=ButtonKind::Quiet on_press=open/> }
        })
        .collect::<View>();
    let money = Memo::new(move |_| roster.card_balance(card));
    // A card that holds money and runs for no time shows what it holds in the place of its days.
    let state_of_it = move || match money.get() {
        Some(fen) => view! {
            <p class="card__money">
                <span class="note">{t!(w, member_balance)}</span>
                <span class="card__sum" data-below=(fen < 0).then_some("true")>{shown_money(fen)}</span>
            </p>
        },
        // A card without an end counts no days.
        None if left.with(Option::is_none) => View::Nothing,
        None => view! { <Ring done=share figure aim=t!(w, member_days_unit) sentence size=RingSize::Card tone/> },
    };
    let more = Callback::new(move |()| choosing.set(true));
    let open = Callback::new(move |()| route.go(&format!("/record/{card}")));
    view! {
        <Section title=t!(w, member_card) aside=number>
            <div class="card">
                {state_of_it}
                <div class="card__words">
                    {if opens {
                        view! { <button type="button" class="card__name" on:click=move |_| open.run(())>{name}</button> }
                    } else {
                        view! { <p class="card__name">{name}</p> }
                    }}
                    <p class="note">{span}</p>
                    <p>{state}</p>
                </div>
            </div>
            <div class="card__do">
                {buttons}
                {opens.then(|| view! { <IconButton icon=Icon::More label=t!(w, paper_do) kind=ButtonKind::Quiet on_press=more/> })}
            </div>
        </Section>
        {shown(
            move || choosing.get(),
            move || view! { <Choose about=card on_close=move |()| choosing.set(false)/> },
        )}
    }
}

/// A card that ends within so many days is told in another colour.
const SOON_DAYS: i64 = 30;

fn product_of(roster: Roster, card: &Record) -> Option<String> {
    let product = card.guarded(PROGRESS)?.get("product").and_then(Value::as_id)?;
    roster.record(product)?.text("name").map(str::to_owned)
}

/// What is done, in as few letters as stand on a button.
fn short(roster: Roster, kind: &str, words: crate::words::Words) -> String {
    match kind {
        "renewal" => words.member_renew().to_owned(),
        _ => super::kind_word(roster, words, kind),
    }
}
