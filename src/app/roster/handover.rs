//! Unsent work carried by hand, when there is no network for days.

use leptos::web_sys::File;
use yingke_core::time::DAY_MS;

use super::Roster;
use crate::browser::{
    clock, files,
    handover::{FILE_BYTES_MAX, HandOver},
};

pub use crate::browser::handover::HandOverError;

/// What became of a file that was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedIn {
    /// Changes that the file carries.
    pub count: usize,
    /// Those that were not on this tablet.
    pub new: usize,
}

/// How a file leaves the tablet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ShareSheet,
    Download,
}

impl Roster {
    /// Whether the tablet has a share sheet for files.
    #[must_use]
    pub fn has_share_sheet(self) -> bool {
        files::shares_text()
    }

    /// Hands everything that is unsent here, of everyone, to the share sheet or the downloads as one sealed file; how
    /// many changes it carries, or `None` if the person thought better of it. They stay unsent here too.
    ///
    /// # Errors
    /// [`HandOverError`]
    pub async fn hand_over(self, way: Way) -> Result<Option<usize>, HandOverError> {
        let inner = self.inner();
        let browser = &inner.browser;
        let rows = browser.journal().sealed_tail().await?;
        let device = browser.vault().device().await?.ok_or_else(not_enrolled)?;
        let organisation = inner.directory.borrow().as_ref().map(|directory| directory.organisation);
        let key = browser.vault().hand_over_key().await.map_err(no_key)?;
        let (count, made_at) = (rows.len(), clock::now());
        let hand_over = HandOver { device: device.number, made_at, rows };
        let text = hand_over.seal(organisation.ok_or_else(not_enrolled)?, &key).await?;
        let name = file_name(&device.name, made_at.0, self.utc_offset_minutes());
        let left = match way {
            Way::ShareSheet => files::share_text(&name, &text).await,
            Way::Download => files::download_text(&name, &text),
        };
        Ok(left.then_some(count))
    }

    /// Takes the unsent work of another tablet in: it goes out with this one's.
    ///
    /// # Errors
    /// [`HandOverError`]; nothing was taken in.
    pub async fn take_hand_over(self, file: File) -> Result<HandedIn, HandOverError> {
        let inner = self.inner();
        let browser = &inner.browser;
        let bytes = files::read(&file, FILE_BYTES_MAX).await.ok_or(HandOverError::NotOne)?;
        let organisation = inner.directory.borrow().as_ref().map(|directory| directory.organisation);
        let key = browser.vault().hand_over_key().await.map_err(no_key)?;
        let hand_over = HandOver::open(&bytes, organisation.ok_or_else(not_enrolled)?, &key).await?;
        let new = browser.journal().take_over(&hand_over.rows).await?;
        self.count_unsent().await;
        browser.tabs().tell_written();
        inner.wake.wake();
        Ok(HandedIn { count: hand_over.rows.len(), new })
    }
}

fn not_enrolled() -> HandOverError {
    HandOverError::Unavailable { detail: "not enrolled".into() }
}

fn no_key(error: crate::browser::seal::SealError) -> HandOverError {
    HandOverError::Unavailable { detail: error.to_string() }
}

/// `yingke-A-07-2026-11-22-0905.txt`: which tablet, and when by the venue's clock. Letters that a file system may not
/// like are left out.
pub(super) fn file_name(tablet: &str, at_ms: i64, utc_offset_minutes: i32) -> String {
    let at = yingke_core::time::Millis(at_ms);
    let local_ms = (at_ms + i64::from(utc_offset_minutes) * 60_000).rem_euclid(DAY_MS);
    let minutes = local_ms / 60_000;
    let tablet: String = tablet.chars().filter(|letter| letter.is_alphanumeric() || *letter == '-').collect();
    format!("yingke-{tablet}-{}-{:02}{:02}.txt", at.day(utc_offset_minutes), minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_tablet_and_minute() {
        // 2026-11-22 01:05 UTC is 09:05 in Shanghai.
        assert_eq!(file_name("A-07", 1_795_309_500_000, 480), "yingke-A-07-2026-11-22-0905.txt");
        assert_eq!(file_name("前台 2/3:*", 1_795_309_500_000, 0), "yingke-前台23-2026-11-22-0105.txt");
    }
}
