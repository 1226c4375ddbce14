//! Papers, steps and tasks: core's questions, with what this tablet holds as their ground.

use std::borrow::Cow;

use leptos::prelude::untrack;
use yingke_core::{
    audience::{Audience, circle, may_hold},
    audit,
    capture::Scene,
    card,
    change::Edit,
    court,
    id::{RecordId, StaffId},
    paper::{self, Ground, Offer, is_handed_to, matter_of},
    parameter::Parameters,
    permit::{Doing, Matter, Reach, reach},
    record::Record,
    replica::Replica,
    task::{self, Task, TaskState},
    time::{DAY_MS, Day, HOUR_MS, Millis},
    value::Value,
    work::Machine,
    workflow::{Actor, PROGRESS, is_actor},
};

use super::Roster;

/// Kinds that a person's own lists show already: their calls stand there.
const SHOWN_ELSEWHERE: &str = "person";
/// The house opens then, at the earliest: milliseconds after midnight.
const OPENS_MS: i64 = 9 * HOUR_MS;
/// How long a task stays on the list after it was due. What is older is on the record's own page.
const LISTED_FOR_DAYS: i64 = 120;

/// A task that is mine, or has come to me because it is late.
#[derive(Debug, Clone, PartialEq)]
pub struct MyTask {
    pub task: Task,
    pub state: TaskState,
}

impl Roster {
    /// The posts that I hold.
    #[must_use]
    pub fn posts(self) -> Vec<&'static str> {
        self.me_now().map(|me| me.role.key()).into_iter().collect()
    }

    /// Asks core about papers, with who acts here, when, where, and the records of this tablet. `None` where nobody
    /// works. Subscribes to the venue's parameters and to records of the kinds named.
    pub fn papers<T>(self, kinds: &[&'static str], question: impl FnOnce(&Scene<'_>, &Ground<'_>) -> T) -> Option<T> {
        let me = self.actor_now()?;
        let staff = untrack(|| self.staff());
        let role_of = |id: StaffId| staff.iter().find(|staff| staff.id == id).map(|staff| staff.role);
        let pack = self.pack();
        let (now, offset_minutes) = (self.now(), me.venue.utc_offset_minutes);
        let today = now.day(offset_minutes);
        self.ask(kinds, |_| ());
        Some(self.ask(&["parameter"], |replica| {
            let parameters = parameters_of(replica);
            let paper_number = self.next_paper(&parameters, today);
            let paper_number = paper_number.as_deref();
            let (venue, role_of) = (me.venue.id, &role_of);
            let scene = Scene { now, offset_minutes, venue, me: me.id, role_of, pack, paper_number };
            let number = |key: &str| parameters.number(pack, key, today);
            let lookup = |id: RecordId| replica.record(id);
            let find = |kind: &str, field: &str, value: &Value| {
                let mut all = replica.by_kind(kind).filter_map(|id| replica.record(id));
                all.find(|record| record.get(field) == Some(value) && !record.is("withdrawn")).map(|record| record.id)
            };
            let earlier = |kind: &str, of: RecordId| -> Vec<Record> {
                let names = |record: &Record, key: &str| record.get(key).and_then(Value::as_id) == Some(of);
                let all = replica.by_kind(kind).filter_map(|id| replica.record(id));
                let of_it = all.filter(|record| names(record, "membership") || names(record, "person"));
                of_it.filter(|record| !record.is("withdrawn")).map(Cow::into_owned).collect()
            };
            let is_free = |court: RecordId, from: Millis, until: Millis, but: RecordId| {
                court::is_free(&uses_of(replica, now), court, from, until, but)
            };
            let ground = Ground {
                work: self.work(),
                number: &number,
                lookup: &lookup,
                find: &find,
                earlier: &earlier,
                is_free: &is_free,
            };
            question(&scene, &ground)
        }))
    }

    /// Who has which court when. Subscribes to bookings and tickets.
    #[must_use]
    pub fn court_uses(self) -> Vec<court::Use> {
        self.ask(&court::KINDS, |replica| uses_of(replica, self.now()))
    }

    /// What is left on a card, in fen; `None` for one that holds no money. Subscribes to what moves it.
    #[must_use]
    pub fn card_balance(self, card: RecordId) -> Option<i64> {
        self.papers(&card::MOVES, |_, ground| paper::card_balance(card, ground)).flatten()
    }

    /// Whether what is for an audience stays on a tablet of mine: the desk takes complaints in and hands them on.
    #[must_use]
    pub fn reads(self, audience: &Audience) -> bool {
        self.me_now().is_some_and(|me| may_hold(me.id, me.role, me.venue.id, audience))
    }

    /// Whether I may see a record of a kind: all of the venue's, or my own only, as the permission matrix has it.
    #[must_use]
    pub fn may_see(self, record: &Record) -> bool {
        let kind = record.kind().as_str();
        let Some(matter) = matter_of(kind) else { return true };
        // The desk sees whom it takes in, and the leads of its own.
        let as_guest = if kind == "person" { self.sees(Matter::Parties) } else { None };
        match self.sees(matter).max(as_guest) {
            None | Some(Reach::Own) => {
                self.is_mine(record) || self.me_now().is_some_and(|me| is_handed_to(record, me.role))
            }
            Some(Reach::Team | Reach::Venue | Reach::All) => true,
        }
    }

    /// Whether somebody of this post sees records of a kind at all.
    #[must_use]
    pub fn sees_kind(self, kind: &str) -> bool {
        matter_of(kind)
            .is_none_or(|matter| self.sees(matter).or_else(|| reach(&self.posts(), matter, Doing::Create)).is_some())
    }

    /// How far I see: whoever works on something or approves it has to see it.
    fn sees(self, matter: Matter) -> Option<Reach> {
        let posts = self.posts();
        [Doing::Read, Doing::Update, Doing::Approve].into_iter().filter_map(|doing| reach(&posts, matter, doing)).max()
    }

    /// Whether I may fill in more on a record or put it right. Subscribes to it.
    #[must_use]
    pub fn may_fill_in(self, id: RecordId) -> bool {
        let Some(record) = self.record(id) else { return false };
        self.papers(&[], |scene, ground| paper::may_fill_in(&record, scene, ground)).unwrap_or(false)
    }

    /// Whether a record names me, or I wrote it down.
    pub(super) fn is_mine(self, record: &Record) -> bool {
        const NAMES_STAFF: [&str; 13] = [
            "owner",
            "staff",
            "author",
            "captured_by",
            "first_person",
            "received_by",
            "consultant",
            "person",
            "agent",
            "host",
            "host_staff",
            "taken_by",
            "entered_by",
        ];
        let Some(me) = self.me_now() else { return false };
        let me_text = me.id.to_string();
        let in_group = record.guarded(PROGRESS).and_then(|group| group.get("owner")).and_then(Value::as_text);
        let is_own = matches!(record.audience(), Audience::Own(_, owner) if *owner == me.id);
        is_own || in_group == Some(&*me_text) || NAMES_STAFF.iter().any(|field| record.text(field) == Some(&*me_text))
    }

    /// What I am to do by the end of today besides calls to guests, the longest overdue first. Subscribes.
    #[must_use]
    pub fn my_tasks(self) -> Vec<MyTask> {
        let Some(me) = self.me_now() else { return Vec::new() };
        let (pack, work, offset_minutes) = (self.pack(), self.work(), me.venue.utc_offset_minutes);
        let now = self.minute();
        // What runs out before the house opens tomorrow is for today.
        let until = Day::from_number(self.today().number() + 1).begins(offset_minutes).plus(OPENS_MS - 1);
        let mut kinds: Vec<&'static str> = work
            .tasks
            .iter()
            .map(|template| &*template.record)
            .filter(|kind| !kind.is_empty() && *kind != SHOWN_ELSEWHERE)
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        self.ask(&kinds, |_| ());
        let mut tasks: Vec<MyTask> = self.ask(&["parameter", "task"], |replica| {
            let parameters = parameters_of(replica);
            let numbers_on = |key: &str, day: Day| parameters.on(pack, key, day);
            let lookup = |id: RecordId| replica.record(id);
            let ground = task::Ground { work, pack, offset_minutes, numbers_on: &numbers_on, lookup: &lookup, now };
            let records = kinds.iter().flat_map(|kind| replica.by_kind(kind)).filter_map(|id| replica.record(id));
            let of_records = records.flat_map(|record| task::due_by(&record, until, &ground));
            let of_calendar = task::of_calendar(me.venue.id, now, &ground);
            let all = of_records.chain(of_calendar.into_iter().filter(|task| task.due_at <= until));
            // Nobody is sent to what they may not open.
            let may_open = |mine: &MyTask| {
                lookup(RecordId::from_bytes(mine.task.subject)).is_none_or(|record| self.may_see(&record))
            };
            all.filter(|task| now.since(task.due_at) < LISTED_FOR_DAYS * DAY_MS)
                .map(|task| MyTask { state: task.state(now), task })
                .filter(|mine| self.is_for_me(mine) && may_open(mine))
                .collect()
        });
        tasks.sort_by_key(|mine| mine.task.due_at);
        tasks
    }

    /// Papers that wait for a decision of mine, the longest waiting first. Subscribes to their kinds.
    #[must_use]
    pub fn awaiting_me(self) -> Vec<RecordId> {
        let deciding = |machine: &'static Machine| {
            let kinds = machine.records.iter().map(|kind| &**kind);
            kinds.filter_map(move |kind| {
                let steps = machine.steps.iter().filter(|step| audit::decides(step, kind));
                let from: Vec<&str> = steps.flat_map(|step| &step.from).map(|from| &**from).collect();
                (!from.is_empty()).then_some((kind, from))
            })
        };
        let waiting: Vec<(&'static str, Vec<&str>)> = self.work().machines.iter().flat_map(deciding).collect();
        let kinds: Vec<&'static str> = waiting.iter().map(|(kind, _)| *kind).collect();
        let mut records: Vec<Record> = self.ask(&kinds, |replica| {
            let all = waiting.iter().flat_map(|(kind, from)| replica.by_kind(kind).map(move |id| (id, from)));
            let there = all.filter_map(|(id, from)| {
                let record = replica.record(id)?;
                let state = record.guarded(PROGRESS)?.get("state").and_then(Value::as_text)?;
                (from.contains(&state) && !record.is("withdrawn")).then(|| record.into_owned())
            });
            there.collect()
        });
        records.retain(|record| self.may_see(record));
        let decided = self.papers(&[], |scene, ground| {
            records.retain(|record| {
                let offers = paper::offers(record, scene, ground);
                // Whoever may only turn it down is not waited for.
                let ends_it = |offer: &Offer<'_>| offer.machine.state(&offer.step.to).is_some_and(|to| to.is_end);
                offers.iter().any(|offer| {
                    let decides = audit::decides(offer.step, record.kind().as_str()) && offer.unmet.is_empty();
                    decides && !(offer.needs_reason && ends_it(offer))
                })
            });
        });
        if decided.is_none() {
            return Vec::new();
        }
        records.extend(self.to_settle());
        records.sort_by_key(|record| record.last_rank().map(|rank| rank.stamp));
        // Two machines may run one kind.
        records.dedup_by_key(|record| record.id);
        records.into_iter().map(|record| record.id).collect()
    }

    /// What two desks did without knowing of each other, for whoever leads. Subscribes to all kinds that have steps.
    fn to_settle(self) -> Vec<Record> {
        let leads = self.me_now().is_some_and(|me| me.role.leads());
        if !leads {
            return Vec::new();
        }
        let kinds: Vec<&'static str> =
            self.work().machines.iter().flat_map(|machine| &machine.records).map(|kind| &**kind).collect();
        let mut records: Vec<Record> = self.ask(&kinds, |replica| {
            let of_steps = replica.conflicts().filter(|(_, group)| group.as_str() == PROGRESS);
            of_steps.filter_map(|(id, _)| replica.record(id).map(Cow::into_owned)).collect()
        });
        let leaves = self.of_kind("leave").into_iter().filter(|leave| self.leave_before(leave).is_some());
        records.extend(leaves);
        records.retain(|record| self.may_see(record));
        records
    }

    /// A leave of the same card for the same days that was taken in before this one. Subscribes to leaves.
    #[must_use]
    pub fn leave_before(self, leave: &Record) -> Option<Record> {
        let leave = Some(leave).filter(|leave| leave.kind().as_str() == "leave")?;
        self.papers(&["leave"], |scene, ground| paper::leave_before(leave, scene, ground)).flatten()
    }

    /// The open tasks of one record, whoever they are for. Subscribes to it.
    #[must_use]
    pub fn tasks_of(self, id: RecordId) -> Vec<MyTask> {
        let (Some(me), Some(record)) = (self.me_now(), self.record(id)) else { return Vec::new() };
        let (pack, work, offset_minutes) = (self.pack(), self.work(), me.venue.utc_offset_minutes);
        let now = self.minute();
        let mut tasks: Vec<MyTask> = self.ask(&["parameter", "task"], |replica| {
            let parameters = parameters_of(replica);
            let numbers_on = |key: &str, day: Day| parameters.on(pack, key, day);
            let lookup = |id: RecordId| replica.record(id);
            let ground = task::Ground { work, pack, offset_minutes, numbers_on: &numbers_on, lookup: &lookup, now };
            let due = task::due_by(&record, now.plus(60 * DAY_MS), &ground);
            due.into_iter().map(|task| MyTask { state: task.state(now), task }).collect()
        });
        tasks.retain(|mine| !matches!(mine.state, TaskState::Done { .. }));
        tasks.sort_by_key(|mine| mine.task.due_at);
        tasks
    }

    fn is_for_me(self, mine: &MyTask) -> bool {
        let Some(me) = self.me_now() else { return false };
        let posts = self.posts();
        let actor = Actor::Staff { id: me.id, posts: &posts };
        // Who belongs to a record was looked up when the task was worked out: what is left are posts.
        let is_post = |by: &str| is_actor(by, actor, &|_| Some("nobody".into()));
        match &mine.state {
            TaskState::Done { .. } => false,
            TaskState::Escalated { to, .. } if is_post(to) => true,
            TaskState::Escalated { .. } | TaskState::Open | TaskState::InProgress | TaskState::Overdue { .. } => {
                match mine.task.assignee {
                    Some(staff) => staff == me.id,
                    None => mine.task.posts.iter().any(|by| is_post(by)),
                }
            }
        }
    }

    /// Keeps what somebody did to a task.
    #[must_use]
    pub fn deed(self, mine: &Task, deed: task::Deed) -> Option<Edit> {
        let subject = self.record(RecordId::from_bytes(mine.subject));
        // What the calendar asks of the venue is everybody's there.
        let venue = self.me_now()?.venue.id;
        let of_venue = || (mine.subject == venue.bytes()).then(|| Audience::Circle(venue, circle::WORKS.into()));
        let audience = subject.map(|subject| subject.audience().clone()).or_else(of_venue)?;
        Some(task::deed_edit(mine, &audience, deed, self.now()))
    }

    /// Records of a kind that I may see, newest first. Subscribes to the kind.
    #[must_use]
    pub fn of_kind(self, kind: &'static str) -> Vec<Record> {
        let mut records: Vec<Record> = self.ask(&[kind], |replica| {
            let all = replica.by_kind(kind).rev().filter_map(|id| replica.record(id)).map(Cow::into_owned);
            all.filter(|record| !record.is("withdrawn")).collect()
        });
        records.retain(|record| self.may_see(record));
        records
    }

    /// Records of the kinds named that point to this one by a field. Subscribes to the kinds.
    #[must_use]
    pub fn pointing_to(self, id: RecordId, kinds: &[&'static str], field: &str) -> Vec<Record> {
        let mut records: Vec<Record> = self.ask(kinds, |replica| {
            let all = kinds.iter().flat_map(|kind| replica.by_kind(kind)).filter_map(|id| replica.record(id));
            let pointing = all.filter(|record| record.get(field).and_then(Value::as_id) == Some(id));
            pointing.filter(|record| !record.is("withdrawn")).map(Cow::into_owned).collect()
        });
        records.retain(|record| self.may_see(record));
        records.sort_by_key(|record| std::cmp::Reverse(record.begun()));
        records
    }
}

fn uses_of(replica: &Replica, now: Millis) -> Vec<court::Use> {
    let all = court::KINDS.iter().flat_map(|kind| replica.by_kind(kind)).filter_map(|id| replica.record(id));
    let all: Vec<Record> = all.filter(|record| !record.is("withdrawn")).map(Cow::into_owned).collect();
    court::uses(&all, now)
}

pub(super) fn parameters_of(replica: &Replica) -> Parameters {
    let records: Vec<Record> =
        replica.by_kind("parameter").filter_map(|id| replica.record(id)).map(Cow::into_owned).collect();
    Parameters::of(records.iter())
}
