//! The promise: a workload's name and seed decide its commands, in every build and for ever.

use pricetime::engine::{Command, Engine, Event, Outcome, Side, Sink};
use pricetime::workload::Workload;

/// What came of seed 1: the commands, and the state that they lead to.
const PINNED: [(Workload, u128, u128); 9] = [
    (
        Workload::Static,
        0x9ab9380f_fb87f0de_d674598f_957563ef,
        0x89464be0_8a30b47c_39e79e31_39550954,
    ),
    (
        Workload::Normal,
        0x4f06c895_30df0108_cbb76729_44909324,
        0xccd6c922_f237ece0_6c518a4a_9523f2e1,
    ),
    (
        Workload::Swing25,
        0x1fae0c15_3b6f3166_c65876f3_26b3e66f,
        0xccfbe97a_87fae57b_f7efd25d_dd3689fa,
    ),
    (
        Workload::Swing40,
        0x7b088952_1f540f85_1147ee3d_1ba2070d,
        0xf9481bbc_bbbffae3_fa7e1d0a_4243f6f2,
    ),
    (Workload::Crash, 0x7635d3ac_0a87c7ad_bc181b24_7e0dab8d, 0x1aa9901b_34868210_0de4e8fa_ccec61bd),
    (
        Workload::Epochs,
        0xc1f021ad_0248b31e_f14e2b47_369d82c8,
        0x411a0f1f_8191dd8f_6f738eb1_6be52af1,
    ),
    (
        Workload::CancelStorm,
        0x7a510aa5_e20ee4d5_5d451927_afff829b,
        0x558f2a74_46871504_07ef1088_73c275f3,
    ),
    (
        Workload::SweepStorm,
        0x7a4a9337_c5d75ac5_e54e55d9_ce65fde9,
        0x19a93df4_58ca0c2c_647e9b47_a7f01e08,
    ),
    (
        Workload::Markets,
        0x1c82ab07_d07dd388_5a52fc99_4db26d98,
        0x250b1133_fd5df5e4_b7d21a79_b31e8082,
    ),
];

/// How many commands after the opening are looked at.
const COMMANDS: usize = 60_000;

/// One number for all that a list of commands says.
fn fingerprint(commands: &[Command]) -> u128 {
    commands.iter().fold(0, |sum, command| {
        let Command { sequence, timestamp, market, account, operator, request, action } = *command;
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
