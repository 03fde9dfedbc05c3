//! The promise: what was traded is settled by the program, and can be looked at and put right.
