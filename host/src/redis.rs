//! The image in Redis: a thread that brings it there, and cannot hold anybody up.
//!
//! The publisher puts a market's state into a [`Mailbox`] when an epoch has closed, on top of what
//! the image thread has not fetched yet: an outage of any length costs one change in the end, and no more
//! memory than the book has orders. The [`ImageThread`] writes, and where it cannot, waits and tries
//! again, for ever.
//!
//! What happens goes to streams as well, where that is wanted: see [`StreamThread`].

mod alerts;
mod alone;
mod fenced;
mod image_thread;
mod ledger;
mod looks;
mod mailbox;
mod measure;
mod seldom;
mod source;
pub(crate) mod status;
mod stream_thread;
mod tape;
mod unasked;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use pricetime_engine::EngineSnapshot;
use pricetime_journal::image::Image;
use pricetime_journal::{Folder, History, Terms};
use pricetime_redis::stream::{StreamWriter, last_told, told_after};
use pricetime_redis::{
    Bound, Found, ImageWriter, Link, RedisOptions, Whole, find_image, read_whole, scores_hold,
};
use tracing::warn;

use crate::opening::OpenError;
use crate::options::{Options, Policy};
use crate::settle::Place;
use crate::status::Shared;
use crate::threads::Outward;
pub(crate) use alone::{Taken, take_over};
pub(crate) use image_thread::ImageThread;
pub(crate) use ledger::Room;
use looks::Looks;
pub(crate) use mailbox::Mailbox;
use source::Source;
pub use status::{EventsStatus, FencedMarket, RedisState, RedisStatus};
pub(crate) use stream_thread::StreamThread;
pub(crate) use tape::Recorder;
use unasked::Unasked;

/// How long who writes waits where the host does not have its lock.
const UNHELD: Duration = Duration::from_millis(50);

/// What Redis says to a folder before it is opened.
pub(crate) enum Asked {
    /// There is no image, or one that the folder may replace.
    Nothing,
    /// It does not answer: what is there is asked for before anything is written.
    Nobody,
    /// There is an image, and it was to be restored.
    Image(Whole),
}

/// Asks Redis on behalf of a folder whether an image stands there that it must not replace.
pub(crate) fn ask(
    options: Option<&RedisOptions>,
    folder: &Folder,
    accept_loss: bool,
) -> Result<Asked, OpenError> {
    let Some(options) = options else { return Ok(Asked::Nothing) };
    let mut link = Link::new(options.clone());
    if accept_loss && folder.is_new() {
        let whole = read_whole(&mut link, &options.names)?;
        return Ok(whole.map_or(Asked::Nothing, Asked::Image));
    }
    let Ok(found) = find_image(&mut link, &options.names) else { return Ok(Asked::Nobody) };
    let Some(Found { market, history, sequence }) = found else { return Ok(Asked::Nothing) };
    if !folder.is_new() && folder.ancestry().contains(&history) {
        return Ok(Asked::Nothing);
    }
    let own = if folder.is_new() {
        String::from("is new")
    } else {
        format!("is of history {}", folder.history())
    };
    let folder = folder.path().to_owned();
    Err(OpenError::ImageElsewhere { folder, own, history, sequence, market })
}

/// Whether the prices of all these markets can stand there.
pub(crate) fn fits(options: Option<&RedisOptions>, image: &Image) -> Result<(), OpenError> {
    if options.is_none() {
        return Ok(());
    }
    let far = image.markets().find(|market| !scores_hold(&market.head().spec.terms));
    far.map_or(Ok(()), |far| Err(OpenError::Scores(far.head().market)))
}

/// Raises the numbers of a state with which a new history begins above those that streams have told,
/// where events are published and somebody answers. Where nobody does, nothing is published later
/// before somebody has looked.
pub(crate) fn raise(options: Option<&RedisOptions>, state: &mut EngineSnapshot) {
    let Some(options) = options.filter(|it| it.publish.is_some()) else { return };
    let mut link = Link::new(options.clone());
    match told_after(&mut link, &options.names, state) {
        Ok(told) => {
            for market in told.raise(state) {
                warn!(
                    market = market.0,
                    "Redis: its numbers in the streams are none that it can have: it goes on with its \
                     own, and trades and epochs may be told of under numbers that were used"
                );
            }
        }
        Err(error) => {
            warn!("Redis: what the streams have told is not known: {error}");
            let last = last_told(&mut link, &options.names).unwrap_or_default();
            state.last_sequence = state.last_sequence.max(last);
        }
    }
}

/// Makes what publishes events, where that is wanted: the publisher's end, and the thread's.
pub(crate) fn publish(
    options: &Options,
    place: &Place,
    image: &Image,
    shared: &Arc<Shared>,
) -> Result<(Option<Recorder>, Option<StreamThread>), OpenError> {
    let Some(redis) = &options.redis else { return Ok((None, None)) };
    let Some(publish) = redis.publish else { return Ok((None, None)) };
    if options.policy == Policy::None {
        return Err(OpenError::NoJournal);
    }
    let (history, at) = (place.history, shared.durable());
    let (recorder, tape) = tape::tape();
    let heads: Vec<_> = image.markets().map(|market| *market.head()).collect();
    let source = Source::new((place.past.clone(), tape), Arc::clone(shared), history, heads, at);
    let writer = StreamWriter::new(ending(redis.clone(), shared), history);
    let history = history.to_string();
    let stream_thread = StreamThread::new(writer, source, Arc::clone(shared), history, publish);
    Ok((Some(recorder), Some(stream_thread)))
}

/// Starts the threads.
pub(crate) fn spawn(
    image_thread: Option<ImageThread>,
    stream_thread: Option<StreamThread>,
) -> io::Result<Vec<Outward>> {
    let image_thread = image_thread.map(|image_thread| {
        let left = "Redis does not answer: the image in Redis stays behind; the next start brings it up \
                    to date";
        Outward::spawn("image", left, move || image_thread.run())
    });
    let stream_thread = stream_thread.map(|stream_thread| {
        let left =
            "Redis does not answer: events are left to be published; the next start does that";
        Outward::spawn("streams", left, move || stream_thread.run())
    });
    image_thread.into_iter().chain(stream_thread).collect()
}

/// Ends the use of Redis with the host: a thread that is left behind must not claim what a successor may
/// have claimed by then.
pub(crate) struct Ending {
    pub(crate) shared: Arc<Shared>,
    /// Whether the state stands in Redis alone: then the threads have time as long as it answers.
    pub(crate) alone: bool,
}

impl Bound for Ending {
    fn is_over(&self) -> bool {
        self.shared.is_over()
    }

    fn answered(&self) {
        if self.alone {
            self.shared.prolong();
        }
    }
}

/// A link that ends with the host.
fn ending(options: RedisOptions, shared: &Arc<Shared>) -> Link {
    let mut link = Link::new(options);
    link.bound_by(Ending { shared: Arc::clone(shared), alone: false });
    link
}

/// What the writer of a host with a folder begins with.
pub(crate) struct Beside {
    pub(crate) options: RedisOptions,
    pub(crate) terms: Terms,
    /// Where nobody knows what Redis holds: the histories whose image may be replaced.
    pub(crate) unasked: Option<Vec<String>>,
}

/// The two ends.
pub(crate) type Ends = (Option<Mailbox>, Option<ImageThread>);

/// Puts the two ends together. Everything that is in the image now goes first.
pub(crate) fn start(
    beside: Option<Beside>,
    image: &mut Image,
    history: History,
    shared: &Arc<Shared>,
) -> Ends {
    let Some(Beside { options, terms, unasked }) = beside else { return (None, None) };
    let (wake, woken) = bounded(1);
    let mailbox = Mailbox::new(wake, None);
    mailbox.fill_all(image);
    let unasked = unasked.map(|ours| Unasked::new(Link::new(options.clone()), ours));
    let looks = Looks::new(options.verify);
    let writer = ImageWriter::new(ending(options, shared), history, terms.read());
    let mut image_thread =
        ImageThread::new(writer, Some(terms), mailbox.owed(), woken, Arc::clone(shared));
    image_thread.unasked = unasked;
    image_thread.looks = looks;
    (Some(mailbox), Some(image_thread))
}
