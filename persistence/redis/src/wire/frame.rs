//! Finds the end of a reply, and the texts in it.

use std::io::{Error, ErrorKind, Result};

/// The longest reply, in bytes. Most are pages of a few megabytes. A batch of a ledger may have 100 MB,
/// and several of them are requested at once.
const ANSWER_MAX: usize = 1 << 30;
/// The most values in a reply.
const VALUES_MAX: u64 = 1 << 22;
/// The longest line of a reply: a length, a number, or an error message.
const LINE_MAX: usize = 1 << 16;

/// A reply that is still coming in: how far it has been scanned for its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// How many of its bytes have been scanned.
    at: usize,
    /// How many values are still to be scanned.
    remaining: u64,
    /// How many values it has, as far as is known.
    values: u64,
}

impl Default for Frame {
    fn default() -> Self {
        Self { at: 0, remaining: 1, values: 1 }
    }
}

impl Frame {
    /// Scans what has come of the reply. Returns its length once it is complete.
    ///
    /// # Errors
    /// Returns an error if this is not a reply of a server, or if it is longer than any that is
    /// requested. The error comes as soon as the reply announces its length, not when all of it has come.
    pub(crate) fn end(&mut self, received: &[u8]) -> Result<Option<usize>> {
        while self.remaining > 0 {
            let Some((kind, line, next_line)) = line(received, self.at) else {
                let begun = received.len().saturating_sub(self.at);
                return if begun > LINE_MAX { Err(too_long("a line", LINE_MAX)) } else { Ok(None) };
            };
            let (length, values) = match kind {
                // A null array or text has the length -1.
                b'*' => (0, number(line)?.unwrap_or(0)),
                b'$' => (number(line)?.map_or(0, |length| length.saturating_add(2)), 0),
                b'+' | b'-' | b':' => (0, 0),
                _ => return Err(not_a_reply()),
            };
            let next =
                usize::try_from(length).ok().and_then(|length| next_line.checked_add(length));
            let next = next.filter(|next| *next <= ANSWER_MAX);
            let next = next.ok_or_else(|| too_long("an answer", ANSWER_MAX))?;
            if next > received.len() {
                return Ok(None);
            }
            self.values = self.values.saturating_add(values);
            if self.values > VALUES_MAX {
                let why = format!("an answer has more than {VALUES_MAX} values");
                return Err(Error::new(ErrorKind::InvalidData, why));
            }
            self.at = next;
            self.remaining = self.remaining - 1 + values;
        }
        Ok(Some(self.at))
    }
}

/// The texts of a complete reply, in order, however they are nested.
pub(crate) struct Texts<'a> {
    answer: &'a [u8],
    at: usize,
}

impl<'a> Texts<'a> {
    pub(crate) const fn of(answer: &'a [u8]) -> Self {
        Self { answer, at: 0 }
    }
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let (kind, line, next_line) = line(self.answer, self.at)?;
            self.at = next_line;
            if kind != b'$' {
                continue;
            }
            let Ok(Some(length)) = number(line) else { continue };
            let text = self.answer.get(next_line..)?.get(..usize::try_from(length).ok()?)?;
            self.at = next_line + text.len() + 2;
            return Some(text);
        }
    }
}

/// The line that begins here: the kind of value, the text, and where the next line begins.
fn line(bytes: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let (kind, rest) = bytes.get(at..)?.split_first()?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let content = rest.get(..end)?;
    Some((*kind, content.strip_suffix(b"\r").unwrap_or(content), at + end + 2))
}

/// A length, or `None` for null.
fn number(line: &[u8]) -> Result<Option<u64>> {
    if line == b"-1" {
        return Ok(None);
    }
    let digits = core::str::from_utf8(line).ok();
    digits.and_then(|digits| digits.parse().ok()).map(Some).ok_or_else(not_a_reply)
}

fn too_long(what: &str, limit: usize) -> Error {
    let why = format!("{what} is longer than {limit} bytes, which is the limit");
    Error::new(ErrorKind::InvalidData, why)
}

fn not_a_reply() -> Error {
    Error::new(ErrorKind::InvalidData, "this is not an answer of a Redis server")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERS: [&[u8]; 9] = [
        b"+OK\r\n",
        b"-ERR no\r\n",
        b":-12\r\n",
        b"$-1\r\n",
        b"$0\r\n\r\n",
        b"$4\r\na\r\nb\r\n",
        b"*-1\r\n",
        b"*0\r\n",
        b"*2\r\n$2\r\n17\r\n*4\r\n$1\r\na\r\n:1\r\n*1\r\n$1\r\nb\r\n$-1\r\n",
    ];

    #[test]
    fn answer_split_anywhere_ends_at_the_same_byte() {
        for answer in ANSWERS {
            let more = [answer, b"+OK\r\n$3\r\n"].concat();
            for first in 0..answer.len() {
                let mut frame = Frame::default();
                assert_eq!(frame.end(&answer[..first]).unwrap(), None, "{answer:?} {first}");
                assert_eq!(frame.end(&more).unwrap(), Some(answer.len()), "{answer:?} {first}");
            }
        }
    }

    #[test]
    fn texts_match_those_that_the_client_parses() {
        fn texts(value: redis::Value, into: &mut Vec<Vec<u8>>) {
            if let redis::Value::BulkString(text) = value {
                into.push(text);
            } else if let redis::Value::Array(values) = value {
                values.into_iter().for_each(|it| texts(it, into));
            }
        }
        for answer in ANSWERS {
            let mut found = Vec::new();
            texts(redis::parse_redis_value(answer).unwrap(), &mut found);
            assert!(Texts::of(answer).eq(found.iter().map(Vec::as_slice)), "{answer:?}");
        }
    }

    #[test]
    fn too_long_answer_is_refused_by_its_announced_length() {
        let line = [&b"+"[..], &vec![b'x'; LINE_MAX]].concat();
        for too_long in [
            &b"$1099511627776\r\n"[..],
            b"$18446744073709551615\r\n",
            b"*2\r\n$1\r\na\r\n$1073741824\r\n",
            b"*4194304\r\n",
            b"*4194303\r\n*1\r\n",
            &line,
        ] {
            let error = Frame::default().end(too_long).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
        for short in [&b"$1073741000\r\n"[..], b"*4194303\r\n", &line[..LINE_MAX]] {
            assert_eq!(Frame::default().end(short).unwrap(), None);
        }
    }

    #[test]
    fn bytes_that_are_no_answer_are_refused() {
        for not_a_reply in
            [&b"HTTP/1.1 400\r\n"[..], b"*x\r\n", b"$-2\r\n", b"*18446744073709551616\r\n"]
        {
            let error = Frame::default().end(not_a_reply).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
    }
}
