//! Every decoder against bytes that were once right: cut, stretched, flipped, and put together from pieces.
//!
//! Each has a tenth of a second in every test run, and a minute in `cargo xtask soak fuzz`. What is read must be no more
//! than its bytes say: written again and read again it is the same.

use arbitrary::{Result, Unstructured};
use arbtest::arbtest;

use crate::{
    change::Ranked,
    codec::{self, Block},
    filter::Filter,
    fixture,
    ink::Ink,
    merge::{self, Records},
    number::CardNumber,
    pass,
    phone::{PhoneNumber, Region},
    record::Record,
    replica::{Extent, Replica},
    wire::v1::{Answer, Block as WireBlock, BlockHead, Push, WireChange},
};

/// Alterations of one input, at most.
const ALTERATIONS: usize = 8;

/// Bytes that decoders look at twice: ends of ranges, the first of two of a number, a length that is none.
const EDGES: [u8; 8] = [0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff];

fn altered(u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    for _ in 0..u.int_in_range(1..=ALTERATIONS)? {
        if bytes.is_empty() {
            bytes.extend(u.arbitrary::<[u8; 4]>()?);
        }
        let last = bytes.len() - 1;
        let (one, other) = (u.int_in_range(0..=last)?, u.int_in_range(0..=last)?);
        let (from, to) = (one.min(other), one.max(other));
        match u.int_in_range(0..=6)? {
            0 => bytes[one] ^= 1 << u.int_in_range(0..=7)?,
            1 => bytes[one] = *u.choose(&EDGES)?,
            2 => bytes.insert(one, *u.choose(&EDGES)?),
            3 => drop(bytes.drain(from..to)),
            4 => {
                let piece = bytes[from..=to.min(from + 64)].to_vec();
                bytes.splice(one..one, piece);
            }
            5 => bytes.truncate(one),
            _ => bytes[one] = bytes[one].wrapping_add(if u.arbitrary()? { 1 } else { u8::MAX }),
        }
    }
    Ok(())
}

fn records(changes: &[Ranked]) -> Vec<Record> {
    let mut records = Records::new();
    changes.iter().for_each(|change| merge::take_in(&mut records, change));
    records.into_values().collect()
}

#[test]
fn changes_of_codec_1() {
    arbtest(|u| {
        let mut bytes = codec::changes_bytes(fixture::changes(u)?.iter());
        altered(u, &mut bytes)?;
        if let Ok(read) = codec::read_changes(&bytes) {
            assert_eq!(codec::read_changes(&codec::changes_bytes(read.iter())).as_ref(), Ok(&read));
        }
        Ok(())
    });
}

#[test]
fn records_of_codec_1() {
    arbtest(|u| {
        let mut bytes = codec::block_bytes(records(&fixture::changes(u)?).iter());
        altered(u, &mut bytes)?;
        if let Ok(read) = codec::read_block(&bytes) {
            let again = codec::block_bytes(read.iter());
            assert_eq!(codec::block_bytes(codec::read_block(&again).unwrap().iter()), again);
        }
        Ok(())
    });
}

/// A block is unpacked long after it was read, so whatever is let through has to unpack.
#[test]
fn blocks_of_codec_2() {
    arbtest(|u| {
        let mut bytes = codec::pack(&records(&fixture::changes(u)?));
        altered(u, &mut bytes)?;
        let mut replica = Replica::new();
        let mut places = Vec::new();
        if let Ok(block) = Block::read(bytes.clone(), &[("name", ""), ("merging", "merged_into")], &mut |glance, at| {
            places.push((glance.id, at));
        }) {
            for (id, at) in places {
                let _ = block.unpack(id, at);
            }
        }
        if replica.load(bytes, Extent::Whole).is_ok() {
            let shown: Vec<Record> = replica.base().map(std::borrow::Cow::into_owned).collect();
            let _ = codec::pack(&shown);
        }
        Ok(())
    });
}

#[test]
fn what_comes_over_the_wire() {
    arbtest(|u| {
        let changes = fixture::changes(u)?;
        let push = Push {
            version: crate::wire::v1::VERSION,
            epoch: Some("e1".into()),
            push_counter: 7,
            changes: changes.iter().map(WireChange::from).collect(),
            sealed: Vec::new(),
            since: std::collections::BTreeMap::new(),
            at: None,
            corrected: None,
            numbers: None,
            unsent: Some(3),
        };
        let mut bytes = serde_json::to_vec(&push).unwrap();
        altered(u, &mut bytes)?;
        let _ = serde_json::from_slice::<Answer>(&bytes);
        let Ok(read) = serde_json::from_slice::<Push>(&bytes) else { return Ok(()) };
        for change in read.changes {
            if let Ok(ranked) = Ranked::try_from(change) {
                assert_eq!(Ranked::try_from(WireChange::from(&ranked)).ok(), Some(ranked));
            }
        }
        Ok(())
    });
}

#[test]
fn blocks_of_a_snapshot() {
    arbtest(|u| {
        let numbered: Vec<(u64, Ranked)> = (1..).zip(fixture::changes(u)?).collect();
        let mut bytes = WireBlock::bytes(BlockHead::default(), &numbered);
        altered(u, &mut bytes)?;
        if let Ok(Some((_, end))) = WireBlock::read(&bytes) {
            assert!(end <= bytes.len());
        }
        Ok(())
    });
}

#[test]
fn filters_of_known_phones() {
    arbtest(|u| {
        let phones = ["+8613800138000", "+8613900139000"].map(|phone| PhoneNumber::from_e164(phone).unwrap());
        let mut bytes = Filter::build([7; 16], phones.iter()).bytes_with_key();
        altered(u, &mut bytes)?;
        if let Ok(filter) = Filter::read_with_key(&bytes) {
            let _ = filter.contains(&phones[0]);
        }
        Ok(())
    });
}

/// What is typed, scanned or drawn.
#[test]
fn texts() {
    const SEEDS: [&str; 6] = [
        "+86 138 0013 8000",
        "W01-000123",
        "1,2 3,4;5,6",
        "YK1:0123456789abcdef",
        "１３８００１３８０００",
        "aaaa 17953 7 李娜",
    ];
    arbtest(|u| {
        let mut bytes = u.choose(&SEEDS)?.as_bytes().to_vec();
        altered(u, &mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let _ = pass::read(&text, fixture::organisation());
        if let Ok(phone) = PhoneNumber::parse(&text, Region::China) {
            assert_eq!(PhoneNumber::from_e164(phone.e164()).as_ref(), Some(&phone));
        }
        let _ = CardNumber::read(&text);
        if let Some(ink) = Ink::parse(&text) {
            assert!(Ink::parse(&ink.text()).is_some());
        }
        Ok(())
    });
}
