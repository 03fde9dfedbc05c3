use std::io::Cursor;
use std::num::NonZeroU32;

use pricetime_engine::{
    AccountId, Action, Amend, Command, Engine, EpochNumber, Fees, Limits, MarketId, MarketSpec,
    OrderId, OrderKind, Outcome, Phase, Place, Price, Pricing, Quantity, RequestId, SelfTrade,
    Sequence, SessionId, Side, Step, Symbol, Terms, TimeInForce, Timestamp,
};

use super::{Column, Options, Reader, Writer};
use crate::error::RecordingError;
use crate::source::Source;

const PAGE: &str = include_str!("../../../docs/recordings-csv.md");

fn open(text: impl Into<Vec<u8>>, options: Options) -> Result<Reader, RecordingError> {
    Reader::new(Source::of("orders.csv", Cursor::new(text.into())).unwrap(), options)
}

/// The commands, and the errors of the rows that could not be read.
fn read(text: impl Into<Vec<u8>>, options: Options) -> (Vec<Command>, Vec<String>) {
    let (mut commands, mut errors) = (Vec::new(), Vec::new());
    for row in open(text, options).unwrap() {
        match row {
            Ok(command) => commands.push(command),
            Err(error) => {
                assert!(error.is_in_one_message(), "{error}");
                errors.push(error.to_string());
            }
        }
    }
    (commands, errors)
}

fn commands(text: &str) -> Vec<Command> {
    let (commands, errors) = read(text, Options::default());
    assert_eq!(errors, Vec::<String>::new());
    commands
}

fn write(commands: &[Command], columns: &[Column]) -> String {
    let mut writer = Writer::new(Vec::new(), "out.csv", columns).unwrap();
    for command in commands {
        writer.write(command).unwrap();
    }
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

/// Random commands of every kind, valid or not.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    fn any<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| make(self))
    }

    /// A number of any size, often a small or an extreme one.
    fn number(&mut self) -> u64 {
        let bits = self.bits();
        self.any(&[bits % 10, bits % 100_000, bits, 0, u64::MAX])
    }

    fn id(&mut self) -> u128 {
        let (high, low) = (self.number(), self.number());
        self.any(&[low.into(), u128::from(high) << 64 | u128::from(low)])
    }

    fn price(&mut self) -> Price {
        let number = self.number().cast_signed();
        Price(self.any(&[number, -(number.saturating_abs())]))
    }

    fn quantity(&mut self) -> Quantity {
        Quantity(self.number())
    }

    fn session(&mut self) -> SessionId {
        SessionId(NonZeroU32::new(self.bits() as u32 | 1).unwrap())
    }

    fn step(&mut self) -> Step {
        let exponent = self.any(&[-4, -2, 0, 3, -28, 28, -128, 127]);
        Step { mantissa: self.any(&[1, 5, 25, 10, 0, 1_000_000_000, u64::MAX]), exponent }
    }

    fn spec(&mut self) -> MarketSpec {
        let symbol = self.any(&["SUN/EUR", "A", "7", "a-very.long_symbol/of-24"]);
        let mut limit = || self.number() as u32;
        let limits = Limits {
            orders_max: limit(),
            orders_per_account_max: limit(),
            requests_max: limit(),
            blocked_max: limit(),
            parts_max: limit(),
        };
        let (tick, lot) = (self.step(), self.step());
        let good = MarketSpec::new(Symbol::new(symbol).unwrap(), tick, lot);
        let bad = MarketSpec {
            pricing: self.any(&[Pricing::Maker, Pricing::Midpoint]),
            quantity_max: self.quantity(),
            limits,
            terms: self.terms(),
            ..good
        };
        self.any(&[good, good, bad])
    }

    fn terms(&mut self) -> Terms {
        Terms {
            price_min: self.price(),
            price_max: self.price(),
            protection_ticks: self.maybe(Self::number),
            reference: self.maybe(Self::price),
            fees: Fees { maker_ppm: self.bits() as i32, taker_ppm: self.any(&[0, 30, i32::MIN]) },
        }
    }

    fn place(&mut self) -> Place {
        let (price, stop) = (self.price(), self.price());
        let (until, epochs) = (Timestamp(self.number()), self.number());
        Place {
            order: OrderId(self.id()),
            reference: self.number(),
            side: self.any(&[Side::Buy, Side::Sell]),
            kind: self.any(&[
                OrderKind::Limit { price },
                OrderKind::Market,
                OrderKind::Stop { stop },
                OrderKind::StopLimit { stop, price },
            ]),
            quantity: self.quantity(),
            time_in_force: self.any(&[
                TimeInForce::GoodTillCancel,
                TimeInForce::ImmediateOrCancel,
                TimeInForce::FillOrKill,
                TimeInForce::GoodTillDate(until),
                TimeInForce::ForEpochs(epochs),
            ]),
            post_only: self.any(&[true, false]),
            minimum_quantity: self.maybe(Self::quantity),
            display_quantity: self.maybe(Self::quantity),
            self_trade: self.any(&[
                SelfTrade::None,
                SelfTrade::CancelTaker,
                SelfTrade::CancelMaker,
                SelfTrade::CancelBoth,
                SelfTrade::Decrement,
            ]),
        }
    }

    fn action(&mut self, account: AccountId) -> Action {
        match self.below(16) {
            0 => Action::AddMarket(self.spec()),
            1 => Action::SetMarket(self.terms()),
            2 => Action::RemoveMarket,
            3 => Action::Amend(Amend {
                order: OrderId(self.id()),
                price: self.maybe(Self::price),
                quantity: self.maybe(Self::quantity),
                stop_price: self.maybe(Self::price),
                if_open: self.maybe(Self::quantity),
                requeue: self.any(&[true, false]),
            }),
            4 => Action::Cancel { order: OrderId(self.id()) },
            5 => {
                let other = AccountId(self.id());
                Action::CancelAll {
                    account: self.any(&[None, Some(account), Some(other)]),
                    side: self.any(&[None, Some(Side::Buy), Some(Side::Sell)]),
                }
            }
            6 => Action::CancelSession { session: self.maybe(Self::session) },
            7 => Action::SetPhase(self.any(&[
                Phase::Continuous,
                Phase::Call,
                Phase::Halted,
                Phase::Closed,
            ])),
            8 => Action::CloseEpoch { number: EpochNumber(self.number()) },
            9 => Action::AdvanceTime,
            10 => Action::BlockAccount(AccountId(self.id())),
            11 => Action::UnblockAccount(AccountId(self.id())),
            _ => Action::Place(self.place()),
        }
    }

    fn command(&mut self) -> Command {
        let account = AccountId(self.id());
        Command {
            sequence: Sequence(self.number()),
            timestamp: Timestamp(self.number()),
            market: MarketId(self.any(&[1, 2, 3, 7, 0, u32::MAX])),
            account,
            operator: self.any(&[true, false]),
            request: self.maybe(|it| RequestId(it.id())),
            session: self.maybe(Self::session),
            action: self.action(account),
        }
    }
}

#[test]
fn random_commands_survive_a_round_trip() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let list: Vec<_> = (0..100).map(|_| random.command()).collect();
        let mut columns = Column::ALL;
        columns.rotate_left(seed as usize % Column::ALL.len());
        let text = write(&list, &columns);
        assert!(!text.contains('"'));
        assert_eq!(commands(&text), list, "seed {seed}\n{text}");
        if seed < 20 {
            let other = format!("\u{feff}{}", text.replace(',', ";").replace('\n', "\r\n\r\n"));
            assert_eq!(commands(&other), list, "seed {seed}");
            let quoted = text.replace(',', "\"\t\"").replace('\n', "\"\n\"");
            assert_eq!(commands(&format!("\"{}", quoted.strip_suffix('"').unwrap())), list);
        }
    }
}

#[test]
fn file_without_accounts_has_one_whose_orders_can_trade() {
    let text =
        "action,market,order,side,price,quantity\nplace,7,1,sell,100,5\nplace,7,2,buy,100,5\n";
    let list = commands(text);
    let [Command { action: Action::Place(sell), account: AccountId(0), .. }, _] = list[..] else {
        panic!("{list:?}")
    };
    assert_eq!(sell.self_trade, SelfTrade::None);
    assert_eq!((list[1].sequence, list[1].operator), (Sequence(2), false));
    let columns = [
        Column::Action,
        Column::Market,
        Column::Order,
        Column::Side,
        Column::Price,
        Column::Quantity,
    ];
    let all = [&[Column::Time, Column::Sequence], columns.as_slice(), &columns].concat();
    let written = write(&list, &all);
    assert_eq!(commands(&written), list);
    let error = Writer::new(Vec::new(), "out.csv", &columns).unwrap().write(&list[0]).unwrap_err();
    let expected = "out.csv: line 2: time \"1970-01-01T00:00:00.000000000Z\" has no column in this file; \
                    write the file with this column too";
    assert_eq!(error.to_string(), expected);
    let error = Writer::new(Vec::new(), "out.csv", &[Column::Action]).unwrap_err();
    assert!(error.to_string().contains("has no column market"), "{error}");
}

#[test]
fn unknown_markets_are_added_if_the_option_says_so() {
    let text = "time,sequence,action,market,account,order,side,price,quantity\n\
                5,90,place,AAPL,1,1,buy,1.25,3\n6,91,place,7,1,2,buy,1.5,3\n7,92,cancel,AAPL,1,1,,,\n\
                8,93,place,AAPL+,1,3,buy,1.5,3\n9,94,place,MSFT,1,3,buy,1.333,3\n";
    let (list, errors) = read(text, Options::default());
    assert_eq!(list.len(), 0);
    assert_eq!(errors.len(), 5);
    assert_eq!(
        errors[0],
        "orders.csv: line 2, byte 62: market \"AAPL\" was not added; add it with a row of add_market, \
         or give the tick and the lot of new markets"
    );
    assert_eq!(
        errors[1],
        "orders.csv: line 3, byte 93: price \"1.5\" is not a multiple of the tick 1 (nearest: 1, 2); \
         no row before it adds this market, so it counts in ticks and lots"
    );
    let spec = MarketSpec::new("X".parse().unwrap(), "0.25".parse().unwrap(), Step::ONE);
    let (list, errors) = read(text, Options { new_markets: Some(spec) });
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("market \"AAPL+\" is not 1 to 24 of the characters"), "{errors:?}");
    assert!(errors[1].contains("(nearest: 1.25, 1.50)"), "{errors:?}");
    let mut engine = Engine::new(10);
    for (number, command) in (1..).zip(&list) {
        assert_eq!(command.sequence, Sequence(number));
        assert_eq!(engine.apply(command, &mut ()), Outcome::Accepted, "{command:?}");
    }
    assert_eq!(list.len(), 7);
    let symbols: Vec<_> = engine.markets().map(|it| it.spec().symbol.to_string()).collect();
    assert_eq!(symbols, ["AAPL", "7"]);
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
#[test]
fn faulty_row_is_reported_and_the_next_one_read() {
    let header = "action,market,account,order,side,kind,price,stop_price,quantity,time_in_force,until,\
                  epochs,post_only,session,tick,lot,blocked,time\n\
                  add_market,SUN,,,,,,,,,,,,,0.01,0.5,,\n";
    for (row, expected) in [
        ("place,SUN,7,1,buy,,1.25,,1.5,,,,,,,,", "has 17 columns instead of 18"),
        ("place,SUN,7,1,buy,,1.25,,1.5,,,,,,,,,,", "has 19 columns instead of 18"),
        (
            ",SUN,7,1,buy,,1.25,,1.5,,,,,,,,,",
            "action \"\" is missing; a row of every action needs it",
        ),
        (
            "buy,SUN,7,1,buy,,1.25,,1.5,,,,,,,,,",
            "action \"buy\" is not one of place, cancel, amend, ",
        ),
        ("place,,7,1,buy,,1.25,,1.5,,,,,,,,,", "market \"\" is missing; a row of place needs it"),
        ("place,MOON,7,1,buy,,1.25,,1.5,,,,,,,,,", "market \"MOON\" was not added; add it with "),
        (
            "place,SUN,,1,buy,,1.25,,1.5,,,,,,,,,",
            "account \"\" is missing; a row of place needs it",
        ),
        (
            "place,SUN,me,1,buy,,1.25,,1.5,,,,,,,,,",
            "account \"me\" is not a whole number or a UUID",
        ),
        ("place,SUN,7,1,hold,,1.25,,1.5,,,,,,,,,", "side \"hold\" is not one of buy, sell"),
        (
            "place,SUN,7,1,buy,,1.255,,1.5,,,,,,,,,",
            "price \"1.255\" is not a multiple of the tick 0.01 (nearest: 1.25, 1.26)",
        ),
        ("place,SUN,7,1,buy,,,,1.5,,,,,,,,,", "price \"\" is missing; a row of place needs it"),
        (
            "place,SUN,7,1,buy,market,1,,1.5,,,,,,,,,",
            "price \"1\" has no meaning for this kind of order; leave it empty",
        ),
        (
            "place,SUN,7,1,buy,,1,1,1.5,,,,,,,,,",
            "stop_price \"1\" has no meaning for this kind of order; leave it empty",
        ),
        (
            "place,SUN,7,1,buy,,1.25,,1.3,,,,,,,,,",
            "quantity \"1.3\" is not a multiple of the lot 0.5 (nearest: 1.0, 1.5)",
        ),
        ("place,SUN,7,1,buy,,1.25,,\"1,5\",,,,,,,,,", "quantity \"1,5\" is not a decimal number"),
        (
            "place,SUN,7,1,buy,,1.25,,1.5,gtd,,,,,,,,",
            "until \"\" is missing; a row of place needs it",
        ),
        (
            "place,SUN,7,1,buy,,1.25,,1.5,gtc,5,,,,,,,",
            "until \"5\" has no meaning for this time in force; leave it empty",
        ),
        (
            "place,SUN,7,1,buy,,1.25,,1.5,,5,6,,,,,,",
            "epochs \"6\" has no meaning for this time in force; leave it empty",
        ),
        (
            "place,SUN,7,1,buy,,1.25,,1.5,,,,maybe,,,,,",
            "post_only \"maybe\" is not one of true, false, 1, 0",
        ),
        (
            "place,SUN,7,1,buy,,1.25,,1.5,,,,,0,,,,",
            "session \"0\" is not a number from 1 to 4294967295",
        ),
        (
            "cancel,SUN,7,1,,,1.25,,,,,,,,,,,",
            "price \"1.25\" has no meaning for cancel; leave it empty",
        ),
        (
            "add_market,2,,,,,,,,,,,,,0.01,0.5,,",
            "symbol \"\" is missing; a row of add_market needs it",
        ),
        (
            "add_market,MOON,,,,,,,,,,,,,0,0.5,,",
            "tick \"0\" is not a decimal above 0, such as 0.01",
        ),
        (
            "add_market,MOON,,,,,,,,,,,,,0.01,,,",
            "lot \"\" is missing; a row of add_market needs it",
        ),
        (
            "block_account,SUN,,,,,,,,,,,,,,,,",
            "blocked \"\" is missing; a row of block_account needs it",
        ),
        ("advance_time,SUN,,,,,,,,,,,,,,,,yesterday", "time \"yesterday\" is not a time such as "),
        (
            "advance_time,SUN,,,,,,,,,,,,,,,,\"0",
            "field \"\\\"0\" has a quote that is not closed at the end of the field",
        ),
        (
            "advance_time,SUN,,,,,,,,,,,,,,,,\"0\"1",
            "field \"\\\"0\\\"1\" has a quote that is not closed",
        ),
        ("advance_time,\u{ff},,,,,,,,,,,,,,,,", "market \"\\xc3\\xbf\" was not added"),
    ] {
        let text = format!("{header}{row}\ncancel,SUN,7,1,,,,,,,,,,,,,,\n");
        let (list, errors) = read(text.as_bytes(), Options::default());
        assert_eq!(list.len(), 2, "{row}");
        let prefix = format!("orders.csv: line 3, byte {}: {expected}", header.len());
        assert!(errors.len() == 1 && errors[0].starts_with(&prefix), "{errors:?}\n{prefix}");
    }
}

#[test]
fn first_line_that_is_no_header_ends_the_run_with_a_hint() {
    for (text, expected) in [
        (
            "34200.1,1,7,100,5853300,1\n",
            "orders.csv: line 1, byte 0: has no column action, so this is not CSV with a header; \
             it looks like a LOBSTER message file",
        ),
        ("{\"place\":{}}\n", "it looks like JSON lines"),
        ("PRICETIM\0\0", "it looks like a Pricetime journal"),
        ("\0\x0cS\0\0", "it looks like NASDAQ TotalView-ITCH 5.0"),
        ("PK\x03\x04", "it is a ZIP archive: unpack it first"),
        (
            "ts,ticker,px\n",
            "has no column action, so this is not CSV with a header; the first line \
             names the columns, such as time,action,market,account,order,side,price,quantity",
        ),
        ("action,price\n", "has no column market, so this is not CSV"),
        (
            "action,market,prize\n",
            "line 1, byte 0: column \"prize\" is not a column of commands; did you mean price?",
        ),
        ("action,market,weather\n", "column \"weather\" is not a column of commands"),
        ("action,market,Price,price\n", "column \"price\" is in the header twice"),
        ("action,market,\n", "column \"\" is not a column of commands"),
        (
            "action;market;\"price\n",
            "has a quote that is not closed at the end of the field, so this is not",
        ),
    ] {
        let error = open(text, Options::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.is_in_one_message());
    }
    let long = format!("DBN{}", "\0".repeat(2 * Source::MESSAGE_MAX));
    let error = open(long, Options::default()).unwrap_err().to_string();
    assert!(error.contains("is longer than 131072 bytes, so this is not CSV"), "{error}");
    assert!(error.ends_with("it looks like Databento DBN"), "{error}");
}

#[test]
fn last_row_may_lack_a_line_feed_and_may_be_cut_off() {
    let text = "action,market,price_min,price_max\nadvance_time,1,,";
    assert_eq!(commands(text).len(), 1);
    let error =
        open(&text[..text.len() - 1], Options::default()).unwrap().next().unwrap().unwrap_err();
    assert!(error.to_string().contains("the file ends in the middle of a message"), "{error}");
    assert_eq!(commands("action,market").len(), 0);
    assert_eq!(commands("ACTION,Market\nADVANCE_TIME,1").len(), 1);
}

#[test]
fn reader_survives_damaged_files() {
    let mut random = Random(1);
    let list: Vec<_> = (0..40).map(|_| random.command()).collect();
    let good = write(&list, &Column::ALL).into_bytes();
    let mut opened = 0;
    for _ in 0..2_000 {
        let mut bad = good.clone();
        for _ in 0..=random.below(8) {
            let at = random.below(bad.len() as u64) as usize;
            let byte = random.any(b",;\"\n\r\t-.:eTZ019a\xff\0");
            match random.below(3) {
                0 => bad[at] = byte,
                1 => bad.insert(at, byte),
                _ => bad.truncate(at.max(700)),
            }
        }
        let Ok(reader) = open(bad, Options::default()) else { continue };
        opened += 1;
        for row in reader {
            let _ = row.map_err(|error| error.to_string());
        }
    }
    assert!(opened > 100, "{opened}");
}

#[test]
fn page_describes_the_format() {
    let example = PAGE.split("```csv\n").nth(1).and_then(|it| it.split("```").next()).unwrap();
    let mut engine = Engine::new(1);
    let outcomes: Vec<_> =
        commands(example).iter().map(|command| engine.apply(command, &mut ())).collect();
    assert_eq!(outcomes, [Outcome::Accepted; 8]);
    assert_eq!(engine.market(MarketId(1)).map(|book| book.live()), Some(0));
    for column in Column::ALL {
        assert!(PAGE.contains(&format!("`{}`", column.name())), "{column:?}");
    }
    let named = PAGE.split('`').skip(1).step_by(2).filter(|text| text.ends_with("_max"));
    assert!(named.clone().all(|name| Column::ALL.iter().any(|it| it.name() == name)));
    assert!(named.count() >= 5);
}
