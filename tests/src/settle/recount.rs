//! Recounts epochs from events, trade by trade. Sums are computed only when they are needed.

use std::collections::BTreeMap;

use pricetime_engine::{AccountId, EpochNumber, Event, Fees, Group, MarketId, Outcome, Side};

/// The base and quote amounts that accounts receive. Accounts that receive nothing are absent.
pub type Sums = BTreeMap<AccountId, (i128, i128)>;

#[derive(Clone, Debug)]
struct Trade {
    market: MarketId,
    epoch: EpochNumber,
    buyer: AccountId,
    seller: AccountId,
    buyer_ppm: i32,
    seller_ppm: i32,
    price: i64,
    quantity: u64,
}

/// All trades and closed epochs in the events.
#[derive(Clone, Debug, Default)]
pub struct Recount {
    trades: Vec<Trade>,
    /// The closed epochs, in the order in which they closed.
    pub closed: Vec<(MarketId, EpochNumber)>,
    open: BTreeMap<MarketId, (EpochNumber, Fees)>,
}

/// This many millionths of an amount, rounded up.
fn millionths(amount: i128, ppm: i32) -> i128 {
    let exact = amount.abs() * i128::from(ppm);
    let mut whole = exact / 1_000_000;
    while whole * 1_000_000 < exact {
        whole += 1;
    }
    while (whole - 1) * 1_000_000 >= exact {
        whole -= 1;
    }
    whole
}

impl Recount {
    /// Adds a group.
    ///
    /// # Panics
    /// Panics if an event is about a market that does not exist.
    pub fn process(&mut self, group: &Group) {
        if group.outcome != Outcome::Accepted {
            return;
        }
        let market = group.header.market;
        for event in &group.events {
            if let Event::MarketAdded(spec) = event {
                self.open.insert(market, (EpochNumber(1), spec.terms.fees));
            } else if let Event::MarketSet(terms) = event {
                self.open.get_mut(&market).expect("a market").1 = terms.fees;
            } else if let Event::EpochClosed(summary) = event {
                self.closed.push((market, summary.number));
                self.open.get_mut(&market).expect("a market").0 = EpochNumber(summary.number.0 + 1);
            } else if let Event::MarketRemoved = event {
                let (epoch, _) = self.open.remove(&market).expect("a market");
                if self.trades.iter().any(|it| (it.market, it.epoch) == (market, epoch)) {
                    self.closed.push((market, epoch));
                }
            } else if let Event::Traded { maker, taker, taker_side, price, quantity, .. } = event {
                let (epoch, Fees { maker_ppm, taker_ppm }) = self.open[&market];
                let (maker, taker) = ((maker.account, maker_ppm), (taker.account, taker_ppm));
                let (buyer, seller) =
                    if *taker_side == Side::Buy { (taker, maker) } else { (maker, taker) };
                self.trades.push(Trade {
                    market,
                    epoch,
                    buyer: buyer.0,
                    seller: seller.0,
                    buyer_ppm: buyer.1,
                    seller_ppm: seller.1,
                    price: price.0,
                    quantity: quantity.0,
                });
            }
        }
    }

    /// The sums of the selected epochs of a market, including the platform's account.
    pub fn sums(
        &self,
        market: MarketId,
        platform: AccountId,
        selects: impl Fn(EpochNumber) -> bool,
    ) -> Sums {
        let mut sums = Sums::new();
        let mut credit = |account, base: i128, quote: i128| {
            let sum: &mut (i128, i128) = sums.entry(account).or_default();
            sum.0 += base;
            sum.1 += quote;
        };
        for it in self.trades.iter().filter(|it| it.market == market && selects(it.epoch)) {
            let value = i128::from(it.price) * i128::from(it.quantity);
            credit(it.buyer, i128::from(it.quantity), -value);
            credit(it.seller, -i128::from(it.quantity), value);
            for (account, ppm) in [(it.buyer, it.buyer_ppm), (it.seller, it.seller_ppm)] {
                let fee = millionths(value, ppm);
                credit(account, 0, -fee);
                credit(platform, 0, fee);
            }
        }
        sums.retain(|_, sum| *sum != (0, 0));
        sums
    }

    /// An account without any trade.
    ///
    /// # Panics
    /// Panics if every possible account has traded.
    #[must_use]
    pub fn bystander(&self) -> AccountId {
        let trades = |it: &AccountId| {
            self.trades.iter().any(|trade| trade.buyer == *it || trade.seller == *it)
        };
        (0..=u128::MAX).rev().map(AccountId).find(|it| !trades(it)).expect("an account")
    }

    /// The number of trades of an epoch, and the sums of their quantities and of their values.
    #[must_use]
    pub fn turnover(&self, market: MarketId, epoch: EpochNumber) -> (u64, u128, i128) {
        let trades_of_epoch =
            self.trades.iter().filter(|it| (it.market, it.epoch) == (market, epoch));
        trades_of_epoch.fold((0, 0, 0), |(trades, volume, value), it| {
            let more = i128::from(it.price) * i128::from(it.quantity);
            (trades + 1, volume + u128::from(it.quantity), value + more)
        })
    }
}
