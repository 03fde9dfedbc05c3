//! Parses the left side of a line as a command.

use std::num::NonZeroU32;

use pricetime_engine::{
    AccountId, Action, Amend, EpochNumber, MarketId, OrderId, OrderKind, Place, Price, Quantity,
    RequestId, SelfTrade, Sequence, SessionId, Side, Terms, TimeInForce, Timestamp,
};

use super::spec::{self, MarketLine};
use super::words::{Parsed, id, number};

/// The prefixes of a line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prefix {
    pub(super) market: Option<MarketId>,
    pub(super) time: Option<Timestamp>,
    pub(super) sequence: Option<Sequence>,
}

/// A command without sequence number and timestamp.
#[derive(Clone, Copy, Debug)]
pub(super) struct ParsedCommand {
    pub(super) account: AccountId,
    pub(super) operator: bool,
    pub(super) request: Option<RequestId>,
    pub(super) session: Option<SessionId>,
    pub(super) action: Action,
    /// The market, if the action itself names it (`add id=2`).
    pub(super) market: Option<MarketId>,
}

/// Parses `in 2:`, `at 10:` and `seq 7:` at the start of a line.
pub(super) fn parse_prefix(mut line: &str) -> Parsed<(Prefix, &str)> {
    let mut prefix = Prefix::default();
    while let Some((head, rest)) = line.split_once(": ") {
        match head.split_once(' ') {
            Some(("in", n)) => prefix.market = Some(MarketId(number(n)?)),
            Some(("at", n)) => prefix.time = Some(Timestamp(number(n)?)),
            Some(("seq", n)) => prefix.sequence = Some(Sequence(number(n)?)),
            Some(_) | None => break,
        }
        line = rest.trim_start();
    }
    Ok((prefix, line))
}

/// The remaining words of a line.
pub(super) struct Words<'a>(std::vec::IntoIter<&'a str>);

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self(line.split_whitespace().collect::<Vec<_>>().into_iter())
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    fn word(&mut self, what: &str) -> Parsed<&'a str> {
        self.0.next().ok_or_else(|| format!("{what} is missing"))
    }

    fn order(&mut self) -> Parsed<OrderId> {
        self.word("the order").and_then(id).map(OrderId)
    }

    fn account(&mut self) -> Parsed<AccountId> {
        self.word("the account").and_then(id).map(AccountId)
    }

    fn price(&mut self) -> Parsed<Price> {
        self.word("the price").and_then(number).map(Price)
    }

    fn quantity(&mut self) -> Parsed<Quantity> {
        self.word("the quantity").and_then(number).map(Quantity)
    }
}

/// The operator's account.
pub(super) fn operator() -> AccountId {
    AccountId(id("op").expect("a name"))
}

/// The optional endings of a command.
#[derive(Default)]
struct Ending {
    sender: Option<AccountId>,
    operator: bool,
    request: Option<RequestId>,
    session: Option<SessionId>,
}

impl Ending {
    /// Parses the word if it belongs to an ending.
    fn take(&mut self, word: &str, words: &mut Words<'_>) -> Parsed<()> {
        match word {
            "by" => self.sender = Some(words.account()?),
            "operator" => self.operator = true,
            "request" => self.request = Some(RequestId(number(words.word("the request")?)?)),
            "session" => self.session = Some(session(words.word("the session")?)?),
            other => return Err(format!("`{other}` is not known here")),
        }
        Ok(())
    }

    fn parsed(self, named: AccountId, action: Action) -> ParsedCommand {
        let account = self.sender.unwrap_or(named);
        let operator = self.operator || account == operator();
        let Self { request, session, .. } = self;
        ParsedCommand { account, operator, request, session, action, market: None }
    }
}

/// Parses the command of a line. `market` and `terms` are the current ones, from which a `set` starts.
pub(super) fn read(line: &str, market: MarketId, terms: Terms) -> Parsed<ParsedCommand> {
    let mut words = Words::new(line);
    match words.word("the command")? {
        "place" => place(&mut words),
        "amend" => amend(&mut words),
        "cancel" => {
            let (order, account) = (words.order()?, words.account()?);
            finish(words, account, Action::Cancel { order })
        }
        "cancel-all" => cancel_all(&mut words),
        "cancel-session" => {
            let session = match words.word("the session")? {
                "any" => None,
                number => Some(session(number)?),
            };
            finish(words, operator(), Action::CancelSession { session })
        }
        "phase" => {
            let phase = spec::phase(words.word("the phase")?)?;
            finish(words, operator(), Action::SetPhase(phase))
        }
        "close" => {
            if words.next() != Some("epoch") {
                return Err("write `close epoch N`".to_owned());
            }
            let number = EpochNumber(number(words.word("the epoch")?)?);
            finish(words, operator(), Action::CloseEpoch { number })
        }
        "advance" => finish(words, operator(), Action::AdvanceTime),
        "block" => {
            let account = words.account()?;
            finish(words, operator(), Action::BlockAccount(account))
        }
        "unblock" => {
            let account = words.account()?;
            finish(words, operator(), Action::UnblockAccount(account))
        }
        "remove" => finish(words, operator(), Action::RemoveMarket),
        "add" => {
            let (pairs, ending) = split_pairs(words);
            let line = MarketLine::read(market, &pairs)?;
            let parsed = finish(ending, operator(), Action::AddMarket(line.spec))?;
            Ok(ParsedCommand { market: Some(line.market), ..parsed })
        }
        "set" => {
            let (pairs, ending) = split_pairs(words);
            finish(ending, operator(), Action::SetMarket(spec::changed(terms, &pairs)?))
        }
        other => Err(format!("`{other}` is not a command")),
    }
}

/// Completes the action with the rest of the line, which is its ending.
fn finish(mut words: Words<'_>, named: AccountId, action: Action) -> Parsed<ParsedCommand> {
    let mut ending = Ending::default();
    while let Some(word) = words.next() {
        ending.take(word, &mut words)?;
    }
    Ok(ending.parsed(named, action))
}

fn split_pairs(words: Words<'_>) -> (Vec<&str>, Words<'_>) {
    let (pairs, rest): (Vec<&str>, Vec<&str>) = words.0.partition(|word| word.contains('='));
    (pairs, Words(rest.into_iter()))
}

fn place<'a>(words: &mut Words<'a>) -> Parsed<ParsedCommand> {
    let (order, account) = (words.order()?, words.account()?);
    let side = match words.word("the side")? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        other => return Err(format!("`{other}` is not a side")),
    };
    // The owner's reference: the letters of the order's name, as far as they fit.
    let reference = u64::try_from(order.0 & u128::from(u64::MAX)).unwrap_or_default();
    let mut place = Place {
        order,
        reference,
        side,
        kind: OrderKind::Market,
        quantity: words.quantity()?,
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        minimum_quantity: None,
        display_quantity: None,
        self_trade: SelfTrade::None,
    };
    let (mut price, mut stop, mut market) = (None, None, false);
    let mut ending = Ending::default();
    while let Some(word) = words.next() {
        match word {
            "@" => price = Some(words.price()?),
            "market" => market = true,
            "stop" => stop = Some(words.price()?),
            other => attribute(&mut place, &mut ending, other, words)?,
        }
    }
    place.kind = match (price, stop, market) {
        (Some(price), None, false) => OrderKind::Limit { price },
        (None, None, true) => OrderKind::Market,
        (None, Some(stop), false) => OrderKind::Stop { stop },
        (Some(price), Some(stop), false) => OrderKind::StopLimit { stop, price },
        (Some(_) | None, Some(_) | None, _) => {
            return Err("`@ PRICE`, `market` or `stop PRICE` is missing".to_owned());
        }
    };
    Ok(ending.parsed(account, Action::Place(place)))
}

fn attribute<'a>(
    place: &mut Place,
    ending: &mut Ending,
    word: &str,
    words: &mut Words<'a>,
) -> Parsed<()> {
    match word {
        "ioc" => place.time_in_force = TimeInForce::ImmediateOrCancel,
        "fok" => place.time_in_force = TimeInForce::FillOrKill,
        "gtd" => {
            let time = Timestamp(number(words.word("the time")?)?);
            place.time_in_force = TimeInForce::GoodTillDate(time);
        }
        "epochs" => {
            place.time_in_force = TimeInForce::ForEpochs(number(words.word("the number")?)?);
        }
        "post-only" => place.post_only = true,
        "min" => place.minimum_quantity = Some(words.quantity()?),
        "show" => place.display_quantity = Some(words.quantity()?),
        "ref" => place.reference = number(words.word("the reference")?)?,
        "stp" => {
            place.self_trade = match words.word("the mode")? {
                "none" => SelfTrade::None,
                "cancel-taker" => SelfTrade::CancelTaker,
                "cancel-maker" => SelfTrade::CancelMaker,
                "cancel-both" => SelfTrade::CancelBoth,
                "decrement" => SelfTrade::Decrement,
                other => return Err(format!("`{other}` is not a mode")),
            }
        }
        other => ending.take(other, words)?,
    }
    Ok(())
}

fn amend(words: &mut Words<'_>) -> Parsed<ParsedCommand> {
    let (order, account) = (words.order()?, words.account()?);
    let mut amend = Amend {
        order,
        price: None,
        quantity: None,
        stop_price: None,
        if_open: None,
        requeue: false,
    };
    let mut ending = Ending::default();
    while let Some(word) = words.next() {
        match word {
            "qty" => amend.quantity = Some(words.quantity()?),
            "@" => amend.price = Some(words.price()?),
            "stop" => amend.stop_price = Some(words.price()?),
            "if-open" => amend.if_open = Some(words.quantity()?),
            "requeue" => amend.requeue = true,
            other => ending.take(other, words)?,
        }
    }
    Ok(ending.parsed(account, Action::Amend(amend)))
}

fn session(word: &str) -> Parsed<SessionId> {
    let number = number(word).ok().and_then(NonZeroU32::new);
    number.map(SessionId).ok_or_else(|| format!("`{word}` is not a session number"))
}

fn cancel_all(words: &mut Words<'_>) -> Parsed<ParsedCommand> {
    let chosen = match words.word("whose")? {
        "everyone" => None,
        name => Some(AccountId(id(name)?)),
    };
    let mut side = None;
    let mut ending = Ending::default();
    while let Some(word) = words.next() {
        match word {
            "buys" => side = Some(Side::Buy),
            "sells" => side = Some(Side::Sell),
            other => ending.take(other, words)?,
        }
    }
    let action = Action::CancelAll { account: chosen, side };
    Ok(ending.parsed(chosen.unwrap_or_else(operator), action))
}
