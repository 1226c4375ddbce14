//! The journal's twin in memory, for tests and the simulator.

use std::{cell::RefCell, collections::BTreeMap};

use super::{AppendError, Journal, Outgoing, TailChange};
use crate::{
    audience::Audience,
    change::Ranked,
    id::ChangeId,
    sync::News,
    wire::v1::{Refusal, StreamMark},
};

/// What it has kept.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    pub tail: Vec<Ranked>,
    pub accepted: Vec<Ranked>,
    pub tray: Vec<(Ranked, Refusal)>,
    pub epoch: Option<String>,
    pub push_counter: u64,
    pub since: BTreeMap<Audience, StreamMark>,
}

/// A journal without a disk.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    kept: RefCell<Kept>,
}

impl MemoryJournal {
    #[must_use]
    pub fn kept(&self) -> Kept {
        self.kept.borrow().clone()
    }
}

impl Journal for MemoryJournal {
    async fn append(&self, change: &Ranked) -> Result<(), AppendError> {
        self.kept.borrow_mut().tail.push(change.clone());
        Ok(())
    }

    async fn begin_push(&self, changes_max: usize) -> Result<Outgoing, AppendError> {
        let mut kept = self.kept.borrow_mut();
        kept.push_counter += 1;
        Ok(Outgoing {
            epoch: kept.epoch.clone(),
            push_counter: kept.push_counter,
            tail: kept.tail.iter().take(changes_max).cloned().map(TailChange::Open).collect(),
            more: kept.tail.len() > changes_max,
            since: kept.since.clone(),
        })
    }

    async fn take_in(&self, news: &News) -> Result<(), AppendError> {
        let mut kept = self.kept.borrow_mut();
        let mut leaves = |id: ChangeId| {
            let place = kept.tail.iter().position(|change| change.change.id() == id)?;
            Some(kept.tail.remove(place))
        };
        let accepted: Vec<Ranked> = news
            .accepted
            .iter()
            .filter_map(|accepted| {
                let change = leaves(accepted.id)?;
                Some(Ranked { stamp: accepted.stamp, device: accepted.device, ..change })
            })
            .collect();
        let refused: Vec<_> =
            news.refused.iter().filter_map(|(id, reason)| Some((leaves(*id)?, reason.clone()))).collect();
        kept.accepted.extend(accepted);
        kept.tray.extend(refused);
        kept.accepted.extend(news.pulled.iter().cloned());
        kept.since.extend(news.streams.clone());
        kept.epoch = Some(news.epoch.clone());
        Ok(())
    }

    async fn begin_epoch(&self, epoch: &str) -> Result<(), AppendError> {
        let mut kept = self.kept.borrow_mut();
        kept.since.clear();
        kept.epoch = Some(epoch.into());
        Ok(())
    }
}
