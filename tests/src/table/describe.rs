//! Formats events as text.

use pricetime_engine::{
    AccountId, Action, Command, EpochSummary, Event, Group, OrderId, Outcome, Party, Place, Price,
    Priority, Quantity, Reason, SideSummary,
};

use super::known_state::{KnownState, Market, named};
use super::phrase::Phrase;
use super::spec::phase_name;
use super::words::name;

/// Formats the events of a command, and applies them to the known state.
pub(super) fn describe(
    known_state: &mut KnownState,
    command: &Command,
    group: &Group,
) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    let mut subject = named(&command.action);
    for event in &group.events {
        if let Event::Triggered { party, .. } = event {
            let own = subject == Some(party.order);
            phrases.push(
                EventFormatter { known_state, command, subject: subject.filter(|_| own) }
                    .describe(event),
            );
            subject = Some(party.order);
        } else {
            phrases.push(EventFormatter { known_state, command, subject }.describe(event));
        }
        known_state.apply(command, event);
    }
    phrases.extend(header_differences(known_state, command, group));
    known_state.close(command, &group.events);
    phrases
}

/// The differences in the header and the outcome.
fn header_differences(
    known_state: &KnownState,
    command: &Command,
    group: &Group,
) -> Option<Phrase> {
    let expected = group.events.iter().fold(Outcome::Accepted, |expected, event| {
        if let Event::Rejected { reason, .. } = event {
            return Outcome::Rejected(*reason);
        }
        if let Event::Duplicate { .. } = event { Outcome::Duplicate } else { expected }
    });
    let header = &group.header;
    let content = header.request.map(|mark| (mark.id.0, mark.content));
    let expected_content = command.request.map(|id| (id.0, command.action.fingerprint()));
    let phrase = Phrase::default()
        .expected_value("outcome", outcome(group.outcome), outcome(expected))
        .expected_value("sequence", header.sequence.0, command.sequence.0)
        .expected_value("time", header.timestamp.0, known_state.time(command).0)
        .expected_value("market", header.market.0, command.market.0)
        .expected_value("account", name(header.account.0), name(command.account.0))
        .required_if(content != expected_content, "(another request)")
        .required_if(header.kind != command.action.kind(), "(another kind)");
    (!phrase.plain().is_empty()).then_some(phrase)
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Accepted => "accepted".to_owned(),
        Outcome::Rejected(reason) => format!("rejected {reason:?}"),
        Outcome::Duplicate => "duplicate".to_owned(),
    }
}

/// Formats one event, with the state before it.
struct EventFormatter<'a> {
    known_state: &'a KnownState,
    command: &'a Command,
    /// The order that need not be named.
    subject: Option<OrderId>,
}

impl EventFormatter<'_> {
    fn market(&self) -> Option<&Market> {
        self.known_state.market(self.command.market)
    }

    fn describe(&self, event: &Event) -> Phrase {
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
                let known_place = order.map(|o| (o.side, o.kind.price()));
                self.party(Phrase::new("cancelled"), *party)
                    .required(remaining)
                    .required_if(reason != "Requested", reason)
                    .expected_value("remaining", remaining.0, self.open(*party).0)
                    .required_if(
                        known_place != Some((*side, *price)),
                        "(from where it did not stand)",
                    )
            }
            Event::Triggered { party, priority } => {
                self.entry(self.party(Phrase::new("triggered"), *party), *priority)
            }
            Event::Replenished { .. } => self.replenished(event),
            Event::EpochClosed(summary) => self.closed(summary),
            Event::PhaseChanged { from, to } => {
                let expected = self.market().map_or("none", |m| phase_name(m.phase));
                Phrase::new("now").required(phase_name(*to)).expected_value(
                    "from",
                    phase_name(*from),
                    expected,
                )
            }
            Event::MarketAdded(spec) => {
                let expected = Action::AddMarket(*spec) == self.command.action;
                Phrase::new("market added").required_if(!expected, "(another spec)")
            }
            Event::MarketSet(terms) => {
                let expected = Action::SetMarket(*terms) == self.command.action;
                Phrase::new("terms set").required_if(!expected, "(other terms)")
            }
            Event::MarketRemoved => Phrase::new("market removed"),
            Event::AccountBlocked(account) => Phrase::new("blocked").required(name(account.0)),
            Event::AccountUnblocked(account) => Phrase::new("unblocked").required(name(account.0)),
            Event::Duplicate { original, outcome: of, same_content } => {
                let expected = self.known_state.original(self.command).map_or(0, |s| s.0);
                Phrase::new("duplicate")
                    .required(outcome(*of))
                    .optional(format!("of {original}"))
                    .required_if(!same_content, "other content")
                    .expected_value("original", original.0, expected)
            }
        }
    }

    fn accepted(&self, account: AccountId, place: &Place, priority: Priority) -> Phrase {
        let expected = Action::Place(*place) == self.command.action;
        let phrase = Phrase::new("accepted").required_if(!expected, "(another order)");
        let phrase =
            phrase.expected_value("account", name(account.0), name(self.command.account.0));
        self.entry(phrase, priority)
    }

    fn reduced(&self, event: &Event) -> Phrase {
        let Event::Reduced { party, by, remaining, shown } = *event else {
            return Phrase::default();
        };
        let left = self.open(party).0.saturating_sub(by.0);
        self.party(Phrase::new("reduced"), party)
            .required(format!("by {by} to {remaining}"))
            .required_if(shown != remaining, format!("showing {shown}"))
            .expected_value("remaining", remaining.0, left)
    }

    fn replenished(&self, event: &Event) -> Phrase {
        let Event::Replenished { party, remaining, shown, priority } = *event else {
            return Phrase::default();
        };
        let phrase = self.named(Phrase::new("replenished"), party);
        let phrase = phrase.required(format!("showing {shown} of {remaining}"));
        self.entry(phrase.expected_value("remaining", remaining.0, self.open(party).0), priority)
    }

    /// Adds an order's name, and the parts of its party that differ from the known ones.
    fn named(&self, phrase: Phrase, party: Party) -> Phrase {
        self.known(phrase.required(name(party.order.0)), party)
    }

    /// Like [`Self::named`], but if the order is the subject, its name is optional.
    fn party(&self, phrase: Phrase, party: Party) -> Phrase {
        if self.subject == Some(party.order) {
            self.known(phrase.optional(name(party.order.0)), party)
        } else {
            self.named(phrase, party)
        }
    }

    fn known(&self, phrase: Phrase, party: Party) -> Phrase {
        match self.market().and_then(|m| m.order(party.order)) {
            None => phrase.required("(no live order)"),
            Some(order) => phrase
                .expected_value("account", name(party.account.0), name(order.party.account.0))
                .expected_value("reference", party.reference, order.party.reference),
        }
    }

    fn open(&self, party: Party) -> Quantity {
        let order = self.market().and_then(|m| m.order(party.order));
        order.map_or(Quantity::ZERO, |o| o.open)
    }

    /// Adds the priority with which an order enters a queue.
    fn entry(&self, phrase: Phrase, priority: Priority) -> Phrase {
        let expected = self.market().map_or(0, |m| m.next_priority.0);
        phrase.optional(format!("#{priority}")).expected_value("priority", priority.0, expected)
    }

    fn rejected(&self, order: Option<OrderId>, reference: Option<u64>, reason: Reason) -> Phrase {
        let expected_order = named(&self.command.action);
        let hides_reference = matches!(
            reason,
            Reason::UnknownMarket
                | Reason::OutOfSequence
                | Reason::UnknownOrder
                | Reason::NotOwner
                | Reason::WrongPhase
        );
        let known = expected_order.and_then(|o| self.market()?.order(o)).map(|o| o.party.reference);
        let expected = match &self.command.action {
            Action::Place(place) => Some(place.reference),
            Action::Amend(_) if !hides_reference => known,
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
        let phrase = Phrase::new("rejected").required(format!("{reason:?}"));
        let phrase = phrase.required_if(order != expected_order, "(another order)");
        match (reference, expected) {
            (got, expected) if got == expected => phrase,
            (Some(got), _) if known == Some(got) => phrase.required("knowing its owner"),
            (Some(got), _) => phrase.required(format!("(reference {got})")),
            (None, _) => phrase.required("(no reference)"),
        }
    }

    fn traded(&self, event: &Event) -> Phrase {
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
            return Phrase::default();
        };
        let mut phrase = self.named(Phrase::new("traded"), maker);
        if self.subject != Some(taker.order) {
            phrase = phrase.required("x").required(name(taker.order.0));
        }
        let left = |party| self.open(party).0.saturating_sub(quantity.0);
        let expected_number = self.market().map_or(0, |m| m.last_trade.0.saturating_add(1));
        let side = |party: Party| self.market()?.order(party.order).map(|o| o.side);
        let sides = (Some(taker_side), Some(taker_side.opposite())) == (side(taker), side(maker));
        self.known(phrase, taker)
            .required(format!("{quantity} @ {price}"))
            .optional(format!("no {number}"))
            .optional(format!("left {maker_remaining}/{taker_remaining}"))
            .expected_value("number", number.0, expected_number)
            .expected_value("maker's remaining", maker_remaining.0, left(maker))
            .expected_value("taker's remaining", taker_remaining.0, left(taker))
            .required_if(!sides, "(another side)")
    }

    fn amended(&self, event: &Event) -> Phrase {
        let Event::Amended { party, kind, remaining, shown, priority } = *event else {
            return Phrase::default();
        };
        let phrase = self.party(Phrase::new("amended"), party).required(remaining);
        let before = self.market().and_then(|m| m.order(party.order));
        let same = before.map(|o| std::mem::discriminant(&o.kind));
        let expected_shown = if kind.stop().is_some() { Quantity::ZERO } else { remaining };
        let price = |price: Option<Price>| price.map_or(String::new(), |p| p.to_string());
        let phrase = phrase
            .required_if(kind.price().is_some(), format!("@ {}", price(kind.price())))
            .required_if(kind.stop().is_some(), format!("stop {}", price(kind.stop())))
            .required_if(shown != expected_shown, format!("showing {shown}"))
            .required_if(same != Some(std::mem::discriminant(&kind)), "(another kind)");
        if before.is_some_and(|o| o.priority == priority) {
            phrase.optional(format!("#{priority}"))
        } else {
            self.entry(phrase.required("requeued"), priority)
        }
    }

    fn closed(&self, got: &EpochSummary) -> Phrase {
        let mut phrase = Phrase::new("closed").required(got.number);
        if let Some(clearing) = got.clearing {
            let (price, volume, surplus) = (clearing.price, clearing.volume, clearing.surplus);
            phrase = phrase.required(format!("clearing {price} x {volume} surplus {surplus}"));
        }
        let turnover = got.turnover;
        phrase =
            phrase.optional(format!("sequences {}..{}", got.first_sequence, got.last_sequence));
        if let Some(p) = turnover.prices {
            let prices = (p.open, p.high, p.low, p.close);
            let (open, high, low, close) = prices;
            phrase = phrase.optional(format!("open {open} high {high} low {low} close {close}"));
        }
        let (volume, notional, trades) = (turnover.volume, turnover.notional, turnover.trades);
        phrase = phrase
            .optional(format!("volume {volume} notional {notional} trades {trades}"))
            .optional(format!("last trade {}", got.last_trade))
            .optional(format!("accepted {} cancelled {}", got.accepted, got.cancelled));
        phrase = side(phrase, got.bids, "bids", "buy stops");
        phrase = side(phrase, got.asks, "asks", "sell stops");
        phrase = phrase.optional(format!("next #{}", got.next_priority));
        let expected = self.market().map(|m| m.summary(self.command));
        // The table does not track the visible part of icebergs; the model does.
        let open = |side: SideSummary| SideSummary { hidden_quantity: Quantity(0), ..side };
        let (bids, asks) = (open(got.bids), open(got.asks));
        if expected == Some(EpochSummary { clearing: None, bids, asks, ..*got }) {
            return phrase;
        }
        phrase.required(format!("(not {expected:?})"))
    }
}

fn side(phrase: Phrase, side: SideSummary, resting: &str, waiting: &str) -> Phrase {
    let best = side.best.map_or("-".to_owned(), |p| p.to_string());
    let phrase = phrase
        .optional(format!("{resting} {} for {} best {best}", side.resting, side.resting_quantity));
    let phrase = phrase.optional(format!("{resting} hide {}", side.hidden_quantity));
    phrase.optional(format!("{waiting} {} for {}", side.waiting, side.waiting_quantity))
}
