//! What somebody may do next, and how often each is done.

/// A kind of command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// An order that mostly comes to rest.
    Rest,
    /// The same, of which only a part is shown.
    Iceberg,
    /// An order that waits until the price has moved.
    Stop,
    /// Somebody cancels an order.
    Cancel,
    /// Somebody cancels all orders of theirs.
    CancelAll,
    /// An order becomes smaller and keeps its place.
    Shrink,
    /// An order goes to another price.
    Move,
    /// A taker that takes an order or two.
    Take,
    /// A taker that uses up many levels.
    Sweep,
}

/// How often each is done.
pub(super) type Mix = &'static [(u64, Deed)];

/// A market maker's day.
pub(super) const QUOTES: Mix =
    &[(42, Deed::Rest), (40, Deed::Cancel), (10, Deed::Shrink), (6, Deed::Move), (2, Deed::Take)];

/// A bit of everything.
pub(super) const ALL_SORTS: Mix = &[
    (34, Deed::Rest),
    (2, Deed::Iceberg),
    (2, Deed::Stop),
    (32, Deed::Cancel),
    (10, Deed::Shrink),
    (12, Deed::Move),
    (8, Deed::Take),
];

/// Everybody wants out.
pub(super) const PANIC: Mix =
    &[(25, Deed::Sweep), (15, Deed::Take), (40, Deed::Cancel), (15, Deed::Rest), (5, Deed::Move)];

/// The orders go,
pub(super) const STORM: Mix =
    &[(930, Deed::Cancel), (2, Deed::CancelAll), (48, Deed::Rest), (20, Deed::Move)];

/// and come again.
pub(super) const REFILL: Mix = &[(90, Deed::Rest), (5, Deed::Cancel), (5, Deed::Take)];

/// As much is swept away as comes.
pub(super) const SWEEPS: Mix =
    &[(84, Deed::Rest), (4, Deed::Cancel), (4, Deed::Move), (8, Deed::Sweep)];
