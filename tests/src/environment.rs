//! Environment variables that configure the tests.

/// The number in an environment variable, if it is set. `_` may separate digits.
///
/// # Panics
/// Panics if the value is not a number.
#[must_use]
pub fn number_if_set(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?.replace('_', "");
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// The number in an environment variable, or `default` if it is not set.
///
/// # Panics
/// Panics if the value is not a number.
#[must_use]
pub fn number(name: &str, default: u64) -> u64 {
    number_if_set(name).unwrap_or(default)
}
