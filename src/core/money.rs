//! Sums of money: typed in yuan, kept in fen. Source: domain catalogue 0.2, V-MONEY.

use std::fmt;

use crate::typed::{half_width, is_unseen, without_thousands};

/// A sum of zero or more, in fen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

/// 100 million yuan: beyond it, somebody typed a phone number.
pub const MONEY_FEN_MAX: i64 = 10_000_000_000;

/// Why a typed text is no sum, by what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("nothing was typed")]
    Empty,
    #[error("not a number")]
    NotANumber,
    #[error("below zero")]
    Negative,
    #[error("more than two decimals")]
    TooFine,
    #[error("more than 100 million yuan")]
    TooMuch,
}

impl Money {
    /// From what was typed in yuan: `1,234.5`, `￥１２００`, `300元`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(typed: &str) -> Result<Self, MoneyError> {
        let text: String = typed.chars().map(half_width).filter(|c| !is_unseen(*c) && *c != ' ').collect();
        if text.is_empty() {
            return Err(MoneyError::Empty);
        }
        let text = text.strip_prefix(['¥', '￥']).unwrap_or(&text);
        let text = text.strip_suffix(['元', '圆', '圓']).unwrap_or(text);
        let (negative, text) = text.strip_prefix(['-', '−']).map_or((false, text), |rest| (true, rest));
        let (yuan, fen) = text.split_once(['.', '。']).unwrap_or((text, ""));
        let yuan = without_thousands(yuan).ok_or(MoneyError::NotANumber)?;
        let digits = |part: &str| part.bytes().all(|c| c.is_ascii_digit());
        if yuan.is_empty() || !digits(&yuan) || !digits(fen) {
            return Err(MoneyError::NotANumber);
        }
        let fine = fen.trim_end_matches('0');
        if fine.len() > 2 {
            return Err(MoneyError::TooFine);
        }
        let fen: i64 = format!("{fine:0<2}").parse().map_err(|_| MoneyError::NotANumber)?;
        // More digits than fit is too much in any case.
        let yuan: i64 = yuan.parse().unwrap_or(MONEY_FEN_MAX);
        let sum = yuan.saturating_mul(100).saturating_add(fen);
        if negative && sum > 0 { Err(MoneyError::Negative) } else { Self::from_fen(sum).ok_or(MoneyError::TooMuch) }
    }

    #[must_use]
    pub fn from_fen(fen: i64) -> Option<Self> {
        (0..=MONEY_FEN_MAX).contains(&fen).then_some(Self(fen))
    }

    #[must_use]
    pub fn fen(self) -> i64 {
        self.0
    }

    /// As receipts and contracts write it, so that no digit is added: 叁仟陆佰捌拾元整.
    #[must_use]
    pub fn in_capitals(self, traditional: bool) -> String {
        const PLACES: [&str; 4] = ["仟", "佰", "拾", ""];
        let digits: Vec<char> =
            if traditional { "零壹貳參肆伍陸柒捌玖" } else { "零壹贰叁肆伍陆柒捌玖" }.chars().collect();
        let groups = if traditional { ["億", "萬", ""] } else { ["亿", "万", ""] };
        let (yuan, jiao, fen) = (self.0 / 100, self.0 / 10 % 10, self.0 % 10);
        let mut text = String::new();
        // A run of zeros between digits is one 零; before the first digit and at the end there is none.
        let mut zeros = false;
        for (place, group) in [100_000_000, 10_000, 1].into_iter().zip(groups) {
            let four = yuan / place % 10_000;
            for (of, unit) in [1_000, 100, 10, 1].into_iter().zip(PLACES) {
                match four / of % 10 {
                    0 => zeros = !text.is_empty(),
                    digit => {
                        if std::mem::take(&mut zeros) {
                            text.push(digits[0]);
                        }
                        text.push(digits[digit as usize]);
                        text.push_str(unit);
                    }
                }
            }
            if four > 0 {
                text.push_str(group);
            }
        }
        if yuan > 0 {
            text.push('元');
        } else if self.0 == 0 {
            text = format!("{}元", digits[0]);
        }
        if jiao > 0 {
            text.push(digits[jiao as usize]);
            text.push('角');
        }
        if fen > 0 {
            if jiao == 0 && yuan > 0 {
                text.push(digits[0]);
            }
            text.push(digits[fen as usize]);
            text.push('分');
        } else {
            text.push('整');
        }
        text
    }

    /// `1,234.50`
    #[must_use]
    pub fn shown(self) -> String {
        let yuan = (self.0 / 100).to_string();
        let mut grouped = String::new();
        for (place, digit) in yuan.chars().enumerate() {
            if place > 0 && (yuan.len() - place).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        format!("{grouped}.{:02}", self.0 % 100)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Money(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbtest::arbtest;

    #[test]
    fn a_sum_is_read_however_it_is_written() {
        for (typed, fen) in [
            ("1,234.5", 123_450),
            ("１，２３４．５", 123_450),
            ("1234.50", 123_450),
            ("￥ 2880", 288_000),
            ("¥2880.00", 288_000),
            ("300元", 30_000),
            ("0", 0),
            ("-0", 0),
            ("0.01", 1),
            ("5.", 500),
            ("100000000", MONEY_FEN_MAX),
            ("1.5000", 150),
        ] {
            assert_eq!(Money::parse(typed).map(Money::fen), Ok(fen), "{typed}");
        }
    }

    #[test]
    fn a_sum_in_capitals() {
        for (fen, text) in [
            (0, "零元整"),
            (5, "伍分"),
            (50, "伍角整"),
            (368_000, "叁仟陆佰捌拾元整"),
            (10_005, "壹佰元零伍分"),
            (10_050, "壹佰元伍角整"),
            (1_005_055, "壹万零伍拾元伍角伍分"),
            (10_000_000, "壹拾万元整"),
            (100_010_000, "壹佰万零壹佰元整"),
            (10_700_053, "壹拾万零柒仟元伍角叁分"),
            (MONEY_FEN_MAX, "壹亿元整"),
        ] {
            assert_eq!(Money(fen).in_capitals(false), text, "{fen}");
        }
        assert_eq!(Money(62_600_000).in_capitals(true), "陸拾貳萬陸仟元整");
    }

    #[test]
    fn what_is_wrong_is_named() {
        use MoneyError::{Empty, Negative, NotANumber, TooFine, TooMuch};
        for (typed, error) in [
            ("", Empty),
            ("　", Empty),
            ("-5", Negative),
            ("1.234", TooFine),
            ("1,5", NotANumber),
            ("1,2345", NotANumber),
            (".5", NotANumber),
            ("元", NotANumber),
            ("1.2.3", NotANumber),
            ("两百", NotANumber),
            ("1e5", NotANumber),
            ("100000000.01", TooMuch),
            ("99999999999999999999999", TooMuch),
        ] {
            assert_eq!(Money::parse(typed), Err(error), "{typed}");
        }
    }

    #[test]
    fn a_sum_reads_back_as_it_is_shown_and_no_text_panics() {
        assert_eq!(Money::from_fen(123_456_789).unwrap().shown(), "1,234,567.89");
        arbtest(|u| {
            let sum = Money::from_fen(u.int_in_range(0..=MONEY_FEN_MAX)?).unwrap();
            assert_eq!(Money::parse(&sum.shown()), Ok(sum));
            let text: String = u.arbitrary()?;
            let _ = Money::parse(&text);
            Ok(())
        });
    }
}
