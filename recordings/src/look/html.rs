//! Text in HTML.

use std::fmt::{self, Display, Write};

/// Text that shows as itself, whatever is in it.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A decimal with a comma between each three digits of its whole part.
#[must_use]
pub fn grouped(number: impl Display) -> String {
    let text = number.to_string();
    let (whole, part) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    let mut grouped = String::from(sign);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + part
}

/// A decimal without the zeros at its end, if it has more than four decimal places. At least two remain.
#[must_use]
pub fn short(number: &str) -> String {
    match number.find('.') {
        Some(point) if number.len() > point + 5 => {
            let trimmed = number.trim_end_matches('0');
            number[..trimmed.len().max(point + 3)].to_owned()
        }
        _ => number.to_owned(),
    }
}

/// A table: its caption, the heads of its columns and its rows. All columns but the first are numbers.
#[must_use]
pub fn table(caption: &str, heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut text =
        format!("<div class=\"wide\"><table><caption>{}</caption><thead><tr>", Escaped(caption));
    // Writing to a string cannot fail.
    for head in heads {
        let _ = write!(text, "<th scope=\"col\">{}</th>", Escaped(head));
    }
    text.push_str("</tr></thead><tbody>\n");
    for row in rows {
        text.push_str("<tr>");
        for (number, cell) in row.iter().enumerate() {
            let (tag, scope) = if number == 0 { ("th", " scope=\"row\"") } else { ("td", "") };
            let _ = write!(text, "<{tag}{scope}>{}</{tag}>", Escaped(cell));
        }
        text.push_str("</tr>\n");
    }
    text + "</tbody></table></div>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        let shown = Escaped("<script>alert('1' & \"2\")</script>").to_string();
        assert_eq!(shown, "&lt;script&gt;alert(&#39;1&#39; &amp; &quot;2&quot;)&lt;/script&gt;");
        let table = table("<b>", &["<i>"], &[vec!["<u>".into()]]);
        assert!(
            !table.contains("<b>") && !table.contains("<i>") && !table.contains("<u>"),
            "{table}"
        );
    }

    #[test]
    fn zeros_of_long_decimals_are_left_out() {
        for (text, expected) in [
            ("7", "7"),
            ("100000", "100000"),
            ("1.5000", "1.5000"),
            ("4,800.250000000", "4,800.25"),
            ("4,800.000000000", "4,800.00"),
            ("0.000000010", "0.00000001"),
        ] {
            assert_eq!(short(text), expected);
        }
    }

    #[test]
    fn digits_are_grouped_by_three() {
        for (text, expected) in
            [("0", "0"), ("-123", "-123"), ("1234", "1,234"), ("-1234567.8901", "-1,234,567.8901")]
        {
            assert_eq!(grouped(text), expected);
        }
    }
}
