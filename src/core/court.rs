//! Who has which court when: bookings, and those who play.

use crate::{
    id::RecordId,
    record::Record,
    time::{MINUTE_MS, Millis},
    value::Value,
    workflow::PROGRESS,
};

/// Kinds of records that say so.
pub const KINDS: [&str; 2] = ["booking", "ticket"];

/// A court for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The ticket of who plays or has played, else the booking.
    pub record: RecordId,
    /// The booking, where there was one.
    pub booking: Option<RecordId>,
    pub court: RecordId,
    pub from: Millis,
    pub until: Millis,
    pub stage: Stage,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Booked,
    /// There, with a ticket or about to get one.
    Arrived,
    OnCourt,
    /// Off the court and not paid.
    ToSettle,
    Over,
}

/// All uses of courts that records tell of, in no order. Cancelled bookings, guests who did not come and void tickets
/// use none.
#[must_use]
pub fn uses(records: &[Record], now: Millis) -> Vec<Use> {
    let (tickets, bookings): (Vec<&Record>, Vec<&Record>) =
        records.iter().partition(|record| record.kind().as_str() == "ticket");
    let mut uses = Vec::new();
    let mut played = Vec::new();
    for ticket in tickets {
        let stage = match state_of(ticket) {
            Some("open" | "collected") => Stage::Arrived,
            Some("on_court") => Stage::OnCourt,
            Some("exit") => Stage::ToSettle,
            Some("settled") => Stage::Over,
            _ => continue,
        };
        let Some(court) = id(ticket, "resource") else { continue };
        let booking = id(ticket, "booking");
        let booked = booking.and_then(|id| bookings.iter().find(|booking| booking.id == id));
        let from = at(ticket, "entered_at").or_else(|| booked.and_then(|it| at(it, "start_at")));
        let Some(from) = from.or_else(|| at(ticket, "opened_at")) else { continue };
        // Who plays has the court at least until now, and as long as it was booked.
        let open_end = booked.and_then(|it| at(it, "end_at")).unwrap_or(now).max(now).max(from.plus(MINUTE_MS));
        let until = at(ticket, "exit_at").unwrap_or(open_end);
        played.extend(booking);
        uses.push(Use { record: ticket.id, booking, court, from, until, stage });
    }
    for booking in bookings {
        let stage = match state_of(booking) {
            Some("booked") => Stage::Booked,
            Some("arrived") => Stage::Arrived,
            _ => continue,
        };
        let times = at(booking, "start_at").zip(at(booking, "end_at"));
        let (Some(court), Some((from, until))) = (id(booking, "resource"), times) else { continue };
        if !played.contains(&booking.id) {
            uses.push(Use { record: booking.id, booking: Some(booking.id), court, from, until, stage });
        }
    }
    uses
}

/// Whether nobody else has a court between two moments; the booking or ticket named does not count.
#[must_use]
pub fn is_free(uses: &[Use], court: RecordId, from: Millis, until: Millis, but: RecordId) -> bool {
    let is_own = |it: &Use| it.record == but || it.booking == Some(but);
    !uses.iter().any(|it| it.court == court && it.from < until && it.until > from && !is_own(it))
}

fn state_of(record: &Record) -> Option<&str> {
    record.guarded(PROGRESS).and_then(|group| group.get("state")).and_then(Value::as_text)
}

fn at(record: &Record, key: &str) -> Option<Millis> {
    record.get(key).and_then(Value::as_at)
}

fn id(record: &Record, key: &str) -> Option<RecordId> {
    record.get(key).and_then(Value::as_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, time::HOUR_MS};

    const NOW: Millis = fixture::NOW;

    fn court(number: u8) -> RecordId {
        RecordId::from_bytes([number; 16])
    }

    fn booking(state: &str, number: u8, hours: i64) -> Record {
        let start = NOW.plus(hours * HOUR_MS);
        let times = [("start_at", start.into()), ("end_at", start.plus(HOUR_MS).into())];
        let fields = [("resource", court(number).into())].into_iter().chain(times).collect();
        fixture::record_of(number, "booking", Some(state), fields)
    }

    #[test]
    fn a_court_is_taken_while_it_is_booked_and_free_when_the_booking_is_off() {
        let records = [booking("booked", 1, 1), booking("cancelled", 2, 1), booking("no_show", 3, -2)];
        let uses = uses(&records, NOW);
        let free = |number, hours: i64| {
            let from = NOW.plus(hours * HOUR_MS);
            is_free(&uses, court(number), from, from.plus(HOUR_MS), court(99))
        };
        assert!(!free(1, 1));
        assert!(free(1, 2) && free(1, 0) && free(2, 1) && free(3, -2));
        let start = NOW.plus(HOUR_MS);
        assert!(
            is_free(&uses, court(1), start, start.plus(HOUR_MS), records[0].id),
            "one's own booking does not count"
        );
    }

    #[test]
    fn who_plays_has_the_court_until_they_leave() {
        let fields = vec![("resource", court(1).into()), ("entered_at", NOW.plus(-2 * HOUR_MS).into())];
        let playing = fixture::record_of(9, "ticket", Some("on_court"), fields);
        let uses = uses(std::slice::from_ref(&playing), NOW);
        assert_eq!((uses[0].stage, uses[0].until), (Stage::OnCourt, NOW));
        assert!(!is_free(&uses, court(1), NOW.plus(-MINUTE_MS), NOW.plus(1), court(99)));
    }

    #[test]
    fn a_booking_that_was_played_is_one_use_and_ends_when_they_left() {
        let arrived = booking("arrived", 1, -1);
        let left = NOW.plus(-HOUR_MS / 2);
        let fields = vec![
            ("resource", court(1).into()),
            ("booking", arrived.id.into()),
            ("entered_at", NOW.plus(-HOUR_MS).into()),
            ("exit_at", left.into()),
        ];
        let records = [arrived.clone(), fixture::record_of(9, "ticket", Some("exit"), fields)];
        let uses = uses(&records, NOW);
        assert_eq!(uses.len(), 1);
        assert_eq!((uses[0].stage, uses[0].until, uses[0].booking), (Stage::ToSettle, left, Some(arrived.id)));
        assert!(is_free(&uses, court(1), left, NOW, court(99)));
    }
}
