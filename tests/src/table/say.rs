//! Formats events as text.

use pricetime_engine::{
    AccountId, Action, Command, EpochSummary, Event, Group, OrderId, Outcome, Party, Place, Price,
    Priority, Quantity, Reason, SideSummary,
};

use super::ledger::{Ledger, Market, named};
use super::saying::Saying;
use super::spec::phase_name;
use super::words::name;

/// Formats the events of a command, and applies them to the ledger.
pub(super) fn say(ledger: &mut Ledger, command: &Command, group: &Group) -> Vec<Saying> {
    let mut sayings = Vec::new();
    let mut subject = named(&command.action);
    for event in &group.events {
        if let Event::Triggered { party, .. } = event {
            let own = subject == Some(party.order);
            sayings.push(Reader { ledger, command, subject: subject.filter(|_| own) }.say(event));
            subject = Some(party.order);
        } else {
            sayings.push(Reader { ledger, command, subject }.say(event));
        }
        ledger.take(command, event);
    }
    sayings.extend(frame(ledger, command, group));
    ledger.close(command, &group.events);
    sayings
}

/// The differences in the header and the outcome.
fn frame(ledger: &Ledger, command: &Command, group: &Group) -> Option<Saying> {
    let due = group.events.iter().fold(Outcome::Accepted, |due, event| {
        if let Event::Rejected { reason, .. } = event {
            return Outcome::Rejected(*reason);
        }
        if let Event::Duplicate { .. } = event { Outcome::Duplicate } else { due }
    });
    let header = &group.header;
    let content = header.request.map(|mark| (mark.id.0, mark.content));
    let due_content = command.request.map(|id| (id.0, command.action.fingerprint()));
    let saying = Saying::default()
        .due("outcome", outcome(group.outcome), outcome(due))
        .due("sequence", header.sequence.0, command.sequence.0)
        .due("time", header.timestamp.0, ledger.time(command).0)
        .due("market", header.market.0, command.market.0)
        .due("account", name(header.account.0), name(command.account.0))
        .must_if(content != due_content, "(another request)")
        .must_if(header.kind != command.action.kind(), "(another kind)");
    (!saying.plain().is_empty()).then_some(saying)
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Accepted => "accepted".to_owned(),
        Outcome::Rejected(reason) => format!("rejected {reason:?}"),
        Outcome::Duplicate => "duplicate".to_owned(),
    }
}

/// Formats one event, with the state before it.
struct Reader<'a> {
    ledger: &'a Ledger,
    command: &'a Command,
    /// The order that need not be named.
    subject: Option<OrderId>,
}

impl Reader<'_> {
    fn market(&self) -> Option<&Market> {
        self.ledger.market(self.command.market)
    }

    fn say(&self, event: &Event) -> Saying {
        match event {
            Event::Accepted { account, place, priority } => {
                self.accepted(*account, place, *priority)
            }
            Event::Rejected { order, reference, reason } => {
                self.rejected(*order, *reference, *reason)
            }
            Event::Traded { .. } => self.traded(event),
            Event::Reduced { .. } => self.reduced(event),
            Event::Amended { .. } => self.amended(event),
            Event::Cancelled { party, side, price, remaining, reason } => {
                let reason = format!("{reason:?}");
                let order = self.market().and_then(|m| m.order(party.order));
                let stood = order.map(|o| (o.side, o.kind.price()));
                self.party(Saying::new("cancelled"), *party)
                    .must(remaining)
                    .must_if(reason != "Requested", reason)
                    .due("remaining", remaining.0, self.open(*party).0)
                    .must_if(stood != Some((*side, *price)), "(from where it did not stand)")
            }
            Event::Triggered { party, priority } => {
                self.entry(self.party(Saying::new("triggered"), *party), *priority)
            }
            Event::Replenished { .. } => self.replenished(event),
            Event::EpochClosed(summary) => self.closed(summary),
            Event::PhaseChanged { from, to } => {
                let due = self.market().map_or("none", |m| phase_name(m.phase));
                Saying::new("now").must(phase_name(*to)).due("from", phase_name(*from), due)
            }
            Event::MarketAdded(spec) => {
                let due = Action::AddMarket(*spec) == self.command.action;
                Saying::new("market added").must_if(!due, "(another spec)")
            }
            Event::MarketSet(terms) => {
                let due = Action::SetMarket(*terms) == self.command.action;
                Saying::new("terms set").must_if(!due, "(other terms)")
            }
            Event::MarketRemoved => Saying::new("market removed"),
            Event::AccountBlocked(account) => Saying::new("blocked").must(name(account.0)),
            Event::AccountUnblocked(account) => Saying::new("unblocked").must(name(account.0)),
            Event::Duplicate { original, outcome: of, same_content } => {
                let due = self.ledger.original(self.command).map_or(0, |s| s.0);
                Saying::new("duplicate")
                    .must(outcome(*of))
                    .may(format!("of {original}"))
                    .must_if(!same_content, "other content")
                    .due("original", original.0, due)
            }
        }
    }

    fn accepted(&self, account: AccountId, place: &Place, priority: Priority) -> Saying {
        let due = Action::Place(*place) == self.command.action;
        let saying = Saying::new("accepted").must_if(!due, "(another order)");
        let saying = saying.due("account", name(account.0), name(self.command.account.0));
        self.entry(saying, priority)
    }

    fn reduced(&self, event: &Event) -> Saying {
        let Event::Reduced { party, by, remaining, shown } = *event else {
            return Saying::default();
        };
        let left = self.open(party).0.saturating_sub(by.0);
        self.party(Saying::new("reduced"), party)
            .must(format!("by {by} to {remaining}"))
            .must_if(shown != remaining, format!("showing {shown}"))
            .due("remaining", remaining.0, left)
    }

    fn replenished(&self, event: &Event) -> Saying {
        let Event::Replenished { party, remaining, shown, priority } = *event else {
            return Saying::default();
        };
        let saying = self.named(Saying::new("replenished"), party);
        let saying = saying.must(format!("showing {shown} of {remaining}"));
        self.entry(saying.due("remaining", remaining.0, self.open(party).0), priority)
    }

    /// Adds an order's name, and the parts of its party that differ from the known ones.
    fn named(&self, saying: Saying, party: Party) -> Saying {
        self.known(saying.must(name(party.order.0)), party)
    }

    /// Like [`Self::named`], but if the order is the subject, its name is optional.
    fn party(&self, saying: Saying, party: Party) -> Saying {
        if self.subject == Some(party.order) {
            self.known(saying.may(name(party.order.0)), party)
        } else {
            self.named(saying, party)
        }
    }

    fn known(&self, saying: Saying, party: Party) -> Saying {
        match self.market().and_then(|m| m.order(party.order)) {
            None => saying.must("(no live order)"),
            Some(order) => saying
                .due("account", name(party.account.0), name(order.party.account.0))
                .due("reference", party.reference, order.party.reference),
        }
    }

    fn open(&self, party: Party) -> Quantity {
        let order = self.market().and_then(|m| m.order(party.order));
        order.map_or(Quantity::ZERO, |o| o.open)
    }

    /// Adds the priority with which an order enters a queue.
    fn entry(&self, saying: Saying, priority: Priority) -> Saying {
        let due = self.market().map_or(0, |m| m.next_priority.0);
        saying.may(format!("#{priority}")).due("priority", priority.0, due)
    }

    fn rejected(&self, order: Option<OrderId>, reference: Option<u64>, reason: Reason) -> Saying {
        let due_order = named(&self.command.action);
        let strangers = matches!(
            reason,
            Reason::UnknownMarket
                | Reason::OutOfSequence
                | Reason::UnknownOrder
                | Reason::NotOwner
                | Reason::WrongPhase
        );
        let known = due_order.and_then(|o| self.market()?.order(o)).map(|o| o.party.reference);
        let due = match &self.command.action {
            Action::Place(place) => Some(place.reference),
            Action::Amend(_) if !strangers => known,
            Action::Amend(_)
            | Action::Cancel { .. }
            | Action::AddMarket(_)
            | Action::SetMarket(_)
            | Action::RemoveMarket
            | Action::CancelAll { .. }
            | Action::CancelSession { .. }
            | Action::SetPhase(_)
            | Action::CloseEpoch { .. }
            | Action::AdvanceTime
            | Action::BlockAccount(_)
            | Action::UnblockAccount(_) => None,
        };
        let saying = Saying::new("rejected").must(format!("{reason:?}"));
        let saying = saying.must_if(order != due_order, "(another order)");
        match (reference, due) {
            (got, due) if got == due => saying,
            (Some(got), _) if known == Some(got) => saying.must("knowing its owner"),
            (Some(got), _) => saying.must(format!("(reference {got})")),
            (None, _) => saying.must("(no reference)"),
        }
    }

    fn traded(&self, event: &Event) -> Saying {
        let Event::Traded {
            number,
            maker,
            taker,
            taker_side,
            price,
            quantity,
            maker_remaining,
            taker_remaining,
        } = *event
        else {
            return Saying::default();
        };
        let mut saying = self.named(Saying::new("traded"), maker);
        if self.subject != Some(taker.order) {
            saying = saying.must("x").must(name(taker.order.0));
        }
        let left = |party| self.open(party).0.saturating_sub(quantity.0);
        let due_number = self.market().map_or(0, |m| m.last_trade.0.saturating_add(1));
        let side = |party: Party| self.market()?.order(party.order).map(|o| o.side);
        let sides = (Some(taker_side), Some(taker_side.opposite())) == (side(taker), side(maker));
        self.known(saying, taker)
            .must(format!("{quantity} @ {price}"))
            .may(format!("no {number}"))
            .may(format!("left {maker_remaining}/{taker_remaining}"))
            .due("number", number.0, due_number)
            .due("maker's remaining", maker_remaining.0, left(maker))
            .due("taker's remaining", taker_remaining.0, left(taker))
            .must_if(!sides, "(another side)")
    }

    fn amended(&self, event: &Event) -> Saying {
        let Event::Amended { party, kind, remaining, shown, priority } = *event else {
            return Saying::default();
        };
        let saying = self.party(Saying::new("amended"), party).must(remaining);
        let before = self.market().and_then(|m| m.order(party.order));
        let same = before.map(|o| std::mem::discriminant(&o.kind));
        let due_shown = if kind.stop().is_some() { Quantity::ZERO } else { remaining };
        let price = |price: Option<Price>| price.map_or(String::new(), |p| p.to_string());
        let saying = saying
            .must_if(kind.price().is_some(), format!("@ {}", price(kind.price())))
            .must_if(kind.stop().is_some(), format!("stop {}", price(kind.stop())))
            .must_if(shown != due_shown, format!("showing {shown}"))
            .must_if(same != Some(std::mem::discriminant(&kind)), "(another kind)");
        if before.is_some_and(|o| o.priority == priority) {
            saying.may(format!("#{priority}"))
        } else {
            self.entry(saying.must("requeued"), priority)
        }
    }

    fn closed(&self, got: &EpochSummary) -> Saying {
        let mut saying = Saying::new("closed").must(got.number);
        if let Some(clearing) = got.clearing {
            let (price, volume, surplus) = (clearing.price, clearing.volume, clearing.surplus);
            saying = saying.must(format!("clearing {price} x {volume} surplus {surplus}"));
        }
        let turnover = got.turnover;
        saying = saying.may(format!("sequences {}..{}", got.first_sequence, got.last_sequence));
        if let Some(p) = turnover.prices {
            let prices = (p.open, p.high, p.low, p.close);
            let (open, high, low, close) = prices;
            saying = saying.may(format!("open {open} high {high} low {low} close {close}"));
        }
        let (volume, notional, trades) = (turnover.volume, turnover.notional, turnover.trades);
        saying = saying
            .may(format!("volume {volume} notional {notional} trades {trades}"))
            .may(format!("last trade {}", got.last_trade))
            .may(format!("accepted {} cancelled {}", got.accepted, got.cancelled));
        saying = side(saying, got.bids, "bids", "buy stops");
        saying = side(saying, got.asks, "asks", "sell stops");
        saying = saying.may(format!("next #{}", got.next_priority));
        let due = self.market().map(|m| m.summary(self.command));
        // The table does not track the visible part of icebergs; the model does.
        let open = |side: SideSummary| SideSummary { hidden_quantity: Quantity(0), ..side };
        let (bids, asks) = (open(got.bids), open(got.asks));
        if due == Some(EpochSummary { clearing: None, bids, asks, ..*got }) {
            return saying;
        }
        saying.must(format!("(not {due:?})"))
    }
}

fn side(saying: Saying, side: SideSummary, resting: &str, waiting: &str) -> Saying {
    let best = side.best.map_or("-".to_owned(), |p| p.to_string());
    let saying =
        saying.may(format!("{resting} {} for {} best {best}", side.resting, side.resting_quantity));
    let saying = saying.may(format!("{resting} hide {}", side.hidden_quantity));
    saying.may(format!("{waiting} {} for {}", side.waiting, side.waiting_quantity))
}
