//! Horizontal bars in eighths of a column.

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar for this part of the whole, which is `columns` wide. It is empty only if the part is not positive.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the number of eighths is between zero and eight times the width of a terminal"
)]
pub(super) fn bar(part: f64, whole: f64, columns: usize) -> String {
    if part.is_nan() || part <= 0.0 || whole <= 0.0 || columns == 0 {
        return String::new();
    }
    let eighths = (part / whole).clamp(0.0, 1.0) * (columns * 8) as f64;
    let eighths = (eighths.round() as usize).clamp(1, columns * 8);
    let mut text = "█".repeat(eighths / 8);
    text.push_str(EIGHTHS.get(eighths % 8).copied().unwrap_or_default());
    text
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn bar_is_as_long_as_its_part() {
        for (part, whole, columns, text) in [
            (0.0, 8.0, 4, ""),
            (-1.0, 8.0, 4, ""),
            (f64::NAN, 8.0, 4, ""),
            (0.001, 8.0, 4, "▏"),
            (1.0, 8.0, 4, "▌"),
            (4.0, 8.0, 4, "██"),
            (5.0, 8.0, 4, "██▌"),
            (8.0, 8.0, 4, "████"),
            (80.0, 8.0, 4, "████"),
            (8.0, 8.0, 0, ""),
            (8.0, 0.0, 4, ""),
        ] {
            assert_eq!(bar(part, whole, columns), text, "{part} of {whole} in {columns}");
        }
    }
}
