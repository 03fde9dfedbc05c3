//! The promise: a workload's name and seed decide its commands, in every build and for ever.

use pricetime::engine::{Command, Engine, Event, Outcome, Side, Sink};
use pricetime::workload::Workload;

/// What came of seed 1: the commands, and the state that they lead to.
const PINNED: [(Workload, u128, u128); 9] = [
    (
        Workload::Static,
        0x8c315bce_59e9d312_29439055_6570d7ff,
        0x54e06425_07e5207c_52e491d6_53710315,
    ),
    (
        Workload::Normal,
        0x0b3b25fd_e9019336_86a5ced5_d5ee2f1b,
        0x7b712cb4_9e069703_a59b17c1_9e200462,
    ),
    (
        Workload::Swing25,
        0xbdbb8dc6_24fe1bfe_19008547_0ea6b59f,
        0x5a82dbc0_ba82897e_e1a63f32_d5d8e272,
    ),
    (
        Workload::Swing40,
        0xfe7de0cf_6c0d3748_c4eb709f_03f5f15b,
        0x06797bcb_f43c05d7_be943f49_2b7e90fb,
    ),
    (Workload::Crash, 0x1327a890_fcfc8c56_b8648569_04742ea2, 0x35f87dbc_2f8e0316_8c397d7d_abc61cec),
    (
        Workload::Epochs,
        0xc7497810_bc5f8020_a73f94cb_fbb209ef,
        0x46174361_d1a30f25_04030c63_4715cb1f,
    ),
    (
        Workload::CancelStorm,
        0x1959341c_5f58eb9d_bf760bdc_08f11a90,
        0x79c1452f_92524fcd_f455825f_c70cf3f2,
    ),
    (
        Workload::SweepStorm,
        0x39339533_493190da_eeef0ea8_b11748a1,
        0xed6bae1b_bb779448_5b0f217e_4f686ac5,
    ),
    (
        Workload::Markets,
        0xfe07e044_0d3f5cb2_b4c22a6c_488ed51a,
        0xfde54d63_1ac4f875_ed8403f9_09047893,
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
fn name_and_seed_decide_everything() {
    for (workload, commands, state) in PINNED {
        let (list, _, engine) = run(workload, 1);
        engine.audit().expect("every invariant holds");
        let found = (fingerprint(&list), engine.digest());
        assert_eq!(found, (commands, state), "{workload}: ({:#034x}, {:#034x})", found.0, found.1);
    }
    assert_eq!(PINNED.map(|(workload, ..)| workload), Workload::ALL);
}

#[test]
fn another_seed_says_something_else() {
    let [one, two] = [1, 2].map(|seed| fingerprint(&run(Workload::Normal, seed).0));
    assert_ne!(one, two);
}

#[test]
fn a_workload_is_what_it_is_called() {
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
        let is_so = match workload {
            Workload::Static => live > 30_000 && (80..=90).contains(&levels) && cancels > 20_000,
            Workload::Normal => live > 18_000 && trades > 5_000 && cancels > 10_000,
            Workload::Swing25 | Workload::Swing40 => levels > 500 && trades > 30_000,
            Workload::Crash => live > 18_000 && trades > 20_000,
            Workload::Epochs => closed == 30 && trades > 10_000,
            Workload::CancelStorm => cancels > 40_000,
            Workload::SweepStorm => trades > 40_000 && levels > 500,
            Workload::Markets => engine.markets().count() == 10_000 && live > 90_000,
            other => panic!("nobody has said what {other} is like"),
        };
        assert!(is_so, "{found}");
    }
}

#[test]
fn a_name_that_is_none_is_told_the_names_that_are() {
    for workload in Workload::ALL {
        assert_eq!(workload.name().parse(), Ok(workload));
    }
    let error = "wild".parse::<Workload>().expect_err("no such workload").to_string();
    assert!(Workload::ALL.iter().all(|known| error.contains(known.name())), "{error}");
}
