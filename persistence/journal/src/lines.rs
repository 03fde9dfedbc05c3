//! Reads lines up to a maximum length, because a file without line ends must not fill the memory.

use std::io::{self, BufRead, Read as _};

/// The longest line in a file that this program writes or reads, in bytes, without its end.
pub const LINE_MAX: usize = 1 << 20;

/// The result of [`next_line`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextLine {
    /// A line.
    Line,
    /// A line that is longer than [`LINE_MAX`]. It was skipped.
    Long,
    /// There are no more lines.
    End,
}

/// Reads the next line into `line`, including its end if it has one.
///
/// # Errors
/// Returns the error of the reader.
pub fn next_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<NextLine> {
    line.clear();
    let most = LINE_MAX as u64 + 1;
    if from.by_ref().take(most).read_until(b'\n', line)? == 0 {
        return Ok(NextLine::End);
    }
    if line.ends_with(b"\n") || line.len() <= LINE_MAX {
        return Ok(NextLine::Line);
    }
    line.clear();
    loop {
        let buffered = from.fill_buf()?;
        let end = buffered.iter().position(|byte| *byte == b'\n');
        let (used, done) = end.map_or((buffered.len(), buffered.is_empty()), |end| (end + 1, true));
        from.consume(used);
        if done {
            return Ok(NextLine::Long);
        }
    }
}

/// Returns the message for a line that is too long.
#[must_use]
pub fn too_long() -> String {
    format!("it is longer than {LINE_MAX} bytes")
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn long_line_is_skipped_and_not_buffered() {
        let longest = vec![b'x'; LINE_MAX];
        let long = vec![b'x'; 3 * LINE_MAX];
        let all = [b"a\n".as_slice(), &longest, b"\n", &long, b"\n\nb"].concat();
        let mut from = BufReader::with_capacity(1_000, all.as_slice());
        let mut line = Vec::new();
        let mut next = || {
            let next = next_line(&mut from, &mut line).unwrap();
            assert!(line.capacity() <= 2 * (LINE_MAX + 1), "{} bytes are kept", line.capacity());
            (next, line.len())
        };
        assert_eq!(next(), (NextLine::Line, 2));
        assert_eq!(next(), (NextLine::Line, LINE_MAX + 1));
        assert_eq!(next(), (NextLine::Long, 0));
        assert_eq!(next(), (NextLine::Line, 1));
        assert_eq!(next(), (NextLine::Line, 1));
        assert_eq!(next(), (NextLine::End, 0));
        let mut endless = BufReader::new(long.as_slice());
        assert_eq!(next_line(&mut endless, &mut Vec::new()).unwrap(), NextLine::Long);
    }
}
