//! The content of streams, read with the plain protocol, and the content that they must have according to
//! the model and the journal's commands.

use std::collections::BTreeMap;
use std::path::Path;

use pricetime_engine::{Event, Group, OrderId, Party, Side};

use super::raw::{RawConnection, Reply};
use crate::Core as _;
use crate::model::Model;
use crate::record::commands;

/// The keys of the streams.
pub const KEYS: [&str; 3] =
    ["pricetime:dev:stream:trades", "pricetime:dev:stream:orders", "pricetime:dev:stream:epochs"];

/// An entry, as found or as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEntry {
    /// The sequence of the command, and the number within it.
    pub id: (u64, u64),
    /// The fields.
    pub fields: BTreeMap<String, String>,
}

impl StreamEntry {
    /// The value of a field.
    #[must_use]
    pub fn field(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }

    /// Returns `true` if it is a marker.
    #[must_use]
    pub fn is_marker(&self) -> bool {
        self.field("event") == "marker"
    }
}

/// All entries of a stream, read in chunks.
///
/// # Panics
/// Panics if the server does not answer, or if the key is not a stream.
#[must_use]
pub fn stored_entries(port: u16, key: &str) -> Vec<StreamEntry> {
    let mut raw = RawConnection::connect(port).expect("the server answers");
    let (mut all, mut from) = (Vec::new(), String::from("-"));
    loop {
        let asked = ["XRANGE", key, &from, "+", "COUNT", "1000"];
        let answer = raw.ask(&asked).expect("the server answers");
        let Reply::Array(piece) = answer else { panic!("{key}: {answer:?}") };
        let Some(StreamEntry { id: (sequence, number), .. }) = piece.last().map(parse_entry) else {
            return all;
        };
        all.extend(piece.iter().map(parse_entry));
        from = format!("({sequence}-{number}");
    }
}

fn parse_entry(entry: &Reply) -> StreamEntry {
    let Reply::Array(parts) = entry else { panic!("{entry:?}") };
    let text = |reply: &Reply| match reply {
        Reply::Text(bytes) => String::from_utf8(bytes.clone()).expect("text"),
        other @ (Reply::Nil | Reply::Array(_) | Reply::Error(_)) => panic!("{other:?}"),
    };
    let [id, Reply::Array(fields)] = parts.as_slice() else { panic!("{parts:?}") };
    let id = text(id);
    let (sequence, number) = id.split_once('-').expect("an id");
    let fields = fields.chunks_exact(2).map(|pair| (text(&pair[0]), text(&pair[1])));
    let id = (sequence.parse().expect("a number"), number.parse().expect("a number"));
    StreamEntry { id, fields: fields.collect() }
}

/// The groups of a folder's commands, according to the model.
///
/// # Panics
/// Panics if the journal cannot be read.
#[must_use]
pub fn groups(folder: &Path) -> Vec<Group> {
    let mut model = Model::new(10_000);
    commands(folder).iter().map(|command| model.apply(command)).collect()
}

/// The fields of an entry about an order: its event, its id and `more`.
fn order_fields(event: &str, order: OrderId, more: &[(&str, String)]) -> BTreeMap<String, String> {
    let fields = more.iter().map(|(name, text)| ((*name).to_owned(), text.clone()));
    let mut fields: BTreeMap<_, _> = fields.collect();
    fields.insert(String::from("event"), event.to_owned());
    fields.insert(String::from("order"), uuid(order.0));
    fields
}

/// The fields of an entry about an order with this remaining quantity.
fn remaining_fields(
    event: &str,
    party: &Party,
    remaining: Option<u64>,
) -> BTreeMap<String, String> {
    let mut more = vec![("account", uuid(party.account.0))];
    more.extend(remaining.map(|lots| ("remaining", lots.to_string())));
    order_fields(event, party.order, &more)
}

fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex[range].to_owned()).join("-")
}

fn side(side: Side) -> String {
    String::from(if side == Side::Buy { "buy" } else { "sell" })
}

type Fields = BTreeMap<String, String>;

/// The entries that an event adds to each stream, in a market with ticks and lots of one.
fn entries_for(group: &Group, event: &Event) -> [Vec<Fields>; 3] {
    let public = |event: &str, more: &[(&str, String)]| {
        let fields = more.iter().map(|(name, text)| ((*name).to_owned(), text.clone()));
        fields.chain([(String::from("event"), event.to_owned())]).collect::<Fields>()
    };
    let account = |party: &Party| ("account", uuid(party.account.0));
    let one = |fields: Fields| [vec![], vec![fields], vec![]];
    let market = |fields: Fields| [vec![], vec![], vec![fields]];
    match event {
        Event::Traded { number, maker, taker, taker_side, price, quantity, .. } => {
            let shared = [("price", price.0.to_string()), ("quantity", quantity.0.to_string())];
            let mut trade = shared.to_vec();
            trade.extend([("number", number.0.to_string()), ("taker_side", side(*taker_side))]);
            let of = |party: &Party, role: &str, own: Side| {
                let mut more = shared.to_vec();
                more.extend([account(party), ("role", role.to_owned()), ("side", side(own))]);
                order_fields("traded", party.order, &more)
            };
            let other = if *taker_side == Side::Buy { Side::Sell } else { Side::Buy };
            let both = vec![of(maker, "maker", other), of(taker, "taker", *taker_side)];
            [vec![public("traded", &trade)], both, vec![]]
        }
        Event::Accepted { account, place, priority } => one(order_fields(
            "accepted",
            place.order,
            &[
                ("account", uuid(account.0)),
                ("side", side(place.side)),
                ("quantity", place.quantity.0.to_string()),
                ("priority", priority.0.to_string()),
            ],
        )),
        Event::Rejected { order: Some(order), .. } => {
            one(order_fields("rejected", *order, &[("account", uuid(group.header.account.0))]))
        }
        Event::Rejected { order: None, .. } | Event::Duplicate { .. } => Default::default(),
        Event::Reduced { party, remaining, .. } => {
            one(remaining_fields("reduced", party, Some(remaining.0)))
        }
        Event::Amended { party, remaining, .. } => {
            one(remaining_fields("amended", party, Some(remaining.0)))
        }
        Event::Cancelled { party, remaining, .. } => {
            one(remaining_fields("cancelled", party, Some(remaining.0)))
        }
        Event::Triggered { party, .. } => one(remaining_fields("triggered", party, None)),
        Event::Replenished { party, remaining, .. } => {
            one(remaining_fields("replenished", party, Some(remaining.0)))
        }
        Event::PhaseChanged { .. } => market(public("phase_changed", &[])),
        Event::EpochClosed(summary) => market(public(
            "epoch_closed",
            &[
                ("number", summary.number.0.to_string()),
                ("trades", summary.turnover.trades.to_string()),
                ("volume", summary.turnover.volume.to_string()),
            ],
        )),
        Event::MarketAdded(spec) => {
            market(public("market_added", &[("symbol", spec.symbol.to_string())]))
        }
        Event::MarketSet(_) => market(public("market_set", &[])),
        Event::MarketRemoved => market(public("market_removed", &[])),
        Event::AccountBlocked(_) | Event::AccountUnblocked(_) => Default::default(),
    }
}

/// The entries that each stream must have for these groups.
#[must_use]
pub fn expected(groups: &[Group]) -> [Vec<StreamEntry>; 3] {
    let mut all: [Vec<StreamEntry>; 3] = Default::default();
    for group in groups {
        let sequence = group.header.sequence.0;
        let mut numbers = [0; 3];
        for event in &group.events {
            for (at, fields) in entries_for(group, event).into_iter().enumerate() {
                for mut fields in fields {
                    numbers[at] += 1;
                    fields.insert(String::from("sequence"), sequence.to_string());
                    let time = group.header.timestamp.0.to_string();
                    fields.insert(String::from("timestamp"), time);
                    all[at].push(StreamEntry { id: (sequence, numbers[at]), fields });
                }
            }
        }
    }
    all
}

/// Compares a stream with the expected entries: in order, without duplicates, and between two markers
/// without gaps. Entries may be missing only before a marker, and only those of commands before the one
/// that it names. Returns the markers.
///
/// # Panics
/// Panics if the stream differs.
pub fn check(
    what: &str,
    stored_entries: &[StreamEntry],
    expected: &[StreamEntry],
) -> Vec<StreamEntry> {
    assert!(stored_entries.is_sorted_by(|a, b| a.id < b.id), "{what}: not in order");
    assert!(
        stored_entries.first().is_none_or(StreamEntry::is_marker),
        "{what}: it begins without a marker"
    );
    let mut markers = Vec::new();
    let mut at = 0;
    let (mut has_marker, mut last) = (false, (0, 0));
    for entry in stored_entries {
        if entry.is_marker() {
            let from: u64 = entry.field("sequence").parse().expect("a number");
            assert_eq!(entry.id, (from, 0), "{what}");
            // The gap ends at this marker, so missing entries lie before it and after the last entry.
            at = expected.partition_point(|it| it.id.0 < from);
            markers.push(entry.clone());
            has_marker = true;
            continue;
        }
        let Some(next) = expected.get(at) else {
            panic!("{what}: {:?} is there, and no further entry is expected", entry.id)
        };
        assert!(has_marker, "{what}");
        assert_eq!(entry.id, next.id, "{what}: after {last:?}");
        for (field, text) in &next.fields {
            assert_eq!(entry.field(field), text, "{what}: {field} of {entry:?}");
        }
        last = entry.id;
        at += 1;
    }
    assert_eq!(at, expected.len(), "{what}: the end is missing, after {last:?}");
    markers
}
