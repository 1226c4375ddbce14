//! What a lock screen says: how many things are late, and of which kind. Nothing of anybody.

use std::collections::BTreeMap;

use serde_json::json;
use yingke_core::pack::{Language, Words};

use super::Late;

/// Kinds that are named; what is more is in the count.
const KINDS_MAX: usize = 6;

/// What is said of a task that has gone to the next level.
pub fn gone_on() -> Words {
    Words { zh_hans: "已升级".into(), zh_hant: "已升級".into(), en: "Escalated".into() }
}

/// The message as the service worker reads it.
pub fn text(language: Language, late: &BTreeMap<Late, u32>) -> String {
    let count: u32 = late.values().sum();
    let title = match language {
        Language::ZhHans => format!("有{count}件事超时了"),
        Language::ZhHant => format!("有{count}件事逾時了"),
        Language::En if count == 1 => "1 thing is late".into(),
        Language::En => format!("{count} things are late"),
    };
    let line = |(late, count): (&Late, &u32)| {
        let (what, state) = (late.what.in_language(language), late.state.in_language(language));
        match language {
            Language::ZhHans | Language::ZhHant => format!("{what}：{state} {count}件"),
            Language::En => format!("{what}: {state} ({count})"),
        }
    };
    let lines: Vec<String> = late.iter().map(line).take(KINDS_MAX).collect();
    json!({ "title": title, "body": lines.join("\n"), "lang": language.tag() }).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::{Expect, expect};
    use yingke_core::{clockwork::Told, pack::VenueKind, work::Work};

    use super::*;

    fn check(language: Language, late: &[(&str, &str, u32)], expected: Expect) {
        let late = late.iter().map(|(machine, state, count)| {
            let told = Told { machine: (*machine).into(), state: (*state).into(), whom: BTreeSet::new() };
            (Late::new(Work::of(VenueKind::Fitness), &told).unwrap(), *count)
        });
        expected.assert_eq(&text(language, &late.collect()));
    }

    #[test]
    fn several_things_are_one_message_with_a_count() {
        let late = [("SM-15", "escalated", 2), ("SM-23", "overdue", 1)];
        check(
            Language::ZhHans,
            &late,
            expect![[
                r#"{"body":"意见与投诉：已升级 2件\n设备故障：超时 1件","lang":"zh-Hans","title":"有3件事超时了"}"#
            ]],
        );
        check(
            Language::ZhHant,
            &late,
            expect![[
                r#"{"body":"意見與客訴：已升級 2件\n設備故障：逾時 1件","lang":"zh-Hant","title":"有3件事逾時了"}"#
            ]],
        );
        check(
            Language::En,
            &late,
            expect![[r#"{"body":"Case: Escalated (2)\nFault: Late (1)","lang":"en","title":"3 things are late"}"#]],
        );
        check(
            Language::En,
            &late[1..],
            expect![[r#"{"body":"Fault: Late (1)","lang":"en","title":"1 thing is late"}"#]],
        );
    }
}
