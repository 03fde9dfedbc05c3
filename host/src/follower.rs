//! Followers, which receive everything that becomes durable.

use pricetime_engine::{Event, Header, MarketHead, Outcome};

/// Receives everything that becomes durable, in order and without a gap. One call follows the other, but not
/// always on the same thread: a lone small batch is published by the journal thread, and any other by the
/// publisher thread.
///
/// A follower is never disconnected. While it works, answers wait, and eventually the ring is full. So it
/// should do only what is quick, and pass the rest on. If the process is killed, a follower never receives
/// what was durable but not yet published. The journal has it, and a replay yields it again.
///
/// A command counts as durable ([`Status::durable`](crate::Status::durable)) before a follower receives its
/// group. Its ticket resolves after that.
///
/// ```
/// use pricetime::engine::{Event, Header, MarketHead, Outcome};
/// use pricetime::{Follower, Host, Options};
///
/// struct Epochs;
///
/// impl Follower for Epochs {
///     fn start(&mut self, markets: &[MarketHead]) {
///         println!("{} markets", markets.len());
///     }
///
///     fn group(&mut self, header: &Header, events: &[Event], _: Outcome) {
///         for event in events {
///             if let Event::EpochClosed(summary) = event {
///                 println!("market {}: {} trades", header.market, summary.turnover.trades);
///             }
///         }
///     }
/// }
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let host = Host::open(Options { follower: Some(Box::new(Epochs)), ..Options::new(folder) })?;
/// # host.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Follower: Send + 'static {
    /// Receives the markets as they are before the first group.
    fn start(&mut self, _markets: &[MarketHead]) {}
    /// Receives the events of a command.
    fn group(&mut self, header: &Header, events: &[Event], outcome: Outcome);
    /// Called when nothing more waits to be published.
    fn pause(&mut self) {}
}
