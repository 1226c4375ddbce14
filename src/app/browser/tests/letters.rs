//! What is written down with nobody unlocked: kept, unreadable, and opened by its reader alone.

use wasm_bindgen_test::wasm_bindgen_test;
use yingke_core::{fixture, journal::AppendError};

use super::{Letter, META, Range, Tablet};

const TEXT: &[u8] = "祝枝山 13805712296".as_bytes();

/// What opens, oldest first, and how many do not.
async fn texts(tablet: &Tablet) -> (Vec<Vec<u8>>, usize) {
    let letters = tablet.vault.letters().await.unwrap();
    (letters.opened.into_iter().map(|letter| letter.text).collect(), letters.damaged)
}

async fn waiting(tablet: &Tablet) -> Vec<usize> {
    tablet.vault.letters_waiting().await.unwrap().into_values().collect()
}

/// The keys of all letters, oldest first.
async fn keys(tablet: &Tablet) -> Vec<String> {
    let range = Range::Under("letter:".into());
    tablet.database.read(&[META], async |tx| tx.keys(META, &range)?.texts().await).await.unwrap()
}

#[wasm_bindgen_test]
async fn a_letter_is_opened_by_its_reader_alone_and_stays_until_it_is_dropped() {
    let tablet = Tablet::enrolled("letter").await;
    let (reader, other) = (fixture::staff(1), fixture::staff(2));
    assert!(matches!(tablet.vault.put_letter(reader, TEXT).await, Err(AppendError::Aborted { .. })), "no box yet");
    for staff in [1, 2] {
        tablet.unlock(staff).await;
        tablet.vault.keep_letter_box().await.unwrap();
    }
    tablet.vault.lock();
    tablet.vault.put_letter(reader, TEXT).await.unwrap();
    tablet.vault.put_letter(reader, b"second").await.unwrap();
    tablet.vault.put_letter(other, b"for another").await.unwrap();
    assert!(tablet.vault.letters().await.is_err(), "nobody is unlocked");
    let bytes = tablet.bytes().await;
    assert!(!bytes.windows(6).any(|window| TEXT.windows(6).any(|secret| window == secret)));

    let tablet = tablet.again().await;
    assert_eq!(tablet.vault.letter_boxes(), [reader, other].into());
    assert_eq!(waiting(&tablet).await, [2, 1]);
    tablet.unlock(2).await;
    assert_eq!(texts(&tablet).await, (vec![b"for another".to_vec()], 0));
    tablet.unlock(1).await;
    // A box that is there stays as it is.
    tablet.vault.keep_letter_box().await.unwrap();
    assert_eq!(texts(&tablet).await, (vec![TEXT.to_vec(), b"second".to_vec()], 0));
    let first = tablet.vault.letters().await.unwrap().opened.remove(0);
    tablet.vault.drop_letter(&first).await.unwrap();
    assert_eq!(texts(&tablet).await, (vec![b"second".to_vec()], 0));
}

#[wasm_bindgen_test]
async fn a_letter_that_was_altered_or_moved_does_not_open() {
    let tablet = Tablet::enrolled("letters").await;
    let reader = fixture::staff(1);
    tablet.unlock(1).await;
    tablet.vault.keep_letter_box().await.unwrap();
    tablet.vault.lock();
    for _ in 0..4 {
        tablet.vault.put_letter(reader, TEXT).await.unwrap();
    }
    let all = keys(&tablet).await;
    let changed = tablet.database.write(&[META], async |tx| {
        let mut rows = Vec::new();
        for key in &all {
            rows.push(tx.get(META, key.as_str())?.bytes().await?.unwrap_or_default());
        }
        // One in the place of another, a byte of one, another point, and next to nothing.
        tx.put(META, all[0].as_str(), &rows[3])?;
        *rows[1].last_mut().unwrap() ^= 1;
        tx.put(META, all[1].as_str(), &rows[1])?;
        rows[2][10] ^= 1;
        tx.put(META, all[2].as_str(), &rows[2])?;
        tx.put(META, all[3].as_str(), &rows[3][..20])
    });
    changed.await.unwrap();
    tablet.unlock(1).await;
    assert_eq!(texts(&tablet).await, (Vec::new(), 4));
    // They stay, and one that comes after is read.
    tablet.vault.put_letter(reader, TEXT).await.unwrap();
    assert_eq!(texts(&tablet).await, (vec![TEXT.to_vec()], 4));
    tablet.vault.drop_letter(&Letter { key: all[0].clone(), text: Vec::new() }).await.unwrap();
    assert_eq!(texts(&tablet).await, (vec![TEXT.to_vec()], 3));
}
