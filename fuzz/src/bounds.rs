//! Checks that apply to every reader of untrusted bytes.

use std::fmt::Display;

/// The longest error, in characters. `pricetime_journal::echo` shortens what it repeats, and a name
/// may come before it.
const ERROR_MAX: usize = 1_200;

/// Calls `read`, which may use at most this much memory per byte of the input, plus a constant.
pub fn frugally<T>(bytes: usize, each: u64, read: impl FnOnce() -> T) -> T {
    let mut found = None;
    let taken = allocation_counter::measure(|| found = Some(read())).bytes_max;
    let most = each * bytes as u64 + 32_768;
    assert!(taken <= most, "{taken} bytes of memory for {bytes}");
    found.expect("it was called")
}

/// Checks that an error is not empty and repeats only a limited amount of input. Returns its text.
pub fn short(error: &impl Display) -> String {
    let said = error.to_string();
    assert!(!said.is_empty());
    assert!(said.chars().count() <= ERROR_MAX, "{said}");
    said
}

/// The value of every secret in an input. Nothing else in the input contains it.
pub const SECRET: &str = "hunter2-correct-horse";

/// Checks that a text does not contain the secret.
pub fn unseen(said: &str, of: &str) {
    assert!(!said.contains(SECRET), "{said}\nof: {of}");
}
