//! What texts on the wire look like, as JSON Schema says it: for the endpoint's OpenAPI document.
//!
//! Types whose JSON follows from their members say it by derivation, in `wire`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    audience::Audience,
    change::Key,
    id::{ChangeId, OrganisationId, RecordId, StaffId, VenueId},
    stamp::Stamp,
};

macro_rules! texts {
    ($($type:ident $pattern:expr, $about:literal;)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $about })
            }
        }
    )*};
}

/// Crockford's base 32, 128 bits.
const ID: &str = "^[0-7][0-9a-hjkmnp-tv-z]{25}$";

texts! {
    ChangeId ID, "One save by one person.";
    RecordId ID, "One record: a person, a visit, an outing.";
    StaffId ID, "One member of staff.";
    VenueId ID, "One venue.";
    OrganisationId ID, "The club that owns the venues.";
    Key "^[a-z0-9_.]{1,40}$", "The name of a field, a guarded group or a kind of record.";
    Stamp "^[0-9a-f]{12}-[0-9a-f]{4}$", "When, on the hybrid clock: milliseconds since 1970, then a counter.";
    Audience
        "^(desk:[0-7][0-9a-hjkmnp-tv-z]{25}|own:[0-7][0-9a-hjkmnp-tv-z]{25}:[0-7][0-9a-hjkmnp-tv-z]{25}|\
         circle:[0-7][0-9a-hjkmnp-tv-z]{25}:[a-z]{1,24})$",
        "Who a record is for: a venue's desk, somebody's own leads, a restricted circle.";
}
