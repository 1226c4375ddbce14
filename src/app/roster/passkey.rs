//! Unlocking by the tablet's own finger or face reader, beside the PIN and without the endpoint.
//!
//! Whatever decides about an unlock by PIN decides about this one. Only a sign-in that has run out wants the PIN, since
//! without it there is no new one.

use leptos::prelude::*;
use yingke_core::id::StaffId;

use super::{DoorError, Roster};
use crate::browser::passkey::{self, PasskeyError};

/// Why a finger or a face opened nothing. The PIN opens in each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasskeyTrouble {
    /// Another finger or face, or cancelled: to be tried again.
    NotRecognised,
    /// It is no longer kept, as after a change of PIN: to be set up again.
    Over,
    /// The sign-in has run out, and only the PIN gets a new one.
    SignInOver,
    /// This tablet's reader cannot be used for it.
    NoSecrets,
}

impl Roster {
    /// Whether this tablet may have passkeys. Subscribes.
    #[must_use]
    pub fn passkeys_work_here(self) -> bool {
        self.passkeys.with(Option::is_some)
    }

    /// Whether somebody can unlock here without their PIN. Subscribes.
    #[must_use]
    pub fn has_passkey(self, staff: StaffId) -> bool {
        self.passkeys.with(|holders| holders.as_ref().is_some_and(|holders| holders.contains(&staff)))
    }

    /// Whether whoever works here has one for their PIN as it is now. Subscribes.
    #[must_use]
    pub fn has_own_passkey(self) -> bool {
        self.passkeys.track();
        self.me().is_some() && self.inner().browser.vault().has_passkey_for_pin()
    }

    /// Asks the browser whether it has what it takes.
    pub(super) async fn look_for_passkeys(self) {
        if passkey::work_here().await {
            self.passkeys.set(Some(self.inner().browser.vault().passkey_holders()));
        }
    }

    /// Shows who has a passkey now.
    pub(super) fn tell_passkeys(self) {
        let holders = self.inner().browser.vault().passkey_holders();
        self.passkeys.update(|shown| {
            if let Some(shown) = shown {
                *shown = holders;
            }
        });
    }

    /// Opens the tablet for somebody whom the tablet's reader recognises. To be called in a press.
    ///
    /// # Errors
    /// [`DoorError`]; the tablet stays locked.
    pub async fn unlock_by_passkey(self, staff: StaffId) -> Result<(), DoorError> {
        let inner = self.inner();
        let vault = inner.browser.vault();
        let kept = vault.passkey(staff).ok_or(DoorError::Passkey(PasskeyTrouble::Over))?;
        let secret = passkey::secret(&kept).await?;
        let opened = vault.unlock_by_passkey(staff, secret).await;
        self.tell_passkeys();
        opened?;
        let runs_out = vault.person_token().is_some_and(|(_, expires_at)| expires_at <= self.now());
        if runs_out || inner.signed_out.get() == Some(staff) {
            vault.lock();
            return Err(DoorError::Passkey(PasskeyTrouble::SignInOver));
        }
        self.read_everything(staff).await
    }

    /// Takes the PIN of whoever works here once more: what it gives is what a passkey opens.
    ///
    /// # Errors
    /// [`DoorError`]; they go on working.
    pub async fn confirm_pin(self, staff: StaffId, pin: String) -> Result<(), DoorError> {
        Ok(self.inner().browser.vault().confirm_pin(staff, &pin).await?)
    }

    /// Sets a passkey up for whoever has confirmed their PIN. To be called in a press; where the reader was not content, the
    /// next press goes on from there.
    ///
    /// # Errors
    /// [`DoorError`]; no passkey is kept.
    pub async fn set_passkey_up(self) -> Result<(), DoorError> {
        let inner = self.inner();
        let Some(me) = self.me_now() else { return Ok(()) };
        let made = inner.passkey_made.take();
        let (made, at_once) = match made {
            Some(made) => (made, None),
            None => passkey::make(me.id, &me.name).await?,
        };
        let secret = match at_once {
            Some(secret) => secret,
            None => match passkey::secret(&made).await {
                Ok(secret) => secret,
                Err(error) => {
                    inner.passkey_made.replace(Some(made));
                    return Err(error.into());
                }
            },
        };
        inner.browser.vault().keep_passkey(made, secret).await?;
        self.tell_passkeys();
        Ok(())
    }

    /// Whoever began to set a passkey up is done, or went away.
    pub fn end_passkey_set_up(self) {
        let inner = self.inner();
        inner.browser.vault().forget_pin();
        inner.passkey_made.replace(None);
    }

    /// From now on only the PIN of whoever works here opens.
    ///
    /// # Errors
    /// [`DoorError`]; it opens as before.
    pub async fn drop_passkey(self) -> Result<(), DoorError> {
        if let Some(me) = self.me_now() {
            self.inner().browser.vault().drop_passkey(me.id).await.map_err(DoorError::Storage)?;
            self.tell_passkeys();
        }
        Ok(())
    }
}

impl From<PasskeyError> for DoorError {
    fn from(error: PasskeyError) -> Self {
        match error {
            PasskeyError::NotRecognised => Self::Passkey(PasskeyTrouble::NotRecognised),
            PasskeyError::NoSecrets => Self::Passkey(PasskeyTrouble::NoSecrets),
            PasskeyError::Failed { detail } => Self::Failed { detail },
        }
    }
}
