//! A dropped epoch stays dropped, and a ledger that was put back is noticed.

use super::super::{PutBack, Remark};
use super::*;

/// Returns a settler for which epoch 4 is a dead letter that an operator drops.
fn with_dropped_epoch() -> Harness {
    let (epoch, tries, why) = (EpochNumber(4), 5, refused().to_string());
    let stored = Checkpoint { refusals: Some(Refusals { epoch, tries, why }), ..settled(3) };
    let mut harness = Harness::new(4, stored);
    harness.expect_step(&Step::ReadPosition, Reply::PositionRead(Ok((Token(0), Some(at(3))))));
    let need = Step::RemakeBatches { from: EpochNumber(4), to: EpochNumber(4) };
    harness.expect_step(&need, Reply::BatchesRemade(vec![batch(4)]));
    harness.expect_deposit(4);
    harness.expect_step(&Step::Read { limit: 64 }, Reply::Read(Ok(vec![batch(4)])));
    harness.expect_wait();
    assert!(harness.settler.drop_epoch(EpochNumber(4)));
    harness
}

/// Returns the next step to apply, past steps for tokens, refusals and deposits.
fn next_apply(harness: &mut Harness) -> (EpochNumber, Deed) {
    loop {
        let step = harness.step();
        let reply = match &step {
            Step::Apply { batch, deed, .. } => return (batch.epoch, *deed),
            Step::Checkpoint(_) => Reply::Checkpoint,
            Step::RemakeBatches { from, to } => {
                Reply::BatchesRemade((from.0..=to.0).map(batch).collect())
            }
            Step::Deposit(_) => Reply::Deposited(Ok(Deposited::Fresh)),
            Step::Read { .. } => {
                let last = harness.settler.last_settled().map_or(0, |it| it.0);
                Reply::Read(Ok((last + 1..=harness.settler.last_closed().0).map(batch).collect()))
            }
            Step::Lock => Reply::Locked(LATER),
            Step::Claim { floor } => {
                claim(floor.0 + 1, harness.settler.last_settled().map(|it| at(it.0)))
            }
            Step::ReadPosition
            | Step::Unlock
            | Step::Seed { .. }
            | Step::StoreDrops(_)
            | Step::ReadOutcome(_) => {
                panic!("{step:?}")
            }
        };
        harness.settler.handle_reply(harness.now, reply);
    }
}

#[test]
fn drop_is_stored_before_it_is_applied() {
    let mut harness = with_dropped_epoch();
    let wanted = Drops::from([(EpochNumber(4), DropState::Wanted)]);
    for _ in 0..3 {
        harness.expect_step(
            &Step::StoreDrops(wanted.clone()),
            Reply::DropsStored(Err("the disk is full".to_owned())),
        );
        let Standing::Retry { why, .. } = harness.settler.standing() else {
            panic!("the settler does not wait for a retry")
        };
        assert_eq!(why, "the disk is full");
    }
    harness.expect_step(&Step::StoreDrops(wanted), Reply::DropsStored(Ok(())));
    assert_eq!(next_apply(&mut harness), (EpochNumber(4), Deed::Drop));
}

#[test]
fn stored_drop_is_applied_after_a_restart() {
    let drops = Drops::from([(EpochNumber(4), DropState::Wanted)]);
    let mut harness = Harness::with(4, settled(3), drops);
    assert!(harness.settler.is_dropping(EpochNumber(4)));
    harness.expect_step(&Step::ReadPosition, Reply::PositionRead(Ok((Token(0), Some(at(3))))));
    assert_eq!(next_apply(&mut harness), (EpochNumber(4), Deed::Drop));
    harness.settler.handle_reply(harness.now, Reply::Applied(Ok(Applied::Done)));
    harness.expect_drops_stored(&[(4, DropState::Done)]);
    assert!(
        harness.settler.has_dropped(EpochNumber(4)) && !harness.settler.is_dropping(EpochNumber(4))
    );
}

#[test]
fn drop_whose_answer_was_lost_in_a_crash_is_looked_up() {
    for (deed, stored) in [(Deed::Drop, &[(4, DropState::Done)][..]), (Deed::Post, &[])] {
        let drops = Drops::from([(EpochNumber(4), DropState::Wanted)]);
        let mut harness = Harness::with(4, settled(4), drops);
        harness.expect_step(&Step::ReadPosition, Reply::PositionRead(Ok((Token(0), Some(at(4))))));
        harness.expect_step(&Step::Read { limit: 64 }, Reply::Read(Ok(Vec::new())));
        harness.expect_step(&Step::ReadOutcome(EpochNumber(4)), Reply::OutcomeRead(Ok(Some(deed))));
        harness.expect_drops_stored(stored);
        let remarks = harness.settler.remarks();
        let before = Remark::PostedBefore(EpochNumber(4));
        assert_eq!(remarks.contains(&before), deed == Deed::Post, "{remarks:?}");
    }
}

#[test]
fn epoch_posted_before_its_drop_counts_as_posted() {
    let mut harness = with_dropped_epoch();
    harness.expect_drops_stored(&[(4, DropState::Wanted)]);
    assert_eq!(next_apply(&mut harness), (EpochNumber(4), Deed::Drop));
    harness.settler.handle_reply(harness.now, Reply::Applied(Ok(Applied::Duplicate(Deed::Post))));
    assert_eq!(harness.settler.remarks(), [Remark::PostedBefore(EpochNumber(4))]);
    harness.expect_checkpoint(1);
    harness.expect_drops_stored(&[]);
}

#[test]
fn ledger_that_was_put_back_drops_the_same_epochs_again() {
    for stood in [Some(at(3)), None] {
        let drops = Drops::from([(EpochNumber(4), DropState::Done)]);
        let mut harness = Harness::with(6, settled(6), drops);
        harness.expect_step(&Step::ReadPosition, Reply::PositionRead(Ok((Token(0), stood))));
        let stood = stood.map_or(EpochNumber(0), |it| it.last);
        let (knew, dropped) = (EpochNumber(6), vec![EpochNumber(4)]);
        let back = PutBack { knew, stood, dropped };
        assert_eq!(harness.settler.put_back(), Some(&back));
        assert_eq!(harness.settler.remarks(), [Remark::PutBack(back)]);
        if stood == EpochNumber(0) {
            continue;
        }
        for (epoch, deed) in [(4, Deed::Drop), (5, Deed::Post), (6, Deed::Post)] {
            assert_eq!(next_apply(&mut harness), (EpochNumber(epoch), deed));
            harness.settler.handle_reply(harness.now, Reply::Applied(Ok(Applied::Done)));
        }
        assert_eq!(harness.settler.remarks(), [Remark::CaughtUp(knew)]);
        assert_eq!(harness.settler.put_back(), None);
    }
}

#[test]
fn nothing_is_settled_while_the_drops_cannot_be_read() {
    let mut harness = Harness::new(4, settled(3));
    harness.settler.set_drops(Err("no JSON".to_owned()));
    let halted = Standing::Halted(Halt::Damaged("no JSON".to_owned()));
    assert_eq!(harness.settler.standing(), halted);
    assert_eq!(harness.expect_wait(), None);
    harness.settler.resume();
    assert_eq!((harness.expect_wait(), harness.settler.standing()), (None, halted));
    harness.settler.set_drops(Ok(Drops::new()));
    harness.expect_position_read(0, Some(at(3)));
}

#[test]
fn epoch_settled_by_another_runner_is_seen_within_a_second() {
    let mut harness = Harness::new(3, settled(3));
    harness.expect_position_read(0, Some(at(3)));
    harness.close_epoch(4);
    harness.expect_step(&Step::Deposit(batch(4)), Reply::Deposited(Ok(Deposited::Known)));
    harness.expect_step(&Step::Read { limit: 64 }, Reply::Read(Ok(Vec::new())));
    let before = harness.now;
    harness.expect_step(&Step::ReadPosition, Reply::PositionRead(Ok((Token(0), Some(at(4))))));
    assert!(harness.now - before <= Duration::from_secs(1));
    assert_eq!(harness.settler.last_settled(), Some(EpochNumber(4)));
    // The other runner's drops are dropped here too.
    harness.expect_step(&Step::Read { limit: 64 }, Reply::Read(Ok(Vec::new())));
    harness
        .expect_step(&Step::ReadOutcome(EpochNumber(4)), Reply::OutcomeRead(Ok(Some(Deed::Drop))));
    harness.expect_checkpoint(0);
    harness.expect_drops_stored(&[(4, DropState::Done)]);
    assert_eq!(harness.settler.standing(), Standing::Idle);
}

#[test]
fn ledger_that_refuses_to_open_is_retried_and_quoted() {
    let mut harness = Harness::new(4, settled(3));
    for _ in 0..20 {
        harness.expect_step(&Step::ReadPosition, Reply::NotOpened(refused()));
        let Standing::Retry { why, .. } = harness.settler.standing() else {
            panic!("the settler does not wait for a retry")
        };
        assert_eq!(why, "the ledger the bank refuses: no");
    }
}
