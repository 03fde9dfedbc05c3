//! Splits a line into fields.

use super::column::{Column, ColumnSet};
use super::fault::CsvFault;
use crate::error::Fault;

/// A line that cannot be read, and the field that is at fault.
#[derive(Debug)]
pub(super) struct BadRow<'a> {
    pub(super) fault: Fault,
    pub(super) field: Option<(&'static str, &'a [u8])>,
}

/// Where the fields of a line are. It is kept from line to line, and every line sets the same columns.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    ends: [(u32, u32); Column::ALL.len()],
    /// The columns whose fields are not empty.
    filled: ColumnSet,
}

impl Default for Fields {
    fn default() -> Self {
        Self { ends: [(0, 0); Column::ALL.len()], filled: ColumnSet::default() }
    }
}

/// A row: a line with its fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    line: &'a [u8],
    fields: &'a Fields,
    /// The name of the action, for errors.
    pub(super) action: &'static str,
}

/// Returns the first field of a line without its quotes, and the number of bytes that it takes.
#[inline]
pub(super) fn first_field(line: &[u8], separator: u8) -> Result<(&[u8], usize), BadRow<'_>> {
    let Some(quoted) = line.strip_prefix(b"\"") else {
        let length = line.iter().position(|b| *b == separator).unwrap_or(line.len());
        return Ok((&line[..length], length));
    };
    let mut length = 0;
    loop {
        let quote = quoted[length..].iter().position(|b| *b == b'"');
        length += quote.unwrap_or(quoted.len() - length);
        match (quote, quoted.get(length + 1)) {
            (Some(_), None) => return Ok((&quoted[..length], length + 2)),
            (Some(_), Some(next)) if *next == separator => {
                return Ok((&quoted[..length], length + 2));
            }
            // No value of ours has a quote, so this one is in an error at most, and stays doubled.
            (Some(_), Some(b'"')) => length += 2,
            _ => {
                return Err(BadRow { fault: CsvFault::Quote.into(), field: Some(("field", line)) });
            }
        }
    }
}

impl Fields {
    /// Splits a line.
    #[inline]
    pub(super) fn split<'a>(
        &mut self,
        line: &'a [u8],
        columns: &[Column],
        separator: u8,
    ) -> Result<(), BadRow<'a>> {
        self.filled = ColumnSet::default();
        let mut start = 0;
        for (number, column) in columns.iter().enumerate() {
            let Some(rest) = line.get(start..) else {
                return Err(other_columns(columns.len(), number));
            };
            let (field, length) = first_field(rest, separator)?;
            let from = start + usize::from(length > field.len());
            self.ends[*column as usize] = (from as u32, (from + field.len()) as u32);
            if !field.is_empty() {
                self.filled.insert(*column);
            }
            start += length + 1;
        }
        if start <= line.len() {
            let rest = &line[start..];
            let more = rest.iter().filter(|b| **b == separator).count() + 1;
            return Err(other_columns(columns.len(), columns.len() + more));
        }
        Ok(())
    }

    /// The row that a line is.
    pub(super) const fn row<'a>(&'a self, line: &'a [u8]) -> Row<'a> {
        Row { line, fields: self, action: "" }
    }
}

#[cold]
fn other_columns<'a>(expected: usize, found: usize) -> BadRow<'a> {
    BadRow { fault: Fault::Columns { expected, found }, field: None }
}

impl<'a> Row<'a> {
    /// The text of a field, or `None` if it is empty.
    #[inline]
    pub(super) fn text(&self, column: Column) -> Option<&'a [u8]> {
        self.fields.filled.contains(column).then(|| {
            let (from, to) = self.fields.ends[column as usize];
            &self.line[from as usize..to as usize]
        })
    }

    /// Parses a field, if it is not empty.
    #[inline]
    pub(super) fn optional<T>(
        &self,
        column: Column,
        parse: impl FnOnce(&[u8]) -> Result<T, Fault>,
    ) -> Result<Option<T>, BadRow<'a>> {
        self.text(column)
            .map(|text| parse(text).map_err(|fault| bad(column, text, fault)))
            .transpose()
    }

    /// Parses a field that must not be empty.
    #[inline]
    pub(super) fn needed<T>(
        &self,
        column: Column,
        parse: impl FnOnce(&[u8]) -> Result<T, Fault>,
    ) -> Result<T, BadRow<'a>> {
        self.optional(column, parse)?.ok_or_else(|| {
            let fault = CsvFault::Missing(self.action);
            bad(column, b"", fault.into())
        })
    }

    /// Refuses a value in a column that is not one of these.
    #[inline]
    pub(super) fn uses_only(&self, columns: ColumnSet) -> Result<(), BadRow<'a>> {
        match self.fields.filled.first_beyond(columns) {
            None => Ok(()),
            Some(column) => Err(self.unused(column, self.action)),
        }
    }

    /// The error of a value that means nothing.
    #[cold]
    pub(super) fn unused(&self, column: Column, what: &'static str) -> BadRow<'a> {
        bad(column, self.text(column).unwrap_or_default(), CsvFault::Unused(what).into())
    }
}

#[cold]
fn bad(column: Column, value: &[u8], fault: Fault) -> BadRow<'_> {
    BadRow { fault, field: Some((column.name(), value)) }
}
