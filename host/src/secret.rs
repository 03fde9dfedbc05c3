//! Texts that are not shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A token, a password, or an address that may hold one. `Debug` does not show it, and
/// [`expose`](Self::expose) is the only way to the text for anything but serde.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema), schemars(inline))]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself. It belongs into no log, error or file.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "Secret(empty)" } else { "Secret(…)" })
    }
}

#[cfg(test)]
mod tests {
    use crate::json::Line;

    #[test]
    fn the_token_of_a_hello_is_read_and_written_and_not_shown() {
        let text = "{\"hello\":{\"format\":1,\"token\":\"hunter2\"}}";
        let line: Line = serde_json::from_str(text).unwrap();
        let Line::Hello(hello) = &line else { panic!("{line:?}") };
        assert_eq!(hello.token.as_ref().map(super::Secret::expose), Some("hunter2"));
        assert!(!format!("{line:?}").contains("hunter2"), "{line:?}");
        assert!(serde_json::to_string(&line).unwrap().contains("\"token\":\"hunter2\""));
    }
}
