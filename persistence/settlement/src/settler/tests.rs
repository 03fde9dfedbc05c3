mod drops;

use core::time::Duration;

use pricetime_engine::{AccountId, EpochNumber, MarketId};

use super::{
    Ask, Dropping, Drops, Halt, Kept, Locked, Refusals, Reply, RetryPolicy, Settler, Standing,
    Start, Step,
};
use crate::ledger::{Applied, Claim, Deed, Deposited, LedgerError, Position, Seed, Token};
use crate::{Batch, Closed, Digest};
use pricetime_journal::History;

const MARKET: MarketId = MarketId(3);
const OURS: History = History(5);
const LATER: Locked = Locked::Until(Duration::from_secs(1_000_000));

fn batch(epoch: u64) -> Batch {
    Batch {
        history: OURS,
        market: MARKET,
        epoch: EpochNumber(epoch),
        trades: 0,
        volume: 0,
        notional: 0,
        fees: 0,
        platform: AccountId(1),
        trades_digest: Digest([0; 32]),
        transfers: Vec::new(),
    }
}

fn at(last: u64) -> Position {
    Position { history: OURS, last: EpochNumber(last) }
}

fn claim(token: u64, position: Option<Position>) -> Reply {
    Reply::Claimed(Ok(Claim { token: Token(token), position }))
}

fn refused() -> LedgerError {
    LedgerError::Refused { ledger: "the bank".to_owned(), why: "no".to_owned() }
}

fn silent() -> LedgerError {
    LedgerError::Unreachable { ledger: "the bank".to_owned(), why: "silence".to_owned() }
}

/// A settler with a clock.
struct Desk {
    settler: Settler,
    now: Duration,
    /// The ledger's last position, for when it is asked in between.
    position: Reply,
}

/// What is stored if this epoch is the last one settled.
fn settled(epoch: u64) -> Kept {
    Kept { settled: EpochNumber(epoch), ..Kept::default() }
}

impl Desk {
    fn new(closed: u64, kept: Kept) -> Self {
        Self::with(closed, kept, Drops::new())
    }

    fn with(closed: u64, kept: Kept, drops: Drops) -> Self {
        let (closed, drops) = (EpochNumber(closed), Ok(drops));
        let start = Start { market: MARKET, history: OURS, closed, kept, drops, chance: 1 };
        let settler = Settler::new(start, RetryPolicy::default());
        let position = Reply::Looked(Ok((Token(0), None)));
        Self { settler, now: Duration::from_secs(10), position }
    }

    fn closes(&mut self, epoch: u64) {
        self.settler.closed(Closed::Whole(batch(epoch)));
    }

    /// Returns the next step, and waits for it if necessary.
    fn step(&mut self) -> Step {
        for _ in 0..10 {
            match self.settler.poll(self.now) {
                Ask::Step(step) => return step,
                Ask::Rest(until) => self.now = until.expect("something to wait for"),
            }
        }
        panic!("the settler waits without end");
    }

    fn rests(&mut self) -> Option<Duration> {
        match self.settler.poll(self.now) {
            Ask::Rest(until) => until,
            Ask::Step(step) => panic!("the settler asks for {step:?}"),
        }
    }

    /// Expects this step next, and passes this result.
    fn asks(&mut self, step: &Step, came: Reply) {
        let mut next = self.step();
        while next == Step::Look && *step != Step::Look {
            self.settler.told(self.now, self.position.clone());
            next = self.step();
        }
        assert_eq!(next, *step);
        if let Reply::Looked(_) = &came {
            self.position = came.clone();
        }
        self.settler.told(self.now, came);
    }

    fn keeps(&mut self, floor: u64) {
        let Step::Keep(kept) = self.step() else { panic!("the settler keeps nothing") };
        assert_eq!((kept.floor, kept.refusals), (Token(floor), None));
        self.settler.told(self.now, Reply::Kept);
    }

    /// Passes these batches from the inbox and a claim under this token.
    fn claims(&mut self, batches: Vec<Batch>, token: u64, position: Option<Position>) {
        self.asks(&Step::Read { limit: 64 }, Reply::Read(Ok(batches)));
        self.asks(&Step::Lock, Reply::Locked(LATER));
        self.asks(&Step::Claim { floor: Token(token - 1) }, claim(token, position));
    }

    /// Expects that it stores these drops.
    fn notes(&mut self, drops: &[(u64, Dropping)]) {
        let drops = drops.iter().map(|(epoch, state)| (EpochNumber(*epoch), *state)).collect();
        self.asks(&Step::Note(drops), Reply::Noted(Ok(())));
    }

    fn looks(&mut self, token: u64, position: Option<Position>) {
        self.asks(&Step::Look, Reply::Looked(Ok((Token(token), position))));
        if token > 0 {
            self.keeps(token);
        }
    }

    fn deposits(&mut self, epoch: u64) {
        let deposited = Reply::Deposited(Ok(Deposited::Fresh));
        self.asks(&Step::Deposit(batch(epoch)), deposited);
    }

    /// Returns one that is about to apply an epoch under token 2.
    fn applying(epoch: u64) -> Self {
        let mut desk = Self::new(epoch - 1, settled(epoch - 1));
        desk.looks(1, Some(at(epoch - 1)));
        desk.closes(epoch);
        desk.deposits(epoch);
        desk.claims(vec![batch(epoch)], 2, Some(at(epoch - 1)));
        desk.keeps(2);
        desk
    }
}

fn apply(epoch: u64, token: u64, deed: Deed) -> Step {
    Step::Apply { batch: batch(epoch), token: Token(token), deed }
}

#[test]
fn first_epoch_of_a_new_market_is_settled() {
    let mut desk = Desk::new(0, Kept::default());
    desk.closes(1);
    desk.looks(0, None);
    desk.deposits(1);
    desk.claims(vec![batch(1)], 1, None);
    desk.keeps(1);
    let seed = Seed { market: MARKET, position: at(0), instead: None, balances: Vec::new() };
    desk.asks(&Step::Seed { seed, token: Token(1) }, Reply::Seeded(Ok(())));
    assert_eq!(desk.settler.standing(), Standing::Applying(EpochNumber(1)));
    desk.asks(&apply(1, 1, Deed::Post), Reply::Applied(Ok(Applied::Done)));
    desk.asks(&Step::Read { limit: 64 }, Reply::Read(Ok(Vec::new())));
    desk.keeps(1);
    desk.asks(&Step::Unlock, Reply::Unlocked);
    assert_eq!(desk.settler.standing(), Standing::Idle);
    assert_eq!(desk.settler.last_settled(), Some(EpochNumber(1)));
    assert!(desk.rests() > Some(desk.now));
}

#[test]
fn epochs_closed_while_no_settler_ran_are_requested() {
    let kept = Kept { floor: Token(7), ..Kept::default() };
    let mut desk = Desk::new(100, kept);
    desk.asks(&Step::Look, Reply::Looked(Ok((Token(7), Some(at(30))))));
    let (from, to) = (EpochNumber(31), EpochNumber(94));
    desk.asks(&Step::Need { from, to }, Reply::Given((31..=94).map(batch).collect()));
    (31..=94).for_each(|epoch| desk.deposits(epoch));
    let (from, to) = (EpochNumber(95), EpochNumber(100));
    desk.asks(&Step::Need { from, to }, Reply::Given((95..=96).map(batch).collect()));
    (95..=96).for_each(|epoch| desk.deposits(epoch));
    let (from, to) = (EpochNumber(97), EpochNumber(100));
    desk.asks(&Step::Need { from, to }, Reply::Given(Vec::new()));
    // The pending batch is settled in the meantime.
    desk.asks(&Step::Read { limit: 64 }, Reply::Read(Ok(vec![batch(31)])));
    desk.asks(&Step::Lock, Reply::Locked(LATER));
    desk.asks(&Step::Claim { floor: Token(7) }, claim(8, Some(at(30))));
}

#[test]
fn market_without_a_known_start_waits_for_an_operator() {
    let mut desk = Desk::new(6, Kept::default());
    desk.closes(7);
    desk.looks(0, None);
    let need = Step::Need { from: EpochNumber(1), to: EpochNumber(6) };
    desk.asks(&need, Reply::Gone);
    let halted = Standing::Halted(Halt::Unseeded { epoch: EpochNumber(7) });
    assert_eq!(desk.settler.standing(), halted);
    assert_eq!(desk.rests(), None);
    // The operator seeds it.
    desk.settler.resume();
    desk.looks(1, Some(at(6)));
    desk.deposits(7);
}

#[test]
fn conflicting_batch_halts_the_market() {
    let theirs = Digest([9; 32]);
    let ours = batch(4).digest();
    let halted = Standing::Halted(Halt::Conflict { epoch: EpochNumber(4), ours, theirs });
    let mut desk = Desk::applying(4);
    desk.asks(&apply(4, 2, Deed::Post), Reply::Applied(Ok(Applied::Conflict(theirs))));
    assert_eq!(desk.settler.standing(), halted);
    desk.asks(&Step::Unlock, Reply::Unlocked);
    assert_eq!(desk.rests(), None);

    let mut desk = Desk::new(3, Kept::default());
    desk.looks(1, Some(at(3)));
    desk.closes(4);
    let conflict = Reply::Deposited(Ok(Deposited::Conflict(theirs)));
    desk.asks(&Step::Deposit(batch(4)), conflict);
    assert_eq!(desk.settler.standing(), halted);
}

#[test]
fn fenced_settler_unlocks_and_looks_before_it_claims_again() {
    let mut desk = Desk::applying(4);
    desk.asks(&apply(4, 2, Deed::Post), Reply::Applied(Ok(Applied::Fenced(Token(9)))));
    desk.keeps(9);
    desk.asks(&Step::Unlock, Reply::Unlocked);
    let fenced = desk.now;
    desk.claims(vec![batch(4)], 10, Some(at(3)));
    assert!(desk.now >= fenced + RetryPolicy::default().lock_wait / 2);
}

#[test]
fn refused_batch_becomes_a_dead_letter_for_an_operator() {
    let mut desk = Desk::applying(4);
    let refusals = |tries| {
        let (epoch, why) = (EpochNumber(4), refused().to_string());
        Kept { floor: Token(2), refusals: Some(Refusals { epoch, tries, why }), ..settled(3) }
    };
    for tries in 1..=5 {
        desk.asks(&apply(4, 2, Deed::Post), Reply::Applied(Err(refused())));
        desk.asks(&Step::Keep(refusals(tries)), Reply::Kept);
    }
    desk.asks(&Step::Unlock, Reply::Unlocked);
    let (epoch, tries, why) = (EpochNumber(4), 5, refused().to_string());
    assert_eq!(desk.settler.standing(), Standing::DeadLetter { epoch, tries, why });
    // Later batches go into the inbox and wait there.
    desk.closes(5);
    desk.deposits(5);
    desk.asks(&Step::Read { limit: 64 }, Reply::Read(Ok(vec![batch(4), batch(5)])));
    assert!(desk.rests() > Some(desk.now));
    // A restart does not retry by itself.
    let mut again = Desk::new(5, refusals(5));
    again.asks(&Step::Look, Reply::Looked(Ok((Token(2), Some(at(3))))));
    again.asks(
        &Step::Need { from: EpochNumber(4), to: EpochNumber(5) },
        Reply::Given(vec![batch(4), batch(5)]),
    );
    (4..=5).for_each(|epoch| again.deposits(epoch));
    again.asks(&Step::Read { limit: 64 }, Reply::Read(Ok(vec![batch(4), batch(5)])));
    assert!(again.rests() > Some(again.now));

    assert!(!desk.settler.give_up(EpochNumber(5)));
    assert!(desk.settler.give_up(EpochNumber(4)));
    // The drop is stored before the ledger is asked, and again when it has answered.
    desk.notes(&[(4, Dropping::Wanted)]);
    desk.claims(vec![batch(4), batch(5)], 3, Some(at(3)));
    desk.asks(&Step::Keep(Kept { floor: Token(3), ..refusals(5) }), Reply::Kept);
    desk.asks(&apply(4, 3, Deed::Drop), Reply::Applied(Ok(Applied::Done)));
    desk.keeps(3);
    desk.notes(&[(4, Dropping::Done)]);
    desk.asks(&apply(5, 3, Deed::Post), Reply::Applied(Ok(Applied::Done)));
}

#[test]
fn retried_dead_letter_gets_all_tries_again() {
    let mut desk = Desk::applying(4);
    let none = Kept { floor: Token(2), ..settled(3) };
    for _ in 0..2 {
        for tries in 1..=5 {
            let refusals = Refusals { epoch: EpochNumber(4), tries, why: refused().to_string() };
            desk.asks(&apply(4, 2, Deed::Post), Reply::Applied(Err(refused())));
            desk.asks(&Step::Keep(Kept { refusals: Some(refusals), ..none.clone() }), Reply::Kept);
        }
        assert!(matches!(desk.settler.standing(), Standing::DeadLetter { tries: 5, .. }));
        desk.settler.retry();
        desk.asks(&Step::Keep(none.clone()), Reply::Kept);
        assert!(!matches!(desk.settler.standing(), Standing::DeadLetter { .. }));
        assert!(!desk.settler.give_up(EpochNumber(4)), "the epoch is no longer a dead letter");
    }
    desk.asks(&apply(4, 2, Deed::Post), Reply::Applied(Ok(Applied::Done)));
}

#[test]
fn silent_ledger_is_asked_again_without_end() {
    let mut desk = Desk::applying(4);
    let mut waits = Vec::new();
    for _ in 0..3 {
        let before = desk.now;
        desk.asks(&apply(4, 2, Deed::Post), Reply::Applied(Err(silent())));
        waits.push(desk.now - before);
    }
    // Another runner may reach it.
    desk.asks(&Step::Unlock, Reply::Unlocked);
    for _ in 0..100 {
        let before = desk.now;
        desk.asks(&Step::Read { limit: 64 }, Reply::Read(Err(silent())));
        waits.push(desk.now - before);
    }
    assert!(matches!(desk.settler.standing(), Standing::Retry { .. }));
    // The first one is asked at once.
    let whole = RetryPolicy::default().backoff_max;
    assert_eq!(waits[0], Duration::ZERO);
    assert!(waits[1] >= Duration::from_millis(250) && waits[1] <= Duration::from_millis(500));
    assert!(waits[20..].iter().all(|wait| *wait >= whole / 2 && *wait <= whole));
    desk.claims(vec![batch(4)], 3, Some(at(3)));
    desk.keeps(3);
    desk.asks(&apply(4, 3, Deed::Post), Reply::Applied(Ok(Applied::Duplicate(Deed::Post))));
}

#[test]
fn held_settler_only_unlocks() {
    let mut desk = Desk::applying(4);
    assert_eq!(desk.step(), apply(4, 2, Deed::Post));
    desk.settler.hold();
    desk.settler.told(desk.now, Reply::Applied(Ok(Applied::Done)));
    desk.closes(5);
    desk.asks(&Step::Unlock, Reply::Unlocked);
    assert_eq!((desk.rests(), desk.settler.standing()), (None, Standing::Held));
    desk.settler.resume();
    desk.looks(0, Some(at(4)));
    desk.deposits(5);
}

#[test]
fn unrequested_reply_is_ignored() {
    let mut desk = Desk::applying(4);
    let step = desk.step();
    desk.settler.told(desk.now, Reply::Unlocked);
    assert_eq!(desk.step(), step);
    desk.settler.told(desk.now, Reply::Applied(Ok(Applied::Done)));
    desk.settler.told(desk.now, Reply::Applied(Ok(Applied::Fenced(Token(99)))));
    assert_eq!(desk.step(), Step::Read { limit: 64 });
    assert_eq!(desk.rests(), None, "one step at a time");
}

#[test]
fn ledger_that_starts_later_skips_earlier_batches() {
    let mut desk = Desk::new(9, settled(9));
    desk.looks(1, Some(at(9)));
    // Seventy batches that another ledger has settled precede the pending one.
    let old = |limit| (1..=9).cycle().take(limit).map(batch).collect::<Vec<_>>();
    desk.asks(&Step::Read { limit: 64 }, Reply::Read(Ok(old(64))));
    let mut some = old(70);
    some.push(batch(10));
    desk.asks(&Step::Read { limit: 128 }, Reply::Read(Ok(some)));
    desk.asks(&Step::Lock, Reply::Locked(LATER));
    desk.asks(&Step::Claim { floor: Token(1) }, claim(2, Some(at(9))));
    desk.keeps(2);
    desk.asks(&apply(10, 2, Deed::Post), Reply::Applied(Ok(Applied::Done)));
    desk.asks(&Step::Read { limit: 134 }, Reply::Read(Ok(old(70))));
    desk.keeps(2);
    desk.asks(&Step::Unlock, Reply::Unlocked);
    assert_eq!(desk.settler.standing(), Standing::Idle);
}

#[test]
fn position_that_was_put_back_is_detected() {
    let mut desk = Desk::applying(4);
    desk.asks(&apply(4, 2, Deed::Post), Reply::Applied(Ok(Applied::Gap(EpochNumber(1)))));
    let need = Step::Need { from: EpochNumber(2), to: EpochNumber(3) };
    desk.asks(&need, Reply::Given((2..=3).map(batch).collect()));
    for epoch in 2..=4 {
        let known = Reply::Deposited(Ok(Deposited::Known));
        desk.asks(&Step::Deposit(batch(epoch)), known);
    }
    desk.asks(&Step::Read { limit: 64 }, Reply::Read(Ok(vec![batch(4)])));
    desk.asks(&apply(4, 2, Deed::Post), Reply::Applied(Ok(Applied::Gap(EpochNumber(1)))));
    let halt = Halt::Astray { last: EpochNumber(1) };
    assert_eq!(desk.settler.standing(), Standing::Halted(halt));
}

#[test]
fn refused_seed_halts_the_market() {
    let mut desk = Desk::new(0, Kept::default());
    desk.closes(1);
    desk.looks(0, None);
    desk.deposits(1);
    for token in 1..=5 {
        if token == 1 || token > 3 {
            desk.asks(&Step::Read { limit: 64 }, Reply::Read(Ok(vec![batch(1)])));
            desk.asks(&Step::Lock, Reply::Locked(LATER));
        }
        desk.asks(&Step::Claim { floor: Token(token - 1) }, claim(token, None));
        desk.keeps(token);
        let seed = Seed { market: MARKET, position: at(0), instead: None, balances: Vec::new() };
        desk.asks(&Step::Seed { seed, token: Token(token) }, Reply::Seeded(Err(refused())));
        if token == 3 || token == 4 {
            desk.asks(&Step::Unlock, Reply::Unlocked);
        }
    }
    let halt = Halt::Refused(refused().to_string());
    assert_eq!(desk.settler.standing(), Standing::Halted(halt));
}
