//! The page round one form: what it is, whom or what it is about, and the way back.

use crate::{
    screens::shell::Pill,
    t,
    ui::{PageHeader, Text, slot},
    view::prelude::*,
    words::use_words,
};

#[component]
pub fn FormPage(
    #[prop(into)] title: Text,
    /// Whom or what it is about; empty where that is not known yet.
    #[prop(into)]
    whom: Text,
    on_back: Callback<()>,
    /// The title says what the form's own section would say again.
    #[prop(optional)]
    one_section: bool,
    children: Children,
) -> impl IntoView {
    let w = use_words();
    let class = if one_section { "page page--form papers__step-form" } else { "page page--form" };
    view! {
        <PageHeader title second=slot(move || whom.get()) on_back back_label=t!(w, back)>
            <Pill/>
        </PageHeader>
        <div class=class>{children()}</div>
    }
}
