//! The trades that are stored in Redis if there is no journal, because settlement has no other source for
//! them.

use std::collections::VecDeque;
use std::hash::Hasher as _;
use std::sync::{Arc, OnceLock};

use pricetime_engine::{
    AccountId, EpochNumber, Event, Fees, Header, OrderId, Party, Price, Quantity, Sequence, Side,
    Timestamp, TradeNumber,
};
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128 as _, SipHasher13};
use uuid::Uuid;

use super::count::check_counts;

/// A trade with everything that settlement needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeRecord {
    /// The epoch that it belongs to.
    pub epoch: EpochNumber,
    /// Its number in the market.
    pub number: TradeNumber,
    /// The command that made it.
    pub sequence: Sequence,
    /// The time of that command.
    pub timestamp: Timestamp,
    /// The price.
    pub price: Price,
    /// The quantity.
    pub quantity: Quantity,
    /// The side of the taker.
    pub taker_side: Side,
    /// The maker: the order that was there first.
    pub maker: Party,
    /// The taker: the order that came later.
    pub taker: Party,
    /// The maker's open quantity afterwards.
    pub maker_remaining: Quantity,
    /// The taker's open quantity afterwards.
    pub taker_remaining: Quantity,
    /// The fees of both.
    pub fees: Fees,
}

impl TradeRecord {
    /// The record of an event, or `None` if the event is not a trade.
    #[must_use]
    pub const fn of(
        header: &Header,
        event: &Event,
        epoch: EpochNumber,
        fees: Fees,
    ) -> Option<Self> {
        let Event::Traded {
            number,
            maker,
            taker,
            taker_side,
            price,
            quantity,
            maker_remaining,
            taker_remaining,
        } = *event
        else {
            return None;
        };
        let (sequence, timestamp) = (header.sequence, header.timestamp);
        Some(Self {
            epoch,
            number,
            sequence,
            timestamp,
            price,
            quantity,
            taker_side,
            maker,
            taker,
            maker_remaining,
            taker_remaining,
            fees,
        })
    }
}

/// One side of a trade.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartyText {
    order: Uuid,
    account: Uuid,
    #[serde(default, skip_serializing_if = "is_zero")]
    reference: u64,
    remaining: Quantity,
    fee_ppm: i32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A trade. Its score is its number.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TradeText {
    epoch: EpochNumber,
    number: TradeNumber,
    sequence: Sequence,
    timestamp: Timestamp,
    price: Price,
    quantity: Quantity,
    taker_side: Side,
    maker: PartyText,
    taker: PartyText,
}

impl PartyText {
    const fn of(party: Party, remaining: Quantity, fee_ppm: i32) -> Self {
        Self {
            order: Uuid::from_u128(party.order.0),
            account: Uuid::from_u128(party.account.0),
            reference: party.reference,
            remaining,
            fee_ppm,
        }
    }

    const fn party(&self) -> Party {
        Party {
            order: OrderId(self.order.as_u128()),
            account: AccountId(self.account.as_u128()),
            reference: self.reference,
        }
    }
}

/// The member of a trade.
pub(super) fn trade_text(trade: &TradeRecord) -> String {
    let text = TradeText {
        epoch: trade.epoch,
        number: trade.number,
        sequence: trade.sequence,
        timestamp: trade.timestamp,
        price: trade.price,
        quantity: trade.quantity,
        taker_side: trade.taker_side,
        maker: PartyText::of(trade.maker, trade.maker_remaining, trade.fees.maker_ppm),
        taker: PartyText::of(trade.taker, trade.taker_remaining, trade.fees.taker_ppm),
    };
    // There are only numbers and names, which JSON can always express.
    serde_json::to_string(&text).unwrap_or_default()
}

/// Parses the member of a trade.
pub(super) fn parse_trade(text: &str) -> Result<TradeRecord, String> {
    let it: TradeText = serde_json::from_str(text).map_err(|error| error.to_string())?;
    check_counts([it.epoch.0, it.number.0, it.sequence.0])?;
    Ok(TradeRecord {
        epoch: it.epoch,
        number: it.number,
        sequence: it.sequence,
        timestamp: it.timestamp,
        price: it.price,
        quantity: it.quantity,
        taker_side: it.taker_side,
        maker: it.maker.party(),
        taker: it.taker.party(),
        maker_remaining: it.maker.remaining,
        taker_remaining: it.taker.remaining,
        fees: Fees { maker_ppm: it.maker.fee_ppm, taker_ppm: it.taker.fee_ppm },
    })
}

/// Some trades of one epoch, in their order.
#[derive(Debug)]
struct Piece {
    trades: Vec<TradeRecord>,
    /// The sum of their digests, computed on first use.
    digest: OnceLock<u128>,
}

impl Piece {
    fn digest(&self) -> u128 {
        *self.digest.get_or_init(|| {
            self.trades.iter().map(digest).fold(0, |sum, digest| sum.wrapping_add(digest))
        })
    }
}

/// A trade's part of the digest: the hash of its stored text.
fn digest(trade: &TradeRecord) -> u128 {
    let mut hash = SipHasher13::new_with_keys(0x7072_6963_6574_696d, 0x6520_7472_6164_6573);
    hash.write(trade_text(trade).as_bytes());
    hash.finish128().as_u128()
}

/// The kept trades of a market, oldest first. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Trades {
    pieces: VecDeque<Arc<Piece>>,
    len: usize,
}

impl PartialEq for Trades {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Trades {}

impl FromIterator<TradeRecord> for Trades {
    fn from_iter<T: IntoIterator<Item = TradeRecord>>(trades: T) -> Self {
        let mut kept = Self::default();
        kept.extend(trades.into_iter().collect());
        kept
    }
}

impl Trades {
    /// The number of trades.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns `true` if there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &TradeRecord> {
        self.pieces.iter().flat_map(|piece| &piece.trades)
    }

    /// Appends newer trades.
    pub fn extend(&mut self, trades: Vec<TradeRecord>) {
        self.len += trades.len();
        let mut trades = trades.into_iter().peekable();
        while let Some(TradeRecord { epoch, .. }) = trades.peek().copied() {
            let mut piece = Vec::new();
            while let Some(trade) = trades.next_if(|trade| trade.epoch == epoch) {
                piece.push(trade);
            }
            self.pieces.push_back(Arc::new(Piece { trades: piece, digest: OnceLock::new() }));
        }
    }

    /// The epoch of the oldest piece, and the number of its last trade. A piece has the trades of one
    /// epoch that were added together.
    #[must_use]
    pub fn oldest(&self) -> Option<(EpochNumber, TradeNumber)> {
        let trade = self.pieces.front()?.trades.last()?;
        Some((trade.epoch, trade.number))
    }

    /// Removes the piece that [`oldest`](Self::oldest) describes. Returns how many trades it had.
    pub fn drop_oldest(&mut self) -> usize {
        let dropped = self.pieces.pop_front().map_or(0, |piece| piece.trades.len());
        self.len -= dropped;
        dropped
    }

    /// The number of the first trade.
    #[must_use]
    pub fn first(&self) -> Option<TradeNumber> {
        self.iter().next().map(|trade| trade.number)
    }

    /// The number of the last trade, or zero if there is none.
    #[must_use]
    pub fn last(&self) -> TradeNumber {
        let last = self.pieces.back().and_then(|piece| piece.trades.last());
        last.map_or(TradeNumber(0), |trade| trade.number)
    }

    /// The trades with numbers above this one.
    pub fn after(&self, number: TradeNumber) -> impl Iterator<Item = &TradeRecord> {
        let newer =
            move |piece: &&Arc<Piece>| piece.trades.last().is_some_and(|last| last.number > number);
        let pieces = self.pieces.iter().filter(newer);
        pieces.flat_map(|piece| &piece.trades).filter(move |trade| trade.number > number)
    }

    /// One number for all trades: the wrapping sum of the hashes of their stored texts.
    #[must_use]
    pub fn digest(&self) -> u128 {
        self.pieces.iter().fold(0, |sum, piece| sum.wrapping_add(piece.digest()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(number: u64, epoch: u64) -> TradeRecord {
        let party =
            |id: u128| Party { order: OrderId(id), account: AccountId(id + 7), reference: 3 };
        TradeRecord {
            epoch: EpochNumber(epoch),
            number: TradeNumber(number),
            sequence: Sequence(number * 2),
            timestamp: Timestamp(u64::MAX - number),
            price: Price(-5),
            quantity: Quantity(9),
            taker_side: Side::Sell,
            maker: party(number.into()),
            taker: party(u128::MAX - 9),
            maker_remaining: Quantity(0),
            taker_remaining: Quantity(4),
            fees: Fees { maker_ppm: -100, taker_ppm: 250 },
        }
    }

    #[test]
    fn trade_is_read_as_it_was_written() {
        let trade = trade(1, 2);
        assert_eq!(parse_trade(&trade_text(&trade)), Ok(trade));
        assert!(parse_trade("{}").is_err());
        let far = TradeRecord { sequence: Sequence((1 << 63) + 1), ..trade };
        assert!(parse_trade(&trade_text(&far)).is_err());
    }

    #[test]
    fn trades_are_kept_by_epoch_and_number() {
        let all: Vec<_> = (1..=9).map(|number| trade(number, number / 3)).collect();
        let mut kept: Trades = all.iter().copied().collect();
        assert_eq!(
            (kept.len(), kept.first(), kept.last()),
            (9, Some(TradeNumber(1)), TradeNumber(9))
        );
        let whole = kept.digest();
        assert_eq!(kept.after(TradeNumber(4)).count(), 5);
        assert_eq!(kept.oldest(), Some((EpochNumber(0), TradeNumber(2))));
        assert_eq!(kept.drop_oldest(), 2);
        assert!(kept.iter().eq(&all[2..]));
        assert_eq!(kept.len(), 7);
        let rest: Trades = all[..2].iter().copied().collect();
        assert_eq!(whole, rest.digest().wrapping_add(kept.digest()));
        assert_ne!(kept.digest(), rest.digest());
    }
}
