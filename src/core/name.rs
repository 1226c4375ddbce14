//! Names of people. Source: domain catalogue 0.2, V-NAME.
//!
//! A surname with a title (王女士) is a name, and so are 阿依古丽·买买提, O'Neil and the rare characters of the
//! CJK extensions. Digits, emoji and private-use characters are slips of the hand or cannot be shown elsewhere.

use std::fmt;

use crate::typed::{half_width, is_unseen};

/// Characters of a name, at most.
pub const NAME_CHARACTERS_MAX: usize = 40;

/// A name of 1 to 40 characters, trimmed, with single spaces.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonName(Box<str>);

/// Why a typed text is no name, by what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("nothing was typed")]
    Empty,
    #[error("longer than {max} characters")]
    TooLong { max: usize },
    #[error("there are digits in it")]
    Digits,
    #[error("there are signs in it that no name has")]
    Symbols,
}

impl PersonName {
    /// From what was typed. Full-width letters and spaces become plain ones, the dots of foreign names one dot.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(typed: &str) -> Result<Self, NameError> {
        let mut name = String::new();
        let mut letters = false;
        for c in typed.chars().map(half_width).filter(|c| !is_unseen(*c)) {
            let before = name.chars().next_back();
            match c {
                ' ' if before.is_none_or(|before| before == ' ') => {}
                ' ' => name.push(c),
                '•' | '‧' | '・' | '･' | '∙' | '⋅' | '·' => name.push('·'),
                '-' | '\'' | '’' | '.' | '\u{f0b}' => name.push(c),
                c if is_letter(c) => {
                    letters = true;
                    name.push(c);
                }
                c if joins(c) && before.is_some_and(|before| is_letter(before) || joins(before)) => name.push(c),
                c if c.is_numeric() => return Err(NameError::Digits),
                _ => return Err(NameError::Symbols),
            }
        }
        let name = name.trim_end();
        match name.chars().count() {
            0 => Err(NameError::Empty),
            count if count > NAME_CHARACTERS_MAX => Err(NameError::TooLong { max: NAME_CHARACTERS_MAX }),
            _ if !letters => Err(NameError::Symbols),
            _ => Ok(Self(name.into())),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(…)")
    }
}

fn is_letter(c: char) -> bool {
    match c {
        // 〇 counts as a number, yet people are called so; planes 2 and 3 hold rare characters, assigned or yet to be.
        '〇' | '々' | '\u{20000}'..='\u{3fffd}' => true,
        // Letters in circles and squares.
        '\u{24b6}'..='\u{24e9}' | '\u{1f100}'..='\u{1f1ff}' => false,
        c => c.is_alphabetic() && !c.is_numeric(),
    }
}

/// Marks that belong to the letter before them: accents, vowel signs, joiners, variants of a CJK character.
fn joins(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{200c}' | '\u{200d}'
        | '\u{93c}' | '\u{94d}' | '\u{9bc}' | '\u{9cd}' | '\u{a3c}' | '\u{a4d}' | '\u{abc}' | '\u{acd}'
        | '\u{b3c}' | '\u{b4d}' | '\u{bcd}' | '\u{c4d}' | '\u{ccd}' | '\u{d4d}' | '\u{dca}'
        | '\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{ec8}'..='\u{ecd}' | '\u{f39}' | '\u{f71}'..='\u{f84}'
        | '\u{1037}' | '\u{1039}' | '\u{103a}' | '\u{17c9}'..='\u{17d3}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{3099}' | '\u{309a}' | '\u{fe00}'..='\u{fe02}' | '\u{fe20}'..='\u{fe2f}'
        | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbtest::arbtest;

    #[test]
    fn names_of_all_kinds_are_taken() {
        for (typed, kept) in [
            ("李娜", "李娜"),
            (" 王女士　", "王女士"),
            ("阿依古丽·买买提", "阿依古丽·买买提"),
            ("阿依古丽•买买提", "阿依古丽·买买提"),
            ("欧阳　修", "欧阳 修"),
            ("Anne-Marie  O'Neil", "Anne-Marie O'Neil"),
            ("J. R. Smith", "J. R. Smith"),
            ("Ｌｉ　Ｎａ", "Li Na"),
            ("𠮷田", "𠮷田"),
            ("張\u{e0100}", "張\u{e0100}"),
            ("㛃", "㛃"),
            ("𰻝", "𰻝"),
            ("何〇", "何〇"),
            ("佐々木", "佐々木"),
            ("Nguye\u{302}\u{303}n", "Nguye\u{302}\u{303}n"),
            ("Zoë", "Zoë"),
            ("प्रिया", "प्रिया"),
            ("བསྟན་འཛིན", "བསྟན་འཛིན"),
            ("اميرة", "اميرة"),
            ("李\u{200b}娜\u{feff}", "李娜"),
            ("一", "一"),
            ("A", "A"),
        ] {
            assert_eq!(PersonName::parse(typed).as_ref().map(PersonName::as_str), Ok(kept), "{typed}");
        }
        assert!(PersonName::parse(&"李".repeat(40)).is_ok());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (typed, error) in [
            ("", NameError::Empty),
            (" 　\t\n", NameError::Empty),
            ("李4", NameError::Digits),
            ("李４", NameError::Digits),
            ("李①", NameError::Digits),
            ("李Ⅳ", NameError::Digits),
            ("李😀", NameError::Symbols),
            ("👩\u{200d}👧", NameError::Symbols),
            ("\u{fe0f}李", NameError::Symbols),
            ("🇨🇳", NameError::Symbols),
            ("Ⓐ", NameError::Symbols),
            ("李\u{7}娜", NameError::Symbols),
            ("李\u{e000}", NameError::Symbols),
            ("李\u{f0000}", NameError::Symbols),
            ("<b>", NameError::Symbols),
            ("李;娜", NameError::Symbols),
            ("\u{301}李", NameError::Symbols),
            ("···", NameError::Symbols),
            ("-", NameError::Symbols),
            ("李\u{fffd}", NameError::Symbols),
        ] {
            assert_eq!(PersonName::parse(typed), Err(error), "{typed:?}");
        }
        assert_eq!(PersonName::parse(&"李".repeat(41)), Err(NameError::TooLong { max: 40 }));
    }

    #[test]
    fn any_text_is_answered_and_what_is_taken_reads_back() {
        arbtest(|u| {
            let text: String = u.arbitrary()?;
            if let Ok(name) = PersonName::parse(&text) {
                assert_eq!(PersonName::parse(name.as_str()), Ok(name.clone()));
                assert!((1..=NAME_CHARACTERS_MAX).contains(&name.as_str().chars().count()));
                assert_eq!(name.as_str().trim(), name.as_str());
                assert_eq!(format!("{name:?}"), "PersonName(…)");
            }
            Ok(())
        });
    }
}
