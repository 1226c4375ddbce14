//! The tables as a copy of them is written and read: the same in every database, so that a club can move.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Bytes,
    Text,
    Int,
    /// A number, or nothing.
    Maybe,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Bytes(Vec<u8>),
    Text(String),
    Int(i64),
    Nothing,
}

/// A table whose columns that say which row it is come first.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Holds)],
    /// How many columns say which row it is.
    pub keys: usize,
}

use Holds::{Bytes, Int, Maybe, Text};

/// Every table of ours, each after those that it refers to. Only added to: a copy names tables by their place here
/// and columns by theirs.
pub const TABLES: &[Table] = &[
    Table {
        name: "organisation",
        columns: &[
            ("id", Bytes),
            ("name", Text),
            ("epoch", Text),
            ("master_secret", Bytes),
            ("recovery_secret", Bytes),
            ("devices", Int),
            ("epoch_at", Int),
        ],
        keys: 1,
    },
    Table { name: "counter", columns: &[("organisation", Bytes), ("number", Int), ("stamp", Int)], keys: 1 },
    Table {
        name: "venue",
        columns: &[
            ("organisation", Bytes),
            ("id", Bytes),
            ("name", Text),
            ("pack", Text),
            ("utc_offset_minutes", Int),
            ("lease_days", Int),
            ("lock_minutes", Int),
        ],
        keys: 2,
    },
    Table {
        name: "staff",
        columns: &[
            ("organisation", Bytes),
            ("id", Bytes),
            ("name", Text),
            ("role", Text),
            ("venue", Bytes),
            ("active", Int),
            ("pin_hash", Text),
        ],
        keys: 2,
    },
    Table {
        name: "device",
        columns: &[
            ("organisation", Bytes),
            ("number", Int),
            ("venue", Bytes),
            ("name", Text),
            ("token_hash", Bytes),
            ("push_counter", Int),
            ("enrolled_at", Int),
            ("seen_at", Int),
            ("revoked_at", Maybe),
        ],
        keys: 2,
    },
    Table {
        name: "enrolment_code",
        columns: &[
            ("code_hash", Bytes),
            ("organisation", Bytes),
            ("venue", Bytes),
            ("uses_left", Int),
            ("expires_at", Int),
        ],
        keys: 1,
    },
    Table {
        name: "person_token",
        columns: &[
            ("organisation", Bytes),
            ("token_hash", Bytes),
            ("staff", Bytes),
            ("device", Int),
            ("expires_at", Int),
        ],
        keys: 2,
    },
    Table {
        name: "ledger",
        columns: &[
            ("organisation", Bytes),
            ("number", Int),
            ("change", Bytes),
            ("stamp", Int),
            ("device", Int),
            ("author", Bytes),
            ("hash", Bytes),
            ("accepted_at", Int),
        ],
        keys: 2,
    },
    Table { name: "body", columns: &[("organisation", Bytes), ("number", Int), ("bytes", Bytes)], keys: 2 },
    Table {
        name: "stream",
        columns: &[
            ("organisation", Bytes),
            ("audience", Text),
            ("number", Int),
            ("change", Bytes),
            ("count", Int),
            ("digest", Int),
        ],
        keys: 3,
    },
    Table {
        name: "stream_head",
        columns: &[("organisation", Bytes), ("audience", Text), ("number", Int), ("count", Int), ("digest", Int)],
        keys: 2,
    },
    Table {
        name: "record",
        columns: &[("organisation", Bytes), ("id", Bytes), ("kind", Text), ("audience", Text), ("body", Bytes)],
        keys: 2,
    },
    Table {
        name: "handed_in",
        columns: &[
            ("organisation", Bytes),
            ("device", Int),
            ("change", Bytes),
            ("author", Bytes),
            ("sender", Bytes),
            ("nonce", Bytes),
            ("sealed", Bytes),
            ("hash", Bytes),
            ("handed_at", Int),
            ("decided_at", Maybe),
            ("number", Maybe),
        ],
        keys: 3,
    },
    Table { name: "farewell", columns: &[("organisation", Bytes), ("device", Int), ("said_at", Int)], keys: 2 },
    Table {
        name: "blob",
        columns: &[("organisation", Bytes), ("hash", Bytes), ("kept_at", Int), ("bytes", Bytes)],
        keys: 2,
    },
    Table {
        name: "blob_name",
        columns: &[("organisation", Bytes), ("hash", Bytes), ("record", Bytes), ("audience", Text)],
        keys: 4,
    },
    Table {
        name: "blob_upload",
        columns: &[
            ("organisation", Bytes),
            ("device", Int),
            ("hash", Bytes),
            ("length", Int),
            ("received", Int),
            ("touched_at", Int),
            ("done_at", Maybe),
        ],
        keys: 3,
    },
    Table {
        name: "blob_piece",
        columns: &[("organisation", Bytes), ("device", Int), ("hash", Bytes), ("start", Int), ("bytes", Bytes)],
        keys: 4,
    },
    Table { name: "device_copy", columns: &[("organisation", Bytes), ("number", Int), ("origin", Int)], keys: 2 },
    Table { name: "number_series", columns: &[("organisation", Bytes), ("series", Text), ("given", Int)], keys: 2 },
    Table {
        name: "number_block",
        columns: &[
            ("organisation", Bytes),
            ("device", Int),
            ("series", Text),
            ("first_number", Int),
            ("last_number", Int),
        ],
        keys: 2,
    },
    Table { name: "corrected", columns: &[("organisation", Bytes), ("device", Int), ("stamp", Int)], keys: 2 },
    Table {
        name: "refused",
        columns: &[("organisation", Bytes), ("change", Bytes), ("stamp", Int), ("device", Int)],
        keys: 2,
    },
    Table {
        name: "reminder",
        columns: &[
            ("organisation", Bytes),
            ("device", Int),
            ("staff", Bytes),
            ("endpoint", Text),
            ("point", Bytes),
            ("secret", Bytes),
            ("language", Text),
            ("kept_at", Int),
            ("told_at", Int),
        ],
        keys: 3,
    },
    Table {
        name: "published_pack",
        columns: &[
            ("organisation", Bytes),
            ("place", Int),
            ("key", Text),
            ("version", Int),
            ("published_at", Int),
            ("mark", Text),
            ("source", Text),
            ("text", Text),
            ("work", Text),
        ],
        keys: 2,
    },
    Table {
        name: "staff_before",
        columns: &[
            ("organisation", Bytes),
            ("id", Bytes),
            ("until", Int),
            ("role", Text),
            ("venue", Bytes),
            ("active", Int),
        ],
        keys: 3,
    },
    Table {
        name: "device_unsent",
        columns: &[("organisation", Bytes), ("device", Int), ("changes", Int), ("told_at", Int)],
        keys: 2,
    },
];

/// One row, and the table it belongs to by its place in [`TABLES`].
pub type TableRow = (usize, Vec<Cell>);

impl Table {
    /// The names of the columns, for a statement.
    #[must_use]
    pub fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// Whether a row can be one of this table.
    #[must_use]
    pub fn fits(&self, row: &[Cell]) -> bool {
        let fits = |(cell, (_, holds)): (&Cell, &(&str, Holds))| {
            matches!(
                (holds, cell),
                (Bytes, Cell::Bytes(_)) | (Text, Cell::Text(_)) | (Int | Maybe, Cell::Int(_)) | (Maybe, Cell::Nothing)
            )
        };
        row.len() == self.columns.len() && row.iter().zip(self.columns).all(fits)
    }
}
