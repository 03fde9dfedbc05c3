//! A batch as JSON, as it is stored in a ledger's inbox, for people and for programs.
//!
//! Amounts are strings, because many JSON readers read numbers as doubles.

use pricetime_engine::{AccountId, EpochNumber, MarketId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::batch::{Batch, Transfer};
use pricetime_journal::History;
use pricetime_journal::echo::{quoted, shorten};

/// The version of the format.
const FORMAT: u32 = 1;

/// Why a text is not a batch.
#[derive(Debug, thiserror::Error)]
pub enum BadBatch {
    /// It is not the expected JSON.
    #[error("a batch cannot be read: {}", shorten(&.0.to_string()))]
    Text(#[from] serde_json::Error),
    /// It has a later version.
    #[error(
        "a batch has format {0}, but this version reads only format {FORMAT}: use a later version"
    )]
    Format(u32),
    /// The batch is not the one that was written.
    #[error(
        "a batch states digest {}, but has {found}: it was changed; restore the original",
        shorten(.stated)
    )]
    Digest {
        /// The digest in the text.
        stated: String,
        /// The digest of the batch in the text.
        found: String,
    },
    /// This text is not a number.
    #[error("a batch cannot be read: {} is not a valid number", quoted(.0))]
    Number(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: u32,
    id: Uuid,
    digest: String,
    history: String,
    market: u32,
    epoch: u64,
    trades: u64,
    volume: String,
    notional: String,
    fees: String,
    platform: Uuid,
    trades_digest: String,
    transfers: Vec<(Uuid, String, String)>,
}

impl Batch {
    /// Returns the batch as JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        let transfer = |it: &Transfer| {
            (Uuid::from_u128(it.account.0), it.base.to_string(), it.quote.to_string())
        };
        let text = Text {
            format: FORMAT,
            id: self.id().0,
            digest: self.digest().to_string(),
            history: self.history.to_string(),
            market: self.market.0,
            epoch: self.epoch.0,
            trades: self.trades,
            volume: self.volume.to_string(),
            notional: self.notional.to_string(),
            fees: self.fees.to_string(),
            platform: Uuid::from_u128(self.platform.0),
            trades_digest: self.trades_digest.to_string(),
            transfers: self.transfers.iter().map(transfer).collect(),
        };
        // Strings and numbers always become JSON.
        serde_json::to_string(&text).unwrap_or_default()
    }

    /// Reads a batch from JSON. It does not [`check`](Self::check) whether a ledger may take the batch.
    ///
    /// # Errors
    /// Returns [`BadBatch`] if the text is not a batch in our format, or was changed.
    pub fn from_text(text: &str) -> Result<Self, BadBatch> {
        let text: Text = serde_json::from_str(text)?;
        if text.format != FORMAT {
            return Err(BadBatch::Format(text.format));
        }
        let mut transfers = Vec::with_capacity(text.transfers.len());
        for (account, base, quote) in &text.transfers {
            let account = AccountId(account.as_u128());
            transfers.push(Transfer { account, base: number(base)?, quote: number(quote)? });
        }
        let batch = Self {
            history: History(number_of(&text.history, |it| {
                it.parse::<History>().ok().map(|history| history.0)
            })?),
            market: MarketId(text.market),
            epoch: EpochNumber(text.epoch),
            trades: text.trades,
            volume: number(&text.volume)?,
            notional: number(&text.notional)?,
            fees: number(&text.fees)?,
            platform: AccountId(text.platform.as_u128()),
            trades_digest: number_of(&text.trades_digest, |it| it.parse().ok())?,
            transfers,
        };
        let found = batch.digest().to_string();
        if found == text.digest {
            return Ok(batch);
        }
        Err(BadBatch::Digest { stated: text.digest, found })
    }
}

fn number<T: core::str::FromStr>(text: &str) -> Result<T, BadBatch> {
    number_of(text, |text| text.parse().ok())
}

fn number_of<T>(text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, BadBatch> {
    parse(text).ok_or_else(|| BadBatch::Number(text.to_owned()))
}
