//! What one command did, as a value.

use core::fmt;

use crate::command::ActionKind;
use crate::event::{Event, Header, Outcome, Party, Reason, Sink};
use crate::quantity::{
    AccountId, MarketId, Price, Quantity, Sequence, Side, Timestamp, TradeNumber,
};

/// A group as a value, to keep events instead of handling them one by one.
///
/// Both `Group` and `Vec<Group>` are sinks. A `Vec` keeps the groups of all commands; a `Group` keeps
/// that of the last one and reuses its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Group {
    /// Whose it is.
    pub header: Header,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What became of the command.
    pub outcome: Outcome,
}

/// A trade, as its event tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Trade {
    /// The trade's number in its market.
    pub number: TradeNumber,
    /// The order that was there first.
    pub maker: Party,
    /// The order that came to it.
    pub taker: Party,
    /// What the taker did.
    pub taker_side: Side,
    /// At which price.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
}

/// Why a command was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// It was refused.
    Rejected(Reason),
    /// It repeats an earlier one.
    Duplicate,
}

impl Group {
    /// Returns the group if the command was carried out, so that no refusal is overlooked.
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
            Self::Rejected(reason) => write!(f, "the command was refused: {reason:?}"),
            Self::Duplicate => f.write_str("the command repeats an earlier one and did nothing"),
        }
    }
}

impl core::error::Error for NotAccepted {}

/// A group without a command: a buffer for the first one.
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
