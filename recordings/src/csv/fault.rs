//! What is wrong with a header or a row.

/// What is wrong with a CSV file of commands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvFault {
    /// A column that every file needs is not in the header.
    #[error("has no column {0}")]
    NoColumn(&'static str),
    /// The header has a column that means nothing. The name of a similar one, if there is one.
    #[error("is not a column of commands")]
    UnknownColumn(Option<&'static str>),
    /// The header has a column twice.
    #[error("is in the header twice")]
    RepeatedColumn,
    /// A value is missing that this action needs.
    #[error("is missing")]
    Missing(&'static str),
    /// There is a value that this action cannot use.
    #[error("has no meaning for {0}")]
    Unused(&'static str),
    /// The value is none of these words.
    #[error("is not one of {}", .0.join(", "))]
    UnknownWord(&'static [&'static str]),
    /// The text after a quote does not end with a quote before the end of the field.
    #[error("has a quote that is not closed at the end of the field")]
    Quote,
    /// No market with this symbol was added.
    #[error("was not added")]
    UnknownMarket,
    /// The value is between two steps of its market.
    #[error("{0}")]
    BetweenSteps(Box<BetweenSteps>),
    /// A command has a value for which the file has no column.
    #[error("has no column in this file")]
    NotWritten,
}

/// A value between two steps of its market.
#[derive(Debug, thiserror::Error)]
#[error("is not a multiple of the {kind} {step} (nearest: {below}, {above})")]
pub struct BetweenSteps {
    /// Tick or lot.
    pub kind: &'static str,
    /// The step.
    pub step: String,
    /// The value below.
    pub below: String,
    /// The value above.
    pub above: String,
    /// `false` if no row added the market.
    pub is_added: bool,
}

impl CsvFault {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoColumn(_) => String::from(
                "the first line names the columns, such as \
                 time,action,market,account,order,side,price,quantity",
            ),
            Self::UnknownColumn(similar) => return similar.map(|it| format!("did you mean {it}?")),
            Self::Missing(action) => format!("a row of {action} needs it"),
            Self::Unused(_) => String::from("leave it empty"),
            Self::UnknownMarket => String::from(
                "add it with a row of add_market, or give the tick and the lot of new markets",
            ),
            Self::BetweenSteps(between) if !between.is_added => {
                String::from("no row before it adds this market, so it counts in ticks and lots")
            }
            Self::NotWritten => String::from("write the file with this column too"),
            Self::RepeatedColumn | Self::UnknownWord(_) | Self::Quote | Self::BetweenSteps(_) => {
                return None;
            }
        })
    }

    /// Returns `true` if only one row is faulty.
    pub(crate) const fn is_in_one_row(&self) -> bool {
        match self {
            Self::NoColumn(_) | Self::UnknownColumn(_) | Self::RepeatedColumn => false,
            Self::Missing(_)
            | Self::Unused(_)
            | Self::UnknownWord(_)
            | Self::Quote
            | Self::UnknownMarket
            | Self::BetweenSteps(_)
            | Self::NotWritten => true,
        }
    }
}
