//! `pricetime run`: an engine on a data folder that reads JSON lines.

mod follower;
mod input;
mod markets;
mod redis;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use pricetime::persistence::journal::{JournalError, RecoveryError, SnapshotError};
use pricetime::{EpochSchedule, Host, OpenError, Options, Principal};
use pricetime_gateway::{GatewayContext, Listeners, Session, SessionCounts, TimePolicy};
use pricetime_terminal::{Paint, Progress, SuspendingWriter, disable_progress};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::config::{Config, Layers};
use super::failure::{Code, Failure};
use input::Input;

/// Runs markets: reads commands, closes epochs and stores everything.
///
/// Commands are JSON lines. Everything is stored in a data folder, or in Redis alone.
#[derive(Debug, Args)]
#[command(after_help = "Try:
  pricetime run --config pricetime.toml --unix ./pricetime.sock
  pricetime run --once --input orders.jsonl        run a file and exit
  pricetime run --once --input day.jsonl --answers none
                                                   run a recording with its own times
  echo '{\"status\":{}}' | pricetime run --once      query and exit

Commands come from --input, --unix and --tcp, or from standard input if none of them is given.
Each is answered once it is on disk, in the order of the lines. docs/json.md shows every line.

With --once and a new folder, but without --unix, --tcp and --redis-only, an input whose first
line has a \"time\" is a recording. Its times are used, so orders expire and epochs close as they
did then, and the digest at the end is that of `pricetime replay` on the same file. Epochs close
where the recording closes them; with --epoch they also close by its times. If the input is a
pipe, the start waits for its first line.

With --redis-only there is no data folder: answers come at once and say `durable: false`. Commands
after the last epoch in Redis are lost if the process or Redis fails.

Connections by --input and by the Unix socket are operators. Over TCP, a connection without a
token sees public data only; `pricetime token` makes tokens for accounts and for operators. With
--lock, a process that finds another one running these markets waits until that has ended, or with
--standby exit ends with code 5. docs/runbook.md, \"A standby\", says what the lock does not do.

SIGTERM and Ctrl-C shut down in order. Exit codes: 0 done, 1 failed, 2 configuration, 4 some lines
refused, 5 another process runs these markets.")]
pub(crate) struct Run {
    #[command(flatten)]
    layers: Layers,
    /// A file of JSON lines, or - for standard input; may be repeated, the files are read in order.
    #[arg(long, value_name = "FILE")]
    input: Vec<PathBuf>,
    /// Where to write the answers to --input: - for standard output, or "none".
    #[arg(long, value_name = "WHERE", default_value = "-")]
    answers: String,
    /// Ignore the times in a recording and run its lines as if they happened now.
    #[arg(long)]
    ignore_times: bool,
    /// Exit when the input ends.
    #[arg(long)]
    once: bool,
    /// Open a folder whose journal has lost its end, or create a new folder from the image in Redis. Starts
    /// a new history.
    #[arg(long)]
    accept_loss: bool,
    /// Write the log as JSON.
    #[arg(long)]
    json: bool,
    /// Log only warnings and errors.
    #[arg(long)]
    quiet: bool,
}

impl Run {
    /// Runs until the input ends, a signal arrives or the host stops.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        let mut config = Config::new(&self.layers)?;
        if self.answers != "-" && self.answers != "none" {
            return Err(Failure::new(Code::Usage, "--answers must be - or none"));
        }
        if self.accept_loss && config.folder.is_none() {
            return Err(Failure::new(
                Code::Usage,
                "--accept-loss requires a data folder: without one, only the image can be opened, \
                 and everything after it is lost anyway",
            ));
        }
        self.start_log();
        if self.quiet {
            disable_progress();
        }
        if self.input.is_empty() && !config.addresses.any() {
            self.input.push(PathBuf::from("-"));
            if std::io::stdin().is_terminal() {
                info!(
                    "reading commands from standard input, one JSON object per line; Ctrl-D ends it"
                );
            }
        }
        let reads_only = self.once && !config.addresses.any();
        let mut inputs = Vec::new();
        for path in &self.input {
            let waits = reads_only && inputs.is_empty();
            inputs.push(Input::probe(path, waits, config.line_max)?);
        }
        // Without a folder, a host accepts no more commands while its trades wait for Redis. The end of an
        // epoch would free space, but in a recording that end comes only with the next command.
        let may_follow = reads_only && config.folder.is_some();
        let times = self.times(inputs.first().filter(|_| may_follow));
        if times == TimePolicy::Followed && self.layers.epoch.is_none() {
            config.gates = EpochSchedule::OnRequest;
        }
        let runtime = tokio::runtime::Runtime::new()?;
        if config.folder.as_ref().is_some_and(|folder| !folder.exists()) {
            // With a lock, another process may hold the sockets until this one takes over.
            if config.lock.is_none() {
                runtime.block_on(config.addresses.probe())?;
            }
        }
        redis::probe(&config)?;
        let host = self.open(&config, times)?;
        // From here on, answers on the terminal show the progress themselves.
        if self.answers == "-" && std::io::stdout().is_terminal() {
            disable_progress();
        }
        markets::apply_configured(&host, &config.markets)?;
        if host.markets().is_empty() && inputs.iter().all(Input::is_unread) {
            info!("there is no market yet: {}", markets::HOW_TO_ADD);
        }
        runtime.block_on(self.serve(host, &config, (inputs, times)))
    }

    /// How the times in lines are treated. `first` is the input whose times may be followed.
    fn times(&self, first: Option<&Input>) -> TimePolicy {
        if self.ignore_times {
            TimePolicy::Ignored
        } else if first.is_some_and(Input::is_recording) {
            TimePolicy::Followed
        } else {
            TimePolicy::Refused
        }
    }

    fn start_log(&self) {
        let most = if self.quiet { tracing::Level::WARN } else { tracing::Level::INFO };
        let log = tracing_subscriber::fmt()
            .with_writer(|| SuspendingWriter(std::io::stderr()))
            .with_max_level(most)
            // It would report a failed write with a macro that panics if standard error is closed.
            .log_internal_errors(false)
            .with_ansi(Paint::err().is_on())
            .with_target(false);
        if self.json {
            log.json().flatten_event(true).init();
        } else {
            log.init();
        }
    }

    fn open(&self, config: &Config, times: TimePolicy) -> Result<Host, Failure> {
        let follower =
            follower::EventLogger::new(config.events.as_deref(), config.folder.is_some())?;
        // A standby may wait for hours, and says so in the log.
        let mut opening = config.lock.is_none().then(|| Progress::waiting("opening"));
        let restoring = Progress::count("restoring", "commands", Some(0));
        let mut options = Options {
            accept_loss: self.accept_loss,
            follower: Some(Box::new(follower)),
            progress: Some(Box::new(move |at| {
                drop(opening.take());
                restoring.set(at.replayed, at.of);
            })),
            ..config.options()
        };
        if times == TimePolicy::Followed {
            options.clock = None;
        }
        let host = Host::open(options);
        let host = host.map_err(|error| failed_to_open(&error, self.accept_loss))?;
        let start = host.start();
        let sequence = start.snapshot + start.replayed;
        let Some(folder) = &config.folder else {
            warn!(
                "there is no data folder: answers are not durable; commands after the last epoch \
                 in Redis are lost if this process or Redis fails"
            );
            info!(history = %start.history, sequence, "open, in Redis alone");
            return Ok(host);
        };
        info!(
            folder = %folder.display(),
            history = %start.history,
            sequence,
            snapshot = start.snapshot,
            replayed = start.replayed,
            "open"
        );
        for damaged in &start.damaged {
            warn!("a snapshot that was not needed is damaged: {damaged}");
        }
        if let Some(of) = &start.image {
            warn!(
                of,
                sequence,
                "restored from the image in Redis, as a new history: everything after it is lost"
            );
        }
        if let Some(lost) = &start.lost {
            warn!(lost, "a loss was accepted: this is a new history");
        }
        Ok(host)
    }

    /// Serves the inputs and connections until there is a reason to stop, then shuts down in order.
    async fn serve(
        &self,
        host: Host,
        config: &Config,
        (inputs, times): (Vec<Input>, TimePolicy),
    ) -> Result<(), Failure> {
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(GatewayContext::new(
            host,
            config.tokens.clone(),
            config.line_max,
            times,
            stopped,
        ));
        // A client may send a signal as soon as it has an answer, so the signal handlers are installed
        // first.
        let shutdown = shutdown_signal();
        let listeners = Listeners::open(&config.addresses, config.connections).await?;
        let mut serving = tokio::spawn(listeners.serve(Arc::clone(&shared)));
        let mut is_complete = false;
        let counts = tokio::select! {
            counts = self.read(&shared, inputs) => {
                is_complete = counts.is_ok();
                counts
            }
            why = shutdown => {
                info!(why, "ending");
                Ok(SessionCounts::default())
            }
            _ = shared.host().stopped() => Ok(SessionCounts::default()),
            Err(panic) = &mut serving => Err(Failure::failed(panic)),
        };
        // Fails only if no receiver is left.
        let _ = stop.send(true);
        if !serving.is_finished() {
            let _ = serving.await;
        }
        shared.until_released().await;
        let Some(shared) = Arc::into_inner(shared) else {
            return Err(Failure::failed("a connection did not end: the journal was not sealed"));
        };
        let sequence = shared.host().status().durable.0;
        let followed = is_complete && times == TimePolicy::Followed;
        let digest = followed.then(|| format!("{:032x}", shared.host().digest()));
        shared.host().close().map_err(|stopped| {
            error!("{stopped}");
            Failure::failed(stopped)
        })?;
        info!(sequence, digest = digest.map(tracing::field::display), "closed");
        let counts = counts?;
        match counts.refused {
            0 => Ok(()),
            refused => Err(Failure::new(
                Code::Refused,
                format!("{refused} of {} lines were refused", counts.lines),
            )),
        }
    }

    /// Reads the inputs in order. Without `--once` it then waits until something else ends the program.
    async fn read(
        &self,
        shared: &Arc<GatewayContext>,
        inputs: Vec<Input>,
    ) -> Result<SessionCounts, Failure> {
        let mut counts = SessionCounts::default();
        let progress = Arc::new(input::progress(&inputs));
        for input in inputs {
            let name = input.path.display().to_string();
            let failed = |why| Failure::failed(format!("{name}: {why}"));
            let session = Session::new(Arc::clone(shared), Principal::Operator).named(&name);
            let from = input.read(Arc::clone(&progress)).await.map_err(failed)?;
            counts.add(&self.answer(session, from).await.map_err(failed)?);
        }
        drop(progress);
        if !self.once {
            std::future::pending::<()>().await;
        }
        let SessionCounts { lines, refused, outcomes } = &counts;
        let (accepted, duplicates) = (outcomes.accepted, outcomes.duplicates);
        let (rejected, reasons) = (outcomes.rejected(), outcomes.reasons_text());
        info!(lines, refused, accepted, rejected, duplicates, reasons, "input ended");
        Ok(counts)
    }

    async fn answer(
        &self,
        session: Session,
        from: impl tokio::io::AsyncRead + Unpin,
    ) -> std::io::Result<SessionCounts> {
        if self.answers == "-" {
            session.run(from, tokio::io::stdout()).await
        } else {
            session.run(from, tokio::io::sink()).await
        }
    }
}

/// The error for a host that does not open, with advice on what to do.
fn failed_to_open(error: &OpenError, accept_loss: bool) -> Failure {
    let advice = match error {
        OpenError::Locked { .. } => return Failure::new(Code::Locked, error.to_string()),
        OpenError::Recovery(error) if error.is_loss() && !accept_loss => {
            " (`pricetime verify` shows details; --accept-loss continues without the lost part)"
        }
        OpenError::Recovery(
            RecoveryError::Folder(_)
            | RecoveryError::Journal(
                JournalError::NewerVersion { .. } | JournalError::OtherRules { .. },
            )
            | RecoveryError::Snapshot(SnapshotError::NewerVersion { .. }),
        ) => "",
        OpenError::Recovery(_) => " (`pricetime verify` shows details)",
        OpenError::ForeignImage { .. } => {
            " (`pricetime redis show` shows details; --accept-loss restores from the image)"
        }
        OpenError::StateUnreadable(_) => " (`pricetime redis show` shows details)",
        OpenError::Folder(_)
        | OpenError::NoSingleStore
        | OpenError::Image(_)
        | OpenError::Scores(_)
        | OpenError::Thread(_)
        | OpenError::NoJournal
        | OpenError::Lock(_)
        | OpenError::LockWithoutFolder
        | OpenError::Poisoned(_)
        | _ => "",
    };
    Failure::failed(format!("{error}{advice}"))
}

/// Waits for SIGTERM or SIGINT. The handlers are installed by the call itself, not by the first poll, so
/// that a signal from then on leads to an orderly shutdown.
fn shutdown_signal() -> impl Future<Output = &'static str> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async {
        let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "interrupted",
        }
    }
}
