//! A number for each record, so that lists and columns point to it in four bytes.

use crate::id::RecordId;

/// The number of a record in this replica: its place in every column.
pub(crate) type Row = u32;

/// Ids by row, and rows by id. A row stays its record's for as long as the replica lives.
#[derive(Default)]
pub(crate) struct Rows {
    ids: Vec<RecordId>,
    /// Each row stands at the place that its id hashes to, or at the next free one. At most half of them are taken.
    slots: Vec<Row>,
}

const FREE: Row = Row::MAX;

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn ids(&self) -> &[RecordId] {
        &self.ids
    }

    pub(crate) fn id(&self, row: Row) -> RecordId {
        self.ids[row as usize]
    }

    pub(crate) fn find(&self, id: RecordId) -> Option<Row> {
        if self.slots.is_empty() {
            return None;
        }
        let row = self.slots[self.slot(id)];
        (row != FREE).then_some(row)
    }

    /// The row of an id, a new one if it has none.
    pub(crate) fn row(&mut self, id: RecordId) -> Row {
        if self.slots.len() < 2 * (self.ids.len() + 1) {
            self.make_room(self.ids.len() + 1);
        }
        let slot = self.slot(id);
        if self.slots[slot] == FREE {
            self.slots[slot] = self.ids.len() as Row;
            self.ids.push(id);
        }
        self.slots[slot]
    }

    /// Makes room for so many rows in all, so that loading them moves none.
    pub(crate) fn make_room(&mut self, rows: usize) {
        if rows > self.ids.len() {
            self.ids.reserve(rows - self.ids.len());
        }
        let wanted = (2 * rows).next_power_of_two().max(16);
        if wanted <= self.slots.len() {
            return;
        }
        self.slots = vec![FREE; wanted];
        for row in 0..self.ids.len() {
            let slot = self.slot(self.ids[row]);
            self.slots[slot] = row as Row;
        }
    }

    /// Where an id stands, or would.
    fn slot(&self, id: RecordId) -> usize {
        let last = self.slots.len() - 1;
        let mut slot = hash(id) as usize & last;
        while self.slots[slot] != FREE && self.ids[self.slots[slot] as usize] != id {
            slot = (slot + 1) & last;
        }
        slot
    }
}

/// Ids bring their own chance; those of tests, and of a hostile device, differ in few places: the product spreads them.
fn hash(id: RecordId) -> u64 {
    let number = u128::from_le_bytes(id.bytes());
    let product = ((number >> 64) as u64 ^ (number as u64).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product >> 32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arbtest::arbtest;

    use super::*;

    #[test]
    fn an_id_keeps_its_row_and_two_ids_have_two() {
        arbtest(|u| {
            let mut rows = Rows::default();
            let mut known: BTreeMap<RecordId, Row> = BTreeMap::new();
            for _ in 0..u.int_in_range(0..=200)? {
                let mut bytes = [0; 16];
                bytes[u.int_in_range(0..=15)?] = u.int_in_range(0..=20)?;
                let id = RecordId::from_bytes(bytes);
                assert_eq!(rows.find(id), known.get(&id).copied());
                let row = rows.row(id);
                assert_eq!(*known.entry(id).or_insert(row), row);
                assert_eq!((rows.id(row), rows.len()), (id, known.len()));
            }
            let taken: std::collections::BTreeSet<Row> = known.values().copied().collect();
            assert_eq!(taken.len(), known.len());
            Ok(())
        });
    }
}
