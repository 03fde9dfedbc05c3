//! What can befall Redis, or the way to it, or who writes there.

/// What befalls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The server is killed, and starts again with what it had.
    Killed,
    /// It is killed, and starts again with nothing.
    Emptied,
    /// It hangs.
    Hung,
    /// It is emptied.
    Flushed,
    /// A key is taken away.
    Deleted,
    /// Something else stands under a key.
    WrongType,
    /// Something is taken out of a key.
    MemberGone,
    /// Something is put into a key.
    MemberAdded,
    /// The term is none.
    OddTerm,
    /// It is full.
    Full,
    /// It follows another one.
    ReadOnly,
    /// Connections are cut.
    Cut,
    /// What is asked arrives late.
    Late,
    /// Connections are open, and nothing arrives.
    HalfOpen,
    /// The answer to a transaction is lost.
    LostReply,
    /// The writer dies.
    Dropped,
    /// Another one takes over while it lives.
    TakenOver,
}

/// All of them.
pub const FAULTS: [Fault; 17] = [
    Fault::Killed,
    Fault::Emptied,
    Fault::Hung,
    Fault::Flushed,
    Fault::Deleted,
    Fault::WrongType,
    Fault::MemberGone,
    Fault::MemberAdded,
    Fault::OddTerm,
    Fault::Full,
    Fault::ReadOnly,
    Fault::Cut,
    Fault::Late,
    Fault::HalfOpen,
    Fault::LostReply,
    Fault::Dropped,
    Fault::TakenOver,
];

impl Fault {
    /// Whether somebody does by hand what nobody should.
    #[must_use]
    pub const fn tampers(self) -> bool {
        matches!(
            self,
            Self::Deleted | Self::WrongType | Self::MemberGone | Self::MemberAdded | Self::OddTerm
        )
    }
}

/// Puts something else under a key.
pub const WRONG: &str = "local kind = redis.call('TYPE', KEYS[1]).ok; redis.call('DEL', KEYS[1]); \
    if kind == 'list' then redis.call('SET', KEYS[1], 'x') else redis.call('RPUSH', KEYS[1], 'x') \
    end";
/// Takes something out of it.
pub const GONE: &str = "local kind = redis.call('TYPE', KEYS[1]).ok; \
    if kind == 'zset' then redis.call('ZPOPMIN', KEYS[1]) \
    elseif kind == 'set' then redis.call('SPOP', KEYS[1]) \
    elseif kind == 'hash' then redis.call('HDEL', KEYS[1], redis.call('HKEYS', KEYS[1])[1]) end";
/// Puts something in.
pub const ADDED: &str = "local kind = redis.call('TYPE', KEYS[1]).ok; \
    if kind == 'zset' then redis.call('ZADD', KEYS[1], 7, 'x') \
    elseif kind == 'set' then redis.call('SADD', KEYS[1], '999') \
    elseif kind == 'hash' then redis.call('HSET', KEYS[1], 'x', 'y') end";
