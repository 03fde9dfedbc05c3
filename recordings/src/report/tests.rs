use std::time::Duration;

use pricetime_engine::{
    AccountId, Action, Command, Engine, EpochNumber, Group, MarketId, MarketSpec, OrderId, Outcome,
    Phase, Place, Price, Quantity, Sequence, Side, Step, Timestamp,
};
use serde_json::Value;

use super::epochs::{EPOCHS_MAX, POINTS_MAX};
use super::series::{Bucket, Interval as _};
use super::{Collector, Comparison, Report};

fn spec(symbol: &str) -> MarketSpec {
    MarketSpec::new(symbol.parse().unwrap(), "0.0001".parse().unwrap(), Step::ONE)
}

/// Numbers commands and gives each its own millisecond.
#[derive(Default)]
struct Day(Vec<Command>);

impl Day {
    fn add(&mut self, market: u32, operator: bool, action: impl Into<Action>) {
        let number = self.0.len() as u64 + 1;
        let time = Timestamp(1_795_256_100_000_000_000 + number * 1_000_000);
        // Every order has its own account, so that all of them can trade.
        let account = AccountId(number.into());
        let command =
            Command::new(Sequence(number), time, MarketId(market), account, action.into());
        self.0.push(Command { operator, ..command });
    }

    fn limit(&mut self, order: u128, side: Side, quantity: u64, price: i64) {
        self.add(1, false, Place::limit(OrderId(order), side, Quantity(quantity), Price(price)));
    }

    /// A market in call, whose epochs close after this many orders each. Every third epoch has icebergs and
    /// every second one has market orders.
    fn auctions(epochs: u64, orders: u64) -> Self {
        let mut day = Self::default();
        day.add(1, true, Action::AddMarket(spec("SUN/EUR")));
        day.add(1, true, Action::SetPhase(Phase::Call));
        let mut random = 7_u64;
        for epoch in 1..=epochs {
            for order in 0..orders {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let (id, x) = (OrderId(u128::from(epoch << 32 | order)), random >> 33);
                let side = if x & 1 == 0 { Side::Buy } else { Side::Sell };
                let (price, quantity) =
                    (Price((x >> 1) as i64 % 200 + 1_000), Quantity(x % 90 + 10));
                let place = Place::limit(id, side, quantity, price);
                day.add(
                    1,
                    false,
                    match x % 10 {
                        0 if epoch % 2 == 0 => Place::market(id, side, quantity).for_epochs(1),
                        1 if epoch % 3 == 0 => place.display(Quantity(10)),
                        _ => place,
                    },
                );
            }
            day.add(1, true, Action::CloseEpoch { number: EpochNumber(epoch) });
        }
        day
    }

    fn collect(&self) -> Collector {
        let (mut engine, mut collector) = (Engine::new(100), Collector::default());
        for command in &self.0 {
            let outcome = execute(&mut collector, &mut engine, command);
            assert_eq!(outcome, Outcome::Accepted, "{command:?}");
        }
        collector
    }
}

fn execute(collector: &mut Collector, engine: &mut Engine, command: &Command) -> Outcome {
    let mut group = Group::default();
    collector.before(command, engine);
    engine.apply(command, &mut group);
    collector.after(&group, engine, Some(Duration::from_nanos(command.sequence.0)));
    group.outcome
}

fn page(report: &Report, collector: &Collector) -> String {
    let mut page = Vec::new();
    report.write(collector, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

/// The values of the charts.
fn values(page: &str) -> Value {
    let text = page.split("type=\"application/json\">").nth(1).unwrap().split("</script>").next();
    serde_json::from_str(text.unwrap()).unwrap()
}

#[test]
fn page_needs_no_network_and_escapes_names() {
    let evil = "</script><script>alert('1')</script>\"&";
    let report = Report {
        title: evil.into(),
        facts: vec![(evil.into(), evil.into())],
        comparison: Some(Comparison {
            what: evil.into(),
            compared: 3,
            agreed: 2,
            causes: vec![(evil.into(), 1)],
            others: vec![(evil.into(), 5)],
            differences: vec![evil.into()],
        }),
    };
    for collector in [Collector::default(), Day::auctions(3, 50).collect()] {
        let page = page(&report, &collector);
        assert!(!page.contains("alert('1')") && !page.contains("{{"));
        assert_eq!(page.matches("&lt;/script&gt;").count(), 2 * 9);
        assert_eq!(page.matches("<script").count(), 2);
        for text in
            ["http:", "https:", "//www", "@import", "src=", "href=", "fetch(", "url(\"", "url('"]
        {
            assert!(!page.contains(text), "{text}");
        }
        assert!(page.contains("66.67 %"));
        values(&page);
    }
}

#[test]
fn curves_meet_at_the_price_and_volume_of_the_uncross() {
    let collector = Day::auctions(30, 60).collect();
    let market = &collector.markets[0];
    assert_eq!(market.epochs.kept.len(), 30);
    let mut uncrossed = 0;
    for epoch in &market.epochs.kept {
        let Some(price) = epoch.price else { continue };
        uncrossed += 1;
        let demand = epoch.curves.demand.up_to(price, Side::Buy);
        let supply = epoch.curves.supply.up_to(price, Side::Sell);
        assert!(epoch.curves.demand.points.len() <= POINTS_MAX);
        assert_eq!(u128::from(demand.min(supply)), epoch.cleared, "{}", epoch.number);
        assert_eq!(
            Some(i128::from(demand) - i128::from(supply)),
            epoch.surplus,
            "{}",
            epoch.number
        );
    }
    assert!(uncrossed > 20, "{uncrossed}");
    assert!(market.epochs.kept.iter().any(|it| it.curves.demand.unpriced > 0));
    let volume: u128 = market.epochs.kept.iter().map(|it| it.volume).sum();
    assert_eq!(market.volume, volume);
}

#[test]
fn opening_of_continuous_trading_is_an_uncross() {
    let mut day = Day::default();
    day.add(1, true, Action::AddMarket(spec("SUN/EUR")));
    day.add(1, true, Action::SetPhase(Phase::Call));
    day.limit(1, Side::Buy, 5, 1_000);
    day.limit(2, Side::Sell, 3, 990);
    day.add(1, true, Action::SetPhase(Phase::Continuous));
    day.limit(3, Side::Sell, 4, 1_000);
    day.limit(4, Side::Buy, 1, 900);
    day.add(1, true, Action::CloseEpoch { number: EpochNumber(1) });
    // Without times of their own, commands are shown by their sequence.
    day.0.iter_mut().for_each(|command| command.timestamp = Timestamp(7));
    let collector = day.collect();
    let [opening, close] = &collector.markets[0].epochs.kept[..] else { panic!("{collector:?}") };
    assert!(opening.opens && opening.uncross && !close.opens && !close.uncross);
    assert_eq!((opening.trades, opening.volume, close.trades, close.volume), (1, 3, 2, 5));
    assert_eq!((opening.cleared, close.cleared, collector.markets[0].closed), (3, 0, 1));
    assert_eq!(opening.curves.demand.points, [(Price(1_000), 5)]);
    assert_eq!(close.curves.supply.points, [(Price(1_000), 2)]);
    let data = values(&page(&Report::default(), &collector));
    assert_eq!(data["axis"], "sequence");
    assert_eq!(data["markets"][0]["bid"], serde_json::json!([null, null, null, null, 900, 900]));
    assert_eq!(data["markets"][0]["t"], serde_json::json!([0, 1, 2, 3, 4, 5]));
}

#[test]
fn long_run_is_thinned_and_its_sums_are_exact() {
    let day = Day::auctions(450, 30);
    let collector = day.collect();
    let market = &collector.markets[0];
    assert_eq!(collector.totals.commands, day.0.len() as u64);
    assert_eq!((market.epochs.seen, market.epochs.stride), (450, 4));
    assert!(market.epochs.kept.len() <= EPOCHS_MAX);
    assert!(market.epochs.kept.iter().all(|it| it.number % 4 == 1));
    let data = values(&page(&Report::default(), &collector));
    let members = data["markets"][0].as_object().unwrap().iter();
    let series = members.filter(|(name, _)| !["tick", "lot", "epochs"].contains(&name.as_str()));
    let lengths: Vec<_> = series.filter_map(|(_, it)| it.as_array()).map(Vec::len).collect();
    assert!(lengths.iter().all(|it| *it == lengths[0] && *it <= Bucket::MOST), "{lengths:?}");
    let sum = |name: &str| {
        let values = data["markets"][0][name].as_array().unwrap();
        values.iter().map(|it| it.as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((sum("messages"), sum("trades")), (450 * 30, market.trades));
    assert_eq!(u128::from(sum("volume")), market.volume);
}

#[test]
fn commands_of_one_time_begin_an_axis_of_times() {
    let mut day = Day::auctions(3, 5_000);
    let first = day.0[2].timestamp;
    day.0[..10_000].iter_mut().for_each(|command| command.timestamp = first);
    let collector = day.collect();
    let data = values(&page(&Report::default(), &collector));
    assert_eq!((&data["axis"], &data["markets"][0]["t"][0]), (&"time".into(), &0.into()));
    assert_eq!(data["markets"][0]["messages"][0], 9_997);
    let (epochs, latency) = (&data["markets"][0]["epochs"], &data["latency"]);
    assert_eq!((&epochs[0]["t"], &latency["max"][0]), (&0.into(), &10_000.into()));
    assert!(epochs[1]["t"].as_u64() > Some(0) && latency["t"][1].as_u64() > Some(0));
}

#[test]
fn extreme_times_prices_and_quantities_are_shown() {
    let mut day = Day::default();
    day.add(
        1,
        true,
        Action::AddMarket(MarketSpec::new("MAX".parse().unwrap(), Step::ONE, Step::ONE)),
    );
    day.add(1, true, Action::SetPhase(Phase::Continuous));
    for (id, price) in [(1, i64::MIN), (3, 0), (5, i64::MAX)] {
        day.limit(id, Side::Sell, u64::MAX, price);
        day.limit(id + 1, Side::Buy, u64::MAX, price);
    }
    let last = day.0.len() - 1;
    day.0[last].timestamp = Timestamp(u64::MAX);
    let (mut engine, mut collector) = (Engine::new(1), Collector::default());
    for command in &day.0 {
        execute(&mut collector, &mut engine, command);
        values(&page(&Report::default(), &collector));
    }
}

#[test]
fn refusals_and_markets_beyond_the_limit_are_counted() {
    let mut day = Day::default();
    for market in 1..=10 {
        day.add(market, true, Action::AddMarket(spec(&format!("M{market}"))));
    }
    // A market with an order takes the place of one without.
    day.add(10, true, Action::SetPhase(Phase::Continuous));
    day.add(10, false, Place::limit(OrderId(1), Side::Buy, Quantity(1), Price(1)));
    let mut collector = day.collect();
    let mut engine = Engine::new(1);
    let cancel = Action::Cancel { order: OrderId(1) };
    let command = Command::new(Sequence(99), Timestamp(0), MarketId(9), AccountId(1), cancel);
    execute(&mut collector, &mut engine, &command);
    let page = page(&Report::default(), &collector);
    assert!(page.contains("2 further markets are not shown."));
    assert!(page.contains("<th scope=\"row\">add market</th><td>10</td><td>0</td>"), "{page}");
    assert_eq!((collector.totals.commands, collector.totals.refused()), (13, 1));
    assert_eq!(values(&page)["markets"][0]["name"], "M10");
    assert_eq!(values(&page)["markets"].as_array().map(Vec::len), Some(8));
}
