//! How commands are submitted.

use std::sync::Arc;

use pricetime_engine::{Action, Timestamp};
use pricetime_redis::scores_are_exact_after;
use tokio::sync::oneshot;

use super::Host;
use crate::answer::Answer;
use crate::answers::Answers;
use crate::draft::{Draft, Item};
use crate::options::Policy;
use crate::refused::Refused;
use crate::session::Session;
use crate::ticket::Ticket;

/// Returns `true` if a command may use the reserve of the core's queue.
const fn is_urgent(action: &Action) -> bool {
    matches!(
        action,
        Action::Cancel { .. } | Action::CancelAll { .. } | Action::CancelSession { .. }
    )
}

impl Host {
    /// The most commands that [`submit_many`](Self::submit_many) takes.
    pub const SUBMIT_MANY_MAX: usize = 1_024;

    /// Submits a command without waiting. The ticket resolves once the command's effects are durable. Under
    /// [`Policy::Epoch`] it does not wait for that.
    ///
    /// # Errors
    /// Returns [`Refused::Busy`] if the ring is full (cancels may use a reserve), [`Refused::Stopped`] if the
    /// host has ended, and [`Refused::Scores`] if the market's prices are too large for Redis to tell apart.
    /// Without a data folder, also returns `Busy` while [`Options::trades_max`](crate::Options::trades_max)
    /// trades wait for Redis; only cancels and `CloseEpoch` are accepted then.
    pub fn submit(&self, draft: Draft) -> Result<Ticket, Refused> {
        self.submit_at(None, draft)
    }

    /// Submits a command of a recording with the time at which it happened. Without a time, it happens at the
    /// time of the previous command. Only a host without a clock ([`Options::clock`](crate::Options::clock))
    /// uses the given time.
    ///
    /// # Errors
    /// Returns the same errors as [`submit`](Self::submit).
    pub fn submit_at(&self, time: Option<Timestamp>, draft: Draft) -> Result<Ticket, Refused> {
        let (sender, answer) = oneshot::channel();
        self.submit_draft(draft, time, Some(sender))?;
        Ok(Ticket { answer, shared: Arc::clone(&self.0.shared) })
    }

    /// Submits a command. If it places an order, the order ends with the session.
    ///
    /// # Errors
    /// Returns the same errors as [`submit`](Self::submit).
    pub fn submit_in(&self, session: &mut Session, draft: Draft) -> Result<Ticket, Refused> {
        self.submit(session.with(draft))
    }

    /// Submits several commands together, which takes less time than one call for each. They are carried
    /// out one after the other, with no command of another caller in between. All of them are taken or
    /// none. The ticket resolves once the effects of all of them are durable.
    ///
    /// ```
    /// # use pricetime::engine::{AccountId, MarketId, MarketSpec, OrderId, Outcome, Phase, Place, Side};
    /// # use pricetime::{Draft, Host, Options};
    /// # let folder = tempfile::tempdir()?;
    /// # let host = Host::open(Options::new(folder.path()))?;
    /// # let (market, account) = (MarketId(1), AccountId(7));
    /// # let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.01".parse()?);
    /// # host.operator(market).add(spec).wait()?.accepted()?;
    /// # host.operator(market).set_phase(Phase::Continuous).wait()?.accepted()?;
    /// let quote = |order, side, price| -> Result<Draft, Box<dyn std::error::Error>> {
    ///     let (quantity, price) = (spec.quantity("3")?, spec.price(price)?);
    ///     let action = Place::limit(OrderId(order), side, quantity, price).into();
    ///     Ok(Draft { market, account, operator: false, request: None, session: None, action })
    /// };
    /// let quotes = [quote(1, Side::Buy, "0.14")?, quote(2, Side::Sell, "0.15")?];
    /// let answers = host.submit_many(&quotes)?.wait()?;
    /// assert!(answers.iter().all(|(_, _, outcome)| outcome == Outcome::Accepted));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`submit`](Self::submit), for the first command that has one, and
    /// [`Refused::TooMany`] if there are more than [`SUBMIT_MANY_MAX`](Self::SUBMIT_MANY_MAX) commands. They
    /// may use the reserve for cancels if all of them are cancels.
    pub fn submit_many(&self, drafts: &[Draft]) -> Result<Ticket<Answers>, Refused> {
        self.submit_drafts(drafts.iter().map(|draft| (None, *draft)))
    }

    /// Submits several commands of a recording together, each with the time at which it happened. This is
    /// [`submit_many`](Self::submit_many) with the times of [`submit_at`](Self::submit_at).
    ///
    /// # Errors
    /// Returns the same errors as [`submit_many`](Self::submit_many).
    pub fn submit_many_at(
        &self,
        drafts: &[(Option<Timestamp>, Draft)],
    ) -> Result<Ticket<Answers>, Refused> {
        self.submit_drafts(drafts.iter().copied())
    }

    /// Submits several commands together. Orders that they place end with the session.
    ///
    /// # Errors
    /// Returns the same errors as [`submit_many`](Self::submit_many).
    pub fn submit_many_in(
        &self,
        session: &mut Session,
        drafts: &[Draft],
    ) -> Result<Ticket<Answers>, Refused> {
        self.submit_drafts(drafts.iter().map(|draft| (None, session.with(*draft))))
    }

    /// Submits a command without a ticket. Read the outcome from a subscription, or with
    /// [`outcome`](Self::outcome) if the command has a request id.
    ///
    /// # Errors
    /// Returns the same errors as [`submit`](Self::submit).
    pub fn submit_detached(&self, draft: Draft) -> Result<(), Refused> {
        self.submit_draft(draft, None, None)
    }

    fn submit_drafts(
        &self,
        drafts: impl ExactSizeIterator<Item = (Option<Timestamp>, Draft)>,
    ) -> Result<Ticket<Answers>, Refused> {
        let count = drafts.len();
        if count > Self::SUBMIT_MANY_MAX {
            return Err(Refused::TooMany);
        }
        let drafts: Vec<_> = drafts.collect();
        drafts.iter().try_for_each(|(_, draft)| self.check(&draft.action))?;
        let urgent = drafts.iter().all(|(_, draft)| is_urgent(&draft.action));
        let (reply, answer) = oneshot::channel();
        if drafts.is_empty() {
            // There is no command whose answer could resolve the ticket.
            let _ = reply.send(Answers::default());
        } else {
            let submitted = self
                .0
                .submitter
                .submit_several(count, urgent, |places| Item::Drafts(drafts, reply, places));
            submitted.inspect_err(|_| {
                // For a moment the commands took places, and a waiting caller may have seen that.
                self.0.shared.room.wake_if_awaited();
            })?;
        }
        Ok(Ticket { answer, shared: Arc::clone(&self.0.shared) })
    }

    fn submit_draft(
        &self,
        draft: Draft,
        time: Option<Timestamp>,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> Result<(), Refused> {
        self.check(&draft.action)?;
        let item = Item::Draft(draft, time, answer);
        let submitted = if is_urgent(&draft.action) {
            self.0.submitter.submit_urgently(item)
        } else {
            self.0.submitter.submit(item)
        };
        Ok(submitted?)
    }

    /// Refuses what this host may not take now, apart from the room in its queue.
    fn check(&self, action: &Action) -> Result<(), Refused> {
        if self.0.uses_redis && !scores_are_exact_after(action) {
            return Err(Refused::Scores);
        }
        if self.0.policy == Policy::Epoch {
            self.check_redis_only(action)?;
        }
        Ok(())
    }

    /// For a host without a data folder. Refuses all commands once the host has stopped, for example
    /// because another process has taken over. Refuses commands that may trade while too many trades wait
    /// for Redis.
    fn check_redis_only(&self, action: &Action) -> Result<(), Refused> {
        if !self.0.shared.is_running() {
            return Err(Refused::Stopped);
        }
        let makes_room = is_urgent(action) || matches!(action, Action::CloseEpoch { .. });
        if !makes_room && self.0.shared.are_trades_full() {
            return Err(Refused::Busy);
        }
        Ok(())
    }
}
