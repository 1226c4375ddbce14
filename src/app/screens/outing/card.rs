//! The card of one contact while it is being filled in: the number as it grows, and what stays for the next one.
//!
//! Nothing here asks the roster or draws: what a key does to a number, and how it is shown, are plain functions.

use yingke_core::{
    phone::{PhoneError, PhoneNumber, Region},
    typed::{half_width, is_unseen},
};

use crate::ui::Key;

/// Digits of a mainland mobile.
pub const MOBILE_DIGITS: usize = 11;
/// Typed signs of a number, at most: the longest international one, with a plus and one digit too many.
const TYPED_MAX: usize = 17;

/// How far the typed number has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Number {
    Empty,
    /// Right so far; so many digits are missing.
    Growing {
        missing: usize,
    },
    /// No further digit can mend it.
    Wrong(PhoneError),
    Whole(PhoneNumber),
}

impl Number {
    pub fn of(typed: &str) -> Self {
        match PhoneNumber::parse(typed, Region::China) {
            Ok(phone) => Self::Whole(phone),
            Err(PhoneError::Empty) => Self::Empty,
            // A plus, or two zeros, and nothing yet.
            Err(_) if matches!(typed, "+" | "00") => Self::Growing { missing: 6 },
            Err(PhoneError::TooShort { missing }) => Self::Growing { missing },
            Err(wrong) => Self::Wrong(wrong),
        }
    }
}

/// What a key makes of the number. One digit too many may be typed, so that a slip shows itself.
pub fn pressed(typed: &str, key: Key) -> String {
    let max = if typed.starts_with('1') { MOBILE_DIGITS + 1 } else { TYPED_MAX };
    key.applied(typed, max)
}

/// A plus begins an international number.
pub fn with_plus(typed: &str) -> String {
    if typed.is_empty() { "+".into() } else { typed.into() }
}

/// A number out of what was pasted, as fingers would have typed it; `None` where there is none in it.
pub fn from_pasted(text: &str) -> Option<String> {
    let shown = match PhoneNumber::parse(text, Region::China) {
        Ok(phone) => phone.shown(),
        Err(_) => text.chars().map(half_width).filter(|c| !is_unseen(*c)).collect(),
    };
    let digits: String = shown.chars().filter(char::is_ascii_digit).take(TYPED_MAX).collect();
    let plus = shown.trim_start().starts_with('+');
    (!digits.is_empty()).then(|| if plus { format!("+{digits}") } else { digits })
}

/// The number as it is drawn while it grows, and the grey digits that are still missing from a mobile.
pub fn shown(typed: &str) -> (String, String) {
    if !typed.trim_start_matches('+').bytes().all(|c| c.is_ascii_digit()) {
        return (typed.to_owned(), String::new());
    }
    // Two zeros are how a plus is dialled.
    let international = typed.strip_prefix('+').or_else(|| typed.strip_prefix("00"));
    if let Some(digits) = international {
        return (format!("+{}", groups(digits, 3)), String::new());
    }
    if typed.starts_with('0') {
        let area = if matches!(typed.as_bytes().get(1), Some(b'1' | b'2')) { 3 } else { 4 };
        return (groups(typed, area), String::new());
    }
    let now = groups(typed, 3);
    let missing = MOBILE_DIGITS.saturating_sub(typed.len());
    let whole = groups(&format!("{typed}{}", "0".repeat(missing)), 3);
    let ghost = whole[now.len()..].to_owned();
    (now, ghost)
}

/// The first group, then groups of four.
fn groups(digits: &str, first: usize) -> String {
    let mut text = String::with_capacity(digits.len() + 4);
    for (place, digit) in digits.chars().enumerate() {
        if place >= first && (place - first).is_multiple_of(4) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// What somebody is called who told a surname only, or nothing: 王女士, 女士.
pub fn called(name: &str, title: &str) -> String {
    let surname_alone = name.chars().count() == 1;
    match (name, title) {
        ("", title) => title.to_owned(),
        (name, "") => name.to_owned(),
        (name, title) if surname_alone && title.is_ascii() => format!("{title} {name}"),
        (name, title) if surname_alone => format!("{name}{title}"),
        (name, _) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_grows_digit_by_digit_until_it_is_whole() {
        assert_eq!(Number::of(""), Number::Empty);
        assert_eq!(Number::of("139571048"), Number::Growing { missing: 2 });
        assert!(matches!(Number::of("13957104826"), Number::Whole(_)));
        assert!(matches!(Number::of("057188888888"), Number::Whole(_)));
        for typed in ["+", "00", "0", "+8", "+852"] {
            assert!(matches!(Number::of(typed), Number::Growing { .. }), "{typed}");
        }
        assert_eq!(Number::of("12"), Number::Wrong(PhoneError::UnknownPrefix));
        assert_eq!(Number::of("139571048261"), Number::Wrong(PhoneError::TooLong { extra: 1 }));
    }

    #[test]
    fn a_slip_of_one_digit_shows_and_no_more_are_taken() {
        let one_more = pressed("13957104826", Key::Digit(1));
        assert_eq!(one_more, "139571048261");
        assert_eq!(pressed(&one_more, Key::Digit(2)), one_more);
        assert_eq!(pressed(&one_more, Key::Erase), "13957104826");
        assert_eq!(pressed("138", Key::Clear), "");
        assert_eq!(with_plus(""), "+");
        assert_eq!(with_plus("13"), "13");
    }

    #[test]
    fn every_kind_of_number_is_drawn_in_its_groups() {
        let drawn = |typed: &str| shown(typed).0;
        assert_eq!(shown("139571048"), ("139 5710 48".into(), "00".into()));
        assert_eq!(shown("139"), ("139".into(), " 0000 0000".into()));
        assert_eq!(shown(""), (String::new(), "000 0000 0000".into()));
        assert_eq!(drawn("13957104826"), "139 5710 4826");
        assert_eq!(drawn("139571048261"), "139 5710 4826 1");
        assert_eq!(drawn("057188888888"), "0571 8888 8888");
        assert_eq!(drawn("01088888888"), "010 8888 8888");
        assert_eq!(drawn("0085291234567"), "+852 9123 4567");
        assert_eq!(drawn("+85291234567"), "+852 9123 4567");
        assert_eq!(drawn("138 ext 2"), "138 ext 2");
    }

    #[test]
    fn what_is_pasted_is_as_if_it_had_been_typed() {
        for text in ["138 0571 2296", "+86 138-0571-2296", "１３８０５７１２２９６", "电话：13805712296"]
        {
            assert_eq!(from_pasted(text).as_deref(), Some("13805712296"), "{text}");
        }
        assert_eq!(from_pasted("(0571) 8888 8888").as_deref(), Some("057188888888"));
        assert_eq!(from_pasted("+852 9123 4567").as_deref(), Some("+85291234567"));
        assert_eq!(from_pasted("王女士"), None);
    }

    #[test]
    fn a_surname_takes_its_title() {
        assert_eq!(called("王", "女士"), "王女士");
        assert_eq!(called("王", "Ms"), "Ms 王");
        assert_eq!(called("", "女士"), "女士");
        assert_eq!(called("王小明", "先生"), "王小明");
        assert_eq!(called("王", ""), "王");
    }
}
