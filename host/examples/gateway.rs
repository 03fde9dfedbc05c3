//! A market over HTTP and WebSocket: `cargo run -p pricetime --example gateway -- FOLDER ADDRESS`.
//! A level with the quantity 0 is gone. A caller may name any account: put authentication in front.
use axum::{Router, extract::*, http::StatusCode as Code, response, routing};
use pricetime::engine::*;
use pricetime::{Host, MarketUpdate, MarketView, Pending, Principal};
use serde_json::{Value, json};
use tokio::signal::{ctrl_c, unix::SignalKind, unix::signal};

const MARKET: MarketId = MarketId(1);
type App = State<(Host, MarketSpec, tokio::sync::watch::Receiver<()>)>;
type Ids = Path<(AccountId, OrderId)>;
type Reply = response::Result<Json<Value>>;

#[derive(serde::Deserialize)]
struct NewOrder {
    side: Side,
    price: String,
    quantity: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "./gateway-data".into());
    let address = std::env::args().nth(2).unwrap_or_else(|| "127.0.0.1:8080".into());
    let host = Host::builder(folder).open()?; // An epoch ends every 15 minutes.
    let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.001".parse()?);
    if host.spec(MARKET).is_none() {
        host.operator(MARKET).add(spec).await?.accepted()?;
        host.operator(MARKET).set_phase(Phase::Continuous).await?.accepted()?;
    }
    let (feeds, open) = tokio::sync::watch::channel(());
    let routes = Router::new()
        .route("/orders/{account}/{order}", routing::put(place).delete(cancel))
        .route("/book", routing::get(book))
        .route("/feed", routing::get(feed))
        .with_state((host.clone(), spec, open));
    let listener = tokio::net::TcpListener::bind(address).await?;
    let mut terminated = signal(SignalKind::terminate())?;
    eprintln!("listening on {}", listener.local_addr()?);
    let stop = async move { tokio::select!(_ = terminated.recv() => (), _ = ctrl_c() => ()) };
    axum::serve(listener, routes).with_graceful_shutdown(stop).await?;
    tokio::task::spawn_blocking(move || host.close()).await??; // The feeds end with it.
    tokio::time::timeout(std::time::Duration::from_secs(5), feeds.closed()).await.or(Ok(()))
}

async fn place(State(app): App, Path((account, order)): Ids, Json(new): Json<NewOrder>) -> Reply {
    let (host, spec, _) = app;
    let price = spec.price(&*new.price).map_err(|e| (Code::BAD_REQUEST, e.to_string()))?;
    let quantity = spec.quantity(&*new.quantity).map_err(|e| (Code::BAD_REQUEST, e.to_string()))?;
    let sender = host.account(MARKET, account).with_request(RequestId(order.0)); // Safe to retry.
    answer(&spec, account, sender.place(Place::limit(order, new.side, quantity, price))).await
}

async fn cancel(State((host, spec, _)): App, Path((account, order)): Ids) -> Reply {
    answer(&spec, account, host.account(MARKET, account).cancel(order)).await
}

async fn answer(spec: &MarketSpec, account: AccountId, sent: Pending) -> Reply {
    let group = sent.await.map_err(|e| (Code::SERVICE_UNAVAILABLE, e.to_string()))?;
    let group = Principal::accounts([account]).seen(group.into_group()).accepted();
    let group = group.map_err(|e| (Code::CONFLICT, e.to_string()))?;
    let trades = group.trades().map(|it| (it.taker_side, it.price, it.quantity));
    Ok(Json(json!({ "sequence": group.header.sequence, "trades": show(spec, trades) })))
}

async fn book(State((host, spec, _)): App) -> Json<Option<Value>> {
    Json(host.view(MARKET, 100).map(|view| snapshot(&spec, &view)))
}

async fn feed(State((host, spec, open)): App, socket: ws::WebSocketUpgrade) -> response::Response {
    socket.on_upgrade(async move |mut socket| {
        let (Some(mut feed), _open) = (host.subscribe(MARKET), open) else { return };
        let mut next = snapshot(&spec, &feed.book);
        while socket.send(next.to_string().into()).await.is_ok() {
            next = tokio::select! {
                u = feed.updates.next() => match u { Ok(u) => update(&spec, &u), Err(_) => break },
                () = async { while let Some(Ok(_)) = socket.recv().await {} } => break,
            };
        }
        let _ = socket.send(ws::Message::Close(None)).await;
    })
}

fn snapshot(spec: &MarketSpec, view: &MarketView) -> Value {
    let bids = view.bids.iter().map(|it| (Side::Buy, it.price, it.quantity));
    let asks = view.asks.iter().map(|it| (Side::Sell, it.price, it.quantity));
    json!({ "sequence": view.sequence, "levels": show(spec, bids.chain(asks)) })
}

fn update(spec: &MarketSpec, it: &MarketUpdate) -> Value {
    let levels = it.levels.iter().map(|(side, it)| (*side, it.price, it.quantity));
    let trades = it.trades.iter().map(|it| (it.taker_side, it.price, it.quantity));
    json!({ "sequence": it.sequence, "levels": show(spec, levels), "trades": show(spec, trades) })
}

fn show(spec: &MarketSpec, all: impl Iterator<Item = (Side, Price, Quantity)>) -> Value {
    all.map(|it| json!([it.0, spec.show_price(it.1), spec.show_quantity(it.2)])).collect()
}
