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
use super::pending::PendingAnswers;
use super::short;
use super::show::Show;
use super::wrap::wrap;
use crate::failure::Failure;

/// How long the next prompt waits for the answers, so that they stand above it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
const PROMPT: &str = "> ";

/// Completes lines.
struct LineCompleter;

impl Completer for LineCompleter {
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

impl Hinter for LineCompleter {
    type Hint = String;
}
impl Highlighter for LineCompleter {}
impl Validator for LineCompleter {}
impl Helper for LineCompleter {}

/// Prints above the prompt, from the thread that receives lines.
struct PromptPrinter {
    /// `None` if the terminal cannot move its cursor.
    printer: Option<Box<dyn ExternalPrinter + Send>>,
}

impl PromptPrinter {
    fn new(editor: &mut Editor<LineCompleter, DefaultHistory>) -> Self {
        let printer = editor.create_external_printer().ok();
        Self { printer: printer.map(|it| Box::new(it) as Box<dyn ExternalPrinter + Send>) }
    }

    fn print(&mut self, text: &str) {
        let printed = self.printer.as_mut().map(|printer| printer.print(text.to_owned()));
        // Without a prompt, it is printed as usual.
        if !matches!(printed, Some(Ok(()))) {
            print(text);
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
fn print(text: &str) {
    let mut out = io::stdout().lock();
    // If the terminal is gone, the next read of it fails and ends the program.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The prompt of a market.
pub(super) struct Prompt {
    address: Address,
    token: Option<Secret>,
    show: Show,
    editor: Editor<LineCompleter, DefaultHistory>,
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
        editor.set_helper(Some(LineCompleter));
        print(&format!(
            "Connected to {address}. Tab completes, Ctrl-D ends; begin with `status`.\n"
        ));
        let (history, note) = History::load(&mut editor);
        if let Some(note) = note {
            print(&format!("There is no history: {note}\n"));
        }
        let sender = start_receiver(connection, show, PromptPrinter::new(&mut editor));
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
            self.submit(&text);
        }
        self.end()
    }

    /// Sends a line that was typed, and waits a while for the answer.
    fn submit(&mut self, text: &str) {
        let line = if short::is_words(text) { short::json(text) } else { Ok(text.to_owned()) };
        if let Ok(line) = &line
            && line != text
        {
            print(&(self.show.paint(Tone::Faint, line) + "\n"));
            // If its answer is lost, the order can be sent again with the same request.
            if line.contains("\"request\":") {
                self.add_to_history(line);
            }
        }
        self.add_to_history(text);
        match line {
            Ok(line) => self.send(&line),
            Err(why) => self.print_error(&why),
        }
    }

    /// Adds a line to the history.
    fn add_to_history(&mut self, line: &str) {
        if let Some(note) = self.history.add(&mut self.editor, line) {
            print(&format!("{note}\n"));
        }
    }

    fn print_error(&self, why: &str) {
        print(&wrap(&self.show.paint(Tone::Bad, why)));
    }

    fn send(&mut self, line: &str) {
        if self.sender.pending().counts().ended.is_some()
            && let Err(failure) = self.connect_again()
        {
            self.print_error(&format!("{}; the line was not sent", failure.text()));
            return;
        }
        let mut lines = line.lines().filter(|line| !line.trim().is_empty());
        let sent = lines.try_for_each(|line| self.sender.send(line.as_bytes()));
        // If this fails, the receiving end finds the reason and prints it.
        let _ = sent.and_then(|()| self.sender.flush());
        self.sender.pending().wait_for_answers(ANSWER_TIMEOUT);
    }

    fn connect_again(&mut self) -> Result<(), Failure> {
        let connection = Connection::open(&self.address, self.token.as_ref())?;
        print("Connected again: lines are numbered from 1, and subscriptions have ended.\n");
        self.sender = start_receiver(connection, self.show, PromptPrinter::new(&mut self.editor));
        Ok(())
    }

    /// Waits for the answers that are missing.
    fn end(self) -> Result<(), Failure> {
        let Self { address, editor, mut sender, .. } = self;
        // From now on, lines are printed directly.
        drop(editor);
        let pending = Arc::clone(sender.pending());
        pending.change(|counts| counts.complete = true);
        // If this fails, the connection has ended.
        let _ = sender.end();
        if !pending.wait_for_answers(ANSWER_TIMEOUT) {
            let missing = pending.counts().waiting.len();
            print(&format!("Waiting for {missing} answers; Ctrl-C gives them up.\n"));
            while !pending.wait_for_answers(ANSWER_TIMEOUT) {}
        }
        let counts = pending.counts();
        counts.unanswered().map_or(Ok(()), |unanswered| {
            Err(Failure::failed(format!("{address}: there is no answer to {unanswered}")))
        })
    }
}

/// Starts a thread that prints what the market sends. Returns the sending end.
fn start_receiver(connection: Connection, show: Show, printer: PromptPrinter) -> Sender {
    let Connection { sender, receiver, welcome } = connection;
    if let Some(welcome) = welcome {
        print(&show.line(&welcome));
    }
    thread::spawn(move || receive(receiver, show, printer));
    sender
}

fn receive(mut receiver: Receiver, show: Show, mut printer: PromptPrinter) {
    let pending = Arc::clone(receiver.pending());
    let mut text = Vec::new();
    let why = loop {
        match receiver.next(&mut text) {
            Ok(Some(incoming)) => {
                printer.print(&show.received(&incoming, &text));
                pending.note(&incoming);
            }
            Ok(None) => break String::new(),
            Err(error) => break error.to_string(),
        }
    };
    if !pending.counts().complete {
        printer.print(&wrap(&show.paint(Tone::Bad, &closing_message(&pending, &why))));
    }
    pending.end(&why);
}

/// What to say about a connection that the market has ended.
fn closing_message(pending: &PendingAnswers, why: &str) -> String {
    let counts = pending.counts();
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
