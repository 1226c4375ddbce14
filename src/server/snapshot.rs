//! Starting a tablet: everything that somebody may see, in blocks that each prove themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use yingke_core::{
    audience::Audience,
    time::Millis,
    wire::v1::{Block, BlockHead, VERSION},
};

use crate::{
    exchange,
    house::House,
    http::Clock,
    ledger::{Ledger, LedgerError},
};

/// Changes in one block: about 400 kB, so that what a broken connection costs is little.
const BLOCK_CHANGES_MAX: usize = 2_000;
/// Blocks that are made before they are asked for.
const BLOCKS_AHEAD: usize = 2;

/// How far the blocks have come, for somebody who holds some audiences.
#[derive(Debug, Clone)]
pub struct Place {
    since: BTreeMap<Audience, u64>,
    end: u64,
    last: u64,
    more: bool,
}

impl Place {
    /// Before the first block, after a number of the ledger.
    ///
    /// # Errors
    /// [`LedgerError`]
    pub async fn after(
        ledger: &dyn Ledger,
        house: &House,
        held: BTreeSet<Audience>,
        after: u64,
    ) -> Result<Self, LedgerError> {
        let heads = ledger.heads(house.organisation).await?;
        let last = held.iter().filter_map(|audience| heads.get(audience)).map(|head| head.number).max();
        let since = held.into_iter().map(|audience| (audience, after)).collect();
        Ok(Self { since, end: after, last: last.unwrap_or_default(), more: true })
    }

    /// Whether there is another block.
    #[must_use]
    pub fn more(&self) -> bool {
        self.more
    }

    /// The next block, as it goes over the wire.
    ///
    /// # Errors
    /// [`LedgerError`]; the place is where it was.
    pub async fn block(&mut self, ledger: &dyn Ledger, house: &House, now: Millis) -> Result<Vec<u8>, LedgerError> {
        let news = exchange::news(ledger, house, &self.since, BLOCK_CHANGES_MAX).await?;
        // Asked for afterwards: what was read before another one began does not go out under the old one's name.
        let epoch = ledger.epoch(house.organisation).await?;
        let last_read = news.changes.last().map(|(number, _)| *number);
        let heads = news.streams.values().map(|mark| mark.number);
        self.end = self.end.max(if news.more { last_read } else { heads.max() }.unwrap_or_default());
        self.more = news.more;
        self.since.values_mut().for_each(|number| *number = self.end);
        let head = BlockHead {
            version: VERSION,
            epoch,
            server_time: now,
            end: self.end,
            last: self.last.max(self.end),
            steps: Vec::new(),
            streams: news.streams,
            more: news.more,
        };
        Ok(Block::bytes(head, &news.changes))
    }
}

/// The blocks from a place on, for as long as their reader may read. The first is read at once, so that what cannot be read
/// is answered as a problem; one that fails later breaks the stream off, and the reader goes on from the last.
///
/// # Errors
/// [`LedgerError`]
pub async fn blocks<M: Future<Output = Result<bool, LedgerError>> + Send>(
    ledger: Arc<dyn Ledger>,
    house: House,
    mut place: Place,
    clock: Clock,
    may_read: impl Fn() -> M + Send + 'static,
) -> Result<ReceiverStream<Result<Vec<u8>, LedgerError>>, LedgerError> {
    let first = place.block(&*ledger, &house, clock()).await?;
    let (sender, receiver) = mpsc::channel(BLOCKS_AHEAD);
    tokio::spawn(async move {
        let mut next = Ok(first);
        // Ends when the reader has gone, too.
        while sender.send(next).await.is_ok() && place.more() {
            next = match may_read().await {
                Ok(true) => place.block(&*ledger, &house, clock()).await,
                Ok(false) => return,
                Err(error) => Err(error),
            };
            if let Err(error) = next {
                tracing::error!(%error, "a snapshot broke off: {error}");
                // Nobody listening is no fault.
                let _ = sender.send(Err(error)).await;
                return;
            }
        }
    });
    Ok(ReceiverStream::new(receiver))
}
