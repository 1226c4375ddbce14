//! A second way to what a person's PIN gives: it lies sealed under a secret that only their passkey gives.
//!
//! The person's own row stays the only copy of their keys, so that nothing which wraps them anew has to know of passkeys.
//! A passkey is for one PIN under one salt: with another of either it opens nothing, and is dropped.

use std::{collections::BTreeSet, rc::Rc};

use yingke_core::{id::StaffId, journal::AppendError};

use super::{Confirmed, Secret, UnlockError, Vault};
use crate::browser::{
    idb::META,
    rows::Sealed,
    seal::{Key, forget},
};

pub(super) const ROWS: &str = "passkey:";
/// What HKDF is told for the key round what a PIN gives.
const INFO: &[u8] = b"yingke passkey 1";
const VERSION: u8 = 1;

/// A credential of the tablet's authenticator, and the salt of which it makes its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    pub credential: Vec<u8>,
    pub salt: Vec<u8>,
}

/// A passkey that is kept here.
pub(super) struct Held {
    passkey: Passkey,
    /// Of the person's row when it was made.
    pin_salt: Vec<u8>,
    /// What the PIN gave.
    sealed: Sealed,
}

impl Held {
    /// As it lies in the database: the version, then each part after its length.
    fn row(&self) -> Vec<u8> {
        let Self { passkey: Passkey { credential, salt }, pin_salt, sealed: Sealed { nonce, bytes } } = self;
        let mut row = vec![VERSION];
        for part in [credential, salt, pin_salt, nonce.as_slice(), bytes] {
            let length = u16::try_from(part.len()).expect("the longest is a credential's id, of at most 1,023 bytes");
            row.extend_from_slice(&length.to_be_bytes());
            row.extend_from_slice(part);
        }
        row
    }

    /// `None` for a row of another version of the app, too.
    fn read(row: &[u8]) -> Option<Self> {
        let (version, mut rest) = row.split_first()?;
        if *version != VERSION {
            return None;
        }
        let mut part = || {
            let (length, after) = rest.split_first_chunk()?;
            let (part, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
            rest = after;
            Some(part.to_vec())
        };
        let passkey = Passkey { credential: part()?, salt: part()? };
        let pin_salt = part()?;
        Some(Self { passkey, pin_salt, sealed: Sealed { nonce: part()?.try_into().ok()?, bytes: part()? } })
    }
}

/// Whose passkey lies in a row, and which.
pub(super) fn read(key: &str, row: &[u8]) -> Option<(StaffId, Held)> {
    Some((key.strip_prefix(ROWS)?.parse().ok()?, Held::read(row)?))
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
        let held = Held { passkey, pin_salt: salt.clone(), sealed };
        let (key, row) = (row_of(*staff), held.row());
        self.inner.database.write(&[META], async |tx| tx.put(META, key.as_str(), &row)).await?;
        self.inner.passkeys.borrow_mut().insert(*staff, held);
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
        let held = row.and_then(|row| Held::read(&row)).filter(|held| held.pin_salt == kept.salt);
        let mut session = None;
        if let Some(held) = held
            && let Ok(secret) = key.open(&held.sealed, &self.bound_to(staff)?).await.map(Secret)
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
