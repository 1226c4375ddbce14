//! A workbook of one sheet that Excel, WPS and LibreOffice open: the least of Office Open XML that keeps numbers numbers
//! and days days, in a ZIP whose parts are stored as they are.
//!
//! A few hundred lines that a table needs, instead of a library that knows all of Excel and would be a fifth of the
//! client. Text stands in its cell, so there is no table of texts, and a text is never taken for a formula.
//! Source: ECMA-376, parts 1 and 2; APPNOTE.TXT, 4.3 and 4.4 (ZIP).

use std::fmt::Write;

use crate::time::Day;

/// What a cell holds beside the words that people read in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    Whole(i64),
    /// A sum of money in fen, or another number in hundredths.
    Hundredths(i64),
    Day(Day),
}

/// A cell: its words, and the number that they stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub number: Option<Number>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, number: None }
    }
}

impl Cell {
    #[must_use]
    pub fn number(text: String, number: Number) -> Self {
        Self { text, number: Some(number) }
    }
}

/// A row of cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    pub cells: Vec<Cell>,
    /// It says what stands below it.
    pub is_head: bool,
}

/// Rows of a sheet, at most: the rest would not be opened.
pub const ROWS_MAX: usize = 1_048_576;
/// Characters of a cell, at most.
const CELL_CHARACTERS_MAX: usize = 32_767;
const NAME_CHARACTERS_MAX: usize = 31;
/// Columns are as wide as what stands in them, within bounds that can be read; in digits.
const WIDTHS: (usize, usize) = (8, 48);
/// The media type of such a file.
pub const MEDIA: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Places in the list of formats in [`STYLES`].
const PLAIN: u8 = 0;
const HEAD: u8 = 1;
const HUNDREDTHS: u8 = 2;
const DAY: u8 = 3;

const TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>"#;
const RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const BOOK_RELATIONS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
/// Plain, bold, `#,##0.00` and a day as ISO writes it, in the order of the constants above.
const STYLES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/></numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/><xf numFmtId="4" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>"#;

/// The bytes of a workbook with one sheet.
#[must_use]
pub fn workbook(name: &str, rows: &[Row]) -> Vec<u8> {
    let mut book = String::from(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name=""#,
    );
    put_text(&mut book, &sheet_name(name));
    book.push_str(r#"" sheetId="1" r:id="rId1"/></sheets></workbook>"#);
    zip(&[
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", RELATIONS.as_bytes()),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/_rels/workbook.xml.rels", BOOK_RELATIONS.as_bytes()),
        ("xl/styles.xml", STYLES.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet(rows).as_bytes()),
    ])
}

/// What a sheet may be called: without the signs that formulas give a meaning to, and not too long.
fn sheet_name(name: &str) -> String {
    let plain = |sign: &char| !matches!(sign, '[' | ']' | ':' | '*' | '?' | '/' | '\\' | '\'') && !sign.is_control();
    let name: String = name.chars().filter(plain).take(NAME_CHARACTERS_MAX).collect();
    if name.trim().is_empty() { "1".into() } else { name }
}

fn sheet(rows: &[Row]) -> String {
    let mut out = String::from(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">"#,
    );
    let rows = &rows[..rows.len().min(ROWS_MAX)];
    let widths = widths(rows);
    if !widths.is_empty() {
        out.push_str("<cols>");
        for (place, width) in widths.iter().enumerate() {
            let column = place + 1;
            put(&mut out, format_args!(r#"<col min="{column}" max="{column}" width="{width}" customWidth="1"/>"#));
        }
        out.push_str("</cols>");
    }
    out.push_str("<sheetData>");
    for (place, row) in rows.iter().enumerate() {
        put(&mut out, format_args!(r#"<row r="{}">"#, place + 1));
        for (column, cell) in row.cells.iter().enumerate() {
            put_cell(&mut out, &reference(place, column), cell, row.is_head);
        }
        out.push_str("</row>");
    }
    out.push_str("</sheetData></worksheet>");
    out
}

fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    out.write_fmt(what).expect("a String takes all");
}

fn put_cell(out: &mut String, reference: &str, cell: &Cell, is_head: bool) {
    match cell.number {
        None if cell.text.is_empty() => {}
        None => {
            let style = if is_head { HEAD } else { PLAIN };
            put(out, format_args!(r#"<c r="{reference}" s="{style}" t="inlineStr"><is><t xml:space="preserve">"#));
            put_text(out, &cell.text);
            out.push_str("</t></is></c>");
        }
        Some(Number::Whole(number)) => put(out, format_args!(r#"<c r="{reference}" s="{PLAIN}"><v>{number}</v></c>"#)),
        Some(Number::Hundredths(number)) => {
            let sign = if number < 0 { "-" } else { "" };
            let (whole, part) = (number.unsigned_abs() / 100, number.unsigned_abs() % 100);
            put(out, format_args!(r#"<c r="{reference}" s="{HUNDREDTHS}"><v>{sign}{whole}.{part:02}</v></c>"#));
        }
        Some(Number::Day(day)) => {
            let serial = serial_of(day);
            put(out, format_args!(r#"<c r="{reference}" s="{DAY}"><v>{serial}</v></c>"#));
        }
    }
}

/// Days since the last of 1899: what a spreadsheet counts a day as, from March 1900 on.
fn serial_of(day: Day) -> i32 {
    const FIRST: i32 = 25_569; // 1 January 1970
    day.number() + FIRST
}

/// `A1`, `AA12`, for places counted from 0.
fn reference(row: usize, column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(b'A' + u8::try_from(rest % 26).expect("a letter is one of 26"));
        rest /= 26;
    }
    let letters: String = letters.into_iter().rev().map(char::from).collect();
    format!("{letters}{}", row + 1)
}

/// How wide each column is; a Chinese character takes two. What names the whole sheet may run over its neighbours.
fn widths(rows: &[Row]) -> Vec<usize> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows.iter().filter(|row| row.cells.len() > 1) {
        widths.resize(widths.len().max(row.cells.len()), WIDTHS.0);
        for (width, cell) in widths.iter_mut().zip(&row.cells) {
            let wide = cell.text.chars().map(|sign| if sign.is_ascii() { 1 } else { 2 }).sum::<usize>() + 2;
            *width = (*width).max(wide.min(WIDTHS.1));
        }
    }
    widths
}

/// Text as XML has it; signs that XML does not know are left out.
fn put_text(out: &mut String, text: &str) {
    for sign in text.chars().take(CELL_CHARACTERS_MAX) {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(sign),
            sign if sign.is_control() || matches!(sign, '\u{fffe}' | '\u{ffff}') => {}
            sign => out.push(sign),
        }
    }
}

// ---- The ZIP around it ----------------------------------------------------------------------------------------

/// 1 January 1980: the first day that a ZIP knows. A file says nothing about when it was made, so equal ones are equal.
const NO_DAY: u16 = 0x0021;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;
const VERSION: u16 = 20;

/// Files in a ZIP, stored as they are.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let at = len_u32(out.len());
        let mut head = Vec::new();
        for half in [VERSION, UTF8, 0, 0, NO_DAY] {
            head.extend(half.to_le_bytes());
        }
        for whole in [crc32(bytes), len_u32(bytes.len()), len_u32(bytes.len()), len_u32(name.len())] {
            head.extend(whole.to_le_bytes()); // the last is two lengths: of the name, and of what more there is, nothing
        }
        out.extend(b"PK\x03\x04");
        out.extend(&head);
        out.extend(name.as_bytes());
        out.extend(*bytes);
        directory.extend(b"PK\x01\x02");
        directory.extend(VERSION.to_le_bytes());
        directory.extend(&head);
        directory.extend([0; 10]); // no comment, the first disk, no attributes
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, count) = (len_u32(out.len()), u16::try_from(files.len()).expect("a workbook has six parts"));
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(len_u32(directory.len()).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]); // no comment
    out
}

fn len_u32(len: usize) -> u32 {
    u32::try_from(len).expect("a tablet has no table of four gigabytes")
}

/// The check sum of ZIP: CRC-32 of IEEE 802.3, bit by bit, since a table of it would be larger than all of this.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (POLYNOMIAL & (sum & 1).wrapping_neg());
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use calamine::{Data, Reader, Xlsx};

    use super::*;

    fn row(cells: Vec<Cell>) -> Row {
        Row { cells, is_head: false }
    }

    fn text(text: &str) -> Cell {
        text.to_owned().into()
    }

    /// What another program reads in it.
    fn read(name: &str, rows: &[Row]) -> (String, Vec<Vec<Data>>) {
        let mut book = Xlsx::new(Cursor::new(workbook(name, rows))).unwrap();
        let name = book.sheet_names()[0].clone();
        let range = book.worksheet_range(&name).unwrap();
        (name, range.rows().map(<[Data]>::to_vec).collect())
    }

    #[test]
    fn another_program_reads_what_was_written() {
        let day = Day::from_ymd(2026, 11, 22).unwrap();
        let rows = [
            Row { cells: vec![text("姓名"), text("次数"), text("金额"), text("日期")], is_head: true },
            row(vec![
                text("张顺利"),
                Cell::number("3".into(), Number::Whole(3)),
                Cell::number("−¥1,234.05".into(), Number::Hundredths(-123_405)),
                Cell::number("2026年11月22日".into(), Number::Day(day)),
            ]),
            row(vec![text(""), text("<a & \"b\">\n两行 "), text("=1+1"), text("00123")]),
        ];
        let (name, read) = read("每日营业额", &rows);
        assert_eq!(name, "每日营业额");
        let string = |text: &str| Data::String(text.into());
        assert_eq!(read[0], ["姓名", "次数", "金额", "日期"].map(string));
        assert_eq!(read[1][..3], [string("张顺利"), Data::Float(3.0), Data::Float(-1234.05)]);
        let Data::DateTime(at) = &read[1][3] else { panic!("{:?}", read[1][3]) };
        assert_eq!(at.to_ymd_hms_milli(), (2026, 11, 22, 0, 0, 0, 0));
        assert_eq!(read[2], [Data::Empty, string("<a & \"b\">\n两行 "), string("=1+1"), string("00123")]);
    }

    #[test]
    fn what_xml_and_sheets_do_not_know_is_left_out() {
        let (name, read) = read("a/b:[c]*?'\\", &[row(vec![text("甲\u{1}\u{b}乙\u{ffff}")])]);
        assert_eq!((name.as_str(), &read[0][0]), ("abc", &Data::String("甲乙".into())));
        assert_eq!(sheet_name("::"), "1");
        assert_eq!(sheet_name(&"长".repeat(40)).chars().count(), 31);
    }

    #[test]
    fn cells_are_named_as_spreadsheets_do() {
        let at = [(0, 0), (1, 25), (9, 26), (0, 701), (0, 702)];
        assert_eq!(at.map(|(row, column)| reference(row, column)), ["A1", "Z2", "AA10", "ZZ1", "AAA1"]);
    }

    #[test]
    fn many_rows_are_all_there() {
        let rows: Vec<Row> = (0..3_000).map(|n| row(vec![Cell::number(n.to_string(), Number::Whole(n))])).collect();
        let (_, read) = read("x", &rows);
        assert_eq!(read.len(), 3_000);
        assert_eq!(read[2_999], [Data::Float(2_999.0)]);
    }

    /// Source: the check value of CRC-32/ISO-HDLC.
    #[test]
    fn the_check_sum_is_that_of_zip() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }
}
