//! A market that another process has taken over: its status, and how it is taken back.

use pricetime_tests::redis::Server;
use pricetime_tests::wait::until;
use serde_json::{Value, json};

use crate::program::{MARKET, Running, close};
use crate::{code, redis, shown};

#[test]
fn fenced_market_is_in_the_status_and_resumes_when_the_image_is_dropped() {
    let server = Server::start();
    let url = server.url();
    let mut running =
        Running::start(&["--epoch", "never", "--redis", &url, "--tcp", "127.0.0.1:0"]);
    let (mut operator, mut public) = (running.unix(), running.tcp());
    public.ask("{\"hello\":{\"format\":1}}\n");
    operator.send(MARKET);
    operator.receive();
    operator.receive();
    let shown = || shown(running.folder.path(), &url);
    let image = || shown().first().map_or(Value::Null, |it| it["image"].clone());
    operator.ask(&close(1));
    until("the image is there", || image()["epoch"] == 2);
    let mut lag = || operator.ask("{\"status\":{}}\n")["status"]["image_behind"].clone();
    until("the image does not lag", || lag() == 0);
    // Another process claims the market.
    let claim = ["HSET", "pricetime:dev:{1}:metadata", "term", "7", "writer", "other"];
    let _ = server.ask(&claim);
    operator.ask(&close(2));
    let mut status = || operator.ask("{\"status\":{}}\n")["status"]["fenced"].clone();
    until("it is in the status", || status()[0]["claim_writer"] == "other");
    let fenced = status();
    // On a slow machine the host may have claimed the market more than once.
    let term = fenced[0]["term"].as_u64().expect("a term");
    assert!((1..7).contains(&term), "{fenced}");
    assert_eq!(fenced, json!([{"market":1,"term":term,"claim_term":7,"claim_writer":"other"}]));
    assert_eq!(public.ask("{\"status\":{}}\n")["status"]["fenced"], Value::Null);
    until("it is in the log", || running.log().contains("pricetime redis drop 1 --yes"));
    assert_eq!(image()["epoch"], 2, "the other writer's image is unchanged");
    let dropped = redis(running.folder.path(), &url, &["drop", "1", "--yes"]);
    assert_eq!(code(&dropped), Some(0));
    until("it is written again", || status() == Value::Null);
    assert_eq!(image()["epoch"], 3);
    drop(operator);
    let (ended, log, _) = running.end();
    assert_eq!(ended, Some(0), "{log}");
}
