//! What whoever runs the tests has chosen.

/// The number that a variable of the environment holds, if it is set; `_` may stand between digits.
///
/// # Panics
/// Where it holds something else.
#[must_use]
pub fn chosen(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?.replace('_', "");
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// The same, or else this one.
///
/// # Panics
/// Where it holds something else.
#[must_use]
pub fn number(name: &str, otherwise: u64) -> u64 {
    chosen(name).unwrap_or(otherwise)
}
