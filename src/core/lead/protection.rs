//! How long a guest stays whose they are without a word from them: then they go back to the pool by themselves.
//!
//! The venue says after how many days, or that nobody does. Tablets show the day; the clock of the house writes it, and
//! gives a guest back to whoever had written of them in time on a tablet that had no network.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Giving, MERGING, NOBODY, RULING, is_free, owner};
use crate::{
    audience::Audience,
    audit,
    capture::Scene,
    chance::Seeded,
    change::{Edit, Key, Op, Write},
    id::{RecordId, StaffId},
    pack::Pack,
    parameter::Parameters,
    record::Record,
    time::{Day, Millis},
    value::Value,
};

/// The venue's number of days; 0 where guests stay whose they are.
pub const DAYS: &str = "prospect.protection_days";
/// From so many days before the last one it is said.
pub const WARNED_DAYS: i32 = 3;
/// When somebody last spoke with a guest, in the guest's own record.
pub const LAST_CONTACT: &str = "last_contact_at";

/// What a venue has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    pub days: i32,
    /// Whoever nobody had spoken to for long on that day has all of the days from it.
    pub since: Day,
}

impl Protection {
    /// What is in force on a day; `None` where guests stay whose they are.
    #[must_use]
    pub fn on(parameters: &Parameters, pack: &Pack, day: Day) -> Option<Self> {
        let days = parameters.number(pack, DAYS, day).and_then(|days| i32::try_from(days).ok())?;
        let since = parameters.since(DAYS, day).unwrap_or(Day::from_number(0));
        (days > 0).then_some(Self { days, since })
    }

    /// The last day on which a guest is still their colleague's, whatever happens. `None` of one who does not go back:
    /// whoever is a member, wants no contact, is nobody's own, or whose owner is in dispute.
    #[must_use]
    pub fn until(self, person: &Record, offset_minutes: i32) -> Option<Day> {
        let stays = person.is("withdrawn")
            || person.is("do_not_contact")
            || matches!(person.text("stage"), Some("won" | "do_not_contact"))
            || !person.heads(MERGING).is_empty()
            || person.heads(RULING).len() > 1;
        if person.kind().as_str() != "person" || stays || owner(person).is_none() {
            return None;
        }
        let Audience::Own(..) = person.audience() else { return None };
        let written = person.last_rank()?.stamp.millis().day(offset_minutes);
        let begun = Day::from_number(written.max(self.since).number() + self.days);
        // Whoever has an appointment is waited for.
        let appointed = person.get("visit_plan_at").and_then(Value::as_at).map(|at| at.day(offset_minutes));
        Some(appointed.map_or(begun, |day| day.max(begun)))
    }

    /// What makes a guest nobody's, if their time has passed, and its entry of the log.
    #[must_use]
    pub fn lapse(self, person: &Record, scene: &Scene<'_>) -> Option<Vec<Edit>> {
        let until = self.until(person, scene.offset_minutes)?;
        let had = owner(person).filter(|_| until < scene.now.day(scene.offset_minutes))?;
        let heard = (Key::of("heard_at"), person.last_rank()?.stamp.millis().into());
        Some(ruling(person, had, NOBODY, Giving::Lapsed, Some(heard), scene))
    }
}

/// What gives a guest who went back to the pool to the colleague of before, if that one had written of them in time.
#[must_use]
pub fn give_back(person: &Record, scene: &Scene<'_>) -> Option<Vec<Edit>> {
    let [head] = person.heads(RULING) else { return None };
    let lapsed = is_free(person) && head.values.get("reason").and_then(Value::as_text) == Some(Giving::Lapsed.key());
    let had: StaffId = head.values.get("from").and_then(Value::as_text)?.parse().ok()?;
    let heard_at = head.values.get("heard_at").and_then(Value::as_at)?;
    let ruling_rank = person.rank_at(head.rank);
    let in_time = |at: Millis| heard_at < at && at < ruling_rank.stamp.millis();
    let mut ranks = person.used_ranks().into_iter().map(|index| person.rank_at(index));
    let wrote = ranks.any(|rank| rank.change != ruling_rank.change && in_time(rank.stamp.millis()));
    (lapsed && wrote).then(|| ruling(person, NOBODY, had, Giving::TakenBack, None, scene))
}

fn ruling(
    person: &Record,
    from: StaffId,
    to: StaffId,
    giving: Giving,
    more: Option<(Key, Value)>,
    scene: &Scene<'_>,
) -> Vec<Edit> {
    let mut values = BTreeMap::from([
        (Key::of("owner"), to.to_string().into()),
        (Key::of("reason"), giving.key().into()),
        (Key::of("from"), from.to_string().into()),
    ]);
    values.extend(more);
    let replaces = person.head_changes(RULING);
    let entry = entry_id(person, giving, scene.now);
    let write = Write { key: Key::of(RULING), op: Op::Guarded { values, replaces } };
    let edit = Edit {
        record: person.id,
        kind: person.kind().clone(),
        audience: person.audience().clone(),
        salt: [0; 8],
        writes: vec![write],
    };
    vec![edit, audit::changed_owner(person.id, Some(from), to, giving.key(), entry, scene)]
}

/// The id of the log's entry. Of one ruling there is one, since the ruling's own change has the same id wherever it is made.
fn entry_id(person: &Record, giving: Giving, now: Millis) -> RecordId {
    let mut hash = Sha256::new_with_prefix(b"yingke owner 1");
    hash.update(person.id.bytes());
    hash.update(giving.key());
    hash.update(person.last_rank().map_or([0; 16], |rank| rank.change.bytes()));
    let hash: [u8; 32] = hash.finalize().into();
    let seed = u64::from_be_bytes(hash[..8].try_into().expect("a hash has 32 bytes"));
    RecordId::new(now, &mut Seeded::new(seed))
}
