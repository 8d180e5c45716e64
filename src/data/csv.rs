//! CSV: a table of numbers, with or without a row of column names.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Trim};

use crate::data::{Array, DataError, Elements, open};

/// A table of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The column names, if the first row has them.
    pub header: Option<Vec<String>>,
    /// The numbers, float64 of the shape rows x columns.
    pub rows: Array,
}

/// Reads a file, gzip or plain.
pub fn read(path: &Path) -> Result<Table, DataError> {
    let name = open::display(path);
    parse(&open::unpacked(open::whole(path)?, &name)?, &name)
}

/// Rows and columns. Only reading the file tells them.
pub fn shape(path: &Path) -> Result<Vec<usize>, DataError> {
    Ok(read(path)?.rows.shape)
}

/// The same of bytes already read.
///
/// Cells are separated by semicolons if the first line has one, then tabs, then commas. Between
/// semicolons or tabs a comma is a decimal comma. A first row without any number is the header.
pub fn parse(bytes: &[u8], name: &str) -> Result<Table, DataError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let delimiter = separator(bytes);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(delimiter)
        .from_reader(bytes);
    let mut header = None;
    let (mut numbers, mut columns, mut row) = (Vec::new(), 0, 0);
    let mut record = ByteRecord::new();
    let mut first = true;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(DataError::format(name, error)),
        }
        let line = record.position().map_or(0, csv::Position::line);
        if first {
            columns = record.len();
            first = false;
            if record.iter().all(|cell| number(cell, delimiter).is_none())
                && record.iter().any(|c| !c.is_empty())
            {
                header = Some(record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect());
                continue;
            }
        }
        row += 1;
        for (i, cell) in record.iter().enumerate() {
            let place = format!("row {row}, column {}", i + 1);
            if cell.is_empty() {
                return Err(DataError::format(name, format!("{place} is empty"))
                    .note(format!("line {line} of the file"))
                    .help("fill the cell or leave the row out; no value is guessed"));
            }
            match number(cell, delimiter) {
                Some(value) => numbers.push(value),
                None => {
                    let shown: String =
                        String::from_utf8_lossy(cell).chars().take(40).flat_map(char::escape_debug).collect();
                    return Err(DataError::format(name, format!("{place}: `{shown}` is not a number"))
                        .note(format!("line {line} of the file")));
                }
            }
        }
        if record.len() != columns {
            return Err(DataError::format(
                name,
                format!("row {row} has {} cells, {columns} expected as in the first row", record.len()),
            )
            .note(format!("line {line} of the file")));
        }
    }
    if columns == 1 {
        refuse_gaps(bytes, name, header.is_some())?;
    }
    let rows = Array::new(vec![row, columns], Elements::F64(numbers))?;
    Ok(Table { header, rows })
}

/// In one column an empty line is an empty cell, and skipping it would move all rows below.
fn refuse_gaps(bytes: &[u8], name: &str, header: bool) -> Result<(), DataError> {
    let text = bytes.trim_ascii_end();
    let empty = text.split(|&byte| byte == b'\n').position(|line| line.trim_ascii().is_empty());
    match empty {
        Some(line) if !text.is_empty() => Err(DataError::format(
            name,
            format!("row {}, column 1 is empty", line + 1 - usize::from(header && line > 0)),
        )
        .note(format!("line {} of the file", line + 1))
        .help("fill the cell or take the empty line out")),
        _ => Ok(()),
    }
}

fn separator(bytes: &[u8]) -> u8 {
    let line = bytes.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or(bytes);
    let mut quoted = false;
    let mut seen = Vec::new();
    for &byte in line {
        quoted ^= byte == b'"';
        if !quoted && matches!(byte, b';' | b'\t') {
            seen.push(byte);
        }
    }
    if seen.contains(&b';') {
        b';'
    } else if seen.contains(&b'\t') {
        b'\t'
    } else {
        b','
    }
}

fn number(cell: &[u8], delimiter: u8) -> Option<f64> {
    let text = std::str::from_utf8(cell).ok()?.trim();
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    // With two commas it would be thousands or a mistake; Rust refuses the second point.
    (delimiter != b',').then(|| text.replace(',', ".").parse().ok()).flatten()
}
