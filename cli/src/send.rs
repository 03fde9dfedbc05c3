//! `pricetime send`: sends lines to a running market and prints the answers.

mod batch;
mod complete;
mod connection;
mod grammar;
mod history;
mod incoming;
mod pending;
mod prompt;
mod short;
mod show;
mod tree;
mod wrap;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use super::client::{Address, token};
use super::failure::Failure;
use batch::{Batch, Source};
use clap::Args;
use connection::Connection;
use prompt::Prompt;
use show::Show;

/// Sends lines to a running market and prints the answers. On a terminal, without lines, it shows a prompt.
#[derive(Debug, Args)]
#[command(after_help = "Try:
  pricetime send '{\"view\":{\"market\":1,\"depth\":2}}'
  pricetime send --tcp localhost:7070 '{\"status\":{}}'
  pricetime send --follow '{\"subscribe\":{\"market\":1}}'
                                                   watch a market until Ctrl-C
  pricetime send < orders.jsonl > answers.jsonl    send a file
  pricetime send                                   a prompt; Tab completes, Ctrl-D ends it

Each line is one JSON object, sent as it is; docs/json.md shows every line. Without lines, they are
read from standard input. The answers are printed as JSON lines, or in a readable form if standard
output is a terminal. The program ends when every line has its answer.

The prompt also accepts words in place of JSON, and shows the line that it makes of them:
  view market 1 depth 2
  buy 12.50 at 0.1425 market 1 account 777         a limit order with a new order id
Up to 12 hexadecimal digits stand for a UUID that begins with zeros. The prompt keeps its history in
$XDG_STATE_HOME/pricetime or ~/.local/state/pricetime, without lines that have a token.

Exit codes: 0 every line was answered; 1 it cannot connect, or the connection ended before all
answers came; 2 the command line is invalid; 4 some lines were refused.")]
pub(crate) struct SendCommand {
    /// A line to send, or - for the lines of standard input; may be repeated.
    #[arg(value_name = "LINE")]
    lines: Vec<String>,
    /// The Unix socket of the market.
    #[arg(long, value_name = "PATH", env = "PRICETIME_UNIX", default_value = "./pricetime.sock")]
    unix: PathBuf,
    /// The TCP address of the market, like localhost:7070, in place of a Unix socket.
    #[arg(long, value_name = "ADDRESS")]
    tcp: Option<String>,
    /// A file whose first line is a token. It is sent in a `hello` before the first line, so the line numbers in answers
    /// are higher by one.
    #[arg(long, value_name = "FILE", env = "PRICETIME_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Stay connected after the last answer and print the lines of subscriptions.
    #[arg(long)]
    follow: bool,
    /// Print answers as JSON lines on a terminal too.
    #[arg(long)]
    json: bool,
}

impl SendCommand {
    /// Sends the lines, or shows the prompt.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let token = self.token_file.as_deref().map(token).transpose()?;
        let address = self.tcp.map_or(Address::Unix(self.unix), Address::Tcp);
        let show = Show::on_stdout(self.json);
        if self.lines.is_empty() && io::stdin().is_terminal() && io::stdout().is_terminal() {
            return Prompt::new(address, token, show)?.run();
        }
        let sources = if self.lines.is_empty() {
            vec![Source::Stdin]
        } else {
            self.lines.into_iter().map(Source::of).collect()
        };
        let connection = Connection::open(&address, token.as_ref())?;
        Batch { sources, follow: self.follow, show }.run(connection, &address)
    }
}
