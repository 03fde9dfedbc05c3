//! The traders of the demo, and the operator that opens and closes their epochs.

use pricetime_engine::{
    AccountId, Action, ActionKind, Amend, Command, EpochNumber, Event, Fees, Header, Limits,
    MarketId, MarketSpec, OrderId, OrderKind, Phase, Place, Price, Pricing, Quantity, SelfTrade,
    Sequence, Side, Step, Symbol, Terms, TimeInForce, Timestamp,
};

use super::random::DemoRandom;
use super::time::{SECOND, START, Utc};

/// The only market.
pub(super) const MARKET: MarketId = MarketId(1);

/// The price of a kWh at each hour of the day, in ticks: high in the evening, near zero around noon when
/// the sun is high.
const HOURS: [i64; 24] = [
    1500, 1450, 1400, 1400, 1450, 1600, 1900, 2300, 2100, 1500, 900, 400, 60, 20, 300, 800, 1500,
    2200, 2800, 3000, 2700, 2300, 1900, 1700,
];

const PRICE_MIN: i64 = -5_000;
const PRICE_MAX: i64 = 20_000;
const ACCOUNTS: u32 = 160;
/// With more live orders than this, the traders prefer to cancel rather than place.
const LIVE_TARGET: usize = 1_500;
/// The mean time between two commands; the longest is twice as much.
const PAUSE_NS: u32 = 2_000_000;

/// All traders and the operator. Their commands depend on the seed and on the events they received.
#[derive(Debug)]
pub(super) struct Traders {
    random: DemoRandom,
    sequence: u64,
    now: u64,
    /// The deviation of the price from the hour's base price.
    drift: i64,
    next: Stage,
    epoch: EpochNumber,
    epoch_ns: u64,
    gate: u64,
    orders: u128,
    /// Orders that were placed and may still be open. An order's index here is its reference, which every
    /// event about it carries.
    slots: Vec<Slot>,
    live: Vec<u32>,
    free: Vec<u32>,
}

/// The operator's next action.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Add,
    Open,
    Gather,
    Close,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    order: OrderId,
    account: AccountId,
    side: Side,
    priced: bool,
    open: Quantity,
    /// Its index in `live`, once the order is open.
    at: usize,
}

impl Traders {
    /// Creates the traders of this seed.
    pub(super) const fn new(seed: u64, epoch_seconds: u64) -> Self {
        let epoch_ns = epoch_seconds.saturating_mul(SECOND);
        Self {
            random: DemoRandom::new(seed),
            sequence: 0,
            now: START.0,
            drift: 0,
            next: Stage::Add,
            epoch: EpochNumber(1),
            epoch_ns,
            gate: START.0.saturating_add(epoch_ns),
            orders: 0,
            slots: Vec::new(),
            live: Vec::new(),
            free: Vec::new(),
        }
    }

    /// When the current epoch closes.
    pub(super) const fn gate(&self) -> Timestamp {
        Timestamp(self.gate)
    }

    /// The next command, from a trader or from the operator.
    pub(super) fn command(&mut self) -> Command {
        self.sequence += 1;
        let operation = self.operation();
        let operator = operation.is_some();
        let (account, action) =
            operation.map_or_else(|| self.trade(), |action| (AccountId(0), action));
        Command {
            sequence: Sequence(self.sequence),
            timestamp: Timestamp(self.now),
            market: MARKET,
            account,
            operator,
            request: None,
            action,
            session: None,
        }
    }

    /// The operator's action, if one is due. The last fifth of an epoch is a call phase.
    fn operation(&mut self) -> Option<Action> {
        match self.next {
            Stage::Add => {
                self.next = Stage::Open;
                return Some(Action::AddMarket(spec()));
            }
            Stage::Open => {
                self.next = Stage::Gather;
                return Some(Action::SetPhase(Phase::Continuous));
            }
            Stage::Gather | Stage::Close => {}
        }
        self.now = self.now.saturating_add(u64::from(self.random.below(2 * PAUSE_NS)));
        let call = self.gate.saturating_sub(self.epoch_ns / 5);
        match self.next {
            Stage::Gather if self.now >= call => {
                self.now = call;
                self.next = Stage::Close;
                Some(Action::SetPhase(Phase::Call))
            }
            Stage::Close if self.now >= self.gate => {
                self.now = self.gate;
                self.gate = self.gate.saturating_add(self.epoch_ns);
                self.next = Stage::Open;
                let number = self.epoch;
                self.epoch = number.next();
                Some(Action::CloseEpoch { number })
            }
            Stage::Add | Stage::Open | Stage::Gather | Stage::Close => None,
        }
    }

    fn trade(&mut self) -> (AccountId, Action) {
        if self.random.once_in(64) {
            self.drift += self.random.around(6) - self.drift / 64;
        }
        let too_many = self.live.len() > LIVE_TARGET;
        let choice = self.random.below(100);
        let picked = self.pick().filter(|_| choice < 26 || too_many);
        match picked {
            Some(slot) if choice < 10 => (slot.account, self.amend(slot)),
            Some(slot) if self.random.once_in(2_000) => {
                (slot.account, Action::CancelAll { account: Some(slot.account), side: None })
            }
            Some(slot) => (slot.account, Action::Cancel { order: slot.order }),
            None => self.place(),
        }
    }

    fn pick(&mut self) -> Option<Slot> {
        let count = u32::try_from(self.live.len()).unwrap_or(u32::MAX);
        let at = usize::try_from(self.random.below(count)).ok()?;
        let slot = usize::try_from(*self.live.get(at)?).ok()?;
        self.slots.get(slot).copied()
    }

    fn amend(&mut self, slot: Slot) -> Action {
        let smaller = self.random.once_in(2);
        let open = u32::try_from(slot.open.0).unwrap_or(u32::MAX);
        let fewer = Quantity(u64::from(1 + self.random.below(open)));
        let price = self.limit(slot.side);
        Action::Amend(Amend {
            order: slot.order,
            price: (slot.priced && !smaller).then_some(price),
            quantity: smaller.then_some(fewer),
            stop_price: None,
            if_open: None,
            requeue: false,
        })
    }

    /// The price for this hour, plus the current deviation.
    fn fair(&self) -> i64 {
        let second = Utc::of(Timestamp(self.now)).second_of_day();
        let hour = usize::try_from(second / 3_600).unwrap_or(0);
        let at = |hour: usize| HOURS.get(hour % 24).copied().unwrap_or(0);
        let past = i64::try_from(second % 3_600).unwrap_or(0);
        at(hour) + (at(hour + 1) - at(hour)) * past / 3_600 + self.drift
    }

    /// A limit price for an order on this side: mostly worse than the fair price, rarely better.
    fn limit(&mut self, side: Side) -> Price {
        let distance = i64::from(self.random.below(14) * self.random.below(14) / 3) - 6;
        let price = match side {
            Side::Buy => self.fair() - distance,
            Side::Sell => self.fair() + distance,
        };
        Price(price.clamp(PRICE_MIN, PRICE_MAX))
    }

    /// A stop price, a little away from the fair price; the market has to move there to trigger it.
    fn stop(&mut self, side: Side) -> Price {
        let away = i64::from(self.random.within(8, 60));
        let price = match side {
            Side::Buy => self.fair() + away,
            Side::Sell => self.fair() - away,
        };
        Price(price.clamp(PRICE_MIN, PRICE_MAX))
    }

    fn place(&mut self) -> (AccountId, Action) {
        let number = self.random.within(1, ACCOUNTS);
        let account = AccountId(u128::from(number));
        let side = match number % 5 {
            0 | 1 => Side::Buy,
            2 | 3 => Side::Sell,
            _ if self.random.once_in(2) => Side::Buy,
            _ => Side::Sell,
        };
        self.orders += 1;
        let order = OrderId(self.orders);
        let mut place = Place {
            order,
            reference: 0,
            side,
            kind: OrderKind::Limit { price: self.limit(side) },
            quantity: Quantity(u64::from(self.random.within(20, 2_000))),
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            minimum_quantity: None,
            display_quantity: None,
            self_trade: SelfTrade::CancelMaker,
        };
        self.vary(&mut place);
        let slot = Slot {
            order,
            account,
            side,
            priced: place.kind.price().is_some(),
            open: place.quantity,
            at: usize::MAX,
        };
        place.reference = u64::from(self.insert(slot));
        (account, Action::Place(place))
    }

    /// Turns some orders into special ones. In a call phase nothing trades at once, so no order there
    /// requires it.
    fn vary(&mut self, place: &mut Place) {
        let call = matches!(self.next, Stage::Close);
        match self.random.below(100) {
            0..8 => place.kind = OrderKind::Market,
            8..13 => {
                let stop = self.stop(place.side);
                let price = match place.side {
                    Side::Buy => stop.up(10),
                    Side::Sell => stop.down(10),
                };
                place.kind = if self.random.once_in(2) {
                    OrderKind::Stop { stop }
                } else {
                    OrderKind::StopLimit { stop, price }
                };
            }
            13..17 => {
                place.quantity = Quantity(place.quantity.0 * 5);
                place.display_quantity = Some(Quantity(place.quantity.0.div_ceil(8)));
            }
            17..25 => {
                place.time_in_force = TimeInForce::ForEpochs(u64::from(self.random.within(1, 3)))
            }
            25..35 => {
                let seconds = u64::from(self.random.within(1, 1_800));
                place.time_in_force =
                    TimeInForce::GoodTillDate(Timestamp(self.now + seconds * SECOND));
            }
            35..43 if !call => place.time_in_force = TimeInForce::ImmediateOrCancel,
            43..45 if !call => place.time_in_force = TimeInForce::FillOrKill,
            45..50 if !call => {
                // Priced a step away from the market; otherwise most of these orders would be rejected.
                place.post_only = true;
                place.kind = OrderKind::Limit {
                    price: match place.side {
                        Side::Buy => Price(self.fair()).down(40),
                        Side::Sell => Price(self.fair()).up(40),
                    },
                };
            }
            _ => {}
        }
    }

    fn insert(&mut self, slot: Slot) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(slot);
            u32::try_from(self.slots.len() - 1).expect("a market holds fewer orders")
        });
        if let Some(stored) = self.slot(u64::from(number)) {
            *stored = slot;
        }
        number
    }

    fn slot(&mut self, reference: u64) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(reference).ok()?)
    }

    /// Updates the traders' state from an event.
    pub(super) fn on_event(&mut self, header: &Header, event: &Event) {
        match event {
            Event::Accepted { place, .. } => self.add_live(place.reference),
            Event::Rejected { reference, .. } if header.kind == ActionKind::Place => {
                self.free.extend(reference.and_then(|number| u32::try_from(number).ok()));
            }
            Event::Traded { maker, taker, maker_remaining, taker_remaining, .. } => {
                self.open(maker.reference, *maker_remaining);
                self.open(taker.reference, *taker_remaining);
            }
            Event::Reduced { party, remaining, .. } | Event::Amended { party, remaining, .. } => {
                self.open(party.reference, *remaining);
            }
            Event::Cancelled { party, .. } => self.open(party.reference, Quantity::ZERO),
            Event::Rejected { .. }
            | Event::Triggered { .. }
            | Event::Replenished { .. }
            | Event::PhaseChanged { .. }
            | Event::EpochClosed(_)
            | Event::MarketAdded(_)
            | Event::MarketSet(_)
            | Event::MarketRemoved
            | Event::AccountBlocked(_)
            | Event::AccountUnblocked(_)
            | Event::Duplicate { .. } => {}
        }
    }

    fn add_live(&mut self, reference: u64) {
        let at = self.live.len();
        if let (Ok(number), Some(slot)) = (u32::try_from(reference), self.slot(reference)) {
            slot.at = at;
            self.live.push(number);
        }
    }

    /// Records an order's open quantity; an order with none left is gone.
    fn open(&mut self, reference: u64, open: Quantity) {
        let Some(slot) = self.slot(reference) else {
            return;
        };
        slot.open = open;
        let at = slot.at;
        if open.is_zero() && at < self.live.len() {
            self.free.push(self.live.swap_remove(at));
            if let Some(moved) = self.live.get(at).copied()
                && let Some(moved) = self.slot(u64::from(moved))
            {
                moved.at = at;
            }
        }
    }
}

/// The spec of an energy market: prices in steps of 0.0001 per kWh, quantities in steps of 0.01 kWh.
fn spec() -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new("P2P-ENERGY").expect("a symbol"),
        tick: Step { mantissa: 1, exponent: -4 },
        lot: Step { mantissa: 1, exponent: -2 },
        pricing: Pricing::Maker,
        quantity_max: Quantity(1_000_000),
        limits: Limits { orders_max: 16_384, ..Limits::default() },
        terms: Terms {
            price_min: Price(PRICE_MIN),
            price_max: Price(PRICE_MAX),
            protection_ticks: Some(300),
            reference: None,
            fees: Fees::default(),
        },
    }
}
