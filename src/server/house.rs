//! The club as it stands: who works where, and which audiences that opens.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sha2::{Digest, Sha256};
use yingke_core::{
    audience::{Audience, Role, may_hold, may_write},
    id::{OrganisationId, StaffId, VenueId},
    pack::{Pack, VenueKind},
    time::{DAY_MS, Millis},
    wire::v1::{Directory, Staff, Venue, hex_text},
    work::Work,
};

use crate::packs::InForce;

fn kind_of(venue: Option<&Venue>) -> VenueKind {
    venue.map_or_else(VenueKind::default, |venue| VenueKind::from_key(&venue.pack))
}

/// An organisation, its venues and its people.
#[derive(Debug, Clone)]
pub struct House {
    pub organisation: OrganisationId,
    pub name: String,
    pub venues: BTreeMap<VenueId, Venue>,
    pub staff: BTreeMap<StaffId, Staff>,
    /// What they were before, the earliest first.
    pub staff_before: BTreeMap<StaffId, Vec<Before>>,
    /// What it goes by.
    pub packs: Arc<InForce>,
}

/// What somebody was until a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    pub until: Millis,
    pub role: Role,
    pub venue: VenueId,
    pub active: bool,
}

/// For how long what people were, and what they went by, is taken into account: no tablet is longer without contact and in
/// use.
pub const LATE_MS: i64 = 14 * DAY_MS;

impl House {
    /// Someone who works here now.
    #[must_use]
    pub fn active(&self, id: StaffId) -> Option<&Staff> {
        self.staff.get(&id).filter(|staff| staff.active)
    }

    /// Somebody as they are, and as they were when they made something that arrives now, where they work or worked here.
    /// What they became is no reason to refuse what they did before, as long as a tablet can have been on its way; and what
    /// they could not do then they can send again once they may.
    #[must_use]
    pub fn as_whom(&self, id: StaffId, made_at: Millis, now: Millis) -> Vec<Cow<'_, Staff>> {
        let Some(staff) = self.staff.get(&id) else { return Vec::new() };
        let mut before = self.staff_before.get(&id).into_iter().flatten();
        let was = before.find(|was| made_at <= was.until && now.since(was.until) <= LATE_MS);
        let was =
            was.map(|was| Cow::Owned(Staff { role: was.role, venue: was.venue, active: was.active, ..staff.clone() }));
        [Cow::Borrowed(staff)].into_iter().chain(was).filter(|staff| staff.active).collect()
    }

    /// Whether there is such an audience: its venue and its owner are known.
    #[must_use]
    pub fn knows(&self, audience: &Audience) -> bool {
        let owner_is_known = match audience {
            Audience::Own(_, staff) => self.staff.contains_key(staff),
            Audience::Desk(_) | Audience::Circle(_, _) => true,
        };
        self.venues.contains_key(&audience.venue()) && owner_is_known
    }

    /// What a venue asks for; a fitness club's where there is no such venue.
    #[must_use]
    pub fn pack(&self, venue: Option<&Venue>) -> &Pack {
        self.packs.pack(kind_of(venue))
    }

    #[must_use]
    pub fn work(&self, venue: Option<&Venue>) -> &Work {
        self.packs.work(kind_of(venue))
    }

    #[must_use]
    pub fn may_write(&self, author: &Staff, audience: &Audience) -> bool {
        self.knows(audience) && may_write(author.id, author.role, author.venue, audience)
    }

    /// Every audience that a person may hold: those of the venue, whether anything was written there yet or
    /// not, and the circles that have been written to.
    #[must_use]
    pub fn held<'a>(&self, person: &Staff, written: impl Iterator<Item = &'a Audience>) -> BTreeSet<Audience> {
        let venue = person.venue;
        let owners = self.staff.values().filter(|staff| staff.venue == venue);
        let all = owners.map(|staff| Audience::Own(venue, staff.id)).chain([Audience::Desk(venue)]);
        all.chain(written.cloned()).filter(|audience| may_hold(person.id, person.role, venue, audience)).collect()
    }

    /// What tablets know of it. The version is a hash of the rest.
    #[must_use]
    pub fn directory(&self) -> Directory {
        let mut directory = Directory {
            version: String::new(),
            organisation: self.organisation,
            organisation_name: self.name.clone(),
            venues: self.venues.values().cloned().collect(),
            staff: self.staff.values().cloned().collect(),
            packs: self.packs.published.mark.clone(),
        };
        let text = serde_json::to_vec(&directory).expect("a directory can be written as JSON");
        directory.version = hex_text(&Sha256::digest(text)[..8]);
        directory
    }
}
