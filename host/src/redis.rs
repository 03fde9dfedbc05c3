//! The image in Redis. A thread of its own writes it, so that Redis never delays the publisher.
//!
//! When an epoch has closed, the publisher puts the market's state into a [`Mailbox`]. It merges the
//! state into what the image thread has not fetched yet. So an outage of any length leaves one change
//! per market to write, and takes no more memory than the book has orders. The [`ImageThread`] writes.
//! If a write fails, it waits and retries, without limit.
//!
//! If enabled, events go to Redis streams as well: see [`StreamThread`].

mod alerts;
mod fenced;
mod image_thread;
mod log_limiter;
mod mailbox;
mod measure;
mod recent_groups;
mod sole_store;
mod source;
pub(crate) mod status;
mod stream_thread;
mod trade_buffer;
mod unchecked_image;
mod verify_schedule;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use pricetime_engine::EngineSnapshot;
use pricetime_journal::image::Image;
use pricetime_journal::{Folder, History, Terms};
use pricetime_redis::stream::{StreamWriter, last_published, published_after};
use pricetime_redis::{
    AllImages, Bound, ExistingImage, ImageWriter, Link, RedisOptions, find_image, read_all_images,
    scores_are_exact,
};
use tracing::warn;

use crate::opening::OpenError;
use crate::options::{Options, Policy};
use crate::settle::JournalSource;
use crate::status::Shared;
use crate::threads::ServerThread;
pub(crate) use image_thread::ImageThread;
pub(crate) use mailbox::Mailbox;
pub(crate) use recent_groups::Recorder;
pub(crate) use sole_store::{ClaimedImage, take_over};
use source::Source;
pub use status::{EventsStatus, FencedMarket, RedisState, RedisStatus};
pub(crate) use stream_thread::StreamThread;
pub(crate) use trade_buffer::TradeLimits;
use unchecked_image::UncheckedImage;
use verify_schedule::VerifySchedule;

/// How long a thread that writes to Redis waits before it checks again whether the host holds its lease.
const LEASE_POLL: Duration = Duration::from_millis(50);

/// What Redis holds when a folder is opened.
pub(crate) enum ImageCheck {
    /// There is no image, or one that the folder may replace.
    Replaceable,
    /// Redis does not answer. The image thread asks again before it writes anything.
    NoAnswer,
    /// There is an image, and the operator asked to restore it.
    Image(AllImages),
}

/// Asks Redis whether it holds an image that this folder must not replace.
pub(crate) fn check_image(
    options: Option<&RedisOptions>,
    folder: &Folder,
    accept_loss: bool,
) -> Result<ImageCheck, OpenError> {
    let Some(options) = options else { return Ok(ImageCheck::Replaceable) };
    let mut link = Link::new(options.clone());
    if accept_loss && folder.is_new() {
        let whole = read_all_images(&mut link, &options.names)?;
        return Ok(whole.map_or(ImageCheck::Replaceable, ImageCheck::Image));
    }
    let Ok(found) = find_image(&mut link, &options.names) else { return Ok(ImageCheck::NoAnswer) };
    let Some(ExistingImage { market, history, sequence }) = found else {
        return Ok(ImageCheck::Replaceable);
    };
    if !folder.is_new() && folder.ancestry().contains(&history) {
        return Ok(ImageCheck::Replaceable);
    }
    let own = if folder.is_new() {
        String::from("is new")
    } else {
        format!("is of history {}", folder.history())
    };
    let folder = folder.path().to_owned();
    Err(OpenError::ForeignImage { folder, own, history, sequence, market })
}

/// Returns [`OpenError::Scores`] if Redis cannot store every price of each market exactly.
pub(crate) fn check_scores(options: Option<&RedisOptions>, image: &Image) -> Result<(), OpenError> {
    if options.is_none() {
        return Ok(());
    }
    let inexact = image.markets().find(|market| !scores_are_exact(&market.head().spec.terms));
    inexact.map_or(Ok(()), |inexact| Err(OpenError::Scores(inexact.head().market)))
}

/// Raises the numbers of a state that begins a new history above those already published in the streams.
/// Does nothing unless events are published. If Redis does not answer, the stream thread reads the
/// streams before it publishes anything.
pub(crate) fn raise(options: Option<&RedisOptions>, state: &mut EngineSnapshot) {
    let Some(options) = options.filter(|it| it.publish.is_some()) else { return };
    let mut link = Link::new(options.clone());
    match published_after(&mut link, &options.names, state) {
        Ok(published) => {
            for market in published.raise(state) {
                warn!(
                    market = market.0,
                    "Redis: the streams hold numbers that this market cannot have: it continues \
                     with its own, and trades and epochs may be published under numbers that were \
                     used before"
                );
            }
        }
        Err(error) => {
            warn!("Redis: cannot read what the streams have published: {error}");
            let last = last_published(&mut link, &options.names).unwrap_or_default();
            state.last_sequence = state.last_sequence.max(last);
        }
    }
}

/// Creates the publisher's end and the thread that publishes events, if publishing is enabled.
pub(crate) fn publish(
    options: &Options,
    journal_source: &JournalSource,
    image: &Image,
    shared: &Arc<Shared>,
) -> Result<(Option<Recorder>, Option<StreamThread>), OpenError> {
    let Some(redis) = &options.redis else { return Ok((None, None)) };
    let Some(publish) = redis.publish else { return Ok((None, None)) };
    if options.policy == Policy::None {
        return Err(OpenError::NoJournal);
    }
    let (history, at) = (journal_source.history, shared.durable());
    let (recorder, recent_groups) = recent_groups::recent_groups();
    let heads: Vec<_> = image.markets().map(|market| *market.head()).collect();
    let source = Source::new(
        (journal_source.journal_replay.clone(), recent_groups),
        Arc::clone(shared),
        history,
        heads,
        at,
    );
    let writer = StreamWriter::new(bounded_link(redis.clone(), shared), history);
    let history = history.to_string();
    let stream_thread = StreamThread::new(writer, source, Arc::clone(shared), history, publish);
    Ok((Some(recorder), Some(stream_thread)))
}

/// Starts the threads.
pub(crate) fn spawn(
    image_thread: Option<ImageThread>,
    stream_thread: Option<StreamThread>,
) -> io::Result<Vec<ServerThread>> {
    let image_thread = image_thread.map(|image_thread| {
        let pending = "Redis does not answer: the image in Redis stays behind; the next start brings it up \
                    to date";
        ServerThread::spawn("image", pending, move || image_thread.run())
    });
    let stream_thread = stream_thread.map(|stream_thread| {
        let pending =
            "Redis does not answer: some events are not published; the next start publishes them";
        ServerThread::spawn("streams", pending, move || stream_thread.run())
    });
    image_thread.into_iter().chain(stream_thread).collect()
}

/// Ends the use of Redis when the host ends. A thread that is left behind must not claim a market that a
/// successor may have claimed by then.
pub(crate) struct ShutdownBound {
    pub(crate) shared: Arc<Shared>,
    /// Whether Redis is the only place that has the state. The threads then get more time at shutdown
    /// for as long as Redis answers.
    pub(crate) sole_store: bool,
}

impl Bound for ShutdownBound {
    fn is_over(&self) -> bool {
        self.shared.is_over()
    }

    fn answered(&self) {
        if self.sole_store {
            self.shared.extend_deadline();
        }
    }
}

/// Creates a link that ends with the host.
fn bounded_link(options: RedisOptions, shared: &Arc<Shared>) -> Link {
    let mut link = Link::new(options);
    link.bound_by(ShutdownBound { shared: Arc::clone(shared), sole_store: false });
    link
}

/// What the image thread of a host with a folder needs.
pub(crate) struct ImageSetup {
    pub(crate) options: RedisOptions,
    pub(crate) terms: Terms,
    /// The histories whose image may be replaced. Set if Redis did not answer when the folder was
    /// opened.
    pub(crate) unchecked_image: Option<Vec<String>>,
}

/// The publisher's end and the image thread.
pub(crate) type ImageEnds = (Option<Mailbox>, Option<ImageThread>);

/// Creates both ends. All markets that are in the image now are queued first.
pub(crate) fn start(
    image_setup: Option<ImageSetup>,
    image: &mut Image,
    history: History,
    shared: &Arc<Shared>,
) -> ImageEnds {
    let Some(ImageSetup { options, terms, unchecked_image }) = image_setup else {
        return (None, None);
    };
    let (wake, woken) = bounded(1);
    let mailbox = Mailbox::new(wake, None);
    mailbox.fill_all(image);
    let unchecked_image =
        unchecked_image.map(|ours| UncheckedImage::new(Link::new(options.clone()), ours));
    let verify_schedule = VerifySchedule::new(options.verify);
    let writer = ImageWriter::new(bounded_link(options, shared), history, terms.read());
    let mut image_thread =
        ImageThread::new(writer, Some(terms), mailbox.unwritten(), woken, Arc::clone(shared));
    image_thread.unchecked_image = unchecked_image;
    image_thread.verify_schedule = verify_schedule;
    (Some(mailbox), Some(image_thread))
}
