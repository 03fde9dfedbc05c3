//! Reads Redis with its own protocol over a plain socket. The code that checks the image must not share a
//! client with the code that writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use pricetime_engine::{MarketSnapshot, OrderKind, OrderRecord, Side};

use crate::wait::TIMEOUT;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Text, a status or a number.
    Text(Vec<u8>),
    /// No value.
    Nil,
    /// An array.
    Array(Vec<Self>),
    /// An error.
    Error(String),
}

impl Reply {
    fn texts(self) -> Vec<String> {
        let Self::Array(many) = self else { return Vec::new() };
        many.into_iter().map(Self::text).collect()
    }

    fn text(self) -> String {
        match self {
            // Bytes that are not text, such as members, are written in hexadecimal.
            Self::Text(bytes) => String::from_utf8(bytes).unwrap_or_else(|error| {
                error.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
            }),
            Self::Nil | Self::Array(_) | Self::Error(_) => String::new(),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub struct RawConnection(BufReader<TcpStream>);

impl RawConnection {
    /// Connects to a server on loopback.
    ///
    /// # Errors
    /// Returns an error if the server does not answer.
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a command and reads its reply.
    ///
    /// # Errors
    /// Returns an error if there is no reply.
    pub fn ask(&mut self, words: &[&str]) -> io::Result<Reply> {
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.0.get_mut().write_all(text.as_bytes())?;
        self.read_reply()
    }

    /// Reads the next message, which a subscriber gets without asking.
    ///
    /// # Errors
    /// Returns an error if no message arrives.
    pub fn receive(&mut self) -> io::Result<Vec<String>> {
        self.read_reply().map(Reply::texts)
    }

    fn read_reply(&mut self) -> io::Result<Reply> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let unexpected = || io::Error::other("an unexpected answer");
        let (kind, rest) = line.trim_end().split_at_checked(1).ok_or_else(unexpected)?;
        let length = rest.parse::<i64>();
        match (kind, length) {
            ("$" | "*", Ok(-1)) => Ok(Reply::Nil),
            ("$", Ok(length)) => {
                let mut bytes = vec![0; usize::try_from(length).map_err(|_| unexpected())? + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Ok(Reply::Text(bytes))
            }
            ("*", Ok(length)) => {
                (0..length).map(|_| self.read_reply()).collect::<Result<_, _>>().map(Reply::Array)
            }
            ("-", _) => Ok(Reply::Error(rest.to_owned())),
            ("+" | ":", _) => Ok(Reply::Text(rest.as_bytes().to_vec())),
            _ => Err(unexpected()),
        }
    }

    /// Reads all keys of a market in one transaction.
    ///
    /// # Errors
    /// Returns an error if there is no reply.
    pub fn read_market(&mut self, market: u32) -> io::Result<MarketKeys> {
        let key = |part: &str| format!("pricetime:dev:{{{market}}}:{part}");
        self.ask(&["MULTI"])?;
        self.ask(&["HGETALL", &key("metadata")])?;
        self.ask(&["ZREVRANGE", &key("bids"), "0", "-1", "WITHSCORES"])?;
        self.ask(&["ZRANGE", &key("asks"), "0", "-1", "WITHSCORES"])?;
        self.ask(&["HKEYS", &key("orders")])?;
        self.ask(&["HKEYS", &key("stops")])?;
        self.ask(&["ZCARD", &key("requests")])?;
        self.ask(&["SCARD", &key("blocked")])?;
        self.ask(&["GET", &key("epoch")])?;
        let Reply::Array(parts) = self.ask(&["EXEC"])? else {
            return Err(io::Error::other("no transaction"));
        };
        let mut parts = parts.into_iter();
        let mut next = || parts.next().unwrap_or(Reply::Nil);
        let pairs = |reply: Reply| {
            let texts = reply.texts();
            texts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect::<Vec<_>>()
        };
        let metadata = pairs(next()).into_iter().collect();
        let [bids, asks] = [next(), next()].map(side);
        let [orders, stops] = [next(), next()].map(|reply| reply.texts().into_iter().collect());
        let [requests, blocked, epoch] = [next(), next(), next()].map(Reply::text);
        Ok(MarketKeys { metadata, bids, asks, orders, stops, requests, blocked, epoch })
    }
}

/// The ids and scores of a side, in the order of its sorted set.
fn side(reply: Reply) -> Vec<(String, String)> {
    let Reply::Array(many) = reply else { return Vec::new() };
    let of = |pair: &[Reply]| {
        let Some(Reply::Text(member)) = pair.first() else { return Default::default() };
        let id: String = member.iter().skip(8).map(|byte| format!("{byte:02x}")).collect();
        (id, pair[1].clone().text())
    };
    many.chunks_exact(2).map(of).collect()
}

/// The content of a market's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketKeys {
    /// Its metadata.
    pub metadata: BTreeMap<String, String>,
    /// Ids and scores, in the order in which a reader gets them.
    pub bids: Vec<(String, String)>,
    /// Ids and scores, in the order in which a reader gets them.
    pub asks: Vec<(String, String)>,
    orders: BTreeSet<String>,
    stops: BTreeSet<String>,
    requests: String,
    blocked: String,
    epoch: String,
}

impl MarketKeys {
    /// The value of a metadata field.
    #[must_use]
    pub fn field(&self, field: &str) -> &str {
        self.metadata.get(field).map_or("", String::as_str)
    }

    /// The content that a reader must find if this is the market's state.
    #[must_use]
    pub fn of(state: &MarketSnapshot) -> Self {
        let [bids, asks] = [Side::Buy, Side::Sell].map(|side| queue(state, side));
        let price = |queue: &[(String, String)]| {
            let priced = queue.iter().find(|(_, score)| !score.ends_with("inf"));
            priced.map_or_else(String::new, |(_, score)| score.clone())
        };
        let (bid, ask) = (price(&bids), price(&asks));
        let both = bid.parse::<i64>().ok().zip(ask.parse::<i64>().ok());
        let field = |id: &OrderRecord| {
            let hex = format!("{:032x}", id.party.order.0);
            let cut = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex[range].to_owned());
            cut.join("-")
        };
        let keys = Self {
            metadata: BTreeMap::new(),
            orders: state.resting.iter().map(field).collect(),
            stops: state.waiting.iter().map(field).collect(),
            requests: state.requests.len().to_string(),
            blocked: state.blocked.len().to_string(),
            epoch: state.head.epoch.0.to_string(),
            bids,
            asks,
        };
        let half = |sum: i64| {
            format!("{}{}", if sum < 0 { "-" } else { "" }, sum.abs() / 2)
                + if sum % 2 == 0 { "" } else { ".5" }
        };
        let fields = [
            ("best_bid", bid),
            ("best_ask", ask),
            ("spread", both.map_or_else(String::new, |(bid, ask)| (ask - bid).to_string())),
            ("mid", both.map_or_else(String::new, |(bid, ask)| half(bid + ask))),
            ("bids", keys.bids.len().to_string()),
            ("asks", keys.asks.len().to_string()),
            ("stops", keys.stops.len().to_string()),
            ("requests", keys.requests.clone()),
            ("blocked", keys.blocked.clone()),
            ("epoch", keys.epoch.clone()),
            ("digest", format!("{:032x}", state.digest())),
        ];
        let metadata = fields.into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
        Self { metadata, ..keys }
    }

    /// Keeps only the metadata fields that the other one has too.
    #[must_use]
    pub fn like(mut self, other: &Self) -> Self {
        self.metadata.retain(|field, _| other.metadata.contains_key(field));
        self
    }
}

/// The ids of a side in the order in which they would trade, with their scores.
fn queue(state: &MarketSnapshot, side: Side) -> Vec<(String, String)> {
    let mut orders: Vec<_> = state.resting.iter().filter(|order| order.side == side).collect();
    let unpriced = |order: &OrderRecord| matches!(order.kind, OrderKind::Market);
    orders.sort_by_key(|order| {
        let price = order.kind.price().map_or(0, |price| price.0);
        let worse = if side == Side::Buy { -i128::from(price) } else { i128::from(price) };
        (!unpriced(order), worse, order.priority)
    });
    let infinite = if side == Side::Buy { "inf" } else { "-inf" };
    let score = |order: &OrderRecord| {
        order.kind.price().map_or_else(|| infinite.to_owned(), |price| price.0.to_string())
    };
    orders.iter().map(|order| (format!("{:032x}", order.party.order.0), score(order))).collect()
}
