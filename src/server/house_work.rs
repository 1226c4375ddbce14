//! What supervisors and managers do with the people and tablets of their venue, from a tablet: the same as on the command
//! line, within what their post may do.

use yingke_core::{
    id::{OrganisationId, StaffId, VenueId},
    permit::{HouseWork, does_house_work, stands_above},
    time::{DAY_MS, Millis},
    wire::v1::{HouseDeed, HouseDone, KnownTablet, Staff, Tablets},
};

use crate::{
    admin::NAME_MAX,
    house::House,
    keys,
    ledger::LedgerError,
    register::{Device, DeviceRow, Register},
};

/// A code that is given out from a tablet is used within the day.
const CODE_DAYS: i64 = 1;
/// Tablets that one code enrols, at most.
const CODE_USES_MAX: u32 = 50;

/// Why nothing was done.
#[derive(Debug)]
pub enum NotDone {
    /// Not with this post, or not to somebody who stands as high.
    NotYours,
    /// There is no such person or tablet at this venue.
    Unknown,
    /// Somebody who works here is called that already.
    SameName,
    /// The name or the number makes no sense.
    Malformed(String),
    Ledger(LedgerError),
}

impl From<LedgerError> for NotDone {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// The tablets of somebody's venue.
///
/// # Errors
/// [`NotDone`]
pub async fn tablets(register: &dyn Register, house: &House, me: &Staff, now: Millis) -> Result<Tablets, NotDone> {
    may(me, HouseWork::EnrolTablets)?;
    let tablets = of_venue(register, house.organisation, me.venue).await?;
    Ok(Tablets { tablets: tablets.into_iter().map(KnownTablet::from).collect(), server_time: now })
}

/// The tablet that a new one takes the place of by its name: of those that were here since their enrolment, the last heard of.
/// One that was shut out hands in what it holds, and is no loss.
///
/// # Errors
/// [`LedgerError`]
pub async fn namesake(register: &dyn Register, new: &Device) -> Result<Option<KnownTablet>, LedgerError> {
    let mut known = of_venue(register, new.organisation, new.venue).await?;
    known.retain(|tablet| {
        tablet.number != new.number
            && tablet.name == new.name
            && tablet.revoked_at.is_none()
            && tablet.seen_at > tablet.enrolled_at
    });
    Ok(known.into_iter().max_by_key(|tablet| tablet.seen_at).map(KnownTablet::from))
}

/// Does one thing, whole or not at all.
///
/// # Errors
/// [`NotDone`]; nothing was altered then.
pub async fn run(
    register: &dyn Register,
    house: &House,
    me: &Staff,
    deed: HouseDeed,
    now: Millis,
) -> Result<HouseDone, NotDone> {
    let organisation = house.organisation;
    let mut done = HouseDone::default();
    match deed {
        HouseDeed::AddStaff { id, name, role } => {
            may(me, HouseWork::ChangeStaff)?;
            above(me, role)?;
            let name = named(&name)?;
            let staff = Staff { id, name, role, venue: me.venue, active: true };
            let pin = keys::new_pin();
            match house.staff.get(&id) {
                // The answer was lost on its way: the PIN that it held is known to nobody.
                Some(there) if *there == staff => register.set_pin(organisation, id, &keys::pin_hash(&pin)).await?,
                Some(_) => return Err(NotDone::Malformed("the id is somebody else's".into())),
                None if of_my_venue(house, me).any(|other| other.active && other.name == staff.name) => {
                    return Err(NotDone::SameName);
                }
                None => register.add_staff(organisation, &staff, &keys::pin_hash(&pin)).await?,
            }
            done.pin = Some(pin);
        }
        HouseDeed::ChangeRole { staff, role } => {
            let staff = below(house, me, HouseWork::ChangeStaff, staff)?;
            above(me, role)?;
            register.change_staff(organisation, &Staff { role, ..staff.clone() }, now).await?;
        }
        HouseDeed::EndStaff { staff } => {
            let staff = below(house, me, HouseWork::ChangeStaff, staff)?;
            register.disable_staff(organisation, staff.id, now).await?;
        }
        HouseDeed::ResetPin { staff } => {
            let staff = below(house, me, HouseWork::ResetPin, staff)?;
            let pin = keys::new_pin();
            register.set_pin(organisation, staff.id, &keys::pin_hash(&pin)).await?;
            done.pin = Some(pin);
        }
        HouseDeed::NewCode { uses } => {
            may(me, HouseWork::EnrolTablets)?;
            if !(1..=CODE_USES_MAX).contains(&uses) {
                return Err(NotDone::Malformed(format!("a code is for 1 to {CODE_USES_MAX} tablets")));
            }
            let (code, until) = (keys::new_code(), now.plus(CODE_DAYS * DAY_MS));
            register.add_code(organisation, me.venue, keys::code_hash(&code), uses, until).await?;
            (done.code, done.until) = (Some(code), Some(until));
        }
        HouseDeed::RevokeTablet { number } => {
            may(me, HouseWork::RevokeTablet)?;
            let known = of_venue(register, organisation, me.venue).await?;
            if !known.iter().any(|tablet| tablet.number == number) {
                return Err(NotDone::Unknown);
            }
            // One that is shut out already stays so.
            register.revoke(organisation, number, now).await?;
        }
    }
    Ok(done)
}

fn may(me: &Staff, work: HouseWork) -> Result<(), NotDone> {
    if does_house_work(me.role, work) { Ok(()) } else { Err(NotDone::NotYours) }
}

fn above(me: &Staff, role: yingke_core::audience::Role) -> Result<(), NotDone> {
    if stands_above(me.role, role) { Ok(()) } else { Err(NotDone::NotYours) }
}

/// Somebody of my venue who works here, is not me, and stands below me.
fn below<'a>(house: &'a House, me: &Staff, work: HouseWork, id: StaffId) -> Result<&'a Staff, NotDone> {
    may(me, work)?;
    let staff = of_my_venue(house, me).find(|staff| staff.id == id && staff.active).ok_or(NotDone::Unknown)?;
    if staff.id == me.id {
        return Err(NotDone::NotYours);
    }
    above(me, staff.role)?;
    Ok(staff)
}

fn of_my_venue<'a>(house: &'a House, me: &Staff) -> impl Iterator<Item = &'a Staff> {
    let venue = me.venue;
    house.staff.values().filter(move |staff| staff.venue == venue)
}

async fn of_venue(
    register: &dyn Register,
    organisation: OrganisationId,
    venue: VenueId,
) -> Result<Vec<DeviceRow>, LedgerError> {
    let mut tablets = register.devices(organisation).await?;
    tablets.retain(|tablet| tablet.venue == venue);
    tablets.sort_by_key(|tablet| tablet.number);
    Ok(tablets)
}

fn named(typed: &str) -> Result<String, NotDone> {
    let name = typed.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(NotDone::Malformed(format!("a name has 1 to {NAME_MAX} letters")));
    }
    Ok(name.into())
}
