//! The digests of markets at the closes of their epochs, in bounded memory.

use std::io::Write as _;

use pricetime_engine::{EpochNumber, MarketId, Sequence};
use serde::{Deserialize, Serialize};

use super::super::reader::ByteHash;

/// The number of closes after which every second one is forgotten.
const MARKS_MAX: usize = 1_024;

/// The close of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct EpochMark {
    /// Its number among all closes of the replay, from 1.
    pub(in super::super) number: u64,
    pub(in super::super) market: u32,
    pub(in super::super) epoch: u64,
    /// The command that closed it.
    pub(in super::super) command: u64,
    /// The digest of the market after this command.
    pub(in super::super) digest: String,
    /// The hash of this close and of all closes before it.
    pub(in super::super) chain: String,
}

/// The closes of a replay. Of very many, some are kept, and their chain tells whether all others are equal too.
#[derive(Debug)]
pub(in super::super) struct EpochMarks {
    kept: Vec<EpochMark>,
    last: Option<EpochMark>,
    closed: u64,
    /// Every close whose number is one more than a multiple of this is kept.
    stride: u64,
    chain: ByteHash,
    /// The closes of an earlier replay that have not been compared yet, the next one last.
    expected: Vec<EpochMark>,
    /// The number of the last close that is equal to that of the earlier replay.
    equal: u64,
    difference: Option<Difference>,
}

/// The first close that differs from that of an earlier replay.
#[derive(Clone, Debug)]
pub(in super::super) struct Difference {
    pub(in super::super) expected: EpochMark,
    pub(in super::super) found: EpochMark,
    /// The number of the last compared close before it, which is equal. Those between were not kept.
    pub(in super::super) after: u64,
}

impl EpochMarks {
    /// Starts without a close. Compares with the closes of an earlier replay.
    pub(in super::super) fn new(mut expected: Vec<EpochMark>) -> Self {
        expected.reverse();
        let (kept, last, chain) = (Vec::new(), None, ByteHash::default());
        let (closed, equal) = (0, 0);
        Self { kept, last, closed, stride: 1, chain, expected, equal, difference: None }
    }

    /// Adds a close.
    pub(super) fn add(
        &mut self,
        command: Sequence,
        (market, epoch): (MarketId, EpochNumber),
        digest: u128,
    ) {
        self.closed += 1;
        // Writing to a hash cannot fail.
        let _ = writeln!(self.chain, "{market} {epoch} {command} {digest:032x}");
        let mark = EpochMark {
            number: self.closed,
            market: market.0,
            epoch: epoch.0,
            command: command.0,
            digest: format!("{digest:032x}"),
            chain: self.chain.hex(),
        };
        self.compare(&mark);
        if (self.closed - 1).is_multiple_of(self.stride) {
            self.kept.push(mark.clone());
        }
        self.last = Some(mark);
        if self.kept.len() > MARKS_MAX {
            self.stride *= 2;
            let stride = self.stride;
            self.kept.retain(|mark| (mark.number - 1).is_multiple_of(stride));
        }
    }

    fn compare(&mut self, found: &EpochMark) {
        let Some(expected) = self.expected.pop_if(|next| next.number == found.number) else {
            return;
        };
        if expected == *found {
            self.equal = found.number;
        } else if self.difference.is_none() {
            let (found, after) = (found.clone(), self.equal);
            self.difference = Some(Difference { expected, found, after });
        }
    }

    /// The number of closes.
    pub(in super::super) const fn closed(&self) -> u64 {
        self.closed
    }

    /// The first close that differs from that of the earlier replay.
    pub(in super::super) const fn difference(&self) -> Option<&Difference> {
        self.difference.as_ref()
    }

    /// The closes that are kept, and the last one.
    pub(super) fn into_kept(mut self) -> Vec<EpochMark> {
        if self.kept.last() != self.last.as_ref() {
            self.kept.extend(self.last);
        }
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(expected: Vec<EpochMark>, closes: u64, digest: impl Fn(u64) -> u128) -> EpochMarks {
        let mut marks = EpochMarks::new(expected);
        for number in 1..=closes {
            let of = (MarketId(1), EpochNumber(number));
            marks.add(Sequence(number * 10), of, digest(number));
        }
        marks
    }

    #[test]
    fn first_difference_is_found_among_all_or_between_two_that_are_kept() {
        for closes in [1, 2, 100, 1_024, 1_025, 50_000] {
            let kept = marks(Vec::new(), closes, u128::from).into_kept();
            assert!(
                kept.len() <= MARKS_MAX + 1 && kept.last().is_some_and(|it| it.number == closes)
            );
            assert!(marks(kept.clone(), closes, u128::from).difference().is_none());
            for wrong in [1, closes / 3 + 1, closes] {
                let digest = |number| u128::from(number) + u128::from(number == wrong);
                let again = marks(kept.clone(), closes, digest);
                let Difference { found, after, .. } = again.difference().expect("a difference");
                assert!(*after < wrong && wrong <= found.number, "{closes} {wrong}");
                assert!(closes > 1_024 || found.number == wrong);
            }
        }
    }
}
