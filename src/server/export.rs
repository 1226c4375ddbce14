//! Current records as a table for other programs: CSV, an Excel workbook, or JSON.

use std::{fs::File, io::Write, path::Path};

use rust_xlsxwriter::{Workbook, XlsxError};
use serde_json::{Map, Value as Json};
use yingke_core::{
    record::{CellTag, Record},
    schema::{self, Holds},
    time::Millis,
    value::Value,
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
    let fields: Vec<&'static str> = spec.fields.iter().map(|field| field.key).collect();
    let names: Vec<&str> = ["id", "audience"].into_iter().chain(fields.iter().copied()).collect();
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
            row.extend(spec.fields.iter().map(|field| value_of(record, field, house)));
            table.row(row)?;
            count += 1;
        }
    }
    table.end()?;
    Ok(count)
}

/// For its owner alone: it holds people's data.
fn new_file(path: &Path) -> Result<File, ExportError> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok(options.open(path)?)
}

/// What people read: days and times as they are written, staff by name, several values one after the other.
fn value_of(record: &Record, field: &schema::FieldSpec, house: &House) -> Json {
    let offset = house.venues.get(&record.audience().venue()).map_or(0, |venue| venue.utc_offset_minutes);
    let one = |value: &Value| match value {
        Value::Empty => Json::Null,
        Value::Bool(yes) => Json::from(*yes),
        Value::Int(fen) if field.holds == Holds::Money => {
            Json::from(yingke_core::money::Money::from_fen(*fen).map_or_else(|| fen.to_string(), |money| money.shown()))
        }
        Value::Int(number) => Json::from(*number),
        Value::Text(text) => {
            let staff = (field.holds == Holds::Staff).then(|| text.parse().ok()).flatten();
            let name = staff.and_then(|id| house.staff.get(&id)).map(|staff| staff.name.as_str());
            Json::from(name.unwrap_or(text))
        }
        Value::At(at) => Json::from(time_of(*at, offset)),
        Value::Day(day) => Json::from(day.to_string()),
        Value::Id(id) => Json::from(id.to_string()),
        Value::List(_) | Value::Bytes(_) => Json::Null,
    };
    match field.merge {
        CellTag::Set => match record.elements(field.key).map(one).collect::<Vec<_>>() {
            values if values.is_empty() => Json::Null,
            values => Json::Array(values),
        },
        CellTag::Guarded => record.guarded(field.key).map_or(Json::Null, |group| {
            let members = group.iter().filter(|(_, value)| !value.is_empty());
            Json::Object(members.map(|(key, value)| (key.to_string(), one(value))).collect())
        }),
        CellTag::Latest | CellTag::First | CellTag::Sticky | CellTag::Once => {
            record.get(field.key).map_or(Json::Null, one)
        }
    }
}

fn time_of(at: Millis, offset: i32) -> String {
    let (hour, minute) = at.hour_minute(offset);
    format!("{} {hour:02}:{minute:02}", at.day(offset))
}

trait Table: Send {
    fn row(&mut self, row: Vec<Json>) -> Result<(), ExportError>;
    fn end(self: Box<Self>) -> Result<(), ExportError>;
}

/// As a cell of a table shows it.
fn shown(value: &Json) -> String {
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
