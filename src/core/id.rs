//! Names for things that are made on many tablets at once: 16 bytes, ordered by time of making.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{chance::Chance, time::Millis};

/// A text that is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 26 letters and digits are expected")]
pub struct IdError;

/// Crockford's base 32: no i, l, o, u, so an id can be read out.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 26 characters for 128 bits, the most significant first, so texts sort as ids do.
fn write_base32(bytes: [u8; 16]) -> [u8; 26] {
    let mut rest = u128::from_be_bytes(bytes);
    let mut text = [0; 26];
    for place in text.iter_mut().rev() {
        *place = DIGITS[(rest & 31) as usize];
        rest >>= 5;
    }
    text
}

fn read_base32(text: &str) -> Result<[u8; 16], IdError> {
    let text = text.as_bytes();
    // The first character holds three bits: 0 to 7.
    if text.len() != 26 || text[0] > b'7' {
        return Err(IdError);
    }
    let mut value = 0_u128;
    for character in text {
        let digit = DIGITS.iter().position(|digit| digit == character).ok_or(IdError)?;
        value = value << 5 | digit as u128;
    }
    Ok(value.to_be_bytes())
}

/// Time-ordered bytes as UUID version 7 lays them out: 48 bits of milliseconds, then chance.
/// Source: RFC 9562, section 5.7.
fn time_ordered(now: Millis, chance: &mut impl Chance) -> [u8; 16] {
    let mut bytes = [0; 16];
    chance.fill(&mut bytes[6..]);
    let ms = now.0.clamp(0, (1 << 48) - 1) as u64;
    bytes[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
    bytes[6] = 0x70 | bytes[6] & 0x0f;
    bytes[8] = 0x80 | bytes[8] & 0x3f;
    bytes
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name([u8; 16]);

        impl $name {
            /// A new one. Made once, at the tap, and never again.
            #[must_use]
            pub fn new(now: Millis, chance: &mut impl Chance) -> Self {
                Self(time_ordered(now, chance))
            }

            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            #[must_use]
            pub const fn bytes(self) -> [u8; 16] {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = write_base32(self.0);
                f.write_str(std::str::from_utf8(&text).expect("base 32 digits are ASCII"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                read_base32(text).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
    )*};
}

ids! {
    /// One save by one person.
    ChangeId;
    /// One record: a person, a visit, an outing.
    RecordId;
    /// One member of staff.
    StaffId;
    /// One venue, 门店.
    VenueId;
    /// The club that owns the venues; every table of the endpoint is keyed by it.
    OrganisationId;
}

/// A tablet's number within its organisation, given at enrolment. A restored or cloned tablet gets a new one.
#[cfg_attr(feature = "describe", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceNumber(pub u32);

/// The endpoint writes under this number what it decides itself (an import, an administrator's command).
pub const ENDPOINT_DEVICE: DeviceNumber = DeviceNumber(0);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Seeded;

    #[test]
    fn an_id_reads_back_and_sorts_by_time() {
        let mut chance = Seeded::new(1);
        let mut before: Option<RecordId> = None;
        for ms in 1_700_000_000_000..1_700_000_000_100 {
            let id = RecordId::new(Millis(ms), &mut chance);
            assert_eq!(id.to_string().parse(), Ok(id));
            if let Some(before) = before {
                assert!(before < id && before.to_string() < id.to_string());
            }
            before = Some(id);
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in
            ["", "01jd", "81jdqv3d8zs9sbfkg4m0v2q7xz", "01jdqv3d8zs9sbfkg4m0v2q7xu", "01JDQV3D8ZS9SBFKG4M0V2Q7XZ"]
        {
            assert_eq!(text.parse::<RecordId>(), Err(IdError), "{text}");
        }
    }
}
