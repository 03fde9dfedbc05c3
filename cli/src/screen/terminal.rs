//! The terminal while the screen is shown: raw mode and the alternate screen, and always back.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _};
use std::mem::ManuallyDrop;
use std::os::fd::AsFd as _;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use pricetime_terminal::Paint;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::style::force_color_output;
use ratatui::crossterm::terminal::{
    self, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{event, execute};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::choice::{Choice, Press};
use super::colors::Colors;
use super::keys::Key;
use super::page::page;
use super::picture::Picture;

/// Whether the terminal has been switched and not yet restored.
static IS_ENTERED: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The terminal, showing the screen. Dropping it restores the terminal.
#[derive(Debug)]
pub(crate) struct Screen {
    // Not dropped: it would show the cursor again, as `_entered` does, and panic if the terminal is gone.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<BufWriter<File>>>>,
    _entered: Entered,
    colors: Colors,
    /// Becomes `true` when a signal asks the program to end.
    ended: Arc<AtomicBool>,
}

/// Raw mode and the alternate screen.
#[derive(Debug)]
struct Entered;

impl Drop for Entered {
    fn drop(&mut self) {
        restore();
    }
}

/// Restores the terminal, once. If that fails, nothing more can be done.
fn restore() {
    if IS_ENTERED.swap(false, Ordering::SeqCst) {
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Returns `true` if standard output is a terminal that can show the screen: it can move its cursor, and it
/// has a size.
pub(crate) fn is_possible() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    !is_dumb && io::stdout().is_terminal() && terminal::size().is_ok_and(|(x, y)| x > 0 && y > 0)
}

/// How a wait for a key ended.
enum Waited {
    /// There is an event to read.
    Ready,
    TooLong,
    /// The terminal is gone.
    HungUp,
}

/// Waits for a key until this moment. Looks at the terminal before `crossterm` reads from it, because that
/// would read the end of a terminal that is gone again and again.
fn wait(until: Instant) -> io::Result<Waited> {
    // First for keys that were read together with an earlier one.
    for limit in [Instant::now(), until] {
        let mut left = limit.saturating_duration_since(Instant::now());
        if io::stdin().is_terminal() {
            if is_gone(left)? {
                return Ok(Waited::HungUp);
            }
            left = Duration::ZERO;
        }
        if event::poll(left)? {
            return Ok(Waited::Ready);
        }
    }
    Ok(Waited::TooLong)
}

/// Waits this long for input, at most a second. Returns `true` if the terminal is gone.
fn is_gone(left: Duration) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut watched = [PollFd::new(&stdin, PollFlags::IN)];
    let left = left.min(Duration::from_millis(999));
    let left = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
    match poll(&mut watched, Some(&left)) {
        // A new size of the terminal comes as a signal.
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(watched.iter().any(|it| it.revents().intersects(PollFlags::HUP | PollFlags::ERR)))
}

impl Screen {
    /// Switches the terminal to the screen.
    ///
    /// # Errors
    /// Returns an error if the terminal cannot be switched, or if there is no keyboard.
    pub(crate) fn open() -> io::Result<Self> {
        let out = io::stdout();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |panicked| {
                restore();
                before(panicked);
            }));
        });
        let mut out = BufWriter::new(File::from(out.as_fd().try_clone_to_owned()?));
        enable_raw_mode()?;
        IS_ENTERED.store(true, Ordering::SeqCst);
        let _entered = Entered;
        let ended = Arc::default();
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&ended))?;
        }
        execute!(out, EnterAlternateScreen, Hide)?;
        let terminal = ManuallyDrop::new(Terminal::new(CrosstermBackend::new(out))?);
        let colors = Colors::new(Paint::out().is_on());
        // Or else crossterm itself looks at `NO_COLOR`, even if `--color` says otherwise.
        force_color_output(Paint::out().is_on());
        Ok(Self { terminal, _entered, colors, ended })
    }

    /// Draws a picture.
    pub(crate) fn draw(&mut self, picture: &Picture, choice: &mut Choice) -> io::Result<()> {
        let colors = self.colors;
        self.terminal.draw(|frame| {
            let area = frame.area();
            choice.room = page(frame.buffer_mut(), area, picture, choice, colors);
        })?;
        Ok(())
    }

    /// Waits for a key until this moment, and changes the choice as it asks. Returns `None` if none came.
    pub(crate) fn press(
        &mut self,
        picture: &Picture,
        choice: &mut Choice,
        until: Instant,
    ) -> io::Result<Option<Press>> {
        loop {
            if self.ended.load(Ordering::SeqCst) || !IS_ENTERED.load(Ordering::SeqCst) {
                return Ok(Some(Press::Quit));
            }
            match wait(until)? {
                Waited::Ready => {}
                Waited::TooLong => return Ok(None),
                Waited::HungUp => return Ok(Some(Press::Quit)),
            }
            if let Some(key) = Key::of(&event::read()?) {
                return Ok(Some(choice.press(key, &picture.tabs)));
            }
        }
    }
}
