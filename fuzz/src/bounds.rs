//! What holds of every reader of bytes, whatever they are.

use std::fmt::Display;

/// The longest error, in characters: `pricetime_journal::echo` shortens what it repeats, and a name may stand
/// before it.
const ERROR_MAX: usize = 1_200;

/// Reads with at most this much memory for each byte of the input, and a constant.
pub fn frugally<T>(bytes: usize, each: u64, read: impl FnOnce() -> T) -> T {
    let mut found = None;
    let taken = allocation_counter::measure(|| found = Some(read())).bytes_max;
    let most = each * bytes as u64 + 32_768;
    assert!(taken <= most, "{taken} bytes of memory for {bytes}");
    found.expect("it was called")
}

/// Looks at an error: it says something, and repeats only so much. Returns its text.
pub fn short(error: &impl Display) -> String {
    let said = error.to_string();
    assert!(!said.is_empty());
    assert!(said.chars().count() <= ERROR_MAX, "{said}");
    said
}

/// Stands wherever a secret stands. Nothing else in an input contains it.
pub const SECRET: &str = "hunter2-correct-horse";

/// Looks that a text shows no secret.
pub fn unseen(said: &str, of: &str) {
    assert!(!said.contains(SECRET), "{said}\nof: {of}");
}
