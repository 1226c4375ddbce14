//! Trial passes: given out and taken without any network. What one is, core says (`core/pass.rs`).

use leptos::{prelude::*, web_sys::Element};
use yingke_core::{
    change::Key,
    form::{self, Context, Draft},
    id::{OrganisationId, RecordId},
    journal::AppendError,
    paper,
    pass::{self, Code, Pass, PassFault, USE, UsedHere},
    record::Record,
    time::Day,
    value::Value,
    workflow::Refusal,
};

use super::Roster;
use crate::browser::{
    camera,
    pass::{CheckError, Passes},
    seal::SealError,
};

/// The form that a pass is kept as.
const FORM: &str = "trial_pass";
/// The step of a pass that is taken, where this tablet knows the pass.
const TAKE: &str = "use";

/// Why a pass was not given out or taken. The variant says what can be done.
#[derive(Debug, Clone, PartialEq)]
pub enum PassError {
    /// What it is not: one sentence each.
    Fault(PassFault),
    /// This unlock came from an endpoint of before there were passes: unlock once with the network there.
    NoKeys,
    /// The post may not give passes out.
    NotYours,
    Storage(AppendError),
    /// No crypto here, or the numbers of this tablet are used up.
    Failed {
        detail: String,
    },
}

impl From<AppendError> for PassError {
    fn from(error: AppendError) -> Self {
        Self::Storage(error)
    }
}

impl From<PassFault> for PassError {
    fn from(fault: PassFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<SealError> for PassError {
    fn from(error: SealError) -> Self {
        Self::Failed { detail: error.to_string() }
    }
}

impl Roster {
    /// Whether the venue gives out trial passes, and I may.
    #[must_use]
    pub fn gives_passes(self) -> bool {
        let Some(form) = self.pack().form(FORM) else { return false };
        self.papers(&[], |scene, ground| paper::may_begin(form, scene, ground.work)).unwrap_or(false)
    }

    /// Whether the venue takes trial passes at all.
    #[must_use]
    pub fn takes_passes(self) -> bool {
        self.pack().form(FORM).is_some()
    }

    /// Whether the last sign-in gave this tablet keys for passes of its own: not one of before there were passes, nor of
    /// before it had its number.
    pub(super) async fn signs_passes(self) -> bool {
        let Ok((passes, organisation)) = self.pass_keys() else { return false };
        passes.are_of(organisation, self.device_number()).await.unwrap_or(false)
    }

    /// Gives a pass out: its record, with its code, good until the end of a day.
    ///
    /// # Errors
    /// [`PassError`]; nothing was given out.
    pub async fn give_pass(self, source: &str, until: Day, person: Option<RecordId>) -> Result<RecordId, PassError> {
        let (passes, organisation) = self.pass_keys()?;
        let number = self.inner().browser.journal().next_pass_number().await?;
        let beyond = || PassError::Failed { detail: "no code holds this tablet or day".into() };
        let pass = Pass::new(self.device_number(), number, until, source).ok_or_else(beyond)?;
        let code = passes.prove(organisation, pass).await?;
        let edits = self.pass_edits(&code, source, person).map_err(|_| PassError::NotYours)?;
        let record = edits.first().map(|edit| edit.record).ok_or(PassError::NotYours)?;
        self.save(FORM, edits).await?;
        Ok(record)
    }

    fn pass_edits(
        self,
        code: &Code,
        source: &str,
        person: Option<RecordId>,
    ) -> Result<Vec<yingke_core::change::Edit>, Refusal> {
        let (pack, me) = (self.pack(), self.me_now().ok_or(Refusal::Unknown)?);
        let form = pack.form(FORM).ok_or(Refusal::Unknown)?;
        let (year, month, day) = code.pass.until.ymd();
        let mut draft = Draft::default();
        draft.set(&Key::of("code"), code.text());
        draft.set(&Key::of("source"), source);
        draft.set(&Key::of("valid_until"), format!("{year:04}-{month:02}-{day:02}T23:59"));
        let offset_minutes = me.venue.utc_offset_minutes;
        let (now, venue) = (self.now(), Some(me.venue.id));
        let context = Context { now, offset_minutes, me: me.id, outing: None, venue, pack, cards: None };
        let filled = form::check(form, &draft, &context).map_err(|_| Refusal::Unknown)?;
        let person = person.and_then(|id| untrack(|| self.record(id)));
        let about: Vec<&Record> = person.iter().collect();
        let edits =
            self.papers(&[], |scene, ground| paper::begin(&filled, &about, scene, ground, &mut || self.new_id()));
        edits.unwrap_or(Err(Refusal::Unknown))
    }

    /// The text of a pass's QR. `None` where another tablet gave it out, which alone can sign it, or where it is none of
    /// ours; its code can be typed all the same.
    pub async fn pass_picture(self, code: &str) -> Option<String> {
        let (passes, organisation) = self.pass_keys().ok()?;
        let shown = pass::read(code, organisation).ok()?;
        let code = passes.check(organisation, &shown).await.ok()?;
        if !passes.are_of(organisation, code.pass.device).await.ok()? {
            return None;
        }
        Some(passes.sign(organisation, code).await.ok()?.text())
    }

    /// Whether what a guest shows is a pass that can be taken now.
    ///
    /// # Errors
    /// [`PassError`]: why not.
    pub async fn look_at_pass(self, shown: &str) -> Result<Code, PassError> {
        let (passes, organisation) = self.pass_keys()?;
        let shown = pass::read(shown, organisation)?;
        let code = passes.check(organisation, &shown).await.map_err(|error| match error {
            CheckError::Fault(fault) => PassError::Fault(fault),
            CheckError::Seal(error) => error.into(),
        })?;
        code.pass.check_day(self.now().day(self.utc_offset_minutes()))?;
        let use_record = pass::use_record(organisation, &code);
        let taken = self.inner().browser.journal().pass_taken(use_record).await?;
        // Taken by a colleague, as far as this tablet has heard.
        let heard = || untrack(|| self.record(use_record)).and_then(|record| record.get("used_at")?.as_at());
        match taken.or_else(heard) {
            Some(at) => Err(PassFault::Used { at }.into()),
            None => Ok(code),
        }
    }

    /// Takes a pass: at most once on this tablet, whoever is unlocked.
    ///
    /// # Errors
    /// [`PassError`]; it was not taken.
    pub async fn take_pass(self, code: &Code) -> Result<(), PassError> {
        let (_, organisation) = self.pass_keys()?;
        let me = self.me_now().ok_or(PassError::NoKeys)?;
        let here = UsedHere { at: self.now(), by: me.id, venue: me.venue.id, device: self.device_number() };
        let mut edits = vec![pass::use_edit(organisation, code, &here)];
        edits.extend(self.step_of_known_pass(code));
        match self.save_taking(USE, edits, pass::use_record(organisation, code)).await? {
            Ok(_) => Ok(()),
            Err(at) => Err(PassFault::Used { at }.into()),
        }
    }

    /// Where this tablet knows the pass and I may take the step, its own record says that it was used.
    fn step_of_known_pass(self, code: &Code) -> Vec<yingke_core::change::Edit> {
        let written = self.papers(&[], |scene, ground| {
            let id = (ground.find)(FORM, "code", &Value::from(code.text()))?;
            let record = (ground.lookup)(id)?;
            let offers = paper::offers(&record, scene, ground);
            let offer = offers.into_iter().find(|offer| &*offer.step.key == TAKE)?;
            let ids = &mut || self.new_id();
            paper::step(&record, offer.machine, TAKE, &Default::default(), None, scene, ground, ids).ok()
        });
        written.flatten().unwrap_or_default()
    }

    /// Whether this browser reads codes by the camera.
    #[must_use]
    pub fn has_code_reader(self) -> bool {
        camera::is_there()
    }

    /// Shows the camera in a video element and gives the first code before it; `None` once nobody waits any more.
    ///
    /// # Errors
    /// Where there is no camera, or the person said no.
    pub async fn read_code(self, video: &Element, waits: impl Fn() -> bool) -> Result<Option<String>, ()> {
        camera::read_code(video, waits).await.map_err(|_| ())
    }

    fn pass_keys(self) -> Result<(std::rc::Rc<Passes>, OrganisationId), PassError> {
        let inner = self.inner();
        let passes = inner.browser.vault().passes().ok_or(PassError::NoKeys)?;
        let organisation = inner.directory.borrow().as_ref().map(|directory| directory.organisation);
        Ok((passes, organisation.ok_or(PassError::NoKeys)?))
    }
}
