//! Reminders: what the clock of the house finds late is told to those whose business it is, by Web Push.
//!
//! A subscription belongs to a person on a tablet. What waits for somebody is counted and goes out as one message a
//! minute at most, whichever process sends it. A message is a hint that a lock screen shows, so it says how many things
//! of which kind are late and nothing of anybody; the things themselves are on Today, and one that does not arrive is lost
//! for good. Nothing here is waited for by the clock or by a request.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use p256::PublicKey;
use tokio::sync::{Notify, Semaphore};
use yingke_core::{
    clockwork::Told,
    id::{DeviceNumber, OrganisationId, StaffId},
    pack::{Language, Words},
    time::{MINUTE_MS, Millis},
    wire::v1::{Remind, base64_bytes},
    work::Work,
};

use self::{
    post::{Message, Post, Sent},
    seal::Recipient,
};
use crate::{keys::Secrets, ledger::LedgerError, register::Register};

pub mod post;
pub mod seal;
mod words;

/// How often somebody is told at most.
pub const EVERY_MS: i64 = MINUTE_MS;
/// Letters of the address that a push service gave a browser: the longest known have some 500.
const ENDPOINT_LETTERS_MAX: usize = 1_000;
/// Connections to push services at once.
const CONNECTIONS_MAX: usize = 16;
/// Messages that are on their way or wait for another try. What would be more is not sent.
const MESSAGES_MAX: usize = 1_000;

/// Something that is late, as often as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Late {
    /// The workflow, and the state that the clock brought it to, as the club calls them.
    pub what: Words,
    pub state: Words,
}

impl Late {
    /// `None` where the work does not know it, and so cannot call it anything.
    #[must_use]
    pub fn new(work: &Work, told: &Told) -> Option<Self> {
        let machine = work.machine(&told.machine)?;
        Some(Self { what: machine.title.clone(), state: machine.state(&told.state)?.label.clone() })
    }

    /// A task that has gone to the next level.
    #[must_use]
    pub fn of_task(title: &Words) -> Self {
        Self { what: title.clone(), state: words::gone_on() }
    }
}

/// A browser's subscription, as whoever works there gave it.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    pub endpoint: String,
    pub recipient: Recipient,
    pub language: Language,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription(…)")
    }
}

impl TryFrom<Remind> for Subscription {
    type Error = &'static str;
    fn try_from(asked: Remind) -> Result<Self, &'static str> {
        let Remind { endpoint, p256dh, auth, language, .. } = asked;
        if endpoint.len() > ENDPOINT_LETTERS_MAX {
            return Err("endpoint");
        }
        let point = base64_bytes(&p256dh).and_then(|bytes| <[u8; 65]>::try_from(bytes).ok()).ok_or("p256dh")?;
        PublicKey::from_sec1_bytes(&point).map_err(|_| "p256dh")?;
        let secret = base64_bytes(&auth).and_then(|bytes| bytes.try_into().ok()).ok_or("auth")?;
        Ok(Self { endpoint, recipient: Recipient { point, secret }, language })
    }
}

/// Who is reminded on a tablet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminded {
    /// The person who asked.
    pub me: bool,
    pub others: bool,
}

/// Whether somebody may be told now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Here, and nowhere again for a minute. Empty for somebody who is reminded nowhere.
    Now(Vec<(DeviceNumber, Subscription)>),
    /// They were told less than a minute ago.
    Later,
}

/// Keeps subscriptions. Each method is one transaction.
#[async_trait]
pub trait Reminders: Send + Sync + fmt::Debug {
    /// Keeps a subscription. A browser has one, so that it stands for everybody who is reminded on the tablet. `false`, with
    /// nothing kept, for a tablet that was shut out or somebody who left.
    async fn keep_reminder(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        staff: StaffId,
        subscription: &Subscription,
        now: Millis,
    ) -> Result<bool, LedgerError>;

    async fn reminded(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        staff: StaffId,
    ) -> Result<Reminded, LedgerError>;

    async fn drop_reminder(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        staff: StaffId,
    ) -> Result<(), LedgerError>;

    /// Gives the turn to tell somebody to one process, once in [`EVERY_MS`].
    async fn take_turn(&self, organisation: OrganisationId, staff: StaffId, now: Millis) -> Result<Turn, LedgerError>;

    /// Whether a subscription is still one.
    async fn is_subscribed(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        staff: StaffId,
        endpoint: &str,
    ) -> Result<bool, LedgerError>;

    /// The push service says that there is no such subscription any more.
    async fn drop_endpoint(
        &self,
        organisation: OrganisationId,
        device: DeviceNumber,
        endpoint: &str,
    ) -> Result<(), LedgerError>;
}

type Waiting = BTreeMap<(OrganisationId, StaffId), BTreeMap<Late, u32>>;

/// Carries what is late to the browsers of those whose business it is.
pub struct Courier {
    post: Post,
    /// At most what there are people, and kinds of things.
    waiting: Mutex<Waiting>,
    woken: Notify,
    connections: Semaphore,
    messages: Arc<Semaphore>,
    /// So that a machine without internet says so once.
    is_cut_off: AtomicBool,
}

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Courier(…)")
    }
}

impl Courier {
    #[must_use]
    pub fn new(post: Post) -> Self {
        Self {
            post,
            waiting: Mutex::default(),
            woken: Notify::new(),
            connections: Semaphore::new(CONNECTIONS_MAX),
            messages: Arc::new(Semaphore::new(MESSAGES_MAX)),
            is_cut_off: AtomicBool::new(false),
        }
    }

    /// Whether messages are carried to this address.
    #[must_use]
    pub fn reaches(&self, endpoint: &str) -> bool {
        self.post.address(endpoint).is_some()
    }

    /// Takes note; nothing is waited for.
    pub fn tell(&self, organisation: OrganisationId, late: Vec<(StaffId, Late)>) {
        if late.is_empty() {
            return;
        }
        let mut waiting = self.waiting();
        for (staff, late) in late {
            *waiting.entry((organisation, staff)).or_default().entry(late).or_default() += 1;
        }
        drop(waiting);
        self.woken.notify_one();
    }

    /// Until there is something new to tell.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Sends off what waits for those whose turn it is. The messages go their way beside it.
    ///
    /// # Errors
    /// [`LedgerError`]; whoever was not told is told later.
    pub async fn go_round(
        self: &Arc<Self>,
        reminders: &Arc<dyn Reminders>,
        register: &dyn Register,
        now: Millis,
    ) -> Result<(), LedgerError> {
        let people: Vec<(OrganisationId, StaffId)> = self.waiting().keys().copied().collect();
        for (organisation, staff) in people {
            let Turn::Now(subscriptions) = reminders.take_turn(organisation, staff, now).await? else { continue };
            let Some(late) = self.waiting().remove(&(organisation, staff)) else { continue };
            if subscriptions.is_empty() {
                continue;
            }
            let secrets = Arc::new(register.secrets(organisation).await?);
            for (device, subscription) in subscriptions {
                let Ok(message) = self.messages.clone().try_acquire_owned() else { break };
                let text = words::text(subscription.language, &late);
                let to = To { organisation, device, staff, subscription };
                let (courier, reminders, secrets) = (self.clone(), reminders.clone(), secrets.clone());
                tokio::spawn(async move {
                    courier.carry(&*reminders, &to, &text, &secrets, now).await;
                    drop(message);
                });
            }
        }
        Ok(())
    }

    /// One message, tried a few times.
    async fn carry(&self, reminders: &dyn Reminders, to: &To, text: &str, secrets: &Secrets, now: Millis) {
        let (number, waits) = (to.device.0, self.post.waits);
        for wait in waits.map(Some).into_iter().chain([None]) {
            // Nobody is told after they took it back, or were shut out.
            let endpoint = &to.subscription.endpoint;
            let is_one = reminders.is_subscribed(to.organisation, to.device, to.staff, endpoint).await;
            let (Ok(true), Some(address)) = (is_one, self.post.address(endpoint)) else { return };
            let message = Message {
                address: &address,
                recipient: &to.subscription.recipient,
                topic: secrets.reminder_topic(to.device, to.staff),
                text,
            };
            let sent = {
                let Ok(_connection) = self.connections.acquire().await else { return };
                self.post.send(message, &secrets.reminder_key(), now).await
            };
            self.tell_whether_reached(&sent);
            match sent {
                Sent::Taken => return tracing::debug!(device = number, "device {number} is reminded"),
                Sent::Gone => {
                    let dropped = reminders.drop_endpoint(to.organisation, to.device, endpoint).await;
                    if let Err(error) = dropped {
                        tracing::warn!(%error, "a subscription that is over stays for now: {error}");
                    }
                    return tracing::info!(
                        device = number,
                        "device {number} is reminded no more: its browser has ended it"
                    );
                }
                Sent::Refused(status) => {
                    let host = address.host();
                    return tracing::warn!(status, host, "{host} refused a reminder ({status}); see --push-contact");
                }
                // Sent again it might come twice.
                Sent::Unanswered => break,
                Sent::OutOfReach | Sent::Later(_) => {}
            }
            let Some(wait) = wait else { break };
            let asked = if let Sent::Later(asked) = sent { asked } else { None };
            tokio::time::sleep(asked.map_or(wait, |asked| asked.clamp(wait, post::WAIT_MAX.max(wait)))).await;
        }
        tracing::debug!(device = number, "device {number} was not reminded: its push service does not answer");
    }

    /// Said once, and once more when it is over.
    fn tell_whether_reached(&self, sent: &Sent) {
        let is_cut_off = match sent {
            Sent::OutOfReach => true,
            Sent::Taken | Sent::Gone | Sent::Later(_) | Sent::Refused(_) => false,
            Sent::Unanswered => return,
        };
        if self.is_cut_off.swap(is_cut_off, Ordering::Relaxed) != is_cut_off {
            if is_cut_off {
                tracing::warn!("push services are out of reach: reminders are on Today only until they answer");
            } else {
                tracing::info!("push services answer again");
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nobody panics while counting")
    }
}

/// Whom a message is for, and where.
struct To {
    organisation: OrganisationId,
    device: DeviceNumber,
    staff: StaffId,
    subscription: Subscription,
}

/// How long until another try, each longer than the one before.
pub const WAITS: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];
