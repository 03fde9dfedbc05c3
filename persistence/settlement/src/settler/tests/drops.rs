//! A dropped epoch stays dropped, and a ledger that was put back is noticed.

use super::super::{PutBack, Remark};
use super::*;

/// Returns a settler for which epoch 4 is a dead letter that an operator drops.
fn given_up() -> Desk {
    let (epoch, tries, why) = (EpochNumber(4), 5, refused().to_string());
    let kept = Kept { refusals: Some(Refusals { epoch, tries, why }), ..settled(3) };
    let mut desk = Desk::new(4, kept);
    desk.asks(&Step::Look, Reply::Looked(Ok((Token(0), Some(at(3))))));
    let need = Step::Need { from: EpochNumber(4), to: EpochNumber(4) };
    desk.asks(&need, Reply::Given(vec![batch(4)]));
    desk.deposits(4);
    desk.asks(&Step::Read { limit: 64 }, Reply::Read(Ok(vec![batch(4)])));
    desk.rests();
    assert!(desk.settler.give_up(EpochNumber(4)));
    desk
}

/// Returns the next step to apply, past steps for tokens, refusals and deposits.
fn applies(desk: &mut Desk) -> (EpochNumber, Deed) {
    loop {
        let step = desk.step();
        let came = match &step {
            Step::Apply { batch, deed, .. } => return (batch.epoch, *deed),
            Step::Keep(_) => Reply::Kept,
            Step::Need { from, to } => Reply::Given((from.0..=to.0).map(batch).collect()),
            Step::Deposit(_) => Reply::Deposited(Ok(Deposited::Fresh)),
            Step::Read { .. } => {
                let last = desk.settler.last_settled().map_or(0, |it| it.0);
                Reply::Read(Ok((last + 1..=desk.settler.last_closed().0).map(batch).collect()))
            }
            Step::Lock => Reply::Locked(LATER),
            Step::Claim { floor } => {
                claim(floor.0 + 1, desk.settler.last_settled().map(|it| at(it.0)))
            }
            Step::Look | Step::Unlock | Step::Seed { .. } | Step::Note(_) | Step::Recall(_) => {
                panic!("{step:?}")
            }
        };
        desk.settler.told(desk.now, came);
    }
}

#[test]
fn drop_is_stored_before_it_is_applied() {
    let mut desk = given_up();
    let wanted = Drops::from([(EpochNumber(4), Dropping::Wanted)]);
    for _ in 0..3 {
        desk.asks(&Step::Note(wanted.clone()), Reply::Noted(Err("the disk is full".to_owned())));
        let Standing::Retry { why, .. } = desk.settler.standing() else {
            panic!("the settler does not wait for a retry")
        };
        assert_eq!(why, "the disk is full");
    }
    desk.asks(&Step::Note(wanted), Reply::Noted(Ok(())));
    assert_eq!(applies(&mut desk), (EpochNumber(4), Deed::Drop));
}

#[test]
fn stored_drop_is_applied_after_a_restart() {
    let drops = Drops::from([(EpochNumber(4), Dropping::Wanted)]);
    let mut desk = Desk::with(4, settled(3), drops);
    assert!(desk.settler.gives_up(EpochNumber(4)));
    desk.asks(&Step::Look, Reply::Looked(Ok((Token(0), Some(at(3))))));
    assert_eq!(applies(&mut desk), (EpochNumber(4), Deed::Drop));
    desk.settler.told(desk.now, Reply::Applied(Ok(Applied::Done)));
    desk.notes(&[(4, Dropping::Done)]);
    assert!(desk.settler.has_dropped(EpochNumber(4)) && !desk.settler.gives_up(EpochNumber(4)));
}

#[test]
fn drop_whose_answer_was_lost_in_a_crash_is_looked_up() {
    for (deed, stored) in [(Deed::Drop, &[(4, Dropping::Done)][..]), (Deed::Post, &[])] {
        let drops = Drops::from([(EpochNumber(4), Dropping::Wanted)]);
        let mut desk = Desk::with(4, settled(4), drops);
        desk.asks(&Step::Look, Reply::Looked(Ok((Token(0), Some(at(4))))));
        desk.asks(&Step::Read { limit: 64 }, Reply::Read(Ok(Vec::new())));
        desk.asks(&Step::Recall(EpochNumber(4)), Reply::Recalled(Ok(Some(deed))));
        desk.notes(stored);
        let remarks = desk.settler.remarks();
        let before = Remark::PostedBefore(EpochNumber(4));
        assert_eq!(remarks.contains(&before), deed == Deed::Post, "{remarks:?}");
    }
}

#[test]
fn epoch_posted_before_its_drop_counts_as_posted() {
    let mut desk = given_up();
    desk.notes(&[(4, Dropping::Wanted)]);
    assert_eq!(applies(&mut desk), (EpochNumber(4), Deed::Drop));
    desk.settler.told(desk.now, Reply::Applied(Ok(Applied::Duplicate(Deed::Post))));
    assert_eq!(desk.settler.remarks(), [Remark::PostedBefore(EpochNumber(4))]);
    desk.keeps(1);
    desk.notes(&[]);
}

#[test]
fn ledger_that_was_put_back_drops_the_same_epochs_again() {
    for stood in [Some(at(3)), None] {
        let drops = Drops::from([(EpochNumber(4), Dropping::Done)]);
        let mut desk = Desk::with(6, settled(6), drops);
        desk.asks(&Step::Look, Reply::Looked(Ok((Token(0), stood))));
        let stood = stood.map_or(EpochNumber(0), |it| it.last);
        let (knew, dropped) = (EpochNumber(6), vec![EpochNumber(4)]);
        let back = PutBack { knew, stood, dropped };
        assert_eq!(desk.settler.put_back(), Some(&back));
        assert_eq!(desk.settler.remarks(), [Remark::PutBack(back)]);
        if stood == EpochNumber(0) {
            continue;
        }
        for (epoch, deed) in [(4, Deed::Drop), (5, Deed::Post), (6, Deed::Post)] {
            assert_eq!(applies(&mut desk), (EpochNumber(epoch), deed));
            desk.settler.told(desk.now, Reply::Applied(Ok(Applied::Done)));
        }
        assert_eq!(desk.settler.remarks(), [Remark::CaughtUp(knew)]);
        assert_eq!(desk.settler.put_back(), None);
    }
}

#[test]
fn nothing_is_settled_while_the_drops_cannot_be_read() {
    let mut desk = Desk::new(4, settled(3));
    desk.settler.learn_drops(Err("no JSON".to_owned()));
    let halted = Standing::Halted(Halt::Damaged("no JSON".to_owned()));
    assert_eq!(desk.settler.standing(), halted);
    assert_eq!(desk.rests(), None);
    desk.settler.resume();
    assert_eq!((desk.rests(), desk.settler.standing()), (None, halted));
    desk.settler.learn_drops(Ok(Drops::new()));
    desk.looks(0, Some(at(3)));
}

#[test]
fn epoch_settled_by_another_runner_is_seen_within_a_second() {
    let mut desk = Desk::new(3, settled(3));
    desk.looks(0, Some(at(3)));
    desk.closes(4);
    desk.asks(&Step::Deposit(batch(4)), Reply::Deposited(Ok(Deposited::Known)));
    desk.asks(&Step::Read { limit: 64 }, Reply::Read(Ok(Vec::new())));
    let before = desk.now;
    desk.asks(&Step::Look, Reply::Looked(Ok((Token(0), Some(at(4))))));
    assert!(desk.now - before <= Duration::from_secs(1));
    assert_eq!(desk.settler.last_settled(), Some(EpochNumber(4)));
    // The other runner's drops are dropped here too.
    desk.asks(&Step::Read { limit: 64 }, Reply::Read(Ok(Vec::new())));
    desk.asks(&Step::Recall(EpochNumber(4)), Reply::Recalled(Ok(Some(Deed::Drop))));
    desk.keeps(0);
    desk.notes(&[(4, Dropping::Done)]);
    assert_eq!(desk.settler.standing(), Standing::Idle);
}

#[test]
fn ledger_that_refuses_to_open_is_retried_and_quoted() {
    let mut desk = Desk::new(4, settled(3));
    for _ in 0..20 {
        desk.asks(&Step::Look, Reply::Shut(refused()));
        let Standing::Retry { why, .. } = desk.settler.standing() else {
            panic!("the settler does not wait for a retry")
        };
        assert_eq!(why, "the ledger the bank refuses: no");
    }
}
