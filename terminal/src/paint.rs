//! Colors: whether they are used, and what they mean.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;

use clap::ColorChoice;
use clap::builder::styling::{AnsiColor, Style};

/// The meaning of a text, which decides its color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Right, accepted, posted.
    Good,
    /// Wrong, refused, damaged.
    Bad,
    /// Needs attention, or is not done yet.
    Warning,
    /// The buyers' side of a book.
    Buy,
    /// The sellers' side of a book.
    Sell,
    /// The heading of a part.
    Heading,
    /// The heading of a column, or a name.
    Strong,
    /// Less important than the text around it.
    Faint,
}

impl Tone {
    const fn style(self) -> Style {
        match self {
            Self::Good | Self::Buy => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Sell => AnsiColor::Red.on_default(),
            Self::Heading => Style::new().bold().underline(),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

/// Whether a stream takes colors. The default is that it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint(bool);

/// What was decided for standard output and standard error.
static DECIDED: OnceLock<[Paint; 2]> = OnceLock::new();

/// Decides for both streams whether they take colors. Only the first call has an effect.
///
/// With [`ColorChoice::Auto`], `NO_COLOR` switches colors off, `CLICOLOR_FORCE` switches them on, and
/// otherwise a stream takes them if it is a terminal, `TERM` is set and not `dumb`, and `CLICOLOR` is not 0.
pub fn decide(choice: ColorChoice) {
    let of = |is_terminal| Paint(is_wanted(choice, is_terminal, |name| std::env::var_os(name)));
    DECIDED.get_or_init(|| [of(io::stdout().is_terminal()), of(io::stderr().is_terminal())]);
}

fn is_wanted(
    choice: ColorChoice,
    is_terminal: bool,
    variable: impl Fn(&str) -> Option<OsString>,
) -> bool {
    let non_empty = |name| variable(name).filter(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if non_empty("NO_COLOR").is_some() => false,
        ColorChoice::Auto if non_empty("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        ColorChoice::Auto => {
            is_terminal
                && non_empty("TERM").is_some_and(|term| term != "dumb")
                && non_empty("CLICOLOR").is_none_or(|value| value != "0")
        }
    }
}

impl Paint {
    /// Uses colors, whatever was decided.
    pub const ON: Self = Self(true);
    /// Uses no colors, whatever was decided.
    pub const OFF: Self = Self(false);

    /// For standard output. Uses no colors before [`decide`] is called.
    pub fn out() -> Self {
        DECIDED.get().map_or(Self::OFF, |decided| decided[0])
    }

    /// For standard error. Uses no colors before [`decide`] is called.
    pub fn err() -> Self {
        DECIDED.get().map_or(Self::OFF, |decided| decided[1])
    }

    /// Returns `true` if the stream takes colors.
    pub const fn is_on(self) -> bool {
        self.0
    }

    /// A text in the color of its meaning. Width and alignment do not apply to it, so pad the text first.
    pub const fn text<T: Display>(self, tone: Tone, text: T) -> impl Display {
        Painted { style: if self.0 { tone.style() } else { Style::new() }, text }
    }
}

struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { style, text } = self;
        write!(f, "{style}{text}{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::{ColorChoice, Paint, Tone, is_wanted};

    #[test]
    fn variables_decide_only_if_the_option_is_auto() {
        let term = ("TERM", "xterm");
        for (set, on_terminal, on_pipe) in [
            (&[][..], false, false),
            (&[term], true, false),
            (&[("TERM", "dumb")], false, false),
            (&[term, ("NO_COLOR", "1")], false, false),
            (&[term, ("NO_COLOR", "")], true, false),
            (&[("CLICOLOR_FORCE", "1")], true, true),
            (&[term, ("CLICOLOR_FORCE", "0")], true, false),
            (&[term, ("CLICOLOR", "0")], false, false),
            (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false, false),
        ] {
            let variable = |name: &str| {
                set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).into())
            };
            let decide = |choice, is_terminal| is_wanted(choice, is_terminal, variable);
            assert_eq!(decide(ColorChoice::Auto, true), on_terminal, "{set:?}");
            assert_eq!(decide(ColorChoice::Auto, false), on_pipe, "{set:?}");
            assert!(decide(ColorChoice::Always, false), "{set:?}");
            assert!(!decide(ColorChoice::Never, true), "{set:?}");
        }
    }

    #[test]
    fn text_without_colors_has_no_escape() {
        assert_eq!(Paint::OFF.text(Tone::Bad, "no").to_string(), "no");
        let red = Paint::ON.text(Tone::Sell, 7).to_string();
        assert_eq!(red, "\x1b[31m7\x1b[0m");
        // Nothing was decided in this process.
        assert_eq!((Paint::out(), Paint::err()), (Paint::OFF, Paint::OFF));
    }
}
