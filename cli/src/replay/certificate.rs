//! The document with which a replay can be repeated and compared.

use std::env::consts::{ARCH, OS};
use std::fmt;
use std::path::PathBuf;

use pricetime_engine::{Sequence, rules};
use serde::{Deserialize, Serialize};

use super::super::failure::{Code, Failure};
use super::super::reader::recording::RecordingOptions;
use super::super::reader::{Moment, Stop, StoredInput};
use super::marks::{EpochMark, EpochMarks};
use super::{Done, Replay};

/// The version of the document.
const VERSION: u32 = 1;

/// What a replay read, what it did, and what came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Certificate {
    /// The version of the document, which tells that it is a certificate.
    pricetime_certificate: u32,
    /// `true` if the input is a data folder. Then its hash is that of its commands as JSON lines.
    pub(in super::super) folder: bool,
    /// The files in order, and last the one of `--with`.
    pub(in super::super) inputs: Vec<StoredInput>,
    pub(in super::super) build: Build,
    /// The version of the engine's rules.
    pub(in super::super) rules: u32,
    pub(in super::super) options: Options,
    /// The command after which the replay began, and the digest of the state there.
    pub(in super::super) after: u64,
    pub(in super::super) base: String,
    pub(in super::super) commands: u64,
    pub(in super::super) refused_lines: u64,
    pub(in super::super) epochs_closed: u64,
    /// The closes of epochs: all, or some of very many.
    pub(in super::super) epochs: Vec<EpochMark>,
    pub(in super::super) digest: String,
}

/// The program that made the replay.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Build {
    version: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    commit: Option<String>,
    target: String,
}

/// The options that determine the result.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Options {
    recording: RecordingOptions,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    until: Option<String>,
    markets_max: u32,
}

impl Build {
    /// This program. The commit is known if `PRICETIME_COMMIT` was set when it was compiled.
    pub(super) fn current() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("PRICETIME_COMMIT").map(str::to_owned),
            target: format!("{ARCH}-{OS}"),
        }
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pricetime {}", self.version)?;
        if let Some(commit) = &self.commit {
            write!(f, " (commit {commit})")?;
        }
        write!(f, " for {}", self.target)
    }
}

/// Returns `true` if a file with these first bytes is a certificate.
pub(in super::super) fn is_certificate(start: &[u8]) -> bool {
    let text = start.trim_ascii_start();
    let rest = text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    rest.is_some_and(|rest| rest.starts_with(b"\"pricetime_certificate\""))
}

impl Certificate {
    /// The certificate of a replay that has ended.
    pub(super) fn of(replay: &Replay, done: &mut Done) -> Self {
        let marks = done.run.watch.marks.take();
        let marks = marks.map_or_else(|| EpochMarks::new(Vec::new()), |marks| *marks);
        let format = done.found.format;
        let recording = match done.is_folder {
            true => RecordingOptions::default(),
            false => replay.recording.resolved(format),
        };
        Self {
            pricetime_certificate: VERSION,
            folder: done.is_folder,
            inputs: done.inputs.clone(),
            build: Build::current(),
            rules: rules::VERSION,
            options: Options {
                recording,
                until: replay.until.map(|until| until.argument()),
                markets_max: replay.markets.markets_max,
            },
            after: done.timing.after.0,
            base: format!("{:032x}", done.base),
            commands: done.run.sink.tally.commands,
            refused_lines: done.found.refused(),
            epochs_closed: marks.closed(),
            epochs: marks.into_kept(),
            digest: format!("{:032x}", done.run.engine.digest()),
        }
    }

    /// Reads a certificate. `name` is for errors.
    pub(in super::super) fn read(name: &str, text: &[u8]) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Version {
            pricetime_certificate: u32,
        }
        let unsound = |error| {
            Failure::new(Code::Unsound, format!("{name} is a damaged certificate: {error}"))
        };
        let Version { pricetime_certificate: version } =
            serde_json::from_slice(text).map_err(unsound)?;
        if version != VERSION {
            let text = format!(
                "{name} is a certificate of version {version}, and this program reads version \
                 {VERSION}: use the program that wrote it"
            );
            return Err(Failure::failed(text));
        }
        serde_json::from_slice(text).map_err(unsound)
    }

    /// The replay that repeats this one, on these inputs. An empty list stands for those of the certificate.
    pub(in super::super) fn replay(&self, inputs: &[PathBuf]) -> Result<Replay, Stop> {
        let own: Vec<PathBuf> =
            self.inputs.iter().map(|input| PathBuf::from(&input.name)).collect();
        let mut from = if inputs.is_empty() { own } else { inputs.to_vec() };
        if from.len() != self.inputs.len() {
            let names: Vec<_> = self.inputs.iter().map(|input| input.name.as_str()).collect();
            let text = format!(
                "{} inputs are given, and the certificate has {}: {}",
                from.len(),
                names.len(),
                names.join(", ")
            );
            return Err(Failure::new(Code::Usage, text).into());
        }
        if let Some(missing) = from.iter().find(|path| path.as_os_str() != "-" && !path.exists()) {
            let text = format!(
                "{} does not exist: name the input of the certificate after it",
                missing.display()
            );
            return Err(Failure::failed(text).into());
        }
        let mut recording = self.options.recording.clone();
        if recording.with.is_some() {
            recording.with = from.pop();
        }
        let until = self.options.until.as_deref().map(str::parse).transpose();
        let until = until.map_err(|error: String| Failure::new(Code::Unsound, error))?;
        // A process may have added commands to the folder since.
        let last = Moment::Sequence(Sequence(self.after.saturating_add(self.commands)));
        let until = until.or_else(|| (self.folder && self.commands > 0).then_some(last));
        Ok(Replay::again(from, until, recording, self.options.markets_max))
    }
}
