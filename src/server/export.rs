//! Current records as a table for other programs: CSV, an Excel workbook, or JSON.

use std::{fs::File, io::Write, path::Path};

use rust_xlsxwriter::{Workbook, XlsxError};
use serde_json::{Map, Value as Json};
use yingke_core::{
    money::Money,
    pack::{FieldType, ListOf},
    record::{CellTag, Record},
    schema::{self, FieldSpec, Holds, KindSpec},
    time::Millis,
    typed::Signature,
    value::Value,
    wire::v1::Venue,
};

use crate::{
    house::House,
    ledger::{Database, LedgerError},
};

/// Records read at once.
const RECORDS_MAX: usize = 2_000;
/// A workbook's sheet has no more rows.
const SHEET_ROWS_MAX: u32 = 1_048_575;

/// Why no file was written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("it cannot be written: {0}")]
    Unwritten(#[from] std::io::Error),
    #[error("a file ending in .csv, .xlsx or .json is expected")]
    Ending,
    #[error("there is no kind {0}; there are {kinds}", kinds = schema::kinds().map(|kind| kind.key).collect::<Vec<_>>().join(", "))]
    NoKind(String),
    #[error("a workbook holds {SHEET_ROWS_MAX} rows at most; write .csv")]
    TooMany,
}

impl From<csv::Error> for ExportError {
    fn from(error: csv::Error) -> Self {
        Self::Unwritten(error.into())
    }
}

impl From<XlsxError> for ExportError {
    fn from(error: XlsxError) -> Self {
        Self::Unwritten(std::io::Error::other(error))
    }
}

/// Writes every record of a kind into a new file. Gives their number.
///
/// # Errors
/// [`ExportError`]
pub async fn run(ledger: &dyn Database, house: &House, kind: &str, path: &Path) -> Result<usize, ExportError> {
    let spec = schema::kind(kind).ok_or_else(|| ExportError::NoKind(kind.into()))?;
    let fields: Vec<(&str, &FieldSpec)> = fields_of(spec, house);
    let names: Vec<&str> = ["id", "audience"].into_iter().chain(fields.iter().map(|(key, _)| *key)).collect();
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    let mut table: Box<dyn Table> = match ending.as_str() {
        "csv" => Box::new(Csv::begin(new_file(path)?, &names)?),
        "xlsx" => Box::new(Book::begin(new_file(path)?, kind, &names)?),
        "json" => Box::new(Lines {
            file: new_file(path)?,
            names: names.iter().map(|&name| name.into()).collect(),
            begun: false,
        }),
        _ => return Err(ExportError::Ending),
    };
    let (mut count, mut after) = (0, None);
    loop {
        let records = ledger.records(house.organisation, Some(kind), after, RECORDS_MAX).await?;
        let Some(last) = records.last() else { break };
        after = Some(last.id);
        for record in &records {
            let mut row = vec![Json::from(record.id.to_string()), Json::from(record.audience().to_string())];
            row.extend(fields.iter().map(|(key, field)| value_of(record, key, field, house)));
            table.row(row)?;
            count += 1;
        }
    }
    table.end()?;
    Ok(count)
}

/// For its owner alone: it holds people's data.
pub(crate) fn new_file(path: &Path) -> Result<File, ExportError> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok(options.open(path)?)
}

/// The fields of a kind of record, and then those that the club adds in its own packs.
pub(crate) fn fields_of<'a>(kind: &KindSpec, house: &'a House) -> Vec<(&'a str, &'static FieldSpec)> {
    /// Of an own field the schema says no more than that it holds something; its form says what.
    static MONEY: FieldSpec = FieldSpec { key: schema::OWN, merge: CellTag::Latest, holds: Holds::Money };
    let own = house.packs.own_fields(kind.key).into_iter().filter_map(|(key, holds)| {
        let spec = if *holds == FieldType::Money { Some(&MONEY) } else { kind.field(key) };
        Some((key, spec?))
    });
    kind.fields.iter().map(|field| (field.key, field)).chain(own).collect()
}

/// What people read: days and times as they are written, staff by name, several values one after the other; a gift as
/// `what*how many` and a charge as `what=yuan`, as they are typed; of a signature who, in which role and when.
pub(crate) fn value_of(record: &Record, key: &str, field: &FieldSpec, house: &House) -> Json {
    let venue = house.venues.get(&record.audience().venue());
    let offset = venue.map_or(0, |venue| venue.utc_offset_minutes);
    let staff_named = |text: &str| {
        let staff = text.parse().ok().and_then(|id| house.staff.get(&id));
        staff.map_or_else(|| text.to_owned(), |staff| staff.name.clone())
    };
    let plain = |value: &Value| match value {
        Value::Bool(yes) => Json::from(*yes),
        Value::Int(fen) if field.holds == Holds::Money => Json::from(yuan(*fen)),
        Value::Int(number) => Json::from(*number),
        Value::Text(text) if matches!(field.holds, Holds::Staff | Holds::List) => Json::from(staff_named(text)),
        Value::Text(text) => Json::from(&**text),
        Value::At(at) => Json::from(time_of(*at, offset)),
        Value::Day(day) => Json::from(day.to_string()),
        Value::Id(id) => Json::from(id.to_string()),
        Value::Empty | Value::List(_) | Value::Bytes(_) => Json::Null,
    };
    let element = |value: &Value| match value {
        Value::List(parts) => Json::from(match &parts[..] {
            [Value::Text(what), Value::Int(fen)] if is_charges(house, venue, record, key) => {
                format!("{what}={}", yuan(*fen))
            }
            [Value::Text(what), Value::Int(count)] => format!("{what}*{count}"),
            parts => parts.iter().map(|part| shown(&plain(part))).collect::<Vec<_>>().join(" "),
        }),
        value => plain(value),
    };
    let one = |value: &Value| match value {
        Value::List(_) if field.holds == Holds::Signature => Signature::from_value(value)
            .map_or(Json::Null, |Signature { signer, role, at, .. }| {
                Json::from(format!("{signer} ({role}) {}", time_of(at, offset)))
            }),
        Value::List(elements) if elements.is_empty() => Json::Null,
        Value::List(elements) => Json::Array(elements.iter().map(element).collect()),
        value => plain(value),
    };
    match field.merge {
        CellTag::Set => match record.elements(key).map(one).collect::<Vec<_>>() {
            values if values.is_empty() => Json::Null,
            values => Json::Array(values),
        },
        CellTag::Guarded => record.guarded(key).map_or(Json::Null, |group| {
            let members = group.iter().filter(|(_, value)| !value.is_empty());
            Json::Object(members.map(|(key, value)| (key.to_string(), one(value))).collect())
        }),
        CellTag::Latest | CellTag::First | CellTag::Sticky | CellTag::Once => record.get(key).map_or(Json::Null, one),
    }
}

fn yuan(fen: i64) -> String {
    Money::from_fen(fen).map_or_else(|| fen.to_string(), |money| money.shown())
}

/// Whether the numbers of a list are money: the venue's forms say so, not the value.
fn is_charges(house: &House, venue: Option<&Venue>, record: &Record, key: &str) -> bool {
    let forms = house.pack(venue).forms.iter().filter(|form| *form.record == *record.kind().as_str());
    forms.filter_map(|form| form.field(key)).any(|field| field.kind == FieldType::List(ListOf::Charges))
}

pub(crate) fn time_of(at: Millis, offset: i32) -> String {
    let (hour, minute) = at.hour_minute(offset);
    format!("{} {hour:02}:{minute:02}", at.day(offset))
}

trait Table: Send {
    fn row(&mut self, row: Vec<Json>) -> Result<(), ExportError>;
    fn end(self: Box<Self>) -> Result<(), ExportError>;
}

/// As a cell of a table shows it.
pub(crate) fn shown(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
        Json::String(text) => text.clone(),
        Json::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    }
}

struct Csv(csv::Writer<File>);

impl Csv {
    /// With the mark without which Excel takes UTF-8 for something else.
    fn begin(mut file: File, names: &[&str]) -> Result<Self, ExportError> {
        file.write_all(b"\xef\xbb\xbf")?;
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(names)?;
        Ok(Self(writer))
    }
}

impl Table for Csv {
    fn row(&mut self, row: Vec<Json>) -> Result<(), ExportError> {
        // A spreadsheet must not take what a guest wrote for a formula. Source: OWASP, CSV injection.
        let guarded = |value: &Json| {
            let text = shown(value);
            if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && value.is_string() {
                format!("'{text}")
            } else {
                text
            }
        };
        Ok(self.0.write_record(row.iter().map(guarded))?)
    }

    fn end(mut self: Box<Self>) -> Result<(), ExportError> {
        Ok(self.0.flush()?)
    }
}

struct Book {
    file: File,
    book: Workbook,
    rows: u32,
}

impl Book {
    fn begin(file: File, kind: &str, names: &[&str]) -> Result<Self, ExportError> {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet().set_name(kind)?;
        for (name, column) in names.iter().zip(0..) {
            sheet.write_string(0, column, *name)?;
        }
        Ok(Self { file, book, rows: 0 })
    }
}

impl Table for Book {
    fn row(&mut self, row: Vec<Json>) -> Result<(), ExportError> {
        self.rows += 1;
        if self.rows > SHEET_ROWS_MAX {
            return Err(ExportError::TooMany);
        }
        let sheet = self.book.worksheet_from_index(0)?;
        for (value, column) in row.iter().zip(0..) {
            match value {
                Json::Null => {}
                Json::Number(number) => {
                    sheet.write_number(self.rows, column, number.as_f64().unwrap_or_default())?;
                }
                other => {
                    sheet.write_string(self.rows, column, shown(other))?;
                }
            }
        }
        Ok(())
    }

    fn end(mut self: Box<Self>) -> Result<(), ExportError> {
        Ok(self.book.save_to_writer(self.file)?)
    }
}

/// One array, a record a line.
struct Lines {
    file: File,
    names: Vec<String>,
    begun: bool,
}

impl Table for Lines {
    fn row(&mut self, row: Vec<Json>) -> Result<(), ExportError> {
        let members = self.names.iter().cloned().zip(row).filter(|(_, value)| !value.is_null());
        let record = Json::Object(members.collect::<Map<_, _>>());
        let before = if std::mem::replace(&mut self.begun, true) { ",\n" } else { "[\n" };
        Ok(write!(self.file, "{before}{record}")?)
    }

    fn end(mut self: Box<Self>) -> Result<(), ExportError> {
        Ok(self.file.write_all(if self.begun { b"\n]\n" } else { b"[]\n" })?)
    }
}

#[cfg(test)]
mod tests {
    use yingke_core::{
        audience::{Audience, Role},
        chance::Seeded,
        change::{Change, Edit, Key, Ranked},
        fixture,
        id::DeviceNumber,
        stamp::Stamp,
        wire::v1::Staff,
    };

    use super::*;
    use crate::{
        admin::new_venue,
        keys::Secrets,
        ledger::{Batch, Candidate, Ledger, sqlite::SqliteLedger},
        register::Register,
        sheet::{self, SheetCell},
    };

    /// A deposit of which something was kept back, and who signed for it.
    fn deposit() -> Ranked {
        let charge = |what: &str, fen: i64| Value::List(vec![what.into(), Value::Int(fen)]);
        let signature = Signature {
            image: "0".repeat(64).into(),
            signer: "李娜".into(),
            role: "member".into(),
            at: fixture::NOW,
            device: DeviceNumber(7),
        };
        let writes = vec![
            schema::write("deposit", "amount", Value::Int(20_000)),
            schema::write("deposit", "deductions", Value::List(vec![charge("手牌", 3_000), charge("毛巾", 1_550)])),
            schema::write("deposit", "customer_sign", signature.value()),
        ];
        let edit = Edit {
            kind: Key::of("deposit"),
            audience: Audience::Desk(fixture::venue()),
            writes,
            ..fixture::person_edit(5, Vec::new())
        };
        let header = fixture::phone_change().change.header;
        Ranked::provisional(Stamp::at(fixture::NOW), Change::new(header, vec![edit], &mut Seeded::new(1)))
    }

    #[tokio::test]
    async fn lists_and_signatures_are_in_every_format() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::create(folder.path()).await.unwrap();
        let organisation = fixture::organisation();
        ledger.found(organisation, "松风体育", "e1", &Secrets::new()).await.unwrap();
        ledger.keep_venue(organisation, &new_venue(fixture::venue(), "未来店", "fitness", 480)).await.unwrap();
        let staff = Staff {
            id: fixture::staff(1),
            name: "林悦".into(),
            role: Role::FrontDesk,
            venue: fixture::venue(),
            active: true,
        };
        ledger.add_staff(organisation, &staff, "x").await.unwrap();
        let candidates = vec![Candidate::new(deposit(), None)];
        ledger.append(organisation, Batch { pushed: None, candidates, now: fixture::NOW }).await.unwrap();
        let house = ledger.house(organisation).await.unwrap();
        let signed = format!("李娜 (member) {}", time_of(fixture::NOW, 480));
        for name in ["deposit.csv", "deposit.xlsx", "deposit.json"] {
            let path = folder.path().join(name);
            assert_eq!(run(&ledger, &house, "deposit", &path).await.unwrap(), 1);
            if name.ends_with(".json") {
                let rows: Vec<Json> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                assert_eq!(rows[0]["deductions"], serde_json::json!(["手牌=30.00", "毛巾=15.50"]));
                assert_eq!(
                    (&rows[0]["customer_sign"], &rows[0]["amount"]),
                    (&signed.as_str().into(), &"200.00".into())
                );
                continue;
            }
            let table = sheet::read(&path).unwrap();
            let cell = |name: &str| match &table.rows[0].cells[table.names.iter().position(|it| it == name).unwrap()] {
                SheetCell::Text(text) => text.clone(),
                other => panic!("{other:?}"),
            };
            assert_eq!(cell("deductions"), "手牌=30.00;毛巾=15.50", "{name}");
            assert_eq!(cell("customer_sign"), signed, "{name}");
        }
    }
}
