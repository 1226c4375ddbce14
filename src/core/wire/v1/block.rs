//! Blocks of `GET /v1/snapshot`: what starts a device, in pieces that each prove themselves.
//!
//! They hold accepted changes, cut to the reader, as pages do, and not records: a record that passed from one audience to
//! another holds what its earlier readers wrote, and only the changes say who may see which part. As rows of codec 1, packed
//! on the way, a person takes about half as many bytes as the aim allows.
//!
//! ```text
//! block    length of the head (4 bytes, big-endian) · head as JSON · length of the changes · changes as rows of codec 1
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{StreamMark, WireError};
use crate::{audience::Audience, change::Ranked, codec, time::Millis};

/// The media type of blocks. Not `application/octet-stream`, which is sent as it is: blocks are packed on the way.
pub const BLOCKS: &str = "application/vnd.yingke.blocks";
/// Bytes of a block, at most: its 2,000 changes have about 400 kB, and one change at most 64 kB.
const BLOCK_BYTES_MAX: usize = 256 << 20;

/// What a block says of itself: the same proof as a [`super::Page`] has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
pub struct BlockHead {
    pub version: u32,
    pub epoch: String,
    pub server_time: Millis,
    /// Where it ends in the ledger: `?after=` this number goes on from here.
    pub end: u64,
    /// Where the last one ended when the first was made, so that a reader can say how much is still to come.
    pub last: u64,
    /// The ledger's number of each change, less the one before it in the block; the first as it is.
    pub steps: Vec<u64>,
    /// Every audience that the person holds, as far as this block brings it.
    pub streams: BTreeMap<Audience, StreamMark>,
    /// Whether another block follows.
    pub more: bool,
}

/// One block, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub head: BlockHead,
    /// With their numbers, in their order.
    pub changes: Vec<(u64, Ranked)>,
}

impl Block {
    /// As it goes over the wire; the head's steps follow from the changes.
    #[must_use]
    pub fn bytes(head: BlockHead, changes: &[(u64, Ranked)]) -> Vec<u8> {
        let mut before = 0;
        let steps = changes.iter().map(|(number, _)| number - std::mem::replace(&mut before, *number)).collect();
        let head = serde_json::to_vec(&BlockHead { steps, ..head }).expect("a head is plain data");
        let changes = codec::changes_bytes(changes.iter().map(|(_, ranked)| ranked));
        let mut bytes = Vec::with_capacity(head.len() + changes.len() + 8);
        for part in [&head, &changes] {
            bytes.extend(u32::try_from(part.len()).expect("a block is far below 4 GB").to_be_bytes());
            bytes.extend(part);
        }
        bytes
    }

    /// The first block of what has come so far, and how many bytes it took; `None` if it has not come whole yet.
    ///
    /// # Errors
    /// When it is no block.
    pub fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, WireError> {
        let Some((head, after)) = part(bytes, 0)? else { return Ok(None) };
        let Some((changes, end)) = part(bytes, after)? else { return Ok(None) };
        let head: BlockHead = serde_json::from_slice(head).map_err(|_| WireError("the head of a block"))?;
        let changes = codec::read_changes(changes).map_err(|_| WireError("the changes of a block"))?;
        if changes.len() != head.steps.len() {
            return Err(WireError("a block with another number of changes than it says"));
        }
        let mut number = 0_u64;
        let numbered = head.steps.iter().zip(changes).map(|(step, change)| {
            number = number.checked_add(*step).ok_or(WireError("a number of the ledger"))?;
            Ok((number, change))
        });
        let changes = numbered.collect::<Result<_, WireError>>()?;
        Ok(Some((Self { head, changes }, end)))
    }
}

/// What stands after a length, and where it ends.
fn part(bytes: &[u8], from: usize) -> Result<Option<(&[u8], usize)>, WireError> {
    let Some(length) = bytes.get(from..).and_then(|rest| rest.first_chunk::<4>()) else { return Ok(None) };
    let length = u32::from_be_bytes(*length) as usize;
    if length > BLOCK_BYTES_MAX {
        return Err(WireError("a block longer than any"));
    }
    let end = from + 4 + length;
    Ok(bytes.get(from + 4..end).map(|part| (part, end)))
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;
    use expect_test::expect;

    use super::*;
    use crate::{
        fixture,
        stamp::Stamp,
        wire::v1::{VERSION, hex_text},
    };

    fn head() -> BlockHead {
        BlockHead {
            version: VERSION,
            epoch: "e1".into(),
            server_time: fixture::NOW,
            end: 9,
            last: 20,
            steps: Vec::new(),
            streams: BTreeMap::from([(
                Audience::Desk(fixture::venue()),
                StreamMark { number: 9, count: 2, digest: 3 },
            )]),
            more: true,
        }
    }

    fn changes() -> [(u64, Ranked); 2] {
        let other = Ranked::provisional(Stamp::at(fixture::NOW), fixture::two_audience_change());
        [(7, fixture::phone_change()), (9, other)]
    }

    #[test]
    fn a_block_on_the_wire() {
        let bytes = Block::bytes(head(), &changes()[..1]);
        let length = u32::from_be_bytes(*bytes.first_chunk().unwrap()) as usize;
        expect![[r#"{"version":1,"epoch":"e1","server_time":1795312800000,"end":9,"last":20,"steps":[7],"streams":{"desk:01000000000000000000000001":{"number":9,"count":2,"digest":3}},"more":true}"#]].assert_eq(std::str::from_utf8(&bytes[4..4 + length]).unwrap());
        expect!["000000c8010406706572736f6e09696e74657265737473046e616d650570686f6e650180808088b59f80d101070100000000000000000000000000000301000000000000000000000000000009010000000000000000000000000000010780c4da8fc068000104462d30330101ed8f01dbe4140b1d01000000000000000000000000000005000101000000000000000000000000000001010000000000000000000000000000010301040404796f676102000406e69d8ee5a89c0300040e2b38363133383030313338303030"].assert_eq(&hex_text(&bytes[4 + length..]));
    }

    #[test]
    fn a_block_is_read_once_it_is_whole() {
        let bytes = Block::bytes(head(), &changes());
        let twice = [&bytes[..], &bytes[..]].concat();
        for length in 0..bytes.len() {
            assert_eq!(Block::read(&twice[..length]), Ok(None), "{length}");
        }
        let (block, taken) = Block::read(&twice).unwrap().unwrap();
        assert_eq!((block.head, taken), (BlockHead { steps: vec![7, 2], ..head() }, bytes.len()));
        assert_eq!(block.changes, changes());
    }

    #[test]
    fn what_is_no_block_is_refused() {
        let with_steps = |steps: &str| {
            let bytes = Block::bytes(head(), &changes());
            let length = u32::from_be_bytes(*bytes.first_chunk().unwrap()) as usize;
            let text = std::str::from_utf8(&bytes[4..4 + length]).unwrap().replace("[7,2]", steps);
            [&(text.len() as u32).to_be_bytes()[..], text.as_bytes(), &bytes[4 + length..]].concat()
        };
        assert!(Block::read(&with_steps("[7,3]")).is_ok());
        for steps in ["[7]", "[7,2,1]", "[18446744073709551615,2]", "[-1,2]"] {
            assert!(Block::read(&with_steps(steps)).is_err(), "{steps}");
        }
        assert!(Block::read(&[0, 0, 0, 1, b'{', 0, 0, 0, 0]).is_err());
        assert!(Block::read(b"<!DOCTYPE html>").is_err(), "no waiting for a gigabyte");
    }

    #[test]
    fn a_block_with_some_bytes_changed_is_read_or_refused() {
        arbtest(|u| {
            let mut number = 0;
            let mut changes = Vec::new();
            for change in fixture::changes(u)? {
                number += u.int_in_range(1..=300)?;
                changes.push((number, change));
            }
            let mut bytes = Block::bytes(head(), &changes);
            let whole = Block::read(&bytes).unwrap().map(|(block, taken)| (block.changes, taken));
            assert_eq!(whole, Some((changes, bytes.len())));
            for _ in 0..u.int_in_range(1..=4)? {
                let place = u.choose_index(bytes.len())?;
                bytes[place] = u.arbitrary()?;
            }
            let _ = Block::read(&bytes);
            Ok(())
        });
    }
}
