//! The packs that a club goes by: those that ship until it publishes others, and those from then on.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};
use yingke_core::{
    id::OrganisationId,
    pack::{FieldType, Form, KINDS, Pack, Packs, VenueKind, edition_of},
    schema::is_own,
    time::Millis,
    wire::v1::{PublishedPack, PublishedPacks, hex_text},
    work::Work,
};

use crate::{
    export::time_of,
    house::LATE_MS,
    pack_check::{Sources, Written},
};

/// A pack that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub at: Millis,
    /// Of it and all before it: tablets and processes know by it what is in force.
    pub mark: String,
    pub written: Written,
}

/// The mark of what is in force with a pack that is published after others.
#[must_use]
pub fn mark(before: &str, pack: &PublishedPack) -> String {
    let mut hash = Sha256::new_with_prefix(b"yingke packs 1");
    for part in [before, &pack.key, &pack.version.to_string(), &pack.text, &pack.work] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex_text(&hash.finalize()[..8])
}

/// What a club goes by now, and went by before: a change is judged by what its author had at hand.
#[derive(Debug)]
pub struct InForce {
    /// What tablets read of it.
    pub published: PublishedPacks,
    /// Of all that was published, also of what this version of the program passes over.
    pub seen: String,
    /// What came into force with each publication, after those that ship; of one that was passed over what stood before.
    editions: Vec<Edition>,
}

#[derive(Debug)]
struct Edition {
    packs: Packs,
    /// When the next came into force.
    until: Option<Millis>,
}

impl InForce {
    /// Where nothing was published.
    #[must_use]
    pub fn shipped() -> Arc<Self> {
        static SHIPPED: LazyLock<Arc<InForce>> = LazyLock::new(|| Arc::new(InForce::of(&[])));
        SHIPPED.clone()
    }

    /// After all that was published, in its order. What this version of the program cannot read is passed over, and what
    /// was in force before stays.
    #[must_use]
    pub fn of(published: &[Published]) -> Self {
        let first = Edition { packs: Packs::shipped().clone(), until: None };
        let mut in_force = Self { published: PublishedPacks::default(), seen: String::new(), editions: vec![first] };
        for (edition, Published { at, mark, written: Written { pack, .. } }) in (1..).zip(published) {
            let mut next = PublishedPacks { mark: mark.clone(), edition, ..in_force.published.clone() };
            next.packs.retain(|other| other.key != pack.key);
            next.packs.push(pack.clone());
            let packs = match next.read() {
                Ok(packs) => {
                    in_force.published = next;
                    packs
                }
                Err(error) => {
                    tracing::error!(pack = pack.key, pack.version, %error, "a published pack is not in force");
                    in_force.now().clone()
                }
            };
            in_force.seen.clone_from(mark);
            in_force.editions.last_mut().expect("the first is there from the beginning").until = Some(*at);
            in_force.editions.push(Edition { packs, until: None });
        }
        in_force
    }

    #[must_use]
    pub fn pack(&self, kind: VenueKind) -> &Pack {
        self.now().pack(kind)
    }

    #[must_use]
    pub fn work(&self, kind: VenueKind) -> &Work {
        self.now().work(kind)
    }

    /// What a change was made by whose header names a version; what is in force now, if there was no such edition or it
    /// was replaced too long before.
    #[must_use]
    pub fn of_version(&self, version: u32, made_at: Millis) -> &Packs {
        let edition = usize::try_from(edition_of(version)).ok().and_then(|edition| self.editions.get(edition));
        let is_in_time = |edition: &&Edition| edition.until.is_none_or(|until| made_at.since(until) <= LATE_MS);
        edition.filter(is_in_time).map_or_else(|| self.now(), |edition| &edition.packs)
    }

    /// All that was in force, the last of them now.
    pub fn editions(&self) -> impl Iterator<Item = &Packs> {
        self.editions.iter().map(|edition| &edition.packs)
    }

    /// The fields that the club adds, or once added, to a kind of record, and their types.
    #[must_use]
    pub fn own_fields(&self, kind: &str) -> BTreeMap<&str, &FieldType> {
        let packs = self.editions().flat_map(|packs| KINDS.map(|venue| packs.pack(venue)));
        let forms = packs.flat_map(|pack| &pack.forms).filter(|form| *form.record == *kind);
        let fields = forms.flat_map(Form::fields).filter(|field| is_own(field.key.as_str()));
        fields.map(|field| (field.key.as_str(), &field.kind)).collect()
    }

    fn now(&self) -> &Packs {
        &self.editions.last().expect("the first is there from the beginning").packs
    }
}

/// What a process read of each club's packs at last.
#[derive(Debug, Clone, Default)]
pub struct PacksRead(Arc<Mutex<BTreeMap<OrganisationId, Arc<InForce>>>>);

impl PacksRead {
    #[must_use]
    pub fn get(&self, organisation: OrganisationId) -> Option<Arc<InForce>> {
        self.held().get(&organisation).cloned()
    }

    pub fn keep(&self, organisation: OrganisationId, in_force: Arc<InForce>) {
        self.held().insert(organisation, in_force);
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<OrganisationId, Arc<InForce>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which packs are in force, for people to read, and what this version of the program finds wrong with them.
#[must_use]
pub fn told(published: &[Published]) -> String {
    let (shipped, in_force) = (Sources::shipped(), sources(published));
    let mut told = String::new();
    for key in shipped.keys() {
        let ships = shipped.version(key);
        let Some(Published { at, written, .. }) = published.iter().rev().find(|it| it.written.pack.key == key) else {
            told += &format!("{key}: version {ships}, as it ships with the program\n");
            continue;
        };
        let at = time_of(*at, 0);
        told += &format!(
            "{key}: version {}, published {at} UTC; version {ships} ships with the program\n",
            written.pack.version
        );
        if let Some(fault) = in_force.fault_of(key) {
            told += &format!("  this version of the program finds a fault in its line {fault}\n");
        }
    }
    if !published.is_empty() {
        told += &format!("Tablets show the club's edition {}.\n", published.len());
    }
    told
}

/// How people wrote what is in force.
#[must_use]
pub fn sources(published: &[Published]) -> Sources {
    let mut sources = Sources::shipped();
    for Published { written, .. } in published {
        sources.put(&written.pack.key, &written.source);
    }
    sources
}

#[cfg(test)]
mod tests {
    use yingke_core::time::DAY_MS;

    use super::*;

    const FIRST: Millis = Millis(1_000 * DAY_MS);

    /// The pack of sports venues as a version of its own, published some days after the first.
    fn published(version: u32, days: i64) -> Published {
        let text = Sources::shipped().get("sports").unwrap().replacen(
            "\nversion = 1\n",
            &format!("\nversion = {version}\n"),
            1,
        );
        let written = Sources::shipped().with(&text).unwrap();
        Published { at: FIRST.plus(days * DAY_MS), mark: mark(&version.to_string(), &written.pack), written }
    }

    #[test]
    fn what_this_version_cannot_read_is_passed_over_until_there_is_another() {
        let [first, mut broken, next] = [published(2, 0), published(3, 1), published(4, 2)];
        broken.written.pack.text.push_str("x\t\tB\tbool\n");
        let before = InForce::of(&[first.clone(), broken.clone()]);
        assert_eq!(
            (&before.published.mark, before.published.edition),
            (&first.mark, 1),
            "tablets read what is readable"
        );
        assert_eq!(before.seen, broken.mark);
        assert_eq!(edition_of(before.pack(VenueKind::Sports).version), 1);
        let after = InForce::of(&[first, broken, next.clone()]);
        assert_eq!((&after.published.mark, after.published.edition), (&next.mark, 3));
        assert_eq!(after.published.packs.len(), 1);
        assert_eq!(edition_of(after.pack(VenueKind::Sports).version), 3);
    }

    #[test]
    fn a_change_is_judged_by_what_its_author_had_as_long_as_somebody_can_have_it() {
        let in_force = InForce::of(&[published(2, 0), published(3, 30)]);
        let edition = |version, days| {
            edition_of(in_force.of_version(version, FIRST.plus(days * DAY_MS)).pack(VenueKind::Sports).version)
        };
        let [shipped, first] = [1, 1_001];
        assert_eq!((edition(shipped, -1), edition(shipped, 13), edition(shipped, 15)), (0, 0, 2));
        assert_eq!((edition(first, 29), edition(first, 43), edition(first, 45)), (1, 1, 2));
        assert_eq!(edition(9_001, 31), 2, "of a ledger that was put back");
    }
}
