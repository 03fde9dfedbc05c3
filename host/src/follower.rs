//! Who hears of everything.

use pricetime_engine::{Event, Header, MarketHead, Outcome};

/// Hears of everything that is durable, in order and without a gap, on the publisher's thread.
///
/// It is never let go: while it works, answers wait, and in the end the ring is full. So it does
/// what is quick, and hands on what is not. What the process had made durable but not yet told when
/// it was killed, a follower never hears of: the journal has it, and a replay tells it again.
///
/// A command counts as durable ([`Status::durable`](crate::Status::durable)) before a
/// follower gets its group, and its ticket is answered afterwards.
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
    /// The markets as they are before the first group.
    fn start(&mut self, _markets: &[MarketHead]) {}
    /// What a command did.
    fn group(&mut self, header: &Header, events: &[Event], outcome: Outcome);
    /// There is nothing more for now.
    fn pause(&mut self) {}
}
