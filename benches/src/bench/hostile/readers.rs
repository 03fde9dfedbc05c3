//! The attacks of clients that read, or that do not read.

use pricetime::engine::AccountId;
use pricetime::{AccountFeed, Host, MarketFeed, Options, Question};

use super::super::report::Sent;
use super::market::{HONEST, MARKET, client_account};
use super::step::{StartedClient, Step, harmless};
use crate::failure::Failure;

/// The largest depth of a book that a client may request.
const DEPTH: usize = 1_000;
/// The number of unread subscriptions, as many as several connections have.
const FEEDS: usize = 256;

/// An attacker that sends nothing before the first round.
fn without_opening(step: Step) -> Result<StartedClient, Failure> {
    Ok(StartedClient { opening: Sent::default(), step: Some(step) })
}

pub(super) fn reads(_: &Host, _: usize, _: u64) -> Result<StartedClient, Failure> {
    let mut number = 0_u64;
    without_opening(Box::new(move |host| {
        number += 1;
        match number % 5 {
            0 => drop(host.view(MARKET, DEPTH)),
            1 => drop(host.view(MARKET, usize::MAX)),
            2 => drop(host.subscribe(MARKET)),
            3 => drop(host.subscribe_account(MARKET, AccountId(HONEST.start))),
            // If the host is busy, the next call tries again.
            _ => {
                if let Ok(view) = host.ask(Question::View { market: MARKET, depth: DEPTH }) {
                    drop(view.wait().map_err(Failure::failed)?);
                }
            }
        }
        Ok(None)
    }))
}

/// A subscription that is not read.
enum Feed {
    Market(MarketFeed),
    Account(AccountFeed),
}

impl Feed {
    fn new(host: &Host, number: usize) -> Result<Self, Failure> {
        let feed = if number.is_multiple_of(2) {
            host.subscribe(MARKET).map(Self::Market)
        } else {
            host.subscribe_account(MARKET, client_account(0)).map(Self::Account)
        };
        feed.ok_or_else(|| Failure::failed("the market that is attacked is gone"))
    }

    /// The number of unread updates.
    fn waiting(&self) -> usize {
        match self {
            Self::Market(feed) => feed.updates.ready(),
            Self::Account(feed) => feed.updates.ready(),
        }
    }
}

pub(super) fn unread_feeds(host: &Host, _: usize, seed: u64) -> Result<StartedClient, Failure> {
    let capacity = Options::new("").subscription;
    let feeds: Result<Vec<_>, _> = (0..FEEDS).map(|number| Feed::new(host, number)).collect();
    let (mut feeds, mut plain, mut next) = (feeds?, harmless(seed), 0);
    without_opening(Box::new(move |host| {
        next = (next + 1) % FEEDS;
        if let Some(feed) = feeds.get_mut(next).filter(|feed| feed.waiting() >= capacity) {
            *feed = Feed::new(host, next)?;
        }
        plain(host)
    }))
}
