//! `pricetime redis`: what stands in Redis, and the ways from there and back.

mod carry;
mod check;
mod remove;
mod restore;
mod show;

use std::io::{self, BufWriter, StdoutLock, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use pricetime::Secret;
use pricetime::persistence::redis::{Link, ReadError, RedisError, RedisOptions};

use super::config::{Config, Layers};
use super::failure::{Code, Failure};
use super::look::{self, Stop};

/// Looks at the image in Redis, restores from it, copies it and takes it away.
///
/// What is read is verified: counts and digest must be those that were written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime redis check --redis redis://localhost           is this server fit to keep a book?
  pricetime redis show                                      every market, and whether it is whole
  pricetime redis restore --folder ./data                   a new data folder from the image
  pricetime redis export images.jsonl                       a copy in a file
  pricetime redis import images.jsonl --replace             and back
  pricetime redis drop 7 --yes                              take market 7 out

Without --redis the server is $PRICETIME_REDIS or that of the configuration, which also says how keys
are named. Exit codes: 0 done; 1 failed, nobody answers; 2 the command line makes no sense;
3 what is there is damaged, or the server is not fit.")]
pub(super) struct Redis {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Check(check::Check),
    Show(show::Show),
    Restore(restore::Restore),
    Export(carry::Export),
    Import(carry::Import),
    Drop(remove::Remove),
}

/// Which servers, and how it is to be said.
#[derive(Debug, Args)]
struct There {
    /// The servers: redis://host:port, rediss://, redis+sentinel://host,host/master,
    /// redis+cluster://host,host
    #[arg(long, value_name = "URL", env = "PRICETIME_REDIS", hide_env_values = true)]
    redis: Option<Secret>,
    /// The configuration file: names of keys, certificates
    #[arg(long, value_name = "FILE", env = "PRICETIME_CONFIG")]
    config: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Where it is said.
type Out = BufWriter<StdoutLock<'static>>;

impl Redis {
    /// Does what was asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        let done = match &self.what {
            What::Check(it) => it.run(&mut out),
            What::Show(it) => it.run(&mut out),
            What::Restore(it) => it.run(&mut out),
            What::Export(it) => it.run(&mut out),
            What::Import(it) => it.run(&mut out),
            What::Drop(it) => it.run(&mut out),
        };
        // What was seen is said, whatever comes of it.
        let said = out.flush();
        look::ended(done.and_then(|()| Ok(said?)))
    }
}

impl There {
    fn config(&self) -> Result<Config, Failure> {
        let (config, redis) = (self.config.clone(), self.redis.clone());
        Config::new(&Layers { config, redis, ..Layers::default() })
    }

    fn link(&self) -> Result<(Link, RedisOptions), Failure> {
        let config = self.config()?;
        let options = config.redis.ok_or_else(|| {
            let text = "which Redis? Say --redis URL, $PRICETIME_REDIS, or redis.url in --config";
            Failure::new(Code::Usage, text)
        })?;
        Ok((Link::new(options.clone()), options))
    }
}

/// What the program says where an image cannot be read.
fn unread(error: &ReadError) -> Failure {
    let code = match error {
        ReadError::Redis(_) | ReadError::Moving => Code::Failed,
        ReadError::Bad(_)
        | ReadError::Count { .. }
        | ReadError::Digest { .. }
        | ReadError::Histories { .. }
        | ReadError::Broken(_) => Code::Unsound,
    };
    Failure::new(code, error.to_string())
}

/// What it says where something could not be done there.
fn undone(error: &RedisError) -> Failure {
    let code = if matches!(error, RedisError::Options(_)) { Code::Usage } else { Code::Failed };
    Failure::new(code, error.to_string())
}

/// There is nothing.
fn nothing(options: &RedisOptions) -> Stop {
    let set = options.names.markets();
    let text = format!("there is no image: no market of the set {set} has one");
    Failure::new(Code::Failed, text).into()
}
