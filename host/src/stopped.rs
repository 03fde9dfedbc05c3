//! Why a host has stopped.

use std::fmt;
use std::sync::Arc;

use pricetime_journal::JournalError;
use serde::{Serialize, Serializer};

/// The host accepts no more commands. Displays as "the host has stopped: " and the
/// [`reason`](Self::reason), and serializes as the reason.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Stopped {
    /// The host was closed before it answered. A ticket may also report this if the thread that had its
    /// command has just failed. Then [`Status::stopped`](crate::Status::stopped) has the cause.
    Closed,
    /// The core thread panicked, with this message.
    Core(String),
    /// The journal failed. This process cannot open the folder again.
    Journal(Arc<JournalError>),
    /// The publisher panicked. A [`Follower`](crate::Follower) may have done that.
    Publisher,
    /// The host was closed while it did not hold the runner's lock. The last commands are in the journal
    /// but were not answered.
    LockLost,
    /// Without a data folder: the image differs from the core in this way.
    Image(String),
    /// Without a data folder: Redis did not store the state, for this reason.
    Redis(String),
}

impl Stopped {
    /// Returns the reason as text.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Closed => String::from("it ended before there was an answer"),
            Self::Core(why) => format!("the core failed: {why}"),
            Self::Journal(error) => format!("the journal failed: {error}"),
            Self::Publisher => String::from("the publisher failed"),
            Self::LockLost => String::from(
                "it stopped without the runner's lock: its last commands are in the journal, were not \
                 answered, and are restored at the next start",
            ),
            Self::Image(fault) => format!("the image differs from the core: {fault}"),
            Self::Redis(why) => format!(
                "{why}; without a data folder all that was carried out since the last image is lost"
            ),
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the host has stopped: {}", self.reason())
    }
}

impl std::error::Error for Stopped {}

impl Serialize for Stopped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.reason())
    }
}
