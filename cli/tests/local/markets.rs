//! The description of a market that the program returns can be sent back to it. The refusal of a market
//! states its reason, and a market in a call phase can be watched.

use crate::program::{MARKET, Running, close, err, folder, lines, out, place, run};
use serde_json::{Value, json};

/// A market with an unusual value for every member.
fn unusual_market() -> Value {
    json!({ "symbol": "SUN/EUR", "tick": { "mantissa": 10, "exponent": -3 }, "lot": "0.025",
        "pricing": "midpoint", "quantity_max": "250.000", "price_min": "-0.500",
        "price_max": "5.000", "protection_ticks": 7, "reference_price": "0.250", "maker_ppm": -100,
        "taker_ppm": 250, "orders_max": 5_000, "orders_per_account_max": 4_000, "requests_max": 0,
        "blocked_max": 3, "parts_max": 9 })
}

/// Other terms for the market.
fn terms() -> Value {
    json!({ "price_min": "0.000", "price_max": "4.000", "protection_ticks": 9,
        "reference_price": "0.500", "maker_ppm": -10, "taker_ppm": 30 })
}

/// A line about market 1.
fn line(name: &str, mut body: Value) -> String {
    body["market"] = 1.into();
    json!({ name: body }).to_string() + "\n"
}

/// The program's answers to these lines, in a new folder.
fn answers(input: &str) -> Vec<Value> {
    lines(&out(&run(folder().path(), &["run", "--once", "--quiet"], input)))
}

#[test]
fn market_description_is_accepted_as_input_unchanged() {
    let ask = line("market", json!({}));
    let (add, set) = (line("add_market", unusual_market()), line("set_market", terms()));
    let all = answers(&[add, ask.clone(), set, ask.clone()].concat());
    let added = &all[0]["done"]["events"][0]["market_added"];
    assert_eq!(added, &unusual_market());
    assert_eq!(all[1]["market"], json!({ "line": 2, "market": 1, "found": unusual_market() }));
    let shown_terms = &all[2]["done"]["events"][0]["market_set"];
    assert_eq!(shown_terms, &terms());
    let mut changed = unusual_market();
    for (name, value) in terms().as_object().expect("an object") {
        changed[name] = value.clone();
    }
    assert_eq!(all[3]["market"]["found"], changed);

    // The market as returned creates the same market elsewhere, and its terms change nothing there.
    let found = line("add_market", all[3]["market"]["found"].clone());
    let again = answers(&[found, ask.clone(), line("set_market", shown_terms.clone())].concat());
    assert_eq!(again[1]["market"]["found"], changed);
    assert_eq!(again[2]["done"]["outcome"]["rejected"], "no_change");

    let nothing = answers(&ask);
    assert_eq!(nothing, [json!({ "market": { "line": 1, "market": 1 } })]);
}

#[test]
fn markets_are_listed_a_thousand_at_a_time() {
    let market = |number: u32| {
        let mut body = unusual_market();
        body["market"] = number.into();
        body["symbol"] = format!("S{number}").into();
        json!({ "add_market": body }).to_string() + "\n"
    };
    let asked = [0, 2001, 2003].map(|it| json!({ "markets": { "after": it } }).to_string() + "\n");
    let added: String = (1..=1002).map(|it| market(it * 2)).collect();
    let phase = "{\"set_phase\":{\"market\":2,\"phase\":\"call\"}}\n";
    let all = answers(&[&added, phase, &asked.concat(), "{\"markets\":{}}\n"].concat());
    let lists: Vec<_> = all[1003..].iter().map(|it| &it["markets"]).collect();
    let listed = |list: &Value| list["markets"].as_array().expect("markets").len();
    assert_eq!((listed(lists[0]), &lists[0]["more"]), (1000, &json!(2)));
    let unusual_market = unusual_market();
    let (tick, lot) = (&unusual_market["tick"], &unusual_market["lot"]);
    let first = json!({ "market": 2, "symbol": "S2", "tick": tick, "lot": lot, "phase": "call", "epoch": 1 });
    assert_eq!(lists[0]["markets"][0], first);
    assert_eq!(lists[0]["markets"][999]["market"], 2000);
    assert_eq!((listed(lists[1]), &lists[1]["more"]), (2, &Value::Null));
    assert_eq!(lists[1]["markets"][0]["market"], 2002);
    assert_eq!((listed(lists[2]), &lists[2]["markets"][0]["symbol"]), (1, &json!("S2004")));
    assert_eq!(lists[3]["markets"], lists[0]["markets"]);
}

#[test]
fn old_name_of_the_reference_price_is_accepted() {
    let renamed = |mut body: Value| {
        let price = body["reference_price"].take();
        body.as_object_mut().expect("an object").remove("reference_price");
        body["reference"] = price;
        body
    };
    let (add, set) =
        (line("add_market", renamed(unusual_market())), line("set_market", renamed(terms())));
    let all = answers(&(add + &set));
    assert_eq!(all[0]["done"]["events"][0]["market_added"], unusual_market());
    assert_eq!(all[1]["done"]["events"][0]["market_set"], terms());
    let mut both = terms();
    both["reference"] = "0.500".into();
    let refused = &answers(&line("set_market", both))[0]["refused"]["error"];
    assert_eq!(refused, "duplicate field `reference_price`");

    let folder = folder();
    for name in ["reference", "reference_price"] {
        let market = format!(
            "[[market]]\nmarket = 1\nsymbol = \"SUN\"\ntick = \"0.01\"\nlot = \"1\"\n\
             quantity_max = \"1000\"\nprice_min = \"0\"\nprice_max = \"100\"\n{name} = \"9\"\n"
        );
        std::fs::write(folder.path().join("c.toml"), market).expect("a file");
        let words = ["run", "--once", "--quiet", "--config", "c.toml"];
        let output = run(folder.path(), &words, &line("market", json!({})));
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert_eq!(lines(&out(&output))[0]["market"]["found"]["reference_price"], "9.00");
    }
}

/// A market with other values for some members.
fn market_with(changes: Value) -> Value {
    let mut market = json!({ "symbol": "SUN", "tick": "0.01", "lot": "1", "quantity_max": "1000",
        "price_min": "0", "price_max": "100" });
    for (name, value) in changes.as_object().expect("an object") {
        market[name] = value.clone();
    }
    market
}

/// The changes to a market, the member that is then wrong, and the message.
fn refusals() -> Vec<(Value, &'static str, &'static str)> {
    let huge = json!({ "price_max": "1000000000000", "quantity_max": "1000000000000000" });
    let deep = json!({ "price_min": "-1000000000000", "quantity_max": "1000000000000000" });
    let many = json!({ "price_max": "0", "orders_max": 3, "quantity_max": "4611686018427387904" });
    vec![
        (json!({ "price_min": "101" }), "price_min", "101.00 is above price_max 100.00"),
        (json!({ "quantity_max": "0" }), "quantity_max", "0 is below the minimum, one lot of 1"),
        (json!({ "orders_max": 0 }), "orders_max", "0 is not from 1 to 1073741824"),
        (
            json!({ "orders_per_account_max": 0 }),
            "orders_per_account_max",
            "0 is not from 1 to 1073741824",
        ),
        (
            json!({ "orders_max": 1_073_741_825 }),
            "orders_max",
            "1073741825 is not from 1 to 1073741824",
        ),
        (json!({ "parts_max": 0 }), "parts_max", "0 is below the minimum, 1"),
        (
            json!({ "requests_max": 1_073_741_825 }),
            "requests_max",
            "1073741825 is not from 0 to 1073741824",
        ),
        (
            json!({ "blocked_max": 1_073_741_825 }),
            "blocked_max",
            "1073741825 is not from 0 to 1073741824",
        ),
        (
            json!({ "maker_ppm": 1_000_001 }),
            "maker_ppm",
            "1000001 is not from -1000000 to 1000000: no fee or rebate is above the notional",
        ),
        (
            json!({ "taker_ppm": -1_000_001 }),
            "taker_ppm",
            "-1000001 is not from -1000000 to 1000000: no fee or rebate is above the notional",
        ),
        (
            json!({ "reference_price": "101" }),
            "reference_price",
            "101.00 is outside the band from 0.00 to 100.00",
        ),
        (
            huge,
            "price_max",
            "1000000000000.00 (100000000000000 ticks) times quantity_max 1000000000000000 \
             (1000000000000000 lots) is above 2^94 ticks times lots: with this price quantity_max is \
             at most 198070406285660",
        ),
        (
            deep,
            "price_min",
            "-1000000000000.00 (-100000000000000 ticks) times quantity_max 1000000000000000 \
             (1000000000000000 lots) is above 2^94 ticks times lots: with this price quantity_max is \
             at most 198070406285660",
        ),
        (
            many,
            "orders_max",
            "3 times quantity_max 4611686018427387904 (4611686018427387904 lots) is above 2^63 \
             lots: with this quantity_max orders_max is at most 2, with this orders_max \
             quantity_max is at most 3074457345618258602",
        ),
    ]
}

#[test]
fn refused_market_names_the_member_its_value_and_the_bound() {
    let cases = refusals();
    let input: String = cases
        .iter()
        .map(|(changes, ..)| line("add_market", market_with(changes.clone())))
        .collect();
    let good = line("add_market", market_with(json!({})));
    let terms = json!({ "price_min": "1", "price_max": "2", "taker_ppm": 2_000_000 });
    let all = answers(&(input + &good + &line("set_market", terms)));
    for ((changes, field, why), answer) in cases.iter().zip(&all) {
        let done = &answer["done"];
        assert_eq!(done["outcome"]["rejected"], "bad_spec", "{changes}: {answer}");
        assert_eq!(done["detail"], json!({ "field": field, "why": why }), "{changes}");
    }
    let good = &all[cases.len()]["done"];
    assert_eq!((&good["outcome"], good.get("detail")), (&json!("accepted"), None));
    let set = &all[cases.len() + 1]["done"];
    assert_eq!(set["outcome"]["rejected"], "bad_spec");
    assert_eq!(set["detail"]["field"], "taker_ppm");
    let tick = &answers(&line("add_market", market_with(json!({ "tick": "0.00" }))))[0];
    let why = "tick: 0.00 is not 1 to 10^9 times a power of ten from 10^-28 to 10^28";
    assert_eq!(tick["refused"]["error"], why);
}

#[test]
fn used_and_zero_market_ids_are_refused_with_a_reason() {
    let add = |id: u32, symbol: &str| {
        let mut body = market_with(json!({ "symbol": symbol }));
        body["market"] = id.into();
        json!({ "add_market": body }).to_string() + "\n"
    };
    let input = [add(5, "FIVE"), add(0, "X"), add(4, "X"), add(5, "X"), add(6, "FIVE")].concat()
        + "{\"remove_market\":{\"market\":5}}\n"
        + &add(5, "X");
    let all = answers(&input);
    let reasons: Vec<_> = all.iter().map(|it| it["done"]["outcome"]["rejected"].clone()).collect();
    let (zero, used, exists) = ("zero_market_id", "used_market_id", "market_exists");
    let expected = json!([null, zero, used, exists, exists, null, used]);
    assert_eq!(Value::from(reasons), expected);
    let field = "market";
    let why = "0 is not a market id: ids start at 1";
    assert_eq!(all[1]["done"]["detail"], json!({ "field": field, "why": why }));
    let why = "4 is not above every id used so far: ids only go up, so that no id is used twice";
    assert_eq!(all[2]["done"]["detail"], json!({ "field": field, "why": why }));
    // A configured market is refused for the same reasons.
    let folder = folder();
    let market = "[[market]]\nmarket = 1\nsymbol = \"SUN\"\ntick = \"0.01\"\nlot = \"1\"\n\
                  quantity_max = \"1000\"\nprice_min = \"0\"\nprice_max = \"100\"\n\
                  maker_ppm = 2000000\n";
    std::fs::write(folder.path().join("c.toml"), market).expect("a file");
    let output = run(folder.path(), &["run", "--once", "--config", "c.toml"], "");
    assert_eq!(output.status.code(), Some(2), "{}", err(&output));
    assert!(err(&output).contains("maker_ppm: 2000000 is not from"), "{}", err(&output));
}

#[test]
fn view_depth_is_limited_and_omitted_levels_are_counted() {
    let prices = (1..=12).map(|price| place(1, price, "buy", &format!("{price}.00"), 5));
    let view = |asked: Value| line("view", asked);
    let input = MARKET.to_owned()
        + &prices.collect::<String>()
        + &[view(json!({})), view(json!({ "depth": 12 })), view(json!({ "depth": 1_000 }))]
            .concat()
        + &view(json!({ "depth": 1_001 }));
    let all = answers(&input);
    let [short, whole, deepest, refused] = &all[14..] else { panic!("{all:?}") };
    assert_eq!(short["book"]["bids"].as_array().map(Vec::len), Some(10));
    assert_eq!((&short["book"]["more_bids"], short["book"].get("more_asks")), (&json!(2), None));
    for book in [whole, deepest].map(|answer| &answer["book"]) {
        assert_eq!(book["bids"].as_array().map(Vec::len), Some(12));
        assert_eq!((book.get("more_bids"), book.get("more_asks")), (None, None));
    }
    let why = "depth: 1001 is above the limit of 1000 levels";
    assert_eq!(refused["refused"]["error"], why);
}

#[test]
fn subscriber_sees_the_indicative_price_before_the_uncross() {
    let host = Running::start(&["--epoch", "never"]);
    let mut operator = host.unix();
    operator.send(&(MARKET.to_owned() + &line("set_phase", json!({ "phase": "call" }))));
    for _ in 0..3 {
        assert_eq!(operator.receive()["done"]["outcome"], "accepted");
    }
    let none = json!({ "orders": 0, "quantity": "0" });
    let mut watcher = host.unix();
    let book = watcher.ask(&line("subscribe", json!({})));
    assert_eq!(book["book"]["call"], json!({ "market_bids": none, "market_asks": none }));
    let order = json!({ "account": "00000000-0000-0000-0000-000000000001",
        "order": "00000000-0000-0000-0000-000000000001", "side": "buy", "type": "market",
        "quantity": "3" });
    operator.ask(&line("place", order));
    let three = json!({ "orders": 1, "quantity": "3" });
    let update = &watcher.receive()["update"];
    assert_eq!(update["call"], json!({ "market_bids": three, "market_asks": none }));
    operator.ask(&place(2, 2, "sell", "2.00", 2));
    let update = &watcher.receive()["update"];
    let (price, volume, surplus) = (json!("2.00"), json!("2"), json!("1"));
    let indicative = json!({ "price": price, "volume": volume, "surplus": surplus,
        "surplus_side": "buy" });
    let call = json!({ "indicative": indicative, "market_bids": three, "market_asks": none });
    assert_eq!(update["call"], call);
    assert_eq!(operator.ask(&line("view", json!({ "depth": 0 })))["book"]["call"], call);
    operator.ask(&close(1));
    let closed = &watcher.receive()["update"];
    let clearing = json!({ "price": price, "volume": volume, "surplus": surplus });
    assert_eq!(closed["closed"]["clearing"], clearing);
    let left = json!({ "orders": 1, "quantity": "1" });
    assert_eq!(closed["call"], json!({ "market_bids": left, "market_asks": none }));
}
