//! The OpenAPI 3.1 document, made of the routes and of the types that go over the wire.
//!
//! What a message looks like is told by its own type (`core::wire` with the feature `describe`); what a route is for,
//! who may ask and what can go wrong stands beside it in `http.rs`. Put together here by hand, since the libraries that
//! do it want their annotations on each handler.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use yingke_core::wire::v1::{BLOCKS, BODY_BYTES_MAX, BlockHead, PAGE_CHANGES_MAX, PUSH_CHANGES_MAX, Problem, VERSION};

use crate::http;

/// Whose token a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Anybody,
    Tablet,
    /// The tablet's, and a person's if somebody is unlocked.
    TabletOrPerson,
    /// The tablet's and a person's.
    Person,
}

type Make = fn(&mut SchemaGenerator) -> Value;

#[derive(Debug, Clone, Copy)]
enum Gives {
    Nothing,
    Text,
    Bytes,
    Picture,
    Events,
    Blocks,
    Document,
    Json(Make),
}

/// A number in the query of an address.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    pub name: &'static str,
    pub what: &'static str,
    /// Else it is 0 unless it is said.
    pub is_required: bool,
}

/// What is said of one route.
#[derive(Debug, Clone)]
pub struct About {
    summary: &'static str,
    who: Who,
    takes: Option<Make>,
    gives: Gives,
    refusals: &'static [u16],
    /// What stands in the address after the `?`.
    asks: &'static [Number],
    takes_bytes: bool,
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

impl About {
    #[must_use]
    pub fn new(summary: &'static str) -> Self {
        Self {
            summary,
            who: Who::Anybody,
            asks: &[],
            takes: None,
            gives: Gives::Nothing,
            refusals: &[],
            takes_bytes: false,
        }
    }

    #[must_use]
    pub fn by(self, who: Who) -> Self {
        Self { who, ..self }
    }

    /// A JSON message of this wire version.
    #[must_use]
    pub fn takes<T: JsonSchema>(self) -> Self {
        Self { takes: Some(schema_of::<T>), ..self }
    }

    #[must_use]
    pub fn gives<T: JsonSchema>(self) -> Self {
        Self { gives: Gives::Json(schema_of::<T>), ..self }
    }

    #[must_use]
    pub fn gives_nothing(self) -> Self {
        Self { gives: Gives::Nothing, ..self }
    }

    #[must_use]
    pub fn gives_text(self) -> Self {
        Self { gives: Gives::Text, ..self }
    }

    #[must_use]
    pub fn gives_bytes(self) -> Self {
        Self { gives: Gives::Bytes, ..self }
    }

    /// A picture, or the part of it that the request asks for.
    #[must_use]
    pub fn gives_picture(self) -> Self {
        Self { gives: Gives::Picture, ..self }
    }

    /// Bytes as they are.
    #[must_use]
    pub fn takes_bytes(self) -> Self {
        Self { takes_bytes: true, ..self }
    }

    #[must_use]
    pub fn gives_blocks(self) -> Self {
        Self { gives: Gives::Blocks, ..self }
    }

    #[must_use]
    pub fn asks(self, asks: &'static [Number]) -> Self {
        Self { asks, ..self }
    }

    #[must_use]
    pub fn gives_document(self) -> Self {
        Self { gives: Gives::Document, ..self }
    }

    #[must_use]
    pub fn streams(self) -> Self {
        Self { gives: Gives::Events, ..self }
    }

    /// Statuses of problems, besides those that follow from what it takes and whom it asks for.
    #[must_use]
    pub fn or(self, refusals: &'static [u16]) -> Self {
        Self { refusals, ..self }
    }

    fn operation(&self, path: &str, generator: &mut SchemaGenerator) -> Value {
        let mut responses = Map::new();
        let (status, response) = self.answer(generator);
        if matches!(self.gives, Gives::Picture) {
            responses.insert("206".into(), response.clone());
        }
        responses.insert(status.into(), response);
        for status in self.problems() {
            let name = format!("#/components/responses/{status}");
            responses.insert(status.to_string(), json!({ "$ref": name }));
        }
        let mut operation = json!({ "summary": self.summary, "responses": responses, "security": self.security() });
        if let Some(takes) = self.takes {
            let schema = takes(generator);
            let content = json!({ "application/json": { "schema": schema } });
            operation["requestBody"] = json!({ "required": true, "content": content });
        }
        if self.takes_bytes {
            let content = json!({ "application/octet-stream": {} });
            operation["requestBody"] = json!({ "required": true, "content": content });
        }
        let mut parameters: Vec<Value> = Vec::new();
        if path.contains("{hash}") {
            let schema = json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
            parameters.push(json!({ "name": "hash", "in": "path", "required": true, "schema": schema }));
        }
        for Number { name, what, is_required } in self.asks {
            let mut schema = json!({ "type": "integer", "format": "uint64", "minimum": 0, "maximum": u64::MAX });
            if !is_required {
                schema["default"] = 0.into();
            }
            parameters.push(json!(
                { "name": name, "in": "query", "description": what, "required": is_required, "schema": schema }
            ));
        }
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        operation
    }

    fn answer(&self, generator: &mut SchemaGenerator) -> (&'static str, Value) {
        let of =
            |media: &str, schema: Value| json!({ "description": "Done.", "content": { media: { "schema": schema } } });
        match self.gives {
            Gives::Nothing => ("204", json!({ "description": "Done." })),
            Gives::Text => ("200", of("text/plain", json!({ "type": "string" }))),
            Gives::Bytes => ("200", of("application/octet-stream", json!({}))),
            Gives::Picture => {
                let of_each = ["image/jpeg", "image/png", "image/webp"].map(|media| (media.to_owned(), json!({})));
                ("200", json!({ "description": "Done.", "content": Map::from_iter(of_each) }))
            }
            Gives::Events => ("200", of("text/event-stream", json!({ "type": "string" }))),
            Gives::Blocks => {
                // What stands in each block is told; that they are bytes, the media type says.
                drop(generator.subschema_for::<BlockHead>());
                ("200", of(BLOCKS, json!({})))
            }
            Gives::Document => ("200", of("application/json", json!({ "type": "object" }))),
            Gives::Json(make) => ("200", of("application/json", make(generator))),
        }
    }

    /// Each status once, in order.
    fn problems(&self) -> Vec<u16> {
        let mut statuses = vec![500, 503];
        if self.takes.is_some() || self.takes_bytes {
            statuses.extend([400, 408, 413, 415]);
        }
        if !self.asks.is_empty() {
            statuses.push(400);
        }
        if self.who != Who::Anybody {
            statuses.push(401);
        }
        statuses.extend(self.refusals);
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    }

    fn security(&self) -> Value {
        match self.who {
            Who::Anybody => json!([]),
            Who::Tablet => json!([{ "tablet": [] }]),
            Who::TabletOrPerson => json!([{ "tablet": [] }, { "tablet": [], "person": [] }]),
            Who::Person => json!([{ "tablet": [], "person": [] }]),
        }
    }
}

/// Every status that a problem document comes with, and what it means.
const PROBLEMS: [(u16, &str); 14] = [
    (400, "The message cannot be read (`malformed`), or is of a wire version that is not spoken here (`version`)."),
    (
        401,
        "The tablet is not enrolled here (`device_unknown`), was shut out (`device_revoked`), or the person has to sign in (`person`).",
    ),
    (403, "The PIN (`pin`) or the code (`code`) is not the right one, or the person's post may not do that (`post`)."),
    (404, "There is nothing here (`not-found`)."),
    (408, "Nothing more of the message came for a while (`slow`)."),
    (
        409,
        "The push counter went backwards: the tablet is a copy of another (`cloned`); or it was not revoked, and only \
         then hands in (`device_enrolled`); or it has not handed in all (`not_handed_in`); or somebody here is called \
         that already (`same-name`); or a piece of a picture does not go on from what is here (`piece`).",
    ),
    (410, "Whom the picture shows was erased (`erased`)."),
    (413, "More than the limits allow (`too-large`)."),
    (415, "Not of the kind that is asked for, or not compressed as it says (`media-type`)."),
    (416, "The picture has no such part (`range`)."),
    (
        422,
        "The picture is not what its hash says (`other-picture`), or none at all (`no-picture`); or nothing is sent to the \
         browser's push service (`push-service`).",
    ),
    (429, "Too many tries; `retry_after_s` says how long to wait (`wait`)."),
    (500, "The endpoint failed (`failed`), or its data need attention (`damaged`)."),
    (503, "Not now: the database is busy, full or out of reach (`later`)."),
];

/// The document.
#[must_use]
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12();
    let mut generator =
        settings.with(|settings| settings.definitions_path = "/components/schemas".into()).into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for (method, path, about) in http::described() {
        let operation = about.operation(path, &mut generator);
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method] = operation;
    }
    let problem = generator.subschema_for::<Problem>().to_value();
    let responses: Map<String, Value> = PROBLEMS
        .iter()
        .map(|(status, what)| {
            let content = json!({ "application/problem+json": { "schema": problem } });
            (status.to_string(), json!({ "description": what, "content": content }))
        })
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Yingke 迎客",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "What tablets and their endpoint say to each other. Every message carries its wire version, {VERSION}. Limits: \
                 {PUSH_CHANGES_MAX} changes in a push, {PAGE_CHANGES_MAX} in a page, {BODY_BYTES_MAX} bytes in a body once \
                 it is unpacked. Bodies may be compressed with gzip or br, both ways. What goes wrong is told as RFC 9457 \
                 has it, with a code after the `#` of its type; members that a reader does not know are passed over."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "responses": responses,
            "securitySchemes": {
                "tablet": { "type": "http", "scheme": "bearer", "description": "What `POST /v1/enrol` gave the tablet." },
                "person": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Yingke-Person",
                    "description": "What `POST /v1/sign-in` gave the person, beside the tablet's.",
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reference within the document, followed.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_route_is_in_it_and_every_reference_leads_somewhere() {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let told: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(told, http::ROUTES.len());
        for (method, path) in http::ROUTES {
            let operation = &document["paths"][*path][*method];
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{method} {path}");
        }
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 50, "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("a reference within the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn a_message_is_told_as_it_is_on_the_wire() {
        let schemas = &document()["components"]["schemas"];
        assert_eq!(schemas["Push"]["required"], json!(["version", "push_counter"]));
        assert_eq!(schemas["ChangeId"]["pattern"], "^[0-7][0-9a-hjkmnp-tv-z]{25}$");
        assert_eq!(schemas["Problem"]["properties"]["type"]["type"], "string");
        assert!(schemas["Numbered"]["properties"]["number"].is_object(), "{}", schemas["Numbered"]);
    }
}
