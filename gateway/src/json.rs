//! Commands and events as JSON lines: one object a line, UTF-8, ended by a line feed.
//!
//! A line is an object with one member, whose name says what it is: `{"place":{…}}`. Prices and
//! quantities are decimals in strings, in the market's own units; accounts, orders and requests are
//! UUIDs; times are UTC with nanoseconds. What a line does not need may be left out; what nobody
//! knows, and what stands there twice, is refused with its column. `docs/json.md` shows every line.
//!
//! These types are the format: what is read and written is exactly what they say, and so is the JSON
//! Schema that is made from them. Between them and the core's types stand [`Line::draft`],
//! [`Line::of`] and [`Done::of`], all exact.

mod asked;
mod convert;
mod event;
mod input;
mod market;
mod output;
mod read;
#[cfg(feature = "schema")]
mod schema;
mod value;

pub use convert::BadLine;
pub use event::{
    ClearingLine, EpochLine, EventLine, OrderLine, OutcomeLine, PartyLine, SideLine, UntilLine,
};
pub use input::{
    AddMarket, AdvanceTime, Amend, BlockAccount, Cancel, CancelAll, CancelSession, CloseEpoch,
    DEPTH_MAX, Hello, Line, MarketAsked, OrderAsked, OrderType, OutcomeAsked, Place, RemoveMarket,
    SetMarket, SetPhase, Subscribe, TimeInForce, UnblockAccount, View, Whose,
};
pub use market::{CallLine, Detail, IndicativeLine, MarketOrdersLine, MarketSpecLine, TermsLine};
pub use output::{
    Answer, Book, Done, Ended, FencedLine, LevelLine, MarketFound, OrderFound, Orders,
    OutcomeFound, Refused, Status, TradeLine, Update, Welcome,
};
pub use read::Unreadable;
pub use value::{Amount, StepParts, StepText, Time};

/// The version of the format. It grows when a line changes its meaning.
pub const FORMAT: u32 = 1;
