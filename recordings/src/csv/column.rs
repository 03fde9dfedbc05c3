//! The columns, and which actions use them.

use pricetime_engine::ActionKind;

/// Declares the columns with their names.
macro_rules! columns {
    ($($(#[$doc:meta])* $column:ident $name:literal),* $(,)?) => {
        /// A column of a CSV file of commands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Column {
            $($(#[$doc])* $column),*
        }

        impl Column {
            /// All columns, in the order in which they are usually written.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$column),*];
            const COUNT: usize = [$($name),*].len();

            /// The name in the header.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$column => $name),*
                }
            }
        }
    };
}

columns! {
    /// When the command happens.
    Time "time",
    /// The command's number.
    Sequence "sequence",
    /// What the command does.
    Action "action",
    /// The number or the symbol of its market.
    Market "market",
    /// The account that sends it.
    Account "account",
    /// The order that it is about.
    Order "order",
    /// Buy or sell.
    Side "side",
    /// The kind of order.
    Kind "kind",
    /// The limit price.
    Price "price",
    /// The stop price.
    StopPrice "stop_price",
    /// The quantity.
    Quantity "quantity",
    /// How long the order stays live.
    TimeInForce "time_in_force",
    /// The time at which the order ends.
    Until "until",
    /// The number of epochs after which the order ends.
    Epochs "epochs",
    /// Whether the order is refused if it would take.
    PostOnly "post_only",
    /// The least quantity that must trade at once.
    MinimumQuantity "minimum_quantity",
    /// The quantity that an iceberg shows at a time.
    DisplayQuantity "display_quantity",
    /// What happens if the order meets an order of its own account.
    SelfTrade "self_trade",
    /// The owner's own number for the order.
    Reference "reference",
    /// The open quantity that an amended order must have.
    IfOpen "if_open",
    /// Whether an amended order gives up its place in the queue.
    Requeue "requeue",
    /// The request id.
    Request "request",
    /// Whether the sender acts as an operator.
    Operator "operator",
    /// The session that the command belongs to.
    Session "session",
    /// The session whose orders are cancelled.
    EndedSession "ended_session",
    /// Whose orders are cancelled.
    Whose "whose",
    /// The account that is blocked or unblocked.
    Blocked "blocked",
    /// The phase that begins.
    Phase "phase",
    /// The number of the epoch that closes.
    Epoch "epoch",
    /// The symbol of a new market.
    Symbol "symbol",
    /// The value of one step of a price.
    Tick "tick",
    /// The value of one step of a quantity.
    Lot "lot",
    /// How a trade is priced.
    Pricing "pricing",
    /// The largest quantity of an order.
    QuantityMax "quantity_max",
    /// The lowest price of an order.
    PriceMin "price_min",
    /// The highest price of an order.
    PriceMax "price_max",
    /// How far from the best price a market order may trade, in ticks.
    ProtectionTicks "protection_ticks",
    /// The reference price before the first trade.
    ReferencePrice "reference_price",
    /// The maker's fee in millionths.
    MakerPpm "maker_ppm",
    /// The taker's fee in millionths.
    TakerPpm "taker_ppm",
    /// How many orders may be live.
    OrdersMax "orders_max",
    /// How many orders of one account may be live.
    OrdersPerAccountMax "orders_per_account_max",
    /// How many requests are remembered.
    RequestsMax "requests_max",
    /// How many accounts may be blocked.
    BlockedMax "blocked_max",
    /// How many parts an iceberg may have.
    PartsMax "parts_max",
}

/// Any number of columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ColumnSet(u64);

impl ColumnSet {
    pub(super) const fn of(columns: &[Column]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < columns.len() {
            set |= 1 << columns[at] as u64;
            at += 1;
        }
        Self(set)
    }

    #[inline]
    pub(super) const fn insert(&mut self, column: Column) {
        self.0 |= 1 << column as u64;
    }

    #[inline]
    pub(super) const fn contains(self, column: Column) -> bool {
        self.0 & 1 << column as u64 != 0
    }

    /// The columns in it, in the order of [`Column::ALL`].
    #[inline]
    pub(super) fn columns(self) -> impl Iterator<Item = Column> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let column = Column::ALL.get(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(*column)
        })
    }

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The first column that is in this set and not in the other one.
    #[inline]
    pub(super) fn first_beyond(self, other: Self) -> Option<Column> {
        let beyond = self.0 & !other.0;
        Column::ALL.get(beyond.trailing_zeros() as usize).copied()
    }
}

const COMMON: ColumnSet = ColumnSet::of(&[
    Column::Time,
    Column::Sequence,
    Column::Action,
    Column::Market,
    Column::Account,
    Column::Request,
    Column::Operator,
    Column::Session,
]);

const TERMS: ColumnSet = ColumnSet::of(&[
    Column::PriceMin,
    Column::PriceMax,
    Column::ProtectionTicks,
    Column::ReferencePrice,
    Column::MakerPpm,
    Column::TakerPpm,
])
.with(COMMON);

const SPEC: ColumnSet = ColumnSet::of(&[
    Column::Symbol,
    Column::Tick,
    Column::Lot,
    Column::Pricing,
    Column::QuantityMax,
    Column::OrdersMax,
    Column::OrdersPerAccountMax,
    Column::RequestsMax,
    Column::BlockedMax,
    Column::PartsMax,
])
.with(TERMS);

const PLACE: ColumnSet = ColumnSet::of(&[
    Column::Order,
    Column::Side,
    Column::Kind,
    Column::Price,
    Column::StopPrice,
    Column::Quantity,
    Column::TimeInForce,
    Column::Until,
    Column::Epochs,
    Column::PostOnly,
    Column::MinimumQuantity,
    Column::DisplayQuantity,
    Column::SelfTrade,
    Column::Reference,
])
.with(COMMON);

const AMEND: ColumnSet = ColumnSet::of(&[
    Column::Order,
    Column::Price,
    Column::StopPrice,
    Column::Quantity,
    Column::IfOpen,
    Column::Requeue,
])
.with(COMMON);

/// The columns that a row of this action can use.
pub(super) const fn used_by(action: ActionKind) -> ColumnSet {
    const fn one(column: Column) -> ColumnSet {
        ColumnSet::of(&[column]).with(COMMON)
    }
    match action {
        ActionKind::AddMarket => SPEC,
        ActionKind::SetMarket => TERMS,
        ActionKind::Place => PLACE,
        ActionKind::Amend => AMEND,
        ActionKind::Cancel => one(Column::Order),
        ActionKind::CancelAll => ColumnSet::of(&[Column::Whose, Column::Side]).with(COMMON),
        ActionKind::CancelSession => one(Column::EndedSession),
        ActionKind::SetPhase => one(Column::Phase),
        ActionKind::CloseEpoch => one(Column::Epoch),
        ActionKind::RemoveMarket | ActionKind::AdvanceTime => COMMON,
        ActionKind::BlockAccount | ActionKind::UnblockAccount => one(Column::Blocked),
    }
}
