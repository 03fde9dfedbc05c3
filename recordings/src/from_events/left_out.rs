//! What has no message.

use std::fmt;

/// Something that happens in the engine and has no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// A command was refused, or repeats another one.
    NotExecuted,
    /// An order never came to rest: what it traded is in the executions of the orders that rested.
    NeverRested,
    /// A stop waits until it is elected.
    Stop,
    /// An order hides a part of its quantity.
    HiddenPart,
    /// A market order waits for the uncross, without a price.
    Unpriced,
    /// A change of a waiting stop or of hidden quantity.
    Unseen,
    /// An order shows more after an uncross and keeps its place. In the messages it moves to the end of its queue.
    Place,
    /// An epoch closes.
    Epoch,
    /// The terms of a market change, or an account is blocked or unblocked.
    Rule,
}

impl LeftOut {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NotExecuted,
        Self::NeverRested,
        Self::Stop,
        Self::HiddenPart,
        Self::Unpriced,
        Self::Unseen,
        Self::Place,
        Self::Epoch,
        Self::Rule,
    ];
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotExecuted => "commands that were refused or repeat another one",
            Self::NeverRested => {
                "orders that never rested: what they traded is in the executions of the others"
            }
            Self::Stop => "stops, until they are elected",
            Self::HiddenPart => "hidden parts of orders, until they are shown or executed",
            Self::Unpriced => "market orders that wait for an uncross",
            Self::Unseen => "changes of waiting stops or of hidden quantity",
            Self::Place => {
                "places in a queue: these orders show more after an uncross, and move to the end"
            }
            Self::Epoch => "closes of epochs",
            Self::Rule => "changes of a market's terms or of blocked accounts",
        })
    }
}

/// How often each of them happened.
#[derive(Debug, Default)]
pub(super) struct Counted([u64; LeftOut::ALL.len()]);

impl Counted {
    #[inline]
    pub(super) const fn add(&mut self, what: LeftOut) {
        self.0[what as usize] += 1;
    }

    pub(super) const fn of(&self, what: LeftOut) -> u64 {
        self.0[what as usize]
    }
}
