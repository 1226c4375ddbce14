//! What can be begun for somebody, or about a record: the forms of the pack, by the groups of the desk work.

use yingke_core::{
    id::RecordId,
    pack::{FieldType, Form},
};

use super::{GROUPS, beginning_forms};
use crate::{
    roster::use_roster,
    route::use_route,
    t,
    ui::{Ground, Icon, ListRow, Section, Sheet, Tone, slot},
    view::prelude::*,
    words::use_words,
};

/// The sheet with the forms that fit what it is about.
#[component]
pub fn Choose(about: RecordId, #[prop(into)] on_close: Callback<()>) -> impl IntoView {
    let w = use_words();
    let roster = use_roster();
    let route = use_route();
    let kind = untrack(|| roster.record(about)).map(|record| record.kind().as_str().to_owned()).unwrap_or_default();
    let groups = GROUPS
        .iter()
        .filter_map(|group| {
            let forms: Vec<&'static Form> = group
                .kinds
                .iter()
                .flat_map(|of| beginning_forms(roster, of))
                .filter(|form| fits(form, &kind))
                .collect();
            (!forms.is_empty()).then_some((group, forms))
        })
        .map(|(group, forms)| {
            let rows: View = forms.into_iter().map(|form| row(form, group.icon, about, route, on_close)).collect();
            let title = group.title;
            view! { <Section title=move || title(w.get()) list=true>{rows}</Section> }
        });
    let groups = groups.collect::<View>();
    view! {
        <Sheet title=t!(w, paper_choose) close_label=t!(w, close) on_close>
            <div class="papers__choose">{groups}</div>
        </Sheet>
    }
}

fn row(form: &'static Form, icon: Icon, about: RecordId, route: crate::route::Route, on_close: Callback<()>) -> View {
    let w = use_words();
    let open = Callback::new(move |()| {
        on_close.run(());
        route.go(&format!("/form/{}?about={about}", form.id));
    });
    view! {
        <div role="listitem">
            <ListRow
                title=move || form.title.in_language(w.get().0).to_owned()
                face=slot(view! { <Ground icon tone=Tone::Pine/> })
                on_open=open
            />
        </div>
    }
}

/// Whether a form speaks of a kind of record: one of its fields points to such, or its paper belongs to one anyway.
fn fits(form: &Form, kind: &str) -> bool {
    let points_to = |kind: &str| {
        form.fields().any(|field| matches!(field.kind, FieldType::Ref(reference) if reference.kinds().contains(&kind)))
    };
    let belongs: &[&str] = match kind {
        "person" => &[
            "negotiation",
            "agreement",
            "case",
            "trial",
            "trial_pass",
            "opportunity",
            "appointment",
            "callback",
            "give_back",
            "ticket",
            "tour",
        ],
        "membership" => &["deposit", "payment"],
        "visit" => &["negotiation", "agreement", "case"],
        "agreement" => &["payment", "rating"],
        _ => &[],
    };
    points_to(kind) || (kind == "person" && points_to("membership")) || belongs.contains(&&*form.record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use yingke_core::pack::{Pack, VenueKind};

    #[test]
    fn a_booking_is_followed_by_its_ticket_and_a_card_by_what_is_done_with_it() {
        let fitting = |of: VenueKind, kind: &str| -> Vec<&str> {
            Pack::of(of).forms.iter().filter(|form| fits(form, kind)).map(|form| &*form.id).collect()
        };
        assert_eq!(fitting(VenueKind::Sports, "booking"), ["F-30"]);
        let of_card = fitting(VenueKind::Fitness, "membership");
        assert!(["F-14", "F-16", "F-17", "F-20", "F-31"].iter().all(|form| of_card.contains(form)), "{of_card:?}");
        assert!(!of_card.contains(&"F-01"), "{of_card:?}");
    }
}
