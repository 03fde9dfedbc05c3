//! A moment in a history: a command's number, the close of an epoch, or a time.

use std::fmt;
use std::str::FromStr;

use pricetime_engine::{EpochNumber, MarketId, Sequence, Timestamp};
use pricetime_gateway::json::Time;

/// A moment in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Moment {
    /// After this command.
    Sequence(Sequence),
    /// After the close of this epoch, in this market or in the first market that closes it.
    Epoch(EpochNumber, Option<MarketId>),
    /// After the last command with this time or an earlier one.
    Time(Timestamp),
}

impl Moment {
    /// The moment as an option states it.
    pub(in super::super) fn argument(self) -> String {
        match self {
            Self::Sequence(sequence) => sequence.to_string(),
            Self::Epoch(number, None) => format!("epoch:{number}"),
            Self::Epoch(number, Some(market)) => format!("epoch:{number}@{market}"),
            Self::Time(time) => Time(time).to_string(),
        }
    }

    /// Returns `true` if the close of this epoch is the moment.
    pub(in super::super) fn is_close(self, market: MarketId, epoch: EpochNumber) -> bool {
        match self {
            Self::Sequence(_) | Self::Time(_) => false,
            Self::Epoch(number, of) => number == epoch && of.is_none_or(|of| of == market),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sequence(sequence) => write!(f, "command {sequence}"),
            Self::Epoch(number, None) => write!(f, "the close of an epoch {number}"),
            Self::Epoch(number, Some(market)) => {
                write!(f, "the close of epoch {number} of market {market}")
            }
            Self::Time(time) => Time(*time).fmt(f),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |_| {
            format!(
                "{text:?} is not a moment: use a command's number like 1200, an epoch like \
                 epoch:7, that of one market like epoch:7@2, or a time like 2026-11-21T10:15:00Z"
            )
        };
        if let Ok(Time(time)) = text.parse() {
            return Ok(Self::Time(time));
        }
        let Some(epoch) = text.strip_prefix("epoch:") else {
            return text.replace('_', "").parse().map(Sequence).map(Self::Sequence).map_err(bad);
        };
        let (number, market) = match epoch.split_once('@') {
            Some((number, market)) => (number, Some(MarketId(market.parse().map_err(bad)?))),
            None => (epoch, None),
        };
        Ok(Self::Epoch(EpochNumber(number.parse().map_err(bad)?), market))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moment_is_parsed_as_a_command_an_epoch_or_a_time() {
        assert_eq!("1_200".parse(), Ok(Moment::Sequence(Sequence(1_200))));
        assert_eq!("epoch:7".parse(), Ok(Moment::Epoch(EpochNumber(7), None)));
        assert_eq!("epoch:7@2".parse(), Ok(Moment::Epoch(EpochNumber(7), Some(MarketId(2)))));
        let noon = Timestamp(1_780_315_200_000_000_000);
        assert_eq!("2026-06-01T12:00Z".parse(), Ok(Moment::Time(noon)));
        for text in ["1200", "epoch:7", "epoch:7@2", "2026-06-01T12:00:00.000000000Z"] {
            assert_eq!(text.parse().map(Moment::argument).as_deref(), Ok(text));
        }
        for bad in ["", "epoch", "epoch:", "epoch:7@", "now", "-1", "7@2"] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }
}
