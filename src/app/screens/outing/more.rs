//! What is said beside the number: the name, the rest of the card, and on a phone what the board has no room for.

use crate::view::prelude::*;

use super::{
    capture::{Desk, GivenTiles},
    records::{self, FORM},
};
use crate::{
    settings::{Theme, use_settings},
    t,
    ui::{Button, ButtonKind, ChoiceList, DateField, Field, FieldKind, Sheet, Switch, TimeField, focus_on, slot},
    words::use_words,
};

/// The hour that a planned visit has until another is chosen.
const VISIT_TIME: &str = "10:00";

/// The sheet; what is typed in it is in the card at once.
#[component]
pub(super) fn MoreSheet(desk: Desk, focus: &'static str) -> impl IntoView {
    let w = use_words();
    let roster = crate::roster::use_roster();
    let settings = use_settings();
    let close = move || desk.more.set(None);
    request_animation_frame(move || focus_on(focus));
    let visit = desk.value("visit_plan_at");
    let visit_day = Signal::derive(move || visit.get().split('T').next().unwrap_or_default().to_owned());
    let visit_time = Signal::derive(move || visit.get().split('T').nth(1).unwrap_or_default().to_owned());
    let set_visit = move |day: String, time: String| {
        let time = if time.is_empty() { VISIT_TIME.to_owned() } else { time };
        desk.set("visit_plan_at", if day.is_empty() { String::new() } else { format!("{day}T{time}") });
    };
    let bright = Signal::derive(move || settings.outing_theme.get() == Theme::Sunlight);
    let foot = slot(view! { <Button label=t!(w, capture_done) kind=ButtonKind::Primary on_press=move |()| close()/> });
    view! {
        <Sheet title=t!(w, capture_more_title) close_label=t!(w, close) on_close=move |()| close() foot>
            <Field
                id="more-name"
                label=records::label(roster, FORM, "name")
                optional_mark=t!(w, optional)
                note=t!(w, capture_name_note)
                value=desk.value("name")
                on_input=move |typed: String| desk.set("name", typed)
                problem=desk.problem("name")
                on_enter=Callback::new(move |()| close())
            />
            <Field
                id="more-mobile"
                kind=FieldKind::Phone
                label=records::label(roster, FORM, "mobile")
                note=t!(w, capture_phone_note)
                value=desk.value("mobile")
                on_input=move |typed: String| desk.set("mobile", typed)
                problem=desk.problem("mobile")
                on_enter=Callback::new(move |()| close())
            />
            <div class="capture__sheet-given">
                <GivenTiles desk/>
            </div>
            <Field
                id="more-note"
                lines=3
                label=records::label(roster, FORM, "note")
                optional_mark=t!(w, optional)
                value=desk.value("note")
                on_input=move |typed: String| desk.set("note", typed)
                problem=desk.problem("note")
            />
            <ChoiceList
                label=records::label(roster, FORM, "intent")
                options=records::choices(roster, "intent_level", |_| true)
                chosen=desk.value("intent")
                on_choose=move |key: String| desk.set("intent", key)
            />
            <Switch
                label=records::label(roster, FORM, "bring_companions")
                on=desk.is("bring_companions")
                on_change=move |yes: bool| desk.set_bool("bring_companions", yes)
            />
            <div class="two-up">
                <DateField
                    label=records::label(roster, FORM, "visit_plan_at")
                    optional_mark=t!(w, optional)
                    value=visit_day
                    min=Signal::derive(move || roster.today().to_string())
                    on_input=move |day: String| set_visit(day, visit_time.get_untracked())
                    problem=desk.problem("visit_plan_at")
                />
                <TimeField
                    label=t!(w, outing_when)
                    value=visit_time
                    on_input=move |time: String| set_visit(visit_day.get_untracked(), time)
                />
            </div>
            <div class="capture__sheet-sun">
                <Switch
                    label=t!(w, capture_theme_sunlight)
                    on=bright
                    on_change=move |on: bool| settings.outing_theme.set(if on { Theme::Sunlight } else { Theme::System })
                />
            </div>
        </Sheet>
    }
}
