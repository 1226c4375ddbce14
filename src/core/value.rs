//! What a field holds.

use std::fmt;

use crate::{
    id::RecordId,
    time::{Day, Millis},
};

/// One value of a field. Its `Debug` shows no content: values hold names and phone numbers.
///
/// Money is [`Value::Int`] in fen. Codes of a list are [`Value::Text`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Value {
    /// Emptied on purpose; differs from a field that nobody ever set.
    #[default]
    Empty,
    Bool(bool),
    Int(i64),
    Text(Box<str>),
    At(Millis),
    Day(Day),
    Id(RecordId),
    List(Vec<Value>),
    Bytes(Box<[u8]>),
}

impl Value {
    /// Hands over this value, or in place of a list every value in it, however deep.
    pub fn each(&self, visit: &mut impl FnMut(&Self)) {
        match self {
            Self::List(values) => values.iter().for_each(|value| value.each(visit)),
            value => visit(value),
        }
    }

    #[must_use]
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(text.into())
    }

    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(yes) = self { Some(*yes) } else { None }
    }

    #[must_use]
    pub fn as_at(&self) -> Option<Millis> {
        if let Self::At(at) = self { Some(*at) } else { None }
    }

    #[must_use]
    pub fn as_day(&self) -> Option<Day> {
        if let Self::Day(day) = self { Some(*day) } else { None }
    }

    #[must_use]
    pub fn as_id(&self) -> Option<RecordId> {
        if let Self::Id(id) = self { Some(*id) } else { None }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Bool(_) => "Bool(…)",
            Self::Int(_) => "Int(…)",
            Self::Text(_) => "Text(…)",
            Self::At(_) => "At(…)",
            Self::Day(_) => "Day(…)",
            Self::Id(_) => "Id(…)",
            Self::List(_) => "List(…)",
            Self::Bytes(_) => "Bytes(…)",
        })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<Millis> for Value {
    fn from(at: Millis) -> Self {
        Self::At(at)
    }
}

impl From<Day> for Value {
    fn from(day: Day) -> Self {
        Self::Day(day)
    }
}

impl From<RecordId> for Value {
    fn from(id: RecordId) -> Self {
        Self::Id(id)
    }
}
