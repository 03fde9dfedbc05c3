//! Questions between commands: later lines are read in the meantime, and each question is answered in its
//! place.

use std::sync::{Condvar, Mutex};

use crate::Tokens;
use pricetime::engine::{Event, Header, Outcome};
use pricetime::{CoreOptions, EpochSchedule, Follower, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use super::*;
use crate::turns::Turns;

/// Longer than anything here takes, however busy the machine is.
const TIMEOUT: Duration = Duration::from_secs(60);

/// While it is shut, no durable command is answered.
#[derive(Debug, Default)]
struct Gate {
    shut: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    fn set(&self, shut: bool) {
        *self.shut.lock().expect("no panic") = shut;
        self.changed.notify_all();
    }
}

struct Held(Arc<Gate>);

impl Follower for Held {
    fn group(&mut self, _: &Header, _: &[Event], _: Outcome) {
        let shut = self.0.shut.lock().expect("no panic");
        drop(self.0.changed.wait_while(shut, |shut| *shut).expect("no panic"));
    }
}

fn id(number: u64) -> String {
    format!("00000000-0000-0000-0000-{number:012}")
}

fn place(number: u64) -> Value {
    json!({ "place": { "market": 1, "account": id(1), "order": id(number), "side": "buy",
        "type": "limit", "price": "1", "quantity": "1" } })
}

/// Sends lines to a session of a host with a market, and returns the answers. The lines are written while
/// no command is answered.
async fn run_session(lines: &[Value]) -> Vec<Value> {
    run_session_with(CoreOptions::default(), true, lines).await
}

/// Sends lines to a session of a host with this core. If `held`, the lines are written while no command is
/// answered.
async fn run_session_with(core: CoreOptions, held: bool, lines: &[Value]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let gate = Arc::new(Gate::default());
    let follower = Box::new(Held(Arc::clone(&gate)));
    let gates = EpochSchedule::OnRequest;
    let options = Options { core, gates, follower: Some(follower), ..Options::new(folder.path()) };
    let (_stop, stopped) = watch::channel(false);
    let shared = Arc::new(GatewayContext {
        host: Host::open(options).expect("a host"),
        tokens: Tokens::default(),
        line_max: 1 << 16,
        times: TimePolicy::Refused,
        stop: stopped,
        replay_turns: Turns::default(),
        writers: Arc::default(),
    });
    let opening = [
        json!({ "add_market": { "market": 1, "symbol": "SUN", "tick": "1", "lot": "1",
            "quantity_max": "1000", "price_min": "0", "price_max": "100" } }),
        json!({ "set_phase": { "market": 1, "phase": "continuous" } }),
    ];
    for line in opening {
        let line: Line = serde_json::from_value(line).expect("a line");
        let draft = line.draft(None).expect("a command");
        let done = shared.host.submit(draft).expect("room").await.expect("durable");
        assert_eq!(done.outcome, Outcome::Accepted);
    }
    let (client, server) = tokio::io::duplex(1 << 14);
    let (from, to) = tokio::io::split(server);
    let session = tokio::spawn(Session::new(shared, Principal::Operator).run(from, to));
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    gate.set(held);
    let (mut answers, mut asking) = tokio::io::split(client);
    let mut text = String::new();
    let read = async {
        if held {
            let written = tokio::time::timeout(TIMEOUT, asking.write_all(input.as_bytes())).await;
            gate.set(false);
            written.expect("lines are read before the first is answered").expect("a session");
            asking.shutdown().await.expect("the session reads");
            return answers.read_to_string(&mut text).await;
        }
        let write = async {
            asking.write_all(input.as_bytes()).await.expect("the session reads");
            asking.shutdown().await.expect("the session reads");
        };
        tokio::join!(write, answers.read_to_string(&mut text)).1
    };
    let read = tokio::time::timeout(2 * TIMEOUT, read).await;
    read.expect("the session answers and ends in time").expect("the session answers");
    session.await.expect("no panic").expect("the session ends without an error");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_after_a_question_are_read_before_it_is_answered() {
    let order = |number: u64| json!({ "order": { "market": 1, "order": id(number + 1) } });
    let lines: Vec<Value> = (1..=1_000)
        .flat_map(|number| [place(number), json!({ "view": { "market": 1 } }), order(number)])
        .collect();
    // More than the buffers on the way hold.
    assert!(lines.iter().map(|line| line.to_string().len()).sum::<usize>() > 4 << 16);
    let answers = run_session(&lines).await;
    assert_eq!(answers.len(), lines.len());
    for (number, three) in (1..).zip(answers.chunks(3)) {
        let line = 3 * number - 2;
        assert_eq!(three[0]["done"]["line"], line);
        assert_eq!(three[0]["done"]["sequence"], number + 2);
        // The book shows all earlier lines and no later one.
        assert_eq!(three[1]["book"]["line"], line + 1);
        assert_eq!(three[1]["book"]["sequence"], number + 2);
        assert_eq!(three[1]["book"]["bids"][0]["orders"], number);
        assert_eq!(three[2]["order"], json!({ "line": line + 2, "market": 1 }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_unsent_books_pause_the_reader_and_still_arrive() {
    let view = json!({ "view": { "market": 1, "depth": 1_000 } });
    let lines: Vec<Value> = (1..=40).flat_map(|number| [place(number), view.clone()]).collect();
    let answers = run_session(&lines).await;
    assert_eq!(answers.len(), lines.len());
    for (number, two) in (1..).zip(answers.chunks(2)) {
        assert_eq!(two[1]["book"]["sequence"], number + 2);
    }
}

/// Runs of commands of all lengths, with lines between them that are refused or are no commands.
fn mixed_lines() -> Vec<Value> {
    let between = |number: u64| match number % 3 {
        0 => json!({ "cancel": { "market": 1, "account": "nobody" } }),
        1 => json!({ "status": {} }),
        _ => json!({ "view": { "market": 1 } }),
    };
    let cancel = json!({ "cancel": { "market": 1, "account": id(1), "order": id(1) } });
    let command = |number: u64| if number % 4 == 3 { cancel.clone() } else { place(1) };
    (1..100_u64).flat_map(|number| (0..number).map(command).chain([between(number)])).collect()
}

/// Each line is answered once, in its place, and the commands are carried out in this order.
fn check_order(lines: &[Value], answers: &[Value]) {
    assert_eq!(answers.len(), lines.len());
    let mut sequence = 2;
    for ((number, line), answer) in (1..).zip(lines).zip(answers) {
        let kind = match line.as_object().and_then(|line| line.keys().next()).map(String::as_str) {
            Some("cancel") if line["cancel"]["account"] == "nobody" => "refused",
            Some("status") => "status",
            Some("view") => "book",
            _ => "done",
        };
        assert_eq!(answer[kind]["line"], number, "{answer}");
        if kind == "done" {
            sequence += 1;
            assert_eq!(answer[kind]["sequence"], sequence);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_the_order_of_their_lines() {
    let lines = mixed_lines();
    check_order(&lines, &run_session(&lines).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_are_not_taken_together_are_taken_one_by_one() {
    let lines = mixed_lines();
    // Whatever waits, the queue has no more room for orders, and little for cancels.
    let core = CoreOptions { capacity: 4, reserve: 3, batch: 1, ..CoreOptions::default() };
    check_order(&lines, &run_session_with(core, false, &lines).await);
}
