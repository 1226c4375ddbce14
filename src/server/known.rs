//! The filter of known phones: tells a tablet that a number may be known here, and nothing else.

use std::sync::{Arc, Mutex};

use yingke_core::id::OrganisationId;

use crate::ledger::{Ledger, LedgerError};

/// A filter and the text that changes whenever it does.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub version: String,
    pub bytes: Arc<[u8]>,
}

/// The filters that were built last, by organisation.
#[derive(Debug, Default)]
pub struct KnownPhones {
    built: Mutex<std::collections::BTreeMap<OrganisationId, Known>>,
}

impl KnownPhones {
    /// The version of the filter that was built last; empty before the first.
    #[must_use]
    pub fn version(&self, organisation: OrganisationId) -> String {
        let built = self.built.lock().expect("nobody panics while holding the filters");
        built.get(&organisation).map(|known| known.version.clone()).unwrap_or_default()
    }

    /// # Errors
    /// [`LedgerError`]
    pub async fn get(&self, _ledger: &dyn Ledger, organisation: OrganisationId) -> Result<Known, LedgerError> {
        let built = self.built.lock().expect("nobody panics while holding the filters");
        Ok(built.get(&organisation).cloned().unwrap_or_default())
    }
}
