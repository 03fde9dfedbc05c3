//! `pricetime bench` measures every workload and compares its measurements.
//!
//! Nothing here asserts a time.

#[path = "../program/browser.rs"]
mod browser;
mod gateway;
mod growth;
mod page;
mod recording;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pricetime::engine::Limits;
use pricetime_benches::workload::Workload;
use pricetime_tests::redis::Server;
use pricetime_tests::server::Port;
use serde_json::Value;
use tempfile::TempDir;

fn bench(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_pricetime"));
    program.arg("bench").args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The standard output of a run that succeeds.
fn printed(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = bench(arguments);
    assert!(status.success(), "{arguments:?}: {status}, {}", text(&stderr));
    text(&stdout)
}

fn parsed(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(arguments)).expect("one JSON object")
}

/// The exit code and standard error of a refused run.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = bench(arguments);
    assert!(stdout.is_empty(), "{arguments:?}: {}", text(&stdout));
    (status.code(), text(&stderr))
}

/// Writes the report of one small workload to a file.
fn report(folder: &Path) -> PathBuf {
    let path = folder.join("before.json");
    let core = ["core", "--workload", "sweep-storm", "--commands", "500", "--runs", "2", "--json"];
    fs::write(&path, printed(&core)).expect("a file");
    path
}

fn names(report: &Value) -> Vec<&str> {
    let workloads = report["workloads"].as_array().expect("workloads");
    workloads.iter().map(|one| one["workload"].as_str().expect("a name")).collect()
}

#[test]
fn every_workload_runs_through_the_core() {
    let core = ["core", "--commands", "300", "--runs", "2", "--warmup", "0", "--json"];
    let [first, second] = [(), ()].map(|()| parsed(&core));
    assert_eq!((&first["format"], &first["version"]), (&"pricetime-bench".into(), &1.into()));
    assert_eq!(first["settings"]["commands"], 300);
    assert!(first["machine"]["cores"].is_u64() && first["build"]["checked"].is_boolean());
    assert_eq!(names(&first), Workload::ALL.map(Workload::name));
    for at in 0..Workload::ALL.len() {
        let [one, two] = [&first, &second].map(|report| &report["workloads"][at]);
        assert_eq!(one["rate"]["runs"].as_array().map(Vec::len), Some(2), "{one}");
        assert_eq!(one["core"]["latency"]["count"], 600, "{one}");
        assert_eq!(one["core"]["digest"].as_str().map(str::len), Some(32), "{one}");
        assert_eq!(one["core"]["digest"], two["core"]["digest"]);
        let counts = [one, two].map(|it| it["core"]["memory"]["allocations_per_million"].as_f64());
        assert_eq!(counts[0], counts[1]);
        assert_eq!(counts[0].is_some(), cfg!(feature = "count-allocations"));
    }
}

#[test]
fn every_workload_runs_through_a_host() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path().to_str().expect("a path of text");
    let run = |workload, policy, submitters| {
        let host = ["host", "--folder", at, "--commands", "300", "--runs", "1", "--json"];
        let more = ["--workload", workload, "--policy", policy, "--submitters", submitters];
        let report = parsed(&[host.as_slice(), &more, &["--load", "50"]].concat());
        for one in report["workloads"].as_array().expect("workloads") {
            let load = &one["host"]["loads"][0];
            assert_eq!((&load["percent"], &load["latency"]["count"]), (&50.0.into(), &300.into()));
        }
        report
    };
    assert_eq!(names(&run("all", "none", "1")), Workload::ALL.map(Workload::name));
    assert_eq!(names(&run("epochs", "sync", "2")), ["epochs"]);
    assert_eq!(names(&run("sweep-storm", "interval", "3")), ["sweep-storm"]);
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 0, "data folders were left behind");
}

#[test]
fn host_bench_runs_at_a_given_rate() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path().to_str().expect("a path of text");
    let host = ["host", "--workload", "normal", "--folder", at, "--commands", "50", "--runs", "1"];
    let text = printed(&[host.as_slice(), &["--rate", "10000"]].concat());
    assert!(text.contains("10,000"), "{text}");
}

#[test]
fn report_compared_with_itself_shows_no_difference() {
    let folder = TempDir::new().expect("a folder");
    let report = report(folder.path());
    let at = report.to_str().expect("a path of text");
    let compared = parsed(&["compare", at, at, "--json", "--fail-if-slower"]);
    assert_eq!(compared[0]["workload"], "sweep-storm");
    assert_eq!((&compared[0]["verdict"], &compared[0]["ratio"]), (&"same".into(), &1.0.into()));
    let text = printed(&["compare", at, at]);
    assert!(text.contains("same within the noise"), "{text}");
}

#[test]
fn new_measurement_is_compared_with_its_baseline() {
    let folder = TempDir::new().expect("a folder");
    let report = report(folder.path());
    let at = report.to_str().expect("a path of text");
    let core = ["core", "--workload", "sweep-storm,crash", "--commands", "500", "--runs", "1"];
    let now = parsed(&[core.as_slice(), &["--baseline", at, "--json"]].concat());
    let compared = now["compared"].as_array().expect("a comparison");
    assert_eq!(compared.len(), 2);
    assert!(compared[0]["ratio"].is_f64() && compared[0]["other_outcome"] == false, "{now}");
    assert_eq!(compared[1]["verdict"], "new");
    let text = printed(&[core.as_slice(), &["--baseline", at]].concat());
    assert!(text.contains("not in the baseline"), "{text}");
}

#[test]
fn report_says_how_busy_the_machine_was() {
    let core = ["core", "--workload", "epochs", "--commands", "500", "--runs", "1"];
    let report = parsed(&[core.as_slice(), &["--json"]].concat());
    for what in ["load_first", "load_last", "others_percent", "stolen_percent"] {
        let value = &report["busy"][what];
        assert!(value.is_null() || value.as_f64().is_some_and(|value| value >= 0.0), "{report}");
    }
    let text = printed(&core);
    let is_known = !report["busy"]["load_first"].is_null();
    assert_eq!(text.contains("other programs had"), is_known, "{text}");
}

#[test]
fn report_of_another_machine_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let own = report(folder.path());
    let mut other: Value =
        serde_json::from_str(&fs::read_to_string(&own).expect("a file")).expect("JSON");
    other["machine"]["os"] = "linux 1.2.3".into();
    let path = folder.path().join("other.json");
    fs::write(&path, other.to_string()).expect("a file");
    let [own, at] = [&own, &path].map(|path| path.to_str().expect("a path of text"));
    // Another version of the system is reported and not refused.
    let compared = bench(&["compare", own, at]);
    assert!(compared.status.success(), "{compared:?}");
    assert!(text(&compared.stderr).contains("another version"), "{compared:?}");
    other["machine"]["cpu"] = "Abacus 3000".into();
    fs::write(&path, other.to_string()).expect("a file");
    let core = ["core", "--workload", "sweep-storm", "--commands", "500", "--baseline", at];
    for arguments in [core.as_slice(), &["compare", own, at]] {
        let (code, message) = refused(arguments);
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains("Abacus 3000") && message.contains(" cores, "), "{message}");
    }
}

#[test]
fn slower_result_fails_on_request() {
    let folder = TempDir::new().expect("a folder");
    let measured = report(folder.path());
    let of_rate = |name: &str, rate: f64| {
        let mut report: Value =
            serde_json::from_str(&fs::read_to_string(&measured).expect("a file")).expect("JSON");
        let one = &mut report["workloads"][0];
        one["core"]["cpu_percent"] = 100.0.into();
        for field in ["median", "min", "max"] {
            one["rate"][field] = rate.into();
        }
        one["rate"]["spread_percent"] = 1.0.into();
        let path = folder.path().join(name);
        fs::write(&path, report.to_string()).expect("a file");
        path.to_str().expect("a path of text").to_owned()
    };
    let (before, faster) = (&of_rate("one.json", 1e6), &of_rate("two.json", 1.1e6));
    let Output { status, stdout, stderr } = bench(&["compare", faster, before, "--fail-if-slower"]);
    assert_eq!(status.code(), Some(1));
    assert!(text(&stdout).contains("slower") && text(&stderr).contains("sweep-storm"));
    printed(&["compare", faster, before]);
    assert!(printed(&["compare", before, faster, "--fail-if-slower"]).contains("faster"));
}

#[test]
fn baseline_of_another_measurement_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let core = |path: &Path, commands: &str| {
        let at = path.to_str().expect("a path of text");
        refused(&["core", "--workload", "normal", "--commands", commands, "--baseline", at])
    };
    let other = folder.path().join("other.json");
    for content in ["{}", "[]", "no JSON", r#"{"format":"pricetime-bench","version":0}"#] {
        fs::write(&other, content).expect("a file");
        let (code, message) = core(&other, "500");
        assert_eq!(code, Some(2), "{content}: {message}");
        assert!(message.contains("other.json"), "{message}");
    }
    let report = report(folder.path());
    let (code, message) = core(&report, "501");
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("--commands 500") && message.contains("--commands 501"), "{message}");
    let (code, message) = core(&folder.path().join("none.json"), "500");
    assert_eq!(code, Some(1), "{message}");
}

#[test]
fn invalid_bench_arguments_are_refused() {
    let (code, message) = refused(&["core", "--workload", "wild"]);
    assert_eq!(code, Some(2));
    assert!(Workload::ALL.iter().all(|known| message.contains(known.name())), "{message}");
    let invalid: [&[&str]; 5] = [
        &["host", "--load", "0"],
        &["host", "--load", "10", "--rate", "10"],
        &["core", "--commands", "0"],
        &["core", "--fail-if-slower"],
        &[],
    ];
    for arguments in invalid {
        assert_eq!(refused(arguments).0, Some(2), "{arguments:?}");
    }
    let (code, message) = refused(&["host", "--folder", "/no/such/folder", "--commands", "1"]);
    assert_eq!(code, Some(1));
    assert!(message.contains("/no/such/folder"), "{message}");
}

/// The arguments for the image of a very small book.
const SMALL: [&str; 9] =
    ["redis", "--orders", "300,50", "--changes", "20", "--runs", "1", "--commands", "400"];

#[test]
fn redis_bench_starts_its_own_server() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path().to_str().expect("a path of text");
    let report = parsed(&[SMALL.as_slice(), &["--folder", at, "--json"]].concat());
    let all = [
        "zadd",
        "write-300",
        "restore-300",
        "ping-300",
        "epoch",
        "ping",
        "bytes",
        "write-50",
        "restore-50",
        "ping-50",
        "matching-well",
        "matching-hung",
    ];
    assert_eq!(names(&report), all);
    for one in report["workloads"].as_array().expect("workloads") {
        assert!(one["rate"]["median"].as_f64().is_some_and(|rate| rate > 0.0), "{one}");
        assert!(one["redis"]["value"].as_f64().is_some_and(|value| value > 0.0), "{one}");
    }
    assert_eq!(report["workloads"][1]["redis"]["goal"]["at_least"], 1.0);
    assert_eq!(report["workloads"][4]["rate"]["runs"].as_array().map(Vec::len), Some(5));
    let before = folder.path().join("before.json");
    fs::write(&before, report.to_string()).expect("a file");
    let before = before.to_str().expect("a path of text");
    let text = printed(&[SMALL.as_slice(), &["--folder", at, "--baseline", before]].concat());
    for what in ["write-300", "redis-benchmark", "verdict", "bytes", "matching-hung"] {
        assert!(text.contains(what), "{what} in {text}");
    }
    let (code, message) = refused(&["redis", "--orders", "20", "--baseline", before]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("--orders 300,50"), "{message}");
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 1, "folders were left behind");
}

#[test]
fn redis_bench_leaves_existing_keys_of_a_given_server() {
    let server = Server::start();
    assert_eq!(server.ask(&["SET", "theirs", "1"]), "OK");
    let more = ["--redis", &server.url(), "--json"];
    let report = parsed(&[SMALL.as_slice(), &more].concat());
    assert!(!names(&report).contains(&"matching-hung"), "the program must not stop it");
    assert_eq!(server.ask(&["KEYS", "*"]), "theirs");
    // If redis-benchmark is missing too, the program measures on its own.
    let alone = Command::new(env!("CARGO_BIN_EXE_pricetime"))
        .env("PATH", "")
        .arg("bench")
        .args(SMALL)
        .args(["--redis", &server.url()])
        .output()
        .expect("the program starts");
    assert!(alone.status.success(), "{}", text(&alone.stderr));
    assert!(text(&alone.stdout).contains("connections of this program"), "{alone:?}");
    assert_eq!(server.ask(&["KEYS", "*"]), "theirs");
}

#[test]
fn redis_bench_without_a_server_explains_how_to_get_one() {
    let alone = Command::new(env!("CARGO_BIN_EXE_pricetime"))
        .env("PATH", "")
        .args(["bench", "redis"])
        .output()
        .expect("the program starts");
    assert_eq!(alone.status.code(), Some(1));
    assert!(text(&alone.stderr).contains("apt install redis-server"), "{alone:?}");
    let port = Port::reserve();
    let unused_url = format!("redis://127.0.0.1:{}", port.number);
    let wrong: [(&str, i32); 4] = [
        (unused_url.as_str(), 1),
        ("rediss://127.0.0.1", 2),
        ("redis+cluster://127.0.0.1", 2),
        ("127.0.0.1", 2),
    ];
    for (url, code) in wrong {
        let (found, message) = refused(&["redis", "--redis", url]);
        assert_eq!(found, Some(code), "{url}: {message}");
    }
}

/// The arguments for settlement with very small batches.
const SETTLE: [&str; 11] = [
    "settle",
    "--trades",
    "1,30",
    "--small",
    "5",
    "--locks",
    "4",
    "--commands",
    "400",
    "--runs",
    "2",
];

#[test]
fn settlement_is_measured_on_every_ledger() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path().to_str().expect("a path of text");
    // A server started by the program may run as another user, which has to read this folder.
    let rights = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path(), rights).expect("its rights");
    let report = parsed(&[SETTLE.as_slice(), &["--folder", at, "--json"]].concat());
    let batches = ["embedded", "redis", "postgres"];
    let batches = batches.map(|name| ["1", "30", "row"].map(|what| format!("{name}-{what}")));
    let others = [
        "lock-well",
        "unlock-well",
        "lock-hung",
        "unlock-hung",
        "matching-alone",
        "matching-settled",
    ];
    let all = batches.concat().into_iter().chain(others.map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(names(&report), all);
    for one in report["workloads"].as_array().expect("workloads") {
        assert!(one["rate"]["median"].as_f64().is_some_and(|rate| rate > 0.0), "{one}");
        assert!(one["settle"]["value"].as_f64().is_some_and(|value| value > 0.0), "{one}");
    }
    assert_eq!(report["workloads"][14]["settle"]["goal"]["at_least"], 0.9);
    let before = folder.path().join("before.json");
    fs::write(&before, report.to_string()).expect("a file");
    let before = before.to_str().expect("a path of text");
    let (code, message) = refused(&["settle", "--trades", "2", "--baseline", before]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("--trades 1,30 --small 5"), "{message}");
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 1, "folders were left behind");
}

#[test]
fn settle_bench_leaves_existing_keys_of_a_given_server() {
    let server = Server::start();
    assert_eq!(server.ask(&["SET", "theirs", "1"]), "OK");
    let folder = TempDir::new().expect("a folder");
    let at = folder.path().to_str().expect("a path of text");
    let small = ["settle", "--trades", "3", "--small", "2", "--locks", "0", "--commands", "0"];
    // With an empty PATH, the program cannot start another server.
    let run = Command::new(env!("CARGO_BIN_EXE_pricetime"))
        .env("PATH", "")
        .arg("bench")
        .args(small)
        .args(["--runs", "1", "--folder", at, "--redis", &server.url()])
        .output()
        .expect("the program starts");
    assert!(run.status.success(), "{}", text(&run.stderr));
    let table = text(&run.stdout);
    assert!(table.contains("embedded-3") && table.contains("redis-row"), "{table}");
    assert_eq!(server.ask(&["KEYS", "*"]), "theirs");
}

#[test]
fn subscriber_bench_compares_hosts_with_and_without_subscribers() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path().to_str().expect("a path of text");
    let small = ["subscribers", "--subscribers", "30", "--orders", "300", "--runs", "2"];
    let small = [small.as_slice(), &["--commands", "400", "--folder", at]].concat();
    let report = parsed(&[small.as_slice(), &["--json"]].concat());
    let waits = ["wait-alone", "wait-reconnect", "wait-digest"];
    let all =
        [&["commands-alone", "commands-quiet", "commands-busy"], &waits, ["reconnect"].as_slice()];
    assert_eq!(names(&report), all.concat());
    for one in report["workloads"].as_array().expect("workloads") {
        assert_eq!(one["rate"]["runs"].as_array().map(Vec::len), Some(2), "{one}");
        assert!(one["rate"]["median"].as_f64().is_some_and(|rate| rate > 0.0), "{one}");
        assert!(one["subscribers"]["value"].as_f64().is_some_and(|value| value > 0.0), "{one}");
    }
    assert_eq!(report["workloads"][1]["subscribers"]["goal"]["at_least"], 0.9);
    let before = folder.path().join("before.json");
    fs::write(&before, report.to_string()).expect("a file");
    let before = before.to_str().expect("a path of text");
    let text = printed(&[small.as_slice(), &["--baseline", before]].concat());
    for what in ["30 subscribers, 300 resting orders", "while 30 subscribe at once", "verdict"] {
        assert!(text.contains(what), "{what} in {text}");
    }
    let (code, message) = refused(&["subscribers", "--subscribers", "31", "--baseline", before]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("--subscribers 30 --orders 300"), "{message}");
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 1, "folders were left behind");
}

#[test]
fn hostile_bench_measures_honest_commands_under_every_attack() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path().to_str().expect("a path of text");
    let small = ["hostile", "--orders", "300", "--commands", "40", "--runs", "2", "--folder", at];
    let report = parsed(&[small.as_slice(), &["--json"]].concat());
    let attacks = [
        "nobody",
        "chosen-ids",
        "request-window",
        "iceberg-sweep",
        "dry-runs",
        "empty-cancels",
        "crowding-out",
        "reads",
        "unread-feeds",
    ];
    assert_eq!(names(&report), attacks);
    for one in report["workloads"].as_array().expect("workloads") {
        let attacked = &one["hostile"];
        for beside in ["harmless", "hostile"] {
            assert_eq!(attacked[beside]["honest"]["sent"], 80, "{one}");
            assert_eq!(attacked[beside]["honest"]["refused"], 0, "{one}");
        }
        assert_eq!(attacked["harmless"]["client"]["refused"], 0, "{one}");
        let client = attacked["hostile"]["client"]["sent"].as_u64().expect("a number");
        assert_eq!(client == 0, one["workload"] == "nobody", "{one}");
        assert!(attacked["p99_ratio"].as_f64().is_some_and(|ratio| ratio > 0.0), "{one}");
        assert_eq!(attacked["goals"]["p99_ratio_at_most"], 2.0, "{one}");
        assert!(attacked["met"].is_boolean(), "{one}");
        let opening = ["sent", "refused"].map(|it| attacked["opening"][it].as_u64());
        let [Some(sent), Some(refused)] = opening else { panic!("no numbers: {one}") };
        match one["workload"].as_str() {
            Some("request-window") => assert_eq!((sent, refused), (300, 300), "{one}"),
            Some("crowding-out") => {
                let most = Limits::default().orders_per_account_max;
                assert_eq!(sent - refused, u64::from(most), "{one}");
            }
            _ => assert_eq!(refused, 0, "{one}"),
        }
    }
    let before = folder.path().join("before.json");
    fs::write(&before, report.to_string()).expect("a file");
    let before = before.to_str().expect("a path of text");
    let one = ["--attack", "reads", "--baseline", before];
    let text = printed(&[small.as_slice(), &one].concat());
    for what in ["300 resting orders", "\nreads ", "\ngoals: a p99 of at most 2 times", "verdict"] {
        assert!(text.contains(what), "{what} in {text}");
    }
    let (code, message) = refused(&["hostile", "--orders", "301", "--baseline", before]);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("--orders 300 --rate 1000 --hostile-rate 1000"), "{message}");
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 1, "folders were left behind");
}
