//! Who a record is for: the unit of scope, of keys, of pull streams and of digests.
//!
//! A device holds some audiences, each whole. Source: the permission matrix, domain catalogue 3.7.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    id::{StaffId, VenueId},
    permit::{self, Doing, Matter, Reach},
};

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

/// Defines the posts with their keys, in the order of the catalogue.
macro_rules! posts {
    ($($post:ident $key:literal,)*) => {
        /// What someone does at the club. Source: domain catalogue 3.6.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum Role { $($post,)* }

        impl Role {
            pub const ALL: &[Role] = &[$(Role::$post,)*];

            /// As packs, the permission matrix and the wire name it.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(Self::$post => $key,)* }
            }
        }
    };
}

posts! {
    Consultant "consultant",
    Reception "reception",
    FrontDesk "front_desk",
    FrontDeskSupervisor "front_desk_supervisor",
    Cashier "cashier",
    CallOut "call_out",
    CallIn "call_in",
    CallSupervisor "call_supervisor",
    CourtStaff "court_staff",
    CourtSupervisor "court_supervisor",
    FollowupAgent "followup_agent",
    CsSpecialist "cs_specialist",
    CsSupervisor "cs_supervisor",
    CsManager "cs_manager",
    CsSeniorManager "cs_senior_manager",
    DutyManager "duty_manager",
    StoreManager "store_manager",
    CentreDirector "centre_director",
    Hq "hq",
    SalesConsultant "sales_consultant",
    PtManager "pt_manager",
    PtCoach "pt_coach",
    DeptHead "dept_head",
    DeptMember "dept_member",
    EquipmentTeam "equipment_team",
    Finance "finance",
    Hr "hr",
    SystemAdmin "system_admin",
    PrivacyOfficer "privacy_officer",
}

impl Role {
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.key() == key)
    }

    /// Whether the role leads others: enrols tablets, reads the leads of a team.
    #[must_use]
    pub fn leads(self) -> bool {
        // Whoever evaluates others leads them.
        let reach = |doing| permit::reach(&[self.key()], Matter::Evaluations, doing);
        reach(Doing::Create).is_some_and(|reach| reach >= Reach::Team) || reach(Doing::Approve).is_some()
    }

    /// Whether the role sees every party or every contract of its venue, not only its own.
    #[must_use]
    pub fn sees_venue(self) -> bool {
        let sees = |matter| permit::reach(&[self.key()], matter, Doing::Read).is_some_and(|reach| reach >= Reach::Team);
        sees(Matter::Parties) || sees(Matter::Contracts)
    }

    /// Whether the role has leads of its own, which nobody else of its post sees. Source: R-140.
    #[must_use]
    pub fn keeps_own_leads(self) -> bool {
        match self {
            Self::Consultant | Self::CsSpecialist | Self::SalesConsultant => true,
            Self::Reception
            | Self::FrontDesk
            | Self::FrontDeskSupervisor
            | Self::Cashier
            | Self::CallOut
            | Self::CallIn
            | Self::CallSupervisor
            | Self::CourtStaff
            | Self::CourtSupervisor
            | Self::FollowupAgent
            | Self::CsSupervisor
            | Self::CsManager
            | Self::CsSeniorManager
            | Self::DutyManager
            | Self::StoreManager
            | Self::CentreDirector
            | Self::Hq
            | Self::PtManager
            | Self::PtCoach
            | Self::DeptHead
            | Self::DeptMember
            | Self::EquipmentTeam
            | Self::Finance
            | Self::Hr
            | Self::SystemAdmin
            | Self::PrivacyOfficer => false,
        }
    }
}

/// Circles of a venue: what is for other people than those who see its guests.
pub mod circle {
    /// Products, prices, parameters, courts, campaigns: everybody reads, managers write.
    pub const HOUSE: &str = "house";
    /// The house's own affairs: faults, inspections, bookings, purchases, assignments. Of guests a court's ticket has the
    /// name and the card's number, and nothing else here has anything.
    pub const WORKS: &str = "works";
    /// Complaints and opinions.
    pub const CASES: &str = "cases";
    /// Free personal training that was handed over.
    pub const TRAINING: &str = "training";
    /// Evaluations, grades and commission of the staff.
    pub const STAFF: &str = "staff";
    /// Numbers of identity documents.
    pub const IDENTITY: &str = "identity";
    /// Medical papers.
    pub const HEALTH: &str = "health";
    /// Guests without an owner: every consultant of the venue sees them, and may claim one.
    pub const POOL: &str = "pool";
    /// Security incidents and exports.
    pub const PRIVACY: &str = "privacy";
}

/// Whether someone in this role at this venue may hold an audience: read it, and keep it on their tablet.
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
        Audience::Circle(_, name) => {
            let reads =
                |matter, least| permit::reach(&[role.key()], matter, Doing::Read).is_some_and(|reach| reach >= least);
            match &**name {
                circle::HOUSE | circle::WORKS => true,
                circle::CASES => reads(Matter::Cases, Reach::Own),
                circle::POOL => role.keeps_own_leads() || role.sees_venue(),
                circle::TRAINING => role.sees_venue() || matches!(role, Role::PtManager | Role::PtCoach),
                circle::STAFF => reads(Matter::Evaluations, Reach::Team) || reads(Matter::Commission, Reach::Venue),
                circle::IDENTITY => reads(Matter::FullId, Reach::Team),
                circle::HEALTH => reads(Matter::Health, Reach::Team),
                circle::PRIVACY => reads(Matter::AuditLog, Reach::Venue),
                // A later version's: whoever may see everything of a venue keeps it for them.
                _ => role == Role::StoreManager,
            }
        }
    }
}

/// Whether they may write into an audience of their venue.
///
/// Whoever captures something may hand it to those whose it is, without being able to read it there.
#[must_use]
pub fn may_write(staff: StaffId, role: Role, venue: VenueId, audience: &Audience) -> bool {
    match audience {
        Audience::Desk(_) => audience.venue() == venue,
        Audience::Own(_, _) => may_hold(staff, role, venue, audience),
        Audience::Circle(_, name) if &**name == circle::HOUSE => {
            let may = |matter, doing| permit::reach(&[role.key()], matter, doing).is_some();
            audience.venue() == venue && (may(Matter::Prices, Doing::Update) || may(Matter::Parameters, Doing::Update))
        }
        Audience::Circle(_, name) => {
            let known = matches!(
                &**name,
                circle::WORKS
                    | circle::CASES
                    | circle::TRAINING
                    | circle::STAFF
                    | circle::IDENTITY
                    | circle::HEALTH
                    | circle::PRIVACY
            );
            audience.venue() == venue && (known || may_hold(staff, role, venue, audience))
        }
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
    fn every_post_has_a_column_of_the_matrix_and_reads_back() {
        for role in Role::ALL {
            assert_eq!(Role::from_key(role.key()), Some(*role));
            let any = |matter| permit::reach(&[role.key()], matter, Doing::Read).is_some();
            let named =
                any(Matter::Cases) || any(Matter::Prices) || any(Matter::Evaluations) || any(Matter::Parameters);
            assert!(named || *role == Role::SystemAdmin, "{}", role.key());
        }
    }

    #[test]
    fn who_leads_and_who_sees_the_venue() {
        let keys = |of: fn(Role) -> bool| {
            Role::ALL.iter().filter(|role| of(**role)).map(|role| role.key()).collect::<Vec<_>>().join(" ")
        };
        expect_test::expect!["front_desk_supervisor call_supervisor court_supervisor cs_supervisor cs_manager cs_senior_manager duty_manager store_manager centre_director hq"].assert_eq(&keys(Role::leads));
        expect_test::expect!["reception front_desk front_desk_supervisor cashier call_out call_in call_supervisor court_supervisor followup_agent cs_supervisor cs_manager cs_senior_manager duty_manager store_manager centre_director hq finance privacy_officer"].assert_eq(&keys(Role::sees_venue));
    }

    #[test]
    fn circles_are_read_by_whom_they_are_for() {
        let (here, there, me, _) = ids();
        let circle = |name: &str| Audience::Circle(here, name.into());
        for (role, name, holds, writes) in [
            (Role::Consultant, circle::HOUSE, true, false),
            (Role::CsManager, circle::HOUSE, true, true),
            (Role::StoreManager, circle::HOUSE, true, true),
            (Role::EquipmentTeam, circle::WORKS, true, true),
            (Role::DeptMember, circle::CASES, true, true),
            (Role::Finance, circle::CASES, false, true),
            (Role::PtCoach, circle::TRAINING, true, true),
            (Role::Consultant, circle::TRAINING, false, true),
            (Role::Consultant, circle::STAFF, false, true),
            (Role::Hr, circle::STAFF, true, true),
            (Role::FrontDesk, circle::IDENTITY, false, true),
            (Role::CsSupervisor, circle::IDENTITY, true, true),
            (Role::FrontDesk, circle::HEALTH, false, true),
            (Role::PrivacyOfficer, circle::PRIVACY, true, true),
            (Role::CsSupervisor, circle::PRIVACY, false, true),
            (Role::Consultant, circle::POOL, true, true),
            (Role::FrontDesk, circle::POOL, true, true),
            (Role::CourtStaff, circle::POOL, false, false),
            (Role::Consultant, "later", false, false),
            (Role::StoreManager, "later", true, true),
        ] {
            let audience = circle(name);
            assert_eq!(may_hold(me, role, here, &audience), holds, "{} holds {name}", role.key());
            assert_eq!(may_write(me, role, here, &audience), writes, "{} writes {name}", role.key());
            assert!(!may_hold(me, role, there, &audience) && !may_write(me, role, there, &audience));
        }
    }

    #[test]
    fn the_desk_sees_its_venue_and_no_other() {
        let (here, there, me, other) = ids();
        let holds = |audience: &Audience| may_hold(me, Role::FrontDesk, here, audience);
        assert!(holds(&Audience::Own(here, other)) && holds(&Audience::Desk(here)));
        assert!(!holds(&Audience::Desk(there)) && !holds(&Audience::Circle(here, "health".into())));
    }
}
