//! The kinds of commands, and how often each is sent.

/// A kind of command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// An order that usually rests.
    Rest,
    /// An iceberg that usually rests.
    Iceberg,
    /// A stop that waits until the price has moved.
    Stop,
    /// A cancel of one order.
    Cancel,
    /// A cancel of all orders of an account.
    CancelAll,
    /// An amend that reduces an order, which keeps its place.
    Shrink,
    /// An amend that moves an order to another price.
    Move,
    /// A taker of one or two orders.
    Take,
    /// A taker that uses up many levels.
    Sweep,
}

/// Kinds of commands with their weights.
pub(super) type Mix = &'static [(u64, Deed)];

/// What market makers send.
pub(super) const QUOTES: Mix =
    &[(42, Deed::Rest), (40, Deed::Cancel), (10, Deed::Shrink), (6, Deed::Move), (2, Deed::Take)];

/// A mix of all kinds.
pub(super) const ALL_SORTS: Mix = &[
    (34, Deed::Rest),
    (2, Deed::Iceberg),
    (2, Deed::Stop),
    (32, Deed::Cancel),
    (10, Deed::Shrink),
    (12, Deed::Move),
    (8, Deed::Take),
];

/// Mostly takers and cancels, as in a panic.
pub(super) const PANIC: Mix =
    &[(25, Deed::Sweep), (15, Deed::Take), (40, Deed::Cancel), (15, Deed::Rest), (5, Deed::Move)];

/// Mostly cancels, which empty the book.
pub(super) const STORM: Mix =
    &[(930, Deed::Cancel), (2, Deed::CancelAll), (48, Deed::Rest), (20, Deed::Move)];

/// Mostly new orders, which fill the book again.
pub(super) const REFILL: Mix = &[(90, Deed::Rest), (5, Deed::Cancel), (5, Deed::Take)];

/// Sweeps that take about as much as new orders add.
pub(super) const SWEEPS: Mix =
    &[(84, Deed::Rest), (4, Deed::Cancel), (4, Deed::Move), (8, Deed::Sweep)];
