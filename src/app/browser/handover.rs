//! Hand-over files: unsent changes, carried by hand to another tablet of the organisation.
//!
//! A file holds each change as its tablet sealed it to the organisation's recovery key: whoever carries it can read
//! nothing, nor can the tablet that takes it in; only the endpoint opens them. Round all of it lies a second seal, under
//! a key that every tablet of the organisation can derive from the recovery key's public point, which only enrolled
//! tablets are told. So a file of another organisation, and one that was altered or cut short, does not open at all.
//!
//! It is text, because that is what share sheets take everywhere:
//!
//! ```text
//! yingke hand-over 1
//! organisation, 26 letters and digits
//! base 64 of: nonce 12 · sealed
//!
//! inside      device 4 · made at 8 · count 4 · (length 4 · an own row without parts), in order; rows.rs
//! ```
//!
//! Both lines above the seal are bound into it.

use yingke_core::{
    id::{DeviceNumber, OrganisationId},
    journal::AppendError,
    time::Millis,
    wire::v1::{base64_bytes, base64_text},
};

use super::{
    rows::{self, NONCE_BYTES, OwnRow, Row, RowError, Sealed, State},
    seal::{Key, SealError},
};

/// What a file begins with, before the number of its version.
const TITLE: &str = "yingke hand-over ";
const VERSION: u32 = 1;
/// The longest file that is read: some ten thousand changes.
pub const FILE_BYTES_MAX: usize = 64 << 20;

/// Why a file was not taken in. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandOverError {
    /// Some other file.
    #[error("not a hand-over file")]
    NotOne,
    /// Written by a later version of the app.
    #[error("a hand-over file of a later version")]
    Later,
    #[error("a hand-over file of another organisation")]
    OtherOrganisation,
    /// Altered, cut short, or made by somebody else.
    #[error("an altered hand-over file")]
    Altered,
    #[error(transparent)]
    Storage(#[from] AppendError),
    /// No crypto here, or the tablet is not enrolled.
    #[error("no hand-over here: {detail}")]
    Unavailable { detail: String },
}

/// What a file carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// The tablet that it comes from.
    pub device: DeviceNumber,
    pub made_at: Millis,
    /// Unsent, each with its recovery seal and without parts: those open on their own tablet only.
    pub rows: Vec<OwnRow>,
}

impl HandOver {
    /// The text of the file.
    ///
    /// # Errors
    /// [`HandOverError::Unavailable`]
    pub async fn seal(&self, organisation: OrganisationId, key: &Key) -> Result<String, HandOverError> {
        let head = head(organisation);
        let sealed = key.seal(&self.bytes(), head.as_bytes()).await.map_err(unavailable)?;
        Ok(format!("{head}{}\n", base64_text(&[sealed.nonce.as_slice(), &sealed.bytes].concat())))
    }

    /// Opens the text of a file of this organisation.
    ///
    /// # Errors
    /// [`HandOverError`]
    pub async fn open(text: &[u8], organisation: OrganisationId, key: &Key) -> Result<Self, HandOverError> {
        let sealed = sealed_in(text, organisation)?;
        match key.open(&sealed, head(organisation).as_bytes()).await {
            Ok(plain) => Self::read(&plain),
            Err(SealError::Broken) => Err(HandOverError::Altered),
            Err(error) => Err(unavailable(error)),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.device.0.to_be_bytes());
        out.extend_from_slice(&self.made_at.0.to_be_bytes());
        out.extend_from_slice(&length_bytes(self.rows.len()));
        for row in &self.rows {
            let row = row.bytes();
            out.extend_from_slice(&length_bytes(row.len()));
            out.extend_from_slice(&row);
        }
        out
    }

    /// What was under the seal: whole, or not at all.
    fn read(plain: &[u8]) -> Result<Self, HandOverError> {
        let mut rest = plain;
        let device = DeviceNumber(u32::from_be_bytes(array(&mut rest)?));
        let made_at = Millis(i64::from_be_bytes(array(&mut rest)?));
        let count = u32::from_be_bytes(array(&mut rest)?);
        let mut rows = Vec::new();
        for _ in 0..count {
            let length = u32::from_be_bytes(array(&mut rest)?);
            rows.push(handed_row(take(&mut rest, length as usize)?)?);
        }
        if rest.is_empty() { Ok(Self { device, made_at, rows }) } else { Err(HandOverError::Altered) }
    }
}

fn handed_row(bytes: &[u8]) -> Result<OwnRow, HandOverError> {
    match Row::read(bytes) {
        Ok(Row::Own(row)) if row.state == State::Tail && row.parts.is_empty() && row.recovery.is_some() => Ok(row),
        Ok(_) | Err(RowError::Damaged(_)) => Err(HandOverError::Altered),
        Err(RowError::Later { .. }) => Err(HandOverError::Later),
    }
}

fn head(organisation: OrganisationId) -> String {
    format!("{TITLE}{VERSION}\n{organisation}\n")
}

/// What lies sealed in a text, once its two lines say that it is for us.
fn sealed_in(text: &[u8], organisation: OrganisationId) -> Result<Sealed, HandOverError> {
    let text = std::str::from_utf8(text).map_err(|_| HandOverError::NotOne)?;
    // What carries a text may change how its lines end.
    let mut lines = text.lines().map(str::trim);
    let version = lines.next().and_then(|line| line.strip_prefix(TITLE)).ok_or(HandOverError::NotOne)?;
    match version.parse::<u32>() {
        Ok(VERSION) => {}
        Ok(later) if later > VERSION => return Err(HandOverError::Later),
        _ => return Err(HandOverError::NotOne),
    }
    let of: OrganisationId = lines.next().and_then(|line| line.parse().ok()).ok_or(HandOverError::Altered)?;
    if of != organisation {
        return Err(HandOverError::OtherOrganisation);
    }
    let bytes = lines.next().and_then(base64_bytes).ok_or(HandOverError::Altered)?;
    if lines.any(|line| !line.is_empty()) {
        return Err(HandOverError::Altered);
    }
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(HandOverError::Altered)?;
    Ok(Sealed { nonce: *nonce, bytes: sealed.to_vec() })
}

fn length_bytes(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("a file stays far below 4 GB").to_be_bytes()
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], HandOverError> {
    let (taken, after) = rest.split_at_checked(count).ok_or(HandOverError::Altered)?;
    *rest = after;
    Ok(taken)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], HandOverError> {
    Ok(take(rest, N)?.try_into().expect("as many bytes as were asked for"))
}

fn unavailable(error: SealError) -> HandOverError {
    HandOverError::Unavailable { detail: error.to_string() }
}

/// A row of the tail as it may leave the tablet.
#[must_use]
pub fn without_parts(row: OwnRow) -> Option<OwnRow> {
    row.recovery.is_some().then(|| OwnRow { state: State::Tail, parts: Vec::new(), ..row })
}

/// Whether a row was taken in from a file: nothing of it can be shown here, and once the endpoint has it, it is done.
#[must_use]
pub fn is_handed(row: &rows::OwnRow) -> bool {
    row.parts.is_empty()
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use arbtest::arbtest;
    use expect_test::expect;
    use yingke_core::{fixture, id::ChangeId, wire::v1::hex_text};

    use super::*;
    use crate::browser::rows::{POINT_BYTES, RecoverySeal};

    fn row(number: u8) -> OwnRow {
        let sealed = Sealed { nonce: [number; NONCE_BYTES], bytes: vec![number; 3] };
        OwnRow {
            state: State::Tail,
            id: ChangeId::from_bytes(fixture::id_bytes(number)),
            author: fixture::staff(1),
            device: DeviceNumber(7),
            made_at: fixture::NOW,
            parts: Vec::new(),
            recovery: Some(RecoverySeal { sender: [4; POINT_BYTES], sealed }),
        }
    }

    fn hand_over() -> HandOver {
        HandOver { device: DeviceNumber(7), made_at: fixture::NOW, rows: vec![row(1), row(2)] }
    }

    fn text(head: &str, bytes: &[u8]) -> Vec<u8> {
        format!("{head}{}\n", base64_text(bytes)).into_bytes()
    }

    #[test]
    fn what_is_written_reads_back() {
        assert_eq!(HandOver::read(&hand_over().bytes()), Ok(hand_over()));
        let none = HandOver { rows: Vec::new(), ..hand_over() };
        assert_eq!(HandOver::read(&none.bytes()), Ok(none));
    }

    #[test]
    fn the_form_of_version_1_stays_as_it_is() {
        expect!["00000007"].assert_eq(&hex_text(&hand_over().bytes())[..8]);
        expect!["00000002"].assert_eq(&hex_text(&hand_over().bytes())[24..32]);
        expect!["yingke hand-over 1|01000000000000000000000009|"]
            .assert_eq(&head(fixture::organisation()).replace('\n', "|"));
    }

    #[test]
    fn a_file_says_what_it_is_not() {
        let check = |text: &[u8], expected| assert_eq!(sealed_in(text, fixture::organisation()), Err(expected));
        let other = OrganisationId::from_bytes([3; 16]);
        let ours = head(fixture::organisation());
        check(b"", HandOverError::NotOne);
        check(b"\xff\xd8\xff\xe0 a photo", HandOverError::NotOne);
        check(b"name,phone\n", HandOverError::NotOne);
        check(b"yingke hand-over x\n", HandOverError::NotOne);
        check(b"yingke hand-over 2\nanything\n", HandOverError::Later);
        check(b"yingke hand-over 1\n", HandOverError::Altered);
        check(&text(&head(other), &[1; 40]), HandOverError::OtherOrganisation);
        check(&text(&ours, &[1; 11]), HandOverError::Altered);
        check(format!("{ours}!!!\n").as_bytes(), HandOverError::Altered);
        check(&[text(&ours, &[1; 40]), b"more".to_vec()].concat(), HandOverError::Altered);
    }

    #[test]
    fn how_lines_end_is_not_the_files_to_say() {
        let sealed = Sealed { nonce: [1; NONCE_BYTES], bytes: vec![1; 28] };
        let text = String::from_utf8(text(&head(fixture::organisation()), &[1; 40])).unwrap();
        for text in [text.replace('\n', "\r\n"), text.trim_end().to_owned(), format!("{text}\n\n"), text] {
            assert_eq!(sealed_in(text.as_bytes(), fixture::organisation()), Ok(sealed.clone()), "{text:?}");
        }
    }

    #[test]
    fn only_unsent_changes_in_the_endpoints_seal_are_taken() {
        let part = rows::Part {
            key: rows::KeyOf::Audience,
            audience: yingke_core::audience::Audience::Desk(fixture::venue()),
            sealed: Sealed { nonce: [1; NONCE_BYTES], bytes: vec![1] },
        };
        let accepted =
            State::Accepted { stamp: yingke_core::stamp::Stamp::at(fixture::NOW), device: DeviceNumber(8), number: 1 };
        for wrong in [
            OwnRow { recovery: None, ..row(1) },
            OwnRow { parts: vec![part], ..row(1) },
            OwnRow { state: accepted, ..row(1) },
        ] {
            assert_eq!(handed_row(&wrong.bytes()), Err(HandOverError::Altered));
        }
        assert_eq!(handed_row(&[9, 1]), Err(HandOverError::Later));
        assert_eq!(without_parts(OwnRow { recovery: None, ..row(1) }), None);
    }

    #[test]
    fn arbitrary_and_shortened_bytes_are_refused_without_a_panic() {
        let whole = hand_over().bytes();
        for end in 0..whole.len() {
            assert!(HandOver::read(&whole[..end]).is_err(), "{end}");
        }
        assert_eq!(HandOver::read(&[whole, vec![0]].concat()), Err(HandOverError::Altered));
        arbtest(|u| {
            let bytes: Vec<u8> = u.arbitrary()?;
            let _ = (HandOver::read(&bytes), sealed_in(&bytes, fixture::organisation()));
            Ok(())
        });
    }
}
