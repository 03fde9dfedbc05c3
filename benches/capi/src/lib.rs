//! The C interface of the public "Matching Engine Algorithm Performance Challenge"
//! (flash1-dev/matching-engine-benchmark), over the same engine that users get.
//!
//! A message becomes a command, an event becomes a report, and a query reads the engine's own book. There
//! is no other core here, and nothing that the product does not do. The challenge's modify is an `Amend`
//! with `requeue`.
//!
//! The reports travel over a queue of this crate, which `engine_get_transport` offers to the harness. If the
//! environment variable `PRICETIME_QUEUE` is `default`, it returns null, and the harness uses its own queue.
//!
//! This is the only crate with unsafe code. All of it relies on what the challenge guarantees about its
//! harness: it calls `engine_init` first. It sends messages and queries one at a time, from one thread. A
//! pointer that it passes points to a value of its type. After `engine_shutdown` it calls only
//! `engine_init` and the functions of the transport. Each of these is called from the thread that the
//! challenge's header names.
#![expect(unsafe_code, reason = "a C interface uses pointers")]

mod abi;
mod output;
mod queue;
mod reports;
mod transport;

use core::cell::UnsafeCell;
use core::ffi::c_void;

use pricetime_engine::{
    AccountId, Action, Amend, Command, Engine, Fees, Limits, MarketId, MarketSpec, OrderId,
    OrderKind, Phase, Place, Price, Pricing, Quantity, SelfTrade, Sequence, Side, Step, Symbol,
    Terms, TimeInForce, Timestamp,
};

pub use abi::{Cancel, Modify, NewOrder, Report, Transport};
use output::Output;
use reports::Reports;

const MARKET: MarketId = MarketId(1);
/// The challenge has no accounts. So all orders belong to one account, and self-trade prevention is off.
const ACCOUNT: AccountId = AccountId(1);

/// The number of orders for which memory is allocated at the start. It grows if there are more.
const ORDERS: u32 = 1 << 14;

/// An engine, the destination of its reports, and the number of its last command.
struct Run {
    engine: Engine,
    reports: Reports,
    sequence: u64,
}

impl Run {
    fn new(reports: Reports) -> Self {
        let mut run = Self { engine: Engine::new(1), reports, sequence: 0 };
        run.apply(Action::AddMarket(spec()), true);
        run.apply(Action::SetPhase(Phase::Continuous), true);
        run.engine.reserve(MARKET, ORDERS);
        run
    }

    #[inline(always)]
    fn apply(&mut self, action: Action, operator: bool) {
        self.sequence += 1;
        let command = Command {
            sequence: Sequence(self.sequence),
            timestamp: Timestamp(self.sequence),
            market: MARKET,
            account: ACCOUNT,
            operator,
            request: None,
            action,
            session: None,
        };
        self.engine.apply(&command, &mut self.reports);
    }

    fn best(&self, side: Side) -> Option<i64> {
        Some(self.engine.market(MARKET)?.best(side)?.price.0)
    }
}

/// A market with the widest bounds that the core allows for quantities of 32 bits.
fn spec() -> MarketSpec {
    MarketSpec {
        symbol: Symbol::new("CHALLENGE").expect("a symbol"),
        tick: Step { mantissa: 5, exponent: -3 },
        lot: Step::ONE,
        pricing: Pricing::Maker,
        quantity_max: Quantity(u64::from(u32::MAX)),
        limits: Limits {
            orders_max: Limits::COUNT_MAX,
            orders_per_account_max: Limits::COUNT_MAX,
            ..Limits::default()
        },
        terms: Terms {
            price_min: Price(-(1 << 61)),
            price_max: Price(1 << 61),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    }
}

const fn side(number: u8) -> Side {
    if number == 0 { Side::Buy } else { Side::Sell }
}

/// The run between `engine_init` and `engine_shutdown`.
struct Current(UnsafeCell<Option<Run>>);

// SAFETY: the harness calls from one thread at a time.
unsafe impl Sync for Current {}

static CURRENT: Current = Current(UnsafeCell::new(None));

#[inline(always)]
fn current() -> &'static mut Run {
    // SAFETY: calls come one at a time, and none of them keeps the reference after it returns.
    let run = unsafe { &mut *CURRENT.0.get() };
    run.as_mut().expect("call engine_init first")
}

/// The transport of this crate, or null for the harness's own.
#[unsafe(no_mangle)]
pub extern "C" fn engine_get_transport() -> *const Transport {
    transport::choose(std::env::var_os("PRICETIME_QUEUE").as_deref())
}

/// Starts a run.
///
/// # Safety
/// `transport` must point to a transport that created `queue`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_init(_nonce: u64, transport: *const Transport, queue: *mut c_void) {
    // SAFETY: as the caller promises.
    let output = unsafe { Output::new(&*transport, queue) };
    let run = Run::new(Reports::new(output));
    // SAFETY: calls come one at a time.
    unsafe { *CURRENT.0.get() = Some(run) };
}

/// Ends the run.
#[unsafe(no_mangle)]
pub extern "C" fn engine_shutdown() {
    // SAFETY: calls come one at a time.
    unsafe { *CURRENT.0.get() = None };
}

/// Places an order.
///
/// # Safety
/// `message` must point to a valid message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_on_new_order(message: *const NewOrder) {
    // SAFETY: as the caller promises.
    let message = unsafe { &*message };
    let time_in_force = match message.ioc {
        0 => TimeInForce::GoodTillCancel,
        _ => TimeInForce::ImmediateOrCancel,
    };
    let run = current();
    run.reports.about(message.sequence, message.side);
    let place = Place {
        order: OrderId(u128::from(message.order)),
        reference: 0,
        side: side(message.side),
        kind: OrderKind::Limit { price: Price(message.price) },
        quantity: Quantity(u64::from(message.quantity)),
        time_in_force,
        post_only: false,
        minimum_quantity: None,
        display_quantity: None,
        self_trade: SelfTrade::None,
    };
    run.apply(Action::Place(place), false);
}

/// Cancels an order.
///
/// # Safety
/// `message` must point to a valid message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_on_cancel(message: *const Cancel) {
    // SAFETY: as the caller promises.
    let message = unsafe { &*message };
    let run = current();
    run.reports.about(message.sequence, 0);
    run.apply(Action::Cancel { order: OrderId(u128::from(message.order)) }, false);
}

/// Removes an order from its queue and enters it again with a new price and quantity.
///
/// # Safety
/// `message` must point to a valid message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_on_modify(message: *const Modify) {
    // SAFETY: as the caller promises.
    let message = unsafe { &*message };
    let run = current();
    run.reports.about(message.sequence, message.side);
    let amend = Amend {
        order: OrderId(u128::from(message.order)),
        price: Some(Price(message.price)),
        quantity: Some(Quantity(u64::from(message.quantity))),
        stop_price: None,
        if_open: None,
        requeue: true,
    };
    run.apply(Action::Amend(amend), false);
}

/// Sends the reports that are still buffered. Nothing else is ever deferred.
#[unsafe(no_mangle)]
pub extern "C" fn engine_flush() {
    current().reports.flush();
}

/// The price of the best bid, or `i64::MIN` if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn engine_query_best_bid() -> i64 {
    current().best(Side::Buy).unwrap_or(i64::MIN)
}

/// The price of the best ask, or `i64::MAX` if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn engine_query_best_ask() -> i64 {
    current().best(Side::Sell).unwrap_or(i64::MAX)
}

/// The visible quantity at a price.
#[unsafe(no_mangle)]
pub extern "C" fn engine_query_depth_at(price: i64, number: u8) -> u64 {
    let market = current().engine.market(MARKET);
    let level = market.and_then(|market| market.depth(side(number), Price(price)));
    level.map_or(0, |level| level.quantity.0)
}

#[cfg(test)]
mod tests;
