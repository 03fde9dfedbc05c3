//! A random test against the reference ledger.

use pricetime_engine::{AccountId, MarketId};

use super::batches::{ACCOUNTS, balance, legs, of, other, unsound};
use super::memory::Memory;
use super::{CheckResult, HISTORY, Make, OTHER, equal, expect_ok};
use crate::Batch;
use crate::ledger::{Deed, Ledger, LedgerError, Position, Seed, Token};
use pricetime_journal::History;
use pricetime_journal::random::Random;

/// Asks a ledger and the reference ledger the same random questions and reports the first difference.
/// The market numbers depend on the seed, so walks with different seeds can run one after the other on
/// the same ledger.
///
/// # Errors
/// Returns the first answer that is wrong, with the seed and the step.
pub fn walk(make: Make<'_>, seed: u64, steps: usize) -> Result<(), String> {
    let first = 1_000 + u32::try_from(seed % 1_000_000).unwrap_or_default() * 4;
    walk_in(make, first, (seed, steps))
}

/// Runs a walk in three markets, of which this is the first.
pub(super) fn walk_in(make: Make<'_>, first: u32, (seed, steps): (u64, usize)) -> CheckResult {
    let mut walk = Walk {
        random: Random::new(seed),
        markets: [0, 1, 2].map(|more| MarketId(first + more)),
        handles: vec![make(), make()],
        naive: Memory::default(),
    };
    for step in 1..=steps {
        let done = walk.step(make);
        done.map_err(|why| format!("seed {seed}, step {step}: {why}"))?;
    }
    walk.markets.iter().try_for_each(|market| walk.naive.expect_same_state(&mut *make(), *market))
}

struct Walk {
    random: Random,
    markets: [MarketId; 3],
    handles: Vec<Box<dyn Ledger>>,
    naive: Memory,
}

/// Returns an answer without the text of a refusal, which is not compared.
fn plain<T>(answer: Result<T, LedgerError>) -> Result<Option<T>, String> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(LedgerError::Refused { .. }) => Ok(None),
        Err(error @ (LedgerError::Unreachable { .. } | LedgerError::Damaged { .. })) => {
            Err(error.to_string())
        }
    }
}

/// Asks both ledgers and compares the answers.
macro_rules! both {
    ($walk:ident, $ledger:ident, $what:expr, $($ask:tt)+) => {{
        let found = plain($ledger.$($ask)+)?;
        let expected = plain($walk.naive.$($ask)+)?;
        equal(&$what, &found, &expected)
    }};
}

impl Walk {
    fn step(&mut self, make: Make<'_>) -> CheckResult {
        let market = self.random.pick(self.markets);
        let history = self.random.pick([HISTORY, HISTORY, HISTORY, OTHER]);
        let at = self.random.below(self.handles.len() as u64) as usize;
        let mut ledger = self.handles.swap_remove(at);
        match self.random.below(100) {
            0 => ledger = make(),
            1..=24 => {
                let batch = self.batch(history, market);
                both!(self, ledger, format!("depositing {batch:?}"), deposit(&batch))?;
            }
            25..=34 => {
                let floor = self.token(market, 9)?;
                both!(self, ledger, format!("claiming above {floor:?}"), claim(market, floor))?;
            }
            35..=74 => {
                let (batch, token) = (self.batch(history, market), self.token(market, 1)?);
                let deed = self.random.pick([Deed::Post, Deed::Post, Deed::Drop]);
                let what = format!("{deed:?} under {token:?} of {batch:?}");
                both!(self, ledger, what, apply(&batch, token, deed))?;
            }
            75..=79 => self.seed(&mut *ledger, history, market)?,
            80..=84 => {
                let epoch = self.epoch(history, market);
                let id = of(history, market, epoch, &[]).id();
                both!(self, ledger, format!("the outcome of epoch {epoch}"), outcome(market, id))?;
            }
            85..=89 => {
                let limit = self.random.below(4) as usize;
                both!(self, ledger, "the inbox", pending(market, history, limit))?;
            }
            90..=94 => {
                let after = AccountId(self.random.pick(ACCOUNTS));
                let limit = self.random.below(5) as usize;
                both!(self, ledger, "the balances", balances(market, Some(after), limit))?;
            }
            95..=97 => self.forget(&mut *ledger, market)?,
            _ => self.naive.expect_same_state(&mut *ledger, market)?,
        }
        self.handles.push(ledger);
        Ok(())
    }

    fn position(&mut self, market: MarketId) -> (Token, Option<Position>) {
        self.naive.position(market).unwrap_or_default()
    }

    /// Returns the next epoch, mostly.
    fn epoch(&mut self, history: History, market: MarketId) -> u64 {
        let at = self.position(market).1.filter(|it| it.history == history);
        let last = at.map_or(3, |it| it.last.0);
        match self.random.below(10) {
            0..=5 => last + 1,
            6 => last + 2,
            7 => last + 1 + self.random.below(9),
            _ => last - self.random.below(4).min(last),
        }
    }

    /// Returns a batch, which is mostly the same each time for its epoch.
    fn batch(&mut self, history: History, market: MarketId) -> Batch {
        let epoch = self.epoch(history, market);
        let legs = legs(&mut Random::new(epoch ^ u64::from(market.0) << 32));
        let batch = of(history, market, epoch, &legs);
        match self.random.below(20) {
            0 => other(&batch),
            1 => self.random.pick(unsound(market, epoch).each_ref()).clone(),
            _ => batch,
        }
    }

    /// Returns the current token, mostly.
    fn token(&mut self, market: MarketId, most: u64) -> Result<Token, String> {
        let token = self.position(market).0.0;
        Ok(Token(match self.random.below(12) {
            0 => token + 1 + self.random.below(most),
            1 | 2 => token.saturating_sub(1),
            3 => self.random.below(token),
            _ => token,
        }))
    }

    /// Seeds at or after the furthest epoch: before it, no epoch could follow.
    fn seed(&mut self, ledger: &mut dyn Ledger, history: History, market: MarketId) -> CheckResult {
        let stands = self.position(market).1;
        let last = self.naive.furthest(market).0 + self.random.below(3);
        let last = pricetime_engine::EpochNumber(last);
        let position = match (self.random.below(4), stands) {
            (0, Some(stands)) => stands,
            _ => Position { history, last },
        };
        let replaces = match self.random.below(4) {
            0 => None,
            1 => Some(Position { history: OTHER, last }),
            _ => stands,
        };
        let legs = legs(&mut self.random);
        let balances = legs.iter().map(|&(account, base, quote)| balance(account, base, quote));
        let seed = Seed { market, position, replaces, balances: balances.collect() };
        let token = self.token(market, 1)?;
        both!(self, ledger, format!("{seed:?} under {token:?}"), seed(&seed, token))
    }

    /// Deletes notices, by the number that each of the two ledgers has for them.
    fn forget(&mut self, ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
        let many = self.random.below(4) as usize;
        let theirs = expect_ok("the outbox", ledger.outbox(market, 0, many))?;
        let ours = expect_ok("the outbox", self.naive.outbox(market, 0, many))?;
        let (Some((theirs, _)), Some((ours, _))) = (theirs.last(), ours.last()) else {
            return equal("the number of notices", &theirs.len(), &ours.len());
        };
        expect_ok("forgetting notices", ledger.forget(market, *theirs))?;
        expect_ok("forgetting notices", self.naive.forget(market, *ours))
    }
}

impl Memory {
    /// Expects that another ledger shows the same.
    fn expect_same_state(&mut self, ledger: &mut dyn Ledger, market: MarketId) -> CheckResult {
        let (found, expected) =
            (super::read_state(ledger, market)?, super::read_state(self, market)?);
        let rise = found.notices.is_sorted_by(|(one, _), (next, _)| one < next);
        equal("whether the numbers of an outbox rise", &rise, &true)?;
        let notices =
            |from: &[(u64, _)]| from.iter().map(|(_, it)| it).cloned().collect::<Vec<_>>();
        equal("the outbox", &notices(&found.notices), &notices(&expected.notices))?;
        equal(
            "the books",
            &super::MarketState { notices: Vec::new(), ..found },
            &super::MarketState { notices: Vec::new(), ..expected },
        )?;
        let known = expect_ok("the markets", ledger.markets())?.contains(&market);
        let expected = expect_ok("the markets", self.markets())?.contains(&market);
        equal("whether the market is known", &known, &expected)
    }
}
