//! Numbers in a readable form.

/// A duration in a suitable unit.
pub(super) fn format_ns(ns: u64) -> String {
    let units = [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];
    let unit = units.iter().rfind(|(_, size)| ns as f64 >= *size).unwrap_or(&units[0]);
    let value = ns as f64 / unit.1;
    let digits = usize::from(value < 99.95 && unit.1 > 1.0);
    format!("{value:.digits$} {}", unit.0)
}

/// A whole number with separators for thousands.
pub(super) fn format_number(number: f64) -> String {
    let digits = format!("{number:.0}");
    let first = digits.len() % 3;
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{format_ns, format_number};

    #[test]
    fn numbers_are_formatted_for_people() {
        let wholes = [0.0, 12.0, 999.6, 12_345.0, 1_234_567.4].map(format_number);
        assert_eq!(wholes, ["0", "12", "1,000", "12,345", "1,234,567"]);
        let times = [0, 7, 999, 1_500, 120_000, 99_960, 3_400_000, 61_000_000_000].map(format_ns);
        let expected = ["0 ns", "7 ns", "999 ns", "1.5 µs", "120 µs", "100 µs", "3.4 ms", "61.0 s"];
        assert_eq!(times, expected);
    }
}
