//! The prompt: reads lines on a terminal and prints what the market sends.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pricetime::Secret;
use pricetime_terminal::Tone;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, ExternalPrinter, Helper};
use signal_hook::consts::{SIGHUP, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::super::client::Address;
use super::complete::complete;
use super::connection::{Connection, Receiver, Sender};
use super::history::{History, LINES_MAX, io_error};
use super::owed::Owed;
use super::short;
use super::show::Show;
use super::wrap::wrap;
use crate::failure::Failure;

/// How long the next prompt waits for the answers, so that they stand above it.
const PATIENCE: Duration = Duration::from_secs(1);
const PROMPT: &str = "> ";

/// Completes lines.
struct Lines;

impl Completer for Lines {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, candidates) = complete(line.get(..at).unwrap_or_default());
        let pair =
            |it: super::complete::Candidate| Pair { display: it.shown, replacement: it.inserted };
        Ok((start, candidates.into_iter().map(pair).collect()))
    }
}

impl Hinter for Lines {
    type Hint = String;
}
impl Highlighter for Lines {}
impl Validator for Lines {}
impl Helper for Lines {}

/// Prints above the prompt, from the thread that receives lines.
struct Above {
    /// `None` if the terminal cannot move its cursor.
    printer: Option<Box<dyn ExternalPrinter + Send>>,
}

impl Above {
    fn new(editor: &mut Editor<Lines, DefaultHistory>) -> Self {
        let printer = editor.create_external_printer().ok();
        Self { printer: printer.map(|it| Box::new(it) as Box<dyn ExternalPrinter + Send>) }
    }

    fn print(&mut self, text: &str) {
        let printed = self.printer.as_mut().map(|printer| printer.print(text.to_owned()));
        // Without a prompt, it is printed as usual.
        if !matches!(printed, Some(Ok(()))) {
            tell(text);
        }
    }
}

/// Restores the modes of the terminal before a signal ends the program, because a prompt changes them.
fn restore_on_signals() -> io::Result<()> {
    let modes = tcgetattr(io::stdin())?;
    let mut signals = Signals::new([SIGHUP, SIGQUIT, SIGTERM])?;
    // The thread ends with the process.
    thread::Builder::new().name(String::from("pt-send-signal")).spawn(move || {
        for signal in signals.forever() {
            // If the terminal is gone, its modes do not matter.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

/// Prints while there is no prompt.
fn tell(text: &str) {
    let mut out = io::stdout().lock();
    // If the terminal is gone, the next read of it fails and ends the program.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The prompt of a market.
pub(super) struct Prompt {
    address: Address,
    token: Option<Secret>,
    show: Show,
    editor: Editor<Lines, DefaultHistory>,
    history: History,
    /// The sending end of the current connection.
    sender: Sender,
}

impl Prompt {
    /// Connects and prepares the terminal.
    ///
    /// # Errors
    /// Returns a failure if the market cannot be reached.
    pub(super) fn new(
        address: Address,
        token: Option<Secret>,
        show: Show,
    ) -> Result<Self, Failure> {
        let connection = Connection::open(&address, token.as_ref())?;
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .max_history_size(LINES_MAX)
            .map_err(io_error)?
            .build();
        restore_on_signals()?;
        let mut editor = Editor::with_config(config).map_err(io_error)?;
        editor.set_helper(Some(Lines));
        tell(&format!(
            "Connected to {address}. Tab completes, Ctrl-D ends; begin with `status`.\n"
        ));
        let (history, note) = History::load(&mut editor);
        if let Some(note) = note {
            tell(&format!("There is no history: {note}\n"));
        }
        let sender = listen(connection, show, Above::new(&mut editor));
        Ok(Self { address, token, show, editor, history, sender })
    }

    /// Shows the prompt until Ctrl-D.
    ///
    /// # Errors
    /// Returns a failure if the terminal fails, or if answers are missing at the end.
    pub(super) fn run(mut self) -> Result<(), Failure> {
        loop {
            let text = match self.editor.readline(PROMPT) {
                Ok(text) => text,
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => break,
                Err(error) => return Err(io_error(error).into()),
            };
            if text.trim().is_empty() {
                continue;
            }
            self.take(&text);
        }
        self.end()
    }

    /// Sends a line that was typed, and waits a while for the answer.
    fn take(&mut self, text: &str) {
        let line = if short::is_words(text) { short::json(text) } else { Ok(text.to_owned()) };
        if let Ok(line) = &line
            && line != text
        {
            tell(&(self.show.paint(Tone::Faint, line) + "\n"));
            // If its answer is lost, the order can be sent again with the same request.
            if line.contains("\"request\":") {
                self.remember(line);
            }
        }
        self.remember(text);
        match line {
            Ok(line) => self.send(&line),
            Err(why) => self.complain(&why),
        }
    }

    /// Adds a line to the history.
    fn remember(&mut self, line: &str) {
        if let Some(note) = self.history.add(&mut self.editor, line) {
            tell(&format!("{note}\n"));
        }
    }

    fn complain(&self, why: &str) {
        tell(&wrap(&self.show.paint(Tone::Bad, why)));
    }

    fn send(&mut self, line: &str) {
        if self.sender.owed().counts().ended.is_some()
            && let Err(failure) = self.connect_again()
        {
            self.complain(&format!("{}; the line was not sent", failure.text()));
            return;
        }
        let mut lines = line.lines().filter(|line| !line.trim().is_empty());
        let sent = lines.try_for_each(|line| self.sender.send(line.as_bytes()));
        // If this fails, the receiving end finds the reason and prints it.
        let _ = sent.and_then(|()| self.sender.flush());
        self.sender.owed().wait_for_answers(PATIENCE);
    }

    fn connect_again(&mut self) -> Result<(), Failure> {
        let connection = Connection::open(&self.address, self.token.as_ref())?;
        tell("Connected again: lines are numbered from 1, and subscriptions have ended.\n");
        self.sender = listen(connection, self.show, Above::new(&mut self.editor));
        Ok(())
    }

    /// Waits for the answers that are missing.
    fn end(self) -> Result<(), Failure> {
        let Self { address, editor, mut sender, .. } = self;
        // From now on, lines are printed directly.
        drop(editor);
        let owed = Arc::clone(sender.owed());
        owed.change(|counts| counts.complete = true);
        // If this fails, the connection has ended.
        let _ = sender.end();
        if !owed.wait_for_answers(PATIENCE) {
            let missing = owed.counts().waiting.len();
            tell(&format!("Waiting for {missing} answers; Ctrl-C gives them up.\n"));
            while !owed.wait_for_answers(PATIENCE) {}
        }
        let counts = owed.counts();
        counts.unanswered().map_or(Ok(()), |unanswered| {
            Err(Failure::failed(format!("{address}: there is no answer to {unanswered}")))
        })
    }
}

/// Starts a thread that prints what the market sends. Returns the sending end.
fn listen(connection: Connection, show: Show, above: Above) -> Sender {
    let Connection { sender, receiver, welcome } = connection;
    if let Some(welcome) = welcome {
        tell(&show.line(&welcome));
    }
    thread::spawn(move || receive(receiver, show, above));
    sender
}

fn receive(mut receiver: Receiver, show: Show, mut above: Above) {
    let owed = Arc::clone(receiver.owed());
    let mut text = Vec::new();
    let why = loop {
        match receiver.next(&mut text) {
            Ok(Some(incoming)) => {
                above.print(&show.received(&incoming, &text));
                owed.note(&incoming);
            }
            Ok(None) => break String::new(),
            Err(error) => break error.to_string(),
        }
    };
    if !owed.counts().complete {
        above.print(&wrap(&show.paint(Tone::Bad, &farewell(&owed, &why))));
    }
    owed.end(&why);
}

/// What to say about a connection that the market has ended.
fn farewell(owed: &Owed, why: &str) -> String {
    let counts = owed.counts();
    // If the market said why, that is the reason.
    let why = counts.ended.as_deref().unwrap_or(why);
    let mut text = String::from("The market ended the connection");
    if !why.is_empty() {
        text += &format!(" ({why})");
    }
    if let Some(unanswered) = counts.unanswered() {
        text += &format!(
            ". There is no answer to {unanswered}, which may or may not have been carried out. Send \
             it again with the same `request`, and it is not carried out twice; the history has it"
        );
    }
    text + ". The next line connects again."
}
