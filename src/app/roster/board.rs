//! Figures and reports: core counts, from records that are read in slices which leave the page answering.

use std::collections::{BTreeMap, BTreeSet};

use yingke_core::{
    audience::{Audience, Role, circle},
    change::{Edit, Key},
    id::RecordId,
    journal::AppendError,
    kpi::{self, Count, Figure, FigureKind, Period},
    permit::{Doing, Matter, reach},
    record::Record,
    report::{self, Ask, Days, Prospects, Table},
    schema,
    time::DAY_MS,
    value::Value,
    wire::v1::Staff,
    work::{Kpi, Report},
    workflow::PROGRESS,
};

use super::Roster;
use crate::browser::{clock, files};

/// What the formulas of figures read.
const FIGURE_KINDS: [&str; 21] = [
    "agreement",
    "assignment",
    "case",
    "consultation",
    "equipment",
    "evaluation",
    "fault",
    "improvement",
    "interaction",
    "membership",
    "outing",
    "person",
    "pt_grant",
    "rating",
    "retention",
    "staff_survey",
    "tour",
    "tracking",
    "training",
    "trial",
    "visit",
];
/// Records that nobody has touched for so long before the period have no time in it. The longest that anything is due
/// ahead is a year's card.
const TOUCHED_WITHIN_MS: i64 = 400 * DAY_MS;
/// Records read between two looks at the clock: about a millisecond's worth.
const SLICE: usize = 200;
/// How long the page goes without its turn.
const TURN_MS: i64 = 12;

/// A figure now, and in the days it is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    pub kpi: &'static Kpi,
    pub now: Option<Figure>,
    pub before: Option<Figure>,
}

/// What a board shows.
#[derive(Debug, Clone, Default)]
pub struct Board {
    pub figures: Vec<Counted>,
    pub prospects: Prospects,
}

/// A file that leaves the tablet.
#[derive(Debug)]
pub struct ExportFile {
    pub name: String,
    pub media: &'static str,
    pub bytes: Vec<u8>,
}

/// Records by kind, read once for all that is counted from them.
type Gathered = BTreeMap<&'static str, Vec<Record>>;

impl Roster {
    /// Whether somebody of my post has a board: leads others, or reads reports.
    #[must_use]
    pub fn has_board(self) -> bool {
        let Some(me) = self.me_now() else { return false };
        me.role.leads() || reach(&self.posts(), Matter::Reports, Doing::Read).is_some()
    }

    /// Whether I see what the whole venue's figures are counted from.
    #[must_use]
    pub fn sees_figures(self) -> bool {
        self.me_now().is_some_and(|me| me.role.sees_venue())
    }

    /// The reports that my post writes or reads; whoever leads the venue reads all of it.
    #[must_use]
    pub fn my_reports(self) -> Vec<&'static Report> {
        let Some(me) = self.me_now() else { return Vec::new() };
        let post = me.role.key();
        let reads_all = me.role.leads()
            && reach(&self.posts(), Matter::Reports, Doing::Read)
                .is_some_and(|reach| reach >= yingke_core::permit::Reach::Venue);
        let names = |posts: &[Box<str>]| {
            posts.iter().any(|by| &**by == post || (&**by == "leader" && me.role.keeps_own_leads()))
        };
        self.work()
            .reports
            .iter()
            .filter(|report| reads_all || names(&report.author) || names(&report.reader))
            .collect()
    }

    /// Whether I may take a table along as a file, by myself or with somebody's approval. Source: R-145.
    #[must_use]
    pub fn may_export(self) -> bool {
        self.approves_exports() || reach(&self.posts(), Matter::BulkExport, Doing::Create).is_some()
    }

    /// Whether nobody has to approve what I export.
    #[must_use]
    pub fn approves_exports(self) -> bool {
        self.me_now().is_some_and(|me| approves_exports(me.role))
    }

    /// Colleagues here who can approve what I export.
    #[must_use]
    pub fn export_approvers(self) -> Vec<Staff> {
        let me = self.me_now().map(|me| me.id);
        self.staff().into_iter().filter(|staff| Some(staff.id) != me && approves_exports(staff.role)).collect()
    }

    /// Subscribes to all that figures are counted from.
    pub fn track_figures(self) {
        self.ask(&FIGURE_KINDS, |_| ());
    }

    /// Counts figures in some days and in those they are compared with. `None` where nobody wants them any more.
    pub async fn count(
        self,
        kpis: Vec<&'static Kpi>,
        days: Days,
        compared: Days,
        is_wanted: impl Fn() -> bool,
    ) -> Option<Board> {
        let offset_minutes = self.utc_offset_minutes();
        let (now, before) = (days.period(offset_minutes), compared.period(offset_minutes));
        let touched_from = before.from.plus(-TOUCHED_WITHIN_MS);
        let mut prospects = Prospects::default();
        let keep = |record: &Record| match record.kind().as_str() {
            "person" => {
                prospects.count(record, now, offset_minutes);
                record.get("first_visit").is_some()
                    || record.get("contract").is_some()
                    || record.text("stage") == Some("won")
            }
            "membership" | "equipment" => true,
            _ => record.last_rank().is_none_or(|rank| rank.stamp.millis() >= touched_from),
        };
        let gathered = self.gather(&FIGURE_KINDS, keep, &is_wanted).await?;
        let mut figures = Vec::new();
        for kpi in kpis {
            let counted =
                Counted { kpi, now: self.figure(kpi, now, &gathered), before: self.figure(kpi, before, &gathered) };
            figures.push(counted);
            clock::breathe().await;
            if !is_wanted() {
                return None;
            }
        }
        Some(Board { figures, prospects })
    }

    /// Works the tables of a report out. `None` where nobody wants them any more.
    pub async fn tables(self, report: &'static Report, days: Days, is_wanted: impl Fn() -> bool) -> Option<Vec<Table>> {
        let offset_minutes = self.utc_offset_minutes();
        let period = days.period(offset_minutes);
        let mut kinds: Vec<&'static str> = report.parts.iter().map(|part| &*part.record).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let keep = |record: &Record| period.has(report::own_time(record, offset_minutes)) && self.may_see(record);
        let gathered = self.gather(&kinds, keep, &is_wanted).await?;
        self.papers(&[], |scene, ground| {
            let each = |kind: &str, f: &mut dyn FnMut(&Record)| gathered.get(kind).into_iter().flatten().for_each(f);
            let lookup = |id: RecordId| (ground.lookup)(id);
            let ask = Ask {
                period,
                now: scene.now,
                offset_minutes,
                each: &each,
                lookup: &lookup,
                number: ground.number,
                pack: scene.pack,
            };
            let tables: Vec<Table> = report.parts.iter().map(|part| report::table(part, &ask)).collect();
            tables
        })
    }

    fn figure(self, kpi: &Kpi, period: Period, gathered: &Gathered) -> Option<Figure> {
        let after_sales = untracked_staff(self);
        self.papers(&[], |scene, ground| {
            let each = |kind: &str, f: &mut dyn FnMut(&Record)| gathered.get(kind).into_iter().flatten().for_each(f);
            let lookup = |id: RecordId| (ground.lookup)(id);
            let count = Count {
                period,
                now: scene.now,
                offset_minutes: scene.offset_minutes,
                each: &each,
                lookup: &lookup,
                number: ground.number,
                outing: None,
                staff: None,
                staff_count: after_sales,
            };
            if &*kpi.formula == "numbers_per_outing" {
                return Some(self.numbers_per_outing(&count));
            }
            kpi::figure(&kpi.formula, &count)
        })?
    }

    /// The mean of what the period's outings brought home.
    fn numbers_per_outing(self, count: &Count<'_>) -> Figure {
        let mut outings = Vec::new();
        (count.each)("outing", &mut |outing| {
            if count.period.has(report::own_time(outing, count.offset_minutes)) {
                outings.push(outing.id);
            }
        });
        let numbers = self.ask(&[], |replica| {
            let of = |outing: &RecordId| {
                let people = replica.captured_in(*outing).filter_map(|id| replica.record(id));
                people.filter_map(|person| person.text("phone").map(str::to_owned)).collect::<BTreeSet<_>>().len()
            };
            outings.iter().map(of).sum::<usize>()
        });
        Figure { numerator: numbers as i64, denominator: outings.len() as i64, kind: FigureKind::Average }
    }

    /// Reads the records of some kinds that are kept; a slice at a time.
    async fn gather(
        self,
        kinds: &[&'static str],
        mut keep: impl FnMut(&Record) -> bool,
        is_wanted: &impl Fn() -> bool,
    ) -> Option<Gathered> {
        let inner = self.inner();
        let session = inner.session.get();
        let mut gathered = Gathered::new();
        let mut turn_began = clock::since_opening_ms();
        for kind in kinds {
            let ids: Vec<RecordId> = inner.replica.borrow().by_kind(kind).collect();
            let mut kept = Vec::new();
            for ids in ids.chunks(SLICE) {
                {
                    let replica = inner.replica.borrow();
                    let records = ids.iter().filter_map(|id| replica.record(*id));
                    let records = records.filter(|record| !record.is("withdrawn") && keep(record));
                    kept.extend(records.map(std::borrow::Cow::into_owned));
                }
                if clock::since_opening_ms() - turn_began > TURN_MS {
                    clock::breathe().await;
                    // Somebody else may have unlocked meanwhile.
                    if inner.session.get() != session || !is_wanted() {
                        return None;
                    }
                    turn_began = clock::since_opening_ms();
                }
            }
            gathered.insert(kind, kept);
        }
        Some(gathered)
    }

    /// Writes an export down, then hands the file to the downloads; whether the browser took it. It is kept under the name of
    /// who approves it: a second person who has come for it, or whoever exports. Source.
    ///
    /// # Errors
    /// [`AppendError`]: it could not be written down, so nothing left the tablet.
    pub async fn export(self, file: &ExportFile, scope: &str, reason: &str) -> Result<bool, AppendError> {
        let (Some(me), Some(approver)) = (self.me_now(), self.actor_now()) else { return Ok(false) };
        if !approves_exports(approver.role) {
            return Err(AppendError::Aborted { detail: "nobody has approved it".into() });
        }
        let (by, now) = (approver.id.to_string(), self.now());
        let progress = BTreeMap::from([
            (Key::of("state"), "executed".into()),
            (Key::of("at"), Value::from(now)),
            (Key::of("by"), (&*by).into()),
        ]);
        let writes = vec![
            schema::write("export", "scope", scope),
            schema::write("export", "reason_text", reason),
            schema::write("export", "author", me.id.to_string()),
            schema::write("export", "approver", &*by),
            schema::write("export", "done_at", now),
            schema::write_group("export", PROGRESS, progress, Vec::new()),
        ];
        let audience = Audience::Circle(me.venue.id, circle::PRIVACY.into());
        let edit = Edit { record: self.new_id(), kind: Key::of("export"), audience, salt: [0; 8], writes };
        self.save("export", vec![edit]).await?;
        Ok(files::download(&file.name, file.media, &file.bytes))
    }
}

fn approves_exports(role: Role) -> bool {
    reach(&[role.key()], Matter::BulkExport, Doing::Approve).is_some()
}

/// How many work in after-sales service.
fn untracked_staff(roster: Roster) -> i64 {
    let staff = leptos::prelude::untrack(|| roster.staff());
    let serves = |role: Role| {
        matches!(
            role,
            Role::CsSpecialist | Role::CsSupervisor | Role::CsManager | Role::CsSeniorManager | Role::FollowupAgent
        )
    };
    staff.iter().filter(|staff| serves(staff.role)).count() as i64
}
