//! The journal's side of hand-over files: what leaves, and what comes in.

use std::collections::BTreeSet;

use yingke_core::{id::ChangeId, journal::AppendError};

use super::BrowserJournal;
use crate::browser::{
    handover::without_parts,
    idb::{JOURNAL, Range, TRAY},
    rows::{OwnRow, Row},
};

impl BrowserJournal {
    /// Everything that the endpoint has not acknowledged, oldest first, in the form that only it opens.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn sealed_tail(&self) -> Result<Vec<OwnRow>, AppendError> {
        let read = self.database.read(&[JOURNAL], async |tx| self.find_tail(tx, usize::MAX, usize::MAX).await);
        let found = read.await?;
        self.note_found(&found);
        Ok(found.rows.into_iter().filter_map(|(_, row, _)| without_parts(row)).collect())
    }

    /// Takes changes of a hand-over file into the tail, those left out that are here already; how many were new. One
    /// transaction.
    ///
    /// One that was accepted and trimmed long ago goes out again, and the endpoint says that it has it.
    ///
    /// # Errors
    /// [`AppendError`]; none was kept.
    pub async fn take_over(&self, handed: &[OwnRow]) -> Result<usize, AppendError> {
        let write = self.database.write(&[JOURNAL, TRAY], async |tx| {
            let journal = tx.all(JOURNAL, &Range::All)?;
            let tray = tx.keys(TRAY, &Range::All)?;
            let mut here: BTreeSet<ChangeId> = BTreeSet::new();
            for (_, bytes) in journal.by_sequence().await? {
                if let Ok(Row::Own(row)) = Row::read(&bytes) {
                    here.insert(row.id);
                }
            }
            here.extend(tray.texts().await?.iter().filter_map(|key| key.parse::<ChangeId>().ok()));
            let mut new = 0;
            for row in handed {
                if here.insert(row.id) {
                    tx.add(JOURNAL, &row.bytes())?;
                    new += 1;
                }
            }
            Ok(new)
        });
        write.await
    }
}
