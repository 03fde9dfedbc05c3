//! Commands and events as JSON lines: one object per line, UTF-8, ended by a line feed.
//!
//! A line is an object with one member, whose name is the kind of the line: `{"place":{…}}`. Prices and
//! quantities are decimals in strings, in the market's own units; accounts, orders and requests are
//! UUIDs; times are UTC with nanoseconds. A member that a line does not need may be left out. A line with
//! an unknown or a repeated member is refused, with the column. `docs/json.md` shows every line.
//!
//! These types are the format: they define what is read and written, and the JSON Schema is made from
//! them. [`Line::draft`], [`Line::of`] and [`Done::of`] convert between them and the core's types, all
//! exactly.

mod convert;
mod event;
mod input;
mod market;
mod output;
mod questions;
mod quick;
mod read;
#[cfg(feature = "schema")]
mod schema;
mod status;
mod value;
mod write;

pub use convert::BadLine;
pub use event::{
    ClearingLine, EpochLine, EventLine, OrderLine, OutcomeLine, PartyLine, SideLine, UntilLine,
};
pub use input::{
    AddMarket, AdvanceTime, Amend, BlockAccount, Cancel, CancelAll, CancelSession, CloseEpoch,
    DEPTH_MAX, Hello, Line, MARKETS_LISTED_MAX, MarketAsked, MarketsAsked, OrderAsked, OrderType,
    OutcomeAsked, Place, RemoveMarket, SetMarket, SetPhase, Subscribe, TimeInForce, UnblockAccount,
    View, Whose,
};
pub use market::{CallLine, Detail, IndicativeLine, MarketOrdersLine, MarketSpecLine, TermsLine};
pub use output::{
    Answer, Book, Done, Ended, FencedLine, LevelLine, ListedMarket, MarketFound, MarketsFound,
    OrderFound, Orders, OutcomeFound, Refused, Status, TradeLine, Update, Welcome,
};
pub use read::Unreadable;
pub use value::{Amount, StepParts, StepText, Time};
pub use write::{write_command, write_done};

/// The version of the format. It grows when a line changes its meaning.
pub const FORMAT: u32 = 1;
