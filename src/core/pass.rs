//! Trial passes that can be checked without any network, at a desk that never heard of the guest (F-12).
//!
//! A pass is a code of sixteen letters that can be read out and typed: which tablet gave it out, its number there, its
//! last day, where it was given out, and a short proof under a key that every unlocked tablet of the organisation has.
//! Its QR carries the code with two signatures: the tablet's over the code, and the organisation's over the tablet's key.
//! No word about the guest is in either. Signing and proving are the caller's; here is what is signed, and how it is
//! written.
//!
//! ```text
//! code   48 bits: tablet 16 · number 16 · last day, since 2024-01-01, 13 · source 3; 32 bits of proof. In base 32.
//! QR     YK1:code:base 32 of: organisation 16 · the tablet's point 65 · certificate 64 · signature 64
//! ```

use sha2::{Digest, Sha256};

use crate::{
    audience::Audience,
    change::{Edit, Key},
    id::{DeviceNumber, OrganisationId, RecordId, StaffId, VenueId},
    schema,
    time::{Day, Millis},
};

/// The kind of record that says where a pass was used. All tablets write into one record for one pass, so two uses meet.
pub const USE: &str = "pass_use";
/// Letters of a code, without what stands between its groups.
pub const CODE_LETTERS: usize = 16;
/// Bytes of a point of P-256, uncompressed, and of a signature.
pub const POINT_BYTES: usize = 65;
pub const SIGNATURE_BYTES: usize = 64;
pub const PROOF_BYTES: usize = 4;

const HEAD_BYTES: usize = 6;
const CODE_BYTES: usize = HEAD_BYTES + PROOF_BYTES;
const TITLE: &str = "YK1:";
/// 2024-01-01.
const FIRST_DAY: i32 = 19_723;
const DAYS_MAX: i32 = (1 << 13) - 1;
/// Crockford's base 32: no i, l, o, u, so a code can be read out.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Where a pass was given out: the packs' list `pass_source`. A venue's own sources are 0.
const SOURCES: [&str; 6] = ["outing", "roadshow", "partner", "newspaper", "friend", "front_desk"];

/// What a code says, whether it is true or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    pub device: DeviceNumber,
    /// Counted by the tablet.
    pub number: u16,
    /// The last day on which it is taken.
    pub until: Day,
    source: u8,
}

/// A pass and its proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    pub pass: Pass,
    pub proof: [u8; PROOF_BYTES],
}

/// What a QR carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPass {
    pub organisation: OrganisationId,
    pub code: Code,
    /// The tablet's, whose key signed the code.
    pub point: [u8; POINT_BYTES],
    /// The organisation's signature over [`certified`].
    pub certificate: [u8; SIGNATURE_BYTES],
    /// The tablet's over [`SignedPass::signed`].
    pub signature: [u8; SIGNATURE_BYTES],
}

/// What was typed or scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    Typed(Code),
    Scanned(Box<SignedPass>),
}

/// Why a pass is not taken. One sentence for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassFault {
    #[error("not a trial pass")]
    NotOne,
    /// Letters of a code are missing or too many.
    #[error("a code has {CODE_LETTERS} letters, not {letters}")]
    Length { letters: usize },
    #[error("a trial pass of a later version")]
    Later,
    #[error("a trial pass of another organisation")]
    OtherOrganisation,
    /// Typed wrong, altered, or signed by somebody else.
    #[error("an altered trial pass")]
    Altered,
    #[error("its last day was {until}")]
    Expired { until: Day },
    #[error("used before")]
    Used { at: Millis },
}

impl Pass {
    /// `None` where a number is beyond what a code holds.
    #[must_use]
    pub fn new(device: DeviceNumber, number: u16, until: Day, source: &str) -> Option<Self> {
        let source = SOURCES.iter().position(|known| *known == source).map_or(0, |place| place as u8 + 1);
        let holds = u16::try_from(device.0).is_ok() && (0..=DAYS_MAX).contains(&(until.number() - FIRST_DAY));
        holds.then_some(Self { device, number, until, source })
    }

    /// The code of the packs' list `pass_source`; empty for a source of the venue's own.
    #[must_use]
    pub fn source(&self) -> &'static str {
        usize::from(self.source).checked_sub(1).and_then(|place| SOURCES.get(place)).copied().unwrap_or_default()
    }

    /// What the short proof is worked out over.
    #[must_use]
    pub fn proved(&self, organisation: OrganisationId) -> Vec<u8> {
        [b"yingke pass code 1".as_slice(), &organisation.bytes(), &self.bytes()].concat()
    }

    /// # Errors
    /// [`PassFault::Expired`]
    pub fn check_day(&self, today: Day) -> Result<(), PassFault> {
        if today > self.until { Err(PassFault::Expired { until: self.until }) } else { Ok(()) }
    }

    fn bytes(&self) -> [u8; HEAD_BYTES] {
        let days = u64::try_from(self.until.number() - FIRST_DAY).unwrap_or_default();
        let bits = u64::from(self.device.0) << 32 | u64::from(self.number) << 16 | days << 3 | u64::from(self.source);
        bits.to_be_bytes()[2..].try_into().expect("six of eight bytes")
    }

    fn read(bytes: [u8; HEAD_BYTES]) -> Self {
        let [a, b, c, d, e, f] = bytes;
        let rest = u16::from_be_bytes([e, f]);
        Self {
            device: DeviceNumber(u32::from(u16::from_be_bytes([a, b]))),
            number: u16::from_be_bytes([c, d]),
            until: Day::from_number(FIRST_DAY + i32::from(rest >> 3)),
            source: (rest & 7) as u8,
        }
    }
}

impl Code {
    /// As it is shown and typed: `00W0-00A4-…`.
    #[must_use]
    pub fn text(&self) -> String {
        let letters = letters_of(&self.bytes());
        let groups: Vec<&str> = (0..4).map(|group| &letters[group * 4..group * 4 + 4]).collect();
        groups.join("-")
    }

    fn bytes(&self) -> [u8; CODE_BYTES] {
        let mut bytes = [0; CODE_BYTES];
        bytes[..HEAD_BYTES].copy_from_slice(&self.pass.bytes());
        bytes[HEAD_BYTES..].copy_from_slice(&self.proof);
        bytes
    }

    fn read(letters: &str) -> Option<Self> {
        let bytes: [u8; CODE_BYTES] = bytes_of(letters)?.try_into().ok()?;
        let (head, proof) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        Some(Self { pass: Pass::read(*head), proof: proof.try_into().ok()? })
    }
}

/// What the organisation signs about a tablet's key.
#[must_use]
pub fn certified(organisation: OrganisationId, device: DeviceNumber, point: &[u8; POINT_BYTES]) -> Vec<u8> {
    [b"yingke pass certificate 1".as_slice(), &organisation.bytes(), &device.0.to_be_bytes(), point].concat()
}

impl SignedPass {
    /// What a tablet signs about a pass.
    #[must_use]
    pub fn signed(organisation: OrganisationId, code: &Code) -> Vec<u8> {
        [b"yingke pass 1".as_slice(), &organisation.bytes(), &code.bytes()].concat()
    }

    /// The text of its QR: of the letters that a QR packs well.
    #[must_use]
    pub fn text(&self) -> String {
        let rest = [&self.organisation.bytes()[..], &self.point, &self.certificate, &self.signature].concat();
        format!("{TITLE}{}:{}", letters_of(&self.code.bytes()), letters_of(&rest))
    }
}

/// What somebody typed, or what a camera or a scanner that types saw.
///
/// # Errors
/// [`PassFault`]: what it is not.
pub fn read(shown: &str, organisation: OrganisationId) -> Result<Shown, PassFault> {
    let shown = shown.trim();
    if let Some(rest) = shown.strip_prefix(TITLE) {
        let signed = read_signed(rest).ok_or(PassFault::Altered)?;
        return if signed.organisation == organisation {
            Ok(Shown::Scanned(Box::new(signed)))
        } else {
            Err(PassFault::OtherOrganisation)
        };
    }
    if shown.strip_prefix("YK").and_then(|rest| rest.split_once(':')).is_some_and(|(version, _)| is_number(version)) {
        return Err(PassFault::Later);
    }
    let letters: String = shown.chars().filter_map(typed_letter).collect();
    let spaces = |letter: &char| letter.is_whitespace() || matches!(letter, '-' | '－' | '—');
    let typed = shown.chars().filter(|letter| !spaces(letter)).count();
    // A web address or a card of some other house is no code that was mistyped.
    if letters.len() != typed || typed == 0 || typed > 2 * CODE_LETTERS {
        return Err(PassFault::NotOne);
    }
    if typed != CODE_LETTERS {
        return Err(PassFault::Length { letters: typed });
    }
    Code::read(&letters).map(Shown::Typed).ok_or(PassFault::NotOne)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_signed(text: &str) -> Option<SignedPass> {
    let (code, rest) = text.split_once(':')?;
    let bytes = bytes_of(rest)?;
    let (organisation, rest) = bytes.split_first_chunk::<16>()?;
    let (point, rest) = rest.split_first_chunk::<POINT_BYTES>()?;
    let (certificate, rest) = rest.split_first_chunk::<SIGNATURE_BYTES>()?;
    Some(SignedPass {
        organisation: OrganisationId::from_bytes(*organisation),
        code: Code::read(code)?,
        point: *point,
        certificate: *certificate,
        signature: rest.try_into().ok()?,
    })
}

/// A letter of the alphabet for one that was typed: small, wide, or one that looks like another.
fn typed_letter(typed: char) -> Option<char> {
    let narrow = match typed {
        '！'..='～' => char::from_u32(typed as u32 - 0xfee0)?,
        other => other,
    };
    let letter = match narrow.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    LETTERS.contains(&u8::try_from(letter).ok()?).then_some(letter)
}

/// Base 32, the first bits first; the last letter may end in bits of nothing.
fn letters_of(bytes: &[u8]) -> String {
    let count = (bytes.len() * 8).div_ceil(5);
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let letter = |place: usize| (0..5).fold(0, |value, at| value << 1 | bit(place * 5 + at));
    (0..count).map(|place| char::from(LETTERS[usize::from(letter(place))])).collect()
}

/// `None` for other letters, and where the last one ends in bits of something.
fn bytes_of(letters: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(letters.len() * 5 / 8);
    let (mut held, mut bits) = (0_u32, 0);
    for letter in letters.bytes() {
        held = held << 5 | LETTERS.iter().position(|known| *known == letter)? as u32;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    (bits < 5 && held == 0).then_some(bytes)
}

/// The record that says where a pass was used: the same wherever it is.
#[must_use]
pub fn use_record(organisation: OrganisationId, code: &Code) -> RecordId {
    let hasher = Sha256::new_with_prefix(b"yingke pass use 1").chain_update(organisation.bytes());
    let hash: [u8; 32] = hasher.chain_update(code.bytes()).finalize().into();
    RecordId::from_bytes(*hash.first_chunk().expect("16 of 32 bytes"))
}

/// Where a pass is used now.
#[derive(Debug, Clone, Copy)]
pub struct UsedHere {
    pub at: Millis,
    pub by: StaffId,
    pub venue: VenueId,
    pub device: DeviceNumber,
}

/// A pass is used. The first use keeps its place, the last one is written beside it: where they differ, it was used twice.
#[must_use]
pub fn use_edit(organisation: OrganisationId, code: &Code, here: &UsedHere) -> Edit {
    let place = |of: &str| format!("{}:{}", here.device.0, of);
    let by = here.by.to_string();
    let at = place(&here.at.0.to_string());
    let writes = vec![
        schema::write(USE, "code", code.text()),
        schema::write(USE, "used_at", here.at),
        schema::write(USE, "used_by", by.clone()),
        schema::write(USE, "use", at.clone()),
        schema::write(USE, "last_used_at", here.at),
        schema::write(USE, "last_used_by", by),
        schema::write(USE, "last_use", at),
    ];
    let record = use_record(organisation, code);
    Edit { record, kind: Key::of(USE), audience: Audience::Desk(here.venue), salt: [0; 8], writes }
}

#[cfg(test)]
mod tests {
    use arbtest::arbtest;
    use expect_test::expect;

    use super::*;
    use crate::{
        change::Ranked,
        fixture,
        merge::{self, Records},
        stamp::Stamp,
    };

    fn pass() -> Pass {
        Pass::new(DeviceNumber(7), 41, Day::from_ymd(2026, 12, 31).unwrap(), "outing").unwrap()
    }

    fn code() -> Code {
        Code { pass: pass(), proof: [0xde, 0xad, 0xbe, 0xef] }
    }

    fn signed() -> SignedPass {
        SignedPass {
            organisation: fixture::organisation(),
            code: code(),
            point: [4; POINT_BYTES],
            certificate: [5; SIGNATURE_BYTES],
            signature: [6; SIGNATURE_BYTES],
        }
    }

    fn read_here(shown: &str) -> Result<Shown, PassFault> {
        read(shown, fixture::organisation())
    }

    #[test]
    fn the_form_of_version_1_stays_as_it_is() {
        expect!["003G-0A92-77FA-VFQF"].assert_eq(&code().text());
        expect!["YK1:003G0A9277FAVFQF:040000000000000000000000142081040G2081040G2081040G2081040G2081040G2081040G2081040G2081040G2081040G2081040G2081040G2081040G2081040G2GA1850M2GA1850M2GA1850M2GA1850M2GA1850M2GA1850M2GA1850M2GA1850M2GA1850M2GA1850M2GA1850M2GA1850M2GA1850R30C1G60R30C1G60R30C1G60R30C1G60R30C1G60R30C1G60R30C1G60R30C1G60R30C1G60R30C1G60R30C1G60R30C1G60R30C1G"].assert_eq(&signed().text());
        expect!["79696e676b652070617373203101000000000000000000000000000009000700292239deadbeef"]
            .assert_eq(&crate::wire::v1::hex_text(&SignedPass::signed(fixture::organisation(), &code())));
        expect!["6nnheat0qbvak6py4a6qvp3sg5"].assert_eq(&use_record(fixture::organisation(), &code()).to_string());
    }

    #[test]
    fn what_is_written_reads_back() {
        assert_eq!(read_here(&code().text()), Ok(Shown::Typed(code())));
        assert_eq!(read_here(&signed().text()), Ok(Shown::Scanned(Box::new(signed()))));
        assert_eq!(pass().source(), "outing");
        assert_eq!(Pass { source: 7, ..pass() }.source(), "");
        arbtest(|u| {
            let until = Day::from_number(FIRST_DAY + u.int_in_range(0..=DAYS_MAX)?);
            let device = DeviceNumber(u32::from(u.arbitrary::<u16>()?));
            let pass = Pass::new(device, u.arbitrary()?, until, u.choose(&SOURCES)?).expect("within bounds");
            let code = Code { pass, proof: u.arbitrary()? };
            assert_eq!(read_here(&code.text()), Ok(Shown::Typed(code)));
            Ok(())
        });
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let text = code().text();
        let sloppy = text.replace('-', " ").replace('0', "o").replace('1', "l").to_lowercase();
        let wide: String = text.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect();
        for typed in [sloppy, wide, text.replace('-', ""), format!("  {text}\n")] {
            assert_eq!(read_here(&typed), Ok(Shown::Typed(code())), "{typed}");
        }
    }

    #[test]
    fn what_it_is_not_is_said() {
        for text in ["", " - ", "https://example.com/menu", "会员卡", "WIFI:T:WPA;S:shop;;", &"0".repeat(40)] {
            assert_eq!(read_here(text), Err(PassFault::NotOne), "{text}");
        }
        assert_eq!(read_here("00W0-00"), Err(PassFault::Length { letters: 6 }));
        assert_eq!(read_here("YK2:ABC"), Err(PassFault::Later));
        assert_eq!(read_here("YK1:ABC"), Err(PassFault::Altered));
        let text = signed().text();
        for end in TITLE.len()..text.len() {
            assert_eq!(read_here(&text[..end]), Err(PassFault::Altered), "{end}");
        }
        // The last letter ends in bits of nothing: one pass has one text.
        let stray = format!("{}H", text.strip_suffix('G').unwrap());
        assert_eq!(read_here(&stray), Err(PassFault::Altered));
        let other = OrganisationId::from_bytes([3; 16]);
        assert_eq!(read(&text, other), Err(PassFault::OtherOrganisation));
    }

    #[test]
    fn its_last_day_is_a_day_on_which_it_is_taken() {
        let day = |month, day| Day::from_ymd(2026, month, day).unwrap();
        assert_eq!(pass().check_day(day(12, 31)), Ok(()));
        let after = Day::from_ymd(2027, 1, 1).unwrap();
        assert_eq!(pass().check_day(after), Err(PassFault::Expired { until: day(12, 31) }));
    }

    #[test]
    fn a_number_beyond_what_a_code_holds_makes_none() {
        let day = Day::from_ymd(2026, 12, 31).unwrap();
        assert_eq!(Pass::new(DeviceNumber(65_536), 1, day, "outing"), None);
        assert_eq!(Pass::new(DeviceNumber(1), 1, Day::from_ymd(2023, 12, 31).unwrap(), "outing"), None);
        assert_eq!(Pass::new(DeviceNumber(1), 1, Day::from_ymd(2050, 1, 1).unwrap(), "outing"), None);
    }

    #[test]
    fn arbitrary_text_is_refused_without_a_panic() {
        arbtest(|u| {
            let text: String = u.arbitrary()?;
            let _ = (read_here(&text), read_here(&format!("{TITLE}{text}")));
            Ok(())
        });
    }

    fn used(device: u32, at: i64) -> Edit {
        let here =
            UsedHere { at: Millis(at), by: fixture::staff(1), venue: fixture::venue(), device: DeviceNumber(device) };
        use_edit(fixture::organisation(), &code(), &here)
    }

    /// First and last use once both have come, in this order.
    fn merged(uses: [(Edit, i64); 2]) -> (Option<String>, Option<String>) {
        let mut records = Records::new();
        for ((edit, at), number) in uses.into_iter().zip(1..) {
            let change = fixture::change(number, vec![edit.clone()]);
            merge::apply_to(&mut records, Ranked::provisional(Stamp::at(Millis(at)), change).rank(), &edit);
        }
        let record = &records[&use_record(fixture::organisation(), &code())];
        (record.text("use").map(str::to_owned), record.text("last_use").map(str::to_owned))
    }

    #[test]
    fn two_uses_meet_in_one_record_whichever_comes_first() {
        let (first, second) = ((used(1, 1_000), 1_000), (used(2, 2_000), 2_000));
        let both = (Some("1:1000".to_owned()), Some("2:2000".to_owned()));
        assert_eq!(merged([first.clone(), second.clone()]), both);
        assert_eq!(merged([second, first]), both);
    }
}
