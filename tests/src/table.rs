//! Golden tables that a trader can read: scenarios as text, with one command per line and its events beside
//! it.
//!
//! The same table tests the engine and the reference model. You can read or write one without knowing the
//! API:
//!
//! ```text
//! scenario: the older order trades first
//! place A1 alice sell 5 @ 101 -> accepted
//! place A2 anna sell 5 @ 101 -> accepted
//! place B1 bob buy 7 @ 102 -> accepted, traded A1 5 @ 101, traded A2 2 @ 101
//! book - | A2 3 @ 101
//! ```
//!
//! # Files
//! `scenario: name` starts a scenario with its own engine. `setup: name` collects lines that scenarios of
//! the file share; the line `after name` runs them. Blank lines are ignored, and so is everything after a
//! `#` and a space. An indented line continues the previous one. `repeat i 1..5000: line` runs a line once
//! for each number, with `{i}` and `{2*i+1}` replaced.
//!
//! # The market
//! By default a scenario has one market, number 1, in Continuous: prices from −1,000,000 to 1,000,000,
//! trades at the maker's price, no protection, no reference. To change that, write `market key=value …`
//! before the first command. The keys are `id symbol tick lot pricing quantity_max orders_max account_max
//! requests_max blocked_max parts_max band protection reference fees phase`, as in
//! `market phase=call band=-5..500 protection=10 reference=100 fees=-10/30 tick=25e-2`. Several such lines
//! make several markets, `no market` makes none, and `engine markets_max=2` limits them.
//!
//! # Commands
//! ```text
//! place ORDER ACCOUNT buy|sell N [@ PRICE | market] [stop PRICE] [ioc | fok | gtd TIME | epochs N]
//!     [post-only] [min N] [show N] [ref N]
//!     [stp none|cancel-taker|cancel-maker|cancel-both|decrement]
//! amend ORDER ACCOUNT [qty N] [@ PRICE] [stop PRICE] [if-open N] [requeue]
//! cancel ORDER ACCOUNT
//! cancel-all ACCOUNT|everyone [buys|sells]
//! phase continuous|call|halted|closed      close epoch N      advance
//! block ACCOUNT      unblock ACCOUNT
//! add key=value …      set key=value …      remove
//! ```
//! Each command may end in `by ACCOUNT` (the sender, if it is not the account named), `operator`, or
//! `request N`. The account `op` is the operator, and sends the commands that name no account. `set`
//! changes the terms that it names and repeats the others. A command may begin with `in 2:` (market),
//! `at 10:` (its timestamp) and `seq 7:` (its number). A separate line `time 100` sets the timestamp of
//! the commands after it.
//!
//! A name has up to 16 letters, which are its id. `0x1f` is an id that is not a name, and `min` and `max`
//! are the limits of a number's type. An order without `ref` uses the letters of its name as its reference.
//!
//! # Expected events
//! After ` -> ` come all events of the command, in order, separated by commas; `nothing` if there are none.
//! A missing or unexpected event is a failure. `each i 1..9: traded S{i} 1 @ 100` represents nine events.
//! Parts in brackets are optional:
//!
//! ```text
//! accepted [#PRIORITY]                         rejected REASON
//! traded MAKER N @ PRICE [no N] [left N/N]     traded MAKER x TAKER N @ PRICE …
//! cancelled N REASON     cancelled ORDER N     reduced ORDER by N to N [showing N]
//! amended N @ PRICE [stop PRICE] [showing N] [requeued] [#PRIORITY]
//! triggered ORDER [#PRIORITY]                  replenished ORDER showing N of N [#PRIORITY]
//! now PHASE   market added   terms set   market removed   blocked ACCOUNT   unblocked ACCOUNT
//! duplicate accepted [of SEQUENCE] [other content]
//! closed N [clearing PRICE x N surplus N] [sequences N..N] [open N high N low N close N]
//!     [volume N notional N trades N] [last trade N] [accepted N cancelled N]
//!     [bids N for N best N] [buy stops N for N] [asks N for N best N] [sell stops N for N] [next #N]
//! ```
//! If an event names no order, it is about the order that the command names, or the stop elected last: the
//! taker of a trade, or the cancelled order. `showing`, `requeued`, `clearing` and `other content` may be
//! omitted only if they do not apply. Omitted parts are checked nevertheless, against a state that is
//! computed from the events alone. If an event's number, priority, remainder, owner, reference, time or total
//! differs from the expected one, the event is printed with `(number 5 not 4)`, which no line expects.
//!
//! # Queries
//! `book B1 5 @ 99, B2 2+8 @ 98 | A1 4 @ 101` is every order in the book, best first, as `shown+hidden`.
//! `depth 15 in 2 @ 99 | -` is the public view of its levels. Further queries: `best 99 / 101`;
//! `stops S1 buy 3 stop 105`; `indicative 100 x 40 surplus -5`; `last 101`; `epoch 2`; `next #9`;
//! `is call`; `blocked bob`.

mod command;
mod describe;
mod known_state;
mod phrase;
mod run;
mod script;
mod spec;
mod state;
mod words;

use pricetime_engine::{Clearing, MarketId};

use crate::Core;

pub use run::{Verdict, run};

/// A core that a table can test.
pub trait TableCore: Core {
    /// Checks the invariants.
    ///
    /// # Errors
    /// Returns a description of the first one that does not hold.
    fn audit(&self) -> Result<(), String>;
    /// What an uncross would do now, in Call.
    fn indicative(&self, market: MarketId) -> Option<Clearing>;
}
