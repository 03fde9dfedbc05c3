//! Programs of others agree with us about the formats of exchanges: they decode what we write, and we decode what
//! they write. The programs are in `tests/judges`, and `scripts/test` installs what they need from PyPI.
#![cfg(feature = "servers")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pricetime_engine::{Action, Command as EngineCommand, Engine, Side};
use pricetime_journal::random::Random;
use pricetime_recordings::itch::{Message, Options, Reader};
use pricetime_recordings::parquet::{self, Table};
use pricetime_recordings::{Commands, Mode, Source, VenueMessage, VenueReader as _};
use pricetime_tests::environment::number;
use pricetime_tests::generate::{Generator, Step};
use pricetime_tests::itch::{TYPES, file, framed, random_message};
use pricetime_tests::tables::{Row, Tables};

/// The folder of Cargo's profile, in which this test is too.
fn profile() -> PathBuf {
    let own = std::env::current_exe().expect("this test");
    own.parent().and_then(Path::parent).expect("the profile's folder").to_owned()
}

/// A judge with its arguments, run by the Python that has its packages.
fn judge(name: &str, arguments: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = profile().parent().expect("the target folder").join("judges");
    let wanted = fs::read(root.join("judges/requirements.txt")).expect("the requirements");
    assert!(
        fs::read(installed.join("requirements.txt")).is_ok_and(|found| found == wanted),
        "the packages of tests/judges/requirements.txt are not in {}: `scripts/test` installs them",
        installed.display()
    );
    let mut command = Command::new(installed.join("bin/python"));
    command.arg(root.join("judges").join(name)).args(arguments);
    command
}

/// What a program prints.
#[track_caller]
fn output(mut command: Command) -> Vec<u8> {
    let done = command.output().expect("the program starts");
    let text = [done.stdout.as_slice(), &done.stderr].map(String::from_utf8_lossy).concat();
    assert!(done.status.success(), "{command:?}:\n{text}");
    done.stdout
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// The best prices after each message that changes them: the number of the message, the instrument, and price,
/// quantity and number of orders of bid and ask.
fn book(messages: impl IntoIterator<Item = VenueMessage>) -> String {
    let (mut commands, mut engine) = (Commands::new(Mode::Reconstruct), Engine::new(u32::MAX));
    let (mut text, mut last, mut list) = (String::new(), Vec::new(), Vec::new());
    for message in messages {
        commands.apply(&message, &mut list);
        let Some(market) = list.last().map(|command| command.market) else { continue };
        for command in list.drain(..) {
            engine.apply(&command, &mut ());
        }
        let index = market.0 as usize;
        last.resize(last.len().max(index + 1), String::from("0 0 0 0"));
        let book = engine.market(market).expect("a listed stock");
        let best =
            |side| book.best(side).map_or((0, 0, 0), |it| (it.price.0, it.quantity.0, it.orders));
        let ((bid, bid_size, bids), (ask, ask_size, asks)) = (best(Side::Buy), best(Side::Sell));
        let now = format!("{bid} {bid_size} {ask} {ask_size}");
        if last[index] != now {
            let VenueMessage { number, instrument, .. } = message;
            writeln!(text, "{number} {instrument} {now} {bids} {asks}").expect("memory");
            last[index] = now;
        }
    }
    text
}

/// The messages of a file as text, one a line.
fn fields(bytes: &[u8]) -> String {
    let (mut text, mut rest) = (String::new(), bytes);
    while let [high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (bytes, after) = after.split_at(length);
        let message = Message::decode(bytes).expect("a message");
        let mut encoded = Vec::new();
        message.encode(&mut encoded);
        assert_eq!(encoded, bytes, "{message:?}");
        writeln!(text, "{message:?}").expect("memory");
        rest = after;
    }
    text
}

#[test]
fn itch_has_the_same_fields_and_books_for_other_decoders_and_encoders() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut random = Random::new(4);
    let mut every: Vec<_> =
        TYPES.repeat(200).iter().map(|it| random_message(*it, &mut || random.bits())).collect();
    // itch-book decodes the text in these types, so it must be text.
    for message in every.iter_mut().filter(|it| matches!(it[0], b'R' | b'F')) {
        message[11..].iter_mut().for_each(|byte| *byte &= 0x7f);
    }
    fs::write(folder.join("every_type.itch"), framed(&every)).expect("a file");
    let (written, meant) = file(5, 10_000);
    fs::write(folder.join("written.itch"), written).expect("a file");
    output(judge("itch.py", &["write", text(folder)]));
    let names = ["every_type", "written", "by_itchcpp", "by_itchfeed"];
    for name in names {
        let path = folder.join(name).with_extension("itch");
        let bytes = fs::read(&path).expect("a file");
        fs::write(path.with_extension("fields"), fields(&bytes)).expect("a file");
        let mut reader = Reader::new(Source::open(&path).expect("a file"), Options::default());
        let read = std::iter::from_fn(|| reader.next().ok().flatten());
        fs::write(path.with_extension("book"), book(read)).expect("a file");
    }
    // What was meant, not what was read back.
    fs::write(folder.join("written.book"), book(meant)).expect("a file");
    let said = output(judge("itch.py", &["compare", text(folder)]));
    let said = String::from_utf8(said).expect("text");
    for name in names {
        for other in ["itchcpp", "itchfeed", "itch-book"] {
            assert!(said.contains(&format!("{name}.itch: {other}: ")), "{said}");
        }
    }
    let agree = said.lines().filter(|line| line.ends_with(" agree")).count();
    assert_eq!(agree, 4 * 3 + 2 + 1, "{said}");
}

#[test]
fn databento_books_of_every_version_equal_a_naive_replay() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    output(judge("databento.py", &["write", text(folder)]));
    for version in 1..=3 {
        let definitions = folder.join(format!("v{version}.definition.dbn"));
        for (name, places, definitions) in [("mbo", "9", None), ("mixed", "2", Some(&definitions))]
        {
            let recorded = folder.join(format!("v{version}.{name}.dbn"));
            let mut books = Command::new(profile().join("examples/databento"));
            books.arg("books").arg(&recorded).args(definitions);
            let lines = folder.join("lines");
            fs::write(&lines, output(books)).expect("a file");
            let mut compare = judge("databento.py", &["compare", text(&recorded), places]);
            compare.stdin(Stdio::from(File::open(&lines).expect("a file")));
            let said = String::from_utf8(output(compare)).expect("text");
            assert!(said.contains(" records agree"), "{said}");
        }
    }
}

/// A command whose time, tick and lot fit in the tables.
fn fitting(mut command: EngineCommand) -> EngineCommand {
    command.timestamp.0 = command.timestamp.0.min(i64::MAX.cast_unsigned());
    if let Action::AddMarket(spec) = &mut command.action {
        for step in [&mut spec.tick, &mut spec.lot] {
            step.exponent = step.exponent.clamp(-9, 0);
        }
    }
    command
}

/// The columns of a table with their types, as its documentation lists them.
fn documented(table: Table) -> Vec<(&'static str, &'static str)> {
    let text = include_str!("../../docs/recordings-parquet.md");
    let (_, text) = text.split_once(&format!("## {table:?}\n")).expect("a section");
    let section = text.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(name, rest)| (name, rest.split(" | ").next().expect("a type"))).collect()
}

/// The rows of a table as the judge prints them. Only one of the readers says which columns may have nulls.
fn printed(table: Table, rows: &[Row], says_nulls: bool) -> String {
    let columns = documented(table);
    let header = columns.iter().map(|(name, kind)| {
        let kind = kind.replace("decimal", "decimal(38, 9)");
        let kind = if says_nulls { &kind } else { kind.trim_end_matches(" or null") };
        format!("{name}: {kind}")
    });
    let fields = |row: &Row| {
        let fields = columns.iter().map(|(name, _)| row.get(name).map_or("", String::as_str));
        fields.collect::<Vec<_>>().join("\t")
    };
    let lines = [header.collect::<Vec<_>>().join("\t")].into_iter().chain(rows.iter().map(fields));
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

/// Writes the three tables of a seed's commands, or of none if there is no seed, and returns what they have to contain.
fn write_tables(folder: &Path, seed: Option<u64>) -> Vec<(PathBuf, Table, Vec<Row>)> {
    let (is_empty, name) = (seed.is_none(), seed.map_or("empty".to_owned(), |it| it.to_string()));
    let seed = seed.unwrap_or_default();
    let mut generator = Generator::new(seed);
    let mut engine = Engine::new(generator.profile().markets_max);
    let (mut expected, mut seen) = (Tables::default(), engine.snapshot());
    let levels = [1, 3, 10][seed as usize % 3];
    // Some seeds have one row group, and the others several or many.
    let group_rows = [65_536, 1_000, 64][seed as usize % 3].try_into().expect("not zero");
    let options = parquet::Options { levels, group_rows, ..parquet::Options::default() };
    let mut writers = [Table::Trades, Table::Levels, Table::Events].map(|table| {
        let path = folder.join(format!("{name}.{table:?}.parquet"));
        let file = File::create(&path).expect("a file");
        let writer = parquet::Writer::new(file, text(&path), table, options).expect("a writer");
        (path, table, writer)
    });
    while !is_empty && let Some(step) = generator.step(&seen) {
        let commands = match step {
            Step::Apply(command) => vec![command],
            Step::Batch(commands) => commands,
            Step::Restore => continue,
        };
        for command in commands {
            let group = expected.apply(&mut engine, &fitting(command), levels);
            for (_, _, writer) in &mut writers {
                writer.write(&group, &engine).expect("rows");
            }
        }
        seen = engine.snapshot();
    }
    let all = writers.into_iter().zip([expected.trades, expected.levels, expected.events]);
    let finished = all.map(|((path, table, writer), rows)| {
        assert_eq!(writer.rows(), rows.len() as u64, "{}", path.display());
        writer.finish().expect("the end of a file");
        (path, table, rows)
    });
    finished.collect()
}

#[test]
fn parquet_tables_have_every_row_of_the_engine_for_pyarrow_and_polars() {
    let (first, trials) = (number("PRICETIME_SEED", 1), number("PRICETIME_TRIALS", 400) / 200);
    let seeds = (first..first + trials.max(1)).map(Some);
    let seeds: Vec<_> = [None].into_iter().chain(seeds).collect();
    // The readers start slowly, so they get the files of several seeds at once.
    for seeds in seeds.chunks(16) {
        let folder = tempfile::tempdir().expect("a folder");
        let tables = seeds.iter().flat_map(|seed| write_tables(folder.path(), *seed));
        let tables: Vec<_> = tables.collect();
        assert!(tables.iter().any(|(_, _, rows)| !rows.is_empty()), "no rows");
        for reader in ["pyarrow", "polars"] {
            output(judge("parquet.py", &[reader, text(folder.path())]));
            for (path, table, rows) in &tables {
                let found = fs::read_to_string(path.with_extension("rows")).expect("rows");
                let expected = printed(*table, rows, reader == "pyarrow");
                let differs = found.lines().zip(expected.lines()).find(|(one, other)| one != other);
                assert_eq!(differs, None, "{reader}: {}", path.display());
                assert_eq!(found.len(), expected.len(), "{reader}: {}", path.display());
            }
        }
    }
}
