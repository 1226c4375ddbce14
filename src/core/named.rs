//! The names that packs may use: who acts, what guards a step, what follows from it, what is counted.
//!
//! A list of names and nothing else, so that the build reads it too and refuses a pack that names what is not
//! there. What each name does is in [`crate::workflow`], [`crate::task`], [`crate::kpi`] and [`crate::report`]; a
//! test there calls every one of them.

/// How the fields begin that a club adds in a pack of its own.
pub const OWN: &str = "own_";
/// Forms that screens and the program fill in by hand: they ask what they ship with.
pub const BY_HAND: &[&str] = &["F-03", "F-04", "F-05", "trial_pass"];

/// Posts, and what somebody is to a record. Source: domain catalogue 3.6 and the column "By" of 7.2.
pub const ACTORS: &[&str] = &[
    "consultant",
    "reception",
    "front_desk",
    "front_desk_supervisor",
    "cashier",
    "call_out",
    "call_in",
    "call_supervisor",
    "court_staff",
    "court_supervisor",
    "followup_agent",
    "cs_specialist",
    "cs_supervisor",
    "cs_manager",
    "cs_senior_manager",
    "duty_manager",
    "store_manager",
    "centre_director",
    "hq",
    "sales_consultant",
    "pt_manager",
    "pt_coach",
    "dept_head",
    "dept_member",
    "equipment_team",
    "finance",
    "hr",
    "admin_assistant",
    "system_admin",
    "privacy_officer",
    // Whoever the record names, or nobody in particular.
    "any",
    "system",
    "owner",
    "host",
    "guide",
    "leader",
    "assignee",
    "author",
    "reviewer",
    "organiser",
    "supervisor",
    "superior",
    "dest_consultant",
];

/// Guards, with the least and the most that they take. Source: the column "Guard" of domain catalogue 7.2.
pub const GUARDS: &[(&str, usize, usize)] = &[
    // All of these fields hold something; one of them does.
    ("filled", 1, 16),
    ("any_filled", 2, 9),
    ("yes", 1, 1),
    // The field is one of these codes; it is none of them.
    ("is", 2, 9),
    ("not", 2, 9),
    ("positive", 1, 1),
    ("equals", 2, 2),
    // Both fields hold something, and not the same.
    ("differs", 2, 2),
    ("at_least_field", 2, 2),
    ("longer", 2, 2),
    ("equals_parameter", 2, 2),
    ("at_least", 2, 2),
    ("below_parameter", 2, 2),
    ("future", 1, 1),
    // The field's time has come, or comes within the first of the parameter's days.
    ("reached", 1, 2),
    ("not_reached", 1, 1),
    ("hours_since", 2, 2),
    ("below_hours", 2, 2),
    ("days_since", 2, 2),
    ("days_within", 2, 2),
    // The first field's day is more than the parameter's days after the second's.
    ("days_beyond", 3, 3),
    // Every item of a checklist; so many elements of a list.
    ("ticked", 2, 2),
    ("elements", 2, 2),
    // Where the first field is one of the codes (none of them), the others hold something.
    ("if", 3, 9),
    ("unless", 3, 9),
    // Whoever takes the step says these anew, whatever they hold.
    ("asked", 1, 4),
    // Whoever takes the step says why.
    ("reason", 0, 0),
    // What a product's rules of leave say; whether a court is free.
    ("leave_allowed", 0, 0),
    ("court_free", 1, 1),
];

/// What a step brings about. Source: the column "Side effects" of domain catalogue 7.2.
pub const EFFECTS: &[(&str, usize, usize)] = &[
    ("set", 2, 2),
    ("set_number", 2, 2),
    ("now", 1, 1),
    ("me", 1, 1),
    ("clear", 1, 1),
    ("hours_from_now", 2, 2),
    ("add", 2, 2),
    ("move", 3, 3),
    ("make", 1, 20),
    ("leave_days", 0, 0),
    ("extend_by_leave", 0, 0),
    ("renew", 0, 0),
    ("performance", 2, 2),
    ("minutes_between", 3, 3),
    ("court_charge", 0, 0),
    ("charge_card", 0, 0),
    ("stop_contact", 0, 0),
    ("allow_contact", 0, 0),
    ("inform", 1, 9),
];

/// When a task is due. Source: the column "Due" of domain catalogue 9.1.
pub const DUES: &[(&str, usize, usize)] = &[
    // An instant of the record.
    ("at", 1, 1),
    // An instant of the record and so many hours or minutes, by parameter.
    ("hours", 2, 2),
    ("minutes", 2, 2),
    // A day or instant of the record and days by parameter (several make several tasks), at this time of the day.
    ("days", 3, 3),
    ("days_before", 3, 3),
    // Days of a cadence, unless the record says when.
    ("next_or_days", 4, 4),
    // The end of the record's day.
    ("same_day", 1, 1),
    // Monthly so many times, then each quarter, from a day of the record.
    ("months_then_quarters", 3, 3),
    // So many days after a month or a quarter has ended.
    ("after_month", 1, 1),
    ("after_quarter", 1, 1),
    // Each day's end, for those on duty.
    ("each_day", 1, 1),
];

/// Figures. Source: domain catalogue 10.
pub const FORMULAS: &[&str] = &[
    "numbers_per_outing",
    "outing_punctuality",
    "tour_minutes",
    "signed_on_first_visit",
    "signup_minutes",
    "pt_contact_in_time",
    "call_length_in_time",
    "complaint_reply_in_time",
    "trial_conversion",
    "prospects_tracked",
    "consultations_registered",
    "assignments_on_time",
    "satisfaction",
    "complaint_rate",
    "response_within_limit",
    "response_hours",
    "resolution_rate",
    "records_on_the_day",
    "files_complete",
    "process_mastery",
    "channel_response",
    "channel_satisfaction",
    "training_coverage",
    "professionalism",
    "closed_loop",
    "handling_hours",
    "annual_performance",
    "staff_satisfaction_gain",
    "repurchase_rate",
    "renewal_rate",
    "repair_within_limit",
    "fault_response_hours",
    "equipment_running",
    "satisfaction_gain",
    "rectification_rate",
    "major_complaints",
    "referral_share",
    "low_ratings_followed",
    "pt_used_up",
];
