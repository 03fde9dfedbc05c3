//! A program on a pseudo-terminal, and what its screen shows.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use vt100::Parser;
pub use vt100::Screen;

use crate::patience::PATIENCE;
use crate::server;

/// A running program and its screen. The program is killed when this value is dropped.
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<Parser>>,
}

impl Terminal {
    /// Starts a program with its arguments, environment and folder on a terminal of this many rows and
    /// columns. `TERM` is `xterm-256color`, unless the command sets it.
    ///
    /// # Panics
    /// Panics if that fails.
    #[must_use]
    pub fn start(command: &Command, rows: u16, columns: u16) -> Self {
        let [high, wide] = [rows, columns].map(|it| NonZeroU16::new(it).expect("a size"));
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a pseudo-terminal");
        grantpt(&master).expect("access");
        unlockpt(&master).expect("it is unlocked");
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("a size");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let name = name.into_string().expect("text");
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let flags = i32::try_from(OFlags::NOCTTY.bits()).expect("a flag");
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
        let side = || Stdio::from(options.open(&name).expect("the program's side"));

        // `setsid` makes the terminal the controlling one, so that Ctrl-C and the like work.
        let mut started = server::command("setsid", "KILL", None);
        started.arg("--ctty").arg(command.get_program()).args(command.get_args());
        started.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => started.env(name, value),
                None => started.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            started.current_dir(folder);
        }
        started.stdin(side()).stdout(side()).stderr(side());
        let child = server::spawn(started);

        let keyboard = File::from(master);
        let mut output = keyboard.try_clone().expect("a second handle");
        let screen = Arc::new(Mutex::new(Parser::new(high, wide, 0)));
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut bytes = [0; 4_096];
            // Once the program has ended, reading fails.
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
                shown.process(bytes.get(..read).unwrap_or_default());
            }
        });
        Self { child, keyboard, screen }
    }

    /// Types a text. `\r` is the Enter key, `\t` Tab, `\x03` Ctrl-C and `\x04` Ctrl-D.
    ///
    /// # Panics
    /// Panics if the terminal is gone.
    pub fn type_text(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("a terminal");
    }

    /// What the screen shows, without spaces at the ends of lines.
    #[must_use]
    pub fn screen(&self) -> String {
        self.parser().screen().contents()
    }

    /// Waits until the screen fulfils this condition.
    ///
    /// # Panics
    /// Panics if it does not within [`PATIENCE`]. The message shows the screen.
    pub fn wait_for(&self, holds: impl Fn(&Screen) -> bool) {
        let begun = Instant::now();
        while !holds(self.parser().screen()) {
            assert!(begun.elapsed() < PATIENCE, "never; the screen shows:\n{}", self.screen());
            sleep(Duration::from_millis(2));
        }
    }

    /// Waits until the program has ended. Returns its exit code, or `None` if a signal ended it.
    ///
    /// # Panics
    /// Panics if it does not end within [`PATIENCE`]. The message shows the screen.
    pub fn end(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child process") {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it runs; the screen shows:\n{}", self.screen());
            sleep(Duration::from_millis(2));
        }
    }

    fn parser(&self) -> MutexGuard<'_, Parser> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The process may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
