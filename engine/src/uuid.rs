//! Conversion of ids to and from UUIDs, which keeps every bit.

use uuid::Uuid;

use crate::quantity::{AccountId, MarketId, OrderId, RequestId, TradeNumber};

/// The namespace of the UUIDs of trades.
const TRADES: Uuid = Uuid::from_u128(0x8d5b_5ad3_9f2e_4c53_9a55_2d3c_0f6b_7c11);

/// Converts an id to a UUID and back.
macro_rules! ids {
    ($($name:ident),*) => {$(
        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid.as_u128())
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                Self::from_u128(id.0)
            }
        }
    )*};
}

ids!(OrderId, AccountId, RequestId);

impl TradeNumber {
    /// The trade's UUID: version 5 of the market's id and this number, both as big-endian bytes.
    #[must_use]
    pub fn uuid(self, market: MarketId) -> Uuid {
        let mut name = [0; 12];
        let (first, last) = name.split_at_mut(4);
        first.copy_from_slice(&market.0.to_be_bytes());
        last.copy_from_slice(&self.0.to_be_bytes());
        Uuid::new_v5(&TRADES, &name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_survives_conversion_to_an_order_id() {
        let uuid = Uuid::from_u128(0x0193_4d7c_9d1f_7abc_8def_0123_4567_89ab);
        assert_eq!(Uuid::from(OrderId::from(uuid)), uuid);
    }

    #[test]
    fn trade_uuid_is_stable_and_unique() {
        let uuid = TradeNumber(1).uuid(MarketId(1));
        assert_eq!(uuid.get_version_num(), 5);
        assert_eq!(uuid, TradeNumber(1).uuid(MarketId(1)));
        assert_ne!(uuid, TradeNumber(2).uuid(MarketId(1)));
        assert_ne!(uuid, TradeNumber(1).uuid(MarketId(2)));
    }
}
