//! The rows of the tables.

use super::column::{Cell, Column, Decimal, Id, Time};

/// A row of a table.
pub(super) trait Row {
    /// The columns of the table, empty.
    fn columns() -> Vec<Column>;

    /// Appends the row.
    fn append(self, columns: &mut [Column]);
}

/// Declares rows, whose members are the columns of a table.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident { $($column:ident: $type:ty,)+ })+) => {$(
        $(#[$doc])*
        pub(super) struct $name<'a> { $(pub(super) $column: $type,)+ }

        impl<'a> Row for $name<'a> {
            fn columns() -> Vec<Column> {
                vec![$(Column::of::<$type>(stringify!($column))),+]
            }

            #[inline]
            fn append(self, columns: &mut [Column]) {
                let mut columns = columns.iter_mut();
                $(put(columns.next(), self.$column);)+
            }
        }
    )+};
}

#[inline]
fn put(column: Option<&mut Column>, cell: impl Cell) {
    if let Some(column) = column {
        column.push(cell);
    }
}

rows! {
    /// A trade.
    TradeRow {
        time: Time,
        sequence: u64,
        market: u64,
        symbol: &'a str,
        epoch: u64,
        trade: u64,
        price: Decimal,
        quantity: Decimal,
        taker_side: &'a str,
        maker_order: Id,
        maker_account: Option<Id>,
        maker_reference: Option<u64>,
        taker_order: Id,
        taker_account: Option<Id>,
        taker_reference: Option<u64>,
    }

    /// A level of a book that changed.
    LevelRow {
        time: Time,
        sequence: u64,
        market: u64,
        symbol: &'a str,
        side: &'a str,
        level: u64,
        price: Option<Decimal>,
        quantity: Decimal,
        orders: u64,
    }

    /// An event.
    #[derive(Default)]
    EventRow {
        time: Time,
        sequence: u64,
        market: u64,
        symbol: Option<&'a str>,
        epoch: Option<u64>,
        command: &'a str,
        event: &'a str,
        order: Option<Id>,
        account: Option<Id>,
        reference: Option<u64>,
        side: Option<&'a str>,
        kind: Option<&'a str>,
        price: Option<Decimal>,
        stop_price: Option<Decimal>,
        quantity: Option<Decimal>,
        time_in_force: Option<&'a str>,
        until: Option<Time>,
        epochs: Option<u64>,
        post_only: Option<bool>,
        minimum_quantity: Option<Decimal>,
        display_quantity: Option<Decimal>,
        self_trade: Option<&'a str>,
        remaining: Option<Decimal>,
        shown: Option<Decimal>,
        priority: Option<u64>,
        reason: Option<&'a str>,
        trade: Option<u64>,
        taker_side: Option<&'a str>,
        maker_order: Option<Id>,
        maker_account: Option<Id>,
        maker_reference: Option<u64>,
        maker_remaining: Option<Decimal>,
        taker_order: Option<Id>,
        taker_account: Option<Id>,
        taker_reference: Option<u64>,
        taker_remaining: Option<Decimal>,
        previous_phase: Option<&'a str>,
        phase: Option<&'a str>,
        original: Option<u64>,
    }
}
