//! The packs that the tablet goes by: those that ship, or what the club published in their place.
//!
//! What comes with a sync is in force from the next unlock on, so that nobody's form changes under their hands.

use std::cell::{Cell, RefCell};

use leptos::prelude::{Notify, Track};
use yingke_core::{
    journal::AppendError,
    pack::{Pack, Packs, VenueKind},
    wire::v1::PublishedPacks,
    work::Work,
};

use super::Roster;

/// What is here of packs, and what is in force.
pub struct Held {
    here: RefCell<PublishedPacks>,
    /// The mark of what is in force; empty for what ships.
    mark: RefCell<String>,
    /// Of what this version of the program could not read, since the page was opened.
    unreadable: RefCell<String>,
    in_force: Cell<&'static Packs>,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            here: RefCell::default(),
            mark: RefCell::default(),
            unreadable: RefCell::default(),
            in_force: Cell::new(Packs::shipped()),
        }
    }
}

impl Roster {
    /// The pack of the venue.
    #[must_use]
    pub fn pack(self) -> &'static Pack {
        self.pack_of(self.venue_kind())
    }

    /// The pack of a kind of venue.
    #[must_use]
    pub fn pack_of(self, kind: VenueKind) -> &'static Pack {
        self.inner().packs.in_force.get().pack(kind)
    }

    /// The work of the venue's pack.
    #[must_use]
    pub fn work(self) -> &'static Work {
        self.inner().packs.in_force.get().work(self.venue_kind())
    }

    /// Whether other packs are here than those in force. Subscribes to the directory.
    #[must_use]
    pub fn packs_wait(self) -> bool {
        let inner = self.inner();
        inner.directory_changed.track();
        *inner.packs.mark.borrow() != self.mark_here()
    }

    fn venue_kind(self) -> VenueKind {
        let kind = self.me_now().map(|me| me.venue.pack).unwrap_or_default();
        VenueKind::from_key(&kind)
    }

    /// Of what is to be in force. Where the club publishes nothing, or nothing any more, those that ship are.
    fn mark_here(self) -> String {
        if self.mark_wanted().is_empty() { String::new() } else { self.inner().packs.here.borrow().mark.clone() }
    }

    fn mark_wanted(self) -> String {
        self.inner().directory.borrow().as_ref().map(|directory| directory.packs.clone()).unwrap_or_default()
    }

    /// Reads what the directory names, if it is not here: another tab may have kept it.
    pub(super) async fn read_packs(self) -> Result<(), AppendError> {
        let inner = self.inner();
        let wanted = self.mark_wanted();
        if !wanted.is_empty()
            && inner.packs.here.borrow().mark != wanted
            && let Some(packs) = inner.browser.vault().packs().await?
        {
            inner.packs.here.replace(packs);
        }
        Ok(())
    }

    /// Fetches what the directory names and is not here. Without an answer, and where this version cannot read what came,
    /// what was here stands.
    pub(super) async fn fetch_packs(self) {
        let inner = self.inner();
        let wanted = self.mark_wanted();
        let is_known = inner.packs.here.borrow().mark == wanted || *inner.packs.unreadable.borrow() == wanted;
        if wanted.is_empty() || is_known {
            return;
        }
        let Ok(packs) = inner.browser.http().packs().await else { return };
        if packs.read().is_err() {
            inner.packs.unreadable.replace(wanted);
        } else if inner.browser.vault().keep_packs(&packs).await.is_ok() {
            inner.packs.here.replace(packs);
            inner.directory_changed.notify();
        }
    }

    /// From now on, what is here is in force.
    pub(super) fn begin_with_packs(self) {
        let held = &self.inner().packs;
        let mark = self.mark_here();
        if *held.mark.borrow() == mark {
            return;
        }
        let packs = if mark.is_empty() { Some(Packs::shipped()) } else { held.here.borrow().read().ok().map(leaked) };
        if let Some(packs) = packs {
            held.in_force.set(packs);
            held.mark.replace(mark);
        }
    }
}

/// Screens hold on to what they show of a pack, and a page sees few of them.
fn leaked(packs: Packs) -> &'static Packs {
    Box::leak(Box::new(packs))
}
