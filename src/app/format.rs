//! How times, phones and sizes are written on the screens.

use yingke_core::time::{DAY_MS, Day, HOUR_MS, MINUTE_MS, Millis};

use crate::words::Words;

/// `09:05` on the venue's clock.
#[must_use]
pub fn clock(at: Millis, utc_offset_minutes: i32) -> String {
    let (hour, minute) = at.hour_minute(utc_offset_minutes);
    format!("{hour:02}:{minute:02}")
}

/// 今天, 昨天, 明天, else month and day, with the year when it is another.
#[must_use]
pub fn day(words: Words, day: Day, today: Day) -> String {
    match day.number() - today.number() {
        0 => words.today_word().to_owned(),
        -1 => words.yesterday_word().to_owned(),
        1 => words.tomorrow_word().to_owned(),
        _ => {
            let (year, month, of_month) = day.ymd();
            if year == today.ymd().0 { words.month_day(month, of_month) } else { day.to_string() }
        }
    }
}

/// `今天 09:05`, `11月20日 09:05`.
#[must_use]
pub fn moment(words: Words, at: Millis, now: Millis, utc_offset_minutes: i32) -> String {
    let today = now.day(utc_offset_minutes);
    let of = at.day(utc_offset_minutes);
    if of == today {
        return clock(at, utc_offset_minutes);
    }
    format!("{} {}", day(words, of, today), clock(at, utc_offset_minutes))
}

/// `11月22日 星期日`.
#[must_use]
pub fn long_day(words: Words, day: Day) -> String {
    let (_, month, of_month) = day.ymd();
    let weekday = match day.weekday() {
        0 => words.weekday_0(),
        1 => words.weekday_1(),
        2 => words.weekday_2(),
        3 => words.weekday_3(),
        4 => words.weekday_4(),
        5 => words.weekday_5(),
        _ => words.weekday_6(),
    };
    format!("{} {weekday}", words.month_day(month, of_month))
}

/// `2026年11月22日`, as it stands on paper.
#[must_use]
pub fn full_day(words: Words, day: Day) -> String {
    let (year, month, of_month) = day.ymd();
    words.year_month_day(year, month, of_month)
}

/// A span of time in its largest unit: 42分钟, 3小时, 2天.
#[must_use]
pub fn span(words: Words, ms: i64) -> String {
    let ms = ms.abs();
    if ms < MINUTE_MS {
        words.seconds_other(ms / 1_000)
    } else if ms < HOUR_MS {
        words.minutes_other(ms / MINUTE_MS)
    } else if ms < 2 * DAY_MS {
        words.hours_other(ms / HOUR_MS)
    } else {
        words.days_word(ms / DAY_MS)
    }
}

/// What is left of a wait, to the second: 29秒, 4:59.
#[must_use]
pub fn countdown(words: Words, left_ms: i64) -> String {
    let seconds = (left_ms.max(0) + 999) / 1_000;
    if seconds < 60 { words.seconds_other(seconds) } else { format!("{}:{:02}", seconds / 60, seconds % 60) }
}

/// `214 MB`, in decimal units as system settings show them.
#[must_use]
pub fn bytes(count: f64) -> String {
    if count >= 1e9 {
        format!("{:.1} GB", count / 1e9)
    } else if count >= 1e6 {
        format!("{:.0} MB", count / 1e6)
    } else {
        format!("{:.0} kB", (count / 1e3).ceil())
    }
}

#[cfg(test)]
mod tests {
    use yingke_core::pack::Language;

    use super::*;

    #[test]
    fn a_wait_counts_down_to_the_second() {
        let shown = |ms| countdown(Words(Language::En), ms);
        assert_eq!([shown(300_000), shown(299_001), shown(60_000)], ["5:00", "5:00", "1:00"]);
        assert_eq!([shown(59_000), shown(1), shown(0), shown(-5)], ["59 s", "1 s", "0 s", "0 s"]);
    }
}
