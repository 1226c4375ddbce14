//! Whose guests are: given to a colleague, let go of, claimed from the pool.

use std::sync::Arc;

use leptos::prelude::untrack;
use yingke_core::{
    change::Edit,
    id::{RecordId, StaffId},
    journal::AppendError,
    lead::{
        self, Giving, NOBODY,
        protection::{Protection, WARNED_DAYS},
    },
    record::Record,
    search::{Found, Scope},
    time::Day,
    wire::v1::Staff,
};

use super::{Roster, work::parameters_of};

/// Guests in one change: each is an edit of theirs and an entry of the log.
const AT_ONCE: usize = 30;

/// Whose guests are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// All that I may see: of the venue, or my own and those in the pool.
    Everyone,
    Mine,
    /// Those in the pool.
    Free,
}

/// Guests who changed hands, and whose a ruling had made each before: `None` for whoever captured them.
pub type Given = Vec<(RecordId, Option<StaffId>)>;

impl Roster {
    /// People by what was typed; nothing typed gives the recent ones. Subscribes to people.
    #[must_use]
    pub fn search(self, typed: &str, whose: Whose, limit: usize) -> Found {
        let Some(scope) = self.scope(whose) else { return Found::default() };
        let mut found = self.ask(&["person"], |replica| replica.search(typed, &scope, limit));
        if !self.sees_venue() {
            let before = found.hits.len();
            found.hits.retain(|hit| self.record(hit.record).is_some_and(|person| self.handed_on(&person).is_none()));
            found.total -= before - found.hits.len();
        }
        found
    }

    /// People, one's own first, of those the ones with the latest activity. Subscribes to people.
    #[must_use]
    pub fn people(self, whose: Whose) -> Arc<[RecordId]> {
        let whose = if whose == Whose::Everyone && !self.sees_venue() { Whose::Mine } else { whose };
        let Some(scope) = self.scope(whose) else { return Arc::default() };
        self.ask(&["person"], |replica| replica.people(&scope))
    }

    fn scope(self, whose: Whose) -> Option<Scope> {
        self.me_now().map(|me| match whose {
            Whose::Everyone => Scope { me: me.id, mine_only: false },
            Whose::Mine => Scope { me: me.id, mine_only: true },
            Whose::Free => Scope { me: NOBODY, mine_only: true },
        })
    }

    /// Whether my post sees every guest of the venue.
    #[must_use]
    pub fn sees_venue(self) -> bool {
        self.me_now().is_some_and(|me| me.role.sees_venue())
    }

    /// Whose guests I may look at, from the widest.
    #[must_use]
    pub fn sees_whose(self) -> Vec<Whose> {
        match self.me_now().map(|me| me.role) {
            Some(role) if role.sees_venue() => vec![Whose::Everyone, Whose::Mine, Whose::Free],
            Some(role) if role.keeps_own_leads() => vec![Whose::Mine, Whose::Free],
            _ => vec![Whose::Everyone],
        }
    }

    /// The colleague who has a guest now that were mine, where I see no more of them than that.
    #[must_use]
    pub fn handed_on(self, person: &Record) -> Option<StaffId> {
        let me = self.me_now().filter(|me| !me.role.sees_venue())?;
        lead::ruled(person).filter(|owner| *owner != me.id && *owner != NOBODY)
    }

    /// How many guests somebody has. Subscribes to people.
    #[must_use]
    pub fn count_of_guests(self, owner: StaffId) -> usize {
        self.ask(&["person"], |replica| replica.counts_by_stage(Some(&owner.to_string()), None).values().sum())
    }

    /// Every guest whom somebody has.
    #[must_use]
    pub fn guests_of(self, owner: StaffId) -> Vec<RecordId> {
        let scope = Scope { me: owner, mine_only: true };
        self.ask(&["person"], |replica| replica.people(&scope)).to_vec()
    }

    /// Whether I may make a guest somebody's; [`NOBODY`] for the pool. Subscribes to them.
    #[must_use]
    pub fn may_give(self, person: RecordId, to: StaffId) -> bool {
        let (Some(me), Some(person)) = (self.me_now(), self.record(person)) else { return false };
        lead::may_give(&person, me.id, me.role, to)
    }

    /// Whether a guest is in the pool, and mine with one press. Subscribes to them.
    #[must_use]
    pub fn may_claim(self, person: RecordId) -> bool {
        let Some(me) = self.me_now().filter(|me| me.role.keeps_own_leads()) else { return false };
        self.record(person).is_some_and(|person| lead::is_free(&person)) && self.may_give(person, me.id)
    }

    /// The last day on which a guest stays whose they are without a word on them. Subscribes to what the venue has set.
    #[must_use]
    pub fn protected_until(self, person: &Record) -> Option<Day> {
        self.protection()?.until(person, self.utc_offset_minutes())
    }

    fn protection(self) -> Option<Protection> {
        let (pack, today) = (self.pack(), self.today());
        self.ask(&["parameter"], |replica| Protection::on(&parameters_of(replica), pack, today))
    }

    /// My guests who go back to the pool within days, the next first. Subscribes to people.
    #[must_use]
    pub fn losing_soon(self) -> Vec<RecordId> {
        let Some(protection) = self.protection() else { return Vec::new() };
        let last = self.today().number() + WARNED_DAYS;
        let mine = self.people(Whose::Mine);
        let mut losing: Vec<(RecordId, Day)> = self.ask(&[], |replica| {
            let until = |id: &RecordId| protection.until(&*replica.record(*id)?, self.utc_offset_minutes());
            mine.iter().filter_map(|id| Some((*id, until(id)?))).filter(|(_, until)| until.number() <= last).collect()
        });
        losing.sort_by_key(|(id, until)| (*until, *id));
        losing.into_iter().map(|(id, _)| id).collect()
    }

    /// Whether I lead, and so give guests to colleagues.
    #[must_use]
    pub fn gives_guests(self) -> bool {
        self.me_now().is_some_and(|me| me.role.leads())
    }

    /// Colleagues who keep guests of their own. Subscribes.
    #[must_use]
    pub fn keepers(self) -> Vec<Staff> {
        let mut keepers = self.colleagues();
        keepers.retain(|staff| staff.active && staff.role.keeps_own_leads());
        keepers
    }

    /// Makes guests somebody's; [`NOBODY`] for the pool. Gives what takes it back.
    ///
    /// # Errors
    /// [`AppendError`]: those after the first that could not be kept are whose they were.
    pub async fn give(self, people: &[RecordId], to: StaffId) -> Result<Given, AppendError> {
        let me = self.me_now().map(|me| me.id);
        let giving = match to {
            NOBODY => Giving::LetGo,
            _ if Some(to) == me && !self.gives_guests() => Giving::Claimed,
            _ => Giving::HandedOver,
        };
        let edits = |person: RecordId| self.rule(person, Some(to), giving);
        self.rule_all(people.iter().copied(), edits).await
    }

    /// Takes it back: everybody is whose they were.
    ///
    /// # Errors
    /// [`AppendError`], as for [`Roster::give`].
    pub async fn take_back(self, given: &Given) -> Result<(), AppendError> {
        let before = |person: RecordId| given.iter().find(|(other, _)| *other == person).and_then(|(_, to)| *to);
        let edits = |person: RecordId| self.rule(person, before(person), Giving::TakenBack);
        self.rule_all(given.iter().map(|(person, _)| *person), edits).await.map(drop)
    }

    /// What makes one guest somebody's, and its entry of the log.
    fn rule(self, person: RecordId, to: Option<StaffId>, giving: Giving) -> Vec<Edit> {
        let edit = self.ask(&[], |replica| lead::give(replica, person, to, giving));
        let captured_by = || untrack(|| self.record(person)).and_then(|person| person.text("owner")?.parse().ok());
        let entry = to.or_else(captured_by).and_then(|to| self.owner_change(person, to, giving.key()));
        edit.into_iter().chain(entry).collect()
    }

    async fn rule_all(
        self,
        people: impl Iterator<Item = RecordId>,
        edits: impl Fn(RecordId) -> Vec<Edit>,
    ) -> Result<Given, AppendError> {
        let people: Vec<RecordId> = people.collect();
        let mut given = Given::new();
        for part in people.chunks(AT_ONCE) {
            let before = |id: &RecordId| Some((*id, lead::ruled(&untrack(|| self.record(*id))?)));
            let before: Given = part.iter().filter_map(before).collect();
            let edits: Vec<Edit> = part.iter().flat_map(|person| edits(*person)).collect();
            self.save("lead", edits).await?;
            given.extend(before);
        }
        Ok(given)
    }
}
