//! The packs that an organisation goes by: those that ship, and in the place of some of them those that it published.

use std::sync::LazyLock;

use super::{Pack, PackError, VenueKind};
use crate::work::Work;

/// One pack as the build, and whoever publishes one, write it.
#[derive(Debug, Clone, Copy)]
pub struct Built<'a> {
    /// `core`, or the kind of venue that it is for.
    pub key: &'a str,
    /// What forms need.
    pub text: &'a str,
    /// Machines, rules, tasks, figures, reports.
    pub work: &'a str,
}

/// What is common to all kinds of venue.
pub const COMMON: &str = "core";

macro_rules! shipped {
    ($key:literal) => {
        Built {
            key: $key,
            text: include_str!(concat!(env!("OUT_DIR"), "/", $key, ".pack")),
            work: include_str!(concat!(env!("OUT_DIR"), "/", $key, ".work")),
        }
    };
}

pub(super) const CORE: Built<'static> = shipped!("core");
pub(super) const FITNESS: Built<'static> = shipped!("fitness");
pub(super) const SPORTS: Built<'static> = shipped!("sports");
/// The kinds of venue that have a pack of their own.
pub const KINDS: [VenueKind; 2] = [VenueKind::Fitness, VenueKind::Sports];

/// The number of a pack is that of the club's edition, and beside it, below this, that of what ships.
const EDITION: u32 = 1_000;

/// The club's edition that the number of a pack tells of; 0 for one that ships.
#[must_use]
pub fn edition_of(version: u32) -> u32 {
    version / EDITION
}

/// What each kind of venue goes by.
#[derive(Debug, Clone)]
pub struct Packs([(Pack, Work); KINDS.len()]);

impl Packs {
    /// Those that ship.
    #[must_use]
    pub fn shipped() -> &'static Self {
        static PACKS: LazyLock<Packs> = LazyLock::new(|| Packs::read(&[], 0).expect("the build has checked them"));
        &PACKS
    }

    /// Those that ship, with others in the place of some; `edition` counts what the club has published, from 1.
    ///
    /// # Errors
    /// [`PackError`], by the first line that this version cannot read.
    pub fn read(published: &[Built<'_>], edition: u32) -> Result<Self, PackError> {
        let in_place_of = |shipped: Built<'static>| {
            published.iter().find(|built| built.key == shipped.key).copied().unwrap_or(shipped)
        };
        let common = in_place_of(CORE);
        let read = |kind: VenueKind, shipped: Built<'static>| {
            let own = in_place_of(shipped);
            let work = Work::read(kind, &[common.work, own.work])?;
            Ok((Pack::read(kind, common.text, own.text)?, work))
        };
        let mut packs = Self([read(VenueKind::Fitness, FITNESS)?, read(VenueKind::Sports, SPORTS)?]);
        if edition > 0 {
            for (pack, _) in &mut packs.0 {
                let shipped = Self::shipped().pack(pack.kind).version % EDITION;
                pack.version = edition.saturating_mul(EDITION).saturating_add(shipped);
            }
        }
        Ok(packs)
    }

    #[must_use]
    pub fn pack(&self, kind: VenueKind) -> &Pack {
        &self.of(kind).0
    }

    #[must_use]
    pub fn work(&self, kind: VenueKind) -> &Work {
        &self.of(kind).1
    }

    fn of(&self, kind: VenueKind) -> &(Pack, Work) {
        match kind {
            // Billiards clubs and postpartum centres get their own packs; until then they work with the club's.
            VenueKind::Fitness | VenueKind::Billiards | VenueKind::Postpartum => &self.0[0],
            VenueKind::Sports => &self.0[1],
        }
    }
}
