//! `pricetime redis`: shows, checks, restores, copies and deletes the image in Redis.

mod check;
mod remove;
mod restore;
mod show;
mod transfer;

use std::io::{self, BufWriter, StdoutLock, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use pricetime::Secret;
use pricetime::persistence::redis::{Link, ReadError, RedisError, RedisOptions};

use super::config::{Config, Layers};
use super::failure::{Code, Failure};
use super::reader::{self, Stop};

/// Shows, restores, copies and deletes the image in Redis.
///
/// Everything that is read is verified: counts and digest must match what was written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime redis check --redis redis://localhost           is this server fit to store a book?
  pricetime redis show                                      markets, and whether each is complete
  pricetime redis restore --folder ./data                   a new data folder from the image
  pricetime redis export images.jsonl                       copy the images to a file
  pricetime redis import images.jsonl --replace             and write them back
  pricetime redis drop 7 --yes                              delete market 7

Without --redis, the server is $PRICETIME_REDIS or that of the configuration, which also sets the
key names. Exit codes: 0 done; 1 failed, or no server answers; 2 the command line is invalid; 3 an
image is damaged, or the server is not fit.")]
pub(super) struct Redis {
    #[command(subcommand)]
    command: RedisCommand,
}

#[derive(Debug, Subcommand)]
enum RedisCommand {
    Check(check::Check),
    Show(show::Show),
    Restore(restore::Restore),
    Export(transfer::Export),
    Import(transfer::Import),
    Drop(remove::Remove),
}

/// The servers and the output format.
#[derive(Debug, Args)]
struct ServerArgs {
    /// The servers: redis://host:port, rediss://, redis+sentinel://host,host/master,
    /// redis+cluster://host,host
    #[arg(long, value_name = "URL", env = "PRICETIME_REDIS", hide_env_values = true)]
    redis: Option<Secret>,
    /// The configuration file, for key names and certificates
    #[arg(long, value_name = "FILE", env = "PRICETIME_CONFIG")]
    config: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// The output.
type Out = BufWriter<StdoutLock<'static>>;

impl Redis {
    /// Runs the subcommand.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        let done = match &self.command {
            RedisCommand::Check(it) => it.run(&mut out),
            RedisCommand::Show(it) => it.run(&mut out),
            RedisCommand::Restore(it) => it.run(&mut out),
            RedisCommand::Export(it) => it.run(&mut out),
            RedisCommand::Import(it) => it.run(&mut out),
            RedisCommand::Drop(it) => it.run(&mut out),
        };
        // The output is flushed even if the command failed.
        let flushed = out.flush();
        reader::finish(done.and_then(|()| Ok(flushed?)))
    }
}

impl ServerArgs {
    fn config(&self) -> Result<Config, Failure> {
        let (config, redis) = (self.config.clone(), self.redis.clone());
        Config::new(&Layers { config, redis, ..Layers::default() })
    }

    fn link(&self) -> Result<(Link, RedisOptions), Failure> {
        let config = self.config()?;
        let options = config.redis.ok_or_else(|| {
            let text = "the address of Redis is not given; set --redis URL, $PRICETIME_REDIS, or \
                        redis.url in --config";
            Failure::new(Code::Usage, text)
        })?;
        Ok((Link::new(options.clone()), options))
    }
}

/// The error for an image that cannot be read.
fn read_failure(error: &ReadError) -> Failure {
    let code = match error {
        ReadError::Redis(_) | ReadError::KeepsChanging => Code::Failed,
        ReadError::Bad(_)
        | ReadError::Count { .. }
        | ReadError::Digest { .. }
        | ReadError::Histories { .. }
        | ReadError::Broken(_) => Code::Unsound,
    };
    Failure::new(code, error.to_string())
}

/// The error for a command that Redis did not execute.
fn redis_failure(error: &RedisError) -> Failure {
    let code = if matches!(error, RedisError::Options(_)) { Code::Usage } else { Code::Failed };
    Failure::new(code, error.to_string())
}

/// The error if there is no image.
fn no_image(options: &RedisOptions) -> Stop {
    let set = options.names.markets();
    let text = format!("there is no image: no market of the set {set} has one");
    Failure::new(Code::Failed, text).into()
}
