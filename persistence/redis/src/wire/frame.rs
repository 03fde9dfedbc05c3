//! Where an answer ends, and the texts in it.

use std::io::{Error, ErrorKind, Result};

/// The longest answer, in bytes. Most are pages of a few megabytes. A batch of a ledger may have 100 MB, and
/// some of them are asked for at once.
const ANSWER_MAX: usize = 1 << 30;
/// The most values of an answer.
const VALUES_MAX: u64 = 1 << 22;
/// The longest line of an answer: a length, a number, or what an error says.
const LINE_MAX: usize = 1 << 16;

/// An answer on its way: how far it is understood where it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// So many of its bytes belong to what has been passed.
    at: usize,
    /// So many values are still to be passed.
    open: u64,
    /// So many values it has as far as is known.
    values: u64,
}

impl Default for Frame {
    fn default() -> Self {
        Self { at: 0, open: 1, values: 1 }
    }
}

impl Frame {
    /// Goes on through what has come of the answer. How long all of it is, once that is there.
    ///
    /// # Errors
    /// Returns an error if this is no answer of a server, or one that is longer than any that is asked for:
    /// as soon as it says so, and not when all of it has come.
    pub(crate) fn end(&mut self, come: &[u8]) -> Result<Option<usize>> {
        while self.open > 0 {
            let Some((kind, line, behind)) = line(come, self.at) else {
                let begun = come.len().saturating_sub(self.at);
                return if begun > LINE_MAX { Err(long("a line", LINE_MAX)) } else { Ok(None) };
            };
            let (length, values) = match kind {
                // Nothing comes as an array, or a text, of length -1.
                b'*' => (0, number(line)?.unwrap_or(0)),
                b'$' => (number(line)?.map_or(0, |length| length.saturating_add(2)), 0),
                b'+' | b'-' | b':' => (0, 0),
                _ => return Err(strange()),
            };
            let next = usize::try_from(length).ok().and_then(|length| behind.checked_add(length));
            let next = next.filter(|next| *next <= ANSWER_MAX);
            let next = next.ok_or_else(|| long("an answer", ANSWER_MAX))?;
            if next > come.len() {
                return Ok(None);
            }
            self.values = self.values.saturating_add(values);
            if self.values > VALUES_MAX {
                let why = format!("an answer has more than {VALUES_MAX} values");
                return Err(Error::new(ErrorKind::InvalidData, why));
            }
            self.at = next;
            self.open = self.open - 1 + values;
        }
        Ok(Some(self.at))
    }
}

/// The texts of a whole answer, in order, however they are put together in it.
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
            let (kind, line, behind) = line(self.answer, self.at)?;
            self.at = behind;
            if kind != b'$' {
                continue;
            }
            let Ok(Some(length)) = number(line) else { continue };
            let text = self.answer.get(behind..)?.get(..usize::try_from(length).ok()?)?;
            self.at = behind + text.len() + 2;
            return Some(text);
        }
    }
}

/// The line that begins here: what kind of value it begins, what it says, and where the next begins.
fn line(bytes: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let (kind, rest) = bytes.get(at..)?.split_first()?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let said = rest.get(..end)?;
    Some((*kind, said.strip_suffix(b"\r").unwrap_or(said), at + end + 2))
}

/// A length; none for what is not there.
fn number(line: &[u8]) -> Result<Option<u64>> {
    if line == b"-1" {
        return Ok(None);
    }
    let digits = core::str::from_utf8(line).ok();
    digits.and_then(|digits| digits.parse().ok()).map(Some).ok_or_else(strange)
}

fn long(what: &str, most: usize) -> Error {
    let why = format!("{what} is longer than {most} bytes, the longest that is read");
    Error::new(ErrorKind::InvalidData, why)
}

fn strange() -> Error {
    Error::new(ErrorKind::InvalidData, "what comes is no answer of a Redis server")
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
    fn an_answer_ends_where_it_ends_in_whatever_pieces_it_comes() {
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
    fn the_texts_are_those_that_the_client_finds() {
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
    fn answer_that_is_too_long_is_refused_by_what_it_announces() {
        let line = [&b"+"[..], &vec![b'x'; LINE_MAX]].concat();
        for long in [
            &b"$1099511627776\r\n"[..],
            b"$18446744073709551615\r\n",
            b"*2\r\n$1\r\na\r\n$1073741824\r\n",
            b"*4194304\r\n",
            b"*4194303\r\n*1\r\n",
            &line,
        ] {
            let error = Frame::default().end(long).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
        for short in [&b"$1073741000\r\n"[..], b"*4194303\r\n", &line[..LINE_MAX]] {
            assert_eq!(Frame::default().end(short).unwrap(), None);
        }
    }

    #[test]
    fn what_is_no_answer_is_said_to_be_none() {
        for strange in
            [&b"HTTP/1.1 400\r\n"[..], b"*x\r\n", b"$-2\r\n", b"*18446744073709551616\r\n"]
        {
            let error = Frame::default().end(strange).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
    }
}
