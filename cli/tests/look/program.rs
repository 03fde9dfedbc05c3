//! Runs the program.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The result of a run.
#[derive(Debug)]
pub(crate) struct RunResult {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the program with these arguments.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> RunResult {
    run_with(arguments, "")
}

/// Runs the program with this standard input.
pub(crate) fn run_with<A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
    input: &str,
) -> RunResult {
    let mut process = Command::new(env!("CARGO_BIN_EXE_pricetime"))
        .args(arguments)
        .env_remove("PRICETIME_FOLDER")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut pipe = process.stdin.take().expect("its input");
    // The write fails if the program ends without reading its input.
    let _ = pipe.write_all(input.as_bytes());
    drop(pipe);
    let done = process.wait_with_output().expect("the program ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    RunResult {
        code: done.status.code().expect("an exit code"),
        out: text(done.stdout),
        err: text(done.stderr),
    }
}

impl RunResult {
    /// Asserts exit code 0.
    #[track_caller]
    pub(crate) fn assert_success(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Asserts the exit code, and that standard output or standard error contains each word.
    #[track_caller]
    pub(crate) fn assert_prints(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.out.contains(word) || self.err.contains(word), "{word:?} in {self:?}");
        }
        self
    }

    /// Standard output as JSON lines.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
        };
        self.out.lines().map(parse).collect()
    }

    /// The digest that a replay printed at its end.
    #[track_caller]
    pub(crate) fn digest(&self) -> String {
        let last = self.lines().pop().expect("a line");
        last["replayed"]["digest"].as_str().expect("a digest").to_owned()
    }
}
