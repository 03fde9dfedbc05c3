//! The first line.

use super::column::{Column, ColumnSet};
use super::fault::CsvFault;
use super::row::{BadRow, first_field};

/// What the first line says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) separator: u8,
    pub(super) columns: Vec<Column>,
    pub(super) set: ColumnSet,
}

/// The similarity above which a name is taken for a typing error.
const SIMILAR: f64 = 0.85;

/// Parses the first line. A name may be in capital letters.
pub(super) fn parse(line: &[u8]) -> Result<Header, BadRow<'_>> {
    let separator = line.iter().copied().find(|b| b",;\t".contains(b)).unwrap_or(b',');
    let mut names = Vec::new();
    let mut start = 0;
    while let Some(rest) = line.get(start..) {
        let (name, length) = first_field(rest, separator)?;
        names.push(name);
        start += length + 1;
    }
    let column = |name: &&[u8]| {
        Column::ALL.into_iter().find(|it| name.eq_ignore_ascii_case(it.name().as_bytes()))
    };
    // Without these, it is no header of ours, so nothing is said about other columns.
    for needed in [Column::Action, Column::Market] {
        if !names.iter().any(|name| column(name) == Some(needed)) {
            return Err(BadRow { fault: CsvFault::NoColumn(needed.name()).into(), field: None });
        }
    }
    let (mut columns, mut set) = (Vec::new(), ColumnSet::default());
    for name in names {
        let fault = match column(&name) {
            Some(column) if !set.contains(column) => {
                columns.push(column);
                set.insert(column);
                continue;
            }
            Some(_) => CsvFault::RepeatedColumn,
            None => CsvFault::UnknownColumn(similar(name)),
        };
        return Err(BadRow { fault: fault.into(), field: Some(("column", name)) });
    }
    Ok(Header { separator, columns, set })
}

/// The name of the column that is most similar.
fn similar(name: &[u8]) -> Option<&'static str> {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let scores = Column::ALL.map(|it| (strsim::jaro_winkler(&name, it.name()), it.name()));
    let best = scores.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > SIMILAR).then_some(best.1)
}
