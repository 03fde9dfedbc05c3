//! Questions in lines, and the lines with their results.

use pricetime_engine::MarketId;

use super::event::OrderLine;
use super::input::{Line, MARKETS_LISTED_MAX};
use super::market::MarketSpecLine;
use super::output::{
    Answer, Book, ListedMarket, MarketFound, MarketsFound, OrderFound, OutcomeFound, Refused,
};
use pricetime::Principal;
use pricetime::{Found, Question};

impl Line {
    /// The question about the durable state in this line, if there is one.
    #[must_use]
    pub fn question(&self) -> Option<Question> {
        match self {
            Self::View(query) => {
                Some(Question::View { market: MarketId(query.market), depth: query.depth })
            }
            Self::Market(query) => Some(Question::Market { market: MarketId(query.market) }),
            Self::Markets(query) => {
                Some(Question::Markets { after: MarketId(query.after), count: MARKETS_LISTED_MAX })
            }
            Self::Order(query) => {
                let (market, order) = (MarketId(query.market), query.order.into());
                Some(Question::Order { market, order })
            }
            Self::Outcome(query) => Some(Question::Outcome {
                market: MarketId(query.market),
                account: query.account.into(),
                request: query.request.into(),
            }),
            Self::Place(_)
            | Self::Amend(_)
            | Self::Cancel(_)
            | Self::CancelAll(_)
            | Self::CancelSession(_)
            | Self::AddMarket(_)
            | Self::SetMarket(_)
            | Self::RemoveMarket(_)
            | Self::SetPhase(_)
            | Self::CloseEpoch(_)
            | Self::AdvanceTime(_)
            | Self::BlockAccount(_)
            | Self::UnblockAccount(_)
            | Self::Hello(_)
            | Self::Subscribe(_)
            | Self::Status(_) => None,
        }
    }
}

impl Answer {
    /// The answer to the question in line `line`, as the principal may see it.
    #[must_use]
    pub fn of_found(line: u64, found: Found, principal: &Principal) -> Self {
        match found {
            Found::View(market, view) => match view {
                Some((view, spec)) => {
                    Self::Book(Book { line: Some(line), ..Book::of(&view, &spec) })
                }
                None => {
                    let error = format!("there is no market {}", market.0);
                    Self::Refused(Refused { line, column: None, request: None, error })
                }
            },
            Found::Market(market, spec) => {
                let found = spec.as_ref().map(MarketSpecLine::of);
                Self::Market(MarketFound { line, market: market.0, found })
            }
            Found::Markets(markets, more) => {
                let markets = markets.iter().map(ListedMarket::of).collect();
                Self::Markets(MarketsFound { line, markets, more })
            }
            Found::Order(market, found) => {
                let found = found.and_then(|(order, spec)| {
                    principal.order(order).map(|order| OrderLine::of(&order, &spec))
                });
                Self::Order(OrderFound { line, market: market.0, found })
            }
            Found::Outcome(market, request, known) => Self::Outcome(OutcomeFound {
                line,
                market: market.0,
                request: request.into(),
                sequence: known.map(|known| known.sequence.0),
                outcome: known.map(|known| known.outcome.into()),
            }),
            _ => {
                let error = String::from("this version cannot show the answer");
                Self::Refused(Refused { line, column: None, request: None, error })
            }
        }
    }
}
