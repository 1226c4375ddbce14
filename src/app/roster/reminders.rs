//! Being told on this tablet when something of mine runs late: the browser's subscription, handed to the endpoint.
//!
//! Whether it is on is the endpoint's to say, so nothing of it is kept here.

use leptos::task::spawn_local;
use yingke_core::{
    pack::Language,
    sync::Trouble,
    wire::v1::{Remind, Reminders, VERSION},
};

use super::Roster;
use crate::browser::reminders::{self, NoSubscription, Subscription};

/// Why nobody is reminded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReminderTrouble {
    NoService,
    /// The browser may show no notices.
    Refused,
    /// It takes the endpoint.
    OutOfReach,
}

impl From<NoSubscription> for ReminderTrouble {
    fn from(none: NoSubscription) -> Self {
        match none {
            NoSubscription::NoService => Self::NoService,
            NoSubscription::Refused => Self::Refused,
        }
    }
}

impl From<Trouble> for ReminderTrouble {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            // It has no such route, or writes to no such push service.
            Trouble::NotUnderstood { .. } => Self::NoService,
            _ => Self::OutOfReach,
        }
    }
}

impl Roster {
    /// Whether I am reminded here, and the key to subscribe with.
    ///
    /// # Errors
    /// [`ReminderTrouble`]
    pub async fn reminders(self) -> Result<Reminders, ReminderTrouble> {
        reminders::work_here()?;
        let mut told = self.inner().browser.http().reminders("GET", None).await?;
        // A browser drops its subscription by itself, as when its data are cleared.
        told.on &= reminders::subscribed().await.is_some();
        Ok(told)
    }

    /// From now on I am. To be called in a press.
    ///
    /// # Errors
    /// [`ReminderTrouble`]
    pub async fn remind_me(self, key: String, language: Language) -> Result<(), ReminderTrouble> {
        let subscription = reminders::subscribe(&key).await?;
        Ok(self.give_subscription(subscription, language).await?)
    }

    /// From now on I am not. Whoever else is goes on being reminded.
    ///
    /// # Errors
    /// [`ReminderTrouble`]
    pub async fn remind_me_no_more(self) -> Result<(), ReminderTrouble> {
        let told = self.inner().browser.http().reminders("DELETE", None).await?;
        if !told.others {
            // The endpoint writes to it no more; a browser that does not reach its push service may take for ever.
            spawn_local(reminders::unsubscribe());
        }
        Ok(())
    }

    /// The tablet speaks another language from now on, and so do its reminders.
    pub fn remind_in(self, language: Language) {
        spawn_local(async move {
            if let Some(subscription) = reminders::subscribed().await
                && self.reminders().await.is_ok_and(|told| told.on)
            {
                let _ = self.give_subscription(subscription, language).await;
            }
        });
    }

    async fn give_subscription(
        self,
        [endpoint, p256dh, auth]: Subscription,
        language: Language,
    ) -> Result<(), Trouble> {
        let remind = Remind { version: VERSION, endpoint, p256dh, auth, language };
        self.inner().browser.http().reminders("POST", Some(&remind)).await.map(drop)
    }
}
