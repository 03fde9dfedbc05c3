//! Tables that a trader can read: scenarios as text, one command a line, what it causes beside it.
//!
//! A golden table judges the engine and the reference model alike, and nobody needs to know the API
//! to read one or to write one:
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
//! `scenario: name` starts a scenario with an engine of its own. `setup: name` gathers lines that
//! scenarios of the file share; the line `after name` plays them. Blank lines count
//! for nothing, nor does what follows a `#` and a space. An indented line continues the one above.
//! `repeat i 1..5000: line` plays a line once for each number, with `{i}`, `{2*i+1}` put in.
//!
//! # The market
//! Unless a scenario says otherwise it has one market, number 1, in Continuous: prices from
//! −1,000,000 to 1,000,000, trades at the maker's price, no protection, no reference. To say
//! otherwise, `market key=value …` before the first command: `id symbol tick lot pricing
//! quantity_max orders_max account_max requests_max blocked_max parts_max band protection reference fees
//! phase`, as in `market phase=call band=-5..500 protection=10 reference=100 fees=-10/30
//! tick=25e-2`. Several such lines make several markets, `no market` makes none, and `engine
//! markets_max=2` limits them.
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
//! Each may end in `by ACCOUNT` (who speaks, where it is not the one named), `operator`, `request
//! N`. The account `op` is the operator, and speaks where nobody is named. `set` changes the terms
//! that it names and repeats the others. In front may stand `in 2:` (market), `at 10:` (its
//! timestamp) and `seq 7:` (its number); `time 100` on a line of its own stamps what follows.
//!
//! Names are up to 16 letters and are their own ids; `0x1f` is an id that is no name, and `min` and
//! `max` are the ends of a number's type. An order without `ref` has the letters of its name for
//! one.
//!
//! # What is expected
//! After ` -> ` stand all events of the command, in order, with commas between; `nothing` if there
//! are none. An event that is missing or not expected fails. `each i 1..9: traded S{i} 1 @ 100`
//! stands for nine events. Parts in brackets may be left out:
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
//! The order that the command names, or the stop elected last, is the one meant where an event
//! names none: the taker of a trade, or who was cancelled. `showing`, `requeued`, `clearing` and
//! `other content` are left out only where there is nothing to say. What may be left out is checked
//! all the same: a ledger keeps the books from the events alone, and where an event's number,
//! priority, remainder, owner, reference, time or total is not the one due, the event is printed
//! with `(number 5 not 4)`, which no line expects.
//!
//! # Looking
//! `book B1 5 @ 99, B2 2+8 @ 98 | A1 4 @ 101` is every order in the book, best first,
//! `shown+hidden`; `depth 15 in 2 @ 99 | -` its levels as the public sees them; `best 99 / 101`;
//! `stops S1 buy 3 stop 105`; `indicative 100 x 40 surplus -5`; `last 101`; `epoch 2`; `next #9`;
//! `is call`; `blocked bob`.

mod command;
mod ledger;
mod run;
mod say;
mod saying;
mod script;
mod spec;
mod state;
mod words;

use pricetime_engine::{Clearing, MarketId};

use crate::Core;

pub use run::{Verdict, run};

/// What a table can judge.
pub trait Judged: Core {
    /// The first invariant that is broken, in words.
    ///
    /// # Errors
    /// Where one is.
    fn audit(&self) -> Result<(), String>;
    /// What an uncross would do now, in Call.
    fn indicative(&self, market: MarketId) -> Option<Clearing>;
}
