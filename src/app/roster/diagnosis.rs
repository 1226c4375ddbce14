//! The doctor's report: how this tablet is, for whoever helps from afar, and of nobody anything.
//!
//! Text of a fact a line, so that whoever sends it can read what leaves. Only counts, codes and times go in: what an
//! endpoint or a browser says in words may quote what somebody typed, and so may the traces.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Write},
};

use leptos::prelude::*;
use yingke_core::{
    audience::Audience,
    id::DeviceNumber,
    journal::AppendError,
    sync::Trouble,
    time::{DAY_MS, Millis},
    wire::v1::{Refusal, StepFault, VERSION},
};

use super::{Door, Finding, OpenError, Persistence, Refused, Roster, Rung, Status, SyncState, handover::file_name};
use crate::browser::{clock, files, http::Pace, journal::Holdings, settings, updates};

/// What a report is made of.
struct Facts<'a> {
    /// By the tablet's clock.
    made_at: Millis,
    build: String,
    browser: String,
    language: &'a str,
    theme: &'a str,
    device: Option<DeviceNumber>,
    door: &'a Door,
    status: &'a Status,
    finding: Finding,
    rung: Option<Rung>,
    tray: &'a [Refused],
    /// `None` where the database cannot be read.
    holdings: Option<Holdings>,
    second_copy: bool,
}

impl Roster {
    /// Hands the report to the share sheet, or to the downloads where there is none; under which name, or `None` if the
    /// person thought better of it. Needs no unlock, nor a database that opens.
    pub async fn hand_out_diagnosis(self, language: &str, theme: &str) -> Option<String> {
        let inner = self.inner();
        let door = self.door.get_untracked();
        let holdings = match door {
            Door::NotOpened { .. } => None,
            _ => inner.browser.journal().holdings().await.ok(),
        };
        let device = inner.device.borrow().as_ref().map(|device| device.number);
        let made_at = clock::now();
        let text = {
            let (status, tray) = (self.status.get_untracked(), inner.tray.borrow());
            let (finding, rung) = untrack(|| (self.finding(), self.rung()));
            let facts = Facts {
                made_at,
                build: updates::build(),
                browser: settings::browser(),
                language,
                theme,
                device,
                door: &door,
                status: &status,
                finding,
                rung,
                tray: &tray,
                holdings,
                second_copy: inner.browser.copy().is_there(),
            };
            text(&facts)
        };
        let tablet = device.map_or_else(|| "report".to_owned(), |device| format!("report-{}", device.0));
        let name = file_name(&tablet, made_at.0, self.utc_offset_minutes());
        let left = if files::shares_text() {
            files::share_text(&name, &text).await
        } else {
            files::download_text(&name, &text)
        };
        left.then_some(name)
    }
}

/// The report, a fact a line.
fn text(facts: &Facts<'_>) -> String {
    let Facts { status, holdings, .. } = facts;
    let mut lines = Lines("Yingke report 1: counts and states, of nobody anything\n\n".into());
    lines.add("made", At(facts.made_at));
    lines.add("app", format_args!("{} {} wire {VERSION}", env!("CARGO_PKG_VERSION"), facts.build));
    lines.add("browser", &facts.browser);
    lines.add("language", facts.language);
    lines.add("theme", facts.theme);
    lines.maybe("tablet", facts.device.map(|device| device.0));
    lines.add("door", door_code(facts.door));
    lines.add("finding", finding_code(facts.finding));
    lines.maybe("rung", facts.rung.map(rung_code));
    lines.add("sync", sync_code(&status.sync));
    lines.add("network", if status.online { "there" } else { "none" });
    lines.add("pace", pace_code(status.pace));
    lines.maybe("last contact", status.last_contact.map(At));
    lines.maybe("clock offset ms", status.clock_offset_ms);
    lines.add("lease over", status.lease_over);
    lines.maybe("restored ms after opening", status.restored_ms);
    lines.add("unsent", status.unsent);
    lines.maybe("oldest unsent", status.oldest_unsent.map(At));
    lines.add("unsent pictures", status.pictures);
    lines.maybe("oldest unsent picture", status.oldest_picture.map(At));
    lines.maybe("save not kept", status.save_failure.as_ref().map(kept_code));
    lines.add("refused", status.refused);
    let mut refused = BTreeMap::<String, usize>::new();
    for one in facts.tray {
        *refused.entry(refusal_code(&one.reason)).or_default() += 1;
    }
    for (code, count) in refused {
        lines.add("  refused as", format_args!("{code} {count}"));
    }
    lines.add("unreadable places", status.damaged);
    if let Some(mended) = status.mended {
        lines.add("mended", format_args!("{} changes, {} refused", mended.changes, mended.refused));
    }
    lines.add("second copy", facts.second_copy);
    if let Some(storage) = status.storage {
        lines.add(
            "storage",
            match storage.persistence {
                Persistence::Persistent => "persistent",
                Persistence::BestEffort => "best effort",
                Persistence::Unknown => "unknown",
            },
        );
        lines.add("installed", storage.installed);
        lines.maybe("bytes used", storage.used_bytes);
        lines.maybe("bytes allowed", storage.quota_bytes);
    }
    let Some(Holdings { epoch, push_counter, marks, rows }) = holdings else { return lines.0 };
    lines.maybe("epoch", epoch.as_ref());
    lines.add("push counter", push_counter);
    // Whose they are is nobody's business, only which goes with which.
    for (at, (audience, mark)) in marks.iter().enumerate() {
        let kind = match audience {
            Audience::Desk(_) => "desk",
            Audience::Own(..) => "own",
            Audience::Circle(..) => "circle",
        };
        let (number, count, digest) = (mark.number, mark.count, mark.digest);
        lines.add("  read", format_args!("{}. {kind} to {number}, {count} changes, {digest:016x}", at + 1));
    }
    for (store, count) in rows {
        lines.add("  rows", format_args!("{store} {count}"));
    }
    lines.0
}

struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, fact: impl Display) {
        writeln!(self.0, "{name}: {fact}").expect("writing into a text cannot fail");
    }

    fn maybe(&mut self, name: &str, fact: Option<impl Display>) {
        if let Some(fact) = fact {
            self.add(name, fact);
        }
    }
}

/// A time to the second, UTC.
struct At(Millis);

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.0.rem_euclid(DAY_MS) / 1_000;
        write!(f, "{} {:02}:{:02}:{:02} UTC", self.0.day(0), seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }
}

fn door_code(door: &Door) -> String {
    match door {
        Door::Starting => "starting".into(),
        Door::Enrol => "not enrolled".into(),
        Door::Locked => "locked".into(),
        Door::Opening { .. } => "opening".into(),
        Door::Open(_) => "open".into(),
        Door::Wiped(_) => "wiped".into(),
        Door::NotOpened { why, .. } => match why {
            OpenError::WrittenLater { readable_from } => format!("written by format {readable_from}"),
            OpenError::Unavailable { detail } => format!("no database {}", error_name(detail)),
            OpenError::Blocked => "database blocked".into(),
            OpenError::Full => "no room for the database".into(),
            OpenError::Failed { detail } => format!("database not opened {}", error_name(detail)),
            OpenError::Damaged { detail } => format!("database damaged {}", error_name(detail)),
        },
    }
}

fn sync_code(sync: &SyncState) -> String {
    match sync {
        SyncState::Unknown => "nothing tried".into(),
        SyncState::Fetching => "fetching".into(),
        SyncState::Filling(filled) => format!("filling {} %", filled.percent()),
        SyncState::FillingStopped(filled) => format!("filling stopped at {} %", filled.percent()),
        SyncState::UpToDate => "up to date".into(),
        SyncState::Sending => "sending".into(),
        SyncState::Waiting { until, why } => format!("waiting until {}: {}", At(*until), trouble_code(why)),
        SyncState::Stopped { why } => format!("stopped: {}", trouble_code(why)),
        SyncState::Storage { why } => format!("storage: {}", kept_code(why)),
    }
}

fn trouble_code(trouble: &Trouble) -> String {
    match trouble {
        Trouble::OutOfReach => "out of reach".into(),
        Trouble::Stranger { .. } => "a stranger answers".into(),
        Trouble::Busy { status, retry_after_s: Some(wait_s) } => format!("busy {status}, again in {wait_s} s"),
        Trouble::Busy { status, retry_after_s: None } => format!("busy {status}"),
        Trouble::SignIn => "sign in".into(),
        Trouble::Revoked => "revoked".into(),
        Trouble::Unknown => "unknown tablet".into(),
        Trouble::Cloned => "cloned".into(),
        Trouble::NotUnderstood { .. } => "not understood".into(),
    }
}

// By hand: in the build that ships nothing has a `Debug` that says anything.

fn finding_code(finding: Finding) -> String {
    match finding {
        Finding::StorageFull => "storage full".into(),
        Finding::StorageClosed => "storage closed".into(),
        Finding::StorageDamaged => "storage damaged".into(),
        Finding::NotKept => "not kept".into(),
        Finding::Revoked => "revoked".into(),
        Finding::Unknown => "unknown tablet".into(),
        Finding::Cloned => "cloned".into(),
        Finding::AppTooOld => "app too old".into(),
        Finding::SignedOut => "signed out".into(),
        Finding::Refused { count } => format!("refused {count}"),
        Finding::CaptivePortal => "captive portal".into(),
        Finding::NoNetwork { unsent } => format!("no network, unsent {unsent}"),
        Finding::SlowNetwork => "slow network".into(),
        Finding::EndpointDown => "endpoint down".into(),
        Finding::EndpointBusy => "endpoint busy".into(),
        Finding::Incomplete => "incomplete".into(),
        Finding::EndpointRestored => "endpoint restored".into(),
        Finding::ClockWrong { offset_ms } => format!("clock wrong by {offset_ms} ms"),
        Finding::Sending { unsent } => format!("sending {unsent}"),
        Finding::Fetching => "fetching".into(),
        Finding::Filling { percent } => format!("filling {percent} %"),
        Finding::FillingStopped { percent } => format!("filling stopped at {percent} %"),
        Finding::StorageNotPersistent => "storage not persistent".into(),
        Finding::AllWell => "all well".into(),
    }
}

fn rung_code(rung: Rung) -> String {
    match rung {
        Rung::NoRoom { free_bytes } => format!("no room, {free_bytes} bytes free"),
        Rung::OldAndExposed { unsent, age_ms } => format!("old and exposed, unsent {unsent}, {age_ms} ms"),
        Rung::Old { unsent, age_ms } => format!("old, unsent {unsent}, {age_ms} ms"),
        Rung::OldPictures { pictures, age_ms, .. } => format!("old pictures {pictures}, {age_ms} ms"),
        Rung::LittleRoom { free_bytes } => format!("little room, {free_bytes} bytes free"),
        Rung::NotInstalled => "not installed".into(),
        Rung::NotPersistent => "not persistent".into(),
        Rung::Kept => "kept".into(),
    }
}

fn pace_code(pace: Pace) -> String {
    match pace {
        Pace::Unknown => "unknown".into(),
        Pace::Answered { ms } => format!("answered in {ms} ms"),
        Pace::TimedOut => "timed out".into(),
    }
}

fn kept_code(error: &AppendError) -> String {
    match error {
        AppendError::Full { .. } => "no room".into(),
        AppendError::Closed => "closed".into(),
        AppendError::Damaged { detail } => format!("damaged {}", error_name(detail)),
        AppendError::Aborted { detail } => format!("aborted {}", error_name(detail)),
        AppendError::Withheld(_) => "withheld".into(),
    }
}

fn refusal_code(reason: &Refusal) -> String {
    match reason {
        Refusal::WrongOrganisation => "wrong_organisation",
        Refusal::UnknownAuthor => "unknown_author",
        Refusal::NotAllowed { .. } => "not_allowed",
        Refusal::Invalid { .. } => "invalid",
        Refusal::Malformed { .. } => "malformed",
        Refusal::Different => "different",
        Refusal::Erased => "erased",
        Refusal::Step { why, .. } => match why {
            StepFault::NotFrom => "step not_from",
            StepFault::NotYours => "step not_yours",
            StepFault::Missing => "step missing",
            StepFault::NothingBefore => "step nothing_before",
        },
    }
    .into()
}

/// What the browser calls an error, such as `UnknownError`, and nothing else that it says of it.
fn error_name(detail: &str) -> &str {
    let name = detail.split(':').next().unwrap_or_default();
    let is_name = name.ends_with("Error") && name.bytes().all(|letter| letter.is_ascii_alphabetic());
    if is_name { name } else { "" }
}

#[cfg(test)]
mod tests {
    use yingke_core::{
        audience::Role,
        change::{Change, Op},
        fixture,
        id::RecordId,
        wire::v1::{StreamMark, Venue},
    };

    use super::*;
    use crate::{
        browser::{http::Pace, storage::StorageFacts},
        roster::{Me, doctor, ladder},
    };

    const NAME: &str = "王小美";
    const PHONE: &str = "13805712296";
    const NOTE: &str = "对花生过敏";
    const STAFF: &str = "林悦";
    const MARKED: [&str; 6] = [NAME, PHONE, "0571", NOTE, STAFF, "未来店"];
    const NOW: Millis = Millis(1_795_309_500_000);

    /// What is said in words wherever words can be said.
    fn words() -> String {
        format!("DataError: {NAME} {PHONE} {NOTE}, {STAFF}")
    }

    #[test]
    fn a_report_tells_how_the_tablet_is_and_nothing_of_anybody() {
        let me = Me { id: fixture::staff(1), name: STAFF.into(), role: Role::Consultant, venue: venue() };
        let status = Status {
            sync: SyncState::Waiting { until: NOW.plus(1_500), why: Trouble::Stranger { detail: words() } },
            unsent: 3,
            pictures: 2,
            oldest_unsent: Some(NOW.plus(-7_200_000)),
            refused: 4,
            last_contact: Some(NOW.plus(-60_000)),
            clock_offset_ms: Some(-500),
            save_failure: Some(AppendError::Damaged { detail: words() }),
            pace: Pace::Answered { ms: 80 },
            storage: Some(StorageFacts {
                persistence: Persistence::BestEffort,
                installed: false,
                used_bytes: Some(1_000),
                quota_bytes: Some(9_000_000_000),
            }),
            ..Status::at_start()
        };
        let step = Refusal::Step {
            record: record(),
            kind: words(),
            to: words(),
            why: StepFault::NotYours,
            names: vec![words()],
        };
        let invalid = Refusal::Invalid { record: record(), field: words(), detail: words() };
        let reasons = [invalid.clone(), Refusal::Malformed { detail: words() }, step, invalid];
        let tray = reasons.map(|reason| Refused { id: change().id(), reason, change: Some(change()) });
        let told = report(&Door::Open(me), &status, &tray);
        is_of_nobody(&told);
        for line in [
            "made: 2026-11-22 01:05:00 UTC",
            "tablet: 7",
            "door: open",
            "finding: storage damaged",
            "rung: not installed",
            "sync: waiting until 2026-11-22 01:05:01 UTC: a stranger answers",
            "unsent: 3",
            "save not kept: damaged DataError",
            "  refused as: invalid 2",
            "  refused as: malformed 1",
            "  refused as: step not_yours 1",
            "storage: best effort",
            "epoch: e1",
            "  read: 1. desk to 120, 37 changes, 00000000000000ff",
            "  rows: journal 12",
        ] {
            assert!(told.lines().any(|other| other == line), "{line:?} is not in\n{told}");
        }
        assert!(told.len() < 4_000, "small enough to send by any way");
    }

    #[test]
    fn no_state_of_door_or_sync_lets_words_into_a_report() {
        let doors = [
            OpenError::Unavailable { detail: words() },
            OpenError::Failed { detail: words() },
            OpenError::Damaged { detail: format!("{NAME}Error: {PHONE}") },
        ];
        for why in doors {
            is_of_nobody(&report(&Door::NotOpened { why, copied: true }, &Status::at_start(), &[]));
        }
        for why in [Trouble::Stranger { detail: words() }, Trouble::NotUnderstood { detail: words() }] {
            let status = Status { sync: SyncState::Stopped { why }, ..Status::at_start() };
            is_of_nobody(&report(&Door::Locked, &status, &[]));
        }
        for why in [AppendError::Aborted { detail: words() }, AppendError::Damaged { detail: words() }] {
            let status = Status { sync: SyncState::Storage { why }, ..Status::at_start() };
            is_of_nobody(&report(&Door::Locked, &status, &[]));
        }
    }

    fn record() -> RecordId {
        RecordId::from_bytes(fixture::id_bytes(1))
    }

    fn change() -> Change {
        let writes = [("name", NAME), ("phone", PHONE), ("note", NOTE)];
        let writes = writes.map(|(key, text)| (key, Op::Latest(text.into())));
        fixture::change(1, vec![fixture::person_edit(1, writes.into())])
    }

    fn venue() -> Venue {
        Venue {
            id: fixture::venue(),
            name: "未来店".into(),
            pack: "fitness".into(),
            utc_offset_minutes: 480,
            lease_days: 14,
            lock_minutes: 5,
        }
    }

    fn is_of_nobody(told: &str) {
        for marked in MARKED {
            assert!(!told.contains(marked), "{marked} is in\n{told}");
        }
        assert!(!told.contains(&fixture::staff(1).to_string()), "whose it is, is in\n{told}");
    }

    fn report(door: &Door, status: &Status, tray: &[Refused]) -> String {
        let mark = StreamMark { number: 120, count: 37, digest: 255 };
        let audiences = [
            Audience::Desk(fixture::venue()),
            Audience::Own(fixture::venue(), fixture::staff(1)),
            Audience::Circle(fixture::venue(), "health".into()),
        ];
        text(&Facts {
            made_at: NOW,
            build: "/yingke-1a2b.js".into(),
            browser: "Mozilla/5.0".into(),
            language: "zh-Hans",
            theme: "system",
            device: Some(DeviceNumber(7)),
            door,
            status,
            finding: doctor::finding(status, 0),
            rung: ladder::rung(status, NOW),
            tray,
            holdings: Some(Holdings {
                epoch: Some("e1".into()),
                push_counter: 9,
                marks: audiences.map(|audience| (audience, mark)).into(),
                rows: vec![("journal", 12), ("blocks", 4)],
            }),
            second_copy: true,
        })
    }
}
