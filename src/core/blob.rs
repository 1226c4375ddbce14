//! Pictures: bytes that records name by their hash, and that travel beside them.
//!
//! A record holds a picture's hash as text, 64 hexadecimal digits, in whatever field its form has for it. So who may see
//! a picture follows from who may see a record that names it, and a picture that is sent twice is one.

use std::{collections::BTreeSet, fmt};

use sha2::{Digest, Sha256};

use crate::{
    audience::{Audience, circle},
    change::Edit,
    id::OrganisationId,
    typed::is_hash,
    value::Value,
};

/// Bytes of one picture. One that was scaled down to 1,600 pixels has about a tenth.
pub const BLOB_BYTES_MAX: usize = 4 << 20;
/// Bytes that a seal to the organisation's recovery key adds: the sender's point, the nonce, the tag.
pub const SEAL_BYTES: usize = 65 + 12 + 16;

/// The SHA-256 of a picture's bytes, by which it is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobHash([u8; 32]);

impl BlobHash {
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As [`fmt::Display`] writes it: 64 lower-case hexadecimal digits, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !is_hash(text) {
            return None;
        }
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    #[must_use]
    pub const fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// What a seal to the recovery key is bound to, so that none can be passed off as another.
    #[must_use]
    pub fn bound_to(&self, organisation: OrganisationId) -> Vec<u8> {
        [b"yingke blob 1".as_slice(), &organisation.bytes(), &self.0].concat()
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobHash({self})")
    }
}

/// Fields whose pictures are evidence of somebody's health. That there is some, everybody may see who sees the record; the
/// picture itself, the circle for it. Source: domain catalogue 3.7, R-147.
const OF_HEALTH: [(&str, &str); 1] = [("leave", "evidence")];

/// Who may see the pictures in a field of a record that is for `audience`.
#[must_use]
pub fn audience_of(kind: &str, field: &str, audience: &Audience) -> Audience {
    if OF_HEALTH.contains(&(kind, field)) {
        Audience::Circle(audience.venue(), circle::HEALTH.into())
    } else {
        audience.clone()
    }
}

/// Of all that name a picture, what says who may see it: evidence of health stays that, wherever else it is named, so that
/// nobody makes it theirs by naming it.
pub fn deciding<'a>(names: impl Iterator<Item = &'a Audience> + Clone) -> impl Iterator<Item = &'a Audience> {
    let is_of_health =
        |audience: &&Audience| matches!(audience, Audience::Circle(_, name) if &**name == circle::HEALTH);
    let narrow = names.clone().any(|audience| is_of_health(&audience));
    names.filter(move |audience| !narrow || is_of_health(audience))
}

/// The pictures that an edit names, and who may see them. Any text that is a hash counts, whatever its field is called: so
/// a form that a later version brings needs no other endpoint.
#[must_use]
pub fn named(edit: &Edit) -> BTreeSet<(BlobHash, Audience)> {
    let mut all = BTreeSet::new();
    for write in &edit.writes {
        let mut found = BTreeSet::new();
        let mut note = |value: &Value| found.extend(value.as_text().and_then(BlobHash::parse));
        write.op.values().for_each(|value| value.each(&mut note));
        let audience = || audience_of(edit.kind.as_str(), write.key.as_str(), &edit.audience);
        all.extend(found.into_iter().map(|hash| (hash, audience())));
    }
    all
}

/// What kind of picture bytes are, by how they begin. Source: JPEG (ITU T.81), PNG (W3C), WebP (RFC 9649).
#[must_use]
pub fn media(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        change::{Op, Write},
        fixture, schema,
    };

    #[test]
    fn a_hash_is_read_as_it_is_written_and_nothing_else_is() {
        let hash = BlobHash::of(b"abc");
        // Source: FIPS 180-4, example of SHA-256.
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert_eq!(BlobHash::parse(text), Some(hash));
        for wrong in ["", "ba", &text.to_uppercase(), &format!("{text}0"), &text.replace('a', "g")] {
            assert_eq!(BlobHash::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_edit_names_pictures_in_any_field_and_list() {
        let (one, two) = (BlobHash::of(b"1"), BlobHash::of(b"2"));
        let list = Value::List(vec![one.to_string().as_str().into(), "x".into(), two.to_string().as_str().into()]);
        let writes: Vec<Write> = vec![
            schema::write("person", "name", "李娜"),
            Write { key: crate::change::Key::of("evidence"), op: Op::Latest(list) },
            schema::write("person", "note", two.to_string().as_str()),
        ];
        let desk = Audience::Desk(fixture::venue());
        let record = crate::id::RecordId::from_bytes(fixture::id_bytes(1));
        let mut edit =
            Edit { record, kind: crate::change::Key::of("person"), audience: desk.clone(), salt: [0; 8], writes };
        assert_eq!(named(&edit), BTreeSet::from([(one, desk.clone()), (two, desk.clone())]));
        // Of a leave it is medical evidence, and for fewer people.
        edit.kind = crate::change::Key::of("leave");
        let health = Audience::Circle(fixture::venue(), circle::HEALTH.into());
        assert_eq!(named(&edit), BTreeSet::from([(one, health.clone()), (two, health.clone()), (two, desk.clone())]));
        assert!(deciding([&desk, &health].into_iter()).eq([&health]));
        assert!(deciding([&desk].into_iter()).eq([&desk]));
    }

    #[test]
    fn a_picture_is_known_by_how_it_begins() {
        assert_eq!(media(b"\xff\xd8\xff\xe0 and more"), Some("image/jpeg"));
        assert_eq!(media(b"\x89PNG\r\n\x1a\n"), Some("image/png"));
        assert_eq!(media(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        for other in [b"".as_slice(), b"\xff\xd8", b"<svg", b"%PDF-1.7", b"RIFF\0\0\0\0WAVE"] {
            assert_eq!(media(other), None);
        }
    }
}
