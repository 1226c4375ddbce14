//! What a tablet remembers of trial passes, whoever is unlocked: how many it gave out, and which it has taken.
//!
//! A pass is taken by the save that says so and in its transaction, so two people, two tabs or a crash take none twice.

use yingke_core::{change::Ranked, id::RecordId, journal::AppendError, time::Millis};

use super::{BrowserJournal, number};
use crate::browser::idb::META;

pub(in crate::browser) const PASS_NUMBER_ROW: &str = "pass_number";
pub(in crate::browser) const PASS_TAKEN_ROWS: &str = "pass:";

impl BrowserJournal {
    /// The number of the next pass of this tablet, never given again.
    ///
    /// # Errors
    /// [`AppendError`]; after 65,535 there are none left.
    pub async fn next_pass_number(&self) -> Result<u16, AppendError> {
        let write = self.database.write(&[META], async |tx| {
            let next = number(tx.get(META, PASS_NUMBER_ROW)?.bytes().await?) + 1;
            tx.put(META, PASS_NUMBER_ROW, &next.to_be_bytes())?;
            Ok(next)
        });
        let next = write.await?;
        u16::try_from(next).map_err(|_| AppendError::Aborted { detail: "no more pass numbers here".into() })
    }

    /// When this tablet took a pass, by the record that says so.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn pass_taken(&self, use_record: RecordId) -> Result<Option<Millis>, AppendError> {
        let key = taken_row(use_record);
        let row = self.database.read(&[META], async |tx| tx.get(META, key.as_str())?.bytes().await).await?;
        Ok(row.map(|row| Millis(number(Some(row)).cast_signed())))
    }

    /// Keeps a change that takes a pass, unless this tablet has taken it; when it had, nothing is kept.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was kept.
    pub async fn append_taking(
        &self,
        change: &Ranked,
        use_record: RecordId,
    ) -> Result<Result<(), Millis>, AppendError> {
        let at = change.change.header.made_at;
        let taken = (taken_row(use_record), at.0.to_be_bytes());
        let before = self.append_once(change, Some(&taken)).await?;
        Ok(before.map_or(Ok(()), |row| Err(Millis(number(Some(row)).cast_signed()))))
    }
}

fn taken_row(use_record: RecordId) -> String {
    format!("{PASS_TAKEN_ROWS}{use_record}")
}
