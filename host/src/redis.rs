//! The image in Redis: a thread that brings it there, and cannot hold anybody up.
//!
//! The publisher puts a market's state into a [`Mailbox`] when an epoch has closed, on top of what
//! the carrier has not fetched yet: an outage of any length costs one change in the end, and no more
//! memory than the book has orders. The [`Carrier`] writes, and where it cannot, waits and tries
//! again, for ever.

mod carrier;
mod looks;
mod mailbox;
mod measure;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use pricetime_engine::MarketId;
use pricetime_persistence::image::Image;
use pricetime_persistence::redis::{
    Found, ImageWriter, Link, RedisOptions, Whole, find_image, read_whole, scores_hold,
};
use pricetime_persistence::{Folder, History};

use crate::host::OpenError;
use crate::status::Shared;
pub(crate) use carrier::Carrier;
use carrier::Unasked;
use looks::Looks;
pub(crate) use mailbox::Mailbox;

/// How long the last states may take at the end.
const LAST: Duration = Duration::from_secs(5);

/// How it is with Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisStatus {
    /// Whether it answers.
    pub state: RedisState,
    /// By how many epochs the market that is furthest behind is behind.
    pub behind: u64,
    /// The markets that another writer has taken over.
    pub fenced: Vec<MarketId>,
    /// The markets whose image was found to differ from what was written: somebody edited it. Each
    /// is written anew with its next epoch.
    pub differs: Vec<MarketId>,
}

/// Whether Redis answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RedisState {
    /// It has not been asked yet.
    #[default]
    Unknown,
    /// It does.
    Connected,
    /// It does not, or refuses.
    Degraded {
        /// Since when.
        since: Instant,
        /// Why.
        why: String,
    },
}

/// Where the carrier says how it is.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<RedisStatus>);

impl Default for RedisStatus {
    fn default() -> Self {
        Self { state: RedisState::Unknown, behind: 0, fenced: Vec::new(), differs: Vec::new() }
    }
}

impl Board {
    pub(crate) fn read(&self) -> RedisStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut RedisStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

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

/// Puts the two ends together. Everything that is in the image now goes first.
pub(crate) fn start(
    options: Option<(RedisOptions, bool)>,
    mut image: Image,
    folder: &Folder,
    history: History,
    shared: &Arc<Shared>,
) -> (Image, Option<Mailbox>, Option<Carrier>) {
    let Some((options, unasked)) = options else { return (image, None, None) };
    let (wake, woken) = bounded(1);
    let mailbox = Mailbox::new(wake);
    mailbox.fill_all(&mut image);
    let terms = folder.terms();
    let unasked = unasked.then(|| Unasked::new(Link::new(options.clone()), folder.ancestry()));
    let looks = Looks::new(options.verify);
    let writer = ImageWriter::new(Link::new(options), history, terms.read());
    let mut carrier = Carrier::new(writer, terms, mailbox.owed(), woken, Arc::clone(shared));
    carrier.unasked = unasked;
    carrier.looks = looks;
    (image, Some(mailbox), Some(carrier))
}
