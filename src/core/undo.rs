//! Taking a save back: what to write so that records are shown as they were before it.
//!
//! Nothing is deleted: the ledger keeps both the save and its undoing. A record that the save began is marked as
//! withdrawn, and lists leave it out.

use crate::{
    change::{Edit, Key, Op, Write},
    id::RecordId,
    record::Record,
    schema,
    value::Value,
};

/// The edits that take others back, given how each record was before them. What merges by first, sticky or once,
/// and guarded groups, stand: the schema means them to.
#[must_use]
pub fn undo(edits: &[Edit], before: impl Fn(RecordId) -> Option<Record>) -> Vec<Edit> {
    let taken_back = edits.iter().filter_map(|edit| {
        let writes: Vec<Write> = match before(edit.record) {
            Some(record) => edit.writes.iter().filter_map(|write| undo_write(write, &record)).collect(),
            None => schema::field(edit.kind.as_str(), "withdrawn")
                .map(|_| Write { key: Key::of("withdrawn"), op: Op::Latest(true.into()) })
                .into_iter()
                .collect(),
        };
        (!writes.is_empty()).then(|| Edit { writes, ..edit.clone() })
    });
    taken_back.collect()
}

fn undo_write(write: &Write, before: &Record) -> Option<Write> {
    let key = write.key.as_str();
    let was_in = |element: &Value| before.elements(key).any(|other| other == element);
    let op = match &write.op {
        Op::Latest(value) => {
            let held = before.get(key).cloned().unwrap_or_default();
            (held != *value).then_some(Op::Latest(held))?
        }
        Op::Add(element) => (!was_in(element)).then(|| Op::Remove(element.clone()))?,
        Op::Remove(element) => was_in(element).then(|| Op::Add(element.clone()))?,
        Op::First(_) | Op::Sticky(_) | Op::Once(_) | Op::Guarded { .. } => return None,
    };
    Some(Write { key: write.key.clone(), op })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{change::Ranked, fixture, merge, stamp::Stamp};

    fn lay(edits: &[Edit], number: u8, record: Option<Record>) -> Record {
        let stamp = Stamp::from_number(u64::from(number));
        let ranked = Ranked::provisional(stamp, fixture::change(number, edits.to_vec()));
        let mut record = record.unwrap_or_else(|| merge::begin(ranked.rank(), &edits[0]));
        edits.iter().for_each(|edit| merge::apply(&mut record, ranked.rank(), edit));
        record
    }

    #[test]
    fn what_was_begun_is_withdrawn() {
        let edits = [fixture::person_edit(1, vec![("name", Op::Latest("李娜".into()))])];
        let undone = undo(&edits, |_| None);
        assert_eq!(undone.len(), 1);
        assert!(lay(&undone, 2, Some(lay(&edits, 1, None))).is("withdrawn"));
    }

    #[test]
    fn what_was_changed_is_as_before_and_who_was_first_stands() {
        let begun = lay(
            &[fixture::person_edit(
                1,
                vec![("name", Op::Latest("李娜".into())), ("interests", Op::Add("yoga".into()))],
            )],
            1,
            None,
        );
        let edits = [fixture::person_edit(
            1,
            vec![
                ("name", Op::Latest("李".into())),
                ("note", Op::Latest("新".into())),
                ("interests", Op::Add("running".into())),
                ("interests", Op::Add("yoga".into())),
                ("source", Op::First("outing".into())),
            ],
        )];
        let changed = lay(&edits, 2, Some(begun.clone()));
        let undone = lay(&undo(&edits, |_| Some(begun.clone())), 3, Some(changed));
        assert_eq!(undone.text("name"), Some("李娜"));
        assert_eq!(undone.text("note"), None);
        assert_eq!(undone.elements("interests").collect::<Vec<_>>(), [&Value::from("yoga")]);
        assert_eq!(undone.text("source"), Some("outing"));
    }
}
