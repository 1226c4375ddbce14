//! A table out of a file that another program wrote: text in whatever encoding, or an Excel workbook.
//!
//! Says of each row which one of the file it is, so that whoever has the file open finds it.

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Read},
    path::Path,
};

use calamine::{Data, Reader, Xlsx};
use encoding_rs::{Encoding, GB18030, UTF_8};
use yingke_core::time::Day;
use zip::ZipArchive;

/// Larger files are not tables of people: 100,000 rows of 30 columns take some 20 MB.
const FILE_BYTES_MAX: u64 = 200 << 20;
/// What a workbook may unpack to: such a table has some 150 MB.
const UNPACKED_BYTES_MAX: u64 = 600 << 20;
/// Rows that are read at most.
const ROWS_MAX: usize = 1_000_000;
const COLUMNS_MAX: usize = 200;

/// A table with a row of names at its top.
#[derive(Debug)]
pub struct Sheet {
    /// In which form the file was, for people to read.
    pub form: String,
    pub names: Vec<String>,
    pub rows: Vec<SheetRow>,
}

#[derive(Debug)]
pub struct SheetRow {
    /// As a spreadsheet counts: the first row is 1, and one with line breaks in a cell is one row.
    pub number: usize,
    pub cells: Vec<SheetCell>,
}

/// What a cell holds. A date that is kept as a number stays one: which column is of dates, its reader knows.
#[derive(Debug, Clone, PartialEq)]
pub enum SheetCell {
    Empty,
    Text(String),
    Number(f64),
    Bool(bool),
    Day(Day),
    /// What a formula could not reckon.
    Fault(String),
}

/// Why a file is no table.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    #[error("it is larger than {} MB", FILE_BYTES_MAX >> 20)]
    TooLarge,
    #[error("unpacked it is larger than {} MB", UNPACKED_BYTES_MAX >> 20)]
    Swollen,
    #[error("neither UTF-8 nor GBK: row {row} has bytes that are in neither")]
    Encoding { row: usize },
    #[error("row {row}: {detail}")]
    Text { row: u64, detail: String },
    #[error("it is no workbook that can be read: {0}")]
    Workbook(String),
    #[error("it has no row of names")]
    Empty,
    #[error("two columns are called {0}")]
    Twice(String),
    #[error("more than {ROWS_MAX} rows or {COLUMNS_MAX} columns")]
    TooMany,
    #[error("a file ending in .csv, .txt or .xlsx is expected")]
    Ending,
}

/// Reads a file by its ending.
///
/// # Errors
/// [`SheetError`]
pub fn read(path: &Path) -> Result<Sheet, SheetError> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(SheetError::TooLarge);
    }
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "csv" | "txt" => read_text(&fs::read(path)?),
        "xlsx" => read_workbook(fs::read(path)?),
        _ => Err(SheetError::Ending),
    }
}

fn read_text(bytes: &[u8]) -> Result<Sheet, SheetError> {
    let (text, encoding) = decoded(bytes)?;
    let first = text.lines().find(|line| !line.trim().is_empty()).ok_or(SheetError::Empty)?;
    // Of the separators that programs use the one that is there most.
    let count = |separator: &u8| first.bytes().filter(|byte| byte == separator).count();
    let separator = *b",;\t".iter().rev().max_by_key(|separator| count(separator)).expect("there are three");
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| SheetError::Text {
            row: error.position().map_or(0, csv::Position::line),
            detail: error.to_string(),
        })?;
        let number = rows.len() + 1;
        let cells = record.iter().map(|cell| match cell.trim() {
            "" => SheetCell::Empty,
            cell => SheetCell::Text(unguarded(cell).to_owned()),
        });
        rows.push(SheetRow { number, cells: cells.collect() });
        if rows.len() > ROWS_MAX {
            return Err(SheetError::TooMany);
        }
    }
    with_names(rows, format!("text in {encoding}"))
}

/// A quote in front keeps a spreadsheet from taking text for a formula; the text is what follows.
fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(['=', '+', '-', '@'])).unwrap_or(cell)
}

/// UTF-8, or what its mark says, or else GB 18030, of which GBK and GB 2312 are parts.
fn decoded(bytes: &[u8]) -> Result<(String, &'static str), SheetError> {
    let row_at = |at: usize| bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark..]);
        return text.map(|text| (text.into_owned(), encoding.name())).ok_or(SheetError::Encoding { row: 1 });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((text.to_owned(), UTF_8.name())),
        Err(error) => {
            let text = GB18030.decode_without_bom_handling_and_without_replacement(bytes);
            text.map(|text| (text.into_owned(), "GBK")).ok_or(SheetError::Encoding { row: row_at(error.valid_up_to()) })
        }
    }
}

fn read_workbook(bytes: Vec<u8>) -> Result<Sheet, SheetError> {
    let fault = |error: calamine::XlsxError| SheetError::Workbook(error.to_string());
    look_how_large(&bytes, UNPACKED_BYTES_MAX)?;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(fault)?;
    let name = book.sheet_names().first().cloned().ok_or(SheetError::Empty)?;
    // Cell by cell: one in each far corner would make a table of all that is between.
    let mut by_row: BTreeMap<u32, BTreeMap<u32, SheetCell>> = BTreeMap::new();
    let mut cells = book.worksheet_cells_reader(&name).map_err(fault)?;
    while let Some(found) = cells.next_cell().map_err(fault)? {
        let ((row, column), value) = (found.get_position(), cell(&Data::from(found.get_value().clone())));
        if value != SheetCell::Empty {
            by_row.entry(row).or_default().insert(column, value);
        }
    }
    drop(cells);
    let columns = || by_row.values().flat_map(|cells| cells.keys().copied());
    let (left, right) = columns().min().zip(columns().max()).ok_or(SheetError::Empty)?;
    let width = (right - left) as usize + 1;
    if by_row.len() > ROWS_MAX || width > COLUMNS_MAX {
        return Err(SheetError::TooMany);
    }
    // Only the first of merged cells holds what all of them show.
    for area in book.worksheet_merge_cells(&name).transpose().map_err(fault)?.unwrap_or_default() {
        let Some(value) = by_row.get(&area.start.0).and_then(|row| row.get(&area.start.1)).cloned() else { continue };
        for (_, row) in by_row.range_mut(area.start.0..=area.end.0.max(area.start.0)) {
            row.extend((area.start.1..=area.end.1.min(right)).map(|column| (column, value.clone())));
        }
    }
    let rows = by_row.into_iter().map(|(row, mut cells)| SheetRow {
        number: row as usize + 1,
        cells: (left..=right).map(|column| cells.remove(&column).unwrap_or(SheetCell::Empty)).collect(),
    });
    with_names(rows.collect(), format!("the sheet {name} of a workbook"))
}

/// Unpacks all that is in a workbook and counts, whatever it says of itself: a few bytes can stand for many.
fn look_how_large(bytes: &[u8], bytes_max: u64) -> Result<(), SheetError> {
    let fault = |error: zip::result::ZipError| SheetError::Workbook(error.to_string());
    let mut parts = ZipArchive::new(Cursor::new(bytes)).map_err(fault)?;
    let mut left = bytes_max;
    for place in 0..parts.len() {
        let part = parts.by_index(place).map_err(fault)?;
        let unpacked = std::io::copy(&mut part.take(left + 1), &mut std::io::sink());
        let unpacked = unpacked.map_err(|error| SheetError::Workbook(error.to_string()))?;
        left = left.checked_sub(unpacked).ok_or(SheetError::Swollen)?;
    }
    Ok(())
}

fn cell(data: &Data) -> SheetCell {
    match data {
        Data::Empty => SheetCell::Empty,
        Data::String(text) if text.trim().is_empty() => SheetCell::Empty,
        Data::String(text) => SheetCell::Text(text.trim().to_owned()),
        Data::Int(number) => SheetCell::Number(*number as f64),
        Data::Float(number) => SheetCell::Number(*number),
        Data::Bool(yes) => SheetCell::Bool(*yes),
        Data::DateTime(at) => {
            let (year, month, day, ..) = at.to_ymd_hms_milli();
            let day = Day::from_ymd(year.into(), month.into(), day.into());
            day.map_or_else(|| SheetCell::Fault("a date that is none".into()), SheetCell::Day)
        }
        Data::DateTimeIso(text) => {
            let day = text.get(..10).and_then(Day::parse);
            day.map_or_else(|| SheetCell::Text(text.clone()), SheetCell::Day)
        }
        Data::DurationIso(text) => SheetCell::Text(text.clone()),
        Data::Error(error) => SheetCell::Fault(error.to_string()),
    }
}

fn with_names(rows: Vec<SheetRow>, form: String) -> Result<Sheet, SheetError> {
    let is_blank = |row: &SheetRow| row.cells.iter().all(|cell| *cell == SheetCell::Empty);
    let mut rows = rows.into_iter().filter(|row| !is_blank(row));
    let head = rows.next().ok_or(SheetError::Empty)?;
    let name = |cell: &SheetCell| match cell {
        SheetCell::Text(text) => text.clone(),
        _ => String::new(),
    };
    let names: Vec<String> = head.cells.iter().map(name).collect();
    if names.len() > COLUMNS_MAX {
        return Err(SheetError::TooMany);
    }
    for (place, name) in names.iter().enumerate() {
        if !name.is_empty() && names[..place].contains(name) {
            return Err(SheetError::Twice(name.clone()));
        }
    }
    Ok(Sheet { form, names, rows: rows.collect() })
}

/// The day that a spreadsheet counts as a number: 1 is 1900-01-01, and 60 a day that never was.
#[must_use]
pub fn day_of_serial(serial: f64) -> Option<Day> {
    /// 9999-12-31
    const LAST: f64 = 2_958_465.0;
    if !(1.0..=LAST).contains(&serial) || serial.trunc() == 60.0 {
        return None;
    }
    let whole = serial.trunc() as i32;
    // Days from 1899-12-30 to 1970-01-01; before March 1900 the false leap day is not there yet.
    Some(Day::from_number(whole - 25_569 + i32::from(whole < 60)))
}

#[cfg(test)]
mod tests {
    use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};

    use super::*;

    fn text(text: &str) -> SheetCell {
        SheetCell::Text(text.into())
    }

    fn check_text(bytes: &[u8], form: &str, cells: &[SheetCell]) {
        let sheet = read_text(bytes).unwrap();
        assert!(sheet.form.ends_with(form), "{}", sheet.form);
        assert_eq!((sheet.names.as_slice(), sheet.rows[0].number), (["姓名".to_owned(), "电话".into()].as_slice(), 2));
        assert_eq!(sheet.rows[0].cells, cells);
    }

    #[test]
    fn text_is_read_in_every_encoding_that_is_met() {
        let plain = "姓名,电话\n李娜,13800138000\n";
        let cells = [text("李娜"), text("13800138000")];
        check_text(plain.as_bytes(), "UTF-8", &cells);
        check_text(&[b"\xef\xbb\xbf", plain.as_bytes()].concat(), "UTF-8", &cells);
        check_text(&GB18030.encode(plain).0, "GBK", &cells);
        let wide: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
        check_text(&[b"\xff\xfe", wide.as_slice()].concat(), "UTF-16LE", &cells);
        for separator in [";", "\t"] {
            check_text(plain.replace(',', separator).as_bytes(), "UTF-8", &cells);
        }
        check_text("姓名,电话\r\n\"李\n娜\",'+86138\r\n".as_bytes(), "UTF-8", &[text("李\n娜"), text("+86138")]);
    }

    /// A workbook of one sheet, packed, with these rows in its XML.
    fn workbook(rows: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut book = Workbook::new();
        book.add_worksheet();
        let plain = book.save_to_buffer().unwrap();
        let mut parts = ZipArchive::new(Cursor::new(plain)).unwrap();
        let mut packed = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for place in 0..parts.len() {
            let mut part = parts.by_index(place).unwrap();
            packed.start_file(part.name(), zip::write::SimpleFileOptions::default()).unwrap();
            if part.name() == "xl/worksheets/sheet1.xml" {
                packed.write_all(b"<worksheet><sheetData>").unwrap();
                packed.write_all(rows).unwrap();
                packed.write_all(b"</sheetData></worksheet>").unwrap();
            } else {
                std::io::copy(&mut part, &mut packed).unwrap();
            }
        }
        packed.finish().unwrap().into_inner()
    }

    #[test]
    fn what_swells_is_refused_before_it_takes_the_room() {
        // 17,179,869,184 cells, if all between were a table.
        let corners =
            br#"<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>"#;
        assert!(matches!(read_workbook(workbook(corners)), Err(SheetError::TooMany)));
        let swollen = workbook(&vec![b' '; 2 << 20]);
        assert!(swollen.len() < 10 << 10, "{}", swollen.len());
        assert!(look_how_large(&swollen, 3 << 20).is_ok());
        assert!(matches!(look_how_large(&swollen, 2 << 20), Err(SheetError::Swollen)));
        // Rows far from each other are a short table.
        let far =
            br#"<row r="1"><c r="A1" t="str"><v>a</v></c></row><row r="1048576"><c r="A1048576"><v>1</v></c></row>"#;
        let sheet = read_workbook(workbook(far)).unwrap();
        assert_eq!((sheet.rows.len(), sheet.rows[0].number), (1, 1_048_576));
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_place() {
        let check = |bytes: &[u8], told: &str| {
            let error = read_text(bytes).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        };
        check(b"", "no row of names");
        check(b"\n \n", "no row of names");
        check(b"a,b\n1,\xff\xff\xff\n", "row 2");
        check("姓名,姓名\n".as_bytes(), "two columns are called 姓名");
        assert!(matches!(read_workbook(b"PK\x03\x04".to_vec()), Err(SheetError::Workbook(_))));
        assert!(matches!(read(Path::new("nowhere.csv")), Err(SheetError::Unreadable(_))));
    }

    #[test]
    fn a_workbook_is_read_with_its_dates_and_merged_cells() {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        // A title row would be taken for the names, but blank rows and columns in front are not.
        for (column, name) in ["姓名", "电话", "生日", "来源"].into_iter().enumerate() {
            sheet.write(2, column as u16 + 1, name).unwrap();
        }
        let date = Format::new().set_num_format("yyyy-mm-dd");
        let born = ExcelDateTime::from_ymd(1990, 5, 17).unwrap();
        sheet.write(3, 1, "李娜").unwrap();
        sheet.write(3, 2, 13_800_138_000_f64).unwrap();
        sheet.write_with_format(3, 3, &born, &date).unwrap();
        sheet.write(4, 1, "王芳").unwrap();
        sheet.write(4, 3, 33_010).unwrap();
        sheet.merge_range(3, 4, 4, 4, "朋友介绍", &Format::new()).unwrap();
        let read = read_workbook(book.save_to_buffer().unwrap()).unwrap();
        assert_eq!(read.names, ["姓名", "电话", "生日", "来源"]);
        let day = Day::from_ymd(1990, 5, 17).unwrap();
        assert_eq!(read.rows[0].number, 4);
        assert_eq!(
            read.rows[0].cells,
            [text("李娜"), SheetCell::Number(13_800_138_000.0), SheetCell::Day(day), text("朋友介绍")]
        );
        assert_eq!(read.rows[1].cells, [text("王芳"), SheetCell::Empty, SheetCell::Number(33_010.0), text("朋友介绍")]);
        assert_eq!(day_of_serial(33_010.0), Some(day));
    }

    #[test]
    fn days_are_counted_as_spreadsheets_count_them() {
        let check = |serial, day| assert_eq!(day_of_serial(serial), day, "{serial}");
        check(1.0, Day::from_ymd(1900, 1, 1));
        check(59.0, Day::from_ymd(1900, 2, 28));
        check(60.0, None);
        check(61.0, Day::from_ymd(1900, 3, 1));
        check(25_569.75, Day::from_ymd(1970, 1, 1));
        check(2_958_465.0, Day::from_ymd(9999, 12, 31));
        for serial in [0.0, -1.0, f64::NAN, f64::INFINITY, 3e6] {
            check(serial, None);
        }
    }
}
