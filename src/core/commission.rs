//! Commission: what a month's performance brings, line by line.
//!
//! Amounts are fen, rates millionths, each line rounded half up to fen. The plan is data: parameters of the venue,
//! with their dates, so that a new plan never changes a closed month. Source: domain catalogue 11, Q-01 to.

use crate::reckon::per_million;

/// From which amount on which rate applies: lower bounds in fen, the first one included, the others not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brackets {
    pub from: Vec<i64>,
    pub rate: Vec<i64>,
}

/// What is in force in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub personal: Brackets,
    pub team: Brackets,
    pub supervisor_rate: i64,
    pub shared_specialist_rate: i64,
    pub shared_sales_rate: i64,
    /// Shared performance is one pool that is split 60 to 40.
    pub shared_split: bool,
    pub shared_pool_rate: i64,
    /// Each bracket's part at its own rate, instead of the whole amount at the rate that is reached.
    pub progressive: bool,
    pub trainees_too: bool,
}

impl Plan {
    /// The plan of the numbers that are in force; `None` where brackets and rates are not as many.
    #[must_use]
    pub fn of(numbers: &dyn Fn(&str) -> Vec<i64>) -> Option<Self> {
        let brackets = |from: &str, rate: &str| {
            let brackets = Brackets { from: numbers(from), rate: numbers(rate) };
            let rising = brackets.from.windows(2).all(|pair| pair[0] < pair[1]);
            (rising && brackets.from.len() == brackets.rate.len()).then_some(brackets)
        };
        let one = |key: &str| numbers(key).first().copied();
        Some(Self {
            personal: brackets("commission.personal_from", "commission.personal_rate")?,
            team: brackets("commission.team_from", "commission.team_rate")?,
            supervisor_rate: one("commission.supervisor_rate")?,
            shared_specialist_rate: one("commission.shared_specialist_rate")?,
            shared_sales_rate: one("commission.shared_sales_rate")?,
            shared_split: one("commission.shared_split")? == 1,
            shared_pool_rate: one("commission.shared_pool_rate")?,
            progressive: one("commission.progressive")? == 1,
            trainees_too: one("commission.trainee_eligible")? == 1,
        })
    }
}

/// The commission of an amount by its brackets. An amount on a bound belongs to the bracket below; the first bracket
/// has its own bound.
#[must_use]
pub fn by_brackets(brackets: &Brackets, fen: i64, progressive: bool) -> i64 {
    let Some(place) = place(brackets, fen) else { return 0 };
    if !progressive {
        return per_million(fen, brackets.rate[place]);
    }
    // The first bracket's rate applies from the first fen on: 100,000 yuan at 0.6 % are 600.
    let mut sum = 0;
    for (number, rate) in brackets.rate.iter().enumerate().take(place + 1) {
        let begins = if number == 0 { 0 } else { brackets.from[number] };
        let ends = brackets.from.get(number + 1).copied().filter(|_| number < place).unwrap_or(fen);
        sum += per_million(ends - begins, *rate);
    }
    sum
}

fn place(brackets: &Brackets, fen: i64) -> Option<usize> {
    let first = *brackets.from.first()?;
    if fen < first {
        return None;
    }
    Some(brackets.from.iter().rposition(|from| fen > *from).unwrap_or(0))
}

/// One line of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub kind: LineKind,
    /// What it is reckoned from.
    pub base: i64,
    pub fen: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    Personal,
    Shared,
    SharedSales,
    SupervisorPersonal,
    Team,
}

/// Whose statement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Post {
    Trainee,
    Specialist,
    Supervisor,
    SalesConsultant,
}

/// A month's statement: `personal` is net of refunds and may be below zero, `extensions` are the received amounts of
/// shared performance, `team` the department's own and shared performance together.
#[must_use]
pub fn statement(plan: &Plan, post: Post, personal: i64, extensions: &[i64], team: i64) -> Vec<Line> {
    let mut lines = Vec::new();
    let line = |kind, base, fen| Line { kind, base, fen };
    let shared = |rate: i64, of_ten: i64, amount: i64| {
        if plan.shared_split {
            per_million(amount, plan.shared_pool_rate * of_ten / 10)
        } else {
            per_million(amount, rate)
        }
    };
    match post {
        Post::Trainee if !plan.trainees_too => {}
        Post::Trainee | Post::Specialist => {
            lines.push(line(LineKind::Personal, personal, by_brackets(&plan.personal, personal, plan.progressive)));
            for amount in extensions {
                lines.push(line(LineKind::Shared, *amount, shared(plan.shared_specialist_rate, 6, *amount)));
            }
        }
        Post::SalesConsultant => {
            for amount in extensions {
                lines.push(line(LineKind::SharedSales, *amount, shared(plan.shared_sales_rate, 4, *amount)));
            }
        }
        Post::Supervisor => {
            let own = per_million(personal.max(0), plan.supervisor_rate);
            lines.push(line(LineKind::SupervisorPersonal, personal, own));
            lines.push(line(LineKind::Team, team, by_brackets(&plan.team, team, plan.progressive)));
        }
    }
    lines
}

#[must_use]
pub fn total(lines: &[Line]) -> i64 {
    lines.iter().map(|line| line.fen).sum()
}

/// Two months of somebody, for the review of their grade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month {
    /// Fen.
    pub performance: i64,
    /// Hundredths of a point; `None` if nobody was asked.
    pub satisfaction: Option<i64>,
    /// Valid ones only, Q-29.
    pub complaints: i64,
}

const POINTS_90: i64 = 9_000;
const YUAN_10K: i64 = 1_000_000;

/// Whether a trainee may be confirmed: any one of service, no complaint, 50,000 yuan. Source: 11.5.
#[must_use]
pub fn may_confirm(months: &[Month]) -> bool {
    let Some(last) = months.last() else { return false };
    let asked: Vec<i64> = months.iter().filter_map(|month| month.satisfaction).collect();
    let mean_is_good = !asked.is_empty() && asked.iter().sum::<i64>() >= POINTS_90 * asked.len() as i64;
    mean_is_good || months.iter().all(|month| month.complaints == 0) || last.performance >= 5 * YUAN_10K
}

/// Whether a trainee's probation ends or is extended: two of a complaint, satisfaction under 90, no performance.
#[must_use]
pub fn must_extend(month: &Month) -> bool {
    let met =
        [month.complaints >= 1, month.satisfaction.is_some_and(|points| points < POINTS_90), month.performance <= 0];
    met.iter().filter(|met| **met).count() >= 2
}

/// Whether a specialist may rise: three months in a row above 100,000 yuan, or a quarter above 300,000.
#[must_use]
pub fn may_rise(quarter: [Month; 3]) -> bool {
    let sum: i64 = quarter.iter().map(|month| month.performance).sum();
    quarter.iter().all(|month| month.performance > 10 * YUAN_10K) || sum > 30 * YUAN_10K
}

/// Whether a supervisor's team carries a grade: `per_head` yuan of each of `heads` in each month, or as much in all.
#[must_use]
pub fn team_may_rise(quarter: [i64; 3], heads: i64, per_head_yuan: i64) -> bool {
    let limit = heads * per_head_yuan * 100;
    quarter.iter().all(|fen| *fen > limit) || quarter.iter().sum::<i64>() >= 3 * limit
}

/// Whether a specialist falls by a grade: two of three conditions over two months. Source: 11.5, Q-08.
#[must_use]
pub fn must_fall(months: [Month; 2]) -> bool {
    let sum: i64 = months.iter().map(|month| month.performance).sum();
    let met = [
        months.iter().all(|month| month.complaints >= 2),
        months.iter().all(|month| month.satisfaction.is_some_and(|points| points < POINTS_90)),
        months.iter().all(|month| month.performance < 10 * YUAN_10K) || sum < 20 * YUAN_10K,
    ];
    met.iter().filter(|met| **met).count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{Pack, VenueKind};

    fn plan() -> Plan {
        let pack = Pack::of(VenueKind::Fitness);
        Plan::of(&|key| pack.parameter(key).map(|parameter| parameter.values.clone()).unwrap_or_default()).unwrap()
    }

    fn yuan(yuan: i64) -> i64 {
        yuan * 100
    }

    #[test]
    fn the_examples_of_the_pay_plan_come_out() {
        // Section 11.4, in its order.
        let plan = plan();
        let personal = |fen| by_brackets(&plan.personal, fen, false);
        for (amount, expected) in [
            (49_999, 0),
            (50_000, 30_000),
            (100_000, 60_000),
            (100_500, 80_400),
            (200_000, 160_000),
            (250_000, 250_000),
            (350_000, 455_000),
        ] {
            assert_eq!(personal(yuan(amount)), expected, "{amount}");
        }
        assert_eq!(by_brackets(&plan.personal, yuan(250_000), true), 190_000);
        assert_eq!(by_brackets(&plan.personal, yuan(350_000), true), 305_000);
        let extension = [yuan(60_000)];
        assert_eq!(total(&statement(&plan, Post::Specialist, 0, &extension, 0)), 36_000);
        assert_eq!(total(&statement(&plan, Post::SalesConsultant, 0, &extension, 0)), 24_000);
        assert_eq!(total(&statement(&plan, Post::Specialist, yuan(80_000), &extension, 0)), 84_000);
        assert_eq!(total(&statement(&plan, Post::Supervisor, yuan(80_000), &[], yuan(370_000))), 212_000);
        for (team, expected) in
            [(99_999, 0), (100_000, 20_000), (400_000, 160_000), (520_000, 260_000), (650_000, 390_000)]
        {
            assert_eq!(by_brackets(&plan.team, yuan(team), false), expected, "{team}");
        }
        assert_eq!(statement(&plan, Post::Trainee, yuan(80_000), &extension, 0), []);
        // A month in which more was refunded than sold.
        assert_eq!(total(&statement(&plan, Post::Specialist, -yuan(30_000), &[], 0)), 0);
        let split = Plan { shared_split: true, ..plan };
        assert_eq!(total(&statement(&split, Post::Specialist, 0, &extension, 0)), 36_000);
    }

    #[test]
    fn a_plan_whose_rates_do_not_match_its_brackets_is_none() {
        let numbers = |key: &str| if key == "commission.team_rate" { vec![1] } else { vec![1, 2] };
        assert_eq!(Plan::of(&numbers), None);
    }

    fn month(complaints: i64, points: i64, performance_yuan: i64) -> Month {
        Month { complaints, satisfaction: Some(points * 100), performance: yuan(performance_yuan) }
    }

    #[test]
    fn grades_follow_the_facts() {
        // The two examples of 11.5.
        assert!(must_fall([month(2, 88, 90_000), month(2, 87, 130_000)]));
        assert!(may_confirm(&[month(0, 85, 20_000)]));
        assert!(!may_confirm(&[month(1, 85, 20_000)]));
        assert!(may_confirm(&[month(1, 85, 50_000)]));
        assert!(!must_fall([month(2, 88, 90_000), month(1, 91, 130_000)]));
        assert!(must_fall([month(0, 88, 99_999), month(0, 89, 99_999)]));
        assert!(must_extend(&month(1, 89, 10)) && !must_extend(&month(1, 90, 10)));
        assert!(may_rise([month(0, 90, 100_001); 3]) && !may_rise([month(0, 90, 100_000); 3]));
        assert!(may_rise([month(0, 90, 0), month(0, 90, 300_000), month(0, 90, 1)]));
        assert!(team_may_rise([yuan(300_001); 3], 3, 100_000) && team_may_rise([0, 0, yuan(900_000)], 3, 100_000));
        assert!(!team_may_rise([yuan(299_000); 3], 3, 100_000));
    }
}
