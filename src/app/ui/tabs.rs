//! Tabs: several views of one thing, their counts after the word.

use super::{Text, choice::tab_arrows};
use crate::view::prelude::*;

/// One tab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tab {
    pub key: String,
    pub label: String,
    /// None is not shown; zero is.
    pub count: Option<usize>,
}

impl Tab {
    /// A tab without a count.
    pub fn new(key: impl Into<String>, label: impl Into<String>) -> Self {
        Self { key: key.into(), label: label.into(), count: None }
    }

    /// The same with a count.
    #[must_use]
    pub fn with_count(mut self, count: usize) -> Self {
        self.count = Some(count);
        self
    }
}

/// The row of tabs. Arrows move and choose.
#[component]
pub fn Tabs(
    /// What the tabs choose between, for screen readers.
    #[prop(into)]
    label: Text,
    #[prop(into)] items: Signal<Vec<Tab>>,
    /// The key of the chosen one.
    #[prop(into)]
    chosen: Text,
    #[prop(into)] on_choose: Callback<String>,
    /// The id of the part that the tabs change.
    #[prop(optional, into)]
    panel_id: Option<String>,
) -> impl IntoView {
    let tab = move |Tab { key, label, count }: Tab| {
        let is_chosen = {
            let key = key.clone();
            Memo::new(move |_| chosen.get() == key)
        };
        view! {
            <button
                type="button"
                role="tab"
                class="tabs__tab"
                aria-selected=move || if is_chosen.get() { "true" } else { "false" }
                aria-controls=panel_id.clone()
                tabindex=move || if is_chosen.get() { "0" } else { "-1" }
                on:click=move |_| on_choose.run(key.clone())
            >
                {label} {count.map(|count| view! { <span class="tabs__count">{count}</span> })}
            </button>
        }
    };
    view! {
        <div class="tabs" role="tablist" aria-label=move || label.get() on:keydown=|event| tab_arrows(&event)>
            {move || items.get().into_iter().map(tab.clone()).collect::<View>()}
        </div>
    }
}
