//! People and tablets of the venue: done at the centre, so only while it answers.

use std::cmp::Reverse;

use yingke_core::{
    id::StaffId,
    permit::{HouseWork, does_house_work, stands_above},
    wire::v1::{HouseDeed, HouseDone, KnownTablet, Staff},
};

use super::Roster;
pub use crate::browser::http::HouseTrouble;

impl Roster {
    /// Whether my post does this work.
    #[must_use]
    pub fn does_house_work(self, work: HouseWork) -> bool {
        self.me_now().is_some_and(|me| does_house_work(me.role, work))
    }

    /// Whether somebody is below me, so that I may help with their PIN or change their post.
    #[must_use]
    pub fn stands_above(self, other: &Staff) -> bool {
        self.me_now().is_some_and(|me| me.id != other.id && stands_above(me.role, other.role))
    }

    /// Everybody of my venue, who left too; by post as the catalogue has them. Subscribes.
    #[must_use]
    pub fn colleagues(self) -> Vec<Staff> {
        let Some(me) = self.me_now() else { return Vec::new() };
        let mut staff = self.everybody();
        staff.retain(|staff| staff.venue == me.venue.id);
        staff.sort_by_key(|staff| (Reverse(staff.active), staff.role, staff.id));
        staff
    }

    /// An id for somebody new. It stays the same however often the ask is repeated.
    #[must_use]
    pub fn new_staff_id(self) -> StaffId {
        StaffId::from_bytes(self.new_id().bytes())
    }

    /// Does one thing; who works here is asked anew after it.
    ///
    /// # Errors
    /// [`HouseTrouble`]: nothing was done, or nobody can tell, and doing it again does no harm.
    pub async fn house_work(self, deed: HouseDeed) -> Result<HouseDone, HouseTrouble> {
        let done = self.inner().browser.http().house_work(deed).await?;
        self.fetch_directory().await;
        Ok(done)
    }

    /// The tablets of my venue, those in use first.
    ///
    /// # Errors
    /// [`HouseTrouble`]
    pub async fn tablets(self) -> Result<Vec<KnownTablet>, HouseTrouble> {
        let mut tablets = self.inner().browser.http().tablets().await?;
        tablets.sort_by_key(|tablet| (tablet.revoked_at.is_some(), Reverse(tablet.seen_at)));
        Ok(tablets)
    }
}
