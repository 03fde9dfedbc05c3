//! The page about a replay.

use std::io;

use pricetime_recordings::report::Report;

use super::super::reader::grouped;
use super::certificate::Build;
use super::{Done, Replay};

/// Writes the page.
pub(super) fn write(replay: &Replay, done: &Done, out: &mut impl io::Write) -> io::Result<()> {
    let Some(measured) = &done.run.watch.measured else { return Ok(()) };
    let report = Report {
        title: title(done),
        facts: facts(replay, done),
        comparison: done.found.venue.as_ref().and_then(|venue| venue.comparison()),
    };
    report.write(&measured.collector, out)
}

/// The names of the inputs, without their folders.
fn title(done: &Done) -> String {
    let names: Vec<_> = done.inputs.iter().map(|input| last(&input.name)).collect();
    match names.as_slice() {
        [] => String::from("Replay"),
        [first] => (*first).to_owned(),
        [first, others @ ..] => format!("{first} and {} more", others.len()),
    }
}

/// A path without its folders, because the page is for other people too.
fn last(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

fn facts(replay: &Replay, done: &Done) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: String| facts.push((name.to_owned(), value));
    let what = if done.is_folder { "commands as JSON lines, " } else { "" };
    for input in &done.inputs {
        add("Input", format!("{} ({what}{} bytes)", last(&input.name), grouped(input.bytes)));
        add("SHA-256", input.sha256.clone());
    }
    if let Some(format) = done.found.format {
        add("Format", format.to_string());
    }
    if let Some(venue) = &done.found.venue {
        add("Mode", venue.mode().name().to_owned());
    }
    if let Some(until) = replay.until {
        add("Until", until.to_string());
    }
    let engine = &done.run.engine;
    if done.timing.after.0 > 0 {
        add("Begins after command", grouped(done.timing.after.0));
    }
    add("Last command", grouped(engine.last_sequence().0));
    if done.found.refused() > 0 {
        add("Lines or messages left out", grouped(done.found.refused()));
    }
    if let Some(failed) = &done.found.failed {
        add("Ended early", failed.text().to_owned());
    }
    add("Digest of the state", format!("{:032x}", engine.digest()));
    add("Replayed in", format!("{:.3} s", done.timing.wall.as_secs_f64()));
    add("Build", Build::current().to_string());
    facts
}
