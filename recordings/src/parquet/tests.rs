//! Tests of the tables. `tests/tests/judges.rs` compares all their rows with those that pyarrow and polars read.

use std::io::Write as _;
use std::num::NonZeroUsize;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use pricetime_engine::{
    AccountId, Action, Command, Engine, Group, MarketId, MarketSpec, OrderId, Phase, Place, Price,
    Quantity, Sequence, Side, Step, Timestamp,
};

use super::market::Market;
use super::{Options, Table, Writer};

const TABLES: [Table; 3] = [Table::Trades, Table::Levels, Table::Events];

fn step(mantissa: u64, exponent: i8) -> Step {
    Step { mantissa, exponent }
}

/// A market with this tick, and two orders that trade.
fn commands(tick: Step) -> Vec<Command> {
    let spec = MarketSpec::new("SUN".parse().unwrap(), tick, Step::ONE);
    let place = |order, side| Place::limit(OrderId(order), side, Quantity(3), Price(7)).into();
    let actions = [
        Action::AddMarket(spec),
        Action::SetPhase(Phase::Continuous),
        place(1, Side::Sell),
        place(2, Side::Buy),
    ];
    let command = |(number, action)| Command {
        operator: number < 3,
        ..Command::new(
            Sequence(number),
            Timestamp(5),
            MarketId(1),
            AccountId(number.into()),
            action,
        )
    };
    (1..).zip(actions).map(command).collect()
}

/// The file, or the error, and the rows in it.
fn written(table: Table, options: Options, commands: &[Command]) -> Result<(Vec<u8>, u64), String> {
    let (mut engine, mut group) = (Engine::new(1), Group::default());
    let mut writer = Writer::new(Vec::new(), "day.parquet", table, options).unwrap();
    for command in commands {
        engine.apply(command, &mut group);
        writer.write(&group, &engine).map_err(|error| error.to_string())?;
    }
    let rows = writer.rows();
    Ok((writer.finish().unwrap(), rows))
}

#[test]
fn rows_are_in_groups_of_the_chosen_length() {
    for (group_rows, groups) in [(1, [1, 2, 5]), (2, [1, 1, 3]), (65_536, [1, 1, 1])] {
        let group_rows = NonZeroUsize::new(group_rows).unwrap();
        for (table, groups) in TABLES.into_iter().zip(groups) {
            let options = Options { group_rows, ..Options::default() };
            let (bytes, rows) = written(table, options, &commands(Step::ONE)).unwrap();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            let file = SerializedFileReader::new(file).unwrap();
            assert_eq!(file.num_row_groups(), groups, "{table:?}");
            assert_eq!(file.metadata().file_metadata().num_rows().cast_unsigned(), rows);
        }
    }
}

#[test]
fn number_is_exact_or_refused() {
    let market = |tick, decimals| {
        Market::new(&MarketSpec::new("SUN".parse().unwrap(), tick, tick), decimals)
    };
    let billion = Step::MANTISSA_MAX;
    for (tick, decimals, price, expected) in [
        (step(25, -2), 2, 3, Ok(75)),
        (step(25, -2), 9, -3, Ok(-750_000_000)),
        (step(25, -2), 1, 2, Ok(5)),
        (step(25, -2), 1, 3, Err("\"0.75\" has more than 1 decimal places")),
        (step(5, -28), 28, 3, Ok(15)),
        (step(5, -28), 9, 0, Ok(0)),
        (step(5, -28), 9, 1, Err("has more than 9 decimal places")),
        (step(billion, 0), 9, i64::MAX, Ok(i128::from(i64::MAX) * 10_i128.pow(18))),
        (step(billion, 0), 9, i64::MIN, Ok(i128::from(i64::MIN) * 10_i128.pow(18))),
        (step(1, 28), 9, 9, Ok(9 * 10_i128.pow(37))),
        (step(1, 28), 9, 10, Err("is not a number of at most 38 digits")),
        (step(billion, 28), 28, 0, Ok(0)),
        (step(billion, 28), 28, 1, Err("is not a number of at most 38 digits")),
    ] {
        let found = market(tick, decimals).price(Price(price)).map(|it| it.0);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => {
                assert!(found.to_string().contains(expected), "{found}");
            }
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }
    let most = market(step(billion, 0), 9).quantity(Quantity(u64::MAX)).unwrap();
    assert_eq!(most.0, i128::from(u64::MAX) * 10_i128.pow(18));
}

#[test]
fn what_cannot_be_written_is_an_error_that_names_it() {
    let mut late = commands(Step::ONE);
    late[3].timestamp = Timestamp(1 << 63);
    let fine = commands(step(1, -10));
    for (table, commands, expected) in [
        (
            Table::Trades,
            &late,
            "day.parquet: time \"9223372036854775808\" is not a time before 2262",
        ),
        (
            Table::Trades,
            &fine,
            "day.parquet: price \"0.0000000007\" has more than 9 decimal places",
        ),
        (
            Table::Levels,
            &fine,
            "day.parquet: price \"0.0000000007\" has more than 9 decimal places",
        ),
        (
            Table::Events,
            &fine,
            "day.parquet: price \"0.0000000007\" has more than 9 decimal places",
        ),
    ] {
        let error = written(table, Options::default(), commands).unwrap_err();
        assert!(error.contains(expected), "{error}");
        let exact = Options { decimals: 10, ..Options::default() };
        assert_eq!(written(table, exact, &fine).map(|_| ()), Ok(()));
    }
    let many = Options { decimals: 29, ..Options::default() };
    let error = Writer::new(Vec::new(), "x", Table::Trades, many).err().unwrap();
    assert_eq!(error.to_string(), "x: decimals \"29\" is not a number up to 28");
}
