//! `pricetime top`: markets on the trading screen.

mod feed;
mod folder;
mod gates;
mod link;
mod listed;
mod meter;
mod recording;
mod socket;
mod source;
mod watched;

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::client::{Address, token};
use super::failure::{Code, Failure};
use super::reader::{self, MarketLimit, Stop};
use super::replay::Pace;
use super::screen::{self, Choice, Press, Screen};
use clap::Args;
use folder::Folder;
use recording::Recording;
use socket::{Socket, Wanted};
use source::Source;

/// The socket that is used if no source is named and it is there.
const SOCKET: &str = "./pricetime.sock";
/// The data folder that is used if there is no such socket.
const FOLDER: &str = "./data";
/// The time between two frames.
const FRAME: Duration = Duration::from_millis(100);

/// Shows markets live on a trading screen: the book with depth bars, the last trades, the epochs.
///
/// It shows a running host over its socket, a data folder without disturbing the process that has it open,
/// or a recording at any speed. It only reads.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pricetime top                                    the host at ./pricetime.sock, or else the folder ./data
  pricetime top ./pricetime.sock                   a running host, over its Unix socket
  pricetime top --tcp 127.0.0.1:7070               over TCP: public data need no token
  pricetime top day.jsonl --speed 60               a recorded minute in every second
  pricetime top --folder /srv/data                 a data folder; follows what its owner adds

Keys: ← → or Tab another market, + - price levels, p pause, ? help, q quit.

A source that is named without an option is a recording if it is a file, a data folder if it is a
folder, and a host if it is a socket. `behind` is the time from a command to its arrival here, by the
clocks of both machines. A host does not list its markets, so only the numbers 1 to 64 are looked
for, and --market. The countdown of a host begins after two closes. A folder has none, because it does
not know the schedule. If the host goes away, `top` connects again.

For scripts use `pricetime inspect book MARKET`, or send {\"view\":{\"market\":1}} to the socket.")]
pub(super) struct Top {
    /// A recording, a data folder or a Unix socket
    #[arg(value_name = "SOURCE", group = "source")]
    from: Option<PathBuf>,
    /// The Unix socket of a running host
    #[arg(long, value_name = "SOCKET", group = "source")]
    unix: Option<PathBuf>,
    /// The TCP address of a running host
    #[arg(long, value_name = "HOST:PORT", group = "source")]
    tcp: Option<String>,
    /// A data folder
    #[arg(long, value_name = "DIR", group = "source")]
    folder: Option<PathBuf>,
    /// A file whose first line is the token to present to the host
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The speed of a recording: 1x is its own (the default), 60x a minute in a second, max as fast as possible
    #[arg(long, value_name = "N")]
    speed: Option<Pace>,
    /// Also show what the last N commands of a host did, at most 10000. The host replays them
    #[arg(long, default_value_t = 0, value_name = "N",
        value_parser = clap::value_parser!(u64).range(0..=10_000))]
    past: u64,
    /// The market to show first
    #[arg(long, value_name = "MARKET")]
    market: Option<u32>,
    #[command(flatten)]
    markets: MarketLimit,
}

impl Top {
    /// Shows the source until the person in front of the screen quits.
    pub(super) fn run(&self) -> Result<(), Failure> {
        if !screen::is_possible() {
            let text = "top needs a terminal that can move its cursor, as standard output. \
                        `pricetime inspect book MARKET` prints a book of a data folder, and a running \
                        host answers {\"view\":{\"market\":1}} on its socket";
            return Err(Failure::new(Code::Usage, text));
        }
        match self.source() {
            Ok(mut source) => show(&mut *source, Choice::new(self.market)),
            Err(stop) => reader::finish(Err(stop)),
        }
    }

    fn source(&self) -> Result<Box<dyn Source>, Stop> {
        let markets = self.markets.markets_max;
        match self.subject()? {
            Subject::Host(address) => {
                refuse(self.speed.is_some(), "--speed is for recordings")?;
                let token = self.token_file.as_deref().map(token).transpose()?;
                let wanted = Wanted { market: self.market, past: self.past };
                Ok(Box::new(Socket::open(address, token, wanted)?))
            }
            Subject::Folder(path) => {
                refuse(self.speed.is_some(), "--speed is for recordings")?;
                refuse(self.token_file.is_some(), "--token-file is for hosts")?;
                Ok(Box::new(Folder::open(&path, markets)?))
            }
            Subject::Recording(path) => {
                refuse(self.token_file.is_some(), "--token-file is for hosts")?;
                Ok(Box::new(Recording::open(&path, self.speed.unwrap_or_default(), markets)?))
            }
        }
    }

    /// What is to be shown.
    fn subject(&self) -> Result<Subject, Failure> {
        if let Some(address) = &self.tcp {
            return Ok(Subject::Host(Address::Tcp(address.clone())));
        }
        if let Some(path) = &self.unix {
            return Ok(Subject::Host(Address::Unix(path.clone())));
        }
        if let Some(path) = &self.folder {
            return Ok(Subject::Folder(path.clone()));
        }
        let path = self.from.clone().map_or_else(default_source, Ok)?;
        let kind = fs::metadata(&path).map(|found| found.file_type());
        let kind = kind.map_err(|error| {
            Failure::failed(reader::unreadable(&path.display().to_string(), &error))
        })?;
        Ok(if kind.is_dir() {
            Subject::Folder(path)
        } else if kind.is_socket() {
            Subject::Host(Address::Unix(path))
        } else {
            Subject::Recording(path)
        })
    }
}

/// What is shown.
enum Subject {
    Host(Address),
    Folder(PathBuf),
    Recording(PathBuf),
}

/// Refuses an option that does not go with the source.
fn refuse(is_given: bool, why: &str) -> Result<(), Failure> {
    if is_given { Err(Failure::new(Code::Usage, why)) } else { Ok(()) }
}

/// The source if none is named.
fn default_source() -> Result<PathBuf, Failure> {
    let folder = std::env::var_os("PRICETIME_FOLDER").unwrap_or_else(|| FOLDER.into());
    let known = [PathBuf::from(SOCKET), PathBuf::from(folder)];
    let [_, folder] = &known;
    let text = format!(
        "there is no {SOCKET} and no {}: start `pricetime run --unix {SOCKET}`, or name a socket, a \
         data folder or a recording",
        folder.display()
    );
    known.into_iter().find(|path| path.exists()).ok_or_else(|| Failure::new(Code::Usage, text))
}

/// Shows a source until the person in front of the screen quits.
fn show(source: &mut dyn Source, mut choice: Choice) -> Result<(), Failure> {
    let mut screen = Screen::open()?;
    loop {
        let until = Instant::now() + FRAME;
        let was_paused = choice.is_paused;
        if !was_paused {
            source.advance(until, choice.market)?;
        }
        let picture = source.picture(choice.market);
        screen.draw(&picture, &mut choice)?;
        if screen.press(&picture, &mut choice, until)? == Some(Press::Quit) {
            return Ok(());
        }
        if choice.is_paused != was_paused {
            source.pause(choice.is_paused);
        }
    }
}
