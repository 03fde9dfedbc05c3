//! The attacks: what each client sends before the first round, and what it then repeats.

use std::time::Duration;

use pricetime::engine::{
    Action, Limits, OrderId, Place, Price, Quantity, RequestId, SelfTrade, Side, TimeInForce,
};
use pricetime::{Draft, Host};

use super::super::load;
use super::super::report::Sent;
use super::market::{
    MIDDLE_PRICE, MOST_ASKS_PRICE, PRICE_MIN, QUANTITY_MAX, ask_quantity, client_account, draft,
    limit,
};
use super::readers;
use super::step::{StartedClient, Step, send};
use crate::failure::Failure;

/// An attack.
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// Starts the attack in a market with this many orders, made with this seed.
    pub(super) begin: fn(&Host, usize, u64) -> Result<StartedClient, Failure>,
}

pub(super) const ALL: [Attack; 9] = [
    Attack {
        name: "nobody",
        what: "no client at all: what the harmless client costs",
        begin: |_, _, _| Ok(StartedClient { opening: Sent::default(), step: None }),
    },
    Attack {
        name: "chosen-ids",
        what: "places and cancels orders under ids that collide under the fixed key of the engine",
        begin: chosen_ids,
    },
    Attack {
        name: "request-window",
        what: "sends commands that are refused, each with a new request id",
        begin: request_window,
    },
    Attack {
        name: "iceberg-sweep",
        what: "places icebergs of the most parts from several accounts, and one order takes them all",
        begin: iceberg_sweep,
    },
    Attack {
        name: "dry-runs",
        what: "sends orders that cannot fill, with self-trade prevention, against icebergs and the book",
        begin: dry_runs,
    },
    Attack {
        name: "empty-cancels",
        what: "cancels all orders of an account without orders, and ends sessions without orders",
        begin: empty_cancels,
    },
    Attack {
        name: "crowding-out",
        what: "has placed orders until the first was refused, and keeps placing them",
        begin: crowding_out,
    },
    Attack { name: "reads", what: "views and subscribes in turn", begin: readers::reads },
    Attack {
        name: "unread-feeds",
        what: "sends plain commands, holds subscriptions that it never reads, and renews full ones",
        begin: readers::unread_feeds,
    },
];

/// Sends the opening, waits for its answers, and then continues with other commands.
fn begin(
    host: &Host,
    opening: impl Iterator<Item = Draft>,
    then: impl Iterator<Item = Draft> + Send + 'static,
) -> Result<StartedClient, Failure> {
    let closed = load::closed(host, &[opening.collect()], Duration::MAX)?;
    let opening = Sent { sent: closed.done, refused: closed.refused };
    Ok(StartedClient { opening, step: Some(send(then)) })
}

/// The number of accounts that own the attacker's resting orders.
const OWNERS: u64 = 4;
/// The account of the attacker's takers.
const TAKER: u64 = OWNERS;

fn place(account: u64, place: Place) -> Draft {
    draft(client_account(account), Action::Place(place))
}

const fn order(number: u64) -> OrderId {
    OrderId(1 << 100 | number as u128)
}

fn chosen_ids(host: &Host, orders: usize, _: u64) -> Result<StartedClient, Failure> {
    /// One half of `IndexKey::FIXED`. Under that key all ids with this lower half have the same
    /// hash.
    const COLLIDING: u128 = 0x243f_6a88_85a3_08d3;
    let order = |number: u64| OrderId(u128::from(number) << 64 | COLLIDING);
    let bid = move |account, number| {
        place(account, limit(order(number), Side::Buy, PRICE_MIN, Quantity(1)))
    };
    let resting = orders as u64 / 5;
    let more = (resting..).flat_map(move |number| {
        let cancel = Action::Cancel { order: order(number) };
        [bid(TAKER, number), draft(client_account(TAKER), cancel)]
    });
    begin(host, (0..resting).map(|number| bid(number % OWNERS, number)), more)
}

fn request_window(host: &Host, orders: usize, _: u64) -> Result<StartedClient, Failure> {
    let refused = |number: u64| Draft {
        request: Some(RequestId(number.into())),
        ..draft(client_account(0), Action::Cancel { order: order(number) })
    };
    // With the default number of orders, this fills the window.
    let first = u64::from(Limits::default().requests_max).min(orders as u64);
    begin(host, (0..first).map(refused), (first..).map(refused))
}

/// An iceberg that shows one lot.
fn iceberg(number: u64, owner: u64, parts: u32) -> Draft {
    let hidden = limit(order(number), Side::Sell, MIDDLE_PRICE, Quantity(parts.into()));
    place(owner, Place { display_quantity: Some(Quantity(1)), ..hidden })
}

/// A buy order that takes what it can up to this price, and does not rest.
fn taker(number: u64, price: Price, quantity: Quantity) -> Place {
    let time_in_force = TimeInForce::ImmediateOrCancel;
    Place { time_in_force, ..limit(order(number), Side::Buy, price, quantity) }
}

fn iceberg_sweep(host: &Host, _: usize, _: u64) -> Result<StartedClient, Failure> {
    const EACH: u64 = 12;
    const ROUND: u64 = OWNERS * EACH + 1;
    let iceberg = |number| iceberg(number, number % OWNERS, Limits::default().parts_max);
    let more = (ROUND..).map(move |number| match number % ROUND {
        0 => place(TAKER, taker(number, MIDDLE_PRICE, QUANTITY_MAX)),
        _ => iceberg(number),
    });
    begin(host, (1..ROUND).map(iceberg), more)
}

/// None of these orders trades, and the engine finds that out late: for every second order after most
/// levels of the book, for the others in the middle of a long queue with orders of the same account.
fn dry_runs(host: &Host, orders: usize, seed: u64) -> Result<StartedClient, Failure> {
    /// Few parts, so that an account may have many icebergs.
    const PARTS: u32 = 10;
    let icebergs = orders as u64 / 25;
    let owned = icebergs / (OWNERS + 1) * u64::from(PARTS);
    let others = icebergs * u64::from(PARTS) - owned;
    let ask_quantity = ask_quantity(seed, orders);
    let more = (icebergs..).map(move |number| {
        let (price, quantity, minimum, self_trade) = if number % 2 == 0 {
            // One more than other accounts offer, so the engine has to look at the account's own
            // orders.
            (
                MOST_ASKS_PRICE,
                QUANTITY_MAX,
                Quantity(others + ask_quantity + 1),
                SelfTrade::CancelMaker,
            )
        } else {
            (MIDDLE_PRICE, Quantity(others + owned / 2), Quantity(others), SelfTrade::Decrement)
        };
        let taker = taker(number, price, quantity);
        place(TAKER, Place { minimum_quantity: Some(minimum), self_trade, ..taker })
    });
    let opening = (0..icebergs).map(|number| iceberg(number, number % (OWNERS + 1), PARTS));
    begin(host, opening, more)
}

fn empty_cancels(_: &Host, _: usize, _: u64) -> Result<StartedClient, Failure> {
    let all = draft(
        client_account(0),
        Action::CancelAll { account: Some(client_account(0)), side: None },
    );
    let mut number = 0;
    let step: Step = Box::new(move |host| {
        number += 1;
        if number % 2 == 0 {
            return load::submit(host, &all).map(Some);
        }
        // The order does not rest, so the session ends without an order.
        let bid = limit(order(number), Side::Buy, PRICE_MIN, Quantity(1));
        let bid = Place { time_in_force: TimeInForce::ImmediateOrCancel, ..bid };
        // If the host is busy, the next call tries again.
        Ok(host.submit_in(&mut host.session(), place(0, bid)).ok())
    });
    Ok(StartedClient { opening: Sent::default(), step: Some(step) })
}

fn crowding_out(host: &Host, _: usize, _: u64) -> Result<StartedClient, Failure> {
    /// The number of commands that are sent before the answers are read.
    const SENT: u64 = 1_024;
    let bid = |number| place(0, limit(order(number), Side::Buy, PRICE_MIN, Quantity(1)));
    let (mut opening, mut first) = (Sent::default(), 0);
    while opening.refused == 0 {
        let some = (first..first + SENT).map(bid).collect();
        let closed = load::closed(host, &[some], Duration::MAX)?;
        opening.sent += closed.done;
        opening.refused += closed.refused;
        first += SENT;
    }
    Ok(StartedClient { opening, step: Some(send((first..).map(bid))) })
}
