//! Guests whom somebody writes down before they unlock: kept so that nothing on the locked tablet opens them, and theirs
//! when they unlock.

use leptos::prelude::*;
use yingke_core::{
    change::{Change, Edit, Ranked},
    codec,
    id::StaffId,
    journal::AppendError,
    rights, schema,
    stamp::Stamp,
};

use super::Roster;
use crate::browser::{chance::Web, trace, vault::Letter};

/// A guest whom whoever is unlocked wrote down before.
#[derive(Debug, Clone)]
pub struct WrittenDown {
    letter: Letter,
    pub form: String,
    pub edits: Vec<Edit>,
}

impl Roster {
    /// Whether this person can write guests down here before they unlock: they may take guests in, and have unlocked on
    /// this tablet before. Subscribes.
    #[must_use]
    pub fn writes_before_unlocking(self, staff: StaffId) -> bool {
        let role = self.staff().into_iter().find(|other| other.id == staff).map(|staff| staff.role);
        role.is_some_and(|role| rights::may_begin("person", staff, role, self.work()))
            && self.status.with(|status| status.letter_boxes.contains(&staff))
    }

    /// Keeps what a form makes for whoever says that they filled it in. Nobody reads it before they unlock.
    ///
    /// # Errors
    /// [`AppendError`]: nothing was kept; the card stays as it is.
    pub async fn write_down(self, staff: StaffId, form: &str, edits: Vec<Edit>) -> Result<(), AppendError> {
        let inner = self.inner();
        let vault = inner.browser.vault();
        let change = Change::new(self.header(staff, form)?, edits, &mut Web);
        if let Err(fault) = schema::check_change(&change) {
            return Err(AppendError::Aborted { detail: fault.to_string() });
        }
        // Its rank is made when it is taken up.
        let text = codec::changes_bytes([Ranked::provisional(Stamp::default(), change)].iter());
        let mut kept = vault.put_letter(staff, &text).await;
        if kept.is_err() && self.put_back().await {
            kept = vault.put_letter(staff, &text).await;
        }
        if let Err(error) = &kept {
            trace::warn(&format!("a guest was not written down: {error}"));
        }
        self.count_letters().await;
        inner.browser.tabs().tell_written();
        kept
    }

    /// What whoever is unlocked wrote down before, oldest first; how many do not open.
    pub async fn written_down(self) -> (Vec<WrittenDown>, usize) {
        let letters = match self.inner().browser.vault().letters().await {
            Ok(letters) => letters,
            Err(error) => {
                trace::warn(&format!("what was written down before unlocking was not read: {error}"));
                return (Vec::new(), 0);
            }
        };
        let mut damaged = letters.damaged;
        let mut written = Vec::new();
        for letter in letters.opened {
            match codec::read_changes(&letter.text).as_deref() {
                Ok([Ranked { change, .. }]) => {
                    let (form, edits) = (change.header.form.to_string(), change.edits().cloned().collect());
                    written.push(WrittenDown { letter, form, edits });
                }
                Ok(_) | Err(_) => damaged += 1,
            }
        }
        (written, damaged)
    }

    /// What it said is a record now.
    pub async fn drop_written_down(self, written: &WrittenDown) {
        if let Err(error) = self.inner().browser.vault().drop_letter(&written.letter).await {
            trace::warn(&format!("what was taken up stays until the next unlock: {error}"));
        }
        self.count_letters().await;
    }

    /// From now on whoever is unlocked can write guests down before they unlock.
    pub async fn open_letter_box(self) {
        if let Err(error) = self.inner().browser.vault().keep_letter_box().await {
            trace::warn(&format!("nothing can be written down before unlocking: {error}"));
        }
        self.count_letters().await;
    }

    pub(super) async fn count_letters(self) {
        let inner = self.inner();
        let vault = inner.browser.vault();
        let Ok(waiting) = vault.letters_waiting().await else { return };
        let (letters, letter_boxes) = (waiting.values().sum(), vault.letter_boxes());
        if self.status.with_untracked(|status| (status.letters, &status.letter_boxes) != (letters, &letter_boxes)) {
            self.status.update(|status| (status.letters, status.letter_boxes) = (letters, letter_boxes));
        }
    }
}
