//! A client's view of a command never names another account or another account's order, and it contains
//! every event that names one of the client's own accounts.
#![cfg(feature = "servers")]

use std::collections::BTreeSet;

use pricetime::Principal;
use pricetime_engine::{
    AccountId, Action, Command, Engine, Event, Group, MarketSpec, OrderId, Party, Quantity, Side,
    SideSummary,
};
use pricetime_gateway::json::Done;
use pricetime_tests::record::day;
use serde_json::json;

/// Moves account ids and order ids apart, so that no account's id is also an order's id.
fn separate_ids(command: &mut Command) {
    let account = |AccountId(id)| AccountId(id ^ (1 << 100));
    let order = |OrderId(id)| OrderId(id ^ (1 << 101));
    command.account = account(command.account);
    match &mut command.action {
        Action::Place(place) => place.order = order(place.order),
        Action::Amend(amend) => amend.order = order(amend.order),
        Action::Cancel { order: of } => *of = order(*of),
        Action::CancelAll { account: of, .. } => *of = of.map(account),
        Action::BlockAccount(of) | Action::UnblockAccount(of) => *of = account(*of),
        Action::CancelSession { .. }
        | Action::AddMarket(_)
        | Action::SetMarket(_)
        | Action::RemoveMarket
        | Action::SetPhase(_)
        | Action::CloseEpoch { .. }
        | Action::AdvanceTime => {}
    }
}

/// The parties that an event names. A blocked account counts as a party without an order.
fn parties(event: &Event) -> Vec<Party> {
    if let Event::AccountBlocked(account) | Event::AccountUnblocked(account) = event {
        return vec![Party { order: OrderId(0), account: *account, reference: 0 }];
    }
    event.parties().collect()
}

/// Checks what the owner of these accounts sees of a group. Returns the number of events left out.
fn check(group: &Group, own: &[AccountId], spec: &MarketSpec) -> usize {
    let principal = Principal::accounts(own.iter().copied());
    let seen = principal.seen(group.clone());
    let text = json!(Done::of_group(&seen, spec)).to_string();
    let own_orders = (group.events.iter().flat_map(parties))
        .filter(|party| own.contains(&party.account))
        .map(|party| party.order);
    // The order that the client named in its own rejected command.
    let rejected_orders = seen.events.iter().filter_map(|event| {
        let Event::Rejected { order, .. } = event else { return None };
        order.filter(|_| own.contains(&group.header.account))
    });
    let known: BTreeSet<OrderId> = own_orders.chain(rejected_orders).collect();
    let mut named = 0;
    for event in &group.events {
        let parties = parties(event);
        named += usize::from(parties.iter().any(|party| own.contains(&party.account)));
        for party in parties.iter().filter(|party| !own.contains(&party.account)) {
            assert!(!text.contains(&uuid(party.account.0)), "{text}");
            // An order that expires in the group frees its id for another order.
            let free = party.order.0 == 0 || known.contains(&party.order);
            assert!(free || !text.contains(&uuid(party.order.0)), "{text}");
        }
    }
    let left = |event: &&Event| parties(event).iter().any(|party| own.contains(&party.account));
    assert_eq!(seen.events.iter().filter(left).count(), named, "{text}");
    if !own.contains(&group.header.account) {
        assert!(!text.contains(&uuid(group.header.account.0)), "{text}");
        assert_eq!(seen.header.request, None);
    }
    group.events.len() - seen.events.len()
}

/// Formats an id as a UUID.
fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[test]
fn client_sees_only_its_own_accounts() {
    let (mut checked, mut left_out) = (0, 0);
    for seed in 0..24 {
        let day = day(seed);
        let mut engine = Engine::new(day.markets_max);
        let mut groups: Vec<Group> = Vec::new();
        for mut command in day.commands {
            separate_ids(&mut command);
            let before = engine.market(command.market).map(|book| *book.spec());
            engine.apply(&command, &mut groups);
            let Some(group) = groups.pop() else { panic!("a command has a group") };
            let after = engine.market(command.market).map(|book| *book.spec());
            let Some(spec) = before.or(after) else { continue };
            let named = group.events.iter().flat_map(parties).map(|party| party.account);
            let accounts: BTreeSet<AccountId> =
                named.chain([command.account]).filter(|it| it.0 != 0).collect();
            let accounts: Vec<AccountId> = accounts.into_iter().collect();
            for own in accounts.windows(1).chain(accounts.windows(2)).chain([&[][..]]) {
                left_out += check(&group, own, &spec);
                checked += 1;
            }
        }
    }
    assert!(checked > 10_000 && left_out > 1_000, "{checked} checked, {left_out} left out");
}

#[test]
fn epoch_close_shows_clients_only_what_the_book_shows() {
    let client = Principal::accounts([AccountId(1)]);
    let (mut hidden, mut waiting) = (0, 0);
    for seed in 0..24 {
        let day = day(seed);
        let mut engine = Engine::new(day.markets_max);
        let mut groups: Vec<Group> = Vec::new();
        for command in day.commands {
            engine.apply(&command, &mut groups);
            let Some(group) = groups.pop() else { panic!("a command has a group") };
            let closed = |group: &Group| {
                group.events.iter().find_map(|event| {
                    let Event::EpochClosed(summary) = event else { return None };
                    Some(*summary)
                })
            };
            let Some(all) = closed(&group) else { continue };
            let Some(book) = engine.market(command.market) else { panic!("it closed an epoch") };
            let Some(seen) = closed(&client.seen(group)) else {
                panic!("every client sees a close")
            };
            for (side, all, seen) in
                [(Side::Buy, all.bids, seen.bids), (Side::Sell, all.asks, seen.asks)]
            {
                let shown: u64 = book
                    .snapshot()
                    .resting
                    .iter()
                    .filter(|order| order.side == side)
                    .map(|order| order.shown.0)
                    .sum();
                let expected = SideSummary {
                    best: all.best,
                    resting: all.resting,
                    resting_quantity: Quantity(shown),
                    ..SideSummary::default()
                };
                assert_eq!(seen, expected);
                hidden += usize::from(all.resting_quantity != seen.resting_quantity);
                waiting += usize::from(all.waiting > 0);
            }
        }
    }
    assert!(hidden > 20 && waiting > 20, "{hidden} closes with hidden parts, {waiting} with stops");
}
