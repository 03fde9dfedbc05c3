//! The fields of a row that is being written.

use std::fmt::Display;
use std::io::Write as _;

use super::column::{Column, ColumnSet};
use super::words::{Word, word};
use crate::number::append;

/// The fields of a row, in any order. Their memory is used again.
#[derive(Debug)]
pub(super) struct Cells {
    text: Vec<u8>,
    ends: [(usize, usize); Column::ALL.len()],
    filled: ColumnSet,
}

impl Default for Cells {
    fn default() -> Self {
        let ends = [(0, 0); Column::ALL.len()];
        Self { text: Vec::new(), ends, filled: ColumnSet::default() }
    }
}

impl Cells {
    /// Begins a row.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.filled = ColumnSet::default();
    }

    /// The columns whose fields are not empty.
    pub(super) const fn filled(&self) -> ColumnSet {
        self.filled
    }

    /// The text of a field.
    pub(super) fn text(&self, column: Column) -> &[u8] {
        if !self.filled.contains(column) {
            return b"";
        }
        let (from, to) = self.ends[column as usize];
        &self.text[from..to]
    }

    /// Sets a field to what a function appends.
    #[inline]
    pub(super) fn put(&mut self, column: Column, append: impl FnOnce(&mut Vec<u8>)) {
        let from = self.text.len();
        append(&mut self.text);
        self.ends[column as usize] = (from, self.text.len());
        self.filled.insert(column);
    }

    #[inline]
    pub(super) fn whole(&mut self, column: Column, number: u64) {
        self.put(column, |text| append(text, number));
    }

    pub(super) fn number(&mut self, column: Column, number: impl Display) {
        // Writing to a vector cannot fail.
        self.put(column, |text| drop(write!(text, "{number}")));
    }

    #[inline]
    pub(super) fn word<T: Word>(&mut self, column: Column, value: T) {
        self.put(column, |text| text.extend_from_slice(word(value).as_bytes()));
    }

    /// Sets a field to a word, unless it is the one that an empty field stands for.
    pub(super) fn word_unless<T: Word>(&mut self, column: Column, value: T, default: T) {
        if value != default {
            self.word(column, value);
        }
    }
}
