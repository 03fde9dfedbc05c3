//! A ledger in Redis. The keys of a market share one hash tag. Every change is one script, which
//! computes everything before it writes anything.
//!
//! Scripts are sent in full each time: the server caches them by their text, so one code path is enough.
//! The ledger cannot be used if scripts are forbidden.

mod eval;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod keys;
mod text;

use pricetime_engine::{AccountId, EpochNumber, MarketId};
use redis::FromRedisValue;

use self::eval::Script;
use self::keys::LedgerKeys;
use crate::ledger::{
    Applied, Balance, Claim, Deed, Deposited, Ledger, LedgerError, Notice, Outcome, Position, Seed,
    Token,
};
use crate::{Batch, BatchId};
use pricetime_journal::History;
use pricetime_redis::{Link, RedisOptions, Server};

/// How many transfers a batch may have. The server takes no more arguments in one command.
const TRANSFERS_MAX: usize = 1_000_000;
/// How many entries are read at once.
const PAGE: usize = 2_000;

/// A ledger in Redis. Its handles are independent of each other: each has its own connection.
///
/// ```no_run
/// use pricetime_engine::MarketId;
/// use pricetime_redis::RedisOptions;
/// use pricetime_settlement::ledger::{Ledger as _, RedisLedger};
///
/// let options = RedisOptions::parse("redis://127.0.0.1:6379")?;
/// let mut ledger = RedisLedger::open(options)?; // It answers and allows scripts.
/// for balance in ledger.balances(MarketId(1), None, 100)? {
///     println!("{}: {} base, {} quote", balance.account, balance.base, balance.quote);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RedisLedger {
    link: Link,
}

impl RedisLedger {
    /// Creates a handle without asking the server.
    #[must_use]
    pub fn new(options: RedisOptions) -> Self {
        Self { link: Link::new(options) }
    }

    /// Opens a ledger and checks that the server answers.
    ///
    /// # Errors
    /// Returns a [`LedgerError`] if the server does not answer or does not allow scripts.
    pub fn open(options: RedisOptions) -> Result<Self, LedgerError> {
        let mut ledger = Self::new(options);
        let keys = ledger.keys(MarketId(0));
        let probe = keys.all(BatchId(uuid::Uuid::nil()));
        ledger.eval(Script::Probe, &probe, &[]).map(|_| ledger)
    }

    fn keys(&self, market: MarketId) -> LedgerKeys {
        LedgerKeys::of(&self.link.options().names, market)
    }

    /// Adds the market to the set of all markets. This comes first, because the set may be on another
    /// node.
    fn register_market(&mut self, market: MarketId) -> Result<(), LedgerError> {
        let key = keys::markets(&self.link.options().names);
        let mut command = redis::cmd("SADD");
        command.arg(&key).arg(market.0);
        self.command::<u64>(&key, &command).map(|_| ())
    }

    fn command<T: FromRedisValue>(
        &mut self,
        key: &str,
        command: &redis::Cmd,
    ) -> Result<T, LedgerError> {
        let asked = self.link.query(key, command);
        asked.map_err(|error| eval::fault(self.name(), error))
    }

    fn check_sound(&self, batch: &Batch) -> Result<(), LedgerError> {
        let many = batch.transfers.len();
        match batch.check() {
            Err(why) => Err(self.refuse(why.to_string())),
            Ok(()) if many > TRANSFERS_MAX => Err(self.refuse(format!(
                "a batch may have at most {TRANSFERS_MAX} transfers in Redis, but this one has \
                 {many}"
            ))),
            Ok(()) => Ok(()),
        }
    }

    fn refuse(&self, why: String) -> LedgerError {
        LedgerError::Refused { ledger: self.name(), why }
    }

    /// Turns a text that makes no sense into an error.
    fn read<T>(&self, read: Result<T, text::TextError>) -> Result<T, LedgerError> {
        read.map_err(|what| LedgerError::Damaged { ledger: self.name(), what })
    }

    fn batch(&self, text: &str) -> Result<Batch, LedgerError> {
        self.read(text::read_batch(text))
    }

    fn page(
        &mut self,
        market: MarketId,
        from: &str,
        many: usize,
    ) -> Result<Vec<Balance>, LedgerError> {
        let keys = self.keys(market).all(BatchId(uuid::Uuid::nil()));
        let answer = self.eval(Script::Page, &keys, &[from.to_owned(), many.to_string()])?;
        let mut page = Vec::with_capacity(many);
        for pair in answer.words.chunks_exact(2) {
            let &[account, has] = &pair else { continue };
            page.push(self.read(text::read_balance(account, has))?);
        }
        Ok(page)
    }
}

impl Ledger for RedisLedger {
    fn name(&self) -> String {
        match &self.link.options().server {
            Server::Single(address) => format!("redis://{address}"),
            Server::Sentinel { master, .. } => format!("Redis, master {master}"),
            Server::Cluster(_) => String::from("Redis, a cluster"),
        }
    }

    fn deposit(&mut self, batch: &Batch) -> Result<Deposited, LedgerError> {
        self.check_sound(batch)?;
        self.register_market(batch.market)?;
        let (id, digest) = (batch.id(), batch.digest());
        let place = text::place(batch.history, batch.epoch, id);
        let words = [id.to_string(), digest.to_string(), place, batch.to_text()];
        let answer = self.eval(Script::Deposit, &self.keys(batch.market).all(id), &words)?;
        match answer.parts() {
            ("fresh", _) => Ok(Deposited::Fresh),
            ("known", _) => Ok(Deposited::Known),
            ("conflict", [theirs, ..]) => {
                Ok(Deposited::Conflict(self.read(text::read("a digest", theirs))?))
            }
            _ => Err(self.unexpected_answer(&answer)),
        }
    }

    fn pending(
        &mut self,
        market: MarketId,
        history: History,
        limit: usize,
    ) -> Result<Vec<Batch>, LedgerError> {
        let keys = self.keys(market);
        let mut found = Vec::new();
        let mut from = format!("[{history}:");
        while found.len() < limit {
            let mut command = redis::cmd("ZRANGEBYLEX");
            let many = (limit - found.len()).min(PAGE);
            command.arg(&keys.pending).arg(&from).arg(format!("({history};"));
            command.arg("LIMIT").arg(0).arg(many);
            let places: Vec<String> = self.command(&keys.pending, &command)?;
            let Some(last) = places.last() else { break };
            from = format!("({last}");
            for place in &places {
                let id = place.rsplit(':').next().unwrap_or_default();
                let key = keys.batch(id);
                let mut command = redis::cmd("HGET");
                command.arg(&key).arg("batch");
                // A batch that is gone was settled in the meantime.
                let Some(text) = self.command::<Option<String>>(&key, &command)? else { continue };
                let batch = self.batch(&text)?;
                if text::place(batch.history, batch.epoch, batch.id()) != *place {
                    return Err(LedgerError::Damaged {
                        ledger: self.name(),
                        what: format!("{key} holds another batch"),
                    });
                }
                found.push(batch);
            }
        }
        Ok(found)
    }

    fn claim(&mut self, market: MarketId, floor: Token) -> Result<Claim, LedgerError> {
        self.register_market(market)?;
        let keys = self.keys(market).all(BatchId(uuid::Uuid::nil()));
        let answer = self.eval(Script::Claim, &keys, &[floor.0.to_string()])?;
        match answer.parts() {
            ("done", [token, history, last]) => Ok(Claim {
                token: Token(self.read(text::read("a token", token))?),
                position: self.read(text::read_position(history, last))?,
            }),
            _ => Err(self.unexpected_answer(&answer)),
        }
    }

    fn apply(&mut self, batch: &Batch, token: Token, deed: Deed) -> Result<Applied, LedgerError> {
        self.check_sound(batch)?;
        let (id, epoch) = (batch.id(), batch.epoch.0);
        let before = epoch.checked_sub(1).map(|before| before.to_string());
        let mut words = vec![
            id.to_string(),
            batch.digest().to_string(),
            batch.history.to_string(),
            epoch.to_string(),
            before.unwrap_or_default(),
            token.0.to_string(),
            text::deed(deed).to_owned(),
            text::place(batch.history, batch.epoch, id),
            batch.to_text(),
        ];
        words.extend(batch.transfers.iter().map(text::transfer));
        let answer = self.eval(Script::Apply, &self.keys(batch.market).all(id), &words)?;
        Ok(match answer.parts() {
            ("done", _) => Applied::Done,
            ("duplicate", [deed, ..]) => Applied::Duplicate(self.read(text::read_deed(deed))?),
            ("conflict", [digest, ..]) => {
                Applied::Conflict(self.read(text::read("a digest", digest))?)
            }
            ("fenced", [token, ..]) => {
                Applied::Fenced(Token(self.read(text::read("a token", token))?))
            }
            ("unseeded", _) => Applied::Unseeded,
            ("gap", [last, ..]) => {
                Applied::Gap(EpochNumber(self.read(text::read("an epoch", last))?))
            }
            _ => return Err(self.unexpected_answer(&answer)),
        })
    }

    fn seed(&mut self, seed: &Seed, token: Token) -> Result<(), LedgerError> {
        let sums = eval::sums(&seed.balances).map_err(|why| self.refuse(why))?;
        if sums.len() > TRANSFERS_MAX {
            let many = sums.len();
            return Err(self.refuse(format!(
                "a seed may have at most {TRANSFERS_MAX} balances in Redis, but this one has {many}"
            )));
        }
        self.register_market(seed.market)?;
        let positions = [text::position(Some(seed.position)), text::position(seed.replaces)];
        let mut words = positions.concat();
        words.push(token.0.to_string());
        words.extend(sums.iter().map(text::transfer));
        let keys = self.keys(seed.market).all(BatchId(uuid::Uuid::nil()));
        self.eval(Script::Seed, &keys, &words).map(|_| ())
    }

    fn position(&mut self, market: MarketId) -> Result<(Token, Option<Position>), LedgerError> {
        let key = self.keys(market).state;
        let mut command = redis::cmd("HMGET");
        command.arg(&key).arg(&["token", "history", "last"]);
        let found: [Option<String>; 3] = self.command(&key, &command)?;
        let [token, history, last] = found.map(Option::unwrap_or_default);
        let token = if token.is_empty() { 0 } else { self.read(text::read("a token", &token))? };
        Ok((Token(token), self.read(text::read_position(&history, &last))?))
    }

    fn markets(&mut self) -> Result<Vec<MarketId>, LedgerError> {
        let key = keys::markets(&self.link.options().names);
        let mut command = redis::cmd("SMEMBERS");
        command.arg(&key);
        let mut markets = Vec::new();
        for text in self.command::<Vec<String>>(&key, &command)? {
            let market = MarketId(self.read(text::read("a market", &text))?);
            // A runner may have failed right after it added the market to the set.
            let key = self.keys(market).state;
            let mut command = redis::cmd("EXISTS");
            command.arg(&key);
            if self.command::<u64>(&key, &command)? == 1 {
                markets.push(market);
            }
        }
        Ok(markets)
    }

    fn outcome(&mut self, market: MarketId, id: BatchId) -> Result<Option<Outcome>, LedgerError> {
        let key = self.keys(market).outcomes;
        let mut command = redis::cmd("HGET");
        command.arg(&key).arg(id.to_string());
        let found = self.command::<Option<String>>(&key, &command)?;
        found.map(|text| self.read(text::read_outcome(id, &text))).transpose()
    }

    fn balances(
        &mut self,
        market: MarketId,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Balance>, LedgerError> {
        let mut found: Vec<Balance> = Vec::new();
        let mut after = after;
        while found.len() < limit {
            let many = (limit - found.len()).min(PAGE);
            let from = after.map(|it| format!("({}", text::account(it)));
            let page = self.page(market, from.as_deref().unwrap_or("-"), many)?;
            let Some(last) = page.last() else { break };
            after = Some(last.account);
            found.extend(page);
        }
        Ok(found)
    }

    fn outbox(
        &mut self,
        market: MarketId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Notice)>, LedgerError> {
        let key = self.keys(market).stream;
        let mut found: Vec<(u64, Notice)> = Vec::new();
        let mut after = after;
        while found.len() < limit
            && let Some(from) = after.checked_add(1)
        {
            let mut command = redis::cmd("XRANGE");
            command.arg(&key).arg(format!("{from}-0")).arg("+").arg("COUNT");
            command.arg((limit - found.len()).min(PAGE));
            let entries: Vec<(String, Vec<String>)> = self.command(&key, &command)?;
            if entries.is_empty() {
                break;
            }
            for (number, words) in entries {
                let number = number.strip_suffix("-0").unwrap_or_default();
                after = self.read(text::read("the number of a notice", number))?;
                let entry = self.read(eval::notice(&words))?;
                found.push((after, entry));
            }
        }
        Ok(found)
    }

    fn forget(&mut self, market: MarketId, up_to: u64) -> Result<(), LedgerError> {
        let key = self.keys(market).stream;
        let mut command = redis::cmd("XTRIM");
        command.arg(&key);
        match up_to.checked_add(1) {
            Some(from) => command.arg("MINID").arg("=").arg(format!("{from}-0")),
            None => command.arg("MAXLEN").arg("=").arg(0),
        };
        self.command::<u64>(&key, &command).map(|_| ())
    }
}
