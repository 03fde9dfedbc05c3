//! The events of one command as a value.

use core::fmt;

use crate::command::ActionKind;
use crate::event::{Event, Header, Outcome, Party, Sink};
use crate::quantity::{
    AccountId, MarketId, Price, Quantity, Sequence, Side, Timestamp, TradeNumber,
};
use crate::reason::Reason;

/// The header, events and outcome of one command, for callers that want to keep events instead of
/// handling them one by one.
///
/// Both `Group` and `Vec<Group>` are sinks. A `Vec` keeps the groups of all commands. A `Group`
/// keeps only the group of the last command and reuses its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Group {
    /// The command that the group belongs to.
    pub header: Header,
    /// The command's events, in order.
    pub events: Vec<Event>,
    /// The command's outcome.
    pub outcome: Outcome,
}

/// A trade, taken from an [`Event::Traded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Trade {
    /// The trade's number in its market.
    pub number: TradeNumber,
    /// The resting order; in an uncross the order with the earlier priority.
    pub maker: Party,
    /// The incoming order; in an uncross the order with the later priority.
    pub taker: Party,
    /// The taker's side.
    pub taker_side: Side,
    /// The price of the trade.
    pub price: Price,
    /// The quantity that traded.
    pub quantity: Quantity,
}

/// Why a command was not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// The command was refused.
    Rejected(Reason),
    /// The command repeats an earlier one.
    Duplicate,
}

impl Group {
    /// Returns the group if its command was accepted. Use it so that no refusal is overlooked.
    ///
    /// # Errors
    /// Returns [`NotAccepted`] if the command was refused or repeats an earlier one.
    pub fn accepted(self) -> Result<Self, NotAccepted> {
        match self.outcome {
            Outcome::Accepted => Ok(self),
            Outcome::Rejected(reason) => Err(NotAccepted::Rejected(reason)),
            Outcome::Duplicate => Err(NotAccepted::Duplicate),
        }
    }

    /// The command's trades, in order.
    pub fn trades(&self) -> impl Iterator<Item = Trade> {
        self.events.iter().filter_map(|event| {
            let Event::Traded { number, maker, taker, taker_side, price, quantity, .. } = *event
            else {
                return None;
            };
            Some(Trade { number, maker, taker, taker_side, price, quantity })
        })
    }
}

impl fmt::Display for NotAccepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(reason) => write!(f, "the command was refused: {reason}"),
            Self::Duplicate => f.write_str("the command repeats an earlier one and did nothing"),
        }
    }
}

impl core::error::Error for NotAccepted {}

/// A group without a command, to be used as a buffer.
impl Default for Group {
    fn default() -> Self {
        let header = Header {
            sequence: Sequence(0),
            timestamp: Timestamp(0),
            market: MarketId(0),
            account: AccountId(0),
            request: None,
            session: None,
            kind: ActionKind::AdvanceTime,
        };
        Self { header, events: Vec::new(), outcome: Outcome::Accepted }
    }
}

impl Sink for Group {
    fn begin(&mut self, header: &Header) {
        self.header = *header;
        self.events.clear();
    }

    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn end(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Sink for Vec<Group> {
    fn begin(&mut self, header: &Header) {
        self.push(Group { header: *header, events: Vec::new(), outcome: Outcome::Accepted });
    }

    fn event(&mut self, event: &Event) {
        if let Some(open) = self.last_mut() {
            open.events.push(*event);
        }
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(open) = self.last_mut() {
            open.outcome = outcome;
        }
    }
}
