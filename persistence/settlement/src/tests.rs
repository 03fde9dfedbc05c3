use pricetime_engine::{AccountId, EpochNumber, MarketId};

use super::{Batch, Digest, Transfer, Unsound};
use pricetime_journal::History;

fn batch() -> Batch {
    let transfer = |account, base, quote| Transfer { account: AccountId(account), base, quote };
    Batch {
        history: History(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f),
        market: MarketId(7),
        epoch: EpochNumber(42),
        trades: 2,
        volume: 15,
        notional: 14_985,
        fees: 8,
        platform: AccountId(0),
        trades_digest: Digest([0xab; 32]),
        transfers: vec![transfer(0, 0, 8), transfer(1, 15, -14_989), transfer(2, -15, 14_981)],
    }
}

#[test]
fn batch_id_and_digest_never_change() {
    assert_eq!(batch().id().to_string(), "99a83da5-4a0b-5c1a-b7e1-4ad6f17cba19");
    let digest = "04bfec4a39fb061ea3e3ffe38e6836bdfd8d5a3cb24fe79f7c4bc14ba17bf4fa";
    assert_eq!(batch().digest().to_string(), digest);
}

#[test]
fn batch_text_gives_the_same_batch_or_is_refused() {
    let text = batch().to_text();
    assert_eq!(Batch::from_text(&text).expect("our own text"), batch());
    let digits = text.char_indices().filter(|(_, char)| char.is_ascii_digit());
    for (at, _) in digits {
        let (before, after) = text.split_at(at);
        let (digit, after) = after.split_at(1);
        let other = if digit == "9" { "1" } else { "9" };
        let changed = format!("{before}{other}{after}");
        // The id is a function of the rest and is not read.
        let read = Batch::from_text(&changed);
        assert!(read.is_err() || read.is_ok_and(|read| read == batch()), "{changed}");
    }
}

#[test]
fn batch_must_sum_to_zero_and_be_sorted() {
    assert_eq!(batch().check(), Ok(()));
    let spoilt = |spoil: fn(&mut Vec<Transfer>)| {
        let mut batch = batch();
        spoil(&mut batch.transfers);
        batch.check()
    };
    assert_eq!(spoilt(|it| it[0].quote += 1), Err(Unsound::Sum));
    assert_eq!(spoilt(|it| it[2].base -= 1), Err(Unsound::Sum));
    assert_eq!(spoilt(|it| it.swap(0, 1)), Err(Unsound::Order));
    assert_eq!(spoilt(|it| it[1].account = it[0].account), Err(Unsound::Order));
    assert_eq!(spoilt(|it| it[0] = Transfer { base: 0, quote: 0, ..it[0] }), Err(Unsound::Order));
    assert_eq!(spoilt(|it| it[0].quote = i128::MAX), Err(Unsound::Sum));
}
