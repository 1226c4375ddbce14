//! Identity documents: resident ID cards and passports. Source: domain catalogue 0.2, V-ID; GB 11643-1999.

use std::fmt;

use crate::{
    time::Day,
    typed::{half_width, is_unseen},
};

/// The number of a resident ID card, 身份证: 18 characters whose last one checks the others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResidentId(Box<str>);

/// The number of a passport: 5 to 20 letters and digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Passport(Box<str>);

/// Why a typed text is no document number, by what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("nothing was typed")]
    Empty,
    #[error("{found} characters, where {min} to {max} are expected")]
    Length { found: usize, min: usize, max: usize },
    #[error("other characters than digits and letters, or a letter where a digit is expected")]
    Characters,
    #[error("the first two digits name no province")]
    Province,
    #[error("the date of birth in it is none")]
    BirthDate,
    #[error("the last character does not fit the others: one was mistyped")]
    Checksum,
}

const RESIDENT_CHARACTERS: usize = 18;
const PASSPORT_CHARACTERS: (usize, usize) = (5, 20);
/// Weights of the first 17 digits, and the check character for each remainder of 11. Source: GB 11643-1999, 4.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";
/// Nobody alive was born before, nor has a card.
const BIRTH_YEAR_MIN: i32 = 1850;

impl ResidentId {
    /// From what was typed: spaces and dashes are passed over, `x` is `X`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(typed: &str) -> Result<Self, IdentityError> {
        let text = read(typed)?;
        let bytes = text.as_bytes();
        if bytes.len() != RESIDENT_CHARACTERS {
            let (min, max) = (RESIDENT_CHARACTERS, RESIDENT_CHARACTERS);
            return Err(IdentityError::Length { found: bytes.len(), min, max });
        }
        let (digits, check) = bytes.split_at(RESIDENT_CHARACTERS - 1);
        if !digits.iter().all(u8::is_ascii_digit) || !(check[0].is_ascii_digit() || check[0] == b'X') {
            return Err(IdentityError::Characters);
        }
        let province = (digits[0] - b'0') * 10 + digits[1] - b'0';
        if !matches!(province, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83 | 91) {
            return Err(IdentityError::Province);
        }
        birth_date(&text).ok_or(IdentityError::BirthDate)?;
        let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        if CHECKS[(sum % 11) as usize] != check[0] {
            return Err(IdentityError::Checksum);
        }
        Ok(Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn birth_date(&self) -> Day {
        birth_date(&self.0).expect("checked when it was parsed")
    }

    /// First 3, last 4, as V-ID has it.
    #[must_use]
    pub fn masked(&self) -> String {
        masked(&self.0)
    }
}

impl Passport {
    /// From what was typed: spaces and dashes are passed over, letters become capitals.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(typed: &str) -> Result<Self, IdentityError> {
        let text = read(typed)?;
        let (min, max) = PASSPORT_CHARACTERS;
        if (min..=max).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(IdentityError::Length { found: text.len(), min, max })
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// First 3, last 4; of a short one only the last 2.
    #[must_use]
    pub fn masked(&self) -> String {
        masked(&self.0)
    }
}

impl fmt::Debug for ResidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResidentId(…)")
    }
}

impl fmt::Debug for Passport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passport(…)")
    }
}

/// Letters and digits, in capitals.
fn read(typed: &str) -> Result<String, IdentityError> {
    let text: String = typed
        .chars()
        .map(half_width)
        .filter(|c| !is_unseen(*c) && !matches!(c, ' ' | '-'))
        .map(|c| c.to_ascii_uppercase())
        .collect();
    if text.is_empty() {
        Err(IdentityError::Empty)
    } else if text.bytes().all(|c| c.is_ascii_alphanumeric()) {
        Ok(text)
    } else {
        Err(IdentityError::Characters)
    }
}

fn birth_date(id: &str) -> Option<Day> {
    let year = id[6..10].parse().ok().filter(|year| *year >= BIRTH_YEAR_MIN)?;
    Day::from_ymd(year, id[10..12].parse().ok()?, id[12..14].parse().ok()?)
}

fn masked(number: &str) -> String {
    let (head, tail) = if number.len() > 8 { (3, 4) } else { (0, 2) };
    format!("{}{}{}", &number[..head], "*".repeat(number.len() - head - tail), &number[number.len() - tail..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbtest::arbtest;

    // Made up for tests: the standard's own example and sums worked out by hand.
    const VALID: &str = "11010519491231002X";

    #[test]
    fn a_valid_number_is_taken_however_it_is_written() {
        for typed in [
            VALID,
            "11010519491231002x",
            " 110105 19491231 002X ",
            "１１０１０５１９４９１２３１００２Ｘ",
            "110105-19491231-002x",
        ] {
            assert_eq!(ResidentId::parse(typed).as_ref().map(ResidentId::as_str), Ok(VALID), "{typed}");
        }
        assert!(ResidentId::parse("440524188001010014").is_ok());
        let id = ResidentId::parse(VALID).unwrap();
        assert_eq!(id.birth_date(), Day::from_ymd(1949, 12, 31).unwrap());
        assert_eq!(id.masked(), "110***********002X");
        assert_eq!(format!("{id:?}"), "ResidentId(…)");
    }

    #[test]
    fn what_is_wrong_is_named() {
        use IdentityError::{BirthDate, Characters, Checksum, Empty, Length, Province};
        for (typed, error) in [
            ("", Empty),
            ("  ", Empty),
            ("1101051949123100", Length { found: 16, min: 18, max: 18 }),
            ("110105194912310021X", Length { found: 19, min: 18, max: 18 }),
            ("110105194912310020", Checksum),
            ("11010519491231003X", Checksum),
            ("11010519491331002X", BirthDate),
            ("11010519490229002X", BirthDate),
            ("11010500000101002X", BirthDate),
            ("99010519491231002X", Province),
            ("1101051949123100XX", Characters),
            ("11010519491231002Y", Characters),
            ("1101051949123100二X", Characters),
        ] {
            assert_eq!(ResidentId::parse(typed), Err(error), "{typed}");
        }
    }

    #[test]
    fn one_wrong_digit_and_two_swapped_ones_are_noticed() {
        for place in 0..RESIDENT_CHARACTERS {
            for other in b"0123456789X" {
                let mut bytes = VALID.as_bytes().to_vec();
                if bytes[place] != *other {
                    bytes[place] = *other;
                    assert!(ResidentId::parse(std::str::from_utf8(&bytes).unwrap()).is_err());
                }
            }
            let mut bytes = VALID.as_bytes().to_vec();
            if place > 0 && bytes[place] != bytes[place - 1] {
                bytes.swap(place, place - 1);
                assert!(ResidentId::parse(std::str::from_utf8(&bytes).unwrap()).is_err());
            }
        }
    }

    #[test]
    fn a_passport_is_letters_and_digits() {
        assert_eq!(Passport::parse("e12345678").unwrap().as_str(), "E12345678");
        assert_eq!(Passport::parse("E1234 5678").unwrap().masked(), "E12**5678");
        assert_eq!(Passport::parse("AB123").unwrap().masked(), "***23");
        assert_eq!(Passport::parse("A123"), Err(IdentityError::Length { found: 4, min: 5, max: 20 }));
        assert_eq!(Passport::parse(&"A".repeat(21)), Err(IdentityError::Length { found: 21, min: 5, max: 20 }));
        assert_eq!(Passport::parse("E1234/5"), Err(IdentityError::Characters));
    }

    #[test]
    fn any_text_is_answered() {
        arbtest(|u| {
            let text: String = u.arbitrary()?;
            let _ = (ResidentId::parse(&text), Passport::parse(&text));
            let count = u.int_in_range(16..=19)?;
            let digits: String =
                (0..count).map(|_| Ok(char::from(b'0' + u.int_in_range(0..=9)?))).collect::<arbitrary::Result<_>>()?;
            if let Ok(id) = ResidentId::parse(&digits) {
                let _ = (id.birth_date(), id.masked());
            }
            Ok(())
        });
    }
}
