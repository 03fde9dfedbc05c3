//! Converts fuzz input to commands and snapshots. Every value of every field is possible; values
//! that make orders meet are more likely.

pub mod archive;
pub mod bounds;
pub mod journal;
pub mod recordings;
mod snapshot;

use core::num::NonZeroU32;

use pricetime_engine::{
    AccountId, Action, Amend, Command, EngineSnapshot, EpochNumber, Fees, Limits, MarketId,
    MarketSpec, OrderId, OrderKind, Phase, Place, Price, Pricing, Quantity, RequestId, SelfTrade,
    Sequence, SessionId, Side, Step, Symbol, Terms, TimeInForce, Timestamp,
};

/// The number of markets that an engine under the fuzzer can hold.
pub const MARKETS_MAX: u32 = 2;

/// The largest number of commands in one input, so that no input takes long.
const COMMANDS_MAX: usize = 400;

/// The rest of an input. After its end it continues with zeros.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// The next eight bytes, unchanged.
    pub fn word(&mut self) -> u64 {
        u64::from_le_bytes([(); 8].map(|()| self.byte()))
    }

    /// A position below `length`, or zero if `length` is zero.
    pub fn index_below(&mut self, length: usize) -> usize {
        (usize::from(self.byte()) << 8 | usize::from(self.byte())) % length.max(1)
    }

    /// Changes some bytes in a few places, and sometimes the length.
    pub fn corrupt(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.byte() % 4 {
            let at = self.index_below(bytes.len());
            match self.byte() % 8 {
                0 => bytes.truncate(at),
                1 => bytes.push(self.byte()),
                2 => {
                    let word = self.number().to_le_bytes();
                    bytes.iter_mut().skip(at).zip(word).for_each(|(byte, new)| *byte = new);
                }
                _ => {
                    let new = self.byte();
                    bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = new);
                }
            }
        }
    }

    /// All remaining bytes as text.
    pub fn text(&mut self) -> String {
        String::from_utf8_lossy(std::mem::take(&mut self.0)).into_owned()
    }

    /// Changes some bytes of a text in a few places. Bytes that are then not valid UTF-8 are
    /// replaced.
    pub fn corrupt_text(&mut self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        self.corrupt(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// One of these values.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }

    /// Returns `true` rarely, and never after the end of the input.
    pub fn once_in(&mut self, times: u8) -> bool {
        self.byte() % times == times - 1
    }

    /// A number: usually small, sometimes near an end of its type, sometimes any.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=223 => u64::from(small % 32),
            224..=231 => u64::MAX - u64::from(self.byte() % 4),
            232..=239 => (1 << (self.byte() % 64)) - u64::from(self.byte() % 2),
            _ => self.word(),
        }
    }

    fn price(&mut self) -> Price {
        let number = self.number();
        Price(number.cast_signed().wrapping_sub(if number < 32 { 16 } else { 0 }))
    }

    fn quantity(&mut self) -> Quantity {
        Quantity(self.number())
    }

    fn maybe<T>(&mut self, times: u8, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.once_in(times).then(|| read(self))
    }

    fn side(&mut self) -> Side {
        self.pick(&[Side::Buy, Side::Sell])
    }

    fn account(&mut self) -> AccountId {
        AccountId(u128::from(self.byte() % 4))
    }

    fn order(&mut self) -> OrderId {
        OrderId(u128::from(self.byte() % 48))
    }

    fn phase(&mut self) -> Phase {
        self.pick(&[
            Phase::Continuous,
            Phase::Continuous,
            Phase::Call,
            Phase::Call,
            Phase::Halted,
            Phase::Closed,
        ])
    }

    fn kind(&mut self) -> OrderKind {
        let (price, stop) = (self.price(), self.price());
        self.pick(&[
            OrderKind::Limit { price },
            OrderKind::Limit { price },
            OrderKind::Limit { price },
            OrderKind::Market,
            OrderKind::Stop { stop },
            OrderKind::StopLimit { stop, price },
        ])
    }

    fn self_trade(&mut self) -> SelfTrade {
        self.pick(&[
            SelfTrade::None,
            SelfTrade::CancelTaker,
            SelfTrade::CancelMaker,
            SelfTrade::CancelBoth,
            SelfTrade::Decrement,
        ])
    }

    fn time_in_force(&mut self) -> TimeInForce {
        let number = self.number();
        self.pick(&[
            TimeInForce::GoodTillCancel,
            TimeInForce::GoodTillCancel,
            TimeInForce::ImmediateOrCancel,
            TimeInForce::FillOrKill,
            TimeInForce::GoodTillDate(Timestamp(number)),
            TimeInForce::ForEpochs(number),
        ])
    }

    fn place(&mut self) -> Place {
        Place {
            order: self.order(),
            reference: u64::from(self.byte()),
            side: self.side(),
            kind: self.kind(),
            quantity: self.quantity(),
            time_in_force: self.time_in_force(),
            post_only: self.once_in(8),
            minimum_quantity: self.maybe(8, Self::quantity),
            display_quantity: self.maybe(4, Self::quantity),
            self_trade: self.self_trade(),
        }
    }

    fn amend(&mut self) -> Amend {
        Amend {
            order: self.order(),
            price: self.maybe(2, Self::price),
            quantity: self.maybe(2, Self::quantity),
            stop_price: self.maybe(6, Self::price),
            if_open: self.maybe(8, Self::quantity),
            requeue: self.once_in(4),
        }
    }

    fn terms(&mut self) -> Terms {
        let (low, high) =
            self.pick(&[(-20, 20), (-1_000, 1_000), (i64::MIN, i64::MAX), (0, i64::MAX), (5, -5)]);
        Terms {
            price_min: Price(low),
            price_max: Price(high),
            protection_ticks: self.maybe(3, Self::number),
            reference: self.maybe(3, Self::price),
            fees: Fees {
                maker_ppm: self.pick(&[0, -5, 1_000_000, i32::MIN]),
                taker_ppm: self.pick(&[0, 5, 1_000_000, i32::MAX]),
            },
        }
    }

    /// A market spec, which may break any bound.
    pub fn spec(&mut self) -> MarketSpec {
        let counts = [64, 1, 8, 1 << 20, 1 << 30, u32::MAX, 0];
        MarketSpec {
            symbol: self.pick(&["A", "B", "C"].map(|s| Symbol::new(s).expect("a symbol"))),
            tick: Step { mantissa: 1, exponent: self.pick(&[0, -4, 28, 29]) },
            lot: Step { mantissa: self.pick(&[1, 1_000_000_000, 0]), exponent: 0 },
            pricing: self.pick(&[Pricing::Maker, Pricing::Midpoint]),
            quantity_max: Quantity(self.pick(&[1 << 20, 1 << 31, 1 << 40, u64::MAX, 0])),
            limits: Limits {
                orders_max: self.pick(&counts),
                orders_per_account_max: self.pick(&counts),
                requests_max: self.pick(&counts),
                blocked_max: self.pick(&counts),
                parts_max: self.pick(&[64, 3, 1, 0]),
            },
            terms: self.terms(),
        }
    }

    fn session(&mut self) -> SessionId {
        SessionId(NonZeroU32::MIN.saturating_add(u32::from(self.byte() % 4)))
    }

    fn action(&mut self, epoch: u64) -> Action {
        match self.byte() {
            0..=159 => Action::Place(self.place()),
            160..=191 => Action::Amend(self.amend()),
            192..=207 => Action::Cancel { order: self.order() },
            208..=209 => Action::CancelSession { session: self.maybe(2, Self::session) },
            210..=211 => Action::CancelAll {
                account: self.maybe(2, Self::account),
                side: self.maybe(2, Self::side),
            },
            212..=223 => Action::SetPhase(self.phase()),
            224..=235 => {
                let number = if self.once_in(8) { self.number() } else { epoch };
                Action::CloseEpoch { number: EpochNumber(number) }
            }
            236..=239 => Action::AdvanceTime,
            240..=242 => Action::BlockAccount(self.account()),
            243..=246 => Action::UnblockAccount(self.account()),
            247..=250 => Action::SetMarket(self.terms()),
            251..=252 => Action::RemoveMarket,
            253..=255 => Action::AddMarket(self.spec()),
        }
    }

    /// The commands of the input, for an empty engine.
    pub fn commands(&mut self) -> Vec<Command> {
        self.commands_after(&EngineSnapshot::default())
    }

    /// The commands of the input, for an engine in this state.
    pub fn commands_after(&mut self, state: &EngineSnapshot) -> Vec<Command> {
        let epochs = state.markets.first().map_or(1, |market| market.head.epoch.0);
        let (mut sequence, mut time) = (state.last_sequence.0, state.last_timestamp.0);
        let (mut epoch, mut new) = (epochs, state.last_market.0);
        let mut commands = Vec::new();
        while commands.len() < COMMANDS_MAX && (!self.0.is_empty() || commands.is_empty()) {
            let action = match commands.len() {
                0 if state.markets.is_empty() => Action::AddMarket(self.spec()),
                1 if state.markets.is_empty() => Action::SetPhase(self.phase()),
                _ => self.action(epoch),
            };
            sequence = sequence.saturating_add(u64::from(!self.once_in(32)));
            time = time.saturating_add(u64::from(self.byte() % 4));
            if matches!(action, Action::CloseEpoch { number } if number.0 == epoch) {
                epoch = epoch.saturating_add(1);
            }
            let adds = matches!(action, Action::AddMarket(_)) && !self.once_in(8);
            new = new.saturating_add(u32::from(adds));
            commands.push(Command {
                sequence: Sequence(sequence),
                timestamp: Timestamp(time),
                market: MarketId(if adds { new } else { 1 + u32::from(self.once_in(8)) }),
                account: self.account(),
                operator: commands.len() < 2 || !self.once_in(6),
                request: self.maybe(4, |bytes| RequestId(u128::from(bytes.byte()))),
                action,
                session: self.maybe(4, Self::session),
            });
        }
        commands
    }
}
