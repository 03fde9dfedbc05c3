//! The time of a restart.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pricetime::Policy;
use pricetime::engine::{Command, Engine, Sequence};
use pricetime::persistence::journal::{Folder, History, RealDisk, Recovery, RecoveryOptions};

use crate::drive::{flow, load};
use crate::{Bench, Failure, print_line};

/// The number of times that everything is measured; the median counts.
const ROUNDS: usize = 5;
/// The number of commands after those that fill the book.
const MORE_COMMANDS: usize = 500_000;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

impl Bench {
    /// Measures a start from a snapshot, one from the journal alone, and the bare core on the same
    /// commands.
    pub(crate) fn restart(&self, orders: usize) -> Result<(), Failure> {
        let (opening, commands) = flow(orders, MORE_COMMANDS);
        let host = self.open(Policy::Sync)?;
        load(&host, &opening)?;
        load(&host, &commands)?;
        drop((opening, commands));
        host.close()?;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            let host = self.open(Policy::Sync)?;
            times.push(begin.elapsed());
            host.close()?;
        }
        let elapsed = median(times);
        print_line(format_args!("{orders} orders back from a snapshot in {elapsed:.2?}"))?;
        self.remove_snapshots()?;
        self.replay()?;
        let begin = Instant::now();
        let host = self.open(Policy::Sync)?;
        let elapsed = begin.elapsed();
        let replayed = host.start().replayed;
        print_line(format_args!(
            "the same from the journal alone in {elapsed:.2?} ({replayed} replayed)"
        ))?;
        host.close()?;
        self.remove_folder()
    }

    /// The rate of a replay, and that of the bare core on the same commands.
    fn replay(&self) -> Result<(), Failure> {
        let disk = Arc::new(RealDisk);
        let open =
            |folder: &mut Folder| Recovery::open(folder, 10_000, &RecoveryOptions::default());
        let mut folder = Folder::open_on(disk, &self.folder, History::fresh())?;
        let commands: Result<Vec<Command>, _> = {
            let recovered = open(&mut folder)?.replay(&mut (), |_| ())?;
            recovered.journal.read(Sequence(1))?.collect()
        };
        let commands = commands?;
        let (mut replays, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let recovery = open(&mut folder)?;
            let begin = Instant::now();
            let recovered = recovery.replay(&mut (), |_| ())?;
            replays.push(begin.elapsed());
            let digest = recovered.engine.digest();
            drop(recovered);
            let mut engine = Engine::new(10_000);
            let begin = Instant::now();
            for command in &commands {
                black_box(engine.apply(command, &mut ()));
            }
            bare.push(begin.elapsed());
            if engine.digest() != digest {
                return Err("replay and core differ".into());
            }
        }
        let rate = |times| commands.len() as f64 / median(times).as_secs_f64();
        let (replay, bare) = (rate(replays), rate(bare));
        let share = replay / bare;
        print_line(format_args!(
            "replay {replay:.0} commands a second, the bare core {bare:.0} on the same ({share:.2})"
        ))
    }

    fn remove_snapshots(&self) -> Result<(), Failure> {
        for history in std::fs::read_dir(&self.folder)? {
            let snapshots: PathBuf = history?.path().join("snapshots");
            if snapshots.is_dir() {
                std::fs::remove_dir_all(&snapshots)?;
                std::fs::create_dir(&snapshots)?;
            }
        }
        Ok(())
    }
}
