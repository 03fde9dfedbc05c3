//! The columns of a row group in memory.

use parquet::basic::Encoding;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::file::writer::SerializedColumnWriter;
use parquet::schema::types::ColumnPath;

use crate::csv::write_id;

/// The digits of a decimal: as many as fit in 128 bits.
pub(super) const PRECISION: u32 = 38;

/// The bytes of a decimal.
const DECIMAL: usize = size_of::<i128>();

/// A column of the row group that is being filled.
#[derive(Debug)]
pub(super) struct Column {
    name: &'static str,
    kind: Kind,
    /// For a column that can be empty: for each row, 1 if it has a value.
    levels: Option<Vec<i16>>,
    values: Values,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Count,
    Time,
    Decimal,
    Text,
    Flag,
}

/// The values, without the empty ones.
#[derive(Debug)]
pub(super) enum Values {
    Whole(Vec<i64>),
    /// The bytes of all decimals.
    Decimals(Vec<u8>),
    /// The bytes of all texts, and where each one ends.
    Texts(Vec<u8>, Vec<usize>),
    Flags(Vec<bool>),
}

/// What a row has in a column.
pub(super) trait Cell {
    const KIND: Kind;
    const CAN_BE_EMPTY: bool = false;

    /// Appends the value. Returns `false` if there is none.
    fn append(self, values: &mut Values) -> bool;
}

/// A time in nanoseconds.
#[derive(Clone, Copy, Default)]
pub(super) struct Time(pub(super) i64);

/// A multiple of 10 to the power of minus the table's decimal places.
#[derive(Clone, Copy)]
pub(super) struct Decimal(pub(super) i128);

/// The id of an order or an account.
#[derive(Clone, Copy)]
pub(super) struct Id(pub(super) u128);

impl Column {
    pub(super) fn of<T: Cell>(name: &'static str) -> Self {
        let values = match T::KIND {
            Kind::Count | Kind::Time => Values::Whole(Vec::new()),
            Kind::Decimal => Values::Decimals(Vec::new()),
            Kind::Text => Values::Texts(Vec::new(), Vec::new()),
            Kind::Flag => Values::Flags(Vec::new()),
        };
        Self { name, kind: T::KIND, levels: T::CAN_BE_EMPTY.then(Vec::new), values }
    }

    #[inline]
    pub(super) fn push<T: Cell>(&mut self, cell: T) {
        let has_value = cell.append(&mut self.values);
        if let Some(levels) = &mut self.levels {
            levels.push(has_value.into());
        }
    }

    /// The column in the language of Parquet's schemas.
    pub(super) fn schema(&self, decimals: u8) -> String {
        let name = self.name;
        let repetition = if self.levels.is_some() { "OPTIONAL" } else { "REQUIRED" };
        match self.kind {
            Kind::Count => format!("{repetition} INT64 {name} (INTEGER(64,false));"),
            Kind::Time => format!("{repetition} INT64 {name} (TIMESTAMP(NANOS,true));"),
            Kind::Decimal => format!(
                "{repetition} FIXED_LEN_BYTE_ARRAY ({DECIMAL}) {name} (DECIMAL({PRECISION},{decimals}));"
            ),
            Kind::Text => format!("{repetition} BYTE_ARRAY {name} (STRING);"),
            Kind::Flag => format!("{repetition} BOOLEAN {name};"),
        }
    }

    /// Says how the values are encoded. Whole numbers mostly go up, so their differences are small. All others
    /// repeat, so they are in a dictionary.
    pub(super) fn encoded(&self, properties: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        let path = ColumnPath::from(self.name);
        match self.kind {
            Kind::Count | Kind::Time => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            Kind::Decimal | Kind::Text | Kind::Flag => properties,
        }
    }

    /// Writes all values and forgets them.
    pub(super) fn write(
        &mut self,
        writer: &mut SerializedColumnWriter<'_>,
    ) -> Result<(), ParquetError> {
        let levels = self.levels.as_deref();
        match &mut self.values {
            Values::Whole(values) => {
                writer.typed::<Int64Type>().write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Flags(values) => {
                writer.typed::<BoolType>().write_batch(values, levels, None)?;
                values.clear();
            }
            Values::Decimals(bytes) => {
                let (count, all) = (bytes.len() / DECIMAL, ByteArray::from(std::mem::take(bytes)));
                let value = |at| FixedLenByteArray::from(all.slice(at * DECIMAL, DECIMAL));
                let values: Vec<_> = (0..count).map(value).collect();
                writer.typed::<FixedLenByteArrayType>().write_batch(&values, levels, None)?;
            }
            Values::Texts(bytes, ends) => {
                let (all, mut begin) = (ByteArray::from(std::mem::take(bytes)), 0);
                let value = |end| {
                    let text = all.slice(begin, end - begin);
                    begin = end;
                    text
                };
                let values: Vec<_> = ends.drain(..).map(value).collect();
                writer.typed::<ByteArrayType>().write_batch(&values, levels, None)?;
            }
        }
        if let Some(levels) = &mut self.levels {
            levels.clear();
        }
        Ok(())
    }
}

impl Values {
    fn whole(&mut self, value: i64) -> bool {
        if let Self::Whole(values) = self {
            values.push(value);
        }
        true
    }

    fn text(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> bool {
        if let Self::Texts(bytes, ends) = self {
            append(bytes);
            ends.push(bytes.len());
        }
        true
    }
}

impl Cell for u64 {
    const KIND: Kind = Kind::Count;

    #[inline]
    fn append(self, values: &mut Values) -> bool {
        values.whole(self.cast_signed())
    }
}

impl Cell for Time {
    const KIND: Kind = Kind::Time;

    #[inline]
    fn append(self, values: &mut Values) -> bool {
        values.whole(self.0)
    }
}

impl Cell for Decimal {
    const KIND: Kind = Kind::Decimal;

    #[inline]
    fn append(self, values: &mut Values) -> bool {
        if let Values::Decimals(bytes) = values {
            bytes.extend_from_slice(&self.0.to_be_bytes());
        }
        true
    }
}

impl Cell for &str {
    const KIND: Kind = Kind::Text;

    #[inline]
    fn append(self, values: &mut Values) -> bool {
        values.text(|bytes| bytes.extend_from_slice(self.as_bytes()))
    }
}

impl Cell for Id {
    const KIND: Kind = Kind::Text;

    #[inline]
    fn append(self, values: &mut Values) -> bool {
        values.text(|bytes| write_id(self.0, bytes))
    }
}

impl Cell for bool {
    const KIND: Kind = Kind::Flag;

    #[inline]
    fn append(self, values: &mut Values) -> bool {
        if let Values::Flags(values) = values {
            values.push(self);
        }
        true
    }
}

impl<T: Cell> Cell for Option<T> {
    const KIND: Kind = T::KIND;
    const CAN_BE_EMPTY: bool = true;

    #[inline]
    fn append(self, values: &mut Values) -> bool {
        self.is_some_and(|cell| cell.append(values))
    }
}
