//! Over TCP, a connection can do and see only what its token allows, and never learns the id of another
//! account or of another account's order.

use std::net::TcpStream;

use crate::program::{Client, MARKET, Running, err, folder, out, place, run, token};

const ONE: &str = "00000000-0000-0000-0000-000000000001";
const TWO: &str = "00000000-0000-0000-0000-000000000002";
const THREE: &str = "00000000-0000-0000-0000-000000000003";
const FOUR: &str = "00000000-0000-0000-0000-000000000004";

/// An order's id. The tests use other numbers than those of the accounts.
fn order(number: u32) -> String {
    format!("00000000-0000-0000-0000-{number:012}")
}

fn hello(token: &str) -> String {
    format!("{{\"hello\":{{\"format\":1,\"token\":\"{token}\"}}}}\n")
}

fn cancel(account: &str, of: u32) -> String {
    let order = order(of);
    format!("{{\"cancel\":{{\"market\":1,\"account\":\"{account}\",\"order\":\"{order}\"}}}}\n")
}

/// A host with a market, a token for account 1, and a token for accounts 2 and 3.
fn host() -> Running {
    let folder = folder();
    let tokens = token("of one", &[ONE]) + &token("of two and three", &[TWO, THREE]);
    std::fs::write(folder.path().join("c.toml"), tokens).expect("a file");
    let words = ["--tcp", "127.0.0.1:0", "--epoch", "never", "--config", "c.toml"];
    let host = Running::start_in(folder, &words);
    let mut operator = host.unix();
    operator.send(MARKET);
    operator.receive();
    operator.receive();
    host
}

fn refused(client: &mut Client<TcpStream>, line: &str, why: &str) {
    let answer = client.ask(line);
    let error = answer["refused"]["error"].as_str().unwrap_or_default();
    assert!(error.contains(why), "{line} is answered with {answer}");
}

#[test]
fn connection_without_token_sees_only_public_state_and_changes_nothing() {
    let mut host = host();
    let mut operator = host.unix();
    assert_eq!(operator.ask(&place(4, 41, "sell", "2.00", 3))["done"]["outcome"], "accepted");
    let mut public = host.tcp();
    let outcome =
        format!("{{\"outcome\":{{\"market\":1,\"account\":\"{FOUR}\",\"request\":\"{ONE}\"}}}}\n");
    for line in [
        place(4, 42, "buy", "1.00", 1),
        cancel(FOUR, 41),
        cancel(FOUR, 41).replace("cancel\":", "amend\":"),
        format!("{{\"cancel_all\":{{\"market\":1,\"account\":\"{FOUR}\"}}}}\n"),
        format!("{{\"order\":{{\"market\":1,\"order\":\"{}\"}}}}\n", order(41)),
        format!("{{\"subscribe\":{{\"market\":1,\"account\":\"{FOUR}\"}}}}\n"),
        outcome,
    ] {
        refused(&mut public, &line, "without a token a connection sees public data only");
    }
    let cancel_everybody = "{\"cancel_all\":{\"market\":1,\"account\":\"ACCOUNT\",\"whose\":\"everybody\",\
                     \"operator\":true}}\n";
    refused(&mut public, &cancel_everybody.replace("ACCOUNT", FOUR), "only operators");
    assert_eq!(public.ask("{\"status\":{}}\n")["status"]["durable"], 3);
    let book = public.ask("{\"subscribe\":{\"market\":1}}\n");
    assert_eq!(book["book"]["asks"][0]["quantity"], "3");
    operator.ask(&place(1, 11, "buy", "2.00", 1));
    let update = public.receive();
    assert_eq!(update["update"]["trades"][0]["quantity"], "1");
    for hidden in [ONE, FOUR, &order(11), &order(41)] {
        assert!(!update.to_string().contains(hidden), "{update}");
    }
}

#[test]
fn token_restricts_a_connection_to_its_accounts() {
    let mut host = host();
    let mut operator = host.unix();
    let mut one = host.tcp();
    let welcome = one.ask(&hello("of one"));
    assert_eq!(welcome["welcome"]["accounts"], serde_json::json!([ONE]));
    assert_eq!(welcome["welcome"]["operator"], false);
    assert_eq!(one.ask(&place(1, 11, "sell", "2.00", 5))["done"]["outcome"], "accepted");
    let mut two = host.tcp();
    two.send(&hello("of two and three"));
    assert_eq!(two.receive()["welcome"]["accounts"], serde_json::json!([TWO, THREE]));
    for line in [place(1, 12, "sell", "2.00", 5), cancel(ONE, 11)] {
        refused(
            &mut two,
            &line,
            &format!("account {ONE} is not one of this connection's accounts"),
        );
    }
    let answer = two.ask(&cancel(TWO, 11));
    assert_eq!(answer["done"]["outcome"]["rejected"], "not_owner", "{answer}");
    let ask = format!("{{\"order\":{{\"market\":1,\"order\":\"{}\"}}}}\n", order(11));
    assert_eq!(two.ask(&ask)["order"], serde_json::json!({ "line": 5, "market": 1 }));
    assert_eq!(one.ask(&ask)["order"]["found"]["account"], ONE);
    refused(&mut two, "{\"close_epoch\":{\"market\":1,\"number\":1}}\n", "only operators");
    // A token also restricts a connection on the Unix socket.
    let mut three = host.unix();
    three.send(&hello("of two and three"));
    assert_eq!(three.receive()["welcome"]["operator"], false);
    assert!(three.ask(&cancel(ONE, 11)).get("refused").is_some());
    // An operator can see and do everything.
    assert_eq!(operator.ask(&ask)["order"]["found"]["account"], ONE);
    let all = format!("{{\"cancel_all\":{{\"market\":1,\"account\":\"{ONE}\"}}}}\n");
    let cancelled = operator.ask(&all);
    assert_eq!(cancelled["done"]["events"][0]["cancelled"]["order"]["account"], ONE);
}

#[test]
fn replies_and_feeds_never_show_the_other_side_of_a_trade() {
    let mut host = host();
    let mut operator = host.unix();
    let (mut one, mut two) = (host.tcp(), host.tcp());
    one.ask(&hello("of one"));
    two.ask(&hello("of two and three"));
    let watch =
        |account: &str| format!("{{\"subscribe\":{{\"market\":1,\"account\":\"{account}\"}}}}\n");
    refused(&mut two, &watch(ONE), "is not one of this connection's accounts");
    assert_eq!(one.ask(&watch(ONE))["orders"]["sequence"], 2);
    // The trade of the other accounts triggers account 4's stop, which then also trades with account 1.
    one.ask(&place(1, 11, "sell", "2.00", 5));
    assert_eq!(one.receive()["own"]["sequence"], 3);
    let stop = place(4, 41, "buy", "2.00", 3)
        .replace("\"limit\",\"price\":", "\"stop_limit\",\"stop\":\"2.00\",\"price\":");
    assert_eq!(operator.ask(&stop)["done"]["outcome"], "accepted");
    let reply = two.ask(&place(2, 21, "buy", "2.00", 1));
    let events = reply["done"]["events"].as_array().expect("events");
    assert_eq!(events.len(), 2, "{reply}");
    assert_eq!(events[1]["traded"]["taker"]["account"], TWO, "{reply}");
    assert_eq!(events[1]["traded"]["quantity"], "1");
    assert!(events[1]["traded"].get("maker_remaining").is_none(), "{reply}");
    let own = one.receive();
    let events = own["own"]["events"].as_array().expect("events");
    assert_eq!(events.len(), 2, "{own}");
    assert_eq!(events[0]["traded"]["maker"]["order"], order(11).as_str());
    assert_eq!(events[1]["traded"]["maker_remaining"], "1", "{own}");
    for (text, hidden) in [
        (reply.to_string(), [ONE, FOUR, &order(11), &order(41)]),
        (own.to_string(), [TWO, FOUR, &order(21), &order(41)]),
    ] {
        for hidden in hidden {
            assert!(!text.contains(hidden), "{hidden} is in {text}");
        }
    }
    // If both sides of a trade are the connection's own, both are shown.
    two.ask(&place(3, 31, "sell", "1.00", 1));
    let reply = two.ask(&place(2, 22, "buy", "1.00", 1));
    let traded = &reply["done"]["events"][1]["traded"];
    assert_eq!(
        (&traded["maker"]["account"], &traded["taker"]["account"]),
        (&THREE.into(), &TWO.into())
    );
}

#[test]
fn refused_token_is_logged_without_its_value() {
    let mut host = host();
    let mut client = host.tcp();
    refused(&mut client, &hello("of somebody else"), "the token is unknown");
    refused(&mut client, &place(1, 1, "buy", "1.00", 1), "without a token");
    let log = host.log();
    assert!(log.contains("token refused: it is not configured peer=127.0.0.1:"), "{log}");
    assert!(!log.contains("somebody else"), "{log}");
}

#[test]
fn token_command_prints_a_token_that_its_configuration_lines_accept() {
    let folder = folder();
    let made = run(folder.path(), &["token", "--account", ONE, "--account", TWO], "");
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let operator = run(folder.path(), &["token", "--operator"], "");
    let shown = |of: &std::process::Output| {
        let text = err(of);
        let (_, token) = text.trim().rsplit_once(": ").expect("a token");
        assert_eq!(token.len(), 64, "{text}");
        assert!(!out(of).contains(token), "the configuration gets only its SHA-256");
        token.to_owned()
    };
    std::fs::write(folder.path().join("c.toml"), out(&made) + &out(&operator)).expect("a file");
    let mut host = Running::start_in(folder, &["--tcp", "127.0.0.1:0", "--config", "c.toml"]);
    let welcome = host.tcp().ask(&hello(&shown(&made)));
    assert_eq!(welcome["welcome"]["accounts"], serde_json::json!([ONE, TWO]));
    let welcome = host.tcp().ask(&hello(&shown(&operator)));
    assert_eq!(welcome["welcome"]["operator"], true);
}

#[test]
fn invalid_token_entry_is_a_configuration_error() {
    let folder = folder();
    let valid = token("of one", &[ONE]);
    let nil = "00000000-0000-0000-0000-000000000000";
    for (text, expected) in [
        (valid.replace("sha256 = \"", "sha256 = \"z"), "64 hexadecimal digits"),
        (token("of one", &[]), "at least one account"),
        (token("of one", &[nil]), "belongs to operators"),
        (valid.clone() + "operator = true\n", "leave `accounts` out"),
        (valid.repeat(2), "this token is listed twice"),
        (valid.replace("accounts", "acounts"), "unknown field `acounts`"),
        (valid.replace(ONE, "one"), "UUID"),
    ] {
        std::fs::write(folder.path().join("c.toml"), &text).expect("a file");
        let checked = run(folder.path(), &["config", "--check", "c.toml"], "");
        assert_eq!(checked.status.code(), Some(2), "{text}");
        assert!(err(&checked).contains(expected), "{text}: {}", err(&checked));
    }
}
