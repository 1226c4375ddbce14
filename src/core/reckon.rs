//! Reckonings of memberships with their working shown: leave, transfer, refund, change of card, renewal, deposits.
//!
//! Money is fen, days are calendar days of the venue. A term that began on the 31st ends on a month's last day, a year
//! card bought on 29 February ends on 28 February. What a rule of a product or a parameter says is handed in; what a
//! person decides in the end is theirs. Source: domain catalogue 6.3, 8.4, Q-18, Q-19, Q-25, Q-39.

use crate::{time::Day, value::Value, workflow::Facts};

/// One line of a working: what it is, by its key, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Named so that the screen has a word for it.
    pub key: &'static str,
    pub amount: Amount,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    Fen(i64),
    Days(i64),
    Months(i64),
    Times(i64),
    Day(Day),
    /// Millionths.
    Ppm(i64),
}

/// A result and the lines that lead to it, in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    pub lines: Vec<Line>,
    pub result: Amount,
}

impl Working {
    fn new(lines: Vec<(&'static str, Amount)>, result: Amount) -> Self {
        Self { lines: lines.into_iter().map(|(key, amount)| Line { key, amount }).collect(), result }
    }

    /// The result in fen; zero where it is no sum.
    #[must_use]
    pub fn fen(&self) -> i64 {
        if let Amount::Fen(fen) = self.result { fen } else { 0 }
    }

    /// The result as a day; `None` where it is none.
    #[must_use]
    pub fn day(&self) -> Option<Day> {
        if let Amount::Day(day) = self.result { Some(day) } else { None }
    }
}

/// `days` later, or earlier where negative.
#[must_use]
pub fn plus_days(day: Day, days: i64) -> Day {
    let number = i64::from(day.number()).saturating_add(days);
    Day::from_number(i32::try_from(number).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }))
}

/// Days from one to another; negative where the other is earlier.
#[must_use]
pub fn days_between(from: Day, to: Day) -> i64 {
    i64::from(to.number()) - i64::from(from.number())
}

/// The same day of the month `months` later, or that month's last day where it has no such day.
#[must_use]
pub fn plus_months(day: Day, months: i64) -> Day {
    let (year, month, of_month) = day.ymd();
    let months = i64::from(year) * 12 + i64::from(month) - 1 + months;
    let year = i32::try_from(months.div_euclid(12)).unwrap_or(9999).clamp(0, 9999);
    let month = months.rem_euclid(12) as u32 + 1;
    let last = (28..=of_month).rev().find_map(|of_month| Day::from_ymd(year, month, of_month));
    last.or_else(|| Day::from_ymd(year, month, of_month)).unwrap_or(day)
}

/// The last day of a term of whole months that begins on `start`: the day before the same day of the month.
#[must_use]
pub fn term_end(start: Day, months: i64) -> Day {
    let next = plus_months(start, months);
    // 31 January and one month is all of February; the day after it is 1 March already.
    let (_, _, of_month) = start.ymd();
    if next.ymd().2 < of_month { next } else { plus_days(next, -1) }
}

/// The end of a renewed membership: its months are added to the old end while that has not passed, else to today.
/// What is left is never lost by renewing early.
#[must_use]
pub fn renewed_end(end: Day, today: Day, months: i64) -> Day {
    if end >= today { term_end(plus_days(end, 1), months) } else { term_end(today, months) }
}

/// Renewal, with its working.
#[must_use]
pub fn renewal(end: Day, today: Day, months: i64) -> Working {
    let result = renewed_end(end, today, months);
    let begins = if end >= today { plus_days(end, 1) } else { today };
    let lines = vec![
        ("old_end", Amount::Day(end)),
        ("days_left", Amount::Days(days_between(today, end).max(0))),
        ("new_term_begins", Amount::Day(begins)),
        ("term", Amount::Months(months)),
        ("new_end", Amount::Day(result)),
    ];
    Working::new(lines, Amount::Day(result))
}

/// The end of a leave: the membership's end moves by the days that it really lasted. Source: R-059, EX-03.
#[must_use]
pub fn leave_end(start: Day, back: Day, old_end: Day) -> Working {
    let days = days_between(start, back).max(0);
    let result = plus_days(old_end, days);
    let lines = vec![
        ("leave_start", Amount::Day(start)),
        ("leave_back", Amount::Day(back)),
        ("leave_days", Amount::Days(days)),
        ("old_end", Amount::Day(old_end)),
        ("new_end", Amount::Day(result)),
    ];
    Working::new(lines, Amount::Day(result))
}

/// What a product allows of leave. Source: the price system of each store says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeavePolicy {
    pub times: i64,
    pub days_total: i64,
    pub days_each_min: i64,
    /// Special leave may go beyond the days.
    pub extension: bool,
}

/// What stands in the way of a leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveProblem {
    /// The product has none.
    NotAllowed,
    NoTimesLeft,
    TooManyDays {
        left: i64,
    },
    TooShort {
        least: i64,
    },
    /// It ends before it begins.
    NoDays,
    /// Illness, pregnancy and childbirth are asked for in person. Source: R-058.
    SpecialByPhone,
    /// … with certificate and written request. Source: R-057.
    NoEvidence,
    /// The membership ends before the leave begins.
    AfterTheEnd,
}

/// Whether a leave may be asked for.
#[must_use]
#[allow(clippy::too_many_arguments, reason = "each is a field of the leave slip")]
pub fn leave_check(
    policy: LeavePolicy,
    times_used: i64,
    days_used: i64,
    start: Day,
    planned_end: Day,
    membership_end: Option<Day>,
    is_special: bool,
    by_phone: bool,
    has_evidence: bool,
) -> Vec<LeaveProblem> {
    let mut problems = Vec::new();
    let days = days_between(start, planned_end);
    if policy.times == 0 && policy.days_total == 0 {
        problems.push(LeaveProblem::NotAllowed);
    } else if times_used >= policy.times && !is_special {
        problems.push(LeaveProblem::NoTimesLeft);
    }
    if days <= 0 {
        problems.push(LeaveProblem::NoDays);
    } else if days < policy.days_each_min {
        problems.push(LeaveProblem::TooShort { least: policy.days_each_min });
    }
    let left = (policy.days_total - days_used).max(0);
    if days > left && !(is_special && policy.extension) && policy.days_total > 0 {
        problems.push(LeaveProblem::TooManyDays { left });
    }
    if is_special && by_phone {
        problems.push(LeaveProblem::SpecialByPhone);
    }
    if is_special && !has_evidence {
        problems.push(LeaveProblem::NoEvidence);
    }
    if membership_end.is_some_and(|end| start > end) {
        problems.push(LeaveProblem::AfterTheEnd);
    }
    problems
}

/// The same, asked of a leave's record and the product of its membership.
#[must_use]
pub fn leave_problems(facts: &Facts<'_>) -> Vec<LeaveProblem> {
    let read = |path: &str| (facts.read)(path);
    let int = |path: &str| read(path).as_ref().and_then(Value::as_int).unwrap_or(0);
    let day = |path: &str| read(path).as_ref().and_then(Value::as_day);
    let is = |path: &str, code: &str| read(path).as_ref().and_then(Value::as_text) == Some(code);
    let policy = LeavePolicy {
        times: int("membership.product.leave_times"),
        days_total: int("membership.product.leave_days"),
        days_each_min: int("membership.product.leave_days_each"),
        extension: read("membership.product.leave_extension").as_ref().and_then(Value::as_bool) == Some(true),
    };
    let (Some(start), Some(end)) = (day("start_on"), day("planned_end_on")) else { return vec![LeaveProblem::NoDays] };
    // What is left is kept on the slip, as it was when the slip was filled in.
    let days_used = read("days_left").as_ref().and_then(Value::as_int).map_or(0, |left| policy.days_total - left);
    leave_check(
        policy,
        int("times_used"),
        days_used,
        start,
        end,
        day("membership.end_on"),
        !is("leave_type", "ordinary"),
        is("channel", "by_phone"),
        read("evidence").is_some(),
    )
}

/// A transfer: what the transferee gets, and the fee. No fee is proposed where the venue has set none.
#[must_use]
pub fn transfer(today: Day, end: Day, fee: Option<i64>) -> Working {
    let days = (days_between(today, end) + 1).max(0);
    let mut lines = vec![("today", Amount::Day(today)), ("end", Amount::Day(end)), ("days_left", Amount::Days(days))];
    lines.extend(fee.map(|fee| ("transfer_fee", Amount::Fen(fee))));
    Working::new(lines, Amount::Days(days))
}

/// A proposal of a refund: what was paid, less the days used at their share of the price, less gifts at price. Whole
/// days count from the first to the day before today; the share is rounded half up to fen. A person decides.
/// Source: Q-19.
#[must_use]
pub fn refund(paid: i64, start: Day, end: Day, today: Day, leave_days: i64, gifts: i64) -> Working {
    let total = (days_between(start, end) + 1).max(1);
    let used = (days_between(start, today) - leave_days).clamp(0, total);
    let used_value = share(paid, used, total);
    let result = (paid - used_value - gifts).clamp(0, paid.max(0));
    let lines = vec![
        ("paid", Amount::Fen(paid)),
        ("days_total", Amount::Days(total)),
        ("days_used", Amount::Days(used)),
        ("used_value", Amount::Fen(used_value)),
        ("gifts", Amount::Fen(gifts)),
        ("refund", Amount::Fen(result)),
    ];
    Working::new(lines, Amount::Fen(result))
}

/// A change to a longer card: the new price less what is left of the old one at its share; never below zero.
#[must_use]
pub fn card_change(old_paid: i64, start: Day, end: Day, today: Day, new_price: i64) -> Working {
    let total = (days_between(start, end) + 1).max(1);
    let left = (days_between(today, end) + 1).clamp(0, total);
    let credit = share(old_paid, left, total);
    let result = (new_price - credit).max(0);
    let lines = vec![
        ("new_price", Amount::Fen(new_price)),
        ("old_paid", Amount::Fen(old_paid)),
        ("days_total", Amount::Days(total)),
        ("days_left", Amount::Days(left)),
        ("credit", Amount::Fen(credit)),
        ("difference", Amount::Fen(result)),
    ];
    Working::new(lines, Amount::Fen(result))
}

/// What a move to another store carries over: days, and the difference of prices where the other store's is higher.
#[must_use]
pub fn store_transfer(today: Day, end: Day, price_here: i64, price_there: i64, days_total: i64) -> Working {
    let left = (days_between(today, end) + 1).clamp(0, days_total.max(1));
    let result = share((price_there - price_here).max(0), left, days_total.max(1));
    let lines = vec![
        ("price_here", Amount::Fen(price_here)),
        ("price_there", Amount::Fen(price_there)),
        ("days_left", Amount::Days(left)),
        ("difference", Amount::Fen(result)),
    ];
    Working::new(lines, Amount::Fen(result))
}

/// The handling fee of the part that is paid by credit card, borne by the customer. Source: Q-39, EX-09.
#[must_use]
pub fn card_fee(credit_card_fen: i64, other_fen: i64, rate_ppm: i64) -> Working {
    let fee = per_million(credit_card_fen, rate_ppm);
    let total = credit_card_fen + other_fen + fee;
    let lines = vec![
        ("by_credit_card", Amount::Fen(credit_card_fen)),
        ("by_other", Amount::Fen(other_fen)),
        ("rate", Amount::Ppm(rate_ppm)),
        ("fee", Amount::Fen(fee)),
        ("total", Amount::Fen(total)),
    ];
    Working::new(lines, Amount::Fen(total))
}

/// What is paid back of a deposit; zero where the deductions use it up. Source: EX-10.
#[must_use]
pub fn deposit_back(deposit: i64, deductions: &[i64]) -> Working {
    let sum: i64 = deductions.iter().sum();
    let result = (deposit - sum).max(0);
    let lines =
        vec![("deposit", Amount::Fen(deposit)), ("deductions", Amount::Fen(sum)), ("back", Amount::Fen(result))];
    Working::new(lines, Amount::Fen(result))
}

/// What a court costs: begun steps of time count whole. Source: R-064.
#[must_use]
pub fn court_charge(minutes: i64, fen_per_hour: i64, step_minutes: i64) -> i64 {
    let step = step_minutes.max(1);
    let charged = minutes.max(0).div_euclid(step) * step + if minutes.max(0).rem_euclid(step) > 0 { step } else { 0 };
    share(fen_per_hour, charged, 60)
}

/// Lessons that come free with a card. Source: R-025, EX-07.
#[must_use]
pub fn free_lessons(term_months: i64, least_months: i64, lessons: i64) -> i64 {
    if term_months >= least_months { lessons } else { 0 }
}

/// `part` of `whole` parts of a sum, rounded half up to fen.
#[must_use]
pub fn share(fen: i64, part: i64, whole: i64) -> i64 {
    let (fen, part, whole) = (i128::from(fen), i128::from(part), i128::from(whole.max(1)));
    i64::try_from((fen * part * 2 + whole).div_euclid(whole * 2)).unwrap_or(i64::MAX)
}

/// So many millionths of a sum, rounded half up to fen.
#[must_use]
pub fn per_million(fen: i64, ppm: i64) -> i64 {
    share(fen, ppm, 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn terms_end_the_day_before_and_mind_short_months() {
        for (start, months, end) in [
            ("2026-01-15", 12, "2027-01-14"),
            ("2026-01-01", 12, "2026-12-31"),
            ("2024-02-29", 12, "2025-02-28"),
            ("2024-02-29", 48, "2028-02-28"),
            ("2026-01-31", 1, "2026-02-28"),
            ("2024-01-31", 1, "2024-02-29"),
            ("2026-08-31", 1, "2026-09-30"),
            ("2026-03-31", 3, "2026-06-30"),
            ("2026-02-28", 1, "2026-03-27"),
        ] {
            assert_eq!(term_end(day(start), months).to_string(), end, "{start} and {months} months");
        }
        assert_eq!(plus_months(day("2026-03-31"), -1).to_string(), "2026-02-28");
        assert_eq!(plus_months(day("2026-12-31"), 2).to_string(), "2027-02-28");
    }

    #[test]
    fn a_leave_moves_the_end_by_its_days() {
        // EX-03.
        let working = leave_end(day("2026-07-01"), day("2026-07-21"), day("2026-12-31"));
        assert_eq!(working.day().unwrap().to_string(), "2027-01-20");
        assert!(working.lines.contains(&Line { key: "leave_days", amount: Amount::Days(20) }));
        // Across the end, and over 29 February.
        assert_eq!(
            leave_end(day("2026-12-20"), day("2027-01-19"), day("2026-12-31")).day().unwrap().to_string(),
            "2027-01-30"
        );
        assert_eq!(
            leave_end(day("2028-02-20"), day("2028-03-01"), day("2028-06-30")).day().unwrap().to_string(),
            "2028-07-10"
        );
        // Back on the first day: nothing moves.
        assert_eq!(
            leave_end(day("2026-07-01"), day("2026-07-01"), day("2026-12-31")).day().unwrap().to_string(),
            "2026-12-31"
        );
    }

    const POLICY: LeavePolicy = LeavePolicy { times: 2, days_total: 60, days_each_min: 7, extension: true };

    fn leave(used: (i64, i64), to: &str, special: bool, by_phone: bool, evidence: bool) -> Vec<LeaveProblem> {
        leave_check(
            POLICY,
            used.0,
            used.1,
            day("2026-07-01"),
            day(to),
            Some(day("2026-12-31")),
            special,
            by_phone,
            evidence,
        )
    }

    #[test]
    fn a_leave_keeps_to_what_the_card_allows() {
        assert_eq!(leave((0, 0), "2026-07-31", false, true, false), []);
        assert_eq!(leave((2, 0), "2026-07-31", false, false, false), [LeaveProblem::NoTimesLeft]);
        assert_eq!(leave((1, 40), "2026-07-31", false, false, false), [LeaveProblem::TooManyDays { left: 20 }]);
        assert_eq!(leave((0, 0), "2026-07-04", false, false, false), [LeaveProblem::TooShort { least: 7 }]);
        assert_eq!(leave((0, 0), "2026-07-01", false, false, false), [LeaveProblem::NoDays]);
        // EX-16, and special leave goes beyond the days where the card says so.
        assert_eq!(leave((0, 0), "2026-12-01", true, true, true), [LeaveProblem::SpecialByPhone]);
        assert_eq!(leave((2, 60), "2026-12-01", true, false, true), []);
        assert_eq!(leave((0, 0), "2026-12-01", true, false, false), [LeaveProblem::NoEvidence]);
        let none = LeavePolicy { times: 0, days_total: 0, days_each_min: 0, extension: false };
        let asked = |end: &str| {
            leave_check(none, 0, 0, day("2026-07-01"), day("2026-07-31"), Some(day(end)), false, false, false)
        };
        assert_eq!(asked("2026-12-31"), [LeaveProblem::NotAllowed]);
        assert_eq!(asked("2026-06-30"), [LeaveProblem::NotAllowed, LeaveProblem::AfterTheEnd]);
    }

    #[test]
    fn renewing_early_loses_nothing_and_late_begins_today() {
        assert_eq!(renewed_end(day("2026-12-31"), day("2026-11-22"), 12).to_string(), "2027-12-31");
        assert_eq!(renewed_end(day("2026-11-22"), day("2026-11-22"), 3).to_string(), "2027-02-22");
        assert_eq!(renewed_end(day("2026-10-31"), day("2026-11-22"), 12).to_string(), "2027-11-21");
        assert_eq!(renewed_end(day("2024-02-28"), day("2024-02-01"), 12).to_string(), "2025-02-28");
        let working = renewal(day("2026-12-31"), day("2026-11-22"), 12);
        assert!(working.lines.contains(&Line { key: "days_left", amount: Amount::Days(39) }));
    }

    #[test]
    fn a_refund_is_what_is_left_with_its_working() {
        // A year card of 2,880 yuan, 365 days, given back after 100.
        let working = refund(288_000, day("2026-01-01"), day("2026-12-31"), day("2026-04-11"), 0, 5_000);
        assert_eq!(working.lines[1].amount, Amount::Days(365));
        assert_eq!(working.lines[2].amount, Amount::Days(100));
        assert_eq!(working.lines[3].amount, Amount::Fen(78_904));
        assert_eq!(working.fen(), 288_000 - 78_904 - 5_000);
        // Days of leave are not used; a leap year has 366; nothing is left at the end, and never less than nothing.
        assert_eq!(
            refund(36_600, day("2024-01-01"), day("2024-12-31"), day("2024-03-01"), 30, 0).fen(),
            36_600 - 3_000
        );
        assert_eq!(refund(10_000, day("2026-01-01"), day("2026-01-31"), day("2026-02-01"), 0, 500).fen(), 0);
        assert_eq!(refund(10_000, day("2026-02-01"), day("2026-02-28"), day("2026-01-01"), 0, 0).fen(), 10_000);
    }

    #[test]
    fn a_transfer_gives_the_days_that_are_left() {
        let working = transfer(day("2026-11-22"), day("2026-12-31"), Some(20_000));
        assert_eq!(working.result, Amount::Days(40));
        assert_eq!(working.lines.last().unwrap().amount, Amount::Fen(20_000));
        assert_eq!(transfer(day("2027-01-01"), day("2026-12-31"), None).result, Amount::Days(0));
        assert_eq!(transfer(day("2026-12-31"), day("2026-12-31"), None).lines.len(), 3);
    }

    #[test]
    fn a_longer_card_costs_the_difference() {
        // Half of a 90-day card of 900 yuan is left.
        let working = card_change(90_000, day("2026-01-01"), day("2026-03-31"), day("2026-02-15"), 288_000);
        assert_eq!(working.lines[3].amount, Amount::Days(45));
        assert_eq!(working.fen(), 288_000 - 45_000);
        assert_eq!(card_change(90_000, day("2026-01-01"), day("2026-03-31"), day("2026-01-01"), 50_000).fen(), 0);
        assert_eq!(store_transfer(day("2026-07-02"), day("2026-12-31"), 200_000, 273_000, 365).fen(), 36_600);
        assert_eq!(store_transfer(day("2026-07-02"), day("2026-12-31"), 273_000, 200_000, 365).fen(), 0);
    }

    #[test]
    fn fees_and_deposits_are_reckoned_to_the_fen() {
        // EX-09 and EX-10.
        assert_eq!(card_fee(1_880_000, 2_000_000, 6_000).fen(), 3_891_280);
        assert_eq!(card_fee(3_880_000, 0, 6_000).fen(), 3_903_280);
        assert_eq!(deposit_back(100_000, &[20_000, 20_000, 15_000]).fen(), 45_000);
        assert_eq!(deposit_back(10_000, &[20_000]).fen(), 0);
        assert_eq!(court_charge(61, 6_000, 30), 9_000);
        assert_eq!(court_charge(60, 6_000, 30), 6_000);
        assert_eq!(court_charge(0, 6_000, 30), 0);
        // EX-07.
        assert_eq!((free_lessons(12, 12, 2), free_lessons(3, 12, 2)), (2, 0));
        assert_eq!(share(1, 1, 2), 1);
        assert_eq!(share(100, 1, 3), 33);
    }
}
