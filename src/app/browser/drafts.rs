//! Half-filled forms, kept as they are typed, each sealed under its author's own key.

use yingke_core::journal::AppendError;

use super::{
    idb::{DRAFTS, Database, Range},
    rows,
    vault::Vault,
};

/// The drafts of whoever is unlocked.
#[derive(Debug, Clone)]
pub struct Drafts {
    database: Database,
    vault: Vault,
}

impl Drafts {
    #[must_use]
    pub fn new(database: Database, vault: Vault) -> Self {
        Self { database, vault }
    }

    /// Keeps what has been typed so far under a name such as `F-03`, instead of what was there. The name lies in
    /// clear, so it says which form it is and nothing about anybody.
    ///
    /// # Errors
    /// [`AppendError`], also when nobody is unlocked.
    pub async fn put(&self, name: &str, typed: &[u8]) -> Result<(), AppendError> {
        let (key, place) = self.place(name)?;
        let sealed = self.session()?.own_key.seal(typed, &place).await.map_err(super::journal::not_sealed)?;
        let row = rows::draft_bytes(&sealed);
        self.database.write(&[DRAFTS], async |tx| tx.put(DRAFTS, key.as_str(), &row)).await
    }

    /// What had been typed; `None` if there is no draft.
    ///
    /// # Errors
    /// [`AppendError`]; [`AppendError::Damaged`] when it no longer opens.
    pub async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, AppendError> {
        let (key, place) = self.place(name)?;
        let row = self.database.read(&[DRAFTS], async |tx| tx.get(DRAFTS, key.as_str())?.bytes().await).await?;
        let Some(row) = row else { return Ok(None) };
        let damaged = |detail: String| AppendError::Damaged { detail: format!("a draft: {detail}") };
        let sealed = rows::read_draft(&row).map_err(|error| damaged(error.to_string()))?;
        let typed = self.session()?.own_key.open(&sealed, &place).await;
        typed.map(Some).map_err(|error| damaged(error.to_string()))
    }

    /// Throws one away, because it was saved or because its author says so.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn delete(&self, name: &str) -> Result<(), AppendError> {
        let (key, _) = self.place(name)?;
        self.database.write(&[DRAFTS], async |tx| tx.delete(DRAFTS, key.as_str())).await
    }

    /// The names of all there are.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn names(&self) -> Result<Vec<String>, AppendError> {
        let (mine, _) = self.place("")?;
        let range = Range::Under(mine.clone());
        let keys = self.database.read(&[DRAFTS], async |tx| tx.keys(DRAFTS, &range)?.texts().await).await?;
        Ok(keys.iter().filter_map(|key| key.strip_prefix(&mine)).map(ToOwned::to_owned).collect())
    }

    fn session(&self) -> Result<std::rc::Rc<super::vault::Session>, AppendError> {
        self.vault.session().ok_or_else(super::journal::locked)
    }

    /// The key in the store, and what the draft is bound to.
    fn place(&self, name: &str) -> Result<(String, Vec<u8>), AppendError> {
        let staff = self.session()?.staff;
        let organisation = self.vault.organisation().ok_or_else(super::journal::locked)?;
        Ok((format!("{staff}:{name}"), rows::draft_bound_to(organisation, staff, name)))
    }
}
