//! Faults of Redis, of the connection to it, or of a writer.

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The server is killed, and restarts with its data.
    Killed,
    /// The server is killed, and restarts empty.
    Emptied,
    /// The server hangs.
    Hung,
    /// All keys are deleted.
    Flushed,
    /// One key is deleted.
    Deleted,
    /// A key gets a value of another type.
    WrongType,
    /// A member of a key is removed.
    MemberGone,
    /// A member is added to a key.
    MemberAdded,
    /// The term is not a valid number.
    OddTerm,
    /// The memory limit is reached.
    Full,
    /// The server becomes a replica of another one.
    ReadOnly,
    /// Connections are cut.
    Cut,
    /// Requests arrive late.
    Late,
    /// Connections stay open, and nothing arrives.
    HalfOpen,
    /// The reply to a transaction is lost.
    LostReply,
    /// The writer dies.
    Dropped,
    /// Another writer takes over while it lives.
    TakenOver,
}

/// All faults.
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
    /// Returns `true` if the fault is a change by hand, against the rules.
    #[must_use]
    pub const fn is_tampering(self) -> bool {
        matches!(
            self,
            Self::Deleted | Self::WrongType | Self::MemberGone | Self::MemberAdded | Self::OddTerm
        )
    }
}

/// Replaces a key with a value of another type.
pub const WRONG_TYPE_SCRIPT: &str = "local kind = redis.call('TYPE', KEYS[1]).ok; redis.call('DEL', KEYS[1]); \
    if kind == 'list' then redis.call('SET', KEYS[1], 'x') else redis.call('RPUSH', KEYS[1], 'x') \
    end";
/// Removes a member from a key.
pub const REMOVE_MEMBER_SCRIPT: &str = "local kind = redis.call('TYPE', KEYS[1]).ok; \
    if kind == 'zset' then redis.call('ZPOPMIN', KEYS[1]) \
    elseif kind == 'set' then redis.call('SPOP', KEYS[1]) \
    elseif kind == 'hash' then redis.call('HDEL', KEYS[1], redis.call('HKEYS', KEYS[1])[1]) end";
/// Adds a member to a key.
pub const ADD_MEMBER_SCRIPT: &str = "local kind = redis.call('TYPE', KEYS[1]).ok; \
    if kind == 'zset' then redis.call('ZADD', KEYS[1], 7, 'x') \
    elseif kind == 'set' then redis.call('SADD', KEYS[1], '999') \
    elseif kind == 'hash' then redis.call('HSET', KEYS[1], 'x', 'y') end";
