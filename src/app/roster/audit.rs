//! What is kept back, and the log of who looked at it: written down first, shown only then. Source.

use leptos::prelude::{Update, With, untrack};
use yingke_core::{
    audit::{self, Deed, Entry},
    change::Edit,
    id::{RecordId, StaffId},
    journal::AppendError,
    lead,
    permit::{Doing, Matter, PhoneView, Reach, may, phone_view},
    record::Record,
    value::Value,
};

use super::Roster;

/// Happenings of a guest that say whether somebody has to do with them.
const LATELY: usize = 20;
/// Whoever is written down in one of these today is here, or is about to be.
const IS_HERE: [&str; 5] = ["visit", "consultation", "booking", "ticket", "pass_use"];

impl Roster {
    /// Whether somebody of my post reads the log.
    #[must_use]
    pub fn reads_log(self) -> bool {
        audit::reads(&self.posts())
    }

    /// Whether somebody of my post may see what such a look shows.
    #[must_use]
    pub fn may_look(self, deed: Deed) -> bool {
        let matter = match deed {
            Deed::SawNumber => Matter::FullId,
            Deed::SawHealth => Matter::Health,
            Deed::SawPhone => return phone_view(&self.posts(), false) != PhoneView::Masked,
            Deed::Decided | Deed::ChangedOwner | Deed::Exported => return false,
        };
        may(&self.posts(), matter, Doing::Read, Reach::Team)
    }

    /// The whole number of which a paper shows a part, once the look is written down; `None` where this tablet does not
    /// have it, and then nobody has looked.
    ///
    /// # Errors
    /// [`AppendError`]: the look could not be kept, so nothing is shown.
    pub async fn whole_number(self, of: RecordId, field: &str, purpose: &str) -> Result<Option<String>, AppendError> {
        let number = self.ask(&[], |replica| {
            let mut numbers = replica.by_kind("identity").rev().filter_map(|id| replica.record(id));
            let number = numbers.find(|number| {
                number.get("of").and_then(Value::as_id) == Some(of) && number.text("field") == Some(field)
            });
            number.and_then(|number| number.text("number").map(str::to_owned))
        });
        if number.is_some() {
            self.look(Deed::SawNumber, of, field, purpose).await?;
        }
        Ok(number)
    }

    /// How much of a guest's phone number I see: all of it for my own guests, and for who is here today or had something to
    /// do with me lately; of one who gave none, all there is. Subscribes to them.
    #[must_use]
    pub fn phone_view(self, person: &Record) -> PhoneView {
        if person.text("phone").is_none() {
            return PhoneView::Whole;
        }
        let posts = self.posts();
        match phone_view(&posts, false) {
            PhoneView::Asked if self.phones_shown.with(|shown| shown.contains(&person.id)) => PhoneView::Whole,
            PhoneView::Asked => phone_view(&posts, self.has_to_do_with(person)),
            view => view,
        }
    }

    fn has_to_do_with(self, person: &Record) -> bool {
        let (offset, today) = (self.utc_offset_minutes(), self.today());
        let is_today = |record: &Record| {
            let planned = record.get("start_at").and_then(Value::as_at);
            [Some(record.begun().stamp.millis()), planned].into_iter().flatten().any(|at| at.day(offset) == today)
        };
        let is_owner = || self.me_now().is_some_and(|me| lead::owner(person) == Some(me.id));
        let is_busy_with =
            |record: &Record| self.is_mine(record) || IS_HERE.contains(&record.kind().as_str()) && is_today(record);
        // Every row of a list asks while somebody types, so nobody's years are read.
        let lately = || {
            self.ask(&[], |replica| {
                let lately = replica.history(person.id).take(LATELY).filter_map(|id| replica.record(id));
                lately.into_iter().any(|record| is_busy_with(&record))
            })
        };
        let is_others = self.handed_on(person).is_some() || (lead::is_free(person) && !self.sees_venue());
        !is_others && (self.is_mine(person) || is_owner() || lately())
    }

    /// Shows a guest's phone number whole from now until the tablet is locked, once the look is written down.
    ///
    /// # Errors
    /// [`AppendError`]: the look could not be kept, so nothing is shown.
    pub async fn show_phone(self, person: RecordId, purpose: &str) -> Result<(), AppendError> {
        self.look(Deed::SawPhone, person, "phone", purpose).await?;
        self.phones_shown.update(|shown| {
            shown.insert(person);
        });
        Ok(())
    }

    /// Writes a look at a field of a record down.
    ///
    /// # Errors
    /// [`AppendError`]: it could not be kept, so nothing may be shown.
    pub async fn look(self, deed: Deed, of: RecordId, field: &str, purpose: &str) -> Result<(), AppendError> {
        let id = self.new_id();
        let edit = untrack(|| {
            let record = self.record(of).filter(|_| self.may_look(deed))?;
            self.papers(&[], |scene, _| audit::looked(deed, &record, field, purpose, id, scene))
        });
        let edit = edit.ok_or_else(|| AppendError::Aborted { detail: "nobody may look at this".into() })?;
        self.save(audit::KIND, vec![edit]).await.map(drop)
    }

    /// The entry that belongs to a save by which a customer becomes a colleague's; `None` where they are already.
    #[must_use]
    pub fn owner_change(self, person: RecordId, to: StaffId, reason: &str) -> Option<Edit> {
        let from = lead::keeper(&untrack(|| self.record(person))?);
        let id = self.new_id();
        let edit = self.papers(&[], |scene, _| audit::changed_owner(person, from, to, reason, id, scene));
        edit.filter(|_| from != Some(to))
    }

    /// Lines of the log that are wanted, newest first, and whether there are more than `limit`. Subscribes to it.
    #[must_use]
    pub fn log(self, is_wanted: impl Fn(&Entry) -> bool, limit: usize) -> (Vec<Entry>, bool) {
        if !self.reads_log() {
            return (Vec::new(), false);
        }
        let mut entries: Vec<Entry> = self.ask(&audit::KINDS, |replica| {
            let of_kind = |kind: &&str| {
                let all = replica.by_kind(kind).rev().filter_map(|id| audit::entry(&*replica.record(id)?));
                all.filter(&is_wanted).take(limit + 1).collect::<Vec<_>>()
            };
            audit::KINDS.iter().flat_map(of_kind).collect()
        });
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.at, entry.id)));
        let more = entries.len() > limit;
        entries.truncate(limit);
        (entries, more)
    }
}
