//! Showing a guest round: the tour begins with the visit, each stop is kept as it is left, and the end leads to the talk.
//!
//! Source: W-02, SM-02, SM-03, CL-01.

use std::collections::BTreeMap;

use crate::{
    capture::{Ids, Scene},
    change::{Edit, Key},
    form::{self, Context},
    pack::Route,
    paper::{self, Ground},
    record::Record,
    schema::write,
    value::Value,
    workflow::Refusal,
};

const FORM: &str = "F-05";
const KIND: &str = "tour";
/// How much a guest may like a stop.
pub const INTEREST_MAX: i64 = 3;

/// How far a tour is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// For each stop of the route whether it was shown, and how much the guest liked it: 0 to 3.
    pub stops: Vec<(bool, i64)>,
}

impl Walk {
    #[must_use]
    pub fn of(tour: &Record, route: &Route) -> Self {
        let shown: Vec<&str> = tour.elements("stops_shown").filter_map(Value::as_text).collect();
        let liked = interest(tour);
        let stops = route.stops.iter().enumerate();
        let stops = stops.map(|(place, stop)| (shown.contains(&&*stop.key), liked.get(place).copied().unwrap_or(0)));
        Self { stops: stops.collect() }
    }

    #[must_use]
    pub fn shown(&self) -> usize {
        self.stops.iter().filter(|(shown, _)| *shown).count()
    }

    /// The stop after the last that was shown, as somebody goes who skipped some; `None` at the end.
    #[must_use]
    pub fn next(&self) -> Option<usize> {
        let last = self.stops.iter().rposition(|(shown, _)| *shown);
        Some(last.map_or(0, |last| last + 1)).filter(|next| *next < self.stops.len())
    }
}

fn interest(tour: &Record) -> Vec<i64> {
    match tour.get("stop_interest") {
        Some(Value::List(liked)) => liked.iter().filter_map(Value::as_int).collect(),
        _ => Vec::new(),
    }
}

/// The route that a tour takes, or the pack's first.
#[must_use]
pub fn route_of<'p>(tour: Option<&Record>, scene: &Scene<'p>) -> Option<&'p Route> {
    let named = tour.and_then(|tour| tour.text("route"));
    let mut routes = scene.pack.routes.iter();
    routes.clone().find(|route| Some(&*route.key) == named).or_else(|| routes.next())
}

/// The edits of a tour that begins now, at its first stop, with the visit on tour.
///
/// # Errors
/// Says why it cannot begin; nothing is written then.
pub fn begin(visit: &Record, scene: &Scene<'_>, ground: &Ground<'_>, ids: Ids<'_>) -> Result<Vec<Edit>, Refusal> {
    let form = scene.pack.form(FORM).ok_or(Refusal::Unknown)?;
    let route = route_of(None, scene).ok_or(Refusal::Unknown)?;
    let context = Context {
        now: scene.now,
        offset_minutes: scene.offset_minutes,
        me: scene.me,
        outing: None,
        venue: Some(scene.venue),
        pack: scene.pack,
        cards: None,
    };
    let mut draft = form::begin(form, &context);
    paper::prefill(form, &[visit], &mut draft);
    let party = visit.get("party_size").and_then(Value::as_int).unwrap_or(1);
    draft.set(&Key::of("group_size"), party.to_string());
    draft.set(&Key::of("route"), &*route.key);
    // Not yet: the end says.
    draft.set(&Key::of("to_negotiation"), "false");
    let filled = form::check(form, &draft, &context).map_err(|_| Refusal::Unknown)?;
    paper::begin(&filled, &[visit], scene, ground, ids)
}

/// The edit of a stop that was shown, with how much the guest liked it.
#[must_use]
pub fn show(tour: &Record, route: &Route, place: usize, liked: Option<i64>) -> Option<Edit> {
    let stop = route.stops.get(place)?;
    let mut writes = vec![write(KIND, "stops_shown", Value::from(&*stop.key))];
    if let Some(liked) = liked {
        let mut all = interest(tour);
        all.resize(all.len().max(place + 1), 0);
        all[place] = liked.clamp(0, INTEREST_MAX);
        let all = all.into_iter().map(Value::Int).collect();
        writes.push(write(KIND, "stop_interest", Value::List(all)));
    }
    Some(Edit { record: tour.id, kind: tour.kind().clone(), audience: tour.audience().clone(), salt: [0; 8], writes })
}

/// The edits with which a tour ends and the talk begins.
///
/// # Errors
/// Says why it cannot end; nothing is written then.
pub fn end(
    tour: &Record,
    needs: &str,
    scene: &Scene<'_>,
    ground: &Ground<'_>,
    ids: Ids<'_>,
) -> Result<Vec<Edit>, Refusal> {
    let machine = ground.work.machines_of(KIND).next().ok_or(Refusal::Unknown)?;
    let mut typed = BTreeMap::from([(Key::of("to_negotiation"), Value::from(true))]);
    if !needs.trim().is_empty() {
        typed.insert(Key::of("needs_noted"), needs.trim().into());
    }
    let mut edits = paper::step(tour, machine, "finish", &typed, None, scene, ground, ids)?;
    let visit = tour.get("visit").and_then(Value::as_id).and_then(ground.lookup);
    if let (Some(visit), Some(machine)) = (visit, ground.work.machines_of("visit").next()) {
        // A visit that somebody has led on already is left where it is.
        let talk = paper::step(&visit, machine, "talk", &BTreeMap::new(), None, scene, ground, ids);
        edits.extend(talk.unwrap_or_default());
    }
    Ok(edits)
}
