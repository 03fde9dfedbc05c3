//! Small books whose fills are known, through every adapter.

use pricetime_benches::workload::Workload;
use pricetime_peers::adapters::{
    limitbook::Limitbook, lobster::Lobster, matchcore::Matchcore, nanobook::Nanobook,
    obcore::Obcore, orderbook_rs::OrderbookRs, pricetime::Pricetime, rust_ob::RustOb,
    rust_order_book::RustOrderBook,
};
use pricetime_peers::check::check;
use pricetime_peers::{Adapter, Fill, Flow, Order, Reports, Side, Step};

const fn place(id: u64, side: Side, price: u64, quantity: u64) -> Step {
    Step::Place(Order { id, side, price, quantity })
}

const fn fill(taker: u64, maker: u64, price: u64, quantity: u64) -> Fill {
    Fill { taker, maker, price, quantity }
}

fn flow(steps: &[Step]) -> Flow {
    let Flow { market, .. } = Flow::of(Workload::SweepStorm, 1, 1);
    Flow { market, steps: steps.to_vec(), opening: 0, closing: Vec::new() }
}

/// The fills of each command.
fn fills<A: Adapter>(flow: &Flow) -> Vec<Vec<Fill>> {
    let mut engine = A::open(flow);
    let apply = |command: &A::Command| {
        let mut fills = Vec::new();
        assert!(engine.apply(command, &mut |fill| fills.push(fill)), "{} refuses it", A::CRATE);
        fills
    };
    A::convert(flow).iter().map(apply).collect()
}

/// Every fill takes a whole order, because not every engine gets the rest right.
fn whole_fills<A: Adapter>() {
    let steps = [
        place(0, Side::Sell, 101, 5),
        place(1, Side::Sell, 100, 3),
        place(2, Side::Sell, 100, 4),
        place(3, Side::Sell, 100, 2),
        Step::Cancel(2),
        place(4, Side::Buy, 100, 5),
        place(5, Side::Buy, 102, 9),
        place(6, Side::Sell, 90, 4),
    ];
    let mut expected = vec![Vec::new(); 5];
    expected.push(vec![fill(4, 1, 100, 3), fill(4, 3, 100, 2)]);
    expected.push(vec![fill(5, 0, 101, 5)]);
    expected.push(vec![fill(6, 5, 102, 4)]);
    if A::REPORTS == Reports::Quantities {
        let sum = |fills: Vec<Fill>| {
            let quantity = fills.iter().map(|fill| fill.quantity).sum();
            fills.first().map(|first| fill(first.taker, 0, 0, quantity)).into_iter().collect()
        };
        expected = expected.into_iter().map(sum).collect();
    }
    assert_eq!(fills::<A>(&flow(&steps)), expected, "{}", A::CRATE);
}

#[test]
fn every_adapter_reports_makers_by_price_and_then_time() {
    whole_fills::<Pricetime>();
    whole_fills::<Limitbook>();
    whole_fills::<Lobster>();
    whole_fills::<Matchcore>();
    whole_fills::<Nanobook>();
    whole_fills::<Obcore>();
    whole_fills::<OrderbookRs>();
    whole_fills::<RustOb>();
    whole_fills::<RustOrderBook>();
}

/// Our engine, except that it loses the second fill of each command, or panics.
struct Faulty<const PANICS: bool>(Pricetime);

impl<const PANICS: bool> Adapter for Faulty<PANICS> {
    const CRATE: &'static str = "faulty";
    type Command = <Pricetime as Adapter>::Command;

    fn open(flow: &Flow) -> Self {
        Self(Pricetime::open(flow))
    }

    fn convert(flow: &Flow) -> Vec<Self::Command> {
        Pricetime::convert(flow)
    }

    fn apply(&mut self, command: &Self::Command, fills: &mut impl FnMut(Fill)) -> bool {
        let mut first = true;
        self.0.apply(command, &mut |fill| {
            assert!(!PANICS, "a fill of {}", fill.quantity);
            if std::mem::take(&mut first) {
                fills(fill);
            }
        })
    }
}

#[test]
fn check_names_the_first_difference() {
    let two = flow(&[
        place(0, Side::Sell, 100, 3),
        place(1, Side::Sell, 100, 4),
        place(2, Side::Buy, 100, 5),
    ]);
    assert_eq!(check::<Pricetime>(&two), Ok(2));
    let difference = check::<Faulty<false>>(&two).expect_err("one fill is missing");
    let expected = "command 2 (order 2 buys 5 at 100): no fill, instead of: order 2 took 2 at 100 from order 1";
    assert_eq!(difference, expected);
    assert_eq!(check::<Faulty<true>>(&two), Err("panics: a fill of 3".to_owned()));
}

/// What `docs/performance.md` says about the versions that are not timed.
#[test]
fn versions_that_differ_have_the_defects_that_the_page_names() {
    let partial =
        [place(0, Side::Sell, 100, 3), place(1, Side::Buy, 100, 2), place(2, Side::Buy, 100, 3)];
    let difference = check::<Limitbook>(&flow(&partial)).expect_err("the rest of order 0 is 1");
    assert!(
        difference.ends_with(
            "took 3 at 100 from order 0, instead of: order 2 took 1 at 100 from order 0"
        ),
        "{difference}"
    );

    let beyond =
        [place(0, Side::Sell, 100, 1), place(1, Side::Sell, 101, 1), place(2, Side::Buy, 100, 2)];
    let difference = check::<Matchcore>(&flow(&beyond)).expect_err("101 is above the limit");
    assert!(
        difference.ends_with("order 2 took 1 at 101 from order 1, instead of: no fill"),
        "{difference}"
    );

    let shifted = [
        place(0, Side::Sell, 100, 1),
        place(1, Side::Sell, 100, 2),
        place(2, Side::Sell, 100, 3),
        place(3, Side::Buy, 100, 1),
        Step::Cancel(2),
        place(4, Side::Sell, 100, 5),
        place(5, Side::Buy, 100, 3),
    ];
    let difference = check::<Nanobook>(&flow(&shifted)).expect_err("order 2 is cancelled");
    assert!(
        difference
            .contains("took 0 at 100 from order 2, instead of: order 5 took 1 at 100 from order 4"),
        "{difference}"
    );

    for agrees in [
        check::<Lobster>,
        check::<Obcore>,
        check::<OrderbookRs>,
        check::<RustOb>,
        check::<RustOrderBook>,
    ] {
        assert_eq!(agrees(&flow(&partial)), Ok(2));
        assert_eq!(agrees(&flow(&beyond)), Ok(1));
        assert_eq!(agrees(&flow(&shifted)), Ok(3));
    }
}
