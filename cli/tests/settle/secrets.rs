//! No error, log, status or receipt shows a token, a password or an address that may contain one. Child
//! processes get none of them, and a receiver of deliveries can verify the sender.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::program::{Running, err, folder, page, run};
use crate::settling::{MARKET, asked, epoch};
use pricetime_tests::wait::{TIMEOUT, until};
use serde_json::json;

const PAGE: &str = include_str!("../../../docs/settlement.md");
/// Every secret here contains this.
const SECRET: &str = "hunter2";
/// The signing secret.
const SIGNING: &str = "hunter2 signs what is delivered";

fn assert_no_secret(text: &str, what: &str) {
    assert!(!text.contains(SECRET), "{what} shows the secret: {text}");
}

/// Checks a configuration that must be refused without its secret.
fn refused(folder: &Path, text: &str) -> String {
    fs::write(folder.join("c.toml"), text).expect("a file");
    let checked = run(folder, &["config", "--check", "c.toml"], "");
    assert_eq!(checked.status.code(), Some(2), "{text}: {}", err(&checked));
    assert_no_secret(&err(&checked), text);
    err(&checked)
}

#[test]
fn configuration_error_shows_no_secret_in_any_setting() {
    let folder = folder();
    let texts = [
        ("listen", "token"),
        ("redis", "url"),
        ("settlement", "url"),
        ("settlement", "deliver"),
        ("settlement", "deliver_secret"),
        ("settlement", "deliver_proxy"),
    ];
    let lists = [("settlement", "locks"), ("settlement", "deliver_command"), ("lock", "nodes")];
    for (section, key) in texts.into_iter().chain(lists) {
        let named = format!("{section}.{key}: expected the type ");
        for (value, expected) in [
            ("\"redis://u:hunter2@h", "line 2, column "),
            ("hunter2", "line 2, column "),
            ("\"hunter2\" x", "line 2, column "),
            ("\"hunter2\\q\"", "line 2, column "),
            ("{ a = \"hunter2\" }", &named),
        ] {
            let error = refused(folder.path(), &format!("[{section}]\n{key} = {value}\n"));
            assert!(error.contains(expected), "{error}");
        }
        refused(folder.path(), &format!("{section} = \"hunter2\"\n"));
        let is_list = lists.contains(&(section, key));
        let value = if is_list { "\"hunter2\"" } else { "[\"hunter2\"]" };
        let error = refused(folder.path(), &format!("[{section}]\n{key} = {value}\n"));
        assert!(error.contains(&named), "{error}");
        if is_list {
            for value in ["[[\"hunter2\"]]", "[{ a = \"hunter2\" }]", "[\"hunter2\""] {
                refused(folder.path(), &format!("[{section}]\n{key} = {value}\n"));
            }
        }
    }
}

#[test]
fn invalid_secret_is_not_shown() {
    let folder = folder();
    for (text, expected) in [
        ("[redis]\nurl = \"hunter2\"", "redis.url"),
        ("[redis]\nurl = \"redis://u:hunter2@\"", "redis.url"),
        ("[redis]\nurl = \"redis://u:hunter2@a,b\"", "redis.url"),
        ("[redis]\nurl = \"redis+sentinel://a/main?password=hunter2\"", "sentinel_password"),
        ("[lock]\nnodes = [\"hunter2\"]", "lock.nodes"),
        ("[listen]\ntokens = [\"hunter2\"]", "listen.tokens"),
        ("[[listen.tokens]]\nsha256 = \"hunter2\"", "64 hexadecimal digits"),
        ("[[listen.tokens]]\nsha256 = [\"hunter2\"]", "listen.tokens"),
        ("[settlement]\nledger = \"postgres://u:hunter2@h/d\"", "settlement.ledger"),
        ("[settlement]\nledger = \"postgres\"\nurl = \"hunter2\"", "settlement.url"),
        ("[settlement]\nledger = \"postgres\"\nurl = \"host=a password=x hunter2=y\"", "url"),
        ("[settlement]\nledger = \"postgres\"\nurl = \"postgres://u:x@hunter2@h/d\"", "%40"),
        (
            "[settlement]\nledger = \"postgres\"\nurl = \"postgres://u:hunter2@192.0.2.1/d\"",
            "add sslmode=verify-full",
        ),
        ("[settlement]\nledger = \"redis\"\nurl = \"redis://u:hunter2@\"", "settlement.url"),
        (
            "[settlement]\nledger = \"embedded\"\nlocks = [\"redis://u:hunter2@\"]",
            "settlement.locks",
        ),
        (
            "[settlement]\nledger = \"embedded\"\ndeliver = \"ftp://u:hunter2@h/hunter2\"",
            "settlement.deliver: ftp://h/…",
        ),
        (
            "[settlement]\nledger = \"embedded\"\ndeliver = \"http://h\"\n\
             deliver_proxy = \"socks5://u:hunter2@h\"",
            "settlement.deliver_proxy: socks5://h",
        ),
        (
            "[settlement]\nledger = \"embedded\"\ndeliver = \"http://h\"\n\
             deliver_secret = \"hunter2\"",
            "settlement.deliver_secret: it has 7 bytes",
        ),
        (
            "[settlement]\nledger = \"embedded\"\ndeliver_command = [\"sh\", \"hunter2\"]\n\
             deliver_secret = \"hunter2 hunter2 hunter2\"",
            "settlement.deliver_secret: it is for",
        ),
    ] {
        let error = refused(folder.path(), text);
        assert!(error.contains(expected), "{text}: {error}");
    }
    for words in [
        &["--redis", "redis://u:hunter2@"][..],
        &["--lock", "hunter2"],
        &["--settle", "postgres", "--settle-url", "postgres://u:hunter2@192.0.2.1/d"],
        &["--settle", "postgres://u:hunter2@h/d"],
        &["--settle", "embedded", "--deliver-secret", "hunter2"],
    ] {
        let done = run(folder.path(), &[&["run", "--once"], words].concat(), "");
        assert_eq!(done.status.code(), Some(2), "{words:?}: {}", err(&done));
        assert_no_secret(&err(&done), "a wrong flag");
    }
}

/// Starts the program with this delivery configuration and settles an epoch.
fn deliver(environment: &[(&str, &str)], settlement: &str) -> Running {
    let folder = folder();
    let text = format!("[settlement]\nledger = \"embedded\"\n{settlement}");
    fs::write(folder.path().join("c.toml"), text).expect("a file");
    let running =
        Running::start_with(environment, folder, &["--epoch", "never", "--config", "c.toml"]);
    let mut client = running.unix();
    client.send(&(MARKET.to_owned() + &epoch(1)));
    until("it is delivered", || {
        let status = asked(running.folder.path(), &["status", "--config", "c.toml"], 0);
        status.iter().any(|it| it["market"]["delivery"]["delivered"] == 1)
    });
    running
}

#[test]
fn delivery_program_inherits_no_secret_from_the_environment() {
    let environment = [
        ("PRICETIME_TOKEN", "hunter2 of an operator"),
        ("PRICETIME_ANYTHING", "hunter2 of somebody"),
        ("SOMETHING_ELSE", "stays"),
    ];
    let command = "deliver_command = [\"sh\", \"-c\", \"env > seen; cat > /dev/null\"]\n";
    let running = deliver(&environment, command);
    let seen = fs::read_to_string(running.folder.path().join("seen")).expect("what it saw");
    assert_no_secret(&seen, "the environment of the program");
    let pricetime_variables: Vec<&str> =
        seen.lines().filter(|line| line.starts_with("PRICETIME_")).collect();
    assert_eq!(pricetime_variables.len(), 1, "{pricetime_variables:?}");
    assert!(
        pricetime_variables[0].starts_with("PRICETIME_SETTLEMENT_ID="),
        "{pricetime_variables:?}"
    );
    assert!(seen.contains("SOMETHING_ELSE=stays"), "{seen}");
}

/// A request to the server: the headers by lower-case name, and the body.
struct Request {
    first: String,
    head: BTreeMap<String, String>,
    body: String,
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut head = BTreeMap::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        head.insert(name.to_lowercase(), value.to_owned());
    }
    let length = head.get("content-length").map_or(0, |it| it.parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { first, head, body: String::from_utf8(body).ok()? })
}

/// A server and proxy that refuses the first request and accepts the others. It sends each request to the
/// channel.
fn serve() -> (SocketAddr, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (send, asked) = channel();
    thread::spawn(move || {
        let mut answer = "400 no";
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.expect("a connection"));
            while let Some(request) = read(&mut reader) {
                let is_tunnel = request.first.starts_with("CONNECT ");
                let text = if is_tunnel {
                    String::from("HTTP/1.1 200 OK\r\n\r\n")
                } else {
                    // Like many servers, this one repeats the refused path in its answer.
                    let body = if answer == "200 OK" { "thanks" } else { request.first.as_str() };
                    let length = body.len();
                    format!(
                        "HTTP/1.1 {answer}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n\
                         {body}"
                    )
                };
                // If the client is gone, it retries.
                let _ = reader.get_mut().write_all(text.as_bytes());
                if send.send(request).is_err() {
                    return;
                }
                if !is_tunnel {
                    answer = "200 OK";
                    break;
                }
            }
        }
    });
    (address, asked)
}

/// The signature as computed by `openssl`.
fn signature(time: &str, body: &str) -> String {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", SIGNING])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl, which scripts/test installs");
    let mut input = openssl.stdin.take().expect("its input");
    input.write_all(format!("{time}.{body}").as_bytes()).expect("it reads");
    drop(input);
    let output = openssl.wait_with_output().expect("its output");
    let text = String::from_utf8(output.stdout).expect("text");
    format!("sha256={}", text.split_whitespace().last().expect("a digest"))
}

#[test]
fn http_delivery_is_signed_and_shows_no_secret() {
    let (server, requests) = serve();
    let environment = [
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
        ("PRICETIME_DELIVER_SECRET", SIGNING),
    ];
    let address = format!("deliver = \"http://ann:hunter2@{server}/hunter2/in?key=hunter2\"\n");
    let running = deliver(&environment, &address);
    let (code, log, folder) = running.end();
    assert_eq!(code, Some(0), "{log}");
    let files = fs::read_dir(folder.path().join("data/settlement")).expect("a folder");
    let files: Vec<_> = files.map(|entry| entry.expect("an entry").path()).collect();
    assert!(files.iter().any(|path| path.ends_with("receipts-1.jsonl")), "{files:?}");
    for path in files.iter().filter(|path| path.is_file()) {
        assert_no_secret(&fs::read_to_string(path).expect("a file"), &path.display().to_string());
    }
    assert_no_secret(&log, "the log");
    assert!(log.contains(&format!("delivery waits: http://{server}/… answers 400 ")), "{log}");
    for _ in 0..2 {
        let Request { first, head, body } = requests.recv_timeout(TIMEOUT).expect("a request");
        assert_eq!(first, "POST /hunter2/in?key=hunter2 HTTP/1.1");
        // ann:hunter2
        assert_eq!(head["authorization"], "Basic YW5uOmh1bnRlcjI=");
        assert_eq!(head["pricetime-signature"], signature(&head["pricetime-time"], &body));
        assert_documented_receiver_accepts(&head, &body);
    }
}

/// The example receiver in the documentation accepts this request and rejects every variation of it.
fn assert_documented_receiver_accepts(head: &BTreeMap<String, String>, body: &str) {
    let (time, signed) = (&head["pricetime-time"], &head["pricetime-signature"]);
    let example = page::blocks(PAGE, "python").concat();
    let call = "\nimport json, sys\nwhat = json.load(sys.stdin)\n\
                print(is_genuine(what['headers'], what['body'].encode(), what['secret'].encode()))\n";
    let verdict = |time: &str, signed: &str, body: &str, secret: &str| {
        let headers = json!({ "Pricetime-Time": time, "Pricetime-Signature": signed });
        let what = json!({ "headers": headers, "body": body, "secret": secret });
        let mut python = Command::new("python3")
            .args(["-c", &format!("{example}{call}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3, which scripts/test installs");
        let mut input = python.stdin.take().expect("its input");
        input.write_all(what.to_string().as_bytes()).expect("it reads");
        drop(input);
        let output = python.wait_with_output().expect("its output");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    assert_eq!(verdict(time, signed, body, SIGNING), "True");
    assert_eq!(verdict(time, signed, &body.replace('1', "2"), SIGNING), "False");
    assert_eq!(verdict(time, signed, body, "another secret"), "False");
    // An old request is not accepted again, and its time cannot be changed.
    assert_eq!(verdict("1000", &signature("1000", body), body, SIGNING), "False");
    assert_eq!(verdict(&format!("{time}1"), signed, body, SIGNING), "False");
}

#[test]
fn http_delivery_uses_the_configured_proxy() {
    let (proxy, requests) = serve();
    let settlement = format!(
        "deliver = \"http://192.0.2.1/in\"\ndeliver_proxy = \"http://ann:hunter2@{proxy}\"\n"
    );
    let running = deliver(&[], &settlement);
    assert_no_secret(&running.log(), "the log");
    let first = requests.recv_timeout(TIMEOUT).expect("a request");
    assert_eq!(first.first, "CONNECT 192.0.2.1:80 HTTP/1.1");
    let second = requests.recv_timeout(TIMEOUT).expect("a request");
    assert_eq!(second.first, "POST /in HTTP/1.1");
    assert!(!second.head.contains_key("pricetime-signature"), "there is no secret");
}
