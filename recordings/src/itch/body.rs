//! The messages of ITCH 5.0, field by field as the specification lists them.

use pricetime_engine::Side;

use super::field::{Alpha, Field, HaltAction};
use super::layout::{HEADER, length};
use crate::error::{Fault, RecordingError};
use crate::venue::{DayPart, TradingState};

/// Reads a field from the beginning of bytes that are long enough.
#[inline]
fn field<T: Field>(name: &'static str, rest: &mut &[u8]) -> Result<T, RecordingError> {
    let (bytes, after) = rest.split_at(T::LENGTH);
    *rest = after;
    T::read(bytes).map_err(|fault| RecordingError::new("ITCH message", fault).field(name, bytes))
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $kind:literal $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)+
    })+) => {
        /// What a message says: the fields that only its type has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Body {
            $($(#[$doc])* $name($name),)+
        }

        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)+
        }

        impl $name {
            const LENGTH: usize = 0 $(+ <$type as Field>::LENGTH)+;

            /// Reads what follows the header of a message.
            #[inline]
            pub(super) fn read(mut rest: &[u8]) -> Result<Self, RecordingError> {
                if rest.len() != Self::LENGTH {
                    return Err(unreadable($kind, HEADER + rest.len()));
                }
                Ok(Self { $($field: field(stringify!($field), &mut rest)?,)+ })
            }
        }

        const _: () = assert!(matches!(length($kind), Some(it) if it == HEADER + $name::LENGTH));)+

        impl Body {
            /// The type of the message.
            #[must_use]
            pub const fn kind(&self) -> u8 {
                match self {
                    $(Self::$name(_) => $kind,)+
                }
            }

            /// Reads what follows the header of a message.
            #[inline]
            pub(super) fn read(kind: u8, rest: &[u8]) -> Result<Self, RecordingError> {
                Ok(match kind {
                    $($kind => Self::$name($name::read(rest)?),)+
                    _ => return Err(unreadable(kind, HEADER + rest.len())),
                })
            }

            /// Appends what follows the header of the message.
            pub(super) fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(it) => {
                        $(it.$field.write(out);)+
                    })+
                }
            }
        }
    };
}

/// The error about a message whose length its type does not have.
#[cold]
pub(super) fn unreadable(kind: u8, found: usize) -> RecordingError {
    let fault = match length(kind) {
        Some(expected) => Fault::Length { expected, found },
        None => Fault::UnknownCode("the types of ITCH 5.0"),
    };
    RecordingError::new("ITCH message", fault).field("type", &[kind])
}

bodies! {
    /// The day goes on to its next part.
    b'S' SystemEvent {
        /// The part that begins.
        event: DayPart,
    }
    /// A stock exists today.
    b'R' StockDirectory {
        /// Its symbol.
        stock: Alpha<8>,
        /// The tier or market that lists it.
        market_category: Alpha<1>,
        /// Whether its issuer is deficient, delinquent or bankrupt; `N` is none of them.
        financial_status: Alpha<1>,
        /// The shares of a round lot.
        round_lot: u32,
        /// `Y` if only round lots are accepted.
        round_lots_only: Alpha<1>,
        /// The class of the security.
        classification: Alpha<1>,
        /// The class in detail.
        sub_type: Alpha<2>,
        /// `P` for a real stock, `T` for one to test with.
        authenticity: Alpha<1>,
        /// `Y` if short sales must be closed out.
        short_sale_threshold: Alpha<1>,
        /// `Y` if it begins to trade today.
        ipo: Alpha<1>,
        /// The tier of its price bands.
        price_band_tier: Alpha<1>,
        /// `Y` for an exchange-traded product.
        etp: Alpha<1>,
        /// The leverage of such a product.
        etp_leverage: u32,
        /// `Y` if such a product moves against its index.
        inverse: Alpha<1>,
    }
    /// A stock begins or stops to trade in all markets.
    b'H' TradingAction {
        /// Its symbol.
        stock: Alpha<8>,
        /// Whether it trades.
        state: TradingState,
        /// Not used.
        reserved: Alpha<1>,
        /// Why.
        reason: Alpha<4>,
    }
    /// Short sales of a stock are restricted, or no longer.
    b'Y' ShortSaleRestriction {
        /// Its symbol.
        stock: Alpha<8>,
        /// `0` for none, `1` if it begins today, `2` if it goes on.
        action: Alpha<1>,
    }
    /// The status of a market participant in a stock.
    b'L' ParticipantPosition {
        /// The participant.
        mpid: Alpha<4>,
        /// The stock.
        stock: Alpha<8>,
        /// `Y` for a primary market maker.
        primary_market_maker: Alpha<1>,
        /// The mode of the market maker.
        market_maker_mode: Alpha<1>,
        /// Whether it is active.
        state: Alpha<1>,
    }
    /// The index levels that halt all markets today.
    b'V' BreakerLevels {
        /// The first level, with eight decimal places.
        level1: u64,
        /// The second level.
        level2: u64,
        /// The third level.
        level3: u64,
    }
    /// The index has fallen below a level.
    b'W' BreakerStatus {
        /// Which level.
        level: Alpha<1>,
    }
    /// When the quotation of a new stock begins.
    b'K' QuotationRelease {
        /// Its symbol.
        stock: Alpha<8>,
        /// The time in seconds since midnight.
        release_time: u32,
        /// `A` if it is expected, `C` if it is postponed.
        qualifier: Alpha<1>,
        /// The price of the new shares, with four decimal places.
        price: u32,
    }
    /// The prices between which a paused stock may reopen.
    b'J' AuctionCollar {
        /// Its symbol.
        stock: Alpha<8>,
        /// The price that the others are computed from, with four decimal places.
        reference_price: u32,
        /// The highest price.
        upper_price: u32,
        /// The lowest price.
        lower_price: u32,
        /// How often the range was widened.
        extension: u32,
    }
    /// One market stops or continues to trade a stock because of its own systems.
    b'h' OperationalHalt {
        /// Its symbol.
        stock: Alpha<8>,
        /// The market: `Q` is Nasdaq, `B` is BX and `X` is PSX.
        market: Alpha<1>,
        /// Which of the two.
        action: HaltAction,
    }
    /// An order entered the book.
    b'A' AddOrder {
        /// The order.
        order: u64,
        /// Buy or sell.
        side: Side,
        /// The quantity.
        shares: u32,
        /// The stock.
        stock: Alpha<8>,
        /// The limit price, with four decimal places.
        price: u32,
    }
    /// An order entered the book, and its participant is named.
    b'F' AddAttributedOrder {
        /// The order.
        order: u64,
        /// Buy or sell.
        side: Side,
        /// The quantity.
        shares: u32,
        /// The stock.
        stock: Alpha<8>,
        /// The limit price, with four decimal places.
        price: u32,
        /// The participant.
        mpid: Alpha<4>,
    }
    /// An order traded at its own price.
    b'E' OrderExecuted {
        /// The order.
        order: u64,
        /// The quantity that traded.
        shares: u32,
        /// The number of the trade.
        match_number: u64,
    }
    /// An order traded at another price, or in a cross.
    b'C' OrderExecutedWithPrice {
        /// The order.
        order: u64,
        /// The quantity that traded.
        shares: u32,
        /// The number of the trade.
        match_number: u64,
        /// `false` if another message reports the same quantity, as a cross does.
        printable: bool,
        /// The price of the trade, with four decimal places.
        price: u32,
    }
    /// A part of an order was cancelled.
    b'X' OrderCancel {
        /// The order.
        order: u64,
        /// The quantity that was cancelled.
        shares: u32,
    }
    /// An order was cancelled.
    b'D' OrderDelete {
        /// The order.
        order: u64,
    }
    /// An order was replaced. The new one has its side, stock and participant.
    b'U' OrderReplace {
        /// The order.
        order: u64,
        /// The new order.
        new_order: u64,
        /// The quantity of the new order.
        shares: u32,
        /// The limit price of the new order, with four decimal places.
        price: u32,
    }
    /// An order that the book does not show traded.
    b'P' Trade {
        /// The order; always 0 since July 2014.
        order: u64,
        /// Its side; always buy since July 2014.
        side: Side,
        /// The quantity that traded.
        shares: u32,
        /// The stock.
        stock: Alpha<8>,
        /// The price of the trade, with four decimal places.
        price: u32,
        /// The number of the trade.
        match_number: u64,
    }
    /// A cross ended. All of its quantity is in this message.
    b'Q' CrossTrade {
        /// The quantity that traded.
        shares: u64,
        /// The stock.
        stock: Alpha<8>,
        /// The price, with four decimal places.
        price: u32,
        /// The number of the trade.
        match_number: u64,
        /// `O` for the opening, `C` for the closing, `H` for the cross after a halt, `I` for one during the day.
        cross: Alpha<1>,
    }
    /// A trade was cancelled afterwards.
    b'B' BrokenTrade {
        /// The number of the trade.
        match_number: u64,
    }
    /// The imbalance of a cross that is to come.
    b'I' Imbalance {
        /// The quantity that could trade at the reference price.
        paired: u64,
        /// The quantity that could not.
        imbalance: u64,
        /// The side with more quantity.
        direction: Alpha<1>,
        /// The stock.
        stock: Alpha<8>,
        /// The price if only orders for the cross took part, with four decimal places.
        far_price: u32,
        /// The price if all orders took part.
        near_price: u32,
        /// The price that the quantities belong to.
        reference_price: u32,
        /// The kind of the cross.
        cross: Alpha<1>,
        /// How far the near price is from the reference price.
        variation: Alpha<1>,
    }
    /// Retail orders for a stock could get a better price.
    b'N' RetailInterest {
        /// The stock.
        stock: Alpha<8>,
        /// The sides with such orders.
        interest: Alpha<1>,
    }
    /// The price range of a direct listing.
    b'O' DirectListing {
        /// The stock.
        stock: Alpha<8>,
        /// `Y` if it can open.
        open_eligible: Alpha<1>,
        /// The lowest price that it can open at, with four decimal places.
        minimum_price: u32,
        /// The highest price that it can open at.
        maximum_price: u32,
        /// The price that it would open at.
        near_price: u32,
        /// When that price was computed, in nanoseconds since midnight.
        near_time: u64,
        /// The lower end of the collar.
        lower_price: u32,
        /// The upper end of the collar.
        upper_price: u32,
    }
}
