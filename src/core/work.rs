//! What a pack says beyond its forms: machines, tasks, rules, figures and reports, read once from the built text.
//!
//! Everything here is data that names functions: [`crate::workflow`] walks the machines, [`crate::task`] works out
//! the tasks. A client whose screens use none of it carries none of it.

use crate::{
    pack::{
        PackError, Packs, VenueKind, Words,
        read::{Columns, shown},
    },
    workflow,
};

/// The work of one kind of venue.
#[derive(Debug, Clone, Default)]
pub struct Work {
    pub machines: Vec<Machine>,
    pub tasks: Vec<TaskTemplate>,
    pub rules: Vec<HouseRule>,
    pub kpis: Vec<Kpi>,
    pub reports: Vec<Report>,
}

/// A name that core has a function for, and its parameters: `filled(true_reason)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub name: Box<str>,
    pub arguments: Vec<Box<str>>,
}

impl Call {
    /// A parameter; empty where it has fewer.
    #[must_use]
    pub fn argument(&self, place: usize) -> &str {
        self.arguments.get(place).map_or("", |argument| &**argument)
    }
}

/// The states of a kind of record, and the steps between them.
#[derive(Debug, Clone)]
pub struct Machine {
    pub id: Box<str>,
    /// The kinds of record that it runs.
    pub records: Vec<Box<str>>,
    /// The field that holds the state, or `progress`, the guarded group.
    pub place: Box<str>,
    pub title: Words,
    pub states: Vec<State>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub struct State {
    pub key: Box<str>,
    pub label: Words,
    /// Nothing more is expected.
    pub is_end: bool,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub key: Box<str>,
    pub label: Words,
    /// States it is taken from; none for the beginning.
    pub from: Vec<Box<str>>,
    pub to: Box<str>,
    /// Posts, or what somebody is to the record.
    pub by: Vec<Box<str>>,
    pub needs: Vec<Call>,
    pub then: Vec<Call>,
}

/// When there is something to do, for whom, until when. Source: domain catalogue 9.1.
#[derive(Debug, Clone)]
pub struct TaskTemplate {
    pub id: Box<str>,
    pub title: Words,
    /// The kind of record that it is about; empty for what the calendar asks.
    pub record: Box<str>,
    pub when: Vec<Call>,
    /// The record itself says that it is done.
    pub done: Vec<Call>,
    pub due: Call,
    pub assignee: Vec<Box<str>>,
    pub channel: Box<str>,
    pub prompt: Box<str>,
    pub form: Box<str>,
    /// Minutes after it was due, and to whom it goes then.
    pub escalate: Vec<(i64, Box<str>)>,
    pub is_call: bool,
}

/// A rule of the manuals. Source: domain catalogue 8.
#[derive(Debug, Clone)]
pub struct HouseRule {
    pub id: Box<str>,
    pub label: Words,
    pub enforce: Enforce,
    pub who: Vec<Box<str>>,
    /// Steps, forms, tasks and invariants that keep it.
    pub kept_by: Vec<Box<str>>,
    pub parameters: Vec<Box<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforce {
    /// It blocks.
    Hard,
    /// A hint, a task, a report.
    Soft,
    /// To know.
    Info,
}

/// A figure with its target. Source: domain catalogue 10.
#[derive(Debug, Clone)]
pub struct Kpi {
    pub id: Box<str>,
    pub label: Words,
    pub formula: Box<str>,
    pub target: Option<Target>,
    pub unit: Box<str>,
    pub periods: Vec<Box<str>>,
}

/// What a figure should be, in hundredths of its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    AtLeast(i64),
    AtMost(i64),
    Exactly(i64),
}

impl Target {
    #[must_use]
    pub fn is_met(self, hundredths: i64) -> bool {
        match self {
            Self::AtLeast(least) => hundredths >= least,
            Self::AtMost(most) => hundredths <= most,
            Self::Exactly(number) => hundredths == number,
        }
    }
}

/// A hand-in. Source: domain catalogue 12.
#[derive(Debug, Clone)]
pub struct Report {
    pub id: Box<str>,
    pub title: Words,
    pub author: Vec<Box<str>>,
    pub reader: Vec<Box<str>>,
    pub due: Box<str>,
    pub kpis: Vec<Box<str>>,
    pub parts: Vec<ReportPart>,
    /// What its author writes by hand.
    pub texts: Vec<(Box<str>, Words)>,
}

/// A table of a report: the records of a kind, some of their fields, grouped and summed.
#[derive(Debug, Clone)]
pub struct ReportPart {
    pub title: Words,
    pub record: Box<str>,
    pub columns: Vec<Box<str>>,
    pub when: Vec<Call>,
    pub group: Box<str>,
    pub sum: Vec<Box<str>>,
}

impl Work {
    /// The work that ships for a kind of venue.
    #[must_use]
    pub fn of(kind: VenueKind) -> &'static Work {
        Packs::shipped().work(kind)
    }

    /// Reads what the build wrote.
    ///
    /// # Errors
    /// Names the first line that cannot be read.
    pub fn read(kind: VenueKind, texts: &[&str]) -> Result<Self, PackError> {
        let mut work = Self::default();
        for text in texts {
            let mut taken = true;
            for (number, line) in text.lines().enumerate() {
                work.read_line(line, kind, &mut taken).ok_or(PackError { line: number + 1 })?;
            }
        }
        Ok(work)
    }

    #[must_use]
    pub fn machine(&self, id: &str) -> Option<&Machine> {
        self.machines.iter().find(|machine| &*machine.id == id)
    }

    /// The machines of a kind of record.
    pub fn machines_of<'a, 'k>(&'a self, record: &'k str) -> impl Iterator<Item = &'a Machine> + use<'a, 'k> {
        self.machines.iter().filter(move |machine| machine.records.iter().any(|kind| &**kind == record))
    }

    /// Whether a step that a record comes to later fills a field in by itself: who took it, when, what it comes to.
    #[must_use]
    pub fn is_filled_by_step(&self, record: &str, field: &str) -> bool {
        let later = self.machines_of(record).flat_map(|machine| &machine.steps).filter(|step| !step.from.is_empty());
        later.flat_map(|step| &step.then).any(|effect| workflow::fills_in(effect) == Some(field))
    }

    /// Whether a step of a machine follows from another record's step: a leave that begins takes the card along.
    #[must_use]
    pub fn is_moved_to(&self, machine: &str, step: &str) -> bool {
        let effects = self.machines.iter().flat_map(|machine| &machine.steps).flat_map(|step| &step.then);
        effects.filter(|call| &*call.name == "move").any(|call| call.argument(1) == machine && call.argument(2) == step)
    }

    fn read_line(&mut self, line: &str, kind: VenueKind, taken: &mut bool) -> Option<()> {
        let (letter, mut columns) = Columns::of(line);
        if matches!(letter, "m" | "j" | "u" | "q" | "z") {
            *taken = shown(columns.next(), kind);
        }
        if !*taken {
            return Some(());
        }
        match letter {
            "m" => {
                let (id, records, place) = (columns.next().into(), parts(columns.next(), '|'), columns.next().into());
                let title = columns.words();
                self.machines.push(Machine { id, records, place, title, states: Vec::new(), steps: Vec::new() });
            }
            "a" => {
                let (key, is_end) = (columns.next().into(), columns.next() == "e");
                self.machines.last_mut()?.states.push(State { key, is_end, label: columns.words() });
            }
            "v" if shown(columns.next(), kind) => {
                let step = Step {
                    key: columns.next().into(),
                    from: parts(columns.next(), '|'),
                    to: columns.next().into(),
                    by: parts(columns.next(), '|'),
                    needs: calls(columns.next()),
                    then: calls(columns.next()),
                    label: columns.words(),
                };
                self.machines.last_mut()?.steps.push(step);
            }
            "j" => {
                let task = TaskTemplate {
                    id: columns.next().into(),
                    record: columns.next().into(),
                    when: calls(columns.next()),
                    done: calls(columns.next()),
                    due: calls(columns.next()).pop()?,
                    assignee: parts(columns.next(), '|'),
                    channel: columns.next().into(),
                    prompt: columns.next().into(),
                    form: columns.next().into(),
                    escalate: escalations(columns.next())?,
                    is_call: columns.next() == "c",
                    title: columns.words(),
                };
                self.tasks.push(task);
            }
            "u" => {
                let rule = HouseRule {
                    id: columns.next().into(),
                    enforce: match columns.next() {
                        "h" => Enforce::Hard,
                        "s" => Enforce::Soft,
                        "i" => Enforce::Info,
                        _ => return None,
                    },
                    who: parts(columns.next(), '|'),
                    kept_by: parts(columns.next(), '|'),
                    parameters: parts(columns.next(), '|'),
                    label: columns.words(),
                };
                self.rules.push(rule);
            }
            "q" => {
                let kpi = Kpi {
                    id: columns.next().into(),
                    formula: columns.next().into(),
                    target: target(columns.next())?,
                    unit: columns.next().into(),
                    periods: parts(columns.next(), '|'),
                    label: columns.words(),
                };
                self.kpis.push(kpi);
            }
            "z" => {
                let report = Report {
                    id: columns.next().into(),
                    author: parts(columns.next(), '|'),
                    reader: parts(columns.next(), '|'),
                    due: columns.next().into(),
                    kpis: parts(columns.next(), '|'),
                    title: columns.words(),
                    parts: Vec::new(),
                    texts: Vec::new(),
                };
                self.reports.push(report);
            }
            "y" => {
                let part = ReportPart {
                    record: columns.next().into(),
                    columns: parts(columns.next(), '|'),
                    when: calls(columns.next()),
                    group: columns.next().into(),
                    sum: parts(columns.next(), '|'),
                    title: columns.words(),
                };
                self.reports.last_mut()?.parts.push(part);
            }
            "b" => {
                let key = columns.next().into();
                let words = columns.words();
                self.reports.last_mut()?.texts.push((key, words));
            }
            _ => {}
        }
        Some(())
    }
}

impl Machine {
    #[must_use]
    pub fn step(&self, key: &str) -> Option<&Step> {
        self.steps.iter().find(|step| &*step.key == key)
    }

    #[must_use]
    pub fn state(&self, key: &str) -> Option<&State> {
        self.states.iter().find(|state| &*state.key == key)
    }
}

fn parts(text: &str, between: char) -> Vec<Box<str>> {
    text.split(between).filter(|part| !part.is_empty()).map(Box::from).collect()
}

fn calls(text: &str) -> Vec<Call> {
    let call = |text: &str| match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((name, arguments)) => Call { name: name.into(), arguments: parts(arguments, ',') },
        None => Call { name: text.into(), arguments: Vec::new() },
    };
    text.split(';').filter(|text| !text.is_empty()).map(call).collect()
}

fn escalations(text: &str) -> Option<Vec<(i64, Box<str>)>> {
    let mut steps = Vec::new();
    for step in text.split('|').filter(|step| !step.is_empty()) {
        let (hours, actor) = step.split_once(' ')?;
        steps.push((hours.parse().ok()?, actor.into()));
    }
    Some(steps)
}

/// `Some(None)` where a figure is only watched.
fn target(text: &str) -> Option<Option<Target>> {
    if text.is_empty() {
        return Some(None);
    }
    let number = |text: &str| text.parse().ok();
    Some(Some(match (text.strip_prefix(">="), text.strip_prefix("<="), text.strip_prefix('=')) {
        (Some(least), _, _) => Target::AtLeast(number(least)?),
        (_, Some(most), _) => Target::AtMost(number(most)?),
        (_, _, Some(exact)) => Target::Exactly(number(exact)?),
        _ => return None,
    }))
}
