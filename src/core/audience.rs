//! Who a record is for: the unit of scope, of keys, of pull streams and of digests.
//!
//! A device holds some audiences, each whole. Source: the permission matrix, domain catalogue 3.7.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::id::{StaffId, VenueId};

/// The readers of a record. Written `desk:<venue>`, `own:<venue>:<staff>`, `circle:<venue>:<name>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Audience {
    /// What the venue's desk shares: walk-in visits, people without an owner.
    Desk(VenueId),
    /// A person's own leads; their supervisors and the desk of the venue read it too.
    Own(VenueId, StaffId),
    /// A restricted circle such as `health` or `identity`.
    Circle(VenueId, Box<str>),
}

impl Audience {
    #[must_use]
    pub fn venue(&self) -> VenueId {
        match self {
            Self::Desk(venue) | Self::Own(venue, _) | Self::Circle(venue, _) => *venue,
        }
    }
}

/// A text that names no audience.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an audience: desk:<venue>, own:<venue>:<staff> or circle:<venue>:<name> is expected")]
pub struct AudienceError;

/// Letters in the name of a circle, at most.
const CIRCLE_LETTERS_MAX: usize = 24;

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Desk(venue) => write!(f, "desk:{venue}"),
            Self::Own(venue, staff) => write!(f, "own:{venue}:{staff}"),
            Self::Circle(venue, name) => write!(f, "circle:{venue}:{name}"),
        }
    }
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Audience {
    type Err = AudienceError;
    fn from_str(text: &str) -> Result<Self, AudienceError> {
        let mut parts = text.split(':');
        let kind = parts.next().ok_or(AudienceError)?;
        let venue = parts.next().and_then(|venue| venue.parse().ok()).ok_or(AudienceError)?;
        let audience = match (kind, parts.next()) {
            ("desk", None) => Self::Desk(venue),
            ("own", Some(staff)) => Self::Own(venue, staff.parse().map_err(|_| AudienceError)?),
            ("circle", Some(name))
                if (1..=CIRCLE_LETTERS_MAX).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_lowercase()) =>
            {
                Self::Circle(venue, name.into())
            }
            _ => return Err(AudienceError),
        };
        if parts.next().is_some() { Err(AudienceError) } else { Ok(audience) }
    }
}

impl From<Audience> for String {
    fn from(audience: Audience) -> Self {
        audience.to_string()
    }
}

impl TryFrom<String> for Audience {
    type Error = AudienceError;
    fn try_from(text: String) -> Result<Self, AudienceError> {
        text.parse()
    }
}

/// What someone does at the club. The keys are the roles of domain catalogue 3.6 that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Consultant,
    Reception,
    FrontDesk,
    FrontDeskSupervisor,
    CsSupervisor,
    PtManager,
    StoreManager,
}

impl Role {
    pub const ALL: [Role; 7] = [
        Role::Consultant,
        Role::Reception,
        Role::FrontDesk,
        Role::FrontDeskSupervisor,
        Role::CsSupervisor,
        Role::PtManager,
        Role::StoreManager,
    ];

    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Consultant => "consultant",
            Self::Reception => "reception",
            Self::FrontDesk => "front_desk",
            Self::FrontDeskSupervisor => "front_desk_supervisor",
            Self::CsSupervisor => "cs_supervisor",
            Self::PtManager => "pt_manager",
            Self::StoreManager => "store_manager",
        }
    }

    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.key() == key)
    }

    /// Whether the role leads others: enrols tablets, reads the leads of a team.
    #[must_use]
    pub fn leads(self) -> bool {
        match self {
            Self::FrontDeskSupervisor | Self::CsSupervisor | Self::StoreManager => true,
            Self::Consultant | Self::Reception | Self::FrontDesk | Self::PtManager => false,
        }
    }

    /// Whether the role sees every party of its venue, not only its own.
    #[must_use]
    pub fn sees_venue(self) -> bool {
        match self {
            Self::Reception | Self::FrontDesk | Self::FrontDeskSupervisor | Self::CsSupervisor | Self::StoreManager => {
                true
            }
            Self::Consultant | Self::PtManager => false,
        }
    }
}

/// Whether someone in this role at this venue may hold an audience: read it, and write into it.
///
/// A consultant's tablet holds only their own leads; the desk and the supervisors see the venue.
#[must_use]
pub fn may_hold(staff: StaffId, role: Role, venue: VenueId, audience: &Audience) -> bool {
    if audience.venue() != venue {
        return false;
    }
    match audience {
        Audience::Desk(_) => role.sees_venue(),
        Audience::Own(_, owner) => *owner == staff || role.sees_venue(),
        Audience::Circle(_, _) => role == Role::StoreManager,
    }
}

/// Whether they may write into an audience of their venue.
///
/// Whoever captures a lead may hand it to a colleague or to the desk without being able to read it there.
#[must_use]
pub fn may_write(staff: StaffId, role: Role, venue: VenueId, audience: &Audience) -> bool {
    match audience {
        Audience::Desk(_) => audience.venue() == venue,
        Audience::Own(_, _) | Audience::Circle(_, _) => may_hold(staff, role, venue, audience),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chance::Seeded, time::Millis};

    fn ids() -> (VenueId, VenueId, StaffId, StaffId) {
        let mut chance = Seeded::new(3);
        let mut venue = || VenueId::new(Millis(1), &mut chance);
        let (here, there) = (venue(), venue());
        let mut staff = || StaffId::new(Millis(2), &mut chance);
        (here, there, staff(), staff())
    }

    #[test]
    fn an_audience_reads_back() {
        let (here, _, me, _) = ids();
        for audience in [Audience::Desk(here), Audience::Own(here, me), Audience::Circle(here, "health".into())] {
            assert_eq!(audience.to_string().parse(), Ok(audience));
        }
        for text in [
            "",
            "desk",
            "desk:x",
            "own:",
            &format!("desk:{here}:x"),
            &format!("circle:{here}:"),
            &format!("circle:{here}:A"),
        ] {
            assert_eq!(text.parse::<Audience>(), Err(AudienceError), "{text}");
        }
    }

    #[test]
    fn a_consultant_holds_only_their_own_leads() {
        let (here, there, me, other) = ids();
        let holds = |audience: &Audience| may_hold(me, Role::Consultant, here, audience);
        assert!(holds(&Audience::Own(here, me)));
        assert!(!holds(&Audience::Own(here, other)));
        assert!(!holds(&Audience::Desk(here)));
        assert!(!holds(&Audience::Own(there, me)));
    }

    #[test]
    fn the_desk_sees_its_venue_and_no_other() {
        let (here, there, me, other) = ids();
        let holds = |audience: &Audience| may_hold(me, Role::FrontDesk, here, audience);
        assert!(holds(&Audience::Own(here, other)) && holds(&Audience::Desk(here)));
        assert!(!holds(&Audience::Desk(there)) && !holds(&Audience::Circle(here, "health".into())));
    }
}
