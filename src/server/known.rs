//! The filter of known phones: tells a tablet that a number may be known here, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use sha2::{Digest, Sha256};
use yingke_core::{
    filter::Filter,
    id::OrganisationId,
    phone::PhoneNumber,
    time::{MINUTE_MS, Millis},
    wire::v1::hex_text,
};

use crate::{
    keys::Secrets,
    ledger::{Ledger, LedgerError},
};

/// A filter is built anew when it is older than this and something was written since. Until then a tablet that
/// does not hold the number itself does not know it yet; the duplicate is found when both records meet.
const REBUILD_MS: i64 = MINUTE_MS;
/// Records read at once.
const RECORDS_MAX: usize = 2_000;

/// A filter and the text that changes whenever it does.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub version: String,
    /// The club's key, then the filter.
    pub bytes: Arc<[u8]>,
}

#[derive(Debug, Clone, Default)]
struct Built {
    known: Known,
    /// The epoch and the end of the ledger it was built from.
    of: (String, u64),
    at: Millis,
    building: bool,
}

/// The filters that were built last, by organisation.
#[derive(Debug, Default)]
pub struct KnownPhones {
    built: Mutex<BTreeMap<OrganisationId, Built>>,
}

impl KnownPhones {
    /// The version of the filter that was built last; empty before the first.
    #[must_use]
    pub fn version(&self, organisation: OrganisationId) -> String {
        self.built().get(&organisation).map(|built| built.known.version.clone()).unwrap_or_default()
    }

    /// The filter that was built last.
    #[must_use]
    pub fn get(&self, organisation: OrganisationId) -> Known {
        self.built().get(&organisation).map(|built| built.known.clone()).unwrap_or_default()
    }

    /// Builds it anew if it is due and nobody else is at it.
    ///
    /// # Errors
    /// [`LedgerError`]; the one before stays in use.
    pub async fn renew(
        &self,
        ledger: &dyn Ledger,
        organisation: OrganisationId,
        secrets: &Secrets,
        now: Millis,
    ) -> Result<(), LedgerError> {
        if !self.begin(organisation, now) {
            return Ok(());
        }
        let made = match position(ledger, organisation).await {
            Ok(of) => self.build(ledger, organisation, secrets, of).await,
            Err(error) => Err(error),
        };
        let mut built = self.built();
        let entry = built.entry(organisation).or_default();
        (entry.building, entry.at) = (false, now);
        if let Some((known, of)) = made? {
            (entry.known, entry.of) = (known, of);
        }
        Ok(())
    }

    /// Whether it is this caller's turn to build.
    fn begin(&self, organisation: OrganisationId, now: Millis) -> bool {
        let mut built = self.built();
        let entry = built.entry(organisation).or_default();
        let due = entry.known.version.is_empty() || now.since(entry.at) >= REBUILD_MS;
        let begins = due && !entry.building;
        entry.building |= begins;
        begins
    }

    async fn build(
        &self,
        ledger: &dyn Ledger,
        organisation: OrganisationId,
        secrets: &Secrets,
        of: (String, u64),
    ) -> Result<Option<(Known, (String, u64))>, LedgerError> {
        let unchanged = {
            let built = self.built();
            built.get(&organisation).is_some_and(|built| !built.known.version.is_empty() && built.of == of)
        };
        if unchanged {
            return Ok(None);
        }
        let mut phones: BTreeSet<String> = BTreeSet::new();
        let mut after = None;
        loop {
            let records = ledger.records(organisation, Some("person"), after, RECORDS_MAX).await?;
            let Some(last) = records.last() else { break };
            after = Some(last.id);
            phones.extend(records.iter().filter_map(|record| record.text("phone")).map(str::to_owned));
        }
        let phones: Vec<PhoneNumber> = phones.iter().filter_map(|phone| PhoneNumber::from_e164(phone)).collect();
        let bytes = Filter::build(secrets.known_phones_key(), phones.iter()).bytes_with_key();
        let version = hex_text(&Sha256::digest(&bytes)[..8]);
        Ok(Some((Known { version, bytes: bytes.into() }, of)))
    }

    fn built(&self) -> std::sync::MutexGuard<'_, BTreeMap<OrganisationId, Built>> {
        self.built.lock().expect("nobody panics while holding the filters")
    }
}

/// Where the ledger stands. A copy that was put back and an erasure begin an epoch, whatever the numbers.
async fn position(ledger: &dyn Ledger, organisation: OrganisationId) -> Result<(String, u64), LedgerError> {
    let heads = ledger.heads(organisation).await?;
    let number = heads.values().map(|head| head.number).max().unwrap_or(0);
    Ok((ledger.epoch(organisation).await?, number))
}

#[cfg(test)]
mod tests {
    use yingke_core::{change::Ranked, fixture, stamp::Stamp, time::DAY_MS};

    use super::*;
    use crate::ledger::{Batch, Candidate, memory::MemoryLedger};

    #[tokio::test]
    async fn it_is_built_anew_when_somebody_was_erased_though_nothing_was_written() {
        let (ledger, secrets, known) = (MemoryLedger::new("e1"), Secrets::new(), KnownPhones::default());
        let organisation = fixture::organisation();
        let later = Ranked::provisional(Stamp::at(fixture::NOW), fixture::two_audience_change());
        let person = fixture::phone_change();
        let candidates = [&person, &later].map(|ranked| Candidate::new(ranked.clone(), None)).into();
        ledger.append(organisation, Batch { pushed: None, candidates, now: fixture::NOW }).await.unwrap();
        let phone = PhoneNumber::from_e164("+8613800138000").unwrap();
        let knows = async |now: Millis| {
            known.renew(&ledger, organisation, &secrets, now).await.unwrap();
            Filter::read_with_key(&known.get(organisation).bytes).unwrap().contains(&phone)
        };
        assert!(knows(fixture::NOW).await);
        let record = person.change.edits().next().unwrap().record;
        // The other edit of this record in the later change goes too; its second one keeps the number.
        ledger.erase(organisation, &[record].into(), "e2", fixture::NOW).await.unwrap();
        assert!(!knows(fixture::NOW.plus(DAY_MS)).await);
    }
}
