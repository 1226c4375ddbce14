//! The packs that a club goes by: those that ship until it publishes others, and those from then on.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};
use yingke_core::{
    id::OrganisationId,
    pack::{FieldType, Form, KINDS, Pack, Packs, VenueKind},
    schema::is_own,
    time::Millis,
    wire::v1::{PublishedPack, PublishedPacks, hex_text},
    work::Work,
};

use crate::{
    export::time_of,
    pack_check::{Sources, Written},
};

/// A pack that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub at: Millis,
    /// Of it and all before it: tablets and processes know by it what is in force.
    pub mark: String,
    pub pack: Written,
}

/// The mark of what is in force with a pack that is published after others.
#[must_use]
pub fn mark(before: &str, pack: &Written) -> String {
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
    /// Empty while those that ship are in force.
    pub mark: String,
    /// The last is in force.
    editions: Vec<Packs>,
    /// The latest of each key.
    latest: Vec<PublishedPack>,
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
        let mark = published.last().map(|last| last.mark.clone()).unwrap_or_default();
        let mut in_force = Self { mark, editions: vec![Packs::shipped().clone()], latest: Vec::new() };
        for Published { pack, .. } in published {
            let mut latest = in_force.latest.clone();
            latest.retain(|other| other.key != pack.key);
            let (key, text, work) = (pack.key.clone(), pack.text.clone(), pack.work.clone());
            latest.push(PublishedPack { key, version: pack.version, text, work });
            match Packs::read(&latest.iter().map(PublishedPack::built).collect::<Vec<_>>()) {
                Ok(packs) => {
                    in_force.editions.push(packs);
                    in_force.latest = latest;
                }
                Err(error) => {
                    tracing::error!(pack = pack.key, pack.version, %error, "a published pack is not in force")
                }
            }
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

    /// What a change was made by whose header names a version; what is in force now, if none had it.
    #[must_use]
    pub fn of_version(&self, kind: VenueKind, version: u32) -> &Packs {
        let had = self.editions.iter().rev().find(|packs| packs.pack(kind).version == version);
        had.unwrap_or_else(|| self.now())
    }

    /// The fields that the club adds, or once added, to a kind of record, and their types.
    #[must_use]
    pub fn own_fields(&self, kind: &str) -> BTreeMap<&str, &FieldType> {
        let packs = self.editions.iter().flat_map(|packs| KINDS.map(|venue| packs.pack(venue)));
        let forms = packs.flat_map(|pack| &pack.forms).filter(|form| *form.record == *kind);
        let fields = forms.flat_map(Form::fields).filter(|field| is_own(field.key.as_str()));
        fields.map(|field| (field.key.as_str(), &field.kind)).collect()
    }

    /// What tablets read.
    #[must_use]
    pub fn published(&self) -> PublishedPacks {
        PublishedPacks { mark: self.mark.clone(), packs: self.latest.clone() }
    }

    fn now(&self) -> &Packs {
        self.editions.last().expect("the first is there from the beginning")
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

/// Which packs are in force, for people to read.
#[must_use]
pub fn told(published: &[Published]) -> String {
    let shipped = Sources::shipped();
    let line = |key: &str| {
        let ships = shipped.version(key);
        match published.iter().rev().find(|published| published.pack.key == key) {
            Some(Published { at, pack, .. }) => format!(
                "{key}: version {}, published {} UTC; version {ships} ships with the program\n",
                pack.version,
                time_of(*at, 0)
            ),
            None => format!("{key}: version {ships}, as it ships with the program\n"),
        }
    };
    shipped.keys().map(line).collect()
}

/// How people wrote what is in force.
#[must_use]
pub fn sources(published: &[Published]) -> Sources {
    let mut sources = Sources::shipped();
    for Published { pack, .. } in published {
        sources.put(&pack.key, &pack.source);
    }
    sources
}
