//! Checks that apply to every reader of untrusted bytes.

use std::fmt::Display;

/// The longest error, in characters. `pricetime_journal::echo` shortens what it repeats, and a name
/// may come before it.
const ERROR_MAX: usize = 1_200;

/// Calls `read`, which may use at most this much memory per byte of the input, plus a constant.
pub fn with_memory_limit<T>(bytes: usize, each: u64, read: impl FnOnce() -> T) -> T {
    let mut found = None;
    let taken = allocation_counter::measure(|| found = Some(read())).bytes_max;
    let most = each * bytes as u64 + 32_768;
    assert!(taken <= most, "{taken} bytes of memory for {bytes}");
    found.expect("it was called")
}

/// Checks that an error is not empty and repeats only a limited amount of input. Returns its text.
pub fn checked_error(error: &impl Display) -> String {
    let text = error.to_string();
    assert!(!text.is_empty());
    assert!(text.chars().count() <= ERROR_MAX, "{text}");
    text
}

/// The value of every secret in an input. Nothing else in the input contains it.
pub const SECRET: &str = "hunter2-correct-horse";

/// Checks that a text does not contain the secret.
pub fn assert_no_secret(text: &str, input: &str) {
    assert!(!text.contains(SECRET), "{text}\nof: {input}");
}
