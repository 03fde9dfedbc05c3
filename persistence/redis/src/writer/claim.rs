//! Which writer a market belongs to.

use pricetime_engine::MarketId;
use redis::{Pipeline, Value};

use super::{Task, Version};
use crate::keys::Part;
use crate::link::ReplyTimeout;
use crate::options::RedisError;

/// What the keys of a market contain.
pub(super) struct Stored {
    /// The version of the image, or `None` if there is no image.
    pub(super) version: Option<Version>,
}

/// The fields that identify the writer and the state.
const CLAIM_FIELDS: [&str; 6] = ["term", "writer", "history", "epoch", "sequence", "digest"];

impl Task<'_> {
    /// Claims the market with the next term, unless it is ours already. A market that another writer has
    /// taken from us is not taken back while that writer's claim stands.
    pub(super) fn claim(&mut self, id: MarketId) -> Result<(), RedisError> {
        if self.market.term.is_some() {
            return Ok(());
        }
        let keys = self.market.keys.clone();
        let (base_name, floor, last_term, reduced_term) =
            (self.name, *self.floor, self.market.last_term, self.market.reduced_term);
        let name = match reduced_term {
            None => base_name.to_owned(),
            Some(_) => {
                self.market.reclaims += 1;
                format!("{base_name}-{}", self.market.reclaims)
            }
        };
        // A market that did not exist at the takeover belongs to the first writer that claims it.
        let (parts, is_new) = (self.parts(), self.yields_new_markets && last_term == 0);
        let ours = reduced_term.or((last_term > 0).then_some(last_term));
        let claimed = self.link.with(&keys.metadata, ReplyTimeout::Control, |connection| {
            let mut check = redis::pipe();
            check.cmd("WATCH").arg(&keys.metadata).ignore();
            check.cmd("TYPE").arg(&keys.metadata);
            let (kind,): (String,) = check.query(connection)?;
            let mut transaction = redis::pipe();
            transaction.atomic();
            let (term, writer) = if kind == "hash" {
                let mut claim_fields = redis::cmd("HMGET");
                let claim_fields =
                    claim_fields.arg(&keys.metadata).arg("term").arg("writer").query(connection)?;
                term_and_writer(&mut texts(claim_fields).into_iter())
            } else {
                if kind != "none" {
                    // The key holds something that is not an image, which is in the way.
                    transaction.cmd("UNLINK").arg(&keys.metadata).ignore();
                }
                (None, None)
            };
            let before = term.unwrap_or_default();
            let other = writer.as_ref().filter(|writer| !writer.starts_with(base_name));
            // Only a writer with a name can have replaced us. Once one has, an image with half a claim
            // may still belong to that writer. The claim is over only if there is no image.
            let replaced = ours.is_some_and(|ours| before >= ours) && other.is_some();
            let half_claimed = other.map_or(writer.is_none(), |_| term.is_none());
            let orphaned = reduced_term.is_some() && kind == "hash" && half_claimed;
            if replaced || orphaned || (is_new && other.is_some()) {
                return Ok(Err((before, writer.unwrap_or_default())));
            }
            let term = reduced_term.unwrap_or_else(|| before.max(floor).saturating_add(1));
            transaction.cmd("HSET").arg(&keys.metadata).arg("term").arg(term);
            transaction.arg("writer").arg(&name).ignore();
            if let Some(writer) = writer {
                // What the previous writer left unfinished.
                unlink_spare(&mut transaction, &keys, parts, (&writer, before));
            }
            let done: Value = transaction.query(connection)?;
            Ok(Ok((done != Value::Nil).then_some(term)))
        })?;
        match claimed {
            Ok(Some(term)) => {
                self.market.term = Some(term);
                self.market.last_term = term;
                self.market.name = name;
                *self.floor = (*self.floor).max(term);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(theirs) => Err(self.fenced(id, theirs)),
        }
    }

    /// The market belongs to another writer, and its contents are no longer known. It may become ours
    /// again, but only under a term below the other writer's.
    fn fenced(&mut self, id: MarketId, (theirs, writer): (u64, String)) -> RedisError {
        let ours = self.market.reduced_term.unwrap_or(self.market.last_term);
        // Zero stands for a term that cannot be read.
        self.market.reduced_term =
            Some(theirs.checked_sub(1).map_or(ours, |below| ours.min(below)));
        self.market.contents = None;
        self.market.attempt = None;
        RedisError::Fenced { market: id.0, ours, theirs, writer }
    }

    /// Watches the keys of the market and reads the version that they contain. Returns `None` if the
    /// market is not ours, or no longer, and has to be claimed again.
    pub(super) fn stored(&mut self, id: MarketId) -> Result<Option<Stored>, RedisError> {
        let Some(ours) = self.market.term else { return Ok(None) };
        let keys = self.market.keys.clone();
        let mut check = redis::pipe();
        let parts = self.parts();
        check.cmd("WATCH").arg(keys.of(parts).collect::<Vec<_>>()).ignore();
        check.cmd("TYPE").arg(&keys.metadata);
        for part in parts {
            check.cmd("TYPE").arg(keys.part(*part));
        }
        let claim_fields = self.link.with(&keys.metadata, ReplyTimeout::Control, |connection| {
            let kinds: Vec<String> = check.query(connection)?;
            let (metadata, rest) = kinds
                .split_first()
                .map_or(("none", &[][..]), |(first, rest)| (first.as_str(), rest));
            let type_matches =
                |(kind, part): (&String, &Part)| kind == "none" || kind == part.kind();
            let types_match = rest.iter().zip(parts).all(type_matches);
            if metadata != "hash" {
                return Ok(None);
            }
            let claim_fields =
                redis::cmd("HMGET").arg(&keys.metadata).arg(&CLAIM_FIELDS).query(connection)?;
            Ok(Some((texts(claim_fields), types_match)))
        })?;
        // Without metadata the market has to be claimed again.
        let Some((claim_fields, types_match)) = claim_fields else { return Ok(self.give_up()) };
        let mut claim_fields = claim_fields.into_iter();
        match term_and_writer(&mut claim_fields) {
            (Some(term), Some(writer)) if term == ours && writer == self.market.name => {}
            (Some(theirs), Some(writer)) if theirs >= ours && !writer.starts_with(self.name) => {
                return Err(self.fenced(id, (theirs, writer)));
            }
            // An older state of the server came back, or another client edited the claim.
            _ => return Ok(self.give_up()),
        }
        let mut next = || claim_fields.next().flatten();
        let version = (|| {
            Some(Version { history: next()?, epoch: next()?, sequence: next()?, digest: next()? })
        })();
        Ok(Some(Stored { version: version.filter(|_| types_match) }))
    }

    pub(super) fn give_up<T>(&mut self) -> Option<T> {
        self.give_up_term();
        self.market.contents = None;
        self.market.attempt = None;
        None
    }

    /// Gives up the term after a failure, because the last request may still be carried out. The next
    /// claim changes the metadata, which every transaction watches, and the names of the second
    /// generation. After that no request of this term can change anything.
    pub(super) fn give_up_term(&mut self) {
        self.market.spare = None;
        if let Some(term) = self.market.term.take() {
            let [fresh, _] = &mut self.market.abandoned;
            fresh.push((self.market.name.clone(), term));
        }
    }
}

/// Deletes what a writer left of its second generation.
pub(super) fn unlink_spare(
    to: &mut Pipeline,
    keys: &crate::keys::Keys,
    parts: &[Part],
    (writer, term): (&str, u64),
) {
    for part in parts {
        let (spare, old) = (keys.spare(*part, writer, term), keys.old(*part, writer, term));
        to.cmd("UNLINK").arg(spare).arg(old).ignore();
    }
}

/// The texts of fields. Bytes that are not UTF-8 are replaced.
pub(super) fn texts(fields: Vec<Option<Vec<u8>>>) -> Vec<Option<String>> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    fields.into_iter().map(|field| field.map(text)).collect()
}

/// The term and the writer, the first two of the fields.
pub(super) fn term_and_writer(
    fields: &mut impl Iterator<Item = Option<String>>,
) -> (Option<u64>, Option<String>) {
    let term = fields.next().flatten();
    (term.and_then(|term| term.parse().ok()), fields.next().flatten())
}
