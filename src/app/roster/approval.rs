//! A second person does one thing on a tablet that somebody else has open: signs, approves, takes a step of theirs.
//!
//! Nothing changes hands: what is shown stays what the one who is unlocked may see. Only the next save carries the
//! second person's name and is sealed with their keys.

use yingke_core::id::StaffId;

use super::{DoorError, Me, Roster};
use crate::browser::vault::UnlockError;

impl Roster {
    /// Under whose name the next save is kept: the second person's while there is one.
    #[must_use]
    pub fn actor_now(self) -> Option<Me> {
        self.me_now().map(|me| self.inner().approver.borrow().clone().unwrap_or(me))
    }

    /// Lets a second person in by their PIN: with what is on this tablet, or the first time with the endpoint.
    ///
    /// # Errors
    /// [`DoorError`]; whoever is unlocked goes on as before.
    pub async fn admit(self, staff: StaffId, pin: String) -> Result<(), DoorError> {
        let inner = self.inner();
        let session = inner.session.get();
        let vault = inner.browser.vault();
        let approver = self.describe(staff).ok_or(DoorError::NotActive)?;
        let opened = if vault.knows(staff) { vault.admit(staff, &pin).await } else { Err(UnlockError::Unknown) };
        if let Err(error) = opened {
            // Never here before, with keys that are damaged, or with a new PIN: the endpoint gives them.
            let wrong = self.asks_the_endpoint(error)?;
            let signed_in = self.signed_in(staff, &pin, wrong).await?;
            vault.first_admit(staff, &signed_in, &pin).await.map_err(DoorError::Storage)?;
        }
        // Who has locked meanwhile takes nobody in.
        if inner.session.get() == session {
            inner.approver.replace(Some(approver));
        } else {
            vault.dismiss();
        }
        Ok(())
    }

    /// The second person is done, or went away without having done anything.
    pub fn dismiss(self) {
        let inner = self.inner();
        inner.browser.vault().dismiss();
        inner.approver.replace(None);
    }
}
