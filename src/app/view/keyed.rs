//! Rows that keep their nodes while their list changes: by key, not by place.

use std::hash::{DefaultHasher, Hash, Hasher};

use leptos::{
    prelude::{Owner, untrack},
    web_sys,
};

use super::{
    IntoView, View,
    draw::{Drawn, Runs, mark},
};

/// The rows as they are to be: what tells each from the others, and how it is drawn if it is new.
pub struct Rows(Box<dyn FnMut() -> Vec<Row>>);

/// A hash of the row's key, and how it is drawn.
type Row = (u64, Box<dyn FnOnce() -> View>);

/// A row for each item. An item whose key was there before keeps its row as it is.
pub fn keyed<T: 'static, K: Hash, V: IntoView>(
    mut each: impl FnMut() -> Vec<T> + 'static,
    key: impl Fn(&T) -> K + 'static,
    row: impl Fn(T) -> V + Clone + 'static,
) -> View {
    View::Keyed(Rows(Box::new(move || {
        let rows = each().into_iter().map(|item| {
            let mut hasher = DefaultHasher::new();
            key(&item).hash(&mut hasher);
            let row = row.clone();
            (hasher.finish(), Box::new(move || row(item).into_view()) as Box<dyn FnOnce() -> View>)
        });
        rows.collect()
    })))
}

struct DrawnRow {
    key: u64,
    /// What the row made; it ends with the row and not with the next run of the list.
    owner: Owner,
    drawn: Drawn,
}

pub(super) struct DrawnRows {
    rows: Vec<DrawnRow>,
    end: web_sys::Node,
}

impl Rows {
    pub(super) fn draw(mut self) -> Runs<DrawnRows> {
        // Rows belong to where the list stands: the effect's own owner is emptied before each run.
        let around = Owner::current().unwrap_or_default();
        Runs::new(move |before: Option<DrawnRows>| {
            let wanted = (self.0)();
            let mut list = before.unwrap_or_else(|| DrawnRows { rows: Vec::new(), end: mark() });
            around.with(|| untrack(|| list.become_of(wanted)));
            list
        })
    }
}

impl DrawnRows {
    fn become_of(&mut self, wanted: Vec<Row>) {
        let mut old: Vec<Option<DrawnRow>> = std::mem::take(&mut self.rows).into_iter().map(Some).collect();
        let mut next_old = 0;
        for (key, make) in wanted {
            // In most lists the row wanted is the next one that was there.
            let found =
                (next_old..old.len()).chain(0..next_old).find(|&at| old[at].as_ref().is_some_and(|row| row.key == key));
            let row = match found {
                Some(at) => {
                    next_old = at + 1;
                    old[at].take()
                }
                None => None,
            };
            self.rows.push(row.unwrap_or_else(|| {
                let owner = Owner::new();
                let drawn = owner.with(|| make().draw());
                DrawnRow { key, owner, drawn }
            }));
        }
        for gone in old.into_iter().flatten() {
            gone.drawn.remove();
            gone.owner.cleanup();
        }
        let Some(parent) = self.end.parent_node() else { return };
        let mut following = self.end.clone();
        for row in self.rows.iter().rev() {
            if row.drawn.last().next_sibling().as_ref() != Some(&following) {
                row.drawn.insert(&parent, Some(&following));
            }
            following = row.drawn.first();
        }
    }

    pub(super) fn insert(&self, parent: &web_sys::Node, before: Option<&web_sys::Node>) {
        for row in &self.rows {
            row.drawn.insert(parent, before);
        }
        let _ = parent.insert_before(&self.end, before);
    }

    pub(super) fn remove(&self) {
        for row in &self.rows {
            row.drawn.remove();
        }
        if let Some(parent) = self.end.parent_node() {
            let _ = parent.remove_child(&self.end);
        }
    }

    pub(super) fn first(&self) -> web_sys::Node {
        self.rows.first().map_or_else(|| self.end.clone(), |row| row.drawn.first())
    }

    pub(super) fn last(&self) -> web_sys::Node {
        self.end.clone()
    }
}
