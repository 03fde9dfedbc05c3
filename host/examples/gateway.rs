//! A small HTTP gateway that embeds the host: place, amend, cancel, and show the book.
//!
//! `cargo run --release -p pricetime --example gateway -- ./data 127.0.0.1:8080`, then for instance
//!
//! ```text
//! curl -X POST localhost:8080/orders -H 'content-type: application/json' -d '{
//!   "account": "0193c0de-0000-7000-8000-000000000001",
//!   "order":   "0193c0de-0000-7000-8000-00000000000a",
//!   "side": "buy", "price": "0.255", "quantity": "1.5" }'
//! curl localhost:8080/book
//! ```
//!
//! Prices are in euros a kilowatt-hour, quantities in kilowatt-hours, both as decimal strings. A
//! reply comes when what it tells is on disk. Who sends the same `request` again is told what became
//! of the first one and does nothing twice. It believes every caller's account: put authentication in
//! front. A reply shows what that account may see, and nothing of the other side of its trades.

use std::error::Error;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use pricetime::engine::{
    AccountId, Action, Amend, Event, Fees, Level, Limits, MarketId, MarketSpec, OrderId, OrderKind,
    Outcome, Phase, Place, Price, Pricing, Quantity, RequestId, SelfTrade, Side, Step, Symbol,
    Terms, TimeInForce,
};
use pricetime::{Draft, Host, Options, Principal};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

const MARKET: MarketId = MarketId(1);
const OPERATOR: AccountId = AccountId(1);

type Reply = Result<Json<Value>, (StatusCode, String)>;

struct Gateway {
    host: Host,
    spec: MarketSpec,
}

#[derive(Deserialize)]
struct NewOrder {
    account: Uuid,
    order: Uuid,
    request: Option<Uuid>,
    side: Side,
    price: Decimal,
    quantity: Decimal,
}

#[derive(Deserialize)]
struct Change {
    account: Uuid,
    request: Option<Uuid>,
    price: Option<Decimal>,
    quantity: Option<Decimal>,
}

#[derive(Deserialize)]
struct Whose {
    account: Uuid,
    request: Option<Uuid>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "./data".into());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let host = Host::open(Options::new(folder))?;
    if host.spec(MARKET).is_none() {
        for action in [Action::AddMarket(spec()?), Action::SetPhase(Phase::Continuous)] {
            let draft = Draft { operator: true, ..draft(OPERATOR.0, None, action) };
            host.submit(draft)?.await?;
        }
    }
    let spec = host.spec(MARKET).ok_or("the market could not be added")?;
    let routes = Router::new()
        .route("/orders", post(place))
        .route("/orders/{order}", patch(amend).delete(cancel))
        .route("/book", get(book))
        .with_state(Arc::new(Gateway { host, spec }));
    let listener = tokio::net::TcpListener::bind(address).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    axum::serve(listener, routes).await?;
    Ok(())
}

/// One tick is a tenth of a cent a kilowatt-hour, one lot a watt-hour.
fn spec() -> Result<MarketSpec, Box<dyn Error>> {
    Ok(MarketSpec {
        symbol: Symbol::new("ENERGY/EUR")?,
        tick: Step { mantissa: 1, exponent: -3 },
        lot: Step { mantissa: 1, exponent: -3 },
        pricing: Pricing::Maker,
        quantity_max: Quantity(1_000_000_000),
        limits: Limits::default(),
        terms: Terms {
            price_min: Price(-10_000),
            price_max: Price(100_000),
            protection_ticks: None,
            reference: None,
            fees: Fees::default(),
        },
    })
}

fn draft(account: u128, request: Option<Uuid>, action: Action) -> Draft {
    let request = request.map(RequestId::from);
    Draft {
        market: MARKET,
        account: AccountId(account),
        operator: false,
        request,
        action,
        session: None,
    }
}

fn bad(error: impl ToString) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_string())
}

async fn place(State(gateway): State<Arc<Gateway>>, Json(new): Json<NewOrder>) -> Reply {
    let place = Place {
        order: OrderId::from(new.order),
        reference: 0,
        side: new.side,
        kind: OrderKind::Limit { price: gateway.spec.price(new.price).map_err(bad)? },
        quantity: gateway.spec.quantity(new.quantity).map_err(bad)?,
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        minimum_quantity: None,
        display_quantity: None,
        self_trade: SelfTrade::CancelTaker,
    };
    carry_out(&gateway, draft(new.account.as_u128(), new.request, Action::Place(place))).await
}

async fn amend(
    State(gateway): State<Arc<Gateway>>,
    Path(order): Path<Uuid>,
    Json(change): Json<Change>,
) -> Reply {
    let spec = &gateway.spec;
    let amend = Amend {
        order: OrderId::from(order),
        price: change.price.map(|price| spec.price(price)).transpose().map_err(bad)?,
        quantity: change.quantity.map(|q| spec.quantity(q)).transpose().map_err(bad)?,
        stop_price: None,
        if_open: None,
        requeue: false,
    };
    carry_out(&gateway, draft(change.account.as_u128(), change.request, Action::Amend(amend))).await
}

async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    Path(order): Path<Uuid>,
    Query(whose): Query<Whose>,
) -> Reply {
    let action = Action::Cancel { order: OrderId::from(order) };
    carry_out(&gateway, draft(whose.account.as_u128(), whose.request, action)).await
}

/// Submits, waits until it is durable, and tells what happened.
async fn carry_out(gateway: &Gateway, draft: Draft) -> Reply {
    let stopped = |error: &dyn Error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string());
    let ticket = gateway.host.submit(draft).map_err(|refused| stopped(&refused))?;
    let group = ticket.await.map_err(|error| stopped(&error))?;
    let group = Principal::accounts([draft.account]).seen(group);
    let status = match group.outcome {
        Outcome::Accepted | Outcome::Duplicate => StatusCode::OK,
        Outcome::Rejected(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let events: Vec<Value> =
        group.events.iter().filter_map(|event| told(&gateway.spec, event)).collect();
    let reply = json!({ "sequence": group.header.sequence, "outcome": group.outcome,
        "events": events });
    if status == StatusCode::OK { Ok(Json(reply)) } else { Err((status, reply.to_string())) }
}

/// An event in the words of this gateway. What its orders cannot do does not come up.
fn told(spec: &MarketSpec, event: &Event) -> Option<Value> {
    Some(match event {
        Event::Accepted { place, .. } => json!({ "accepted": Uuid::from(place.order) }),
        Event::Traded { number, price, quantity, .. } => json!({ "traded": {
            "trade": number.uuid(MARKET), "price": spec.show_price(*price),
            "quantity": spec.show_quantity(*quantity) } }),
        Event::Amended { party, remaining, .. } => json!({ "amended": Uuid::from(party.order),
            "remaining": spec.show_quantity(*remaining) }),
        Event::Cancelled { party, remaining, reason, .. } => json!({
            "cancelled": Uuid::from(party.order), "reason": reason,
            "remaining": spec.show_quantity(*remaining) }),
        Event::Rejected { .. }
        | Event::Reduced { .. }
        | Event::Triggered { .. }
        | Event::Replenished { .. }
        | Event::PhaseChanged { .. }
        | Event::EpochClosed(_)
        | Event::MarketAdded(_)
        | Event::MarketSet(_)
        | Event::MarketRemoved
        | Event::AccountBlocked(_)
        | Event::AccountUnblocked(_)
        | Event::Duplicate { .. } => return None,
    })
}

async fn book(State(gateway): State<Arc<Gateway>>) -> Reply {
    let view = gateway.host.view(MARKET, 10).ok_or_else(|| bad("the market is gone"))?;
    let side = |levels: &[Level]| -> Vec<Value> {
        let spec = &gateway.spec;
        let level = |level: &Level| {
            json!({ "price": spec.show_price(level.price), "orders": level.orders,
                "quantity": spec.show_quantity(level.quantity) })
        };
        levels.iter().map(level).collect()
    };
    Ok(Json(json!({ "sequence": view.sequence, "epoch": view.epoch,
        "bids": side(&view.bids), "asks": side(&view.asks) })))
}
