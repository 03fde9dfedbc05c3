//! The profile of a seed: its limits, its weights, and its distributions of prices and quantities.

use pricetime_engine::{ActionKind, Phase, Pricing, SelfTrade};

use super::random::Random;

/// The focus of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// A bit of everything.
    Everyday,
    /// Many orders at a handful of prices.
    FewPrices,
    /// Icebergs that are traded part by part.
    Icebergs,
    /// Many stops close to where trades happen.
    Stops,
    /// Two accounts that mostly trade with themselves.
    SelfTrades,
    /// Call, resting market orders, uncrosses.
    Auctions,
    /// Orders that expire.
    Expiries,
    /// A book that is nearly always full.
    Full,
    /// Prices that are far apart and drift.
    FarPrices,
    /// Prices and quantities at the limits of their types.
    Extremes,
    /// Repeated request ids.
    Requests,
    /// Markets and terms that change.
    Markets,
    /// A book of hundreds of orders.
    Large,
}

/// The names of the kinds of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the order kind of its name")]
pub enum KindName {
    Limit,
    Market,
    Stop,
    StopLimit,
}

/// The names of the times in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the time in force of its name")]
pub enum TimeName {
    GoodTillCancel,
    ImmediateOrCancel,
    FillOrKill,
    GoodTillDate,
    ForEpochs,
}

/// The distribution of prices.
#[derive(Clone, Copy, Debug)]
pub struct PriceDistribution {
    /// The price at which trading begins.
    pub centre: i64,
    /// The distance from there within which most prices are.
    pub spread: u64,
    /// The percentage of distant prices.
    pub far_percent: u64,
    /// The distance of those.
    pub far_spread: u64,
    /// The percentage of prices whose choice first moves the centre itself.
    pub drift_percent: u64,
}

/// The distribution of orders. Fields with the suffix `_percent` are percentages.
#[derive(Clone, Debug)]
pub struct OrderDistribution {
    /// Kinds by weight.
    pub kinds: [(u64, KindName); 4],
    /// Times in force by weight.
    pub times: [(u64, TimeName); 5],
    /// Modes of self-trade prevention by weight.
    pub self_trades: [(u64, SelfTrade); 5],
    /// The usual largest quantity.
    pub quantity_max: u64,
    /// Post-only orders.
    pub post_only_percent: u64,
    /// Icebergs.
    pub display_percent: u64,
    /// Minimum quantities, of IOC orders.
    pub minimum_percent: u64,
    /// Orders that can trade at once.
    pub crossing_percent: u64,
}

/// Everything that differs between seeds.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its theme.
    pub theme: Theme,
    /// The number of commands of the run.
    pub length: usize,
    /// The maximum number of markets of the engine.
    pub markets_max: u32,
    /// The number of accounts that trade.
    pub accounts: u64,
    /// The number of different order ids.
    pub order_ids: u64,
    /// The usual `orders_max` of its markets.
    pub orders_max: u32,
    /// The pricing rule of most of its markets.
    pub pricing: Pricing,
    /// The percentage of commands with a request id.
    pub request_percent: u64,
    /// The percentage of commands that repeat an earlier request.
    pub repeat_percent: u64,
    /// Commands by weight, once a market is open.
    pub actions: Vec<(u64, ActionKind)>,
    /// Phases by weight.
    pub phases: [(u64, Phase); 4],
    /// The prices.
    pub prices: PriceDistribution,
    /// The orders.
    pub orders: OrderDistribution,
    /// How many of a thousand commands are noise.
    pub noise_per_mille: u64,
    /// One in this many commands is followed by a restore.
    pub restore_once_in: u64,
    /// One in this many commands begins a batch.
    pub batch_once_in: u64,
    /// Whether the last commands have the highest times and sequence numbers.
    pub ends_at_last_numbers: bool,
}

const THEMES: [(u64, Theme); 13] = [
    (6, Theme::Everyday),
    (4, Theme::FewPrices),
    (4, Theme::Icebergs),
    (6, Theme::Stops),
    (4, Theme::SelfTrades),
    (7, Theme::Auctions),
    (4, Theme::Expiries),
    (4, Theme::Full),
    (4, Theme::FarPrices),
    (4, Theme::Extremes),
    (3, Theme::Requests),
    (3, Theme::Markets),
    (1, Theme::Large),
];

impl Profile {
    /// Generates the profile of a seed.
    pub fn generate(random: &mut Random) -> Self {
        let theme = random.weighted(&THEMES);
        let mut profile = Self {
            theme,
            length: random.within(800, 4_000) as usize,
            markets_max: random.pick([1, 1, 2, 3]),
            accounts: random.within(2, 6),
            order_ids: random.within(12, 80),
            orders_max: random.pick([8, 24, 64, 64]),
            pricing: random.pick([Pricing::Maker, Pricing::Maker, Pricing::Midpoint]),
            request_percent: random.pick([0, 10, 40]),
            repeat_percent: 1,
            actions: actions(random),
            phases: [
                (random.within(20, 60), Phase::Continuous),
                (random.within(10, 40), Phase::Call),
                (8, Phase::Halted),
                (3, Phase::Closed),
            ],
            prices: prices(random),
            orders: orders(random),
            noise_per_mille: random.pick([5, 20, 40]),
            restore_once_in: random.pick([100, 400]),
            batch_once_in: random.pick([30, 200]),
            ends_at_last_numbers: random.chance(20),
        };
        profile.apply_theme(random);
        profile
    }

    /// Adjusts the profile to its theme.
    fn apply_theme(&mut self, random: &mut Random) {
        match self.theme {
            Theme::Everyday => {}
            Theme::FewPrices => self.prices.spread = random.within(1, 2),
            Theme::Icebergs => {
                self.orders.display_percent = 60;
                self.orders.quantity_max = random.within(10, 60);
                self.prices.spread = random.within(1, 4);
            }
            Theme::Stops => self.favor_stops(random),
            Theme::SelfTrades => {
                self.accounts = 2;
                self.orders.self_trades[0].0 = 1;
                self.orders.crossing_percent = 50;
            }
            Theme::Auctions => self.favor_auctions(random),
            Theme::Expiries => {
                self.orders.times[3].0 = 40;
                self.orders.times[4].0 = 40;
                self.set_weight(ActionKind::CloseEpoch, 10);
                self.set_weight(ActionKind::AdvanceTime, 6);
            }
            Theme::Full => {
                self.orders_max = random.within(4, 16) as u32;
                self.orders.crossing_percent = 20;
            }
            Theme::FarPrices => {
                self.prices.far_percent = random.within(10, 60);
                self.prices.far_spread = 1 << random.within(8, 62);
                self.prices.drift_percent = 5;
            }
            Theme::Extremes => {
                self.orders_max = random.pick([4, 8, 24]);
                self.prices.far_percent = 0;
            }
            Theme::Requests => {
                self.request_percent = 80;
                self.repeat_percent = 15;
            }
            Theme::Markets => {
                self.markets_max = random.within(2, 4) as u32;
                self.set_weight(ActionKind::AddMarket, 4);
                self.set_weight(ActionKind::SetMarket, 8);
                self.set_weight(ActionKind::RemoveMarket, 4);
                self.phases[3].0 = 15;
            }
            Theme::Large => self.favor_large_books(random),
        }
    }

    fn favor_stops(&mut self, random: &mut Random) {
        self.orders.kinds = [
            (50, KindName::Limit),
            (10, KindName::Market),
            (25, KindName::Stop),
            (25, KindName::StopLimit),
        ];
        self.orders_max = 64;
        self.order_ids = 80;
        self.prices.spread = random.within(3, 8);
        self.prices.drift_percent = 0;
        self.orders.crossing_percent = random.pick([10, 20]);
        self.phases[0].0 = 200;
        self.phases[1].0 = 60;
        self.set_weight(ActionKind::CancelAll, 0);
        self.set_weight(ActionKind::CancelSession, 0);
    }

    fn favor_auctions(&mut self, random: &mut Random) {
        self.phases[1].0 = 100;
        self.orders.kinds[1].0 = random.pick([1, 15, 40, 600]);
        self.orders.crossing_percent = random.pick([40, 60]);
        self.set_weight(ActionKind::CloseEpoch, 8);
        self.set_weight(ActionKind::SetPhase, 5);
    }

    fn favor_large_books(&mut self, random: &mut Random) {
        self.length = 6_000;
        self.markets_max = 1;
        self.orders_max = random.within(300, 2_000) as u32;
        self.order_ids = 5_000;
        self.prices.spread = random.within(20, 2_000);
        self.prices.far_percent = random.pick([0, 30]);
        self.prices.far_spread = 1 << random.within(12, 62);
        self.orders.crossing_percent = 8;
        self.orders.kinds[0].0 = 200;
        self.phases =
            [(40, Phase::Continuous), (40, Phase::Call), (4, Phase::Halted), (0, Phase::Closed)];
        self.set_weight(ActionKind::Place, 400);
        self.set_weight(ActionKind::RemoveMarket, 0);
        self.set_weight(ActionKind::CancelAll, 0);
        self.set_weight(ActionKind::CancelSession, 0);
    }

    fn set_weight(&mut self, kind: ActionKind, weight: u64) {
        for entry in self.actions.iter_mut().filter(|(_, of)| *of == kind) {
            entry.0 = weight;
        }
    }
}

fn actions(random: &mut Random) -> Vec<(u64, ActionKind)> {
    vec![
        (random.within(50, 80), ActionKind::Place),
        (random.within(8, 25), ActionKind::Amend),
        (random.within(3, 15), ActionKind::Cancel),
        (1, ActionKind::CancelAll),
        (1, ActionKind::CancelSession),
        (random.within(1, 3), ActionKind::SetPhase),
        (random.within(1, 4), ActionKind::CloseEpoch),
        (2, ActionKind::AdvanceTime),
        (1, ActionKind::SetMarket),
        (1, ActionKind::BlockAccount),
        (2, ActionKind::UnblockAccount),
        (1, ActionKind::AddMarket),
        (random.below(2), ActionKind::RemoveMarket),
    ]
}

fn prices(random: &mut Random) -> PriceDistribution {
    PriceDistribution {
        centre: random.pick([0, 100, 100, 10_000, -40, -1, 1 << 40]),
        spread: random.pick([2, 5, 5, 12, 40]),
        far_percent: random.pick([0, 2, 5]),
        far_spread: random.pick([50, 1_000, 1 << 20]),
        drift_percent: random.pick([0, 1]),
    }
}

fn orders(random: &mut Random) -> OrderDistribution {
    OrderDistribution {
        kinds: [
            (70, KindName::Limit),
            (random.within(2, 15), KindName::Market),
            (random.within(2, 10), KindName::Stop),
            (random.within(2, 10), KindName::StopLimit),
        ],
        times: [
            (60, TimeName::GoodTillCancel),
            (random.within(4, 15), TimeName::ImmediateOrCancel),
            (random.within(4, 15), TimeName::FillOrKill),
            (random.within(2, 15), TimeName::GoodTillDate),
            (random.within(2, 15), TimeName::ForEpochs),
        ],
        self_trades: [
            (random.within(5, 40), SelfTrade::None),
            (10, SelfTrade::CancelTaker),
            (10, SelfTrade::CancelMaker),
            (10, SelfTrade::CancelBoth),
            (10, SelfTrade::Decrement),
        ],
        quantity_max: random.pick([1, 3, 10, 10, 50, 1_000]),
        post_only_percent: random.pick([0, 8, 15]),
        display_percent: random.pick([0, 10, 30]),
        minimum_percent: random.pick([10, 40]),
        crossing_percent: random.pick([20, 35, 50]),
    }
}
