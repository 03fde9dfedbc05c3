//! The kinds of commands, and how often each is sent.

/// A kind of command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandKind {
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
pub(super) type Mix = &'static [(u64, CommandKind)];

/// What market makers send.
pub(super) const QUOTES: Mix = &[
    (42, CommandKind::Rest),
    (40, CommandKind::Cancel),
    (10, CommandKind::Shrink),
    (6, CommandKind::Move),
    (2, CommandKind::Take),
];

/// A mix of all kinds.
pub(super) const MIXED: Mix = &[
    (34, CommandKind::Rest),
    (2, CommandKind::Iceberg),
    (2, CommandKind::Stop),
    (32, CommandKind::Cancel),
    (10, CommandKind::Shrink),
    (12, CommandKind::Move),
    (8, CommandKind::Take),
];

/// Mostly takers and cancels, as in a panic.
pub(super) const PANIC: Mix = &[
    (25, CommandKind::Sweep),
    (15, CommandKind::Take),
    (40, CommandKind::Cancel),
    (15, CommandKind::Rest),
    (5, CommandKind::Move),
];

/// Mostly cancels, which empty the book.
pub(super) const STORM: Mix = &[
    (930, CommandKind::Cancel),
    (2, CommandKind::CancelAll),
    (48, CommandKind::Rest),
    (20, CommandKind::Move),
];

/// Mostly new orders, which fill the book again.
pub(super) const REFILL: Mix =
    &[(90, CommandKind::Rest), (5, CommandKind::Cancel), (5, CommandKind::Take)];

/// Sweeps that take about as much as new orders add.
pub(super) const SWEEPS: Mix = &[
    (84, CommandKind::Rest),
    (4, CommandKind::Cancel),
    (4, CommandKind::Move),
    (8, CommandKind::Sweep),
];
