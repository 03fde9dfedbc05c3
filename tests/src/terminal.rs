//! Runs a program on a pseudo-terminal and reads its screen, as a person in front of it would.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::spawn;
use std::time::{Duration, Instant};

use pty_process::blocking::{Command, Pty};
use rustix::termios::LocalModes;

use crate::wait::TIMEOUT;

/// A program on a pseudo-terminal. Dropping it kills the program.
pub struct Terminal {
    pty: Pty,
    child: Child,
    /// What the program writes, as it comes. It ends when the program has ended.
    bytes: Receiver<Vec<u8>>,
    parser: vt100::Parser,
}

/// Where and how a program is started.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The working directory.
    pub folder: &'a Path,
    /// Additional environment variables. `TERM` is `xterm-256color` unless it is among them.
    pub environment: &'a [(&'a str, &'a str)],
    /// The columns and rows of the terminal.
    pub size: (u16, u16),
}

impl Terminal {
    /// Starts a program on a terminal of its own.
    ///
    /// # Panics
    /// Panics if there is no pseudo-terminal or no such program.
    #[must_use]
    pub fn start<A: AsRef<OsStr>>(program: &str, arguments: &[A], setting: Setting<'_>) -> Self {
        let (columns, rows) = setting.size;
        let (pty, pts) = pty_process::blocking::open().expect("a pseudo-terminal");
        pty.resize(pty_process::Size::new(rows, columns)).expect("a size");
        let child = Command::new(program)
            .args(arguments)
            .current_dir(setting.folder)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .envs(setting.environment.iter().copied())
            .spawn(pts)
            .expect("the program");
        let fd: std::os::fd::OwnedFd =
            std::os::fd::AsFd::as_fd(&pty).try_clone_to_owned().expect("a clone");
        let mut reader = std::fs::File::from(fd);
        let (to_screen, bytes) = channel();
        spawn(move || {
            let (mut buffer, mut failed) = (vec![0; 1 << 16], false);
            loop {
                match reader.read(&mut buffer) {
                    Ok(count @ 1..) if to_screen.send(buffer[..count].to_vec()).is_ok() => {
                        failed = false;
                    }
                    // When the program has ended, reading fails. If that happens while the system passes
                    // on the last output, only the next read returns it.
                    Ok(0) | Err(_) if !failed => failed = true,
                    Ok(_) | Err(_) => break,
                }
            }
        });
        let side = |number: u16| NonZeroU16::new(number).expect("a terminal has a size");
        let parser = vt100::Parser::new(side(rows), side(columns), 0);
        Self { pty, child, bytes, parser }
    }

    /// Waits until this holds for the screen, and returns its text.
    ///
    /// # Panics
    /// Panics if it does not hold within [`TIMEOUT`], or if the program ends before.
    pub fn wait_for(&mut self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) -> String {
        let started = Instant::now();
        loop {
            if holds(self.parser.screen()) {
                return self.screen();
            }
            let left = TIMEOUT.saturating_sub(started.elapsed());
            match self.bytes.recv_timeout(left) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("never: {what}\n{}", self.screen()),
                Err(RecvTimeoutError::Disconnected) => {
                    assert!(
                        holds(self.parser.screen()),
                        "it ended before: {what}\n{}",
                        self.screen()
                    );
                }
            }
        }
    }

    /// Waits until the screen has this text, and returns all of its text.
    pub fn wait_for_text(&mut self, text: &str) -> String {
        self.wait_for(text, |screen| screen.contents().contains(text))
    }

    /// Types this text, or these control characters.
    ///
    /// # Panics
    /// Panics if the terminal cannot be written to.
    pub fn type_text(&mut self, text: &str) {
        self.pty.write_all(text.as_bytes()).expect("the terminal");
    }

    /// Changes the size of the terminal to these columns and rows.
    ///
    /// # Panics
    /// Panics if one of them is zero.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let side = |number: u16| NonZeroU16::new(number).expect("a terminal has a size");
        self.parser.screen_mut().set_size(side(rows), side(columns));
        self.pty.resize(pty_process::Size::new(rows, columns)).expect("a size");
    }

    /// The text on the screen, as of what has been read.
    #[must_use]
    pub fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// The screen with its colors, as of what has been read.
    #[must_use]
    pub fn cells(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// Returns `true` if the program shows the alternate screen.
    #[must_use]
    pub fn is_alternate(&self) -> bool {
        self.parser.screen().alternate_screen()
    }

    /// Returns `true` if the terminal passes on each key by itself, and does not show what is typed.
    ///
    /// # Panics
    /// Panics if the terminal is gone.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        let modes = rustix::termios::tcgetattr(&self.pty).expect("a terminal").local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// The id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the program ends. Returns its exit code, or `None` if a signal killed it, and the text
    /// that is on the screen then.
    ///
    /// # Panics
    /// Panics if it does not end within [`TIMEOUT`].
    pub fn end(&mut self) -> (Option<i32>, String) {
        let started = Instant::now();
        loop {
            while let Ok(bytes) = self.bytes.try_recv() {
                self.parser.process(&bytes);
            }
            if let Some(status) = self.child.try_wait().expect("a child") {
                while let Ok(bytes) = self.bytes.recv_timeout(TIMEOUT) {
                    self.parser.process(&bytes);
                }
                return (status.code(), self.screen());
            }
            assert!(started.elapsed() < TIMEOUT, "it does not end\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The program may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
