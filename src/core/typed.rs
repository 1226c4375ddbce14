//! What people type, made readable: full-width digits, dates and numbers as hands write them.
//!
//! Everything here is a plain function from text to a value or to the reason why there is none. Types with
//! rules of their own have a file each: [`crate::phone`], [`crate::name`], [`crate::identity`], [`crate::money`].

use std::fmt;

use crate::{
    id::{DeviceNumber, StaffId},
    ink::Ink,
    time::{Day, HOUR_MS, MINUTE_MS, Millis, SECOND_MS},
    value::Value,
};

/// Characters of a note: some five pages. Source: domain catalogue, `long_text`, bounded here.
pub const NOTE_CHARACTERS_MAX: usize = 10_000;

/// Full-width forms as their ASCII twins, any kind of space as a space; all else stays.
#[must_use]
pub fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).expect("the full-width block mirrors ASCII"),
        c if c.is_whitespace() => ' ',
        c => c,
    }
}

/// Marks that are not seen and come along when text is pasted: zero-width spaces, text directions, soft hyphens.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A line or a note was longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("longer than {max} characters")]
pub struct TooLong {
    pub max: usize,
}

/// One line: trimmed, line breaks as spaces, unseen and control characters dropped.
///
/// # Errors
/// When it has more than `max` characters.
pub fn line(typed: &str, max: usize) -> Result<Box<str>, TooLong> {
    let text: String = typed
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_unseen(*c))
        .collect();
    bounded(text.trim(), max)
}

/// A text of many lines: trimmed, control characters other than line break and tab dropped.
///
/// # Errors
/// When it has more than `max` characters.
pub fn lines(typed: &str, max: usize) -> Result<Box<str>, TooLong> {
    let text: String =
        typed.replace("\r\n", "\n").chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    bounded(text.trim(), max)
}

fn bounded(text: &str, max: usize) -> Result<Box<str>, TooLong> {
    if text.chars().count() > max { Err(TooLong { max }) } else { Ok(text.into()) }
}

/// A typed whole number was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WholeError {
    #[error("not a whole number")]
    NotANumber,
    #[error("not between {min} and {max}")]
    OutOfRange { min: i64, max: i64 },
}

/// A whole number within bounds, such as `１２` or `1,200`.
///
/// # Errors
/// When it is no whole number, or outside the bounds.
pub fn whole(typed: &str, min: i64, max: i64) -> Result<i64, WholeError> {
    let text: String = typed.chars().map(half_width).filter(|c| !is_unseen(*c)).collect();
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = without_thousands(digits).ok_or(WholeError::NotANumber)?;
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return Err(WholeError::NotANumber);
    }
    // More digits than fit is out of any range.
    let number = digits.parse::<i64>().map_or(i64::MAX, |number| if negative { -number } else { number });
    if (min..=max).contains(&number) { Ok(number) } else { Err(WholeError::OutOfRange { min, max }) }
}

/// Digits without their thousands' commas; `None` when a comma stands elsewhere, since `1,5` may mean a decimal.
pub(crate) fn without_thousands(text: &str) -> Option<String> {
    if !text.contains(',') {
        return Some(text.into());
    }
    let mut groups = text.split(',');
    let first = groups.next()?;
    let well_placed = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    well_placed.then(|| text.replace(',', ""))
}

/// A calendar day as people write it: `2026-11-22`, `2026/1/2`, `2026.11.22`, `20261122`, `2026年11月22日`.
#[must_use]
pub fn day(typed: &str) -> Option<Day> {
    let text: String = typed.chars().map(half_width).filter(|c| !is_unseen(*c) && *c != ' ').collect();
    if text.len() == 8 && text.bytes().all(|c| c.is_ascii_digit()) {
        return Day::from_ymd(text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..].parse().ok()?);
    }
    let text = text.strip_suffix(['日', '号', '號']).unwrap_or(&text);
    let mut parts = text.split(['-', '/', '.', '年', '月', '。', '－', '—']);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits =
        |part: &str, longest: usize| (1..=longest).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit());
    if parts.next().is_some() || year.len() != 4 || !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
        return None;
    }
    Day::from_ymd(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// A day and a time of the venue's clock, as the browser's field gives it (`2026-11-22T10:00`) or typed with a
/// space and any of the ways of [`day`].
#[must_use]
pub fn instant(typed: &str, offset_minutes: i32) -> Option<Millis> {
    let text: String = typed.trim().chars().map(half_width).filter(|c| !is_unseen(*c)).collect();
    let (date, time) = text.rsplit_once(['T', 't', ' ', '日'])?;
    let mut parts = time.trim().split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let number = |part: &str, below: i64| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten().filter(|number: &i64| *number < below)
    };
    let second = number(second.split('.').next()?, 60)?;
    let ms = number(hour, 24)? * HOUR_MS + number(minute, 60)? * MINUTE_MS + second * SECOND_MS;
    if parts.next().is_some() { None } else { Some(day(date)?.begins(offset_minutes).plus(ms)) }
}

/// An instant as [`instant`] reads it, to the minute: what goes into the browser's field.
#[must_use]
pub fn instant_field(at: Millis, offset_minutes: i32) -> String {
    let (hour, minute) = at.hour_minute(offset_minutes);
    format!("{}T{hour:02}:{minute:02}", at.day(offset_minutes))
}

/// An address for electronic mail, as far as its form tells: one `@`, no spaces, a dot after it.
#[must_use]
pub fn email(typed: &str) -> Option<Box<str>> {
    let text = line(typed, EMAIL_CHARACTERS_MAX).ok()?;
    let text: String = text.chars().map(half_width).collect();
    let (name, place) = text.split_once('@')?;
    let plain = |part: &str| !part.is_empty() && !part.contains([' ', '@', ',', ';', '<', '>', '"']);
    let dotted = !place.starts_with('.') && !place.ends_with('.') && !place.contains("..") && place.contains('.');
    (plain(name) && plain(place) && dotted).then(|| format!("{name}@{}", place.to_ascii_lowercase()).into())
}

/// Characters of an address, at most; longer ones nobody types.
pub const EMAIL_CHARACTERS_MAX: usize = 120;

/// A time of the day, `09:30` or `9:30`, in minutes since midnight.
#[must_use]
pub fn time_of_day(typed: &str) -> Option<i64> {
    let text: String = typed.chars().map(half_width).filter(|c| !is_unseen(*c) && *c != ' ').collect();
    let (hour, minute) = text.split_once(':').or_else(|| text.split_once('：'))?;
    let number = |part: &str, below: i64| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten().filter(|number: &i64| *number < below)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

/// A number with at most two decimals, in hundredths; a little more than a billion at most.
#[must_use]
pub fn decimal(typed: &str) -> Option<i64> {
    let text: String = typed.chars().map(half_width).filter(|c| !is_unseen(*c) && *c != ' ').collect();
    let (negative, text) = text.strip_prefix(['-', '−']).map_or((false, &*text), |rest| (true, rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole = without_thousands(whole)?;
    let digits = |part: &str| part.bytes().all(|c| c.is_ascii_digit());
    let part = part.trim_end_matches('0');
    if whole.is_empty() || whole.len() > 7 || part.len() > 2 || !digits(&whole) || !digits(part) {
        return None;
    }
    let number: i64 = format!("{whole}{part:0<2}").parse().ok()?;
    Some(if negative { -number } else { number })
}

/// A year and a month, `2026-11`, `2026/11` or `2026年11月`, as `2026-11`.
#[must_use]
pub fn year_month(typed: &str) -> Option<Box<str>> {
    let text: String = typed.chars().map(half_width).filter(|c| !is_unseen(*c) && *c != ' ').collect();
    let text = text.strip_suffix('月').unwrap_or(&text);
    let (year, month) = text.split_once(['-', '/', '.', '年'])?;
    let fits = year.len() == 4 && (1..=2).contains(&month.len());
    let first = if fits { Day::from_ymd(year.parse().ok()?, month.parse().ok()?, 1)? } else { return None };
    Some(first.to_string()[..7].into())
}

/// Whether a text is the hash of a blob: 64 lower-case hexadecimal digits.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'a'..=b'f'))
}

/// A signature: what was drawn, who drew it, in which role, when, on which tablet. It is never changed after it was
/// saved. Source: domain catalogue 0.2, V-SIGN. Its `Debug` shows no name.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    /// What [`Mark`] writes.
    pub image: Box<str>,
    pub signer: Box<str>,
    /// `member`, `transferee`, or the key of a post.
    pub role: Box<str>,
    pub at: Millis,
    pub device: DeviceNumber,
}

/// What stands above the line of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// The pen's strokes themselves: they go where the record goes.
    Drawn(Ink),
    /// The signer cannot hold a pen: the name was typed, and somebody of the staff was there.
    Typed { witness: StaffId },
    /// A picture, by the hash of its bytes.
    Picture(Box<str>),
}

impl Mark {
    /// As a signature's image: strokes, `typed:` with the witness, or 64 hexadecimal digits.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Drawn(ink) => ink.text(),
            Self::Typed { witness } => format!("typed:{witness}"),
            Self::Picture(hash) => hash.to_string(),
        }
    }

    /// Reads what [`Mark::text`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("typed:") {
            Some(witness) => Some(Self::Typed { witness: witness.parse().ok()? }),
            None if is_hash(text) => Some(Self::Picture(text.into())),
            None => Ink::parse(text).map(Self::Drawn),
        }
    }
}

impl Signature {
    /// As it stands in a draft: image, milliseconds, tablet, role and name, with spaces between.
    #[must_use]
    pub fn typed(&self) -> String {
        format!("{} {} {} {} {}", self.image, self.at.0, self.device.0, self.role, self.signer)
    }

    /// Reads what [`Signature::typed`] wrote.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let mut parts = typed.trim().splitn(5, ' ');
        let image = parts.next()?;
        let at = Millis(parts.next()?.parse().ok()?);
        let device = DeviceNumber(parts.next()?.parse().ok()?);
        let (role, signer) = (parts.next()?, parts.next()?);
        let signature = Self { image: image.into(), signer: signer.into(), role: role.into(), at, device };
        signature.is_sound().then_some(signature)
    }

    /// What was drawn.
    ///
    /// # Panics
    /// Never for one that was read by [`Signature::parse`] or [`Signature::from_value`].
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark::parse(&self.image).expect("a signature is read only with a mark that can be")
    }

    #[must_use]
    pub fn value(&self) -> Value {
        let device = Value::Int(i64::from(self.device.0));
        Value::List(vec![(&*self.image).into(), self.at.into(), device, (&*self.role).into(), (&*self.signer).into()])
    }

    /// Reads a record's value; `None` if it is no signature.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        let Value::List(parts) = value else { return None };
        let [Value::Text(image), Value::At(at), Value::Int(device), Value::Text(role), Value::Text(signer)] =
            &parts[..]
        else {
            return None;
        };
        let device = DeviceNumber(u32::try_from(*device).ok()?);
        let signature = Self { image: image.clone(), signer: signer.clone(), role: role.clone(), at: *at, device };
        signature.is_sound().then_some(signature)
    }

    fn is_sound(&self) -> bool {
        let code =
            |text: &str| (1..=40).contains(&text.len()) && text.bytes().all(|c| c == b'_' || c.is_ascii_lowercase());
        Mark::parse(&self.image).is_some() && code(&self.role) && (1..=40).contains(&self.signer.chars().count())
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature").field("role", &self.role).field("at", &self.at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbtest::arbtest;

    #[test]
    fn a_day_is_read_however_it_is_written() {
        let expected = Day::from_ymd(2026, 1, 2);
        for text in [
            "2026-01-02",
            "2026/1/2",
            "2026.1.2",
            "20260102",
            "2026年1月2日",
            " ２０２６－０１－０２ ",
            "2026 年 1 月 2 号",
        ] {
            assert_eq!(day(text), expected, "{text}");
        }
        for text in ["", "1月2日", "2026-13-01", "2026-02-29", "26-1-2", "2026-1-2-3", "明天", "2026-1", "+026-1-2"]
        {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn an_instant_is_the_venues() {
        let at = Day::from_ymd(2026, 11, 22).unwrap().begins(480).plus(10 * HOUR_MS);
        for text in [
            "2026-11-22T10:00",
            "2026-11-22 10:00",
            "2026/11/22 １０：００",
            "2026年11月22日10:00",
            "2026-11-22T10:00:00.000",
        ] {
            assert_eq!(instant(text, 480), Some(at), "{text}");
        }
        for text in
            ["", "2026-11-22", "2026-11-22T24:00", "2026-11-22T10:60", "2026-11-22T10", "T10:00", "2026-11-22T1:2:3:4"]
        {
            assert_eq!(instant(text, 480), None, "{text}");
        }
        assert_eq!(instant(&instant_field(at, 480), 480), Some(at));
    }

    #[test]
    fn a_whole_number_has_bounds() {
        assert_eq!(whole("１２", 1, 200), Ok(12));
        assert_eq!(whole(" 1,200 ", 0, 10_000), Ok(1_200));
        assert_eq!(whole("0", 1, 200), Err(WholeError::OutOfRange { min: 1, max: 200 }));
        assert_eq!(whole("201", 1, 200), Err(WholeError::OutOfRange { min: 1, max: 200 }));
        assert_eq!(whole("-3", 1, 200), Err(WholeError::OutOfRange { min: 1, max: 200 }));
        assert_eq!(whole("99999999999999999999", 1, 200), Err(WholeError::OutOfRange { min: 1, max: 200 }));
        for text in ["", "十二", "1.5", "1,5", "12人", "--1", "1 2"] {
            assert_eq!(whole(text, 0, 200), Err(WholeError::NotANumber), "{text}");
        }
    }

    #[test]
    fn a_signature_is_drawn_typed_before_a_witness_or_a_picture() {
        let witness = StaffId::from_bytes([7; 16]);
        let mut ink = Ink::default();
        assert!(ink.draw(&[(10, 10), (400, 200)]));
        for mark in [Mark::Drawn(ink), Mark::Typed { witness }, Mark::Picture("0f".repeat(32).into())] {
            let signature = Signature {
                image: mark.text().into(),
                signer: "王雨桐 Wang".into(),
                role: "member".into(),
                at: Millis(1_795_312_800_000),
                device: DeviceNumber(7),
            };
            assert_eq!(Signature::parse(&signature.typed()), Some(signature.clone()));
            assert_eq!(Signature::from_value(&signature.value()), Some(signature.clone()));
            assert_eq!(signature.mark(), mark);
        }
        for image in ["", "typed:", "typed:me", "0f", "1,1/900,900"] {
            assert_eq!(Signature::parse(&format!("{image} 1795312800000 7 member 王雨桐")), None, "{image}");
        }
        for rest in ["1795312800000 7 member", "1795312800000 7 Member 王", "now 7 member 王", "1 -7 member 王"] {
            assert_eq!(Signature::parse(&format!("10,10/390,190 {rest}")), None, "{rest}");
        }
    }

    #[test]
    fn text_is_trimmed_and_bounded_in_characters() {
        assert_eq!(line(" 西湖\n边\u{7} ", 4).as_deref(), Ok("西湖 边"));
        assert_eq!(line("一二三四五", 4), Err(TooLong { max: 4 }));
        assert_eq!(lines("一\r\n二\t三\u{0}", 9).as_deref(), Ok("一\n二\t三"));
        assert!(lines(&"字".repeat(NOTE_CHARACTERS_MAX), NOTE_CHARACTERS_MAX).is_ok());
        assert!(lines(&"字".repeat(NOTE_CHARACTERS_MAX + 1), NOTE_CHARACTERS_MAX).is_err());
    }

    #[test]
    fn any_text_is_answered_and_none_panics() {
        arbtest(|u| {
            let text: String = u.arbitrary()?;
            let _ = (day(&text), instant(&text, 480), whole(&text, -5, 5), line(&text, 9), lines(&text, 9));
            let number: i32 = u.int_in_range(-700_000..=2_900_000)?;
            let some = Day::from_number(number);
            assert_eq!(day(&some.to_string()), Some(some));
            Ok(())
        });
    }
}
