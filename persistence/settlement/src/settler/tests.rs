mod drops;

use core::time::Duration;

use pricetime_engine::{AccountId, EpochNumber, MarketId};

use super::{
    Checkpoint, DropState, Drops, Halt, Locked, PollResult, Refusals, Reply, RetryPolicy, Settler,
    Standing, Start, Step,
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
struct Harness {
    settler: Settler,
    now: Duration,
    /// The ledger's last position, for when it is asked in between.
    position: Reply,
}

/// What is stored if this epoch is the last one settled.
fn settled(epoch: u64) -> Checkpoint {
    Checkpoint { settled: EpochNumber(epoch), ..Checkpoint::default() }
}

impl Harness {
    fn new(closed: u64, stored: Checkpoint) -> Self {
        Self::with(closed, stored, Drops::new())
    }

    fn with(closed: u64, stored: Checkpoint, drops: Drops) -> Self {
        let (closed, drops) = (EpochNumber(closed), Ok(drops));
        let start = Start { market: MARKET, history: OURS, closed, stored, drops, jitter: 1 };
        let settler = Settler::new(start, RetryPolicy::default());
        let position = Reply::PositionRead(Ok((Token(0), None)));
        Self { settler, now: Duration::from_secs(10), position }
    }

    fn close_epoch(&mut self, epoch: u64) {
        self.settler.closed(Closed::Whole(batch(epoch)));
    }

    /// Returns the next step, and waits for it if necessary.
    fn step(&mut self) -> Step {
        for _ in 0..10 {
            match self.settler.poll(self.now) {
                PollResult::Step(step) => return step,
                PollResult::Wait(until) => self.now = until.expect("something to wait for"),
            }
        }
        panic!("the settler waits without end");
    }

    fn expect_wait(&mut self) -> Option<Duration> {
        match self.settler.poll(self.now) {
            PollResult::Wait(until) => until,
            PollResult::Step(step) => panic!("the settler asks for {step:?}"),
        }
    }

    /// Expects this step next, and passes this result.
    fn expect_step(&mut self, step: &Step, reply: Reply) {
        let mut next = self.step();
        while next == Step::ReadPosition && *step != Step::ReadPosition {
            self.settler.handle_reply(self.now, self.position.clone());
            next = self.step();
        }
        assert_eq!(next, *step);
        if let Reply::PositionRead(_) = &reply {
            self.position = reply.clone();
        }
        self.settler.handle_reply(self.now, reply);
    }

    fn expect_checkpoint(&mut self, floor: u64) {
        let Step::Checkpoint(stored) = self.step() else { panic!("the settler stores nothing") };
        assert_eq!((stored.floor, stored.refusals), (Token(floor), None));
        self.settler.handle_reply(self.now, Reply::Checkpoint);
    }

    /// Passes these batches from the inbox and a claim under this token.
    fn expect_claim(&mut self, batches: Vec<Batch>, token: u64, position: Option<Position>) {
        self.expect_step(&Step::Read { limit: 64 }, Reply::Read(Ok(batches)));
        self.expect_step(&Step::Lock, Reply::Locked(LATER));
        self.expect_step(&Step::Claim { floor: Token(token - 1) }, claim(token, position));
    }

    /// Expects that it stores these drops.
    fn expect_drops_stored(&mut self, drops: &[(u64, DropState)]) {
        let drops = drops.iter().map(|(epoch, state)| (EpochNumber(*epoch), *state)).collect();
        self.expect_step(&Step::StoreDrops(drops), Reply::DropsStored(Ok(())));
    }

    fn expect_position_read(&mut self, token: u64, position: Option<Position>) {
        self.expect_step(&Step::ReadPosition, Reply::PositionRead(Ok((Token(token), position))));
        if token > 0 {
            self.expect_checkpoint(token);
        }
    }

    fn expect_deposit(&mut self, epoch: u64) {
        let deposited = Reply::Deposited(Ok(Deposited::Fresh));
        self.expect_step(&Step::Deposit(batch(epoch)), deposited);
    }

    /// Returns one that is about to apply an epoch under token 2.
    fn applying(epoch: u64) -> Self {
        let mut harness = Self::new(epoch - 1, settled(epoch - 1));
        harness.expect_position_read(1, Some(at(epoch - 1)));
        harness.close_epoch(epoch);
        harness.expect_deposit(epoch);
        harness.expect_claim(vec![batch(epoch)], 2, Some(at(epoch - 1)));
        harness.expect_checkpoint(2);
        harness
    }
}

fn apply(epoch: u64, token: u64, deed: Deed) -> Step {
    Step::Apply { batch: batch(epoch), token: Token(token), deed }
}

#[test]
fn first_epoch_of_a_new_market_is_settled() {
    let mut harness = Harness::new(0, Checkpoint::default());
    harness.close_epoch(1);
    harness.expect_position_read(0, None);
    harness.expect_deposit(1);
    harness.expect_claim(vec![batch(1)], 1, None);
    harness.expect_checkpoint(1);
    let seed = Seed { market: MARKET, position: at(0), replaces: None, balances: Vec::new() };
    harness.expect_step(&Step::Seed { seed, token: Token(1) }, Reply::Seeded(Ok(())));
    assert_eq!(harness.settler.standing(), Standing::Applying(EpochNumber(1)));
    harness.expect_step(&apply(1, 1, Deed::Post), Reply::Applied(Ok(Applied::Done)));
    harness.expect_step(&Step::Read { limit: 64 }, Reply::Read(Ok(Vec::new())));
    harness.expect_checkpoint(1);
    harness.expect_step(&Step::Unlock, Reply::Unlocked);
    assert_eq!(harness.settler.standing(), Standing::Idle);
    assert_eq!(harness.settler.last_settled(), Some(EpochNumber(1)));
    assert!(harness.expect_wait() > Some(harness.now));
}

#[test]
fn epochs_closed_while_no_settler_ran_are_requested() {
    let stored = Checkpoint { floor: Token(7), ..Checkpoint::default() };
    let mut harness = Harness::new(100, stored);
    harness.expect_step(&Step::ReadPosition, Reply::PositionRead(Ok((Token(7), Some(at(30))))));
    let (from, to) = (EpochNumber(31), EpochNumber(94));
    harness.expect_step(
        &Step::RemakeBatches { from, to },
        Reply::BatchesRemade((31..=94).map(batch).collect()),
    );
    (31..=94).for_each(|epoch| harness.expect_deposit(epoch));
    let (from, to) = (EpochNumber(95), EpochNumber(100));
    harness.expect_step(
        &Step::RemakeBatches { from, to },
        Reply::BatchesRemade((95..=96).map(batch).collect()),
    );
    (95..=96).for_each(|epoch| harness.expect_deposit(epoch));
    let (from, to) = (EpochNumber(97), EpochNumber(100));
    harness.expect_step(&Step::RemakeBatches { from, to }, Reply::BatchesRemade(Vec::new()));
    // The pending batch is settled in the meantime.
    harness.expect_step(&Step::Read { limit: 64 }, Reply::Read(Ok(vec![batch(31)])));
    harness.expect_step(&Step::Lock, Reply::Locked(LATER));
    harness.expect_step(&Step::Claim { floor: Token(7) }, claim(8, Some(at(30))));
}

#[test]
fn market_without_a_known_start_waits_for_an_operator() {
    let mut harness = Harness::new(6, Checkpoint::default());
    harness.close_epoch(7);
    harness.expect_position_read(0, None);
    let need = Step::RemakeBatches { from: EpochNumber(1), to: EpochNumber(6) };
    harness.expect_step(&need, Reply::Gone);
    let halted = Standing::Halted(Halt::Unseeded { epoch: EpochNumber(7) });
    assert_eq!(harness.settler.standing(), halted);
    assert_eq!(harness.expect_wait(), None);
    // The operator seeds it.
    harness.settler.resume();
    harness.expect_position_read(1, Some(at(6)));
    harness.expect_deposit(7);
}

#[test]
fn conflicting_batch_halts_the_market() {
    let theirs = Digest([9; 32]);
    let ours = batch(4).digest();
    let halted = Standing::Halted(Halt::Conflict { epoch: EpochNumber(4), ours, theirs });
    let mut harness = Harness::applying(4);
    harness.expect_step(&apply(4, 2, Deed::Post), Reply::Applied(Ok(Applied::Conflict(theirs))));
    assert_eq!(harness.settler.standing(), halted);
    harness.expect_step(&Step::Unlock, Reply::Unlocked);
    assert_eq!(harness.expect_wait(), None);

    let mut harness = Harness::new(3, Checkpoint::default());
    harness.expect_position_read(1, Some(at(3)));
    harness.close_epoch(4);
    let conflict = Reply::Deposited(Ok(Deposited::Conflict(theirs)));
    harness.expect_step(&Step::Deposit(batch(4)), conflict);
    assert_eq!(harness.settler.standing(), halted);
}

#[test]
fn fenced_settler_unlocks_and_looks_before_it_claims_again() {
    let mut harness = Harness::applying(4);
    harness.expect_step(&apply(4, 2, Deed::Post), Reply::Applied(Ok(Applied::Fenced(Token(9)))));
    harness.expect_checkpoint(9);
    harness.expect_step(&Step::Unlock, Reply::Unlocked);
    let fenced = harness.now;
    harness.expect_claim(vec![batch(4)], 10, Some(at(3)));
    assert!(harness.now >= fenced + RetryPolicy::default().lock_wait / 2);
}

#[test]
fn refused_batch_becomes_a_dead_letter_for_an_operator() {
    let mut harness = Harness::applying(4);
    let refusals = |tries| {
        let (epoch, why) = (EpochNumber(4), refused().to_string());
        Checkpoint { floor: Token(2), refusals: Some(Refusals { epoch, tries, why }), ..settled(3) }
    };
    for tries in 1..=5 {
        harness.expect_step(&apply(4, 2, Deed::Post), Reply::Applied(Err(refused())));
        harness.expect_step(&Step::Checkpoint(refusals(tries)), Reply::Checkpoint);
    }
    harness.expect_step(&Step::Unlock, Reply::Unlocked);
    let (epoch, tries, why) = (EpochNumber(4), 5, refused().to_string());
    assert_eq!(harness.settler.standing(), Standing::DeadLetter { epoch, tries, why });
    // Later batches go into the inbox and wait there.
    harness.close_epoch(5);
    harness.expect_deposit(5);
    harness.expect_step(&Step::Read { limit: 64 }, Reply::Read(Ok(vec![batch(4), batch(5)])));
    assert!(harness.expect_wait() > Some(harness.now));
    // A restart does not retry by itself.
    let mut again = Harness::new(5, refusals(5));
    again.expect_step(&Step::ReadPosition, Reply::PositionRead(Ok((Token(2), Some(at(3))))));
    again.expect_step(
        &Step::RemakeBatches { from: EpochNumber(4), to: EpochNumber(5) },
        Reply::BatchesRemade(vec![batch(4), batch(5)]),
    );
    (4..=5).for_each(|epoch| again.expect_deposit(epoch));
    again.expect_step(&Step::Read { limit: 64 }, Reply::Read(Ok(vec![batch(4), batch(5)])));
    assert!(again.expect_wait() > Some(again.now));

    assert!(!harness.settler.drop_epoch(EpochNumber(5)));
    assert!(harness.settler.drop_epoch(EpochNumber(4)));
    // The drop is stored before the ledger is asked, and again when it has answered.
    harness.expect_drops_stored(&[(4, DropState::Wanted)]);
    harness.expect_claim(vec![batch(4), batch(5)], 3, Some(at(3)));
    harness.expect_step(
        &Step::Checkpoint(Checkpoint { floor: Token(3), ..refusals(5) }),
        Reply::Checkpoint,
    );
    harness.expect_step(&apply(4, 3, Deed::Drop), Reply::Applied(Ok(Applied::Done)));
    harness.expect_checkpoint(3);
    harness.expect_drops_stored(&[(4, DropState::Done)]);
    harness.expect_step(&apply(5, 3, Deed::Post), Reply::Applied(Ok(Applied::Done)));
}

#[test]
fn retried_dead_letter_gets_all_tries_again() {
    let mut harness = Harness::applying(4);
    let none = Checkpoint { floor: Token(2), ..settled(3) };
    for _ in 0..2 {
        for tries in 1..=5 {
            let refusals = Refusals { epoch: EpochNumber(4), tries, why: refused().to_string() };
            harness.expect_step(&apply(4, 2, Deed::Post), Reply::Applied(Err(refused())));
            harness.expect_step(
                &Step::Checkpoint(Checkpoint { refusals: Some(refusals), ..none.clone() }),
                Reply::Checkpoint,
            );
        }
        assert!(matches!(harness.settler.standing(), Standing::DeadLetter { tries: 5, .. }));
        harness.settler.retry();
        harness.expect_step(&Step::Checkpoint(none.clone()), Reply::Checkpoint);
        assert!(!matches!(harness.settler.standing(), Standing::DeadLetter { .. }));
        assert!(
            !harness.settler.drop_epoch(EpochNumber(4)),
            "the epoch is no longer a dead letter"
        );
    }
    harness.expect_step(&apply(4, 2, Deed::Post), Reply::Applied(Ok(Applied::Done)));
}

#[test]
fn silent_ledger_is_asked_again_without_end() {
    let mut harness = Harness::applying(4);
    let mut waits = Vec::new();
    for _ in 0..3 {
        let before = harness.now;
        harness.expect_step(&apply(4, 2, Deed::Post), Reply::Applied(Err(silent())));
        waits.push(harness.now - before);
    }
    // Another runner may reach it.
    harness.expect_step(&Step::Unlock, Reply::Unlocked);
    for _ in 0..100 {
        let before = harness.now;
        harness.expect_step(&Step::Read { limit: 64 }, Reply::Read(Err(silent())));
        waits.push(harness.now - before);
    }
    assert!(matches!(harness.settler.standing(), Standing::Retry { .. }));
    // The first one is asked at once.
    let whole = RetryPolicy::default().backoff_max;
    assert_eq!(waits[0], Duration::ZERO);
    assert!(waits[1] >= Duration::from_millis(250) && waits[1] <= Duration::from_millis(500));
    assert!(waits[20..].iter().all(|wait| *wait >= whole / 2 && *wait <= whole));
    harness.expect_claim(vec![batch(4)], 3, Some(at(3)));
    harness.expect_checkpoint(3);
    harness
        .expect_step(&apply(4, 3, Deed::Post), Reply::Applied(Ok(Applied::Duplicate(Deed::Post))));
}

#[test]
fn held_settler_only_unlocks() {
    let mut harness = Harness::applying(4);
    assert_eq!(harness.step(), apply(4, 2, Deed::Post));
    harness.settler.hold();
    harness.settler.handle_reply(harness.now, Reply::Applied(Ok(Applied::Done)));
    harness.close_epoch(5);
    harness.expect_step(&Step::Unlock, Reply::Unlocked);
    assert_eq!((harness.expect_wait(), harness.settler.standing()), (None, Standing::Held));
    harness.settler.resume();
    harness.expect_position_read(0, Some(at(4)));
    harness.expect_deposit(5);
}

#[test]
fn unrequested_reply_is_ignored() {
    let mut harness = Harness::applying(4);
    let step = harness.step();
    harness.settler.handle_reply(harness.now, Reply::Unlocked);
    assert_eq!(harness.step(), step);
    harness.settler.handle_reply(harness.now, Reply::Applied(Ok(Applied::Done)));
    harness.settler.handle_reply(harness.now, Reply::Applied(Ok(Applied::Fenced(Token(99)))));
    assert_eq!(harness.step(), Step::Read { limit: 64 });
    assert_eq!(harness.expect_wait(), None, "one step at a time");
}

#[test]
fn ledger_that_starts_later_skips_earlier_batches() {
    let mut harness = Harness::new(9, settled(9));
    harness.expect_position_read(1, Some(at(9)));
    // Seventy batches that another ledger has settled precede the pending one.
    let old = |limit| (1..=9).cycle().take(limit).map(batch).collect::<Vec<_>>();
    harness.expect_step(&Step::Read { limit: 64 }, Reply::Read(Ok(old(64))));
    let mut some = old(70);
    some.push(batch(10));
    harness.expect_step(&Step::Read { limit: 128 }, Reply::Read(Ok(some)));
    harness.expect_step(&Step::Lock, Reply::Locked(LATER));
    harness.expect_step(&Step::Claim { floor: Token(1) }, claim(2, Some(at(9))));
    harness.expect_checkpoint(2);
    harness.expect_step(&apply(10, 2, Deed::Post), Reply::Applied(Ok(Applied::Done)));
    harness.expect_step(&Step::Read { limit: 134 }, Reply::Read(Ok(old(70))));
    harness.expect_checkpoint(2);
    harness.expect_step(&Step::Unlock, Reply::Unlocked);
    assert_eq!(harness.settler.standing(), Standing::Idle);
}

#[test]
fn position_that_was_put_back_is_detected() {
    let mut harness = Harness::applying(4);
    harness.expect_step(&apply(4, 2, Deed::Post), Reply::Applied(Ok(Applied::Gap(EpochNumber(1)))));
    let need = Step::RemakeBatches { from: EpochNumber(2), to: EpochNumber(3) };
    harness.expect_step(&need, Reply::BatchesRemade((2..=3).map(batch).collect()));
    for epoch in 2..=4 {
        let known = Reply::Deposited(Ok(Deposited::Known));
        harness.expect_step(&Step::Deposit(batch(epoch)), known);
    }
    harness.expect_step(&Step::Read { limit: 64 }, Reply::Read(Ok(vec![batch(4)])));
    harness.expect_step(&apply(4, 2, Deed::Post), Reply::Applied(Ok(Applied::Gap(EpochNumber(1)))));
    let halt = Halt::PositionBehind { last: EpochNumber(1) };
    assert_eq!(harness.settler.standing(), Standing::Halted(halt));
}

#[test]
fn refused_seed_halts_the_market() {
    let mut harness = Harness::new(0, Checkpoint::default());
    harness.close_epoch(1);
    harness.expect_position_read(0, None);
    harness.expect_deposit(1);
    for token in 1..=5 {
        if token == 1 || token > 3 {
            harness.expect_step(&Step::Read { limit: 64 }, Reply::Read(Ok(vec![batch(1)])));
            harness.expect_step(&Step::Lock, Reply::Locked(LATER));
        }
        harness.expect_step(&Step::Claim { floor: Token(token - 1) }, claim(token, None));
        harness.expect_checkpoint(token);
        let seed = Seed { market: MARKET, position: at(0), replaces: None, balances: Vec::new() };
        harness
            .expect_step(&Step::Seed { seed, token: Token(token) }, Reply::Seeded(Err(refused())));
        if token == 3 || token == 4 {
            harness.expect_step(&Step::Unlock, Reply::Unlocked);
        }
    }
    let halt = Halt::Refused(refused().to_string());
    assert_eq!(harness.settler.standing(), Standing::Halted(halt));
}
