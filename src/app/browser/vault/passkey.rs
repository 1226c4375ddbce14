//! A second way to what a person's PIN gives: it lies sealed under a secret that only their passkey gives.
//!
//! The person's own row stays the only copy of their keys, so that nothing which wraps them anew has to know of passkeys.
//! A passkey is for one PIN under one salt: with another of either it opens nothing, and is dropped.

use std::{collections::BTreeSet, rc::Rc};

use serde::{Deserialize, Serialize};
use yingke_core::{
    id::StaffId,
    journal::AppendError,
    wire::v1::{base64_bytes, base64_text},
};

use super::{Confirmed, Secret, UnlockError, Vault, json};
use crate::browser::{
    idb::META,
    rows::Sealed,
    seal::{Key, forget},
};

pub(super) const ROWS: &str = "passkey:";
/// What HKDF is told for the key round what a PIN gives.
const INFO: &[u8] = b"yingke passkey 1";
const VERSION: u32 = 1;

/// A credential of the tablet's authenticator, and the salt of which it makes its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    pub credential: Vec<u8>,
    pub salt: Vec<u8>,
}

/// A passkey as it lies in the database, with what it opens. Bytes are in base 64.
#[derive(Serialize, Deserialize)]
struct PasskeyRow {
    version: u32,
    credential: String,
    salt: String,
    /// Of the person's row when it was made.
    pin_salt: String,
    nonce: String,
    sealed: String,
}

impl PasskeyRow {
    /// `None` also for a row of a later version of the app.
    fn read(row: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(row).ok().filter(|row| row.version <= VERSION)
    }

    fn sealed(&self) -> Option<Sealed> {
        Some(Sealed { nonce: base64_bytes(&self.nonce)?.try_into().ok()?, bytes: base64_bytes(&self.sealed)? })
    }
}

/// A passkey that is kept here, and the salt under which the PIN gave what it opens.
pub(super) struct Held {
    passkey: Passkey,
    pin_salt: Vec<u8>,
}

/// Whose passkey lies in a row, and which.
pub(super) fn read(key: &str, row: &[u8]) -> Option<(StaffId, Held)> {
    let staff = key.strip_prefix(ROWS)?.parse().ok()?;
    let row = PasskeyRow::read(row)?;
    let passkey = Passkey { credential: base64_bytes(&row.credential)?, salt: base64_bytes(&row.salt)? };
    Some((staff, Held { passkey, pin_salt: base64_bytes(&row.pin_salt)? }))
}

impl Vault {
    /// Who has a passkey here.
    #[must_use]
    pub fn passkey_holders(&self) -> BTreeSet<StaffId> {
        self.inner.passkeys.borrow().keys().copied().collect()
    }

    /// Somebody's, to ask the tablet's reader for its secret.
    #[must_use]
    pub fn passkey(&self, staff: StaffId) -> Option<Passkey> {
        self.inner.passkeys.borrow().get(&staff).map(|held| held.passkey.clone())
    }

    /// Whether whoever is unlocked has a passkey here that is for their PIN as it is now.
    #[must_use]
    pub fn has_passkey_for_pin(&self) -> bool {
        let passkeys = self.inner.passkeys.borrow();
        self.session()
            .is_some_and(|session| passkeys.get(&session.staff).is_some_and(|held| held.pin_salt == session.salt))
    }

    /// Tries the PIN of whoever is unlocked once more, and keeps what it gives for [`Vault::keep_passkey`].
    ///
    /// # Errors
    /// [`UnlockError`]; whoever is unlocked stays so.
    pub async fn confirm_pin(&self, staff: StaffId, pin: &str) -> Result<(), UnlockError> {
        let (_, confirmed) = self.try_pin(staff, pin).await?;
        // Who has locked meanwhile sets nothing up.
        if self.unlocked() == Some(staff) {
            *self.inner.confirmed.borrow_mut() = Some(Rc::new(confirmed));
        }
        Ok(())
    }

    /// Forgets what a PIN gave that was confirmed.
    pub fn forget_pin(&self) {
        *self.inner.confirmed.borrow_mut() = None;
    }

    /// Seals what the confirmed PIN gives under the secret of a passkey, which is overwritten.
    ///
    /// # Errors
    /// [`UnlockError`]; no passkey is kept.
    pub async fn keep_passkey(&self, passkey: Passkey, mut secret: Vec<u8>) -> Result<(), UnlockError> {
        let key = Key::derived(&secret, INFO).await;
        forget(&mut secret);
        let confirmed = self.inner.confirmed.borrow_mut().take();
        let Some(Confirmed { staff, salt, secret }) = confirmed.as_deref() else {
            return Err(UnlockError::Failed { detail: "no PIN was typed".into() });
        };
        let sealed = key?.seal(&secret.0, &self.bound_to(*staff)?).await?;
        let row = json(&PasskeyRow {
            version: VERSION,
            credential: base64_text(&passkey.credential),
            salt: base64_text(&passkey.salt),
            pin_salt: base64_text(salt),
            nonce: base64_text(&sealed.nonce),
            sealed: base64_text(&sealed.bytes),
        });
        let key = row_of(*staff);
        self.inner.database.write(&[META], async |tx| tx.put(META, key.as_str(), &row)).await?;
        self.inner.passkeys.borrow_mut().insert(*staff, Held { passkey, pin_salt: salt.clone() });
        Ok(())
    }

    /// Unlocks by the secret of a passkey, which is overwritten. Whoever was unlocked before is locked. Nobody guesses such
    /// a secret, so wrong PINs neither hinder it nor are they forgiven by it.
    ///
    /// # Errors
    /// [`UnlockError`]; nobody is unlocked then.
    pub async fn unlock_by_passkey(&self, staff: StaffId, mut secret: Vec<u8>) -> Result<(), UnlockError> {
        self.lock();
        let key = Key::derived(&secret, INFO).await;
        forget(&mut secret);
        let (key, name) = (key?, row_of(staff));
        let row = self.inner.database.read(&[META], async |tx| tx.get(META, name.as_str())?.bytes().await).await?;
        let kept = self.kept(staff).await?;
        let row = row.and_then(|row| PasskeyRow::read(&row));
        let row = row.filter(|row| base64_bytes(&row.pin_salt).as_ref() == Some(&kept.salt));
        let mut session = None;
        if let Some(sealed) = row.and_then(|row| row.sealed())
            && let Ok(secret) = key.open(&sealed, &self.bound_to(staff)?).await.map(Secret)
        {
            session = self.opened(staff, &kept, &secret).await?;
        }
        if session.is_none() {
            self.drop_passkey(staff).await?;
            return Err(UnlockError::PasskeyOver);
        }
        *self.inner.session.borrow_mut() = session;
        Ok(())
    }

    /// Throws somebody's passkey away: from now on only their PIN opens.
    ///
    /// # Errors
    /// [`AppendError`]; it opens as before.
    pub async fn drop_passkey(&self, staff: StaffId) -> Result<(), AppendError> {
        let key = row_of(staff);
        self.inner.database.write(&[META], async |tx| tx.delete(META, key.as_str())).await?;
        self.inner.passkeys.borrow_mut().remove(&staff);
        Ok(())
    }
}

fn row_of(staff: StaffId) -> String {
    format!("{ROWS}{staff}")
}
