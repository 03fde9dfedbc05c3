//! Makes batches from events.

use std::collections::BTreeMap;

use foldhash::HashMap;
use pricetime_engine::{
    AccountId, EpochNumber, Event, Fees, Header, MarketHead, MarketId, Notional, Outcome, Party,
    Side,
};
use sha2::{Digest as _, Sha256};

use super::batch::{Batch, Transfer};
use super::digest::Digest;
use super::fees::fee;
use pricetime_journal::History;

/// The result of an epoch when it closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The whole epoch.
    Whole(Batch),
    /// The epoch had trades before the collector started. Its batch must be made from an earlier state.
    Part {
        /// The market.
        market: MarketId,
        /// The epoch.
        epoch: EpochNumber,
    },
}

/// Follows the events of all markets and makes a batch of each epoch.
#[derive(Debug)]
pub struct Collector {
    history: History,
    platform: AccountId,
    markets: BTreeMap<MarketId, OpenEpoch>,
}

/// The open epoch of a market.
#[derive(Debug)]
struct OpenEpoch {
    epoch: EpochNumber,
    fees: Fees,
    /// Whether the collector has seen all of its trades.
    whole: bool,
    trades: u64,
    volume: u128,
    notional: i128,
    fees_charged: i128,
    digest: Sha256,
    net: HashMap<AccountId, (i128, i128)>,
}

/// The parts of a trade that matter here.
struct Trade<'a> {
    maker: &'a Party,
    taker: &'a Party,
    taker_side: Side,
    base: i128,
    notional: Notional,
}

impl OpenEpoch {
    fn new(epoch: EpochNumber, fees: Fees, whole: bool) -> Self {
        Self {
            epoch,
            fees,
            whole,
            trades: 0,
            volume: 0,
            notional: 0,
            fees_charged: 0,
            digest: Sha256::new(),
            net: HashMap::default(),
        }
    }

    /// Adds a trade. Sums saturate at the ends of their types, which takes more than 2^33 trades of the
    /// largest size. Such a batch does not sum to zero, and no ledger takes it.
    fn trade(&mut self, trade: &Trade<'_>) -> (i128, i128) {
        let maker_fee = fee(trade.notional, self.fees.maker_ppm);
        let taker_fee = fee(trade.notional, self.fees.taker_ppm);
        let mut give = |account: AccountId, base: i128, quote: i128| {
            let (has_base, has_quote) = self.net.entry(account).or_default();
            *has_base = has_base.saturating_add(base);
            *has_quote = has_quote.saturating_add(quote);
        };
        let (base, quote) = match trade.taker_side {
            Side::Buy => (trade.base, -trade.notional.0),
            Side::Sell => (-trade.base, trade.notional.0),
        };
        give(trade.taker.account, base, quote - taker_fee);
        give(trade.maker.account, -base, -quote - maker_fee);
        self.fees_charged = self.fees_charged.saturating_add(maker_fee + taker_fee);
        self.trades += 1;
        self.volume = self.volume.saturating_add(trade.base.unsigned_abs());
        self.notional = self.notional.saturating_add(trade.notional.0);
        (maker_fee, taker_fee)
    }

    /// Closes the epoch and returns its result. The next epoch opens with the same fees.
    fn close(&mut self, history: History, market: MarketId, platform: AccountId) -> Closed {
        let next = Self::new(self.epoch.next(), self.fees, true);
        let mut open = std::mem::replace(self, next);
        let epoch = open.epoch;
        if !open.whole {
            return Closed::Part { market, epoch };
        }
        let platform_net = open.net.entry(platform).or_default();
        platform_net.1 = platform_net.1.saturating_add(open.fees_charged);
        let mut transfers: Vec<Transfer> = open
            .net
            .into_iter()
            .map(|(account, (base, quote))| Transfer { account, base, quote })
            .filter(|transfer| (transfer.base, transfer.quote) != (0, 0))
            .collect();
        transfers.sort_unstable_by_key(|transfer| transfer.account);
        Closed::Whole(Batch {
            history,
            market,
            epoch,
            trades: open.trades,
            volume: open.volume,
            notional: open.notional,
            fees: open.fees_charged,
            platform,
            trades_digest: Digest(open.digest.finalize().into()),
            transfers,
        })
    }
}

impl Collector {
    /// Creates a collector that starts from this state. An open epoch that has trades already is
    /// reported as [`Closed::Part`].
    #[must_use]
    pub fn new(history: History, platform: AccountId, markets: &[MarketHead]) -> Self {
        let open = |head: &MarketHead| {
            let whole = head.turnover.trades == 0;
            (head.market, OpenEpoch::new(head.epoch, head.spec.terms.fees, whole))
        };
        Self { history, platform, markets: markets.iter().map(open).collect() }
    }

    /// Takes a group. Returns the epoch that closed in it, if one did.
    pub fn group(&mut self, header: &Header, events: &[Event], outcome: Outcome) -> Option<Closed> {
        if outcome != Outcome::Accepted {
            return None;
        }
        let mut closed = None;
        for event in events {
            closed = self.event(header.market, event).or(closed);
        }
        closed
    }

    fn event(&mut self, market: MarketId, event: &Event) -> Option<Closed> {
        let (history, platform) = (self.history, self.platform);
        match event {
            Event::Traded { number, maker, taker, taker_side, price, quantity, .. } => {
                let open = self.markets.get_mut(&market)?;
                let (base, notional) = (i128::from(quantity.0), price.times(*quantity));
                let trade = Trade { maker, taker, taker_side: *taker_side, base, notional };
                let (maker_fee, taker_fee) = open.trade(&trade);
                let sum = &mut open.digest;
                sum.update(number.0.to_be_bytes());
                sum.update(price.0.to_be_bytes());
                sum.update(quantity.0.to_be_bytes());
                sum.update([u8::from(*taker_side == Side::Buy)]);
                for (party, fee) in [(maker, maker_fee), (taker, taker_fee)] {
                    sum.update(party.account.0.to_be_bytes());
                    sum.update(party.order.0.to_be_bytes());
                    sum.update(fee.to_be_bytes());
                }
                None
            }
            Event::EpochClosed(_) => {
                Some(self.markets.get_mut(&market)?.close(history, market, platform))
            }
            Event::MarketAdded(spec) => {
                let open = OpenEpoch::new(EpochNumber(1), spec.terms.fees, true);
                self.markets.insert(market, open);
                None
            }
            Event::MarketSet(terms) => {
                self.markets.get_mut(&market)?.fees = terms.fees;
                None
            }
            // The trades of its last epoch are settled like any others.
            Event::MarketRemoved => {
                let mut open = self.markets.remove(&market)?;
                (open.trades > 0 || !open.whole).then(|| open.close(history, market, platform))
            }
            Event::Accepted { .. }
            | Event::Rejected { .. }
            | Event::Reduced { .. }
            | Event::Amended { .. }
            | Event::Cancelled { .. }
            | Event::Triggered { .. }
            | Event::Replenished { .. }
            | Event::PhaseChanged { .. }
            | Event::AccountBlocked(_)
            | Event::AccountUnblocked(_)
            | Event::Duplicate { .. } => None,
        }
    }
}
