//! The money on a card: what was loaded on it less what was played for.
//!
//! It is worked out from the papers themselves and stored nowhere, so two desks that charge one card without having
//! heard of each other do not write over each other's sum; what they took together shows as soon as they meet.

use crate::{record::Record, value::Value, workflow::PROGRESS};

/// Kinds of papers about a card that move its money.
pub const MOVES: [&str; 2] = ["payment", "ticket"];

/// What is left on a card, in fen, below zero where more was taken than it held; `None` for a card that holds no money.
/// `papers` are those about this card, of the kinds in [`MOVES`]; others change nothing. Source: F-11, F-30, F-31, SM-18.
#[must_use]
pub fn balance<'a>(card: &Record, papers: impl IntoIterator<Item = &'a Record>) -> Option<i64> {
    if card.text("card_kind") != Some("stored_value") {
        return None;
    }
    let fen = |record: &Record, key: &str| record.get(key).and_then(Value::as_int).unwrap_or(0);
    let moved = |paper: &Record| match (paper.kind().as_str(), paper.text("kind"), paper.text("method")) {
        ("ticket", ..) if !is_void(paper) => -fen(paper, "deducted"),
        // A slip that is paid from the card, and one that gives money back.
        ("payment", _, Some("stored_value")) | ("payment", Some("refund"), _) => -fen(paper, "amount"),
        // A slip about a card that is paid in full loads it.
        ("payment", Some("full"), _) => fen(paper, "amount"),
        _ => 0,
    };
    Some(fen(card, "loaded") + papers.into_iter().map(moved).sum::<i64>())
}

fn is_void(ticket: &Record) -> bool {
    let state = ticket.guarded(PROGRESS).and_then(|group| group.get("state"));
    state.and_then(Value::as_text) == Some("void")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn record(kind: &'static str, fields: Vec<(&'static str, Value)>) -> Record {
        fixture::record_of(1, kind, None, fields)
    }

    #[test]
    fn a_card_holds_what_was_loaded_less_what_was_played() {
        let card = record("membership", vec![("card_kind", "stored_value".into()), ("loaded", 200_000.into())]);
        let papers = [
            record("ticket", vec![("deducted", 9_000.into())]),
            record("payment", vec![("kind", "full".into()), ("method", "cash".into()), ("amount", 50_000.into())]),
            record("payment", vec![("kind", "deposit".into()), ("method", "cash".into()), ("amount", 10_000.into())]),
            record(
                "payment",
                vec![("kind", "charge".into()), ("method", "stored_value".into()), ("amount", 1_500.into())],
            ),
            // Not settled yet.
            record("ticket", vec![("amount", 6_000.into())]),
        ];
        assert_eq!(balance(&card, &papers), Some(239_500));
        // Two desks took more than it held, each for itself: that shows, and nothing hides it.
        let both =
            [record("ticket", vec![("deducted", 150_000.into())]), record("ticket", vec![("deducted", 90_000.into())])];
        assert_eq!(balance(&card, &both), Some(-40_000));
    }

    #[test]
    fn a_card_for_a_time_holds_no_money() {
        let card = record("membership", vec![("card_kind", "single_item".into()), ("loaded", 200_000.into())]);
        assert_eq!(balance(&card, &[]), None);
        assert_eq!(balance(&record("membership", vec![]), &[]), None);
    }
}
