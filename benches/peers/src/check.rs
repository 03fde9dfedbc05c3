//! The comparison of an engine's fills with ours.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::adapters::pricetime::Pricetime;
use crate::{Adapter, Fill, Flow, Reports};

/// The time after which a command is taken for one that never ends.
const PATIENCE: Duration = Duration::from_secs(30);

static STUCK: AtomicBool = AtomicBool::new(false);

/// Returns `true` if an engine never returned from a command. Its thread cannot be stopped, so
/// nothing should be timed in this process any more.
pub fn is_stuck() -> bool {
    STUCK.load(Ordering::Relaxed)
}

/// Executes the whole flow in both engines, and compares what they report after each command.
/// Returns the number of our fills.
///
/// # Errors
///
/// Returns the first difference, in words. A panic of the engine is a difference too, and so is a
/// command that never ends.
pub fn check<A: Adapter>(flow: &Flow) -> Result<u64, String> {
    let (sender, receiver) = channel();
    let (copy, progress) = (flow.clone(), Arc::new(AtomicUsize::new(0)));
    let done = Arc::clone(&progress);
    let thread = thread::spawn(move || sender.send(compare::<A>(&copy, &done)));
    let mut before = usize::MAX;
    loop {
        match receiver.recv_timeout(PATIENCE) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => {
                let panic = thread.join().err();
                let text = panic.as_deref().and_then(message).unwrap_or("without a message");
                return Err(format!("panics: {text}"));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let at = progress.load(Ordering::Relaxed);
        if at == before {
            STUCK.store(true, Ordering::Relaxed);
            let step = flow.all().nth(at).map(ToString::to_string).unwrap_or_default();
            return Err(format!("command {at} ({step}): never ends"));
        }
        before = at;
    }
}

fn compare<A: Adapter>(flow: &Flow, progress: &AtomicUsize) -> Result<u64, String> {
    let (mut ours, mut theirs) = (Pricetime::open(flow), A::open(flow));
    let (our_commands, their_commands) = (Pricetime::convert(flow), A::convert(flow));
    let (mut expected, mut reported, mut count) = (Vec::new(), Vec::new(), 0);
    for (number, step) in flow.all().enumerate() {
        let at = |what: String| format!("command {number} ({step}): {what}");
        progress.store(number, Ordering::Relaxed);
        expected.clear();
        reported.clear();
        if !ours.apply(&our_commands[number], &mut |fill| expected.push(fill)) {
            return Err(at("our own engine refuses it".to_owned()));
        }
        count += expected.len() as u64;
        if !theirs.apply(&their_commands[number], &mut |fill| reported.push(fill)) {
            return Err(at("it is refused".to_owned()));
        }
        if A::REPORTS == Reports::Quantities {
            expected = sum(&expected);
        }
        let differs = |at: &usize| expected.get(*at) != reported.get(*at);
        if let Some(first) = (0..expected.len().max(reported.len())).find(differs) {
            let name = |fill: Option<&Fill>| fill.map_or("no fill".to_owned(), |it| it.to_string());
            let (expected, reported) = (name(expected.get(first)), name(reported.get(first)));
            return Err(at(format!("{reported}, instead of: {expected}")));
        }
    }
    Ok(count)
}

/// Merges the fills of one order into what an engine with [`Reports::Quantities`] reports.
fn sum(fills: &[Fill]) -> Vec<Fill> {
    let quantity = fills.iter().map(|fill| fill.quantity).sum();
    fills.first().map(|first| Fill { maker: 0, price: 0, quantity, ..*first }).into_iter().collect()
}

fn message(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str))
}
