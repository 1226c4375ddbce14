//! What was typed into a form and not saved yet: kept as it is typed, found again on Today.

use leptos::task::spawn_local;
use serde::{Deserialize, Serialize};
use yingke_core::{form::Draft, time::Millis};

use super::Roster;

/// A form that somebody left half filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// `F-01`
    pub form: String,
    /// Where it is filled in: `/reception/visit`.
    pub place: String,
    pub at: Millis,
    pub draft: Draft,
}

impl Roster {
    /// What was being typed into a form, as it was typed.
    pub async fn draft(self, name: &str) -> Option<Draft> {
        let inner = self.inner();
        let bytes = inner.browser.journal().draft(name).await.ok().flatten()?;
        let left = serde_json::from_slice(&bytes).map(|left: Unfinished| left.draft);
        left.or_else(|_| serde_json::from_slice(&bytes)).ok()
    }

    /// Keeps what is being typed. One that cannot be kept is still on the screen.
    pub fn keep_draft(self, name: &str, draft: &Draft) {
        self.keep_typed(name, serde_json::to_vec(draft).expect("a draft is text"));
    }

    /// The same, to be found again on Today.
    pub fn keep_form(self, name: &str, left: &Unfinished) {
        self.keep_typed(name, serde_json::to_vec(left).expect("a draft is text"));
    }

    fn keep_typed(self, name: &str, typed: Vec<u8>) {
        let (inner, name) = (self.inner(), name.to_owned());
        spawn_local(async move {
            drop(inner.browser.journal().keep_draft(&name, &typed).await);
        });
    }

    /// The draft has become a record, or was given up.
    pub fn drop_draft(self, name: &str) {
        let (inner, name) = (self.inner(), name.to_owned());
        spawn_local(async move {
            drop(inner.browser.journal().drop_draft(&name).await);
        });
    }

    /// Forms that I left half filled on this tablet, the latest first.
    pub async fn unfinished(self) -> Vec<Unfinished> {
        let inner = self.inner();
        let journal = inner.browser.journal();
        let mut all = Vec::new();
        for name in journal.drafts().await.unwrap_or_default() {
            // One that cannot be read says so where it is filled in.
            let typed = journal.draft(&name).await.ok().flatten();
            all.extend(typed.and_then(|typed| serde_json::from_slice::<Unfinished>(&typed).ok()));
        }
        all.sort_by_key(|left| std::cmp::Reverse(left.at));
        all
    }
}
