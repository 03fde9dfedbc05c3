//! The first line of a text that should be JSON lines.

/// The first complete line that is not empty, without the white space around it.
#[must_use]
pub fn first_line(text: &[u8]) -> &[u8] {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let ended = lines.find(|line| line.ends_with(b"\n") && !line.trim_ascii().is_empty());
    ended.unwrap_or_default().trim_ascii()
}

/// Returns the reason why this text cannot be the beginning of JSON lines, or `None` if it can. In the
/// first case every line would be refused.
#[must_use]
pub fn why_not_json_lines(name: &str, beginning: &[u8]) -> Option<String> {
    let text = beginning.trim_ascii_start();
    let hint = match text {
        [] => return None,
        [b'{', ..] if first_line(text) != b"{" => return None,
        [b'{', ..] => "this is JSON over several lines; `jq -c .` puts each object on one line",
        [b'[', ..] => "this is a JSON array; `jq -c '.[]'` puts each element on one line",
        [0x1f, 0x8b, ..] | [0x28, 0xb5, ..] => {
            "this is compressed; decompress it and pass it on standard input"
        }
        _ => "docs/json.md describes the lines",
    };
    let line = 1 + beginning
        .iter()
        .take(beginning.len() - text.len())
        .filter(|byte| **byte == b'\n')
        .count();
    Some(format!("{name}:{line}: not a JSON object, and every line must be one: {hint}"))
}

#[cfg(test)]
mod tests {
    use super::{first_line, why_not_json_lines};

    #[test]
    fn input_that_is_not_json_lines_gets_a_hint() {
        for good in ["", "\n \n", "{\"status\":{}}", "\n {\"place\":", "{ \"view\":{}}\n"] {
            assert_eq!(why_not_json_lines("a", good.as_bytes()), None, "{good:?}");
        }
        for (bad, line, hint) in [
            ("time,price\n", 1, "docs/json.md"),
            ("\n\n[{\n", 3, "array"),
            ("{\n  \"place\": {\n", 1, "several lines"),
        ] {
            let why =
                why_not_json_lines("day", bad.as_bytes()).expect("the text is not JSON lines");
            assert!(why.starts_with(&format!("day:{line}: ")) && why.contains(hint), "{why}");
        }
        assert!(
            why_not_json_lines("day.gz", b"\x1f\x8b\x08").expect("gzip").contains("compressed")
        );
    }

    #[test]
    fn first_line_is_complete_and_not_empty() {
        assert_eq!(first_line(b"\n  \n {} \nmore"), b"{}");
        assert_eq!(first_line(b"\n{}"), b"");
    }
}
