//! Names the key that holds a value of another type, because the server's `WRONGTYPE` error does not.

use redis::{RedisError, RedisResult, Value, make_extension_error};

use super::frame::{Frame, Texts};

/// The server's code for that error.
const WRONG_TYPE: &str = "WRONGTYPE";

/// Adds the command and its key to an error about the type of a key.
pub(crate) fn with_key(error: RedisError, command: &str, key: &str) -> RedisError {
    if error.code() != Some(WRONG_TYPE) {
        return error;
    }
    let detail = format!("{}: {command} {key}", error.detail().unwrap_or_default());
    make_extension_error(WRONG_TYPE.to_owned(), Some(detail))
}

/// Checks the reply to one command of a request.
///
/// # Errors
/// Returns an error with the command and its key if the reply is an error about the type of a key.
pub(super) fn check(answer: &Value, request: &[u8], command: usize) -> RedisResult<()> {
    let Value::ServerError(error) = answer else { return Ok(()) };
    if error.code() != WRONG_TYPE {
        return Ok(());
    }
    let error = RedisError::from(error.clone());
    Err(match named(request, command) {
        Some((command, key)) => with_key(error, &command, &key),
        None => error,
    })
}

/// The name of a command in a request, and its key.
fn named(request: &[u8], command: usize) -> Option<(String, String)> {
    let mut rest = request;
    for _ in 0..command {
        let length = Frame::default().end(rest).ok()??;
        rest = rest.get(length..)?;
    }
    let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let mut texts = Texts::of(rest).map(text);
    let name = texts.next()?;
    match name.as_str() {
        // A script has many keys.
        "EVAL" => None,
        "XINFO" => Some((name, texts.nth(1)?)),
        _ => Some((name, texts.next()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_names_the_failed_command_and_its_key() {
        let mut request = Vec::new();
        for words in [&["MULTI"][..], &["ZADD", "a", "1", "x"], &["XINFO", "STREAM", "b"]] {
            let mut command = redis::cmd(words[0]);
            command.arg(&words[1..]);
            request.extend(command.get_packed_command());
        }
        let said = b"-WRONGTYPE Operation against a key\r\n";
        let answer = redis::parse_redis_value(said).unwrap();
        for (command, says) in [(1, "key: ZADD a"), (2, "key: XINFO b")] {
            let named = check(&answer, &request, command).unwrap_err();
            assert_eq!(named.code(), Some("WRONGTYPE"));
            assert!(named.detail().unwrap().ends_with(says), "{named}");
        }
        let unnamed = check(&answer, &request, 3).unwrap_err();
        assert_eq!(unnamed.detail(), Some("Operation against a key"));
        assert!(check(&Value::Okay, &request, 0).is_ok());
    }
}
