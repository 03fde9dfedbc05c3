//! The commands of a workload depend only on its name and seed, and are the same in every build.

use pricetime::engine::{Command, Engine, Event, Outcome, Side, Sink};
use pricetime_benches::workload::Workload;

/// What came of seed 1: the commands, and the state that they lead to.
const PINNED: [(Workload, u128, u128); 9] = [
    (
        Workload::Static,
        0xc4dc851a_2a041fc7_36d7abd3_81704209,
        0x3b90a6a0_4c734fa4_2112cfb1_a7e71782,
    ),
    (
        Workload::Normal,
        0x2470ee00_30bce04c_bf2c3a1f_97fcfa30,
        0x34f47a04_8f162998_5f73bac4_68b8ecfe,
    ),
    (
        Workload::Swing25,
        0xd25f647f_9a82483f_61a8002a_13db79ee,
        0x04d22d5d_a50b1bdd_2e682560_3552ad49,
    ),
    (
        Workload::Swing40,
        0x543f26ca_8cf41bbd_ff067705_ae29ed14,
        0x4812c55b_7fff2ed1_867627cc_eac71d5c,
    ),
    (Workload::Crash, 0x77e50318_05222227_a0792319_cf927f45, 0xbf4a7156_03d6045c_52f94571_54fe7cd5),
    (
        Workload::Epochs,
        0xeada5557_10fe324a_53c4ffbc_732f606b,
        0x8735ae7e_93d97b69_95e6eff0_12c92f46,
    ),
    (
        Workload::CancelStorm,
        0x86e79d11_493e9149_fc15f090_73cf49c8,
        0x66a89438_8cc7bd53_614f6dc8_d4bcf92b,
    ),
    (
        Workload::SweepStorm,
        0x5f0d1bad_5545d217_6f60be2f_4b911825,
        0x0e46f858_67dad524_5dfe0229_a3fe2128,
    ),
    (
        Workload::Markets,
        0xfc34fccf_64f1c235_8b30ac9d_6ca06e1f,
        0x108bdc67_9cebee23_b86a0370_fc6c7ee5,
    ),
];

/// How many commands after the opening are looked at.
const COMMANDS: usize = 60_000;

/// One number for all that a list of commands says.
fn fingerprint(commands: &[Command]) -> u128 {
    commands.iter().fold(0, |sum, command| {
        let Command {
            sequence,
            timestamp,
            market,
            account,
            operator,
            request,
            action,
            session: _,
        } = *command;
        assert_eq!(request, None);
        let stamp = sequence.0 ^ timestamp.0.rotate_left(32) ^ u64::from(market.0).rotate_left(16);
        let own =
            action.fingerprint() ^ account.0 ^ u128::from(stamp) ^ u128::from(operator) << 127;
        (sum ^ own).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).rotate_left(57)
    })
}

#[derive(Default)]
struct Count {
    refused: usize,
    trades: usize,
    cancels: usize,
    closed: usize,
}

impl Sink for Count {
    fn begin(&mut self, _: &pricetime::engine::Header) {}

    fn event(&mut self, event: &Event) {
        self.trades += usize::from(matches!(event, Event::Traded { .. }));
        self.cancels += usize::from(matches!(event, Event::Cancelled { .. }));
        let Event::EpochClosed(epoch) = event else { return };
        self.closed += usize::from(epoch.clearing.is_some());
    }

    fn end(&mut self, outcome: Outcome) {
        self.refused += usize::from(outcome != Outcome::Accepted);
    }
}

/// The commands of seed 1, and the engine afterwards.
fn run(workload: Workload, seed: u64) -> (Vec<Command>, Count, Engine) {
    let (mut commands, flow) = workload.begin(seed);
    commands.extend(flow.take(COMMANDS));
    let (mut engine, mut count) = (Engine::new(workload.markets()), Count::default());
    for command in &commands {
        engine.apply(command, &mut count);
    }
    (commands, count, engine)
}

fn levels(engine: &Engine) -> usize {
    let of = |side| engine.markets().map(|book| book.levels(side).count()).sum::<usize>();
    of(Side::Buy) + of(Side::Sell)
}

#[test]
fn same_workload_and_seed_give_the_same_commands() {
    for (workload, commands, state) in PINNED {
        let (list, _, engine) = run(workload, 1);
        engine.audit().expect("every invariant holds");
        let found = (fingerprint(&list), engine.digest());
        assert_eq!(found, (commands, state), "{workload}: ({:#034x}, {:#034x})", found.0, found.1);
    }
    assert_eq!(PINNED.map(|(workload, ..)| workload), Workload::ALL);
}

#[test]
fn another_seed_gives_other_commands() {
    let [one, two] = [1, 2].map(|seed| fingerprint(&run(Workload::Normal, seed).0));
    assert_ne!(one, two);
}

#[test]
fn each_workload_matches_its_description() {
    for workload in Workload::ALL {
        let (_, count, engine) = run(workload, 3);
        let live: u32 = engine.markets().map(|book| book.live()).sum();
        let levels = levels(&engine);
        let Count { refused, trades, cancels, closed } = count;
        let found = format!(
            "{workload}: {live} orders on {levels} levels, {refused} refused, {trades} trades, \
             {cancels} cancels, {closed} auctions"
        );
        assert_eq!(refused, 0, "{found}");
        let matches_description = match workload {
            Workload::Static => live > 30_000 && (80..=90).contains(&levels) && cancels > 20_000,
            Workload::Normal => live > 18_000 && trades > 5_000 && cancels > 10_000,
            Workload::Swing25 | Workload::Swing40 => levels > 500 && trades > 30_000,
            Workload::Crash => live > 18_000 && trades > 20_000,
            Workload::Epochs => closed == 30 && trades > 10_000,
            Workload::CancelStorm => cancels > 40_000,
            Workload::SweepStorm => trades > 40_000 && levels > 500,
            Workload::Markets => engine.markets().count() == 10_000 && live > 90_000,
            other => panic!("no expectation is defined for {other}"),
        };
        assert!(matches_description, "{found}");
    }
}

#[test]
fn unknown_workload_error_lists_the_known_names() {
    for workload in Workload::ALL {
        assert_eq!(workload.name().parse(), Ok(workload));
    }
    let error = "wild".parse::<Workload>().expect_err("an unknown workload").to_string();
    assert!(Workload::ALL.iter().all(|known| error.contains(known.name())), "{error}");
}

#[test]
fn opening_places_the_wanted_number_of_orders() {
    for workload in Workload::ALL {
        let Some((opening, flow)) = workload.begin_with_orders(1, 30_000) else {
            assert_eq!(workload, Workload::Epochs);
            continue;
        };
        let (mut engine, mut count) = (Engine::new(workload.markets()), Count::default());
        for command in &opening {
            engine.apply(command, &mut count);
        }
        let live: u32 = engine.markets().map(|book| book.live()).sum();
        assert!((29_000..=30_000).contains(&live), "{workload}: {live} orders");
        for command in flow.take(1_000) {
            engine.apply(&command, &mut count);
        }
        assert_eq!(count.refused, 0, "{workload}");
    }
}
