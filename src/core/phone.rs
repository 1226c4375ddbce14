//! Phone numbers: what people type in many ways, kept in one.
//!
//! The normalised number is what tells that two records are one person. Source: domain catalogue 0.2, V-PHONE.

use std::fmt;

use crate::typed::{half_width, is_unseen};

/// A phone number in E.164 form, such as `+8613800138000`; what people type is in the draft.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(Box<str>);

/// Where a number without a country code belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Region {
    /// Mainland China, +86.
    #[default]
    China,
}

/// Why a typed text is no phone number, by what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    #[error("nothing was typed")]
    Empty,
    #[error("{missing} digits are missing")]
    TooShort { missing: usize },
    #[error("{extra} digits too many")]
    TooLong { extra: usize },
    #[error("there are letters in it")]
    Letters,
    #[error("there are signs in it that no phone number has")]
    NotANumber,
    #[error("no mobile number, and the area code or country code is missing")]
    UnknownPrefix,
}

const MOBILE_DIGITS: usize = 11;
/// Fewer typed digits than these fit nearly every number, so they show none of one.
const KNOWN_DIGITS_MIN: usize = 3;
/// Of an international number with its country code. Source: V-PHONE; ITU-T E.164 for the upper end.
const INTERNATIONAL_DIGITS: (usize, usize) = (6, 15);

impl PhoneNumber {
    /// From what was typed: spaces, dashes, brackets, full-width digits, `+86`, `0086` or `86` in front.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(typed: &str, home: Region) -> Result<Self, PhoneError> {
        let Region::China = home;
        let (mut plus, mut digits) = read_digits(typed)?;
        if let (false, Some(rest)) = (plus, digits.strip_prefix("00")) {
            (plus, digits) = (true, rest.to_owned());
        }
        if !plus {
            return match digits.strip_prefix("86") {
                Some(rest) if rest.len() >= 9 => china(rest),
                // Beijing's 10 is dialled at home as 010.
                _ if digits.starts_with(['0', '1']) && !digits.starts_with("10") => china(&digits),
                _ => Err(PhoneError::UnknownPrefix),
            };
        }
        if let Some(rest) = digits.strip_prefix("86") {
            return china(rest);
        }
        if digits.starts_with('0') {
            return Err(PhoneError::UnknownPrefix);
        }
        let (min, max) = INTERNATIONAL_DIGITS;
        check_length(digits.len(), min, max)?;
        Ok(Self(format!("+{digits}").into()))
    }

    /// From its stored form, and no other.
    #[must_use]
    pub fn from_e164(text: &str) -> Option<Self> {
        Self::parse(text, Region::China).ok().filter(|phone| *phone.0 == *text)
    }

    /// `+8613800138000`
    #[must_use]
    pub fn e164(&self) -> &str {
        &self.0
    }

    /// Whether messages reach it: a mainland mobile.
    #[must_use]
    pub fn is_mobile(&self) -> bool {
        self.of_china().is_some_and(is_mobile)
    }

    /// As people write it: `138 0013 8000`, `0571-8888 8888`, `+852 9123 4567`.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.of_china() {
            Some(mobile) if is_mobile(mobile) => format!("{} {} {}", &mobile[..3], &mobile[3..7], &mobile[7..]),
            Some(landline) => {
                let (area, number) = landline.split_at(area_digits(landline));
                let (head, tail) = number.split_at(number.len() - 4);
                format!("0{area}-{head} {tail}")
            }
            None => {
                let (country, number) = self.0[1..].split_at(country_digits(&self.0[1..]));
                format!("+{country} {}", grouped(number))
            }
        }
    }

    /// For eyes that may not have all of it: `138****8000`.
    #[must_use]
    pub fn masked(&self) -> String {
        match self.of_china() {
            Some(mobile) if is_mobile(mobile) => format!("{}****{}", &mobile[..3], &mobile[7..]),
            Some(landline) => {
                format!("0{}-****{}", &landline[..area_digits(landline)], &landline[landline.len() - 4..])
            }
            None => {
                let digits = &self.0[1..];
                // A short number would be given away by its last four digits.
                let tail = if digits.len() >= 10 { 4 } else { 2 };
                format!("+{}****{}", &digits[..2], &digits[digits.len() - tail..])
            }
        }
    }

    /// Masked but for the digits that somebody typed to find it, since they know those: `138057*6622` of 057.
    #[must_use]
    pub fn masked_but(&self, typed: &str) -> String {
        let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
        let found = self.of_china().filter(|number| is_mobile(number) && digits.len() >= KNOWN_DIGITS_MIN);
        let Some((mobile, at)) = found.and_then(|mobile| Some((mobile, mobile.find(&digits)?))) else {
            return self.masked();
        };
        let is_shown = |place: usize| !(3..7).contains(&place) || (at..at + digits.len()).contains(&place);
        mobile.char_indices().map(|(place, digit)| if is_shown(place) { digit } else { '*' }).collect()
    }

    /// The digits after +86, if it is a number of mainland China.
    fn of_china(&self) -> Option<&str> {
        self.0.strip_prefix("+86")
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

/// Whether a plus stands in front, and the digits.
fn read_digits(typed: &str) -> Result<(bool, String), PhoneError> {
    let (mut plus, mut digits, mut seen) = (false, String::new(), false);
    let mut wrong = None;
    for c in typed.chars().map(half_width).filter(|c| !is_unseen(*c)) {
        seen |= c != ' ';
        match c {
            '0'..='9' => digits.push(c),
            '+' if !plus && digits.is_empty() => plus = true,
            ' ' | '-' | '(' | ')' | '[' | ']' | '.' | '‐'..='―' | '−' | '·' | '【' | '】' => {}
            c if c.is_alphabetic() => wrong = Some(PhoneError::Letters),
            _ => wrong = wrong.or(Some(PhoneError::NotANumber)),
        }
    }
    match wrong {
        Some(error) => Err(error),
        None if !seen => Err(PhoneError::Empty),
        None if digits.is_empty() => Err(PhoneError::NotANumber),
        None => Ok((plus, digits)),
    }
}

/// A number of mainland China, after +86 or dialled at home.
fn china(digits: &str) -> Result<PhoneNumber, PhoneError> {
    // At home landlines have a 0 in front; old habit has one in front of mobiles too, and no area code is 013 to 019.
    let number = digits.strip_prefix('0').unwrap_or(digits);
    let mut leading = number.chars();
    match (leading.next(), leading.next()) {
        (None, _) => return Err(PhoneError::TooShort { missing: MOBILE_DIGITS - digits.len() }),
        (Some('1'), None | Some('3'..='9')) => check_length(number.len(), MOBILE_DIGITS, MOBILE_DIGITS)?,
        // No area code starts so.
        (Some('0'), _) | (Some('1'), Some('1' | '2')) => return Err(PhoneError::UnknownPrefix),
        (Some(_), _) => {
            let area = area_digits(number);
            check_length(number.len(), area + 7, area + 8)?;
        }
    }
    Ok(PhoneNumber(format!("+86{number}").into()))
}

fn check_length(digits: usize, min: usize, max: usize) -> Result<(), PhoneError> {
    if digits < min {
        Err(PhoneError::TooShort { missing: min - digits })
    } else if digits > max {
        Err(PhoneError::TooLong { extra: digits - max })
    } else {
        Ok(())
    }
}

/// Whether the digits after +86 are a mobile's: area code 10 is followed by a 0, a mobile's 1 never is.
fn is_mobile(number: &str) -> bool {
    number.len() == MOBILE_DIGITS && number.starts_with('1') && !number.starts_with("10")
}

/// Digits of an area code without its 0: 10 and 20 to 29 have two, all others three.
fn area_digits(number: &str) -> usize {
    if number.starts_with(['1', '2']) { 2 } else { 3 }
}

/// Digits of a country code. Source: ITU-T E.164 list of assigned codes.
fn country_digits(digits: &str) -> usize {
    let two = digits[..2].parse::<u8>().unwrap_or(0);
    match two {
        10..=19 | 70..=79 => 1,
        20 | 27 | 30..=34 | 36 | 39..=41 | 43..=49 | 51..=58 | 60..=66 | 81 | 82 | 84 | 86 | 90..=95 | 98 => 2,
        _ => 3,
    }
}

/// Groups of three or four, from the left, the last one taking what is left.
fn grouped(number: &str) -> String {
    let size = if number.len() == 8 { 4 } else { 3 };
    let mut rest = number;
    let mut groups = Vec::new();
    while rest.len() > 4 {
        let (group, tail) = rest.split_at(size);
        groups.push(group);
        rest = tail;
    }
    groups.push(rest);
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbtest::arbtest;

    fn parse(typed: &str) -> Result<String, PhoneError> {
        PhoneNumber::parse(typed, Region::China).map(|phone| phone.e164().to_owned())
    }

    #[test]
    fn a_mobile_is_read_however_it_is_written() {
        for typed in [
            "13800138000",
            "138 0013 8000",
            "138-0013-8000",
            " 138 00138000 ",
            "+8613800138000",
            "+86 138 0013 8000",
            "+86-138-0013-8000",
            "(+86) 138 0013 8000",
            "（+86）13800138000",
            "008613800138000",
            "0086 138 0013 8000",
            "8613800138000",
            "86 138 0013 8000",
            "１３８００１３８０００",
            "＋８６　１３８　００１３　８０００",
            "138—0013—8000",
            "138.0013.8000",
            "\u{202d}138 0013 8000\u{202c}",
            "138\u{a0}0013\u{2009}8000",
            "013800138000",
            "+86 013800138000",
        ] {
            assert_eq!(parse(typed).as_deref(), Ok("+8613800138000"), "{typed}");
        }
    }

    #[test]
    fn a_landline_keeps_its_area_code() {
        for typed in [
            "0571-88888888",
            "(0571) 8888 8888",
            "（０５７１）８８８８８８８８",
            "+86 571 8888 8888",
            "+86 (0)571 88888888",
            "8657188888888",
        ] {
            assert_eq!(parse(typed).as_deref(), Ok("+8657188888888"), "{typed}");
        }
        for (typed, kept) in [
            ("010-88888888", "+861088888888"),
            ("+86 10 8888 8888", "+861088888888"),
            ("021-62345678", "+862162345678"),
            ("010-8888888", "+86108888888"),
            ("0755-2345678", "+867552345678"),
        ] {
            assert_eq!(parse(typed).as_deref(), Ok(kept), "{typed}");
        }
    }

    #[test]
    fn other_countries_need_their_code() {
        for (typed, kept) in [
            ("+852 9123 4567", "+85291234567"),
            ("00852 91234567", "+85291234567"),
            ("+886 912 345 678", "+886912345678"),
            ("+1 (415) 555-2671", "+14155552671"),
            ("+290 123", "+290123"),
        ] {
            assert_eq!(parse(typed).as_deref(), Ok(kept), "{typed}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        use PhoneError::{Empty, Letters, NotANumber, TooLong, TooShort, UnknownPrefix};
        for (typed, error) in [
            ("", Empty),
            (" \u{3000}\t", Empty),
            ("1380013800", TooShort { missing: 1 }),
            ("138", TooShort { missing: 8 }),
            ("1", TooShort { missing: 10 }),
            ("138001380001", TooLong { extra: 1 }),
            ("+86 1380013800", TooShort { missing: 1 }),
            ("+86 138001380001", TooLong { extra: 1 }),
            ("+86", TooShort { missing: 11 }),
            ("0", TooShort { missing: 10 }),
            ("0571-888888", TooShort { missing: 1 }),
            ("0571-888888888", TooLong { extra: 1 }),
            ("0571-88888888-801", TooLong { extra: 3 }),
            ("021-623456789", TooLong { extra: 1 }),
            ("1380013800O", Letters),
            ("一三八", Letters),
            ("13800138000转1", Letters),
            ("13800138000/13900139000", NotANumber),
            ("138#0013#8000", NotANumber),
            ("📱", NotANumber),
            ("٣", NotANumber),
            ("-", NotANumber),
            ("+", NotANumber),
            ("138+00138000", NotANumber),
            ("++8613800138000", NotANumber),
            ("88888888", UnknownPrefix),
            ("12800138000", UnknownPrefix),
            ("10086", UnknownPrefix),
            ("110", UnknownPrefix),
            ("1088888888", UnknownPrefix),
            ("4008008000", UnknownPrefix),
            ("23800138000", UnknownPrefix),
            ("+0138001380", UnknownPrefix),
            ("000000", UnknownPrefix),
            ("+85212", TooShort { missing: 1 }),
            ("+8521234567890123", TooLong { extra: 1 }),
        ] {
            assert_eq!(parse(typed), Err(error), "{typed}");
        }
    }

    #[test]
    fn what_somebody_typed_is_not_masked_to_them() {
        let number = PhoneNumber::from_e164("+8613805716622").unwrap();
        for (typed, shown) in [
            ("", "138****6622"),
            ("zhang", "138****6622"),
            ("05", "138****6622"),
            ("057", "138057*6622"),
            ("7166", "138**716622"),
            ("6622", "138****6622"),
            ("138 0571", "13805716622"),
            ("999", "138****6622"),
        ] {
            assert_eq!(number.masked_but(typed), shown, "{typed}");
        }
        assert_eq!(PhoneNumber::from_e164("+8657188888888").unwrap().masked_but("8888"), "0571-****8888");
    }

    #[test]
    fn a_number_is_shown_as_people_write_it() {
        for (e164, shown, masked) in [
            ("+8613800138000", "138 0013 8000", "138****8000"),
            ("+8657188888888", "0571-8888 8888", "0571-****8888"),
            ("+861088888888", "010-8888 8888", "010-****8888"),
            ("+867552345678", "0755-234 5678", "0755-****5678"),
            ("+85291234567", "+852 9123 4567", "+85****4567"),
            ("+14155552671", "+1 415 555 2671", "+14****2671"),
            ("+290123", "+290 123", "+29****23"),
        ] {
            let phone = PhoneNumber::from_e164(e164).unwrap();
            assert_eq!((phone.shown().as_str(), phone.masked().as_str()), (shown, masked), "{e164}");
            assert_eq!(parse(shown).as_deref(), Ok(e164));
        }
    }

    #[test]
    fn only_the_stored_form_is_taken_from_storage() {
        for text in ["13800138000", "+86 13800138000", "+860571888888888", "8613800138000", "", "+86013800138000"] {
            assert_eq!(PhoneNumber::from_e164(text), None, "{text}");
        }
    }

    #[test]
    fn debug_shows_no_digit() {
        assert_eq!(format!("{:?}", PhoneNumber::from_e164("+8613800138000")), "Some(PhoneNumber(…))");
    }

    #[test]
    fn any_way_of_writing_a_number_gives_the_same() {
        arbtest(|u| {
            let mut number = format!("1{}", u.int_in_range(3..=9)?);
            for _ in 0..9 {
                number.push(char::from(b'0' + u.int_in_range(0..=9)?));
            }
            let mut typed = u.choose(&["", "+86", "0086", "86", "＋86 ", "(+86)", " ", "０"])?.to_string();
            for c in number.chars() {
                let wide = char::from_u32(c as u32 + 0xfee0).unwrap();
                typed.push(if u.arbitrary()? { c } else { wide });
                typed.push_str(u.choose(&["", "", " ", "-", "　", "－", "·"])?);
            }
            assert_eq!(parse(&typed).as_deref(), Ok(format!("+86{number}").as_str()), "{typed}");
            Ok(())
        });
    }

    #[test]
    fn any_text_is_answered_and_what_is_taken_reads_back() {
        arbtest(|u| {
            let text = if u.arbitrary()? {
                u.arbitrary::<String>()?
            } else {
                let count = u.int_in_range(0..=24)?;
                (0..count)
                    .map(|_| u.choose(&['0', '1', '2', '8', '6', '5', '+', '-', ' ', '（']).copied())
                    .collect::<Result<_, _>>()?
            };
            if let Ok(phone) = PhoneNumber::parse(&text, Region::China) {
                assert_eq!(PhoneNumber::from_e164(phone.e164()).as_ref(), Some(&phone), "{text}");
                assert_eq!(parse(&phone.shown()).as_deref(), Ok(phone.e164()), "{text}");
                assert!(phone.masked().contains("****"));
            }
            Ok(())
        });
    }
}
