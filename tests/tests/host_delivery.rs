//! Every posted batch is delivered to the outlet at least once, in order and under its id, however
//! often the host restarts. A slow outlet does not delay settlement.
#![cfg(feature = "servers")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pricetime::engine::{Action, EpochNumber, MarketId, MarketSpec, Phase, Symbol};
use pricetime::persistence::journal::{FolderReader, RealDisk};
use pricetime::persistence::settlement::Batch;
use pricetime::persistence::settlement::ledger::{
    EmbeddedLedger, Ledger as _, Notice, Position, Seed, Token,
};
use pricetime::{
    Delivery, Draft, EpochSchedule, Host, MarketDelivery, NotDelivered, OperatorRequest,
    OperatorRequests, Options, Outlet, ProgramOutlet, Receipt, Settlement, Undelivered, WebOutlet,
};
use pricetime_tests::load;
use pricetime_tests::obstacle::Obstacle;
use pricetime_tests::wait::{TIMEOUT, until};
use serde_json::Value;

const ONE: MarketId = MarketId(1);
const TWO: MarketId = MarketId(2);

fn delivery(outlet: impl Outlet + 'static) -> Delivery {
    let (backoff_min, backoff_max) = (Duration::from_millis(5), Duration::from_millis(20));
    Delivery { backoff_min, backoff_max, ..Delivery::to(outlet) }
}

fn host(folder: &Path, delivery: Delivery) -> Host {
    let ledger = folder.join("ledger");
    let shared = Settlement::shared(move || EmbeddedLedger::open(&ledger));
    let settlement = Some(Settlement { delivery: Some(delivery), ..shared });
    let options = Options { settlement, gates: EpochSchedule::OnRequest, ..Options::new(folder) };
    Host::open(options).expect("a host")
}

fn submit(host: &Host, market: MarketId, action: Action) {
    load::done(host, Draft { market, ..load::operator(action) });
}

fn add(host: &Host, market: MarketId) {
    let symbol = Symbol::new(&format!("M{market}")).expect("a symbol");
    submit(host, market, Action::AddMarket(MarketSpec { symbol, ..load::spec() }));
    submit(host, market, Action::SetPhase(Phase::Continuous));
}

#[test]
fn delivery_accepts_the_longest_timeout() {
    let folder = tempfile::tempdir().expect("a folder");
    let outlet = ProgramOutlet::new("true", &[], Duration::MAX);
    let host = host(folder.path(), delivery(outlet));
    add(&host, ONE);
    epochs(&host, ONE, 2);
    until("both are delivered", || standing(&host, ONE).delivered == Some(EpochNumber(2)));
    host.close().expect("a clean shutdown");
}

/// Runs `count` epochs in which there may be trades.
fn epochs(host: &Host, market: MarketId, count: u64) {
    for _ in 0..count {
        let number = host.view(market, 0).expect("the market").epoch;
        for at in number.0 * 20..number.0 * 20 + 20 {
            let draft = Draft { market, request: None, ..load::draft(u64::from(market.0), at) };
            drop(host.submit(draft).expect("room").wait().expect("an answer"));
        }
        submit(host, market, Action::CloseEpoch { number });
    }
}

fn standing(host: &Host, market: MarketId) -> MarketDelivery {
    let all = host.settlement().into_iter();
    all.filter(|it| it.market == market).find_map(|it| it.delivery).unwrap_or_default()
}

fn until_delivered(host: &Host, market: MarketId, epoch: u64) {
    let delivered = || standing(host, market).delivered >= Some(EpochNumber(epoch));
    until("it is delivered", delivered);
}

fn until_settled(host: &Host, market: MarketId, epoch: u64) {
    let settled = |it: &pricetime::MarketSettlement| {
        it.market == market && it.settled >= Some(EpochNumber(epoch))
    };
    until("it is settled", || host.settlement().iter().any(settled));
}

/// The lines in a market's receipts file.
fn receipts(folder: &Path, market: MarketId) -> Vec<Value> {
    let path = folder.join("settlement").join(format!("receipts-{market}.jsonl"));
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn epochs_of(receipts: &[Value]) -> Vec<u64> {
    receipts.iter().map(|it| it["epoch"].as_u64().expect("an epoch")).collect()
}

/// Receives a batch and returns the outlet's answer.
type Answer = Box<dyn FnMut(&Batch) -> Result<Receipt, NotDelivered> + Send>;

/// An outlet in this process.
struct FunctionOutlet(Answer);

impl Outlet for FunctionOutlet {
    fn deliver(&mut self, notice: &Notice) -> Result<Receipt, NotDelivered> {
        assert_eq!(notice.outcome.id, notice.batch.id());
        (self.0)(&notice.batch)
    }
}

fn function_delivery(
    answer: impl FnMut(&Batch) -> Result<Receipt, NotDelivered> + Send + 'static,
) -> Delivery {
    delivery(FunctionOutlet(Box::new(answer)))
}

#[test]
fn deliveries_stay_in_order_across_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let received = Arc::new(Mutex::new(Vec::new()));
    let begin = || {
        let received = Arc::clone(&received);
        let mut asked = 0;
        host(
            folder.path(),
            function_delivery(move |batch| {
                asked += 1;
                if asked % 3 == 0 {
                    return Err(NotDelivered::Later("busy".to_owned()));
                }
                received.lock().expect("a list").push((batch.market, batch.epoch.0));
                Ok(Receipt(format!("number {}", batch.epoch)))
            }),
        )
    };
    for round in 0..6 {
        let host = begin();
        if round == 0 {
            add(&host, ONE);
            add(&host, TWO);
        }
        epochs(&host, ONE, 4);
        epochs(&host, TWO, 2);
        host.close().expect("a clean shutdown");
    }
    let host = begin();
    until_delivered(&host, ONE, 24);
    until_delivered(&host, TWO, 12);
    host.close().expect("a clean shutdown");
    for (market, last) in [(ONE, 24), (TWO, 12)] {
        let received = received.lock().expect("a list");
        let mut received: Vec<u64> =
            received.iter().filter(|it| it.0 == market).map(|it| it.1).collect();
        // A delivery that was in progress when the host closed is repeated.
        received.dedup();
        assert_eq!(received, (1..=last).collect::<Vec<_>>());
        let stored_receipts = receipts(folder.path(), market);
        assert_eq!(epochs_of(&stored_receipts), received);
        assert_eq!(stored_receipts[3]["receipt"], "number 4");
    }
}

#[test]
fn delivery_is_repeated_if_its_position_was_not_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let ids = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let begin = || {
        let ids = Arc::clone(&ids);
        let answer = move |batch: &Batch| {
            *ids.lock().expect("a map").entry(batch.id().to_string()).or_default() += 1;
            Ok(Receipt::default())
        };
        host(folder.path(), function_delivery(answer))
    };
    let first = begin();
    add(&first, ONE);
    epochs(&first, ONE, 2);
    until_delivered(&first, ONE, 2);
    let position = folder.path().join("settlement/delivered-1.json");
    let before = fs::read(&position).expect("a position");
    epochs(&first, ONE, 1);
    until_delivered(&first, ONE, 3);
    first.close().expect("a clean shutdown");
    // Simulates a power cut: the position is the previous one, and the last line of the receipts
    // is incomplete.
    fs::write(&position, before).expect("a file");
    let path = folder.path().join("settlement/receipts-1.jsonl");
    let text = fs::read_to_string(&path).expect("receipts");
    let cut = text.trim_end().rfind('\n').expect("lines") + 20;
    fs::write(&path, &text[..cut]).expect("a file");
    let second = begin();
    until_delivered(&second, ONE, 3);
    epochs(&second, ONE, 1);
    until_delivered(&second, ONE, 4);
    second.close().expect("a clean shutdown");
    let counts: Vec<u32> = ids.lock().expect("a map").values().copied().collect();
    assert_eq!((counts.len(), counts.iter().sum::<u32>()), (4, 5), "each under its own id");
    let text = fs::read_to_string(&path).expect("receipts");
    let whole = text.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count();
    assert_eq!((text.lines().count(), whole), (5, 4), "{text}");
}

#[test]
fn refused_delivery_waits_for_an_operator() {
    let folder = tempfile::tempdir().expect("a folder");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let begin = || {
        let asked = Arc::clone(&asked);
        let answer = move |batch: &Batch| {
            let mut asked = asked.lock().expect("a list");
            asked.push(batch.epoch.0);
            let times = asked.iter().filter(|it| **it == batch.epoch.0).count();
            match batch.epoch.0 {
                2 => Err(NotDelivered::Refused("never".to_owned())),
                3 if times <= 5 => Err(NotDelivered::Refused("not yet".to_owned())),
                _ => Ok(Receipt::default()),
            }
        };
        host(folder.path(), function_delivery(answer))
    };
    let refused = |epoch, why: &str| {
        let why = why.to_owned();
        Some(Undelivered { epoch: EpochNumber(epoch), refusals: 5, needs_operator: true, why })
    };
    let requests = OperatorRequests::of(folder.path());
    let first = begin();
    add(&first, ONE);
    epochs(&first, ONE, 4);
    until("the refusal is known", || standing(&first, ONE).trouble == refused(2, "never"));
    until_settled(&first, ONE, 4);
    let status = folder.path().join("settlement/status.json");
    until("the status file says it", || {
        let text = fs::read_to_string(&status).unwrap_or_default();
        text.contains(r#""standing":"refused","epoch":2,"why":"never""#)
    });
    first.close().expect("a clean shutdown");
    // The refusal survives a restart, and the epoch is not tried again.
    let second = begin();
    until("the refusal is known", || standing(&second, ONE).trouble == refused(2, "never"));
    assert_eq!(*asked.lock().expect("a list"), [1, 2, 2, 2, 2, 2]);
    // An epoch that has not failed is not skipped.
    requests.add(ONE, OperatorRequest::DeliverSkip(EpochNumber(3))).expect("a request");
    until("the request is executed", || requests.pending().expect("a folder").is_empty());
    requests.add(ONE, OperatorRequest::DeliverSkip(EpochNumber(2))).expect("a request");
    until("the next refusal is known", || standing(&second, ONE).trouble == refused(3, "not yet"));
    requests.add(ONE, OperatorRequest::DeliverRetry).expect("a request");
    until_delivered(&second, ONE, 4);
    assert_eq!(standing(&second, ONE).trouble, None);
    second.close().expect("a clean shutdown");
    let stored_receipts = receipts(folder.path(), ONE);
    assert_eq!(epochs_of(&stored_receipts), [1, 2, 3, 4]);
    assert_eq!(
        (&stored_receipts[1]["skipped"], &stored_receipts[1]["receipt"]),
        (&"never".into(), &Value::Null)
    );
    assert_eq!(requests.pending().expect("a folder").len(), 0);
}

#[test]
fn epoch_to_skip_is_tried_once_more_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let open_failing_host = || {
        host(
            folder.path(),
            function_delivery(|batch| match batch.epoch.0 {
                1 => Err(NotDelivered::Later("away".to_owned())),
                _ => Ok(Receipt::default()),
            }),
        )
    };
    let first = open_failing_host();
    add(&first, ONE);
    epochs(&first, ONE, 2);
    until("it fails", || standing(&first, ONE).trouble.is_some());
    first.close().expect("a clean shutdown");
    // No host is running, and a delivery that waits for a retry leaves nothing on disk.
    let requests = OperatorRequests::of(folder.path());
    requests.add(ONE, OperatorRequest::DeliverSkip(EpochNumber(1))).expect("a request");
    let second = open_failing_host();
    until_delivered(&second, ONE, 2);
    until("the request is executed", || requests.pending().expect("a folder").is_empty());
    second.close().expect("a clean shutdown");
    let stored_receipts = receipts(folder.path(), ONE);
    assert_eq!(
        (epochs_of(&stored_receipts), &stored_receipts[0]["skipped"]),
        (vec![1, 2], &"away".into())
    );
}

#[test]
fn new_ledger_starts_delivery_with_its_own_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let received = Arc::new(Mutex::new(Vec::new()));
    let begin = || {
        let received = Arc::clone(&received);
        let answer = move |batch: &Batch| {
            received.lock().expect("a list").push(batch.epoch.0);
            Ok(Receipt::default())
        };
        host(folder.path(), function_delivery(answer))
    };
    let first = begin();
    add(&first, ONE);
    epochs(&first, ONE, 5);
    until_delivered(&first, ONE, 5);
    first.close().expect("a clean shutdown");
    // A new ledger replaces the old one. It posts the last of those epochs again.
    let ledger = folder.path().join("ledger");
    fs::rename(&ledger, folder.path().join("the old one")).expect("it is there");
    let folder_reader =
        FolderReader::open(Arc::new(RealDisk), folder.path()).expect("a data folder");
    let position = Position { history: folder_reader.history(), last: EpochNumber(4) };
    let mut books = EmbeddedLedger::open(&ledger).expect("a ledger");
    let token = books.claim(ONE, Token(0)).expect("a claim").token;
    let seed = Seed { market: ONE, position, replaces: None, balances: Vec::new() };
    books.seed(&seed, token).expect("a seed");
    drop(books);
    let second = begin();
    epochs(&second, ONE, 2);
    until_delivered(&second, ONE, 7);
    second.close().expect("a clean shutdown");
    let third = begin();
    epochs(&third, ONE, 1);
    until_delivered(&third, ONE, 8);
    third.close().expect("a clean shutdown");
    assert_eq!(*received.lock().expect("a list"), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(epochs_of(&receipts(folder.path(), ONE)), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn delivered_batch_waits_for_its_receipt_and_is_not_sent_again() {
    // The disk refuses the receipts, or the position that is written after them.
    for blocked in ["receipts-1.jsonl", "delivered-1.json.tmp"] {
        let folder = tempfile::tempdir().expect("a folder");
        let received = Arc::new(Mutex::new(Vec::new()));
        let answer = {
            let received = Arc::clone(&received);
            move |batch: &Batch| {
                received.lock().expect("a list").push(batch.epoch.0);
                Ok(Receipt(format!("number {}", batch.epoch)))
            }
        };
        let host = host(folder.path(), function_delivery(answer));
        let blocked = folder.path().join("settlement").join(blocked);
        let obstacle = Obstacle::new(blocked, folder.path().to_owned());
        add(&host, ONE);
        epochs(&host, ONE, 2);
        until_settled(&host, ONE, 2);
        until("it is received", || !received.lock().expect("a list").is_empty());
        obstacle.wait_for_retries("the receipt of market 1");
        assert_eq!(*received.lock().expect("a list"), [1]);
        obstacle.remove();
        until_delivered(&host, ONE, 2);
        host.close().expect("a clean shutdown");
        assert_eq!(*received.lock().expect("a list"), [1, 2]);
        let stored_receipts = receipts(folder.path(), ONE);
        assert_eq!(
            (epochs_of(&stored_receipts), &stored_receipts[0]["receipt"]),
            (vec![1, 2], &"number 1".into())
        );
    }
}

#[test]
fn problem_of_one_market_does_not_delay_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let begin = || host(folder.path(), function_delivery(|_| Ok(Receipt::default())));
    let first = begin();
    add(&first, ONE);
    add(&first, TWO);
    first.close().expect("a clean shutdown");
    let position = folder.path().join("settlement/delivered-1.json");
    fs::write(&position, "corrupted").expect("a file");
    let requests = OperatorRequests::of(folder.path());
    requests.add(ONE, OperatorRequest::DeliverRetry).expect("a request");
    let second = begin();
    epochs(&second, ONE, 2);
    epochs(&second, TWO, 2);
    until_delivered(&second, TWO, 2);
    assert_eq!(receipts(folder.path(), ONE).len(), 0);
    fs::remove_file(&position).expect("it is there");
    until_delivered(&second, ONE, 2);
    until("the request is executed", || requests.pending().expect("a folder").is_empty());
    second.close().expect("a clean shutdown");
}

#[test]
fn hanging_delivery_target_does_not_delay_settlement() {
    let folder = tempfile::tempdir().expect("a folder");
    let (called, calls): (Sender<()>, Receiver<()>) = channel();
    let (release, gate): (Sender<()>, Receiver<()>) = channel();
    let host = host(
        folder.path(),
        function_delivery(move |_| {
            called.send(()).expect("the test");
            let _ = gate.recv();
            Ok(Receipt::default())
        }),
    );
    add(&host, ONE);
    epochs(&host, ONE, 1);
    calls.recv_timeout(TIMEOUT).expect("it is asked");
    epochs(&host, ONE, 30);
    until_settled(&host, ONE, 31);
    assert_eq!(standing(&host, ONE).delivered, None, "it still hangs");
    drop(release);
    until_delivered(&host, ONE, 31);
    host.close().expect("a clean shutdown");
}

/// Reads one request. Returns its head in lower case and its body.
fn request(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.to_lowercase();
        if line == "\r\n" {
            break;
        }
        if let Some(bytes) = line.strip_prefix("content-length: ") {
            length = bytes.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

#[test]
fn http_target_receives_each_batch_under_its_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/settled", listener.local_addr().expect("an address"));
    let (sender, received) = channel();
    std::thread::spawn(move || {
        // The first request gets no answer.
        let answers = ["", "503 no", "429 no", "400 bad", "200 OK", "307 elsewhere", "201 made"];
        let mut answers = answers.into_iter();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let Some(asked) = request(&stream) else { continue };
            let answer = answers.next().unwrap_or("200 OK");
            if sender.send((answer, asked)).is_err() {
                return;
            }
            if !answer.is_empty() {
                let text = format!(
                    "HTTP/1.1 {answer}\r\nContent-Length: 6\r\nLocation: http://127.0.0.1:1/\r\n\
                     Connection: close\r\n\r\nthanks"
                );
                stream.write_all(text.as_bytes()).expect("an answer");
            }
        }
    });
    let outlet = WebOutlet::new(&address, TIMEOUT).expect("an address");
    let host = host(folder.path(), delivery(outlet));
    add(&host, ONE);
    epochs(&host, ONE, 3);
    until_delivered(&host, ONE, 3);
    host.close().expect("a clean shutdown");
    let mut answered = Vec::new();
    for (answer, (head, body)) in received.try_iter() {
        let batch = Batch::from_text(&body).expect("a batch");
        assert!(head.starts_with("post /settled http/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("idempotency-key: {}\r\n", batch.id())), "{head}");
        answered.push((answer.get(..3).unwrap_or(""), batch.epoch.0));
    }
    let one = ["", "503", "429", "400", "200"].map(|answer| (answer, 1));
    let rest = [("307", 2), ("201", 2), ("200", 3)];
    assert_eq!(answered, [one.as_slice(), &rest].concat());
    let stored_receipts = receipts(folder.path(), ONE);
    assert!(stored_receipts.iter().all(|it| it["receipt"] == "thanks"), "{stored_receipts:?}");
    for wrong in ["ftp://host/", "host", "", "http://"] {
        assert!(WebOutlet::new(wrong, TIMEOUT).is_err(), "{wrong}");
    }
}

#[test]
fn program_receives_each_batch_under_its_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = tempfile::tempdir().expect("a folder");
    let script = target.path().join("deliver");
    let text = "#!/bin/sh\n\
        cat > last.tmp\n\
        case $(cat tries 2>/dev/null) in\n\
        '') printf 1 > tries; exit 75;;\n\
        1) printf 2 > tries; kill -9 $$;;\n\
        2) printf 3 > tries; sleep 600;;\n\
        3) printf 4 > tries; echo unwanted >&2; exit 3;;\n\
        esac\n\
        mv last.tmp \"$PRICETIME_SETTLEMENT_ID\"\n\
        echo \"thanks for $PRICETIME_SETTLEMENT_ID\"\n";
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("its rights");
    // The outlet starts the program with its arguments and adds no shell of its own.
    let arguments = ["-c", "cd \"$1\" && exec \"$2\"", "sh"].map(str::to_owned).to_vec();
    let paths = [target.path(), &script].map(|it| it.to_str().expect("text").to_owned());
    let arguments = [arguments, paths.to_vec()].concat();
    let outlet = ProgramOutlet::new("sh", &arguments, Duration::from_secs(2));
    let host = host(folder.path(), delivery(outlet));
    add(&host, ONE);
    epochs(&host, ONE, 3);
    until_delivered(&host, ONE, 3);
    host.close().expect("a clean shutdown");
    assert_eq!(fs::read_to_string(target.path().join("tries")).expect("tries"), "4");
    let stored_receipts = receipts(folder.path(), ONE);
    assert_eq!(epochs_of(&stored_receipts), [1, 2, 3]);
    for line in stored_receipts {
        let id = line["id"].as_str().expect("an id");
        assert_eq!(line["receipt"], format!("thanks for {id}"));
        let text = fs::read_to_string(target.path().join(id)).expect("the batch that it received");
        assert_eq!(Batch::from_text(&text).expect("a batch").id().to_string(), id);
    }
}

#[test]
fn orphaned_child_of_a_delivery_program_keeps_no_pipe_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = tempfile::tempdir().expect("a folder");
    // The background process has left the process group too, and writes for as long as its pipe
    // has a reader.
    let script = "cd \"$1\"
        setsid sh -c 'trap \"\" PIPE
            while echo still >&2 2>/dev/null; do sleep 0.01; done
            touch let_go' > /dev/null &
        cat > /dev/null
        echo thanks";
    let arguments = ["-c", script, "sh", target.path().to_str().expect("text")].map(str::to_owned);
    let host = host(folder.path(), delivery(ProgramOutlet::new("sh", &arguments, TIMEOUT)));
    add(&host, ONE);
    epochs(&host, ONE, 1);
    until_delivered(&host, ONE, 1);
    assert_eq!(receipts(folder.path(), ONE)[0]["receipt"], "thanks");
    until("its pipe is closed while the host runs", || target.path().join("let_go").exists());
    host.close().expect("a clean shutdown");
}
