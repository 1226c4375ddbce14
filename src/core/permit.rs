//! Who may do what: the permission matrix of the posts, and the few questions that screens and endpoint ask of it.
//!
//! The same for every pack, since it guards people's data. A letter says how far somebody reaches (own records, their
//! team's, the venue's, all venues'), the rest what they may do there. Source: domain catalogue 3.7.

use crate::audience::Role;

/// How far somebody reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    Own,
    Team,
    Venue,
    All,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    Create,
    Read,
    Update,
    Approve,
    Export,
}

/// What it is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    Leads,
    Visits,
    Parties,
    FullPhone,
    FullId,
    Health,
    Contracts,
    Payments,
    Prices,
    LeaveOrdinary,
    LeaveSpecial,
    Refund,
    Requests,
    Cases,
    Ratings,
    Evaluations,
    Commission,
    Reports,
    BulkExport,
    Parameters,
    AuditLog,
}

/// Posts that share a column of the matrix.
const COLUMNS: [&[&str]; 13] = [
    &["consultant", "cs_specialist", "sales_consultant"],
    &["reception", "front_desk"],
    &["call_out", "call_in", "followup_agent"],
    &["court_staff", "dept_member", "dept_head", "equipment_team", "pt_coach"],
    &["pt_manager"],
    &["cs_supervisor", "front_desk_supervisor", "call_supervisor", "court_supervisor", "duty_manager"],
    &["cs_manager", "cs_senior_manager"],
    &["store_manager"],
    &["hq", "centre_director"],
    &["finance", "cashier"],
    &["hr"],
    &["system_admin"],
    &["privacy_officer"],
];

/// One row a matter, one cell a column: reach (O, T, V, A), then C, R, U, P, E. A dash is nothing.
#[rustfmt::skip]
const MATRIX: [(Matter, [&str; 13]); 21] = [
    (Matter::Leads,         ["OCRU", "VC OR", "TRU", "-", "-", "TRU", "VRU", "VR", "AR", "-", "-", "-", "VR"]),
    (Matter::Visits,        ["OCRU", "VCRU", "-", "-", "-", "TR", "VR", "VR", "AR", "-", "-", "-", "-"]),
    (Matter::Parties,       ["ORU", "VCRU", "TRU", "-", "-", "TRU", "VRU", "VRU", "AR", "-", "-", "-", "VRU"]),
    (Matter::FullPhone,     ["OR", "OR", "TR", "-", "OR", "TR", "VR", "VR", "-", "-", "-", "-", "VR"]),
    (Matter::FullId,        ["-", "-", "-", "-", "-", "TR", "VR", "VR", "-", "-", "-", "-", "VR"]),
    (Matter::Health,        ["-", "OCR", "-", "-", "-", "TR", "VR", "VRP", "-", "-", "-", "-", "VR"]),
    (Matter::Contracts,     ["OCRU", "VCR", "-", "-", "-", "TR", "VR", "VRP", "AR", "VR", "-", "-", "-"]),
    (Matter::Payments,      ["OR", "VC", "-", "-", "-", "TR", "VR", "VR", "AR", "VCRU", "-", "-", "-"]),
    (Matter::Prices,        ["VR", "VR", "VR", "-", "-", "VR", "VRU", "VRU", "ARU", "VR", "-", "-", "-"]),
    (Matter::LeaveOrdinary, ["OC", "VCU", "OC", "-", "-", "VP", "VP", "VP", "AR", "-", "-", "-", "-"]),
    (Matter::LeaveSpecial,  ["OC", "VC", "-", "-", "-", "VR", "VR", "VP", "AR", "-", "-", "-", "-"]),
    (Matter::Refund,        ["OCP", "VC", "-", "-", "-", "TP", "VR", "VP", "AP", "VU", "-", "-", "-"]),
    (Matter::Requests,      ["OCRU", "VCRU", "OC", "-", "-", "TP", "VP", "VP", "AR", "VU", "-", "-", "-"]),
    (Matter::Cases,         ["OCRU", "VC", "TCRU", "ORU", "-", "TCRU", "VCRU", "VCRUP", "AR", "-", "-", "-", "OCR"]),
    (Matter::Ratings,       ["OR", "VC", "TC", "-", "-", "TR", "VR", "VR", "AR", "-", "-", "-", "-"]),
    (Matter::Evaluations,   ["OR", "OR", "OR", "OR", "OR", "TCRU", "VCRU", "VP", "AP", "-", "VRU", "-", "-"]),
    (Matter::Commission,    ["OR", "-", "-", "-", "-", "TR", "VR", "VP", "AR", "VCRU", "-", "-", "-"]),
    (Matter::Reports,       ["OC", "OC", "OC", "-", "-", "TR", "VR", "VR", "AR", "VR", "VR", "-", "VR"]),
    (Matter::BulkExport,    ["-", "-", "-", "-", "-", "-", "VC", "VP", "AP", "-", "-", "-", "VP"]),
    (Matter::Parameters,    ["-", "-", "-", "-", "-", "-", "VU", "VP", "AP", "-", "-", "ACU", "VR"]),
    (Matter::AuditLog,      ["-", "-", "-", "-", "-", "-", "-", "VR", "AR", "-", "-", "AR", "VR"]),
];

/// How far one of these posts lets somebody do something; `None` if not at all. Of several posts the widest counts.
#[must_use]
pub fn reach(posts: &[&str], matter: Matter, doing: Doing) -> Option<Reach> {
    let row = MATRIX.iter().find(|(other, _)| *other == matter).map(|(_, row)| row)?;
    let letter = match doing {
        Doing::Create => 'C',
        Doing::Read => 'R',
        Doing::Update => 'U',
        Doing::Approve => 'P',
        Doing::Export => 'E',
    };
    let mut widest = None;
    for (cell, column) in row.iter().zip(COLUMNS) {
        if posts.iter().any(|post| column.contains(post)) {
            // A cell may hold two reaches: what anyone's at the desk may be captured, but only one's own be read.
            for part in cell.split(' ').filter(|part| part[1..].contains(letter)) {
                let reach = match part.as_bytes()[0] {
                    b'O' => Reach::Own,
                    b'T' => Reach::Team,
                    b'V' => Reach::Venue,
                    _ => Reach::All,
                };
                widest = widest.max(Some(reach));
            }
        }
    }
    widest
}

/// Whether somebody may do something to a record that is theirs, their team's, their venue's, or another's.
#[must_use]
pub fn may(posts: &[&str], matter: Matter, doing: Doing, whose: Reach) -> bool {
    reach(posts, matter, doing).is_some_and(|reach| reach >= whose)
}

/// What is done with the club's people and tablets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HouseWork {
    /// Gives somebody a new PIN.
    ResetPin,
    /// Gives out a code that enrols tablets.
    EnrolTablets,
    /// Lets people come, change posts and go.
    ChangeStaff,
    /// Shuts a tablet out that was lost. Source: R-156.
    RevokeTablet,
}

/// How high a post stands: who leads others, who leads those, who answers for a venue, and who stands above all venues.
fn height(role: Role) -> u8 {
    match role {
        Role::Hq | Role::CentreDirector | Role::SystemAdmin => 4,
        Role::StoreManager | Role::Hr | Role::Finance | Role::PrivacyOfficer => 3,
        Role::CsManager | Role::CsSeniorManager | Role::PtManager => 2,
        role if role.leads() => 1,
        _ => 0,
    }
}

/// Whether a post does this work at all: supervisors help with PINs and enrol tablets, who answers for the venue does
/// the rest too.
#[must_use]
pub fn does_house_work(role: Role, work: HouseWork) -> bool {
    match work {
        HouseWork::ResetPin | HouseWork::EnrolTablets => role.leads() || role == Role::SystemAdmin,
        HouseWork::ChangeStaff | HouseWork::RevokeTablet => {
            matches!(role, Role::StoreManager | Role::CentreDirector | Role::Hq | Role::SystemAdmin)
        }
    }
}

/// Whether a post may give somebody of another post a PIN, or give that post away: only of those below it, so that
/// nobody takes over an account that may do more. At the very top there are equals.
#[must_use]
pub fn stands_above(role: Role, other: Role) -> bool {
    height(role) > height(other) || height(role) == 4
}

/// How much of a guest's phone number somebody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneView {
    Whole,
    /// Masked, and whole once they have said what for and the look is written down.
    Asked,
    Masked,
}

/// How much of a guest's phone number somebody of these posts sees; whether the guest is one of their own, or has come to
/// them today, is for the caller to say. Source: domain catalogue 3.7 and 17.2.
#[must_use]
pub fn phone_view(posts: &[&str], is_own: bool) -> PhoneView {
    const ON_REQUEST: [&str; 2] = ["hq", "centre_director"];
    match reach(posts, Matter::FullPhone, Doing::Read) {
        Some(Reach::Own) if !is_own => PhoneView::Asked,
        Some(_) => PhoneView::Whole,
        None if posts.iter().any(|post| ON_REQUEST.contains(post)) => PhoneView::Asked,
        None => PhoneView::Masked,
    }
}

/// Whether it is written down: every view of a full identity number and of health papers, every export and every
/// approval. Source: R-152.
#[must_use]
pub fn is_logged(matter: Matter, doing: Doing) -> bool {
    match matter {
        Matter::FullId | Matter::Health | Matter::BulkExport => true,
        _ => matches!(doing, Doing::Export | Doing::Approve),
    }
}

/// Whether the price list may leave the screen in any way. Source.
#[must_use]
pub fn may_share_prices() -> bool {
    false
}

/// An identity number as forms show it: the first three and the last four. Source: domain catalogue 0.2, V-ID.
#[must_use]
pub fn masked_id(number: &str) -> String {
    const FIRST: usize = 3;
    const LAST: usize = 4;
    let signs: Vec<char> = number.chars().filter(|c| !c.is_whitespace()).collect();
    let Some(hidden) = signs.len().checked_sub(FIRST + LAST).filter(|hidden| *hidden > 0) else {
        // Too short to show any of it.
        return "*".repeat(signs.len());
    };
    let begins: String = signs[..FIRST].iter().collect();
    let ends: String = signs[FIRST + hidden..].iter().collect();
    format!("{begins}{}{ends}", "*".repeat(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_post_of_the_matrix_is_one_that_packs_may_name_and_stands_once() {
        let posts: Vec<&str> = COLUMNS.iter().flat_map(|column| column.iter().copied()).collect();
        for post in &posts {
            assert!(crate::named::ACTORS.contains(post), "{post}");
            assert_eq!(posts.iter().filter(|other| *other == post).count(), 1, "{post}");
        }
        for (matter, row) in MATRIX {
            for cell in row.into_iter().filter(|cell| *cell != "-") {
                for part in cell.split(' ') {
                    let fits =
                        "OTVA".contains(&part[..1]) && part.len() > 1 && part[1..].chars().all(|c| "CRUPE".contains(c));
                    assert!(fits, "{matter:?} {cell}");
                }
            }
        }
    }

    #[test]
    fn posts_reach_as_far_as_the_matrix_says() {
        use Doing::{Approve, Create, Export, Read, Update};
        for (posts, matter, doing, expected) in [
            (&["consultant"][..], Matter::Leads, Read, Some(Reach::Own)),
            (&["front_desk"], Matter::Leads, Create, Some(Reach::Venue)),
            (&["front_desk"], Matter::Leads, Read, Some(Reach::Own)),
            (&["consultant", "front_desk"], Matter::Visits, Update, Some(Reach::Venue)),
            (&["consultant"], Matter::FullId, Read, None),
            (&["store_manager"], Matter::FullId, Read, Some(Reach::Venue)),
            (&["hq"], Matter::Refund, Approve, Some(Reach::All)),
            (&["cs_manager"], Matter::Refund, Approve, None),
            (&["front_desk_supervisor"], Matter::LeaveSpecial, Approve, None),
            (&["store_manager"], Matter::LeaveSpecial, Approve, Some(Reach::Venue)),
            (&["court_staff"], Matter::Cases, Update, Some(Reach::Own)),
            (&["hr"], Matter::Leads, Read, None),
            (&["system_admin"], Matter::Parties, Read, None),
            (&["kitchen"], Matter::Cases, Read, None),
        ] {
            assert_eq!(reach(posts, matter, doing), expected, "{posts:?} {matter:?} {doing:?}");
        }
        assert!(may(&["cs_supervisor"], Matter::Leads, Read, Reach::Team));
        assert!(!may(&["cs_supervisor"], Matter::Leads, Read, Reach::Venue));
        // Nobody takes the price list along, R-014 and R-153.
        for post in COLUMNS.iter().flat_map(|column| column.iter()) {
            assert_eq!(reach(&[post], Matter::Prices, Export), None);
        }
        assert!(!may_share_prices());
        assert!(is_logged(Matter::FullId, Read) && !is_logged(Matter::Leads, Read));
    }

    #[test]
    fn a_phone_number_is_whole_for_whose_guest_it_is() {
        for (post, own, another) in [
            ("consultant", PhoneView::Whole, PhoneView::Asked),
            ("front_desk", PhoneView::Whole, PhoneView::Asked),
            ("pt_manager", PhoneView::Whole, PhoneView::Asked),
            ("call_out", PhoneView::Whole, PhoneView::Whole),
            ("cs_supervisor", PhoneView::Whole, PhoneView::Whole),
            ("store_manager", PhoneView::Whole, PhoneView::Whole),
            ("hq", PhoneView::Asked, PhoneView::Asked),
            ("equipment_team", PhoneView::Masked, PhoneView::Masked),
            ("finance", PhoneView::Masked, PhoneView::Masked),
        ] {
            assert_eq!((phone_view(&[post], true), phone_view(&[post], false)), (own, another), "{post}");
        }
        assert_eq!(phone_view(&[], true), PhoneView::Masked);
    }

    #[test]
    fn numbers_are_masked() {
        assert_eq!(masked_id("11010519491231002X"), "110***********002X");
        assert_eq!(masked_id("G1234"), "*****");
        assert_eq!(masked_id(""), "");
    }
}
