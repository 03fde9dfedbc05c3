//! Writes what the engine did as a table.

use std::path::Path;

use pricetime_engine::{Engine, Group};
use pricetime_recordings::Fault;
use pricetime_recordings::parquet::{Options, Table, Writer};

use super::super::failure::Failure;
use super::super::reader::Stop;
use super::errors::unwritten;
use super::file::{Names, NewFile};
use super::options::{TableName, TargetOptions};

/// A Parquet file.
pub(super) struct TableTarget(Writer<NewFile>);

impl TableTarget {
    /// Creates the file.
    pub(super) fn create(
        to: &Path,
        options: &TargetOptions,
        names: &mut Vec<Names>,
    ) -> Result<Self, Stop> {
        let table = match options.table {
            None | Some(TableName::Trades) => Table::Trades,
            Some(TableName::Levels) => Table::Levels,
            Some(TableName::Events) => Table::Events,
        };
        let default = Options::default();
        let decimals = options.decimals.unwrap_or(default.decimals);
        let file = NewFile::create(to, options.force, names)?;
        let options = Options { decimals, levels: options.levels(), ..default };
        let writer = Writer::new(file, &to.display().to_string(), table, options);
        Ok(Self(writer.map_err(unwritten)?))
    }

    /// Writes the rows of the last command.
    #[inline]
    pub(super) fn write(&mut self, group: &Group, engine: &Engine) -> Result<(), Stop> {
        self.0.write(group, engine).map_err(|error| {
            let is_too_precise = matches!(error.details().fault, Fault::TooPrecise(_));
            let hint = if is_too_precise { "; --decimals sets another number of them" } else { "" };
            match unwritten(error) {
                Stop::EndedEarly => Stop::EndedEarly,
                Stop::Failed(failure) => {
                    let number = group.header.sequence;
                    Failure::failed(format!("command {number}: {}{hint}", failure.text())).into()
                }
            }
        })
    }

    /// Writes and syncs what is left. Returns the number of rows.
    pub(super) fn end(self) -> Result<u64, Stop> {
        let rows = self.0.rows();
        self.0.finish().map_err(unwritten)?.end()?;
        Ok(rows)
    }
}
